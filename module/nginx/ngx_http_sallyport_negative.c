
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the table of ids that the store does not know, so that
 * an unknown key costs no look-up each time it is tried.
 *
 * Entries are read without a lock and have no "seq": one that another
 * process is writing fails its sum. The id is its two hashes.
 */


#include "ngx_http_sallyport_zone.h"


typedef struct {
    uint64_t                      h[2];
    uint64_t                      asked;    /* ns, see source.h */
    uint64_t                      epoch;
    uint64_t                      sum;
} ngx_http_sallyport_negative_t;


static void ngx_http_sallyport_negative_print(
    ngx_http_sallyport_cache_id_t *cid, ngx_http_sallyport_negative_t *entry);
static uint64_t ngx_http_sallyport_negative_sum(
    ngx_http_sallyport_negative_t *entry);


ngx_uint_t
ngx_http_sallyport_negative_get(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_cache_id_t *cid, const ngx_http_sallyport_view_t *view,
    uint64_t ttl)
{
    uint64_t                       since;
    ngx_uint_t                     i;
    ngx_http_sallyport_negative_t  want, got, *set;

    ngx_http_sallyport_negative_print(cid, &want);

    set = (ngx_http_sallyport_negative_t *)
          ngx_http_sallyport_zone_set(zone, NGX_HTTP_SALLYPORT_T_NEGATIVE,
                                      want.h[0]);

    for (i = 0; i < NGX_HTTP_SALLYPORT_WAYS; i++) {
        ngx_memcpy(&got, &set[i], sizeof(got));

        if (got.h[0] == want.h[0] && got.h[1] == want.h[1]) {
            return got.sum == ngx_http_sallyport_negative_sum(&got)
                   && (int64_t) (view->now - got.asked) < (int64_t) ttl
                   && ngx_http_sallyport_fresh(view, got.epoch, got.asked,
                                               &since);
        }
    }

    return 0;
}


void
ngx_http_sallyport_negative_put(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_cache_id_t *cid, ngx_http_sallyport_answer_t *answer)
{
    ngx_uint_t                     i, best;
    ngx_http_sallyport_negative_t  entry, *set;

    ngx_http_sallyport_negative_print(cid, &entry);
    entry.asked = answer->stamp.asked;

    set = (ngx_http_sallyport_negative_t *)
          ngx_http_sallyport_zone_set(zone, NGX_HTTP_SALLYPORT_T_NEGATIVE,
                                      entry.h[0]);
    best = 0;

    ngx_shmtx_lock(&zone->shpool->mutex);

    entry.epoch = ngx_http_sallyport_answer_epoch(zone, cid->hash, answer);
    entry.sum = ngx_http_sallyport_negative_sum(&entry);

    if (entry.epoch == NGX_HTTP_SALLYPORT_E_CHANGED) {
        ngx_shmtx_unlock(&zone->shpool->mutex);
        return;
    }

    for (i = 0; i < NGX_HTTP_SALLYPORT_WAYS; i++) {

        if (set[i].h[0] == entry.h[0] && set[i].h[1] == entry.h[1]) {
            best = i;
            break;
        }

        if (set[i].asked < set[best].asked) {
            best = i;
        }
    }

    set[best] = entry;

    ngx_shmtx_unlock(&zone->shpool->mutex);
}


void
ngx_http_sallyport_negative_forget(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_cache_id_t *cid)
{
    ngx_uint_t                     i;
    ngx_http_sallyport_negative_t  entry, *set;

    ngx_http_sallyport_negative_print(cid, &entry);

    set = (ngx_http_sallyport_negative_t *)
          ngx_http_sallyport_zone_set(zone, NGX_HTTP_SALLYPORT_T_NEGATIVE,
                                      entry.h[0]);

    for (i = 0; i < NGX_HTTP_SALLYPORT_WAYS; i++) {

        if (set[i].h[0] == entry.h[0] && set[i].h[1] == entry.h[1]) {
            ngx_memzero(&set[i], sizeof(ngx_http_sallyport_negative_t));
        }
    }
}


static void
ngx_http_sallyport_negative_print(ngx_http_sallyport_cache_id_t *cid,
    ngx_http_sallyport_negative_t *entry)
{
    entry->h[0] = cid->hash;
    entry->h[1] = cid->print.h[1]
                  ^ (cid->store + cid->kind) * 0x9fb21c651e98df25ull;
}


static uint64_t
ngx_http_sallyport_negative_sum(ngx_http_sallyport_negative_t *entry)
{
    return ngx_http_sallyport_sum((u_char *) entry,
                                  offsetof(ngx_http_sallyport_negative_t,
                                           sum));
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the table of tombs: versions of records that refused.
 * When the cache needed a record's place for another, this still keeps an
 * older version of it from being believed.
 *
 * Written and read under the zone's lock. The id is its two hashes.
 */


#include "ngx_http_sallyport_zone.h"


typedef struct {
    uint64_t                      h[2];
    uint64_t                      ver;
    uint64_t                      sum;
} ngx_http_sallyport_tomb_t;


static ngx_http_sallyport_tomb_t *ngx_http_sallyport_tomb_find(
    ngx_http_sallyport_zone_t *zone, ngx_http_sallyport_cache_id_t *cid,
    ngx_http_sallyport_tomb_t *want, ngx_http_sallyport_tomb_t **set);
static uint64_t ngx_http_sallyport_tomb_sum(ngx_http_sallyport_tomb_t *tomb);


uint64_t
ngx_http_sallyport_tomb_get(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_cache_id_t *cid)
{
    ngx_http_sallyport_tomb_t  want, *tomb, *set;

    tomb = ngx_http_sallyport_tomb_find(zone, cid, &want, &set);

    return tomb != NULL ? tomb->ver : 0;
}


/* The set is kept in the order of writing: the last one is the oldest. */

void
ngx_http_sallyport_tomb_put(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_cache_id_t *cid, uint64_t ver)
{
    ngx_uint_t                  n;
    ngx_http_sallyport_tomb_t   want, *tomb, *set;

    tomb = ngx_http_sallyport_tomb_find(zone, cid, &want, &set);

    want.ver = tomb != NULL ? ngx_max(ver, tomb->ver) : ver;
    want.sum = ngx_http_sallyport_tomb_sum(&want);

    n = tomb != NULL ? (ngx_uint_t) (tomb - set)
                     : NGX_HTTP_SALLYPORT_WAYS - 1;

    for ( /* void */ ; n > 0; n--) {
        set[n] = set[n - 1];
    }

    set[0] = want;
}


static ngx_http_sallyport_tomb_t *
ngx_http_sallyport_tomb_find(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_cache_id_t *cid, ngx_http_sallyport_tomb_t *want,
    ngx_http_sallyport_tomb_t **set)
{
    ngx_uint_t                  i;
    ngx_http_sallyport_tomb_t  *tomb;

    want->h[0] = cid->hash;
    want->h[1] = cid->print.h[1]
                 ^ (cid->store + cid->kind) * 0x9fb21c651e98df25ull;

    *set = (ngx_http_sallyport_tomb_t *)
           ngx_http_sallyport_zone_set(zone, NGX_HTTP_SALLYPORT_T_TOMB,
                                       want->h[0]);

    for (i = 0; i < NGX_HTTP_SALLYPORT_WAYS; i++) {
        tomb = &(*set)[i];

        if (tomb->h[0] == want->h[0] && tomb->h[1] == want->h[1]
            && tomb->sum == ngx_http_sallyport_tomb_sum(tomb))
        {
            return tomb;
        }
    }

    return NULL;
}


static uint64_t
ngx_http_sallyport_tomb_sum(ngx_http_sallyport_tomb_t *tomb)
{
    return ngx_http_sallyport_sum((u_char *) tomb,
                                  offsetof(ngx_http_sallyport_tomb_t, sum));
}

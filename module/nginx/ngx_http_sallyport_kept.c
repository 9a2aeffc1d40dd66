
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains a worker's decoded records: copies of what it read from
 * the zone lately. A slot's number changes whenever it is written, so as long
 * as it is the one that was decoded, so is the record, and a request needs
 * neither to copy it, nor to add it up, nor to check it again.
 *
 * Requests hold what they look at: an entry in use is not written over.
 */


#include "ngx_http_sallyport_zone.h"


#define NGX_HTTP_SALLYPORT_KEPT  1024    /* of each kind; a power of two */


struct ngx_http_sallyport_kept_s {
    uint64_t                      hash;     /* 0: empty */
    uint64_t                      zone;     /* another after a new start */
    uint64_t                      store;
    ngx_http_sallyport_cached_t   cached;
    ngx_uint_t                    refs;
    void                         *record;
    size_t                        len;
    u_char                        id[SP_CUSTOMER_NAME_LEN];
};


static ngx_int_t ngx_http_sallyport_kept_create(
    ngx_http_sallyport_kind_t kind, ngx_log_t *log);
static uint64_t ngx_http_sallyport_kept_zone(ngx_http_sallyport_zone_t *zone);


/* Of this process. Pages of records that are never kept are never touched. */

static ngx_http_sallyport_kept_t
                    *ngx_http_sallyport_kept[NGX_HTTP_SALLYPORT_KINDS];
static const size_t  ngx_http_sallyport_kept_size[NGX_HTTP_SALLYPORT_KINDS] = {
    sizeof(sp_key_t), sizeof(sp_account_t), sizeof(sp_account_t)
};


ngx_int_t
ngx_http_sallyport_kept_init_process(ngx_cycle_t *cycle)
{
    ngx_int_t                  rc;
    ngx_http_sallyport_kind_t  kind;

    rc = NGX_OK;

    for (kind = 0; kind < NGX_HTTP_SALLYPORT_KINDS; kind++) {
        if (ngx_http_sallyport_kept[kind] == NULL) {
            rc |= ngx_http_sallyport_kept_create(kind, cycle->log);
        }
    }

    return rc;
}


static ngx_int_t
ngx_http_sallyport_kept_create(ngx_http_sallyport_kind_t kind, ngx_log_t *log)
{
    size_t                      size;
    u_char                     *records;
    ngx_uint_t                  i;
    ngx_http_sallyport_kept_t  *kept;

    size = ngx_align(ngx_http_sallyport_kept_size[kind],
                     NGX_HTTP_SALLYPORT_LINE);

    kept = ngx_calloc(NGX_HTTP_SALLYPORT_KEPT
                      * sizeof(ngx_http_sallyport_kept_t), log);
    records = ngx_memalign(NGX_HTTP_SALLYPORT_LINE,
                           NGX_HTTP_SALLYPORT_KEPT * size, log);

    if (kept == NULL || records == NULL) {

        if (kept != NULL) {
            ngx_free(kept);
        }

        if (records != NULL) {
            ngx_free(records);
        }

        return NGX_ERROR;
    }

    for (i = 0; i < NGX_HTTP_SALLYPORT_KEPT; i++) {
        kept[i].record = records + i * size;
    }

    ngx_http_sallyport_kept[kind] = kept;

    return NGX_OK;
}


const void *
ngx_http_sallyport_kept_get(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_cache_id_t *cid, ngx_http_sallyport_cached_t *cached)
{
    uint64_t                         asked, epoch;
    ngx_http_sallyport_kept_t       *kept;
    ngx_http_sallyport_slot_head_t  *head;

    if (ngx_http_sallyport_kept[cid->kind] == NULL) {
        return NULL;
    }

    kept = &ngx_http_sallyport_kept[cid->kind]
                            [cid->hash & (NGX_HTTP_SALLYPORT_KEPT - 1)];

    if (kept->hash != cid->hash
        || kept->zone != ngx_http_sallyport_kept_zone(zone)
        || kept->store != cid->store
        || kept->len != cid->len
        || ngx_memcmp(kept->id, cid->id, cid->len) != 0)
    {
        return NULL;
    }

    /* these first: if the number is the same after that, they are of this */

    head = (ngx_http_sallyport_slot_head_t *) ((u_char *) zone->sh
                                               + kept->cached.slot);

    asked = __atomic_load_n(&head->asked, __ATOMIC_ACQUIRE);
    epoch = __atomic_load_n(&head->epoch, __ATOMIC_ACQUIRE);

    if (__atomic_load_n(&head->seq, __ATOMIC_ACQUIRE) != kept->cached.seq) {
        return NULL;
    }

    *cached = kept->cached;
    cached->asked = asked;
    cached->epoch = epoch;

    return kept->record;
}


void *
ngx_http_sallyport_kept_room(ngx_http_sallyport_cache_id_t *cid,
    ngx_http_sallyport_kept_t **room)
{
    ngx_http_sallyport_kept_t  *kept;

    if (ngx_http_sallyport_kept[cid->kind] == NULL) {
        return NULL;
    }

    kept = &ngx_http_sallyport_kept[cid->kind]
                            [cid->hash & (NGX_HTTP_SALLYPORT_KEPT - 1)];

    if (kept->refs != 0) {
        return NULL;
    }

    kept->hash = 0;
    *room = kept;

    return kept->record;
}


void
ngx_http_sallyport_kept_set(ngx_http_sallyport_kept_t *kept,
    ngx_http_sallyport_zone_t *zone, ngx_http_sallyport_cache_id_t *cid,
    ngx_http_sallyport_cached_t *cached)
{
    cached->kept = kept;

    kept->hash = cid->hash;
    kept->zone = ngx_http_sallyport_kept_zone(zone);
    kept->store = cid->store;
    kept->cached = *cached;
    kept->len = cid->len;
    ngx_memcpy(kept->id, cid->id, cid->len);
}


/* Its random key tells a zone from one that stood at the same place before. */

static uint64_t
ngx_http_sallyport_kept_zone(ngx_http_sallyport_zone_t *zone)
{
    uint64_t  key;

    ngx_memcpy(&key, zone->sh->key, sizeof(key));

    return key;
}


void
ngx_http_sallyport_kept_hold(ngx_http_sallyport_waiter_t *waiter,
    ngx_http_sallyport_kind_t kind, ngx_http_sallyport_kept_t *kept)
{
    if (kept != NULL) {
        kept->refs++;
    }

    if (waiter->kept[kind] != NULL) {
        waiter->kept[kind]->refs--;
    }

    waiter->kept[kind] = kept;
}


void
ngx_http_sallyport_record_release(ngx_http_sallyport_waiter_t *waiter)
{
    ngx_http_sallyport_kept_hold(waiter, NGX_HTTP_SALLYPORT_KEY, NULL);
    ngx_http_sallyport_kept_hold(waiter, NGX_HTTP_SALLYPORT_ACCOUNT, NULL);
    ngx_http_sallyport_kept_hold(waiter, NGX_HTTP_SALLYPORT_CUSTOMER, NULL);
}

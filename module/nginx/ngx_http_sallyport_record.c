
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what somebody who wants a record gets: the one in the
 * zone if it is fresh; else what the store says, if it can be asked; else
 * what the one in the zone is still good for.
 */


#include "ngx_http_sallyport_store.h"


static ngx_http_sallyport_found_t ngx_http_sallyport_lookup_ask(
    ngx_http_sallyport_store_t *store, ngx_http_sallyport_cache_id_t *cid,
    const ngx_http_sallyport_view_t *view, ngx_uint_t known,
    ngx_uint_t doubted, const sp_addr_t *unit,
    ngx_http_sallyport_waiter_t *waiter);


ngx_http_sallyport_found_t
ngx_http_sallyport_record_get(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_kind_t kind, ngx_str_t *id, const sp_addr_t *unit,
    void *room, const void **record, int64_t *age_ms,
    ngx_http_sallyport_waiter_t *waiter, uint64_t now, ngx_log_t *log)
{
    uint64_t                       since;
    ngx_http_sallyport_view_t      view;
    ngx_http_sallyport_found_t     found;
    ngx_http_sallyport_result_t    old;
    ngx_http_sallyport_cached_t    cached;
    ngx_http_sallyport_cache_id_t  cid;

    if (id->len == 0
        || id->len > (kind == NGX_HTTP_SALLYPORT_CUSTOMER
                      ? SP_CUSTOMER_NAME_LEN : SP_ID_LEN))
    {
        return NGX_HTTP_SALLYPORT_INVALID;
    }

    if (store->lookups == NULL
        && (store->file == NULL || store->zone == NULL)
        && ngx_http_sallyport_store_init_process((ngx_cycle_t *) ngx_cycle,
                                                 store)
           != NGX_OK)
    {
        return NGX_HTTP_SALLYPORT_FAILED;
    }

    waiter->seen[kind].hash = 0;

    cid.store = store->tag;
    cid.kind = kind;
    cid.id = id->data;
    cid.len = id->len;

    ngx_http_sallyport_cache_id(store->zone, &cid,
                                (kind == NGX_HTTP_SALLYPORT_ACCOUNT
                                 && waiter->account.h[0] != 0)
                                ? &waiter->account : NULL);

    if (kind == NGX_HTTP_SALLYPORT_ACCOUNT) {
        waiter->account = cid.print;
    }

    if (store->file != NULL) {
        return ngx_http_sallyport_file_get(store, kind, id, room, record,
                                           age_ms, waiter);
    }

    /* the view first: why is in source.h */

    ngx_http_sallyport_view(store->source, now,
                            ngx_http_sallyport_ns(store->lease),
                            ngx_http_sallyport_ns(store->ttl), &view);

    *record = ngx_http_sallyport_cache_get(store->zone, &cid, room, &cached);

    if (*record == NULL) {
        return ngx_http_sallyport_lookup_ask(store, &cid, &view, 0, 1, unit,
                                             waiter);
    }

    ngx_http_sallyport_kept_hold(waiter, kind, cached.kept);

    if (!cached.spent
        && ngx_http_sallyport_fresh(&view, cached.epoch, cached.asked, &since))
    {
        ngx_http_sallyport_count(store->zone,
                                 NGX_HTTP_SALLYPORT_C_CACHE_HIT);
        *age_ms = ngx_http_sallyport_since(now, since);
        waiter->trust = NGX_HTTP_SALLYPORT_FRESH;
        waiter->slot = cached.slot;
        waiter->seq = cached.seq;
        waiter->seen[kind] = cached.seen;

        if (kind == NGX_HTTP_SALLYPORT_KEY) {
            waiter->account = cached.account;
        }

        return NGX_HTTP_SALLYPORT_FOUND;
    }

    found = ngx_http_sallyport_lookup_ask(store, &cid, &view, 1, cached.spent,
                                          unit, waiter);

    if (found != NGX_HTTP_SALLYPORT_WAIT) {
        ngx_http_sallyport_lookup_old(store, *record, &cached, now, found,
                                      &old);

        if (old.found == NGX_HTTP_SALLYPORT_FOUND) {
            *age_ms = old.age;
            waiter->trust = old.trust;
            return NGX_HTTP_SALLYPORT_FOUND;
        }
    }

    /* what has expired must not be taken for an answer */

    *record = NULL;
    ngx_http_sallyport_kept_hold(waiter, kind, NULL);

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, log, 0,
                   "sallyport look-up of a known id: %ui", (ngx_uint_t) found);

    return found;
}


void
ngx_http_sallyport_lookup_old(ngx_http_sallyport_store_t *store,
    const void *record, ngx_http_sallyport_cached_t *cached, uint64_t now,
    ngx_http_sallyport_found_t found, ngx_http_sallyport_result_t *result)
{
    uint64_t  since;

    result->found = found;
    result->trust = NGX_HTTP_SALLYPORT_NONE;
    result->record = NULL;
    result->age = -1;

    if (!cached->denies
        && (found != NGX_HTTP_SALLYPORT_FAILED || cached->spent
            || cached->epoch == NGX_HTTP_SALLYPORT_E_CHANGED))
    {
        return;
    }

    since = ngx_http_sallyport_source_past(store->source, cached->epoch);
    since = ngx_max(since, cached->asked);

    result->found = NGX_HTTP_SALLYPORT_FOUND;
    result->trust = cached->denies ? NGX_HTTP_SALLYPORT_STICKY
                                   : NGX_HTTP_SALLYPORT_STALE;
    result->record = record;
    result->age = ngx_http_sallyport_since(now, since);
}


void
ngx_http_sallyport_record_cancel(ngx_http_sallyport_waiter_t *waiter)
{
    if (waiter->waiting) {
        ngx_queue_remove(&waiter->queue);
        waiter->waiting = 0;
    }
}


/* "doubted": the store may have said already that there is no such record. */

static ngx_http_sallyport_found_t
ngx_http_sallyport_lookup_ask(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_cache_id_t *cid, const ngx_http_sallyport_view_t *view,
    ngx_uint_t known, ngx_uint_t doubted, const sp_addr_t *unit,
    ngx_http_sallyport_waiter_t *waiter)
{
    if (doubted
        && ngx_http_sallyport_negative_get(store->zone, cid, view,
                                           ngx_http_sallyport_ns(store->ttl)))
    {
        ngx_http_sallyport_count(store->zone,
                                 NGX_HTTP_SALLYPORT_C_NEGATIVE_HIT);
        return NGX_HTTP_SALLYPORT_MISSING;
    }

    ngx_http_sallyport_count(store->zone, NGX_HTTP_SALLYPORT_C_CACHE_MISS);

    return ngx_http_sallyport_lookup_join(store, cid, known, unit, waiter);
}

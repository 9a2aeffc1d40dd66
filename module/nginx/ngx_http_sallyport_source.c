
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what a tracker does to what all workers know of a server
 * (ngx_http_sallyport_source.h): epochs begin and end, freshness grows.
 *
 * Each step is one under the zone's lock. The word is written last: a reader
 * that sees it sees the rest.
 */


#include "ngx_http_sallyport_zone.h"

#include <signal.h>


#define NGX_HTTP_SALLYPORT_FORGOTTEN  60000000000ull   /* ns without a beat */


static void ngx_http_sallyport_source_epoch(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_source_t *source, ngx_http_sallyport_live_t live,
    ngx_http_sallyport_end_t why);
static ngx_uint_t ngx_http_sallyport_source_grace(
    ngx_http_sallyport_end_t why);
static ngx_int_t ngx_http_sallyport_source_lock(
    ngx_http_sallyport_zone_t *zone, ngx_http_sallyport_source_t *source,
    uint64_t session);


const uint64_t  ngx_http_sallyport_canary_bounds[] = {
    500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 1000000
};


ngx_http_sallyport_source_t *
ngx_http_sallyport_source_claim(ngx_http_sallyport_zone_t *zone, uint64_t tag)
{
    uint64_t                      now;
    ngx_uint_t                    i;
    ngx_http_sallyport_source_t  *source, *found;

    now = ngx_http_sallyport_clock();
    found = NULL;

    ngx_shmtx_lock(&zone->shpool->mutex);

    for (i = 0; i < NGX_HTTP_SALLYPORT_SOURCES; i++) {
        source = &zone->sh->sources[i];

        if (source->tag == tag) {
            found = source;
            break;
        }

        /* if none is free, one of a configuration that is no more */

        if ((source->tag == 0 && (found == NULL || found->tag != 0))
            || (found == NULL
                && now - source->beat > NGX_HTTP_SALLYPORT_FORGOTTEN))
        {
            found = source;
        }
    }

    if (found != NULL && found->tag != tag) {
        ngx_memzero(found, sizeof(ngx_http_sallyport_source_t));

        found->tag = tag;
        found->beat = now;

        ngx_http_sallyport_source_epoch(zone, found, NGX_HTTP_SALLYPORT_DOWN,
                                        NGX_HTTP_SALLYPORT_END_START);
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return found;
}


/* Under the lock. */

static void
ngx_http_sallyport_source_epoch(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_source_t *source, ngx_http_sallyport_live_t live,
    ngx_http_sallyport_end_t why)
{
    uint64_t  epoch, old;

    old = source->word >> 2;

    /* the first real one is above the numbers that mean something else */

    epoch = ++zone->sh->epochs + NGX_HTTP_SALLYPORT_E_NONE;

    if ((source->word & 3) == NGX_HTTP_SALLYPORT_LIVE) {
        source->past[old % NGX_HTTP_SALLYPORT_PAST].epoch = old;
        source->past[old % NGX_HTTP_SALLYPORT_PAST].fresh = source->fresh;

        if (ngx_http_sallyport_source_grace(why)) {
            source->broken_fresh = source->fresh;
            __atomic_store_n(&source->broken, old, __ATOMIC_RELEASE);
        }
    }

    if (why != NGX_HTTP_SALLYPORT_END_START
        && !ngx_http_sallyport_source_grace(why))
    {
        __atomic_store_n(&source->broken, 0, __ATOMIC_RELEASE);
    }

    source->ended[why]++;

    if (ngx_http_sallyport_mutant(zone, NGX_HTTP_SALLYPORT_M_EPOCH)
        && old != 0)
    {
        epoch = old;
    }

    __atomic_store_n(&source->word, epoch << 2 | live, __ATOMIC_RELEASE);
}


/* What was known when it ended is still known, and just as old. */

static ngx_uint_t
ngx_http_sallyport_source_grace(ngx_http_sallyport_end_t why)
{
    switch (why) {

    case NGX_HTTP_SALLYPORT_END_LOST:
    case NGX_HTTP_SALLYPORT_END_CANARY:
    case NGX_HTTP_SALLYPORT_END_QUORUM:
    case NGX_HTTP_SALLYPORT_END_ERROR:
    case NGX_HTTP_SALLYPORT_END_OWNER:
    case NGX_HTTP_SALLYPORT_END_HANDOVER:
        return 1;

    default:
        return 0;
    }
}


uint64_t
ngx_http_sallyport_source_past(ngx_http_sallyport_source_t *source,
    uint64_t epoch)
{
    ngx_uint_t  i;

    if (epoch <= NGX_HTTP_SALLYPORT_E_NONE) {
        return 0;
    }

    if (epoch == source->word >> 2) {
        return (source->word & 3) == NGX_HTTP_SALLYPORT_LIVE
               ? source->fresh : 0;
    }

    i = epoch % NGX_HTTP_SALLYPORT_PAST;

    return source->past[i].epoch == epoch ? source->past[i].fresh : 0;
}


ngx_uint_t
ngx_http_sallyport_source_trusted(ngx_http_sallyport_source_t *source,
    uint64_t now, uint64_t lease, ngx_uint_t quorum)
{
    if (source->polled) {
        return 1;
    }

    if (source->barred) {
        return 0;
    }

    /* a primary that was cut off answers, too: its replicas do not */

    return quorum == 0
           || (int64_t) (now - source->proven) <= (int64_t) lease;
}


ngx_int_t
ngx_http_sallyport_source_own(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_source_t *source, uint64_t now, uint64_t patience,
    uint64_t *session)
{
    ngx_int_t  rc;

    rc = NGX_BUSY;

    ngx_shmtx_lock(&zone->shpool->mutex);

    if (source->owner != 0
        && (int64_t) (now - source->beat) < (int64_t) patience
        && (kill(source->owner, 0) == 0 || ngx_errno != ESRCH))
    {
        goto done;
    }

    if ((source->word & 3) != NGX_HTTP_SALLYPORT_DOWN) {
        ngx_http_sallyport_source_epoch(zone, source, NGX_HTTP_SALLYPORT_DOWN,
                                        NGX_HTTP_SALLYPORT_END_OWNER);
    }

    source->owner = ngx_pid;
    source->beat = now;
    *session = ++source->session;

    rc = NGX_OK;

done:

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return rc;
}


/* Under the lock from here on, unless it returns NGX_DECLINED. */

static ngx_int_t
ngx_http_sallyport_source_lock(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_source_t *source, uint64_t session)
{
    ngx_shmtx_lock(&zone->shpool->mutex);

    if (source->owner == ngx_pid && source->session == session) {
        return NGX_OK;
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_sallyport_source_beat(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_source_t *source, uint64_t session, uint64_t now)
{
    if (ngx_http_sallyport_source_lock(zone, source, session) != NGX_OK) {
        return NGX_DECLINED;
    }

    source->beat = now;

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return NGX_OK;
}


ngx_int_t
ngx_http_sallyport_source_arm(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_source_t *source, uint64_t session, uint64_t run_id)
{
    if (ngx_http_sallyport_source_lock(zone, source, session) != NGX_OK) {
        return NGX_DECLINED;
    }

    source->run_id = run_id;
    source->polled = NGX_HTTP_SALLYPORT_TRACKED;

    ngx_http_sallyport_source_epoch(zone, source, NGX_HTTP_SALLYPORT_ARMED,
                                    NGX_HTTP_SALLYPORT_END_START);

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return NGX_OK;
}


ngx_int_t
ngx_http_sallyport_source_live(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_source_t *source, uint64_t session, uint64_t sent)
{
    if (ngx_http_sallyport_source_lock(zone, source, session) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (sent > source->fresh) {
        __atomic_store_n(&source->fresh, sent, __ATOMIC_RELEASE);
    }

    source->barred = 0;

    if ((source->word & 3) == NGX_HTTP_SALLYPORT_ARMED) {

        /* the server can be asked again, so what is old need not be used */

        __atomic_store_n(&source->broken, 0, __ATOMIC_RELEASE);
        __atomic_store_n(&source->word,
                         (source->word & ~(uint64_t) 3)
                         | NGX_HTTP_SALLYPORT_LIVE,
                         __ATOMIC_RELEASE);
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return NGX_OK;
}


ngx_int_t
ngx_http_sallyport_source_flush(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_source_t *source, uint64_t session)
{
    if (ngx_http_sallyport_source_lock(zone, source, session) != NGX_OK) {
        return NGX_DECLINED;
    }

    ngx_http_sallyport_source_epoch(zone, source, source->word & 3,
                                    NGX_HTTP_SALLYPORT_END_FLUSH);

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return NGX_OK;
}


ngx_int_t
ngx_http_sallyport_source_down(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_source_t *source, uint64_t session,
    ngx_http_sallyport_end_t why)
{
    if (ngx_http_sallyport_source_lock(zone, source, session) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (why == NGX_HTTP_SALLYPORT_END_READONLY) {
        source->barred = 1;
    }

    if ((source->word & 3) != NGX_HTTP_SALLYPORT_DOWN) {
        ngx_http_sallyport_source_epoch(zone, source, NGX_HTTP_SALLYPORT_DOWN,
                                        why);
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return NGX_OK;
}


void
ngx_http_sallyport_source_leave(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_source_t *source, uint64_t session)
{
    if (ngx_http_sallyport_source_lock(zone, source, session) != NGX_OK) {
        return;
    }

    if ((source->word & 3) != NGX_HTTP_SALLYPORT_DOWN) {
        ngx_http_sallyport_source_epoch(zone, source, NGX_HTTP_SALLYPORT_DOWN,
                                        NGX_HTTP_SALLYPORT_END_HANDOVER);
    }

    source->owner = 0;

    ngx_shmtx_unlock(&zone->shpool->mutex);
}


ngx_int_t
ngx_http_sallyport_source_meta(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_source_t *source, uint64_t dataset, uint64_t term)
{
    ngx_int_t  rc;

    rc = NGX_OK;

    ngx_shmtx_lock(&zone->shpool->mutex);

    if (term > source->term || source->dataset == 0) {

        if (source->dataset != 0 && source->dataset != dataset) {
            ngx_http_sallyport_source_epoch(zone, source, source->word & 3,
                                            NGX_HTTP_SALLYPORT_END_META);
        }

        source->dataset = dataset;
        source->term = term;

    } else if (source->dataset != dataset || source->term != term) {
        rc = NGX_DECLINED;
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return rc;
}


void
ngx_http_sallyport_source_rollback(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_source_t *source)
{
    ngx_shmtx_lock(&zone->shpool->mutex);

    source->rollbacks++;
    __atomic_store_n(&source->broken, 0, __ATOMIC_RELEASE);

    ngx_shmtx_unlock(&zone->shpool->mutex);
}

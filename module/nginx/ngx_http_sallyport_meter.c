
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the meters' shared memory: its creation, the tallies, and
 * the debits of a request, all of them or none.
 */


#include "ngx_http_sallyport_meter.h"


#define NGX_HTTP_SALLYPORT_NEVER  UINT64_MAX


static ngx_int_t ngx_http_sallyport_meter_init(ngx_shm_zone_t *shm_zone,
    void *data);
static void ngx_http_sallyport_meter_cut(ngx_http_sallyport_meters_sh_t *sh,
    size_t size);
static void ngx_http_sallyport_meter_test(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_meter_debit_t *debits, ngx_uint_t n, uint64_t now,
    int64_t today);
static uint64_t ngx_http_sallyport_meter_bucket(
    ngx_http_sallyport_meter_debit_t *debit, uint64_t now);
static uint64_t ngx_http_sallyport_meter_tally(
    ngx_http_sallyport_zone_t *zone, ngx_http_sallyport_meter_debit_t *debits,
    ngx_uint_t n, int64_t today);
static void ngx_http_sallyport_meter_debit(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_meter_debit_t *debit, uint64_t now);
static ngx_http_sallyport_tally_t *ngx_http_sallyport_tally_room(
    ngx_http_sallyport_zone_t *zone, ngx_http_sallyport_meter_debit_t *debits,
    ngx_uint_t n, int64_t today);


char *
ngx_http_sallyport_meter_create(ngx_conf_t *cf, size_t size,
    ngx_http_sallyport_zone_t *zone)
{
    ngx_str_t                      name;
    ngx_shm_zone_t                *shm_zone;
    ngx_http_sallyport_meters_t   *meters;

    meters = ngx_pcalloc(cf->pool, sizeof(ngx_http_sallyport_meters_t));
    if (meters == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_str_set(&name, "sallyport_meters");

    size = ngx_max(size / 4, NGX_HTTP_SALLYPORT_METER_MIN);

    shm_zone = ngx_shared_memory_add(cf, &name, size,
                                     &ngx_http_sallyport_module);
    if (shm_zone == NULL) {
        return NGX_CONF_ERROR;
    }

    shm_zone->init = ngx_http_sallyport_meter_init;
    shm_zone->data = meters;

    meters->shm_zone = shm_zone;
    meters->zone = zone;
    zone->meters = meters;

    return NGX_CONF_OK;
}


/* As of the zone: with old data it only looks. */

static ngx_int_t
ngx_http_sallyport_meter_init(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_http_sallyport_meters_t  *old = data;

    size_t                           size;
    ngx_slab_pool_t                 *shpool;
    ngx_http_sallyport_meters_t     *meters;
    ngx_http_sallyport_meters_sh_t  *sh;

    meters = shm_zone->data;
    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    sh = old != NULL ? old->sh
                     : shm_zone->shm.exists ? shpool->data : NULL;

    if (sh != NULL) {

        if (sh->magic != NGX_HTTP_SALLYPORT_METER_MAGIC
            || sh->layout != NGX_HTTP_SALLYPORT_METER_LAYOUT)
        {
            ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                          "sallyport: zone \"%V\" was made by another version "
                          "of the module; restart nginx instead of reloading "
                          "it", &shm_zone->shm.name);
            return NGX_ERROR;
        }

        meters->sh = sh;

        return NGX_OK;
    }

    size = (shpool->pfree - 1) * ngx_pagesize;

    sh = ngx_slab_alloc(shpool, size);
    if (sh == NULL) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "sallyport: zone \"%V\" has no %uz free bytes",
                      &shm_zone->shm.name, size);
        return NGX_ERROR;
    }

    ngx_memzero(sh, size);

    ngx_http_sallyport_meter_cut(sh, size);

    sh->size = size;
    sh->layout = NGX_HTTP_SALLYPORT_METER_LAYOUT;
    sh->magic = NGX_HTTP_SALLYPORT_METER_MAGIC;

    meters->sh = sh;

    shpool->data = sh;
    shpool->log_nomem = 0;

    return NGX_OK;
}


static void
ngx_http_sallyport_meter_cut(ngx_http_sallyport_meters_sh_t *sh, size_t size)
{
    size_t                       room, offset;
    uint64_t                     n;
    ngx_uint_t                   i;
    ngx_http_sallyport_table_t  *table;
    ngx_http_sallyport_entry_t  *entry;

    static const ngx_uint_t      shares[NGX_HTTP_SALLYPORT_M_TABLES] = {
        35, 15, 20
    };

    offset = ngx_align(sizeof(ngx_http_sallyport_meters_sh_t),
                       NGX_HTTP_SALLYPORT_LINE);
    room = size - offset;

    for (i = 0; i < NGX_HTTP_SALLYPORT_M_TABLES; i++) {
        table = &sh->tables[i];

        table->slot = i == NGX_HTTP_SALLYPORT_M_SIGNALS
                      ? sizeof(ngx_http_sallyport_signal_t)
                      : sizeof(ngx_http_sallyport_tally_t);
        table->set = NGX_HTTP_SALLYPORT_WAYS * table->slot;
        table->offset = offset;
        table->nsets = (uint32_t) (room / 100 * shares[i] / table->set);

        offset += (size_t) table->nsets * table->set;
    }

    sh->journal = offset;
    sh->nentries = (size - offset) / sizeof(ngx_http_sallyport_entry_t);
    sh->free = 0;

    for (n = 0; n < sh->nentries; n++) {
        entry = (ngx_http_sallyport_entry_t *) ((u_char *) sh + offset) + n;
        entry->next = n + 1 < sh->nentries ? n + 1 : NGX_HTTP_SALLYPORT_NOBODY;
    }
}


uint64_t
ngx_http_sallyport_meter_take(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_meter_debit_t *debits, ngx_uint_t n, ngx_uint_t test,
    ngx_uint_t *which, uint64_t *hold, ngx_http_sallyport_holding_t *held)
{
    uint64_t                         now, longest;
    ngx_uint_t                       i;
    ngx_http_sallyport_meters_sh_t  *sh;

    sh = zone->meters->sh;
    *which = 0;
    *hold = 0;
    longest = 0;
    held->serial = 0;

    ngx_http_sallyport_meter_lock(zone);

    now = ngx_http_sallyport_clock();

    ngx_http_sallyport_meter_test(zone, debits, n, now, (int64_t) ngx_time());

    for (i = 0; i < n; i++) {

        if (debits[i].full) {
            ngx_http_sallyport_redo_add(zone, &sh->full, 1);

            if (debits[i].on_full == SP_FULL_ALLOW) {
                ngx_http_sallyport_redo_add(zone, &sh->passed, 1);
                debits[i].wait = 0;
            }
        }

        if (debits[i].wait > debits[i].delay) {

            if (debits[i].wait > longest) {
                longest = debits[i].wait;
                *which = i;
            }

        } else if (debits[i].wait > *hold) {
            *hold = debits[i].wait;
        }
    }

    if (longest == 0 && !test) {

        for (i = 0; i < n; i++) {
            ngx_http_sallyport_meter_debit(zone, &debits[i], now);
        }

        if (ngx_http_sallyport_journal_open(zone, debits, n, held)
            != NGX_OK)
        {
            /* nothing is debited that could not be settled */

            zone->meters->nwords = 0;
            ngx_http_sallyport_redo_add(zone, &sh->full, 1);
            held->serial = 0;
            longest = NGX_HTTP_SALLYPORT_BEAT * (uint64_t) 1000000;
        }
    }

    if (ngx_http_sallyport_meter_unlock(zone) != NGX_OK) {
        held->serial = 0;
        longest = NGX_HTTP_SALLYPORT_NEVER;
    }

    return longest;
}


/* Sets the wait of each debit. */

static void
ngx_http_sallyport_meter_test(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_meter_debit_t *debits, ngx_uint_t n, uint64_t now,
    int64_t today)
{
    uint64_t                     wait;
    ngx_uint_t                   i, k;
    ngx_http_sallyport_debit_t   buckets[NGX_HTTP_SALLYPORT_DEBITS_MAX];

    for (i = 0, k = 0; i < n; i++) {
        debits[i].wait = 0;
        debits[i].full = 0;
        debits[i].tally = NULL;
        debits[i].bucket.bucket = NULL;

        if (debits[i].cost == 0) {
            continue;
        }

        if (debits[i].window != SP_WINDOW_RATE) {
            debits[i].wait = ngx_http_sallyport_meter_tally(zone, debits, i,
                                                            today);
            continue;
        }

        buckets[k] = debits[i].bucket;
        wait = ngx_http_sallyport_bucket_find(zone, buckets, k, now);
        debits[i].bucket.bucket = buckets[k++].bucket;

        if (debits[i].bucket.bucket == NULL) {
            debits[i].full = 1;
            debits[i].wait = wait;

        } else {
            debits[i].wait = ngx_http_sallyport_meter_bucket(&debits[i], now);
        }
    }
}


static uint64_t
ngx_http_sallyport_meter_bucket(ngx_http_sallyport_meter_debit_t *debit,
    uint64_t now)
{
    uint64_t                      tat, wait;
    ngx_http_sallyport_bucket_t  *bucket;

    bucket = debit->bucket.bucket;

    /* more than the burst never has room */

    if (debit->bucket.interval == 0) {
        return NGX_HTTP_SALLYPORT_NEVER;
    }

    tat = ngx_memcmp(bucket->h, debit->bucket.print.h, sizeof(bucket->h)) == 0
          ? bucket->tat : 0;

    wait = sp_gcra(tat, now, debit->bucket.interval, debit->bucket.tolerance,
                   &debit->bucket.next);

    if (wait != 0 && wait <= debit->delay) {

        /* held for as long as it waits, it comes when there is room */

        debit->bucket.next = tat + debit->bucket.interval;
    }

    return wait;
}


/* The wait of debits[n]: up to the end of a window nobody gives back. */

static uint64_t
ngx_http_sallyport_meter_tally(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_meter_debit_t *debits, ngx_uint_t n, int64_t today)
{
    uint64_t                           used;
    ngx_http_sallyport_tally_t        *tally;
    ngx_http_sallyport_meter_debit_t  *debit;

    debit = &debits[n];
    tally = ngx_http_sallyport_tally_room(zone, debits, n, today);
    debit->tally = tally;

    if (tally == NULL) {
        debit->full = 1;
        return 1000000000;
    }

    used = (tally->h[0] == debit->bucket.print.h[0]
            && tally->h[1] == debit->bucket.print.h[1]
            && tally->until > today)
           ? tally->value : 0;

    if (used <= debit->limit && debit->cost <= debit->limit - used) {
        return 0;
    }

    if (debit->window == SP_WINDOW_OPEN) {
        return 1000000000;
    }

    return debit->cost > debit->limit
           ? NGX_HTTP_SALLYPORT_NEVER
           : (uint64_t) (debit->until - today) * 1000000000;
}


/*
 * The tally of debits[n], or an idle one that no debit before it took over; of
 * the two sets that its print names, that with the most of them.
 */

static ngx_http_sallyport_tally_t *
ngx_http_sallyport_tally_room(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_meter_debit_t *debits, ngx_uint_t n, int64_t today)
{
    ngx_uint_t                       i, j, k, idle, most;
    const uint64_t                  *h;
    ngx_http_sallyport_tally_t      *set, *found, *best;
    ngx_http_sallyport_meters_sh_t  *sh;

    sh = zone->meters->sh;
    h = debits[n].bucket.print.h;
    best = NULL;
    most = 0;

    for (k = 0; k < 2; k++) {
        set = (ngx_http_sallyport_tally_t *)
              ngx_http_sallyport_meter_set(sh, debits[n].other
                                           ? NGX_HTTP_SALLYPORT_M_OTHER
                                           : NGX_HTTP_SALLYPORT_M_ACCOUNT,
                                           h[k]);
        found = NULL;
        idle = 0;

        for (i = 0; i < NGX_HTTP_SALLYPORT_WAYS; i++) {

            for (j = 0; j < n && debits[j].tally != &set[i]; j++) {
                /* void */
            }

            if (j != n) {
                continue;
            }

            if (set[i].h[0] == h[0] && set[i].h[1] == h[1]) {
                return &set[i];
            }

            if (set[i].until <= today) {
                found = found != NULL ? found : &set[i];
                idle++;
            }
        }

        if (idle > most) {
            best = found;
            most = idle;
        }
    }

    return best;
}


ngx_http_sallyport_tally_t *
ngx_http_sallyport_tally_find(ngx_http_sallyport_zone_t *zone,
    ngx_uint_t other, const uint64_t h[2])
{
    ngx_uint_t                   i, k;
    ngx_http_sallyport_tally_t  *set;

    for (k = 0; k < 2; k++) {
        set = (ngx_http_sallyport_tally_t *)
              ngx_http_sallyport_meter_set(zone->meters->sh,
                                           other ? NGX_HTTP_SALLYPORT_M_OTHER
                                           : NGX_HTTP_SALLYPORT_M_ACCOUNT,
                                           h[k]);

        for (i = 0; i < NGX_HTTP_SALLYPORT_WAYS; i++) {
            if (set[i].h[0] == h[0] && set[i].h[1] == h[1]) {
                return &set[i];
            }
        }
    }

    return NULL;
}


static void
ngx_http_sallyport_meter_debit(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_meter_debit_t *debit, uint64_t now)
{
    uint64_t                      used;
    ngx_http_sallyport_tally_t   *tally;
    ngx_http_sallyport_bucket_t  *bucket;

    if (debit->cost == 0 || debit->full) {
        return;
    }

    if (debit->window == SP_WINDOW_RATE) {
        bucket = debit->bucket.bucket;

        ngx_http_sallyport_redo(zone, &bucket->tat,
                                ngx_max(debit->bucket.next, now));
        ngx_http_sallyport_redo(zone, &bucket->h[0],
                                debit->bucket.print.h[0]);
        ngx_http_sallyport_redo(zone, &bucket->h[1],
                                debit->bucket.print.h[1]);
        return;
    }

    tally = debit->tally;

    used = (tally->h[0] == debit->bucket.print.h[0]
            && tally->h[1] == debit->bucket.print.h[1]
            && tally->until > (int64_t) ngx_time())
           ? tally->value : 0;

    ngx_http_sallyport_redo(zone, &tally->value, used + debit->cost);
    ngx_http_sallyport_redo(zone, &tally->until, (uint64_t) debit->until);
    ngx_http_sallyport_redo(zone, &tally->h[0], debit->bucket.print.h[0]);
    ngx_http_sallyport_redo(zone, &tally->h[1], debit->bucket.print.h[1]);
}

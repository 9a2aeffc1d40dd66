
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains look-ups: one per id and worker asks the store, and all
 * who want that id wait for it; who comes after the record changed waits for
 * another.
 *
 * What a look-up may cost is bounded: their number, the number and rate of
 * those for keys that the zone does not know, and the time that anybody
 * waits. Past a bound the answer is FAILED, at once.
 */


#include "ngx_http_sallyport_store.h"


static ngx_int_t ngx_http_sallyport_lookup_admit(
    ngx_http_sallyport_store_t *store, ngx_http_sallyport_cache_id_t *cid,
    const sp_addr_t *unit, ngx_http_sallyport_waiter_t *waiter);
static ngx_http_sallyport_lookup_t *ngx_http_sallyport_lookup_find(
    ngx_http_sallyport_store_t *store, ngx_http_sallyport_cache_id_t *cid);
static ngx_http_sallyport_lookup_t *ngx_http_sallyport_lookup_create(
    ngx_http_sallyport_store_t *store, ngx_http_sallyport_cache_id_t *cid,
    ngx_uint_t known);
static void ngx_http_sallyport_lookup_again(
    ngx_http_sallyport_store_t *store, ngx_http_sallyport_lookup_t *lookup,
    const ngx_http_sallyport_result_t *result);
static void ngx_http_sallyport_lookup_wake(ngx_queue_t *waiters,
    const ngx_http_sallyport_result_t *result);
static void ngx_http_sallyport_lookup_deadline_handler(ngx_event_t *ev);


ngx_int_t
ngx_http_sallyport_lookup_init(ngx_http_sallyport_store_t *store,
    ngx_cycle_t *cycle)
{
    ngx_uint_t                    i;
    ngx_http_sallyport_lookup_t  *lookups;

    lookups = ngx_pcalloc(cycle->pool, NGX_HTTP_SALLYPORT_LOOKUPS
                                       * sizeof(ngx_http_sallyport_lookup_t));
    if (lookups == NULL) {
        return NGX_ERROR;
    }

    ngx_queue_init(&store->idle);
    ngx_queue_init(&store->known);
    ngx_queue_init(&store->unknown);
    ngx_queue_init(&store->doubted);
    ngx_queue_init(&store->active);

    for (i = 0; i < NGX_HTTP_SALLYPORT_LOOKUPS; i++) {
        ngx_queue_init(&lookups[i].waiters);
        ngx_queue_init(&lookups[i].joiners);
        ngx_queue_insert_tail(&store->idle, &lookups[i].queue);
    }

    store->deadline.handler = ngx_http_sallyport_lookup_deadline_handler;
    store->deadline.data = store;
    store->deadline.log = cycle->log;

    store->lookups = lookups;

    return NGX_OK;
}


ngx_http_sallyport_found_t
ngx_http_sallyport_lookup_join(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_cache_id_t *cid, ngx_uint_t known,
    const sp_addr_t *unit, ngx_http_sallyport_waiter_t *waiter)
{
    ngx_queue_t                  *queue;
    ngx_http_sallyport_lookup_t  *lookup;

    /* an account is looked up only for a key that was found: it has a name */

    known = known || cid->kind == NGX_HTTP_SALLYPORT_ACCOUNT;

    if (store->redis.failures != 0) {
        goto refused;
    }

    lookup = ngx_http_sallyport_lookup_find(store, cid);

    if (lookup == NULL) {

        if (ngx_queue_empty(&store->idle)
            || (!known
                && ngx_http_sallyport_lookup_admit(store, cid, unit, waiter)
                   != NGX_OK))
        {
            goto refused;
        }

        lookup = ngx_http_sallyport_lookup_create(store, cid, known);

        ngx_http_sallyport_redis_want(&store->redis);
        ngx_http_sallyport_lookup_pump(store);

    } else if (lookup->late) {
        goto refused;
    }

    /* whoever comes after a change must not get what was before it */

    queue = lookup->state != NGX_HTTP_SALLYPORT_L_QUEUED
            && ngx_http_sallyport_outdated(store->zone, store->source,
                                           cid->hash, &lookup->stamp)
            ? &lookup->joiners : &lookup->waiters;

    waiter->waiting = 1;
    ngx_queue_insert_tail(queue, &waiter->queue);

    return NGX_HTTP_SALLYPORT_WAIT;

refused:

    ngx_http_sallyport_count(store->zone,
                             NGX_HTTP_SALLYPORT_C_LOOKUP_REFUSED);

    return NGX_HTTP_SALLYPORT_FAILED;
}


/*
 * A key that the zone does not know may be made up: these have a rate. So may
 * the name of a customer be: there it is the reseller's, of whom a tenth of
 * all look-ups is thought to be enough.
 */

static ngx_int_t
ngx_http_sallyport_lookup_admit(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_cache_id_t *cid, const sp_addr_t *unit,
    ngx_http_sallyport_waiter_t *waiter)
{
    ngx_uint_t                  rate;
    ngx_uint_t                  n, which;
    ngx_http_sallyport_debit_t  debits[2];
    struct {
        uint64_t                tag;
        sp_addr_t               unit;
        ngx_http_sallyport_print_t
                                account;
    } name;

    if (store->nunknown >= NGX_HTTP_SALLYPORT_UNKNOWN) {
        return NGX_DECLINED;
    }

    ngx_memzero(&name, sizeof(name));
    ngx_memzero(debits, sizeof(debits));

    name.tag = store->tag;

    debits[0].table = NGX_HTTP_SALLYPORT_T_IDENTITY;
    debits[0].interval = 1000000000 / store->total_rate;
    debits[0].tolerance = debits[0].interval * (store->total_rate / 5);

    ngx_http_sallyport_print(store->zone, &name.tag, sizeof(name.tag),
                             &debits[0].print);
    n = 1;

    if (cid->kind == NGX_HTTP_SALLYPORT_CUSTOMER) {
        rate = ngx_max(store->total_rate / 10, 1);
        name.account = waiter->account;

        debits[1].table = NGX_HTTP_SALLYPORT_T_LOOKUP;
        debits[1].interval = 1000000000 / rate;
        debits[1].tolerance = debits[1].interval * (rate - 1);

        ngx_http_sallyport_print(store->zone, &name, sizeof(name),
                                 &debits[1].print);
        n = 2;

    } else if (unit != NULL) {
        name.unit = *unit;

        debits[1].table = NGX_HTTP_SALLYPORT_T_LOOKUP;
        debits[1].interval = 1000000000 / store->unit_rate;
        debits[1].tolerance = debits[1].interval * (store->unit_burst - 1);

        ngx_http_sallyport_print(store->zone, &name, sizeof(name),
                                 &debits[1].print);
        n = 2;
    }

    return ngx_http_sallyport_take(store->zone, debits, n, 0, &which) == 0
           ? NGX_OK : NGX_DECLINED;
}


static ngx_http_sallyport_lookup_t *
ngx_http_sallyport_lookup_find(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_cache_id_t *cid)
{
    ngx_http_sallyport_lookup_t  *lookup;

    lookup = store->chains[cid->hash % NGX_HTTP_SALLYPORT_CHAINS];

    while (lookup != NULL) {

        if (lookup->cid.hash == cid->hash
            && lookup->cid.kind == cid->kind
            && lookup->cid.len == cid->len
            && ngx_memcmp(lookup->id, cid->id, cid->len) == 0)
        {
            return lookup;
        }

        lookup = lookup->next;
    }

    return NULL;
}


static ngx_http_sallyport_lookup_t *
ngx_http_sallyport_lookup_create(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_cache_id_t *cid, ngx_uint_t known)
{
    ngx_queue_t                   *q;
    ngx_http_sallyport_lookup_t   *lookup, **chain;

    q = ngx_queue_head(&store->idle);
    ngx_queue_remove(q);

    lookup = ngx_queue_data(q, ngx_http_sallyport_lookup_t, queue);

    lookup->cid = *cid;
    lookup->cid.id = lookup->id;
    ngx_memcpy(lookup->id, cid->id, cid->len);

    lookup->state = NGX_HTTP_SALLYPORT_L_QUEUED;
    lookup->started = ngx_current_msec;
    lookup->unknown = !known;
    lookup->late = 0;
    lookup->again = 0;

    if (lookup->unknown) {
        store->nunknown++;
    }

    chain = &store->chains[cid->hash % NGX_HTTP_SALLYPORT_CHAINS];
    lookup->next = *chain;
    *chain = lookup;

    ngx_queue_insert_tail(known ? &store->known : &store->unknown,
                          &lookup->queue);
    ngx_queue_insert_tail(&store->active, &lookup->active);

    if (!store->deadline.timer_set) {
        ngx_add_timer(&store->deadline, store->timeout);
    }

    return lookup;
}


/* Sends what waits for its turn: ids that the zone knows come first. */

void
ngx_http_sallyport_lookup_pump(ngx_http_sallyport_store_t *store)
{
    ngx_queue_t                  *q;
    ngx_http_sallyport_lookup_t  *lookup;

    while (store->redis.state == NGX_HTTP_SALLYPORT_R_READY) {

        if (!ngx_queue_empty(&store->known)) {
            q = ngx_queue_head(&store->known);

        } else if (!ngx_queue_empty(&store->unknown)) {
            q = ngx_queue_head(&store->unknown);

        } else {
            return;
        }

        lookup = ngx_queue_data(q, ngx_http_sallyport_lookup_t, queue);

        ngx_http_sallyport_stamp(store->zone, store->source,
                                 lookup->cid.hash, &lookup->stamp);

        if (ngx_http_sallyport_redis_send(&store->redis,
                                          NGX_HTTP_SALLYPORT_CMD_RECORD,
                                          lookup)
            != NGX_OK)
        {
            return;
        }

        ngx_queue_remove(q);

        lookup->state = NGX_HTTP_SALLYPORT_L_SENT;

        ngx_http_sallyport_count(store->zone, NGX_HTTP_SALLYPORT_C_LOOKUP);
    }
}


/* Ends a look-up that has no place on the wire any more. */

void
ngx_http_sallyport_lookup_finish(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_lookup_t *lookup,
    const ngx_http_sallyport_result_t *result)
{
    ngx_http_sallyport_lookup_t  **link;

    if (lookup->state != NGX_HTTP_SALLYPORT_L_SENT) {
        ngx_queue_remove(&lookup->queue);
    }

    if (!lookup->late) {
        ngx_queue_remove(&lookup->active);
    }

    if (!ngx_queue_empty(&lookup->joiners)
        && result->found != NGX_HTTP_SALLYPORT_FAILED
        && lookup->again < NGX_HTTP_SALLYPORT_AGAIN)
    {
        ngx_http_sallyport_lookup_again(store, lookup, result);
        return;
    }

    link = &store->chains[lookup->cid.hash % NGX_HTTP_SALLYPORT_CHAINS];

    while (*link != lookup) {
        link = &(*link)->next;
    }

    *link = lookup->next;

    lookup->state = NGX_HTTP_SALLYPORT_L_FREE;

    if (lookup->unknown) {
        store->nunknown--;
    }

    if (ngx_queue_empty(&store->active) && store->deadline.timer_set) {
        ngx_del_timer(&store->deadline);
    }

    if (result->found == NGX_HTTP_SALLYPORT_FAILED && !lookup->late) {
        ngx_http_sallyport_count(store->zone,
                                 NGX_HTTP_SALLYPORT_C_LOOKUP_FAILED);
    }

    ngx_http_sallyport_lookup_wake(&lookup->waiters, result);
    ngx_http_sallyport_lookup_wake(&lookup->joiners, result);

    ngx_queue_insert_tail(&store->idle, &lookup->queue);
}


/* Those who came before the change are told; the others' turn begins now. */

static void
ngx_http_sallyport_lookup_again(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_lookup_t *lookup,
    const ngx_http_sallyport_result_t *result)
{
    ngx_queue_t  told;

    ngx_queue_init(&told);

    if (!ngx_queue_empty(&lookup->waiters)) {
        ngx_queue_add(&told, &lookup->waiters);
    }

    ngx_queue_init(&lookup->waiters);
    ngx_queue_add(&lookup->waiters, &lookup->joiners);
    ngx_queue_init(&lookup->joiners);

    lookup->again++;
    lookup->started = ngx_current_msec;
    lookup->state = NGX_HTTP_SALLYPORT_L_QUEUED;

    ngx_queue_insert_tail(&store->known, &lookup->queue);
    ngx_queue_insert_tail(&store->active, &lookup->active);

    if (!store->deadline.timer_set) {
        ngx_add_timer(&store->deadline, store->timeout);
    }

    ngx_http_sallyport_lookup_wake(&told, result);
}


/* A handler may cancel other waiters, or start look-ups. */

static void
ngx_http_sallyport_lookup_wake(ngx_queue_t *waiters,
    const ngx_http_sallyport_result_t *result)
{
    ngx_queue_t                  *q;
    ngx_http_sallyport_waiter_t  *waiter;

    while (!ngx_queue_empty(waiters)) {
        q = ngx_queue_head(waiters);
        ngx_queue_remove(q);

        waiter = ngx_queue_data(q, ngx_http_sallyport_waiter_t, queue);
        waiter->waiting = 0;
        waiter->trust = result->trust;

        waiter->handler(waiter, result->found, result->record, result->age);
    }
}


/*
 * The store cannot be asked, or cannot be believed. A look-up that is on the
 * wire stays there, without anybody waiting for it.
 */

void
ngx_http_sallyport_lookup_fail(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_lookup_t *lookup, ngx_uint_t keep)
{
    const void                   *record;
    ngx_http_sallyport_record_t   room;
    ngx_http_sallyport_cached_t   cached;
    ngx_http_sallyport_result_t   result;

    record = ngx_http_sallyport_cache_get(store->zone, &lookup->cid, &room,
                                          &cached);

    if (record == NULL) {
        ngx_memzero(&cached, sizeof(ngx_http_sallyport_cached_t));
    }

    ngx_http_sallyport_lookup_old(store, record, &cached,
                                  ngx_http_sallyport_clock(),
                                  NGX_HTTP_SALLYPORT_FAILED, &result);

    if (!keep) {
        lookup->again = NGX_HTTP_SALLYPORT_AGAIN;
        ngx_http_sallyport_lookup_finish(store, lookup, &result);
        return;
    }

    lookup->late = 1;
    ngx_queue_remove(&lookup->active);

    ngx_http_sallyport_count(store->zone,
                             NGX_HTTP_SALLYPORT_C_LOOKUP_FAILED);

    ngx_http_sallyport_lookup_wake(&lookup->waiters, &result);
    ngx_http_sallyport_lookup_wake(&lookup->joiners, &result);
}


void
ngx_http_sallyport_lookup_lost(ngx_http_sallyport_store_t *store)
{
    ngx_uint_t                    i;
    ngx_http_sallyport_lookup_t  *lookup;

    for (i = 0; i < NGX_HTTP_SALLYPORT_LOOKUPS; i++) {
        lookup = &store->lookups[i];

        if (lookup->state != NGX_HTTP_SALLYPORT_L_FREE) {
            ngx_http_sallyport_lookup_fail(store, lookup, 0);
        }
    }
}


static void
ngx_http_sallyport_lookup_deadline_handler(ngx_event_t *ev)
{
    ngx_queue_t                  *q;
    ngx_msec_int_t                left;
    ngx_http_sallyport_store_t   *store;
    ngx_http_sallyport_lookup_t  *lookup;

    store = ev->data;

    while (!ngx_queue_empty(&store->active)) {
        q = ngx_queue_head(&store->active);
        lookup = ngx_queue_data(q, ngx_http_sallyport_lookup_t, active);

        left = (ngx_msec_int_t) (lookup->started + store->timeout
                                 - ngx_current_msec);
        if (left > 0) {
            ngx_add_timer(ev, (ngx_msec_t) left);
            return;
        }

        ngx_http_sallyport_lookup_fail(store, lookup,
                          lookup->state != NGX_HTTP_SALLYPORT_L_QUEUED);
    }
}

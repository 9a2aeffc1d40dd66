
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains look-ups: who waits for which record. An answer comes
 * from the zone if it is fresh; otherwise one look-up per id and worker asks
 * the store, and all who want that id wait for it.
 *
 * What a look-up may cost is bounded: their number, the number and rate of
 * those for keys that the zone does not know, and the time that anybody
 * waits. Past a bound the answer is FAILED, at once. A record that denies is
 * obeyed however old it is when the store cannot be asked.
 */


#include "ngx_http_sallyport_store.h"


static ngx_http_sallyport_found_t ngx_http_sallyport_lookup_ask(
    ngx_http_sallyport_store_t *store, ngx_http_sallyport_cache_id_t *cid,
    ngx_uint_t known, ngx_uint_t doubted, const sp_addr_t *unit,
    ngx_http_sallyport_waiter_t *waiter);
static ngx_http_sallyport_found_t ngx_http_sallyport_lookup_join(
    ngx_http_sallyport_store_t *store, ngx_http_sallyport_cache_id_t *cid,
    ngx_uint_t known, const sp_addr_t *unit,
    ngx_http_sallyport_waiter_t *waiter);
static ngx_int_t ngx_http_sallyport_lookup_admit(
    ngx_http_sallyport_store_t *store, ngx_http_sallyport_cache_id_t *cid,
    const sp_addr_t *unit, ngx_http_sallyport_waiter_t *waiter);
static ngx_http_sallyport_lookup_t *ngx_http_sallyport_lookup_find(
    ngx_http_sallyport_store_t *store, ngx_http_sallyport_cache_id_t *cid);
static ngx_http_sallyport_lookup_t *ngx_http_sallyport_lookup_create(
    ngx_http_sallyport_store_t *store, ngx_http_sallyport_cache_id_t *cid,
    ngx_uint_t known);
static void ngx_http_sallyport_lookup_wake(
    ngx_http_sallyport_lookup_t *lookup, ngx_http_sallyport_found_t found,
    const void *record, int64_t age);
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
        ngx_queue_insert_tail(&store->idle, &lookups[i].queue);
    }

    store->deadline.handler = ngx_http_sallyport_lookup_deadline_handler;
    store->deadline.data = store;
    store->deadline.log = cycle->log;

    store->lookups = lookups;

    return NGX_OK;
}


ngx_http_sallyport_found_t
ngx_http_sallyport_record_get(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_kind_t kind, ngx_str_t *id, const sp_addr_t *unit,
    void *room, const void **record, int64_t *age_ms,
    ngx_http_sallyport_waiter_t *waiter, ngx_log_t *log)
{
    ngx_uint_t                     known;
    ngx_http_sallyport_found_t     found;
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

    *record = ngx_http_sallyport_cache_get(store->zone, &cid, room, &cached);
    known = (*record != NULL);

    if (known) {
        ngx_http_sallyport_kept_hold(waiter, kind, cached.kept);
    }

    if (known && !cached.spent && cached.age < (int64_t) store->ttl) {
        ngx_http_sallyport_count(store->zone,
                                 NGX_HTTP_SALLYPORT_C_CACHE_HIT);
        *age_ms = cached.age;
        waiter->slot = cached.slot;
        waiter->seq = cached.seq;
        waiter->seen[kind] = cached.seen;

        if (kind == NGX_HTTP_SALLYPORT_KEY) {
            waiter->account = cached.account;
        }

        return NGX_HTTP_SALLYPORT_FOUND;
    }

    found = ngx_http_sallyport_lookup_ask(store, &cid, known,
                                          !known || cached.spent, unit,
                                          waiter);

    if (known) {

        if (found != NGX_HTTP_SALLYPORT_WAIT && cached.denies) {
            *age_ms = cached.age;
            return NGX_HTTP_SALLYPORT_FOUND;
        }

        /* what has expired must not be taken for an answer */

        *record = NULL;
        ngx_http_sallyport_kept_hold(waiter, kind, NULL);
    }

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, log, 0,
                   "sallyport look-up, known: %ui, result: %ui",
                   known, (ngx_uint_t) found);

    return found;
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
    ngx_http_sallyport_cache_id_t *cid, ngx_uint_t known, ngx_uint_t doubted,
    const sp_addr_t *unit, ngx_http_sallyport_waiter_t *waiter)
{
    if (doubted && ngx_http_sallyport_negative_get(store->zone, cid,
                                                   store->ttl))
    {
        ngx_http_sallyport_count(store->zone,
                                 NGX_HTTP_SALLYPORT_C_NEGATIVE_HIT);
        return NGX_HTTP_SALLYPORT_MISSING;
    }

    ngx_http_sallyport_count(store->zone, NGX_HTTP_SALLYPORT_C_CACHE_MISS);

    return ngx_http_sallyport_lookup_join(store, cid, known, unit, waiter);
}


/* WAIT, or FAILED if the look-up is refused. */

static ngx_http_sallyport_found_t
ngx_http_sallyport_lookup_join(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_cache_id_t *cid, ngx_uint_t known,
    const sp_addr_t *unit, ngx_http_sallyport_waiter_t *waiter)
{
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

    waiter->waiting = 1;
    ngx_queue_insert_tail(&lookup->waiters, &waiter->queue);

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

        if (ngx_http_sallyport_redis_send(&store->redis,
                                          NGX_HTTP_SALLYPORT_CMD_RECORD,
                                          lookup)
            != NGX_OK)
        {
            return;
        }

        ngx_queue_remove(q);

        lookup->state = NGX_HTTP_SALLYPORT_L_SENT;
        lookup->sent = ngx_current_msec;

        ngx_http_sallyport_count(store->zone, NGX_HTTP_SALLYPORT_C_LOOKUP);
    }
}


/* Ends a look-up that has no place on the wire any more. */

void
ngx_http_sallyport_lookup_finish(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_lookup_t *lookup, ngx_http_sallyport_found_t found,
    const void *record, int64_t age)
{
    ngx_http_sallyport_lookup_t  **link;

    link = &store->chains[lookup->cid.hash % NGX_HTTP_SALLYPORT_CHAINS];

    while (*link != lookup) {
        link = &(*link)->next;
    }

    *link = lookup->next;

    if (lookup->state != NGX_HTTP_SALLYPORT_L_SENT) {
        ngx_queue_remove(&lookup->queue);
    }

    lookup->state = NGX_HTTP_SALLYPORT_L_FREE;

    if (lookup->unknown) {
        store->nunknown--;
    }

    if (!lookup->late) {
        ngx_queue_remove(&lookup->active);
    }

    if (ngx_queue_empty(&store->active) && store->deadline.timer_set) {
        ngx_del_timer(&store->deadline);
    }

    if (found == NGX_HTTP_SALLYPORT_FAILED && !lookup->late) {
        ngx_http_sallyport_count(store->zone,
                                 NGX_HTTP_SALLYPORT_C_LOOKUP_FAILED);
    }

    ngx_http_sallyport_lookup_wake(lookup, found, record, age);

    ngx_queue_insert_tail(&store->idle, &lookup->queue);
}


/* A handler may cancel other waiters, or start look-ups. */

static void
ngx_http_sallyport_lookup_wake(ngx_http_sallyport_lookup_t *lookup,
    ngx_http_sallyport_found_t found, const void *record, int64_t age)
{
    ngx_queue_t                  *q;
    ngx_http_sallyport_waiter_t  *waiter;

    while (!ngx_queue_empty(&lookup->waiters)) {
        q = ngx_queue_head(&lookup->waiters);
        ngx_queue_remove(q);

        waiter = ngx_queue_data(q, ngx_http_sallyport_waiter_t, queue);
        waiter->waiting = 0;

        waiter->handler(waiter, found, record, age);
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
    int64_t                       age;
    const void                   *record, *cache;
    ngx_http_sallyport_found_t    found;
    ngx_http_sallyport_record_t   old;
    ngx_http_sallyport_cached_t   cached;

    age = -1;
    record = NULL;
    found = NGX_HTTP_SALLYPORT_FAILED;

    cache = ngx_http_sallyport_cache_get(store->zone, &lookup->cid, &old,
                                         &cached);

    if (cache != NULL && cached.denies) {
        age = cached.age;
        record = cache;
        found = NGX_HTTP_SALLYPORT_FOUND;
    }

    if (!keep) {
        ngx_http_sallyport_lookup_finish(store, lookup, found, record, age);
        return;
    }

    lookup->late = 1;
    ngx_queue_remove(&lookup->active);

    ngx_http_sallyport_count(store->zone,
                             NGX_HTTP_SALLYPORT_C_LOOKUP_FAILED);

    ngx_http_sallyport_lookup_wake(lookup, found, record, age);
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

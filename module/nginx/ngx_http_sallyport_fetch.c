
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what becomes of a store's reply to a look-up: a record
 * for those who wait and for the zone, or the reason why there is none.
 */


#include "ngx_http_sallyport_control.h"
#include "ngx_http_sallyport_store.h"


static void ngx_http_sallyport_record_error(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_lookup_t *lookup, ngx_http_sallyport_reply_t *reply);
static void ngx_http_sallyport_record_invalid(
    ngx_http_sallyport_store_t *store, ngx_http_sallyport_lookup_t *lookup,
    const char *field, const char *why);
static void ngx_http_sallyport_record_take(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_lookup_t *lookup, ngx_http_sallyport_record_t *record);
static void ngx_http_sallyport_record_back(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_lookup_t *lookup, const char *what);
static void ngx_http_sallyport_record_missing(
    ngx_http_sallyport_store_t *store, ngx_http_sallyport_lookup_t *lookup);
static void ngx_http_sallyport_data_answer(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_lookup_t *lookup, ngx_http_sallyport_answer_t *answer);
static ngx_uint_t ngx_http_sallyport_data_trusted(
    ngx_http_sallyport_store_t *store, uint64_t now);
static ngx_uint_t ngx_http_sallyport_data_wanted(
    ngx_http_sallyport_redis_t *redis);
static const char *ngx_http_sallyport_data_ready(
    ngx_http_sallyport_redis_t *redis);
static const char *ngx_http_sallyport_data_reply(
    ngx_http_sallyport_redis_t *redis, ngx_http_sallyport_wire_t *wire,
    ngx_http_sallyport_reply_t *reply);
static void ngx_http_sallyport_data_lost(ngx_http_sallyport_redis_t *redis,
    const char *why);


/* At most one connect a second. */

const ngx_http_sallyport_redis_kind_t  ngx_http_sallyport_redis_data = {
    "data",
    1000,
    1000,
    ngx_http_sallyport_data_wanted,
    ngx_http_sallyport_data_ready,
    ngx_http_sallyport_data_reply,
    NULL,
    ngx_http_sallyport_data_lost
};


/* Requests that wait are answered before their worker ends. */

static ngx_uint_t
ngx_http_sallyport_data_wanted(ngx_http_sallyport_redis_t *redis)
{
    return !ngx_exiting || !ngx_queue_empty(&redis->store->active);
}


static const char *
ngx_http_sallyport_data_ready(ngx_http_sallyport_redis_t *redis)
{
    if (redis->failures != 0) {
        redis->said.once = 0;
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "sallyport: store \"%V\" answers again",
                      redis->label);
    }

    redis->failures = 0;

    /* the blocks are asked for before the first record is */

    ngx_http_sallyport_block_ready(redis->store);
    ngx_http_sallyport_lookup_sure(redis->store);
    ngx_http_sallyport_lookup_pump(redis->store);
    ngx_http_sallyport_tracker_wake(redis->store);

    return NULL;
}


static const char *
ngx_http_sallyport_data_reply(ngx_http_sallyport_redis_t *redis,
    ngx_http_sallyport_wire_t *wire, ngx_http_sallyport_reply_t *reply)
{
    if (wire->command == NGX_HTTP_SALLYPORT_CMD_BLOCK) {
        return ngx_http_sallyport_block_reply(redis->store, reply);
    }

    if ((reply->type == NGX_HTTP_SALLYPORT_REPLY_ARRAY
         && reply->n > 2 * NGX_HTTP_SALLYPORT_FIELDS)
        || ngx_http_sallyport_lookup_reply(redis->store, wire->data, reply)
           != NGX_OK)
    {
        return "sent a reply of another kind";
    }

    ngx_http_sallyport_lookup_pump(redis->store);

    return NULL;
}


static void
ngx_http_sallyport_data_lost(ngx_http_sallyport_redis_t *redis,
    const char *why)
{
    ngx_http_sallyport_lookup_lost(redis->store);
}


ngx_int_t
ngx_http_sallyport_lookup_reply(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_lookup_t *lookup, ngx_http_sallyport_reply_t *reply)
{
    sp_rc_t                      rc;
    sp_str_t                     id;
    sp_record_error_t            error;
    ngx_http_sallyport_record_t  record;

    if (ngx_http_sallyport_reply_error(reply, "NOAUTH")) {
        return NGX_ERROR;
    }

    if (reply->type == NGX_HTTP_SALLYPORT_REPLY_ERROR) {
        ngx_http_sallyport_record_error(store, lookup, reply);
        return NGX_OK;
    }

    if (reply->type != NGX_HTTP_SALLYPORT_REPLY_ARRAY || (reply->n & 1)) {
        return NGX_ERROR;
    }

    if (reply->n == 0) {

        /* no such record, or no records at all any more? */

        lookup->state = NGX_HTTP_SALLYPORT_L_DOUBTED;
        ngx_queue_insert_tail(&store->doubted, &lookup->queue);

        if (store->redis.meta_asked) {
            return NGX_OK;
        }

        return ngx_http_sallyport_redis_send(&store->redis,
                                             NGX_HTTP_SALLYPORT_CMD_META,
                                             NULL);
    }

    id.data = lookup->id;
    id.len = lookup->cid.len;

    if (lookup->cid.kind == NGX_HTTP_SALLYPORT_CUSTOMER) {

        /* the reseller's name ends at the last one */

        while (id.len != 0 && memchr(id.data, ':', id.len) != NULL) {
            id.data++;
            id.len--;
        }
    }

    error.field = "";
    error.why = "";

    rc = lookup->cid.kind == NGX_HTTP_SALLYPORT_KEY
         ? sp_key_parse(&record.key, reply->pairs, reply->n / 2, &error)
         : sp_account_parse(&record.account, id, reply->pairs, reply->n / 2,
                            &error);

    if (rc != SP_OK) {
        ngx_http_sallyport_record_invalid(store, lookup, error.field,
                                          error.why);
        return NGX_OK;
    }

    ngx_http_sallyport_record_take(store, lookup, &record);

    return NGX_OK;
}


/*
 * The store answered, but not with a record. Of all errors only WRONGTYPE
 * tells something about the record; the others are about the store.
 */

static void
ngx_http_sallyport_record_error(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_lookup_t *lookup, ngx_http_sallyport_reply_t *reply)
{
    if (ngx_http_sallyport_reply_error(reply, "WRONGTYPE")) {
        ngx_http_sallyport_record_invalid(store, lookup, "it", "is no hash");
        return;
    }

    if (ngx_http_sallyport_store_loud(store,
                                      NGX_HTTP_SALLYPORT_SAY_ERROR))
    {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "sallyport: store \"%V\" answered a look-up with \"%*s\"",
                      &store->name, reply->error_len, reply->error);
    }

    ngx_http_sallyport_lookup_fail(store, lookup, 0);
}


/* Never cached: a repaired record counts at once. */

static void
ngx_http_sallyport_record_invalid(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_lookup_t *lookup, const char *field, const char *why)
{
    const void                   *record;
    ngx_http_sallyport_record_t   old;
    ngx_http_sallyport_cached_t   cached;
    ngx_http_sallyport_result_t   result;

    ngx_http_sallyport_count(store->zone,
                             NGX_HTTP_SALLYPORT_C_RECORD_INVALID);

    if (ngx_http_sallyport_store_loud(store,
                                      NGX_HTTP_SALLYPORT_SAY_RECORD))
    {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "sallyport: store \"%V\": the record of %s \"%*s\" is "
                      "invalid and refused: %s %s", &store->name,
                      ngx_http_sallyport_kind_name(lookup->cid.kind),
                      lookup->cid.len, lookup->id, field, why);
    }

    record = ngx_http_sallyport_cache_get(store->zone, &lookup->cid, &old,
                                          &cached);

    if (record == NULL) {
        ngx_memzero(&cached, sizeof(ngx_http_sallyport_cached_t));
    }

    ngx_http_sallyport_lookup_old(store, record, &cached,
                                  ngx_http_sallyport_clock(),
                                  NGX_HTTP_SALLYPORT_INVALID, &result);

    ngx_http_sallyport_lookup_finish(store, lookup, &result);
}


/*
 * Whoever changes a record raises its version. A lower one means that the
 * store went back in time, to a backup or in a fail-over: what it says now
 * may refuse, but it may not allow what the newer record might not. Nor may a
 * server that others may no longer follow.
 */

static void
ngx_http_sallyport_record_take(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_lookup_t *lookup, ngx_http_sallyport_record_t *record)
{
    uint64_t                     now;
    ngx_int_t                    rc;
    ngx_http_sallyport_result_t  result;
    ngx_http_sallyport_answer_t  answer;

    now = ngx_http_sallyport_clock();

    if (!ngx_http_sallyport_record_denies(lookup->cid.kind, record)
        && !ngx_http_sallyport_data_trusted(store, now))
    {
        ngx_http_sallyport_lookup_fail(store, lookup, 0);
        return;
    }

    ngx_http_sallyport_data_answer(store, lookup, &answer);

    rc = ngx_http_sallyport_cache_put(store->zone, &lookup->cid, record,
                                      &answer);

    if (rc == NGX_DECLINED) {
        ngx_http_sallyport_record_back(store, lookup, "an older version");
        return;
    }

    if (rc == NGX_ABORT) {
        ngx_http_sallyport_lookup_fail(store, lookup, 0);
        return;
    }

    result.found = NGX_HTTP_SALLYPORT_FOUND;
    result.trust = NGX_HTTP_SALLYPORT_FRESH;
    result.record = record;
    result.age = ngx_http_sallyport_since(now, lookup->stamp.asked);

    ngx_http_sallyport_lookup_finish(store, lookup, &result);
}


static void
ngx_http_sallyport_data_answer(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_lookup_t *lookup, ngx_http_sallyport_answer_t *answer)
{
    answer->source = store->source;
    answer->stamp = lookup->stamp;
    answer->run_id = store->redis.run_id;
}


static ngx_uint_t
ngx_http_sallyport_data_trusted(ngx_http_sallyport_store_t *store,
    uint64_t now)
{
    return ngx_http_sallyport_source_trusted(store->source, now,
                                         ngx_http_sallyport_ns(store->lease),
                                         store->quorum);
}


/* The store went back in time: what was known before still counts. */

static void
ngx_http_sallyport_record_back(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_lookup_t *lookup, const char *what)
{
    ngx_http_sallyport_source_rollback(store->zone, store->source);

    if (ngx_http_sallyport_store_loud(store, NGX_HTTP_SALLYPORT_SAY_RECORD)) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "sallyport: store \"%V\": the record of %s \"%*s\" "
                      "has gone back to %s and is not used", &store->name,
                      ngx_http_sallyport_kind_name(lookup->cid.kind),
                      lookup->cid.len, lookup->id, what);
    }

    ngx_http_sallyport_lookup_fail(store, lookup, 0);
}


/* "meta" was asked for after the empty replies, and it is there. */

void
ngx_http_sallyport_lookup_sure(ngx_http_sallyport_store_t *store)
{
    ngx_queue_t                  *q;
    ngx_http_sallyport_lookup_t  *lookup;

    while (!ngx_queue_empty(&store->doubted)) {
        q = ngx_queue_head(&store->doubted);
        lookup = ngx_queue_data(q, ngx_http_sallyport_lookup_t, queue);

        ngx_http_sallyport_record_missing(store, lookup);
    }
}


static void
ngx_http_sallyport_record_missing(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_lookup_t *lookup)
{
    const void                   *record;
    ngx_http_sallyport_record_t   old;
    ngx_http_sallyport_cached_t   cached;
    ngx_http_sallyport_result_t   result;
    ngx_http_sallyport_answer_t   answer;

    if (!ngx_http_sallyport_data_trusted(store, ngx_http_sallyport_clock())) {
        ngx_http_sallyport_lookup_fail(store, lookup, 0);
        return;
    }

    record = ngx_http_sallyport_cache_get(store->zone, &lookup->cid, &old,
                                          &cached);

    /* nobody may have removed it: the server may have, to make room */

    if (record != NULL && !cached.spent && store->redis.evicts) {
        ngx_http_sallyport_record_back(store, lookup,
                                       "none, in a server that evicts,");
        return;
    }

    ngx_http_sallyport_data_answer(store, lookup, &answer);
    ngx_http_sallyport_negative_put(store->zone, &lookup->cid, &answer);

    if (record == NULL) {
        ngx_memzero(&cached, sizeof(ngx_http_sallyport_cached_t));

    } else {
        ngx_http_sallyport_cache_spend(store->zone, &lookup->cid);
    }

    ngx_http_sallyport_lookup_old(store, record, &cached,
                                  ngx_http_sallyport_clock(),
                                  NGX_HTTP_SALLYPORT_MISSING, &result);

    ngx_http_sallyport_lookup_finish(store, lookup, &result);
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what a tracker is told: names that changed, one array for
 * each turn of the server's event loop, or nil if all have.
 *
 * Names are acted on as they are parsed, so that an array of any length needs
 * no memory. One that is too long to go through counts as nil; its bytes are
 * still read. The canary's name stands in the same array as those that it
 * vouches for, and is looked at when the array is through.
 */


#include "ngx_http_sallyport_control.h"
#include "ngx_http_sallyport_tracker.h"


static void *ngx_http_sallyport_push_string(const redisReadTask *task,
    char *data, size_t len);
#if (HIREDIS_MAJOR >= 1)
static void *ngx_http_sallyport_push_array(const redisReadTask *task,
    size_t n);
#else
static void *ngx_http_sallyport_push_array(const redisReadTask *task, int n);
#endif
static void *ngx_http_sallyport_push_integer(const redisReadTask *task,
    long long value);
static void *ngx_http_sallyport_push_nil(const redisReadTask *task);
static void ngx_http_sallyport_push_free(void *object);
static void ngx_http_sallyport_push_begin(
    ngx_http_sallyport_tracker_t *tracker);
static void ngx_http_sallyport_push_end(ngx_http_sallyport_tracker_t *tracker);
static void ngx_http_sallyport_push_flush(
    ngx_http_sallyport_tracker_t *tracker);
static void ngx_http_sallyport_push_name(ngx_http_sallyport_tracker_t *tracker,
    const char *name, size_t len);
static ngx_uint_t ngx_http_sallyport_push_record(
    ngx_http_sallyport_tracker_t *tracker, const char *name, size_t len);
static void ngx_http_sallyport_push_fence(
    ngx_http_sallyport_tracker_t *tracker, const char *id, size_t len);


static redisReplyObjectFunctions  ngx_http_sallyport_push_functions = {
    .createString = ngx_http_sallyport_push_string,
    .createArray = ngx_http_sallyport_push_array,
    .createInteger = ngx_http_sallyport_push_integer,
    .createNil = ngx_http_sallyport_push_nil,
    .freeObject = ngx_http_sallyport_push_free
};


redisReader *
ngx_http_sallyport_push_reader(ngx_http_sallyport_tracker_t *tracker)
{
    redisReader  *reader;

    reader = redisReaderCreateWithFunctions(
                                        &ngx_http_sallyport_push_functions);

    if (reader != NULL) {
        reader->privdata = tracker;
        tracker->why = NULL;
        ngx_http_sallyport_push_begin(tracker);
    }

    return reader;
}


const char *
ngx_http_sallyport_push_feed(ngx_http_sallyport_redis_t *redis, size_t n)
{
    void                          *object;
    ngx_http_sallyport_tracker_t  *tracker;

    tracker = redis->data;

    redis->pending += n;

    if (redisReaderFeed(redis->reader, (char *) redis->in, n) != REDIS_OK) {
        return "sent what cannot be read";
    }

    for ( ;; ) {
        object = NULL;

        if (redisReaderGetReply(redis->reader, &object) != REDIS_OK) {
            return tracker->why != NULL ? tracker->why
                                        : "sent what cannot be read";
        }

        if (tracker->why != NULL) {
            return tracker->why;
        }

        if (object == NULL) {
            return redis->pending > NGX_HTTP_SALLYPORT_REPLY
                   ? "sent a name over 64 KiB" : NULL;
        }

        ngx_http_sallyport_push_end(tracker);
        ngx_http_sallyport_push_begin(tracker);

        redis->pending = 0;

        if (tracker->why != NULL) {
            return tracker->why;
        }
    }
}


static void
ngx_http_sallyport_push_begin(ngx_http_sallyport_tracker_t *tracker)
{
    tracker->message = 0;
    tracker->subscribe = 0;
    tracker->skip = 0;
    tracker->meta = 0;
    tracker->nfences = 0;
}


/* "message" CHANNEL [NAME ...], or "subscribe" CHANNEL 1 */

static void *
ngx_http_sallyport_push_string(const redisReadTask *task, char *data,
    size_t len)
{
    ngx_http_sallyport_tracker_t  *tracker;

    tracker = task->privdata;
    tracker->push.pending = 0;

    if (task->parent == NULL) {
        tracker->why = "answered SUBSCRIBE with an error";

    } else if (task->parent->parent != NULL) {

        if (tracker->message && task->parent->idx == 2 && !tracker->skip) {
            ngx_http_sallyport_push_name(tracker, data, len);
        }

    } else if (task->idx == 0) {
        tracker->message = (len == 7 && ngx_memcmp(data, "message", 7) == 0);
        tracker->subscribe = (len == 9
                              && ngx_memcmp(data, "subscribe", 9) == 0);
    }

    return tracker;
}


#if (HIREDIS_MAJOR >= 1)
static void *
ngx_http_sallyport_push_array(const redisReadTask *task, size_t n)
#else
static void *
ngx_http_sallyport_push_array(const redisReadTask *task, int n)
#endif
{
    ngx_http_sallyport_tracker_t  *tracker;

    tracker = task->privdata;
    tracker->push.pending = 0;

    if (task->parent != NULL && task->parent->parent != NULL) {
        tracker->why = "sent an array too deep";
    }

    if (tracker->message && (size_t) n > NGX_HTTP_SALLYPORT_PUSHED_MAX) {
        tracker->skip = 1;
        ngx_http_sallyport_push_flush(tracker);
    }

    return tracker;
}


/* T3: what happens from now on is told. */

static void *
ngx_http_sallyport_push_integer(const redisReadTask *task, long long value)
{
    ngx_http_sallyport_store_t    *store;
    ngx_http_sallyport_tracker_t  *tracker;

    tracker = task->privdata;
    store = tracker->store;

    if (tracker->subscribe
        && tracker->step == NGX_HTTP_SALLYPORT_T_SUBSCRIBING)
    {
        if (ngx_http_sallyport_source_arm(store->zone, store->source,
                                          tracker->session,
                                          tracker->push.run_id)
            != NGX_OK)
        {
            tracker->why = "is tracked by another worker";

        } else {
            tracker->step = NGX_HTTP_SALLYPORT_T_SUBSCRIBED;
            tracker->step_at = ngx_current_msec;

            ngx_http_sallyport_canary_begin(tracker);
        }
    }

    return tracker;
}


static void *
ngx_http_sallyport_push_nil(const redisReadTask *task)
{
    ngx_http_sallyport_tracker_t  *tracker;

    tracker = task->privdata;

    if (tracker->message) {
        ngx_http_sallyport_push_flush(tracker);
    }

    return tracker;
}


static void
ngx_http_sallyport_push_free(void *object)
{
}


/* T7; and are the data still ours? */

static void
ngx_http_sallyport_push_flush(ngx_http_sallyport_tracker_t *tracker)
{
    if (ngx_http_sallyport_source_flush(tracker->store->zone,
                                        tracker->store->source,
                                        tracker->session)
        != NGX_OK)
    {
        tracker->why = "is tracked by another worker";
    }

    tracker->meta = 1;
}


static void
ngx_http_sallyport_push_end(ngx_http_sallyport_tracker_t *tracker)
{
    if (tracker->meta
        && tracker->canaries.state == NGX_HTTP_SALLYPORT_R_READY
        && !tracker->canaries.meta_asked)
    {
        (void) ngx_http_sallyport_redis_send(&tracker->canaries,
                                             NGX_HTTP_SALLYPORT_CMD_META,
                                             NULL);
    }

    if (tracker->nfences != 0) {
        ngx_http_sallyport_node_ack(tracker);
    }

    ngx_http_sallyport_canary_through(tracker);
}


/* T5. */

static void
ngx_http_sallyport_push_name(ngx_http_sallyport_tracker_t *tracker,
    const char *name, size_t len)
{
    ngx_str_t                    *prefix;
    ngx_http_sallyport_source_t  *source;

    source = tracker->store->source;
    prefix = &tracker->store->prefix;

    if (len < prefix->len || ngx_memcmp(name, prefix->data, prefix->len) != 0) {
        return;
    }

    if (ngx_http_sallyport_canary_told(tracker, name, len)) {
        return;
    }

    name += prefix->len;
    len -= prefix->len;

    if (len > 4 && ngx_memcmp(name, "~hb:", 4) == 0) {
        return;
    }

    source->invalidated++;

    if (ngx_http_sallyport_push_record(tracker, name, len)) {
        return;
    }

    if (len > 7 && ngx_memcmp(name, "~fence:", 7) == 0) {
        ngx_http_sallyport_push_fence(tracker, name + 7, len - 7);
        return;
    }

    if (len == 5 && ngx_memcmp(name, "block", 5) == 0) {
        ngx_http_sallyport_block_stale(tracker->store);
    }

    if (len == 4 && ngx_memcmp(name, "meta", 4) == 0) {
        tracker->meta = 1;
    }

    __atomic_fetch_add(&source->others, 1, __ATOMIC_RELEASE);
}


static ngx_uint_t
ngx_http_sallyport_push_record(ngx_http_sallyport_tracker_t *tracker,
    const char *name, size_t len)
{
    const char                     *word;
    ngx_uint_t                      kind;
    ngx_http_sallyport_cache_id_t   cid;

    for (kind = 0; kind < NGX_HTTP_SALLYPORT_KINDS; kind++) {
        word = ngx_http_sallyport_kind_prefix(kind);
        cid.len = ngx_strlen(word);

        if (len > cid.len && len - cid.len <= SP_CUSTOMER_NAME_LEN
            && ngx_memcmp(name, word, cid.len) == 0)
        {
            cid.id = (u_char *) name + cid.len;
            cid.len = len - cid.len;
            cid.kind = kind;
            cid.store = tracker->store->tag;

            ngx_http_sallyport_cache_id(tracker->store->zone, &cid, NULL);
            ngx_http_sallyport_cache_changed(tracker->store->zone, &cid);

            return 1;
        }
    }

    return 0;
}


static void
ngx_http_sallyport_push_fence(ngx_http_sallyport_tracker_t *tracker,
    const char *id, size_t len)
{
    if (len > NGX_HTTP_SALLYPORT_FENCE_LEN
        || tracker->nfences == NGX_HTTP_SALLYPORT_FENCES)
    {
        return;
    }

    tracker->fences[tracker->nfences].len = len;
    ngx_memcpy(tracker->fences[tracker->nfences].id, id, len);
    tracker->nfences++;
}

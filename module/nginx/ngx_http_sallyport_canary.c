
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains canaries: a key under the tracked prefix is written over
 * a connection of its own, and the tracker must be told of it. All that was
 * written to the server before has then been told of, too. With a quorum, so
 * many replicas must have it: a primary that was cut off has none.
 *
 *   SET PREFIX~hb:NODE.SESSION.N seq PX 10000;  TIME;  WAIT quorum 100
 *
 * One is on its way at a time, and names are used in turn, so that what comes
 * back is the one that was sent; those of another session have other names.
 */


#include "ngx_http_sallyport_tracker.h"


#define NGX_HTTP_SALLYPORT_CANARY_NAMES  8
#define NGX_HTTP_SALLYPORT_SKEW          5000000    /* us */


static ngx_uint_t ngx_http_sallyport_canary_wanted(
    ngx_http_sallyport_redis_t *redis);
static const char *ngx_http_sallyport_canary_ready(
    ngx_http_sallyport_redis_t *redis);
static const char *ngx_http_sallyport_canary_reply(
    ngx_http_sallyport_redis_t *redis, ngx_http_sallyport_wire_t *wire,
    ngx_http_sallyport_reply_t *reply);
static void ngx_http_sallyport_canary_lost(ngx_http_sallyport_redis_t *redis,
    const char *why);
static ngx_int_t ngx_http_sallyport_canary_send(
    ngx_http_sallyport_tracker_t *tracker);
static const char *ngx_http_sallyport_canary_written(
    ngx_http_sallyport_tracker_t *tracker, ngx_http_sallyport_reply_t *reply);
static const char *ngx_http_sallyport_canary_followed(
    ngx_http_sallyport_tracker_t *tracker, ngx_http_sallyport_reply_t *reply);
static void ngx_http_sallyport_canary_time(
    ngx_http_sallyport_tracker_t *tracker, ngx_http_sallyport_reply_t *reply);
static void ngx_http_sallyport_canary_proof(
    ngx_http_sallyport_tracker_t *tracker);


const ngx_http_sallyport_redis_kind_t  ngx_http_sallyport_redis_canary = {
    "canary",
    50,
    2000,
    ngx_http_sallyport_canary_wanted,
    ngx_http_sallyport_canary_ready,
    ngx_http_sallyport_canary_reply,
    NULL,
    ngx_http_sallyport_canary_lost
};


void
ngx_http_sallyport_canary_begin(ngx_http_sallyport_tracker_t *tracker)
{
    tracker->canary.pending = 0;
    tracker->canary.good = ngx_current_msec;

    ngx_http_sallyport_redis_want(&tracker->canaries);
}


void
ngx_http_sallyport_canary_tick(ngx_http_sallyport_tracker_t *tracker)
{
    ngx_msec_t                    patience;
    ngx_http_sallyport_store_t   *store;
    ngx_http_sallyport_canary_t  *canary;

    store = tracker->store;
    canary = &tracker->canary;
    patience = NGX_HTTP_SALLYPORT_PATIENCE * store->canary;

    if (ngx_http_sallyport_mutant(store->zone, NGX_HTTP_SALLYPORT_M_CANARY)) {
        (void) ngx_http_sallyport_source_live(store->zone, store->source,
                                              tracker->session,
                                              ngx_http_sallyport_clock());
        return;
    }

    if (ngx_current_msec - canary->good > patience) {
        ngx_http_sallyport_tracker_break(tracker,
                      canary->written && !canary->followed
                      ? NGX_HTTP_SALLYPORT_END_QUORUM
                      : NGX_HTTP_SALLYPORT_END_CANARY,
                      canary->written && !canary->followed
                      ? "has too few replicas that follow it"
                      : "did not tell of a canary in time");
        return;
    }

    if (tracker->canaries.state != NGX_HTTP_SALLYPORT_R_READY) {
        ngx_http_sallyport_redis_want(&tracker->canaries);
        return;
    }

    ngx_http_sallyport_node_tick(tracker);

    if (!canary->pending) {
        (void) ngx_http_sallyport_canary_send(tracker);
    }
}


static ngx_uint_t
ngx_http_sallyport_canary_wanted(ngx_http_sallyport_redis_t *redis)
{
    ngx_http_sallyport_tracker_t  *tracker;

    tracker = redis->data;

    return !ngx_exiting
           && tracker->step == NGX_HTTP_SALLYPORT_T_SUBSCRIBED;
}


static const char *
ngx_http_sallyport_canary_ready(ngx_http_sallyport_redis_t *redis)
{
    ngx_http_sallyport_tracker_t  *tracker;

    tracker = redis->data;
    redis->failures = 0;

    if (redis->run_id != tracker->push.run_id) {
        return "is another server than the one that is tracked";
    }

    /* "meta" may have been read again, while one is on its way */

    if (!tracker->canary.pending
        && ngx_http_sallyport_canary_send(tracker) != NGX_OK)
    {
        return "could not be asked";
    }

    return NULL;
}


static ngx_int_t
ngx_http_sallyport_canary_send(ngx_http_sallyport_tracker_t *tracker)
{
    u_char                        seq[NGX_INT64_LEN], count[NGX_INT64_LEN];
    size_t                        lens[5];
    ngx_int_t                     rc;
    const char                   *argv[5];
    ngx_http_sallyport_store_t   *store;
    ngx_http_sallyport_canary_t  *canary;

    store = tracker->store;
    canary = &tracker->canary;

    canary->number++;
    canary->len = ngx_snprintf(canary->name, sizeof(canary->name),
                               "%V~hb:%V.%uL.%uL", &store->prefix,
                               &tracker->node, tracker->session,
                               canary->number
                               % NGX_HTTP_SALLYPORT_CANARY_NAMES)
                  - canary->name;

    canary->pending = 1;
    canary->written = 0;
    canary->returned = 0;
    canary->followed = (store->quorum == 0);

    argv[0] = "SET";
    lens[0] = 3;
    argv[1] = (char *) canary->name;
    lens[1] = canary->len;
    argv[2] = (char *) seq;
    lens[2] = ngx_sprintf(seq, "%uL", canary->number) - seq;
    argv[3] = "PX";
    lens[3] = 2;
    argv[4] = "10000";
    lens[4] = 5;

    canary->sent = ngx_http_sallyport_clock();

    rc = ngx_http_sallyport_redis_say(&tracker->canaries,
                                      NGX_HTTP_SALLYPORT_CMD_SET, NULL, 5,
                                      argv, lens);
    argv[0] = "TIME";
    lens[0] = 4;

    if (rc == NGX_OK) {
        rc = ngx_http_sallyport_redis_say(&tracker->canaries,
                                          NGX_HTTP_SALLYPORT_CMD_TIME, NULL, 1,
                                          argv, lens);
    }

    if (rc != NGX_OK || store->quorum == 0) {
        return rc;
    }

    argv[0] = "WAIT";
    argv[1] = (char *) count;
    lens[1] = ngx_sprintf(count, "%ui", store->quorum) - count;
    argv[2] = "100";
    lens[2] = 3;

    return ngx_http_sallyport_redis_say(&tracker->canaries,
                                        NGX_HTTP_SALLYPORT_CMD_WAIT, NULL, 3,
                                        argv, lens);
}


static const char *
ngx_http_sallyport_canary_reply(ngx_http_sallyport_redis_t *redis,
    ngx_http_sallyport_wire_t *wire, ngx_http_sallyport_reply_t *reply)
{
    ngx_http_sallyport_tracker_t  *tracker;

    tracker = redis->data;

    switch (wire->command) {

    case NGX_HTTP_SALLYPORT_CMD_SET:
        return ngx_http_sallyport_canary_written(tracker, reply);

    case NGX_HTTP_SALLYPORT_CMD_WAIT:
        return ngx_http_sallyport_canary_followed(tracker, reply);

    case NGX_HTTP_SALLYPORT_CMD_TIME:
        ngx_http_sallyport_canary_time(tracker, reply);
        return NULL;

    default:
        return NULL;
    }
}


static const char *
ngx_http_sallyport_canary_written(ngx_http_sallyport_tracker_t *tracker,
    ngx_http_sallyport_reply_t *reply)
{
    if (reply->type == NGX_HTTP_SALLYPORT_REPLY_STATUS) {
        tracker->canary.written = 1;
        ngx_http_sallyport_canary_proof(tracker);
        return NULL;
    }

    if (ngx_http_sallyport_reply_error(reply, "NOPERM")) {
        return ngx_http_sallyport_tracker_refused(tracker, "SET of a canary");
    }

    /* a server that others have left may still answer reads */

    tracker->cause = ngx_http_sallyport_reply_error(reply, "READONLY")
                     || ngx_http_sallyport_reply_error(reply, "NOREPLICAS")
                     || ngx_http_sallyport_reply_error(reply, "MOVED")
                     ? NGX_HTTP_SALLYPORT_END_READONLY
                     : NGX_HTTP_SALLYPORT_END_ERROR;

    return "refused a canary";
}


static const char *
ngx_http_sallyport_canary_followed(ngx_http_sallyport_tracker_t *tracker,
    ngx_http_sallyport_reply_t *reply)
{
    if (reply->type != NGX_HTTP_SALLYPORT_REPLY_NUMBER) {
        return ngx_http_sallyport_tracker_refused(tracker, "WAIT");
    }

    if (reply->number < (int64_t) tracker->store->quorum) {

        /* this one proves nothing; if none does, the session ends */

        tracker->canary.pending = 0;
        return NULL;
    }

    tracker->canary.followed = 1;
    ngx_http_sallyport_canary_proof(tracker);

    return NULL;
}


/* The server's clock against ours, at the middle of the way there and back. */

static void
ngx_http_sallyport_canary_time(ngx_http_sallyport_tracker_t *tracker,
    ngx_http_sallyport_reply_t *reply)
{
    uint64_t         sec, us;
    struct timeval   tv;

    if (reply->type != NGX_HTTP_SALLYPORT_REPLY_ARRAY || reply->n != 2
        || sp_parse_uint(reply->pairs[0].name, (uint64_t) 1 << 40, &sec)
           != SP_OK
        || sp_parse_uint(reply->pairs[0].value, 999999, &us) != SP_OK)
    {
        return;
    }

    ngx_gettimeofday(&tv);

    tracker->time = sec * 1000000 + us;
    tracker->store->source->skew = (int64_t) tracker->time
                   - ((int64_t) tv.tv_sec * 1000000 + tv.tv_usec)
                   + (int64_t) (ngx_http_sallyport_clock()
                                - tracker->canary.sent) / 2000;

    if (ngx_abs(tracker->store->source->skew) > NGX_HTTP_SALLYPORT_SKEW
        && ngx_http_sallyport_store_loud(tracker->store,
                                         NGX_HTTP_SALLYPORT_SAY_SKEW))
    {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "sallyport: the clock of store \"%V\" differs from "
                      "this host's by %L s: dates in records may count too "
                      "early or too late", &tracker->store->name,
                      tracker->store->source->skew / 1000000);
    }
}


ngx_uint_t
ngx_http_sallyport_canary_told(ngx_http_sallyport_tracker_t *tracker,
    const char *name, size_t len)
{
    ngx_http_sallyport_canary_t  *canary;

    canary = &tracker->canary;

    if (!canary->pending || canary->len != len
        || ngx_memcmp(name, canary->name, len) != 0)
    {
        return 0;
    }

    canary->returned = 1;

    return 1;
}


void
ngx_http_sallyport_canary_through(ngx_http_sallyport_tracker_t *tracker)
{
    if (tracker->canary.returned) {
        ngx_http_sallyport_canary_proof(tracker);
    }
}


/* T6, when all of it is there. */

static void
ngx_http_sallyport_canary_proof(ngx_http_sallyport_tracker_t *tracker)
{
    uint64_t                      us;
    ngx_uint_t                    i;
    ngx_http_sallyport_store_t   *store;
    ngx_http_sallyport_source_t  *source;
    ngx_http_sallyport_canary_t  *canary;

    store = tracker->store;
    source = store->source;
    canary = &tracker->canary;

    if (!canary->pending || !canary->written || !canary->followed) {
        return;
    }

    __atomic_store_n(&source->proven, canary->sent, __ATOMIC_RELEASE);

    if (!canary->returned) {
        return;
    }

    canary->pending = 0;
    canary->good = ngx_current_msec;

    tracker->push.failures = 0;

    us = (ngx_http_sallyport_clock() - canary->sent) / 1000;

    for (i = 0; i < NGX_HTTP_SALLYPORT_CANARIES
                && us > ngx_http_sallyport_canary_bounds[i]; i++)
    {
        /* void */
    }

    source->canary[i]++;
    source->canary_us += us;

    if (ngx_http_sallyport_source_live(store->zone, source, tracker->session,
                                       canary->sent)
        != NGX_OK)
    {
        tracker->why = "is tracked by another worker";
    }
}


static void
ngx_http_sallyport_canary_lost(ngx_http_sallyport_redis_t *redis,
    const char *why)
{
    ngx_http_sallyport_end_t       cause;
    ngx_http_sallyport_tracker_t  *tracker;

    tracker = redis->data;

    cause = redis->foreign ? NGX_HTTP_SALLYPORT_END_META : tracker->cause;

    ngx_http_sallyport_tracker_break(tracker, cause,
                                     why != NULL ? "lost its canaries" : NULL);
}

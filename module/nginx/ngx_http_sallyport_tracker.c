
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains which worker tracks a store's changes, and the connection
 * over which it is told of them.
 *
 *   CLIENT ID; CLIENT TRACKING ON REDIRECT <that id> BCAST PREFIX <prefix>;
 *   SUBSCRIBE __redis__:invalidate
 *
 * The connection redirects to itself: there is no second one whose silent end
 * would stop the telling. What happens before the SUBSCRIBE is answered is
 * lost, so an epoch begins with that answer.
 *
 * A worker tracks while it is seen: its pid and a beat are in the zone. When
 * it is not, another takes over, with another session; what the first one may
 * still do then is not taken.
 */


#include "ngx_http_sallyport_tracker.h"


static void ngx_http_sallyport_tracker_tick(ngx_event_t *ev);
static void ngx_http_sallyport_tracker_take(
    ngx_http_sallyport_tracker_t *tracker);
static ngx_uint_t ngx_http_sallyport_tracker_stays(
    ngx_http_sallyport_tracker_t *tracker);
static void ngx_http_sallyport_tracker_leave(
    ngx_http_sallyport_tracker_t *tracker);
static uint64_t ngx_http_sallyport_tracker_patience(
    ngx_http_sallyport_store_t *store);
static ngx_uint_t ngx_http_sallyport_tracker_wanted(
    ngx_http_sallyport_redis_t *redis);
static const char *ngx_http_sallyport_tracker_ready(
    ngx_http_sallyport_redis_t *redis);
static const char *ngx_http_sallyport_tracker_reply(
    ngx_http_sallyport_redis_t *redis, ngx_http_sallyport_wire_t *wire,
    ngx_http_sallyport_reply_t *reply);
static const char *ngx_http_sallyport_tracker_track(
    ngx_http_sallyport_tracker_t *tracker, int64_t id);
static const char *ngx_http_sallyport_tracker_subscribe(
    ngx_http_sallyport_tracker_t *tracker);
static void ngx_http_sallyport_tracker_lost(ngx_http_sallyport_redis_t *redis,
    const char *why);


static const ngx_http_sallyport_redis_kind_t  ngx_http_sallyport_redis_push = {
    "tracker",
    50,
    2000,
    ngx_http_sallyport_tracker_wanted,
    ngx_http_sallyport_tracker_ready,
    ngx_http_sallyport_tracker_reply,
    ngx_http_sallyport_push_feed,
    ngx_http_sallyport_tracker_lost
};


ngx_int_t
ngx_http_sallyport_tracker_init(ngx_http_sallyport_store_t *store,
    ngx_cycle_t *cycle)
{
    ngx_event_t                   *ev;
    ngx_http_sallyport_tracker_t  *tracker;

    if (store->tracking == NGX_HTTP_SALLYPORT_TRACKING_OFF) {
        return NGX_OK;
    }

    tracker = ngx_pcalloc(cycle->pool, sizeof(ngx_http_sallyport_tracker_t));
    if (tracker == NULL) {
        return NGX_ERROR;
    }

    tracker->store = store;
    tracker->ident[3] = (void *) -1;

    ev = &tracker->tick;

    ev->handler = ngx_http_sallyport_tracker_tick;
    ev->data = tracker;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_http_sallyport_node_init(tracker);

    store->tracker = tracker;

    ngx_add_timer(ev, ngx_random() % store->canary + 1);

    return NGX_OK;
}


void
ngx_http_sallyport_tracker_exit(ngx_http_sallyport_store_t *store)
{
    ngx_http_sallyport_tracker_t  *tracker;

    tracker = store->tracker;

    if (tracker == NULL) {
        return;
    }

    if (tracker->tick.timer_set) {
        ngx_del_timer(&tracker->tick);
    }

    ngx_http_sallyport_tracker_leave(tracker);

    store->tracker = NULL;
}


void
ngx_http_sallyport_tracker_wake(ngx_http_sallyport_store_t *store)
{
    ngx_http_sallyport_tracker_t  *tracker;

    tracker = store->tracker;

    if (tracker == NULL || ngx_exiting) {
        return;
    }

    if (!tracker->owning) {
        ngx_http_sallyport_tracker_take(tracker);

    } else {
        ngx_http_sallyport_redis_want(&tracker->push);
    }
}


static void
ngx_http_sallyport_tracker_tick(ngx_event_t *ev)
{
    ngx_http_sallyport_tracker_t  *tracker;

    tracker = ev->data;

    if (ngx_exiting) {
        ngx_http_sallyport_tracker_leave(tracker);
        return;
    }

    ngx_add_timer(ev, tracker->store->canary);

    if (!tracker->owning) {
        ngx_http_sallyport_tracker_take(tracker);
        return;
    }

    if (!ngx_http_sallyport_tracker_stays(tracker)) {
        return;
    }

    if (tracker->step == NGX_HTTP_SALLYPORT_T_SUBSCRIBED) {
        ngx_http_sallyport_canary_tick(tracker);

    } else if (tracker->step == NGX_HTTP_SALLYPORT_T_CLOSED) {
        ngx_http_sallyport_redis_want(&tracker->push);

    } else if (ngx_current_msec - tracker->step_at
               > NGX_HTTP_SALLYPORT_PATIENCE * tracker->store->canary)
    {
        ngx_http_sallyport_tracker_break(tracker, NGX_HTTP_SALLYPORT_END_LOST,
                                         "did not answer SUBSCRIBE");
    }
}


/* Becomes the one that tracks, unless another worker is. */

static void
ngx_http_sallyport_tracker_take(ngx_http_sallyport_tracker_t *tracker)
{
    ngx_http_sallyport_store_t  *store;

    store = tracker->store;

    if (store->redis.state != NGX_HTTP_SALLYPORT_R_READY
        || store->source->polled == NGX_HTTP_SALLYPORT_POLLED_INFO
        || ngx_http_sallyport_source_own(store->zone, store->source,
                                   ngx_http_sallyport_clock(),
                                   ngx_http_sallyport_tracker_patience(store),
                                   &tracker->session)
           != NGX_OK)
    {
        return;
    }

    if (!tracker->begun) {

        if (ngx_http_sallyport_redis_init(&tracker->push, store,
                                          &ngx_http_sallyport_redis_push,
                                          (ngx_cycle_t *) ngx_cycle)
            != NGX_OK
            || ngx_http_sallyport_redis_init(&tracker->canaries, store,
                                            &ngx_http_sallyport_redis_canary,
                                            (ngx_cycle_t *) ngx_cycle)
               != NGX_OK)
        {
            ngx_http_sallyport_source_leave(store->zone, store->source,
                                            tracker->session);
            return;
        }

        tracker->push.data = tracker;
        tracker->canaries.data = tracker;
        tracker->canaries.hard = ngx_max(store->hard,
                            NGX_HTTP_SALLYPORT_PATIENCE * store->canary);
        tracker->begun = 1;
    }

    tracker->owning = 1;
    tracker->cause = NGX_HTTP_SALLYPORT_END_LOST;
    tracker->step = NGX_HTTP_SALLYPORT_T_CLOSED;
    tracker->idle_at = 0;

    ngx_http_sallyport_redis_want(&tracker->push);
}


/* 0 if another worker tracks by now, or should: this one cannot connect. */

static ngx_uint_t
ngx_http_sallyport_tracker_stays(ngx_http_sallyport_tracker_t *tracker)
{
    ngx_http_sallyport_store_t  *store;

    store = tracker->store;

    if (ngx_http_sallyport_source_beat(store->zone, store->source,
                                       tracker->session,
                                       ngx_http_sallyport_clock())
        != NGX_OK)
    {
        ngx_http_sallyport_tracker_leave(tracker);
        return 0;
    }

    if (store->redis.state == NGX_HTTP_SALLYPORT_R_READY) {
        tracker->idle_at = 0;
        return 1;
    }

    if (tracker->idle_at == 0) {
        tracker->idle_at = ngx_current_msec;
    }

    if (tracker->step == NGX_HTTP_SALLYPORT_T_SUBSCRIBED
        || ngx_current_msec - tracker->idle_at < 2000)
    {
        return 1;
    }

    ngx_http_sallyport_tracker_leave(tracker);

    return 0;
}


static void
ngx_http_sallyport_tracker_leave(ngx_http_sallyport_tracker_t *tracker)
{
    if (!tracker->owning) {
        return;
    }

    tracker->owning = 0;
    tracker->step = NGX_HTTP_SALLYPORT_T_CLOSED;
    tracker->canary.pending = 0;

    ngx_http_sallyport_source_leave(tracker->store->zone,
                                    tracker->store->source, tracker->session);

    ngx_http_sallyport_redis_close(&tracker->push);
    ngx_http_sallyport_redis_close(&tracker->canaries);
}


/* ns after which a worker that does not beat is taken for dead. */

static uint64_t
ngx_http_sallyport_tracker_patience(ngx_http_sallyport_store_t *store)
{
    return ngx_http_sallyport_ns(ngx_max(NGX_HTTP_SALLYPORT_PATIENCE
                                         * store->canary, 500));
}


void
ngx_http_sallyport_tracker_break(ngx_http_sallyport_tracker_t *tracker,
    ngx_http_sallyport_end_t cause, const char *why)
{
    ngx_http_sallyport_step_t  step;

    step = tracker->step;

    tracker->step = NGX_HTTP_SALLYPORT_T_CLOSED;
    tracker->cause = NGX_HTTP_SALLYPORT_END_LOST;
    tracker->canary.pending = 0;

    if (step == NGX_HTTP_SALLYPORT_T_SUBSCRIBED) {
        (void) ngx_http_sallyport_source_down(tracker->store->zone,
                                              tracker->store->source,
                                              tracker->session, cause);
    }

    ngx_http_sallyport_redis_end(&tracker->push, why);
    ngx_http_sallyport_redis_end(&tracker->canaries, NULL);
}


const char *
ngx_http_sallyport_tracker_refused(ngx_http_sallyport_tracker_t *tracker,
    const char *what)
{
    ngx_http_sallyport_store_t  *store;

    store = tracker->store;

    tracker->refused_at = ngx_current_msec;
    tracker->cause = NGX_HTTP_SALLYPORT_END_ERROR;

    if (store->tracking == NGX_HTTP_SALLYPORT_TRACKING_AUTO) {
        ngx_http_sallyport_store_poll(store,
                                      NGX_HTTP_SALLYPORT_POLLED_REFUSED,
                                      what);
    }

    return "refused what tracking=on needs";
}


/*
 * The connection.
 */

/* The look-ups' connection finds out when a server that was gone is back. */

static ngx_uint_t
ngx_http_sallyport_tracker_wanted(ngx_http_sallyport_redis_t *redis)
{
    ngx_http_sallyport_store_t    *store;
    ngx_http_sallyport_tracker_t  *tracker;

    tracker = redis->data;
    store = redis->store;

    if (store->source->polled == NGX_HTTP_SALLYPORT_POLLED_REFUSED
        && ngx_current_msec - tracker->refused_at
           < NGX_HTTP_SALLYPORT_TRY_AGAIN)
    {
        return 0;
    }

    return tracker->owning && !ngx_exiting
           && store->redis.state == NGX_HTTP_SALLYPORT_R_READY;
}


static const char *
ngx_http_sallyport_tracker_ready(ngx_http_sallyport_redis_t *redis)
{
    size_t                         lens[2];
    const char                    *argv[2];
    ngx_http_sallyport_tracker_t  *tracker;

    tracker = redis->data;

    tracker->step = NGX_HTTP_SALLYPORT_T_ASKED;
    tracker->step_at = ngx_current_msec;

    argv[0] = "CLIENT";
    lens[0] = 6;
    argv[1] = "ID";
    lens[1] = 2;

    return ngx_http_sallyport_redis_say(redis, NGX_HTTP_SALLYPORT_CMD_ID,
                                        NULL, 2, argv, lens)
           == NGX_OK ? NULL : "could not be asked";
}


static const char *
ngx_http_sallyport_tracker_reply(ngx_http_sallyport_redis_t *redis,
    ngx_http_sallyport_wire_t *wire, ngx_http_sallyport_reply_t *reply)
{
    ngx_http_sallyport_tracker_t  *tracker;

    tracker = redis->data;

    if (wire->command == NGX_HTTP_SALLYPORT_CMD_ID) {

        if (reply->type != NGX_HTTP_SALLYPORT_REPLY_NUMBER) {
            return ngx_http_sallyport_tracker_refused(tracker, "CLIENT ID");
        }

        return ngx_http_sallyport_tracker_track(tracker, reply->number);
    }

    if (reply->type != NGX_HTTP_SALLYPORT_REPLY_STATUS) {
        return ngx_http_sallyport_tracker_refused(tracker, "CLIENT TRACKING");
    }

    return ngx_http_sallyport_tracker_subscribe(tracker);
}


static const char *
ngx_http_sallyport_tracker_track(ngx_http_sallyport_tracker_t *tracker,
    int64_t id)
{
    size_t       lens[8];
    u_char       digits[NGX_INT64_LEN];
    ngx_uint_t   i, n;
    const char  *argv[8] = {
        "CLIENT", "TRACKING", "ON", "REDIRECT", NULL, "BCAST", "PREFIX", NULL
    };

    n = sizeof(argv) / sizeof(argv[0]);

    for (i = 0; i < n; i++) {
        lens[i] = argv[i] != NULL ? ngx_strlen(argv[i]) : 0;
    }

    argv[4] = (char *) digits;
    lens[4] = ngx_sprintf(digits, "%L", id) - digits;

    argv[7] = (char *) tracker->store->prefix.data;
    lens[7] = tracker->store->prefix.len;

    return ngx_http_sallyport_redis_say(&tracker->push,
                                        NGX_HTTP_SALLYPORT_CMD_TRACKING, NULL,
                                        (int) n, argv, lens)
           == NGX_OK ? NULL : "could not be asked";
}


/* From here on the connection hears, and is not answered any more. */

static const char *
ngx_http_sallyport_tracker_subscribe(ngx_http_sallyport_tracker_t *tracker)
{
    size_t                       lens[2];
    const char                  *argv[2];
    ngx_http_sallyport_redis_t  *redis;

    redis = &tracker->push;

    redisReaderFree(redis->reader);
    redis->reader = ngx_http_sallyport_push_reader(tracker);

    if (redis->reader == NULL) {
        return "got no memory for its replies";
    }

    redis->feeds = 1;

    argv[0] = "SUBSCRIBE";
    lens[0] = 9;
    argv[1] = "__redis__:invalidate";
    lens[1] = 20;

    if (ngx_http_sallyport_command_argv(redis, 2, argv, lens) != NGX_OK) {
        return "could not be asked";
    }

    ngx_post_event(redis->connection->write, &ngx_posted_events);

    tracker->step = NGX_HTTP_SALLYPORT_T_SUBSCRIBING;
    tracker->step_at = ngx_current_msec;

    return NULL;
}


static void
ngx_http_sallyport_tracker_lost(ngx_http_sallyport_redis_t *redis,
    const char *why)
{
    ngx_http_sallyport_end_t       cause;
    ngx_http_sallyport_tracker_t  *tracker;

    tracker = redis->data;

    cause = redis->foreign ? NGX_HTTP_SALLYPORT_END_META : tracker->cause;

    ngx_http_sallyport_tracker_break(tracker, cause, NULL);

    if (ngx_exiting) {
        ngx_http_sallyport_tracker_leave(tracker);
    }
}

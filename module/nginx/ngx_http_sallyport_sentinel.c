
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains Sentinels: each worker asks all of them who the primary
 * is, once a second. What most of those that answer say is believed, as far
 * as a server says of itself that it is one (greet.c).
 *
 * When they say something else, the connections to the old primary are ended,
 * whatever it still answers: those to the new one are made at once.
 */


#include "ngx_http_sallyport_store.h"


static const char *ngx_http_sallyport_sentinel_ready(
    ngx_http_sallyport_redis_t *redis);
static const char *ngx_http_sallyport_sentinel_reply(
    ngx_http_sallyport_redis_t *redis, ngx_http_sallyport_wire_t *wire,
    ngx_http_sallyport_reply_t *reply);
static void ngx_http_sallyport_sentinel_lost(
    ngx_http_sallyport_redis_t *redis, const char *why);
static void ngx_http_sallyport_sentinel_heard(
    ngx_http_sallyport_sentinel_t *sentinel,
    ngx_http_sallyport_place_t *place);
static void ngx_http_sallyport_sentinels_tick(ngx_event_t *ev);
static void ngx_http_sallyport_sentinels_count(
    ngx_http_sallyport_place_t *place, ngx_uint_t late);
static ngx_uint_t ngx_http_sallyport_sentinel_same(
    ngx_http_sallyport_sentinel_t *a, ngx_http_sallyport_sentinel_t *b);
static ngx_http_sallyport_sentinel_t *ngx_http_sallyport_sentinels_most(
    ngx_http_sallyport_place_t *place);
static void ngx_http_sallyport_sentinels_agree(
    ngx_http_sallyport_place_t *place,
    ngx_http_sallyport_sentinel_t *sentinel);
static void ngx_http_sallyport_sentinels_none(
    ngx_http_sallyport_place_t *place, const char *why);


static const ngx_http_sallyport_redis_kind_t  ngx_http_sallyport_sentinel = {
    .name = "sentinel",
    .pause_min = 1000,
    .pause_max = 1000,
    .ready = ngx_http_sallyport_sentinel_ready,
    .reply = ngx_http_sallyport_sentinel_reply,
    .lost = ngx_http_sallyport_sentinel_lost
};


ngx_int_t
ngx_http_sallyport_sentinels_init(ngx_http_sallyport_place_t *place,
    ngx_cycle_t *cycle)
{
    ngx_uint_t                      i;
    ngx_event_t                    *ev;
    ngx_http_sallyport_sentinel_t  *sentinel;

    for (i = 0; i < place->nsentinels; i++) {
        sentinel = &place->sentinels[i];

        if (ngx_http_sallyport_redis_init(&sentinel->redis, place->store,
                                          &ngx_http_sallyport_sentinel, cycle)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        sentinel->redis.data = sentinel;
        sentinel->redis.sentinel = 1;
        sentinel->redis.label = &sentinel->label;
        sentinel->redis.hard = NGX_HTTP_SALLYPORT_ASK;
    }

    ev = &place->tick;

    ngx_memzero(ev, sizeof(ngx_event_t));
    ev->handler = ngx_http_sallyport_sentinels_tick;
    ev->data = place;
    ev->log = cycle->log;
    ev->cancelable = 1;

    place->ident[3] = (void *) -1;

    ngx_add_timer(ev, 1);

    return NGX_OK;
}


void
ngx_http_sallyport_sentinels_close(ngx_http_sallyport_place_t *place)
{
    ngx_uint_t  i;

    if (place->tick.timer_set) {
        ngx_del_timer(&place->tick);
    }

    for (i = 0; i < place->nsentinels; i++) {
        ngx_http_sallyport_redis_close(&place->sentinels[i].redis);
    }
}


ngx_int_t
ngx_http_sallyport_sentinels_endpoint(ngx_http_sallyport_place_t *place,
    ngx_http_sallyport_redis_t *redis, ngx_addr_t **addr)
{
    if (place->agreed
        && ngx_current_msec - place->agreed_at < NGX_HTTP_SALLYPORT_ASKED_OLD)
    {
        redis->host.data = place->primary_host;
        redis->host.len = place->primary_len;

        *addr = &place->primary.addrs[0];

        return NGX_OK;
    }

    redis->asked = 1;
    ngx_queue_insert_tail(&place->asking, &redis->asking);

    return NGX_AGAIN;
}


/* A round: all are asked anew, and those that cannot be are tried. */

static void
ngx_http_sallyport_sentinels_tick(ngx_event_t *ev)
{
    ngx_uint_t                    i;
    ngx_http_sallyport_place_t   *place;
    ngx_http_sallyport_redis_t   *redis;

    place = ev->data;

    if (ngx_exiting && place->store->lookups == NULL) {
        return;
    }

    /* of the round before: some may have been silent */

    if (place->round != 0 && !place->counted) {
        ngx_http_sallyport_sentinels_count(place, 1);
    }

    place->round++;
    place->counted = 0;

    for (i = 0; i < place->nsentinels; i++) {
        redis = &place->sentinels[i].redis;

        if (redis->state == NGX_HTTP_SALLYPORT_R_CLOSED) {
            ngx_http_sallyport_redis_want(redis);

        } else if (redis->state == NGX_HTTP_SALLYPORT_R_READY
                   && redis->nwire == 0)
        {
            (void) ngx_http_sallyport_sentinel_ready(redis);
        }
    }

    ngx_add_timer(ev, NGX_HTTP_SALLYPORT_ASK);
}


static const char *
ngx_http_sallyport_sentinel_ready(ngx_http_sallyport_redis_t *redis)
{
    size_t                       lens[3];
    const char                  *argv[3];
    ngx_http_sallyport_place_t  *place;

    place = redis->store->place;

    argv[0] = "SENTINEL";
    argv[1] = "GET-MASTER-ADDR-BY-NAME";
    argv[2] = (const char *) place->master.data;

    lens[0] = ngx_strlen(argv[0]);
    lens[1] = ngx_strlen(argv[1]);
    lens[2] = place->master.len;

    return ngx_http_sallyport_redis_say(redis, NGX_HTTP_SALLYPORT_CMD_OWN,
                                        NULL, 3, argv, lens)
           == NGX_OK ? NULL : "cannot be asked";
}


static const char *
ngx_http_sallyport_sentinel_reply(ngx_http_sallyport_redis_t *redis,
    ngx_http_sallyport_wire_t *wire, ngx_http_sallyport_reply_t *reply)
{
    uint64_t                        port;
    sp_str_t                        host;
    ngx_http_sallyport_place_t     *place;
    ngx_http_sallyport_sentinel_t  *sentinel;

    place = redis->store->place;
    sentinel = redis->data;

    if (reply->type == NGX_HTTP_SALLYPORT_REPLY_ERROR) {
        return "refused to say who is primary";
    }

    if (reply->type == NGX_HTTP_SALLYPORT_REPLY_NIL
        || (reply->type == NGX_HTTP_SALLYPORT_REPLY_ARRAY && reply->n == 0))
    {
        return "knows no primary of that name";
    }

    host = reply->pairs[0].name;

    if (reply->type != NGX_HTTP_SALLYPORT_REPLY_ARRAY || reply->n != 2
        || host.len == 0 || host.len > NGX_HTTP_SALLYPORT_HOST_MAX
        || sp_parse_uint(reply->pairs[0].value, 65535, &port) != SP_OK
        || port == 0)
    {
        return "sent a reply of another kind";
    }

    ngx_memcpy(sentinel->host, host.data, host.len);
    sentinel->len = host.len;
    sentinel->port = (in_port_t) port;
    sentinel->vote = 1;

    ngx_http_sallyport_sentinel_heard(sentinel, place);

    return NULL;
}


static void
ngx_http_sallyport_sentinel_lost(ngx_http_sallyport_redis_t *redis,
    const char *why)
{
    ngx_http_sallyport_sentinel_t  *sentinel;

    sentinel = redis->data;
    sentinel->vote = 0;

    ngx_http_sallyport_sentinel_heard(sentinel, redis->store->place);
}


static void
ngx_http_sallyport_sentinel_heard(ngx_http_sallyport_sentinel_t *sentinel,
    ngx_http_sallyport_place_t *place)
{
    sentinel->heard = place->round;

    if (!place->counted) {
        ngx_http_sallyport_sentinels_count(place, 0);
    }
}


/*
 * More than half of all; when no more answers can come, more than half of
 * those that answered.
 */

static void
ngx_http_sallyport_sentinels_count(ngx_http_sallyport_place_t *place,
    ngx_uint_t late)
{
    ngx_uint_t                      i, heard, votes, same;
    ngx_http_sallyport_sentinel_t  *most, *other;

    most = ngx_http_sallyport_sentinels_most(place);

    for (i = 0, heard = 0, votes = 0, same = 0; i < place->nsentinels; i++) {
        other = &place->sentinels[i];

        if (other->heard != place->round) {
            continue;
        }

        heard++;

        if (other->vote) {
            votes++;
            same += ngx_http_sallyport_sentinel_same(other, most);
        }
    }

    if (2 * same <= place->nsentinels && heard != place->nsentinels && !late) {
        return;
    }

    place->counted = 1;

    if (votes == 0) {
        ngx_http_sallyport_sentinels_none(place, "has no Sentinel that says "
                                                 "who is primary");

    } else if (2 * same <= votes) {
        ngx_http_sallyport_sentinels_none(place, "has Sentinels that do not "
                                                 "agree who is primary");

    } else {
        ngx_http_sallyport_sentinels_agree(place, most);
    }
}


static ngx_uint_t
ngx_http_sallyport_sentinel_same(ngx_http_sallyport_sentinel_t *a,
    ngx_http_sallyport_sentinel_t *b)
{
    return a->port == b->port && a->len == b->len
           && ngx_memcmp(a->host, b->host, a->len) == 0;
}


/* The majority's, if there is one (Boyer and Moore, 1981). */

static ngx_http_sallyport_sentinel_t *
ngx_http_sallyport_sentinels_most(ngx_http_sallyport_place_t *place)
{
    ngx_uint_t                      i, n;
    ngx_http_sallyport_sentinel_t  *most, *other;

    most = NULL;

    for (i = 0, n = 0; i < place->nsentinels; i++) {
        other = &place->sentinels[i];

        if (other->heard != place->round || !other->vote) {
            continue;
        }

        if (n == 0) {
            most = other;
            n = 1;

        } else if (ngx_http_sallyport_sentinel_same(other, most)) {
            n++;

        } else {
            n--;
        }
    }

    return most;
}


static void
ngx_http_sallyport_sentinels_agree(ngx_http_sallyport_place_t *place,
    ngx_http_sallyport_sentinel_t *sentinel)
{
    ngx_uint_t  same;

    same = place->agreed && place->primary_port == sentinel->port
           && place->primary_len == sentinel->len
           && ngx_memcmp(place->primary_host, sentinel->host, sentinel->len)
              == 0;

    if (!same) {

        if (ngx_http_sallyport_address(&place->primary, sentinel->host,
                                       sentinel->len, sentinel->port)
            != NGX_OK)
        {
            ngx_http_sallyport_sentinels_none(place, "has Sentinels that name "
                                              "the primary by a host: they "
                                              "must announce addresses");
            return;
        }

        if (place->agreed) {
            ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                          "sallyport: store \"%V\": the primary is %*s:%d now",
                          &place->store->name, sentinel->len, sentinel->host,
                          (int) sentinel->port);
        }

        ngx_memcpy(place->primary_host, sentinel->host, sentinel->len);
        place->primary_len = sentinel->len;
        place->primary_port = sentinel->port;
    }

    place->agreed_at = ngx_current_msec;
    place->said = 0;

    if (!same && place->agreed) {
        ngx_http_sallyport_store_moved(place->store);
    }

    place->agreed = 1;

    ngx_http_sallyport_place_told(place, NULL);
}


/* What was agreed before counts for a while: they may be electing. */

static void
ngx_http_sallyport_sentinels_none(ngx_http_sallyport_place_t *place,
    const char *why)
{
    if (!place->said) {
        place->said = 1;
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "sallyport: store \"%V\" %s", &place->store->name, why);
    }

    if (place->agreed
        && ngx_current_msec - place->agreed_at < NGX_HTTP_SALLYPORT_ASKED_OLD)
    {
        return;
    }

    ngx_http_sallyport_place_told(place, why);
}

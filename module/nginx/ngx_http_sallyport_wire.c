
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the wire of a connection to Redis: commands go out in
 * order and replies are matched to them by order. A command keeps its place
 * until its reply came, whatever became of those who waited for it.
 *
 * Nothing here ends a connection: what finds it broken says why instead.
 */


#include "ngx_http_sallyport_store.h"


static ngx_uint_t ngx_http_sallyport_redis_full(
    ngx_http_sallyport_redis_t *redis, ngx_uint_t command);
static void ngx_http_sallyport_redis_sent(ngx_http_sallyport_redis_t *redis,
    ngx_uint_t command, void *data);
static size_t ngx_http_sallyport_redis_most(
    ngx_http_sallyport_redis_t *redis);


ngx_int_t
ngx_http_sallyport_redis_send(ngx_http_sallyport_redis_t *redis,
    ngx_http_sallyport_command_t command, void *data)
{
    ngx_int_t  rc;

    if (ngx_http_sallyport_redis_full(redis, command)) {
        return NGX_BUSY;
    }

    rc = ngx_http_sallyport_command_write(redis, command, data);

    if (rc == NGX_OK) {
        ngx_http_sallyport_redis_sent(redis, command, data);
    }

    return rc;
}


ngx_int_t
ngx_http_sallyport_redis_say(ngx_http_sallyport_redis_t *redis,
    ngx_uint_t command, void *data, int argc, const char **argv,
    size_t *lens)
{
    ngx_int_t  rc;

    if (ngx_http_sallyport_redis_full(redis, command)) {
        return NGX_BUSY;
    }

    rc = ngx_http_sallyport_command_argv(redis, argc, argv, lens);

    if (rc == NGX_OK) {
        ngx_http_sallyport_redis_sent(redis, command, data);
    }

    return rc;
}


/* One place is left for "meta", which must always fit. */

static ngx_uint_t
ngx_http_sallyport_redis_full(ngx_http_sallyport_redis_t *redis,
    ngx_uint_t command)
{
    return redis->nwire == NGX_HTTP_SALLYPORT_WIRE
           || (redis->nwire == NGX_HTTP_SALLYPORT_WIRE - 1
               && command != NGX_HTTP_SALLYPORT_CMD_META);
}


static void
ngx_http_sallyport_redis_sent(ngx_http_sallyport_redis_t *redis,
    ngx_uint_t command, void *data)
{
    ngx_http_sallyport_wire_t  *wire;

    if (command == NGX_HTTP_SALLYPORT_CMD_META) {
        redis->meta_asked = 1;
    }

    wire = &redis->wire[(redis->head + redis->nwire++)
                        % NGX_HTTP_SALLYPORT_WIRE];

    wire->command = command;
    wire->data = data;
    wire->sent = ngx_current_msec;

    /* commands of one turn of the event loop leave in one write */

    ngx_post_event(redis->connection->write, &ngx_posted_events);

    redis->connection->idle = 0;
    ngx_http_sallyport_redis_watch(redis);
}


void
ngx_http_sallyport_redis_watch(ngx_http_sallyport_redis_t *redis)
{
    ngx_msec_int_t     left;
    ngx_connection_t  *c;

    c = redis->connection;

    if (redis->nwire == 0) {

        if (c->read->timer_set) {
            ngx_del_timer(c->read);
        }

        c->idle = (redis->state == NGX_HTTP_SALLYPORT_R_READY);
        return;
    }

    left = (ngx_msec_int_t) (redis->wire[redis->head].sent + redis->hard
                             - ngx_current_msec);

    ngx_add_timer(c->read, (ngx_msec_t) ngx_max(left, 1));
}


ngx_int_t
ngx_http_sallyport_redis_flush(ngx_http_sallyport_redis_t *redis)
{
    ssize_t            n;
    ngx_connection_t  *c;

    c = redis->connection;

    while (redis->out_pos < redis->out_last && c->write->ready) {

        n = c->send(c, redis->out_pos, redis->out_last - redis->out_pos);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n <= 0) {
            return NGX_ERROR;
        }

        redis->out_pos += n;
    }

    return ngx_handle_write_event(c->write, 0);
}


/* Blocks that are too many are no reason to part from the store. */

static size_t
ngx_http_sallyport_redis_most(ngx_http_sallyport_redis_t *redis)
{
    return redis->nwire != 0
           && redis->wire[redis->head].command == NGX_HTTP_SALLYPORT_CMD_BLOCK
           ? NGX_HTTP_SALLYPORT_PENDING : NGX_HTTP_SALLYPORT_REPLY;
}


const char *
ngx_http_sallyport_redis_parse(ngx_http_sallyport_redis_t *redis, size_t n)
{
    void                       *object;
    const char                 *why;
    ngx_http_sallyport_wire_t   wire;

    redis->pending += n;

    if (redisReaderFeed(redis->reader, (char *) redis->in, n) != REDIS_OK) {
        return "sent what cannot be read";
    }

    for ( ;; ) {
        object = NULL;

        if (redisReaderGetReply(redis->reader, &object) != REDIS_OK) {
            return "sent what cannot be read";
        }

        if (object == NULL) {
            return redis->pending > ngx_http_sallyport_redis_most(redis)
                   ? "sent a reply over 64 KiB" : NULL;
        }

        if (!ngx_http_sallyport_reply_whole(redis->reply, object)) {
            return "sent a reply of another kind";
        }

        if (redis->nwire == 0) {
            return "sent a reply that nothing asked for";
        }

        wire = redis->wire[redis->head];

        redis->head = (redis->head + 1) % NGX_HTTP_SALLYPORT_WIRE;
        redis->nwire--;
        redis->pending = 0;
        redis->answered_at = ngx_current_msec;

        why = wire.command <= NGX_HTTP_SALLYPORT_CMD_META
              ? ngx_http_sallyport_greeted(redis, &wire, redis->reply)
              : redis->kind->reply(redis, &wire, redis->reply);

        if (why != NULL) {
            return why;
        }

        redis->reply->type = NGX_HTTP_SALLYPORT_REPLY_NONE;
    }
}

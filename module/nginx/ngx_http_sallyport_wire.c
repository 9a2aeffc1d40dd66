
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


static const char *ngx_http_sallyport_redis_reply(
    ngx_http_sallyport_store_t *store, ngx_http_sallyport_wire_t *wire);
static const char *ngx_http_sallyport_redis_meta(
    ngx_http_sallyport_store_t *store);
static void ngx_http_sallyport_redis_ready(ngx_http_sallyport_store_t *store);


ngx_int_t
ngx_http_sallyport_redis_send(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_command_t command, ngx_http_sallyport_lookup_t *lookup)
{
    ngx_int_t                   rc;
    ngx_connection_t           *c;
    ngx_http_sallyport_wire_t  *wire;
    ngx_http_sallyport_redis_t *redis;

    redis = &store->redis;
    c = redis->connection;

    /* one place is left for "meta", which must always fit */

    if (redis->nwire == NGX_HTTP_SALLYPORT_WIRE
        || (redis->nwire == NGX_HTTP_SALLYPORT_WIRE - 1
            && command != NGX_HTTP_SALLYPORT_CMD_META))
    {
        return NGX_BUSY;
    }

    rc = ngx_http_sallyport_command_write(store, command, lookup);
    if (rc != NGX_OK) {
        return rc;
    }

    if (command == NGX_HTTP_SALLYPORT_CMD_META) {
        redis->meta_asked = 1;
    }

    wire = &redis->wire[(redis->head + redis->nwire++)
                        % NGX_HTTP_SALLYPORT_WIRE];

    wire->command = command;
    wire->lookup = lookup;
    wire->sent = ngx_current_msec;

    /* look-ups of one turn of the event loop leave in one write */

    ngx_post_event(c->write, &ngx_posted_events);

    c->idle = 0;
    ngx_http_sallyport_redis_watch(store);

    return NGX_OK;
}


void
ngx_http_sallyport_redis_watch(ngx_http_sallyport_store_t *store)
{
    ngx_msec_int_t              left;
    ngx_connection_t           *c;
    ngx_http_sallyport_redis_t *redis;

    redis = &store->redis;
    c = redis->connection;

    if (redis->nwire == 0) {

        if (c->read->timer_set) {
            ngx_del_timer(c->read);
        }

        c->idle = (redis->state == NGX_HTTP_SALLYPORT_R_READY);
        return;
    }

    left = (ngx_msec_int_t) (redis->wire[redis->head].sent + store->hard
                             - ngx_current_msec);

    ngx_add_timer(c->read, (ngx_msec_t) ngx_max(left, 1));
}


ngx_int_t
ngx_http_sallyport_redis_flush(ngx_http_sallyport_store_t *store)
{
    ssize_t                     n;
    ngx_connection_t           *c;
    ngx_http_sallyport_redis_t *redis;

    redis = &store->redis;
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


const char *
ngx_http_sallyport_redis_parse(ngx_http_sallyport_store_t *store, size_t n)
{
    void                       *object;
    const char                 *why;
    ngx_http_sallyport_wire_t   wire;
    ngx_http_sallyport_redis_t *redis;

    redis = &store->redis;

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
            return redis->pending > NGX_HTTP_SALLYPORT_REPLY
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

        why = ngx_http_sallyport_redis_reply(store, &wire);

        if (why != NULL) {
            return why;
        }

        redis->reply->type = NGX_HTTP_SALLYPORT_REPLY_NONE;
    }
}


static const char *
ngx_http_sallyport_redis_reply(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_wire_t *wire)
{
    ngx_http_sallyport_reply_t *reply;

    reply = store->redis.reply;

    store->answered_at = ngx_current_msec;

    if (reply->type == NGX_HTTP_SALLYPORT_REPLY_ERROR
        && reply->error_len == sizeof("NOAUTH") - 1
        && ngx_memcmp(reply->error, "NOAUTH", reply->error_len) == 0)
    {
        return "wants a password: add password_file=FILE";
    }

    switch (wire->command) {

    case NGX_HTTP_SALLYPORT_CMD_AUTH:
        return reply->type == NGX_HTTP_SALLYPORT_REPLY_STATUS
               ? NULL : "refused the user or the password";

    case NGX_HTTP_SALLYPORT_CMD_SELECT:
        return reply->type == NGX_HTTP_SALLYPORT_REPLY_STATUS
               ? NULL : "refused the number of the database";

    case NGX_HTTP_SALLYPORT_CMD_SETNAME:

        /* a courtesy to operators; users may lack the right to it */

        return reply->type != NGX_HTTP_SALLYPORT_REPLY_ARRAY
               ? NULL : "sent a reply of another kind";

    case NGX_HTTP_SALLYPORT_CMD_META:
        return ngx_http_sallyport_redis_meta(store);

    default:
        if (ngx_http_sallyport_lookup_reply(store, wire->lookup, reply)
            != NGX_OK)
        {
            return "sent a reply of another kind";
        }

        ngx_http_sallyport_lookup_pump(store);
        return NULL;
    }
}


/*
 * An empty database knows no key, and would turn every caller away as
 * unknown. So it must say that it is ours: "meta" holds the schema.
 */

static const char *
ngx_http_sallyport_redis_meta(ngx_http_sallyport_store_t *store)
{
    uint64_t                    schema;
    ngx_uint_t                  i;
    ngx_http_sallyport_reply_t *reply;

    reply = store->redis.reply;

    store->redis.meta_asked = 0;

    if (reply->type == NGX_HTTP_SALLYPORT_REPLY_ERROR) {
        return "answered HGETALL of \"meta\" with an error";
    }

    if (reply->type != NGX_HTTP_SALLYPORT_REPLY_ARRAY) {
        return "sent a reply of another kind";
    }

    if (reply->n == 0) {
        return "has no \"meta\" hash under the prefix: it is empty or not "
               "ours, and nothing is looked up there";
    }

    for (i = 0; i < reply->n / 2; i++) {

        if (!sp_str_eq(reply->pairs[i].name, SP_STR("schema"))) {
            continue;
        }

        if (sp_parse_uint(reply->pairs[i].value, SP_ACCOUNT_SCHEMA, &schema)
            != SP_OK)
        {
            return "has a schema in \"meta\" that this version does not read";
        }

        ngx_http_sallyport_redis_ready(store);

        return NULL;
    }

    return "has no schema in \"meta\"";
}


static void
ngx_http_sallyport_redis_ready(ngx_http_sallyport_store_t *store)
{
    if (store->failures != 0) {
        store->said[NGX_HTTP_SALLYPORT_SAY_STORE].once = 0;
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "sallyport: store \"%V\" answers again", &store->name);
    }

    store->failures = 0;
    store->redis.state = NGX_HTTP_SALLYPORT_R_READY;

    ngx_http_sallyport_lookup_sure(store);
    ngx_http_sallyport_lookup_pump(store);
}

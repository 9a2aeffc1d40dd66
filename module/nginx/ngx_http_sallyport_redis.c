
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the life of a connection to Redis: its states (drawn in
 * ngx_http_sallyport_redis.h), from the connect to the close.
 *
 * Replies match commands by order, so a command keeps its place on the wire
 * until its reply came, whatever became of those who waited; a place that is
 * overdue closes the connection, and with it all places.
 *
 * Only the handlers at the bottom of a stack (read, write, connect), and
 * redis_end() may end a connection. What they call returns why instead.
 */


#include "ngx_http_sallyport_store.h"


static void ngx_http_sallyport_redis_connect_handler(ngx_event_t *ev);
static ngx_int_t ngx_http_sallyport_redis_open(
    ngx_http_sallyport_redis_t *redis, ngx_addr_t *addr);
static void ngx_http_sallyport_redis_attach(ngx_http_sallyport_redis_t *redis,
    ngx_connection_t *c);
static void ngx_http_sallyport_redis_read_handler(ngx_event_t *rev);
static void ngx_http_sallyport_redis_write_handler(ngx_event_t *wev);
static const char *ngx_http_sallyport_redis_ended(
    ngx_http_sallyport_redis_t *redis, ssize_t n);
static ngx_uint_t ngx_http_sallyport_redis_late(
    ngx_http_sallyport_redis_t *redis);
static ngx_int_t ngx_http_sallyport_redis_connected(
    ngx_http_sallyport_redis_t *redis);
static void ngx_http_sallyport_redis_begin(
    ngx_http_sallyport_redis_t *redis);
static void ngx_http_sallyport_redis_drop(ngx_http_sallyport_redis_t *redis);
static void ngx_http_sallyport_redis_rest(ngx_http_sallyport_redis_t *redis);
static void ngx_http_sallyport_redis_fail(ngx_http_sallyport_redis_t *redis,
    const char *why);
static ngx_uint_t ngx_http_sallyport_redis_quiet(
    ngx_http_sallyport_redis_t *redis);
static ngx_uint_t ngx_http_sallyport_redis_loud(
    ngx_http_sallyport_redis_t *redis);
static ngx_msec_t ngx_http_sallyport_redis_step(
    ngx_http_sallyport_redis_t *redis);
static ngx_msec_t ngx_http_sallyport_redis_pause(
    ngx_http_sallyport_redis_t *redis);
static u_char *ngx_http_sallyport_redis_log_error(ngx_log_t *log, u_char *buf,
    size_t len);


ngx_int_t
ngx_http_sallyport_redis_init(ngx_http_sallyport_redis_t *redis,
    ngx_http_sallyport_store_t *store,
    const ngx_http_sallyport_redis_kind_t *kind, ngx_cycle_t *cycle)
{
    ngx_event_t  *ev;

    redis->kind = kind;
    redis->store = store;
    redis->hard = store->hard;
    redis->label = &store->name;

    redis->reply = ngx_pcalloc(cycle->pool,
                               sizeof(ngx_http_sallyport_reply_t));
    redis->in = ngx_palloc(cycle->pool, NGX_HTTP_SALLYPORT_IN);
    redis->out = ngx_palloc(cycle->pool, NGX_HTTP_SALLYPORT_OUT);

    if (redis->reply == NULL || redis->in == NULL || redis->out == NULL) {
        return NGX_ERROR;
    }

    redis->log = *cycle->log;
    redis->log.handler = ngx_http_sallyport_redis_log_error;
    redis->log.data = redis;
    redis->log.action = NULL;

    ev = &redis->connect;

    ngx_memzero(ev, sizeof(ngx_event_t));

    ev->handler = ngx_http_sallyport_redis_connect_handler;
    ev->data = redis;
    ev->log = cycle->log;
    ev->cancelable = 1;

    redis->ident[3] = (void *) -1;
    redis->started = 1;

    return NGX_OK;
}


void
ngx_http_sallyport_redis_want(ngx_http_sallyport_redis_t *redis)
{
    if (redis->state != NGX_HTTP_SALLYPORT_R_CLOSED) {
        return;
    }

    if (redis->opened == 0
        || ngx_current_msec - redis->opened_at
           >= ngx_http_sallyport_redis_step(redis))
    {
        ngx_post_event(&redis->connect, &ngx_posted_events);

    } else if (!redis->connect.timer_set) {
        ngx_add_timer(&redis->connect, ngx_http_sallyport_redis_pause(redis));
    }
}


void
ngx_http_sallyport_redis_later(ngx_http_sallyport_redis_t *redis,
    ngx_msec_t ms)
{
    if (redis->state == NGX_HTTP_SALLYPORT_R_CLOSED
        && !redis->connect.timer_set)
    {
        ngx_add_timer(&redis->connect, ms);
    }
}


static void
ngx_http_sallyport_redis_connect_handler(ngx_event_t *ev)
{
    ngx_int_t                    rc;
    ngx_addr_t                  *addr;
    ngx_http_sallyport_redis_t  *redis;

    redis = ev->data;

    if (redis->state != NGX_HTTP_SALLYPORT_R_CLOSED
        || (redis->kind->wanted != NULL && !redis->kind->wanted(redis)))
    {
        return;
    }

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    rc = redis->asked ? NGX_AGAIN : ngx_http_sallyport_endpoint(redis, &addr);

    if (rc == NGX_AGAIN) {
        return;
    }

    if (redis->opened++ > 0) {
        ngx_http_sallyport_count(redis->store->zone,
                                 NGX_HTTP_SALLYPORT_C_RECONNECT);
    }

    redis->opened_at = ngx_current_msec;

    if (rc != NGX_OK) {
        ngx_http_sallyport_redis_fail(redis, "has no address now");
        return;
    }

    switch (ngx_http_sallyport_redis_open(redis, addr)) {

    case NGX_OK:
        ngx_http_sallyport_redis_begin(redis);
        break;

    case NGX_AGAIN:
        break;

    case NGX_ABORT:
        ngx_http_sallyport_redis_fail(redis,
                                      "got no memory for its replies");
        break;

    default:
        (void) ngx_http_sallyport_redis_loud(redis);
        ngx_http_sallyport_redis_fail(redis, NULL);
    }
}


void
ngx_http_sallyport_redis_placed(ngx_http_sallyport_redis_t *redis,
    const char *why)
{
    redis->asked = 0;

    if (redis->state != NGX_HTTP_SALLYPORT_R_CLOSED) {
        return;
    }

    if (why == NULL) {
        ngx_post_event(&redis->connect, &ngx_posted_events);
        return;
    }

    redis->opened++;
    redis->opened_at = ngx_current_msec;

    ngx_http_sallyport_redis_fail(redis, why);
}


/* The socket is connected: TLS, if it is to be, and the greeting. */

static void
ngx_http_sallyport_redis_begin(ngx_http_sallyport_redis_t *redis)
{
    ngx_int_t  rc;

    if (!redis->store->tls->on) {
        ngx_http_sallyport_redis_secured(redis, NULL);
        return;
    }

    rc = ngx_http_sallyport_tls_start(redis);

    if (rc == NGX_AGAIN) {
        return;
    }

    ngx_http_sallyport_redis_secured(redis, rc == NGX_OK
                                       ? ngx_http_sallyport_tls_verify(redis)
                                       : "failed the TLS handshake");
}


void
ngx_http_sallyport_redis_secured(ngx_http_sallyport_redis_t *redis,
    const char *why)
{
    ngx_connection_t  *c;

    c = redis->connection;
    c->read->handler = ngx_http_sallyport_redis_read_handler;
    c->write->handler = ngx_http_sallyport_redis_write_handler;

    if (why == NULL && ngx_http_sallyport_greet(redis) != NGX_OK) {
        why = "could not be greeted";
    }

    if (why != NULL) {
        ngx_http_sallyport_redis_fail(redis, why);
    }
}


/* NGX_OK, NGX_AGAIN: attached; NGX_ABORT: that, but without a reader. */

static ngx_int_t
ngx_http_sallyport_redis_open(ngx_http_sallyport_redis_t *redis,
    ngx_addr_t *addr)
{
    ngx_int_t               rc;
    ngx_peer_connection_t  *peer;

    /*
     * Until it is READY nginx logs why a connect, a handshake or a first read
     * failed; not each second for hours, though.
     */

    redis->log.log_level = ngx_http_sallyport_redis_quiet(redis)
                           ? NGX_LOG_ALERT : ngx_cycle->log->log_level;

    peer = &redis->peer;

    ngx_memzero(peer, sizeof(ngx_peer_connection_t));

    peer->sockaddr = addr->sockaddr;
    peer->socklen = addr->socklen;
    peer->name = &addr->name;
    peer->get = ngx_event_get_peer;
    peer->log = &redis->log;
    peer->log_error = NGX_ERROR_ERR;
    peer->so_keepalive = (addr->sockaddr->sa_family != AF_UNIX);

    rc = ngx_event_connect_peer(peer);

    if (rc != NGX_OK && rc != NGX_AGAIN) {
        if (peer->connection != NULL) {
            ngx_close_connection(peer->connection);
            peer->connection = NULL;
        }

        return NGX_ERROR;
    }

    ngx_http_sallyport_redis_attach(redis, peer->connection);

    return redis->reader != NULL ? rc : NGX_ABORT;
}


static void
ngx_http_sallyport_redis_attach(ngx_http_sallyport_redis_t *redis,
    ngx_connection_t *c)
{
    c->data = redis;
    c->sendfile = 0;
    c->read->handler = ngx_http_sallyport_redis_read_handler;
    c->write->handler = ngx_http_sallyport_redis_write_handler;
    c->read->cancelable = 1;
    c->log = &redis->log;
    c->read->log = c->log;
    c->write->log = c->log;

    redis->connection = c;
    redis->state = NGX_HTTP_SALLYPORT_R_CONNECTING;
    redis->log.connection = c->number;
    redis->out_pos = redis->out;
    redis->out_last = redis->out;
    redis->pending = 0;
    redis->head = 0;
    redis->nwire = 0;
    redis->meta_asked = 0;
    redis->feeds = 0;
    redis->run_id = 0;
    redis->evicts = 0;
    redis->foreign = 0;

    redis->reader = ngx_http_sallyport_reply_reader(redis->reply);

    if (redis->store->tls->on) {
        c->pool = ngx_create_pool(256, &redis->log);     /* of its TLS */

        if (c->pool == NULL && redis->reader != NULL) {
            redisReaderFree(redis->reader);
            redis->reader = NULL;
        }
    }

    ngx_add_timer(c->read, redis->hard + (redis->store->tls->on ? 1000 : 0));
}


static ngx_int_t
ngx_http_sallyport_redis_connected(ngx_http_sallyport_redis_t *redis)
{
    int        err;
    socklen_t  len;

    err = 0;
    len = sizeof(int);

    if (getsockopt(redis->connection->fd, SOL_SOCKET, SO_ERROR,
                   (void *) &err, &len)
        == -1)
    {
        err = ngx_socket_errno;
    }

    if (err != 0) {

        if (ngx_http_sallyport_redis_loud(redis)) {
            ngx_log_error(NGX_LOG_ERR, &redis->log, err,
                          "sallyport: connect() failed");
        }

        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_sallyport_redis_write_handler(ngx_event_t *wev)
{
    ngx_connection_t            *c;
    ngx_http_sallyport_redis_t  *redis;

    c = wev->data;
    redis = c->data;

    if (redis->state == NGX_HTTP_SALLYPORT_R_CONNECTING) {

        if (ngx_http_sallyport_redis_connected(redis) != NGX_OK) {
            ngx_http_sallyport_redis_fail(redis, NULL);
            return;
        }

        ngx_http_sallyport_redis_begin(redis);

        if (redis->state != NGX_HTTP_SALLYPORT_R_GREETING
            && redis->state != NGX_HTTP_SALLYPORT_R_READY)
        {
            return;
        }
    }

    if (ngx_http_sallyport_redis_flush(redis) != NGX_OK) {
        ngx_http_sallyport_redis_fail(redis, "send() failed");
    }
}


static void
ngx_http_sallyport_redis_read_handler(ngx_event_t *rev)
{
    ssize_t                      n;
    const char                  *why;
    ngx_connection_t            *c;
    ngx_http_sallyport_redis_t  *redis;

    c = rev->data;
    redis = c->data;

    if (c->close) {
        ngx_http_sallyport_redis_rest(redis);
        return;
    }

    if (rev->timedout) {
        rev->timedout = 0;

        if (ngx_http_sallyport_redis_late(redis)) {
            ngx_http_sallyport_redis_fail(redis, "timed out");

        } else {
            ngx_http_sallyport_redis_watch(redis);
        }

        return;
    }

    if (redis->state == NGX_HTTP_SALLYPORT_R_CONNECTING) {
        return;
    }

    for ( ;; ) {
        n = c->recv(c, redis->in, NGX_HTTP_SALLYPORT_IN);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n == 0 && redis->nwire == 0 && !redis->feeds
            && redis->state == NGX_HTTP_SALLYPORT_R_READY)
        {
            ngx_http_sallyport_redis_rest(redis);
            return;
        }

        why = n > 0 ? redis->feeds ? redis->kind->feed(redis, n)
                                   : ngx_http_sallyport_redis_parse(redis, n)
                    : ngx_http_sallyport_redis_ended(redis, n);

        if (why != NULL) {
            ngx_http_sallyport_redis_fail(redis, why);
            return;
        }
    }

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_http_sallyport_redis_fail(redis, "cannot be polled");
        return;
    }

    ngx_http_sallyport_redis_watch(redis);

    if (ngx_exiting && redis->nwire == 0
        && redis->state == NGX_HTTP_SALLYPORT_R_READY)
    {
        ngx_http_sallyport_redis_rest(redis);
    }
}


/* In TLS 1.3 a server that wants a certificate says so after the handshake. */

static const char *
ngx_http_sallyport_redis_ended(ngx_http_sallyport_redis_t *redis, ssize_t n)
{
    if (redis->state == NGX_HTTP_SALLYPORT_R_GREETING
        && redis->store->tls->on && redis->store->tls->cert.len == 0)
    {
        return "ended the connection before it answered: it may want a "
               "certificate of ours, by cert=FILE and key=FILE";
    }

    return n == 0 ? "closed the connection" : "recv() failed";
}


/* nginx leaves a timer that is nearly right as it is: is this one due? */

static ngx_uint_t
ngx_http_sallyport_redis_late(ngx_http_sallyport_redis_t *redis)
{
    return redis->nwire == 0
           || (ngx_msec_int_t) (ngx_current_msec
                                - redis->wire[redis->head].sent)
              >= (ngx_msec_int_t) redis->hard;
}


void
ngx_http_sallyport_redis_close(ngx_http_sallyport_redis_t *redis)
{
    if (!redis->started) {
        return;
    }

    if (redis->connect.timer_set) {
        ngx_del_timer(&redis->connect);
    }

    if (redis->connect.posted) {
        ngx_delete_posted_event(&redis->connect);
    }

    if (redis->asked) {
        redis->asked = 0;
        ngx_queue_remove(&redis->asking);
    }

    ngx_http_sallyport_redis_drop(redis);
}


static void
ngx_http_sallyport_redis_drop(ngx_http_sallyport_redis_t *redis)
{
    ngx_pool_t  *pool;

    if (redis->connection != NULL) {
        ngx_http_sallyport_tls_close(redis->connection);

        pool = redis->connection->pool;

        ngx_close_connection(redis->connection);
        redis->connection = NULL;

        if (pool != NULL) {
            ngx_destroy_pool(pool);
        }
    }

    if (redis->reader != NULL) {
        redisReaderFree(redis->reader);
        redis->reader = NULL;
    }

    redis->state = NGX_HTTP_SALLYPORT_R_CLOSED;
    redis->nwire = 0;
}


void
ngx_http_sallyport_redis_end(ngx_http_sallyport_redis_t *redis,
    const char *why)
{
    if (redis->state == NGX_HTTP_SALLYPORT_R_CLOSED) {
        return;
    }

    if (why != NULL) {
        ngx_http_sallyport_redis_fail(redis, why);

    } else {
        ngx_http_sallyport_redis_rest(redis);
    }
}


/* Ended in peace: by nginx, or by Redis while nothing was on the wire. */

static void
ngx_http_sallyport_redis_rest(ngx_http_sallyport_redis_t *redis)
{
    ngx_http_sallyport_redis_drop(redis);

    if (!ngx_exiting) {
        ngx_http_sallyport_redis_later(redis,
                                     ngx_http_sallyport_redis_pause(redis));
    }

    redis->kind->lost(redis, NULL);
}


static void
ngx_http_sallyport_redis_fail(ngx_http_sallyport_redis_t *redis,
    const char *why)
{
    ngx_str_t                   *name;
    ngx_http_sallyport_reply_t  *reply;

    name = redis->label;
    reply = redis->reply;

    if (why != NULL && ngx_http_sallyport_redis_loud(redis)) {

        if (reply->type == NGX_HTTP_SALLYPORT_REPLY_ERROR) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "sallyport: store \"%V\" %s (%*s)", name,
                          why, reply->error_len, reply->error);

        } else {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "sallyport: store \"%V\" %s", name, why);
        }
    }

    reply->type = NGX_HTTP_SALLYPORT_REPLY_NONE;
    redis->failures++;

    ngx_http_sallyport_redis_drop(redis);

    if (!ngx_exiting) {
        ngx_http_sallyport_redis_later(redis,
                                     ngx_http_sallyport_redis_pause(redis));
    }

    redis->kind->lost(redis, why != NULL ? why : "cannot be reached");
}


static ngx_uint_t
ngx_http_sallyport_redis_quiet(ngx_http_sallyport_redis_t *redis)
{
    return redis->said.once
           && ngx_current_msec - redis->said.at < NGX_HTTP_SALLYPORT_QUIET;
}


static ngx_uint_t
ngx_http_sallyport_redis_loud(ngx_http_sallyport_redis_t *redis)
{
    if (ngx_http_sallyport_redis_quiet(redis)) {
        return 0;
    }

    redis->said.once = 1;
    redis->said.at = ngx_current_msec;

    return 1;
}


/* The least time from one connect to the next. */

static ngx_msec_t
ngx_http_sallyport_redis_step(ngx_http_sallyport_redis_t *redis)
{
    ngx_uint_t  n;
    ngx_msec_t  step;

    step = redis->kind->pause_min;

    for (n = 1; n < redis->failures && step < redis->kind->pause_max; n++) {
        step *= 2;
    }

    return ngx_min(step, redis->kind->pause_max);
}


/*
 * Workers and hosts that lost the same Redis together come back at different
 * times.
 */

static ngx_msec_t
ngx_http_sallyport_redis_pause(ngx_http_sallyport_redis_t *redis)
{
    ngx_msec_t      step;
    ngx_msec_int_t  since;

    step = ngx_http_sallyport_redis_step(redis);
    since = (ngx_msec_int_t) (ngx_current_msec - redis->opened_at);

    if (since >= (ngx_msec_int_t) step) {
        return ngx_random() % (step / 2) + 1;
    }

    return step - ngx_max(since, 0) + ngx_random() % (step / 10);
}


static u_char *
ngx_http_sallyport_redis_log_error(ngx_log_t *log, u_char *buf, size_t len)
{
    ngx_http_sallyport_redis_t *redis;

    redis = log->data;

    return ngx_snprintf(buf, len, ", sallyport store: \"%V\"",
                        &redis->store->name);
}

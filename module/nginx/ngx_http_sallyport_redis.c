
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains a worker's connection to one Redis: its states (drawn
 * in ngx_http_sallyport_store.h), the commands on the wire, and the reader.
 *
 * hiredis formats commands and parses replies; sockets and timers are
 * nginx's. Replies match commands by order, so a command keeps its place on
 * the wire until its reply came, whatever became of those who waited; a
 * place that is overdue closes the connection, and with it all places.
 *
 * Only the handlers at the bottom of a stack (read, write, connect) may end
 * a connection. What they call returns NGX_ERROR instead.
 */


#include "ngx_http_sallyport_store.h"


static void ngx_http_sallyport_redis_connect_handler(ngx_event_t *ev);
static void ngx_http_sallyport_redis_attach(ngx_http_sallyport_store_t *store,
    ngx_connection_t *c);
static void ngx_http_sallyport_redis_read_handler(ngx_event_t *rev);
static void ngx_http_sallyport_redis_write_handler(ngx_event_t *wev);
static ngx_int_t ngx_http_sallyport_redis_connected(
    ngx_http_sallyport_store_t *store);
static ngx_int_t ngx_http_sallyport_redis_greet(
    ngx_http_sallyport_store_t *store);
static void ngx_http_sallyport_redis_rest(ngx_http_sallyport_store_t *store);
static void ngx_http_sallyport_redis_fail(ngx_http_sallyport_store_t *store,
    const char *why);
static ngx_msec_t ngx_http_sallyport_redis_pause(
    ngx_http_sallyport_store_t *store);
static u_char *ngx_http_sallyport_redis_log_error(ngx_log_t *log, u_char *buf,
    size_t len);


ngx_int_t
ngx_http_sallyport_redis_init(ngx_http_sallyport_store_t *store,
    ngx_cycle_t *cycle)
{
    ngx_event_t                *ev;
    ngx_http_sallyport_redis_t *redis;

    redis = &store->redis;

    redis->reply = ngx_pcalloc(cycle->pool,
                               sizeof(ngx_http_sallyport_reply_t));
    redis->in = ngx_palloc(cycle->pool, NGX_HTTP_SALLYPORT_IN);
    redis->out = ngx_palloc(cycle->pool, NGX_HTTP_SALLYPORT_OUT);

    if (redis->reply == NULL || redis->in == NULL || redis->out == NULL) {
        return NGX_ERROR;
    }

    redis->log = *cycle->log;
    redis->log.handler = ngx_http_sallyport_redis_log_error;
    redis->log.data = store;
    redis->log.action = NULL;

    ev = &store->connect;

    ngx_memzero(ev, sizeof(ngx_event_t));

    ev->handler = ngx_http_sallyport_redis_connect_handler;
    ev->data = store;
    ev->log = cycle->log;
    ev->cancelable = 1;

    store->ident[3] = (void *) -1;

    /* the first connection does not wait for a request */

    ngx_add_timer(ev, ngx_random() % 50 + 1);

    return NGX_OK;
}


void
ngx_http_sallyport_redis_want(ngx_http_sallyport_store_t *store)
{
    if (store->redis.state != NGX_HTTP_SALLYPORT_R_CLOSED) {
        return;
    }

    if (store->opened == 0
        || ngx_current_msec - store->opened_at >= NGX_HTTP_SALLYPORT_RETRY)
    {
        ngx_post_event(&store->connect, &ngx_posted_events);

    } else if (!store->connect.timer_set) {
        ngx_add_timer(&store->connect, ngx_http_sallyport_redis_pause(store));
    }
}


static void
ngx_http_sallyport_redis_connect_handler(ngx_event_t *ev)
{
    ngx_int_t                   rc;
    ngx_addr_t                 *addr;
    ngx_uint_t                  quiet;
    ngx_peer_connection_t      *peer;
    ngx_http_sallyport_redis_t *redis;
    ngx_http_sallyport_store_t *store;

    store = ev->data;
    redis = &store->redis;

    if (redis->state != NGX_HTTP_SALLYPORT_R_CLOSED
        || (ngx_exiting && ngx_queue_empty(&store->active)))
    {
        return;
    }

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    if (store->opened++ > 0) {
        ngx_http_sallyport_count(store->zone, NGX_HTTP_SALLYPORT_C_RECONNECT);
    }

    store->opened_at = ngx_current_msec;

    /* nginx logs why a connect failed; not each second for hours, though */

    quiet = ngx_http_sallyport_store_quiet(store,
                                           NGX_HTTP_SALLYPORT_SAY_STORE);

    redis->log.log_level = quiet ? NGX_LOG_ALERT : ngx_cycle->log->log_level;

    addr = &store->addrs[store->failures % store->naddrs];
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

    redis->log.log_level = ngx_cycle->log->log_level;

    if (rc != NGX_OK && rc != NGX_AGAIN) {
        if (peer->connection != NULL) {
            ngx_close_connection(peer->connection);
            peer->connection = NULL;
        }

        (void) ngx_http_sallyport_store_loud(store,
                                             NGX_HTTP_SALLYPORT_SAY_STORE);

        ngx_http_sallyport_redis_fail(store, NULL);
        return;
    }

    ngx_http_sallyport_redis_attach(store, peer->connection);

    if (redis->reader == NULL) {
        ngx_http_sallyport_redis_fail(store, "got no memory for its replies");
        return;
    }

    if (rc == NGX_OK && ngx_http_sallyport_redis_greet(store) != NGX_OK) {
        ngx_http_sallyport_redis_fail(store, "could not be greeted");
    }
}


static void
ngx_http_sallyport_redis_attach(ngx_http_sallyport_store_t *store,
    ngx_connection_t *c)
{
    ngx_http_sallyport_redis_t *redis;

    redis = &store->redis;

    c->data = store;
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

    redis->reader = ngx_http_sallyport_reply_reader(redis->reply);

    ngx_add_timer(c->read, store->hard);
}


static ngx_int_t
ngx_http_sallyport_redis_connected(ngx_http_sallyport_store_t *store)
{
    int        err;
    socklen_t  len;

    err = 0;
    len = sizeof(int);

    if (getsockopt(store->redis.connection->fd, SOL_SOCKET, SO_ERROR,
                   (void *) &err, &len)
        == -1)
    {
        err = ngx_socket_errno;
    }

    if (err != 0) {

        if (ngx_http_sallyport_store_loud(store,
                                          NGX_HTTP_SALLYPORT_SAY_STORE))
        {
            ngx_log_error(NGX_LOG_ERR, &store->redis.log, err,
                          "sallyport: connect() failed");
        }

        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sallyport_redis_greet(ngx_http_sallyport_store_t *store)
{
    store->redis.state = NGX_HTTP_SALLYPORT_R_GREETING;

    if ((store->password.len != 0
         && ngx_http_sallyport_redis_send(store, NGX_HTTP_SALLYPORT_CMD_AUTH,
                                          NULL)
            != NGX_OK)
        || (store->db.len != 0
            && ngx_http_sallyport_redis_send(store,
                                             NGX_HTTP_SALLYPORT_CMD_SELECT,
                                             NULL)
               != NGX_OK)
        || ngx_http_sallyport_redis_send(store,
                                         NGX_HTTP_SALLYPORT_CMD_SETNAME, NULL)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_sallyport_redis_send(store, NGX_HTTP_SALLYPORT_CMD_META,
                                         NULL);
}


static void
ngx_http_sallyport_redis_write_handler(ngx_event_t *wev)
{
    ngx_connection_t           *c;
    ngx_http_sallyport_store_t *store;

    c = wev->data;
    store = c->data;

    if (store->redis.state == NGX_HTTP_SALLYPORT_R_CONNECTING) {

        if (ngx_http_sallyport_redis_connected(store) != NGX_OK
            || ngx_http_sallyport_redis_greet(store) != NGX_OK)
        {
            ngx_http_sallyport_redis_fail(store, NULL);
            return;
        }
    }

    if (ngx_http_sallyport_redis_flush(store) != NGX_OK) {
        ngx_http_sallyport_redis_fail(store, "send() failed");
    }
}


static void
ngx_http_sallyport_redis_read_handler(ngx_event_t *rev)
{
    ssize_t                     n;
    const char                 *why;
    ngx_connection_t           *c;
    ngx_http_sallyport_redis_t *redis;
    ngx_http_sallyport_store_t *store;

    c = rev->data;
    store = c->data;
    redis = &store->redis;

    if (c->close) {
        ngx_http_sallyport_redis_rest(store);
        return;
    }

    if (rev->timedout) {
        rev->timedout = 0;

        /* nginx leaves a timer that is nearly right as it is */

        if (redis->nwire != 0
            && (ngx_msec_int_t) (ngx_current_msec
                                 - redis->wire[redis->head].sent)
               < (ngx_msec_int_t) store->hard)
        {
            ngx_http_sallyport_redis_watch(store);
            return;
        }

        ngx_http_sallyport_redis_fail(store, "timed out");
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

        if (n == 0 && redis->nwire == 0
            && redis->state == NGX_HTTP_SALLYPORT_R_READY)
        {
            ngx_http_sallyport_redis_rest(store);
            return;
        }

        why = n > 0 ? ngx_http_sallyport_redis_parse(store, n)
                    : n == 0 ? "closed the connection" : "recv() failed";

        if (why != NULL) {
            ngx_http_sallyport_redis_fail(store, why);
            return;
        }
    }

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_http_sallyport_redis_fail(store, "cannot be polled");
        return;
    }

    ngx_http_sallyport_redis_watch(store);

    if (ngx_exiting && redis->nwire == 0
        && redis->state == NGX_HTTP_SALLYPORT_R_READY)
    {
        ngx_http_sallyport_redis_rest(store);
    }
}


void
ngx_http_sallyport_redis_close(ngx_http_sallyport_store_t *store)
{
    ngx_http_sallyport_redis_t *redis;

    redis = &store->redis;

    if (redis->connection != NULL) {
        ngx_close_connection(redis->connection);
        redis->connection = NULL;
    }

    if (redis->reader != NULL) {
        redisReaderFree(redis->reader);
        redis->reader = NULL;
    }

    redis->state = NGX_HTTP_SALLYPORT_R_CLOSED;
    redis->nwire = 0;
}


/* Ended in peace: by nginx, or by Redis while nothing was on the wire. */

static void
ngx_http_sallyport_redis_rest(ngx_http_sallyport_store_t *store)
{
    ngx_http_sallyport_redis_close(store);
    ngx_http_sallyport_lookup_lost(store);

    if (!ngx_exiting && !store->connect.timer_set) {
        ngx_add_timer(&store->connect, ngx_http_sallyport_redis_pause(store));
    }
}


static void
ngx_http_sallyport_redis_fail(ngx_http_sallyport_store_t *store,
    const char *why)
{
    ngx_http_sallyport_reply_t *reply;

    reply = store->redis.reply;

    if (why != NULL
        && ngx_http_sallyport_store_loud(store,
                                         NGX_HTTP_SALLYPORT_SAY_STORE))
    {

        if (reply->type == NGX_HTTP_SALLYPORT_REPLY_ERROR) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "sallyport: store \"%V\" %s (%*s)", &store->name,
                          why, reply->error_len, reply->error);

        } else {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "sallyport: store \"%V\" %s", &store->name, why);
        }
    }

    reply->type = NGX_HTTP_SALLYPORT_REPLY_NONE;
    store->failures++;

    ngx_http_sallyport_redis_close(store);

    if (!ngx_exiting && !store->connect.timer_set) {
        ngx_add_timer(&store->connect, ngx_http_sallyport_redis_pause(store));
    }

    ngx_http_sallyport_lookup_lost(store);
}


/*
 * At most one connect a second. Workers and hosts that lost the same Redis
 * together come back at different times.
 */

static ngx_msec_t
ngx_http_sallyport_redis_pause(ngx_http_sallyport_store_t *store)
{
    ngx_msec_int_t  since;

    since = (ngx_msec_int_t) (ngx_current_msec - store->opened_at);

    if (since >= NGX_HTTP_SALLYPORT_RETRY) {
        return ngx_random() % 500 + 1;
    }

    return NGX_HTTP_SALLYPORT_RETRY - ngx_max(since, 0) + ngx_random() % 100;
}


static u_char *
ngx_http_sallyport_redis_log_error(ngx_log_t *log, u_char *buf, size_t len)
{
    ngx_http_sallyport_store_t *store;

    store = log->data;

    return ngx_snprintf(buf, len, ", sallyport store: \"%V\"", &store->name);
}

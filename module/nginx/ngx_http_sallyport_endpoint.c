
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains where a connection to Redis goes. All of a worker's go to
 * the server that its look-ups ask: what one of them proves of a server is to
 * hold for the others.
 *
 * A name is asked for at each connect, of nginx's resolver, which keeps what
 * it heard as long as the answer says. Without a resolver it means what it
 * meant when nginx started.
 */


#include "ngx_http_sallyport_store.h"


static ngx_int_t ngx_http_sallyport_place_ask(
    ngx_http_sallyport_place_t *place, ngx_http_sallyport_redis_t *redis);
static void ngx_http_sallyport_place_handler(ngx_resolver_ctx_t *ctx);
static ngx_int_t ngx_http_sallyport_place_rotate(
    ngx_http_sallyport_redis_t *redis, ngx_addr_t *addrs, ngx_uint_t n,
    ngx_addr_t **addr);
static ngx_uint_t ngx_http_sallyport_place_resolves(
    ngx_http_sallyport_place_t *place);


/* Once all of the configuration is read. */

ngx_int_t
ngx_http_sallyport_stores_check(ngx_conf_t *cf, ngx_array_t *stores)
{
    ngx_uint_t                     i;
    ngx_http_sallyport_place_t    *place;
    ngx_http_sallyport_store_t   **store;

    store = stores->elts;

    for (i = 0; i < stores->nelts; i++) {
        place = store[i]->place;

        if (place != NULL && place->unknown
            && !ngx_http_sallyport_place_resolves(place))
        {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "sallyport: the store's host \"%V\" is not known "
                          "now, and there is no resolver to ask for it later",
                          &place->host);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_sallyport_place_init(ngx_http_sallyport_store_t *store,
    ngx_cycle_t *cycle)
{
    ngx_http_sallyport_place_t  *place;

    place = store->place;

    if (place->started) {
        return NGX_OK;
    }

    ngx_queue_init(&place->asking);
    place->started = 1;

    if (place->named && ngx_http_sallyport_place_resolves(place)) {
        place->found = ngx_pcalloc(cycle->pool,
                                   sizeof(ngx_http_sallyport_addresses_t));
        if (place->found == NULL) {
            return NGX_ERROR;
        }
    }

    return place->nsentinels != 0
           ? ngx_http_sallyport_sentinels_init(place, cycle) : NGX_OK;
}


void
ngx_http_sallyport_place_close(ngx_http_sallyport_store_t *store)
{
    ngx_http_sallyport_place_t  *place;

    place = store->place;

    if (place == NULL || !place->started) {
        return;
    }

    if (place->resolving != NULL) {
        ngx_resolve_name_done(place->resolving);
        place->resolving = NULL;
    }

    ngx_http_sallyport_sentinels_close(place);

    place->started = 0;
}


ngx_int_t
ngx_http_sallyport_endpoint(ngx_http_sallyport_redis_t *redis,
    ngx_addr_t **addr)
{
    ngx_uint_t                       i;
    ngx_http_sallyport_place_t      *place;
    ngx_http_sallyport_sentinel_t   *sentinel;

    place = redis->store->place;

    for (i = 0; redis->sentinel && i < place->nsentinels; i++) {
        sentinel = &place->sentinels[i];

        if (&sentinel->redis == redis) {
            redis->host = sentinel->url_host;

            *addr = &sentinel->addrs[redis->failures % sentinel->naddrs];

            return NGX_OK;
        }
    }

    if (place->nsentinels != 0) {
        return ngx_http_sallyport_sentinels_endpoint(place, redis, addr);
    }

    redis->host = place->host;

    if (place->found == NULL) {
        return ngx_http_sallyport_place_rotate(redis, place->addrs,
                                               place->naddrs, addr);
    }

    if (place->found->n != 0
        && ngx_current_msec - place->found_at < NGX_HTTP_SALLYPORT_ASK)
    {
        return ngx_http_sallyport_place_rotate(redis, place->found->addrs,
                                               place->found->n, addr);
    }

    return ngx_http_sallyport_place_ask(place, redis);
}


/* The tracker's connections go where look-ups go, whatever became of them. */

static ngx_int_t
ngx_http_sallyport_place_rotate(ngx_http_sallyport_redis_t *redis,
    ngx_addr_t *addrs, ngx_uint_t n, ngx_addr_t **addr)
{
    if (n == 0) {
        return NGX_ERROR;
    }

    *addr = &addrs[redis->store->redis.failures % n];

    return NGX_OK;
}


static ngx_uint_t
ngx_http_sallyport_place_resolves(ngx_http_sallyport_place_t *place)
{
    ngx_resolver_t  *resolver;

    resolver = place->clcf->resolver;

    return resolver != NULL && resolver->connections.nelts != 0;
}


static ngx_int_t
ngx_http_sallyport_place_ask(ngx_http_sallyport_place_t *place,
    ngx_http_sallyport_redis_t *redis)
{
    ngx_resolver_ctx_t  *ctx;

    if (!redis->asked) {
        redis->asked = 1;
        ngx_queue_insert_tail(&place->asking, &redis->asking);
    }

    if (place->resolving != NULL) {
        return NGX_AGAIN;
    }

    ctx = ngx_resolve_start(place->clcf->resolver, NULL);

    if (ctx == NULL || ctx == NGX_NO_RESOLVER) {
        redis->asked = 0;
        ngx_queue_remove(&redis->asking);
        return NGX_ERROR;
    }

    ctx->name = place->host;
    ctx->handler = ngx_http_sallyport_place_handler;
    ctx->data = place;
    ctx->timeout = NGX_HTTP_SALLYPORT_NAME_WAIT;
    ctx->cancelable = 1;

    place->resolving = ctx;

    if (ngx_resolve_name(ctx) != NGX_OK) {
        place->resolving = NULL;

        if (redis->asked) {
            redis->asked = 0;
            ngx_queue_remove(&redis->asking);
        }

        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


/*
 * What a name meant before is better than nothing: that it is the same store
 * is seen by its data, not by its address.
 */

static void
ngx_http_sallyport_place_handler(ngx_resolver_ctx_t *ctx)
{
    ngx_uint_t                       i;
    ngx_addr_t                      *addr;
    const char                      *why;
    ngx_http_sallyport_place_t      *place;
    ngx_http_sallyport_addresses_t  *found;

    place = ctx->data;
    found = place->found;
    why = NULL;

    if (ctx->state == NGX_OK && ctx->naddrs != 0) {
        found->n = ngx_min(ctx->naddrs, NGX_HTTP_SALLYPORT_ADDRESSES);

        for (i = 0; i < found->n; i++) {
            addr = &found->addrs[i];

            ngx_memcpy(&found->sockaddrs[i], ctx->addrs[i].sockaddr,
                       ctx->addrs[i].socklen);

            addr->sockaddr = &found->sockaddrs[i].sockaddr;
            addr->socklen = ctx->addrs[i].socklen;
            ngx_inet_set_port(addr->sockaddr, place->port);

            addr->name.data = found->texts[i];
            addr->name.len = ngx_sock_ntop(addr->sockaddr, addr->socklen,
                                           found->texts[i],
                                           NGX_SOCKADDR_STRLEN, 1);
        }

    } else if (found->n == 0) {
        why = "has a host that the resolver does not know";
    }

    place->found_at = ngx_current_msec;
    place->resolving = NULL;

    ngx_resolve_name_done(ctx);

    ngx_http_sallyport_place_told(place, why);
}


void
ngx_http_sallyport_place_told(ngx_http_sallyport_place_t *place,
    const char *why)
{
    ngx_queue_t                  asking, *q;
    ngx_http_sallyport_redis_t  *redis;

    if (ngx_queue_empty(&place->asking)) {
        return;
    }

    /* who hears that nobody knows may ask again at once: not in this round */

    ngx_queue_init(&asking);
    ngx_queue_add(&asking, &place->asking);
    ngx_queue_init(&place->asking);

    while (!ngx_queue_empty(&asking)) {
        q = ngx_queue_head(&asking);
        ngx_queue_remove(q);

        redis = ngx_queue_data(q, ngx_http_sallyport_redis_t, asking);

        ngx_http_sallyport_redis_placed(redis, why);
    }
}


ngx_int_t
ngx_http_sallyport_address(ngx_http_sallyport_addresses_t *to, u_char *host,
    size_t len, in_port_t port)
{
    in_addr_t            v4;
    ngx_sockaddr_t      *sockaddr;
#if (NGX_HAVE_INET6)
    u_char               v6[16];
#endif

    sockaddr = &to->sockaddrs[0];
    ngx_memzero(sockaddr, sizeof(ngx_sockaddr_t));

    v4 = ngx_inet_addr(host, len);

    if (v4 != INADDR_NONE) {
        sockaddr->sockaddr_in.sin_family = AF_INET;
        sockaddr->sockaddr_in.sin_addr.s_addr = v4;
        to->addrs[0].socklen = sizeof(struct sockaddr_in);

#if (NGX_HAVE_INET6)

    } else if (ngx_inet6_addr(host, len, v6) == NGX_OK) {
        sockaddr->sockaddr_in6.sin6_family = AF_INET6;
        ngx_memcpy(sockaddr->sockaddr_in6.sin6_addr.s6_addr, v6, 16);
        to->addrs[0].socklen = sizeof(struct sockaddr_in6);

#endif

    } else {
        return NGX_DECLINED;
    }

    to->n = 1;
    to->addrs[0].sockaddr = &sockaddr->sockaddr;
    ngx_inet_set_port(&sockaddr->sockaddr, port);

    to->addrs[0].name.data = to->texts[0];
    to->addrs[0].name.len = ngx_sock_ntop(&sockaddr->sockaddr,
                                          to->addrs[0].socklen, to->texts[0],
                                          NGX_SOCKADDR_STRLEN, 1);

    return NGX_OK;
}

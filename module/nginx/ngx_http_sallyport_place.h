
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains where a store is, as the files share it that find out:
 * url.c (what the directive says), endpoint.c (names and addresses),
 * sentinel.c (who is the primary). Private to the store room.
 */


#ifndef NGX_HTTP_SALLYPORT_PLACE_H
#define NGX_HTTP_SALLYPORT_PLACE_H


#include "ngx_http_sallyport_redis.h"


#define NGX_HTTP_SALLYPORT_ADDRESSES   8      /* of one name */
#define NGX_HTTP_SALLYPORT_SENTINELS   9
#define NGX_HTTP_SALLYPORT_NAME_WAIT   2000   /* ms for the resolver */
#define NGX_HTTP_SALLYPORT_ASK         1000   /* ms between two questions */
#define NGX_HTTP_SALLYPORT_ASKED_OLD   2500   /* ms; then nobody knows */


/* Addresses of a name, in memory of their own. */

typedef struct {
    ngx_uint_t                    n;
    ngx_addr_t                    addrs[NGX_HTTP_SALLYPORT_ADDRESSES];
    ngx_sockaddr_t                sockaddrs[NGX_HTTP_SALLYPORT_ADDRESSES];
    u_char                        texts[NGX_HTTP_SALLYPORT_ADDRESSES]
                                       [NGX_SOCKADDR_STRLEN];
} ngx_http_sallyport_addresses_t;


/* What one Sentinel says: an endpoint, if it is READY and has answered. */

typedef struct {
    ngx_str_t                     label;     /* of log lines */
    ngx_http_sallyport_redis_t    redis;
    ngx_uint_t                    heard;     /* of the round; 0: not yet */
    ngx_uint_t                    vote;      /* unsigned  vote:1; */
    in_port_t                     port;
    size_t                        len;
    u_char                        host[NGX_HTTP_SALLYPORT_HOST_MAX];
    ngx_str_t                     url_host;  /* where it is itself */
    ngx_addr_t                   *addrs;
    ngx_uint_t                    naddrs;
} ngx_http_sallyport_sentinel_t;


struct ngx_http_sallyport_place_s {
    void                         *ident[4];  /* of the timer: debug log */

    ngx_http_sallyport_store_t   *store;
    ngx_http_core_loc_conf_t     *clcf;      /* of the directive: resolver */
    ngx_str_t                     host;      /* empty: a socket's path */
    in_port_t                     port;
    ngx_uint_t                    named;     /* host is no address */
    ngx_uint_t                    unknown;   /* it had none at the start */
    ngx_addr_t                   *addrs;     /* that it had at the start */
    ngx_uint_t                    naddrs;

    ngx_str_t                     master;    /* empty: no Sentinels */
    ngx_str_t                     user;      /* of the Sentinels */
    ngx_str_t                     password;
    ngx_http_sallyport_sentinel_t *sentinels;
    ngx_uint_t                    nsentinels;

    /* of the worker */

    ngx_uint_t                    started;   /* unsigned  started:1; */
    ngx_queue_t                   asking;    /* connections that wait */
    ngx_resolver_ctx_t           *resolving;
    ngx_http_sallyport_addresses_t  *found;  /* by the resolver; or NULL */
    ngx_msec_t                    found_at;

    ngx_event_t                   tick;      /* of the Sentinels' round */
    ngx_uint_t                    round;     /* number of it */
    ngx_uint_t                    counted;   /* unsigned  counted:1; */
    ngx_msec_t                    agreed_at;
    ngx_uint_t                    agreed;    /* primary[] is set */
    ngx_uint_t                    said;      /* that they do not agree */
    ngx_http_sallyport_addresses_t  primary;
    size_t                        primary_len;
    in_port_t                     primary_port;
    u_char                        primary_host[NGX_HTTP_SALLYPORT_HOST_MAX];
};


/* url.c: the first word of the directive. */
ngx_int_t ngx_http_sallyport_store_url(ngx_conf_t *cf,
    ngx_http_sallyport_store_t *store, ngx_str_t *value);


/* endpoint.c */

ngx_int_t ngx_http_sallyport_place_init(ngx_http_sallyport_store_t *store,
    ngx_cycle_t *cycle);
void ngx_http_sallyport_place_close(ngx_http_sallyport_store_t *store);

/* Whoever waits tries now, or hears why not. */
void ngx_http_sallyport_place_told(ngx_http_sallyport_place_t *place,
    const char *why);

/* Sets the only address from a text; NGX_DECLINED: it is a name. */
ngx_int_t ngx_http_sallyport_address(ngx_http_sallyport_addresses_t *to,
    u_char *host, size_t len, in_port_t port);


/* sentinel.c */

ngx_int_t ngx_http_sallyport_sentinels_init(ngx_http_sallyport_place_t *place,
    ngx_cycle_t *cycle);
void ngx_http_sallyport_sentinels_close(ngx_http_sallyport_place_t *place);
ngx_int_t ngx_http_sallyport_sentinels_endpoint(
    ngx_http_sallyport_place_t *place, ngx_http_sallyport_redis_t *redis,
    ngx_addr_t **addr);


#endif /* NGX_HTTP_SALLYPORT_PLACE_H */

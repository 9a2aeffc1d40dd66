
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the module knows of addresses: databases that are
 * followed, and which of them answer for a location.
 */


#ifndef NGX_HTTP_SALLYPORT_GEO_H
#define NGX_HTTP_SALLYPORT_GEO_H


#include "ngx_http_sallyport_follow.h"


#define NGX_HTTP_SALLYPORT_NAT64  4      /* prefixes of one sallyport_geo */


/* A file, asked for one kind of thing; "db" is this worker's. */
typedef struct {
    ngx_http_sallyport_follow_t   follow;    /* first */
    ngx_http_sallyport_main_conf_t  *smcf;
    sp_geo_kind_t                 kind;
    const char                   *paths[SP_GEO_PATHS];
    sp_geo_t                     *db;
} ngx_http_sallyport_base_t;


/*
 * One sallyport_geo. A request takes all it wants to know from "set" at once:
 * the event loop changes it between two requests.
 */

struct ngx_http_sallyport_geo_s {
    sp_geo_set_t                  set;
    uint64_t                      oldest;    /* of builds[] */
    uint64_t                      builds[SP_GEO_KINDS];  /* 0: none */
    ngx_http_sallyport_base_t    *bases[SP_GEO_KINDS];
    sp_network_t                  nat64[NGX_HTTP_SALLYPORT_NAT64];
    ngx_uint_t                    nnat64;
};


/*
 * The databases that may be asked now: those that are too old for the policy
 * are left out, which "room" is for. NULL: there are none.
 */
const sp_geo_set_t *ngx_http_sallyport_geo_now(ngx_http_sallyport_ctx_t *ctx,
    sp_geo_set_t *room);

/*
 * The client's address where nginx, realip and the PROXY protocol have put it,
 * in ctx->addr, and its class. An address behind the operator's own NAT64 is
 * the IPv4 address in it; one of the operator's own hops is no client's.
 */
sp_ip_class_t ngx_http_sallyport_geo_address(ngx_http_sallyport_ctx_t *ctx);

/* 1 if the database is older than the policy lets it be; "age" in seconds. */
ngx_uint_t ngx_http_sallyport_geo_aged(ngx_http_sallyport_geo_t *geo,
    sp_geo_kind_t kind, const sp_policy_t *policy, int64_t *age);

/* 1 if all databases can be asked; their metrics. */
ngx_uint_t ngx_http_sallyport_geos_ready(ngx_array_t *geos);
size_t ngx_http_sallyport_geos_metrics_size(ngx_array_t *geos);
u_char *ngx_http_sallyport_geos_metrics(u_char *p, ngx_array_t *geos);


#endif /* NGX_HTTP_SALLYPORT_GEO_H */


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the reading of a request's target: which API call it is,
 * and which methods a path has.
 */


#include "ngx_http_sallyport_route.h"


/* The two readings of a target, and room to decode in. */

typedef struct {
    sp_str_t   raw;
    sp_str_t   normal;
    u_char    *scratch;
} ngx_http_sallyport_target_t;


static sp_route_rc_t ngx_http_sallyport_target(ngx_http_request_t *r,
    ngx_http_sallyport_target_t *target);
static sp_method_t ngx_http_sallyport_method(ngx_http_request_t *r);
static ngx_int_t ngx_http_sallyport_options(ngx_http_sallyport_ctx_t *ctx);
static ngx_int_t ngx_http_sallyport_options_send(ngx_http_request_t *r,
    u_char *allow, size_t len);


#define ngx_http_sallyport_chr(s, ch)                                         \
    ((u_char *) memchr((s).data, ch, (s).len))


void
ngx_http_sallyport_read_route(ngx_http_sallyport_ctx_t *ctx,
    ngx_uint_t websocket)
{
    int                           route;
    sp_str_t                      param;
    sp_route_rc_t                 rc;
    ngx_http_request_t           *r;
    ngx_http_sallyport_target_t   target;

    r = ctx->request;

    route = SP_ROUTE_NONE;
    rc = SP_ROUTE_UNKNOWN;
    param = SP_STR("");

    if (!websocket && r->http_version >= NGX_HTTP_VERSION_10) {
        rc = ngx_http_sallyport_target(r, &target);

        if (rc == SP_ROUTE_FOUND) {
            rc = sp_policy_route_find(ctx->policy->image,
                                      ngx_http_sallyport_method(r), target.raw,
                                      target.normal, ctx->hints,
                                      target.scratch, &route, &param);
        }
    }

    sp_facts_route(&ctx->facts, rc, route, param);
}


/*
 * The URI judged is the one that nginx will send: the request line's, as long
 * as nobody changed it, else r->uri with fresh escapes. There a '%' would be
 * escaped again, and the two ends would read two things.
 */

static sp_route_rc_t
ngx_http_sallyport_target(ngx_http_request_t *r,
    ngx_http_sallyport_target_t *target)
{
    u_char    *p;
    sp_str_t   args;

    target->normal.data = r->uri.data;
    target->normal.len = r->uri.len;
    target->raw = target->normal;
    target->scratch = NULL;

    if (r->args.len) {
        args.data = r->args.data;
        args.len = r->args.len;

        if (!sp_query_ok(args)) {
            return SP_ROUTE_AMBIGUOUS;
        }
    }

    if (!r->valid_unparsed_uri || r != r->main) {
        return (ngx_http_sallyport_chr(target->normal, '%') != NULL)
               ? SP_ROUTE_AMBIGUOUS : SP_ROUTE_FOUND;
    }

    target->raw.data = r->unparsed_uri.data;
    target->raw.len = r->unparsed_uri.len;

    /* nginx ends the query there, but sends what follows, too */

    if (ngx_http_sallyport_chr(target->raw, '#') != NULL) {
        return SP_ROUTE_AMBIGUOUS;
    }

    p = ngx_http_sallyport_chr(target->raw, '?');

    if (p != NULL) {
        target->raw.len = p - r->unparsed_uri.data;
    }

    if (ngx_http_sallyport_chr(target->raw, '%') != NULL) {
        target->scratch = ngx_pnalloc(r->pool, target->raw.len);

        if (target->scratch == NULL) {
            return SP_ROUTE_AMBIGUOUS;
        }
    }

    return SP_ROUTE_FOUND;
}


static sp_method_t
ngx_http_sallyport_method(ngx_http_request_t *r)
{
    switch (r->method) {

    case NGX_HTTP_GET:
        return SP_METHOD_GET;

    case NGX_HTTP_POST:
        return SP_METHOD_POST;

    case NGX_HTTP_DELETE:
        return SP_METHOD_DELETE;

    default:
        return SP_METHOD_OTHER;
    }
}


/* Browsers ask before a call, without its key. */

ngx_int_t
ngx_http_sallyport_preflight(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = NGX_DECLINED;

    if (ctx->slcf->mode == NGX_HTTP_SALLYPORT_ON) {
        rc = ngx_http_sallyport_options(ctx);
    }

    return (rc == NGX_DECLINED) ? ngx_http_sallyport_run(ctx) : rc;
}


/*
 * Nothing is decided here, so nothing is recorded: what a path's methods are
 * says the manual, too.
 */

static ngx_int_t
ngx_http_sallyport_options(ngx_http_sallyport_ctx_t *ctx)
{
    int                           i, route;
    u_char                       *allow, *p;
    sp_str_t                      param;
    ngx_http_request_t           *r;
    ngx_http_sallyport_target_t   target;

    static const size_t  room = sizeof("GET, POST, DELETE, OPTIONS");

    r = ctx->request;

    /* a key has no business there, and must not be logged */

    if (r->args.len && ngx_http_sallyport_read_query(ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_sallyport_target(r, &target) != SP_ROUTE_FOUND) {
        return NGX_DECLINED;
    }

    allow = ngx_pnalloc(r->pool, room);
    if (allow == NULL) {
        return NGX_DECLINED;
    }

    p = allow;

    for (i = 0; i < SP_METHOD_OTHER; i++) {

        if (sp_policy_route_find(ctx->policy->image, (sp_method_t) i,
                                 target.raw, target.normal, ctx->hints,
                                 target.scratch, &route, &param)
            == SP_ROUTE_FOUND
            && sp_policy_route_open(ctx->policy->image, route))
        {
            p = ngx_sprintf(p, "%s, ", sp_method_name((sp_method_t) i));
        }
    }

    if (p == allow) {
        return NGX_DECLINED;
    }

    p = ngx_cpymem(p, "OPTIONS", sizeof("OPTIONS") - 1);

    ctx->state = NGX_HTTP_SALLYPORT_S_REFUSED;

    ngx_http_sallyport_judged(ctx);

    return ngx_http_sallyport_options_send(r, allow, p - allow);
}


static ngx_int_t
ngx_http_sallyport_options_send(ngx_http_request_t *r, u_char *allow,
    size_t len)
{
    ngx_int_t         rc;
    ngx_uint_t        i;
    ngx_table_elt_t  *h;

    static const char *const  names[] = { "Allow", "Cache-Control" };

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    for (i = 0; i < 2; i++) {
        h = ngx_list_push(&r->headers_out.headers);
        if (h == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        h->hash = 1;
#if (nginx_version >= 1023000)
        h->next = NULL;
#endif
        h->key.data = (u_char *) names[i];
        h->key.len = ngx_strlen(names[i]);
        h->value.data = i ? (u_char *) "no-store" : allow;
        h->value.len = i ? sizeof("no-store") - 1 : len;
    }

    r->headers_out.status = NGX_HTTP_NO_CONTENT;
    r->header_only = 1;

    ngx_http_finalize_request(r, ngx_http_send_header(r));

    return NGX_DONE;
}

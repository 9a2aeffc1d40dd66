
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the upstream sees of an allowed request's head: a
 * fresh list of header lines, without the client's credential and without
 * anything that claims to come from the gate.
 *
 * The old list stays where it is: r->headers_in points into it, and an
 * internal redirect to another gate goes back to it.
 */


#include "ngx_http_sallyport.h"


static ngx_uint_t ngx_http_sallyport_dropped(ngx_uint_t credential,
    ngx_table_elt_t *h);
static ngx_uint_t ngx_http_sallyport_named(ngx_str_t *name, const char *want,
    size_t len);
static ngx_int_t ngx_http_sallyport_add(ngx_list_t *list, const char *name,
    size_t name_len, u_char *data, size_t len);
static ngx_int_t ngx_http_sallyport_replace(ngx_http_sallyport_ctx_t *ctx,
    ngx_list_t *list);


#define ngx_http_sallyport_add_literal(list, name, data, len)                 \
    ngx_http_sallyport_add(list, name, sizeof(name) - 1, data, len)


ngx_int_t
ngx_http_sallyport_headers(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_list_t           list;
    ngx_uint_t           i, credential;
    ngx_list_part_t     *part;
    ngx_table_elt_t     *h, *copy;
    ngx_http_request_t  *r;

    r = ctx->request;
    credential = ctx->slcf->credential;

    if (ctx->headers_set) {
        return NGX_OK;
    }

    ctx->headers_in = ngx_palloc(r->pool, sizeof(ngx_http_headers_in_t));

    if (ctx->headers_in == NULL
        || ngx_list_init(&list, r->pool, 24, sizeof(ngx_table_elt_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    *ctx->headers_in = r->headers_in;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (ngx_http_sallyport_dropped(credential, &h[i])) {
                continue;
            }

            copy = ngx_list_push(&list);
            if (copy == NULL) {
                return NGX_ERROR;
            }

            *copy = h[i];
        }
    }

    if (ngx_http_sallyport_add_literal(&list, "x-sallyport-id", ctx->id,
                                       ctx->id_len)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->facts.key_state == SP_KEYFACT_FOUND
        && ngx_http_sallyport_add_literal(&list, "x-sallyport-account",
                                          (u_char *) ctx->key.account,
                                          ctx->key.account_len)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (credential == NGX_HTTP_SALLYPORT_REPLACE
        && ngx_http_sallyport_replace(ctx, &list) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (credential != NGX_HTTP_SALLYPORT_PASS) {
        r->headers_in.authorization = NULL;
    }

    /* the list knows its last part by address */

    r->headers_in.headers = list;

    if (list.last == &list.part) {
        r->headers_in.headers.last = &r->headers_in.headers.part;
    }

    ctx->headers_set = 1;

    return NGX_OK;
}


/*
 * '_' counts as '-': some servers behind us read both as one. Overrides of the
 * method would undo the route that was judged.
 */

static ngx_uint_t
ngx_http_sallyport_dropped(ngx_uint_t credential, ngx_table_elt_t *h)
{
    ngx_str_t  *name;

    name = &h->key;

#define ngx_http_sallyport_same(want)                                         \
    (name->len == sizeof(want) - 1                                            \
     && ngx_http_sallyport_named(name, want, sizeof(want) - 1))

    switch (name->data[0] | 0x20) {

    case 'x':

        if (name->len >= sizeof("x-sallyport") - 1
            && ngx_http_sallyport_named(name, "x-sallyport",
                                        sizeof("x-sallyport") - 1))
        {
            return 1;
        }

        if (ngx_http_sallyport_same("x-http-method-override")
            || ngx_http_sallyport_same("x-http-method")
            || ngx_http_sallyport_same("x-method-override"))
        {
            return 1;
        }

        return credential != NGX_HTTP_SALLYPORT_PASS
               && (ngx_http_sallyport_same("x-api-key")
                   || ngx_http_sallyport_same("x-goog-api-key"));

    case 'a':

        return credential != NGX_HTTP_SALLYPORT_PASS
               && (ngx_http_sallyport_same("authorization")
                   || ngx_http_sallyport_same("api-key"));

    default:
        return 0;
    }

#undef ngx_http_sallyport_same
}


/* 1 if "name" starts with "want", which is lower-case and at most as long. */

static ngx_uint_t
ngx_http_sallyport_named(ngx_str_t *name, const char *want, size_t len)
{
    u_char  ch;
    size_t  i;

    for (i = 0; i < len; i++) {
        ch = ngx_tolower(name->data[i]);

        if (ch == '_') {
            ch = '-';
        }

        if (ch != (u_char) want[i]) {
            return 0;
        }
    }

    return 1;
}


/* "name" is a lower-case literal; proxy_set_header finds it by its hash. */

static ngx_int_t
ngx_http_sallyport_add(ngx_list_t *list, const char *name, size_t name_len,
    u_char *data, size_t len)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(list);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->key.data = (u_char *) name;
    h->key.len = name_len;
    h->lowcase_key = (u_char *) name;
    h->hash = ngx_hash_key((u_char *) name, name_len);
    h->value.data = data;
    h->value.len = len;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return NGX_OK;
}


/* The operator's own key, where the route's dialect has it. */

static ngx_int_t
ngx_http_sallyport_replace(ngx_http_sallyport_ctx_t *ctx, ngx_list_t *list)
{
    size_t             scheme;
    ngx_str_t         *value;
    const sp_route_t  *route;

    value = &ctx->slcf->replacement;
    route = sp_route(ctx->facts.route);
    scheme = sizeof("Bearer ") - 1;

    if (route != NULL && route->dialect == SP_DIALECT_ANTHROPIC) {
        return ngx_http_sallyport_add_literal(list, "x-api-key",
                                              value->data + scheme,
                                              value->len - scheme);
    }

    return ngx_http_sallyport_add_literal(list, "authorization", value->data,
                                          value->len);
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the credential that Gemini's clients put into the query,
 * "key=": it is taken as one more carrier, and in enforced mode cut out of
 * the request line before that is logged, and out of what goes upstream.
 */


#include "ngx_http_sallyport.h"


static u_char *ngx_http_sallyport_cut_args(u_char *dst, ngx_str_t *args);
static ngx_int_t ngx_http_sallyport_cut(ngx_http_request_t *r, ngx_str_t *text,
    ngx_str_t *args, ngx_uint_t line);


#define ngx_http_sallyport_is_key(p, next)                                    \
    ((next) - (p) >= 4 && ngx_memcmp(p, "key=", 4) == 0)


ngx_int_t
ngx_http_sallyport_read_query(ngx_http_sallyport_ctx_t *ctx)
{
    u_char              *p, *end, *next;
    sp_str_t             value;
    ngx_str_t            args;
    ngx_uint_t           found;
    ngx_http_request_t  *r;

    r = ctx->request;
    found = 0;
    end = r->args.data + r->args.len;

    for (p = r->args.data; p < end; p = next + 1) {

        next = ngx_strlchr(p, end, '&');
        if (next == NULL) {
            next = end;
        }

        if (ngx_http_sallyport_is_key(p, next)) {
            value.data = p + 4;
            value.len = next - p - 4;

            sp_credential_offer(&ctx->credential, SP_CARRIER_QUERY, value);
            found = 1;
        }
    }

    if (!found || ctx->slcf->mode != NGX_HTTP_SALLYPORT_ON) {
        return NGX_OK;
    }

    /* the credential points into the old bytes, which stay where they are */

    args.data = ngx_pnalloc(r->pool, r->args.len);
    if (args.data == NULL) {
        return NGX_ERROR;
    }

    args.len = ngx_http_sallyport_cut_args(args.data, &r->args) - args.data;

    if (ngx_http_sallyport_cut(r, &r->request_line, &args, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx->slcf->credential == NGX_HTTP_SALLYPORT_PASS) {
        return NGX_OK;
    }

    if (ngx_http_sallyport_cut(r, &r->unparsed_uri, &args, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    r->args = args;

    return NGX_OK;
}


static u_char *
ngx_http_sallyport_cut_args(u_char *dst, ngx_str_t *args)
{
    u_char  *p, *start, *end, *next;

    start = dst;
    end = args->data + args->len;

    for (p = args->data; p < end; p = next + 1) {

        next = ngx_strlchr(p, end, '&');
        if (next == NULL) {
            next = end;
        }

        if (ngx_http_sallyport_is_key(p, next)) {
            continue;
        }

        if (dst != start) {
            *dst++ = '&';
        }

        dst = ngx_cpymem(dst, p, next - p);
    }

    return dst;
}


/* Puts "args" for the query of a target or, with "line", a request line. */

static ngx_int_t
ngx_http_sallyport_cut(ngx_http_request_t *r, ngx_str_t *text,
    ngx_str_t *args, ngx_uint_t line)
{
    u_char     *p, *q, *end, *query;
    ngx_str_t   cut;

    end = text->data + text->len;
    query = ngx_strlchr(text->data, end, '?');

    if (query == NULL) {
        return NGX_OK;
    }

    p = end;

    if (line) {
        for (p = end; p > query && p[-1] != ' '; p--) { /* void */ }

        p = (p > query) ? p - 1 : end;
    }

    cut.data = ngx_pnalloc(r->pool, text->len + args->len + 1);
    if (cut.data == NULL) {
        return NGX_ERROR;
    }

    q = ngx_cpymem(cut.data, text->data, query - text->data);

    if (args->len) {
        *q++ = '?';
        q = ngx_cpymem(q, args->data, args->len);
    }

    q = ngx_cpymem(q, p, end - p);

    cut.len = q - cut.data;
    *text = cut;

    return NGX_OK;
}

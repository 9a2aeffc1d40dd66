
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the one room in which a request's body becomes another
 * than the client sent: chain, length and header line are changed together,
 * or not at all. What is forwarded otherwise is what was judged.
 */


#ifndef NGX_HTTP_SALLYPORT_REWRITE_H
#define NGX_HTTP_SALLYPORT_REWRITE_H


#include "ngx_http_sallyport.h"


/* What stands in for "cut" bytes at "at"; an edit of nothing is allowed. */
typedef struct {
    off_t                         at;
    off_t                         cut;
    ngx_str_t                     text;     /* as long as the request */
} ngx_http_sallyport_edit_t;


/* The body as the client sent it, once it has been changed. */
struct ngx_http_sallyport_rewritten_s {
    ngx_chain_t                  *bufs;
    off_t                         length;   /* of headers_in */
    ngx_str_t                     line;     /* of Content-Length */
    ngx_table_elt_t              *elt;      /* NULL: there was none */
};


/*
 * Edits in ascending order, none over another. Before the header lines are
 * made, which take the length over. NGX_DECLINED: nothing was changed, as the
 * body is in a file, of which nginx can only send the beginning again.
 */
ngx_int_t ngx_http_sallyport_rewrite(ngx_http_sallyport_ctx_t *ctx,
    const ngx_http_sallyport_edit_t *edits, ngx_uint_t n);

/* All of it; "bufs" is in memory and "length" bytes long. */
ngx_int_t ngx_http_sallyport_rewrite_whole(ngx_http_sallyport_ctx_t *ctx,
    ngx_chain_t *bufs, off_t length);

/* For another gate, that the request was redirected to. */
void ngx_http_sallyport_rewrite_restore(ngx_http_sallyport_ctx_t *ctx);


/*
 * hide.c: asks for usage where the client did not, and hides it again.
 */

/* NGX_ERROR: no memory. Otherwise the request goes on, asked or not. */
ngx_int_t ngx_http_sallyport_usage_ask(ngx_http_sallyport_ctx_t *ctx);

/* Of the answer's header; then of each part of its body. */
ngx_int_t ngx_http_sallyport_hide_init(ngx_http_sallyport_ctx_t *ctx);
ngx_int_t ngx_http_sallyport_hide(ngx_http_sallyport_ctx_t *ctx,
    ngx_chain_t *in, ngx_chain_t **out);

/* 1 if no event has gone out by half. */
ngx_uint_t ngx_http_sallyport_hide_whole(ngx_http_sallyport_ctx_t *ctx);

/* What was sent on may be used again. */
void ngx_http_sallyport_hide_sent(ngx_http_sallyport_ctx_t *ctx,
    ngx_chain_t *out);


#endif /* NGX_HTTP_SALLYPORT_REWRITE_H */

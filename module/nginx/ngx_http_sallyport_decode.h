
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what body.c and decode.c share: a body that came encoded
 * is judged as it reads when it is decoded, and goes on decoded. In observe
 * mode it is judged alike and goes on as it came.
 */


#ifndef NGX_HTTP_SALLYPORT_DECODE_H
#define NGX_HTTP_SALLYPORT_DECODE_H


#include "ngx_http_sallyport.h"
#include "sp_decode.h"


/* In the request's pool; the decoder ends with it. */

struct ngx_http_sallyport_decoding_s {
    sp_coding_t            coding;
    sp_decode_t           *decode;       /* NULL: not begun, or ended */
    ngx_table_elt_t       *header;       /* Content-Encoding */
    ngx_chain_t           *out;          /* decoded, in memory */
    ngx_chain_t          **last;
    size_t                 memory;       /* bytes of "out" */
    off_t                  len;          /* decoded, in all */
    ngx_temp_file_t       *file;         /* of what had no room there */
    unsigned               replace:1;    /* enforced */
    unsigned               failed:1;
};


/* The request has a body in this coding, GZIP or ZSTD. NGX_ERROR: no memory. */
ngx_int_t ngx_http_sallyport_decode_expect(ngx_http_sallyport_ctx_t *ctx,
    ngx_table_elt_t *header, sp_coding_t coding);

/* Encoded bytes as they come: the decoded ones go to body_feed(). */
void ngx_http_sallyport_decode_feed(ngx_http_sallyport_ctx_t *ctx,
    u_char *data, size_t len);

/* The last of them has come. */
void ngx_http_sallyport_decode_finish(ngx_http_sallyport_ctx_t *ctx);

/*
 * The decoded body, with its last buffer marked, once. NGX_ERROR: no memory,
 * or no disk.
 */
ngx_int_t ngx_http_sallyport_decode_chain(ngx_http_sallyport_ctx_t *ctx,
    ngx_chain_t **out);

/*
 * The request's length and Content-Encoding are those of the decoded body from
 * now on. To be called when nginx has done with the reading: for HTTP/2 it
 * sets the length itself, after the filters.
 */
ngx_int_t ngx_http_sallyport_decode_headers(ngx_http_sallyport_ctx_t *ctx);

/* body.c: plain bytes to the scanner. */
void ngx_http_sallyport_body_feed(ngx_http_sallyport_ctx_t *ctx,
    u_char *data, size_t len);


#endif /* NGX_HTTP_SALLYPORT_DECODE_H */

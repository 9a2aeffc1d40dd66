
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the decoding of encoded request bodies: what comes out
 * is scanned and, where the gate is enforced, takes the place of what came.
 * As nginx does with bodies, it is kept in memory up to
 * client_body_buffer_size and in a temporary file beyond that.
 */


#include "ngx_http_sallyport_decode.h"


#define NGX_HTTP_SALLYPORT_DECODE_MOST  (64 * 1024 * 1024)
#define NGX_HTTP_SALLYPORT_DECODE_BUF   16384


static sp_rc_t ngx_http_sallyport_decode_take(void *data,
    const unsigned char *p, size_t len);
static ngx_int_t ngx_http_sallyport_decode_keep(
    ngx_http_sallyport_ctx_t *ctx, const u_char *p, size_t len);
static ngx_int_t ngx_http_sallyport_decode_spill(
    ngx_http_sallyport_ctx_t *ctx);
static ngx_buf_t *ngx_http_sallyport_decode_room(
    ngx_http_sallyport_ctx_t *ctx);
static void ngx_http_sallyport_decode_fail(ngx_http_sallyport_ctx_t *ctx,
    const char *sentence);
static void ngx_http_sallyport_decode_cleanup(void *data);


ngx_int_t
ngx_http_sallyport_decode_expect(ngx_http_sallyport_ctx_t *ctx,
    ngx_table_elt_t *header, sp_coding_t coding)
{
    ngx_pool_cleanup_t               *cln;
    ngx_http_sallyport_decoding_t    *d;

    cln = ngx_pool_cleanup_add(ctx->request->pool,
                               sizeof(ngx_http_sallyport_decoding_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    d = cln->data;

    ngx_memzero(d, sizeof(ngx_http_sallyport_decoding_t));

    d->coding = coding;
    d->header = header;
    d->last = &d->out;
    d->replace = (ctx->slcf->mode == NGX_HTTP_SALLYPORT_ON);

    cln->handler = ngx_http_sallyport_decode_cleanup;
    ctx->decoding = d;

    return NGX_OK;
}


static void
ngx_http_sallyport_decode_cleanup(void *data)
{
    ngx_http_sallyport_decoding_t *d = data;

    sp_decode_free(d->decode);
    d->decode = NULL;
}


void
ngx_http_sallyport_decode_feed(ngx_http_sallyport_ctx_t *ctx, u_char *data,
    size_t len)
{
    uint64_t                        most;
    ngx_http_sallyport_decoding_t  *d;

    d = ctx->decoding;

    if (d->failed || len == 0) {
        return;
    }

    if (d->decode == NULL) {
        most = ctx->slcf->max_body > 0 ? (uint64_t) ctx->slcf->max_body
                                       : NGX_HTTP_SALLYPORT_DECODE_MOST;

        d->decode = sp_decode_create(d->coding, most,
                                     ngx_http_sallyport_decode_take, ctx);

        if (d->decode == NULL) {
            ngx_http_sallyport_decode_fail(ctx, "no memory to decode the "
                                           "body");
            return;
        }
    }

    if (sp_decode_feed(d->decode, data, len) == SP_OK || d->failed) {
        return;
    }

    if (sp_decode_error(d->decode) == SP_DECODE_LARGE) {
        ctx->body_bytes = (uint64_t) ctx->slcf->max_body + 1;
    }

    ngx_http_sallyport_decode_fail(ctx, sp_decode_strerror(d->decode));
}


void
ngx_http_sallyport_decode_finish(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_http_sallyport_decoding_t  *d;

    d = ctx->decoding;

    if (d->failed) {
        return;
    }

    if (d->decode == NULL) {
        ngx_http_sallyport_decode_fail(ctx, "the encoded body is empty");

    } else if (sp_decode_finish(d->decode) != SP_OK) {
        ngx_http_sallyport_decode_fail(ctx, sp_decode_strerror(d->decode));
    }

    ngx_http_sallyport_decode_cleanup(d);
}


static sp_rc_t
ngx_http_sallyport_decode_take(void *data, const unsigned char *p,
    size_t len)
{
    ngx_http_sallyport_ctx_t *ctx = data;

    ngx_http_sallyport_body_feed(ctx, (u_char *) p, len);

    if (ctx->decoding->replace && !ctx->body_failed
        && ngx_http_sallyport_decode_keep(ctx, p, len) != NGX_OK)
    {
        ngx_http_sallyport_decode_fail(ctx, "no room for the decoded body");
        return SP_ERROR;
    }

    return SP_OK;
}


/* Once something has failed nothing goes on, and nothing needs be kept. */

static void
ngx_http_sallyport_decode_fail(ngx_http_sallyport_ctx_t *ctx,
    const char *sentence)
{
    ctx->decoding->failed = 1;
    ctx->body_failed = 1;

    if (ctx->body->error == SP_BODY_FINE) {
        ctx->body->error = SP_BODY_BAD_VALUE;
        ctx->body->sentence = sentence;
    }
}


static ngx_int_t
ngx_http_sallyport_decode_keep(ngx_http_sallyport_ctx_t *ctx,
    const u_char *p, size_t len)
{
    size_t                          n;
    ngx_buf_t                      *b;
    ngx_http_core_loc_conf_t       *clcf;
    ngx_http_sallyport_decoding_t  *d;

    d = ctx->decoding;
    clcf = ngx_http_get_module_loc_conf(ctx->request, ngx_http_core_module);

    while (len) {
        b = ngx_http_sallyport_decode_room(ctx);
        if (b == NULL) {
            return NGX_ERROR;
        }

        n = ngx_min(len, (size_t) (b->end - b->last));

        b->last = ngx_cpymem(b->last, p, n);
        d->memory += n;
        d->len += n;
        p += n;
        len -= n;

        /* client_body_in_file_only: nginx moves all of it at the end */

        if (d->memory >= clcf->client_body_buffer_size
            && !ctx->request->request_body_in_file_only
            && ngx_http_sallyport_decode_spill(ctx) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* The first buffer that is not full; those of a chain that was spilled are
 * filled again. */

static ngx_buf_t *
ngx_http_sallyport_decode_room(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_chain_t                    *cl;
    ngx_http_sallyport_decoding_t  *d;

    d = ctx->decoding;

    while (*d->last != NULL) {

        if ((*d->last)->buf->last < (*d->last)->buf->end) {
            return (*d->last)->buf;
        }

        d->last = &(*d->last)->next;
    }

    cl = ngx_alloc_chain_link(ctx->request->pool);
    if (cl == NULL) {
        return NULL;
    }

    cl->buf = ngx_create_temp_buf(ctx->request->pool,
                                  NGX_HTTP_SALLYPORT_DECODE_BUF);
    if (cl->buf == NULL) {
        return NULL;
    }

    cl->next = NULL;
    *d->last = cl;

    return cl->buf;
}


static ngx_int_t
ngx_http_sallyport_decode_spill(ngx_http_sallyport_ctx_t *ctx)
{
    ssize_t                         n;
    ngx_chain_t                    *cl;
    ngx_temp_file_t                *tf;
    ngx_http_request_t             *r;
    ngx_http_core_loc_conf_t       *clcf;
    ngx_http_sallyport_decoding_t  *d;

    d = ctx->decoding;
    r = ctx->request;

    if (d->file == NULL) {
        clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

        tf = ngx_pcalloc(r->pool, sizeof(ngx_temp_file_t));
        if (tf == NULL) {
            return NGX_ERROR;
        }

        tf->file.fd = NGX_INVALID_FILE;
        tf->file.log = r->connection->log;
        tf->path = clcf->client_body_temp_path;
        tf->pool = r->pool;
        tf->warn = "a decoded request body is buffered to a temporary file";
        tf->log_level = r->request_body_file_log_level;
        tf->clean = 1;

        d->file = tf;
    }

    n = ngx_write_chain_to_temp_file(d->file, d->out);

    if (n == NGX_ERROR) {
        return NGX_ERROR;
    }

    d->file->offset += n;
    d->memory = 0;
    d->last = &d->out;

    for (cl = d->out; cl; cl = cl->next) {
        cl->buf->pos = cl->buf->start;
        cl->buf->last = cl->buf->start;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_sallyport_decode_chain(ngx_http_sallyport_ctx_t *ctx,
    ngx_chain_t **out)
{
    ngx_buf_t                      *b;
    ngx_chain_t                    *cl, **ll;
    ngx_http_sallyport_decoding_t  *d;

    d = ctx->decoding;

    if (d->file != NULL && d->memory != 0 && !d->failed
        && ngx_http_sallyport_decode_spill(ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* buffers that hold nothing are not sent */

    for (ll = &d->out; *ll; ll = &(*ll)->next) {
        if ((*ll)->buf->pos == (*ll)->buf->last) {
            break;
        }
    }

    *ll = NULL;

    cl = ngx_alloc_chain_link(ctx->request->pool);
    b = ngx_calloc_buf(ctx->request->pool);

    if (cl == NULL || b == NULL) {
        return NGX_ERROR;
    }

    if (d->file != NULL && !d->failed) {
        b->in_file = 1;
        b->file_last = d->file->offset;
        b->file = &d->file->file;
    }

    b->last_buf = 1;
    cl->buf = b;
    cl->next = NULL;

    if (d->failed || d->file != NULL) {
        *out = cl;

    } else {
        *ll = cl;
        *out = d->out;
    }

    return NGX_OK;
}


/*
 * For good, and not as part of what is set for the upstream: the body will
 * not be encoded again, whoever decides on the request next.
 */

ngx_int_t
ngx_http_sallyport_decode_headers(ngx_http_sallyport_ctx_t *ctx)
{
    u_char                         *p;
    ngx_http_request_t             *r;
    ngx_http_sallyport_decoding_t  *d;

    d = ctx->decoding;
    r = ctx->request;

    if (!d->replace || d->failed) {
        return NGX_OK;
    }

    ngx_str_set(&d->header->value, "identity");

    r->headers_in.content_length_n = d->len;

    if (r->headers_in.content_length) {

        p = ngx_pnalloc(r->pool, NGX_OFF_T_LEN);
        if (p == NULL) {
            return NGX_ERROR;
        }

        r->headers_in.content_length->value.data = p;
        r->headers_in.content_length->value.len = ngx_sprintf(p, "%O", d->len)
                                                  - p;
    }

    return NGX_OK;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the reading of a request body. nginx reads it; a filter
 * of request bodies feeds the scanner while the bytes are in memory, and
 * passes them on unchanged: what was judged is what will be sent.
 *
 * Who owns the request: ngx_http_read_client_request_body() takes a reference
 * and gives it back on errors it meets at once. In all other cases we give it
 * back right away, and not in the callback: for an error that comes later
 * (chunked over the limit, a broken chunk, a full disk) nginx ends the request
 * without calling back, and a reference held until then would never be freed.
 */


#include "ngx_http_sallyport_customer.h"
#include "ngx_http_sallyport_decode.h"


#define NGX_HTTP_SALLYPORT_SLICE  65536    /* bytes read from a file at once */


static void ngx_http_sallyport_body_form(ngx_http_sallyport_ctx_t *ctx);
static void ngx_http_sallyport_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_sallyport_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_int_t ngx_http_sallyport_body_over(ngx_http_sallyport_ctx_t *ctx);
static ngx_uint_t ngx_http_sallyport_body_large(
    ngx_http_sallyport_ctx_t *ctx);
static ngx_int_t ngx_http_sallyport_body_reread(ngx_http_sallyport_ctx_t *ctx);
static ngx_int_t ngx_http_sallyport_body_file(ngx_http_sallyport_ctx_t *ctx,
    ngx_buf_t *b);
static void ngx_http_sallyport_body_bytes(ngx_http_sallyport_ctx_t *ctx,
    u_char *data, size_t len);
static ngx_int_t ngx_http_sallyport_body_decoded(
    ngx_http_sallyport_ctx_t *ctx, ngx_chain_t *in, ngx_chain_t **out);
static ngx_int_t ngx_http_sallyport_body_replace(
    ngx_http_sallyport_ctx_t *ctx);
static void ngx_http_sallyport_body_finish(ngx_http_sallyport_ctx_t *ctx);


static ngx_http_request_body_filter_pt   ngx_http_next_request_body_filter;


/* NGX_OK: the body is whole, and its facts are set. */

ngx_int_t
ngx_http_sallyport_body_read(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = ctx->request;

    if (ctx->body_read) {
        ngx_http_sallyport_body_finish(ctx);
        return NGX_OK;
    }

    ctx->body = &ctx->scanner;

    sp_body_init(ctx->body, sp_route(ctx->facts.route));

    if (ctx->body->route->body == SP_BODY_MULTIPART) {
        ngx_http_sallyport_body_form(ctx);
    }

    ngx_http_sallyport_customer_ask(ctx);
    sp_body_param(ctx->body, ctx->facts.param);

    if (r->request_body != NULL || r->discard_body) {

        if (ngx_http_sallyport_body_reread(ctx) != NGX_OK) {
            ctx->body_failed = 1;
        }

        if (ngx_http_sallyport_body_large(ctx)) {
            sp_facts_body(&ctx->facts, SP_BODYFACT_LARGE, NULL);

        } else {
            ngx_http_sallyport_body_finish(ctx);
        }

        return NGX_OK;
    }

    rc = ngx_http_read_client_request_body(r, ngx_http_sallyport_body_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    ngx_http_finalize_request(r, NGX_DONE);

    return NGX_DONE;
}


/* There is one Content-Type: the head was read. */

static void
ngx_http_sallyport_body_form(ngx_http_sallyport_ctx_t *ctx)
{
    sp_str_t          type;
    ngx_table_elt_t  *h;

    h = ctx->request->headers_in.content_type;
    type = SP_STR("");

    if (h != NULL) {
        type.data = h->value.data;
        type.len = h->value.len;
    }

    if (sp_body_form(ctx->body, type) != SP_OK) {
        ctx->body_failed = 1;
    }
}


/* The body is whole. We are in nginx's own frame, with its reference held. */

static void
ngx_http_sallyport_body_handler(ngx_http_request_t *r)
{
    ngx_http_sallyport_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sallyport_module);

    ctx->body_read = 1;

    r->write_event_handler = ngx_http_core_run_phases;
    ngx_http_core_run_phases(r);
}


static ngx_int_t
ngx_http_sallyport_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_chain_t               *cl;
    ngx_http_sallyport_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sallyport_module);

    if (ctx == NULL || ctx->state != NGX_HTTP_SALLYPORT_S_BODY) {
        return ngx_http_next_request_body_filter(r, in);
    }

    for (cl = in; cl != NULL; cl = cl->next) {

        if (!ngx_buf_special(cl->buf)) {
            ngx_http_sallyport_body_bytes(ctx, cl->buf->pos,
                                          cl->buf->last - cl->buf->pos);
        }
    }

    if (ngx_http_sallyport_body_large(ctx)) {
        return ngx_http_sallyport_body_over(ctx);
    }

    if (ctx->decoding && ngx_http_sallyport_body_decoded(ctx, in, &in)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_next_request_body_filter(r, in);
}


/* What came has been read; what goes on is all there once the last came. */

static ngx_int_t
ngx_http_sallyport_body_decoded(ngx_http_sallyport_ctx_t *ctx,
    ngx_chain_t *in, ngx_chain_t **out)
{
    ngx_uint_t    last;
    ngx_chain_t  *cl;

    last = 0;

    for (cl = in; cl != NULL; cl = cl->next) {
        last |= cl->buf->last_buf;
    }

    if (last) {
        ngx_http_sallyport_decode_finish(ctx);
    }

    if (!ctx->decoding->replace) {
        *out = in;
        return NGX_OK;
    }

    for (cl = in; cl != NULL; cl = cl->next) {
        cl->buf->pos = cl->buf->last;
    }

    *out = NULL;

    return last ? ngx_http_sallyport_decode_chain(ctx, out) : NGX_OK;
}


/*
 * More came than client_max_body_size allows, without a Content-Length that
 * said so. The refusal is recorded here; nginx sends its own 413, since only
 * it can end a read under way.
 */

static ngx_int_t
ngx_http_sallyport_body_over(ngx_http_sallyport_ctx_t *ctx)
{
    sp_facts_body(&ctx->facts, SP_BODYFACT_LARGE, NULL);

    sp_decide(ctx->policy->image, &ctx->facts, SP_STAGE_WHOLE,
              &ctx->verdict);

    if (ctx->verdict.decision != SP_VERDICT_DENY) {
        sp_verdict_refuse(ctx->policy->image, &ctx->verdict,
                          SP_R_BODY_LARGE);
    }

    ngx_http_sallyport_record(ctx);

    ctx->state = NGX_HTTP_SALLYPORT_S_REFUSED;

    if (ngx_http_sallyport_answer_headers(ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
}


/* In observe mode the limit is nginx's own. */

static ngx_uint_t
ngx_http_sallyport_body_large(ngx_http_sallyport_ctx_t *ctx)
{
    return ctx->slcf->mode == NGX_HTTP_SALLYPORT_ON
           && ctx->slcf->max_body > 0
           && ctx->body_bytes > (uint64_t) ctx->slcf->max_body;
}


/* The body was read before us: by another module, or before a redirect. */

static ngx_int_t
ngx_http_sallyport_body_reread(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_buf_t            *b;
    ngx_chain_t          *cl;
    ngx_http_request_t   *r;

    r = ctx->request;

    if (r->request_body == NULL || r->discard_body || r->reading_body) {
        return NGX_ERROR;
    }

    for (cl = r->request_body->bufs; cl != NULL; cl = cl->next) {

        b = cl->buf;

        if (ngx_buf_special(b)) {
            continue;
        }

        if (b->in_file) {
            if (ngx_http_sallyport_body_file(ctx, b) != NGX_OK) {
                return NGX_ERROR;
            }

            continue;
        }

        ngx_http_sallyport_body_bytes(ctx, b->pos, b->last - b->pos);
    }

    return ctx->decoding ? ngx_http_sallyport_body_replace(ctx) : NGX_OK;
}


static ngx_int_t
ngx_http_sallyport_body_replace(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_chain_t  *out;

    ngx_http_sallyport_decode_finish(ctx);

    if (!ctx->decoding->replace) {
        return NGX_OK;
    }

    if (ngx_http_sallyport_decode_chain(ctx, &out) != NGX_OK) {
        return NGX_ERROR;
    }

    ctx->request->request_body->bufs = out;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sallyport_body_file(ngx_http_sallyport_ctx_t *ctx, ngx_buf_t *b)
{
    off_t    offset;
    size_t   size;
    u_char  *slice;
    ssize_t  n;

    /* nginx closes the file once an upstream has answered */

    if (b->file->fd == NGX_INVALID_FILE) {
        return NGX_ERROR;
    }

    slice = ngx_palloc(ctx->request->pool, NGX_HTTP_SALLYPORT_SLICE);
    if (slice == NULL) {
        return NGX_ERROR;
    }

    for (offset = b->file_pos; offset < b->file_last; offset += n) {

        size = (size_t) ngx_min(b->file_last - offset,
                                NGX_HTTP_SALLYPORT_SLICE);

        n = ngx_read_file(b->file, slice, size, offset);

        if (n <= 0) {
            return NGX_ERROR;
        }

        ngx_http_sallyport_body_bytes(ctx, slice, n);
    }

    (void) ngx_pfree(ctx->request->pool, slice);

    return NGX_OK;
}


/* As they came from the client. */

static void
ngx_http_sallyport_body_bytes(ngx_http_sallyport_ctx_t *ctx, u_char *data,
    size_t len)
{
    if (ctx->decoding) {
        ngx_http_sallyport_decode_feed(ctx, data, len);

    } else {
        ngx_http_sallyport_body_feed(ctx, data, len);
    }
}


/* Once the scanner has refused, the rest is read but not looked at. */

void
ngx_http_sallyport_body_feed(ngx_http_sallyport_ctx_t *ctx, u_char *data,
    size_t len)
{
    ctx->body_bytes += len;

    if (len > 0 && !ctx->body_failed
        && sp_body_feed(ctx->body, data, len) != SP_OK)
    {
        ctx->body_failed = 1;
    }
}


static void
ngx_http_sallyport_body_finish(ngx_http_sallyport_ctx_t *ctx)
{
    const sp_route_t  *route;

    route = sp_route(ctx->facts.route);

    if (ctx->decoding && ngx_http_sallyport_decode_headers(ctx) != NGX_OK) {
        ctx->body_failed = 1;
    }

    if (route->body == SP_BODY_NONE && ctx->body_bytes == 0
        && !ctx->body_failed)
    {
        sp_facts_body(&ctx->facts, SP_BODYFACT_NONE, NULL);
        return;
    }

    if (ctx->body_failed || sp_body_finish(ctx->body) != SP_OK) {
        ctx->body_failed = 1;
        sp_facts_body(&ctx->facts, SP_BODYFACT_AMBIGUOUS, ctx->body);
        return;
    }

    sp_facts_body(&ctx->facts, SP_BODYFACT_FINE, ctx->body);
}


ngx_int_t
ngx_http_sallyport_body_init(ngx_conf_t *cf)
{
    ngx_http_next_request_body_filter = ngx_http_top_request_body_filter;
    ngx_http_top_request_body_filter = ngx_http_sallyport_body_filter;

    return NGX_OK;
}

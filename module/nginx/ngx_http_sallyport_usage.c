
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the filter that reads token usage from the answers of
 * gated requests as they pass. It changes no byte and holds none back; a
 * compressed answer cannot be read, and its usage is not known.
 */


#include "ngx_http_sallyport_audit.h"
#include "ngx_http_sallyport_rewrite.h"
#include "ngx_http_sallyport_running.h"


static ngx_int_t ngx_http_sallyport_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_sallyport_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_http_sallyport_ctx_t *ngx_http_sallyport_usage_ctx(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_sallyport_usage_form(ngx_http_request_t *r,
    sp_usage_form_t *form);
static ngx_uint_t ngx_http_sallyport_usage_stream(ngx_http_request_t *r);
static void ngx_http_sallyport_usage_tail(
    ngx_http_sallyport_answered_t *answered, ngx_buf_t *b);
static ngx_uint_t ngx_http_sallyport_usage_type(ngx_str_t *type,
    const char *name, size_t len);
static ngx_uint_t ngx_http_sallyport_usage_named(ngx_conf_t *cf);


static sp_usage_table_t  ngx_http_sallyport_usage_table;

static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


ngx_int_t
ngx_http_sallyport_usage_init(ngx_conf_t *cf)
{
    ngx_http_sallyport_main_conf_t  *smcf;

    if (sp_usage_table(&ngx_http_sallyport_usage_table) != SP_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "sallyport: the table of usage fields does not "
                           "fit");
        return NGX_ERROR;
    }

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sallyport_module);
    smcf->tokens_named = ngx_http_sallyport_usage_named(cf);

    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_sallyport_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_sallyport_body_filter;

    return NGX_OK;
}


/* Variables that the configuration names have an index. */

static ngx_uint_t
ngx_http_sallyport_usage_named(ngx_conf_t *cf)
{
    ngx_uint_t                  i;
    ngx_http_variable_t        *v;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    v = cmcf->variables.elts;

    for (i = 0; i < cmcf->variables.nelts; i++) {

        if (v[i].name.len > sizeof("sallyport_tokens_") - 1
            && ngx_strncmp(v[i].name.data, "sallyport_tokens_",
                           sizeof("sallyport_tokens_") - 1)
               == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_sallyport_header_filter(ngx_http_request_t *r)
{
    ngx_uint_t                      metered;
    sp_usage_form_t                 form;
    ngx_http_sallyport_ctx_t       *ctx;
    ngx_http_sallyport_answered_t  *answered;

    ctx = ngx_http_sallyport_usage_ctx(r);

    if (ctx == NULL) {
        return ngx_http_next_header_filter(r);
    }

    metered = ctx->recorded || ctx->smcf->tokens_named || ctx->held != NULL;

    if (!metered && !ngx_http_sallyport_usage_stream(r)) {
        return ngx_http_next_header_filter(r);
    }

    answered = ngx_pcalloc(r->pool, sizeof(ngx_http_sallyport_answered_t));
    if (answered == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_sallyport_usage_form(r, &form) == NGX_OK) {

        answered->form = form;
        answered->stream = (form != SP_USAGE_JSON);
        r->filter_need_in_memory = 1;

        /* of frames only their reader knows where one ends */

        metered |= (form == SP_USAGE_FRAMES);

    } else {
        metered = 0;
    }

    if (metered) {
        answered->usage = ngx_palloc(r->pool, sizeof(sp_usage_t));
        if (answered->usage == NULL) {
            return NGX_ERROR;
        }

        sp_usage_init(answered->usage, &ngx_http_sallyport_usage_table, form);

        if (ctx->asked_usage && form == SP_USAGE_SSE
            && ngx_http_sallyport_hide_init(ctx) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    ctx->answered = answered;

    /* After a redirect the body filter would not find it otherwise. */

    ngx_http_set_ctx(r, ctx, ngx_http_sallyport_module);

    return ngx_http_next_header_filter(r);
}


static ngx_int_t
ngx_http_sallyport_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_int_t                       rc;
    ngx_buf_t                      *b;
    sp_usage_t                     *usage;
    ngx_chain_t                    *cl, *out;
    ngx_http_sallyport_ctx_t       *ctx;
    ngx_http_sallyport_answered_t  *answered;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sallyport_module);

    if (ctx == NULL || r != r->main || ctx->answered == NULL
        || ctx->answered->last)
    {
        return ngx_http_next_body_filter(r, in);
    }

    answered = ctx->answered;
    usage = answered->usage;

    for (cl = in; cl; cl = cl->next) {

        b = cl->buf;

        if (ngx_buf_in_memory(b) && b->last > b->pos) {

            if (usage) {
                sp_usage_feed(usage, b->pos, (size_t) (b->last - b->pos));
            }

            if (answered->stream) {
                ngx_http_sallyport_usage_tail(answered, b);
            }
        }

        if (b->last_buf) {
            answered->last = 1;

            if (usage) {
                sp_usage_finish(usage);
            }

            break;
        }
    }

    if (usage) {
        ctx->tokens_in = sp_usage_in(usage);
        ctx->tokens_out = sp_usage_out(usage);
    }

    /* it waits for the end of an event */

    if (ctx->cut != NULL) {
        ngx_http_sallyport_running_soon(ctx);
    }

    if (ctx->hide == NULL) {
        return ngx_http_next_body_filter(r, in);
    }

    if (ngx_http_sallyport_hide(ctx, in, &out) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_http_next_body_filter(r, out);

    ngx_http_sallyport_hide_sent(ctx, out);

    return rc;
}


static void
ngx_http_sallyport_usage_tail(ngx_http_sallyport_answered_t *answered,
    ngx_buf_t *b)
{
    size_t  n;

    n = ngx_min((size_t) (b->last - b->pos), sizeof(answered->tail));

    ngx_memmove(answered->tail, answered->tail + n,
                sizeof(answered->tail) - n);
    ngx_memcpy(answered->tail + sizeof(answered->tail) - n, b->last - n, n);
}


/* A line feed, a carriage return or both end a line; an empty one an event. */

ngx_uint_t
ngx_http_sallyport_usage_whole(ngx_http_sallyport_ctx_t *ctx)
{
    u_char  *tail;

    tail = ctx->answered->tail;

    if (ctx->answered->form == SP_USAGE_FRAMES) {
        return (ngx_uint_t) sp_usage_whole(ctx->answered->usage);
    }

    if (ctx->hide != NULL) {
        return ngx_http_sallyport_hide_whole(ctx);
    }

    if (tail[2] == '\0') {
        return 1;
    }

    if (ctx->answered->form == SP_USAGE_LINES) {
        return tail[2] == '\n';
    }

    return (tail[2] == '\n'
            && (tail[1] == '\n' || (tail[1] == '\r' && tail[0] == '\n')))
           || (tail[2] == '\r' && tail[1] == '\r');
}


ngx_int_t
ngx_http_sallyport_usage_out(ngx_http_request_t *r, ngx_chain_t *out)
{
    return ngx_http_next_body_filter(r, out);
}


/* Only answers to what the gate let through are of interest. */

static ngx_http_sallyport_ctx_t *
ngx_http_sallyport_usage_ctx(ngx_http_request_t *r)
{
    ngx_http_sallyport_ctx_t  *ctx;

    if (r != r->main) {
        return NULL;
    }

    ctx = ngx_http_sallyport_get_ctx(r);

    if (ctx == NULL
        || (ctx->state != NGX_HTTP_SALLYPORT_S_ALLOWED
            && ctx->state != NGX_HTTP_SALLYPORT_S_PASSED))
    {
        return NULL;
    }

    return ctx;
}


/* 1 unless it is what most answers are. */

static ngx_uint_t
ngx_http_sallyport_usage_stream(ngx_http_request_t *r)
{
    ngx_str_t  *type;

    static const char  json[] = "application/json";

    type = &r->headers_out.content_type;

    return r == r->main
           && (type->len != sizeof(json) - 1
               || ngx_memcmp(type->data, json, sizeof(json) - 1) != 0);
}


static ngx_int_t
ngx_http_sallyport_usage_form(ngx_http_request_t *r, sp_usage_form_t *form)
{
    ngx_str_t         type;
    ngx_table_elt_t  *encoding;

    if (r->header_only || r->method == NGX_HTTP_HEAD) {
        return NGX_DECLINED;
    }

    encoding = r->headers_out.content_encoding;

    if (encoding && encoding->hash
        && (encoding->value.len != sizeof("identity") - 1
            || ngx_strncasecmp(encoding->value.data, (u_char *) "identity",
                               sizeof("identity") - 1)
               != 0))
    {
        return NGX_DECLINED;
    }

    type = r->headers_out.content_type;

    if (ngx_http_sallyport_usage_type(&type, "application/json",
                                      sizeof("application/json") - 1))
    {
        *form = SP_USAGE_JSON;
        return NGX_OK;
    }

    if (ngx_http_sallyport_usage_type(&type, "text/event-stream",
                                      sizeof("text/event-stream") - 1))
    {
        *form = SP_USAGE_SSE;
        return NGX_OK;
    }

    if (ngx_http_sallyport_usage_type(&type, "application/x-ndjson",
                                      sizeof("application/x-ndjson") - 1))
    {
        *form = SP_USAGE_LINES;
        return NGX_OK;
    }

    if (ngx_http_sallyport_usage_type(&type,
                                      "application/vnd.amazon.eventstream",
                             sizeof("application/vnd.amazon.eventstream") - 1))
    {
        *form = SP_USAGE_FRAMES;
        return NGX_OK;
    }

    return NGX_DECLINED;
}


/* The type may be followed by parameters. */

static ngx_uint_t
ngx_http_sallyport_usage_type(ngx_str_t *type, const char *name, size_t len)
{
    u_char    ch;
    sp_str_t  start, want;

    start.data = type->data;
    start.len = len;
    want.data = (const u_char *) name;
    want.len = len;

    if (type->len < len || !sp_str_caseeq(start, want)) {
        return 0;
    }

    if (type->len == len) {
        return 1;
    }

    ch = type->data[len];

    return ch == ';' || ch == ' ' || ch == '\t';
}

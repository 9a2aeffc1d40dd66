
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains usage that only the gate wants to see: it is asked for
 * in streams whose client did not, and taken out of the answer again. A chunk
 * that has nothing else goes; of the others "usage": null does. A chunk that
 * is too long to be held is passed as it is.
 */


#include "ngx_http_sallyport_meter.h"
#include "ngx_http_sallyport_rewrite.h"
#include "sp_splice.h"


#define NGX_HTTP_SALLYPORT_EVENT  65536   /* bytes of one that is held */
#define NGX_HTTP_SALLYPORT_OUT    8192    /* of a buffer towards the client */


/* The answer to a request that was made to ask. */
struct ngx_http_sallyport_hide_s {
    u_char                       *event;   /* what is held of one */
    size_t                        len;
    size_t                        size;
    size_t                        column;  /* of the line that is read */
    ngx_chain_t                  *free;
    ngx_chain_t                  *busy;
    unsigned                      cr:1;    /* the last byte was CR */
    unsigned                      ended:1; /* the event's last line was read */
    unsigned                      passes:1;   /* the rest of it, unread */
    unsigned                      dropped:1;  /* the last event was */
};


static ngx_uint_t ngx_http_sallyport_usage_asks(
    ngx_http_sallyport_ctx_t *ctx);
static ngx_int_t ngx_http_sallyport_hide_bytes(ngx_http_request_t *r,
    ngx_http_sallyport_hide_t *hide, u_char *pos, u_char *last,
    ngx_chain_t ***tail);
static ngx_int_t ngx_http_sallyport_hide_hold(ngx_http_request_t *r,
    ngx_http_sallyport_hide_t *hide, u_char ch);
static ngx_int_t ngx_http_sallyport_hide_event(ngx_http_request_t *r,
    ngx_http_sallyport_hide_t *hide, ngx_chain_t ***tail);
static u_char *ngx_http_sallyport_hide_find(u_char *p, u_char *last,
    const char *key, size_t len, const char *value, u_char **end);
static ngx_int_t ngx_http_sallyport_hide_put(ngx_http_request_t *r,
    ngx_http_sallyport_hide_t *hide, u_char *pos, u_char *last,
    ngx_chain_t ***tail);


ngx_int_t
ngx_http_sallyport_usage_ask(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_int_t                   rc;
    sp_splice_t                 splice;
    ngx_chain_t                *cl;
    ngx_http_sallyport_edit_t   edit;

    if (!ngx_http_sallyport_usage_asks(ctx)) {
        return NGX_OK;
    }

    sp_splice_init(&splice, ctx->body->options);

    for (cl = ctx->request->request_body->bufs; cl; cl = cl->next) {

        if (cl->buf->in_file) {
            return NGX_OK;
        }

        sp_splice_feed(&splice, cl->buf->pos, cl->buf->last - cl->buf->pos);
    }

    if (sp_splice_finish(&splice) != SP_OK) {
        return NGX_OK;
    }

    edit.at = (off_t) splice.at;
    edit.cut = (off_t) splice.cut;
    edit.text.data = (u_char *) splice.text;
    edit.text.len = ngx_strlen(splice.text);

    rc = ngx_http_sallyport_rewrite(ctx, &edit, 1);

    if (rc == NGX_OK) {
        ctx->asked_usage = 1;
    }

    return rc == NGX_ERROR ? NGX_ERROR : NGX_OK;
}


/* A stream of OpenAI's chat or completions whose usage is to be settled. */

static ngx_uint_t
ngx_http_sallyport_usage_asks(ngx_http_sallyport_ctx_t *ctx)
{
    sp_str_t           name;
    const sp_route_t  *route;

    static const sp_str_t  chat = sp_str("chat.completions");
    static const sp_str_t  text = sp_str("completions");

    route = sp_route(ctx->facts.route);

    if (ctx->held == NULL || ctx->held->n == 0 || !ctx->slcf->ask_usage
        || route == NULL || route->dialect != SP_DIALECT_OPENAI
        || ctx->body == NULL || !ctx->body->stream || ctx->body->usage
        || ctx->request->request_body == NULL || ctx->rewritten != NULL)
    {
        return 0;
    }

    name = route->name;

    return sp_str_eq(name, chat) || sp_str_eq(name, text);
}


ngx_int_t
ngx_http_sallyport_hide_init(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_http_request_t  *r;

    r = ctx->request;

    ctx->hide = ngx_pcalloc(r->pool, sizeof(ngx_http_sallyport_hide_t));
    if (ctx->hide == NULL) {
        return NGX_ERROR;
    }

    ngx_http_clear_content_length(r);

    return NGX_OK;
}


/*
 * Takes what came, and gives what may go on: whole events. The bytes are
 * copied, so that what was taken is free at once.
 */

ngx_int_t
ngx_http_sallyport_hide(ngx_http_sallyport_ctx_t *ctx, ngx_chain_t *in,
    ngx_chain_t **out)
{
    ngx_buf_t                  *b;
    ngx_uint_t                  flush, last;
    ngx_chain_t                *cl, **tail;
    ngx_http_request_t         *r;
    ngx_http_sallyport_hide_t  *hide;

    r = ctx->request;
    hide = ctx->hide;
    *out = NULL;
    tail = out;
    flush = 0;
    last = 0;

    for (cl = in; cl != NULL; cl = cl->next) {
        b = cl->buf;

        if (ngx_buf_in_memory(b)
            && ngx_http_sallyport_hide_bytes(r, hide, b->pos, b->last, &tail)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        flush |= b->flush;
        last |= b->last_buf;

        b->pos = b->last;
        b->file_pos = b->file_last;
    }

    if (last && ngx_http_sallyport_hide_event(r, hide, &tail) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!flush && !last) {
        return NGX_OK;
    }

    cl = ngx_alloc_chain_link(r->pool);
    b = ngx_calloc_buf(r->pool);

    if (cl == NULL || b == NULL) {
        return NGX_ERROR;
    }

    b->flush = !last;
    b->last_buf = last;
    b->last_in_chain = 1;

    cl->buf = b;
    cl->next = NULL;
    *tail = cl;

    return NGX_OK;
}


void
ngx_http_sallyport_hide_sent(ngx_http_sallyport_ctx_t *ctx, ngx_chain_t *out)
{
    ngx_http_sallyport_hide_t  *hide;

    hide = ctx->hide;

    ngx_chain_update_chains(ctx->request->pool, &hide->free, &hide->busy,
                            &out, (ngx_buf_tag_t) &ngx_http_sallyport_module);
}


ngx_uint_t
ngx_http_sallyport_hide_whole(ngx_http_sallyport_ctx_t *ctx)
{
    return !ctx->hide->passes;
}


static ngx_int_t
ngx_http_sallyport_hide_bytes(ngx_http_request_t *r,
    ngx_http_sallyport_hide_t *hide, u_char *pos, u_char *last,
    ngx_chain_t ***tail)
{
    u_char  ch;

    for ( /* void */ ; pos < last; pos++) {
        ch = *pos;

        /* the LF of the CRLF that ended an event belongs to it */

        if (hide->ended && !(ch == '\n' && hide->cr)) {

            if (ngx_http_sallyport_hide_event(r, hide, tail) != NGX_OK) {
                return NGX_ERROR;
            }
        }

        /* and goes the way of an event that did not wait for it */

        if (ch == '\n' && hide->cr && hide->len == 0) {
            hide->cr = 0;

            if (!hide->dropped
                && ngx_http_sallyport_hide_put(r, hide, pos, pos + 1, tail)
                   != NGX_OK)
            {
                return NGX_ERROR;
            }

            continue;
        }

        if (ngx_http_sallyport_hide_hold(r, hide, ch) != NGX_OK) {
            return NGX_ERROR;
        }

        if (ch == '\n' && hide->cr) {
            hide->cr = 0;
            continue;
        }

        hide->cr = (ch == '\r');

        if (ch != '\n' && ch != '\r') {
            hide->column++;
            continue;
        }

        hide->ended = (hide->column == 0);
        hide->column = 0;
    }

    /* a LF may come that need not be waited for */

    if (hide->ended || hide->passes) {
        return ngx_http_sallyport_hide_event(r, hide, tail);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sallyport_hide_hold(ngx_http_request_t *r,
    ngx_http_sallyport_hide_t *hide, u_char ch)
{
    u_char  *p;
    size_t   size;

    if (hide->len == hide->size) {

        if (hide->size == NGX_HTTP_SALLYPORT_EVENT) {
            hide->passes = 1;
        }

        size = hide->size ? 2 * hide->size : 2048;

        p = ngx_palloc(r->pool, size);
        if (p == NULL) {
            return NGX_ERROR;
        }

        if (hide->len) {
            ngx_memcpy(p, hide->event, hide->len);
            (void) ngx_pfree(r->pool, hide->event);
        }

        hide->event = p;
        hide->size = size;
    }

    hide->event[hide->len++] = ch;

    return NGX_OK;
}


/* What is held goes on: without what only we asked for, if it is whole. */

static ngx_int_t
ngx_http_sallyport_hide_event(ngx_http_request_t *r,
    ngx_http_sallyport_hide_t *hide, ngx_chain_t ***tail)
{
    u_char     *p, *last, *end, *from;
    ngx_int_t   rc;

    p = hide->event;
    last = p + hide->len;
    rc = NGX_OK;

    if (!hide->passes
        && ngx_http_sallyport_hide_find(p, last, "\"usage\"",
                                        sizeof("\"usage\"") - 1, "{", &end)
           != NULL
        && ngx_http_sallyport_hide_find(p, last, "\"choices\"",
                                        sizeof("\"choices\"") - 1, "[]", &end)
           != NULL)
    {
        p = last;
        hide->dropped = 1;

    } else {
        hide->dropped = 0;
    }

    from = hide->passes ? NULL
           : ngx_http_sallyport_hide_find(p, last, "\"usage\"",
                                          sizeof("\"usage\"") - 1, "null",
                                          &end);

    if (from != NULL) {

        /* with the comma before it, or the one behind */

        while (from > p && (from[-1] == ' ' || from[-1] == '\t')) {
            from--;
        }

        if (from > p && from[-1] == ',') {
            from--;

        } else {

            while (end < last && (*end == ' ' || *end == ',')) {
                end++;
            }
        }

        rc = ngx_http_sallyport_hide_put(r, hide, p, from, tail);
        p = end;
    }

    if (rc == NGX_OK) {
        rc = ngx_http_sallyport_hide_put(r, hide, p, last, tail);
    }

    hide->len = 0;

    if (hide->ended) {
        hide->ended = 0;
        hide->passes = 0;
    }

    return rc;
}


/*
 * The key with this value behind it: quotes inside of a string are escaped, so
 * that text which a model wrote is no such thing.
 */

static u_char *
ngx_http_sallyport_hide_find(u_char *p, u_char *last, const char *key,
    size_t len, const char *value, u_char **end)
{
    u_char  *q;
    size_t   n;

    for ( /* void */ ; (size_t) (last - p) >= len; p++) {

        p = ngx_strlchr(p, last, '"');

        if (p == NULL || (size_t) (last - p) < len) {
            return NULL;
        }

        if (ngx_memcmp(p, key, len) != 0) {
            continue;
        }

        n = 0;

        for (q = p + len; q < last; q++) {

            if (*q == ' ' || *q == '\t') {
                continue;
            }

            if (n == 0 && *q == ':') {
                n = 1;
                continue;
            }

            if (n == 0 || *q != (u_char) value[n - 1]) {
                break;
            }

            if (value[n++] == '\0') {
                *end = q + 1;
                return p;
            }
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_sallyport_hide_put(ngx_http_request_t *r,
    ngx_http_sallyport_hide_t *hide, u_char *pos, u_char *last,
    ngx_chain_t ***tail)
{
    size_t        n;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    while (pos < last) {

        cl = ngx_chain_get_free_buf(r->pool, &hide->free);
        if (cl == NULL) {
            return NGX_ERROR;
        }

        b = cl->buf;

        if (b->start == NULL) {
            b->start = ngx_palloc(r->pool, NGX_HTTP_SALLYPORT_OUT);
            if (b->start == NULL) {
                return NGX_ERROR;
            }

            b->end = b->start + NGX_HTTP_SALLYPORT_OUT;
            b->tag = (ngx_buf_tag_t) &ngx_http_sallyport_module;
            b->temporary = 1;
        }

        n = ngx_min((size_t) (last - pos), NGX_HTTP_SALLYPORT_OUT);

        b->pos = b->start;
        b->last = ngx_cpymem(b->start, pos, n);
        b->flush = 0;

        pos += n;

        **tail = cl;
        *tail = &cl->next;
        cl->next = NULL;
    }

    return NGX_OK;
}

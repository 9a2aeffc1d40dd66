
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the rewriting of request bodies.
 */


#include "ngx_http_sallyport_rewrite.h"


static ngx_int_t ngx_http_sallyport_rewrite_edit(ngx_http_request_t *r,
    const ngx_http_sallyport_edit_t *edit, off_t at, ngx_buf_t *b,
    ngx_chain_t ***tail);
static ngx_int_t ngx_http_sallyport_rewrite_add(ngx_http_request_t *r,
    u_char *pos, u_char *last, ngx_chain_t ***tail);
static ngx_int_t ngx_http_sallyport_rewrite_swap(
    ngx_http_sallyport_ctx_t *ctx, ngx_chain_t *bufs, off_t length);


ngx_int_t
ngx_http_sallyport_rewrite(ngx_http_sallyport_ctx_t *ctx,
    const ngx_http_sallyport_edit_t *edits, ngx_uint_t n)
{
    off_t                 at, from, length;
    ngx_buf_t            *b, part;
    ngx_uint_t            i;
    ngx_chain_t          *cl, *out, **tail;
    ngx_http_request_t   *r;

    r = ctx->request;
    out = NULL;
    tail = &out;
    at = 0;
    length = 0;
    i = 0;

    if (r->request_body == NULL) {
        return NGX_DECLINED;
    }

    for (cl = r->request_body->bufs; cl != NULL; cl = cl->next) {

        if (cl->buf->in_file) {
            return NGX_DECLINED;
        }

        length += cl->buf->last - cl->buf->pos;
    }

    for (cl = r->request_body->bufs; cl != NULL; cl = cl->next) {
        b = cl->buf;
        part = *b;

        /* what an edit cuts may go on into the next buffer */

        for (from = at; i < n && edits[i].at < at + (b->last - b->pos); i++) {

            part.pos = b->pos + (from - at);
            part.last = b->pos + ngx_max(edits[i].at - at, from - at);

            if (ngx_http_sallyport_rewrite_edit(r, &edits[i], from, &part,
                                                &tail)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            from = edits[i].at + edits[i].cut;
            length += (off_t) edits[i].text.len - edits[i].cut;

            if (from > at + (b->last - b->pos)) {
                return NGX_DECLINED;
            }
        }

        if (ngx_http_sallyport_rewrite_add(r, b->pos + (from - at), b->last,
                                           &tail)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        at += b->last - b->pos;
    }

    if (i != n) {
        return NGX_DECLINED;
    }

    return ngx_http_sallyport_rewrite_swap(ctx, out, length);
}


static ngx_int_t
ngx_http_sallyport_rewrite_edit(ngx_http_request_t *r,
    const ngx_http_sallyport_edit_t *edit, off_t at, ngx_buf_t *b,
    ngx_chain_t ***tail)
{
    (void) at;

    if (ngx_http_sallyport_rewrite_add(r, b->pos, b->last, tail) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_sallyport_rewrite_add(r, edit->text.data,
                                          edit->text.data + edit->text.len,
                                          tail);
}


/* nginx sends buffers again, to another upstream, from their start. */

static ngx_int_t
ngx_http_sallyport_rewrite_add(ngx_http_request_t *r, u_char *pos,
    u_char *last, ngx_chain_t ***tail)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    if (pos == last) {
        return NGX_OK;
    }

    b = ngx_calloc_buf(r->pool);
    cl = ngx_alloc_chain_link(r->pool);

    if (b == NULL || cl == NULL) {
        return NGX_ERROR;
    }

    b->start = pos;
    b->pos = pos;
    b->last = last;
    b->end = last;
    b->memory = 1;

    cl->buf = b;
    cl->next = NULL;

    **tail = cl;
    *tail = &cl->next;

    return NGX_OK;
}


ngx_int_t
ngx_http_sallyport_rewrite_whole(ngx_http_sallyport_ctx_t *ctx,
    ngx_chain_t *bufs, off_t length)
{
    if (ctx->request->request_body == NULL) {
        return NGX_DECLINED;
    }

    return ngx_http_sallyport_rewrite_swap(ctx, bufs, length);
}


static ngx_int_t
ngx_http_sallyport_rewrite_swap(ngx_http_sallyport_ctx_t *ctx,
    ngx_chain_t *bufs, off_t length)
{
    u_char                            *p;
    ngx_http_request_t                *r;
    ngx_http_sallyport_rewritten_t    *was;

    r = ctx->request;
    was = ctx->rewritten;
    p = ngx_pnalloc(r->pool, NGX_OFF_T_LEN);

    if (p == NULL) {
        return NGX_ERROR;
    }

    /* rewritten twice, it is still what the client sent that is kept */

    if (was == NULL) {
        was = ngx_palloc(r->pool, sizeof(ngx_http_sallyport_rewritten_t));
        if (was == NULL) {
            return NGX_ERROR;
        }

        was->bufs = r->request_body->bufs;
        was->length = r->headers_in.content_length_n;
        was->elt = r->headers_in.content_length;

        if (was->elt != NULL) {
            was->line = was->elt->value;
        }

        ctx->rewritten = was;
    }

    r->request_body->bufs = bufs;
    r->headers_in.content_length_n = length;

    if (was->elt != NULL) {
        was->elt->value.data = p;
        was->elt->value.len = ngx_sprintf(p, "%O", length) - p;
    }

    return NGX_OK;
}


void
ngx_http_sallyport_rewrite_restore(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_http_request_t              *r;
    ngx_http_sallyport_rewritten_t  *was;

    was = ctx->rewritten;

    if (was == NULL) {
        return;
    }

    r = ctx->request;

    r->request_body->bufs = was->bufs;
    r->headers_in.content_length_n = was->length;

    if (was->elt != NULL) {
        was->elt->value = was->line;
    }

    ctx->rewritten = NULL;
}

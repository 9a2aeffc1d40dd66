
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the texts of accounts' records as they stand in audit
 * records: made once for a filling of a cache slot, and copied from then on.
 */


#include "ngx_http_sallyport_audit.h"

#include <sys/mman.h>


#define NGX_HTTP_SALLYPORT_TEXTS  4096    /* a power of two */
#define NGX_HTTP_SALLYPORT_TEXT   1024    /* bytes each */


typedef struct {
    uint64_t  slot;
    uint64_t  seq;
    size_t    len;
    u_char    text[NGX_HTTP_SALLYPORT_TEXT - 24];
} ngx_http_sallyport_text_t;


/* Of this process. Pages that are never asked for are never touched. */

static ngx_http_sallyport_text_t  *ngx_http_sallyport_texts;
static u_char                      ngx_http_sallyport_long_text[
                                       SP_AUDIT_ACCOUNT_MAX];


ngx_int_t
ngx_http_sallyport_text_init(ngx_log_t *log)
{
    void  *texts;

    if (ngx_http_sallyport_texts != NULL) {
        return NGX_OK;
    }

    texts = mmap(NULL, NGX_HTTP_SALLYPORT_TEXTS
                       * sizeof(ngx_http_sallyport_text_t),
                 PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0);

    if (texts == MAP_FAILED) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      "sallyport: mmap() failed");
        return NGX_ERROR;
    }

    ngx_http_sallyport_texts = texts;

    return NGX_OK;
}


/* Good until the next one is asked for. Empty: there is no record. */

void
ngx_http_sallyport_text(ngx_http_sallyport_ctx_t *ctx, sp_str_t *text)
{
    uint64_t                    hash;
    ngx_http_sallyport_text_t  *t;

    if (ctx->facts.account == NULL) {
        return;
    }

    if (ctx->slot != 0 && ngx_http_sallyport_texts != NULL) {
        hash = ctx->slot * 0x9e3779b97f4a7c15;
        t = &ngx_http_sallyport_texts[(hash >> 40)
                                      & (NGX_HTTP_SALLYPORT_TEXTS - 1)];

        if (t->slot == ctx->slot && t->seq == ctx->seq) {
            text->data = t->text;
            text->len = t->len;
            return;
        }

    } else {
        t = NULL;
    }

    text->len = sp_audit_account(ctx->facts.account,
                                 ngx_http_sallyport_long_text);
    text->data = ngx_http_sallyport_long_text;

    if (t == NULL || text->len > sizeof(t->text)) {
        return;
    }

    t->slot = ctx->slot;
    t->seq = ctx->seq;
    t->len = text->len;
    ngx_memcpy(t->text, text->data, text->len);
}

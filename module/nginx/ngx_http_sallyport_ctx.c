
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the contexts of requests: where they come from, how one
 * is found again after a redirect, and where they go.
 */


#include "ngx_http_sallyport_meter.h"
#include "ngx_http_sallyport_running.h"


static void ngx_http_sallyport_cleanup_ctx(void *data);


/*
 * Contexts at rest: they are large, and every request needs one. The last to
 * rest is the first to be taken, since the processor still has it.
 */

#define NGX_HTTP_SALLYPORT_RESTING  128

static ngx_http_sallyport_ctx_t  *ngx_http_sallyport_rest;


/* Sanitizers see more of contexts that come and go. */

ngx_int_t
ngx_http_sallyport_ctx_init_process(ngx_cycle_t *cycle)
{
#if !(NGX_DEBUG_PALLOC)

    size_t                     size;
    u_char                    *p;
    ngx_uint_t                 i;
    ngx_http_sallyport_ctx_t  *ctx;

    static ngx_uint_t          done;    /* for the life of the process */

    if (done) {
        return NGX_OK;
    }

    size = ngx_align(sizeof(ngx_http_sallyport_ctx_t), 64);

    p = ngx_http_sallyport_pages_for_good(NGX_HTTP_SALLYPORT_RESTING * size,
                                          cycle->log);
    if (p == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < NGX_HTTP_SALLYPORT_RESTING; i++) {
        ctx = (ngx_http_sallyport_ctx_t *) (p + i * size);
        ctx->next = ngx_http_sallyport_rest;
        ngx_http_sallyport_rest = ctx;
    }

    done = 1;

#endif

    return NGX_OK;
}


ngx_http_sallyport_ctx_t *
ngx_http_sallyport_get_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t        *cln;
    ngx_http_sallyport_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sallyport_module);

    if (ctx != NULL || r != r->main || (!r->internal && !r->filter_finalize)) {
        return ctx;
    }

    /* a redirect may have wiped it; the newest stands first */

    for (cln = r->pool->cleanup; cln != NULL; cln = cln->next) {

        if (cln->handler == ngx_http_sallyport_cleanup_ctx) {
            ctx = cln->data;

            if (ctx->request == r) {
                return ctx;
            }
        }
    }

    return NULL;
}


/* A cleanup of the pool, so that it is found again by its handler. */

ngx_http_sallyport_ctx_t *
ngx_http_sallyport_create_ctx(ngx_http_request_t *r,
    ngx_http_sallyport_loc_conf_t *slcf)
{
    ngx_uint_t                 pooled;
    ngx_pool_cleanup_t        *cln;
    ngx_http_sallyport_ctx_t  *ctx;

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    ctx = ngx_http_sallyport_rest;
    pooled = (ctx != NULL);

    if (pooled) {
        ngx_http_sallyport_rest = ctx->next;

    } else {
        ctx = ngx_alloc(sizeof(ngx_http_sallyport_ctx_t), r->connection->log);
        if (ctx == NULL) {
            return NULL;
        }
    }

    cln->data = ctx;

    ngx_memzero(ctx, offsetof(ngx_http_sallyport_ctx_t, facts));
    ngx_memzero(&ctx->verdict, offsetof(sp_verdict_t, matches));

    ctx->pooled = pooled;
    ctx->request = r;
    ctx->slcf = slcf;
    ctx->smcf = ngx_http_get_module_main_conf(r, ngx_http_sallyport_module);
    ctx->record_age_ms = -1;
    ctx->tokens_in = -1;
    ctx->tokens_out = -1;
    ctx->verdict.primary = -1;
    ctx->verdict.allow_rule = -1;
    ctx->verdict.throttled = -1;
    ctx->method = r->method;
    ctx->uri = r->uri;
    ctx->stale_ms = -1;
    ctx->trust = NGX_HTTP_SALLYPORT_NONE;
    ctx->started = ngx_http_sallyport_clock();
    ctx->now = ctx->started;
    ctx->policy = ngx_http_sallyport_policy_hold(slcf->policy);

    cln->handler = ngx_http_sallyport_cleanup_ctx;

    ngx_http_set_ctx(r, ctx, ngx_http_sallyport_module);

    return ctx;
}


static void
ngx_http_sallyport_cleanup_ctx(void *data)
{
    ngx_http_sallyport_ctx_t *ctx = data;

    if (ctx->waiter.waiting) {
        ngx_http_sallyport_record_cancel(&ctx->waiter);
    }

    ngx_http_sallyport_running_remove(ctx);
    ngx_http_sallyport_held_settle(ctx);
    ngx_http_sallyport_lane_leave(ctx);
    ngx_http_sallyport_record_release(&ctx->waiter);
    ngx_http_sallyport_judged(ctx);

    if (!ctx->pooled) {
        ngx_free(ctx);
        return;
    }

    ctx->next = ngx_http_sallyport_rest;
    ngx_http_sallyport_rest = ctx;
}


uint64_t
ngx_http_sallyport_clock(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_BOOTTIME, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains a worker's screens: for accounts that are asked about
 * often, which rules of the policy their record settles. One filling of a
 * cache slot is one record, so a screen can never outlive what it was made
 * of: another filling has another number.
 */


#include "ngx_http_sallyport.h"


#define NGX_HTTP_SALLYPORT_SCREENS  4096    /* a power of two */


struct ngx_http_sallyport_screened_s {
    _Alignas(64)
    uint64_t     slot;
    uint64_t     seq;
    sp_screen_t  screen;    /* until == 0: seen once, not made yet */
};


ngx_int_t
ngx_http_sallyport_screen_init_process(ngx_cycle_t *cycle,
    ngx_http_sallyport_main_conf_t *smcf)
{
    size_t  size;

    size = NGX_HTTP_SALLYPORT_SCREENS * sizeof(ngx_http_sallyport_screened_t);

    smcf->screens = ngx_http_sallyport_pages(cycle, size);

    return (smcf->screens != NULL) ? NGX_OK : NGX_ERROR;
}


void
ngx_http_sallyport_screen_forget(ngx_http_sallyport_main_conf_t *smcf)
{
    if (smcf->screens != NULL) {
        ngx_memzero(smcf->screens,
                    NGX_HTTP_SALLYPORT_SCREENS
                    * sizeof(ngx_http_sallyport_screened_t));
    }
}


/*
 * sp_decide_screened() looks at policy and time; that the screen is of this
 * account's record is seen to here.
 */

const sp_screen_t *
ngx_http_sallyport_screen(ngx_http_sallyport_ctx_t *ctx)
{
    int64_t                         now;
    uint64_t                        hash;
    const sp_policy_t              *policy;
    ngx_http_sallyport_screened_t  *s;

    if (ctx->smcf->screens == NULL || ctx->slot == 0) {
        return NULL;
    }

    policy = ctx->policy->image;
    now = ctx->facts.v[SP_F_NOW].u.i;

    hash = ctx->slot * 0x9e3779b97f4a7c15;
    s = &ctx->smcf->screens[(hash >> 40) & (NGX_HTTP_SALLYPORT_SCREENS - 1)];

    if (s->slot != ctx->slot || s->seq != ctx->seq
        || s->screen.policy != policy)
    {
        s->slot = ctx->slot;
        s->seq = ctx->seq;
        s->screen.policy = policy;
        s->screen.from = 0;
        s->screen.until = 0;

        return NULL;
    }

    if (now < s->screen.from || now >= s->screen.until) {
        sp_screen(policy, ctx->account, now, &s->screen);
    }

    return &s->screen;
}

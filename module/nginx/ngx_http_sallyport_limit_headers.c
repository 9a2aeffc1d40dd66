
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the headers by which a throttle tells its limit: in the
 * form of the caller's dialect, and in that of the IETF draft
 * (draft-ietf-httpapi-ratelimit-headers-10). Units of spend are millionths.
 */


#include "ngx_http_sallyport_meter.h"


static ngx_int_t ngx_http_sallyport_limit_ietf(ngx_http_request_t *r,
    const sp_apply_t *apply, uint64_t wait);
static ngx_int_t ngx_http_sallyport_limit_anthropic(ngx_http_request_t *r,
    const sp_apply_t *apply, uint64_t wait);
static ngx_int_t ngx_http_sallyport_limit_openai(ngx_http_request_t *r,
    const sp_apply_t *apply, uint64_t wait);


/*
 * Callers that were refused together must not come back together: up to a
 * quarter more, within what it helps to wait.
 */

uint32_t
ngx_http_sallyport_limit_wait(uint32_t wait_ms)
{
    uint32_t  more;

    more = (wait_ms / 4 != 0) ? (uint32_t) ngx_random() % (wait_ms / 4) : 0;

    return ngx_min(wait_ms + more, ngx_max(wait_ms, SP_WAIT_HELPS));
}


ngx_int_t
ngx_http_sallyport_limit_headers(ngx_http_sallyport_ctx_t *ctx,
    sp_dialect_t dialect)
{
    uint64_t             wait;
    ngx_http_request_t  *r;
    const sp_apply_t    *apply;

    if (ctx->verdict.throttled < 0
        || ctx->verdict.throttled >= (int) ctx->verdict.napply)
    {
        return NGX_OK;
    }

    r = ctx->request;
    apply = &ctx->verdict.apply[ctx->verdict.throttled];
    wait = ngx_max(((uint64_t) ctx->verdict.wait_ms + 999) / 1000, 1);

    if (ngx_http_sallyport_limit_ietf(r, apply, wait) != NGX_OK) {
        return NGX_ERROR;
    }

    /* which have requests and tokens only, by the minute or so */

    if ((apply->meter != SP_METER_REQUESTS && apply->meter != SP_METER_TOKENS)
        || ctx->verdict.wait_ms > SP_WAIT_HELPS)
    {
        return NGX_OK;
    }

    return (dialect == SP_DIALECT_ANTHROPIC)
           ? ngx_http_sallyport_limit_anthropic(r, apply, wait)
           : ngx_http_sallyport_limit_openai(r, apply, wait);
}


static ngx_int_t
ngx_http_sallyport_limit_ietf(ngx_http_request_t *r, const sp_apply_t *apply,
    uint64_t wait)
{
    ngx_int_t    rc;
    const char  *name, *unit;

    name = sp_meter_name(apply->meter);
    unit = (apply->meter == SP_METER_CONCURRENCY)
           ? ";qu=\"concurrent-requests\""
           : (apply->meter == SP_METER_BYTES) ? ";qu=\"content-bytes\"" : "";

    rc = (apply->window == SP_WINDOW_OPEN)
         ? ngx_http_sallyport_printf(r, "RateLimit-Policy", "\"%s\";q=%uL%s",
                                     name, apply->limit, unit)
         : ngx_http_sallyport_printf(r, "RateLimit-Policy",
                                     "\"%s\";q=%uL%s;w=%uL", name,
                                     apply->limit, unit, apply->period);

    /* what can never fit has no time at which it would */

    if (rc != NGX_OK || wait > 366 * 86400) {
        return rc;
    }

    return ngx_http_sallyport_printf(r, "RateLimit", "\"%s\";r=0;t=%uL", name,
                                     wait);
}


static ngx_int_t
ngx_http_sallyport_limit_anthropic(ngx_http_request_t *r,
    const sp_apply_t *apply, uint64_t wait)
{
    ngx_tm_t    tm;
    ngx_uint_t  tokens;

    tokens = (apply->meter == SP_METER_TOKENS);

    ngx_gmtime(ngx_time() + wait, &tm);

    if (ngx_http_sallyport_printf(r, tokens
                                     ? "anthropic-ratelimit-tokens-limit"
                                     : "anthropic-ratelimit-requests-limit",
                                  "%uL", apply->limit)
        != NGX_OK
        || ngx_http_sallyport_printf(r, tokens
                                     ? "anthropic-ratelimit-tokens-remaining"
                                     : "anthropic-ratelimit-requests-remaining",
                                     "0")
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_sallyport_printf(r, tokens
                                     ? "anthropic-ratelimit-tokens-reset"
                                     : "anthropic-ratelimit-requests-reset",
                                     "%04d-%02d-%02dT%02d:%02d:%02dZ",
                                     tm.ngx_tm_year, tm.ngx_tm_mon,
                                     tm.ngx_tm_mday, tm.ngx_tm_hour,
                                     tm.ngx_tm_min, tm.ngx_tm_sec);
}


static ngx_int_t
ngx_http_sallyport_limit_openai(ngx_http_request_t *r,
    const sp_apply_t *apply, uint64_t wait)
{
    ngx_uint_t  tokens;

    tokens = (apply->meter == SP_METER_TOKENS);

    if (ngx_http_sallyport_printf(r, tokens ? "x-ratelimit-limit-tokens"
                                            : "x-ratelimit-limit-requests",
                                  "%uL", apply->limit)
        != NGX_OK
        || ngx_http_sallyport_printf(r, tokens
                                        ? "x-ratelimit-remaining-tokens"
                                        : "x-ratelimit-remaining-requests",
                                     "0")
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_sallyport_printf(r, tokens ? "x-ratelimit-reset-tokens"
                                               : "x-ratelimit-reset-requests",
                                     "%uLs", wait);
}

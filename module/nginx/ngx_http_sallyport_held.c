
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the requests' side of the meters: what a request is
 * charged before it goes on, how long it is held, and what it turns out to
 * have used when it is over, however it ends.
 */


#include "ngx_http_sallyport_audit.h"
#include "ngx_http_sallyport_meter.h"


static ngx_int_t ngx_http_sallyport_held_debits(
    ngx_http_sallyport_zone_t *zone, ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_held_t *held, ngx_http_sallyport_meter_debit_t *debits,
    uint8_t *apply, ngx_uint_t *n);
static void ngx_http_sallyport_held_debit(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_held_t *held, sp_apply_t *apply,
    const sp_throttle_t *throttle, ngx_http_sallyport_meter_debit_t *debit);
static ngx_http_sallyport_held_t *ngx_http_sallyport_held_create(
    ngx_http_sallyport_zone_t *zone, ngx_http_sallyport_ctx_t *ctx);
static ngx_int_t ngx_http_sallyport_held_keep(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_held_t *held, ngx_http_sallyport_meter_debit_t *debits,
    uint8_t *apply, ngx_uint_t n);
static void ngx_http_sallyport_held_used(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_held_t *held, sp_use_t *use);
static void ngx_http_sallyport_held_guess(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_held_t *held, sp_use_t *use);
static void ngx_http_sallyport_held_handler(ngx_http_request_t *r);


void
ngx_http_sallyport_held_limit(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_ctx_t *ctx, ngx_uint_t test)
{
    uint64_t                           wait, hold;
    ngx_uint_t                         n, which;
    sp_verdict_t                      *verdict;
    ngx_http_sallyport_held_t         *held;
    ngx_http_sallyport_meter_debit_t   debits[NGX_HTTP_SALLYPORT_DEBITS_MAX];
    uint8_t                            apply[NGX_HTTP_SALLYPORT_DEBITS_MAX];

    verdict = &ctx->verdict;

    held = ngx_http_sallyport_held_create(zone, ctx);

    if (held == NULL
        || ngx_http_sallyport_held_debits(zone, ctx, held, debits, apply, &n)
           != NGX_OK)
    {
        sp_verdict_refuse(ctx->policy->image, verdict,
                          SP_R_VERIFICATION_UNAVAILABLE);
        return;
    }

    wait = ngx_http_sallyport_meter_take(zone, debits, n, test, &which, &hold,
                                         &held->holding);

    if (wait != 0) {
        wait = wait / 1000000 + (wait % 1000000 != 0);

        if (n != 0 && debits[which].full) {
            ngx_http_sallyport_count(zone, NGX_HTTP_SALLYPORT_C_ZONE_FULL);
        }

        sp_verdict_throttle(verdict, n != 0 ? apply[which] : 0,
                            (uint32_t) ngx_min(wait, 0xffffffffu));
        return;
    }

    if (test) {
        return;
    }

    held->delay = hold;
    ctx->held = held;

    if (ngx_http_sallyport_held_keep(ctx, held, debits, apply, n) != NGX_OK) {

        ngx_http_sallyport_journal_settle(zone, &held->holding, NULL, 0);
        ctx->held = NULL;

        sp_verdict_refuse(ctx->policy->image, verdict, SP_R_GATE_ERROR);
    }
}


/* The prices of the request's models, too: the policy will not be at hand. */

static ngx_http_sallyport_held_t *
ngx_http_sallyport_held_create(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_ctx_t *ctx)
{
    ngx_uint_t                  i, spends;
    ngx_http_sallyport_held_t  *held;

    held = ngx_pcalloc(ctx->request->pool, sizeof(ngx_http_sallyport_held_t));
    if (held == NULL) {
        return NULL;
    }

    held->zone = zone;

    for (i = 0, spends = 0; i < ctx->verdict.napply; i++) {
        spends |= ctx->verdict.apply[i].meter == SP_METER_SPEND;
    }

    if (!spends || ctx->facts.nmodels == 0) {
        return held;
    }

    held->prices = ngx_palloc(ctx->request->pool,
                              ctx->facts.nmodels * sizeof(sp_price_t));
    if (held->prices == NULL) {
        return NULL;
    }

    for (i = 0; i < ctx->facts.nmodels; i++) {

        if (sp_meter_price(ctx->policy->image, ctx->facts.models[i],
                           &held->prices[i])
            != SP_OK)
        {
            return NULL;
        }
    }

    held->nprices = ctx->facts.nmodels;

    return held;
}


static ngx_int_t
ngx_http_sallyport_held_debits(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_ctx_t *ctx, ngx_http_sallyport_held_t *held,
    ngx_http_sallyport_meter_debit_t *debits, uint8_t *apply, ngx_uint_t *n)
{
    ngx_uint_t                         i, k, m;
    const sp_throttle_t               *throttle;
    ngx_http_sallyport_meter_debit_t  *debit;
    ngx_http_sallyport_debit_t         of[NGX_HTTP_SALLYPORT_DEBITS_MAX];

    *n = 0;

    for (i = 0; i < ctx->verdict.napply; i++) {
        m = 0;

        if (ngx_http_sallyport_limit_debits(zone, ctx, i, of, &m) != NGX_OK
            || m > NGX_HTTP_SALLYPORT_DEBITS_MAX - *n)
        {
            return NGX_ERROR;
        }

        throttle = sp_policy_throttle(ctx->policy->image,
                                      ctx->verdict.apply[i].rule);

        for (k = 0; k < m; k++) {
            debit = &debits[*n];
            apply[(*n)++] = (uint8_t) i;

            debit->bucket = of[k];

            ngx_http_sallyport_held_debit(ctx, held, &ctx->verdict.apply[i],
                                          throttle, debit);
        }
    }

    return NGX_OK;
}


static void
ngx_http_sallyport_held_debit(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_held_t *held, sp_apply_t *apply,
    const sp_throttle_t *throttle, ngx_http_sallyport_meter_debit_t *debit)
{
    sp_use_t           use;
    const sp_value_t  *output;

    debit->other = debit->bucket.table != NGX_HTTP_SALLYPORT_T_IDENTITY;
    debit->limit = apply->limit;
    debit->period = (uint32_t) apply->period;
    debit->window = apply->window;
    debit->meter = apply->meter;
    debit->on_full = throttle->on_full;
    debit->settles = sp_meter_settles(throttle);
    debit->delay = apply->window == SP_WINDOW_RATE
                   ? (uint64_t) throttle->delay_ms * 1000000 : 0;
    debit->until = sp_window_end(apply->window, (int64_t) ngx_time());
    debit->cost = 1;

    if (!apply->plain) {
        output = &ctx->facts.v[SP_F_REQUEST_TOKENS];

        sp_use_ahead(throttle, ctx->body_bytes,
                     output->state == SP_FACT_KNOWN ? output->u.i : -1, &use);

        debit->cost = sp_meter_cost(throttle, &use, held->prices,
                                    held->nprices);

        if (throttle->meter == SP_METER_TOKENS
            || throttle->meter == SP_METER_SPEND)
        {
            held->ahead = use;
        }
    }

    apply->cost = debit->cost;

    if (apply->window == SP_WINDOW_RATE && !apply->plain
        && sp_meter_debit(debit->cost, apply->limit, apply->period,
                          apply->burst, &debit->bucket.interval,
                          &debit->bucket.tolerance)
           != SP_OK)
    {
        debit->bucket.interval = 0;    /* it never has room */
    }
}


/* How each hold will be settled; held->n of them. */

static ngx_int_t
ngx_http_sallyport_held_keep(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_held_t *held, ngx_http_sallyport_meter_debit_t *debits,
    uint8_t *apply, ngx_uint_t n)
{
    ngx_uint_t  i;

    held->throttles = ngx_palloc(ctx->request->pool,
                                 (n ? n : 1) * sizeof(sp_throttle_t));
    if (held->throttles == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {

        if (debits[i].settles && debits[i].cost != 0 && !debits[i].full) {
            held->throttles[held->n++] =
                *sp_policy_throttle(ctx->policy->image,
                                    ctx->verdict.apply[apply[i]].rule);
        }
    }

    return NGX_OK;
}


void
ngx_http_sallyport_held_settle(ngx_http_sallyport_ctx_t *ctx)
{
    sp_use_t                    use;
    uint64_t                    amounts[NGX_HTTP_SALLYPORT_DEBITS_MAX];
    ngx_uint_t                  i;
    ngx_http_sallyport_held_t  *held;

    held = ctx->held;

    if (held == NULL || held->holding.serial == 0) {
        return;
    }

    ngx_http_sallyport_held_used(ctx, held, &use);

    for (i = 0; i < held->n; i++) {
        amounts[i] = sp_meter_cost(&held->throttles[i], &use, held->prices,
                                   held->nprices);
    }

    ngx_http_sallyport_journal_settle(held->zone, &held->holding, amounts,
                                      held->n);
}


/*
 * What did not reach an upstream, or was refused by it without a word of
 * usage, used nothing. Where an answer came and did not say, it is guessed.
 */

static void
ngx_http_sallyport_held_used(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_held_t *held, sp_use_t *use)
{
    off_t                           bytes;
    ngx_http_request_t             *r;
    ngx_http_sallyport_answered_t  *answered;

    r = ctx->request;
    answered = ctx->answered;

    ngx_memzero(use, sizeof(sp_use_t));

    bytes = r->connection->sent - (off_t) r->header_size;
    use->bytes = ctx->body_bytes + (bytes > 0 ? (uint64_t) bytes : 0);

    if (answered != NULL && answered->usage != NULL
        && sp_usage_use(answered->usage, use) == SP_OK)
    {
        return;
    }

    if (ngx_http_sallyport_settle_attempted(ctx) == 0) {
        return;
    }

    if (ctx->tokens_in < 0 && ctx->tokens_out < 0
        && r->headers_out.status >= NGX_HTTP_BAD_REQUEST)
    {
        return;
    }

    ngx_http_sallyport_held_guess(ctx, held, use);
}


/*
 * The prompt as it was reckoned, unless the answer has said; of the answer
 * what its size lets one think, but no more than was held back for it.
 */

static void
ngx_http_sallyport_held_guess(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_held_t *held, sp_use_t *use)
{
    uint64_t                        out;
    ngx_http_sallyport_answered_t  *answered;

    answered = ctx->answered;
    held->estimated = 1;

    if (ctx->tokens_in < 0) {
        use->tokens[SP_TOKENS_INPUT] = held->ahead.tokens[SP_TOKENS_INPUT];
        ctx->tokens_in = (int64_t) use->tokens[SP_TOKENS_INPUT];
    }

    out = answered == NULL || answered->usage == NULL
          ? (use->bytes - ctx->body_bytes) / 4
          : sp_usage_guess(answered->usage);

    if (held->ahead.tokens[SP_TOKENS_OUTPUT] != 0) {
        out = ngx_min(out, held->ahead.tokens[SP_TOKENS_OUTPUT]);
    }

    use->tokens[SP_TOKENS_OUTPUT] = out;
    ctx->tokens_out = (int64_t) out;
}


/*
 * As limit_req holds requests: the connection is watched, and time passes.
 * NGX_DECLINED: the request goes on.
 */

ngx_int_t
ngx_http_sallyport_held_delay(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_msec_t                  ms;
    ngx_http_request_t         *r;
    ngx_http_sallyport_held_t  *held;

    held = ctx->held;

    if (held == NULL || (held->delay == 0 && !held->waits)) {
        return NGX_DECLINED;
    }

    r = ctx->request;

    if (held->waits) {
        return r->connection->write->delayed ? NGX_AGAIN : NGX_DECLINED;
    }

    ms = (ngx_msec_t) ((held->delay + 999999) / 1000000);

    held->delay = 0;
    held->waits = 1;

    if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_sallyport_held_handler;

    r->connection->write->delayed = 1;
    ngx_add_timer(r->connection->write, ms);

    return NGX_AGAIN;
}


static void
ngx_http_sallyport_held_handler(ngx_http_request_t *r)
{
    ngx_event_t  *wev;

    wev = r->connection->write;

    if (wev->delayed) {

        if (ngx_handle_write_event(wev, 0) != NGX_OK) {
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        }

        return;
    }

    if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_core_run_phases;

    ngx_http_core_run_phases(r);
}

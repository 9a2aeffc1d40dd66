
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the way of a request: the handler in the precontent
 * phase that moves the state machine of ngx_http_sallyport.h up to a verdict.
 */


#include "ngx_http_sallyport_control.h"
#include "ngx_http_sallyport_customer.h"
#include "ngx_http_sallyport_meter.h"
#include "ngx_http_sallyport_rewrite.h"
#include "ngx_http_sallyport_route.h"
#include "ngx_http_sallyport_running.h"
#include "ngx_http_sallyport_store.h"


static ngx_int_t ngx_http_sallyport_records(ngx_http_sallyport_ctx_t *ctx);
static void ngx_http_sallyport_begin(ngx_http_sallyport_ctx_t *ctx);
static void ngx_http_sallyport_judge_again(ngx_http_sallyport_ctx_t *ctx);
static void ngx_http_sallyport_judge_head(ngx_http_sallyport_ctx_t *ctx);
static ngx_uint_t ngx_http_sallyport_has_body(ngx_http_sallyport_ctx_t *ctx);
static ngx_uint_t ngx_http_sallyport_body_here(ngx_http_request_t *r);
static ngx_int_t ngx_http_sallyport_judge_whole(
    ngx_http_sallyport_ctx_t *ctx);
static ngx_int_t ngx_http_sallyport_conclude(ngx_http_sallyport_ctx_t *ctx);
static sp_str_t ngx_http_sallyport_reason(ngx_http_sallyport_ctx_t *ctx);
static sp_str_t ngx_http_sallyport_rule(ngx_http_sallyport_ctx_t *ctx);
static sp_str_t ngx_http_sallyport_word(sp_str_t s, u_char *buf, size_t size);


ngx_int_t
ngx_http_sallyport_handler(ngx_http_request_t *r)
{
    ngx_http_sallyport_ctx_t       *ctx;
    ngx_http_sallyport_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sallyport_module);

    if (r != r->main) {
        return ngx_http_sallyport_subrequest(r, slcf);
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_sallyport_module);

    if (ctx == NULL) {

        /* r->internal says nothing: "rewrite" and "error_page" set it, too */

        ctx = ngx_http_sallyport_get_ctx(r);

        if (ctx != NULL) {
            return ngx_http_sallyport_redirected(r, ctx, slcf);
        }

        if (slcf->mode == NGX_HTTP_SALLYPORT_OFF) {
            return NGX_DECLINED;
        }

        ctx = ngx_http_sallyport_create_ctx(r, slcf);
        if (ctx == NULL) {
            return (slcf->mode == NGX_HTTP_SALLYPORT_ON)
                   ? NGX_HTTP_INTERNAL_SERVER_ERROR : NGX_DECLINED;
        }

        if (r->method == NGX_HTTP_OPTIONS) {
            return ngx_http_sallyport_preflight(ctx);
        }

    } else {
        ctx->now = ngx_http_sallyport_clock();
    }

    return ngx_http_sallyport_run(ctx);
}


ngx_int_t
ngx_http_sallyport_run(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_int_t  rc;

    for ( ;; ) {

        switch (ctx->state) {

        case NGX_HTTP_SALLYPORT_S_HEAD:
            ngx_http_sallyport_read_head(ctx);
            ngx_http_sallyport_begin(ctx);
            break;

        case NGX_HTTP_SALLYPORT_S_RECALL:
            ngx_http_sallyport_judge_again(ctx);

            if (ctx->recalled) {
                return ngx_http_sallyport_conclude(ctx);
            }

            break;

        case NGX_HTTP_SALLYPORT_S_KEY:
        case NGX_HTTP_SALLYPORT_S_ACCOUNT:
        case NGX_HTTP_SALLYPORT_S_CUSTOMER:
            rc = ngx_http_sallyport_records(ctx);

            if (rc != NGX_OK) {
                return rc;
            }

            break;

        case NGX_HTTP_SALLYPORT_S_JUDGE_HEAD:
            ngx_http_sallyport_judge_head(ctx);

            if (ctx->verdict.decision != SP_VERDICT_PENDING) {

                if (ngx_http_sallyport_audit_room(ctx) == NGX_AGAIN) {
                    return NGX_AGAIN;
                }

                return ngx_http_sallyport_conclude(ctx);
            }

            break;

        case NGX_HTTP_SALLYPORT_S_BODY:
            rc = ngx_http_sallyport_body_read(ctx);

            if (rc != NGX_OK) {
                return rc;
            }

            ngx_http_sallyport_customer_body(ctx);

            ctx->state = ctx->recall ? NGX_HTTP_SALLYPORT_S_RECALL
                         : ngx_http_sallyport_customer_awaited(ctx)
                         ? NGX_HTTP_SALLYPORT_S_CUSTOMER
                         : NGX_HTTP_SALLYPORT_S_WHOLE;
            break;

        case NGX_HTTP_SALLYPORT_S_WHOLE:
            if (ngx_http_sallyport_renew(ctx)) {
                ctx->state = ctx->vouched ? NGX_HTTP_SALLYPORT_S_ACCOUNT
                             : NGX_HTTP_SALLYPORT_S_KEY;
                break;
            }

            if (ngx_http_sallyport_judge_whole(ctx) == NGX_AGAIN) {
                return NGX_AGAIN;
            }

            return ngx_http_sallyport_conclude(ctx);

        case NGX_HTTP_SALLYPORT_S_ALLOWED:
            return ngx_http_sallyport_held_delay(ctx);

        case NGX_HTTP_SALLYPORT_S_PASSED:
            return NGX_DECLINED;

        default: /* NGX_HTTP_SALLYPORT_S_REFUSED */
            return NGX_HTTP_FORBIDDEN;
        }
    }
}


static ngx_int_t
ngx_http_sallyport_records(ngx_http_sallyport_ctx_t *ctx)
{
    switch (ctx->state) {

    case NGX_HTTP_SALLYPORT_S_KEY:
        return ngx_http_sallyport_key(ctx);

    case NGX_HTTP_SALLYPORT_S_ACCOUNT:
        return ngx_http_sallyport_account(ctx);

    default: /* NGX_HTTP_SALLYPORT_S_CUSTOMER */
        return ngx_http_sallyport_customer(ctx);
    }
}


/*
 * A request that is here whole may be one of many. Its body, which came with
 * the head, is read first: it costs no more than one that is refused later.
 */

static void
ngx_http_sallyport_begin(ngx_http_sallyport_ctx_t *ctx)
{
    const sp_route_t  *route;

    if (ctx->state != NGX_HTTP_SALLYPORT_S_KEY
        || ctx->cert_account.len != 0
        || ctx->slcf->mode != NGX_HTTP_SALLYPORT_ON
        || ctx->facts.body_state != SP_BODYFACT_PENDING
        || ngx_http_sallyport_audit_allows(ctx->slcf->audit))
    {
        return;
    }

    sp_kid(&ctx->slcf->pepper->current, ctx->credential.key, ctx->kid);
    ctx->kid_made = 1;

    ngx_http_sallyport_caller_fetch(ctx);

    if (!ngx_http_sallyport_has_body(ctx)) {
        sp_facts_body(&ctx->facts, SP_BODYFACT_NONE, NULL);
        ctx->state = NGX_HTTP_SALLYPORT_S_RECALL;
        return;
    }

    route = sp_route(ctx->facts.route);

    if (route != NULL && route->body == SP_BODY_JSON
        && ngx_http_sallyport_body_here(ctx->request))
    {
        ctx->recall = 1;
        ctx->state = NGX_HTTP_SALLYPORT_S_BODY;
    }
}


/* What the caller's records said of the same case before, or the long way. */

static void
ngx_http_sallyport_judge_again(ngx_http_sallyport_ctx_t *ctx)
{
    ctx->state = NGX_HTTP_SALLYPORT_S_KEY;

    if (ngx_http_sallyport_signal(ctx, 0) != NGX_OK
        || !ngx_http_sallyport_recall(ctx))
    {
        return;
    }

    ngx_http_sallyport_limit(ctx->smcf->zone, ctx, 0);

    if (ctx->verdict.decision != SP_VERDICT_ALLOW) {

        /* which debits nothing, and is recorded with all facts */

        ctx->verdict.decision = SP_VERDICT_PENDING;
        ctx->account_id.len = 0;
        ctx->recalled = 0;
        return;
    }

    ngx_http_sallyport_count(ctx->smcf->zone,
                             NGX_HTTP_SALLYPORT_C_RECALLED);
}


/*
 * Before a body is read, what no body could change is refused. A request that
 * is here whole is judged once, whole: its body, if any, came with the head.
 */

static void
ngx_http_sallyport_judge_head(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_uint_t                   body;
    const sp_route_t            *route;
    ngx_http_sallyport_other_t   other;

    ngx_http_sallyport_block_facts(ctx->slcf->store, &ctx->facts);

    route = sp_route(ctx->facts.route);
    body = ngx_http_sallyport_has_body(ctx);

    if (ctx->facts.body_state == SP_BODYFACT_PENDING && body
        && (route == NULL || route->body != SP_BODY_JSON
            || !ngx_http_sallyport_body_here(ctx->request)))
    {
        ngx_http_sallyport_candidate(ctx, SP_STAGE_HEAD, &other);

        sp_decide_screened(ctx->policy->image, &ctx->facts,
                           ngx_http_sallyport_screen(ctx), SP_STAGE_HEAD,
                           &ctx->verdict);

        ngx_http_sallyport_differ(ctx, &other);
        ngx_http_sallyport_compare(ctx, &other);

        if (ctx->verdict.decision != SP_VERDICT_PENDING) {
            return;
        }
    }

    if (ctx->facts.body_state != SP_BODYFACT_PENDING) {
        ctx->state = NGX_HTTP_SALLYPORT_S_WHOLE;
        return;
    }

    if (body) {
        ctx->state = NGX_HTTP_SALLYPORT_S_BODY;
        return;
    }

    sp_facts_body(&ctx->facts, SP_BODYFACT_NONE, NULL);

    ctx->state = ngx_http_sallyport_customer_awaited(ctx)
                 ? NGX_HTTP_SALLYPORT_S_CUSTOMER : NGX_HTTP_SALLYPORT_S_WHOLE;
}


/* HTTP/2 and 3 without Content-Length count as chunked in nginx, too. */

static ngx_uint_t
ngx_http_sallyport_has_body(ngx_http_sallyport_ctx_t *ctx)
{
    const sp_route_t    *route;
    ngx_http_request_t  *r;

    r = ctx->request;
    route = sp_route(ctx->facts.route);

    return (route != NULL && route->body != SP_BODY_NONE)
           || r->headers_in.chunked
           || r->headers_in.content_length_n > 0
           || r->request_body != NULL;
}


/*
 * HTTP/1.x, and the buffer of the head has all of the body. Who expects to be
 * asked on gets a refusal first, if that is what it will be.
 */

static ngx_uint_t
ngx_http_sallyport_body_here(ngx_http_request_t *r)
{
    return r->http_version < NGX_HTTP_VERSION_20
           && !r->headers_in.chunked
           && r->headers_in.expect == NULL
           && r->headers_in.content_length_n > 0
           && r->header_in != NULL
           && r->header_in->last - r->header_in->pos
              >= r->headers_in.content_length_n;
}


/*
 * Room for the record comes first: what was debited is then never followed by
 * a refusal for want of it. NGX_AGAIN: not yet, and nothing was debited.
 */

static ngx_int_t
ngx_http_sallyport_judge_whole(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_int_t                    rc;
    const sp_screen_t           *screen;
    ngx_http_sallyport_other_t   other;

    if (ctx->stale) {
        ngx_http_sallyport_stale(ctx);
    }

    ngx_http_sallyport_block_facts(ctx->slcf->store, &ctx->facts);

    ngx_http_sallyport_candidate(ctx, SP_STAGE_WHOLE, &other);

    screen = NULL;

    if (!ngx_http_sallyport_recall_found(ctx)) {
        screen = ngx_http_sallyport_screen(ctx);

        sp_decide_screened(ctx->policy->image, &ctx->facts, screen,
                           SP_STAGE_WHOLE, &ctx->verdict);
    }

    ngx_http_sallyport_differ(ctx, &other);

    rc = ngx_http_sallyport_audit_room(ctx);

    if (rc == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    ngx_http_sallyport_compare(ctx, &other);

    /* for good: room that is found later must not let it pass undebited */

    if (rc == NGX_ERROR && ctx->verdict.decision == SP_VERDICT_ALLOW) {
        sp_verdict_refuse(ctx->policy->image, &ctx->verdict,
                          SP_R_AUDIT_UNAVAILABLE);
    }

    if (ctx->verdict.decision == SP_VERDICT_ALLOW) {
        ngx_http_sallyport_memorize(ctx, screen);
        ngx_http_sallyport_limit(ctx->smcf->zone, ctx,
                            ctx->slcf->mode == NGX_HTTP_SALLYPORT_OBSERVE);
    }

    return NGX_OK;
}


/* The verdict stands: records it, then lets the request go, or answers it. */

static ngx_int_t
ngx_http_sallyport_conclude(ngx_http_sallyport_ctx_t *ctx)
{
    if (ctx->slcf->mode == NGX_HTTP_SALLYPORT_OBSERVE) {
        ngx_http_sallyport_record(ctx);
        ngx_http_sallyport_judged(ctx);
        ctx->state = NGX_HTTP_SALLYPORT_S_PASSED;
        return NGX_DECLINED;
    }

    ngx_http_sallyport_audit_id(ctx);

    if (ctx->verdict.decision == SP_VERDICT_ALLOW) {

        /* before the record, so that a recorded allow can be sent */

        if ((ctx->held != NULL
             && ngx_http_sallyport_usage_ask(ctx) != NGX_OK)
            || ngx_http_sallyport_headers(ctx) != NGX_OK)
        {
            sp_verdict_refuse(ctx->policy->image, &ctx->verdict,
                              SP_R_GATE_ERROR);
        }
    }

    ngx_http_sallyport_record(ctx);

    if (ctx->verdict.decision == SP_VERDICT_ALLOW) {
        ngx_http_sallyport_judged(ctx);
        ngx_http_sallyport_running_add(ctx);
        ctx->state = NGX_HTTP_SALLYPORT_S_ALLOWED;
        return ngx_http_sallyport_held_delay(ctx);
    }

    ctx->state = NGX_HTTP_SALLYPORT_S_REFUSED;

    ngx_http_sallyport_held_settle(ctx);

    return ngx_http_sallyport_answer(ctx);
}


void
ngx_http_sallyport_record(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_uint_t                     enforced;
    const sp_reason_t             *reason;
    ngx_http_sallyport_counter_t   counter;

    enforced = (ctx->slcf->mode == NGX_HTTP_SALLYPORT_ON);

    ctx->spent_us = (ngx_http_sallyport_clock() - ctx->started) / 1000;

    if (ctx->id_len == 0) {
        ngx_http_sallyport_audit_id(ctx);
    }

    if (ngx_http_sallyport_audit_decision(ctx) != NGX_OK && enforced) {
        sp_verdict_refuse(ctx->policy->image, &ctx->verdict,
                          SP_R_AUDIT_UNAVAILABLE);
    }

    switch (ctx->verdict.decision) {

    case SP_VERDICT_ALLOW:
        counter = NGX_HTTP_SALLYPORT_C_ALLOW;

        if (ctx->stale) {
            ngx_http_sallyport_store_stale(ctx->slcf->store);
        }

        break;

    case SP_VERDICT_THROTTLE:
        counter = NGX_HTTP_SALLYPORT_C_THROTTLE;
        break;

    default: /* SP_VERDICT_DENY */
        reason = sp_policy_reason(ctx->policy->image,
                                  ctx->verdict.reason);
        counter = NGX_HTTP_SALLYPORT_C_DENY
                  + ((reason != NULL) ? reason->class : SP_CLASS_SYSTEM);
        break;
    }

    if (!enforced && counter != NGX_HTTP_SALLYPORT_C_ALLOW) {
        counter = NGX_HTTP_SALLYPORT_C_OBSERVED;
    }

    ngx_http_sallyport_count(ctx->smcf->zone, counter);

    ctx->reason = ngx_http_sallyport_word(ngx_http_sallyport_reason(ctx),
                                          ctx->words[0],
                                          sizeof(ctx->words[0]));
    ctx->rule = ngx_http_sallyport_word(ngx_http_sallyport_rule(ctx),
                                        ctx->words[1],
                                        sizeof(ctx->words[1]));
}


static sp_str_t
ngx_http_sallyport_reason(ngx_http_sallyport_ctx_t *ctx)
{
    sp_str_t  none = { 0, NULL };

    if (ctx->verdict.decision == SP_VERDICT_ALLOW) {
        return none;
    }

    return sp_policy_reason_code(ctx->policy->image, ctx->verdict.reason);
}


/* The rule that is reported: of a throttle its limit, of an allow the rule. */

static sp_str_t
ngx_http_sallyport_rule(ngx_http_sallyport_ctx_t *ctx)
{
    int32_t             rule;
    sp_str_t            none = { 0, NULL };
    sp_verdict_t       *verdict;
    const sp_policy_t  *policy;

    verdict = &ctx->verdict;
    policy = ctx->policy->image;

    if (verdict->decision == SP_VERDICT_DENY) {
        return verdict->primary < 0
               ? none
               : sp_match_name(policy, &verdict->matches[verdict->primary]);
    }

    rule = verdict->allow_rule;

    if (verdict->decision == SP_VERDICT_THROTTLE) {
        rule = verdict->throttled < 0
               ? -1 : verdict->apply[verdict->throttled].rule;
    }

    return rule < 0 ? none : sp_policy_rule_id(policy, rule);
}


/* Names are 64 bytes at most. */

static sp_str_t
ngx_http_sallyport_word(sp_str_t s, u_char *buf, size_t size)
{
    sp_str_t  word;

    word.data = buf;
    word.len = ngx_min(s.len, size);

    if (word.len != 0) {
        ngx_memcpy(buf, s.data, word.len);
    }

    return word;
}


void
ngx_http_sallyport_judged(ngx_http_sallyport_ctx_t *ctx)
{
    if (ctx->policy != NULL) {
        ngx_http_sallyport_policy_release(ctx->policy);
        ctx->policy = NULL;
    }
}


ngx_int_t
ngx_http_sallyport_log_handler(ngx_http_request_t *r)
{
    ngx_http_sallyport_ctx_t  *ctx;

    ctx = ngx_http_sallyport_get_ctx(r);

    if (ctx != NULL && ctx->held != NULL) {
        ngx_http_sallyport_held_settle(ctx);
    }

    if (ctx != NULL && ctx->recorded && !ctx->settled
        && (ctx->verdict.decision == SP_VERDICT_ALLOW || ctx->cut != NULL))
    {
        ngx_http_sallyport_audit_settle(ctx);
    }

    return NGX_OK;
}

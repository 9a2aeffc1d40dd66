
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the look-up of a request's key, account and end
 * customer: what their answers mean as facts, and the wait for an answer that is on its way.
 */


#include "ngx_http_sallyport_customer.h"
#include "ngx_http_sallyport_meter.h"


#define NGX_HTTP_SALLYPORT_LOOK_AGAIN  250000000    /* ns */


static ngx_http_sallyport_found_t ngx_http_sallyport_look_up(
    ngx_http_sallyport_ctx_t *ctx, ngx_http_sallyport_kind_t kind,
    ngx_str_t *id);
static void ngx_http_sallyport_found(ngx_http_sallyport_waiter_t *waiter,
    ngx_http_sallyport_found_t found, const void *record, int64_t age_ms);
static void ngx_http_sallyport_looked(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_kind_t kind, int64_t age_ms);
static ngx_uint_t ngx_http_sallyport_aged(ngx_http_sallyport_ctx_t *ctx);
static int64_t ngx_http_sallyport_stale_max(ngx_http_sallyport_ctx_t *ctx,
    ngx_uint_t strictest);
static ngx_int_t ngx_http_sallyport_suspend(ngx_http_sallyport_ctx_t *ctx);
static void ngx_http_sallyport_leave(void *data);


ngx_int_t
ngx_http_sallyport_key(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_str_t                     id;
    sp_keyfact_t                  fact;
    ngx_http_sallyport_found_t    found;
    ngx_http_sallyport_pepper_t  *pepper;

    pepper = ctx->slcf->pepper;

    id.data = ctx->kid;
    id.len = SP_KID_LEN;

    for ( ;; ) {

        if (!ctx->record_arrived && (!ctx->kid_made || ctx->old_pepper)) {
            ctx->kid_made = !ctx->old_pepper;
            sp_kid(ctx->old_pepper ? &pepper->old : &pepper->current,
                   ctx->credential.key, ctx->kid);
        }

        found = ngx_http_sallyport_look_up(ctx, NGX_HTTP_SALLYPORT_KEY, &id);

        if (found == NGX_HTTP_SALLYPORT_MISSING
            && pepper->has_old && !ctx->old_pepper)
        {
            ctx->old_pepper = 1;
            continue;
        }

        break;
    }

    ctx->state = NGX_HTTP_SALLYPORT_S_JUDGE_HEAD;

    switch (found) {

    case NGX_HTTP_SALLYPORT_WAIT:
        ctx->state = NGX_HTTP_SALLYPORT_S_KEY;
        return ngx_http_sallyport_suspend(ctx);

    case NGX_HTTP_SALLYPORT_FOUND:

        /* its age counts with the account's, unless that refuses by itself */

        if (ctx->cert_account.len != 0
            && (ctx->cert_account.len != ctx->key->account_len
                || ngx_memcmp(ctx->cert_account.data, ctx->key->account,
                              ctx->key->account_len)
                   != 0))
        {
            fact = SP_KEYFACT_AMBIGUOUS;    /* a certificate of another's */
            break;
        }

        ctx->account_id.data = (u_char *) ctx->key->account;
        ctx->account_id.len = ctx->key->account_len;

        ctx->state = NGX_HTTP_SALLYPORT_S_ACCOUNT;
        fact = SP_KEYFACT_FOUND;
        break;

    case NGX_HTTP_SALLYPORT_MISSING:
        fact = SP_KEYFACT_NO_SUCH;
        break;

    case NGX_HTTP_SALLYPORT_INVALID:
        fact = SP_KEYFACT_INVALID;
        break;

    default: /* NGX_HTTP_SALLYPORT_FAILED */
        fact = SP_KEYFACT_FAILED;
        break;
    }

    sp_facts_key(&ctx->facts, fact,
                 (fact == SP_KEYFACT_FOUND) ? ctx->key : NULL);

    if (fact == SP_KEYFACT_FOUND) {
        (void) ngx_http_sallyport_signal(ctx, 1);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_sallyport_account(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_str_t                   id;
    sp_acctfact_t               fact;
    ngx_http_sallyport_found_t  found;

    id.data = (u_char *) ctx->key->account;
    id.len = ctx->key->account_len;

    found = ngx_http_sallyport_look_up(ctx, NGX_HTTP_SALLYPORT_ACCOUNT, &id);

    switch (found) {

    case NGX_HTTP_SALLYPORT_WAIT:
        return ngx_http_sallyport_suspend(ctx);

    case NGX_HTTP_SALLYPORT_FOUND:
        fact = SP_ACCTFACT_FOUND;

        if (ctx->account->status < SP_STATUS_REJECTED
            && ngx_http_sallyport_aged(ctx))
        {
            fact = SP_ACCTFACT_FAILED;
        }

        break;

    case NGX_HTTP_SALLYPORT_MISSING:
        fact = SP_ACCTFACT_NO_SUCH;
        break;

    case NGX_HTTP_SALLYPORT_INVALID:
        fact = SP_ACCTFACT_INVALID;
        break;

    default: /* NGX_HTTP_SALLYPORT_FAILED */
        fact = SP_ACCTFACT_FAILED;
        break;
    }

    sp_facts_account(&ctx->facts, fact,
                     (fact == SP_ACCTFACT_FOUND) ? ctx->account : NULL);

    if (fact == SP_ACCTFACT_FOUND) {
        ctx->slot = ctx->waiter.slot;
        ctx->seq = ctx->waiter.seq;
    }

    ngx_http_sallyport_customer_next(ctx);

    return NGX_OK;
}


ngx_int_t
ngx_http_sallyport_customer(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_str_t                       id;
    sp_custfact_t                   fact;
    ngx_http_sallyport_found_t      found;
    ngx_http_sallyport_customer_t  *customer;

    if (!ctx->record_arrived && !ngx_http_sallyport_customer_id(ctx)) {
        ctx->state = NGX_HTTP_SALLYPORT_S_JUDGE_HEAD;
        return NGX_OK;
    }

    customer = ctx->customer;
    id.data = customer->id;
    id.len = customer->len;

    found = ngx_http_sallyport_look_up(ctx, NGX_HTTP_SALLYPORT_CUSTOMER, &id);

    switch (found) {

    case NGX_HTTP_SALLYPORT_WAIT:
        return ngx_http_sallyport_suspend(ctx);

    case NGX_HTTP_SALLYPORT_FOUND:
        fact = SP_CUSTFACT_FOUND;

        if (customer->record->status < SP_STATUS_REJECTED
            && ngx_http_sallyport_aged(ctx))
        {
            fact = SP_CUSTFACT_FAILED;
        }

        break;

    case NGX_HTTP_SALLYPORT_MISSING:
        fact = SP_CUSTFACT_NO_SUCH;
        break;

    case NGX_HTTP_SALLYPORT_INVALID:
        fact = SP_CUSTFACT_INVALID;
        break;

    default: /* NGX_HTTP_SALLYPORT_FAILED */
        fact = SP_CUSTFACT_FAILED;
        break;
    }

    sp_facts_customer(&ctx->facts, fact,
                      (fact == SP_CUSTFACT_FOUND) ? customer->record : NULL);

    ctx->state = NGX_HTTP_SALLYPORT_S_JUDGE_HEAD;

    return NGX_OK;
}


/* Answers from an arrival, if there is one; else asks the store's room. */

static ngx_http_sallyport_found_t
ngx_http_sallyport_look_up(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_kind_t kind, ngx_str_t *id)
{
    void                       *room;
    int64_t                     age_ms;
    const void                 *record;
    ngx_http_sallyport_found_t  found;

    if (ctx->record_arrived) {
        ctx->record_arrived = 0;
        return ctx->found;
    }

    age_ms = -1;

    ctx->waiter.handler = ngx_http_sallyport_found;
    ctx->waiter.data = ctx;
    ctx->waiter.slot = 0;

    room = (kind == NGX_HTTP_SALLYPORT_KEY) ? (void *) &ctx->key_room
           : (kind == NGX_HTTP_SALLYPORT_ACCOUNT)
           ? (void *) &ctx->account_room : (void *) &ctx->customer->room;

    found = ngx_http_sallyport_record_get(ctx->slcf->store, kind, id,
                                          &ctx->unit, room, &record, &age_ms,
                                          &ctx->waiter, ctx->now,
                                          ctx->request->connection->log);

    if (found != NGX_HTTP_SALLYPORT_FOUND) {
        return found;
    }

    if (kind == NGX_HTTP_SALLYPORT_KEY) {
        ctx->key = record;

    } else if (kind == NGX_HTTP_SALLYPORT_ACCOUNT) {
        ctx->account = record;

    } else {
        ctx->customer->record = record;
    }

    ngx_http_sallyport_looked(ctx, kind, age_ms);

    return found;
}


/* Of all records the oldest one, and the least trusted one, count. */

static void
ngx_http_sallyport_looked(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_kind_t kind, int64_t age_ms)
{
    if (kind == NGX_HTTP_SALLYPORT_KEY) {
        ctx->looked = ctx->now;         /* before the others */
    }

    if (age_ms > ctx->record_age_ms) {
        ctx->record_age_ms = age_ms;
    }

    if (ctx->waiter.trust > ctx->trust) {
        ctx->trust = ctx->waiter.trust;
    }

    if (ctx->waiter.trust == NGX_HTTP_SALLYPORT_STALE) {
        ctx->stale |= 1 << kind;
        ctx->stale_ms = ngx_max(ctx->stale_ms, age_ms);
    }
}


/*
 * A record arrived. The phases run from the event loop: the store's room may
 * have other waiters for the same reply.
 */

static void
ngx_http_sallyport_found(ngx_http_sallyport_waiter_t *waiter,
    ngx_http_sallyport_found_t found, const void *record, int64_t age_ms)
{
    ngx_http_request_t        *r;
    ngx_http_sallyport_ctx_t  *ctx;

    ctx = waiter->data;
    r = ctx->request;

    ctx->found = found;
    ctx->record_arrived = 1;
    ctx->now = ngx_http_sallyport_clock();
    waiter->slot = 0;

    if (found == NGX_HTTP_SALLYPORT_FOUND) {

        if (ctx->state == NGX_HTTP_SALLYPORT_S_KEY) {
            ctx->key_room = *(const sp_key_t *) record;
            ctx->key = &ctx->key_room;
            ngx_http_sallyport_looked(ctx, NGX_HTTP_SALLYPORT_KEY, age_ms);

        } else if (ctx->state == NGX_HTTP_SALLYPORT_S_ACCOUNT) {
            ctx->account_room = *(const sp_account_t *) record;
            ctx->account = &ctx->account_room;
            ngx_http_sallyport_looked(ctx, NGX_HTTP_SALLYPORT_ACCOUNT,
                                      age_ms);

        } else {
            ctx->customer->room = *(const sp_account_t *) record;
            ctx->customer->record = &ctx->customer->room;
            ngx_http_sallyport_looked(ctx, NGX_HTTP_SALLYPORT_CUSTOMER,
                                      age_ms);
        }
    }

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_core_run_phases;

    ngx_post_event(r->connection->write, &ngx_posted_events);
}


/*
 * The policy bounds the age of what may allow; what denies is obeyed. Which
 * bound counts for a stale record is for the model to say: here it is past all
 * of them.
 */

static ngx_uint_t
ngx_http_sallyport_aged(ngx_http_sallyport_ctx_t *ctx)
{
    int64_t  max_age;

    max_age = sp_policy_max_age(ctx->policy->image, SP_AGED_RECORD);

    if (max_age >= 0 && ctx->record_age_ms / 1000 > max_age) {
        return 1;
    }

    return ctx->stale_ms >= 0
           && ctx->stale_ms > ngx_http_sallyport_stale_max(ctx, 0);
}


/* ms that "stale:" of the policy allows for all, or for any, of its tiers. */

static int64_t
ngx_http_sallyport_stale_max(ngx_http_sallyport_ctx_t *ctx,
    ngx_uint_t strictest)
{
    int      tier;
    int64_t  max;

    max = sp_policy_stale(ctx->policy->image, 0);

    for (tier = 1; tier <= SP_TIERS && !strictest; tier++) {
        max = ngx_max(max, sp_policy_stale(ctx->policy->image, tier));
    }

    return ngx_max(max, 0) * 1000;
}


void
ngx_http_sallyport_stale(ngx_http_sallyport_ctx_t *ctx)
{
    int          tier;
    int64_t      max;
    ngx_uint_t   i;

    if (ctx->facts.account_state == SP_ACCTFACT_FOUND
        && ctx->account->status >= SP_STATUS_REJECTED)
    {
        return;
    }

    max = ngx_http_sallyport_stale_max(ctx, ctx->facts.nmodels == 0);

    for (i = 0; i < ctx->facts.nmodels; i++) {
        tier = sp_policy_model_tier(ctx->policy->image, ctx->facts.models[i]);
        max = ngx_min(max, ngx_max(sp_policy_stale(ctx->policy->image, tier),
                                   0) * 1000);
    }

    if (ctx->stale_ms <= max && max > 0) {
        return;
    }

    if (ctx->stale & (1 << NGX_HTTP_SALLYPORT_KEY)) {
        sp_facts_key(&ctx->facts, SP_KEYFACT_FAILED, NULL);

    } else if (ctx->stale & (1 << NGX_HTTP_SALLYPORT_CUSTOMER)) {
        sp_facts_customer(&ctx->facts, SP_CUSTFACT_FAILED, NULL);
    }

    if (ctx->stale & (1 << NGX_HTTP_SALLYPORT_ACCOUNT)) {
        sp_facts_account(&ctx->facts, SP_ACCTFACT_FAILED, NULL);
    }

    ctx->slot = 0;
    ctx->stale = 0;
}


/*
 * What was found at the head is as old as the body took to come. Records that
 * nobody has changed since are found again at once.
 */

ngx_uint_t
ngx_http_sallyport_renew(ngx_http_sallyport_ctx_t *ctx)
{
    if (ctx->facts.key_state != SP_KEYFACT_FOUND
        || (int64_t) (ctx->now - ctx->looked) < NGX_HTTP_SALLYPORT_LOOK_AGAIN)
    {
        return 0;
    }

    ctx->looked = ctx->now;
    ctx->slot = 0;
    ctx->stale = 0;
    ctx->stale_ms = -1;
    ctx->trust = NGX_HTTP_SALLYPORT_NONE;
    ctx->record_age_ms = -1;

    return 1;
}


const char *
ngx_http_sallyport_trusted(ngx_http_sallyport_ctx_t *ctx)
{
    static const char  *words[] = { "none", "fresh", "stale", "sticky" };

    if (ctx->recalled) {
        return "fresh";
    }

    return ctx->facts.key == NULL
           || ctx->facts.account_state == SP_ACCTFACT_FAILED
           ? "none" : words[ctx->trust];
}


/*
 * Waits for a record: the phase engine's own reference keeps the request, and
 * the cleanup tells when it dies. A client that leaves is noticed.
 */

static ngx_int_t
ngx_http_sallyport_suspend(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_http_request_t  *r;
    ngx_http_cleanup_t  *cln;

    r = ctx->request;

    if (!ctx->cleanup_set) {
        cln = ngx_http_cleanup_add(r, 0);
        if (cln == NULL) {
            ngx_http_sallyport_record_cancel(&ctx->waiter);
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        cln->handler = ngx_http_sallyport_leave;
        cln->data = ctx;
        ctx->cleanup_set = 1;
    }

    if (r->connection->read->ready) {
        ngx_post_event(r->connection->read, &ngx_posted_events);

    } else if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
        ngx_http_sallyport_record_cancel(&ctx->waiter);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    return NGX_AGAIN;
}


static void
ngx_http_sallyport_leave(void *data)
{
    ngx_http_sallyport_ctx_t *ctx = data;

    if (ctx->waiter.waiting) {
        ngx_http_sallyport_record_cancel(&ctx->waiter);
    }
}

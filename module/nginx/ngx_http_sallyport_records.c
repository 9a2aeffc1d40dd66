
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the look-up of a request's key, account and end
 * customer: what their answers mean as facts, and the wait for an answer that is on its way.
 */


#include "ngx_http_sallyport_customer.h"
#include "ngx_http_sallyport_meter.h"


static ngx_http_sallyport_found_t ngx_http_sallyport_look_up(
    ngx_http_sallyport_ctx_t *ctx, ngx_http_sallyport_kind_t kind,
    ngx_str_t *id);
static void ngx_http_sallyport_found(ngx_http_sallyport_waiter_t *waiter,
    ngx_http_sallyport_found_t found, const void *record, int64_t age_ms);
static ngx_uint_t ngx_http_sallyport_aged(ngx_http_sallyport_ctx_t *ctx);
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

        if (ctx->key->status == SP_KEY_ACTIVE
            && ngx_http_sallyport_aged(ctx))
        {
            fact = SP_KEYFACT_FAILED;
            break;
        }

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
                                          &ctx->waiter,
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

    if (age_ms > ctx->record_age_ms) {
        ctx->record_age_ms = age_ms;    /* the oldest of them */
    }

    return found;
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
    ctx->from_store = 1;
    waiter->slot = 0;

    if (found == NGX_HTTP_SALLYPORT_FOUND) {

        if (ctx->state == NGX_HTTP_SALLYPORT_S_KEY) {
            ctx->key_room = *(const sp_key_t *) record;
            ctx->key = &ctx->key_room;

        } else if (ctx->state == NGX_HTTP_SALLYPORT_S_ACCOUNT) {
            ctx->account_room = *(const sp_account_t *) record;
            ctx->account = &ctx->account_room;

        } else {
            ctx->customer->room = *(const sp_account_t *) record;
            ctx->customer->record = &ctx->customer->room;
        }

        if (age_ms > ctx->record_age_ms) {
            ctx->record_age_ms = age_ms;
        }
    }

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_core_run_phases;

    ngx_post_event(r->connection->write, &ngx_posted_events);
}


/* The policy bounds the age of what may allow; what denies is obeyed. */

static ngx_uint_t
ngx_http_sallyport_aged(ngx_http_sallyport_ctx_t *ctx)
{
    int64_t  max_age;

    max_age = sp_policy_max_age(ctx->policy->image, SP_AGED_RECORD);

    return max_age >= 0 && ctx->record_age_ms / 1000 > max_age;
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

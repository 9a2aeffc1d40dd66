
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the second look at requests that are under way: their
 * records are found again and the policy that is in force now is asked, with
 * what is known of the request. What could not be found out ends nothing; a
 * refusal does.
 */


#include "ngx_http_sallyport_control.h"
#include "ngx_http_sallyport_customer.h"
#include "ngx_http_sallyport_meter.h"
#include "ngx_http_sallyport_running.h"


static void ngx_http_sallyport_running_tick(ngx_event_t *ev);
static ngx_uint_t ngx_http_sallyport_running_visit(
    ngx_http_sallyport_ctx_t *ctx);
static ngx_http_sallyport_run_t *ngx_http_sallyport_running_create(
    ngx_http_sallyport_ctx_t *ctx);
static void ngx_http_sallyport_running_name(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_kind_t kind, const u_char *id, size_t len);
static uint64_t ngx_http_sallyport_running_sign(
    ngx_http_sallyport_ctx_t *ctx);
static ngx_int_t ngx_http_sallyport_running_look(
    ngx_http_sallyport_ctx_t *ctx);
static ngx_int_t ngx_http_sallyport_running_key(
    ngx_http_sallyport_ctx_t *ctx);
static ngx_int_t ngx_http_sallyport_running_account(
    ngx_http_sallyport_ctx_t *ctx);
static ngx_int_t ngx_http_sallyport_running_customer(
    ngx_http_sallyport_ctx_t *ctx);
static ngx_http_sallyport_found_t ngx_http_sallyport_running_get(
    ngx_http_sallyport_ctx_t *ctx, ngx_http_sallyport_kind_t kind,
    const u_char *id, size_t len);
static void ngx_http_sallyport_running_set(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_kind_t kind, const void *record);
static void ngx_http_sallyport_running_found(
    ngx_http_sallyport_waiter_t *waiter, ngx_http_sallyport_found_t found,
    const void *record, int64_t age_ms);
static void ngx_http_sallyport_running_judge(ngx_http_sallyport_ctx_t *ctx);


ngx_queue_t  ngx_http_sallyport_running;

/* Of this worker; the connection is for the timer's debug log. */

static ngx_event_t       ngx_http_sallyport_running_event;
static ngx_connection_t  ngx_http_sallyport_running_conn;


void
ngx_http_sallyport_running_init_process(ngx_cycle_t *cycle)
{
    ngx_event_t  *ev;

    ngx_queue_init(&ngx_http_sallyport_running);

    ngx_http_sallyport_running_conn.fd = (ngx_socket_t) -1;

    ev = &ngx_http_sallyport_running_event;

    ngx_memzero(ev, sizeof(ngx_event_t));

    ev->handler = ngx_http_sallyport_running_tick;
    ev->data = &ngx_http_sallyport_running_conn;
    ev->log = cycle->log;
    ev->cancelable = 1;
}


/* While requests come and go, the timer is set once in a while. */

void
ngx_http_sallyport_running_arm(void)
{
    if (!ngx_http_sallyport_running_event.timer_set) {
        ngx_add_timer(&ngx_http_sallyport_running_event,
                      NGX_HTTP_SALLYPORT_LOOK);
    }
}


void
ngx_http_sallyport_running_soon(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_event_t  *ev;

    if (!ctx->runs) {
        return;
    }

    ev = &ngx_http_sallyport_running_event;

    ctx->visited = ngx_current_msec - NGX_HTTP_SALLYPORT_LOOK;

    ngx_queue_remove(&ctx->running);
    ngx_queue_insert_head(&ngx_http_sallyport_running, &ctx->running);

    ngx_post_event(ev, &ngx_posted_events);
}


static void
ngx_http_sallyport_running_tick(ngx_event_t *ev)
{
    ngx_uint_t                 n;
    ngx_queue_t               *q;
    ngx_msec_t                 next;
    ngx_msec_int_t             left;
    ngx_http_sallyport_ctx_t  *ctx;

    next = NGX_HTTP_SALLYPORT_LOOK;
    n = 0;

    while (!ngx_queue_empty(&ngx_http_sallyport_running)) {

        q = ngx_queue_head(&ngx_http_sallyport_running);
        ctx = ngx_queue_data(q, ngx_http_sallyport_ctx_t, running);

        left = (ngx_msec_int_t) (ctx->visited + NGX_HTTP_SALLYPORT_LOOK
                                 - ngx_current_msec);
        if (left > 0) {
            next = (ngx_msec_t) left;
            break;
        }

        if (n >= NGX_HTTP_SALLYPORT_BATCH) {
            next = 1;
            break;
        }

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&ngx_http_sallyport_running, q);

        ctx->visited = ngx_current_msec;

        n += ngx_http_sallyport_running_visit(ctx);
    }

    if (ngx_queue_empty(&ngx_http_sallyport_running)) {
        return;
    }

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    ngx_add_timer(ev, next);
}


/* 1 if that took time. The request may be gone afterwards. */

static ngx_uint_t
ngx_http_sallyport_running_visit(ngx_http_sallyport_ctx_t *ctx)
{
    uint64_t                   sign;
    ngx_http_request_t        *r;
    ngx_http_sallyport_run_t  *run;

    r = ctx->request;

    if (ctx->cut != NULL) {
        ngx_http_sallyport_cut_more(ctx);
        return 1;
    }

    if (r->upstream == NULL || r->connection->error || ctx->waiter.waiting) {
        return 0;
    }

    if (ctx->run == NULL) {
        ctx->run = ngx_http_sallyport_running_create(ctx);

        if (ctx->run == NULL) {
            return 0;
        }
    }

    run = ctx->run;

    if (!run->looks) {
        sign = ngx_http_sallyport_running_sign(ctx);

        if (sign == run->sign
            && ngx_current_msec - run->judged < NGX_HTTP_SALLYPORT_JUDGE)
        {
            return 0;
        }

        /* before the look: what changes during it is looked at again */

        run->sign = sign;
        run->looks = 1;
        run->stage = NGX_HTTP_SALLYPORT_KEY;

        ctx->facts.v[SP_F_NOW].u.i = ngx_time();
        ctx->facts.own_of = NULL;
    }

    ctx->policy = ngx_http_sallyport_policy_hold(ctx->slcf->policy);

    if (ctx->policy != NULL
        && ngx_http_sallyport_running_look(ctx) == NGX_OK)
    {
        run->looks = 0;
        run->judged = ngx_current_msec;

        ngx_http_sallyport_running_judge(ctx);
        return 1;
    }

    ngx_http_sallyport_judged(ctx);

    return 1;
}


/* A token was good when it came, which is all that it says. */

static ngx_http_sallyport_run_t *
ngx_http_sallyport_running_create(ngx_http_sallyport_ctx_t *ctx)
{
    ctx->run = ngx_pcalloc(ctx->request->pool,
                           sizeof(ngx_http_sallyport_run_t));
    if (ctx->run == NULL) {
        return NULL;
    }

    /* what it points to may go when the key is looked up again */

    if (!ctx->recalled) {
        ngx_memcpy(ctx->name, ctx->account_id.data, ctx->account_id.len);
        ctx->account_id.data = ctx->name;
    }

    if (ctx->vouched) {
        ctx->key_room.expires_at = SP_TIME_ABSENT;

    } else {
        ngx_http_sallyport_running_name(ctx, NGX_HTTP_SALLYPORT_KEY,
                                        ctx->kid, SP_KID_LEN);
    }

    ngx_http_sallyport_running_name(ctx, NGX_HTTP_SALLYPORT_ACCOUNT,
                                    ctx->account_id.data,
                                    ctx->account_id.len);

    if (ctx->customer != NULL && ctx->customer->len != 0) {
        ngx_http_sallyport_running_name(ctx, NGX_HTTP_SALLYPORT_CUSTOMER,
                                        ctx->customer->id,
                                        ctx->customer->len);
    }

    /* judged when it was allowed */

    ctx->run->judged = ngx_current_msec - NGX_HTTP_SALLYPORT_JUDGE;

    return ctx->run;
}


static void
ngx_http_sallyport_running_name(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_kind_t kind, const u_char *id, size_t len)
{
    ngx_http_sallyport_cache_id_t  cid;

    cid.store = ctx->slcf->store->tag;
    cid.kind = kind;
    cid.id = id;
    cid.len = len;

    ngx_http_sallyport_cache_id(ctx->smcf->zone, &cid, NULL);

    ctx->run->hash[kind] = cid.hash;
}


/* Another one if something may have changed since it was the last. */

static uint64_t
ngx_http_sallyport_running_sign(ngx_http_sallyport_ctx_t *ctx)
{
    uint64_t                       sign, hash;
    ngx_uint_t                     kind;
    ngx_http_sallyport_zone_t     *zone;
    ngx_http_sallyport_edition_t  *policy;

    zone = ctx->smcf->zone;
    policy = ngx_http_sallyport_policy_now(ctx->slcf->policy);

    sign = policy != NULL ? policy->word : 0;

    if (ctx->slcf->store->block != NULL) {
        sign = ngx_http_sallyport_mix(sign)
               ^ ctx->slcf->store->block->sh->word;
    }

    for (kind = 0; kind < NGX_HTTP_SALLYPORT_KINDS; kind++) {
        hash = ctx->run->hash[kind];

        if (hash != 0) {
            sign = ngx_http_sallyport_mix(sign)
                   ^ __atomic_load_n(ngx_http_sallyport_gen(zone, hash),
                                     __ATOMIC_ACQUIRE);
            sign = ngx_http_sallyport_mix(sign)
                   ^ __atomic_load_n(ngx_http_sallyport_writes(zone, hash),
                                     __ATOMIC_ACQUIRE);
        }
    }

    return sign;
}


/* NGX_AGAIN: the store was asked, and the look goes on where it is. */

static ngx_int_t
ngx_http_sallyport_running_look(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_int_t                  rc;
    ngx_http_sallyport_run_t  *run;

    run = ctx->run;

    do {
        switch (run->stage) {

        case NGX_HTTP_SALLYPORT_KEY:
            rc = ngx_http_sallyport_running_key(ctx);
            break;

        case NGX_HTTP_SALLYPORT_ACCOUNT:
            rc = ngx_http_sallyport_running_account(ctx);
            break;

        default: /* NGX_HTTP_SALLYPORT_CUSTOMER */
            rc = ngx_http_sallyport_running_customer(ctx);
            break;
        }

    } while (rc == NGX_DECLINED);

    return rc;
}


/* As these: NGX_OK: all is known; NGX_DECLINED: the next stage's turn. */

static ngx_int_t
ngx_http_sallyport_running_key(ngx_http_sallyport_ctx_t *ctx)
{
    sp_keyfact_t  fact;

    if (ctx->vouched) {
        ctx->run->stage = NGX_HTTP_SALLYPORT_ACCOUNT;
        return NGX_DECLINED;
    }

    switch (ngx_http_sallyport_running_get(ctx, NGX_HTTP_SALLYPORT_KEY,
                                           ctx->kid, SP_KID_LEN))
    {
    case NGX_HTTP_SALLYPORT_WAIT:
        return NGX_AGAIN;

    case NGX_HTTP_SALLYPORT_FOUND:
        sp_facts_key(&ctx->facts, SP_KEYFACT_FOUND, ctx->key);
        (void) ngx_http_sallyport_signal(ctx, 1);

        ctx->run->stage = NGX_HTTP_SALLYPORT_ACCOUNT;
        return NGX_DECLINED;

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

    sp_facts_key(&ctx->facts, fact, NULL);

    return NGX_OK;
}


static ngx_int_t
ngx_http_sallyport_running_account(ngx_http_sallyport_ctx_t *ctx)
{
    sp_acctfact_t  fact;

    switch (ngx_http_sallyport_running_get(ctx, NGX_HTTP_SALLYPORT_ACCOUNT,
                                           (u_char *) ctx->key->account,
                                           ctx->key->account_len))
    {
    case NGX_HTTP_SALLYPORT_WAIT:
        return NGX_AGAIN;

    case NGX_HTTP_SALLYPORT_FOUND:
        sp_facts_account(&ctx->facts, SP_ACCTFACT_FOUND, ctx->account);

        if (ctx->customer == NULL || ctx->customer->len == 0) {
            return NGX_OK;
        }

        ctx->run->stage = NGX_HTTP_SALLYPORT_CUSTOMER;
        return NGX_DECLINED;

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

    sp_facts_account(&ctx->facts, fact, NULL);

    return NGX_OK;
}


static ngx_int_t
ngx_http_sallyport_running_customer(ngx_http_sallyport_ctx_t *ctx)
{
    sp_custfact_t                   fact;
    ngx_http_sallyport_customer_t  *customer;

    customer = ctx->customer;

    switch (ngx_http_sallyport_running_get(ctx, NGX_HTTP_SALLYPORT_CUSTOMER,
                                           customer->id, customer->len))
    {
    case NGX_HTTP_SALLYPORT_WAIT:
        return NGX_AGAIN;

    case NGX_HTTP_SALLYPORT_FOUND:
        sp_facts_customer(&ctx->facts, SP_CUSTFACT_FOUND, customer->record);
        return NGX_OK;

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

    sp_facts_customer(&ctx->facts, fact, NULL);

    return NGX_OK;
}


static ngx_http_sallyport_found_t
ngx_http_sallyport_running_get(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_kind_t kind, const u_char *id, size_t len)
{
    void                       *room;
    int64_t                     age_ms;
    ngx_str_t                   name;
    const void                 *record;
    ngx_http_sallyport_run_t   *run;
    ngx_http_sallyport_found_t  found;

    run = ctx->run;

    if (run->arrived) {
        run->arrived = 0;
        return run->found;
    }

    name.data = (u_char *) id;
    name.len = len;

    ctx->waiter.handler = ngx_http_sallyport_running_found;
    ctx->waiter.data = ctx;
    ctx->waiter.slot = 0;

    /* a key may be another account's by now */

    if (kind == NGX_HTTP_SALLYPORT_KEY) {
        ngx_memzero(&ctx->waiter.account, sizeof(ctx->waiter.account));
    }

    room = (kind == NGX_HTTP_SALLYPORT_KEY) ? (void *) &ctx->key_room
           : (kind == NGX_HTTP_SALLYPORT_ACCOUNT)
           ? (void *) &ctx->account_room : (void *) &ctx->customer->room;

    found = ngx_http_sallyport_record_get(ctx->slcf->store, kind, &name,
                                          &ctx->unit, room, &record, &age_ms,
                                          &ctx->waiter,
                                          ngx_http_sallyport_clock(),
                                          ctx->request->connection->log);

    if (found == NGX_HTTP_SALLYPORT_FOUND) {
        ngx_http_sallyport_running_set(ctx, kind, record);
    }

    return found;
}


static void
ngx_http_sallyport_running_set(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_kind_t kind, const void *record)
{
    switch (kind) {

    case NGX_HTTP_SALLYPORT_KEY:
        ctx->key = record;
        break;

    case NGX_HTTP_SALLYPORT_ACCOUNT:
        ctx->account = record;
        break;

    default: /* NGX_HTTP_SALLYPORT_CUSTOMER */
        ctx->customer->record = record;
        break;
    }
}


/* The store has answered; the request is ended from the event loop. */

static void
ngx_http_sallyport_running_found(ngx_http_sallyport_waiter_t *waiter,
    ngx_http_sallyport_found_t found, const void *record, int64_t age_ms)
{
    ngx_http_sallyport_ctx_t  *ctx;

    ctx = waiter->data;

    ctx->run->found = found;
    ctx->run->arrived = 1;

    if (found == NGX_HTTP_SALLYPORT_FOUND) {

        switch (ctx->run->stage) {

        case NGX_HTTP_SALLYPORT_KEY:
            ctx->key_room = *(const sp_key_t *) record;
            record = &ctx->key_room;
            break;

        case NGX_HTTP_SALLYPORT_ACCOUNT:
            ctx->account_room = *(const sp_account_t *) record;
            record = &ctx->account_room;
            break;

        default: /* NGX_HTTP_SALLYPORT_CUSTOMER */
            ctx->customer->room = *(const sp_account_t *) record;
            record = &ctx->customer->room;
            break;
        }

        ngx_http_sallyport_running_set(ctx, ctx->run->stage, record);
    }

    ngx_http_sallyport_running_soon(ctx);
}


/*
 * A source that failed is no refusal: the request was judged when it could be
 * asked, and is judged again when it can.
 */

static void
ngx_http_sallyport_running_judge(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_http_sallyport_edition_t  *policy;

    static sp_verdict_t            verdict;

    policy = ctx->policy;
    ctx->policy = NULL;

    ngx_http_sallyport_block_facts(ctx->slcf->store, &ctx->facts);

    sp_decide(policy->image, &ctx->facts, SP_STAGE_WHOLE, &verdict);

    if (verdict.decision == SP_VERDICT_DENY
        && verdict.reason != SP_R_VERIFICATION_UNAVAILABLE
        && verdict.reason != SP_R_NO_POLICY)
    {
        ngx_http_sallyport_cut(ctx, policy, &verdict);
    }

    ngx_http_sallyport_policy_release(policy);
}

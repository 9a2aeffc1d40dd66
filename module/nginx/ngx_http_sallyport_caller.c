
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains a worker's callers: for keys that were seen lately, what
 * their plain allows were by, so that the next request of the same case needs
 * no look at the records.
 *
 * A caller stands for two records as they were in the zone when they were
 * asked for. The zone counts the writes of records (zone.h): as long as both
 * counts are the same, so are the records. Their age is looked at each time.
 *
 * Which verdicts may be used again is the engine's to say (include/sp_memo.h).
 * Throttles are tested, and what must be recorded is recorded, the long way.
 */


#include "ngx_http_sallyport_control.h"
#include "ngx_http_sallyport_store.h"
#include "ngx_http_sallyport_ways.h"
#include "sp_memo.h"


#define NGX_HTTP_SALLYPORT_CALLERS  4096    /* a power of two */
#define NGX_HTTP_SALLYPORT_MEMOS    4       /* of a caller; a power of two */


/* The first three lines are all that a request needs besides its memo. */

struct ngx_http_sallyport_caller_s {
    _Alignas(NGX_HTTP_SALLYPORT_LINE)
    u_char                        kid[SP_KID_LEN];
    uint64_t                      zone;      /* another after a new start */
    uint64_t                      store;
    ngx_http_sallyport_seen_t     key;
    ngx_http_sallyport_seen_t     account;
    ngx_http_sallyport_print_t    print;     /* of the account */
    uint32_t                      next;      /* memo to be written over */
    uint32_t                      len;
    uint64_t                      blocks;    /* word of those that let it */
    u_char                        id[SP_ID_LEN];
    sp_memo_t                     memos[NGX_HTTP_SALLYPORT_MEMOS];
};


static uint64_t ngx_http_sallyport_caller_hash(
    ngx_http_sallyport_ctx_t *ctx);
static ngx_http_sallyport_caller_t *ngx_http_sallyport_caller_find(
    ngx_http_sallyport_ctx_t *ctx);
static ngx_uint_t ngx_http_sallyport_caller_memo(
    ngx_http_sallyport_caller_t *caller, ngx_http_sallyport_ctx_t *ctx);
static ngx_uint_t ngx_http_sallyport_caller_found(
    ngx_http_sallyport_caller_t *caller, ngx_http_sallyport_ctx_t *ctx);
static void ngx_http_sallyport_caller_renew(
    ngx_http_sallyport_caller_t *caller, ngx_http_sallyport_ctx_t *ctx);
static ngx_uint_t ngx_http_sallyport_caller_is(
    ngx_http_sallyport_caller_t *caller, ngx_http_sallyport_ctx_t *ctx);
static ngx_int_t ngx_http_sallyport_caller_age(
    ngx_http_sallyport_caller_t *caller, ngx_http_sallyport_ctx_t *ctx,
    const ngx_http_sallyport_view_t *view, int64_t *age);
static uint64_t ngx_http_sallyport_caller_zone(
    ngx_http_sallyport_ctx_t *ctx);


/* Of this process, as smcf->callers is. */

static ngx_http_sallyport_ways_t  ngx_http_sallyport_caller_ways;


ngx_int_t
ngx_http_sallyport_caller_init_process(ngx_cycle_t *cycle,
    ngx_http_sallyport_main_conf_t *smcf)
{
    void    *room;
    size_t   size;

    size = NGX_HTTP_SALLYPORT_CALLERS * sizeof(ngx_http_sallyport_caller_t);

    room = ngx_palloc(cycle->pool, sp_cases_size());

    if (room == NULL
        || ngx_http_sallyport_ways_init(cycle, &ngx_http_sallyport_caller_ways,
                                        NGX_HTTP_SALLYPORT_CALLERS)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    smcf->callers = ngx_http_sallyport_pages(cycle, size);

    if (smcf->callers == NULL) {
        return NGX_ERROR;
    }

    smcf->cases = sp_cases_init(room);

    return NGX_OK;
}


void
ngx_http_sallyport_caller_forget(ngx_http_sallyport_main_conf_t *smcf)
{
    if (smcf->callers != NULL) {
        ngx_memzero(smcf->callers, NGX_HTTP_SALLYPORT_CALLERS
                                   * sizeof(ngx_http_sallyport_caller_t));
    }
}


/* Known by now whose it is: it will have come when the body has been read. */

void
ngx_http_sallyport_caller_fetch(ngx_http_sallyport_ctx_t *ctx)
{
    u_char      *p;
    ngx_uint_t   i;

    p = (u_char *) ngx_http_sallyport_caller_find(ctx);

    for (i = 0; p != NULL && i < sizeof(ngx_http_sallyport_caller_t);
         i += NGX_HTTP_SALLYPORT_LINE)
    {
        __builtin_prefetch(p + i);
    }
}


/*
 * 1: the verdict is an allow that need not be recorded, by the caller's own
 * records; ctx->account_id says whose. The body has been judged.
 */

ngx_uint_t
ngx_http_sallyport_recall(ngx_http_sallyport_ctx_t *ctx)
{
    int64_t                       age;
    ngx_http_sallyport_view_t     view;
    ngx_http_sallyport_store_t   *store;
    ngx_http_sallyport_caller_t  *caller;

    ctx->asked = 1;
    store = ctx->slcf->store;

    /* a candidate wants to see each request */

    if (ngx_http_sallyport_candidate_is(ctx->slcf->policy)) {
        return 0;
    }

    caller = ngx_http_sallyport_caller_find(ctx);

    if (caller == NULL || store->source == NULL) {
        return 0;
    }

    /* the view first: why is in source.h */

    ngx_http_sallyport_view(store->source, ctx->now,
                            ngx_http_sallyport_ns(store->lease),
                            ngx_http_sallyport_ns(store->ttl), &view);

    if (!ngx_http_sallyport_caller_is(caller, ctx)
        || ngx_http_sallyport_caller_age(caller, ctx, &view, &age) != NGX_OK)
    {
        return 0;
    }

    /* of account and key, the blocks say what they said before */

    ngx_http_sallyport_block_facts(ctx->slcf->store, &ctx->facts);

    if ((ctx->facts.blocks != NULL || ctx->facts.blocks_lost)
        && (ctx->slcf->store->block == NULL
            || caller->blocks != ctx->slcf->store->block->word
            || sp_facts_block_request(&ctx->facts)))
    {
        return 0;
    }

    if (!ngx_http_sallyport_caller_memo(caller, ctx)) {
        return 0;
    }

    /* another may take the caller's place while the request goes on */

    ngx_memcpy(ctx->name, caller->id, SP_ID_LEN);

    ctx->account_id.data = ctx->name;
    ctx->account_id.len = caller->len;
    ctx->waiter.account = caller->print;
    ctx->record_age_ms = age;
    ctx->recalled = 1;

    return 1;
}


/*
 * 1: the same, for a request whose records have been found, as it needs where
 * its allow is recorded: they are those of the caller. All facts are set.
 */

ngx_uint_t
ngx_http_sallyport_recall_found(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_http_sallyport_caller_t  *caller;

    if (ctx->asked) {
        return 0;
    }

    if ((ctx->facts.blocks != NULL || ctx->facts.blocks_lost)
        && ngx_http_sallyport_blocked(ctx))
    {
        return 0;
    }

    caller = ngx_http_sallyport_caller_find(ctx);

    if (caller == NULL
        || !ngx_http_sallyport_caller_is(caller, ctx)
        || !ngx_http_sallyport_caller_found(caller, ctx)
        || !ngx_http_sallyport_caller_memo(caller, ctx))
    {
        return 0;
    }

    sp_facts_model(&ctx->facts, ctx->policy->image, 0);
    sp_facts_own(&ctx->facts, ctx->policy->image);

    return 1;
}


/* 1: the caller has a memo of the case, and it is the verdict. */

static ngx_uint_t
ngx_http_sallyport_caller_memo(ngx_http_sallyport_caller_t *caller,
    ngx_http_sallyport_ctx_t *ctx)
{
    int64_t             now;
    uint64_t            number;
    ngx_uint_t          i, at;
    const sp_policy_t  *policy;

    policy = ctx->policy->image;
    now = ctx->facts.v[SP_F_NOW].u.i;
    number = sp_case(ctx->smcf->cases, policy, &ctx->facts);

    for (i = 0; i < NGX_HTTP_SALLYPORT_MEMOS; i++) {
        at = (number + i) & (NGX_HTTP_SALLYPORT_MEMOS - 1);

        if (sp_memo_use(&caller->memos[at], number, policy, now,
                        &ctx->verdict))
        {
            return 1;
        }
    }

    return 0;
}


/* Keeps an allow that sp_decide_screened() gave just now. */

void
ngx_http_sallyport_memorize(ngx_http_sallyport_ctx_t *ctx,
    const sp_screen_t *screen)
{
    uint64_t                      number, hash;
    sp_memo_t                     memo;
    ngx_uint_t                    at;
    ngx_http_sallyport_caller_t  *caller;

    if (ctx->smcf->callers == NULL || screen == NULL
        || ctx->waiter.seen[NGX_HTTP_SALLYPORT_KEY].hash == 0
        || ctx->waiter.seen[NGX_HTTP_SALLYPORT_ACCOUNT].hash == 0)
    {
        return;
    }

    number = sp_case(ctx->smcf->cases, ctx->policy->image, &ctx->facts);

    if (!sp_memo_make(&memo, number, ctx->policy->image, &ctx->facts,
                      screen, &ctx->verdict))
    {
        return;
    }

    hash = ngx_http_sallyport_caller_hash(ctx);
    at = ngx_http_sallyport_ways_place(&ngx_http_sallyport_caller_ways, hash);

    ngx_http_sallyport_caller_ways.tags[at] = hash;

    caller = &ctx->smcf->callers[at];

    ngx_http_sallyport_caller_renew(caller, ctx);

    /* where it will be looked for first, unless another case is there */

    at = number & (NGX_HTTP_SALLYPORT_MEMOS - 1);

    if (caller->memos[at].number != 0 && caller->memos[at].number != number) {
        at = ++caller->next & (NGX_HTTP_SALLYPORT_MEMOS - 1);
    }

    caller->memos[at] = memo;
}


/* Makes it that of this request's records; memos of others are dropped. */

static void
ngx_http_sallyport_caller_renew(ngx_http_sallyport_caller_t *caller,
    ngx_http_sallyport_ctx_t *ctx)
{
    if (!ngx_http_sallyport_caller_is(caller, ctx)
        || !ngx_http_sallyport_caller_found(caller, ctx))
    {
        ngx_memzero(caller, sizeof(ngx_http_sallyport_caller_t));

        ngx_memcpy(caller->kid, ctx->kid, SP_KID_LEN);
        caller->zone = ngx_http_sallyport_caller_zone(ctx);
        caller->store = ctx->slcf->store->tag;
        caller->print = ctx->waiter.account;
        caller->len = ctx->key->account_len;
        ngx_memcpy(caller->id, ctx->key->account, ctx->key->account_len);
    }

    caller->key = ctx->waiter.seen[NGX_HTTP_SALLYPORT_KEY];
    caller->account = ctx->waiter.seen[NGX_HTTP_SALLYPORT_ACCOUNT];
    caller->blocks = ctx->slcf->store->block ? ctx->slcf->store->block->word
                                             : 0;
}


/* The records that the request found are the caller's, if maybe younger. */

static ngx_uint_t
ngx_http_sallyport_caller_found(ngx_http_sallyport_caller_t *caller,
    ngx_http_sallyport_ctx_t *ctx)
{
    ngx_http_sallyport_seen_t  *key, *account;

    key = &ctx->waiter.seen[NGX_HTTP_SALLYPORT_KEY];
    account = &ctx->waiter.seen[NGX_HTTP_SALLYPORT_ACCOUNT];

    return caller->key.hash == key->hash
           && caller->key.writes == key->writes
           && caller->account.hash == account->hash
           && caller->account.writes == account->writes;
}


/* Of half of it, which is enough: it is a keyed hash, digit for digit. */

static uint64_t
ngx_http_sallyport_caller_hash(ngx_http_sallyport_ctx_t *ctx)
{
    uint64_t  w[2];

    ngx_memcpy(w, ctx->kid, sizeof(w));

    return ngx_http_sallyport_mix(w[0] ^ w[1] * 0x9e3779b97f4a7c15ull) | 1;
}


static ngx_http_sallyport_caller_t *
ngx_http_sallyport_caller_find(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_int_t  at;

    if (ctx->smcf->callers == NULL) {
        return NULL;
    }

    at = ngx_http_sallyport_ways_find(&ngx_http_sallyport_caller_ways,
                                      ngx_http_sallyport_caller_hash(ctx));

    return at != NGX_ERROR ? &ctx->smcf->callers[at] : NULL;
}


static ngx_uint_t
ngx_http_sallyport_caller_is(ngx_http_sallyport_caller_t *caller,
    ngx_http_sallyport_ctx_t *ctx)
{
    return ngx_memcmp(caller->kid, ctx->kid, SP_KID_LEN) == 0
           && caller->store == ctx->slcf->store->tag
           && caller->zone == ngx_http_sallyport_caller_zone(ctx)
           && ngx_http_sallyport_unwritten(ctx->smcf->zone, &caller->key)
           && ngx_http_sallyport_unwritten(ctx->smcf->zone, &caller->account);
}


/* The age of the older record in ms; NGX_DECLINED: the store is to be asked. */

static ngx_int_t
ngx_http_sallyport_caller_age(ngx_http_sallyport_caller_t *caller,
    ngx_http_sallyport_ctx_t *ctx, const ngx_http_sallyport_view_t *view,
    int64_t *age)
{
    int64_t   oldest, max_age;
    uint64_t  key, account;

    if (!ngx_http_sallyport_fresh(view, caller->key.epoch, caller->key.asked,
                                  &key)
        || !ngx_http_sallyport_fresh(view, caller->account.epoch,
                                     caller->account.asked, &account))
    {
        return NGX_DECLINED;
    }

    oldest = ngx_http_sallyport_since(view->now, ngx_min(key, account));
    max_age = sp_policy_max_age(ctx->policy->image, SP_AGED_RECORD);

    if (max_age >= 0 && oldest / 1000 > max_age) {
        return NGX_DECLINED;
    }

    *age = oldest;

    return NGX_OK;
}


/* Its random key tells a zone from one that stood at the same place before. */

static uint64_t
ngx_http_sallyport_caller_zone(ngx_http_sallyport_ctx_t *ctx)
{
    uint64_t  key;

    ngx_memcpy(&key, ctx->smcf->zone->sh->key, sizeof(key));

    return key;
}

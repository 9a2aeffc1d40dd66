
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the limiter of one node: buckets in the shared zone,
 * tested and debited together, and the throttles of a verdict.
 *
 * A bucket is its identity's 128-bit print and a theoretical arrival time. A
 * bucket whose time has passed is as good as new, so it may be evicted; one
 * whose time has not may not, and a set full of such buckets refuses.
 */


#include "ngx_http_sallyport_meter.h"


#define NGX_HTTP_SALLYPORT_AMPLE       5     /* buckets of a set in use */


static void ngx_http_sallyport_bucket_fetch(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_debit_t *debit);
static ngx_inline ngx_http_sallyport_bucket_t *
    ngx_http_sallyport_bucket_first(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_debit_t *debits, ngx_uint_t n);
static ngx_inline ngx_uint_t ngx_http_sallyport_bucket_chosen(
    ngx_http_sallyport_debit_t *debits, ngx_uint_t n,
    ngx_http_sallyport_bucket_t *bucket);
static ngx_inline ngx_int_t ngx_http_sallyport_limit_print(
    ngx_http_sallyport_zone_t *zone, ngx_http_sallyport_ctx_t *ctx,
    const sp_apply_t *apply, ngx_http_sallyport_print_t *print);
static ngx_int_t ngx_http_sallyport_limit_print_rest(
    ngx_http_sallyport_zone_t *zone, ngx_http_sallyport_ctx_t *ctx,
    const sp_apply_t *apply, ngx_http_sallyport_print_t *print);
static ngx_inline ngx_http_sallyport_table_id_t
    ngx_http_sallyport_limit_table(const sp_apply_t *apply);
static ngx_inline ngx_int_t ngx_http_sallyport_limit_one(
    ngx_http_sallyport_zone_t *zone, ngx_http_sallyport_ctx_t *ctx,
    const sp_apply_t *apply, ngx_http_sallyport_debit_t *debit);
static void ngx_http_sallyport_limit_network(const sp_addr_t *unit,
    u_char network[16]);


void
ngx_http_sallyport_limit(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_ctx_t *ctx, ngx_uint_t test)
{
    uint64_t                    wait;
    ngx_int_t                   rc;
    ngx_uint_t                  i, n, from, which;
    sp_apply_t                 *apply;
    sp_verdict_t               *verdict;
    ngx_http_sallyport_debit_t  debits[NGX_HTTP_SALLYPORT_DEBITS_MAX];
    uint8_t                     rule[NGX_HTTP_SALLYPORT_DEBITS_MAX];

    verdict = &ctx->verdict;

    if (verdict->decision != SP_VERDICT_ALLOW || verdict->napply == 0) {
        return;
    }

    for (i = 0; i < verdict->napply; i++) {

        if (!verdict->apply[i].plain) {
            ngx_http_sallyport_held_limit(zone, ctx, test);
            return;
        }
    }

    n = 0;

    for (i = 0; i < verdict->napply; i++) {
        from = n;
        apply = &verdict->apply[i];

        if (!(apply->per & SP_PER_MODEL)
            && n < NGX_HTTP_SALLYPORT_DEBITS_MAX)
        {
            rc = ngx_http_sallyport_limit_one(zone, ctx, apply, &debits[n]);
            n++;

        } else {
            rc = ngx_http_sallyport_limit_debits(zone, ctx, i, debits, &n);
        }

        if (rc != NGX_OK) {
            sp_verdict_refuse(ctx->policy->image, verdict,
                              SP_R_VERIFICATION_UNAVAILABLE);
            return;
        }

        for ( /* void */ ; from < n; from++) {
            rule[from] = (uint8_t) i;
        }
    }

    wait = ngx_http_sallyport_take(zone, debits, n, test, &which);

    if (wait != 0) {
        wait = (wait + 999999) / 1000000;

        sp_verdict_throttle(verdict, rule[which],
                            (uint32_t) ngx_min(wait, 0xffffffffu));
    }
}


uint64_t
ngx_http_sallyport_take(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_debit_t *debits, ngx_uint_t n, ngx_uint_t test,
    ngx_uint_t *which)
{
    uint64_t                      now, wait, longest;
    ngx_uint_t                    i, full;
    ngx_http_sallyport_debit_t   *debit;
    ngx_http_sallyport_bucket_t  *bucket;

    full = 0;
    longest = 0;
    *which = 0;

    /* they are far apart: all are on their way before the first is needed */

    for (i = 0; i < n; i++) {
        ngx_http_sallyport_bucket_fetch(zone, &debits[i]);
    }

    ngx_http_sallyport_meter_lock(zone);

    /*
     * inside the lock, so that time does not run backwards from one debit of
     * a bucket to the next: that would refuse the last request of a burst
     */

    now = ngx_http_sallyport_clock();

    for (i = 0; i < n; i++) {
        debit = &debits[i];

        wait = 0;
        bucket = ngx_http_sallyport_bucket_first(zone, debits, i);

        if (bucket != NULL) {
            debit->bucket = bucket;

        } else {
            wait = ngx_http_sallyport_bucket_find(zone, debits, i, now);
            bucket = debit->bucket;
        }

        if (bucket == NULL) {
            full = 1;

        } else {
            wait = sp_gcra(ngx_memcmp(bucket->h, debit->print.h,
                                      sizeof(bucket->h)) == 0
                           ? bucket->tat : 0,
                           now, debit->interval, debit->tolerance,
                           &debit->next);
        }

        if (wait > longest) {
            longest = wait;
            *which = i;
        }
    }

    if (longest == 0 && !test) {

        for (i = 0; i < n; i++) {
            bucket = debits[i].bucket;

            /*
             * the time first: if this worker dies in between, a new identity
             * starts with this debit, or the old one is charged for it
             */

            bucket->tat = ngx_max(debits[i].next, now);
            ngx_memory_barrier();
            bucket->h[0] = debits[i].print.h[0];
            bucket->h[1] = debits[i].print.h[1];
        }
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (full) {
        ngx_http_sallyport_count(zone, NGX_HTTP_SALLYPORT_C_ZONE_FULL);
    }

    return longest;
}


static void
ngx_http_sallyport_bucket_fetch(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_debit_t *debit)
{
    u_char      *set;
    ngx_uint_t   i;

    set = ngx_http_sallyport_zone_set(zone, debit->table, debit->print.h[0]);

    for (i = 0; i < NGX_HTTP_SALLYPORT_WAYS
                    * sizeof(ngx_http_sallyport_bucket_t);
         i += NGX_HTTP_SALLYPORT_LINE)
    {
        __builtin_prefetch(set + i, 1);
    }
}


/*
 * Under the lock: the bucket of debits[n], or an idle one to take over that
 * no earlier debit of this call took. With neither, bucket is NULL and the
 * time is returned after which one will be idle.
 *
 * Each half of the print names a set. A new bucket goes to the first, where
 * it will be found at once; when that is getting full, to the emptier one: so
 * the table refuses only when it is nearly full.
 */

uint64_t
ngx_http_sallyport_bucket_find(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_debit_t *debits, ngx_uint_t n, uint64_t now)
{
    uint64_t                      wait;
    ngx_uint_t                    i, k, busy, least;
    ngx_http_sallyport_debit_t   *debit;
    ngx_http_sallyport_bucket_t  *set, *idle, *best;

    debit = &debits[n];

    best = NULL;
    least = NGX_HTTP_SALLYPORT_WAYS;
    wait = UINT64_MAX;

    for (k = 0; k < 2; k++) {
        set = (ngx_http_sallyport_bucket_t *)
              ngx_http_sallyport_zone_set(zone, debit->table,
                                          debit->print.h[k]);
        idle = NULL;
        busy = 0;

        for (i = 0; i < NGX_HTTP_SALLYPORT_WAYS; i++) {

            /* an idle bucket that is taken already is as good as gone */

            if (ngx_http_sallyport_bucket_chosen(debits, n, &set[i])) {
                busy++;
                continue;
            }

            if (set[i].h[0] == debit->print.h[0]
                && set[i].h[1] == debit->print.h[1])
            {
                debit->bucket = &set[i];
                return 0;
            }

            if (set[i].tat > now) {
                wait = ngx_min(wait, set[i].tat - now);
                busy++;

            } else if (idle == NULL) {
                idle = &set[i];
            }
        }

        if (idle != NULL && busy < least) {
            best = idle;
            least = (k == 0 && busy <= NGX_HTTP_SALLYPORT_AMPLE) ? 0 : busy;
        }
    }

    debit->bucket = best;

    /* sets that this very request has filled up: any wait refuses it */

    return best != NULL ? 0 : wait != UINT64_MAX ? wait : 1000000000;
}


ngx_http_sallyport_bucket_t *
ngx_http_sallyport_bucket_known(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_table_id_t table, const uint64_t h[2])
{
    ngx_uint_t                    i, k;
    ngx_http_sallyport_bucket_t  *set;

    for (k = 0; k < 2; k++) {
        set = (ngx_http_sallyport_bucket_t *)
              ngx_http_sallyport_zone_set(zone, table, h[k]);

        for (i = 0; i < NGX_HTTP_SALLYPORT_WAYS; i++) {
            if (set[i].h[0] == h[0] && set[i].h[1] == h[1]) {
                return &set[i];
            }
        }
    }

    return NULL;
}


/* Where most are: the one that ..._find() would see first, if it is there. */

static ngx_inline ngx_http_sallyport_bucket_t *
ngx_http_sallyport_bucket_first(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_debit_t *debits, ngx_uint_t n)
{
    ngx_uint_t                    i;
    ngx_http_sallyport_debit_t   *debit;
    ngx_http_sallyport_bucket_t  *set;

    debit = &debits[n];
    set = (ngx_http_sallyport_bucket_t *)
          ngx_http_sallyport_zone_set(zone, debit->table, debit->print.h[0]);

    for (i = 0; i < NGX_HTTP_SALLYPORT_WAYS; i++) {

        if (set[i].h[0] == debit->print.h[0]
            && set[i].h[1] == debit->print.h[1]
            && !ngx_http_sallyport_bucket_chosen(debits, n, &set[i]))
        {
            return &set[i];
        }
    }

    return NULL;
}


static ngx_inline ngx_uint_t
ngx_http_sallyport_bucket_chosen(ngx_http_sallyport_debit_t *debits,
    ngx_uint_t n, ngx_http_sallyport_bucket_t *bucket)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        if (debits[i].bucket == bucket) {
            return 1;
        }
    }

    return 0;
}


/*
 * The buckets of one throttle: one, or one a model if it counts by model. A
 * request that names two models thus debits both, whatever their order.
 */

ngx_int_t
ngx_http_sallyport_limit_debits(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_ctx_t *ctx, ngx_uint_t which,
    ngx_http_sallyport_debit_t *debits, ngx_uint_t *n)
{
    ngx_uint_t                   i, j, first, models;
    const sp_str_t              *name;
    const sp_facts_t            *facts;
    const sp_apply_t            *apply;
    ngx_http_sallyport_print_t   print, model;
    ngx_http_sallyport_debit_t  *debit;

    facts = &ctx->facts;
    apply = &ctx->verdict.apply[which];

    if (ngx_http_sallyport_limit_print(zone, ctx, apply, &print) != NGX_OK) {
        return NGX_ERROR;
    }

    models = 1;

    if ((apply->per & SP_PER_MODEL) && facts->nmodels > 1) {
        models = facts->nmodels;
    }

    first = *n;

    for (i = 0; i < models; i++) {

        if (*n == NGX_HTTP_SALLYPORT_DEBITS_MAX) {
            return NGX_ERROR;
        }

        debit = &debits[*n];

        debit->print = print;

        if ((apply->per & SP_PER_MODEL) && facts->nmodels > 0) {
            name = &facts->models[i];
            ngx_http_sallyport_print(zone, name->data, name->len, &model);
            ngx_http_sallyport_print_add(&debit->print, &model);
        }

        debit->interval = apply->interval;
        debit->tolerance = apply->tolerance;
        debit->table = ngx_http_sallyport_limit_table(apply);

        /* a model named twice is one debit */

        for (j = first; j < *n; j++) {
            if (ngx_memcmp(&debits[j].print, &debit->print,
                           sizeof(debit->print))
                == 0)
            {
                break;
            }
        }

        if (j == *n) {
            (*n)++;
        }
    }

    return NGX_OK;
}


/* The one bucket of a throttle that does not count by model. */

static ngx_inline ngx_int_t
ngx_http_sallyport_limit_one(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_ctx_t *ctx, const sp_apply_t *apply,
    ngx_http_sallyport_debit_t *debit)
{
    debit->interval = apply->interval;
    debit->tolerance = apply->tolerance;
    debit->table = ngx_http_sallyport_limit_table(apply);

    return ngx_http_sallyport_limit_print(zone, ctx, apply, &debit->print);
}


/* Nobody can make up accounts; networks and models one can. */

static ngx_inline ngx_http_sallyport_table_id_t
ngx_http_sallyport_limit_table(const sp_apply_t *apply)
{
    if ((apply->per & (SP_PER_KEY|SP_PER_ACCOUNT)) == 0
        || (apply->per & (SP_PER_ADDRESS|SP_PER_NETWORK|SP_PER_MODEL
                           |SP_PER_CUSTOMER)))
    {
        return NGX_HTTP_SALLYPORT_T_ADDRESS;
    }

    return NGX_HTTP_SALLYPORT_T_IDENTITY;
}


/*
 * The rule's print and those of what it counts by, one mixed into the other:
 * the rule says which they are and in what order. NGX_ERROR: one of them is
 * not known.
 */

static ngx_inline ngx_int_t
ngx_http_sallyport_limit_print(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_ctx_t *ctx, const sp_apply_t *apply,
    ngx_http_sallyport_print_t *print)
{
    const sp_facts_t            *facts;
    ngx_http_sallyport_print_t   part;

    facts = &ctx->facts;

    *print = ctx->policy->throttles[apply->rule];

    if (print->h[0] == 0 || !apply->plain) {
        ngx_http_sallyport_limit_rule(zone, ctx->policy, apply, print);
    }

    if (apply->per & SP_PER_KEY) {

        if (facts->key_state != SP_KEYFACT_FOUND && !ctx->recalled) {
            return NGX_ERROR;
        }

        ngx_http_sallyport_print_kid(ctx->kid, &part);
        ngx_http_sallyport_print_add(print, &part);
    }

    if (apply->per & SP_PER_ACCOUNT) {

        if ((facts->account_state != SP_ACCTFACT_FOUND && !ctx->recalled)
            || ctx->account_id.len == 0
            || ctx->waiter.account.h[0] == 0)
        {
            return NGX_ERROR;
        }

        /* it was looked up by this print */

        ngx_http_sallyport_print_add(print, &ctx->waiter.account);
    }

    if ((apply->per & ~(SP_PER_KEY|SP_PER_ACCOUNT)) == 0) {
        return NGX_OK;
    }

    return ngx_http_sallyport_limit_print_rest(zone, ctx, apply, print);
}


/* What fewer throttles count by. */

static ngx_int_t
ngx_http_sallyport_limit_print_rest(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_ctx_t *ctx, const sp_apply_t *apply,
    ngx_http_sallyport_print_t *print)
{
    u_char                       network[16];
    const sp_facts_t            *facts;
    ngx_http_sallyport_print_t   part;

    facts = &ctx->facts;

    if (apply->per & SP_PER_TIER) {
        part.h[0] = ctx->verdict.tier;
        part.h[1] = ctx->verdict.tier;
        ngx_http_sallyport_print_add(print, &part);
    }

    if (apply->per & SP_PER_ADDRESS) {

        if (facts->v[SP_F_IP_ADDR].state != SP_FACT_KNOWN) {
            return NGX_ERROR;
        }

        ngx_http_sallyport_print(zone, ctx->unit.bytes,
                                 sizeof(ctx->unit.bytes), &part);
        ngx_http_sallyport_print_add(print, &part);
    }

    if (apply->per & SP_PER_NETWORK) {

        if (facts->v[SP_F_IP_ADDR].state != SP_FACT_KNOWN) {
            return NGX_ERROR;
        }

        ngx_http_sallyport_limit_network(&ctx->unit, network);
        ngx_http_sallyport_print(zone, network, sizeof(network), &part);
        ngx_http_sallyport_print_add(print, &part);
    }

    /*
     * names are the reseller's own: another's customer of the same name is
     * another one; requests that name none share a bucket
     */

    if (apply->per & SP_PER_CUSTOMER) {

        if (facts->customer_state != SP_CUSTFACT_FOUND
            && facts->customer_state != SP_CUSTFACT_NONE && !ctx->recalled)
        {
            return NGX_ERROR;
        }

        ngx_http_sallyport_print(zone, ctx->account_id.data,
                                 ctx->account_id.len, &part);
        ngx_http_sallyport_print_add(print, &part);
        ngx_http_sallyport_print(zone, facts->customer_id.data,
                                 facts->customer_id.len, &part);
        ngx_http_sallyport_print_add(print, &part);
    }

    /* a route without a model has one bucket for "none" */

    if ((apply->per & SP_PER_MODEL)
        && facts->nmodels == 0
        && facts->v[SP_F_MODEL_ID].state != SP_FACT_ABSENT)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* The first 24 bits of an IPv4 address, which is mapped, or 48 of IPv6. */

static void
ngx_http_sallyport_limit_network(const sp_addr_t *unit, u_char network[16])
{
    ngx_memcpy(network, unit->bytes, 16);

    if (sp_addr_is_v4(unit)) {
        network[15] = 0;

    } else {
        ngx_memzero(network + 6, 10);
    }
}

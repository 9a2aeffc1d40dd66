
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the lines of a lane: each is written where it stays, in
 * the half of the tail that is in use, and counts from its last store on.
 */


#include "ngx_http_sallyport_audit.h"


static u_char *ngx_http_sallyport_lane_at(ngx_http_sallyport_lane_t *lane);
static void ngx_http_sallyport_lane_add(ngx_http_sallyport_lane_t *lane,
    size_t len);
static void ngx_http_sallyport_lane_policy(ngx_http_sallyport_audit_t *audit,
    ngx_http_sallyport_ctx_t *ctx);
static void ngx_http_sallyport_lane_write_settle(
    ngx_http_sallyport_audit_t *audit, ngx_http_sallyport_settle_t *settle);


static u_char *
ngx_http_sallyport_lane_at(ngx_http_sallyport_lane_t *lane)
{
    return sp_tail_lines(lane->tail, (unsigned) lane->half)
           + lane->tail->half[lane->half].used;
}


/* From its last store on, the line survives us. */

static void
ngx_http_sallyport_lane_add(ngx_http_sallyport_lane_t *lane, size_t len)
{
    sp_tail_half_t  *half;

    half = &lane->tail->half[lane->half];
    len = sp_chain_link(&lane->chain, ngx_http_sallyport_lane_at(lane), len);

    __atomic_store_n(&half->used, half->used + len, __ATOMIC_RELEASE);

    lane->size += len;
    lane->count++;
}


/* The first record of a file. */

void
ngx_http_sallyport_lane_segment(ngx_http_sallyport_audit_t *audit)
{
    size_t                      len;
    sp_str_t                    boot, prev_file, prev_hash;
    sp_audit_ctx_t              actx;
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;

    lane->size = 0;
    lane->count = 0;
    lane->npolicies = 0;
    lane->hour = ngx_time() / 3600;

    boot.data = audit->boot->boot;
    boot.len = audit->boot->boot_len;
    prev_file.data = lane->prev_file;
    prev_file.len = lane->prev_len;
    prev_hash.data = lane->prev_hash;
    prev_hash.len = lane->prev_len ? SP_CHAIN_LEN : 0;

    ngx_http_sallyport_audit_stamp(audit, &actx);

    len = sp_audit_segment(&actx, boot, (unsigned) lane->segment, prev_file,
                           prev_hash, SP_STR(NGX_HTTP_SALLYPORT_VERSION),
                           lane->chain.seq + 1,
                           ngx_http_sallyport_lane_at(lane));

    ngx_http_sallyport_lane_add(lane, len);
}


/* The last record of a file. Without it the file reads as cut short. */

void
ngx_http_sallyport_lane_close(ngx_http_sallyport_audit_t *audit)
{
    size_t                      len;
    sp_audit_ctx_t              actx;
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;

    ngx_http_sallyport_audit_stamp(audit, &actx);

    len = sp_audit_close(&actx, lane->count + 1, lane->chain.seq + 1,
                         ngx_http_sallyport_lane_at(lane));

    ngx_http_sallyport_lane_add(lane, len);
}


void
ngx_http_sallyport_lane_decision(ngx_http_sallyport_audit_t *audit,
    ngx_http_sallyport_ctx_t *ctx)
{
    size_t                      len;
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;

    ngx_http_sallyport_lane_tell_lost(audit);
    ngx_http_sallyport_lane_policy(audit, ctx);

    len = ngx_http_sallyport_audit_format(audit, ctx,
                                          ngx_http_sallyport_lane_at(lane));

    ngx_http_sallyport_lane_add(lane, len);

    if (lane->tail->half[lane->half].used >= NGX_HTTP_SALLYPORT_LANE_FLUSH) {
        (void) ngx_http_sallyport_lane_swap(audit);
    }

    ngx_http_sallyport_lane_arm(audit);
}


void
ngx_http_sallyport_lane_flood(ngx_http_sallyport_audit_t *audit,
    const sp_tail_flood_t *flood)
{
    size_t                      len;
    sp_audit_ctx_t              actx;
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;

    ngx_http_sallyport_audit_stamp(audit, &actx);

    len = sp_audit_flood(&actx, flood, lane->chain.seq + 1,
                         ngx_http_sallyport_lane_at(lane));

    ngx_http_sallyport_lane_add(lane, len);

    ngx_http_sallyport_count(audit->zone, NGX_HTTP_SALLYPORT_C_AUDIT_RECORDS);
}


/* Each file says once which policies its decisions are by. */

static void
ngx_http_sallyport_lane_policy(ngx_http_sallyport_audit_t *audit,
    ngx_http_sallyport_ctx_t *ctx)
{
    size_t                      len;
    sp_str_t                    file;
    ngx_str_t                  *path;
    ngx_uint_t                  i;
    sp_audit_ctx_t              actx;
    const sp_policy_t          *policy;
    const unsigned char        *hash;
    ngx_http_sallyport_lane_t  *lane;

    policy = ctx->policy ? ctx->policy->image : NULL;

    if (policy == NULL) {
        return;
    }

    lane = &audit->lane;
    hash = sp_policy_hash(policy);

    for (i = 0; i < lane->npolicies; i++) {
        if (ngx_memcmp(lane->policies[i], hash, SP_POLICY_HASH_LEN) == 0) {
            return;
        }
    }

    /* more than can be remembered push each other out: told twice */

    i = lane->npolicies < 8 ? lane->npolicies++ : lane->count % 8;
    ngx_memcpy(lane->policies[i], hash, SP_POLICY_HASH_LEN);

    path = ngx_http_sallyport_policy_path(ctx->policy->policy);

    file.data = path->data;
    file.len = path->len;

    ngx_http_sallyport_audit_stamp(audit, &actx);

    len = sp_audit_policy(&actx, policy, file, lane->chain.seq + 1,
                          ngx_http_sallyport_lane_at(lane));

    ngx_http_sallyport_lane_add(lane, len);
}


void
ngx_http_sallyport_lane_settle(ngx_http_sallyport_audit_t *audit,
    ngx_http_sallyport_settle_t *settle)
{
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;

    settle->ctx = NULL;

    ngx_queue_remove(&settle->queue);

    if (lane->ndue == 0 && lane->begun
        && ngx_http_sallyport_lane_fits(audit, SP_SETTLE_MAX) == NGX_OK)
    {
        ngx_http_sallyport_lane_write_settle(audit, settle);

    } else {
        ngx_queue_insert_tail(&lane->due, &settle->queue);
        lane->ndue++;
    }

    ngx_http_sallyport_lane_arm(audit);
}


void
ngx_http_sallyport_lane_due(ngx_http_sallyport_audit_t *audit)
{
    ngx_queue_t                *q;
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;

    while (lane->ndue && lane->begun
           && ngx_http_sallyport_lane_fits(audit, SP_SETTLE_MAX) == NGX_OK)
    {
        q = ngx_queue_head(&lane->due);
        ngx_queue_remove(q);
        lane->ndue--;

        ngx_http_sallyport_lane_write_settle(audit,
                        ngx_queue_data(q, ngx_http_sallyport_settle_t, queue));
    }
}


static void
ngx_http_sallyport_lane_write_settle(ngx_http_sallyport_audit_t *audit,
    ngx_http_sallyport_settle_t *settle)
{
    size_t                      len;
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;

    len = sp_audit_settle(&settle->record, &lane->keep, lane->chain.seq + 1,
                          ngx_http_sallyport_lane_at(lane));

    ngx_http_sallyport_lane_add(lane, len);
    ngx_http_sallyport_settle_free(settle);

    ngx_http_sallyport_count(audit->zone, NGX_HTTP_SALLYPORT_C_AUDIT_RECORDS);

    if (lane->tail->half[lane->half].used >= NGX_HTTP_SALLYPORT_LANE_FLUSH) {
        (void) ngx_http_sallyport_lane_swap(audit);
    }
}


void
ngx_http_sallyport_lane_lost(ngx_http_sallyport_audit_t *audit,
    ngx_uint_t served)
{
    ngx_err_t                   err;
    ngx_time_t                 *tp;
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;
    tp = ngx_timeofday();

    lane->lost.until_us = (uint64_t) tp->sec * 1000000 + tp->msec * 1000;

    if (lane->lost.since_us == 0) {
        lane->lost.since_us = lane->lost.until_us;
    }

    err = lane->err;

    if (lane->begun) {
        err = __atomic_load_n(&lane->drain->err, __ATOMIC_ACQUIRE);
    }

    lane->lost.why = (err == NGX_ENOSPC || err == EDQUOT) ? "full"
                     : err ? "error" : "slow";

    /* where it outlives us */

    if (lane->tail == NULL) {
        (void) ngx_atomic_fetch_add(served ? &audit->boot->served
                                           : &audit->boot->refused, 1);

    } else if (served) {
        lane->tail->served++;

    } else {
        lane->tail->refused++;
    }
}


void
ngx_http_sallyport_lane_tell_lost(ngx_http_sallyport_audit_t *audit)
{
    size_t                      len;
    sp_audit_ctx_t              actx;
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;

    if (lane->tail->refused == 0 && lane->tail->served == 0
        && audit->boot->removed == 0 && audit->boot->refused == 0
        && audit->boot->served == 0)
    {
        return;
    }

    lane->lost.refused = lane->tail->refused
                         + __atomic_exchange_n(&audit->boot->refused, 0,
                                               __ATOMIC_RELAXED);
    lane->lost.served = lane->tail->served
                        + __atomic_exchange_n(&audit->boot->served, 0,
                                              __ATOMIC_RELAXED);

    if (lane->lost.since_us == 0) {
        lane->lost.until_us = (uint64_t) ngx_time() * 1000000;
        lane->lost.since_us = lane->lost.until_us;
    }

    lane->lost.removed = __atomic_exchange_n(&audit->boot->removed, 0,
                                             __ATOMIC_RELAXED);

    if (lane->lost.removed) {
        lane->lost.why = "removed";

    } else if (lane->lost.why == NULL) {
        lane->lost.why = "killed";    /* before it could tell */
    }

    ngx_http_sallyport_audit_stamp(audit, &actx);

    len = sp_audit_lost(&actx, &lane->lost, lane->chain.seq + 1,
                        ngx_http_sallyport_lane_at(lane));

    ngx_http_sallyport_lane_add(lane, len);

    lane->tail->refused = 0;
    lane->tail->served = 0;

    ngx_memzero(&lane->lost, sizeof(sp_lost_t));
}

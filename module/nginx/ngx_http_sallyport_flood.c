
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains floods: refusals that come faster than anybody reads
 * them are counted, in the lane's tail, where a count outlives us as a line
 * does, and have one line a second for each reason and caller. What the law
 * or a risk refused always has a line of its own.
 */


#include "ngx_http_sallyport_audit.h"


static ngx_uint_t ngx_http_sallyport_flood_may(ngx_http_sallyport_ctx_t *ctx,
    sp_tail_flood_t *flood);
static uint8_t ngx_http_sallyport_flood_copy(u_char *to, const void *from,
    size_t len, size_t most);


ngx_uint_t
ngx_http_sallyport_flood(ngx_http_sallyport_audit_t *audit,
    ngx_http_sallyport_ctx_t *ctx)
{
    ngx_time_t                 *tp;
    sp_tail_flood_t             verdict, *flood;
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;
    tp = ngx_timeofday();

    if (audit->flood == 0 || !ngx_http_sallyport_flood_may(ctx, &verdict)) {
        return 0;
    }

    if (lane->flood_second != tp->sec) {
        lane->flood_second = tp->sec;
        lane->flood_lines = 0;
    }

    if (lane->flood_lines < audit->flood) {
        lane->flood_lines++;
        return 0;
    }

    verdict.n = 1;
    verdict.since_us = (uint64_t) tp->sec * 1000000 + tp->msec * 1000;
    verdict.until_us = verdict.since_us;
    verdict.from_len = (uint8_t) ngx_http_sallyport_audit_address(audit, ctx,
                                                                verdict.from);

    flood = sp_tail_flood(lane->tail, &verdict);

    if (flood == NULL) {
        return 0;
    }

    sp_tail_flood_add(flood, &verdict);
    ngx_http_sallyport_lane_arm(audit);

    return 1;
}


static ngx_uint_t
ngx_http_sallyport_flood_may(ngx_http_sallyport_ctx_t *ctx,
    sp_tail_flood_t *flood)
{
    sp_str_t            code;
    sp_class_t          class;
    const sp_policy_t  *policy;
    const sp_reason_t  *reason;

    policy = ctx->policy->image;
    reason = sp_policy_reason(policy, ctx->verdict.reason);

    if (ctx->verdict.decision == SP_VERDICT_ALLOW || reason == NULL) {
        return 0;
    }

    class = (sp_class_t) reason->class;

    if (ctx->verdict.decision != SP_VERDICT_THROTTLE
        && class != SP_CLASS_CREDENTIAL && class != SP_CLASS_REQUEST
        && class != SP_CLASS_SYSTEM)
    {
        return 0;
    }

    code = sp_policy_reason_code(policy, ctx->verdict.reason);

    if (code.len > SP_FLOOD_CODE) {
        return 0;
    }

    flood->told = 0;
    flood->told_at = 0;
    flood->status = ctx->verdict.status;
    flood->throttle = (ctx->verdict.decision == SP_VERDICT_THROTTLE);
    flood->class = (uint8_t) class;
    flood->enforced = (ctx->slcf->mode == NGX_HTTP_SALLYPORT_ON);

    flood->reason_len = ngx_http_sallyport_flood_copy(flood->reason,
                                                      code.data, code.len,
                                                      SP_FLOOD_CODE);
    flood->who_len = ngx_http_sallyport_flood_copy(flood->who,
                                                   ctx->account_id.data,
                                                   ctx->account_id.len,
                                                   SP_FLOOD_WHO);
    flood->first_len = ngx_http_sallyport_flood_copy(flood->first, ctx->id,
                                                     ctx->id_len,
                                                     SP_FLOOD_ID);
    flood->last_len = ngx_http_sallyport_flood_copy(flood->last, ctx->id,
                                                    ctx->id_len, SP_FLOOD_ID);

    return 1;
}


static uint8_t
ngx_http_sallyport_flood_copy(u_char *to, const void *from, size_t len,
    size_t most)
{
    len = ngx_min(len, most);

    if (len) {
        ngx_memcpy(to, from, len);
    }

    return (uint8_t) len;
}


ngx_uint_t
ngx_http_sallyport_flooded(ngx_http_sallyport_lane_t *lane)
{
    ngx_uint_t  i;

    for (i = 0; i < SP_TAIL_FLOODS; i++) {
        if (lane->tail->flood[i].n) {
            return 1;
        }
    }

    return 0;
}


void
ngx_http_sallyport_flood_tell(ngx_http_sallyport_audit_t *audit,
    ngx_uint_t all)
{
    ngx_uint_t                  i;
    sp_tail_half_t             *half;
    sp_tail_flood_t            *flood;
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;

    for (i = 0; i < SP_TAIL_FLOODS; i++) {
        flood = &lane->tail->flood[i];

        if (flood->n == 0
            || (!all && flood->since_us / 1000000 == (uint64_t) ngx_time()))
        {
            continue;
        }

        if (ngx_http_sallyport_lane_fits(audit, SP_FLOOD_MAX) != NGX_OK) {
            return;
        }

        /* whoever finds our tail must know whether the line is in it */

        half = &lane->tail->half[lane->half];

        flood->told_at = half->base + half->used;
        __atomic_store_n(&flood->told, half->segment, __ATOMIC_RELEASE);

        ngx_http_sallyport_lane_flood(audit, flood);

        __atomic_store_n(&flood->n, 0, __ATOMIC_RELEASE);
    }
}


/* What has no place is told at once. */

ngx_int_t
ngx_http_sallyport_flood_adopt(ngx_http_sallyport_audit_t *audit,
    sp_tail_t *dead)
{
    ngx_uint_t                  i;
    sp_tail_flood_t            *flood, *ours;
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;

    for (i = 0; i < SP_TAIL_FLOODS; i++) {
        flood = &dead->flood[i];

        if (flood->n == 0) {
            continue;
        }

        if (!sp_tail_flood_told(dead, flood)) {

            if (!lane->begun) {
                return NGX_ERROR;
            }

            ours = sp_tail_flood(lane->tail, flood);

            if (ours == NULL) {
                ngx_http_sallyport_flood_tell(audit, 1);
                ours = sp_tail_flood(lane->tail, flood);
            }

            if (ours == NULL) {
                return NGX_ERROR;
            }

            sp_tail_flood_add(ours, flood);
        }

        flood->n = 0;
    }

    return NGX_OK;
}


void
ngx_http_sallyport_flood_drop(ngx_http_sallyport_audit_t *audit,
    sp_tail_t *dead)
{
    ngx_uint_t  i;

    for (i = 0; i < SP_TAIL_FLOODS; i++) {
        (void) ngx_atomic_fetch_add(&audit->boot->removed, dead->flood[i].n);
    }
}

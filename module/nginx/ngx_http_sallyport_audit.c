
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the audit room's door: decision ids, which verdicts are
 * recorded, and what a record says beside the facts.
 */


#include "ngx_http_sallyport_audit.h"
#include "ngx_http_sallyport_decode.h"
#include "ngx_http_sallyport_zone.h"

#include <openssl/rand.h>


static ngx_uint_t ngx_http_sallyport_audit_must(
    ngx_http_sallyport_audit_t *audit, ngx_http_sallyport_ctx_t *ctx);
static void ngx_http_sallyport_audit_request_id(
    ngx_http_sallyport_audit_t *audit, ngx_http_request_t *r, sp_str_t *id);
static const char *ngx_http_sallyport_audit_address_from(
    ngx_http_sallyport_audit_t *audit, ngx_http_request_t *r);
static ngx_inline u_char *ngx_http_sallyport_audit_base32(u_char *p,
    uint64_t value, ngx_uint_t digits);
static void ngx_http_sallyport_audit_id_process(ngx_uint_t lane);


#define NGX_HTTP_SALLYPORT_ID_TIME  10    /* digits of the milliseconds */


/*
 * Of this process: ids are unique even if two zones give the same lane.
 * "middle" is what stands between the time and the counter.
 */

static struct {
    uint64_t    process;
    uint64_t    counter;
    ngx_pid_t   pid;
    ngx_uint_t  lane;
    uint64_t    time;                /* ms, and its digits */
    u_char      digits[NGX_HTTP_SALLYPORT_ID_TIME];
    size_t      len;
    u_char      middle[sizeof("--XXXXXX") + NGX_INT32_LEN];
} ngx_http_sallyport_id;


ngx_int_t
ngx_http_sallyport_audit_init_process(ngx_cycle_t *cycle,
    ngx_http_sallyport_audit_t *audit, ngx_http_sallyport_zone_t *zone)
{
    audit->zone = zone;

    if (audit->key_file.len == 0) {
        ngx_memcpy(audit->key, audit->boot->key, sizeof(audit->key));
    }

    sp_pseudonym_init(&audit->pseudonym, audit->key);

    if (ngx_http_sallyport_text_init(cycle->log) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_sallyport_lane_init(audit);
}


ngx_uint_t
ngx_http_sallyport_audit_ready(ngx_http_sallyport_audit_t *audit)
{
    return audit->lane.begun && !audit->lane.failing;
}


/*
 * Ids sort by time: ten digits of milliseconds, the lane, six digits of the
 * process and seven of its counter, in Crockford's base 32.
 */

void
ngx_http_sallyport_audit_id(ngx_http_sallyport_ctx_t *ctx)
{
    u_char                      *p;
    uint64_t                     now;
    ngx_uint_t                   lane;
    ngx_time_t                  *tp;
    ngx_http_sallyport_audit_t  *audit;

    audit = ctx->slcf->audit;
    lane = audit ? audit->lane.number : 0;

    if (ngx_http_sallyport_id.pid != ngx_pid
        || ngx_http_sallyport_id.lane != lane)
    {
        ngx_http_sallyport_audit_id_process(lane);
    }

    tp = ngx_timeofday();
    now = (uint64_t) tp->sec * 1000 + tp->msec;

    if (ngx_http_sallyport_id.time != now) {
        ngx_http_sallyport_id.time = now;
        (void) ngx_http_sallyport_audit_base32(ngx_http_sallyport_id.digits,
                                               now,
                                               NGX_HTTP_SALLYPORT_ID_TIME);
    }

    p = ngx_cpymem(ctx->id, ngx_http_sallyport_id.digits,
                   NGX_HTTP_SALLYPORT_ID_TIME);
    p = ngx_cpymem(p, ngx_http_sallyport_id.middle,
                   ngx_http_sallyport_id.len);
    p = ngx_http_sallyport_audit_base32(p, ++ngx_http_sallyport_id.counter,
                                        7);

    ctx->id_len = p - ctx->id;
}


static void
ngx_http_sallyport_audit_id_process(ngx_uint_t lane)
{
    u_char  *p;

    if (ngx_http_sallyport_id.pid != ngx_pid
        && RAND_bytes((u_char *) &ngx_http_sallyport_id.process,
                      sizeof(ngx_http_sallyport_id.process))
           != 1)
    {
        ngx_http_sallyport_id.process = ((uint64_t) ngx_random() << 22)
                                        ^ (uint64_t) ngx_pid;
    }

    p = ngx_sprintf(ngx_http_sallyport_id.middle, "-%uD-", (uint32_t) lane);
    p = ngx_http_sallyport_audit_base32(p, ngx_http_sallyport_id.process, 6);

    ngx_http_sallyport_id.len = p - ngx_http_sallyport_id.middle;
    ngx_http_sallyport_id.lane = lane;
    ngx_http_sallyport_id.pid = ngx_pid;
}


static ngx_inline u_char *
ngx_http_sallyport_audit_base32(u_char *p, uint64_t value, ngx_uint_t digits)
{
    ngx_uint_t  i;

    static u_char  digit[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    for (i = digits; i-- > 0; value >>= 5) {
        p[i] = digit[value & 31];
    }

    return p + digits;
}


/*
 * Before anything is debited for an allow that will be recorded: what comes
 * after NGX_OK cannot fail any more.
 */

ngx_int_t
ngx_http_sallyport_audit_room(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_int_t                    rc;
    ngx_http_sallyport_audit_t  *audit;

    audit = ctx->slcf->audit;

    if (audit == NULL
        || !ngx_http_sallyport_audit_must(audit, ctx))
    {
        return NGX_OK;
    }

    rc = ngx_http_sallyport_lane_room(audit);

    if (rc == NGX_AGAIN) {
        rc = ctx->slcf->mode == NGX_HTTP_SALLYPORT_ON
             ? ngx_http_sallyport_lane_park(audit, ctx) : NGX_ERROR;
    }

    /* observing, or told to: it is counted and goes on */

    if (rc == NGX_ERROR
        && (audit->serve || ctx->slcf->mode != NGX_HTTP_SALLYPORT_ON))
    {
        return NGX_OK;
    }

    return rc;
}


ngx_int_t
ngx_http_sallyport_audit_decision(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_uint_t                    serve;
    ngx_http_sallyport_audit_t   *audit;
    ngx_http_sallyport_settle_t  *settle;

    audit = ctx->slcf->audit;

    if (audit == NULL
        || !ngx_http_sallyport_audit_must(audit, ctx))
    {
        return NGX_OK;
    }

    settle = NULL;

    if (ngx_http_sallyport_lane_room(audit) != NGX_OK) {
        goto failed;
    }

    if (ngx_http_sallyport_flood(audit, ctx)) {
        ctx->recorded = 1;
        return NGX_OK;
    }

    if (ctx->verdict.decision == SP_VERDICT_ALLOW) {

        settle = ngx_http_sallyport_settle_alloc(ctx);
        if (settle == NULL) {
            goto failed;
        }
    }

    ngx_http_sallyport_lane_decision(audit, ctx);

    ngx_http_sallyport_count(audit->zone, NGX_HTTP_SALLYPORT_C_AUDIT_RECORDS);

    ctx->recorded = 1;

    if (settle) {
        ngx_queue_insert_tail(&audit->lane.open, &settle->queue);
        ctx->settle = settle;
        ctx->settled = 0;
    }

    return NGX_OK;

failed:

    serve = (audit->serve || ctx->slcf->mode != NGX_HTTP_SALLYPORT_ON);

    ngx_http_sallyport_count(audit->zone, NGX_HTTP_SALLYPORT_C_AUDIT_FAILED);
    ngx_http_sallyport_lane_lost(audit, serve);

    return audit->serve ? NGX_OK : NGX_ERROR;
}


ngx_uint_t
ngx_http_sallyport_audit_allows(ngx_http_sallyport_audit_t *audit)
{
    return audit != NULL && audit->allows;
}


/*
 * An allow with a match was flagged, shadowed or excepted: that is news, and
 * so is one by a stale record, or one that the candidate would not have given.
 * Of plain ones a share is drawn, the same each time that a request is asked
 * about.
 */

static ngx_uint_t
ngx_http_sallyport_audit_must(ngx_http_sallyport_audit_t *audit,
    ngx_http_sallyport_ctx_t *ctx)
{
    sp_verdict_t  *verdict;

    verdict = &ctx->verdict;

    if (verdict->decision != SP_VERDICT_ALLOW || verdict->excepted
        || verdict->nmatches || ctx->stale || ctx->candidate.len
        || audit->allows == NGX_HTTP_SALLYPORT_ALLOWS_ALL)
    {
        return 1;
    }

    return ngx_http_sallyport_mix(ctx->started)
           % NGX_HTTP_SALLYPORT_ALLOWS_ALL < audit->allows;
}


void
ngx_http_sallyport_audit_stamp(ngx_http_sallyport_audit_t *audit,
    sp_audit_ctx_t *actx)
{
    ngx_time_t  *tp;

    ngx_memzero(actx, sizeof(sp_audit_ctx_t));

    tp = ngx_timeofday();

    actx->keep = &audit->lane.keep;
    actx->wall_us = (uint64_t) tp->sec * 1000000 + tp->msec * 1000;
    actx->mono_us = (uint64_t) (ngx_current_msec - audit->lane.opened) * 1000;
    actx->host.data = ngx_cycle->hostname.data;
    actx->host.len = ngx_cycle->hostname.len;
    actx->lane = (unsigned) audit->lane.number;
    actx->epoch = audit->lane.epoch;
    actx->record_age_ms = -1;
    actx->address_from = "conn";
    actx->record_source = "none";
}


size_t
ngx_http_sallyport_audit_format(ngx_http_sallyport_audit_t *audit,
    ngx_http_sallyport_ctx_t *ctx, u_char *buf)
{
    u_char                          address[NGX_INET6_ADDRSTRLEN
                                            + SP_PSEUDONYM_LEN];
    sp_audit_ctx_t                  actx;
    ngx_http_request_t             *r;
    ngx_http_sallyport_loc_conf_t  *slcf;

    r = ctx->request;
    slcf = ctx->slcf;

    ngx_http_sallyport_audit_stamp(audit, &actx);

    actx.id.data = ctx->id;
    actx.id.len = ctx->id_len;
    actx.method.data = r->method_name.data;
    actx.method.len = r->method_name.len;
    actx.body_bytes = ctx->body_bytes;

    if (ctx->decoding) {
        actx.body_coding = ctx->decoding->coding == SP_CODING_GZIP ? "gzip"
                                                                   : "zstd";
    }

    if (ctx->asked_usage) {
        actx.body_added = "stream_options.include_usage";
    }

    actx.candidate = ctx->candidate;

    ngx_http_sallyport_audit_request_id(audit, r, &actx.request_id);

    actx.address.data = address;
    actx.address.len = ngx_http_sallyport_audit_address(audit, ctx, address);
    actx.address_from = ngx_http_sallyport_audit_address_from(audit, r);

    ngx_memcpy(actx.geo_builds, ctx->geo_builds, sizeof(actx.geo_builds));

    if (ctx->facts.key) {
        actx.record_source = ngx_http_sallyport_trusted(ctx);
        actx.record_age_ms = ctx->record_age_ms;
        actx.key_ver = ctx->facts.key->ver;
    }

    ngx_http_sallyport_text(ctx, &actx.account);

    actx.enforced = (slcf->mode == NGX_HTTP_SALLYPORT_ON);
    actx.us = (uint32_t) ngx_min(ctx->spent_us, UINT32_MAX);

    return sp_audit_decision(ctx->policy ? ctx->policy->image : NULL,
                             &ctx->facts, &ctx->verdict, &actx,
                             audit->lane.chain.seq + 1, buf);
}


/*
 * nginx's $request_id, where the configuration names it and its logs can be
 * joined: making one costs a call of the random generator.
 */

static void
ngx_http_sallyport_audit_request_id(ngx_http_sallyport_audit_t *audit,
    ngx_http_request_t *r, sp_str_t *id)
{
    ngx_uint_t                  i;
    ngx_http_variable_t        *v;
    ngx_http_variable_value_t  *vv;
    ngx_http_core_main_conf_t  *cmcf;

    if (audit->request_id == NGX_CONF_UNSET) {
        audit->request_id = NGX_DECLINED;

        cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);
        v = cmcf->variables.elts;

        for (i = 0; i < cmcf->variables.nelts; i++) {

            if (v[i].name.len == sizeof("request_id") - 1
                && ngx_memcmp(v[i].name.data, "request_id", v[i].name.len)
                   == 0)
            {
                audit->request_id = (ngx_int_t) i;
            }
        }
    }

    if (audit->request_id < 0) {
        return;
    }

    vv = ngx_http_get_indexed_variable(r, audit->request_id);

    if (vv && !vv->not_found) {
        id->data = vv->data;
        id->len = vv->len;
    }
}


/* A client without an address, on a unix socket, has an empty one. */

size_t
ngx_http_sallyport_audit_address(ngx_http_sallyport_audit_t *audit,
    ngx_http_sallyport_ctx_t *ctx, u_char *buf)
{
    static sp_addr_t  none;

    if (ngx_memcmp(&ctx->addr, &none, sizeof(sp_addr_t)) == 0) {
        return 0;
    }

    if (!audit->plain) {
        return sp_pseudonym(&audit->pseudonym, &ctx->addr, ngx_time(), buf);
    }

    if (sp_addr_is_v4(&ctx->addr)) {
        return ngx_inet_ntop(AF_INET, ctx->addr.bytes + 12, buf,
                             NGX_INET6_ADDRSTRLEN);
    }

    return ngx_inet_ntop(AF_INET6, ctx->addr.bytes, buf,
                         NGX_INET6_ADDRSTRLEN);
}


/*
 * The realip module keeps the connection's own address in its variable. The
 * variable is looked up once: its handler is all that is needed.
 */

static const char *
ngx_http_sallyport_audit_address_from(ngx_http_sallyport_audit_t *audit,
    ngx_http_request_t *r)
{
    ngx_str_t                   name;
    ngx_uint_t                  key;
    ngx_http_variable_t        *v;
    ngx_http_variable_value_t   value;
    ngx_http_core_main_conf_t  *cmcf;

    if (audit->realip == NULL) {
        cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);

        ngx_str_set(&name, "realip_remote_addr");
        key = ngx_hash_key(name.data, name.len);

        audit->realip = ngx_hash_find(&cmcf->variables_hash, key, name.data,
                                      name.len);

        if (audit->realip == NULL) {
            return "conn";
        }
    }

    v = audit->realip;

    ngx_memzero(&value, sizeof(ngx_http_variable_value_t));

    if (v->get_handler(r, &value, v->data) != NGX_OK
        || !value.valid || value.not_found
        || (value.len == r->connection->addr_text.len
            && ngx_memcmp(value.data, r->connection->addr_text.data,
                          value.len)
               == 0))
    {
        return "conn";
    }

    return "proxy";
}

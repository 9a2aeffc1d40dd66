
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains one worker's lane: the lines that go into its tail, the
 * chain through them, and when they are handed to the thread that writes
 * them. A line that is in the tail is as good as written.
 */


#include "ngx_http_sallyport_audit.h"


/* In each half there is room left for the line that ends a file. */

#define NGX_HTTP_SALLYPORT_LANE_CLOSE  1024
#define NGX_HTTP_SALLYPORT_LANE_NEED   (3 * SP_RECORD_MAX)


static ngx_int_t ngx_http_sallyport_lane_prepare(
    ngx_http_sallyport_audit_t *audit);
static ngx_int_t ngx_http_sallyport_lane_open(
    ngx_http_sallyport_audit_t *audit);
static ngx_int_t ngx_http_sallyport_lane_fits(
    ngx_http_sallyport_audit_t *audit, size_t need);
static ngx_int_t ngx_http_sallyport_lane_swap(
    ngx_http_sallyport_audit_t *audit);
static u_char *ngx_http_sallyport_lane_at(ngx_http_sallyport_lane_t *lane);
static void ngx_http_sallyport_lane_add(ngx_http_sallyport_lane_t *lane,
    size_t len);
static void ngx_http_sallyport_lane_segment(
    ngx_http_sallyport_audit_t *audit);
static void ngx_http_sallyport_lane_close(ngx_http_sallyport_audit_t *audit);
static void ngx_http_sallyport_lane_policy(ngx_http_sallyport_audit_t *audit,
    ngx_http_sallyport_ctx_t *ctx);
static void ngx_http_sallyport_lane_tell_lost(
    ngx_http_sallyport_audit_t *audit);
static void ngx_http_sallyport_lane_due(ngx_http_sallyport_audit_t *audit);
static void ngx_http_sallyport_lane_write_settle(
    ngx_http_sallyport_audit_t *audit, ngx_http_sallyport_settle_t *settle);
static void ngx_http_sallyport_lane_gone(ngx_http_sallyport_audit_t *audit);


ngx_int_t
ngx_http_sallyport_lane_init(ngx_http_sallyport_audit_t *audit)
{
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;

    lane->tail_fd = NGX_INVALID_FILE;

    ngx_queue_init(&lane->open);
    ngx_queue_init(&lane->due);
    ngx_queue_init(&lane->parked);

    lane->path.data = ngx_alloc(audit->dir.len + 1
                                + NGX_HTTP_SALLYPORT_BOOT_LEN + 1 + 64,
                                ngx_cycle->log);

    if (lane->path.data == NULL) {
        return NGX_ERROR;
    }

    lane->conn.fd = (ngx_socket_t) -1;
    lane->conn.data = audit;

    lane->timer.handler = ngx_http_sallyport_lane_timer;
    lane->timer.data = &lane->conn;
    lane->timer.log = ngx_cycle->log;
    lane->timer.cancelable = 1;

    ngx_http_sallyport_tail_adopt(audit, ngx_cycle->log);

    /*
     * A worker that cannot write starts nevertheless: it refuses, says so
     * in its health, and goes on trying.
     */

    (void) ngx_http_sallyport_lane_prepare(audit);
    ngx_http_sallyport_lane_arm(audit);

    return NGX_OK;
}


void
ngx_http_sallyport_lane_exit(ngx_http_sallyport_audit_t *audit)
{
    ngx_int_t                   rc;
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;

    if (lane->timer.timer_set) {
        ngx_del_timer(&lane->timer);
    }

    ngx_http_sallyport_lane_due(audit);

    if (lane->ndue) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, lane->err,
                      "sallyport: %ui settle records of \"%V\" are lost",
                      lane->ndue, &audit->dir);
    }

    if (lane->begun) {

        if (ngx_http_sallyport_lane_fits(audit, SP_RECORD_MAX) == NGX_OK) {
            ngx_http_sallyport_lane_tell_lost(audit);
        }

        ngx_http_sallyport_lane_close(audit);

        rc = ngx_http_sallyport_drain_stop(lane->drain);

        if (rc != NGX_OK) {
            ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                          "sallyport: the last lines are in \"%V\"; a worker "
                          "that starts will move them", &lane->path);
        }

        ngx_http_sallyport_tail_close(lane, rc == NGX_OK);
        lane->begun = 0;
    }

    ngx_free(lane->path.data);
    lane->path.data = NULL;
}


/* A lane that has begun, or an error. */

static ngx_int_t
ngx_http_sallyport_lane_prepare(ngx_http_sallyport_audit_t *audit)
{
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;

    if (lane->begun) {
        return NGX_OK;
    }

    /* A full disk must not cost a file or a system call per request. */

    if (lane->retry && (ngx_msec_int_t) (lane->retry - ngx_current_msec) > 0) {
        return NGX_ERROR;
    }

    if (ngx_http_sallyport_lane_open(audit) == NGX_OK) {
        lane->retry = 0;
        return NGX_OK;
    }

    ngx_http_sallyport_lane_complain(audit, "no tail can be made");

    lane->failing = 1;
    lane->retry = ngx_current_msec + NGX_HTTP_SALLYPORT_LANE_RETRY;

    /* 0 says that there is nothing to wait for */

    lane->retry += (lane->retry == 0);

    ngx_http_sallyport_lane_arm(audit);

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_sallyport_lane_open(ngx_http_sallyport_audit_t *audit)
{
    u_char                      boot[NGX_MAX_PATH];
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;

    /* A number that was given is kept until a tail has it: no gaps. */

    if (lane->number == 0) {
        lane->number = ngx_atomic_fetch_add(&audit->boot->lanes, 1) + 1;
    }

    if (ngx_http_sallyport_tail_create(audit) != NGX_OK) {

        if (lane->err == NGX_EEXIST) {
            lane->number = 0;
        }

        if (lane->err == NGX_ENOENT) {
            (void) ngx_snprintf(boot, sizeof(boot), "%V/%*s%Z", &audit->dir,
                                audit->boot->boot_len, audit->boot->boot);
            (void) ngx_create_dir(boot, 0750);
        }

        return NGX_ERROR;
    }

    lane->drain = ngx_http_sallyport_drain_start(audit, ngx_cycle->log);

    if (lane->drain == NULL) {
        lane->err = NGX_ENOMEM;
        ngx_http_sallyport_tail_close(lane, 1);
        return NGX_ERROR;
    }

    sp_chain_init(&lane->chain);

    lane->epoch = ngx_time();
    lane->opened = ngx_current_msec;
    lane->segment = 1;
    lane->prev_len = 0;
    lane->half = 0;
    lane->tail->half[0].base = 0;
    lane->tail->half[0].segment = 1;

    ngx_http_sallyport_lane_segment(audit);

    lane->begun = 1;

    return NGX_OK;
}


ngx_int_t
ngx_http_sallyport_lane_room(ngx_http_sallyport_audit_t *audit)
{
    if (ngx_http_sallyport_lane_prepare(audit) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_sallyport_lane_fits(audit, NGX_HTTP_SALLYPORT_LANE_NEED);
}


static ngx_int_t
ngx_http_sallyport_lane_fits(ngx_http_sallyport_audit_t *audit, size_t need)
{
    size_t                      most;
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;
    most = SP_TAIL_HALF - NGX_HTTP_SALLYPORT_LANE_CLOSE - need;

    if (lane->tail->half[lane->half].used <= most) {
        return NGX_OK;
    }

    if (ngx_http_sallyport_lane_swap(audit) == NGX_OK) {
        return NGX_OK;
    }

    return __atomic_load_n(&lane->drain->err, __ATOMIC_ACQUIRE) ? NGX_ERROR
                                                                : NGX_AGAIN;
}


/*
 * Hands what was written to the thread and goes on in the other half, in the
 * next file if this one is large or old enough.
 */

static ngx_int_t
ngx_http_sallyport_lane_swap(ngx_http_sallyport_audit_t *audit)
{
    u_char                     *p;
    ngx_uint_t                  rotate;
    sp_tail_half_t             *half, *next;
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;
    half = &lane->tail->half[lane->half];

    if (half->used == 0) {
        return NGX_OK;
    }

    if (!ngx_http_sallyport_drain_free(lane->drain)) {
        return NGX_AGAIN;
    }

    rotate = (lane->size >= audit->segment
              || lane->hour != ngx_time() / 3600);

    if (rotate) {
        ngx_http_sallyport_lane_close(audit);

        p = ngx_sprintf(lane->prev_file, "lane-%ui.%ui.jsonl", lane->number,
                        lane->segment);
        lane->prev_len = p - lane->prev_file;
        ngx_memcpy(lane->prev_hash, lane->chain.prev, SP_CHAIN_LEN);
        lane->segment++;
    }

    next = &lane->tail->half[1 - lane->half];

    __atomic_store_n(&next->used, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&next->base, rotate ? 0 : half->base + half->used,
                     __ATOMIC_RELEASE);
    __atomic_store_n(&next->segment, lane->segment, __ATOMIC_RELEASE);

    ngx_http_sallyport_drain_queue(lane->drain, lane->half);

    lane->half = 1 - lane->half;

    if (rotate) {
        ngx_http_sallyport_lane_segment(audit);
    }

    return NGX_OK;
}


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

static void
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

static void
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


static void
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
    ngx_time_t                 *tp;
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;
    tp = ngx_timeofday();

    lane->lost.until_us = (uint64_t) tp->sec * 1000000 + tp->msec * 1000;

    if (lane->lost.since_us == 0) {
        lane->lost.since_us = lane->lost.until_us;
    }

    if (served) {
        lane->lost.served++;

    } else {
        lane->lost.refused++;
    }
}


static void
ngx_http_sallyport_lane_tell_lost(ngx_http_sallyport_audit_t *audit)
{
    size_t                      len;
    sp_audit_ctx_t              actx;
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;

    if (lane->lost.since_us == 0) {
        return;
    }

    if (lane->lost.why == NULL) {
        lane->lost.why = (lane->err == NGX_ENOSPC || lane->err == EDQUOT)
                         ? "full" : lane->err ? "error" : "slow";
    }

    ngx_http_sallyport_audit_stamp(audit, &actx);

    len = sp_audit_lost(&actx, &lane->lost, lane->chain.seq + 1,
                        ngx_http_sallyport_lane_at(lane));

    ngx_http_sallyport_lane_add(lane, len);

    ngx_memzero(&lane->lost, sizeof(sp_lost_t));
}


/* The file was taken away: what was in it is counted, and a new lane begun. */

static void
ngx_http_sallyport_lane_gone(ngx_http_sallyport_audit_t *audit)
{
    ngx_time_t                 *tp;
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;
    tp = ngx_timeofday();

    lane->err = lane->drain->err;
    ngx_http_sallyport_lane_complain(audit, "its files are not as they were");

    lane->lost.until_us = (uint64_t) tp->sec * 1000000 + tp->msec * 1000;

    if (lane->lost.since_us == 0) {
        lane->lost.since_us = lane->lost.until_us;
    }

    lane->lost.removed += lane->count;
    lane->lost.why = "removed";

    (void) ngx_http_sallyport_drain_stop(lane->drain);
    ngx_http_sallyport_tail_close(lane, 1);

    lane->drain = NULL;
    lane->number = 0;
    lane->begun = 0;
    lane->retry = 0;

    (void) ngx_http_sallyport_lane_prepare(audit);
}


void
ngx_http_sallyport_lane_tick(ngx_http_sallyport_audit_t *audit)
{
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;

    if (lane->begun
        && __atomic_load_n(&lane->drain->gone, __ATOMIC_ACQUIRE))
    {
        ngx_http_sallyport_lane_gone(audit);
    }

    if (ngx_http_sallyport_lane_prepare(audit) != NGX_OK) {
        return;
    }

    lane->err = __atomic_load_n(&lane->drain->err, __ATOMIC_ACQUIRE);

    if (lane->err) {
        lane->failing = 1;
        ngx_http_sallyport_lane_complain(audit, "write() failed");
        ngx_http_sallyport_drain_kick(lane->drain);

    } else if (ngx_http_sallyport_drain_free(lane->drain)) {
        ngx_http_sallyport_lane_recovered(audit);
    }

    ngx_http_sallyport_lane_due(audit);
    (void) ngx_http_sallyport_lane_swap(audit);
}

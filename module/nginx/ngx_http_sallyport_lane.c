
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains one worker's lane: the lines that go into its tail, the
 * chain through them, and when they are handed to the thread that writes
 * them. A line that is in the tail is as good as written.
 */


#include "ngx_http_sallyport_audit.h"


/* In each half there is room left for what was lost, and for the end. */

#define NGX_HTTP_SALLYPORT_LANE_CLOSE  2048
#define NGX_HTTP_SALLYPORT_LANE_NEED   (3 * SP_RECORD_MAX)


static ngx_int_t ngx_http_sallyport_lane_prepare(
    ngx_http_sallyport_audit_t *audit);
static ngx_int_t ngx_http_sallyport_lane_open(
    ngx_http_sallyport_audit_t *audit);
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

    /*
     * A worker that cannot write starts nevertheless: it refuses, says so
     * in its health, and goes on trying.
     */

    (void) ngx_http_sallyport_lane_prepare(audit);

    ngx_http_sallyport_tail_adopt(audit, ngx_cycle->log);
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

        ngx_http_sallyport_flood_tell(audit, 1);
        ngx_http_sallyport_lane_tell_lost(audit);
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


ngx_int_t
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

ngx_int_t
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


/* The file was taken away: what was in it is counted, and a new lane begun. */

static void
ngx_http_sallyport_lane_gone(ngx_http_sallyport_audit_t *audit)
{
    sp_tail_t                   dead;
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;
    dead = *lane->tail;

    lane->err = lane->drain->err;
    ngx_http_sallyport_lane_complain(audit, "its files are not as they were");

    (void) ngx_atomic_fetch_add(&audit->boot->removed, lane->count);
    (void) ngx_atomic_fetch_add(&audit->boot->refused, lane->tail->refused);
    (void) ngx_atomic_fetch_add(&audit->boot->served, lane->tail->served);

    (void) ngx_http_sallyport_drain_stop(lane->drain);
    ngx_http_sallyport_tail_close(lane, 1);

    lane->drain = NULL;
    lane->number = 0;
    lane->begun = 0;
    lane->retry = 0;

    if (ngx_http_sallyport_lane_prepare(audit) == NGX_OK) {
        (void) ngx_http_sallyport_flood_adopt(audit, &dead);
    }

    ngx_http_sallyport_flood_drop(audit, &dead);
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

    ngx_http_sallyport_fill_warn(audit);
    ngx_http_sallyport_lane_due(audit);

    if (ngx_http_sallyport_lane_room(audit) == NGX_OK) {
        ngx_http_sallyport_lane_tell_lost(audit);
        ngx_http_sallyport_flood_tell(audit, 0);
    }

    (void) ngx_http_sallyport_lane_swap(audit);
}

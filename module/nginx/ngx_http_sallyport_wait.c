
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains a lane's time: the timer that has lines moved, requests
 * that wait for the disk to catch up, and what is said about it.
 */


#include "ngx_http_sallyport_audit.h"


#define NGX_HTTP_SALLYPORT_LANE_LOOK  5       /* ms, while requests wait */


static void ngx_http_sallyport_lane_unpark(ngx_http_sallyport_audit_t *audit);


void
ngx_http_sallyport_lane_complain(ngx_http_sallyport_audit_t *audit,
    const char *what)
{
    time_t                      now;
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;
    now = ngx_time();

    if (lane->logged && now - lane->logged < 60) {
        return;
    }

    lane->logged = now;

    ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, lane->err,
                  "sallyport: %s for audit lane %ui in \"%V\"; requests that "
                  "must be recorded are %s when its tail is full", what,
                  lane->number, &audit->dir,
                  audit->serve ? "served and counted" : "refused");
}


void
ngx_http_sallyport_lane_recovered(ngx_http_sallyport_audit_t *audit)
{
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;

    if (!lane->failing) {
        return;
    }

    lane->failing = 0;
    lane->logged = 0;

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "sallyport: audit lane %ui in \"%V\" can be written again",
                  lane->number, &audit->dir);
}


/* Runs as long as there is something to move, to write or to try again. */

void
ngx_http_sallyport_lane_arm(ngx_http_sallyport_audit_t *audit)
{
    ngx_msec_t                  ms;
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;

    if (lane->timer.timer_set) {
        return;
    }

    if (lane->nparked) {
        ms = NGX_HTTP_SALLYPORT_LANE_LOOK;

    } else if (lane->failing) {
        ms = NGX_HTTP_SALLYPORT_LANE_RETRY;

    } else if (lane->begun
               && (lane->ndue || lane->tail->half[lane->half].used
                   || ngx_http_sallyport_flooded(lane)
                   || !ngx_http_sallyport_drain_free(lane->drain)))
    {
        ms = NGX_HTTP_SALLYPORT_LANE_LAG;

    } else {
        return;
    }

    ngx_add_timer(&lane->timer, ms);
}


void
ngx_http_sallyport_lane_timer(ngx_event_t *ev)
{
    ngx_connection_t            *c;
    ngx_http_sallyport_audit_t  *audit;

    c = ev->data;
    audit = c->data;

    ngx_http_sallyport_lane_tick(audit);
    ngx_http_sallyport_lane_unpark(audit);
    ngx_http_sallyport_lane_arm(audit);
}


/* All that may go on do, and those whose time is up: they are refused. */

static void
ngx_http_sallyport_lane_unpark(ngx_http_sallyport_audit_t *audit)
{
    ngx_uint_t                  room;
    ngx_queue_t                *q;
    ngx_http_request_t         *r;
    ngx_http_sallyport_ctx_t   *ctx;
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;
    room = (ngx_http_sallyport_lane_room(audit) != NGX_AGAIN);

    while (lane->nparked) {
        q = ngx_queue_head(&lane->parked);
        ctx = ngx_queue_data(q, ngx_http_sallyport_ctx_t, park);

        if (!room && !ngx_http_sallyport_lane_waited(ctx)) {
            return;
        }

        ngx_http_sallyport_lane_leave(ctx);

        r = ctx->request;

        r->read_event_handler = ngx_http_block_reading;
        r->write_event_handler = ngx_http_core_run_phases;

        ngx_post_event(r->connection->write, &ngx_posted_events);
    }
}


ngx_uint_t
ngx_http_sallyport_lane_waited(ngx_http_sallyport_ctx_t *ctx)
{
    return ctx->park_since
           && ngx_current_msec - ctx->park_since
              >= NGX_HTTP_SALLYPORT_LANE_PARK;
}


/*
 * The phase engine's own reference keeps the request, and its pool tells when
 * it dies. A client that leaves is noticed.
 */

ngx_int_t
ngx_http_sallyport_lane_park(ngx_http_sallyport_audit_t *audit,
    ngx_http_sallyport_ctx_t *ctx)
{
    ngx_http_request_t         *r;
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;
    r = ctx->request;

    if (lane->nparked >= NGX_HTTP_SALLYPORT_LANE_PARKED
        || ngx_http_sallyport_lane_waited(ctx))
    {
        return NGX_ERROR;
    }

    if (r->connection->read->ready) {
        ngx_post_event(r->connection->read, &ngx_posted_events);

    } else if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    if (ctx->park_since == 0) {
        ctx->park_since = ngx_current_msec + (ngx_current_msec == 0);
    }

    ngx_queue_insert_tail(&lane->parked, &ctx->park);
    lane->nparked++;
    ctx->parked = 1;

    /* it is looked after more often now */

    if (lane->nparked == 1 && lane->timer.timer_set) {
        ngx_del_timer(&lane->timer);
    }

    ngx_http_sallyport_lane_arm(audit);

    return NGX_AGAIN;
}


void
ngx_http_sallyport_lane_leave(ngx_http_sallyport_ctx_t *ctx)
{
    if (!ctx->parked) {
        return;
    }

    ngx_queue_remove(&ctx->park);
    ctx->slcf->audit->lane.nparked--;
    ctx->parked = 0;
}

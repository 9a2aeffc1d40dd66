
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the writing of records: settles that are due and a
 * decision go out in one write, and what of them is in the file is known
 * whatever happens.
 */


#include "ngx_http_sallyport_audit.h"


static ngx_int_t ngx_http_sallyport_lane_batch(
    ngx_http_sallyport_audit_t *audit, ngx_http_sallyport_ctx_t *ctx,
    ngx_uint_t *more);
static void ngx_http_sallyport_lane_done(ngx_http_sallyport_audit_t *audit,
    size_t sent);


ngx_int_t
ngx_http_sallyport_lane_write(ngx_http_sallyport_audit_t *audit,
    ngx_http_sallyport_ctx_t *ctx)
{
    ngx_uint_t                  more, again;
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;
    again = 1;

    for ( ;; ) {

        if (ngx_http_sallyport_lane_prepare(audit) != NGX_OK) {
            break;
        }

        if (ctx == NULL && lane->ndue == 0) {
            return NGX_OK;
        }

        if (ngx_http_sallyport_lane_batch(audit, ctx, &more) == NGX_OK) {

            if (more) {
                continue;
            }

            ngx_http_sallyport_lane_recovered(audit);

            if (lane->size >= audit->segment) {
                ngx_http_sallyport_lane_rotate(audit);
            }

            return NGX_OK;
        }

        /* Another lane is tried once, if this one is of no use any more. */

        if (lane->fd != NGX_INVALID_FILE || again == 0) {
            break;
        }

        again = 0;
    }

    if (!lane->begun && lane->retry == 0) {
        ngx_http_sallyport_lane_later(lane);
    }

    lane->failing = 1;
    ngx_http_sallyport_lane_arm(lane);

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_sallyport_lane_batch(ngx_http_sallyport_audit_t *audit,
    ngx_http_sallyport_ctx_t *ctx, ngx_uint_t *more)
{
    size_t                        len, sent;
    u_char                       *p, *last;
    uint64_t                      lines;
    sp_chain_t                    chain;
    ngx_queue_t                  *q;
    ngx_http_sallyport_lane_t    *lane;
    ngx_http_sallyport_settle_t  *settle;

    lane = &audit->lane;
    chain = lane->chain;

    p = lane->buf;
    last = lane->buf + NGX_HTTP_SALLYPORT_LANE_BUF - 2 * SP_RECORD_MAX;
    lines = 0;

    for (q = ngx_queue_head(&lane->due);
         q != ngx_queue_sentinel(&lane->due) && p < last;
         q = ngx_queue_next(q))
    {
        settle = ngx_queue_data(q, ngx_http_sallyport_settle_t, queue);

        len = sp_audit_settle(&settle->record, lane->chain.seq + 1, p);
        p += sp_chain_link(&lane->chain, p, len);
        lines++;

        settle->end = p - lane->buf;
    }

    *more = (q != ngx_queue_sentinel(&lane->due));

    if (ctx && !*more) {
        len = ngx_http_sallyport_audit_format(audit, ctx, p);
        p += sp_chain_link(&lane->chain, p, len);
        lines++;
    }

    len = p - lane->buf;

    sent = ngx_http_sallyport_lane_send(lane, len);

    ngx_http_sallyport_lane_done(audit, sent);

    if (sent == len) {
        lane->count += lines;
        return NGX_OK;
    }

    return ngx_http_sallyport_lane_failed(audit, &chain, sent);
}


/* Frees the settles whose lines are among the first "sent" bytes. */

static void
ngx_http_sallyport_lane_done(ngx_http_sallyport_audit_t *audit, size_t sent)
{
    ngx_queue_t                  *q;
    ngx_http_sallyport_lane_t    *lane;
    ngx_http_sallyport_settle_t  *settle;

    lane = &audit->lane;

    while (!ngx_queue_empty(&lane->due)) {

        q = ngx_queue_head(&lane->due);
        settle = ngx_queue_data(q, ngx_http_sallyport_settle_t, queue);

        if (settle->end == 0 || settle->end > sent) {
            break;
        }

        ngx_queue_remove(q);
        ngx_free(settle);

        lane->ndue--;

        ngx_http_sallyport_count(audit->zone,
                                 NGX_HTTP_SALLYPORT_C_AUDIT_RECORDS);
    }

    /* What is left will have other places in another batch. */

    for (q = ngx_queue_head(&lane->due);
         q != ngx_queue_sentinel(&lane->due);
         q = ngx_queue_next(q))
    {
        settle = ngx_queue_data(q, ngx_http_sallyport_settle_t, queue);

        if (settle->end == 0) {
            break;
        }

        settle->end = 0;
    }
}


/* Writes lane->buf; returns how many bytes are in the file, err if not all. */

size_t
ngx_http_sallyport_lane_send(ngx_http_sallyport_lane_t *lane, size_t len)
{
    size_t   sent;
    ssize_t  n;

    sent = 0;

    while (sent < len) {

        n = ngx_write_fd(lane->fd, lane->buf + sent, len - sent);

        if (n == -1 && ngx_errno == NGX_EINTR) {
            continue;
        }

        if (n <= 0) {
            lane->err = n ? ngx_errno : NGX_ENOSPC;
            break;
        }

        sent += n;
    }

    lane->size += sent;

    return sent;
}


/*
 * Nothing written and no room: the lane is whole, and stays. Otherwise it is
 * given up.
 */

ngx_int_t
ngx_http_sallyport_lane_failed(ngx_http_sallyport_audit_t *audit,
    sp_chain_t *chain, size_t sent)
{
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;

    ngx_http_sallyport_lane_complain(audit, "write() failed");

    if (sent == 0
        && (lane->err == NGX_ENOSPC || lane->err == EDQUOT))
    {
        lane->chain = *chain;

    } else {
        ngx_http_sallyport_lane_abandon(lane);
    }

    return NGX_ERROR;
}

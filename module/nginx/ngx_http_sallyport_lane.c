
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains one worker's lane: its files, the chain through them,
 * and what happens when a write fails. Nothing is ever rewritten or
 * truncated: a torn tail stays where it is, and a new lane goes on.
 */


#include "ngx_http_sallyport_audit.h"

#include <fcntl.h>


static ngx_int_t ngx_http_sallyport_lane_open(
    ngx_http_sallyport_audit_t *audit);
static ngx_int_t ngx_http_sallyport_lane_begin(
    ngx_http_sallyport_audit_t *audit);
static void ngx_http_sallyport_lane_finish(ngx_http_sallyport_audit_t *audit);
static void ngx_http_sallyport_lane_timer(ngx_event_t *ev);
static ngx_int_t ngx_http_sallyport_lane_probe(
    ngx_http_sallyport_audit_t *audit);


ngx_int_t
ngx_http_sallyport_lane_init(ngx_http_sallyport_audit_t *audit)
{
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;

    lane->fd = NGX_INVALID_FILE;

    ngx_queue_init(&lane->open);
    ngx_queue_init(&lane->due);

    lane->buf = ngx_alloc(NGX_HTTP_SALLYPORT_LANE_BUF, ngx_cycle->log);
    lane->path.data = ngx_alloc(audit->dir.len + 1
                                + NGX_HTTP_SALLYPORT_BOOT_LEN + 1 + 64,
                                ngx_cycle->log);

    if (lane->buf == NULL || lane->path.data == NULL) {
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

    if (ngx_http_sallyport_lane_prepare(audit) != NGX_OK) {
        ngx_http_sallyport_lane_arm(lane);
    }

    return NGX_OK;
}


void
ngx_http_sallyport_lane_exit(ngx_http_sallyport_audit_t *audit)
{
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;

    if (lane->timer.timer_set) {
        ngx_del_timer(&lane->timer);
    }

    (void) ngx_http_sallyport_lane_write(audit, NULL);

    if (lane->ndue) {
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, lane->err,
                      "sallyport: %ui settle records of \"%V\" are lost",
                      lane->ndue, &audit->dir);
    }

    if (lane->fd != NGX_INVALID_FILE) {
        ngx_http_sallyport_lane_finish(audit);
        ngx_http_sallyport_lane_abandon(lane);
    }

    ngx_free(lane->buf);
    ngx_free(lane->path.data);

    lane->buf = NULL;
}


void
ngx_http_sallyport_lane_settle(ngx_http_sallyport_audit_t *audit,
    ngx_http_sallyport_settle_t *settle)
{
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;

    settle->ctx = NULL;

    ngx_queue_remove(&settle->queue);
    ngx_queue_insert_tail(&lane->due, &settle->queue);
    lane->ndue++;

    if (lane->ndue >= NGX_HTTP_SALLYPORT_LANE_DUE && !lane->failing) {
        (void) ngx_http_sallyport_lane_write(audit, NULL);
    }

    ngx_http_sallyport_lane_arm(lane);
}


/* A file that has begun, or an error. */

ngx_int_t
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

    if (lane->fd == NGX_INVALID_FILE
        && ngx_http_sallyport_lane_open(audit) != NGX_OK)
    {
        goto failed;
    }

    if (ngx_http_sallyport_lane_begin(audit) == NGX_OK) {
        lane->retry = 0;
        return NGX_OK;
    }

failed:

    lane->failing = 1;
    ngx_http_sallyport_lane_later(lane);

    return NGX_ERROR;
}


void
ngx_http_sallyport_lane_later(ngx_http_sallyport_lane_t *lane)
{
    lane->retry = ngx_current_msec + NGX_HTTP_SALLYPORT_LANE_RETRY;

    /* 0 says that there is nothing to wait for. */

    if (lane->retry == 0) {
        lane->retry = 1;
    }
}


static ngx_int_t
ngx_http_sallyport_lane_open(ngx_http_sallyport_audit_t *audit)
{
    u_char                     *p, *name;
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;

    /* A number that was given is kept until a file has it: no gaps. */

    if (lane->number == 0) {
        lane->number = ngx_atomic_fetch_add(&audit->boot->lanes, 1) + 1;
        lane->segment = 1;
        lane->prev_len = 0;
        lane->epoch = ngx_time();
        lane->opened = ngx_current_msec;
        sp_chain_init(&lane->chain);
    }

    name = ngx_sprintf(lane->path.data, "%V/%*s/", &audit->dir,
                       audit->boot->boot_len, audit->boot->boot);
    p = ngx_sprintf(name, "lane-%ui.%ui.jsonl%Z", lane->number,
                    lane->segment);

    lane->name_len = p - name - 1;
    lane->path.len = p - lane->path.data - 1;

    lane->fd = open((char *) lane->path.data,
                    O_CREAT|O_EXCL|O_APPEND|O_CLOEXEC|O_WRONLY, 0640);

    if (lane->fd == NGX_INVALID_FILE) {
        lane->err = ngx_errno;
        ngx_http_sallyport_lane_complain(audit, "open() failed");

        if (lane->err == NGX_EEXIST) {
            lane->number = 0;
        }

        return NGX_ERROR;
    }

    lane->size = 0;
    lane->count = 0;

    return NGX_OK;
}


/* The segment record. A file without one waits for it, and is not given up. */

static ngx_int_t
ngx_http_sallyport_lane_begin(ngx_http_sallyport_audit_t *audit)
{
    size_t                      len, sent;
    sp_str_t                    boot, prev_file, prev_hash;
    sp_chain_t                  chain;
    sp_audit_ctx_t              actx;
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;
    chain = lane->chain;

    boot.data = audit->boot->boot;
    boot.len = audit->boot->boot_len;
    prev_file.data = lane->prev_file;
    prev_file.len = lane->prev_len;
    prev_hash.data = lane->prev_hash;
    prev_hash.len = lane->prev_len ? SP_CHAIN_LEN : 0;

    ngx_http_sallyport_audit_stamp(audit, &actx);

    len = sp_audit_segment(&actx, boot, (unsigned) lane->segment, prev_file,
                           prev_hash, SP_STR(NGX_HTTP_SALLYPORT_VERSION),
                           lane->chain.seq + 1, lane->buf);
    len = sp_chain_link(&lane->chain, lane->buf, len);

    sent = ngx_http_sallyport_lane_send(lane, len);

    if (sent == len) {
        lane->begun = 1;
        lane->count = 1;
        return NGX_OK;
    }

    return ngx_http_sallyport_lane_failed(audit, &chain, sent);
}


void
ngx_http_sallyport_lane_abandon(ngx_http_sallyport_lane_t *lane)
{
    if (ngx_close_file(lane->fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", &lane->path);
    }

    lane->fd = NGX_INVALID_FILE;
    lane->begun = 0;
    lane->number = 0;
}


/* The last record of a file. Without it the file reads as cut short. */

static void
ngx_http_sallyport_lane_finish(ngx_http_sallyport_audit_t *audit)
{
    size_t                      len;
    sp_audit_ctx_t              actx;
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;

    if (!lane->begun) {
        return;
    }

    ngx_http_sallyport_audit_stamp(audit, &actx);

    len = sp_audit_close(&actx, lane->count + 1, lane->chain.seq + 1,
                         lane->buf);
    len = sp_chain_link(&lane->chain, lane->buf, len);

    if (ngx_http_sallyport_lane_send(lane, len) != len) {
        ngx_http_sallyport_lane_complain(audit, "write() failed");
        lane->failing = 1;
    }
}


/* The chain goes on in the next segment, unless this one could not end. */

void
ngx_http_sallyport_lane_rotate(ngx_http_sallyport_audit_t *audit)
{
    ngx_uint_t                  number;
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;

    ngx_http_sallyport_lane_finish(audit);

    number = lane->failing ? 0 : lane->number;

    ngx_memcpy(lane->prev_file, lane->path.data + lane->path.len
                                - lane->name_len, lane->name_len);
    ngx_memcpy(lane->prev_hash, lane->chain.prev, SP_CHAIN_LEN);

    ngx_http_sallyport_lane_abandon(lane);

    lane->number = number;
    lane->prev_len = lane->name_len;
    lane->segment++;

    if (ngx_http_sallyport_lane_prepare(audit) != NGX_OK) {
        ngx_http_sallyport_lane_arm(lane);
    }
}


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
                  "sallyport: %s for audit file \"%V\"; requests that must "
                  "be recorded are refused", what, &lane->path);
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
                  "sallyport: audit file \"%V\" can be written again",
                  &lane->path);
}


void
ngx_http_sallyport_lane_arm(ngx_http_sallyport_lane_t *lane)
{
    if (lane->timer.timer_set || !(lane->failing || lane->ndue)) {
        return;
    }

    ngx_add_timer(&lane->timer,
                  lane->failing ? NGX_HTTP_SALLYPORT_LANE_RETRY
                                : NGX_HTTP_SALLYPORT_LANE_FLUSH);
}


static void
ngx_http_sallyport_lane_timer(ngx_event_t *ev)
{
    ngx_connection_t            *c;
    ngx_http_sallyport_audit_t  *audit;

    c = ev->data;
    audit = c->data;

    audit->lane.retry = 0;

    if (ngx_http_sallyport_lane_write(audit, NULL) == NGX_OK
        && audit->lane.failing
        && ngx_http_sallyport_lane_probe(audit) == NGX_OK)
    {
        ngx_http_sallyport_lane_recovered(audit);
    }

    ngx_http_sallyport_lane_arm(&audit->lane);
}


/*
 * Asks for room at the end of the file without writing: a gate that was
 * taken out of service for a full disk gets no request to find out with.
 */

static ngx_int_t
ngx_http_sallyport_lane_probe(ngx_http_sallyport_audit_t *audit)
{
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;

    if (fallocate(lane->fd, FALLOC_FL_KEEP_SIZE, lane->size,
                  2 * SP_RECORD_MAX)
        == 0)
    {
        return NGX_OK;
    }

    /* A file system that cannot be asked: the next record will tell. */

    return (ngx_errno == EOPNOTSUPP || ngx_errno == ENOSYS) ? NGX_OK
                                                            : NGX_ERROR;
}

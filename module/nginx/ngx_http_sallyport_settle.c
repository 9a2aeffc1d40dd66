
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the end of an allowed request: whether and how often it
 * reached an upstream, what came back, and how it ended. Every allow that was
 * recorded gets one settle record, even if the worker is told to stop.
 */


#include "ngx_http_sallyport_audit.h"
#include "ngx_http_sallyport_meter.h"
#include "ngx_http_sallyport_running.h"


#define NGX_HTTP_SALLYPORT_SETTLES  512    /* at rest */


static void ngx_http_sallyport_settle_fill(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_settle_t *settle);
static ngx_uint_t ngx_http_sallyport_settle_attempts(ngx_http_request_t *r,
    ngx_uint_t first);
static void ngx_http_sallyport_settle_cut(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_settle_t *settle);
static const char *ngx_http_sallyport_settle_end(
    ngx_http_sallyport_ctx_t *ctx, ngx_uint_t status);
static ngx_uint_t ngx_http_sallyport_settle_unanswered(ngx_http_request_t *r);


static ngx_http_sallyport_settle_t  *ngx_http_sallyport_settles;
static ngx_uint_t                    ngx_http_sallyport_nsettles;


/*
 * Memory for the settle record is found before the allow is written, so that
 * no allow can be left without one. It outlives the request.
 */

ngx_http_sallyport_settle_t *
ngx_http_sallyport_settle_alloc(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_http_sallyport_settle_t  *settle;

    settle = ngx_http_sallyport_settles;

    if (settle != NULL) {
        ngx_http_sallyport_settles = settle->next;
        ngx_http_sallyport_nsettles--;

    } else {
        settle = ngx_alloc(sizeof(ngx_http_sallyport_settle_t),
                           ctx->request->connection->log);
        if (settle == NULL) {
            return NULL;
        }
    }

    settle->ctx = ctx;
    settle->leaving = 0;
    settle->id_len = ctx->id_len;
    ngx_memcpy(settle->id, ctx->id, ctx->id_len);

    settle->record.of.data = settle->id;
    settle->record.of.len = settle->id_len;
    settle->record.cut.len = 0;
    settle->record.rule.len = 0;

    return settle;
}


void
ngx_http_sallyport_settle_free(ngx_http_sallyport_settle_t *settle)
{
    if (ngx_http_sallyport_nsettles == NGX_HTTP_SALLYPORT_SETTLES) {
        ngx_free(settle);
        return;
    }

    settle->next = ngx_http_sallyport_settles;
    ngx_http_sallyport_settles = settle;
    ngx_http_sallyport_nsettles++;
}


void
ngx_http_sallyport_audit_settle(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_http_sallyport_audit_t   *audit;
    ngx_http_sallyport_settle_t  *settle;

    settle = ctx->settle;

    if (settle == NULL) {
        return;
    }

    ctx->settle = NULL;
    ctx->settled = 1;

    audit = ctx->slcf->audit;

    ngx_http_sallyport_held_settle(ctx);
    ngx_http_sallyport_settle_fill(ctx, settle);

    ngx_http_sallyport_count(audit->zone, NGX_HTTP_SALLYPORT_C_SETTLED);

    ngx_http_sallyport_lane_settle(audit, settle);
}


/* Requests that the worker leaves behind are settled as they stand. */

void
ngx_http_sallyport_audit_exit_process(ngx_http_sallyport_audit_t *audit)
{
    ngx_queue_t                  *q;
    ngx_http_sallyport_settle_t  *settle;

    if (audit->lane.path.data == NULL) {
        return;
    }

    while (!ngx_queue_empty(&audit->lane.open)) {
        q = ngx_queue_head(&audit->lane.open);
        settle = ngx_queue_data(q, ngx_http_sallyport_settle_t, queue);

        settle->leaving = 1;

        ngx_http_sallyport_audit_settle(settle->ctx);
    }

    ngx_http_sallyport_lane_exit(audit);
}


ngx_uint_t
ngx_http_sallyport_settle_attempted(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_uint_t            i, n;
    ngx_http_request_t  **sr;

    n = ngx_http_sallyport_settle_attempts(ctx->request, ctx->states_before);

    if (ctx->subrequests) {
        sr = ctx->subrequests->elts;

        for (i = 0; i < ctx->subrequests->nelts; i++) {
            n += ngx_http_sallyport_settle_attempts(sr[i], 0);
        }
    }

    return n;
}


static void
ngx_http_sallyport_settle_fill(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_settle_t *settle)
{
    off_t                 bytes;
    ngx_time_t           *tp;
    sp_settle_t          *record;
    ngx_msec_int_t        ms;
    ngx_http_request_t   *r;

    r = ctx->request;
    tp = ngx_timeofday();
    record = &settle->record;

    record->wall_us = (uint64_t) tp->sec * 1000000 + tp->msec * 1000;
    record->mono_us = (uint64_t) (ngx_current_msec
                                  - ctx->slcf->audit->lane.opened) * 1000;

    record->status = (unsigned) (r->err_status ? r->err_status
                                               : r->headers_out.status);

    record->attempts = (unsigned) ngx_http_sallyport_settle_attempted(ctx);
    record->sent = (record->attempts > 0);
    record->guessed = ctx->held != NULL && ctx->held->estimated;

    if (ctx->cut != NULL) {
        ngx_http_sallyport_settle_cut(ctx, settle);
    }

    record->tokens_in = ctx->tokens_in;
    record->tokens_out = ctx->tokens_out;

    bytes = r->connection->sent - (off_t) r->header_size;
    record->out_bytes = bytes > 0 ? (uint64_t) bytes : 0;

    ms = (ngx_msec_int_t) ((tp->sec - r->start_sec) * 1000
                           + (ngx_msec_int_t) (tp->msec - r->start_msec));
    record->duration_ms = (uint64_t) ngx_max(ms, 0);

    record->end = settle->leaving && ctx->cut == NULL
                  ? "worker_exit"
                  : ngx_http_sallyport_settle_end(ctx, record->status);
}


/*
 * Why it was ended, kept for as long as the record is; and what was delivered,
 * which the upstream had no time to say.
 */

static void
ngx_http_sallyport_settle_cut(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_settle_t *settle)
{
    sp_settle_t               *record;
    ngx_http_sallyport_cut_t  *cut;

    cut = ctx->cut;
    record = &settle->record;

    ngx_memcpy(settle->words, cut->words, sizeof(cut->words));

    record->cut.data = settle->words[0];
    record->cut.len = cut->reason.len;
    record->rule.data = settle->words[1];
    record->rule.len = cut->rule.len;
    record->told = cut->told;

    if (ctx->tokens_out < 0 && ctx->answered != NULL
        && ctx->answered->usage != NULL)
    {
        ctx->tokens_out = (int64_t) sp_usage_guess(ctx->answered->usage);
        record->guessed = 1;
    }
}


/*
 * Tries that put at least a byte on a connection that was made: a refused
 * connect counts for nothing, and neither does a TLS handshake that failed.
 */

static ngx_uint_t
ngx_http_sallyport_settle_attempts(ngx_http_request_t *r, ngx_uint_t first)
{
    off_t                       sent;
    ngx_uint_t                  i, n;
    ngx_http_upstream_t        *u;
    ngx_http_upstream_state_t  *state;

    if (r->upstream_states == NULL) {
        return 0;
    }

    u = r->upstream;
    n = 0;

    state = r->upstream_states->elts;

    for (i = first; i < r->upstream_states->nelts; i++) {

        sent = state[i].bytes_sent;

        /* A try that is going on has not been entered yet. */

        if (u && u->state == &state[i] && u->peer.connection) {
            sent = ngx_max(sent, u->peer.connection->sent);
        }

        if (sent > 0) {
            n++;
        }
    }

    return n;
}


static const char *
ngx_http_sallyport_settle_end(ngx_http_sallyport_ctx_t *ctx,
    ngx_uint_t status)
{
    ngx_uint_t           done;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = ctx->request;
    c = r->connection;

    if (ctx->cut != NULL) {
        return "cut";
    }

    if (ctx->state == NGX_HTTP_SALLYPORT_S_REFUSED
        && ctx->slcf->mode == NGX_HTTP_SALLYPORT_ON)
    {
        return "refused";
    }

    if (c->error || c->timedout || status == NGX_HTTP_CLIENT_CLOSED_REQUEST) {
        return "client_abort";
    }

    done = (ctx->answered && ctx->answered->last)
           || (r->header_sent && r->header_only);

    if (ngx_http_sallyport_settle_unanswered(r)) {
        return "upstream_error";
    }

    if (done) {
        return "complete";
    }

    return r->upstream_states ? "upstream_error" : "local_error";
}


/* The last try got no header: what the client has, nginx made. */

static ngx_uint_t
ngx_http_sallyport_settle_unanswered(ngx_http_request_t *r)
{
    ngx_http_upstream_state_t  *state;

    if (r->upstream_states == NULL || r->upstream_states->nelts == 0) {
        return 0;
    }

    state = r->upstream_states->elts;

    return state[r->upstream_states->nelts - 1].header_time
           == (ngx_msec_t) -1;
}

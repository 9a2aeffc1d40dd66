
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the end of a request that was allowed and is allowed no
 * more. Without a byte of the answer it is refused like any other. A stream
 * whose client reads is told by its dialect's error event, after a whole event,
 * and the connection is aborted a look later: a stream that just ends would be
 * a success to clients that pass over that event. Anything else is aborted.
 */


#include "ngx_http_sallyport_audit.h"
#include "ngx_http_sallyport_meter.h"
#include "ngx_http_sallyport_rewrite.h"
#include "ngx_http_sallyport_running.h"


static void ngx_http_sallyport_cut_words(ngx_http_sallyport_cut_t *cut,
    const sp_policy_t *policy, const sp_verdict_t *verdict);
static void ngx_http_sallyport_cut_event(ngx_http_sallyport_ctx_t *ctx,
    const sp_policy_t *policy, const sp_verdict_t *verdict);
static ngx_uint_t ngx_http_sallyport_cut_speaks(sp_dialect_t dialect,
    sp_usage_form_t form);
static void ngx_http_sallyport_cut_answer(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_edition_t *edition, const sp_verdict_t *verdict);
static ngx_int_t ngx_http_sallyport_cut_tell(ngx_http_sallyport_ctx_t *ctx);
static void ngx_http_sallyport_cut_upstream(ngx_http_request_t *r);
static void ngx_http_sallyport_cut_abort(ngx_http_request_t *r);
static void ngx_http_sallyport_cut_reset(ngx_http_request_t *r);


void
ngx_http_sallyport_cut(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_edition_t *edition, const sp_verdict_t *verdict)
{
    ngx_http_request_t        *r;
    ngx_http_sallyport_cut_t  *cut;

    r = ctx->request;

    cut = ngx_palloc(r->pool, sizeof(ngx_http_sallyport_cut_t));
    if (cut == NULL) {
        ngx_http_sallyport_cut_abort(r);
        return;
    }

    ngx_memzero(cut, offsetof(ngx_http_sallyport_cut_t, words));

    ngx_http_sallyport_cut_words(cut, edition->image, verdict);

    ctx->cut = cut;

    ngx_http_sallyport_count(ctx->smcf->zone, NGX_HTTP_SALLYPORT_C_CUT);

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "sallyport: request %*s is ended: %*s",
                  ctx->id_len, ctx->id, cut->reason.len, cut->reason.data);

    if (!r->header_sent && !r->blocked) {
        ngx_http_sallyport_cut_answer(ctx, edition, verdict);
        return;
    }

    ngx_http_sallyport_cut_event(ctx, edition->image, verdict);

    cut->waits = (cut->len != 0);
    cut->looks = NGX_HTTP_SALLYPORT_WHOLE;

    if (!cut->waits || ngx_http_sallyport_cut_tell(ctx) == NGX_ERROR) {
        ngx_http_sallyport_cut_abort(r);
    }
}


/* At a later look: it was told, or has waited for long enough. */

void
ngx_http_sallyport_cut_more(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_http_sallyport_cut_t  *cut;

    cut = ctx->cut;

    if (cut->waits) {

        switch (ngx_http_sallyport_cut_tell(ctx)) {

        case NGX_OK:
            return;

        case NGX_AGAIN:

            if (cut->looks-- > 0) {
                return;
            }

            break;

        default: /* NGX_ERROR */
            break;
        }
    }

    ngx_http_sallyport_cut_abort(ctx->request);
}


/* As a decision record names them; the policy may be gone when it is read. */

static void
ngx_http_sallyport_cut_words(ngx_http_sallyport_cut_t *cut,
    const sp_policy_t *policy, const sp_verdict_t *verdict)
{
    sp_str_t    words[2];
    ngx_uint_t  i;

    words[0] = sp_policy_reason_code(policy, verdict->reason);
    words[1] = verdict->primary < 0 ? SP_STR("")
               : sp_match_name(policy, &verdict->matches[verdict->primary]);

    for (i = 0; i < 2; i++) {
        words[i].len = ngx_min(words[i].len, sizeof(cut->words[i]));
        ngx_memcpy(cut->words[i], words[i].data, words[i].len);
        words[i].data = cut->words[i];
    }

    cut->reason = words[0];
    cut->rule = words[1];
}


static void
ngx_http_sallyport_cut_event(ngx_http_sallyport_ctx_t *ctx,
    const sp_policy_t *policy, const sp_verdict_t *verdict)
{
    uint32_t                        sequence;
    sp_answer_t                     answer;
    const sp_route_t               *route;
    ngx_http_sallyport_answered_t  *answered;

    answered = ctx->answered;
    route = sp_route(ctx->facts.route);

    if (answered == NULL || !answered->stream || answered->last
        || route == NULL
        || !ngx_http_sallyport_cut_speaks(route->dialect, answered->form))
    {
        return;
    }

    ngx_memzero(&answer, sizeof(sp_answer_t));

    answer.dialect = route->dialect;
    answer.status = verdict->status;
    answer.code = sp_policy_reason_public(policy, verdict->reason);
    answer.text = sp_verdict_text(policy, verdict);
    answer.id.data = ctx->id;
    answer.id.len = ctx->id_len;
    answer.basis = answer.appeal = answer.contact = SP_STR("");

    sequence = answered->usage != NULL ? sp_usage_sequence(answered->usage)
                                       : 0;

    ctx->cut->len = sp_answer_event(&answer, sequence, ctx->cut->event);
}


/* The error event is in the wrapping of the answer. */

static ngx_uint_t
ngx_http_sallyport_cut_speaks(sp_dialect_t dialect, sp_usage_form_t form)
{
    switch (dialect) {

    case SP_DIALECT_OLLAMA:
        return form == SP_USAGE_LINES;

    case SP_DIALECT_BEDROCK:
        return form == SP_USAGE_FRAMES;

    default:
        return form == SP_USAGE_SSE;
    }
}


/* The upstream has not answered: the client gets a refusal. */

static void
ngx_http_sallyport_cut_answer(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_edition_t *edition, const sp_verdict_t *verdict)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = ctx->request;
    c = r->connection;

    ngx_http_sallyport_cut_upstream(r);
    ngx_http_sallyport_running_remove(ctx);

    ctx->cut->told = 1;
    ctx->verdict = *verdict;
    ctx->state = NGX_HTTP_SALLYPORT_S_REFUSED;
    ctx->policy = edition;
    edition->refs++;

    if (ngx_http_sallyport_answer(ctx) != NGX_DONE) {
        ngx_http_sallyport_cut_abort(r);
        return;
    }

    ngx_http_run_posted_requests(c);
}


/*
 * NGX_OK: the event has gone out, and nothing comes from the upstream any
 * more; NGX_AGAIN: the client is in the middle of another one; NGX_ERROR: it
 * does not read.
 */

static ngx_int_t
ngx_http_sallyport_cut_tell(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_buf_t                 *b;
    ngx_chain_t                out;
    ngx_http_request_t        *r;
    ngx_http_sallyport_cut_t  *cut;

    r = ctx->request;
    cut = ctx->cut;

    if (r->connection->error || r->buffered || r->connection->buffered
        || r->postponed != NULL || r->blocked || ctx->answered->last)
    {
        return NGX_ERROR;
    }

    if (!ngx_http_sallyport_usage_whole(ctx)) {
        return NGX_AGAIN;
    }

    ngx_http_sallyport_cut_upstream(r);

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = cut->event;
    b->last = b->pos + cut->len;
    b->memory = 1;
    b->flush = 1;

    out.buf = b;
    out.next = NULL;

    if (ngx_http_sallyport_usage_out(r, &out) == NGX_ERROR
        || r->buffered || r->connection->buffered)
    {
        return NGX_ERROR;
    }

    cut->waits = 0;
    cut->told = 1;

    /* a worker that drains does not leave before the next look */

    ngx_add_timer(r->connection->write, 4 * NGX_HTTP_SALLYPORT_LOOK);

    return NGX_OK;
}


/*
 * The upstream's connection ends, the request does not: it is held by its
 * count, which nginx takes back as that of the upstream's part.
 */

static void
ngx_http_sallyport_cut_upstream(ngx_http_request_t *r)
{
    ngx_connection_t     *c;
    ngx_http_upstream_t  *u;

    c = r->connection;
    u = r->upstream;

    /* half an answer is nothing after which another one could come */

    r->keepalive = 0;

    if (u != NULL && u->cleanup != NULL) {
        r->main->count++;
        (*u->cleanup)(r);
    }

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    c->write->delayed = 0;

    /* nobody is there to go on with it, but its client may leave */

    r->write_event_handler = ngx_http_request_empty_handler;
    r->read_event_handler = ngx_http_test_reading;
}


/* The end of the answer is missing, and its client sees that. */

static void
ngx_http_sallyport_cut_abort(ngx_http_request_t *r)
{
    ngx_connection_t  *c, *shared;

    c = r->connection;
    shared = NULL;

#if (NGX_HTTP_V2)
    if (r->stream != NULL) {
        shared = r->stream->connection->connection;
    }
#endif

    ngx_http_sallyport_cut_upstream(r);
    ngx_http_sallyport_cut_reset(r);

    ngx_http_finalize_request(r, NGX_ERROR);
    ngx_http_run_posted_requests(c);

    /* the reset of a stream would wait for what others have to send */

    if (shared != NULL && !shared->destroyed) {
        ngx_post_event(shared->write, &ngx_posted_events);
    }
}


/* Where only the end of the connection ends an answer, it is reset. */

static void
ngx_http_sallyport_cut_reset(ngx_http_request_t *r)
{
    struct linger      linger;
    ngx_connection_t  *c;

    c = r->connection;

#if (NGX_HTTP_V2)
    if (r->stream != NULL) {
        return;
    }
#endif

    if (!r->header_sent || r->chunked
        || r->headers_out.content_length_n != -1)
    {
        return;
    }

    linger.l_onoff = 1;
    linger.l_linger = 0;

    if (setsockopt(c->fd, SOL_SOCKET, SO_LINGER, (const void *) &linger,
                   sizeof(struct linger))
        == -1)
    {
        ngx_log_error(NGX_LOG_ALERT, c->log, ngx_socket_errno,
                      "setsockopt(SO_LINGER) failed");
    }

#if (NGX_SSL)
    if (c->ssl != NULL) {
        c->ssl->no_wait_shutdown = 1;
        c->ssl->no_send_shutdown = 1;
    }
#endif
}

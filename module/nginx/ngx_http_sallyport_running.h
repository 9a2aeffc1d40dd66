
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains requests that were allowed and are under way. They are
 * judged again while they last (running.c), and ended if what was allowed is
 * allowed no more (cut.c).
 *
 * A worker has its own in one list, the one that was looked at longest ago
 * first. All that can change an answer is a word or a count in shared memory:
 * of the policy, of the operator's blocks, and of each record (zone.h). Any
 * worker reads them, one that drains too, so nothing need be sent to it.
 */


#ifndef NGX_HTTP_SALLYPORT_RUNNING_H
#define NGX_HTTP_SALLYPORT_RUNNING_H


#include "ngx_http_sallyport_store.h"


/*
 * What changes is noticed within LOOK, a date that has come within JUDGE and
 * LOOK more; what is noticed ends within WHOLE looks: all in a second.
 */

#define NGX_HTTP_SALLYPORT_LOOK    250    /* ms between two looks at one */
#define NGX_HTTP_SALLYPORT_JUDGE   500    /* ms that one is good unchanged */
#define NGX_HTTP_SALLYPORT_WHOLE   1      /* looks for the end of an event */
#define NGX_HTTP_SALLYPORT_BATCH   256    /* judged in one turn of the loop */


/* Of the request's pool, from the first look on. */

struct ngx_http_sallyport_run_s {
    ngx_http_sallyport_kind_t     stage;     /* record that is looked up */
    ngx_http_sallyport_found_t    found;     /* of one that arrived */
    uint64_t                      sign;      /* of what the last was by */
    uint64_t                      hash[NGX_HTTP_SALLYPORT_KINDS];
    ngx_msec_t                    judged;
    unsigned                      looks:1;   /* not all records are there */
    unsigned                      arrived:1;
};


/* A request that was ended; strings are of the settle record. */

struct ngx_http_sallyport_cut_s {
    sp_str_t                      reason;
    sp_str_t                      rule;
    ngx_uint_t                    looks;     /* that it may still wait for */
    size_t                        len;       /* of the event, 0: none */
    unsigned                      told:1;    /* the client, why */
    unsigned                      waits:1;   /* for the end of an event */
    u_char                        words[2][64];
    u_char                        event[SP_EVENT_MAX];
};


extern ngx_queue_t  ngx_http_sallyport_running;


void ngx_http_sallyport_running_arm(void);

/* The request goes to its upstream; and it is over. */

static ngx_inline void
ngx_http_sallyport_running_add(ngx_http_sallyport_ctx_t *ctx)
{
    if (ngx_queue_empty(&ngx_http_sallyport_running)) {
        ngx_http_sallyport_running_arm();
    }

    ctx->visited = ngx_current_msec;
    ctx->runs = 1;
    ngx_queue_insert_tail(&ngx_http_sallyport_running, &ctx->running);
}


static ngx_inline void
ngx_http_sallyport_running_remove(ngx_http_sallyport_ctx_t *ctx)
{
    if (ctx->runs) {
        ctx->runs = 0;
        ngx_queue_remove(&ctx->running);
    }
}


void ngx_http_sallyport_running_init_process(ngx_cycle_t *cycle);

/* The request is looked at in this turn of the event loop. */
void ngx_http_sallyport_running_soon(ngx_http_sallyport_ctx_t *ctx);


/*
 * cut.c: ends the request by a verdict that refuses it, by "edition". It may
 * be gone afterwards, or be in want of cut_more().
 */
void ngx_http_sallyport_cut(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_edition_t *edition, const sp_verdict_t *verdict);
void ngx_http_sallyport_cut_more(ngx_http_sallyport_ctx_t *ctx);

/*
 * usage.c: what is next of the filters, for an answer that is under way; 1 if
 * what has gone to them ends with the end of an event.
 */
ngx_int_t ngx_http_sallyport_usage_out(ngx_http_request_t *r,
    ngx_chain_t *out);
ngx_uint_t ngx_http_sallyport_usage_whole(ngx_http_sallyport_ctx_t *ctx);


#endif /* NGX_HTTP_SALLYPORT_RUNNING_H */

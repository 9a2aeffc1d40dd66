
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tracker of a store's changes as its files share it:
 * tracker.c (which worker has it, and its connection), push.c (what it is
 * told), canary.c (the proof that nothing is missing) and node.c (what others
 * are told of this node). Private to them.
 *
 * One worker of a node tracks, with two connections: over the first it is told
 * of changes, over the second it writes canaries, which come back over the
 * first. The rest is in ngx_http_sallyport_source.h.
 */


#ifndef NGX_HTTP_SALLYPORT_TRACKER_H
#define NGX_HTTP_SALLYPORT_TRACKER_H


#include "ngx_http_sallyport_store.h"


#define NGX_HTTP_SALLYPORT_PATIENCE     4     /* periods without a canary */
#define NGX_HTTP_SALLYPORT_PUSHED_MAX   65536 /* names told of one by one */
#define NGX_HTTP_SALLYPORT_FENCES       16    /* of one array */
#define NGX_HTTP_SALLYPORT_FENCE_LEN    64
#define NGX_HTTP_SALLYPORT_ACKED        64    /* fences remembered */
#define NGX_HTTP_SALLYPORT_NODE_LEN     64
#define NGX_HTTP_SALLYPORT_NODE_BEAT    2000  /* ms between two entries */
#define NGX_HTTP_SALLYPORT_NODE_LIFE    10000 /* ms that one stays */
#define NGX_HTTP_SALLYPORT_TRY_AGAIN    60000 /* ms after CLIENT TRACKING */
                                              /* was refused */


typedef enum {
    NGX_HTTP_SALLYPORT_CMD_ID = NGX_HTTP_SALLYPORT_CMD_OWN,
    NGX_HTTP_SALLYPORT_CMD_TRACKING,
    NGX_HTTP_SALLYPORT_CMD_SET,       /* the canary */
    NGX_HTTP_SALLYPORT_CMD_WAIT,
    NGX_HTTP_SALLYPORT_CMD_TIME,
    NGX_HTTP_SALLYPORT_CMD_NODE       /* of node.c: answers do not matter */
} ngx_http_sallyport_own_command_t;


typedef enum {
    NGX_HTTP_SALLYPORT_T_CLOSED = 0,
    NGX_HTTP_SALLYPORT_T_ASKED,       /* CLIENT ID, CLIENT TRACKING */
    NGX_HTTP_SALLYPORT_T_SUBSCRIBING,
    NGX_HTTP_SALLYPORT_T_SUBSCRIBED
} ngx_http_sallyport_step_t;


typedef struct {
    uint64_t                      number;    /* of this session */
    uint64_t                      sent;      /* ns */
    ngx_msec_t                    good;      /* when one came back, or arm */
    size_t                        len;
    u_char                        name[NGX_HTTP_SALLYPORT_KEY_MAX];
    unsigned                      pending:1;
    unsigned                      written:1;
    unsigned                      followed:1;   /* by enough replicas */
    unsigned                      returned:1;
} ngx_http_sallyport_canary_t;


struct ngx_http_sallyport_tracker_s {
    void                         *ident[4];  /* of timers: debug log */

    ngx_http_sallyport_store_t   *store;
    ngx_event_t                   tick;
    uint64_t                      session;
    unsigned                      owning:1;
    unsigned                      begun:1;   /* connections are set up */

    ngx_http_sallyport_redis_t    push;
    ngx_http_sallyport_redis_t    canaries;
    ngx_http_sallyport_step_t     step;
    ngx_msec_t                    step_at;
    ngx_msec_t                    idle_at;   /* look-ups had no connection */
    ngx_msec_t                    refused_at;
    ngx_http_sallyport_end_t      cause;     /* of the next break */

    ngx_http_sallyport_canary_t   canary;

    /* of the message that is being read */

    const char                   *why;       /* it cannot go on */
    unsigned                      message:1;
    unsigned                      subscribe:1;
    unsigned                      skip:1;    /* names of too long an array */
    unsigned                      meta:1;
    ngx_uint_t                    nfences;
    struct {
        size_t                    len;
        u_char                    id[NGX_HTTP_SALLYPORT_FENCE_LEN];
    } fences[NGX_HTTP_SALLYPORT_FENCES];

    uint64_t                      acked[NGX_HTTP_SALLYPORT_ACKED];
    ngx_uint_t                    nacked;

    /* of node.c */

    uint64_t                      time;      /* us, the server's, lately */
    ngx_msec_t                    written_at;
    ngx_str_t                     base;      /* "sp:" */
    ngx_str_t                     node;
    u_char                        room[NGX_HTTP_SALLYPORT_PREFIX_MAX + 8];
    u_char                        node_room[NGX_HTTP_SALLYPORT_NODE_LEN];
};


/* tracker.c */

/* From timers and handlers of its connections: the session is over. */
void ngx_http_sallyport_tracker_break(ngx_http_sallyport_tracker_t *tracker,
    ngx_http_sallyport_end_t cause, const char *why);

/* The server will not have it; returns why the connection is closed. */
const char *ngx_http_sallyport_tracker_refused(
    ngx_http_sallyport_tracker_t *tracker, const char *what);


/* push.c */

redisReader *ngx_http_sallyport_push_reader(
    ngx_http_sallyport_tracker_t *tracker);
const char *ngx_http_sallyport_push_feed(ngx_http_sallyport_redis_t *redis,
    size_t n);


/* canary.c */

extern const ngx_http_sallyport_redis_kind_t  ngx_http_sallyport_redis_canary;

/* Each period, while subscribed. */
void ngx_http_sallyport_canary_tick(ngx_http_sallyport_tracker_t *tracker);

/* Begins a session's. */
void ngx_http_sallyport_canary_begin(ngx_http_sallyport_tracker_t *tracker);

/* A name was told of: 1 if it is that of the canary on its way. */
ngx_uint_t ngx_http_sallyport_canary_told(
    ngx_http_sallyport_tracker_t *tracker, const char *name, size_t len);

/* All names of its array have been acted on. */
void ngx_http_sallyport_canary_through(ngx_http_sallyport_tracker_t *tracker);


/* node.c */

void ngx_http_sallyport_node_init(ngx_http_sallyport_tracker_t *tracker);

/* Tells the store of this node, if it is time. */
void ngx_http_sallyport_node_tick(ngx_http_sallyport_tracker_t *tracker);

/* Acknowledges the fences of the array that was read. */
void ngx_http_sallyport_node_ack(ngx_http_sallyport_tracker_t *tracker);


#endif /* NGX_HTTP_SALLYPORT_TRACKER_H */

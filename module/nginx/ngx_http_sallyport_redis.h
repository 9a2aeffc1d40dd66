
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains a connection to Redis, as its files share it: redis.c
 * (its life), endpoint.c (where it goes), greet.c (what is said first),
 * wire.c (commands and replies), command.c and reply.c (bytes). What it is
 * for is its kind's: lookup.c asks for records over one in each worker.
 *
 * hiredis formats commands and parses replies; sockets and timers are
 * nginx's.
 */


#ifndef NGX_HTTP_SALLYPORT_REDIS_H
#define NGX_HTTP_SALLYPORT_REDIS_H


#include "ngx_http_sallyport.h"

#include <hiredis/hiredis.h>


#define NGX_HTTP_SALLYPORT_WIRE        256   /* commands without a reply */
#define NGX_HTTP_SALLYPORT_IN          16384 /* bytes read at once */
#define NGX_HTTP_SALLYPORT_OUT         65536
#define NGX_HTTP_SALLYPORT_REPLY       65536 /* bytes of the longest reply */
#define NGX_HTTP_SALLYPORT_PAIRS       256   /* fields of the largest hash, */
#define NGX_HTTP_SALLYPORT_FIELDS      128   /* and of the largest record */
#define NGX_HTTP_SALLYPORT_PENDING     1048576 /* bytes of blocks */

#define NGX_HTTP_SALLYPORT_HOST_MAX    255   /* bytes of a host's name */

#define NGX_HTTP_SALLYPORT_QUIET       10000 /* ms between two log lines */


typedef struct ngx_http_sallyport_redis_s  ngx_http_sallyport_redis_t;
typedef struct ngx_http_sallyport_place_s  ngx_http_sallyport_place_t;


typedef enum {
    NGX_HTTP_SALLYPORT_CMD_AUTH = 0,
    NGX_HTTP_SALLYPORT_CMD_SELECT,
    NGX_HTTP_SALLYPORT_CMD_SETNAME,
    NGX_HTTP_SALLYPORT_CMD_INFO,
    NGX_HTTP_SALLYPORT_CMD_META,
    NGX_HTTP_SALLYPORT_CMD_RECORD,   /* data: the look-up */
    NGX_HTTP_SALLYPORT_CMD_BLOCK,    /* the operator's blocks */
    NGX_HTTP_SALLYPORT_CMD_OWN       /* + what a kind has of its own */
} ngx_http_sallyport_command_t;


/* One reply, in memory that does not grow. Elements 2n and 2n+1 are pair n. */

typedef enum {
    NGX_HTTP_SALLYPORT_REPLY_NONE = 0,
    NGX_HTTP_SALLYPORT_REPLY_STATUS,
    NGX_HTTP_SALLYPORT_REPLY_ERROR,
    NGX_HTTP_SALLYPORT_REPLY_STRING, /* used bytes of data[] */
    NGX_HTTP_SALLYPORT_REPLY_NUMBER,
    NGX_HTTP_SALLYPORT_REPLY_NIL,
    NGX_HTTP_SALLYPORT_REPLY_ARRAY,
    NGX_HTTP_SALLYPORT_REPLY_LARGE,  /* an array that was not kept */
    NGX_HTTP_SALLYPORT_REPLY_BAD     /* of a kind that nothing asks for */
} ngx_http_sallyport_reply_type_t;


typedef struct {
    ngx_http_sallyport_reply_type_t    type;
    ngx_uint_t                         expected;  /* elements announced */
    ngx_uint_t                         n;         /* elements seen */
    int64_t                            number;
    size_t                             used;
    size_t                             error_len;
    u_char                             error[24]; /* first word of an error */
    sp_pair_t                          pairs[NGX_HTTP_SALLYPORT_PAIRS];
    u_char                             data[NGX_HTTP_SALLYPORT_REPLY];
} ngx_http_sallyport_reply_t;


typedef struct {
    ngx_uint_t                         command;
    void                              *data;      /* of who sent it */
    ngx_msec_t                         sent;
} ngx_http_sallyport_wire_t;


typedef struct {
    ngx_msec_t                         at;
    ngx_uint_t                         once;     /* unsigned  once:1; */
} ngx_http_sallyport_said_t;


/*
 *              connect       connected, secured        meta is there
 *   CLOSED --------------> CONNECTING ----> GREETING ----------------> READY
 *     ^                        |                |                        |
 *     +------------------------+----------------+------------------------+
 *        refused, time-out, error, end of file, a reply that cannot be
 *
 * GREETING has sent AUTH, SELECT, CLIENT SETNAME, INFO and HGETALL of "meta"
 * in one go. Only READY sends what the kind has to send. The way to CLOSED is
 * one function.
 */

typedef enum {
    NGX_HTTP_SALLYPORT_R_CLOSED = 0,
    NGX_HTTP_SALLYPORT_R_CONNECTING,
    NGX_HTTP_SALLYPORT_R_GREETING,
    NGX_HTTP_SALLYPORT_R_READY
} ngx_http_sallyport_redis_state_t;


/*
 * What a kind of connection does, from the event loop. Only "lost" may be
 * followed by another connect; none of them may close the connection, except
 * by the reason it returns, which the log shows.
 */

typedef struct {
    const char    *name;          /* CLIENT SETNAME sallyport-NAME-PID */
    ngx_msec_t     pause_min;     /* ms before it is tried again, doubled */
    ngx_msec_t     pause_max;     /* with each failure up to this */

    /* NULL, or 1 if it is still wanted: asked before each connect */
    ngx_uint_t   (*wanted)(ngx_http_sallyport_redis_t *redis);

    /* "meta" has been read, the first time or again */
    const char  *(*ready)(ngx_http_sallyport_redis_t *redis);

    const char  *(*reply)(ngx_http_sallyport_redis_t *redis,
                          ngx_http_sallyport_wire_t *wire,
                          ngx_http_sallyport_reply_t *reply);

    /* NULL, or takes n bytes of redis->in instead of the wire */
    const char  *(*feed)(ngx_http_sallyport_redis_t *redis, size_t n);

    /* it is CLOSED; "why" is NULL if it ended in peace */
    void         (*lost)(ngx_http_sallyport_redis_t *redis, const char *why);
} ngx_http_sallyport_redis_kind_t;


struct ngx_http_sallyport_redis_s {
    void                              *ident[4];  /* of timers: debug log */

    const ngx_http_sallyport_redis_kind_t
                                      *kind;
    ngx_http_sallyport_store_t        *store;
    void                              *data;      /* of the kind */
    ngx_msec_t                         hard;      /* ms a reply may take */
    ngx_str_t                         *label;     /* of log lines */
    ngx_str_t                          host;      /* where it goes: the name */
                                                  /* that TLS is to prove */
    ngx_queue_t                        asking;    /* endpoint.c has it */
    unsigned                           asked:1;
    unsigned                           sentinel:1;   /* it is no store */

    ngx_http_sallyport_redis_state_t   state;
    ngx_connection_t                  *connection;
    ngx_peer_connection_t              peer;
    ngx_log_t                          log;
    ngx_event_t                        connect;   /* posted, or a timer */
    redisReader                       *reader;
    ngx_http_sallyport_reply_t        *reply;
    u_char                            *in;
    u_char                            *out;
    u_char                            *out_pos;
    u_char                            *out_last;
    size_t                             pending;   /* bytes of one reply */
    ngx_uint_t                         head;      /* of wire[], oldest */
    ngx_uint_t                         nwire;
    ngx_http_sallyport_wire_t          wire[NGX_HTTP_SALLYPORT_WIRE];

    ngx_uint_t                         failures;  /* since it was READY */
    ngx_uint_t                         opened;    /* connects so far */
    ngx_msec_t                         opened_at;
    ngx_msec_t                         answered_at;
    ngx_http_sallyport_said_t          said;      /* that it failed */

    /* what INFO said of the server; "run_id" is 0 if it did not say */
    uint64_t                           run_id;    /* its digits, hashed */
    unsigned                           evicts:1;  /* not "noeviction" */
    unsigned                           foreign:1; /* its data are not ours */

    unsigned                           meta_asked:1;
    unsigned                           feeds:1;   /* kind->feed is in use */
    unsigned                           started:1;
};


/* redis.c */

ngx_int_t ngx_http_sallyport_redis_init(ngx_http_sallyport_redis_t *redis,
    ngx_http_sallyport_store_t *store,
    const ngx_http_sallyport_redis_kind_t *kind, ngx_cycle_t *cycle);

/* From the event loop soon, never from the caller's stack. */
void ngx_http_sallyport_redis_want(ngx_http_sallyport_redis_t *redis);

/* After "ms" at the latest, unless it is connected already. */
void ngx_http_sallyport_redis_later(ngx_http_sallyport_redis_t *redis,
    ngx_msec_t ms);

/*
 * From timers and other connections' handlers only: ends it as if the socket
 * had failed. "why" is logged; NULL: in peace.
 */
void ngx_http_sallyport_redis_end(ngx_http_sallyport_redis_t *redis,
    const char *why);

/* Ends the connection and its timers without telling anybody. */
void ngx_http_sallyport_redis_close(ngx_http_sallyport_redis_t *redis);


/* endpoint.c knows now where to connect; "why" it does not, if not NULL. */
void ngx_http_sallyport_redis_placed(ngx_http_sallyport_redis_t *redis,
    const char *why);

/* tls.c: the handshake is over; "why" it failed, if not NULL. */
void ngx_http_sallyport_redis_secured(ngx_http_sallyport_redis_t *redis,
    const char *why);


/*
 * endpoint.c: where the next connect goes, and redis->host. NGX_AGAIN: that is
 * asked for, and redis_placed() will be called; NGX_ERROR: nobody knows.
 */
ngx_int_t ngx_http_sallyport_endpoint(ngx_http_sallyport_redis_t *redis,
    ngx_addr_t **addr);


/* tls.c */

/* NGX_OK: done, to be verified; NGX_AGAIN: redis_secured() will be called. */
ngx_int_t ngx_http_sallyport_tls_start(ngx_http_sallyport_redis_t *redis);

/* NULL, or why the server is not the one that was meant. */
const char *ngx_http_sallyport_tls_verify(ngx_http_sallyport_redis_t *redis);

/* Before the connection is closed. */
void ngx_http_sallyport_tls_close(ngx_connection_t *c);


/* greet.c */

ngx_int_t ngx_http_sallyport_greet(ngx_http_sallyport_redis_t *redis);

/* Of a command of the greeting. NULL, or why the connection must be closed. */
const char *ngx_http_sallyport_greeted(ngx_http_sallyport_redis_t *redis,
    ngx_http_sallyport_wire_t *wire, ngx_http_sallyport_reply_t *reply);


/* wire.c */

/* NGX_BUSY: the wire is full, try again after the next reply. */
ngx_int_t ngx_http_sallyport_redis_send(ngx_http_sallyport_redis_t *redis,
    ngx_http_sallyport_command_t command, void *data);

/* The same for what a kind has of its own. */
ngx_int_t ngx_http_sallyport_redis_say(ngx_http_sallyport_redis_t *redis,
    ngx_uint_t command, void *data, int argc, const char **argv,
    size_t *lens);

ngx_int_t ngx_http_sallyport_redis_flush(ngx_http_sallyport_redis_t *redis);

/* Takes n bytes of redis.in. NULL, or why the connection must be closed. */
const char *ngx_http_sallyport_redis_parse(ngx_http_sallyport_redis_t *redis,
    size_t n);

/* Arms the timer for the oldest command; an idle connection has none. */
void ngx_http_sallyport_redis_watch(ngx_http_sallyport_redis_t *redis);


/* command.c: appends one to what is to be sent. NGX_BUSY: no room. */

ngx_int_t ngx_http_sallyport_command_write(ngx_http_sallyport_redis_t *redis,
    ngx_http_sallyport_command_t command, void *data);
ngx_int_t ngx_http_sallyport_command_argv(ngx_http_sallyport_redis_t *redis,
    int argc, const char **argv, size_t *lens);


/* reply.c */

redisReader *ngx_http_sallyport_reply_reader(
    ngx_http_sallyport_reply_t *reply);

/* 1 if the reader's object is the reply, and all of it is there. */
ngx_uint_t ngx_http_sallyport_reply_whole(ngx_http_sallyport_reply_t *reply,
    void *object);

/* 1 if it is an error whose first word is "word". */
ngx_uint_t ngx_http_sallyport_reply_error(ngx_http_sallyport_reply_t *reply,
    const char *word);


#endif /* NGX_HTTP_SALLYPORT_REDIS_H */

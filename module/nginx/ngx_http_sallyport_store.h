
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the files of the store room share: store.c and
 * option.c (the directive), lookup.c and fetch.c (who waits for which
 * record, and what they get), redis.c, wire.c, command.c and reply.c (the
 * connection). Private to them.
 */


#ifndef NGX_HTTP_SALLYPORT_STORE_H
#define NGX_HTTP_SALLYPORT_STORE_H


#include "ngx_http_sallyport_zone.h"

#include <hiredis/hiredis.h>


#define NGX_HTTP_SALLYPORT_LOOKUPS     512   /* at once, a worker and store */
#define NGX_HTTP_SALLYPORT_UNKNOWN     64    /* of them for uncached keys */
#define NGX_HTTP_SALLYPORT_WIRE        256   /* commands without a reply */
#define NGX_HTTP_SALLYPORT_CHAINS      256   /* of the table of look-ups */

#define NGX_HTTP_SALLYPORT_IN          16384 /* bytes read at once */
#define NGX_HTTP_SALLYPORT_OUT         65536
#define NGX_HTTP_SALLYPORT_REPLY       65536 /* bytes of the longest reply */
#define NGX_HTTP_SALLYPORT_PAIRS       128   /* fields of the largest hash */

#define NGX_HTTP_SALLYPORT_PREFIX_MAX  128   /* bytes */
#define NGX_HTTP_SALLYPORT_SECRET_MAX  512   /* bytes of a password */
#define NGX_HTTP_SALLYPORT_KEY_MAX     256   /* prefix, kind and id */

#define NGX_HTTP_SALLYPORT_RETRY       1000  /* ms between two connects */
#define NGX_HTTP_SALLYPORT_QUIET       10000 /* ms between two log lines */


typedef struct ngx_http_sallyport_lookup_s  ngx_http_sallyport_lookup_t;


typedef union {
    sp_key_t                           key;
    sp_account_t                       account;
} ngx_http_sallyport_record_t;


typedef enum {
    NGX_HTTP_SALLYPORT_CMD_AUTH = 0,
    NGX_HTTP_SALLYPORT_CMD_SELECT,
    NGX_HTTP_SALLYPORT_CMD_SETNAME,
    NGX_HTTP_SALLYPORT_CMD_META,
    NGX_HTTP_SALLYPORT_CMD_RECORD
} ngx_http_sallyport_command_t;


/*
 * A look-up is in the table from its start until its reply, or until it
 * failed without one. "queue" links it where its state says.
 */

typedef enum {
    NGX_HTTP_SALLYPORT_L_FREE = 0,
    NGX_HTTP_SALLYPORT_L_QUEUED,     /* known or unknown queue */
    NGX_HTTP_SALLYPORT_L_SENT,       /* has a slot on the wire */
    NGX_HTTP_SALLYPORT_L_DOUBTED     /* empty reply, "meta" is asked for */
} ngx_http_sallyport_lookup_state_t;


struct ngx_http_sallyport_lookup_s {
    ngx_queue_t                        queue;
    ngx_queue_t                        active;   /* by deadline; if !late */
    ngx_queue_t                        waiters;
    ngx_http_sallyport_lookup_t       *next;     /* in its chain */
    ngx_http_sallyport_cache_id_t      cid;      /* cid.id is "id" below */
    ngx_http_sallyport_lookup_state_t  state;
    ngx_msec_t                         started;
    ngx_msec_t                         sent;
    unsigned                           unknown:1;
    unsigned                           late:1;   /* waiters were told */
    u_char                             id[SP_ID_LEN];
};


/* One reply, in memory that does not grow. Elements 2n and 2n+1 are pair n. */

typedef enum {
    NGX_HTTP_SALLYPORT_REPLY_NONE = 0,
    NGX_HTTP_SALLYPORT_REPLY_STATUS,
    NGX_HTTP_SALLYPORT_REPLY_ERROR,
    NGX_HTTP_SALLYPORT_REPLY_ARRAY,
    NGX_HTTP_SALLYPORT_REPLY_BAD     /* of a kind that nothing asked for */
} ngx_http_sallyport_reply_type_t;


typedef struct {
    ngx_http_sallyport_reply_type_t    type;
    ngx_uint_t                         expected;  /* elements announced */
    ngx_uint_t                         n;         /* elements seen */
    size_t                             used;
    size_t                             error_len;
    u_char                             error[24]; /* first word of an error */
    sp_pair_t                          pairs[NGX_HTTP_SALLYPORT_PAIRS];
    u_char                             data[NGX_HTTP_SALLYPORT_REPLY];
} ngx_http_sallyport_reply_t;


typedef struct {
    ngx_http_sallyport_command_t       command;
    ngx_http_sallyport_lookup_t       *lookup;    /* of CMD_RECORD */
    ngx_msec_t                         sent;
} ngx_http_sallyport_wire_t;


/*
 *              connect            connected            meta is there
 *   CLOSED --------------> CONNECTING ----> GREETING ----------------> READY
 *     ^                        |                |                        |
 *     +------------------------+----------------+------------------------+
 *        refused, time-out, error, end of file, a reply that cannot be
 *
 * GREETING has sent AUTH, SELECT, CLIENT SETNAME and HGETALL of "meta" in
 * one go. Only READY sends look-ups. The way to CLOSED is one function.
 */

typedef enum {
    NGX_HTTP_SALLYPORT_R_CLOSED = 0,
    NGX_HTTP_SALLYPORT_R_CONNECTING,
    NGX_HTTP_SALLYPORT_R_GREETING,
    NGX_HTTP_SALLYPORT_R_READY
} ngx_http_sallyport_redis_state_t;


typedef struct {
    ngx_http_sallyport_redis_state_t   state;
    ngx_connection_t                  *connection;
    ngx_peer_connection_t              peer;
    ngx_log_t                          log;
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
    unsigned                           meta_asked:1;
} ngx_http_sallyport_redis_t;


/* One line a while of each kind, so that none hides the others. */

typedef enum {
    NGX_HTTP_SALLYPORT_SAY_STORE = 0,  /* it cannot be reached or believed */
    NGX_HTTP_SALLYPORT_SAY_ERROR,      /* it answered a look-up with one */
    NGX_HTTP_SALLYPORT_SAY_RECORD,     /* a record is invalid or too old */
    NGX_HTTP_SALLYPORT_SAYS
} ngx_http_sallyport_say_t;


typedef struct {
    ngx_msec_t                         at;
    ngx_uint_t                         once;     /* unsigned  once:1; */
} ngx_http_sallyport_said_t;


struct ngx_http_sallyport_store_s {
    void                              *ident[4];  /* of timers: debug log */

    ngx_str_t                          name;      /* host:port/db, no secret */
    ngx_str_t                          prefix;
    ngx_str_t                          user;
    ngx_str_t                          password;
    ngx_str_t                          db;        /* digits */
    ngx_array_t                        args;      /* as written: same store */
    ngx_addr_t                        *addrs;
    ngx_uint_t                         naddrs;
    ngx_msec_t                         ttl;
    ngx_msec_t                         timeout;   /* of a look-up */
    ngx_msec_t                         hard;      /* of a command */
    ngx_uint_t                         unit_rate; /* a second */
    ngx_uint_t                         unit_burst;
    ngx_uint_t                         total_rate;
    ngx_http_sallyport_main_conf_t    *smcf;

    /* of one worker, from init_process on */

    ngx_http_sallyport_zone_t         *zone;
    uint64_t                           tag;
    ngx_http_sallyport_lookup_t       *lookups;   /* NULL: not started */
    ngx_http_sallyport_lookup_t       *chains[NGX_HTTP_SALLYPORT_CHAINS];
    ngx_queue_t                        idle;      /* look-ups not in use */
    ngx_queue_t                        known;     /* to be sent, first */
    ngx_queue_t                        unknown;   /* to be sent, then */
    ngx_queue_t                        doubted;
    ngx_queue_t                        active;    /* oldest first */
    ngx_uint_t                         nunknown;
    ngx_event_t                        deadline;  /* of the oldest active */
    ngx_event_t                        connect;   /* posted, or a timer */
    ngx_uint_t                         failures;  /* since it last answered */
    ngx_uint_t                         opened;    /* connects so far */
    ngx_http_sallyport_said_t          said[NGX_HTTP_SALLYPORT_SAYS];
    ngx_msec_t                         opened_at;
    ngx_msec_t                         answered_at;
    ngx_http_sallyport_redis_t         redis;
};


/* redis.c */

ngx_int_t ngx_http_sallyport_redis_init(ngx_http_sallyport_store_t *store,
    ngx_cycle_t *cycle);

/* From the event loop soon, never from the caller's stack. */
void ngx_http_sallyport_redis_want(ngx_http_sallyport_store_t *store);

/* Ends the connection without telling anybody. */
void ngx_http_sallyport_redis_close(ngx_http_sallyport_store_t *store);


/* wire.c */

/* NGX_BUSY: the wire is full, try again after the next reply. */
ngx_int_t ngx_http_sallyport_redis_send(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_command_t command, ngx_http_sallyport_lookup_t *lookup);

ngx_int_t ngx_http_sallyport_redis_flush(ngx_http_sallyport_store_t *store);

/* Takes n bytes of redis.in. NULL, or why the connection must be closed. */
const char *ngx_http_sallyport_redis_parse(ngx_http_sallyport_store_t *store,
    size_t n);

/* Arms the timer for the oldest command; an idle connection has none. */
void ngx_http_sallyport_redis_watch(ngx_http_sallyport_store_t *store);


/* command.c: appends one to what is to be sent. NGX_BUSY: no room. */

ngx_int_t ngx_http_sallyport_command_write(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_command_t command, ngx_http_sallyport_lookup_t *lookup);


/* reply.c */

redisReader *ngx_http_sallyport_reply_reader(
    ngx_http_sallyport_reply_t *reply);

/* 1 if the reader's object is the reply, and all of it is there. */
ngx_uint_t ngx_http_sallyport_reply_whole(ngx_http_sallyport_reply_t *reply,
    void *object);


/* option.c: NAME=VALUE of the directive. */

ngx_int_t ngx_http_sallyport_store_option(ngx_conf_t *cf,
    ngx_http_sallyport_store_t *store, ngx_str_t *value);
ngx_int_t ngx_http_sallyport_store_db(ngx_str_t *s);


/* store.c */

/* 1 if a line was logged lately, and the next one must wait. */
ngx_uint_t ngx_http_sallyport_store_quiet(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_say_t say);

/* 1 if a line may be logged now: the caller logs it. */
ngx_uint_t ngx_http_sallyport_store_loud(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_say_t say);


/* lookup.c */

ngx_int_t ngx_http_sallyport_lookup_init(ngx_http_sallyport_store_t *store,
    ngx_cycle_t *cycle);
void ngx_http_sallyport_lookup_pump(ngx_http_sallyport_store_t *store);
void ngx_http_sallyport_lookup_finish(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_lookup_t *lookup, ngx_http_sallyport_found_t found,
    const void *record, int64_t age);

/* "keep": it has a place on the wire, or among the doubted, and stays there. */
void ngx_http_sallyport_lookup_fail(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_lookup_t *lookup, ngx_uint_t keep);

/* The connection is gone: fails whatever waits or is on the wire. */
void ngx_http_sallyport_lookup_lost(ngx_http_sallyport_store_t *store);


/* fetch.c */

/* NGX_ERROR: the connection must be closed. */
ngx_int_t ngx_http_sallyport_lookup_reply(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_lookup_t *lookup, ngx_http_sallyport_reply_t *reply);

/* "meta" was there when it was asked for again: the doubted are missing. */
void ngx_http_sallyport_lookup_sure(ngx_http_sallyport_store_t *store);


#endif /* NGX_HTTP_SALLYPORT_STORE_H */

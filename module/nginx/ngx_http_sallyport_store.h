
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the files of the store room share: store.c and
 * option.c (the directive), lookup.c and fetch.c (who waits for which
 * record, and what they get). Private to them and to the connection
 * (ngx_http_sallyport_redis.h).
 */


#ifndef NGX_HTTP_SALLYPORT_STORE_H
#define NGX_HTTP_SALLYPORT_STORE_H


#include "ngx_http_sallyport_place.h"
#include "ngx_http_sallyport_tls.h"
#include "ngx_http_sallyport_zone.h"


#define NGX_HTTP_SALLYPORT_LOOKUPS     512   /* at once, a worker and store */
#define NGX_HTTP_SALLYPORT_UNKNOWN     64    /* of them for uncached keys */
#define NGX_HTTP_SALLYPORT_CHAINS      256   /* of the table of look-ups */
#define NGX_HTTP_SALLYPORT_AGAIN       2     /* times for who came too late */

#define ngx_http_sallyport_ns(ms)  ((uint64_t) (ms) * 1000000)

#define NGX_HTTP_SALLYPORT_PREFIX_MAX  128   /* bytes */
#define NGX_HTTP_SALLYPORT_SECRET_MAX  512   /* bytes of a password */
#define NGX_HTTP_SALLYPORT_KEY_MAX     288   /* prefix, kind and id */



typedef struct ngx_http_sallyport_lookup_s   ngx_http_sallyport_lookup_t;
typedef struct ngx_http_sallyport_file_s     ngx_http_sallyport_file_t;
typedef struct ngx_http_sallyport_tracker_s  ngx_http_sallyport_tracker_t;


/* tracking=...; what is not AUTO never becomes polled, or is always. */

#define NGX_HTTP_SALLYPORT_TRACKING_AUTO  0
#define NGX_HTTP_SALLYPORT_TRACKING_ON    1
#define NGX_HTTP_SALLYPORT_TRACKING_OFF   2


typedef union {
    sp_key_t                           key;
    sp_account_t                       account;
} ngx_http_sallyport_record_t;


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
    ngx_queue_t                        joiners;  /* since it is outdated */
    ngx_http_sallyport_lookup_t       *next;     /* in its chain */
    ngx_http_sallyport_cache_id_t      cid;      /* cid.id is "id" below */
    ngx_http_sallyport_lookup_state_t  state;
    ngx_msec_t                         started;
    ngx_http_sallyport_stamp_t         stamp;    /* of when it was sent */
    ngx_uint_t                         again;    /* times sent for joiners */
    unsigned                           unknown:1;
    unsigned                           late:1;   /* waiters were told */
    u_char                             id[SP_CUSTOMER_NAME_LEN];
};


/* What those who wait are told. */

typedef struct {
    ngx_http_sallyport_found_t         found;
    ngx_http_sallyport_trust_t         trust;
    const void                        *record;   /* of FOUND */
    int64_t                            age;      /* ms; -1: none */
} ngx_http_sallyport_result_t;


/* One line a while of each kind, so that none hides the others. */

typedef enum {
    NGX_HTTP_SALLYPORT_SAY_STORE = 0,  /* it cannot be reached or believed */
    NGX_HTTP_SALLYPORT_SAY_ERROR,      /* it answered a look-up with one */
    NGX_HTTP_SALLYPORT_SAY_RECORD,     /* a record is invalid or too old */
    NGX_HTTP_SALLYPORT_SAY_POLLED,     /* its changes are not heard of */
    NGX_HTTP_SALLYPORT_SAY_EVICTS,     /* it may drop records */
    NGX_HTTP_SALLYPORT_SAY_SKEW,       /* its clock is another */
    NGX_HTTP_SALLYPORT_SAYS
} ngx_http_sallyport_say_t;


struct ngx_http_sallyport_store_s {
    void                              *ident[4];  /* of timers: debug log */

    ngx_str_t                          name;      /* host:port/db, no secret */
    ngx_str_t                          prefix;
    ngx_str_t                          user;
    ngx_str_t                          password;
    ngx_str_t                          db;        /* digits */
    ngx_array_t                        args;      /* as written: same store */
    ngx_http_sallyport_place_t        *place;     /* NULL: it is a file */
    ngx_http_sallyport_tls_t          *tls;
    ngx_msec_t                         ttl;       /* where it is polled */
    ngx_msec_t                         lease;     /* S: of what is tracked */
    ngx_msec_t                         canary;    /* p: between two canaries */
    ngx_uint_t                         quorum;    /* replicas that have one */
    ngx_uint_t                         tracking;  /* ..._TRACKING_AUTO */
    ngx_msec_t                         timeout;   /* of a look-up */
    ngx_msec_t                         hard;      /* of a command */
    ngx_uint_t                         unit_rate; /* a second */
    ngx_uint_t                         unit_burst;
    ngx_uint_t                         total_rate;
    ngx_http_sallyport_main_conf_t    *smcf;
    ngx_http_sallyport_file_t         *file;      /* NULL: it is a Redis */

    /* of one worker, from init_process on */

    ngx_http_sallyport_zone_t         *zone;
    ngx_http_sallyport_block_t        *block;     /* of control.h */
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
    ngx_http_sallyport_said_t          said[NGX_HTTP_SALLYPORT_SAYS];
    ngx_http_sallyport_redis_t         redis;     /* for look-ups */
    ngx_http_sallyport_source_t       *source;    /* in the zone */
    ngx_http_sallyport_tracker_t      *tracker;
};


/* option.c: NAME=VALUE of the directive. */

ngx_int_t ngx_http_sallyport_store_option(ngx_conf_t *cf,
    ngx_http_sallyport_store_t *store, ngx_str_t *value);
ngx_int_t ngx_http_sallyport_store_db(ngx_str_t *s);


/* store.c */

/* The fallback, loudly: "what" is refused, so records live for "ttl". */
void ngx_http_sallyport_store_poll(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_polled_t why, const char *what);

/* 1 if a line may be logged now: the caller logs it. */
ngx_uint_t ngx_http_sallyport_store_loud(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_say_t say);


/* The primary is another server: connections to the old one end. */
void ngx_http_sallyport_store_moved(ngx_http_sallyport_store_t *store);

/* What the store's records have in the zone that no other store's have. */
uint64_t ngx_http_sallyport_store_tag(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_zone_t *zone);


/* file.c: a store that is a file. */

ngx_int_t ngx_http_sallyport_file_create(ngx_conf_t *cf,
    ngx_http_sallyport_store_t *store);
ngx_int_t ngx_http_sallyport_file_init_process(ngx_cycle_t *cycle,
    ngx_http_sallyport_store_t *store);
void ngx_http_sallyport_file_exit_process(ngx_http_sallyport_store_t *store);
ngx_uint_t ngx_http_sallyport_file_up(ngx_http_sallyport_store_t *store);

/* As ngx_http_sallyport_record_get(), without WAIT; "room" has the record. */
ngx_http_sallyport_found_t ngx_http_sallyport_file_get(
    ngx_http_sallyport_store_t *store, ngx_http_sallyport_kind_t kind,
    ngx_str_t *id, void *room, const void **record, int64_t *age_ms,
    ngx_http_sallyport_waiter_t *waiter);


/* tracker.c */

ngx_int_t ngx_http_sallyport_tracker_init(ngx_http_sallyport_store_t *store,
    ngx_cycle_t *cycle);
void ngx_http_sallyport_tracker_exit(ngx_http_sallyport_store_t *store);

/* The store can be asked: if nobody tracks it yet, this worker may. */
void ngx_http_sallyport_tracker_wake(ngx_http_sallyport_store_t *store);


/* record.c */

/*
 * What a record in the zone is worth when the store gave none ("found"). One
 * that refuses is obeyed. Another may be used for as long as the policy says,
 * if nothing tells that it has changed.
 */
void ngx_http_sallyport_lookup_old(ngx_http_sallyport_store_t *store,
    const void *record, ngx_http_sallyport_cached_t *cached, uint64_t now,
    ngx_http_sallyport_found_t found, ngx_http_sallyport_result_t *result);


/* lookup.c */

/* WAIT, or FAILED if the look-up is refused. */
ngx_http_sallyport_found_t ngx_http_sallyport_lookup_join(
    ngx_http_sallyport_store_t *store, ngx_http_sallyport_cache_id_t *cid,
    ngx_uint_t known, const sp_addr_t *unit,
    ngx_http_sallyport_waiter_t *waiter);

ngx_int_t ngx_http_sallyport_lookup_init(ngx_http_sallyport_store_t *store,
    ngx_cycle_t *cycle);
void ngx_http_sallyport_lookup_pump(ngx_http_sallyport_store_t *store);

void ngx_http_sallyport_lookup_finish(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_lookup_t *lookup,
    const ngx_http_sallyport_result_t *result);

/* "keep": it has a place on the wire, or among the doubted, and stays there. */
void ngx_http_sallyport_lookup_fail(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_lookup_t *lookup, ngx_uint_t keep);

/* The connection is gone: fails whatever waits or is on the wire. */
void ngx_http_sallyport_lookup_lost(ngx_http_sallyport_store_t *store);


/* fetch.c */

/* What a connection for look-ups does. */
extern const ngx_http_sallyport_redis_kind_t  ngx_http_sallyport_redis_data;

/* NGX_ERROR: the connection must be closed. */
ngx_int_t ngx_http_sallyport_lookup_reply(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_lookup_t *lookup, ngx_http_sallyport_reply_t *reply);

/* "meta" was there when it was asked for again: the doubted are missing. */
void ngx_http_sallyport_lookup_sure(ngx_http_sallyport_store_t *store);


#endif /* NGX_HTTP_SALLYPORT_STORE_H */

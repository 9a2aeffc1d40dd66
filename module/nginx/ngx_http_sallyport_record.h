
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains records as other rooms ask for them: the store room
 * answers from shared memory, else asks Redis. Part of ngx_http_sallyport.h,
 * which has the types that it needs.
 */


#ifndef NGX_HTTP_SALLYPORT_RECORD_H
#define NGX_HTTP_SALLYPORT_RECORD_H


typedef enum {
    NGX_HTTP_SALLYPORT_KEY = 0,     /* id is a kid; record is sp_key_t */
    NGX_HTTP_SALLYPORT_ACCOUNT,     /* id is an account; sp_account_t */
    NGX_HTTP_SALLYPORT_CUSTOMER,    /* id is RESELLER:CUSTOMER; the same */
    NGX_HTTP_SALLYPORT_KINDS
} ngx_http_sallyport_kind_t;


typedef enum {
    NGX_HTTP_SALLYPORT_FOUND = 0,
    NGX_HTTP_SALLYPORT_MISSING,     /* the store answered: no such record */
    NGX_HTTP_SALLYPORT_INVALID,     /* it is there, but cannot be read */
    NGX_HTTP_SALLYPORT_FAILED,      /* the store could not be asked */
    NGX_HTTP_SALLYPORT_WAIT         /* the handler will be called */
} ngx_http_sallyport_found_t;


/* How far a record may be trusted; the worse of two is the greater. */

typedef enum {
    NGX_HTTP_SALLYPORT_NONE = 0,    /* there is no record */
    NGX_HTTP_SALLYPORT_FRESH,       /* nothing newer, or within the lease */
    NGX_HTTP_SALLYPORT_STALE,       /* the store cannot be asked: the policy */
                                    /* says for how long that may do */
    NGX_HTTP_SALLYPORT_STICKY       /* nor here, but the record refuses */
} ngx_http_sallyport_trust_t;


typedef struct ngx_http_sallyport_waiter_s  ngx_http_sallyport_waiter_t;

/*
 * Called once, from the event loop, for a lookup that had to wait. "record"
 * (FOUND only) is valid during the call. Must not run the phases itself.
 */
typedef void (*ngx_http_sallyport_found_pt)(ngx_http_sallyport_waiter_t *waiter,
    ngx_http_sallyport_found_t found, const void *record, int64_t age_ms);


/* A record in the zone as it was found: unless "hash" is 0. */
typedef struct {
    uint64_t                      hash;
    uint64_t                      writes;    /* of zone.h; odd: not known */
    uint64_t                      asked;     /* of the store, and in which */
    uint64_t                      epoch;     /* epoch: see source.h */
} ngx_http_sallyport_seen_t;


struct ngx_http_sallyport_waiter_s {
    ngx_queue_t                   queue;     /* of the store room */
    ngx_http_sallyport_found_pt   handler;
    void                         *data;
    ngx_uint_t                    waiting;   /* unsigned  waiting:1; */
    ngx_http_sallyport_trust_t    trust;     /* of what was FOUND */
    uint64_t                      slot;      /* of a cached answer; or 0: */
    uint64_t                      seq;       /* equal pairs, equal records */
    ngx_http_sallyport_kept_t    *kept[NGX_HTTP_SALLYPORT_KINDS]; /* held, */
    ngx_http_sallyport_seen_t     seen[NGX_HTTP_SALLYPORT_KINDS]; /* found */
    ngx_http_sallyport_print_t    account;   /* that the key names, or that */
                                             /* was asked for; 0: not known */
};


/*
 * Looks a record up at "now", ngx_http_sallyport_clock(), which is of no
 * earlier turn of the event loop. FOUND: waiter->trust and *record set, to "room" or to what is held for the
 * waiter until ngx_http_sallyport_record_release(); *age_ms set. WAIT: "waiter"
 * (handler and data set by the caller) is queued until its handler is called
 * or ngx_http_sallyport_record_cancel(). "unit" is the client's look-up unit
 * (/32, /64): unknown keys are rate-limited by it.
 */
ngx_http_sallyport_found_t ngx_http_sallyport_record_get(
    ngx_http_sallyport_store_t *store, ngx_http_sallyport_kind_t kind,
    ngx_str_t *id, const sp_addr_t *unit, void *room, const void **record,
    int64_t *age_ms, ngx_http_sallyport_waiter_t *waiter, uint64_t now,
    ngx_log_t *log);

void ngx_http_sallyport_record_cancel(ngx_http_sallyport_waiter_t *waiter);

/* Records that were found for the waiter must not be looked at any more. */
void ngx_http_sallyport_record_release(ngx_http_sallyport_waiter_t *waiter);

/* Directive parser of sallyport_store; NULL and a message on refusal. */
ngx_http_sallyport_store_t *ngx_http_sallyport_store_create(ngx_conf_t *cf,
    ngx_http_sallyport_main_conf_t *smcf);

/* 1 if the store has answered lately: for metrics, never for health. */
ngx_uint_t ngx_http_sallyport_store_up(ngx_http_sallyport_store_t *store);

ngx_int_t ngx_http_sallyport_store_init_process(ngx_cycle_t *cycle,
    ngx_http_sallyport_store_t *store);
void ngx_http_sallyport_store_exit_process(ngx_http_sallyport_store_t *store);


/* store_metrics.c */
size_t ngx_http_sallyport_stores_metrics_size(ngx_array_t *stores);
u_char *ngx_http_sallyport_stores_metrics(u_char *p, ngx_array_t *stores);

/* A request was allowed by a record that the store could not confirm. */
void ngx_http_sallyport_store_stale(ngx_http_sallyport_store_t *store);


#endif /* NGX_HTTP_SALLYPORT_RECORD_H */

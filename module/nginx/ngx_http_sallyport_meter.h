
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the layout of the meters' shared memory, and the calls
 * into it. Private to the meter, journal, held and limit rooms.
 *
 * It is a segment of its own beside the zone, a quarter as large, and is
 * written under the zone's mutex, so that buckets there and tallies here are
 * debited together. A tally is what a budget or concurrency has in use, with
 * the identity's print and the end of its window; it is idle, and may be taken
 * over, once that is over or nothing is under way.
 *
 *   table     share  holds
 *   ACCOUNT     35%  tallies by key, account and tier
 *   OTHER       15%  other tallies: addresses, networks, models, customers
 *   SIGNALS     20%  countries of keys
 *   JOURNAL     30%  what requests under way hold
 *
 * The journal has an entry for each request that must be settled, with the
 * process slot of its worker. Whoever finds that worker dead, or silent for
 * longer than the lease, settles the entry in its place: slots are given back,
 * reservations are charged as they were made.
 *
 * All words of one change are written down first ("redo") and then applied,
 * so that a worker that is killed in between leaves either all or nothing:
 * who takes the mutex next completes what was written down whole.
 */


#ifndef NGX_HTTP_SALLYPORT_METER_H
#define NGX_HTTP_SALLYPORT_METER_H


#include "ngx_http_sallyport_zone.h"
#include "sp_meter.h"


#define NGX_HTTP_SALLYPORT_METER_MAGIC   0x53504d54u   /* "SPMT" */
#define NGX_HTTP_SALLYPORT_METER_LAYOUT  2
#define NGX_HTTP_SALLYPORT_METER_MIN     (512 * 1024)

#define NGX_HTTP_SALLYPORT_DEBITS_MAX    128  /* of one request; more refuse */
#define NGX_HTTP_SALLYPORT_HOLDS         6    /* of one journal entry */
#define NGX_HTTP_SALLYPORT_REDO_MAX      1024 /* words of one change */
#define NGX_HTTP_SALLYPORT_LEASE         60000   /* ms without a sign of life */
#define NGX_HTTP_SALLYPORT_BEAT          1000    /* ms between two */

#define NGX_HTTP_SALLYPORT_NOBODY        0xffffffffu


typedef enum {
    NGX_HTTP_SALLYPORT_M_ACCOUNT = 0,
    NGX_HTTP_SALLYPORT_M_OTHER,
    NGX_HTTP_SALLYPORT_M_SIGNALS,
    NGX_HTTP_SALLYPORT_M_TABLES
} ngx_http_sallyport_meter_table_t;


typedef struct {
    uint64_t                      value;    /* units in use */
    int64_t                       until;    /* unix seconds, exclusive */
    uint64_t                      h[2];
} ngx_http_sallyport_tally_t;


/* What one debit of a request under way holds. */
typedef struct {
    uint64_t                      h[2];
    uint64_t                      amount;   /* units */
    int64_t                       until;    /* of the tally */
    uint64_t                      limit;    /* of a rate, with the period */
    uint32_t                      period;   /* s */
    uint8_t                       window;   /* sp_window_t */
    uint8_t                       meter;    /* sp_meter_t */
    uint8_t                       other;    /* of the tables: not ACCOUNT's */
    uint8_t                       unused;
} ngx_http_sallyport_hold_t;


typedef struct {
    uint64_t                      serial;   /* 0: free */
    uint64_t                      next;     /* of the request, or free */
    uint64_t                      owner;    /* process slot */
    uint64_t                      head;     /* 1: the request's first */
    uint64_t                      n;        /* holds */
    ngx_http_sallyport_hold_t     hold[NGX_HTTP_SALLYPORT_HOLDS];
} ngx_http_sallyport_entry_t;


/* A process slot: who is in it, and when it was last heard of. */
typedef struct {
    uint64_t                      pid;
    uint64_t                      seen;     /* ms, monotonic */
    uint64_t                      open;     /* entries */
} ngx_http_sallyport_owner_t;


typedef struct {
    uint64_t                      where;    /* offset from the segment; bit */
    uint64_t                      value;    /* 63: from the zone */
} ngx_http_sallyport_word_t;


/* In units of the meter: reserved = settled + refunded, once all is over. */
typedef struct {
    uint64_t                      reserved;
    uint64_t                      settled;  /* of what was reserved */
    uint64_t                      refunded;
    uint64_t                      over;     /* beyond what was reserved */
} ngx_http_sallyport_sums_t;


/* Where one key was seen lately: signal.c. */
#define NGX_HTTP_SALLYPORT_SEEN  26

typedef struct {
    uint64_t                      h[2];
    uint64_t                      n;
    uint16_t                      code[NGX_HTTP_SALLYPORT_SEEN];
    uint16_t                      minute[NGX_HTTP_SALLYPORT_SEEN];
                                            /* monotonic, modulo 2^16 */
} ngx_http_sallyport_signal_t;


typedef struct {
    uint32_t                      magic;
    uint32_t                      layout;
    uint64_t                      size;
    ngx_http_sallyport_table_t    tables[NGX_HTTP_SALLYPORT_M_TABLES];
    uint64_t                      journal;  /* offset */
    uint64_t                      nentries;
    uint64_t                      free;     /* first free entry, or NOBODY */
    uint64_t                      serial;   /* last given */
    uint64_t                      opened;   /* requests */
    uint64_t                      closed;
    uint64_t                      orphans;  /* closed in a worker's place */
    uint64_t                      full;     /* journal or table had no room */
    uint64_t                      passed;   /* of those: on_full: allow */
    uint64_t                      seen;     /* changes of M_SIGNALS */
    ngx_http_sallyport_sums_t     sums[SP_METERS];
    ngx_http_sallyport_owner_t    owners[NGX_MAX_PROCESSES];

    uint64_t                      nredo;    /* words to be applied, or 0 */
    ngx_http_sallyport_word_t     redo[NGX_HTTP_SALLYPORT_REDO_MAX];
} ngx_http_sallyport_meters_sh_t;


struct ngx_http_sallyport_meters_s {
    ngx_http_sallyport_meters_sh_t  *sh;
    ngx_shm_zone_t                  *shm_zone;

    /* of the worker */
    ngx_uint_t                       nwords;  /* of the change being made */
    ngx_uint_t                       broken;  /* it was too large */
    ngx_event_t                      beat;
    ngx_connection_t                 conn;    /* for the timer's debug log */
    ngx_http_sallyport_zone_t       *zone;
};


/* One debit of a request: of a bucket in the zone, or of a tally here. */

typedef struct {
    ngx_http_sallyport_debit_t    bucket;   /* of SP_WINDOW_RATE */
    ngx_http_sallyport_tally_t   *tally;    /* of the others; of take() */
    uint64_t                      cost;     /* units; 0: nothing to debit */
    uint64_t                      limit;
    uint64_t                      delay;    /* ns that it may be held */
    uint64_t                      wait;     /* of take(): until it has room */
    int64_t                       until;
    uint32_t                      period;
    uint8_t                       window;
    uint8_t                       meter;
    uint8_t                       on_full;
    uint8_t                       other;
    unsigned                      settles:1;  /* it is not over with this */
    unsigned                      full:1;   /* of take() */
} ngx_http_sallyport_meter_debit_t;


typedef struct {
    uint64_t                      serial;   /* 0: nothing is held */
    uint32_t                      entry;    /* the first */
} ngx_http_sallyport_holding_t;


/*
 * meter.c
 */

char *ngx_http_sallyport_meter_create(ngx_conf_t *cf, size_t size,
    ngx_http_sallyport_zone_t *zone);

/*
 * Debits all or nothing, as ngx_http_sallyport_take() does; "delay": what it
 * may wait for is debited too, and *hold set to the ns that the request must
 * be held. Entries are made in the journal where "held" is not NULL. Returns
 * the longest wait in ns with its index in *which; UINT64_MAX: no time helps.
 */
uint64_t ngx_http_sallyport_meter_take(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_meter_debit_t *debits, ngx_uint_t n, ngx_uint_t test,
    ngx_uint_t *which, uint64_t *hold, ngx_http_sallyport_holding_t *held);

/* Under the zone's mutex: the tally of a print, or NULL. */
ngx_http_sallyport_tally_t *ngx_http_sallyport_tally_find(
    ngx_http_sallyport_zone_t *zone, ngx_uint_t other, const uint64_t h[2]);

static ngx_inline u_char *
ngx_http_sallyport_meter_set(ngx_http_sallyport_meters_sh_t *sh,
    ngx_http_sallyport_meter_table_t id, uint64_t hash)
{
    const ngx_http_sallyport_table_t  *table;

    table = &sh->tables[id];

    return (u_char *) sh + table->offset
           + (((hash >> 32) * table->nsets) >> 32) * table->set;
}


/*
 * limit.c: under the zone's mutex, the bucket of a print, or NULL; and as it
 * stands there.
 */
ngx_http_sallyport_bucket_t *ngx_http_sallyport_bucket_known(
    ngx_http_sallyport_zone_t *zone, ngx_http_sallyport_table_id_t table,
    const uint64_t h[2]);
uint64_t ngx_http_sallyport_bucket_find(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_debit_t *debits, ngx_uint_t n, uint64_t now);


/*
 * journal.c
 */

void ngx_http_sallyport_meter_lock(ngx_http_sallyport_zone_t *zone);

/*
 * Changes are made between these two; what is read has the old value, apart
 * from what redo_value() says.
 */
void ngx_http_sallyport_redo(ngx_http_sallyport_zone_t *zone, void *word,
    uint64_t value);
uint64_t ngx_http_sallyport_redo_value(ngx_http_sallyport_zone_t *zone,
    uint64_t *word);
void ngx_http_sallyport_redo_add(ngx_http_sallyport_zone_t *zone,
    uint64_t *word, uint64_t more);

/* NGX_ERROR: the change was too large, and nothing was changed. */
ngx_int_t ngx_http_sallyport_meter_unlock(ngx_http_sallyport_zone_t *zone);

/* Under the mutex: writes the holds of a request down. */
ngx_int_t ngx_http_sallyport_journal_open(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_meter_debit_t *debits, ngx_uint_t n,
    ngx_http_sallyport_holding_t *held);

/*
 * Settles once: amounts are what each hold costs in the end, in the order of
 * the debits whose cost was not 0; NULL charges what is held.
 */
void ngx_http_sallyport_journal_settle(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_holding_t *held, const uint64_t *amounts,
    ngx_uint_t n);

ngx_int_t ngx_http_sallyport_journal_init_process(ngx_cycle_t *cycle,
    ngx_http_sallyport_zone_t *zone);
void ngx_http_sallyport_journal_exit_process(ngx_http_sallyport_zone_t *zone);


/*
 * signal.c: sets key.country_count, if the policy reads it. With "take" the
 * key was found, and this request counts; NGX_DECLINED: without it, the
 * request must go that way.
 */
ngx_int_t ngx_http_sallyport_signal(ngx_http_sallyport_ctx_t *ctx,
    ngx_uint_t take);


/*
 * limits.c: content handler of sallyport_limits, and of who stands in for it.
 */
ngx_int_t ngx_http_sallyport_limits_handler(ngx_http_request_t *r);

/* status.c: sends a body that is whole. */
ngx_int_t ngx_http_sallyport_status_send(ngx_http_request_t *r,
    ngx_uint_t status, const char *type, ngx_str_t *body);

/* limit.c: the print of a throttle's window. */
void ngx_http_sallyport_limit_rule(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_edition_t *policy, const sp_apply_t *apply,
    ngx_http_sallyport_print_t *print);


/*
 * limit_headers.c
 */

/* Of a throttle's answer; and how long it says to wait, in ms. */
ngx_int_t ngx_http_sallyport_limit_headers(ngx_http_sallyport_ctx_t *ctx,
    sp_dialect_t dialect);
uint32_t ngx_http_sallyport_limit_wait(uint32_t wait_ms);

/* answer.c: one header line of the answer. */
ngx_int_t ngx_http_sallyport_printf(ngx_http_request_t *r, const char *name,
    const char *fmt, ...);


/*
 * meter_report.c
 */

size_t ngx_http_sallyport_meter_metrics_size(ngx_http_sallyport_zone_t *zone);
u_char *ngx_http_sallyport_meter_metrics(u_char *p,
    ngx_http_sallyport_zone_t *zone);


/*
 * held.c: the requests' side.
 */

/* What ctx->held is: how the request's debits will be settled. */
struct ngx_http_sallyport_held_s {
    ngx_http_sallyport_zone_t       *zone;
    ngx_http_sallyport_holding_t     holding;
    ngx_uint_t                       n;       /* holds */
    sp_throttle_t                   *throttles;   /* of each hold */
    ngx_uint_t                       nprices;
    sp_price_t                      *prices;  /* of the request's models */
    sp_use_t                         ahead;   /* what it might have used */
    uint64_t                         delay;   /* ns to be held yet */
    unsigned                         estimated:1;
    unsigned                         waits:1;
};

/* The throttles of a verdict of which not all are rates of requests. */
void ngx_http_sallyport_held_limit(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_ctx_t *ctx, ngx_uint_t test);

/* The request is over: what it used is charged. Does nothing twice. */
void ngx_http_sallyport_held_settle(ngx_http_sallyport_ctx_t *ctx);

/* NGX_AGAIN: the request is held, and the phases run again later. */
ngx_int_t ngx_http_sallyport_held_delay(ngx_http_sallyport_ctx_t *ctx);

/* settle.c: times that the request reached an upstream. */
ngx_uint_t ngx_http_sallyport_settle_attempted(ngx_http_sallyport_ctx_t *ctx);

/* limit.c: the table and print of what a throttle counts by. */
ngx_int_t ngx_http_sallyport_limit_debits(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_ctx_t *ctx, ngx_uint_t which,
    ngx_http_sallyport_debit_t *debits, ngx_uint_t *n);


#endif /* NGX_HTTP_SALLYPORT_METER_H */

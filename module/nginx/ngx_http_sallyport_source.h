
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what all workers know of a server that records come
 * from: whether its changes reach this node, up to when they are known to
 * have reached it, and so which of the cached records may be used. It lies in
 * the zone; tracker.c writes it, whoever looks a record up reads it.
 *
 *   epoch   a time without gaps in which each change was heard of. An entry
 *           of the cache belongs to the one in which it was read. Numbers are
 *           never used again in a zone's life.
 *   fresh   F: when the last canary was sent that came back. What was written
 *           to the server before it has been heard of.
 *   broken  the epoch that ended with its connection, and its F, frozen:
 *           entries of it are as good as they were then. Until the next one
 *           is LIVE: then the server can be asked again.
 *
 * An entry of epoch E may be used at time t by a lease S
 *   if E is the epoch, the source is LIVE and  t - fresh <= S, or
 *   if E is "broken" and  t - broken_fresh <= S.
 *
 * All times are ns of CLOCK_BOOTTIME: they go on while a host is suspended.
 * Writers hold shpool->mutex. Readers take a view first and look at entries
 * then: a change that comes in between is seen in the entry, and a view that
 * is too old only asks the server once more.
 */


#ifndef NGX_HTTP_SALLYPORT_SOURCE_H
#define NGX_HTTP_SALLYPORT_SOURCE_H


#include "ngx_http_sallyport.h"


#define NGX_HTTP_SALLYPORT_SOURCES    32    /* servers of one zone */
#define NGX_HTTP_SALLYPORT_GENS       4096  /* a power of two */
#define NGX_HTTP_SALLYPORT_PAST       64    /* epochs whose end is known */
#define NGX_HTTP_SALLYPORT_CANARIES   10    /* buckets of their histogram */

/* In the place of an entry's epoch; real ones are greater. */
#define NGX_HTTP_SALLYPORT_E_CHANGED  0     /* the server has another by now */
#define NGX_HTTP_SALLYPORT_E_NONE     1     /* read in no epoch */


typedef enum {
    NGX_HTTP_SALLYPORT_DOWN = 0,
    NGX_HTTP_SALLYPORT_ARMED,    /* subscribed: nothing is missed any more */
    NGX_HTTP_SALLYPORT_LIVE      /* and a canary came back */
} ngx_http_sallyport_live_t;


/* Why an epoch ended: what sallyport_epoch_total counts. */

typedef enum {
    NGX_HTTP_SALLYPORT_END_START = 0,  /* of a tracker: a new one begins */
    NGX_HTTP_SALLYPORT_END_LOST,       /* connection lost */
    NGX_HTTP_SALLYPORT_END_CANARY,     /* it did not come back in time */
    NGX_HTTP_SALLYPORT_END_QUORUM,     /* too few replicas have it */
    NGX_HTTP_SALLYPORT_END_ERROR,      /* it could not be written */
    NGX_HTTP_SALLYPORT_END_READONLY,   /* the server is no primary any more */
    NGX_HTTP_SALLYPORT_END_META,       /* other data, or none */
    NGX_HTTP_SALLYPORT_END_FLUSH,      /* everything changed */
    NGX_HTTP_SALLYPORT_END_OWNER,      /* the worker that tracked died */
    NGX_HTTP_SALLYPORT_END_HANDOVER,   /* or ended in peace */
    NGX_HTTP_SALLYPORT_ENDS
} ngx_http_sallyport_end_t;


/* Why records are polled instead of tracked. */

typedef enum {
    NGX_HTTP_SALLYPORT_TRACKED = 0,
    NGX_HTTP_SALLYPORT_POLLED_OFF,     /* tracking=off */
    NGX_HTTP_SALLYPORT_POLLED_INFO,    /* the server does not say who it is */
    NGX_HTTP_SALLYPORT_POLLED_REFUSED  /* it has no CLIENT TRACKING for us */
} ngx_http_sallyport_polled_t;


/* Why an answer was not cached: sallyport_insert_refused_total. */

typedef enum {
    NGX_HTTP_SALLYPORT_REFUSED_GEN = 0,
    NGX_HTTP_SALLYPORT_REFUSED_EPOCH,
    NGX_HTTP_SALLYPORT_REFUSED_RUN_ID,
    NGX_HTTP_SALLYPORT_REFUSALS
} ngx_http_sallyport_refusal_t;


typedef struct {
    /* one line, which every request reads */

    _Alignas(64)
    uint64_t                      word;       /* epoch << 2 | live */
    uint64_t                      fresh;
    uint64_t                      broken;     /* 0: there is none */
    uint64_t                      broken_fresh;
    uint64_t                      polled;     /* ngx_http_sallyport_polled_t */
    uint64_t                      run_id;     /* of the tracked server */
    uint64_t                      proven;     /* see ..._trusted() */
    uint64_t                      barred;     /* 1: the server is none to ask */

    uint64_t                      tag;        /* of the store; 0: free */
    uint64_t                      dataset;    /* hash of meta's; 0: none yet */
    uint64_t                      term;       /* of meta */

    /* the worker that tracks */

    uint64_t                      session;    /* grows with each */
    uint64_t                      beat;       /* when it was seen last */
    ngx_pid_t                     owner;      /* 0: nobody */

    /* what operators and other rooms read */

    uint64_t                      others;     /* changed names that are no */
                                              /* records: "block" and its kin */
    int64_t                       skew;       /* us, the server's clock - ours */
    uint64_t                      invalidated;
    uint64_t                      fences;
    uint64_t                      rollbacks;
    uint64_t                      stales;
    uint64_t                      ended[NGX_HTTP_SALLYPORT_ENDS];
    uint64_t                      refused[NGX_HTTP_SALLYPORT_REFUSALS];
    uint64_t                      canary[NGX_HTTP_SALLYPORT_CANARIES + 1];
    uint64_t                      canary_us;  /* sum */

    struct {
        uint64_t                  epoch;
        uint64_t                  fresh;
    } past[NGX_HTTP_SALLYPORT_PAST];
} ngx_http_sallyport_source_t;


/* us; of the histogram of how long canaries were on their way. */
extern const uint64_t
    ngx_http_sallyport_canary_bounds[NGX_HTTP_SALLYPORT_CANARIES];


/* What a look-up may go by. */

typedef struct {
    uint64_t                      now;
    uint64_t                      word;
    uint64_t                      epoch;      /* of good entries; 0: of none */
    uint64_t                      fresh;
    uint64_t                      broken;     /* the same, of before */
    uint64_t                      broken_fresh;
    uint64_t                      ttl;        /* ns; 0: it is tracked */
} ngx_http_sallyport_view_t;


/* What an answer was asked for under: taken before the command is sent. */

typedef struct {
    uint64_t                      word;
    uint64_t                      asked;
    uint32_t                      gen;
} ngx_http_sallyport_stamp_t;


/* "lease" and "ttl" in ns. */

static ngx_inline void
ngx_http_sallyport_view(ngx_http_sallyport_source_t *source, uint64_t now,
    uint64_t lease, uint64_t ttl, ngx_http_sallyport_view_t *view)
{
    uint64_t  word;

    view->now = now;
    view->epoch = 0;
    view->broken = 0;

    word = __atomic_load_n(&source->word, __ATOMIC_ACQUIRE);

    view->fresh = __atomic_load_n(&source->fresh, __ATOMIC_ACQUIRE);
    view->ttl = source->polled ? ttl : 0;
    view->word = word;

    if ((word & 3) == NGX_HTTP_SALLYPORT_LIVE
        && (int64_t) (now - view->fresh) <= (int64_t) lease)
    {
        view->epoch = word >> 2;
    }

    if (source->broken != 0) {
        view->broken_fresh = source->broken_fresh;

        if ((int64_t) (now - view->broken_fresh) <= (int64_t) lease) {
            view->broken = __atomic_load_n(&source->broken, __ATOMIC_ACQUIRE);
        }
    }

    /* "fresh" and "broken" are of this epoch and of no later one */

    if (__atomic_load_n(&source->word, __ATOMIC_ACQUIRE) != word) {
        view->epoch = 0;
        view->broken = 0;
    }
}


/*
 * 1 if an entry may be used as if the server had been asked; *since: all that
 * was written before it is in there.
 */

static ngx_inline ngx_uint_t
ngx_http_sallyport_fresh(const ngx_http_sallyport_view_t *view,
    uint64_t epoch, uint64_t asked, uint64_t *since)
{
    *since = asked;

    if (view->ttl != 0) {
        return (int64_t) (view->now - asked) < (int64_t) view->ttl;
    }

    if (epoch <= NGX_HTTP_SALLYPORT_E_NONE) {
        return 0;
    }

    if (epoch == view->epoch) {
        *since = ngx_max(asked, view->fresh);
        return 1;
    }

    if (epoch == view->broken) {
        *since = ngx_max(asked, view->broken_fresh);
        return 1;
    }

    return 0;
}


/* ms; workers read their clocks at slightly different times. */

static ngx_inline int64_t
ngx_http_sallyport_since(uint64_t now, uint64_t since)
{
    return ngx_max((int64_t) (now - since), 0) / 1000000;
}


/* source.c */

/* Of a store's tag: the one it has, or a free one. NULL: there is none. */
ngx_http_sallyport_source_t *ngx_http_sallyport_source_claim(
    ngx_http_sallyport_zone_t *zone, uint64_t tag);

/* When an epoch's last canary was sent; 0 if it is not known any more. */
uint64_t ngx_http_sallyport_source_past(ngx_http_sallyport_source_t *source,
    uint64_t epoch);

/*
 * 1 if what the server answers now may allow: it is a primary as far as is
 * known and, by "quorum", has replicas that follow it.
 */
ngx_uint_t ngx_http_sallyport_source_trusted(
    ngx_http_sallyport_source_t *source, uint64_t now, uint64_t lease,
    ngx_uint_t quorum);

/*
 * What a tracker does to it. All but the first return NGX_DECLINED if another
 * worker has taken over since: then nothing was changed.
 */

/* NGX_OK: ours from now on, as *session; NGX_BUSY: another worker's. */
ngx_int_t ngx_http_sallyport_source_own(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_source_t *source, uint64_t now, uint64_t patience,
    uint64_t *session);

/* Says that we are there. */
ngx_int_t ngx_http_sallyport_source_beat(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_source_t *source, uint64_t session, uint64_t now);

/* T3: subscribed. */
ngx_int_t ngx_http_sallyport_source_arm(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_source_t *source, uint64_t session, uint64_t run_id);

/* T6: a canary that was sent at "sent" came back. */
ngx_int_t ngx_http_sallyport_source_live(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_source_t *source, uint64_t session, uint64_t sent);

/* T7: everything may have changed. */
ngx_int_t ngx_http_sallyport_source_flush(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_source_t *source, uint64_t session);

/* T8: what comes is not heard of any more. */
ngx_int_t ngx_http_sallyport_source_down(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_source_t *source, uint64_t session,
    ngx_http_sallyport_end_t why);

/* T8, and somebody else may own it. */
void ngx_http_sallyport_source_leave(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_source_t *source, uint64_t session);

/*
 * NGX_OK if the server's "meta" is of the data that the cache holds, or of
 * newer ones by its term, which ends the epoch. NGX_DECLINED: of others.
 */
ngx_int_t ngx_http_sallyport_source_meta(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_source_t *source, uint64_t dataset, uint64_t term);

/* An answer shows that the server went back in time. */
void ngx_http_sallyport_source_rollback(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_source_t *source);


#endif /* NGX_HTTP_SALLYPORT_SOURCE_H */

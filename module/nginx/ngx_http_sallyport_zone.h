
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the layout of the shared zone and the calls into its
 * tables. Private to the zone, cache, limit and store rooms.
 *
 * The zone is one block, cut into tables when it is created; nothing grows
 * or moves afterwards. A table is an array of sets of eight slots; in the
 * record tables the eight hashes stand before them, in one cache line:
 *
 *   table    share  slot  holds
 *   KEYS       20%   256  key records, packed
 *   ACCOUNTS   30%   512  account records, packed
 *   LARGE      12%  4096  records of any kind that fit no smaller slot
 *   TOMB        2%    32  versions of records that refused, lately
 *   NEGATIVE    6%    40  ids that the store does not know
 *   IDENTITY   16%    24  buckets of limits by key or account
 *   ADDRESS     8%    24  buckets of other limits
 *   LOOKUP      6%    24  buckets of the look-up rate by address
 *
 * Nothing that an unauthenticated client sends writes to the first four
 * tables or to IDENTITY, so a flood of made-up keys evicts no account.
 *
 * Writers hold shpool->mutex, which the master frees if a worker dies with
 * it. Readers of records take no lock: "seq" is odd while a slot is written,
 * and "sum" covers the rest. What does not verify is a miss.
 */


#ifndef NGX_HTTP_SALLYPORT_ZONE_H
#define NGX_HTTP_SALLYPORT_ZONE_H


#include "ngx_http_sallyport_source.h"


#define NGX_HTTP_SALLYPORT_ZONE_MAGIC    0x53505a4fu   /* "SPZO" */
#define NGX_HTTP_SALLYPORT_ZONE_LAYOUT   5             /* grows with each */
#define NGX_HTTP_SALLYPORT_ZONE_MIN      (1024 * 1024)
#define NGX_HTTP_SALLYPORT_WAYS          8
#define NGX_HTTP_SALLYPORT_LINE          64            /* bytes, cache line */
#define NGX_HTTP_SALLYPORT_WRITES        4096          /* a power of two */


typedef enum {
    NGX_HTTP_SALLYPORT_T_KEYS = 0,
    NGX_HTTP_SALLYPORT_T_ACCOUNTS,
    NGX_HTTP_SALLYPORT_T_LARGE,
    NGX_HTTP_SALLYPORT_T_TOMB,
    NGX_HTTP_SALLYPORT_T_NEGATIVE,
    NGX_HTTP_SALLYPORT_T_IDENTITY,
    NGX_HTTP_SALLYPORT_T_ADDRESS,
    NGX_HTTP_SALLYPORT_T_LOOKUP,
    NGX_HTTP_SALLYPORT_TABLES
} ngx_http_sallyport_table_id_t;


typedef struct {
    uint64_t                      offset;   /* from the header */
    uint32_t                      nsets;
    uint32_t                      set;      /* bytes, tags included */
    uint32_t                      slot;     /* bytes */
    uint32_t                      tags;     /* bytes before the first slot */
} ngx_http_sallyport_table_t;


typedef union {
    ngx_atomic_t                  value;
    u_char                        line[NGX_HTTP_SALLYPORT_LINE];
} ngx_http_sallyport_counter_line_t;


typedef struct {
    uint32_t                      magic;
    uint32_t                      layout;
    uint64_t                      size;     /* of the zone, as configured */
    u_char                        key[16];
    u_char                        twin[16]; /* of the second hash */
    ngx_http_sallyport_table_t    tables[NGX_HTTP_SALLYPORT_TABLES];
    ngx_http_sallyport_counter_line_t  lane;
    ngx_http_sallyport_counter_line_t  counters[NGX_HTTP_SALLYPORT_COUNTERS];

    /*
     * Writes of records, by their hash, so that whoever holds copies need not
     * go to the slots: odd while one is under way, or was cut short.
     */
    uint64_t                      writes[NGX_HTTP_SALLYPORT_WRITES];

    /*
     * Changes of records that the store told of, by their hash: an answer
     * that was asked for before one must not be cached after it.
     */
    uint32_t                      gens[NGX_HTTP_SALLYPORT_GENS];
    uint64_t                      epochs;   /* given so far, see source.h */
    ngx_http_sallyport_source_t   sources[NGX_HTTP_SALLYPORT_SOURCES];
    ngx_uint_t                    mutations; /* see below; 0 */
} ngx_http_sallyport_zone_sh_t;


struct ngx_http_sallyport_zone_s {
    ngx_http_sallyport_zone_sh_t *sh;
    ngx_slab_pool_t              *shpool;
    ngx_shm_zone_t               *shm_zone;
    ngx_http_sallyport_meters_t  *meters;
};


/*
 * Parts of the cache's protocol that can be switched off, in builds made with
 * SALLYPORT_MUTATE only, to see that a test of it can fail.
 */

#define NGX_HTTP_SALLYPORT_M_GEN     0x1   /* cached in spite of a change */
#define NGX_HTTP_SALLYPORT_M_EPOCH   0x2   /* an epoch never ends */
#define NGX_HTTP_SALLYPORT_M_CANARY  0x4   /* always fresh while subscribed */

#if (SALLYPORT_MUTATE)
#define ngx_http_sallyport_mutant(zone, m)  ((zone)->sh->mutations & (m))
#else
#define ngx_http_sallyport_mutant(zone, m)  0
#endif


/* Of any bytes, by two keyed hashes whose keys nobody outside knows. */
void ngx_http_sallyport_print(ngx_http_sallyport_zone_t *zone,
    const void *data, size_t len, ngx_http_sallyport_print_t *print);


/* The finaliser of MurmurHash3 (A. Appleby): no two words give the same. */

static ngx_inline uint64_t
ngx_http_sallyport_mix(uint64_t h)
{
    h = (h ^ h >> 33) * 0xff51afd7ed558ccdull;
    h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53ull;

    return h ^ h >> 33;
}


/*
 * Of a kid, at a fraction of the price: it is the output of a keyed hash
 * already, so nobody can choose where it falls. Each half of the print takes
 * half of the digits.
 */

static ngx_inline void
ngx_http_sallyport_print_kid(const u_char kid[SP_KID_LEN],
    ngx_http_sallyport_print_t *print)
{
    uint64_t  w[4];

    ngx_memcpy(w, kid, SP_KID_LEN);

    print->h[0] = ngx_http_sallyport_mix(w[0] ^ ngx_http_sallyport_mix(w[1]));
    print->h[1] = ngx_http_sallyport_mix(w[2] ^ ngx_http_sallyport_mix(w[3]));
}


/*
 * Makes the print of two identities in this order out of theirs. Both are
 * known to nobody outside, and spread over all bits.
 */

static ngx_inline void
ngx_http_sallyport_print_add(ngx_http_sallyport_print_t *print,
    const ngx_http_sallyport_print_t *other)
{
    print->h[0] = ngx_http_sallyport_mix(print->h[0] ^ other->h[0]);
    print->h[1] = ngx_http_sallyport_mix(print->h[1] ^ other->h[1]);
}


/* The set of a hash: its tags, if the table has them, then its slots. */

static ngx_inline u_char *
ngx_http_sallyport_zone_set(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_table_id_t id, uint64_t hash)
{
    uint64_t                           set;
    const ngx_http_sallyport_table_t  *table;

    table = &zone->sh->tables[id];

    /* maps the upper half evenly on 0 .. nsets - 1 */

    set = ((hash >> 32) * table->nsets) >> 32;

    return (u_char *) zone->sh + table->offset + set * table->set;
}


/* The count of writes that a record's are counted in. */

static ngx_inline uint64_t *
ngx_http_sallyport_writes(ngx_http_sallyport_zone_t *zone, uint64_t hash)
{
    return &zone->sh->writes[hash & (NGX_HTTP_SALLYPORT_WRITES - 1)];
}


/* The count of changes that a record's are counted in. */

static ngx_inline uint32_t *
ngx_http_sallyport_gen(ngx_http_sallyport_zone_t *zone, uint64_t hash)
{
    return &zone->sh->gens[hash & (NGX_HTTP_SALLYPORT_GENS - 1)];
}


/*
 * What a slot of a record begins with, and may be read without the rest. The
 * last two are set anew when the store gives the same record again; the epoch
 * is E_CHANGED as soon as it is known to have another.
 */

typedef struct {
    uint64_t                      seq;      /* odd while it is written */
    uint64_t                      asked;    /* ns, see source.h */
    uint64_t                      epoch;
} ngx_http_sallyport_slot_head_t;


/* 1 if nobody has written the record since it was seen. */

static ngx_inline ngx_uint_t
ngx_http_sallyport_unwritten(ngx_http_sallyport_zone_t *zone,
    const ngx_http_sallyport_seen_t *seen)
{
    return seen->hash != 0 && !(seen->writes & 1)
           && __atomic_load_n(ngx_http_sallyport_writes(zone, seen->hash),
                              __ATOMIC_ACQUIRE)
              == seen->writes;
}


/*
 * cache.c
 */

/* Names a record of one store; "id" is not copied. */
typedef struct {
    uint64_t                      hash;
    ngx_http_sallyport_print_t    print;    /* of the id */
    uint64_t                      store;    /* tag of the store */
    const u_char                 *id;
    size_t                        len;      /* 1..SP_CUSTOMER_NAME_LEN */
    ngx_http_sallyport_kind_t     kind;
} ngx_http_sallyport_cache_id_t;


typedef struct {
    uint64_t                      asked;    /* ns, see source.h */
    uint64_t                      epoch;
    uint64_t                      ver;
    uint64_t                      slot;     /* place in the zone, and what */
    uint64_t                      seq;      /* it held: together one filling */
    ngx_http_sallyport_print_t    account;  /* that a key names */
    ngx_http_sallyport_seen_t     seen;
    ngx_http_sallyport_kept_t    *kept;     /* that has it, or NULL */
    unsigned                      denies:1; /* obeyed however old */
    unsigned                      spent:1;  /* no longer fresh at any age */
} ngx_http_sallyport_cached_t;


/* What an answer may do to the cache: it is of this source, if it is of one. */

typedef struct {
    ngx_http_sallyport_source_t  *source;   /* NULL: it is polled */
    ngx_http_sallyport_stamp_t    stamp;
    uint64_t                      run_id;   /* of who answered */
} ngx_http_sallyport_answer_t;


/* Sets the hash; and the print, unless "print" has it already. */
void ngx_http_sallyport_cache_id(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_cache_id_t *cid,
    const ngx_http_sallyport_print_t *print);

/*
 * The record, whatever its age; NULL if there is none. It is in "room", or in
 * cached->kept: until the next call, or as long as that is held.
 */
const void *ngx_http_sallyport_cache_get(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_cache_id_t *cid, void *room,
    ngx_http_sallyport_cached_t *cached);


/*
 * NGX_BUSY: the record may be used but not cached: it has changed since, or
 * another one is there that is known better. NGX_DECLINED: a higher version
 * was known, and this record does not deny, so it was not taken. NGX_ABORT: a
 * higher version has refused since this one was asked for, and it may not be
 * used. NGX_ERROR: it fits no slot.
 */
ngx_int_t ngx_http_sallyport_cache_put(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_cache_id_t *cid, const void *record,
    ngx_http_sallyport_answer_t *answer);

/* The store no longer has it: kept for its version and a denial only. */
void ngx_http_sallyport_cache_spend(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_cache_id_t *cid);

/* T5: the store has another one by now, or none. */
void ngx_http_sallyport_cache_changed(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_cache_id_t *cid);

/*
 * Under the lock. The epoch that what was answered belongs to, E_NONE if to no
 * one that is known of, E_CHANGED if the record has changed since.
 */
uint64_t ngx_http_sallyport_answer_epoch(ngx_http_sallyport_zone_t *zone,
    uint64_t hash, ngx_http_sallyport_answer_t *answer);

/* Before the command is sent; "source" is NULL if it is polled. */
void ngx_http_sallyport_stamp(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_source_t *source, uint64_t hash,
    ngx_http_sallyport_stamp_t *stamp);

/* 1 if what was asked for then may not be what it is now. */
ngx_uint_t ngx_http_sallyport_outdated(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_source_t *source, uint64_t hash,
    const ngx_http_sallyport_stamp_t *stamp);


/*
 * tomb.c: under the lock. The highest version known to have refused; 0: none.
 */

uint64_t ngx_http_sallyport_tomb_get(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_cache_id_t *cid);
void ngx_http_sallyport_tomb_put(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_cache_id_t *cid, uint64_t ver);


/*
 * kept.c
 */

/* NULL: it is not kept, or the zone has another one by now. */
const void *ngx_http_sallyport_kept_get(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_cache_id_t *cid, ngx_http_sallyport_cached_t *cached);

/* Room for a record, which counts from kept_set() on; NULL if it is held. */
void *ngx_http_sallyport_kept_room(ngx_http_sallyport_cache_id_t *cid,
    ngx_http_sallyport_kept_t **kept);
void ngx_http_sallyport_kept_set(ngx_http_sallyport_kept_t *kept,
    ngx_http_sallyport_zone_t *zone, ngx_http_sallyport_cache_id_t *cid,
    ngx_http_sallyport_cached_t *cached);

/* Holds it for the waiter instead of what was held; NULL: nothing. */
void ngx_http_sallyport_kept_hold(ngx_http_sallyport_waiter_t *waiter,
    ngx_http_sallyport_kind_t kind, ngx_http_sallyport_kept_t *kept);


/*
 * sum.c: finds torn writes and damage; n is a multiple of 8.
 */

uint64_t ngx_http_sallyport_sum(const u_char *p, size_t n);

/* The same of bytes that are copied on the way: others may change them. */
uint64_t ngx_http_sallyport_sum_copy(u_char *to, const u_char *p, size_t n);


/*
 * negative.c
 */

/* 1 if the store has no such record, as far as the view goes. */
ngx_uint_t ngx_http_sallyport_negative_get(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_cache_id_t *cid, const ngx_http_sallyport_view_t *view,
    uint64_t ttl);
void ngx_http_sallyport_negative_put(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_cache_id_t *cid, ngx_http_sallyport_answer_t *answer);

/* Under the lock. */
void ngx_http_sallyport_negative_forget(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_cache_id_t *cid);


/*
 * kind.c
 */

/* 1 if the record refuses by itself: it is obeyed without the store. */
const char *ngx_http_sallyport_kind_name(ngx_http_sallyport_kind_t kind);
const char *ngx_http_sallyport_kind_prefix(ngx_http_sallyport_kind_t kind);
ngx_uint_t ngx_http_sallyport_record_denies(ngx_http_sallyport_kind_t kind,
    const void *record);
uint64_t ngx_http_sallyport_record_ver(ngx_http_sallyport_kind_t kind,
    const void *record);

/* The bytes, or 0: it does not fit. */
size_t ngx_http_sallyport_record_pack(ngx_http_sallyport_kind_t kind,
    const void *record, u_char *p, size_t max);
ngx_int_t ngx_http_sallyport_record_unpack(ngx_http_sallyport_kind_t kind,
    void *record, u_char *p, size_t len);


/*
 * limit.c
 */

typedef struct {
    uint64_t                      tat;      /* ns; first: see take() */
    uint64_t                      h[2];
} ngx_http_sallyport_bucket_t;


typedef struct {
    ngx_http_sallyport_print_t    print;
    ngx_http_sallyport_table_id_t table;
    uint64_t                      interval; /* ns */
    uint64_t                      tolerance;
    ngx_http_sallyport_bucket_t  *bucket;   /* of take() */
    uint64_t                      next;     /* of take() */
} ngx_http_sallyport_debit_t;


/*
 * Tests n buckets and, if all have room and "test" is 0, debits them all.
 * Returns 0, or the longest wait in ns with its index in *which.
 */
uint64_t ngx_http_sallyport_take(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_debit_t *debits, ngx_uint_t n, ngx_uint_t test,
    ngx_uint_t *which);


#endif /* NGX_HTTP_SALLYPORT_ZONE_H */

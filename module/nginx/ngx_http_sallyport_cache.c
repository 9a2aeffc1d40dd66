
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the record cache in the shared zone: key and account
 * records in packed form.
 *
 * A slot is read without a lock. The reader copies it, and takes the copy if
 * "seq" was even and the same before and after, if the sum is right and if
 * the whole id is the one asked for. A worker killed while it writes leaves
 * "seq" odd; the next writer of the set takes that slot first.
 *
 * A record that the store gives again unchanged is no write: only the time at
 * which it was asked for is set, and copies of it stay good.
 */


#include "ngx_http_sallyport_zone.h"


/* The sum is of what stands behind it. */

typedef struct {
    ngx_http_sallyport_slot_head_t
                                  head;
    uint64_t                      sum;
    uint64_t                      hash;
    uint64_t                      store;
    uint64_t                      ver;
    ngx_http_sallyport_print_t    account;  /* that a key names */
    uint16_t                      len;      /* bytes of the packed record */
    uint8_t                       id_len;
    uint8_t                       kind;
    uint8_t                       denies;
    uint8_t                       spent;
    uint8_t                       unused[2];
} ngx_http_sallyport_slot_t;


#define NGX_HTTP_SALLYPORT_SLOT_MAX   4096
#define NGX_HTTP_SALLYPORT_READ_TRIES 4

_Static_assert(sizeof(ngx_http_sallyport_slot_t) + SP_ID_LEN
               + SP_ACCOUNT_PACKED_MAX <= NGX_HTTP_SALLYPORT_SLOT_MAX,
               "the largest account fits a slot");

#define ngx_http_sallyport_slot_size(id_len, len)                             \
    ngx_align(sizeof(ngx_http_sallyport_slot_t) + (id_len) + (len), 8)

#define NGX_HTTP_SALLYPORT_SUMMED                                             \
    offsetof(ngx_http_sallyport_slot_t, hash)

#define ngx_http_sallyport_slot_sum(p, size)                                  \
    ngx_http_sallyport_sum((p) + NGX_HTTP_SALLYPORT_SUMMED,                   \
                           (size) - NGX_HTTP_SALLYPORT_SUMMED)


static const void *ngx_http_sallyport_cache_decode(
    ngx_http_sallyport_zone_t *zone, ngx_http_sallyport_cache_id_t *cid,
    void *room, ngx_http_sallyport_cached_t *cached, int64_t *asked);
static ngx_uint_t ngx_http_sallyport_cache_read(
    ngx_http_sallyport_zone_t *zone, ngx_http_sallyport_table_id_t id,
    ngx_http_sallyport_cache_id_t *cid, u_char *copy, uint64_t *place);
static size_t ngx_http_sallyport_slot_copy(u_char *p, size_t max,
    u_char *copy, uint64_t *sum);
static ngx_uint_t ngx_http_sallyport_slot_is(ngx_http_sallyport_slot_t *slot,
    ngx_http_sallyport_cache_id_t *cid, size_t max);
static size_t ngx_http_sallyport_slot_make(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_cache_id_t *cid, const void *record, int64_t asked,
    u_char *image);
static u_char *ngx_http_sallyport_cache_find(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_table_id_t id, ngx_http_sallyport_cache_id_t *cid,
    uint64_t **tag);
static u_char *ngx_http_sallyport_cache_victim(
    ngx_http_sallyport_zone_t *zone, ngx_http_sallyport_table_id_t id,
    uint64_t hash, uint64_t **tag);
static void ngx_http_sallyport_write_begin(ngx_http_sallyport_zone_t *zone,
    uint64_t hash);
static void ngx_http_sallyport_write_end(ngx_http_sallyport_zone_t *zone,
    uint64_t hash);
static void ngx_http_sallyport_slot_write(u_char *p, u_char *image,
    size_t size);
static void ngx_http_sallyport_cache_drop(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_table_id_t id, ngx_http_sallyport_cache_id_t *cid);


static const ngx_http_sallyport_table_id_t  ngx_http_sallyport_small[] = {
    NGX_HTTP_SALLYPORT_T_KEYS,
    NGX_HTTP_SALLYPORT_T_ACCOUNTS
};


/*
 * Store and kind are mixed in after the hash: they are few, they are not
 * chosen by clients, and slots compare them in full.
 */

void
ngx_http_sallyport_cache_id(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_cache_id_t *cid,
    const ngx_http_sallyport_print_t *print)
{
    if (print != NULL) {
        cid->print = *print;

    } else if (cid->kind == NGX_HTTP_SALLYPORT_KEY
               && cid->len == SP_KID_LEN)
    {
        ngx_http_sallyport_print_kid(cid->id, &cid->print);

    } else {
        ngx_http_sallyport_print(zone, cid->id, cid->len, &cid->print);
    }

    cid->hash = cid->print.h[0]
                ^ (cid->store + cid->kind) * 0x9e3779b97f4a7c15ull;

    if (cid->hash == 0) {
        cid->hash = 1;      /* 0 is the tag of an empty slot */
    }
}


const void *
ngx_http_sallyport_cache_get(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_cache_id_t *cid, void *room,
    ngx_http_sallyport_cached_t *cached)
{
    int64_t      asked;
    uint64_t     writes;
    const void  *record;

    asked = 0;

    /* before the record is read: a write in between will have counted */

    writes = __atomic_load_n(ngx_http_sallyport_writes(zone, cid->hash),
                             __ATOMIC_ACQUIRE);

    record = ngx_http_sallyport_kept_get(zone, cid, cached, &asked);

    if (record == NULL) {
        record = ngx_http_sallyport_cache_decode(zone, cid, room, cached,
                                                 &asked);
    }

    cached->seen.hash = cid->hash;
    cached->seen.writes = writes;
    cached->seen.asked = asked;

    return record;
}


static const void *
ngx_http_sallyport_cache_decode(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_cache_id_t *cid, void *room,
    ngx_http_sallyport_cached_t *cached, int64_t *asked)
{
    void                       *record;
    u_char                     *p;
    ngx_http_sallyport_slot_t  *slot;
    ngx_http_sallyport_kept_t  *kept;

    _Alignas(16) u_char         copy[NGX_HTTP_SALLYPORT_SLOT_MAX];

    if (!ngx_http_sallyport_cache_read(zone,
                                       ngx_http_sallyport_small[cid->kind],
                                       cid, copy, &cached->slot)
        && !ngx_http_sallyport_cache_read(zone, NGX_HTTP_SALLYPORT_T_LARGE,
                                          cid, copy, &cached->slot))
    {
        return NULL;
    }

    slot = (ngx_http_sallyport_slot_t *) copy;
    p = copy + sizeof(ngx_http_sallyport_slot_t) + slot->id_len;

    kept = NULL;
    record = ngx_http_sallyport_kept_room(cid, &kept);

    if (record == NULL) {
        record = room;
    }

    if (ngx_http_sallyport_record_unpack(cid->kind, record, p, slot->len)
        != NGX_OK)
    {
        return NULL;
    }

    *asked = slot->head.asked;

    cached->kept = NULL;
    cached->age = ngx_http_sallyport_age(slot->head.asked);
    cached->ver = slot->ver;
    cached->seq = slot->head.seq;
    cached->account = slot->account;
    cached->denies = slot->denies;
    cached->spent = slot->spent;

    if (kept != NULL) {
        ngx_http_sallyport_kept_set(kept, zone, cid, cached);
    }

    return record;
}


static ngx_uint_t
ngx_http_sallyport_cache_read(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_table_id_t id, ngx_http_sallyport_cache_id_t *cid,
    u_char *copy, uint64_t *place)
{
    size_t                       size;
    u_char                      *set;
    uint64_t                    *tags, sum;
    ngx_uint_t                   i;
    ngx_http_sallyport_slot_t   *slot;
    ngx_http_sallyport_table_t  *table;

    table = &zone->sh->tables[id];
    set = ngx_http_sallyport_zone_set(zone, id, cid->hash);
    tags = (uint64_t *) set;
    slot = (ngx_http_sallyport_slot_t *) copy;

    for (i = 0; i < NGX_HTTP_SALLYPORT_WAYS; i++) {

        if (__atomic_load_n(&tags[i], __ATOMIC_RELAXED) != cid->hash) {
            continue;
        }

        size = ngx_http_sallyport_slot_copy(set + table->tags
                                            + i * table->slot,
                                            table->slot, copy, &sum);

        if (size != 0 && slot->sum == sum
            && ngx_http_sallyport_slot_is(slot, cid, size))
        {
            *place = (uint64_t) (set + table->tags + i * table->slot
                                 - (u_char *) zone->sh);
            return 1;
        }
    }

    return 0;
}


/* Returns the bytes copied, or 0; "sum" is what they add up to. */

static size_t
ngx_http_sallyport_slot_copy(u_char *p, size_t max, u_char *copy,
    uint64_t *sum)
{
    size_t                      size;
    uint64_t                    seq;
    ngx_uint_t                  i;
    ngx_http_sallyport_slot_t  *slot;

    slot = (ngx_http_sallyport_slot_t *) p;

    for (i = 0; i < NGX_HTTP_SALLYPORT_READ_TRIES; i++) {

        seq = __atomic_load_n(&slot->head.seq, __ATOMIC_ACQUIRE);

        if (seq & 1) {
            ngx_cpu_pause();
            continue;
        }

        size = ngx_http_sallyport_slot_size(slot->id_len, slot->len);

        if (size <= max) {
            ngx_memcpy(copy, p, NGX_HTTP_SALLYPORT_SUMMED);
            *sum = ngx_http_sallyport_sum_copy(
                                      copy + NGX_HTTP_SALLYPORT_SUMMED,
                                      p + NGX_HTTP_SALLYPORT_SUMMED,
                                      size - NGX_HTTP_SALLYPORT_SUMMED);

            __atomic_thread_fence(__ATOMIC_ACQUIRE);

            if (__atomic_load_n(&slot->head.seq, __ATOMIC_RELAXED) == seq) {
                return size;
            }
        }
    }

    return 0;
}


/* "slot" is a copy, or is read under the lock; its sum is tested apart. */

static ngx_uint_t
ngx_http_sallyport_slot_is(ngx_http_sallyport_slot_t *slot,
    ngx_http_sallyport_cache_id_t *cid, size_t max)
{
    size_t   size;
    u_char  *p;

    p = (u_char *) slot;
    size = ngx_http_sallyport_slot_size(slot->id_len, slot->len);

    return slot->hash == cid->hash
           && slot->store == cid->store
           && slot->kind == cid->kind
           && slot->id_len == cid->len
           && size <= max
           && ngx_memcmp(p + sizeof(ngx_http_sallyport_slot_t), cid->id,
                         cid->len)
              == 0;
}


ngx_int_t
ngx_http_sallyport_cache_put(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_cache_id_t *cid, const void *record, int64_t asked)
{
    size_t                          size;
    u_char                         *p;
    uint64_t                       *tag;
    ngx_http_sallyport_slot_t      *slot, *there;
    ngx_http_sallyport_table_id_t   id, other;

    _Alignas(16) u_char             image[NGX_HTTP_SALLYPORT_SLOT_MAX];

    size = ngx_http_sallyport_slot_make(zone, cid, record, asked, image);

    if (size == 0) {
        ngx_http_sallyport_count(zone, NGX_HTTP_SALLYPORT_C_ZONE_FULL);
        return NGX_ERROR;
    }

    slot = (ngx_http_sallyport_slot_t *) image;

    id = ngx_http_sallyport_small[cid->kind];
    other = NGX_HTTP_SALLYPORT_T_LARGE;

    if (size > zone->sh->tables[id].slot) {
        other = id;
        id = NGX_HTTP_SALLYPORT_T_LARGE;
    }

    ngx_shmtx_lock(&zone->shpool->mutex);

    p = ngx_http_sallyport_cache_find(zone, id, cid, &tag);
    there = (ngx_http_sallyport_slot_t *) p;

    if (there == NULL) {
        there = (ngx_http_sallyport_slot_t *)
                ngx_http_sallyport_cache_find(zone, other, cid, &tag);
    }

    if (there != NULL && there->ver > slot->ver && !slot->denies) {
        ngx_shmtx_unlock(&zone->shpool->mutex);
        return NGX_DECLINED;
    }

    if (p != NULL && ngx_memcmp(p + NGX_HTTP_SALLYPORT_SUMMED,
                                image + NGX_HTTP_SALLYPORT_SUMMED,
                                size - NGX_HTTP_SALLYPORT_SUMMED) == 0)
    {
        there = (ngx_http_sallyport_slot_t *) p;

        if (asked > there->head.asked) {
            __atomic_store_n(&there->head.asked, asked, __ATOMIC_RELEASE);
        }

        ngx_shmtx_unlock(&zone->shpool->mutex);
        return NGX_OK;
    }

    if (p == NULL) {
        p = ngx_http_sallyport_cache_victim(zone, id, cid->hash, &tag);
    }

    ngx_http_sallyport_write_begin(zone, cid->hash);

    ngx_http_sallyport_slot_write(p, image, size);
    *tag = cid->hash;

    ngx_http_sallyport_cache_drop(zone, other, cid);

    ngx_http_sallyport_write_end(zone, cid->hash);

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return NGX_OK;
}


/* Fills "image", SLOT_MAX bytes, as a slot is; returns its size, or 0. */

static size_t
ngx_http_sallyport_slot_make(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_cache_id_t *cid, const void *record, int64_t asked,
    u_char *image)
{
    size_t                      len, size;
    u_char                     *p;
    const sp_key_t             *key;
    ngx_http_sallyport_slot_t  *slot;

    slot = (ngx_http_sallyport_slot_t *) image;
    p = image + sizeof(ngx_http_sallyport_slot_t);

    ngx_memzero(slot, sizeof(ngx_http_sallyport_slot_t));
    ngx_memcpy(p, cid->id, cid->len);

    len = ngx_http_sallyport_record_pack(cid->kind, record, p + cid->len,
                                         image + NGX_HTTP_SALLYPORT_SLOT_MAX
                                         - p - cid->len - 8);
    if (len == 0) {
        return 0;
    }

    slot->hash = cid->hash;
    slot->store = cid->store;
    slot->head.asked = asked;
    slot->ver = ngx_http_sallyport_record_ver(cid->kind, record);

    if (cid->kind == NGX_HTTP_SALLYPORT_KEY) {
        key = record;
        ngx_http_sallyport_print(zone, key->account, key->account_len,
                                 &slot->account);
    }

    slot->len = (uint16_t) len;
    slot->id_len = (uint8_t) cid->len;
    slot->kind = (uint8_t) cid->kind;
    slot->denies = (uint8_t) ngx_http_sallyport_record_denies(cid->kind,
                                                              record);

    size = ngx_http_sallyport_slot_size(cid->len, len);
    ngx_memzero(p + cid->len + len,
                size - sizeof(ngx_http_sallyport_slot_t) - cid->len - len);
    slot->sum = ngx_http_sallyport_slot_sum(image, size);

    return size;
}


void
ngx_http_sallyport_cache_spend(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_cache_id_t *cid)
{
    u_char                     *p;
    size_t                      size;
    uint64_t                   *tag;
    ngx_http_sallyport_slot_t  *slot;

    _Alignas(16) u_char         image[NGX_HTTP_SALLYPORT_SLOT_MAX];

    ngx_shmtx_lock(&zone->shpool->mutex);

    p = ngx_http_sallyport_cache_find(zone,
                                      ngx_http_sallyport_small[cid->kind],
                                      cid, &tag);
    if (p == NULL) {
        p = ngx_http_sallyport_cache_find(zone, NGX_HTTP_SALLYPORT_T_LARGE,
                                          cid, &tag);
    }

    if (p != NULL) {
        slot = (ngx_http_sallyport_slot_t *) p;
        size = ngx_http_sallyport_slot_size(slot->id_len, slot->len);

        ngx_memcpy(image, p, size);

        slot = (ngx_http_sallyport_slot_t *) image;
        slot->spent = 1;
        slot->sum = ngx_http_sallyport_slot_sum(image, size);

        ngx_http_sallyport_write_begin(zone, cid->hash);
        ngx_http_sallyport_slot_write(p, image, size);
        ngx_http_sallyport_write_end(zone, cid->hash);
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);
}


/* Under the lock. */

static u_char *
ngx_http_sallyport_cache_find(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_table_id_t id, ngx_http_sallyport_cache_id_t *cid,
    uint64_t **tag)
{
    u_char                      *set, *p;
    uint64_t                    *tags;
    ngx_uint_t                   i;
    ngx_http_sallyport_slot_t   *slot;
    ngx_http_sallyport_table_t  *table;

    table = &zone->sh->tables[id];
    set = ngx_http_sallyport_zone_set(zone, id, cid->hash);
    tags = (uint64_t *) set;

    for (i = 0; i < NGX_HTTP_SALLYPORT_WAYS; i++) {

        if (tags[i] != cid->hash) {
            continue;
        }

        p = set + table->tags + i * table->slot;
        slot = (ngx_http_sallyport_slot_t *) p;

        if ((slot->head.seq & 1) == 0
            && ngx_http_sallyport_slot_is(slot, cid, table->slot)
            && slot->sum == ngx_http_sallyport_slot_sum(p,
                     ngx_http_sallyport_slot_size(slot->id_len, slot->len)))
        {
            *tag = &tags[i];
            return p;
        }
    }

    return NULL;
}


/*
 * Under the lock: an empty or damaged slot, else the oldest record that does
 * not deny, else the oldest.
 */

static u_char *
ngx_http_sallyport_cache_victim(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_table_id_t id, uint64_t hash, uint64_t **tag)
{
    u_char                      *set, *p;
    uint64_t                    *tags;
    ngx_uint_t                   i, best;
    ngx_http_sallyport_slot_t   *slot, *old;
    ngx_http_sallyport_table_t  *table;

    table = &zone->sh->tables[id];
    set = ngx_http_sallyport_zone_set(zone, id, hash);
    tags = (uint64_t *) set;

    old = NULL;
    best = 0;

    for (i = 0; i < NGX_HTTP_SALLYPORT_WAYS; i++) {
        p = set + table->tags + i * table->slot;
        slot = (ngx_http_sallyport_slot_t *) p;

        if (tags[i] == 0 || (slot->head.seq & 1) || slot->hash != tags[i]) {
            best = i;
            break;
        }

        if (old == NULL
            || slot->denies < old->denies
            || (slot->denies == old->denies && slot->head.asked < old->head.asked))
        {
            old = slot;
            best = i;
        }
    }

    *tag = &tags[best];

    return set + table->tags + best * table->slot;
}


/*
 * Under the lock. A worker that dies in between leaves the count odd, and so
 * nobody trusts copies, until the next write of the same count ends.
 */

static void
ngx_http_sallyport_write_begin(ngx_http_sallyport_zone_t *zone, uint64_t hash)
{
    uint64_t  *writes;

    writes = ngx_http_sallyport_writes(zone, hash);

    __atomic_store_n(writes, *writes | 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}


static void
ngx_http_sallyport_write_end(ngx_http_sallyport_zone_t *zone, uint64_t hash)
{
    uint64_t  *writes;

    writes = ngx_http_sallyport_writes(zone, hash);

    __atomic_store_n(writes, *writes + 1, __ATOMIC_RELEASE);
}


/* Under the lock. */

static void
ngx_http_sallyport_slot_write(u_char *p, u_char *image, size_t size)
{
    uint64_t                    seq;
    ngx_http_sallyport_slot_t  *slot;

    slot = (ngx_http_sallyport_slot_t *) p;

    seq = slot->head.seq | 1;

    __atomic_store_n(&slot->head.seq, seq, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);

    ngx_memcpy(p + 8, image + 8, size - 8);

    __atomic_store_n(&slot->head.seq, seq + 1, __ATOMIC_RELEASE);
}


/* Under the lock: the record has moved to the other table, or is gone. */

static void
ngx_http_sallyport_cache_drop(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_table_id_t id, ngx_http_sallyport_cache_id_t *cid)
{
    u_char                     *p;
    uint64_t                   *tag;
    ngx_http_sallyport_slot_t   empty;

    p = ngx_http_sallyport_cache_find(zone, id, cid, &tag);

    if (p != NULL) {
        ngx_memzero(&empty, sizeof(ngx_http_sallyport_slot_t));

        *tag = 0;
        ngx_http_sallyport_slot_write(p, (u_char *) &empty, sizeof(empty));
    }
}

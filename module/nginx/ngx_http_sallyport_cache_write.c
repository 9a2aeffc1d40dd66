
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the writing of the record cache, under the zone's lock.
 *
 * A worker killed while it writes leaves "seq" odd; the next writer of the
 * set takes that slot first. A record that the store gives again unchanged is
 * no write: only the time at which it was asked for is set, and copies of it
 * stay good.
 */


#include "ngx_http_sallyport_slot.h"


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

    id = ngx_http_sallyport_slot_table(cid->kind);
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
                                      ngx_http_sallyport_slot_table(cid->kind),
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


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
    ngx_http_sallyport_cache_id_t *cid, const void *record, u_char *image);
static ngx_uint_t ngx_http_sallyport_cache_refused(
    ngx_http_sallyport_zone_t *zone, ngx_http_sallyport_cache_id_t *cid,
    uint64_t ver);
static ngx_int_t ngx_http_sallyport_cache_set(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_cache_id_t *cid, u_char *image, size_t size,
    ngx_uint_t tracked);
static ngx_uint_t ngx_http_sallyport_slot_yields(
    ngx_http_sallyport_slot_t *there, ngx_http_sallyport_slot_t *slot);
static void ngx_http_sallyport_cache_fill(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_cache_id_t *cid, ngx_http_sallyport_table_id_t id,
    u_char *p, u_char *image, size_t size);
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
    ngx_http_sallyport_cache_id_t *cid, const void *record,
    ngx_http_sallyport_answer_t *answer)
{
    size_t                       size;
    ngx_int_t                    rc;
    ngx_http_sallyport_slot_t   *slot;

    _Alignas(16) u_char          image[NGX_HTTP_SALLYPORT_SLOT_MAX];

    size = ngx_http_sallyport_slot_make(zone, cid, record, image);

    if (size == 0) {
        ngx_http_sallyport_count(zone, NGX_HTTP_SALLYPORT_C_ZONE_FULL);
        return NGX_ERROR;
    }

    slot = (ngx_http_sallyport_slot_t *) image;
    slot->head.asked = answer->stamp.asked;

    ngx_shmtx_lock(&zone->shpool->mutex);

    slot->head.epoch = ngx_http_sallyport_answer_epoch(zone, cid->hash,
                                                       answer);

    /* that it refuses is remembered, whatever came after it */

    if (slot->head.epoch == NGX_HTTP_SALLYPORT_E_CHANGED && !slot->denies) {
        rc = ngx_http_sallyport_cache_refused(zone, cid, slot->ver)
             ? NGX_ABORT : NGX_BUSY;

    } else {
        rc = ngx_http_sallyport_cache_set(zone, cid, image, size,
                                          answer->source != NULL
                                          && !answer->source->polled);
    }

    ngx_http_sallyport_negative_forget(zone, cid);

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return rc;
}


/* Under the lock: a higher version has refused. */

static ngx_uint_t
ngx_http_sallyport_cache_refused(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_cache_id_t *cid, uint64_t ver)
{
    u_char                     *p;
    uint64_t                   *tag;
    ngx_http_sallyport_slot_t  *slot;

    p = ngx_http_sallyport_cache_find(zone,
                                      ngx_http_sallyport_slot_table(cid->kind),
                                      cid, &tag);
    if (p == NULL) {
        p = ngx_http_sallyport_cache_find(zone, NGX_HTTP_SALLYPORT_T_LARGE,
                                          cid, &tag);
    }

    slot = (ngx_http_sallyport_slot_t *) p;

    return (slot != NULL && slot->denies && slot->ver > ver)
           || ngx_http_sallyport_tomb_get(zone, cid) > ver;
}


/* Under the lock; "tracked": what belongs to no epoch is less than proven. */

static ngx_int_t
ngx_http_sallyport_cache_set(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_cache_id_t *cid, u_char *image, size_t size,
    ngx_uint_t tracked)
{
    u_char                         *p;
    uint64_t                       *tag, known;
    ngx_http_sallyport_slot_t      *slot, *there;
    ngx_http_sallyport_table_id_t   id, other;

    slot = (ngx_http_sallyport_slot_t *) image;

    id = ngx_http_sallyport_slot_table(cid->kind);
    other = NGX_HTTP_SALLYPORT_T_LARGE;

    if (size > zone->sh->tables[id].slot) {
        other = id;
        id = NGX_HTTP_SALLYPORT_T_LARGE;
    }

    p = ngx_http_sallyport_cache_find(zone, id, cid, &tag);
    there = (ngx_http_sallyport_slot_t *) p;

    if (there == NULL) {
        there = (ngx_http_sallyport_slot_t *)
                ngx_http_sallyport_cache_find(zone, other, cid, &tag);
    }

    known = ngx_http_sallyport_tomb_get(zone, cid);
    known = there != NULL ? ngx_max(known, there->ver) : known;

    if (known > slot->ver) {

        if (!slot->denies) {
            return NGX_DECLINED;
        }

        /* the stricter of both, until there is a higher version than both */

        slot->ver = known;
        slot->head.epoch = NGX_HTTP_SALLYPORT_E_CHANGED;
        slot->sum = ngx_http_sallyport_slot_sum(image, size);
    }

    if (slot->denies) {
        ngx_http_sallyport_tomb_put(zone, cid, slot->ver);
    }

    if (tracked && there != NULL
        && slot->head.epoch <= NGX_HTTP_SALLYPORT_E_NONE
        && !ngx_http_sallyport_slot_yields(there, slot))
    {
        return NGX_BUSY;
    }

    ngx_http_sallyport_cache_fill(zone, cid, id, p, image, size);

    return NGX_OK;
}


/*
 * Under the lock: whether what was read in no epoch takes the place of what is
 * there. It may be the older of the two.
 */

static ngx_uint_t
ngx_http_sallyport_slot_yields(ngx_http_sallyport_slot_t *there,
    ngx_http_sallyport_slot_t *slot)
{
    if (slot->ver > there->ver || (slot->denies && !there->denies)) {
        return 1;
    }

    return slot->denies >= there->denies
           && slot->head.asked > there->head.asked
           && there->head.epoch <= NGX_HTTP_SALLYPORT_E_NONE;
}


/* Under the lock: into "p", where it is already, or into a place of its own. */

static void
ngx_http_sallyport_cache_fill(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_cache_id_t *cid, ngx_http_sallyport_table_id_t id,
    u_char *p, u_char *image, size_t size)
{
    uint64_t                   *tag;
    ngx_http_sallyport_slot_t  *slot, *there;

    slot = (ngx_http_sallyport_slot_t *) image;
    there = (ngx_http_sallyport_slot_t *) p;

    if (p != NULL && ngx_memcmp(p + NGX_HTTP_SALLYPORT_SUMMED,
                                image + NGX_HTTP_SALLYPORT_SUMMED,
                                size - NGX_HTTP_SALLYPORT_SUMMED) == 0)
    {
        if (slot->head.asked > there->head.asked) {
            __atomic_store_n(&there->head.asked, slot->head.asked,
                             __ATOMIC_RELEASE);
        }

        __atomic_store_n(&there->head.epoch, slot->head.epoch,
                         __ATOMIC_RELEASE);
        return;
    }

    if (p == NULL) {
        p = ngx_http_sallyport_cache_victim(zone, id, cid->hash, &tag);
        *tag = 0;

    } else {
        tag = NULL;
    }

    ngx_http_sallyport_write_begin(zone, cid->hash);

    ngx_http_sallyport_slot_write(p, image, size);

    if (tag != NULL) {
        *tag = cid->hash;
    }

    ngx_http_sallyport_cache_drop(zone, id != NGX_HTTP_SALLYPORT_T_LARGE
                                        ? NGX_HTTP_SALLYPORT_T_LARGE
                                        : ngx_http_sallyport_slot_table(
                                                                 cid->kind),
                                  cid);

    ngx_http_sallyport_write_end(zone, cid->hash);
}


uint64_t
ngx_http_sallyport_answer_epoch(ngx_http_sallyport_zone_t *zone,
    uint64_t hash, ngx_http_sallyport_answer_t *answer)
{
    ngx_http_sallyport_source_t  *source;

    source = answer->source;

    if (source == NULL || source->polled) {
        return NGX_HTTP_SALLYPORT_E_NONE;
    }

    if (*ngx_http_sallyport_gen(zone, hash) != answer->stamp.gen
        && !ngx_http_sallyport_mutant(zone, NGX_HTTP_SALLYPORT_M_GEN))
    {
        source->refused[NGX_HTTP_SALLYPORT_REFUSED_GEN]++;
        return NGX_HTTP_SALLYPORT_E_CHANGED;
    }

    if (source->word != answer->stamp.word
        || (source->word & 3) != NGX_HTTP_SALLYPORT_LIVE)
    {
        source->refused[NGX_HTTP_SALLYPORT_REFUSED_EPOCH]++;
        return NGX_HTTP_SALLYPORT_E_NONE;
    }

    if (source->run_id != answer->run_id) {
        source->refused[NGX_HTTP_SALLYPORT_REFUSED_RUN_ID]++;
        return NGX_HTTP_SALLYPORT_E_NONE;
    }

    return source->word >> 2;
}


void
ngx_http_sallyport_stamp(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_source_t *source, uint64_t hash,
    ngx_http_sallyport_stamp_t *stamp)
{
    stamp->asked = ngx_http_sallyport_clock();
    stamp->word = __atomic_load_n(&source->word, __ATOMIC_ACQUIRE);
    stamp->gen = __atomic_load_n(ngx_http_sallyport_gen(zone, hash),
                                 __ATOMIC_ACQUIRE);
}


ngx_uint_t
ngx_http_sallyport_outdated(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_source_t *source, uint64_t hash,
    const ngx_http_sallyport_stamp_t *stamp)
{
    return !source->polled
           && !ngx_http_sallyport_mutant(zone, NGX_HTTP_SALLYPORT_M_GEN)
           && (__atomic_load_n(&source->word, __ATOMIC_ACQUIRE) != stamp->word
               || __atomic_load_n(ngx_http_sallyport_gen(zone, hash),
                                  __ATOMIC_ACQUIRE)
                  != stamp->gen);
}


void
ngx_http_sallyport_cache_changed(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_cache_id_t *cid)
{
    u_char                         *p;
    uint32_t                       *gen;
    uint64_t                       *tag;
    ngx_uint_t                      i;
    ngx_http_sallyport_slot_t      *slot;
    ngx_http_sallyport_table_id_t   ids[2];

    ids[0] = ngx_http_sallyport_slot_table(cid->kind);
    ids[1] = NGX_HTTP_SALLYPORT_T_LARGE;

    ngx_shmtx_lock(&zone->shpool->mutex);

    gen = ngx_http_sallyport_gen(zone, cid->hash);
    __atomic_store_n(gen, *gen + 1, __ATOMIC_RELEASE);

    /* a count of writes, so that no copy is believed any more, either */

    ngx_http_sallyport_write_begin(zone, cid->hash);

    for (i = 0; i < 2; i++) {
        p = ngx_http_sallyport_cache_find(zone, ids[i], cid, &tag);

        if (p != NULL) {
            slot = (ngx_http_sallyport_slot_t *) p;
            __atomic_store_n(&slot->head.epoch, NGX_HTTP_SALLYPORT_E_CHANGED,
                             __ATOMIC_RELEASE);
        }
    }

    ngx_http_sallyport_write_end(zone, cid->hash);

    ngx_http_sallyport_negative_forget(zone, cid);

    ngx_shmtx_unlock(&zone->shpool->mutex);
}


/* Fills "image", SLOT_MAX bytes, as a slot is; returns its size, or 0. */

static size_t
ngx_http_sallyport_slot_make(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_cache_id_t *cid, const void *record, u_char *image)
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
            || (slot->denies == old->denies
                && slot->head.asked < old->head.asked))
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


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the reading of the record cache in the shared zone: key
 * and account records in packed form.
 *
 * A slot is read without a lock. The reader copies it, and takes the copy if
 * "seq" was even and the same before and after, if the sum is right and if
 * the whole id is the one asked for.
 */


#include "ngx_http_sallyport_slot.h"


#define NGX_HTTP_SALLYPORT_READ_TRIES  4


static const void *ngx_http_sallyport_cache_decode(
    ngx_http_sallyport_zone_t *zone, ngx_http_sallyport_cache_id_t *cid,
    void *room, ngx_http_sallyport_cached_t *cached);
static ngx_uint_t ngx_http_sallyport_cache_read(
    ngx_http_sallyport_zone_t *zone, ngx_http_sallyport_table_id_t id,
    ngx_http_sallyport_cache_id_t *cid, u_char *copy, uint64_t *place);
static size_t ngx_http_sallyport_slot_copy(u_char *p, size_t max,
    u_char *copy, uint64_t *sum);


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
    uint64_t     writes;
    const void  *record;

    /* before the record is read: a write in between will have counted */

    writes = __atomic_load_n(ngx_http_sallyport_writes(zone, cid->hash),
                             __ATOMIC_ACQUIRE);

    record = ngx_http_sallyport_kept_get(zone, cid, cached);

    if (record == NULL) {
        record = ngx_http_sallyport_cache_decode(zone, cid, room, cached);
    }

    if (record != NULL) {
        cached->seen.hash = cid->hash;
        cached->seen.writes = writes;
        cached->seen.asked = cached->asked;
        cached->seen.epoch = cached->epoch;
    }

    return record;
}


static const void *
ngx_http_sallyport_cache_decode(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_cache_id_t *cid, void *room,
    ngx_http_sallyport_cached_t *cached)
{
    void                       *record;
    u_char                     *p;
    ngx_http_sallyport_slot_t  *slot;
    ngx_http_sallyport_kept_t  *kept;

    _Alignas(16) u_char         copy[NGX_HTTP_SALLYPORT_SLOT_MAX];

    if (!ngx_http_sallyport_cache_read(zone,
                                       ngx_http_sallyport_slot_table(cid->kind),
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

    cached->kept = NULL;
    cached->asked = slot->head.asked;
    cached->epoch = slot->head.epoch;
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

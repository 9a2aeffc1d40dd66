
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tail of a lane, as its writer and its finder see it.
 */


#include "sp_tail.h"


#define SP_TAIL_FLOODS_ANY  4     /* free places kept for those of a reason */


static int sp_tail_flood_kind(const sp_tail_flood_t *a,
    const sp_tail_flood_t *b);


_Static_assert(sizeof(sp_tail_half_t) == 64
               && offsetof(sp_tail_t, flood) == 192
               && sizeof(sp_tail_t) <= SP_TAIL_HEAD,
               "a layout without holes");


void
sp_tail_init(void *map, uint64_t lane)
{
    sp_tail_t  *tail;

    tail = map;
    tail->lane = lane;
    tail->size = SP_TAIL_SIZE;
    memcpy(tail->magic, SP_TAIL_MAGIC, sizeof(tail->magic));
}


int
sp_tail_valid(const void *map, size_t size)
{
    unsigned                i;
    const sp_tail_t        *tail;
    const sp_tail_flood_t  *flood;

    tail = map;

    if (size != SP_TAIL_SIZE || tail->size != SP_TAIL_SIZE
        || memcmp(tail->magic, SP_TAIL_MAGIC, sizeof(tail->magic)) != 0)
    {
        return 0;
    }

    for (i = 0; i < 2; i++) {
        if (tail->half[i].used > SP_TAIL_HALF
            || (tail->half[i].used != 0 && tail->half[i].segment == 0))
        {
            return 0;
        }
    }

    for (i = 0; i < SP_TAIL_FLOODS; i++) {
        flood = &tail->flood[i];

        if (flood->reason_len > SP_FLOOD_CODE || flood->who_len > SP_FLOOD_WHO
            || flood->from_len > SP_FLOOD_FROM
            || flood->first_len > SP_FLOOD_ID
            || flood->last_len > SP_FLOOD_ID)
        {
            return 0;
        }
    }

    return 1;
}


sp_tail_flood_t *
sp_tail_flood(sp_tail_t *tail, const sp_tail_flood_t *verdict)
{
    unsigned          i, nfree;
    sp_tail_flood_t  *flood, *room, *any;

    room = any = NULL;
    nfree = 0;

    for (i = 0; i < SP_TAIL_FLOODS; i++) {
        flood = &tail->flood[i];

        if (flood->n == 0) {
            room = flood;
            nfree++;
            continue;
        }

        if (!sp_tail_flood_kind(flood, verdict)) {
            continue;
        }

        if (flood->who_len == 0 && flood->from_len == 0) {
            any = flood;
        }

        if (flood->who_len == verdict->who_len
            && flood->from_len == verdict->from_len
            && memcmp(flood->who, verdict->who, flood->who_len) == 0
            && memcmp(flood->from, verdict->from, flood->from_len) == 0)
        {
            return flood;
        }
    }

    if (nfree <= SP_TAIL_FLOODS_ANY && any != NULL) {
        return any;
    }

    if (room == NULL) {
        return NULL;
    }

    memcpy(room, verdict, sizeof(sp_tail_flood_t));

    room->n = 0;
    room->told = 0;

    if (nfree <= SP_TAIL_FLOODS_ANY) {
        room->who_len = 0;
        room->from_len = 0;
    }

    return room;
}


/* One line can tell of both. */

static int
sp_tail_flood_kind(const sp_tail_flood_t *a, const sp_tail_flood_t *b)
{
    return a->told == 0 && a->enforced == b->enforced
           && a->status == b->status && a->throttle == b->throttle
           && a->reason_len == b->reason_len
           && memcmp(a->reason, b->reason, a->reason_len) == 0;
}


void
sp_tail_flood_add(sp_tail_flood_t *flood, const sp_tail_flood_t *more)
{
    flood->until_us = more->until_us;
    flood->last_len = more->last_len;
    memcpy(flood->last, more->last, more->last_len);

    __atomic_store_n(&flood->n, flood->n + more->n, __ATOMIC_RELEASE);
}


int
sp_tail_flood_told(const sp_tail_t *tail, const sp_tail_flood_t *flood)
{
    unsigned               i;
    const sp_tail_half_t  *half;

    for (i = 0; flood->told != 0 && i < 2; i++) {
        half = &tail->half[i];

        if (half->used != 0
            && (half->segment > flood->told
                || (half->segment == flood->told
                    && half->base + half->used > flood->told_at)))
        {
            return 1;
        }
    }

    return 0;
}


unsigned
sp_tail_halves(const void *map, sp_tail_rest_t rest[2])
{
    unsigned               i, n;
    const sp_tail_t       *tail;
    sp_tail_rest_t         first;
    const sp_tail_half_t  *half;

    tail = map;
    n = 0;

    for (i = 0; i < 2; i++) {
        half = &tail->half[i];

        if (half->used == 0) {
            continue;
        }

        rest[n].segment = half->segment;
        rest[n].at = half->base;
        rest[n].len = (size_t) half->used;
        rest[n].data = (const unsigned char *) map + SP_TAIL_HEAD
                       + i * SP_TAIL_HALF;
        n++;
    }

    if (n == 2 && (rest[1].segment < rest[0].segment
                   || (rest[1].segment == rest[0].segment
                       && rest[1].at < rest[0].at)))
    {
        first = rest[1];
        rest[1] = rest[0];
        rest[0] = first;
    }

    return n;
}


sp_rc_t
sp_tail_missing(sp_tail_rest_t *rest, uint64_t size)
{
    uint64_t  there;

    if (size < rest->at) {
        return SP_ERROR;
    }

    there = size - rest->at;

    if (there > rest->len) {
        there = rest->len;
    }

    rest->at += there;
    rest->data += there;
    rest->len -= (size_t) there;

    return SP_OK;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tail of a lane, as its writer and its finder see it.
 */


#include "sp_tail.h"


_Static_assert(sizeof(sp_tail_half_t) == 64 && sizeof(sp_tail_t) == 192,
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
    unsigned          i;
    const sp_tail_t  *tail;

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

    return 1;
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

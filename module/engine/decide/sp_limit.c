
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the generic cell rate algorithm. A bucket is one word,
 * the theoretical arrival time: the time at which the bucket is full again.
 */


#include "sp_limit.h"


uint64_t
sp_gcra(uint64_t tat, uint64_t now, uint64_t interval, uint64_t tolerance,
    uint64_t *next)
{
    uint64_t  base, ahead;

    if (interval == 0) {
        return UINT64_MAX;
    }

    base = tat > now ? tat : now;
    ahead = base - now;

    if (ahead > tolerance) {
        return ahead - tolerance;
    }

    if (base > UINT64_MAX - interval) {
        /* a debit that cannot be written down is not given */
        return UINT64_MAX;
    }

    *next = base + interval;

    return 0;
}


uint64_t
sp_gcra_left(uint64_t tat, uint64_t now, uint64_t interval,
    uint64_t tolerance)
{
    uint64_t  base, ahead, left, fits;

    if (interval == 0) {
        return 0;
    }

    base = tat > now ? tat : now;
    ahead = base - now;

    if (ahead > tolerance) {
        return 0;
    }

    left = (tolerance - ahead) / interval;
    fits = (UINT64_MAX - base) / interval;

    return left < fits ? left + 1 : fits;
}

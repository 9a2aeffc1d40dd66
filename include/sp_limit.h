
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the limiter's arithmetic: GCRA, the generic cell rate
 * algorithm (ITU-T I.371), on one 64-bit word per bucket. Any window of W ns
 * admits at most floor((tolerance + W) / interval) + 1 requests: with burst B
 * that is at most B + W / interval. Both ends of the window are included.
 */


#ifndef SP_LIMIT_H
#define SP_LIMIT_H


#include "sp_base.h"


/*
 * Tests and debits one bucket. "tat" is the theoretical arrival time in ns of
 * the monotonic clock (0: never used). With room: *next is the new TAT and 0
 * is returned. Without: *next is unchanged and the wait in ns is returned:
 * after exactly that long, and not before, the request has room. "interval"
 * is the time between two requests, "tolerance" interval * (burst - 1).
 * Saturates, to the side that admits less; never wraps. An interval of 0
 * admits nothing and the wait is UINT64_MAX: no rule can ask for it.
 */
uint64_t sp_gcra(uint64_t tat, uint64_t now, uint64_t interval,
    uint64_t tolerance, uint64_t *next);

/* Requests that would pass at once right now: 0 exactly if none would. */
uint64_t sp_gcra_left(uint64_t tat, uint64_t now, uint64_t interval,
    uint64_t tolerance);


#endif /* SP_LIMIT_H */

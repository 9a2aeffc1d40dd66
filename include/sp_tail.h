
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tail of a lane: a small file, mapped by the process
 * that writes the lane, that holds the lines which are not in the lane's own
 * file yet. What is in it is in the page cache, so it outlives the process;
 * whoever finds the tail of a dead one moves the rest to where it belongs.
 */


#ifndef SP_TAIL_H
#define SP_TAIL_H


#include "sp_base.h"


#define SP_TAIL_MAGIC  "sallyport-tail 1"    /* 16 bytes */
#define SP_TAIL_HALF   131072                /* bytes of lines, twice */
#define SP_TAIL_HEAD   4096
#define SP_TAIL_SIZE   (SP_TAIL_HEAD + 2 * SP_TAIL_HALF)


/*
 * Lines that go on where "base" bytes of a segment end. One half is written
 * to, while the other is moved into the segment's file; "used" is stored
 * last when lines are added, and first, as 0, when a half is taken anew.
 */
typedef struct {
    uint64_t       segment;      /* from 1 */
    uint64_t       base;
    uint64_t       used;
    unsigned char  pad[40];      /* a cache line each */
} sp_tail_half_t;


/*
 * Refusals for one reason of one caller that came so fast that they have one
 * line together. "n" is stored last when one is added. A line that tells of
 * them begins at "told_at" of the file "told"; it is written, and they are
 * done with, when the lane goes on behind it.
 */
#define SP_TAIL_FLOODS   12
#define SP_FLOOD_CODE    48       /* bytes of a reason's code */
#define SP_FLOOD_WHO     64       /* of an account's id */
#define SP_FLOOD_FROM    48       /* of an address, or its pseudonym */
#define SP_FLOOD_ID      48       /* of a decision's id */

typedef struct {
    uint64_t       n;             /* 0: free */
    uint64_t       since_us;      /* unix time */
    uint64_t       until_us;
    uint64_t       told;          /* segment, 0: not yet */
    uint64_t       told_at;       /* bytes */
    uint16_t       status;        /* HTTP */
    uint8_t        throttle;      /* 0: denials */
    uint8_t        class;         /* sp_class_t */
    uint8_t        enforced;
    uint8_t        reason_len;
    uint8_t        who_len;       /* 0: not known, or several */
    uint8_t        from_len;      /* 0: several */
    uint8_t        first_len;
    uint8_t        last_len;
    uint8_t        pad[6];
    unsigned char  reason[SP_FLOOD_CODE];
    unsigned char  who[SP_FLOOD_WHO];
    unsigned char  from[SP_FLOOD_FROM];
    unsigned char  first[SP_FLOOD_ID];    /* decision ids */
    unsigned char  last[SP_FLOOD_ID];
} sp_tail_flood_t;


/* As the machine has it: a tail never leaves the host it was made on. */
typedef struct {
    char           magic[16];
    uint64_t       lane;
    uint64_t       size;         /* SP_TAIL_SIZE */
    uint64_t       refused;      /* verdicts without a record, not yet told */
    uint64_t       served;       /* in a "lost" line; see sp_lost_t */
    unsigned char  pad[16];
    sp_tail_half_t half[2];
    sp_tail_flood_t flood[SP_TAIL_FLOODS];
} sp_tail_t;


/* A piece of a lane that is in its tail alone. */
typedef struct {
    uint64_t              segment;
    uint64_t              at;    /* where in the segment's file it begins */
    size_t                len;
    const unsigned char  *data;
} sp_tail_rest_t;


/* Makes a tail out of SP_TAIL_SIZE zeroed bytes. */
void sp_tail_init(void *map, uint64_t lane);

/*
 * The flood that such a verdict belongs to: that of its reason, caller and
 * address, or a free place, which is filled in; when few are left, that of
 * its reason alone. NULL if there is no place.
 */
sp_tail_flood_t *sp_tail_flood(sp_tail_t *tail, const sp_tail_flood_t *verdict);

/* Adds as many verdicts as "more" has to a flood of the same kind. */
void sp_tail_flood_add(sp_tail_flood_t *flood, const sp_tail_flood_t *more);

/* 1 if a line that is in the tail, or was, tells of it. */
int sp_tail_flood_told(const sp_tail_t *tail, const sp_tail_flood_t *flood);

/* 1 if these are the bytes of a tail, all of it. */
int sp_tail_valid(const void *map, size_t size);

static inline unsigned char *
sp_tail_lines(void *map, unsigned half)
{
    return (unsigned char *) map + SP_TAIL_HEAD + half * SP_TAIL_HALF;
}

/*
 * The halves in the order of the lane, as they are in the tail. Returns how
 * many have something in them, 0 to 2.
 */
unsigned sp_tail_halves(const void *map, sp_tail_rest_t rest[2]);

/*
 * What of a half is not in the segment's file, whose size is "size" (0: no
 * such file). SP_ERROR: the file is shorter than where the half goes on, so
 * that something is missing in between; nothing may be appended.
 */
sp_rc_t sp_tail_missing(sp_tail_rest_t *rest, uint64_t size);


#endif /* SP_TAIL_H */


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the flat form of a database. Private to the engine.
 *
 * A search tree of a hundred thousand nodes costs a cache miss a level. Flat,
 * it is the list of places where the answer changes, in the order of the
 * addresses' first 48 bits (IPv4: all 32, and zeros), merged where it does
 * not, and an index of the first 16 bits. What the first 48 bits of an IPv6
 * address do not decide, and what else is left to the tree, says so.
 */


#ifndef SP_GEO_FLAT_H
#define SP_GEO_FLAT_H


#include <maxminddb.h>

#include "sp_geo.h"


#define SP_GEO_BLOCKS  65536


/*
 * What a database says of a network, in one word: a place, a number, or bits;
 * from SP_GEO_NO_ANSWER on why there is none of these. No place is so high,
 * and no system that is in use.
 */

typedef uint32_t  sp_geo_answer_t;

#define SP_GEO_NO_ANSWER  0xfffffff0u   /* + sp_geo_rc_t, or: */
#define SP_GEO_TREE       0xffffffffu   /* the tree knows */


/* From here on, within the block of the first 16 bits, the answer is this. */
typedef struct {
    uint32_t         low;    /* bits 16..47 */
    sp_geo_answer_t  answer;
} sp_geo_range_t;


typedef struct {
    sp_geo_range_t  *ranges;         /* the first one is before all blocks */
    size_t           n;
    size_t           room;
    uint32_t         first[SP_GEO_BLOCKS + 1];
} sp_geo_flat_t;


/* What the record of a leaf says; called while the tree is walked. */
typedef sp_geo_answer_t (*sp_geo_leaf_pt)(const void *data,
    MMDB_entry_s entry);

/*
 * Flattens the subtree at "node", whose root stands for zero bits. "bits" is
 * the depth at which IPv6 goes on in the tree and IPv4 ends: 48 or 32.
 * "other" is a node that is left to the tree where it comes up below the
 * root, as IPv4 does in IPv6 databases; or UINT32_MAX. The tree has been
 * checked: it has no loops. NULL: no memory, or more ranges than are worth it.
 */
sp_geo_flat_t *sp_geo_flatten(const MMDB_s *mmdb, uint32_t node,
    unsigned bits, uint32_t other, sp_geo_leaf_pt leaf, const void *data);

void sp_geo_flat_free(sp_geo_flat_t *flat);

/*
 * sp_geo_file.c: copies the file into memory that has no name. Returns its
 * descriptor, the caller's to close, or -1 and a sentence in err.
 */
int sp_geo_copy(const char *file, char *err, size_t errlen);

/* sp_geo.c: what the tree says; never SP_GEO_TREE. */
sp_geo_answer_t sp_geo_tree(const sp_geo_t *geo, const sp_addr_t *addr);

/* The same, by the flat form where that knows. */
sp_geo_answer_t sp_geo_find(const sp_geo_t *geo, const sp_addr_t *addr);


/* The answer for an address's first 48 bits, in the upper bits of "key". */

static inline sp_geo_answer_t
sp_geo_flat_find(const sp_geo_flat_t *flat, uint64_t key)
{
    size_t                 n, half;
    uint32_t               low;
    const sp_geo_range_t  *r;

    /* the last range that begins before the block, then those within it */

    r = &flat->ranges[flat->first[key >> 48] - 1];
    n = flat->first[(key >> 48) + 1] - flat->first[key >> 48] + 1;
    low = (uint32_t) (key >> 16);

    while (n > 1) {
        half = n / 2;
        r = r[half].low <= low ? r + half : r;
        n -= half;
    }

    return r->answer;
}


#endif /* SP_GEO_FLAT_H */

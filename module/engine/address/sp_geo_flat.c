
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the making of the flat form: one walk over the tree, in
 * the order of the addresses.
 */


#include <stdlib.h>
#include <sys/mman.h>

#include "sp_geo_flat.h"


#define SP_GEO_RANGES  ((size_t) 1 << 23)   /* 64 MiB: a tree is better then */
#define SP_GEO_PAGE    ((size_t) 2 << 20)   /* a large one */


typedef struct {
    const MMDB_s    *mmdb;
    sp_geo_flat_t   *flat;
    sp_geo_leaf_pt   leaf;
    const void      *data;
    unsigned         bits;
    uint32_t         other;
    uint32_t         blocks;     /* that have begun */
} sp_geo_flattening_t;


static sp_rc_t sp_geo_flat_node(sp_geo_flattening_t *f, uint64_t node,
    uint64_t key, unsigned depth);
static sp_rc_t sp_geo_flat_add(sp_geo_flattening_t *f, uint64_t key,
    sp_geo_answer_t answer);
static void sp_geo_flat_begin(sp_geo_flattening_t *f, uint32_t block);
static sp_geo_flat_t *sp_geo_flat_settle(sp_geo_flat_t *flat);


sp_geo_flat_t *
sp_geo_flatten(const MMDB_s *mmdb, uint32_t node, unsigned bits,
    uint32_t other, sp_geo_leaf_pt leaf, const void *data)
{
    sp_geo_flattening_t  f;

    memset(&f, 0, sizeof(f));

    f.mmdb = mmdb;
    f.leaf = leaf;
    f.data = data;
    f.bits = bits;
    f.other = other;
    f.flat = calloc(1, sizeof(sp_geo_flat_t));

    if (f.flat == NULL) {
        return NULL;
    }

    if (sp_geo_flat_add(&f, 0, SP_GEO_NO_ANSWER + SP_GEO_ABSENT) != SP_OK
        || sp_geo_flat_node(&f, node, 0, 0) != SP_OK)
    {
        free(f.flat->ranges);
        free(f.flat);
        return NULL;
    }

    sp_geo_flat_begin(&f, SP_GEO_BLOCKS);

    return sp_geo_flat_settle(f.flat);
}


/* Left before right, so that keys come in order; "bits" deep at most. */

static sp_rc_t
sp_geo_flat_node(sp_geo_flattening_t *f, uint64_t node, uint64_t key,
    unsigned depth)
{
    sp_rc_t             rc;
    unsigned            side, type;
    sp_geo_answer_t     answer;
    MMDB_search_node_s  n;

    if (depth == f->bits || (depth != 0 && node == f->other)) {
        return sp_geo_flat_add(f, key, SP_GEO_TREE);
    }

    if (MMDB_read_node(f->mmdb, (uint32_t) node, &n) != MMDB_SUCCESS) {
        return SP_ERROR;
    }

    for (side = 0; side < 2; side++) {
        key |= (uint64_t) side << (63 - depth);
        type = side ? n.right_record_type : n.left_record_type;

        if (type == MMDB_RECORD_TYPE_SEARCH_NODE) {
            rc = sp_geo_flat_node(f, side ? n.right_record : n.left_record,
                                  key, depth + 1);

        } else {
            answer = SP_GEO_NO_ANSWER + SP_GEO_ABSENT;

            if (type != MMDB_RECORD_TYPE_EMPTY) {
                answer = f->leaf(f->data, side ? n.right_record_entry
                                               : n.left_record_entry);
            }

            rc = sp_geo_flat_add(f, key, answer);
        }

        if (rc != SP_OK) {
            return SP_ERROR;
        }
    }

    return SP_OK;
}


/* From "key" on it is "answer". */

static sp_rc_t
sp_geo_flat_add(sp_geo_flattening_t *f, uint64_t key, sp_geo_answer_t answer)
{
    void           *p;
    sp_geo_flat_t  *flat;

    flat = f->flat;

    if (flat->n != 0 && flat->ranges[flat->n - 1].answer == answer) {
        return SP_OK;
    }

    if (flat->n == flat->room) {

        if (flat->room == SP_GEO_RANGES) {
            return SP_ERROR;
        }

        flat->room = flat->room ? flat->room * 2 : 4096;
        p = realloc(flat->ranges, flat->room * sizeof(sp_geo_range_t));

        if (p == NULL) {
            return SP_ERROR;
        }

        flat->ranges = p;
    }

    if (flat->n != 0) {
        sp_geo_flat_begin(f, (uint32_t) (key >> 48));
    }

    flat->ranges[flat->n].low = (uint32_t) (key >> 16);
    flat->ranges[flat->n].answer = answer;
    flat->n++;

    return SP_OK;
}


/* The next range is the first that may be in this block. */

static void
sp_geo_flat_begin(sp_geo_flattening_t *f, uint32_t block)
{
    while (f->blocks <= block) {
        f->flat->first[f->blocks++] = (uint32_t) f->flat->n;
    }
}


/*
 * Where it stays: look-ups go all over it, so that small pages would cost the
 * processor more than the search. Large ones are asked for, not relied on.
 */

static sp_geo_flat_t *
sp_geo_flat_settle(sp_geo_flat_t *flat)
{
    void    *p;
    size_t   size;

    size = flat->n * sizeof(sp_geo_range_t);

    p = aligned_alloc(SP_GEO_PAGE, (size + SP_GEO_PAGE - 1)
                                   & ~(SP_GEO_PAGE - 1));

    if (p != NULL) {
        (void) madvise(p, (size + SP_GEO_PAGE - 1) & ~(SP_GEO_PAGE - 1),
                       MADV_HUGEPAGE);
        memcpy(p, flat->ranges, size);
        free(flat->ranges);
        flat->ranges = p;
    }

    return flat;
}


void
sp_geo_flat_free(sp_geo_flat_t *flat)
{
    if (flat != NULL) {
        free(flat->ranges);
        free(flat);
    }
}

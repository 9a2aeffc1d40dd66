
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the reading of a database from end to end, before it is
 * believed.
 */


#include <stdlib.h>

#include "sp_geo_room.h"


/* One node on the way from the root to the place where the walk is. */
typedef struct {
    uint32_t  node;
    unsigned  side;          /* branches done */
    unsigned  height;        /* of the higher of those */
} sp_geo_step_t;


typedef struct {
    uint8_t        *heights;             /* of each node, 0: not walked */
    uint64_t        good;                /* records with what is asked */
    sp_geo_step_t   steps[128];
} sp_geo_walk_t;


static sp_rc_t sp_geo_walk(sp_geo_t *geo, sp_geo_walk_t *walk);
static sp_rc_t sp_geo_branch(sp_geo_t *geo, sp_geo_walk_t *walk,
    uint32_t number, unsigned side, uint64_t *child);


/*
 * Walks the search tree once, and reads the record behind each leaf. After
 * this no look-up can fail: a damaged database is refused now, not when a
 * request meets it. Subtrees may be shared, so a node's height is kept; a
 * path longer than an address has bits is a loop.
 */

sp_rc_t
sp_geo_check(sp_geo_t *geo, uint64_t *good)
{
    sp_rc_t         rc;
    sp_geo_walk_t  *walk;

    walk = calloc(1, sizeof(sp_geo_walk_t));

    if (walk == NULL) {
        return SP_ERROR;
    }

    walk->heights = calloc(geo->info.node_count, 1);

    rc = walk->heights == NULL ? SP_ERROR : sp_geo_walk(geo, walk);
    *good = walk->good;

    free(walk->heights);
    free(walk);

    return rc;
}


static sp_rc_t
sp_geo_walk(sp_geo_t *geo, sp_geo_walk_t *walk)
{
    unsigned        max, top;
    uint64_t        child;
    sp_rc_t         rc;
    sp_geo_step_t  *step;

    max = geo->info.ip_version == 6 ? 128 : 32;
    top = 0;
    walk->steps[0].node = 0;
    walk->steps[0].side = 0;
    walk->steps[0].height = 0;

    for ( ;; ) {
        step = &walk->steps[top];

        if (step->side == 2) {
            walk->heights[step->node] = (uint8_t) (step->height + 1);

            if (step->height >= max) {
                return SP_ERROR;
            }

            if (top == 0) {
                return SP_OK;
            }

            top--;

            if (walk->steps[top].height <= step->height) {
                walk->steps[top].height = step->height + 1;
            }

            continue;
        }

        rc = sp_geo_branch(geo, walk, step->node, step->side++, &child);

        if (rc == SP_ERROR) {
            return SP_ERROR;
        }

        if (rc == SP_DECLINED) {
            continue;
        }

        if (walk->heights[child] != 0) {

            if (step->height < walk->heights[child]) {
                step->height = walk->heights[child];
            }

            continue;
        }

        if (++top == max) {
            return SP_ERROR;
        }

        walk->steps[top].node = (uint32_t) child;
        walk->steps[top].side = 0;
        walk->steps[top].height = 0;
    }
}


/* SP_OK: "child" is a node; SP_DECLINED: a leaf, and its record is fine. */

static sp_rc_t
sp_geo_branch(sp_geo_t *geo, sp_geo_walk_t *walk, uint32_t number,
    unsigned side, uint64_t *child)
{
    unsigned            good;
    MMDB_entry_s        entry;
    sp_geo_answer_t     answer;
    sp_geo_known_t     *known;
    MMDB_search_node_s  node;

    if (MMDB_read_node(&geo->mmdb, number, &node) != MMDB_SUCCESS) {
        return SP_ERROR;
    }

    *child = side ? node.right_record : node.left_record;
    entry = side ? node.right_record_entry : node.left_record_entry;

    switch (side ? node.right_record_type : node.left_record_type) {

    case MMDB_RECORD_TYPE_SEARCH_NODE:
        return *child < geo->info.node_count ? SP_OK : SP_ERROR;

    case MMDB_RECORD_TYPE_EMPTY:
        return SP_DECLINED;

    case MMDB_RECORD_TYPE_DATA:
        break;

    default: /* MMDB_RECORD_TYPE_INVALID */
        return SP_ERROR;
    }

    /* Many leaves share a record; one read lately is not read again. */

    known = &geo->known[sp_geo_slot(entry.offset)];

    if (known->offset == entry.offset + 1) {
        return SP_DECLINED;
    }

    answer = sp_geo_learn(geo, entry, &good);

    if (answer == SP_GEO_NO_ANSWER + SP_GEO_FAILED) {
        return SP_ERROR;
    }

    known->offset = entry.offset + 1;
    known->answer = answer;
    walk->good += good;

    return SP_DECLINED;
}

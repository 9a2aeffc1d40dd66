
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains a comparison while it is made. Private to its folder.
 */


#ifndef SP_DIFF_STATE_H
#define SP_DIFF_STATE_H


#include "sp_analyse.h"
#include "sp_outcome.h"


#define SP_DIFF_REGIONS  200     /* shown; "any" counts all */
#define SP_DIFF_FACTS    24      /* of one region */
#define SP_DIFF_TEXT     200     /* bytes of one */


struct sp_diff_s {
    int               done;
    int               any[SP_DIFF_KINDS];
    sp_space_t       *space;
    sp_outcome_t     *outcomes[2];     /* before, after */
    unsigned char   **hull;            /* scratch: values seen */
    unsigned char   **base;            /* ... among those to compare with */
    sp_diff_region_t  regions[SP_DIFF_REGIONS];
    unsigned          n;
};


/* Adds a region; before and after may be empty: then the example says. */
void sp_diff_add(sp_diff_t *diff, sp_diff_kind_t kind, sp_dd_t where,
    sp_str_t rule, sp_str_t before, sp_str_t after);

/* Regions are described by what sets them apart from these requests. */
void sp_diff_among(sp_diff_t *diff, sp_dd_t among);

/* sp_diff_throttle.c */
void sp_diff_throttles(sp_diff_t *diff);

/*
 * sp_diff_fact.c: what values of a variable are seen, as text; 0 if it is all
 * that there are.
 */
int sp_diff_fact(const sp_space_t *space, unsigned var,
    const unsigned char *seen, const unsigned char *base, char *buf,
    size_t size);

/* A copy that lives as long as the comparison. */
sp_str_t sp_diff_keep(sp_diff_t *diff, const char *text);


#endif /* SP_DIFF_STATE_H */

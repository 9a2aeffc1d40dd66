
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains decision diagrams over variables of several values:
 * reduced, ordered, each kept once, so that equal functions are equal
 * numbers. Private to the analysis.
 */


#ifndef SP_DD_H
#define SP_DD_H


#include "sp_base.h"


#define SP_DD_WIDTH    4096      /* values of one variable, at most */
#define SP_DD_NODES    200000    /* the cap: beyond, nothing is claimed */
#define SP_DD_STEPS    20000000  /* of work, so that no policy hangs it */


typedef uint32_t          sp_dd_t;       /* a function: one node */
typedef struct sp_dds_s   sp_dds_t;      /* all of one analysis */

#define SP_DD_FALSE  0u
#define SP_DD_TRUE   1u


/* "widths": how many values each of n variables has. NULL: no memory. */
sp_dds_t *sp_dds_create(const uint32_t *widths, unsigned n);
void sp_dds_destroy(sp_dds_t *dds);

/*
 * 1 once a cap was reached or memory ran out: what was computed since means
 * nothing and no claim may rest on it.
 */
int sp_dds_full(const sp_dds_t *dds);

/* Nodes made so far. */
uint32_t sp_dds_nodes(const sp_dds_t *dds);

/* The function that is children[value of var]. */
sp_dd_t sp_dd_node(sp_dds_t *dds, unsigned var, const sp_dd_t *children);

sp_dd_t sp_dd_and(sp_dds_t *dds, sp_dd_t a, sp_dd_t b);
sp_dd_t sp_dd_or(sp_dds_t *dds, sp_dd_t a, sp_dd_t b);
sp_dd_t sp_dd_minus(sp_dds_t *dds, sp_dd_t a, sp_dd_t b);

#define sp_dd_not(dds, a)  sp_dd_minus(dds, SP_DD_TRUE, a)

/* 1 if no assignment fulfils both. */
int sp_dd_apart(sp_dds_t *dds, sp_dd_t a, sp_dd_t b);

/*
 * An assignment that fulfils "a" (not false): values[] gets one of each
 * variable. By "turn" 0 always the lowest that will do, by others one or the
 * other.
 */
void sp_dd_path(const sp_dds_t *dds, sp_dd_t a, unsigned turn,
    uint32_t *values);

/* Value of the function at values[]. */
int sp_dd_at(const sp_dds_t *dds, sp_dd_t a, const uint32_t *values);

/*
 * Which values of each variable occur where "a" is true: seen[var][value] is
 * set to 1. A variable that "a" does not test has all of its values.
 */
void sp_dd_hull(sp_dds_t *dds, sp_dd_t a, unsigned char **seen);


#endif /* SP_DD_H */

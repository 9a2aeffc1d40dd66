
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains decision diagrams of several values. Nodes are found by
 * a hash of what they say, results of operations in a cache that may forget.
 * Both are bounded: past the caps all answers are void, and say so.
 */


#include <stdlib.h>

#include "sp_dd.h"


#define SP_DD_TABLE   (1u << 19)    /* more than twice SP_DD_NODES */
#define SP_DD_CACHE   (1u << 16)
#define SP_DD_KIDS    (16u * 1024 * 1024)

typedef enum {
    SP_DD_OP_AND = 1,
    SP_DD_OP_OR,
    SP_DD_OP_MINUS,
    SP_DD_OP_APART
} sp_dd_op_t;


typedef struct {
    uint32_t  var;
    uint32_t  kids;      /* index of the first child */
} sp_dd_entry_t;

typedef struct {
    sp_dd_t   a, b;
    uint32_t  op;
    sp_dd_t   result;
} sp_dd_memo_t;


struct sp_dds_s {
    unsigned        nvars;
    uint32_t       *widths;
    sp_dd_entry_t  *nodes;
    uint32_t        n, max;
    sp_dd_t        *kids;
    uint32_t        nkids, maxkids;
    uint32_t       *table;       /* node, or 0 */
    sp_dd_memo_t   *cache;
    uint64_t        steps;
    int             full;
};


static sp_dd_t sp_dd_apply(sp_dds_t *dds, unsigned op, sp_dd_t a, sp_dd_t b);
static int sp_dd_trivial(unsigned op, sp_dd_t a, sp_dd_t b, sp_dd_t *result);
static int sp_dd_room(sp_dds_t *dds, uint32_t width);
static uint32_t sp_dd_hash(unsigned var, const sp_dd_t *kids, uint32_t n);


static inline uint32_t
sp_dd_mix(uint32_t h, uint32_t x)
{
    h = (h ^ x) * 0x9e3779b1u;

    return h ^ (h >> 15);
}


static inline uint32_t
sp_dd_var(const sp_dds_t *dds, sp_dd_t a)
{
    return dds->nodes[a].var;
}


static inline sp_dd_t
sp_dd_kid(const sp_dds_t *dds, sp_dd_t a, uint32_t i)
{
    return dds->kids[dds->nodes[a].kids + i];
}


sp_dds_t *
sp_dds_create(const uint32_t *widths, unsigned n)
{
    sp_dds_t  *dds;

    dds = calloc(1, sizeof(sp_dds_t));
    if (dds == NULL) {
        return NULL;
    }

    dds->nvars = n;
    dds->max = 4096;
    dds->maxkids = 65536;

    dds->widths = calloc(n + 1, sizeof(uint32_t));
    dds->nodes = calloc(dds->max, sizeof(sp_dd_entry_t));
    dds->kids = calloc(dds->maxkids, sizeof(sp_dd_t));
    dds->table = calloc(SP_DD_TABLE, sizeof(uint32_t));
    dds->cache = calloc(SP_DD_CACHE, sizeof(sp_dd_memo_t));

    if (dds->widths == NULL || dds->nodes == NULL || dds->kids == NULL
        || dds->table == NULL || dds->cache == NULL)
    {
        sp_dds_destroy(dds);
        return NULL;
    }

    if (n != 0) {
        memcpy(dds->widths, widths, n * sizeof(uint32_t));
    }

    /* the two ends stand below all variables */

    dds->nodes[SP_DD_FALSE].var = n;
    dds->nodes[SP_DD_TRUE].var = n;
    dds->n = 2;

    return dds;
}


void
sp_dds_destroy(sp_dds_t *dds)
{
    if (dds == NULL) {
        return;
    }

    free(dds->widths);
    free(dds->nodes);
    free(dds->kids);
    free(dds->table);
    free(dds->cache);
    free(dds);
}


int
sp_dds_full(const sp_dds_t *dds)
{
    return dds->full;
}


uint32_t
sp_dds_nodes(const sp_dds_t *dds)
{
    return dds->n;
}


static uint32_t
sp_dd_hash(unsigned var, const sp_dd_t *kids, uint32_t n)
{
    uint32_t  h, i;

    h = sp_dd_mix(2166136261u, var);

    for (i = 0; i < n; i++) {
        h = sp_dd_mix(h, kids[i]);
    }

    return h;
}


/* Room for one more node with so many children; 0 if there is none. */

static int
sp_dd_room(sp_dds_t *dds, uint32_t width)
{
    void  *grown;

    if (dds->n == SP_DD_NODES || dds->nkids + width > SP_DD_KIDS) {
        return 0;
    }

    if (dds->n == dds->max) {
        grown = realloc(dds->nodes, 2u * dds->max * sizeof(sp_dd_entry_t));
        if (grown == NULL) {
            return 0;
        }

        dds->nodes = grown;
        dds->max *= 2;
    }

    while (dds->nkids + width > dds->maxkids) {
        grown = realloc(dds->kids, 2u * dds->maxkids * sizeof(sp_dd_t));
        if (grown == NULL) {
            return 0;
        }

        dds->kids = grown;
        dds->maxkids *= 2;
    }

    return 1;
}


sp_dd_t
sp_dd_node(sp_dds_t *dds, unsigned var, const sp_dd_t *children)
{
    uint32_t  i, width, at;

    width = dds->widths[var];

    for (i = 1; i < width && children[i] == children[0]; i++) { /* void */ }

    if (i == width || dds->full) {
        return children[0];
    }

    at = sp_dd_hash(var, children, width) & (SP_DD_TABLE - 1);

    for ( /* void */ ; dds->table[at] != 0; at = (at + 1) & (SP_DD_TABLE - 1))
    {
        i = dds->table[at];

        if (dds->nodes[i].var == var
            && memcmp(&dds->kids[dds->nodes[i].kids], children,
                      width * sizeof(sp_dd_t)) == 0)
        {
            return i;
        }
    }

    if (!sp_dd_room(dds, width)) {
        dds->full = 1;
        return SP_DD_FALSE;
    }

    dds->nodes[dds->n].var = var;
    dds->nodes[dds->n].kids = dds->nkids;
    memcpy(&dds->kids[dds->nkids], children, width * sizeof(sp_dd_t));

    dds->nkids += width;
    dds->table[at] = dds->n;

    return dds->n++;
}


sp_dd_t
sp_dd_and(sp_dds_t *dds, sp_dd_t a, sp_dd_t b)
{
    return sp_dd_apply(dds, SP_DD_OP_AND, a, b);
}


sp_dd_t
sp_dd_or(sp_dds_t *dds, sp_dd_t a, sp_dd_t b)
{
    return sp_dd_apply(dds, SP_DD_OP_OR, a, b);
}


sp_dd_t
sp_dd_minus(sp_dds_t *dds, sp_dd_t a, sp_dd_t b)
{
    return sp_dd_apply(dds, SP_DD_OP_MINUS, a, b);
}


int
sp_dd_apart(sp_dds_t *dds, sp_dd_t a, sp_dd_t b)
{
    return sp_dd_apply(dds, SP_DD_OP_APART, a, b) == SP_DD_TRUE;
}


/* What needs no look at the nodes. */

static int
sp_dd_trivial(unsigned op, sp_dd_t a, sp_dd_t b, sp_dd_t *result)
{
    switch (op) {

    case SP_DD_OP_AND:
        if (a == SP_DD_FALSE || b == SP_DD_FALSE) {
            *result = SP_DD_FALSE;

        } else if (a == SP_DD_TRUE || a == b) {
            *result = b;

        } else if (b == SP_DD_TRUE) {
            *result = a;

        } else {
            return 0;
        }

        return 1;

    case SP_DD_OP_OR:
        if (a == SP_DD_TRUE || b == SP_DD_TRUE) {
            *result = SP_DD_TRUE;

        } else if (a == SP_DD_FALSE || a == b) {
            *result = b;

        } else if (b == SP_DD_FALSE) {
            *result = a;

        } else {
            return 0;
        }

        return 1;

    case SP_DD_OP_MINUS:
        if (a == SP_DD_FALSE || b == SP_DD_TRUE || a == b) {
            *result = SP_DD_FALSE;

        } else if (b == SP_DD_FALSE) {
            *result = a;

        } else {
            return 0;
        }

        return 1;

    default: /* SP_DD_OP_APART */
        if (a == SP_DD_FALSE || b == SP_DD_FALSE) {
            *result = SP_DD_TRUE;

        } else if (a == SP_DD_TRUE || b == SP_DD_TRUE || a == b) {
            *result = SP_DD_FALSE;

        } else {
            return 0;
        }

        return 1;
    }
}


static sp_dd_t
sp_dd_apply(sp_dds_t *dds, unsigned op, sp_dd_t a, sp_dd_t b)
{
    int            in_a, in_b;
    sp_dd_t        result, swap, *kids, few[64];
    uint32_t       i, var, width;
    sp_dd_memo_t  *memo;

    if (dds->full) {
        return SP_DD_FALSE;
    }

    if (sp_dd_trivial(op, a, b, &result)) {
        return result;
    }

    if (op != SP_DD_OP_MINUS && a > b) {
        swap = a;
        a = b;
        b = swap;
    }

    memo = &dds->cache[sp_dd_mix(sp_dd_mix(op, a), b) & (SP_DD_CACHE - 1)];

    if (memo->op == op && memo->a == a && memo->b == b) {
        return memo->result;
    }

    var = sp_dd_var(dds, a) < sp_dd_var(dds, b) ? sp_dd_var(dds, a)
                                                : sp_dd_var(dds, b);
    width = dds->widths[var];
    dds->steps += width;

    if (dds->steps > SP_DD_STEPS) {
        dds->full = 1;
        return SP_DD_FALSE;
    }

    in_a = sp_dd_var(dds, a) == var;
    in_b = sp_dd_var(dds, b) == var;

    kids = few;

    if (width > sp_nelts(few)) {
        kids = malloc(width * sizeof(sp_dd_t));
        if (kids == NULL) {
            dds->full = 1;
            return SP_DD_FALSE;
        }
    }

    result = SP_DD_TRUE;

    for (i = 0; i < width; i++) {
        kids[i] = sp_dd_apply(dds, op, in_a ? sp_dd_kid(dds, a, i) : a,
                              in_b ? sp_dd_kid(dds, b, i) : b);

        if (op == SP_DD_OP_APART && kids[i] == SP_DD_FALSE) {
            result = SP_DD_FALSE;
            break;
        }
    }

    if (op != SP_DD_OP_APART) {
        result = sp_dd_node(dds, var, kids);
    }

    if (kids != few) {
        free(kids);
    }

    if (!dds->full) {
        memo->op = op;
        memo->a = a;
        memo->b = b;
        memo->result = result;
    }

    return result;
}


void
sp_dd_path(const sp_dds_t *dds, sp_dd_t a, unsigned turn, uint32_t *values)
{
    uint32_t  i, var, width;

    memset(values, 0, dds->nvars * sizeof(uint32_t));

    while (a > SP_DD_TRUE) {
        var = sp_dd_var(dds, a);
        width = dds->widths[var];
        i = 0;

        /* each time some variables start elsewhere */

        if (turn != 0 && sp_dd_mix(turn, var) % 3 == 0) {
            i = sp_dd_mix(var, turn) % width;
        }

        while (sp_dd_kid(dds, a, i) == SP_DD_FALSE) {
            i = (i + 1) % width;
        }

        values[var] = i;
        a = sp_dd_kid(dds, a, i);
    }
}


int
sp_dd_at(const sp_dds_t *dds, sp_dd_t a, const uint32_t *values)
{
    while (a > SP_DD_TRUE) {
        a = sp_dd_kid(dds, a, values[sp_dd_var(dds, a)]);
    }

    return (int) a;
}


void
sp_dd_hull(sp_dds_t *dds, sp_dd_t a, unsigned char **seen)
{
    uint32_t        i, k, v, *stack, n;
    sp_dd_t         kid;
    unsigned char  *met;

    met = calloc(dds->n, 1);
    stack = malloc(dds->n * sizeof(uint32_t));

    if (met == NULL || stack == NULL) {
        dds->full = 1;
        free(met);
        free(stack);
        return;
    }

    /* an edge that passes over a variable lets it have any value */

    n = 0;

    if (a != SP_DD_FALSE) {
        for (v = 0; v < sp_dd_var(dds, a); v++) {
            memset(seen[v], 1, dds->widths[v]);
        }

        stack[n++] = a;
        met[a] = 1;
    }

    while (n != 0) {
        i = stack[--n];

        if (i <= SP_DD_TRUE) {
            continue;
        }

        for (k = 0; k < dds->widths[sp_dd_var(dds, i)]; k++) {
            kid = sp_dd_kid(dds, i, k);

            if (kid == SP_DD_FALSE) {
                continue;
            }

            seen[sp_dd_var(dds, i)][k] = 1;

            for (v = sp_dd_var(dds, i) + 1; v < sp_dd_var(dds, kid); v++) {
                memset(seen[v], 1, dds->widths[v]);
            }

            if (!met[kid]) {
                met[kid] = 1;
                stack[n++] = kid;
            }
        }
    }

    free(met);
    free(stack);
}

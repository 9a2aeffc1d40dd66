
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains a policy while it is compiled. Private to the engine.
 */


#ifndef SP_POLICY_EMIT_H
#define SP_POLICY_EMIT_H


#include "sp_expr.h"


typedef struct {
    sp_load_t      *load;
    unsigned char  *base;      /* NULL while sizes are counted */
    size_t          used;      /* of the part behind the tables */
    size_t          strings;   /* of the pool */
    uint32_t        node;      /* next */
    uint32_t        set;
    uint32_t        rate;
    uint32_t        throttle;
    sp_policy_t    *policy;
    sp_policy_t     counts;
} sp_emit_t;


/* Where the next table goes; NULL while sizes are counted. */
void *sp_emit_room(sp_emit_t *e, size_t size, uint32_t *off);

/* Puts a string into the pool. */
sp_ref_t sp_emit_str(sp_emit_t *e, sp_str_t s);

/* A list; returns its index. */
uint32_t sp_emit_set(sp_emit_t *e, sp_lset_t *set);

void sp_emit_reasons(sp_emit_t *e);
void sp_emit_tiers(sp_emit_t *e);
void sp_emit_own(sp_emit_t *e);
void sp_emit_aliases(sp_emit_t *e);
void sp_emit_routes(sp_emit_t *e);

/* sp_policy_emit_meter.c */
void sp_emit_throttle(sp_emit_t *e, const sp_lrule_t *rule, sp_rule_t *r);
void sp_emit_prices(sp_emit_t *e);


#endif /* SP_POLICY_EMIT_H */

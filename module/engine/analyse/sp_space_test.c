
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tests of policies: which variables each
 * needs, and which of them are one and the same.
 */


#include "sp_space.h"


static void sp_space_test(sp_space_t *space, unsigned policy, uint32_t at);
static uint32_t sp_space_lone(sp_space_t *space, sp_var_kind_t kind,
    unsigned policy, uint32_t at);
static int sp_space_same(const sp_space_t *space, unsigned p1,
    const sp_node_t *a, unsigned p2, const sp_node_t *b);
static int sp_space_same_set(const sp_policy_t *p1, const sp_set_t *a,
    const sp_policy_t *p2, const sp_set_t *b);


void
sp_space_tests(sp_space_t *space, unsigned policy)
{
    uint32_t            i;
    const sp_rule_t    *rule;
    const sp_policy_t  *p;

    p = space->policies[policy];

    space->atoms[policy] = sp_arena_alloc(space->arena, (p->nnodes + 1)
                                                        * sizeof(sp_atom_t));
    if (space->atoms[policy] == NULL) {
        space->failed = 1;
        return;
    }

    for (i = 0; i < p->nnodes && !space->failed; i++) {
        sp_space_test(space, policy, i);
    }

    for (i = 0; i < p->nrules && !space->failed; i++) {
        rule = sp_image_rule(p, i);

        if (rule->kind == SP_RULE_EXCEPTION) {
            (void) sp_space_var(space, SP_F_ACCOUNT_ID);
        }

        if (rule->by != SP_NO_FIELD) {
            (void) sp_space_var(space, sp_space_here(space, policy, rule->by));
        }

        if (rule->share != 0 && rule->kind != SP_RULE_EXCEPTION) {
            (void) sp_space_lone(space, SP_VAR_CANARY, policy, i);
        }
    }
}


/* The variables that one test needs. */

static void
sp_space_test(sp_space_t *space, unsigned policy, uint32_t at)
{
    int               one, two;
    sp_atom_t        *atom;
    const sp_node_t  *node;

    node = sp_space_node(space, policy, at);
    atom = &space->atoms[policy][at];

    switch (node->op) {

    case SP_OP_AND:
    case SP_OP_OR:
    case SP_OP_NOT:
        return;

    case SP_OP_SHARE:
        atom->var = sp_space_lone(space, SP_VAR_SHARE, policy, at);
        return;

    case SP_OP_CONTROL:
        atom->var = sp_space_lone(space, SP_VAR_TEST, policy, at);
        return;

    case SP_OP_PLACES:
    case SP_OP_NAMES:
        (void) sp_space_var(space, node->field);
        atom->var = sp_space_lone(space, SP_VAR_TEST, policy, at);
        return;

    case SP_OP_SAME:
    case SP_OP_WITHIN:
        one = sp_space_var(space, node->field);
        two = sp_space_var(space, node->other);
        atom->var = (uint32_t) one;

        if (one != two) {
            atom->var = sp_space_lone(space, SP_VAR_TEST, policy, at);
        }

        return;

    default:
        atom->var = (uint32_t) sp_space_var(space, node->field);
    }
}


/* A variable of its own; the same test, list or canary has the same one. */

static uint32_t
sp_space_lone(sp_space_t *space, sp_var_kind_t kind, unsigned policy,
    uint32_t at)
{
    uint32_t          i;
    sp_var_t         *var;
    const sp_rule_t  *a, *b;

    for (i = 0; i < space->nvars; i++) {
        var = &space->vars[i];

        if (var->kind != kind) {
            continue;
        }

        if (kind == SP_VAR_CANARY) {
            a = sp_image_rule(space->policies[policy], at);
            b = sp_image_rule(space->policies[var->policy], var->node);

            if (a->share == b->share
                && sp_str_eq(sp_image_str(space->policies[policy], a->id),
                             sp_image_str(space->policies[var->policy],
                                          b->id)))
            {
                return i;
            }

        } else if (sp_space_same(space, policy,
                                 sp_space_node(space, policy, at),
                                 var->policy,
                                 sp_space_node(space, var->policy,
                                               var->node)))
        {
            return i;
        }
    }

    var = sp_space_add(space);
    if (var == NULL) {
        return 0;
    }

    var->kind = kind;
    var->policy = policy;
    var->node = at;
    var->fields[0] = var->fields[1] = -1;

    return space->nvars - 1;
}


/* But for "not in", which the variable does not know of. */

static int
sp_space_same(const sp_space_t *space, unsigned p1, const sp_node_t *a,
    unsigned p2, const sp_node_t *b)
{
    if (a->op != b->op || a->field != b->field || a->other != b->other
        || (a->set == SP_NO_SET) != (b->set == SP_NO_SET))
    {
        return 0;
    }

    return a->set == SP_NO_SET
           || sp_space_same_set(space->policies[p1],
                                sp_image_set(space->policies[p1], a->set),
                                space->policies[p2],
                                sp_image_set(space->policies[p2], b->set));
}


static int
sp_space_same_set(const sp_policy_t *p1, const sp_set_t *a,
    const sp_policy_t *p2, const sp_set_t *b)
{
    size_t          size;
    uint32_t        i;
    const sp_ref_t  *x, *y;

    if (a->type != b->type || a->n != b->n || a->nglobs != 0
        || b->nglobs != 0
        || memcmp(&a->countries, &b->countries, sizeof(a->countries)) != 0
        || memcmp(&a->parts, &b->parts, sizeof(a->parts)) != 0)
    {
        return p1 == p2 && a == b;
    }

    switch (a->type) {

    case SP_LIST_COUNTRY:
    case SP_LIST_REGION:
    case SP_LIST_PLACE:
        size = sizeof(sp_place_t);
        break;

    case SP_LIST_ASN:
        size = sizeof(uint32_t);
        break;

    case SP_LIST_CIDR:
        size = sizeof(sp_network_t);
        break;

    default:
        x = sp_image_at(p1, a->items, sp_ref_t);
        y = sp_image_at(p2, b->items, sp_ref_t);

        for (i = 0; i < a->n && sp_str_eq(sp_image_str(p1, x[i]),
                                          sp_image_str(p2, y[i])); i++)
        { /* void */ }

        return i == a->n;
    }

    return a->n == 0
           || memcmp(sp_image_at(p1, a->items, unsigned char),
                     sp_image_at(p2, b->items, unsigned char), a->n * size)
              == 0;
}


int
sp_space_canary(const sp_space_t *space, unsigned policy, uint32_t rule)
{
    uint32_t          i;
    const sp_rule_t  *a, *b;

    a = sp_image_rule(space->policies[policy], rule);

    for (i = 0; i < space->nvars; i++) {

        if (space->vars[i].kind != SP_VAR_CANARY) {
            continue;
        }

        b = sp_image_rule(space->policies[space->vars[i].policy],
                          space->vars[i].node);

        if (a->share == b->share
            && sp_str_eq(sp_image_str(space->policies[policy], a->id),
                         sp_image_str(space->policies[space->vars[i].policy],
                                      b->id)))
        {
            return (int) i;
        }
    }

    return -1;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the space of requests: which variables the tests of
 * policies need, which values of each no test tells apart, and conditions as
 * diagrams over them. Truth comes from the evaluator itself, so that the
 * analysis and the gate cannot disagree about a test.
 */


#include <stdlib.h>

#include "sp_space.h"


static void sp_space_teams(sp_space_t *space);
static void sp_space_atoms(sp_space_t *space, unsigned policy);
static void sp_space_atom(sp_space_t *space, unsigned policy, uint32_t at,
    sp_facts_t *facts);
static int sp_space_closes(const sp_policy_t *policy);
static void sp_space_diagrams(sp_space_t *space);


sp_space_t *
sp_space_create(const sp_policy_t *const *policies, unsigned n, int64_t now)
{
    unsigned     i;
    sp_space_t  *space;

    space = calloc(1, sizeof(sp_space_t));
    if (space == NULL) {
        return NULL;
    }

    space->now = now;
    space->npolicies = n;
    space->arena = sp_arena_create();
    space->nfields = SP_FIELDS;

    if (space->arena == NULL) {
        free(space);
        return NULL;
    }

    for (i = 0; i < n; i++) {
        space->policies[i] = policies[i];
    }

    for (i = 0; i < SP_SPACE_FIELDS; i++) {
        space->of[i] = -1;
        space->team[i] = (int) i;
    }

    space->team[SP_F_IP_REGION] = space->team[SP_F_IP_COUNTRY];

    sp_space_fields(space);

    if (space->failed) {
        return space;
    }

    sp_space_universe(space);
    sp_space_teams(space);

    /* what the built-in refusals and the form of records speak of */

    (void) sp_space_var(space, SP_F_MODEL_TIER);
    (void) sp_space_var(space, SP_F_ACCOUNT_STATUS);
    (void) sp_space_var(space, SP_F_ACCOUNT_TYPE);
    (void) sp_space_var(space, SP_F_ACCOUNT_LEVEL);
    (void) sp_space_var(space, SP_F_NOW);

    for (i = 0; i < n; i++) {
        if (sp_space_closes(space->policies[i])) {
            (void) sp_space_var(space, SP_F_REQUEST_ROUTE);
        }
    }

    for (i = 0; i < n; i++) {
        sp_space_tests(space, i);
    }

    for (i = 0; i < space->nvars && !space->failed; i++) {
        sp_space_classes(space, i);
    }

    if (!space->failed) {
        sp_space_diagrams(space);
    }

    return space;
}


/* Whether it serves other routes than those that ship open. */

static int
sp_space_closes(const sp_policy_t *policy)
{
    int  i;

    for (i = 0; i < sp_route_count(); i++) {

        if (sp_policy_route_open(policy, i) != sp_policy_route_open(NULL, i)) {
            return 1;
        }
    }

    return 0;
}


/* When all variables are known, and how many values each has. */

static void
sp_space_diagrams(sp_space_t *space)
{
    unsigned   i;
    uint32_t  *widths;

    widths = sp_arena_alloc(space->arena, (space->nvars + 1)
                                          * sizeof(uint32_t));

    for (i = 0; widths != NULL && i < space->nvars; i++) {
        widths[i] = space->vars[i].width;
        space->failed |= widths[i] > SP_DD_WIDTH;
    }

    if (widths != NULL && !space->failed) {
        space->dds = sp_dds_create(widths, space->nvars);
    }

    if (space->dds == NULL) {
        space->failed = 1;
        return;
    }

    for (i = 0; i < space->npolicies; i++) {
        sp_space_atoms(space, i);
    }

    if (!space->failed) {
        space->theory = sp_space_theory(space);
        space->ahead = sp_dd_and(space->dds, space->theory,
                                 sp_space_time(space, space->now,
                                               SP_TIME_MAX));
    }
}


void
sp_space_destroy(sp_space_t *space)
{
    unsigned  i;

    if (space == NULL) {
        return;
    }

    for (i = 0; i < space->nvars; i++) {
        free(space->vars[i].cands);
    }

    free(space->vars);
    sp_dds_destroy(space->dds);
    sp_arena_destroy(space->arena);
    free(space);
}


int
sp_space_void(const sp_space_t *space)
{
    return space->failed || sp_dds_full(space->dds);
}


/* Fields that are compared with each other share their classes. */

static void
sp_space_teams(sp_space_t *space)
{
    int               from, to, k;
    uint32_t          i;
    unsigned          p;
    const sp_node_t  *node;

    for (p = 0; p < space->npolicies; p++) {
        for (i = 0; i < space->policies[p]->nnodes; i++) {
            node = sp_space_node(space, p, i);

            if (node->op != SP_OP_SAME && node->op != SP_OP_WITHIN) {
                continue;
            }

            from = space->team[node->other];
            to = space->team[node->field];

            for (k = 0; k < SP_SPACE_FIELDS; k++) {
                if (space->team[k] == from) {
                    space->team[k] = to;
                }
            }
        }
    }
}


sp_var_t *
sp_space_add(sp_space_t *space)
{
    sp_var_t  *grown;

    if (space->nvars == space->maxvars) {
        grown = realloc(space->vars, (2 * space->maxvars + 32)
                                     * sizeof(sp_var_t));
        if (grown == NULL) {
            space->failed = 1;
            return NULL;
        }

        space->vars = grown;
        space->maxvars = 2 * space->maxvars + 32;
    }

    memset(&space->vars[space->nvars], 0, sizeof(sp_var_t));

    return &space->vars[space->nvars++];
}


int
sp_space_var(sp_space_t *space, int field)
{
    size_t     i;
    sp_var_t  *var;

    static const int  pairs[][2] = {
        { SP_F_IP_COUNTRY, SP_F_IP_REGION },
        { SP_F_IP_ADDR, SP_F_IP_CLASS },
        { SP_F_MODEL_ID, SP_F_MODEL_TIER },
        { SP_F_REQUEST_ROUTE, SP_F_REQUEST_DIALECT }
    };

    if (space->of[field] >= 0) {
        return space->of[field];
    }

    var = sp_space_add(space);
    if (var == NULL) {
        return 0;
    }

    var->kind = SP_VAR_FACTS;
    var->fields[0] = field;
    var->fields[1] = -1;

    for (i = 0; i < sp_nelts(pairs); i++) {
        if (field == pairs[i][0] || field == pairs[i][1]) {
            var->fields[0] = pairs[i][0];
            var->fields[1] = pairs[i][1];
        }
    }

    for (i = 0; i < 2; i++) {
        if (var->fields[i] >= 0) {
            space->of[var->fields[i]] = (int) space->nvars - 1;
        }
    }

    return (int) space->nvars - 1;
}


/* Where each test is true and false, over its variable. */

static void
sp_space_atoms(sp_space_t *space, unsigned policy)
{
    uint32_t     i;
    sp_facts_t  *facts;

    facts = calloc(1, sizeof(sp_facts_t));
    if (facts == NULL) {
        space->failed = 1;
        return;
    }

    for (i = 0; i < space->policies[policy]->nnodes; i++) {
        if (sp_space_node(space, policy, i)->op > SP_OP_NOT) {
            sp_space_atom(space, policy, i, facts);
        }
    }

    free(facts);
}


static void
sp_space_atom(sp_space_t *space, unsigned policy, uint32_t at,
    sp_facts_t *facts)
{
    sp_dd_t          *yes, *no;
    unsigned          value;
    uint32_t          c;
    sp_atom_t        *atom;
    const sp_var_t   *var;
    const sp_value_t *v;
    const sp_node_t  *node;

    atom = &space->atoms[policy][at];
    var = &space->vars[atom->var];
    node = sp_space_node(space, policy, at);

    yes = calloc(2 * (size_t) var->width, sizeof(sp_dd_t));
    if (yes == NULL) {
        space->failed = 1;
        return;
    }

    no = yes + var->width;

    for (c = 0; c < var->width; c++) {

        if (var->kind == SP_VAR_TEST) {
            value = node->neg ? SP_TRUE - c : c;

        } else if (var->kind == SP_VAR_SHARE) {
            v = &var->cands[var->first[c]].v[0];
            value = sp_eval_interval(node->cmp, sp_space_low(v),
                                     sp_space_high(v), node->value);

        } else {
            sp_space_put(space, var, &var->cands[var->first[c]], policy,
                         facts);
            value = sp_expr_eval(space->policies[policy], at, facts) & 3;
        }

        yes[c] = value == SP_TRUE;
        no[c] = value == SP_FALSE;
    }

    atom->yes = sp_dd_node(space->dds, atom->var, yes);
    atom->no = sp_dd_node(space->dds, atom->var, no);

    free(yes);
}


void
sp_space_cond(sp_space_t *space, unsigned policy, uint32_t at, sp_dd_t *yes,
    sp_dd_t *no)
{
    sp_dd_t           y, n, swap;
    uint32_t          i, end;
    const sp_node_t  *node;

    if (at == SP_NO_COND) {
        *yes = SP_DD_TRUE;
        *no = SP_DD_FALSE;
        return;
    }

    node = sp_space_node(space, policy, at);
    end = node->end;

    if (node->op > SP_OP_NOT) {
        *yes = space->atoms[policy][at].yes;
        *no = space->atoms[policy][at].no;
        return;
    }

    if (node->op == SP_OP_NOT) {
        sp_space_cond(space, policy, at + 1, yes, no);
        swap = *yes;
        *yes = *no;
        *no = swap;
        return;
    }

    *yes = node->op == SP_OP_AND;
    *no = node->op == SP_OP_OR;

    for (i = at + 1; i < end; i = sp_space_node(space, policy, i)->end) {
        sp_space_cond(space, policy, i, &y, &n);

        if (node->op == SP_OP_AND) {
            *yes = sp_dd_and(space->dds, *yes, y);
            *no = sp_dd_or(space->dds, *no, n);

        } else {
            *yes = sp_dd_or(space->dds, *yes, y);
            *no = sp_dd_and(space->dds, *no, n);
        }
    }
}


sp_dd_t
sp_space_where(sp_space_t *space, int field, sp_space_test_pt test,
    const void *arg)
{
    int              k;
    sp_dd_t         *kids, dd;
    uint32_t         c;
    const sp_var_t  *var;

    if (space->of[field] < 0 || space->failed) {
        space->failed = 1;
        return SP_DD_FALSE;
    }

    var = &space->vars[space->of[field]];
    k = var->fields[1] == field;

    kids = calloc(var->width, sizeof(sp_dd_t));
    if (kids == NULL) {
        space->failed = 1;
        return SP_DD_FALSE;
    }

    for (c = 0; c < var->width; c++) {
        kids[c] = test(space, &var->cands[var->first[c]].v[k], arg) != 0;
    }

    dd = sp_dd_node(space->dds, (unsigned) space->of[field], kids);
    free(kids);

    return dd;
}


typedef struct {
    int64_t  from, until;
} sp_span_t;


static int
sp_space_in_span(const sp_space_t *space, const sp_value_t *v,
    const void *arg)
{
    const sp_span_t  *span = arg;

    return v->u.i >= span->from && v->u.i < span->until;
}


sp_dd_t
sp_space_time(sp_space_t *space, int64_t from, int64_t until)
{
    sp_span_t  span = { from, until };

    return sp_space_where(space, SP_F_NOW, sp_space_in_span, &span);
}


sp_dd_t
sp_space_model(sp_space_t *space, unsigned policy, sp_space_test_pt test,
    const void *arg)
{
    int              at;
    sp_dd_t         *kids, dd;
    uint32_t         c;
    sp_facts_t      *facts;
    const sp_var_t  *var;

    at = space->of[SP_F_MODEL_TIER];
    var = &space->vars[at];
    kids = calloc(var->width, sizeof(sp_dd_t));
    facts = calloc(1, sizeof(sp_facts_t));
    dd = SP_DD_FALSE;

    if (kids == NULL || facts == NULL) {
        space->failed = 1;

    } else {
        for (c = 0; c < var->width; c++) {
            sp_space_put(space, var, &var->cands[var->first[c]], policy,
                         facts);
            kids[c] = test(space, &facts->v[SP_F_MODEL_TIER], arg) != 0;
        }

        dd = sp_dd_node(space->dds, (unsigned) at, kids);
    }

    free(kids);
    free(facts);

    return dd;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains sets as facts (places, tags, who controls): what tests
 * of one set can say together, since each "yes" needs an element for it.
 */


#include <stdlib.h>

#include "sp_space.h"


#define SP_SET_WORK  40000      /* elements times tests; more is let through */


/* All tests of one set, and what they say of each possible element. */
typedef struct {
    int             field;      /* or -1: who controls the account */
    unsigned       *vars;
    uint32_t        nvars;
    unsigned char  *vectors;    /* nvectors times nvars truth values */
    uint32_t        nvectors;
} sp_group_t;


static void sp_set_group(sp_space_t *space, sp_group_t *group);
static void sp_set_vectors(sp_space_t *space, sp_group_t *group);
static void sp_set_vector(sp_space_t *space, sp_group_t *group,
    const sp_value_t *v);
static void sp_set_closure(sp_space_t *space, const sp_group_t *group,
    sp_dd_t some);
static sp_dd_t sp_set_witness(sp_space_t *space, const sp_group_t *group,
    uint32_t which, unsigned value);
static void sp_set_state(sp_space_t *space, const sp_group_t *group,
    sp_dd_t *some, sp_dd_t *empty);
static void sp_set_within(sp_space_t *space, const sp_group_t *group,
    unsigned at, sp_dd_t some, sp_dd_t empty);
static void sp_set_elements(sp_space_t *space, const sp_group_t *group,
    unsigned at);


/* Where the test of variable "at" is at least, or exactly, a truth value. */

static sp_dd_t
sp_set_least(sp_space_t *space, unsigned at, unsigned value)
{
    sp_dd_t  kids[3];

    kids[0] = value == SP_FALSE;
    kids[1] = value <= SP_UNSURE;
    kids[2] = SP_DD_TRUE;

    return sp_dd_node(space->dds, at, kids);
}


static sp_dd_t
sp_set_exact(sp_space_t *space, unsigned at, unsigned value)
{
    sp_dd_t  kids[3] = { SP_DD_FALSE, SP_DD_FALSE, SP_DD_FALSE };

    kids[value] = SP_DD_TRUE;

    return sp_dd_node(space->dds, at, kids);
}


int
sp_space_within(const sp_space_t *space, const sp_var_t *a,
    const sp_var_t *b)
{
    int               in;
    uint32_t          i;
    sp_value_t        v;
    sp_names_t        names;
    const sp_node_t  *x, *y;

    x = sp_space_node(space, a->policy, a->node);
    y = sp_space_node(space, b->policy, b->node);
    memset(&v, 0, sizeof(v));
    in = 1;

    if (x->other != SP_FN_LISTED_SHARE) {

        for (i = 0; i < space->nplaces && in; i++) {
            in = sp_set_place(space->policies[a->policy],
                              sp_image_set(space->policies[a->policy],
                                           x->set), space->places[i])
                 <= sp_set_place(space->policies[b->policy],
                                 sp_image_set(space->policies[b->policy],
                                              y->set), space->places[i]);
        }

        return in;
    }

    memset(&names, 0, sizeof(names));
    sp_space_names((sp_space_t *) space, -1, &names);

    for (i = 0; i < names.n && in; i++) {
        in = sp_set_name(space->policies[a->policy],
                         sp_image_set(space->policies[a->policy], x->set),
                         names.names[i])
             <= sp_set_name(space->policies[b->policy],
                            sp_image_set(space->policies[b->policy], y->set),
                            names.names[i]);
    }

    sp_space_names_free(&names);

    return in;
}


void
sp_theory_sets(sp_space_t *space)
{
    int               field;
    unsigned          i;
    sp_dd_t           some, empty;
    sp_group_t        group;
    const sp_node_t  *node;

    for (field = -1; field < space->nfields; field++) {
        memset(&group, 0, sizeof(group));
        group.field = field;
        group.vars = calloc(space->nvars + 1, sizeof(unsigned));

        if (group.vars == NULL) {
            space->failed = 1;
            return;
        }

        sp_set_group(space, &group);
        sp_set_state(space, &group, &some, &empty);

        if (group.nvars != 0) {
            sp_set_vectors(space, &group);
            sp_set_closure(space, &group, some);
        }

        for (i = 0; i < space->nvars; i++) {

            if (space->vars[i].kind != SP_VAR_TEST || field < 0) {
                continue;
            }

            node = sp_space_node(space, space->vars[i].policy,
                                 space->vars[i].node);

            if (node->op == SP_OP_WITHIN && node->other == field) {
                sp_set_within(space, &group, i, some, empty);
                sp_set_elements(space, &group, i);
            }
        }

        free(group.vars);
        free(group.vectors);
    }
}


static void
sp_set_group(sp_space_t *space, sp_group_t *group)
{
    unsigned          i;
    const sp_node_t  *node;

    for (i = 0; i < space->nvars; i++) {

        if (space->vars[i].kind != SP_VAR_TEST) {
            continue;
        }

        node = sp_space_node(space, space->vars[i].policy,
                             space->vars[i].node);

        if (group->field < 0 ? node->op == SP_OP_CONTROL
            : (node->op == SP_OP_PLACES || node->op == SP_OP_NAMES)
              && node->field == group->field)
        {
            group->vars[group->nvars++] = i;
        }
    }
}


/* Where the set has elements, and where it is known to have none. */

static void
sp_set_state(sp_space_t *space, const sp_group_t *group, sp_dd_t *some,
    sp_dd_t *empty)
{
    sp_dd_t           kids[2][8];
    uint32_t          c, i;
    const sp_var_t   *var;
    const sp_cand_t  *cand;

    *some = SP_DD_TRUE;
    *empty = SP_DD_FALSE;

    if (group->field < 0 || space->of[group->field] < 0) {
        return;
    }

    var = &space->vars[space->of[group->field]];

    if (var->width > 8) {
        return;
    }

    for (c = 0; c < var->width; c++) {
        cand = &var->cands[var->first[c]];
        kids[0][c] = cand->v[0].state == SP_FACT_KNOWN && cand->v[0].n != 0;
        kids[1][c] = cand->v[0].state == SP_FACT_KNOWN && cand->v[0].n == 0;
    }

    *some = sp_dd_node(space->dds, (unsigned) space->of[group->field],
                       kids[0]);
    *empty = sp_dd_node(space->dds, (unsigned) space->of[group->field],
                        kids[1]);

    /* without a value all tests are unsure, without elements false */

    for (i = 0; i < group->nvars; i++) {
        sp_theory_never(space,
                        sp_dd_minus(space->dds,
                                    sp_dd_not(space->dds, *some), *empty),
                        sp_dd_not(space->dds,
                                  sp_set_exact(space, group->vars[i],
                                               SP_UNSURE)));
        sp_theory_never(space, *empty,
                        sp_dd_not(space->dds,
                                  sp_set_exact(space, group->vars[i],
                                               SP_FALSE)));
    }
}


static void
sp_set_vectors(sp_space_t *space, sp_group_t *group)
{
    uint32_t    i;
    sp_value_t  v;
    sp_names_t  names;

    memset(&v, 0, sizeof(v));
    memset(&names, 0, sizeof(names));
    v.state = SP_FACT_KNOWN;

    if (group->field >= 0
        && sp_space_row(space, group->field)->type == SP_T_STRINGS)
    {
        sp_space_names(space, space->team[group->field], &names);

        for (i = 0; i < names.n; i++) {
            v.u.s = names.names[i];
            sp_set_vector(space, group, &v);
        }

        sp_space_names_free(&names);
        return;
    }

    for (i = 0; i < space->nplaces; i++) {
        v.u.place = space->places[i];
        sp_set_vector(space, group, &v);
    }
}


static void
sp_set_vector(sp_space_t *space, sp_group_t *group, const sp_value_t *v)
{
    uint32_t         i, k;
    unsigned char   *grown, *mine;
    const sp_var_t  *var;

    grown = realloc(group->vectors, (size_t) (group->nvectors + 1)
                                    * group->nvars);
    if (grown == NULL) {
        space->failed = 1;
        return;
    }

    group->vectors = grown;
    mine = grown + (size_t) group->nvectors * group->nvars;

    for (i = 0; i < group->nvars; i++) {
        var = &space->vars[group->vars[i]];
        mine[i] = (unsigned char)
                  sp_space_member(space, var->policy,
                                  sp_space_node(space, var->policy,
                                                var->node), v);
    }

    for (k = 0; k < group->nvectors; k++) {
        if (memcmp(grown + (size_t) k * group->nvars, mine, group->nvars)
            == 0)
        {
            return;
        }
    }

    group->nvectors++;
}


/*
 * What the tests say together is the greatest of what they say of each
 * element; so every value that is not false has an element that gives it, and
 * of which no other test says more than it does of the set.
 */

static void
sp_set_closure(sp_space_t *space, const sp_group_t *group, sp_dd_t some)
{
    unsigned  value;
    uint32_t  i;

    if ((uint64_t) group->nvectors * group->nvars * group->nvars
        > SP_SET_WORK)
    {
        return;
    }

    for (i = 0; i < group->nvars; i++) {

        for (value = SP_UNSURE; value <= SP_TRUE; value++) {
            sp_theory_never(space,
                            sp_dd_and(space->dds, some,
                                      sp_set_exact(space, group->vars[i],
                                                   value)),
                            sp_dd_not(space->dds,
                                      sp_set_witness(space, group, i,
                                                     value)));
        }
    }

    /* a set with elements has at least one */

    if (group->field >= 0) {
        sp_theory_never(space, some,
                        sp_dd_not(space->dds,
                                  sp_set_witness(space, group, UINT32_MAX,
                                                 SP_FALSE)));
    }
}


static sp_dd_t
sp_set_witness(sp_space_t *space, const sp_group_t *group, uint32_t which,
    unsigned value)
{
    sp_dd_t               any, all;
    uint32_t              k, i;
    const unsigned char  *vector;

    any = SP_DD_FALSE;

    for (k = 0; k < group->nvectors; k++) {
        vector = group->vectors + (size_t) k * group->nvars;

        if (which != UINT32_MAX && vector[which] != value) {
            continue;
        }

        all = SP_DD_TRUE;

        for (i = group->nvars; i != 0; i--) {
            all = sp_dd_and(space->dds,
                            sp_set_least(space, group->vars[i - 1],
                                         vector[i - 1]), all);
        }

        any = sp_dd_or(space->dds, any, all);
    }

    return any;
}


/* "a in b": what it can be, by the states of both. */

static void
sp_set_within(sp_space_t *space, const sp_group_t *group, unsigned at,
    sp_dd_t some, sp_dd_t empty)
{
    int               region;
    sp_dd_t          *kids, known, country;
    uint32_t          i;
    sp_dds_t         *dds;
    const sp_var_t   *var;
    const sp_node_t  *node;

    dds = space->dds;
    node = sp_space_node(space, space->vars[at].policy, space->vars[at].node);
    var = &space->vars[space->of[node->field]];

    kids = calloc(2 * (size_t) var->width, sizeof(sp_dd_t));
    if (kids == NULL) {
        space->failed = 1;
        return;
    }

    /* only of a country can it be unsure whether its part that is there is */

    for (i = 0; i < var->n; i++) {

        if (var->cands[i].v[0].state == SP_FACT_KNOWN) {
            kids[var->cands[i].class] = SP_DD_TRUE;
            region = node->how == SP_HOW_STRING
                     || sp_place_is_region(var->cands[i].v[0].u.place);
            kids[var->width + var->cands[i].class] |= !region;
        }
    }

    known = sp_dd_node(dds, (unsigned) space->of[node->field], kids);
    country = sp_dd_node(dds, (unsigned) space->of[node->field],
                         kids + var->width);
    free(kids);

    sp_theory_never(space, empty,
                    sp_dd_not(dds, sp_set_exact(space, at, SP_FALSE)));

    sp_theory_never(space,
                    sp_dd_minus(dds, sp_dd_not(dds, sp_dd_and(dds, some,
                                                              known)), empty),
                    sp_dd_not(dds, sp_set_exact(space, at, SP_UNSURE)));

    sp_theory_never(space,
                    sp_dd_minus(dds, sp_dd_and(dds, some, known), country),
                    sp_set_exact(space, at, SP_UNSURE));
}


/* What is in the set is an element of it for all other tests. */

static void
sp_set_elements(sp_space_t *space, const sp_group_t *group, unsigned at)
{
    sp_dd_t          *kids;
    uint32_t          i, c;
    unsigned          value, said, whole;
    sp_value_t        v;
    const sp_var_t   *var, *test;
    const sp_node_t  *node, *list;

    node = sp_space_node(space, space->vars[at].policy, space->vars[at].node);
    var = &space->vars[space->of[node->field]];

    kids = calloc(var->width, sizeof(sp_dd_t));
    if (kids == NULL) {
        space->failed = 1;
        return;
    }

    for (i = 0; i < group->nvars; i++) {
        test = &space->vars[group->vars[i]];
        list = sp_space_node(space, test->policy, test->node);

        for (value = SP_UNSURE; value <= SP_TRUE; value++) {

            for (c = 0; c < var->width; c++) {
                v = var->cands[var->first[c]].v[0];
                kids[c] = SP_DD_FALSE;

                if (v.state != SP_FACT_KNOWN) {
                    continue;
                }

                /* a part is in the set too where its whole country is */

                said = sp_space_member(space, test->policy, list, &v);

                if (node->how != SP_HOW_STRING) {
                    v.u.place = sp_place_country(v.u.place);
                    whole = sp_space_member(space, test->policy, list, &v);
                    said = whole < said ? whole : said;
                }

                kids[c] = said >= value;
            }

            sp_theory_never(space,
                            sp_dd_and(space->dds,
                                      sp_set_exact(space, at, SP_TRUE),
                                      sp_dd_node(space->dds,
                                          (unsigned) space->of[node->field],
                                          kids)),
                            sp_dd_not(space->dds,
                                      sp_set_least(space, group->vars[i],
                                                   value)));
        }
    }

    free(kids);
}

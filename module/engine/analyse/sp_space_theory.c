
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what is known of how facts go together: what a record
 * must have, routes and their models, values that are compared, sets and what
 * is in them, shares of lists within lists. It may let through what cannot
 * be, never the reverse: then a claim that there is no request is true.
 */


#include <stdlib.h>

#include "sp_decide.h"
#include "sp_space.h"


#define SP_THEORY_PAIRS     4000000   /* of values, in one relation */
#define SP_THEORY_SAMPLES   6         /* of a class, in a comparison */


static void sp_theory_add(sp_space_t *space, sp_dd_t rule);
static sp_dd_t sp_theory_is(sp_space_t *space, int field, int64_t number);
static sp_dd_t sp_theory_some(sp_space_t *space, int field, int absent);
static void sp_theory_record(sp_space_t *space);
static sp_dd_t sp_theory_there(sp_space_t *space, int field);
static void sp_theory_customer(sp_space_t *space);
static void sp_theory_need(sp_space_t *space, sp_dd_t when, int field);
static int sp_theory_public(const sp_cand_t *a, const sp_cand_t *b);
static int sp_theory_model(const sp_cand_t *a, const sp_cand_t *b);
static int sp_theory_stream(const sp_cand_t *a, const sp_cand_t *b);
static const sp_route_t *sp_theory_route(const sp_cand_t *cand);
static void sp_theory_compare(sp_space_t *space, unsigned at);
static uint32_t sp_theory_samples(const sp_space_t *space,
    const sp_var_t *var, uint32_t class, const sp_cand_t **out);


sp_dd_t
sp_space_theory(sp_space_t *space)
{
    unsigned          i;
    const sp_node_t  *node;

    space->theory = SP_DD_TRUE;

    sp_theory_record(space);
    sp_theory_customer(space);

    sp_theory_relation(space, space->of[SP_F_IP_ADDR],
                       space->of[SP_F_IP_COUNTRY], sp_theory_public);
    sp_theory_relation(space, space->of[SP_F_REQUEST_ROUTE],
                       space->of[SP_F_MODEL_ID], sp_theory_model);
    sp_theory_relation(space, space->of[SP_F_REQUEST_ROUTE],
                       space->of[SP_F_REQUEST_STREAM], sp_theory_stream);

    sp_theory_shares(space);
    sp_theory_sets(space);
    sp_theory_canaries(space);

    for (i = 0; i < space->nvars; i++) {

        if (space->vars[i].kind != SP_VAR_TEST) {
            continue;
        }

        node = sp_space_node(space, space->vars[i].policy,
                             space->vars[i].node);

        if (node->op == SP_OP_SAME) {
            sp_theory_compare(space, i);
        }
    }

    return space->theory;
}


static void
sp_theory_add(sp_space_t *space, sp_dd_t rule)
{
    space->theory = sp_dd_and(space->dds, space->theory, rule);
}


void
sp_theory_never(sp_space_t *space, sp_dd_t a, sp_dd_t b)
{
    sp_theory_add(space, sp_dd_not(space->dds,
                                   sp_dd_and(space->dds, a, b)));
}


static int
sp_theory_number(const sp_space_t *space, const sp_value_t *v,
    const void *arg)
{
    return v->state == SP_FACT_KNOWN && v->u.i == *(const int64_t *) arg;
}


static sp_dd_t
sp_theory_is(sp_space_t *space, int field, int64_t number)
{
    return sp_space_where(space, field, sp_theory_number, &number);
}


/* The classes that have a value which is absent, or one that is not. */

static sp_dd_t
sp_theory_some(sp_space_t *space, int field, int absent)
{
    int              k;
    sp_dd_t         *kids, dd;
    uint32_t         i;
    const sp_var_t  *var;

    var = &space->vars[space->of[field]];
    k = var->fields[1] == field;
    kids = calloc(var->width, sizeof(sp_dd_t));

    if (kids == NULL) {
        space->failed = 1;
        return SP_DD_TRUE;
    }

    for (i = 0; i < var->n; i++) {

        if ((var->cands[i].v[k].state == SP_FACT_ABSENT) == absent) {
            kids[var->cands[i].class] = SP_DD_TRUE;
        }
    }

    dd = sp_dd_node(space->dds, (unsigned) space->of[field], kids);
    free(kids);

    return dd;
}


static void
sp_theory_need(sp_space_t *space, sp_dd_t when, int field)
{
    if (space->of[field] >= 0) {
        sp_theory_never(space, when,
                        sp_dd_not(space->dds,
                                  sp_theory_some(space, field, 0)));
    }
}


/* What sp_account_parse() makes mandatory. */

static void
sp_theory_record(sp_space_t *space)
{
    sp_dd_t    verified, person, state, firm, level2, none;
    sp_dds_t  *dds;

    dds = space->dds;

    verified = sp_theory_is(space, SP_F_ACCOUNT_STATUS, SP_STATUS_VERIFIED);
    person = sp_dd_and(dds, verified, sp_theory_is(space, SP_F_ACCOUNT_TYPE,
                                                   SP_TYPE_INDIVIDUAL));
    state = sp_dd_and(dds, verified, sp_theory_is(space, SP_F_ACCOUNT_TYPE,
                                                  SP_TYPE_GOVERNMENT));
    firm = sp_dd_minus(dds, sp_dd_minus(dds, verified, person), state);

    level2 = sp_dd_or(dds, sp_theory_is(space, SP_F_ACCOUNT_LEVEL, 2),
                      sp_theory_is(space, SP_F_ACCOUNT_LEVEL, 3));

    sp_theory_need(space, sp_theory_is(space, SP_F_ACCOUNT_STATUS,
                                       SP_STATUS_PENDING),
                   SP_F_ACCOUNT_PENDING_AGE);
    sp_theory_need(space, verified, SP_F_ACCOUNT_VERIFIED_AGE);
    sp_theory_need(space, verified, SP_F_ACCOUNT_EXPIRED_FOR);
    sp_theory_need(space, verified, SP_F_ACCOUNT_SCREENING);
    sp_theory_need(space, person, SP_F_ACCOUNT_RESIDENCE);
    sp_theory_need(space, sp_dd_or(dds, state, firm),
                   SP_F_ACCOUNT_INCORPORATED);
    sp_theory_need(space, firm, SP_F_ACCOUNT_HEADQUARTERS);
    sp_theory_need(space, firm, SP_F_ACCOUNT_PARENT);
    sp_theory_need(space, sp_dd_and(dds, verified, level2),
                   SP_F_ACCOUNT_PLACES);
    sp_theory_need(space, sp_dd_and(dds, firm,
                                    sp_theory_is(space, SP_F_ACCOUNT_LEVEL,
                                                 3)),
                   SP_F_ACCOUNT_OWNERS_AGE);
    sp_theory_need(space, sp_dd_and(dds, firm,
                                    sp_theory_is(space, SP_F_ACCOUNT_TYPE,
                                                 SP_TYPE_RESELLER)),
                   SP_F_ACCOUNT_RESALE);

    if (space->of[SP_F_ACCOUNT_SCREENING] >= 0) {
        none = sp_theory_is(space, SP_F_ACCOUNT_SCREENING,
                            SP_SCREENING_NONE);
        sp_theory_need(space, sp_dd_minus(dds, verified, none),
                       SP_F_ACCOUNT_SCREENED_AGE);
    }
}


/* A class in which all have a value, if only one that is not known. */

static sp_dd_t
sp_theory_there(sp_space_t *space, int field)
{
    return sp_dd_not(space->dds, sp_theory_some(space, field, 1));
}


/* Where a customer has a record it has an id, and what all records have. */

static void
sp_theory_customer(sp_space_t *space)
{
    int  field;

    if (space->of[SP_F_CUSTOMER_ID] < 0) {
        return;
    }

    for (field = SP_F_CUSTOMER_ID + 1; field <= SP_F_CUSTOMER_LINKAGE;
         field++)
    {
        if (space->of[field] < 0) {
            continue;
        }

        sp_theory_need(space, sp_theory_there(space, field),
                       SP_F_CUSTOMER_ID);

        if (!sp_field(field - SP_F_CUSTOMER_ID + SP_F_ACCOUNT_ID)->optional) {
            sp_theory_need(space, sp_theory_there(space, SP_F_CUSTOMER_ID),
                           field);
        }
    }
}


/* Two variables, of whose values only some pairs can be together. */

void
sp_theory_relation(sp_space_t *space, int a, int b, sp_pair_pt fits)
{
    sp_dd_t         *kids, *rows, rule;
    uint32_t         i, k;
    unsigned char   *ok;
    const sp_var_t  *one, *two;

    if (a < 0 || b < 0) {
        return;
    }

    one = &space->vars[a];
    two = &space->vars[b];

    if ((uint64_t) one->n * two->n > SP_THEORY_PAIRS) {
        return;
    }

    ok = calloc(one->width, two->width);
    kids = calloc(two->width + one->width, sizeof(sp_dd_t));

    if (ok == NULL || kids == NULL) {
        space->failed = 1;
        free(ok);
        free(kids);
        return;
    }

    for (i = 0; i < one->n; i++) {
        for (k = 0; k < two->n; k++) {
            ok[one->cands[i].class * two->width + two->cands[k].class]
                |= (unsigned char) fits(&one->cands[i], &two->cands[k]);
        }
    }

    rows = kids + two->width;
    rule = SP_DD_FALSE;

    for (i = 0; i < one->width; i++) {

        for (k = 0; k < two->width; k++) {
            kids[k] = ok[i * two->width + k];
        }

        memset(rows, 0, one->width * sizeof(sp_dd_t));
        rows[i] = SP_DD_TRUE;

        rule = sp_dd_or(space->dds, rule,
                        sp_dd_and(space->dds,
                                  sp_dd_node(space->dds, (unsigned) a, rows),
                                  sp_dd_node(space->dds, (unsigned) b,
                                             kids)));
    }

    sp_theory_add(space, rule);

    free(ok);
    free(kids);
}


/* Only a public address has a place. */

static int
sp_theory_public(const sp_cand_t *a, const sp_cand_t *b)
{
    return a->v[1].u.i == SP_IP_PUBLIC
           || (b->v[0].state == SP_FACT_UNKNOWN
               && b->v[1].state == SP_FACT_UNKNOWN);
}


int
sp_space_route(int64_t name, int64_t dialect)
{
    int  i;

    for (i = 0; i < sp_route_count(); i++) {

        if (sp_route_number(i) == (int) name
            && (int64_t) sp_route(i)->dialect == dialect)
        {
            return i;
        }
    }

    return -1;
}


static const sp_route_t *
sp_theory_route(const sp_cand_t *cand)
{
    return sp_route(sp_space_route(cand->v[0].u.i, cand->v[1].u.i));
}


static int
sp_theory_model(const sp_cand_t *a, const sp_cand_t *b)
{
    const sp_route_t  *row;

    row = sp_theory_route(a);

    if (row == NULL) {
        return 1;
    }

    switch (row->model) {

    case SP_MODEL_NONE:
        return b->v[0].state != SP_FACT_KNOWN;

    case SP_MODEL_REQUIRED:
    case SP_MODEL_PATH:
    case SP_MODEL_LISTED:
    case SP_MODEL_SERVED:
        return b->v[0].state == SP_FACT_KNOWN;

    default:
        return 1;
    }
}


static int
sp_theory_stream(const sp_cand_t *a, const sp_cand_t *b)
{
    const sp_route_t  *row;

    row = sp_theory_route(a);

    if (row == NULL) {
        return 1;
    }

    switch (row->stream) {

    case SP_STREAM_NO:
        return b->v[0].u.i == 0;

    case SP_STREAM_YES:
        return b->v[0].u.i != 0;

    default:
        return 1;
    }
}


/* Which outcomes a comparison can have, by the classes of its two sides. */

static void
sp_theory_compare(sp_space_t *space, unsigned at)
{
    unsigned           t, value;
    uint32_t           i, k, x, y, na, nb;
    sp_dd_t           *kids, *rows, rule, row, out[3];
    sp_facts_t        *facts;
    const sp_var_t    *var, *one, *two;
    const sp_node_t   *node;
    const sp_cand_t   *as[SP_THEORY_SAMPLES], *bs[SP_THEORY_SAMPLES];

    var = &space->vars[at];
    node = sp_space_node(space, var->policy, var->node);
    one = &space->vars[space->of[node->field]];
    two = &space->vars[space->of[node->other]];

    facts = calloc(1, sizeof(sp_facts_t));
    kids = calloc(3 * (size_t) two->width + one->width, sizeof(sp_dd_t));

    if (facts == NULL || kids == NULL) {
        space->failed = 1;
        free(facts);
        free(kids);
        return;
    }

    rows = kids + 3 * (size_t) two->width;
    rule = SP_DD_FALSE;

    for (i = 0; i < one->width; i++) {
        na = sp_theory_samples(space, one, i, as);
        memset(kids, 0, 3 * (size_t) two->width * sizeof(sp_dd_t));

        for (k = 0; k < two->width; k++) {
            nb = sp_theory_samples(space, two, k, bs);

            for (x = 0; x < na; x++) {
                for (y = 0; y < nb; y++) {
                    sp_space_put(space, one, as[x], var->policy, facts);
                    sp_space_put(space, two, bs[y], var->policy, facts);
                    value = sp_expr_eval(space->policies[var->policy],
                                         var->node, facts) & 3;
                    value = node->neg ? SP_TRUE - value : value;
                    kids[value * two->width + k] = SP_DD_TRUE;
                }
            }
        }

        for (t = 0, row = SP_DD_FALSE; t < 3; t++) {
            out[0] = out[1] = out[2] = SP_DD_FALSE;
            out[t] = SP_DD_TRUE;

            row = sp_dd_or(space->dds, row,
                           sp_dd_and(space->dds,
                                     sp_dd_node(space->dds, at, out),
                                     sp_dd_node(space->dds,
                                         (unsigned) space->of[node->other],
                                         kids + t * two->width)));
        }

        memset(rows, 0, one->width * sizeof(sp_dd_t));
        rows[i] = SP_DD_TRUE;
        row = sp_dd_and(space->dds, row,
                        sp_dd_node(space->dds,
                                   (unsigned) space->of[node->field], rows));
        rule = sp_dd_or(space->dds, rule, row);
    }

    sp_theory_add(space, rule);

    free(facts);
    free(kids);
}


/*
 * Values of a class that show every outcome of a comparison with values of
 * another: up to three countries, and subdivisions of some of them. A class
 * of three values or more can always differ; one of one value cannot.
 */

static uint32_t
sp_theory_samples(const sp_space_t *space, const sp_var_t *var,
    uint32_t class, const sp_cand_t **out)
{
    int                region;
    uint32_t           i, n, nplain;
    sp_type_t          type;
    const sp_value_t  *v;

    type = sp_space_row(space, var->fields[0])->type;
    n = nplain = 0;

    for (i = var->first[class]; i < var->n && nplain < 3; i++) {

        if (var->cands[i].class != class) {
            continue;
        }

        v = &var->cands[i].v[0];
        region = type == SP_T_PLACE && v->state == SP_FACT_KNOWN
                 && sp_place_is_region(v->u.place);

        if (!region && (n == 0 || v->state != SP_FACT_KNOWN
                        || memcmp(&out[n - 1]->v[0], v, sizeof(*v)) != 0))
        {
            out[n++] = &var->cands[i];
            nplain++;
        }
    }

    for (i = var->first[class];
         type == SP_T_PLACE && i < var->n && n < SP_THEORY_SAMPLES; i++)
    {
        v = &var->cands[i].v[0];

        if (var->cands[i].class == class && v->state == SP_FACT_KNOWN
            && sp_place_is_region(v->u.place))
        {
            out[n++] = &var->cands[i];
        }
    }

    return n;
}




/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the values that are looked at of each fact: enough that
 * whatever tests can tell apart is among them, the ordinary ones first, so
 * that examples read like requests that come.
 */


#include <stdlib.h>

#include "sp_space.h"


static void sp_value_numbers(sp_space_t *space, sp_var_t *var, int field);
static void sp_value_dates(sp_space_t *space, sp_var_t *var);
static void sp_value_strings(sp_space_t *space, sp_var_t *var, int field);
static void sp_value_routes(sp_space_t *space, sp_var_t *var);
static void sp_value_shares(sp_space_t *space, sp_var_t *var);
static void sp_value_words(sp_space_t *space, sp_var_t *var, int field);
static void sp_value_missing(sp_space_t *space, sp_var_t *var);
static int sp_value_order(const void *one, const void *two);


void
sp_space_cand(sp_space_t *space, sp_var_t *var, const sp_value_t *one,
    const sp_value_t *two)
{
    sp_cand_t  *grown;

    if (var->n == var->max) {
        grown = realloc(var->cands, (2 * (size_t) var->max + 16)
                                    * sizeof(sp_cand_t));
        if (grown == NULL) {
            space->failed = 1;
            return;
        }

        var->cands = grown;
        var->max = 2 * var->max + 16;
    }

    memset(&var->cands[var->n], 0, sizeof(sp_cand_t));
    var->cands[var->n].v[0] = *one;

    if (two != NULL) {
        var->cands[var->n].v[1] = *two;
    }

    var->n++;
}


/* Whoever gets to the rules has an account whose record was read. */

int
sp_space_unknown(const sp_space_t *space, int field)
{
    sp_type_t  type;

    type = sp_space_row(space, field)->type;

    /* what the record has may not be of the form that a policy declares */

    if (field >= SP_FIELDS) {
        return 1;
    }

    switch (field) {

    case SP_F_IP_CLASS:
    case SP_F_KEY_ID:
        return 0;

    case SP_F_IP_REGISTERED:
        return 1;

    default:
        break;
    }

    switch (sp_field(field)->source) {

    case SP_FROM_RECORD:
        return type == SP_T_PLACE || type == SP_T_PLACES;

    case SP_FROM_HEAD:
    case SP_FROM_BODY:
    case SP_FROM_CLOCK:
        return 0;

    default:
        return 1;
    }
}


int
sp_space_absent(const sp_space_t *space, int field)
{
    return sp_space_row(space, field)->optional;
}


void
sp_space_candidates(sp_space_t *space, sp_var_t *var)
{
    int                i, field;
    sp_value_t         v;
    const sp_field_t  *row;

    if (var->kind == SP_VAR_SHARE) {
        sp_value_shares(space, var);
        return;
    }

    field = var->fields[0];
    row = sp_space_row(space, field);
    memset(&v, 0, sizeof(v));
    v.state = SP_FACT_KNOWN;

    switch (field) {

    case SP_F_IP_COUNTRY:
        sp_value_ip_places(space, var);
        return;

    case SP_F_IP_ADDR:
        sp_value_addresses(space, var);
        return;

    case SP_F_REQUEST_ROUTE:
        sp_value_routes(space, var);
        return;

    default:
        break;
    }

    switch (row->type) {

    case SP_T_BOOL:
        for (i = 0; i < 2; i++) {
            v.u.i = i;
            sp_space_cand(space, var, &v, NULL);
        }

        break;

    case SP_T_ENUM:
        sp_value_words(space, var, field);
        break;

    case SP_T_STRING:
        sp_value_strings(space, var, field);
        break;

    case SP_T_STRINGS:
    case SP_T_PLACES:
        /* what is in them are other variables; here: is there anything? */
        v.n = 1;
        sp_space_cand(space, var, &v, NULL);

        if (row->type == SP_T_STRINGS) {
            v.n = 0;
            sp_space_cand(space, var, &v, NULL);
        }

        break;

    case SP_T_COUNTRY:
    case SP_T_REGION:
    case SP_T_PLACE:
        sp_value_places(space, var);
        break;

    case SP_T_ASN:
        sp_value_asns(space, var);
        break;

    default:
        sp_value_numbers(space, var, field);
    }

    sp_value_missing(space, var);
}


static void
sp_value_words(sp_space_t *space, sp_var_t *var, int field)
{
    int                i, first;
    sp_value_t         v;
    const sp_field_t  *row;

    row = sp_space_row(space, field);
    first = field == SP_F_ACCOUNT_STATUS || field == SP_F_CUSTOMER_STATUS
            ? SP_STATUS_VERIFIED
            : field == SP_F_ACCOUNT_TYPE || field == SP_F_CUSTOMER_TYPE
            ? SP_TYPE_ORGANIZATION : 0;

    memset(&v, 0, sizeof(v));
    v.state = SP_FACT_KNOWN;
    v.u.i = first;
    sp_space_cand(space, var, &v, NULL);

    for (i = 0; row->values[i] != NULL; i++) {
        v.u.i = i;

        if (i != first) {
            sp_space_cand(space, var, &v, NULL);
        }
    }
}


static void
sp_value_missing(sp_space_t *space, sp_var_t *var)
{
    sp_value_t  v;

    memset(&v, 0, sizeof(v));

    if (sp_space_absent(space, var->fields[0])) {
        v.state = SP_FACT_ABSENT;
        sp_space_cand(space, var, &v, &v);
    }

    if (sp_space_unknown(space, var->fields[0])) {
        v.state = SP_FACT_UNKNOWN;
        sp_space_cand(space, var, &v, &v);
    }
}


static void
sp_value_numbers(sp_space_t *space, sp_var_t *var, int field)
{
    int64_t            i;
    const sp_field_t  *row;

    row = sp_space_row(space, field);

    switch (field) {

    case SP_F_NOW:
        sp_value_dates(space, var);
        break;

    case SP_F_ACCOUNT_EXPIRED_FOR:
    case SP_F_ACCOUNT_END_USE_EXPIRED_FOR:
    case SP_F_CUSTOMER_EXPIRED_FOR:
    case SP_F_CUSTOMER_END_USE_EXPIRED_FOR:
        sp_value_number(space, var, field, -90 * 86400);
        break;

    default:
        if (row->type == SP_T_DURATION) {
            sp_value_number(space, var, field, 86400);
        }
    }

    if (row->type == SP_T_INT && row->max - row->min < 32) {

        for (i = row->max; i >= row->min; i--) {
            sp_value_number(space, var, field, i);
        }

    } else if (row->type == SP_T_INT) {
        sp_value_number(space, var, field, row->min + 1);
        sp_value_number(space, var, field, row->min);
        sp_value_number(space, var, field, row->max);
    }

    sp_value_bounds(space, var, field);
}


/* Around every number that something of the same team is compared with. */

void
sp_value_bounds(sp_space_t *space, sp_var_t *var, int field)
{
    int               k;
    int64_t           number;
    unsigned          p;
    uint32_t          i;
    const sp_node_t  *node;

    static const int  steps[] = { 0, 1, -1, 2, -2 };

    for (p = 0; p < space->npolicies; p++) {
        for (i = 0; i < space->policies[p]->nnodes; i++) {
            node = sp_space_node(space, p, i);

            if (node->op <= SP_OP_NOT || node->op == SP_OP_SHARE
                || node->op == SP_OP_CONTROL
                || space->team[node->field] != space->team[field])
            {
                continue;
            }

            for (k = 0; node->op == SP_OP_INT && k < 5; k++) {

                if (!__builtin_add_overflow(node->value, steps[k], &number)) {
                    sp_value_number(space, var, field, number);
                }
            }

            for (k = 0; node->op == SP_OP_MASK && k < 64; k++) {
                sp_value_number(space, var, field, k);
            }
        }
    }
}


static void
sp_value_dates(sp_space_t *space, sp_var_t *var)
{
    unsigned          p;
    uint32_t          i, k;
    int64_t           ends[2];
    const sp_rule_t  *rule;

    sp_value_number(space, var, SP_F_NOW, space->now);
    sp_value_number(space, var, SP_F_NOW, space->now - 1);

    for (p = 0; p < space->npolicies; p++) {
        for (i = 0; i < space->policies[p]->nrules; i++) {
            rule = sp_image_rule(space->policies[p], i);
            ends[0] = rule->from;
            ends[1] = rule->until;

            for (k = 0; rule->dated && k < 2; k++) {

                if (ends[k] != SP_TIME_MIN && ends[k] != SP_TIME_MAX) {
                    sp_value_number(space, var, SP_F_NOW, ends[k]);
                    sp_value_number(space, var, SP_F_NOW, ends[k] - 1);
                }
            }
        }
    }
}


void
sp_value_number(sp_space_t *space, sp_var_t *var, int field, int64_t number)
{
    sp_value_t         v;
    const sp_field_t  *row;

    row = sp_space_row(space, field);

    if ((row->type == SP_T_INT && (number < row->min || number > row->max))
        || (row->type == SP_T_TIME && number < 0)
        || (row->type == SP_T_ASN && (number < 0 || number > UINT32_MAX)))
    {
        return;
    }

    memset(&v, 0, sizeof(v));
    v.state = SP_FACT_KNOWN;
    v.u.i = number;

    sp_space_cand(space, var, &v, NULL);
}


static void
sp_value_strings(sp_space_t *space, sp_var_t *var, int field)
{
    uint32_t    i;
    sp_value_t  v, tier;
    sp_names_t  names;

    memset(&v, 0, sizeof(v));
    memset(&names, 0, sizeof(names));
    v.state = SP_FACT_KNOWN;
    tier = v;

    sp_space_names(space, space->team[field], &names);

    for (i = 0; i < names.n; i++) {
        v.u.s = names.names[i];
        sp_space_cand(space, var, &v, &tier);
    }

    sp_space_names_free(&names);
}


static void
sp_value_routes(sp_space_t *space, sp_var_t *var)
{
    int         i;
    sp_value_t  v, dialect;

    memset(&v, 0, sizeof(v));
    v.state = SP_FACT_KNOWN;
    dialect = v;

    for (i = 0; i < sp_route_count(); i++) {

        if (sp_route_number(i) >= 0) {
            v.u.i = sp_route_number(i);
            dialect.u.i = sp_route(i)->dialect;
            sp_space_cand(space, var, &v, &dialect);
        }
    }
}


static int
sp_value_order(const void *one, const void *two)
{
    return *(const int *) one - *(const int *) two;
}


/* Intervals between all bounds, whatever list they are of. */

static void
sp_value_shares(sp_space_t *space, sp_var_t *var)
{
    int               k, *points;
    unsigned          p;
    uint32_t          i, j, n, max;
    sp_value_t        v;
    const sp_node_t  *node;

    for (p = 0, max = 2; p < space->npolicies; p++) {
        max += 3 * space->policies[p]->nnodes;
    }

    points = malloc(max * sizeof(int));
    if (points == NULL) {
        space->failed = 1;
        return;
    }

    points[0] = 0;
    points[1] = SP_SHARE_ALL;
    n = 2;

    for (p = 0; p < space->npolicies; p++) {
        for (i = 0; i < space->policies[p]->nnodes; i++) {
            node = sp_space_node(space, p, i);

            for (k = -1; node->op == SP_OP_SHARE && k <= 1; k++) {

                if (node->value + k >= 0 && node->value + k <= SP_SHARE_ALL) {
                    points[n++] = (int) node->value + k;
                }
            }
        }
    }

    qsort(points, n, sizeof(int), sp_value_order);

    for (i = 1, j = 0; i < n; i++) {
        if (points[i] != points[j]) {
            points[++j] = points[i];
        }
    }

    n = j + 1;
    memset(&v, 0, sizeof(v));
    v.state = SP_FACT_KNOWN;

    /* known shares first, doubtful ones after them */

    for (k = 0; k < (int) n; k++) {
        for (i = 0; i + (uint32_t) k < n; i++) {
            v.u.i = (int64_t) points[i] << 16 | points[i + (uint32_t) k];
            sp_space_cand(space, var, &v, NULL);
        }
    }

    free(points);
}

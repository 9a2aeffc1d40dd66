
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what is in the sets of an example: places and
 * tags that make each test of a set what it is to be.
 */


#include "sp_space_record.h"


static unsigned sp_record_within(const sp_making_t *m, int field,
    sp_place_t *out, unsigned max);
static int sp_record_tests(const sp_making_t *m, const sp_var_t *var,
    int field);
static sp_truth_t sp_record_best(const sp_making_t *m, const sp_var_t *var,
    const sp_place_t *places, unsigned n);
static unsigned sp_record_find(const sp_making_t *m, int field,
    const sp_var_t *must, unsigned value, sp_place_t *out);
static int sp_record_fits(const sp_making_t *m, int field,
    sp_place_t place, const sp_var_t *must, unsigned value);


/*
 * Places that make the tests of a set what they are to be: those that are
 * said to be in it, and one for every test that nothing answers yet.
 */

unsigned
sp_record_elements(const sp_making_t *m, int field, sp_place_t *out,
    unsigned max)
{
    unsigned         i, n;
    const sp_var_t  *var;

    n = sp_record_within(m, field, out, max);

    for (i = 0; i < m->space->nvars && n < max; i++) {
        var = &m->space->vars[i];

        if (sp_record_tests(m, var, field) && m->values[i] != SP_FALSE
            && sp_record_best(m, var, out, n) < m->values[i])
        {
            n += sp_record_find(m, field, var, m->values[i], &out[n]);
        }
    }

    /* a set with elements has at least one */

    if (n == 0 && field >= 0) {
        n = sp_record_find(m, field, NULL, 0, out);
    }

    return n;
}


/* What other facts are said to be in the set, or might be in a part. */

static unsigned
sp_record_within(const sp_making_t *m, int field, sp_place_t *out,
    unsigned max)
{
    unsigned           i, k, n;
    sp_place_t         place;
    const sp_var_t    *var;
    const sp_node_t   *node;
    const sp_value_t  *v;

    for (i = 0, n = 0; i < m->space->nvars && n < max; i++) {
        var = &m->space->vars[i];
        node = var->kind == SP_VAR_TEST
               ? sp_space_node(m->space, var->policy, var->node) : NULL;

        if (node == NULL || node->op != SP_OP_WITHIN || node->other != field
            || m->values[i] == SP_FALSE)
        {
            continue;
        }

        v = sp_record_pick(m, node->field);

        if (v->state != SP_FACT_KNOWN) {
            continue;
        }

        if (m->values[i] == SP_TRUE) {
            out[n++] = v->u.place;
            continue;
        }

        for (k = 0; k < m->space->nplaces; k++) {
            place = m->space->places[k];

            if (sp_place_is_region(place)
                && sp_place_country(place) == sp_place_country(v->u.place)
                && sp_record_fits(m, field, place, NULL, 0))
            {
                out[n++] = place;
                break;
            }
        }
    }

    return n;
}


static int
sp_record_tests(const sp_making_t *m, const sp_var_t *var, int field)
{
    const sp_node_t  *node;

    if (var->kind != SP_VAR_TEST) {
        return 0;
    }

    node = sp_space_node(m->space, var->policy, var->node);

    return field < 0 ? node->op == SP_OP_CONTROL
                     : node->op == SP_OP_PLACES && node->field == field;
}


/* What a test says of the elements so far. */

static sp_truth_t
sp_record_best(const sp_making_t *m, const sp_var_t *var,
    const sp_place_t *places, unsigned n)
{
    unsigned          k;
    sp_truth_t        t, best;
    const sp_node_t  *node;

    node = sp_space_node(m->space, var->policy, var->node);

    for (k = 0, best = SP_FALSE; k < n; k++) {
        t = sp_set_place(m->space->policies[var->policy],
                         sp_image_set(m->space->policies[var->policy],
                                      node->set), places[k]);
        best = t > best ? t : best;
    }

    return best;
}


/* One element more, if there is any that contradicts nothing. */

static unsigned
sp_record_find(const sp_making_t *m, int field, const sp_var_t *must,
    unsigned value, sp_place_t *out)
{
    uint32_t  k;

    for (k = 0; k < m->space->nplaces; k++) {

        if (sp_record_fits(m, field, m->space->places[k], must, value)) {
            *out = m->space->places[k];
            return 1;
        }
    }

    return 0;
}


/* Whether a place may be an element, and answers the test that needs one. */

static int
sp_record_fits(const sp_making_t *m, int field, sp_place_t place,
    const sp_var_t *must, unsigned value)
{
    unsigned           i;
    sp_truth_t         t;
    const sp_var_t    *var;
    const sp_node_t   *node;
    const sp_value_t  *v;

    for (i = 0; i < m->space->nvars; i++) {
        var = &m->space->vars[i];

        if (var->kind != SP_VAR_TEST) {
            continue;
        }

        node = sp_space_node(m->space, var->policy, var->node);

        if (node->op == SP_OP_WITHIN && node->other == field
            && m->values[i] == SP_FALSE)
        {
            v = sp_record_pick(m, node->field);

            if (v->state == SP_FACT_KNOWN
                && sp_place_country(v->u.place) == sp_place_country(place))
            {
                return 0;
            }
        }

        if (!sp_record_tests(m, var, field)) {
            continue;
        }

        t = sp_set_place(m->space->policies[var->policy],
                         sp_image_set(m->space->policies[var->policy],
                                      node->set), place);

        if (t > m->values[i] || (var == must && t != value)) {
            return 0;
        }
    }

    return 1;
}


void
sp_record_tags(const sp_making_t *m)
{
    unsigned           i, k, n, fits, answers;
    sp_str_t           s;
    sp_names_t         names;
    sp_account_t      *a;
    const sp_var_t    *var;
    const sp_node_t   *node;
    const sp_value_t  *v;

    a = &m->flesh->account;
    v = sp_record_pick(m, SP_F_ACCOUNT_TAGS);

    if (v == NULL || v->n == 0) {
        return;
    }

    memset(&names, 0, sizeof(names));
    sp_space_names((sp_space_t *) m->space,
                   m->space->team[SP_F_ACCOUNT_TAGS], &names);

    /* every name that contradicts no test, and answers one if it can */

    for (n = 0, i = 0; i < names.n && n < SP_TAGS_MAX; i++) {
        s = names.names[i];
        fits = s.len <= SP_TAG_LEN;
        answers = 0;

        for (k = 0; k < m->space->nvars; k++) {
            var = &m->space->vars[k];

            if (var->kind != SP_VAR_TEST) {
                continue;
            }

            node = sp_space_node(m->space, var->policy, var->node);

            if (node->op == SP_OP_NAMES
                && node->field == SP_F_ACCOUNT_TAGS)
            {
                if (sp_space_member(m->space, var->policy, node,
                                    &(sp_value_t) { .u.s = s })
                    == SP_TRUE)
                {
                    fits &= m->values[k] == SP_TRUE;
                    answers = 1;
                }

            } else if (node->op == SP_OP_WITHIN
                       && node->other == SP_F_ACCOUNT_TAGS)
            {
                v = sp_record_pick(m, node->field);

                if (v->state == SP_FACT_KNOWN && sp_str_eq(v->u.s, s)) {
                    fits &= m->values[k] == SP_TRUE;
                    answers = 1;
                }
            }
        }

        if (fits && (answers || (n == 0 && i + 1 == names.n))) {
            memcpy(a->tags[n++], s.data, s.len);
        }
    }

    a->ntags = (uint8_t) n;
    sp_space_names_free(&names);
}

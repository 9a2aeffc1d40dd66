
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the evaluation of conditions in Kleene's three values.
 * It allocates nothing and cannot fail: types were checked when the policy
 * was loaded, and its depth is bounded there too.
 */


#include "policy/sp_expr.h"


static unsigned sp_eval_other(const sp_policy_t *policy,
    const sp_node_t *node, const sp_facts_t *facts);
static unsigned sp_eval_place(const sp_policy_t *policy,
    const sp_node_t *node, const sp_facts_t *facts);
static unsigned sp_eval_places(const sp_policy_t *policy,
    const sp_node_t *node, const sp_value_t *v);
static sp_truth_t sp_eval_names(const sp_policy_t *policy,
    const sp_set_t *set, const sp_value_t *v);
static unsigned sp_eval_same(const sp_node_t *node, const sp_value_t *a,
    const sp_value_t *b);
static sp_truth_t sp_places_same(sp_place_t a, sp_place_t b);
static unsigned sp_eval_within(const sp_node_t *node, const sp_value_t *a,
    const sp_value_t *b);
static sp_str_t sp_tag(const sp_value_t *v, unsigned i);


/* Why a test of a fact without a value is unsure. */

static const uint8_t  sp_missing[] = {
    [SP_FACT_UNKNOWN] = SP_UNSURE,
    [SP_FACT_FAILED] = SP_UNSURE | SP_WHY_FAILED,
    [SP_FACT_PENDING] = SP_UNSURE | SP_WHY_PENDING,
    [SP_FACT_ABSENT] = SP_UNSURE
};


static inline unsigned
sp_eval_missing(const sp_value_t *v)
{
    return sp_missing[v->state & 3];
}


/* One test. The frequent ones come first; all others read a value too. */

static inline unsigned
sp_eval_atom(const sp_policy_t *policy, const sp_node_t *node,
    const sp_facts_t *facts)
{
    unsigned           value;
    const sp_value_t  *v;

    v = &facts->v[node->field];

    switch (node->op) {

    case SP_OP_HAS:
        if (v->state == SP_FACT_KNOWN) {
            return SP_TRUE;
        }

        return v->state == SP_FACT_ABSENT ? (unsigned) SP_FALSE
                                          : sp_eval_missing(v);

    case SP_OP_INT:
        if (v->state != SP_FACT_KNOWN) {
            return sp_eval_missing(v);
        }

        return sp_eval_cmp(node->cmp, v->u.i, node->value) ? SP_TRUE
                                                           : SP_FALSE;

    case SP_OP_BOOL:
        if (v->state != SP_FACT_KNOWN) {
            return sp_eval_missing(v);
        }

        return v->u.i ? SP_TRUE : SP_FALSE;

    case SP_OP_MASK:
        if (v->state != SP_FACT_KNOWN) {
            return sp_eval_missing(v);
        }

        value = (v->u.i >= 0 && v->u.i < 64
                 && ((uint64_t) node->value >> v->u.i) & 1)
                ? SP_TRUE : SP_FALSE;
        break;

    case SP_OP_PLACE:
        value = sp_eval_place(policy, node, facts);
        break;

    default:
        value = sp_eval_other(policy, node, facts);
    }

    return node->neg ? (value & ~3u) | (unsigned) sp_truth_not(value & 3)
                     : value;
}


unsigned
sp_expr_eval(const sp_policy_t *policy, uint32_t at, const sp_facts_t *facts)
{
    unsigned          value, sum, stop;
    const sp_node_t  *nodes, *node, *child, *end;

    nodes = sp_image_at(policy, policy->nodes, sp_node_t);
    node = &nodes[at];

    if (node->op > SP_OP_NOT) {
        return sp_eval_atom(policy, node, facts);
    }

    if (node->op == SP_OP_NOT) {
        value = sp_expr_eval(policy, at + 1, facts);
        return (value & ~3u) | (unsigned) sp_truth_not(value & 3);
    }

    sum = (node->op == SP_OP_AND) ? SP_TRUE : SP_FALSE;
    stop = SP_TRUE - sum;
    end = &nodes[node->end];

    for (child = node + 1; child < end; child = &nodes[child->end]) {
        value = (child->op > SP_OP_NOT)
                ? sp_eval_atom(policy, child, facts)
                : sp_expr_eval(policy, (uint32_t) (child - nodes), facts);

        if ((value & 3) == stop) {
            return stop;
        }

        if ((value & 3) == SP_UNSURE) {
            sum = value | ((sum & 3) == SP_UNSURE ? sum : 0);
        }
    }

    return sum;
}


/* The tests that read sets, strings and two fields. */

static unsigned
sp_eval_other(const sp_policy_t *policy, const sp_node_t *node,
    const sp_facts_t *facts)
{
    const sp_set_t    *set;
    const sp_value_t  *v;

    switch (node->op) {

    case SP_OP_SHARE:
        return sp_eval_share(policy, node, facts);

    case SP_OP_CONTROL:
        return sp_eval_control(policy, node, facts);

    case SP_OP_SAME:
        return sp_eval_same(node, &facts->v[node->field],
                            &facts->v[node->other]);

    case SP_OP_WITHIN:
        return sp_eval_within(node, &facts->v[node->field],
                              &facts->v[node->other]);

    default:
        break;
    }

    v = &facts->v[node->field];

    if (v->state != SP_FACT_KNOWN) {
        return sp_eval_missing(v);
    }

    set = sp_image_set(policy, node->set);

    switch (node->op) {

    case SP_OP_PLACES:
        return sp_eval_places(policy, node, v);

    case SP_OP_ASN:
        return sp_set_asn(policy, set, (uint32_t) v->u.i);

    case SP_OP_NET:
        return sp_set_net(policy, set, v->u.addr);

    case SP_OP_NAME:
        return sp_set_name(policy, set, v->u.s);

    case SP_OP_NAMES:
        return sp_eval_names(policy, set, v);

    default:
        return SP_UNSURE;
    }
}


static unsigned
sp_eval_place(const sp_policy_t *policy, const sp_node_t *node,
    const sp_facts_t *facts)
{
    sp_truth_t         t;
    const sp_set_t    *set;
    const sp_value_t  *v, *country;

    v = &facts->v[node->field];
    set = sp_image_set(policy, node->set);

    if (v->state == SP_FACT_KNOWN) {
        return sp_set_place(policy, set, v->u.place);
    }

    if (node->field == SP_F_IP_REGION) {
        country = &facts->v[SP_F_IP_COUNTRY];

        /* a list of places elsewhere is answered by the country alone */

        if (country->state == SP_FACT_KNOWN) {
            t = sp_set_place(policy, set, sp_place_country(country->u.place));

            if (t != SP_UNSURE) {
                return t;
            }
        }
    }

    return sp_eval_missing(v);
}


/* True if one of them is in the set. */

static unsigned
sp_eval_places(const sp_policy_t *policy, const sp_node_t *node,
    const sp_value_t *v)
{
    unsigned         i;
    sp_truth_t       t, sum;
    const sp_set_t  *set;

    set = sp_image_set(policy, node->set);
    sum = SP_FALSE;

    for (i = 0; i < v->n && sum != SP_TRUE; i++) {
        t = sp_set_place(policy, set, v->u.places[i]);
        sum = t > sum ? t : sum;
    }

    return sum;
}


static sp_str_t
sp_tag(const sp_value_t *v, unsigned i)
{
    sp_str_t  s;

    s.data = (const unsigned char *) v->u.tags + (size_t) i * SP_TAG_LEN;

    for (s.len = 0; s.len < SP_TAG_LEN && s.data[s.len] != '\0'; s.len++) {
        /* void */
    }

    return s;
}


static sp_truth_t
sp_eval_names(const sp_policy_t *policy, const sp_set_t *set,
    const sp_value_t *v)
{
    unsigned  i;

    for (i = 0; i < v->n; i++) {

        if (sp_set_name(policy, set, sp_tag(v, i)) == SP_TRUE) {
            return SP_TRUE;
        }
    }

    return SP_FALSE;
}


static sp_truth_t
sp_places_same(sp_place_t a, sp_place_t b)
{
    if (a == b) {
        return SP_TRUE;
    }

    if (sp_place_country(a) != sp_place_country(b)
        || (sp_place_is_region(a) && sp_place_is_region(b)))
    {
        return SP_FALSE;
    }

    return SP_UNSURE;
}


static unsigned
sp_eval_same(const sp_node_t *node, const sp_value_t *a, const sp_value_t *b)
{
    if (a->state != SP_FACT_KNOWN || b->state != SP_FACT_KNOWN) {
        return (a->state != SP_FACT_KNOWN ? sp_eval_missing(a) : SP_UNSURE)
               | (b->state != SP_FACT_KNOWN ? sp_eval_missing(b) : SP_UNSURE);
    }

    switch (node->how) {

    case SP_HOW_STRING:
        return sp_str_eq(a->u.s, b->u.s) ? SP_TRUE : SP_FALSE;

    case SP_HOW_COUNTRY:
        return sp_place_country(a->u.place) == sp_place_country(b->u.place)
               ? SP_TRUE : SP_FALSE;

    case SP_HOW_PLACE:
        return sp_places_same(a->u.place, b->u.place);

    default:
        return a->u.i == b->u.i ? SP_TRUE : SP_FALSE;
    }
}


static unsigned
sp_eval_within(const sp_node_t *node, const sp_value_t *a,
    const sp_value_t *b)
{
    unsigned    i;
    sp_truth_t  t, sum;

    if (b->state == SP_FACT_KNOWN && b->n == 0) {
        return SP_FALSE;
    }

    if (a->state != SP_FACT_KNOWN || b->state != SP_FACT_KNOWN) {
        return (a->state != SP_FACT_KNOWN ? sp_eval_missing(a) : SP_UNSURE)
               | (b->state != SP_FACT_KNOWN ? sp_eval_missing(b) : SP_UNSURE);
    }

    sum = SP_FALSE;

    for (i = 0; i < b->n && sum != SP_TRUE; i++) {

        if (node->how == SP_HOW_STRING) {
            t = sp_str_eq(a->u.s, sp_tag(b, i)) ? SP_TRUE : SP_FALSE;

        } else {
            t = sp_places_same(a->u.place, b->u.places[i]);

            /* a country is inside itself; only its part is in a part */

            if (t == SP_UNSURE && sp_place_is_region(a->u.place)) {
                t = SP_TRUE;
            }
        }

        sum = t > sum ? t : sum;
    }

    return sum;
}

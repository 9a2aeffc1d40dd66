
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the evaluation of conditions in Kleene's three values.
 * It allocates nothing and cannot fail: types were checked when the policy
 * was loaded, and its depth is bounded there too.
 */


#include "sp_expr.h"


#define SP_BPS  10000


static unsigned sp_eval_other(const sp_policy_t *policy,
    const sp_node_t *node, const sp_facts_t *facts);
static unsigned sp_eval_place(const sp_policy_t *policy,
    const sp_node_t *node, const sp_facts_t *facts);
static unsigned sp_eval_places(const sp_policy_t *policy,
    const sp_node_t *node, const sp_value_t *v);
static sp_truth_t sp_set_place(const sp_policy_t *policy, const sp_set_t *set,
    sp_place_t place);
static sp_truth_t sp_set_asn(const sp_policy_t *policy, const sp_set_t *set,
    uint32_t asn);
static sp_truth_t sp_set_net(const sp_policy_t *policy, const sp_set_t *set,
    const sp_addr_t *addr);
static sp_truth_t sp_set_name(const sp_policy_t *policy, const sp_set_t *set,
    sp_str_t s);
static sp_truth_t sp_eval_names(const sp_policy_t *policy,
    const sp_set_t *set, const sp_value_t *v);
static unsigned sp_eval_same(const sp_node_t *node, const sp_value_t *a,
    const sp_value_t *b);
static sp_truth_t sp_places_same(sp_place_t a, sp_place_t b);
static unsigned sp_eval_within(const sp_node_t *node, const sp_value_t *a,
    const sp_value_t *b);
static sp_str_t sp_tag(const sp_value_t *v, unsigned i);
static unsigned sp_eval_record(const sp_facts_t *facts);
static unsigned sp_eval_share(const sp_policy_t *policy,
    const sp_node_t *node, const sp_facts_t *facts);
static void sp_share_owners(const sp_policy_t *policy, const sp_set_t *set,
    const sp_account_t *account, int largest, int *low, int *high);
static sp_truth_t sp_owner_in(const sp_policy_t *policy, const sp_set_t *set,
    const sp_owner_t *owner);
static void sp_share_listed(const sp_policy_t *policy, const sp_set_t *set,
    const sp_account_t *account, int *low, int *high);
static unsigned sp_eval_control(const sp_policy_t *policy,
    const sp_node_t *node, const sp_facts_t *facts);


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


static inline int
sp_eval_cmp(unsigned cmp, int64_t a, int64_t b)
{
    switch (cmp) {

    case SP_EQ:
        return a == b;

    case SP_NE:
        return a != b;

    case SP_LT:
        return a < b;

    case SP_LE:
        return a <= b;

    case SP_GT:
        return a > b;

    default:
        return a >= b;
    }
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


/*
 * A country that is in the set holds for all its subdivisions; one of which
 * only a part is in the set leaves the question open.
 */

static sp_truth_t
sp_set_place(const sp_policy_t *policy, const sp_set_t *set, sp_place_t place)
{
    uint32_t           low, high, mid;
    const sp_place_t  *items;

    if (place == SP_PLACE_NONE || sp_place_country(place) > SP_COUNTRIES) {
        return SP_UNSURE;
    }

    if (sp_countries_has(&set->countries, place)) {
        return SP_TRUE;
    }

    if (!sp_countries_has(&set->parts, place)) {
        return SP_FALSE;
    }

    if (!sp_place_is_region(place)) {
        return SP_UNSURE;
    }

    items = sp_image_at(policy, set->items, sp_place_t);

    for (low = 0, high = set->n; low < high; /* void */ ) {
        mid = low + (high - low) / 2;

        if (items[mid] == place) {
            return SP_TRUE;
        }

        if (items[mid] < place) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    return SP_FALSE;
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


static sp_truth_t
sp_set_asn(const sp_policy_t *policy, const sp_set_t *set, uint32_t asn)
{
    uint32_t         low, high, mid;
    const uint32_t  *items;

    items = sp_image_at(policy, set->items, uint32_t);

    for (low = 0, high = set->n; low < high; /* void */ ) {
        mid = low + (high - low) / 2;

        if (items[mid] == asn) {
            return SP_TRUE;
        }

        if (items[mid] < asn) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    return SP_FALSE;
}


/* Networks of a set are disjoint: only the last one below can hold it. */

static sp_truth_t
sp_set_net(const sp_policy_t *policy, const sp_set_t *set,
    const sp_addr_t *addr)
{
    uint32_t             low, high, mid;
    const sp_network_t  *items;

    items = sp_image_at(policy, set->items, sp_network_t);

    for (low = 0, high = set->n; low < high; /* void */ ) {
        mid = low + (high - low) / 2;

        if (memcmp(items[mid].base.bytes, addr->bytes, sizeof(addr->bytes))
            <= 0)
        {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    return (low != 0 && sp_network_has(&items[low - 1], addr)) ? SP_TRUE
                                                               : SP_FALSE;
}


int
sp_glob_match(const sp_policy_t *policy, const sp_glob_t *glob, sp_str_t s)
{
    sp_str_t  head, tail;

    head = sp_image_str(policy, glob->head);
    tail = sp_image_str(policy, glob->tail);

    return s.len >= head.len + tail.len
           && (head.len == 0 || memcmp(s.data, head.data, head.len) == 0)
           && (tail.len == 0 || memcmp(s.data + s.len - tail.len, tail.data,
                                       tail.len) == 0);
}


static sp_truth_t
sp_set_name(const sp_policy_t *policy, const sp_set_t *set, sp_str_t s)
{
    int               rc;
    size_t            len;
    uint32_t          low, high, mid, i;
    sp_str_t          name;
    const sp_ref_t   *items;
    const sp_glob_t  *globs;

    items = sp_image_at(policy, set->items, sp_ref_t);

    for (low = 0, high = set->n; low < high; /* void */ ) {
        mid = low + (high - low) / 2;

        name = sp_image_str(policy, items[mid]);
        len = name.len < s.len ? name.len : s.len;
        rc = len ? memcmp(name.data, s.data, len) : 0;

        if (rc == 0 && name.len == s.len) {
            return SP_TRUE;
        }

        if (rc < 0 || (rc == 0 && name.len < s.len)) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    globs = sp_image_at(policy, set->globs, sp_glob_t);

    for (i = 0; i < set->nglobs; i++) {

        if (sp_glob_match(policy, &globs[i], s)) {
            return SP_TRUE;
        }
    }

    return SP_FALSE;
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


/* What the state of the account makes of tests that read it as a whole. */

static unsigned
sp_eval_record(const sp_facts_t *facts)
{
    if (facts->account_state == SP_ACCTFACT_FAILED) {
        return SP_UNSURE | SP_WHY_FAILED;
    }

    if (facts->account_state != SP_ACCTFACT_FOUND || facts->account == NULL) {
        return SP_UNSURE;
    }

    return SP_TRUE;
}


/* The share is known to lie in [low, high]; both ends must agree. */

static unsigned
sp_eval_share(const sp_policy_t *policy, const sp_node_t *node,
    const sp_facts_t *facts)
{
    int              low, high, yes;
    unsigned         value;
    const sp_set_t  *set;

    value = sp_eval_record(facts);

    if (value != SP_TRUE) {
        return value;
    }

    set = sp_image_set(policy, node->set);

    if (node->other == SP_FN_LISTED_SHARE) {
        sp_share_listed(policy, set, facts->account, &low, &high);

    } else {
        sp_share_owners(policy, set, facts->account,
                        node->other == SP_FN_LARGEST_OWNER, &low, &high);
    }

    yes = sp_eval_cmp(node->cmp, low, node->value);

    if (low != high) {

        /* "==" can hold inside of an interval and at neither end */

        if (node->cmp == SP_EQ || node->cmp == SP_NE) {
            return (node->value < low || node->value > high)
                   ? (node->cmp == SP_NE ? SP_TRUE : SP_FALSE) : SP_UNSURE;
        }

        if (yes != sp_eval_cmp(node->cmp, high, node->value)) {
            return SP_UNSURE;
        }
    }

    return yes ? SP_TRUE : SP_FALSE;
}


/* Whether a holding counts: one restricted place is enough. */

static sp_truth_t
sp_owner_in(const sp_policy_t *policy, const sp_set_t *set,
    const sp_owner_t *owner)
{
    unsigned    i;
    sp_truth_t  t, sum;

    sum = owner->unknown ? SP_UNSURE : SP_FALSE;

    for (i = 0; i < owner->nplaces && i < SP_OWNER_PLACES; i++) {
        t = sp_set_place(policy, set, owner->places[i]);
        sum = t > sum ? t : sum;
    }

    return sum;
}


/*
 * Known to be in the list: the least that such holdings can be. Possible:
 * everything that is not known to be held elsewhere, so that bands, unknown
 * holders and what nobody disclosed count against the account.
 */

static void
sp_share_owners(const sp_policy_t *policy, const sp_set_t *set,
    const sp_account_t *account, int largest, int *low, int *high)
{
    int                known, good, top, most, sum;
    unsigned           i;
    sp_truth_t         t;
    const sp_owner_t  *owner;

    *low = 0;
    *high = SP_BPS;

    if (!account->has_owners) {

        /* a person is not owned */

        if (account->type == SP_TYPE_INDIVIDUAL) {
            *high = 0;
        }

        return;
    }

    known = good = top = most = sum = 0;

    for (i = 0; i < account->nowners && i < SP_OWNERS_MAX; i++) {
        owner = &account->owners[i];
        t = sp_owner_in(policy, set, owner);
        sum += owner->min;

        if (t == SP_TRUE) {
            known += owner->min;
            top = owner->min > top ? owner->min : top;

        } else if (t == SP_FALSE) {
            good += owner->min;
            continue;
        }

        most = owner->max > most ? owner->max : most;
    }

    *low = largest ? top : known;

    if (account->owners_method != SP_METHOD_CASCADE) {
        return;
    }

    /* one undisclosed holder may hold all of the rest */

    if (largest && SP_BPS - sum > most) {
        most = SP_BPS - sum;
    }

    *high = largest ? most : SP_BPS - good;
    *low = *low < *high ? *low : *high;
}


/*
 * Shares of several lists may be those of the same parties: at least the
 * largest, at most their sum.
 */

static void
sp_share_listed(const sp_policy_t *policy, const sp_set_t *set,
    const sp_account_t *account, int *low, int *high)
{
    unsigned            i;
    sp_str_t            name;
    const sp_listed_t  *listed;

    *low = *high = 0;

    if (account->nlisted == 0 && account->screening != SP_SCREENING_CLEAR) {
        *high = SP_BPS;
        return;
    }

    for (i = 0; i < account->nlisted && i < SP_LISTED_MAX; i++) {
        listed = &account->listed[i];

        name.data = (const unsigned char *) listed->list;
        name.len = listed->len;

        if (sp_set_name(policy, set, name) == SP_TRUE) {
            *low = listed->share > *low ? listed->share : *low;
            *high += listed->share;
        }
    }

    *high = *high < SP_BPS ? *high : SP_BPS;
}


static unsigned
sp_eval_control(const sp_policy_t *policy, const sp_node_t *node,
    const sp_facts_t *facts)
{
    unsigned             i, value;
    sp_truth_t           t, sum;
    const sp_set_t      *set;
    const sp_account_t  *account;

    value = sp_eval_record(facts);

    if (value != SP_TRUE) {
        return value;
    }

    set = sp_image_set(policy, node->set);
    account = facts->account;
    sum = SP_FALSE;

    for (i = 0; i < account->ncontrol && i < SP_PLACES_MAX; i++) {
        t = sp_set_place(policy, set, account->control[i].place);
        sum = t > sum ? t : sum;
    }

    return sum;
}

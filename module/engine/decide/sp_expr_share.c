
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains ownership: what part of an account is held from the places
 * of a list, as an interval between what is known and what is possible.
 */


#include "policy/sp_expr.h"


#define SP_BPS  10000


static unsigned sp_eval_record(const sp_facts_t *facts);
static void sp_share_owners(const sp_policy_t *policy, const sp_set_t *set,
    const sp_account_t *account, int largest, int *low, int *high);
static sp_truth_t sp_owner_in(const sp_policy_t *policy, const sp_set_t *set,
    const sp_owner_t *owner);
static void sp_share_listed(const sp_policy_t *policy, const sp_set_t *set,
    const sp_account_t *account, int *low, int *high);


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


/* The share is known to lie in [low, high]. */

unsigned
sp_eval_share(const sp_policy_t *policy, const sp_node_t *node,
    const sp_facts_t *facts)
{
    int              low, high;
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

    return sp_eval_interval(node->cmp, low, high, node->value);
}


/* Both ends must agree. */

sp_truth_t
sp_eval_interval(unsigned cmp, int low, int high, int64_t value)
{
    int  yes;

    yes = sp_eval_cmp(cmp, low, value);

    if (low != high) {

        /* "==" can hold inside of an interval and at neither end */

        if (cmp == SP_EQ || cmp == SP_NE) {
            return (value < low || value > high)
                   ? (cmp == SP_NE ? SP_TRUE : SP_FALSE) : SP_UNSURE;
        }

        if (yes != sp_eval_cmp(cmp, high, value)) {
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


unsigned
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

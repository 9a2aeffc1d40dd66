
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what opens nothing and binds nothing: exceptions,
 * throttles, tiers of models that nobody can reach.
 */


#include <stdlib.h>

#include "sp_analyse_state.h"


static void sp_open_exception(sp_analyse_t *a, uint32_t rule);
static sp_dd_t sp_open_others(sp_analyse_t *a, uint32_t deny,
    uint32_t except);
static void sp_open_throttle(sp_analyse_t *a, uint32_t rule);
static int sp_open_stricter(sp_analyse_t *a, const sp_rule_t *one,
    const sp_rule_t *two);
static int sp_open_row(const sp_rate_t *one, const sp_rate_t *two);
static int sp_open_replaced(sp_analyse_t *a, uint32_t rule, sp_dd_t where);
static void sp_open_tiers(sp_analyse_t *a);
static int sp_open_declared(const sp_policy_t *policy, unsigned tier);
static int sp_open_is_tier(const sp_space_t *space, const sp_value_t *v,
    const void *arg);


void
sp_analyse_openings(sp_analyse_t *a)
{
    uint32_t  i;

    for (i = 0; i < a->policy->nrules && !sp_space_void(a->space); i++) {

        if (a->useless[i]
            || sp_analyse_gone(a, a->outcome->rules[i].live))
        {
            continue;
        }

        switch (sp_image_rule(a->policy, i)->kind) {

        case SP_RULE_EXCEPTION:
            sp_open_exception(a, i);
            break;

        case SP_RULE_THROTTLE:
            sp_open_throttle(a, i);
            break;

        default:
            break;
        }
    }

    sp_open_tiers(a);
}


static void
sp_open_exception(sp_analyse_t *a, uint32_t at)
{
    sp_dd_t           where, without, meets;
    sp_dds_t         *dds;
    uint32_t          i;
    const uint32_t   *list;
    const sp_rule_t  *rule;

    dds = a->space->dds;
    rule = sp_image_rule(a->policy, at);
    list = sp_image_at(a->policy, rule->list, uint32_t);
    where = sp_outcome_exception(a->outcome, at);
    without = SP_DD_FALSE;

    for (i = 0; i < rule->nlist; i++) {
        meets = sp_dd_and(dds, where, a->outcome->rules[list[i]].match);

        if (sp_analyse_gone(a, meets)) {
            sp_analyse_rule(a, SP_DIAG_WARNING, 308, at, NULL,
                            "exception '%.*s' never meets '%.*s', which it "
                            "lifts", sp_analyse_id(a, at),
                            sp_analyse_id(a, list[i]));
            continue;
        }

        without = sp_dd_or(dds, without,
                           sp_dd_minus(dds, meets,
                                       sp_open_others(a, list[i], at)));
    }

    if (!a->useless[at]
        && sp_analyse_gone(a, sp_dd_and(dds, without, a->outcome->allowed)))
    {
        sp_analyse_rule(a, SP_DIAG_WARNING, 308, at,
                        sp_diag_text("other deny rules refuse what it lifts, "
                                     "other exceptions lift it, or no allow "
                                     "rule allows it"),
                        "exception '%.*s' opens nothing",
                        sp_analyse_id(a, at));
    }
}


/* Where exceptions but for one lift a deny rule. */

static sp_dd_t
sp_open_others(sp_analyse_t *a, uint32_t deny, uint32_t except)
{
    sp_dd_t           lifted;
    uint32_t          i;
    const uint32_t   *list;
    const sp_rule_t  *rule;

    rule = sp_image_rule(a->policy, deny);
    list = sp_image_at(a->policy, rule->list, uint32_t);
    lifted = SP_DD_FALSE;

    for (i = 0; i < rule->nlist; i++) {

        if (list[i] != except) {
            lifted = sp_dd_or(a->space->dds, lifted,
                              sp_outcome_exception(a->outcome, list[i]));
        }
    }

    return lifted;
}


/*
 * One that counts the same with no more room binds first wherever this one
 * applies.
 */

static void
sp_open_throttle(sp_analyse_t *a, uint32_t at)
{
    sp_dd_t           where;
    uint32_t          i;
    const sp_rule_t  *rule, *other;

    rule = sp_image_rule(a->policy, at);
    where = sp_outcome_throttle(a->outcome, at);

    for (i = a->policy->first[SP_RULE_THROTTLE];
         i < a->policy->first[SP_RULE_THROTTLE + 1]; i++)
    {
        other = sp_image_rule(a->policy, i);

        if (i == at || a->useless[i] == 2 || other->per != rule->per
            || !sp_open_stricter(a, other, rule)
            || !sp_analyse_gone(a, sp_dd_minus(a->space->dds, where,
                                               a->outcome->rules[i].match))
            || sp_open_replaced(a, i, where))
        {
            continue;
        }

        sp_analyse_rule(a, SP_DIAG_WARNING, 312, at, NULL,
                        "throttle '%.*s' never binds: '%.*s' counts the same "
                        "and is as strict or stricter", sp_analyse_id(a, at),
                        sp_analyse_id(a, i));
        a->useless[at] = 2;
        return;
    }
}


/* Row by row if both tables are by one field, else all against all. */

static int
sp_open_stricter(sp_analyse_t *a, const sp_rule_t *one, const sp_rule_t *two)
{
    uint32_t          i, k;
    const sp_rate_t  *rates;

    /* what one binds that the other does not count, it may well bind */

    if (one->nwindows != 1 || two->nwindows != 1
        || memcmp(sp_image_at(a->policy, a->policy->throttles, sp_throttle_t)
                  + one->throttle,
                  sp_image_at(a->policy, a->policy->throttles, sp_throttle_t)
                  + two->throttle, sizeof(sp_throttle_t))
           != 0)
    {
        return 0;
    }

    rates = sp_image_at(a->policy, a->policy->rates, sp_rate_t);

    if (one->by == two->by && one->nrates == two->nrates
        && one->by_min == two->by_min)
    {
        for (i = 0; i < one->nrates; i++) {
            if (!sp_open_row(&rates[one->rates + i], &rates[two->rates + i]))
            {
                return 0;
            }
        }

        return 1;
    }

    for (i = 0; i < one->nrates; i++) {
        for (k = 0; k < two->nrates; k++) {
            if (!sp_open_row(&rates[one->rates + i], &rates[two->rates + k]))
            {
                return 0;
            }
        }
    }

    return 1;
}


/*
 * By the arithmetic of sp_limit.h: of two that got the same requests, the one
 * with the longer interval and no more tolerance never has more room.
 */

static int
sp_open_row(const sp_rate_t *one, const sp_rate_t *two)
{
    if (one->window != two->window) {
        return 0;
    }

    return one->window == SP_WINDOW_RATE
           ? one->interval >= two->interval
             && one->tolerance <= two->tolerance
             && (one->meter == SP_METER_REQUESTS
                 || !sp_rate_stricter(two, one))
           : one->limit <= two->limit;
}


static int
sp_open_replaced(sp_analyse_t *a, uint32_t at, sp_dd_t where)
{
    uint32_t          i, k;
    const uint32_t   *list;
    const sp_rule_t  *rule;

    for (i = a->policy->first[SP_RULE_THROTTLE];
         i < a->policy->first[SP_RULE_THROTTLE + 1]; i++)
    {
        rule = sp_image_rule(a->policy, i);
        list = sp_image_at(a->policy, rule->list, uint32_t);

        for (k = 0; k < rule->nlist; k++) {

            if (list[k] == at
                && !sp_analyse_gone(a, sp_dd_and(a->space->dds, where,
                                                 a->outcome->rules[i].sure)))
            {
                return 1;
            }
        }
    }

    return 0;
}


static int
sp_open_is_tier(const sp_space_t *space, const sp_value_t *v,
    const void *arg)
{
    return v->state == SP_FACT_KNOWN && v->u.i == *(const int64_t *) arg;
}


static int
sp_open_declared(const sp_policy_t *policy, unsigned tier)
{
    uint32_t               i;
    const sp_glob_t       *globs;
    const sp_tier_name_t  *names;

    names = sp_image_at(policy, policy->tiers, sp_tier_name_t);

    for (i = 0; i < policy->ntiers; i++) {
        if (names[i].tier == tier) {
            return 1;
        }
    }

    globs = sp_image_at(policy, policy->globs, sp_glob_t);

    for (i = 0; i < policy->nglobs; i++) {
        if (globs[i].tier == tier) {
            return 1;
        }
    }

    return 0;
}


static void
sp_open_tiers(sp_analyse_t *a)
{
    int64_t    tier;
    sp_dd_t    where;
    sp_str_t   line;
    sp_mark_t  mark;

    for (tier = 1; tier <= SP_TIERS && !sp_space_void(a->space); tier++) {

        if (!sp_open_declared(a->policy, (unsigned) tier)) {
            continue;
        }

        where = sp_space_model(a->space, 0, sp_open_is_tier, &tier);

        if (sp_analyse_gone(a, sp_dd_and(a->space->dds, where,
                                         a->outcome->allowed)))
        {
            mark = sp_analyse_tier_mark(a, (int) tier, &line);
            sp_diag_add(a->diags, SP_DIAG_WARNING, 316, mark, line, NULL,
                        "no request for a model of tier %d is ever allowed",
                        (int) tier);
        }
    }
}

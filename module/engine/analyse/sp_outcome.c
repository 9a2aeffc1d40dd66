
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the decision over the whole space at once: the same
 * steps as in sp_decide(), each on diagrams.
 */


#include <stdlib.h>

#include "sp_outcome.h"


static void sp_outcome_rule(sp_outcome_t *o, uint32_t at);
static void sp_outcome_lift(sp_outcome_t *o, uint32_t at);
static int sp_outcome_is_account(const sp_space_t *space,
    const sp_value_t *v, const void *arg);
static sp_dd_t sp_outcome_routes(sp_outcome_t *o);
static int sp_outcome_closed(const sp_space_t *space, const sp_value_t *v,
    const void *arg);
static int sp_outcome_barred(const sp_space_t *space, const sp_value_t *v,
    const void *arg);


sp_outcome_t *
sp_outcome_create(sp_space_t *space, unsigned policy)
{
    uint32_t            i;
    sp_dds_t           *dds;
    sp_outcome_t       *o;
    const sp_rule_t    *rule;

    o = calloc(1, sizeof(sp_outcome_t));
    if (o == NULL) {
        return NULL;
    }

    o->space = space;
    o->index = policy;
    o->policy = space->policies[policy];
    o->rules = calloc(o->policy->nrules + 1, sizeof(sp_reach_t));

    if (o->rules == NULL) {
        free(o);
        return NULL;
    }

    if (space->failed) {
        return o;
    }

    dds = space->dds;

    for (i = 0; i < o->policy->nrules && !sp_dds_full(dds); i++) {
        sp_outcome_rule(o, i);
    }

    o->barred = sp_space_where(space, SP_F_ACCOUNT_STATUS, sp_outcome_barred,
                               NULL);
    if (space->of[SP_F_CUSTOMER_STATUS] >= 0) {
        o->barred = sp_dd_or(dds, o->barred,
                             sp_space_where(space, SP_F_CUSTOMER_STATUS,
                                            sp_outcome_barred, NULL));
    }

    o->barred = sp_dd_or(dds, o->barred, sp_outcome_routes(o));
    o->denied = o->barred;
    o->opened = SP_DD_FALSE;

    for (i = 0; i < o->policy->nrules && !sp_dds_full(dds); i++) {
        rule = sp_image_rule(o->policy, i);

        if (rule->kind == SP_RULE_DENY) {
            sp_outcome_lift(o, i);
            o->denied = sp_dd_or(dds, o->denied, o->rules[i].stands);

        } else if (rule->kind == SP_RULE_ALLOW) {
            o->opened = sp_dd_or(dds, o->opened, o->rules[i].match);
        }
    }

    o->allowed = sp_dd_and(dds, sp_dd_minus(dds, o->opened, o->denied),
                           space->theory);

    return o;
}


void
sp_outcome_destroy(sp_outcome_t *o)
{
    if (o != NULL) {
        free(o->rules);
        free(o);
    }
}


/* Routes that the policy does not serve, where anything asks for routes. */

static sp_dd_t
sp_outcome_routes(sp_outcome_t *o)
{
    if (o->space->of[SP_F_REQUEST_ROUTE] < 0) {
        return SP_DD_FALSE;
    }

    return sp_space_where(o->space, SP_F_REQUEST_ROUTE, sp_outcome_closed,
                          o->policy);
}


/* The dialect is the value after that of the route. */

static int
sp_outcome_closed(const sp_space_t *space, const sp_value_t *v,
    const void *arg)
{
    return !sp_policy_route_open(arg, sp_space_route(v[0].u.i, v[1].u.i));
}


static int
sp_outcome_barred(const sp_space_t *space, const sp_value_t *v,
    const void *arg)
{
    return v->state == SP_FACT_KNOWN
           && (v->u.i == SP_STATUS_SUSPENDED || v->u.i == SP_STATUS_CLOSED
               || v->u.i == SP_STATUS_REJECTED);
}


static int
sp_outcome_is_account(const sp_space_t *space, const sp_value_t *v,
    const void *arg)
{
    return v->state == SP_FACT_KNOWN
           && sp_str_eq(v->u.s, *(const sp_str_t *) arg);
}


static void
sp_outcome_rule(sp_outcome_t *o, uint32_t at)
{
    int               canary;
    sp_dd_t           kids[2] = { SP_DD_FALSE, SP_DD_TRUE };
    sp_dds_t         *dds;
    sp_reach_t       *r;
    const sp_rule_t  *rule;

    dds = o->space->dds;
    r = &o->rules[at];
    rule = sp_image_rule(o->policy, at);

    sp_space_cond(o->space, o->index, rule->cond, &r->yes, &r->no);

    r->live = SP_DD_TRUE;

    if (rule->dated) {
        r->live = sp_space_time(o->space, rule->from, rule->until);
    }

    if (rule->share != 0) {
        canary = sp_space_canary(o->space, o->index, at);

        if (canary >= 0) {
            r->live = sp_dd_and(dds, r->live,
                                sp_dd_node(dds, (unsigned) canary, kids));
        }

    } else if (rule->shadow) {
        r->live = SP_DD_FALSE;
    }

    r->sure = sp_dd_and(dds, r->yes, r->live);

    if (rule->kind == SP_RULE_ALLOW || rule->kind == SP_RULE_EXCEPTION
        || rule->skip)
    {
        r->match = r->sure;

    } else {
        r->match = sp_dd_minus(dds, r->live, r->no);
    }

    r->stands = r->match;
    r->certain = r->sure;
}


sp_dd_t
sp_outcome_exception(sp_outcome_t *o, uint32_t at)
{
    sp_str_t          account;
    const sp_rule_t  *rule;

    rule = sp_image_rule(o->policy, at);
    account = sp_image_str(o->policy, rule->account);

    return sp_dd_and(o->space->dds, o->rules[at].sure,
                     sp_space_where(o->space, SP_F_ACCOUNT_ID,
                                    sp_outcome_is_account, &account));
}


static void
sp_outcome_lift(sp_outcome_t *o, uint32_t at)
{
    uint32_t          i;
    sp_dd_t           lifted;
    sp_reach_t       *r;
    const uint32_t   *list;
    const sp_rule_t  *rule;

    r = &o->rules[at];
    rule = sp_image_rule(o->policy, at);
    list = sp_image_at(o->policy, rule->list, uint32_t);
    lifted = SP_DD_FALSE;

    for (i = 0; i < rule->nlist; i++) {
        lifted = sp_dd_or(o->space->dds, lifted,
                          sp_outcome_exception(o, list[i]));
    }

    r->stands = sp_dd_minus(o->space->dds, r->match, lifted);
    r->certain = sp_dd_minus(o->space->dds, r->sure, lifted);
}


sp_dd_t
sp_outcome_throttle(sp_outcome_t *o, uint32_t at)
{
    uint32_t          i, k;
    sp_dd_t           dd;
    const uint32_t   *list;
    const sp_rule_t  *rule;

    dd = o->rules[at].match;

    for (i = o->policy->first[SP_RULE_THROTTLE];
         i < o->policy->first[SP_RULE_THROTTLE + 1]; i++)
    {
        rule = sp_image_rule(o->policy, i);
        list = sp_image_at(o->policy, rule->list, uint32_t);

        for (k = 0; k < rule->nlist; k++) {

            if (list[k] == at) {
                dd = sp_dd_minus(o->space->dds, dd, o->rules[i].sure);
            }
        }
    }

    return dd;
}


/* The most ordinary one first; if that cannot be made, others. */

sp_rc_t
sp_outcome_example(sp_space_t *space, sp_dd_t where, unsigned tries,
    unsigned policy, int decision, sp_flesh_t *flesh, sp_verdict_t *verdict)
{
    unsigned   turn;
    uint32_t  *values;

    values = calloc(space->nvars + 1, sizeof(uint32_t));

    if (values == NULL || where == SP_DD_FALSE) {
        free(values);
        return SP_DECLINED;
    }

    for (turn = 0; turn < tries && !sp_space_void(space); turn++) {
        sp_dd_path(space->dds, where, turn, values);

        if (sp_space_flesh(space, values, flesh) != SP_OK) {
            continue;
        }

        sp_decide(space->policies[policy], &flesh->facts, SP_STAGE_WHOLE,
                  verdict);

        if (verdict->decision == decision) {
            free(values);
            return SP_OK;
        }
    }

    free(values);

    return SP_DECLINED;
}

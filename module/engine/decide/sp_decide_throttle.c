
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the throttles of a decision: which apply, which others
 * replace, and what each debits.
 */


#include "sp_decide_state.h"


#define SP_CANDIDATES_MAX  64   /* of one model, before "replaces" */


typedef struct {
    uint32_t  rule;
    uint8_t   sure;
} sp_candidate_t;


static int sp_decide_apply(sp_decision_state_t *d, uint32_t i);
static int sp_decide_window(sp_decision_state_t *d, uint32_t i,
    const sp_rate_t *rate);
static const sp_rate_t *sp_decide_rate(const sp_decision_state_t *d,
    const sp_rule_t *rule, uint32_t window);


/* Throttles that apply to this model, less those that others replace. */

int
sp_decide_throttles(sp_decision_state_t *d)
{
    unsigned          value, n, k, j;
    uint32_t          i, last, r;
    sp_match_t        match;
    const uint32_t   *list;
    sp_candidate_t    found[SP_CANDIDATES_MAX];
    const sp_rule_t  *rule;

    i = d->policy->first[SP_RULE_THROTTLE];
    last = d->policy->first[SP_RULE_THROTTLE + 1];
    n = 0;

    while ((i = sp_decide_next(d, i, last)) < last) {
        rule = sp_image_rule(d->policy, i++);
        value = sp_decide_value(d, rule);

        if ((value & 3) == SP_FALSE
            || ((value & 3) == SP_UNSURE && rule->skip))
        {
            continue;
        }

        if ((rule->shadow || rule->share) && sp_decide_watched(d, rule)) {
            match.rule = (int32_t) i - 1;
            match.lifted_by = -1;
            match.reason = rule->reason;
            match.truth = (uint8_t) (value & 3);
            match.failed = 0;
            match.shadow = 1;
            match.model = (uint8_t) d->model;

            if (d->model == 0 || (rule->flags & SP_RULE_MODEL)) {
                sp_decide_record(d, &match, rule->rank, 0);
            }

            continue;
        }

        if (n == SP_CANDIDATES_MAX) {
            return -1;
        }

        found[n].rule = i - 1;
        found[n].sure = ((value & 3) == SP_TRUE);
        n++;
    }

    for (k = 0; k < n; k++) {
        r = found[k].rule;

        for (j = 0; j < n; j++) {
            rule = sp_image_rule(d->policy, found[j].rule);

            if (!found[j].sure || rule->nlist == 0) {
                continue;
            }

            list = sp_image_at(d->policy, rule->list, uint32_t);

            for (i = 0; i < rule->nlist && list[i] != r; i++) { /* void */ }

            if (i != rule->nlist) {
                break;
            }
        }

        if (j == n && sp_decide_apply(d, r) != 0) {
            return -1;
        }
    }

    return 0;
}


/* Adds a throttle's windows, or makes those that are there dearer. */

static int
sp_decide_apply(sp_decision_state_t *d, uint32_t i)
{
    uint32_t          w;
    const sp_rule_t  *rule;

    rule = sp_image_rule(d->policy, i);

    for (w = 0; w < rule->nwindows; w++) {

        if (sp_decide_window(d, i, sp_decide_rate(d, rule, w)) != 0) {
            return -1;
        }
    }

    return 0;
}


static int
sp_decide_window(sp_decision_state_t *d, uint32_t i, const sp_rate_t *rate)
{
    unsigned       k;
    sp_rate_t      there;
    sp_apply_t    *apply;
    sp_verdict_t  *v;

    v = d->verdict;

    for (k = 0; k < v->napply; k++) {
        if (v->apply[k].rule == (int32_t) i
            && v->apply[k].window == rate->window)
        {
            break;
        }
    }

    if (k == SP_APPLY_MAX) {
        return -1;
    }

    apply = &v->apply[k];

    if (k == v->napply) {
        v->napply++;

    } else {
        there.window = apply->window;
        there.meter = apply->meter;
        there.interval = apply->interval;
        there.tolerance = apply->tolerance;
        there.limit = apply->limit;
        there.period = apply->period;
        there.burst = apply->burst;

        if (!sp_rate_stricter(rate, &there)) {
            return 0;
        }
    }

    sp_apply_set(d->policy, i, rate, apply);

    return 0;
}


void
sp_apply_set(const sp_policy_t *policy, uint32_t i, const sp_rate_t *rate,
    sp_apply_t *apply)
{
    const sp_rule_t      *rule;
    const sp_throttle_t  *throttle;

    rule = sp_image_rule(policy, i);
    throttle = sp_image_at(policy, policy->throttles, sp_throttle_t)
               + rule->throttle;

    apply->rule = (int32_t) i;
    apply->reason = rule->reason;
    apply->status = sp_policy_reason(policy, rule->reason)->status;
    apply->spent = sp_policy_reason(policy, SP_R_BUDGET_SPENT)->status;
    apply->per = rule->per;
    apply->meter = throttle->meter;
    apply->window = rate->window;
    apply->plain = throttle->meter == SP_METER_REQUESTS
                   && rate->window == SP_WINDOW_RATE
                   && throttle->delay_ms == 0
                   && throttle->on_full == SP_FULL_DENY;
    apply->interval = rate->interval;
    apply->tolerance = rate->tolerance;
    apply->limit = rate->limit;
    apply->period = rate->period;
    apply->burst = rate->burst;
    apply->cost = 1;
}


int
sp_throttle_windows(const sp_policy_t *policy, int rule)
{
    const sp_rule_t  *r;

    r = sp_image_rule(policy, rule);

    return r->kind == SP_RULE_THROTTLE ? (int) r->nwindows : 0;
}


void
sp_throttle_window(const sp_policy_t *policy, int rule, int window,
    sp_apply_t *apply)
{
    const sp_rule_t  *r;

    r = sp_image_rule(policy, rule);

    sp_apply_set(policy, (uint32_t) rule,
                 sp_image_at(policy, policy->rates, sp_rate_t) + r->rates
                 + (uint32_t) window * r->nrates, apply);

    if (r->by != SP_NO_FIELD) {
        apply->limit = 0;
    }
}


/* The row for a field's value; without a value, the smallest. */

static const sp_rate_t *
sp_decide_rate(const sp_decision_state_t *d, const sp_rule_t *rule,
    uint32_t window)
{
    uint32_t           i;
    const sp_rate_t   *rows, *least;
    const sp_value_t  *v;

    rows = sp_image_at(d->policy, d->policy->rates, sp_rate_t) + rule->rates
           + window * rule->nrates;

    if (rule->by == SP_NO_FIELD) {
        return rows;
    }

    v = &d->facts->v[rule->by];

    if (v->state == SP_FACT_KNOWN && v->u.i >= rule->by_min
        && v->u.i - rule->by_min < (int64_t) rule->nrates)
    {
        return &rows[v->u.i - rule->by_min];
    }

    least = rows;

    for (i = 1; i < rule->nrates; i++) {

        if (sp_rate_stricter(&rows[i], least)) {
            least = &rows[i];
        }
    }

    return least;
}

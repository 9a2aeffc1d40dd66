
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains throttles of two policies, compared by what they do: who
 * is counted, and how much room there is. A throttle that only changed its
 * name is none that changed.
 */


#include <stdio.h>
#include <stdlib.h>

#include "sp_diff_state.h"


/* One row of one throttle, and where it applies. */
typedef struct {
    unsigned          policy;
    uint32_t          rule;
    uint8_t           per;
    const sp_rate_t  *rate;
    const sp_throttle_t  *throttle;
    sp_dd_t           where;
} sp_bound_t;


typedef struct {
    const sp_rule_t  *rule;
    uint32_t          row;
    uint32_t          least;     /* of values that are not known */
} sp_row_t;


static unsigned sp_bounds(sp_diff_t *diff, unsigned policy, sp_dd_t both,
    sp_bound_t *out, unsigned max);
static int sp_bound_row(const sp_space_t *space, const sp_value_t *v,
    const void *arg);
static uint32_t sp_bound_least(const sp_policy_t *policy,
    const sp_rule_t *rule, uint32_t window);
static int sp_bound_same(const sp_bound_t *a, const sp_bound_t *b);
static void sp_bound_new(sp_diff_t *diff, const sp_bound_t *bound,
    const sp_bound_t *others, unsigned n, int pairs);
static sp_str_t sp_bound_text(sp_diff_t *diff, const sp_bound_t *bound);
static int sp_bound_amount(const sp_bound_t *bound, char *text, size_t size);


#define SP_BOUNDS_MAX  2048    /* rows of all throttles of a policy */


void
sp_diff_throttles(sp_diff_t *diff)
{
    sp_dd_t      both;
    unsigned     i, n[2];
    sp_bound_t  *bounds[2];

    bounds[0] = calloc(SP_BOUNDS_MAX, sizeof(sp_bound_t));
    bounds[1] = calloc(SP_BOUNDS_MAX, sizeof(sp_bound_t));

    if (bounds[0] == NULL || bounds[1] == NULL) {
        diff->space->failed = 1;
        goto done;
    }

    both = sp_dd_and(diff->space->dds, diff->outcomes[0]->allowed,
                     diff->outcomes[1]->allowed);
    both = sp_dd_and(diff->space->dds, both, diff->space->ahead);

    sp_diff_among(diff, both);

    for (i = 0; i < 2; i++) {
        n[i] = sp_bounds(diff, i, both, bounds[i], SP_BOUNDS_MAX);
    }

    for (i = 0; i < n[1] && !sp_space_void(diff->space); i++) {
        sp_bound_new(diff, &bounds[1][i], bounds[0], n[0], 1);
    }

    for (i = 0; i < n[0] && !sp_space_void(diff->space); i++) {
        sp_bound_new(diff, &bounds[0][i], bounds[1], n[1], 0);
    }

done:

    free(bounds[0]);
    free(bounds[1]);
}


static unsigned
sp_bounds(sp_diff_t *diff, unsigned policy, sp_dd_t both, sp_bound_t *out,
    unsigned max)
{
    int                 field;
    sp_dd_t             where;
    sp_row_t            row;
    unsigned            n;
    uint32_t            i, at;
    sp_dds_t           *dds;
    const sp_policy_t  *p;

    dds = diff->space->dds;
    p = diff->space->policies[policy];
    n = 0;

    for (i = p->first[SP_RULE_THROTTLE]; i < p->first[SP_RULE_THROTTLE + 1];
         i++)
    {
        row.rule = sp_image_rule(p, i);
        where = sp_dd_and(dds, both,
                          sp_outcome_throttle(diff->outcomes[policy], i));

        for (at = 0; at < row.rule->nrates * row.rule->nwindows; at++) {
            row.row = at % row.rule->nrates;
            row.least = sp_bound_least(p, row.rule, at - row.row);

            if (n == max) {
                diff->space->failed = 1;
                return n;
            }

            out[n].policy = policy;
            out[n].rule = i;
            out[n].per = row.rule->per;
            out[n].rate = sp_image_at(p, p->rates, sp_rate_t)
                          + row.rule->rates + at;
            out[n].throttle = sp_policy_throttle(p, (int) i);
            out[n].where = where;

            if (row.rule->by != SP_NO_FIELD) {
                field = sp_space_here(diff->space, policy, row.rule->by);

                out[n].where = sp_dd_and(dds, where,
                    field == SP_F_MODEL_TIER
                    ? sp_space_model(diff->space, policy, sp_bound_row, &row)
                    : sp_space_where(diff->space, field, sp_bound_row, &row));
            }

            if (out[n].where != SP_DD_FALSE) {
                n++;
            }
        }
    }

    return n;
}


static int
sp_bound_row(const sp_space_t *space, const sp_value_t *v, const void *arg)
{
    const sp_row_t  *row = arg;

    if (v->state != SP_FACT_KNOWN || v->u.i < row->rule->by_min
        || v->u.i - row->rule->by_min >= (int64_t) row->rule->nrates)
    {
        return row->row == row->least;
    }

    return v->u.i - row->rule->by_min == (int64_t) row->row;
}


/* As the decision picks it; "window" is the window's first row. */

static uint32_t
sp_bound_least(const sp_policy_t *policy, const sp_rule_t *rule,
    uint32_t window)
{
    uint32_t          i, least;
    const sp_rate_t  *rows;

    rows = sp_image_at(policy, policy->rates, sp_rate_t) + rule->rates
           + window;

    for (i = 1, least = 0; i < rule->nrates; i++) {

        if (sp_rate_stricter(&rows[i], &rows[least])) {
            least = i;
        }
    }

    return least;
}


static int
sp_bound_same(const sp_bound_t *a, const sp_bound_t *b)
{
    return a->per == b->per && a->rate->window == b->rate->window
           && a->rate->interval == b->rate->interval
           && a->rate->tolerance == b->rate->tolerance
           && (a->rate->window == SP_WINDOW_RATE
               || a->rate->limit == b->rate->limit)
           && memcmp(a->throttle, b->throttle, sizeof(sp_throttle_t)) == 0;
}


/*
 * Where one side throttles and the other has nothing alike. Of one name on
 * both sides, it is the same throttle with another rate: said once.
 */

static void
sp_bound_new(sp_diff_t *diff, const sp_bound_t *bound,
    const sp_bound_t *others, unsigned n, int pairs)
{
    sp_dd_t             left, where;
    unsigned            i;
    sp_str_t            id, text;
    sp_dds_t           *dds;
    const sp_policy_t  *here, *there;

    static const sp_str_t  none = { 0, (const unsigned char *) "" };

    dds = diff->space->dds;
    here = diff->space->policies[bound->policy];
    there = diff->space->policies[!bound->policy];
    id = sp_policy_rule_id(here, (int) bound->rule);
    left = bound->where;

    for (i = 0; i < n; i++) {
        if (sp_bound_same(bound, &others[i])) {
            left = sp_dd_minus(dds, left, others[i].where);
        }
    }

    for (i = 0; i < n && left != SP_DD_FALSE; i++) {

        if (!sp_str_eq(sp_policy_rule_id(there, (int) others[i].rule), id)) {
            continue;
        }

        where = sp_dd_and(dds, left, others[i].where);
        left = sp_dd_minus(dds, left, others[i].where);

        if (where != SP_DD_FALSE && pairs) {
            text = sp_bound_text(diff, &others[i]);
            sp_diff_add(diff, SP_DIFF_THROTTLED, where, id, text,
                        sp_bound_text(diff, bound));
        }
    }

    if (left != SP_DD_FALSE) {
        text = sp_bound_text(diff, bound);
        sp_diff_add(diff, SP_DIFF_THROTTLED, left, id,
                    bound->policy == 0 ? text : none,
                    bound->policy == 0 ? none : text);
    }
}


static sp_str_t
sp_bound_text(sp_diff_t *diff, const sp_bound_t *bound)
{
    int       n;
    char      text[SP_DIFF_TEXT];
    size_t    i;
    unsigned  some;

    static const char *const  names[] = {
        "key.id", "account.id", "model.id", "model.tier", "ip.addr",
        "ip.network", "customer.id"
    };

    n = sp_bound_amount(bound, text, sizeof(text));

    for (i = 0, some = 0; i < sp_nelts(names); i++) {

        if ((bound->per >> i) & 1) {
            n += snprintf(text + n, sizeof(text) - (size_t) n, "%s %s",
                          some++ ? "," : "", names[i]);
        }
    }

    return sp_diff_keep(diff, text);
}


static int
sp_bound_amount(const sp_bound_t *bound, char *text, size_t size)
{
    double            unit;
    const char       *meter, *space;
    const sp_rate_t  *rate;

    rate = bound->rate;
    meter = bound->throttle->meter == SP_METER_REQUESTS
            ? "" : sp_meter_name(bound->throttle->meter);
    space = meter[0] != '\0' ? " " : "";
    unit = bound->throttle->meter == SP_METER_SPEND
           ? (double) SP_SPEND_UNIT : 1;

    switch (rate->window) {

    case SP_WINDOW_RATE:
        return snprintf(text, size, "%.15g/%llus%s%s burst %.15g per",
                        (double) rate->limit / unit,
                        (unsigned long long) rate->period, space, meter,
                        (double) rate->burst / unit);

    case SP_WINDOW_OPEN:
        return snprintf(text, size, "%llu at once per",
                        (unsigned long long) rate->limit);

    default:
        return snprintf(text, size, "%.15g%s%s a %s per",
                        (double) rate->limit / unit, space, meter,
                        sp_window_name(rate->window));
    }
}

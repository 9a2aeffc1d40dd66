
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the comparison of two policies: over one space of
 * requests, which are allowed by one only, by which rule, and what those
 * requests have in common.
 */


#include <stdio.h>
#include <stdlib.h>

#include "sp_diff_state.h"


#define SP_DIFF_TRIES  48


static int sp_diff_prepare(sp_diff_t *diff);
static void sp_diff_decisions(sp_diff_t *diff, sp_diff_kind_t kind);
static void sp_diff_example(sp_diff_t *diff, sp_diff_region_t *region,
    sp_dd_t where);
static sp_str_t sp_diff_verdict(sp_diff_t *diff, unsigned policy,
    const sp_verdict_t *verdict);
static void sp_diff_facts(sp_diff_t *diff, sp_diff_region_t *region,
    sp_dd_t where);


sp_diff_t *
sp_diff_create(const sp_policy_t *before, const sp_policy_t *after,
    int64_t now)
{
    unsigned            i;
    sp_diff_t          *diff;
    const sp_policy_t  *policies[2] = { before, after };

    diff = calloc(1, sizeof(sp_diff_t));
    if (diff == NULL) {
        return NULL;
    }

    diff->space = sp_space_create(policies, 2, now);

    for (i = 0; i < 2 && diff->space != NULL; i++) {
        diff->outcomes[i] = sp_outcome_create(diff->space, i);
    }

    if (diff->space == NULL || diff->outcomes[0] == NULL
        || diff->outcomes[1] == NULL)
    {
        sp_diff_destroy(diff);
        return NULL;
    }

    if (!sp_space_void(diff->space) && sp_diff_prepare(diff)) {
        sp_diff_decisions(diff, SP_DIFF_DENIED);
        sp_diff_decisions(diff, SP_DIFF_ALLOWED);
        sp_diff_throttles(diff);

        diff->done = !sp_space_void(diff->space);
    }

    return diff;
}


void
sp_diff_destroy(sp_diff_t *diff)
{
    unsigned  i;

    if (diff == NULL) {
        return;
    }

    for (i = 0; diff->space != NULL && i < diff->space->nvars; i++) {

        if (diff->hull != NULL) {
            free(diff->hull[i]);
        }

        if (diff->base != NULL) {
            free(diff->base[i]);
        }
    }

    free(diff->hull);
    free(diff->base);
    sp_outcome_destroy(diff->outcomes[0]);
    sp_outcome_destroy(diff->outcomes[1]);
    sp_space_destroy(diff->space);
    free(diff);
}


int
sp_diff_done(const sp_diff_t *diff)
{
    return diff->done;
}


int
sp_diff_any(const sp_diff_t *diff, sp_diff_kind_t kind)
{
    return diff->any[kind];
}


unsigned
sp_diff_regions(const sp_diff_t *diff)
{
    return diff->n;
}


const sp_diff_region_t *
sp_diff_region(const sp_diff_t *diff, unsigned i)
{
    return &diff->regions[i];
}


static int
sp_diff_prepare(sp_diff_t *diff)
{
    unsigned     i;
    sp_space_t  *space;

    space = diff->space;
    diff->hull = calloc(space->nvars + 1, sizeof(unsigned char *));
    diff->base = calloc(space->nvars + 1, sizeof(unsigned char *));

    if (diff->hull == NULL || diff->base == NULL) {
        return 0;
    }

    for (i = 0; i < space->nvars; i++) {
        diff->hull[i] = calloc(1, space->vars[i].width + 1);
        diff->base[i] = calloc(1, space->vars[i].width + 1);

        if (diff->hull[i] == NULL || diff->base[i] == NULL) {
            return 0;
        }
    }

    return 1;
}


/* What is said of a region is what sets it apart from the requests "among". */

void
sp_diff_among(sp_diff_t *diff, sp_dd_t among)
{
    unsigned     i;
    sp_space_t  *space;

    space = diff->space;

    for (i = 0; i < space->nvars; i++) {
        memset(diff->base[i], 0, space->vars[i].width);
    }

    sp_dd_hull(space->dds, sp_dd_and(space->dds, among, space->ahead),
               diff->base);
}


sp_str_t
sp_diff_keep(sp_diff_t *diff, const char *text)
{
    sp_str_t  s = { 0, (const unsigned char *) "" };

    if (sp_arena_str(diff->space->arena, sp_cstr(text), &s) != SP_OK) {
        diff->space->failed = 1;
    }

    return s;
}


/*
 * Newly denied requests belong to the first of the new rules that refuse
 * them, newly allowed ones to the first of the old ones that did.
 */

static void
sp_diff_decisions(sp_diff_t *diff, sp_diff_kind_t kind)
{
    sp_dd_t         left, where;
    uint32_t        i;
    sp_dds_t       *dds;
    sp_outcome_t   *refuses;

    static const sp_str_t  none = { 0, (const unsigned char *) "" };

    dds = diff->space->dds;
    refuses = diff->outcomes[kind == SP_DIFF_DENIED];

    left = sp_dd_minus(dds, diff->outcomes[kind == SP_DIFF_ALLOWED]->allowed,
                       refuses->allowed);
    left = sp_dd_and(dds, left, diff->space->ahead);

    if (sp_space_void(diff->space)) {
        return;
    }

    diff->any[kind] = left != SP_DD_FALSE;

    sp_diff_among(diff, kind == SP_DIFF_DENIED
                        ? diff->outcomes[0]->allowed
                        : sp_dd_or(dds, diff->outcomes[0]->allowed,
                                   diff->outcomes[1]->allowed));

    for (i = 0; i < refuses->policy->first[SP_RULE_DENY + 1]
                && left != SP_DD_FALSE; i++)
    {
        where = sp_dd_and(dds, left, refuses->rules[i].stands);

        if (where != SP_DD_FALSE) {
            sp_diff_add(diff, kind, where,
                        sp_policy_rule_id(refuses->policy, (int) i), none,
                        none);
            left = sp_dd_minus(dds, left, where);
        }
    }

    if (left != SP_DD_FALSE) {
        sp_diff_add(diff, kind, left, sp_cstr(sp_builtin_name(SP_B_DEFAULT)),
                    none, none);
    }
}


void
sp_diff_add(sp_diff_t *diff, sp_diff_kind_t kind, sp_dd_t where,
    sp_str_t rule, sp_str_t before, sp_str_t after)
{
    sp_diff_region_t  *region;

    diff->any[kind] = 1;

    if (diff->n == SP_DIFF_REGIONS || sp_space_void(diff->space)) {
        return;
    }

    region = &diff->regions[diff->n++];

    region->kind = kind;
    region->rule = rule;
    region->before = before;
    region->after = after;

    sp_diff_facts(diff, region, where);
    sp_diff_example(diff, region, where);
}


/* A request that both policies were asked about. */

static void
sp_diff_example(sp_diff_t *diff, sp_diff_region_t *region, sp_dd_t where)
{
    int            decisions[2];
    char          *json;
    size_t         len;
    unsigned       i;
    sp_flesh_t    *flesh;
    sp_verdict_t   verdicts[2];

    decisions[0] = region->kind == SP_DIFF_ALLOWED ? SP_VERDICT_DENY
                                                   : SP_VERDICT_ALLOW;
    decisions[1] = region->kind == SP_DIFF_DENIED ? SP_VERDICT_DENY
                                                  : SP_VERDICT_ALLOW;

    flesh = calloc(1, sizeof(sp_flesh_t));
    json = sp_arena_alloc(diff->space->arena, SP_EXAMPLE_LEN);

    if (flesh != NULL && json != NULL
        && sp_outcome_example(diff->space, where, SP_DIFF_TRIES, 1,
                              decisions[1], flesh, &verdicts[1]) == SP_OK)
    {
        flesh->facts.own_of = NULL;
        sp_decide(diff->space->policies[0], &flesh->facts, SP_STAGE_WHOLE,
                  &verdicts[0]);
        len = sp_flesh_json(diff->space, flesh, json, SP_EXAMPLE_LEN);

        if (verdicts[0].decision == decisions[0] && len < SP_EXAMPLE_LEN) {
            region->example = json;
        }
    }

    free(flesh);

    for (i = 0; i < 2; i++) {
        sp_str_t  *text = i ? &region->after : &region->before;

        if (region->kind == SP_DIFF_THROTTLED) {
            continue;
        }

        *text = region->example != NULL
                ? sp_diff_verdict(diff, i, &verdicts[i])
                : sp_cstr(decisions[i] == SP_VERDICT_ALLOW ? "allow" : "deny");
    }
}


static sp_str_t
sp_diff_verdict(sp_diff_t *diff, unsigned policy, const sp_verdict_t *verdict)
{
    char                text[SP_DIFF_TEXT];
    sp_str_t            name, reason;
    const sp_match_t   *match;
    const sp_policy_t  *p;

    p = diff->space->policies[policy];

    if (verdict->decision == SP_VERDICT_ALLOW) {
        name = sp_policy_rule_id(p, verdict->allow_rule);
        (void) snprintf(text, sizeof(text), "allow by %.*s%s",
                        (int) name.len, (const char *) name.data,
                        verdict->excepted ? ", under an exception" : "");

    } else {
        match = &verdict->matches[verdict->primary];
        name = sp_match_name(p, match);
        reason = sp_policy_reason_code(p, verdict->reason);
        (void) snprintf(text, sizeof(text), "deny by %.*s, %.*s%s",
                        (int) name.len, (const char *) name.data,
                        (int) reason.len, (const char *) reason.data,
                        match->truth == SP_UNSURE ? " (unknown counts)" : "");
    }

    return sp_diff_keep(diff, text);
}


static void
sp_diff_facts(sp_diff_t *diff, sp_diff_region_t *region, sp_dd_t where)
{
    char         text[SP_DIFF_TEXT];
    unsigned     i;
    sp_space_t  *space;

    space = diff->space;

    for (i = 0; i < space->nvars; i++) {
        memset(diff->hull[i], 0, space->vars[i].width);
    }

    sp_dd_hull(space->dds, where, diff->hull);

    region->facts = sp_arena_alloc(space->arena,
                                   SP_DIFF_FACTS * sizeof(char *));

    for (i = 0; region->facts != NULL && i < space->nvars
                && region->nfacts < SP_DIFF_FACTS; i++)
    {
        if (sp_diff_fact(space, i, diff->hull[i], diff->base[i], text,
                         sizeof(text)))
        {
            region->facts[region->nfacts++]
                = (const char *) sp_diff_keep(diff, text).data;
        }
    }
}

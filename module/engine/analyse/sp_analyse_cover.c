
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains rules that others make useless. They are judged from the
 * last one reported to the first, each against those that are left, so that
 * all that are named redundant can go at once.
 */


#include <stdlib.h>

#include "sp_analyse_state.h"


#define SP_COVER_NAMES  4
#define SP_COVER_TEXT   400


typedef struct {
    sp_analyse_t  *a;
    uint32_t      *order;      /* deny rules as they are reported */
    uint32_t       n;
    sp_dd_t       *base[2];    /* matches of all reasons before; by true */
    sp_dd_t       *group[2];   /* of rules before, with the same reason */
} sp_cover_t;


static void sp_cover_allows(sp_analyse_t *a);
static void sp_cover_denies(sp_analyse_t *a);
static int sp_cover_prepare(sp_cover_t *c, sp_analyse_t *a);
static void sp_cover_judge(sp_cover_t *c);
static void sp_cover_notes(sp_analyse_t *a);
static void sp_cover_report(sp_analyse_t *a, uint32_t rule, sp_dd_t what,
    const uint32_t *by, uint32_t nby);
static int sp_cover_live(sp_analyse_t *a, uint32_t rule);


void
sp_analyse_covers(sp_analyse_t *a)
{
    sp_cover_allows(a);
    sp_cover_denies(a);
    sp_cover_notes(a);
}


/* Enforced, in force now or later, and nothing said of it yet. */

static int
sp_cover_live(sp_analyse_t *a, uint32_t rule)
{
    return !a->useless[rule]
           && !sp_analyse_gone(a, a->outcome->rules[rule].live);
}


static void
sp_cover_allows(sp_analyse_t *a)
{
    sp_dd_t     *before, kept, left, match;
    sp_dds_t    *dds;
    uint32_t     i, k, first, n, *by;

    dds = a->space->dds;
    first = a->policy->first[SP_RULE_ALLOW];
    n = a->policy->first[SP_RULE_ALLOW + 1] - first;

    before = calloc(n + 1, sizeof(sp_dd_t));
    by = calloc(n + 1, sizeof(uint32_t));

    if (before == NULL || by == NULL) {
        a->space->failed = 1;
        free(before);
        free(by);
        return;
    }

    for (i = 0; i < n; i++) {
        before[i + 1] = sp_dd_or(dds, before[i],
                                 a->outcome->rules[first + i].match);
    }

    kept = SP_DD_FALSE;

    for (i = n; i-- != 0 && !sp_space_void(a->space); ) {
        match = a->outcome->rules[first + i].match;

        if (!sp_cover_live(a, first + i)) {
            kept = sp_dd_or(dds, kept, match);
            continue;
        }

        left = sp_dd_minus(dds, match, a->outcome->denied);

        if (sp_analyse_gone(a, left)) {
            sp_analyse_rule(a, SP_DIAG_WARNING, 303, first + i, NULL,
                            "'%.*s' allows nothing: deny rules refuse all "
                            "that it matches", sp_analyse_id(a, first + i));
            kept = sp_dd_or(dds, kept, match);
            continue;
        }

        left = sp_dd_minus(dds, sp_dd_minus(dds, match, before[i]), kept);

        if (sp_analyse_gone(a, left)) {

            for (k = 0, n = a->policy->first[SP_RULE_ALLOW + 1] - first;
                 k < n; k++)
            {
                by[k] = first + k;
            }

            sp_cover_report(a, first + i, match, by, n);

        } else {
            kept = sp_dd_or(dds, kept, match);
        }
    }

    free(before);
    free(by);
}


static int
sp_cover_order(const void *one, const void *two, void *arg)
{
    uint32_t          i, k;
    const sp_rule_t  *a, *b;

    i = *(const uint32_t *) one;
    k = *(const uint32_t *) two;
    a = sp_image_rule(((const sp_cover_t *) arg)->a->policy, i);
    b = sp_image_rule(((const sp_cover_t *) arg)->a->policy, k);

    if (a->rank != b->rank) {
        return a->rank < b->rank ? -1 : 1;
    }

    if (a->reason != b->reason) {
        return a->reason < b->reason ? -1 : 1;
    }

    return i < k ? -1 : i > k;
}


/*
 * A deny rule that others cover may still give the better reason. It is
 * useless if each request that it refuses is refused, and for certain where
 * it is certain, by a rule that is reported before it or with its reason.
 */

static void
sp_cover_denies(sp_analyse_t *a)
{
    unsigned    k;
    sp_cover_t  c;

    memset(&c, 0, sizeof(c));

    if (sp_cover_prepare(&c, a) && !sp_space_void(a->space)) {
        sp_cover_judge(&c);

    } else {
        a->space->failed = 1;
    }

    free(c.order);

    for (k = 0; k < 2; k++) {
        free(c.base[k]);
        free(c.group[k]);
    }
}


static int
sp_cover_prepare(sp_cover_t *c, sp_analyse_t *a)
{
    sp_dd_t           all[2], same[2], is[2], from[2];
    unsigned          k;
    uint32_t          i;
    sp_dds_t         *dds;
    const sp_rule_t  *rule, *last;

    c->a = a;
    c->n = a->policy->first[SP_RULE_DENY + 1];
    c->order = calloc(c->n + 1, sizeof(uint32_t));

    for (k = 0; k < 2; k++) {
        c->base[k] = calloc(c->n + 1, sizeof(sp_dd_t));
        c->group[k] = calloc(c->n + 1, sizeof(sp_dd_t));
    }

    if (c->order == NULL || c->base[0] == NULL || c->base[1] == NULL
        || c->group[0] == NULL || c->group[1] == NULL)
    {
        return 0;
    }

    for (i = 0; i < c->n; i++) {
        c->order[i] = i;
    }

    qsort_r(c->order, c->n, sizeof(uint32_t), sp_cover_order, c);

    dds = a->space->dds;
    all[0] = all[1] = same[0] = same[1] = from[0] = from[1] = SP_DD_FALSE;
    last = NULL;

    for (i = 0; i < c->n; i++) {
        rule = sp_image_rule(a->policy, c->order[i]);
        is[0] = a->outcome->rules[c->order[i]].stands;
        is[1] = a->outcome->rules[c->order[i]].certain;

        for (k = 0; k < 2; k++) {

            if (last == NULL || last->rank != rule->rank) {
                from[k] = all[k];
            }

            if (last == NULL || last->reason != rule->reason) {
                same[k] = SP_DD_FALSE;
            }

            c->base[k][i] = from[k];
            c->group[k][i] = same[k];
            same[k] = sp_dd_or(dds, same[k], is[k]);
            all[k] = sp_dd_or(dds, all[k], is[k]);
        }

        last = rule;
    }

    return 1;
}


static void
sp_cover_judge(sp_cover_t *c)
{
    sp_dd_t           kept[2], is[2], left[2];
    unsigned          k;
    uint32_t          i, j, n, *by;
    sp_dds_t         *dds;
    sp_analyse_t     *a;
    const sp_rule_t  *rule, *next, *other;

    a = c->a;
    dds = a->space->dds;
    kept[0] = kept[1] = SP_DD_FALSE;
    next = NULL;

    by = calloc(c->n + 1, sizeof(uint32_t));
    if (by == NULL) {
        a->space->failed = 1;
        return;
    }

    for (i = c->n; i-- != 0 && !sp_space_void(a->space); next = rule) {
        rule = sp_image_rule(a->policy, c->order[i]);

        if (next != NULL && next->reason != rule->reason) {
            kept[0] = kept[1] = SP_DD_FALSE;
        }

        is[0] = a->outcome->rules[c->order[i]].stands;
        is[1] = a->outcome->rules[c->order[i]].certain;

        if (!sp_cover_live(a, c->order[i])) {
            kept[0] = sp_dd_or(dds, kept[0], is[0]);
            kept[1] = sp_dd_or(dds, kept[1], is[1]);
            continue;
        }

        for (k = 0; k < 2; k++) {
            left[k] = sp_dd_minus(dds, is[k], c->base[k][i]);
            left[k] = sp_dd_minus(dds, left[k], c->group[k][i]);
            left[k] = sp_dd_minus(dds, left[k], kept[k]);
        }

        if (!sp_analyse_gone(a, sp_dd_or(dds, left[0], left[1]))) {
            kept[0] = sp_dd_or(dds, kept[0], is[0]);
            kept[1] = sp_dd_or(dds, kept[1], is[1]);
            continue;
        }

        for (j = 0, n = 0; j < c->n; j++) {
            other = sp_image_rule(a->policy, j);

            if (other->rank < rule->rank || other->reason == rule->reason) {
                by[n++] = j;
            }
        }

        sp_cover_report(a, c->order[i], is[0], by, n);
    }

    free(by);
}


/* Names one rule that covers it alone, or some that do it together. */

static void
sp_cover_report(sp_analyse_t *a, uint32_t rule, sp_dd_t what,
    const uint32_t *by, uint32_t nby)
{
    int       n;
    char      text[SP_COVER_TEXT];
    sp_dd_t   left;
    unsigned  named;
    uint32_t  i;

    for (i = 0; i < nby; i++) {

        if (by[i] != rule && a->useless[by[i]] != 2
            && sp_analyse_gone(a, sp_dd_minus(a->space->dds, what,
                                              a->outcome->rules[by[i]]
                                              .stands)))
        {
            sp_analyse_rule(a, SP_DIAG_WARNING, 304, rule, NULL,
                            "'%.*s' is redundant: '%.*s' matches whatever it "
                            "does", sp_analyse_id(a, rule),
                            sp_analyse_id(a, by[i]));
            a->useless[rule] = 2;
            return;
        }
    }

    left = what;
    n = 0;
    named = 0;
    text[0] = '\0';

    for (i = 0; i < nby && !sp_analyse_gone(a, left); i++) {

        if (by[i] == rule || a->useless[by[i]] == 2
            || sp_analyse_gone(a, sp_dd_and(a->space->dds, left,
                                            a->outcome->rules[by[i]].stands)))
        {
            continue;
        }

        left = sp_dd_minus(a->space->dds, left,
                           a->outcome->rules[by[i]].stands);

        if (named++ < SP_COVER_NAMES) {
            n += snprintf(text + n, sizeof(text) - (size_t) n, "%s'%.*s'",
                          named > 1 ? ", " : "", sp_analyse_id(a, by[i]));
        }
    }

    sp_analyse_rule(a, SP_DIAG_WARNING, 304, rule, NULL,
                    "'%.*s' is redundant: %s%s together match whatever it "
                    "does", sp_analyse_id(a, rule), text,
                    named > SP_COVER_NAMES ? " and others" : "");
    a->useless[rule] = 2;
}


/* Deny rules of what nothing would allow: they only say why. */

static void
sp_cover_notes(sp_analyse_t *a)
{
    sp_dd_t   *before, after, left;
    sp_dds_t  *dds;
    uint32_t   i, n;

    dds = a->space->dds;
    n = a->policy->first[SP_RULE_DENY + 1];
    before = calloc(n + 1, sizeof(sp_dd_t));

    if (before == NULL) {
        a->space->failed = 1;
        return;
    }

    before[0] = a->outcome->barred;

    for (i = 0; i < n; i++) {
        before[i + 1] = sp_dd_or(dds, before[i],
                                 a->outcome->rules[i].stands);
    }

    after = SP_DD_FALSE;

    for (i = n; i-- != 0 && !sp_space_void(a->space); ) {
        left = sp_dd_and(dds, a->outcome->rules[i].stands,
                         a->outcome->opened);
        left = sp_dd_minus(dds, left, before[i]);
        left = sp_dd_minus(dds, left, after);

        if (sp_cover_live(a, i) && sp_analyse_gone(a, left)) {
            sp_analyse_rule(a, SP_DIAG_NOTE, 305, i, NULL,
                            "'%.*s' changes no decision, only the reason: "
                            "what it refuses would be refused without it",
                            sp_analyse_id(a, i));
        }

        after = sp_dd_or(dds, after, a->outcome->rules[i].stands);
    }

    free(before);
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what can be said of one condition: that it is never
 * true, always true, or has a part that changes nothing.
 */


#include "sp_analyse_state.h"


/* What a rule asks of its condition. */

#define SP_COND_YES  1u
#define SP_COND_NO   2u


static void sp_cond_rule(sp_analyse_t *a, uint32_t at);
static int sp_cond_branch(sp_analyse_t *a, uint32_t rule, uint32_t node,
    int odd);
static char *sp_cond_clash(sp_analyse_t *a, uint32_t node);
static int sp_cond_idle(sp_analyse_t *a, uint32_t rule, uint32_t at,
    unsigned counts);
static int sp_cond_same(sp_analyse_t *a, sp_dd_t x, sp_dd_t y);
static int sp_cond_guard(sp_analyse_t *a, uint32_t node);
static void sp_cond_without(sp_analyse_t *a, uint32_t at, uint32_t omit,
    sp_dd_t *yes, sp_dd_t *no);


#define sp_cond_text(a, at)                                                   \
    (int) sp_image_str((a)->policy, sp_space_node((a)->space, 0, at)->text)   \
    .len,                                                                     \
    (const char *) sp_image_str((a)->policy,                                  \
                                sp_space_node((a)->space, 0, at)->text).data


void
sp_analyse_conditions(sp_analyse_t *a)
{
    uint32_t  i;

    for (i = 0; i < a->policy->nrules && !sp_space_void(a->space); i++) {
        sp_cond_rule(a, i);
    }
}


static void
sp_cond_rule(sp_analyse_t *a, uint32_t at)
{
    sp_reach_t       *r;
    const sp_rule_t  *rule;

    rule = sp_image_rule(a->policy, at);
    r = &a->outcome->rules[at];

    if (rule->cond == SP_NO_COND) {
        return;
    }

    if (sp_analyse_never(a, r->yes)) {
        a->useless[at] = 1;
        sp_analyse_node(a, SP_DIAG_ERROR, 301, at, rule->cond,
                        sp_cond_clash(a, rule->cond),
                        "this condition can never be true");
        return;
    }

    if (sp_analyse_never(a, sp_dd_not(a->space->dds, r->yes))) {
        a->useless[at] = 1;
        sp_analyse_node(a, SP_DIAG_WARNING, 302, at, rule->cond, NULL,
                        "this condition is always true");
        return;
    }

    if (r->match != r->sure && sp_analyse_never(a, r->no)) {
        a->useless[at] = 1;
        sp_analyse_node(a, SP_DIAG_WARNING, 302, at, rule->cond,
                        sp_diag_text("where it is not true it is unknown, "
                                     "and unknown matches too"),
                        "this condition is never false: '%.*s' always "
                        "matches", sp_analyse_id(a, at));
        return;
    }

    if (!sp_cond_branch(a, at, rule->cond, 0)) {
        (void) sp_cond_idle(a, at, rule->cond,
                            rule->skip || rule->kind == SP_RULE_ALLOW
                            || rule->kind == SP_RULE_EXCEPTION
                            ? SP_COND_YES : SP_COND_YES | SP_COND_NO);
    }
}


/* An "and" somewhere inside that can never be true. */

static int
sp_cond_branch(sp_analyse_t *a, uint32_t rule, uint32_t at, int odd)
{
    sp_dd_t           yes, no;
    uint32_t          i;
    const sp_node_t  *node;

    node = sp_space_node(a->space, 0, at);

    if (node->op > SP_OP_NOT) {
        return 0;
    }

    if (node->op == SP_OP_AND && !odd) {
        sp_space_cond(a->space, 0, at, &yes, &no);

        if (sp_analyse_never(a, yes)) {
            sp_analyse_node(a, SP_DIAG_ERROR, 301, rule, at,
                            sp_cond_clash(a, at),
                            "this condition can never be true");
            return 1;
        }
    }

    for (i = at + 1; i < node->end; i = sp_space_node(a->space, 0, i)->end) {

        if (sp_cond_branch(a, rule, i, odd ^ (node->op == SP_OP_NOT))) {
            return 1;
        }
    }

    return 0;
}


/* Two parts that exclude each other, if two are enough. */

static char *
sp_cond_clash(sp_analyse_t *a, uint32_t at)
{
    sp_dd_t           x, y, no;
    uint32_t          i, k;
    const sp_node_t  *node;

    node = sp_space_node(a->space, 0, at);

    if (node->op != SP_OP_AND) {
        return NULL;
    }

    for (i = at + 1; i < node->end; i = sp_space_node(a->space, 0, i)->end) {
        sp_space_cond(a->space, 0, i, &x, &no);

        if (sp_analyse_never(a, x)) {
            return sp_diag_text("'%.*s' is never true", sp_cond_text(a, i));
        }

        for (k = sp_space_node(a->space, 0, i)->end; k < node->end;
             k = sp_space_node(a->space, 0, k)->end)
        {
            sp_space_cond(a->space, 0, k, &y, &no);

            if (sp_analyse_never(a, sp_dd_and(a->space->dds, x, y))) {
                return sp_diag_text("'%.*s' and '%.*s' exclude each other",
                                    sp_cond_text(a, i), sp_cond_text(a, k));
            }
        }
    }

    return NULL;
}


/*
 * A part that says nothing which its neighbours do not say. Where only "true"
 * counts, what is false and what is unsure need not be told apart; under a
 * "not" it is the other way round.
 */

static int
sp_cond_idle(sp_analyse_t *a, uint32_t rule, uint32_t at, unsigned counts)
{
    sp_dd_t           y, n, yes, no;
    uint32_t          i;
    const sp_node_t  *node;

    node = sp_space_node(a->space, 0, at);

    if (node->op > SP_OP_NOT) {
        return 0;
    }

    if (node->op == SP_OP_NOT && counts != (SP_COND_YES | SP_COND_NO)) {
        counts ^= SP_COND_YES | SP_COND_NO;
    }

    sp_space_cond(a->space, 0, at, &y, &n);

    for (i = at + 1; i < node->end; i = sp_space_node(a->space, 0, i)->end) {

        if (node->op != SP_OP_NOT && !sp_cond_guard(a, i)) {
            sp_cond_without(a, at, i, &yes, &no);

            if ((!(counts & SP_COND_YES) || sp_cond_same(a, y, yes))
                && (!(counts & SP_COND_NO) || sp_cond_same(a, n, no)))
            {
                sp_analyse_node(a, SP_DIAG_WARNING, 306, rule, i, NULL,
                                "this part changes nothing: what stands "
                                "beside it says as much");
                return 1;
            }
        }

        if (sp_cond_idle(a, rule, i, counts)) {
            return 1;
        }
    }

    return 0;
}


static int
sp_cond_same(sp_analyse_t *a, sp_dd_t x, sp_dd_t y)
{
    return sp_analyse_never(a, sp_dd_minus(a->space->dds, x, y))
           && sp_analyse_never(a, sp_dd_minus(a->space->dds, y, x));
}


/* has() says what the author has thought of, even where nothing needs it. */

static int
sp_cond_guard(sp_analyse_t *a, uint32_t at)
{
    const sp_node_t  *node;

    node = sp_space_node(a->space, 0, at);

    return node->op == SP_OP_HAS
           || (node->op == SP_OP_NOT
               && sp_space_node(a->space, 0, at + 1)->op == SP_OP_HAS);
}


static void
sp_cond_without(sp_analyse_t *a, uint32_t at, uint32_t omit, sp_dd_t *yes,
    sp_dd_t *no)
{
    sp_dd_t           y, n;
    sp_dds_t         *dds;
    uint32_t          i;
    const sp_node_t  *node;

    dds = a->space->dds;
    node = sp_space_node(a->space, 0, at);

    *yes = node->op == SP_OP_AND;
    *no = node->op == SP_OP_OR;

    for (i = at + 1; i < node->end; i = sp_space_node(a->space, 0, i)->end) {

        if (i == omit) {
            continue;
        }

        sp_space_cond(a->space, 0, i, &y, &n);

        if (node->op == SP_OP_AND) {
            *yes = sp_dd_and(dds, *yes, y);
            *no = sp_dd_or(dds, *no, n);

        } else {
            *yes = sp_dd_or(dds, *yes, y);
            *no = sp_dd_and(dds, *no, n);
        }
    }
}

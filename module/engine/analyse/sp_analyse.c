
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the analysis of one policy from end to end, and where
 * its messages point.
 */


#include <stdlib.h>

#include "sp_analyse_state.h"


static void sp_analyse_run(sp_analyse_t *a);


void
sp_analyse(const sp_policy_t *policy, int64_t now,
    const sp_analyse_marks_t *marks, sp_diags_t *diags,
    sp_analysis_t *analysis)
{
    uint32_t      i;
    sp_analyse_t  a;

    memset(&a, 0, sizeof(a));
    memset(analysis, 0, sizeof(sp_analysis_t));

    a.policy = policy;
    a.marks = marks;
    a.diags = diags;
    a.analysis = analysis;
    a.files = calloc(policy->nrules + 1, sizeof(char *));
    a.useless = calloc(policy->nrules + 1, 1);
    a.space = sp_space_create(&policy, 1, now);
    a.outcome = a.space ? sp_outcome_create(a.space, 0) : NULL;

    analysis->invariants = policy->ninvariants;

    if (a.outcome != NULL && a.files != NULL && a.useless != NULL) {
        sp_analyse_run(&a);
    }

    if (!analysis->done) {
        sp_mark_t  mark = { "policy", 0, 0, 1 };

        if (policy->nrules != 0 && a.files != NULL) {
            sp_str_t  line;

            mark.file = sp_analyse_mark(&a, 0, &line).file;
        }

        sp_diag_add(diags, SP_DIAG_WARNING, 320, mark, SP_STR(""),
                    sp_diag_text("rules are checked one by one, but not "
                                 "against each other"),
                    "this policy is too large to be analysed as a whole");
    }

    if (a.space != NULL && a.space->dds != NULL) {
        analysis->nodes = sp_dds_nodes(a.space->dds);
        analysis->variables = a.space->nvars;
    }

    for (i = 0; a.files != NULL && i < policy->nrules; i++) {
        free(a.files[i]);
    }

    sp_outcome_destroy(a.outcome);
    sp_space_destroy(a.space);
    free(a.files);
    free(a.useless);
}


/* Each part adds messages only while no cap was reached. */

static void
sp_analyse_run(sp_analyse_t *a)
{
    if (sp_space_void(a->space)) {
        return;
    }

    sp_analyse_conditions(a);
    sp_analyse_covers(a);
    sp_analyse_openings(a);
    sp_analyse_invariants(a);

    a->analysis->done = !sp_space_void(a->space);
}


int
sp_analyse_never(sp_analyse_t *a, sp_dd_t dd)
{
    int  apart;

    apart = sp_dd_apart(a->space->dds, dd, a->space->theory);

    return apart && !sp_space_void(a->space);
}


int
sp_analyse_gone(sp_analyse_t *a, sp_dd_t dd)
{
    int  apart;

    apart = sp_dd_apart(a->space->dds, dd, a->space->ahead);

    return apart && !sp_space_void(a->space);
}


sp_mark_t
sp_analyse_mark(sp_analyse_t *a, uint32_t rule, sp_str_t *line)
{
    sp_str_t   file;
    unsigned   number;
    sp_mark_t  mark = { "policy", 0, 1, 1 };

    *line = SP_STR("");

    if (a->marks != NULL) {
        a->marks->rule(a->marks->ctx, (int) rule, &mark, line);
        return mark;
    }

    file = sp_policy_rule_file(a->policy, (int) rule, &number);

    if (a->files[rule] == NULL) {
        a->files[rule] = calloc(1, file.len + 1);

        if (a->files[rule] != NULL && file.len != 0) {
            memcpy(a->files[rule], file.data, file.len);
        }
    }

    mark.file = a->files[rule] ? a->files[rule] : "policy";
    mark.line = number;

    return mark;
}


sp_mark_t
sp_analyse_node_mark(sp_analyse_t *a, uint32_t rule, uint32_t node,
    sp_str_t *line)
{
    sp_mark_t  mark = { "policy", 0, 1, 1 };

    if (a->marks == NULL) {
        return sp_analyse_mark(a, rule, line);
    }

    *line = SP_STR("");
    a->marks->node(a->marks->ctx, (int) rule, node, &mark, line);

    return mark;
}


sp_mark_t
sp_analyse_tier_mark(sp_analyse_t *a, int tier, sp_str_t *line)
{
    sp_mark_t  mark = { "policy", 0, 1, 1 };

    *line = SP_STR("");

    if (a->marks != NULL) {
        a->marks->tier(a->marks->ctx, tier, &mark, line);

    } else if (a->policy->nrules != 0) {
        mark.file = sp_analyse_mark(a, 0, line).file;
    }

    return mark;
}

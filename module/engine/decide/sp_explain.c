
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the explanation of a rule: its condition node by node,
 * as it was written, with the value that each has for these facts.
 */


#include "sp_decide.h"
#include "policy/sp_expr.h"


static int sp_explain_fields(const sp_node_t *node, int *fields);
static uint32_t sp_explain_node(const sp_policy_t *policy, uint32_t at,
    int depth, const sp_facts_t *facts, sp_explain_pt out, void *ctx);


sp_truth_t
sp_rule_value(const sp_policy_t *policy, int rule, const sp_facts_t *facts)
{
    uint32_t  cond;

    cond = sp_image_rule(policy, rule)->cond;

    if (cond == SP_NO_COND) {
        return SP_TRUE;
    }

    return sp_truth_of(sp_expr_eval(policy, cond, facts));
}


static int
sp_explain_fields(const sp_node_t *node, int *fields)
{
    int  n;

    n = 0;

    if (node->op <= SP_OP_NOT || node->op >= SP_OP_SHARE) {
        return 0;
    }

    fields[n++] = node->field;

    if (node->op == SP_OP_SAME || node->op == SP_OP_WITHIN) {
        fields[n++] = node->other;
    }

    return n;
}


/* Facts without a value that keep a test of the condition unsure. */

int
sp_rule_missing(const sp_policy_t *policy, int rule, const sp_facts_t *facts,
    int *fields, int max)
{
    int                i, n, k, seen, two[2];
    uint32_t           at, cond;
    const sp_node_t   *nodes;

    cond = sp_image_rule(policy, rule)->cond;

    if (cond == SP_NO_COND) {
        return 0;
    }

    nodes = sp_image_at(policy, policy->nodes, sp_node_t);
    n = 0;

    for (at = cond; at < nodes[cond].end; at++) {

        k = sp_explain_fields(&nodes[at], two);

        if (k == 0
            || sp_truth_of(sp_expr_eval(policy, at, facts)) != SP_UNSURE)
        {
            continue;
        }

        for (i = 0; i < k; i++) {

            if (facts->v[two[i]].state == SP_FACT_KNOWN) {
                continue;
            }

            for (seen = 0; seen < n && seen < max; seen++) {
                if (fields[seen] == two[i]) {
                    break;
                }
            }

            if (seen < n && seen < max) {
                continue;
            }

            if (n < max) {
                fields[n] = two[i];
            }

            n++;
        }
    }

    return n;
}


void
sp_rule_explain(const sp_policy_t *policy, int rule, const sp_facts_t *facts,
    sp_explain_pt out, void *ctx)
{
    uint32_t  cond;

    cond = sp_image_rule(policy, rule)->cond;

    if (cond != SP_NO_COND) {
        (void) sp_explain_node(policy, cond, 0, facts, out, ctx);
    }
}


static uint32_t
sp_explain_node(const sp_policy_t *policy, uint32_t at, int depth,
    const sp_facts_t *facts, sp_explain_pt out, void *ctx)
{
    int               n, fields[2];
    uint32_t          child;
    sp_str_t          text;
    const sp_node_t  *node;

    node = sp_image_at(policy, policy->nodes, sp_node_t) + at;
    n = sp_explain_fields(node, fields);
    text = sp_image_str(policy, node->text);

    out(ctx, depth, text, sp_truth_of(sp_expr_eval(policy, at, facts)), fields,
        n);

    for (child = at + 1; child < node->end; /* void */ ) {
        child = sp_explain_node(policy, child, depth + 1, facts, out, ctx);
    }

    return node->end;
}

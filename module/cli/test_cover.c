
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what tests exercise of a policy: each rule both ways,
 * and each test in a condition where it alone made the difference.
 */


#include <stdlib.h>

#include "policy/sp_expr.h"

#include "test_cover.h"


static sp_truth_t sp_cover_eval(const sp_cover_t *cover, uint32_t at,
    sp_facts_t *facts, uint32_t flip);
static void sp_cover_rule(sp_cover_t *cover, int rule, sp_facts_t *facts);
static void sp_cover_cell(sp_cover_t *cover, const sp_verdict_t *verdict);
static void sp_cover_print(const sp_cover_t *cover, const sp_gap_t *gap);
static json_t *sp_cover_gap_json(const sp_cover_t *cover,
    const sp_gap_t *gap);


sp_cover_t *
sp_cover_create(const sp_policy_t *policy)
{
    sp_cover_t  *cover;

    cover = sp_cli_alloc(sizeof(*cover));
    cover->policy = policy;
    cover->nodes = sp_image_at(policy, policy->nodes, sp_node_t);
    cover->rules = sp_cli_alloc((size_t) sp_policy_rules(policy)
                                * sizeof(sp_cover_rule_t));
    cover->leaves = sp_cli_alloc(policy->nnodes * sizeof(uint8_t));
    cover->cells = json_object();
    cover->bases = json_array();

    return cover;
}


void
sp_cover_free(sp_cover_t *cover)
{
    json_decref(cover->cells);
    json_decref(cover->bases);
    free(cover->leaves);
    free(cover->rules);
    free(cover);
}


void
sp_cover_add(sp_cover_t *cover, const sp_test_case_t *one,
    sp_request_t *request, const sp_verdict_t *verdict)
{
    int                rule;
    json_t            *own;
    size_t             k;
    unsigned           i;
    const sp_match_t  *match;

    for (rule = 0; rule < sp_policy_rules(cover->policy); rule++) {
        sp_cover_rule(cover, rule, &request->facts);
    }

    for (i = 0; i < verdict->nmatches; i++) {
        match = &verdict->matches[i];

        if (match->rule >= 0 && match->lifted_by >= 0) {
            cover->rules[match->rule].lifted = 1;
            cover->rules[match->lifted_by].lifted = 1;
        }
    }

    sp_cover_cell(cover, verdict);

    if (json_array_size(cover->bases) == SP_COVER_BASES) {
        return;
    }

    own = json_object();

    for (k = 0; k < one->facts.n; k++) {
        if (one->facts.values[k]
            != sp_test_get(one->base, one->facts.names[k]))
        {
            json_object_set_new(own, one->facts.names[k],
                                sp_test_plain(one->facts.values[k]));
        }
    }

    json_array_append_new(cover->bases, json_pack("{s:O, s:o, s:o}",
                          "request", request->json, "own", own, "name",
                          sp_cli_json_str(sp_cstr(one->name))));
}


/* Whether a value of the condition is a match, by the kind of rule. */

int
sp_cover_matches(const sp_policy_t *policy, int rule, sp_truth_t value)
{
    const sp_rule_t  *row;

    row = sp_image_rule(policy, rule);

    switch (row->kind) {

    case SP_RULE_ALLOW:
    case SP_RULE_EXCEPTION:
        return value == SP_TRUE;

    default:
        return value == SP_TRUE || (value == SP_UNSURE && !row->skip);
    }
}


int
sp_cover_leaf(const sp_node_t *node)
{
    return node->op != SP_OP_AND && node->op != SP_OP_OR
           && node->op != SP_OP_NOT;
}


static void
sp_cover_rule(sp_cover_t *cover, int rule, sp_facts_t *facts)
{
    int                match;
    uint32_t           at, cond;
    sp_truth_t         value, leaf;
    sp_cover_rule_t   *row;

    row = &cover->rules[rule];
    cond = sp_image_rule(cover->policy, rule)->cond;
    value = sp_rule_value(cover->policy, rule, facts);
    match = sp_cover_matches(cover->policy, rule, value);

    row->matched |= match;
    row->missed |= !match;
    row->unknown |= match && value == SP_UNSURE;

    if (cond == SP_NO_COND) {
        return;
    }

    for (at = cond; at < cover->nodes[cond].end; at++) {
        if (!sp_cover_leaf(&cover->nodes[at])) {
            continue;
        }

        leaf = sp_cover_eval(cover, at, facts, SP_COVER_NONE);

        if (leaf != SP_UNSURE
            && sp_cover_eval(cover, cond, facts, at) != value)
        {
            cover->leaves[at] |= leaf == SP_TRUE ? SP_COVER_TRUE
                                                 : SP_COVER_FALSE;
        }
    }
}


int
sp_cover_decides(const sp_cover_t *cover, int rule, uint32_t at,
    sp_facts_t *facts, unsigned way)
{
    uint32_t    cond;
    sp_truth_t  leaf;

    cond = sp_image_rule(cover->policy, rule)->cond;
    leaf = sp_cover_eval(cover, at, facts, SP_COVER_NONE);

    return leaf == (way == SP_COVER_TRUE ? SP_TRUE : SP_FALSE)
           && sp_cover_eval(cover, cond, facts, at)
              != sp_cover_eval(cover, cond, facts, SP_COVER_NONE);
}


/* The value of a subtree if the test "flip" came out the other way. */

static sp_truth_t
sp_cover_eval(const sp_cover_t *cover, uint32_t at, sp_facts_t *facts,
    uint32_t flip)
{
    uint32_t          child;
    sp_truth_t        value, part;
    const sp_node_t  *node;

    node = &cover->nodes[at];

    if (sp_cover_leaf(node)) {
        value = sp_truth_of(sp_expr_eval(cover->policy, at, facts));
        return at == flip ? sp_truth_not(value) : value;
    }

    if (node->op == SP_OP_NOT) {
        return sp_truth_not(sp_cover_eval(cover, at + 1, facts, flip));
    }

    value = node->op == SP_OP_AND ? SP_TRUE : SP_FALSE;

    for (child = at + 1; child < node->end; child = cover->nodes[child].end) {
        part = sp_cover_eval(cover, child, facts, flip);

        if (node->op == SP_OP_AND ? part < value : part > value) {
            value = part;
        }
    }

    return value;
}


/* Which rules matched together, as a name for the set of them. */

static void
sp_cover_cell(sp_cover_t *cover, const sp_verdict_t *verdict)
{
    char      name[SP_MATCHES_MAX * 8 + 16];
    size_t    len;
    unsigned  i;

    len = (size_t) snprintf(name, sizeof(name), "%d/%d", verdict->decision,
                            verdict->allow_rule);

    for (i = 0; i < verdict->nmatches; i++) {
        len += (size_t) snprintf(name + len, sizeof(name) - len, " %d",
                                 verdict->matches[i].rule);
    }

    json_object_set_new(cover->cells, name, json_true());
}


void
sp_cover_gaps(const sp_cover_t *cover, sp_gap_pt each, void *ctx)
{
    int                     rule;
    unsigned                way;
    uint32_t                cond;
    sp_gap_t                gap;
    const sp_cover_rule_t  *row;

    for (rule = 0; rule < sp_policy_rules(cover->policy); rule++) {
        row = &cover->rules[rule];
        cond = sp_image_rule(cover->policy, rule)->cond;
        gap = (sp_gap_t) { rule, SP_COVER_NONE, 0 };

        if (!row->matched || (!row->missed && cond != SP_NO_COND)) {
            gap.way = row->matched ? SP_COVER_FALSE : SP_COVER_TRUE;
            each(ctx, &gap);
        }

        if (cond == SP_NO_COND || cover->nodes[cond].end == cond + 1) {
            continue;    /* its one test is the rule */
        }

        for (gap.at = cond; gap.at < cover->nodes[cond].end; gap.at++) {

            for (way = SP_COVER_TRUE;
                 way <= SP_COVER_FALSE
                 && sp_cover_leaf(&cover->nodes[gap.at]); way++)
            {
                if (!(cover->leaves[gap.at] & way)) {
                    gap.way = way;
                    each(ctx, &gap);
                }
            }
        }
    }
}


double
sp_cover_percent(const sp_cover_t *cover)
{
    int       rule;
    size_t    n, done;
    uint32_t  at, cond;

    n = done = 0;

    for (rule = 0; rule < sp_policy_rules(cover->policy); rule++) {
        cond = sp_image_rule(cover->policy, rule)->cond;
        n += 1 + (cond != SP_NO_COND);
        done += cover->rules[rule].matched
                + (cond != SP_NO_COND && cover->rules[rule].missed);

        if (cond == SP_NO_COND || cover->nodes[cond].end == cond + 1) {
            continue;
        }

        for (at = cond; at < cover->nodes[cond].end; at++) {
            if (sp_cover_leaf(&cover->nodes[at])) {
                n += 2;
                done += (cover->leaves[at] & SP_COVER_TRUE) != 0;
                done += (cover->leaves[at] & SP_COVER_FALSE) != 0;
            }
        }
    }

    return n != 0 ? 100.0 * (double) done / (double) n : 100.0;
}


typedef struct {
    sp_cover_t  *cover;
    json_t      *list;       /* NULL: as text */
    int          suggest;
    size_t       n;
} sp_cover_out_t;


static void
sp_cover_show(void *ctx, const sp_gap_t *gap)
{
    json_t          *row, *suggestion;
    sp_cover_out_t  *out = ctx;

    out->n++;
    suggestion = out->suggest ? sp_cover_suggest(out->cover, gap) : NULL;

    if (out->list != NULL) {
        row = sp_cover_gap_json(out->cover, gap);

        if (out->suggest) {
            json_object_set_new(row, "suggestion", suggestion != NULL
                                ? suggestion : json_null());
        }

        json_array_append_new(out->list, row);
        return;
    }

    sp_cover_print(out->cover, gap);

    if (out->suggest) {
        sp_cover_suggest_text(suggestion);
        json_decref(suggestion);
    }
}


void
sp_cover_text(sp_cover_t *cover, int suggest)
{
    sp_cover_out_t  out = { cover, NULL, suggest, 0 };

    sp_cover_gaps(cover, sp_cover_show, &out);

    printf("  %zu gaps; %zu different sets of matching rules seen\n", out.n,
           json_object_size(cover->cells));
}


json_t *
sp_cover_json(sp_cover_t *cover, int suggest)
{
    int                     rule;
    json_t                 *rules;
    sp_cover_out_t          out = { cover, json_array(), suggest, 0 };
    const sp_cover_rule_t  *row;

    rules = json_array();

    for (rule = 0; rule < sp_policy_rules(cover->policy); rule++) {
        row = &cover->rules[rule];

        json_array_append_new(rules, json_pack("{s:o, s:s, s:b, s:b, s:b, "
            "s:b}", "id", sp_cli_json_str(sp_policy_rule_id(cover->policy,
                                                            rule)),
            "kind", sp_explain_kind((int) sp_policy_rule_kind(cover->policy,
                                                              rule)),
            "matched", row->matched, "not_matched", row->missed,
            "matched_unknown", row->unknown, "lifted", row->lifted));
    }

    sp_cover_gaps(cover, sp_cover_show, &out);

    return json_pack("{s:f, s:i, s:o, s:o}", "percent",
                     sp_cover_percent(cover), "sets_of_rules",
                     (int) json_object_size(cover->cells), "rules", rules,
                     "gaps", out.list);
}


static void
sp_cover_print(const sp_cover_t *cover, const sp_gap_t *gap)
{
    sp_str_t  id, text;

    id = sp_policy_rule_id(cover->policy, gap->rule);
    printf("  %s %.*s: ", sp_explain_kind((int) sp_policy_rule_kind(
                                          cover->policy, gap->rule)),
           (int) id.len, (const char *) id.data);

    if (gap->at == SP_COVER_NONE) {
        printf("%s\n", gap->way == SP_COVER_TRUE ? "matches in no case"
                                                 : "matches in every case");
        return;
    }

    text = sp_image_str(cover->policy, cover->nodes[gap->at].text);
    printf("no case in which '%.*s' is %s and that alone decides\n",
           (int) text.len, (const char *) text.data,
           gap->way == SP_COVER_TRUE ? "true" : "false");
}


static json_t *
sp_cover_gap_json(const sp_cover_t *cover, const sp_gap_t *gap)
{
    json_t  *row;

    row = json_pack("{s:o, s:s}", "rule",
                    sp_cli_json_str(sp_policy_rule_id(cover->policy,
                                                      gap->rule)),
                    "missing", gap->way == SP_COVER_TRUE ? "true" : "false");

    json_object_set_new(row, "test", gap->at == SP_COVER_NONE ? json_null()
        : sp_cli_json_str(sp_image_str(cover->policy,
                                       cover->nodes[gap->at].text)));

    return row;
}

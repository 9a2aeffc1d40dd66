
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the answer of `sallyport explain` as JSON.
 */


#include "explain.h"


typedef struct {
    const sp_explain_t  *explain;
    json_t              *nodes;
} sp_explain_tree_t;


static json_t *sp_explain_json_match(const sp_explain_t *explain,
    const sp_match_t *match);
static json_t *sp_explain_json_rule(const sp_explain_t *explain, int rule);
static void sp_explain_json_node(void *ctx, int depth, sp_str_t text,
    sp_truth_t value, const int *fields, int nfields);
static json_t *sp_explain_json_limits(const sp_explain_t *explain);
static json_t *sp_explain_json_facts(const sp_explain_t *explain);
static json_t *sp_explain_json_policy(const sp_policy_t *policy);


json_t *
sp_explain_json(const sp_explain_t *explain)
{
    int                 rule;
    json_t             *root, *list;
    unsigned            i;
    const sp_policy_t  *policy;

    policy = explain->policy;
    root = sp_explain_json_short(explain);

    json_object_set_new(root, "policy", sp_explain_json_policy(policy));

    list = json_array();

    for (rule = 0; rule < sp_policy_rules(policy); rule++) {
        json_array_append_new(list, sp_explain_json_rule(explain, rule));
    }

    json_object_set_new(root, "rules", list);
    json_object_set_new(root, "facts", sp_explain_json_facts(explain));

    list = json_array();

    for (i = 0; i < explain->request->nnotes; i++) {
        json_array_append_new(list, sp_cli_json_str(
                              sp_cstr(explain->request->notes[i])));
    }

    json_object_set_new(root, "notes", list);

    if (explain->nearest != NULL) {
        json_object_set(root, "would_be_allowed_if", explain->nearest);
    }

    return root;
}


json_t *
sp_explain_json_short(const sp_explain_t *explain)
{
    json_t              *root, *list;
    unsigned             i;
    const sp_policy_t   *policy;
    const sp_verdict_t  *verdict;

    policy = explain->policy;
    verdict = &explain->verdict;

    root = json_pack("{s:s, s:i}", "decision",
                     sp_explain_decision(verdict->decision), "status",
                     verdict->decision == SP_VERDICT_DENY ? verdict->status
                                                          : 200);

    if (verdict->decision == SP_VERDICT_DENY) {
        json_object_set_new(root, "reason", sp_cli_json_str(
                            sp_policy_reason_code(policy, verdict->reason)));
        json_object_set_new(root, "public_code", sp_cli_json_str(
                            sp_policy_reason_public(policy,
                                                    verdict->reason)));
    }

    if (verdict->primary >= 0) {
        json_object_set_new(root, "rule", sp_cli_json_str(
            sp_match_name(policy, &verdict->matches[verdict->primary])));

    } else if (verdict->allow_rule >= 0) {
        json_object_set_new(root, "rule", sp_cli_json_str(
            sp_policy_rule_id(policy, verdict->allow_rule)));
    }

    json_object_set_new(root, "excepted", json_boolean(verdict->excepted));

    list = json_array();

    for (i = 0; i < verdict->nmatches; i++) {
        json_array_append_new(list, sp_explain_json_match(explain,
                              &verdict->matches[i]));
    }

    json_object_set_new(root, "matches", list);
    json_object_set_new(root, "limits", sp_explain_json_limits(explain));

    return root;
}


static json_t *
sp_explain_json_policy(const sp_policy_t *policy)
{
    char  hash[2 * SP_POLICY_HASH_LEN];

    sp_hex(sp_policy_hash(policy), SP_POLICY_HASH_LEN, (unsigned char *) hash);

    return json_pack("{s:o, s:o, s:s#}",
                     "name", sp_cli_json_str(sp_policy_name(policy)),
                     "revision", sp_cli_json_str(sp_policy_revision(policy)),
                     "sha256", hash, (int) sizeof(hash));
}


static json_t *
sp_explain_json_match(const sp_explain_t *explain, const sp_match_t *match)
{
    json_t             *row;
    const sp_policy_t  *policy;

    policy = explain->policy;

    row = json_pack("{s:o, s:o, s:s, s:b, s:b}",
                    "rule", sp_cli_json_str(sp_match_name(policy, match)),
                    "reason", sp_cli_json_str(sp_policy_reason_code(policy,
                                              match->reason)),
                    "value", sp_explain_truth(match->truth),
                    "source_failed", match->failed, "shadow", match->shadow);

    if (match->lifted_by >= 0) {
        json_object_set_new(row, "lifted_by", sp_cli_json_str(
                            sp_policy_rule_id(policy, match->lifted_by)));
    }

    if (match->model < explain->request->facts.nmodels) {
        json_object_set_new(row, "model", sp_cli_json_str(
                            explain->request->facts.models[match->model]));
    }

    return row;
}


static json_t *
sp_explain_json_rule(const sp_explain_t *explain, int rule)
{
    json_t             *row;
    sp_str_t            file;
    unsigned            line;
    sp_explain_tree_t   tree;

    tree.explain = explain;
    tree.nodes = json_array();

    sp_rule_explain(explain->policy, rule, &explain->request->facts,
                    sp_explain_json_node, &tree);

    file = sp_policy_rule_file(explain->policy, rule, &line);

    row = json_pack("{s:o, s:s, s:s, s:o, s:i, s:o}",
                    "id", sp_cli_json_str(sp_policy_rule_id(explain->policy,
                                                            rule)),
                    "kind", sp_explain_kind((int) sp_policy_rule_kind(
                                            explain->policy, rule)),
                    "value", sp_explain_truth((int) sp_rule_value(
                        explain->policy, rule, &explain->request->facts)),
                    "file", sp_cli_json_str(file), "line", (int) line,
                    "tests", tree.nodes);

    return row;
}


static void
sp_explain_json_node(void *ctx, int depth, sp_str_t text, sp_truth_t value,
    const int *fields, int nfields)
{
    int                 i;
    json_t             *row, *facts;
    sp_str_t            name;
    sp_explain_tree_t  *tree = ctx;

    facts = json_object();

    for (i = 0; i < nfields; i++) {
        name = sp_policy_field_name(tree->explain->policy, fields[i]);
        json_object_setn_new(facts, (const char *) name.data, name.len,
            sp_fact_json(&tree->explain->request->facts, fields[i]));
    }

    row = json_pack("{s:i, s:o, s:s, s:o}", "depth", depth, "text",
                    sp_cli_json_str(text), "value", sp_explain_truth(value),
                    "facts", facts);

    json_array_append_new(tree->nodes, row);
}


static json_t *
sp_explain_json_limits(const sp_explain_t *explain)
{
    json_t            *list;
    unsigned           i;
    char               bound[SP_EXPLAIN_BOUND];
    const sp_apply_t  *apply;

    list = json_array();

    for (i = 0; i < explain->verdict.napply; i++) {
        apply = &explain->verdict.apply[i];

        (void) sp_meter_bound(explain->policy, apply->rule, apply->window,
                              apply->limit, apply->period, apply->burst,
                              bound, sizeof(bound));

        json_array_append_new(list, json_pack("{s:o, s:I, s:I, s:I, s:s, "
                                              "s:s, s:s}",
            "rule", sp_cli_json_str(sp_policy_rule_id(explain->policy,
                                                      apply->rule)),
            "limit", (json_int_t) apply->limit,
            "period_s", (json_int_t) apply->period,
            "burst", (json_int_t) apply->burst,
            "meter", sp_meter_name(apply->meter),
            "window", sp_window_name(apply->window),
            "bound", bound));
    }

    return list;
}


static json_t *
sp_explain_json_facts(const sp_explain_t *explain)
{
    int        i;
    json_t    *facts;
    sp_str_t   name;

    facts = json_object();

    for (i = 0; i < sp_policy_fields(explain->policy); i++) {
        name = sp_policy_field_name(explain->policy, i);
        json_object_setn_new(facts, (const char *) name.data, name.len,
                            sp_fact_json(&explain->request->facts, i));
    }

    return facts;
}

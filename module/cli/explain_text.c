
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the answer of `sallyport explain` as text.
 */


#include "explain.h"


#define SP_EXPLAIN_INDENT   4
#define SP_EXPLAIN_COLUMN   56    /* where the value of a test stands */
#define SP_EXPLAIN_FIELDS   8


static void sp_explain_head(const sp_explain_t *explain);
static void sp_explain_found(const sp_explain_t *explain);
static void sp_explain_rules(const sp_explain_t *explain, int kind);
static void sp_explain_rule(const sp_explain_t *explain, int rule,
    sp_truth_t value);
static void sp_explain_bounds(const sp_explain_t *explain, int rule);
static const char *sp_explain_effect(const sp_explain_t *explain, int rule,
    sp_truth_t value);
static void sp_explain_node(void *ctx, int depth, sp_str_t text,
    sp_truth_t value, const int *fields, int nfields);
static void sp_explain_facts(const sp_explain_t *explain);
static void sp_explain_nearest_text(const sp_explain_t *explain);


void
sp_explain_text(const sp_explain_t *explain)
{
    int       kind;
    unsigned  i;

    sp_explain_head(explain);
    sp_explain_found(explain);

    for (kind = 0; kind < SP_EXPLAIN_KINDS; kind++) {
        sp_explain_rules(explain, kind);
    }

    sp_explain_facts(explain);

    for (i = 0; i < explain->request->nnotes; i++) {
        printf("note: ");
        sp_cli_print_safe(stdout, sp_cstr(explain->request->notes[i]));
        putchar('\n');
    }

    sp_explain_nearest_text(explain);
}


static void
sp_explain_head(const sp_explain_t *explain)
{
    char                 hash[12];
    sp_str_t             s, name;
    const sp_policy_t   *policy;
    const sp_verdict_t  *verdict;

    policy = explain->policy;
    verdict = &explain->verdict;

    printf("%s", sp_explain_decision(verdict->decision));

    if (verdict->decision == SP_VERDICT_DENY) {
        s = sp_policy_reason_code(policy, verdict->reason);
        printf(" %u %.*s", verdict->status, (int) s.len,
               (const char *) s.data);

    } else if (verdict->allow_rule >= 0) {
        s = sp_policy_rule_id(policy, verdict->allow_rule);
        printf(" by %.*s", (int) s.len, (const char *) s.data);
    }

    if (verdict->decision == SP_VERDICT_ALLOW && verdict->excepted) {
        printf(" under an exception");
    }

    sp_hex(sp_policy_hash(policy), sizeof(hash) / 2, (unsigned char *) hash);
    name = sp_policy_name(policy);
    s = sp_policy_revision(policy);

    printf("    policy %.*s revision %.*s sha256:%.*s\n", (int) name.len,
           (const char *) name.data, (int) s.len, (const char *) s.data,
           (int) sizeof(hash), hash);

    if (verdict->decision == SP_VERDICT_DENY) {
        s = sp_policy_reason_public(policy, verdict->reason);
        printf("  the caller sees: %.*s: ", (int) s.len,
               (const char *) s.data);

        s = sp_verdict_text(policy, verdict);
        sp_cli_print_safe(stdout, s);
        putchar('\n');
    }
}


/* The built-in refusals have no condition to show: they are listed here. */

static void
sp_explain_found(const sp_explain_t *explain)
{
    unsigned            i;
    sp_str_t            name, code;
    const sp_match_t   *match;

    for (i = 0; i < explain->verdict.nmatches; i++) {
        match = &explain->verdict.matches[i];

        if (match->rule >= 0) {
            continue;
        }

        name = sp_match_name(explain->policy, match);
        code = sp_policy_reason_code(explain->policy, match->reason);

        printf("  %-24.*s matched: %.*s%s%s\n", (int) name.len,
               (const char *) name.data, (int) code.len,
               (const char *) code.data,
               match->failed ? " (its source failed)" : "",
               explain->verdict.primary == (int) i ? "   <- reported" : "");
    }

    if (explain->request->facts.detail != NULL) {
        printf("  because %s\n", explain->request->facts.detail);
    }

    if (explain->verdict.more != 0) {
        printf("  %u more matches were not kept\n", explain->verdict.more);
    }
}


static void
sp_explain_rules(const sp_explain_t *explain, int kind)
{
    int         rule, n, quiet;
    sp_truth_t  value;

    n = quiet = 0;

    for (rule = 0; rule < sp_policy_rules(explain->policy); rule++) {
        if ((int) sp_policy_rule_kind(explain->policy, rule) != kind) {
            continue;
        }

        if (n++ == 0) {
            printf("%s rules\n", sp_explain_kind(kind));
        }

        value = sp_rule_value(explain->policy, rule,
                              &explain->request->facts);

        if (value == SP_FALSE && !explain->all) {
            quiet++;
            continue;
        }

        sp_explain_rule(explain, rule, value);
    }

    if (quiet != 0) {
        printf("  %s%d rule%s did not match\n", quiet < n ? "... " : "",
               quiet, quiet == 1 ? "" : "s");
    }
}


static void
sp_explain_rule(const sp_explain_t *explain, int rule, sp_truth_t value)
{
    int         n;
    sp_str_t    id, file;
    unsigned    line;

    id = sp_policy_rule_id(explain->policy, rule);
    file = sp_policy_rule_file(explain->policy, rule, &line);

    n = printf("  %.*s", (int) id.len, (const char *) id.data);
    printf("%*s%-8s %s   (%.*s:%u)\n",
           n < SP_EXPLAIN_COLUMN ? SP_EXPLAIN_COLUMN - n : 1, "",
           sp_explain_truth(value), sp_explain_effect(explain, rule, value),
           (int) file.len, (const char *) file.data, line);

    sp_rule_explain(explain->policy, rule, &explain->request->facts,
                    sp_explain_node, (void *) explain);

    sp_explain_bounds(explain, rule);
}


/* What a throttle that applies lets through at most. */

static void
sp_explain_bounds(const sp_explain_t *explain, int rule)
{
    char               bound[SP_EXPLAIN_BOUND];
    unsigned           i;
    const sp_apply_t  *apply;

    for (i = 0; i < explain->verdict.napply; i++) {
        apply = &explain->verdict.apply[i];

        if (apply->rule == rule) {
            (void) sp_meter_bound(explain->policy, rule, apply->window,
                                  apply->limit, apply->period, apply->burst,
                                  bound, sizeof(bound));
            printf("    bound: %s\n", bound);
        }
    }
}


static const char *
sp_explain_effect(const sp_explain_t *explain, int rule, sp_truth_t value)
{
    unsigned           i;
    const sp_match_t  *match;

    match = sp_explain_match(explain, rule);

    if (match != NULL) {
        if (match->shadow) {
            return sp_policy_rule_share(explain->policy, rule) != 0
                   ? "matches, but is only watched for this account (canary)"
                   : "matches, but is only watched (shadow)";
        }

        if (match->lifted_by >= 0) {
            return "matches, lifted by an exception";
        }

        if (explain->verdict.primary == match - explain->verdict.matches) {
            return "matched  <- reported";
        }

        return "matched";
    }

    for (i = 0; i < explain->verdict.napply; i++) {
        if (explain->verdict.apply[i].rule == rule) {
            return "applies";
        }
    }

    if (explain->verdict.allow_rule == rule) {
        return "matched";
    }

    switch (sp_policy_rule_kind(explain->policy, rule)) {

    case SP_RULE_ALLOW:
    case SP_RULE_EXCEPTION:
        return value == SP_TRUE ? "holds" : "does not match";

    case SP_RULE_THROTTLE:
    case SP_RULE_FLAG:
        if (value != SP_FALSE
            && explain->verdict.decision != SP_VERDICT_ALLOW)
        {
            return "not asked: the request is denied";
        }

        /* fall through */

    default:
        return value == SP_FALSE ? "does not match" : "does not apply";
    }
}


static void
sp_explain_node(void *ctx, int depth, sp_str_t text, sp_truth_t value,
    const int *fields, int nfields)
{
    int                  i, n;
    char                 buf[SP_FACT_TEXT];
    const sp_explain_t  *explain = ctx;

    n = SP_EXPLAIN_INDENT + 2 * depth;
    printf("%*s%.*s", n, "", (int) text.len, (const char *) text.data);
    n += (int) text.len;

    printf("%*s%-8s", n < SP_EXPLAIN_COLUMN ? SP_EXPLAIN_COLUMN - n : 1, "",
           sp_explain_truth(value));

    for (i = 0; i < nfields && i < SP_EXPLAIN_FIELDS; i++) {
        printf("%s", i != 0 ? ", " : " ");
        sp_cli_print_safe(stdout, sp_policy_field_name(explain->policy,
                                                       fields[i]));
        printf(" = ");
        sp_cli_print_safe(stdout, sp_cstr(sp_fact_text(
                          &explain->request->facts, fields[i], buf)));
    }

    putchar('\n');
}


static void
sp_explain_facts(const sp_explain_t *explain)
{
    int                i;
    char               buf[SP_FACT_TEXT];
    sp_str_t           name;
    const sp_facts_t  *facts;

    facts = &explain->request->facts;
    printf("facts\n");

    for (i = 0; i < sp_policy_fields(explain->policy); i++) {
        if (!explain->all && (facts->v[i].state == SP_FACT_UNKNOWN
                              || facts->v[i].state == SP_FACT_ABSENT))
        {
            continue;
        }

        name = sp_policy_field_name(explain->policy, i);
        printf("  %-28.*s ", (int) name.len, (const char *) name.data);
        sp_cli_print_safe(stdout, sp_cstr(sp_fact_text(facts, i, buf)));
        putchar('\n');
    }

    if (!explain->all) {
        printf("  the others are absent or unknown (--all shows them)\n");
    }
}


static void
sp_explain_nearest_text(const sp_explain_t *explain)
{
    int          n;
    size_t       i, k;
    json_t      *way, *values, *value;
    const char  *fact;

    if (explain->nearest == NULL) {
        return;
    }

    if (json_array_size(explain->nearest) == 0) {
        printf("no change of one or two facts would allow it\n");
        return;
    }

    json_array_foreach(explain->nearest, i, way) {
        printf("%s", i == 0 ? "would be allowed if   "
                            : "                or if ");
        n = 0;

        json_object_foreach(way, fact, values) {
            printf("%s%s = ", n++ != 0 ? " and " : "", fact);

            json_array_foreach(values, k, value) {
                printf("%s%s", k != 0 ? " or " : "",
                       json_string_value(value));
            }
        }

        putchar('\n');
    }
}

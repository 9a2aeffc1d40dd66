
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tests of the analysis: whatever it claims of random
 * policies is held against the decision itself over random requests, and
 * what it shows must be what it says it is.
 */


#include <time.h>

#include "decide_random.h"

#include "analyse/sp_outcome.h"
#include "sp_analyse.h"


#define POLICIES   400
#define REQUESTS   120
#define FINDINGS   SP_DIAGS_MAX


/* Where each finding points: rules, nodes, tiers, invariants in order. */
typedef struct {
    int       n;
    int       at[4 * FINDINGS];
    uint32_t  node[4 * FINDINGS];
} places_t;


static unsigned  seed;


static void
note_rule(void *ctx, int rule, sp_mark_t *mark, sp_str_t *line)
{
    places_t  *p = ctx;

    p->at[p->n] = rule;
    p->node[p->n++] = UINT32_MAX;
    mark->line = 1 + (unsigned) rule;
}


static void
note_node(void *ctx, int rule, uint32_t node, sp_mark_t *mark,
    sp_str_t *line)
{
    places_t  *p = ctx;

    p->at[p->n] = rule;
    p->node[p->n++] = node;
}


static void
note_tier(void *ctx, int tier, sp_mark_t *mark, sp_str_t *line)
{
    places_t  *p = ctx;

    p->at[p->n++] = tier;
}


static void
note_invariant(void *ctx, int invariant, sp_mark_t *mark, sp_str_t *line)
{
    places_t  *p = ctx;

    p->at[p->n++] = invariant;
}


/* Only a record that could be read gets to the rules. */

static void
mend(sp_account_t *a)
{
    if (a->status == SP_STATUS_PENDING) {
        a->pending_since = NOW - 86400;
    }

    if (a->status != SP_STATUS_VERIFIED) {
        return;
    }

    if (a->verified_at == SP_TIME_ABSENT) {
        a->verified_at = NOW - 86400 * pick(4);
    }

    a->expires_at = NOW + 86400;
    a->screening = SP_SCREENING_CLEAR;
    a->screened_at = NOW - 60;
    a->headquarters = a->parent = place("SG");

    if (a->incorporated == SP_PLACE_NONE) {
        a->incorporated = place(countries[pick(4)]);
    }

    if (a->level >= 2 && a->nuse == 0) {
        a->use_locations[a->nuse++] = place(countries[pick(4)]);
    }

    a->has_owners |= a->level == 3;
}


static void
random_valid(request_t *q)
{
    do {
        random_account(&q->account);
        mend(&q->account);
        random_head_at(q, NOW + (pick(4) ? 0 : 86400 * pick(60)));

    } while (q->facts.account_state != SP_ACCTFACT_FOUND);

    do {
        random_body(q);

    } while (q->facts.body_state != SP_BODYFACT_FINE || q->facts.nmodels > 1);
}


static int
same_verdict(const sp_policy_t *a, const sp_verdict_t *x,
    const sp_policy_t *b, const sp_verdict_t *y)
{
    return x->decision == y->decision
           && (x->decision != SP_VERDICT_DENY
               || x->reason == SP_R_VERIFICATION_UNAVAILABLE
               || y->reason == SP_R_VERIFICATION_UNAVAILABLE
               || sp_str_eq(sp_policy_reason_code(a, x->reason),
                            sp_policy_reason_code(b, y->reason)));
}


static int
rule_number(const sp_policy_t *policy, int rule)
{
    return atoi((const char *) sp_policy_rule_id(policy, rule).data + 1);
}


/* The condition without one part, against the condition: as the rule asks. */

static sp_truth_t
without(const sp_policy_t *policy, uint32_t at, uint32_t omit,
    const sp_facts_t *facts)
{
    uint32_t          i;
    sp_truth_t        t, sum;
    const sp_node_t  *nodes;

    nodes = sp_image_at(policy, policy->nodes, sp_node_t);

    if (nodes[at].op > SP_OP_NOT) {
        return (sp_truth_t) (sp_expr_eval(policy, at, facts) & 3);
    }

    if (nodes[at].op == SP_OP_NOT) {
        return sp_truth_not(without(policy, at + 1, omit, facts));
    }

    sum = nodes[at].op == SP_OP_AND ? SP_TRUE : SP_FALSE;

    for (i = at + 1; i < nodes[at].end; i = nodes[i].end) {

        if (i == omit) {
            continue;
        }

        t = without(policy, i, omit, facts);
        sum = nodes[at].op == SP_OP_AND ? (t < sum ? t : sum)
                                        : (t > sum ? t : sum);
    }

    return sum;
}


static void
check_part(const sp_policy_t *policy, int rule, uint32_t node)
{
    int               k;
    request_t         q;
    sp_truth_t        a, b;
    const sp_rule_t  *r = sp_image_rule(policy, rule);

    for (k = 0; k < REQUESTS; k++) {
        random_valid(&q);
        sp_facts_own(&q.facts, policy);
        a = (sp_truth_t) (sp_expr_eval(policy, r->cond, &q.facts) & 3);
        b = without(policy, r->cond, node, &q.facts);

        if ((a == SP_TRUE) != (b == SP_TRUE)
            || (!r->skip && r->kind != SP_RULE_ALLOW
                && r->kind != SP_RULE_EXCEPTION && a != b))
        {
            fail_msg("seed %u: a part of rule %d changes something", seed,
                     rule);
        }
    }
}


/*
 * The values of all variables for a request: the class of the value if it is
 * a candidate, else one that all tests of the variable agree with.
 */

static int
class_fits(sp_space_t *space, unsigned var, const uint32_t *values,
    const sp_facts_t *facts)
{
    uint32_t          i, trial[256];
    unsigned          is, t;
    const sp_atom_t  *atom;

    memcpy(trial, values, space->nvars * sizeof(uint32_t));

    for (i = 0; i < space->policies[0]->nnodes; i++) {
        atom = &space->atoms[0][i];

        if (sp_space_node(space, 0, i)->op <= SP_OP_NOT || atom->var != var) {
            continue;
        }

        is = sp_expr_eval(space->policies[0], i, facts) & 3;
        t = sp_dd_at(space->dds, atom->yes, trial) ? SP_TRUE
            : sp_dd_at(space->dds, atom->no, trial) ? SP_FALSE : SP_UNSURE;

        if (t != is) {
            return 0;
        }
    }

    return 1;
}


static int
same_value(const sp_space_t *space, int field, const sp_value_t *a,
    const sp_value_t *b)
{
    int  missing;

    missing = a->state != SP_FACT_KNOWN && a->state != SP_FACT_ABSENT;

    if (missing || b->state == SP_FACT_UNKNOWN) {
        return missing && b->state == SP_FACT_UNKNOWN;
    }

    if (a->state != b->state || a->state != SP_FACT_KNOWN) {
        return a->state == b->state;
    }

    switch (sp_space_row(space, field)->type) {
    case SP_T_COUNTRY:
    case SP_T_REGION:
    case SP_T_PLACE:
        return a->u.place == b->u.place;
    case SP_T_STRING:
        return sp_str_eq(a->u.s, b->u.s);
    case SP_T_PLACES:
    case SP_T_STRINGS:
        return (a->n != 0) == (b->n != 0);
    case SP_T_IP:
        return 1;
    default:
        return a->u.i == b->u.i;
    }
}


static void
locate(sp_space_t *space, const request_t *q, uint32_t *values)
{
    int             found;
    unsigned        i;
    uint32_t        c;
    const sp_var_t *var;

    memset(values, 0, space->nvars * sizeof(uint32_t));

    for (i = 0; i < space->nvars; i++) {
        var = &space->vars[i];
        found = 0;

        if (var->kind == SP_VAR_CANARY) {
            values[i] = (uint32_t) sp_canary(
                sp_policy_rule_id(space->policies[0], (int) var->node),
                q->facts.v[SP_F_ACCOUNT_ID].u.s,
                sp_image_rule(space->policies[0], var->node)->share);
            continue;
        }

        for (c = 0; var->kind == SP_VAR_FACTS && c < var->n && !found; c++) {
            found = same_value(space, var->fields[0],
                               &q->facts.v[var->fields[0]],
                               &var->cands[c].v[0])
                    && (var->fields[1] < 0
                        || var->fields[1] == SP_F_MODEL_TIER
                        || same_value(space, var->fields[1],
                                      &q->facts.v[var->fields[1]],
                                      &var->cands[c].v[1]));
            values[i] = found ? var->cands[c].class : 0;
        }

        for (c = 0; c < var->width && !found; c++) {
            values[i] = c;

            if (var->fields[0] == SP_F_NOW && var->kind == SP_VAR_FACTS
                && c + 1 < var->width
                && (var->cands[var->first[c]].v[0].u.i > q->facts.v[SP_F_NOW]
                                                         .u.i))
            {
                continue;
            }

            /* an account that nothing names is none of those that are */

            if (var->fields[0] == SP_F_ACCOUNT_ID
                && var->kind == SP_VAR_FACTS
                && memcmp(var->cands[var->first[c]].v[0].u.s.data, "acct_", 5)
                   == 0)
            {
                continue;
            }

            found = class_fits(space, i, values, &q->facts);
        }

        if (!found) {
            fail_msg("seed %u: no class of variable %u (%s)", seed, i,
                     var->kind == SP_VAR_FACTS
                     ? sp_space_row(space, var->fields[0])->name
                     : "a test");
        }
    }
}


/*
 * What is known of how facts go together lets every request through; where
 * diagrams say that a rule matches and a request is allowed, the decision
 * says so too, and nowhere else.
 */

static void
test_diagrams(void **state)
{
    int            i, k;
    uint32_t       r, values[256];
    sp_facts_t    *facts;
    policy_t       p;
    request_t      q;
    sp_space_t    *space;
    sp_policy_t   *policy;
    sp_verdict_t   verdict;
    sp_outcome_t  *outcome;

    for (i = 0; i < POLICIES; i++) {
        seed = 1000 + (unsigned) i;
        srand(seed);

        random_policy(&p, 1);
        policy = compile(&p);
        space = sp_space_create((const sp_policy_t *const *) &policy, 1, NOW);
        outcome = sp_outcome_create(space, 0);

        assert_false(sp_space_void(space));
        assert_true(space->nvars < 256);

        for (k = 0; k < REQUESTS / 4; k++) {
            random_valid(&q);
            facts = &q.facts;
            sp_decide(policy, facts, SP_STAGE_WHOLE, &verdict);

            /* only instants that rules tell apart are classes of "now" */

            if (facts->v[SP_F_NOW].u.i != NOW) {
                continue;
            }

            locate(space, &q, values);

            if (!sp_dd_at(space->dds, space->theory, values)) {
                fail_msg("seed %u: the theory has no room for request %d",
                         seed, k);
            }

            for (r = 0; r < policy->nrules; r++) {
                sp_truth_t  t;

                t = sp_rule_value(policy, (int) r, facts);

                if (sp_image_rule(policy, r)->dated) {
                    continue;
                }

                assert_int_equal(sp_dd_at(space->dds,
                                          outcome->rules[r].yes, values),
                                 t == SP_TRUE);
                assert_int_equal(sp_dd_at(space->dds, outcome->rules[r].no,
                                          values), t == SP_FALSE);
            }

            if (sp_dd_at(space->dds, outcome->allowed, values)
                != (verdict.decision == SP_VERDICT_ALLOW))
            {
                fail_msg("seed %u: request %d is decided %d, not so in the "
                         "diagram", seed, k, verdict.decision);
            }
        }

        sp_outcome_destroy(outcome);
        sp_space_destroy(space);
        free(policy);
    }
}


/* A finding that names rules which can go: without them nothing changes. */

static void
check_without(const policy_t *from, const sp_policy_t *policy,
    const int *out, int reasons)
{
    int            k;
    policy_t       p;
    request_t      q;
    sp_policy_t   *less;
    sp_verdict_t   a, b;

    p = *from;

    for (k = 0; k < p.n; k++) {
        p.out[k] |= out[k];

        /* what lifts a rule that is gone, or replaces one, goes with it */

        if ((p.rules[k].kind == SP_RULE_EXCEPTION
             && p.rules[k].lifts >= 0 && out[p.rules[k].lifts])
            || (p.rules[k].kind == SP_RULE_THROTTLE
                && p.rules[k].replaces >= 0 && out[p.rules[k].replaces]))
        {
            return;
        }
    }

    less = compile(&p);

    for (k = 0; k < REQUESTS; k++) {
        random_valid(&q);
        sp_decide(policy, &q.facts, SP_STAGE_WHOLE, &a);
        sp_decide(less, &q.facts, SP_STAGE_WHOLE, &b);

        if (a.decision != b.decision
            || (reasons && !same_verdict(policy, &a, less, &b)))
        {
            fail_msg("seed %u: a rule that should change nothing does", seed);
        }
    }

    free(less);
}


static void
check_rule(const sp_policy_t *policy, int code, int rule, uint32_t node)
{
    int            k;
    request_t      q;
    unsigned       t;
    sp_verdict_t   v;

    for (k = 0; k < REQUESTS; k++) {
        random_valid(&q);
        sp_decide(policy, &q.facts, SP_STAGE_WHOLE, &v);

        switch (code) {

        case 301:
            t = sp_expr_eval(policy, node, &q.facts) & 3;
            if (t == SP_TRUE) {
                fail_msg("seed %u: r%d is true", seed, rule);
            }
            break;

        case 302:
            t = sp_expr_eval(policy, node, &q.facts) & 3;
            if (t == SP_FALSE) {
                fail_msg("seed %u: r%d is false", seed, rule);
            }
            break;

        case 303:
            if (v.decision == SP_VERDICT_ALLOW
                && sp_rule_value(policy, rule, &q.facts) == SP_TRUE
                && !sp_image_rule(policy, rule)->dated)
            {
                fail_msg("seed %u: r%d does allow", seed, rule);
            }
            break;

        default:
            break;
        }
    }
}


static void
check_findings(const policy_t *p, const sp_policy_t *policy,
    const sp_diags_t *diags, const places_t *places, unsigned *seen)
{
    int       i, tier, one[RULES], gone[RULES];
    request_t q;
    unsigned  k;

    memset(gone, 0, sizeof(gone));

    for (k = 0; k < diags->n; k++) {
        const sp_diag_t  *d = &diags->items[k];

        seen[d->code]++;
        memset(one, 0, sizeof(one));

        switch (d->code) {

        case 301:
        case 302:
            check_rule(policy, d->code, places->at[k], places->node[k]);
            break;

        case 306:
            check_part(policy, places->at[k], places->node[k]);
            break;

        case 303:
            check_rule(policy, d->code, places->at[k], 0);
            one[rule_number(policy, places->at[k])] = 1;
            check_without(p, policy, one, 0);
            break;

        case 304:
            gone[rule_number(policy, places->at[k])] = 1;
            break;

        case 305:
        case 308:
            if (strstr(d->message, "never meets") == NULL) {
                one[rule_number(policy, places->at[k])] = 1;
                check_without(p, policy, one, 0);
            }
            break;

        case 316:
            tier = places->at[k];

            for (i = 0; i < REQUESTS; i++) {
                sp_verdict_t  v;

                random_valid(&q);
                sp_decide(policy, &q.facts, SP_STAGE_WHOLE, &v);
                assert_false(v.decision == SP_VERDICT_ALLOW
                             && v.tier == tier);
            }

            break;

        default:
            break;
        }
    }

    check_without(p, policy, gone, 1);
}


static void
test_findings(void **state)
{
    int            i;
    places_t       places;
    policy_t       p;
    unsigned       seen[500];
    sp_diags_t     diags;
    sp_policy_t   *policy;
    sp_analysis_t  analysis;

    const sp_analyse_marks_t  marks = {
        &places, note_rule, note_node, note_tier, note_invariant
    };

    memset(seen, 0, sizeof(seen));

    for (i = 0; i < POLICIES; i++) {
        seed = 5000 + (unsigned) i;
        srand(seed);

        random_policy(&p, 1);
        policy = compile(&p);

        memset(&places, 0, sizeof(places));
        sp_diags_init(&diags);
        sp_analyse(policy, NOW, &marks, &diags, &analysis);

        assert_true(analysis.done);
        assert_int_equal(diags.dropped, 0);
        assert_int_equal(diags.n, places.n);

        check_findings(&p, policy, &diags, &places, seen);

        sp_diags_free(&diags);
        free(policy);
    }

    /* a generator that leads to no findings would prove nothing */

    for (i = 301; i <= 308; i++) {
        if (i != 307 && seen[i] == 0) {
            fail_msg("no SP%d among %d policies", i, POLICIES);
        }
    }

    assert_true(seen[316] != 0);
}


/* What a throttled request has to wait for, as one set. */

static int
same_throttles(const sp_verdict_t *a, const sp_verdict_t *b)
{
    unsigned  i, k;

    for (i = 0; i < a->napply; i++) {

        for (k = 0; k < b->napply
                    && (a->apply[i].per != b->apply[k].per
                        || a->apply[i].interval != b->apply[k].interval
                        || a->apply[i].tolerance != b->apply[k].tolerance);
             k++)
        { }

        if (k == b->napply) {
            return 0;
        }
    }

    return 1;
}


/*
 * Whatever a random request shows to be different is said to be; and what is
 * said to be has an example, unless it is of what is hard to make.
 */

static void
test_diff(void **state)
{
    int            i, k, kind, regions, examples, differ[SP_DIFF_KINDS];
    unsigned       r;
    policy_t       p;
    request_t      q;
    sp_diff_t     *diff;
    sp_policy_t   *a, *b;
    sp_verdict_t   x, y;

    memset(differ, 0, sizeof(differ));
    regions = examples = 0;

    for (i = 0; i < POLICIES / 2; i++) {
        seed = 9000 + (unsigned) i;
        srand(seed);

        random_policy(&p, 1);
        a = compile(&p);

        /* the same rules under other names are the same policy */

        if (i % 4 == 0) {
            shuffle(&p);

        } else {
            k = pick(p.n);
            p.rules[k].n = 0;
            p.rules[k].root = grow(&p.rules[k], 2);
            p.rules[k].skip = !p.rules[k].skip;
        }

        b = compile(&p);
        diff = sp_diff_create(a, b, NOW);

        assert_non_null(diff);
        assert_true(sp_diff_done(diff));

        for (kind = 0; kind < SP_DIFF_KINDS; kind++) {
            differ[kind] += sp_diff_any(diff, (sp_diff_kind_t) kind);
            assert_false(i % 4 == 0
                         && sp_diff_any(diff, (sp_diff_kind_t) kind));
        }

        for (r = 0; r < sp_diff_regions(diff); r++) {
            regions++;
            examples += sp_diff_region(diff, r)->example != NULL;
        }

        for (k = 0; k < REQUESTS; k++) {
            random_valid(&q);
            sp_decide(a, &q.facts, SP_STAGE_WHOLE, &x);
            sp_decide(b, &q.facts, SP_STAGE_WHOLE, &y);

            if (x.decision != y.decision) {
                kind = y.decision == SP_VERDICT_DENY ? SP_DIFF_DENIED
                                                     : SP_DIFF_ALLOWED;

            } else if (x.decision == SP_VERDICT_ALLOW
                       && !(same_throttles(&x, &y) && same_throttles(&y, &x)))
            {
                kind = SP_DIFF_THROTTLED;

            } else {
                continue;
            }

            if (!sp_diff_any(diff, (sp_diff_kind_t) kind)) {
                fail_msg("seed %u: request %d shows a difference that is "
                         "not found (%d)", seed, k, kind);
            }
        }

        sp_diff_destroy(diff);
        free(a);
        free(b);
    }

    for (kind = 0; kind < SP_DIFF_KINDS; kind++) {
        assert_true(differ[kind] > 5);
    }

    print_message("%d of %d regions have an example\n", examples, regions);
    assert_true(examples * 10 > regions * 9);
}


/*
 * Invariants over random policies: what is proved no random request breaks,
 * and what one breaks is refuted.
 */

static void
test_invariants(void **state)
{
    int            i, k, proved, refuted, open;
    size_t         n;
    unsigned       d;
    rule_t         rule;
    policy_t       p;
    request_t      q;
    sp_truth_t     t;
    sp_diags_t     diags;
    char           when[900];
    sp_policy_t   *policy, *loaded;
    sp_verdict_t   v;
    sp_analysis_t  analysis;

    proved = refuted = open = 0;

    for (i = 0; i < POLICIES; i++) {
        seed = 20000 + (unsigned) i;
        srand(seed);

        random_policy(&p, 1);
        policy = compile(&p);

        memset(&rule, 0, sizeof(rule));
        rule.root = grow(&rule, 2);
        condition(&rule, rule.root, when, sizeof(when));

        n = strlen(text);
        snprintf(text + n, TEXT - n, "invariants:\n  - id: inv\n"
                 "    when: %s\n    %s\n", when,
                 (const char *[]) { "never: allow", "never: deny",
                                    "always: allow", "always: deny" }[i % 4]);

        sp_diags_init(&diags);
        memset(&analysis, 0, sizeof(analysis));
        loaded = sp_policy_load_text_analysed("inv", sp_cstr(text), &opts,
                                              &diags, &analysis);
        assert_true(analysis.done);
        assert_int_equal(analysis.invariants, 1);

        for (d = 0, k = 0; d < diags.n; d++) {

            if (diags.items[d].code == 401) {
                assert_non_null(diags.items[d].example);
                assert_non_null(diags.items[d].decided);
                assert_int_equal(memcmp(diags.items[d].decided,
                                        i % 4 == 0 || i % 4 == 3
                                        ? "allow" : "deny ", 5), 0);
                refuted++;
            }

            open += diags.items[d].code == 403;
        }

        proved += analysis.proved == 1;

        for (k = 0; k < REQUESTS && analysis.proved == 1; k++) {
            random_valid(&q);

            if (q.facts.v[SP_F_NOW].u.i < NOW) {
                continue;
            }

            sp_decide(policy, &q.facts, SP_STAGE_WHOLE, &v);
            t = value(&rule, rule.root, &q);

            if (t == SP_TRUE
                && (v.decision == SP_VERDICT_ALLOW)
                   == (i % 4 == 0 || i % 4 == 3))
            {
                fail_msg("seed %u: request %d breaks what was proved", seed,
                         k);
            }
        }

        sp_diags_free(&diags);
        free(loaded);
        free(policy);
    }

    print_message("%d proved, %d refuted, %d neither\n", proved, refuted,
                  open);
    assert_int_equal(proved + refuted + open, POLICIES);
    assert_true(proved > 20 && refuted > 20);
    assert_true(open * 20 < POLICIES);
}


typedef struct {
    const char  *text;        /* after the head */
    int          code;
    unsigned     line, col;   /* of the first message with the code */
    const char  *says;
} example_t;


static const char  head[] =
    "sallyport: 1\npolicy: t\nlists:\n  emb: {type: country, items: [CU, IR]}"
    "\n  all: {type: country, items: [CU, IR, RU]}\nmodels:\n  tiers:\n"
    "    1: [m1*]\n    2: [m2*]\n";

#define ALLOW  "allow:\n  - id: a\n    when: account.status == verified\n"
#define DENY   "deny:\n  - id: d\n    unknown: skip\n    reason: JUR_IP_EMBARGO"\
               "\n    when: "


static const example_t  examples[] = {
    { ALLOW DENY "account.level < 1 and account.level >= 2\n", 301, 17, 11,
      "exclude each other" },
    { ALLOW DENY "ip.tor or (account.level < 1 and account.level >= 2)\n",
      301, 17, 22, "can never be true" },
    { ALLOW DENY "ip.country in @emb and ip.country not in @all\n", 301, 17,
      11, "can never be true" },
    { ALLOW DENY "account.level >= 0\n", 302, 17, 11, "always true" },
    { ALLOW "  - id: b\n    when: account.status == suspended\n", 303, 13, 9,
      "allows nothing" },
    { ALLOW DENY "ip.country in @all\n"
      "  - id: e\n    unknown: skip\n    reason: JUR_IP_EMBARGO\n"
      "    when: ip.country in @emb\n", 304, 18, 9, "'d' matches" },
    { ALLOW DENY "account.status == unverified\n", 305, 14, 9,
      "only the reason" },
    { ALLOW DENY "account.level >= 2 and account.level >= 1\n", 306, 17, 34,
      "changes nothing" },
    { ALLOW DENY "largest_owner(@emb) > 50% and owner_share(@all) > 40%\n",
      306, 17, 41, "changes nothing" },
    { ALLOW "throttle:\n"
      "  - {id: t, meter: requests, per: [key.id], rate: 5/min, burst: 1}\n"
      "  - {id: u, meter: requests, per: [key.id], rate: 9/min, burst: 1}\n",
      312, 15, 10, "'t' counts the same" },
    { "allow:\n  - id: a\n    when: has(model.tier) and model.tier == 1\n",
      316, 9, 9, "tier 2" },
    { ALLOW "invariants:\n  - id: i\n    when: account.level == 0\n"
      "    never: allow\n", 401, 16, 5, "does not hold" }
};


static void
test_examples(void **state)
{
    size_t           i;
    unsigned         k;
    char             policy[4096];
    const sp_diag_t *d;
    sp_diags_t       diags;
    sp_policy_t     *loaded;
    sp_analysis_t    analysis;

    for (i = 0; i < sp_nelts(examples); i++) {
        snprintf(policy, sizeof(policy), "%s%s", head, examples[i].text);

        sp_diags_init(&diags);
        loaded = sp_policy_load_text_analysed("t.yaml", sp_cstr(policy),
                                              &opts, &diags, &analysis);

        for (k = 0, d = NULL; k < diags.n && d == NULL; k++) {
            d = diags.items[k].code == examples[i].code ? &diags.items[k]
                                                        : NULL;
        }

        if (d == NULL || d->mark.line != examples[i].line
            || d->mark.col != examples[i].col
            || (strstr(d->message, examples[i].says) == NULL
                && (d->help == NULL
                    || strstr(d->help, examples[i].says) == NULL)))
        {
            sp_diags_print(&diags, stderr);
            fail_msg("no SP%d at %u:%u of example %zu:\n%s",
                     examples[i].code, examples[i].line, examples[i].col, i,
                     policy);
        }

        assert_int_equal(loaded == NULL, d->severity == SP_DIAG_ERROR);
        assert_non_null(d->source);

        sp_diags_free(&diags);
        free(loaded);
    }
}


/* An exception: one that meets nothing, one that opens nothing, one that does. */

static void
test_exceptions(void **state)
{
    int            k, found;
    unsigned       i;
    char           policy[4096];
    sp_diags_t     diags;
    sp_policy_t   *loaded;
    sp_analysis_t  analysis;

    static const char *const  whens[] = {
        "account.level == 3", "account.level == 0", "account.level == 1"
    };

    for (k = 0; k < 3; k++) {
        snprintf(policy, sizeof(policy), "%s" ALLOW
                 "deny:\n  - id: d\n    when: account.level < 2\n"
                 "    reason: OWN_RESTRICTED\n"
                 "  - id: e\n    when: account.level == 0\n"
                 "    reason: KYC_LEVEL\n"
                 "exceptions:\n  - id: x\n    kind: licence\n"
                 "    account: acct_1\n    lifts: [d]\n"
                 "    authority: A1\n    approved_by: [a, b]\n"
                 "    valid: {until: 2027-12-31}\n    when: %s\n", head,
                 whens[k]);

        sp_diags_init(&diags);
        loaded = sp_policy_load_text_analysed("t.yaml", sp_cstr(policy),
                                              &opts, &diags, &analysis);
        assert_non_null(loaded);

        for (i = 0, found = 0; i < diags.n; i++) {

            if (diags.items[i].code == 308) {
                found = strstr(diags.items[i].message, "never meets") ? 1 : 2;
            }
        }

        assert_int_equal(found, k == 0 ? 1 : k == 1 ? 2 : 0);

        sp_diags_free(&diags);
        free(loaded);
    }
}


/* Past the caps: soon, and without a claim. */

static void
test_cap(void **state)
{
    int            i, k, n;
    clock_t        start;
    unsigned       d;
    static char    policy[TEXT];
    sp_diags_t     diags;
    sp_policy_t   *loaded;
    sp_analysis_t  analysis;

    n = snprintf(policy, TEXT, "%sfacts:\n", head);

    for (i = 0; i < 16; i++) {
        n += snprintf(policy + n, TEXT - (size_t) n,
                      "  account.x_f%d: {type: int, min: 0, max: 7, "
                      "absent: 0}\n", i);
    }

    n += snprintf(policy + n, TEXT - (size_t) n, ALLOW "invariants:\n"
                  "  - id: i\n    when: account.level == 0\n"
                  "    never: allow\ndeny:\n");

    /* whoever reads the first eight has to remember all of them */

    n += snprintf(policy + n, TEXT - (size_t) n,
                  "  - id: a0\n    reason: NET_TOR\n    when: "
                  "account.x_f0 == 0");

    for (i = 1; i < 8; i++) {
        n += snprintf(policy + n, TEXT - (size_t) n,
                      " and account.x_f%d == 0", i);
    }

    policy[n++] = '\n';

    for (i = 0; i < 8; i++) {
        for (k = 0; k < 8; k++) {
            n += snprintf(policy + n, TEXT - (size_t) n,
                          "  - id: d%d-%d\n    reason: KYC_LEVEL\n"
                          "    when: account.x_f%d == %d and account.x_f%d "
                          "== %d\n", i, k, i, k, i + 8, k);
        }
    }

    sp_diags_init(&diags);
    memset(&analysis, 0, sizeof(analysis));
    start = clock();
    loaded = sp_policy_load_text_analysed("t.yaml", sp_cstr(policy), &opts,
                                          &diags, &analysis);

    assert_true(clock() - start < 5 * CLOCKS_PER_SEC);

    if (loaded == NULL) {
        sp_diags_print(&diags, stderr);
    }

    assert_non_null(loaded);
    assert_false(analysis.done);
    assert_int_equal(analysis.proved, 0);

    for (d = 0; d < diags.n && diags.items[d].code != 320; d++) {
        assert_int_equal(diags.items[d].code / 100 == 4, 0);
    }

    assert_true(d < diags.n);

    sp_diags_free(&diags);
    free(loaded);
}


/* What the manual promises: 500 rules at once. */

static void
test_time(void **state)
{
    int            i, n;
    rule_t         r;
    clock_t        start;
    policy_t       p;
    static char    policy[16 * TEXT];
    char           when[900];
    sp_diags_t     diags;
    sp_policy_t   *loaded;
    sp_analysis_t  analysis;

    seed = 77;
    srand(seed);

    random_policy(&p, 1);
    free(compile(&p));

    /* the head of a random policy, with its lists and facts */

    n = (int) (strstr(text, "deny:") - text);
    memcpy(policy, text, (size_t) n);
    n += snprintf(policy + n, sizeof(policy) - (size_t) n, "deny:\n");

    for (i = 0; i < 500; i++) {

        if (i == 400) {
            n += snprintf(policy + n, sizeof(policy) - (size_t) n,
                          "allow:\n");
        }

        memset(&r, 0, sizeof(r));
        r.root = grow(&r, 3);
        condition(&r, r.root, when, sizeof(when));
        n += snprintf(policy + n, sizeof(policy) - (size_t) n,
                      "  - id: r%d\n    when: account.level == %d and (%s)\n",
                      i, i % 4, when);

        if (i < 400) {
            n += snprintf(policy + n, sizeof(policy) - (size_t) n,
                          "    unknown: skip\n    reason: %s\n",
                          i % 2 ? "OWN_RESTRICTED" : "KYC_LEVEL");
        }
    }

    sp_diags_init(&diags);
    memset(&analysis, 0, sizeof(analysis));

    loaded = sp_policy_load_text("t.yaml", sp_cstr(policy), &opts, &diags);
    assert_non_null(loaded);
    sp_diags_free(&diags);

    start = clock();
    sp_analyse(loaded, NOW, NULL, &diags, &analysis);
    start = clock() - start;

    print_message("500 rules: %ld ms, %u nodes\n",
                  (long) (start * 1000 / CLOCKS_PER_SEC), analysis.nodes);
    assert_true(analysis.done);

#if !defined(__SANITIZE_ADDRESS__)
    assert_true(start < CLOCKS_PER_SEC / 2);
#endif

    sp_diags_free(&diags);
    free(loaded);
}


/* Each code once, in order, and with words. */

static void
test_codes(void **state)
{
    size_t            i, n;
    const sp_code_t  *codes;

    codes = sp_codes(&n);

    for (i = 0; i < n; i++) {
        assert_true(i == 0 || codes[i - 1].code < codes[i].code);
        assert_ptr_equal(sp_code_find(codes[i].code), &codes[i]);
        assert_true(strlen(codes[i].title) > 5);
        assert_true(strlen(codes[i].text) > 20);
    }

    assert_null(sp_code_find(999));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_diagrams),
        cmocka_unit_test(test_findings),
        cmocka_unit_test(test_diff),
        cmocka_unit_test(test_invariants),
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_exceptions),
        cmocka_unit_test(test_cap),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_codes)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

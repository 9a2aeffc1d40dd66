
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tests of the analysis: whatever it claims of random
 * policies is held against the decision itself over random requests, and
 * what it shows must be what it says it is.
 */


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

    switch (sp_field(field)->type) {
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
                     ? sp_field(var->fields[0])->name : "a test");
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


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_diagrams),
        cmocka_unit_test(test_findings)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

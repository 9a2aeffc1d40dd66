
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tests of the decision over random policies and
 * random facts: conditions against an oracle that knows only Kleene's tables,
 * verdicts against the rules of the language said in a few lines, and the
 * properties that must hold for every policy.
 */


#include "decide_same.h"


#define SEED    20261123
#define PAIRS   20000


/* The language in a few lines: one model, from the oracle's truth values. */

static sp_decision_t
oracle(const policy_t *p, request_t *q)
{
    int         i, e, allow, lifted;
    sp_truth_t  t;

    if (q->facts.account == NULL
        || q->facts.body_state != SP_BODYFACT_FINE)
    {
        return SP_VERDICT_DENY;
    }

    for (i = 0, allow = 0; i < p->n; i++) {
        const rule_t  *r = &p->rules[i];

        if (r->dated == 1 || p->out[i]
            || watched(r, i, q->account.id))
        {
            continue;
        }

        t = value(r, r->root, q);

        if (r->kind == SP_RULE_ALLOW && t == SP_TRUE) {
            allow = 1;
        }

        if (r->kind != SP_RULE_DENY || t == SP_FALSE
            || (t == SP_UNSURE && r->skip))
        {
            continue;
        }

        for (e = 0, lifted = 0; e < p->n; e++) {
            const rule_t  *x = &p->rules[e];

            lifted |= x->kind == SP_RULE_EXCEPTION && x->lifts == i
                      && x->dated != 1 && !p->out[e]
                      && x->account == q->account.id[5] - '0'
                      && value(x, x->root, q) == SP_TRUE;
        }

        if (!lifted) {
            return SP_VERDICT_DENY;
        }
    }

    return allow ? SP_VERDICT_ALLOW : SP_VERDICT_DENY;
}


static void
test_conditions(void **state)
{
    int           i, k, rule, unsure;
    char          id[8];
    policy_t      p;
    request_t    *q;
    sp_truth_t    t;
    sp_policy_t  *policy;
    sp_verdict_t  v;

    srand(SEED);
    print_message("seed %d\n", SEED);
    q = malloc(sizeof(request_t));
    unsure = 0;

    for (i = 0; i < PAIRS / 10; i++) {
        random_policy(&p, 1);
        policy = compile(&p);

        for (k = 0; k < 10; k++) {
            random_head(q);
            random_body(q);
            sp_decide(policy, &q->facts, SP_STAGE_WHOLE, &v);

            for (rule = 0; rule < p.n; rule++) {
                int  at;

                snprintf(id, sizeof(id), "r%02d", rule);

                for (at = 0; at < sp_policy_rules(policy); at++) {
                    if (sp_str_eq(sp_policy_rule_id(policy, at),
                                  sp_cstr(id)))
                    {
                        break;
                    }
                }

                t = value(&p.rules[rule], p.rules[rule].root, q);
                unsure += (t == SP_UNSURE);
                assert_int_equal(sp_rule_value(policy, at, &q->facts), t);
            }
        }

        free(policy);
    }

    print_message("%d values were unsure\n", unsure);
    assert_true(unsure > 1000);
    free(q);
}


/* P6 and the decision itself; order, shadow rules, more rules (P1, P2, P3). */

static void
test_rules(void **state)
{
    int            i, k, n, which, allowed;
    policy_t      *p;
    request_t     *q;
    sp_policy_t   *one, *two;
    sp_verdict_t   a, b;

    srand(SEED + 1);
    p = malloc(sizeof(policy_t));
    q = malloc(sizeof(request_t));
    allowed = 0;

    for (i = 0; i < PAIRS / 4; i++) {
        random_policy(p, 1);
        n = p->n;
        one = compile(p);

        which = pick(4);

        if (which == 0) {
            shuffle(p);

        } else {
            random_rule(p, which == 1 ? (pick(2) ? SP_RULE_DENY
                                                 : SP_RULE_THROTTLE)
                           : which == 2 ? (pick(2) ? SP_RULE_ALLOW
                                                   : SP_RULE_EXCEPTION)
                           : (pick(2) ? SP_RULE_DENY : SP_RULE_THROTTLE), 1);

            p->rules[n].shadow = (which == 3);
            p->rules[n].share = which == 3 ? 0 : p->rules[n].share;
            p->rules[n].replaces = -1;
        }

        two = compile(p);

        for (k = 0; k < 8; k++) {
            random_head(q);
            random_body(q);

            sp_decide(one, &q->facts, SP_STAGE_WHOLE, &a);
            sp_decide(two, &q->facts, SP_STAGE_WHOLE, &b);

            assert_true(a.decision == SP_VERDICT_ALLOW
                        || a.decision == SP_VERDICT_DENY);
            allowed += (a.decision == SP_VERDICT_ALLOW);

            if (a.decision == SP_VERDICT_DENY) {
                assert_in_range(a.primary, 0, a.nmatches - 1);
                assert_in_range(a.status, 400, 599);
            }

            if (q->facts.nmodels < 2) {
                int  total = p->n;

                p->n = n;
                assert_int_equal(a.decision, oracle(p, q));
                p->n = total;
            }

            switch (which) {
            case 0:
                same_verdict(one, &a, two, &b);
                break;
            case 1:
                no_wider(one, &a, two, &b);
                break;
            case 2:
                no_wider(two, &b, one, &a);
                break;
            default:
                assert_int_equal(a.decision, b.decision);
                assert_int_equal(a.reason, b.reason);
                assert_int_equal(a.napply, b.napply);
            }
        }

        free(one);
        free(two);
    }

    print_message("%d of %d allowed\n", allowed, PAIRS * 2);
    assert_true(allowed > PAIRS / 20);
    free(p);
    free(q);
}


/* P5: what becomes unknown, or fails, never widens. */

static void
test_ignorance(void **state)
{
    int            i, k, f, hidden, turned;
    policy_t      *p;
    request_t     *q, *r;
    sp_policy_t   *policy;
    sp_verdict_t   a, b;

    static const int  fields[] = {
        SP_F_IP_COUNTRY, SP_F_IP_VPN, SP_F_ACCOUNT_LEVEL,
        SP_F_ACCOUNT_STATUS, SP_F_ACCOUNT_INCORPORATED,
        SP_F_ACCOUNT_PLACES, SP_F_REQUEST_STREAM
    };

    srand(SEED + 2);
    p = malloc(sizeof(policy_t));
    q = malloc(sizeof(request_t));
    r = malloc(sizeof(request_t));
    turned = 0;

    for (i = 0; i < PAIRS / 8; i++) {
        random_policy(p, 0);
        policy = compile(p);

        for (k = 0; k < 16; k++) {
            random_head(q);
            random_body(q);
            copy_request(r, q);

            for (f = 0, hidden = 0; f < (int) sp_nelts(fields); f++) {
                if (pick(3) == 0) {
                    r->facts.v[fields[f]].state
                        = pick(2) ? SP_FACT_UNKNOWN : SP_FACT_FAILED;
                    hidden++;
                }
            }

            if (pick(6) == 0) {
                r->facts.nmodels = 0;
                r->facts.v[SP_F_MODEL_ID].state = SP_FACT_UNKNOWN;
            }

            sp_decide(policy, &q->facts, SP_STAGE_WHOLE, &a);
            sp_decide(policy, &r->facts, SP_STAGE_WHOLE, &b);

            if (r->facts.nmodels == q->facts.nmodels
                || q->facts.nmodels < 2)
            {
                no_wider(policy, &a, policy, &b);
            }

            turned += (a.decision == SP_VERDICT_ALLOW
                       && b.decision == SP_VERDICT_DENY);
        }

        free(policy);
    }

    print_message("ignorance refused %d that were allowed\n", turned);
    assert_true(turned > 100);
    free(p);
    free(q);
    free(r);
}


/* What the head refuses, no body could have had allowed. */

static void
test_head(void **state)
{
    int            i, k, body, refused;
    policy_t      *p;
    request_t     *q, *r;
    sp_policy_t   *policy;
    sp_verdict_t   head, whole;

    srand(SEED + 3);
    p = malloc(sizeof(policy_t));
    q = malloc(sizeof(request_t));
    r = malloc(sizeof(request_t));
    refused = 0;

    for (i = 0; i < PAIRS / 8; i++) {
        random_policy(p, 1);
        policy = compile(p);

        for (k = 0; k < 8; k++) {
            random_head(q);
            sp_decide(policy, &q->facts, SP_STAGE_HEAD, &head);

            assert_true(head.decision == SP_VERDICT_PENDING
                        || head.decision == SP_VERDICT_DENY);
            refused += (head.decision == SP_VERDICT_DENY);

            for (body = 0; body < 6; body++) {
                copy_request(r, q);
                random_body(r);
                sp_decide(policy, &r->facts, SP_STAGE_WHOLE, &whole);

                if (head.decision == SP_VERDICT_DENY) {
                    assert_int_equal(whole.decision, SP_VERDICT_DENY);
                }
            }
        }

        free(policy);
    }

    print_message("the head refused %d of %d\n", refused, PAIRS);
    assert_true(refused > PAIRS / 10 && refused < PAIRS);
    free(p);
    free(q);
    free(r);
}


/* P4: an exception is for its account and its rule only. */

static void
test_exceptions(void **state)
{
    int            i, k, n, opened;
    policy_t      *p;
    request_t     *q;
    sp_policy_t   *one, *two;
    sp_verdict_t   a, b;

    srand(SEED + 4);
    p = malloc(sizeof(policy_t));
    q = malloc(sizeof(request_t));
    opened = 0;

    for (i = 0; i < PAIRS / 8; i++) {
        random_policy(p, 1);
        one = compile(p);
        n = p->n;
        random_rule(p, SP_RULE_EXCEPTION, 0);
        two = compile(p);

        for (k = 0; k < 8; k++) {
            int  m, named;
            char id[8];

            random_head(q);
            random_body(q);

            sp_decide(one, &q->facts, SP_STAGE_WHOLE, &a);
            sp_decide(two, &q->facts, SP_STAGE_WHOLE, &b);

            snprintf(id, sizeof(id), "r%02d", p->rules[n].lifts);

            for (m = 0, named = 0; m < a.nmatches; m++) {
                named |= sp_str_eq(sp_match_name(one, &a.matches[m]),
                                   sp_cstr(id));
            }

            if (a.decision != b.decision) {
                opened++;
                assert_int_equal(b.decision, SP_VERDICT_ALLOW);
                assert_int_equal(b.excepted, 1);
                assert_int_equal(p->rules[n].account,
                                 q->account.id[5] - '0');
                assert_true(named);
            }
        }

        free(one);
        free(two);
    }

    print_message("exceptions opened %d\n", opened);
    assert_true(opened > 10);
    free(p);
    free(q);
}


/* Any model's deny denies, each needs an allow, the dearest is charged. */

static void
test_models(void **state)
{
    int            i, k, m, all;
    policy_t      *p;
    request_t     *q, *r;
    sp_policy_t   *policy;
    sp_verdict_t   a, b;

    srand(SEED + 5);
    p = malloc(sizeof(policy_t));
    q = malloc(sizeof(request_t));
    r = malloc(sizeof(request_t));

    for (i = 0; i < PAIRS / 8; i++) {
        random_policy(p, 1);
        policy = compile(p);

        for (k = 0; k < 8; k++) {
            random_head(q);
            random_body(q);

            if (q->facts.nmodels < 2) {
                continue;
            }

            sp_decide(policy, &q->facts, SP_STAGE_WHOLE, &a);

            for (m = 0, all = 1; m < q->facts.nmodels; m++) {
                copy_request(r, q);
                r->models[0] = q->models[m];
                r->facts.nmodels = 1;
                sp_decide(policy, &r->facts, SP_STAGE_WHOLE, &b);
                all &= (b.decision == SP_VERDICT_ALLOW);

                if (a.decision == SP_VERDICT_ALLOW) {
                    no_wider(policy, &b, policy, &a);
                }
            }

            assert_int_equal(a.decision, all ? SP_VERDICT_ALLOW
                                             : SP_VERDICT_DENY);
        }

        free(policy);
    }

    free(p);
    free(q);
    free(r);
}


/* What no policy can forget, each alone in front of a policy that allows. */

static void
builtin(request_t *q, const sp_policy_t *p, sp_stage_t stage,
    sp_reason_id_t reason, unsigned status, const char *name)
{
    sp_verdict_t  v;

    sp_decide(p, &q->facts, stage, &v);

    assert_int_equal(v.decision, SP_VERDICT_DENY);
    assert_int_equal(v.reason, reason);
    assert_int_equal(v.status, status);
    assert_true(sp_str_eq(sp_match_name(p, &v.matches[v.primary]),
                          sp_cstr(name)));
}


static void
fine(request_t *q)
{
    sp_facts_init(&q->facts, NOW);
    memset(&q->key, 0, sizeof(q->key));
    random_account(&q->account);

    q->key.not_before = q->key.expires_at = SP_TIME_ABSENT;
    q->account.status = SP_STATUS_VERIFIED;
    q->facts.route = 0;
    q->facts.route_state = SP_ROUTE_FOUND;
    q->facts.body_state = SP_BODYFACT_FINE;
    q->models[0] = SP_STR("m-two");
    q->facts.models = q->models;
    q->facts.nmodels = 1;

    sp_facts_key(&q->facts, SP_KEYFACT_FOUND, &q->key);
    sp_facts_account(&q->facts, SP_ACCTFACT_FOUND, &q->account);
}


static sp_policy_t *
small(const char *rules)
{
    sp_str_t      s;
    sp_diags_t    diags;
    sp_policy_t  *p;

    s.data = (unsigned char *) text;
    s.len = (size_t) snprintf(text, TEXT, "sallyport: 1\nmodels:\n  tiers:\n"
        "    1: [m-*, m-one, gpt-*-mini]\n    2: [m-t*, gpt-4*]\n"
        "    3: [m-three]\nallow:\n  - id: yes\n"
        "    when: account.status == verified\n%s", rules);

    sp_diags_init(&diags);
    p = sp_policy_load_text("small", s, &opts, &diags);

    if (p == NULL) {
        sp_diags_print(&diags, stderr);
        fail_msg("a small policy did not load");
    }

    sp_diags_free(&diags);

    return p;
}


static void
test_builtins(void **state)
{
    size_t        i;
    sp_addr_t     addr;
    request_t    *q;
    sp_policy_t  *p;
    sp_verdict_t  v;

    static const struct {
        sp_keyfact_t    state;
        sp_reason_id_t  reason;
        unsigned        status;
    } keys[] = {
        { SP_KEYFACT_UNKNOWN, SP_R_VERIFICATION_UNAVAILABLE, 503 },
        { SP_KEYFACT_FAILED, SP_R_VERIFICATION_UNAVAILABLE, 503 },
        { SP_KEYFACT_MISSING, SP_R_CRED_MISSING, 401 },
        { SP_KEYFACT_MALFORMED, SP_R_CRED_MALFORMED, 401 },
        { SP_KEYFACT_AMBIGUOUS, SP_R_CRED_AMBIGUOUS, 401 },
        { SP_KEYFACT_NO_SUCH, SP_R_CRED_UNKNOWN, 401 },
        { SP_KEYFACT_INVALID, SP_R_KEY_INVALID, 403 }
    };

    static const struct {
        int             status;
        sp_reason_id_t  reason;
    } accounts[] = {
        { SP_STATUS_SUSPENDED, SP_R_ACCT_SUSPENDED },
        { SP_STATUS_CLOSED, SP_R_ACCT_CLOSED },
        { SP_STATUS_REJECTED, SP_R_KYC_REJECTED },
        { 99, SP_R_KYC_RECORD_INVALID }
    };

    q = malloc(sizeof(request_t));
    p = small("");

    fine(q);
    sp_decide(p, &q->facts, SP_STAGE_WHOLE, &v);
    assert_int_equal(v.decision, SP_VERDICT_ALLOW);
    assert_int_equal(v.tier, 2);

    for (i = 0; i < sp_nelts(keys); i++) {
        fine(q);
        sp_facts_key(&q->facts, keys[i].state, NULL);
        builtin(q, p, SP_STAGE_WHOLE, keys[i].reason, keys[i].status,
                "builtin:key");
        builtin(q, p, SP_STAGE_HEAD, keys[i].reason, keys[i].status,
                "builtin:key");
    }

    for (i = 0; i < sp_nelts(accounts); i++) {
        fine(q);
        q->account.status = (uint8_t) accounts[i].status;
        builtin(q, p, SP_STAGE_HEAD, accounts[i].reason, 403,
                "builtin:account");
    }

    fine(q);
    sp_facts_account(&q->facts, SP_ACCTFACT_UNKNOWN, NULL);
    builtin(q, p, SP_STAGE_WHOLE, SP_R_VERIFICATION_UNAVAILABLE, 503,
            "builtin:record");

    /* valid while now < expires_at, from not_before on */

    fine(q);
    q->key.expires_at = NOW;
    builtin(q, p, SP_STAGE_HEAD, SP_R_CRED_EXPIRED, 401, "builtin:key");
    q->key.expires_at = NOW + 1;
    q->key.not_before = NOW;
    sp_decide(p, &q->facts, SP_STAGE_WHOLE, &v);
    assert_int_equal(v.decision, SP_VERDICT_ALLOW);
    q->key.not_before = NOW + 1;
    builtin(q, p, SP_STAGE_HEAD, SP_R_CRED_EXPIRED, 401, "builtin:key");

    fine(q);
    q->key.nnetworks = 1;
    assert_int_equal(sp_network_parse(SP_STR("192.0.2.0/24"),
                                      &q->key.networks[0]), SP_OK);
    builtin(q, p, SP_STAGE_HEAD, SP_R_CRED_NETWORK, 403, "builtin:key");
    q->facts.v[SP_F_IP_ADDR].state = SP_FACT_KNOWN;
    q->facts.v[SP_F_IP_ADDR].u.addr = &addr;
    sp_addr_parse(SP_STR("192.0.3.1"), &addr);
    builtin(q, p, SP_STAGE_HEAD, SP_R_CRED_NETWORK, 403, "builtin:key");
    sp_addr_parse(SP_STR("192.0.2.1"), &addr);
    sp_decide(p, &q->facts, SP_STAGE_WHOLE, &v);
    assert_int_equal(v.decision, SP_VERDICT_ALLOW);

    fine(q);
    q->facts.body_state = SP_BODYFACT_PENDING;
    builtin(q, p, SP_STAGE_WHOLE, SP_R_GATE_ERROR, 503, "builtin:body");
    q->facts.body_state = SP_BODYFACT_LARGE;
    builtin(q, p, SP_STAGE_HEAD, SP_R_BODY_LARGE, 413, "builtin:body");
    q->facts.body_state = SP_BODYFACT_TYPE;
    builtin(q, p, SP_STAGE_HEAD, SP_R_BODY_TYPE, 415, "builtin:body");

    /* both must grant the tier; a model without one is in none */

    fine(q);
    q->key.tiers = 1 << 2;
    q->account.tiers = 1 << 1 | 1 << 2;
    sp_decide(p, &q->facts, SP_STAGE_WHOLE, &v);
    assert_int_equal(v.decision, SP_VERDICT_ALLOW);
    q->account.tiers = 1 << 1;
    builtin(q, p, SP_STAGE_WHOLE, SP_R_TIER_NOT_GRANTED, 403,
            "builtin:tier");
    q->account.tiers = 0;
    q->models[0] = SP_STR("other");
    builtin(q, p, SP_STAGE_WHOLE, SP_R_TIER_NOT_GRANTED, 403,
            "builtin:tier");

    free(p);
    free(q);
}


static void
test_edges(void **state)
{
    size_t        i;
    request_t    *q;
    sp_policy_t  *p;
    sp_verdict_t  v;

    static const struct {
        const char  *model;
        int          tier;
    } models[] = {
        { "m-one", 1 }, { "m-two", 2 }, { "m-three", 3 }, { "m-x", 1 },
        { "gpt-4-mini", 1 }, { "gpt-4o", 2 }, { "gpt--mini", 1 },
        { "gpt-mini", 0 }, { "M-one", 0 }, { "", 0 }
    };

    q = malloc(sizeof(request_t));
    p = small("");

    for (i = 0; i < sp_nelts(models); i++) {
        assert_int_equal(sp_policy_model_tier(p, sp_cstr(models[i].model)),
                         models[i].tier);
    }

    free(p);

    /* both days of "valid" are inside, to the second */

    p = small("deny:\n  - id: no\n    when: account.status == verified\n"
              "    reason: KYC_LEVEL\n"
              "    valid: {from: 2026-11-23, until: 2026-11-24}\n");

    for (i = 0; i < 5; i++) {
        static const int64_t  at[] = { 1795391999, 1795392000, 1795435200,
                                       1795564799, 1795564800 };

        fine(q);
        q->facts.v[SP_F_NOW].u.i = at[i];
        sp_decide(p, &q->facts, SP_STAGE_WHOLE, &v);
        assert_int_equal(v.decision, (i == 0 || i == 4) ? SP_VERDICT_ALLOW
                                                        : SP_VERDICT_DENY);
    }

    /* a rule in force by a clock that nobody set */

    q->facts.v[SP_F_NOW].state = SP_FACT_UNKNOWN;
    sp_decide(p, &q->facts, SP_STAGE_WHOLE, &v);
    assert_int_equal(v.decision, SP_VERDICT_DENY);
    free(p);

    /* the dearest of several models is charged, and named */

    p = small("throttle:\n  - id: t\n    meter: requests\n"
              "    per: [account.id]\n    rate: {by: model.tier, 1: 100/s, "
              "2: 10/s, 3: 1/s}\n");
    fine(q);
    q->models[0] = SP_STR("m-one");
    q->models[1] = SP_STR("m-three");
    q->models[2] = SP_STR("m-two");
    q->facts.nmodels = 3;
    sp_decide(p, &q->facts, SP_STAGE_WHOLE, &v);
    assert_int_equal(v.decision, SP_VERDICT_ALLOW);
    assert_int_equal(v.napply, 1);
    assert_int_equal(v.apply[0].interval, 1000000000);
    assert_int_equal(v.apply[0].status, 429);
    assert_int_equal(v.tier, 3);
    assert_int_equal(v.model, 1);
    assert_true(sp_str_eq(q->facts.v[SP_F_MODEL_ID].u.s, SP_STR("m-three")));

    sp_verdict_throttle(&v, 0, 250);
    assert_int_equal(v.decision, SP_VERDICT_THROTTLE);
    assert_int_equal(v.reason, SP_R_RATE_LIMITED);
    assert_int_equal(v.status, 429);

    sp_verdict_refuse(p, &v, SP_R_AUDIT_UNAVAILABLE);
    assert_int_equal(v.decision, SP_VERDICT_DENY);
    assert_int_equal(v.status, 503);
    assert_int_equal(v.napply, 0);

    free(p);
    free(q);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_ignorance),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_exceptions),
        cmocka_unit_test(test_models),
        cmocka_unit_test(test_builtins),
        cmocka_unit_test(test_edges)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

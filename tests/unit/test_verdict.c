
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tests of what becomes of a verdict after the
 * decision: throttled by the limiter, refused by the gate itself, and told to
 * the caller.
 */


#include "decide_request.h"


#define SEED  20261124


static const char  policy_text[] =
    "sallyport: 1\n"
    "policy: verdict\n"
    "lists:\n"
    "  embargoed: {type: country, items: [IR]}\n"
    "deny:\n"
    "  - id: told\n"
    "    when: ip.country in @embargoed\n"
    "    unknown: skip\n"
    "    reason: JUR_IP_EMBARGO\n"
    "    message: Not from there.\n"
    "  - id: untold\n"
    "    when: account.level == 1\n"
    "    reason: KYC_LEVEL\n"
    "allow:\n"
    "  - id: all\n"
    "    when: account.level >= 0\n"
    "throttle:\n"
    "  - id: slow\n"
    "    meter: requests\n"
    "    per: [account.id]\n"
    "    rate: 10/min\n"
    "    message: Not so fast.\n"
    "  - id: slower\n"
    "    meter: requests\n"
    "    per: [key.id]\n"
    "    rate: 5/min\n"
    "flag:\n";


/* With so many flags, all of which match every request. */

static sp_policy_t *
make(unsigned flags)
{
    char              text[8192];
    size_t            n;
    unsigned          i;
    sp_diags_t        diags;
    sp_policy_t      *policy;
    sp_policy_opts_t  opts = { .now = NOW };

    n = (size_t) snprintf(text, sizeof(text), "%s", policy_text);

    for (i = 0; i < flags; i++) {
        n += (size_t) snprintf(text + n, sizeof(text) - n,
                               "  - id: f%u\n    when: account.level <= 3\n"
                               "    reason: BILL_MISMATCH\n", i);
    }

    assert_true(n < sizeof(text));
    sp_diags_init(&diags);

    policy = sp_policy_load_text("verdict.yaml", (sp_str_t) {
                                 n, (unsigned char *) text }, &opts, &diags);

    if (policy == NULL) {
        sp_diags_print(&diags, stderr);
        fail();
    }

    sp_diags_free(&diags);

    return policy;
}


/* A verified account of this level at an address in this country. */

static void
decide(const sp_policy_t *policy, request_t *q, int level,
    const char *country, sp_verdict_t *v)
{
    memset(q, 0, sizeof(*q));

    q->account.type = SP_TYPE_ORGANIZATION;
    q->account.status = SP_STATUS_VERIFIED;
    q->account.level = (uint8_t) level;
    q->account.id_len = 1;
    q->account.id[0] = 'a';

    sp_facts_init(&q->facts, NOW);
    q->facts.route = 0;
    q->facts.route_state = SP_ROUTE_FOUND;
    q->facts.body_state = SP_BODYFACT_FINE;
    q->key.not_before = q->key.expires_at = SP_TIME_ABSENT;
    sp_facts_key(&q->facts, SP_KEYFACT_FOUND, &q->key);
    sp_facts_account(&q->facts, SP_ACCTFACT_FOUND, &q->account);

    q->facts.v[SP_F_IP_COUNTRY].state = SP_FACT_KNOWN;
    q->facts.v[SP_F_IP_COUNTRY].u.place = place(country);
    q->facts.v[SP_F_MODEL_ID].state = SP_FACT_ABSENT;

    sp_decide(policy, &q->facts, SP_STAGE_WHOLE, v);
}


static void
is_text(const sp_policy_t *policy, const sp_verdict_t *v, const char *text)
{
    sp_str_t  found;

    found = sp_verdict_text(policy, v);
    assert_int_equal(found.len, strlen(text));
    assert_memory_equal(found.data, text, found.len);
}


static void
test_text(void **state)
{
    int           i;
    request_t     q;
    sp_policy_t  *policy;
    sp_verdict_t  v;

    policy = make(1);

    decide(policy, &q, 2, "IR", &v);
    assert_int_equal(v.decision, SP_VERDICT_DENY);
    is_text(policy, &v, "Not from there.");

    decide(policy, &q, 1, "SG", &v);
    assert_int_equal(v.decision, SP_VERDICT_DENY);
    is_text(policy, &v,
            "This model needs a higher verification of the account.");

    decide(policy, &q, 2, "SG", &v);
    assert_int_equal(v.decision, SP_VERDICT_ALLOW);
    assert_int_equal(v.napply, 2);

    for (i = 0; i < 2; i++) {
        sp_verdict_throttle(&v, i, 1234);

        assert_int_equal(v.decision, SP_VERDICT_THROTTLE);
        assert_int_equal(v.throttled, i);
        assert_int_equal(v.wait_ms, 1234);
        assert_int_equal(v.status, 429);

        if (sp_policy_rule_message(policy, v.apply[i].rule).len != 0) {
            is_text(policy, &v, "Not so fast.");

        } else {
            is_text(policy, &v, "Too many requests. Wait and try again.");
        }
    }

    free(policy);
}


/* Whatever was decided, and however many rules matched. */

static void
test_refuse(void **state)
{
    int                i, with;
    request_t          q;
    sp_policy_t       *policy;
    unsigned           full, seen;
    sp_verdict_t       v;
    const sp_match_t  *match;

    srand(SEED);
    print_message("seed %d\n", SEED);
    full = 0;

    for (i = 0; i < 300; i++) {
        policy = make(1 + (unsigned) pick(45));
        with = pick(4) != 0;

        decide(policy, &q, pick(3), pick(2) ? "IR" : "SG", &v);

        if (v.decision == SP_VERDICT_ALLOW && pick(2)) {
            sp_verdict_throttle(&v, pick(2), 5);
        }

        seen = v.nmatches + v.more;
        full += v.nmatches == SP_MATCHES_MAX;

        sp_verdict_refuse(with ? policy : NULL, &v, SP_R_AUDIT_UNAVAILABLE);

        assert_int_equal(v.decision, SP_VERDICT_DENY);
        assert_int_equal(v.reason, SP_R_AUDIT_UNAVAILABLE);
        assert_int_equal(v.status, 503);
        assert_int_equal(v.napply, 0);
        assert_int_equal(v.throttled, -1);
        assert_int_equal(v.wait_ms, 0);

        /* no match is lost from the count, and the last one is the gate's */

        assert_true(v.nmatches <= SP_MATCHES_MAX);
        assert_int_equal(v.nmatches + v.more, seen + 1);
        assert_int_equal(v.primary, v.nmatches - 1);

        match = &v.matches[v.primary];
        assert_true(match->rule < 0);
        assert_true(sp_str_eq(sp_match_name(policy, match),
                              SP_STR("builtin:policy")));
        assert_true(sp_str_eq(sp_match_name(NULL, match),
                              SP_STR("builtin:policy")));

        is_text(policy, &v,
                "The request cannot be judged at the moment. Try again.");
        is_text(NULL, &v,
                "The request cannot be judged at the moment. Try again.");
        free(policy);
    }

    assert_true(full > 30);
}


/* A reason of a policy's own has no text where there is no policy. */

static void
test_without_policy(void **state)
{
    sp_verdict_t  v = { 0 };

    v.reason = SP_R_BUILTIN;
    is_text(NULL, &v, "The request cannot be judged at the moment. Try again.");

    v.reason = SP_R_RATE_LIMITED;
    is_text(NULL, &v, "Too many requests. Wait and try again.");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_refuse),
        cmocka_unit_test(test_without_policy)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the test of screens: leaving out the rules that an
 * account's record settles changes no verdict, for as long as the screen says
 * and after.
 */


#include "decide_random.h"


#define SEED      20261124
#define POLICIES  1500
#define ACCOUNTS  4
#define TIMES     8


/* Verdicts are equal to the last match, whatever the order of asking. */

static void
same(const sp_verdict_t *a, const sp_verdict_t *b)
{
    int  i;

    assert_memory_equal(a, b, offsetof(sp_verdict_t, matches));

    /* a match ends in padding, which nobody sets */

    for (i = 0; i < a->nmatches; i++) {
        assert_memory_equal(&a->matches[i], &b->matches[i],
                            offsetof(sp_match_t, model) + 1);
    }

    assert_memory_equal(a->apply, b->apply, a->napply * sizeof(sp_apply_t));
}


static void
both(const sp_policy_t *policy, request_t *q, const sp_screen_t *screen,
    sp_stage_t stage)
{
    static sp_verdict_t  a, b;

    memset(&a, 0, sizeof(a));
    memset(&b, 0, sizeof(b));

    sp_decide(policy, &q->facts, stage, &a);
    sp_decide_screened(policy, &q->facts, screen, stage, &b);
    same(&a, &b);
}


static int64_t
some_time(const sp_screen_t *screen)
{
    static const int64_t  days[] = { -40, -2, -1, 0, 1, 2, 3, 9 };

    switch (pick(4)) {

    case 0:
        return screen->from - pick(2);

    case 1:
        return (screen->until < NOW + 10 * 86400 ? screen->until : NOW)
               + pick(3) - 1;

    default:
        return NOW + 86400 * days[pick(8)] + pick(3) - 1;
    }
}


static void
test_same_verdicts(void **state)
{
    int           i, k, t, n;
    long          idle, rules, changed;
    policy_t     *p;
    request_t    *q;
    sp_screen_t   screen, later;
    sp_policy_t  *policy;

    srand(SEED);
    p = malloc(sizeof(policy_t));
    q = malloc(sizeof(request_t));
    idle = rules = changed = 0;

    for (i = 0; i < POLICIES; i++) {
        random_policy(p, 1);
        policy = compile(p);

        for (k = 0; k < ACCOUNTS; k++) {
            random_account(&q->account);
            sp_screen(policy, &q->account, NOW, &screen);

            assert_true(screen.from == NOW && screen.until > NOW);

            for (n = 0; n < sp_policy_rules(policy); n++) {
                rules++;
                idle += (screen.idle[n / 64] >> (n % 64)) & 1;
            }

            for (t = 0; t < TIMES; t++) {
                random_head_at(q, some_time(&screen));

                sp_screen(policy, &q->account, q->facts.v[SP_F_NOW].u.i,
                          &later);
                changed += memcmp(later.idle, screen.idle,
                                  sizeof(screen.idle)) != 0;

                both(policy, q, &screen, SP_STAGE_HEAD);
                random_body(q);
                both(policy, q, &screen, SP_STAGE_WHOLE);
            }
        }

        free(policy);
    }

    print_message("seed %d: %ld of %ld rules are idle, %ld screens of %d "
                  "change with time\n", SEED, idle, rules, changed,
                  POLICIES * ACCOUNTS * TIMES);

    assert_true(idle > rules / 10);
    assert_true(changed > POLICIES);
    free(p);
    free(q);
}


/* A screen is of one policy: another one asks all its rules. */

static void
test_other_policy(void **state)
{
    policy_t      p;
    request_t    *q;
    sp_screen_t   screen;
    sp_policy_t  *a, *b;
    int           i;

    srand(SEED + 1);
    q = malloc(sizeof(request_t));

    for (i = 0; i < 200; i++) {
        random_policy(&p, 1);
        a = compile(&p);
        random_policy(&p, 1);
        b = compile(&p);

        random_head(q);
        sp_screen(a, &q->account, NOW, &screen);
        random_body(q);
        both(b, q, &screen, SP_STAGE_WHOLE);

        free(a);
        free(b);
    }

    free(q);
}


/* ip.registered comes of both record and address: it settles nothing. */

static void
test_registered(void **state)
{
    request_t    *q;
    sp_addr_t     addr;
    sp_diags_t    diags;
    sp_screen_t   screen;
    sp_policy_t  *policy;

    static const char  source[] =
        "sallyport: 1\npolicy: registered\ndeny:\n"
        "  - id: inside\n    when: ip.registered\n    unknown: skip\n"
        "    reason: NET_VPN\n"
        "allow:\n  - id: all\n    when: account.level >= 0\n";

    q = calloc(1, sizeof(request_t));
    sp_diags_init(&diags);
    policy = sp_policy_load_text("registered", SP_STR(source), &opts, &diags);
    assert_non_null(policy);

    random_account(&q->account);
    q->account.negress = 1;
    assert_int_equal(sp_network_parse(SP_STR("192.0.2.0/24"),
                                      &q->account.egress[0]), SP_OK);
    assert_int_equal(sp_addr_parse(SP_STR("192.0.2.7"), &addr), SP_OK);

    sp_screen(policy, &q->account, NOW, &screen);

    sp_facts_init(&q->facts, NOW);
    sp_facts_address(&q->facts, &addr, SP_IP_PUBLIC, NULL);
    sp_facts_account(&q->facts, SP_ACCTFACT_FOUND, &q->account);
    assert_int_equal(q->facts.v[SP_F_IP_REGISTERED].state, SP_FACT_KNOWN);

    both(policy, q, &screen, SP_STAGE_WHOLE);
    assert_int_equal(sp_rule_value(policy, 0, &q->facts), SP_TRUE);
    assert_int_equal(screen.idle[0], 0);

    sp_diags_free(&diags);
    free(policy);
    free(q);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_same_verdicts),
        cmocka_unit_test(test_other_policy),
        cmocka_unit_test(test_registered)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

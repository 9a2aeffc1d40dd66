
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the properties that every policy has for every request,
 * over random policies and random requests: order means nothing (P1), more
 * rules go one way (P2), shadows decide nothing (P3), exceptions stay where
 * they are (P4), ignorance never widens (P5), there is always one answer
 * (P6). Each verdict is asked for plain and by the account's screen, of the
 * head and of the whole request.
 */


#include <fcntl.h>
#include <unistd.h>

#include "decide_same.h"


#define SEED      20261125
#define POLICIES  1500
#define REQUESTS  8         /* of one policy: 12,000 pairs a property */
#define FILES     3


static int  screens;


/* Both ways: equal up to the bytes that nobody sets. */

static void
equal(const sp_verdict_t *a, const sp_verdict_t *b)
{
    int  i;

    assert_memory_equal(a, b, offsetof(sp_verdict_t, matches));
    assert_memory_equal(a->apply, b->apply, a->napply * sizeof(sp_apply_t));

    for (i = 0; i < a->nmatches; i++) {
        assert_memory_equal(&a->matches[i], &b->matches[i],
                            offsetof(sp_match_t, model) + 1);
    }
}


/* Whether account.* are what the record says: a screen is of the record. */

static int
of_record(const request_t *q)
{
    int         i, same;
    request_t  *fresh;

    if (q->facts.account_state != SP_ACCTFACT_FOUND) {
        return 1;                       /* no screen is used */
    }

    fresh = malloc(sizeof(request_t));
    fresh->account = q->account;
    sp_facts_init(&fresh->facts, NOW);
    sp_facts_account(&fresh->facts, SP_ACCTFACT_FOUND, &fresh->account);

    for (i = 0, same = 1; i < SP_FIELDS; i++) {
        same &= sp_field(i)->source != SP_FROM_RECORD
                || i == SP_F_IP_REGISTERED
                || q->facts.v[i].state == fresh->facts.v[i].state;
    }

    free(fresh);

    return same;
}


/* The verdict on a whole request, as each path of the gate gives it. */

static void
judge(const sp_policy_t *policy, request_t *q, sp_verdict_t *v)
{
    int                  i;
    request_t           *head;
    sp_screen_t          screen, *used;
    static sp_verdict_t  a, b;

    memset(v, 0, sizeof(sp_verdict_t));
    memset(&a, 0, sizeof(a));
    memset(&b, 0, sizeof(b));

    sp_screen(policy, &q->account, NOW - pick(2) * 86400, &screen);
    used = of_record(q) ? &screen : NULL;
    screens += used != NULL;

    /* the head knows nothing of the body */

    head = malloc(sizeof(request_t));
    copy_request(head, q);
    head->facts.body_state = SP_BODYFACT_PENDING;
    head->facts.nmodels = 0;

    for (i = 0; i < SP_FIELDS; i++) {
        if (sp_field(i)->source == SP_FROM_BODY) {
            head->facts.v[i].state = SP_FACT_PENDING;
        }
    }

    sp_decide(policy, &head->facts, SP_STAGE_HEAD, &a);
    sp_decide_screened(policy, &head->facts, used, SP_STAGE_HEAD, &b);
    equal(&a, &b);
    free(head);

    assert_true(a.decision == SP_VERDICT_PENDING
                || a.decision == SP_VERDICT_DENY);

    sp_decide(policy, &q->facts, SP_STAGE_WHOLE, v);
    sp_decide_screened(policy, &q->facts, used, SP_STAGE_WHOLE, &b);
    equal(v, &b);

    /* what the head refuses, no body could have had allowed */

    assert_true(v->decision == SP_VERDICT_DENY
                || (v->decision == SP_VERDICT_ALLOW
                    && a.decision == SP_VERDICT_PENDING));
}


static void
random_request(request_t *q)
{
    random_head(q);
    random_body(q);
}


/* P1: neither of rules nor of files. */

static void
write_file(const char *name, const char *source, size_t len)
{
    int  fd;

    fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, source, len), len);
    close(fd);
}


/* The policy's rules, each in one of some files that the first includes. */

static sp_policy_t *
compile_files(const policy_t *p, const char *dir)
{
    int           i, k, f, some;
    char         *part, name[128];
    size_t        n;
    sp_diags_t    diags;
    sp_policy_t  *policy;

    static const char *const  sections[] = {
        "deny", "allow", "throttle", "flag", "exceptions"
    };

    part = malloc(TEXT);

    for (f = FILES - 1; f >= 0; f--) {

        n = f != 0 ? (size_t) snprintf(part, TEXT, "note: a part\n")
            : write_head(part, TEXT, "include: [part-2.yaml, part-1.yaml]\n");

        for (k = 4; k >= 0; k--) {

            for (i = 0, some = 0; i < p->n; i++) {

                if ((int) p->rules[p->order[i]].kind != k
                    || p->order[i] % FILES != f)
                {
                    continue;
                }

                if (!some++) {
                    n += (size_t) snprintf(part + n, TEXT - n, "%s:\n",
                                           sections[k]);
                }

                write_rule(&p->rules[p->order[i]], p->order[i], part + n,
                           TEXT - n);
                n += strlen(part + n);
            }
        }

        (void) snprintf(name, sizeof(name), f ? "%s/part-%d.yaml"
                        : "%s/policy.yaml", dir, f);
        write_file(name, part, n);
    }

    sp_diags_init(&diags);
    policy = sp_policy_load(name, &opts, &diags);

    if (policy == NULL) {
        sp_diags_print(&diags, stderr);
        fail_msg("a policy in %d files did not load", FILES);
    }

    sp_diags_free(&diags);
    free(part);

    return policy;
}


static void
test_order(void **state)
{
    int            i, k;
    char           name[128], dir[] = "/tmp/sallyport-properties-XXXXXX";
    policy_t      *p;
    request_t     *q;
    sp_policy_t   *one, *two;
    sp_verdict_t   a, b;

    srand(SEED);
    print_message("seeds from %d\n", SEED);
    assert_non_null(mkdtemp(dir));
    p = malloc(sizeof(policy_t));
    q = malloc(sizeof(request_t));

    for (i = 0; i < POLICIES; i++) {
        random_policy(p, 1);
        one = compile(p);
        shuffle(p);
        two = i % 4 ? compile(p) : compile_files(p, dir);

        for (k = 0; k < REQUESTS; k++) {
            random_request(q);
            judge(one, q, &a);
            judge(two, q, &b);
            same_verdict(one, &a, two, &b);
        }

        free(one);
        free(two);
    }

    for (i = 0; i < FILES; i++) {
        (void) snprintf(name, sizeof(name), i ? "%s/part-%d.yaml"
                        : "%s/policy.yaml", dir, i);
        unlink(name);
    }

    rmdir(dir);
    free(p);
    free(q);
}


/* P2: a deny or a throttle never widens, an allow or an exception never
   narrows. */

static void
test_monotone(void **state)
{
    int            i, k, n, changed;
    policy_t      *p;
    request_t     *q;
    sp_policy_t   *one, *two;
    sp_verdict_t   a, b;

    static const sp_rule_kind_t  kinds[] = {
        SP_RULE_DENY, SP_RULE_THROTTLE, SP_RULE_ALLOW, SP_RULE_EXCEPTION
    };

    srand(SEED + 1);
    p = malloc(sizeof(policy_t));
    q = malloc(sizeof(request_t));
    changed = 0;

    for (i = 0; i < POLICIES; i++) {
        random_policy(p, 1);
        one = compile(p);

        n = p->n;
        random_rule(p, kinds[i % 4], 1);
        p->rules[n].replaces = -1;      /* that one is a change, no addition */
        two = compile(p);

        for (k = 0; k < REQUESTS; k++) {
            random_request(q);
            judge(one, q, &a);
            judge(two, q, &b);

            changed += a.decision != b.decision || a.napply != b.napply;

            if (i % 4 < 2) {
                no_wider(one, &a, two, &b);

            } else {
                no_wider(two, &b, one, &a);
            }
        }

        free(one);
        free(two);
    }

    print_message("%d of %d verdicts changed\n", changed,
                  POLICIES * REQUESTS);
    assert_true(changed > POLICIES / 3);
    free(p);
    free(q);
}


/* P3: a shadow is recorded, and that is all. */

static void
test_shadow(void **state)
{
    int            i, k, n, m, seen;
    policy_t      *p;
    request_t     *q;
    sp_policy_t   *one, *two;
    sp_verdict_t   a, b;

    static const sp_rule_kind_t  kinds[] = {
        SP_RULE_DENY, SP_RULE_THROTTLE, SP_RULE_ALLOW, SP_RULE_FLAG
    };

    srand(SEED + 2);
    p = malloc(sizeof(policy_t));
    q = malloc(sizeof(request_t));
    seen = 0;

    for (i = 0; i < POLICIES; i++) {
        random_policy(p, 1);
        one = compile(p);

        n = p->n;
        random_rule(p, kinds[i % 4], 1);
        p->rules[n].shadow = 1;
        p->rules[n].share = 0;
        two = compile(p);

        for (k = 0; k < REQUESTS; k++) {
            random_request(q);
            judge(one, q, &a);
            judge(two, q, &b);

            assert_int_equal(a.decision, b.decision);
            assert_int_equal(a.reason, b.reason);
            assert_int_equal(a.status, b.status);
            assert_int_equal(a.excepted, b.excepted);
            assert_int_equal(a.napply, b.napply);
            assert_true(b.nmatches >= a.nmatches);
            seen += b.nmatches - a.nmatches;

            for (m = 0; m < a.napply; m++) {
                assert_int_equal(a.apply[m].interval, b.apply[m].interval);
            }
        }

        free(one);
        free(two);
    }

    print_message("%d matches of shadows\n", seen);
    assert_true(seen > POLICIES);
    free(p);
    free(q);
}


/* Whether a rule stood among the reasons of a refusal. */

static int
matched(const sp_policy_t *policy, const sp_verdict_t *v, int number)
{
    int   i;
    char  id[8];

    (void) snprintf(id, sizeof(id), "r%02d", number);

    for (i = 0; i < v->nmatches; i++) {
        if (!v->matches[i].shadow && v->matches[i].lifted_by < 0
            && sp_str_eq(sp_match_name(policy, &v->matches[i]), sp_cstr(id)))
        {
            return 1;
        }
    }

    return 0;
}


/* P4: an exception is for its account and the rules that it names. */

static void
test_locality(void **state)
{
    int            i, k, n, opened;
    policy_t      *p;
    request_t     *q;
    sp_policy_t   *one, *two;
    sp_verdict_t   a, b;

    srand(SEED + 3);
    p = malloc(sizeof(policy_t));
    q = malloc(sizeof(request_t));
    opened = 0;

    for (i = 0; i < POLICIES; i++) {
        random_policy(p, 1);
        one = compile(p);

        n = p->n;
        random_rule(p, SP_RULE_EXCEPTION, 1);
        two = compile(p);

        for (k = 0; k < REQUESTS; k++) {
            random_request(q);
            judge(one, q, &a);
            judge(two, q, &b);

            if (a.decision == b.decision && a.reason == b.reason) {
                continue;
            }

            assert_int_equal(q->account.id[5] - '0', p->rules[n].account);
            assert_non_null(q->facts.account);
            assert_true(matched(one, &a, p->rules[n].lifts));
            assert_int_equal(a.decision, SP_VERDICT_DENY);
            assert_true(b.decision == SP_VERDICT_DENY || b.excepted);
            opened += b.decision != a.decision;
        }

        free(one);
        free(two);
    }

    print_message("%d requests were opened by one more exception\n", opened);
    assert_true(opened > 20);
    free(p);
    free(q);
}


/* What is known of a request, but its account's id, less of it. */

static void
forget(request_t *q)
{
    int  i, all, record;

    static const uint8_t  states[] = { SP_FACT_UNKNOWN, SP_FACT_FAILED };

    all = pick(5) == 0;
    record = pick(2);

    for (i = 0; i < SP_FIELDS; i++) {

        if (i != SP_F_ACCOUNT_ID && i != SP_F_MODEL_ID && i != SP_F_MODEL_TIER
            && (record || sp_field(i)->source != SP_FROM_RECORD)
            && (all || pick(4) == 0))
        {
            q->facts.v[i].state = states[pick(2)];
        }
    }

    if (pick(6) == 0 && q->facts.nmodels < 2) {
        q->facts.nmodels = 0;
        q->facts.v[SP_F_MODEL_ID].state = states[pick(2)];
    }

    if (pick(12) == 0) {
        q->facts.account_state = pick(2) ? SP_ACCTFACT_FAILED
                                         : SP_ACCTFACT_UNKNOWN;
    }
}


/* P5: whoever knows less grants no more, unless a rule says "skip". */

static void
test_ignorance(void **state)
{
    int            i, k, turned;
    policy_t      *p;
    request_t     *q, *r;
    sp_policy_t   *policy;
    sp_verdict_t   a, b;

    srand(SEED + 4);
    p = malloc(sizeof(policy_t));
    q = malloc(sizeof(request_t));
    r = malloc(sizeof(request_t));
    turned = screens = 0;

    for (i = 0; i < POLICIES; i++) {
        random_policy(p, 0);
        policy = compile(p);

        for (k = 0; k < REQUESTS; k++) {
            random_request(q);
            copy_request(r, q);
            forget(r);

            judge(policy, q, &a);
            judge(policy, r, &b);
            no_wider(policy, &a, policy, &b);

            turned += a.decision == SP_VERDICT_ALLOW
                      && b.decision == SP_VERDICT_DENY;
        }

        free(policy);
    }

    print_message("%d of the allowed were refused for what was forgotten; "
                  "%d verdicts by screens\n", turned, screens);
    assert_true(turned > POLICIES / 10);
    assert_true(screens > POLICIES * REQUESTS);
    free(p);
    free(q);
    free(r);
}


/* P6: one answer, whatever the facts are, and the same one again. */

static void
test_total(void **state)
{
    int            i, k, f, allowed;
    policy_t      *p;
    request_t     *q;
    sp_policy_t   *policy;
    sp_verdict_t   a, b;

    srand(SEED + 5);
    p = malloc(sizeof(policy_t));
    q = malloc(sizeof(request_t));
    allowed = 0;

    for (i = 0; i < POLICIES; i++) {
        random_policy(p, 1);
        policy = compile(p);

        for (k = 0; k < REQUESTS; k++) {
            random_request(q);

            for (f = 0; f < SP_FIELDS; f++) {
                if (pick(12) == 0
                    && (k % 2 || sp_field(f)->source != SP_FROM_RECORD))
                {
                    q->facts.v[f].state = (uint8_t) pick(SP_FACT_KNOWN);
                }
            }

            if (pick(8) == 0) {
                q->facts.key_state = (sp_keyfact_t)
                                     pick(SP_KEYFACT_FOUND + 1);
                q->facts.account_state = (sp_acctfact_t)
                                         pick(SP_ACCTFACT_FOUND + 1);
                q->facts.route_state = (sp_route_rc_t) pick(3);
                q->facts.body_state = (sp_bodyfact_t)
                                      pick(SP_BODYFACT_LARGE + 1);
            }

            judge(policy, q, &a);
            judge(policy, q, &b);
            equal(&a, &b);

            if (a.decision == SP_VERDICT_ALLOW) {
                allowed++;
                assert_int_equal(a.primary, -1);
                assert_true(a.allow_rule >= 0);
                continue;
            }

            assert_in_range(a.status, 400, 599);
            assert_in_range(a.primary, 0, a.nmatches - 1);
            assert_int_equal(a.matches[a.primary].shadow, 0);
            assert_int_equal(a.matches[a.primary].lifted_by, -1);
            assert_int_equal(a.napply, 0);
        }

        free(policy);
    }

    print_message("%d of %d allowed\n", allowed, POLICIES * REQUESTS);
    assert_in_range(allowed, POLICIES / 4, POLICIES * REQUESTS / 2);
    free(p);
    free(q);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_monotone),
        cmocka_unit_test(test_shadow),
        cmocka_unit_test(test_locality),
        cmocka_unit_test(test_ignorance),
        cmocka_unit_test(test_total)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

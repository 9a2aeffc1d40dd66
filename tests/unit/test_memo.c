
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the test of memos: where one is used, it says what the
 * decision would have said; and no field that a rule may read is forgotten.
 */


#include "decide_random.h"
#include "policy/sp_policy_image.h"
#include "sp_memo.h"


#define SEED      20261124
#define POLICIES  1200
#define ACCOUNTS  3
#define REQUESTS  48
#define SHAPES    5      /* of the requests of one account */
#define KEPT      8


static sp_verdict_t  fresh, again;


static sp_cases_t *
cases_create(void)
{
    void  *room;

    room = malloc(sp_cases_size());
    assert_non_null(room);

    return sp_cases_init(room);
}


static void
same(const sp_verdict_t *a, const sp_verdict_t *b)
{
    assert_memory_equal(a, b, offsetof(sp_verdict_t, matches));
    assert_int_equal(a->nmatches, 0);
    assert_memory_equal(a->apply, b->apply, a->napply * sizeof(sp_apply_t));
}


/* One request: decided, and compared with a memo if there is one for it. */

static int
ask(const sp_policy_t *policy, sp_cases_t *cases, sp_memo_t *memos,
    request_t *q, int *made)
{
    int          used;
    int64_t      now;
    uint64_t     number;
    sp_screen_t  screen;

    now = q->facts.v[SP_F_NOW].u.i;
    number = sp_case(cases, policy, &q->facts);
    memset(&again, 0xaa, sizeof(again));

    /* whoever keeps memos sees to it that the records are there */

    used = q->facts.account_state == SP_ACCTFACT_FOUND
           && sp_memo_use(&memos[number % KEPT], number, policy, now,
                          &again);

    memset(&fresh, 0, sizeof(fresh));
    memset(fresh.apply, 0xaa, sizeof(fresh.apply));
    sp_screen(policy, &q->account, now, &screen);
    sp_decide(policy, &q->facts, SP_STAGE_WHOLE, &fresh);

    if (used) {
        same(&fresh, &again);
        return 1;
    }

    *made += sp_memo_make(&memos[number % KEPT], number, policy, &q->facts,
                          &screen, &fresh);

    return 0;
}


static void
test_same_verdicts(void **state)
{
    int           i, k, t, made, used, days, shape;
    int64_t       now;
    sp_key_t      key;
    policy_t     *p;
    request_t    *q;
    sp_memo_t     memos[KEPT];
    sp_cases_t   *cases;
    sp_policy_t  *policy;

    srand(SEED);
    p = malloc(sizeof(policy_t));
    q = malloc(sizeof(request_t));
    cases = cases_create();
    made = used = 0;

    for (i = 0; i < POLICIES; i++) {
        random_policy(p, 1);
        policy = compile(p);

        for (k = 0; k < ACCOUNTS; k++) {
            random_account(&q->account);
            memset(memos, 0, sizeof(memos));
            days = pick(3) ? 0 : 1;

            memset(&key, 0, sizeof(key));
            key.not_before = SP_TIME_ABSENT;
            key.expires_at = pick(3) ? SP_TIME_ABSENT : NOW + pick(3);

            for (t = 0; t < REQUESTS; t++) {
                srand(SEED + (unsigned) (i * ACCOUNTS + k) * REQUESTS + t);
                now = NOW + days * 86400 * (pick(5) - 2) + pick(3) - 1;
                shape = pick(SHAPES);

                srand((unsigned) (i * ACCOUNTS + k) * SHAPES + shape);
                random_head_at(q, now);
                q->key = key;
                random_body(q);
                used += ask(policy, cases, memos, q, &made);
            }

            srand(SEED + (unsigned) (i * ACCOUNTS + k));
        }

        free(policy);
    }

    print_message("seed %d: %d memos made, %d of %d verdicts taken from "
                  "one\n", SEED, made, used,
                  POLICIES * ACCOUNTS * REQUESTS);

    assert_true(made > POLICIES);
    assert_true(used > POLICIES);
    free(p);
    free(q);
    free(cases);
}


/* Nobody is named; or somebody is, of whom no more is known than one fact. */

static void set_field(request_t *q, int field, int other, sp_addr_t *addr);


static void
set_customer(request_t *q, int field, int other, sp_addr_t *addr)
{
    static sp_account_t  customer;

    q->facts.named = other;
    sp_facts_customer(&q->facts, SP_CUSTFACT_NONE, NULL);

    if (other) {
        customer.status = SP_STATUS_VERIFIED;
        q->facts.customer_state = SP_CUSTFACT_FOUND;
        q->facts.customer = &customer;
        set_field(q, field, other, addr);
    }
}


/* The number of a field: a value, and another one. */

static void
set_field(request_t *q, int field, int other, sp_addr_t *addr)
{
    sp_value_t  *v;

    v = &q->facts.v[field];
    v->state = SP_FACT_KNOWN;

    switch (sp_field(field)->type) {

    case SP_T_STRING:
        v->u.s = sp_cstr(other ? "other" : "usual");
        break;

    case SP_T_COUNTRY:
        v->u.place = place(other ? "IR" : "SG");
        break;

    case SP_T_REGION:
    case SP_T_PLACE:
        v->u.place = place(other ? "UA-43" : "UA-30");
        break;

    case SP_T_IP:
        assert_int_equal(sp_addr_parse(sp_cstr(other ? "192.0.2.1"
                                                     : "198.51.100.1"),
                                       addr), SP_OK);
        v->u.addr = addr;
        break;

    default:
        v->u.i = other;
    }

    if (field == SP_F_MODEL_ID) {
        q->models[0] = sp_cstr(other ? "m-two" : "m-one");
        q->facts.nmodels = 1;
    }

    if (field == SP_F_MODEL_TIER) {
        set_field(q, SP_F_MODEL_ID, other, addr);
    }
}


static void
condition_of(int field, char *out, size_t size)
{
    const char        *name;
    const sp_field_t  *f;

    f = sp_field(field);
    name = f->name;

    switch (f->type) {

    case SP_T_BOOL:
        snprintf(out, size, "%s", name);
        break;

    case SP_T_STRING:
        snprintf(out, size, "%s == \"%s\"", name,
                 field == SP_F_MODEL_ID ? "m-two" : "other");
        break;

    case SP_T_ENUM:
        snprintf(out, size, "%s == %s", name, f->values[1]);
        break;

    case SP_T_COUNTRY:
        snprintf(out, size, "%s == IR", name);
        break;

    case SP_T_REGION:
    case SP_T_PLACE:
        snprintf(out, size, "%s in [UA-43]", name);
        break;

    case SP_T_IP:
        snprintf(out, size, "%s in [192.0.2.0/24]", name);
        break;

    case SP_T_ASN:
        snprintf(out, size, "%s in [AS1]", name);
        break;

    case SP_T_INT:
        snprintf(out, size, "%s == %d", name,
                 field == SP_F_MODEL_TIER ? 2 : 1);
        break;

    default:
        out[0] = '\0';
    }
}


static sp_policy_t *
policy_of(int field)
{
    char          when[128], source[1024];
    sp_diags_t    diags;
    sp_policy_t  *policy;

    condition_of(field, when, sizeof(when));

    if (when[0] == '\0') {
        return NULL;
    }

    snprintf(source, sizeof(source),
             "sallyport: 1\npolicy: one\n"
             "customers: {from: {header: X-Customer}}\nmodels:\n  tiers:\n"
             "    1: [m-one]\n    2: [m-two]\n"
             "deny:\n  - id: no\n    when: %s\n    unknown: skip\n"
             "    reason: NET_VPN\n"
             "allow:\n  - id: all\n    when: account.level >= 0\n", when);

    sp_diags_init(&diags);
    policy = sp_policy_load_text("one", sp_cstr(source), &opts, &diags);

    if (policy == NULL) {
        sp_diags_print(&diags, stderr);
        fail_msg("no policy reads %s", sp_field(field)->name);
    }

    return policy;
}


static void
set_value(request_t *q, int field, int other, sp_addr_t *addr)
{
    if (sp_field(field)->source == SP_FROM_CUSTOMER) {
        set_customer(q, field, other, addr);

    } else {
        set_field(q, field, other, addr);
    }
}


/*
 * For every field that is not the record's: with one value a request is
 * allowed, with the other refused, and no memo of the first serves the second.
 */

static void
test_every_field(void **state)
{
    int            field, n;
    uint64_t       number;
    sp_addr_t      addr;
    sp_memo_t      memo;
    request_t     *q;
    sp_cases_t    *cases;
    sp_screen_t    screen;
    sp_policy_t   *policy;

    q = malloc(sizeof(request_t));
    cases = cases_create();
    n = 0;

    for (field = 0; field < SP_FIELDS; field++) {

        if ((sp_field(field)->source == SP_FROM_RECORD
             && field != SP_F_IP_REGISTERED)
            || field == SP_F_KEY_ID)
        {
            continue;
        }

        policy = policy_of(field);

        if (policy == NULL) {
            continue;
        }

        random_account(&q->account);
        q->account.negress = (field == SP_F_IP_REGISTERED);
        random_head_at(q, NOW);
        sp_facts_account(&q->facts, SP_ACCTFACT_FOUND, &q->account);
        sp_screen(policy, &q->account, NOW, &screen);
        q->facts.nmodels = 0;
        q->facts.models = q->models;
        q->facts.body_state = SP_BODYFACT_FINE;
        memset(&memo, 0, sizeof(memo));
        sp_facts_customer(&q->facts, SP_CUSTFACT_NONE, NULL);

        set_value(q, field, 0, &addr);
        sp_decide(policy, &q->facts, SP_STAGE_WHOLE, &fresh);
        assert_int_equal(fresh.decision, SP_VERDICT_ALLOW);

        number = sp_case(cases, policy, &q->facts);
        (void) sp_memo_make(&memo, number, policy, &q->facts, &screen,
                            &fresh);

        set_value(q, field, 1, &addr);
        sp_decide(policy, &q->facts, SP_STAGE_WHOLE, &fresh);
        assert_int_equal(fresh.decision, SP_VERDICT_DENY);

        number = sp_case(cases, policy, &q->facts);

        if (sp_memo_use(&memo, number, policy, NOW, &again)) {
            fail_msg("a memo forgets %s", sp_field(field)->name);
        }

        n++;
        free(policy);
    }

    print_message("%d fields\n", n);
    assert_true(n >= 16);
    free(q);
    free(cases);
}


/* A plain request of one open policy, and its memo. */

static void
plain(request_t *q, sp_policy_t **policy, sp_screen_t *screen)
{
    srand(SEED);
    *policy = policy_of(SP_F_IP_VPN);

    random_account(&q->account);
    random_head_at(q, NOW);
    sp_facts_account(&q->facts, SP_ACCTFACT_FOUND, &q->account);
    sp_facts_customer(&q->facts, SP_CUSTFACT_NONE, NULL);
    sp_screen(*policy, &q->account, NOW, screen);
    random_body(q);
    q->facts.body_state = SP_BODYFACT_FINE;
    q->facts.nmodels = 1;
    q->models[0] = sp_cstr("m-one");
    q->facts.v[SP_F_MODEL_ID].state = SP_FACT_KNOWN;
    set_field(q, SP_F_IP_VPN, 0, NULL);
    sp_decide(*policy, &q->facts, SP_STAGE_WHOLE, &fresh);
    assert_int_equal(fresh.decision, SP_VERDICT_ALLOW);
}


static void
test_what_has_no_memo(void **state)
{
    uint64_t      number;
    sp_memo_t     memo;
    request_t    *q;
    sp_cases_t   *cases;
    sp_screen_t   screen, other;
    sp_policy_t  *policy;

    q = malloc(sizeof(request_t));
    cases = cases_create();
    memset(&memo, 0, sizeof(memo));
    plain(q, &policy, &screen);
    number = sp_case(cases, policy, &q->facts);

#define made()                                                                \
    sp_memo_make(&memo, number, policy, &q->facts, &screen, &fresh)

    assert_int_equal(made(), 1);
    assert_int_equal(sp_memo_use(&memo, number, policy, NOW, &again), 1);
    assert_int_equal(sp_memo_use(&memo, number, policy, NOW - 1, &again), 0);
    assert_int_equal(sp_memo_use(&memo, 0, policy, NOW, &again), 0);

    fresh.excepted = 1;
    assert_int_equal(made(), 0);
    fresh.excepted = 0;
    fresh.nmatches = 1;
    assert_int_equal(made(), 0);
    fresh.nmatches = 0;
    fresh.decision = SP_VERDICT_DENY;
    assert_int_equal(made(), 0);
    fresh.decision = SP_VERDICT_THROTTLE;
    assert_int_equal(made(), 0);
    fresh.decision = SP_VERDICT_ALLOW;

    q->key.nnetworks = 1;            /* they are of the address */
    assert_int_equal(made(), 0);
    q->key.nnetworks = 0;

    other = screen;
    screen.until = NOW;
    assert_int_equal(made(), 0);
    screen = other;

    q->key.expires_at = NOW + 5;
    assert_int_equal(made(), 1);
    assert_int_equal(sp_memo_use(&memo, number, policy, NOW + 4, &again), 1);
    assert_int_equal(sp_memo_use(&memo, number, policy, NOW + 5, &again), 0);

    free(policy);
    free(q);
    free(cases);
}


static void
test_what_has_no_case(void **state)
{
    char          name[65];
    uint64_t      number, other;
    request_t    *q;
    sp_cases_t   *cases;
    sp_screen_t   screen;
    sp_policy_t  *policy, *second;

    q = malloc(sizeof(request_t));
    cases = cases_create();
    plain(q, &policy, &screen);
    number = sp_case(cases, policy, &q->facts);
    assert_true(number != 0);
    assert_int_equal(sp_case(cases, policy, &q->facts), number);

    assert_int_equal(sp_case(cases, NULL, &q->facts), 0);

    q->facts.nmodels = 2;
    assert_int_equal(sp_case(cases, policy, &q->facts), 0);
    q->facts.nmodels = 1;

    memset(name, 'a', sizeof(name));
    q->models[0].data = (unsigned char *) name;
    q->models[0].len = 65;
    assert_int_equal(sp_case(cases, policy, &q->facts), 0);
    q->models[0].len = 64;
    assert_true(sp_case(cases, policy, &q->facts) != 0);

    name[1] = '\0';                  /* "a\0" is not "a" */
    q->models[0].len = 2;
    other = sp_case(cases, policy, &q->facts);
    q->models[0].len = 1;
    assert_true(sp_case(cases, policy, &q->facts) != other);
    q->models[0] = sp_cstr("m-one");

    q->facts.body_state = SP_BODYFACT_PENDING;
    assert_int_equal(sp_case(cases, policy, &q->facts), 0);
    q->facts.body_state = SP_BODYFACT_AMBIGUOUS;
    assert_int_equal(sp_case(cases, policy, &q->facts), 0);
    q->facts.body_state = SP_BODYFACT_FINE;

    q->facts.route_state = SP_ROUTE_AMBIGUOUS;
    assert_int_equal(sp_case(cases, policy, &q->facts), 0);
    q->facts.route_state = SP_ROUTE_FOUND;

    q->facts.v[SP_F_KEY_COUNTRY_COUNT].state = SP_FACT_KNOWN;
    q->facts.v[SP_F_KEY_COUNTRY_COUNT].u.i = 256;
    assert_int_equal(sp_case(cases, policy, &q->facts), 0);
    q->facts.v[SP_F_KEY_COUNTRY_COUNT].state = SP_FACT_UNKNOWN;

    assert_int_equal(sp_case(cases, policy, &q->facts), number);

    /* another policy at the same place is another case */

    second = policy_of(SP_F_IP_TOR);
    assert_true(sp_case(cases, second, &q->facts) != number);

    if (((sp_policy_t *) second)->size <= policy->size) {
        memcpy(policy, second, second->size);
        assert_true(sp_case(cases, policy, &q->facts) != number);
    }

    free(second);
    free(policy);
    free(q);
    free(cases);
}


/* The last second of a rule's dates is the last of a memo. */

static void
test_dates(void **state)
{
    uint64_t      number;
    sp_memo_t     memo;
    request_t    *q;
    sp_cases_t   *cases;
    sp_diags_t    diags;
    sp_screen_t   screen;
    sp_policy_t  *policy, *open;

    static const char  source[] =
        "sallyport: 1\npolicy: dated\nallow:\n  - id: all\n"
        "    valid: {until: 2026-11-23}\n    when: account.level >= 0\n";

    q = malloc(sizeof(request_t));
    cases = cases_create();
    plain(q, &open, &screen);
    free(open);

    sp_diags_init(&diags);
    policy = sp_policy_load_text("dated", SP_STR(source), &opts, &diags);
    assert_non_null(policy);

    sp_screen(policy, &q->account, NOW, &screen);
    sp_decide(policy, &q->facts, SP_STAGE_WHOLE, &fresh);
    assert_int_equal(fresh.decision, SP_VERDICT_ALLOW);

    number = sp_case(cases, policy, &q->facts);
    assert_int_equal(sp_memo_make(&memo, number, policy, &q->facts, &screen,
                                  &fresh), 1);
    assert_int_equal(sp_memo_use(&memo, number, policy, NOW, &again), 1);
    assert_int_equal(memo.until, sp_image_rule(policy, 0)->until);
    assert_int_equal(sp_memo_use(&memo, number, policy, memo.until, &again),
                     0);

    free(policy);
    free(q);
    free(cases);
}


/* A case that had to make room comes back with a number that is new. */

static void
test_numbers_are_new(void **state)
{
    int           i, n;
    char          name[16];
    uint64_t      number, last;
    request_t    *q;
    sp_cases_t   *cases;
    sp_screen_t   screen;
    sp_policy_t  *policy;

    q = malloc(sizeof(request_t));
    cases = cases_create();
    plain(q, &policy, &screen);

    for (i = 0, last = 0; i < 20000; i++) {
        n = snprintf(name, sizeof(name), "m-%d", i % 5000);
        q->models[0].data = (unsigned char *) name;
        q->models[0].len = (size_t) n;

        number = sp_case(cases, policy, &q->facts);
        assert_true(number > last || i >= 5000);

        if (number > last) {
            last = number;
        }
    }

    assert_true(last > 5000);

    free(policy);
    free(q);
    free(cases);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_same_verdicts),
        cmocka_unit_test(test_every_field),
        cmocka_unit_test(test_what_has_no_memo),
        cmocka_unit_test(test_what_has_no_case),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_numbers_are_new),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

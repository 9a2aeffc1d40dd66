
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tests of the filling of facts: what nobody said is
 * unknown, what the source says it has not is absent, and only the rest is
 * known.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "mmdb_write.h"
#include "sp_facts.h"


#define NOW  1800000000


static sp_facts_t    facts;
static sp_account_t  account;
static sp_key_t      key;
static sp_body_t     body;
static sp_addr_t     addr;


static sp_fact_state_t
state_of(int field)
{
    return (sp_fact_state_t) facts.v[field].state;
}


static sp_place_t
place(const char *text)
{
    sp_place_t  p;

    assert_int_equal(sp_place_parse(sp_cstr(text), &p), SP_PLACE_OK);
    return p;
}


/* The facts of a source, apart from a set of others, are in this state. */

static void
all(sp_source_t source, sp_fact_state_t state)
{
    int  i;

    for (i = 0; i < SP_FIELDS; i++) {
        if (sp_field(i)->source == source && state_of(i) != state) {
            fail_msg("%s is in state %d", sp_field(i)->name, state_of(i));
        }
    }
}


static void
a_customer(void)
{
    sp_record_error_t         e;
    sp_pair_t                 pairs[16];
    size_t                    n;

    static const char *const  words[] = {
        "v", "1", "ver", "12", "type", "individual", "status", "verified",
        "level", "1", "verified_at", "1799999000", "expires_at",
        "1800000060", "residence", "DE", "screening", "none", NULL
    };

    static const char *const  key_words[] = {
        "v", "1", "ver", "7", "account", "acct_b", "name", "k_8d21",
        "status", "active", NULL
    };

    for (n = 0; words[2 * n] != NULL; n++) {
        pairs[n].name = sp_cstr(words[2 * n]);
        pairs[n].value = sp_cstr(words[2 * n + 1]);
    }

    assert_int_equal(sp_account_parse(&account, SP_STR("acct_b"), pairs, n,
                                      &e), SP_OK);

    for (n = 0; key_words[2 * n] != NULL; n++) {
        pairs[n].name = sp_cstr(key_words[2 * n]);
        pairs[n].value = sp_cstr(key_words[2 * n + 1]);
    }

    assert_int_equal(sp_key_parse(&key, pairs, n, &e), SP_OK);
}


static void
test_nothing(void **state)
{
    int  i;

    memset(&facts, 0xff, sizeof(facts));
    sp_facts_init(&facts, NOW);

    for (i = 0; i < SP_FIELDS; i++) {
        switch (sp_field(i)->source) {

        case SP_FROM_BODY:
            assert_int_equal(state_of(i), SP_FACT_PENDING);
            break;

        case SP_FROM_CLOCK:
            assert_int_equal(state_of(i), SP_FACT_KNOWN);
            assert_int_equal(facts.v[i].u.i, NOW);
            break;

        default:
            assert_int_equal(state_of(i), SP_FACT_UNKNOWN);
        }
    }

    assert_int_equal(facts.key_state, SP_KEYFACT_UNKNOWN);
    assert_int_equal(facts.account_state, SP_ACCTFACT_UNKNOWN);
    assert_int_equal(facts.body_state, SP_BODYFACT_PENDING);
    assert_int_equal(facts.route_state, SP_ROUTE_UNKNOWN);
    assert_int_equal(facts.route, SP_ROUTE_NONE);
    assert_null(facts.account);
    assert_null(facts.key);
    assert_int_equal(facts.nmodels, 0);
}


static void
test_address(void **state)
{
    char                         file[] = "/tmp/sallyport-facts-XXXXXX";
    char                         err[256];
    size_t                       len, i;
    sp_geo_t                    *geo;
    sp_geo_set_t                 set;
    unsigned char               *bytes;
    static mmdb_w_t              w;
    static const char *const     path[] = { "country_code", NULL };
    static const unsigned char   net8[] = { 8 }, net9[] = { 9 };
    static const unsigned char   net10[] = { 10 };

    static const struct {
        const char       *addr;
        sp_fact_state_t   country;
        sp_ip_class_t     class;
    } rows[] = {
        { "8.8.8.8", SP_FACT_KNOWN, SP_IP_PUBLIC },
        { "9.9.9.9", SP_FACT_UNKNOWN, SP_IP_PUBLIC },       /* "ZZ" */
        { "11.1.1.1", SP_FACT_ABSENT, SP_IP_PUBLIC },
        { "10.1.1.1", SP_FACT_UNKNOWN, SP_IP_PRIVATE },     /* is in it */
        { "127.0.0.1", SP_FACT_UNKNOWN, SP_IP_LOOPBACK },
        { "2002:808:808::1", SP_FACT_UNKNOWN, SP_IP_TRANSITION },
        { "2a00::1", SP_FACT_FAILED, SP_IP_PUBLIC }         /* IPv4 only */
    };

    mmdb_w_init(&w, 4);
    mmdb_w_insert(&w, net8, 8, mmdb_w_record(&w, path, "US"));
    mmdb_w_insert(&w, net9, 8, mmdb_w_record(&w, path, "ZZ"));
    mmdb_w_insert(&w, net10, 8, mmdb_w_record(&w, path, "SG"));
    bytes = mmdb_w_file(&w, &len);
    close(mkstemp(file));
    mmdb_w_save(file, bytes, len);
    free(bytes);
    geo = sp_geo_open(file, NULL, NOW, err, sizeof(err));
    unlink(file);
    assert_non_null(geo);
    memset(&set, 0, sizeof(set));
    set.db[SP_GEO_COUNTRY] = geo;

    for (i = 0; i < sp_nelts(rows); i++) {
        sp_facts_init(&facts, NOW);
        assert_int_equal(sp_addr_parse(sp_cstr(rows[i].addr), &addr), SP_OK);
        assert_int_equal(sp_addr_class(&addr), rows[i].class);
        sp_facts_address(&facts, &addr, rows[i].class, &set);
        assert_int_equal(state_of(SP_F_IP_COUNTRY), rows[i].country);
        assert_int_equal(state_of(SP_F_IP_CLASS), SP_FACT_KNOWN);
        assert_int_equal(facts.v[SP_F_IP_CLASS].u.i, rows[i].class);
        assert_int_equal(state_of(SP_F_IP_ADDR), SP_FACT_KNOWN);
        assert_int_equal(state_of(SP_F_IP_TOR), SP_FACT_UNKNOWN);
        assert_int_equal(state_of(SP_F_IP_ASN), SP_FACT_UNKNOWN);

        if (rows[i].country == SP_FACT_KNOWN) {
            assert_int_equal(facts.v[SP_F_IP_COUNTRY].u.place, place("US"));
        }

        /* without a database nothing is known, and nothing is absent */

        sp_facts_address(&facts, &addr, rows[i].class, NULL);
        assert_int_equal(state_of(SP_F_IP_COUNTRY), SP_FACT_UNKNOWN);
    }

    sp_facts_address(&facts, &addr, SP_IP_NONE, &set);
    assert_int_equal(state_of(SP_F_IP_ADDR), SP_FACT_UNKNOWN);
    assert_int_equal(state_of(SP_F_IP_COUNTRY), SP_FACT_UNKNOWN);
    assert_int_equal(facts.v[SP_F_IP_CLASS].u.i, SP_IP_NONE);
    sp_geo_close(geo);
}


static void
test_key(void **state)
{
    int  k;

    a_customer();

    for (k = SP_KEYFACT_UNKNOWN; k <= SP_KEYFACT_FOUND; k++) {
        sp_facts_init(&facts, NOW);
        sp_facts_key(&facts, (sp_keyfact_t) k, &key);
        assert_int_equal(facts.key_state, k);
        assert_int_equal(state_of(SP_F_KEY_COUNTRY_COUNT), SP_FACT_UNKNOWN);

        switch (k) {

        case SP_KEYFACT_FOUND:
            assert_ptr_equal(facts.key, &key);
            assert_int_equal(state_of(SP_F_KEY_ID), SP_FACT_KNOWN);
            assert_true(sp_str_eq(facts.v[SP_F_KEY_ID].u.s,
                                  SP_STR("k_8d21")));
            all(SP_FROM_RECORD, SP_FACT_UNKNOWN);
            break;

        case SP_KEYFACT_FAILED:
            assert_int_equal(state_of(SP_F_KEY_ID), SP_FACT_FAILED);
            assert_int_equal(facts.account_state, SP_ACCTFACT_FAILED);
            all(SP_FROM_RECORD, SP_FACT_FAILED);
            assert_null(facts.key);
            break;

        default:
            assert_int_equal(state_of(SP_F_KEY_ID), SP_FACT_UNKNOWN);
            all(SP_FROM_RECORD, SP_FACT_UNKNOWN);
            assert_null(facts.key);
        }
    }

    sp_facts_key(&facts, SP_KEYFACT_FOUND, NULL);
    assert_int_equal(facts.key_state, SP_KEYFACT_UNKNOWN);
    assert_int_equal(state_of(SP_F_KEY_ID), SP_FACT_UNKNOWN);
}


static void
test_account(void **state)
{
    int  k;

    a_customer();
    assert_int_equal(sp_addr_parse(SP_STR("8.8.8.8"), &addr), SP_OK);

    /* whatever was known before, a record that is not there knows nothing */

    for (k = SP_ACCTFACT_UNKNOWN; k < SP_ACCTFACT_FOUND; k++) {
        sp_facts_init(&facts, NOW);
        sp_facts_account(&facts, SP_ACCTFACT_FOUND, &account);
        sp_facts_account(&facts, (sp_acctfact_t) k, &account);
        all(SP_FROM_RECORD, k == SP_ACCTFACT_FAILED ? SP_FACT_FAILED
                                                    : SP_FACT_UNKNOWN);
        assert_null(facts.account);
        assert_int_equal(facts.account_state, k);
    }

    sp_facts_account(&facts, SP_ACCTFACT_FOUND, NULL);
    all(SP_FROM_RECORD, SP_FACT_UNKNOWN);
    assert_int_equal(facts.account_state, SP_ACCTFACT_UNKNOWN);

    sp_facts_init(&facts, NOW);
    sp_facts_address(&facts, &addr, SP_IP_PUBLIC, NULL);
    sp_facts_account(&facts, SP_ACCTFACT_FOUND, &account);

    assert_ptr_equal(facts.account, &account);
    assert_int_equal(facts.v[SP_F_ACCOUNT_TYPE].u.i, SP_TYPE_INDIVIDUAL);
    assert_int_equal(facts.v[SP_F_ACCOUNT_STATUS].u.i, SP_STATUS_VERIFIED);
    assert_int_equal(facts.v[SP_F_ACCOUNT_LEVEL].u.i, 1);
    assert_int_equal(facts.v[SP_F_ACCOUNT_VERIFIED_AGE].u.i, 1000);
    assert_int_equal(facts.v[SP_F_ACCOUNT_EXPIRED_FOR].u.i, -60);
    assert_int_equal(facts.v[SP_F_ACCOUNT_SCREENING].u.i,
                     SP_SCREENING_NONE);
    assert_int_equal(facts.v[SP_F_ACCOUNT_RESIDENCE].u.place, place("DE"));
    assert_int_equal(state_of(SP_F_ACCOUNT_TAGS), SP_FACT_KNOWN);
    assert_int_equal(facts.v[SP_F_ACCOUNT_TAGS].n, 0);

    static const int  absent[] = {
        SP_F_ACCOUNT_PLAN, SP_F_ACCOUNT_INCORPORATED,
        SP_F_ACCOUNT_HEADQUARTERS, SP_F_ACCOUNT_PARENT, SP_F_ACCOUNT_BILLING,
        SP_F_ACCOUNT_PLACES, SP_F_ACCOUNT_PENDING_AGE,
        SP_F_ACCOUNT_SCREENED_AGE, SP_F_ACCOUNT_OWNERS_AGE,
        SP_F_ACCOUNT_END_USE_EXPIRED_FOR, SP_F_ACCOUNT_END_USE,
        SP_F_ACCOUNT_RESALE, SP_F_ACCOUNT_LINKAGE, SP_F_IP_REGISTERED
    };

    for (k = 0; k < (int) sp_nelts(absent); k++) {
        assert_int_equal(state_of(absent[k]), SP_FACT_ABSENT);
        assert_true(sp_field(absent[k])->optional);
    }

    /* no fact that may not be absent ever is */

    for (k = 0; k < SP_FIELDS; k++) {
        assert_true(sp_field(k)->optional || state_of(k) != SP_FACT_ABSENT);
    }

    /* the second at which it is over */

    sp_facts_init(&facts, account.expires_at);
    sp_facts_account(&facts, SP_ACCTFACT_FOUND, &account);
    assert_int_equal(facts.v[SP_F_ACCOUNT_EXPIRED_FOR].u.i, 0);
}


/* A set of up to 8 of "from", in no order, as a parsed record has it. */

static uint8_t
draw(sp_place_t *to, const sp_place_t from[8], unsigned seen[8])
{
    unsigned  n, k, left;
    uint8_t   count;

    count = 0;
    left = (unsigned) rand() % 4 == 0 ? 0 : (unsigned) rand() & 0xff;

    for (n = (unsigned) rand() % 8, k = 0; k < 8; n = (n + 3) % 8, k++) {

        if (left >> n & 1) {
            to[count++] = from[n];
            seen[n] = 1;
        }
    }

    return count;
}


static void
test_places(void **state)
{
    unsigned            i, k, n, seen[8];
    const sp_value_t   *v;
    sp_place_t          from[8];

    static const char *const  names[8] = {
        "SG", "MY", "US-CA", "US", "DE", "HK", "UA-43", "FR"
    };

    printf("seed 20261123\n");
    srand(20261123);
    a_customer();
    v = &facts.v[SP_F_ACCOUNT_PLACES];

    for (i = 0; i < 8; i++) {
        from[i] = place(names[i]);
    }

    for (i = 0; i < 20000; i++) {
        memset(seen, 0, sizeof(seen));
        account.nuse = draw(account.use_locations, from, seen);
        account.naccepted = draw(account.accepted_locations, from, seen);

        sp_facts_init(&facts, NOW);
        sp_facts_account(&facts, SP_ACCTFACT_FOUND, &account);

        for (n = 0, k = 0; k < 8; k++) {
            n += seen[k];
        }

        assert_int_equal(v->state, n ? SP_FACT_KNOWN : SP_FACT_ABSENT);
        assert_int_equal(v->n, n);

        for (k = 0; k < v->n; k++) {
            for (n = 0; from[n] != v->u.places[k]; n++) { /* void */ }
            assert_int_equal(seen[n], 1);
            seen[n] = 0;
        }

        /* one unknown place, anywhere, and the set is unknown */

        if (account.nuse > 0) {
            account.use_locations[(unsigned) rand() % account.nuse]
                = SP_PLACE_UNKNOWN;
            sp_facts_account(&facts, SP_ACCTFACT_FOUND, &account);
            assert_int_equal(v->state, SP_FACT_UNKNOWN);
        }
    }

    account.residence = SP_PLACE_UNKNOWN;
    sp_facts_account(&facts, SP_ACCTFACT_FOUND, &account);
    assert_int_equal(state_of(SP_F_ACCOUNT_RESIDENCE), SP_FACT_UNKNOWN);
}


static void
test_registered(void **state)
{
    a_customer();
    account.negress = 2;
    assert_int_equal(sp_network_parse(SP_STR("198.51.100.0/24"),
                                      &account.egress[0]), SP_OK);
    assert_int_equal(sp_network_parse(SP_STR("2a00:1450::/32"),
                                      &account.egress[1]), SP_OK);

    /* before the address is known, it is not known either */

    sp_facts_init(&facts, NOW);
    sp_facts_account(&facts, SP_ACCTFACT_FOUND, &account);
    assert_int_equal(state_of(SP_F_IP_REGISTERED), SP_FACT_UNKNOWN);

    assert_int_equal(sp_addr_parse(SP_STR("2a00:1450::5"), &addr), SP_OK);
    sp_facts_address(&facts, &addr, SP_IP_PUBLIC, NULL);
    sp_facts_account(&facts, SP_ACCTFACT_FOUND, &account);
    assert_int_equal(state_of(SP_F_IP_REGISTERED), SP_FACT_KNOWN);
    assert_int_equal(facts.v[SP_F_IP_REGISTERED].u.i, 1);

    assert_int_equal(sp_addr_parse(SP_STR("198.51.101.5"), &addr), SP_OK);
    sp_facts_account(&facts, SP_ACCTFACT_FOUND, &account);
    assert_int_equal(state_of(SP_F_IP_REGISTERED), SP_FACT_KNOWN);
    assert_int_equal(facts.v[SP_F_IP_REGISTERED].u.i, 0);
}


static int
route_of(const char *name, int model)
{
    int  i;

    for (i = 0; i < sp_route_count(); i++) {
        if (name != NULL ? sp_str_eq(sp_route(i)->name, sp_cstr(name))
                         : (int) sp_route(i)->model == model)
        {
            return i;
        }
    }

    fail_msg("no such route");
    return -1;
}


static void
test_route(void **state)
{
    int       i;
    sp_str_t  param = SP_STR("frontier");

    for (i = 0; i < sp_route_count(); i++) {
        sp_facts_init(&facts, NOW);
        sp_facts_route(&facts, SP_ROUTE_FOUND, i, param);
        assert_int_equal(facts.route, i);
        assert_int_equal(state_of(SP_F_REQUEST_ROUTE), SP_FACT_KNOWN);
        assert_true(sp_str_eq(sp_cstr(sp_enum_name(
                    sp_field(SP_F_REQUEST_ROUTE)->values,
                    facts.v[SP_F_REQUEST_ROUTE].u.i)), sp_route(i)->name));
        assert_int_equal(facts.v[SP_F_REQUEST_DIALECT].u.i,
                         sp_route(i)->dialect);
    }

    sp_facts_route(&facts, SP_ROUTE_AMBIGUOUS, 3, param);
    assert_int_equal(facts.route, SP_ROUTE_NONE);
    assert_int_equal(facts.route_state, SP_ROUTE_AMBIGUOUS);
    all(SP_FROM_HEAD, SP_FACT_UNKNOWN);

    sp_facts_route(&facts, SP_ROUTE_FOUND, sp_route_count(), param);
    assert_int_equal(facts.route_state, SP_ROUTE_UNKNOWN);
    all(SP_FROM_HEAD, SP_FACT_UNKNOWN);

    /* the model of the path; a body may only say the same */

    sp_facts_init(&facts, NOW);
    sp_facts_route(&facts, SP_ROUTE_FOUND, route_of(NULL, SP_MODEL_PATH),
                   param);
    assert_int_equal(state_of(SP_F_MODEL_ID), SP_FACT_PENDING);
    sp_facts_body(&facts, SP_BODYFACT_NONE, NULL);
    assert_int_equal(facts.nmodels, 1);
    assert_true(sp_str_eq(facts.models[0], param));
    assert_true(sp_str_eq(facts.v[SP_F_MODEL_ID].u.s, param));

    memset(&body, 0, sizeof(body));
    body.nmodels = 2;
    body.models[0] = param;
    body.models[1] = param;
    sp_facts_body(&facts, SP_BODYFACT_FINE, &body);
    assert_int_equal(facts.body_state, SP_BODYFACT_FINE);
    assert_int_equal(facts.nmodels, 1);

    body.models[1] = SP_STR("small");
    sp_facts_body(&facts, SP_BODYFACT_FINE, &body);
    assert_int_equal(facts.body_state, SP_BODYFACT_AMBIGUOUS);
    assert_non_null(facts.detail);
    assert_int_equal(facts.nmodels, 0);
    all(SP_FROM_BODY, SP_FACT_UNKNOWN);
}


static void
test_body(void **state)
{
    int                          i;

    static const sp_bodyfact_t   bad[] = {
        SP_BODYFACT_AMBIGUOUS, SP_BODYFACT_TYPE, SP_BODYFACT_LARGE
    };

    memset(&body, 0, sizeof(body));
    body.nmodels = 1;
    body.models[0] = SP_STR("small");
    body.stream = 1;
    body.has_tokens = 1;
    body.max_tokens = 100;
    body.factor = 3;

    sp_facts_init(&facts, NOW);
    sp_facts_route(&facts, SP_ROUTE_FOUND, route_of("chat.completions", 0),
                   SP_STR(""));
    sp_facts_body(&facts, SP_BODYFACT_FINE, &body);
    assert_int_equal(facts.body_state, SP_BODYFACT_FINE);
    assert_int_equal(facts.nmodels, 1);
    assert_true(sp_str_eq(facts.v[SP_F_MODEL_ID].u.s, SP_STR("small")));
    assert_int_equal(state_of(SP_F_MODEL_TIER), SP_FACT_UNKNOWN);
    assert_int_equal(facts.v[SP_F_REQUEST_STREAM].u.i, 1);
    assert_int_equal(facts.v[SP_F_REQUEST_TOKENS].u.i, 300);

    body.factor = 0;
    sp_facts_body(&facts, SP_BODYFACT_FINE, &body);
    assert_int_equal(facts.v[SP_F_REQUEST_TOKENS].u.i, 100);

    body.factor = UINT64_MAX;
    body.max_tokens = UINT64_MAX;
    sp_facts_body(&facts, SP_BODYFACT_FINE, &body);
    assert_true(facts.v[SP_F_REQUEST_TOKENS].u.i == INT64_MAX);

    body.has_tokens = 0;
    body.stream = 0;
    body.nmodels = 0;
    sp_facts_body(&facts, SP_BODYFACT_FINE, &body);
    assert_int_equal(state_of(SP_F_REQUEST_TOKENS), SP_FACT_ABSENT);
    assert_int_equal(state_of(SP_F_REQUEST_STREAM), SP_FACT_KNOWN);
    assert_int_equal(facts.v[SP_F_REQUEST_STREAM].u.i, 0);
    assert_int_equal(state_of(SP_F_MODEL_ID), SP_FACT_ABSENT);
    assert_int_equal(state_of(SP_F_MODEL_TIER), SP_FACT_ABSENT);

    body.nmodels = 1;

    for (i = 0; i < (int) sp_nelts(bad); i++) {
        sp_facts_body(&facts, SP_BODYFACT_FINE, &body);
        sp_facts_body(&facts, bad[i], &body);
        assert_int_equal(facts.body_state, bad[i]);
        assert_int_equal(facts.nmodels, 0);
        all(SP_FROM_BODY, SP_FACT_UNKNOWN);
    }

    sp_facts_body(&facts, SP_BODYFACT_FINE, NULL);
    assert_int_equal(facts.body_state, SP_BODYFACT_AMBIGUOUS);
    all(SP_FROM_BODY, SP_FACT_UNKNOWN);

    sp_facts_body(&facts, SP_BODYFACT_PENDING, NULL);
    all(SP_FROM_BODY, SP_FACT_PENDING);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_address),
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_account),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_registered),
        cmocka_unit_test(test_route),
        cmocka_unit_test(test_body)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

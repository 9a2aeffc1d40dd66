
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tests of the loader's messages: for each mistake its
 * code, its line and column, what is underlined and what is suggested; and of
 * the conditions whose value has a subtlety of its own.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "sp_decide.h"


#define NOW  1795435200


typedef struct {
    const char  *when;
    int          code;      /* 0: loads */
    unsigned     col;       /* in the condition, from 1 */
    unsigned     len;
    const char  *help;      /* a part of it, or NULL */
} mistake_t;


static char  text[8192];


static sp_policy_t *
load(const char *kind, const char *when, const char *more, int regions,
    sp_diags_t *diags)
{
    sp_str_t          s;
    sp_policy_opts_t  opts = { NOW, regions };

    s.data = (unsigned char *) text;
    s.len = (size_t) snprintf(text, sizeof(text),
        "sallyport: 1\n"
        "lists:\n"
        "  embargoed: {type: country, items: [CU, IR]}\n"
        "  areas: {type: region, items: [UA-43, UA-40]}\n"
        "  mixed: {type: place, items: [CU, UA-43]}\n"
        "  partners: {type: asn, items: [AS64496]}\n"
        "  offices: {type: cidr, items: [192.0.2.0/24, \"2001:db8::/32\"]}\n"
        "  big: {type: model, items: [big-*, huge]}\n"
        "  labels: {type: name, items: [vip, SDN, EL]}\n"
        "models: {tiers: {1: [small], 2: [big-*]}}\n"
        "%s:\n"
        "  - id: probe\n"
        "    when: %s\n%s", kind, when, more);

    sp_diags_init(diags);

    return sp_policy_load_text("p.yaml", s, &opts, diags);
}


static const sp_diag_t *
first_error(const sp_diags_t *diags)
{
    unsigned  i;

    for (i = 0; i < diags->n; i++) {
        if (diags->items[i].severity == SP_DIAG_ERROR) {
            return &diags->items[i];
        }
    }

    return NULL;
}


static void
test_mistakes(void **state)
{
    size_t            i;
    sp_diags_t        diags;
    sp_policy_t      *p;
    const sp_diag_t  *d;

    static const mistake_t  table[] = {
        { "ip.countri in @embargoed", 201, 1, 10, "'ip.country'" },
        { "acount.level >= 2", 201, 1, 12, "'account.level'" },
        { "account.status == verifed", 203, 19, 7, "'verified'" },
        { "account.status == 3", 203, 19, 1, "unverified, pending" },
        { "ip.country == UK", 203, 15, 2, "GB" },
        { "ip.country in [CU, UK]", 203, 20, 2, "GB" },
        { "ip.country == ZZ", 203, 15, 2, "not has" },
        { "model.tier >= 2 and ip.tor or ip.vpn", 204, 28, 2, "(" },
        { "account.level = 2", 205, 15, 1, "'=='" },
        { "ip.tor && ip.vpn", 205, 8, 2, "'and'" },
        { "ip.tor || ip.vpn", 205, 8, 2, "'or'" },
        { "ip.tor and !ip.vpn", 205, 12, 1, "'not'" },
        { "owner_share(@embargoed) >= 50", 202, 28, 2, "50%" },
        { "owner_share(@embargoed) >= 101%", 202, 28, 4, NULL },
        { "owner_share(@partners) >= 50%", 206, 13, 9, NULL },
        { "owner_share(CU) >= 50%", 206, 13, 2, NULL },
        { "ip.country in @areas", 206, 15, 6, "ip.region" },
        { "ip.region in @embargoed", 206, 14, 10, "ip.country" },
        { "ip.country in @embargod", 206, 15, 9, "'@embargoed'" },
        { "account.level >= 4", 203, 18, 1, NULL },
        { "account.level >= 02", 202, 18, 2, NULL },
        { "account.level >= two", 202, 18, 3, NULL },
        { "account.pending_age > 14", 202, 23, 2, "14d" },
        { "account.status < verified", 202, 16, 1, "'=='" },
        { "account.places == SG", 202, 16, 2, "'in'" },
        { "ip.country == account.level", 202, 15, 13, NULL },
        { "ip.country in ip.region", 202, 15, 9, "'=='" },
        { "ip.country == @embargoed", 202, 15, 10, "in" },
        { "account.level in @embargoed", 202, 18, 10, NULL },
        { "account.plan == account.plam", 201, 17, 12, "'account.plan'" },
        { "model.id == gpt-4.1", 202, 13, 7, "\"gpt-4.1\"" },
        { "ip.country", 210, 11, 1, NULL },
        { "account.level >=", 210, 17, 1, NULL },
        { "account.level >= 2 and", 210, 23, 1, NULL },
        { "(ip.tor", 210, 8, 1, NULL },
        { "ip.tor)", 210, 7, 1, NULL },
        { "ip.tor ip.vpn", 210, 8, 6, "'and'" },
        { "has ip.tor", 210, 5, 6, NULL },
        { "ip.tor AND ip.vpn", 210, 8, 3, "'and'" },
        { "ip.addr in [192.0.2.1/24]", 203, 13, 12, NULL },
        { "ip.asn in [AS99999999999]", 203, 12, 13, NULL },
        { "now >= 2026-02-30", 202, 8, 10, NULL },
        { "account.id == \"open", 210, 15, 1, NULL },
        { "ip.tor #and ip.vpn", 105, 8, 1, "above" },
        { "account.id == \"\xc3\xa4\xc3\xb6\" and ip.countri == SG", 201, 24,
          10, NULL },
        { "\"ip.tor\"", 105, 1, 8, "|" },
        { "controlin(@embargoed)", 201, 1, 9, NULL },

        { "ip.country in @embargoed", 0, 0, 0, NULL },
        { "ip.region in @areas and ip.country in @mixed", 0, 0, 0, NULL },
        { "now >= 2024-02-29 and now < 2026-11-23T12:00:00Z", 0, 0, 0, NULL },
        { "now >= 2026-11-23T14:00:00+02:00", 0, 0, 0, NULL },
        { "account.tags in [vip] or account.tags in @labels", 0, 0, 0, NULL },
        { "model.id in @big or model.id in [\"gpt-4.1\", o3]", 0, 0, 0,
          NULL },
        { "listed_share(SDN) >= 50% or listed_share(@labels) > 33.33%", 0, 0,
          0, NULL },
        { "account.headquarters in @areas", 0, 0, 0, NULL },
        { "ip.addr in @offices or ip.addr == 192.0.2.1", 0, 0, 0, NULL },
        { "account.plan in account.tags", 0, 0, 0, NULL },
        { "ip.tor == yes and ip.vpn != false", 0, 0, 0, NULL }
    };

    for (i = 0; i < sp_nelts(table); i++) {
        p = load("allow", table[i].when, "", 1, &diags);
        d = first_error(&diags);

        if (table[i].code == 0) {
            if (p == NULL) {
                sp_diags_print(&diags, stderr);
                fail_msg("'%s' does not load", table[i].when);
            }

        } else if (p != NULL || d == NULL || d->code != table[i].code
                   || d->mark.line != 13 || d->mark.col != table[i].col + 10
                   || d->mark.len != table[i].len
                   || (table[i].help != NULL
                       && (d->help == NULL
                           || strstr(d->help, table[i].help) == NULL)))
        {
            sp_diags_print(&diags, stderr);
            fail_msg("'%s': expected SP%d at %u, %u long, help %s",
                     table[i].when, table[i].code, table[i].col,
                     table[i].len, table[i].help ? table[i].help : "-");
        }

        free(p);
        sp_diags_free(&diags);
    }
}


/* Places in a block are those of the file, in characters. */

static void
test_block(void **state)
{
    sp_diags_t        diags;
    sp_policy_t      *p;
    const sp_diag_t  *d;

    p = load("allow", "|\n      ip.tor\n        and account.id == \"\xc3\xa4\""
             " and ip.countri == SG\n", "", 1, &diags);
    d = first_error(&diags);

    assert_null(p);
    assert_int_equal(d->code, 201);
    assert_int_equal(d->mark.line, 15);
    assert_int_equal(d->mark.col, 35);
    assert_int_equal(d->mark.len, 10);
    sp_diags_free(&diags);

    p = load("allow", "|\n      ip.tor\n\n      and ip.countri == SG\n", "",
             1, &diags);
    d = first_error(&diags);

    assert_null(p);
    assert_int_equal(d->code, 201);
    assert_int_equal(d->mark.line, 16);
    assert_int_equal(d->mark.col, 11);
    sp_diags_free(&diags);
}


/* A deny rule says what it does without a value. */

static void
test_optional(void **state)
{
    size_t            i;
    sp_diags_t        diags;
    sp_policy_t      *p;
    const sp_diag_t  *d;

    static const struct {
        const char  *when;
        const char  *more;
        int          code;     /* of the first message, 0 none */
    } table[] = {
        { "account.parent in @embargoed", "", 207 },
        { "account.parent in @embargoed", "    unknown: skip\n", 0 },
        { "account.parent in @embargoed", "    unknown: match\n", 0 },
        { "has(account.parent) and account.parent in @embargoed", "", 0 },
        { "has(account.parent) and account.parent not in @embargoed", "",
          208 },
        { "account.status == pending", "", 0 },
        { "ip.country == account.parent", "", 207 },
        { "owner_share(@embargoed) >= 50%", "", 0 }
    };

    for (i = 0; i < sp_nelts(table); i++) {
        char  more[128];

        snprintf(more, sizeof(more), "    reason: OWN_RESTRICTED\n%s",
                 table[i].more);
        p = load("deny", table[i].when, more, 1, &diags);
        d = NULL;

        for (unsigned k = 0; k < diags.n; k++) {
            if (diags.items[k].code != 310) {
                d = &diags.items[k];
                break;
            }
        }

        if ((d ? d->code : 0) != table[i].code
            || (p == NULL) != (table[i].code == 207))
        {
            sp_diags_print(&diags, stderr);
            fail_msg("'%s'", table[i].when);
        }

        free(p);
        sp_diags_free(&diags);
    }
}


static sp_truth_t
ask(const char *when, const sp_facts_t *facts)
{
    sp_truth_t    t;
    sp_diags_t    diags;
    sp_policy_t  *p;

    p = load("allow", when, "", 1, &diags);

    if (p == NULL) {
        sp_diags_print(&diags, stderr);
        fail_msg("'%s' does not load", when);
    }

    t = sp_rule_value(p, 0, facts);
    free(p);
    sp_diags_free(&diags);

    return t;
}


static void
known_place(sp_facts_t *facts, int field, const char *code)
{
    facts->v[field].state = SP_FACT_KNOWN;
    assert_int_equal(sp_place_parse(sp_cstr(code), &facts->v[field].u.place),
                     SP_PLACE_OK);
}


/* A region refines its country: elsewhere is false, within is unsure. */

static void
test_places(void **state)
{
    sp_facts_t  *facts;

    facts = malloc(sizeof(sp_facts_t));
    sp_facts_init(facts, NOW);

    assert_int_equal(ask("ip.region in @areas", facts), SP_UNSURE);

    known_place(facts, SP_F_IP_COUNTRY, "FR");
    assert_int_equal(ask("ip.region in @areas", facts), SP_FALSE);
    assert_int_equal(ask("ip.region not in @areas", facts), SP_TRUE);
    assert_int_equal(ask("ip.country in @mixed", facts), SP_FALSE);

    known_place(facts, SP_F_IP_COUNTRY, "UA");
    facts->v[SP_F_IP_REGION].state = SP_FACT_ABSENT;
    assert_int_equal(ask("ip.region in @areas", facts), SP_UNSURE);
    assert_int_equal(ask("ip.country in @mixed", facts), SP_UNSURE);

    known_place(facts, SP_F_IP_REGION, "UA-30");
    assert_int_equal(ask("ip.region in @areas", facts), SP_FALSE);
    known_place(facts, SP_F_IP_REGION, "UA-43");
    assert_int_equal(ask("ip.region in @areas", facts), SP_TRUE);
    assert_int_equal(ask("ip.region == UA-43", facts), SP_TRUE);
    assert_int_equal(ask("ip.region != UA-43", facts), SP_FALSE);

    known_place(facts, SP_F_ACCOUNT_HEADQUARTERS, "UA-43");
    assert_int_equal(ask("account.headquarters in @areas", facts), SP_TRUE);
    assert_int_equal(ask("account.headquarters in @embargoed", facts),
                     SP_FALSE);
    assert_int_equal(ask("ip.country == account.headquarters", facts),
                     SP_TRUE);
    known_place(facts, SP_F_ACCOUNT_HEADQUARTERS, "UA");
    assert_int_equal(ask("account.headquarters in @areas", facts), SP_UNSURE);

    free(facts);
}


/* Shares are intervals; a comparison holds where both ends agree. */

static void
test_shares(void **state)
{
    size_t            i;
    sp_facts_t       *facts;
    sp_account_t     *account;
    sp_record_error_t error;
    char              when[80];

    static const struct {
        const char  *owners;
        const char  *method;
        const char  *test;
        sp_truth_t   owner, largest;
    } table[] = {
        { "CU:5000,SG:5000", "cascade", ">= 50%", SP_TRUE, SP_TRUE },
        { "CU:5000,SG:5000", "cascade", "> 50%", SP_FALSE, SP_FALSE },
        { "CU:4999,SG:5001", "cascade", ">= 50%", SP_FALSE, SP_FALSE },
        { "CU:3000,IR:3000,SG:4000", "cascade", ">= 50%", SP_TRUE,
          SP_FALSE },
        { "CU:3000,SG:3000", "cascade", ">= 50%", SP_UNSURE, SP_FALSE },
        { "CU:2500-6000,SG:4000", "cascade", ">= 50%", SP_UNSURE,
          SP_UNSURE },
        { "SG:4000", "cascade", ">= 50%", SP_UNSURE, SP_UNSURE },
        { "ZZ:6000,SG:4000", "cascade", ">= 50%", SP_UNSURE, SP_UNSURE },
        { "PUB:6000,SG:4000", "cascade", "> 0%", SP_FALSE, SP_FALSE },
        { "SG:10000", "direct", ">= 50%", SP_UNSURE, SP_UNSURE },
        { "CU:6000,SG:4000", "direct", ">= 50%", SP_TRUE, SP_TRUE },
        { "KY+CU:6000,SG:4000", "cascade", ">= 50%", SP_TRUE, SP_TRUE },
        { "CU:3000,SG:3000", "cascade", "== 30%", SP_UNSURE, SP_UNSURE },
        { "CU:3000,SG:3000", "cascade", "!= 20%", SP_TRUE, SP_TRUE }
    };

    facts = malloc(sizeof(sp_facts_t));
    account = malloc(sizeof(sp_account_t));

    for (i = 0; i < sp_nelts(table); i++) {
        const sp_pair_t  pairs[] = {
            { SP_STR("v"), SP_STR("1") }, { SP_STR("ver"), SP_STR("1") },
            { SP_STR("type"), SP_STR("organization") },
            { SP_STR("status"), SP_STR("unverified") },
            { SP_STR("level"), SP_STR("1") },
            { SP_STR("owners"), sp_cstr(table[i].owners) },
            { SP_STR("owners_method"), sp_cstr(table[i].method) },
            { SP_STR("owners_as_of"), SP_STR("1772323200") },
            { SP_STR("owners_floor"), SP_STR("500") }
        };

        assert_int_equal(sp_account_parse(account, SP_STR("a"), pairs,
                                          sp_nelts(pairs), &error), SP_OK);
        sp_facts_init(facts, NOW);
        sp_facts_account(facts, SP_ACCTFACT_FOUND, account);

        snprintf(when, sizeof(when), "owner_share(@embargoed) %s",
                 table[i].test);

        if (ask(when, facts) != table[i].owner) {
            fail_msg("%s: %s", table[i].owners, when);
        }

        snprintf(when, sizeof(when), "largest_owner(@embargoed) %s",
                 table[i].test);

        if (ask(when, facts) != table[i].largest) {
            fail_msg("%s: %s", table[i].owners, when);
        }
    }

    sp_facts_account(facts, SP_ACCTFACT_FAILED, NULL);
    assert_int_equal(ask("owner_share(@embargoed) >= 0%", facts), SP_UNSURE);
    assert_int_equal(ask("control_in(@embargoed)", facts), SP_UNSURE);

    free(facts);
    free(account);
}


static void
test_networks(void **state)
{
    sp_facts_t  *facts;
    sp_addr_t    addr;

    static const struct {
        const char  *addr;
        sp_truth_t   in;
    } table[] = {
        { "192.0.2.0", SP_TRUE }, { "192.0.2.255", SP_TRUE },
        { "192.0.3.0", SP_FALSE }, { "192.0.1.255", SP_FALSE },
        { "2001:db8::1", SP_TRUE }, { "2001:db9::", SP_FALSE },
        { "::", SP_FALSE }
    };

    facts = malloc(sizeof(sp_facts_t));

    for (size_t i = 0; i < sp_nelts(table); i++) {
        sp_facts_init(facts, NOW);
        assert_int_equal(sp_addr_parse(sp_cstr(table[i].addr), &addr), SP_OK);
        facts->v[SP_F_IP_ADDR].state = SP_FACT_KNOWN;
        facts->v[SP_F_IP_ADDR].u.addr = &addr;
        assert_int_equal(ask("ip.addr in @offices", facts), table[i].in);
        assert_int_equal(ask("ip.addr in [10.0.0.0/8, 192.0.2.0/25, "
                             "192.0.2.0/24, 2001:db8::/32]", facts),
                         table[i].in);
    }

    free(facts);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_block),
        cmocka_unit_test(test_optional),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_networks)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

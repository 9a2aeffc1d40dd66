
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tests of what a policy may say beside its plain
 * rules: invariants, dated lists, canaries and facts of its own.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "sp_decide.h"
#include "policy/sp_policy_image.h"


#define NOW   1795435200   /* 2026-11-23T12:00:00Z */
#define HEAD  "sallyport: 1\npolicy: language\n"


static const sp_policy_opts_t  opts = { NOW, 1 };


static sp_policy_t *
load(const char *source)
{
    sp_diags_t    diags;
    sp_policy_t  *policy;

    sp_diags_init(&diags);
    policy = sp_policy_load_text("policy.yaml", sp_cstr(source), &opts,
                                 &diags);

    if (policy == NULL) {
        sp_diags_print(&diags, stderr);
        fail_msg("it did not load:\n%s", source);
    }

    sp_diags_free(&diags);

    return policy;
}


static void
same_text(sp_str_t s, const char *text)
{
    assert_int_equal(s.len, strlen(text));
    assert_memory_equal(s.data, text, s.len);
}


static void
test_invariants(void **state)
{
    sp_policy_t            *policy;
    sp_policy_invariant_t   row;

    static const char  source[] = HEAD
        "lists:\n  gone: {type: country, items: [CU, IR]}\n"
        "allow:\n  - id: all\n    when: account.level >= 0\n"
        "invariants:\n"
        "  - id: served\n"
        "    never: deny\n"
        "    when: account.level == 3\n"
        "  - id: embargo\n"
        "    note: said by the desk\n"
        "    when: |\n"
        "      ip.country in @gone\n"
        "      or ip.tor\n"
        "    always:   deny\n";

    policy = load(source);
    assert_int_equal(sp_policy_invariants(policy), 2);

    sp_policy_invariant(policy, 0, &row);
    same_text(row.id, "embargo");
    same_text(row.when, "ip.country in @gone\nor ip.tor");
    same_text(row.file, "policy.yaml");
    assert_int_equal(row.never, 0);
    assert_int_equal(row.deny, 1);
    assert_int_equal(row.line, 17);
    assert_int_equal(row.col, 5);
    assert_int_equal(row.len, 14);

    sp_policy_invariant(policy, 1, &row);
    same_text(row.id, "served");
    assert_int_equal(row.never, 1);
    assert_int_equal(row.deny, 1);
    assert_int_equal(row.line, 10);
    assert_int_equal(row.len, 11);

    assert_int_equal(sp_policy_rules(policy), 1);
    assert_true(sp_policy_valid(policy, sp_policy_size(policy)));

    free(policy);
}


/* Who is in a canary stays in as it grows; the share is what was written. */

static void
test_canary(void **state)
{
    int           i, was, is, in[3], n;
    char          id[32];
    sp_str_t      s;
    unsigned      share;
    sp_policy_t  *policy;

    static const unsigned  shares[] = { 1, 100, 2500 };

    memset(in, 0, sizeof(in));
    s.data = (unsigned char *) id;

    for (i = 0; i < 20000; i++) {
        s.len = (size_t) snprintf(id, sizeof(id), "acct_%d", i);
        was = 0;

        for (n = 0; n < 3; n++) {
            is = sp_canary(SP_STR("rule-a"), s, shares[n]);
            assert_true(is >= was);
            in[n] += is;
            was = is;
        }

        assert_int_equal(sp_canary(SP_STR("rule-a"), s, SP_CANARY_ALL), 1);
        assert_int_equal(sp_canary(SP_STR("rule-a"), s, 0), 0);
    }

    assert_in_range(in[0], 0, 12);
    assert_in_range(in[1], 140, 260);
    assert_in_range(in[2], 4750, 5250);

    /* printf 'owner-50\0acct_globex' | sha256sum, modulo 10000 */

    for (share = 0; !sp_canary(SP_STR("owner-50"), SP_STR("acct_globex"),
                               share); share++) { /* void */ }

    assert_int_equal(share - 1, 8688);

    policy = load(HEAD
        "deny:\n"
        "  - id: a\n    when: account.level < 1\n    reason: NET_VPN\n"
        "    mode: canary 12.5%\n"
        "  - id: b\n    when: account.level < 1\n    reason: NET_VPN\n"
        "    mode: shadow\n"
        "  - id: c\n    when: account.level < 1\n    reason: NET_VPN\n");

    assert_int_equal(sp_policy_rule_share(policy, 0), 1250);
    assert_int_equal(sp_policy_rule_share(policy, 1), 0);
    assert_int_equal(sp_policy_rule_share(policy, 2), SP_CANARY_ALL);

    free(policy);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_invariants),
        cmocka_unit_test(test_canary)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

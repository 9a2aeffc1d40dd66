
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


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_invariants)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

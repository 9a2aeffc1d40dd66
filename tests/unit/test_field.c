
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tests of the table of facts: that its rows are
 * whole, and that enum numbers mean the same in rules and in records.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "sp_account.h"
#include "sp_field.h"
#include "sp_route.h"


static void
test_rows(void **state)
{
    int                i, k;
    const sp_field_t  *f;

    for (i = 0; i < SP_FIELDS; i++) {
        f = sp_field(i);

        assert_non_null(f->name);
        assert_non_null(f->help);
        assert_true(strlen(f->help) > 0);
        assert_int_equal(sp_field_find(sp_cstr(f->name)), i);
        assert_string_not_equal(sp_type_name(f->type), "?");
        assert_string_not_equal(sp_source_name(f->source), "?");

        assert_true((f->type == SP_T_ENUM) == (f->values != NULL));
        assert_true(f->type != SP_T_INT || f->min < f->max);

        for (k = 0; f->values != NULL && f->values[k] != NULL; k++) {
            assert_int_equal(sp_enum_find(f->values, sp_cstr(f->values[k])),
                             k);
            assert_ptr_equal(sp_enum_name(f->values, k), f->values[k]);
        }

        assert_null(sp_enum_name(f->values, k));
        assert_null(sp_enum_name(f->values, -1));
    }
}


static void
test_find(void **state)
{
    assert_int_equal(sp_field_find(SP_STR("account.status")),
                     SP_F_ACCOUNT_STATUS);
    assert_int_equal(sp_field_find(SP_STR("account.statu")), -1);
    assert_int_equal(sp_field_find(SP_STR("account.status2")), -1);
    assert_int_equal(sp_field_find(SP_STR("now\0")), -1);
    assert_int_equal(sp_field_find(SP_STR("")), -1);
    assert_int_equal(sp_field_find(SP_STR("NOW")), -1);
    assert_int_equal(sp_enum_find(NULL, SP_STR("x")), -1);
}


static void
value(int field, int64_t number, const char *word)
{
    const char  *name;

    name = sp_enum_name(sp_field(field)->values, number);

    if (name == NULL || strcmp(name, word) != 0) {
        fail_msg("%s: %d is not \"%s\"", sp_field(field)->name, (int) number,
                 word);
    }
}


/* The order of words is the order of the constants, to the last one. */

static void
test_enums(void **state)
{
    value(SP_F_IP_CLASS, SP_IP_PUBLIC, "public");
    value(SP_F_IP_CLASS, SP_IP_PRIVATE, "private");
    value(SP_F_IP_CLASS, SP_IP_LOOPBACK, "loopback");
    value(SP_F_IP_CLASS, SP_IP_LINK_LOCAL, "link_local");
    value(SP_F_IP_CLASS, SP_IP_CGNAT, "cgnat");
    value(SP_F_IP_CLASS, SP_IP_TRANSITION, "transition");
    value(SP_F_IP_CLASS, SP_IP_RESERVED, "reserved");
    value(SP_F_IP_CLASS, SP_IP_NONE, "none");

    value(SP_F_ACCOUNT_TYPE, SP_TYPE_INDIVIDUAL, "individual");
    value(SP_F_ACCOUNT_TYPE, SP_TYPE_ORGANIZATION, "organization");
    value(SP_F_ACCOUNT_TYPE, SP_TYPE_GOVERNMENT, "government");
    value(SP_F_ACCOUNT_TYPE, SP_TYPE_RESELLER, "reseller");

    value(SP_F_ACCOUNT_STATUS, SP_STATUS_UNVERIFIED, "unverified");
    value(SP_F_ACCOUNT_STATUS, SP_STATUS_PENDING, "pending");
    value(SP_F_ACCOUNT_STATUS, SP_STATUS_VERIFIED, "verified");
    value(SP_F_ACCOUNT_STATUS, SP_STATUS_REVIEW, "review");
    value(SP_F_ACCOUNT_STATUS, SP_STATUS_REJECTED, "rejected");
    value(SP_F_ACCOUNT_STATUS, SP_STATUS_SUSPENDED, "suspended");
    value(SP_F_ACCOUNT_STATUS, SP_STATUS_CLOSED, "closed");

    value(SP_F_ACCOUNT_SCREENING, SP_SCREENING_CLEAR, "clear");
    value(SP_F_ACCOUNT_SCREENING, SP_SCREENING_POTENTIAL, "potential");
    value(SP_F_ACCOUNT_SCREENING, SP_SCREENING_HIT, "hit");
    value(SP_F_ACCOUNT_SCREENING, SP_SCREENING_ERROR, "error");
    value(SP_F_ACCOUNT_SCREENING, SP_SCREENING_NONE, "none");

    value(SP_F_ACCOUNT_END_USE, SP_END_USE_COMMERCIAL, "commercial");
    value(SP_F_ACCOUNT_END_USE, SP_END_USE_RESEARCH, "research");
    value(SP_F_ACCOUNT_END_USE, SP_END_USE_GOVERNMENT, "government");
    value(SP_F_ACCOUNT_END_USE, SP_END_USE_MILITARY, "military");
    value(SP_F_ACCOUNT_END_USE, SP_END_USE_MODEL_TRAINING,
          "model_training");
    value(SP_F_ACCOUNT_END_USE, SP_END_USE_RESALE, "resale");

    value(SP_F_ACCOUNT_RESALE, SP_RESALE_NONE, "none");
    value(SP_F_ACCOUNT_RESALE, SP_RESALE_PASSTHROUGH, "passthrough");

    value(SP_F_ACCOUNT_LINKAGE, SP_LINKAGE_OK, "ok");
    value(SP_F_ACCOUNT_LINKAGE, SP_LINKAGE_WATCH, "watch");
    value(SP_F_ACCOUNT_LINKAGE, SP_LINKAGE_BLOCKED, "blocked");

    value(SP_F_REQUEST_DIALECT, SP_DIALECT_OPENAI, "openai");
    value(SP_F_REQUEST_DIALECT, SP_DIALECT_ANTHROPIC, "anthropic");
    value(SP_F_REQUEST_DIALECT, SP_DIALECT_UNKNOWN, "unknown");
}


/* request.route has the name of every route, and no other. */

static void
test_routes(void **state)
{
    int                 i, k, found;
    const char *const  *values;

    values = sp_field(SP_F_REQUEST_ROUTE)->values;

    for (i = 0; i < sp_route_count(); i++) {
        assert_int_equal(sp_enum_find(values, sp_route(i)->name),
                         sp_route_number(i));
        assert_true(sp_route_number(i) >= 0);
    }

    for (k = 0; values[k] != NULL; k++) {
        found = 0;

        for (i = 0; i < sp_route_count(); i++) {
            found += sp_str_eq(sp_route(i)->name, sp_cstr(values[k]));
        }

        assert_true(found > 0);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_enums),
        cmocka_unit_test(test_routes)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

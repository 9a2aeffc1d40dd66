
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains tests of the roster: lines that are and are not JSON,
 * files that are refused as a whole, and look-ups in what came of the others.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "sp_roster.h"


static const unsigned char  key[16] = "0123456789abcdef";

#define KID   "00112233445566778899aabbccddeeff"
#define KEY   "{\"kind\":\"key\",\"id\":\"" KID "\",\"v\":\"1\",\"ver\":\"1\"," \
              "\"account\":\"acme\",\"name\":\"k1\",\"status\":\"active\"}\n"
#define ACCT(id, ver, status)                                                 \
              "{\"kind\":\"account\",\"id\":\"" id "\",\"v\":\"1\","          \
              "\"ver\":\"" ver "\",\"type\":\"individual\",\"status\":\""     \
              status "\",\"level\":\"0\"}\n"


static sp_roster_maker_t  *maker;


static sp_roster_t *
make(const char *text)
{
    sp_roster_free(maker);

    maker = sp_roster_begin(key);
    assert_non_null(maker);

    sp_roster_feed(maker, (const unsigned char *) text, strlen(text));

    return sp_roster_end(maker);
}


static void
refused(const char *text, unsigned line, const char *why)
{
    const sp_roster_errors_t  *errors;

    assert_null(make(text));

    errors = sp_roster_errors(maker);

    if (errors->items[0].line != line
        || strstr(errors->items[0].text, why) == NULL)
    {
        fail_msg("line %u: %s, but expected line %u: %s",
                 errors->items[0].line, errors->items[0].text, line, why);
    }
}


static void
test_found(void **state)
{
    sp_key_t            record;
    sp_account_t        account;
    sp_roster_t        *roster;
    sp_roster_info_t    info;
    sp_roster_found_t   found;

    roster = make(KEY "\n\r\n" ACCT("acme", "7", "suspended"));
    assert_non_null(roster);

    sp_roster_info(roster, &info);
    assert_int_equal(info.counts[SP_ROSTER_KEY], 1);
    assert_int_equal(info.counts[SP_ROSTER_ACCOUNT], 1);
    assert_int_equal(info.orphans, 0);

    assert_int_equal(sp_roster_find(roster, info.size, SP_ROSTER_KEY,
                                    SP_STR(KID), &found), SP_OK);
    assert_int_equal(sp_key_unpack(&record, found.packed, found.len), SP_OK);
    assert_int_equal(record.account_len, 4);
    assert_memory_equal(record.account, "acme", 4);
    assert_int_equal(found.denies, 0);

    assert_int_equal(sp_roster_find(roster, info.size, SP_ROSTER_ACCOUNT,
                                    SP_STR("acme"), &found), SP_OK);
    assert_int_equal(sp_account_unpack(&account, found.packed, found.len),
                     SP_OK);
    assert_int_equal(account.status, SP_STATUS_SUSPENDED);
    assert_int_equal(found.denies, 1);
    assert_int_equal(found.ver, 7);
    assert_int_equal(found.line, 4);

    /* an account's name is no key's, and the other way round */

    assert_int_equal(sp_roster_find(roster, info.size, SP_ROSTER_KEY,
                                    SP_STR("acme"), &found), SP_DECLINED);
    assert_int_equal(sp_roster_find(roster, info.size, SP_ROSTER_ACCOUNT,
                                    SP_STR("acm"), &found), SP_DECLINED);

    free(roster);
}


static void
test_customers(void **state)
{
    sp_roster_t        *roster;
    sp_account_t        account;
    sp_roster_info_t    info;
    sp_roster_found_t   found;

    roster = make("{\"kind\":\"customer\",\"id\":\"eu:big:shop\",\"v\":\"1\","
                  "\"ver\":\"1\",\"type\":\"individual\",\"status\":"
                  "\"closed\",\"level\":\"0\"}\n");
    assert_non_null(roster);
    sp_roster_info(roster, &info);

    assert_int_equal(sp_roster_find(roster, info.size, SP_ROSTER_CUSTOMER,
                                    SP_STR("eu:big:shop"), &found), SP_OK);
    assert_int_equal(sp_account_unpack(&account, found.packed, found.len),
                     SP_OK);
    assert_int_equal(account.id_len, 4);
    assert_memory_equal(account.id, "shop", 4);

    free(roster);
}


static void
test_orphans(void **state)
{
    sp_roster_t       *roster;
    sp_roster_info_t   info;

    roster = make(ACCT("other", "1", "closed") KEY);
    assert_non_null(roster);

    sp_roster_info(roster, &info);
    assert_int_equal(info.orphans, 1);
    assert_int_equal(info.orphan, 2);

    free(roster);
}


static void
test_refused(void **state)
{
    char  *longest;

    refused("", 1, "no records");
    refused("\n\n", 3, "no records");
    refused(KEY "nonsense\n", 2, "one JSON object");
    refused(KEY "\xef\xbb\xbf" KEY, 2, "one JSON object");
    refused(KEY ACCT("acme", "1", "odd"), 2, "status");
    refused(KEY "{\"kind\":\"account\",\"id\":\"acme\"", 2, "missing");
    refused(KEY "{\"kind\":\"account\",\"id\":\"acm", 2, "ends in a string");
    refused(KEY "{\"kind\":\"acct\",\"id\":\"acme\"}\n", 2, "none of key");
    refused("{\"id\":\"acme\"}\n", 1, "no \"kind\"");
    refused("{\"kind\":\"account\"}\n", 1, "1 to 64");
    refused("{\"kind\":\"key\",\"id\":\"acme\"}\n", 1, "32 digits");
    refused("{\"kind\":\"customer\",\"id\":\"acme\"}\n", 1, "RESELLER:NAME");
    refused("{\"kind\":\"customer\",\"id\":\"acme:\"}\n", 1, "RESELLER:NAME");
    refused("{\"kind\":\"customer\",\"id\":\":acme\"}\n", 1, "RESELLER:NAME");
    refused("{\"kind\":\"account\",\"id\":\"a\",\"id\":\"a\"}\n", 1, "twice");
    refused("{\"kind\":\"account\",\"id\":\"a\",\"v\":\"1\",\"v\":\"1\"}\n", 1,
            "twice");
    refused("{\"kind\":\"account\",\"id\":\"a\",\"level\":2}\n", 1, "quotes");
    refused("{\"kind\":\"account\",\"id\":\"a\",\"x_a\":\"\\u0000\"}\n", 1,
            "zero byte");
    refused("{\"kind\":\"account\",\"id\":\"a\",\"x_a\":\"\\ud800\"}\n", 1,
            "surrogate");
    refused("{\"kind\":\"account\",\"id\":\"a\",\"x_a\":\"\xc0\x80\"}\n", 1,
            "UTF-8");
    refused(KEY KEY, 2, "on line 1 already");
    refused(KEY "{\"kind\":\"meta\",\"records\":\"2\"}\n", 3, "says 2");
    refused(KEY "{\"kind\":\"meta\",\"schema\":\"2\"}\n", 2, "schema");
    refused("{\"kind\":\"meta\"}\n{\"kind\":\"meta\"}\n" KEY, 2, "second");

    longest = malloc(2 * SP_ROSTER_LINE);
    assert_non_null(longest);
    memset(longest, ' ', 2 * SP_ROSTER_LINE);
    longest[2 * SP_ROSTER_LINE - 1] = '\0';
    refused(longest, 1, "longer than");
    free(longest);
}


static void
test_errors_are_counted(void **state)
{
    unsigned                   i;
    char                       text[64 * 40];
    const sp_roster_errors_t  *errors;

    for (i = 0, text[0] = '\0'; i < 40; i++) {
        strcat(text, "{\"kind\":\"key\"}\n");
    }

    assert_null(make(text));

    errors = sp_roster_errors(maker);
    assert_int_equal(errors->total, 40);
    assert_int_equal(errors->n, SP_ROSTER_ERRORS);
    assert_int_equal(errors->items[SP_ROSTER_ERRORS - 1].line,
                     SP_ROSTER_ERRORS);
}


static void
test_escapes(void **state)
{
    size_t             at;
    const char        *why;
    sp_roster_line_t   line;
    unsigned char      text[] =
        " { \"kind\" : \"account\" ,\t\"id\":\"\\u0061cme\", \"x_\\\"\": "
        "\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\u20AC\\ud83d\\ude00\" } ";

    assert_int_equal(sp_roster_line(&line, text, sizeof(text) - 1, &why, &at),
                     SP_OK);
    assert_int_equal(line.n, 1);
    assert_true(sp_str_eq(line.id, SP_STR("acme")));
    assert_true(sp_str_eq(line.pairs[0].name, SP_STR("x_\"")));
    assert_true(sp_str_eq(line.pairs[0].value,
                          SP_STR("\\/\b\f\n\r\t\xc3\xa4\xe2\x82\xac"
                                 "\xf0\x9f\x98\x80")));
}


static void
test_versions(void **state)
{
    sp_roster_t  *before, *after;

    before = make(KEY ACCT("acme", "7", "suspended") ACCT("b", "2", "pending"));
    assert_null(before);        /* pending wants pending_since */

    before = make(KEY ACCT("acme", "7", "suspended")
                  ACCT("b", "2", "unverified"));
    assert_non_null(before);

    /* the same, higher, new, gone: all of it may be */

    after = make(ACCT("acme", "7", "unverified") ACCT("c", "1", "unverified"));
    assert_non_null(after);
    assert_int_equal(sp_roster_follows(maker, after, before), SP_OK);
    free(after);

    /* a lower one that refuses */

    after = make(ACCT("acme", "7", "unverified") ACCT("b", "1", "closed"));
    assert_non_null(after);
    assert_int_equal(sp_roster_follows(maker, after, before), SP_OK);
    free(after);

    /* a lower one that might allow */

    after = make(ACCT("c", "1", "closed") ACCT("acme", "6", "unverified"));
    assert_non_null(after);
    assert_int_equal(sp_roster_follows(maker, after, before), SP_ERROR);
    assert_int_equal(sp_roster_errors(maker)->items[0].line, 2);
    assert_non_null(strstr(sp_roster_errors(maker)->items[0].text, "goes back"));

    free(after);
    free(before);
}


/* Property: however a file is cut, the same comes of it; all are found. */

static void
test_random(void **state)
{
    char                kid[33];
    char               *text, *p;
    size_t              len, i, n, piece;
    unsigned            seed, round;
    sp_str_t            id;
    sp_roster_t        *whole, *cut;
    sp_roster_info_t    info;
    sp_roster_found_t   found;

    seed = (unsigned) time(NULL);
    print_message("seed %u\n", seed);
    srandom(seed);

    text = malloc(2000 * 160);
    assert_non_null(text);

    for (round = 0; round < 20; round++) {
        n = 1 + (size_t) random() % 1000;

        for (i = 0, p = text; i < n; i++) {
            p += sprintf(p, "{\"kind\":\"key\",\"id\":\"%032zx\",\"v\":\"1\","
                         "\"ver\":\"%zu\",\"account\":\"a%zu\",\"name\":"
                         "\"k\",\"status\":\"%s\"}%s", i * 2654435761u, i + 1,
                         i, random() & 1 ? "active" : "revoked",
                         i + 1 == n && random() & 1 ? "" : "\n");
        }

        len = (size_t) (p - text);
        whole = make(text);
        assert_non_null(whole);

        sp_roster_free(maker);
        maker = sp_roster_begin(key);

        for (i = 0; i < len; i += piece) {
            piece = 1 + (size_t) random() % 400;
            piece = piece < len - i ? piece : len - i;
            sp_roster_feed(maker, (unsigned char *) text + i, piece);
        }

        cut = sp_roster_end(maker);
        assert_non_null(cut);

        sp_roster_info(whole, &info);
        assert_int_equal(info.counts[SP_ROSTER_KEY], n);
        assert_memory_equal(whole, cut, info.size);

        for (i = 0; i < n + 10; i++) {
            (void) snprintf(kid, sizeof(kid), "%032zx", i * 2654435761u);
            id.data = (unsigned char *) kid;
            id.len = 32;

            assert_int_equal(sp_roster_find(whole, info.size, SP_ROSTER_KEY,
                                            id, &found),
                             i < n ? SP_OK : SP_DECLINED);
            assert_true(i >= n || found.ver == i + 1);
        }

        free(whole);
        free(cut);
    }

    free(text);
}


/* An object that is written over while it is read stays harmless. */

static void
test_torn(void **state)
{
    unsigned            i, j;
    sp_roster_t        *roster, *torn;
    sp_roster_info_t    info;
    sp_roster_found_t   found;

    roster = make(KEY ACCT("acme", "7", "suspended") ACCT("b", "2", "closed"));
    assert_non_null(roster);
    sp_roster_info(roster, &info);

    torn = malloc(info.size);
    assert_non_null(torn);

    for (i = 0; i < 20000; i++) {
        memcpy(torn, roster, info.size);

        for (j = 0; j < 1 + i % 64; j++) {
            ((unsigned char *) torn)[(size_t) random() % info.size] =
                (unsigned char) random();
        }

        if (sp_roster_find(torn, info.size, SP_ROSTER_ACCOUNT, SP_STR("b"),
                           &found) == SP_OK)
        {
            assert_true(found.packed >= (unsigned char *) torn
                        && found.packed + found.len
                           <= (unsigned char *) torn + info.size);
        }
    }

    free(torn);
    free(roster);
}


static int
done(void **state)
{
    sp_roster_free(maker);
    maker = NULL;

    return 0;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_customers),
        cmocka_unit_test(test_orphans),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_errors_are_counted),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_torn)
    };

    return cmocka_run_group_tests(tests, NULL, done);
}

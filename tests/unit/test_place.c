
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tests of places: which codes exist, that equal
 * places have equal values, and that every value can be written back.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "sp_place.h"


static sp_place_rc_t
parse(const char *text, sp_place_t *place)
{
    return sp_place_parse(sp_cstr(text), place);
}


static sp_place_t
place(const char *text)
{
    sp_place_t  p;

    if (parse(text, &p) != SP_PLACE_OK) {
        fail_msg("\"%s\" is refused", text);
    }

    return p;
}


/* The table against the system's own list of ISO 3166-1, where it has one. */

static void
test_table(void **state)
{
    int         n;
    char        code[3], line[256];
    FILE       *f;
    sp_place_t  p;

    n = 0;
    code[2] = '\0';

    for (code[0] = 'A'; code[0] <= 'Z'; code[0]++) {
        for (code[1] = 'A'; code[1] <= 'Z'; code[1]++) {
            if (parse(code, &p) == SP_PLACE_OK
                && strcmp(code, "UK") != 0 && strcmp(code, "EL") != 0)
            {
                n++;
            }
        }
    }

    assert_int_equal(n, 249 + 1);

    f = fopen("/usr/share/zoneinfo/iso3166.tab", "r");

    if (f == NULL) {
        return;
    }

    n = 0;

    while (fgets(line, sizeof(line), f) != NULL) {

        if (line[0] >= 'A' && line[0] <= 'Z') {
            line[2] = '\0';
            (void) place(line);
            n++;
        }
    }

    fclose(f);

    assert_int_equal(n, 249);
}


static void
test_aliases(void **state)
{
    size_t                    i;
    sp_place_t                p;

    static const char *const  pairs[][2] = {
        { "UK", "GB" }, { "EL", "GR" }, { "UK-SCT", "GB-SCT" },
        { "CN-HK", "HK" }, { "CN-MO", "MO" }, { "CN-TW", "TW" },
        { "CN-91", "HK" }, { "CN-92", "MO" }, { "CN-71", "TW" }
    };

    for (i = 0; i < sp_nelts(pairs); i++) {
        assert_int_equal(place(pairs[i][0]), place(pairs[i][1]));
    }

    assert_string_equal(sp_place_hint(SP_STR("UK")), "GB");
    assert_string_equal(sp_place_hint(SP_STR("TP")), "TL");
    assert_null(sp_place_hint(SP_STR("GB")));
    assert_null(sp_place_hint(SP_STR("")));

    /* China's other subdivisions stay hers. */
    assert_int_equal(sp_place_country(place("CN-BJ")), place("CN"));
    assert_int_equal(sp_place_country(place("CN-HKX")), place("CN"));
    assert_int_not_equal(place("CN"), place("HK"));
    assert_int_equal(parse("XK", &p), SP_PLACE_OK);
}


static void
test_refusals(void **state)
{
    size_t                    i;
    sp_place_t                p;

    static const char *const  nowhere[] = {
        "ZZ", "XX", "A1", "A2", "O1", "AP", "EU", "T1", "--", "??", "ZZ-1"
    };

    static const char *const  none[] = {
        "AN", "SU", "YU", "CS", "TP", "ZR", "BU", "DD", "FX", "AA", "QQ",
        "XA", "AB", "XI"
    };

    static const char *const  malformed[] = {
        "", "S", "sg", "Sg", "sG", "SGP", "SG-", "SG-1234", "SG-a", "SG_1",
        "SG 1", " SG", "SG ", "12", "1A", "SG-1-", "SG--1", "UA-4\xc3\xa9",
        "AP1", "EUR", "XX1"
    };

    for (i = 0; i < sp_nelts(nowhere); i++) {
        p = 1;
        assert_int_equal(parse(nowhere[i], &p), SP_PLACE_NOWHERE);
        assert_int_equal(p, SP_PLACE_NONE);
    }

    for (i = 0; i < sp_nelts(none); i++) {
        assert_int_equal(parse(none[i], &p), SP_PLACE_NO_CODE);
        assert_int_equal(p, SP_PLACE_NONE);
    }

    for (i = 0; i < sp_nelts(malformed); i++) {
        assert_int_equal(parse(malformed[i], &p), SP_PLACE_MALFORMED);
        assert_int_equal(p, SP_PLACE_NONE);
    }
}


/* Any bytes: what is accepted can be written, and reads back as itself. */

static void
test_round_trip(void **state)
{
    char           text[SP_PLACE_TEXT_LEN];
    size_t         n;
    unsigned       i, k, ok;
    sp_str_t       s;
    sp_place_t     a, b;
    unsigned char  bytes[8];

    static const char  letters[] = "ABCDEFGHIKLMNOPRSTUVWXYZ0123456789--?a";

    printf("seed 20261123\n");
    srand(20261123);
    ok = 0;

    for (i = 0; i < 2000000; i++) {
        s.len = (size_t) rand() % 8;
        s.data = bytes;

        for (k = 0; k < s.len; k++) {
            bytes[k] = (unsigned char) letters[(size_t) rand()
                                               % (sizeof(letters) - 1)];
        }

        if (s.len > 2 && rand() % 2 == 0) {
            bytes[2] = '-';
        }

        if (sp_place_parse(s, &a) != SP_PLACE_OK) {
            continue;
        }

        ok++;
        n = sp_place_format(a, text);
        assert_in_range(n, 2, SP_PLACE_TEXT_LEN);
        s.len = n;
        s.data = (unsigned char *) text;
        assert_int_equal(sp_place_parse(s, &b), SP_PLACE_OK);
        assert_int_equal(a, b);
        assert_true(sp_place_valid(a));
        assert_true(sp_place_is_region(a) == (n > 2));
    }

    assert_true(ok > 10000);
}


/* Any word: writing it never runs over, and only parsed places are valid. */

static void
test_damaged(void **state)
{
    char        text[SP_PLACE_TEXT_LEN];
    unsigned    i, valid;
    sp_str_t    s;
    sp_place_t  p, again;

    srand(20261124);
    valid = 0;

    for (i = 0; i < 2000000; i++) {
        p = (sp_place_t) rand() << 16 ^ (sp_place_t) rand();
        p = (i & 1) ? p : (p & 0xffff03ff);

        s.len = sp_place_format(p, text);
        s.data = (unsigned char *) text;
        assert_true(s.len <= SP_PLACE_TEXT_LEN);
        assert_true((s.len != 0) == (sp_place_country(p) != 0
                                     && sp_place_country(p) <= SP_COUNTRIES));

        if (sp_place_valid(p)) {
            valid++;
            assert_int_equal(sp_place_parse(s, &again), SP_PLACE_OK);
            assert_int_equal(again, p);
            assert_true(sp_place_country(p) <= SP_COUNTRIES);
        }
    }

    assert_true(valid > 1000);
    assert_false(sp_place_valid(SP_PLACE_NONE));
    assert_false(sp_place_valid(SP_PLACE_UNKNOWN));
}


/* The table of subdivisions: each is read as itself, and is known. */

static void
test_parts(void **state)
{
    char         code[SP_PLACE_TEXT_LEN + 1], c0, c1;
    size_t       i, n;
    unsigned     parts, countries;
    sp_str_t     s;
    sp_place_t   country, place, last;
    const char  *p;

    static const char *const  unknown[] = {
        "UA-99", "UA-4", "SG-1", "XK-01", "DE-BAY", "US-XX"
    };

    parts = countries = 0;
    s.data = (const unsigned char *) code;

    for (c0 = 'A'; c0 <= 'Z'; c0++) {
        for (c1 = 'A'; c1 <= 'Z'; c1++) {
            snprintf(code, sizeof(code), "%c%c", c0, c1);
            s.len = 2;

            if (sp_place_parse(s, &country) != SP_PLACE_OK
                || sp_place_hint(s) != NULL)
            {
                continue;       /* UK and EL are others' */
            }

            countries++;
            assert_int_equal(sp_place_known(country), 1);

            last = 0;

            for (p = sp_place_parts(country); *p; p += n + (p[n] == ' ')) {
                n = strcspn(p, " ");
                assert_in_range(n, 1, 3);
                snprintf(code, sizeof(code), "%c%c-%.*s", c0, c1, (int) n, p);
                s.len = 3 + n;

                assert_int_equal(sp_place_parse(s, &place), SP_PLACE_OK);
                assert_int_equal(sp_place_country(place), country);
                assert_true(sp_place_is_region(place) && place != last);
                assert_int_equal(sp_place_known(place), 1);
                last = place;
                parts++;
            }
        }
    }

    assert_int_equal(countries, 250);
    assert_in_range(parts, 5000, 5500);

    for (i = 0; i < sp_nelts(unknown); i++) {
        assert_int_equal(sp_place_parse(sp_cstr(unknown[i]), &place),
                         SP_PLACE_OK);
        assert_int_equal(sp_place_known(place), 0);
    }

    assert_int_equal(sp_place_known(SP_PLACE_NONE), 0);
    assert_int_equal(sp_place_known(SP_PLACE_UNKNOWN), 0);
    assert_string_equal(sp_place_parts(SP_PLACE_NONE), "");
    assert_non_null(strstr(sp_place_source(), "iso-codes"));

    assert_string_equal(sp_place_hint(SP_STR("USA")), "US");
    assert_string_equal(sp_place_hint(SP_STR("deu")), "DE");
    assert_string_equal(sp_place_hint(SP_STR("de")), "DE");
    assert_string_equal(sp_place_hint(SP_STR("uk")), "GB");
    assert_string_equal(sp_place_hint(SP_STR("cn-hk")), "HK");
    assert_null(sp_place_hint(SP_STR("XYZ")));
}


static void
test_sets(void **state)
{
    sp_place_t      p;
    sp_countries_t  set;

    memset(&set, 0, sizeof(set));
    sp_countries_add(&set, place("UA-43"));

    for (p = 1; p <= SP_COUNTRIES; p++) {
        assert_int_equal(sp_countries_has(&set, p), p == place("UA"));
    }

    assert_true(sp_countries_has(&set, place("UA-40")));
    assert_false(sp_countries_has(&set, SP_PLACE_NONE));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_aliases),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_sets)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

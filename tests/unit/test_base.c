
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tests of sp_base: each conversion against a naive
 * reading of its definition, over random input.
 */


#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "sp_base.h"


#define SEED  UINT64_C(0x5a11f0)


static uint64_t  rnd_state = SEED;


static uint64_t
rnd(void)
{
    rnd_state ^= rnd_state << 13;
    rnd_state ^= rnd_state >> 7;
    rnd_state ^= rnd_state << 17;

    return rnd_state;
}


static void
test_caseeq(void **state)
{
    int            i, j, want;
    size_t         n;
    unsigned char  a, b, x[40], y[40];

    for (i = 0; i < 256; i++) {
        for (j = 0; j < 256; j++) {
            a = (unsigned char) i;
            b = (unsigned char) j;

            want = i == j
                   || (i >= 'A' && i <= 'Z' && j == i + 32)
                   || (j >= 'A' && j <= 'Z' && i == j + 32);

            assert_int_equal(sp_str_caseeq((sp_str_t) { 1, &a },
                                           (sp_str_t) { 1, &b }), want);
        }
    }

    /* of each length, in the other case throughout, and with one odd byte */

    for (n = 0; n <= sizeof(x); n++) {
        for (i = 0; i < (int) n; i++) {
            x[i] = (unsigned char) rnd();
            y[i] = (x[i] | 0x20) >= 'a' && (x[i] | 0x20) <= 'z'
                   ? x[i] ^ 0x20 : x[i];
        }

        assert_true(sp_str_caseeq((sp_str_t) { n, x }, (sp_str_t) { n, y }));

        for (i = 0; i < (int) n; i++) {
            y[i] ^= 0x81;
            assert_false(sp_str_caseeq((sp_str_t) { n, x },
                                       (sp_str_t) { n, y }));
            y[i] ^= 0x81;
        }
    }

    assert_true(sp_str_caseeq(SP_STR("Bearer"), SP_STR("bEARER")));
    assert_false(sp_str_caseeq(SP_STR("Bearer"), SP_STR("Bearer ")));
    assert_true(sp_str_caseeq((sp_str_t) { 0, NULL }, SP_STR("")));
    assert_true(sp_str_eq((sp_str_t) { 0, NULL }, SP_STR("")));
}


static void
test_uint(void **state)
{
    int       i, n;
    char      text[32];
    uint64_t  value, want, max;

    for (i = 0; i < 200000; i++) {
        want = rnd() >> (rnd() % 64);
        max = rnd() >> (rnd() % 64);
        n = snprintf(text, sizeof(text), "%llu", (unsigned long long) want);
        value = 42;

        if (want <= max) {
            assert_int_equal(sp_parse_uint((sp_str_t) { (size_t) n,
                                           (unsigned char *) text },
                                           max, &value), SP_OK);
            assert_true(value == want);

        } else {
            assert_int_equal(sp_parse_uint((sp_str_t) { (size_t) n,
                                           (unsigned char *) text },
                                           max, &value), SP_ERROR);
            assert_true(value == 42);
        }
    }

    static const char *const  bad[] = {
        "", "00", "01", "+1", "-1", " 1", "1 ", "1.0", "1e2", "0x1", "a",
        "18446744073709551616", "18446744073709551620", "99999999999999999999",
        "184467440737095516150"
    };

    for (i = 0; i < (int) sp_nelts(bad); i++) {
        assert_int_equal(sp_parse_uint(sp_cstr(bad[i]), UINT64_MAX, &value),
                         SP_ERROR);
    }

    assert_int_equal(sp_parse_uint(SP_STR("18446744073709551615"), UINT64_MAX,
                                   &value), SP_OK);
    assert_true(value == UINT64_MAX);
    assert_int_equal(sp_parse_uint(SP_STR("0"), 0, &value), SP_OK);
    assert_int_equal(sp_parse_uint(SP_STR("1"), 0, &value), SP_ERROR);
}


static void
test_hex(void **state)
{
    int            i, c;
    size_t         n, k;
    unsigned char  src[40], text[80], back[40], one[2];

    for (i = 0; i < 20000; i++) {
        n = rnd() % (sizeof(src) + 1);

        for (k = 0; k < n; k++) {
            src[k] = (unsigned char) rnd();
        }

        sp_hex(src, n, text);
        assert_int_equal(sp_unhex((sp_str_t) { 2 * n, text }, back), SP_OK);
        assert_memory_equal(src, back, n);

        if (n != 0) {
            assert_int_equal(sp_unhex((sp_str_t) { 2 * n - 1, text }, back),
                             SP_ERROR);
        }
    }

    for (c = 0; c < 256; c++) {
        one[0] = '0';
        one[1] = (unsigned char) c;
        assert_int_equal(sp_unhex((sp_str_t) { 2, one }, back),
                         (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')
                         ? SP_OK : SP_ERROR);
    }
}


/* Decodes by arithmetic, then asks whether this was the shortest form. */

static int
naive_utf8(const unsigned char *p, size_t len)
{
    size_t    i, k, n;
    uint32_t  c;

    for (i = 0; i < len; i += n) {
        n = p[i] < 0x80 ? 1 : (p[i] >> 5) == 6 ? 2 : (p[i] >> 4) == 14 ? 3
            : (p[i] >> 3) == 30 ? 4 : 0;

        if (n == 0 || len - i < n) {
            return 0;
        }

        c = n == 1 ? p[i] : p[i] & (0x7fu >> n);

        for (k = 1; k < n; k++) {
            if ((p[i + k] >> 6) != 2) {
                return 0;
            }

            c = c << 6 | (p[i + k] & 63);
        }

        if ((n == 2 && c < 0x80) || (n == 3 && c < 0x800)
            || (n == 4 && c < 0x10000) || c > 0x10ffff
            || (c >= 0xd800 && c <= 0xdfff))
        {
            return 0;
        }
    }

    return 1;
}


static void
test_utf8(void **state)
{
    int            i, good;
    size_t         n, k;
    uint32_t       w;
    unsigned char  p[24];

    static const unsigned char  edge[] = {
        0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1,
        0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3,
        0xf4, 0xf5, 0xf8, 0xfe, 0xff
    };

    /* all of one to three bytes */

    for (w = 0; w < 0x1000000; w += (w < 0x10000) ? 1 : 7) {
        p[0] = (unsigned char) w;
        p[1] = (unsigned char) (w >> 8);
        p[2] = (unsigned char) (w >> 16);
        n = w < 0x100 ? 1 : w < 0x10000 ? 2 : 3;

        if (sp_utf8_valid((sp_str_t) { n, p }) != naive_utf8(p, n)) {
            fail_msg("%02x %02x %02x", p[0], p[1], p[2]);
        }
    }

    good = 0;

    for (i = 0; i < 400000; i++) {
        n = rnd() % sizeof(p);

        for (k = 0; k < n; k++) {
            p[k] = rnd() % 3 ? 'a' : edge[rnd() % sizeof(edge)];
        }

        good += naive_utf8(p, n);
        assert_int_equal(sp_utf8_valid((sp_str_t) { n, p }),
                         naive_utf8(p, n));
    }

    assert_true(good > 1000);

    /* every code point, alone and behind a full word */

    memset(p, 'x', 8);

    for (w = 0x80; w < 0x110000; w++) {
        if (w < 0x800) {
            p[8] = (unsigned char) (0xc0 | w >> 6);
            p[9] = (unsigned char) (0x80 | (w & 63));
            n = 2;

        } else if (w < 0x10000) {
            p[8] = (unsigned char) (0xe0 | w >> 12);
            p[9] = (unsigned char) (0x80 | (w >> 6 & 63));
            p[10] = (unsigned char) (0x80 | (w & 63));
            n = 3;

        } else {
            p[8] = (unsigned char) (0xf0 | w >> 18);
            p[9] = (unsigned char) (0x80 | (w >> 12 & 63));
            p[10] = (unsigned char) (0x80 | (w >> 6 & 63));
            p[11] = (unsigned char) (0x80 | (w & 63));
            n = 4;
        }

        assert_int_equal(sp_utf8_valid((sp_str_t) { 8 + n, p }),
                         w < 0xd800 || w > 0xdfff);
        assert_int_equal(sp_utf8_valid((sp_str_t) { 8 + n - 1, p }), 0);
    }
}


/* From the paper's appendix A and its authors' list of vectors. */

static void
test_siphash(void **state)
{
    int            i;
    unsigned char  key[16], data[64];

    for (i = 0; i < 16; i++) {
        key[i] = (unsigned char) i;
    }

    for (i = 0; i < 64; i++) {
        data[i] = (unsigned char) i;
    }

    assert_true(sp_siphash(key, data, 0) == UINT64_C(0x726fdb47dd0e0e31));
    assert_true(sp_siphash(key, data, 1) == UINT64_C(0x74f839c593dc67fd));
    assert_true(sp_siphash(key, data, 8) == UINT64_C(0x93f5f5799a932462));
    assert_true(sp_siphash(key, data, 15) == UINT64_C(0xa129ca6149be45e5));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_caseeq),
        cmocka_unit_test(test_uint),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_siphash)
    };

    printf("seed %llx\n", (unsigned long long) SEED);

    return cmocka_run_group_tests(tests, NULL, NULL);
}

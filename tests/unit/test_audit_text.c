
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tests of the writer of audit lines: texts, numbers
 * and times, whatever they are made of.
 */


#include "audit_case.h"


static void
test_text(void **state)
{
    size_t          len, max;
    unsigned        i;
    sp_str_t        s;
    unsigned char  *p, *buf;

    static const struct {
        const char  *in;
        const char  *out;
    } rows[] = {
        { "plain /?~", "\"plain /?~\"" },
        { "a\"b\\c", "\"a\\\"b\\\\c\"" },
        { "\n\r\t\x01\x1f\x7f",
          "\"\\u000a\\u000d\\u0009\\u0001\\u001f\\u007f\"" },
        { "\xc2\x85\xc2\xa0", "\"\\u0085\xc2\xa0\"" },
        { "\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xae",
          "\"\\u2028\\u2029\\u202e\"" },
        { "\xef\xbb\xbf", "\"\\ufeff\"" },
        { "\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80",
          "\"\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80\"" },
        { "\x80", "\"\\ufffd\"" },
        { "\xc0\xaf", "\"\\ufffd\\ufffd\"" },
        { "\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"" },
        { "\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"" },
        { "\xe2\x82", "\"\\ufffd\\ufffd\"" },
        { "", "\"\"" }
    };

    for (i = 0; i < sp_nelts(rows); i++) {
        p = sp_put_text(line, sp_cstr(rows[i].in), 1000);
        *p = '\0';
        assert_string_equal((char *) line, rows[i].out);
    }

    srand(20261124);

    for (i = 0; i < 300000; i++) {
        s = nasty_text((size_t) rand() % 60);
        max = (size_t) rand() % 80;

        buf = malloc(max + 8);
        p = sp_put_text(buf, s, max);
        len = (size_t) (p - buf);
        assert_true(len <= max + 8);

        if (string(buf, p) != p
            || sp_utf8_valid((sp_str_t) { len, buf }) == 0)
        {
            fail_msg("odd string %.*s", (int) len, buf);
        }

        free(buf);
    }
}


static void
test_numbers(void **state)
{
    char            text[64];
    time_t          t;
    uint64_t        n;
    unsigned        i;
    struct tm       tm;
    unsigned char  *p;

    srand(20261125);

    for (i = 0; i < 300000; i++) {
        n = (uint64_t) rand() << 31 ^ (uint64_t) rand();
        n >>= rand() % 62;
        n = n > SP_PUT_INT_MAX ? SP_PUT_INT_MAX : n;
        p = sp_put_int(line, i & 1 ? (int64_t) n : -(int64_t) n);
        *p = '\0';
        snprintf(text, sizeof(text), "%lld",
                 i & 1 ? (long long) n : -(long long) n);
        assert_string_equal((char *) line, text);

        t = (time_t) (n % 253402300800);
        assert_non_null(gmtime_r(&t, &tm));
        snprintf(text + strftime(text, 32, "%Y-%m-%dT%H:%M:%S", &tm), 16,
                 ".%06u", i);
        p = sp_put_micros(sp_put_second(line, (uint64_t) t), i);
        *p = '\0';
        assert_string_equal((char *) line, text);
    }

    p = sp_put_uint(line, UINT64_MAX);
    *p++ = ' ';
    p = sp_put_int(p, INT64_MIN);
    *p++ = ' ';
    p = sp_put_second(p, UINT64_MAX);
    *p = '\0';
    assert_string_equal((char *) line, "9007199254740991 -9007199254740991 "
                        "9999-12-31T23:59:59.");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_numbers)
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tests of sp_json on random and mutated documents:
 * agreement with a naive reader, and the same result however they are cut.
 */


#include "json_oracle.h"


#define CASES  150000


/* Random documents. */

static unsigned char  doc[65536];
static size_t         doc_len;


static void
put(const char *text)
{
    size_t  n = strlen(text);

    if (doc_len + n < 16384) {
        memcpy(doc + doc_len, text, n);
        doc_len += n;
    }
}


static void
put_space(void)
{
    static const char *const  spaces[] = { "", "", "", " ", "\n", "\r\n\t " };

    put(spaces[rnd() % sp_nelts(spaces)]);
}


static void
put_string(void)
{
    int     n;
    size_t  len;
    char    text[8];

    static const char *const  parts[] = {
        "a", "\\n", "\\\"", "\\\\", "\\/", "\\u0041", "\\u00e9", "\\u4e2d",
        "\\ud83d\\ude00", "\xc3\xa9", "\xe4\xb8\xad", "\xf0\x9f\x98\x80",
        "\\u0000", "\xef\xbf\xbf", "\x7f", " ", "\\ud800", "\\udc00",
        "\xed\xa0\x80", "\xc0\x80", "\\x", "\t", "\xff", "\xe4\xb8"
    };

    put("\"");

    for (n = (int) (rnd() % 6); n > 0; n--) {
        if (rnd() % 2) {
            text[0] = (char) ('a' + rnd() % 26);
            text[1] = '\0';

            for (len = rnd() % (rnd() % 8 ? 24 : 300); len > 0; len--) {
                put(text);
            }

        } else {
            put(parts[rnd() % (rnd() % 60 ? 16 : sp_nelts(parts))]);
        }
    }

    put("\"");
}


static void
put_key(void)
{
    static const char *const  keys[] = {
        "model", "models", "stream", "tools", "max_tokens", "a", "b", "c",
        "grid", "stream_options", "include_usage", "kinks", "maxTokens",
        "list", "x", "messages", "temperature", "m\\u006fdel",
        "\\u006d\\u006F\\u0064\\u0065\\u006c", "modelx", "mode", "",
        "max_to\\u006bens", "role",
        "Model", "MODEL", "\xc5\xbftream", "max_to\xe2\x84\xaa\145n\xc5\xbf",
        "\\u017ftream", "max_to\\u212aens", "maxtokens", "A", "kin\\u212As"
    };

    if (rnd() % 5 == 0) {
        put_string();
        return;
    }

    put("\"");
    put(keys[rnd() % (rnd() % 25 ? 24 : sp_nelts(keys))]);
    put("\"");
}


static void
put_value(int depth)
{
    int  n;

    static const char *const  scalars[] = {
        "null", "true", "false", "0", "-0", "1", "4096", "-12", "1.5",
        "1e9", "1E+2", "2e-3", "123456789012345678901234567890",
        "1e999999999", "01", "1.", ".5", "+1", "NaN", "tru", "nulll", "-",
        "1e", "1e+", "Infinity", "'a'", "0x10"
    };

    switch (rnd() % (depth > 0 ? 6 : 4)) {

    case 0:
    case 1:
        put_string();
        break;

    case 2:
    case 3:
        put(scalars[rnd() % (rnd() % 60 ? 14 : sp_nelts(scalars))]);
        break;

    case 4:
        put("[");
        put_space();

        for (n = (int) (rnd() % 4); n > 0; n--) {
            put_value(depth - 1);
            put_space();
            put(n > 1 || rnd() % 150 == 0 ? "," : "");
            put_space();
        }

        put("]");
        break;

    default:
        put("{");
        put_space();

        for (n = (int) (rnd() % 5); n > 0; n--) {
            put_key();
            put_space();
            put(":");
            put_space();
            put_value(depth - 1);
            put_space();
            put(n > 1 || rnd() % 150 == 0 ? "," : "");
        }

        put("}");
    }
}


static void
make_doc(void)
{
    int  n;

    doc_len = 0;
    put_space();
    put("{");

    for (n = (int) (rnd() % 7); n > 0; n--) {
        put_space();
        put_key();
        put_space();
        put(":");
        put_space();
        put_value(4);
        put(n > 1 ? "," : "");
    }

    put_space();
    put("}");
    put_space();
}


static void
mutate(void)
{
    size_t  at, n;

    static const char  bytes[] = "{}[]\",:\\u0019eE+-. \n\t'/*nulltruefalse"
                                 "\x01\x1f\x7f\x80\xbf\xc3\xed\xf4\xff";

    for (n = 1 + rnd() % 3; n > 0 && doc_len > 0; n--) {
        at = rnd() % doc_len;

        switch (rnd() % 4) {

        case 0:
            doc[at] = (unsigned char) bytes[rnd() % (sizeof(bytes) - 1)];
            break;

        case 1:
            memmove(doc + at, doc + at + 1, doc_len - at - 1);
            doc_len--;
            break;

        case 2:
            memmove(doc + at + 1, doc + at, doc_len - at);
            doc[at] = (unsigned char) bytes[rnd() % (sizeof(bytes) - 1)];
            doc_len++;
            break;

        default:
            doc[at] = (unsigned char) rnd();
        }
    }
}


static void
test_random(void **state)
{
    int  i, good, bad;

    good = 0;
    bad = 0;

    for (i = 0; i < CASES; i++) {
        make_doc();

        if (i % 2) {
            mutate();
        }

        check(doc, doc_len) ? good++ : bad++;
    }

    printf("accepted %d, refused %d\n", good, bad);
    assert_true(good > CASES / 5 && bad > CASES / 5);
}


/* Every prefix of a document is refused as cut short, or for what it has. */

static void
test_prefixes(void **state)
{
    int        i;
    size_t     n;
    events_t  *e;
    sp_json_t  json;

    e = malloc(sizeof(events_t));

    for (i = 0; i < 300; i++) {
        do {
            make_doc();
        } while (doc_len > 2000 || !naive(doc, doc_len, e));

        while (doc[doc_len - 1] != '}') {
            doc_len--;
        }

        for (n = 0; n < doc_len; n++) {
            scan(doc, n, 0, &json, e);
            assert_int_equal(json.error, SP_JSON_TRUNCATED);
            assert_int_equal(json.offset, n);
        }
    }

    free(e);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_prefixes)
    };

    if (oracle_init() != 0) {
        return 1;
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}

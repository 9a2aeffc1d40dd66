
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tests of sp_json on the classic traps of JSON
 * readers, on sizes, and on the compiling of watched paths.
 */


#include "json_oracle.h"


/* What readers are known to differ on. */

static void
test_traps(void **state)
{
    size_t           i;
    sp_json_t        json;
    static events_t  e;

#define t(text, error)  { sizeof(text) - 1, text, error }

    static const struct {
        size_t           len;
        const char      *text;
        sp_json_error_t  error;
    } cases[] = {
        t("{}", SP_JSON_FINE),
        t(" \t\r\n{} \t\r\n", SP_JSON_FINE),
        t("{\"model\":\"a\"}", SP_JSON_FINE),
        t("{\"\":0}", SP_JSON_FINE),
        t("{\"x\":1,\"x\":2}", SP_JSON_FINE),
        t("{\"model\":\"\\u0000\"}", SP_JSON_FINE),
        t("{\"x\":\"\\ud834\\udd1e\"}", SP_JSON_FINE),
        t("{\"x\":\"\xf4\x8f\xbf\xbf\"}", SP_JSON_FINE),
        t("{\"x\":\"\x7f\"}", SP_JSON_FINE),
        t("{\"x\":[1E400,-0,-0.0e-0,0e+1,9.0]}", SP_JSON_FINE),

        t("{\"model\\u0000\":\"b\"}", SP_JSON_TWIN),
        t("{\"x\\u0000\":\"b\"}", SP_JSON_TWIN),
        t("{\"x\":{\"model\\u0000\":\"b\"}}", SP_JSON_FINE),
        t("{\"model\":\"a\",\"model\":\"b\"}", SP_JSON_DUPLICATE),
        t("{\"model\":\"a\",\"mod\\u0065l\":\"b\"}", SP_JSON_DUPLICATE),
        t("{\"model\":\"a\",\"model\":null}", SP_JSON_DUPLICATE),
        t("{\"tools\":[{\"model\":1,\"model\":1}]}", SP_JSON_DUPLICATE),
        t("{\"tools\":[],\"tools\":[]}", SP_JSON_DUPLICATE),
        t("{\"model\":\"a\",\"Model\":\"b\"}", SP_JSON_TWIN),
        t("{\"MODEL\":\"b\"}", SP_JSON_TWIN),
        t("{\"\xc5\xbftream\":true}", SP_JSON_TWIN),
        t("{\"max_to\\u212aen\\u017f\":7}", SP_JSON_TWIN),
        t("{\"MaxTokens\":7}", SP_JSON_TWIN),
        t("{\"tools\":[{},{\"modeL\":1}]}", SP_JSON_TWIN),
        t("{\"Tools\":1}", SP_JSON_TWIN),
        t("{\"x\":{\"Model\":1,\"model\":1,\"model\":2}}", SP_JSON_FINE),

        t("", SP_JSON_TRUNCATED),
        t(" ", SP_JSON_TRUNCATED),
        t("{", SP_JSON_TRUNCATED),
        t("{\"a\":\"", SP_JSON_TRUNCATED),
        t("[]", SP_JSON_SYNTAX),
        t("\"a\"", SP_JSON_SYNTAX),
        t("1", SP_JSON_SYNTAX),
        t("null", SP_JSON_SYNTAX),
        t("{}{}", SP_JSON_SYNTAX),
        t("{}x", SP_JSON_SYNTAX),
        t("{}\0", SP_JSON_SYNTAX),
        t("{},", SP_JSON_SYNTAX),
        t("{}]", SP_JSON_SYNTAX),
        t("{]", SP_JSON_SYNTAX),
        t("{\"a\":[}", SP_JSON_SYNTAX),
        t("{\"a\":[1}", SP_JSON_SYNTAX),
        t("{\"a\":{]}", SP_JSON_SYNTAX),
        t("{\"a\":1]", SP_JSON_SYNTAX),
        t("{\"a\":1,}", SP_JSON_SYNTAX),
        t("{,\"a\":1}", SP_JSON_SYNTAX),
        t("{\"a\":[1,]}", SP_JSON_SYNTAX),
        t("{\"a\":[,1]}", SP_JSON_SYNTAX),
        t("{\"a\":[1 2]}", SP_JSON_SYNTAX),
        t("{\"a\" 1}", SP_JSON_SYNTAX),
        t("{\"a\":}", SP_JSON_SYNTAX),
        t("{\"a\"::1}", SP_JSON_SYNTAX),
        t("{\"a\":1 \"b\":2}", SP_JSON_SYNTAX),
        t("{a:1}", SP_JSON_SYNTAX),
        t("{'a':1}", SP_JSON_SYNTAX),
        t("{1:1}", SP_JSON_SYNTAX),
        t("{\"a\":1}//", SP_JSON_SYNTAX),
        t("/**/{\"a\":1}", SP_JSON_SYNTAX),
        t("{\"a\":/**/1}", SP_JSON_SYNTAX),
        t("#\n{}", SP_JSON_SYNTAX),
        t("{\"a\":NaN}", SP_JSON_SYNTAX),
        t("{\"a\":nan}", SP_JSON_SYNTAX),
        t("{\"a\":Infinity}", SP_JSON_SYNTAX),
        t("{\"a\":-Infinity}", SP_JSON_SYNTAX),
        t("{\"a\":True}", SP_JSON_SYNTAX),
        t("{\"a\":truE}", SP_JSON_SYNTAX),
        t("{\"a\":truetrue}", SP_JSON_SYNTAX),
        t("{\"a\":nul}", SP_JSON_SYNTAX),
        t("{\"a\":01}", SP_JSON_SYNTAX),
        t("{\"a\":-01}", SP_JSON_SYNTAX),
        t("{\"a\":00}", SP_JSON_SYNTAX),
        t("{\"a\":+1}", SP_JSON_SYNTAX),
        t("{\"a\":.1}", SP_JSON_SYNTAX),
        t("{\"a\":1.}", SP_JSON_SYNTAX),
        t("{\"a\":1.e1}", SP_JSON_SYNTAX),
        t("{\"a\":1e}", SP_JSON_SYNTAX),
        t("{\"a\":1e+}", SP_JSON_SYNTAX),
        t("{\"a\":1e1.5}", SP_JSON_SYNTAX),
        t("{\"a\":1.5.5}", SP_JSON_SYNTAX),
        t("{\"a\":1e1e1}", SP_JSON_SYNTAX),
        t("{\"a\":--1}", SP_JSON_SYNTAX),
        t("{\"a\":-}", SP_JSON_SYNTAX),
        t("{\"a\":0x1}", SP_JSON_SYNTAX),
        t("{\"a\":1_0}", SP_JSON_SYNTAX),
        t("{\"a\":\"\n\"}", SP_JSON_SYNTAX),
        t("{\"a\":\"\t\"}", SP_JSON_SYNTAX),
        t("{\"a\":\"\0\"}", SP_JSON_SYNTAX),
        t("{\"a\":\"\x1f\"}", SP_JSON_SYNTAX),
        t("{\"a\":\"\\a\"}", SP_JSON_SYNTAX),
        t("{\"a\":\"\\'\"}", SP_JSON_SYNTAX),
        t("{\"a\":\"\\x41\"}", SP_JSON_SYNTAX),
        t("{\"a\":\"\\U0041\"}", SP_JSON_SYNTAX),
        t("{\"a\":\"\\u004\"}", SP_JSON_SYNTAX),
        t("{\"a\":\"\\u004g\"}", SP_JSON_SYNTAX),
        t("{\"a\":\"\\\0\"}", SP_JSON_SYNTAX),
        t("{\"a\":\f1}", SP_JSON_SYNTAX),
        t("{\"a\":\v1}", SP_JSON_SYNTAX),
        t("{\"a\0\":1}", SP_JSON_SYNTAX),
        t("{\0\"a\":1}", SP_JSON_SYNTAX),

        t("\xef\xbb\xbf{}", SP_JSON_UTF8),
        t("\xff\xfe{\0}\0", SP_JSON_UTF8),
        t("\xfe\xff\0{\0}", SP_JSON_UTF8),
        t("{\0}\0", SP_JSON_SYNTAX),
        t("\0{\0}", SP_JSON_SYNTAX),
        t("{\0\0\0}\0\0\0", SP_JSON_SYNTAX),
        t("{}\xef\xbb\xbf", SP_JSON_UTF8),
        t("{\xc2\xa0}", SP_JSON_UTF8),
        t("{\"a\":\xe2\x80\xa8" "1}", SP_JSON_UTF8),
        t("{\"a\":\"\x80\"}", SP_JSON_UTF8),
        t("{\"a\":\"\xc0\x80\"}", SP_JSON_UTF8),
        t("{\"a\":\"\xc1\xbf\"}", SP_JSON_UTF8),
        t("{\"a\":\"\xe0\x9f\xbf\"}", SP_JSON_UTF8),
        t("{\"a\":\"\xed\xa0\x80\"}", SP_JSON_UTF8),
        t("{\"a\":\"\xed\xbf\xbf\"}", SP_JSON_UTF8),
        t("{\"a\":\"\xf0\x8f\xbf\xbf\"}", SP_JSON_UTF8),
        t("{\"a\":\"\xf4\x90\x80\x80\"}", SP_JSON_UTF8),
        t("{\"a\":\"\xf5\x80\x80\x80\"}", SP_JSON_UTF8),
        t("{\"a\":\"\xe4\xb8\"}", SP_JSON_UTF8),
        t("{\"a\":\"\\ud800\"}", SP_JSON_UTF8),
        t("{\"a\":\"\\ud800x\"}", SP_JSON_UTF8),
        t("{\"a\":\"\\ud800\\n\"}", SP_JSON_UTF8),
        t("{\"a\":\"\\ud800\\u0041\"}", SP_JSON_UTF8),
        t("{\"a\":\"\\ud800\\ud800\"}", SP_JSON_UTF8),
        t("{\"a\":\"\\udc00\"}", SP_JSON_UTF8),
        t("{\"\\udfff\":1}", SP_JSON_UTF8)
    };

    for (i = 0; i < sp_nelts(cases); i++) {
        scan((const unsigned char *) cases[i].text, cases[i].len, 0, &json,
             &e);

        if (json.error != cases[i].error) {
            fail_msg("%s: %d", cases[i].text, (int) json.error);
        }

        check((const unsigned char *) cases[i].text, cases[i].len);
    }
}


static sp_rc_t
refuse(void *ctx, int id, const sp_json_value_t *value)
{
    return id == *(int *) ctx ? SP_ERROR : SP_OK;
}


static void
test_refuse(void **state)
{
    int        id;
    sp_json_t  json;

    static const char  text[] = "{\"stream\":true,\"models\":[\"a\"],"
                                "\"max_tokens\":1}";

    for (id = 0; id < 13; id++) {
        sp_json_init(&json, table, refuse, &id);

        if (id == 2 || id == 3 || id == 4 || id == 6) {
            assert_int_equal(sp_json_feed(&json, (const unsigned char *) text,
                                          sizeof(text) - 1), SP_ERROR);
            assert_int_equal(json.error, SP_JSON_REFUSED);
            assert_int_equal(sp_json_feed(&json, (const unsigned char *) "{",
                                          1), SP_ERROR);
            assert_int_equal(sp_json_finish(&json), SP_ERROR);
            assert_int_equal(json.error, SP_JSON_REFUSED);

        } else {
            assert_int_equal(sp_json_feed(&json, (const unsigned char *) text,
                                          sizeof(text) - 1), SP_OK);
            assert_int_equal(sp_json_finish(&json), SP_OK);
        }
    }
}


static sp_json_error_t
repeated(const char *head, const char *unit, size_t times, const char *tail)
{
    size_t     i, len, n;
    sp_json_t  json;
    events_t   e;
    char       block[65536];

    e.len = 0;
    len = strlen(unit);

    for (n = 0; n + len <= sizeof(block); n += len) {
        memcpy(block + n, unit, len);
    }

    sp_json_init(&json, table, on_value, &e);
    (void) sp_json_feed(&json, (const unsigned char *) head, strlen(head));

    for (i = 0; i < times * len; i += n) {
        if (n > times * len - i) {
            n = times * len - i;
        }

        (void) sp_json_feed(&json, (unsigned char *) block, n);
    }

    (void) sp_json_feed(&json, (const unsigned char *) tail, strlen(tail));
    (void) sp_json_finish(&json);

    return json.error;
}


/* Depth, length of watched values at the edge, and sizes that hurt others. */

static void
test_sizes(void **state)
{
    size_t  i, n;
    char    text[2048];

    for (n = 120; n < 140; n++) {
        strcpy(text, "{\"x\":");
        memset(text + 5, '[', n);
        memset(text + 5 + n, ']', n);
        strcpy(text + 5 + 2 * n, "}");
        assert_int_equal(check((unsigned char *) text, strlen(text)),
                         n + 1 <= SP_JSON_DEPTH);
    }

    for (n = 250; n < 262; n++) {
        static const char *const  heads[] = {
            "{\"model\":\"", "{\"max_tokens\":1", "{\"", "{\"model\":\"\\u0041",
            "{\"model\":\"\xc3\xa9"
        };

        static const size_t  extra[] = { 0, 1, 0, 1, 2 };

        for (i = 0; i < sp_nelts(heads); i++) {
            strcpy(text, heads[i]);
            memset(text + strlen(heads[i]), '1', n);
            strcpy(text + strlen(heads[i]) + n,
                   i == 1 ? "}" : i == 2 ? "\":1}" : "\"}");
            assert_int_equal(check((unsigned char *) text, strlen(text)),
                             i == 2 || n + extra[i]
                                       <= SP_JSON_TEXT);
        }
    }

    assert_int_equal(repeated("{\"x\":", "[", 100000, ""), SP_JSON_DEEP);
    assert_int_equal(repeated("", "{\"a\":", 100000, ""), SP_JSON_DEEP);
    assert_int_equal(repeated("{\"x\":\"", "All work and no play. \\n", 2900000,
                              "\"}"), SP_JSON_FINE);
    assert_int_equal(repeated("{\"x\":1", "0", 1000000, "}"), SP_JSON_FINE);
    assert_int_equal(repeated("{\"max_tokens\":1", "0", 1000000, "}"),
                     SP_JSON_LONG);
    assert_int_equal(repeated("{\"x\":1e", "9", 1000000, "}"), SP_JSON_FINE);
    assert_int_equal(repeated("{\"x\":0", ",\"k\":[]", 1000000, "}"),
                     SP_JSON_FINE);
    assert_int_equal(repeated("{\"", "model", 1000000, "\":1}"), SP_JSON_FINE);
    assert_int_equal(repeated("{\"tools\":[0", ",{}", 1000000, "]}"),
                     SP_JSON_FINE);
}


/* The end of a long key is not a key, wherever the pieces are cut. */

static void
test_long_keys(void **state)
{
    size_t     n, cut, len;
    char       text[1024];
    sp_json_t  json;
    events_t   e;

    for (n = 180; n < 330; n += 7) {
        strcpy(text, "{\"");
        memset(text + 2, 'x', n);
        strcpy(text + 2 + n, "model\":1,\"model\":2}");
        len = strlen(text);

        for (cut = 0; cut <= len; cut++) {
            e.len = 0;
            sp_json_init(&json, table, on_value, &e);
            (void) sp_json_feed(&json, (unsigned char *) text, cut);
            (void) sp_json_feed(&json, (unsigned char *) text + cut,
                                len - cut);
            assert_int_equal(sp_json_finish(&json), SP_OK);
            assert_int_equal(e.len, strlen("[1 2 0 -1 1:2]"));
            assert_memory_equal(e.text, "[1 2 0 -1 1:2]", e.len);
        }
    }
}


/* Each byte at each place of a string that is skipped in large steps. */

static void
test_long_strings(void **state)
{
    int            c;
    size_t         i;
    unsigned char  text[420];

    static const char  head[] = "{\"x\":\"", tail[] = "\",\"model\":\"m\"}";

    memset(text, 'x', sizeof(text));
    memcpy(text, head, sizeof(head) - 1);
    memcpy(text + sizeof(text) - sizeof(tail) + 1, tail, sizeof(tail) - 1);

    for (i = sizeof(head) - 1; i < sizeof(text) - sizeof(tail) + 1; i++) {

        for (c = 0; c < 256; c += (c < 0x24 || c == '[') ? 1 : 9) {
            text[i] = (unsigned char) c;
            assert_int_equal(check(text, sizeof(text)),
                             c >= 0x20 && c < 0x80 && c != '"' && c != '\\');
        }

        text[i] = 'x';
    }
}


static void
test_compile(void **state)
{
    size_t           i, need, size;
    char             longest[80];
    sp_json_watch_t  many[SP_JSON_WATCH_MAX + 1];

    static _Alignas(16) char  mem[32768];

    static const sp_json_watch_t  bad[][2] = {
        { { "", 1 }, { "b", 2 } }, { { "/a", 1 }, { "b", 2 } },
        { { "a/", 1 }, { "b", 2 } }, { { "a//b", 1 }, { "b", 2 } },
        { { "a b", 1 }, { "b", 2 } }, { { "a\xc3\xa9", 1 }, { "b", 2 } },
        { { "a", 1 }, { "a", 2 } }, { { "a", 1 }, { "A", 2 } },
        { { "a", -1 }, { "b", 2 } }, { { "a", 32768 }, { "b", 2 } }
    };

    for (i = 0; i < sp_nelts(bad); i++) {
        assert_null(sp_json_compile(bad[i], 2, mem, sizeof(mem), &need));
    }

    /* what it asks for is enough, wherever it lies, and less is refused */

    assert_non_null(sp_json_compile(watches, sp_nelts(watches), mem,
                                    sizeof(mem), &need));

    for (i = 0; i < 16; i++) {
        char  *heap = malloc(need + 16);

        size = need;
        assert_non_null(sp_json_compile(watches, sp_nelts(watches), heap + i,
                                        size, &need));
        assert_int_equal(size, need);
        assert_null(sp_json_compile(watches, sp_nelts(watches), heap + i,
                                    need - 1, &need));
        free(heap);
    }

    memset(longest, 'a', sizeof(longest));
    longest[SP_JSON_KEY] = '\0';
    many[0].path = longest;
    many[0].id = 1;
    assert_non_null(sp_json_compile(many, 1, mem, sizeof(mem), &need));
    longest[SP_JSON_KEY] = 'a';
    longest[SP_JSON_KEY + 1] = '\0';
    assert_null(sp_json_compile(many, 1, mem, sizeof(mem), &need));

    for (i = 0; i < sp_nelts(many); i++) {
        static char  names[SP_JSON_WATCH_MAX + 1][4];

        sprintf(names[i], "k%zu", i);
        many[i].path = names[i];
        many[i].id = (int) i;
    }

    assert_non_null(sp_json_compile(many, SP_JSON_WATCH_MAX, mem, sizeof(mem),
                                    &need));
    assert_null(sp_json_compile(many, SP_JSON_WATCH_MAX + 1, mem, sizeof(mem),
                                &need));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_long_strings),
        cmocka_unit_test(test_compile),
        cmocka_unit_test(test_traps),
        cmocka_unit_test(test_refuse),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_long_keys)
    };

    if (oracle_init() != 0) {
        return 1;
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}

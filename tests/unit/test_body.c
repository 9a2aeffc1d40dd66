
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tests of sp_body: what each dialect's bodies say
 * about models, streams and tokens, and which are refused.
 */


#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "sp_body.h"


#define SEED  UINT64_C(0xb0d1)


static uint64_t  rnd_state = SEED;


static uint64_t
rnd(void)
{
    rnd_state ^= rnd_state << 13;
    rnd_state ^= rnd_state >> 7;
    rnd_state ^= rnd_state << 17;

    return rnd_state;
}


static const sp_route_t *
route_named(const char *name)
{
    int  i;

    for (i = 0; i < sp_route_count(); i++) {
        if (sp_str_eq(sp_route(i)->name, sp_cstr(name))) {
            return sp_route(i);
        }
    }

    fail_msg("no route %s", name);

    return NULL;
}


static sp_body_error_t
scan(sp_body_t *body, const char *route, const char *text, size_t len)
{
    size_t   at, n, step;
    sp_rc_t  rc;

    memset(body, 0x5a, sizeof(sp_body_t));
    sp_body_init(body, route_named(route));

    step = rnd() % 2 ? len : 1 + rnd() % 9;

    for (at = 0; at < len; at += n) {
        n = len - at < step ? len - at : step;
        rc = sp_body_feed(body, (const unsigned char *) text + at, n);
        assert_int_equal(rc == SP_OK, body->error == SP_BODY_FINE);
    }

    rc = sp_body_finish(body);
    assert_int_equal(rc == SP_OK, body->error == SP_BODY_FINE);
    assert_non_null(sp_body_strerror(body));

    return body->error;
}


/* "models" are joined with blanks; NULL if the body is refused. */

static void
test_cases(void **state)
{
    size_t     i, n, k;
    char       models[8192];
    sp_body_t  body;

#define ok(r, text, models, primary)                                          \
    { r, text, SP_BODY_FINE, models, primary, NULL }
#define no(r, text, error, field)                                             \
    { r, text, SP_BODY_##error, NULL, 0, field }

    static const struct {
        const char       *route;
        const char       *text;
        sp_body_error_t   error;
        const char       *models;
        int               primary;
        const char       *field;
    } cases[] = {
        ok("chat.completions", "{\"model\":\"gpt-5\"}", "gpt-5", 1),
        ok("messages", "{\"model\":\"c\",\"max_tokens\":1}", "c", 1),
        ok("chat.completions", "{\"\\u006dodel\":\"gpt\\u002d5\"}", "gpt-5",
           1),
        ok("chat.completions", "{\"model\":\"a b\"}", "a b", 1),
        ok("responses", "{\"tools\":[{\"type\":\"image_generation\","
           "\"model\":\"img\"}],\"model\":\"m\"}", "m img", 1),
        ok("responses", "{\"tools\":[{\"model\":\"m\"},{\"model\":\"i\"}],"
           "\"model\":\"i\"}", "i m", 1),
        ok("responses", "{\"tools\":[{\"svg\":{\"model\":\"v\"}}],"
           "\"moderation\":{\"model\":\"o\"},\"model\":\"m\"}", "m o v", 1),
        ok("messages", "{\"model\":\"m\",\"tools\":[{\"model\":\"x\"}],"
           "\"fallbacks\":[{\"max_tokens\":9,\"model\":\"f\"},"
           "{\"model\":\"g\"}]}", "m x f g", 1),
        ok("chat.completions", "{\"model\":\"m\",\"models\":[\"a\",\"m\"],"
           "\"fallbacks\":[\"b\",\"a\"]}", "m a b", 1),
        ok("responses", "{\"input\":\"x\"}", "", 0),
        ok("moderations", "{\"input\":\"x\"}", "", 0),
        ok("images.generations", "{\"prompt\":\"x\"}", "", 0),
        ok("responses", "{\"prompt\":{\"id\":\"p\"},\"model\":\"m\","
           "\"previous_response_id\":\"r\",\"conversation\":{\"id\":\"c\"}}",
           "m", 1),
        ok("responses", "{\"prompt\":null,\"previous_response_id\":null,"
           "\"conversation\":null}", "", 0),
        ok("completions", "{\"prompt\":[\"a\",{\"x\":1}],\"model\":\"m\"}",
           "m", 1),
        ok("chat.completions", "{\"messages\":[{\"role\":\"user\",\"content\":"
           "\"{\\\"model\\\":\\\"other\\\"}\",\"model\":\"in\"}],"
           "\"model\":\"m\",\"metadata\":{\"model\":\"x\",\"Model\":1}}",
           "m", 1),
        ok("chat.completions", "{\"model\":\"m\",\"stream\":null,\"n\":null,"
           "\"max_tokens\":null,\"tools\":null,\"models\":null,"
           "\"fallbacks\":null,\"stream_options\":null}", "m", 1),

        no("chat.completions", "{}", BAD_MODEL, "model"),
        no("messages", "{\"max_tokens\":1}", BAD_MODEL, "model"),
        no("embeddings", "{\"models\":[\"a\"]}", BAD_MODEL, "model"),
        no("chat.completions", "{\"model\":null}", BAD_MODEL, "model"),
        no("chat.completions", "{\"model\":\"a,b\"}", BAD_MODEL, "model"),
        no("chat.completions", "{\"model\":\"a/../b\"}", BAD_MODEL, "model"),
        no("chat.completions", "{\"model\":\"m\",\"models\":[\"a?b\"]}",
           BAD_MODEL, "models"),
        no("chat.completions", "{\"model\":\"m\","
           "\"context_window_fallbacks\":[{\"m\":[\"x\"]}]}", OVERRIDE,
           "context_window_fallbacks"),
        no("messages", "{\"content_policy_fallbacks\":null}", OVERRIDE,
           "content_policy_fallbacks"),
        no("messages", "{\"model_list\":[]}", OVERRIDE, "model_list"),
        no("responses", "{\"user_config\":{}}", OVERRIDE, "user_config"),
        no("responses", "{\"custom_llm_provider\":\"x\"}", OVERRIDE,
           "custom_llm_provider"),
        no("completions", "{\"api_base\":\"http://x\"}", OVERRIDE,
           "api_base"),
        no("completions", "{\"base_url\":\"http://x\"}", OVERRIDE,
           "base_url"),
        no("responses", "{\"model\":null}", BAD_MODEL, "model"),
        no("chat.completions", "{\"model\":5}", BAD_MODEL, "model"),
        no("chat.completions", "{\"model\":1e999}", BAD_MODEL, "model"),
        no("chat.completions", "{\"model\":[\"a\"]}", BAD_MODEL, "model"),
        no("chat.completions", "{\"model\":{}}", BAD_MODEL, "model"),
        no("chat.completions", "{\"model\":true}", BAD_MODEL, "model"),
        no("chat.completions", "{\"model\":\"\"}", BAD_MODEL, "model"),
        no("chat.completions", "{\"model\":\" a\"}", BAD_MODEL, "model"),
        no("chat.completions", "{\"model\":\"a \"}", BAD_MODEL, "model"),
        no("chat.completions", "{\"model\":\"a\\u0000\"}", BAD_MODEL, "model"),
        no("chat.completions", "{\"model\":\"a\\n\"}", BAD_MODEL, "model"),
        no("chat.completions", "{\"model\":\"a\x7f\"}", BAD_MODEL, "model"),
        no("chat.completions", "{\"model\":\"\xc3\xa9\"}", BAD_MODEL, "model"),
        no("chat.completions", "{\"model\":\"g\xef\xbd\x90t\"}", BAD_MODEL,
           "model"),
        no("responses", "{\"previous_response_id\":\"r\"}", BAD_MODEL,
           "model"),
        no("responses", "{\"conversation\":\"c\"}", BAD_MODEL, "model"),
        no("responses", "{\"conversation\":{\"id\":\"c\"}}", BAD_MODEL,
           "model"),
        no("responses", "{\"prompt\":{\"id\":\"p\"}}", BAD_MODEL, "model"),
        no("responses", "{\"prompt\":{\"id\":\"p\"},"
           "\"tools\":[{\"model\":\"m\"}]}", BAD_MODEL, "model"),
        no("responses", "{\"model\":\"m\",\"previous_response_id\":\"\\n\"}",
           BAD_VALUE, "previous_response_id"),
        no("messages", "{\"model\":\"m\",\"fallbacks\":\"default\"}",
           BAD_MODEL, "fallbacks"),
        no("messages", "{\"model\":\"m\",\"fallbacks\":[{}]}", BAD_MODEL,
           "fallbacks"),
        no("messages", "{\"model\":\"m\",\"fallbacks\":[{},{\"model\":\"x\"}]}",
           BAD_MODEL, "fallbacks"),
        no("messages", "{\"model\":\"m\",\"fallbacks\":[null]}", BAD_MODEL,
           "fallbacks"),
        no("messages", "{\"model\":\"m\",\"fallbacks\":[{\"model\":null}]}",
           BAD_MODEL, "fallbacks.model"),
        no("messages", "{\"model\":\"m\",\"thread\":\"t\"}", BAD_MODEL,
           "thread"),
        no("chat.completions", "{\"model\":\"m\",\"models\":\"x\"}", BAD_MODEL,
           "models"),
        no("chat.completions", "{\"model\":\"m\",\"models\":[1]}", BAD_MODEL,
           "models"),
        no("chat.completions", "{\"model\":\"m\",\"route\":\"fallback\"}",
           BAD_MODEL, "route"),
        no("chat.completions", "{\"model\":\"m\",\"engine\":\"e\"}",
           BAD_MODEL, "engine"),
        no("chat.completions", "{\"model\":\"m\",\"deployment\":\"e\"}",
           BAD_MODEL, "deployment"),
        no("messages", "{\"model\":\"m\",\"deployment_id\":\"e\"}",
           BAD_MODEL, "deployment_id"),
        no("chat.completions", "{\"model\":\"m\",\"assistant_id\":\"e\"}",
           BAD_MODEL, "assistant_id"),
        no("chat.completions", "{\"model\":\"m\",\"agent_id\":\"e\"}",
           BAD_MODEL, "agent_id"),
        no("chat.completions", "{\"model\":\"m\",\"moderation\":"
           "{\"model\":\"\"}}", BAD_MODEL, "moderation.model"),

        no("chat.completions", "{\"model\":\"m\",\"extra_body\":{}}",
           OVERRIDE, "extra_body"),
        no("messages", "{\"model\":\"m\",\"extra_headers\":null}",
           OVERRIDE, "extra_headers"),
        no("responses", "{\"extra_query\":1}", OVERRIDE, "extra_query"),

        no("chat.completions", "{\"model\":\"m\",\"stream\":\"true\"}",
           BAD_VALUE, "stream"),
        no("chat.completions", "{\"model\":\"m\",\"stream\":1}", BAD_VALUE,
           "stream"),
        no("chat.completions", "{\"model\":\"m\",\"stream_options\":[]}",
           BAD_VALUE, "stream_options"),
        no("chat.completions", "{\"model\":\"m\",\"tools\":{}}", BAD_VALUE,
           "tools"),
        no("chat.completions", "{\"model\":\"m\",\"max_tokens\":\"10\"}",
           BAD_VALUE, "max_tokens"),
        no("chat.completions", "{\"model\":\"m\",\"max_tokens\":10.0}",
           BAD_VALUE, "max_tokens"),
        no("chat.completions", "{\"model\":\"m\",\"max_tokens\":1e2}",
           BAD_VALUE, "max_tokens"),
        no("chat.completions", "{\"model\":\"m\",\"max_tokens\":0}",
           BAD_VALUE, "max_tokens"),
        no("chat.completions", "{\"model\":\"m\",\"max_tokens\":-1}",
           BAD_VALUE, "max_tokens"),
        no("chat.completions", "{\"model\":\"m\",\"max_tokens\":4294967296}",
           BAD_VALUE, "max_tokens"),
        no("chat.completions", "{\"model\":\"m\",\"max_completion_tokens\":{}}",
           BAD_VALUE, "max_completion_tokens"),
        no("responses", "{\"model\":\"m\",\"max_output_tokens\":true}",
           BAD_VALUE, "max_output_tokens"),
        no("chat.completions", "{\"model\":\"m\",\"n\":0}", BAD_VALUE, "n"),
        no("chat.completions", "{\"model\":\"m\",\"n\":65537}", BAD_VALUE,
           "n"),
        no("completions", "{\"model\":\"m\",\"best_of\":\"2\"}", BAD_VALUE,
           "best_of"),

        no("chat.completions", "{\"model\":\"a\",\"model\":\"a\"}", BAD_JSON,
           NULL),
        no("chat.completions", "{\"model\":\"a\",\"Stream\":true}", BAD_JSON,
           NULL),
        no("chat.completions", "{\"model\":\"a\","
           "\"context_window_fallbac\xe2\x84\xaas\":[]}", BAD_JSON, NULL),
        no("chat.completions", "{\"model\":\"a\","
           "\"Context_Window_Fallbacks\":[]}", BAD_JSON, NULL),
        no("chat.completions", "{\"model\":\"a\"", BAD_JSON, NULL),
        no("chat.completions", "", BAD_JSON, NULL),
        no("models.list", "{}", UNEXPECTED, NULL),
        no("models.get", " ", UNEXPECTED, NULL),
        ok("models.list", "", "", 0)
    };

    for (i = 0; i < sp_nelts(cases); i++) {
        sp_body_error_t  error;

        error = scan(&body, cases[i].route, cases[i].text,
                     strlen(cases[i].text));

        if (error != cases[i].error) {
            fail_msg("%s: %d, %s", cases[i].text, (int) error,
                     sp_body_strerror(&body));
        }

        if (cases[i].field == NULL) {
            assert_null(body.field);

        } else {
            assert_non_null(body.field);
            assert_string_equal(body.field, cases[i].field);
            assert_non_null(strstr(sp_body_strerror(&body), error
                                   == SP_BODY_BAD_VALUE
                                   && strstr(cases[i].field, "_id") != NULL
                                   ? "id" : body.field));
        }

        if (error != SP_BODY_FINE) {
            continue;
        }

        for (n = 0, k = 0; k < body.nmodels; k++) {
            n += (size_t) sprintf(models + n, "%s%.*s", k ? " " : "",
                                  (int) body.models[k].len,
                                  body.models[k].data);
        }

        models[n] = '\0';
        assert_string_equal(models, cases[i].models);
        assert_int_equal(body.primary, cases[i].primary);
    }
}


static void
test_numbers(void **state)
{
    int        i;
    char       text[256];
    uint64_t   a, b, n, best;
    sp_body_t  body;

    for (i = 0; i < 2000; i++) {
        a = 1 + rnd() % 5000;
        b = 1 + rnd() % 5000;
        n = 1 + rnd() % 8;
        best = 1 + rnd() % 8;

        sprintf(text, "{\"model\":\"m\",\"stream\":%s,\"max_tokens\":%d,"
                "\"max_completion_tokens\":%d,\"n\":%d,\"best_of\":%d}",
                i % 2 ? "true" : "false", (int) a, (int) b, (int) n,
                (int) best);
        assert_int_equal(scan(&body, "chat.completions", text, strlen(text)),
                         SP_BODY_FINE);
        assert_int_equal(body.stream, i % 2);
        assert_int_equal(body.has_tokens, 1);
        assert_int_equal(body.multi, 1);
        assert_true(body.max_tokens == (a > b ? a : b));
        assert_true(body.factor == (n > best ? n : best));
    }

    assert_int_equal(scan(&body, "chat.completions", "{\"model\":\"m\"}", 13),
                     SP_BODY_FINE);
    assert_int_equal(body.stream, 0);
    assert_int_equal(body.has_tokens, 0);
    assert_int_equal(body.multi, 0);
    assert_true(body.factor == 1);
}


/* As many distinct models as there is room for, and not one more. */

static void
test_many(void **state)
{
    int        i, n, k;
    char       text[32768], *p;
    sp_body_t  body;

    for (n = 60; n < 70; n++) {
        p = text + sprintf(text, "{\"models\":[");

        for (i = 0; i < 3 * n; i++) {
            p += sprintf(p, "%s\"m%d\"", i ? "," : "", i % n);
        }

        strcpy(p, "],\"model\":\"m0\"}");

        if (n <= SP_MODELS_MAX) {
            assert_int_equal(scan(&body, "chat.completions", text,
                                  strlen(text)), SP_BODY_FINE);
            assert_int_equal(body.nmodels, n);

        } else {
            assert_int_equal(scan(&body, "chat.completions", text,
                                  strlen(text)), SP_BODY_TOO_MANY);
            assert_string_equal(body.field, "models");
        }
    }

    /* 16 names of 256 bytes fill the room */

    for (n = 14; n < 20; n++) {
        p = text + sprintf(text, "{\"model\":\"");

        for (i = 0; i < n; i++) {
            for (k = 0; k < 254; k++) {
                *p++ = 'x';
            }

            p += sprintf(p, "%02d\"%s", i, i == n - 1 ? "]}"
                         : i == 0 ? ",\"models\":[\"" : ",\"");
        }

        assert_int_equal(scan(&body, "chat.completions", text, strlen(text)),
                         n <= 16 ? SP_BODY_FINE : SP_BODY_TOO_MANY);
    }
}


static void
test_type(void **state)
{
    size_t  i;

    static const char *const  good[] = {
        "application/json", "Application/JSON",
        "application/json;charset=utf-8",
        "application/json; charset=UTF-8", "application/json ; charset=utf-8",
        "application/json; charset=\"utf-8\"", "application/vnd.api+json",
        "application/problem+json; charset=utf-8"
    };

    static const char *const  bad[] = {
        "", "application", "application/", "text/json", "text/plain", "json",
        "application/jsonx", "application/json5", "application/+json",
        "application/json-seq", "application/x-ndjson", "+json",
        "application/json;", "application/json; ", "application/json;;",
        "application/json; charset", "application/json; charset=",
        "application/json; charset=utf-16", "application/json; charset=utf8",
        "application/json; charset=utf-8;", "application/json,text/plain",
        "application/json; charset=utf-8; charset=utf-16",
        "application/json; boundary=x", "application/json; charset='utf-8'",
        "application/json; charset =utf-8", " application/json",
        "application/json charset=utf-8",
        "application/json xcharset=utf-8", "application/ json",
        "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
        "application/json ", "application/a b+json"
    };

    for (i = 0; i < sp_nelts(good); i++) {
        if (sp_body_type_ok(sp_cstr(good[i])) != 1) {
            fail_msg("%s", good[i]);
        }
    }

    for (i = 0; i < sp_nelts(bad); i++) {
        if (sp_body_type_ok(sp_cstr(bad[i])) != 0) {
            fail_msg("%s", bad[i]);
        }
    }

    assert_int_equal(sp_body_type_ok(SP_STR("application/json\0")), 0);
    assert_int_equal(sp_body_type_ok((sp_str_t) { 0, NULL }), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_type)
    };

    printf("seed %llx\n", (unsigned long long) SEED);

    return cmocka_run_group_tests(tests, NULL, NULL);
}

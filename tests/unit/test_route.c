
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tests of sp_route: every row is found by its own
 * method and path and by nothing that differs from them.
 */


#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "sp_route.h"


static sp_route_rc_t
find(sp_method_t method, const char *raw, const char *normal, int *route,
    char *param)
{
    sp_str_t              value;
    sp_route_rc_t         rc;
    static unsigned char  scratch[8192];

    /* without an escape there need not be one */

    rc = sp_route_find(method, sp_cstr(raw), sp_cstr(normal),
                       strchr(raw, '%') != NULL ? scratch : NULL, route,
                       &value);

    assert_int_equal(*route == SP_ROUTE_NONE, rc != SP_ROUTE_FOUND);

    if (param != NULL) {
        memcpy(param, value.data == NULL ? (unsigned char *) "" : value.data,
               value.len);
        param[value.len] = '\0';
    }

    return rc;
}


/* A path that fits a pattern, with "m1" for the model and "x1" for others. */

static void
fit(char *path, sp_str_t pattern)
{
    size_t  i, end;

    for (i = 0; i < pattern.len; i++) {

        if (pattern.data[i] != '{') {
            *path++ = (char) pattern.data[i];
            continue;
        }

        for (end = i; pattern.data[end] != '}'; end++) { /* void */ }

        if (end == i + 1) {
            memcpy(path, "x1", 2);
            path += 2;

        } else {
            memcpy(path, pattern.data + i + 1, end - i - 1 - 5);
            path += end - i - 1 - 5;
            memcpy(path, "m1", 2);
            path += 2;
        }

        i = end;
    }

    *path = '\0';
}


static void
test_rows(void **state)
{
    int                     i, m, other, route, served[4];
    char                    path[256], param[256];
    const sp_route_t       *row;
    const sp_route_path_t  *p, *q;

    for (i = 0; (p = sp_route_path(i)) != NULL; i++) {
        fit(path, p->path);
        row = sp_route(p->route);
        memset(served, 0, sizeof(served));

        for (other = 0; (q = sp_route_path(other)) != NULL; other++) {
            if (sp_str_eq(p->path, q->path)) {
                served[sp_route(q->route)->method]++;
            }
        }

        assert_int_equal(served[row->method], 1);

        for (m = SP_METHOD_GET; m <= SP_METHOD_OTHER; m++) {
            if (m == SP_METHOD_GET || m == SP_METHOD_DELETE) {
                continue;    /* of GET a wider pattern may have it */
            }

            assert_int_equal(find((sp_method_t) m, path, path, &route, NULL),
                             served[m] ? SP_ROUTE_FOUND : SP_ROUTE_UNKNOWN);
        }

        assert_int_equal(find(row->method, path, path, &route, param),
                         SP_ROUTE_FOUND);

        if (route != p->route) {
            fail_msg("%s: %.*s", path, (int) sp_route(route)->name.len,
                     sp_route(route)->name.data);
        }

        if (row->model == SP_MODEL_PATH) {
            assert_non_null(strstr(param, "m1"));
            assert_int_equal(strlen(param), strstr(path, "tunedModels")
                                            ? 14 : 2);
        } else {
            assert_string_equal(param, "");
        }

        assert_int_equal(sp_route_variant(route, 0), route);
    }

    assert_null(sp_route(-1));
    assert_null(sp_route(sp_route_count()));
    assert_null(sp_route_path(-1));
}


/* What rules ask for, name and dialect, says which row it is. */

static void
test_unique(void **state)
{
    int                i, k, paths;
    const sp_route_t  *a, *b;

    for (i = 0; i < sp_route_count(); i++) {
        a = sp_route(i);

        assert_non_null(a->help);
        assert_string_not_equal(sp_method_name(a->method), "?");
        assert_true(sp_route_number(i) >= 0);
        assert_true(sp_str_eq(sp_cstr(sp_route_names[sp_route_number(i)]),
                              a->name));
        assert_true((a->body != SP_BODY_NONE) <= (a->method
                                                  == SP_METHOD_POST));

        for (k = 0; k < i; k++) {
            b = sp_route(k);
            assert_false(sp_str_eq(a->name, b->name)
                         && a->dialect == b->dialect);
        }

        for (k = 0, paths = 0; sp_route_path(k) != NULL; k++) {
            paths += sp_route_path(k)->route == i;
        }

        /* two rows are only reached by what the head says */

        assert_true(paths != 0 || a->dialect == SP_DIALECT_ANTHROPIC);
    }
}


static void
test_variants(void **state)
{
    int     route;
    size_t  i;

    static const struct {
        const char    *path;
        sp_dialect_t   plain;
        sp_dialect_t   anthropic;
        sp_dialect_t   google;
    } cases[] = {
        { "/v1/models", SP_DIALECT_OPENAI, SP_DIALECT_ANTHROPIC,
          SP_DIALECT_GEMINI },
        { "/v1/models/m", SP_DIALECT_OPENAI, SP_DIALECT_ANTHROPIC,
          SP_DIALECT_GEMINI },
        { "/v1beta/models", SP_DIALECT_GEMINI, SP_DIALECT_GEMINI,
          SP_DIALECT_GEMINI },
        { "/v1/files", SP_DIALECT_OPENAI, SP_DIALECT_OPENAI,
          SP_DIALECT_OPENAI }
    };

    for (i = 0; i < sp_nelts(cases); i++) {
        assert_int_equal(find(SP_METHOD_GET, cases[i].path, cases[i].path,
                              &route, NULL), SP_ROUTE_FOUND);
        assert_int_equal(sp_route(route)->dialect, cases[i].plain);
        assert_int_equal(sp_route(sp_route_variant(route, SP_HINT_ANTHROPIC))
                         ->dialect, cases[i].anthropic);
        assert_int_equal(sp_route(sp_route_variant(route, SP_HINT_GOOGLE))
                         ->dialect, cases[i].google);
        assert_int_equal(sp_route(sp_route_variant(route, SP_HINT_GOOGLE
                                                   | SP_HINT_ANTHROPIC))
                         ->dialect, cases[i].anthropic);
    }

    assert_int_equal(sp_route_variant(SP_ROUTE_NONE, 3), SP_ROUTE_NONE);
}


/* The contract with policies: these names, methods, dialects and models. */

static void
test_names(void **state)
{
    int     route;
    size_t  i;

    static const struct {
        sp_method_t       method;
        const char       *path;
        const char       *name;
        sp_dialect_t      dialect;
        sp_model_place_t  model;
    } rows[] = {
        { SP_METHOD_POST, "/v1/chat/completions", "chat.completions",
          SP_DIALECT_OPENAI, SP_MODEL_REQUIRED },
        { SP_METHOD_POST, "/v1/responses", "responses",
          SP_DIALECT_OPENAI, SP_MODEL_OPTIONAL },
        { SP_METHOD_POST, "/v1/completions", "completions",
          SP_DIALECT_OPENAI, SP_MODEL_REQUIRED },
        { SP_METHOD_POST, "/v1/embeddings", "embeddings",
          SP_DIALECT_OPENAI, SP_MODEL_REQUIRED },
        { SP_METHOD_POST, "/v1/moderations", "moderations",
          SP_DIALECT_OPENAI, SP_MODEL_OPTIONAL },
        { SP_METHOD_POST, "/v1/images/generations", "images.generations",
          SP_DIALECT_OPENAI, SP_MODEL_OPTIONAL },
        { SP_METHOD_POST, "/v1/audio/speech", "audio.speech",
          SP_DIALECT_OPENAI, SP_MODEL_REQUIRED },
        { SP_METHOD_GET, "/v1/models", "models.list",
          SP_DIALECT_OPENAI, SP_MODEL_NONE },
        { SP_METHOD_GET, "/v1/models/x", "models.get",
          SP_DIALECT_OPENAI, SP_MODEL_PATH },
        { SP_METHOD_POST, "/v1/messages", "messages",
          SP_DIALECT_ANTHROPIC, SP_MODEL_REQUIRED },
        { SP_METHOD_POST, "/v1/messages/count_tokens", "messages.count_tokens",
          SP_DIALECT_ANTHROPIC, SP_MODEL_REQUIRED },
        { SP_METHOD_POST, "/openai/deployments/d/chat/completions",
          "chat.completions", SP_DIALECT_AZURE, SP_MODEL_PATH },
        { SP_METHOD_POST, "/openai/v1/chat/completions", "chat.completions",
          SP_DIALECT_OPENAI, SP_MODEL_REQUIRED },
        { SP_METHOD_POST, "/v1beta/models/g:generateContent",
          "generate_content", SP_DIALECT_GEMINI, SP_MODEL_PATH },
        { SP_METHOD_POST, "/v1/models/g:streamGenerateContent",
          "stream_generate_content", SP_DIALECT_GEMINI, SP_MODEL_PATH },
        { SP_METHOD_POST, "/v1beta/openai/chat/completions",
          "chat.completions", SP_DIALECT_OPENAI, SP_MODEL_REQUIRED },
        { SP_METHOD_POST, "/v1/projects/p/locations/l/publishers/anthropic"
          "/models/c@1:streamRawPredict", "stream_raw_predict",
          SP_DIALECT_ANTHROPIC, SP_MODEL_PATH },
        { SP_METHOD_POST, "/v1/projects/p/locations/l/publishers/anthropic"
          "/models/count-tokens:rawPredict", "messages.count_tokens",
          SP_DIALECT_ANTHROPIC, SP_MODEL_REQUIRED },
        { SP_METHOD_POST, "/model/anthropic.c-v2%3A0/converse", "converse",
          SP_DIALECT_BEDROCK, SP_MODEL_PATH },
        { SP_METHOD_POST, "/v2/chat", "chat", SP_DIALECT_COHERE,
          SP_MODEL_REQUIRED },
        { SP_METHOD_POST, "/api/chat", "chat", SP_DIALECT_OLLAMA,
          SP_MODEL_REQUIRED },
        { SP_METHOD_POST, "/v1/agents/completions", "agents.completions",
          SP_DIALECT_MISTRAL, SP_MODEL_REQUIRED },
        { SP_METHOD_POST, "/generate_stream", "generate_stream",
          SP_DIALECT_TGI, SP_MODEL_SERVED }
    };

    for (i = 0; i < sp_nelts(rows); i++) {
        assert_int_equal(find(rows[i].method, rows[i].path,
                              strstr(rows[i].path, "%3A") != NULL
                              ? "/model/anthropic.c-v2:0/converse"
                              : rows[i].path, &route, NULL), SP_ROUTE_FOUND);
        assert_true(sp_str_eq(sp_route(route)->name, sp_cstr(rows[i].name)));
        assert_int_equal(sp_route(route)->dialect, rows[i].dialect);
        assert_int_equal(sp_route(route)->model, rows[i].model);
        assert_int_equal(sp_route(route)->body,
                         rows[i].method == SP_METHOD_POST
                         ? SP_BODY_JSON : SP_BODY_NONE);
    }
}


static void
test_segment(void **state)
{
    int       route;
    char      param[8192], raw[8192], normal[8192];
    size_t    i;
    sp_str_t  value;

    static const struct {
        const char     *raw;
        const char     *normal;
        const char     *param;
        sp_route_rc_t   rc;
    } cases[] = {
        { "gpt-5", "gpt-5", "gpt-5", SP_ROUTE_FOUND },
        { "ft:gpt-5:acme", "ft:gpt-5:acme", "ft:gpt-5:acme", SP_ROUTE_FOUND },
        { "ft%3Agpt", "ft:gpt", "ft:gpt", SP_ROUTE_FOUND },
        { "ft%3agpt", "ft:gpt", "ft:gpt", SP_ROUTE_FOUND },
        { "org%2Fm", "org/m", "org/m", SP_ROUTE_FOUND },
        { "%67pt", "gpt", "gpt", SP_ROUTE_FOUND },
        { "", "", "", SP_ROUTE_UNKNOWN },
        { "a/b", "a/b", "", SP_ROUTE_UNKNOWN },
        { "a/", "a/", "", SP_ROUTE_UNKNOWN },
        { "a/../b", "b", "", SP_ROUTE_AMBIGUOUS },
        { "a%2F..%2Fb", "b", "", SP_ROUTE_AMBIGUOUS },
        { "a%2F%2Fb", "a/b", "", SP_ROUTE_AMBIGUOUS },
        { "a%25b", "a%b", "", SP_ROUTE_AMBIGUOUS },
        { "a%2525b", "a%25b", "", SP_ROUTE_AMBIGUOUS },
        { "a%00b", "a", "", SP_ROUTE_AMBIGUOUS },
        { "a%20b", "a b", "", SP_ROUTE_AMBIGUOUS },
        { "a%0Ab", "a\nb", "", SP_ROUTE_AMBIGUOUS },
        { "a%3Bb", "a;b", "", SP_ROUTE_AMBIGUOUS },
        { "a;b", "a;b", "", SP_ROUTE_AMBIGUOUS },
        { "a%3Fb", "a?b", "", SP_ROUTE_AMBIGUOUS },
        { "a%23b", "a#b", "", SP_ROUTE_AMBIGUOUS },
        { "a#b", "a", "", SP_ROUTE_AMBIGUOUS },
        { "a\\b", "a\\b", "", SP_ROUTE_AMBIGUOUS },
        { "a%5Cb", "a\\b", "", SP_ROUTE_AMBIGUOUS },
        { "a%c3%a9", "a\xc3\xa9", "", SP_ROUTE_AMBIGUOUS },
        { "a\xc3\xa9", "a\xc3\xa9", "", SP_ROUTE_AMBIGUOUS },
        { "a%7F", "a\x7f", "", SP_ROUTE_AMBIGUOUS },
        { "a%", "a%", "", SP_ROUTE_AMBIGUOUS },
        { "a%4", "a%4", "", SP_ROUTE_AMBIGUOUS },
        { "a%4g", "a%4g", "", SP_ROUTE_AMBIGUOUS },
        { "a%-1", "a%-1", "", SP_ROUTE_AMBIGUOUS },
        { "gpt-5", "gpt-6", "", SP_ROUTE_AMBIGUOUS },
        { "gpt-5", "gpt-", "", SP_ROUTE_AMBIGUOUS },
        { ".", ".", "", SP_ROUTE_UNKNOWN },
        { "..", "..", "", SP_ROUTE_UNKNOWN },
        { "%2e%2e", "..", "", SP_ROUTE_AMBIGUOUS },
        { "...", "...", "...", SP_ROUTE_FOUND }
    };

    for (i = 0; i < sp_nelts(cases); i++) {
        snprintf(raw, sizeof(raw), "/v1/models/%s", cases[i].raw);
        snprintf(normal, sizeof(normal), "/v1/models/%s", cases[i].normal);

        if (find(SP_METHOD_GET, raw, normal, &route, param) != cases[i].rc) {
            fail_msg("%s", raw);
        }

        assert_string_equal(param, cases[i].param);
    }

    /* the length of a model name, however it is written */

    memset(raw, 'a', sizeof(raw));
    memcpy(raw, "/v1/models/", 11);
    raw[11 + 256] = '\0';
    assert_int_equal(find(SP_METHOD_GET, raw, raw, &route, param),
                     SP_ROUTE_FOUND);
    raw[11 + 256] = 'a';
    raw[11 + 257] = '\0';
    assert_int_equal(find(SP_METHOD_GET, raw, raw, &route, param),
                     SP_ROUTE_UNKNOWN);

    /* an escape that would be whole only with what lies behind the path */

    assert_int_equal(sp_route_find(SP_METHOD_GET,
                                   (sp_str_t) { 14, (const unsigned char *)
                                                "/v1/models/a%41" },
                                   SP_STR("/v1/models/aA"),
                                   (unsigned char *) raw, &route, &value),
                     SP_ROUTE_AMBIGUOUS);

    assert_int_equal(find(SP_METHOD_DELETE, "/v1/models/a", "/v1/models/a",
                          &route, param), SP_ROUTE_UNKNOWN);
    assert_int_equal(find(SP_METHOD_GET, "//v1/models/a", "/v1/models/a",
                          &route, param), SP_ROUTE_AMBIGUOUS);
    assert_int_equal(find(SP_METHOD_GET, "/v1/%6dodels/a", "/v1/models/a",
                          &route, param), SP_ROUTE_AMBIGUOUS);
    assert_int_equal(find(SP_METHOD_POST, "/v1/chat/completions/",
                          "/v1/chat/completions/", &route, param),
                     SP_ROUTE_UNKNOWN);
    assert_int_equal(find(SP_METHOD_POST, "http://h/v1/messages",
                          "/v1/messages", &route, param), SP_ROUTE_AMBIGUOUS);
    assert_int_equal(find(SP_METHOD_POST, "", "", &route, param),
                     SP_ROUTE_UNKNOWN);
}


static void
test_query(void **state)
{
    size_t         i;
    unsigned char  byte;
    sp_str_t       one;

    static const char *const  good[] = {
        "", "a=b", "api-version=2024-10-21", "beta=true&limit=5",
        "x=model", "x=1&y=model=z", "modelx=1", "xmodel=1", "mode=1",
        "remodel", "%256dodel=x", "model%3dx=y", "&&", "=model", "key=sk-a",
        "a_name_of_many_more_than_thirty_two_bytes_model=x"
    };
    static const char *const  bad[] = {
        "model", "model=", "model=x", "a=b&model=x", "a&model", "MODEL=x",
        "mOdEl=x", "%6dodel=x", "%6Dodel=x", "mode%6c=x", "%4DODEL=x",
        "model[]=x", "model%5B0%5d=x", "model%00=x", "+model=x",
        "model%20=x", "%0amodel=x", "a=b;model=x", "models=x", "fallbacks",
        "route=fallback", "engine=x", "deployment=x", "deployment_id=x",
        "assistant_id=x", "agent_id=x", "api_base=http://x", "base_url=x",
        "custom_llm_provider=x", "&model=x", "model=x&"
    };

    for (i = 0; i < sp_nelts(good); i++) {
        if (!sp_query_ok(sp_cstr(good[i]))) {
            fail_msg("%s", good[i]);
        }
    }

    for (i = 0; i < sp_nelts(bad); i++) {
        if (sp_query_ok(sp_cstr(bad[i]))) {
            fail_msg("%s", bad[i]);
        }
    }

    /* a broken escape at the end is read no further than it goes */

    for (i = 0; i < 256; i++) {
        byte = (unsigned char) i;
        one.data = &byte;
        one.len = 1;
        assert_true(sp_query_ok(one));
    }
}


static void
test_model_name(void **state)
{
    int       c;
    char      text[300];
    size_t    i;
    sp_str_t  s;

    static const char *const  good[] = {
        "gpt-4o", "a b", "hf.co/x/y:Q4_K_M", "...", "a..b", "a/...", "x/.y",
        "arn:aws:bedrock:eu:1:inference-profile/x.y-v1:0", "@cf/meta/llama",
        "ft:gpt-4o:org::id", "a/b", "/models/llama.gguf", "a.", "x/y.."
    };
    static const char *const  bad[] = {
        "", " a", "a ", "a,b", "a;b", "a?b", "a#b", "a%b", "a\\b", ".", "..",
        "a/..", "a/../b", "../b", "./b", "a/.", "a/./b", "a\tb", "a\x7f",
        "\xc3\xa9"
    };

    for (i = 0; i < sp_nelts(good); i++) {
        if (!sp_model_name_ok(sp_cstr(good[i]))) {
            fail_msg("%s", good[i]);
        }
    }

    for (i = 0; i < sp_nelts(bad); i++) {
        if (sp_model_name_ok(sp_cstr(bad[i]))) {
            fail_msg("%s", bad[i]);
        }
    }

    for (c = 0; c < 256; c++) {
        memset(text, 'x', sizeof(text));
        text[7] = (char) c;
        s.data = (unsigned char *) text;
        s.len = 256;

        assert_int_equal(sp_model_name_ok(s),
                         c >= 0x20 && c <= 0x7e
                         && strchr(",;?#%\\", c) == NULL);
        s.len = 257;
        assert_int_equal(sp_model_name_ok(s), 0);
    }
}


static void
test_guess(void **state)
{
    size_t  i;

    static const struct {
        const char    *path;
        int            version;
        sp_dialect_t   dialect;
    } cases[] = {
        { "/v1/chat/completion", 0, SP_DIALECT_OPENAI },
        { "/v1/foo", 1, SP_DIALECT_ANTHROPIC },
        { "/v1/messages/batches", 0, SP_DIALECT_ANTHROPIC },
        { "/openai/v1/chat/completions", 0, SP_DIALECT_OPENAI },
        { "/v1/models/gemini:generateContent", 0, SP_DIALECT_UNKNOWN },
        { "/v1/projects/p/locations/l", 0, SP_DIALECT_UNKNOWN },
        { "/api/chats", 0, SP_DIALECT_OLLAMA },
        { "/v1beta/x", 0, SP_DIALECT_GEMINI },
        { "/v1beta/openai/x", 0, SP_DIALECT_OPENAI },
        { "/v1/models", 2, SP_DIALECT_GEMINI },
        { "/model/m/x", 0, SP_DIALECT_BEDROCK },
        { "/v2/x", 0, SP_DIALECT_COHERE },
        { "/openai/deployments/d/x", 0, SP_DIALECT_AZURE },
        { "/", 0, SP_DIALECT_UNKNOWN },
        { "", 0, SP_DIALECT_UNKNOWN }
    };

    for (i = 0; i < sp_nelts(cases); i++) {
        assert_int_equal(sp_route_guess_dialect(sp_cstr(cases[i].path),
                                                cases[i].version),
                         cases[i].dialect);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_unique),
        cmocka_unit_test(test_variants),
        cmocka_unit_test(test_segment),
        cmocka_unit_test(test_query),
        cmocka_unit_test(test_model_name),
        cmocka_unit_test(test_guess)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

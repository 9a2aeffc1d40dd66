
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tests of "routes:" and "aliases:": what a policy
 * serves, at which paths and under which names, and where its mistakes are.
 */


#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <stdio.h>

#include "sp_policy.h"


#define HEAD                                                                  \
    "sallyport: 1\n"                                                          \
    "policy: served\n"

#define TAIL                                                                  \
    "allow:\n"                                                                \
    "  - id: a\n"                                                             \
    "    when: account.status == verified\n"


static sp_policy_t *
load(const char *text, sp_diags_t *diags)
{
    char              all[4096];
    sp_policy_opts_t  opts = { .now = INT64_C(1795478400) };

    snprintf(all, sizeof(all), "%s%s%s", HEAD, text, TAIL);
    sp_diags_init(diags);

    return sp_policy_load_text("p.yaml", sp_cstr(all), &opts, diags);
}


static sp_policy_t *
make(const char *text)
{
    sp_diags_t    diags;
    sp_policy_t  *policy;

    policy = load(text, &diags);

    if (policy == NULL) {
        sp_diags_print(&diags, stderr);
        fail_msg("%s", text);
    }

    sp_diags_free(&diags);

    return policy;
}


static int
row(const char *name, sp_dialect_t dialect)
{
    int  i;

    for (i = 0; i < sp_route_count(); i++) {

        if (sp_str_eq(sp_route(i)->name, sp_cstr(name))
            && sp_route(i)->dialect == dialect)
        {
            return i;
        }
    }

    fail_msg("no row %s", name);

    return -1;
}


/* The exacter key counts, in whatever order they stand. */

static void
test_open(void **state)
{
    int           i, k;
    char          text[1024];
    sp_policy_t  *policy;

    static const char *const  lines[] = {
        "  all: {open: no}\n",
        "  azure: {open: yes}\n",
        "  embeddings: {open: no}\n",
        "  azure/embeddings: {open: yes}\n",
        "  files.list: {open: yes}\n"
    };

    policy = make("");

    for (i = 0; i < sp_route_count(); i++) {
        assert_int_equal(sp_policy_route_open(policy, i),
                         sp_policy_route_open(NULL, i));
        assert_int_equal(sp_policy_route_open(policy, i),
                         !sp_route(i)->closed
                         && sp_route(i)->model != SP_MODEL_SERVED);
    }

    assert_false(sp_policy_route_open(policy, -1));
    assert_false(sp_policy_route_open(policy, sp_route_count()));
    free(policy);

    for (i = 0; i < 5; i++) {
        strcpy(text, "routes:\n");

        for (k = 0; k < 5; k++) {
            strcat(text, lines[(i + k * 2) % 5]);
        }

        policy = make(text);

        for (k = 0; k < sp_route_count(); k++) {
            assert_int_equal(sp_policy_route_open(policy, k),
                             (sp_route(k)->dialect == SP_DIALECT_AZURE)
                             || k == row("files.list", SP_DIALECT_OPENAI));
        }

        free(policy);
    }

    /* what ships closed is opened by name only */

    policy = make("routes:\n  all: {open: yes}\n  openai: {open: yes}\n");
    assert_false(sp_policy_route_open(policy, row("files.list",
                                                  SP_DIALECT_OPENAI)));
    free(policy);
}


static void
test_busy(void **state)
{
    int           i;
    sp_policy_t  *policy;

    policy = make("routes:\n  all: {unavailable_status: 429}\n"
                  "  gemini: {unavailable_status: 503}\n");

    for (i = 0; i < sp_route_count(); i++) {
        assert_int_equal(sp_policy_status(policy, i,
                                          SP_R_VERIFICATION_UNAVAILABLE),
                         sp_route(i)->dialect == SP_DIALECT_GEMINI ? 503
                                                                   : 429);
        assert_int_equal(sp_policy_status(policy, i, SP_R_CRED_UNKNOWN), 401);
        assert_int_equal(sp_policy_status(policy, i, SP_R_BODY_TYPE),
                         sp_route(i)->dialect == SP_DIALECT_ANTHROPIC ? 400
                                                                      : 415);
    }

    assert_int_equal(sp_policy_status(policy, -1, SP_R_GATE_ERROR), 503);
    assert_int_equal(sp_policy_status(NULL, 0, SP_R_NO_POLICY), 503);
    free(policy);
}


static void
test_find(void **state)
{
    int            route;
    size_t         i;
    sp_str_t       param;
    sp_policy_t   *policy;
    unsigned char  scratch[256];

    static const struct {
        sp_method_t     method;
        const char     *raw;
        const char     *normal;
        sp_route_rc_t   rc;
        const char     *param;
    } cases[] = {
        { SP_METHOD_POST, "/llm/chat", "/llm/chat", SP_ROUTE_FOUND, "dflt" },
        { SP_METHOD_GET, "/llm/chat", "/llm/chat", SP_ROUTE_UNKNOWN, "" },
        { SP_METHOD_POST, "/llm/chat/", "/llm/chat/", SP_ROUTE_UNKNOWN, "" },
        { SP_METHOD_POST, "/llm/%63hat", "/llm/chat", SP_ROUTE_AMBIGUOUS,
          "" },
        { SP_METHOD_POST, "/t/x/chat", "/t/x/chat", SP_ROUTE_FOUND, "dflt" },
        { SP_METHOD_POST, "/t/../chat", "/chat", SP_ROUTE_AMBIGUOUS, "" },
        { SP_METHOD_POST, "/e/m/vec", "/e/m/vec", SP_ROUTE_FOUND, "m" },
        { SP_METHOD_POST, "/e/a%2Fb/vec", "/e/a/b/vec", SP_ROUTE_FOUND,
          "a/b" },
        { SP_METHOD_POST, "/v1/chat/completions", "/v1/chat/completions",
          SP_ROUTE_FOUND, "dflt" },
        { SP_METHOD_POST, "/generate", "/generate", SP_ROUTE_FOUND, "one" },
        { SP_METHOD_POST, "/v1/messages", "/v1/messages", SP_ROUTE_FOUND,
          "" },
        { SP_METHOD_POST,
          "/model/arn:aws:bedrock:eu::foundation-model%2Fa.b/invoke",
          "/model/arn:aws:bedrock:eu::foundation-model/a.b/invoke",
          SP_ROUTE_FOUND, "a.b" }
    };

    policy = make("routes:\n"
                  "  openai/chat.completions:\n"
                  "    also: [/llm/chat, \"/t/{}/chat\"]\n"
                  "    model: dflt\n"
                  "  azure/embeddings:\n"
                  "    also: [\"/e/{model}/vec\"]\n"
                  "  generate: {model: one}\n");

    assert_int_equal(sp_policy_route_paths(policy), 3);
    assert_int_equal(sp_policy_route_paths(NULL), 0);

    for (i = 0; i < sp_nelts(cases); i++) {

        if (sp_policy_route_find(policy, cases[i].method,
                                 sp_cstr(cases[i].raw),
                                 sp_cstr(cases[i].normal), 0, scratch,
                                 &route, &param)
            != cases[i].rc
            || !sp_str_eq(param, sp_cstr(cases[i].param)))
        {
            fail_msg("%s: '%.*s'", cases[i].raw, (int) param.len, param.data);
        }
    }

    free(policy);
}


static void
test_names(void **state)
{
    int           i;
    char          name[32], text[4096];
    sp_policy_t  *policy;

    strcpy(text, "models:\n  tiers: {1: [m]}\n  aliases:\n");

    for (i = 0; i < 60; i++) {
        sprintf(name, "    a%d: m%d\n", i * 7 % 61, i * 7 % 61 % 5);
        strcat(text, name);
    }

    policy = make(text);

    for (i = 0; i < 61; i++) {
        sprintf(name, "a%d", i);
        sprintf(text, "m%d", i % 5);
        assert_true(sp_str_eq(sp_policy_model_name(policy, sp_cstr(name)),
                              sp_cstr(i == 54 ? name : text)));
    }

    assert_true(sp_str_eq(sp_policy_model_name(policy, SP_STR("m")),
                          SP_STR("m")));
    assert_true(sp_str_eq(sp_policy_model_name(policy, SP_STR("")),
                          SP_STR("")));
    free(policy);
}


static void
test_mistakes(void **state)
{
    size_t      i;
    sp_diags_t  diags;

    /* the first message, with line and column */

    static const struct {
        const char  *text;
        unsigned     line;
        unsigned     col;
        int          code;
    } cases[] = {
        { "routes: [a]\n", 3, 9, 104 },
        { "routes:\n  chat.completion: {open: no}\n", 4, 3, 103 },
        { "routes:\n  azur/embeddings: {open: no}\n", 4, 3, 103 },
        { "routes:\n  azure/messages: {open: no}\n", 4, 3, 103 },
        { "routes:\n  azure: {opn: no}\n", 4, 11, 103 },
        { "routes:\n  azure: {open: maybe}\n", 4, 17, 104 },
        { "routes:\n  azure: {unavailable_status: 500}\n", 4, 31, 104 },
        { "routes:\n  azure: {unavailable_status: 200}\n", 4, 31, 104 },
        { "routes:\n  embeddings: {also: [/x]}\n", 4, 16, 104 },
        { "routes:\n  rerank: {model: \"a*\"}\n", 4, 19, 104 },
        { "routes:\n  models.list: {model: a}\n", 4, 17, 104 },
        { "routes:\n  score: {open: no}\n", 4, 3, 103 },
        { "routes:\n  converse: {also: [/x]}\n", 4, 21, 104 },
        { "routes:\n  converse: {also: [\"/model/{model}/converse\"]}\n",
          4, 21, 106 },
        { "routes:\n  messages: {also: [/x, /x]}\n", 4, 25, 106 },
        { "models:\n  aliases: {a: b, b: c}\n", 4, 16, 104 },
        { "models:\n  tiers: {1: [a]}\n  aliases: {a: b}\n", 5, 13, 106 },
        { "models:\n  aliases: {a: \"b*\"}\n", 4, 16, 104 },
        { "contact: \"a<b\"\n", 3, 10, 104 }
    };

    for (i = 0; i < sp_nelts(cases); i++) {
        assert_null(load(cases[i].text, &diags));
        assert_true(diags.errors >= 1);

        if (diags.items[0].code != cases[i].code
            || diags.items[0].mark.line != cases[i].line
            || diags.items[0].mark.col != cases[i].col)
        {
            sp_diags_print(&diags, stderr);
            fail_msg("%s", cases[i].text);
        }

        sp_diags_free(&diags);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_busy),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_mistakes)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

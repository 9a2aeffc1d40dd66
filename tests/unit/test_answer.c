
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tests of sp_answer: exact bodies, and that no text
 * whatever makes one that is not JSON, too long, or of other structure.
 */


#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "sp_answer.h"
#include "sp_json.h"


#define SEED  UINT64_C(0xa25)


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
test_exact(void **state)
{
    size_t         i, n;
    sp_answer_t    a;
    unsigned char  buf[SP_ANSWER_MAX + 1];

    static const struct {
        sp_dialect_t  dialect;
        unsigned      status;
        const char   *code;
        const char   *text;
        uint32_t      retry_s;
        const char   *param;
        const char   *want;
    } cases[] = {
        { SP_DIALECT_OPENAI, 401, "invalid_credential", "Bad key.", 0, NULL,
          "{\"error\":{\"message\":\"Bad key. (request id: R1)\",\"type\":"
          "\"invalid_request_error\",\"param\":null,\"code\":"
          "\"invalid_credential\"}}" },
        { SP_DIALECT_OPENAI, 403, "not_permitted", "No.", 0, "model",
          "{\"error\":{\"message\":\"No. (request id: R1)\",\"type\":"
          "\"permission_error\",\"param\":\"model\",\"code\":"
          "\"not_permitted\"}}" },
        { SP_DIALECT_OPENAI, 403, "insufficient_quota", "Spent.", 0, NULL,
          "{\"error\":{\"message\":\"Spent. (request id: R1)\",\"type\":"
          "\"insufficient_quota\",\"param\":null,\"code\":"
          "\"insufficient_quota\"}}" },
        { SP_DIALECT_OPENAI, 429, "rate_limit_exceeded", "Slow.", 3, NULL,
          "{\"error\":{\"message\":\"Slow. Please try again in 3s. "
          "(request id: R1)\",\"type\":\"rate_limit_error\",\"param\":null,"
          "\"code\":\"rate_limit_exceeded\"}}" },
        { SP_DIALECT_OPENAI, 429, "c", "Slow.", 0, NULL,
          "{\"error\":{\"message\":\"Slow. (request id: R1)\",\"type\":"
          "\"rate_limit_error\",\"param\":null,\"code\":\"c\"}}" },
        { SP_DIALECT_OPENAI, 451, "unavailable_for_legal_reasons", "Law.", 0,
          NULL, "{\"error\":{\"message\":\"Law. (request id: R1)\",\"type\":"
          "\"request_forbidden\",\"param\":null,\"code\":"
          "\"unavailable_for_legal_reasons\",\"decision_id\":\"R1\"}}" },
        { SP_DIALECT_OPENAI, 503, "x", "Later.", 3, NULL,
          "{\"error\":{\"message\":\"Later. (request id: R1)\",\"type\":"
          "\"server_error\",\"param\":null,\"code\":\"x\"}}" },
        { SP_DIALECT_ANTHROPIC, 401, "c", "Bad.", 0, NULL,
          "{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\","
          "\"message\":\"Bad.\",\"details\":{\"error_code\":\"c\"}},"
          "\"request_id\":\"R1\"}" },
        { SP_DIALECT_ANTHROPIC, 429, "c", "Slow.", 60, NULL,
          "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\","
          "\"message\":\"Slow. Please try again in 60s.\",\"details\":"
          "{\"error_code\":\"c\"}},\"request_id\":\"R1\"}" },
        { SP_DIALECT_UNKNOWN, 403, "c", "M", 0, "model",
          "{\"type\":\"error\",\"error\":{\"type\":\"permission_error\","
          "\"message\":\"M (request id: R1)\",\"param\":null,\"code\":403,"
          "\"status\":\"PERMISSION_DENIED\",\"reason\":\"c\"},"
          "\"message\":\"M (request id: R1)\","
          "\"detail\":\"M (request id: R1)\",\"request_id\":\"R1\"}" }
    };

    for (i = 0; i < sp_nelts(cases); i++) {
        a.dialect = cases[i].dialect;
        a.status = cases[i].status;
        a.code = sp_cstr(cases[i].code);
        a.text = sp_cstr(cases[i].text);
        a.id = SP_STR("R1");
        a.retry_s = cases[i].retry_s;
        a.param = cases[i].param;

        n = sp_answer_body(&a, buf);
        buf[n] = '\0';
        assert_string_equal((char *) buf, cases[i].want);
    }
}


static void
test_types(void **state)
{
    int            k;
    size_t         i, n;
    char           want[64];
    sp_answer_t    a;
    unsigned char  buf[SP_ANSWER_MAX + 1];

    static const struct {
        unsigned     status;
        const char  *type[3];
        const char  *google;
    } rows[] = {
        { 400, { "invalid_request_error", "invalid_request_error",
                 "invalid_request_error" }, "INVALID_ARGUMENT" },
        { 401, { "invalid_request_error", "authentication_error",
                 "authentication_error" }, "UNAUTHENTICATED" },
        { 402, { "insufficient_quota", "billing_error", "billing_error" },
          "PERMISSION_DENIED" },
        { 403, { "permission_error", "permission_error", "permission_error" },
          "PERMISSION_DENIED" },
        { 404, { "invalid_request_error", "not_found_error",
                 "not_found_error" }, "NOT_FOUND" },
        { 413, { "invalid_request_error", "request_too_large",
                 "request_too_large" }, "INVALID_ARGUMENT" },
        { 415, { "invalid_request_error", "invalid_request_error",
                 "invalid_request_error" }, "INVALID_ARGUMENT" },
        { 429, { "rate_limit_error", "rate_limit_error", "rate_limit_error" },
          "RESOURCE_EXHAUSTED" },
        { 451, { "request_forbidden", "request_forbidden",
                 "request_forbidden" }, "PERMISSION_DENIED" },
        { 500, { "server_error", "api_error", "api_error" }, "INTERNAL" },
        { 502, { "server_error", "api_error", "api_error" }, "INTERNAL" },
        { 503, { "server_error", "api_error", "api_error" }, "UNAVAILABLE" }
    };

    memset(&a, 0, sizeof(a));
    a.code = SP_STR("code");
    a.text = SP_STR("text");

    for (i = 0; i < sp_nelts(rows); i++) {
        for (k = SP_DIALECT_OPENAI; k <= SP_DIALECT_UNKNOWN; k++) {
            a.dialect = (sp_dialect_t) k;
            a.status = rows[i].status;
            n = sp_answer_body(&a, buf);
            buf[n] = '\0';

            sprintf(want, "\"type\":\"%s\"", rows[i].type[k]);
            assert_non_null(strstr((char *) buf, want));

            sprintf(want, "\"code\":%u,\"status\":\"%s\"", a.status,
                    rows[i].google);
            assert_int_equal(strstr((char *) buf, want) != NULL,
                             k == SP_DIALECT_UNKNOWN);
        }
    }
}


/* What a client reads back, in the order of the paths. */

static const sp_json_watch_t  watches[] = {
    { "error/message", 0 }, { "error/code", 1 }, { "error/type", 2 },
    { "error/param", 3 }, { "error/details/error_code", 4 },
    { "request_id", 5 }, { "message", 6 }
};

/* Texts may be longer than a watched one can be: their form alone counts. */

static const sp_json_watch_t  form[] = { { "none", 0 } };

static int            seen[7];
static unsigned char  code[512];
static size_t         code_len;


static sp_rc_t
on_value(void *ctx, int id, const sp_json_value_t *value)
{
    seen[id]++;

    if (value->type == SP_JSON_STRING
        && (id == 4 || (id == 1 && *(int *) ctx == SP_DIALECT_OPENAI)))
    {
        code_len = value->text.len;
        memcpy(code, value->text.data, code_len);
    }

    return SP_OK;
}


static void
fill(unsigned char *p, size_t n, unsigned how)
{
    size_t  i;

    static const char  nasty[] = "\"\\\n\r\t{}[],:'<>/\x01\x1f\x7f\xc3\xff";

    for (i = 0; i < n; i++) {
        switch (how) {

        case 0:
            p[i] = (unsigned char) rnd();
            break;

        case 1:
            p[i] = (unsigned char) nasty[rnd() % (sizeof(nasty) - 1)];
            break;

        case 2:
            p[i] = 0x01;
            break;

        default:
            p[i] = (unsigned char) "\xf0\x9f\x98\x80"[i % 4];
        }
    }
}


static void
test_any_text(void **state)
{
    int                     i, dialect;
    char                    param[128];
    size_t                  n, need;
    sp_json_t               json;
    sp_answer_t             a;
    unsigned char           text[3000], id[200], pub[200];
    unsigned char          *buf;
    const sp_json_table_t  *table, *form_table;

    static _Alignas(16) unsigned char  mem[8192], form_mem[1024];

    static const unsigned  statuses[] = {
        400, 401, 403, 404, 413, 415, 429, 451, 500, 503
    };

    table = sp_json_compile(watches, sp_nelts(watches), mem, sizeof(mem),
                            &need);
    assert_non_null(table);
    form_table = sp_json_compile(form, 1, form_mem, sizeof(form_mem), &need);
    assert_non_null(form_table);

    for (i = 0; i < 30000; i++) {
        dialect = i % 3;

        a.dialect = (sp_dialect_t) dialect;
        a.status = statuses[rnd() % sp_nelts(statuses)];
        a.retry_s = (uint32_t) rnd();
        a.text = (sp_str_t) { rnd() % sizeof(text), text };
        a.id = (sp_str_t) { rnd() % sizeof(id), id };
        a.code = (sp_str_t) { rnd() % sizeof(pub), pub };
        fill(text, a.text.len, (unsigned) (rnd() % 4));
        fill(id, a.id.len, (unsigned) (rnd() % 4));
        fill(pub, a.code.len, (unsigned) (rnd() % 4));

        n = rnd() % sizeof(param);
        fill((unsigned char *) param, n, 1);
        param[n] = '\0';
        a.param = rnd() % 2 ? param : NULL;

        buf = malloc(SP_ANSWER_MAX);
        n = sp_answer_body(&a, buf);
        assert_true(n <= SP_ANSWER_MAX);

        sp_json_init(&json, form_table, on_value, &dialect);

        if (sp_json_feed(&json, buf, n) != SP_OK
            || sp_json_finish(&json) != SP_OK)
        {
            fail_msg("%d: %.*s", (int) json.error, (int) n, buf);
        }

        free(buf);
    }

    /* and with text that fits, each field is there once, unharmed */

    for (i = 0; i < 3000; i++) {
        dialect = i % 3;

        a.dialect = (sp_dialect_t) dialect;
        a.status = statuses[rnd() % sp_nelts(statuses)];
        a.retry_s = 5;
        a.text = (sp_str_t) { rnd() % 30, text };
        a.id = SP_STR("id");
        a.code = (sp_str_t) { 1 + rnd() % 15, pub };
        fill(text, a.text.len, 1);
        fill(pub, a.code.len, 2);
        a.param = NULL;

        buf = malloc(SP_ANSWER_MAX);
        n = sp_answer_body(&a, buf);

        memset(seen, 0, sizeof(seen));
        code_len = 0;
        sp_json_init(&json, table, on_value, &dialect);
        assert_int_equal(sp_json_feed(&json, buf, n), SP_OK);
        assert_int_equal(sp_json_finish(&json), SP_OK);
        free(buf);

        assert_int_equal(seen[0], 1);
        assert_int_equal(seen[2], 1);
        assert_int_equal(seen[1], dialect != SP_DIALECT_ANTHROPIC);
        assert_int_equal(seen[3], dialect != SP_DIALECT_ANTHROPIC);
        assert_int_equal(seen[4], dialect == SP_DIALECT_ANTHROPIC);
        assert_int_equal(seen[5], dialect != SP_DIALECT_OPENAI);
        assert_int_equal(seen[6], dialect == SP_DIALECT_UNKNOWN);

        if (dialect != SP_DIALECT_UNKNOWN) {
            assert_int_equal(code_len, a.code.len);
            assert_memory_equal(code, pub, code_len);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_exact),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_any_text)
    };

    printf("seed %llx\n", (unsigned long long) SEED);

    return cmocka_run_group_tests(tests, NULL, NULL);
}


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
#include <zlib.h>

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
        { SP_DIALECT_AZURE, 403, "c", "No.", 0, NULL,
          "{\"error\":{\"message\":\"No. (request id: R1)\",\"type\":"
          "\"permission_error\",\"param\":null,\"code\":\"c\"}}" },
        { SP_DIALECT_GEMINI, 401, "c", "Bad.", 0, NULL,
          "{\"error\":{\"code\":401,\"message\":\"Bad. (request id: R1)\","
          "\"status\":\"UNAUTHENTICATED\"}}" },
        { SP_DIALECT_GEMINI, 429, "c", "Slow.", 3, NULL,
          "{\"error\":{\"code\":429,\"message\":\"Slow. Please try again in "
          "3s. (request id: R1)\",\"status\":\"RESOURCE_EXHAUSTED\","
          "\"details\":[{\"@type\":\"type.googleapis.com/google.rpc."
          "RetryInfo\",\"retryDelay\":\"3s\"}]}}" },
        { SP_DIALECT_BEDROCK, 403, "c", "No.", 0, NULL,
          "{\"message\":\"No. (request id: R1)\"}" },
        { SP_DIALECT_MISTRAL, 403, "c", "No.", 0, NULL,
          "{\"object\":\"error\",\"message\":\"No. (request id: R1)\","
          "\"type\":\"permission_error\",\"param\":null,\"code\":\"c\"}" },
        { SP_DIALECT_COHERE, 403, "c", "No.", 0, NULL,
          "{\"message\":\"No.\",\"id\":\"R1\"}" },
        { SP_DIALECT_OLLAMA, 404, "c", "No.", 0, NULL,
          "{\"error\":\"No. (request id: R1)\"}" },
        { SP_DIALECT_TGI, 429, "c", "Slow.", 0, NULL,
          "{\"error\":\"Slow. (request id: R1)\",\"error_type\":"
          "\"overloaded\"}" },
        { SP_DIALECT_UNKNOWN, 403, "c", "M", 0, "model",
          "{\"type\":\"error\",\"error\":{\"type\":\"permission_error\","
          "\"message\":\"M (request id: R1)\",\"param\":null,\"code\":403,"
          "\"status\":\"PERMISSION_DENIED\",\"reason\":\"c\"},"
          "\"message\":\"M (request id: R1)\","
          "\"detail\":\"M (request id: R1)\",\"request_id\":\"R1\"}" }
    };

    memset(&a, 0, sizeof(a));

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
        const char  *type[3];     /* in the order of "dialects" */
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

    static const sp_dialect_t  dialects[] = {
        SP_DIALECT_OPENAI, SP_DIALECT_ANTHROPIC, SP_DIALECT_UNKNOWN
    };

    memset(&a, 0, sizeof(a));
    a.code = SP_STR("code");
    a.text = SP_STR("text");

    for (i = 0; i < sp_nelts(rows); i++) {
        for (k = 0; k < 3; k++) {
            a.dialect = dialects[k];
            a.status = rows[i].status;
            n = sp_answer_body(&a, buf);
            buf[n] = '\0';

            sprintf(want, "\"type\":\"%s\"", rows[i].type[k]);
            assert_non_null(strstr((char *) buf, want));

            sprintf(want, "\"code\":%u,\"status\":\"%s\"", a.status,
                    rows[i].google);
            assert_int_equal(strstr((char *) buf, want) != NULL,
                             k == 2);
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
    unsigned char          *buf, hint[160];
    const sp_json_table_t  *table, *form_table;

    static _Alignas(16) unsigned char  mem[8192], form_mem[1024];

    static const int  dialects[] = {
        SP_DIALECT_OPENAI, SP_DIALECT_ANTHROPIC, SP_DIALECT_UNKNOWN
    };

    static const unsigned  statuses[] = {
        400, 401, 403, 404, 413, 415, 429, 451, 500, 503
    };

    table = sp_json_compile(watches, sp_nelts(watches), mem, sizeof(mem),
                            &need);
    assert_non_null(table);
    form_table = sp_json_compile(form, 1, form_mem, sizeof(form_mem), &need);
    assert_non_null(form_table);

    memset(&a, 0, sizeof(a));
    memset(hint, 'h', sizeof(hint));

    for (i = 0; i < 30000; i++) {
        dialect = i % SP_DIALECTS;

        a.dialect = (sp_dialect_t) dialect;
        a.status = statuses[rnd() % sp_nelts(statuses)];
        a.basis = (sp_str_t) { rnd() % (sizeof(hint) + 1), hint };
        a.appeal = (sp_str_t) { rnd() % (sizeof(hint) + 1), hint };
        a.contact = (sp_str_t) { rnd() % (sizeof(hint) + 1), hint };
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

    a.basis.len = a.appeal.len = a.contact.len = 0;

    /* and with text that fits, each field is there once, unharmed */

    for (i = 0; i < 3000; i++) {
        dialect = dialects[i % 3];

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


/* What the policy's texts become, and where each dialect has its class. */

static void
test_hints(void **state)
{
    size_t         n;
    sp_answer_t    a;
    unsigned char  buf[SP_ANSWER_MAX + 1];

    memset(&a, 0, sizeof(a));
    a.dialect = SP_DIALECT_OLLAMA;
    a.status = 451;
    a.text = SP_STR("No.");
    a.id = SP_STR("R");
    a.basis = SP_STR("Act 7");
    a.appeal = SP_STR("https://a.example/x");
    a.contact = SP_STR("Write to t@a.example.");

    n = sp_answer_body(&a, buf);
    buf[n] = '\0';
    assert_string_equal((char *) buf, "{\"error\":\"No. Legal basis: Act 7. "
                        "To appeal: https://a.example/x. Contact: Write to "
                        "t@a.example. (request id: R)\"}");

    assert_string_equal(sp_answer_exception(&a), "AccessDeniedException");
    a.code = SP_STR("insufficient_quota");
    a.status = 403;
    assert_string_equal(sp_answer_exception(&a),
                        "ServiceQuotaExceededException");

    assert_string_equal(sp_answer_id_header(SP_DIALECT_ANTHROPIC),
                        "request-id");
    assert_string_equal(sp_answer_id_header(SP_DIALECT_BEDROCK),
                        "x-amzn-requestid");
    assert_string_equal(sp_answer_id_header(SP_DIALECT_AZURE),
                        "apim-request-id");
    assert_null(sp_answer_id_header(SP_DIALECT_OPENAI));
}


static uint32_t
word(const unsigned char *p)
{
    return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16
           | (uint32_t) p[2] << 8 | p[3];
}


static void
test_events(void **state)
{
    int            i;
    size_t         n, k;
    sp_answer_t    a;
    unsigned char  *buf;

    memset(&a, 0, sizeof(a));
    a.status = 429;
    a.code = SP_STR("rate_limit_exceeded");
    a.text = SP_STR("M.");
    a.id = SP_STR("R");

    buf = malloc(SP_EVENT_MAX);

    n = sp_answer_event(&a, 7, buf);
    buf[n] = '\0';
    assert_string_equal((char *) buf, "event: error\ndata: {\"type\":\"error\","
        "\"error\":{\"type\":\"rate_limit_error\",\"code\":"
        "\"rate_limit_exceeded\",\"message\":\"M. (request id: R)\","
        "\"param\":null},\"code\":\"rate_limit_exceeded\",\"message\":"
        "\"M. (request id: R)\",\"param\":null,\"sequence_number\":7}\n\n");

    a.dialect = SP_DIALECT_GEMINI;
    n = sp_answer_event(&a, 0, buf);
    buf[n] = '\0';
    assert_string_equal((char *) buf, "data: {\"error\":{\"code\":429,"
        "\"message\":\"M. (request id: R)\",\"status\":"
        "\"RESOURCE_EXHAUSTED\"}}\r\n\r\n");

    a.dialect = SP_DIALECT_OLLAMA;
    n = sp_answer_event(&a, 0, buf);
    buf[n] = '\0';
    assert_string_equal((char *) buf,
                        "{\"error\":\"M. (request id: R)\"}\n");

    /* lengths and sums as the format has them, over any text */

    a.dialect = SP_DIALECT_BEDROCK;

    for (i = 0; i < 1000; i++) {
        unsigned char  text[1500];

        a.text = (sp_str_t) { rnd() % sizeof(text), text };
        fill(text, a.text.len, (unsigned) (rnd() % 4));
        n = sp_answer_event(&a, 0, buf);

        assert_true(n <= SP_EVENT_MAX);
        assert_int_equal(word(buf), n);
        assert_int_equal(word(buf + 8), crc32(0, buf, 8));
        assert_int_equal(word(buf + n - 4), crc32(0, buf, (uInt) n - 4));

        k = 12 + word(buf + 4);
        assert_memory_equal(buf + 12, "\x0d:message-type\x07\x00\x09"
                            "exception\x0f:exception-type\x07\x00\x13"
                            "throttlingException", 58);
        assert_memory_equal(buf + k, "{\"message\":\"", 12);
        assert_int_equal(buf[n - 5], '}');
    }

    for (i = 0; i < SP_DIALECTS; i++) {
        a.dialect = (sp_dialect_t) i;
        a.text = SP_STR("x");
        assert_int_equal(sp_answer_event(&a, 0, buf) == 0,
                         i == SP_DIALECT_MISTRAL || i == SP_DIALECT_COHERE
                         || i == SP_DIALECT_TGI);
    }

    free(buf);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_exact),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_any_text),
        cmocka_unit_test(test_hints),
        cmocka_unit_test(test_events)
    };

    printf("seed %llx\n", (unsigned long long) SEED);

    return cmocka_run_group_tests(tests, NULL, NULL);
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the bodies of the gate's own answers. SDKs choose their
 * exception by the status and show what they find in a few fixed fields, so
 * each dialect has its own shape, and one shape serves who cannot be told.
 */


#include "sp_answer.h"


/*
 * Escaped bytes of each part at most, so that all fit into SP_ANSWER_MAX:
 * the shape for unknown dialects has the whole message three times.
 */

#define SP_ANSWER_TEXT        1200
#define SP_ANSWER_TEXT_POLY   360
#define SP_ANSWER_CODE        96
#define SP_ANSWER_ID          96
#define SP_ANSWER_PARAM       96


typedef struct {
    unsigned     status;
    const char  *openai;
    const char  *anthropic;
    const char  *google;
} sp_answer_type_t;


static const sp_answer_type_t *sp_answer_type(unsigned status);
static unsigned char *sp_answer_openai(const sp_answer_t *answer,
    unsigned char *p);
static unsigned char *sp_answer_anthropic(const sp_answer_t *answer,
    unsigned char *p);
static unsigned char *sp_answer_polyglot(const sp_answer_t *answer,
    unsigned char *p);
static int sp_answer_quota(const sp_answer_t *answer);
static unsigned char *sp_answer_message(const sp_answer_t *answer,
    unsigned char *p, size_t max, int with_id);
static unsigned char *sp_answer_put(unsigned char *p, const char *text);
static unsigned char *sp_answer_uint(unsigned char *p, uint32_t n);
static unsigned char *sp_answer_quote(unsigned char *p, sp_str_t s,
    size_t max);
static unsigned char *sp_answer_escape(unsigned char *p, sp_str_t s,
    size_t max);


/* A status without a row takes the last one of its class. */

static const sp_answer_type_t  sp_answer_types[] = {
    { 401, "invalid_request_error", "authentication_error",
      "UNAUTHENTICATED" },
    { 402, "insufficient_quota", "billing_error", "PERMISSION_DENIED" },
    { 403, "permission_error", "permission_error", "PERMISSION_DENIED" },
    { 404, "invalid_request_error", "not_found_error", "NOT_FOUND" },
    { 413, "invalid_request_error", "request_too_large", "INVALID_ARGUMENT" },
    { 429, "rate_limit_error", "rate_limit_error", "RESOURCE_EXHAUSTED" },
    { 451, "request_forbidden", "request_forbidden", "PERMISSION_DENIED" },
    { 400, "invalid_request_error", "invalid_request_error",
      "INVALID_ARGUMENT" },
    { 503, "server_error", "api_error", "UNAVAILABLE" },
    { 500, "server_error", "api_error", "INTERNAL" }
};


size_t
sp_answer_body(const sp_answer_t *answer, unsigned char *buf)
{
    unsigned char  *p;

    switch (answer->dialect) {

    case SP_DIALECT_OPENAI:
        p = sp_answer_openai(answer, buf);
        break;

    case SP_DIALECT_ANTHROPIC:
        p = sp_answer_anthropic(answer, buf);
        break;

    default:
        p = sp_answer_polyglot(answer, buf);
    }

    return (size_t) (p - buf);
}


static const sp_answer_type_t *
sp_answer_type(unsigned status)
{
    size_t                   i;
    const sp_answer_type_t  *type;

    type = NULL;

    for (i = 0; i < sp_nelts(sp_answer_types); i++) {
        if (sp_answer_types[i].status == status) {
            return &sp_answer_types[i];
        }

        if ((sp_answer_types[i].status >= 500) == (status >= 500)) {
            type = &sp_answer_types[i];
        }
    }

    return type;
}


static unsigned char *
sp_answer_openai(const sp_answer_t *answer, unsigned char *p)
{
    p = sp_answer_put(p, "{\"error\":{\"message\":");
    p = sp_answer_message(answer, p, SP_ANSWER_TEXT, 1);

    p = sp_answer_put(p, ",\"type\":\"");
    p = sp_answer_put(p, sp_answer_quota(answer) ? "insufficient_quota"
                         : sp_answer_type(answer->status)->openai);

    p = sp_answer_put(p, "\",\"param\":");

    if (answer->param != NULL) {
        p = sp_answer_quote(p, sp_cstr(answer->param), SP_ANSWER_PARAM);

    } else {
        p = sp_answer_put(p, "null");
    }

    p = sp_answer_put(p, ",\"code\":");
    p = sp_answer_quote(p, answer->code, SP_ANSWER_CODE);

    if (answer->status == 451) {
        p = sp_answer_put(p, ",\"decision_id\":");
        p = sp_answer_quote(p, answer->id, SP_ANSWER_ID);
    }

    return sp_answer_put(p, "}}");
}


static unsigned char *
sp_answer_anthropic(const sp_answer_t *answer, unsigned char *p)
{
    p = sp_answer_put(p, "{\"type\":\"error\",\"error\":{\"type\":\"");
    p = sp_answer_put(p, sp_answer_type(answer->status)->anthropic);

    p = sp_answer_put(p, "\",\"message\":");
    p = sp_answer_message(answer, p, SP_ANSWER_TEXT, 0);

    p = sp_answer_put(p, ",\"details\":{\"error_code\":");
    p = sp_answer_quote(p, answer->code, SP_ANSWER_CODE);

    p = sp_answer_put(p, "}},\"request_id\":");
    p = sp_answer_quote(p, answer->id, SP_ANSWER_ID);

    return sp_answer_put(p, "}");
}


/*
 * A number as "code" and a name as "status" are what Google's clients need;
 * the message at the top is for AWS's, "detail" for those of problem+json.
 */

static unsigned char *
sp_answer_polyglot(const sp_answer_t *answer, unsigned char *p)
{
    const sp_answer_type_t  *type;

    type = sp_answer_type(answer->status);

    p = sp_answer_put(p, "{\"type\":\"error\",\"error\":{\"type\":\"");
    p = sp_answer_put(p, type->anthropic);

    p = sp_answer_put(p, "\",\"message\":");
    p = sp_answer_message(answer, p, SP_ANSWER_TEXT_POLY, 1);

    p = sp_answer_put(p, ",\"param\":null,\"code\":");
    p = sp_answer_uint(p, answer->status);

    p = sp_answer_put(p, ",\"status\":\"");
    p = sp_answer_put(p, type->google);

    p = sp_answer_put(p, "\",\"reason\":");
    p = sp_answer_quote(p, answer->code, SP_ANSWER_CODE);

    p = sp_answer_put(p, "},\"message\":");
    p = sp_answer_message(answer, p, SP_ANSWER_TEXT_POLY, 1);

    p = sp_answer_put(p, ",\"detail\":");
    p = sp_answer_message(answer, p, SP_ANSWER_TEXT_POLY, 1);

    p = sp_answer_put(p, ",\"request_id\":");
    p = sp_answer_quote(p, answer->id, SP_ANSWER_ID);

    return sp_answer_put(p, "}");
}


static int
sp_answer_quota(const sp_answer_t *answer)
{
    static const sp_str_t  quota = sp_str("insufficient_quota");

    return sp_str_eq(answer->code, quota);
}


/*
 * The wording of the hint is what LangChain looks for; clients that print the
 * message only show the id by it.
 */

static unsigned char *
sp_answer_message(const sp_answer_t *answer, unsigned char *p, size_t max,
    int with_id)
{
    *p++ = '"';
    p = sp_answer_escape(p, answer->text, max);

    if (answer->status == 429 && answer->retry_s != 0) {
        p = sp_answer_put(p, " Please try again in ");
        p = sp_answer_uint(p, answer->retry_s);
        p = sp_answer_put(p, "s.");
    }

    if (with_id && answer->id.len != 0) {
        p = sp_answer_put(p, " (request id: ");
        p = sp_answer_escape(p, answer->id, SP_ANSWER_ID);
        p = sp_answer_put(p, ")");
    }

    *p++ = '"';

    return p;
}


static unsigned char *
sp_answer_put(unsigned char *p, const char *text)
{
    size_t  len;

    len = strlen(text);
    memcpy(p, text, len);

    return p + len;
}


static unsigned char *
sp_answer_uint(unsigned char *p, uint32_t n)
{
    size_t         i;
    unsigned char  digits[10];

    i = sizeof(digits);

    do {
        digits[--i] = (unsigned char) ('0' + n % 10);
        n /= 10;
    } while (n != 0);

    memcpy(p, digits + i, sizeof(digits) - i);

    return p + sizeof(digits) - i;
}


static unsigned char *
sp_answer_quote(unsigned char *p, sp_str_t s, size_t max)
{
    *p++ = '"';
    p = sp_answer_escape(p, s, max);
    *p++ = '"';

    return p;
}


/* Writes at most "max" bytes, and no part of a character. */

static unsigned char *
sp_answer_escape(unsigned char *p, sp_str_t s, size_t max)
{
    size_t         i, n, took, room;
    unsigned char  out[6];

    room = max;

    for (i = 0; i < s.len; i += took) {

        n = sp_plain(p, s.data + i, s.len - i < room ? s.len - i : room);

        if (n != 0) {
            p += n;
            room -= n;
            took = n;
            continue;
        }

        took = sp_utf8_char(s.data + i, s.len - i);

        if (took == 0) {
            took = 1;
            out[0] = '?';
            n = 1;

        } else if (s.data[i] == '"' || s.data[i] == '\\') {
            out[0] = '\\';
            out[1] = s.data[i];
            n = 2;

        } else if (s.data[i] < 0x20) {
            memcpy(out, "\\u00", 4);
            sp_hex(s.data + i, 1, out + 4);
            n = 6;

        } else {
            memcpy(out, s.data + i, took);
            n = took;
        }

        if (n > room) {
            break;
        }

        memcpy(p, out, n);
        p += n;
        room -= n;
    }

    return p;
}

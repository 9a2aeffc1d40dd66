
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the bodies of the gate's own answers. SDKs choose their
 * exception by the status and show what they find in a few fixed fields, so
 * each dialect has its own shape, and one shape serves who cannot be told.
 */


#include "sp_answer_text.h"


/*
 * Escaped bytes of the sentence at most, so that all fits into SP_ANSWER_MAX:
 * the shape for unknown dialects has the whole message three times.
 */

#define SP_ANSWER_TEXT_POLY   240


typedef struct {
    unsigned     status;
    const char  *openai;
    const char  *anthropic;
    const char  *google;
    const char  *amazon;
    const char  *tgi;
} sp_answer_type_t;


typedef unsigned char *(*sp_answer_shape_pt)(const sp_answer_t *answer,
    unsigned char *p);


static const sp_answer_type_t *sp_answer_type(unsigned status);
static unsigned char *sp_answer_openai(const sp_answer_t *answer,
    unsigned char *p);
static unsigned char *sp_answer_anthropic(const sp_answer_t *answer,
    unsigned char *p);
static unsigned char *sp_answer_google(const sp_answer_t *answer,
    unsigned char *p);
static unsigned char *sp_answer_amazon(const sp_answer_t *answer,
    unsigned char *p);
static unsigned char *sp_answer_mistral(const sp_answer_t *answer,
    unsigned char *p);
static unsigned char *sp_answer_cohere(const sp_answer_t *answer,
    unsigned char *p);
static unsigned char *sp_answer_ollama(const sp_answer_t *answer,
    unsigned char *p);
static unsigned char *sp_answer_tgi(const sp_answer_t *answer,
    unsigned char *p);
static unsigned char *sp_answer_polyglot(const sp_answer_t *answer,
    unsigned char *p);
static int sp_answer_quota(const sp_answer_t *answer);


/* A status without a row takes the last one of its class. */

static const sp_answer_type_t  sp_answer_types[] = {
    { 401, "invalid_request_error", "authentication_error",
      "UNAUTHENTICATED", "AccessDeniedException", "validation" },
    { 402, "insufficient_quota", "billing_error", "PERMISSION_DENIED",
      "ServiceQuotaExceededException", "validation" },
    { 403, "permission_error", "permission_error", "PERMISSION_DENIED",
      "AccessDeniedException", "validation" },
    { 404, "invalid_request_error", "not_found_error", "NOT_FOUND",
      "ResourceNotFoundException", "validation" },
    { 413, "invalid_request_error", "request_too_large", "INVALID_ARGUMENT",
      "ValidationException", "validation" },
    { 429, "rate_limit_error", "rate_limit_error", "RESOURCE_EXHAUSTED",
      "ThrottlingException", "overloaded" },
    { 451, "request_forbidden", "request_forbidden", "PERMISSION_DENIED",
      "AccessDeniedException", "validation" },
    { 400, "invalid_request_error", "invalid_request_error",
      "INVALID_ARGUMENT", "ValidationException", "validation" },
    { 503, "server_error", "api_error", "UNAVAILABLE",
      "ServiceUnavailableException", "overloaded" },
    { 500, "server_error", "api_error", "INTERNAL",
      "InternalServerException", "generation" }
};


static const sp_answer_shape_pt  sp_answer_shapes[] = {
    [SP_DIALECT_OPENAI] = sp_answer_openai,
    [SP_DIALECT_ANTHROPIC] = sp_answer_anthropic,
    [SP_DIALECT_GEMINI] = sp_answer_google,
    [SP_DIALECT_AZURE] = sp_answer_openai,
    [SP_DIALECT_BEDROCK] = sp_answer_amazon,
    [SP_DIALECT_MISTRAL] = sp_answer_mistral,
    [SP_DIALECT_COHERE] = sp_answer_cohere,
    [SP_DIALECT_OLLAMA] = sp_answer_ollama,
    [SP_DIALECT_TGI] = sp_answer_tgi,
    [SP_DIALECT_UNKNOWN] = sp_answer_polyglot
};


size_t
sp_answer_body(const sp_answer_t *answer, unsigned char *buf)
{
    sp_dialect_t  dialect;

    dialect = answer->dialect < SP_DIALECTS ? answer->dialect
                                            : SP_DIALECT_UNKNOWN;

    return (size_t) (sp_answer_shapes[dialect](answer, buf) - buf);
}


const char *
sp_answer_exception(const sp_answer_t *answer)
{
    return sp_answer_quota(answer) ? "ServiceQuotaExceededException"
                                   : sp_answer_type(answer->status)->amazon;
}


const char *
sp_answer_id_header(sp_dialect_t dialect)
{
    switch (dialect) {

    case SP_DIALECT_ANTHROPIC:
        return "request-id";

    case SP_DIALECT_BEDROCK:
        return "x-amzn-requestid";

    case SP_DIALECT_AZURE:
        return "apim-request-id";

    default:
        return NULL;
    }
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
    p = sp_answer_put(p, sp_answer_word(answer));

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


/* A number as "code" and a string as "status", or clients show neither. */

static unsigned char *
sp_answer_google(const sp_answer_t *answer, unsigned char *p)
{
    p = sp_answer_put(p, "{\"error\":{\"code\":");
    p = sp_answer_uint(p, answer->status);

    p = sp_answer_put(p, ",\"message\":");
    p = sp_answer_message(answer, p, SP_ANSWER_TEXT, 1);

    p = sp_answer_put(p, ",\"status\":\"");
    p = sp_answer_put(p, sp_answer_type(answer->status)->google);
    p = sp_answer_put(p, "\"");

    if (answer->status == 429 && answer->retry_s != 0) {
        p = sp_answer_put(p, ",\"details\":[{\"@type\":"
                          "\"type.googleapis.com/google.rpc.RetryInfo\","
                          "\"retryDelay\":\"");
        p = sp_answer_uint(p, answer->retry_s);
        p = sp_answer_put(p, "s\"}]");
    }

    return sp_answer_put(p, "}}");
}


/* The class is in a header: sp_answer_exception(). */

static unsigned char *
sp_answer_amazon(const sp_answer_t *answer, unsigned char *p)
{
    p = sp_answer_put(p, "{\"message\":");
    p = sp_answer_message(answer, p, SP_ANSWER_TEXT, 1);

    return sp_answer_put(p, "}");
}


static unsigned char *
sp_answer_mistral(const sp_answer_t *answer, unsigned char *p)
{
    p = sp_answer_put(p, "{\"object\":\"error\",\"message\":");
    p = sp_answer_message(answer, p, SP_ANSWER_TEXT, 1);

    p = sp_answer_put(p, ",\"type\":\"");
    p = sp_answer_put(p, sp_answer_word(answer));

    p = sp_answer_put(p, "\",\"param\":null,\"code\":");
    p = sp_answer_quote(p, answer->code, SP_ANSWER_CODE);

    return sp_answer_put(p, "}");
}


static unsigned char *
sp_answer_cohere(const sp_answer_t *answer, unsigned char *p)
{
    p = sp_answer_put(p, "{\"message\":");
    p = sp_answer_message(answer, p, SP_ANSWER_TEXT, 0);

    p = sp_answer_put(p, ",\"id\":");
    p = sp_answer_quote(p, answer->id, SP_ANSWER_ID);

    return sp_answer_put(p, "}");
}


/* Clients print an object as "[object Object]". */

static unsigned char *
sp_answer_ollama(const sp_answer_t *answer, unsigned char *p)
{
    p = sp_answer_put(p, "{\"error\":");
    p = sp_answer_message(answer, p, SP_ANSWER_TEXT, 1);

    return sp_answer_put(p, "}");
}


static unsigned char *
sp_answer_tgi(const sp_answer_t *answer, unsigned char *p)
{
    p = sp_answer_put(p, "{\"error\":");
    p = sp_answer_message(answer, p, SP_ANSWER_TEXT, 1);

    p = sp_answer_put(p, ",\"error_type\":\"");
    p = sp_answer_put(p, sp_answer_type(answer->status)->tgi);

    return sp_answer_put(p, "\"}");
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


const char *
sp_answer_word(const sp_answer_t *answer)
{
    return sp_answer_quota(answer) ? "insufficient_quota"
                                   : sp_answer_type(answer->status)->openai;
}

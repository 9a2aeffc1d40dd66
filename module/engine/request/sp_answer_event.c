
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what ends a stream that has begun. Each dialect's clients
 * raise an exception at an event of their own, and take anything else for the
 * end of the answer.
 */


#include <zlib.h>

#include "sp_answer_text.h"


/* An AWS event: two lengths and their sum, then headers, payload, sum. */

#define SP_FRAME_PRELUDE  12
#define SP_FRAME_SUM      4


static unsigned char *sp_event_hybrid(const sp_answer_t *answer,
    uint32_t sequence, unsigned char *p);
static unsigned char *sp_event_google(const sp_answer_t *answer,
    unsigned char *p);
static unsigned char *sp_event_frame(const sp_answer_t *answer,
    unsigned char *p);
static unsigned char *sp_event_header(unsigned char *p, const char *name,
    const char *value);
static unsigned char *sp_event_word(unsigned char *p, uint32_t n);


size_t
sp_answer_event(const sp_answer_t *answer, uint32_t sequence,
    unsigned char *buf)
{
    unsigned char  *p;

    switch (answer->dialect) {

    case SP_DIALECT_GEMINI:
        p = sp_event_google(answer, buf);
        break;

    case SP_DIALECT_BEDROCK:
        p = sp_event_frame(answer, buf);
        break;

    case SP_DIALECT_OLLAMA:
        p = buf + sp_answer_body(answer, buf);
        *p++ = '\n';
        break;

    case SP_DIALECT_MISTRAL:
    case SP_DIALECT_COHERE:
    case SP_DIALECT_TGI:
        p = buf;
        break;

    default:
        p = sp_event_hybrid(answer, sequence, buf);
    }

    return (size_t) (p - buf);
}


/*
 * "event:" is what Anthropic's clients need, the nested object OpenAI's, the
 * flat fields those of its Responses.
 */

static unsigned char *
sp_event_hybrid(const sp_answer_t *answer, uint32_t sequence,
    unsigned char *p)
{
    p = sp_answer_put(p, "event: error\ndata: {\"type\":\"error\","
                      "\"error\":{\"type\":\"");
    p = sp_answer_put(p, sp_answer_word(answer));

    p = sp_answer_put(p, "\",\"code\":");
    p = sp_answer_quote(p, answer->code, SP_ANSWER_CODE);

    p = sp_answer_put(p, ",\"message\":");
    p = sp_answer_message(answer, p, SP_ANSWER_TEXT / 2, 1);

    p = sp_answer_put(p, ",\"param\":null},\"code\":");
    p = sp_answer_quote(p, answer->code, SP_ANSWER_CODE);

    p = sp_answer_put(p, ",\"message\":");
    p = sp_answer_message(answer, p, SP_ANSWER_TEXT / 2, 1);

    p = sp_answer_put(p, ",\"param\":null,\"sequence_number\":");
    p = sp_answer_uint(p, sequence);

    return sp_answer_put(p, "}\n\n");
}


static unsigned char *
sp_event_google(const sp_answer_t *answer, unsigned char *p)
{
    p = sp_answer_put(p, "data: ");
    p += sp_answer_body(answer, p);

    return sp_answer_put(p, "\r\n\r\n");
}


/* An exception of the stream's model; of others clients print the JSON. */

static unsigned char *
sp_event_frame(const sp_answer_t *answer, unsigned char *p)
{
    unsigned char  *start, *headers, *payload;

    start = p;
    headers = p + SP_FRAME_PRELUDE;

    p = sp_event_header(headers, ":message-type", "exception");
    p = sp_event_header(p, ":exception-type",
                        answer->status == 429 ? "throttlingException"
                        : answer->status >= 500 ? "serviceUnavailableException"
                        : "validationException");
    p = sp_event_header(p, ":content-type", "application/json");

    payload = p;
    p += sp_answer_body(answer, p);

    sp_event_word(start, (uint32_t) (p - start) + SP_FRAME_SUM);
    sp_event_word(start + 4, (uint32_t) (payload - headers));
    sp_event_word(start + 8, (uint32_t) crc32(0, start, 8));

    return sp_event_word(p, (uint32_t) crc32(0, start, (uInt) (p - start)));
}


/* Type 7: a string with its length in two bytes. */

static unsigned char *
sp_event_header(unsigned char *p, const char *name, const char *value)
{
    *p++ = (unsigned char) strlen(name);
    p = sp_answer_put(p, name);

    *p++ = 7;
    *p++ = (unsigned char) (strlen(value) >> 8);
    *p++ = (unsigned char) strlen(value);

    return sp_answer_put(p, value);
}


static unsigned char *
sp_event_word(unsigned char *p, uint32_t n)
{
    *p++ = (unsigned char) (n >> 24);
    *p++ = (unsigned char) (n >> 16);
    *p++ = (unsigned char) (n >> 8);
    *p++ = (unsigned char) n;

    return p;
}

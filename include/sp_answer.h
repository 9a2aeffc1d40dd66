
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the bodies of the gate's own answers, in the caller's
 * dialect, so that real SDKs raise the right exception (tests/e2e/sdk.test.mjs).
 */


#ifndef SP_ANSWER_H
#define SP_ANSWER_H


#include "sp_route.h"


#define SP_ANSWER_MAX  3584
#define SP_EVENT_MAX   (SP_ANSWER_MAX + 128)


typedef struct {
    sp_dialect_t  dialect;
    unsigned      status;        /* HTTP */
    sp_str_t      code;          /* public code of the reason */
    sp_str_t      text;          /* public sentence */
    sp_str_t      id;            /* decision id */
    uint32_t      retry_s;       /* seconds, 0: no retry hint */
    const char   *param;         /* field at fault, or NULL */
    sp_str_t      basis;         /* the law it rests on, or empty; these */
    sp_str_t      appeal;        /* three have at most 160 bytes of ASCII */
    sp_str_t      contact;       /* without quotes and backslashes */
} sp_answer_t;


/*
 * A text may hold anything: it is escaped, what is not UTF-8 becomes '?', and
 * what does not fit is cut between characters. A 429 with "retry_s" says "try
 * again in Ns". The code "insufficient_quota" is a type of its own.
 */

/* JSON into buf (at least SP_ANSWER_MAX); returns its length. */
size_t sp_answer_body(const sp_answer_t *answer, unsigned char *buf);

/*
 * What ends a stream that has begun, at the end of an event: the dialect's
 * error event, into buf (at least SP_EVENT_MAX). "sequence" is the number after
 * the last event's, of those that have one, else 0. Returns its length; 0: the
 * dialect's clients know none, and only an aborted connection tells them. A
 * stream that just ends is a success to nearly all clients.
 */
size_t sp_answer_event(const sp_answer_t *answer, uint32_t sequence,
    unsigned char *buf);

/* The name by which AWS's clients raise it: x-amzn-errortype. */
const char *sp_answer_exception(const sp_answer_t *answer);

/* Where a dialect's clients look for the id, besides x-request-id; or NULL. */
const char *sp_answer_id_header(sp_dialect_t dialect);


#endif /* SP_ANSWER_H */

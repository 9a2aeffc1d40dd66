
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the bodies of the gate's own answers, in the caller's
 * dialect, so that real SDKs raise the right exception (tests/e2e/sdk.test.mjs).
 */


#ifndef SP_ANSWER_H
#define SP_ANSWER_H


#include "sp_route.h"


#define SP_ANSWER_MAX  2048


typedef struct {
    sp_dialect_t  dialect;
    unsigned      status;        /* HTTP */
    sp_str_t      code;          /* public code of the reason */
    sp_str_t      text;          /* public sentence */
    sp_str_t      id;            /* decision id */
    uint32_t      retry_s;       /* seconds, 0: no retry hint */
    const char   *param;         /* field at fault, or NULL */
} sp_answer_t;


/*
 * A text may hold anything: it is escaped, what is not UTF-8 becomes '?', and
 * what does not fit is cut between characters. A 429 with "retry_s" says "try
 * again in Ns". The code "insufficient_quota" is a type of its own.
 */

/* JSON into buf (at least SP_ANSWER_MAX); returns its length. */
size_t sp_answer_body(const sp_answer_t *answer, unsigned char *buf);


#endif /* SP_ANSWER_H */

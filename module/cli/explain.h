
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what explain.c and its printers share.
 */


#ifndef SP_CLI_EXPLAIN_H
#define SP_CLI_EXPLAIN_H


#include "sp_decide.h"
#include "sp_meter.h"

#include "request.h"


#define SP_EXPLAIN_BOUND  256    /* bytes of a limit's bound */
#define SP_EXPLAIN_KINDS  (SP_RULE_EXCEPTION + 1)


typedef struct {
    const sp_policy_t  *policy;
    sp_request_t       *request;
    sp_verdict_t        verdict;
    json_t             *nearest;    /* of sp_explain_nearest() */
    int                 all;        /* trees of rules that do not match too */
} sp_explain_t;


const char *sp_explain_kind(int kind);
const char *sp_explain_decision(int decision);
const char *sp_explain_truth(int truth);

/* The match of a rule in the verdict, or NULL. */
const sp_match_t *sp_explain_match(const sp_explain_t *explain, int rule);

/*
 * What would turn the refusal into an allow: an array of alternatives, each
 * an object of facts and the values of which any would do. First changes of
 * one fact; only if there are none, of two. The facts are left as they were.
 */
json_t *sp_explain_nearest(sp_explain_t *explain);

void sp_explain_text(const sp_explain_t *explain);
json_t *sp_explain_json(const sp_explain_t *explain);

/* Verdict, matches and limits only: one line of --batch. */
json_t *sp_explain_json_short(const sp_explain_t *explain);

/*
 * Decides each line of "file", printing as many lines; returns the exit code.
 * Of "request" geo, stored, stored_id and now are used.
 */
int sp_explain_batch(const char *file, const sp_policy_t *policy,
    sp_request_t *request);


#endif /* SP_CLI_EXPLAIN_H */

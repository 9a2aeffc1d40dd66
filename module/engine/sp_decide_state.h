
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains a decision while it is made. Private to the engine.
 */


#ifndef SP_DECIDE_STATE_H
#define SP_DECIDE_STATE_H


#include "sp_decide.h"
#include "sp_expr.h"


typedef struct {
    const sp_policy_t  *policy;
    sp_facts_t         *facts;
    sp_verdict_t       *verdict;
    sp_stage_t          stage;
    int                 pending;   /* the body may decide otherwise */
    unsigned            report;    /* SP_REPORT_* of the best match */
    unsigned            rank;      /* its reason's */
    int                 at;        /* in matches[], or -1: did not fit */
    sp_match_t          best;
    unsigned            model;     /* index */
    unsigned            models;    /* how many times the rules are asked */
    int                 lifted;
} sp_decision_state_t;


/* Dates and condition of a rule, with why bits. */
unsigned sp_decide_value(const sp_decision_state_t *d, const sp_rule_t *rule);

/* Keeps a match; "stands": it refuses. */
void sp_decide_record(sp_decision_state_t *d, const sp_match_t *match,
    unsigned rank, int stands);

/* Adds the throttles of the current model; not 0: too many. */
int sp_decide_throttles(sp_decision_state_t *d);


#endif /* SP_DECIDE_STATE_H */

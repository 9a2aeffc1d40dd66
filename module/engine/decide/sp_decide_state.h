
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains a decision while it is made. Private to the engine.
 */


#ifndef SP_DECIDE_STATE_H
#define SP_DECIDE_STATE_H


#include "sp_decide.h"
#include "policy/sp_expr.h"


typedef struct {
    const sp_policy_t  *policy;
    sp_facts_t         *facts;
    const sp_screen_t  *screen;    /* never NULL */
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

/* 1 if a match of the rule is only recorded, for this request's account. */
int sp_decide_watched(const sp_decision_state_t *d, const sp_rule_t *rule);

/* The first rule from i on, below last, that has to be asked; or last. */

static inline uint32_t
sp_decide_next(const sp_decision_state_t *d, uint32_t i, uint32_t last)
{
    uint64_t  live;

    while (i < last && i < SP_SCREEN_RULES) {
        live = ~d->screen->idle[i >> 6] >> (i & 63);

        if (live != 0) {
            i += (uint32_t) __builtin_ctzll(live);
            break;
        }

        i = (i | 63) + 1;
    }

    return i < last ? i : last;
}


/* Keeps a match; "stands": it refuses. */
void sp_decide_record(sp_decision_state_t *d, const sp_match_t *match,
    unsigned rank, int stands);

/* What a throttle rule debits by one row of its rates. */
void sp_apply_set(const sp_policy_t *policy, uint32_t i,
    const sp_rate_t *rate, sp_apply_t *apply);

/* Adds the throttles of the current model; not 0: too many. */
int sp_decide_throttles(sp_decision_state_t *d);


#endif /* SP_DECIDE_STATE_H */

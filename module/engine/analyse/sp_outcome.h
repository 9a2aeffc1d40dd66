
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what a policy decides, as diagrams: where each rule
 * matches, where an exception lifts it, where a request is allowed. Private
 * to the analysis.
 */


#ifndef SP_OUTCOME_H
#define SP_OUTCOME_H


#include "sp_decide.h"
#include "sp_space.h"


/* One rule; all are within its dates and where it is enforced. */
typedef struct {
    sp_dd_t  yes;        /* its condition is true */
    sp_dd_t  no;         /* its condition is false */
    sp_dd_t  sure;       /* it matches, by true */
    sp_dd_t  match;      /* it matches */
    sp_dd_t  stands;     /* of a deny rule: and no exception lifts it */
    sp_dd_t  certain;    /* ... by true */
    sp_dd_t  live;       /* it is in force and enforced */
} sp_reach_t;


typedef struct {
    sp_space_t         *space;
    unsigned            index;      /* of the policy in the space */
    const sp_policy_t  *policy;
    sp_reach_t         *rules;      /* by rule */
    sp_dd_t             barred;     /* by the account's status: built in */
    sp_dd_t             denied;     /* by a rule or built in */
    sp_dd_t             opened;     /* an allow rule matches */
    sp_dd_t             allowed;    /* opened, not denied, and possible */
} sp_outcome_t;


/* NULL: no memory. See sp_space_void() before any claim. */
sp_outcome_t *sp_outcome_create(sp_space_t *space, unsigned policy);
void sp_outcome_destroy(sp_outcome_t *outcome);

/* Where an exception is in force for its account and true. */
sp_dd_t sp_outcome_exception(sp_outcome_t *outcome, uint32_t rule);

/* Where a throttle applies: no other replaces it. */
sp_dd_t sp_outcome_throttle(sp_outcome_t *outcome, uint32_t rule);

/*
 * A request out of "where" that this policy decides so: the decision was
 * asked. SP_DECLINED: none was found in that many tries.
 */
sp_rc_t sp_outcome_example(sp_space_t *space, sp_dd_t where, unsigned tries,
    unsigned policy, int decision, sp_flesh_t *flesh, sp_verdict_t *verdict);


#endif /* SP_OUTCOME_H */

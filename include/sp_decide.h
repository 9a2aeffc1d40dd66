
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the decision: facts and policy in, one verdict out. It
 * allocates nothing, cannot fail and takes time bounded by the policy.
 * Semantics: policy/README.md.
 */


#ifndef SP_DECIDE_H
#define SP_DECIDE_H


#include "sp_facts.h"
#include "sp_policy.h"


#define SP_MATCHES_MAX  32    /* recorded; more are counted */
#define SP_APPLY_MAX    32    /* throttles on one request; more refuse */


typedef enum {
    SP_STAGE_HEAD = 0,   /* before the body: only what no body could change */
    SP_STAGE_WHOLE
} sp_stage_t;


typedef enum {
    SP_VERDICT_PENDING = 0,  /* of SP_STAGE_HEAD: read the body */
    SP_VERDICT_ALLOW,
    SP_VERDICT_THROTTLE,
    SP_VERDICT_DENY
} sp_decision_t;


/* Built-in refusals; their rule name is sp_builtin_name(). */
typedef enum {
    SP_B_KEY = 0,
    SP_B_ACCOUNT,
    SP_B_RECORD,
    SP_B_CUSTOMER,       /* the reseller's end customer */
    SP_B_ROUTE,
    SP_B_BODY,
    SP_B_BLOCKED,        /* an operator's block */
    SP_B_TIER,           /* the key or account is not granted the tier */
    SP_B_DEFAULT,        /* no rule allows it */
    SP_B_POLICY,         /* there is no policy */
    SP_BUILTINS
} sp_builtin_t;


typedef struct {
    int32_t   rule;      /* index, or -1 - sp_builtin_t */
    int32_t   lifted_by; /* index of the exception, or -1 */
    uint16_t  reason;
    uint8_t   truth;     /* SP_TRUE or SP_UNSURE */
    uint8_t   failed;    /* unsure because a source failed */
    uint8_t   shadow;    /* would have matched; not enforced, or not for
                            this account */
    uint8_t   model;     /* index of the model it was found for */
} sp_match_t;


/* One throttle that applies, with what it debits. Times in nanoseconds. */
typedef struct sp_apply_s {
    int32_t   rule;
    uint16_t  reason;    /* of the throttle that it would be */
    uint16_t  status;
    uint16_t  spent;     /* status where waiting a minute would not help */
    uint8_t   per;       /* sp_per_t bits */
    uint8_t   meter;     /* sp_meter_t */
    uint8_t   window;    /* sp_window_t */
    uint8_t   plain;     /* requests by a rate, refused where there is no
                            room: the two below are all there is to it */
    uint64_t  interval;  /* ns between two requests: period / limit */
    uint64_t  tolerance; /* ns: interval * (burst - 1) */
    uint64_t  limit;     /* in units, for headers and records */
    uint64_t  period;    /* seconds */
    uint64_t  burst;
    uint64_t  cost;      /* units that it was charged; of the limiter */
} sp_apply_t;


typedef enum {
    SP_PER_KEY = 1,
    SP_PER_ACCOUNT = 2,
    SP_PER_MODEL = 4,
    SP_PER_TIER = 8,
    SP_PER_ADDRESS = 16,
    SP_PER_NETWORK = 32,     /* /24 of IPv4, /48 of IPv6 */
    SP_PER_CUSTOMER = 64
} sp_per_t;


typedef struct {
    uint8_t     decision;    /* sp_decision_t */
    uint8_t     excepted;    /* an allow that an exception opened */
    uint16_t    status;      /* HTTP, of deny and throttle */
    uint16_t    reason;      /* sp_policy_reason() index */
    int16_t     primary;     /* the match that is reported, or -1 */
    uint16_t    nmatches;    /* in matches[]: denies first as found */
    uint16_t    more;        /* matches that did not fit */
    uint16_t    napply;
    int32_t     allow_rule;  /* first allow rule that matched, or -1 */
    uint32_t    wait_ms;     /* of throttle */
    int16_t     throttled;   /* index into apply[], or -1 */
    uint8_t     tier;        /* dearest model tier, 0 none */
    uint16_t    model;       /* index of the model that was refused, or of the
                                dearest */
    uint16_t    route;       /* 1 + row of sp_route(), 0 none */
    sp_match_t  matches[SP_MATCHES_MAX];
    sp_apply_t  apply[SP_APPLY_MAX];
} sp_verdict_t;


/*
 * Decides. "policy" NULL refuses everything (SP_R_NO_POLICY). The model.*
 * facts of "facts" are filled in turn for each model and left at the one that
 * the verdict's "model" names: what "per: [model.id]" counts.
 * At SP_STAGE_HEAD the result is SP_VERDICT_PENDING or SP_VERDICT_DENY; at
 * SP_STAGE_WHOLE SP_VERDICT_ALLOW (with apply[] to be tested by the limiter)
 * or SP_VERDICT_DENY. Flags are in matches[] with their own rule kind.
 */
void sp_decide(const sp_policy_t *policy, sp_facts_t *facts, sp_stage_t stage,
    sp_verdict_t *verdict);

/*
 * Fills in the facts that a policy declares, from the account's record. Every
 * decision sees to that by itself; call it before one to replace such a fact,
 * or to read it without a decision. What the record has but not in the form
 * that was declared is unknown.
 */
void sp_facts_own(sp_facts_t *facts, const sp_policy_t *policy);

/* Sets model.* to the model of this index, as the policy has it. */
void sp_facts_model(sp_facts_t *facts, const sp_policy_t *policy,
    unsigned model);

/*
 * What an account's record settles by itself: the rules that cannot match
 * whatever the rest of a request may be. A definite value in Kleene's logic
 * stays when unknown facts become known, so leaving those rules out changes
 * no verdict. Good for one policy and one record, from "from" until
 * "until", when an age that a rule tests may pass its bound.
 */

#define SP_SCREEN_RULES  1024    /* rules beyond are always asked */

typedef struct {
    const sp_policy_t  *policy;
    int64_t             from;    /* unix seconds, inclusive */
    int64_t             until;   /* exclusive */
    uint64_t            idle[SP_SCREEN_RULES / 64];
} sp_screen_t;

/* Makes the screen of an account at "now". Allocates nothing. */
void sp_screen(const sp_policy_t *policy, const sp_account_t *account,
    int64_t now, sp_screen_t *screen);

/*
 * As sp_decide(), with a screen of facts->account: same verdict, fewer rules
 * asked. A screen of another policy or time, or NULL, is not used.
 */
void sp_decide_screened(const sp_policy_t *policy, sp_facts_t *facts,
    const sp_screen_t *screen, sp_stage_t stage, sp_verdict_t *verdict);

/*
 * 1 if an account is among the first "share" hundredths of a percent of a
 * rule's accounts: SHA-256(rule id, a zero byte, account id), as one big
 * number, modulo 10000 is less than it. An account stays where it is while
 * the share grows, and another rule sorts accounts another way.
 */
int sp_canary(sp_str_t rule, sp_str_t account, unsigned share);

/*
 * Turns an allow into a throttle: apply[which] has no room for wait_ms. Longer
 * than a minute nobody waits: then it is not 429, but what a budget gives that
 * is spent.
 */
#define SP_WAIT_HELPS  60000

void sp_verdict_throttle(sp_verdict_t *verdict, int which, uint32_t wait_ms);

/*
 * The sentence for the caller: the rule's own message where one is reported
 * with its own reason, else the reason's text. "policy" may be NULL.
 */
sp_str_t sp_verdict_text(const sp_policy_t *policy,
    const sp_verdict_t *verdict);

/* Turns any verdict into a refusal by the gate itself (audit, memory). */
void sp_verdict_refuse(const sp_policy_t *policy, sp_verdict_t *verdict,
    sp_reason_id_t reason);

const char *sp_builtin_name(sp_builtin_t builtin);   /* "builtin:key" */

/* "builtin:key" or the rule's id. */
sp_str_t sp_match_name(const sp_policy_t *policy, const sp_match_t *match);

/*
 * The value of a rule's condition for explain and for records. fields[] gets
 * up to max ids of facts that were missing; returns how many there were.
 */
sp_truth_t sp_rule_value(const sp_policy_t *policy, int rule,
    const sp_facts_t *facts);
int sp_rule_missing(const sp_policy_t *policy, int rule,
    const sp_facts_t *facts, int *fields, int max);

/*
 * Walks a rule's condition, depth first: for each node its depth, text as
 * written, value, and the facts it read. For `sallyport explain`.
 */
typedef void (*sp_explain_pt)(void *ctx, int depth, sp_str_t text,
    sp_truth_t value, const int *fields, int nfields);
void sp_rule_explain(const sp_policy_t *policy, int rule,
    const sp_facts_t *facts, sp_explain_pt out, void *ctx);


#endif /* SP_DECIDE_H */

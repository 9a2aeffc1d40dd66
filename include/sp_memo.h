
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains memos: plain allows that need not be worked out again.
 *
 * A verdict is a function of policy, records, clock and the rest of the
 * request. That rest is a "case", and has a number: equal cases, and only
 * they, have the same one. A memo is the verdict of one case by one pair of
 * records, until the clock may change it. Whoever keeps memos sees to it that
 * the records are still the same.
 */


#ifndef SP_MEMO_H
#define SP_MEMO_H


#include "sp_decide.h"


#define SP_MEMO_APPLY  6     /* throttles of a memo; more are not kept */


/* The cases of one thread: a table of fixed size, in which the newest stay. */
typedef struct sp_cases_s  sp_cases_t;

size_t sp_cases_size(void);

/* "room" has sp_cases_size() bytes, and is aligned for any type. */
sp_cases_t *sp_cases_init(void *room);

/*
 * The number of a request's case by a policy: from 1, never given to another
 * case again in the table's life. 0: it has none, because its route, body or
 * model is not one whose verdict is kept. The body must have been judged, and
 * facts->named set; account.*, customer.* and key.id are not looked at.
 */
uint64_t sp_case(sp_cases_t *cases, const sp_policy_t *policy,
    const sp_facts_t *facts);


typedef struct {
    uint16_t      rule;
    uint16_t      rate;      /* row of its rates */
} sp_memo_apply_t;


typedef struct {
    uint64_t         number;     /* of the case; 0: empty */
    int64_t          from;       /* unix seconds, inclusive */
    int64_t          until;      /* exclusive */
    int32_t          allow_rule;
    uint8_t          tier;
    uint8_t          napply;
    uint16_t         route;
    sp_memo_apply_t  apply[SP_MEMO_APPLY];
} sp_memo_t;


/*
 * Makes a memo of what sp_decide_screened() said, at SP_STAGE_WHOLE, of the
 * case "number". Returns 0, and leaves the memo as it was, unless that was an
 * allow that no match was recorded of, and nothing else that changes from one
 * request to the next could have had a part in it. "screen" is that of the
 * account.
 */
int sp_memo_make(sp_memo_t *memo, uint64_t number, const sp_policy_t *policy,
    const sp_facts_t *facts, const sp_screen_t *screen,
    const sp_verdict_t *verdict);

/*
 * The verdict that sp_decide() would give now, by the policy that the number
 * was given for. Returns 0 if the memo is of another case or of another time.
 * Facts that sp_decide() fills in (sp_facts_model(), sp_facts_own()) are left
 * to those who need them.
 */
int sp_memo_use(const sp_memo_t *memo, uint64_t number,
    const sp_policy_t *policy, int64_t now, sp_verdict_t *verdict);


#endif /* SP_MEMO_H */

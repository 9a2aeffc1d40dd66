
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the comparison of verdicts for the tests of the decision:
 * by the names of rules, since two policies number them differently.
 */


#ifndef DECIDE_SAME_H
#define DECIDE_SAME_H


#include "decide_random.h"


static inline void
same_verdict(const sp_policy_t *p, const sp_verdict_t *a,
    const sp_policy_t *q, const sp_verdict_t *b)
{
    int  i;

    assert_int_equal(a->decision, b->decision);
    assert_int_equal(a->reason, b->reason);
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->primary, b->primary);
    assert_int_equal(a->excepted, b->excepted);
    assert_int_equal(a->nmatches, b->nmatches);
    assert_int_equal(a->napply, b->napply);

    for (i = 0; i < a->nmatches; i++) {
        assert_true(sp_str_eq(sp_match_name(p, &a->matches[i]),
                              sp_match_name(q, &b->matches[i])));
        assert_int_equal(a->matches[i].truth, b->matches[i].truth);
    }

    for (i = 0; i < a->napply; i++) {
        assert_int_equal(a->apply[i].interval, b->apply[i].interval);
        assert_true(sp_str_eq(sp_policy_rule_id(p, a->apply[i].rule),
                              sp_policy_rule_id(q, b->apply[i].rule)));
    }
}


/* "b" gives no more than "a": an allow is not new, its throttles are no less */

static inline void
no_wider(const sp_policy_t *p, const sp_verdict_t *a, const sp_policy_t *q,
    const sp_verdict_t *b)
{
    int  i, k;

    if (b->decision == SP_VERDICT_DENY) {
        return;
    }

    assert_int_equal(a->decision, SP_VERDICT_ALLOW);

    for (i = 0; i < a->napply; i++) {

        for (k = 0; k < b->napply; k++) {
            if (sp_str_eq(sp_policy_rule_id(p, a->apply[i].rule),
                          sp_policy_rule_id(q, b->apply[k].rule)))
            {
                break;
            }
        }

        assert_true(k < b->napply);
        assert_true(b->apply[k].interval >= a->apply[i].interval);
    }
}


#endif /* DECIDE_SAME_H */


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the rules that an expectation names: whether there are
 * such, and what each did to a request; and the throttles of a burst.
 */


#include <stdlib.h>

#include "sp_meter.h"

#include "test_named.h"


#define SP_TEST_BODY  400    /* bytes of a request: a hundred tokens */


static uint64_t sp_test_debit(const sp_test_result_t *r,
    const sp_apply_t *apply, uint64_t now, uint64_t *state);
static int sp_test_did(sp_test_result_t *r, int rule, sp_named_t how);
static int sp_test_rule(const sp_policy_t *policy, sp_str_t id);


const sp_ynode_t *
sp_test_items(const sp_ynode_t *node)
{
    return node->kind == SP_Y_SEQ ? node->first : node;
}


int
sp_test_found(sp_test_result_t *r, sp_str_t name, sp_named_t how)
{
    int                kind, rule;
    unsigned           i;
    const sp_match_t  *match;

    for (i = 0; i < r->verdict.nmatches; i++) {
        match = &r->verdict.matches[i];

        if (!sp_str_eq(sp_match_name(r->policy, match), name)) {
            continue;
        }

        kind = match->rule < 0 ? (int) SP_RULE_DENY
               : (int) sp_policy_rule_kind(r->policy, match->rule);

        switch (how) {

        case SP_NAMED_ANY:
            return 1;

        case SP_NAMED_FLAG:
            return kind == SP_RULE_FLAG && !match->shadow;

        case SP_NAMED_SHADOW:
            return match->shadow != 0;

        default: /* SP_NAMED_DENY */
            if (kind == SP_RULE_DENY && !match->shadow
                && match->lifted_by < 0)
            {
                return 1;
            }
        }
    }

    if (how == SP_NAMED_FLAG || how == SP_NAMED_SHADOW) {
        return 0;
    }

    rule = sp_test_rule(r->policy, name);

    return rule >= 0 && sp_test_did(r, rule, how);
}


static int
sp_test_did(sp_test_result_t *r, int rule, sp_named_t how)
{
    unsigned  i;

    switch (sp_policy_rule_kind(r->policy, rule)) {

    case SP_RULE_ALLOW:
        return r->verdict.decision != SP_VERDICT_DENY
               && sp_rule_value(r->policy, rule, &r->facts->facts) == SP_TRUE;

    case SP_RULE_THROTTLE:
        if (how == SP_NAMED_DENY) {
            return r->verdict.decision == SP_VERDICT_THROTTLE
                   && r->verdict.apply[r->verdict.throttled].rule == rule;
        }

        for (i = 0; i < r->verdict.napply; i++) {
            if (r->verdict.apply[i].rule == rule) {
                return 1;
            }
        }

        return 0;

    default:
        return 0;
    }
}


sp_rc_t
sp_test_named(sp_test_file_t *file, const sp_ynode_t *node,
    const sp_test_result_t *r)
{
    int           i, n;
    char         *ids;
    sp_str_t      id;
    const char   *near, **names;

    if (node->kind == SP_Y_SCALAR && sp_test_rule(r->policy, node->text) >= 0)
    {
        return SP_OK;
    }

    for (i = 0; i < SP_BUILTINS; i++) {
        if (node->kind == SP_Y_SCALAR
            && sp_str_eq(node->text, sp_cstr(sp_builtin_name(
                                             (sp_builtin_t) i))))
        {
            return SP_OK;
        }
    }

    n = sp_policy_rules(r->policy);
    names = sp_cli_alloc((size_t) n * sizeof(char *));
    ids = sp_cli_alloc((size_t) n * (SP_TEST_TEXT + 1));

    for (i = 0; i < n; i++) {
        id = sp_policy_rule_id(r->policy, i);
        names[i] = ids + (size_t) i * (SP_TEST_TEXT + 1);
        memcpy(ids + (size_t) i * (SP_TEST_TEXT + 1), id.data,
               id.len < SP_TEST_TEXT ? id.len : SP_TEST_TEXT);
    }

    near = node->kind == SP_Y_SCALAR
           ? sp_did_you_mean(node->text, names, (size_t) n) : NULL;

    sp_test_error(file, node, near != NULL
                  ? sp_diag_text("did you mean '%s'?", near) : NULL,
                  "the policy has no rule '%s'", node->kind == SP_Y_SCALAR
                  ? (const char *) node->text.data : "");
    free(names);
    free(ids);

    return SP_ERROR;
}


int
sp_test_listed(const sp_ynode_t *node, sp_str_t name)
{
    const sp_ynode_t  *item;

    for (item = sp_test_items(node); item != NULL;
         item = item == node ? NULL : item->next)
    {
        if (sp_str_eq(item->text, name)) {
            return 1;
        }
    }

    return 0;
}


static int
sp_test_rule(const sp_policy_t *policy, sp_str_t id)
{
    int  i;

    for (i = 0; i < sp_policy_rules(policy); i++) {
        if (sp_str_eq(sp_policy_rule_id(policy, i), id)) {
            return i;
        }
    }

    return -1;
}


/*
 * One request's debit; the wait in ns, 0: none. A budget's state is what is
 * used of it, and the burst falls into one window. What is under way at once
 * nobody can tell here.
 */

static uint64_t
sp_test_debit(const sp_test_result_t *r, const sp_apply_t *apply,
    uint64_t now, uint64_t *state)
{
    uint64_t              cost, interval, tolerance;
    size_t                i, n;
    sp_use_t              use;
    sp_price_t            prices[SP_MODELS_MAX];
    const sp_value_t     *tokens;
    const sp_throttle_t  *throttle;

    if (apply->plain) {
        return sp_gcra(*state, now, apply->interval, apply->tolerance, state);
    }

    throttle = sp_policy_throttle(r->policy, apply->rule);
    tokens = &r->facts->facts.v[SP_F_REQUEST_TOKENS];

    sp_use_ahead(throttle, SP_TEST_BODY,
                 tokens->state == SP_FACT_KNOWN ? tokens->u.i : -1, &use);

    for (i = 0, n = 0; i < r->facts->facts.nmodels && i < SP_MODELS_MAX; i++) {
        n += sp_meter_price(r->policy, r->facts->facts.models[i], &prices[n])
             == SP_OK;
    }

    cost = sp_meter_cost(throttle, &use, prices, n);

    switch (apply->window) {

    case SP_WINDOW_RATE:
        if (sp_meter_debit(cost, apply->limit, apply->period, apply->burst,
                           &interval, &tolerance)
            != SP_OK)
        {
            return UINT64_MAX;
        }

        return cost == 0 ? 0 : sp_gcra(*state, now, interval, tolerance,
                                       state);

    case SP_WINDOW_OPEN:
        return 0;

    default:
        if (cost > apply->limit - *state) {
            return UINT64_MAX;
        }

        *state += cost;

        return 0;
    }
}


uint64_t
sp_test_limits(const sp_test_case_t *one, sp_test_result_t *r)
{
    unsigned           k;
    uint64_t           i, now, wait, tat[SP_APPLY_MAX], next[SP_APPLY_MAX];
    const sp_apply_t  *apply;

    if (r->verdict.decision != SP_VERDICT_ALLOW) {
        return 0;
    }

    memset(tat, 0, sizeof(tat));

    for (i = 0; i < one->burst; i++) {

        /* a second later than 0, which means "never used" */

        now = 1000000000u;

        if (one->burst > 1) {
            now += (uint64_t) one->over * 1000000000u / (one->burst - 1) * i;
        }

        for (k = 0; k < r->verdict.napply; k++) {
            apply = &r->verdict.apply[k];
            next[k] = tat[k];
            wait = sp_test_debit(r, apply, now, &next[k]);

            if (wait != 0) {
                wait = wait / 1000000;
                sp_verdict_throttle(&r->verdict, (int) k,
                                    (uint32_t) (wait < UINT32_MAX
                                                ? wait : UINT32_MAX));
                return i;
            }
        }

        memcpy(tat, next, sizeof(tat));
    }

    return one->burst;
}

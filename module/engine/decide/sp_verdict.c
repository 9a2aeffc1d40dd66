
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what becomes of a verdict after the decision, and how it
 * is named to callers and to records.
 */


#include "policy/sp_expr.h"
#include "sp_decide.h"


void
sp_verdict_throttle(sp_verdict_t *verdict, int which, uint32_t wait_ms)
{
    verdict->decision = SP_VERDICT_THROTTLE;
    verdict->throttled = (int16_t) which;
    verdict->wait_ms = wait_ms;
    verdict->reason = verdict->apply[which].reason;
    verdict->status = verdict->apply[which].status;

    if (wait_ms <= SP_WAIT_HELPS || verdict->status != 429) {
        return;
    }

    verdict->status = verdict->apply[which].spent;

    if (verdict->reason == SP_R_RATE_LIMITED) {
        verdict->reason = SP_R_BUDGET_SPENT;
    }
}


void
sp_verdict_refuse(const sp_policy_t *policy, sp_verdict_t *verdict,
    sp_reason_id_t reason)
{
    sp_match_t  *match;

    verdict->decision = SP_VERDICT_DENY;
    verdict->reason = (uint16_t) reason;
    verdict->throttled = -1;
    verdict->wait_ms = 0;
    verdict->napply = 0;
    verdict->status = (uint16_t) sp_policy_status(policy, verdict->route - 1,
                                                  (int) reason);

    if (verdict->nmatches == SP_MATCHES_MAX) {
        verdict->nmatches--;
        verdict->more++;
    }

    verdict->primary = (int16_t) verdict->nmatches;

    match = &verdict->matches[verdict->nmatches++];

    match->rule = -1 - (int32_t) SP_B_POLICY;
    match->lifted_by = -1;
    match->reason = (uint16_t) reason;
    match->truth = SP_TRUE;
    match->failed = 0;
    match->shadow = 0;
    match->model = (uint8_t) verdict->model;
}


sp_str_t
sp_verdict_text(const sp_policy_t *policy, const sp_verdict_t *verdict)
{
    int       rule;
    size_t    n;
    sp_str_t  text;

    if (policy == NULL) {
        return sp_cstr(sp_reason_rows(&n)[verdict->reason < SP_R_BUILTIN
                                          ? verdict->reason
                                          : SP_R_NO_POLICY].text);
    }

    rule = -1;

    if (verdict->decision == SP_VERDICT_THROTTLE && verdict->throttled >= 0) {
        rule = verdict->apply[verdict->throttled].rule;

    } else if (verdict->primary >= 0
               && verdict->matches[verdict->primary].reason
                  == verdict->reason)
    {
        rule = verdict->matches[verdict->primary].rule;
    }

    if (rule >= 0) {
        text = sp_policy_rule_message(policy, rule);

        if (text.len != 0) {
            return text;
        }
    }

    return sp_policy_reason_text(policy, verdict->reason);
}


sp_str_t
sp_match_name(const sp_policy_t *policy, const sp_match_t *match)
{
    if (match->rule < 0 || policy == NULL) {
        return sp_cstr(sp_builtin_name((sp_builtin_t) (-1 - match->rule)));
    }

    return sp_policy_rule_id(policy, match->rule);
}

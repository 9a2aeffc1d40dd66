
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains candidates: a policy that is asked beside the one in
 * force, and never obeyed. What the two say differently is counted.
 */


#include "ngx_http_sallyport_policy.h"


/*
 * Before the policy in force decides, since deciding leaves the model.* facts
 * where the verdict found them. The facts are those that the policy in force
 * finds fresh enough; throttles are not tested for the candidate.
 */

void
ngx_http_sallyport_candidate(ngx_http_sallyport_ctx_t *ctx, sp_stage_t stage,
    ngx_http_sallyport_other_t *other)
{
    sp_verdict_t                   verdict;
    ngx_http_sallyport_policy_t   *policy;
    ngx_http_sallyport_edition_t  *edition;

    other->policy = NULL;
    policy = ctx->slcf->policy->candidate;

    if (policy == NULL) {
        return;
    }

    edition = ngx_http_sallyport_policy_now(policy);

    if (edition == NULL) {
        return;
    }

    ngx_memzero(&verdict, offsetof(sp_verdict_t, matches));
    verdict.primary = -1;
    verdict.allow_rule = -1;
    verdict.throttled = -1;

    sp_decide(edition->image, &ctx->facts, stage, &verdict);

    other->policy = policy;
    other->decision = verdict.decision;
    other->reason.len = 0;

    /* a look that ends before the event loop goes on: the text stays */

    if (verdict.decision == SP_VERDICT_DENY) {
        other->reason = sp_policy_reason_code(edition->image,
                                              verdict.reason);
    }
}


/* What the policy in force said is in ctx->verdict, before its throttles. */

void
ngx_http_sallyport_compare(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_other_t *other)
{
    sp_str_t                         reason;
    ngx_atomic_t                    *counter;
    ngx_http_sallyport_policy_sh_t  *sh;

    if (other->policy == NULL
        || ctx->verdict.decision == SP_VERDICT_PENDING)
    {
        return;
    }

    sh = other->policy->sh;

    if (other->decision == SP_VERDICT_PENDING) {
        counter = &sh->open;

    } else if (ctx->verdict.decision != other->decision) {
        counter = (other->decision == SP_VERDICT_ALLOW) ? &sh->allows
                                                        : &sh->denies;

    } else {
        counter = &sh->same;

        if (other->decision == SP_VERDICT_DENY) {
            reason = sp_policy_reason_code(ctx->policy->image,
                                           ctx->verdict.reason);

            if (reason.len != other->reason.len
                || ngx_memcmp(reason.data, other->reason.data, reason.len)
                   != 0)
            {
                counter = &sh->reasons;
            }
        }
    }

    (void) ngx_atomic_fetch_add(counter, 1);

    if (counter != &sh->same) {
        ngx_log_error(NGX_LOG_INFO, ctx->request->connection->log, 0,
                      "sallyport: candidate would %s%s%*s, in force %s",
                      other->decision == SP_VERDICT_ALLOW ? "allow"
                      : other->decision == SP_VERDICT_DENY ? "deny"
                      : "ask for the body",
                      other->reason.len ? " with " : "",
                      other->reason.len, other->reason.data,
                      ctx->verdict.decision == SP_VERDICT_ALLOW ? "allows"
                                                                : "denies");
    }
}


ngx_uint_t
ngx_http_sallyport_candidate_is(ngx_http_sallyport_policy_t *policy)
{
    return policy->candidate != NULL
           && ngx_http_sallyport_policy_now(policy->candidate) != NULL;
}

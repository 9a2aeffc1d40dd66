
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains candidates: a policy that is asked beside the one in
 * force, and never obeyed. What the two say differently is counted.
 */


#include "ngx_http_sallyport_policy.h"


static ngx_atomic_t *ngx_http_sallyport_compared(
    ngx_http_sallyport_ctx_t *ctx, ngx_http_sallyport_other_t *other);


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

    other->len = 0;

    if (ctx->slcf->audit && verdict.decision != SP_VERDICT_PENDING) {
        other->len = sp_audit_candidate(edition->image, &ctx->facts, &verdict,
                                        other->text);
    }
}


/*
 * What the policy in force said is in ctx->verdict, before its throttles. NULL:
 * there is nothing to compare.
 */

static ngx_atomic_t *
ngx_http_sallyport_compared(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_other_t *other)
{
    sp_str_t                         reason;
    ngx_http_sallyport_policy_sh_t  *sh;

    if (other->policy == NULL
        || ctx->verdict.decision == SP_VERDICT_PENDING)
    {
        return NULL;
    }

    sh = other->policy->sh;

    if (other->decision == SP_VERDICT_PENDING) {
        return &sh->open;
    }

    if (ctx->verdict.decision != other->decision) {
        return (other->decision == SP_VERDICT_ALLOW) ? &sh->allows
                                                     : &sh->denies;
    }

    if (other->decision == SP_VERDICT_DENY) {
        reason = sp_policy_reason_code(ctx->policy->image,
                                       ctx->verdict.reason);

        if (reason.len != other->reason.len
            || ngx_memcmp(reason.data, other->reason.data, reason.len) != 0)
        {
            return &sh->reasons;
        }
    }

    return &sh->same;
}


void
ngx_http_sallyport_differ(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_other_t *other)
{
    u_char        *p;
    ngx_atomic_t  *counter;

    counter = ngx_http_sallyport_compared(ctx, other);

    ctx->candidate.len = 0;

    if (counter == NULL || counter == &other->policy->sh->same
        || other->len == 0)
    {
        return;
    }

    p = ngx_pnalloc(ctx->request->pool, other->len);

    if (p == NULL) {
        return;
    }

    ngx_memcpy(p, other->text, other->len);
    ctx->candidate.data = p;
    ctx->candidate.len = other->len;
}


void
ngx_http_sallyport_compare(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_other_t *other)
{
    ngx_atomic_t  *counter;

    counter = ngx_http_sallyport_compared(ctx, other);

    if (counter == NULL) {
        return;
    }

    (void) ngx_atomic_fetch_add(counter, 1);

    if (counter != &other->policy->sh->same) {
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

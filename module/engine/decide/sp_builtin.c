
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the refusals that no policy file can forget: what the
 * credential, the account's record, the route and the body must be before any
 * rule is asked. Nothing lifts them. A state that nobody set refuses.
 */


#include "sp_builtin.h"


static int sp_builtin_key(const sp_facts_t *facts, sp_match_t *match);
static int sp_builtin_key_record(const sp_facts_t *facts,
    sp_match_t *match);
static int sp_builtin_account(const sp_facts_t *facts, sp_match_t *match);
static int sp_builtin_route(const sp_policy_t *policy,
    const sp_facts_t *facts, sp_match_t *match);
static int sp_builtin_body(const sp_facts_t *facts, sp_stage_t stage,
    sp_match_t *match);


static const char *const  sp_builtin_names[] = {
    [SP_B_KEY] = "builtin:key",
    [SP_B_ACCOUNT] = "builtin:account",
    [SP_B_RECORD] = "builtin:record",
    [SP_B_CUSTOMER] = "builtin:customer",
    [SP_B_ROUTE] = "builtin:route",
    [SP_B_BODY] = "builtin:body",
    [SP_B_BLOCKED] = "builtin:blocked",
    [SP_B_TIER] = "builtin:tier",
    [SP_B_DEFAULT] = "builtin:default",
    [SP_B_POLICY] = "builtin:policy"
};


const char *
sp_builtin_name(sp_builtin_t builtin)
{
    return (unsigned) builtin < SP_BUILTINS ? sp_builtin_names[builtin]
                                            : "builtin:unknown";
}


void
sp_builtin_match(sp_match_t *match, sp_builtin_t builtin,
    sp_reason_id_t reason, sp_truth_t truth, int failed)
{
    match->rule = -1 - (int32_t) builtin;
    match->lifted_by = -1;
    match->reason = (uint16_t) reason;
    match->truth = (uint8_t) truth;
    match->failed = (uint8_t) failed;
    match->shadow = 0;
    match->model = 0;
}


unsigned
sp_builtin_check(const sp_policy_t *policy, const sp_facts_t *facts,
    sp_stage_t stage, sp_match_t *matches)
{
    unsigned  n;

    n = 0;
    n += (unsigned) sp_builtin_key(facts, &matches[n]);
    n += (unsigned) sp_builtin_account(facts, &matches[n]);
    n += (unsigned) sp_builtin_route(policy, facts, &matches[n]);
    n += (unsigned) sp_builtin_body(facts, stage, &matches[n]);

    return n;
}


static int
sp_builtin_key(const sp_facts_t *facts, sp_match_t *match)
{
    sp_reason_id_t  reason;

    switch (facts->key_state) {

    case SP_KEYFACT_FOUND:
        return sp_builtin_key_record(facts, match);

    case SP_KEYFACT_FAILED:
        sp_builtin_match(match, SP_B_KEY, SP_R_VERIFICATION_UNAVAILABLE,
                         SP_UNSURE, 1);
        return 1;

    case SP_KEYFACT_MISSING:
        reason = SP_R_CRED_MISSING;
        break;

    case SP_KEYFACT_MALFORMED:
        reason = SP_R_CRED_MALFORMED;
        break;

    case SP_KEYFACT_AMBIGUOUS:
        reason = SP_R_CRED_AMBIGUOUS;
        break;

    case SP_KEYFACT_NO_SUCH:
        reason = SP_R_CRED_UNKNOWN;
        break;

    case SP_KEYFACT_INVALID:
        reason = SP_R_KEY_INVALID;
        break;

    default: /* SP_KEYFACT_UNKNOWN: nobody looked */
        sp_builtin_match(match, SP_B_KEY, SP_R_VERIFICATION_UNAVAILABLE,
                         SP_UNSURE, 0);
        return 1;
    }

    sp_builtin_match(match, SP_B_KEY, reason, SP_TRUE, 0);

    return 1;
}


static int
sp_builtin_key_record(const sp_facts_t *facts, sp_match_t *match)
{
    int64_t            now;
    unsigned           i;
    const sp_key_t    *key;
    const sp_value_t  *addr;

    key = facts->key;
    addr = &facts->v[SP_F_IP_ADDR];

    if (key == NULL || facts->v[SP_F_NOW].state != SP_FACT_KNOWN) {
        sp_builtin_match(match, SP_B_KEY, SP_R_GATE_ERROR, SP_TRUE, 0);
        return 1;
    }

    now = facts->v[SP_F_NOW].u.i;

    if (key->status != SP_KEY_ACTIVE) {
        sp_builtin_match(match, SP_B_KEY, key->status == SP_KEY_REVOKED
                                          ? SP_R_CRED_REVOKED
                                          : SP_R_KEY_INVALID, SP_TRUE, 0);
        return 1;
    }

    if ((key->not_before != SP_TIME_ABSENT && now < key->not_before)
        || (key->expires_at != SP_TIME_ABSENT && now >= key->expires_at))
    {
        sp_builtin_match(match, SP_B_KEY, SP_R_CRED_EXPIRED, SP_TRUE, 0);
        return 1;
    }

    if (key->nnetworks == 0) {
        return 0;
    }

    if (addr->state == SP_FACT_KNOWN) {

        for (i = 0; i < key->nnetworks && i < SP_NETWORKS_MAX; i++) {

            if (sp_network_has(&key->networks[i], addr->u.addr)) {
                return 0;
            }
        }

        sp_builtin_match(match, SP_B_KEY, SP_R_CRED_NETWORK, SP_TRUE, 0);

    } else {
        sp_builtin_match(match, SP_B_KEY, SP_R_CRED_NETWORK, SP_UNSURE,
                         addr->state == SP_FACT_FAILED);
    }

    return 1;
}


static int
sp_builtin_account(const sp_facts_t *facts, sp_match_t *match)
{
    sp_reason_id_t  reason;

    switch (facts->account_state) {

    case SP_ACCTFACT_FOUND:
        break;

    case SP_ACCTFACT_FAILED:
        sp_builtin_match(match, SP_B_RECORD, SP_R_VERIFICATION_UNAVAILABLE,
                         SP_UNSURE, 1);
        return 1;

    case SP_ACCTFACT_NO_SUCH:
        sp_builtin_match(match, SP_B_RECORD, SP_R_KYC_MISSING, SP_TRUE, 0);
        return 1;

    case SP_ACCTFACT_INVALID:
        sp_builtin_match(match, SP_B_RECORD, SP_R_KYC_RECORD_INVALID, SP_TRUE,
                         0);
        return 1;

    default:
        /* without a key there was no account to look for */

        if (facts->key_state != SP_KEYFACT_FOUND) {
            return 0;
        }

        sp_builtin_match(match, SP_B_RECORD, SP_R_VERIFICATION_UNAVAILABLE,
                         SP_UNSURE, 0);
        return 1;
    }

    if (facts->account == NULL) {
        sp_builtin_match(match, SP_B_RECORD, SP_R_GATE_ERROR, SP_TRUE, 0);
        return 1;
    }

    switch (facts->account->status) {

    case SP_STATUS_SUSPENDED:
        reason = SP_R_ACCT_SUSPENDED;
        break;

    case SP_STATUS_CLOSED:
        reason = SP_R_ACCT_CLOSED;
        break;

    case SP_STATUS_REJECTED:
        reason = SP_R_KYC_REJECTED;
        break;

    case SP_STATUS_UNVERIFIED:
    case SP_STATUS_PENDING:
    case SP_STATUS_VERIFIED:
    case SP_STATUS_REVIEW:
        return 0;

    default:
        reason = SP_R_KYC_RECORD_INVALID;
    }

    sp_builtin_match(match, SP_B_ACCOUNT, reason, SP_TRUE, 0);

    return 1;
}


/*
 * Of a customer whose record is closed or suspended the reseller learns that it
 * is refused. Whoever is named without a record is nobody who was accepted.
 */

int
sp_builtin_customer(const sp_facts_t *facts, sp_stage_t stage,
    sp_match_t *match)
{
    int             failed;
    sp_truth_t      truth;
    sp_reason_id_t  reason;

    if (facts->account_state != SP_ACCTFACT_FOUND) {
        return 0;    /* and is refused because of that */
    }

    truth = SP_TRUE;
    failed = 0;

    switch (facts->customer_state) {

    case SP_CUSTFACT_NONE:
        return 0;

    case SP_CUSTFACT_FOUND:

        if (facts->customer->status < SP_STATUS_REJECTED) {
            return 0;
        }

        reason = SP_R_RESELL_DENIED;
        break;

    case SP_CUSTFACT_NO_SUCH:
    case SP_CUSTFACT_MALFORMED:
        reason = SP_R_RESELL_UNKNOWN;
        break;

    case SP_CUSTFACT_INVALID:
        reason = SP_R_KYC_RECORD_INVALID;
        break;

    case SP_CUSTFACT_PENDING:
        if (stage == SP_STAGE_HEAD) {
            return 0;
        }

        /* fall through */

    default: /* SP_CUSTFACT_UNKNOWN, SP_CUSTFACT_FAILED */
        reason = SP_R_VERIFICATION_UNAVAILABLE;
        truth = SP_UNSURE;
        failed = facts->customer_state == SP_CUSTFACT_FAILED;
    }

    sp_builtin_match(match, SP_B_CUSTOMER, reason, truth, failed);

    return 1;
}


static int
sp_builtin_route(const sp_policy_t *policy, const sp_facts_t *facts,
    sp_match_t *match)
{
    switch (facts->route_state) {

    case SP_ROUTE_FOUND:
        if (sp_policy_route_open(policy, facts->route)) {
            return 0;
        }

        sp_builtin_match(match, SP_B_ROUTE, SP_R_ROUTE_UNKNOWN, SP_TRUE, 0);
        return 1;

    case SP_ROUTE_AMBIGUOUS:
        sp_builtin_match(match, SP_B_ROUTE, SP_R_ROUTE_AMBIGUOUS, SP_TRUE, 0);
        return 1;

    default:
        sp_builtin_match(match, SP_B_ROUTE, SP_R_ROUTE_UNKNOWN, SP_TRUE, 0);
        return 1;
    }
}


static int
sp_builtin_body(const sp_facts_t *facts, sp_stage_t stage, sp_match_t *match)
{
    sp_reason_id_t  reason;

    switch (facts->body_state) {

    case SP_BODYFACT_NONE:
    case SP_BODYFACT_FINE:
        return 0;

    case SP_BODYFACT_PENDING:
        if (stage == SP_STAGE_HEAD) {
            return 0;
        }

        reason = SP_R_GATE_ERROR;
        break;

    case SP_BODYFACT_TYPE:
        reason = SP_R_BODY_TYPE;
        break;

    case SP_BODYFACT_LARGE:
        reason = SP_R_BODY_LARGE;
        break;

    default:
        reason = SP_R_BODY_AMBIGUOUS;
    }

    sp_builtin_match(match, SP_B_BODY, reason, SP_TRUE, 0);

    return 1;
}


/* A model without a tier is in none that was granted. */

int
sp_builtin_tier(const sp_facts_t *facts, sp_match_t *match)
{
    int                granted;
    unsigned           tiers;
    const sp_value_t  *tier;

    tiers = 0xff;

    if (facts->key != NULL && facts->key->tiers != 0) {
        tiers &= facts->key->tiers;
    }

    if (facts->account != NULL && facts->account->tiers != 0) {
        tiers &= facts->account->tiers;
    }

    if (tiers == 0xff || facts->v[SP_F_MODEL_ID].state == SP_FACT_ABSENT) {
        return 0;
    }

    tier = &facts->v[SP_F_MODEL_TIER];

    switch (tier->state) {

    case SP_FACT_KNOWN:
        granted = tier->u.i >= 0 && tier->u.i < 8
                  && ((tiers >> tier->u.i) & 1);

        if (granted) {
            return 0;
        }

        break;

    case SP_FACT_PENDING:
        return 0;

    default:
        break;
    }

    sp_builtin_match(match, SP_B_TIER, SP_R_TIER_NOT_GRANTED, SP_TRUE, 0);

    return 1;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains memos: when a verdict may be used again, and its short
 * form.
 */


#include "sp_decide_state.h"
#include "sp_memo.h"
#include "sp_memo_case.h"


static int sp_memo_plain(const sp_policy_t *policy, const sp_facts_t *facts,
    const sp_screen_t *screen, const sp_verdict_t *verdict);
static int sp_memo_rules(const sp_policy_t *policy, const sp_facts_t *facts,
    const sp_screen_t *screen, int64_t now, int64_t *until);
static int sp_memo_reads(const sp_policy_t *policy, const sp_facts_t *facts,
    uint32_t cond);
static int sp_memo_field(const sp_policy_t *policy, const sp_facts_t *facts,
    int field);
static int sp_memo_rate(const sp_policy_t *policy, const sp_apply_t *apply,
    sp_memo_apply_t *to);


int
sp_memo_make(sp_memo_t *memo, uint64_t number, const sp_policy_t *policy,
    const sp_facts_t *facts, const sp_screen_t *screen,
    const sp_verdict_t *verdict)
{
    unsigned   i;
    int64_t    now;
    sp_memo_t  m;

    if (number == 0 || !sp_memo_plain(policy, facts, screen, verdict)) {
        return 0;
    }

    now = facts->v[SP_F_NOW].u.i;

    m.number = number;
    m.from = now;
    m.until = screen->until;

    if (facts->key->expires_at != SP_TIME_ABSENT
        && facts->key->expires_at < m.until)
    {
        m.until = facts->key->expires_at;
    }

    if (!sp_memo_rules(policy, facts, screen, now, &m.until)) {
        return 0;
    }

    m.allow_rule = verdict->allow_rule;
    m.tier = verdict->tier;
    m.napply = (uint8_t) verdict->napply;
    m.route = verdict->route;

    for (i = 0; i < verdict->napply; i++) {
        if (!sp_memo_rate(policy, &verdict->apply[i], &m.apply[i])) {
            return 0;
        }
    }

    *memo = m;

    return 1;
}


/* An allow with nothing to record, by records that were found. */

static int
sp_memo_plain(const sp_policy_t *policy, const sp_facts_t *facts,
    const sp_screen_t *screen, const sp_verdict_t *verdict)
{
    const sp_value_t  *now;

    now = &facts->v[SP_F_NOW];

    return verdict->decision == SP_VERDICT_ALLOW
           && !verdict->excepted
           && verdict->nmatches == 0
           && verdict->more == 0
           && verdict->napply <= SP_MEMO_APPLY
           && facts->key_state == SP_KEYFACT_FOUND
           && facts->key->nnetworks == 0
           && facts->account_state == SP_ACCTFACT_FOUND
           && (policy->customers == SP_CUSTOMERS_NONE
               || facts->customer_state == SP_CUSTFACT_NONE)
           && screen != NULL
           && screen->policy == policy
           && policy->nrules <= SP_SCREEN_RULES
           && now->state == SP_FACT_KNOWN
           && now->u.i >= screen->from
           && now->u.i < screen->until;
}


/* The rules that the account leaves open read the case and the clock only. */

static int
sp_memo_rules(const sp_policy_t *policy, const sp_facts_t *facts,
    const sp_screen_t *screen, int64_t now, int64_t *until)
{
    uint32_t          i;
    const sp_rule_t  *rule;

    for (i = 0; i < policy->nrules; i++) {
        rule = sp_image_rule(policy, i);

        if (screen->idle[i >> 6] >> (i & 63) & 1) {
            continue;
        }

        if (rule->cond != SP_NO_COND
            && !sp_memo_reads(policy, facts, rule->cond))
        {
            return 0;
        }

        if (rule->kind == SP_RULE_THROTTLE && rule->by != SP_NO_FIELD
            && !sp_memo_field(policy, facts, rule->by))
        {
            return 0;
        }

        if (rule->dated && now < rule->from && rule->from < *until) {
            *until = rule->from;
        }

        if (rule->dated && now < rule->until && rule->until < *until) {
            *until = rule->until;
        }
    }

    return 1;
}


static int
sp_memo_reads(const sp_policy_t *policy, const sp_facts_t *facts,
    uint32_t cond)
{
    const sp_node_t  *node, *end;

    node = sp_image_at(policy, policy->nodes, sp_node_t) + cond;
    end = sp_image_at(policy, policy->nodes, sp_node_t) + node->end;

    for ( /* void */ ; node < end; node++) {

        switch (node->op) {

        case SP_OP_AND:
        case SP_OP_OR:
        case SP_OP_NOT:
        case SP_OP_SHARE:      /* the record alone */
        case SP_OP_CONTROL:
            break;

        case SP_OP_SAME:
        case SP_OP_WITHIN:
            if (!sp_memo_field(policy, facts, node->other)) {
                return 0;
            }

            /* fall through */

        case SP_OP_HAS:
        case SP_OP_BOOL:
        case SP_OP_INT:
        case SP_OP_MASK:
        case SP_OP_PLACE:
        case SP_OP_PLACES:
        case SP_OP_NAME:
        case SP_OP_NAMES:
        case SP_OP_ASN:
        case SP_OP_NET:
            if (!sp_memo_field(policy, facts, node->field)) {
                return 0;
            }

            break;

        default:
            return 0;
        }
    }

    return 1;
}


/*
 * 1 if the same case and the same records, at a time within the screen's, say
 * the same of the field. That no customer is named is of the case, and that
 * an account has none is of its record.
 */

static int
sp_memo_field(const sp_policy_t *policy, const sp_facts_t *facts, int field)
{
    sp_policy_field_t  row;

    if (sp_case_has(facts, field)) {
        return 1;
    }

    switch (field) {

    case SP_F_KEY_ID:
    case SP_F_NOW:
        return 1;

    case SP_F_IP_REGISTERED:       /* absent where the record has no networks */
        return facts->v[field].state == SP_FACT_ABSENT;

    default:
        sp_policy_field(policy, field, &row);
        return row.source == SP_FROM_RECORD
               || (row.source == SP_FROM_CUSTOMER
                   && facts->v[field].state == SP_FACT_ABSENT);
    }
}


static int
sp_memo_rate(const sp_policy_t *policy, const sp_apply_t *apply,
    sp_memo_apply_t *to)
{
    uint32_t          i;
    const sp_rate_t  *rows;
    const sp_rule_t  *rule;

    rule = sp_image_rule(policy, apply->rule);
    rows = sp_image_at(policy, policy->rates, sp_rate_t) + rule->rates;

    for (i = 0; i < rule->nrates * rule->nwindows; i++) {

        if (rows[i].window == apply->window
            && rows[i].interval == apply->interval
            && rows[i].tolerance == apply->tolerance
            && rows[i].limit == apply->limit
            && rows[i].period == apply->period
            && rows[i].burst == apply->burst)
        {
            to->rule = (uint16_t) apply->rule;
            to->rate = (uint16_t) i;

            return i <= UINT16_MAX;
        }
    }

    return 0;
}


int
sp_memo_use(const sp_memo_t *memo, uint64_t number,
    const sp_policy_t *policy, int64_t now, sp_verdict_t *verdict)
{
    unsigned          i;
    const sp_rate_t  *rates;
    const sp_rule_t  *rule;

    if (number == 0 || memo->number != number
        || now < memo->from || now >= memo->until)
    {
        return 0;
    }

    memset(verdict, 0, offsetof(sp_verdict_t, matches));

    verdict->decision = SP_VERDICT_ALLOW;
    verdict->primary = -1;
    verdict->throttled = -1;
    verdict->allow_rule = memo->allow_rule;
    verdict->tier = memo->tier;
    verdict->napply = memo->napply;
    verdict->route = memo->route;

    rates = sp_image_at(policy, policy->rates, sp_rate_t);

    for (i = 0; i < memo->napply; i++) {
        rule = sp_image_rule(policy, memo->apply[i].rule);

        sp_apply_set(policy, memo->apply[i].rule,
                     &rates[rule->rates + memo->apply[i].rate],
                     &verdict->apply[i]);
    }

    return 1;
}

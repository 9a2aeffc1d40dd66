
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains screens: an account's record decides most rules of a
 * policy alone, so they are asked once a record and not once a request.
 */


#include "sp_decide.h"
#include "policy/sp_expr.h"


static int sp_screen_idle(const sp_policy_t *policy, const sp_rule_t *rule,
    const sp_facts_t *facts);
static int64_t sp_screen_until(const sp_policy_t *policy,
    const sp_facts_t *facts, int64_t now);
static int sp_screen_grows(const sp_policy_t *policy, int field);


void
sp_screen(const sp_policy_t *policy, const sp_account_t *account,
    int64_t now, sp_screen_t *screen)
{
    uint32_t    i;
    sp_facts_t  facts;

    memset(screen, 0, sizeof(sp_screen_t));

    sp_facts_init(&facts, now);

    for (i = 0; i < SP_FIELDS; i++) {
        if (i != SP_F_NOW) {
            facts.v[i].state = SP_FACT_PENDING;
        }
    }

    sp_facts_account(&facts, SP_ACCTFACT_FOUND, account);
    sp_facts_own(&facts, policy);

    /* the one fact that comes of the record and of the address */

    if (facts.v[SP_F_IP_REGISTERED].state != SP_FACT_ABSENT) {
        facts.v[SP_F_IP_REGISTERED].state = SP_FACT_PENDING;
    }

    for (i = 0; i < policy->nrules && i < SP_SCREEN_RULES; i++) {

        if (sp_screen_idle(policy, sp_image_rule(policy, i), &facts)) {
            screen->idle[i >> 6] |= (uint64_t) 1 << (i & 63);
        }
    }

    screen->policy = policy;
    screen->from = now;
    screen->until = sp_screen_until(policy, &facts, now);
}


/*
 * False stays false. So does a doubt about the record alone, in which nothing
 * pending has a part; it is nothing to a rule that skips what is unknown.
 */

static int
sp_screen_idle(const sp_policy_t *policy, const sp_rule_t *rule,
    const sp_facts_t *facts)
{
    unsigned  value;

    if (rule->cond == SP_NO_COND) {
        return 0;
    }

    value = sp_expr_eval(policy, rule->cond, facts);

    if (sp_truth_of(value) == SP_FALSE) {
        return 1;
    }

    return sp_truth_of(value) == SP_UNSURE && !(value & SP_WHY_PENDING)
           && rule->skip && rule->kind != SP_RULE_ALLOW
           && rule->kind != SP_RULE_EXCEPTION;
}


/*
 * The first second at which a test of an age or of the clock may change: both
 * grow by one a second, and are compared with constants only.
 */

static int64_t
sp_screen_until(const sp_policy_t *policy, const sp_facts_t *facts,
    int64_t now)
{
    int64_t            left, least;
    uint32_t           i;
    const sp_node_t   *node;
    const sp_value_t  *v;

    least = INT64_MAX - now;
    node = sp_image_at(policy, policy->nodes, sp_node_t);

    for (i = 0; i < policy->nnodes; i++, node++) {

        if (node->op != SP_OP_INT || !sp_screen_grows(policy, node->field)) {
            continue;
        }

        v = &facts->v[node->field];

        if (v->state != SP_FACT_KNOWN || v->u.i > node->value) {
            continue;
        }

        if (__builtin_sub_overflow(node->value, v->u.i, &left)) {
            continue;
        }

        /* "==" and ">=" change when it is reached, "<=" and ">" after that */

        left = left ? left : 1;
        least = left < least ? left : least;
    }

    return now + least;
}


static int
sp_screen_grows(const sp_policy_t *policy, int field)
{
    sp_type_t  type;

    type = sp_policy_field_type(policy, field);

    return type == SP_T_DURATION || type == SP_T_TIME;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains classes of values: those between which no test of any
 * policy can tell the difference are one.
 */


#include <stdlib.h>

#include "sp_space.h"


#define SP_CLASS_CANDS  100000    /* values of one variable looked at */


/* One test that has a say about a variable. */
typedef struct {
    unsigned          policy;
    uint32_t          at;
    int               member;     /* of a fellow: only its list counts */
    const sp_node_t  *node;
} sp_say_t;


static uint32_t sp_class_says(const sp_space_t *space, unsigned at,
    sp_say_t *says);
static uint32_t sp_class_slot(const unsigned char *bytes, size_t len,
    uint32_t size, uint64_t *seen, const uint32_t *table);
static int sp_class_twin(const sp_say_t *a, const sp_say_t *b);
static size_t sp_class_signature(const sp_space_t *space, const sp_var_t *var,
    const sp_cand_t *cand, const sp_say_t *says, uint32_t nsays,
    sp_facts_t *facts, unsigned char *out);
static size_t sp_class_outside(const sp_space_t *space, const sp_var_t *var,
    const sp_cand_t *cand, unsigned char *out);
static size_t sp_class_rules(const sp_space_t *space, const sp_var_t *var,
    const sp_cand_t *cand, unsigned char *out);
static size_t sp_class_route(const sp_space_t *space, const sp_cand_t *cand,
    unsigned char *out);


void
sp_space_classes(sp_space_t *space, unsigned at)
{
    size_t          len, max;
    uint32_t        i, h, size, nsays, *table;
    uint64_t       *seen;
    sp_var_t       *var;
    sp_say_t       *says;
    sp_facts_t     *facts;
    unsigned char  *bytes;

    var = &space->vars[at];

    if (var->kind == SP_VAR_TEST || var->kind == SP_VAR_CANARY) {
        var->width = var->kind == SP_VAR_TEST ? 3 : 2;
        return;
    }

    sp_space_candidates(space, var);

    max = 64;

    for (i = 0, nsays = 0; i < space->npolicies; i++) {
        nsays += space->policies[i]->nnodes;
        max += 2 * (size_t) space->policies[i]->nnodes
               + 4 * (size_t) space->policies[i]->nrules;
    }

    if (space->failed || var->n == 0 || var->n > SP_CLASS_CANDS) {
        space->failed = 1;
        return;
    }

    for (size = 64; size < 2 * var->n; size *= 2) { /* void */ }

    facts = calloc(1, sizeof(sp_facts_t));
    bytes = malloc(max);
    says = malloc((nsays + 1) * sizeof(sp_say_t));
    seen = calloc(size, 2 * sizeof(uint64_t));
    table = calloc(size, sizeof(uint32_t));
    var->first = sp_arena_alloc(space->arena, var->n * sizeof(uint32_t));

    if (facts == NULL || bytes == NULL || says == NULL || seen == NULL
        || table == NULL || var->first == NULL)
    {
        space->failed = 1;
        goto done;
    }

    nsays = sp_class_says(space, at, says);

    for (i = 0; i < var->n; i++) {
        len = sp_class_signature(space, var, &var->cands[i], says, nsays,
                                 facts, bytes);
        h = sp_class_slot(bytes, len, size, seen, table);

        if (table[h] == 0) {
            var->first[var->width++] = i;
            table[h] = var->width;
        }

        var->cands[i].class = table[h] - 1;
    }

done:

    free(facts);
    free(bytes);
    free(says);
    free(seen);
    free(table);
}


/* The slot of a signature; 128 bits of hash stand for it. */

static uint32_t
sp_class_slot(const unsigned char *bytes, size_t len, uint32_t size,
    uint64_t *seen, const uint32_t *table)
{
    uint32_t  h;
    uint64_t  hash[2];

    static const unsigned char  key[2][16] = { "sallyport class", "twin" };

    hash[0] = sp_siphash(key[0], bytes, len);
    hash[1] = sp_siphash(key[1], bytes, len);

    for (h = (uint32_t) hash[0] & (size - 1);
         table[h] != 0 && memcmp(&seen[2 * (size_t) h], hash, sizeof(hash))
                          != 0;
         h = (h + 1) & (size - 1))
    { /* void */ }

    memcpy(&seen[2 * (size_t) h], hash, sizeof(hash));

    return h;
}


static int
sp_class_twin(const sp_say_t *a, const sp_say_t *b)
{
    return a->policy == b->policy && a->member == b->member
           && a->node->op == b->node->op && a->node->cmp == b->node->cmp
           && a->node->field == b->node->field
           && a->node->other == b->node->other
           && a->node->set == b->node->set
           && a->node->value == b->node->value;
}


/*
 * Tests of the variable itself; and where it is compared with another, those
 * of the other, for the value may be on both sides.
 */

static uint32_t
sp_class_says(const sp_space_t *space, unsigned at, sp_say_t *says)
{
    int              team;
    unsigned         p;
    uint32_t         i, k, n, h, size, *table;
    sp_say_t         say;
    const sp_var_t  *var;

    var = &space->vars[at];
    team = var->kind == SP_VAR_FACTS ? space->team[var->fields[0]] : -1;
    n = 0;

    for (p = 0, size = 64; p < space->npolicies; p++) {
        while (size < 4 * space->policies[p]->nnodes) {
            size *= 2;
        }
    }

    table = calloc(size, sizeof(uint32_t));

    for (p = 0; p < space->npolicies; p++) {
        for (i = 0; i < space->policies[p]->nnodes; i++) {
            say.policy = p;
            say.at = i;
            say.node = sp_space_node(space, p, i);
            say.member = 0;

            if (say.node->op <= SP_OP_NOT) {
                continue;
            }

            if (space->atoms[p][i].var != at) {
                say.member = 1;

                if (team < 0 || say.node->op == SP_OP_SHARE
                    || say.node->op == SP_OP_CONTROL
                    || say.node->op == SP_OP_HAS
                    || space->team[say.node->field] != team)
                {
                    continue;
                }
            }

            /* the same words twice say nothing new */

            h = (say.node->op * 31u + say.node->field * 1009u
                 + say.node->set * 40503u + say.node->cmp * 7u
                 + (uint32_t) say.node->value * 2654435761u) & (size - 1);

            for (k = 0; table != NULL && k < 8 && table[h] != 0; k++) {

                if (sp_class_twin(&says[table[h] - 1], &say)) {
                    break;
                }

                h = (h + 1) & (size - 1);
            }

            if (table != NULL && table[h] != 0 && k < 8) {
                continue;
            }

            if (table != NULL && table[h] == 0) {
                table[h] = n + 1;
            }

            says[n++] = say;
        }
    }

    free(table);

    return n;
}


void
sp_space_put(const sp_space_t *space, const sp_var_t *var,
    const sp_cand_t *cand, unsigned policy, sp_facts_t *facts)
{
    int          i, there, tier;
    sp_value_t  *v;

    for (i = 0; i < 2; i++) {
        there = var->fields[i] < 0 ? -1
                : sp_space_there(space, policy, var->fields[i]);

        if (there >= 0) {
            facts->v[there] = cand->v[i];
        }
    }

    if (var->fields[0] != SP_F_MODEL_ID) {
        return;
    }

    if (cand->v[0].state != SP_FACT_KNOWN) {
        facts->v[SP_F_MODEL_TIER].state = cand->v[0].state;
        return;
    }

    tier = sp_policy_model_tier(space->policies[policy], cand->v[0].u.s);

    v = &facts->v[SP_F_MODEL_TIER];
    v->state = tier != 0 ? SP_FACT_KNOWN : SP_FACT_ABSENT;
    v->u.i = tier;
}


static size_t
sp_class_signature(const sp_space_t *space, const sp_var_t *var,
    const sp_cand_t *cand, const sp_say_t *says, uint32_t nsays,
    sp_facts_t *facts, unsigned char *out)
{
    int          k;
    size_t       n;
    uint32_t     i;
    unsigned     policy;
    sp_value_t   country;

    n = 0;
    policy = SP_SPACE_POLICIES;

    for (i = 0; i < nsays; i++) {

        if (var->kind == SP_VAR_SHARE) {
            out[n++] = (unsigned char)
                       sp_eval_interval(says[i].node->cmp,
                                        sp_space_low(&cand->v[0]),
                                        sp_space_high(&cand->v[0]),
                                        says[i].node->value);
            continue;
        }

        if (says[i].policy != policy) {
            policy = says[i].policy;
            sp_space_put(space, var, cand, policy, facts);
        }

        if (!says[i].member) {
            out[n++] = (unsigned char) (sp_expr_eval(space->policies[policy],
                                                     says[i].at, facts) & 3);
            continue;
        }

        k = var->fields[1] == SP_F_IP_REGION
            && cand->v[1].state == SP_FACT_KNOWN;

        if (cand->v[k].state != SP_FACT_KNOWN) {
            continue;
        }

        out[n++] = (unsigned char) sp_space_member(space, policy,
                                                   says[i].node,
                                                   &cand->v[k]);

        if (says[i].node->op == SP_OP_PLACE
            || says[i].node->op == SP_OP_PLACES)
        {
            country = cand->v[k];
            country.u.place = sp_place_country(country.u.place);
            out[n++] = (unsigned char) sp_space_member(space, policy,
                                                       says[i].node, &country);
        }
    }

    return n + sp_class_outside(space, var, cand, out + n);
}


sp_truth_t
sp_space_member(const sp_space_t *space, unsigned policy,
    const sp_node_t *node, const sp_value_t *v)
{
    const sp_set_t     *set;
    const sp_policy_t  *p;

    p = space->policies[policy];
    set = node->set == SP_NO_SET ? NULL : sp_image_set(p, node->set);

    switch (node->op) {

    case SP_OP_PLACE:
    case SP_OP_PLACES:
    case SP_OP_CONTROL:
        return sp_set_place(p, set, v->u.place);

    case SP_OP_NAME:
    case SP_OP_NAMES:
        return sp_set_name(p, set, v->u.s);

    case SP_OP_ASN:
        return sp_set_asn(p, set, (uint32_t) v->u.i);

    case SP_OP_NET:
        return sp_set_net(p, set, v->u.addr);

    case SP_OP_MASK:
        return (v->u.i >= 0 && v->u.i < 64
                && (((uint64_t) node->value >> v->u.i) & 1)) ? SP_TRUE
                                                             : SP_FALSE;

    case SP_OP_INT:
        return sp_eval_cmp(node->cmp, v->u.i, node->value) ? SP_TRUE
                                                           : SP_FALSE;

    default:
        return SP_UNSURE;
    }
}


/* What is read outside of conditions. */

static size_t
sp_class_outside(const sp_space_t *space, const sp_var_t *var,
    const sp_cand_t *cand, unsigned char *out)
{
    size_t    n;
    unsigned  p;

    if (var->kind != SP_VAR_FACTS) {
        return 0;
    }

    n = 0;
    out[n++] = cand->v[0].state == SP_FACT_KNOWN;

    if (var->fields[1] >= 0) {
        out[n++] = cand->v[1].state == SP_FACT_KNOWN;
    }

    switch (var->fields[0]) {

    case SP_F_ACCOUNT_STATUS:
    case SP_F_ACCOUNT_TYPE:
    case SP_F_ACCOUNT_LEVEL:
    case SP_F_ACCOUNT_SCREENING:
    case SP_F_CUSTOMER_STATUS:
        out[n++] = (unsigned char) (cand->v[0].state == SP_FACT_KNOWN
                                    ? cand->v[0].u.i : 0xff);
        break;

    case SP_F_IP_ADDR:
        out[n++] = cand->v[1].u.i == SP_IP_PUBLIC;
        break;

    case SP_F_ACCOUNT_TAGS:
        out[n++] = cand->v[0].n != 0;
        break;

    case SP_F_REQUEST_ROUTE:
        n += sp_class_route(space, cand, out + n);
        break;

    case SP_F_MODEL_ID:
        for (p = 0; p < space->npolicies
                    && cand->v[0].state == SP_FACT_KNOWN; p++)
        {
            out[n++] = (unsigned char)
                       sp_policy_model_tier(space->policies[p],
                                            cand->v[0].u.s);
        }

        break;

    case SP_F_REQUEST_STREAM:
        out[n++] = cand->v[0].u.i != 0;
        break;

    default:
        break;
    }

    return n + sp_class_rules(space, var, cand, out + n);
}


/* Dates, accounts of exceptions, tables of rates. */

static size_t
sp_class_rules(const sp_space_t *space, const sp_var_t *var,
    const sp_cand_t *cand, unsigned char *out)
{
    size_t              n;
    unsigned            p;
    uint32_t            i;
    const sp_rule_t    *rule;
    const sp_value_t   *v;
    const sp_policy_t  *policy;

    n = 0;
    v = &cand->v[0];

    if (var->fields[0] == SP_F_NOW) {
        out[n++] = v->u.i >= space->now;
    }

    for (p = 0; p < space->npolicies; p++) {
        policy = space->policies[p];

        for (i = 0; i < policy->nrules; i++) {
            rule = sp_image_rule(policy, i);

            if (rule->dated && var->fields[0] == SP_F_NOW) {
                out[n++] = v->u.i >= rule->from;
                out[n++] = v->u.i < rule->until;
            }

            if (rule->kind == SP_RULE_EXCEPTION
                && var->fields[0] == SP_F_ACCOUNT_ID
                && v->state == SP_FACT_KNOWN)
            {
                out[n++] = (unsigned char)
                           sp_str_eq(v->u.s, sp_image_str(policy,
                                                          rule->account));
            }

            if (rule->by != SP_NO_FIELD
                && sp_space_here(space, p, rule->by) == var->fields[0])
            {
                out[n++] = (unsigned char) (v->state == SP_FACT_KNOWN
                                            ? v->u.i : 0xff);
            }
        }
    }

    return n;
}


static size_t
sp_class_route(const sp_space_t *space, const sp_cand_t *cand,
    unsigned char *out)
{
    int                i;
    size_t             n;
    unsigned           p;
    const sp_route_t  *row;

    i = sp_space_route(cand->v[0].u.i, cand->v[1].u.i);
    row = sp_route(i);

    out[0] = row != NULL ? (unsigned char) row->model : 0;
    out[1] = row != NULL ? (unsigned char) row->body : 0;
    out[2] = row != NULL ? (unsigned char) row->stream : 0;

    for (p = 0, n = 3; p < space->npolicies; p++) {
        out[n++] = (unsigned char) sp_policy_route_open(space->policies[p],
                                                        i);
    }

    return n;
}

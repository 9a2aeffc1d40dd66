
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the way back from classes to a request: values are
 * picked, a record is made, and the evaluator is asked whether every test
 * says what the classes say. What does not pass that is never shown.
 */


#include <stdio.h>
#include <stdlib.h>

#include "sp_decide.h"
#include "sp_space_record.h"


#define SP_FLESH_TRIES   2000    /* picks of compared values looked at */
#define SP_FLESH_WHOLE   48      /* requests made whole and asked about */
#define SP_FLESH_SHARES  600     /* combinations of shares */
#define SP_FLESH_PICKS   8       /* values of one class tried */


static sp_rc_t sp_flesh_shares(sp_search_t *s, int listed);
static int sp_flesh_share_fits(const sp_search_t *s, int listed);
static sp_rc_t sp_flesh_search(sp_search_t *s, unsigned at);
static int sp_flesh_agree(const sp_search_t *s, unsigned at);
static void sp_flesh_put(const sp_search_t *s, int field, unsigned policy);
static sp_rc_t sp_flesh_try(sp_search_t *s);
static void sp_flesh_facts(sp_search_t *s);
static void sp_flesh_customer(sp_flesh_t *flesh);
static void sp_flesh_route(sp_search_t *s);
static int sp_flesh_true(const sp_search_t *s);
static int sp_flesh_compared(const sp_space_t *space, unsigned var);


sp_rc_t
sp_space_flesh(sp_space_t *space, const uint32_t *values, sp_flesh_t *flesh)
{
    sp_rc_t      rc;
    unsigned     i;
    sp_search_t  s;

    if (sp_space_void(space)) {
        return SP_DECLINED;
    }

    memset(flesh, 0, sizeof(sp_flesh_t));
    memset(&s, 0, sizeof(s));
    s.space = space;
    s.values = values;
    s.flesh = flesh;
    s.vars = calloc(space->nvars + 1, sizeof(unsigned));
    flesh->picks = sp_arena_alloc(space->arena, (space->nvars + 1)
                                                * sizeof(uint32_t));

    if (s.vars == NULL || flesh->picks == NULL) {
        free(s.vars);
        return SP_DECLINED;
    }

    for (i = 0; i < space->nvars; i++) {

        if (space->vars[i].first != NULL) {
            flesh->picks[i] = space->vars[i].first[values[i]];
        }

        if (sp_flesh_compared(space, i)) {
            s.vars[s.n++] = i;
        }
    }

    /* shares depend on no other pick: they are found first, once */

    rc = sp_flesh_shares(&s, 0);

    if (rc == SP_OK) {
        rc = sp_flesh_shares(&s, 1);
    }

    if (rc == SP_OK) {
        rc = sp_flesh_search(&s, 0);
    }

    free(s.vars);

    return rc;
}


static int
sp_flesh_compared(const sp_space_t *space, unsigned var)
{
    unsigned          i;
    const sp_node_t  *node;

    if (space->vars[var].kind != SP_VAR_FACTS) {
        return 0;
    }

    for (i = 0; i < space->nvars; i++) {

        if (space->vars[i].kind != SP_VAR_TEST) {
            continue;
        }

        node = sp_space_node(space, space->vars[i].policy,
                             space->vars[i].node);

        if ((node->op == SP_OP_SAME || node->op == SP_OP_WITHIN)
            && (space->of[node->field] == (int) var
                || (node->op == SP_OP_SAME
                    && space->of[node->other] == (int) var)))
        {
            return 1;
        }
    }

    return 0;
}


/* Values of the compared variables, one after the other. */

static sp_rc_t
sp_flesh_search(sp_search_t *s, unsigned at)
{
    unsigned         tried;
    uint32_t         i, var;
    const sp_var_t  *v;

    if (at == s->n) {
        return s->whole++ < SP_FLESH_WHOLE ? sp_flesh_try(s) : SP_DECLINED;
    }

    var = s->vars[at];
    v = &s->space->vars[var];

    for (i = v->first[s->values[var]], tried = 0;
         i < v->n && tried < SP_FLESH_PICKS && s->tries < SP_FLESH_TRIES
         && s->whole < SP_FLESH_WHOLE;
         i++)
    {
        if (v->cands[i].class != s->values[var]) {
            continue;
        }

        s->tries++;
        s->flesh->picks[var] = i;

        if (!sp_flesh_agree(s, at)) {
            continue;
        }

        tried++;

        if (sp_flesh_search(s, at + 1) == SP_OK) {
            return SP_OK;
        }
    }

    return SP_DECLINED;
}


/* Whether the comparisons among the first variables are as they must be. */

static int
sp_flesh_agree(const sp_search_t *s, unsigned at)
{
    unsigned           i, k, found;
    sp_facts_t        *facts;
    const sp_var_t    *test;
    const sp_space_t  *space;
    const sp_node_t   *node;

    space = s->space;
    facts = &s->flesh->facts;

    for (i = 0; i < space->nvars; i++) {
        test = &space->vars[i];

        if (test->kind != SP_VAR_TEST) {
            continue;
        }

        node = sp_space_node(space, test->policy, test->node);

        if (node->op != SP_OP_SAME) {
            continue;
        }

        for (k = 0, found = 0; k <= at; k++) {
            found += space->of[node->field] == (int) s->vars[k];
            found += space->of[node->other] == (int) s->vars[k];
        }

        if (found == 2) {
            sp_flesh_put(s, node->field, test->policy);
            sp_flesh_put(s, node->other, test->policy);
            k = sp_expr_eval(space->policies[test->policy], test->node, facts)
                & 3;

            if ((node->neg ? SP_TRUE - k : k) != s->values[i]) {
                return 0;
            }
        }
    }

    return 1;
}


static void
sp_flesh_put(const sp_search_t *s, int field, unsigned policy)
{
    int              at;
    const sp_var_t  *var;

    at = s->space->of[field];
    var = &s->space->vars[at];

    sp_space_put(s->space, var, &var->cands[s->flesh->picks[at]], policy,
                 &s->flesh->facts);
}


/*
 * Intervals that fit together are looked for among the first of each class:
 * those of owners, then those of listed parties.
 */

static sp_rc_t
sp_flesh_shares(sp_search_t *s, int listed)
{
    unsigned          i, n, tries, picked[16], vars[16];
    uint32_t          k;
    const sp_var_t   *v;
    const sp_node_t  *node;

    for (i = 0, n = 0; i < s->space->nvars; i++) {
        v = &s->space->vars[i];
        node = v->kind == SP_VAR_SHARE
               ? sp_space_node(s->space, v->policy, v->node) : NULL;

        if (node != NULL && n < sp_nelts(vars)
            && (node->other == SP_FN_LISTED_SHARE) == listed)
        {
            picked[n] = 0;
            vars[n++] = i;
        }
    }

    for (tries = 0; n != 0 && tries < SP_FLESH_SHARES; tries++) {

        if (sp_flesh_share_fits(s, listed)) {
            return SP_OK;
        }

        /* the next combination, as a counter turns over */

        for (i = 0; i < n; i++) {
            v = &s->space->vars[vars[i]];

            for (k = s->flesh->picks[vars[i]] + 1;
                 k < v->n && v->cands[k].class != s->values[vars[i]]; k++)
            { /* void */ }

            if (k < v->n && ++picked[i] < SP_FLESH_PICKS) {
                s->flesh->picks[vars[i]] = k;
                break;
            }

            picked[i] = 0;
            s->flesh->picks[vars[i]] = v->first[s->values[vars[i]]];
        }

        if (i == n) {
            return SP_DECLINED;
        }
    }

    return n == 0 ? SP_OK : SP_DECLINED;
}


/* Whether a record of these picks has the shares that it must have. */

static int
sp_flesh_share_fits(const sp_search_t *s, int listed)
{
    unsigned           p, value;
    uint32_t           i;
    sp_facts_t        *facts;
    const sp_atom_t   *atom;
    const sp_node_t   *node;
    const sp_space_t  *space;

    space = s->space;
    facts = &s->flesh->facts;
    sp_flesh_record(space, s->values, s->flesh);
    facts->account_state = SP_ACCTFACT_FOUND;
    facts->account = &s->flesh->account;

    for (p = 0; p < space->npolicies; p++) {
        for (i = 0; i < space->policies[p]->nnodes; i++) {
            node = sp_space_node(space, p, i);

            if (node->op != SP_OP_SHARE
                || (node->other == SP_FN_LISTED_SHARE) != listed)
            {
                continue;
            }

            atom = &space->atoms[p][i];
            value = sp_dd_at(space->dds, atom->yes, s->values) ? SP_TRUE
                    : sp_dd_at(space->dds, atom->no, s->values) ? SP_FALSE
                    : SP_UNSURE;

            if ((sp_expr_eval(space->policies[p], i, facts) & 3) != value) {
                return 0;
            }
        }
    }

    return 1;
}


static sp_rc_t
sp_flesh_try(sp_search_t *s)
{
    sp_flesh_facts(s);

    return sp_flesh_canaries(s) && sp_flesh_true(s) ? SP_OK : SP_DECLINED;
}


static void
sp_flesh_facts(sp_search_t *s)
{
    int                field;
    unsigned           i, k;
    sp_flesh_t        *flesh;
    sp_facts_t        *facts;
    const sp_var_t    *var;
    const sp_cand_t   *cand;
    const sp_space_t  *space;

    space = s->space;
    flesh = s->flesh;
    facts = &flesh->facts;
    i = (unsigned) space->of[SP_F_NOW];

    sp_facts_init(facts, space->vars[i].cands[flesh->picks[i]].v[0].u.i);

    memset(&flesh->key, 0, sizeof(flesh->key));
    flesh->key.not_before = flesh->key.expires_at = SP_TIME_ABSENT;
    memcpy(flesh->key.name, "key", 3);
    flesh->key.name_len = 3;
    sp_facts_key(facts, SP_KEYFACT_FOUND, &flesh->key);

    facts->v[SP_F_IP_CLASS].state = SP_FACT_KNOWN;
    facts->v[SP_F_IP_CLASS].u.i = SP_IP_PUBLIC;

    sp_flesh_record(space, s->values, flesh);
    sp_facts_account(facts, SP_ACCTFACT_FOUND, &flesh->account);
    sp_facts_customer(facts, SP_CUSTFACT_NONE, NULL);

    facts->body_state = SP_BODYFACT_FINE;
    facts->v[SP_F_REQUEST_STREAM].state = SP_FACT_KNOWN;
    facts->v[SP_F_REQUEST_STREAM].u.i = 0;
    facts->v[SP_F_REQUEST_TOKENS].state = SP_FACT_ABSENT;

    for (i = 0; i < space->nvars; i++) {
        var = &space->vars[i];

        if (var->kind != SP_VAR_FACTS) {
            continue;
        }

        cand = &var->cands[flesh->picks[i]];

        for (k = 0; k < 2; k++) {
            field = var->fields[k];

            /* what is of the record is there; sets are what it holds */

            if (field >= 0 && field < SP_FIELDS
                && (sp_field(field)->source != SP_FROM_RECORD
                    || field == SP_F_IP_REGISTERED))
            {
                facts->v[field] = cand->v[k];
            }
        }
    }

    sp_flesh_customer(flesh);
    sp_flesh_route(s);
}


/* Facts of a customer come of a record; only its status is read from it. */

static void
sp_flesh_customer(sp_flesh_t *flesh)
{
    int                field;
    sp_facts_t        *facts;
    const sp_value_t  *status;

    facts = &flesh->facts;
    status = &facts->v[SP_F_CUSTOMER_STATUS];

    for (field = SP_F_CUSTOMER_ID; field <= SP_F_CUSTOMER_LINKAGE; field++) {

        if (facts->v[field].state == SP_FACT_ABSENT) {
            continue;
        }

        memset(&flesh->customer, 0, sizeof(flesh->customer));
        flesh->customer.status = status->state == SP_FACT_KNOWN
                                 ? (uint8_t) status->u.i : SP_STATUS_VERIFIED;

        facts->customer_state = SP_CUSTFACT_FOUND;
        facts->customer = &flesh->customer;

        return;
    }
}


static void
sp_flesh_route(sp_search_t *s)
{
    int                i;
    sp_str_t           name;
    sp_flesh_t        *flesh;
    sp_facts_t        *facts;
    const sp_value_t  *v;

    flesh = s->flesh;
    facts = &flesh->facts;
    v = facts->v;

    facts->models = NULL;
    facts->nmodels = 0;

    if (v[SP_F_MODEL_ID].state == SP_FACT_KNOWN) {
        flesh->model = v[SP_F_MODEL_ID].u.s;
        facts->models = &flesh->model;
        facts->nmodels = 1;

    } else {
        facts->v[SP_F_MODEL_ID].state = SP_FACT_ABSENT;
        facts->v[SP_F_MODEL_TIER].state = SP_FACT_ABSENT;
    }

    name = facts->nmodels != 0 ? SP_STR("chat.completions")
           : v[SP_F_REQUEST_STREAM].u.i != 0
             || v[SP_F_REQUEST_TOKENS].state == SP_FACT_KNOWN
           ? SP_STR("responses") : SP_STR("models.list");

    for (i = 0; i < sp_route_count(); i++) {

        if (s->space->of[SP_F_REQUEST_ROUTE] >= 0
            ? sp_route_number(i) == (int) v[SP_F_REQUEST_ROUTE].u.i
              && (int64_t) sp_route(i)->dialect
                 == v[SP_F_REQUEST_DIALECT].u.i
            : sp_str_eq(sp_route(i)->name, name))
        {
            sp_facts_route(facts, SP_ROUTE_FOUND, i, flesh->model);
            return;
        }
    }
}


void
sp_flesh_for(const sp_space_t *space, unsigned policy, sp_flesh_t *flesh)
{
    int          tier;
    sp_value_t  *v;

    sp_facts_own(&flesh->facts, space->policies[policy]);

    v = &flesh->facts.v[SP_F_MODEL_TIER];

    if (flesh->facts.nmodels == 0) {
        v->state = SP_FACT_ABSENT;
        return;
    }

    tier = sp_policy_model_tier(space->policies[policy], flesh->model);
    v->state = tier != 0 ? SP_FACT_KNOWN : SP_FACT_ABSENT;
    v->u.i = tier;
}


/* Every test of every policy, asked for real. */

static int
sp_flesh_true(const sp_search_t *s)
{
    unsigned           p, value;
    uint32_t           i;
    const sp_atom_t   *atom;
    const sp_space_t  *space;

    space = s->space;

    for (p = 0; p < space->npolicies; p++) {
        sp_flesh_for(space, p, s->flesh);

        for (i = 0; i < space->policies[p]->nnodes; i++) {

            if (sp_space_node(space, p, i)->op <= SP_OP_NOT) {
                continue;
            }

            atom = &space->atoms[p][i];
            value = sp_dd_at(space->dds, atom->yes, s->values) ? SP_TRUE
                    : sp_dd_at(space->dds, atom->no, s->values) ? SP_FALSE
                    : SP_UNSURE;

            if ((sp_expr_eval(space->policies[p], i, &s->flesh->facts) & 3)
                != value)
            {
                return 0;
            }
        }
    }

    return 1;
}

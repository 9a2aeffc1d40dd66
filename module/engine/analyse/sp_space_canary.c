
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the account of an example, where it matters
 * whether it is among the canaries of a rule.
 */


#include <stdio.h>

#include "sp_decide.h"
#include "sp_space_record.h"


#define SP_FLESH_IDS     500     /* accounts looked at for canaries */


static void sp_flesh_rename(sp_search_t *s, sp_str_t id);
static int sp_flesh_sorted(const sp_search_t *s);
static int sp_flesh_named(const sp_search_t *s, sp_str_t id);


/* Whether the account is among the canaries, or spared, as it must be. */

int
sp_flesh_canaries(sp_search_t *s)
{
    int              at, n;
    char             id[SP_ID_LEN + 1];
    uint32_t         i;
    const sp_var_t  *var;

    if (sp_flesh_sorted(s)) {
        return 1;
    }

    at = s->space->of[SP_F_ACCOUNT_ID];

    if (at >= 0) {
        var = &s->space->vars[at];

        for (i = var->first[s->values[at]]; i < var->n; i++) {

            if (var->cands[i].class == s->values[at]) {
                sp_flesh_rename(s, var->cands[i].v[0].u.s);

                if (sp_flesh_sorted(s)) {
                    return 1;
                }
            }
        }

        if (s->values[at] != var->cands[0].class) {
            return 0;
        }
    }

    /* a name that nobody knows; that it is one is asked for with the rest */

    for (n = 1; n < SP_FLESH_IDS; n++) {
        (void) snprintf(id, sizeof(id), "acct_example_%d", n);
        sp_flesh_rename(s, sp_cstr(id));

        if (sp_flesh_sorted(s)) {
            return !sp_flesh_named(s, sp_cstr(id));
        }
    }

    return 0;
}


static void
sp_flesh_rename(sp_search_t *s, sp_str_t id)
{
    sp_value_t  *v;

    if (id.len == 0 || id.len > SP_ID_LEN) {
        return;
    }

    memcpy(s->flesh->account.id, id.data, id.len);
    s->flesh->account.id_len = (uint8_t) id.len;

    v = &s->flesh->facts.v[SP_F_ACCOUNT_ID];
    v->u.s.data = (unsigned char *) s->flesh->account.id;
    v->u.s.len = id.len;
}


static int
sp_flesh_sorted(const sp_search_t *s)
{
    unsigned            i;
    const sp_var_t     *var;
    const sp_rule_t    *rule;
    const sp_policy_t  *policy;

    for (i = 0; i < s->space->nvars; i++) {
        var = &s->space->vars[i];

        if (var->kind != SP_VAR_CANARY) {
            continue;
        }

        policy = s->space->policies[var->policy];
        rule = sp_image_rule(policy, var->node);

        if (sp_canary(sp_image_str(policy, rule->id),
                      s->flesh->facts.v[SP_F_ACCOUNT_ID].u.s, rule->share)
            != (int) s->values[i])
        {
            return 0;
        }
    }

    return 1;
}


/* An account that an exception names cannot go by another name. */

static int
sp_flesh_named(const sp_search_t *s, sp_str_t id)
{
    unsigned          p;
    uint32_t          i;
    const sp_rule_t  *rule;

    for (p = 0; p < s->space->npolicies; p++) {
        for (i = 0; i < s->space->policies[p]->nrules; i++) {
            rule = sp_image_rule(s->space->policies[p], i);

            if (rule->kind == SP_RULE_EXCEPTION
                && sp_str_eq(sp_image_str(s->space->policies[p],
                                          rule->account), id))
            {
                return 1;
            }
        }
    }

    return 0;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains how shares of lists go together, and canaries
 * of one rule with those of it that are more.
 */


#include <stdlib.h>

#include "sp_decide.h"
#include "sp_space.h"


static int sp_theory_grows(const sp_cand_t *a, const sp_cand_t *b);
static int sp_theory_least(const sp_cand_t *a, const sp_cand_t *b);
static void sp_theory_sorted(sp_space_t *space, unsigned at);


/*
 * Of a list within another the same function gives no more; no single holding
 * is known to be more than all of them.
 */

void
sp_theory_shares(sp_space_t *space)
{
    unsigned           i, k;
    const sp_var_t    *a, *b;
    const sp_node_t   *x, *y;

    for (i = 0; i < space->nvars; i++) {
        for (k = 0; k < space->nvars; k++) {
            a = &space->vars[i];
            b = &space->vars[k];

            if (i == k || a->kind != SP_VAR_SHARE || b->kind != SP_VAR_SHARE)
            {
                continue;
            }

            x = sp_space_node(space, a->policy, a->node);
            y = sp_space_node(space, b->policy, b->node);

            if ((x->other == SP_FN_LISTED_SHARE)
                != (y->other == SP_FN_LISTED_SHARE)
                || !sp_space_within(space, a, b))
            {
                continue;
            }

            if (x->other == y->other) {
                sp_theory_relation(space, (int) i, (int) k, sp_theory_grows);

            } else if (x->other == SP_FN_LARGEST_OWNER) {
                sp_theory_relation(space, (int) i, (int) k, sp_theory_least);
            }
        }
    }
}


static int
sp_theory_grows(const sp_cand_t *a, const sp_cand_t *b)
{
    return sp_space_low(&a->v[0]) <= sp_space_low(&b->v[0])
           && sp_space_high(&a->v[0]) <= sp_space_high(&b->v[0]);
}


static int
sp_theory_least(const sp_cand_t *a, const sp_cand_t *b)
{
    return sp_space_low(&a->v[0]) <= sp_space_low(&b->v[0]);
}


/* Of one rule, whoever is among the first few is among the first more. */

void
sp_theory_canaries(sp_space_t *space)
{
    unsigned          i, k;
    sp_dd_t           in[2] = { SP_DD_FALSE, SP_DD_TRUE };
    sp_dd_t           out[2] = { SP_DD_TRUE, SP_DD_FALSE };
    const sp_var_t   *a, *b;
    const sp_rule_t  *x, *y;

    for (i = 0; i < space->nvars; i++) {
        for (k = 0; k < space->nvars; k++) {
            a = &space->vars[i];
            b = &space->vars[k];

            if (a->kind == SP_VAR_CANARY && k == 0
                && space->of[SP_F_ACCOUNT_ID] >= 0)
            {
                sp_theory_sorted(space, i);
            }

            if (a->kind != SP_VAR_CANARY || b->kind != SP_VAR_CANARY) {
                continue;
            }

            x = sp_image_rule(space->policies[a->policy], a->node);
            y = sp_image_rule(space->policies[b->policy], b->node);

            if (x->share < y->share
                && sp_str_eq(sp_image_str(space->policies[a->policy], x->id),
                             sp_image_str(space->policies[b->policy],
                                          y->id)))
            {
                sp_theory_never(space, sp_dd_node(space->dds, i, in),
                                sp_dd_node(space->dds, k, out));
            }
        }
    }
}


/*
 * Accounts that lists name are canaries or not; among those that none names,
 * of which the first candidate is one, there are both.
 */

static void
sp_theory_sorted(sp_space_t *space, unsigned at)
{
    int                 in;
    sp_dd_t            *kids, is[2];
    uint32_t            i;
    sp_str_t            id;
    const sp_var_t     *var;
    const sp_rule_t    *rule;
    const sp_policy_t  *policy;

    var = &space->vars[space->of[SP_F_ACCOUNT_ID]];
    policy = space->policies[space->vars[at].policy];
    rule = sp_image_rule(policy, space->vars[at].node);
    id = sp_image_str(policy, rule->id);

    kids = calloc(2 * (size_t) var->width, sizeof(sp_dd_t));
    if (kids == NULL) {
        space->failed = 1;
        return;
    }

    for (i = 0; i < var->n; i++) {
        in = sp_canary(id, var->cands[i].v[0].u.s, rule->share);
        kids[(uint32_t) in * var->width + var->cands[i].class] = SP_DD_TRUE;

        if (var->cands[i].class == var->cands[0].class) {
            kids[var->cands[i].class] = SP_DD_TRUE;
            kids[var->width + var->cands[i].class] = SP_DD_TRUE;
        }
    }

    for (in = 0; in < 2; in++) {
        is[0] = is[1] = SP_DD_FALSE;
        is[in] = SP_DD_TRUE;

        sp_theory_never(space, sp_dd_node(space->dds, at, is),
                        sp_dd_not(space->dds,
                            sp_dd_node(space->dds,
                                (unsigned) space->of[SP_F_ACCOUNT_ID],
                                kids + (uint32_t) in * var->width)));
    }

    free(kids);
}

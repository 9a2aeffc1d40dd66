
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains names (of models, accounts, keys, plans, tags, lists)
 * such that whatever lists and patterns can tell apart is among them.
 */


#include <stdlib.h>

#include "sp_space.h"


#define SP_NAMES_PAIRS  20000    /* beginnings times ends */
#define SP_NAME_MAX     256


/* The two halves of the patterns: "head*tail". */
typedef struct {
    sp_names_t  heads;
    sp_names_t  tails;
} sp_halves_t;


static void sp_name_add(sp_space_t *space, sp_names_t *names, sp_str_t s);
static void sp_name_globs(sp_space_t *space, const sp_policy_t *policy,
    uint32_t globs, uint32_t n, sp_halves_t *halves);
static void sp_name_catalogue(sp_space_t *space, const sp_policy_t *policy,
    sp_names_t *out, sp_halves_t *halves);
static void sp_name_pairs(sp_space_t *space, const sp_halves_t *halves,
    sp_names_t *out);
static void sp_name_pair(sp_space_t *space, const sp_halves_t *halves,
    sp_str_t head, sp_str_t tail, sp_names_t *out);
static int sp_name_exact(const sp_halves_t *halves, sp_str_t s,
    sp_str_t head, sp_str_t tail);
static void sp_name_overlaps(sp_space_t *space, sp_str_t head, sp_str_t tail,
    sp_names_t *out);
static void sp_name_join(sp_space_t *space, sp_names_t *out, sp_str_t a,
    const char *mid, sp_str_t b, size_t skip);


void
sp_space_names_free(sp_names_t *names)
{
    free(names->names);
    memset(names, 0, sizeof(sp_names_t));
}


void
sp_space_names(sp_space_t *space, int team, sp_names_t *out)
{
    unsigned            p;
    uint32_t            i, k;
    const sp_ref_t     *items;
    const sp_set_t     *set;
    sp_halves_t         halves;
    const sp_rule_t    *rule;
    const sp_node_t    *node;
    const sp_policy_t  *policy;

    memset(&halves, 0, sizeof(halves));

    /* but for models, a name that no list has is the most ordinary */

    if (team < 0 || team != space->team[SP_F_MODEL_ID]) {
        sp_name_pairs(space, &halves, out);
    }

    for (p = 0; p < space->npolicies; p++) {
        policy = space->policies[p];

        if (team >= 0 && team == space->team[SP_F_MODEL_ID]) {
            sp_name_catalogue(space, policy, out, &halves);
        }

        for (i = 0; i < policy->nnodes; i++) {
            node = sp_space_node(space, p, i);

            if (node->set == SP_NO_SET
                || (team >= 0
                    ? ((node->op != SP_OP_NAME && node->op != SP_OP_NAMES)
                       || space->team[node->field] != team)
                    : (node->op != SP_OP_SHARE
                       || node->other != SP_FN_LISTED_SHARE)))
            {
                continue;
            }

            set = sp_image_set(policy, node->set);
            items = sp_image_at(policy, set->items, sp_ref_t);

            for (k = 0; k < set->n; k++) {
                sp_name_add(space, out, sp_image_str(policy, items[k]));
            }

            sp_name_globs(space, policy, set->globs, set->nglobs, &halves);
        }

        for (i = 0; i < policy->nrules; i++) {
            rule = sp_image_rule(policy, i);

            if (team >= 0 && team == space->team[SP_F_ACCOUNT_ID]
                && rule->kind == SP_RULE_EXCEPTION)
            {
                sp_name_add(space, out, sp_image_str(policy, rule->account));
            }
        }
    }

    sp_name_pairs(space, &halves, out);

    sp_space_names_free(&halves.heads);
    sp_space_names_free(&halves.tails);
}


static void
sp_name_add(sp_space_t *space, sp_names_t *names, sp_str_t s)
{
    uint32_t   i;
    sp_str_t  *grown;

    /* long lists hold no twins, short ones are searched */

    for (i = names->n > 64 ? names->n - 64 : 0; i < names->n; i++) {
        if (sp_str_eq(names->names[i], s)) {
            return;
        }
    }

    if (names->n == names->max) {
        grown = realloc(names->names, (2 * (size_t) names->max + 16)
                                      * sizeof(sp_str_t));
        if (grown == NULL) {
            space->failed = 1;
            return;
        }

        names->names = grown;
        names->max = 2 * names->max + 16;
    }

    names->names[names->n++] = s;
}


static void
sp_name_globs(sp_space_t *space, const sp_policy_t *policy, uint32_t globs,
    uint32_t n, sp_halves_t *halves)
{
    uint32_t          i;
    const sp_glob_t  *glob;

    glob = sp_image_at(policy, globs, sp_glob_t);

    for (i = 0; i < n; i++) {
        sp_name_add(space, &halves->heads, sp_image_str(policy, glob[i].head));
        sp_name_add(space, &halves->tails, sp_image_str(policy, glob[i].tail));
    }
}


/* Patterns of the lowest tier first: what most requests ask for. */

static void
sp_name_catalogue(sp_space_t *space, const sp_policy_t *policy,
    sp_names_t *out, sp_halves_t *halves)
{
    uint32_t               i;
    const sp_tier_name_t  *tiers;

    tiers = sp_image_at(policy, policy->tiers, sp_tier_name_t);

    for (i = 0; i < policy->ntiers; i++) {
        sp_name_add(space, out, sp_image_str(policy, tiers[i].name));
    }

    sp_name_globs(space, policy, policy->globs, policy->nglobs, halves);
}


static void
sp_name_pairs(sp_space_t *space, const sp_halves_t *halves, sp_names_t *out)
{
    uint32_t  i, k;

    if ((halves->heads.n + 1) * (halves->tails.n + 1) > SP_NAMES_PAIRS) {
        space->failed = 1;
        return;
    }

    for (i = 0; i <= halves->heads.n; i++) {
        for (k = 0; k <= halves->tails.n; k++) {
            sp_name_pair(space, halves,
                         i < halves->heads.n ? halves->heads.names[i]
                                             : SP_STR(""),
                         k < halves->tails.n ? halves->tails.names[k]
                                             : SP_STR(""), out);
        }
    }
}


/* A name whose longest known beginning and end are these two. */

static void
sp_name_pair(sp_space_t *space, const sp_halves_t *halves, sp_str_t head,
    sp_str_t tail, sp_names_t *out)
{
    size_t    i;
    uint32_t  n, made;

    static const char *const  fills[] = {
        "-1", "-2", "other-1", "other-2", "some_3", "q4", "z5z", "w6", "v7"
    };

    /* a name starts with a letter */

    for (i = head.len ? 0 : 2, made = 0; i < sp_nelts(fills) && made < 3;
         i++)
    {
        n = out->n;
        sp_name_join(space, out, head, fills[i], tail, 0);

        if (out->n == n) {
            made++;

        } else if (sp_name_exact(halves, out->names[n], head, tail)) {
            made++;

        } else {
            out->n = n;
        }
    }

    sp_name_overlaps(space, head, tail, out);

    if (made == 0 && head.len + tail.len + 8 < SP_NAME_MAX) {
        space->failed = 1;
    }
}


static int
sp_name_exact(const sp_halves_t *halves, sp_str_t s, sp_str_t head,
    sp_str_t tail)
{
    uint32_t  i;
    sp_str_t  h;

    for (i = 0; i < halves->heads.n; i++) {
        h = halves->heads.names[i];

        if (h.len > head.len && h.len <= s.len
            && memcmp(h.data, s.data, h.len) == 0)
        {
            return 0;
        }
    }

    for (i = 0; i < halves->tails.n; i++) {
        h = halves->tails.names[i];

        if (h.len > tail.len && h.len <= s.len
            && memcmp(h.data, s.data + s.len - h.len, h.len) == 0)
        {
            return 0;
        }
    }

    return 1;
}


/* Short names, of which one part is of both halves. */

static void
sp_name_overlaps(sp_space_t *space, sp_str_t head, sp_str_t tail,
    sp_names_t *out)
{
    size_t  k;

    for (k = 1; k <= head.len && k <= tail.len; k++) {

        if (memcmp(head.data + head.len - k, tail.data, k) == 0) {
            sp_name_join(space, out, head, "", tail, k);
        }
    }

    if (head.len + tail.len != 0) {
        sp_name_join(space, out, head, "", tail, 0);
    }
}


static void
sp_name_join(sp_space_t *space, sp_names_t *out, sp_str_t a, const char *mid,
    sp_str_t b, size_t skip)
{
    size_t          len, m;
    sp_str_t        s;
    unsigned char  *p;

    m = strlen(mid);
    len = a.len + m + b.len - skip;

    if (len == 0 || len > SP_NAME_MAX) {
        return;
    }

    p = sp_arena_alloc(space->arena, len);
    if (p == NULL) {
        space->failed = 1;
        return;
    }

    if (a.len != 0) {
        memcpy(p, a.data, a.len);
    }

    memcpy(p + a.len, mid, m);

    if (b.len > skip) {
        memcpy(p + a.len + m, b.data + skip, b.len - skip);
    }

    s.data = p;
    s.len = len;
    sp_name_add(space, out, s);
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the model catalogue: names and patterns with a tier, and
 * other names of a model. A whole name beats a pattern, and of patterns the one
 * with the most letters wins, so that the order in which they are written means
 * nothing.
 */


#include <stdlib.h>

#include "sp_policy_load.h"


static void sp_load_tier(sp_load_t *l, const sp_ynode_t *seq, unsigned tier);
static void sp_load_aliases(sp_load_t *l, const sp_ynode_t *map);
static void sp_load_alias(sp_load_t *l, const sp_ynode_t *node);
static void sp_load_aliases_finish(sp_load_t *l);
static int sp_load_alias_order(const void *one, const void *two);
static int sp_load_tier_order(const void *one, const void *two);


void
sp_load_models(sp_load_t *l, const sp_ynode_t *map)
{
    unsigned           tier;
    const sp_ynode_t  *tiers, *seq, *aliases;

    static const char *const  rows[] = { "1", "2", "3" };

    if (sp_value_kind(l, map, SP_Y_MAP, "models") != SP_OK) {
        return;
    }

    (void) sp_value_keys(l, map, SP_K_MODELS);

    aliases = sp_ynode_get(map, "aliases");

    if (aliases != NULL
        && sp_value_kind(l, aliases, SP_Y_MAP, "aliases") == SP_OK)
    {
        sp_load_aliases(l, aliases);
    }

    tiers = sp_ynode_get(map, "tiers");

    if (tiers == NULL
        || sp_value_kind(l, tiers, SP_Y_MAP, "tiers") != SP_OK
        || sp_value_keys(l, tiers, SP_K_TIERS) != SP_OK)
    {
        return;
    }

    for (tier = 1; tier <= SP_TIERS; tier++) {
        seq = sp_ynode_get(tiers, rows[tier - 1]);

        if (seq != NULL) {
            sp_load_tier(l, seq, tier);
        }
    }
}


static void
sp_load_tier(sp_load_t *l, const sp_ynode_t *seq, unsigned tier)
{
    size_t             i, stars;
    sp_str_t           s;
    const sp_ynode_t  *child;

    if (sp_value_kind(l, seq, SP_Y_SEQ, "a tier") != SP_OK) {
        return;
    }

    if (l->tiers == NULL) {
        l->tiers = sp_load_alloc(l, SP_CATALOGUE_MAX * sizeof(sp_ltier_t));
        if (l->tiers == NULL) {
            return;
        }
    }

    for (child = seq->first; child != NULL; child = child->next) {

        if (sp_value_text(l, child, &s) != SP_OK) {
            continue;
        }

        for (i = 0, stars = 0; i < s.len; i++) {
            stars += (s.data[i] == '*');
        }

        if (stars > 1 || s.len > SP_MODEL_NAME_MAX) {
            sp_load_error(l, child, 104, NULL, "a model's name has at most "
                          "%d bytes, and one '*'", SP_MODEL_NAME_MAX);
            continue;
        }

        if (stars == 1 && s.len == 1) {
            sp_load_error(l, child, 104, NULL, "'*' alone would give every "
                          "unknown model a tier");
            continue;
        }

        if (l->ntiers == SP_CATALOGUE_MAX) {
            sp_load_error(l, child, 104, NULL, "more than %d models",
                          SP_CATALOGUE_MAX);
            return;
        }

        l->tiers[l->ntiers].name = s;
        l->tiers[l->ntiers].tier = tier;
        l->tiers[l->ntiers].node = child;
        l->ntiers++;
    }
}


/* Whole names are told from patterns when they are written out. */

static int
sp_load_tier_order(const void *one, const void *two)
{
    int                rc;
    size_t             len;
    const sp_ltier_t  *a = one, *b = two;

    len = a->name.len < b->name.len ? a->name.len : b->name.len;
    rc = memcmp(a->name.data, b->name.data, len);

    return rc ? rc : (a->name.len < b->name.len ? -1
                                                : a->name.len > b->name.len);
}


void
sp_load_models_finish(sp_load_t *l)
{
    size_t  i;

    sp_load_aliases_finish(l);

    if (l->ntiers == 0) {
        return;
    }

    qsort(l->tiers, l->ntiers, sizeof(sp_ltier_t), sp_load_tier_order);

    for (i = 1; i < l->ntiers; i++) {

        if (sp_str_eq(l->tiers[i].name, l->tiers[i - 1].name)) {
            sp_load_error(l, l->tiers[i].node, 106,
                          sp_diag_text("it stands on line %u too",
                                       l->tiers[i - 1].node->line),
                          "model '%.64s' is listed twice",
                          l->tiers[i].name.data);
        }
    }
}


static void
sp_load_aliases(sp_load_t *l, const sp_ynode_t *map)
{
    const sp_ynode_t  *child;

    if (l->aliases == NULL) {
        l->aliases = sp_load_alloc(l, SP_ALIASES_MAX * sizeof(sp_lalias_t));
        if (l->aliases == NULL) {
            return;
        }
    }

    for (child = map->first; child != NULL; child = child->next) {
        sp_load_alias(l, child);
    }
}


static void
sp_load_alias(sp_load_t *l, const sp_ynode_t *node)
{
    size_t    i;
    sp_str_t  names[2];

    if (sp_value_text(l, node->key, &names[0]) != SP_OK
        || sp_value_text(l, node, &names[1]) != SP_OK)
    {
        return;
    }

    for (i = 0; i < 2; i++) {

        if (!sp_model_name_ok(names[i])
            || memchr(names[i].data, '*', names[i].len) != NULL)
        {
            sp_load_error(l, i ? node : node->key, 104, NULL,
                          "'%.64s' is not a model's name", names[i].data);
            return;
        }
    }

    if (l->naliases == SP_ALIASES_MAX) {
        sp_load_error(l, node, 104, NULL, "more than %d aliases",
                      SP_ALIASES_MAX);
        return;
    }

    l->aliases[l->naliases].name = names[0];
    l->aliases[l->naliases].model = names[1];
    l->aliases[l->naliases].node = node;
    l->naliases++;
}


/* One step is all: a name is either an alias or a model. */

static void
sp_load_aliases_finish(sp_load_t *l)
{
    size_t              i, k;
    const sp_lalias_t  *a;

    if (l->naliases == 0) {
        return;
    }

    qsort(l->aliases, l->naliases, sizeof(sp_lalias_t), sp_load_alias_order);

    for (i = 0; i < l->naliases; i++) {
        a = &l->aliases[i];

        if (i != 0 && sp_str_eq(a->name, a[-1].name)) {
            sp_load_error(l, a->node->key, 106,
                          sp_diag_text("it stands on line %u too",
                                       a[-1].node->line),
                          "alias '%.64s' is listed twice", a->name.data);
        }

        for (k = 0; k < l->ntiers; k++) {

            if (sp_str_eq(l->tiers[k].name, a->name)) {
                sp_load_error(l, a->node->key, 106,
                              sp_diag_text("it is a model on line %u",
                                           l->tiers[k].node->line),
                              "'%.64s' is both a model and an alias",
                              a->name.data);
            }
        }

        for (k = 0; k < l->naliases; k++) {

            if (sp_str_eq(l->aliases[k].name, a->model)) {
                sp_load_error(l, a->node, 104,
                              sp_diag_text("write '%.64s'",
                                           l->aliases[k].model.data),
                              "'%.64s' is an alias itself", a->model.data);
            }
        }
    }
}


static int
sp_load_alias_order(const void *one, const void *two)
{
    int                 rc;
    size_t              len;
    const sp_lalias_t  *a = one, *b = two;

    len = a->name.len < b->name.len ? a->name.len : b->name.len;
    rc = memcmp(a->name.data, b->name.data, len);

    return rc ? rc : (a->name.len < b->name.len ? -1
                                                : a->name.len > b->name.len);
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the top of a policy file: what the whole policy has once,
 * and the way to its sections.
 */


#include "sp_policy_load.h"


typedef void (*sp_load_section_pt)(sp_load_t *l, const sp_ynode_t *node);


static void sp_load_scalar(sp_load_t *l, const sp_ynode_t *root,
    const char *key, unsigned which, sp_str_t *dst);
static void sp_load_zone(sp_load_t *l, const sp_ynode_t *root);
static void sp_load_sources(sp_load_t *l, const sp_ynode_t *map);
static void sp_load_stale(sp_load_t *l, const sp_ynode_t *map);


void
sp_load_top(sp_load_t *l, const sp_ynode_t *root, int first)
{
    size_t             i;
    uint64_t           version;
    const sp_ynode_t  *node;

    static const struct {
        const char          *key;
        sp_load_section_pt   read;
    } sections[] = {
        { "facts", sp_load_facts },
        { "customers", sp_load_customers },
        { "sources", sp_load_sources },
        { "stale", sp_load_stale },
        { "lists", sp_load_lists },
        { "models", sp_load_models },
        { "prices", sp_load_prices },
        { "routes", sp_load_routes },
        { "reasons", sp_load_reasons }
    };

    (void) sp_value_keys(l, root, SP_K_FILE);

    node = sp_ynode_get(root, "sallyport");

    if (node != NULL) {
        (void) sp_value_uint(l, node, 1, 1, &version);

    } else if (first) {
        sp_load_error(l, root, 104, sp_diag_text("begin with 'sallyport: 1'"),
                      "the version of the file format is missing");
    }

    sp_load_scalar(l, root, "policy", 0, &l->name);
    sp_load_scalar(l, root, "revision", 1, &l->revision);
    sp_load_scalar(l, root, "owner", 2, &l->owner);
    sp_load_scalar(l, root, "blocked_by", 3, &l->blocked_by);
    sp_load_scalar(l, root, "contact", 5, &l->contact);
    sp_load_scalar(l, root, "appeal", 6, &l->appeal);
    sp_load_scalar(l, root, "legal_basis", 7, &l->legal_basis);
    sp_load_zone(l, root);

    for (i = 0; i < sp_nelts(sections); i++) {
        node = sp_ynode_get(root, sections[i].key);

        if (node != NULL) {
            sections[i].read(l, node);
        }
    }
}


/* A value that the whole policy has once. It goes into headers: ASCII. */

static void
sp_load_scalar(sp_load_t *l, const sp_ynode_t *root, const char *key,
    unsigned which, sp_str_t *dst)
{
    size_t             i;
    sp_str_t           s;
    const sp_ynode_t  *node;

    node = sp_ynode_get(root, key);

    if (node == NULL || sp_value_text(l, node, &s) != SP_OK) {
        return;
    }

    if (l->scalars[which] != NULL) {
        sp_load_error(l, node->key, 106,
                      sp_diag_text("%s:%u says it already",
                                   l->scalars[which]->source->name,
                                   l->scalars[which]->line),
                      "'%s' is said twice", key);
        return;
    }

    l->scalars[which] = node;

    for (i = 0; i < s.len; i++) {

        if (s.data[i] < 0x20 || s.data[i] > 0x7e || s.data[i] == '"'
            || s.data[i] == '<' || s.data[i] == '>' || s.data[i] == '\\')
        {
            break;
        }
    }

    if (i != s.len || s.len > 256) {
        sp_load_error(l, node, 104, NULL, "'%s' has at most 256 characters "
                      "of ASCII, without quotes, '<', '>' and '\\'", key);
        return;
    }

    if (which >= 5 && s.len > 160) {
        sp_load_error(l, node, 104, NULL, "'%s' stands in answers: 160 "
                      "characters at most", key);
        return;
    }

    if (which == 3 && (s.len < 9 || memcmp(s.data, "https://", 8) != 0
                       || memchr(s.data, ' ', s.len) != NULL))
    {
        sp_load_error(l, node, 104, NULL, "'blocked_by' is a URI that starts "
                      "with https://");
        return;
    }

    *dst = s;
}


static void
sp_load_zone(sp_load_t *l, const sp_ynode_t *root)
{
    char               text[32];
    int64_t            utc, local;
    sp_str_t           s;
    const sp_ynode_t  *node;

    node = sp_ynode_get(root, "timezone");

    if (node == NULL || sp_value_text(l, node, &s) != SP_OK) {
        return;
    }

    if (l->scalars[4] != NULL) {
        sp_load_error(l, node->key, 106, NULL, "'timezone' is said twice");
        return;
    }

    l->scalars[4] = node;

    if (sp_str_eq(s, SP_STR("UTC"))) {
        return;
    }

    (void) snprintf(text, sizeof(text), "2000-01-01T00:00:00%.8s", s.data);

    if (s.len != 6 || sp_text_time(sp_cstr(text), 0, 0, &local) != SP_OK
        || sp_text_time(SP_STR("2000-01-01"), 0, 0, &utc) != SP_OK)
    {
        sp_load_error(l, node, 104, sp_diag_text("write UTC or an offset: "
                                                 "+02:00"),
                      "'%.32s' is not a time zone", s.data);
        return;
    }

    l->zone = utc - local;
}


static void
sp_load_sources(sp_load_t *l, const sp_ynode_t *map)
{
    int                i;
    const sp_ynode_t  *node, *age;

    static const char *const  keys[] = { "geoip", "record" };

    if (sp_value_kind(l, map, SP_Y_MAP, "sources") != SP_OK
        || sp_value_keys(l, map, SP_K_SOURCES) != SP_OK)
    {
        return;
    }

    for (i = 0; i < SP_AGED_SOURCES; i++) {
        node = sp_ynode_get(map, keys[i]);

        if (node == NULL
            || sp_value_kind(l, node, SP_Y_MAP, keys[i]) != SP_OK
            || sp_value_keys(l, node, SP_K_SOURCE) != SP_OK)
        {
            continue;
        }

        age = sp_ynode_get(node, "max_age");

        if (l->max_age[i] != -1) {
            sp_load_error(l, node->key, 106, NULL, "'%s' is said twice",
                          keys[i]);

        } else if (age != NULL) {
            (void) sp_value_duration(l, age, &l->max_age[i]);
        }
    }
}


/* {by: model.tier, 1: 60s, 2: 60s, 3: deny} */

static void
sp_load_stale(sp_load_t *l, const sp_ynode_t *map)
{
    int                i;
    sp_str_t           s;
    const sp_ynode_t  *node;

    static const char *const  keys[] = { "by", "1", "2", "3" };

    if (sp_value_kind(l, map, SP_Y_MAP, "stale") != SP_OK
        || sp_value_keys(l, map, SP_K_STALE) != SP_OK)
    {
        return;
    }

    node = sp_ynode_get(map, "by");

    if (node == NULL || sp_value_text(l, node, &s) != SP_OK
        || !sp_str_eq(s, SP_STR("model.tier")) || l->stale[0] != -1)
    {
        sp_load_error(l, map->key, 104, NULL,
                      "'stale' is said once, with 'by: model.tier'");
        return;
    }

    l->stale[0] = INT64_MAX;

    for (i = 1; i <= SP_TIERS; i++) {
        node = sp_ynode_get(map, keys[i]);

        if (node == NULL) {
            sp_load_error(l, map->key, 311, NULL,
                          "the table for model.tier has no row for %d", i);
            continue;
        }

        if (node->kind == SP_Y_SCALAR
            && sp_str_eq(node->text, SP_STR("deny")))
        {
            l->stale[i] = 0;

        } else if (sp_value_duration(l, node, &l->stale[i]) != SP_OK) {
            continue;
        }

        if (l->stale[i] < l->stale[0]) {
            l->stale[0] = l->stale[i];
        }
    }
}

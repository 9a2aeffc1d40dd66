
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains "routes:": which of the API calls that the engine knows
 * are served, and at which paths besides their own. The exacter key counts, so
 * that the order in which they are written means nothing.
 */


#include "sp_policy_load.h"


/* The rows that a key is about. */

typedef struct {
    sp_lsays_t  says;
    int         dialect;     /* or -1 */
    sp_str_t    name;        /* or empty */
} sp_lkey_t;


static void sp_load_route(sp_load_t *l, const sp_ynode_t *node);
static sp_rc_t sp_load_route_key(sp_load_t *l, const sp_ynode_t *key,
    sp_lkey_t *which);
static void sp_load_route_unknown(sp_load_t *l, const sp_ynode_t *key);
static int sp_load_route_is(const sp_lkey_t *which, int route);
static void sp_load_route_open(sp_load_t *l, const sp_ynode_t *node,
    const sp_lkey_t *which);
static void sp_load_route_busy(sp_load_t *l, const sp_ynode_t *node,
    const sp_lkey_t *which);
static void sp_load_route_model(sp_load_t *l, const sp_ynode_t *node,
    const sp_lkey_t *which);
static void sp_load_route_also(sp_load_t *l, const sp_ynode_t *seq,
    const sp_lkey_t *which);
static int sp_load_route_one(sp_load_t *l, const sp_ynode_t *node,
    const sp_lkey_t *which);
static void sp_load_route_path(sp_load_t *l, const sp_ynode_t *node,
    int route);


void
sp_load_routes_init(sp_load_t *l)
{
    int  i;

    for (i = 0; i < sp_route_count(); i++) {
        l->served[i].open = !sp_route(i)->closed;
    }
}


void
sp_load_routes(sp_load_t *l, const sp_ynode_t *map)
{
    const sp_ynode_t  *child;

    if (sp_value_kind(l, map, SP_Y_MAP, "routes") != SP_OK) {
        return;
    }

    for (child = map->first; child != NULL; child = child->next) {

        if (sp_value_kind(l, child, SP_Y_MAP, "a route") == SP_OK) {
            sp_load_route(l, child);
        }
    }
}


static void
sp_load_route(sp_load_t *l, const sp_ynode_t *node)
{
    size_t             i;
    sp_lkey_t          which;
    const sp_ynode_t  *value;

    (void) sp_value_keys(l, node, SP_K_ROUTE);

    if (sp_load_route_key(l, node->key, &which) != SP_OK) {
        return;
    }

    for (i = 0; i < l->nroute_keys; i++) {

        if (sp_str_eq(l->route_keys[i]->text, node->key->text)) {
            sp_load_error(l, node->key, 106,
                          sp_diag_text("%s:%u says it already",
                                       l->route_keys[i]->source->name,
                                       l->route_keys[i]->line),
                          "'%.64s' is said twice", node->key->text.data);
            return;
        }
    }

    if (l->nroute_keys == SP_ROUTE_KEYS_MAX) {
        sp_load_error(l, node->key, 104, NULL, "more than %d routes",
                      SP_ROUTE_KEYS_MAX);
        return;
    }

    l->route_keys[l->nroute_keys++] = node->key;

    value = sp_ynode_get(node, "open");

    if (value != NULL) {
        sp_load_route_open(l, value, &which);
    }

    value = sp_ynode_get(node, "unavailable_status");

    if (value != NULL) {
        sp_load_route_busy(l, value, &which);
    }

    value = sp_ynode_get(node, "model");

    if (value != NULL) {
        sp_load_route_model(l, value, &which);
    }

    value = sp_ynode_get(node, "also");

    if (value != NULL) {
        sp_load_route_also(l, value, &which);
    }
}


/* "all", "gemini", "embeddings" or "azure/embeddings". */

static sp_rc_t
sp_load_route_key(sp_load_t *l, const sp_ynode_t *key, sp_lkey_t *which)
{
    int                   i;
    sp_str_t              word;
    const unsigned char  *slash;

    which->name = key->text;
    which->dialect = -1;
    which->says = SP_SAYS_NAME;

    if (sp_str_eq(key->text, SP_STR("all"))) {
        which->name.len = 0;
        which->says = SP_SAYS_ALL;
        return SP_OK;
    }

    slash = key->text.len ? memchr(key->text.data, '/', key->text.len) : NULL;
    word = key->text;

    if (slash != NULL) {
        word.len = (size_t) (slash - key->text.data);
        which->name.data = slash + 1;
        which->name.len = key->text.len - word.len - 1;
        which->says = SP_SAYS_BOTH;
    }

    i = sp_enum_find(sp_dialect_names, word);

    if (i >= 0) {
        which->dialect = i;

        if (slash == NULL) {
            which->name.len = 0;
            which->says = SP_SAYS_DIALECT;
        }

    } else if (slash != NULL) {
        which->name.len = 0;
        which->dialect = SP_DIALECTS;    /* no row has it */
    }

    for (i = 0; i < sp_route_count(); i++) {

        if (sp_load_route_is(which, i)) {
            return SP_OK;
        }
    }

    sp_load_route_unknown(l, key);

    return SP_ERROR;
}


static void
sp_load_route_unknown(sp_load_t *l, const sp_ynode_t *key)
{
    size_t       n, i;
    const char  *near, *words[SP_ROUTES_MAX + SP_DIALECTS + 1];

    for (n = 0; sp_route_names[n] != NULL; n++) {
        words[n] = sp_route_names[n];
    }

    for (i = 0; i < SP_DIALECT_UNKNOWN; i++) {
        words[n++] = sp_dialect_names[i];
    }

    words[n++] = "all";

    near = sp_load_near(l, key->text, words, n);

    sp_load_error(l, key, 103,
                  near ? sp_diag_text("did you mean '%s'?", near)
                       : sp_diag_text("`sallyport routes` prints them"),
                  "there is no route '%.64s'", key->text.data);
}


static int
sp_load_route_is(const sp_lkey_t *which, int route)
{
    const sp_route_t  *row;

    row = sp_route(route);

    return (which->dialect == -1 || which->dialect == (int) row->dialect)
           && (which->name.len == 0 || sp_str_eq(which->name, row->name));
}


static void
sp_load_route_open(sp_load_t *l, const sp_ynode_t *node,
    const sp_lkey_t *which)
{
    int            i, open;
    sp_lserved_t  *served;

    open = sp_value_of(l, node, SP_K_ROUTE, "open");

    for (i = 0; open >= 0 && i < sp_route_count(); i++) {
        served = &l->served[i];

        /* what ships closed is opened by name */

        if (!sp_load_route_is(which, i) || which->says < served->says_open
            || (open == 0 && which->says < SP_SAYS_NAME
                && sp_route(i)->closed))
        {
            continue;
        }

        served->open = open == 0;
        served->says_open = which->says;
    }
}


static void
sp_load_route_busy(sp_load_t *l, const sp_ynode_t *node,
    const sp_lkey_t *which)
{
    int            i, busy;
    uint64_t       status;
    sp_lserved_t  *served;

    if (sp_value_uint(l, node, 429, 503, &status) != SP_OK) {
        return;
    }

    busy = status == 429;

    if (status != 503 && !busy) {
        sp_load_error(l, node, 104, NULL, "'unavailable_status' is 503 or 429");
        return;
    }

    for (i = 0; i < sp_route_count(); i++) {
        served = &l->served[i];

        if (sp_load_route_is(which, i) && which->says >= served->says_busy) {
            served->busy = busy;
            served->says_busy = which->says;
        }
    }
}


static void
sp_load_route_model(sp_load_t *l, const sp_ynode_t *node,
    const sp_lkey_t *which)
{
    int            i, n;
    sp_str_t       s;
    sp_lserved_t  *served;

    if (sp_value_text(l, node, &s) != SP_OK) {
        return;
    }

    if (!sp_model_name_ok(s) || memchr(s.data, '*', s.len) != NULL) {
        sp_load_error(l, node, 104, NULL, "'%.64s' is not a model's name",
                      s.data);
        return;
    }

    for (i = 0, n = 0; i < sp_route_count(); i++) {
        served = &l->served[i];

        if (!sp_load_route_is(which, i)
            || (sp_route(i)->model != SP_MODEL_REQUIRED
                && sp_route(i)->model != SP_MODEL_OPTIONAL
                && sp_route(i)->model != SP_MODEL_SERVED))
        {
            continue;
        }

        n++;

        if (which->says >= served->says_model) {
            served->model = s;
            served->says_model = which->says;
        }
    }

    if (n == 0) {
        sp_load_error(l, node->key, 104, NULL, "no model can be missing here: "
                      "there is none, or the path names it");
    }
}


static void
sp_load_route_also(sp_load_t *l, const sp_ynode_t *seq,
    const sp_lkey_t *which)
{
    int                route;
    const sp_ynode_t  *child;

    if (sp_value_kind(l, seq, SP_Y_SEQ, "also") != SP_OK) {
        return;
    }

    route = sp_load_route_one(l, seq, which);

    for (child = seq->first; route >= 0 && child != NULL; child = child->next)
    {
        sp_load_route_path(l, child, route);
    }
}


/* A path leads to one row. */

static int
sp_load_route_one(sp_load_t *l, const sp_ynode_t *node,
    const sp_lkey_t *which)
{
    int  i, one, two;

    one = two = -1;

    for (i = 0; i < sp_route_count(); i++) {

        if (sp_load_route_is(which, i)) {
            two = one;
            one = i;

            if (two >= 0) {
                break;
            }
        }
    }

    if (two < 0) {
        return one;
    }

    sp_load_error(l, node->key, 104, which->name.len == 0 ? NULL
                  : sp_diag_text("write %s/%.*s or %s/%.*s",
                                 sp_dialect_names[sp_route(two)->dialect],
                                 (int) which->name.len, which->name.data,
                                 sp_dialect_names[sp_route(one)->dialect],
                                 (int) which->name.len, which->name.data),
                  "a path leads to one route, and here are several");

    return -1;
}


static void
sp_load_route_path(sp_load_t *l, const sp_ynode_t *node, int route)
{
    int                      i;
    size_t                   k;
    sp_str_t                 s;
    const char              *why;
    const sp_route_path_t   *path;

    if (sp_value_text(l, node, &s) != SP_OK) {
        return;
    }

    why = sp_route_pattern_error(s, sp_route(route)->model);

    if (why != NULL) {
        sp_load_error(l, node, 104, sp_diag_text("%s", why),
                      "'%.200s' is not a path of '%s'", s.data,
                      (const char *) sp_route(route)->name.data);
        return;
    }

    for (i = 0; (path = sp_route_path(i)) != NULL; i++) {

        if (sp_str_eq(path->path, s)
            && sp_route(path->route)->method == sp_route(route)->method)
        {
            sp_load_error(l, node, 106, NULL, "'%.200s' is a path of '%s' "
                          "already", s.data,
                          (const char *) sp_route(path->route)->name.data);
            return;
        }
    }

    for (k = 0; k < l->npaths; k++) {

        if (sp_str_eq(l->paths[k].path, s)
            && sp_route(l->paths[k].route)->method == sp_route(route)->method)
        {
            sp_load_error(l, node, 106,
                          sp_diag_text("%s:%u says it already",
                                       l->paths[k].node->source->name,
                                       l->paths[k].node->line),
                          "'%.200s' is said twice", s.data);
            return;
        }
    }

    if (l->npaths == SP_ROUTE_PATHS_MAX) {
        sp_load_error(l, node, 104, NULL, "more than %d paths",
                      SP_ROUTE_PATHS_MAX);
        return;
    }

    l->paths[l->npaths].path = s;
    l->paths[l->npaths].route = route;
    l->paths[l->npaths].node = node;
    l->npaths++;
}

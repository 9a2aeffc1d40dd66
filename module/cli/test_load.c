
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the reading of test files: what one says as a whole, and
 * sets of facts in which a later value takes the place of an earlier one.
 */


#include <stdlib.h>

#include "test.h"


static sp_rc_t sp_test_top(sp_test_file_t *file);
static void sp_test_drop(sp_test_set_t *set, const char *name);


static const char *const  sp_test_tops[] = {
    "sallyport_test", "policy", "now", "base", "cases", "note"
};


sp_rc_t
sp_test_open(sp_test_file_t *file, const char *name)
{
    char     *text;
    size_t    len;
    sp_str_t  s;

    memset(file, 0, sizeof(*file));
    sp_diags_init(&file->diags);
    file->name = name;
    file->arena = sp_arena_create();

    if (file->arena == NULL) {
        sp_cli_error("no memory for '%s'", name);
        return SP_ERROR;
    }

    text = sp_cli_read_file(name, SP_YAML_BYTES, &len);

    if (text == NULL) {
        return SP_ERROR;
    }

    s = (sp_str_t) { len, (unsigned char *) text };

    if (sp_arena_str(file->arena, s, &s) != SP_OK) {
        free(text);
        sp_cli_error("no memory for '%s'", name);
        return SP_ERROR;
    }

    free(text);

    file->root = sp_yaml_parse(&file->source, name, s, file->arena,
                               &file->diags);

    return file->root != NULL ? sp_test_top(file) : SP_ERROR;
}


void
sp_test_close(sp_test_file_t *file)
{
    if (file->arena != NULL) {
        sp_arena_destroy(file->arena);
    }

    sp_diags_free(&file->diags);
    free(file->policy);
}


static sp_rc_t
sp_test_top(sp_test_file_t *file)
{
    size_t             len;
    const char        *slash;
    const sp_ynode_t  *node;

    if (sp_test_keys(file, file->root, "a test file", sp_test_tops,
                     sp_nelts(sp_test_tops))
        != SP_OK)
    {
        return SP_ERROR;
    }

    node = sp_ynode_get(file->root, "sallyport_test");

    if (node == NULL || !sp_str_eq(node->text, SP_STR("1"))) {
        sp_test_error(file, node != NULL ? node : file->root, NULL,
                      "a test file says 'sallyport_test: %d'",
                      SP_TEST_VERSION);
        return SP_ERROR;
    }

    node = sp_ynode_get(file->root, "policy");

    if (node == NULL || node->kind != SP_Y_SCALAR || node->text.len == 0) {
        sp_test_error(file, node != NULL ? node : file->root, NULL,
                      "'policy' is missing: which file is tested?");
        return SP_ERROR;
    }

    /* Relative to the test file, as in an include. */

    slash = node->text.data[0] != '/' ? strrchr(file->name, '/') : NULL;
    len = slash != NULL ? (size_t) (slash - file->name) + 1 : 0;
    file->policy = sp_cli_alloc(len + node->text.len + 1);
    memcpy(file->policy, file->name, len);
    memcpy(file->policy + len, node->text.data, node->text.len);

    node = sp_ynode_get(file->root, "now");

    if (node == NULL) {
        sp_test_error(file, file->root, sp_diag_text("now: "
                      "2026-11-23T12:00:00Z"), "'now' is missing: a test "
                      "gives the same answer on any day");
        return SP_ERROR;
    }

    return sp_test_time(file, node, &file->now);
}


sp_rc_t
sp_test_keys(sp_test_file_t *file, const sp_ynode_t *map, const char *what,
    const char *const *keys, size_t n)
{
    size_t             i;
    const char        *near;
    const sp_ynode_t  *child;

    if (map->kind != SP_Y_MAP) {
        sp_test_error(file, map, NULL, "%s is a mapping", what);
        return SP_ERROR;
    }

    for (child = map->first; child != NULL; child = child->next) {

        for (i = 0; i < n; i++) {
            if (sp_str_eq(child->key->text, sp_cstr(keys[i]))) {
                break;
            }
        }

        if (i == n) {
            near = sp_did_you_mean(child->key->text, keys, n);
            sp_test_error(file, child->key, near != NULL
                          ? sp_diag_text("did you mean '%s'?", near) : NULL,
                          "%s has no '%s'", what, child->key->text.data);
            return SP_ERROR;
        }
    }

    return SP_OK;
}


sp_rc_t
sp_test_time(sp_test_file_t *file, const sp_ynode_t *node, int64_t *when)
{
    if (node->kind == SP_Y_SCALAR
        && sp_cli_time(node->text, file->now, when) == SP_OK)
    {
        return SP_OK;
    }

    sp_test_error(file, node, NULL, "'%.64s' is no time; 2026-12-01, "
                  "2026-12-01T08:00:00Z and unix seconds are",
                  node->kind == SP_Y_SCALAR ? (const char *) node->text.data
                                            : "this");

    return SP_ERROR;
}


const sp_ynode_t *
sp_test_get(const sp_test_set_t *set, const char *name)
{
    size_t  i;

    for (i = 0; i < set->n; i++) {
        if (strcmp(set->names[i], name) == 0) {
            return set->values[i];
        }
    }

    return NULL;
}


sp_rc_t
sp_test_put(sp_test_file_t *file, sp_test_set_t *set, const sp_ynode_t *map)
{
    char              *name;
    size_t             len;
    const sp_ynode_t  *child, *member;

    if (map == NULL) {
        return SP_OK;
    }

    if (map->kind != SP_Y_MAP) {
        sp_test_error(file, map, NULL, "facts are a mapping like "
                      "{ip.country: SG}");
        return SP_ERROR;
    }

    for (child = map->first; child != NULL; child = child->next) {

        if (child->kind != SP_Y_MAP) {
            if (sp_test_put_one(file, set,
                                (const char *) child->key->text.data, child)
                != SP_OK)
            {
                return SP_ERROR;
            }

            continue;
        }

        /* ip: {country: SG} is ip.country: SG */

        for (member = child->first; member != NULL; member = member->next) {
            len = child->key->text.len + member->key->text.len + 2;
            name = sp_arena_alloc(file->arena, len);

            if (name == NULL) {
                sp_test_error(file, member, NULL, "no memory");
                return SP_ERROR;
            }

            (void) snprintf(name, len, "%s.%s", child->key->text.data,
                            member->key->text.data);

            if (sp_test_put_one(file, set, name, member) != SP_OK) {
                return SP_ERROR;
            }
        }
    }

    return SP_OK;
}


/* "account: missing" is instead of all account.*, and the reverse. */

sp_rc_t
sp_test_put_one(sp_test_file_t *file, sp_test_set_t *set, const char *name,
    const sp_ynode_t *value)
{
    size_t       i, len;
    const char  *dot;
    char         group[64];

    dot = strchr(name, '.');
    len = dot != NULL ? (size_t) (dot - name) : strlen(name);

    if (dot == NULL) {
        (void) snprintf(group, sizeof(group), "%s.", name);

        for (i = set->n; i > 0; i--) {
            if (strncmp(set->names[i - 1], group, strlen(group)) == 0) {
                sp_test_drop(set, set->names[i - 1]);
            }
        }

    } else {
        (void) snprintf(group, sizeof(group), "%.*s", (int) len, name);
        sp_test_drop(set, group);
    }

    sp_test_drop(set, name);

    /* a model is named, or one of a tier is taken */

    if (strcmp(name, "model.tier") == 0) {
        sp_test_drop(set, "model.id");

    } else if (strcmp(name, "model.id") == 0 || strcmp(name, "model") == 0) {
        sp_test_drop(set, "model.tier");
        sp_test_drop(set, "model.id");
    }

    if (set->n == SP_TEST_NAMES) {
        sp_test_error(file, value, NULL, "a case has at most %d facts",
                      SP_TEST_NAMES);
        return SP_ERROR;
    }

    set->names[set->n] = name;
    set->values[set->n++] = value;

    return SP_OK;
}


static void
sp_test_drop(sp_test_set_t *set, const char *name)
{
    size_t  i;

    for (i = 0; i < set->n; i++) {
        if (strcmp(set->names[i], name) == 0) {
            set->n--;
            memmove(&set->names[i], &set->names[i + 1],
                    (set->n - i) * sizeof(set->names[0]));
            memmove(&set->values[i], &set->values[i + 1],
                    (set->n - i) * sizeof(set->values[0]));
            return;
        }
    }
}

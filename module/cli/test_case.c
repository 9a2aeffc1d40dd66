
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the cases of a test file, each with the facts and
 * expectations that it has of its own and from above.
 */


#include <stdlib.h>

#include "test.h"


static sp_rc_t sp_test_item(sp_test_file_t *file, sp_test_case_t *one,
    const sp_ynode_t *node);
static sp_rc_t sp_test_burst(sp_test_file_t *file, sp_test_case_t *one,
    const sp_ynode_t *node);
static sp_rc_t sp_test_case(sp_test_file_t *file, const sp_test_case_t *base,
    const sp_ynode_t *node, sp_test_each_pt each, void *ctx);
static sp_rc_t sp_test_each(sp_test_file_t *file, const sp_test_case_t *above,
    const sp_ynode_t *seq, sp_test_each_pt each, void *ctx);
static sp_rc_t sp_test_table(sp_test_file_t *file,
    const sp_test_case_t *above, const sp_ynode_t *table,
    sp_test_each_pt each, void *ctx);
static sp_rc_t sp_test_row(sp_test_file_t *file, sp_test_case_t *one,
    const sp_ynode_t *columns, const sp_ynode_t *row);
static void sp_test_sub(sp_test_case_t *one, const sp_test_case_t *above,
    const sp_ynode_t *node, unsigned number);


static const char *const  sp_test_case_keys[] = {
    "name", "set", "expect", "each", "table", "burst", "now", "note"
};

static const char *const  sp_test_expects[] = {
    "decision", "by", "only", "not", "reason", "status", "match", "flags",
    "throttles", "lifted", "shadow", "excepted", "after"
};


sp_rc_t
sp_test_cases(sp_test_file_t *file, sp_test_each_pt each, void *ctx)
{
    sp_rc_t            rc;
    sp_test_case_t    *base;
    const sp_ynode_t  *cases, *node;

    cases = sp_ynode_get(file->root, "cases");

    if (cases == NULL || cases->kind != SP_Y_SEQ || cases->first == NULL) {
        sp_test_error(file, cases != NULL ? cases : file->root, NULL,
                      "'cases' is a sequence of at least one case");
        return SP_ERROR;
    }

    base = sp_cli_alloc(sizeof(*base));
    base->now = file->now;

    rc = sp_test_put(file, &base->facts, sp_ynode_get(file->root, "base"));
    base->base = &base->facts;

    for (node = cases->first; node != NULL && rc == SP_OK; node = node->next) {
        rc = sp_test_case(file, base, node, each, ctx);
    }

    free(base);

    return rc;
}


/* Takes what one mapping says beside "each" and "table". */

static sp_rc_t
sp_test_item(sp_test_file_t *file, sp_test_case_t *one,
    const sp_ynode_t *node)
{
    const sp_ynode_t  *value;

    if (sp_test_keys(file, node, "a case", sp_test_case_keys,
                     sp_nelts(sp_test_case_keys))
        != SP_OK)
    {
        return SP_ERROR;
    }

    value = sp_ynode_get(node, "now");

    if (value != NULL && sp_test_time(file, value, &one->now) != SP_OK) {
        return SP_ERROR;
    }

    value = sp_ynode_get(node, "burst");

    if (value != NULL && sp_test_burst(file, one, value) != SP_OK) {
        return SP_ERROR;
    }

    if (sp_test_put(file, &one->facts, sp_ynode_get(node, "set")) != SP_OK) {
        return SP_ERROR;
    }

    value = sp_ynode_get(node, "expect");

    if (value == NULL) {
        return SP_OK;
    }

    if (sp_test_keys(file, value, "'expect'", sp_test_expects,
                     sp_nelts(sp_test_expects))
        != SP_OK)
    {
        return SP_ERROR;
    }

    for (value = value->first; value != NULL; value = value->next) {
        if (sp_test_put_one(file, &one->expect,
                            (const char *) value->key->text.data, value)
            != SP_OK)
        {
            return SP_ERROR;
        }
    }

    return SP_OK;
}


static sp_rc_t
sp_test_burst(sp_test_file_t *file, sp_test_case_t *one,
    const sp_ynode_t *node)
{
    const sp_ynode_t  *value;

    static const char *const  keys[] = { "count", "over" };

    if (sp_test_keys(file, node, "'burst'", keys, sp_nelts(keys)) != SP_OK) {
        return SP_ERROR;
    }

    value = sp_ynode_get(node, "count");

    if (value == NULL || value->kind != SP_Y_SCALAR
        || sp_parse_uint(value->text, SP_TEST_BURST, &one->burst) != SP_OK
        || one->burst == 0)
    {
        sp_test_error(file, value != NULL ? value : node, NULL,
                      "'burst' has a 'count' of 1 to %d requests",
                      SP_TEST_BURST);
        return SP_ERROR;
    }

    value = sp_ynode_get(node, "over");
    one->over = 0;

    if (value != NULL
        && (value->kind != SP_Y_SCALAR
            || sp_cli_duration(value->text, &one->over) != SP_OK))
    {
        sp_test_error(file, value, NULL, "'over' is a duration like 10s");
        return SP_ERROR;
    }

    return SP_OK;
}


static sp_rc_t
sp_test_case(sp_test_file_t *file, const sp_test_case_t *base,
    const sp_ynode_t *node, sp_test_each_pt each, void *ctx)
{
    sp_rc_t            rc;
    sp_test_case_t    *one;
    const sp_ynode_t  *name, *items, *table;

    one = sp_cli_alloc(sizeof(*one));
    *one = *base;
    one->node = node;

    rc = sp_test_item(file, one, node);
    name = rc == SP_OK ? sp_ynode_get(node, "name") : NULL;

    if (rc == SP_OK && (name == NULL || name->kind != SP_Y_SCALAR)) {
        sp_test_error(file, node, NULL, "a case has a 'name'");
        rc = SP_ERROR;
    }

    if (rc == SP_OK) {
        (void) snprintf(one->name, sizeof(one->name), "%s", name->text.data);

        items = sp_ynode_get(node, "each");
        table = sp_ynode_get(node, "table");

        if (items != NULL) {
            rc = sp_test_each(file, one, items, each, ctx);

        } else if (table != NULL) {
            rc = sp_test_table(file, one, table, each, ctx);

        } else {
            rc = each(ctx, one);
        }
    }

    free(one);

    return rc;
}


static void
sp_test_sub(sp_test_case_t *one, const sp_test_case_t *above,
    const sp_ynode_t *node, unsigned number)
{
    *one = *above;
    one->node = node;
    (void) snprintf(one->name, sizeof(one->name), "%.200s (%u)", above->name,
                    number);
}


static sp_rc_t
sp_test_each(sp_test_file_t *file, const sp_test_case_t *above,
    const sp_ynode_t *seq, sp_test_each_pt each, void *ctx)
{
    sp_rc_t            rc;
    unsigned           number;
    sp_test_case_t    *one;
    const sp_ynode_t  *node, *name;

    if (seq->kind != SP_Y_SEQ || seq->first == NULL) {
        sp_test_error(file, seq, NULL, "'each' is a sequence of items with "
                      "'set' and 'expect'");
        return SP_ERROR;
    }

    rc = SP_OK;
    number = 0;
    one = sp_cli_alloc(sizeof(*one));

    for (node = seq->first; node != NULL && rc == SP_OK; node = node->next) {
        sp_test_sub(one, above, node, ++number);
        rc = sp_test_item(file, one, node);
        name = rc == SP_OK ? sp_ynode_get(node, "name") : NULL;

        if (name != NULL) {
            (void) snprintf(one->name, sizeof(one->name), "%.120s: %.120s",
                            above->name, name->text.data);
        }

        if (rc == SP_OK) {
            rc = each(ctx, one);
        }
    }

    free(one);

    return rc;
}


static sp_rc_t
sp_test_table(sp_test_file_t *file, const sp_test_case_t *above,
    const sp_ynode_t *table, sp_test_each_pt each, void *ctx)
{
    sp_rc_t            rc;
    unsigned           number;
    sp_test_case_t    *one;
    const sp_ynode_t  *columns, *rows, *row;

    static const char *const  keys[] = { "columns", "rows" };

    if (sp_test_keys(file, table, "'table'", keys, sp_nelts(keys)) != SP_OK) {
        return SP_ERROR;
    }

    columns = sp_ynode_get(table, "columns");
    rows = sp_ynode_get(table, "rows");

    if (columns == NULL || columns->kind != SP_Y_SEQ || columns->n == 0
        || rows == NULL || rows->kind != SP_Y_SEQ || rows->n == 0)
    {
        sp_test_error(file, table, NULL, "'table' has 'columns', names of "
                      "facts and expectations, and 'rows'");
        return SP_ERROR;
    }

    rc = SP_OK;
    number = 0;
    one = sp_cli_alloc(sizeof(*one));

    for (row = rows->first; row != NULL && rc == SP_OK; row = row->next) {
        sp_test_sub(one, above, row, ++number);
        rc = sp_test_row(file, one, columns, row);

        if (rc == SP_OK) {
            rc = each(ctx, one);
        }
    }

    free(one);

    return rc;
}


static sp_rc_t
sp_test_row(sp_test_file_t *file, sp_test_case_t *one,
    const sp_ynode_t *columns, const sp_ynode_t *row)
{
    size_t             i;
    const char        *name;
    sp_test_set_t     *set;
    const sp_ynode_t  *column, *cell;

    if (row->kind != SP_Y_SEQ || row->n != columns->n) {
        sp_test_error(file, row, NULL, "a row has %u cells, as 'columns' has",
                      columns->n);
        return SP_ERROR;
    }

    cell = row->first;

    for (column = columns->first; column != NULL; column = column->next) {
        name = (const char *) column->text.data;
        set = &one->facts;

        for (i = 0; i < sp_nelts(sp_test_expects); i++) {
            if (strcmp(name, sp_test_expects[i]) == 0) {
                set = &one->expect;
            }
        }

        if (strcmp(name, "now") == 0) {
            if (sp_test_time(file, cell, &one->now) != SP_OK) {
                return SP_ERROR;
            }

        } else if (sp_test_put_one(file, set, name, cell) != SP_OK) {
            return SP_ERROR;
        }

        cell = cell->next;
    }

    return SP_OK;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains a record as the store has it, while it is looked at and
 * changed here.
 */


#include <stdlib.h>

#include "store_conn.h"


void
sp_stored_free(sp_stored_t *record)
{
    size_t  i;

    for (i = 0; i < record->n; i++) {
        free((void *) record->pairs[i].name.data);
        free((void *) record->pairs[i].value.data);
    }

    record->n = 0;
}


sp_str_t
sp_stored_get(const sp_stored_t *record, const char *name)
{
    size_t    i;
    sp_str_t  none = { 0, NULL };

    for (i = 0; i < record->n; i++) {
        if (sp_str_eq(record->pairs[i].name, sp_cstr(name))) {
            return record->pairs[i].value;
        }
    }

    return none;
}


void
sp_stored_copy(sp_stored_t *to, const sp_stored_t *from)
{
    size_t      i;
    sp_pair_t  *pair;

    for (i = 0; i < from->n; i++) {
        pair = &to->pairs[i];
        pair->name.len = from->pairs[i].name.len;
        pair->name.data = (unsigned char *) sp_cli_copy(from->pairs[i].name);
        pair->value.len = from->pairs[i].value.len;
        pair->value.data = (unsigned char *) sp_cli_copy(from->pairs[i].value);
    }

    to->n = from->n;
}


sp_rc_t
sp_stored_set(sp_stored_t *record, const char *name, const char *value)
{
    size_t      i;
    sp_pair_t  *pair;

    for (i = 0; i < record->n; i++) {
        if (sp_str_eq(record->pairs[i].name, sp_cstr(name))) {
            break;
        }
    }

    pair = &record->pairs[i];

    if (i < record->n) {
        free((void *) pair->value.data);

        if (value == NULL) {
            free((void *) pair->name.data);
            *pair = record->pairs[--record->n];
            return SP_OK;
        }

    } else {
        if (value == NULL) {
            return SP_OK;
        }

        if (record->n == SP_STORE_FIELDS_MAX) {
            sp_cli_error("a record has at most %d fields",
                         SP_STORE_FIELDS_MAX);
            return SP_ERROR;
        }

        record->n++;
        pair->name.len = strlen(name);
        pair->name.data = (unsigned char *) sp_cli_copy(sp_cstr(name));
    }

    pair->value.len = strlen(value);
    pair->value.data = (unsigned char *) sp_cli_copy(sp_cstr(value));

    return SP_OK;
}


int
sp_stored_changed(const sp_stored_t *before, const sp_stored_t *after)
{
    size_t             i;
    sp_str_t           old;
    const sp_pair_t   *pair;

    for (i = 0; i < after->n; i++) {
        pair = &after->pairs[i];

        if (sp_stored_clerical(pair->name)) {
            continue;
        }

        old = sp_stored_get(before, (const char *) pair->name.data);

        if (old.data == NULL || !sp_str_eq(old, pair->value)) {
            return 1;
        }
    }

    for (i = 0; i < before->n; i++) {
        pair = &before->pairs[i];

        if (!sp_stored_clerical(pair->name)
            && sp_stored_get(after, (const char *) pair->name.data).data
               == NULL)
        {
            return 1;
        }
    }

    return 0;
}


/* What the writer itself notes down is no change. */

int
sp_stored_clerical(sp_str_t name)
{
    return sp_str_eq(name, SP_STR("ver")) || sp_str_eq(name, SP_STR("by"))
           || sp_str_eq(name, SP_STR("why"))
           || sp_str_eq(name, SP_STR("changed_at"));
}

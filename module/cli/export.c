
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport account export`: records as JSON lines, which
 * `account import` reads again.
 */


#include <stdlib.h>

#include "import.h"


typedef struct {
    const char  *kind;
    const char  *prefix;
    size_t       n;
    size_t       odd;       /* that are no UTF-8 */
} sp_export_t;


static sp_rc_t sp_export_one(void *ctx, const char *key,
    const sp_stored_t *record);


static const sp_cli_opt_t  sp_cli_account_export_opts[] = {
    SP_EXPORT_OPTS,
    SP_STORE_OPTS,
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_account_export = {
    "account export",
    "[--all]",
    "Prints the records of all accounts",
    "An object a line: \"kind\" (account), \"id\", and the fields of the record\n"
    "as the store has them, all of them text. `account import` reads it; the\n"
    "fields that a writer sets (ver, by, why, changed_at) it sets anew. With\n"
    "--all keys (by their ids, of which no key can be made) and customers\n"
    "come, too.\n\n"
    "  sallyport account export > accounts.jsonl\n",
    sp_cli_account_export_opts,
    0,
    0,
    sp_cli_account_export_run
};


int
sp_cli_account_export_run(const sp_cli_args_t *args)
{
    size_t       i;
    sp_rc_t      rc;
    sp_store_t  *store;
    sp_export_t  kinds[] = {
        { "key", SP_STORE_KEY_PREFIX, 0, 0 },
        { "account", SP_STORE_ACCOUNT_PREFIX, 0, 0 },
        { "customer", SP_STORE_CUSTOMER_PREFIX, 0, 0 }
    };

    store = sp_store_open(args);

    if (store == NULL) {
        return SP_CLI_REFUSED;
    }

    rc = SP_OK;

    for (i = 0; rc == SP_OK && i < sp_nelts(kinds); i++) {

        if (sp_cli_opt(args, "all") == NULL
            && strcmp(kinds[i].kind, sp_party(args)->word) != 0)
        {
            continue;
        }

        rc = sp_store_each(store, kinds[i].prefix, sp_export_one, &kinds[i]);

        if (kinds[i].odd != 0) {
            sp_cli_error("%zu %s record%s no UTF-8 and left out: they cannot "
                         "be written as JSON", kinds[i].odd, kinds[i].kind,
                         kinds[i].odd == 1 ? " is" : "s are");
            rc = SP_ERROR;
        }
    }

    sp_store_close(store);

    return rc == SP_OK ? SP_CLI_FINE : SP_CLI_REFUSED;
}


static sp_rc_t
sp_export_one(void *ctx, const char *key, const sp_stored_t *record)
{
    size_t        i;
    json_t       *line, *value;
    sp_export_t  *export = ctx;

    line = json_pack("{s:s, s:s}", "kind", export->kind, "id",
                     key + strlen(export->prefix));

    for (i = 0; line != NULL && i < record->n; i++) {
        value = json_stringn((const char *) record->pairs[i].value.data,
                             record->pairs[i].value.len);

        if (value == NULL
            || json_object_set_new(line,
                                   (const char *) record->pairs[i].name.data,
                                   value)
               != 0)
        {
            json_decref(line);
            line = NULL;
        }
    }

    if (line == NULL) {
        export->odd++;
        return SP_OK;
    }

    export->n++;

    if (json_dumpf(line, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER) != 0
        || putchar('\n') == EOF)
    {
        json_decref(line);
        sp_cli_error("standard output cannot be written");
        return SP_ERROR;
    }

    json_decref(line);

    return SP_OK;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport key list` and `key revoke`.
 */


#include <stdlib.h>

#include "key.h"


#define SP_KEY_FOUND_MAX  8    /* shown where a name is not enough */


typedef struct {
    const char    *account;    /* NULL: any */
    const char    *name;       /* NULL: any */
    json_t        *rows;       /* JSON output, or NULL */
    unsigned       n;
    sp_keyname_t   found[SP_KEY_FOUND_MAX];
    char           whose[SP_KEY_FOUND_MAX][SP_ID_LEN + 1];
} sp_key_search_t;


static int sp_cli_key_list_run(const sp_cli_args_t *args);
static sp_rc_t sp_key_list_each(void *ctx, const char *key,
    const sp_stored_t *record);
static int sp_key_wanted(const sp_key_search_t *search,
    const sp_stored_t *record);
static void sp_key_list_cell(const sp_stored_t *record, const char *field,
    int width);
static int sp_cli_key_revoke_run(const sp_cli_args_t *args);
static sp_rc_t sp_key_revoke_find(sp_store_t *store, const sp_cli_args_t *args,
    sp_keyname_t *name);
static sp_rc_t sp_key_revoke_each(void *ctx, const char *key,
    const sp_stored_t *record);
static int sp_key_revoke(sp_store_t *store, const sp_cli_args_t *args,
    const sp_keyname_t *name);


static const sp_cli_opt_t  sp_cli_key_list_opts[] = {
    { "account", "ID", "only keys of this account" },
    { "name", "NAME", "only keys of this name" },
    SP_STORE_OPTS,
    { "format", "text|json", "how to print them (text)" },
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_key_list = {
    "key list",
    "[--account ID] [--name NAME] [--store URL]",
    "Lists the keys that the store knows",
    "By their ids: the keys themselves are not in the store.\n",
    sp_cli_key_list_opts,
    0,
    0,
    sp_cli_key_list_run
};


static const sp_cli_opt_t  sp_cli_key_revoke_opts[] = {
    { "kid", "KID", "the key's id, as `key hash` and `key list` print it" },
    { "name", "NAME", "or its name" },
    { "account", "ID", "and its account, where several have that name" },
    SP_STORE_WAIT_OPT,
    SP_STORE_OPTS,
    SP_STORE_CHANGE_OPTS,
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_key_revoke = {
    "key revoke",
    "--kid KID | --name NAME [--account ID] --by WHO --reason WHY",
    "Revokes a key; gates refuse it as soon as they hear of it",
    "The record stays, with the status 'revoked', so that the key cannot\n"
    "come back. A key that is leaked may be revoked by its id:\n\n"
    "  sallyport key revoke --by jo --reason INC-9 \\\n"
    "      --kid \"$(sallyport key hash < leaked)\"\n",
    sp_cli_key_revoke_opts,
    0,
    0,
    sp_cli_key_revoke_run
};


static int
sp_cli_key_list_run(const sp_cli_args_t *args)
{
    int               json;
    sp_rc_t           rc;
    sp_store_t       *store;
    sp_key_search_t   search;

    json = sp_cli_format(args);

    if (json == -1) {
        return SP_CLI_USAGE;
    }

    memset(&search, 0, sizeof(search));
    search.account = sp_cli_opt(args, "account");
    search.name = sp_cli_opt(args, "name");

    store = sp_store_open(args);

    if (store == NULL) {
        return SP_CLI_REFUSED;
    }

    if (json) {
        search.rows = json_array();

    } else {
        printf("%-32s  %-20s %-20s %-8s %-20s %s\n", "KID", "ACCOUNT", "NAME",
               "STATUS", "EXPIRES", "NETWORKS");
    }

    rc = sp_store_each(store, SP_STORE_KEY_PREFIX, sp_key_list_each, &search);
    sp_store_close(store);

    if (json && rc == SP_OK) {
        rc = sp_cli_json_print(search.rows);

    } else {
        json_decref(search.rows);
    }

    return rc == SP_OK ? SP_CLI_FINE : SP_CLI_REFUSED;
}


static sp_rc_t
sp_key_list_each(void *ctx, const char *key, const sp_stored_t *record)
{
    size_t            i;
    json_t           *row;
    sp_key_search_t  *search = ctx;

    if (!sp_key_wanted(search, record)) {
        return SP_OK;
    }

    key += sizeof(SP_STORE_KEY_PREFIX) - 1;

    if (search->rows == NULL) {
        printf("%-32s ", key);
        sp_key_list_cell(record, "account", 20);
        sp_key_list_cell(record, "name", 20);
        sp_key_list_cell(record, "status", 8);
        sp_key_list_cell(record, "expires_at", 20);
        sp_key_list_cell(record, "networks", 0);
        putchar('\n');
        return SP_OK;
    }

    row = json_object();
    json_object_set_new(row, "kid", json_string(key));

    for (i = 0; i < record->n; i++) {
        json_object_set_new(row, (const char *) record->pairs[i].name.data,
                            sp_cli_json_str(record->pairs[i].value));
    }

    json_array_append_new(search->rows, row);

    return SP_OK;
}


static int
sp_key_wanted(const sp_key_search_t *search, const sp_stored_t *record)
{
    if (search->account != NULL
        && !sp_str_eq(sp_stored_get(record, "account"),
                      sp_cstr(search->account)))
    {
        return 0;
    }

    if (search->name != NULL
        && !sp_str_eq(sp_stored_get(record, "name"), sp_cstr(search->name)))
    {
        return 0;
    }

    return 1;
}


static void
sp_key_list_cell(const sp_stored_t *record, const char *field, int width)
{
    char       words[SP_CLI_TIME_LEN];
    uint64_t   at;
    sp_str_t   value;

    value = sp_stored_get(record, field);

    if (value.data == NULL || value.len == 0) {
        value = SP_STR("-");

    } else if (strcmp(field, "expires_at") == 0
               && sp_parse_uint(value, INT64_MAX, &at) == SP_OK)
    {
        value = sp_cstr(sp_cli_time_text((int64_t) at, words));
    }

    putchar(' ');
    sp_cli_print_safe(stdout, value);

    if (value.len < (size_t) width) {
        printf("%*s", width - (int) value.len, "");
    }
}


static int
sp_cli_key_revoke_run(const sp_cli_args_t *args)
{
    int            rc;
    sp_str_t       kid;
    sp_store_t    *store;
    const char    *by, *why;
    sp_keyname_t   name;
    unsigned char  raw[SP_KID_LEN / 2];

    if (sp_cli_who(args, &by, &why) != SP_OK) {
        return SP_CLI_USAGE;
    }

    if ((sp_cli_opt(args, "kid") == NULL) == (sp_cli_opt(args, "name") == NULL))
    {
        sp_cli_error("which key? --kid KID or --name NAME, one of them");
        return SP_CLI_USAGE;
    }

    memset(&name, 0, sizeof(name));

    if (sp_cli_opt(args, "kid") != NULL) {
        kid = sp_cstr(sp_cli_opt(args, "kid"));

        if (kid.len != SP_KID_LEN || sp_unhex(kid, raw) != SP_OK) {
            sp_cli_error("--kid has %zu characters and is no key id, which "
                         "has %d of 0-9 a-f; `sallyport key hash` makes it "
                         "from a key", kid.len, SP_KID_LEN);
            return SP_CLI_USAGE;
        }

        sp_keyname(&name, kid.data);
    }

    store = sp_store_open(args);

    if (store == NULL) {
        return SP_CLI_REFUSED;
    }

    rc = SP_CLI_REFUSED;

    if (name.kid[0] != '\0' || sp_key_revoke_find(store, args, &name) == SP_OK)
    {
        rc = sp_key_revoke(store, args, &name);
    }

    sp_store_close(store);

    return rc;
}


static sp_rc_t
sp_key_revoke_find(sp_store_t *store, const sp_cli_args_t *args,
    sp_keyname_t *name)
{
    unsigned         i;
    sp_key_search_t  search;

    memset(&search, 0, sizeof(search));
    search.account = sp_cli_opt(args, "account");
    search.name = sp_cli_opt(args, "name");

    if (sp_store_each(store, SP_STORE_KEY_PREFIX, sp_key_revoke_each, &search)
        != SP_OK)
    {
        return SP_ERROR;
    }

    if (search.n == 1) {
        *name = search.found[0];
        return SP_OK;
    }

    if (search.n == 0) {
        sp_cli_error("no key has the name '%s'%s%s", search.name,
                     search.account != NULL ? " and belongs to account " : "",
                     search.account != NULL ? search.account : "");
        return SP_ERROR;
    }

    sp_cli_error("%u keys have the name '%s'; add --account, or give --kid:",
                 search.n, search.name);

    for (i = 0; i < search.n && i < SP_KEY_FOUND_MAX; i++) {
        fprintf(stderr, "  --kid %s  account %s\n", search.found[i].kid,
                search.whose[i]);
    }

    return SP_ERROR;
}


static sp_rc_t
sp_key_revoke_each(void *ctx, const char *key, const sp_stored_t *record)
{
    sp_str_t          account;
    sp_key_search_t  *search = ctx;

    if (!sp_key_wanted(search, record)) {
        return SP_OK;
    }

    key += sizeof(SP_STORE_KEY_PREFIX) - 1;

    if (strlen(key) != SP_KID_LEN) {
        return SP_OK;
    }

    if (search->n < SP_KEY_FOUND_MAX) {
        account = sp_stored_get(record, "account");
        sp_keyname(&search->found[search->n], (const unsigned char *) key);
        (void) snprintf(search->whose[search->n], SP_ID_LEN + 1, "%.*s",
                        (int) account.len, (const char *) account.data);
    }

    search->n++;

    return SP_OK;
}


static int
sp_key_revoke(sp_store_t *store, const sp_cli_args_t *args,
    const sp_keyname_t *name)
{
    int          rc;
    sp_write_t   written;
    sp_stored_t  before, after;

    if (sp_store_read(store, name->redis_key, &before) != SP_OK) {
        sp_stored_free(&before);
        return SP_CLI_REFUSED;
    }

    rc = SP_CLI_REFUSED;
    memset(&after, 0, sizeof(after));
    sp_stored_copy(&after, &before);

    if (before.n == 0) {
        sp_cli_error("the store has no key %s", name->kid);

    } else if (sp_stored_set(&after, "status", "revoked") == SP_OK) {
        written = sp_store_write(store, name->redis_key, &before, &after,
                                 sp_cli_opt(args, "by"),
                                 sp_cli_opt(args, "reason"),
                                 sp_keyrecord_check, NULL);

        if (written == SP_WRITE_SAME || written == SP_WRITE_DONE) {
            rc = sp_store_settled(store, args);
        }

        if (rc != SP_CLI_REFUSED) {
            printf("%s %s\n", name->kid, written == SP_WRITE_SAME
                                         ? "is revoked already" : "revoked");
        }
    }

    sp_stored_free(&before);
    sp_stored_free(&after);

    return rc;
}

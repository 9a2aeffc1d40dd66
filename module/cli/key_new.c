
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport key new` and `key hash`. The key itself is
 * printed once and kept nowhere; the store gets its id.
 */


#include <stdlib.h>
#include <time.h>

#include "key.h"


static int sp_cli_key_new_run(const sp_cli_args_t *args);
static sp_rc_t sp_key_new_record(const sp_cli_args_t *args,
    sp_stored_t *record);
static sp_rc_t sp_key_new_time(const sp_cli_args_t *args, const char *opt,
    const char *field, int64_t now, sp_stored_t *record);
static sp_rc_t sp_key_new_store(const sp_cli_args_t *args,
    const sp_keyname_t *name, sp_stored_t *record);
static sp_rc_t sp_key_new_unused(void *ctx, const char *key,
    const sp_stored_t *record);
static sp_rc_t sp_key_new_print(const sp_cli_args_t *args, const char *key,
    const sp_keyname_t *name, const sp_stored_t *record);
static int sp_cli_key_hash_run(const sp_cli_args_t *args);


static const sp_cli_opt_t  sp_cli_key_new_opts[] = {
    { "account", "ID", "the account that the key belongs to" },
    { "name", "NAME", "what the issuer calls the key; one of its kind" },
    { "expires", "TIME", "90d, or 2027-01-01 (its first second, UTC)" },
    { "not-before", "TIME", "the key is of no use before" },
    { "networks", "CIDR,...", "the key is of no use from elsewhere" },
    { "tiers", "N,...", "only models of these tiers" },
    SP_KEY_PEPPER_OPT,
    SP_STORE_OPTS,
    SP_STORE_CHANGE_OPTS,
    { "format", "text|json", "how to print it (text)" },
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_key_new = {
    "key new",
    "--account ID --name NAME --by WHO --reason WHY [OPTIONS]",
    "Makes an API key, prints it once and stores its id",
    "The key is the only line on standard output. It is stored nowhere: the\n"
    "store keeps a keyed digest, from which it cannot be had back. Its last\n"
    "six characters are a tag, made with the pepper: a mistyped key is seen,\n"
    "and with `sallyport_key_tag required` a guessed one costs the store\n"
    "nothing.\n\n"
    "  sallyport key new --account acme --name ci --expires 90d \\\n"
    "      --networks 203.0.113.0/24 --by jo --reason TICKET-17\n",
    sp_cli_key_new_opts,
    0,
    0,
    sp_cli_key_new_run
};


static const sp_cli_opt_t  sp_cli_key_hash_opts[] = {
    SP_KEY_PEPPER_OPT,
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_key_hash = {
    "key hash",
    "[--pepper FILE] < KEY",
    "Prints the id under which the store knows a key",
    "The key is read from standard input (its first line), so that it is in\n"
    "no list of processes and no history of a shell.\n\n"
    "  sallyport key hash --pepper /etc/sallyport/pepper\n",
    sp_cli_key_hash_opts,
    0,
    0,
    sp_cli_key_hash_run
};


static int
sp_cli_key_new_run(const sp_cli_args_t *args)
{
    char            key[SP_TAGGED_LEN + 1];
    sp_rc_t         rc;
    const char     *by, *why;
    sp_pepper_t     pepper;
    sp_stored_t     record;
    sp_keyname_t    name;
    unsigned char   kid[SP_KID_LEN];

    if (sp_cli_who(args, &by, &why) != SP_OK
        || sp_cli_format(args) == -1
        || sp_cli_id("--account", sp_cli_opt(args, "account")) != SP_OK
        || sp_cli_id("--name", sp_cli_opt(args, "name")) != SP_OK)
    {
        return SP_CLI_USAGE;
    }

    memset(&record, 0, sizeof(record));

    if (sp_key_new_record(args, &record) != SP_OK) {
        sp_stored_free(&record);
        return SP_CLI_USAGE;
    }

    rc = sp_cli_pepper(args, &pepper);

    if (rc == SP_OK) {
        rc = sp_keyform_make(&pepper, key);
    }

    if (rc == SP_OK) {
        sp_kid(&pepper, sp_cstr(key), kid);
        sp_keyname(&name, kid);
        rc = sp_key_new_store(args, &name, &record);
    }

    if (rc == SP_OK) {
        rc = sp_key_new_print(args, key, &name, &record);
    }

    explicit_bzero(key, sizeof(key));
    explicit_bzero(&pepper, sizeof(pepper));
    sp_stored_free(&record);

    return rc == SP_OK ? SP_CLI_FINE : SP_CLI_REFUSED;
}


static sp_rc_t
sp_key_new_record(const sp_cli_args_t *args, sp_stored_t *record)
{
    int64_t      now;
    const char  *networks, *tiers;

    now = (int64_t) time(NULL);
    networks = sp_cli_opt(args, "networks");
    tiers = sp_cli_opt(args, "tiers");

    if (sp_stored_set(record, "v", "1") != SP_OK
        || sp_stored_set(record, "account", sp_cli_opt(args, "account"))
           != SP_OK
        || sp_stored_set(record, "name", sp_cli_opt(args, "name")) != SP_OK
        || sp_stored_set(record, "status", "active") != SP_OK
        || sp_key_new_time(args, "expires", "expires_at", now, record)
           != SP_OK
        || sp_key_new_time(args, "not-before", "not_before", now, record)
           != SP_OK)
    {
        return SP_ERROR;
    }

    if (networks != NULL
        && sp_stored_set(record, "networks", networks) != SP_OK)
    {
        return SP_ERROR;
    }

    if (tiers != NULL && sp_stored_set(record, "tiers", tiers) != SP_OK) {
        return SP_ERROR;
    }

    return SP_OK;
}


/* A plain duration means from now on. */

static sp_rc_t
sp_key_new_time(const sp_cli_args_t *args, const char *opt, const char *field,
    int64_t now, sp_stored_t *record)
{
    char         digits[32], words[SP_CLI_TIME_LEN];
    int64_t      at;
    const char  *text;

    text = sp_cli_opt(args, opt);

    if (text == NULL) {
        return SP_OK;
    }

    if (sp_cli_duration(sp_cstr(text), &at) == SP_OK) {
        at += now;

    } else if (sp_cli_time(sp_cstr(text), now, &at) != SP_OK) {
        sp_cli_error("--%s: '%s' is no time; 90d, 2027-01-01 and "
                     "2027-01-01T08:00:00Z are", opt, text);
        return SP_ERROR;
    }

    if (strcmp(field, "expires_at") == 0 && at <= now) {
        sp_cli_error("--%s: %s is over already", opt,
                     sp_cli_time_text(at, words));
        return SP_ERROR;
    }

    (void) snprintf(digits, sizeof(digits), "%lld", (long long) at);

    return sp_stored_set(record, field, digits);
}


static sp_rc_t
sp_key_new_store(const sp_cli_args_t *args, const sp_keyname_t *name,
    sp_stored_t *record)
{
    int          there;
    sp_rc_t      rc;
    sp_store_t  *store;
    sp_stored_t  before;

    store = sp_store_open(args);

    if (store == NULL) {
        return SP_ERROR;
    }

    rc = SP_ERROR;
    there = sp_cli_account_exists(store, sp_cli_opt(args, "account"));

    if (there == 0) {
        sp_cli_error("there is no account '%s'; `sallyport account set` "
                     "makes it", sp_cli_opt(args, "account"));
    }

    if (there == 1
        && sp_store_each(store, SP_STORE_KEY_PREFIX, sp_key_new_unused, record)
           == SP_OK)
    {
        memset(&before, 0, sizeof(before));

        if (sp_store_write(store, name->redis_key, &before, record,
                           sp_cli_opt(args, "by"), sp_cli_opt(args, "reason"),
                           sp_keyrecord_check, NULL)
            == SP_WRITE_DONE)
        {
            rc = sp_store_durable(store, args);
        }
    }

    sp_store_close(store);

    return rc;
}


/* Two keys of one name could not be told apart by whoever revokes one. */

static sp_rc_t
sp_key_new_unused(void *ctx, const char *key, const sp_stored_t *record)
{
    const sp_stored_t  *fresh = ctx;

    if (!sp_str_eq(sp_stored_get(record, "account"),
                   sp_stored_get(fresh, "account"))
        || !sp_str_eq(sp_stored_get(record, "name"),
                      sp_stored_get(fresh, "name")))
    {
        return SP_OK;
    }

    sp_cli_error("the account has a key of that name already (%s, %s); take "
                 "another name", key + sizeof(SP_STORE_KEY_PREFIX) - 1,
                 (const char *) sp_stored_get(record, "status").data);

    return SP_ERROR;
}


static sp_rc_t
sp_key_new_print(const sp_cli_args_t *args, const char *key,
    const sp_keyname_t *name, const sp_stored_t *record)
{
    char       words[SP_CLI_TIME_LEN];
    int64_t    at;
    sp_str_t   expires;
    json_t    *root;

    expires = sp_stored_get(record, "expires_at");
    at = expires.data != NULL ? atoll((const char *) expires.data) : 0;

    if (sp_cli_format(args) == 1) {
        root = json_pack("{s:s, s:s, s:s, s:s}", "key", key, "kid", name->kid,
                         "account", sp_cli_opt(args, "account"), "name",
                         sp_cli_opt(args, "name"));
        json_object_set_new(root, "expires_at", expires.data != NULL
                            ? json_integer(at) : json_null());

        return sp_cli_json_print(root);
    }

    printf("%s\n", key);
    (void) fflush(stdout);

    fprintf(stderr, "kid %s, account %s, name %s, expires %s\n"
            "This is the only time that the key is shown.\n", name->kid,
            sp_cli_opt(args, "account"), sp_cli_opt(args, "name"),
            expires.data != NULL ? sp_cli_time_text(at, words) : "never");

    return SP_OK;
}


static int
sp_cli_key_hash_run(const sp_cli_args_t *args)
{
    int             rc;
    char           *text;
    size_t          len;
    sp_str_t        key;
    sp_pepper_t     pepper;
    unsigned char   kid[SP_KID_LEN];

    if (sp_cli_pepper(args, &pepper) != SP_OK) {
        return SP_CLI_REFUSED;
    }

    text = sp_cli_read_file("-", 64 * 1024, &len);

    if (text == NULL) {
        return SP_CLI_REFUSED;
    }

    rc = SP_CLI_REFUSED;
    key.data = (unsigned char *) text;
    key.len = strcspn(text, "\r\n");

    if (sp_keyform_usable(key) != SP_OK) {
        sp_cli_error("the first line has %zu bytes and is no API key: 1 to %d "
                     "of A-Z a-z 0-9 . _ ~ + / = : - are", key.len,
                     SP_KEY_MAX);

    } else if (!sp_keyform_fits(&pepper, key)) {
        sp_cli_error("the key begins with " SP_TAGGED_PREFIX " but its tag "
                     "does not fit: it is mistyped, cut off, or of another "
                     "pepper");

    } else {
        sp_kid(&pepper, key, kid);
        printf("%.*s\n", SP_KID_LEN, (char *) kid);
        rc = SP_CLI_FINE;
    }

    explicit_bzero(text, len);
    explicit_bzero(&pepper, sizeof(pepper));
    free(text);

    return rc;
}

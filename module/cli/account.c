
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport account get` and `account set`, and the
 * reading and checking that all account verbs share.
 */


#include <stdlib.h>
#include <time.h>

#include "sp_diag.h"
#include "sp_field.h"

#include "account.h"


static void sp_account_words(const char *name, sp_str_t given);
static void sp_account_print(const sp_party_t *party, const char *id,
    const sp_stored_t *record);
static json_t *sp_account_json(const sp_party_t *party, const char *id,
    const sp_stored_t *record, const sp_record_error_t *error);
static sp_rc_t sp_account_apply(void *ctx, sp_stored_t *record);
static sp_rc_t sp_account_assign(sp_stored_t *record, const char *text);
static sp_rc_t sp_account_unset(sp_stored_t *record, const char *list);
static sp_rc_t sp_account_field(const char *name);
static int sp_account_in(const char *name, const char *const *names, size_t n);


static const sp_cli_opt_t  sp_cli_account_get_opts[] = {
    SP_STORE_OPTS,
    { "format", "text|json", "how to print it (text)" },
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_account_get = {
    "account get",
    "ID [--store URL] [--format text|json]",
    "Prints an account's record and says whether the gate can read it",
    "Exit code 3: the record is there, but invalid, and the gate refuses the\n"
    "account because of it; the field at fault is named.\n",
    sp_cli_account_get_opts,
    1,
    1,
    sp_cli_account_get_run
};


static const sp_cli_opt_t  sp_cli_account_set_opts[] = {
    { "unset", "FIELD,...", "remove these fields" },
    SP_STORE_WAIT_OPT,
    SP_STORE_OPTS,
    SP_STORE_CHANGE_OPTS,
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_account_set = {
    "account set",
    "ID FIELD=VALUE... --by WHO --reason WHY",
    "Changes fields of an account's record, or makes the account",
    "The record as it would be is read by the gate's own code first: one\n"
    "that the gate would refuse is not written. Nothing is written either\n"
    "if nothing changes. Times may be unix seconds, 2027-01-01 (its first\n"
    "second, UTC; expiries are exclusive), 2027-01-01T08:00:00Z, now, +90d\n"
    "or -7d. A field with an empty value (plan=) is removed, but owners=\n"
    "says that nobody is known to own anything.\n\n"
    "  sallyport account set acme type=individual status=verified level=1 \\\n"
    "      verified_at=now expires_at=+365d screening=clear \\\n"
    "      screened_at=now residence=SE --by jo --reason KYC-204\n",
    sp_cli_account_set_opts,
    1,
    SP_CLI_ARGS_MAX,
    sp_cli_account_set_run
};


/* The fields of an account that people set, as the gate's parser has them. */

static const char *const  sp_account_names[] = {
    "v", "type", "status", "level", "verified_at", "expires_at",
    "pending_since", "incorporated", "headquarters", "parent", "residence",
    "use_locations", "accepted_locations", "egress", "billing", "owners",
    "owners_method", "owners_as_of", "owners_floor", "control", "listed",
    "screening", "screened_at", "end_use", "end_use_expires", "resale",
    "linkage", "plan", "tiers", "tags"
};

static const char *const  sp_account_kept[] = {
    "ver", "by", "why", "changed_at", SP_ACCOUNT_WAS
};

static const char *const  sp_account_times[] = {
    "verified_at", "expires_at", "pending_since", "owners_as_of",
    "screened_at", "end_use_expires", "changed_at"
};


sp_rc_t
sp_account_parses(const char *id, const sp_stored_t *record,
    sp_record_error_t *error)
{
    sp_str_t      name;
    sp_account_t  account;

    error->field = NULL;
    error->why = "";

    name = sp_cstr(id);

    if (!sp_id_valid(name)) {
        name = sp_party_name(id);
    }

    return sp_account_parse(&account, name, record->pairs, record->n, error);
}


sp_rc_t
sp_account_check(void *ctx, const sp_stored_t *record)
{
    sp_record_error_t  error;

    if (sp_account_parses(ctx, record, &error) == SP_OK) {
        return SP_OK;
    }

    sp_cli_error("the record of '%s' would be invalid and is not written: "
                 "%s %s", (const char *) ctx, error.field, error.why);
    sp_account_words(error.field, sp_stored_get(record, error.field));

    return SP_ERROR;
}


/* The words that a field takes, where the fact of its name is an enum. */

static void
sp_account_words(const char *name, sp_str_t given)
{
    int                 field;
    char                fact[64];
    size_t              n;
    const char         *near;
    const char *const  *values;

    (void) snprintf(fact, sizeof(fact), "account.%s", name);
    field = sp_field_find(sp_cstr(fact));

    if (field == -1 || given.data == NULL || sp_field(field)->values == NULL) {
        return;
    }

    values = sp_field(field)->values;
    fputs("  its words:", stderr);

    for (n = 0; values[n] != NULL; n++) {
        fprintf(stderr, " %s", values[n]);
    }

    near = sp_did_you_mean(given, values, n);

    if (near != NULL) {
        fprintf(stderr, "; did you mean '%s'?", near);
    }

    fputc('\n', stderr);
}


int
sp_account_change(const sp_cli_args_t *args, sp_account_change_pt change,
    void *ctx)
{
    int           rc;
    char          key[SP_STORE_KEY_MAX];
    const char   *id, *by, *why;
    sp_store_t   *store;
    sp_write_t    written;
    sp_stored_t   before, after;

    id = args->args[0];

    if (sp_cli_who(args, &by, &why) != SP_OK
        || sp_party_id(sp_party(args), id) != SP_OK)
    {
        return SP_CLI_USAGE;
    }

    store = sp_store_open(args);

    if (store == NULL) {
        return SP_CLI_REFUSED;
    }

    rc = SP_CLI_REFUSED;
    (void) snprintf(key, sizeof(key), "%s%s", sp_party(args)->prefix, id);
    memset(&after, 0, sizeof(after));

    if (sp_store_read(store, key, &before) == SP_OK) {
        sp_stored_copy(&after, &before);

        written = change(ctx, &after) != SP_OK ? SP_WRITE_FAILED
                  : sp_store_write(store, key, &before, &after, by, why,
                                   sp_account_check, (void *) id);

        if (written == SP_WRITE_SAME) {
            printf("%s: nothing to change\n", id);
            rc = sp_store_settled(store, args);

        } else if (written == SP_WRITE_DONE) {
            printf("%s: %s\n", id, before.n == 0 ? "made" : "changed");
            sp_account_show_change(&before, &after);
            rc = sp_store_settled(store, args);
        }
    }

    sp_stored_free(&before);
    sp_stored_free(&after);
    sp_store_close(store);

    return rc;
}


int
sp_cli_account_get_run(const sp_cli_args_t *args)
{
    int                 rc, json;
    char                key[SP_STORE_KEY_MAX];
    const char         *id;
    sp_store_t         *store;
    sp_stored_t         record;
    const sp_party_t   *party;
    sp_record_error_t   error;

    id = args->args[0];
    json = sp_cli_format(args);
    party = sp_party(args);

    if (json == -1 || sp_party_id(party, id) != SP_OK) {
        return SP_CLI_USAGE;
    }

    store = sp_store_open(args);

    if (store == NULL) {
        return SP_CLI_REFUSED;
    }

    (void) snprintf(key, sizeof(key), "%s%s", party->prefix, id);
    rc = SP_CLI_REFUSED;
    memset(&error, 0, sizeof(error));

    if (sp_store_read(store, key, &record) != SP_OK) {
        /* void */

    } else if (record.n == 0) {
        sp_cli_error("there is no %s '%s' in the store", party->word, id);

    } else {
        rc = sp_account_parses(id, &record, &error) == SP_OK
             ? SP_CLI_FINE : SP_CLI_DIFFERS;

        if (json && sp_cli_json_print(sp_account_json(party, id, &record,
                                                      &error))
                    != SP_OK)
        {
            rc = SP_CLI_REFUSED;
        }

        if (!json) {
            sp_account_print(party, id, &record);
        }

        if (rc == SP_CLI_DIFFERS) {
            sp_cli_warn("the record is invalid, the gate refuses it: %s %s",
                        error.field, error.why);
        }
    }

    sp_stored_free(&record);
    sp_store_close(store);

    return rc;
}


/* Known fields in their order, then the others as they come. */

static void
sp_account_print(const sp_party_t *party, const char *id,
    const sp_stored_t *record)
{
    size_t       i;
    sp_str_t     value;
    const char  *name;

    printf("%s %s\n", party->word, id);

    for (i = 0; i < sp_nelts(sp_account_names); i++) {
        value = sp_stored_get(record, sp_account_names[i]);
        sp_account_print_field("  ", sp_account_names[i], value);
    }

    for (i = 0; i < sp_nelts(sp_account_kept); i++) {
        value = sp_stored_get(record, sp_account_kept[i]);
        sp_account_print_field("  ", sp_account_kept[i], value);
    }

    for (i = 0; i < record->n; i++) {
        name = (const char *) record->pairs[i].name.data;

        if (!sp_account_in(name, sp_account_names, sp_nelts(sp_account_names))
            && !sp_account_in(name, sp_account_kept,
                              sp_nelts(sp_account_kept)))
        {
            sp_account_print_field("  ", name, record->pairs[i].value);
        }
    }
}


void
sp_account_print_field(const char *indent, const char *name, sp_str_t value)
{
    char       words[SP_CLI_TIME_LEN];
    uint64_t   at;

    if (value.data == NULL) {
        return;
    }

    printf("%s%-20s ", indent, name);
    sp_cli_print_safe(stdout, value);

    if (sp_account_is_time(name)
        && sp_parse_uint(value, INT64_MAX, &at) == SP_OK)
    {
        printf("  (%s)", sp_cli_time_text((int64_t) at, words));
    }

    putchar('\n');
}


static json_t *
sp_account_json(const sp_party_t *party, const char *id,
    const sp_stored_t *record, const sp_record_error_t *error)
{
    size_t   i;
    json_t  *root, *fields;

    fields = json_object();

    for (i = 0; i < record->n; i++) {
        json_object_set_new(fields, (const char *) record->pairs[i].name.data,
                            sp_cli_json_str(record->pairs[i].value));
    }

    root = json_pack("{s:s, s:b, s:o}", party->word, id, "valid",
                     error->field == NULL, "record", fields);

    if (error->field != NULL) {
        json_object_set_new(root, "invalid", json_pack("{s:s, s:s}",
                            "field", error->field, "why", error->why));
    }

    return root;
}


int
sp_cli_account_set_run(const sp_cli_args_t *args)
{
    if (args->nargs == 1 && sp_cli_opt(args, "unset") == NULL) {
        sp_cli_error("nothing to set: FIELD=VALUE after the account");
        return SP_CLI_USAGE;
    }

    return sp_account_change(args, sp_account_apply, (void *) args);
}


static sp_rc_t
sp_account_apply(void *ctx, sp_stored_t *record)
{
    int                   i;
    const char           *unset;
    const sp_cli_args_t  *args = ctx;

    if (record->n == 0 && sp_stored_set(record, "v", "1") != SP_OK) {
        return SP_ERROR;
    }

    for (i = 1; i < args->nargs; i++) {
        if (sp_account_assign(record, args->args[i]) != SP_OK) {
            return SP_ERROR;
        }
    }

    unset = sp_cli_opt(args, "unset");

    return unset != NULL ? sp_account_unset(record, unset) : SP_OK;
}


static sp_rc_t
sp_account_assign(sp_stored_t *record, const char *text)
{
    char         name[64], digits[32];
    size_t       len;
    int64_t      at;
    const char  *value;

    len = strcspn(text, "=");

    if (text[len] != '=' || len == 0 || len >= sizeof(name)) {
        sp_cli_error("'%s' is not FIELD=VALUE", text);
        return SP_ERROR;
    }

    (void) snprintf(name, sizeof(name), "%.*s", (int) len, text);
    value = text + len + 1;

    if (sp_account_field(name) != SP_OK) {
        return SP_ERROR;
    }

    if (value[0] == '\0') {
        return sp_stored_set(record, name, strcmp(name, "owners") == 0
                             ? "" : NULL);
    }

    if (!sp_account_is_time(name)) {
        return sp_stored_set(record, name, value);
    }

    if (sp_cli_time(sp_cstr(value), (int64_t) time(NULL), &at) != SP_OK) {
        sp_cli_error("%s: '%s' is no time; 1798761600, 2027-01-01, "
                     "2027-01-01T08:00:00Z, now and +90d are", name, value);
        return SP_ERROR;
    }

    (void) snprintf(digits, sizeof(digits), "%lld", (long long) at);

    return sp_stored_set(record, name, digits);
}


static sp_rc_t
sp_account_unset(sp_stored_t *record, const char *list)
{
    char     name[64];
    size_t   len;

    for ( ;; ) {
        len = strcspn(list, ",");

        if (len == 0 || len >= sizeof(name)) {
            sp_cli_error("--unset: names of fields with commas between them");
            return SP_ERROR;
        }

        (void) snprintf(name, sizeof(name), "%.*s", (int) len, list);

        if (sp_account_field(name) != SP_OK
            || sp_stored_set(record, name, NULL) != SP_OK)
        {
            return SP_ERROR;
        }

        if (list[len] == '\0') {
            return SP_OK;
        }

        list += len + 1;
    }
}


/* The gate ignores fields that it does not know: a typo must not get there. */

static sp_rc_t
sp_account_field(const char *name)
{
    const char  *why;

    if (sp_account_settable(name, &why)) {
        return SP_OK;
    }

    if (why != NULL) {
        sp_cli_error("%s %s", name, why);
        return SP_ERROR;
    }

    sp_cli_error_near(name, sp_account_names, sp_nelts(sp_account_names),
                      "an account has no field '%s' (fields of your own "
                      "begin with x_)", name);

    return SP_ERROR;
}


int
sp_account_settable(const char *name, const char **why)
{
    *why = NULL;

    if (strncmp(name, "x_", 2) == 0
        || sp_account_in(name, sp_account_names, sp_nelts(sp_account_names)))
    {
        return 1;
    }

    if (sp_account_in(name, sp_account_kept, sp_nelts(sp_account_kept))) {
        *why = "is kept by this command itself";
    }

    return 0;
}


int
sp_account_is_field(const char *name, const char *const **names, size_t *n)
{
    *names = sp_account_names;
    *n = sp_nelts(sp_account_names);

    return strncmp(name, "x_", 2) == 0
           || sp_account_in(name, sp_account_names, sp_nelts(sp_account_names))
           || sp_account_in(name, sp_account_kept, sp_nelts(sp_account_kept));
}


int
sp_account_is_time(const char *name)
{
    return sp_account_in(name, sp_account_times, sp_nelts(sp_account_times));
}


static int
sp_account_in(const char *name, const char *const *names, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (strcmp(name, names[i]) == 0) {
            return 1;
        }
    }

    return 0;
}


void
sp_account_show_change(const sp_stored_t *before, const sp_stored_t *after)
{
    size_t        i;
    sp_str_t      old, value;
    const char   *name;

    for (i = 0; i < before->n; i++) {
        name = (const char *) before->pairs[i].name.data;
        old = before->pairs[i].value;
        value = sp_stored_get(after, name);

        if (value.data == NULL || !sp_str_eq(old, value)) {
            sp_account_print_field("  - ", name, old);
        }
    }

    for (i = 0; i < after->n; i++) {
        name = (const char *) after->pairs[i].name.data;
        value = after->pairs[i].value;
        old = sp_stored_get(before, name);

        if (old.data == NULL || !sp_str_eq(old, value)) {
            sp_account_print_field("  + ", name, value);
        }
    }
}

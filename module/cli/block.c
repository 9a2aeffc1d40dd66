
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport block add`, `block list` and `block remove`:
 * what operators refuse until a time, whatever a policy says.
 */


#include <stdlib.h>
#include <time.h>

#include "sp_block.h"

#include "store.h"


#define SP_BLOCK_KEY_NAME  "sp:data:block"
#define SP_BLOCK_VALUE     768                  /* bytes of one, with its NUL */
#define SP_BLOCK_LEAST     60                   /* seconds of --for */
#define SP_BLOCK_MOST      (90 * 86400)


static int sp_cli_block_add_run(const sp_cli_args_t *args);
static int sp_cli_block_remove_run(const sp_cli_args_t *args);
static int sp_cli_block_list_run(const sp_cli_args_t *args);
static sp_rc_t sp_block_named(const sp_cli_args_t *args,
    char field[SP_BLOCK_NAME + 1]);
static sp_rc_t sp_block_until(const sp_cli_args_t *args, int64_t now,
    int64_t *until);
static sp_rc_t sp_block_value(const sp_cli_args_t *args, const char *field,
    int64_t now, char *value);
static int sp_block_change(const sp_cli_args_t *args, const char *field,
    const char *value, int64_t now);
static sp_rc_t sp_block_sweep(sp_stored_t *record, int64_t now);
static sp_rc_t sp_block_check(void *ctx, const sp_stored_t *record);
static int sp_block_own(sp_str_t field);
static int sp_block_text(const sp_stored_t *record, int64_t now);
static int sp_block_json(const sp_stored_t *record, int64_t now);


static const sp_cli_opt_t  sp_cli_block_add_opts[] = {
    { "for", "DURATION", "how long: 90s, 30m, 24h, 7d (1m to 90d)" },
    SP_STORE_OPTS,
    SP_STORE_CHANGE_OPTS,
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_block_add = {
    "block add",
    "country|network|account|key|model NAME --for 24h --by WHO --reason WHY",
    "Refuses a country, network, account, key or model for a time",
    "On all gates of the store, within their store's ttl, before any rule and\n"
    "whatever the policy says: no exception lifts it. It ends by itself; one\n"
    "without an end there is not. What shall stay is a rule of the policy.\n"
    "A key is meant by its name, as `key list` prints it. Where there is such\n"
    "a block already, this one is in its place. What has ended is cleared\n"
    "away by the next change.\n\n"
    "  sallyport block add country KP --for 24h --by jo --reason INC-7\n"
    "  sallyport block add network 192.0.2.0/24 --for 2h --by jo \\\n"
    "      --reason 'credential stuffing'\n",
    sp_cli_block_add_opts,
    2,
    2,
    sp_cli_block_add_run
};


static const sp_cli_opt_t  sp_cli_block_list_opts[] = {
    SP_STORE_OPTS,
    { "format", "text|json", "how to print them (text)" },
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_block_list = {
    "block list",
    "[--store URL] [--format text|json]",
    "Lists what operators have blocked, until when, who and why",
    "Exit code 3: one of them cannot be read. Then gates stay with the blocks\n"
    "that they read last, and those that never read any refuse everything.\n",
    sp_cli_block_list_opts,
    0,
    0,
    sp_cli_block_list_run
};


static const sp_cli_opt_t  sp_cli_block_remove_opts[] = {
    SP_STORE_OPTS,
    SP_STORE_CHANGE_OPTS,
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_block_remove = {
    "block remove",
    "country|network|account|key|model NAME --by WHO --reason WHY",
    "Ends a block before its time",
    "Gates serve again within their store's ttl what their policies allow.\n\n"
    "  sallyport block remove country KP --by jo --reason INC-7\n",
    sp_cli_block_remove_opts,
    2,
    2,
    sp_cli_block_remove_run
};


static int
sp_cli_block_add_run(const sp_cli_args_t *args)
{
    char     field[SP_BLOCK_NAME + 1], value[SP_BLOCK_VALUE];
    int64_t  now;

    now = (int64_t) time(NULL);

    if (sp_block_named(args, field) != SP_OK
        || sp_block_value(args, field, now, value) != SP_OK)
    {
        return SP_CLI_USAGE;
    }

    return sp_block_change(args, field, value, now);
}


static int
sp_cli_block_remove_run(const sp_cli_args_t *args)
{
    char         field[SP_BLOCK_NAME + 1];
    const char  *by, *why;

    if (sp_block_named(args, field) != SP_OK
        || sp_cli_who(args, &by, &why) != SP_OK)
    {
        return SP_CLI_USAGE;
    }

    return sp_block_change(args, field, NULL, (int64_t) time(NULL));
}


/* The field of the hash that is meant, as a gate would read it. */

static sp_rc_t
sp_block_named(const sp_cli_args_t *args, char field[SP_BLOCK_NAME + 1])
{
    int               i, n;
    const char       *why, *kinds[SP_BLOCK_KINDS];
    sp_block_read_t   read;

    for (i = 0; i < SP_BLOCK_KINDS; i++) {
        kinds[i] = sp_block_kind((sp_block_kind_t) i);
    }

    if (sp_block_kind_find(sp_cstr(args->args[0])) == -1) {
        sp_cli_error_near(args->args[0], kinds, SP_BLOCK_KINDS,
                          "'%s' is nothing that can be blocked: country, "
                          "network, account, key or model is", args->args[0]);
        return SP_ERROR;
    }

    n = snprintf(field, SP_BLOCK_NAME + 1, "%s:%s", args->args[0],
                 args->args[1]);

    if (n > SP_BLOCK_NAME) {
        sp_cli_error("the name of the %s has %zu bytes and is too long",
                     args->args[0], strlen(args->args[1]));
        return SP_ERROR;
    }

    why = sp_block_read(sp_cstr(field), SP_STR("until=1"), &read);

    if (why != NULL) {
        sp_cli_error("'%s' %s", args->args[1], why);
        return SP_ERROR;
    }

    return SP_OK;
}


static sp_rc_t
sp_block_until(const sp_cli_args_t *args, int64_t now, int64_t *until)
{
    int64_t      seconds;
    const char  *text;

    text = sp_cli_opt(args, "for");

    if (text == NULL) {
        sp_cli_error("a block has an end: give --for, such as --for 24h");
        return SP_ERROR;
    }

    if (sp_cli_duration(sp_cstr(text), &seconds) != SP_OK) {
        sp_cli_error("--for: '%s' is no duration; 90s, 30m, 24h and 7d are",
                     text);
        return SP_ERROR;
    }

    if (seconds < SP_BLOCK_LEAST || seconds > SP_BLOCK_MOST) {
        sp_cli_error("--for: %s is not within 1m and 90d; what shall stay is "
                     "a rule of the policy", text);
        return SP_ERROR;
    }

    *until = now + seconds;

    return SP_OK;
}


/* Read back, so that no --by can look like another part of the value. */

static sp_rc_t
sp_block_value(const sp_cli_args_t *args, const char *field, int64_t now,
    char *value)
{
    int               n;
    int64_t           until;
    const char       *by, *why;
    sp_block_read_t   read;

    if (sp_cli_who(args, &by, &why) != SP_OK
        || sp_block_until(args, now, &until) != SP_OK)
    {
        return SP_ERROR;
    }

    n = snprintf(value, SP_BLOCK_VALUE, "until=%lld at=%lld by=%s why=%s",
                 (long long) until, (long long) now, by, why);

    if (n < 0 || n >= SP_BLOCK_VALUE
        || sp_block_read(sp_cstr(field), sp_cstr(value), &read) != NULL
        || !sp_str_eq(read.by, sp_cstr(by))
        || !sp_str_eq(read.why, sp_cstr(why)))
    {
        sp_cli_error("--by: '%s' cannot be told from the reason: leave out "
                     "\" why=\"", by);
        return SP_ERROR;
    }

    return SP_OK;
}


/* "value" NULL: the block is removed. */

static int
sp_block_change(const sp_cli_args_t *args, const char *field,
    const char *value, int64_t now)
{
    int           rc, there;
    sp_store_t   *store;
    sp_write_t    written;
    sp_stored_t   before, after;

    store = sp_store_open(args);

    if (store == NULL) {
        return SP_CLI_REFUSED;
    }

    rc = SP_CLI_REFUSED;
    memset(&after, 0, sizeof(after));

    if (sp_store_read(store, SP_BLOCK_KEY_NAME, &before) == SP_OK) {
        there = sp_stored_get(&before, field).data != NULL;
        sp_stored_copy(&after, &before);

        if (value == NULL && !there) {
            sp_cli_error("there is no block of %s; `sallyport block list` "
                         "prints what there is", field);
            written = SP_WRITE_FAILED;

        } else {
            written = sp_block_sweep(&after, now) != SP_OK
                      || sp_stored_set(&after, field, value) != SP_OK
                      ? SP_WRITE_FAILED
                      : sp_store_write(store, SP_BLOCK_KEY_NAME, &before,
                                       &after, sp_cli_opt(args, "by"),
                                       sp_cli_opt(args, "reason"),
                                       sp_block_check, NULL);
        }

        if (written == SP_WRITE_SAME || written == SP_WRITE_DONE) {
            printf("%s: %s\n", field, value == NULL ? "no longer blocked"
                   : there ? "blocked anew" : "blocked");
            rc = sp_store_durable(store, args) == SP_OK ? SP_CLI_FINE
                                                        : SP_CLI_REFUSED;
        }
    }

    sp_stored_free(&before);
    sp_stored_free(&after);
    sp_store_close(store);

    return rc;
}


/* What is over goes: a hash of many refuses the next that is needed. */

static sp_rc_t
sp_block_sweep(sp_stored_t *record, int64_t now)
{
    size_t            i;
    sp_block_read_t   read;
    const sp_pair_t  *pair;

    for (i = 0; i < record->n; /* void */ ) {
        pair = &record->pairs[i];

        if (sp_block_own(pair->name)
            || sp_block_read(pair->name, pair->value, &read) != NULL
            || read.until > now)
        {
            i++;
            continue;
        }

        if (sp_stored_set(record, (const char *) pair->name.data, NULL)
            != SP_OK)
        {
            return SP_ERROR;
        }
    }

    return SP_OK;
}


static sp_rc_t
sp_block_check(void *ctx, const sp_stored_t *record)
{
    size_t       at, size;
    void        *room;
    sp_rc_t      rc;
    const char  *why;

    (void) ctx;

    size = sp_blocks_room(record->pairs, record->n);
    room = sp_cli_alloc(size);
    rc = sp_blocks_make(room, size, record->pairs, record->n, &at, &why);
    free(room);

    if (rc == SP_OK) {
        return SP_OK;
    }

    if (at < record->n) {
        sp_cli_error("gates could not read the blocks, and nothing is "
                     "written: '%s' %s; HDEL " SP_BLOCK_KEY_NAME " in "
                     "redis-cli removes it",
                     (const char *) record->pairs[at].name.data, why);

    } else {
        sp_cli_error("gates could not read the blocks, and nothing is "
                     "written: the hash %s", why);
    }

    return SP_ERROR;
}


/* 1 for what is kept of the last change of the hash. */

static int
sp_block_own(sp_str_t field)
{
    return field.len == 0 || memchr(field.data, ':', field.len) == NULL;
}


static int
sp_cli_block_list_run(const sp_cli_args_t *args)
{
    int           rc, json;
    int64_t       now;
    sp_store_t   *store;
    sp_stored_t   record;

    json = sp_cli_format(args);

    if (json == -1) {
        return SP_CLI_USAGE;
    }

    store = sp_store_open(args);

    if (store == NULL) {
        return SP_CLI_REFUSED;
    }

    now = (int64_t) time(NULL);

    rc = sp_store_read(store, SP_BLOCK_KEY_NAME, &record) != SP_OK
         ? SP_CLI_REFUSED
         : json ? sp_block_json(&record, now) : sp_block_text(&record, now);

    sp_stored_free(&record);
    sp_store_close(store);

    return rc;
}


static int
sp_block_text(const sp_stored_t *record, int64_t now)
{
    int               rc;
    char              when[SP_CLI_TIME_LEN];
    size_t            i, n;
    const char       *why;
    sp_block_read_t   read;
    const sp_pair_t  *pair;

    rc = SP_CLI_FINE;

    for (i = 0, n = 0; i < record->n; i++) {
        pair = &record->pairs[i];

        if (sp_block_own(pair->name)) {
            continue;
        }

        n++;
        why = sp_block_read(pair->name, pair->value, &read);

        if (why != NULL) {
            sp_cli_warn("'%.*s' cannot be read by a gate: it %s",
                        (int) sp_min(pair->name.len, 80),
                        (const char *) pair->name.data, why);
            rc = SP_CLI_DIFFERS;
            continue;
        }

        sp_cli_print_safe(stdout, pair->name);
        printf("  %s %s  by ", read.until > now ? "until" : "ended",
               sp_cli_time_text(read.until, when));
        sp_cli_print_safe(stdout, read.by.len ? read.by : SP_STR("?"));
        fputs(": ", stdout);
        sp_cli_print_safe(stdout, read.why.len ? read.why : SP_STR("?"));
        putchar('\n');
    }

    if (n == 0) {
        printf("nothing is blocked\n");
    }

    return rc;
}


static int
sp_block_json(const sp_stored_t *record, int64_t now)
{
    int               rc;
    size_t            i;
    json_t           *rows, *row;
    const char       *why;
    sp_block_read_t   read;
    const sp_pair_t  *pair;

    rc = SP_CLI_FINE;
    rows = json_array();

    for (i = 0; i < record->n; i++) {
        pair = &record->pairs[i];

        if (sp_block_own(pair->name)) {
            continue;
        }

        why = sp_block_read(pair->name, pair->value, &read);
        row = json_pack("{s:o}", "field", sp_cli_json_str(pair->name));

        if (why != NULL) {
            json_object_set_new(row, "unreadable", json_string(why));
            rc = SP_CLI_DIFFERS;

        } else {
            json_object_set_new(row, "kind",
                                json_string(sp_block_kind(read.kind)));
            json_object_set_new(row, "name", sp_cli_json_str(read.name));
            json_object_set_new(row, "until", json_integer(read.until));
            json_object_set_new(row, "in_force",
                                json_boolean(read.until > now));
            json_object_set_new(row, "by", sp_cli_json_str(read.by));
            json_object_set_new(row, "why", sp_cli_json_str(read.why));
        }

        json_array_append_new(rows, row);
    }

    return sp_cli_json_print(rows) == SP_OK ? rc : SP_CLI_REFUSED;
}

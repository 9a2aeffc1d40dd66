
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `account import --follow`: a stream of changes, each
 * written as it comes. A line that is wrong must not hold up those behind it:
 * the next one may suspend somebody.
 */


#include <errno.h>
#include <stdlib.h>

#include "import.h"
#include "store_conn.h"


#define SP_FOLLOW_TRIES  3    /* of a record that others write, too */


static sp_rc_t sp_follow_line(const sp_cli_args_t *args, sp_store_t *store,
    sp_rows_t *rows, const char *text, size_t len, unsigned line);
static int sp_follow_op(sp_rows_t *rows, const char *text, size_t len,
    unsigned line);
static sp_rc_t sp_follow_make(const sp_rows_t *rows, int close,
    const sp_stored_t *before, sp_stored_t *after);
static sp_write_t sp_follow_write(const sp_cli_args_t *args,
    sp_store_t *store, const sp_rows_t *rows, int close, int *made);


int
sp_import_follow(const sp_cli_args_t *args, sp_rows_t *rows)
{
    int          rc;
    char        *text;
    size_t       size;
    ssize_t      len;
    unsigned     line;
    sp_store_t  *store;

    store = sp_store_open(args);

    if (store == NULL) {
        return SP_CLI_REFUSED;
    }

    rc = SP_CLI_FINE;
    text = NULL;
    size = 0;

    for (line = 1; (len = getline(&text, &size, stdin)) != -1; line++) {

        if (sp_follow_line(args, store, rows, text, (size_t) len, line)
            != SP_OK)
        {
            rc = SP_CLI_REFUSED;

            if (store->redis->err != 0) {
                sp_cli_error("stopped at line %u: all lines before it were "
                             "dealt with, it and those behind it were not",
                             line);
                break;
            }
        }

        sp_rows_clear(rows);
    }

    if (ferror(stdin)) {
        sp_cli_error("standard input: %s", strerror(errno));
        rc = SP_CLI_REFUSED;
    }

    if (store->redis->err == 0 && sp_store_durable(store, args) != SP_OK) {
        rc = SP_CLI_REFUSED;
    }

    free(text);
    sp_store_close(store);

    return rc;
}


static sp_rc_t
sp_follow_line(const sp_cli_args_t *args, sp_store_t *store, sp_rows_t *rows,
    const char *text, size_t len, unsigned line)
{
    int          close, made;
    sp_rc_t      rc;
    sp_write_t   written;

    rows->errors = 0;
    rc = sp_rows_json_line(rows, text, len, line);

    if (rc != SP_OK) {
        return rc == SP_DECLINED ? SP_OK : SP_ERROR;
    }

    close = sp_follow_op(rows, text, len, line);

    if (close == -1) {
        return SP_ERROR;
    }

    written = sp_follow_write(args, store, rows, close, &made);

    if (written != SP_WRITE_DONE && written != SP_WRITE_SAME) {
        return sp_rows_error(rows, line, 1, "'%s' was not changed",
                             rows->rows[0].id);
    }

    printf("%s: %s\n", rows->rows[0].id,
           written == SP_WRITE_SAME ? "nothing to change"
           : close ? "closed" : made ? "made" : "changed");
    (void) fflush(stdout);

    return SP_OK;
}


/* 1: "op" is "close"; 0: it is "set", or is not there; -1 after a message. */

static int
sp_follow_op(sp_rows_t *rows, const char *text, size_t len, unsigned line)
{
    int          close;
    json_t      *root, *op;
    const char  *word;

    root = json_loadb(text, len, 0, NULL);
    op = json_object_get(root, "op");
    word = op == NULL ? "set" : json_string_value(op);
    word = word != NULL ? word : "";
    close = strcmp(word, "close") == 0;

    if (!close && strcmp(word, "set") != 0) {
        (void) sp_rows_error(rows, line, 1, "\"op\" is \"set\" or \"close\"");
        close = -1;
    }

    if (close == 1 && rows->rows[0].n != 0) {
        (void) sp_rows_error(rows, line, 1, "\"op\": \"close\" takes no "
                             "fields");
        close = -1;
    }

    json_decref(root);

    return close;
}


/* What it would be, if the gate can read that. */

static sp_rc_t
sp_follow_make(const sp_rows_t *rows, int close, const sp_stored_t *before,
    sp_stored_t *after)
{
    if (sp_rows_apply(rows, &rows->rows[0], before, after) != SP_OK
        || (close && sp_stored_set(after, "status", "closed") != SP_OK)
        || (before->n == 0 && sp_stored_set(after, "ver", "1") != SP_OK))
    {
        return SP_ERROR;
    }

    return sp_account_check(rows->rows[0].id, after);
}


static sp_write_t
sp_follow_write(const sp_cli_args_t *args, sp_store_t *store,
    const sp_rows_t *rows, int close, int *made)
{
    int           i;
    char          key[SP_STORE_KEY_MAX];
    sp_write_t    written;
    sp_stored_t   before, after;

    written = SP_WRITE_FAILED;
    (void) snprintf(key, sizeof(key), "%s%s", rows->party->prefix,
                    rows->rows[0].id);

    for (i = 0; i < SP_FOLLOW_TRIES && written == SP_WRITE_FAILED
                && store->redis->err == 0; i++)
    {
        memset(&after, 0, sizeof(after));

        if (sp_store_read(store, key, &before) != SP_OK) {
            return SP_WRITE_FAILED;
        }

        *made = before.n == 0;

        if (close && *made) {
            written = SP_WRITE_SAME;    /* there is nobody to be refused */

        } else if (sp_follow_make(rows, close, &before, &after) != SP_OK) {
            i = SP_FOLLOW_TRIES;

        } else {
            written = sp_store_write(store, key, &before, &after,
                                     sp_cli_opt(args, "by"),
                                     sp_cli_opt(args, "reason"),
                                     sp_account_check, rows->rows[0].id);
        }

        sp_stored_free(&before);
        sp_stored_free(&after);
    }

    return written;
}

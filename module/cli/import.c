
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport account import`: a file is read whole and
 * checked, each record as it would be is read by the gate's own code, what
 * would change is counted, and only then is anything written.
 */


#include <stdlib.h>

#include "import_do.h"
#include "store_conn.h"


#define SP_IMPORT_FILE     ((size_t) 1024 * 1024 * 1024)
#define SP_IMPORT_PERCENT  "2%"


static int sp_import_all(sp_import_t *im);
static int sp_import_is_json(const sp_import_t *im, const char *text);
static sp_rc_t sp_import_plan(sp_import_t *im);
static void sp_import_judge(sp_import_t *im, const sp_row_t *row, size_t i);
static sp_rc_t sp_import_missing(void *ctx, const char *key,
    const sp_stored_t *record);
static sp_rc_t sp_import_bound(sp_import_t *im);


static const sp_cli_opt_t  sp_cli_account_import_opts[] = {
    SP_IMPORT_OPTS,
    SP_STORE_OPTS,
    SP_STORE_CHANGE_OPTS,
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_account_import = {
    "account import",
    "FILE | - --by WHO --reason WHY [OPTIONS]",
    "Brings the accounts of a file into the store",
    "FILE is CSV, whose first line has the names of the fields (and 'id'), or\n"
    "JSON lines: an object a line with \"id\" and fields. What a row does not\n"
    "name stays as it is; an empty value or null removes a field (owners=\"\"\n"
    "says that nobody is known to own anything). Times are written as in\n"
    "`account set`.\n\n"
    "Everything is checked first, each line with its line and column, and\n"
    "nothing is written if anything is wrong. A record that would not change\n"
    "is not written, so the same file may be imported again: also after the\n"
    "store went away in the middle, which is told with what was written.\n\n"
    "--full closes accounts that the file lacks, and stops if more records of\n"
    "the store would change than --max-changes allows. --follow takes JSON\n"
    "lines as they come and writes each at once; {\"id\": \"acme\", \"op\":\n"
    "\"close\"} closes; a line that is wrong is reported and skipped.\n\n"
    "  psql -c \"COPY accounts TO STDOUT (FORMAT csv, HEADER)\" |\n"
    "      sallyport account import - --full --by sync --reason nightly\n",
    sp_cli_account_import_opts,
    1,
    1,
    sp_cli_account_import_run
};


int
sp_cli_account_import_run(const sp_cli_args_t *args)
{
    int            rc;
    const char    *by, *why;
    sp_import_t   *im;

    if (sp_cli_who(args, &by, &why) != SP_OK) {
        return SP_CLI_USAGE;
    }

    if (sp_cli_opt(args, "follow") != NULL
        && (strcmp(args->args[0], "-") != 0 || sp_cli_opt(args, "full") != NULL
            || sp_cli_opt(args, "dry-run") != NULL
            || sp_cli_opt(args, "max-changes") != NULL))
    {
        sp_cli_error("--follow reads standard input (-), and knows no end: no "
                     "--full, --dry-run or --max-changes");
        return SP_CLI_USAGE;
    }

    im = sp_cli_alloc(sizeof(*im));
    memset(im, 0, sizeof(*im));
    im->args = args;
    im->party = sp_party(args);
    im->dry = sp_cli_opt(args, "dry-run") != NULL;
    sp_rows_init(&im->rows, im->party, args->args[0]);

    rc = sp_cli_opt(args, "follow") != NULL
         ? sp_import_follow(args, &im->rows) : sp_import_all(im);

    while (im->ngone != 0) {
        free(im->gone[--im->ngone]);
    }

    sp_store_close(im->store);
    sp_rows_free(&im->rows);
    free(im->gone);
    free(im);

    return rc;
}


static int
sp_import_all(sp_import_t *im)
{
    char     *text;
    size_t    len;
    sp_rc_t   rc;

    text = sp_cli_read_file(im->args->args[0], SP_IMPORT_FILE, &len);

    if (text == NULL) {
        return SP_CLI_REFUSED;
    }

    switch (sp_import_is_json(im, text)) {

    case 1:
        rc = sp_rows_jsonl(&im->rows, text, len);
        break;

    case 0:
        rc = sp_rows_csv(&im->rows, text, len);
        break;

    default:
        free(text);
        return SP_CLI_USAGE;
    }

    if (rc == SP_OK) {
        rc = sp_rows_once(&im->rows);
    }

    if (rc == SP_OK && im->rows.n == 0) {
        sp_cli_error("'%s' has no rows", im->rows.file);
        rc = SP_ERROR;
    }

    if (rc == SP_OK) {
        im->store = sp_store_open(im->args);
        rc = im->store != NULL ? sp_import_plan(im) : SP_ERROR;
    }

    if (im->rows.errors != 0) {
        sp_cli_error("%u error%s in '%s'; nothing was written",
                     im->rows.errors, im->rows.errors == 1 ? "" : "s",
                     im->rows.file);
    }

    if (rc == SP_OK && im->dry) {
        sp_import_say(&im->would, "would be: ");

    } else if (rc == SP_OK) {
        rc = sp_import_write(im);

        if (rc == SP_OK) {
            rc = sp_store_durable(im->store, im->args);
        }
    }

    free(text);

    return rc == SP_OK ? SP_CLI_FINE : SP_CLI_REFUSED;
}


/* An object begins each line; -1 after a message. */

static int
sp_import_is_json(const sp_import_t *im, const char *text)
{
    const char  *format;

    format = sp_cli_opt(im->args, "format");

    if (format == NULL) {
        return text[strspn(text, " \r\n")] == '{';
    }

    if (strcmp(format, "csv") == 0 || strcmp(format, "jsonl") == 0) {
        return strcmp(format, "jsonl") == 0;
    }

    sp_cli_error("--format: csv or jsonl, not '%s'", format);

    return -1;
}


/* Reads what the store has of a batch, and makes of it what it would be. */

sp_rc_t
sp_import_batch(sp_import_t *im, const sp_row_t *rows, size_t n)
{
    size_t   i;
    sp_rc_t  rc;
    char     key[SP_STORE_KEY_MAX];

    for (i = 0; i < n; i++) {
        (void) snprintf(key, sizeof(key), "%s%s", im->party->prefix,
                        rows[i].id);
        im->keys[i] = sp_cli_copy(sp_cstr(key));
    }

    memset(im->after, 0, n * sizeof(sp_stored_t));
    rc = sp_store_read_many(im->store, im->keys, n, im->before);

    for (i = 0; rc == SP_OK && i < n; i++) {
        rc = sp_rows_apply(&im->rows, &rows[i], &im->before[i],
                           &im->after[i]);
    }

    return rc;
}


void
sp_import_forget(sp_import_t *im, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        free(im->keys[i]);
        sp_stored_free(&im->before[i]);
        sp_stored_free(&im->after[i]);
    }
}


/* Nothing is written here. SP_ERROR after messages. */

static sp_rc_t
sp_import_plan(sp_import_t *im)
{
    size_t       at, n, i;
    sp_rc_t      rc;
    const char  *max;

    rc = SP_OK;

    for (at = 0; rc == SP_OK && at < im->rows.n; at += n) {
        n = sp_min(im->rows.n - at, SP_IMPORT_BATCH);
        rc = sp_import_batch(im, &im->rows.rows[at], n);

        for (i = 0; rc == SP_OK && i < n; i++) {
            sp_import_judge(im, &im->rows.rows[at + i], i);
        }

        sp_import_forget(im, n);
        sp_progress("checked", at + n, im->rows.n);
    }

    max = sp_cli_opt(im->args, "max-changes");

    if (rc == SP_OK && (max != NULL || sp_cli_opt(im->args, "full") != NULL)) {
        rc = sp_store_each(im->store, im->party->prefix, sp_import_missing,
                           im);
    }

    if (rc != SP_OK || im->rows.errors != 0) {
        return SP_ERROR;
    }

    return sp_import_bound(im);
}


static void
sp_import_judge(sp_import_t *im, const sp_row_t *row, size_t i)
{
    sp_record_error_t  error;

    if (sp_stored_get(&im->after[i], "ver").data == NULL) {
        (void) sp_stored_set(&im->after[i], "ver", "1");
    }

    if (!sp_stored_changed(&im->before[i], &im->after[i])) {
        im->would.same++;
        return;
    }

    if (sp_account_parses(row->id, &im->after[i], &error) != SP_OK) {
        (void) sp_rows_error(&im->rows, row->line, 1, "the record of '%s' "
                             "would be invalid: %s %s", row->id, error.field,
                             error.why);
        return;
    }

    im->would.made += im->before[i].n == 0;
    im->would.changed += im->before[i].n != 0;

    if (im->dry) {
        printf("%s: would be %s\n", row->id,
               im->before[i].n == 0 ? "made" : "changed");
        sp_account_show_change(&im->before[i], &im->after[i]);
    }
}


/* Counts what the store has, and notes what the file does not. */

static sp_rc_t
sp_import_missing(void *ctx, const char *key, const sp_stored_t *record)
{
    char         **gone;
    const char    *id;
    sp_import_t   *im = ctx;

    im->would.total++;
    id = key + strlen(im->party->prefix);

    if (sp_cli_opt(im->args, "full") == NULL || sp_rows_has(&im->rows, id)
        || sp_str_eq(sp_stored_get(record, "status"), SP_STR("closed")))
    {
        return SP_OK;
    }

    if (im->ngone == im->gone_room) {
        im->gone_room = im->gone_room != 0 ? 2 * im->gone_room : 64;
        gone = realloc(im->gone, im->gone_room * sizeof(char *));

        if (gone == NULL) {
            sp_cli_error("no memory for %zu accounts", im->gone_room);
            return SP_ERROR;
        }

        im->gone = gone;
    }

    im->gone[im->ngone++] = sp_cli_copy(sp_cstr(id));
    im->would.closed++;

    if (im->dry) {
        printf("%s: would be closed, the file does not have it\n", id);
    }

    return SP_OK;
}


/* What is new in the store changes nobody. */

static sp_rc_t
sp_import_bound(sp_import_t *im)
{
    char         digits[24];
    size_t       len, changes;
    uint64_t     most;
    const char  *max;

    max = sp_cli_opt(im->args, "max-changes");

    if (max == NULL) {
        if (sp_cli_opt(im->args, "full") == NULL) {
            return SP_OK;
        }

        max = SP_IMPORT_PERCENT;
    }

    len = strlen(max);
    (void) snprintf(digits, sizeof(digits), "%s", max);

    if (len != 0 && len < sizeof(digits) && max[len - 1] == '%') {
        digits[len - 1] = '\0';
    }

    if (sp_cli_number("--max-changes", digits, UINT32_MAX, &most) != SP_OK) {
        return SP_ERROR;
    }

    if (len != 0 && max[len - 1] == '%') {
        most = most * im->would.total / 100;
    }

    changes = im->would.changed + im->would.closed;

    if (changes <= most) {
        return SP_OK;
    }

    sp_import_say(&im->would, "would be: ");
    sp_cli_error("%zu of the %zu records in the store would change, "
                 "--max-changes %s allows %llu; nothing was written", changes,
                 im->would.total, max, (unsigned long long) most);

    return SP_ERROR;
}

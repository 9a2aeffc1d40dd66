
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the rows of an import: where they are kept, and what is
 * checked of each before the store is asked.
 */


#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "sp_diag.h"

#include "import.h"


#define SP_ROWS_SHOWN   20          /* messages; more are counted */
#define SP_ROWS_CHUNK   (64 * 1024)
#define SP_BAR          30


struct sp_chunk_s {
    sp_chunk_t  *next;
    size_t       used, size;
    char         text[];
};


static void *sp_rows_grow(void *items, size_t n, size_t *room, size_t size);
static void sp_rows_chunks(sp_rows_t *rows);
static int sp_rows_by_id(const void *a, const void *b);


void
sp_rows_init(sp_rows_t *rows, const sp_party_t *party, const char *file)
{
    memset(rows, 0, sizeof(*rows));
    rows->party = party;
    rows->file = strcmp(file, "-") == 0 ? "standard input" : file;
    rows->now = (int64_t) time(NULL);
}


void
sp_rows_clear(sp_rows_t *rows)
{
    sp_rows_chunks(rows);
    rows->n = 0;
    rows->npairs = 0;
}


void
sp_rows_free(sp_rows_t *rows)
{
    sp_rows_chunks(rows);
    free(rows->rows);
    free(rows->pairs);
}


static void
sp_rows_chunks(sp_rows_t *rows)
{
    sp_chunk_t  *chunk;

    while (rows->chunks != NULL) {
        chunk = rows->chunks;
        rows->chunks = chunk->next;
        free(chunk);
    }
}


sp_rc_t
sp_rows_error(sp_rows_t *rows, unsigned line, unsigned col, const char *fmt,
    ...)
{
    char     text[512];
    va_list  args;

    if (++rows->errors > SP_ROWS_SHOWN) {
        return SP_ERROR;
    }

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    fprintf(stderr, "%s:%u:%u: ", rows->file, line, col);
    sp_cli_print_safe(stderr, sp_cstr(text));
    fputc('\n', stderr);

    return SP_ERROR;
}


char *
sp_rows_text(sp_rows_t *rows, const char *text, size_t len)
{
    char        *p;
    size_t       size;
    sp_chunk_t  *chunk;

    chunk = rows->chunks;

    if (chunk == NULL || chunk->size - chunk->used <= len) {
        size = sp_max(len + 1, SP_ROWS_CHUNK);
        chunk = sp_cli_alloc(sizeof(sp_chunk_t) + size);
        chunk->next = rows->chunks;
        chunk->used = 0;
        chunk->size = size;
        rows->chunks = chunk;
    }

    p = chunk->text + chunk->used;
    memcpy(p, text, len);
    p[len] = '\0';
    chunk->used += len + 1;

    return p;
}


static void *
sp_rows_grow(void *items, size_t n, size_t *room, size_t size)
{
    if (n < *room) {
        return items;
    }

    *room = *room != 0 ? 2 * *room : 256;
    items = realloc(items, *room * size);

    if (items == NULL) {
        sp_cli_error("no memory for %zu rows", *room);
        exit(SP_CLI_REFUSED);
    }

    return items;
}


sp_rc_t
sp_rows_add(sp_rows_t *rows, unsigned line, unsigned col, char *id)
{
    sp_row_t  *row;

    if (!sp_party_id_valid(rows->party, id)) {
        return sp_rows_error(rows, line, col, "'%.140s' is no id of %s: %s",
                             id, rows->party->customer ? "a customer"
                                                       : "an account",
                             rows->party->customer
                             ? "RESELLER:CUSTOMER, each 1 to 64 of "
                               "A-Z a-z 0-9 . _ @ -"
                             : "1 to 64 of A-Z a-z 0-9 . _ : @ -");
    }

    rows->rows = sp_rows_grow(rows->rows, rows->n, &rows->room,
                              sizeof(sp_row_t));
    row = &rows->rows[rows->n++];
    row->id = id;
    row->line = line;
    row->first = rows->npairs;
    row->n = 0;

    return SP_OK;
}


sp_rc_t
sp_rows_name(sp_rows_t *rows, unsigned line, unsigned col, const char *name)
{
    size_t              n;
    const char         *why, *near;
    const char *const  *names;

    if (sp_account_settable(name, &why)) {
        return SP_OK;
    }

    if (why != NULL) {
        return sp_rows_error(rows, line, col, "'%s' %s", name, why);
    }

    (void) sp_account_is_field(name, &names, &n);
    near = sp_did_you_mean(sp_cstr(name), names, n);

    return sp_rows_error(rows, line, col, "a record has no field '%.64s'%s%s%s",
                         name, near != NULL ? "; did you mean '" : "",
                         near != NULL ? near : " (fields of your own begin "
                         "with x_)", near != NULL ? "'?" : "");
}


sp_rc_t
sp_rows_field(sp_rows_t *rows, unsigned line, unsigned col, const char *name,
    char *value)
{
    char        digits[32];
    int64_t     at;
    sp_row_t   *row;
    sp_pair_t  *pair;

    if (value != NULL && value[0] == '\0' && strcmp(name, "owners") != 0) {
        value = NULL;
    }

    if (value != NULL && sp_account_is_time(name)) {

        if (sp_cli_time(sp_cstr(value), rows->now, &at) != SP_OK) {
            return sp_rows_error(rows, line, col, "%s: '%.40s' is no time; "
                                 "1798761600, 2027-01-01, "
                                 "2027-01-01T08:00:00Z, now and +90d are",
                                 name, value);
        }

        (void) snprintf(digits, sizeof(digits), "%lld", (long long) at);
        value = sp_rows_text(rows, digits, strlen(digits));
    }

    rows->pairs = sp_rows_grow(rows->pairs, rows->npairs, &rows->pairs_room,
                               sizeof(sp_pair_t));
    pair = &rows->pairs[rows->npairs++];
    pair->name = sp_cstr(name);
    pair->value.data = (unsigned char *) value;
    pair->value.len = value != NULL ? strlen(value) : 0;

    row = &rows->rows[rows->n - 1];
    row->n++;

    return SP_OK;
}


sp_rc_t
sp_rows_once(sp_rows_t *rows)
{
    size_t  i;

    if (rows->n != 0) {
        qsort(rows->rows, rows->n, sizeof(sp_row_t), sp_rows_by_id);
    }

    for (i = 1; i < rows->n; i++) {

        if (strcmp(rows->rows[i].id, rows->rows[i - 1].id) == 0) {
            (void) sp_rows_error(rows, rows->rows[i].line, 1,
                                 "'%s' stands on line %u already",
                                 rows->rows[i].id, rows->rows[i - 1].line);
        }
    }

    return rows->errors == 0 ? SP_OK : SP_ERROR;
}


static int
sp_rows_by_id(const void *a, const void *b)
{
    int               order;
    const sp_row_t   *one = a, *two = b;

    order = strcmp(one->id, two->id);

    return order != 0 ? order
           : one->line < two->line ? -1 : one->line > two->line;
}


int
sp_rows_has(const sp_rows_t *rows, const char *id)
{
    int     order;
    size_t  low, high, mid;

    low = 0;
    high = rows->n;

    while (low < high) {
        mid = low + (high - low) / 2;
        order = strcmp(rows->rows[mid].id, id);

        if (order == 0) {
            return 1;
        }

        if (order < 0) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    return 0;
}


sp_rc_t
sp_rows_apply(const sp_rows_t *rows, const sp_row_t *row,
    const sp_stored_t *before, sp_stored_t *after)
{
    size_t            i;
    const sp_pair_t  *pair;

    sp_stored_copy(after, before);

    if (before->n == 0 && sp_stored_set(after, "v", "1") != SP_OK) {
        return SP_ERROR;
    }

    for (i = 0; i < row->n; i++) {
        pair = &rows->pairs[row->first + i];

        if (sp_stored_set(after, (const char *) pair->name.data,
                          (const char *) pair->value.data)
            != SP_OK)
        {
            return SP_ERROR;
        }
    }

    return SP_OK;
}


void
sp_progress(const char *what, size_t done, size_t total)
{
    int          full;
    static int   tty = -1;

    if (tty == -1) {
        tty = isatty(STDERR_FILENO);
    }

    if (!tty || total == 0) {
        return;
    }

    full = (int) (done * SP_BAR / total);

    fprintf(stderr, "\r%-9s [%.*s%.*s] %zu of %zu%s", what, full,
            "##############################", SP_BAR - full,
            "..............................", done, total,
            done == total ? "\n" : "");
    (void) fflush(stderr);
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the reading of an import: CSV as RFC 4180 and PostgreSQL
 * write it, and JSON lines. Every line is read, whatever is wrong with others.
 */


#include <stdlib.h>

#include "import.h"


#define SP_CSV_COLUMNS  128
#define SP_JSON_JOINED  4096    /* bytes of a list */


typedef struct {
    sp_rows_t   *rows;
    char        *p;             /* the next byte */
    char        *end;
    char        *begin;         /* of the line that p is on */
    unsigned     line;
    unsigned     at_line;       /* of the value that was read last */
    unsigned     at_col;
    int          quoted;        /* it had quotes */
    int          last;          /* a line ended behind it, or the file */
} sp_csv_t;


static sp_rc_t sp_csv_value(sp_csv_t *csv, char **value);
static sp_rc_t sp_csv_quoted(sp_csv_t *csv, char **to);
static void sp_csv_newline(sp_csv_t *csv);
static void sp_csv_skip(sp_csv_t *csv);
static int sp_csv_header(sp_csv_t *csv, const char **names, int *id);
static void sp_csv_row(sp_csv_t *csv, const char *const *names, int n, int id);
static sp_rc_t sp_json_members(sp_rows_t *rows, json_t *root, unsigned line,
    const char *text, size_t len);
static unsigned sp_json_col(const char *text, size_t len, const char *name);
static sp_rc_t sp_json_value_text(sp_rows_t *rows, unsigned line,
    unsigned col, const char *name, json_t *value, char **text);


/* The first line has the names of the columns; "id" is one of them. */

sp_rc_t
sp_rows_csv(sp_rows_t *rows, char *text, size_t len)
{
    int          n, id;
    sp_csv_t     csv;
    const char  *names[SP_CSV_COLUMNS];

    memset(&csv, 0, sizeof(csv));
    csv.rows = rows;
    csv.p = csv.begin = text;
    csv.end = text + len;
    csv.line = 1;

    n = sp_csv_header(&csv, names, &id);

    while (n > 0 && csv.p < csv.end) {

        if (*csv.p == '\n' || *csv.p == '\r') {
            sp_csv_newline(&csv);
            continue;
        }

        sp_csv_row(&csv, names, n, id);
    }

    return rows->errors == 0 ? SP_OK : SP_ERROR;
}


/* Returns how many columns there are; 0 after messages. */

static int
sp_csv_header(sp_csv_t *csv, const char **names, int *id)
{
    int        i, n;
    char      *name;
    unsigned   before;

    *id = -1;
    before = csv->rows->errors;

    for (n = 0; !csv->last; n++) {

        if (sp_csv_value(csv, &name) != SP_OK) {
            return 0;
        }

        if (n == SP_CSV_COLUMNS) {
            (void) sp_rows_error(csv->rows, 1, csv->at_col,
                                 "more than %d columns", SP_CSV_COLUMNS);
            return 0;
        }

        names[n] = sp_rows_text(csv->rows, name, strlen(name));

        for (i = 0; i < n; i++) {
            if (strcmp(names[i], name) == 0) {
                (void) sp_rows_error(csv->rows, 1, csv->at_col,
                                     "the column '%.64s' is there twice",
                                     name);
            }
        }

        if (strcmp(name, "id") == 0) {
            *id = n;

        } else {
            (void) sp_rows_name(csv->rows, 1, csv->at_col, name);
        }
    }

    if (*id == -1) {
        (void) sp_rows_error(csv->rows, 1, 1, "no column is called 'id'; the "
                             "first line has the names of the columns");
    }

    return csv->rows->errors == before ? n : 0;
}


static void
sp_csv_row(sp_csv_t *csv, const char *const *names, int n, int id)
{
    int          i;
    char        *values[SP_CSV_COLUMNS], *value;
    unsigned     line, lines[SP_CSV_COLUMNS], cols[SP_CSV_COLUMNS];

    line = csv->line;
    csv->last = 0;

    for (i = 0; !csv->last; i++) {

        if (sp_csv_value(csv, &value) != SP_OK) {
            sp_csv_skip(csv);
            return;
        }

        if (i < n) {
            values[i] = value[0] == '\0' && !csv->quoted ? NULL : value;
            lines[i] = csv->at_line;
            cols[i] = csv->at_col;
        }
    }

    if (i != n) {
        (void) sp_rows_error(csv->rows, line, 1, "the line has %d value%s, "
                             "there are %d columns", i, i == 1 ? "" : "s", n);
        return;
    }

    if (sp_rows_add(csv->rows, lines[id], cols[id],
                    values[id] != NULL ? values[id] : (char *) "")
        != SP_OK)
    {
        return;
    }

    csv->rows->rows[csv->rows->n - 1].line = line;

    for (i = 0; i < n; i++) {
        if (i != id) {
            (void) sp_rows_field(csv->rows, lines[i], cols[i], names[i],
                                 values[i]);
        }
    }
}


/* One value, unquoted where it stands, with a NUL behind it. */

static sp_rc_t
sp_csv_value(sp_csv_t *csv, char **value)
{
    char  *to, c;

    csv->at_line = csv->line;
    csv->at_col = (unsigned) (csv->p - csv->begin) + 1;
    csv->quoted = csv->p < csv->end && *csv->p == '"';
    *value = to = csv->p;

    if (csv->quoted) {
        if (sp_csv_quoted(csv, &to) != SP_OK) {
            return SP_ERROR;
        }

    } else {
        while (csv->p < csv->end && *csv->p != ',' && *csv->p != '\n'
               && *csv->p != '\r')
        {
            if (*csv->p == '"' || *csv->p == '\0') {
                return sp_rows_error(csv->rows, csv->line,
                                     (unsigned) (csv->p - csv->begin) + 1,
                                     *csv->p == '"'
                                     ? "a quote inside a value that does not "
                                       "begin with one" : "a NUL byte");
            }

            to = ++csv->p;
        }
    }

    c = csv->p < csv->end ? *csv->p : '\n';

    if (csv->quoted && c != ',' && c != '\n' && c != '\r') {
        return sp_rows_error(csv->rows, csv->line,
                             (unsigned) (csv->p - csv->begin) + 1,
                             "a comma or the end of the line should follow "
                             "the closing quote");
    }

    csv->last = c != ',';

    if (csv->p < csv->end) {

        if (c == ',') {
            csv->p++;

        } else {
            sp_csv_newline(csv);
        }
    }

    *to = '\0';    /* where the separator was, or before; or behind the text */

    return SP_OK;
}


static sp_rc_t
sp_csv_quoted(sp_csv_t *csv, char **to)
{
    char      *p, *out;
    unsigned   line, col;

    line = csv->at_line;
    col = csv->at_col;
    out = csv->p;

    for (p = csv->p + 1; p < csv->end; p++) {

        if (*p == '"') {

            if (p + 1 < csv->end && p[1] == '"') {
                p++;

            } else {
                csv->p = p + 1;
                *to = out;
                return SP_OK;
            }

        } else if (*p == '\n') {
            csv->line++;
            csv->begin = p + 1;

        } else if (*p == '\0') {
            csv->p = p;
            return sp_rows_error(csv->rows, csv->line,
                                 (unsigned) (p - csv->begin) + 1,
                                 "a NUL byte");
        }

        *out++ = *p;
    }

    csv->p = csv->end;

    return sp_rows_error(csv->rows, line, col,
                         "the quote that opens here is never closed");
}


/* "\n", "\r\n" or "\r" */

static void
sp_csv_newline(sp_csv_t *csv)
{
    if (*csv->p == '\r' && csv->p + 1 < csv->end && csv->p[1] == '\n') {
        csv->p++;
    }

    csv->p++;
    csv->begin = csv->p;
    csv->line++;
}


static void
sp_csv_skip(sp_csv_t *csv)
{
    while (csv->p < csv->end && *csv->p != '\n') {
        csv->p++;
    }

    if (csv->p < csv->end) {
        sp_csv_newline(csv);
    }
}


sp_rc_t
sp_rows_jsonl(sp_rows_t *rows, char *text, size_t len)
{
    char      *line, *end;
    unsigned   number;

    number = 0;

    for (line = text; line < text + len; line = end + 1) {
        end = memchr(line, '\n', (size_t) (text + len - line));
        end = end != NULL ? end : text + len;

        (void) sp_rows_json_line(rows, line, (size_t) (end - line), ++number);
    }

    return rows->errors == 0 ? SP_OK : SP_ERROR;
}


sp_rc_t
sp_rows_json_line(sp_rows_t *rows, const char *text, size_t len,
    unsigned line)
{
    sp_rc_t        rc;
    json_t        *root;
    json_error_t   error;

    while (len != 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'
                        || text[len - 1] == ' '))
    {
        len--;
    }

    if (len == 0) {
        return SP_DECLINED;
    }

    root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);

    if (!json_is_object(root)) {
        rc = sp_rows_error(rows, line,
                           root != NULL || error.column <= 0
                           ? 1 : (unsigned) error.column, "%s",
                           root != NULL ? "a line is one JSON object"
                                        : error.text);
        json_decref(root);

        return rc;
    }

    rc = sp_json_members(rows, root, line, text, len);
    json_decref(root);

    return rc;
}


/* What an export has of its own accord is left out: the writer sets it anew. */

static sp_rc_t
sp_json_members(sp_rows_t *rows, json_t *root, unsigned line,
    const char *text, size_t len)
{
    char         *copy;
    sp_rc_t       rc;
    json_t       *value;
    unsigned      col;
    const char   *id, *name, *kind;

    id = json_string_value(json_object_get(root, "id"));
    kind = json_string_value(json_object_get(root, "kind"));

    if (kind != NULL && strcmp(kind, rows->party->word) != 0) {
        return sp_rows_error(rows, line, sp_json_col(text, len, "kind"),
                             "this is a %.16s, not %s", kind,
                             rows->party->customer ? "a customer"
                                                   : "an account");
    }

    if (id == NULL) {
        return sp_rows_error(rows, line, 1, "no \"id\", or it is no text");
    }

    copy = sp_rows_text(rows, id, strlen(id));
    rc = sp_rows_add(rows, line, sp_json_col(text, len, "id"), copy);

    if (rc != SP_OK) {
        return rc;
    }

    json_object_foreach(root, name, value) {

        if (strcmp(name, "id") == 0 || strcmp(name, "kind") == 0
            || strcmp(name, "op") == 0
            || sp_str_eq(sp_cstr(name), SP_STR("ver"))
            || strcmp(name, "by") == 0 || strcmp(name, "why") == 0
            || strcmp(name, "changed_at") == 0)
        {
            continue;
        }

        col = sp_json_col(text, len, name);

        if ((strcmp(name, SP_ACCOUNT_WAS) != 0
             && sp_rows_name(rows, line, col, name) != SP_OK)
            || sp_json_value_text(rows, line, col, name, value, &copy) != SP_OK
            || sp_rows_field(rows, line, col,
                             sp_rows_text(rows, name, strlen(name)), copy)
               != SP_OK)
        {
            rc = SP_ERROR;
        }
    }

    return rc;
}


/* Where a key of the object stands, or 1; keys have no escapes here. */

static unsigned
sp_json_col(const char *text, size_t len, const char *name)
{
    size_t       i, n;

    n = strlen(name);

    for (i = 0; i + n + 2 <= len; i++) {

        if (text[i] == '"' && memcmp(text + i + 1, name, n) == 0
            && text[i + n + 1] == '"')
        {
            return (unsigned) i + 1;
        }
    }

    return 1;
}


static sp_rc_t
sp_json_value_text(sp_rows_t *rows, unsigned line, unsigned col,
    const char *name, json_t *value, char **text)
{
    char     joined[SP_JSON_JOINED];
    size_t   i, n;
    json_t  *item;

    *text = NULL;
    n = 0;

    if (json_is_null(value)) {
        return SP_OK;
    }

    if (json_is_string(value)) {
        n = strlen(json_string_value(value));
        *text = sp_rows_text(rows, json_string_value(value), n);

        return n == json_string_length(value) ? SP_OK
               : sp_rows_error(rows, line, col, "\"%.64s\" has a NUL", name);
    }

    if (json_is_integer(value)) {
        n = (size_t) snprintf(joined, sizeof(joined), "%lld",
                              (long long) json_integer_value(value));

    } else if (json_is_array(value)) {

        json_array_foreach(value, i, item) {
            n += (size_t) (json_is_string(item)
                 ? snprintf(joined + n, sizeof(joined) - n, "%s%s",
                            i != 0 ? "," : "", json_string_value(item))
                 : snprintf(joined + n, sizeof(joined) - n, "%s%lld",
                            i != 0 ? "," : "",
                            (long long) json_integer_value(item)));

            if ((!json_is_string(item) && !json_is_integer(item))
                || n >= sizeof(joined))
            {
                return sp_rows_error(rows, line, col, "\"%.64s\" is a list of "
                                     "more than text and whole numbers, or too "
                                     "long", name);
            }
        }

    } else {
        return sp_rows_error(rows, line, col, "\"%.64s\" is text, a whole "
                             "number, a list of them, or null", name);
    }

    *text = sp_rows_text(rows, joined, n);

    return SP_OK;
}

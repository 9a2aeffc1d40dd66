
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the strict streaming reader of multipart/form-data. Each
 * rule is one over which readers in use differ: what they would take for a
 * preamble, a field of another name or a part of its own is refused.
 */


#include "sp_multipart.h"

#include <string.h>


static sp_rc_t sp_multipart_boundary(sp_str_t type, sp_str_t *boundary);
static int sp_multipart_bchar(unsigned char c);
static int sp_multipart_alnum(unsigned char c);
static void sp_multipart_failures(sp_multipart_t *mp);
static sp_rc_t sp_multipart_fail(sp_multipart_t *mp, const char *sentence);
static sp_rc_t sp_multipart_open(sp_multipart_t *mp, unsigned char c);
static sp_rc_t sp_multipart_headers(sp_multipart_t *mp, unsigned char c);
static sp_rc_t sp_multipart_line(sp_multipart_t *mp, sp_str_t line);
static sp_rc_t sp_multipart_disposition(sp_multipart_t *mp, sp_str_t value);
static int sp_multipart_name_ok(sp_str_t name);
static int sp_multipart_quoted(sp_str_t *rest, const char *before,
    sp_str_t *text);
static size_t sp_multipart_data(sp_multipart_t *mp, const unsigned char *data,
    size_t len);
static void sp_multipart_keep(sp_multipart_t *mp, const unsigned char *data,
    size_t len);
static unsigned char sp_multipart_before(const sp_multipart_t *mp, size_t n);
static sp_rc_t sp_multipart_part_end(sp_multipart_t *mp);


sp_rc_t
sp_multipart_init(sp_multipart_t *mp, sp_str_t content_type,
    sp_multipart_pt on_field, void *ctx)
{
    sp_str_t  boundary;

    mp->state = SP_MULTIPART_START;
    mp->error = NULL;
    mp->on_field = on_field;
    mp->ctx = ctx;
    mp->parts = 0;
    mp->matched = 0;
    mp->two = 0;
    mp->data_len = 0;
    mp->pattern_len = 0;

    if (sp_multipart_boundary(content_type, &boundary) != SP_OK) {
        return sp_multipart_fail(mp, "Content-Type must be multipart/form-data"
                                 " with one boundary, of 1 to 70 letters, "
                                 "digits or '()+_,-./:=?");
    }

    mp->pattern[0] = mp->pattern[1] = '-';
    memcpy(mp->pattern + 2, boundary.data, boundary.len);
    mp->pattern_len = boundary.len + 2;

    sp_multipart_failures(mp);

    return SP_OK;
}


int
sp_multipart_type_ok(sp_str_t content_type)
{
    sp_str_t  boundary;

    return sp_multipart_boundary(content_type, &boundary) == SP_OK;
}


static sp_rc_t
sp_multipart_boundary(sp_str_t type, sp_str_t *boundary)
{
    size_t  i, n;
    int     quoted;

    static const char  before[] = "multipart/form-data";
    static const char  name[] = "boundary=";

    n = sizeof(before) - 1;

    if (type.len < n || !sp_str_caseeq((sp_str_t) { n, type.data },
                                       SP_STR("multipart/form-data")))
    {
        return SP_ERROR;
    }

    i = n;

    while (i < type.len && type.data[i] == ' ') {
        i++;
    }

    if (i == type.len || type.data[i++] != ';') {
        return SP_ERROR;
    }

    while (i < type.len && type.data[i] == ' ') {
        i++;
    }

    n = sizeof(name) - 1;

    if (type.len - i <= n
        || !sp_str_caseeq((sp_str_t) { n, type.data + i },
                          SP_STR("boundary=")))
    {
        return SP_ERROR;
    }

    i += n;
    quoted = type.data[i] == '"';
    i += quoted != 0;
    n = type.len - i;

    if (quoted && (n == 0 || type.data[i + --n] != '"')) {
        return SP_ERROR;
    }

    if (n == 0 || n > SP_BOUNDARY_MAX) {
        return SP_ERROR;
    }

    boundary->data = type.data + i;
    boundary->len = n;

    while (n-- > 0) {

        if (!sp_multipart_bchar(type.data[i + n])) {
            return SP_ERROR;
        }

        /* a token needs no quotes; others are read in two ways without them */

        if (!quoted && memchr("()<>@,;:/[]?=", type.data[i + n], 13) != NULL) {
            return SP_ERROR;
        }
    }

    return SP_OK;
}


static int
sp_multipart_bchar(unsigned char c)
{
    return sp_multipart_alnum(c)
           || (c != '\0' && strchr("'()+_,-./:=?", c) != NULL);
}


static int
sp_multipart_alnum(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9');
}


/* Of each length that has matched, the longest that still does. */

static void
sp_multipart_failures(sp_multipart_t *mp)
{
    size_t  i, k;

    mp->fall[0] = mp->fall[1] = 0;

    for (i = 1, k = 0; i < mp->pattern_len; i++) {

        while (k != 0 && mp->pattern[i] != mp->pattern[k]) {
            k = mp->fall[k];
        }

        k += mp->pattern[i] == mp->pattern[k];
        mp->fall[i + 1] = (unsigned char) k;
    }
}


static sp_rc_t
sp_multipart_fail(sp_multipart_t *mp, const char *sentence)
{
    if (mp->error == NULL) {
        mp->error = sentence;
    }

    return SP_ERROR;
}


sp_rc_t
sp_multipart_feed(sp_multipart_t *mp, const unsigned char *data, size_t len)
{
    size_t   n;
    sp_rc_t  rc;

    rc = mp->error == NULL ? SP_OK : SP_ERROR;

    while (rc == SP_OK && len != 0) {
        n = 1;

        switch (mp->state) {

        case SP_MULTIPART_START:
            if (*data != mp->pattern[mp->matched]) {
                rc = sp_multipart_fail(mp, "the form must begin with its "
                                       "boundary");

            } else if (++mp->matched == mp->pattern_len) {
                mp->state = SP_MULTIPART_OPEN;
            }

            break;

        case SP_MULTIPART_OPEN:
            rc = sp_multipart_open(mp, *data);
            break;

        case SP_MULTIPART_HEADERS:
            rc = sp_multipart_headers(mp, *data);
            break;

        case SP_MULTIPART_DATA:
            n = sp_multipart_data(mp, data, len);

            if (mp->matched == mp->pattern_len) {
                rc = sp_multipart_part_end(mp);
            }

            break;

        default: /* SP_MULTIPART_END */
            if (mp->two == 2 || *data != "\r\n"[mp->two++]) {
                rc = sp_multipart_fail(mp, "there is something behind the end "
                                       "of the form");
            }
        }

        data += n;
        len -= n;
    }

    return rc;
}


sp_rc_t
sp_multipart_finish(sp_multipart_t *mp)
{
    if (mp->error != NULL) {
        return SP_ERROR;
    }

    if (mp->state != SP_MULTIPART_END || mp->two == 1) {
        return sp_multipart_fail(mp, "the form ends before its last boundary");
    }

    return SP_OK;
}


/* Behind a delimiter: the next part, or the end. */

static sp_rc_t
sp_multipart_open(sp_multipart_t *mp, unsigned char c)
{
    mp->next[mp->two++] = c;

    if (mp->two < 2) {
        return SP_OK;
    }

    mp->two = 0;

    if (memcmp(mp->next, "--", 2) == 0) {
        mp->state = SP_MULTIPART_END;
        return SP_OK;
    }

    if (memcmp(mp->next, "\r\n", 2) != 0) {
        return sp_multipart_fail(mp, "a boundary must end its line");
    }

    if (mp->parts++ == SP_MULTIPART_PARTS) {
        return sp_multipart_fail(mp, "the form has too many parts");
    }

    mp->state = SP_MULTIPART_HEADERS;
    mp->line_len = 0;
    mp->name_len = 0;
    mp->value_len = 0;
    mp->data_len = 0;
    mp->file = 0;
    mp->named = 0;
    mp->typed = 0;
    mp->sized = 0;

    return SP_OK;
}


static sp_rc_t
sp_multipart_headers(sp_multipart_t *mp, unsigned char c)
{
    size_t  len;

    if (mp->line_len == SP_MULTIPART_LINE) {
        return sp_multipart_fail(mp, "a part has a header line that is too "
                                 "long");
    }

    mp->line[mp->line_len++] = c;

    len = mp->line_len;

    if (c != '\n') {

        /* a lone CR ends a line for some, and is part of it for others */

        return len > 1 && mp->line[len - 2] == '\r'
               ? sp_multipart_fail(mp, "a part has a header line with an odd "
                                   "end")
               : SP_OK;
    }

    if (len < 2 || mp->line[len - 2] != '\r') {
        return sp_multipart_fail(mp, "a part has a header line that ends "
                                 "without a CR");
    }

    mp->line_len = 0;

    if (len > 2) {
        return sp_multipart_line(mp, (sp_str_t) { len - 2, mp->line });
    }

    if (!mp->named) {
        return sp_multipart_fail(mp, "a part has no Content-Disposition");
    }

    mp->state = SP_MULTIPART_DATA;
    mp->matched = 0;

    return SP_OK;
}


/* Each line once; others than these have no business in a form's part. */

static sp_rc_t
sp_multipart_line(sp_multipart_t *mp, sp_str_t line)
{
    size_t    i;
    sp_str_t  name, value;

    for (i = 0; i < line.len && line.data[i] != ':'; i++) { /* void */ }

    if (i == line.len) {
        return sp_multipart_fail(mp, "a part has a line that is no header");
    }

    name.data = line.data;
    name.len = i++;

    while (i < line.len && line.data[i] == ' ') {
        i++;
    }

    value.data = line.data + i;
    value.len = line.len - i;

    for (i = 0; i < value.len; i++) {
        if (value.data[i] < 0x20 || value.data[i] == 0x7f) {
            return sp_multipart_fail(mp, "a part has a header with a control "
                                     "character");
        }
    }

    if (sp_str_caseeq(name, SP_STR("content-disposition")) && !mp->named) {
        mp->named = 1;
        return sp_multipart_disposition(mp, value);
    }

    if (sp_str_caseeq(name, SP_STR("content-type")) && !mp->typed) {
        mp->typed = 1;
        return SP_OK;
    }

    if (sp_str_caseeq(name, SP_STR("content-length")) && !mp->sized) {
        mp->sized = 1;
        return SP_OK;
    }

    return sp_multipart_fail(mp, "a part may have Content-Disposition, "
                             "Content-Type and Content-Length, once each, and "
                             "no other header");
}


/* form-data; name="..."; filename="..." in this order, and nothing else. */

static sp_rc_t
sp_multipart_disposition(sp_multipart_t *mp, sp_str_t value)
{
    sp_str_t  text;

    static const char  sentence[] = "Content-Disposition must be form-data; "
                                    "name=\"...\", then filename=\"...\" if "
                                    "it is a file's";

    if (!sp_multipart_quoted(&value, "form-data; name=\"", &text)
        && !sp_multipart_quoted(&value, "form-data;name=\"", &text))
    {
        return sp_multipart_fail(mp, sentence);
    }

    if (!sp_multipart_name_ok(text)) {
        return sp_multipart_fail(mp, "a field's name must be 1 to 64 letters, "
                                 "digits, _ - . and [ ]");
    }

    memcpy(mp->name, text.data, text.len);
    mp->name_len = text.len;

    if (value.len == 0) {
        return SP_OK;
    }

    mp->file = 1;

    if ((!sp_multipart_quoted(&value, "; filename=\"", &text)
         && !sp_multipart_quoted(&value, ";filename=\"", &text))
        || value.len != 0)
    {
        return sp_multipart_fail(mp, sentence);
    }

    return SP_OK;
}


static int
sp_multipart_name_ok(sp_str_t name)
{
    size_t  i;

    for (i = 0; i < name.len; i++) {
        if (!sp_multipart_alnum(name.data[i])
            && (name.data[i] == '\0' || strchr("_-.[]", name.data[i]) == NULL))
        {
            return 0;
        }
    }

    return name.len != 0 && name.len <= SP_MULTIPART_NAME;
}


/* A backslash is an escape to some, and itself to others. */

static int
sp_multipart_quoted(sp_str_t *rest, const char *before, sp_str_t *text)
{
    size_t  n, len;

    len = strlen(before);

    if (rest->len <= len || memcmp(rest->data, before, len) != 0) {
        return 0;
    }

    for (n = len; n < rest->len && rest->data[n] != '"'; n++) {
        if (rest->data[n] == '\\') {
            return 0;
        }
    }

    if (n == rest->len) {
        return 0;
    }

    text->data = rest->data + len;
    text->len = n - len;

    rest->data += n + 1;
    rest->len -= n + 1;

    return 1;
}


/*
 * Takes bytes up to the end of a delimiter, or all. Where no part of one has
 * matched, it can only begin at the next dash.
 */

static size_t
sp_multipart_data(sp_multipart_t *mp, const unsigned char *data, size_t len)
{
    size_t                i, from;
    unsigned              k;
    const unsigned char  *dash;

    i = 0;

    while (i < len) {

        if (mp->matched == 0 && data[i] != '-') {
            dash = memchr(data + i, '-', len - i);
            from = i;
            i = dash == NULL ? len : (size_t) (dash - data);
            sp_multipart_keep(mp, data + from, i - from);
            continue;
        }

        for (k = mp->matched; k != 0 && data[i] != mp->pattern[k]; ) {
            k = mp->fall[k];
        }

        mp->matched = k + (data[i] == mp->pattern[k]);
        sp_multipart_keep(mp, data + i, 1);
        i++;

        if (mp->matched == mp->pattern_len) {
            break;
        }
    }

    return i;
}


static void
sp_multipart_keep(sp_multipart_t *mp, const unsigned char *data, size_t len)
{
    size_t    n;
    uint64_t  at;

    if (!mp->file && mp->value_len < sizeof(mp->value)) {
        n = sizeof(mp->value) - mp->value_len;
        n = len < n ? len : n;
        memcpy(mp->value + mp->value_len, data, n);
        mp->value_len += n;
    }

    at = mp->data_len;
    mp->data_len += len;

    if (len > SP_MULTIPART_HISTORY) {
        at += len - SP_MULTIPART_HISTORY;
        data += len - SP_MULTIPART_HISTORY;
        len = SP_MULTIPART_HISTORY;
    }

    while (len-- != 0) {
        mp->history[at++ % SP_MULTIPART_HISTORY] = *data++;
    }
}


/* The byte "n" before the last. */

static unsigned char
sp_multipart_before(const sp_multipart_t *mp, size_t n)
{
    return mp->history[(mp->data_len - 1 - n) % SP_MULTIPART_HISTORY];
}


/* The boundary anywhere but on a line of its own is some reader's delimiter. */

static sp_rc_t
sp_multipart_part_end(sp_multipart_t *mp)
{
    uint64_t              len;
    sp_multipart_field_t  field;

    if (mp->data_len < mp->pattern_len + 2
        || sp_multipart_before(mp, mp->pattern_len) != '\n'
        || sp_multipart_before(mp, mp->pattern_len + 1) != '\r')
    {
        return sp_multipart_fail(mp, "the boundary stands within a part");
    }

    len = mp->data_len - mp->pattern_len - 2;

    mp->state = SP_MULTIPART_OPEN;
    mp->two = 0;

    field.name.data = mp->name;
    field.name.len = mp->name_len;
    field.file = mp->file;
    field.typed = mp->typed;
    field.whole = !mp->file && len <= SP_MULTIPART_VALUE;
    field.value.data = mp->value;
    field.value.len = field.whole ? (size_t) len : 0;

    return mp->on_field(mp->ctx, &field);
}

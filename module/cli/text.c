
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains messages, files, times and JSON output of the command.
 */


#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "sp_diag.h"

#include "cli.h"


#define SP_CLI_CHUNK     65536
#define SP_CLI_TIME_MAX  253402300799ll    /* 9999-12-31T23:59:59Z */


static void sp_cli_message(const char *word, const char *fmt, va_list args);
static char *sp_cli_read_stream(FILE *in, const char *name, size_t max,
    size_t *len);
static sp_rc_t sp_cli_civil(sp_str_t text, int64_t *value);
static sp_rc_t sp_cli_digits(sp_str_t s, size_t at, size_t n, int max,
    int *value);
static sp_rc_t sp_cli_offset(sp_str_t zone, int *minutes);
static int64_t sp_cli_days(int year, int month, int day);


static const char  *sp_cli_verb_name;
static const char  *sp_cli_place;


void
sp_cli_set_verb(const char *name)
{
    sp_cli_verb_name = name;
}


void
sp_cli_at(const char *place)
{
    sp_cli_place = place;
}


void
sp_cli_error(const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    sp_cli_message("", fmt, args);
    va_end(args);

    fputc('\n', stderr);
}


void
sp_cli_warn(const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    sp_cli_message("warning: ", fmt, args);
    va_end(args);

    fputc('\n', stderr);
}


void
sp_cli_error_near(const char *word, const char *const *words, size_t n,
    const char *fmt, ...)
{
    va_list      args;
    const char  *near;

    va_start(args, fmt);
    sp_cli_message("", fmt, args);
    va_end(args);

    near = sp_did_you_mean(sp_cstr(word), words, n);

    if (near != NULL) {
        fprintf(stderr, "; did you mean '%s'?", near);
    }

    fputc('\n', stderr);
}


static void
sp_cli_message(const char *word, const char *fmt, va_list args)
{
    int   n;
    char  text[2048];

    (void) fflush(stdout);

    n = vsnprintf(text, sizeof(text), fmt, args);

    if (n < 0) {
        n = 0;
    }

    if ((size_t) n >= sizeof(text)) {
        n = (int) sizeof(text) - 1;
    }

    fprintf(stderr, "sallyport%s%s: %s", sp_cli_verb_name ? " " : "",
            sp_cli_verb_name ? sp_cli_verb_name : "", word);

    if (sp_cli_place != NULL) {
        sp_cli_print_safe(stderr, sp_cstr(sp_cli_place));
        fputs(": ", stderr);
    }

    sp_cli_print_safe(stderr,
                      (sp_str_t) { (size_t) n, (unsigned char *) text });
}


void *
sp_cli_alloc(size_t size)
{
    void  *p;

    p = calloc(1, size != 0 ? size : 1);

    if (p == NULL) {
        sp_cli_error("no memory for %zu bytes", size);
        exit(SP_CLI_REFUSED);
    }

    return p;
}


char *
sp_cli_copy(sp_str_t s)
{
    char  *p;

    p = sp_cli_alloc(s.len + 1);
    memcpy(p, s.data, s.len);

    return p;
}


char *
sp_cli_read_file(const char *file, size_t max, size_t *len)
{
    FILE         *in;
    char         *text;
    struct stat   st;

    if (strcmp(file, "-") == 0) {
        return sp_cli_read_stream(stdin, "standard input", max, len);
    }

    in = fopen(file, "rb");

    if (in == NULL) {
        sp_cli_error("cannot open '%s': %s", file, strerror(errno));
        return NULL;
    }

    if (fstat(fileno(in), &st) == 0 && S_ISDIR(st.st_mode)) {
        sp_cli_error("'%s' is a directory, a file is needed", file);
        (void) fclose(in);
        return NULL;
    }

    text = sp_cli_read_stream(in, file, max, len);
    (void) fclose(in);

    return text;
}


static char *
sp_cli_read_stream(FILE *in, const char *name, size_t max, size_t *len)
{
    char    *text, *bigger;
    size_t   n, size;

    text = NULL;
    size = 0;
    *len = 0;

    do {
        size += SP_CLI_CHUNK;
        bigger = realloc(text, size + 1);

        if (bigger == NULL) {
            sp_cli_error("no memory for '%s'", name);
            free(text);
            return NULL;
        }

        text = bigger;
        n = fread(text + *len, 1, size - *len, in);
        *len += n;

        if (*len > max) {
            sp_cli_error("'%s' is larger than %zu bytes", name, max);
            free(text);
            return NULL;
        }

    } while (*len == size);

    if (ferror(in)) {
        sp_cli_error("cannot read '%s': %s", name, strerror(errno));
        free(text);
        return NULL;
    }

    text[*len] = '\0';

    return text;
}


sp_rc_t
sp_cli_duration(sp_str_t text, int64_t *seconds)
{
    uint64_t              n;
    const char           *unit;
    static const char     units[] = "smhdw";
    static const int64_t  lengths[] = { 1, 60, 3600, 86400, 604800 };

    if (text.len < 2) {
        return SP_ERROR;
    }

    unit = memchr(units, text.data[text.len - 1], sizeof(units) - 1);
    text.len--;

    if (unit == NULL || sp_parse_uint(text, 10000000, &n) != SP_OK) {
        return SP_ERROR;
    }

    *seconds = (int64_t) n * lengths[unit - units];

    return SP_OK;
}


sp_rc_t
sp_cli_time(sp_str_t text, int64_t now, int64_t *value)
{
    int64_t   seconds;
    uint64_t  n;
    sp_str_t  rest;

    if (sp_str_eq(text, SP_STR("now"))) {
        *value = now;
        return SP_OK;
    }

    if (text.len > 1 && (text.data[0] == '+' || text.data[0] == '-')) {
        rest = (sp_str_t) { text.len - 1, text.data + 1 };

        if (sp_cli_duration(rest, &seconds) != SP_OK) {
            return SP_ERROR;
        }

        *value = text.data[0] == '+' ? now + seconds : now - seconds;
        return *value < 0 || *value > SP_CLI_TIME_MAX ? SP_ERROR : SP_OK;
    }

    if (sp_parse_uint(text, SP_CLI_TIME_MAX, &n) == SP_OK) {
        *value = (int64_t) n;
        return SP_OK;
    }

    return sp_cli_civil(text, value);
}


/* YYYY-MM-DD, or RFC 3339 with whole seconds; always the Gregorian rule. */

static sp_rc_t
sp_cli_civil(sp_str_t text, int64_t *value)
{
    int                     y, m, d, hh, mm, ss, zone;
    sp_str_t                rest;
    static const unsigned   days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31,
                                       30, 31 };

    hh = mm = ss = zone = 0;

    if (text.len < 10 || text.data[4] != '-' || text.data[7] != '-'
        || sp_cli_digits(text, 0, 4, 9999, &y) != SP_OK
        || sp_cli_digits(text, 5, 2, 12, &m) != SP_OK
        || sp_cli_digits(text, 8, 2, 31, &d) != SP_OK
        || y < 1970 || m < 1 || d < 1)
    {
        return SP_ERROR;
    }

    if ((unsigned) d > days[m - 1]
        && !(m == 2 && d == 29
             && ((y % 4 == 0 && y % 100 != 0) || y % 400 == 0)))
    {
        return SP_ERROR;
    }

    if (text.len > 10) {
        if (text.len < 20 || text.data[10] != 'T' || text.data[13] != ':'
            || text.data[16] != ':'
            || sp_cli_digits(text, 11, 2, 23, &hh) != SP_OK
            || sp_cli_digits(text, 14, 2, 59, &mm) != SP_OK
            || sp_cli_digits(text, 17, 2, 59, &ss) != SP_OK)
        {
            return SP_ERROR;
        }

        rest = (sp_str_t) { text.len - 19, text.data + 19 };

        if (sp_cli_offset(rest, &zone) != SP_OK) {
            return SP_ERROR;
        }
    }

    *value = sp_cli_days(y, m, d) * 86400 + hh * 3600 + mm * 60 + ss
             - (int64_t) zone * 60;

    return *value < 0 ? SP_ERROR : SP_OK;
}


static sp_rc_t
sp_cli_digits(sp_str_t s, size_t at, size_t n, int max, int *value)
{
    int     v;
    size_t  i;

    v = 0;

    for (i = at; i < at + n; i++) {
        if (s.data[i] < '0' || s.data[i] > '9') {
            return SP_ERROR;
        }

        v = v * 10 + (s.data[i] - '0');
    }

    *value = v;

    return v > max ? SP_ERROR : SP_OK;
}


static sp_rc_t
sp_cli_offset(sp_str_t zone, int *minutes)
{
    int  hh, mm;

    if (zone.len == 1 && zone.data[0] == 'Z') {
        *minutes = 0;
        return SP_OK;
    }

    if (zone.len != 6 || zone.data[3] != ':'
        || (zone.data[0] != '+' && zone.data[0] != '-')
        || sp_cli_digits(zone, 1, 2, 23, &hh) != SP_OK
        || sp_cli_digits(zone, 4, 2, 59, &mm) != SP_OK)
    {
        return SP_ERROR;
    }

    *minutes = (zone.data[0] == '-' ? -1 : 1) * (hh * 60 + mm);

    return SP_OK;
}


/* Days from 1970-01-01; the year is counted from March, so that the leap
 * day is its last. */

static int64_t
sp_cli_days(int year, int month, int day)
{
    int64_t  y, era, of_era, of_year;

    y = month <= 2 ? year - 1 : year;
    era = y / 400;
    of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    of_era = (y % 400) * 365 + (y % 400) / 4 - (y % 400) / 100 + of_year;

    return era * 146097 + of_era - 719468;
}


const char *
sp_cli_time_text(int64_t at, char buf[SP_CLI_TIME_LEN])
{
    time_t     t;
    struct tm  tm;

    t = (time_t) at;

    if (at < 0 || at > SP_CLI_TIME_MAX || gmtime_r(&t, &tm) == NULL
        || strftime(buf, SP_CLI_TIME_LEN, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
    {
        (void) snprintf(buf, SP_CLI_TIME_LEN, "%lld", (long long) at);
    }

    return buf;
}


void
sp_cli_print_safe(FILE *out, sp_str_t s)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < s.len; i++) {
        c = s.data[i];

        if (c < ' ' ? c != '\n' : c == 0x7f) {
            fprintf(out, "\\x%02x", c);

        } else {
            fputc(c, out);
        }
    }
}


json_t *
sp_cli_json_str(sp_str_t s)
{
    char    *copy;
    size_t   i;
    json_t  *json;

    json = json_stringn((const char *) s.data, s.len);

    if (json != NULL) {
        return json;
    }

    copy = sp_cli_copy(s);

    for (i = 0; i < s.len; i++) {
        if ((unsigned char) copy[i] >= 0x80) {
            copy[i] = '?';
        }
    }

    json = json_stringn(copy, s.len);
    free(copy);

    return json;
}


sp_rc_t
sp_cli_json_print(json_t *root)
{
    int  rc;

    rc = root == NULL ? -1 : json_dumpf(root, stdout, JSON_INDENT(2));
    json_decref(root);
    fputc('\n', stdout);

    if (rc != 0) {
        sp_cli_error("cannot write the JSON output");
        return SP_ERROR;
    }

    return SP_OK;
}


char *
sp_cli_policy_file(const char *path)
{
    char         *file;
    size_t        len;
    struct stat   st;

    if (stat(path, &st) != 0) {
        sp_cli_error("cannot open '%s': %s", path, strerror(errno));
        return NULL;
    }

    if (!S_ISDIR(st.st_mode)) {
        return sp_cli_copy(sp_cstr(path));
    }

    len = strlen(path) + sizeof("/policy.yaml");
    file = sp_cli_alloc(len);
    (void) snprintf(file, len, "%s%spolicy.yaml", path,
                    path[strlen(path) - 1] == '/' ? "" : "/");

    if (stat(file, &st) != 0) {
        sp_cli_error("'%s' is a directory without a policy.yaml: %s", path,
                     strerror(errno));
        free(file);
        return NULL;
    }

    return file;
}

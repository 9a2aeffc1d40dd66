
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the scanning of one JSON value in an audit line: without
 * recursion, one look at each byte.
 */


#include "sp_line_scan.h"


#define SP_LINE_DEPTH  16


static int sp_line_name(sp_line_scan_t *s);
static int sp_line_scalar(sp_line_scan_t *s);
static int sp_line_escape(sp_line_scan_t *s);
static int sp_line_number(sp_line_scan_t *s);
static int sp_line_digits(sp_line_scan_t *s);
static int sp_line_literal(sp_line_scan_t *s, const char *word, size_t len);


/* Bytes of a string that stand for themselves. */

static const unsigned char  sp_line_plain[256] = {
    [0x20 ... 0x21] = 1, [0x23 ... 0x5b] = 1, [0x5d ... 0x7e] = 1
};


int
sp_line_value(sp_line_scan_t *s)
{
    unsigned       depth;
    unsigned char  c, close[SP_LINE_DEPTH];

    depth = 0;

    for ( ;; ) {

        if (s->p == s->end) {
            return 0;
        }

        c = *s->p;

        if (c == '{' || c == '[') {

            if (depth == SP_LINE_DEPTH) {
                return 0;
            }

            close[depth++] = (unsigned char) (c + 2);
            s->p++;

            if (s->p == s->end || *s->p != c + 2) {

                if (c == '{' && !sp_line_name(s)) {
                    return 0;
                }

                continue;
            }

        } else if (!sp_line_scalar(s)) {
            return 0;
        }

        while (depth != 0 && s->p != s->end && *s->p == close[depth - 1]) {
            depth--;
            s->p++;
        }

        if (depth == 0) {
            return 1;
        }

        if (s->p == s->end || *s->p++ != ',') {
            return 0;
        }

        if (close[depth - 1] == '}' && !sp_line_name(s)) {
            return 0;
        }
    }
}


static int
sp_line_name(sp_line_scan_t *s)
{
    return sp_line_quoted(s) && s->p != s->end && *s->p++ == ':';
}


static int
sp_line_scalar(sp_line_scan_t *s)
{
    switch (*s->p) {

    case '"':
        return sp_line_quoted(s);

    case 't':
        return sp_line_literal(s, "true", 4);

    case 'f':
        return sp_line_literal(s, "false", 5);

    case 'n':
        return sp_line_literal(s, "null", 4);

    default:
        return sp_line_number(s);
    }
}


int
sp_line_quoted(sp_line_scan_t *s)
{
    size_t  n;

    if (s->p == s->end || *s->p != '"') {
        return 0;
    }

    s->p++;

    for ( ;; ) {

        while (s->p != s->end && sp_line_plain[*s->p]) {
            s->p++;
        }

        if (s->p == s->end) {
            return 0;
        }

        if (*s->p == '"') {
            s->p++;
            return 1;
        }

        if (*s->p == '\\') {
            if (!sp_line_escape(s)) {
                return 0;
            }

            continue;
        }

        /* a control character, or a character of several bytes */

        n = *s->p < 0x80 ? 0 : sp_utf8_char(s->p, (size_t) (s->end - s->p));

        if (n == 0) {
            return 0;
        }

        s->p += n;
    }
}


static int
sp_line_escape(sp_line_scan_t *s)
{
    int  i;

    if (s->end - s->p < 2) {
        return 0;
    }

    if (s->p[1] != 'u') {
        i = s->p[1] != '\0' && strchr("\"\\/bfnrt", s->p[1]) != NULL;
        s->p += 2;
        return i;
    }

    if (s->end - s->p < 6) {
        return 0;
    }

    for (i = 2; i < 6; i++) {
        if (s->p[i] == '\0'
            || strchr("0123456789abcdefABCDEF", s->p[i]) == NULL)
        {
            return 0;
        }
    }

    s->p += 6;

    return 1;
}


static int
sp_line_number(sp_line_scan_t *s)
{
    if (*s->p == '-') {
        s->p++;
    }

    if (s->p != s->end && *s->p == '0') {
        s->p++;

    } else if (!sp_line_digits(s)) {
        return 0;
    }

    if (s->p != s->end && *s->p == '.') {
        s->p++;

        if (!sp_line_digits(s)) {
            return 0;
        }
    }

    if (s->p != s->end && (*s->p == 'e' || *s->p == 'E')) {
        s->p++;

        if (s->p != s->end && (*s->p == '+' || *s->p == '-')) {
            s->p++;
        }

        return sp_line_digits(s);
    }

    return 1;
}


static int
sp_line_digits(sp_line_scan_t *s)
{
    const unsigned char  *p;

    p = s->p;

    while (s->p != s->end && *s->p >= '0' && *s->p <= '9') {
        s->p++;
    }

    return s->p != p;
}


static int
sp_line_literal(sp_line_scan_t *s, const char *word, size_t len)
{
    if ((size_t) (s->end - s->p) < len || memcmp(s->p, word, len) != 0) {
        return 0;
    }

    s->p += len;

    return 1;
}

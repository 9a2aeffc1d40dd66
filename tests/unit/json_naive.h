
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains a naive reader of JSON for the tests: the whole text in
 * memory, one C call a level, strings decoded, a path kept as text. It knows
 * nothing of the scanner; both must agree.
 */


#ifndef JSON_NAIVE_H
#define JSON_NAIVE_H


#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "sp_json.h"


#define LOG   65536


static const sp_json_watch_t  watches[] = {
    { "model", 1 }, { "models", 2 }, { "models/*", 3 }, { "stream", 4 },
    { "tools/*/model", 5 }, { "max_tokens", 6 }, { "a/b/c", 7 },
    { "grid/*/*", 8 }, { "stream_options/include_usage", 9 },
    { "kinks", 10 }, { "maxTokens", 11 }, { "a/list/*/x/*", 12 }
};


typedef struct {
    size_t  len;
    char    text[LOG];
} events_t;


static void
record(events_t *e, int id, sp_json_type_t type, int boolean, int element,
    const unsigned char *text, size_t len)
{
    assert_true(e->len + len + 64 < LOG);

    e->len += (size_t) sprintf(e->text + e->len, "[%d %d %d %d %zu:", id,
                               (int) type, boolean, element, len);

    if (len != 0) {
        memcpy(e->text + e->len, text, len);
    }

    e->len += len;
    e->text[e->len++] = ']';
}


typedef struct {
    const unsigned char  *p;
    const unsigned char  *end;
    int                   depth;
    events_t             *events;
    unsigned char        *buf;     /* decoded string */
    size_t                len;
} naive_t;

static int naive_value(naive_t *n, const char *path, int element);


static void
naive_space(naive_t *n)
{
    while (n->p < n->end && strchr(" \t\r\n", *n->p) != NULL && *n->p != 0) {
        n->p++;
    }
}


static int
naive_hex4(naive_t *n, uint32_t *code)
{
    int          i;
    const char  *at;

    static const char  digits[] = "0123456789abcdef0123456789ABCDEF";

    *code = 0;

    for (i = 0; i < 4; i++, n->p++) {
        if (n->p >= n->end || *n->p == 0) {
            return 0;
        }

        at = strchr(digits, *n->p);

        if (at == NULL) {
            return 0;
        }

        *code = *code * 16 + (uint32_t) (at - digits) % 16;
    }

    return 1;
}


static void
naive_put(naive_t *n, uint32_t c)
{
    if (c < 0x80) {
        n->buf[n->len++] = (unsigned char) c;

    } else if (c < 0x800) {
        n->buf[n->len++] = (unsigned char) (0xc0 + c / 64);
        n->buf[n->len++] = (unsigned char) (0x80 + c % 64);

    } else if (c < 0x10000) {
        n->buf[n->len++] = (unsigned char) (0xe0 + c / 4096);
        n->buf[n->len++] = (unsigned char) (0x80 + c / 64 % 64);
        n->buf[n->len++] = (unsigned char) (0x80 + c % 64);

    } else {
        n->buf[n->len++] = (unsigned char) (0xf0 + c / 262144);
        n->buf[n->len++] = (unsigned char) (0x80 + c / 4096 % 64);
        n->buf[n->len++] = (unsigned char) (0x80 + c / 64 % 64);
        n->buf[n->len++] = (unsigned char) (0x80 + c % 64);
    }
}


static int
naive_string(naive_t *n)
{
    uint32_t     c, low;
    const char  *at;

    static const char  from[] = "\"\\/bfnrt";
    static const char  to[] = "\"\\/\b\f\n\r\t";

    n->len = 0;

    if (n->p >= n->end || *n->p++ != '"') {
        return 0;
    }

    for ( ;; ) {
        if (n->p >= n->end || *n->p < 0x20) {
            return 0;
        }

        c = *n->p++;

        if (c == '"') {
            return sp_utf8_valid((sp_str_t) { n->len, n->buf });
        }

        if (c != '\\') {
            n->buf[n->len++] = (unsigned char) c;
            continue;
        }

        if (n->p >= n->end || *n->p == 0) {
            return 0;
        }

        c = *n->p++;

        if (c == 'u') {
            if (!naive_hex4(n, &c)) {
                return 0;
            }

            if (c >= 0xd800 && c < 0xdc00) {
                if (n->end - n->p < 2 || n->p[0] != '\\' || n->p[1] != 'u') {
                    return 0;
                }

                n->p += 2;

                if (!naive_hex4(n, &low) || low < 0xdc00 || low > 0xdfff) {
                    return 0;
                }

                c = 0x10000 + (c - 0xd800) * 1024 + (low - 0xdc00);

            } else if (c >= 0xdc00 && c <= 0xdfff) {
                return 0;
            }

            naive_put(n, c);
            continue;
        }

        at = strchr(from, (int) c);

        if (at == NULL) {
            return 0;
        }

        n->buf[n->len++] = (unsigned char) to[at - from];
    }
}


static int
naive_digits(naive_t *n)
{
    const unsigned char  *start;

    for (start = n->p; n->p < n->end && *n->p >= '0' && *n->p <= '9'; ) {
        n->p++;
    }

    return n->p > start;
}


static int
naive_number(naive_t *n)
{
    const unsigned char  *start;

    if (n->p < n->end && *n->p == '-') {
        n->p++;
    }

    start = n->p;

    if (!naive_digits(n) || (*start == '0' && n->p - start > 1)) {
        return 0;
    }

    if (n->p < n->end && *n->p == '.') {
        n->p++;

        if (!naive_digits(n)) {
            return 0;
        }
    }

    if (n->p < n->end && (*n->p == 'e' || *n->p == 'E')) {
        n->p++;

        if (n->p < n->end && (*n->p == '+' || *n->p == '-')) {
            n->p++;
        }

        return naive_digits(n);
    }

    return 1;
}


static int
naive_id(const char *path)
{
    size_t  i;

    for (i = 0; i < sp_nelts(watches); i++) {
        if (strcmp(watches[i].path, path) == 0) {
            return watches[i].id;
        }
    }

    return -1;
}


/* The folding by which some readers find a key. */

static void
naive_fold(const unsigned char *key, size_t len, char *out)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if (len - i >= 2 && memcmp(key + i, "\xc5\xbf", 2) == 0) {
            *out++ = 's';
            i += 1;

        } else if (len - i >= 3 && memcmp(key + i, "\xe2\x84\xaa", 3) == 0) {
            *out++ = 'k';
            i += 2;

        } else if (key[i] >= 'A' && key[i] <= 'Z') {
            *out++ = (char) (key[i] + 32);

        } else {
            *out++ = (char) (key[i] == 0 ? 1 : key[i]);
        }
    }

    *out = '\0';
}


/* Some key of an object there is watched. */

static int
naive_watched(const char *path)
{
    size_t       i, plen;
    const char  *rest;

    plen = strlen(path);

    for (i = 0; i < sp_nelts(watches); i++) {
        rest = watches[i].path;

        if (plen != 0) {
            if (strncmp(rest, path, plen) != 0 || rest[plen] != '/') {
                continue;
            }

            rest += plen + 1;
        }

        if (*rest != '*') {
            return 1;
        }
    }

    return 0;
}


/* 0: a duplicate or a twin; 1: watched, "child" set; 2: not watched. */

static int
naive_key(naive_t *n, const char *path, char *child, uint32_t *seen)
{
    char        folded[1024], wfolded[64], segment[64];
    size_t      i, plen, slen;
    const char *rest;

    if (memchr(n->buf, 0, n->len) != NULL) {
        return naive_watched(path) ? 0 : 2;
    }

    if (n->len > 512) {
        return 2;
    }

    naive_fold(n->buf, n->len, folded);
    plen = strlen(path);

    for (i = 0; i < sp_nelts(watches); i++) {
        rest = watches[i].path;

        if (plen != 0) {
            if (strncmp(rest, path, plen) != 0 || rest[plen] != '/') {
                continue;
            }

            rest += plen + 1;
        }

        slen = strcspn(rest, "/");
        memcpy(segment, rest, slen);
        segment[slen] = '\0';

        if (strcmp(segment, "*") == 0) {
            continue;
        }

        naive_fold((unsigned char *) segment, slen, wfolded);

        if (strcmp(folded, wfolded) != 0) {
            continue;
        }

        if (n->len != slen || memcmp(n->buf, segment, slen) != 0
            || (*seen & 1u << i))
        {
            return 0;
        }

        *seen |= 1u << i;
        sprintf(child, "%s%s%s", path, plen ? "/" : "", segment);
        return 1;
    }

    return 2;
}


static int
naive_object(naive_t *n, const char *path, int element)
{
    int       rc;
    char      child[256];
    uint32_t  seen;

    seen = 0;
    n->p++;
    naive_space(n);

    if (n->p < n->end && *n->p == '}') {
        n->p++;
        return 1;
    }

    for ( ;; ) {
        naive_space(n);

        if (!naive_string(n)) {
            return 0;
        }

        rc = path == NULL ? 2 : naive_key(n, path, child, &seen);
        naive_space(n);

        if (rc == 0 || n->p >= n->end || *n->p++ != ':'
            || !naive_value(n, rc == 1 ? child : NULL, element))
        {
            return 0;
        }

        naive_space(n);

        if (n->p >= n->end || (*n->p != ',' && *n->p != '}')) {
            return 0;
        }

        if (*n->p++ == '}') {
            return 1;
        }
    }
}


static int
naive_array(naive_t *n, const char *path)
{
    int   i;
    char  child[256];

    if (path != NULL) {
        sprintf(child, "%s/*", path);
    }

    n->p++;
    naive_space(n);

    if (n->p < n->end && *n->p == ']') {
        n->p++;
        return 1;
    }

    for (i = 0; /* void */ ; i++) {
        if (!naive_value(n, path == NULL ? NULL : child, i)) {
            return 0;
        }

        naive_space(n);

        if (n->p >= n->end || (*n->p != ',' && *n->p != ']')) {
            return 0;
        }

        if (*n->p++ == ']') {
            return 1;
        }
    }
}


static int
naive_value(naive_t *n, const char *path, int element)
{
    int                   id, ok;
    size_t                i;
    const unsigned char  *start;

    static const char *const     words[] = { "null", "true", "false" };

    id = path == NULL ? -1 : naive_id(path);
    naive_space(n);

    if (n->p >= n->end) {
        return 0;
    }

    start = n->p;

    if (*start == '{' || *start == '[') {
        if (id != -1) {
            record(n->events, id, *start == '{' ? SP_JSON_OBJECT
                   : SP_JSON_ARRAY, 0, element, NULL, 0);
        }

        if (++n->depth > SP_JSON_DEPTH) {
            return 0;
        }

        ok = *start == '{' ? naive_object(n, path, element)
                           : naive_array(n, path);
        n->depth--;
        return ok;
    }

    if (*start == '"') {
        if (!naive_string(n)) {
            return 0;
        }

        if (id != -1) {
            if (n->len > SP_JSON_TEXT) {
                return 0;
            }

            record(n->events, id, SP_JSON_STRING, 0, element, n->buf, n->len);
        }

        return 1;
    }

    for (i = 0; i < 3; i++) {
        if ((size_t) (n->end - n->p) >= strlen(words[i])
            && memcmp(n->p, words[i], strlen(words[i])) == 0)
        {
            n->p += strlen(words[i]);

            if (id != -1) {
                record(n->events, id, i ? SP_JSON_BOOL : SP_JSON_NULL, i == 1,
                       element, NULL, 0);
            }

            return 1;
        }
    }

    if (!naive_number(n)) {
        return 0;
    }

    if (id != -1) {
        if (n->p - start > SP_JSON_TEXT) {
            return 0;
        }

        record(n->events, id, SP_JSON_NUMBER, 0, element, start,
               (size_t) (n->p - start));
    }

    return 1;
}


static int
naive(const unsigned char *doc, size_t len, events_t *events)
{
    int      ok;
    naive_t  n;

    n.p = doc;
    n.end = doc + len;
    n.depth = 0;
    n.events = events;
    n.len = 0;
    n.buf = malloc(4 * len + 16);
    events->len = 0;

    naive_space(&n);
    ok = n.p < n.end && *n.p == '{' && naive_value(&n, "", -1);
    naive_space(&n);
    free(n.buf);

    return ok && n.p == n.end;
}


#endif /* JSON_NAIVE_H */

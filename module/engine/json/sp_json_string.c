
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the JSON scanner's way through strings. Long runs of
 * plain text are passed 64 bytes at a time where the machine has SSE2, else
 * eight; a text that lies in one piece is not copied. Whatever a piece
 * boundary cuts goes the way of one byte at a time, with the same result.
 */


#include "sp_json_scan.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif


#define SP_JSON_SHORT  48    /* bytes of a run before steps get longer */


static sp_json_pos_t sp_json_ascii(sp_json_pos_t p, sp_json_pos_t end);
static sp_json_pos_t sp_json_escape(sp_json_t *json, sp_json_pos_t p,
    sp_json_pos_t end);
static sp_json_pos_t sp_json_string_end(sp_json_t *json, sp_json_pos_t p,
    const unsigned char *text, size_t len);
static sp_json_pos_t sp_json_hex(sp_json_t *json, sp_json_pos_t p);
static int sp_json_append_code(sp_json_t *json, uint32_t code);


/* What an escape stands for; 0 for none. 'u' is not among them. */

static const unsigned char  sp_json_simple[256] = {
    ['"'] = '"', ['\\'] = '\\', ['/'] = '/', ['b'] = '\b', ['f'] = '\f',
    ['n'] = '\n', ['r'] = '\r', ['t'] = '\t'
};


/* 1 + the value of a hexadecimal digit, 0 for others. */

static const unsigned char  sp_json_digit[256] = {
    ['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6,
    ['6'] = 7, ['7'] = 8, ['8'] = 9, ['9'] = 10,
    ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16
};


sp_json_pos_t
sp_json_string(sp_json_t *json, sp_json_pos_t p, sp_json_pos_t end)
{
    int            took;
    sp_json_pos_t  run;

    while (p != end) {
        run = p;

        if (*p == '\\') {
            goto escape;
        }

        if (end - p >= 16) {
            p = sp_json_plain_16(p, end);
        }

        if (p != end && (p == run || *p >= 0x80)) {
            p = sp_json_plain(p, end);
        }

        if (p != end && *p == '"' && json->text_len == 0) {

            /* all of it in one piece: no need to copy */

            return sp_json_string_end(json, p, run, (size_t) (p - run));
        }

        took = sp_json_append(json, run, (size_t) (p - run));

        if (took != -1) {
            return sp_json_fail(json, run + took, SP_JSON_LONG);
        }

        if (p == end) {
            break;
        }

        if (*p == '"') {
            return sp_json_string_end(json, p, json->text, json->text_len);
        }

        if (*p != '\\') {
            return sp_json_string_byte(json, p);
        }

    escape:

        p = sp_json_escape(json, p, end);

        if (json->error != SP_JSON_FINE || json->state != SP_JSON_S_STRING) {
            break;
        }
    }

    return p;
}


sp_json_pos_t
sp_json_plain(sp_json_pos_t p, sp_json_pos_t end)
{
    size_t  n;

    for ( ;; ) {
        p = sp_json_ascii(p, end);

        while (p != end && *p >= 0x20 && *p < 0x80 && *p != '"'
               && *p != '\\')
        {
            p++;
        }

        if (p == end || *p < 0x80) {
            return p;
        }

        do {
            if (end - p >= 3) {

                /* most scripts, without a call; others have narrower rules */

                if (*p >= 0xe1 && *p <= 0xec) {
                    if ((p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80) {
                        p += 3;
                        continue;
                    }

                } else if (*p >= 0xc2 && *p <= 0xdf) {
                    if ((p[1] & 0xc0) == 0x80) {
                        p += 2;
                        continue;
                    }
                }
            }

            n = sp_utf8_char(p, (size_t) (end - p));

            if (n == 0) {
                return p;
            }

            p += n;

        } while (p != end && *p >= 0x80);
    }
}


#if defined(__SSE2__)

static inline sp_json_pos_t
sp_json_wide(sp_json_pos_t p, sp_json_pos_t end)
{
    while (end - p >= 64
           && _mm_movemask_epi8(
                  _mm_or_si128(_mm_or_si128(sp_json_odd(p),
                                            sp_json_odd(p + 16)),
                               _mm_or_si128(sp_json_odd(p + 32),
                                            sp_json_odd(p + 48))))
              == 0)
    {
        p += 64;
    }

    return p;
}


/* The same of 32 bytes, where the processor has it. */

__attribute__((target("avx2")))
static inline __m256i
sp_json_odd_32(sp_json_pos_t p)
{
    __m256i  v, odd;

    v = _mm256_loadu_si256((const __m256i *) p);
    odd = _mm256_adds_epu8(_mm256_xor_si256(v, _mm256_set1_epi8(0x7d)),
                           _mm256_set1_epi8(0x21));

    return _mm256_or_si256(odd, _mm256_cmpeq_epi8(v,
                                                  _mm256_set1_epi8('\\')));
}


__attribute__((target("avx2")))
static sp_json_pos_t
sp_json_wider(sp_json_pos_t p, sp_json_pos_t end)
{
    while (end - p >= 128
           && _mm256_movemask_epi8(
                  _mm256_or_si256(_mm256_or_si256(sp_json_odd_32(p),
                                                  sp_json_odd_32(p + 32)),
                                  _mm256_or_si256(sp_json_odd_32(p + 64),
                                                  sp_json_odd_32(p + 96))))
              == 0)
    {
        p += 128;
    }

    return p;
}

#endif


/* Big steps only: stops near what sp_json_plain() looks at. */

static sp_json_pos_t
sp_json_ascii(sp_json_pos_t p, sp_json_pos_t end)
{
#if defined(__SSE2__)

    int            mask;
    sp_json_pos_t  wide;

    wide = p + SP_JSON_SHORT;

    while (end - p >= 16) {

        if (p == wide) {

            /* a long one is likely to go on */

            if (__builtin_cpu_supports("avx2")) {
                p = sp_json_wider(p, end);
            }

            p = sp_json_wide(p, end);
            wide = end;
            continue;
        }

        mask = _mm_movemask_epi8(sp_json_odd(p));

        if (mask != 0) {
            return p + (unsigned) __builtin_ctz((unsigned) mask);
        }

        p += 16;
    }

#else

    uint64_t  w, x;

#define sp_ones       UINT64_C(0x0101010101010101)
#define sp_less(w, n) (((w) - sp_ones * (n)) & ~(w))

    while (end - p >= 8) {
        memcpy(&w, p, 8);

        x = sp_less(w, 0x20) | sp_less(w ^ sp_ones * '"', 1)
            | sp_less(w ^ sp_ones * '\\', 1) | w;

        if (x & sp_ones * 0x80) {
            break;
        }

        p += 8;
    }

#endif

    return p;
}


/* An escape that is all there and no surrogate, else the way byte by byte. */

static sp_json_pos_t
sp_json_escape(sp_json_t *json, sp_json_pos_t p, sp_json_pos_t end)
{
    unsigned  a, b, c, d;
    uint32_t  code;

    if (end - p >= 2 && sp_json_simple[p[1]] != 0) {
        if ((json->flags & SP_JSON_F_COLLECT)
            && sp_json_append_code(json, sp_json_simple[p[1]]) != -1)
        {
            return sp_json_fail(json, p + 1, SP_JSON_LONG);
        }

        return p + 2;
    }

    if (end - p >= 6 && p[1] == 'u') {
        a = sp_json_digit[p[2]];
        b = sp_json_digit[p[3]];
        c = sp_json_digit[p[4]];
        d = sp_json_digit[p[5]];

        if (a != 0 && b != 0 && c != 0 && d != 0) {
            code = (a - 1) << 12 | (b - 1) << 8 | (c - 1) << 4 | (d - 1);

            if (code < 0xd800 || code > 0xdfff) {
                if (sp_json_append_code(json, code) != -1) {
                    return sp_json_fail(json, p + 5, SP_JSON_LONG);
                }

                return p + 6;
            }
        }
    }

    json->state = SP_JSON_S_ESCAPE;

    return p + 1;
}


/* p is at the closing quote. */

static sp_json_pos_t
sp_json_string_end(sp_json_t *json, sp_json_pos_t p, const unsigned char *text,
    size_t len)
{
    sp_json_error_t  error;

    if (json->flags & SP_JSON_F_KEY) {
        json->state = SP_JSON_S_COLON;
        json->node = -1;

        if ((json->flags & (SP_JSON_F_COLLECT | SP_JSON_F_OVER
                            | SP_JSON_F_NUL))
            != SP_JSON_F_COLLECT)
        {
            return (json->flags & SP_JSON_F_NUL) == 0
                   ? p + 1 : sp_json_fail(json, p, SP_JSON_TWIN);
        }

        error = sp_json_key(json, text, len);

        return error == SP_JSON_FINE ? p + 1 : sp_json_fail(json, p, error);
    }

    json->state = SP_JSON_S_AFTER;

    if ((json->flags & SP_JSON_F_COLLECT) == 0) {
        return p + 1;
    }

    if (len > SP_JSON_TEXT) {
        return sp_json_fail(json, text + SP_JSON_TEXT, SP_JSON_LONG);
    }

    return sp_json_report(json, SP_JSON_STRING, 0, text, len) == SP_OK
           ? p + 1 : p;
}


/* Whatever in a string is not plain, one byte at a time. */

sp_json_pos_t
sp_json_string_byte(sp_json_t *json, sp_json_pos_t p)
{
    unsigned char  c;

    c = *p;

    switch (json->state) {

    case SP_JSON_S_STRING:
        if (c < 0x20) {
            return sp_json_fail(json, p, SP_JSON_SYNTAX);
        }

        if (c < 0xc2 || c > 0xf4) {
            return sp_json_fail(json, p, SP_JSON_UTF8);
        }

        json->utf8_left = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
        json->utf8_lo = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
        json->utf8_hi = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
        json->state = SP_JSON_S_UTF8;
        break;

    case SP_JSON_S_UTF8:
        if (c < json->utf8_lo || c > json->utf8_hi) {
            return sp_json_fail(json, p, SP_JSON_UTF8);
        }

        json->utf8_lo = 0x80;
        json->utf8_hi = 0xbf;

        if (--json->utf8_left == 0) {
            json->state = SP_JSON_S_STRING;
        }

        break;

    case SP_JSON_S_HEX:
        return sp_json_hex(json, p);

    case SP_JSON_S_LOW:
        json->state = SP_JSON_S_LOW_U;
        return c == '\\' ? p + 1 : sp_json_fail(json, p, SP_JSON_UTF8);

    default:   /* SP_JSON_S_ESCAPE, SP_JSON_S_LOW_U */
        if (c == 'u') {
            json->state = SP_JSON_S_HEX;
            json->escape = 0;
            json->sub = 0;
            return p + 1;
        }

        if (json->state == SP_JSON_S_LOW_U) {
            return sp_json_fail(json, p, SP_JSON_UTF8);
        }

        if (sp_json_simple[c] == 0) {
            return sp_json_fail(json, p, SP_JSON_SYNTAX);
        }

        c = sp_json_simple[c];
        json->state = SP_JSON_S_STRING;
    }

    if (sp_json_append(json, &c, 1) != -1) {
        return sp_json_fail(json, p, SP_JSON_LONG);
    }

    return p + 1;
}


static sp_json_pos_t
sp_json_hex(sp_json_t *json, sp_json_pos_t p)
{
    uint32_t  code;

    if (sp_json_digit[*p] == 0) {
        return sp_json_fail(json, p, SP_JSON_SYNTAX);
    }

    json->escape = json->escape << 4 | (sp_json_digit[*p] - 1u);

    if (++json->sub < 4) {
        return p + 1;
    }

    code = json->escape;

    if (json->high != 0) {
        if (code < 0xdc00 || code > 0xdfff) {
            return sp_json_fail(json, p, SP_JSON_UTF8);
        }

        code = 0x10000 + ((json->high - 0xd800) << 10) + (code - 0xdc00);
        json->high = 0;

    } else if (code >= 0xd800 && code <= 0xdbff) {
        json->high = code;
        json->state = SP_JSON_S_LOW;
        return p + 1;

    } else if (code >= 0xdc00 && code <= 0xdfff) {
        return sp_json_fail(json, p, SP_JSON_UTF8);
    }

    json->state = SP_JSON_S_STRING;

    if (sp_json_append_code(json, code) != -1) {
        return sp_json_fail(json, p, SP_JSON_LONG);
    }

    return p + 1;
}


int
sp_json_append(sp_json_t *json, const unsigned char *p, size_t len)
{
    size_t  room;

    if ((json->flags & (SP_JSON_F_COLLECT | SP_JSON_F_OVER))
        != SP_JSON_F_COLLECT)
    {
        return -1;
    }

    room = sizeof(json->text) - json->text_len;

    if (len > room) {
        if (json->flags & SP_JSON_F_KEY) {
            json->flags |= SP_JSON_F_OVER;
            return -1;
        }

        return (int) room;
    }

    memcpy(json->text + json->text_len, p, len);
    json->text_len = (uint16_t) (json->text_len + len);

    return -1;
}


static int
sp_json_append_code(sp_json_t *json, uint32_t code)
{
    size_t         n;
    unsigned char  utf8[4];

    if ((json->flags & SP_JSON_F_COLLECT) == 0) {
        return -1;
    }

    if (code == 0 && (json->flags & SP_JSON_F_KEY)) {
        json->flags |= SP_JSON_F_NUL;
    }

    if (code < 0x80) {
        utf8[0] = (unsigned char) code;
        n = 1;

    } else if (code < 0x800) {
        utf8[0] = (unsigned char) (0xc0 | code >> 6);
        n = 2;

    } else if (code < 0x10000) {
        utf8[0] = (unsigned char) (0xe0 | code >> 12);
        utf8[1] = (unsigned char) (0x80 | (code >> 6 & 0x3f));
        n = 3;

    } else {
        utf8[0] = (unsigned char) (0xf0 | code >> 18);
        utf8[1] = (unsigned char) (0x80 | (code >> 12 & 0x3f));
        utf8[2] = (unsigned char) (0x80 | (code >> 6 & 0x3f));
        n = 4;
    }

    if (n > 1) {
        utf8[n - 1] = (unsigned char) (0x80 | (code & 0x3f));
    }

    return sp_json_append(json, utf8, n);
}

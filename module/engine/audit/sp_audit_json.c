
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the writer of audit lines. A line must stay one line,
 * and must look like what it is, whatever a client sends.
 */


#include "sp_audit_json.h"


static size_t sp_out_escape(unsigned char *dst, const unsigned char *p,
    size_t left, size_t *taken);
static size_t sp_out_sequence(const unsigned char *p, size_t left,
    uint32_t *code);
static int sp_out_hidden(uint32_t code);
static inline unsigned char *sp_out_digits(unsigned char *p, unsigned n,
    unsigned v);


static const char  sp_out_pairs[] =
    "00010203040506070809101112131415161718192021222324252627282930313233"
    "34353637383940414243444546474849505152535455565758596061626364656667"
    "68697071727374757677787980818283848586878889909192939495969798"
    "99";


void
sp_out_uint(sp_out_t *out, uint64_t n)
{
    size_t          len;
    uint32_t        m;
    unsigned        k;
    unsigned char  *p;

    static const uint64_t  powers[] = {
        0, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000,
        1000000000, 10000000000, 100000000000, 1000000000000,
        10000000000000, 100000000000000, 1000000000000000
    };

    if (n < 10 && out->p < out->last) {
        *out->p++ = (unsigned char) ('0' + n);
        return;
    }

    if (n > SP_OUT_INT_MAX) {
        n = SP_OUT_INT_MAX;
    }

    /* bits times log10(2) are the digits or one less: 1233 / 4096 */

    k = (64 - (unsigned) __builtin_clzll(n | 1)) * 1233 >> 12;
    len = k + (n >= powers[k]);

    if (len > (size_t) (out->last - out->p)) {
        return;
    }

    out->p += len;

    p = out->p;

    for ( /* void */ ; n > UINT32_MAX; n /= 100) {
        p -= 2;
        memcpy(p, sp_out_pairs + n % 100 * 2, 2);
    }

    for (m = (uint32_t) n; m >= 10; m /= 100) {
        p -= 2;
        memcpy(p, sp_out_pairs + m % 100 * 2, 2);
    }

    if (p != out->p - len) {
        *--p = (unsigned char) ('0' + m);
    }
}


void
sp_out_int(sp_out_t *out, int64_t n)
{
    if (n < 0) {
        sp_out_lit(out, "-");
        sp_out_uint(out, (uint64_t) 0 - (uint64_t) n);
        return;
    }

    sp_out_uint(out, (uint64_t) n);
}


void
sp_out_uint_or_null(sp_out_t *out, int known, uint64_t n)
{
    if (known) {
        sp_out_uint(out, n);

    } else {
        sp_out_lit(out, "null");
    }
}


void
sp_out_text(sp_out_t *out, sp_str_t s, size_t max)
{
    size_t                n, taken;
    unsigned char        *p, *last, escaped[8];
    const unsigned char  *q, *end;

    static const char     more[] = "\\u2026";

    if ((size_t) (out->last - out->p) < sizeof(more) + 2) {
        return;
    }

    p = out->p;
    *p++ = '"';

    last = out->last - sizeof(more);

    if (max < (size_t) (last - p)) {
        last = p + max;
    }

    q = s.data;
    end = q + s.len;

    while (q < end) {
        n = (size_t) (last - p);
        n = sp_plain(p, q, n < (size_t) (end - q) ? n : (size_t) (end - q));
        p += n;
        q += n;

        if (q == end) {
            break;
        }

        n = sp_out_escape(escaped, q, (size_t) (end - q), &taken);

        if (n > (size_t) (last - p)) {
            memcpy(p, more, sizeof(more) - 1);
            p += sizeof(more) - 1;
            break;
        }

        memcpy(p, escaped, n);
        p += n;
        q += taken;
    }

    *p++ = '"';
    out->p = p;
}


void
sp_out_word(sp_out_t *out, const char *word)
{
    size_t  len;

    len = strlen(word);

    if (len + 2 > (size_t) (out->last - out->p)) {
        return;
    }

    *out->p++ = '"';
    memcpy(out->p, word, len);
    out->p += len;
    *out->p++ = '"';
}


void
sp_out_time(sp_out_t *out, uint64_t wall_us)
{
    unsigned        second, day, month;
    uint64_t        days, year, era, rest;
    unsigned char  *p, text[40];

    days = wall_us / 1000000 / 86400;
    second = (unsigned) (wall_us / 1000000 % 86400);

    /*
     * Days to a date in years that begin on 1 March, so that the leap day is
     * the last one; 400 years are 146097 days.
     */

    days += 719468;
    era = days / 146097;
    rest = days % 146097;
    year = (rest - rest / 1460 + rest / 36524 - rest / 146096) / 365;
    rest -= 365 * year + year / 4 - year / 100;
    month = (unsigned) (5 * rest + 2) / 153;
    day = (unsigned) rest - (153 * month + 2) / 5 + 1;
    month = month < 10 ? month + 3 : month - 9;
    year += era * 400 + (month <= 2);

    if (year > 9999) {
        sp_out_lit(out, "null");
        return;
    }

    p = text;
    *p++ = '"';
    p = sp_out_digits(p, 4, (unsigned) year);
    *p++ = '-';
    p = sp_out_digits(p, 2, month);
    *p++ = '-';
    p = sp_out_digits(p, 2, day);
    *p++ = 'T';
    p = sp_out_digits(p, 2, second / 3600);
    *p++ = ':';
    p = sp_out_digits(p, 2, second / 60 % 60);
    *p++ = ':';
    p = sp_out_digits(p, 2, second % 60);
    *p++ = '.';
    p = sp_out_digits(p, 6, (unsigned) (wall_us % 1000000));
    *p++ = 'Z';
    *p++ = '"';

    sp_out_raw(out, text, (size_t) (p - text));
}


/* One character, as it is or escaped, into at most 8 bytes. */

static size_t
sp_out_escape(unsigned char *dst, const unsigned char *p, size_t left,
    size_t *taken)
{
    uint32_t       code;
    unsigned char  bytes[2];

    *taken = sp_out_sequence(p, left, &code);

    if (*taken == 0) {
        *taken = 1;
        code = 0xfffd;

    } else if (code == '"' || code == '\\') {
        dst[0] = '\\';
        dst[1] = (unsigned char) code;
        return 2;

    } else if (sp_out_hidden(code) == 0) {
        memcpy(dst, p, *taken);
        return *taken;
    }

    /* all hidden characters have at most 16 bits */

    bytes[0] = (unsigned char) (code >> 8);
    bytes[1] = (unsigned char) code;
    dst[0] = '\\';
    dst[1] = 'u';
    sp_hex(bytes, 2, dst + 2);

    return 6;
}


/* Length of a well-formed UTF-8 sequence (RFC 3629), or 0. */

static size_t
sp_out_sequence(const unsigned char *p, size_t left, uint32_t *code)
{
    size_t    i, n;
    uint32_t  c, least;

    c = p[0];

    if (c < 0x80) {
        *code = c;
        return 1;
    }

    if (c >= 0xc2 && c <= 0xdf) {
        n = 2;
        least = 0x80;
        c &= 0x1f;

    } else if (c >= 0xe0 && c <= 0xef) {
        n = 3;
        least = 0x800;
        c &= 0x0f;

    } else if (c >= 0xf0 && c <= 0xf4) {
        n = 4;
        least = 0x10000;
        c &= 0x07;

    } else {
        return 0;
    }

    if (left < n) {
        return 0;
    }

    for (i = 1; i < n; i++) {

        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }

        c = c << 6 | (p[i] & 0x3f);
    }

    if (c < least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        return 0;
    }

    *code = c;

    return n;
}


/*
 * Controls, line ends of Unicode, and characters that have no shape or turn
 * the direction of others: a terminal or a page would not show what is there.
 */

static int
sp_out_hidden(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xad
           || code == 0x061c || (code >= 0x200b && code <= 0x200f)
           || (code >= 0x2028 && code <= 0x202e)
           || (code >= 0x2060 && code <= 0x206f) || code == 0xfeff
           || (code >= 0xfff9 && code <= 0xfffb);
}


/* An even number of digits. */

static inline unsigned char *
sp_out_digits(unsigned char *p, unsigned n, unsigned v)
{
    unsigned  i;

    for (i = n; i > 0; v /= 100) {
        i -= 2;
        memcpy(p + i, sp_out_pairs + v % 100 * 2, 2);
    }

    return p + n;
}

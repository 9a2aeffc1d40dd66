
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the writer of audit lines. A line must stay one line,
 * and must look like what it is, whatever a client sends.
 */


#include "sp_audit_json.h"


#define SP_PUT_LAST_SECOND  UINT64_C(253402300799)   /* of the year 9999 */


static size_t sp_put_escape(unsigned char *dst, const unsigned char *p,
    size_t left, size_t *taken);
static size_t sp_put_sequence(const unsigned char *p, size_t left,
    uint32_t *code);
static int sp_put_hidden(uint32_t code);
static inline unsigned char *sp_put_digits(unsigned char *p, unsigned n,
    unsigned v);


static const char  sp_put_pairs[] =
    "00010203040506070809101112131415161718192021222324252627282930313233"
    "34353637383940414243444546474849505152535455565758596061626364656667"
    "68697071727374757677787980818283848586878889909192939495969798"
    "99";


unsigned char *
sp_put_number(unsigned char *p, uint64_t n)
{
    size_t          len;
    uint32_t        m;
    unsigned        k;
    unsigned char  *end;

    static const uint64_t  powers[] = {
        0, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000,
        1000000000, 10000000000, 100000000000, 1000000000000,
        10000000000000, 100000000000000, 1000000000000000
    };

    if (n > SP_PUT_INT_MAX) {
        n = SP_PUT_INT_MAX;
    }

    /* bits times log10(2) are the digits or one less: 1233 / 4096 */

    k = (64 - (unsigned) __builtin_clzll(n | 1)) * 1233 >> 12;
    len = k + (n >= powers[k]);

    p += len;
    end = p;

    for ( /* void */ ; n > UINT32_MAX; n /= 100) {
        p -= 2;
        memcpy(p, sp_put_pairs + n % 100 * 2, 2);
    }

    for (m = (uint32_t) n; m >= 10; m /= 100) {
        p -= 2;
        memcpy(p, sp_put_pairs + m % 100 * 2, 2);
    }

    if (p != end - len) {
        *--p = (unsigned char) ('0' + m);
    }

    return end;
}


unsigned char *
sp_put_micros(unsigned char *p, unsigned n)
{
    return sp_put_digits(p, 6, n);
}


unsigned char *
sp_put_text(unsigned char *p, sp_str_t s, size_t max)
{
    size_t                n, taken;
    unsigned char        *last, escaped[8];
    const unsigned char  *q, *end;

    static const char     more[] = "\\u2026";

    *p++ = '"';

    last = p + max;
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

        n = sp_put_escape(escaped, q, (size_t) (end - q), &taken);

        if (n > (size_t) (last - p)) {
            p = sp_put_lit(p, more);
            break;
        }

        p = sp_put(p, escaped, n);
        q += taken;
    }

    *p++ = '"';

    return p;
}


unsigned char *
sp_put_second(unsigned char *p, uint64_t second)
{
    unsigned  day, month, rest_of_day;
    uint64_t  days, year, era, rest;

    if (second > SP_PUT_LAST_SECOND) {
        second = SP_PUT_LAST_SECOND;
    }

    days = second / 86400;
    rest_of_day = (unsigned) (second % 86400);

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

    p = sp_put_digits(p, 4, (unsigned) year);
    *p++ = '-';
    p = sp_put_digits(p, 2, month);
    *p++ = '-';
    p = sp_put_digits(p, 2, day);
    *p++ = 'T';
    p = sp_put_digits(p, 2, rest_of_day / 3600);
    *p++ = ':';
    p = sp_put_digits(p, 2, rest_of_day / 60 % 60);
    *p++ = ':';
    p = sp_put_digits(p, 2, rest_of_day % 60);
    *p++ = '.';

    return p;
}


/* One character, as it is or escaped, into at most 8 bytes. */

static size_t
sp_put_escape(unsigned char *dst, const unsigned char *p, size_t left,
    size_t *taken)
{
    uint32_t       code;
    unsigned char  bytes[2];

    *taken = sp_put_sequence(p, left, &code);

    if (*taken == 0) {
        *taken = 1;
        code = 0xfffd;

    } else if (code == '"' || code == '\\') {
        dst[0] = '\\';
        dst[1] = (unsigned char) code;
        return 2;

    } else if (sp_put_hidden(code) == 0) {
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
sp_put_sequence(const unsigned char *p, size_t left, uint32_t *code)
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
sp_put_hidden(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xad
           || code == 0x061c || (code >= 0x200b && code <= 0x200f)
           || (code >= 0x2028 && code <= 0x202e)
           || (code >= 0x2060 && code <= 0x206f) || code == 0xfeff
           || (code >= 0xfff9 && code <= 0xfffb);
}


/* An even number of digits. */

static inline unsigned char *
sp_put_digits(unsigned char *p, unsigned n, unsigned v)
{
    unsigned  i;

    for (i = n; i > 0; v /= 100) {
        i -= 2;
        memcpy(p + i, sp_put_pairs + v % 100 * 2, 2);
    }

    return p + n;
}

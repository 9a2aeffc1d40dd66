
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the writer of audit lines: JSON into a buffer that is
 * large enough, ASCII wherever a reader could be misled by anything else.
 *
 * Each function writes at "p" and returns the end. Nothing is checked against
 * the end of the buffer: each says how much it writes at most, and who writes
 * a record adds that up.
 */


#ifndef SP_AUDIT_JSON_H
#define SP_AUDIT_JSON_H


#include "sp_base.h"


#define SP_PUT_INT_MAX  (((uint64_t) 1 << 53) - 1)   /* exact in any reader */


/* Bytes as they are. */

static inline unsigned char *
sp_put(unsigned char *p, const void *data, size_t len)
{
    memcpy(p, data, len);

    return p + len;
}

#define sp_put_lit(p, lit)  sp_put(p, lit, sizeof(lit) - 1)


/* Digits of a larger number; sp_put_uint() is for all. */
unsigned char *sp_put_number(unsigned char *p, uint64_t n);

/* At most 16 digits: numbers beyond SP_PUT_INT_MAX are written as that. */

static inline unsigned char *
sp_put_uint(unsigned char *p, uint64_t n)
{
    if (n < 10) {
        *p = (unsigned char) ('0' + n);
        return p + 1;
    }

    return sp_put_number(p, n);
}

/* At most 17. */

static inline unsigned char *
sp_put_int(unsigned char *p, int64_t n)
{
    if (n < 0) {
        *p++ = '-';
        return sp_put_uint(p, (uint64_t) 0 - (uint64_t) n);
    }

    return sp_put_uint(p, (uint64_t) n);
}


/* Six digits of "n" below a million. */
unsigned char *sp_put_micros(unsigned char *p, unsigned n);


/*
 * A string with its quotes: control characters, invisible and direction
 * marks, quotes and backslashes are escaped, bytes that are no UTF-8 become
 * U+FFFD. Cut to "max" bytes of output, with an ellipsis: at most max + 8.
 */
unsigned char *sp_put_text(unsigned char *p, sp_str_t s, size_t max);


/* The same for constant plain ASCII: its length and 2. */

static inline unsigned char *
sp_put_word(unsigned char *p, const char *word)
{
    size_t  len;

    len = strlen(word);
    *p++ = '"';
    memcpy(p, word, len);
    p += len;
    *p++ = '"';

    return p;
}


/*
 * RFC 3339, UTC, up to the second and the point: "2026-11-23T12:00:04.",
 * without its quotes; 20 bytes. Years beyond 9999 are written as 9999.
 */
unsigned char *sp_put_second(unsigned char *p, uint64_t second);


#endif /* SP_AUDIT_JSON_H */

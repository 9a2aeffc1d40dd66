
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the writer of audit lines: JSON into a buffer of fixed
 * size, ASCII wherever a reader could be misled by anything else.
 */


#ifndef SP_AUDIT_JSON_H
#define SP_AUDIT_JSON_H


#include "sp_base.h"


#define SP_OUT_INT_MAX  (((uint64_t) 1 << 53) - 1)   /* exact in any reader */


typedef struct {
    unsigned char  *p;
    unsigned char  *last;    /* nothing is written here or behind it */
} sp_out_t;


#define sp_out_lit(out, lit)  sp_out_raw(out, lit, sizeof(lit) - 1)

/* Bytes as they are. What does not fit is not written. */
static inline void
sp_out_raw(sp_out_t *out, const void *data, size_t len)
{
    if (len <= (size_t) (out->last - out->p)) {
        memcpy(out->p, data, len);
        out->p += len;
    }
}

/* Numbers beyond SP_OUT_INT_MAX are written as that. */
void sp_out_uint(sp_out_t *out, uint64_t n);
void sp_out_int(sp_out_t *out, int64_t n);

/* A number, or null. */
void sp_out_uint_or_null(sp_out_t *out, int known, uint64_t n);

/*
 * A string with its quotes: control characters, invisible and direction
 * marks, quotes and backslashes are escaped, bytes that are no UTF-8 become
 * U+FFFD. Cut to "max" bytes of output and the quotes, with an ellipsis.
 */
void sp_out_text(sp_out_t *out, sp_str_t s, size_t max);

/* The same for constant plain ASCII. */
void sp_out_word(sp_out_t *out, const char *word);

/* RFC 3339, UTC, with six digits of a second; with its quotes. */
void sp_out_time(sp_out_t *out, uint64_t wall_us);


#endif /* SP_AUDIT_JSON_H */

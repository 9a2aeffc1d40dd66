
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what every room of the engine shares: strings that are
 * not NUL-terminated, Kleene's three truth values, return codes and the few
 * text conversions that must never guess.
 */


#ifndef SP_BASE_H
#define SP_BASE_H


#include <stddef.h>
#include <stdint.h>
#include <string.h>


typedef struct {
    size_t                len;   /* bytes */
    const unsigned char  *data;  /* not owned, not NUL-terminated */
} sp_str_t;

#define sp_str(lit)   { sizeof(lit) - 1, (const unsigned char *) (lit) }
#define SP_STR(lit)   ((sp_str_t) sp_str(lit))


typedef enum {
    SP_OK = 0,
    SP_ERROR = -1,
    SP_AGAIN = -2,
    SP_DECLINED = -3
} sp_rc_t;


/*
 * Kleene's strong three-valued logic: "and" is the minimum, "or" the maximum,
 * "not" the distance from SP_TRUE (reference: S. C. Kleene, 1952, section 64).
 */

typedef enum {
    SP_FALSE = 0,
    SP_UNSURE = 1,
    SP_TRUE = 2
} sp_truth_t;

#define sp_truth_not(t)  ((sp_truth_t) (SP_TRUE - (t)))


#define sp_nelts(a)  (sizeof(a) / sizeof((a)[0]))


static inline int
sp_str_eq(sp_str_t a, sp_str_t b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}


/* "text" is NUL-terminated and outlives the result. */
static inline sp_str_t
sp_cstr(const char *text)
{
    sp_str_t  s = { strlen(text), (const unsigned char *) text };

    return s;
}


/* ASCII letters compare without case; all other bytes must be equal. */
int sp_str_caseeq(sp_str_t a, sp_str_t b);

/* Decimal, no sign, no leading zero, at most "max". SP_ERROR otherwise. */
sp_rc_t sp_parse_uint(sp_str_t s, uint64_t max, uint64_t *value);

/* Lower-case hexadecimal of n bytes into dst, which holds 2 * n; no NUL. */
void sp_hex(const unsigned char *src, size_t n, unsigned char *dst);

/* The reverse, for lower-case digits only; SP_ERROR on anything else. */
sp_rc_t sp_unhex(sp_str_t s, unsigned char *dst);

/* 1 if "s" is valid UTF-8 (RFC 3629: no overlong forms, no surrogates). */
int sp_utf8_valid(sp_str_t s);

/*
 * Copies the bytes that stand for themselves in a string of JSON up to the
 * first that does not, at most "len", and returns how many there were. Those
 * are printable ASCII but for '"' and '\'.
 */
size_t sp_plain(unsigned char *dst, const unsigned char *p, size_t len);

/*
 * Bytes of the UTF-8 character that starts at p, where "left" >= 1 bytes are;
 * 0 if it is none or is not all there.
 */
size_t sp_utf8_char(const unsigned char *p, size_t left);

/*
 * SipHash-2-4 of n bytes under a 16-byte key (Aumasson and Bernstein, 2012).
 * Tables that clients can fill are indexed with it, never with a plain hash.
 */
uint64_t sp_siphash(const unsigned char key[16], const void *data, size_t n);


#endif /* SP_BASE_H */

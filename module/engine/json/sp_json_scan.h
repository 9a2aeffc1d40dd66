
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the files of the JSON scanner share: its states,
 * the compiled form of watched paths, and the calls between them. Positions
 * are in the piece of input that is read now.
 */


#ifndef SP_JSON_SCAN_H
#define SP_JSON_SCAN_H


#include "sp_json.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif


typedef const unsigned char  *sp_json_pos_t;


#define SP_JSON_NODES    128
#define SP_JSON_LETTERS  32    /* what five bits of a byte tell apart */


typedef enum {
    SP_JSON_S_START = 0,     /* before the root */
    SP_JSON_S_FIRST_KEY,     /* after '{': a key or '}' */
    SP_JSON_S_KEY,           /* after ',' in an object */
    SP_JSON_S_COLON,
    SP_JSON_S_VALUE,
    SP_JSON_S_FIRST_VALUE,   /* after '[': a value or ']' */
    SP_JSON_S_AFTER,         /* after a value: ',' or a closing bracket */
    SP_JSON_S_DONE,          /* after the root: white space only */
    SP_JSON_S_NUMBER,
    SP_JSON_S_STRING,        /* states from here on are inside a string */
    SP_JSON_S_UTF8,          /* in a character of several bytes */
    SP_JSON_S_ESCAPE,        /* after '\' */
    SP_JSON_S_HEX,           /* in the digits of a "\u" */
    SP_JSON_S_LOW,           /* after a high surrogate: '\' */
    SP_JSON_S_LOW_U,         /* and 'u' */
    SP_JSON_S_LITERAL
} sp_json_state_t;


/* What json->sub says of a number. */
enum {
    SP_JSON_N_START = 0,
    SP_JSON_N_MINUS,
    SP_JSON_N_ZERO,
    SP_JSON_N_INT,
    SP_JSON_N_DOT,
    SP_JSON_N_FRACTION,
    SP_JSON_N_E,
    SP_JSON_N_SIGN,
    SP_JSON_N_EXPONENT,
    SP_JSON_N_END,           /* a byte that is not of the number */
    SP_JSON_N_BAD
};


#define SP_JSON_F_COLLECT  1    /* into json->text */
#define SP_JSON_F_KEY      2
#define SP_JSON_F_OVER     4    /* a key too long to be a watched one */
#define SP_JSON_F_NUL      8    /* a key that ends early to readers in C */


#define sp_json_space(c)                                                      \
    ((c) == ' ' || (c) == '\n' || (c) == '\r' || (c) == '\t')

#define sp_json_is_digit(c)  ((c) >= '0' && (c) <= '9')


/*
 * A place in the tree of paths; links are node numbers, -1 for none. Keys
 * below are in one list a letter that they begin with in either case.
 */
typedef struct {
    int16_t        id;           /* of the watch that ends here, or -1 */
    int16_t        star;         /* elements, if this is an array */
    int16_t        next;         /* key of the parent with the same letter */
    uint16_t       name;         /* offset into names: exact, then folded */
    uint8_t        len;
    uint8_t        bit;          /* number among the keys of the parent */
    uint8_t        keys;         /* number of keys below */
    int16_t        first[SP_JSON_LETTERS];
    uint16_t       lens[SP_JSON_LETTERS];    /* bits: lengths modulo 16 */
} sp_json_node_t;


struct sp_json_table_s {
    uint16_t        nnodes;
    uint16_t        names_len;
    unsigned char  *names;       /* behind the nodes in use */
    sp_json_node_t  nodes[];
};


/* 0 if an ASCII key below "node" cannot be watched, nor a twin. */
static inline unsigned
sp_json_table_may(const sp_json_table_t *table, int node,
    const unsigned char *key, size_t len)
{
    return table->nodes[node].lens[key[0] % SP_JSON_LETTERS] >> len % 16 & 1;
}


/* Nobody outside may replace these: calls to them are direct. */
#pragma GCC visibility push(hidden)


/*
 * Members and elements as serializers write them. Stops in front of whatever
 * is otherwise; json->state tells how to go on.
 */
sp_json_pos_t sp_json_quick(sp_json_t *json, sp_json_pos_t p,
    sp_json_pos_t end);

/* A value that begins at p. */
sp_json_pos_t sp_json_value(sp_json_t *json, sp_json_pos_t p,
    sp_json_pos_t end);

/* The rest of a number or literal: json->state says which. */
sp_json_pos_t sp_json_number(sp_json_t *json, sp_json_pos_t p,
    sp_json_pos_t end);
sp_json_pos_t sp_json_literal(sp_json_t *json, sp_json_pos_t p,
    sp_json_pos_t end);

/* The rest of a string: json->state is SP_JSON_S_STRING. */
sp_json_pos_t sp_json_string(sp_json_t *json, sp_json_pos_t p,
    sp_json_pos_t end);

/* A byte of a string in any of its other states. */
sp_json_pos_t sp_json_string_byte(sp_json_t *json, sp_json_pos_t p);

/*
 * Skips what needs no look in a string: all but quotes, backslashes, control
 * characters, and characters that are not whole or not valid.
 */
sp_json_pos_t sp_json_plain(sp_json_pos_t p, sp_json_pos_t end);

/* Looks up a key of a watched object; json->node is that of its value. */
sp_json_error_t sp_json_key(sp_json_t *json, const unsigned char *key,
    size_t len);

/* -1, or how many bytes fit before a watched text was too long. */
int sp_json_append(sp_json_t *json, const unsigned char *p, size_t len);

/* Hands the value of json->node over, if that is watched. */
sp_rc_t sp_json_report(sp_json_t *json, sp_json_type_t type, int boolean,
    const unsigned char *text, size_t len);

/* Sets the error; its place is p. */
sp_json_pos_t sp_json_fail(sp_json_t *json, sp_json_pos_t p,
    sp_json_error_t error);


#pragma GCC visibility pop


/* 1 if the value to come is to be reported. */
static inline unsigned
sp_json_watched(const sp_json_t *json)
{
    return json->node != -1 && json->table->nodes[json->node].id != -1;
}


/* Goes into a container that begins with c; the state there. */
static inline unsigned
sp_json_push(sp_json_t *json, unsigned char c)
{
    /* in ASCII either bracket is two before the one that closes */

    json->close[json->depth++] = (unsigned char) (c + 2);

    return c == '[' ? SP_JSON_S_FIRST_VALUE : SP_JSON_S_FIRST_KEY;
}


/* The state after a comma. */
static inline unsigned
sp_json_comma(sp_json_t *json)
{
    unsigned  d;

    d = json->depth - 1;

    if (json->close[d] == '}') {
        return SP_JSON_S_KEY;
    }

    if (json->live == json->depth) {
        json->node = json->nodes[d];
        json->element[d] += json->element[d] != INT32_MAX;
    }

    return SP_JSON_S_VALUE;
}


/* The state after the bracket that closes the innermost container. */
static inline unsigned
sp_json_close(sp_json_t *json)
{
    json->depth--;

    if (json->live > json->depth) {
        json->live = json->depth;
    }

    return json->depth == 0 ? SP_JSON_S_DONE : SP_JSON_S_AFTER;
}


#if defined(__SSE2__)

/*
 * Of 16 bytes, the top bits of those that sp_json_plain() looks at, without
 * a step for each of them: the exclusive or puts plain text, and only that,
 * from 0 to 0x5e; the sum saturates.
 */
static inline __m128i
sp_json_odd(sp_json_pos_t p)
{
    __m128i  v, odd;

    v = _mm_loadu_si128((const __m128i *) p);
    odd = _mm_adds_epu8(_mm_xor_si128(v, _mm_set1_epi8(0x7d)),
                        _mm_set1_epi8(0x21));

    return _mm_or_si128(odd, _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
}

#endif


/*
 * As sp_json_plain(); 16 bytes and more are there. Where it stops within them
 * all before is ASCII.
 */
static inline sp_json_pos_t
sp_json_plain_16(sp_json_pos_t p, sp_json_pos_t end)
{
#if defined(__SSE2__)

    int  mask;

    mask = _mm_movemask_epi8(sp_json_odd(p));

    if (mask != 0) {
        return p + (unsigned) __builtin_ctz((unsigned) mask);
    }

    p += 16;

#else

    sp_json_pos_t  stop;

    for (stop = p + 16; p != stop; p++) {
        if (*p < 0x20 || *p >= 0x80 || *p == '"' || *p == '\\') {
            return p;
        }
    }

#endif

    return sp_json_plain(p, end);
}


#endif /* SP_JSON_SCAN_H */

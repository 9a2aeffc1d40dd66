
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the three files of the JSON scanner share: its
 * states, the compiled form of watched paths, and the calls between them.
 * Positions are in the piece of input that is read now.
 */


#ifndef SP_JSON_SCAN_H
#define SP_JSON_SCAN_H


#include "sp_json.h"


typedef const unsigned char  *sp_json_pos_t;


#define SP_JSON_NODES    128
#define SP_JSON_BUCKETS  16    /* a power of two */

#define SP_JSON_NO_KEY   -1
#define SP_JSON_IS_TWIN  -2


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
    SP_JSON_N_MINUS = 0,
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


/* A place in the tree of paths; links are node numbers, -1 for none. */
typedef struct {
    int16_t        id;           /* of the watch that ends here, or -1 */
    int16_t        star;         /* elements, if this is an array */
    int16_t        next;         /* in the bucket of the parent */
    uint16_t       name;         /* offset into names: exact, then folded */
    uint8_t        len;
    uint8_t        bit;          /* number among the keys of the parent */
    uint8_t        keys;         /* number of keys below */
    int16_t        bucket[SP_JSON_BUCKETS];
} sp_json_node_t;


struct sp_json_table_s {
    uint16_t        nnodes;
    uint16_t        names_len;
    unsigned char  *names;       /* behind the nodes in use */
    sp_json_node_t  nodes[];
};


/*
 * The node of a key below "node", SP_JSON_NO_KEY, or SP_JSON_IS_TWIN if it
 * only folds to one.
 */
int sp_json_table_key(const sp_json_table_t *table, int node,
    const unsigned char *key, size_t len);

/* The rest of a string: json->state is SP_JSON_S_STRING. */
sp_json_pos_t sp_json_string(sp_json_t *json, sp_json_pos_t p,
    sp_json_pos_t end);

/* A byte of a string in any of its other states. */
sp_json_pos_t sp_json_string_byte(sp_json_t *json, sp_json_pos_t p);

/* -1, or how many bytes fit before a watched text was too long. */
int sp_json_append(sp_json_t *json, const unsigned char *p, size_t len);

/* Hands the value of json->node over, if that is watched. */
sp_rc_t sp_json_report(sp_json_t *json, sp_json_type_t type, int boolean,
    const unsigned char *text, size_t len);

/* Sets the error; its place is p. */
sp_json_pos_t sp_json_fail(sp_json_t *json, sp_json_pos_t p,
    sp_json_error_t error);


#endif /* SP_JSON_SCAN_H */


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the JSON scanner: strict RFC 8259, iterative, fed in
 * pieces cut anywhere, in memory that does not grow with the input. It
 * reports the values of watched paths and refuses what two readers could
 * read in two ways.
 */


#ifndef SP_JSON_H
#define SP_JSON_H


#include "sp_base.h"


#define SP_JSON_DEPTH      128    /* deeper documents are refused */
#define SP_JSON_TEXT       256    /* bytes of a watched string or number */
#define SP_JSON_WATCH_MAX  64     /* paths in one watch table */
#define SP_JSON_KEY        64     /* bytes of a watched key */


typedef enum {
    SP_JSON_NULL = 0,
    SP_JSON_BOOL,
    SP_JSON_NUMBER,
    SP_JSON_STRING,
    SP_JSON_OBJECT,
    SP_JSON_ARRAY
} sp_json_type_t;


typedef enum {
    SP_JSON_FINE = 0,
    SP_JSON_SYNTAX,          /* not RFC 8259, or not one object */
    SP_JSON_UTF8,            /* BOM, invalid or overlong UTF-8, surrogate */
    SP_JSON_DEEP,
    SP_JSON_DUPLICATE,       /* a watched key twice in one object */
    SP_JSON_TWIN,            /* a key that folds to a watched one, not equal;
                                or one with a NUL where some are watched */
    SP_JSON_LONG,            /* a watched text over SP_JSON_TEXT */
    SP_JSON_REFUSED,         /* the value callback said no */
    SP_JSON_TRUNCATED        /* ended before the object did */
} sp_json_error_t;


/*
 * A watched path: object keys separated by '/', '*' for every element of an
 * array ("tools/ * /model" without the blanks). Paths of one table share
 * prefixes freely; compiled once by sp_json_compile(). A key is 1..64 bytes of
 * printable ASCII, an id 0..32767.
 */
typedef struct {
    const char  *path;
    int          id;
} sp_json_watch_t;


typedef struct sp_json_table_s  sp_json_table_t;   /* immutable, shareable */


typedef struct {
    sp_json_type_t  type;
    int             boolean;     /* of SP_JSON_BOOL */
    int             element;     /* number in the innermost array, or -1 */
    sp_str_t        text;        /* decoded string, or the number's literal */
} sp_json_value_t;


/*
 * Called for the value of a watched path; for objects and arrays when they
 * open (text is empty). SP_OK goes on, anything else stops the scan with
 * SP_JSON_REFUSED. The text is gone after the call.
 */
typedef sp_rc_t (*sp_json_value_pt)(void *ctx, int id,
    const sp_json_value_t *value);


typedef struct {
    const sp_json_table_t  *table;
    sp_json_value_pt        on_value;
    void                   *ctx;
    sp_json_error_t         error;     /* sticky */
    uint64_t                offset;    /* bytes consumed; place of an error */

    /* the rest belongs to sp_json.c; arrays are not cleared at the start */

    uint8_t                 state;
    uint8_t                 sub;       /* of a number; bytes of a literal */
    uint8_t                 flags;     /* of the string or number read now */
    uint8_t                 utf8_left;
    uint8_t                 utf8_lo;
    uint8_t                 utf8_hi;
    uint16_t                text_len;
    uint16_t                depth;
    uint16_t                live;      /* containers with watched paths */
    int16_t                 node;      /* of the value to come, or -1 */
    uint32_t                escape;    /* digits read of "\\u" */
    uint32_t                high;      /* surrogate that waits for its half */
    unsigned char           close[SP_JSON_DEPTH];   /* brackets awaited */
    int16_t                 nodes[SP_JSON_DEPTH];   /* these up to "live" */
    uint64_t                seen[SP_JSON_DEPTH];
    int32_t                 element[SP_JSON_DEPTH];
    unsigned char           text[SP_JSON_TEXT];
} sp_json_t;


/*
 * Compiles n watches into "size" bytes at "mem"; *need is set to what it
 * takes. NULL if it does not fit or a path is malformed.
 */
sp_json_table_t *sp_json_compile(const sp_json_watch_t *watch, size_t n,
    void *mem, size_t size, size_t *need);

void sp_json_init(sp_json_t *json, const sp_json_table_t *table,
    sp_json_value_pt on_value, void *ctx);

/* SP_OK, or SP_ERROR with json->error set; after an error input is ignored. */
sp_rc_t sp_json_feed(sp_json_t *json, const unsigned char *data, size_t len);

/* The input is over: SP_OK only if exactly one object was complete. */
sp_rc_t sp_json_finish(sp_json_t *json);

/* A sentence for clients: "duplicate key", without any byte of the input. */
const char *sp_json_strerror(sp_json_error_t error);


#endif /* SP_JSON_H */

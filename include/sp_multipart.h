
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the strict streaming reader of multipart/form-data: a
 * subset of RFC 7578 that every reader takes for the same fields. What two of
 * them could take for different ones is refused (include/sp_body.h says what
 * becomes of the fields).
 */


#ifndef SP_MULTIPART_H
#define SP_MULTIPART_H


#include "sp_base.h"


#define SP_BOUNDARY_MAX        70     /* RFC 2046, 5.1.1 */
#define SP_MULTIPART_LINE      512    /* bytes of a part's header line */
#define SP_MULTIPART_NAME      64     /* of a field's name */
#define SP_MULTIPART_VALUE     512    /* of a text field that is kept */
#define SP_MULTIPART_PARTS     128
#define SP_MULTIPART_HISTORY   128    /* a power of two above a delimiter */


/*
 * A part, once it has ended. "value" is what it holds, of a text field of at
 * most SP_MULTIPART_VALUE bytes; "whole" is 0 if it is longer, and of files.
 * All of it is gone when the call returns.
 */
typedef struct {
    sp_str_t  name;           /* letters, digits, _ - . and [ ] */
    sp_str_t  value;
    unsigned  file:1;         /* it has a filename */
    unsigned  typed:1;        /* it has a Content-Type: a file to some */
    unsigned  whole:1;
} sp_multipart_field_t;


/* SP_ERROR ends the reading; the callee says why. */
typedef sp_rc_t (*sp_multipart_pt)(void *ctx,
    const sp_multipart_field_t *field);


/*
 *           --boundary         CRLF             empty line
 *   START ------------> OPEN ------> HEADERS --------------> DATA
 *                        |  ^                                 |
 *                        |  |        CRLF --boundary          |
 *                 "--"   |  +---------------------------------+
 *                        v
 *                       END, after which CRLF may come, and nothing else
 */
typedef enum {
    SP_MULTIPART_START = 0,
    SP_MULTIPART_OPEN,
    SP_MULTIPART_HEADERS,
    SP_MULTIPART_DATA,
    SP_MULTIPART_END
} sp_multipart_state_t;


/* Nothing in it is allocated; it can be large, and is not to be copied. */
typedef struct {
    sp_multipart_state_t  state;
    const char           *error;         /* a sentence, once refused */
    sp_multipart_pt       on_field;
    void                 *ctx;

    unsigned              parts;
    unsigned              matched;       /* bytes of the delimiter */
    unsigned              two;           /* bytes of what follows it, */
    unsigned char         next[2];       /* and these */

    size_t                line_len;
    size_t                name_len;
    size_t                value_len;
    uint64_t              data_len;      /* of this part, delimiter included */
    unsigned              file:1;
    unsigned              named:1;       /* it has a Content-Disposition */
    unsigned              typed:1;       /* and these */
    unsigned              sized:1;

    size_t                pattern_len;   /* of "--boundary" */
    unsigned char         pattern[SP_BOUNDARY_MAX + 2];
    unsigned char         fall[SP_BOUNDARY_MAX + 3];    /* KMP's */
    unsigned char         line[SP_MULTIPART_LINE];
    unsigned char         name[SP_MULTIPART_NAME];
    unsigned char         value[SP_MULTIPART_VALUE + SP_BOUNDARY_MAX + 4];
    unsigned char         history[SP_MULTIPART_HISTORY];
} sp_multipart_t;


/* 1 if sp_multipart_init() takes the Content-Type. */
int sp_multipart_type_ok(sp_str_t content_type);

/*
 * SP_OK if the Content-Type is multipart/form-data with exactly one boundary
 * (RFC 2046 characters, no space) and no other parameter. SP_ERROR otherwise,
 * with mp->error: nothing may be fed then.
 */
sp_rc_t sp_multipart_init(sp_multipart_t *mp, sp_str_t content_type,
    sp_multipart_pt on_field, void *ctx);

/* SP_ERROR once the body can only be refused; mp->error says why, or on_field
 * did. */
sp_rc_t sp_multipart_feed(sp_multipart_t *mp, const unsigned char *data,
    size_t len);

/* The body is whole. */
sp_rc_t sp_multipart_finish(sp_multipart_t *mp);


#endif /* SP_MULTIPART_H */

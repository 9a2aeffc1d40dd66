
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the decoding of request bodies: exactly one coding, gzip
 * or zstd, of one member or frame, within limits on what comes out. A body
 * that could be read in another way (a second member, bytes behind the end)
 * is refused.
 */


#ifndef SP_DECODE_H
#define SP_DECODE_H


#include "sp_base.h"


#define SP_DECODE_RATIO   200       /* of what came out to what went in, */
#define SP_DECODE_FREE    65536     /* beyond so many bytes */
#define SP_DECODE_WINDOW  8388608   /* bytes that a zstd frame may look back, */
                                    /* as RFC 9659 has it for HTTP */


typedef enum {
    SP_CODING_IDENTITY = 0,
    SP_CODING_GZIP,
    SP_CODING_ZSTD,
    SP_CODING_OTHER           /* lists, x-gzip, br, deflate: refused */
} sp_coding_t;


typedef enum {
    SP_DECODE_FINE = 0,
    SP_DECODE_BAD,            /* not of this coding, or damaged */
    SP_DECODE_FAR,            /* looks back over SP_DECODE_WINDOW */
    SP_DECODE_CUT,            /* ends too early */
    SP_DECODE_BEHIND,         /* goes on behind its end */
    SP_DECODE_LARGE,          /* over "most" */
    SP_DECODE_RATIO_HIGH,     /* a bomb, by SP_DECODE_RATIO */
    SP_DECODE_NO_MEMORY
} sp_decode_error_t;


typedef struct sp_decode_s  sp_decode_t;

/* Takes what was decoded; valid during the call. SP_ERROR ends it all. */
typedef sp_rc_t (*sp_decode_pt)(void *ctx, const unsigned char *data,
    size_t len);


/* The value of a Content-Encoding header, in any case; empty is IDENTITY. */
sp_coding_t sp_coding(sp_str_t value);

/*
 * A decoder of GZIP or ZSTD; "most" bounds what comes out, in bytes. NULL: no
 * memory. It holds about 50 KB, for zstd 100 KB and what the frame says that it
 * looks back (often 2 MB, of which what never comes out is not touched), until
 * it is freed.
 */
sp_decode_t *sp_decode_create(sp_coding_t coding, uint64_t most,
    sp_decode_pt take, void *ctx);
void sp_decode_free(sp_decode_t *decode);

/* SP_ERROR: sp_decode_error() says why, or is FINE if "take" refused. */
sp_rc_t sp_decode_feed(sp_decode_t *decode, const unsigned char *data,
    size_t len);

/* The body is whole. */
sp_rc_t sp_decode_finish(sp_decode_t *decode);

sp_decode_error_t sp_decode_error(const sp_decode_t *decode);

/* A sentence for clients. */
const char *sp_decode_strerror(const sp_decode_t *decode);


#endif /* SP_DECODE_H */

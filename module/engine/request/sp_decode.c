
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the decoding of request bodies, by zlib and libzstd.
 */


#include "sp_decode.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>


#define SP_DECODE_OUT   16384    /* bytes handed on at once, at most */
#define SP_DECODE_GZIP  (15 + 16)    /* zlib: any window, a gzip head only */
#define SP_DECODE_LOG   23       /* of SP_DECODE_WINDOW */


struct sp_decode_s {
    sp_coding_t        coding;
    sp_decode_error_t  error;
    sp_decode_pt       take;
    void              *ctx;
    uint64_t           most;
    uint64_t           in;
    uint64_t           out;
    int                ended;
    z_stream           gzip;
    ZSTD_DCtx         *zstd;
    unsigned char      buf[SP_DECODE_OUT];
};


_Static_assert(SP_DECODE_WINDOW == 1 << SP_DECODE_LOG, "one bound");


static sp_rc_t sp_decode_gzip(sp_decode_t *decode, const unsigned char *data,
    size_t *in, size_t *out);
static sp_rc_t sp_decode_zstd(sp_decode_t *decode, const unsigned char *data,
    size_t *in, size_t *out);
static sp_rc_t sp_decode_fail(sp_decode_t *decode, sp_decode_error_t error);
static sp_rc_t sp_decode_put(sp_decode_t *decode, size_t len);


sp_coding_t
sp_coding(sp_str_t value)
{
    if (value.len == 0 || sp_str_caseeq(value, SP_STR("identity"))) {
        return SP_CODING_IDENTITY;
    }

    if (sp_str_caseeq(value, SP_STR("gzip"))) {
        return SP_CODING_GZIP;
    }

    return sp_str_caseeq(value, SP_STR("zstd")) ? SP_CODING_ZSTD
                                                : SP_CODING_OTHER;
}


sp_decode_t *
sp_decode_create(sp_coding_t coding, uint64_t most, sp_decode_pt take,
    void *ctx)
{
    sp_decode_t  *decode;

    decode = calloc(1, sizeof(*decode));
    if (decode == NULL) {
        return NULL;
    }

    decode->coding = coding;
    decode->most = most;
    decode->take = take;
    decode->ctx = ctx;

    if (coding == SP_CODING_GZIP) {
        if (inflateInit2(&decode->gzip, SP_DECODE_GZIP) == Z_OK) {
            return decode;
        }

    } else {
        decode->zstd = ZSTD_createDCtx();

        if (decode->zstd != NULL
            && !ZSTD_isError(ZSTD_DCtx_setParameter(decode->zstd,
                                                    ZSTD_d_windowLogMax,
                                                    SP_DECODE_LOG)))
        {
            return decode;
        }
    }

    (void) ZSTD_freeDCtx(decode->zstd);
    free(decode);

    return NULL;
}


void
sp_decode_free(sp_decode_t *decode)
{
    if (decode == NULL) {
        return;
    }

    if (decode->coding == SP_CODING_GZIP) {
        (void) inflateEnd(&decode->gzip);
    }

    (void) ZSTD_freeDCtx(decode->zstd);
    free(decode);
}


sp_rc_t
sp_decode_feed(sp_decode_t *decode, const unsigned char *data, size_t len)
{
    size_t   in, out;
    sp_rc_t  rc;

    if (decode->error != SP_DECODE_FINE) {
        return SP_ERROR;
    }

    /* what came in may still come out when a whole buffer was filled */

    for (out = SP_DECODE_OUT; len != 0 || out == SP_DECODE_OUT; len -= in) {

        if (decode->ended) {
            return len == 0 ? SP_OK
                            : sp_decode_fail(decode, SP_DECODE_BEHIND);
        }

        in = len;
        rc = decode->coding == SP_CODING_GZIP
             ? sp_decode_gzip(decode, data, &in, &out)
             : sp_decode_zstd(decode, data, &in, &out);

        if (rc != SP_OK) {
            return SP_ERROR;
        }

        /* it must get on, or we would not */

        if (in == 0 && out == 0 && len != 0 && !decode->ended) {
            return sp_decode_fail(decode, SP_DECODE_BAD);
        }

        decode->in += in;
        data += in;

        if (sp_decode_put(decode, out) != SP_OK) {
            return SP_ERROR;
        }
    }

    return SP_OK;
}


/* *in: what there is, then what was taken of it; *out: what came out. */

static sp_rc_t
sp_decode_gzip(sp_decode_t *decode, const unsigned char *data, size_t *in,
    size_t *out)
{
    int     rc;
    size_t  n;

    n = *in < UINT32_MAX / 2 ? *in : UINT32_MAX / 2;

    decode->gzip.next_in = (unsigned char *) data;
    decode->gzip.avail_in = (unsigned) n;
    decode->gzip.next_out = decode->buf;
    decode->gzip.avail_out = SP_DECODE_OUT;

    rc = inflate(&decode->gzip, Z_NO_FLUSH);

    if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR) {
        return sp_decode_fail(decode, rc == Z_MEM_ERROR
                                      ? SP_DECODE_NO_MEMORY : SP_DECODE_BAD);
    }

    *in = n - decode->gzip.avail_in;
    *out = SP_DECODE_OUT - decode->gzip.avail_out;
    decode->ended = rc == Z_STREAM_END;

    return SP_OK;
}


static sp_rc_t
sp_decode_zstd(sp_decode_t *decode, const unsigned char *data, size_t *in,
    size_t *out)
{
    size_t          rc;
    ZSTD_inBuffer   from = { data, *in, 0 };
    ZSTD_outBuffer  to = { decode->buf, SP_DECODE_OUT, 0 };

    /* a skippable frame is a frame to some, and nothing to others */

    if (decode->in == 0 && *in != 0 && data[0] != 0x28) {
        return sp_decode_fail(decode, SP_DECODE_BAD);
    }

    rc = ZSTD_decompressStream(decode->zstd, &to, &from);

    if (ZSTD_isError(rc)) {
        return sp_decode_fail(decode, ZSTD_getErrorCode(rc)
                              == ZSTD_error_frameParameter_windowTooLarge
                              ? SP_DECODE_FAR : SP_DECODE_BAD);
    }

    *in = from.pos;
    *out = to.pos;
    decode->ended = rc == 0;

    return SP_OK;
}


static sp_rc_t
sp_decode_fail(sp_decode_t *decode, sp_decode_error_t error)
{
    decode->error = error;

    return SP_ERROR;
}


static sp_rc_t
sp_decode_put(sp_decode_t *decode, size_t len)
{
    decode->out += len;

    if (decode->out > decode->most) {
        return sp_decode_fail(decode, SP_DECODE_LARGE);
    }

    if (decode->out > SP_DECODE_FREE
        && decode->out / SP_DECODE_RATIO > decode->in)
    {
        return sp_decode_fail(decode, SP_DECODE_RATIO_HIGH);
    }

    return len == 0 ? SP_OK : decode->take(decode->ctx, decode->buf, len);
}


sp_rc_t
sp_decode_finish(sp_decode_t *decode)
{
    if (decode->error != SP_DECODE_FINE) {
        return SP_ERROR;
    }

    return decode->ended ? SP_OK : sp_decode_fail(decode, SP_DECODE_CUT);
}


sp_decode_error_t
sp_decode_error(const sp_decode_t *decode)
{
    return decode->error;
}


const char *
sp_decode_strerror(const sp_decode_t *decode)
{
    switch (decode->error) {

    case SP_DECODE_FINE:
        return "no error";

    case SP_DECODE_BAD:
        return "the body is not encoded as Content-Encoding says";

    case SP_DECODE_FAR:
        return "a zstd frame may look back 8 MiB at most";

    case SP_DECODE_CUT:
        return "the encoded body ends too early";

    case SP_DECODE_BEHIND:
        return "the encoded body goes on behind its end";

    case SP_DECODE_LARGE:
        return "the body is too large when it is decoded";

    case SP_DECODE_RATIO_HIGH:
        return "the body is more than 200 times as large when it is decoded";

    default: /* SP_DECODE_NO_MEMORY */
        return "no memory to decode the body";
    }
}

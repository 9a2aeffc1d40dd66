
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains tests of the decoding of bodies: what was encoded comes
 * out, however it is cut; anything else is refused, and a bomb early.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include <cmocka.h>

#include "sp_decode.h"


#define ROOM  (16 << 20)


typedef struct {
    size_t          len;
    unsigned char  *data;
} text_t;


static uint64_t       seed = 20261124;
static unsigned char  plain[ROOM], packed[ROOM + 1024], result[ROOM];


static uint32_t
random_below(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;

    return (uint32_t) (seed >> 33) % n;
}


static size_t
encode(sp_coding_t coding, size_t len)
{
    size_t    n;
    z_stream  z;

    if (coding == SP_CODING_ZSTD) {
        n = ZSTD_compress(packed, sizeof(packed), plain, len, 3);
        assert_false(ZSTD_isError(n));

        return n;
    }

    memset(&z, 0, sizeof(z));
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8,
                                  Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = plain;
    z.avail_in = (unsigned) len;
    z.next_out = packed;
    z.avail_out = sizeof(packed);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    n = z.total_out;
    deflateEnd(&z);

    return n;
}


static sp_rc_t
take(void *ctx, const unsigned char *data, size_t len)
{
    text_t  *to = ctx;

    assert_true(to->len + len <= ROOM);
    memcpy(to->data + to->len, data, len);
    to->len += len;

    return SP_OK;
}


/* In pieces of "step" bytes, 0: of any size. */

static sp_decode_error_t
decode(sp_coding_t coding, size_t len, uint64_t most, size_t step,
    text_t *out)
{
    size_t              at, n;
    sp_rc_t             rc;
    sp_decode_t        *d;
    sp_decode_error_t   error;

    out->len = 0;
    out->data = result;

    d = sp_decode_create(coding, most, take, out);
    assert_non_null(d);
    rc = SP_OK;

    for (at = 0; at < len && rc == SP_OK; at += n) {
        n = step != 0 ? step : 1 + random_below(5000);
        n = n < len - at ? n : len - at;
        rc = sp_decode_feed(d, packed + at, n);
    }

    if (rc == SP_OK) {
        rc = sp_decode_finish(d);
    }

    error = sp_decode_error(d);
    assert_int_equal(rc == SP_OK, error == SP_DECODE_FINE);
    assert_non_null(sp_decode_strerror(d));
    sp_decode_free(d);

    return error;
}


/* Random words repeat; random bytes do not. */

static void
fill(size_t len, unsigned kind)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        switch (kind) {

        case 0:
            plain[i] = 'x';
            break;

        case 1:
            plain[i] = (unsigned char) "the quick brown fox "[i % 20];
            plain[i] ^= i % 97 == 0 ? (unsigned char) random_below(16) : 0;
            break;

        default:
            plain[i] = (unsigned char) random_below(256);
        }
    }
}


static void
test_round_trip(void **state)
{
    size_t    len, n;
    text_t    out;
    unsigned  round, coding;

    (void) state;

    for (round = 0; round < 60; round++) {
        len = round < 8 ? round : random_below(round % 10 == 0 ? 1 << 20
                                                              : 40000);
        fill(len, round % 3 == 0 && len > 60000 ? 1 : round % 3);

        for (coding = SP_CODING_GZIP; coding <= SP_CODING_ZSTD; coding++) {
            n = encode((sp_coding_t) coding, len);

            assert_int_equal(decode((sp_coding_t) coding, n, len,
                                    n < 2000 ? 1 : 0, &out), SP_DECODE_FINE);
            assert_int_equal(out.len, len);
            assert_memory_equal(out.data, plain, len);

            assert_int_equal(decode((sp_coding_t) coding, n, len, n, &out),
                             SP_DECODE_FINE);
            assert_int_equal(out.len, len);

            if (len != 0) {
                assert_int_equal(decode((sp_coding_t) coding, n, len - 1, 0,
                                        &out), SP_DECODE_LARGE);
            }
        }
    }
}


/* However it is damaged: the same as before, or refused; never more. */

static void
test_damage(void **state)
{
    size_t             len, n, cut;
    text_t             out;
    unsigned           coding, round;
    unsigned char      was;
    sp_decode_error_t  error;

    (void) state;

    for (coding = SP_CODING_GZIP; coding <= SP_CODING_ZSTD; coding++) {
        len = 3000;
        fill(len, 1);
        n = encode((sp_coding_t) coding, len);

        for (cut = 0; cut < n; cut++) {
            assert_int_not_equal(decode((sp_coding_t) coding, cut, ROOM, 0,
                                        &out), SP_DECODE_FINE);
        }

        packed[n] = 'x';
        assert_int_equal(decode((sp_coding_t) coding, n + 1, ROOM, 0, &out),
                         SP_DECODE_BEHIND);

        /* a second member or frame */

        memcpy(packed + n, packed, n);
        assert_int_equal(decode((sp_coding_t) coding, 2 * n, ROOM, 0, &out),
                         SP_DECODE_BEHIND);

        for (round = 0; round < 2000; round++) {
            cut = random_below((uint32_t) n);
            was = packed[cut];
            packed[cut] ^= (unsigned char) (1u << random_below(8));

            error = decode((sp_coding_t) coding, n, ROOM, 0, &out);

            if (error == SP_DECODE_FINE && coding == SP_CODING_GZIP) {

                /* only what a gzip head says of its file */

                assert_true(cut < 10);
                assert_int_equal(out.len, len);
                assert_memory_equal(out.data, plain, len);
            }

            packed[cut] = was;
        }
    }
}


static void
test_bombs(void **state)
{
    size_t    n;
    text_t    out;
    unsigned  coding;

    (void) state;

    for (coding = SP_CODING_GZIP; coding <= SP_CODING_ZSTD; coding++) {
        fill(1 << 20, 0);
        n = encode((sp_coding_t) coding, 1 << 20);

        assert_int_equal(decode((sp_coding_t) coding, n, ROOM, 0, &out),
                         SP_DECODE_RATIO_HIGH);
        assert_true(out.len <= SP_DECODE_FREE + SP_DECODE_RATIO * n);
    }
}


/* More memory than a decoder may hold is not asked for. */

static void
test_window(void **state)
{
    size_t      n;
    text_t      out;
    ZSTD_CCtx  *zstd;

    (void) state;

    fill(ROOM, 2);
    zstd = ZSTD_createCCtx();
    assert_non_null(zstd);
    (void) ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, 24);
    (void) ZSTD_CCtx_setParameter(zstd, ZSTD_c_contentSizeFlag, 0);
    n = ZSTD_compress2(zstd, packed, sizeof(packed), plain, ROOM);
    assert_false(ZSTD_isError(n));
    ZSTD_freeCCtx(zstd);

    assert_int_equal(decode(SP_CODING_ZSTD, n, ROOM, 0, &out), SP_DECODE_FAR);
}


static void
test_other_codings(void **state)
{
    size_t  n;
    text_t  out;

    (void) state;

    assert_int_equal(sp_coding(SP_STR("")), SP_CODING_IDENTITY);
    assert_int_equal(sp_coding(SP_STR("Identity")), SP_CODING_IDENTITY);
    assert_int_equal(sp_coding(SP_STR("GZIP")), SP_CODING_GZIP);
    assert_int_equal(sp_coding(SP_STR("zstd")), SP_CODING_ZSTD);
    assert_int_equal(sp_coding(SP_STR("x-gzip")), SP_CODING_OTHER);
    assert_int_equal(sp_coding(SP_STR("br")), SP_CODING_OTHER);
    assert_int_equal(sp_coding(SP_STR("gzip, gzip")), SP_CODING_OTHER);
    assert_int_equal(sp_coding(SP_STR("gzip ")), SP_CODING_OTHER);

    fill(3000, 1);
    n = encode(SP_CODING_GZIP, 3000);
    assert_int_equal(decode(SP_CODING_ZSTD, n, ROOM, 0, &out), SP_DECODE_BAD);
    n = encode(SP_CODING_ZSTD, 3000);
    assert_int_equal(decode(SP_CODING_GZIP, n, ROOM, 0, &out), SP_DECODE_BAD);

    memcpy(packed, "{\"model\":\"m\"}", 13);
    assert_int_equal(decode(SP_CODING_GZIP, 13, ROOM, 0, &out),
                     SP_DECODE_BAD);

    /* zlib's own form, and a skippable frame of zstd */

    memcpy(packed, "\x78\x9c\x03\x00\x00\x00\x00\x01", 8);
    assert_int_equal(decode(SP_CODING_GZIP, 8, ROOM, 0, &out), SP_DECODE_BAD);
    memcpy(packed, "\x50\x2a\x4d\x18\x01\x00\x00\x00x", 9);
    assert_int_equal(decode(SP_CODING_ZSTD, 9, ROOM, 0, &out), SP_DECODE_BAD);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_other_codings)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

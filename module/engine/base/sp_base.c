
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what every room of the engine shares: comparisons, the
 * text conversions that must never guess, UTF-8 and SipHash.
 */


#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "sp_base.h"


static uint64_t sp_lower(uint64_t w);
static uint64_t sp_few(const unsigned char *p, size_t n);
static inline uint64_t sp_plain_odd(uint64_t w);


/* Eight bytes at a time; the last eight may have been compared before. */

int
sp_str_caseeq(sp_str_t a, sp_str_t b)
{
    size_t    i;
    uint64_t  x, y;

    if (a.len != b.len) {
        return 0;
    }

    if (a.len < sizeof(x)) {
        return sp_lower(sp_few(a.data, a.len))
               == sp_lower(sp_few(b.data, b.len));
    }

    for (i = 0; i < a.len; i += sizeof(x)) {

        if (i > a.len - sizeof(x)) {
            i = a.len - sizeof(x);
        }

        memcpy(&x, a.data + i, sizeof(x));
        memcpy(&y, b.data + i, sizeof(y));

        if (x != y && sp_lower(x) != sp_lower(y)) {
            return 0;
        }
    }

    return 1;
}


/*
 * Upper-case ASCII letters of eight bytes made lower-case. The sums carry
 * into the eighth bit of a byte where it is above 'Z', and not below 'A'.
 */

static uint64_t
sp_lower(uint64_t w)
{
    uint64_t  low, above, from;

    low = w & UINT64_C(0x7f7f7f7f7f7f7f7f);
    above = low + UINT64_C(0x0101010101010101) * (0x7f - 'Z');
    from = low + UINT64_C(0x0101010101010101) * (0x80 - 'A');

    return w | ((~w & (above ^ from) & UINT64_C(0x8080808080808080)) >> 2);
}


/* Fewer than eight bytes, each at least once, at places that n fixes. */

static uint64_t
sp_few(const unsigned char *p, size_t n)
{
    uint32_t  lo, hi;

    if (n >= sizeof(lo)) {
        memcpy(&lo, p, sizeof(lo));
        memcpy(&hi, p + n - sizeof(hi), sizeof(hi));

        return (uint64_t) hi << 32 | lo;
    }

    if (n == 0) {
        return 0;
    }

    return (uint64_t) p[0] | (uint64_t) p[n / 2] << 8
           | (uint64_t) p[n - 1] << 16;
}


sp_rc_t
sp_parse_uint(sp_str_t s, uint64_t max, uint64_t *value)
{
    size_t    i;
    uint64_t  n;
    unsigned  d;

    if (s.len == 0 || (s.len > 1 && s.data[0] == '0')) {
        return SP_ERROR;
    }

    n = 0;

    for (i = 0; i < s.len; i++) {
        d = (unsigned) s.data[i] - '0';

        if (d > 9 || d > max || n > (max - d) / 10) {
            return SP_ERROR;
        }

        n = n * 10 + d;
    }

    *value = n;

    return SP_OK;
}


#if defined(__SSE2__)

/* To those digits above 9 what leads from behind '9' to 'a' is added. */

static inline __m128i
sp_hex_digits(__m128i v)
{
    __m128i  letters;

    letters = _mm_and_si128(_mm_cmpgt_epi8(v, _mm_set1_epi8(9)),
                            _mm_set1_epi8('a' - '9' - 1));

    return _mm_add_epi8(_mm_add_epi8(v, _mm_set1_epi8('0')), letters);
}


static inline void
sp_hex_16(const unsigned char *src, unsigned char *dst)
{
    __m128i  v, high, low;

    v = _mm_loadu_si128((const __m128i *) src);
    high = _mm_and_si128(_mm_srli_epi16(v, 4), _mm_set1_epi8(15));
    low = _mm_and_si128(v, _mm_set1_epi8(15));

    _mm_storeu_si128((__m128i *) dst,
                     sp_hex_digits(_mm_unpacklo_epi8(high, low)));
    _mm_storeu_si128((__m128i *) (dst + 16),
                     sp_hex_digits(_mm_unpackhi_epi8(high, low)));
}

#endif


void
sp_hex(const unsigned char *src, size_t n, unsigned char *dst)
{
    size_t  i;

    static const unsigned char  digits[16] = {
        '0', '1', '2', '3', '4', '5', '6', '7',
        '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'
    };

    i = 0;

#if defined(__SSE2__)

    for ( /* void */ ; i + 16 <= n; i += 16, dst += 32) {
        sp_hex_16(src + i, dst);
    }

#endif

    for ( /* void */ ; i < n; i++) {
        *dst++ = digits[src[i] >> 4];
        *dst++ = digits[src[i] & 15];
    }
}


sp_rc_t
sp_unhex(sp_str_t s, unsigned char *dst)
{
    size_t         i;
    unsigned       nibble, byte;
    unsigned char  c;

    if (s.len % 2 != 0) {
        return SP_ERROR;
    }

    byte = 0;

    for (i = 0; i < s.len; i++) {
        c = s.data[i];

        if (c >= '0' && c <= '9') {
            nibble = c - '0';

        } else if (c >= 'a' && c <= 'f') {
            nibble = c - 'a' + 10;

        } else {
            return SP_ERROR;
        }

        byte = (byte << 4 | nibble) & 0xff;

        if (i % 2 != 0) {
            dst[i / 2] = (unsigned char) byte;
        }
    }

    return SP_OK;
}


int
sp_utf8_valid(sp_str_t s)
{
    size_t    i, n;
    uint64_t  word;

    i = 0;

    while (i < s.len) {

        if (s.len - i >= sizeof(word)) {
            memcpy(&word, s.data + i, sizeof(word));

            if ((word & UINT64_C(0x8080808080808080)) == 0) {
                i += sizeof(word);
                continue;
            }
        }

        n = sp_utf8_char(s.data + i, s.len - i);

        if (n == 0) {
            return 0;
        }

        i += n;
    }

    return 1;
}


/* 1 for bytes that stand for themselves in a string. */

static const unsigned char  sp_plain_byte[256] = {
    [0x20] = 1, [0x21] = 1, [0x23 ... 0x5b] = 1, [0x5d ... 0x7e] = 1
};


/* Not 0 if one of eight bytes may not stand for itself: Mycroft's test. */

static inline uint64_t
sp_plain_odd(uint64_t w)
{
    uint64_t  quote, backslash, delete;

    #define sp_all(c)  (0x0101010101010101u * (c))

    quote = w ^ sp_all('"');
    backslash = w ^ sp_all('\\');
    delete = w ^ sp_all(0x7f);

    return (w | ((w - sp_all(0x20)) & ~w) | ((quote - sp_all(1)) & ~quote)
            | ((backslash - sp_all(1)) & ~backslash)
            | ((delete - sp_all(1)) & ~delete))
           & sp_all(0x80);

    #undef sp_all
}


size_t
sp_plain(unsigned char *dst, const unsigned char *p, size_t len)
{
    size_t    i;
    uint64_t  w;

    if (len >= 8) {

        for (i = 0; i + 8 <= len; i += 8) {
            memcpy(&w, p + i, 8);

            if (sp_plain_odd(w)) {
                goto bytes;
            }

            memcpy(dst + i, &w, 8);
        }

        /* the rest, together with bytes that were copied already */

        memcpy(&w, p + len - 8, 8);

        if (sp_plain_odd(w) == 0) {
            memcpy(dst + len - 8, &w, 8);
            return len;
        }

    } else {
        i = 0;
    }

bytes:

    for ( /* void */ ; i < len && sp_plain_byte[p[i]]; i++) {
        dst[i] = p[i];
    }

    return i;
}


/* The table of RFC 3629, section 4. */

size_t
sp_utf8_char(const unsigned char *p, size_t left)
{
    size_t         i, n;
    unsigned char  lo, hi;

    lo = 0x80;
    hi = 0xbf;

    if (p[0] < 0x80) {
        return 1;

    } else if (p[0] < 0xc2) {
        return 0;

    } else if (p[0] < 0xe0) {
        n = 2;

    } else if (p[0] < 0xf0) {
        n = 3;
        lo = p[0] == 0xe0 ? 0xa0 : 0x80;   /* overlong */
        hi = p[0] == 0xed ? 0x9f : 0xbf;   /* surrogates */

    } else if (p[0] < 0xf5) {
        n = 4;
        lo = p[0] == 0xf0 ? 0x90 : 0x80;   /* overlong */
        hi = p[0] == 0xf4 ? 0x8f : 0xbf;   /* above U+10FFFF */

    } else {
        return 0;
    }

    if (left < n || p[1] < lo || p[1] > hi) {
        return 0;
    }

    for (i = 2; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }

    return n;
}


#define sp_rotl(x, b)  (((x) << (b)) | ((x) >> (64 - (b))))

#define sp_sipround(v)                                                        \
    do {                                                                      \
        v[0] += v[1]; v[1] = sp_rotl(v[1], 13); v[1] ^= v[0];                 \
        v[0] = sp_rotl(v[0], 32);                                             \
        v[2] += v[3]; v[3] = sp_rotl(v[3], 16); v[3] ^= v[2];                 \
        v[0] += v[3]; v[3] = sp_rotl(v[3], 21); v[3] ^= v[0];                 \
        v[2] += v[1]; v[1] = sp_rotl(v[1], 17); v[1] ^= v[2];                 \
        v[2] = sp_rotl(v[2], 32);                                             \
    } while (0)


/* Little-endian whatever the machine: compilers make it one load. */

static inline uint64_t
sp_load64(const unsigned char *p)
{
    return (uint64_t) p[0] | (uint64_t) p[1] << 8
           | (uint64_t) p[2] << 16 | (uint64_t) p[3] << 24
           | (uint64_t) p[4] << 32 | (uint64_t) p[5] << 40
           | (uint64_t) p[6] << 48 | (uint64_t) p[7] << 56;
}


uint64_t
sp_siphash(const unsigned char key[16], const void *data, size_t n)
{
    size_t                i, left;
    uint64_t              k0, k1, m, v[4];
    const unsigned char  *p;

    k0 = sp_load64(key);
    k1 = sp_load64(key + 8);

    v[0] = k0 ^ UINT64_C(0x736f6d6570736575);
    v[1] = k1 ^ UINT64_C(0x646f72616e646f6d);
    v[2] = k0 ^ UINT64_C(0x6c7967656e657261);
    v[3] = k1 ^ UINT64_C(0x7465646279746573);

    p = data;

    for (left = n; left >= 8; left -= 8) {
        m = sp_load64(p);
        v[3] ^= m;
        sp_sipround(v);
        sp_sipround(v);
        v[0] ^= m;
        p += 8;
    }

    m = (uint64_t) n << 56;

    for (i = 0; i < left; i++) {
        m |= (uint64_t) p[i] << (8 * i);
    }

    v[3] ^= m;
    sp_sipround(v);
    sp_sipround(v);
    v[0] ^= m;

    v[2] ^= 0xff;

    for (i = 0; i < 4; i++) {
        sp_sipround(v);
    }

    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

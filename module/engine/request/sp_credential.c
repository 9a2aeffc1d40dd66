
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains credentials: taking them out of their carriers, and the
 * keyed digest under which the store knows them. API keys go no further than
 * this file; only the digest leaves it.
 *
 * The SHA256_*() calls of libcrypto work on a state of the caller's. OpenSSL 3
 * deprecates them in favour of EVP, which allocates and looks providers up on
 * every digest; on the deciding path nothing may be allocated, so the old
 * calls are used on purpose. All of OpenSSL 3.x has them.
 */


#define OPENSSL_SUPPRESS_DEPRECATED  1


#include <openssl/crypto.h>
#include <openssl/sha.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "sp_credential.h"


#define SP_SHA256_BLOCK  64


_Static_assert(sizeof(SHA256_CTX) <= sizeof(((sp_pepper_t *) 0)->inner),
               "a SHA-256 state fits into sp_pepper_t");
_Static_assert(_Alignof(SHA256_CTX) <= 16, "and is aligned there");


static sp_rc_t sp_bearer_key(sp_str_t *value);
static int sp_key_valid(sp_str_t key, size_t max);
static void sp_pepper_state(unsigned char *state, const unsigned char *secret,
    unsigned char pad);


/* 1: [A-Za-z0-9._~+/=:-] */

static const unsigned char  sp_key_byte[256] = {
    ['-'] = 1, ['.'] = 1, ['_'] = 1, ['~'] = 1, ['+'] = 1, ['/'] = 1,
    ['='] = 1, [':'] = 1,

    ['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1,
    ['6'] = 1, ['7'] = 1, ['8'] = 1, ['9'] = 1,

    ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1, ['F'] = 1,
    ['G'] = 1, ['H'] = 1, ['I'] = 1, ['J'] = 1, ['K'] = 1, ['L'] = 1,
    ['M'] = 1, ['N'] = 1, ['O'] = 1, ['P'] = 1, ['Q'] = 1, ['R'] = 1,
    ['S'] = 1, ['T'] = 1, ['U'] = 1, ['V'] = 1, ['W'] = 1, ['X'] = 1,
    ['Y'] = 1, ['Z'] = 1,

    ['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1, ['e'] = 1, ['f'] = 1,
    ['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1, ['k'] = 1, ['l'] = 1,
    ['m'] = 1, ['n'] = 1, ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1,
    ['s'] = 1, ['t'] = 1, ['u'] = 1, ['v'] = 1, ['w'] = 1, ['x'] = 1,
    ['y'] = 1, ['z'] = 1
};


void
sp_credential_offer(sp_credential_t *cred, sp_carrier_t carrier,
    sp_str_t value)
{
    uint32_t         seen;
    sp_cred_state_t  state;

    seen = cred->carriers & (UINT32_C(1) << carrier);
    cred->carriers |= UINT32_C(1) << carrier;

    if (cred->state == SP_CRED_MALFORMED || cred->state == SP_CRED_AMBIGUOUS) {
        return;
    }

    if ((carrier == SP_CARRIER_BEARER && sp_bearer_key(&value) != SP_OK)
        || !sp_key_valid(value, cred->max))
    {
        state = SP_CRED_MALFORMED;

    } else if (seen
               || (cred->state == SP_CRED_OK && !sp_str_eq(cred->key, value)))
    {
        state = SP_CRED_AMBIGUOUS;

    } else {
        state = SP_CRED_OK;
    }

    cred->state = state;

    if (state == SP_CRED_OK) {
        cred->key = value;

    } else {
        cred->key.len = 0;
        cred->key.data = NULL;
    }
}


static sp_rc_t
sp_bearer_key(sp_str_t *value)
{
    sp_str_t  scheme;

    static const sp_str_t  bearer = sp_str("bearer ");

    if (value->len < bearer.len) {
        return SP_ERROR;
    }

    scheme.len = bearer.len;
    scheme.data = value->data;

    if (!sp_str_caseeq(scheme, bearer)) {
        return SP_ERROR;
    }

    value->data += bearer.len;
    value->len -= bearer.len;

    return SP_OK;
}


#if defined(__SSE2__)

/* Those of "low" to "low + n": what is below wraps to above. */

static inline __m128i
sp_key_range(__m128i v, char low, char n)
{
    v = _mm_sub_epi8(v, _mm_set1_epi8(low));

    return _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(n)), v);
}


/* sp_key_byte[] of 16 bytes at once: 1 if all are fine. */

static inline unsigned
sp_key_16(const unsigned char *p)
{
    __m128i  v, fine;

    v = _mm_loadu_si128((const __m128i *) p);

    fine = sp_key_range(v, '-', ':' - '-');       /* - . / digits : */
    fine = _mm_or_si128(fine, sp_key_range(v, 'A', 25));
    fine = _mm_or_si128(fine, sp_key_range(v, 'a', 25));
    fine = _mm_or_si128(fine, _mm_cmpeq_epi8(v, _mm_set1_epi8('_')));
    fine = _mm_or_si128(fine, _mm_cmpeq_epi8(v, _mm_set1_epi8('=')));
    fine = _mm_or_si128(fine, _mm_cmpeq_epi8(v, _mm_set1_epi8('~')));
    fine = _mm_or_si128(fine, _mm_cmpeq_epi8(v, _mm_set1_epi8('+')));

    return _mm_movemask_epi8(fine) == 0xffff;
}

#endif


static int
sp_key_valid(sp_str_t key, size_t max)
{
    size_t    i;
    unsigned  ok;

    if (key.len == 0 || key.len > (max ? max : SP_KEY_MAX)) {
        return 0;
    }

    i = 0;
    ok = 1;

#if defined(__SSE2__)

    for ( /* void */ ; i + 16 <= key.len; i += 16) {
        ok &= sp_key_16(key.data + i);
    }

    /* the rest with some of what has been looked at */

    if (i != 0) {
        return (int) (ok & sp_key_16(key.data + key.len - 16));
    }

#endif

    for ( /* void */ ; i < key.len; i++) {
        ok &= sp_key_byte[key.data[i]];
    }

    return (int) ok;
}


sp_rc_t
sp_pepper_init(sp_pepper_t *pepper, sp_str_t secret)
{
    SHA256_CTX     ctx;
    unsigned char  block[SP_SHA256_BLOCK];

    if (secret.len < SP_PEPPER_MIN) {
        return SP_ERROR;
    }

    memset(pepper, 0, sizeof(sp_pepper_t));
    memset(block, 0, sizeof(block));

    if (secret.len <= sizeof(block)) {
        memcpy(block, secret.data, secret.len);

    } else {
        SHA256_Init(&ctx);
        SHA256_Update(&ctx, secret.data, secret.len);
        SHA256_Final(block, &ctx);
        OPENSSL_cleanse(&ctx, sizeof(ctx));
    }

    sp_pepper_state(pepper->inner, block, 0x36);
    sp_pepper_state(pepper->outer, block, 0x5c);

    OPENSSL_cleanse(block, sizeof(block));

    return SP_OK;
}


/* One whole block: libcrypto digests it at once and keeps no copy. */

static void
sp_pepper_state(unsigned char *state, const unsigned char *secret,
    unsigned char pad)
{
    size_t         i;
    SHA256_CTX     ctx;
    unsigned char  block[SP_SHA256_BLOCK];

    for (i = 0; i < sizeof(block); i++) {
        block[i] = secret[i] ^ pad;
    }

    memset(&ctx, 0, sizeof(ctx));
    SHA256_Init(&ctx);
    SHA256_Update(&ctx, block, sizeof(block));
    memcpy(state, &ctx, sizeof(ctx));

    OPENSSL_cleanse(block, sizeof(block));
    OPENSSL_cleanse(&ctx, sizeof(ctx));
}


void
sp_kid(const sp_pepper_t *pepper, sp_str_t key, unsigned char kid[SP_KID_LEN])
{
    SHA256_CTX     ctx;
    unsigned char  digest[SHA256_DIGEST_LENGTH];

    SHA256_Init(&ctx);
    SHA256_Update(&ctx, key.data, key.len);
    SHA256_Final(digest, &ctx);

    sp_kid_from_sha256(pepper, digest, kid);

    /* the state still holds the last block of the key */

    OPENSSL_cleanse(&ctx, sizeof(ctx));
    OPENSSL_cleanse(digest, sizeof(digest));
}


void
sp_kid_from_sha256(const sp_pepper_t *pepper, const unsigned char digest[32],
    unsigned char kid[SP_KID_LEN])
{
    SHA256_CTX     ctx;
    unsigned char  mac[SHA256_DIGEST_LENGTH];

    memcpy(&ctx, pepper->inner, sizeof(ctx));
    SHA256_Update(&ctx, digest, SHA256_DIGEST_LENGTH);
    SHA256_Final(mac, &ctx);

    memcpy(&ctx, pepper->outer, sizeof(ctx));
    SHA256_Update(&ctx, mac, sizeof(mac));
    SHA256_Final(mac, &ctx);

    sp_hex(mac, SP_KID_LEN / 2, kid);

    OPENSSL_cleanse(&ctx, sizeof(ctx));
    OPENSSL_cleanse(mac, sizeof(mac));
}

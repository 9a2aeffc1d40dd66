
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains tests of tokens: what OpenSSL has signed is taken, and
 * whatever is changed in it is not; one rule after the other of RFC 7515,
 * 7517, 7519 and 8725 by cases that bear the name of those who got it wrong.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "sp_jwt.h"


#define NOW     1795400000
#define SEED    20261124
#define BITS    4000
#define KEYS    5


typedef struct {
    const char  *kid;
    const char  *alg;
    EVP_PKEY    *pkey;
} signer_t;


static signer_t         signers[KEYS] = {
    { "rsa-1", "RS256", NULL }, { "ec-1", "ES256", NULL },
    { "ed-1", "EdDSA", NULL }, { "rsa-2", "RS256", NULL },
    { "stranger", "ES256", NULL }
};
static char             file[] = "/tmp/sallyport-jwks-XXXXXX";
static sp_jwks_t       *jwks;
static sp_jwt_rules_t   rules;


static char *
base64(const unsigned char *data, size_t len)
{
    size_t             i, n;
    char              *out;
    uint32_t           v;
    static const char  digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop"
                                  "qrstuvwxyz0123456789-_";

    out = malloc(len * 4 / 3 + 5);

    for (i = 0, n = 0; i < len; i += 3) {
        v = (uint32_t) data[i] << 16;
        v |= i + 1 < len ? (uint32_t) data[i + 1] << 8 : 0;
        v |= i + 2 < len ? data[i + 2] : 0;
        out[n++] = digits[v >> 18];
        out[n++] = digits[v >> 12 & 63];

        if (i + 1 < len) {
            out[n++] = digits[v >> 6 & 63];
        }

        if (i + 2 < len) {
            out[n++] = digits[v & 63];
        }
    }

    out[n] = '\0';

    return out;
}


static EVP_PKEY *
generate(const char *alg, int bits)
{
    EVP_PKEY      *pkey;
    EVP_PKEY_CTX  *ctx;

    pkey = NULL;
    ctx = EVP_PKEY_CTX_new_id(alg[0] == 'R' ? EVP_PKEY_RSA
                              : alg[1] == 'd' ? EVP_PKEY_ED25519
                              : EVP_PKEY_EC, NULL);
    assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);

    if (alg[0] == 'R') {
        EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, bits);

    } else if (alg[1] == 'S') {
        EVP_PKEY_CTX_set_ec_paramgen_curve_nid(ctx, NID_X9_62_prime256v1);
    }

    assert_int_equal(EVP_PKEY_keygen(ctx, &pkey), 1);
    EVP_PKEY_CTX_free(ctx);

    return pkey;
}


/* The public key as a JWK, out of its encoding. */

static void
jwk(const signer_t *s, const char *more, char *out, size_t size)
{
    int             len;
    char           *x, *y;
    BIGNUM         *n, *e;
    unsigned char  *der, buf[1024];

    if (s->alg[0] == 'R') {
        n = e = NULL;
        EVP_PKEY_get_bn_param(s->pkey, "n", &n);
        EVP_PKEY_get_bn_param(s->pkey, "e", &e);
        len = BN_bn2bin(n, buf);
        x = base64(buf, (size_t) len);
        len = BN_bn2bin(e, buf);
        y = base64(buf, (size_t) len);
        snprintf(out, size, "{\"kty\":\"RSA\",\"kid\":\"%s\",\"n\":\"%s\","
                 "\"e\":\"%s\"%s}", s->kid, x, y, more);
        BN_free(n);
        BN_free(e);

    } else {
        der = NULL;
        len = i2d_PUBKEY(s->pkey, &der);

        if (s->alg[1] == 'd') {
            x = base64(der + len - 32, 32);
            y = strdup("");
            snprintf(out, size, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                     "\"kid\":\"%s\",\"x\":\"%s\"%s}", s->kid, x, more);

        } else {
            x = base64(der + len - 64, 32);
            y = base64(der + len - 32, 32);
            snprintf(out, size, "{\"kty\":\"EC\",\"crv\":\"P-256\","
                     "\"kid\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"%s}", s->kid, x,
                     y, more);
        }

        OPENSSL_free(der);
    }

    free(x);
    free(y);
}


static char *
sign(const signer_t *s, const char *head, const char *claims)
{
    char                 *h, *c, *sig, *token;
    size_t                len;
    ECDSA_SIG            *raw;
    EVP_MD_CTX           *ctx;
    unsigned char         buf[1024], two[64];
    const unsigned char  *p;

    h = base64((const unsigned char *) head, strlen(head));
    c = base64((const unsigned char *) claims, strlen(claims));
    token = malloc(strlen(h) + strlen(c) + 2000);
    sprintf(token, "%s.%s", h, c);

    len = sizeof(buf);
    ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(ctx, NULL, s->alg[1] == 'd'
                                        ? NULL : EVP_sha256(), NULL, s->pkey),
                     1);
    assert_int_equal(EVP_DigestSign(ctx, buf, &len, (unsigned char *) token,
                                    strlen(token)), 1);
    EVP_MD_CTX_free(ctx);

    if (s->alg[0] == 'E' && s->alg[1] == 'S') {
        p = buf;
        raw = d2i_ECDSA_SIG(NULL, &p, (long) len);
        BN_bn2binpad(ECDSA_SIG_get0_r(raw), two, 32);
        BN_bn2binpad(ECDSA_SIG_get0_s(raw), two + 32, 32);
        ECDSA_SIG_free(raw);
        memcpy(buf, two, 64);
        len = 64;
    }

    sig = base64(buf, len);
    strcat(token, ".");
    strcat(token, sig);
    free(h);
    free(c);
    free(sig);

    return token;
}


static void
save(const char *text)
{
    FILE  *f;

    f = fopen(file, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}


static int
make_keys(void **state)
{
    int   i;
    char  text[16384], one[2048], err[256];

    print_message("seed %d\n", SEED);
    srand(SEED);
    close(mkstemp(file));
    strcpy(text, "{\"keys\": [\n");

    for (i = 0; i < KEYS; i++) {
        signers[i].pkey = generate(signers[i].alg, 2048);

        if (i < 4) {
            jwk(&signers[i], i == 0 ? ",\"use\":\"sig\",\"alg\":\"RS256\"" : "",
                one, sizeof(one));
            strcat(strcat(text, i ? ",\n" : ""), one);
        }
    }

    strcat(text, ",\n{\"kty\":\"oct\",\"k\":\"c2VjcmV0\",\"kid\":\"hmac\"},"
                 "{\"kty\":\"RSA\",\"use\":\"enc\",\"kid\":\"enc\","
                 "\"n\":\"AQ\",\"e\":\"AQAB\"}]}\n");
    save(text);
    jwks = sp_jwks_open(file, err, sizeof(err));

    if (jwks == NULL) {
        print_message("%s\n", err);
        return -1;
    }

    return sp_jwks_keys(jwks) == 4
           && sp_jwt_rules(&rules, "sub", "https://id.example", "gate", 60,
                           err, sizeof(err)) == SP_OK ? 0 : -1;
}


static int
drop_keys(void **state)
{
    int  i;

    for (i = 0; i < KEYS; i++) {
        EVP_PKEY_free(signers[i].pkey);
    }

    sp_jwks_free(jwks);

    return unlink(file);
}


#define FINE  "{\"sub\":\"acme\",\"iss\":\"https://id.example\","             \
              "\"aud\":\"gate\",\"exp\":1795400600,\"jti\":\"t-1\"}"


static sp_jwt_rc_t
verify(const char *token, sp_key_t *key)
{
    const char   *why;
    sp_jwt_rc_t   rc;

    why = NULL;
    rc = sp_jwt_verify(jwks, &rules, sp_cstr(token), key, &why);
    assert_true(rc == SP_JWT_FINE || (why != NULL && why[0] != '\0'));

    return rc;
}


static void
test_signed(void **state)
{
    int        i;
    char       head[128], *token;
    sp_key_t   key;

    for (i = 0; i < KEYS; i++) {
        snprintf(head, sizeof(head), "{\"alg\":\"%s\",\"kid\":\"%s\"}",
                 signers[i].alg, signers[i].kid);
        token = sign(&signers[i], head, FINE);
        assert_true(sp_jwt_is(sp_cstr(token)));
        assert_int_equal(verify(token, &key), i < 4 ? SP_JWT_FINE
                                                    : SP_JWT_REFUSED);

        if (i < 4) {
            assert_memory_equal(key.account, "acme", 4);
            assert_int_equal(key.account_len, 4);
            assert_memory_equal(key.name, "t-1", 3);
            assert_int_equal(key.expires_at, 1795400600 + 60);
            assert_true(key.not_before == SP_TIME_ABSENT);
            assert_int_equal(key.status, SP_KEY_ACTIVE);
        }

        free(token);
    }

    /* one key alone can have been meant, or not */

    token = sign(&signers[1], "{\"alg\":\"ES256\"}", FINE);
    assert_int_equal(verify(token, &key), SP_JWT_FINE);
    free(token);
    token = sign(&signers[0], "{\"alg\":\"RS256\"}", FINE);
    assert_int_equal(verify(token, &key), SP_JWT_REFUSED);
    free(token);
}


/* Each bit of a token is signed, or has one value only. */

static void
test_each_bit(void **state)
{
    int       i, k;
    char      head[128], *token, *copy;
    size_t    at, len;
    sp_key_t  key;

    for (k = 0; k < 3; k++) {
        snprintf(head, sizeof(head), "{\"alg\":\"%s\",\"kid\":\"%s\"}",
                 signers[k].alg, signers[k].kid);
        token = sign(&signers[k], head, FINE);
        len = strlen(token);

        for (i = 0; i < BITS; i++) {
            copy = strdup(token);
            at = (size_t) rand() % len;
            copy[at] ^= (char) (1 << rand() % 7);

            if (copy[at] != '\0') {
                assert_int_not_equal(verify(copy, &key), SP_JWT_FINE);
            }

            free(copy);
        }

        for (at = 0; at < len; at++) {
            copy = strdup(token);
            copy[at] = '\0';
            assert_int_not_equal(verify(copy, &key), SP_JWT_FINE);
            free(copy);
        }

        free(token);
    }
}


/* The head and claims of a token that is well signed, by the EC key. */

static const struct {
    const char   *title;
    const char   *head;
    const char   *claims;
    sp_jwt_rc_t   rc;
} cases[] = {
    { "rfc7515: alg none", "{\"alg\":\"none\"}", FINE, SP_JWT_MALFORMED },
    { "auth0: alg nOnE", "{\"alg\":\"nOnE\"}", FINE, SP_JWT_MALFORMED },
    { "auth0: HS256 with a public key", "{\"alg\":\"HS256\"}", FINE,
      SP_JWT_MALFORMED },
    { "apisix CVE-2026-39999: HS256 and a kid of RSA",
      "{\"alg\":\"HS256\",\"kid\":\"rsa-1\"}", FINE, SP_JWT_MALFORMED },
    { "kong: the kid of a shared secret",
      "{\"alg\":\"ES256\",\"kid\":\"hmac\"}", FINE, SP_JWT_REFUSED },
    { "kid of another algorithm", "{\"alg\":\"ES256\",\"kid\":\"rsa-1\"}",
      FINE, SP_JWT_REFUSED },
    { "algorithm of another key", "{\"alg\":\"RS256\",\"kid\":\"ec-1\"}",
      FINE, SP_JWT_REFUSED },
    { "EdDSA by the EC key", "{\"alg\":\"EdDSA\"}", FINE, SP_JWT_REFUSED },
    { "RS384", "{\"alg\":\"RS384\",\"kid\":\"rsa-1\"}", FINE,
      SP_JWT_MALFORMED },
    { "PS256", "{\"alg\":\"PS256\",\"kid\":\"rsa-1\"}", FINE,
      SP_JWT_MALFORMED },
    { "no algorithm", "{\"kid\":\"ec-1\"}", FINE, SP_JWT_REFUSED },
    { "an algorithm that is none", "{\"alg\":256}", FINE, SP_JWT_MALFORMED },
    { "null", "{\"alg\":null}", FINE, SP_JWT_MALFORMED },
    { "two algorithms", "{\"alg\":\"ES256\",\"alg\":\"none\"}", FINE,
      SP_JWT_MALFORMED },
    { "one that Go would take", "{\"alg\":\"ES256\",\"ALG\":\"none\"}", FINE,
      SP_JWT_MALFORMED },
    { "a kid that leads elsewhere",
      "{\"alg\":\"ES256\",\"kid\":\"../../dev/null\"}", FINE,
      SP_JWT_REFUSED },
    { "a kid with SQL", "{\"alg\":\"ES256\",\"kid\":\"x' UNION SELECT 1\"}",
      FINE, SP_JWT_REFUSED },
    { "an empty kid", "{\"alg\":\"ES256\",\"kid\":\"\"}", FINE,
      SP_JWT_MALFORMED },
    { "jose CVE-2018-0114: a key of its own",
      "{\"alg\":\"ES256\",\"jwk\":{\"kty\":\"EC\"}}", FINE,
      SP_JWT_MALFORMED },
    { "jku", "{\"alg\":\"ES256\",\"jku\":\"https://evil.example\"}", FINE,
      SP_JWT_MALFORMED },
    { "x5u", "{\"alg\":\"ES256\",\"x5u\":\"https://evil.example\"}", FINE,
      SP_JWT_MALFORMED },
    { "x5c", "{\"alg\":\"ES256\",\"x5c\":[\"MII\"]}", FINE,
      SP_JWT_MALFORMED },
    { "crit", "{\"alg\":\"ES256\",\"crit\":[\"exp\"]}", FINE,
      SP_JWT_MALFORMED },
    { "rfc7797: b64", "{\"alg\":\"ES256\",\"b64\":false}", FINE,
      SP_JWT_MALFORMED },
    { "a token in a token", "{\"alg\":\"ES256\",\"cty\":\"JWT\"}", FINE,
      SP_JWT_MALFORMED },
    { "zip", "{\"alg\":\"ES256\",\"zip\":\"DEF\"}", FINE, SP_JWT_MALFORMED },
    { "typ JWT", "{\"alg\":\"ES256\",\"typ\":\"JWT\"}", FINE, SP_JWT_FINE },
    { "typ at+jwt", "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}", FINE,
      SP_JWT_FINE },
    { "a token of logout", "{\"alg\":\"ES256\",\"typ\":\"logout+jwt\"}", FINE,
      SP_JWT_MALFORMED },
    { "other members", "{\"alg\":\"ES256\",\"x5t\":\"abc\",\"n\":[1]}", FINE,
      SP_JWT_FINE },
    { "no object", "[\"ES256\"]", FINE, SP_JWT_MALFORMED },
    { "trailing bytes", "{\"alg\":\"ES256\"} {}", FINE, SP_JWT_MALFORMED },
    { "a BOM", "\xef\xbb\xbf{\"alg\":\"ES256\"}", FINE, SP_JWT_MALFORMED },

#define es  "{\"alg\":\"ES256\"}"
#define id  "\"iss\":\"https://id.example\",\"aud\":\"gate\""
#define ex  ",\"exp\":1795400600"

    { "litellm: never expires", es, "{\"sub\":\"acme\"," id "}",
      SP_JWT_REFUSED },
    { "exp null", es, "{\"sub\":\"acme\"," id ",\"exp\":null}",
      SP_JWT_MALFORMED },
    { "exp in words", es, "{\"sub\":\"acme\"," id ",\"exp\":\"1795400600\"}",
      SP_JWT_MALFORMED },
    { "exp of a float", es, "{\"sub\":\"acme\"," id ",\"exp\":1795400600.5}",
      SP_JWT_FINE },
    { "exp with an exponent", es, "{\"sub\":\"acme\"," id ",\"exp\":1e300}",
      SP_JWT_MALFORMED },
    { "exp below zero", es, "{\"sub\":\"acme\"," id ",\"exp\":-1}",
      SP_JWT_MALFORMED },
    { "exp beyond all", es, "{\"sub\":\"acme\"," id
      ",\"exp\":99999999999999999999}", SP_JWT_MALFORMED },
    { "two exp", es, "{\"sub\":\"acme\"," id ex ",\"exp\":9}",
      SP_JWT_MALFORMED },
    { "two sub", es, "{\"sub\":\"acme\",\"sub\":\"root\"," id ex "}",
      SP_JWT_MALFORMED },
    { "envoy GHSA-4gph: sub and Sub", es,
      "{\"sub\":\"acme\",\"Sub\":\"root\"," id ex "}", SP_JWT_MALFORMED },
    { "another issuer", es, "{\"sub\":\"acme\",\"iss\":\"https://evil\","
      "\"aud\":\"gate\"" ex "}", SP_JWT_REFUSED },
    { "an issuer and a slash", es, "{\"sub\":\"acme\","
      "\"iss\":\"https://id.example/\",\"aud\":\"gate\"" ex "}",
      SP_JWT_REFUSED },
    { "no issuer", es, "{\"sub\":\"acme\",\"aud\":\"gate\"" ex "}",
      SP_JWT_REFUSED },
    { "no audience", es, "{\"sub\":\"acme\",\"iss\":\"https://id.example\""
      ex "}", SP_JWT_REFUSED },
    { "kong: another audience", es, "{\"sub\":\"acme\","
      "\"iss\":\"https://id.example\",\"aud\":\"billing\"" ex "}",
      SP_JWT_REFUSED },
    { "several audiences", es, "{\"sub\":\"acme\","
      "\"iss\":\"https://id.example\",\"aud\":[\"billing\",\"gate\"]" ex "}",
      SP_JWT_FINE },
    { "several others", es, "{\"sub\":\"acme\","
      "\"iss\":\"https://id.example\",\"aud\":[\"billing\",\"gates\"]" ex "}",
      SP_JWT_REFUSED },
    { "an audience of numbers", es, "{\"sub\":\"acme\","
      "\"iss\":\"https://id.example\",\"aud\":[1]" ex "}",
      SP_JWT_MALFORMED },
    { "an empty one", es, "{\"sub\":\"acme\","
      "\"iss\":\"https://id.example\",\"aud\":[]" ex "}", SP_JWT_REFUSED },
    { "no account", es, "{" id ex "}", SP_JWT_REFUSED },
    { "an account that is none", es, "{\"sub\":\"a c m e\"," id ex "}",
      SP_JWT_MALFORMED },
    { "chatgpt: an empty account", es, "{\"sub\":\"\"," id ex "}",
      SP_JWT_MALFORMED },
    { "an account of digits", es, "{\"sub\":7," id ex "}",
      SP_JWT_MALFORMED },
    { "NUL in an account", es, "{\"sub\":\"ac\\u0000me\"," id ex "}",
      SP_JWT_MALFORMED },
    { "redis: a line in an account", es,
      "{\"sub\":\"a\\r\\nDEL x\"," id ex "}", SP_JWT_MALFORMED },
    { "escapes are what they stand for", es,
      "{\"\\u0073ub\":\"\\u0061cme\"," id ex "}", SP_JWT_FINE },
    { "a jti that is no name", es, "{\"sub\":\"acme\",\"jti\":\"a b\"," id ex
      "}", SP_JWT_FINE },
    { "nbf of a string", es, "{\"sub\":\"acme\",\"nbf\":\"0\"," id ex "}",
      SP_JWT_MALFORMED },
    { "claims that are no object", es, "\"acme\"", SP_JWT_MALFORMED },
    { "claims that are empty", es, "{}", SP_JWT_REFUSED },
    { "claims with trailing bytes", es, FINE "x", SP_JWT_MALFORMED },
    { "claims with NaN", es, "{\"sub\":\"acme\",\"x\":NaN," id ex "}",
      SP_JWT_MALFORMED }
};


static void
test_cases(void **state)
{
    char         *token;
    size_t        i;
    sp_key_t      key;
    sp_jwt_rc_t   rc;

    for (i = 0; i < sp_nelts(cases); i++) {
        token = sign(&signers[1], cases[i].head, cases[i].claims);
        rc = verify(token, &key);

        if (rc != cases[i].rc) {
            fail_msg("%s: %d, it should be %d", cases[i].title, (int) rc,
                     (int) cases[i].rc);
        }

        free(token);
    }
}


/* The classic: the public key is taken for a shared secret. */

static void
test_confusion(void **state)
{
    int             k, len;
    char           *h, *c, *sig, token[4096];
    unsigned        n;
    sp_key_t        key;
    unsigned char  *der, mac[64];

    for (k = 0; k < 4; k++) {
        der = NULL;
        len = i2d_PUBKEY(signers[k].pkey, &der);
        snprintf(token, sizeof(token), "{\"alg\":\"HS256\",\"kid\":\"%s\"}",
                 signers[k].kid);
        h = base64((unsigned char *) token, strlen(token));
        c = base64((const unsigned char *) FINE, strlen(FINE));
        snprintf(token, sizeof(token), "%s.%s", h, c);
        HMAC(EVP_sha256(), der, len, (unsigned char *) token, strlen(token),
             mac, &n);
        sig = base64(mac, n);
        strcat(strcat(token, "."), sig);
        assert_int_equal(verify(token, &key), SP_JWT_MALFORMED);

        /* psychic signatures, CVE-2022-21449: r = s = 0 */

        snprintf(token, sizeof(token), "%s.%s.%s",
                 "eyJhbGciOiJFUzI1NiJ9", c,
                 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
                 "AAAAAAAAAAAAAAAAAAAAAAAAAA");
        assert_int_equal(verify(token, &key), SP_JWT_REFUSED);

        snprintf(token, sizeof(token), "%s.%s.", h, c);
        assert_int_equal(verify(token, &key), SP_JWT_MALFORMED);

        OPENSSL_free(der);
        free(h);
        free(c);
        free(sig);
    }
}


static void
test_shapes(void **state)
{
    size_t       i;
    sp_key_t     key;
    char        *big;

    static const char *const  none[] = {
        "", ".", "..", "eyJ", "eyJ.", "eyJ..", "eyJ.a.", ".a.b", "eyJ.a.b.c",
        "sk-acme", "eyJhbGciOiJub25lIn0", "a.b.c"
    };

    for (i = 0; i < sp_nelts(none); i++) {
        assert_false(sp_jwt_is(sp_cstr(none[i])));
        assert_int_not_equal(verify(none[i], &key), SP_JWT_FINE);
    }

    big = malloc(100001);
    memset(big, 'A', 100000);
    big[100000] = '\0';
    memcpy(big, "eyJ", 3);
    big[20] = big[99990] = '.';
    assert_int_equal(verify(big, &key), SP_JWT_MALFORMED);
    free(big);
}


/* Sets that are refused, with a sentence that says why. */

static void
test_sets(void **state)
{
    char       text[8192], one[2048], two[2048], err[256];
    size_t     i;
    signer_t   weak;
    sp_jwks_t *set;

    static const struct {
        const char  *text;
        const char  *why;
    } bad[] = {
        { "", "no JSON" }, { "[]", "no JSON" },
        { "{\"keys\":{}}", "no set of keys" }, { "{\"keys\":[]}", "none of" },
        { "{\"keys\":[1]}", "an object" }, { "keys: []", "no set" },
        { "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AQ\"}]}", "none of" },
        { "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AQ\","
          "\"y\":\"AQ\"}]}", "no usable public key" },
        { "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-384\"}]}", "none of" },
        { "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AQ\"}]}",
          "no usable" },
        { "{\"keys\":[{\"kty\":\"RSA\",\"d\":\"AQ\"}]}", "private key" },
        { "<html>", "no " }
    };

    for (i = 0; i < sp_nelts(bad); i++) {
        save(bad[i].text);
        err[0] = '\0';
        assert_null(sp_jwks_open(file, err, sizeof(err)));

        if (strstr(err, bad[i].why) == NULL) {
            fail_msg("%s: %s", bad[i].text, err);
        }
    }

    assert_null(sp_jwks_open("/nonexistent", err, sizeof(err)));

    weak.kid = "weak";
    weak.alg = "RS256";
    weak.pkey = generate("RS256", 1024);
    jwk(&weak, "", one, sizeof(one));
    snprintf(text, sizeof(text), "{\"keys\":[%s]}", one);
    save(text);
    assert_null(sp_jwks_open(file, err, sizeof(err)));
    assert_non_null(strstr(err, "2048"));
    EVP_PKEY_free(weak.pkey);

    jwk(&signers[1], "", one, sizeof(one));
    jwk(&signers[2], "", two, sizeof(two));
    snprintf(text, sizeof(text), "{\"keys\":[%s,%s]}", one, one);
    save(text);
    assert_null(sp_jwks_open(file, err, sizeof(err)));
    assert_non_null(strstr(err, "one \"kid\""));

    snprintf(text, sizeof(text), "{\"keys\":[%s,\n  %s\n]}\n", one, two);
    save(text);
    set = sp_jwks_open(file, err, sizeof(err));
    assert_non_null(set);
    assert_int_equal(sp_jwks_keys(set), 2);
    sp_jwks_free(set);

    /* the curve has no such point */

    snprintf(text, sizeof(text), "{\"keys\":[%s]}", one);
    *(strstr(text, "\"x\":\"") + 7) ^= 1;
    save(text);
    assert_null(sp_jwks_open(file, err, sizeof(err)));
}


static void
test_rules(void **state)
{
    char            err[256], *token;
    sp_key_t        key;
    const char     *why;
    sp_jwt_rules_t  other;

    assert_int_equal(sp_jwt_rules(&other, "exp", NULL, NULL, 0, err,
                                  sizeof(err)), SP_ERROR);
    assert_int_equal(sp_jwt_rules(&other, "a/*", NULL, NULL, 0, err,
                                  sizeof(err)), SP_ERROR);
    assert_int_equal(sp_jwt_rules(&other, "sub", NULL, NULL, 301, err,
                                  sizeof(err)), SP_ERROR);
    assert_int_equal(sp_jwt_rules(&other, "", NULL, NULL, 0, err,
                                  sizeof(err)), SP_ERROR);

    /* an object in an object; no issuer; and no audience is for nobody else */

    assert_int_equal(sp_jwt_rules(&other, "org/account", NULL, NULL, 0, err,
                                  sizeof(err)), SP_OK);
    token = sign(&signers[1], es, "{\"org\":{\"account\":\"acme\"}" ex
                 ",\"nbf\":5,\"iat\":9}");
    assert_int_equal(sp_jwt_verify(jwks, &other, sp_cstr(token), &key, &why),
                     SP_JWT_FINE);
    assert_int_equal(key.not_before, 9);
    assert_memory_equal(key.name, "jwt", 3);
    free(token);

    token = sign(&signers[1], es, "{\"org\":{\"account\":\"acme\"},"
                 "\"aud\":\"x\"" ex "}");
    assert_int_equal(sp_jwt_verify(jwks, &other, sp_cstr(token), &key, &why),
                     SP_JWT_REFUSED);
    assert_non_null(strstr(why, "audience"));
    free(token);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_signed),
        cmocka_unit_test(test_each_bit),
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_confusion),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_rules),
    };

    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}

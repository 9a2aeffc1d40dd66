
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the verifying of tokens. The head is read to find the
 * key; what the token claims is not looked at before its signature holds.
 * What two readers could read in two ways is no token: the scanner of bodies
 * reads both parts.
 */


#include <stdio.h>

#include <openssl/ecdsa.h>

#include "sp_jwt_room.h"


typedef enum {
    SP_H_ALG = 0,
    SP_H_KID,
    SP_H_TYP,
    SP_H_OTHER,          /* a part that this gate does not understand */
    SP_C_ACCOUNT,
    SP_C_ISS,
    SP_C_AUD,
    SP_C_AUDS,
    SP_C_EXP,
    SP_C_NBF,
    SP_C_IAT,
    SP_C_JTI
} sp_jwt_part_t;


typedef struct {
    const sp_jwt_rules_t  *rules;
    const char            *why;
    int                    alg;      /* -1: none yet */
    int                    has_kid;
    int                    has_aud;
    int                    aud;      /* is ours */
    int                    iss;
    int64_t                exp;
    int64_t                nbf;
    int64_t                iat;
    size_t                 kid_len;
    unsigned char          kid[SP_JWKS_KID];
    size_t                 jti_len;
    unsigned char          jti[SP_ID_LEN];
    size_t                 account_len;
    unsigned char          account[SP_ID_LEN];
} sp_jwt_t;


static sp_rc_t sp_jwt_split(sp_str_t token, sp_str_t part[3]);
static sp_rc_t sp_jwt_part(sp_jwt_t *jwt, const sp_json_table_t *table,
    sp_str_t text);
static sp_rc_t sp_jwt_value(void *ctx, int id, const sp_json_value_t *value);
static sp_rc_t sp_jwt_text(sp_jwt_t *jwt, int id, sp_str_t text);
static sp_rc_t sp_jwt_head(sp_jwt_t *jwt, int id, sp_str_t text);
static sp_rc_t sp_jwt_time(int64_t *time, sp_str_t text);
static const sp_jwks_key_t *sp_jwt_key(const sp_jwks_t *jwks,
    const sp_jwt_t *jwt);
static int sp_jwt_signed(const sp_jwks_key_t *key, sp_str_t token,
    sp_str_t signature);
static size_t sp_jwt_der(const unsigned char *raw, unsigned char *der,
    size_t size);
static sp_jwt_rc_t sp_jwt_claims(sp_jwt_t *jwt, sp_key_t *key);


static const sp_json_watch_t  sp_jwt_heads[] = {
    { "alg", SP_H_ALG }, { "kid", SP_H_KID }, { "typ", SP_H_TYP },
    { "crit", SP_H_OTHER }, { "b64", SP_H_OTHER }, { "jku", SP_H_OTHER },
    { "jwk", SP_H_OTHER }, { "x5u", SP_H_OTHER }, { "x5c", SP_H_OTHER },
    { "enc", SP_H_OTHER }, { "zip", SP_H_OTHER }, { "cty", SP_H_OTHER }
};


sp_rc_t
sp_jwt_rules(sp_jwt_rules_t *rules, const char *account, const char *issuer,
    const char *audience, int64_t skew, char *err, size_t errlen)
{
    size_t  i, need;

    sp_json_watch_t  claims[] = {
        { account, SP_C_ACCOUNT }, { "iss", SP_C_ISS }, { "aud", SP_C_AUD },
        { "aud/*", SP_C_AUDS }, { "exp", SP_C_EXP }, { "nbf", SP_C_NBF },
        { "iat", SP_C_IAT }, { "jti", SP_C_JTI }
    };

    memset(rules, 0, sizeof(*rules));

    for (i = 1; i < sp_nelts(claims); i++) {

        if (strcmp(account, claims[i].path) == 0) {
            (void) snprintf(err, errlen, "\"%s\" is no claim that names an "
                            "account", account);
            return SP_ERROR;
        }
    }

    if (strlen(account) >= SP_JWT_TEXT_MAX || strchr(account, '*') != NULL
        || (issuer != NULL && strlen(issuer) >= SP_JWT_TEXT_MAX)
        || (audience != NULL && strlen(audience) >= SP_JWT_TEXT_MAX))
    {
        (void) snprintf(err, errlen, "claim, issuer and audience are shorter "
                        "than %d bytes, and a claim has no '*'",
                        SP_JWT_TEXT_MAX);
        return SP_ERROR;
    }

    if (skew < 0 || skew > SP_JWT_SKEW_MAX) {
        (void) snprintf(err, errlen, "clocks may differ by %d seconds at "
                        "most", SP_JWT_SKEW_MAX);
        return SP_ERROR;
    }

    memcpy(rules->account, account, strlen(account));

    if (issuer != NULL) {
        memcpy(rules->issuer, issuer, strlen(issuer));
    }

    if (audience != NULL) {
        memcpy(rules->audience, audience, strlen(audience));
    }

    rules->skew = skew;
    rules->head = sp_json_compile(sp_jwt_heads, sp_nelts(sp_jwt_heads),
                                  rules->head_mem, sizeof(rules->head_mem),
                                  &need);
    rules->claims = sp_json_compile(claims, sp_nelts(claims),
                                    rules->claims_mem,
                                    sizeof(rules->claims_mem), &need);

    if (rules->head == NULL || rules->claims == NULL) {
        (void) snprintf(err, errlen, "\"%s\" is no name of a claim", account);
        return SP_ERROR;
    }

    return SP_OK;
}


int
sp_jwt_is(sp_str_t token)
{
    sp_str_t  part[3];

    return token.len > 3 && memcmp(token.data, "eyJ", 3) == 0
           && sp_jwt_split(token, part) == SP_OK;
}


sp_jwt_rc_t
sp_jwt_verify(const sp_jwks_t *jwks, const sp_jwt_rules_t *rules,
    sp_str_t token, sp_key_t *key, const char **why)
{
    sp_str_t              part[3], input;
    sp_jwt_t              jwt;
    sp_jwt_rc_t           rc;
    const sp_jwks_key_t  *by;

    memset(&jwt, 0, sizeof(jwt));
    jwt.rules = rules;
    jwt.alg = -1;
    jwt.exp = jwt.nbf = jwt.iat = SP_TIME_ABSENT;
    jwt.why = "a token has three parts, at most 8 KiB in all";
    rc = SP_JWT_MALFORMED;

    if (token.len > SP_JWT_MAX || sp_jwt_split(token, part) != SP_OK) {
        goto done;
    }

    jwt.why = "the head of the token cannot be read";

    if (sp_jwt_part(&jwt, rules->head, part[0]) != SP_OK) {
        goto done;
    }

    rc = SP_JWT_REFUSED;
    by = sp_jwt_key(jwks, &jwt);
    input.data = token.data;
    input.len = part[0].len + 1 + part[1].len;

    if (by == NULL) {
        jwt.why = "the token names no key of the set, or another algorithm";
        goto done;
    }

    if (!sp_jwt_signed(by, input, part[2])) {
        jwt.why = "the signature of the token does not hold";
        goto done;
    }

    jwt.why = "the claims of the token cannot be read";

    if (sp_jwt_part(&jwt, rules->claims, part[1]) != SP_OK) {
        rc = SP_JWT_MALFORMED;
        goto done;
    }

    rc = sp_jwt_claims(&jwt, key);

done:

    *why = jwt.why;

    return rc;
}


static sp_rc_t
sp_jwt_split(sp_str_t token, sp_str_t part[3])
{
    size_t  i, n, from;

    n = 0;
    from = 0;

    for (i = 0; i <= token.len; i++) {

        if (i != token.len && token.data[i] != '.') {
            continue;
        }

        if (n == 3 || i == from) {
            return SP_ERROR;
        }

        part[n].data = token.data + from;
        part[n++].len = i - from;
        from = i + 1;
    }

    return n == 3 ? SP_OK : SP_ERROR;
}


sp_rc_t
sp_jwt_decode(sp_str_t text, unsigned char *out, size_t size, size_t *len)
{
    int            v;
    size_t         i, n;
    uint32_t       bits;
    unsigned char  c;

    n = 0;
    bits = 0;

    if (text.len % 4 == 1) {
        return SP_ERROR;
    }

    for (i = 0; i < text.len; i++) {
        c = text.data[i];
        v = c >= 'A' && c <= 'Z' ? c - 'A'
            : c >= 'a' && c <= 'z' ? c - 'a' + 26
            : c >= '0' && c <= '9' ? c - '0' + 52
            : c == '-' ? 62 : c == '_' ? 63 : -1;

        if (v == -1) {
            return SP_ERROR;
        }

        bits = bits << 6 | (uint32_t) v;

        if (i % 4 == 0) {
            continue;
        }

        if (n == size) {
            return SP_ERROR;
        }

        /* what is left of the last six bits is 0, 2 or 4 of them */

        out[n++] = (unsigned char) (bits >> (6 - 2 * (i % 4)));
    }

    *len = n;

    return (text.len % 4 == 2 && (bits & 15) != 0)
           || (text.len % 4 == 3 && (bits & 3) != 0) ? SP_ERROR : SP_OK;
}


static sp_rc_t
sp_jwt_part(sp_jwt_t *jwt, const sp_json_table_t *table, sp_str_t text)
{
    size_t         len;
    sp_json_t      json;
    unsigned char  buf[SP_JWT_MAX];

    if (sp_jwt_decode(text, buf, sizeof(buf), &len) != SP_OK) {
        return SP_ERROR;
    }

    sp_json_init(&json, table, sp_jwt_value, jwt);

    return sp_json_feed(&json, buf, len) == SP_OK
           && sp_json_finish(&json) == SP_OK ? SP_OK : SP_ERROR;
}


static sp_rc_t
sp_jwt_value(void *ctx, int id, const sp_json_value_t *value)
{
    sp_jwt_t  *jwt;

    jwt = ctx;

    switch (id) {

    case SP_C_EXP:
        return value->type == SP_JSON_NUMBER
               ? sp_jwt_time(&jwt->exp, value->text) : SP_ERROR;

    case SP_C_NBF:
        return value->type == SP_JSON_NUMBER
               ? sp_jwt_time(&jwt->nbf, value->text) : SP_ERROR;

    case SP_C_IAT:
        return value->type == SP_JSON_NUMBER
               ? sp_jwt_time(&jwt->iat, value->text) : SP_ERROR;

    case SP_C_AUD:
        jwt->has_aud = 1;

        if (value->type == SP_JSON_ARRAY) {
            return SP_OK;
        }

        break;

    case SP_H_OTHER:
        jwt->why = "the head of the token says what this gate does not "
                   "understand, or names a key of its own";
        return SP_ERROR;
    }

    if (value->type != SP_JSON_STRING) {
        return SP_ERROR;
    }

    return id <= SP_H_OTHER ? sp_jwt_head(jwt, id, value->text)
                            : sp_jwt_text(jwt, id, value->text);
}


/* "at+jwt" is that of RFC 9068; another sort of token is not for a gate. */

static sp_rc_t
sp_jwt_head(sp_jwt_t *jwt, int id, sp_str_t text)
{
    size_t  i;

    static const sp_str_t  algs[] = {
        sp_str("RS256"), sp_str("ES256"), sp_str("EdDSA")
    };
    static const sp_str_t  types[] = {
        sp_str("jwt"), sp_str("at+jwt"), sp_str("application/at+jwt")
    };

    switch (id) {

    case SP_H_ALG:

        for (i = 0; i < sp_nelts(algs); i++) {

            if (sp_str_eq(text, algs[i])) {
                jwt->alg = (int) i;
                return SP_OK;
            }
        }

        jwt->why = "tokens are signed by RS256, ES256 or EdDSA";

        return SP_ERROR;

    case SP_H_KID:

        if (text.len == 0 || text.len > sizeof(jwt->kid)) {
            return SP_ERROR;
        }

        jwt->has_kid = 1;
        jwt->kid_len = text.len;
        memcpy(jwt->kid, text.data, text.len);

        return SP_OK;

    default: /* SP_H_TYP */

        for (i = 0; i < sp_nelts(types); i++) {

            if (sp_str_caseeq(text, types[i])) {
                return SP_OK;
            }
        }

        return SP_ERROR;
    }
}


static sp_rc_t
sp_jwt_text(sp_jwt_t *jwt, int id, sp_str_t text)
{
    switch (id) {

    case SP_C_ISS:
        jwt->iss = sp_str_eq(text, sp_cstr(jwt->rules->issuer));
        return SP_OK;

    case SP_C_AUD:
    case SP_C_AUDS:
        jwt->has_aud = 1;
        jwt->aud |= jwt->rules->audience[0] != '\0'
                    && sp_str_eq(text, sp_cstr(jwt->rules->audience));
        return SP_OK;

    case SP_C_JTI:

        if (sp_id_valid(text)) {
            jwt->jti_len = text.len;
            memcpy(jwt->jti, text.data, text.len);
        }

        return SP_OK;

    default: /* SP_C_ACCOUNT */

        if (!sp_id_valid(text)) {
            jwt->why = "the token names no account that there can be";
            return SP_ERROR;
        }

        jwt->account_len = text.len;
        memcpy(jwt->account, text.data, text.len);

        return SP_OK;
    }
}


/* Seconds; a fraction is cut off. No exponent, no sign. */

static sp_rc_t
sp_jwt_time(int64_t *time, sp_str_t text)
{
    size_t    n;
    uint64_t  seconds;

    for (n = 0; n < text.len && text.data[n] != '.'; n++) { /* void */ }

    for (seconds = n + 1; seconds < text.len; seconds++) {

        if (text.data[seconds] < '0' || text.data[seconds] > '9') {
            return SP_ERROR;
        }
    }

    text.len = n;

    if (sp_parse_uint(text, INT64_MAX / 2, &seconds) != SP_OK) {
        return SP_ERROR;
    }

    *time = (int64_t) seconds;

    return SP_OK;
}


/* By its "kid"; without one, only if one key can be meant. */

static const sp_jwks_key_t *
sp_jwt_key(const sp_jwks_t *jwks, const sp_jwt_t *jwt)
{
    unsigned              i;
    const sp_jwks_key_t  *key, *one;

    one = NULL;

    for (i = 0; i < jwks->n; i++) {
        key = &jwks->keys[i];

        if ((int) key->alg != jwt->alg) {
            continue;
        }

        if (jwt->has_kid) {

            if (key->kid_len == jwt->kid_len
                && memcmp(key->kid, jwt->kid, jwt->kid_len) == 0)
            {
                return key;
            }

            continue;
        }

        if (one != NULL) {
            return NULL;
        }

        one = key;
    }

    return one;
}


static int
sp_jwt_signed(const sp_jwks_key_t *key, sp_str_t token, sp_str_t signature)
{
    int            ok;
    size_t         len;
    EVP_MD_CTX    *ctx;
    const EVP_MD  *md;
    unsigned char  raw[1024], der[80];

    if (sp_jwt_decode(signature, raw, sizeof(raw), &len) != SP_OK) {
        return 0;
    }

    md = key->alg == SP_JWT_EDDSA ? NULL : EVP_sha256();

    if (key->alg == SP_JWT_ES256) {
        len = len == 64 ? sp_jwt_der(raw, der, sizeof(der)) : 0;

    } else if (key->alg == SP_JWT_RS256
               && len != (size_t) EVP_PKEY_size(key->pkey))
    {
        len = 0;
    }

    if (len == 0) {
        return 0;
    }

    ctx = EVP_MD_CTX_new();

    if (ctx == NULL) {
        return 0;
    }

    ok = EVP_DigestVerifyInit(ctx, NULL, md, NULL, key->pkey) == 1
         && EVP_DigestVerify(ctx, key->alg == SP_JWT_ES256 ? der : raw, len,
                             token.data, token.len)
            == 1;

    EVP_MD_CTX_free(ctx);

    return ok;
}


/* Two numbers (RFC 7518 3.4) as libcrypto wants them; 0: no memory. */

static size_t
sp_jwt_der(const unsigned char *raw, unsigned char *der, size_t size)
{
    int            len;
    BIGNUM        *r, *s;
    ECDSA_SIG     *sig;

    len = 0;
    sig = ECDSA_SIG_new();
    r = BN_bin2bn(raw, 32, NULL);
    s = BN_bin2bn(raw + 32, 32, NULL);

    if (sig != NULL && r != NULL && s != NULL
        && ECDSA_SIG_set0(sig, r, s) == 1)
    {
        r = s = NULL;        /* of "sig" now */
        len = i2d_ECDSA_SIG(sig, NULL);

        if (len > 0 && (size_t) len <= size) {
            len = i2d_ECDSA_SIG(sig, &der);
        }
    }

    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(sig);

    return len > 0 && (size_t) len <= size ? (size_t) len : 0;
}


/*
 * A token with an audience is for those that it names (RFC 7519 4.1.3); one
 * that never expires is none.
 */

static sp_jwt_rc_t
sp_jwt_claims(sp_jwt_t *jwt, sp_key_t *key)
{
    const sp_jwt_rules_t  *rules;

    rules = jwt->rules;

    if (jwt->exp == SP_TIME_ABSENT) {
        jwt->why = "the token does not say when it expires";
        return SP_JWT_REFUSED;
    }

    if (rules->issuer[0] != '\0' && !jwt->iss) {
        jwt->why = "the token is of another issuer";
        return SP_JWT_REFUSED;
    }

    if (!jwt->aud && (jwt->has_aud || rules->audience[0] != '\0')) {
        jwt->why = "the token is for another audience";
        return SP_JWT_REFUSED;
    }

    if (jwt->account_len == 0) {
        jwt->why = "the token names no account";
        return SP_JWT_REFUSED;
    }

    memset(key, 0, sizeof(*key));

    key->schema = 1;
    key->status = SP_KEY_ACTIVE;
    key->expires_at = jwt->exp + rules->skew;
    key->not_before = jwt->iat > jwt->nbf ? jwt->iat : jwt->nbf;

    if (key->not_before != SP_TIME_ABSENT) {
        key->not_before -= rules->skew;
    }

    key->account_len = (uint8_t) jwt->account_len;
    memcpy(key->account, jwt->account, jwt->account_len);

    if (jwt->jti_len == 0 && jwt->has_kid && jwt->kid_len <= SP_ID_LEN) {
        jwt->jti_len = jwt->kid_len;
        memcpy(jwt->jti, jwt->kid, jwt->kid_len);
    }

    if (jwt->jti_len == 0) {
        jwt->jti_len = 3;
        memcpy(jwt->jti, "jwt", 3);
    }

    key->name_len = (uint8_t) jwt->jti_len;
    memcpy(key->name, jwt->jti, jwt->jti_len);

    return SP_JWT_FINE;
}

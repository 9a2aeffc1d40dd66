
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the fuzz target of signed tokens. The input is a token
 * as it stands; and its lines are the head and the claims of one that is well
 * signed, with the key pair of RFC 8037, so that what is behind the signature
 * is reached. Whatever verifies names an account that there can be.
 */


#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "sp_jwt.h"


#define FUZZ_MAX  6000


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_open(void);
static size_t fuzz_base64(const uint8_t *data, size_t len, char *out);
static void fuzz_verify(const char *token, size_t len);


static sp_jwks_t       *fuzz_jwks;
static sp_jwt_rules_t   fuzz_rules;
static EVP_PKEY        *fuzz_key;


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char            token[2 * FUZZ_MAX + 200];
    size_t          n, len;
    uint8_t         signature[64];
    EVP_MD_CTX     *ctx;
    const uint8_t  *line;

    if (size > FUZZ_MAX) {
        return 0;
    }

    if (fuzz_jwks == NULL) {
        fuzz_open();
    }

    fuzz_verify((const char *) data, size);

    line = size ? memchr(data, '\n', size) : NULL;

    if (line == NULL) {
        return 0;
    }

    n = fuzz_base64(data, (size_t) (line - data), token);
    token[n++] = '.';
    n += fuzz_base64(line + 1, size - (size_t) (line - data) - 1, token + n);

    len = sizeof(signature);
    ctx = EVP_MD_CTX_new();

    if (ctx == NULL
        || EVP_DigestSignInit(ctx, NULL, NULL, NULL, fuzz_key) != 1
        || EVP_DigestSign(ctx, signature, &len, (uint8_t *) token, n) != 1)
    {
        abort();
    }

    EVP_MD_CTX_free(ctx);

    token[n++] = '.';
    n += fuzz_base64(signature, len, token + n);

    fuzz_verify(token, n);

    return 0;
}


static void
fuzz_open(void)
{
    int   fd;
    char  err[256], file[] = "/tmp/sallyport-fuzz-XXXXXX";

    static const char  set[] = "{\"keys\":[{\"kty\":\"OKP\",\"crv\":"
        "\"Ed25519\",\"kid\":\"k\",\"x\":"
        "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}";

    static const uint8_t  secret[32] = {
        0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a,
        0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32,
        0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60
    };

    fd = mkstemp(file);

    if (fd == -1 || write(fd, set, sizeof(set) - 1) != sizeof(set) - 1) {
        abort();
    }

    fuzz_jwks = sp_jwks_open(file, err, sizeof(err));
    fuzz_key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret,
                                            sizeof(secret));

    (void) close(fd);
    (void) unlink(file);

    if (fuzz_jwks == NULL || fuzz_key == NULL
        || sp_jwt_rules(&fuzz_rules, "sub", "i", "a", 60, err, sizeof(err))
           != SP_OK)
    {
        abort();
    }
}


static size_t
fuzz_base64(const uint8_t *data, size_t len, char *out)
{
    int     bits;
    size_t  i, n;

    uint32_t           v;
    static const char  digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop"
                                  "qrstuvwxyz0123456789-_";

    for (i = 0, n = 0, v = 0, bits = 0; i < len; i++) {
        v = v << 8 | data[i];

        for (bits += 8; bits >= 6; bits -= 6) {
            out[n++] = digits[v >> (bits - 6) & 63];
        }
    }

    if (bits != 0) {
        out[n++] = digits[v << (6 - bits) & 63];
    }

    return n;
}


static void
fuzz_verify(const char *token, size_t len)
{
    sp_str_t      s, id;
    sp_key_t      key;
    const char   *why;
    sp_jwt_rc_t   rc;

    s.data = (const unsigned char *) token;
    s.len = len;

    rc = sp_jwt_verify(fuzz_jwks, &fuzz_rules, s, &key, &why);

    if (rc != SP_JWT_FINE) {
        if (why == NULL || why[0] == '\0') {
            abort();
        }

        return;
    }

    id.data = (const unsigned char *) key.account;
    id.len = key.account_len;

    if (!sp_id_valid(id) || key.name_len == 0 || key.name_len > SP_ID_LEN
        || key.status != SP_KEY_ACTIVE || key.expires_at < 0)
    {
        abort();
    }
}

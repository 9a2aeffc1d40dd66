
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains sets of public keys: JSON, which the reader of policies
 * reads as well, made into keys of libcrypto.
 */


#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "sp_jwt_room.h"

#include "policy/sp_yaml.h"


#define SP_JWKS_RSA_MIN  256       /* bytes of a modulus */
#define SP_JWKS_RSA_MAX  1024
#define SP_JWKS_NUMBER   (SP_JWKS_RSA_MAX + 1)


static sp_rc_t sp_jwks_read(const char *file, char *buf, size_t *len,
    char *err, size_t errlen);
static sp_rc_t sp_jwks_list(sp_jwks_t *jwks, const sp_ynode_t *root,
    char *err, size_t errlen);
static sp_rc_t sp_jwks_key(sp_jwks_t *jwks, const sp_ynode_t *node, char *err,
    size_t errlen);
static sp_str_t sp_jwks_text(const sp_ynode_t *node, const char *name);
static int sp_jwks_is(const sp_ynode_t *node, const char *name,
    const char *value);
static EVP_PKEY *sp_jwks_rsa(const sp_ynode_t *node);
static EVP_PKEY *sp_jwks_ec(const sp_ynode_t *node);
static EVP_PKEY *sp_jwks_ed(const sp_ynode_t *node);
static size_t sp_jwks_bytes(const sp_ynode_t *node, const char *name,
    unsigned char *out, size_t size);
static unsigned char *sp_der_head(unsigned char *p, unsigned char tag,
    size_t len);
static unsigned char *sp_der_int(unsigned char *p, const unsigned char *n,
    size_t len);
static size_t sp_der_size(size_t len);


sp_jwks_t *
sp_jwks_open(const char *file, char *err, size_t errlen)
{
    char          *text;
    size_t         len;
    sp_rc_t        rc;
    sp_str_t       s;
    sp_jwks_t     *jwks;
    sp_diags_t     diags;
    sp_arena_t    *arena;
    sp_ynode_t    *root;
    sp_ysource_t   source;

    rc = SP_ERROR;
    text = malloc(SP_JWKS_MAX + 1);
    jwks = calloc(1, sizeof(sp_jwks_t));
    arena = sp_arena_create();
    sp_diags_init(&diags);

    if (text == NULL || jwks == NULL || arena == NULL) {
        (void) snprintf(err, errlen, "no memory");
        goto done;
    }

    if (sp_jwks_read(file, text, &len, err, errlen) != SP_OK) {
        goto done;
    }

    s.data = (unsigned char *) text;
    s.len = len;
    root = sp_yaml_parse(&source, file, s, arena, &diags);

    if (root == NULL) {
        (void) snprintf(err, errlen, "it is no JSON object (line %u)",
                        diags.n ? diags.items[0].mark.line : 1);
        goto done;
    }

    rc = sp_jwks_list(jwks, root, err, errlen);

done:

    sp_diags_free(&diags);

    if (arena != NULL) {
        sp_arena_destroy(arena);
    }

    free(text);

    if (rc != SP_OK) {
        sp_jwks_free(jwks);
        return NULL;
    }

    return jwks;
}


void
sp_jwks_free(sp_jwks_t *jwks)
{
    unsigned  i;

    if (jwks == NULL) {
        return;
    }

    for (i = 0; i < jwks->n; i++) {
        EVP_PKEY_free(jwks->keys[i].pkey);
    }

    free(jwks);
}


unsigned
sp_jwks_keys(const sp_jwks_t *jwks)
{
    return jwks->n;
}


static sp_rc_t
sp_jwks_read(const char *file, char *buf, size_t *len, char *err,
    size_t errlen)
{
    FILE  *f;

    f = fopen(file, "rbe");

    if (f == NULL) {
        (void) snprintf(err, errlen, "\"%s\" cannot be opened: %m", file);
        return SP_ERROR;
    }

    *len = fread(buf, 1, SP_JWKS_MAX + 1, f);

    if (ferror(f) || *len > SP_JWKS_MAX) {
        (void) snprintf(err, errlen, "\"%s\" cannot be read, or has more than "
                        "%d bytes", file, SP_JWKS_MAX);
        (void) fclose(f);
        return SP_ERROR;
    }

    (void) fclose(f);

    return SP_OK;
}


static sp_rc_t
sp_jwks_list(sp_jwks_t *jwks, const sp_ynode_t *root, char *err,
    size_t errlen)
{
    const sp_ynode_t  *keys, *node;

    keys = root->kind == SP_Y_MAP ? sp_ynode_get(root, "keys") : NULL;

    if (keys == NULL || keys->kind != SP_Y_SEQ || root->flow == 0) {
        (void) snprintf(err, errlen, "it is no set of keys, "
                        "{\"keys\": [...]}");
        return SP_ERROR;
    }

    for (node = keys->first; node != NULL; node = node->next) {

        if (node->kind != SP_Y_MAP) {
            (void) snprintf(err, errlen, "line %u: a key is an object",
                            node->line);
            return SP_ERROR;
        }

        if (sp_jwks_key(jwks, node, err, errlen) != SP_OK) {
            return SP_ERROR;
        }
    }

    if (jwks->n == 0) {
        (void) snprintf(err, errlen, "none of its %u keys verifies RS256, "
                        "ES256 or EdDSA", keys->n);
        return SP_ERROR;
    }

    return SP_OK;
}


static sp_rc_t
sp_jwks_key(sp_jwks_t *jwks, const sp_ynode_t *node, char *err,
    size_t errlen)
{
    size_t           i;
    sp_str_t         kid;
    unsigned         k;
    sp_jwks_key_t   *key;

    static const struct {
        const char      *kty;
        const char      *crv;
        const char      *alg;
        sp_jwt_alg_t     number;
        EVP_PKEY      *(*make)(const sp_ynode_t *node);
    } kinds[] = {
        { "RSA", NULL, "RS256", SP_JWT_RS256, sp_jwks_rsa },
        { "EC", "P-256", "ES256", SP_JWT_ES256, sp_jwks_ec },
        { "OKP", "Ed25519", "EdDSA", SP_JWT_EDDSA, sp_jwks_ed }
    };

    if (sp_ynode_get(node, "d") != NULL) {
        (void) snprintf(err, errlen, "line %u: this is a private key; the set "
                        "takes public ones", node->line);
        return SP_ERROR;
    }

    for (i = 0; i < sp_nelts(kinds); i++) {

        if (sp_jwks_is(node, "kty", kinds[i].kty)
            && (kinds[i].crv == NULL || sp_jwks_is(node, "crv", kinds[i].crv)))
        {
            break;
        }
    }

    if (i == sp_nelts(kinds)
        || (sp_ynode_get(node, "use") && !sp_jwks_is(node, "use", "sig"))
        || (sp_ynode_get(node, "alg")
            && !sp_jwks_is(node, "alg", kinds[i].alg)))
    {
        return SP_OK;
    }

    kid = sp_jwks_text(node, "kid");

    if (jwks->n == SP_JWKS_KEYS || kid.len > SP_JWKS_KID) {
        (void) snprintf(err, errlen, "line %u: more than %d keys, or a \"kid\" "
                        "of more than %d bytes", node->line, SP_JWKS_KEYS,
                        SP_JWKS_KID);
        return SP_ERROR;
    }

    for (k = 0; k < jwks->n; k++) {

        if (jwks->keys[k].kid_len == kid.len
            && memcmp(jwks->keys[k].kid, kid.data, kid.len) == 0)
        {
            (void) snprintf(err, errlen, "line %u: two keys have one \"kid\"",
                            node->line);
            return SP_ERROR;
        }
    }

    key = &jwks->keys[jwks->n];
    key->pkey = kinds[i].make(node);

    if (key->pkey == NULL) {
        (void) snprintf(err, errlen, "line %u: this is no usable public key; "
                        "of RSA, 2048 bits at least are", node->line);
        return SP_ERROR;
    }

    key->alg = kinds[i].number;
    key->kid_len = kid.len;

    if (kid.len != 0) {
        memcpy(key->kid, kid.data, kid.len);
    }

    jwks->n++;

    return SP_OK;
}


static sp_str_t
sp_jwks_text(const sp_ynode_t *node, const char *name)
{
    const sp_ynode_t  *value;

    value = sp_ynode_get(node, name);

    return value != NULL && value->kind == SP_Y_SCALAR
           && value->style == SP_Y_QUOTED ? value->text : SP_STR("");
}


static int
sp_jwks_is(const sp_ynode_t *node, const char *name, const char *value)
{
    return sp_str_eq(sp_jwks_text(node, name), sp_cstr(value));
}


/* 0: it is not there, or not base64url. */

static size_t
sp_jwks_bytes(const sp_ynode_t *node, const char *name, unsigned char *out,
    size_t size)
{
    size_t    len;
    sp_str_t  text;

    text = sp_jwks_text(node, name);

    return sp_jwt_decode(text, out, size, &len) == SP_OK ? len : 0;
}


/* As a SubjectPublicKeyInfo (RFC 8017 A.1.1), which all of libcrypto reads. */

static EVP_PKEY *
sp_jwks_rsa(const sp_ynode_t *node)
{
    size_t                nlen, elen, key, bits;
    EVP_PKEY             *pkey;
    unsigned char        *p;
    const unsigned char  *from;
    unsigned char         n[SP_JWKS_NUMBER], e[8], der[SP_JWKS_RSA_MAX + 128];

    static const unsigned char  id[] = {
        0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01,
        0x01, 0x01, 0x05, 0x00
    };

    nlen = sp_jwks_bytes(node, "n", n, sizeof(n));
    elen = sp_jwks_bytes(node, "e", e, sizeof(e));

    if (nlen < SP_JWKS_RSA_MIN || nlen > SP_JWKS_RSA_MAX || elen == 0
        || n[0] < 0x80 || (n[nlen - 1] & 1) == 0 || (e[elen - 1] & 1) == 0
        || e[0] == 0 || (elen == 1 && e[0] < 3))
    {
        return NULL;
    }

    /* numbers have a byte of sign */

    key = sp_der_size(nlen + 1) + sp_der_size(elen + (e[0] >> 7));
    bits = 1 + sp_der_size(key);

    p = sp_der_head(der, 0x30, sizeof(id) + sp_der_size(bits));
    memcpy(p, id, sizeof(id));
    p = sp_der_head(p + sizeof(id), 0x03, bits);
    *p++ = 0;
    p = sp_der_head(p, 0x30, key);
    p = sp_der_int(p, n, nlen);
    p = sp_der_int(p, e, elen);

    from = der;
    pkey = d2i_PUBKEY(NULL, &from, p - der);

    return pkey;
}


/* The same for a point of P-256 (RFC 5480); one that is on no curve is none. */

static EVP_PKEY *
sp_jwks_ec(const sp_ynode_t *node)
{
    const unsigned char  *from;
    unsigned char         der[26 + 1 + 64];

    static const unsigned char  id[26] = {
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d,
        0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01,
        0x07, 0x03, 0x42, 0x00
    };

    memcpy(der, id, sizeof(id));
    der[sizeof(id)] = 0x04;

    if (sp_jwks_bytes(node, "x", der + 27, 32) != 32
        || sp_jwks_bytes(node, "y", der + 59, 32) != 32)
    {
        return NULL;
    }

    from = der;

    return d2i_PUBKEY(NULL, &from, sizeof(der));
}


static EVP_PKEY *
sp_jwks_ed(const sp_ynode_t *node)
{
    unsigned char  x[32];

    if (sp_jwks_bytes(node, "x", x, sizeof(x)) != sizeof(x)) {
        return NULL;
    }

    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, sizeof(x));
}


/* Tag and length of what is less than 64 KiB. */

static unsigned char *
sp_der_head(unsigned char *p, unsigned char tag, size_t len)
{
    *p++ = tag;

    if (len >= 256) {
        *p++ = 0x82;
        *p++ = (unsigned char) (len >> 8);

    } else if (len >= 128) {
        *p++ = 0x81;
    }

    *p++ = (unsigned char) len;

    return p;
}


static unsigned char *
sp_der_int(unsigned char *p, const unsigned char *n, size_t len)
{
    unsigned  sign;

    sign = n[0] >> 7;
    p = sp_der_head(p, 0x02, len + sign);

    if (sign) {
        *p++ = 0;
    }

    memcpy(p, n, len);

    return p + len;
}


static size_t
sp_der_size(size_t len)
{
    return len + (len >= 256 ? 4 : len >= 128 ? 3 : 2);
}

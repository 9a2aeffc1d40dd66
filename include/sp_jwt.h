
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains signed tokens (JWT, RFC 7519) as credentials: whose they
 * are, if a key of a set (JWKS, RFC 7517) has signed them. RS256, ES256 and
 * EdDSA with Ed25519, as the best practices of RFC 8725 have it: the key says
 * which algorithm, never the token.
 */


#ifndef SP_JWT_H
#define SP_JWT_H


#include "sp_account.h"
#include "sp_json.h"


#define SP_JWT_MAX       8192         /* bytes of a token */
#define SP_JWT_SKEW_MAX  300          /* s that clocks may differ */
#define SP_JWT_TEXT_MAX  128          /* bytes of claim, issuer, audience */
#define SP_JWKS_MAX      (256 * 1024) /* bytes of a file */
#define SP_JWKS_KEYS     64


typedef enum {
    SP_JWT_FINE = 0,
    SP_JWT_MALFORMED,    /* no token, or one that two readers may disagree on */
    SP_JWT_REFUSED       /* not by a key of the set, or not for this gate */
} sp_jwt_rc_t;


/* Public keys; immutable, for any number of threads. */
typedef struct sp_jwks_s  sp_jwks_t;

/*
 * Reads a set from a file. Keys of other kinds and uses are passed over.
 * Refused, with a sentence in err: no JSON, no usable key, two with one "kid",
 * a private key, RSA of less than 2048 bits.
 */
sp_jwks_t *sp_jwks_open(const char *file, char *err, size_t errlen);
void sp_jwks_free(sp_jwks_t *jwks);
unsigned sp_jwks_keys(const sp_jwks_t *jwks);


/* What a token must say. Points into itself: it stays where it is. */
typedef struct {
    char              account[SP_JWT_TEXT_MAX];   /* the claim that names it */
    char              issuer[SP_JWT_TEXT_MAX];    /* "": any */
    char              audience[SP_JWT_TEXT_MAX];  /* "": a token without one */
    int64_t           skew;                       /* s */
    sp_json_table_t  *head;
    sp_json_table_t  *claims;
    _Alignas(16) unsigned char  head_mem[2048];
    _Alignas(16) unsigned char  claims_mem[2048];
} sp_jwt_rules_t;

/*
 * "issuer" and "audience" may be NULL. The claim is a name of printable ASCII,
 * or several with '/' between them for an object in an object. SP_ERROR with a
 * sentence in err.
 */
sp_rc_t sp_jwt_rules(sp_jwt_rules_t *rules, const char *account,
    const char *issuer, const char *audience, int64_t skew, char *err,
    size_t errlen);

/* 1 for what cannot be but a token: a base64 of '{"' and two dots. */
int sp_jwt_is(sp_str_t token);

/*
 * Verifies a token. SP_JWT_FINE: "key" is as if it had been found in the
 * store: its account from the claim, its name the token's "jti", or else the
 * "kid" of its key, its times those of the token, by "skew" wider. Whether it
 * is its time is not looked at. Otherwise *why is a sentence.
 */
sp_jwt_rc_t sp_jwt_verify(const sp_jwks_t *jwks, const sp_jwt_rules_t *rules,
    sp_str_t token, sp_key_t *key, const char **why);


#endif /* SP_JWT_H */

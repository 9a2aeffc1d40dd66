
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what tokens and sets of keys share. Private to the
 * engine.
 */


#ifndef SP_JWT_ROOM_H
#define SP_JWT_ROOM_H


#include <openssl/evp.h>

#include "sp_jwt.h"


#define SP_JWKS_KID  128


typedef enum {
    SP_JWT_RS256 = 0,
    SP_JWT_ES256,
    SP_JWT_EDDSA
} sp_jwt_alg_t;


typedef struct {
    EVP_PKEY      *pkey;
    sp_jwt_alg_t   alg;
    size_t         kid_len;      /* 0: it has none */
    unsigned char  kid[SP_JWKS_KID];
} sp_jwks_key_t;


struct sp_jwks_s {
    unsigned       n;
    sp_jwks_key_t  keys[SP_JWKS_KEYS];
};


/*
 * base64url without padding, in the one form that it has (RFC 4648 3.5): at
 * most "size" bytes.
 */
sp_rc_t sp_jwt_decode(sp_str_t text, unsigned char *out, size_t size,
    size_t *len);


#endif /* SP_JWT_ROOM_H */

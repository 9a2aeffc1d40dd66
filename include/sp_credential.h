
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains credentials: collecting them from the places where
 * clients put them, and the key id under which the store knows them.
 */


#ifndef SP_CREDENTIAL_H
#define SP_CREDENTIAL_H


#include "sp_base.h"


#define SP_KID_LEN         32    /* lower-case hex digits, no NUL */
#define SP_KEY_MAX         512   /* bytes of an API key */
#define SP_PEPPER_MIN      16    /* bytes of a pepper */


typedef enum {
    SP_CARRIER_BEARER = 0,   /* Authorization: Bearer */
    SP_CARRIER_X_API_KEY,
    SP_CARRIER_API_KEY,
    SP_CARRIER_X_GOOG,       /* x-goog-api-key */
    SP_CARRIER_QUERY         /* Gemini's key= */
} sp_carrier_t;


typedef enum {
    SP_CRED_NONE = 0,
    SP_CRED_OK,
    SP_CRED_MALFORMED,       /* wrong scheme, bad byte, empty, over-long */
    SP_CRED_AMBIGUOUS        /* two that differ */
} sp_cred_state_t;


/* Zero-initialise, offer every carrier found, then read state and key. */
typedef struct {
    sp_cred_state_t  state;
    uint32_t         carriers;  /* bit per sp_carrier_t that was seen */
    sp_str_t         key;       /* points into the offered value */
    size_t           max;       /* bytes of it; 0: SP_KEY_MAX */
} sp_credential_t;


/* SHA-256 states after the HMAC pads; opaque, no secret in plain. */
typedef struct {
    _Alignas(16) unsigned char  inner[128];
    _Alignas(16) unsigned char  outer[128];
} sp_pepper_t;


/*
 * Takes one carrier's raw value ("Bearer sk-..." for SP_CARRIER_BEARER).
 * The scheme is matched without case, one space follows it; a key is
 * 1 to cred->max bytes of [A-Za-z0-9._~+/=:-]. Equal keys in two carriers are
 * one credential; different ones are SP_CRED_AMBIGUOUS for good, and so is one
 * carrier offered twice, equal or not. Once malformed, it stays so.
 */
void sp_credential_offer(sp_credential_t *cred, sp_carrier_t carrier,
    sp_str_t value);

/* "secret" has at least SP_PEPPER_MIN bytes, else SP_ERROR. */
sp_rc_t sp_pepper_init(sp_pepper_t *pepper, sp_str_t secret);

/* kid = hex(HMAC-SHA256(pepper, SHA-256(key))[0..15]). */
void sp_kid(const sp_pepper_t *pepper, sp_str_t key,
    unsigned char kid[SP_KID_LEN]);

/* The same from a SHA-256 digest that the issuer stored already. */
void sp_kid_from_sha256(const sp_pepper_t *pepper,
    const unsigned char digest[32], unsigned char kid[SP_KID_LEN]);


#endif /* SP_CREDENTIAL_H */


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the key verbs share: the pepper, records of keys
 * and the form of the keys that this command makes.
 */


#ifndef SP_CLI_KEY_H
#define SP_CLI_KEY_H


#include "sp_credential.h"

#include "store.h"


/* sk-sp-, 43 base62 digits of which each is random, 6 of their CRC-32. */
#define SP_KEYFORM_PREFIX  "sk-sp-"
#define SP_KEYFORM_RANDOM  43
#define SP_KEYFORM_SUM     6
#define SP_KEYFORM_LEN     (sizeof(SP_KEYFORM_PREFIX) - 1                     \
                            + SP_KEYFORM_RANDOM + SP_KEYFORM_SUM)

#define SP_KEY_PEPPER_OPT                                                     \
    { "pepper", "FILE", "the gate's pepper; else $SALLYPORT_PEPPER names it" }


typedef struct {
    char  kid[SP_KID_LEN + 1];
    char  redis_key[SP_STORE_KEY_MAX];
} sp_keyname_t;


/* From --pepper; SP_ERROR after a message. */
sp_rc_t sp_cli_pepper(const sp_cli_args_t *args, sp_pepper_t *pepper);

/* A fresh key, NUL-terminated; SP_ERROR after a message. */
sp_rc_t sp_keyform_make(char key[SP_KEYFORM_LEN + 1]);

/* 0 if "key" has our form but its checksum does not fit: mistyped. */
int sp_keyform_fits(sp_str_t key);

/* SP_ERROR if no client could send it as a key. */
sp_rc_t sp_keyform_usable(sp_str_t key);

void sp_keyname(sp_keyname_t *name, const unsigned char kid[SP_KID_LEN]);

/* An sp_store_check_pt: the engine must be able to read the key's record. */
sp_rc_t sp_keyrecord_check(void *ctx, const sp_stored_t *record);

/* 1: the account is in the store; 0: it is not; -1 after a message. */
int sp_cli_account_exists(sp_store_t *store, const char *id);


#endif /* SP_CLI_KEY_H */


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the key verbs share: the pepper, records of keys
 * and the form of the keys that this command makes.
 */


#ifndef SP_CLI_KEY_H
#define SP_CLI_KEY_H


#include "sp_key_tag.h"

#include "store.h"


#define SP_KEY_PEPPER_OPT                                                     \
    { "pepper", "FILE", "the gate's pepper; else $SALLYPORT_PEPPER names it" }


typedef struct {
    char  kid[SP_KID_LEN + 1];
    char  redis_key[SP_STORE_KEY_MAX];
} sp_keyname_t;


/* From --pepper; SP_ERROR after a message. */
sp_rc_t sp_cli_pepper(const sp_cli_args_t *args, sp_pepper_t *pepper);

/* A fresh key, NUL-terminated; SP_ERROR after a message. */
sp_rc_t sp_keyform_make(const sp_pepper_t *pepper,
    char key[SP_TAGGED_LEN + 1]);

/* 0 if "key" begins as ours do but its tag does not fit: mistyped. */
int sp_keyform_fits(const sp_pepper_t *pepper, sp_str_t key);

/* SP_ERROR if no client could send it as a key. */
sp_rc_t sp_keyform_usable(sp_str_t key);

void sp_keyname(sp_keyname_t *name, const unsigned char kid[SP_KID_LEN]);

/* An sp_store_check_pt: the engine must be able to read the key's record. */
sp_rc_t sp_keyrecord_check(void *ctx, const sp_stored_t *record);

/* 1: the account is in the store; 0: it is not; -1 after a message. */
int sp_cli_account_exists(sp_store_t *store, const char *id);


#endif /* SP_CLI_KEY_H */


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the key verbs share: reading the pepper, making a
 * key and checking one, and the check that a key's record passes before it
 * is written.
 */


#include <stdlib.h>

#include <openssl/rand.h>

#include "key.h"


#define SP_KEY_PEPPER_MAX  4096
#define SP_BASE62          62


static const char  sp_base62[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";


sp_rc_t
sp_cli_pepper(const sp_cli_args_t *args, sp_pepper_t *pepper)
{
    char        *text;
    size_t       size;
    sp_rc_t      rc;
    sp_str_t     secret;
    const char  *file;

    file = sp_cli_opt(args, "pepper");

    if (file == NULL) {
        file = getenv("SALLYPORT_PEPPER");
    }

    if (file == NULL || file[0] == '\0') {
        sp_cli_error("no pepper: give --pepper FILE, the file that the "
                     "gate's sallyport_pepper names, or set "
                     "SALLYPORT_PEPPER to it");
        return SP_ERROR;
    }

    if (strcmp(file, "-") == 0) {
        sp_cli_error("--pepper is a file, not standard input");
        return SP_ERROR;
    }

    text = sp_cli_read_file(file, SP_KEY_PEPPER_MAX, &size);

    if (text == NULL) {
        return SP_ERROR;
    }

    /* Line ends at the end are the editor's; the gate drops them as well. */

    secret.data = (unsigned char *) text;
    secret.len = size;

    while (secret.len != 0
           && (text[secret.len - 1] == '\n' || text[secret.len - 1] == '\r'))
    {
        secret.len--;
    }

    rc = sp_pepper_init(pepper, secret);

    if (rc != SP_OK) {
        sp_cli_error("the pepper in '%s' has %zu bytes, at least %d are "
                     "needed: openssl rand -hex 32", file, secret.len,
                     SP_PEPPER_MIN);
    }

    explicit_bzero(text, size);
    free(text);

    return rc;
}


sp_rc_t
sp_keyform_make(const sp_pepper_t *pepper, char key[SP_TAGGED_LEN + 1])
{
    char           *p;
    size_t          n;
    sp_str_t        head;
    unsigned char   byte;

    p = key;
    memcpy(p, SP_TAGGED_PREFIX, sizeof(SP_TAGGED_PREFIX) - 1);
    p += sizeof(SP_TAGGED_PREFIX) - 1;

    /* Bytes from 248 are thrown away: 248 is the last multiple of 62. */

    for (n = 0; n < SP_TAGGED_RANDOM; /* void */) {
        if (RAND_bytes(&byte, 1) != 1) {
            sp_cli_error("the system gives no random bytes");
            return SP_ERROR;
        }

        if (byte < 4 * SP_BASE62) {
            *p++ = sp_base62[byte % SP_BASE62];
            n++;
        }
    }

    head.data = (unsigned char *) key;
    head.len = (size_t) (p - key);

    sp_key_tag(pepper, head, (unsigned char *) p);
    p[SP_KEY_TAG_LEN] = '\0';

    return SP_OK;
}


int
sp_keyform_fits(const sp_pepper_t *pepper, sp_str_t key)
{
    return key.len < sizeof(SP_TAGGED_PREFIX) - 1
           || memcmp(key.data, SP_TAGGED_PREFIX, sizeof(SP_TAGGED_PREFIX) - 1)
              != 0
           || sp_key_tagged(pepper, key);
}


sp_rc_t
sp_keyform_usable(sp_str_t key)
{
    sp_credential_t  cred;

    memset(&cred, 0, sizeof(cred));
    sp_credential_offer(&cred, SP_CARRIER_X_API_KEY, key);

    return cred.state == SP_CRED_OK ? SP_OK : SP_ERROR;
}


void
sp_keyname(sp_keyname_t *name, const unsigned char kid[SP_KID_LEN])
{
    memcpy(name->kid, kid, SP_KID_LEN);
    name->kid[SP_KID_LEN] = '\0';

    (void) snprintf(name->redis_key, sizeof(name->redis_key), "%s%s",
                    SP_STORE_KEY_PREFIX, name->kid);
}


sp_rc_t
sp_keyrecord_check(void *ctx, const sp_stored_t *record)
{
    sp_key_t           key;
    sp_record_error_t  error;

    memset(&error, 0, sizeof(error));

    if (sp_key_parse(&key, record->pairs, record->n, &error) == SP_OK) {
        return SP_OK;
    }

    sp_cli_error("the key's record would be invalid and is not written: "
                 "%s: %s", error.field, error.why);

    return SP_ERROR;
}


int
sp_cli_account_exists(sp_store_t *store, const char *id)
{
    int          there;
    char         key[SP_STORE_KEY_MAX];
    sp_stored_t  record;

    (void) snprintf(key, sizeof(key), "%s%s", SP_STORE_ACCOUNT_PREFIX, id);

    if (sp_store_read(store, key, &record) != SP_OK) {
        return -1;
    }

    there = record.n != 0;
    sp_stored_free(&record);

    return there;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tag of an API key.
 */


#include <openssl/crypto.h>

#include "sp_key_tag.h"


#define SP_TAG_LABEL   "sallyport key tag"   /* with its NUL */
#define SP_TAG_BASE    62
#define SP_TAG_HEAD    (SP_TAGGED_LEN - SP_KEY_TAG_LEN)


static const unsigned char  sp_tag_digits[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";


void
sp_key_tag(const sp_pepper_t *pepper, sp_str_t head,
    unsigned char tag[SP_KEY_TAG_LEN])
{
    int             i;
    uint64_t        n;
    sp_str_t        message;
    unsigned char   mac[SP_KID_LEN];
    unsigned char   text[sizeof(SP_TAG_LABEL) + SP_TAG_HEAD];

    memcpy(text, SP_TAG_LABEL, sizeof(SP_TAG_LABEL));
    memcpy(text + sizeof(SP_TAG_LABEL), head.data, SP_TAG_HEAD);

    message.data = text;
    message.len = sizeof(text);

    sp_kid(pepper, message, mac);

    /* mac is in hexadecimal: 16 digits are 8 bytes */

    for (n = 0, i = 0; i < 16; i++) {
        n = n << 4 | (uint64_t) (mac[i] <= '9' ? mac[i] - '0'
                                               : mac[i] - 'a' + 10);
    }

    for (i = SP_KEY_TAG_LEN - 1; i >= 0; i--) {
        tag[i] = sp_tag_digits[n % SP_TAG_BASE];
        n /= SP_TAG_BASE;
    }

    OPENSSL_cleanse(text, sizeof(text));
    OPENSSL_cleanse(mac, sizeof(mac));
}


int
sp_key_tagged(const sp_pepper_t *pepper, sp_str_t key)
{
    sp_str_t       head;
    unsigned char  tag[SP_KEY_TAG_LEN];

    if (key.len != SP_TAGGED_LEN
        || memcmp(key.data, SP_TAGGED_PREFIX, sizeof(SP_TAGGED_PREFIX) - 1)
           != 0)
    {
        return 0;
    }

    head.data = key.data;
    head.len = SP_TAG_HEAD;

    sp_key_tag(pepper, head, tag);

    return CRYPTO_memcmp(tag, key.data + SP_TAG_HEAD, SP_KEY_TAG_LEN) == 0;
}

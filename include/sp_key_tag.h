
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the form of the API keys that `sallyport key new` makes,
 * and their tag: whoever has the pepper can tell a key that was made from one
 * that was guessed, without asking anybody.
 *
 *   sk-sp-RRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRTTTTTT
 *         43 random base62 digits                    tag
 *
 * tag = 6 base62 digits of the first 8 bytes, big-endian, modulo 62^6, of
 * HMAC-SHA256(pepper, SHA-256("sallyport key tag", a zero byte, what stands
 * before the tag)). The message is none that a key can be, so that a tag says
 * nothing about a kid. A guess fits once in 5.7 * 10^10.
 */


#ifndef SP_KEY_TAG_H
#define SP_KEY_TAG_H


#include "sp_credential.h"


#define SP_TAGGED_PREFIX  "sk-sp-"
#define SP_TAGGED_RANDOM  43
#define SP_KEY_TAG_LEN        6
#define SP_TAGGED_LEN     (sizeof(SP_TAGGED_PREFIX) - 1                       \
                           + SP_TAGGED_RANDOM + SP_KEY_TAG_LEN)


/* The tag of "head", which has SP_TAGGED_LEN - SP_KEY_TAG_LEN bytes. */
void sp_key_tag(const sp_pepper_t *pepper, sp_str_t head,
    unsigned char tag[SP_KEY_TAG_LEN]);

/*
 * 1 if the key has this form and its tag is of this pepper. Takes the same time
 * for all keys of one length.
 */
int sp_key_tagged(const sp_pepper_t *pepper, sp_str_t key);


#endif /* SP_KEY_TAG_H */


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the hash chain of a lane and the pseudonyms of client
 * addresses.
 *
 * The SHA256_*() calls work on a state of the caller's, where the EVP ones of
 * OpenSSL 3 allocate: a record is linked on the way of every request.
 */


#define OPENSSL_SUPPRESS_DEPRECATED  1

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "sp_audit.h"


#define SP_QUARTER_LAST  INT64_C(253402300799)    /* of the year 9999 */


static void sp_pseudonym_period(sp_pseudonym_t *pseudonym, int64_t now);
static unsigned sp_quarter(int64_t now, int64_t *year);


void
sp_chain_init(sp_chain_t *chain)
{
    memset(chain->prev, '0', SP_CHAIN_LEN);
    chain->seq = 0;
}


size_t
sp_chain_link(sp_chain_t *chain, unsigned char *buf, size_t len)
{
    SHA256_CTX           sha;
    unsigned char       *p, digest[SHA256_DIGEST_LENGTH];

    static const char    open[] = ",\"h\":\"";
    static const char    close[] = "\"}\n";

    /* the hashed body is the record without its last brace */

    p = buf + len - 1;

    SHA256_Init(&sha);
    SHA256_Update(&sha, chain->prev, SP_CHAIN_LEN);
    SHA256_Update(&sha, "\n", 1);
    SHA256_Update(&sha, buf, len - 1);
    SHA256_Final(digest, &sha);

    sp_hex(digest, sizeof(digest), chain->prev);
    chain->seq++;

    memcpy(p, open, sizeof(open) - 1);
    p += sizeof(open) - 1;
    memcpy(p, chain->prev, SP_CHAIN_LEN);
    p += SP_CHAIN_LEN;
    memcpy(p, close, sizeof(close) - 1);
    p += sizeof(close) - 1;

    return (size_t) (p - buf);
}


/* The two halves of HMAC, each after its padded key. */

void
sp_pseudonym_init(sp_pseudonym_t *pseudonym, const unsigned char key[32])
{
    unsigned       i;
    SHA256_CTX     sha;
    unsigned char  pad[64];

    memset(pseudonym, 0, sizeof(sp_pseudonym_t));
    memset(pad, 0x36, sizeof(pad));

    for (i = 0; i < 32; i++) {
        pad[i] ^= key[i];
    }

    SHA256_Init(&sha);
    SHA256_Update(&sha, pad, sizeof(pad));
    memcpy(pseudonym->inner, &sha, sizeof(sha));

    for (i = 0; i < sizeof(pad); i++) {
        pad[i] ^= 0x36 ^ 0x5c;
    }

    SHA256_Init(&sha);
    SHA256_Update(&sha, pad, sizeof(pad));
    memcpy(pseudonym->outer, &sha, sizeof(sha));

    OPENSSL_cleanse(pad, sizeof(pad));
    OPENSSL_cleanse(&sha, sizeof(sha));
}


_Static_assert(sizeof(((sp_pseudonym_t *) NULL)->inner) >= sizeof(SHA256_CTX),
               "room for a state of SHA-256");


size_t
sp_pseudonym(sp_pseudonym_t *pseudonym, const sp_addr_t *addr, int64_t now,
    unsigned char out[SP_PSEUDONYM_LEN])
{
    int            i;
    unsigned       k;
    uint64_t       bits;
    SHA256_CTX     sha;
    unsigned char *p, digest[SHA256_DIGEST_LENGTH], data[32];

    /* Crockford's base 32: no letter that could be read as another */

    static const char  digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    if (now < pseudonym->from || now >= pseudonym->until) {
        sp_pseudonym_period(pseudonym, now);
    }

    memcpy(data, "ip", 3);
    memcpy(data + 3, pseudonym->period, 6);
    data[9] = 0;
    memcpy(data + 10, addr->bytes, 16);

    memcpy(&sha, pseudonym->inner, sizeof(sha));
    SHA256_Update(&sha, data, 26);
    SHA256_Final(digest, &sha);

    memcpy(&sha, pseudonym->outer, sizeof(sha));
    SHA256_Update(&sha, digest, sizeof(digest));
    SHA256_Final(digest, &sha);

    memcpy(out, pseudonym->period, 6);
    out[6] = ':';
    p = out + 7;

    for (i = 0; i < 10; i += 5) {

        for (bits = 0, k = 0; k < 5; k++) {
            bits = bits << 8 | digest[i + (int) k];
        }

        for (k = 40; k > 0; /* void */ ) {
            k -= 5;
            *p++ = (unsigned char) digits[bits >> k & 31];
        }
    }

    return 23;
}


/* A day of one quarter at a time: a day is never in two. */

static void
sp_pseudonym_period(sp_pseudonym_t *pseudonym, int64_t now)
{
    int       i;
    int64_t   year, day;
    unsigned  quarter;

    quarter = sp_quarter(now, &year);

    for (i = 3; i >= 0; i--) {
        pseudonym->period[i] = (unsigned char) ('0' + year % 10);
        year /= 10;
    }

    pseudonym->period[4] = 'q';
    pseudonym->period[5] = (unsigned char) ('0' + quarter);

    day = now / 86400 - (now % 86400 < 0);
    pseudonym->from = now;
    pseudonym->until = now;

    if (day >= 0 && day < SP_QUARTER_LAST / 86400) {
        pseudonym->from = day * 86400;
        pseudonym->until = (day + 1) * 86400;
    }
}


/*
 * 1..4, and the year, of a time from 1970 to 9999; others are clamped. Years
 * begin on 1 March here, so that the leap day is the last one; 400 of them
 * are 146097 days.
 */

static unsigned
sp_quarter(int64_t now, int64_t *year)
{
    int64_t   days, rest;
    unsigned  month;

    days = (now < 0 ? 0 : now < SP_QUARTER_LAST ? now : SP_QUARTER_LAST)
           / 86400 + 719468;
    rest = days % 146097;
    *year = (rest - rest / 1460 + rest / 36524 - rest / 146096) / 365;
    rest -= 365 * *year + *year / 4 - *year / 100;
    month = (unsigned) (5 * rest + 2) / 153;
    month = month < 10 ? month + 3 : month - 9;
    *year += days / 146097 * 400 + (month <= 2);

    return (month - 1) / 3 + 1;
}

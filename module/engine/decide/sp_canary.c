
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains canaries: rules that are enforced for a part of the
 * accounts, always the same ones.
 *
 * The SHA256_*() calls work on a state of the caller's, where the EVP ones of
 * OpenSSL 3 allocate, which a decision may not.
 */


#define OPENSSL_SUPPRESS_DEPRECATED  1

#include <openssl/sha.h>

#include "sp_decide_state.h"


int
sp_canary(sp_str_t rule, sp_str_t account, unsigned share)
{
    unsigned       i, bucket;
    SHA256_CTX     sha;
    unsigned char  digest[SHA256_DIGEST_LENGTH];

    (void) SHA256_Init(&sha);
    (void) SHA256_Update(&sha, rule.data, rule.len);
    (void) SHA256_Update(&sha, "", 1);
    (void) SHA256_Update(&sha, account.data, account.len);
    (void) SHA256_Final(digest, &sha);

    for (i = 0, bucket = 0; i < sizeof(digest); i++) {
        bucket = (bucket * 256 + digest[i]) % SP_CANARY_ALL;
    }

    return bucket < share;
}


/* Who is not known is not spared. */

int
sp_decide_watched(const sp_decision_state_t *d, const sp_rule_t *rule)
{
    const sp_value_t  *id;

    if (rule->share == 0) {
        return rule->shadow;
    }

    id = &d->facts->v[SP_F_ACCOUNT_ID];

    return id->state == SP_FACT_KNOWN
           && !sp_canary(sp_image_str(d->policy, rule->id), id->u.s,
                         rule->share);
}

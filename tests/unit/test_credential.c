
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tests of sp_credential: key ids against libcrypto's
 * own HMAC, and the reading of carriers against a second, naive reading.
 */


#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "sp_credential.h"


#define SEED  UINT64_C(0xc4ed)


static uint64_t  rnd_state = SEED;
static uint64_t  allocations;


static uint64_t
rnd(void)
{
    rnd_state ^= rnd_state << 13;
    rnd_state ^= rnd_state >> 7;
    rnd_state ^= rnd_state << 17;

    return rnd_state;
}


static void *
counting_malloc(size_t n, const char *file, int line)
{
    allocations++;

    return malloc(n);
}


static void *
counting_realloc(void *p, size_t n, const char *file, int line)
{
    allocations++;

    return realloc(p, n);
}


static void
plain_free(void *p, const char *file, int line)
{
    free(p);
}


static void
test_kid(void **state)
{
    int            i;
    size_t         k, klen, plen;
    uint64_t       before;
    unsigned       len;
    sp_pepper_t    pepper;
    unsigned char  secret[300], key[SP_KEY_MAX], digest[32], mac[32];
    unsigned char  kid[SP_KID_LEN], same[SP_KID_LEN], want[64];

    for (i = 0; i < 5000; i++) {
        plen = SP_PEPPER_MIN + rnd() % (sizeof(secret) - SP_PEPPER_MIN);
        klen = 1 + rnd() % sizeof(key);

        for (k = 0; k < plen; k++) {
            secret[k] = (unsigned char) rnd();
        }

        for (k = 0; k < klen; k++) {
            key[k] = (unsigned char) rnd();
        }

        assert_int_equal(EVP_Digest(key, klen, digest, &len, EVP_sha256(),
                                    NULL), 1);
        assert_non_null(HMAC(EVP_sha256(), secret, (int) plen, digest, 32, mac,
                             &len));
        sp_hex(mac, 32, want);

        before = allocations;

        assert_int_equal(sp_pepper_init(&pepper, (sp_str_t) { plen, secret }),
                         SP_OK);
        sp_kid(&pepper, (sp_str_t) { klen, key }, kid);
        sp_kid_from_sha256(&pepper, digest, same);

        assert_true(allocations == before);
        assert_memory_equal(kid, want, SP_KID_LEN);
        assert_memory_equal(same, want, SP_KID_LEN);
    }

    assert_true(allocations > 0);
}


/* Made with: printf ... | openssl dgst -sha256 -mac HMAC. */

static void
test_vector(void **state)
{
    sp_pepper_t    pepper;
    unsigned char  kid[SP_KID_LEN];

    assert_int_equal(sp_pepper_init(&pepper, SP_STR("0123456789abcdef")),
                     SP_OK);
    sp_kid(&pepper, SP_STR("sk-test"), kid);
    assert_memory_equal(kid, "3a2db1a18b2b699f664d40cc837e17e2", SP_KID_LEN);

    assert_int_equal(sp_pepper_init(&pepper, SP_STR("0123456789abcde")),
                     SP_ERROR);
    assert_int_equal(sp_pepper_init(&pepper, SP_STR("")), SP_ERROR);
}


static void
test_pepper_hides(void **state)
{
    size_t         i;
    sp_pepper_t    pepper;
    unsigned char  block[64];

    static const char  secret[] = "a pepper that is easy to recognise";

    assert_int_equal(sp_pepper_init(&pepper, sp_cstr(secret)), SP_OK);

    for (i = 0; i < sizeof(block); i++) {
        block[i] = i < strlen(secret) ? (unsigned char) secret[i] : 0;
    }

    for (i = 0; i + 8 <= sizeof(pepper); i++) {
        assert_memory_not_equal((unsigned char *) &pepper + i, secret, 8);
    }

    for (i = 0; i < sizeof(block); i++) {
        block[i] ^= 0x36;
    }

    for (i = 0; i + 8 <= sizeof(pepper); i++) {
        assert_memory_not_equal((unsigned char *) &pepper + i, block, 8);
    }
}


static int
naive_key(sp_str_t s)
{
    size_t  i;

    if (s.len < 1 || s.len > 512) {
        return 0;
    }

    for (i = 0; i < s.len; i++) {
        if (s.data[i] == 0
            || strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                      "0123456789._~+/=:-", s.data[i]) == NULL)
        {
            return 0;
        }
    }

    return 1;
}


static void
test_bytes(void **state)
{
    int              c;
    unsigned char    key[3], bearer[10];
    sp_credential_t  cred;

    for (c = 0; c < 256; c++) {
        key[0] = 'a';
        key[1] = (unsigned char) c;
        key[2] = 'b';

        memset(&cred, 0, sizeof(cred));
        sp_credential_offer(&cred, SP_CARRIER_API_KEY, (sp_str_t) { 3, key });
        assert_int_equal(cred.state, naive_key((sp_str_t) { 3, key })
                                     ? SP_CRED_OK : SP_CRED_MALFORMED);

        memcpy(bearer, "Bearer abc", 10);
        bearer[6] = (unsigned char) c;

        memset(&cred, 0, sizeof(cred));
        sp_credential_offer(&cred, SP_CARRIER_BEARER,
                            (sp_str_t) { 10, bearer });
        assert_int_equal(cred.state,
                         c == ' ' ? SP_CRED_OK : SP_CRED_MALFORMED);
    }
}


/* Each byte at each place of a key that is looked at in larger pieces. */

static void
test_long_keys(void **state)
{
    int              c;
    size_t           i, len;
    unsigned char    key[56];
    sp_credential_t  cred;

    for (len = 15; len <= sizeof(key); len++) {
        memset(key, 'k', sizeof(key));

        for (i = 0; i < len; i++) {

            for (c = 0; c < 256; c++) {
                key[i] = (unsigned char) c;

                memset(&cred, 0, sizeof(cred));
                sp_credential_offer(&cred, SP_CARRIER_API_KEY,
                                    (sp_str_t) { len, key });
                assert_int_equal(cred.state,
                                 naive_key((sp_str_t) { len, key })
                                 ? SP_CRED_OK : SP_CRED_MALFORMED);
            }

            key[i] = 'k';
        }
    }
}


static void
test_bearer(void **state)
{
    size_t           i;
    unsigned char    big[7 + SP_KEY_MAX + 1];
    sp_credential_t  cred;

    static const struct {
        const char  *value;
        const char  *key;
    } cases[] = {
        { "Bearer sk-1", "sk-1" }, { "bearer sk-1", "sk-1" },
        { "BEARER a=", "a=" }, { "bEaReR x:y/z", "x:y/z" },
        { "Bearer  sk-1", NULL }, { "Bearer", NULL }, { "Bearer ", NULL },
        { "", NULL }, { "sk-1", NULL }, { "Basic YTpi", NULL },
        { "Bearer sk 1", NULL }, { "Bearer sk-1 ", NULL },
        { " Bearer sk-1", NULL }, { "Bearersk-1", NULL },
        { "Bearer sk-1,Bearer sk-2", NULL }, { "Bearer\tsk-1", NULL },
        { "Bearer sk\r\nHGETALL", NULL }, { "Bearer %s%n", NULL },
        { "AWS4-HMAC-SHA256 Credential=A/b", NULL }
    };

    for (i = 0; i < sp_nelts(cases); i++) {
        memset(&cred, 0, sizeof(cred));
        sp_credential_offer(&cred, SP_CARRIER_BEARER,
                            sp_cstr(cases[i].value));

        if (cases[i].key == NULL) {
            assert_int_equal(cred.state, SP_CRED_MALFORMED);
            assert_null(cred.key.data);

        } else {
            assert_int_equal(cred.state, SP_CRED_OK);
            assert_true(sp_str_eq(cred.key, sp_cstr(cases[i].key)));
        }
    }

    memset(big, 'k', sizeof(big));
    memcpy(big, "Bearer ", 7);

    memset(&cred, 0, sizeof(cred));
    sp_credential_offer(&cred, SP_CARRIER_BEARER,
                        (sp_str_t) { 7 + SP_KEY_MAX, big });
    assert_int_equal(cred.state, SP_CRED_OK);

    memset(&cred, 0, sizeof(cred));
    sp_credential_offer(&cred, SP_CARRIER_BEARER,
                        (sp_str_t) { 8 + SP_KEY_MAX, big });
    assert_int_equal(cred.state, SP_CRED_MALFORMED);
}


/*
 * Any sequence of offers is a usable credential exactly if every value is
 * well-formed, all are equal and no carrier came twice.
 */

static void
test_sequences(void **state)
{
    int              i, n, k, ok, used, all[5];
    uint32_t         bits;
    const char      *key;
    sp_carrier_t     carrier;
    sp_credential_t  cred;

    static const char *const  keys[] = { "sk-1", "sk-1", "sk-2", "", "a b" };

    memset(all, 0, sizeof(all));

    for (i = 0; i < 200000; i++) {
        n = (int) (rnd() % 4);
        memset(&cred, 0, sizeof(cred));

        ok = 1;
        used = -1;
        bits = 0;

        for (k = 0; k < n; k++) {
            int  which = (int) (rnd() % (rnd() % 4 ? 2 : sp_nelts(keys)));
            char bearer[32];

            key = keys[which];
            carrier = (sp_carrier_t) (rnd() % 5);

            if (carrier == SP_CARRIER_BEARER) {
                snprintf(bearer, sizeof(bearer), "Bearer %s", key);
                sp_credential_offer(&cred, carrier, sp_cstr(bearer));

                /* the key points into the offered value, keep it alive */

                if (cred.state == SP_CRED_OK) {
                    cred.key = sp_cstr(key);
                }

            } else {
                sp_credential_offer(&cred, carrier, sp_cstr(key));
            }

            ok &= which < 3 && (bits & (1u << carrier)) == 0
                  && (used == -1 || strcmp(keys[used], key) == 0);
            bits |= 1u << carrier;
            used = which;
        }

        assert_int_equal(cred.carriers, bits);
        assert_int_equal(cred.state == SP_CRED_NONE, n == 0);
        assert_int_equal(cred.state == SP_CRED_OK, ok && n > 0);
        assert_int_equal(cred.key.len != 0, ok && n > 0);
        all[cred.state]++;
    }

    for (i = SP_CRED_NONE; i <= SP_CRED_AMBIGUOUS; i++) {
        assert_true(all[i] > 1000);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_kid),
        cmocka_unit_test(test_vector),
        cmocka_unit_test(test_pepper_hides),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_long_keys),
        cmocka_unit_test(test_bearer),
        cmocka_unit_test(test_sequences)
    };

    if (CRYPTO_set_mem_functions(counting_malloc, counting_realloc, plain_free)
        != 1)
    {
        return 1;
    }

    printf("seed %llx\n", (unsigned long long) SEED);

    return cmocka_run_group_tests(tests, NULL, NULL);
}

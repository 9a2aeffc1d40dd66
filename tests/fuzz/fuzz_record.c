
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the fuzz target of records: any hash is parsed or
 * refused with a reason; what was parsed is unchanged by packing; any bytes
 * are unpacked or refused, and what was unpacked can be read safely.
 *
 * The input's first byte chooses: 0 a hash of "name=value" lines of an
 * account, 1 of a key, 2 a packed account, 3 a packed key.
 */


#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "sp_facts.h"


#define PAIRS  64


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t split(const uint8_t *data, size_t size, sp_pair_t *pairs);
static void hash(int is_key, const sp_pair_t *pairs, size_t n);
static void packed(int is_key, const uint8_t *data, size_t size);
static void read_all(const sp_account_t *account);


#define check(condition)  if ((condition) == 0) { abort(); }


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sp_pair_t  pairs[PAIRS];

    if (size == 0) {
        return 0;
    }

    if (data[0] & 2) {
        packed(data[0] & 1, data + 1, size - 1);

    } else {
        hash(data[0] & 1, pairs, split(data + 1, size - 1, pairs));
    }

    return 0;
}


static size_t
split(const uint8_t *data, size_t size, sp_pair_t *pairs)
{
    size_t          n, len;
    const uint8_t  *end, *equals;

    for (n = 0; size > 0 && n < PAIRS; n++) {
        end = memchr(data, '\n', size);
        len = end == NULL ? size : (size_t) (end - data);
        equals = memchr(data, '=', len);

        pairs[n].name.data = data;
        pairs[n].name.len = equals == NULL ? len : (size_t) (equals - data);
        pairs[n].value.data = equals == NULL ? data + len : equals + 1;
        pairs[n].value.len = (size_t) (data + len - pairs[n].value.data);

        len += end != NULL;
        data += len;
        size -= len;
    }

    return n;
}


static void
hash(int is_key, const sp_pair_t *pairs, size_t n)
{
    size_t                len;
    sp_rc_t               rc;
    sp_record_error_t     e;
    static sp_key_t       key, key2;
    static sp_account_t   account, account2;
    static unsigned char  bytes[SP_ACCOUNT_PACKED_MAX];

    e.why = NULL;
    e.field = NULL;

    rc = is_key ? sp_key_parse(&key, pairs, n, &e)
                : sp_account_parse(&account, SP_STR("a"), pairs, n, &e);

    if (rc != SP_OK) {
        check(e.field != NULL && e.why != NULL);
        return;
    }

    check(e.field == NULL && e.why == NULL);

    if (is_key) {
        check(key.account_len > 0 && key.name_len > 0);
        len = sp_key_pack(&key, bytes, sizeof(bytes));
        check(len != 0);
        memset(&key2, 0, sizeof(key2));
        check(sp_key_unpack(&key2, bytes, len) == SP_OK);
        check(memcmp(&key, &key2, sizeof(key)) == 0);
        return;
    }

    read_all(&account);
    len = sp_account_pack(&account, bytes, sizeof(bytes));
    check(len != 0);
    memset(&account2, 0, sizeof(account2));
    check(sp_account_unpack(&account2, bytes, len) == SP_OK);
    check(memcmp(&account, &account2, sizeof(account)) == 0);
}


static void
packed(int is_key, const uint8_t *data, size_t size)
{
    size_t                len;
    static sp_key_t       key;
    static sp_account_t   account;
    static unsigned char  bytes[SP_ACCOUNT_PACKED_MAX];

    if (is_key) {

        if (sp_key_unpack(&key, data, size) == SP_OK) {
            len = sp_key_pack(&key, bytes, sizeof(bytes));
            check(len == size && memcmp(bytes, data, size) == 0);
        }

        return;
    }

    if (sp_account_unpack(&account, data, size) == SP_OK) {
        read_all(&account);
        len = sp_account_pack(&account, bytes, sizeof(bytes));
        check(len == size && memcmp(bytes, data, size) == 0);
    }
}


/* Does with an account what the rest of the engine does with it. */

static void
read_all(const sp_account_t *account)
{
    char               text[SP_PLACE_TEXT_LEN];
    unsigned           i, k, sum;
    sp_str_t           value;
    sp_addr_t          addr = { { 0x20, 1 } };
    static sp_facts_t  facts;
    sp_countries_t     set;

    memset(&set, 0, sizeof(set));
    sp_facts_init(&facts, 1800000000);
    sp_facts_address(&facts, &addr, SP_IP_PUBLIC, NULL);
    sp_facts_account(&facts, SP_ACCTFACT_FOUND, account);

    for (i = 0; i < facts.v[SP_F_ACCOUNT_PLACES].n; i++) {
        sp_countries_add(&set, facts.v[SP_F_ACCOUNT_PLACES].u.places[i]);
        check(sp_place_format(facts.v[SP_F_ACCOUNT_PLACES].u.places[i], text)
              >= 2);
    }

    for (sum = 0, i = 0; i < account->nowners; i++) {
        sum += account->owners[i].min;
        check(account->owners[i].nplaces <= SP_OWNER_PLACES);

        for (k = 0; k < account->owners[i].nplaces; k++) {
            sp_countries_add(&set, account->owners[i].places[k]);
        }
    }

    check(sum <= SP_SHARE_ALL * SP_OWNERS_MAX);

    for (i = 0; i < account->ncontrol; i++) {
        sp_countries_add(&set, account->control[i].place);
    }

    (void) sp_account_own(account, SP_STR("x_cleared"), &value);
    check(value.data == NULL || value.len < SP_OWN_BYTES);
}

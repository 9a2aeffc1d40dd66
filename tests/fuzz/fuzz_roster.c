
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the fuzz target of rosters: any file is taken or refused
 * with a reason, the same however it is cut; what was taken holds only
 * records that can be unpacked, and a look-up in any bytes does no harm.
 *
 * The input's first byte is where it is cut; with 255 the rest is a roster.
 */


#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "sp_roster.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const uint8_t *data, size_t size);
static void reads(const sp_roster_t *roster, size_t size);


static const unsigned char  key[16] = "0123456789abcdef";
static const char *const    ids[] = {
    "00112233445566778899aabbccddeeff", "acme", "a", "r:c"
};


#define check(condition)  if ((condition) == 0) { abort(); }


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t              cut;
    sp_roster_t        *whole, *parts;
    sp_roster_info_t    a, b;
    sp_roster_maker_t  *maker;

    if (size == 0) {
        return 0;
    }

    cut = data[0];
    data++;
    size--;

    if (cut == 255) {
        look(data, size);
        return 0;
    }

    maker = sp_roster_begin(key);
    check(maker != NULL);
    sp_roster_feed(maker, data, size);
    whole = sp_roster_end(maker);
    check((whole == NULL) == (sp_roster_errors(maker)->total != 0));
    sp_roster_free(maker);

    cut = cut < size ? cut : size;
    maker = sp_roster_begin(key);
    check(maker != NULL);
    sp_roster_feed(maker, data, cut);
    sp_roster_feed(maker, data + cut, size - cut);
    parts = sp_roster_end(maker);
    check((whole == NULL) == (parts == NULL));

    if (whole != NULL) {
        sp_roster_info(whole, &a);
        sp_roster_info(parts, &b);
        check(a.size == b.size && memcmp(whole, parts, a.size) == 0);
        check(sp_roster_follows(maker, parts, whole) == SP_OK);
        reads(whole, a.size);
    }

    sp_roster_free(maker);
    free(whole);
    free(parts);

    return 0;
}


static void
look(const uint8_t *data, size_t size)
{
    void  *copy;

    if (size < 256) {
        return;
    }

    copy = malloc(size);
    check(copy != NULL);
    memcpy(copy, data, size);
    reads(copy, size);
    free(copy);
}


static void
reads(const sp_roster_t *roster, size_t size)
{
    size_t                i;
    sp_key_t              k;
    sp_account_t          a;
    sp_roster_kind_t      kind;
    sp_roster_found_t     found;

    for (i = 0; i < sp_nelts(ids); i++) {

        for (kind = SP_ROSTER_KEY; kind < SP_ROSTER_KINDS; kind++) {

            if (sp_roster_find(roster, size, kind, sp_cstr(ids[i]), &found)
                != SP_OK)
            {
                continue;
            }

            if (kind == SP_ROSTER_KEY) {
                (void) sp_key_unpack(&k, found.packed, found.len);

            } else {
                (void) sp_account_unpack(&a, found.packed, found.len);
            }
        }
    }
}

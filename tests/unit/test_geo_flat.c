
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the test of the flat form of a country database: at each
 * end of each network, and wherever else, it says what the tree says.
 */


#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "address/sp_geo_flat.h"
#include "mmdb_write.h"


#define NOW        1800000000
#define SEED       20261124
#define DATABASES  120
#define NETWORKS   60
#define ADDRESSES  2000
#define REAL       "build/geo/country.mmdb"    /* the demo's, where it is */
#define MILLION    1000000


static mmdb_w_t           w;
static const char *const  flat[] = { "country_code", NULL };
static const char *const  codes[] = {
    "SG", "US", "DE", "UA", "CN", "??", "GB"
};


static uint32_t
word(void)
{
    return (uint32_t) rand() << 16 ^ (uint32_t) rand();
}


static sp_addr_t
any_address(int four)
{
    int        i;
    uint32_t   v;
    sp_addr_t  a;

    for (i = 0; i < 16; i += 4) {
        v = word();
        memcpy(a.bytes + i, &v, 4);
    }

    if (four) {
        memset(a.bytes, 0, 10);
        a.bytes[10] = a.bytes[11] = 0xff;

    } else if (rand() % 4) {

        /* dense, as what is in use */

        a.bytes[0] = 0x20 + (rand() % 2) * 10;
        a.bytes[1] = (unsigned char) (rand() % 4);

        if (rand() % 3 == 0) {
            memset(a.bytes + 6, 0, 10);
        }
    }

    return a;
}


static void
same(const sp_geo_t *geo, const sp_addr_t *a)
{
    assert_int_equal(sp_geo_find(geo, a), sp_geo_tree(geo, a));
}


/* The first and last address, and those beside them. */

static void
ends(const sp_geo_t *geo, sp_addr_t a, unsigned bits)
{
    int       i, step;
    unsigned  bit;

    for (step = 0; step < 4; step++) {
        sp_addr_t  b = a;

        for (bit = bits; bit < 128; bit++) {
            b.bytes[bit / 8] &= (unsigned char) ~(0x80 >> bit % 8);

            if (step & 1) {
                b.bytes[bit / 8] |= (unsigned char) (0x80 >> bit % 8);
            }
        }

        same(geo, &b);

        if (step < 2) {
            continue;
        }

        for (i = 15; i >= 0; i--) {
            b.bytes[i] = (unsigned char) (b.bytes[i] + (step & 1 ? 1 : -1));

            if (b.bytes[i] != (step & 1 ? 0 : 0xff)) {
                break;
            }
        }

        same(geo, &b);
    }
}


static void
test_random_databases(void **state)
{
    int             i, k, six, four;
    char            file[64], err[256];
    size_t          len, record;
    unsigned        bits[NETWORKS];
    sp_addr_t       nets[NETWORKS], a;
    sp_geo_t       *geo;
    unsigned char  *bytes;

    srand(SEED);
    snprintf(file, sizeof(file), "/tmp/sallyport-flat-%d.mmdb",
             (int) getpid());

    for (k = 0; k < DATABASES; k++) {
        six = rand() % 3 != 0;
        mmdb_w_init(&w, six ? 6 : 4);

        for (i = 0; i < NETWORKS; i++) {
            four = !six || rand() % 3 == 0;
            nets[i] = any_address(four);
            bits[i] = four ? 96 + 1 + (unsigned) rand() % 32
                           : 3 + (unsigned) rand() % (rand() % 4 ? 62 : 126);
            record = mmdb_w_record(&w, flat, codes[rand() % 7]);

            /* IPv4 is at ::/96 in such databases, mapped only in ours */

            a = nets[i];

            if (four) {
                memset(a.bytes, 0, 12);
            }

            mmdb_w_insert(&w, six ? a.bytes : a.bytes + 12,
                          six ? bits[i] : bits[i] - 96, record);
        }

        bytes = mmdb_w_file(&w, &len);
        mmdb_w_save(file, bytes, len);
        free(bytes);

        geo = sp_geo_open(file, NULL, NOW, err, sizeof(err));

        if (geo == NULL) {
            fail_msg("%s", err);
        }

        for (i = 0; i < NETWORKS; i++) {
            ends(geo, nets[i], bits[i]);
        }

        for (i = 0; i < ADDRESSES; i++) {
            a = any_address(rand() % 2);
            same(geo, &a);
        }

        sp_geo_close(geo);
    }

    (void) unlink(file);
}


/* Every /16 of IPv4 and a million addresses of the database of the demo. */

static void
test_real_database(void **state)
{
    int          i, found;
    char         err[256];
    sp_addr_t    a;
    sp_geo_t    *geo;
    sp_place_t   place;

    if (access(REAL, R_OK) != 0) {
        print_message("%s is not here\n", REAL);
        skip();
    }

    geo = sp_geo_open(REAL, NULL, NOW, err, sizeof(err));
    assert_non_null(geo);

    srand(SEED + 1);

    for (i = 0; i < 65536; i++) {
        a = any_address(1);
        a.bytes[12] = (unsigned char) (i >> 8);
        a.bytes[13] = (unsigned char) i;
        ends(geo, a, 112);
    }

    for (i = 0, found = 0; i < MILLION; i++) {
        a = any_address(rand() % 3);
        same(geo, &a);
        found += sp_geo_country(geo, &a, &place) == SP_GEO_FOUND;
    }

    print_message("%d of %d addresses have a country\n", found, MILLION);
    assert_true(found > MILLION / 4);

    sp_geo_close(geo);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_random_databases),
        cmocka_unit_test(test_real_database),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tests of the country look-up, on databases that it
 * writes itself: both layouts, both families, and every kind of damage.
 */


#include <arpa/inet.h>
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "mmdb_write.h"
#include "sp_geo.h"


#define NOW       1800000000
#define NETWORKS  200


static char                file[64];
static mmdb_w_t            w;
static char                err[512];

static const char *const   flat[] = { "country_code", NULL };
static const char *const   nested[] = { "country", "iso_code", NULL };
static const char *const   other[] = { "registered_country", "iso_code",
                                       NULL };
static const char *const   codes[] = {
    "SG", "US", "DE", "UA", "CN", "HK", "XK", "GB"
};


static sp_addr_t
address(const char *text)
{
    sp_addr_t  a;

    assert_int_equal(sp_addr_parse(sp_cstr(text), &a), SP_OK);
    return a;
}


static sp_geo_t *
save_and_open(const char *path)
{
    size_t          len;
    sp_geo_t       *geo;
    unsigned char  *bytes;

    bytes = mmdb_w_file(&w, &len);
    mmdb_w_save(file, bytes, len);
    free(bytes);
    err[0] = '\0';
    geo = sp_geo_open(file, path, NOW, err, sizeof(err));
    assert_true((geo == NULL) == (err[0] != '\0'));

    return geo;
}


static void
put4(const char *network, unsigned bits, size_t record)
{
    sp_addr_t  a;

    a = address(network);

    if (w.ip_version == 6) {
        memset(a.bytes, 0, 12);
        mmdb_w_insert(&w, a.bytes, 96 + bits, record);
        return;
    }

    mmdb_w_insert(&w, a.bytes + 12, bits, record);
}


static sp_geo_rc_t
country(const sp_geo_t *geo, const char *addr, char *code)
{
    size_t       n;
    sp_addr_t    a;
    sp_place_t   place;
    sp_geo_rc_t  rc;

    a = address(addr);
    rc = sp_geo_country(geo, &a, &place);
    assert_true((rc == SP_GEO_FOUND) == (place != SP_PLACE_NONE));
    n = sp_place_format(place, code);
    code[n] = '\0';

    return rc;
}


static unsigned
open_files(void)
{
    DIR       *dir;
    unsigned   n;

    dir = opendir("/proc/self/fd");
    assert_non_null(dir);

    for (n = 0; readdir(dir) != NULL; n++) { /* void */ }

    closedir(dir);

    return n;
}


static void
test_values(void **state)
{
    char                      code[8];
    size_t                    i, k;
    unsigned                  fds;
    sp_geo_t                 *geo;

    static const char *const  odd[] = { "ZZ", "EU", "A1", "T1", "sg", "",
                                        "SGP", "AN", "Singapore" };

    for (k = 0; k < 2; k++) {
        mmdb_w_init(&w, k ? 6 : 4);
        put4("8.0.0.0", 8, mmdb_w_record(&w, k ? nested : flat, "US"));
        put4("8.8.0.0", 16, mmdb_w_record(&w, k ? nested : flat, "UK"));
        put4("9.0.0.0", 8, mmdb_w_record(&w, other, "DE"));

        for (i = 0; i < sp_nelts(odd); i++) {
            snprintf(code, sizeof(code), "7.%d.0.0", (int) i);
            put4(code, 16, mmdb_w_record(&w, k ? nested : flat, odd[i]));
        }

        /* a number where the code should be */

        i = w.len;
        mmdb_w_control(&w, 7, 1);
        mmdb_w_string(&w, k ? "country" : "country_code");
        mmdb_w_uint(&w, 6, 702);
        put4("6.0.0.0", 8, i);

        fds = open_files();
        geo = save_and_open(NULL);
        assert_non_null(geo);
        assert_int_equal(open_files(), fds);
        assert_string_equal(sp_geo_info(geo)->path,
                            k ? "country.iso_code" : "country_code");
        assert_string_equal(sp_geo_info(geo)->database_type,
                            "sallyport-test");
        assert_int_equal(sp_geo_info(geo)->build_epoch, 1790000000);
        assert_int_equal(sp_geo_info(geo)->ip_version, k ? 6 : 4);

        assert_int_equal(country(geo, "8.1.2.3", code), SP_GEO_FOUND);
        assert_string_equal(code, "US");
        assert_int_equal(country(geo, "8.8.8.8", code), SP_GEO_FOUND);
        assert_string_equal(code, "GB");
        assert_int_equal(country(geo, "::ffff:8.8.8.8", code),
                         SP_GEO_FOUND);
        assert_int_equal(country(geo, "9.1.2.3", code), SP_GEO_ABSENT);
        assert_int_equal(country(geo, "5.1.2.3", code), SP_GEO_ABSENT);
        assert_int_equal(country(geo, "6.1.2.3", code),
                         k ? SP_GEO_ABSENT : SP_GEO_ODD);
        assert_int_equal(country(geo, "2a00::1", code),
                         k ? SP_GEO_ABSENT : SP_GEO_FAILED);

        for (i = 0; i < sp_nelts(odd); i++) {
            snprintf(code, sizeof(code), "7.%d.1.1", (int) i);
            assert_int_equal(country(geo, code, code), SP_GEO_ODD);
        }

        sp_geo_close(geo);

        /* the wrong path is noticed, the right one may be named */

        assert_null(sp_geo_open(file, k ? flat[0] : "country.iso_code", NOW,
                                err, sizeof(err)));
        assert_non_null(strstr(err, "has no country"));
        geo = sp_geo_open(file, k ? "country.iso_code" : flat[0], NOW, err,
                          sizeof(err));
        assert_non_null(geo);
        sp_geo_close(geo);
    }
}


static void
test_refusals(void **state)
{
    size_t                    i;
    sp_geo_t                 *geo;

    static const char *const  paths[] = {
        "", ".", "a.", ".a", "a..b", "a.b.c.d.e.f.g.h.i"
    };

    assert_null(sp_geo_open("/nonexistent", NULL, NOW, err, sizeof(err)));
    assert_null(sp_geo_open("/tmp", NULL, NOW, err, sizeof(err)));
    assert_null(sp_geo_open("/dev/null", NULL, NOW, err, sizeof(err)));
    assert_null(sp_geo_open("/dev/null", NULL, NOW, NULL, 0));

    mmdb_w_save(file, (const unsigned char *) "", 0);
    assert_null(sp_geo_open(file, NULL, NOW, err, sizeof(err)));
    mmdb_w_save(file, (const unsigned char *) "not a database", 14);
    assert_null(sp_geo_open(file, NULL, NOW, err, sizeof(err)));

    /* another kind of database, and an empty one */

    mmdb_w_init(&w, 4);
    put4("8.0.0.0", 8, mmdb_w_record(&w, other, "US"));
    assert_null(save_and_open(NULL));
    assert_non_null(strstr(err, "sallyport-test"));
    mmdb_w_init(&w, 4);
    assert_null(save_and_open(NULL));

    /* from tomorrow; today will do */

    mmdb_w_init(&w, 4);
    put4("8.0.0.0", 8, mmdb_w_record(&w, flat, "US"));
    w.build_epoch = NOW + 1;
    assert_null(save_and_open(NULL));
    assert_non_null(strstr(err, "future"));
    w.build_epoch = NOW;
    geo = save_and_open(NULL);
    assert_non_null(geo);
    sp_geo_close(geo);

    for (i = 0; i < sp_nelts(paths); i++) {
        assert_null(sp_geo_open(file, paths[i], NOW, err, sizeof(err)));
    }

    sp_geo_close(NULL);
}


/* Random nested networks against a search for the longest prefix. */

static void
test_oracle(void **state)
{
    char           code[8];
    size_t         i, k, records[sp_nelts(codes)];
    unsigned       round, best, found;
    sp_geo_t      *geo;
    sp_addr_t      a;
    sp_place_t     place;
    sp_geo_rc_t    rc;
    sp_network_t   nets[NETWORKS];

    printf("seed 20261123\n");
    srand(20261123);
    found = 0;

    for (round = 0; round < 20; round++) {
        mmdb_w_init(&w, 6);

        for (i = 0; i < sp_nelts(codes); i++) {
            records[i] = mmdb_w_record(&w, round & 1 ? nested : flat,
                                       codes[i]);
        }

        for (i = 0; i < NETWORKS; i++) {
            memset(&nets[i], 0, sizeof(nets[i]));
            nets[i].bits = (uint8_t) (i / 5 + 8);
            nets[i].base.bytes[0] = 0x2a;

            for (k = 8; k < nets[i].bits; k++) {
                nets[i].base.bytes[k / 8]
                    |= (unsigned char) ((rand() % 8 == 0) << (7 - k % 8));
            }

            mmdb_w_insert(&w, nets[i].base.bytes, nets[i].bits,
                          records[i % sp_nelts(codes)]);
        }

        geo = save_and_open(NULL);
        assert_non_null(geo);

        for (k = 0; k < 3000; k++) {
            a = nets[(size_t) rand() % NETWORKS].base;
            i = (size_t) rand() % 60 + 8;
            a.bytes[i / 8] ^= (unsigned char) (1 << (i % 8));
            best = NETWORKS;

            for (i = 0; i < NETWORKS; i++) {
                if (sp_network_has(&nets[i], &a)) {
                    best = (unsigned) i;    /* longer or later ones win */
                }
            }

            rc = sp_geo_country(geo, &a, &place);

            if (best == NETWORKS) {
                assert_int_equal(rc, SP_GEO_ABSENT);
                continue;
            }

            found++;
            assert_int_equal(rc, SP_GEO_FOUND);
            code[sp_place_format(place, code)] = '\0';
            assert_string_equal(code, codes[best % sp_nelts(codes)]);
        }

        sp_geo_close(geo);
    }

    assert_true(found > 10000);
}


static unsigned char *
small(size_t *len)
{
    mmdb_w_init(&w, 6);
    put4("8.0.0.0", 8, mmdb_w_record(&w, nested, "US"));
    put4("8.8.0.0", 16, mmdb_w_record(&w, nested, "GB"));
    put4("93.0.0.0", 8, mmdb_w_record(&w, nested, "DE"));

    return mmdb_w_file(&w, len);
}


/* Whoever overwrites the file in place changes nothing here. */

static void
test_overwritten(void **state)
{
    char            code[8];
    size_t          len;
    sp_geo_t       *geo;
    unsigned char  *bytes;

    bytes = small(&len);
    mmdb_w_save(file, bytes, len);
    geo = sp_geo_open(file, NULL, NOW, err, sizeof(err));
    assert_non_null(geo);

    memset(bytes, 0xff, len);
    mmdb_w_save(file, bytes, len);
    assert_int_equal(country(geo, "8.8.8.8", code), SP_GEO_FOUND);
    assert_string_equal(code, "GB");

    assert_int_equal(truncate(file, 0), 0);
    assert_int_equal(country(geo, "8.9.8.8", code), SP_GEO_FOUND);
    assert_string_equal(code, "US");
    assert_int_equal(unlink(file), 0);
    assert_int_equal(country(geo, "93.1.1.1", code), SP_GEO_FOUND);

    sp_geo_close(geo);
    free(bytes);
}


static void
test_truncated(void **state)
{
    size_t          len, cut;
    unsigned char  *bytes;

    bytes = small(&len);
    assert_true(len > 640);

    for (cut = 0; cut < len; cut += cut % 64 == 0 && cut + 64 < len ? 64 : 1) {
        mmdb_w_save(file, bytes, cut);
        assert_null(sp_geo_open(file, NULL, NOW, err, sizeof(err)));
    }

    free(bytes);
}


/*
 * One byte changed, anywhere: refused, or a database in which no look-up
 * fails. What it answers then is a place or none; it cannot be told wrong.
 */

static void
test_damaged(void **state)
{
    char            code[8], text[16];
    size_t          len, i;
    unsigned        k, step, refused, opened;
    sp_geo_t       *geo;
    unsigned char   was, *bytes;

    static const unsigned char  values[] = { 0x00, 0xff, 0x20, 0xe1, 0x5d };

    bytes = small(&len);
    refused = 0;
    opened = 0;

    for (i = 0; i < len; i++) {
        for (step = 0; step < sp_nelts(values); step++) {
            was = bytes[i];
            bytes[i] = values[step];
            mmdb_w_save(file, bytes, len);
            bytes[i] = was;

            geo = sp_geo_open(file, NULL, NOW, err, sizeof(err));

            if (geo == NULL) {
                refused++;
                continue;
            }

            opened++;

            for (k = 0; k < 256; k++) {
                snprintf(text, sizeof(text), "%u.8.8.8", k);
                assert_int_not_equal(country(geo, text, code),
                                     SP_GEO_FAILED);
            }

            sp_geo_close(geo);
        }
    }

    printf("%u refused, %u harmless\n", refused, opened);
    assert_true(refused > 200);
    free(bytes);
}


/* Trees that are no trees: a loop, and a path longer than an address. */

static void
test_shapes(void **state)
{
    int        i, deep;
    sp_geo_t  *geo;

    for (deep = 0; deep < 2; deep++) {

        /* nodes 1..20 one below the other, 21..40 too; 0 is above both */

        mmdb_w_init(&w, 4);
        i = -(int) mmdb_w_record(&w, flat, "US") - 1;
        w.nnodes = 41;
        w.nodes[0][0] = 1;
        w.nodes[0][1] = 21;
        w.nodes[20][0] = i;
        w.nodes[20][1] = i;
        w.nodes[40][0] = i;

        for (i = 1; i < 40; i++) {
            if (i != 20) {
                w.nodes[i][0] = i + 1;
            }
        }

        /* shared, with 1 + 11 + 20 nodes on the way or one more */

        w.nodes[31 + deep][1] = 1;
        geo = save_and_open(NULL);
        assert_true((geo != NULL) == (deep == 0));
        sp_geo_close(geo);
    }

    w.nodes[32][1] = 25;
    assert_null(save_and_open(NULL));
    assert_non_null(strstr(err, "damaged"));
}


int
main(void)
{
    int                      rc;
    char                     dir[] = "/tmp/sallyport-geo-XXXXXX";

    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_oracle),
        cmocka_unit_test(test_overwritten),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_shapes)
    };

    if (mkdtemp(dir) == NULL) {
        return 1;
    }

    snprintf(file, sizeof(file), "%s/test.mmdb", dir);
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    (void) unlink(file);
    (void) rmdir(dir);

    return rc;
}

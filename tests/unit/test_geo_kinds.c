
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains tests of databases of cities, autonomous systems and
 * anonymizers: files that MaxMind's own writer has made, in several layouts,
 * must say what was put into them, at the ends of networks and anywhere else
 * what libmaxminddb says, and a damaged one is never opened.
 */


#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <maxminddb.h>

#include "sp_facts.h"


#define NOW        1795400000
#define EPOCH      1795000000
#define SEED       20261124
#define ADDRESSES  200000
#define NETWORKS   4096


typedef struct {
    const char     *name;
    sp_geo_kind_t   kind;
    unsigned        flags;
    const char     *path;
} base_t;


static const base_t  bases[] = {
    { "city", SP_GEO_CITY, 0, "subdivisions.0.iso_code" },
    { "flat", SP_GEO_CITY, 0, "region_code" },
    { "asn", SP_GEO_ASN, 0, "autonomous_system_number" },
    { "as-text", SP_GEO_ASN, 0, "asn" },
    { "anonymous", SP_GEO_ANONYMOUS,
      SP_GEO_TOR | SP_GEO_VPN | SP_GEO_PROXY | SP_GEO_HOSTING,
      "is_tor_exit_node" },
    { "privacy", SP_GEO_ANONYMOUS,
      SP_GEO_TOR | SP_GEO_VPN | SP_GEO_PROXY | SP_GEO_HOSTING | SP_GEO_RELAY,
      "is_tor_exit_node" }
};

static char  dir[] = "/tmp/sallyport-kinds-XXXXXX";


static void
name_of(char *file, size_t size, const char *name, const char *end)
{
    snprintf(file, size, "%s/%s.%s", dir, name, end);
}


static sp_geo_t *
open_base(const base_t *base)
{
    char       file[128], err[512];
    sp_geo_t  *geo;

    name_of(file, sizeof(file), base->name, "mmdb");
    geo = sp_geo_open_kind(base->kind, file, NULL, NOW, err, sizeof(err));

    if (geo == NULL) {
        fail_msg("%s", err);
    }

    return geo;
}


static int
make_databases(void **state)
{
    char  command[256];

    print_message("seed %d\n", SEED);

    if (mkdtemp(dir) == NULL) {
        return -1;
    }

    snprintf(command, sizeof(command), "perl tests/geo/databases.pl %s %d %d",
             dir, SEED, EPOCH);

    return system(command) == 0 ? 0 : -1;
}


static int
drop_databases(void **state)
{
    char  command[128];

    snprintf(command, sizeof(command), "rm -r %s", dir);

    return system(command);
}


/* As the lists of the generator say it. */

static void
said(const base_t *base, const sp_geo_t *geo, const sp_addr_t *addr,
    char *out, size_t size)
{
    int           i, n;
    char          text[8];
    size_t        len;
    sp_facts_t    facts;
    sp_geo_set_t  set;

    static const char *const  names[] = { "tor", "vpn", "proxy", "hosting",
                                          "relay" };

    memset(&set, 0, sizeof(set));
    set.db[base->kind] = geo;
    sp_facts_init(&facts, NOW);
    sp_facts_address(&facts, addr, SP_IP_PUBLIC, &set);

    if (base->kind == SP_GEO_ASN) {
        snprintf(out, size, facts.v[SP_F_IP_ASN].state == SP_FACT_KNOWN
                            ? "%lld" : facts.v[SP_F_IP_ASN].state
                                       == SP_FACT_ABSENT ? "-" : "?",
                 (long long) facts.v[SP_F_IP_ASN].u.i);
        return;
    }

    if (base->kind == SP_GEO_CITY) {

        switch (facts.v[SP_F_IP_COUNTRY].state) {

        case SP_FACT_ABSENT:
            snprintf(out, size, "-");
            return;

        case SP_FACT_KNOWN:
            break;

        default:
            snprintf(out, size, "?");
            return;
        }

        i = facts.v[SP_F_IP_REGION].state == SP_FACT_KNOWN;
        len = sp_place_format(i ? facts.v[SP_F_IP_REGION].u.place
                                : facts.v[SP_F_IP_COUNTRY].u.place, text);
        snprintf(out, size, "%.*s%s", (int) len, text,
                 facts.v[SP_F_IP_REGION].state == SP_FACT_UNKNOWN ? "/?" : "");
        return;
    }

    for (i = 0, n = 0; i < 5; i++) {
        const sp_value_t  *v = &facts.v[SP_F_IP_TOR + i];

        assert_int_equal(v->state, base->flags >> i & 1 ? SP_FACT_KNOWN
                                                        : SP_FACT_UNKNOWN);

        if (v->state == SP_FACT_KNOWN && v->u.i) {
            n += snprintf(out + n, size - (size_t) n, "%s%s", n ? "," : "",
                          names[i]);
        }
    }

    if (n == 0) {
        snprintf(out, size, "-");
    }
}


static sp_addr_t
address_of(const char *text)
{
    sp_addr_t  a;

    assert_int_equal(sp_addr_parse(sp_cstr(text), &a), SP_OK);

    return a;
}


/* The bits behind the prefix all 0, all 1, or drawn. */

static sp_addr_t
within(sp_addr_t a, unsigned bits, int how)
{
    unsigned  bit;

    for (bit = bits; bit < 128; bit++) {
        int  one = how == 2 ? rand() & 1 : how;

        a.bytes[bit / 8] &= (unsigned char) ~(0x80 >> bit % 8);
        a.bytes[bit / 8] |= (unsigned char) (one ? 0x80 >> bit % 8 : 0);
    }

    return a;
}


/* How many networks the list has; each is told to "each". */

static size_t
networks(const base_t *base, sp_addr_t *nets, unsigned *bits,
    char (*words)[32])
{
    char       file[128], line[256], *slash, *space;
    FILE      *f;
    size_t     n;

    name_of(file, sizeof(file), base->name, "txt");
    f = fopen(file, "r");
    assert_non_null(f);

    for (n = 0; fgets(line, sizeof(line), f) != NULL; n++) {
        assert_true(n < NETWORKS);
        line[strcspn(line, "\n")] = '\0';
        space = strchr(line, ' ');
        slash = strchr(line, '/');
        *space++ = *slash++ = '\0';
        nets[n] = address_of(line);
        bits[n] = (unsigned) atoi(slash)
                  + (strchr(line, ':') == NULL ? 96 : 0);
        snprintf(words[n], sizeof(words[n]), "%s", space);
    }

    fclose(f);

    return n;
}


static sp_addr_t      nets[NETWORKS];
static unsigned       bits[NETWORKS];
static char           words[NETWORKS][32];


static void
test_what_was_put_in(void **state)
{
    int           how;
    char          got[64];
    size_t        i, k, n, checks;
    sp_addr_t     a;
    sp_geo_t     *geo;

    srand(SEED);

    for (k = 0, checks = 0; k < sp_nelts(bases); k++) {
        geo = open_base(&bases[k]);
        assert_string_equal(sp_geo_info(geo)->path, bases[k].path);
        assert_int_equal(sp_geo_info(geo)->build_epoch, EPOCH);
        assert_int_equal(sp_geo_info(geo)->flags, bases[k].flags);

        n = networks(&bases[k], nets, bits, words);
        assert_true(n > 800);

        for (i = 0; i < n; i++) {
            for (how = 0; how < 3; how++) {
                a = within(nets[i], bits[i], how);
                said(&bases[k], geo, &a, got, sizeof(got));

                if (strcmp(got, words[i]) != 0) {
                    fail_msg("%s, network %zu: \"%s\", it should be \"%s\"",
                             bases[k].name, i, got, words[i]);
                }

                checks++;
            }
        }

        /* nowhere near any of them */

        a = address_of("2800::1");
        said(&bases[k], geo, &a, got, sizeof(got));
        assert_string_equal(got, "-");

        sp_geo_close(geo);
    }

    print_message("%zu addresses of %zu databases\n", checks,
                  sp_nelts(bases));
}


/* What libmaxminddb says of the address, read by itself. */

static void
oracle(const base_t *base, MMDB_s *mmdb, const sp_addr_t *addr, char *out,
    size_t size)
{
    int                   rc;
    MMDB_entry_data_s     data, part;
    MMDB_lookup_result_s  found;
    struct sockaddr_in6   sin6;

    memset(&sin6, 0, sizeof(sin6));
    sin6.sin6_family = AF_INET6;
    memcpy(&sin6.sin6_addr, addr->bytes, 16);

    found = MMDB_lookup_sockaddr(mmdb, (struct sockaddr *) &sin6, &rc);
    assert_int_equal(rc, MMDB_SUCCESS);
    snprintf(out, size, "-");

    if (!found.found_entry) {
        return;
    }

    if (base->kind == SP_GEO_ASN) {
        rc = MMDB_get_value(&found.entry, &data, "autonomous_system_number",
                            NULL);

        if (rc == MMDB_SUCCESS && data.uint32 != 0) {
            snprintf(out, size, "%u", data.uint32);
        }

        return;
    }

    rc = MMDB_get_value(&found.entry, &data, "country", "iso_code", NULL);

    if (rc != MMDB_SUCCESS) {
        return;
    }

    if (memcmp(data.utf8_string, "ZZ", 2) == 0) {
        snprintf(out, size, "?");
        return;
    }

    rc = MMDB_get_value(&found.entry, &part, "subdivisions", "0", "iso_code",
                        NULL);

    if (rc != MMDB_SUCCESS) {
        snprintf(out, size, "%.2s", data.utf8_string);

    } else if (part.utf8_string[0] == '?') {
        snprintf(out, size, "%.2s/?", data.utf8_string);

    } else if (memcmp(part.utf8_string, "HK", 2) == 0) {
        snprintf(out, size, "HK");

    } else {
        snprintf(out, size, "%.2s-%.*s", data.utf8_string,
                 (int) part.data_size, part.utf8_string);
    }
}


static void
test_libmaxminddb(void **state)
{
    int         i, step;
    char        file[128], got[64], want[64];
    size_t      k, n, found;
    MMDB_s      mmdb;
    sp_addr_t   a;
    sp_geo_t   *geo;

    srand(SEED + 1);

    for (k = 0; k < sp_nelts(bases); k += 2) {

        if (bases[k].kind == SP_GEO_ANONYMOUS) {
            continue;
        }

        geo = open_base(&bases[k]);
        name_of(file, sizeof(file), bases[k].name, "mmdb");
        assert_int_equal(MMDB_open(file, MMDB_MODE_MMAP, &mmdb),
                         MMDB_SUCCESS);
        n = networks(&bases[k], nets, bits, words);

        for (i = 0, found = 0; i < ADDRESSES; i++) {

            /* by networks: inside, the ends, one before and one behind */

            a = within(nets[(size_t) i % n], bits[(size_t) i % n], i % 3);
            step = i / 3 % 3 - 1;
            a.bytes[15] = (unsigned char) (a.bytes[15] + step);

            if (i % 10 == 0) {
                a.bytes[12] = (unsigned char) rand();
                a.bytes[13] = (unsigned char) rand();
            }

            said(&bases[k], geo, &a, got, sizeof(got));
            oracle(&bases[k], &mmdb, &a, want, sizeof(want));
            assert_string_equal(got, want);
            found += strcmp(got, "-") != 0;
        }

        assert_true(found > ADDRESSES / 3);

        MMDB_close(&mmdb);
        sp_geo_close(geo);
    }
}


/* G1: an address and its mapped form are one address, with one answer. */

static void
test_mapped(void **state)
{
    char        text[64], v4[32], one[64], two[64];
    size_t      i, n;
    sp_addr_t   a, b;
    sp_geo_t   *geo;

    geo = open_base(&bases[0]);
    n = networks(&bases[0], nets, bits, words);

    for (i = 0; i < n; i++) {

        if (!sp_addr_is_v4(&nets[i])) {
            continue;
        }

        inet_ntop(AF_INET, nets[i].bytes + 12, v4, sizeof(v4));
        snprintf(text, sizeof(text), "::ffff:%s", v4);
        a = address_of(v4);
        b = address_of(text);
        assert_memory_equal(&a, &b, sizeof(a));
        assert_int_equal(sp_addr_class(&a), sp_addr_class(&b));
        said(&bases[0], geo, &a, one, sizeof(one));
        said(&bases[0], geo, &b, two, sizeof(two));
        assert_string_equal(one, two);
    }

    sp_geo_close(geo);
}


/* A file of another sort, and paths that lead nowhere. */

static void
test_wrong_sort(void **state)
{
    char         file[128], err[512];
    size_t       k;
    unsigned     i, kind;
    sp_geo_t    *geo;
    const char  *paths[SP_GEO_PATHS];

    for (k = 0; k < sp_nelts(bases); k++) {
        name_of(file, sizeof(file), bases[k].name, "mmdb");

        for (kind = 0; kind < SP_GEO_KINDS; kind++) {
            err[0] = '\0';
            geo = sp_geo_open_kind((sp_geo_kind_t) kind, file, NULL, NOW, err,
                                   sizeof(err));

            if (kind == bases[k].kind
                || (kind == SP_GEO_COUNTRY && bases[k].kind == SP_GEO_CITY))
            {
                assert_non_null(geo);
                sp_geo_close(geo);
                continue;
            }

            assert_null(geo);
            assert_non_null(strstr(err, file));
            assert_non_null(strstr(err, "has no"));
        }

        for (i = 0; i < SP_GEO_PATHS; i++) {
            paths[i] = "no.such.thing";
        }

        assert_null(sp_geo_open_kind(bases[k].kind, file, paths, NOW, err,
                                     sizeof(err)));
        assert_non_null(strstr(err, "has no"));

        for (i = 0; i < SP_GEO_PATHS; i++) {
            paths[i] = "a..b";
        }

        assert_null(sp_geo_open_kind(bases[k].kind, file, paths, NOW, err,
                                     sizeof(err)));
        assert_non_null(strstr(err, "no look-up path"));

        assert_null(sp_geo_open_kind(bases[k].kind, file, NULL, EPOCH - 1,
                                     err, sizeof(err)));
        assert_non_null(strstr(err, "future"));
    }

    /* names of parts are no codes: known is the country, unknown the rest */

    name_of(file, sizeof(file), "flat", "mmdb");
    memset(paths, 0, sizeof(paths));
    paths[SP_GEO_P_REGION] = "state1";
    assert_null(sp_geo_open_kind(SP_GEO_CITY, file, paths, NOW, err,
                                 sizeof(err)));
    assert_non_null(strstr(err, "has no subdivision"));
}


/* G8: cut off anywhere, or with bytes of others, it is refused or sound. */

static void
test_damaged(void **state)
{
    char            file[128], bad[160], err[512];
    FILE           *f;
    size_t          k, i, len, cut, refused;
    sp_geo_t       *geo;
    unsigned char  *bytes, *copy;

    srand(SEED + 2);
    name_of(bad, sizeof(bad), "bad", "mmdb");

    for (k = 0; k < sp_nelts(bases); k++) {
        name_of(file, sizeof(file), bases[k].name, "mmdb");
        f = fopen(file, "r");
        assert_non_null(f);
        fseek(f, 0, SEEK_END);
        len = (size_t) ftell(f);
        rewind(f);
        bytes = malloc(len);
        copy = malloc(len);
        assert_int_equal(fread(bytes, 1, len, f), len);
        fclose(f);

        for (i = 0, refused = 0; i < 60; i++) {
            cut = i < 20 ? len * i / 20 : len;
            memcpy(copy, bytes, len);

            if (i >= 20) {
                copy[(size_t) rand() % len] ^= (unsigned char)
                                               (1 << rand() % 8);
            }

            f = fopen(bad, "w");
            assert_int_equal(fwrite(copy, 1, cut, f), cut);
            fclose(f);

            geo = sp_geo_open_kind(bases[k].kind, bad, NULL, NOW, err,
                                   sizeof(err));
            refused += geo == NULL;
            assert_true(i >= 20 || geo == NULL);
            sp_geo_close(geo);
        }

        assert_true(refused >= 20);
        free(bytes);
        free(copy);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_what_was_put_in),
        cmocka_unit_test(test_libmaxminddb),
        cmocka_unit_test(test_mapped),
        cmocka_unit_test(test_wrong_sort),
        cmocka_unit_test(test_damaged),
    };

    return cmocka_run_group_tests(tests, make_databases, drop_databases);
}

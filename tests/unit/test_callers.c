
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains tables of what callers can be: credentials in all the
 * shapes that other gateways fell for (C1 to C6), and addresses of every
 * special range (G1 to G7), each with addresses drawn from it.
 */


#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "sp_credential.h"
#include "sp_facts.h"
#include "sp_jwt.h"


#define SEED   20261125
#define DRAWN  20        /* addresses of each range, and both ends */
#define KEYS   20000


/* IANA's registries of special addresses, and the ways into IPv4 of IPv6. */

static const struct {
    const char     *network;
    sp_ip_class_t   class;
    const char     *title;
} ranges[] = {
    { "0.0.0.0/8", SP_IP_RESERVED, "this network, RFC 791" },
    { "10.0.0.0/8", SP_IP_PRIVATE, "RFC 1918" },
    { "100.64.0.0/10", SP_IP_CGNAT, "shared, RFC 6598" },
    { "127.0.0.0/8", SP_IP_LOOPBACK, "RFC 1122" },
    { "169.254.0.0/16", SP_IP_LINK_LOCAL, "cloud metadata, RFC 3927" },
    { "172.16.0.0/12", SP_IP_PRIVATE, "RFC 1918" },
    { "192.0.2.0/24", SP_IP_RESERVED, "TEST-NET-1" },
    { "192.168.0.0/16", SP_IP_PRIVATE, "RFC 1918" },
    { "198.18.0.0/15", SP_IP_RESERVED, "benchmarks, RFC 2544" },
    { "198.51.100.0/24", SP_IP_RESERVED, "TEST-NET-2" },
    { "203.0.113.0/24", SP_IP_RESERVED, "TEST-NET-3" },
    { "224.0.0.0/4", SP_IP_RESERVED, "multicast" },
    { "240.0.0.0/4", SP_IP_RESERVED, "unused, and broadcast" },
    { "::/128", SP_IP_RESERVED, "unspecified" },
    { "::1/128", SP_IP_LOOPBACK, "loopback" },
    { "::8.0.0.0/104", SP_IP_TRANSITION, "maxmind: IPv4-compatible" },
    { "64:ff9b::/96", SP_IP_TRANSITION, "NAT64, RFC 6052" },
    { "64:ff9b:1::/48", SP_IP_TRANSITION, "NAT64 of one's own, RFC 8215" },
    { "100::/64", SP_IP_RESERVED, "discard, RFC 6666" },
    { "2001::/32", SP_IP_TRANSITION, "Teredo, RFC 4380" },
    { "2001:db8::/32", SP_IP_RESERVED, "documentation, RFC 3849" },
    { "2002::/16", SP_IP_TRANSITION, "maxmind: 6to4, RFC 3056" },
    { "fc00::/7", SP_IP_PRIVATE, "ULA, RFC 4193" },
    { "fe80::/10", SP_IP_LINK_LOCAL, "RFC 4291" },
    { "fec0::/10", SP_IP_PRIVATE, "site-local, RFC 3879" },
    { "ff00::/8", SP_IP_RESERVED, "multicast" },
    { "8.8.8.0/24", SP_IP_PUBLIC, "public" },
    { "1.1.1.0/24", SP_IP_PUBLIC, "public" },
    { "100.128.0.0/9", SP_IP_PUBLIC, "beside the shared ones" },
    { "172.32.0.0/11", SP_IP_PUBLIC, "beside RFC 1918" },
    { "2600::/16", SP_IP_PUBLIC, "public" },
    { "2a00::/16", SP_IP_PUBLIC, "public" },
    { "2003::/16", SP_IP_PUBLIC, "beside 6to4" }
};


static sp_addr_t
draw(const sp_network_t *network, int how)
{
    unsigned   bit;
    sp_addr_t  a;

    a = network->base;

    for (bit = network->bits; bit < 128; bit++) {

        if (how == 1 || (how == 2 && rand() % 2)) {
            a.bytes[bit / 8] |= (unsigned char) (0x80 >> bit % 8);
        }
    }

    return a;
}


/* No special address has a country, a network or an AS, whatever is known. */

static void
test_ranges(void **state)
{
    int                  k;
    size_t               i, n, from;
    sp_addr_t            a, b;
    sp_facts_t           facts;
    sp_geo_set_t         set;
    sp_network_t         network;
    struct sockaddr_in   sin;
    struct sockaddr_in6  sin6;

    print_message("seed %d\n", SEED);
    srand(SEED);
    memset(&set, 0, sizeof(set));

    for (i = 0, n = 0; i < sp_nelts(ranges); i++) {
        assert_int_equal(sp_network_parse(sp_cstr(ranges[i].network),
                                          &network), SP_OK);

        for (k = 0; k < DRAWN + 2; k++) {
            a = draw(&network, k < 2 ? k : 2);

            if (sp_addr_class(&a) != ranges[i].class) {
                fail_msg("%s (%s): class %d, it should be %d",
                         ranges[i].network, ranges[i].title,
                         (int) sp_addr_class(&a), (int) ranges[i].class);
            }

            assert_true(sp_network_has(&network, &a));

            /* what a socket says is the same, mapped or not */

            memset(&sin6, 0, sizeof(sin6));
            sin6.sin6_family = AF_INET6;
            memcpy(&sin6.sin6_addr, a.bytes, 16);
            assert_int_equal(sp_addr_from_sockaddr(&b, (void *) &sin6,
                                                   sizeof(sin6)),
                             ranges[i].class);
            assert_memory_equal(&a, &b, sizeof(a));

            if (sp_addr_is_v4(&a)) {
                memset(&sin, 0, sizeof(sin));
                sin.sin_family = AF_INET;
                memcpy(&sin.sin_addr, a.bytes + 12, 4);
                assert_int_equal(sp_addr_from_sockaddr(&b, (void *) &sin,
                                                       sizeof(sin)),
                                 ranges[i].class);
                assert_memory_equal(&a, &b, sizeof(a));
            }

            /* G5: short ones, and other families, are no address */

            for (from = 0; from < sizeof(sin6); from++) {
                assert_int_equal(sp_addr_from_sockaddr(&b, (void *) &sin6,
                                                       from), SP_IP_NONE);
            }

            sin6.sin6_family = AF_UNIX;
            assert_int_equal(sp_addr_from_sockaddr(&b, (void *) &sin6,
                                                   sizeof(sin6)), SP_IP_NONE);

            sp_facts_init(&facts, 1);
            sp_facts_address(&facts, &a, ranges[i].class, &set);
            assert_int_equal(facts.v[SP_F_IP_CLASS].u.i, ranges[i].class);
            assert_int_equal(facts.v[SP_F_IP_COUNTRY].state, SP_FACT_UNKNOWN);
            assert_int_equal(facts.v[SP_F_IP_ASN].state, SP_FACT_UNKNOWN);
            n++;
        }
    }

    print_message("%zu addresses\n", n);
}


/* G7: one client, one bucket. */

static void
test_units(void **state)
{
    int        i;
    sp_addr_t  a, first, unit;

    assert_int_equal(sp_addr_parse(SP_STR("2600:7000:1:2::1"), &a), SP_OK);
    sp_addr_unit(&a, &first);

    for (i = 0; i < 65536; i++) {
        a.bytes[8] = (unsigned char) rand();
        a.bytes[14] = (unsigned char) (i >> 8);
        a.bytes[15] = (unsigned char) i;
        sp_addr_unit(&a, &unit);
        assert_memory_equal(&unit, &first, sizeof(unit));
    }

    a.bytes[7] ^= 1;
    sp_addr_unit(&a, &unit);
    assert_memory_not_equal(&unit, &first, sizeof(unit));
}


/* Addresses as text that others read in ways of their own. */

static void
test_texts(void **state)
{
    size_t     i;
    sp_addr_t  a;

    static const char *const  odd[] = {
        "", " ", "0x08080808", "134744072", "010.010.010.010", "8.8.8",
        "8.8.8.8 ", " 8.8.8.8", "8.8.8.8:80", "8.8.8.8/32", "8.8.8.08",
        "8.8.8.256", "8.8.8.-1", "8..8.8", "[::1]", "::1%lo", "fe80::1%eth0",
        "1::2::3", "12345::", "::g", ":::", "1:2:3:4:5:6:7:8:9",
        "::ffff:8.8.8", "::8.8.8.8.8", "localhost", "example.com",
        "8.8.8.8\n", "8.8.8.8,1.1.1.1", "unknown", "_hidden", "-"
    };

    for (i = 0; i < sp_nelts(odd); i++) {

        if (sp_addr_parse(sp_cstr(odd[i]), &a) == SP_OK) {
            fail_msg("\"%s\" is no address", odd[i]);
        }
    }
}


/* C3, C4: what a key may look like, by those who let it be something else. */

static const struct {
    const char       *title;
    const char       *value;
    sp_cred_state_t   state;
} keys[] = {
    { "a key", "Bearer sk-acme", SP_CRED_OK },
    { "vllm: any case", "bEaReR sk-acme", SP_CRED_OK },
    { "llama.cpp: no scheme", "sk-acme", SP_CRED_MALFORMED },
    { "two schemes", "Bearer Bearer sk-acme", SP_CRED_MALFORMED },
    { "two spaces", "Bearer  sk-acme", SP_CRED_MALFORMED },
    { "a tab", "Bearer\tsk-acme", SP_CRED_MALFORMED },
    { "a space behind", "Bearer sk-acme ", SP_CRED_MALFORMED },
    { "nothing", "Bearer ", SP_CRED_MALFORMED },
    { "less", "Bearer", SP_CRED_MALFORMED },
    { "empty", "", SP_CRED_MALFORMED },
    { "litellm CVE-2026-42208: SQL", "Bearer sk' OR '1'='1",
      SP_CRED_MALFORMED },
    { "kong: a comma list", "Bearer a,b", SP_CRED_MALFORMED },
    { "redis-py: CRLF", "Bearer a\r\nDEL x", SP_CRED_MALFORMED },
    { "a line feed", "Bearer a\nb", SP_CRED_MALFORMED },
    { "hiredis: a format", "Bearer %s%n", SP_CRED_MALFORMED },
    { "redis: a hash tag", "Bearer {acct}", SP_CRED_MALFORMED },
    { "redis: a glob", "Bearer sk-*", SP_CRED_MALFORMED },
    { "lua: a bracket", "Bearer a]b", SP_CRED_MALFORMED },
    { "a quote", "Bearer \"sk\"", SP_CRED_MALFORMED },
    { "a backslash", "Bearer a\\b", SP_CRED_MALFORMED },
    { "a semicolon", "Bearer a;b", SP_CRED_MALFORMED },
    { "Latin 1", "Bearer caf\xe9", SP_CRED_MALFORMED },
    { "UTF-8", "Bearer caf\xc3\xa9", SP_CRED_MALFORMED },
    { "full width", "Bearer \xef\xbc\xa1", SP_CRED_MALFORMED },
    { "DEL", "Bearer a\x7f", SP_CRED_MALFORMED },
    { "Basic", "Basic c2s6", SP_CRED_MALFORMED },
    { "AWS SigV4", "AWS4-HMAC-SHA256 Credential=A/B", SP_CRED_MALFORMED },
    { "Digest", "Digest username=x", SP_CRED_MALFORMED },
    { "base64 and its padding", "Bearer aGVsbG8=", SP_CRED_OK },
    { "a token's shape", "Bearer eyJ.e30.x", SP_CRED_OK },
    { "an ARN", "Bearer arn:aws:iam/x", SP_CRED_OK }
};


static void
test_keys(void **state)
{
    size_t           i;
    sp_credential_t  cred;

    for (i = 0; i < sp_nelts(keys); i++) {
        memset(&cred, 0, sizeof(cred));
        sp_credential_offer(&cred, SP_CARRIER_BEARER, sp_cstr(keys[i].value));

        if (cred.state != keys[i].state) {
            fail_msg("%s: state %d", keys[i].title, (int) cred.state);
        }
    }
}


/* Any bytes, any length, any two carriers: one key, or none. */

static void
test_carriers(void **state)
{
    int              i, k, same;
    size_t           n, max, at;
    char             one[700], two[700];
    sp_str_t         a, b;
    sp_credential_t  cred;

    static const char  good[] = "abcXYZ019._~+/=:-";

    srand(SEED + 1);

    for (i = 0; i < KEYS; i++) {
        max = i % 2 ? 0 : 600;
        n = 1 + (size_t) rand() % 640;

        for (at = 0; at < n; at++) {
            one[at] = good[(size_t) rand() % (sizeof(good) - 1)];
        }

        memcpy(two, one, n);
        same = rand() % 2;
        k = (int) ((size_t) rand() % n);

        if (!same) {
            two[k] = two[k] == 'q' ? 'r' : 'q';
        }

        a.data = (unsigned char *) one;
        b.data = (unsigned char *) two;
        a.len = b.len = n;

        memset(&cred, 0, sizeof(cred));
        cred.max = max;
        sp_credential_offer(&cred, SP_CARRIER_X_API_KEY, a);
        assert_int_equal(cred.state, n <= (max ? max : SP_KEY_MAX)
                                     ? SP_CRED_OK : SP_CRED_MALFORMED);

        if (cred.state != SP_CRED_OK) {
            continue;
        }

        sp_credential_offer(&cred, 1 + (sp_carrier_t) (1 + rand() % 3), b);
        assert_int_equal(cred.state, same ? SP_CRED_OK : SP_CRED_AMBIGUOUS);

        /* one byte that is none of these, anywhere */

        do {
            one[k] = (char) rand();
        } while (one[k] != '\0' && strchr(good, one[k]) != NULL);

        if ((one[k] >= 'a' && one[k] <= 'z') || (one[k] >= 'A'
            && one[k] <= 'Z') || (one[k] >= '0' && one[k] <= '9'))
        {
            continue;
        }

        memset(&cred, 0, sizeof(cred));
        cred.max = max;
        sp_credential_offer(&cred, SP_CARRIER_X_API_KEY, a);
        assert_int_equal(cred.state, SP_CRED_MALFORMED);
        assert_int_equal(cred.key.len, 0);
    }
}


/* C2: under another pepper, and for another key, another id; never the key. */

static void
test_ids(void **state)
{
    int            i, k;
    char           key[32];
    sp_pepper_t    pepper, other;
    unsigned char  a[SP_KID_LEN], b[SP_KID_LEN];

    assert_int_equal(sp_pepper_init(&pepper, SP_STR("0123456789abcdef")),
                     SP_OK);
    assert_int_equal(sp_pepper_init(&other, SP_STR("0123456789abcdeF")),
                     SP_OK);

    for (i = 0; i < 2000; i++) {
        snprintf(key, sizeof(key), "sk-%d", i);
        sp_kid(&pepper, sp_cstr(key), a);
        sp_kid(&other, sp_cstr(key), b);
        assert_memory_not_equal(a, b, SP_KID_LEN);

        for (k = 0; k < SP_KID_LEN; k++) {
            assert_non_null(strchr("0123456789abcdef", a[k]));
        }

        snprintf(key, sizeof(key), "sk-%d", i + 1);
        sp_kid(&pepper, sp_cstr(key), b);
        assert_memory_not_equal(a, b, SP_KID_LEN);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_carriers),
        cmocka_unit_test(test_ids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

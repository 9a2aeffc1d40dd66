
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tests of addresses: their classes at both edges of
 * every special range, and networks against a bit-by-bit oracle.
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
#include <sys/un.h>
#include <cmocka.h>

#include "sp_net.h"


typedef struct {
    const char     *text;
    sp_ip_class_t   class;
} row_t;


/* First and last address of each range, and the neighbours outside. */

static const row_t  rows[] = {
    { "0.0.0.0", SP_IP_RESERVED }, { "0.255.255.255", SP_IP_RESERVED },
    { "1.0.0.0", SP_IP_PUBLIC }, { "9.255.255.255", SP_IP_PUBLIC },
    { "10.0.0.0", SP_IP_PRIVATE }, { "10.255.255.255", SP_IP_PRIVATE },
    { "11.0.0.0", SP_IP_PUBLIC }, { "100.63.255.255", SP_IP_PUBLIC },
    { "100.64.0.0", SP_IP_CGNAT }, { "100.127.255.255", SP_IP_CGNAT },
    { "100.128.0.0", SP_IP_PUBLIC }, { "126.255.255.255", SP_IP_PUBLIC },
    { "127.0.0.0", SP_IP_LOOPBACK }, { "127.255.255.255", SP_IP_LOOPBACK },
    { "128.0.0.0", SP_IP_PUBLIC }, { "169.253.255.255", SP_IP_PUBLIC },
    { "169.254.0.0", SP_IP_LINK_LOCAL },
    { "169.254.169.254", SP_IP_LINK_LOCAL },
    { "169.255.0.0", SP_IP_PUBLIC }, { "172.15.255.255", SP_IP_PUBLIC },
    { "172.16.0.0", SP_IP_PRIVATE }, { "172.31.255.255", SP_IP_PRIVATE },
    { "172.32.0.0", SP_IP_PUBLIC }, { "191.255.255.255", SP_IP_PUBLIC },
    { "192.0.0.0", SP_IP_RESERVED }, { "192.0.0.170", SP_IP_RESERVED },
    { "192.0.1.0", SP_IP_PUBLIC }, { "192.0.2.1", SP_IP_RESERVED },
    { "192.0.3.0", SP_IP_PUBLIC }, { "192.31.196.1", SP_IP_RESERVED },
    { "192.52.193.1", SP_IP_RESERVED }, { "192.88.99.1", SP_IP_TRANSITION },
    { "192.167.255.255", SP_IP_PUBLIC }, { "192.168.0.0", SP_IP_PRIVATE },
    { "192.168.255.255", SP_IP_PRIVATE }, { "192.169.0.0", SP_IP_PUBLIC },
    { "192.175.48.1", SP_IP_RESERVED }, { "198.17.255.255", SP_IP_PUBLIC },
    { "198.18.0.0", SP_IP_RESERVED }, { "198.19.255.255", SP_IP_RESERVED },
    { "198.20.0.0", SP_IP_PUBLIC }, { "198.51.100.7", SP_IP_RESERVED },
    { "198.51.101.0", SP_IP_PUBLIC }, { "203.0.113.255", SP_IP_RESERVED },
    { "203.0.114.0", SP_IP_PUBLIC }, { "223.255.255.255", SP_IP_PUBLIC },
    { "224.0.0.0", SP_IP_RESERVED }, { "239.255.255.255", SP_IP_RESERVED },
    { "240.0.0.0", SP_IP_RESERVED }, { "255.255.255.255", SP_IP_RESERVED },

    { "::", SP_IP_RESERVED }, { "::1", SP_IP_LOOPBACK },
    { "::2", SP_IP_TRANSITION }, { "::8.8.8.8", SP_IP_TRANSITION },
    { "::ffff:8.8.8.8", SP_IP_PUBLIC },
    { "::ffff:10.0.0.1", SP_IP_PRIVATE },
    { "::ffff:0:8.8.8.8", SP_IP_TRANSITION },
    { "::1:0:0", SP_IP_RESERVED }, { "::fffe:8.8.8.8", SP_IP_RESERVED },
    { "64:ff9b::8.8.8.8", SP_IP_TRANSITION },
    { "64:ff9b:1::", SP_IP_TRANSITION },
    { "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", SP_IP_TRANSITION },
    { "64:ff9b:2::1", SP_IP_RESERVED }, { "100::1", SP_IP_RESERVED },
    { "1fff:ffff::1", SP_IP_RESERVED }, { "2000::1", SP_IP_PUBLIC },
    { "2001::1", SP_IP_TRANSITION },
    { "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", SP_IP_TRANSITION },
    { "2001:1::1", SP_IP_RESERVED }, { "2001:2::1", SP_IP_RESERVED },
    { "2001:20::1", SP_IP_RESERVED }, { "2001:1ff:ffff::1", SP_IP_RESERVED },
    { "2001:200::1", SP_IP_PUBLIC }, { "2001:db7:ffff::1", SP_IP_PUBLIC },
    { "2001:db8::", SP_IP_RESERVED },
    { "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", SP_IP_RESERVED },
    { "2001:db9::", SP_IP_PUBLIC }, { "2002::", SP_IP_TRANSITION },
    { "2002:808:808::1", SP_IP_TRANSITION }, { "2003::", SP_IP_PUBLIC },
    { "2620:4f:8000::1", SP_IP_RESERVED },
    { "2620:4f:8001::1", SP_IP_PUBLIC },
    { "2a00:1450::200:5efe:808:808", SP_IP_TRANSITION },
    { "2a00:1450::5efe:8.8.8.8", SP_IP_TRANSITION },
    { "2a00:1450::5eff:8.8.8.8", SP_IP_PUBLIC },
    { "3ffe:ffff::1", SP_IP_PUBLIC }, { "3fff::1", SP_IP_RESERVED },
    { "3fff:fff::1", SP_IP_RESERVED }, { "3fff:1000::1", SP_IP_PUBLIC },
    { "4000::1", SP_IP_RESERVED }, { "5f00::1", SP_IP_RESERVED },
    { "fbff::1", SP_IP_RESERVED }, { "fc00::", SP_IP_PRIVATE },
    { "fdff::1", SP_IP_PRIVATE }, { "fe00::1", SP_IP_RESERVED },
    { "fe80::1", SP_IP_LINK_LOCAL }, { "febf::1", SP_IP_LINK_LOCAL },
    { "fec0::1", SP_IP_PRIVATE }, { "feff::1", SP_IP_PRIVATE },
    { "ff02::1", SP_IP_RESERVED }
};


static sp_addr_t
address(const char *text)
{
    sp_addr_t  a;

    if (sp_addr_parse(sp_cstr(text), &a) != SP_OK) {
        fail_msg("\"%s\" is refused", text);
    }

    return a;
}


static void
random_bytes(void *p, size_t n)
{
    unsigned char  *c;

    for (c = p; n > 0; n--) {
        *c++ = (unsigned char) (rand() >> 7);
    }
}


static void
test_classes(void **state)
{
    size_t     i;
    sp_addr_t  a;

    for (i = 0; i < sp_nelts(rows); i++) {
        a = address(rows[i].text);

        if (sp_addr_class(&a) != rows[i].class) {
            fail_msg("%s is of class %d", rows[i].text, sp_addr_class(&a));
        }
    }
}


static void
test_sockaddr(void **state)
{
    unsigned             i;
    sp_addr_t            a, b;
    sp_addr_t            zero = { { 0 } };
    struct sockaddr_in   sin;
    struct sockaddr_in6  sin6;
    struct sockaddr_un   un;
    unsigned char       *exact;

    memset(&sin, 0, sizeof(sin));
    memset(&sin6, 0, sizeof(sin6));
    memset(&un, 0xff, sizeof(un));
    sin.sin_family = AF_INET;
    sin6.sin6_family = AF_INET6;
    un.sun_family = AF_UNIX;

    assert_int_equal(sp_addr_from_sockaddr(&a, NULL, 0), SP_IP_NONE);
    assert_int_equal(sp_addr_from_sockaddr(&a, (struct sockaddr *) &un,
                                           sizeof(un)), SP_IP_NONE);
    assert_memory_equal(&a, &zero, sizeof(a));

    /* every shorter length, in memory of just that length */

    for (i = 0; i < sizeof(sin6); i++) {
        exact = malloc(i ? i : 1);
        memcpy(exact, &sin6, i);
        assert_int_equal(sp_addr_from_sockaddr(&a, (struct sockaddr *) exact,
                                               i), SP_IP_NONE);
        assert_memory_equal(&a, &zero, sizeof(a));
        free(exact);
    }

    for (i = 0; i < sizeof(sin); i++) {
        exact = malloc(i ? i : 1);
        memcpy(exact, &sin, i);
        assert_int_equal(sp_addr_from_sockaddr(&a, (struct sockaddr *) exact,
                                               i), SP_IP_NONE);
        free(exact);
    }

    sin.sin_family = AF_UNSPEC;
    assert_int_equal(sp_addr_from_sockaddr(&a, (struct sockaddr *) &sin,
                                           sizeof(sin)), SP_IP_NONE);
    sin.sin_family = AF_INET;

    /* IPv4 and its mapped form are the same address, class and unit. */

    srand(20261123);

    for (i = 0; i < 100000; i++) {
        random_bytes(&sin.sin_addr, 4);
        memset(&sin6.sin6_addr, 0, 10);
        memset((char *) &sin6.sin6_addr + 10, 0xff, 2);
        memcpy((char *) &sin6.sin6_addr + 12, &sin.sin_addr, 4);

        assert_int_equal(sp_addr_from_sockaddr(&a, (struct sockaddr *) &sin,
                                               sizeof(sin)),
                         sp_addr_from_sockaddr(&b, (struct sockaddr *) &sin6,
                                               sizeof(sin6)));
        assert_memory_equal(&a, &b, sizeof(a));
        assert_true(sp_addr_is_v4(&a));
        sp_addr_unit(&a, &b);
        assert_memory_equal(&a, &b, sizeof(a));
    }
}


static void
test_unit(void **state)
{
    unsigned   i;
    sp_addr_t  a, b, unit;

    a = address("2a00:1450:4001:830::1");
    sp_addr_unit(&a, &unit);

    for (i = 0; i < 65536; i++) {
        random_bytes(a.bytes + 8, 8);
        sp_addr_unit(&a, &b);
        assert_memory_equal(&b, &unit, sizeof(b));
    }

    a.bytes[7] ^= 1;
    sp_addr_unit(&a, &b);
    assert_memory_not_equal(&b, &unit, sizeof(b));
}


static void
test_refusals(void **state)
{
    size_t                    i;
    sp_addr_t                 a;
    sp_network_t              n;
    sp_addr_t                 zero = { { 0 } };

    static const char *const  addrs[] = {
        "", "1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.256", "0x1.2.3.4",
        " 1.2.3.4", "1.2.3.4 ", "1.2.3.4:80", "[::1]", "fe80::1%eth0",
        "fe80::1%1", ":::", "1::2::3", "12345::", "::1/128", "::ffff:1.2.3",
        "1:2:3:4:5:6:7:8:9", "::00000000000000000000000000000000000000000001"
    };

    static const char *const  nets[] = {
        "1.2.3.4/33", "1.2.3.4/24", "1.2.3.0/", "/24", "1.2.3.0/024",
        "1.2.3.0/-1", "1.2.3.0/24/24", "1.2.3.0/24 ", "2001:db8::/129",
        "2001:db8::1/64", "0.0.0.1/0", "::1/0", "1.2.3.0/255.255.255.0",
        "::ffff:1.2.3.0/24", "AS64500", ""
    };

    for (i = 0; i < sp_nelts(addrs); i++) {
        assert_int_equal(sp_addr_parse(sp_cstr(addrs[i]), &a), SP_ERROR);
        assert_memory_equal(&a, &zero, sizeof(a));
        assert_int_equal(sp_network_parse(sp_cstr(addrs[i]), &n),
                         strcmp(addrs[i], "::1/128") ? SP_ERROR : SP_OK);
    }

    assert_int_equal(sp_addr_parse(SP_STR("1.2.3.4\0"), &a), SP_ERROR);

    for (i = 0; i < sp_nelts(nets); i++) {
        if (sp_network_parse(sp_cstr(nets[i]), &n) != SP_ERROR) {
            fail_msg("\"%s\" is taken", nets[i]);
        }
    }
}


static int
oracle(const sp_network_t *n, const sp_addr_t *a)
{
    unsigned  i;

    for (i = 0; i < n->bits; i++) {
        if (((n->base.bytes[i / 8] ^ a->bytes[i / 8]) >> (7 - i % 8)) & 1) {
            return 0;
        }
    }

    return n->bits >= 96 || sp_addr_is_v4(a) == 0;
}


static void
test_networks(void **state)
{
    int           v4;
    char          text[64], full[80];
    unsigned      i, k, prefix, hits;
    sp_addr_t     a;
    sp_network_t  n;

    srand(20261124);
    hits = 0;

    for (i = 0; i < 300000; i++) {
        v4 = rand() & 1;
        memset(&a, 0, sizeof(a));

        if (v4) {
            memset(a.bytes + 10, 0xff, 2);
            random_bytes(a.bytes + 12, 4);

        } else {
            random_bytes(a.bytes, 16);
            a.bytes[0] |= 0x20;
        }

        prefix = (unsigned) rand() % (v4 ? 33 : 129);
        n.base = a;

        for (k = prefix + (v4 ? 96 : 0); k < 128; k++) {
            n.base.bytes[k / 8] &= (unsigned char) ~(0x80 >> (k % 8));
        }

        if (v4) {
            inet_ntop(AF_INET, n.base.bytes + 12, text, sizeof(text));

        } else {
            inet_ntop(AF_INET6, n.base.bytes, text, sizeof(text));
        }

        snprintf(full, sizeof(full), "%s/%u", text, prefix);
        assert_int_equal(sp_network_parse(sp_cstr(full), &n), SP_OK);
        assert_int_equal(n.bits, prefix + (v4 ? 96 : 0));
        assert_true(sp_network_valid(&n));
        assert_true(sp_network_has(&n, &a));

        /* one flipped bit, and something near */

        k = (unsigned) rand() % 128;
        a.bytes[k / 8] ^= (unsigned char) (0x80 >> (k % 8));
        assert_int_equal(sp_network_has(&n, &a), oracle(&n, &a));
        hits += (unsigned) sp_network_has(&n, &a);

        /* damaged: never valid, never a match */

        n.bits = (uint8_t) (129 + rand() % 127);
        assert_false(sp_network_valid(&n));
        assert_false(sp_network_has(&n, &a));
    }

    assert_true(hits > 1000);

    a = address("8.8.8.8");
    assert_int_equal(sp_network_parse(SP_STR("::/0"), &n), SP_OK);
    assert_false(sp_network_has(&n, &a));
    assert_int_equal(sp_network_parse(SP_STR("0.0.0.0/0"), &n), SP_OK);
    assert_true(sp_network_has(&n, &a));
    a = address("2a00::1");
    assert_false(sp_network_has(&n, &a));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_sockaddr),
        cmocka_unit_test(test_unit),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_networks)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains client addresses: reading them, their class by the IANA
 * special-purpose address registries, and membership in networks.
 */


#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "sp_net.h"


typedef struct {
    uint32_t       base;
    uint32_t       mask;
    sp_ip_class_t  class;
} sp_net4_t;

typedef struct {
    uint64_t       base;   /* the upper half of the address */
    uint64_t       mask;
    sp_ip_class_t  class;
} sp_net6_t;


static void sp_addr_set_v4(sp_addr_t *addr, const void *v4);
static sp_ip_class_t sp_addr_class_v4(uint32_t a);
static sp_ip_class_t sp_addr_class_v6(uint64_t hi, uint64_t lo);
static uint64_t sp_addr_word(const unsigned char *p);


#define sp_ip4(a, b, c, d)                                                    \
    ((uint32_t) (a) << 24 | (uint32_t) (b) << 16 | (uint32_t) (c) << 8 | (d))

#define sp_mask4(n)  ((n) == 0 ? 0 : 0xffffffffu << (32 - (n)))
#define sp_mask6(n)  (~(uint64_t) 0 << (64 - (n)))   /* n: 1..64 */


static const unsigned char  sp_addr_mapped[12] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff
};


/* What is not here is public. The first match counts. */

static const sp_net4_t  sp_net4_table[] = {
    { sp_ip4(0, 0, 0, 0),       sp_mask4(8),  SP_IP_RESERVED },
    { sp_ip4(10, 0, 0, 0),      sp_mask4(8),  SP_IP_PRIVATE },
    { sp_ip4(100, 64, 0, 0),    sp_mask4(10), SP_IP_CGNAT },
    { sp_ip4(127, 0, 0, 0),     sp_mask4(8),  SP_IP_LOOPBACK },
    { sp_ip4(169, 254, 0, 0),   sp_mask4(16), SP_IP_LINK_LOCAL },
    { sp_ip4(172, 16, 0, 0),    sp_mask4(12), SP_IP_PRIVATE },
    { sp_ip4(192, 0, 0, 0),     sp_mask4(24), SP_IP_RESERVED },
    { sp_ip4(192, 0, 2, 0),     sp_mask4(24), SP_IP_RESERVED },
    { sp_ip4(192, 31, 196, 0),  sp_mask4(24), SP_IP_RESERVED },
    { sp_ip4(192, 52, 193, 0),  sp_mask4(24), SP_IP_RESERVED },
    { sp_ip4(192, 88, 99, 0),   sp_mask4(24), SP_IP_TRANSITION },
    { sp_ip4(192, 168, 0, 0),   sp_mask4(16), SP_IP_PRIVATE },
    { sp_ip4(192, 175, 48, 0),  sp_mask4(24), SP_IP_RESERVED },
    { sp_ip4(198, 18, 0, 0),    sp_mask4(15), SP_IP_RESERVED },
    { sp_ip4(198, 51, 100, 0),  sp_mask4(24), SP_IP_RESERVED },
    { sp_ip4(203, 0, 113, 0),   sp_mask4(24), SP_IP_RESERVED },
    { sp_ip4(224, 0, 0, 0),     sp_mask4(3),  SP_IP_RESERVED }
};


/* Only 2000::/3 is handed out; what of it is not here is public. */

static const sp_net6_t  sp_net6_table[] = {
    { 0x0064ff9b00000000, sp_mask6(64), SP_IP_TRANSITION },  /* NAT64 */
    { 0x0064ff9b00010000, sp_mask6(48), SP_IP_TRANSITION },
    { 0xfc00000000000000, sp_mask6(7),  SP_IP_PRIVATE },
    { 0xfec0000000000000, sp_mask6(10), SP_IP_PRIVATE },
    { 0xfe80000000000000, sp_mask6(10), SP_IP_LINK_LOCAL },
    { 0x2001000000000000, sp_mask6(32), SP_IP_TRANSITION },  /* Teredo */
    { 0x2001000000000000, sp_mask6(23), SP_IP_RESERVED },
    { 0x20010db800000000, sp_mask6(32), SP_IP_RESERVED },
    { 0x2002000000000000, sp_mask6(16), SP_IP_TRANSITION },  /* 6to4 */
    { 0x2620004f80000000, sp_mask6(48), SP_IP_RESERVED },
    { 0x3fff000000000000, sp_mask6(20), SP_IP_RESERVED }
};


sp_ip_class_t
sp_addr_from_sockaddr(sp_addr_t *addr, const struct sockaddr *sa, size_t len)
{
    sa_family_t          family;
    struct sockaddr_in   sin;
    struct sockaddr_in6  sin6;

    memset(addr, 0, sizeof(sp_addr_t));

    if (sa == NULL
        || len < offsetof(struct sockaddr, sa_family) + sizeof(family))
    {
        return SP_IP_NONE;
    }

    memcpy(&family, (const char *) sa + offsetof(struct sockaddr, sa_family),
           sizeof(family));

    if (family == AF_INET && len >= sizeof(sin)) {
        memcpy(&sin, sa, sizeof(sin));
        sp_addr_set_v4(addr, &sin.sin_addr);

        return sp_addr_class(addr);
    }

    if (family == AF_INET6 && len >= sizeof(sin6)) {
        memcpy(&sin6, sa, sizeof(sin6));
        memcpy(addr->bytes, &sin6.sin6_addr, 16);

        return sp_addr_class(addr);
    }

    return SP_IP_NONE;
}


sp_rc_t
sp_addr_parse(sp_str_t s, sp_addr_t *addr)
{
    char            text[INET6_ADDRSTRLEN];
    struct in_addr  v4;

    memset(addr, 0, sizeof(sp_addr_t));

    if (s.len == 0 || s.len >= sizeof(text)
        || memchr(s.data, '\0', s.len) != NULL)
    {
        return SP_ERROR;
    }

    memcpy(text, s.data, s.len);
    text[s.len] = '\0';

    if (inet_pton(AF_INET, text, &v4) == 1) {
        sp_addr_set_v4(addr, &v4);
        return SP_OK;
    }

    if (inet_pton(AF_INET6, text, addr->bytes) == 1) {
        return SP_OK;
    }

    memset(addr, 0, sizeof(sp_addr_t));

    return SP_ERROR;
}


sp_ip_class_t
sp_addr_class(const sp_addr_t *addr)
{
    uint64_t  hi, lo;

    hi = sp_addr_word(addr->bytes);
    lo = sp_addr_word(addr->bytes + 8);

    if (sp_addr_is_v4(addr)) {
        return sp_addr_class_v4((uint32_t) lo);
    }

    return sp_addr_class_v6(hi, lo);
}


int
sp_addr_is_v4(const sp_addr_t *addr)
{
    return memcmp(addr->bytes, sp_addr_mapped, sizeof(sp_addr_mapped)) == 0;
}


sp_rc_t
sp_network_parse(sp_str_t s, sp_network_t *network)
{
    int                   colon;
    sp_str_t              part;
    uint64_t              bits, max;
    const unsigned char  *slash;

    memset(network, 0, sizeof(sp_network_t));

    part = s;
    slash = s.len ? memchr(s.data, '/', s.len) : NULL;

    if (slash != NULL) {
        part.len = (size_t) (slash - s.data);
    }

    if (sp_addr_parse(part, &network->base) != SP_OK) {
        return SP_ERROR;
    }

    colon = memchr(part.data, ':', part.len) != NULL;
    max = colon ? 128 : 32;
    bits = max;

    if (slash != NULL) {
        part.data = slash + 1;
        part.len = s.len - (size_t) (slash + 1 - s.data);

        if (sp_parse_uint(part, max, &bits) != SP_OK) {
            return SP_ERROR;
        }
    }

    network->bits = (uint8_t) (colon ? bits : bits + 96);

    return sp_network_valid(network) ? SP_OK : SP_ERROR;
}


int
sp_network_valid(const sp_network_t *network)
{
    unsigned  i, bits;

    bits = network->bits;

    if (bits > 128) {
        return 0;
    }

    if (bits == 128) {
        return 1;
    }

    if (network->base.bytes[bits / 8] & (0xffu >> (bits % 8))) {
        return 0;
    }

    for (i = bits / 8 + 1; i < 16; i++) {

        if (network->base.bytes[i] != 0) {
            return 0;
        }
    }

    return 1;
}


int
sp_network_has(const sp_network_t *network, const sp_addr_t *addr)
{
    unsigned  bytes, mask;

    if (network->bits > 128 || (network->bits < 96 && sp_addr_is_v4(addr))) {
        return 0;
    }

    bytes = network->bits / 8;

    if (memcmp(network->base.bytes, addr->bytes, bytes) != 0) {
        return 0;
    }

    if (network->bits % 8 == 0) {
        return 1;
    }

    mask = 0xff00u >> (network->bits % 8);

    return ((network->base.bytes[bytes] ^ addr->bytes[bytes]) & mask & 0xff)
           == 0;
}


void
sp_addr_unit(const sp_addr_t *addr, sp_addr_t *unit)
{
    *unit = *addr;

    if (sp_addr_is_v4(addr) == 0) {
        memset(unit->bytes + 8, 0, 8);
    }
}


static void
sp_addr_set_v4(sp_addr_t *addr, const void *v4)
{
    memcpy(addr->bytes, sp_addr_mapped, sizeof(sp_addr_mapped));
    memcpy(addr->bytes + 12, v4, 4);
}


/* The first byte tells that most addresses are in no network above. */

static sp_ip_class_t
sp_addr_class_v4(uint32_t a)
{
    size_t  i;

    switch (a >> 24) {

    case 0:
    case 10:
    case 100:
    case 127:
    case 169:
    case 172:
    case 192:
    case 198:
    case 203:
        break;

    default:

        if (a < sp_ip4(224, 0, 0, 0)) {
            return SP_IP_PUBLIC;
        }
    }

    for (i = 0; i < sp_nelts(sp_net4_table); i++) {

        if ((a & sp_net4_table[i].mask) == sp_net4_table[i].base) {
            return sp_net4_table[i].class;
        }
    }

    return SP_IP_PUBLIC;
}


static sp_ip_class_t
sp_addr_class_v6(uint64_t hi, uint64_t lo)
{
    size_t    i;
    uint32_t  isatap;

    if (hi == 0) {

        if (lo == 1) {
            return SP_IP_LOOPBACK;
        }

        /*
         * ::a.b.c.d and ::ffff:0:a.b.c.d carry an IPv4 address that someone
         * else chose; the rest of ::/64 was never handed out.
         */

        if (lo != 0 && (lo >> 32 == 0 || lo >> 32 == 0xffff0000u)) {
            return SP_IP_TRANSITION;
        }

        return SP_IP_RESERVED;
    }

    for (i = 0; i < sp_nelts(sp_net6_table); i++) {

        if ((hi & sp_net6_table[i].mask) == sp_net6_table[i].base) {
            return sp_net6_table[i].class;
        }
    }

    if (hi >> 61 != 1) {
        return SP_IP_RESERVED;
    }

    /* ISATAP (RFC 5214): ::[02]00:5efe:a.b.c.d under any prefix */

    isatap = (uint32_t) (lo >> 32);

    if (isatap == 0x00005efe || isatap == 0x02005efe) {
        return SP_IP_TRANSITION;
    }

    return SP_IP_PUBLIC;
}


/* Compilers make it one load. */

static uint64_t
sp_addr_word(const unsigned char *p)
{
    return (uint64_t) p[0] << 56 | (uint64_t) p[1] << 48
           | (uint64_t) p[2] << 40 | (uint64_t) p[3] << 32
           | (uint64_t) p[4] << 24 | (uint64_t) p[5] << 16
           | (uint64_t) p[6] << 8 | (uint64_t) p[7];
}

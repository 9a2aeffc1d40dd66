
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains client addresses: their class, and networks (CIDR) that
 * records and lists name.
 */


#ifndef SP_NET_H
#define SP_NET_H


#include "sp_base.h"


struct sockaddr;


/*
 * Classes by the IANA special-purpose registries and the transition
 * mechanisms (RFC 6890, 6598, 4291, 3056, 4380, 6052). Only SP_IP_PUBLIC has
 * a country. Order is the order of the enum values of "ip.class".
 */

typedef enum {
    SP_IP_PUBLIC = 0,
    SP_IP_PRIVATE,       /* RFC 1918, ULA, site-local */
    SP_IP_LOOPBACK,
    SP_IP_LINK_LOCAL,
    SP_IP_CGNAT,         /* 100.64.0.0/10 */
    SP_IP_TRANSITION,    /* ::a.b.c.d, 6to4, Teredo, NAT64, ISATAP */
    SP_IP_RESERVED,      /* documentation, benchmarking, multicast, unused */
    SP_IP_NONE           /* no address: unix socket, unparsable */
} sp_ip_class_t;


/* 16 bytes in network order; IPv4 is kept as ::ffff:a.b.c.d. */
typedef struct {
    unsigned char  bytes[16];
} sp_addr_t;


typedef struct {
    sp_addr_t  base;
    uint8_t    bits;     /* 0..128; an IPv4 network has 96 + its prefix */
} sp_network_t;


#define SP_NETWORKS_MAX  16   /* in one field of a record */


/*
 * Takes the address out of a sockaddr of "len" bytes and unwraps IPv4-mapped
 * IPv6. Families other than AF_INET and AF_INET6, and short structures, give
 * SP_IP_NONE and zero bytes: they must never reach libmaxminddb.
 */
sp_ip_class_t sp_addr_from_sockaddr(sp_addr_t *addr, const struct sockaddr *sa,
    size_t len);

/* Strict inet_pton forms only ("1.2.3.4", "2001:db8::1"); no zone, no port. */
sp_rc_t sp_addr_parse(sp_str_t s, sp_addr_t *addr);

sp_ip_class_t sp_addr_class(const sp_addr_t *addr);

/* 1 for an IPv4 (mapped) address. */
int sp_addr_is_v4(const sp_addr_t *addr);

/* "192.0.2.0/24", "2001:db8::/32" or a single address; host bits must be 0. */
sp_rc_t sp_network_parse(sp_str_t s, sp_network_t *network);

/* 1 if sp_network_parse() could have made it: for bytes of shared memory. */
int sp_network_valid(const sp_network_t *network);

/*
 * IPv4 addresses are in IPv4 networks only: "::/0" has none of them, although
 * they are kept as mapped ones.
 */
int sp_network_has(const sp_network_t *network, const sp_addr_t *addr);

/*
 * The unit that limits and look-up rates count: IPv4 /32, IPv6 /64 (RFC 8981
 * rotates the rest). Writes the masked address.
 */
void sp_addr_unit(const sp_addr_t *addr, sp_addr_t *unit);


#endif /* SP_NET_H */

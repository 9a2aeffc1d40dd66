
/*
 * Copyright (C) the Sallyport authors
 *
 * This program draws random addresses that a database places in one of some
 * countries, one a line, 85 % IPv4 and 15 % IPv6:
 * addresses GEO COUNT SEED COUNTRY...
 */


#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sp_geo.h"


#define TRIES  20000000


static uint64_t next(void);
static void draw(sp_addr_t *addr, int v6);


static uint64_t  state;


int
main(int argc, char **argv)
{
    int           i, v6;
    char          err[256], text[INET6_ADDRSTRLEN];
    long          count, found, tries;
    sp_geo_t     *geo;
    sp_addr_t     addr;
    sp_place_t    place, country;
    sp_countries_t  wanted;

    if (argc < 5) {
        fprintf(stderr, "usage: addresses GEO COUNT SEED COUNTRY...\n");
        return 4;
    }

    memset(&wanted, 0, sizeof(wanted));
    count = atol(argv[2]);
    state = strtoull(argv[3], NULL, 10);

    for (i = 4; i < argc; i++) {
        if (sp_place_parse(sp_cstr(argv[i]), &country) != SP_PLACE_OK) {
            fprintf(stderr, "'%s' is no country\n", argv[i]);
            return 4;
        }

        sp_countries_add(&wanted, country);
    }

    geo = sp_geo_open(argv[1], NULL, (uint64_t) time(NULL), err, sizeof(err));

    if (geo == NULL) {
        fprintf(stderr, "%s: %s\n", argv[1], err);
        return 1;
    }

    found = 0;

    for (tries = 0; found < count && tries < TRIES; tries++) {
        v6 = found % 20 >= 17;
        draw(&addr, v6);

        if (sp_addr_class(&addr) != SP_IP_PUBLIC
            || sp_geo_country(geo, &addr, &place) != SP_GEO_FOUND
            || !sp_countries_has(&wanted, place))
        {
            continue;
        }

        puts(inet_ntop(v6 ? AF_INET6 : AF_INET,
                       v6 ? addr.bytes : addr.bytes + 12, text, sizeof(text)));
        found++;
    }

    sp_geo_close(geo);

    if (found < count) {
        fprintf(stderr, "found only %ld addresses\n", found);
        return 1;
    }

    return 0;
}


/* splitmix64 (Steele, Lea and Flood, 2014): the same addresses every time. */

static uint64_t
next(void)
{
    uint64_t  z;

    z = (state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;

    return z ^ (z >> 31);
}


/* IPv6 is drawn from the parts that registries have given out. */

static void
draw(sp_addr_t *addr, int v6)
{
    uint64_t              r[2];

    static const uint8_t  heads[][2] = {
        { 0x20, 0x01 }, { 0x24, 0x00 }, { 0x26, 0x00 }, { 0x28, 0x00 },
        { 0x2a, 0x00 }, { 0x2c, 0x0f }
    };

    r[0] = next();
    r[1] = next();
    memcpy(addr->bytes, r, 16);

    if (v6) {
        memcpy(addr->bytes, heads[r[0] % sp_nelts(heads)], 2);
        addr->bytes[1] |= (uint8_t) (r[1] & 7);
        return;
    }

    memset(addr->bytes, 0, 10);
    memset(addr->bytes + 10, 0xff, 2);
}

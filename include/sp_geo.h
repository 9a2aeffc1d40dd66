
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what GeoIP databases say of an address, over
 * libmaxminddb: country, subdivision, autonomous system, anonymizers. The
 * adapter assumes the oldest supported version, 1.7.1: no
 * MMDB_lookup_string(), no MMDB_get_entry_data_list(), only AF_INET and
 * AF_INET6 addresses.
 */


#ifndef SP_GEO_H
#define SP_GEO_H


#include "sp_net.h"
#include "sp_place.h"


typedef struct sp_geo_s  sp_geo_t;


/* What a database is asked for. One of cities knows countries, too. */
typedef enum {
    SP_GEO_COUNTRY = 0,
    SP_GEO_CITY,
    SP_GEO_ASN,
    SP_GEO_ANONYMOUS,
    SP_GEO_KINDS
} sp_geo_kind_t;


/* What a look-up path leads to: "country.iso_code", "subdivisions.0.iso_code" */
typedef enum {
    SP_GEO_P_COUNTRY = 0,
    SP_GEO_P_REGION,
    SP_GEO_P_ASN,
    SP_GEO_P_TOR,        /* in the order of the bits below */
    SP_GEO_P_VPN,
    SP_GEO_P_PROXY,
    SP_GEO_P_HOSTING,
    SP_GEO_P_RELAY,
    SP_GEO_PATHS
} sp_geo_path_t;


/* Sorts of anonymizers: bits. */
#define SP_GEO_TOR      0x01u
#define SP_GEO_VPN      0x02u
#define SP_GEO_PROXY    0x04u
#define SP_GEO_HOSTING  0x08u
#define SP_GEO_RELAY    0x10u


typedef enum {
    SP_GEO_FOUND = 0,
    SP_GEO_ABSENT,       /* the database has no such network or no value */
    SP_GEO_ODD,          /* it has one that cannot be: unknown */
    SP_GEO_FAILED        /* the database is damaged or of another family */
} sp_geo_rc_t;


typedef struct {
    const char  *database_type;  /* of the file's metadata */
    uint64_t     build_epoch;    /* unix seconds */
    uint16_t     ip_version;     /* 4 or 6 */
    uint32_t     node_count;
    const char  *path;           /* look-up path in use: of the country, the
                                    subdivision, the number, or of a flag */
    unsigned     flags;          /* SP_GEO_ANONYMOUS: bits that it knows */
} sp_geo_info_t;


/* Databases that answer together; each may be NULL: nobody knows. */
typedef struct {
    const sp_geo_t  *db[SP_GEO_KINDS];
} sp_geo_set_t;


/* "country", "city", "asn", "anonymous"; and "country", "region", "asn"... */
extern const char *const  sp_geo_kind_names[SP_GEO_KINDS];
extern const char *const  sp_geo_path_names[SP_GEO_PATHS];


/*
 * Opens a database. The file is read once into private memory first, so that
 * whoever overwrites it in place cannot end a worker with SIGBUS.
 *
 * "paths" are dotted look-up paths, SP_GEO_PATHS of them, each NULL for the
 * layouts of MaxMind, DB-IP, ip-location and IPinfo in turn; or NULL for all.
 * registered_country is not looked at: it is where a network was registered,
 * not where its users are. A subdivision is of the record's own country
 * ("43" in UA is UA-43). An autonomous system is a number, or "AS" and one.
 *
 * Every node and record is read once; refused, with a sentence in err: not a
 * MaxMind DB, no or odd metadata, any damaged node or record, a database in
 * which no record has what it is asked for, a build date in the future of
 * "now". NULL on refusal. The caller owns the result: sp_geo_close().
 */
sp_geo_t *sp_geo_open_kind(sp_geo_kind_t kind, const char *file,
    const char *const *paths, uint64_t now, char *err, size_t errlen);

/* The same for SP_GEO_COUNTRY; "path" is that of the country, or NULL. */
sp_geo_t *sp_geo_open(const char *file, const char *path, uint64_t now,
    char *err, size_t errlen);

void sp_geo_close(sp_geo_t *geo);

const sp_geo_info_t *sp_geo_info(const sp_geo_t *geo);

/* What look-ups of the address will need first is on its way. */
void sp_geo_fetch(const sp_geo_set_t *set, const sp_addr_t *addr);

/*
 * No allocation, no system call. Only for addresses of class SP_IP_PUBLIC, and
 * of databases of the kind; sp_geo_place() is that of SP_GEO_CITY. The value
 * is 0 (SP_PLACE_NONE) unless SP_GEO_FOUND is returned.
 *
 * A place without subdivision: the record has none. Its subdivision may also
 * be one that cannot be: SP_GEO_PART_ODD.
 */
#define SP_GEO_PART_ODD      0xffe0u
#define sp_geo_part_odd(p)   (((p) >> 16) == SP_GEO_PART_ODD)

sp_geo_rc_t sp_geo_country(const sp_geo_t *geo, const sp_addr_t *addr,
    sp_place_t *country);
sp_geo_rc_t sp_geo_place(const sp_geo_t *geo, const sp_addr_t *addr,
    sp_place_t *place);
sp_geo_rc_t sp_geo_asn(const sp_geo_t *geo, const sp_addr_t *addr,
    uint32_t *asn);

/*
 * Bits of what the address is, among those of sp_geo_info(). An address that
 * the database does not have is none of them: SP_GEO_FOUND and 0.
 */
sp_geo_rc_t sp_geo_flags(const sp_geo_t *geo, const sp_addr_t *addr,
    unsigned *flags);


#endif /* SP_GEO_H */


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the country look-up over libmaxminddb. The adapter
 * assumes the oldest supported version, 1.7.1: no MMDB_lookup_string(), no
 * MMDB_get_entry_data_list(), only AF_INET and AF_INET6 addresses.
 */


#ifndef SP_GEO_H
#define SP_GEO_H


#include "sp_net.h"
#include "sp_place.h"


typedef struct sp_geo_s  sp_geo_t;


typedef enum {
    SP_GEO_FOUND = 0,
    SP_GEO_ABSENT,       /* the database has no such network or no country */
    SP_GEO_ODD,          /* it has a value that is no country: unknown */
    SP_GEO_FAILED        /* the database is damaged or of another family */
} sp_geo_rc_t;


typedef struct {
    const char  *database_type;  /* of the file's metadata */
    uint64_t     build_epoch;    /* unix seconds */
    uint16_t     ip_version;     /* 4 or 6 */
    uint32_t     node_count;
    const char  *path;           /* look-up path in use, "country.iso_code" */
} sp_geo_info_t;


/*
 * Opens a country database. The file is read once into private memory first,
 * so that whoever overwrites it in place cannot end a worker with SIGBUS.
 * "path" is a dotted look-up path ("country_code", "country.iso_code",
 * "subdivisions.0.iso_code") or NULL to try the first two in that order.
 * registered_country is not looked at: it is where a network was registered,
 * not where its users are. Every node and record is read once; refused, with
 * a sentence in err: not a MaxMind DB, no or odd metadata, any damaged node
 * or record, a database in which no record has a country at the path, a build
 * date in the future of "now". NULL on refusal. The caller owns the result:
 * sp_geo_close().
 */
sp_geo_t *sp_geo_open(const char *file, const char *path, uint64_t now,
    char *err, size_t errlen);

void sp_geo_close(sp_geo_t *geo);

const sp_geo_info_t *sp_geo_info(const sp_geo_t *geo);

/* What sp_geo_country() of the address will need first is on its way. */
void sp_geo_fetch(const sp_geo_t *geo, const sp_addr_t *addr);

/*
 * No allocation, no system call. Only for addresses of class SP_IP_PUBLIC.
 * "country" is SP_PLACE_NONE unless SP_GEO_FOUND is returned.
 */
sp_geo_rc_t sp_geo_country(const sp_geo_t *geo, const sp_addr_t *addr,
    sp_place_t *country);


#endif /* SP_GEO_H */

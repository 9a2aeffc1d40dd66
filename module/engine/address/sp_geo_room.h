
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the files of the GeoIP room share: an open
 * database. Private to the engine.
 */


#ifndef SP_GEO_ROOM_H
#define SP_GEO_ROOM_H


#include <maxminddb.h>

#include "sp_geo_flat.h"


#define SP_GEO_PATH_LEN    128
#define SP_GEO_PATH_PARTS  8
#define SP_GEO_KNOWN       4096    /* a power of two */


/* What the record at an offset says. */
typedef struct {
    uint32_t       offset;   /* + 1; 0: none */
    sp_place_t     country;
    sp_geo_rc_t    rc;
} sp_geo_known_t;


/*
 * "known" is filled when the database is checked: a country database has a
 * few hundred records and a hundred thousand networks that point to them, so
 * that look-ups need not decode one. A record that lost its slot to another
 * is decoded.
 */

struct sp_geo_s {
    MMDB_s         mmdb;
    sp_geo_info_t  info;
    char           path[SP_GEO_PATH_LEN];     /* dotted, for people */
    char           parts_text[SP_GEO_PATH_LEN];
    const char    *parts[SP_GEO_PATH_PARTS + 1];
    sp_geo_flat_t *flat4;                     /* NULL: look in the tree */
    sp_geo_flat_t *flat6;
    sp_geo_known_t known[SP_GEO_KNOWN];
};


/* Where what is known of a record is kept. */

static inline size_t
sp_geo_slot(uint32_t offset)
{
    return (offset * 2654435761u) >> 20 & (SP_GEO_KNOWN - 1);
}


/* sp_geo_check.c. SP_OK, with the number of records that have a country. */
sp_rc_t sp_geo_check(sp_geo_t *geo, uint64_t *countries);

/* What the record says, decoded anew. */
sp_geo_rc_t sp_geo_value(const sp_geo_t *geo, MMDB_entry_s entry,
    sp_place_t *country);


#endif /* SP_GEO_ROOM_H */

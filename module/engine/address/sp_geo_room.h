
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
#define SP_GEO_LAYOUTS     3       /* places where one thing may be */
#define SP_GEO_KNOWN       4096    /* a power of two */


/* A look-up path, "country.iso_code", and its parts. */
typedef struct {
    char             text[SP_GEO_PATH_LEN];      /* dotted, for people */
    char             parts_text[SP_GEO_PATH_LEN];
    const char      *parts[SP_GEO_PATH_PARTS + 1];
} sp_geo_lookup_t;


/*
 * Where one thing is looked for: the first of these that leads to a value in
 * a record of the database is the one. Of flags, any of them.
 */

typedef struct {
    unsigned         n;
    int              used;                       /* -1: none so far */
    sp_geo_lookup_t  lookups[SP_GEO_LAYOUTS];
} sp_geo_places_t;


/* What the record at an offset says. */
typedef struct {
    uint32_t         offset;     /* + 1; 0: none */
    sp_geo_answer_t  answer;
} sp_geo_known_t;


/*
 * "known" is filled when the database is checked: a country database has a
 * few hundred records and a hundred thousand networks that point to them, so
 * that look-ups need not decode one. A record that lost its slot to another
 * is decoded.
 */

struct sp_geo_s {
    MMDB_s           mmdb;
    sp_geo_kind_t    kind;
    sp_geo_info_t    info;
    sp_geo_flat_t   *flat4;                      /* NULL: look in the tree */
    sp_geo_flat_t   *flat6;
    sp_geo_places_t  places[SP_GEO_PATHS];       /* those of the kind */
    sp_geo_known_t   known[SP_GEO_KNOWN];
};


/* Where what is known of a record is kept. */

static inline size_t
sp_geo_slot(uint32_t offset)
{
    return (offset * 2654435761u) >> 20 & (SP_GEO_KNOWN - 1);
}


/*
 * sp_geo_check.c. SP_OK, with the number of records that have what the kind
 * is asked for: a country, a subdivision, a system, a flag.
 */
sp_rc_t sp_geo_check(sp_geo_t *geo, uint64_t *good);

/* sp_geo_value.c. SP_ERROR: a path that is none. */
sp_rc_t sp_geo_set_paths(sp_geo_t *geo, const char *const *paths,
    const char **bad);

/* What the record says, decoded anew. */
sp_geo_answer_t sp_geo_value(const sp_geo_t *geo, MMDB_entry_s entry);

/* The same, while the database is checked: the layout is learned from it. */
sp_geo_answer_t sp_geo_learn(sp_geo_t *geo, MMDB_entry_s entry,
    unsigned *good);


#endif /* SP_GEO_ROOM_H */

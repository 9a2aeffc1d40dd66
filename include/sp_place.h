
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains places: ISO 3166-1 countries and ISO 3166-2
 * subdivisions, packed into one integer, and sets of them.
 */


#ifndef SP_PLACE_H
#define SP_PLACE_H


#include "sp_base.h"


/*
 * A place: bits 0..15 the country (index 1..676 of its two letters, AA = 1),
 * bits 16..31 the subdivision (up to three characters in base 37, 0 = none).
 * 0 is no place.
 */

typedef uint32_t  sp_place_t;

#define SP_PLACE_NONE      0u
#define SP_PLACE_UNKNOWN   676u /* "ZZ" in a record; in no list, no country */
#define SP_COUNTRIES       676
#define SP_PLACE_TEXT_LEN  6    /* "UA-43A" without NUL */
#define SP_PLACES_MAX      32   /* items in a list field of a record */

#define sp_place_country(p)    ((sp_place_t) ((p) & 0xffffu))
#define sp_place_is_region(p)  (((p) >> 16) != 0)


typedef enum {
    SP_PLACE_OK = 0,
    SP_PLACE_MALFORMED,   /* not two letters, or not XX-YYY */
    SP_PLACE_NO_CODE,     /* well formed, but ISO has no such country */
    SP_PLACE_NOWHERE      /* means "not known" in some database: ZZ, A1, T1 */
} sp_place_rc_t;


/* Presence bits of countries, for lists; test with sp_countries_has(). */
typedef struct {
    uint64_t  bits[(SP_COUNTRIES + 64) / 64];
} sp_countries_t;


/*
 * Reads "SG", "UA-43". Upper case only. Aliases are resolved (UK -> GB,
 * EL -> GR; CN-HK, CN-MO, CN-TW and their former numbers CN-91, CN-92, CN-71
 * -> HK, MO, TW; XK is accepted), so equal places have equal values. A
 * subdivision is checked for its form only. "place" is SP_PLACE_NONE unless
 * SP_PLACE_OK is returned.
 */
sp_place_rc_t sp_place_parse(sp_str_t s, sp_place_t *place);

/* 1 if sp_place_parse() could have made it: for bytes from shared memory. */
int sp_place_valid(sp_place_t place);

/* Writes the code, returns its length (2..6); no NUL. SP_PLACE_NONE is "". */
size_t sp_place_format(sp_place_t place, char out[SP_PLACE_TEXT_LEN]);

/*
 * What to write instead of a code with an alias ("UK": "GB"), one that ISO
 * has withdrawn ("TP": "TL"; "YU": "RS or ME"), one of three letters or one
 * in small letters ("usa": "US"), or NULL: for messages.
 */
const char *sp_place_hint(sp_str_t s);

/*
 * 1 if the table of ISO 3166-2 that this version was made with has the
 * subdivision. GeoIP databases may know older and newer ones, so this is for
 * warnings to those who write lists, never for reading what others wrote.
 */
int sp_place_known(sp_place_t place);

/* The subdivisions of a place's country in it, "05 07 09"; may be empty. */
const char *sp_place_parts(sp_place_t place);

/* Which table that is, and of which day. */
const char *sp_place_source(void);

static inline int
sp_countries_has(const sp_countries_t *set, sp_place_t place)
{
    uint32_t  c = sp_place_country(place);

    return (int) (set->bits[c >> 6] >> (c & 63)) & 1;
}

static inline void
sp_countries_add(sp_countries_t *set, sp_place_t place)
{
    uint32_t  c = sp_place_country(place);

    set->bits[c >> 6] |= (uint64_t) 1 << (c & 63);
}


#endif /* SP_PLACE_H */

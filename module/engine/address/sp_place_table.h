
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the shape of the table of places. Private to the room.
 */


#ifndef SP_PLACE_TABLE_H
#define SP_PLACE_TABLE_H


#include "sp_place.h"


/* One place, one value: "UK" is read as "GB", "CN-HK" as "HK". */
typedef struct {
    char         code[6];
    char         means[3];
} sp_place_alias_t;


/* No code of ISO's, or no longer one: what to write instead, for messages. */
typedef struct {
    char         code[3];
    const char  *text;
} sp_place_instead_t;


typedef struct {
    char         code[3];
    char         alpha3[4];
    const char  *parts;       /* "05 07 09", sorted; of ISO 3166-2 */
} sp_place_row_t;


/* Each ends in a row with an empty code. */

extern const char                sp_place_table_source[];
extern const uint32_t            sp_place_assigned[26];
extern const char                sp_place_nowheres[][3];
extern const sp_place_alias_t    sp_place_aliases[];
extern const sp_place_instead_t  sp_place_instead[];
extern const sp_place_row_t      sp_place_rows[];


#endif /* SP_PLACE_TABLE_H */

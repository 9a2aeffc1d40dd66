
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains an example while it is made: what is picked, and the
 * parts of its record. Private to its folder.
 */


#ifndef SP_SPACE_RECORD_H
#define SP_SPACE_RECORD_H


#include "sp_space.h"


#define SP_RECORD_DAY  86400


/* A record that is made. */
typedef struct {
    const sp_space_t  *space;
    const uint32_t    *values;
    sp_flesh_t        *flesh;
    int64_t            now;
} sp_making_t;


/* The search for picks that fit together. */
typedef struct {
    sp_space_t      *space;
    const uint32_t  *values;
    sp_flesh_t      *flesh;
    unsigned        *vars;       /* that are compared */
    unsigned         n;
    unsigned         tries;
    unsigned         whole;
} sp_search_t;


/* The pick of a field, or NULL: no test reads it. */
const sp_value_t *sp_record_pick(const sp_making_t *m, int field);

/*
 * sp_space_element.c: places that make the tests of a set what they are to
 * be; "field" -1 is who controls the account. Returns how many.
 */
unsigned sp_record_elements(const sp_making_t *m, int field, sp_place_t *out,
    unsigned max);
void sp_record_tags(const sp_making_t *m);

/* sp_space_owner.c; "needed": a record like this names its owners. */
void sp_record_owners(const sp_making_t *m, int needed);
void sp_record_listed(const sp_making_t *m);

/* sp_space_canary.c: 1 if the account is sorted as it must be, or now is. */
int sp_flesh_canaries(sp_search_t *s);


#endif /* SP_SPACE_RECORD_H */

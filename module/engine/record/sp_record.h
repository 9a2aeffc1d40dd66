
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the parsers of key and account records share: a
 * record is described by a table of its fields, and one loop reads it.
 */


#ifndef SP_RECORD_H
#define SP_RECORD_H


#include "sp_account.h"


#define SP_VER_MAX   ((uint64_t) 1 << 53)      /* exclusive: JSON integers */
#define SP_TIME_MAX  INT64_C(253402300799)     /* the end of the year 9999 */
#define SP_TIERS_ALL 0x0e                      /* bits of tiers 1..3 */


typedef struct sp_record_field_s  sp_record_field_t;

/* Stores a value that is not empty; returns NULL, or why it cannot. */
typedef const char *(*sp_record_set_pt)(void *record,
    const sp_record_field_t *field, sp_str_t value);

struct sp_record_field_s {
    const char        *name;
    sp_record_set_pt   set;     /* NULL: known, but the gate has no use */
    uint16_t           offset;  /* of the value, or of an array's items */
    uint16_t           count;   /* offset of an array's or text's length */
    uint16_t           max;     /* items, or bytes of a text */
    int16_t            enum_of; /* sp_field_id_t whose words it takes */
};


/*
 * Reads the pairs by a table of n fields, at most 64. "seen" gets a bit for
 * each that has a value, or is given empty and in "empty". Names of other
 * fields are offered to "other" (may be NULL), which counts or keeps them.
 */
typedef const char *(*sp_record_other_pt)(void *record, const sp_pair_t *pair);

sp_rc_t sp_record_read(void *record, const sp_record_field_t *fields,
    size_t n, const sp_pair_t *pairs, size_t npairs, uint64_t empty,
    sp_record_other_pt other, uint64_t *seen, sp_record_error_t *error);

/* Takes the next item of a list; SP_DECLINED at its end, SP_ERROR if empty. */
sp_rc_t sp_record_item(sp_str_t *list, unsigned char separator,
    sp_str_t *item);

/* "ZZ" is SP_PLACE_UNKNOWN here. */
sp_rc_t sp_record_place(sp_str_t s, sp_place_t *place);

/* 0..10000, or a band "min-max". */
sp_rc_t sp_record_share(sp_str_t s, uint16_t *min, uint16_t *max);

/* 1 if every byte is a letter, a digit or in "more". */
int sp_record_word(sp_str_t s, const char *more);

/* Setters. */
const char *sp_record_set_schema(void *record, const sp_record_field_t *field,
    sp_str_t value);
const char *sp_record_set_ver(void *record, const sp_record_field_t *field,
    sp_str_t value);
const char *sp_record_set_time(void *record, const sp_record_field_t *field,
    sp_str_t value);
const char *sp_record_set_enum(void *record, const sp_record_field_t *field,
    sp_str_t value);
const char *sp_record_set_place(void *record, const sp_record_field_t *field,
    sp_str_t value);
const char *sp_record_set_places(void *record, const sp_record_field_t *field,
    sp_str_t value);
const char *sp_record_set_networks(void *record,
    const sp_record_field_t *field, sp_str_t value);
const char *sp_record_set_tiers(void *record, const sp_record_field_t *field,
    sp_str_t value);
const char *sp_record_set_id(void *record, const sp_record_field_t *field,
    sp_str_t value);

/* Of accounts: who owns and controls them. */
const char *sp_record_set_owners(void *record, const sp_record_field_t *field,
    sp_str_t value);
const char *sp_record_set_control(void *record,
    const sp_record_field_t *field, sp_str_t value);
const char *sp_record_set_listed(void *record, const sp_record_field_t *field,
    sp_str_t value);


#endif /* SP_RECORD_H */


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the reading of a record by the table of its fields, and
 * the setters of the simple types. Whatever is not exactly as the table says
 * makes the record invalid: a typing error must never widen access.
 */


#include "sp_field.h"
#include "sp_record.h"


static const sp_record_field_t *sp_record_find(
    const sp_record_field_t *fields, size_t n, sp_str_t name);


#define sp_record_slot(type, record, off)                                     \
    ((type *) (void *) ((char *) (record) + (off)))


sp_rc_t
sp_record_read(void *record, const sp_record_field_t *fields, size_t n,
    const sp_pair_t *pairs, size_t npairs, uint64_t empty,
    sp_record_other_pt other, uint64_t *seen, sp_record_error_t *error)
{
    size_t                    i;
    uint64_t                  given, bit;
    const char               *why;
    const sp_record_field_t  *field;

    *seen = 0;
    given = 0;

    for (i = 0; i < npairs; i++) {
        field = sp_record_find(fields, n, pairs[i].name);

        if (field == NULL) {
            why = other == NULL ? NULL : other(record, &pairs[i]);

            if (why != NULL) {
                error->field = "x_*";
                error->why = why;
                return SP_ERROR;
            }

            continue;
        }

        error->field = field->name;
        bit = (uint64_t) 1 << (field - fields);

        if (given & bit) {
            error->why = "is given twice";
            return SP_ERROR;
        }

        given |= bit;

        if (pairs[i].value.len == 0) {
            *seen |= empty & bit;
            continue;
        }

        *seen |= bit;
        why = field->set == NULL
              ? NULL : field->set(record, field, pairs[i].value);

        if (why != NULL) {
            error->why = why;
            return SP_ERROR;
        }
    }

    error->field = NULL;
    error->why = NULL;

    return SP_OK;
}


sp_rc_t
sp_record_item(sp_str_t *list, unsigned char separator, sp_str_t *item)
{
    const unsigned char  *end;

    if (list->data == NULL) {
        return SP_DECLINED;
    }

    *item = *list;
    end = memchr(list->data, separator, list->len);

    if (end == NULL) {
        list->data = NULL;

    } else {
        item->len = (size_t) (end - list->data);
        list->data = end + 1;
        list->len -= item->len + 1;
    }

    return item->len ? SP_OK : SP_ERROR;
}


sp_rc_t
sp_record_place(sp_str_t s, sp_place_t *place)
{
    static const sp_str_t  zz = sp_str("ZZ");

    if (sp_str_eq(s, zz)) {
        *place = SP_PLACE_UNKNOWN;
        return SP_OK;
    }

    return sp_place_parse(s, place) == SP_PLACE_OK ? SP_OK : SP_ERROR;
}


sp_rc_t
sp_record_share(sp_str_t s, uint16_t *min, uint16_t *max)
{
    sp_str_t              low, high;
    uint64_t              a, b;
    const unsigned char  *dash;

    low = s;
    high = s;
    dash = s.len ? memchr(s.data, '-', s.len) : NULL;

    if (dash != NULL) {
        low.len = (size_t) (dash - s.data);
        high.data = dash + 1;
        high.len = s.len - low.len - 1;
    }

    if (sp_parse_uint(low, SP_SHARE_ALL, &a) != SP_OK
        || sp_parse_uint(high, SP_SHARE_ALL, &b) != SP_OK
        || a > b)
    {
        return SP_ERROR;
    }

    *min = (uint16_t) a;
    *max = (uint16_t) b;

    return SP_OK;
}


int
sp_record_word(sp_str_t s, const char *more)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < s.len; i++) {
        c = s.data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9') || (c != '\0' && strchr(more, c)))
        {
            continue;
        }

        return 0;
    }

    return 1;
}


int
sp_customer_valid(sp_str_t id)
{
    return sp_id_valid(id) && memchr(id.data, ':', id.len) == NULL;
}


int
sp_account_resells(const sp_account_t *account)
{
    return account->type == SP_TYPE_RESELLER
           || account->resale == SP_RESALE_PASSTHROUGH;
}


int
sp_id_valid(sp_str_t id)
{
    return id.len > 0 && id.len <= SP_ID_LEN && sp_record_word(id, "._:@-");
}


const char *
sp_record_set_schema(void *record, const sp_record_field_t *field,
    sp_str_t value)
{
    uint64_t  v;

    if (sp_parse_uint(value, SP_ACCOUNT_SCHEMA, &v) != SP_OK || v == 0
        || v + 1 < SP_ACCOUNT_SCHEMA)
    {
        return "is not a version that this gate reads";
    }

    *sp_record_slot(uint8_t, record, field->offset) = (uint8_t) v;

    return NULL;
}


const char *
sp_record_set_ver(void *record, const sp_record_field_t *field,
    sp_str_t value)
{
    uint64_t  v;

    if (sp_parse_uint(value, SP_VER_MAX - 1, &v) != SP_OK) {
        return "is not a whole number below 2^53";
    }

    *sp_record_slot(uint64_t, record, field->offset) = v;

    return NULL;
}


const char *
sp_record_set_time(void *record, const sp_record_field_t *field,
    sp_str_t value)
{
    uint64_t  v;

    if (sp_parse_uint(value, SP_TIME_MAX, &v) != SP_OK) {
        return "is not a time in unix seconds";
    }

    *sp_record_slot(int64_t, record, field->offset) = (int64_t) v;

    return NULL;
}


/* Also of small numbers, whose words are "0", "1" and so on. */

const char *
sp_record_set_enum(void *record, const sp_record_field_t *field,
    sp_str_t value)
{
    int       v;
    uint64_t  number;

    if (sp_field(field->enum_of)->type == SP_T_INT) {

        if (sp_parse_uint(value, (uint64_t) sp_field(field->enum_of)->max,
                          &number)
            != SP_OK)
        {
            return "is not a number in its range";
        }

        v = (int) number;

    } else {
        v = sp_enum_find(sp_field(field->enum_of)->values, value);

        if (v == -1) {
            return "is not one of its words";
        }
    }

    *sp_record_slot(uint8_t, record, field->offset) = (uint8_t) v;

    return NULL;
}


const char *
sp_record_set_place(void *record, const sp_record_field_t *field,
    sp_str_t value)
{
    if (sp_record_place(value, sp_record_slot(sp_place_t, record,
                                              field->offset))
        != SP_OK)
    {
        return "is not a place by ISO 3166";
    }

    return NULL;
}


const char *
sp_record_set_places(void *record, const sp_record_field_t *field,
    sp_str_t value)
{
    sp_rc_t      rc;
    uint8_t     *n;
    unsigned     i, items;
    sp_str_t     item;
    sp_place_t  *places;

    n = sp_record_slot(uint8_t, record, field->count);
    places = sp_record_slot(sp_place_t, record, field->offset);
    items = 0;

    while ((rc = sp_record_item(&value, ',', &item)) == SP_OK) {

        if (items++ == field->max) {
            return "has too many items";
        }

        if (sp_record_place(item, &places[*n]) != SP_OK) {
            return "has an item that is not a place by ISO 3166";
        }

        /* a set: facts point to it as it stands */

        for (i = 0; places[i] != places[*n]; i++) { /* void */ }

        if (i == *n) {
            (*n)++;

        } else {
            places[*n] = SP_PLACE_NONE;     /* equal records, equal bytes */
        }
    }

    return rc == SP_ERROR ? "has an empty item" : NULL;
}


const char *
sp_record_set_networks(void *record, const sp_record_field_t *field,
    sp_str_t value)
{
    sp_rc_t        rc;
    uint8_t       *n;
    sp_str_t       item;
    sp_network_t  *networks;

    n = sp_record_slot(uint8_t, record, field->count);
    networks = sp_record_slot(sp_network_t, record, field->offset);

    while ((rc = sp_record_item(&value, ',', &item)) == SP_OK) {

        if (*n == field->max) {
            return "has too many items";
        }

        if (item.len > 2 && item.data[0] == 'A' && item.data[1] == 'S') {
            return "has an AS number: name its networks as CIDR";
        }

        if (sp_network_parse(item, &networks[*n]) != SP_OK) {
            return "has an item that is not a network in CIDR form";
        }

        (*n)++;
    }

    return rc == SP_ERROR ? "has an empty item" : NULL;
}


const char *
sp_record_set_tiers(void *record, const sp_record_field_t *field,
    sp_str_t value)
{
    sp_rc_t    rc;
    uint8_t   *tiers;
    sp_str_t   item;
    uint64_t   tier;

    tiers = sp_record_slot(uint8_t, record, field->offset);

    while ((rc = sp_record_item(&value, ',', &item)) == SP_OK) {

        if (sp_parse_uint(item, 3, &tier) != SP_OK || tier == 0) {
            return "has an item that is not a tier, 1 to 3";
        }

        *tiers |= (uint8_t) (1u << tier);
    }

    return rc == SP_ERROR ? "has an empty item" : NULL;
}


const char *
sp_record_set_id(void *record, const sp_record_field_t *field, sp_str_t value)
{
    if (value.len > field->max || sp_id_valid(value) == 0) {
        return "is too long or has a byte that no id may have";
    }

    memcpy(sp_record_slot(char, record, field->offset), value.data,
           value.len);
    *sp_record_slot(uint8_t, record, field->count) = (uint8_t) value.len;

    return NULL;
}


static const sp_record_field_t *
sp_record_find(const sp_record_field_t *fields, size_t n, sp_str_t name)
{
    size_t  i;

    for (i = 0; i < n; i++) {

        if (sp_str_eq(sp_cstr(fields[i].name), name)) {
            return &fields[i];
        }
    }

    return NULL;
}

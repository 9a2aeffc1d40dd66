
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains facts as people write them.
 */


#include <stdlib.h>
#include <time.h>

#include "sp_diag.h"

#include "fact.h"


static sp_rc_t sp_fact_word(sp_value_t *v, int field, const json_t *json);
static sp_rc_t sp_fact_place(sp_place_t *place, int field,
    const json_t *json);
static sp_rc_t sp_fact_places(sp_value_t *v, int field, const json_t *json,
    sp_fact_memory_t **memory);
static sp_rc_t sp_fact_tags(sp_value_t *v, int field, const json_t *json,
    sp_fact_memory_t **memory);
static sp_rc_t sp_fact_string(sp_value_t *v, int field, const json_t *json,
    sp_fact_memory_t **memory);
static sp_rc_t sp_fact_addr(sp_value_t *v, int field, const json_t *json,
    sp_fact_memory_t **memory);
static sp_rc_t sp_fact_number(sp_value_t *v, int field, const json_t *json,
    int64_t now);
static sp_rc_t sp_fact_text_number(int field, const char *text, int64_t now,
    int64_t *number);
static sp_rc_t sp_fact_enum(sp_value_t *v, int field, const json_t *json);


static const char *const  sp_fact_states[] = {
    [SP_FACT_UNKNOWN] = "unknown",
    [SP_FACT_FAILED] = "failed",
    [SP_FACT_PENDING] = "pending",
    [SP_FACT_ABSENT] = "absent",
    [SP_FACT_KNOWN] = "known"
};


void *
sp_fact_alloc(sp_fact_memory_t **memory, size_t size)
{
    sp_fact_memory_t  *m;

    m = sp_cli_alloc(sizeof(sp_fact_memory_t) + size);
    m->next = *memory;
    *memory = m;

    return m->bytes;
}


void
sp_fact_free(sp_fact_memory_t **memory)
{
    sp_fact_memory_t  *m;

    while (*memory != NULL) {
        m = *memory;
        *memory = m->next;
        free(m);
    }
}


sp_rc_t
sp_fact_set(sp_facts_t *facts, int field, const json_t *json,
    sp_fact_memory_t **memory)
{
    sp_rc_t            rc;
    sp_value_t         v;
    const sp_field_t  *row;

    row = sp_field(field);
    memset(&v, 0, sizeof(v));

    if (sp_fact_word(&v, field, json) == SP_OK) {
        facts->v[field] = v;
        return SP_OK;
    }

    v.state = SP_FACT_KNOWN;

    switch (row->type) {

    case SP_T_BOOL:
        rc = json_is_boolean(json) ? SP_OK : SP_ERROR;
        v.u.i = json_is_true(json);

        if (rc != SP_OK) {
            sp_cli_error("fact '%s' is true or false", row->name);
        }

        break;

    case SP_T_ENUM:
        rc = sp_fact_enum(&v, field, json);
        break;

    case SP_T_STRING:
        rc = sp_fact_string(&v, field, json, memory);
        break;

    case SP_T_STRINGS:
        rc = sp_fact_tags(&v, field, json, memory);
        break;

    case SP_T_COUNTRY:
    case SP_T_REGION:
    case SP_T_PLACE:
        rc = sp_fact_place(&v.u.place, field, json);
        break;

    case SP_T_PLACES:
        rc = sp_fact_places(&v, field, json, memory);
        break;

    case SP_T_IP:
        rc = sp_fact_addr(&v, field, json, memory);
        break;

    default:
        rc = sp_fact_number(&v, field, json, facts->v[SP_F_NOW].u.i);
    }

    if (rc == SP_OK) {
        facts->v[field] = v;
    }

    return rc;
}


/* A word that an enum has is its value, even if it is a state's too. */

static sp_rc_t
sp_fact_word(sp_value_t *v, int field, const json_t *json)
{
    unsigned      i;
    const char   *word;

    if (json_is_null(json)) {
        v->state = SP_FACT_ABSENT;
        return SP_OK;
    }

    word = json_string_value(json);

    if (word == NULL
        || sp_enum_find(sp_field(field)->values, sp_cstr(word)) != -1)
    {
        return SP_DECLINED;
    }

    for (i = 0; i < SP_FACT_KNOWN; i++) {
        if (strcmp(word, sp_fact_states[i]) == 0) {
            v->state = (uint8_t) i;
            return SP_OK;
        }
    }

    return SP_DECLINED;
}


static sp_rc_t
sp_fact_enum(sp_value_t *v, int field, const json_t *json)
{
    int                number;
    size_t             n;
    const char        *word;
    const sp_field_t  *row;

    row = sp_field(field);
    word = json_string_value(json);
    number = word != NULL ? sp_enum_find(row->values, sp_cstr(word)) : -1;

    if (number != -1) {
        v->u.i = number;
        return SP_OK;
    }

    for (n = 0; row->values[n] != NULL; n++) { /* void */ }

    sp_cli_error_near(word != NULL ? word : "", row->values, n,
                      "fact '%s': '%s' is none of its values (`sallyport "
                      "fields` lists them)", row->name,
                      word != NULL ? word : "this");

    return SP_ERROR;
}


static sp_rc_t
sp_fact_place(sp_place_t *place, int field, const json_t *json)
{
    sp_str_t           s;
    sp_place_rc_t      rc;
    const char        *hint;
    const sp_field_t  *row;

    row = sp_field(field);

    if (!json_is_string(json)) {
        sp_cli_error("fact '%s' is a place like \"SG\" or \"UA-43\"",
                     row->name);
        return SP_ERROR;
    }

    s = sp_cstr(json_string_value(json));
    rc = sp_place_parse(s, place);

    if (rc == SP_PLACE_NOWHERE) {
        sp_cli_error("fact '%s': %s means that it is not known: say "
                     "\"unknown\"", row->name, json_string_value(json));
        return SP_ERROR;
    }

    if (rc != SP_PLACE_OK) {
        hint = sp_place_hint(s);
        sp_cli_error("fact '%s': '%s' is no ISO 3166 code%s%s", row->name,
                     json_string_value(json), hint != NULL ? "; it is " : "",
                     hint != NULL ? hint : "");
        return SP_ERROR;
    }

    if ((row->type == SP_T_COUNTRY && sp_place_is_region(*place))
        || (row->type == SP_T_REGION && !sp_place_is_region(*place)))
    {
        sp_cli_error("fact '%s' is a %s, '%s' is not", row->name,
                     sp_type_name(row->type), json_string_value(json));
        return SP_ERROR;
    }

    return SP_OK;
}


static sp_rc_t
sp_fact_places(sp_value_t *v, int field, const json_t *json,
    sp_fact_memory_t **memory)
{
    size_t       i, n;
    sp_place_t  *places;

    n = json_array_size(json);

    if (!json_is_array(json) || n == 0 || n > 2 * SP_PLACES_MAX) {
        sp_cli_error("fact '%s' is an array of 1 to %d places, or \"absent\"",
                     sp_field(field)->name, 2 * SP_PLACES_MAX);
        return SP_ERROR;
    }

    places = sp_fact_alloc(memory, n * sizeof(sp_place_t));

    for (i = 0; i < n; i++) {
        if (sp_fact_place(&places[i], field, json_array_get(json, i)) != SP_OK)
        {
            return SP_ERROR;
        }
    }

    v->n = (uint16_t) n;
    v->u.places = places;

    return SP_OK;
}


static sp_rc_t
sp_fact_tags(sp_value_t *v, int field, const json_t *json,
    sp_fact_memory_t **memory)
{
    char         *tags;
    size_t        i, n;
    const char   *tag;

    n = json_array_size(json);

    if (!json_is_array(json) || n > SP_TAGS_MAX) {
        sp_cli_error("fact '%s' is an array of at most %d strings",
                     sp_field(field)->name, SP_TAGS_MAX);
        return SP_ERROR;
    }

    tags = sp_fact_alloc(memory, n * SP_TAG_LEN + 1);

    for (i = 0; i < n; i++) {
        tag = json_string_value(json_array_get(json, i));

        if (tag == NULL || tag[0] == '\0' || strlen(tag) > SP_TAG_LEN) {
            sp_cli_error("fact '%s': item %zu is no string of 1 to %d bytes",
                         sp_field(field)->name, i + 1, SP_TAG_LEN);
            return SP_ERROR;
        }

        memcpy(tags + i * SP_TAG_LEN, tag, strlen(tag));
    }

    v->n = (uint16_t) n;
    v->u.tags = tags;

    return SP_OK;
}


static sp_rc_t
sp_fact_string(sp_value_t *v, int field, const json_t *json,
    sp_fact_memory_t **memory)
{
    char   *copy;
    size_t  len;

    len = json_string_length(json);

    if (!json_is_string(json) || len == 0) {
        sp_cli_error("fact '%s' is a string, or \"absent\"",
                     sp_field(field)->name);
        return SP_ERROR;
    }

    copy = sp_fact_alloc(memory, len);
    memcpy(copy, json_string_value(json), len);
    v->u.s = (sp_str_t) { len, (unsigned char *) copy };

    return SP_OK;
}


static sp_rc_t
sp_fact_addr(sp_value_t *v, int field, const json_t *json,
    sp_fact_memory_t **memory)
{
    sp_addr_t  *addr;

    addr = sp_fact_alloc(memory, sizeof(sp_addr_t));

    if (!json_is_string(json)
        || sp_addr_parse(sp_cstr(json_string_value(json)), addr) != SP_OK)
    {
        sp_cli_error("fact '%s' is an address like \"203.0.113.9\" or "
                     "\"2001:db8::1\"", sp_field(field)->name);
        return SP_ERROR;
    }

    v->u.addr = addr;

    return SP_OK;
}


static sp_rc_t
sp_fact_number(sp_value_t *v, int field, const json_t *json, int64_t now)
{
    const sp_field_t  *row;

    row = sp_field(field);

    if (json_is_integer(json)) {
        v->u.i = json_integer_value(json);

    } else if (!json_is_string(json)
               || sp_fact_text_number(field, json_string_value(json), now,
                                      &v->u.i)
                  != SP_OK)
    {
        sp_cli_error("fact '%s' is %s", row->name,
                     row->type == SP_T_DURATION
                     ? "seconds, or a duration like \"90d\" or \"-3h\""
                     : row->type == SP_T_TIME
                     ? "unix seconds, or a time like \"2027-01-01\""
                     : row->type == SP_T_ASN ? "a number, or \"AS64496\""
                     : "a whole number");
        return SP_ERROR;
    }

    if ((row->type == SP_T_INT && row->max > row->min
         && (v->u.i < row->min || v->u.i > row->max))
        || (row->type == SP_T_ASN && (v->u.i < 0 || v->u.i > UINT32_MAX))
        || (row->type == SP_T_TIME && v->u.i < 0))
    {
        sp_cli_error("fact '%s' cannot be %lld", row->name,
                     (long long) v->u.i);
        return SP_ERROR;
    }

    return SP_OK;
}


static sp_rc_t
sp_fact_text_number(int field, const char *text, int64_t now, int64_t *number)
{
    int        negative;
    uint64_t   n;

    switch (sp_field(field)->type) {

    case SP_T_DURATION:
        negative = text[0] == '-';

        if (sp_cli_duration(sp_cstr(text + negative), number) != SP_OK) {
            return SP_ERROR;
        }

        *number = negative ? -*number : *number;
        return SP_OK;

    case SP_T_TIME:
        return sp_cli_time(sp_cstr(text), now, number);

    case SP_T_ASN:
        if (strncmp(text, "AS", 2) != 0
            || sp_parse_uint(sp_cstr(text + 2), UINT32_MAX, &n) != SP_OK)
        {
            return SP_ERROR;
        }

        *number = (int64_t) n;
        return SP_OK;

    default:
        return SP_ERROR;
    }
}

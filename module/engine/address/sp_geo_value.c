
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the reading of a database's records: where in them things
 * are, in the layouts of those who make such files, and what they mean.
 */


#include "sp_geo_room.h"


#define SP_GEO_AS_MAX  (SP_GEO_NO_ANSWER - 1)

#define sp_geo_none(rc)  (SP_GEO_NO_ANSWER + (rc))


typedef sp_geo_answer_t (*sp_geo_read_pt)(const sp_geo_lookup_t *lookup,
    MMDB_entry_s entry);


static sp_rc_t sp_geo_set_path(sp_geo_lookup_t *lookup, const char *path);
static sp_geo_rc_t sp_geo_read(const sp_geo_lookup_t *lookup,
    MMDB_entry_s entry, MMDB_entry_data_s *data);
static sp_geo_answer_t sp_geo_read_country(const sp_geo_lookup_t *lookup,
    MMDB_entry_s entry);
static sp_geo_answer_t sp_geo_read_region(const sp_geo_lookup_t *lookup,
    MMDB_entry_s entry, sp_place_t country);
static sp_geo_answer_t sp_geo_read_asn(const sp_geo_lookup_t *lookup,
    MMDB_entry_s entry);
static sp_geo_answer_t sp_geo_read_flags(const sp_geo_t *geo,
    MMDB_entry_s entry, unsigned *seen);
static sp_geo_answer_t sp_geo_read_flag(const sp_geo_lookup_t *lookup,
    MMDB_entry_s entry);
static sp_geo_answer_t sp_geo_first(const sp_geo_places_t *places,
    MMDB_entry_s entry, int *used, sp_geo_read_pt read);
static sp_geo_answer_t sp_geo_region_of(const sp_geo_places_t *places,
    MMDB_entry_s entry, sp_place_t country, int *used);


const char *const  sp_geo_path_names[SP_GEO_PATHS] = {
    "country", "region", "asn", "tor", "vpn", "proxy", "hosting", "relay"
};


/* MaxMind's and DB-IP's records, those of ip-location, those of IPinfo. */

static const char *const  sp_geo_layouts[SP_GEO_PATHS][SP_GEO_LAYOUTS] = {
    [SP_GEO_P_COUNTRY] = { "country_code", "country.iso_code" },
    [SP_GEO_P_REGION] = { "subdivisions.0.iso_code", "region_code" },
    [SP_GEO_P_ASN] = { "autonomous_system_number", "asn" },
    [SP_GEO_P_TOR] = { "is_tor_exit_node", "tor" },
    [SP_GEO_P_VPN] = { "is_anonymous_vpn", "vpn" },
    [SP_GEO_P_PROXY] = { "is_public_proxy", "is_residential_proxy", "proxy" },
    [SP_GEO_P_HOSTING] = { "is_hosting_provider", "hosting" },
    [SP_GEO_P_RELAY] = { "relay" }
};


/* The first and the last path of each kind. */

static const struct {
    uint8_t  first;
    uint8_t  last;
} sp_geo_kinds[SP_GEO_KINDS] = {
    [SP_GEO_COUNTRY] = { SP_GEO_P_COUNTRY, SP_GEO_P_COUNTRY },
    [SP_GEO_CITY] = { SP_GEO_P_COUNTRY, SP_GEO_P_REGION },
    [SP_GEO_ASN] = { SP_GEO_P_ASN, SP_GEO_P_ASN },
    [SP_GEO_ANONYMOUS] = { SP_GEO_P_TOR, SP_GEO_P_RELAY }
};


sp_rc_t
sp_geo_set_paths(sp_geo_t *geo, const char *const *paths, const char **bad)
{
    unsigned          i, k;
    const char       *path;
    sp_geo_places_t  *places;

    for (i = sp_geo_kinds[geo->kind].first;
         i <= sp_geo_kinds[geo->kind].last;
         i++)
    {
        places = &geo->places[i];
        places->used = -1;
        path = paths == NULL ? NULL : paths[i];

        if (path != NULL) {
            *bad = path;
            places->n = 1;

            if (sp_geo_set_path(&places->lookups[0], path) != SP_OK) {
                return SP_ERROR;
            }

            continue;
        }

        for (k = 0; k < SP_GEO_LAYOUTS && sp_geo_layouts[i][k] != NULL; k++) {
            (void) sp_geo_set_path(&places->lookups[k], sp_geo_layouts[i][k]);
        }

        places->n = k;
    }

    return SP_OK;
}


static sp_rc_t
sp_geo_set_path(sp_geo_lookup_t *lookup, const char *path)
{
    char    *p;
    size_t   n;

    n = strlen(path);

    if (n == 0 || n >= SP_GEO_PATH_LEN) {
        return SP_ERROR;
    }

    memcpy(lookup->text, path, n + 1);
    memcpy(lookup->parts_text, path, n + 1);

    n = 0;
    lookup->parts[n++] = lookup->parts_text;

    for (p = lookup->parts_text; *p != '\0'; p++) {

        if (*p != '.') {
            continue;
        }

        if (n == SP_GEO_PATH_PARTS) {
            return SP_ERROR;
        }

        *p = '\0';
        lookup->parts[n++] = p + 1;
    }

    lookup->parts[n] = NULL;

    while (n > 0) {

        if (lookup->parts[--n][0] == '\0') {
            return SP_ERROR;
        }
    }

    return SP_OK;
}


sp_geo_answer_t
sp_geo_value(const sp_geo_t *geo, MMDB_entry_s entry)
{
    int              used;
    unsigned         seen;
    sp_geo_answer_t  answer;

    switch (geo->kind) {

    case SP_GEO_COUNTRY:
        return sp_geo_first(&geo->places[SP_GEO_P_COUNTRY], entry, &used,
                            sp_geo_read_country);

    case SP_GEO_CITY:
        answer = sp_geo_first(&geo->places[SP_GEO_P_COUNTRY], entry, &used,
                              sp_geo_read_country);

        return answer >= SP_GEO_NO_ANSWER
               ? answer : sp_geo_region_of(&geo->places[SP_GEO_P_REGION],
                                           entry, answer, &used);

    case SP_GEO_ASN:
        return sp_geo_first(&geo->places[SP_GEO_P_ASN], entry, &used,
                            sp_geo_read_asn);

    default: /* SP_GEO_ANONYMOUS */
        return sp_geo_read_flags(geo, entry, &seen);
    }
}


/* Once a layout has led to a value, it is that of the database. */

sp_geo_answer_t
sp_geo_learn(sp_geo_t *geo, MMDB_entry_s entry, unsigned *good)
{
    int               used;
    unsigned          seen;
    sp_geo_answer_t   answer;
    sp_geo_places_t  *places;

    if (geo->kind == SP_GEO_ANONYMOUS) {
        answer = sp_geo_read_flags(geo, entry, &seen);
        geo->info.flags |= seen;
        geo->info.path = geo->places[SP_GEO_P_TOR].lookups[0].text;
        *good = seen != 0;
        return answer;
    }

    places = geo->kind == SP_GEO_ASN ? &geo->places[SP_GEO_P_ASN]
                                     : &geo->places[SP_GEO_P_COUNTRY];

    answer = sp_geo_first(places, entry, &used, geo->kind == SP_GEO_ASN
                                                ? sp_geo_read_asn
                                                : sp_geo_read_country);

    *good = answer < SP_GEO_NO_ANSWER;

    if (*good == 0) {
        return answer;
    }

    places->used = used;

    if (geo->kind == SP_GEO_CITY) {
        places = &geo->places[SP_GEO_P_REGION];
        answer = sp_geo_region_of(places, entry, answer, &used);
        *good = answer < SP_GEO_NO_ANSWER && sp_place_is_region(answer)
                && !sp_geo_part_odd(answer);

        if (*good == 0) {
            return answer;
        }

        places->used = used;
    }

    geo->info.path = places->lookups[used].text;

    return answer;
}


/* In which layout it is, is tried until one has had a value. */

static sp_geo_answer_t
sp_geo_first(const sp_geo_places_t *places, MMDB_entry_s entry, int *used,
    sp_geo_read_pt read)
{
    int              i;
    sp_geo_answer_t  answer, first;

    if (places->used != -1) {
        *used = places->used;
        return read(&places->lookups[*used], entry);
    }

    first = sp_geo_none(SP_GEO_ABSENT);

    for (i = 0; i < (int) places->n; i++) {
        *used = i;
        answer = read(&places->lookups[i], entry);

        if (answer < SP_GEO_NO_ANSWER
            || answer == sp_geo_none(SP_GEO_FAILED))
        {
            return answer;
        }

        if (answer != sp_geo_none(SP_GEO_ABSENT)) {
            first = answer;
        }
    }

    return first;
}


/* The country alone where the record has no subdivision. */

static sp_geo_answer_t
sp_geo_region_of(const sp_geo_places_t *places, MMDB_entry_s entry,
    sp_place_t country, int *used)
{
    int              i;
    sp_geo_answer_t  answer;

    country = sp_place_country(country);

    if (places->used != -1) {
        *used = places->used;
        return sp_geo_read_region(&places->lookups[*used], entry, country);
    }

    answer = country;

    for (i = 0; i < (int) places->n; i++) {
        *used = i;
        answer = sp_geo_read_region(&places->lookups[i], entry, country);

        if (answer != country) {
            break;
        }
    }

    return answer;
}


/* SP_GEO_FOUND: there is a value at the path. */

static sp_geo_rc_t
sp_geo_read(const sp_geo_lookup_t *lookup, MMDB_entry_s entry,
    MMDB_entry_data_s *data)
{
    int  rc;

    rc = MMDB_aget_value(&entry, data, lookup->parts);

    if (rc == MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR) {
        return SP_GEO_ABSENT;
    }

    if (rc != MMDB_SUCCESS) {
        return SP_GEO_FAILED;
    }

    return data->has_data ? SP_GEO_FOUND : SP_GEO_ABSENT;
}


static sp_geo_answer_t
sp_geo_read_country(const sp_geo_lookup_t *lookup, MMDB_entry_s entry)
{
    sp_str_t           s;
    sp_place_t         country;
    sp_geo_rc_t        rc;
    MMDB_entry_data_s  data;

    rc = sp_geo_read(lookup, entry, &data);

    if (rc != SP_GEO_FOUND) {
        return sp_geo_none(rc);
    }

    if (data.type != MMDB_DATA_TYPE_UTF8_STRING) {
        return sp_geo_none(SP_GEO_ODD);
    }

    s.data = (const unsigned char *) data.utf8_string;
    s.len = data.data_size;

    return sp_place_parse(s, &country) == SP_PLACE_OK
           ? country : sp_geo_none(SP_GEO_ODD);
}


/*
 * "43" in UA is UA-43, and so is "UA-43". A subdivision that is a place of its
 * own (HK in CN) is that place.
 */

static sp_geo_answer_t
sp_geo_read_region(const sp_geo_lookup_t *lookup, MMDB_entry_s entry,
    sp_place_t country)
{
    char               text[SP_PLACE_TEXT_LEN + 1];
    size_t             n;
    sp_str_t           s;
    sp_place_t         place;
    sp_geo_rc_t        rc;
    MMDB_entry_data_s  data;

    rc = sp_geo_read(lookup, entry, &data);

    if (rc == SP_GEO_FAILED) {
        return sp_geo_none(rc);
    }

    if (rc == SP_GEO_ABSENT
        || (data.type == MMDB_DATA_TYPE_UTF8_STRING && data.data_size == 0))
    {
        return country;
    }

    if (data.type != MMDB_DATA_TYPE_UTF8_STRING) {
        goto odd;
    }

    n = sp_place_format(country, text);
    text[n++] = '-';

    s.data = (const unsigned char *) data.utf8_string;
    s.len = data.data_size;

    if (s.len > n && memcmp(s.data, text, n) == 0) {
        s.data += n;
        s.len -= n;
    }

    if (s.len > SP_PLACE_TEXT_LEN - n) {
        goto odd;
    }

    memcpy(text + n, s.data, s.len);

    s.data = (const unsigned char *) text;
    s.len += n;

    if (sp_place_parse(s, &place) == SP_PLACE_OK) {
        return place;
    }

odd:

    return country | SP_GEO_PART_ODD << 16;
}


/* AS 0 is that of networks that nobody announces (RFC 7607). */

static sp_geo_answer_t
sp_geo_read_asn(const sp_geo_lookup_t *lookup, MMDB_entry_s entry)
{
    sp_str_t           s;
    uint64_t           n;
    sp_geo_rc_t        rc;
    MMDB_entry_data_s  data;

    rc = sp_geo_read(lookup, entry, &data);

    if (rc != SP_GEO_FOUND) {
        return sp_geo_none(rc);
    }

    switch (data.type) {

    case MMDB_DATA_TYPE_UINT16:
        n = data.uint16;
        break;

    case MMDB_DATA_TYPE_UINT32:
        n = data.uint32;
        break;

    case MMDB_DATA_TYPE_UINT64:
        n = data.uint64;
        break;

    case MMDB_DATA_TYPE_UTF8_STRING:
        s.data = (const unsigned char *) data.utf8_string;
        s.len = data.data_size;

        if (s.len == 0) {
            return sp_geo_none(SP_GEO_ABSENT);
        }

        if (s.len > 2 && s.data[0] == 'A' && s.data[1] == 'S') {
            s.data += 2;
            s.len -= 2;
        }

        if (sp_parse_uint(s, SP_GEO_AS_MAX, &n) != SP_OK) {
            return sp_geo_none(SP_GEO_ODD);
        }

        break;

    default:
        return sp_geo_none(SP_GEO_ODD);
    }

    if (n > SP_GEO_AS_MAX) {
        return sp_geo_none(SP_GEO_ODD);
    }

    return n == 0 ? sp_geo_none(SP_GEO_ABSENT) : (sp_geo_answer_t) n;
}


/*
 * A flag that a record does not have is not set; one that no record has is not
 * known to the database ("seen"). MaxMind's anonymizer of no sort that it has
 * a name for is taken for a proxy.
 */

static sp_geo_answer_t
sp_geo_read_flags(const sp_geo_t *geo, MMDB_entry_s entry, unsigned *seen)
{
    unsigned                i, k;
    sp_geo_answer_t         flags, answer;
    const sp_geo_places_t  *places;

    static const sp_geo_lookup_t  any = { .parts = { "is_anonymous" } };

    flags = 0;
    *seen = 0;

    for (i = SP_GEO_P_TOR; i <= SP_GEO_P_RELAY; i++) {
        places = &geo->places[i];

        for (k = 0; k < places->n; k++) {
            answer = sp_geo_read_flag(&places->lookups[k], entry);

            if (answer == sp_geo_none(SP_GEO_ABSENT)) {
                continue;
            }

            if (answer >= SP_GEO_NO_ANSWER) {
                return answer;
            }

            *seen |= 1u << (i - SP_GEO_P_TOR);
            flags |= answer << (i - SP_GEO_P_TOR);
        }
    }

    if (flags == 0 && geo->places[SP_GEO_P_PROXY].n > 1
        && sp_geo_read_flag(&any, entry) == 1)
    {
        *seen |= SP_GEO_PROXY;
        flags |= SP_GEO_PROXY;
    }

    return flags;
}


static sp_geo_answer_t
sp_geo_read_flag(const sp_geo_lookup_t *lookup, MMDB_entry_s entry)
{
    size_t             i;
    sp_str_t           s;
    sp_geo_rc_t        rc;
    MMDB_entry_data_s  data;

    static const sp_str_t  no[] = { sp_str(""), sp_str("false") };
    static const sp_str_t  yes = sp_str("true");

    rc = sp_geo_read(lookup, entry, &data);

    if (rc != SP_GEO_FOUND) {
        return sp_geo_none(rc);
    }

    switch (data.type) {

    case MMDB_DATA_TYPE_BOOLEAN:
        return data.boolean != 0;

    case MMDB_DATA_TYPE_UINT16:
        return data.uint16 <= 1 ? data.uint16 : sp_geo_none(SP_GEO_ODD);

    case MMDB_DATA_TYPE_UINT32:
        return data.uint32 <= 1 ? data.uint32 : sp_geo_none(SP_GEO_ODD);

    case MMDB_DATA_TYPE_UTF8_STRING:
        s.data = (const unsigned char *) data.utf8_string;
        s.len = data.data_size;

        for (i = 0; i < sp_nelts(no); i++) {

            if (sp_str_eq(s, no[i])) {
                return 0;
            }
        }

        return sp_str_eq(s, yes) ? 1 : sp_geo_none(SP_GEO_ODD);

    default:
        return sp_geo_none(SP_GEO_ODD);
    }
}

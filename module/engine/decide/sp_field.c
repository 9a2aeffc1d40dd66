
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the table of facts. A fact that is not in it cannot be
 * asked for by any rule.
 */


#include "sp_field.h"
#include "sp_place.h"
#include "sp_route.h"


static const char *const  sp_ip_classes[] = {
    "public", "private", "loopback", "link_local", "cgnat", "transition",
    "reserved", "none", NULL
};

static const char *const  sp_account_types[] = {
    "individual", "organization", "government", "reseller", NULL
};

static const char *const  sp_account_statuses[] = {
    "unverified", "pending", "verified", "review", "rejected", "suspended",
    "closed", NULL
};

static const char *const  sp_screenings[] = {
    "clear", "potential", "hit", "error", "none", NULL
};

static const char *const  sp_end_uses[] = {
    "commercial", "research", "government", "military", "model_training",
    "resale", NULL
};

static const char *const  sp_resales[] = {
    "none", "passthrough", NULL
};

static const char *const  sp_linkages[] = {
    "ok", "watch", "blocked", NULL
};


#define sp_row(name, type, from, optional, help)                              \
    { name, type, from, optional, 0, 0, NULL, help }

#define sp_row_int(name, type, from, optional, min, max, help)                \
    { name, type, from, optional, min, max, NULL, help }

#define sp_row_enum(name, from, optional, values, help)                       \
    { name, SP_T_ENUM, from, optional, 0, 0, values, help }


/*
 * What a record says, of the account that calls and of the end customer for
 * whom a reseller does; "maybe" is 1 where there may be no record at all.
 */

#define sp_record_rows(who, name, from, maybe)                                \
    [SP_F_##who##_ID] = sp_row(name ".id", SP_T_STRING, from, maybe,          \
        "the " name "'s id"),                                                 \
    [SP_F_##who##_TYPE] = sp_row_enum(name ".type", from, maybe,              \
        sp_account_types, "what kind of customer it is"),                     \
    [SP_F_##who##_STATUS] = sp_row_enum(name ".status", from, maybe,          \
        sp_account_statuses, "where its verification stands"),                \
    [SP_F_##who##_LEVEL] = sp_row_int(name ".level", SP_T_INT, from, maybe,   \
        0, 3,                                                                 \
        "0 nothing, 1 declared, 2 documented, 3 owners and end use too"),     \
    [SP_F_##who##_PLAN] = sp_row(name ".plan", SP_T_STRING, from, 1,          \
        "the commercial plan"),                                               \
    [SP_F_##who##_TAGS] = sp_row(name ".tags", SP_T_STRINGS, from, maybe,     \
        "the operator's labels; may be empty"),                               \
    [SP_F_##who##_INCORPORATED] = sp_row(name ".incorporated", SP_T_PLACE,    \
        from, 1, "where it is incorporated"),                                 \
    [SP_F_##who##_HEADQUARTERS] = sp_row(name ".headquarters", SP_T_PLACE,    \
        from, 1, "its principal place of business"),                          \
    [SP_F_##who##_PARENT] = sp_row(name ".parent", SP_T_PLACE, from, 1,       \
        "headquarters of the ultimate parent"),                               \
    [SP_F_##who##_RESIDENCE] = sp_row(name ".residence", SP_T_PLACE, from,    \
        1, "where an individual ordinarily lives"),                           \
    [SP_F_##who##_BILLING] = sp_row(name ".billing", SP_T_PLACE, from, 1,     \
        "country of the means of payment"),                                   \
    [SP_F_##who##_PLACES] = sp_row(name ".places", SP_T_PLACES, from, 1,      \
        "use_locations and accepted_locations together"),                     \
    [SP_F_##who##_VERIFIED_AGE] = sp_row(name ".verified_age",                \
        SP_T_DURATION, from, 1, "seconds since it was verified"),             \
    [SP_F_##who##_EXPIRED_FOR] = sp_row(name ".expired_for",                  \
        SP_T_DURATION, from, 1,                                               \
        "seconds since the verification ended; below 0 while it lasts"),      \
    [SP_F_##who##_PENDING_AGE] = sp_row(name ".pending_age",                  \
        SP_T_DURATION, from, 1, "seconds since the verification began"),      \
    [SP_F_##who##_SCREENED_AGE] = sp_row(name ".screened_age",                \
        SP_T_DURATION, from, 1,                                               \
        "seconds since it was screened against lists"),                       \
    [SP_F_##who##_OWNERS_AGE] = sp_row(name ".owners_age", SP_T_DURATION,     \
        from, 1, "seconds since its owners were established"),                \
    [SP_F_##who##_END_USE_EXPIRED_FOR] = sp_row(                              \
        name ".end_use_expired_for", SP_T_DURATION, from, 1,                  \
        "seconds since its end-use attestation ended; below 0 while it "      \
        "lasts"),                                                             \
    [SP_F_##who##_SCREENING] = sp_row_enum(name ".screening", from, 1,        \
        sp_screenings, "what the screening against lists found"),             \
    [SP_F_##who##_END_USE] = sp_row_enum(name ".end_use", from, 1,            \
        sp_end_uses, "what it declared to use models for"),                   \
    [SP_F_##who##_RESALE] = sp_row_enum(name ".resale", from, 1,              \
        sp_resales, "whether it may pass access on"),                         \
    [SP_F_##who##_LINKAGE] = sp_row_enum(name ".linkage", from, 1,            \
        sp_linkages, "what links to other accounts are known")


static const sp_field_t  sp_fields[] = {

    [SP_F_IP_ADDR] = sp_row("ip.addr", SP_T_IP, SP_FROM_ADDRESS, 0,
        "the client's address"),

    [SP_F_IP_CLASS] = sp_row_enum("ip.class", SP_FROM_ADDRESS, 0,
        sp_ip_classes,
        "what kind of address it is; only public ones have a country"),

    [SP_F_IP_COUNTRY] = sp_row("ip.country", SP_T_COUNTRY, SP_FROM_GEO, 1,
        "country of the address by the GeoIP database"),

    [SP_F_IP_REGION] = sp_row("ip.region", SP_T_REGION, SP_FROM_GEO, 1,
        "subdivision of the address by the GeoIP database"),

    [SP_F_IP_ASN] = sp_row("ip.asn", SP_T_ASN, SP_FROM_GEO, 1,
        "number of the network that announces the address"),

    [SP_F_IP_TOR] = sp_row("ip.tor", SP_T_BOOL, SP_FROM_GEO, 1,
        "the address is a Tor exit"),

    [SP_F_IP_VPN] = sp_row("ip.vpn", SP_T_BOOL, SP_FROM_GEO, 1,
        "the address belongs to a VPN service"),

    [SP_F_IP_PROXY] = sp_row("ip.proxy", SP_T_BOOL, SP_FROM_GEO, 1,
        "the address is a public or residential proxy"),

    [SP_F_IP_HOSTING] = sp_row("ip.hosting", SP_T_BOOL, SP_FROM_GEO, 1,
        "the address belongs to a hosting or cloud provider"),

    [SP_F_IP_RELAY] = sp_row("ip.relay", SP_T_BOOL, SP_FROM_GEO, 1,
        "the address is the egress of a privacy relay"),

    [SP_F_IP_REGISTERED] = sp_row("ip.registered", SP_T_BOOL, SP_FROM_RECORD,
        1, "the address is inside the account's registered networks; absent "
        "if it registered none"),

    [SP_F_KEY_ID] = sp_row("key.id", SP_T_STRING, SP_FROM_CREDENTIAL, 0,
        "the issuer's name of the key, never the key"),

    [SP_F_KEY_COUNTRY_COUNT] = sp_row_int("key.country_count", SP_T_INT,
        SP_FROM_CREDENTIAL, 0, 0, SP_COUNTRIES,
        "distinct countries that used the key within an hour"),

    sp_record_rows(ACCOUNT, "account", SP_FROM_RECORD, 0),
    sp_record_rows(CUSTOMER, "customer", SP_FROM_CUSTOMER, 1),

    [SP_F_MODEL_ID] = sp_row("model.id", SP_T_STRING, SP_FROM_BODY, 1,
        "a model that the request names; absent on routes without one"),

    [SP_F_MODEL_TIER] = sp_row_int("model.tier", SP_T_INT, SP_FROM_BODY, 1,
        1, 3, "the model's tier in the policy's catalogue"),

    [SP_F_REQUEST_ROUTE] = sp_row_enum("request.route", SP_FROM_HEAD, 0,
        sp_route_names, "the API call"),

    [SP_F_REQUEST_STREAM] = sp_row("request.stream", SP_T_BOOL,
        SP_FROM_BODY, 0, "the answer is asked for as a stream"),

    [SP_F_REQUEST_TOKENS] = sp_row_int("request.tokens", SP_T_INT,
        SP_FROM_BODY, 1, 0, INT64_MAX,
        "most tokens that the answer may have, as the request says"),

    [SP_F_REQUEST_DIALECT] = sp_row_enum("request.dialect", SP_FROM_HEAD, 0,
        sp_dialect_names, "whose API it speaks"),

    [SP_F_NOW] = sp_row("now", SP_T_TIME, SP_FROM_CLOCK, 0,
        "the time of the decision")
};


_Static_assert(sp_nelts(sp_fields) == SP_FIELDS, "a field has no row");


const sp_field_t *
sp_field(int id)
{
    return &sp_fields[id];
}


int
sp_field_find(sp_str_t name)
{
    int  i;

    for (i = 0; i < SP_FIELDS; i++) {

        if (sp_str_eq(sp_cstr(sp_fields[i].name), name)) {
            return i;
        }
    }

    return -1;
}


int
sp_enum_find(const char *const *values, sp_str_t word)
{
    int  i;

    for (i = 0; values != NULL && values[i] != NULL; i++) {

        if (sp_str_eq(sp_cstr(values[i]), word)) {
            return i;
        }
    }

    return -1;
}


const char *
sp_enum_name(const char *const *values, int64_t number)
{
    int64_t  i;

    for (i = 0; values != NULL && values[i] != NULL; i++) {

        if (i == number) {
            return values[i];
        }
    }

    return NULL;
}


const char *
sp_type_name(sp_type_t type)
{
    static const char *const  names[] = {
        [SP_T_BOOL] = "bool",
        [SP_T_INT] = "int",
        [SP_T_ENUM] = "enum",
        [SP_T_STRING] = "string",
        [SP_T_STRINGS] = "set of strings",
        [SP_T_COUNTRY] = "country",
        [SP_T_REGION] = "region",
        [SP_T_PLACE] = "place",
        [SP_T_PLACES] = "set of places",
        [SP_T_ASN] = "asn",
        [SP_T_IP] = "ip",
        [SP_T_DURATION] = "duration",
        [SP_T_TIME] = "time",
        [SP_T_PERCENT] = "percent"
    };

    return (unsigned) type < sp_nelts(names) ? names[type] : "?";
}


const char *
sp_source_name(sp_source_t source)
{
    static const char *const  names[] = {
        [SP_FROM_ADDRESS] = "address",
        [SP_FROM_GEO] = "geo",
        [SP_FROM_CREDENTIAL] = "credential",
        [SP_FROM_RECORD] = "record",
        [SP_FROM_CUSTOMER] = "customer",
        [SP_FROM_HEAD] = "head",
        [SP_FROM_BODY] = "body",
        [SP_FROM_CLOCK] = "clock"
    };

    return (unsigned) source < sp_nelts(names) ? names[source] : "?";
}

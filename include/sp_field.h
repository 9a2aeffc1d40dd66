
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the facts that a rule may read: their names, types and
 * sources. `sallyport fields` prints this table.
 */


#ifndef SP_FIELD_H
#define SP_FIELD_H


#include "sp_base.h"


typedef enum {
    SP_T_BOOL = 0,
    SP_T_INT,
    SP_T_ENUM,
    SP_T_STRING,
    SP_T_STRINGS,      /* set of strings (tags) */
    SP_T_COUNTRY,
    SP_T_REGION,
    SP_T_PLACE,        /* country or subdivision */
    SP_T_PLACES,       /* set of places */
    SP_T_ASN,
    SP_T_IP,
    SP_T_DURATION,     /* seconds */
    SP_T_TIME,         /* unix seconds */
    SP_T_PERCENT       /* interval in basis points; functions only */
} sp_type_t;


typedef enum {
    SP_FROM_ADDRESS = 0,
    SP_FROM_GEO,
    SP_FROM_CREDENTIAL,
    SP_FROM_RECORD,
    SP_FROM_CUSTOMER,  /* the record of a reseller's end customer */
    SP_FROM_HEAD,      /* of the request: route, dialect */
    SP_FROM_BODY,      /* pending until the body is whole */
    SP_FROM_CLOCK
} sp_source_t;


typedef enum {
    SP_F_IP_ADDR = 0,
    SP_F_IP_CLASS,
    SP_F_IP_COUNTRY,
    SP_F_IP_REGION,
    SP_F_IP_ASN,
    SP_F_IP_TOR,
    SP_F_IP_VPN,
    SP_F_IP_PROXY,
    SP_F_IP_HOSTING,
    SP_F_IP_RELAY,
    SP_F_IP_REGISTERED,
    SP_F_KEY_ID,
    SP_F_KEY_COUNTRY_COUNT,
    SP_F_ACCOUNT_ID,
    SP_F_ACCOUNT_TYPE,
    SP_F_ACCOUNT_STATUS,
    SP_F_ACCOUNT_LEVEL,
    SP_F_ACCOUNT_PLAN,
    SP_F_ACCOUNT_TAGS,
    SP_F_ACCOUNT_INCORPORATED,
    SP_F_ACCOUNT_HEADQUARTERS,
    SP_F_ACCOUNT_PARENT,
    SP_F_ACCOUNT_RESIDENCE,
    SP_F_ACCOUNT_BILLING,
    SP_F_ACCOUNT_PLACES,
    SP_F_ACCOUNT_VERIFIED_AGE,
    SP_F_ACCOUNT_EXPIRED_FOR,
    SP_F_ACCOUNT_PENDING_AGE,
    SP_F_ACCOUNT_SCREENED_AGE,
    SP_F_ACCOUNT_OWNERS_AGE,
    SP_F_ACCOUNT_END_USE_EXPIRED_FOR,
    SP_F_ACCOUNT_SCREENING,
    SP_F_ACCOUNT_END_USE,
    SP_F_ACCOUNT_RESALE,
    SP_F_ACCOUNT_LINKAGE,
    SP_F_CUSTOMER_ID,      /* in the order of those of the account */
    SP_F_CUSTOMER_TYPE,
    SP_F_CUSTOMER_STATUS,
    SP_F_CUSTOMER_LEVEL,
    SP_F_CUSTOMER_PLAN,
    SP_F_CUSTOMER_TAGS,
    SP_F_CUSTOMER_INCORPORATED,
    SP_F_CUSTOMER_HEADQUARTERS,
    SP_F_CUSTOMER_PARENT,
    SP_F_CUSTOMER_RESIDENCE,
    SP_F_CUSTOMER_BILLING,
    SP_F_CUSTOMER_PLACES,
    SP_F_CUSTOMER_VERIFIED_AGE,
    SP_F_CUSTOMER_EXPIRED_FOR,
    SP_F_CUSTOMER_PENDING_AGE,
    SP_F_CUSTOMER_SCREENED_AGE,
    SP_F_CUSTOMER_OWNERS_AGE,
    SP_F_CUSTOMER_END_USE_EXPIRED_FOR,
    SP_F_CUSTOMER_SCREENING,
    SP_F_CUSTOMER_END_USE,
    SP_F_CUSTOMER_RESALE,
    SP_F_CUSTOMER_LINKAGE,
    SP_F_MODEL_ID,
    SP_F_MODEL_TIER,
    SP_F_REQUEST_ROUTE,
    SP_F_REQUEST_STREAM,
    SP_F_REQUEST_TOKENS,
    SP_F_REQUEST_DIALECT,
    SP_F_NOW,
    SP_FIELDS
} sp_field_id_t;


/*
 * Facts that a policy declares ("facts:", account.x_*) have the numbers after
 * these; sp_policy_field() (sp_policy.h) has their rows.
 */

#define SP_OWN_FACTS_MAX  16
#define SP_FACTS_MAX      (SP_FIELDS + SP_OWN_FACTS_MAX)


typedef struct {
    const char         *name;       /* "account.status" */
    sp_type_t           type;
    sp_source_t         source;
    int                 optional;   /* may be absent */
    int64_t             min, max;   /* of SP_T_INT */
    const char *const  *values;     /* of SP_T_ENUM, NULL-terminated; the
                                       number of a word is its index */
    const char         *help;       /* one line, with the unit */
} sp_field_t;


/* The row of a built-in field; never NULL for 0..SP_FIELDS - 1. */
const sp_field_t *sp_field(int id);

/* The id of a name, or -1. */
int sp_field_find(sp_str_t name);

/* The enum's number for a word, or -1; and back (NULL outside). */
int sp_enum_find(const char *const *values, sp_str_t word);
const char *sp_enum_name(const char *const *values, int64_t number);

const char *sp_type_name(sp_type_t type);
const char *sp_source_name(sp_source_t source);


#endif /* SP_FIELD_H */

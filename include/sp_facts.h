
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the facts of one request, in one flat table that the
 * decision reads. Whoever fills it owns what the values point to, until the
 * verdict is recorded.
 */


#ifndef SP_FACTS_H
#define SP_FACTS_H


#include "sp_account.h"
#include "sp_block.h"
#include "sp_body.h"
#include "sp_field.h"
#include "sp_geo.h"


/*
 * A zeroed fact is unknown, so that what nobody filled in refuses. The first
 * three are "unknown" to rules; they differ in what is reported.
 */

typedef enum {
    SP_FACT_UNKNOWN = 0,   /* the source gave no usable answer */
    SP_FACT_FAILED,        /* the source could not be asked */
    SP_FACT_PENDING,       /* the body has not been read yet */
    SP_FACT_ABSENT,        /* the source answered: there is no value */
    SP_FACT_KNOWN
} sp_fact_state_t;


typedef struct {
    uint8_t   state;       /* sp_fact_state_t */
    uint16_t  n;           /* items of a set */
    union {
        int64_t            i;        /* bool, int, enum, asn, time, duration */
        sp_place_t         place;    /* country, region, place */
        sp_str_t           s;        /* string */
        const sp_place_t  *places;   /* set of places */
        const char        *tags;     /* set: n items of SP_TAG_LEN, padded */
        const sp_addr_t   *addr;
    } u;
} sp_value_t;


/* What the credential was worth, for the built-in refusals. */
typedef enum {
    SP_KEYFACT_UNKNOWN = 0,  /* not looked up: refuses */
    SP_KEYFACT_FAILED,       /* the store could not be asked */
    SP_KEYFACT_MISSING,      /* no credential in the request */
    SP_KEYFACT_MALFORMED,
    SP_KEYFACT_AMBIGUOUS,
    SP_KEYFACT_NO_SUCH,      /* the store knows no such key */
    SP_KEYFACT_INVALID,      /* its record is invalid */
    SP_KEYFACT_FOUND
} sp_keyfact_t;

typedef enum {
    SP_ACCTFACT_UNKNOWN = 0,
    SP_ACCTFACT_FAILED,
    SP_ACCTFACT_NO_SUCH,
    SP_ACCTFACT_INVALID,
    SP_ACCTFACT_FOUND
} sp_acctfact_t;

/* What is known of the end customer for whom a reseller calls. */
typedef enum {
    SP_CUSTFACT_UNKNOWN = 0, /* nobody looked: refuses if the policy wants it */
    SP_CUSTFACT_NONE,        /* the account is no reseller, or names nobody */
    SP_CUSTFACT_PENDING,     /* the body names it, and has not been read */
    SP_CUSTFACT_MALFORMED,   /* two names, or one that no customer can have */
    SP_CUSTFACT_FAILED,
    SP_CUSTFACT_NO_SUCH,
    SP_CUSTFACT_INVALID,
    SP_CUSTFACT_FOUND
} sp_custfact_t;

typedef enum {
    SP_BODYFACT_PENDING = 0,
    SP_BODYFACT_NONE,        /* the route has none and none came */
    SP_BODYFACT_FINE,
    SP_BODYFACT_AMBIGUOUS,   /* refused by sp_body, see detail */
    SP_BODYFACT_TYPE,        /* Content-Type or Content-Encoding: 415 */
    SP_BODYFACT_LARGE        /* over the limit: 413 */
} sp_bodyfact_t;


typedef struct {
    sp_value_t           v[SP_FACTS_MAX];
    const void          *own_of;         /* the policy that named the last
                                            SP_OWN_FACTS_MAX of them */
    sp_keyfact_t         key_state;
    sp_acctfact_t        account_state;
    sp_custfact_t        customer_state;
    sp_bodyfact_t        body_state;
    sp_route_rc_t        route_state;
    int                  route;          /* index, SP_ROUTE_NONE */
    const sp_key_t      *key;            /* of SP_KEYFACT_FOUND */
    const sp_account_t  *account;        /* of SP_ACCTFACT_FOUND */
    const sp_account_t  *customer;       /* of SP_CUSTFACT_FOUND */
    sp_str_t             customer_id;    /* that was asked for, or empty */
    int                  named;          /* the request names a customer */
    const sp_str_t      *models;         /* nmodels names, each judged */
    uint16_t             nmodels;
    const char          *detail;         /* why a body or record is refused */
    sp_str_t             param;          /* the model that a path names */
    const sp_blocks_t   *blocks;         /* the operator's; NULL: none */
    uint8_t              blocks_lost;    /* there may be some: refuses */
    uint8_t              lenient;        /* break-glass: denies that are not
                                            of class legal do not stand */
    sp_place_t           places[2][2 * SP_PLACES_MAX];  /* of account.places
                                                           and of the
                                                           customer's */
} sp_facts_t;


/*
 * A table of facts points into itself: it is filled where it is used, never
 * copied.
 *
 * Durations are "now" minus the record's time, in seconds. For *_expired_for
 * the time is that of the (exclusive) expiry: 0 at the first second at which
 * it is over, negative while it lasts. Facts whose source this version does
 * not have stay unknown: key.country_count.
 */

/* All unknown; body facts pending. */
void sp_facts_init(sp_facts_t *facts, int64_t now);

/*
 * ip.*: what no database of "geo" knows stays unknown, and so does all of them
 * with NULL, and for any address that is not public. The country is that of
 * the country database, or of the city database where there is none; the
 * region is always the latter's. "addr" must outlive "facts".
 */
void sp_facts_address(sp_facts_t *facts, const sp_addr_t *addr,
    sp_ip_class_t class, const sp_geo_set_t *geo);

/* "param" is what sp_route_find() set it to. Before sp_facts_body(). */
void sp_facts_route(sp_facts_t *facts, sp_route_rc_t state, int route,
    sp_str_t param);

/* SP_KEYFACT_FAILED makes account.* failed too. */
void sp_facts_key(sp_facts_t *facts, sp_keyfact_t state, const sp_key_t *key);

/*
 * account.*, and ip.registered: after sp_facts_address(). "now" is that of
 * sp_facts_init().
 */
void sp_facts_account(sp_facts_t *facts, sp_acctfact_t state,
    const sp_account_t *account);

/*
 * 1 if a reseller names an end customer, whose record is then to be asked for
 * and given to sp_facts_customer(); facts->customer_id is the name, which must
 * outlive "facts". Otherwise customer.* are set: absent where the account does
 * not resell or nobody is named, else (two names, or none that a customer may
 * have) unknown. "several": the request names two. After sp_facts_account().
 */
int sp_facts_named(sp_facts_t *facts, sp_str_t name, int several);

/* customer.*. "customer" is the record of SP_CUSTFACT_FOUND. */
void sp_facts_customer(sp_facts_t *facts, sp_custfact_t state,
    const sp_account_t *customer);

/*
 * The operator's block that the request runs into, as far as "model", an
 * index; NULL: none. *truth: SP_UNSURE if it is that for want of a fact. The
 * model's is looked for always, the rest only for the first model.
 */
const sp_block_t *sp_facts_block(const sp_facts_t *facts, unsigned model,
    sp_truth_t *truth);

/*
 * 1 if address, country or a model may be blocked: what of a request is not
 * its account or key. For requests whose records are not looked at.
 */
int sp_facts_block_request(const sp_facts_t *facts);

/*
 * request.stream, .tokens and the models; "body" NULL where there is none.
 * model.* is that of the first model; its tier is the policy's to fill in. A
 * body that names another model than the path does is made ambiguous here.
 */
void sp_facts_body(sp_facts_t *facts, sp_bodyfact_t state,
    const sp_body_t *body);


#endif /* SP_FACTS_H */


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the filling of the table of facts. Whatever cannot be
 * said for certain stays unknown.
 */


#include "sp_facts.h"


static void sp_facts_from(sp_facts_t *facts, sp_source_t source,
    sp_fact_state_t state);
static inline void sp_facts_record(sp_facts_t *facts, int from,
    const sp_account_t *account, sp_place_t *places);
static inline void sp_facts_geo(sp_facts_t *facts, const sp_addr_t *addr,
    const sp_geo_set_t *geo);
static inline uint8_t sp_facts_part(uint8_t state, sp_place_t place);
static void sp_facts_from_body(sp_facts_t *facts, sp_fact_state_t state);
static inline void sp_facts_known(sp_facts_t *facts, int field,
    int64_t value);
static inline void sp_facts_enum(sp_facts_t *facts, int field,
    uint8_t value);
static inline void sp_facts_string(sp_facts_t *facts, int field,
    const char *data, size_t len);
static inline void sp_facts_place(sp_facts_t *facts, int field,
    sp_place_t place);
static inline void sp_facts_since(sp_facts_t *facts, int field,
    int64_t when);
static void sp_facts_places(sp_value_t *v, const sp_account_t *account,
    sp_place_t *places);
static int sp_facts_has(const sp_place_t *places, unsigned n,
    sp_place_t place);
static void sp_facts_registered(sp_facts_t *facts,
    const sp_account_t *account);
static int sp_facts_models(sp_facts_t *facts, const sp_body_t *body);


static const uint8_t  sp_facts_found[] = {
    [SP_GEO_FOUND] = SP_FACT_KNOWN,
    [SP_GEO_ABSENT] = SP_FACT_ABSENT,
    [SP_GEO_ODD] = SP_FACT_UNKNOWN,
    [SP_GEO_FAILED] = SP_FACT_FAILED
};

/* The bits of a database are in the order of the facts. */

_Static_assert(SP_F_IP_RELAY - SP_F_IP_TOR == SP_GEO_P_RELAY - SP_GEO_P_TOR
               && SP_GEO_RELAY == 1u << (SP_F_IP_RELAY - SP_F_IP_TOR)
               && SP_GEO_HOSTING == 1u << (SP_F_IP_HOSTING - SP_F_IP_TOR)
               && SP_GEO_PROXY == 1u << (SP_F_IP_PROXY - SP_F_IP_TOR)
               && SP_GEO_VPN == 1u << (SP_F_IP_VPN - SP_F_IP_TOR),
               "flags and facts are in one order");


/* The two sets of places are behind what is cleared. */

void
sp_facts_init(sp_facts_t *facts, int64_t now)
{
    memset(facts, 0, offsetof(sp_facts_t, places));

    facts->route = SP_ROUTE_NONE;
    facts->route_state = SP_ROUTE_UNKNOWN;

    sp_facts_from_body(facts, SP_FACT_PENDING);
    sp_facts_known(facts, SP_F_NOW, now);
}


void
sp_facts_address(sp_facts_t *facts, const sp_addr_t *addr,
    sp_ip_class_t class, const sp_geo_set_t *geo)
{
    int          i;
    sp_value_t  *v;

    sp_facts_known(facts, SP_F_IP_CLASS, class);

    v = &facts->v[SP_F_IP_ADDR];
    v->state = SP_FACT_UNKNOWN;

    if (class != SP_IP_NONE) {
        v->state = SP_FACT_KNOWN;
        v->u.addr = addr;
    }

#pragma GCC unroll 8
    for (i = SP_F_IP_COUNTRY; i <= SP_F_IP_RELAY; i++) {
        facts->v[i].state = SP_FACT_UNKNOWN;
    }

    if (class == SP_IP_PUBLIC && geo != NULL) {
        sp_facts_geo(facts, addr, geo);
    }
}


static inline void
sp_facts_geo(sp_facts_t *facts, const sp_addr_t *addr,
    const sp_geo_set_t *geo)
{
    int          i;
    uint32_t     asn;
    unsigned     flags, known;
    sp_value_t  *v;
    sp_place_t   place;
    sp_geo_rc_t  rc;

    v = facts->v;

    if (geo->db[SP_GEO_CITY] != NULL) {
        rc = sp_geo_place(geo->db[SP_GEO_CITY], addr, &place);
        v[SP_F_IP_COUNTRY].state = sp_facts_found[rc];
        v[SP_F_IP_COUNTRY].u.place = sp_place_country(place);
        v[SP_F_IP_REGION].state = sp_facts_part(sp_facts_found[rc], place);
        v[SP_F_IP_REGION].u.place = place;
    }

    if (geo->db[SP_GEO_COUNTRY] != NULL) {
        rc = sp_geo_country(geo->db[SP_GEO_COUNTRY], addr, &place);
        v[SP_F_IP_COUNTRY].state = sp_facts_found[rc];
        v[SP_F_IP_COUNTRY].u.place = place;
    }

    if (geo->db[SP_GEO_ASN] != NULL) {
        rc = sp_geo_asn(geo->db[SP_GEO_ASN], addr, &asn);
        v[SP_F_IP_ASN].state = sp_facts_found[rc];
        v[SP_F_IP_ASN].u.i = asn;
    }

    if (geo->db[SP_GEO_ANONYMOUS] != NULL) {
        rc = sp_geo_flags(geo->db[SP_GEO_ANONYMOUS], addr, &flags);
        known = sp_geo_info(geo->db[SP_GEO_ANONYMOUS])->flags;

        for (i = 0; i <= SP_F_IP_RELAY - SP_F_IP_TOR; i++) {

            if (known >> i & 1) {
                v[SP_F_IP_TOR + i].state = sp_facts_found[rc];
                v[SP_F_IP_TOR + i].u.i = flags >> i & 1;
            }
        }
    }
}


static inline uint8_t
sp_facts_part(uint8_t state, sp_place_t place)
{
    if (state != SP_FACT_KNOWN) {
        return state;
    }

    return sp_geo_part_odd(place) ? SP_FACT_UNKNOWN
           : sp_place_is_region(place) ? SP_FACT_KNOWN : SP_FACT_ABSENT;
}


void
sp_facts_route(sp_facts_t *facts, sp_route_rc_t state, int route,
    sp_str_t param)
{
    int                name;
    const sp_route_t  *row;

    row = state == SP_ROUTE_FOUND ? sp_route(route) : NULL;
    name = -1;

    if (row != NULL) {
        /* rows of two dialects may share a name */
        name = sp_route_number(route);
    }

    if (name == -1) {
        facts->route = SP_ROUTE_NONE;
        facts->route_state = state == SP_ROUTE_FOUND ? SP_ROUTE_UNKNOWN
                                                     : state;
        facts->v[SP_F_REQUEST_ROUTE].state = SP_FACT_UNKNOWN;
        facts->v[SP_F_REQUEST_DIALECT].state = SP_FACT_UNKNOWN;
        return;
    }

    facts->route = route;
    facts->route_state = SP_ROUTE_FOUND;
    facts->param = param;

    sp_facts_known(facts, SP_F_REQUEST_ROUTE, name);
    sp_facts_known(facts, SP_F_REQUEST_DIALECT, row->dialect);
}


void
sp_facts_key(sp_facts_t *facts, sp_keyfact_t state, const sp_key_t *key)
{
    if (state == SP_KEYFACT_FOUND && key == NULL) {
        state = SP_KEYFACT_UNKNOWN;
    }

    facts->key_state = state;
    facts->key = state == SP_KEYFACT_FOUND ? key : NULL;
    facts->v[SP_F_KEY_ID].state = SP_FACT_UNKNOWN;

    if (state == SP_KEYFACT_FOUND) {
        sp_facts_string(facts, SP_F_KEY_ID, key->name, key->name_len);
    }

    if (state == SP_KEYFACT_FAILED) {
        facts->v[SP_F_KEY_ID].state = SP_FACT_FAILED;
        sp_facts_account(facts, SP_ACCTFACT_FAILED, NULL);
    }
}


void
sp_facts_account(sp_facts_t *facts, sp_acctfact_t state,
    const sp_account_t *account)
{
    if (state == SP_ACCTFACT_FOUND && account == NULL) {
        state = SP_ACCTFACT_UNKNOWN;
    }

    facts->own_of = NULL;
    facts->account_state = state;
    facts->account = state == SP_ACCTFACT_FOUND ? account : NULL;

    if (state != SP_ACCTFACT_FOUND) {
        sp_facts_from(facts, SP_FROM_RECORD, state == SP_ACCTFACT_FAILED
                                             ? SP_FACT_FAILED
                                             : SP_FACT_UNKNOWN);
        return;
    }

    sp_facts_record(facts, SP_F_ACCOUNT_ID, account, facts->places[0]);
    sp_facts_registered(facts, account);
}


int
sp_facts_named(sp_facts_t *facts, sp_str_t name, int several)
{
    facts->named = several || name.len != 0;

    if (facts->account_state != SP_ACCTFACT_FOUND) {
        sp_facts_customer(facts, facts->account_state == SP_ACCTFACT_FAILED
                                 ? SP_CUSTFACT_FAILED : SP_CUSTFACT_UNKNOWN,
                          NULL);
        return 0;
    }

    if (!facts->named || !sp_account_resells(facts->account)) {
        sp_facts_customer(facts, SP_CUSTFACT_NONE, NULL);
        return 0;
    }

    if (several || !sp_customer_valid(name)) {
        sp_facts_customer(facts, SP_CUSTFACT_MALFORMED, NULL);
        return 0;
    }

    facts->customer_id = name;

    return 1;
}


void
sp_facts_customer(sp_facts_t *facts, sp_custfact_t state,
    const sp_account_t *customer)
{
    sp_fact_state_t  fact;

    if (state == SP_CUSTFACT_FOUND && customer == NULL) {
        state = SP_CUSTFACT_UNKNOWN;
    }

    facts->customer_state = state;
    facts->customer = state == SP_CUSTFACT_FOUND ? customer : NULL;

    switch (state) {

    case SP_CUSTFACT_FOUND:
        sp_facts_record(facts, SP_F_CUSTOMER_ID, customer, facts->places[1]);
        return;

    case SP_CUSTFACT_NONE:
        fact = SP_FACT_ABSENT;
        break;

    case SP_CUSTFACT_PENDING:
        fact = SP_FACT_PENDING;
        break;

    case SP_CUSTFACT_FAILED:
        fact = SP_FACT_FAILED;
        break;

    default:
        fact = SP_FACT_UNKNOWN;
    }

    sp_facts_from(facts, SP_FROM_CUSTOMER, fact);
}


void
sp_facts_body(sp_facts_t *facts, sp_bodyfact_t state, const sp_body_t *body)
{
    uint64_t     factor;
    sp_value_t  *tokens;

    if (state == SP_BODYFACT_FINE && body == NULL) {
        state = SP_BODYFACT_AMBIGUOUS;
    }

    facts->models = NULL;
    facts->nmodels = 0;

    if ((state == SP_BODYFACT_FINE || state == SP_BODYFACT_NONE)
        && sp_facts_models(facts, body) == 0)
    {
        state = SP_BODYFACT_AMBIGUOUS;
        facts->detail = "the path and the body name different models";

    } else if (state == SP_BODYFACT_AMBIGUOUS && body != NULL) {
        facts->detail = sp_body_strerror(body);
    }

    facts->body_state = state;

    if (state != SP_BODYFACT_FINE && state != SP_BODYFACT_NONE) {
        facts->models = NULL;
        facts->nmodels = 0;
        sp_facts_from_body(facts, state == SP_BODYFACT_PENDING
                                  ? SP_FACT_PENDING : SP_FACT_UNKNOWN);
        return;
    }

    facts->v[SP_F_MODEL_ID].state = SP_FACT_ABSENT;
    facts->v[SP_F_MODEL_TIER].state = SP_FACT_ABSENT;

    if (facts->nmodels > 0) {
        facts->v[SP_F_MODEL_ID].state = SP_FACT_KNOWN;
        facts->v[SP_F_MODEL_ID].u.s = facts->models[0];
        facts->v[SP_F_MODEL_TIER].state = SP_FACT_UNKNOWN;
    }

    sp_facts_known(facts, SP_F_REQUEST_STREAM,
                   body != NULL && body->stream != 0);

    tokens = &facts->v[SP_F_REQUEST_TOKENS];
    tokens->state = SP_FACT_ABSENT;

    if (body != NULL && body->has_tokens) {
        tokens->state = SP_FACT_KNOWN;
        tokens->u.i = INT64_MAX;
        factor = body->factor ? body->factor : 1;

        if (body->max_tokens <= (uint64_t) INT64_MAX / factor) {
            tokens->u.i = (int64_t) (body->max_tokens * factor);
        }
    }
}


static void
sp_facts_from(sp_facts_t *facts, sp_source_t source, sp_fact_state_t state)
{
    int  i;

    for (i = 0; i < SP_FIELDS; i++) {

        if (sp_field(i)->source == source) {
            facts->v[i].state = (uint8_t) state;
        }
    }
}


/* All of SP_FROM_BODY: two calls of each request come here. */

static void
sp_facts_from_body(sp_facts_t *facts, sp_fact_state_t state)
{
    facts->v[SP_F_MODEL_ID].state = (uint8_t) state;
    facts->v[SP_F_MODEL_TIER].state = (uint8_t) state;
    facts->v[SP_F_REQUEST_STREAM].state = (uint8_t) state;
    facts->v[SP_F_REQUEST_TOKENS].state = (uint8_t) state;
}


static inline void
sp_facts_known(sp_facts_t *facts, int field, int64_t value)
{
    facts->v[field].state = SP_FACT_KNOWN;
    facts->v[field].u.i = value;
}


static inline void
sp_facts_enum(sp_facts_t *facts, int field, uint8_t value)
{
    sp_value_t  *v;

    v = &facts->v[field];
    v->state = value == SP_ENUM_ABSENT ? SP_FACT_ABSENT : SP_FACT_KNOWN;
    v->u.i = value;
}


static inline void
sp_facts_string(sp_facts_t *facts, int field, const char *data, size_t len)
{
    sp_value_t  *v;

    v = &facts->v[field];
    v->state = len ? SP_FACT_KNOWN : SP_FACT_ABSENT;
    v->u.s.data = (const unsigned char *) data;
    v->u.s.len = len;
}


static inline void
sp_facts_place(sp_facts_t *facts, int field, sp_place_t place)
{
    sp_value_t  *v;

    v = &facts->v[field];
    v->state = place == SP_PLACE_NONE ? SP_FACT_ABSENT
               : place == SP_PLACE_UNKNOWN ? SP_FACT_UNKNOWN : SP_FACT_KNOWN;
    v->u.place = place;
}


static inline void
sp_facts_since(sp_facts_t *facts, int field, int64_t when)
{
    sp_value_t  *v;

    v = &facts->v[field];
    v->state = when == SP_TIME_ABSENT ? SP_FACT_ABSENT : SP_FACT_KNOWN;
    v->u.i = (int64_t) ((uint64_t) facts->v[SP_F_NOW].u.i - (uint64_t) when);
}


/* "from" is the first of the fields that the record is for. */

#define sp_facts_at(field)  (from + (SP_F_ACCOUNT_##field - SP_F_ACCOUNT_ID))

_Static_assert(SP_F_CUSTOMER_LINKAGE - SP_F_CUSTOMER_ID
               == SP_F_ACCOUNT_LINKAGE - SP_F_ACCOUNT_ID,
               "both have the same fields in the same order");


static inline __attribute__((always_inline)) void
sp_facts_record(sp_facts_t *facts, int from, const sp_account_t *account,
    sp_place_t *places)
{
    sp_value_t  *v;

    sp_facts_string(facts, sp_facts_at(ID), account->id, account->id_len);
    sp_facts_string(facts, sp_facts_at(PLAN), account->plan,
                    account->plan_len);

    sp_facts_known(facts, sp_facts_at(TYPE), account->type);
    sp_facts_known(facts, sp_facts_at(STATUS), account->status);
    sp_facts_known(facts, sp_facts_at(LEVEL), account->level);

    /* A record without tags says that there are none. */

    v = &facts->v[sp_facts_at(TAGS)];
    v->state = SP_FACT_KNOWN;
    v->n = account->ntags;
    v->u.tags = account->tags[0];

    sp_facts_enum(facts, sp_facts_at(SCREENING), account->screening);
    sp_facts_enum(facts, sp_facts_at(END_USE), account->end_use);
    sp_facts_enum(facts, sp_facts_at(RESALE), account->resale);
    sp_facts_enum(facts, sp_facts_at(LINKAGE), account->linkage);

    sp_facts_place(facts, sp_facts_at(INCORPORATED), account->incorporated);
    sp_facts_place(facts, sp_facts_at(HEADQUARTERS), account->headquarters);
    sp_facts_place(facts, sp_facts_at(PARENT), account->parent);
    sp_facts_place(facts, sp_facts_at(RESIDENCE), account->residence);
    sp_facts_place(facts, sp_facts_at(BILLING), account->billing);

    sp_facts_since(facts, sp_facts_at(VERIFIED_AGE), account->verified_at);
    sp_facts_since(facts, sp_facts_at(EXPIRED_FOR), account->expires_at);
    sp_facts_since(facts, sp_facts_at(PENDING_AGE), account->pending_since);
    sp_facts_since(facts, sp_facts_at(SCREENED_AGE), account->screened_at);
    sp_facts_since(facts, sp_facts_at(OWNERS_AGE), account->owners_as_of);
    sp_facts_since(facts, sp_facts_at(END_USE_EXPIRED_FOR),
                   account->end_use_expires);

    sp_facts_places(&facts->v[sp_facts_at(PLACES)], account, places);
}


/*
 * One unknown place makes the set unknown: it might be any place. Each list
 * of a record is a set already, and most records have only one.
 */

static void
sp_facts_places(sp_value_t *v, const sp_account_t *account,
    sp_place_t *places)
{
    unsigned           i, n;
    const sp_place_t  *use, *accepted;

    use = account->use_locations;
    accepted = account->accepted_locations;

    if (sp_facts_has(use, account->nuse, SP_PLACE_UNKNOWN)
        || sp_facts_has(accepted, account->naccepted, SP_PLACE_UNKNOWN))
    {
        v->state = SP_FACT_UNKNOWN;
        return;
    }

    n = account->nuse;
    v->u.places = use;

    if (n == 0) {
        n = account->naccepted;
        v->u.places = accepted;

    } else if (account->naccepted != 0) {
        memcpy(places, use, n * sizeof(sp_place_t));

        for (i = 0; i < account->naccepted; i++) {

            if (sp_facts_has(use, account->nuse, accepted[i]) == 0) {
                places[n++] = accepted[i];
            }
        }

        v->u.places = places;
    }

    v->state = n == 0 ? SP_FACT_ABSENT : SP_FACT_KNOWN;
    v->n = (uint16_t) n;
}


static int
sp_facts_has(const sp_place_t *places, unsigned n, sp_place_t place)
{
    unsigned  i;

    for (i = 0; i < n; i++) {

        if (places[i] == place) {
            return 1;
        }
    }

    return 0;
}


static void
sp_facts_registered(sp_facts_t *facts, const sp_account_t *account)
{
    unsigned           i;
    const sp_value_t  *ip;

    if (account->negress == 0) {
        facts->v[SP_F_IP_REGISTERED].state = SP_FACT_ABSENT;
        return;
    }

    ip = &facts->v[SP_F_IP_ADDR];

    if (ip->state != SP_FACT_KNOWN) {
        facts->v[SP_F_IP_REGISTERED].state = SP_FACT_UNKNOWN;
        return;
    }

    for (i = 0; i < account->negress; i++) {

        if (sp_network_has(&account->egress[i], ip->u.addr)) {
            sp_facts_known(facts, SP_F_IP_REGISTERED, 1);
            return;
        }
    }

    sp_facts_known(facts, SP_F_IP_REGISTERED, 0);
}


/*
 * Returns 0 if the path names one model and the body another. Azure's clients
 * leave a name in the body that need not be the deployment's: there both count.
 */

static int
sp_facts_models(sp_facts_t *facts, const sp_body_t *body)
{
    unsigned           i, same;
    const sp_route_t  *row;

    row = facts->route == SP_ROUTE_NONE ? NULL : sp_route(facts->route);

    if (row == NULL || (row->model != SP_MODEL_PATH
                        && row->model != SP_MODEL_SERVED))
    {

        if (body != NULL) {
            facts->models = body->models;
            facts->nmodels = body->nmodels;
        }

        return 1;
    }

    for (i = 0, same = 0; body != NULL && i < body->nmodels; i++) {
        same += (unsigned) sp_str_eq(body->models[i], facts->param);
    }

    if (body != NULL && same != body->nmodels) {

        if (row->dialect != SP_DIALECT_AZURE || same == 0) {
            return 0;
        }

        facts->models = body->models;
        facts->nmodels = body->nmodels;

        return 1;
    }

    facts->models = &facts->param;
    facts->nmodels = 1;

    return 1;
}

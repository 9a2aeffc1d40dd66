
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains random requests for the tests of the decision.
 */


#ifndef DECIDE_REQUEST_H
#define DECIDE_REQUEST_H


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "sp_decide.h"


#define NOW     1795435200


typedef struct {
    sp_facts_t    facts;
    sp_account_t  account;
    sp_key_t      key;
    sp_str_t      models[3];
} request_t;


static const char *const  countries[] = { "SG", "IR", "CN", "UA" };
static const char *const  model_names[] = { "m-one", "m-two", "m-other" };


static inline int
pick(int n)
{
    return rand() % n;
}


static inline sp_place_t
place(const char *code)
{
    sp_place_t  p;

    assert_int_equal(sp_place_parse(sp_cstr(code), &p), SP_PLACE_OK);

    return p;
}


/* A field of the operator's own, kept as a record keeps it. */

static inline void
own_field(sp_account_t *a, const char *name, const char *value)
{
    char  *p = a->own + a->own_len;

    p = stpcpy(p, name) + 1;
    p = stpcpy(p, value) + 1;

    a->own_len = (uint16_t) (p - a->own);
    a->nown++;
}


static inline void
random_account(sp_account_t *a)
{
    int  i;

    memset(a, 0, sizeof(sp_account_t));

    a->type = SP_TYPE_ORGANIZATION;
    a->status = (uint8_t) pick(4);
    a->level = (uint8_t) pick(4);
    a->screening = a->end_use = a->resale = a->linkage = SP_ENUM_ABSENT;
    a->verified_at = a->expires_at = a->pending_since = SP_TIME_ABSENT;
    a->screened_at = a->owners_as_of = a->end_use_expires = SP_TIME_ABSENT;

    if (pick(4)) {
        a->verified_at = NOW - 86400 * pick(4) + pick(3) - 1;
    }

    a->id_len = (uint8_t) snprintf(a->id, SP_ID_LEN, "acct_%d", pick(3));
    a->has_owners = pick(4) != 0;

    if (pick(3)) {
        a->incorporated = place(countries[pick(4)]);
    }

    for (i = 0; a->has_owners && i < pick(4); i++) {
        a->owners[i].nplaces = 1;
        a->owners[i].places[0] = place(countries[pick(4)]);
        a->owners[i].min = a->owners[i].max = (uint16_t) (1000 * pick(4));
        a->nowners++;
    }

    if (pick(3)) {
        own_field(a, "x_flag", (const char *[]) { "yes", "no", "maybe" }
                               [pick(3)]);
    }

    if (pick(3)) {
        own_field(a, "x_number", (const char *[]) { "0", "1", "3", "5", "7" }
                                 [pick(5)]);
    }

    for (i = 0; i < pick(3); i++) {
        a->use_locations[i] = place(countries[pick(4)]);
        a->nuse++;
    }
}


/* All that the head of a request tells, for the account that is in it. */

static inline void
random_head_at(request_t *q, int64_t now)
{
    sp_value_t  *v = q->facts.v;

    sp_facts_init(&q->facts, now);

    q->facts.route = 0;
    q->facts.route_state = SP_ROUTE_FOUND;

    memset(&q->key, 0, sizeof(q->key));
    q->key.not_before = q->key.expires_at = SP_TIME_ABSENT;
    sp_facts_key(&q->facts, SP_KEYFACT_FOUND, &q->key);

    if (pick(12)) {
        sp_facts_account(&q->facts, SP_ACCTFACT_FOUND, &q->account);

    } else {
        sp_facts_account(&q->facts, SP_ACCTFACT_FAILED, NULL);
    }

    v[SP_F_IP_COUNTRY].state = (uint8_t) (pick(6) ? SP_FACT_KNOWN
                                          : (int[]) { SP_FACT_UNKNOWN,
                                                      SP_FACT_ABSENT,
                                                      SP_FACT_FAILED }[pick(3)]);
    v[SP_F_IP_COUNTRY].u.place = place(countries[pick(4)]);
    v[SP_F_IP_VPN].state = (uint8_t) (pick(3) ? SP_FACT_KNOWN
                                              : SP_FACT_UNKNOWN);
    v[SP_F_IP_VPN].u.i = pick(2);
}


static inline void
random_head(request_t *q)
{
    random_account(&q->account);
    random_head_at(q, NOW);
}


static inline void
random_body(request_t *q)
{
    int          i, n;
    sp_value_t  *v = q->facts.v;

    q->facts.body_state = SP_BODYFACT_FINE;

    if (pick(15) == 0) {
        q->facts.body_state = SP_BODYFACT_AMBIGUOUS;
    }

    v[SP_F_REQUEST_STREAM].state = SP_FACT_KNOWN;
    v[SP_F_REQUEST_STREAM].u.i = pick(2);

    n = pick(8) == 0 ? 0 : pick(6) ? 1 : 2 + pick(2);

    q->facts.nmodels = (uint16_t) n;
    q->facts.models = q->models;
    v[SP_F_MODEL_ID].state = n ? SP_FACT_KNOWN : SP_FACT_ABSENT;

    for (i = 0; i < n; i++) {
        q->models[i] = sp_cstr(model_names[pick(3)]);
        v[SP_F_MODEL_ID].u.s = q->models[0];
    }
}


/* Copies a request; its table of facts points into itself and the record. */

static inline void
copy_request(request_t *dst, const request_t *src)
{
    const sp_place_t  *places;

    *dst = *src;

    dst->facts.key = &dst->key;
    dst->facts.account = src->facts.account ? &dst->account : NULL;
    dst->facts.models = dst->models;

    if (dst->facts.account != NULL) {
        dst->facts.v[SP_F_ACCOUNT_ID].u.s.data
            = (unsigned char *) dst->account.id;

        places = src->facts.v[SP_F_ACCOUNT_PLACES].u.places;

        dst->facts.v[SP_F_ACCOUNT_PLACES].u.places
            = places == src->account.use_locations
              ? dst->account.use_locations
              : places == src->account.accepted_locations
                ? dst->account.accepted_locations : dst->facts.places[0];
    }
}


#endif /* DECIDE_REQUEST_H */


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains a request as people write it in JSON, and the facts
 * that the gate would have of it.
 */


#ifndef SP_CLI_REQUEST_H
#define SP_CLI_REQUEST_H


#include "fact.h"
#include "sp_policy.h"
#include "store.h"


#define SP_REQUEST_NOTES  24


/* Points into itself and into "json": it stays where it is. */
typedef struct {
    json_t            *json;
    sp_facts_t         facts;
    int64_t            now;
    const sp_geo_set_t  *geo;        /* NULL: none */
    sp_addr_t          addr;
    sp_key_t           key;
    sp_account_t       account;
    sp_account_t       customer;
    const sp_policy_t *policy;       /* NULL: without "customers:"
                                        and "routes:" */
    const sp_stored_t *stored;       /* the account's, or NULL */
    const char        *stored_id;
    sp_body_t          body;
    sp_route_t         form;         /* the route, its form given as JSON */
    unsigned char     *scratch;      /* of the route's variable segment */
    sp_fact_memory_t  *memory;
    char              *notes[SP_REQUEST_NOTES];
    unsigned           nnotes;
} sp_request_t;


/*
 * Fills request->facts from request->json with the engine's own functions.
 * geo, policy, stored and now are set before. SP_ERROR after a message.
 */
sp_rc_t sp_request_facts(sp_request_t *request);

void sp_request_free(sp_request_t *request);

/* Something that was assumed or found odd, for whoever reads the answer. */
void sp_request_note(sp_request_t *request, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));


/* request_record.c: the key and the account. */
sp_rc_t sp_request_key(sp_request_t *request);
sp_rc_t sp_request_account(sp_request_t *request);

/* request_customer.c: after the body, which may name one. */
sp_rc_t sp_request_customer(sp_request_t *request);

/* request_record.c: an object with a record's fields; "v" and "ver" are 1. */
sp_rc_t sp_request_record(sp_request_t *request, const char *what,
    const json_t *json, sp_stored_t *record);

/* The index of a word; "" stands for none. -1 after a message. */
int sp_request_word(const char *what, const json_t *json,
    const char *const *words, size_t n);


#endif /* SP_CLI_REQUEST_H */


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the end customer of a request from JSON: its record with
 * the fields that it has in the store, or what became of asking for one.
 */


#include "account.h"
#include "request.h"


#define SP_REQUEST_CUSTOMER  "customer"    /* the id of one that has none */


static sp_rc_t sp_request_customer_record(sp_request_t *request,
    const json_t *json);
static sp_rc_t sp_request_customer_facts(sp_request_t *request);
static void sp_request_customer_named(sp_request_t *request, sp_str_t id);


/* Only a reseller has one; of others the gate does not look at the name. */

sp_rc_t
sp_request_customer(sp_request_t *request)
{
    int      state;
    json_t  *json;

    static const char *const  states[] = {
        [SP_CUSTFACT_UNKNOWN] = "",
        [SP_CUSTFACT_NONE] = "none",
        [SP_CUSTFACT_PENDING] = "",
        [SP_CUSTFACT_MALFORMED] = "malformed",
        [SP_CUSTFACT_FAILED] = "failed",
        [SP_CUSTFACT_NO_SUCH] = "missing",
        [SP_CUSTFACT_INVALID] = "invalid"
    };

    json = json_object_get(request->json, "customer");

    if (request->facts.account_state != SP_ACCTFACT_FOUND) {
        sp_facts_named(&request->facts, SP_STR(""), 0);
        return SP_OK;
    }

    if (json == NULL) {
        return sp_request_customer_facts(request);
    }

    if (!sp_account_resells(request->facts.account)) {
        sp_request_note(request, "the account is no reseller: \"customer\" "
                        "is not looked at");
        sp_facts_customer(&request->facts, SP_CUSTFACT_NONE, NULL);
        return SP_OK;
    }

    if (json_is_object(json)) {
        return sp_request_customer_record(request, json);
    }

    state = sp_request_word("customer", json, states, sp_nelts(states));

    if (state == -1) {
        return SP_ERROR;
    }

    sp_facts_customer(&request->facts, (sp_custfact_t) state, NULL);

    return SP_OK;
}


static sp_rc_t
sp_request_customer_record(sp_request_t *request, const json_t *json)
{
    sp_rc_t             rc;
    const char         *id;
    sp_stored_t         record;
    sp_record_error_t   error;

    memset(&record, 0, sizeof(record));

    id = json_string_value(json_object_get(json, "id"));
    id = id != NULL ? id : SP_REQUEST_CUSTOMER;

    rc = sp_request_record(request, "customer", json, &record);

    if (rc != SP_OK || !sp_facts_named(&request->facts, sp_cstr(id), 0)) {
        sp_stored_free(&record);
        return rc;
    }

    if (sp_account_parse(&request->customer, sp_cstr(id), record.pairs,
                         record.n, &error)
        == SP_OK)
    {
        sp_facts_customer(&request->facts, SP_CUSTFACT_FOUND,
                          &request->customer);

    } else {
        sp_request_note(request, "the customer's record is invalid: %s %s",
                        error.field, error.why);
        sp_facts_customer(&request->facts, SP_CUSTFACT_INVALID, NULL);
    }

    sp_stored_free(&record);

    return SP_OK;
}


/*
 * No record, but facts of one may be given outright, or the body names one
 * that nobody can look up here.
 */

static sp_rc_t
sp_request_customer_facts(sp_request_t *request)
{
    int                 any, status;
    json_t             *given, *value;
    const char         *name;

    any = 0;
    given = json_object_get(request->json, "facts");

    json_object_foreach(given, name, value) {
        any |= strncmp(name, "customer.", 9) == 0
               && !(json_is_string(value)
                    && strcmp(json_string_value(value), "absent") == 0);
    }

    if (!any) {
        sp_request_customer_named(request,
                                  request->facts.body_state == SP_BODYFACT_FINE
                                  ? request->body.user : SP_STR(""));
        return SP_OK;
    }

    memset(&request->customer, 0, sizeof(request->customer));
    value = json_object_get(given, "customer.status");
    status = json_is_string(value)
             ? sp_enum_find(sp_field(SP_F_CUSTOMER_STATUS)->values,
                            sp_cstr(json_string_value(value)))
             : -1;
    request->customer.status = status != -1 ? (uint8_t) status
                                            : SP_STATUS_UNVERIFIED;

    sp_facts_customer(&request->facts, SP_CUSTFACT_UNKNOWN, NULL);
    request->facts.customer_state = SP_CUSTFACT_FOUND;
    request->facts.customer = &request->customer;

    return SP_OK;
}


static void
sp_request_customer_named(sp_request_t *request, sp_str_t id)
{
    if (sp_facts_named(&request->facts, id, 0)) {
        sp_request_note(request, "the body names a customer, and there is no "
                        "\"customer\" with its record: it is unknown");
        sp_facts_customer(&request->facts, SP_CUSTFACT_UNKNOWN, NULL);
    }
}

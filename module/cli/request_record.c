
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the key and the account of a request from JSON: records
 * with the fields that they have in the store, read by the engine.
 */


#include <stdlib.h>

#include "sp_diag.h"

#include "account.h"
#include "request.h"


#define SP_REQUEST_ACCOUNT  "account"    /* the id of one that has none */


static sp_rc_t sp_request_field(sp_request_t *request, sp_stored_t *record,
    const char *name, const json_t *value);
static sp_rc_t sp_request_list(sp_stored_t *record, const char *name,
    const json_t *list);
static sp_rc_t sp_request_default(sp_stored_t *record, const char *name,
    const char *value);
static sp_rc_t sp_request_key_record(sp_request_t *request,
    const json_t *json);
static void sp_request_account_read(sp_request_t *request, const char *id,
    const sp_stored_t *record);
static sp_rc_t sp_request_account_facts(sp_request_t *request);
static const char *sp_request_account_id(const sp_request_t *request);


sp_rc_t
sp_request_key(sp_request_t *request)
{
    int      state;
    json_t  *json;

    static const char *const  states[] = {
        [SP_KEYFACT_UNKNOWN] = "",
        [SP_KEYFACT_FAILED] = "failed",
        [SP_KEYFACT_MISSING] = "missing",
        [SP_KEYFACT_MALFORMED] = "malformed",
        [SP_KEYFACT_AMBIGUOUS] = "ambiguous",
        [SP_KEYFACT_NO_SUCH] = "unknown",
        [SP_KEYFACT_INVALID] = "invalid"
    };

    json = json_object_get(request->json, "key");

    if (json == NULL) {
        sp_request_note(request, "no \"key\": an active key of the account is "
                        "assumed");

    } else if (!json_is_object(json)) {
        state = sp_request_word("key", json, states, sp_nelts(states));

        if (state == -1) {
            return SP_ERROR;
        }

        sp_facts_key(&request->facts, (sp_keyfact_t) state, NULL);

        return SP_OK;
    }

    return sp_request_key_record(request, json);
}


static sp_rc_t
sp_request_key_record(sp_request_t *request, const json_t *json)
{
    sp_stored_t         record;
    sp_record_error_t   error;

    memset(&record, 0, sizeof(record));

    if ((json != NULL
         && sp_request_record(request, "key", json, &record) != SP_OK)
        || sp_request_default(&record, "v", "1") != SP_OK
        || sp_request_default(&record, "ver", "1") != SP_OK
        || sp_request_default(&record, "name", "key") != SP_OK
        || sp_request_default(&record, "status", "active") != SP_OK
        || sp_request_default(&record, "account",
                              sp_request_account_id(request)) != SP_OK)
    {
        sp_stored_free(&record);
        return SP_ERROR;
    }

    if (sp_key_parse(&request->key, record.pairs, record.n, &error) == SP_OK) {
        sp_facts_key(&request->facts, SP_KEYFACT_FOUND, &request->key);

    } else {
        sp_request_note(request, "the key's record is invalid: %s %s",
                        error.field, error.why);
        sp_facts_key(&request->facts, SP_KEYFACT_INVALID, NULL);
    }

    sp_stored_free(&record);

    return SP_OK;
}


sp_rc_t
sp_request_account(sp_request_t *request)
{
    int           state;
    sp_rc_t       rc;
    json_t       *json;
    sp_stored_t   record;

    static const char *const  states[] = {
        [SP_ACCTFACT_UNKNOWN] = "",
        [SP_ACCTFACT_FAILED] = "failed",
        [SP_ACCTFACT_NO_SUCH] = "missing",
        [SP_ACCTFACT_INVALID] = "invalid"
    };

    json = json_object_get(request->json, "account");

    if (request->stored != NULL) {
        if (json != NULL) {
            sp_cli_error("the account is in the request and in --account: "
                         "leave one out");
            return SP_ERROR;
        }

        sp_request_account_read(request, request->stored_id, request->stored);

        return SP_OK;
    }

    if (json == NULL) {
        return sp_request_account_facts(request);
    }

    if (!json_is_object(json)) {
        state = sp_request_word("account", json, states, sp_nelts(states));

        if (state == -1) {
            return SP_ERROR;
        }

        sp_facts_account(&request->facts, (sp_acctfact_t) state, NULL);

        return SP_OK;
    }

    memset(&record, 0, sizeof(record));

    rc = sp_request_record(request, "account", json, &record);

    if (rc == SP_OK) {
        sp_request_account_read(request, sp_request_account_id(request),
                                &record);
    }

    sp_stored_free(&record);

    return rc;
}


static void
sp_request_account_read(sp_request_t *request, const char *id,
    const sp_stored_t *record)
{
    sp_record_error_t  error;

    if (record->n == 0) {
        sp_facts_account(&request->facts, SP_ACCTFACT_NO_SUCH, NULL);
        return;
    }

    if (sp_account_parse(&request->account, sp_cstr(id), record->pairs,
                         record->n, &error)
        == SP_OK)
    {
        sp_facts_account(&request->facts, SP_ACCTFACT_FOUND,
                         &request->account);

        if (request->account.ignored != 0) {
            sp_request_note(request, "%u field%s of the account's record "
                            "%s not known to the gate and ignored",
                            request->account.ignored,
                            request->account.ignored == 1 ? "" : "s",
                            request->account.ignored == 1 ? "is" : "are");
        }

        return;
    }

    sp_request_note(request, "the account's record is invalid: %s %s",
                    error.field, error.why);
    sp_facts_account(&request->facts, SP_ACCTFACT_INVALID, NULL);
}


/*
 * No record, but facts of one may be given outright. Those that are not are
 * unknown; the record itself is the least that can be read, so that what
 * rules find in it (owners, tiers) is what a record without them says.
 */

static sp_rc_t
sp_request_account_facts(sp_request_t *request)
{
    int           i, any;
    json_t       *given, *value;
    const char   *name, *id;
    sp_stored_t   record;

    any = 0;
    given = json_object_get(request->json, "facts");

    json_object_foreach(given, name, value) {
        any |= strncmp(name, "account.", 8) == 0;
    }

    if (!any) {
        sp_request_note(request, "no \"account\": all account.* facts are "
                        "unknown");
        return SP_OK;
    }

    memset(&record, 0, sizeof(record));

    id = json_string_value(json_object_get(given, "account.id"));

    if (sp_request_default(&record, "v", "1") != SP_OK
        || sp_request_default(&record, "ver", "1") != SP_OK
        || sp_request_default(&record, "type", "organization") != SP_OK
        || sp_request_default(&record, "status", "unverified") != SP_OK
        || sp_request_default(&record, "level", "0") != SP_OK)
    {
        return SP_ERROR;
    }

    sp_request_account_read(request, id != NULL && sp_id_valid(sp_cstr(id))
                            ? id : SP_REQUEST_ACCOUNT, &record);
    sp_stored_free(&record);

    value = json_object_get(given, "account.status");
    i = json_is_string(value)
        ? sp_enum_find(sp_field(SP_F_ACCOUNT_STATUS)->values,
                       sp_cstr(json_string_value(value)))
        : -1;

    if (i != -1) {
        request->account.status = (uint8_t) i;
    }

    for (i = 0; i < SP_FIELDS; i++) {
        if (sp_field(i)->source == SP_FROM_RECORD && i != SP_F_ACCOUNT_ID) {
            request->facts.v[i].state = SP_FACT_UNKNOWN;
        }
    }

    return SP_OK;
}


/* Every member is a field; "id" of an account is its name. */

sp_rc_t
sp_request_record(sp_request_t *request, const char *what, const json_t *json,
    sp_stored_t *record)
{
    json_t      *value;
    const char  *name;

    json_object_foreach((json_t *) json, name, value) {

        if (strcmp(what, "key") != 0 && strcmp(name, "id") == 0) {
            continue;
        }

        if (sp_request_field(request, record, name, value) != SP_OK) {
            sp_cli_error("\"%s\": the field '%s' is text, a number, or an "
                         "array of them", what, name);
            return SP_ERROR;
        }
    }

    if (sp_request_default(record, "v", "1") != SP_OK) {
        return SP_ERROR;
    }

    return sp_request_default(record, "ver", "1");
}


static sp_rc_t
sp_request_field(sp_request_t *request, sp_stored_t *record, const char *name,
    const json_t *value)
{
    char         digits[32];
    int64_t      at;
    const char  *text;

    if (json_is_array(value)) {
        return sp_request_list(record, name, value);
    }

    if (json_is_integer(value)) {
        (void) snprintf(digits, sizeof(digits), "%lld",
                        (long long) json_integer_value(value));
        return sp_stored_set(record, name, digits);
    }

    if (!json_is_string(value)) {
        return SP_ERROR;
    }

    text = json_string_value(value);

    if ((sp_account_is_time(name) || strcmp(name, "not_before") == 0)
        && sp_cli_time(sp_cstr(text), request->now, &at) == SP_OK)
    {
        (void) snprintf(digits, sizeof(digits), "%lld", (long long) at);
        text = digits;
    }

    return sp_stored_set(record, name, text);
}


static sp_rc_t
sp_request_list(sp_stored_t *record, const char *name, const json_t *list)
{
    char     *text;
    size_t    i, len, size;
    sp_rc_t   rc;
    json_t   *item;

    size = 1;

    json_array_foreach((json_t *) list, i, item) {
        size += json_string_length(item) + 24;
    }

    text = sp_cli_alloc(size);
    len = 0;

    json_array_foreach((json_t *) list, i, item) {

        if (json_is_string(item)) {
            len += (size_t) snprintf(text + len, size - len, "%s%s",
                                     i != 0 ? "," : "",
                                     json_string_value(item));

        } else if (json_is_integer(item)) {
            len += (size_t) snprintf(text + len, size - len, "%s%lld",
                                     i != 0 ? "," : "",
                                     (long long) json_integer_value(item));

        } else {
            free(text);
            return SP_ERROR;
        }
    }

    rc = sp_stored_set(record, name, text);
    free(text);

    return rc;
}


static sp_rc_t
sp_request_default(sp_stored_t *record, const char *name, const char *value)
{
    if (sp_stored_get(record, name).data != NULL) {
        return SP_OK;
    }

    return sp_stored_set(record, name, value);
}


int
sp_request_word(const char *what, const json_t *json, const char *const *words,
    size_t n)
{
    size_t       i;
    const char  *word;

    word = json_string_value(json);

    for (i = 0; word != NULL && word[0] != '\0' && i < n; i++) {
        if (strcmp(word, words[i]) == 0) {
            return (int) i;
        }
    }

    sp_cli_error_near(word != NULL ? word : "", words, n,
                      "\"%s\" is an object with the fields of its record, or "
                      "a word like \"%s\"", what, words[2]);

    return -1;
}


static const char *
sp_request_account_id(const sp_request_t *request)
{
    json_t      *facts;
    const char  *id;

    if (request->stored_id != NULL) {
        return request->stored_id;
    }

    id = json_string_value(json_object_get(
             json_object_get(request->json, "account"), "id"));

    if (id == NULL) {
        facts = json_object_get(request->json, "facts");
        id = json_string_value(json_object_get(facts, "account.id"));
    }

    return id != NULL && sp_id_valid(sp_cstr(id)) ? id : SP_REQUEST_ACCOUNT;
}

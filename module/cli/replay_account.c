
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the account of a recorded decision: the record of the
 * store again, as far as rules can tell, read by the engine.
 */


#include "replay_facts.h"


#define SP_RECORDED_PAIRS  64
#define SP_RECORDED_TEXT   4096    /* bytes of a list as the store writes it */


static sp_rc_t sp_recorded_customer(sp_recorded_t *r);
static sp_rc_t sp_recorded_parse(sp_recorded_t *r, const json_t *account,
    const char *who, sp_account_t *to);
static void sp_recorded_lists(sp_recorded_t *r, const json_t *account,
    sp_pair_t *pairs, size_t *n);
static void sp_recorded_pair(sp_recorded_t *r, sp_pair_t *pairs, size_t *n,
    const char *name, const char *value);
static void sp_recorded_list(sp_recorded_t *r, sp_pair_t *pairs, size_t *n,
    const char *name, const json_t *list, size_t from, size_t to);
static void sp_recorded_time(sp_recorded_t *r, sp_pair_t *pairs, size_t *n,
    const char *name, const json_t *age);
static int sp_recorded_fields(const sp_recorded_t *r);


sp_rc_t
sp_recorded_account(sp_recorded_t *r)
{
    int                state, field;
    json_t            *facts, *account, *value;
    const sp_field_t  *row;

    static const char *const  states[] = {
        "unknown", "failed", "no_such", "invalid", "found"
    };

    facts = json_object_get(r->record, "facts");
    account = json_object_get(facts, "account");
    value = json_object_get(json_object_get(facts, "record"), "st");
    state = sp_recorded_word(value, states, sp_nelts(states));

    if (state == -1) {
        return sp_recorded_why(r, "facts.record.st");
    }

    if (state != SP_ACCTFACT_FOUND) {
        sp_facts_account(&r->facts, (sp_acctfact_t) state, NULL);
        return SP_OK;
    }

    if (!json_is_object(account)) {
        return sp_recorded_why(r, "facts.account");
    }

    if (sp_recorded_parse(r, account, "account", &r->account) != SP_OK) {
        return SP_DECLINED;
    }

    sp_facts_account(&r->facts, SP_ACCTFACT_FOUND, &r->account);

    value = json_object_get(json_object_get(r->record, "net"), "registered");
    (void) sp_recorded_fact(r, SP_F_IP_REGISTERED, value);

    /* since version 2 records have the account's own fields: all is read */

    for (field = 0; !sp_recorded_fields(r) && field < SP_FIELDS; field++) {
        row = sp_field(field);

        if (row->source != SP_FROM_RECORD || field == SP_F_ACCOUNT_ID
            || field == SP_F_ACCOUNT_PLACES || field == SP_F_ACCOUNT_TAGS
            || strncmp(row->name, "account.", 8) != 0)
        {
            continue;
        }

        if (sp_recorded_fact(r, field, json_object_get(account,
                                                       row->name + 8))
            != SP_OK)
        {
            return SP_DECLINED;
        }
    }

    r->missing[SP_F_ACCOUNT_PLACES] =
        json_object_get(account, "places_cut") != NULL
        || json_object_get(account, "use_locations_cut") != NULL
        || json_object_get(account, "accepted_locations_cut") != NULL;
    r->missing[SP_F_ACCOUNT_TAGS] =
        json_object_get(account, "tags_cut") != NULL;

    r->cut = json_object_get(account, "owners_cut") != NULL
             || json_object_get(account, "control_cut") != NULL
             || json_object_get(account, "listed_cut") != NULL
             || json_object_get(account, "own_cut") != NULL;

    return sp_recorded_customer(r);
}


/* Of accounts that do not resell there is none, whatever the policy was. */

static sp_rc_t
sp_recorded_customer(sp_recorded_t *r)
{
    int           state;
    json_t       *customer, *record;

    static const char *const  states[] = {
        "unknown", "none", "pending", "malformed", "failed", "no_such",
        "invalid", "found"
    };

    customer = json_object_get(json_object_get(r->record, "facts"),
                               "customer");

    if (customer == NULL) {
        r->unasked = sp_account_resells(&r->account);
        sp_facts_customer(&r->facts, r->unasked ? SP_CUSTFACT_UNKNOWN
                                                : SP_CUSTFACT_NONE, NULL);
        return SP_OK;
    }

    state = sp_recorded_word(json_object_get(customer, "st"), states,
                             sp_nelts(states));

    if (state == -1) {
        return sp_recorded_why(r, "facts.customer.st");
    }

    if (state != SP_CUSTFACT_FOUND) {
        sp_facts_customer(&r->facts, (sp_custfact_t) state, NULL);
        return SP_OK;
    }

    record = json_object_get(customer, "record");

    if (sp_recorded_parse(r, record, "customer", &r->customer) != SP_OK) {
        return SP_DECLINED;
    }

    sp_facts_customer(&r->facts, SP_CUSTFACT_FOUND, &r->customer);

    r->missing[SP_F_CUSTOMER_PLACES] =
        json_object_get(record, "use_locations_cut") != NULL
        || json_object_get(record, "accepted_locations_cut") != NULL;
    r->missing[SP_F_CUSTOMER_TAGS] =
        json_object_get(record, "tags_cut") != NULL;

    return SP_OK;
}


/* The record of the store again: the engine reads it as it did then. */

static sp_rc_t
sp_recorded_parse(sp_recorded_t *r, const json_t *account, const char *who,
    sp_account_t *to)
{
    size_t              i, n;
    json_t             *value;
    sp_pair_t           pairs[SP_RECORDED_PAIRS];
    const char         *name, *id;
    char                text[32];
    sp_record_error_t   error;

    static const char *const  words[] = {
        "type", "status", "level", "plan", "incorporated", "headquarters",
        "parent", "residence", "billing", "owners_method", "owners_floor",
        "screening", "end_use", "resale", "linkage"
    };

    static const struct {
        const char  *age;
        const char  *time;
    } times[] = {
        { "verified_age", "verified_at" },
        { "expired_for", "expires_at" },
        { "pending_age", "pending_since" },
        { "screened_age", "screened_at" },
        { "owners_age", "owners_as_of" },
        { "end_use_expired_for", "end_use_expires" }
    };

    n = 0;
    sp_recorded_pair(r, pairs, &n, "v", "1");
    sp_recorded_pair(r, pairs, &n, "ver", "1");

    for (i = 0; i < sp_nelts(words); i++) {
        value = json_object_get(account, words[i]);

        if (json_is_string(value)) {
            name = json_string_value(value);
            sp_recorded_pair(r, pairs, &n, words[i],
                             strcmp(name, "?") == 0 ? "ZZ" : name);

        } else if (json_is_integer(value)) {
            (void) snprintf(text, sizeof(text), "%lld",
                            (long long) json_integer_value(value));
            sp_recorded_pair(r, pairs, &n, words[i], text);
        }
    }

    for (i = 0; i < sp_nelts(times); i++) {
        sp_recorded_time(r, pairs, &n, times[i].time,
                         json_object_get(account, sp_recorded_fields(r)
                                                  ? times[i].time
                                                  : times[i].age));
    }

    sp_recorded_lists(r, account, pairs, &n);

    json_object_foreach(json_object_get(account, "own"), name, value) {
        if (json_is_string(value)) {
            sp_recorded_pair(r, pairs, &n, name, json_string_value(value));
        }
    }

    id = json_string_value(json_object_get(json_object_get(r->record, "who"),
                                           who));

    if (id == NULL || !sp_id_valid(sp_cstr(id))) {
        return sp_recorded_why(r, "who.%s", who);
    }

    if (sp_account_parse(to, sp_cstr(id), pairs, n, &error) != SP_OK) {
        return sp_recorded_why(r, "facts.%s: %s %s", who, error.field,
                               error.why);
    }

    return SP_OK;
}


static void
sp_recorded_lists(sp_recorded_t *r, const json_t *account, sp_pair_t *pairs,
    size_t *n)
{
    char         text[SP_RECORDED_TEXT];
    size_t       half;
    json_t      *value, *places;
    const char  *name;

    sp_recorded_list(r, pairs, n, "use_locations",
                     json_object_get(account, "use_locations"), 0, SIZE_MAX);
    sp_recorded_list(r, pairs, n, "accepted_locations",
                     json_object_get(account, "accepted_locations"), 0,
                     SIZE_MAX);

    /* of version 1, where both were one set, as they are to rules */

    places = json_object_get(account, "places");
    half = json_array_size(places) > SP_PLACES_MAX ? SP_PLACES_MAX
                                                   : json_array_size(places);

    if (half != 0) {
        sp_recorded_list(r, pairs, n, "use_locations", places, 0, half);

    } else if (json_is_string(places)) {
        sp_recorded_pair(r, pairs, n, "use_locations", "ZZ");
    }

    if (json_array_size(places) > half) {
        sp_recorded_list(r, pairs, n, "accepted_locations", places, half,
                         json_array_size(places));
    }

    sp_recorded_list(r, pairs, n, "tiers", json_object_get(account, "tiers"),
                     0, SIZE_MAX);
    sp_recorded_list(r, pairs, n, "tags", json_object_get(account, "tags"), 0,
                     SIZE_MAX);
    sp_recorded_list(r, pairs, n, "owners",
                     json_object_get(account, "owners"), 0, SIZE_MAX);
    sp_recorded_list(r, pairs, n, "control",
                     json_object_get(account, "control"), 0, SIZE_MAX);

    text[0] = '\0';

    json_object_foreach(json_object_get(account, "listed"), name, value) {
        half = strlen(text);
        (void) snprintf(text + half, sizeof(text) - half, "%s%s:%lld",
                        half != 0 ? "," : "", name,
                        (long long) json_integer_value(value));
    }

    if (text[0] != '\0') {
        sp_recorded_pair(r, pairs, n, "listed", text);
    }
}


static void
sp_recorded_pair(sp_recorded_t *r, sp_pair_t *pairs, size_t *n,
    const char *name, const char *value)
{
    char    *copy;
    size_t   len;

    if (*n == SP_RECORDED_PAIRS) {
        return;
    }

    len = strlen(value);
    copy = sp_fact_alloc(&r->memory, len + 1);
    memcpy(copy, value, len);

    pairs[*n].name = sp_cstr(name);
    pairs[*n].value = (sp_str_t) { len, (unsigned char *) copy };
    (*n)++;
}


static void
sp_recorded_list(sp_recorded_t *r, sp_pair_t *pairs, size_t *n,
    const char *name, const json_t *list, size_t from, size_t to)
{
    char     text[SP_RECORDED_TEXT];
    size_t   i, len;
    json_t  *item;

    /* "owners": [] is a record that says that nobody is known. */

    if (!json_is_array(list)
        || (json_array_size(list) == 0 && strcmp(name, "owners") != 0))
    {
        return;
    }

    len = 0;
    text[0] = '\0';

    for (i = from; i < json_array_size(list) && i < to; i++) {
        item = json_array_get(list, i);

        if (len + json_string_length(item) + 24 > sizeof(text)) {
            break;
        }

        if (json_is_integer(item)) {
            len += (size_t) snprintf(text + len, sizeof(text) - len,
                                     "%s%lld", i > from ? "," : "",
                                     (long long) json_integer_value(item));

        } else if (json_is_string(item)) {
            len += (size_t) snprintf(text + len, sizeof(text) - len, "%s%s",
                                     i > from ? "," : "",
                                     json_string_value(item));
        }
    }

    sp_recorded_pair(r, pairs, n, name, text);
}


static void
sp_recorded_time(sp_recorded_t *r, sp_pair_t *pairs, size_t *n,
    const char *name, const json_t *age)
{
    char  text[32];

    if (json_is_integer(age)) {
        (void) snprintf(text, sizeof(text), "%lld",
                        sp_recorded_fields(r)
                        ? (long long) json_integer_value(age)
                        : (long long) (r->facts.v[SP_F_NOW].u.i
                                       - json_integer_value(age)));
        sp_recorded_pair(r, pairs, n, name, text);
    }
}


/* 1 if the account stands there as its record, with times instead of ages. */

static int
sp_recorded_fields(const sp_recorded_t *r)
{
    return json_integer_value(json_object_get(r->record, "v")) >= 2;
}

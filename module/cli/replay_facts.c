
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the facts of a decision, taken back from its audit
 * record. A fact that the record does not hold is marked as missing, never
 * made up.
 */


#include <stdarg.h>
#include <stdlib.h>

#include "replay_facts.h"


static sp_rc_t sp_recorded_net(sp_recorded_t *r);
static sp_rc_t sp_recorded_route(sp_recorded_t *r);
static sp_rc_t sp_recorded_key(sp_recorded_t *r);
static int sp_recorded_by(const sp_recorded_t *r, const char *rule);
static sp_rc_t sp_recorded_body(sp_recorded_t *r);
static sp_rc_t sp_recorded_models(sp_recorded_t *r, const json_t *req);


sp_rc_t
sp_recorded_facts(sp_recorded_t *r)
{
    json_t  *now;

    now = json_object_get(json_object_get(r->record, "facts"), "now");

    if (!json_is_integer(now)) {
        return sp_recorded_why(r, "facts.now");
    }

    memset(r->missing, 0, sizeof(r->missing));
    r->cut = 0;
    r->unasked = 0;
    sp_facts_init(&r->facts, json_integer_value(now));

    if (sp_recorded_net(r) != SP_OK || sp_recorded_route(r) != SP_OK
        || sp_recorded_key(r) != SP_OK || sp_recorded_account(r) != SP_OK)
    {
        return SP_DECLINED;
    }

    return sp_recorded_body(r);
}


void
sp_recorded_free(sp_recorded_t *r)
{
    sp_fact_free(&r->memory);
    json_decref(r->record);
    r->record = NULL;
}


sp_rc_t
sp_recorded_why(sp_recorded_t *r, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    (void) vsnprintf(r->why, sizeof(r->why), fmt, args);
    va_end(args);

    return SP_DECLINED;
}


/* The record has what the address was found to be, not the address. */

static sp_rc_t
sp_recorded_net(sp_recorded_t *r)
{
    int                field;
    json_t            *net, *value;
    const sp_field_t  *row;

    net = json_object_get(r->record, "net");

    for (field = 0; field < SP_FIELDS; field++) {
        row = sp_field(field);

        if (strncmp(row->name, "ip.", 3) != 0) {
            continue;
        }

        if (field == SP_F_IP_ADDR) {
            value = json_object_get(net, "ip_p");
            r->missing[field] = 1;

            if (json_is_string(value)
                && sp_addr_parse(sp_cstr(json_string_value(value)), &r->addr)
                   == SP_OK)
            {
                r->facts.v[field].state = SP_FACT_KNOWN;
                r->facts.v[field].u.addr = &r->addr;
                r->missing[field] = 0;
            }

            continue;
        }

        if (sp_recorded_fact(r, field, json_object_get(net, row->name + 3))
            != SP_OK)
        {
            return SP_DECLINED;
        }
    }

    return SP_OK;
}


static sp_rc_t
sp_recorded_route(sp_recorded_t *r)
{
    int                i, dialect;
    json_t            *req;
    sp_str_t           param;
    const char        *name, *model;

    req = json_object_get(r->record, "req");
    name = json_string_value(json_object_get(req, "route"));
    model = json_string_value(json_object_get(req, "model"));
    dialect = sp_recorded_word(json_object_get(req, "dialect"),
                               sp_field(SP_F_REQUEST_DIALECT)->values, 0);

    if (name == NULL) {
        return sp_recorded_why(r, "req.route");
    }

    if (strcmp(name, "?") == 0) {
        name = json_string_value(json_object_get(r->record, "reason"));
        sp_facts_route(&r->facts, name != NULL
                       && strcmp(name, "ROUTE_AMBIGUOUS") == 0
                       ? SP_ROUTE_AMBIGUOUS : SP_ROUTE_UNKNOWN, SP_ROUTE_NONE,
                       SP_STR(""));
        return SP_OK;
    }

    for (i = 0; i < sp_route_count(); i++) {
        if (!sp_str_eq(sp_route(i)->name, sp_cstr(name))
            || (int) sp_route(i)->dialect != dialect)
        {
            continue;
        }

        param = SP_STR("");

        if ((sp_route(i)->model == SP_MODEL_PATH
             || sp_route(i)->model == SP_MODEL_SERVED) && model != NULL)
        {
            param = sp_cstr(model);
        }

        sp_facts_route(&r->facts, SP_ROUTE_FOUND, i, param);

        return SP_OK;
    }

    return sp_recorded_why(r, "req.route: there is no route '%.60s' now",
                           name);
}


/*
 * What a key's record refuses is built in and the same under every policy:
 * it is enough to know that it did.
 */

static sp_rc_t
sp_recorded_key(sp_recorded_t *r)
{
    int          state, field;
    size_t       i;
    json_t      *key, *tier;
    const char  *name;

    static const char *const  states[] = {
        "unknown", "failed", "missing", "malformed", "ambiguous", "no_such",
        "invalid", "found"
    };

    key = json_object_get(json_object_get(r->record, "facts"), "key");
    state = sp_recorded_word(json_object_get(key, "st"), states,
                             sp_nelts(states));

    if (state == -1) {
        return sp_recorded_why(r, "facts.key.st");
    }

    for (field = 0; field < SP_FIELDS; field++) {
        r->missing[field] |= strncmp(sp_field(field)->name, "key.", 4) == 0
                             && field != SP_F_KEY_ID;
    }

    if (state != SP_KEYFACT_FOUND) {
        sp_facts_key(&r->facts, (sp_keyfact_t) state, NULL);
        return SP_OK;
    }

    memset(&r->key, 0, sizeof(r->key));
    r->key.not_before = SP_TIME_ABSENT;
    r->key.expires_at = SP_TIME_ABSENT;
    r->key.status = sp_recorded_by(r, "builtin:key") ? SP_KEY_REVOKED
                                                     : SP_KEY_ACTIVE;

    json_array_foreach(json_object_get(key, "tiers"), i, tier) {
        r->key.tiers |= (uint8_t) (1u << (json_integer_value(tier) & 7));
    }

    name = json_string_value(json_object_get(
               json_object_get(r->record, "who"), "key"));

    if (name == NULL || strlen(name) > SP_ID_LEN) {
        return sp_recorded_why(r, "who.key");
    }

    memcpy(r->key.name, name, strlen(name));
    r->key.name_len = (uint8_t) strlen(name);

    sp_facts_key(&r->facts, SP_KEYFACT_FOUND, &r->key);

    return SP_OK;
}


static int
sp_recorded_by(const sp_recorded_t *r, const char *rule)
{
    size_t       i;
    json_t      *match;
    const char  *name;

    json_array_foreach(json_object_get(r->record, "by"), i, match) {
        name = json_string_value(json_object_get(match, "r"));

        if (name != NULL && strcmp(name, rule) == 0) {
            return 1;
        }
    }

    return 0;
}


static sp_rc_t
sp_recorded_body(sp_recorded_t *r)
{
    int      state;
    json_t  *req, *value;

    static const char *const  states[] = {
        "pending", "none", "fine", "ambiguous", "type", "large"
    };

    req = json_object_get(r->record, "req");
    state = sp_recorded_word(json_object_get(req, "body"), states,
                             sp_nelts(states));

    if (state == -1) {
        return sp_recorded_why(r, "req.body");
    }

    if (state == SP_BODYFACT_NONE) {
        sp_facts_body(&r->facts, SP_BODYFACT_NONE, NULL);
        return SP_OK;
    }

    if (state != SP_BODYFACT_FINE) {
        sp_facts_body(&r->facts, (sp_bodyfact_t) state, NULL);
        return SP_OK;
    }

    /* Only what is read of a body: its room for names is not cleared. */

    memset(&r->body, 0, offsetof(sp_body_t, models));
    r->body.factor = 1;

    if (sp_recorded_models(r, req) != SP_OK) {
        return SP_DECLINED;
    }

    r->body.stream = json_is_true(json_object_get(req, "stream"));
    value = json_object_get(req, "tokens");

    if (json_is_integer(value)) {
        r->body.has_tokens = 1;
        r->body.max_tokens = (uint64_t) json_integer_value(value);
    }

    sp_facts_body(&r->facts, SP_BODYFACT_FINE, &r->body);

    if (r->facts.body_state != SP_BODYFACT_FINE) {
        return sp_recorded_why(r, "req.models");
    }

    return SP_OK;
}


static sp_rc_t
sp_recorded_models(sp_recorded_t *r, const json_t *req)
{
    size_t   i;
    json_t  *models, *model;

    models = json_object_get(req, "models");
    model = json_object_get(req, "model");

    if (json_object_get(req, "models_cut") != NULL
        || json_array_size(models) > SP_MODELS_MAX)
    {
        return sp_recorded_why(r, "req.models: not all fit in the record");
    }

    if (json_is_string(model) && !json_is_array(models)) {
        r->body.models[r->body.nmodels++] = sp_cstr(json_string_value(model));
    }

    json_array_foreach(models, i, model) {
        if (!json_is_string(model)) {
            return sp_recorded_why(r, "req.models");
        }

        r->body.models[r->body.nmodels++] = sp_cstr(json_string_value(model));
    }

    r->body.primary = r->body.nmodels != 0;

    return SP_OK;
}


/* One fact by the marks of the record; a value that is not there is missing. */

sp_rc_t
sp_recorded_fact(sp_recorded_t *r, int field, const json_t *value)
{
    size_t       i;
    sp_value_t  *v;

    static const struct {
        const char  *mark;
        uint8_t      state;
    } marks[] = {
        { "?", SP_FACT_UNKNOWN },
        { "!", SP_FACT_FAILED },
        { "~", SP_FACT_PENDING }
    };

    v = &r->facts.v[field];

    if (value == NULL) {
        r->missing[field] = 1;
        v->state = SP_FACT_UNKNOWN;
        return SP_OK;
    }

    if (json_is_null(value)) {
        v->state = SP_FACT_ABSENT;
        return SP_OK;
    }

    if (v->state == SP_FACT_KNOWN && sp_field(field)->type == SP_T_STRING
        && json_is_string(value)
        && sp_str_eq(v->u.s, sp_cstr(json_string_value(value))))
    {
        return SP_OK;    /* as the account's record has it, whatever it says */
    }

    for (i = 0; i < sp_nelts(marks) && json_is_string(value); i++) {
        if (strcmp(json_string_value(value), marks[i].mark) == 0) {
            v->state = marks[i].state;
            return SP_OK;
        }
    }

    if (sp_fact_set(&r->facts, field, value, &r->memory) != SP_OK) {
        return sp_recorded_why(r, "%s: no value that is known now",
                               sp_field(field)->name);
    }

    return SP_OK;
}


/* "n" 0: the words end with NULL. */

int
sp_recorded_word(const json_t *value, const char *const *words, size_t n)
{
    size_t       i;
    const char  *word;

    word = json_string_value(value);

    for (i = 0; word != NULL && (n != 0 ? i < n : words[i] != NULL); i++) {
        if (strcmp(word, words[i]) == 0) {
            return (int) i;
        }
    }

    return -1;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the reading of a request from JSON: address, route,
 * body, and facts that are given outright.
 */


#include <stdarg.h>
#include <stdlib.h>

#include "sp_diag.h"

#include "request.h"


static sp_rc_t sp_request_names(const sp_request_t *request);
static sp_rc_t sp_request_now(sp_request_t *request);
static sp_rc_t sp_request_address(sp_request_t *request);
static sp_rc_t sp_request_ip(sp_request_t *request, const char *text);
static sp_rc_t sp_request_ip_facts(sp_request_t *request, json_t *ip);
static sp_rc_t sp_request_route(sp_request_t *request);
static sp_rc_t sp_request_route_name(sp_request_t *request, const char *name);
static unsigned sp_request_hints(const sp_request_t *request);
static void sp_request_tokens(const sp_request_t *request, json_t *body);
static sp_rc_t sp_request_route_path(sp_request_t *request, json_t *route);
static const char *sp_request_model(const sp_request_t *request);
static sp_rc_t sp_request_body(sp_request_t *request);
static char *sp_request_body_text(sp_request_t *request, size_t *len);
static sp_rc_t sp_request_models(sp_request_t *request);
static sp_rc_t sp_request_given(sp_request_t *request);


static const char *const  sp_request_keys[] = {
    "now", "ip", "route", "dialect", "key", "account", "model", "models",
    "stream", "tokens", "body", "customer", "facts"
};


void
sp_request_note(sp_request_t *request, const char *fmt, ...)
{
    char     text[512];
    va_list  args;

    if (request->nnotes == SP_REQUEST_NOTES) {
        return;
    }

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    request->notes[request->nnotes++] = sp_cli_copy(sp_cstr(text));
}


void
sp_request_free(sp_request_t *request)
{
    unsigned  i;

    for (i = 0; i < request->nnotes; i++) {
        free(request->notes[i]);
    }

    sp_fact_free(&request->memory);
    free(request->scratch);
    json_decref(request->json);
}


sp_rc_t
sp_request_facts(sp_request_t *request)
{
    if (sp_request_names(request) != SP_OK
        || sp_request_now(request) != SP_OK)
    {
        return SP_ERROR;
    }

    sp_facts_init(&request->facts, request->now);

    /* In the order in which the gate learns them. */

    if (sp_request_address(request) != SP_OK
        || sp_request_route(request) != SP_OK
        || sp_request_key(request) != SP_OK
        || sp_request_account(request) != SP_OK
        || sp_request_body(request) != SP_OK
        || sp_request_customer(request) != SP_OK)
    {
        return SP_ERROR;
    }

    return sp_request_given(request);
}


static sp_rc_t
sp_request_names(const sp_request_t *request)
{
    size_t       i;
    json_t      *value;
    const char  *name;

    if (!json_is_object(request->json)) {
        sp_cli_error("a request is a JSON object");
        return SP_ERROR;
    }

    json_object_foreach(request->json, name, value) {

        for (i = 0; i < sp_nelts(sp_request_keys)
                    && strcmp(name, sp_request_keys[i]) != 0; i++)
        { /* void */ }

        if (i == sp_nelts(sp_request_keys)) {
            sp_cli_error_near(name, sp_request_keys,
                              sp_nelts(sp_request_keys),
                              "a request has no '%s' (a fact goes into "
                              "\"facts\")", name);
            return SP_ERROR;
        }
    }

    return SP_OK;
}


static sp_rc_t
sp_request_now(sp_request_t *request)
{
    json_t  *now;

    now = json_object_get(request->json, "now");

    if (now == NULL) {
        return SP_OK;
    }

    if (json_is_integer(now) && json_integer_value(now) >= 0) {
        request->now = json_integer_value(now);
        return SP_OK;
    }

    if (json_is_string(now)
        && sp_cli_time(sp_cstr(json_string_value(now)), request->now,
                       &request->now)
           == SP_OK)
    {
        return SP_OK;
    }

    sp_cli_error("\"now\" is a time: \"2026-11-23\", "
                 "\"2026-11-23T08:00:00Z\" or unix seconds");

    return SP_ERROR;
}


static sp_rc_t
sp_request_address(sp_request_t *request)
{
    json_t  *ip;

    ip = json_object_get(request->json, "ip");

    if (ip == NULL) {
        sp_request_note(request, "no \"ip\": all ip.* facts are unknown");
        return SP_OK;
    }

    if (json_is_string(ip)) {
        return sp_request_ip(request, json_string_value(ip));
    }

    if (json_is_object(ip)) {
        return sp_request_ip_facts(request, ip);
    }

    sp_cli_error("\"ip\" is an address, or an object like "
                 "{\"country\": \"SE\"}");

    return SP_ERROR;
}


static sp_rc_t
sp_request_ip(sp_request_t *request, const char *text)
{
    sp_ip_class_t  class;

    if (sp_addr_parse(sp_cstr(text), &request->addr) != SP_OK) {
        sp_cli_error("\"ip\": '%s' is no address; without port, zone or "
                     "brackets it would be", text);
        return SP_ERROR;
    }

    class = sp_addr_class(&request->addr);
    sp_facts_address(&request->facts, &request->addr, class, request->geo);

    if (class != SP_IP_PUBLIC) {
        sp_request_note(request, "the address is not public (%s): it has no "
                        "country",
                        sp_enum_name(sp_field(SP_F_IP_CLASS)->values, class));

    } else if (request->geo == NULL) {
        sp_request_note(request, "no --geo: the address has no country here");
    }

    return SP_OK;
}


/* Each member is the fact ip.MEMBER; "addr" is looked up first. */

static sp_rc_t
sp_request_ip_facts(sp_request_t *request, json_t *ip)
{
    int          field;
    char         fact[64];
    json_t      *value, *addr;
    const char  *name;

    addr = json_object_get(ip, "addr");

    if (json_is_string(addr)) {
        if (sp_request_ip(request, json_string_value(addr)) != SP_OK) {
            return SP_ERROR;
        }

    } else if (json_object_get(ip, "class") == NULL) {
        request->facts.v[SP_F_IP_CLASS].state = SP_FACT_KNOWN;
        request->facts.v[SP_F_IP_CLASS].u.i = SP_IP_PUBLIC;
    }

    json_object_foreach(ip, name, value) {

        if (value == addr && json_is_string(addr)) {
            continue;
        }

        (void) snprintf(fact, sizeof(fact), "ip.%s", name);
        field = sp_field_find(sp_cstr(fact));

        if (field == -1) {
            sp_cli_error("\"ip\" has no '%s': there is no fact %s", name,
                         fact);
            return SP_ERROR;
        }

        if (sp_fact_set(&request->facts, field, value, &request->memory)
            != SP_OK)
        {
            return SP_ERROR;
        }
    }

    return SP_OK;
}


static sp_rc_t
sp_request_route(sp_request_t *request)
{
    json_t  *route;

    route = json_object_get(request->json, "route");

    if (route == NULL) {
        sp_request_note(request, "no \"route\": chat.completions is assumed");
        return sp_request_route_name(request, "chat.completions");
    }

    if (json_is_string(route)) {
        return sp_request_route_name(request, json_string_value(route));
    }

    if (json_is_object(route)) {
        return sp_request_route_path(request, route);
    }

    sp_cli_error("\"route\" is a name like \"chat.completions\", or "
                 "{\"method\": \"POST\", \"path\": \"/v1/messages\"}");

    return SP_ERROR;
}


/* Two dialects may have a route of one name; "dialect" says which. */

static sp_rc_t
sp_request_route_name(sp_request_t *request, const char *name)
{
    int                i;
    size_t             n;
    sp_str_t           param = { 0, NULL };
    const char        *model, *dialect;
    const char *const *values;

    values = sp_field(SP_F_REQUEST_DIALECT)->values;
    dialect = json_string_value(json_object_get(request->json, "dialect"));

    for (i = 0; i < sp_route_count(); i++) {
        if (!sp_str_eq(sp_route(i)->name, sp_cstr(name))
            || (dialect != NULL
                && sp_enum_find(values, sp_cstr(dialect))
                   != (int) sp_route(i)->dialect))
        {
            continue;
        }

        model = sp_request_model(request);

        if (model == NULL) {
            param = sp_policy_route_model(request->policy, i);

        } else if (sp_route(i)->model == SP_MODEL_PATH
                   || sp_route(i)->model == SP_MODEL_SERVED)
        {
            param = sp_cstr(model);
        }

        sp_facts_route(&request->facts, SP_ROUTE_FOUND, i, param);

        return SP_OK;
    }

    values = sp_field(SP_F_REQUEST_ROUTE)->values;

    for (n = 0; values[n] != NULL; n++) { /* void */ }

    sp_cli_error_near(name, values, n, "\"route\": there is no route '%s'%s%s",
                      name, dialect != NULL ? " of dialect " : "",
                      dialect != NULL ? dialect : "");

    return SP_ERROR;
}


static sp_rc_t
sp_request_route_path(sp_request_t *request, json_t *route)
{
    int             i, row;
    sp_str_t        args, path, param;
    sp_method_t     method;
    const char     *text, *verb;
    sp_route_rc_t   rc;

    verb = json_string_value(json_object_get(route, "method"));
    text = json_string_value(json_object_get(route, "path"));

    if (verb == NULL || text == NULL) {
        sp_cli_error("\"route\" as an object has \"method\" and \"path\"");
        return SP_ERROR;
    }

    method = SP_METHOD_OTHER;

    for (i = 0; i < SP_METHOD_OTHER; i++) {
        if (strcmp(verb, sp_method_name((sp_method_t) i)) == 0) {
            method = (sp_method_t) i;
        }
    }

    path = (sp_str_t) { strcspn(text, "?"), (const unsigned char *) text };
    args = sp_cstr(text + path.len + (text[path.len] == '?'));
    request->scratch = sp_cli_alloc(path.len);
    param = (sp_str_t) { 0, NULL };
    row = SP_ROUTE_NONE;

    rc = SP_ROUTE_AMBIGUOUS;

    if (strchr(text, '#') == NULL && sp_query_ok(args)) {
        rc = sp_policy_route_find(request->policy, method, path, path,
                                  sp_request_hints(request),
                                  request->scratch, &row, &param);
    }

    sp_facts_route(&request->facts, rc, row, param);

    return SP_OK;
}


/* What the head would say of whose call it is. */

static unsigned
sp_request_hints(const sp_request_t *request)
{
    const char  *dialect;

    dialect = json_string_value(json_object_get(request->json, "dialect"));

    if (dialect == NULL) {
        return 0;
    }

    return strcmp(dialect, "anthropic") == 0 ? SP_HINT_ANTHROPIC
           : strcmp(dialect, "gemini") == 0 ? SP_HINT_GOOGLE : 0;
}


static const char *
sp_request_model(const sp_request_t *request)
{
    return json_string_value(json_object_get(request->json, "model"));
}


static sp_rc_t
sp_request_body(sp_request_t *request)
{
    char              *text;
    size_t             len;
    sp_rc_t            rc;
    const sp_route_t  *route;

    if (request->facts.route == SP_ROUTE_NONE) {
        sp_facts_body(&request->facts, SP_BODYFACT_NONE, NULL);
        return SP_OK;
    }

    route = sp_route(request->facts.route);

    if (route->body == SP_BODY_NONE
        && json_object_get(request->json, "body") == NULL)
    {
        sp_facts_body(&request->facts, SP_BODYFACT_NONE, NULL);
        return SP_OK;
    }

    if (route->body == SP_BODY_MULTIPART) {
        request->form = *route;
        request->form.body = SP_BODY_JSON;
        route = &request->form;
    }

    sp_body_init(&request->body, route);
    sp_body_param(&request->body, request->facts.param);

    if (request->policy != NULL
        && sp_policy_customers(request->policy, NULL) == SP_CUSTOMERS_BODY)
    {
        sp_body_ask_user(&request->body);
    }

    if (json_object_get(request->json, "models") != NULL) {
        return sp_request_models(request);
    }

    text = sp_request_body_text(request, &len);

    if (text == NULL) {
        return SP_ERROR;
    }

    rc = sp_body_feed(&request->body, (unsigned char *) text, len);

    if (rc == SP_OK) {
        rc = sp_body_finish(&request->body);
    }

    free(text);

    if (rc != SP_OK) {
        sp_request_note(request, "the body is refused: %s",
                        sp_body_strerror(&request->body));
    }

    sp_facts_body(&request->facts, rc == SP_OK ? SP_BODYFACT_FINE
                                               : SP_BODYFACT_AMBIGUOUS,
                  &request->body);

    return SP_OK;
}


/* The body as given, or one that says no more than the members do. */

static char *
sp_request_body_text(sp_request_t *request, size_t *len)
{
    char        *text;
    json_t      *body, *member;
    const char  *model;

    body = json_object_get(request->json, "body");

    if (json_is_string(body)) {
        *len = json_string_length(body);
        return sp_cli_copy((sp_str_t) { *len, (const unsigned char *)
                                              json_string_value(body) });
    }

    if (body != NULL && !json_is_object(body)) {
        sp_cli_error("\"body\" is an object, or its bytes as a string");
        return NULL;
    }

    body = body != NULL ? json_copy(body) : json_object();
    model = sp_request_model(request);

    if (model != NULL) {
        json_object_set_new(body, "model", json_string(model));
    }

    member = json_object_get(request->json, "stream");

    if (member != NULL) {
        json_object_set(body, "stream", member);
    }

    sp_request_tokens(request, body);

    text = json_dumps(body, JSON_COMPACT);
    json_decref(body);

    if (text == NULL) {
        sp_cli_error("no memory for the body");
        return NULL;
    }

    *len = strlen(text);

    return text;
}


/* Where the dialect has them. */

static void
sp_request_tokens(const sp_request_t *request, json_t *body)
{
    size_t   i;
    json_t  *tokens, *part;

    static const struct {
        sp_dialect_t  dialect;
        const char   *part;
        const char   *key;
    } places[] = {
        { SP_DIALECT_GEMINI, "generationConfig", "maxOutputTokens" },
        { SP_DIALECT_OLLAMA, "options", "num_predict" },
        { SP_DIALECT_TGI, "parameters", "max_new_tokens" }
    };

    tokens = json_object_get(request->json, "tokens");

    if (tokens == NULL) {
        return;
    }

    for (i = 0; i < sp_nelts(places); i++) {

        if (places[i].dialect == sp_route(request->facts.route)->dialect) {
            part = json_copy(json_object_get(body, places[i].part));
            part = json_is_object(part) ? part : json_object();
            json_object_set(part, places[i].key, tokens);
            json_object_set_new(body, places[i].part, part);
            return;
        }
    }

    json_object_set(body, "max_tokens", tokens);
}


/* Several models at once, wherever a body would name them. */

static sp_rc_t
sp_request_models(sp_request_t *request)
{
    size_t       i;
    json_t      *models, *member;
    sp_body_t   *body;
    const char  *name;

    body = &request->body;
    models = json_object_get(request->json, "models");

    if (json_array_size(models) == 0
        || json_array_size(models) > SP_MODELS_MAX)
    {
        sp_cli_error("\"models\" is an array of 1 to %d names", SP_MODELS_MAX);
        return SP_ERROR;
    }

    json_array_foreach(models, i, member) {
        name = json_string_value(member);

        if (name == NULL || name[0] == '\0' || strlen(name) > SP_MODEL_LEN) {
            sp_cli_error("\"models\": item %zu is no name of a model", i + 1);
            return SP_ERROR;
        }

        body->models[body->nmodels++] = sp_cstr(name);
    }

    body->primary = 1;
    body->stream = json_is_true(json_object_get(request->json, "stream"));
    member = json_object_get(request->json, "tokens");

    if (json_is_integer(member) && json_integer_value(member) >= 0) {
        body->has_tokens = 1;
        body->max_tokens = (uint64_t) json_integer_value(member);
        body->factor = 1;
    }

    sp_facts_body(&request->facts, SP_BODYFACT_FINE, body);

    return SP_OK;
}


static sp_rc_t
sp_request_given(sp_request_t *request)
{
    int          i, field;
    json_t      *given, *value;
    const char  *name, *names[SP_FIELDS];

    given = json_object_get(request->json, "facts");

    if (given != NULL && !json_is_object(given)) {
        sp_cli_error("\"facts\" is an object like {\"account.level\": 2}");
        return SP_ERROR;
    }

    json_object_foreach(given, name, value) {
        field = sp_field_find(sp_cstr(name));

        if (field == -1) {
            for (i = 0; i < SP_FIELDS; i++) {
                names[i] = sp_field(i)->name;
            }

            sp_cli_error_near(name, names, SP_FIELDS,
                              "\"facts\": there is no fact '%s'", name);
            return SP_ERROR;
        }

        if (field == SP_F_MODEL_ID || field == SP_F_MODEL_TIER
            || field == SP_F_NOW)
        {
            sp_cli_error("\"facts\": %s follows from \"%s\"%s", name,
                         field == SP_F_NOW ? "now" : "model",
                         field == SP_F_MODEL_TIER
                         ? " and the policy's catalogue" : "");
            return SP_ERROR;
        }

        if (sp_fact_set(&request->facts, field, value, &request->memory)
            != SP_OK)
        {
            return SP_ERROR;
        }
    }

    return SP_OK;
}

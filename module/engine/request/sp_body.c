
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the reading of a request body: what it is fed goes to the
 * scanner, what the scanner finds to the fields, and what is missing at the
 * end refuses it.
 */


#include "sp_body_field.h"


static sp_rc_t sp_body_assume(sp_body_t *body);


void
sp_body_init(sp_body_t *body, const sp_route_t *route)
{
    const sp_json_table_t  *table;

    table = sp_body_table(route->dialect, 0);

    sp_json_init(&body->json, table, sp_body_on_value, body);

    body->route = route;
    body->error = SP_BODY_FINE;
    body->field = NULL;
    body->sentence = NULL;
    body->stored = NULL;
    body->assumed.len = 0;
    body->assumed.data = NULL;
    body->primary = 0;
    body->stream = route->stream >= SP_STREAM_UNLESS;
    body->has_tokens = 0;
    body->multi = 0;
    body->nameless = 0;
    body->asked = 0;
    body->formed = 0;
    body->max_tokens = 0;
    body->factor = 1;
    body->nmodels = 0;
    body->names_len = 0;
    body->user.len = 0;
    body->user.data = NULL;

    /* every answer is a refusal if the table could not be made */

    if (table == NULL) {
        body->error = SP_BODY_BAD_JSON;
    }
}


void
sp_body_ask_user(sp_body_t *body)
{
    const sp_json_table_t  *table;

    table = sp_body_table(body->route->dialect, 1);

    if (table == NULL) {
        body->error = SP_BODY_BAD_JSON;
        return;
    }

    body->asked = 1;

    sp_json_init(&body->json, table, sp_body_on_value, body);
}


void
sp_body_param(sp_body_t *body, sp_str_t name)
{
    int  i;

    switch (body->route->model) {

    case SP_MODEL_PATH:
        (void) sp_body_put(body, name, &i);    /* the first: there is room */
        break;

    case SP_MODEL_REQUIRED:
    case SP_MODEL_OPTIONAL:
        body->assumed = name;
        break;

    default: /* SP_MODEL_SERVED and those without one */
        break;
    }
}


sp_rc_t
sp_body_feed(sp_body_t *body, const unsigned char *data, size_t len)
{
    if (body->error != SP_BODY_FINE) {
        return SP_ERROR;
    }

    if (body->route->body == SP_BODY_MULTIPART) {
        return sp_body_form_feed(body, data, len);
    }

    if (body->route->body != SP_BODY_JSON) {
        return len == 0 ? SP_OK
                        : sp_body_fail(body, SP_BODY_UNEXPECTED, NULL, NULL);
    }

    if (sp_json_feed(&body->json, data, len) == SP_OK) {
        return SP_OK;
    }

    if (body->error == SP_BODY_FINE) {
        body->error = SP_BODY_BAD_JSON;
    }

    return SP_ERROR;
}


sp_rc_t
sp_body_finish(sp_body_t *body)
{
    if (body->error != SP_BODY_FINE) {
        return SP_ERROR;
    }

    switch (body->route->body) {

    case SP_BODY_NONE:
        return SP_OK;

    case SP_BODY_MULTIPART:

        if (sp_body_form_finish(body) != SP_OK) {
            return SP_ERROR;
        }

        break;

    default: /* SP_BODY_JSON */

        if (sp_json_finish(&body->json) != SP_OK) {
            body->error = SP_BODY_BAD_JSON;
            return SP_ERROR;
        }
    }

    if (body->nameless) {
        return sp_body_fail(body, SP_BODY_BAD_MODEL, "fallbacks",
                            "fallbacks must name a model each");
    }

    if (!body->primary && body->assumed.len != 0) {
        return sp_body_assume(body);
    }

    if (body->nmodels == 0 && body->route->model == SP_MODEL_LISTED) {
        return sp_body_fail(body, SP_BODY_BAD_MODEL, "requests",
                            "requests must name a model each");
    }

    if (!body->primary && body->route->model == SP_MODEL_REQUIRED) {
        return sp_body_fail(body, SP_BODY_BAD_MODEL, "model",
                            "model is required");
    }

    if (!body->primary && body->stored != NULL) {
        return sp_body_fail(body, SP_BODY_BAD_MODEL, "model",
                            "model is required where a stored object could "
                            "pick one");
    }

    return SP_OK;
}


/* What the server will take for /model: it stands where that would. */

static sp_rc_t
sp_body_assume(sp_body_t *body)
{
    int       i;
    sp_str_t  name;

    if (body->stored != NULL) {
        return sp_body_fail(body, SP_BODY_BAD_MODEL, "model",
                            "model is required where a stored object could "
                            "pick one");
    }

    if (sp_body_put(body, body->assumed, &i) != SP_OK) {
        return sp_body_fail(body, SP_BODY_TOO_MANY, "model", NULL);
    }

    name = body->models[i];
    body->models[i] = body->models[0];
    body->models[0] = name;
    body->primary = 1;

    return SP_OK;
}


sp_rc_t
sp_body_fail(sp_body_t *body, sp_body_error_t error, const char *field,
    const char *sentence)
{
    body->error = error;
    body->field = field;
    body->sentence = sentence;

    return SP_ERROR;
}


const char *
sp_body_strerror(const sp_body_t *body)
{
    if (body->sentence != NULL) {
        return body->sentence;
    }

    switch (body->error) {

    case SP_BODY_FINE:
        return "no error";

    case SP_BODY_BAD_JSON:
        return sp_json_strerror(body->json.error);

    case SP_BODY_BAD_FORM:
        return body->form.error;

    case SP_BODY_TOO_MANY:
        return "too many models in one request";

    case SP_BODY_UNEXPECTED:
        return "this call takes no body";

    default:
        return "body refused";
    }
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the judging of values that a body has in watched places:
 * one function a kind of field.
 */


#include "sp_body_field.h"


static int sp_body_printable(sp_str_t s);
static sp_rc_t sp_body_add(sp_body_t *body, const sp_body_field_t *field,
    sp_str_t name, int *index);
static sp_rc_t sp_body_refuse(sp_body_t *body, const sp_body_field_t *field);


sp_rc_t
sp_body_primary(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value)
{
    int       i;
    sp_str_t  name;

    if (value->type != SP_JSON_STRING) {
        return sp_body_refuse(body, field);
    }

    if (sp_body_add(body, field, value->text, &i) != SP_OK) {
        return SP_ERROR;
    }

    name = body->models[i];
    body->models[i] = body->models[0];
    body->models[0] = name;
    body->primary = 1;

    return SP_OK;
}


/* A second model: null leaves it to the first. */

sp_rc_t
sp_body_model(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value)
{
    int  i;

    if (value->type == SP_JSON_NULL) {
        return SP_OK;
    }

    if (value->type != SP_JSON_STRING) {
        return sp_body_refuse(body, field);
    }

    return sp_body_add(body, field, value->text, &i);
}


sp_rc_t
sp_body_fallback(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value)
{
    int  i;

    if (value->type == SP_JSON_STRING && !body->nameless) {
        return sp_body_add(body, field, value->text, &i);
    }

    if (value->type == SP_JSON_OBJECT && !body->nameless) {
        body->nameless = 1;
        return SP_OK;
    }

    return sp_body_refuse(body, field);
}


sp_rc_t
sp_body_fallback_model(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value)
{
    int  i;

    if (value->type != SP_JSON_STRING) {
        return sp_body_refuse(body, field);
    }

    body->nameless = 0;

    return sp_body_add(body, field, value->text, &i);
}


/* Refused at the end, unless /model overrides what was stored. */

sp_rc_t
sp_body_stored(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value)
{
    if (value->type == SP_JSON_STRING && !sp_body_printable(value->text)) {
        return sp_body_fail(body, SP_BODY_BAD_VALUE, field->name,
                            "an id has a byte that is not printable ASCII");
    }

    if (value->type != SP_JSON_NULL) {
        body->stored = field->name;
    }

    return SP_OK;
}


sp_rc_t
sp_body_unknown(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value)
{
    if (value->type == SP_JSON_NULL) {
        return SP_OK;
    }

    return sp_body_refuse(body, field);
}


sp_rc_t
sp_body_override(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value)
{
    return sp_body_refuse(body, field);
}


sp_rc_t
sp_body_stream(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value)
{
    if (value->type == SP_JSON_BOOL) {

        if (body->route->stream == SP_STREAM_BODY
            || body->route->stream == SP_STREAM_UNLESS)
        {
            body->stream = value->boolean != 0;
        }

        return SP_OK;
    }

    if (value->type == SP_JSON_NULL) {
        return SP_OK;
    }

    return sp_body_refuse(body, field);
}


sp_rc_t
sp_body_options(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value)
{
    if (value->type == SP_JSON_OBJECT || value->type == SP_JSON_NULL) {
        body->options = 1;
        return SP_OK;
    }

    return sp_body_refuse(body, field);
}


sp_rc_t
sp_body_usage(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value)
{
    if (value->type == SP_JSON_BOOL || value->type == SP_JSON_NULL) {
        body->usage = (value->type == SP_JSON_BOOL && value->boolean);
        return SP_OK;
    }

    return sp_body_refuse(body, field);
}


sp_rc_t
sp_body_array(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value)
{
    if (value->type == SP_JSON_ARRAY || value->type == SP_JSON_NULL) {
        return SP_OK;
    }

    return sp_body_refuse(body, field);
}


sp_rc_t
sp_body_tokens(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value)
{
    uint64_t  n;

    if (value->type == SP_JSON_NULL) {
        return SP_OK;
    }

    if (value->type != SP_JSON_NUMBER
        || sp_parse_uint(value->text, SP_TOKENS_MAX, &n) != SP_OK || n == 0)
    {
        return sp_body_refuse(body, field);
    }

    body->has_tokens = 1;
    body->max_tokens = n > body->max_tokens ? n : body->max_tokens;

    return SP_OK;
}


/* -1: until the model ends; -2: until its context is full. */

sp_rc_t
sp_body_predict(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value)
{
    static const sp_str_t  ends = sp_str("-1");
    static const sp_str_t  full = sp_str("-2");

    if (value->type == SP_JSON_NUMBER
        && (sp_str_eq(value->text, ends) || sp_str_eq(value->text, full)))
    {
        return SP_OK;
    }

    return sp_body_tokens(body, field, value);
}


sp_rc_t
sp_body_factor(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value)
{
    uint64_t  n;

    if (value->type == SP_JSON_NULL) {
        return SP_OK;
    }

    if (value->type != SP_JSON_NUMBER
        || sp_parse_uint(value->text, SP_FACTOR_MAX, &n) != SP_OK || n == 0)
    {
        return sp_body_refuse(body, field);
    }

    body->multi = 1;
    body->factor = n > body->factor ? n : body->factor;

    return SP_OK;
}


sp_rc_t
sp_body_user(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value)
{
    if (value->type == SP_JSON_NULL) {
        return SP_OK;
    }

    if (value->type != SP_JSON_STRING
        || value->text.len > sizeof(body->user_name))
    {
        return sp_body_refuse(body, field);
    }

    memcpy(body->user_name, value->text.data, value->text.len);
    body->user.data = body->user_name;
    body->user.len = value->text.len;

    return SP_OK;
}


static int
sp_body_printable(sp_str_t s)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {
        if (s.data[i] < 0x20 || s.data[i] > 0x7e) {
            return 0;
        }
    }

    return 1;
}


/* *index is where the name is, new or not. */

static sp_rc_t
sp_body_add(sp_body_t *body, const sp_body_field_t *field, sp_str_t name,
    int *index)
{
    unsigned char  spelling[SP_MODEL_LEN];

    if (!sp_model_name_ok(name)) {
        return sp_body_refuse(body, field);
    }

    if (body->route->dialect != SP_DIALECT_OPENAI) {
        name = sp_model_spelling(body->route->dialect, name, spelling);
    }

    if (sp_body_put(body, name, index) != SP_OK) {
        return sp_body_fail(body, SP_BODY_TOO_MANY, field->name, NULL);
    }

    return SP_OK;
}


sp_rc_t
sp_body_put(sp_body_t *body, sp_str_t name, int *index)
{
    int             i;
    unsigned char  *p;

    for (i = 0; i < body->nmodels; i++) {
        if (sp_str_eq(body->models[i], name)) {
            *index = i;
            return SP_OK;
        }
    }

    if (i == SP_MODELS_MAX || name.len > (size_t) SP_MODELS_BYTES
                                         - body->names_len)
    {
        return SP_ERROR;
    }

    p = body->names + body->names_len;
    memcpy(p, name.data, name.len);
    body->names_len = (uint16_t) (body->names_len + name.len);

    body->models[i].data = p;
    body->models[i].len = name.len;
    body->nmodels++;
    *index = i;

    return SP_OK;
}


static sp_rc_t
sp_body_refuse(sp_body_t *body, const sp_body_field_t *field)
{
    return sp_body_fail(body, field->error, field->name, field->sentence);
}

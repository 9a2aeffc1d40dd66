
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the fields of a request body that pick a model, ask for a
 * stream or bound the tokens: one table of them, compiled into one watch table
 * a dialect, and the one function a kind of field that judges it.
 */


#include "sp_body_field.h"


#define SP_IN_OPENAI      1
#define SP_IN_ANTHROPIC   2
#define SP_IN_BOTH        (SP_IN_OPENAI | SP_IN_ANTHROPIC)

#define SP_BODY_TABLE     16384   /* bytes of a compiled watch table */


typedef struct sp_body_field_s  sp_body_field_t;

typedef sp_rc_t (*sp_body_field_pt)(sp_body_t *body,
    const sp_body_field_t *field, const sp_json_value_t *value);


struct sp_body_field_s {
    const char        *path;
    const char        *name;      /* as clients know it */
    unsigned           dialects;
    sp_body_field_pt   judge;
    sp_body_error_t    error;     /* if it is refused, and what to say */
    const char        *sentence;
};


static void sp_body_compile(void);
static sp_rc_t sp_body_primary(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value);
static sp_rc_t sp_body_model(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value);
static sp_rc_t sp_body_fallback(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value);
static sp_rc_t sp_body_fallback_model(sp_body_t *body,
    const sp_body_field_t *field, const sp_json_value_t *value);
static sp_rc_t sp_body_stored(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value);
static sp_rc_t sp_body_unknown(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value);
static sp_rc_t sp_body_override(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value);
static sp_rc_t sp_body_stream(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value);
static sp_rc_t sp_body_options(sp_body_t *body,
    const sp_body_field_t *field, const sp_json_value_t *value);
static sp_rc_t sp_body_usage(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value);
static sp_rc_t sp_body_array(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value);
static sp_rc_t sp_body_tokens(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value);
static sp_rc_t sp_body_factor(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value);
static sp_rc_t sp_body_user(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value);
static int sp_body_printable(sp_str_t s);
static sp_rc_t sp_body_add(sp_body_t *body, const sp_body_field_t *field,
    sp_str_t name, int *index);
static sp_rc_t sp_body_refuse(sp_body_t *body, const sp_body_field_t *field);


#define sp_name_row(path, name, dialects, judge)                              \
    { path, name, SP_IN_##dialects, judge, SP_BODY_BAD_MODEL,                 \
      name " must be a model name: 1 to 256 printable ASCII characters "      \
      "without a space at either end, a list or parts of a URL" }

#define sp_picks_row(path, dialects, judge)                                   \
    { path, path, SP_IN_##dialects, judge, SP_BODY_BAD_MODEL,                 \
      path " lets the server pick a model, which cannot be checked" }

#define sp_override_row(path)                                                 \
    { path, path, SP_IN_BOTH, sp_body_override, SP_BODY_OVERRIDE,             \
      path " is not accepted: it could override what was checked" }

#define sp_list_row(path, type)                                               \
    { path, path, SP_IN_BOTH, sp_body_array, SP_BODY_BAD_MODEL,               \
      path " must be an array of " type }

#define sp_type_row(path, name, dialects, judge, type)                        \
    { path, name, SP_IN_##dialects, judge, SP_BODY_BAD_VALUE,                 \
      name " must be " type }

#define sp_count_row(path, name, dialects)                                    \
    sp_type_row(path, name, dialects, sp_body_tokens,                         \
                "a whole number from 1 to 4294967295")


static const sp_body_field_t  sp_body_fields[] = {

    /* what picks a model */

    sp_name_row("model", "model", BOTH, sp_body_primary),
    sp_name_row("models/*", "models", BOTH, sp_body_model),
    sp_name_row("tools/*/model", "tools.model", BOTH, sp_body_model),
    sp_name_row("tools/*/svg/model", "tools.svg.model", OPENAI,
                sp_body_model),
    sp_name_row("moderation/model", "moderation.model", OPENAI,
                sp_body_model),
    sp_name_row("fallbacks/*", "fallbacks", BOTH, sp_body_fallback),
    sp_name_row("fallbacks/*/model", "fallbacks.model", BOTH,
                sp_body_fallback_model),
    /* fallbacks: the word "default", too, is refused: the server would pick */

    sp_list_row("models", "model names"),
    sp_list_row("fallbacks", "objects that name a model each"),

    /* what makes the server pick one */

    sp_picks_row("prompt/id", OPENAI, sp_body_stored),
    sp_picks_row("previous_response_id", OPENAI, sp_body_stored),
    sp_picks_row("conversation", OPENAI, sp_body_stored),
    sp_picks_row("thread", ANTHROPIC, sp_body_unknown),
    sp_picks_row("route", BOTH, sp_body_unknown),
    sp_picks_row("engine", BOTH, sp_body_unknown),
    sp_picks_row("deployment", BOTH, sp_body_unknown),
    sp_picks_row("deployment_id", BOTH, sp_body_unknown),
    sp_picks_row("assistant_id", BOTH, sp_body_unknown),
    sp_picks_row("agent_id", BOTH, sp_body_unknown),

    sp_override_row("extra_body"),
    sp_override_row("extra_headers"),
    sp_override_row("extra_query"),
    sp_override_row("context_window_fallbacks"),
    sp_override_row("content_policy_fallbacks"),
    sp_override_row("model_list"),
    sp_override_row("user_config"),
    sp_override_row("custom_llm_provider"),
    sp_override_row("api_base"),
    sp_override_row("base_url"),

    /* what bounds the answer */

    sp_type_row("stream", "stream", BOTH, sp_body_stream, "true or false"),
    sp_type_row("stream_options", "stream_options", OPENAI, sp_body_options,
                "an object"),
    sp_type_row("stream_options/include_usage",
                "stream_options.include_usage", OPENAI, sp_body_usage,
                "true or false"),
    sp_type_row("tools", "tools", BOTH, sp_body_array, "an array"),

    sp_count_row("max_tokens", "max_tokens", BOTH),
    sp_count_row("max_completion_tokens", "max_completion_tokens", OPENAI),
    sp_count_row("max_output_tokens", "max_output_tokens", OPENAI),
    sp_count_row("fallbacks/*/max_tokens", "fallbacks.max_tokens", BOTH),
    sp_count_row("tools/*/max_tokens", "tools.max_tokens", ANTHROPIC),

    sp_type_row("n", "n", OPENAI, sp_body_factor,
                "a whole number from 1 to 65536"),
    sp_type_row("best_of", "best_of", OPENAI, sp_body_factor,
                "a whole number from 1 to 65536"),

    /* who the end user is; in the tables of those who want to know */

    sp_type_row("user", "user", OPENAI, sp_body_user, "text"),
    sp_type_row("metadata/user_id", "metadata.user_id", ANTHROPIC,
                sp_body_user, "text")
};


/*
 * Written once, by the constructor below, before anybody can read them; from
 * then on they are as constant as the table that they come from.
 */

static _Alignas(16) unsigned char  sp_body_room[2][2][SP_BODY_TABLE];
static const sp_json_table_t      *sp_body_tables[2][2];


__attribute__((constructor))
static void
sp_body_compile(void)
{
    size_t           i, n, need;
    unsigned         t, dialect, user;
    sp_json_watch_t  watches[sp_nelts(sp_body_fields)];

    for (t = 0; t < 4; t++) {
        dialect = t >> 1;
        user = t & 1;
        n = 0;

        for (i = 0; i < sp_nelts(sp_body_fields); i++) {

            if (!(sp_body_fields[i].dialects & (1u << dialect))
                || (sp_body_fields[i].judge == sp_body_user && !user))
            {
                continue;
            }

            watches[n].path = sp_body_fields[i].path;
            watches[n++].id = (int) i;
        }

        sp_body_tables[dialect][user] = sp_json_compile(watches, n,
                                            sp_body_room[dialect][user],
                                            SP_BODY_TABLE, &need);
    }
}


const sp_json_table_t *
sp_body_table(unsigned dialect, unsigned user)
{
    return sp_body_tables[dialect][user];
}


sp_rc_t
sp_body_on_value(void *ctx, int id, const sp_json_value_t *value)
{
    const sp_body_field_t  *field;

    field = &sp_body_fields[id];

    return field->judge(ctx, field, value);
}


static sp_rc_t
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

static sp_rc_t
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


static sp_rc_t
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


static sp_rc_t
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

static sp_rc_t
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


static sp_rc_t
sp_body_unknown(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value)
{
    if (value->type == SP_JSON_NULL) {
        return SP_OK;
    }

    return sp_body_refuse(body, field);
}


static sp_rc_t
sp_body_override(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value)
{
    return sp_body_refuse(body, field);
}


static sp_rc_t
sp_body_stream(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value)
{
    if (value->type == SP_JSON_BOOL) {
        body->stream = value->boolean != 0;
        return SP_OK;
    }

    if (value->type == SP_JSON_NULL) {
        return SP_OK;
    }

    return sp_body_refuse(body, field);
}


static sp_rc_t
sp_body_options(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value)
{
    if (value->type == SP_JSON_OBJECT || value->type == SP_JSON_NULL) {
        body->options = 1;
        return SP_OK;
    }

    return sp_body_refuse(body, field);
}


static sp_rc_t
sp_body_usage(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value)
{
    if (value->type == SP_JSON_BOOL || value->type == SP_JSON_NULL) {
        body->usage = (value->type == SP_JSON_BOOL && value->boolean);
        return SP_OK;
    }

    return sp_body_refuse(body, field);
}


static sp_rc_t
sp_body_array(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value)
{
    if (value->type == SP_JSON_ARRAY || value->type == SP_JSON_NULL) {
        return SP_OK;
    }

    return sp_body_refuse(body, field);
}


static sp_rc_t
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


static sp_rc_t
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


static sp_rc_t
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
    int             i;
    unsigned char  *p;

    if (!sp_model_name_ok(name)) {
        return sp_body_refuse(body, field);
    }

    for (i = 0; i < body->nmodels; i++) {
        if (sp_str_eq(body->models[i], name)) {
            *index = i;
            return SP_OK;
        }
    }

    if (i == SP_MODELS_MAX || name.len > (size_t) SP_MODELS_BYTES
                                         - body->names_len)
    {
        return sp_body_fail(body, SP_BODY_TOO_MANY, field->name, NULL);
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


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the judging of forms (multipart/form-data): a field is
 * what a member of that name would be in a JSON object, and goes to the same
 * row. What frameworks read as one of those names in another spelling, or as
 * a part of one ("model[]", "extra_body.model", "MODEL"), is refused.
 */


#include "sp_body_field.h"


static sp_rc_t sp_body_on_field(void *ctx, const sp_multipart_field_t *field);
static sp_rc_t sp_body_form_refuse(sp_body_t *body,
    const sp_body_field_t *row, const char *sentence);
static int sp_body_form_watched(const sp_body_t *body,
    const sp_body_field_t *row);
static size_t sp_body_form_first(const char *path);
static unsigned char sp_body_form_lower(unsigned char c);
static int sp_body_form_twin(sp_str_t name, const char *first, size_t len);
static sp_rc_t sp_body_form_once(sp_body_t *body, sp_str_t name);
static sp_rc_t sp_body_form_judge(sp_body_t *body,
    const sp_body_field_t *row, const sp_multipart_field_t *field);


/* These pick no model, but readers of two of them take different ones. */

static const sp_str_t  sp_body_singles[] = {
    sp_str("language"),
    sp_str("prompt"),
    sp_str("purpose"),
    sp_str("response_format"),
    sp_str("user")
};

_Static_assert(sp_nelts(sp_body_singles) <= SP_BODY_SINGLES, "a bit each");


sp_rc_t
sp_body_form(sp_body_t *body, sp_str_t content_type)
{
    body->formed = 1;
    body->once[0] = 0;
    body->once[1] = 0;

    if (sp_multipart_init(&body->form, content_type, sp_body_on_field, body)
        != SP_OK)
    {
        return sp_body_fail(body, SP_BODY_BAD_FORM, NULL, NULL);
    }

    return SP_OK;
}


sp_rc_t
sp_body_form_feed(sp_body_t *body, const unsigned char *data, size_t len)
{
    if (!body->formed) {
        return sp_body_fail(body, SP_BODY_UNEXPECTED, NULL,
                            "the form's Content-Type is not known");
    }

    if (sp_multipart_feed(&body->form, data, len) == SP_OK) {
        return SP_OK;
    }

    return body->error != SP_BODY_FINE
           ? SP_ERROR : sp_body_fail(body, SP_BODY_BAD_FORM, NULL, NULL);
}


sp_rc_t
sp_body_form_finish(sp_body_t *body)
{
    if (sp_body_form_feed(body, NULL, 0) != SP_OK) {
        return SP_ERROR;
    }

    if (sp_multipart_finish(&body->form) != SP_OK) {
        return sp_body_fail(body, SP_BODY_BAD_FORM, NULL, NULL);
    }

    return SP_OK;
}


/*
 * A part has ended. Of rows with the same first key the first one's bit says
 * that the name was there.
 */

static sp_rc_t
sp_body_on_field(void *ctx, const sp_multipart_field_t *field)
{
    size_t                  i, len;
    sp_body_t              *body = ctx;
    const sp_body_field_t  *row;

    if (field->name.data[0] == '['
        || sp_str_caseeq(field->name, SP_STR("_charset_")))
    {
        return sp_body_fail(body, SP_BODY_BAD_FORM, NULL,
                            "a field's name is one that readers take for "
                            "another's, or for the form's encoding");
    }

    for (i = 0; (row = sp_body_field(i)) != NULL; i++) {
        len = sp_body_form_first(row->path);

        if (!sp_body_form_watched(body, row)
            || !sp_body_form_twin(field->name, row->path, len))
        {
            continue;
        }

        if (field->name.len != len
            || memcmp(field->name.data, row->path, len) != 0)
        {
            return sp_body_form_refuse(body, row, "a field's name is one that "
                                       "readers take for another's: other "
                                       "letters, brackets or dots");
        }

        if (body->once[i / 64] & (UINT64_C(1) << i % 64)) {
            return sp_body_form_refuse(body, row, "a field is there twice");
        }

        body->once[i / 64] |= UINT64_C(1) << i % 64;
        break;
    }

    if (sp_body_form_once(body, field->name) != SP_OK) {
        return SP_ERROR;
    }

    for ( /* void */ ; row != NULL; row = sp_body_field(++i)) {

        if (sp_body_form_watched(body, row)
            && sp_str_eq(field->name, sp_cstr(row->path)))
        {
            return sp_body_form_judge(body, row, field);
        }
    }

    /* a file of calls, each of which would name a model that nobody reads */

    if (body->route->model == SP_MODEL_NONE
        && sp_str_eq(field->name, SP_STR("purpose"))
        && (!field->whole || field->typed
            || sp_str_caseeq(field->value, SP_STR("batch"))))
    {
        return sp_body_fail(body, SP_BODY_BAD_MODEL, "purpose",
                            "a file of calls is refused: the models that they "
                            "name are not judged");
    }

    return SP_OK;
}


static sp_rc_t
sp_body_form_refuse(sp_body_t *body, const sp_body_field_t *row,
    const char *sentence)
{
    return sp_body_fail(body, SP_BODY_BAD_FORM, row->name, sentence);
}


static int
sp_body_form_watched(const sp_body_t *body, const sp_body_field_t *row)
{
    return (row->dialects & (1u << body->route->dialect))
           && (row->judge != sp_body_user || body->asked);
}


static size_t
sp_body_form_first(const char *path)
{
    return strcspn(path, "/");
}


static unsigned char
sp_body_form_lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char) (c | 0x20) : c;
}


/*
 * Some drop what is behind a bracket or a dot, or take it for a member's name;
 * PHP makes '_' of both.
 */

static int
sp_body_form_twin(sp_str_t name, const char *first, size_t len)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < len && i < name.len; i++) {
        c = sp_body_form_lower(name.data[i]);

        if (c == '.' || c == '[' || c == '-') {
            c = '_';
        }

        if (c != sp_body_form_lower((unsigned char) first[i])) {
            return 0;
        }
    }

    return i == len && (name.len == len || name.data[len] == '['
                        || name.data[len] == '.');
}


static sp_rc_t
sp_body_form_once(sp_body_t *body, sp_str_t name)
{
    size_t    i;
    uint64_t  bit;

    for (i = 0; i < sp_nelts(sp_body_singles); i++) {

        if (!sp_str_caseeq(name, sp_body_singles[i])) {
            continue;
        }

        bit = UINT64_C(1) << (SP_BODY_ONCE + i) % 64;

        if ((body->once[1] & bit) || !sp_str_eq(name, sp_body_singles[i])) {
            return sp_body_fail(body, SP_BODY_BAD_FORM,
                                (const char *) sp_body_singles[i].data,
                                "a field is there twice, or in other letters");
        }

        body->once[1] |= bit;
    }

    return SP_OK;
}


/*
 * Its text is of the type that the row wants, or a string: the row's judge
 * refuses that. What is a file to one reader is a value to another.
 */

static sp_rc_t
sp_body_form_judge(sp_body_t *body, const sp_body_field_t *row,
    const sp_multipart_field_t *field)
{
    sp_json_value_t  value;

    if (field->file || field->typed) {
        return sp_body_form_refuse(body, row, "a field must be text, without "
                                   "a filename or a Content-Type");
    }

    if (!field->whole) {
        return sp_body_form_refuse(body, row, "a field is too long");
    }

    if (!sp_utf8_valid(field->value)
        || memchr(field->value.data, '\0', field->value.len) != NULL)
    {
        return sp_body_form_refuse(body, row, "a field must be UTF-8");
    }

    value.type = SP_JSON_STRING;
    value.boolean = 0;
    value.element = -1;
    value.text = field->value;

    if (row->judge == sp_body_stream || row->judge == sp_body_usage) {

        if (sp_str_eq(field->value, SP_STR("true"))
            || sp_str_eq(field->value, SP_STR("false")))
        {
            value.type = SP_JSON_BOOL;
            value.boolean = field->value.len == sizeof("true") - 1;
        }

    } else if (row->judge == sp_body_tokens || row->judge == sp_body_factor
               || row->judge == sp_body_predict)
    {
        value.type = SP_JSON_NUMBER;
    }

    return row->judge(body, row, &value);
}

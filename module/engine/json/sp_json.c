
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the JSON scanner. Its state is one byte and a stack of
 * places; where pieces of the input are cut makes no difference to what is
 * reported, nor to the place of an error. Strings and scalars have their own
 * files, and so has the short way through documents as most are written.
 */


#include "sp_json_scan.h"


static sp_json_pos_t sp_json_structure(sp_json_t *json, sp_json_pos_t p,
    sp_json_pos_t end);
static sp_json_pos_t sp_json_open(sp_json_t *json, sp_json_pos_t p);


void
sp_json_init(sp_json_t *json, const sp_json_table_t *table,
    sp_json_value_pt on_value, void *ctx)
{
    json->table = table;
    json->on_value = on_value;
    json->ctx = ctx;
    json->error = SP_JSON_FINE;
    json->offset = 0;
    json->state = SP_JSON_S_START;
    json->sub = 0;
    json->flags = 0;
    json->utf8_left = 0;
    json->utf8_lo = 0;
    json->utf8_hi = 0;
    json->text_len = 0;
    json->depth = 0;
    json->live = 0;
    json->node = 0;
    json->escape = 0;
    json->high = 0;
}


sp_rc_t
sp_json_feed(sp_json_t *json, const unsigned char *data, size_t len)
{
    sp_json_pos_t  p, end;

    if (json->error != SP_JSON_FINE) {
        return SP_ERROR;
    }

    p = data;
    end = len == 0 ? data : data + len;

    while (p != end) {

        if (json->state < SP_JSON_S_NUMBER) {
            p = sp_json_quick(json, p, end);

            if (p != end && json->state < SP_JSON_S_NUMBER
                && json->error == SP_JSON_FINE)
            {
                p = sp_json_structure(json, p, end);
            }

        } else if (json->state == SP_JSON_S_STRING) {
            p = sp_json_string(json, p, end);

        } else if (json->state == SP_JSON_S_NUMBER) {
            p = sp_json_number(json, p, end);

        } else if (json->state == SP_JSON_S_LITERAL) {
            p = sp_json_literal(json, p, end);

        } else {
            p = sp_json_string_byte(json, p);
        }

        if (json->error != SP_JSON_FINE) {
            json->offset += (uint64_t) (p - data);
            return SP_ERROR;
        }
    }

    json->offset += len;

    return SP_OK;
}


sp_rc_t
sp_json_finish(sp_json_t *json)
{
    if (json->error == SP_JSON_FINE && json->state != SP_JSON_S_DONE) {
        json->error = SP_JSON_TRUNCATED;
    }

    return json->error == SP_JSON_FINE ? SP_OK : SP_ERROR;
}


/* Goes on until something longer than a byte begins, or the piece ends. */

static sp_json_pos_t
sp_json_structure(sp_json_t *json, sp_json_pos_t p, sp_json_pos_t end)
{
    unsigned char  c;

    for ( /* void */ ; p != end; p++) {
        c = *p;

        if (sp_json_space(c)) {
            continue;
        }

        switch (json->state) {

        case SP_JSON_S_FIRST_KEY:
            if (c == '}') {
                json->state = (uint8_t) sp_json_close(json);
                continue;
            }

            /* fall through */

        case SP_JSON_S_KEY:
            if (c != '"') {
                return sp_json_fail(json, p, SP_JSON_SYNTAX);
            }

            json->state = SP_JSON_S_STRING;
            json->text_len = 0;
            json->flags = json->live != json->depth
                          ? SP_JSON_F_KEY : SP_JSON_F_KEY | SP_JSON_F_COLLECT;

            return sp_json_string(json, p + 1, end);

        case SP_JSON_S_COLON:
            if (c != ':') {
                return sp_json_fail(json, p, SP_JSON_SYNTAX);
            }

            json->state = SP_JSON_S_VALUE;
            continue;

        case SP_JSON_S_FIRST_VALUE:
            if (c == ']') {
                json->state = (uint8_t) sp_json_close(json);
                continue;
            }

            /* fall through */

        case SP_JSON_S_VALUE:
            return sp_json_value(json, p, end);

        case SP_JSON_S_AFTER:
            if (c == ',') {
                json->state = (uint8_t) sp_json_comma(json);

            } else if (c == json->close[json->depth - 1]) {
                json->state = (uint8_t) sp_json_close(json);

            } else {
                return sp_json_fail(json, p, SP_JSON_SYNTAX);
            }

            continue;

        case SP_JSON_S_START:
            if (c == '{') {
                return sp_json_open(json, p);
            }

            /* fall through */

        default:   /* SP_JSON_S_DONE */
            return sp_json_fail(json, p, SP_JSON_SYNTAX);
        }
    }

    return p;
}


sp_json_pos_t
sp_json_value(sp_json_t *json, sp_json_pos_t p, sp_json_pos_t end)
{
    json->text_len = 0;
    json->flags = 0;
    json->sub = 0;

    if (sp_json_watched(json)) {
        json->flags = SP_JSON_F_COLLECT;
    }

    switch (*p) {

    case '"':
        json->state = SP_JSON_S_STRING;
        return sp_json_string(json, p + 1, end);

    case '{':
    case '[':
        return sp_json_open(json, p);

    case 'n':
    case 't':
    case 'f':
        json->state = SP_JSON_S_LITERAL;
        json->escape = *p == 'n' ? 0 : *p == 't' ? 1 : 2;
        return sp_json_literal(json, p, end);

    default:
        json->state = SP_JSON_S_NUMBER;
        return sp_json_number(json, p, end);
    }
}


static sp_json_pos_t
sp_json_open(sp_json_t *json, sp_json_pos_t p)
{
    int                    node;
    unsigned               d, is_array;
    const sp_json_node_t  *place;

    d = json->depth;

    if (d == SP_JSON_DEPTH) {
        return sp_json_fail(json, p, SP_JSON_DEEP);
    }

    if (json->node == -1) {
        json->state = (uint8_t) sp_json_push(json, *p);
        return p + 1;
    }

    is_array = *p == '[';

    if (sp_json_report(json, is_array ? SP_JSON_ARRAY : SP_JSON_OBJECT, 0,
                       NULL, 0)
        != SP_OK)
    {
        return p;
    }

    place = &json->table->nodes[json->node];
    node = is_array ? place->star : place->keys != 0 ? json->node : -1;

    json->state = (uint8_t) sp_json_push(json, *p);
    json->node = is_array ? (int16_t) node : -1;

    if (node != -1) {
        json->live = json->depth;
        json->nodes[d] = (int16_t) node;
        json->element[d] = is_array ? 0 : d == 0 ? -1 : json->element[d - 1];
        json->seen[d] = 0;
    }

    return p + 1;
}


sp_rc_t
sp_json_report(sp_json_t *json, sp_json_type_t type, int boolean,
    const unsigned char *text, size_t len)
{
    int              id;
    sp_json_value_t  value;

    if (json->node == -1) {
        return SP_OK;
    }

    id = json->table->nodes[json->node].id;

    if (id == -1) {
        return SP_OK;
    }

    value.type = type;
    value.boolean = boolean;
    value.element = json->depth == 0 ? -1 : json->element[json->depth - 1];
    value.text.len = len;
    value.text.data = text;

    if (json->on_value(json->ctx, id, &value) != SP_OK) {
        json->error = SP_JSON_REFUSED;
        return SP_ERROR;
    }

    return SP_OK;
}


/* Bytes that cannot stand where they do: text in another encoding has them. */

sp_json_pos_t
sp_json_fail(sp_json_t *json, sp_json_pos_t p, sp_json_error_t error)
{
    if (error == SP_JSON_SYNTAX && *p >= 0x80) {
        error = SP_JSON_UTF8;
    }

    json->error = error;

    return p;
}


const char *
sp_json_strerror(sp_json_error_t error)
{
    static const char *const  texts[] = {
        [SP_JSON_FINE] = "no error",
        [SP_JSON_SYNTAX] = "not one object of strict JSON",
        [SP_JSON_UTF8] = "not valid UTF-8, or a lone surrogate",
        [SP_JSON_DEEP] = "nested too deeply",
        [SP_JSON_DUPLICATE] = "duplicate key",
        [SP_JSON_TWIN] = "key that some readers take for a known one",
        [SP_JSON_LONG] = "value too long",
        [SP_JSON_REFUSED] = "value refused",
        [SP_JSON_TRUNCATED] = "ends before the object does"
    };

    if ((unsigned) error >= sp_nelts(texts)) {
        return "unknown error";
    }

    return texts[error];
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the JSON scanner. Its state is one byte and a stack of
 * places; where pieces of the input are cut makes no difference to what is
 * reported, nor to the place of an error. Strings are in sp_json_string.c.
 */


#include "sp_json_scan.h"


#define sp_json_space(c)                                                      \
    ((c) == ' ' || (c) == '\n' || (c) == '\r' || (c) == '\t')


static sp_json_pos_t sp_json_structure(sp_json_t *json, sp_json_pos_t p,
    sp_json_pos_t end);
static sp_json_pos_t sp_json_value(sp_json_t *json, sp_json_pos_t p,
    sp_json_pos_t end);
static sp_json_pos_t sp_json_open(sp_json_t *json, sp_json_pos_t p,
    unsigned is_array);
static sp_json_pos_t sp_json_close(sp_json_t *json, sp_json_pos_t p,
    unsigned is_array);
static unsigned sp_json_number_next(unsigned sub, unsigned char c);
static sp_json_pos_t sp_json_number(sp_json_t *json, sp_json_pos_t p,
    sp_json_pos_t end);
static sp_json_pos_t sp_json_literal(sp_json_t *json, sp_json_pos_t p,
    sp_json_pos_t end);


static const struct {
    sp_json_type_t  type;
    int             boolean;
    sp_str_t        text;
} sp_json_literals[] = {
    { SP_JSON_NULL, 0, sp_str("null") },
    { SP_JSON_BOOL, 1, sp_str("true") },
    { SP_JSON_BOOL, 0, sp_str("false") }
};


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
            p = sp_json_structure(json, p, end);

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
    unsigned       d;
    unsigned char  c;

    for ( /* void */ ; p != end; p++) {
        c = *p;

        if (sp_json_space(c)) {
            continue;
        }

        switch (json->state) {

        case SP_JSON_S_FIRST_KEY:
            if (c == '}') {
                return sp_json_close(json, p, 0);
            }

            /* fall through */

        case SP_JSON_S_KEY:
            if (c != '"') {
                return sp_json_fail(json, p, SP_JSON_SYNTAX);
            }

            json->state = SP_JSON_S_STRING;
            json->text_len = 0;
            json->flags = SP_JSON_F_KEY;

            if (json->nodes[json->depth - 1] != -1) {
                json->flags |= SP_JSON_F_COLLECT;
            }

            return sp_json_string(json, p + 1, end);

        case SP_JSON_S_COLON:
            if (c != ':') {
                return sp_json_fail(json, p, SP_JSON_SYNTAX);
            }

            json->state = SP_JSON_S_VALUE;
            continue;

        case SP_JSON_S_FIRST_VALUE:
            if (c == ']') {
                return sp_json_close(json, p, 1);
            }

            /* fall through */

        case SP_JSON_S_VALUE:
            return sp_json_value(json, p, end);

        case SP_JSON_S_AFTER:
            if (c != ',') {
                return sp_json_close(json, p, c == ']');
            }

            d = json->depth - 1;

            if ((json->is_array[d / 64] >> (d % 64) & 1) == 0) {
                json->state = SP_JSON_S_KEY;
                continue;
            }

            json->state = SP_JSON_S_VALUE;
            json->node = json->nodes[d];
            json->element[d] += json->element[d] != INT32_MAX;
            continue;

        case SP_JSON_S_START:
            if (c == '{') {
                return sp_json_open(json, p, 0);
            }

            /* fall through */

        default:   /* SP_JSON_S_DONE */
            return sp_json_fail(json, p, SP_JSON_SYNTAX);
        }
    }

    return p;
}


static sp_json_pos_t
sp_json_value(sp_json_t *json, sp_json_pos_t p, sp_json_pos_t end)
{
    json->text_len = 0;
    json->flags = 0;

    if (json->node != -1 && json->table->nodes[json->node].id != -1) {
        json->flags = SP_JSON_F_COLLECT;
    }

    switch (*p) {

    case '"':
        json->state = SP_JSON_S_STRING;
        return sp_json_string(json, p + 1, end);

    case '{':
        return sp_json_open(json, p, 0);

    case '[':
        return sp_json_open(json, p, 1);

    case '-':
        json->sub = SP_JSON_N_MINUS;
        break;

    case '0':
        json->sub = SP_JSON_N_ZERO;
        break;

    case 'n':
    case 't':
    case 'f':
        json->state = SP_JSON_S_LITERAL;
        json->escape = *p == 'n' ? 0 : *p == 't' ? 1 : 2;
        json->sub = 0;
        return sp_json_literal(json, p, end);

    default:
        if (*p < '1' || *p > '9') {
            return sp_json_fail(json, p, SP_JSON_SYNTAX);
        }

        json->sub = SP_JSON_N_INT;
    }

    json->state = SP_JSON_S_NUMBER;

    if (json->flags & SP_JSON_F_COLLECT) {
        json->text[json->text_len++] = *p;
    }

    return sp_json_number(json, p + 1, end);
}


static sp_json_pos_t
sp_json_open(sp_json_t *json, sp_json_pos_t p, unsigned is_array)
{
    int                    node;
    unsigned               d;
    uint64_t               bit;
    const sp_json_node_t  *place;

    d = json->depth;

    if (d == SP_JSON_DEPTH) {
        return sp_json_fail(json, p, SP_JSON_DEEP);
    }

    if (sp_json_report(json, is_array ? SP_JSON_ARRAY : SP_JSON_OBJECT, 0,
                       NULL, 0)
        != SP_OK)
    {
        return p;
    }

    node = -1;
    bit = UINT64_C(1) << (d % 64);

    if (json->node != -1) {
        place = &json->table->nodes[json->node];

        if (is_array) {
            node = place->star;

        } else if (place->keys != 0) {
            node = json->node;
        }
    }

    json->depth++;
    json->nodes[d] = (int16_t) node;

    if (is_array) {
        json->is_array[d / 64] |= bit;
        json->element[d] = 0;
        json->node = (int16_t) node;
        json->state = SP_JSON_S_FIRST_VALUE;

    } else {
        json->is_array[d / 64] &= ~bit;
        json->element[d] = d == 0 ? -1 : json->element[d - 1];
        json->seen[d] = 0;
        json->state = SP_JSON_S_FIRST_KEY;
    }

    return p + 1;
}


/* p is at what should be the bracket. */

static sp_json_pos_t
sp_json_close(sp_json_t *json, sp_json_pos_t p, unsigned is_array)
{
    unsigned  d;

    d = json->depth - 1;

    if ((json->is_array[d / 64] >> (d % 64) & 1) != is_array
        || *p != (is_array ? ']' : '}'))
    {
        return sp_json_fail(json, p, SP_JSON_SYNTAX);
    }

    json->depth--;
    json->state = d == 0 ? SP_JSON_S_DONE : SP_JSON_S_AFTER;

    return p + 1;
}


static unsigned
sp_json_number_next(unsigned sub, unsigned char c)
{
    if (c >= '0' && c <= '9') {

        switch (sub) {

        case SP_JSON_N_MINUS:
            return c == '0' ? SP_JSON_N_ZERO : SP_JSON_N_INT;

        case SP_JSON_N_ZERO:
            return SP_JSON_N_BAD;

        case SP_JSON_N_INT:
            return SP_JSON_N_INT;

        case SP_JSON_N_DOT:
        case SP_JSON_N_FRACTION:
            return SP_JSON_N_FRACTION;

        default:
            return SP_JSON_N_EXPONENT;
        }
    }

    if (sub == SP_JSON_N_E && (c == '+' || c == '-')) {
        return SP_JSON_N_SIGN;
    }

    if (sub == SP_JSON_N_MINUS || sub == SP_JSON_N_DOT || sub == SP_JSON_N_E
        || sub == SP_JSON_N_SIGN)
    {
        return SP_JSON_N_BAD;
    }

    if (c == '.' && (sub == SP_JSON_N_ZERO || sub == SP_JSON_N_INT)) {
        return SP_JSON_N_DOT;
    }

    if ((c == 'e' || c == 'E') && sub != SP_JSON_N_EXPONENT) {
        return SP_JSON_N_E;
    }

    return SP_JSON_N_END;
}


/* Never converted: only its form is judged. */

static sp_json_pos_t
sp_json_number(sp_json_t *json, sp_json_pos_t p, sp_json_pos_t end)
{
    int            took;
    unsigned       sub, next;
    sp_json_pos_t  run;

    sub = json->sub;
    next = sub;

    for (run = p; p != end; p++) {
        if (sub == SP_JSON_N_INT && *p >= '0' && *p <= '9') {
            continue;
        }

        next = sp_json_number_next(sub, *p);

        if (next >= SP_JSON_N_END) {
            break;
        }

        sub = next;
    }

    json->sub = (uint8_t) sub;
    took = sp_json_append(json, run, (size_t) (p - run));

    if (took != -1) {
        return sp_json_fail(json, run + took, SP_JSON_LONG);
    }

    if (next == SP_JSON_N_BAD) {
        return sp_json_fail(json, p, SP_JSON_SYNTAX);
    }

    if (next == SP_JSON_N_END) {
        json->state = SP_JSON_S_AFTER;
        (void) sp_json_report(json, SP_JSON_NUMBER, 0, json->text,
                              json->text_len);
    }

    return p;
}


static sp_json_pos_t
sp_json_literal(sp_json_t *json, sp_json_pos_t p, sp_json_pos_t end)
{
    unsigned         which;
    const sp_str_t  *text;

    which = json->escape;
    text = &sp_json_literals[which].text;

    while (p != end && json->sub < text->len) {

        if (*p != text->data[json->sub]) {
            return sp_json_fail(json, p, SP_JSON_SYNTAX);
        }

        json->sub++;
        p++;
    }

    if (json->sub == text->len) {
        json->state = SP_JSON_S_AFTER;
        (void) sp_json_report(json, sp_json_literals[which].type,
                              sp_json_literals[which].boolean, NULL, 0);
    }

    return p;
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
        [SP_JSON_TWIN] = "key that differs from a known one only by case",
        [SP_JSON_LONG] = "value too long",
        [SP_JSON_REFUSED] = "value refused",
        [SP_JSON_TRUNCATED] = "ends before the object does"
    };

    if ((unsigned) error >= sp_nelts(texts)) {
        return "unknown error";
    }

    return texts[error];
}

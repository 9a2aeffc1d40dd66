
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the JSON scanner's short way through what serializers
 * write. It refuses nothing: what it does not know by sight is left where it
 * is, in a state from which the longer way goes on, and that would have come
 * to the same without this one.
 */


#include "sp_json_scan.h"


/* A comma, a quote, 16 bytes of a string and some to spare can be read. */
#define SP_JSON_AHEAD  20


static sp_json_pos_t sp_json_quick_run(sp_json_t *json, sp_json_pos_t p,
    sp_json_pos_t end, sp_json_pos_t last);
static inline sp_json_pos_t sp_json_quick_key(sp_json_t *json,
    sp_json_pos_t p, sp_json_pos_t end);
static inline sp_json_pos_t sp_json_quick_value(sp_json_t *json,
    sp_json_pos_t p, sp_json_pos_t end, unsigned *state);
static sp_json_pos_t sp_json_quick_watched(sp_json_t *json, sp_json_pos_t p,
    sp_json_pos_t end);
static inline sp_json_pos_t sp_json_quick_number(sp_json_pos_t p,
    sp_json_pos_t end);


sp_json_pos_t
sp_json_quick(sp_json_t *json, sp_json_pos_t p, sp_json_pos_t end)
{
    size_t         n;
    unsigned char  tail[2 * SP_JSON_AHEAD];

    if (end - p >= SP_JSON_AHEAD) {
        p = sp_json_quick_run(json, p, end, end - SP_JSON_AHEAD);

        if (json->state >= SP_JSON_S_NUMBER || json->error != SP_JSON_FINE) {
            return p;
        }
    }

    n = (size_t) (end - p);

    if (n < 2 || n >= SP_JSON_AHEAD) {
        return p;
    }

    /* zeros behind the last bytes: they can be read and are never known */

    memset(tail, 0, sizeof(tail));
    memcpy(tail, p, n);

    return p + (sp_json_quick_run(json, tail, tail + n, tail + n - 1) - tail);
}


/* A token may begin up to "last", from where on SP_JSON_AHEAD are readable. */

static sp_json_pos_t
sp_json_quick_run(sp_json_t *json, sp_json_pos_t p, sp_json_pos_t end,
    sp_json_pos_t last)
{
    unsigned       state;
    sp_json_pos_t  q;

    state = json->state;

    while (p <= last) {

        if (*p <= ' ') {
            if (!sp_json_space(*p)) {
                break;
            }

            p++;
            continue;
        }

        if (state == SP_JSON_S_AFTER) {
            if (*p == ',') {
                state = sp_json_comma(json);

            } else if (*p == json->close[json->depth - 1]) {
                state = sp_json_close(json);

            } else {
                break;
            }

            if (*++p <= ' ' || state == SP_JSON_S_AFTER) {
                continue;
            }
        }

        if (state == SP_JSON_S_KEY || state == SP_JSON_S_FIRST_KEY) {
            q = sp_json_quick_key(json, p, end);

            if (q == NULL) {
                break;
            }

            p = q;
            state = SP_JSON_S_VALUE;

            if (p > last || *p <= ' ') {
                continue;
            }
        }

        if (state != SP_JSON_S_VALUE && state != SP_JSON_S_FIRST_VALUE
            && (state != SP_JSON_S_START || *p != '{'))
        {
            break;
        }

        if (*p == ']') {
            break;
        }

        p = sp_json_quick_value(json, p, end, &state);

        if (state >= SP_JSON_S_NUMBER || json->error != SP_JSON_FINE) {
            break;
        }
    }

    json->state = (uint8_t) state;

    return p;
}


/* Behind the colon, or NULL if that is not in sight. */

static inline sp_json_pos_t
sp_json_quick_key(sp_json_t *json, sp_json_pos_t p, sp_json_pos_t end)
{
    size_t         len;
    sp_json_pos_t  key, q;

    if (*p != '"') {
        return NULL;
    }

    key = p + 1;
    q = sp_json_plain_16(key, end);

    if (end - q < 2 || memcmp(q, "\":", 2) != 0) {
        return NULL;
    }

    if (json->live == json->depth) {
        len = (size_t) (q - key);

        /* a longer one may have letters outside ASCII */

        if (len < 16
            && !sp_json_table_may(json->table, json->nodes[json->depth - 1],
                                  key, len))
        {
            json->node = -1;

        } else if (sp_json_key(json, key, len) != SP_JSON_FINE) {
            return NULL;
        }
    }

    return q + 2;
}


static inline sp_json_pos_t
sp_json_quick_value(sp_json_t *json, sp_json_pos_t p, sp_json_pos_t end,
    unsigned *state)
{
    sp_json_pos_t  q;

    if (sp_json_watched(json)) {
        q = sp_json_quick_watched(json, p, end);
        *state = json->state;
        return q;
    }

    if (*p == '"') {
        q = sp_json_plain_16(p + 1, end);

        if (q != end && *q == '"') {
            *state = SP_JSON_S_AFTER;
            return q + 1;
        }

        /* a long one need not be read again from its beginning */

        json->flags = 0;
        json->text_len = 0;
        *state = SP_JSON_S_STRING;

        return q;
    }

    q = sp_json_quick_number(p, end);

    if (q != NULL) {
        *state = SP_JSON_S_AFTER;
        return q;
    }

    if ((*p == '{' || *p == '[') && json->node == -1
        && json->depth < SP_JSON_DEPTH)
    {
        *state = sp_json_push(json, *p);
        return p + 1;
    }

    q = sp_json_value(json, p, end);
    *state = json->state;

    return q;
}


/* A string or number in sight is handed over from where it is. */

static sp_json_pos_t
sp_json_quick_watched(sp_json_t *json, sp_json_pos_t p, sp_json_pos_t end)
{
    sp_json_pos_t   q, text, next;
    sp_json_type_t  type;

    if (*p == '"') {
        type = SP_JSON_STRING;
        text = p + 1;
        q = sp_json_plain_16(text, end);
        next = q != end && *q == '"' ? q + 1 : NULL;

    } else {
        type = SP_JSON_NUMBER;
        text = p;
        q = sp_json_quick_number(p, end);
        next = q;
    }

    if (next == NULL || q - text > SP_JSON_TEXT) {
        return sp_json_value(json, p, end);
    }

    json->state = SP_JSON_S_AFTER;

    return sp_json_report(json, type, 0, text, (size_t) (q - text)) == SP_OK
           ? next : q;
}


/* Behind a number without signs and exponent, or NULL. */

static inline sp_json_pos_t
sp_json_quick_number(sp_json_pos_t p, sp_json_pos_t end)
{
    if (!sp_json_is_digit(*p)) {
        return NULL;
    }

    if (*p++ != '0') {
        while (p != end && sp_json_is_digit(*p)) {
            p++;
        }
    }

    if (p != end && *p == '.') {
        p++;

        if (p == end || !sp_json_is_digit(*p)) {
            return NULL;
        }

        while (p != end && sp_json_is_digit(*p)) {
            p++;
        }
    }

    /* after a zero there may be a digit, which is an error */

    return p == end || sp_json_is_digit(*p) || (*p | 0x20) == 'e' ? NULL : p;
}

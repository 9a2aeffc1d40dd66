
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the JSON scanner's way through numbers and the three
 * literals, wherever the pieces of the input are cut.
 */


#include "sp_json_scan.h"


/* What a byte is to a number, and what comes of it. */

enum {
    SP_JSON_C_OTHER = 0,
    SP_JSON_C_ZERO,
    SP_JSON_C_DIGIT,
    SP_JSON_C_MINUS,
    SP_JSON_C_PLUS,
    SP_JSON_C_DOT,
    SP_JSON_C_E,
    SP_JSON_CLASSES
};


static const uint8_t  sp_json_class[256] = {
    ['0'] = SP_JSON_C_ZERO, ['1' ... '9'] = SP_JSON_C_DIGIT,
    ['-'] = SP_JSON_C_MINUS, ['+'] = SP_JSON_C_PLUS, ['.'] = SP_JSON_C_DOT,
    ['e'] = SP_JSON_C_E, ['E'] = SP_JSON_C_E
};


#define sp_n(state)  SP_JSON_N_##state

#define sp_n_row(other, zero, digit, minus, plus, dot, e)                     \
    { sp_n(other), sp_n(zero), sp_n(digit), sp_n(minus), sp_n(plus),          \
      sp_n(dot), sp_n(e) }

static const uint8_t  sp_json_next[SP_JSON_N_END][SP_JSON_CLASSES] = {
    [SP_JSON_N_START]    = sp_n_row(BAD, ZERO, INT, MINUS, BAD, BAD, BAD),
    [SP_JSON_N_MINUS]    = sp_n_row(BAD, ZERO, INT, BAD, BAD, BAD, BAD),
    [SP_JSON_N_ZERO]     = sp_n_row(END, BAD, BAD, END, END, DOT, E),
    [SP_JSON_N_INT]      = sp_n_row(END, INT, INT, END, END, DOT, E),
    [SP_JSON_N_DOT]      = sp_n_row(BAD, FRACTION, FRACTION, BAD, BAD, BAD,
                                    BAD),
    [SP_JSON_N_FRACTION] = sp_n_row(END, FRACTION, FRACTION, END, END, END,
                                    E),
    [SP_JSON_N_E]        = sp_n_row(BAD, EXPONENT, EXPONENT, SIGN, SIGN, BAD,
                                    BAD),
    [SP_JSON_N_SIGN]     = sp_n_row(BAD, EXPONENT, EXPONENT, BAD, BAD, BAD,
                                    BAD),
    [SP_JSON_N_EXPONENT] = sp_n_row(END, EXPONENT, EXPONENT, END, END, END,
                                    END)
};


static const struct {
    sp_json_type_t  type;
    int             boolean;
    sp_str_t        text;
} sp_json_literals[] = {
    { SP_JSON_NULL, 0, sp_str("null") },
    { SP_JSON_BOOL, 1, sp_str("true") },
    { SP_JSON_BOOL, 0, sp_str("false") }
};


/* Never converted: only its form is judged. */

sp_json_pos_t
sp_json_number(sp_json_t *json, sp_json_pos_t p, sp_json_pos_t end)
{
    int            took;
    size_t         len;
    unsigned       sub, next;
    sp_json_pos_t  run, text;

    sub = json->sub;
    next = sub;

    for (run = p; p != end; p++) {
        next = sp_json_next[sub][sp_json_class[*p]];

        if (next >= SP_JSON_N_END) {
            break;
        }

        sub = next;
    }

    json->sub = (uint8_t) sub;
    text = run;
    len = (size_t) (p - run);

    if (json->text_len != 0 || p == end) {
        took = sp_json_append(json, run, len);
        text = json->text;
        len = json->text_len;

    } else {
        /* all of it in one piece: no need to copy */
        took = len > SP_JSON_TEXT ? SP_JSON_TEXT : -1;
    }

    if (took != -1 && (json->flags & SP_JSON_F_COLLECT)) {
        return sp_json_fail(json, run + took, SP_JSON_LONG);
    }

    if (next == SP_JSON_N_BAD) {
        return sp_json_fail(json, p, SP_JSON_SYNTAX);
    }

    if (next == SP_JSON_N_END) {
        json->state = SP_JSON_S_AFTER;
        (void) sp_json_report(json, SP_JSON_NUMBER, 0, text, len);
    }

    return p;
}


sp_json_pos_t
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

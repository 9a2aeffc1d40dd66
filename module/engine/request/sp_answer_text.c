
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the pieces of answers: strings as JSON has them, numbers,
 * and the message that people read.
 */


#include "sp_answer_text.h"


#define SP_ANSWER_HINT  160


static unsigned char *sp_answer_hint(unsigned char *p, const char *what,
    sp_str_t text);
static unsigned char *sp_answer_escape(unsigned char *p, sp_str_t s,
    size_t max);


/*
 * The wording of the hint is what LangChain looks for; clients that print the
 * message only show the id by it.
 */

unsigned char *
sp_answer_message(const sp_answer_t *answer, unsigned char *p, size_t max,
    int with_id)
{
    *p++ = '"';
    p = sp_answer_escape(p, answer->text, max);

    p = sp_answer_hint(p, " Legal basis: ", answer->basis);
    p = sp_answer_hint(p, " To appeal: ", answer->appeal);
    p = sp_answer_hint(p, " Contact: ", answer->contact);

    if (answer->status == 429 && answer->retry_s != 0) {
        p = sp_answer_put(p, " Please try again in ");
        p = sp_answer_uint(p, answer->retry_s);
        p = sp_answer_put(p, "s.");
    }

    if (with_id && answer->id.len != 0) {
        p = sp_answer_put(p, " (request id: ");
        p = sp_answer_escape(p, answer->id, SP_ANSWER_ID);
        p = sp_answer_put(p, ")");
    }

    *p++ = '"';

    return p;
}


/* Texts of the policy, which keeps them short. */

static unsigned char *
sp_answer_hint(unsigned char *p, const char *what, sp_str_t text)
{
    if (text.len == 0) {
        return p;
    }

    p = sp_answer_put(p, what);
    p = sp_answer_escape(p, text, SP_ANSWER_HINT);

    return sp_answer_put(p, text.data[text.len - 1] == '.' ? "" : ".");
}


unsigned char *
sp_answer_put(unsigned char *p, const char *text)
{
    size_t  len;

    len = strlen(text);
    memcpy(p, text, len);

    return p + len;
}


unsigned char *
sp_answer_uint(unsigned char *p, uint32_t n)
{
    size_t         i;
    unsigned char  digits[10];

    i = sizeof(digits);

    do {
        digits[--i] = (unsigned char) ('0' + n % 10);
        n /= 10;
    } while (n != 0);

    memcpy(p, digits + i, sizeof(digits) - i);

    return p + sizeof(digits) - i;
}


unsigned char *
sp_answer_quote(unsigned char *p, sp_str_t s, size_t max)
{
    *p++ = '"';
    p = sp_answer_escape(p, s, max);
    *p++ = '"';

    return p;
}


/* Writes at most "max" bytes, and no part of a character. */

static unsigned char *
sp_answer_escape(unsigned char *p, sp_str_t s, size_t max)
{
    size_t         i, n, took, room;
    unsigned char  out[6];

    room = max;

    for (i = 0; i < s.len; i += took) {

        n = sp_plain(p, s.data + i, s.len - i < room ? s.len - i : room);

        if (n != 0) {
            p += n;
            room -= n;
            took = n;
            continue;
        }

        took = sp_utf8_char(s.data + i, s.len - i);

        if (took == 0) {
            took = 1;
            out[0] = '?';
            n = 1;

        } else if (s.data[i] == '"' || s.data[i] == '\\') {
            out[0] = '\\';
            out[1] = s.data[i];
            n = 2;

        } else if (s.data[i] < 0x20) {
            memcpy(out, "\\u00", 4);
            sp_hex(s.data + i, 1, out + 4);
            n = 6;

        } else {
            memcpy(out, s.data + i, took);
            n = took;
        }

        if (n > room) {
            break;
        }

        memcpy(p, out, n);
        p += n;
        room -= n;
    }

    return p;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the search for where "include_usage" goes. The body is
 * known to be JSON, so brackets and strings are all that is looked at.
 */


#include "sp_splice.h"


static void sp_splice_string(sp_splice_t *s, unsigned char ch);
static void sp_splice_open(sp_splice_t *s, unsigned char ch);
static void sp_splice_close(sp_splice_t *s);
static void sp_splice_value(sp_splice_t *s);
static int sp_splice_is(const sp_splice_t *s, const char *word);


void
sp_splice_init(sp_splice_t *splice, int options)
{
    memset(splice, 0, sizeof(sp_splice_t));

    splice->options = options != 0;
}


void
sp_splice_feed(sp_splice_t *s, const unsigned char *data, size_t len)
{
    unsigned char         ch;
    const unsigned char  *p, *last;

    last = data + len;

    for (p = data; p < last && s->text == NULL; p++, s->offset++) {
        ch = *p;

        if (s->string) {
            sp_splice_string(s, ch);
            continue;
        }

        switch (ch) {

        case ' ':
        case '\t':
        case '\r':
        case '\n':
            break;

        case '"':
            s->string = 1;
            s->reads = s->key && (s->depth == 1
                                  || (s->inside && s->depth == 2));
            s->len = 0;
            s->empty = 0;
            break;

        case ':':
            s->key = 0;
            break;

        case ',':
            sp_splice_value(s);
            s->key = 1;
            s->len = 0;
            break;

        case '{':
        case '[':
            sp_splice_open(s, ch);
            break;

        case '}':
        case ']':
            sp_splice_close(s);
            break;

        default:
            if (s->inside && s->depth == 2 && s->value == 0
                && sp_splice_is(s, "include_usage"))
            {
                s->value = s->offset;
            }
        }
    }
}


static void
sp_splice_string(sp_splice_t *s, unsigned char ch)
{
    if (s->escape) {
        s->escape = 0;

    } else if (ch == '\\') {
        s->escape = 1;

    } else if (ch == '"') {
        s->string = 0;
        return;
    }

    if (s->reads) {

        if (s->len < sizeof(s->word)) {
            s->word[s->len] = ch;
        }

        s->len++;
    }
}


static void
sp_splice_open(sp_splice_t *s, unsigned char ch)
{
    s->depth++;
    s->key = (ch == '{');

    if (s->depth == 1 && !s->options) {
        s->at = s->offset + 1;
        s->text = "\"stream_options\":{\"include_usage\":true},";

    } else if (s->depth == 2 && ch == '{'
               && sp_splice_is(s, "stream_options"))
    {
        s->inside = 1;
        s->inner = s->offset + 1;
        s->empty = 1;
    }

    s->len = 0;
}


static void
sp_splice_close(sp_splice_t *s)
{
    sp_splice_value(s);

    if (s->inside && s->depth == 2 && s->text == NULL) {
        s->at = s->inner;
        s->text = s->empty ? "\"include_usage\":true"
                           : "\"include_usage\":true,";
    }

    s->depth--;
    s->key = 0;
    s->len = 0;
}


/* "true", "false" or "null" and maybe a space are over. */

static void
sp_splice_value(sp_splice_t *s)
{
    if (s->value != 0 && s->inside && s->depth == 2) {
        s->at = s->value;
        s->cut = s->offset - s->value;
        s->text = "true";
    }
}


static int
sp_splice_is(const sp_splice_t *s, const char *word)
{
    return s->len == strlen(word) && memcmp(s->word, word, s->len) == 0;
}


sp_rc_t
sp_splice_finish(const sp_splice_t *splice)
{
    return splice->text != NULL ? SP_OK : SP_ERROR;
}

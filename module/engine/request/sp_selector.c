
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what a model's name may look like, and which parameters
 * of a query could pick a model beside the one that was judged.
 */


#include "sp_route.h"


#define SP_NAME_MAX      256
#define SP_PARAMETER_MAX  32    /* bytes of a name that is looked up */

#define SP_NAME_BAD  1
#define SP_NAME_DOT  2


static int sp_query_picks(sp_str_t name);
static int sp_query_byte(sp_str_t name, size_t *at);
static int sp_query_hex(unsigned char c);
static unsigned sp_name_dots(sp_str_t name);


/* Lower-case. Frameworks bind such a parameter where a body has the field. */

static const sp_str_t  sp_selectors[] = {
    sp_str("model"),
    sp_str("models"),
    sp_str("fallbacks"),
    sp_str("route"),
    sp_str("engine"),
    sp_str("deployment"),
    sp_str("deployment_id"),
    sp_str("assistant_id"),
    sp_str("agent_id"),
    sp_str("api_base"),
    sp_str("base_url"),
    sp_str("custom_llm_provider")
};


/* Some servers split at ';', too. */

int
sp_query_ok(sp_str_t args)
{
    size_t    i;
    sp_str_t  name;

    name.data = args.data;
    name.len = 0;

    for (i = 0; i < args.len; i++) {

        if (args.data[i] != '&' && args.data[i] != ';') {
            name.len++;
            continue;
        }

        if (sp_query_picks(name)) {
            return 0;
        }

        name.data = args.data + i + 1;
        name.len = 0;
    }

    return !sp_query_picks(name);
}


/*
 * "name" may have its value behind it. It ends where some reader ends it: at
 * '=', or at the bracket or NUL that others cut off.
 */

static int
sp_query_picks(sp_str_t name)
{
    int            c;
    size_t         i, n;
    sp_str_t       folded;
    unsigned char  text[SP_PARAMETER_MAX];

    n = 0;
    i = 0;

    while (i < name.len && name.data[i] != '=') {
        c = sp_query_byte(name, &i);

        if (c == '[' || c == '\0') {
            break;
        }

        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            continue;    /* trimmed by some */
        }

        if (n == sizeof(text)) {
            return 0;
        }

        text[n++] = (unsigned char) (c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }

    folded.data = text;
    folded.len = n;

    for (i = 0; i < sp_nelts(sp_selectors); i++) {
        if (sp_str_eq(folded, sp_selectors[i])) {
            return 1;
        }
    }

    return 0;
}


/* The next byte, unescaped once; a broken escape is its own first byte. */

static int
sp_query_byte(sp_str_t name, size_t *at)
{
    int            hi, lo;
    size_t         i;
    unsigned char  c;

    i = (*at)++;
    c = name.data[i];

    if (c == '+') {
        return ' ';
    }

    if (c != '%' || name.len - i < 3) {
        return c;
    }

    hi = sp_query_hex(name.data[i + 1]);
    lo = sp_query_hex(name.data[i + 2]);

    if (hi < 0 || lo < 0) {
        return c;
    }

    *at = i + 3;

    return hi << 4 | lo;
}


static int
sp_query_hex(unsigned char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}


/* What is not printable ASCII, and what lists and URLs are made with. */

static const unsigned char  sp_name_byte[256] = {
    [0x00 ... 0x1f] = SP_NAME_BAD, [0x7f ... 0xff] = SP_NAME_BAD,
    [','] = SP_NAME_BAD, [';'] = SP_NAME_BAD, ['?'] = SP_NAME_BAD,
    ['#'] = SP_NAME_BAD, ['%'] = SP_NAME_BAD, ['\\'] = SP_NAME_BAD,
    ['.'] = SP_NAME_DOT
};


/*
 * A policy may name models by a pattern, "small*", and servers behind the gate
 * may read more than a name into what matches: a list of names, or a piece of
 * the URL at which to ask another server.
 */

int
sp_model_name_ok(sp_str_t name)
{
    size_t    i;
    unsigned  bad, dots;

    if (name.len == 0 || name.len > SP_NAME_MAX || name.data[0] == ' '
        || name.data[name.len - 1] == ' ')
    {
        return 0;
    }

    bad = dots = 0;

    for (i = 0; i < name.len; i++) {
        bad |= sp_name_byte[name.data[i]];
    }

    if (bad & SP_NAME_DOT) {
        dots = sp_name_dots(name);
    }

    return !(bad & SP_NAME_BAD) && !dots;
}


/* 1 if a segment of it, as of a path, is "." or "..". */

static unsigned
sp_name_dots(sp_str_t name)
{
    size_t  i, start;

    start = 0;

    for (i = 0; i <= name.len; i++) {

        if (i != name.len && name.data[i] != '/') {
            continue;
        }

        if ((i - start == 1 && name.data[start] == '.')
            || (i - start == 2 && name.data[start] == '.'
                && name.data[start + 1] == '.'))
        {
            return 1;
        }

        start = i + 1;
    }

    return 0;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the judging of a request's Content-Type. Servers differ
 * in what they still read as JSON, so only what all of them read so passes.
 */


#include "sp_body.h"


static size_t sp_type_token(sp_str_t s, size_t at);
static size_t sp_type_space(sp_str_t s, size_t at);


int
sp_body_type_ok(sp_str_t content_type)
{
    size_t    at, end;
    sp_str_t  s, part;

    static const sp_str_t  usual = sp_str("application/json");
    static const sp_str_t  application = sp_str("application/");
    static const sp_str_t  json = sp_str("json");
    static const sp_str_t  suffix = sp_str("+json");
    static const sp_str_t  utf8 = sp_str("utf-8");
    static const sp_str_t  quoted = sp_str("\"utf-8\"");
    static const sp_str_t  charset = sp_str("charset=");

    s = content_type;

    if (sp_str_eq(s, usual)) {
        return 1;
    }

    if (s.len <= application.len) {
        return 0;
    }

    part.data = s.data;
    part.len = application.len;

    if (!sp_str_caseeq(part, application)) {
        return 0;
    }

    at = application.len;
    end = sp_type_token(s, at);
    part.data = s.data + at;
    part.len = end - at;

    if (!sp_str_caseeq(part, json)) {

        /* a subtype before the suffix */

        if (part.len <= suffix.len) {
            return 0;
        }

        part.data += part.len - suffix.len;
        part.len = suffix.len;

        if (!sp_str_caseeq(part, suffix)) {
            return 0;
        }
    }

    if (end == s.len) {
        return 1;
    }

    at = sp_type_space(s, end);

    if (at == s.len || s.data[at] != ';') {
        return 0;
    }

    at = sp_type_space(s, at + 1);

    if (s.len - at <= charset.len) {
        return 0;
    }

    part.data = s.data + at;
    part.len = charset.len;

    if (!sp_str_caseeq(part, charset)) {
        return 0;
    }

    part.data += charset.len;
    part.len = s.len - at - charset.len;

    return sp_str_caseeq(part, utf8) || sp_str_caseeq(part, quoted);
}


/* The end of the token (RFC 9110, section 5.6.2) that starts at "at". */

static size_t
sp_type_token(sp_str_t s, size_t at)
{
    unsigned char  c;

    for ( /* void */ ; at < s.len; at++) {
        c = s.data[at];

        if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
            || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL))
        {
            continue;
        }

        break;
    }

    return at;
}


static size_t
sp_type_space(sp_str_t s, size_t at)
{
    while (at < s.len && (s.data[at] == ' ' || s.data[at] == '\t')) {
        at++;
    }

    return at;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the reading of one line of a roster: a strict JSON
 * object (RFC 8259) whose values are strings, decoded where it stands.
 */


#include "sp_roster.h"


typedef struct {
    unsigned char  *p;
    unsigned char  *start;
    unsigned char  *end;
    const char     *why;
} sp_roster_scan_t;


static int sp_roster_members(sp_roster_scan_t *s, sp_roster_line_t *line,
    sp_str_t *kind);
static int sp_roster_member(sp_roster_scan_t *s, sp_pair_t *pair);
static int sp_roster_twice(const sp_roster_line_t *line, sp_str_t name);
static int sp_roster_named(sp_roster_scan_t *s, sp_roster_line_t *line,
    sp_str_t kind);
static int sp_roster_string(sp_roster_scan_t *s, sp_str_t *string);
static unsigned char *sp_roster_escape(sp_roster_scan_t *s,
    unsigned char *to);
static int sp_roster_hex4(sp_roster_scan_t *s, uint32_t *code);
static unsigned char *sp_roster_utf8(unsigned char *to, uint32_t code);
static void sp_roster_space(sp_roster_scan_t *s);
static int sp_roster_take(sp_roster_scan_t *s, unsigned char c,
    const char *why);
static int sp_roster_no(sp_roster_scan_t *s, const char *why);


sp_rc_t
sp_roster_line(sp_roster_line_t *line, unsigned char *text, size_t len,
    const char **why, size_t *at)
{
    sp_str_t          kind, whole;
    sp_roster_scan_t  s;

    s.p = text;
    s.start = text;
    s.end = text + len;
    s.why = NULL;

    whole.data = text;
    whole.len = len;

    line->n = 0;
    line->id.len = 0;

    if (sp_utf8_valid(whole) == 0) {
        s.why = "the line is not valid UTF-8";

    } else if (sp_roster_members(&s, line, &kind)) {
        (void) sp_roster_named(&s, line, kind);
    }

    *why = s.why;
    *at = (size_t) (s.p - s.start);

    return s.why == NULL ? SP_OK : SP_ERROR;
}


static int
sp_roster_members(sp_roster_scan_t *s, sp_roster_line_t *line, sp_str_t *kind)
{
    sp_pair_t      pair;
    unsigned char  c;

    kind->len = 0;
    kind->data = NULL;
    line->id.data = NULL;

    sp_roster_space(s);

    if (!sp_roster_take(s, '{', "a line is one JSON object: no \"{\" here")) {
        return 0;
    }

    for (c = ','; c == ','; c = *s->p++) {

        if (!sp_roster_member(s, &pair)) {
            return 0;
        }

        if (sp_str_eq(pair.name, SP_STR("kind"))) {

            if (kind->data != NULL) {
                return sp_roster_no(s, "\"kind\" is there twice");
            }

            *kind = pair.value;

        } else if (sp_str_eq(pair.name, SP_STR("id"))) {

            if (line->id.data != NULL) {
                return sp_roster_no(s, "\"id\" is there twice");
            }

            line->id = pair.value;

        } else if (sp_roster_twice(line, pair.name)) {
            return sp_roster_no(s, "the member before this is there twice");

        } else if (line->n == SP_ROSTER_PAIRS) {
            return sp_roster_no(s, "more than 128 fields");

        } else {
            line->pairs[line->n++] = pair;
        }

        if (s->p == s->end || (*s->p != ',' && *s->p != '}')) {
            return sp_roster_no(s, "\",\" or \"}\" is missing");
        }
    }

    sp_roster_space(s);

    return s->p == s->end
           || sp_roster_no(s, "something stands behind the object");
}


static int
sp_roster_member(sp_roster_scan_t *s, sp_pair_t *pair)
{
    sp_roster_space(s);

    if (!sp_roster_string(s, &pair->name)) {
        return 0;
    }

    sp_roster_space(s);

    if (!sp_roster_take(s, ':', "\":\" is missing")) {
        return 0;
    }

    sp_roster_space(s);

    if (!sp_roster_string(s, &pair->value)) {
        return 0;
    }

    sp_roster_space(s);

    return 1;
}


static int
sp_roster_twice(const sp_roster_line_t *line, sp_str_t name)
{
    size_t  i;

    for (i = 0; i < line->n; i++) {
        if (sp_str_eq(line->pairs[i].name, name)) {
            return 1;
        }
    }

    return 0;
}


static int
sp_roster_named(sp_roster_scan_t *s, sp_roster_line_t *line, sp_str_t kind)
{
    unsigned         i;
    static const struct {
        const char  *name;
        const char  *bad;
    } kinds[] = {
        [SP_ROSTER_KEY] = { "key", "\"id\" of a key is its kid: 32 digits of "
                                   "lower-case hexadecimal" },
        [SP_ROSTER_ACCOUNT] = { "account", "\"id\" of an account is 1 to 64 "
                                           "of [A-Za-z0-9._:@-]" },
        [SP_ROSTER_CUSTOMER] = { "customer", "\"id\" of a customer is "
                                             "RESELLER:NAME, each 1 to 64 of "
                                             "[A-Za-z0-9._:@-], no \":\" in "
                                             "NAME" },
        [SP_ROSTER_META] = { "meta", "\"meta\" has no \"id\"" }
    };

    for (i = 0; i < sp_nelts(kinds); i++) {
        if (sp_str_eq(kind, sp_cstr(kinds[i].name))) {
            break;
        }
    }

    if (i == sp_nelts(kinds)) {
        return sp_roster_no(s, kind.data == NULL ? "no \"kind\": key, account "
                                                   "or customer"
                                                 : "\"kind\" is none of key, "
                                                   "account, customer, meta");
    }

    line->kind = i;

    return sp_roster_id_valid(i, line->id) || sp_roster_no(s, kinds[i].bad);
}


int
sp_roster_id_valid(sp_roster_kind_t kind, sp_str_t id)
{
    sp_str_t              half;
    unsigned char         raw[16];
    const unsigned char  *colon;

    switch (kind) {

    case SP_ROSTER_KEY:
        return id.len == 2 * sizeof(raw) && sp_unhex(id, raw) == SP_OK;

    case SP_ROSTER_ACCOUNT:
        return sp_id_valid(id);

    case SP_ROSTER_META:
        return id.data == NULL;

    default:
        break;
    }

    colon = id.len != 0 ? memrchr(id.data, ':', id.len) : NULL;

    if (colon == NULL) {
        return 0;
    }

    half.data = id.data;
    half.len = (size_t) (colon - id.data);

    if (sp_id_valid(half) == 0) {
        return 0;
    }

    half.data = colon + 1;
    half.len = (size_t) (id.data + id.len - half.data);

    return sp_customer_valid(half);
}


/* What an escape stands for is never longer than the escape. */

static int
sp_roster_string(sp_roster_scan_t *s, sp_str_t *string)
{
    unsigned char  *to;

    if (!sp_roster_take(s, '"', "a string is missing: names and values "
                                "stand in quotes, as in \"level\":\"2\""))
    {
        return 0;
    }

    to = s->p;
    string->data = to;

    while (s->p != s->end) {

        if (*s->p == '"') {
            s->p++;
            string->len = (size_t) (to - string->data);
            return 1;
        }

        if (*s->p < 0x20) {
            return sp_roster_no(s, "a control character in a string");
        }

        if (*s->p != '\\') {
            *to++ = *s->p++;
            continue;
        }

        to = sp_roster_escape(s, to);

        if (to == NULL) {
            return 0;
        }
    }

    return sp_roster_no(s, "the line ends in a string");
}


static unsigned char *
sp_roster_escape(sp_roster_scan_t *s, unsigned char *to)
{
    uint32_t              code, low;
    const char           *at;
    static const char     names[] = "\"\\/bfnrt";
    static const char     bytes[] = "\"\\/\b\f\n\r\t";

    if (s->end - s->p < 2) {
        (void) sp_roster_no(s, "the line ends in a string");
        return NULL;
    }

    if (s->p[1] != 'u') {
        at = s->p[1] != '\0' ? strchr(names, s->p[1]) : NULL;

        if (at == NULL) {
            (void) sp_roster_no(s, "no such escape");
            return NULL;
        }

        s->p += 2;
        *to = (unsigned char) bytes[at - names];

        return to + 1;
    }

    if (!sp_roster_hex4(s, &code)) {
        return NULL;
    }

    if (code >= 0xd800 && code < 0xe000) {

        if (code >= 0xdc00 || s->end - s->p < 2 || s->p[0] != '\\'
            || s->p[1] != 'u' || !sp_roster_hex4(s, &low)
            || low < 0xdc00 || low >= 0xe000)
        {
            (void) sp_roster_no(s, "half of a surrogate pair");
            return NULL;
        }

        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }

    if (code == 0) {
        (void) sp_roster_no(s, "a zero byte in a string");
        return NULL;
    }

    return sp_roster_utf8(to, code);
}


static int
sp_roster_hex4(sp_roster_scan_t *s, uint32_t *code)
{
    unsigned       i;
    unsigned char  c;

    if (s->end - s->p < 6) {
        return sp_roster_no(s, "the line ends in a string");
    }

    for (i = 2, *code = 0; i < 6; i++) {
        c = s->p[i];

        if (c >= '0' && c <= '9') {
            c -= '0';

        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
            c = (unsigned char) ((c | 0x20) - 'a' + 10);

        } else {
            return sp_roster_no(s, "\\u takes four hexadecimal digits");
        }

        *code = *code << 4 | c;
    }

    s->p += 6;

    return 1;
}


static unsigned char *
sp_roster_utf8(unsigned char *to, uint32_t code)
{
    unsigned  shift;

    if (code < 0x80) {
        *to++ = (unsigned char) code;
        return to;
    }

    if (code < 0x800) {
        *to++ = (unsigned char) (0xc0 | code >> 6);
        shift = 6;

    } else if (code < 0x10000) {
        *to++ = (unsigned char) (0xe0 | code >> 12);
        shift = 12;

    } else {
        *to++ = (unsigned char) (0xf0 | code >> 18);
        shift = 18;
    }

    while (shift != 0) {
        shift -= 6;
        *to++ = (unsigned char) (0x80 | (code >> shift & 0x3f));
    }

    return to;
}


static void
sp_roster_space(sp_roster_scan_t *s)
{
    while (s->p != s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\r'))
    {
        s->p++;
    }
}


static int
sp_roster_take(sp_roster_scan_t *s, unsigned char c, const char *why)
{
    if (s->p == s->end || *s->p != c) {
        return sp_roster_no(s, why);
    }

    s->p++;

    return 1;
}


static int
sp_roster_no(sp_roster_scan_t *s, const char *why)
{
    if (s->why == NULL) {
        s->why = why;
    }

    return 0;
}

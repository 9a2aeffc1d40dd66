
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the walk of one path along one pattern, and what a
 * pattern may look like.
 */


#include "sp_route.h"


#define SP_PATTERN_MAX  200


/* The walk: both readings of the path, side by side. */

typedef struct {
    sp_str_t        pattern;    /* what is left of each */
    sp_str_t        raw;
    sp_str_t        normal;
    unsigned char  *scratch;
    sp_str_t       *param;
} sp_walk_t;


static sp_route_rc_t sp_walk_literal(sp_walk_t *w);
static sp_route_rc_t sp_walk_segment(sp_walk_t *w);
static sp_route_rc_t sp_walk_model(sp_walk_t *w, sp_str_t prefix);
static size_t sp_walk_model_len(sp_walk_t *w, sp_str_t prefix);
static sp_route_rc_t sp_walk_decode(sp_walk_t *w, sp_str_t segment,
    sp_str_t *name);
static int sp_walk_hex(unsigned char c);
static void sp_walk_skip(sp_str_t *s, size_t n);
static int sp_walk_starts(sp_str_t s, sp_str_t with);
static const char *sp_pattern_segment(sp_str_t segment, int last,
    unsigned *models);


static const sp_str_t  sp_walk_any = sp_str("{}");
static const sp_str_t  sp_walk_name = sp_str("{model}");


/* In a segment that nobody reads: 1 allowed. */

static const unsigned char  sp_walk_byte[256] = {
    ['-'] = 1, ['.'] = 1, ['_'] = 1, [':'] = 1, ['@'] = 1,

    ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1
};


sp_route_rc_t
sp_route_match(sp_str_t pattern, sp_str_t raw, sp_str_t normal,
    unsigned char *scratch, sp_str_t *param)
{
    size_t          end;
    sp_str_t        prefix;
    sp_walk_t       w;
    sp_route_rc_t   rc;

    w.pattern = pattern;
    w.raw = raw;
    w.normal = normal;
    w.scratch = scratch;
    w.param = param;

    rc = SP_ROUTE_FOUND;

    while (rc == SP_ROUTE_FOUND && w.pattern.len != 0) {

        if (w.pattern.data[0] != '{') {
            rc = sp_walk_literal(&w);
            continue;
        }

        if (sp_walk_starts(w.pattern, sp_walk_any)) {
            sp_walk_skip(&w.pattern, sp_walk_any.len);
            rc = sp_walk_segment(&w);
            continue;
        }

        /* "{model}", or the same behind what begins the name */

        for (end = 0; w.pattern.data[end] != '}'; end++) { /* void */ }

        prefix.data = w.pattern.data + 1;
        prefix.len = end - sizeof("{model") + 1;

        sp_walk_skip(&w.pattern, end + 1);
        rc = sp_walk_model(&w, prefix);
    }

    if (rc == SP_ROUTE_FOUND && w.raw.len != 0) {
        rc = SP_ROUTE_UNKNOWN;
    }

    /* the shape is that of the path, but nginx made another one of it */

    if (rc == SP_ROUTE_FOUND && w.normal.len != 0) {
        rc = SP_ROUTE_AMBIGUOUS;
    }

    if (rc != SP_ROUTE_FOUND) {
        param->len = 0;
        param->data = NULL;
    }

    return rc;
}


static sp_route_rc_t
sp_walk_literal(sp_walk_t *w)
{
    size_t  n;

    for (n = 0; n < w->pattern.len && w->pattern.data[n] != '{'; n++) {

        if (n == w->raw.len || w->raw.data[n] != w->pattern.data[n]) {
            return SP_ROUTE_UNKNOWN;
        }
    }

    if (w->normal.len < n || memcmp(w->normal.data, w->raw.data, n) != 0) {
        return SP_ROUTE_AMBIGUOUS;
    }

    sp_walk_skip(&w->pattern, n);
    sp_walk_skip(&w->raw, n);
    sp_walk_skip(&w->normal, n);

    return SP_ROUTE_FOUND;
}


static sp_route_rc_t
sp_walk_segment(sp_walk_t *w)
{
    size_t  n;

    for (n = 0; n < w->raw.len && w->raw.data[n] != '/'; n++) {

        if (!sp_walk_byte[w->raw.data[n]]) {
            return SP_ROUTE_UNKNOWN;
        }
    }

    if (n == 0 || (n <= 2 && w->raw.data[0] == '.'
                   && w->raw.data[n - 1] == '.'))
    {
        return SP_ROUTE_UNKNOWN;
    }

    if (w->normal.len < n || memcmp(w->normal.data, w->raw.data, n) != 0) {
        return SP_ROUTE_AMBIGUOUS;
    }

    sp_walk_skip(&w->raw, n);
    sp_walk_skip(&w->normal, n);

    return SP_ROUTE_FOUND;
}


/*
 * Decodes the name once. What comes out must be what nginx has there, so that
 * "..", "//" and the like, which nginx resolves, are told apart.
 */

static sp_route_rc_t
sp_walk_model(sp_walk_t *w, sp_str_t prefix)
{
    size_t         len;
    sp_str_t       segment, name;
    sp_route_rc_t  rc;

    len = sp_walk_model_len(w, prefix);

    if (len == 0) {
        return SP_ROUTE_UNKNOWN;
    }

    segment.data = w->raw.data;
    segment.len = len;

    rc = sp_walk_decode(w, segment, &name);

    if (rc != SP_ROUTE_FOUND) {
        return rc;
    }

    if (!sp_walk_starts(w->normal, name)) {
        return SP_ROUTE_AMBIGUOUS;
    }

    /* of Google's the last ':' is the verb's, and there is no other */

    if (w->pattern.len != 0 && w->pattern.data[0] == ':'
        && memchr(name.data, ':', name.len) != NULL)
    {
        return SP_ROUTE_AMBIGUOUS;
    }

    if (!sp_model_name_ok(name)) {
        return SP_ROUTE_UNKNOWN;
    }

    sp_walk_skip(&w->raw, len);
    sp_walk_skip(&w->normal, name.len);

    *w->param = name;

    return SP_ROUTE_FOUND;
}


/* Raw bytes of the name: up to the next '/', less what the pattern has. */

static size_t
sp_walk_model_len(sp_walk_t *w, sp_str_t prefix)
{
    size_t    end, tail;
    sp_str_t  rest;

    if (!sp_walk_starts(w->raw, prefix)) {
        return 0;
    }

    for (end = prefix.len; end < w->raw.len && w->raw.data[end] != '/';
         end++)
    {
        /* void */
    }

    for (tail = 0; tail < w->pattern.len && w->pattern.data[tail] != '/';
         tail++)
    {
        /* void */
    }

    if (end < prefix.len + tail + 1) {
        return 0;
    }

    rest.data = w->raw.data + end - tail;
    rest.len = tail;

    return tail == 0 || memcmp(rest.data, w->pattern.data, tail) == 0
           ? end - tail : 0;
}


static sp_route_rc_t
sp_walk_decode(sp_walk_t *w, sp_str_t segment, sp_str_t *name)
{
    int            hi, lo;
    size_t         i, n;
    unsigned char  c;

    n = 0;

    for (i = 0; i < segment.len; i++) {
        c = segment.data[i];

        if (c == '%') {
            if (segment.len - i < 3) {
                return SP_ROUTE_AMBIGUOUS;
            }

            hi = sp_walk_hex(segment.data[i + 1]);
            lo = sp_walk_hex(segment.data[i + 2]);

            if (hi < 0 || lo < 0) {
                return SP_ROUTE_AMBIGUOUS;
            }

            if (n == i) {
                memcpy(w->scratch, segment.data, n);  /* up to the first */
            }

            c = (unsigned char) (hi << 4 | lo);
            i += 2;

            if (c == '%') {
                return SP_ROUTE_AMBIGUOUS;
            }
        }

        if (c < 0x21 || c > 0x7e || c == ';' || c == '?' || c == '#'
            || c == '\\' || c == ',')
        {
            return SP_ROUTE_AMBIGUOUS;
        }

        if (n != i) {
            w->scratch[n] = c;
        }

        n++;
    }

    name->len = n;
    name->data = n == segment.len ? segment.data : w->scratch;

    return SP_ROUTE_FOUND;
}


static int
sp_walk_hex(unsigned char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}


static void
sp_walk_skip(sp_str_t *s, size_t n)
{
    s->data += n;
    s->len -= n;
}


static int
sp_walk_starts(sp_str_t s, sp_str_t with)
{
    return s.len >= with.len && memcmp(s.data, with.data, with.len) == 0;
}


const char *
sp_route_pattern_error(sp_str_t pattern, sp_model_place_t model)
{
    size_t       at, end;
    unsigned     models;
    sp_str_t     segment;
    const char  *why;

    if (pattern.len < 2 || pattern.len > SP_PATTERN_MAX
        || pattern.data[0] != '/')
    {
        return "it begins with '/', and has 2 to 200 bytes";
    }

    models = 0;

    for (at = 1; at <= pattern.len; at = end + 1) {

        for (end = at; end < pattern.len && pattern.data[end] != '/'; end++) {
            /* void */
        }

        segment.data = pattern.data + at;
        segment.len = end - at;

        why = sp_pattern_segment(segment, end == pattern.len, &models);

        if (why != NULL) {
            return why;
        }
    }

    if (model == SP_MODEL_PATH && models != 1) {
        return "{model} stands in it once: it is where this route names its "
               "model";
    }

    return model != SP_MODEL_PATH && models != 0
           ? "{model} cannot stand in it: the body of this route names its "
             "model" : NULL;
}


static const char *
sp_pattern_segment(sp_str_t segment, int last, unsigned *models)
{
    size_t  i;

    if (segment.len == 0 || (segment.len <= 2 && segment.data[0] == '.'
                             && segment.data[segment.len - 1] == '.'))
    {
        return "a segment of it is empty, '.' or '..'";
    }

    if (sp_str_eq(segment, sp_walk_any)) {
        return NULL;
    }

    if (sp_walk_starts(segment, sp_walk_name)) {
        (*models)++;
        sp_walk_skip(&segment, sp_walk_name.len);

        if (segment.len != 0 && (segment.data[0] != ':' || !last)) {
            return "{model} is a whole segment, or the last one up to a ':'";
        }
    }

    for (i = 0; i < segment.len; i++) {

        if (!sp_walk_byte[segment.data[i]]) {
            return "it has letters, digits and - . _ : @ besides '/', {} and "
                   "{model}";
        }
    }

    return NULL;
}

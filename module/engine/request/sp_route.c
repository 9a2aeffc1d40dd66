
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the table of model API routes and its lookup. A path is
 * looked up by its length first, so a request costs one or two comparisons.
 */


#include "sp_route.h"


#define SP_ROUTE_PREFIX       "/v1/models/"
#define SP_ROUTE_FIXED        10    /* rows without a variable segment */
#define SP_ROUTE_GET_ONE      10    /* the row with one */
#define SP_ROUTE_TWINS        11    /* rows that only a version selects */


static sp_route_rc_t sp_route_segment(sp_str_t raw, sp_str_t normal,
    unsigned char *scratch, sp_str_t *param);
static int sp_route_hex(unsigned char c);
static int sp_route_prefix(sp_str_t path, sp_str_t prefix);


#define sp_row(name, method, path, dialect, body, model)                      \
    { sp_str(name), SP_METHOD_##method, sp_str(path), SP_DIALECT_##dialect,   \
      SP_BODY_##body, SP_MODEL_##model }


/* Ordered by the length of the path up to SP_ROUTE_FIXED. */

static const sp_route_t  sp_routes[] = {
    sp_row("models.list", GET, "/v1/models", OPENAI, NONE, NONE),
    sp_row("messages", POST, "/v1/messages", ANTHROPIC, JSON, REQUIRED),
    sp_row("responses", POST, "/v1/responses", OPENAI, JSON, OPTIONAL),
    sp_row("embeddings", POST, "/v1/embeddings", OPENAI, JSON, REQUIRED),
    sp_row("completions", POST, "/v1/completions", OPENAI, JSON, REQUIRED),
    sp_row("moderations", POST, "/v1/moderations", OPENAI, JSON, OPTIONAL),
    sp_row("audio.speech", POST, "/v1/audio/speech", OPENAI, JSON, REQUIRED),
    sp_row("chat.completions", POST, "/v1/chat/completions",
           OPENAI, JSON, REQUIRED),
    sp_row("images.generations", POST, "/v1/images/generations",
           OPENAI, JSON, OPTIONAL),
    sp_row("messages.count_tokens", POST, "/v1/messages/count_tokens",
           ANTHROPIC, JSON, REQUIRED),

    sp_row("models.get", GET, SP_ROUTE_PREFIX "{}", OPENAI, NONE, PATH),

    sp_row("models.list", GET, "/v1/models", ANTHROPIC, NONE, NONE),
    sp_row("models.get", GET, SP_ROUTE_PREFIX "{}", ANTHROPIC, NONE, PATH)
};


/* Length of a path: 1 + the first row with it, 0 for none. */

static const uint8_t  sp_route_first[] = {
    [10] = 1, [12] = 2, [13] = 3, [14] = 4, [15] = 5, [16] = 7, [20] = 8,
    [22] = 9, [25] = 10
};


sp_route_rc_t
sp_route_find(sp_method_t method, sp_str_t raw, sp_str_t normal,
    unsigned char *scratch, int *route, sp_str_t *param)
{
    int            i;
    sp_route_rc_t  rc;

    static const sp_str_t  prefix = sp_str(SP_ROUTE_PREFIX);

    *route = SP_ROUTE_NONE;
    param->len = 0;
    param->data = NULL;

    if (method == SP_METHOD_GET && sp_route_prefix(raw, prefix)
        && sp_route_prefix(normal, prefix))
    {
        raw.data += prefix.len;
        raw.len -= prefix.len;
        normal.data += prefix.len;
        normal.len -= prefix.len;

        rc = sp_route_segment(raw, normal, scratch, param);

        if (rc == SP_ROUTE_FOUND) {
            *route = SP_ROUTE_GET_ONE;
        }

        return rc;
    }

    if (!sp_str_eq(raw, normal)) {
        return SP_ROUTE_AMBIGUOUS;
    }

    if (raw.len >= sizeof(sp_route_first) || sp_route_first[raw.len] == 0) {
        return SP_ROUTE_UNKNOWN;
    }

    for (i = sp_route_first[raw.len] - 1;
         i < SP_ROUTE_FIXED && sp_routes[i].path.len == raw.len;
         i++)
    {
        if (sp_routes[i].method == method
            && memcmp(sp_routes[i].path.data, raw.data, raw.len) == 0)
        {
            *route = i;
            return SP_ROUTE_FOUND;
        }
    }

    return SP_ROUTE_UNKNOWN;
}


/*
 * Decodes the segment once. What comes out must be what nginx has there, so
 * that "..", "//" and the like, which nginx resolves, are told apart.
 */

static sp_route_rc_t
sp_route_segment(sp_str_t raw, sp_str_t normal, unsigned char *scratch,
    sp_str_t *param)
{
    int            hi, lo;
    size_t         i, n;
    unsigned char  c;

    if (raw.len != 0 && memchr(raw.data, '/', raw.len) != NULL) {
        return sp_str_eq(raw, normal) ? SP_ROUTE_UNKNOWN : SP_ROUTE_AMBIGUOUS;
    }

    n = 0;

    for (i = 0; i < raw.len; i++) {
        c = raw.data[i];

        if (c == '%') {
            if (raw.len - i < 3) {
                return SP_ROUTE_AMBIGUOUS;
            }

            hi = sp_route_hex(raw.data[i + 1]);
            lo = sp_route_hex(raw.data[i + 2]);

            if (hi < 0 || lo < 0) {
                return SP_ROUTE_AMBIGUOUS;
            }

            if (n == i) {
                memcpy(scratch, raw.data, n);    /* up to the first escape */
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
            scratch[n] = c;
        }

        n++;
    }

    param->len = n;
    param->data = n == raw.len ? raw.data : scratch;

    if (!sp_str_eq(*param, normal)) {
        param->len = 0;
        param->data = NULL;
        return SP_ROUTE_AMBIGUOUS;
    }

    if (!sp_model_name_ok(*param)) {
        param->len = 0;
        param->data = NULL;
        return SP_ROUTE_UNKNOWN;
    }

    return SP_ROUTE_FOUND;
}


static int
sp_route_hex(unsigned char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}


static int
sp_route_prefix(sp_str_t path, sp_str_t prefix)
{
    return path.len >= prefix.len
           && memcmp(path.data, prefix.data, prefix.len) == 0;
}


int
sp_route_versioned(int route)
{
    if (route == 0) {
        return SP_ROUTE_TWINS;
    }

    return route == SP_ROUTE_GET_ONE ? SP_ROUTE_TWINS + 1 : route;
}


/* The reverse, for twins: they have the names of the rows they stand for. */

int
sp_route_number(int route)
{
    if (route < SP_ROUTE_TWINS) {
        return route;
    }

    return route == SP_ROUTE_TWINS ? 0 : SP_ROUTE_GET_ONE;
}


const sp_route_t *
sp_route(int index)
{
    if (index < 0 || index >= sp_route_count()) {
        return NULL;
    }

    return &sp_routes[index];
}


int
sp_route_count(void)
{
    return (int) sp_nelts(sp_routes);
}


/*
 * Gemini and Vertex live under /v1/ too; their paths have a ':' or projects.
 */

sp_dialect_t
sp_route_guess_dialect(sp_str_t path, int has_anthropic_version)
{
    static const sp_str_t  v1 = sp_str("/v1/");
    static const sp_str_t  openai = sp_str("/openai/v1/");
    static const sp_str_t  messages = sp_str("/v1/messages");
    static const sp_str_t  projects = sp_str("/v1/projects/");

    if (has_anthropic_version || sp_route_prefix(path, messages)) {
        return SP_DIALECT_ANTHROPIC;
    }

    if (sp_route_prefix(path, projects)
        || (path.len != 0 && memchr(path.data, ':', path.len) != NULL))
    {
        return SP_DIALECT_UNKNOWN;
    }

    if (sp_route_prefix(path, v1) || sp_route_prefix(path, openai)) {
        return SP_DIALECT_OPENAI;
    }

    return SP_DIALECT_UNKNOWN;
}

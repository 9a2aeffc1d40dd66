
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the lookup of a route. Literal paths are found by their
 * length, with one or two comparisons; of the others only those are walked
 * whose literal ends fit.
 */


#include "sp_field.h"
#include "sp_route_table.h"


#define SP_LITERAL_MAX  64    /* bytes of a literal path; a longer one is
                                 walked like a pattern */
#define SP_HINTS        4     /* combinations of SP_HINT_* */


/* A path, with what tells most requests that it is not theirs. */

typedef struct {
    sp_str_t  path;
    int16_t   route;
    uint8_t   method;
    uint8_t   head;       /* bytes before the first '{' */
    uint8_t   tail;       /* bytes after the last '}' */
} sp_route_entry_t;


typedef struct {
    unsigned          n;
    uint16_t          first[SP_LITERAL_MAX + 2];  /* by length */
    sp_route_entry_t  literals[SP_PATHS_MAX];     /* by length */
    unsigned          npatterns;
    sp_route_entry_t  patterns[SP_PATHS_MAX];
    int16_t           variants[SP_ROUTES_MAX][SP_HINTS];
    uint8_t           numbers[SP_ROUTES_MAX];
} sp_route_index_t;


static void sp_route_compile(void);
static int sp_route_compile_variant(int route, unsigned hints);
static int sp_route_literal(sp_str_t path);
static sp_route_rc_t sp_route_pattern(const sp_route_entry_t *entry,
    sp_str_t raw, sp_str_t normal, unsigned char *scratch, sp_str_t *param);
static int sp_route_prefix(sp_str_t path, sp_str_t prefix);
static int sp_route_suffix(sp_str_t path, const unsigned char *tail,
    size_t len);


/*
 * Written once, by the constructor below, before anybody can read it; from
 * then on it is as constant as the tables that it comes from.
 */

static sp_route_index_t  sp_index;

/* In the order of sp_dialect_t. */

const char *const  sp_dialect_names[] = {
    "openai", "anthropic", "gemini", "azure", "bedrock", "mistral", "cohere",
    "ollama", "tgi", "unknown", NULL
};


__attribute__((constructor))
static void
sp_route_compile(void)
{
    int                     i, k;
    size_t                  len;
    unsigned                hints;
    const char             *s;
    sp_route_entry_t        entry;
    const sp_route_path_t  *path;

    for (len = 0; len <= SP_LITERAL_MAX; len++) {
        sp_index.first[len] = (uint16_t) sp_index.n;

        for (i = 0; (path = sp_route_path(i)) != NULL; i++) {

            if (path->path.len == len && sp_route_literal(path->path)) {
                entry.path = path->path;
                entry.route = (int16_t) path->route;
                entry.method = (uint8_t) sp_route(path->route)->method;
                entry.head = entry.tail = 0;
                sp_index.literals[sp_index.n++] = entry;
            }
        }
    }

    sp_index.first[len] = (uint16_t) sp_index.n;

    /* those without a model in them are the more exact ones */

    for (k = 0; k < 2; k++) {
        for (i = 0; (path = sp_route_path(i)) != NULL; i++) {
            s = (const char *) path->path.data;

            if (sp_route_literal(path->path)
                || k != (strstr(s, "model}") != NULL))
            {
                continue;
            }

            len = strcspn(s, "{");
            entry.path = path->path;
            entry.route = (int16_t) path->route;
            entry.method = (uint8_t) sp_route(path->route)->method;
            entry.head = (uint8_t) len;
            entry.tail = (uint8_t) (len < path->path.len
                                    ? strlen(strrchr(s, '}') + 1) : 0);
            sp_index.patterns[sp_index.npatterns++] = entry;
        }
    }

    for (i = 0; i < sp_route_count(); i++) {
        sp_index.numbers[i] = (uint8_t) sp_enum_find(sp_route_names,
                                                     sp_route(i)->name);

        for (hints = 0; hints < SP_HINTS; hints++) {
            sp_index.variants[i][hints] = (int16_t)
                                          sp_route_compile_variant(i, hints);
        }
    }
}


/* The row of the same name that Anthropic's or Google's clients mean. */

static int
sp_route_compile_variant(int route, unsigned hints)
{
    int                i;
    sp_dialect_t       dialect;
    const sp_route_t  *row, *other;

    row = sp_route(route);
    dialect = hints & SP_HINT_ANTHROPIC ? SP_DIALECT_ANTHROPIC
                                        : SP_DIALECT_GEMINI;

    if (hints == 0 || row->dialect != SP_DIALECT_OPENAI) {
        return route;
    }

    for (i = 0; i < sp_route_count(); i++) {
        other = sp_route(i);

        if (other->dialect == dialect && sp_str_eq(other->name, row->name)
            && other->method == row->method && other->body == row->body
            && other->model == row->model && other->closed == row->closed)
        {
            return i;
        }
    }

    return route;
}


static int
sp_route_literal(sp_str_t path)
{
    return path.len <= SP_LITERAL_MAX
           && memchr(path.data, '{', path.len) == NULL;
}


sp_route_rc_t
sp_route_find(sp_method_t method, sp_str_t raw, sp_str_t normal,
    unsigned char *scratch, int *route, sp_str_t *param)
{
    int                      same;
    unsigned                 i, end;
    sp_route_rc_t            rc;
    const sp_route_entry_t  *entry;

    *route = SP_ROUTE_NONE;
    param->len = 0;
    param->data = NULL;

    same = sp_str_eq(raw, normal);

    if (same && raw.len <= SP_LITERAL_MAX) {
        end = sp_index.first[raw.len + 1];

        for (i = sp_index.first[raw.len]; i < end; i++) {
            entry = &sp_index.literals[i];

            if (entry->method == method
                && memcmp(entry->path.data, raw.data, raw.len) == 0)
            {
                *route = entry->route;
                return SP_ROUTE_FOUND;
            }
        }
    }

    for (i = 0; i < sp_index.npatterns; i++) {
        entry = &sp_index.patterns[i];

        if (entry->method != method) {
            continue;
        }

        rc = sp_route_pattern(entry, raw, normal, scratch, param);

        if (rc == SP_ROUTE_FOUND) {
            *route = entry->route;
            return rc;
        }

        if (rc == SP_ROUTE_AMBIGUOUS) {
            return rc;
        }
    }

    return same ? SP_ROUTE_UNKNOWN : SP_ROUTE_AMBIGUOUS;
}


static sp_route_rc_t
sp_route_pattern(const sp_route_entry_t *entry, sp_str_t raw, sp_str_t normal,
    unsigned char *scratch, sp_str_t *param)
{
    if (raw.len < (size_t) entry->head + entry->tail
        || memcmp(raw.data, entry->path.data, entry->head) != 0
        || !sp_route_suffix(raw, entry->path.data + entry->path.len
                                 - entry->tail, entry->tail))
    {
        return SP_ROUTE_UNKNOWN;
    }

    return sp_route_match(entry->path, raw, normal, scratch, param);
}


static int
sp_route_suffix(sp_str_t path, const unsigned char *tail, size_t len)
{
    return path.len >= len
           && (len == 0 || memcmp(path.data + path.len - len, tail, len) == 0);
}


static int
sp_route_prefix(sp_str_t path, sp_str_t prefix)
{
    return path.len >= prefix.len
           && memcmp(path.data, prefix.data, prefix.len) == 0;
}


int
sp_route_variant(int route, unsigned hints)
{
    return route < 0 ? route : sp_index.variants[route][hints % SP_HINTS];
}


int
sp_route_number(int route)
{
    return sp_index.numbers[route];
}


const char *
sp_method_name(sp_method_t method)
{
    static const char *const  names[] = {
        [SP_METHOD_GET] = "GET",
        [SP_METHOD_POST] = "POST",
        [SP_METHOD_DELETE] = "DELETE"
    };

    return (unsigned) method < sp_nelts(names) ? names[method] : "?";
}


/* Vertex AI serves several dialects under /v1/projects/. */

sp_dialect_t
sp_route_guess_dialect(sp_str_t path, unsigned hints)
{
    size_t  i;

    static const struct {
        sp_str_t      prefix;
        sp_dialect_t  dialect;
    } prefixes[] = {
        { sp_str("/v1/messages"), SP_DIALECT_ANTHROPIC },
        { sp_str("/v1/projects/"), SP_DIALECT_UNKNOWN },
        { sp_str("/v1beta1/"), SP_DIALECT_UNKNOWN },
        { sp_str("/v1beta/openai/"), SP_DIALECT_OPENAI },
        { sp_str("/v1beta/"), SP_DIALECT_GEMINI },
        { sp_str("/v1alpha/"), SP_DIALECT_GEMINI },
        { sp_str("/openai/deployments/"), SP_DIALECT_AZURE },
        { sp_str("/openai/"), SP_DIALECT_OPENAI },
        { sp_str("/model/"), SP_DIALECT_BEDROCK },
        { sp_str("/v2/"), SP_DIALECT_COHERE },
        { sp_str("/api/"), SP_DIALECT_OLLAMA }
    };

    static const sp_str_t  v1 = sp_str("/v1/");

    if (hints & SP_HINT_ANTHROPIC) {
        return SP_DIALECT_ANTHROPIC;
    }

    for (i = 0; i < sp_nelts(prefixes); i++) {
        if (sp_route_prefix(path, prefixes[i].prefix)) {
            return prefixes[i].dialect;
        }
    }

    if (hints & SP_HINT_GOOGLE) {
        return SP_DIALECT_GEMINI;
    }

    if (path.len != 0 && memchr(path.data, ':', path.len) != NULL) {
        return SP_DIALECT_UNKNOWN;
    }

    return sp_route_prefix(path, v1) ? SP_DIALECT_OPENAI : SP_DIALECT_UNKNOWN;
}

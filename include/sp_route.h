
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the table of model API routes: which method and path is
 * what, whose dialect it speaks, and where it names models and asks for a
 * stream. A request that matches no row is refused.
 */


#ifndef SP_ROUTE_H
#define SP_ROUTE_H


#include "sp_base.h"


typedef enum {
    SP_DIALECT_OPENAI = 0,   /* also vLLM, llama.cpp, Groq and their kin */
    SP_DIALECT_ANTHROPIC,    /* also Claude on Vertex AI */
    SP_DIALECT_GEMINI,       /* also Google's models on Vertex AI */
    SP_DIALECT_AZURE,        /* by deployment; its "v1" paths are OpenAI's */
    SP_DIALECT_BEDROCK,
    SP_DIALECT_MISTRAL,      /* what OpenAI has not */
    SP_DIALECT_COHERE,
    SP_DIALECT_OLLAMA,       /* /api; its /v1 is OpenAI's */
    SP_DIALECT_TGI,          /* native; its /v1 is OpenAI's */
    SP_DIALECT_UNKNOWN,      /* answered in all dialects at once */
    SP_DIALECTS
} sp_dialect_t;


typedef enum {
    SP_METHOD_GET = 0,
    SP_METHOD_POST,
    SP_METHOD_DELETE,
    SP_METHOD_OTHER
} sp_method_t;


typedef enum {
    SP_BODY_NONE = 0,        /* a body is refused */
    SP_BODY_JSON,
    SP_BODY_MULTIPART        /* a form */
} sp_body_kind_t;


typedef enum {
    SP_MODEL_NONE = 0,       /* the route has no model: model.* are absent */
    SP_MODEL_REQUIRED,
    SP_MODEL_OPTIONAL,       /* missing: model.* are absent, policy decides */
    SP_MODEL_PATH,           /* "{model}" of the path */
    SP_MODEL_LISTED,         /* one or more in lists of the body */
    SP_MODEL_SERVED          /* nothing names it: the policy has to */
} sp_model_place_t;


typedef enum {
    SP_STREAM_NO = 0,
    SP_STREAM_BODY,          /* "stream": true */
    SP_STREAM_UNLESS,        /* unless "stream": false */
    SP_STREAM_YES
} sp_stream_place_t;


/* What a call is. Rows of one name differ in the dialect. */
typedef struct {
    sp_str_t           name;      /* value of request.route */
    sp_method_t        method;
    sp_dialect_t       dialect;
    sp_body_kind_t     body;
    sp_model_place_t   model;
    sp_stream_place_t  stream;
    int                closed;    /* unknown, unless the policy opens it */
    const char        *help;
} sp_route_t;


typedef enum {
    SP_ROUTE_FOUND = 0,
    SP_ROUTE_UNKNOWN,        /* no such path, or not with this method */
    SP_ROUTE_AMBIGUOUS       /* raw and normalised path differ, bad escape */
} sp_route_rc_t;


/*
 * A path that a row has. It is literal apart from "{}", a segment without
 * escapes, and "{model}", the name of a model: a segment or, before a ':' and
 * a word, the first part of one. "{tunedModels/model}": the name begins with
 * the literal.
 */
typedef struct {
    sp_str_t  path;
    int       route;
} sp_route_path_t;


#define SP_ROUTE_NONE   -1
#define SP_ROUTES_MAX   160

/* Whose call it is where dialects share a path: what the head says. */
#define SP_HINT_ANTHROPIC  1    /* an anthropic-version header */
#define SP_HINT_GOOGLE     2    /* a key in x-goog-api-key */


/*
 * "raw" is the request target as received, without the query; "normal" what
 * nginx made of it and will send. They must be byte-equal for a match, apart
 * from percent-escapes inside a model's name. "param" is set to that name,
 * decoded, in "scratch" if it had escapes: at least raw.len bytes, or NULL if
 * raw has no '%'. It has no space. Where nothing is found *route is
 * SP_ROUTE_NONE.
 */
sp_route_rc_t sp_route_find(sp_method_t method, sp_str_t raw, sp_str_t normal,
    unsigned char *scratch, int *route, sp_str_t *param);

/*
 * The same for one pattern, of whoever has it. SP_ROUTE_UNKNOWN: this is not
 * its path.
 */
sp_route_rc_t sp_route_match(sp_str_t pattern, sp_str_t raw, sp_str_t normal,
    unsigned char *scratch, sp_str_t *param);

/*
 * NULL if "pattern" may be a path of a row with this place of the model, else
 * what is wrong with it.
 */
const char *sp_route_pattern_error(sp_str_t pattern, sp_model_place_t model);

/*
 * 0 if the query names a parameter by which a server could pick a model other
 * than the one that was judged: "model", also in other letters or escaped.
 */
int sp_query_ok(sp_str_t args);

/*
 * 1 if a name may be a model's: 1..256 bytes of printable ASCII without a
 * space at either end, a ',', ';', '?', '#', '%' or backslash, or a path
 * segment "." or "..".
 */
int sp_model_name_ok(sp_str_t name);

/*
 * The one spelling of a name under which rules know the model, where the
 * servers of a dialect take several: Google's without "models/", Bedrock's
 * without the ARN around it, Ollama's in small letters and without its
 * registry and ":latest". "name" is fit to be one (sp_model_name_ok()); "buf"
 * has room for it and may be where the result is.
 */
sp_str_t sp_model_spelling(sp_dialect_t dialect, sp_str_t name,
    unsigned char *buf);

/* The row for a request with these SP_HINT_* bits; often "route". */
int sp_route_variant(int route, unsigned hints);

/* The number that the row's name has among the values of request.route. */
int sp_route_number(int route);

/* The row; NULL outside the table. Rows are 0..sp_route_count() - 1. */
const sp_route_t *sp_route(int index);
int sp_route_count(void);

/* The path; NULL outside. Those without a '{' are literal. */
const sp_route_path_t *sp_route_path(int index);

/* "POST", or "?". */
const char *sp_method_name(sp_method_t method);

/* "openai"; the words of request.dialect, NULL-terminated. */
extern const char *const sp_dialect_names[];

/* The words of request.route, NULL-terminated: each name once. */
extern const char *const sp_route_names[];

/* Dialect to answer in when the path is unknown: by its prefix and headers. */
sp_dialect_t sp_route_guess_dialect(sp_str_t path, unsigned hints);


#endif /* SP_ROUTE_H */


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the table of model API routes: which method and path is
 * what, whose dialect it speaks, and where the body names models. A request
 * that matches no row is refused.
 */


#ifndef SP_ROUTE_H
#define SP_ROUTE_H


#include "sp_base.h"


typedef enum {
    SP_DIALECT_OPENAI = 0,
    SP_DIALECT_ANTHROPIC,
    SP_DIALECT_UNKNOWN       /* answered in all dialects at once */
} sp_dialect_t;


typedef enum {
    SP_METHOD_GET = 0,
    SP_METHOD_POST,
    SP_METHOD_DELETE,
    SP_METHOD_OTHER
} sp_method_t;


typedef enum {
    SP_BODY_NONE = 0,        /* a body is refused */
    SP_BODY_JSON
} sp_body_kind_t;


typedef enum {
    SP_MODEL_NONE = 0,       /* the route has no model: model.* are absent */
    SP_MODEL_REQUIRED,
    SP_MODEL_OPTIONAL,       /* missing: model.* are absent, policy decides */
    SP_MODEL_PATH            /* the variable segment of the path */
} sp_model_place_t;


typedef struct {
    sp_str_t          name;       /* value of request.route */
    sp_method_t       method;
    sp_str_t          path;       /* exact; one "{}" stands for one segment */
    sp_dialect_t      dialect;
    sp_body_kind_t    body;
    sp_model_place_t  model;
} sp_route_t;


typedef enum {
    SP_ROUTE_FOUND = 0,
    SP_ROUTE_UNKNOWN,        /* no such path, or not with this method */
    SP_ROUTE_AMBIGUOUS       /* raw and normalised path differ, bad escape */
} sp_route_rc_t;


#define SP_ROUTE_NONE  -1


/*
 * Paths that two dialects share have a row for each; sp_route_find() gives
 * the OpenAI one, and sp_route_versioned() the row to use instead when the
 * request has an anthropic-version header. Both rows have the same name.
 */

/*
 * "raw" is the request target as received, without the query; "normal" what
 * nginx made of it and will send. They must be byte-equal for a match, apart
 * from percent-escapes inside the variable segment. "param" is set to the
 * decoded variable segment, in "scratch" if it had escapes: at least raw.len
 * bytes, or NULL if raw has no '%'. It is a model name without space. Where
 * nothing is found *route is SP_ROUTE_NONE.
 */
sp_route_rc_t sp_route_find(sp_method_t method, sp_str_t raw, sp_str_t normal,
    unsigned char *scratch, int *route, sp_str_t *param);

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

/* The row for a request with an anthropic-version header; often "route". */
int sp_route_versioned(int route);

/* The number that the row's name has among the values of request.route. */
int sp_route_number(int route);

/* The row; NULL outside the table. Rows are 0..sp_route_count() - 1. */
const sp_route_t *sp_route(int index);
int sp_route_count(void);

/* Dialect to answer in when the path is unknown: by its prefix and headers. */
sp_dialect_t sp_route_guess_dialect(sp_str_t path, int has_anthropic_version);


#endif /* SP_ROUTE_H */

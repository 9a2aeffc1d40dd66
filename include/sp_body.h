
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the reading of a request body: which JSON paths of a
 * route's dialect name models, ask for a stream or bound the tokens, and what
 * makes a body ambiguous: whatever two readers could read in two ways. Fields
 * of a form (multipart/form-data) are judged as those of a JSON object are.
 */


#ifndef SP_BODY_H
#define SP_BODY_H


#include "sp_json.h"
#include "sp_multipart.h"
#include "sp_route.h"


#define SP_MODELS_MAX     64     /* distinct models in one request */
#define SP_MODEL_LEN      256    /* bytes of one model name */
#define SP_MODELS_BYTES   4096   /* bytes of all of them */
#define SP_TOKENS_MAX     4294967295   /* of one bound; more is refused */
#define SP_FACTOR_MAX     65536        /* of n and best_of */


typedef enum {
    SP_BODY_FINE = 0,
    SP_BODY_BAD_JSON,        /* see body->json.error */
    SP_BODY_BAD_FORM,        /* see body->form.error, or a sentence of ours */
    SP_BODY_BAD_MODEL,       /* not a string, empty, odd bytes, missing */
    SP_BODY_BAD_VALUE,       /* stream or a token bound of the wrong type */
    SP_BODY_TOO_MANY,        /* over SP_MODELS_MAX or SP_MODELS_BYTES */
    SP_BODY_OVERRIDE,        /* extra_body and its kin */
    SP_BODY_UNEXPECTED       /* a body where the route has none */
} sp_body_error_t;


typedef struct {
    sp_json_t          json;
    const sp_route_t  *route;
    sp_body_error_t    error;
    const char        *field;      /* the field at fault, or NULL; constant */
    const char        *sentence;   /* about it, or NULL; constant */
    unsigned           primary:1;  /* /model itself was there */
    unsigned           stream:1;
    unsigned           has_tokens:1;
    unsigned           multi:1;    /* n or best_of was there */
    unsigned           options:1;  /* stream_options is an object */
    unsigned           usage:1;    /* and asks for usage at the end */
    unsigned           nameless:1; /* a fallback's model is still to come */
    unsigned           asked:1;    /* the end user is asked for */
    unsigned           formed:1;   /* sp_body_form() took the type */
    const char        *stored;     /* lets the server pick a model, or NULL */
    sp_str_t           assumed;    /* model where /model is missing, or empty */
    uint64_t           max_tokens; /* largest bound named, before "factor" */
    uint64_t           factor;     /* n or best_of, at least 1 */
    uint16_t           nmodels;
    uint16_t           names_len;
    sp_str_t           user;       /* the end user, if asked for; or empty */
    sp_str_t           models[SP_MODELS_MAX];  /* into names; see primary */
    unsigned char      names[SP_MODELS_BYTES];
    unsigned char      user_name[SP_JSON_TEXT];
    uint64_t           once[2];    /* of forms: bits of fields that came */
    sp_multipart_t     form;       /* not set on other routes */
} sp_body_t;


/*
 * Models are distinct; if "primary" is set, the first is that of /model. On
 * routes whose model is optional there may be none: the server's default.
 * Where a stored object (a prompt, an earlier response) would pick the model
 * and /model is missing, the body is refused with SP_BODY_BAD_MODEL. Not to
 * be moved in memory: models point into it.
 */


/* Where "route" has SP_BODY_MULTIPART, sp_body_form() comes after it. */
void sp_body_init(sp_body_t *body, const sp_route_t *route);

/*
 * Before the first byte of a form: its Content-Type, which has the boundary
 * and is not looked at again. SP_ERROR: it is none of a form's, and the body
 * is refused.
 */
sp_rc_t sp_body_form(sp_body_t *body, sp_str_t content_type);

/*
 * Right after that: the field in which the dialect names the end user is asked
 * for, too: "user", or "metadata.user_id". It is text, if it is there.
 */
void sp_body_ask_user(sp_body_t *body);

/*
 * Once, before the first byte: the model that sp_policy_route_find() gave
 * beside the row, which lives as long as the body. That of a path is one of
 * those named; on other routes it is what the server takes if /model is
 * missing. Empty: there is none.
 */
void sp_body_param(sp_body_t *body, sp_str_t name);

/* SP_OK to go on; SP_ERROR once the body can only be refused. */
sp_rc_t sp_body_feed(sp_body_t *body, const unsigned char *data, size_t len);

/* The body is whole. SP_OK: models, stream and tokens may be read. */
sp_rc_t sp_body_finish(sp_body_t *body);

/*
 * 1 if a Content-Type value fits a JSON body: application/json or a +json
 * subtype, with at most charset=utf-8. An absent value does not.
 */
int sp_body_type_ok(sp_str_t content_type);

/* A sentence for clients; names a field, never a value. */
const char *sp_body_strerror(const sp_body_t *body);


#endif /* SP_BODY_H */

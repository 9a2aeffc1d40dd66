
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the reading of a body and its fields share. Private to
 * the engine.
 */


#ifndef SP_BODY_FIELD_H
#define SP_BODY_FIELD_H


#include "sp_body.h"


#define SP_BODY_ONCE     120    /* rows, at most; and the bits of */
#define SP_BODY_SINGLES  8      /* fields of forms that are in none */


typedef struct sp_body_field_s  sp_body_field_t;

typedef sp_rc_t (*sp_body_field_pt)(sp_body_t *body,
    const sp_body_field_t *field, const sp_json_value_t *value);


struct sp_body_field_s {
    const char        *path;
    const char        *name;      /* as clients know it */
    unsigned           dialects;
    sp_body_field_pt   judge;
    sp_body_error_t    error;     /* if it is refused, and what to say */
    const char        *sentence;
};


/*
 * The paths to watch, with that of the end user or without; NULL: could not be
 * made, or the dialect is unknown.
 */
const sp_json_table_t *sp_body_table(sp_dialect_t dialect, unsigned user);

/* The rows of the table; NULL behind the last. */
const sp_body_field_t *sp_body_field(size_t i);

/* Judges a watched value; "ctx" is the body. */
sp_rc_t sp_body_on_value(void *ctx, int id, const sp_json_value_t *value);

/* Refuses the body; "field" and "sentence" are constant or NULL. */
sp_rc_t sp_body_fail(sp_body_t *body, sp_body_error_t error,
    const char *field, const char *sentence);

/*
 * Adds a name that is fit to be one, unless it is there; *index is where it is.
 * SP_ERROR: there is no room.
 */
sp_rc_t sp_body_put(sp_body_t *body, sp_str_t name, int *index);


/* sp_body_form.c: what sp_body_feed() and sp_body_finish() do with a form. */

sp_rc_t sp_body_form_feed(sp_body_t *body, const unsigned char *data,
    size_t len);
sp_rc_t sp_body_form_finish(sp_body_t *body);


/* sp_body_judge.c */

sp_rc_t sp_body_primary(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value);
sp_rc_t sp_body_model(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value);
sp_rc_t sp_body_fallback(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value);
sp_rc_t sp_body_fallback_model(sp_body_t *body,
    const sp_body_field_t *field, const sp_json_value_t *value);
sp_rc_t sp_body_stored(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value);
sp_rc_t sp_body_unknown(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value);
sp_rc_t sp_body_override(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value);
sp_rc_t sp_body_stream(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value);
sp_rc_t sp_body_options(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value);
sp_rc_t sp_body_usage(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value);
sp_rc_t sp_body_array(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value);
sp_rc_t sp_body_tokens(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value);
sp_rc_t sp_body_predict(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value);
sp_rc_t sp_body_factor(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value);
sp_rc_t sp_body_user(sp_body_t *body, const sp_body_field_t *field,
    const sp_json_value_t *value);


#endif /* SP_BODY_FIELD_H */

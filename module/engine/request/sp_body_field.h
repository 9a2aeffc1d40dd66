
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the reading of a body and its fields share. Private to
 * the engine.
 */


#ifndef SP_BODY_FIELD_H
#define SP_BODY_FIELD_H


#include "sp_body.h"


/*
 * The paths to watch, 0 OpenAI, 1 Anthropic, with that of the end user or
 * without; NULL: could not be made.
 */
const sp_json_table_t *sp_body_table(unsigned dialect, unsigned user);

/* Judges a watched value; "ctx" is the body. */
sp_rc_t sp_body_on_value(void *ctx, int id, const sp_json_value_t *value);

/* Refuses the body; "field" and "sentence" are constant or NULL. */
sp_rc_t sp_body_fail(sp_body_t *body, sp_body_error_t error,
    const char *field, const char *sentence);


#endif /* SP_BODY_FIELD_H */

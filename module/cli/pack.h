
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the two halves of `sallyport audit pack` share:
 * the records to be handed over, and the writing of the directory.
 */


#ifndef SP_CLI_PACK_H
#define SP_CLI_PACK_H


#include "prove.h"


typedef struct {
    const char     *dir;          /* of the log */
    const char     *seal;         /* of the sealer */
    const char     *key;          /* verifier key or its file, or NULL */
    const char     *out;          /* must not be there yet */
    json_t         *request;      /* what was asked for, for contents.json */
    sp_found_t     *found;        /* sorted; all are sealed */
    size_t          n;
    size_t          unsealed;     /* lines left out, for want of a seal */
    json_t         *policies;     /* hash to a list of the lists, or null */
} sp_pack_t;


/*
 * Writes the directory whole or not at all. SP_ERROR after a message; a
 * policy that is not archived is left out after a warning, and its value in
 * "policies" stays null.
 */
sp_rc_t sp_pack_write(sp_pack_t *pack);


#endif /* SP_CLI_PACK_H */

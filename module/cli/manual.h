
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the help texts in other forms.
 */


#ifndef SP_CLI_MANUAL_H
#define SP_CLI_MANUAL_H


#include "cli.h"


/* sallyport.1 and a page for each verb into "dir"; SP_ERROR after a message. */
sp_rc_t sp_manual_pages(const char *dir, const sp_cli_verb_t *const *verbs,
    size_t n);

/* A script that bash reads. */
void sp_manual_completion(FILE *out, const sp_cli_verb_t *const *verbs,
    size_t n);


#endif /* SP_CLI_MANUAL_H */

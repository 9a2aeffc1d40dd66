
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the account verbs share.
 */


#ifndef SP_CLI_ACCOUNT_H
#define SP_CLI_ACCOUNT_H


#include "store.h"


/* Field that keeps the status from before a suspension. */
#define SP_ACCOUNT_WAS  "was"


/* Changes the copy of a record; SP_ERROR after a message stops it. */
typedef sp_rc_t (*sp_account_change_pt)(void *ctx, sp_stored_t *record);

/*
 * Reads args->args[0], lets "change" have a copy and writes it with --by and
 * --reason. Prints what changed. Returns an exit code.
 */
int sp_account_change(const sp_cli_args_t *args, sp_account_change_pt change,
    void *ctx);

/*
 * 1 if the store's record of an account has a field of this name; if not,
 * "names" and "n" are set to those that it has.
 */
int sp_account_is_field(const char *name, const char *const **names,
    size_t *n);

/* 1 if the field of a record holds a time: unix seconds. */
int sp_account_is_time(const char *name);

/* An sp_store_check_pt; "ctx" is the account's id. */
sp_rc_t sp_account_check(void *ctx, const sp_stored_t *record);

/* "name value (time)"; nothing for a field that is not there. */
void sp_account_print_field(const char *indent, const char *name,
    sp_str_t value);


#endif /* SP_CLI_ACCOUNT_H */


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


/* Whose records a verb is about: those of accounts, or of end customers. */
typedef struct {
    const char  *word;        /* "account" */
    const char  *the;         /* "the account" */
    const char  *prefix;      /* of its key in the store */
    int          customer;    /* its id is RESELLER:CUSTOMER */
} sp_party_t;

/* By the verb's name: "customer ...", or any other. */
const sp_party_t *sp_party(const sp_cli_args_t *args);

/* SP_ERROR after a message, if "id" is none. */
sp_rc_t sp_party_id(const sp_party_t *party, const char *id);

/* 1 if it is one; no message. */
int sp_party_id_valid(const sp_party_t *party, const char *id);

/* The part of an id that the record itself is of: all, or after the ':'. */
sp_str_t sp_party_name(const char *id);

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

/* What is wrong with a record, as a message says it; SP_OK: nothing. */
sp_rc_t sp_account_parses(const char *id, const sp_stored_t *record,
    sp_record_error_t *error);

/* 1 if people set the field; why not otherwise, NULL where "near" may help. */
int sp_account_settable(const char *name, const char **why);

/* The fields that "after" has and "before" has not, or has otherwise. */
void sp_account_show_change(const sp_stored_t *before,
    const sp_stored_t *after);

/* The verbs of customers are those of accounts, by their names. */
int sp_cli_account_get_run(const sp_cli_args_t *args);
int sp_cli_account_set_run(const sp_cli_args_t *args);
int sp_cli_account_suspend_run(const sp_cli_args_t *args);
int sp_cli_account_restore_run(const sp_cli_args_t *args);
int sp_cli_account_import_run(const sp_cli_args_t *args);
int sp_cli_account_export_run(const sp_cli_args_t *args);

/* An sp_store_check_pt; "ctx" is the account's id. */
sp_rc_t sp_account_check(void *ctx, const sp_stored_t *record);

/* "name value (time)"; nothing for a field that is not there. */
void sp_account_print_field(const char *indent, const char *name,
    sp_str_t value);


#endif /* SP_CLI_ACCOUNT_H */


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the command's side of the store: one blocking
 * connection to a Redis primary, reading a record, and the one script
 * through which every change goes.
 */


#ifndef SP_CLI_STORE_H
#define SP_CLI_STORE_H


#include "sp_account.h"

#include "cli.h"


#define SP_STORE_FIELDS_MAX  128    /* of one record */
#define SP_STORE_KEY_MAX     160    /* bytes of a Redis key with its NUL */

#define SP_STORE_KEY_PREFIX      "sp:data:key:"
#define SP_STORE_ACCOUNT_PREFIX  "sp:data:acct:"
#define SP_STORE_CUSTOMER_PREFIX "sp:data:cust:"

/* Options of every verb that talks to the store, and of those that change. */
#define SP_STORE_OPTS                                                         \
    { "store", "URL", "redis://[USER:PASSWORD@]HOST[:PORT][/DB] or "          \
      "unix:/PATH[?db=N]" },                                                  \
    { "store-password", "FILE", "a file with the password" },                 \
    { "timeout", "SECONDS", "for each answer of the store (5)" }

#define SP_STORE_CHANGE_OPTS                                                  \
    { "by", "WHO", "who does this; kept in the record" },                     \
    { "reason", "WHY", "why; kept in the record" },                           \
    { "replicas", "N", "fail unless N replicas have the change in time" }


/* Of those whose change should be enforced before they end. */
#define SP_STORE_WAIT_OPT                                                     \
    { "wait", NULL, "until the gates enforce it; says how many of them do" }


typedef struct sp_store_s  sp_store_t;    /* one open connection */


/* A record as Redis has it. Owns the text of its pairs. */
typedef struct {
    sp_pair_t  pairs[SP_STORE_FIELDS_MAX];
    size_t     n;         /* 0: there is no such record */
} sp_stored_t;


typedef enum {
    SP_WRITE_DONE = 0,
    SP_WRITE_SAME,        /* nothing to change, nothing written */
    SP_WRITE_FAILED,      /* after a message */
    SP_WRITE_LOST         /* the same: not known whether it was written */
} sp_write_t;


/*
 * Checks a record that is about to be written; SP_ERROR after a message
 * keeps it from being written.
 */
typedef sp_rc_t (*sp_store_check_pt)(void *ctx, const sp_stored_t *record);


/* Connects as the options say; NULL after a message. */
sp_store_t *sp_store_open(const sp_cli_args_t *args);

void sp_store_close(sp_store_t *store);

/* SP_ERROR after a message. A record that is not there has no fields. */
sp_rc_t sp_store_read(sp_store_t *store, const char *key, sp_stored_t *record);

void sp_stored_free(sp_stored_t *record);

/* The value of a field, or data NULL. */
sp_str_t sp_stored_get(const sp_stored_t *record, const char *name);

/* "to" is empty before. */
void sp_stored_copy(sp_stored_t *to, const sp_stored_t *from);

/* "value" NULL removes the field. Copied. SP_ERROR: too many fields. */
sp_rc_t sp_stored_set(sp_stored_t *record, const char *name,
    const char *value);

/*
 * Writes "after" over "before", which is what the store had when it was
 * read: compared field by field in the store itself, and refused if someone
 * was faster. Sets ver, by, why and changed_at; where only those would
 * change nothing is written. "after" is left as written.
 */
sp_write_t sp_store_write(sp_store_t *store, const char *key,
    const sp_stored_t *before, sp_stored_t *after, const char *by,
    const char *why, sp_store_check_pt check, void *ctx);

/*
 * The same in parts, for many at once. Prepare says SP_WRITE_DONE if there is
 * something to send; each sp_store_send() is followed, in their order, by one
 * sp_store_sent().
 */
sp_write_t sp_store_prepare(sp_store_t *store, const sp_stored_t *before,
    sp_stored_t *after, const char *by, const char *why,
    sp_store_check_pt check, void *ctx);
sp_rc_t sp_store_send(sp_store_t *store, const char *key,
    const sp_stored_t *before, const sp_stored_t *after, const char *by,
    const char *why);
sp_write_t sp_store_sent(sp_store_t *store, const char *key);

/* Many at once: "keys" has n of them, "records" room for as many. */
sp_rc_t sp_store_read_many(sp_store_t *store, char *const *keys, size_t n,
    sp_stored_t *records);

/* With --replicas: SP_ERROR unless so many have the changes of this run. */
sp_rc_t sp_store_durable(sp_store_t *store, const sp_cli_args_t *args);

/*
 * That, and with --wait the receipt of all that was written so far: an exit
 * code. SP_CLI_DIFFERS: written, and not every gate is known to enforce it.
 */
int sp_store_settled(sp_store_t *store, const sp_cli_args_t *args);

/* Calls "each" for every key of the prefix; it stops on SP_ERROR. */
typedef sp_rc_t (*sp_store_each_pt)(void *ctx, const char *key,
    const sp_stored_t *record);
sp_rc_t sp_store_each(sp_store_t *store, const char *prefix,
    sp_store_each_pt each, void *ctx);


#endif /* SP_CLI_STORE_H */

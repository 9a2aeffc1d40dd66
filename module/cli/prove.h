
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the finding of single lines in the audit log, and their
 * proofs, which are C2SP's tlog-proof.
 */


#ifndef SP_CLI_PROVE_H
#define SP_CLI_PROVE_H


#include "seal.h"


typedef struct {
    char       boot[SP_LANE_BOOT_LEN + 1];
    unsigned   number;             /* of the lane */
    uint64_t   seq;
    char      *text;               /* the line, NUL-terminated; free() it */
    size_t     len;
    uint64_t   index;              /* of its leaf */
    int        sealed;
} sp_found_t;


/*
 * Calls "want" with each line of all lanes below "dir", lane by lane, and with
 * what was kept of retired files; links are not checked here. SP_ERROR after a message.
 */
sp_rc_t sp_audit_each(const char *dir, void (*want)(void *ctx,
    const sp_lane_t *lane), void *ctx);

/* Appends a copy of the lane's line. */
void sp_found_add(sp_found_t **found, size_t *n, const sp_lane_t *lane);
void sp_found_free(sp_found_t *found, size_t n);

/* The decision of this id; SP_ERROR after a message if there is none. */
sp_rc_t sp_found_decision(const char *dir, const char *id, sp_found_t **found);

/* By boot, lane and number. */
void sp_found_sort(sp_found_t *found, size_t n);

/*
 * Where each line is in the tree, from the seals; "sealed" says if it is. The
 * lines are sorted; those of the sealer's own lane are found, too.
 */
sp_rc_t sp_audit_index(const char *seal, sp_found_t *found, size_t n);

/* The tlog-proof of a sealed line under the newest checkpoint, or NULL. */
char *sp_audit_proof(const char *seal, const sp_found_t *found);

/*
 * audit_change.c: calls "want" with each change (and gap) that the sealer has
 * recorded, in their order. SP_ERROR after a message.
 */
sp_rc_t sp_changes_each(const char *seal, void (*want)(void *ctx,
    const sp_lane_t *lane), void *ctx);

/* 1 if it is about the account, its keys or customers; NULL: about any. */
int sp_change_is_of(const sp_line_t *line, const char *account);

/* `audit show --changes`: the exit code. */
int sp_changes_show(const sp_cli_args_t *args);

/* `audit verify --record --proof`: the exit code. */
int sp_prove_check(const sp_cli_args_t *args);


#endif /* SP_CLI_PROVE_H */

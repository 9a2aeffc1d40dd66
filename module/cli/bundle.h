
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the verbs of `sallyport policy` share: sets of
 * files, and a directory of revisions with the pointer that the gate follows:
 *
 *   DIR/2026-11-23.1/policy.yaml ...   a revision, never changed
 *   DIR/current -> 2026-11-23.1        the one in force
 *   DIR/history.jsonl                  who moved it, when, why
 */


#ifndef SP_CLI_BUNDLE_H
#define SP_CLI_BUNDLE_H


#include "sp_bundle.h"

#include "cli.h"


#define SP_SET_BYTES    (16 * 1024 * 1024)   /* of all files */
#define SP_SET_DEPTH    16
#define SP_REV_LEN      64
#define SP_DIR_CURRENT  "current"
#define SP_DIR_HISTORY  "history.jsonl"
#define SP_DIR_PATH     4096                 /* PATH_MAX */


/* bundle_set.c */

/* All files of a policy's directory, in memory; sorted by name. */
typedef struct {
    unsigned           n;
    size_t             bytes;
    sp_bundle_file_t   files[SP_BUNDLE_FILES];
    unsigned char     *data[SP_BUNDLE_FILES];
    sp_str_t           manifest;             /* not among the files */
} sp_set_t;

/*
 * Reads them all, but not those whose names begin with a dot. SP_ERROR after
 * a message, also for what is neither a file nor a directory: a link could
 * lead out of the set. sp_set_free() in either case.
 */
sp_rc_t sp_set_read(sp_set_t *set, const char *dir);
void sp_set_free(sp_set_t *set);

/* The same files with the same bytes; manifests are not compared. */
int sp_set_same(const sp_set_t *one, const sp_set_t *two);

/* 1 if there is a file with tests among them. */
int sp_set_tested(const sp_set_t *set);

/* Writes them below an empty directory, and to the disk. */
sp_rc_t sp_set_write(const sp_set_t *set, const char *dir);


/* bundle_dir.c */

/* "DIR/NAME" into path[SP_DIR_PATH]; SP_ERROR after a message. */
sp_rc_t sp_dir_path(char *path, const char *dir, const char *name);

/* A revision's name: of A-Z a-z 0-9 . _ - and no other file of DIR. */
int sp_rev_valid(sp_str_t name);

/* Keeps others from changing DIR; the descriptor, or -1 after a message. */
int sp_dir_lock(const char *dir);

/* Where the pointer leads, or "" if there is none; SP_ERROR: a message. */
sp_rc_t sp_dir_current(const char *dir, char rev[SP_REV_LEN + 1]);

/* Makes it lead elsewhere, in one step. */
sp_rc_t sp_dir_point(const char *dir, int lock, const char *rev);

/* The history as an array; NULL after a message. */
json_t *sp_dir_history(const char *dir);

/*
 * The revision in force before this one, by the history; "" if there is
 * none. A rollback undoes a promotion, so two of them go back two steps.
 */
void sp_dir_before(const json_t *history, const char *current,
    char rev[SP_REV_LEN + 1]);

/*
 * Adds "what" was done, from which revision to which, by whom and why.
 * "hash" is of the policy of "to". SP_ERROR after a message.
 */
sp_rc_t sp_dir_record(const char *dir, const char *what, const char *from,
    const char *to, const unsigned char *hash, const sp_cli_args_t *args);


/* policy_stage.c: the set as DIR/REV, by way of a directory beside it. */
sp_rc_t sp_stage_set(const sp_set_t *set, const char *dir, int lock,
    const char *rev);


/* policy_sign.c */

/* The signature of one key of --keys; SP_ERROR after a message. */
sp_rc_t sp_policy_signers(const char *file, sp_signers_t *signers);

/* The serial of a set's manifest, unverified; 0: it has none. */
uint64_t sp_policy_serial(const sp_set_t *set);

/*
 * Signs the set by --key and --name: sets set->manifest. "policy" is that of
 * the set. SP_ERROR after a message.
 */
sp_rc_t sp_policy_sign(sp_set_t *set, const sp_policy_t *policy,
    uint64_t serial, const sp_cli_args_t *args);

/* The highest serial of the revisions in DIR, 0 if none is signed. */
uint64_t sp_policy_highest(const char *dir);


#endif /* SP_CLI_BUNDLE_H */

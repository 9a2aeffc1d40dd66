
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the files of the sealer share: the tree on the
 * disk, keys, and the state of one run.
 */


#ifndef SP_CLI_SEAL_H
#define SP_CLI_SEAL_H


#include "sp_seal.h"

#include "lane_read.h"
#include "lane_write.h"


#define SP_SEAL_BATCH   10000    /* lines of one seal, about */
#define SP_SEAL_LANES   40       /* lanes in one seal record */
#define SP_SEAL_POLS    16       /* policies in one seal record */
#define SP_SEAL_HASH    71       /* "sha256:" and 64 digits */
#define SP_SEAL_NOTE_ID  48      /* id of a stream's entry, with its NUL */


/* tree_file.c: the stored hashes of a tree in a file. */

typedef struct {
    int              fd;
    char            *path;
    sp_tree_t        tree;
    unsigned char   *tail;       /* hashes that are not in the file yet */
    size_t           ntail;
    size_t           room;
    uint64_t         written;    /* hashes in the file */
} sp_tree_file_t;


/*
 * Opens DIR/tree; "write": it is made if it is not there, and cut to "size"
 * leaves. SP_ERROR after a message, also if the file is too short.
 */
sp_rc_t sp_tree_file_open(sp_tree_file_t *file, const char *dir,
    uint64_t size, int write);
void sp_tree_file_add(sp_tree_file_t *file, const unsigned char *leaf);

/* Puts what was added on the disk. */
sp_rc_t sp_tree_file_flush(sp_tree_file_t *file);
void sp_tree_file_close(sp_tree_file_t *file);

/* A reader for proofs; "ctx" is the sp_tree_file_t. */
sp_rc_t sp_tree_file_read(void *ctx, uint64_t at,
    unsigned char hash[SP_HASH_LEN]);


/* audit_key.c */

/*
 * A new key: the secret one into a new file, the public one printed under
 * "name", which was given as --"option"; an exit code.
 */
int sp_audit_key_make(const char *file, const char *option,
    const char *name);

/* The secret Ed25519 key of a PEM file; SP_ERROR after a message. */
sp_rc_t sp_audit_secret(const char *file, unsigned char secret[32]);

/* A verifier key from a file, or the text of one. */
sp_rc_t sp_audit_vkey(const char *what, const char *text, sp_vkey_t *vkey);

/* Writes a file whole or not at all: beside it first, then renamed. */
sp_rc_t sp_audit_replace(const char *path, const char *text, size_t len);

/* The seal directory of --seal, or DIR/seal; free() it. */
char *sp_audit_seal_dir(const sp_cli_args_t *args, const char *dir);


/* seal_publish.c */

typedef struct sp_publish_s  sp_publish_t;

/*
 * Where checkpoints go besides the directory: --to-file, --to-https,
 * --to-syslog. NULL after a message; "threaded": sp_publish() returns at once
 * and the newest one is tried until it is gone.
 */
sp_publish_t *sp_publish_open(const sp_cli_args_t *args, int threaded);
sp_rc_t sp_publish(sp_publish_t *publish, const char *note, size_t len);

/* Waits for what is under way, for some seconds at most. */
void sp_publish_close(sp_publish_t *publish);


/* One run of the sealer. */

typedef struct {
    const char         *dir;
    char               *seal;          /* its own directory */
    const char         *policy;        /* where policies are, or NULL */
    int                 lock;
    unsigned char       secret[32];
    sp_vkey_t           vkey;
    sp_lanes_t          lanes;
    sp_lane_t          *own;           /* read once, at the start */
    sp_lane_writer_t    writer;
    sp_tree_file_t      tree;
    sp_publish_t       *publish;
    char              (*pols)[SP_SEAL_HASH + 1];    /* sealed or seen */
    size_t              npols;
    size_t              pols_sealed;

    /* the batch: leaves that are read and not sealed */

    unsigned char      *leaves;
    size_t              nleaves;
    size_t              room;
    unsigned char      *mine;          /* leaves of the own lane */
    size_t              nmine;
    size_t              mine_room;
    uint64_t            own_from;      /* seq of the first of them */
    json_t             *entries;
    uint64_t            count[SP_LINE_OTHER + 4];
    uint64_t            lost;
    uint64_t            files;
    size_t              next;          /* lane with which a batch begins */
    unsigned            full:1;        /* there is more to read */
    unsigned            failed:1;      /* a lane is broken */

    /* changes, of the store's stream */

    const sp_cli_args_t  *args;        /* that name it, or NULL */
    struct sp_store_s    *store;       /* NULL: not connected */
    int64_t             store_tried;   /* monotonic ms */
    char                note[SP_SEAL_NOTE_ID];       /* recorded last */
    char                note_told[SP_SEAL_NOTE_ID];  /* a gap up to here is */
    unsigned            notes_left:1;  /* there are more */
    unsigned            store_failed:1;

    int64_t             sealed;        /* monotonic ms of the last seal */
    int64_t             saved;         /* of the last cursors */
    int64_t             noted;         /* of the last of "checkpoints" */
    uint64_t            total;         /* lines sealed by this run */
} sp_sealer_t;


int64_t sp_seal_now(void);


/* seal_state.c */

/* Makes the sealer's directory if it is not there. */
sp_rc_t sp_seal_directory(const sp_sealer_t *sealer);

/* Takes up where the last run ended, however it ended. */
sp_rc_t sp_seal_start(sp_sealer_t *sealer);
sp_rc_t sp_seal_save(sp_sealer_t *sealer);


/* seal_batch.c */

/* Reads new lines of the lanes, up to a batch. */
sp_rc_t sp_seal_read(sp_sealer_t *sealer);

/* Seals what was read, or "nothing" if "idle". */
sp_rc_t sp_seal_commit(sp_sealer_t *sealer);

/* Adds a leaf to be sealed. */
void sp_seal_leaf(sp_sealer_t *sealer, sp_str_t line);
void sp_seal_mine(void *ctx, sp_str_t line);

/* Signs the tree as it is, and writes and publishes the checkpoint. */
sp_rc_t sp_seal_sign(sp_sealer_t *sealer);


/*
 * seal_change.c: a line for each change that the store's stream tells of, up
 * to a batch. SP_ERROR: a line could not be written; a store that does not
 * answer is a message and "store_failed".
 */
sp_rc_t sp_seal_changes(sp_sealer_t *sealer);

/* A line of the own lane that is read again: how far the stream was read. */
void sp_seal_change_mark(sp_sealer_t *sealer, const sp_line_t *line);

/* seal_archive.c: copies the policy of this hash, if it can be found. */
void sp_seal_archive(sp_sealer_t *sealer, const char *hash);

/* Remembers a policy that a line names; 1 if it was not known before. */
int sp_seal_policy(sp_sealer_t *sealer, sp_str_t hash);


#endif /* SP_CLI_SEAL_H */

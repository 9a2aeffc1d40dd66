
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the files of `audit verify` share. The walk through
 * the seals also serves those who need to know where a line is in the tree.
 */


#ifndef SP_CLI_VERIFY_H
#define SP_CLI_VERIFY_H


#include "seal.h"


#define SP_VERIFY_FINDINGS  100    /* kept; more are counted */


typedef enum {
    SP_VERIFY_NOTE = 0,       /* nothing is wrong with it */
    SP_VERIFY_INCOMPLETE,     /* something cannot be proved */
    SP_VERIFY_TAMPERED
} sp_verify_grade_t;


typedef struct {
    sp_verify_grade_t  grade;
    char              *file;       /* or NULL */
    uint64_t           line;       /* 0: the file as a whole */
    char              *why;
} sp_finding_t;


/* A signed head that the log must have had. */
typedef struct {
    uint64_t        size;
    unsigned char   root[SP_HASH_LEN];
    char           *source;        /* file:line */
} sp_anchor_t;


/* A lane of which the beginning was retired. */
typedef struct {
    char            boot[SP_LANE_BOOT_LEN + 1];
    unsigned        number;
    uint64_t        to;            /* last line that is gone */
    unsigned char   h[SP_CHAIN_LEN];
    unsigned        files;
    uint64_t        kept;          /* lines that should be there */
    uint64_t        found;
    unsigned       *segments;
    FILE           *in;            /* kept lines, being read */
    unsigned        at;            /* index of the file being read */
    uint64_t        seq;           /* of the kept line that waits; 0: none */
    unsigned char   leaf[SP_HASH_LEN];
} sp_retired_t;


typedef struct {
    const char      *dir;
    char            *seal;
    sp_vkey_t        vkey;
    int              has_key;
    sp_lanes_t       lanes;
    sp_lane_t       *own;

    sp_anchor_t     *anchors;      /* by size */
    size_t           nanchors;
    size_t           anchor;       /* the next to be compared */
    uint64_t         consistent;   /* how many were */

    sp_retired_t    *retired;      /* by boot and number */
    size_t           nretired;

    FILE            *stored;       /* seal/tree, or NULL */
    uint64_t         stored_at;    /* where it stands, in hashes */
    sp_tree_t        tree;         /* of the lines as they are */
    sp_tree_t        other;        /* with the leaves as they were stored */
    int              differ;       /* the two do; since: */
    char            *differ_file;
    uint64_t         differ_line;
    uint64_t         differ_leaf;
    int              lost;         /* the tree cannot be followed any more */

    sp_finding_t     findings[SP_VERIFY_FINDINGS];
    size_t           nfindings;
    uint64_t         more;
    sp_verify_grade_t  grade;

    uint64_t         records;
    uint64_t         seals;
    uint64_t         sealed;       /* lines */
    uint64_t         unsealed;
    uint64_t         lost_records;
    uint64_t         retired_files;
    char             last_seal[32];
    int              progress;
} sp_verify_t;


/* audit_verify.c */
void sp_verify_find(sp_verify_t *v, sp_verify_grade_t grade, const char *file,
    uint64_t line, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
void sp_verify_lane_bad(sp_verify_t *v, const sp_lane_t *lane);
void sp_verify_progress(sp_verify_t *v);


/* verify_walk.c: the seals, and what they cover. */
sp_rc_t sp_verify_walk(sp_verify_t *v);


/* verify_tree.c: leaves and roots. */

/* A line of the log; "file" and "line" say where it stands. */
void sp_verify_leaf(sp_verify_t *v, sp_str_t text, const sp_lane_t *lane);

/* A line that is not there: the stored leaf is taken. */
void sp_verify_absent(sp_verify_t *v, uint64_t n);

/* The tree must have this root now. */
void sp_verify_root(sp_verify_t *v, const unsigned char *root,
    const char *source);

/* Compares with all anchors of this size. */
void sp_verify_anchors(sp_verify_t *v);


/* verify_note.c: checkpoints from files. */
void sp_verify_notes(sp_verify_t *v, const char *file, int must);
void sp_verify_sort(sp_verify_t *v);


/* verify_retired.c */
sp_rc_t sp_verify_retired_load(sp_verify_t *v);
sp_retired_t *sp_verify_retired(const sp_verify_t *v, const char *boot,
    unsigned number);

/* The next retired line of a lane, number "seq". */
void sp_verify_gone(sp_verify_t *v, sp_retired_t *retired, uint64_t seq);
void sp_verify_retired_free(sp_verify_t *v);


#endif /* SP_CLI_VERIFY_H */

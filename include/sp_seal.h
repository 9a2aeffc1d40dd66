
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what makes an audit log provable to outsiders: the
 * Merkle tree of RFC 6962 (section 2.1) over its lines, and the signed heads
 * of that tree, which are checkpoints and signed notes as the C2SP
 * specifications tlog-checkpoint, signed-note and tlog-proof define them.
 *
 * Nothing here reads or writes a file: hashes come through a callback.
 */


#ifndef SP_SEAL_H
#define SP_SEAL_H


#include "sp_base.h"


#define SP_HASH_LEN        32
#define SP_TREE_LEVELS     64
#define SP_PROOF_MAX       65      /* hashes of the longest proof */
#define SP_ORIGIN_LEN      128     /* bytes of a log's name */
#define SP_NOTE_MAX        1024    /* bytes of a checkpoint of one signature */
#define SP_VKEY_MAX        256     /* bytes of a verifier key with its NUL */


/* The right edge of a tree: enough to append to it and to know its root. */
typedef struct {
    uint64_t       size;                                /* leaves */
    unsigned char  peaks[SP_TREE_LEVELS][SP_HASH_LEN];  /* of set bits */
} sp_tree_t;


/*
 * Hands out the hash at a position of the stored hashes: SP_OK, or SP_ERROR
 * if it cannot be had, which ends what was asked for with SP_ERROR.
 */
typedef sp_rc_t (*sp_tree_read_pt)(void *ctx, uint64_t at,
    unsigned char hash[SP_HASH_LEN]);


/* sp_merkle.c */

void sp_tree_init(sp_tree_t *tree);

/* SHA-256 of a zero byte and the data: the hash of a leaf. */
void sp_tree_leaf(const void *data, size_t len,
    unsigned char hash[SP_HASH_LEN]);

/*
 * Appends a leaf by its hash. The hashes that became known are put into
 * "stored" in their order: the leaf's and that of each subtree which it
 * completes; returns how many. "stored" may be NULL.
 */
unsigned sp_tree_append(sp_tree_t *tree, const unsigned char leaf[SP_HASH_LEN],
    unsigned char stored[SP_TREE_LEVELS + 1][SP_HASH_LEN]);

/* That of an empty tree is SHA-256 of nothing. */
void sp_tree_root(const sp_tree_t *tree, unsigned char root[SP_HASH_LEN]);

/* How many stored hashes a tree of this size has: 2 * size - popcount. */
uint64_t sp_tree_stored(uint64_t size);

/* Where among them subtree number "n" of level "level" stands. */
uint64_t sp_tree_at(unsigned level, uint64_t n);

/* The tree of "size" leaves, from its stored hashes. */
sp_rc_t sp_tree_load(sp_tree_t *tree, uint64_t size, sp_tree_read_pt read,
    void *ctx);

/*
 * The audit path of leaf "index" < "size" (RFC 6962 2.1.1), leaf first; *n is
 * set to its length.
 */
sp_rc_t sp_tree_inclusion(uint64_t size, uint64_t index, sp_tree_read_pt read,
    void *ctx, unsigned char proof[SP_PROOF_MAX][SP_HASH_LEN], unsigned *n);

/* The proof that a tree of "old" <= "size" leaves is its beginning (2.1.2). */
sp_rc_t sp_tree_consistency(uint64_t size, uint64_t old, sp_tree_read_pt read,
    void *ctx, unsigned char proof[SP_PROOF_MAX][SP_HASH_LEN], unsigned *n);

/* 1 if the proof holds, by the algorithms of RFC 9162, 2.1.3.2 and 2.1.4.2. */
int sp_tree_included(const unsigned char root[SP_HASH_LEN], uint64_t size,
    uint64_t index, const unsigned char leaf[SP_HASH_LEN],
    unsigned char proof[][SP_HASH_LEN], unsigned n);
int sp_tree_consistent(const unsigned char root[SP_HASH_LEN], uint64_t size,
    const unsigned char old_root[SP_HASH_LEN], uint64_t old,
    unsigned char proof[][SP_HASH_LEN], unsigned n);


/* sp_checkpoint.c */

typedef struct {
    char           origin[SP_ORIGIN_LEN + 1];
    uint64_t       size;
    unsigned char  root[SP_HASH_LEN];
} sp_checkpoint_t;


/* Who signs: a name, and an Ed25519 key. */
typedef struct {
    char           name[SP_ORIGIN_LEN + 1];
    unsigned char  id[4];
    unsigned char  key[32];        /* public, RFC 8032 */
} sp_vkey_t;


/*
 * Fills in the id. SP_ERROR if the name is none: empty, too long, no UTF-8, or
 * with a space, a control character or a '+' in it.
 */
sp_rc_t sp_vkey_init(sp_vkey_t *vkey, sp_str_t name,
    const unsigned char key[32]);

/* NAME+ID+BASE64: a C2SP verifier key; white space at the end is fine. */
sp_rc_t sp_vkey_parse(sp_vkey_t *vkey, sp_str_t text);

/* Returns the length without the NUL. */
size_t sp_vkey_format(const sp_vkey_t *vkey, char buf[SP_VKEY_MAX]);

/* The public key of a secret one (32 bytes, RFC 8032); SP_ERROR: OpenSSL. */
sp_rc_t sp_vkey_public(const unsigned char secret[32], unsigned char key[32]);

/*
 * The signed note of a checkpoint, under the key's name; returns its length,
 * 0 if OpenSSL fails.
 */
size_t sp_checkpoint_sign(const sp_checkpoint_t *checkpoint,
    const sp_vkey_t *vkey, const unsigned char secret[32],
    char buf[SP_NOTE_MAX]);

/*
 * Reads a note and verifies its signature. SP_OK: signed by this key.
 * SP_DECLINED: a checkpoint, but without a signature of this key, or "vkey" is
 * NULL. SP_ERROR: no checkpoint, or the key's signature is false; *why says
 * what, for people.
 */
sp_rc_t sp_checkpoint_open(sp_checkpoint_t *checkpoint, sp_str_t note,
    const sp_vkey_t *vkey, const char **why);

/*
 * C2SP signed notes with any text. Signs the "n" bytes in "buf", whole lines,
 * and puts the signature after them; returns the length of the note, 0 if it
 * has no room in "size" bytes or OpenSSL fails.
 */
size_t sp_note_sign(char *buf, size_t n, size_t size, const sp_vkey_t *vkey,
    const unsigned char secret[32]);

/*
 * SP_OK: signed by this key, and *text (in "note") is what it has signed.
 * SP_DECLINED: a note, but without a signature of this key. SP_ERROR: no note,
 * or the key's signature is false; *why says what, for people.
 */
sp_rc_t sp_note_open(sp_str_t note, const sp_vkey_t *vkey, sp_str_t *text,
    const char **why);

/* Standard base 64 (RFC 4648, section 4), with its padding, no NUL. */
size_t sp_base64(const unsigned char *src, size_t len, char *dst);

/* The reverse: exactly "len" bytes, or SP_ERROR. */
sp_rc_t sp_unbase64(sp_str_t s, unsigned char *dst, size_t len);


#endif /* SP_SEAL_H */

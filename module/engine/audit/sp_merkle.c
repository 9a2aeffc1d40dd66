
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the Merkle tree of RFC 6962 over the lines of the audit
 * log, and proofs in it.
 */


#define OPENSSL_SUPPRESS_DEPRECATED  1

#include <openssl/sha.h>

#include "sp_seal.h"


typedef struct {
    sp_tree_read_pt   read;
    void             *ctx;
    unsigned char   (*proof)[SP_HASH_LEN];
    unsigned          n;
} sp_proof_t;


static void sp_tree_node(const unsigned char left[SP_HASH_LEN],
    const unsigned char right[SP_HASH_LEN], unsigned char hash[SP_HASH_LEN]);
static unsigned sp_tree_split(uint64_t n);
static sp_rc_t sp_tree_range(sp_proof_t *p, uint64_t from, uint64_t n,
    unsigned char hash[SP_HASH_LEN]);
static sp_rc_t sp_proof_add(sp_proof_t *p, uint64_t from, uint64_t n);
static void sp_proof_reverse(sp_proof_t *p);


void
sp_tree_init(sp_tree_t *tree)
{
    tree->size = 0;
}


void
sp_tree_leaf(const void *data, size_t len, unsigned char hash[SP_HASH_LEN])
{
    SHA256_CTX  sha;

    SHA256_Init(&sha);
    SHA256_Update(&sha, "\x00", 1);
    SHA256_Update(&sha, data, len);
    SHA256_Final(hash, &sha);
}


static void
sp_tree_node(const unsigned char left[SP_HASH_LEN],
    const unsigned char right[SP_HASH_LEN], unsigned char hash[SP_HASH_LEN])
{
    SHA256_CTX     sha;
    unsigned char  node[1 + 2 * SP_HASH_LEN];

    node[0] = 1;
    memcpy(node + 1, left, SP_HASH_LEN);
    memcpy(node + 1 + SP_HASH_LEN, right, SP_HASH_LEN);

    SHA256_Init(&sha);
    SHA256_Update(&sha, node, sizeof(node));
    SHA256_Final(hash, &sha);
}


unsigned
sp_tree_append(sp_tree_t *tree, const unsigned char leaf[SP_HASH_LEN],
    unsigned char stored[SP_TREE_LEVELS + 1][SP_HASH_LEN])
{
    unsigned       level;
    unsigned char  hash[SP_HASH_LEN];

    memcpy(hash, leaf, SP_HASH_LEN);

    for (level = 0; /* void */ ; level++) {

        if (stored != NULL) {
            memcpy(stored[level], hash, SP_HASH_LEN);
        }

        if ((tree->size >> level & 1) == 0) {
            break;
        }

        sp_tree_node(tree->peaks[level], hash, hash);
    }

    memcpy(tree->peaks[level], hash, SP_HASH_LEN);
    tree->size++;

    return level + 1;
}


void
sp_tree_root(const sp_tree_t *tree, unsigned char root[SP_HASH_LEN])
{
    int         have;
    unsigned    level;
    SHA256_CTX  sha;

    if (tree->size == 0) {
        SHA256_Init(&sha);
        SHA256_Final(root, &sha);
        return;
    }

    have = 0;

    for (level = 0; level < SP_TREE_LEVELS; level++) {

        if ((tree->size >> level & 1) == 0) {
            continue;
        }

        if (have) {
            sp_tree_node(tree->peaks[level], root, root);

        } else {
            memcpy(root, tree->peaks[level], SP_HASH_LEN);
            have = 1;
        }
    }
}


uint64_t
sp_tree_stored(uint64_t size)
{
    return 2 * size - (uint64_t) __builtin_popcountll(size);
}


uint64_t
sp_tree_at(unsigned level, uint64_t n)
{
    return sp_tree_stored(((n + 1) << level) - 1) + level;
}


sp_rc_t
sp_tree_load(sp_tree_t *tree, uint64_t size, sp_tree_read_pt read, void *ctx)
{
    uint64_t  done;
    unsigned  level;

    done = 0;
    tree->size = size;

    for (level = SP_TREE_LEVELS; level-- > 0; /* void */ ) {

        if ((size >> level & 1) == 0) {
            continue;
        }

        if (read(ctx, sp_tree_at(level, done >> level), tree->peaks[level])
            != SP_OK)
        {
            return SP_ERROR;
        }

        done += UINT64_C(1) << level;
    }

    return SP_OK;
}


/* The largest power of two below n >= 2, as its logarithm. */

static unsigned
sp_tree_split(uint64_t n)
{
    return 63 - (unsigned) __builtin_clzll(n - 1);
}


/* MTH(D[from:from+n]), where "from" is a multiple of a power of two >= n. */

static sp_rc_t
sp_tree_range(sp_proof_t *p, uint64_t from, uint64_t n,
    unsigned char hash[SP_HASH_LEN])
{
    unsigned       level, have;
    uint64_t       end, size;
    unsigned char  left[SP_HASH_LEN];

    /* Its complete subtrees from the right, which are the smaller ones. */

    have = 0;
    end = from + n;

    while (n != 0) {
        level = (unsigned) __builtin_ctzll(n);
        size = UINT64_C(1) << level;

        if (p->read(p->ctx, sp_tree_at(level, (end - size) >> level), left)
            != SP_OK)
        {
            return SP_ERROR;
        }

        if (have) {
            sp_tree_node(left, hash, hash);

        } else {
            memcpy(hash, left, SP_HASH_LEN);
            have = 1;
        }

        end -= size;
        n -= size;
    }

    return SP_OK;
}


static sp_rc_t
sp_proof_add(sp_proof_t *p, uint64_t from, uint64_t n)
{
    return sp_tree_range(p, from, n, p->proof[p->n++]);
}


/* From the root down the path comes in reverse. */

static void
sp_proof_reverse(sp_proof_t *p)
{
    unsigned       i;
    unsigned char  swap[SP_HASH_LEN];

    for (i = 0; i < p->n / 2; i++) {
        memcpy(swap, p->proof[i], SP_HASH_LEN);
        memcpy(p->proof[i], p->proof[p->n - 1 - i], SP_HASH_LEN);
        memcpy(p->proof[p->n - 1 - i], swap, SP_HASH_LEN);
    }
}


sp_rc_t
sp_tree_inclusion(uint64_t size, uint64_t index, sp_tree_read_pt read,
    void *ctx, unsigned char proof[SP_PROOF_MAX][SP_HASH_LEN], unsigned *n)
{
    sp_rc_t     rc;
    uint64_t    from, k;
    sp_proof_t  p = { read, ctx, proof, 0 };

    if (index >= size) {
        return SP_ERROR;
    }

    from = 0;

    while (size > 1) {
        k = UINT64_C(1) << sp_tree_split(size);

        if (index - from < k) {
            rc = sp_proof_add(&p, from + k, size - k);
            size = k;

        } else {
            rc = sp_proof_add(&p, from, k);
            from += k;
            size -= k;
        }

        if (rc != SP_OK) {
            return SP_ERROR;
        }
    }

    sp_proof_reverse(&p);
    *n = p.n;

    return SP_OK;
}


sp_rc_t
sp_tree_consistency(uint64_t size, uint64_t old, sp_tree_read_pt read,
    void *ctx, unsigned char proof[SP_PROOF_MAX][SP_HASH_LEN], unsigned *n)
{
    int         known;
    sp_rc_t     rc;
    uint64_t    from, k;
    sp_proof_t  p = { read, ctx, proof, 0 };

    *n = 0;

    if (old > size) {
        return SP_ERROR;
    }

    if (old == 0 || old == size) {
        return SP_OK;
    }

    from = 0;
    known = 1;    /* the verifier has the hash of this subtree: the old root */

    while (old != size) {
        k = UINT64_C(1) << sp_tree_split(size);

        if (old <= k) {
            rc = sp_proof_add(&p, from + k, size - k);
            size = k;

        } else {
            rc = sp_proof_add(&p, from, k);
            from += k;
            old -= k;
            size -= k;
            known = 0;
        }

        if (rc != SP_OK) {
            return SP_ERROR;
        }
    }

    if (!known && sp_proof_add(&p, from, size) != SP_OK) {
        return SP_ERROR;
    }

    sp_proof_reverse(&p);
    *n = p.n;

    return SP_OK;
}


int
sp_tree_included(const unsigned char root[SP_HASH_LEN], uint64_t size,
    uint64_t index, const unsigned char leaf[SP_HASH_LEN],
    unsigned char proof[][SP_HASH_LEN], unsigned n)
{
    unsigned       i;
    uint64_t       fn, sn;
    unsigned char  r[SP_HASH_LEN];

    if (index >= size) {
        return 0;
    }

    fn = index;
    sn = size - 1;
    memcpy(r, leaf, SP_HASH_LEN);

    for (i = 0; i < n; i++) {

        if (sn == 0) {
            return 0;
        }

        if ((fn & 1) || fn == sn) {
            sp_tree_node(proof[i], r, r);

            while ((fn & 1) == 0 && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }

        } else {
            sp_tree_node(r, proof[i], r);
        }

        fn >>= 1;
        sn >>= 1;
    }

    return sn == 0 && memcmp(r, root, SP_HASH_LEN) == 0;
}


int
sp_tree_consistent(const unsigned char root[SP_HASH_LEN], uint64_t size,
    const unsigned char old_root[SP_HASH_LEN], uint64_t old,
    unsigned char proof[][SP_HASH_LEN], unsigned n)
{
    unsigned       i;
    uint64_t       fn, sn;
    sp_tree_t      none;
    unsigned char  fr[SP_HASH_LEN], sr[SP_HASH_LEN];

    if (old == 0) {
        sp_tree_init(&none);
        sp_tree_root(&none, fr);
        return n == 0 && memcmp(fr, old_root, SP_HASH_LEN) == 0
               && (size != 0 || memcmp(root, old_root, SP_HASH_LEN) == 0);
    }

    if (old == size) {
        return n == 0 && memcmp(root, old_root, SP_HASH_LEN) == 0;
    }

    i = 0;

    /* Where the old tree is a complete subtree its root is left out. */

    if (old > size) {
        return 0;
    }

    if ((old & (old - 1)) == 0) {
        memcpy(fr, old_root, SP_HASH_LEN);

    } else if (n == 0) {
        return 0;

    } else {
        memcpy(fr, proof[i++], SP_HASH_LEN);
    }

    memcpy(sr, fr, SP_HASH_LEN);
    fn = old - 1;
    sn = size - 1;

    while (fn & 1) {
        fn >>= 1;
        sn >>= 1;
    }

    for ( /* void */ ; i < n; i++) {

        if (sn == 0) {
            return 0;
        }

        if ((fn & 1) || fn == sn) {
            sp_tree_node(proof[i], fr, fr);
            sp_tree_node(proof[i], sr, sr);

            while ((fn & 1) == 0 && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }

        } else {
            sp_tree_node(sr, proof[i], sr);
        }

        fn >>= 1;
        sn >>= 1;
    }

    return sn == 0 && memcmp(fr, old_root, SP_HASH_LEN) == 0
           && memcmp(sr, root, SP_HASH_LEN) == 0;
}

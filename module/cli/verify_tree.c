
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the rebuilding of the tree by the verifier. Leaves are
 * computed from the lines and compared with those that the sealer stored, so
 * that a line which was changed and linked anew can be named; which of the two
 * is true is what the next signed root says.
 */


#include <stdlib.h>

#include "verify.h"


static int sp_verify_stored(sp_verify_t *v, unsigned char leaf[SP_HASH_LEN]);
static void sp_verify_add(sp_verify_t *v, const unsigned char *leaf,
    const unsigned char *stored);
static int sp_verify_is(const sp_tree_t *tree, const unsigned char *root);


void
sp_verify_leaf(sp_verify_t *v, sp_str_t text, const sp_lane_t *lane)
{
    char           path[SP_LANE_PATH];
    unsigned char  leaf[SP_HASH_LEN], stored[SP_HASH_LEN];

    if (v->lost) {
        return;
    }

    sp_tree_leaf(text.data, text.len, leaf);

    if (!sp_verify_stored(v, stored)) {
        memcpy(stored, leaf, SP_HASH_LEN);
    }

    if (!v->differ && memcmp(leaf, stored, SP_HASH_LEN) != 0) {
        v->differ = 1;
        v->other = v->tree;
        v->differ_leaf = v->tree.size;
        v->differ_line = lane->row;
        free(v->differ_file);
        v->differ_file = sp_cli_copy(sp_cstr(
            sp_lane_path(lane, lane->segment, path)));
    }

    sp_verify_add(v, leaf, stored);
}


void
sp_verify_absent(sp_verify_t *v, uint64_t n)
{
    unsigned char  stored[SP_HASH_LEN];

    for ( /* void */ ; n != 0 && !v->lost; n--) {

        if (!sp_verify_stored(v, stored)) {
            v->lost = 1;
            sp_verify_find(v, SP_VERIFY_TAMPERED, NULL, 0, "the tree cannot "
                           "be built again from leaf %llu on: the lines are "
                           "not there, and seal/tree does not have them",
                           (unsigned long long) v->tree.size);
            return;
        }

        sp_verify_add(v, stored, stored);
    }
}


/* The stored leaf of the next line: leaves stand between other hashes. */

static int
sp_verify_stored(sp_verify_t *v, unsigned char leaf[SP_HASH_LEN])
{
    uint64_t  at;

    if (v->stored == NULL) {
        return 0;
    }

    at = sp_tree_stored(v->tree.size);

    if (at < v->stored_at || at > v->stored_at + 64) {
        v->stored_at = at;

        if (fseeko(v->stored, (off_t) (at * SP_HASH_LEN), SEEK_SET) != 0) {
            return 0;
        }
    }

    for ( ;; ) {

        if (fread_unlocked(leaf, SP_HASH_LEN, 1, v->stored) != 1) {
            v->stored_at = UINT64_MAX - 128;
            return 0;
        }

        if (v->stored_at++ == at) {
            return 1;
        }
    }
}


static void
sp_verify_add(sp_verify_t *v, const unsigned char *leaf,
    const unsigned char *stored)
{
    (void) sp_tree_append(&v->tree, leaf, NULL);

    if (v->differ) {
        (void) sp_tree_append(&v->other, stored, NULL);
    }
}


static int
sp_verify_is(const sp_tree_t *tree, const unsigned char *root)
{
    unsigned char  have[SP_HASH_LEN];

    sp_tree_root(tree, have);

    return memcmp(have, root, SP_HASH_LEN) == 0;
}


void
sp_verify_root(sp_verify_t *v, const unsigned char *root, const char *source)
{
    if (v->lost) {
        return;
    }

    if (!v->differ) {

        if (!sp_verify_is(&v->tree, root)) {
            v->lost = 1;
            sp_verify_find(v, SP_VERIFY_TAMPERED, NULL, 0, "the log is not "
                           "the one of %s: its first %llu lines have another "
                           "root", source,
                           (unsigned long long) v->tree.size);
        }

        return;
    }

    v->differ = 0;

    if (sp_verify_is(&v->tree, root)) {
        sp_verify_find(v, SP_VERIFY_INCOMPLETE, v->seal, 0, "\"tree\" is "
                       "damaged at leaf %llu; the lines are those that were "
                       "sealed", (unsigned long long) v->differ_leaf);
        return;
    }

    sp_verify_find(v, SP_VERIFY_TAMPERED, v->differ_file, v->differ_line,
                   "this is not the line that was sealed");

    if (sp_verify_is(&v->other, root)) {
        v->tree = v->other;
        return;
    }

    v->lost = 1;
    sp_verify_find(v, SP_VERIFY_TAMPERED, NULL, 0, "the log is not the one of "
                   "%s: its first %llu lines have another root", source,
                   (unsigned long long) v->tree.size);
}


void
sp_verify_anchors(sp_verify_t *v)
{
    sp_anchor_t  *anchor;

    while (v->anchor < v->nanchors
           && v->anchors[v->anchor].size <= v->tree.size)
    {
        anchor = &v->anchors[v->anchor++];

        if (v->lost) {
            continue;
        }

        if (anchor->size != v->tree.size) {
            sp_verify_find(v, SP_VERIFY_TAMPERED, anchor->source, 0,
                           "no seal of this log ends at line %llu, where the "
                           "checkpoint does",
                           (unsigned long long) anchor->size);
            continue;
        }

        sp_verify_root(v, anchor->root, anchor->source);
        v->consistent += !v->lost;
    }
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the reading of checkpoints by the verifier: files with
 * one or many signed notes, as the sealer or a collector keeps them.
 */


#include <stdlib.h>
#include <unistd.h>

#include "verify.h"


static void sp_verify_note(sp_verify_t *v, const char *file, size_t line,
    sp_str_t note);
static int sp_verify_order(const void *one, const void *two);


/* A note is text, an empty line, and lines that begin with a dash. */

void
sp_verify_notes(sp_verify_t *v, const char *file, int must)
{
    char    *text, *p, *end, *start;
    size_t   len, line, first;
    int      part;

    if (!must && access(file, F_OK) != 0) {
        return;
    }

    text = sp_cli_read_file(file, (size_t) 1 << 30, &len);

    if (text == NULL) {
        sp_verify_find(v, SP_VERIFY_INCOMPLETE, file, 0, "cannot be read");
        return;
    }

    start = text;
    first = line = 1;
    part = 0;    /* 0: before a note, 1: its text, 2: its signatures */

    for (p = text; p < text + len; p = end, line++) {
        end = memchr(p, '\n', (size_t) (text + len - p));
        end = end == NULL ? text + len : end + 1;

        if (part == 2 && strncmp(p, "\xe2\x80\x94 ", 4) != 0) {
            sp_verify_note(v, file, first, (sp_str_t) { (size_t) (p - start),
                           (unsigned char *) start });
            part = 0;
        }

        if (part == 0) {
            if (*p == '\n') {
                continue;
            }

            start = p;
            first = line;
            part = 1;

        } else if (part == 1 && *p == '\n') {
            part = 2;
        }
    }

    if (part != 0) {
        sp_verify_note(v, file, first, (sp_str_t) {
                       (size_t) (text + len - start),
                       (unsigned char *) start });
    }

    free(text);
}


static void
sp_verify_note(sp_verify_t *v, const char *file, size_t line, sp_str_t note)
{
    char              source[SP_LANE_PATH + 32];
    sp_rc_t           rc;
    const char       *why;
    sp_anchor_t      *anchor;
    sp_checkpoint_t   checkpoint;

    rc = sp_checkpoint_open(&checkpoint, note, v->has_key ? &v->vkey : NULL,
                            &why);

    /* Without a key a checkpoint says no more than the log itself. */

    if (rc == SP_ERROR || (rc == SP_DECLINED && v->has_key)) {
        sp_verify_find(v, rc == SP_ERROR && v->has_key
                       ? SP_VERIFY_TAMPERED : SP_VERIFY_INCOMPLETE, file,
                       line, "%s", why);
        return;
    }

    if (v->has_key && strcmp(checkpoint.origin, v->vkey.name) != 0) {
        sp_verify_find(v, SP_VERIFY_INCOMPLETE, file, line, "the checkpoint "
                       "is one of another log, %s", checkpoint.origin);
        return;
    }

    v->anchors = realloc(v->anchors, (v->nanchors + 1) * sizeof(*v->anchors));

    if (v->anchors == NULL) {
        sp_cli_error("no memory for checkpoints");
        exit(SP_CLI_REFUSED);
    }

    (void) snprintf(source, sizeof(source), "%s:%zu", file, line);

    anchor = &v->anchors[v->nanchors++];
    anchor->size = checkpoint.size;
    anchor->source = sp_cli_copy(sp_cstr(source));
    memcpy(anchor->root, checkpoint.root, SP_HASH_LEN);
}


void
sp_verify_sort(sp_verify_t *v)
{
    if (v->nanchors != 0) {
        qsort(v->anchors, v->nanchors, sizeof(*v->anchors), sp_verify_order);
    }
}


static int
sp_verify_order(const void *one, const void *two)
{
    const sp_anchor_t  *a = one, *b = two;

    return a->size < b->size ? -1 : a->size > b->size;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the writing of an import that was checked: batch by batch,
 * and what is said where the store does not let it come to its end.
 */


#include "import_do.h"


static sp_rc_t sp_import_close(sp_import_t *im);
static sp_rc_t sp_import_send(sp_import_t *im, const sp_row_t *rows, size_t n);
static void sp_import_stopped(const sp_import_t *im, const char *id,
    int known);


sp_rc_t
sp_import_write(sp_import_t *im)
{
    size_t   at, n;
    sp_rc_t  rc;

    rc = SP_OK;

    for (at = 0; rc == SP_OK && at < im->rows.n; at += n) {
        n = sp_min(im->rows.n - at, SP_IMPORT_BATCH);
        rc = sp_import_batch(im, &im->rows.rows[at], n);

        if (rc == SP_OK) {
            rc = sp_import_send(im, &im->rows.rows[at], n);

        } else {
            sp_import_stopped(im, im->rows.rows[at].id, 1);
        }

        sp_import_forget(im, n);
        sp_progress("written", at + n, im->rows.n);
    }

    if (rc == SP_OK && im->ngone != 0) {
        rc = sp_import_close(im);
    }

    sp_import_say(&im->did, "");

    return rc;
}


static sp_rc_t
sp_import_close(sp_import_t *im)
{
    size_t      at, n, i;
    sp_rc_t     rc;
    sp_row_t    rows[SP_IMPORT_BATCH];

    rc = SP_OK;

    for (at = 0; rc == SP_OK && at < im->ngone; at += n) {
        n = sp_min(im->ngone - at, SP_IMPORT_BATCH);
        memset(rows, 0, sizeof(rows));

        for (i = 0; i < n; i++) {
            rows[i].id = im->gone[at + i];
        }

        rc = sp_import_batch(im, rows, n);

        for (i = 0; rc == SP_OK && i < n; i++) {
            rc = sp_stored_set(&im->after[i], "status", "closed");
        }

        if (rc == SP_OK) {
            rc = sp_import_send(im, rows, n);

        } else {
            sp_import_stopped(im, rows[0].id, 1);
        }

        sp_import_forget(im, n);
        sp_progress("closed", at + n, im->ngone);
    }

    return rc;
}


/*
 * All are sent before the first answer is read, and all answers are read. What
 * is asked of the store meanwhile would get the answer of another.
 */

static sp_rc_t
sp_import_send(sp_import_t *im, const sp_row_t *rows, size_t n)
{
    size_t       i;
    sp_rc_t      rc;
    sp_write_t   one;
    const char  *by, *why;

    by = sp_cli_opt(im->args, "by");
    why = sp_cli_opt(im->args, "reason");
    rc = SP_OK;

    for (i = 0; i < n; i++) {
        one = sp_store_prepare(im->store, &im->before[i], &im->after[i], by,
                               why, sp_account_check, rows[i].id);

        if (one == SP_WRITE_FAILED) {
            sp_import_stopped(im, rows[0].id, 1);
            return SP_ERROR;
        }

        im->sent[i] = one == SP_WRITE_DONE;
        im->did.same += one == SP_WRITE_SAME;
    }

    for (i = 0; i < n; i++) {

        if (im->sent[i]
            && sp_store_send(im->store, im->keys[i], &im->before[i],
                             &im->after[i], by, why)
               != SP_OK)
        {
            sp_import_stopped(im, rows[i].id, 0);
            return SP_ERROR;
        }
    }

    for (i = 0; i < n; i++) {

        if (!im->sent[i]) {
            continue;
        }

        one = sp_store_sent(im->store, im->keys[i]);

        if (one == SP_WRITE_LOST) {
            sp_import_stopped(im, rows[i].id, 0);
            return SP_ERROR;
        }

        if (one == SP_WRITE_FAILED) {
            rc = SP_ERROR;

        } else if (one == SP_WRITE_SAME) {
            im->did.same++;

        } else if (rows[i].line == 0) {
            im->did.closed++;

        } else {
            im->did.made += im->before[i].n == 0;
            im->did.changed += im->before[i].n != 0;
        }
    }

    return rc;
}


static void
sp_import_stopped(const sp_import_t *im, const char *id, int known)
{
    size_t  done, all;

    done = im->did.made + im->did.changed + im->did.closed;
    all = im->would.made + im->would.changed + im->would.closed;

    if (known) {
        sp_cli_error("stopped before '%s': %zu of %zu changes are written; "
                     "run it again for the rest", id, done, all);

    } else {
        sp_cli_error("stopped at '%s': %zu of %zu changes are known to be "
                     "written, up to %d more, from that one on, may be; run "
                     "it again, what is written is not written twice", id,
                     done, all, SP_IMPORT_BATCH);
    }
}


void
sp_import_say(const sp_tally_t *tally, const char *verb)
{
    printf("%s%zu made, %zu changed, %zu closed, %zu as they were\n", verb,
           tally->made, tally->changed, tally->closed, tally->same);
}

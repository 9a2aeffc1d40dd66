
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains counts by name, in bounded memory whatever the names.
 */


#include <stdlib.h>

#include <openssl/rand.h>

#include "tally.h"


typedef struct {
    sp_tally_row_t  *row;
    uint64_t         sum;
} sp_tally_sum_t;


static sp_tally_row_t *sp_tally_slot(const sp_tally_t *tally, sp_str_t name);
static sp_tally_sum_t *sp_tally_sums(const sp_tally_t *tally, unsigned mask);
static int sp_tally_order(const void *one, const void *two);
static void sp_tally_prune(sp_tally_t *tally);


void
sp_tally_init(sp_tally_t *tally, size_t max)
{
    memset(tally, 0, sizeof(*tally));
    tally->max = max;
    tally->size = 2 * max;
    tally->rows = sp_cli_alloc(tally->size * sizeof(*tally->rows));
    memset(tally->rows, 0, tally->size * sizeof(*tally->rows));

    /* Callers choose some of the names: they must not choose their slots. */

    if (RAND_bytes(tally->key, sizeof(tally->key)) != 1) {
        sp_cli_error("no random numbers");
        exit(SP_CLI_REFUSED);
    }
}


void
sp_tally_free(sp_tally_t *tally)
{
    size_t  i;

    for (i = 0; i < tally->size; i++) {
        free(tally->rows[i].name);
    }

    free(tally->rows);
}


static sp_tally_row_t *
sp_tally_slot(const sp_tally_t *tally, sp_str_t name)
{
    size_t           i;
    sp_tally_row_t  *row;

    i = (size_t) (sp_siphash(tally->key, name.data, name.len) % tally->size);

    for ( ;; ) {
        row = &tally->rows[i];

        if (row->name == NULL
            || (row->len == name.len
                && memcmp(row->name, name.data, name.len) == 0))
        {
            return row;
        }

        i = (i + 1) % tally->size;
    }
}


sp_tally_row_t *
sp_tally_row(sp_tally_t *tally, sp_str_t name)
{
    sp_tally_row_t  *row;

    row = sp_tally_slot(tally, name);

    if (row->name != NULL) {
        return row;
    }

    if (tally->used == tally->max) {
        sp_tally_prune(tally);
        row = sp_tally_slot(tally, name);
    }

    row->name = sp_cli_copy(name);
    row->len = name.len;
    tally->used++;

    return row;
}


const sp_tally_row_t *
sp_tally_find(const sp_tally_t *tally, sp_str_t name)
{
    const sp_tally_row_t  *row;

    row = sp_tally_slot(tally, name);

    return row->name != NULL ? row : NULL;
}


static sp_tally_sum_t *
sp_tally_sums(const sp_tally_t *tally, unsigned mask)
{
    size_t           i, n;
    unsigned         k;
    sp_tally_sum_t  *sums;

    sums = sp_cli_alloc((tally->used + 1) * sizeof(*sums));

    for (i = 0, n = 0; i < tally->size; i++) {
        if (tally->rows[i].name == NULL) {
            continue;
        }

        sums[n].row = &tally->rows[i];
        sums[n].sum = 0;

        for (k = 0; k < SP_TALLY_COLS; k++) {
            if (mask & 1u << k) {
                sums[n].sum += tally->rows[i].n[k];
            }
        }

        n++;
    }

    qsort(sums, n, sizeof(*sums), sp_tally_order);

    return sums;
}


/* By name among equals: the same log makes the same report. */

static int
sp_tally_order(const void *one, const void *two)
{
    int                    differs;
    const sp_tally_sum_t  *x = one, *y = two;

    if (x->sum != y->sum) {
        return x->sum < y->sum ? 1 : -1;
    }

    differs = memcmp(x->row->name, y->row->name,
                     sp_min(x->row->len, y->row->len));

    return differs != 0 ? differs
           : (x->row->len > y->row->len) - (x->row->len < y->row->len);
}


static void
sp_tally_prune(sp_tally_t *tally)
{
    size_t           i, keep;
    sp_tally_t       old;
    sp_tally_sum_t  *sums;

    old = *tally;
    keep = tally->max / 2;
    sums = sp_tally_sums(&old, ~0u);
    tally->error += sums[keep].sum;
    tally->rows = sp_cli_alloc(tally->size * sizeof(*tally->rows));
    memset(tally->rows, 0, tally->size * sizeof(*tally->rows));
    tally->used = keep;

    for (i = 0; i < old.used; i++) {
        if (i < keep) {
            *sp_tally_slot(tally, (sp_str_t) { sums[i].row->len,
                           (unsigned char *) sums[i].row->name })
                = *sums[i].row;

        } else {
            free(sums[i].row->name);
        }
    }

    free(sums);
    free(old.rows);
}


sp_tally_row_t **
sp_tally_sorted(const sp_tally_t *tally, unsigned mask, size_t *n)
{
    size_t            i;
    sp_tally_sum_t   *sums;
    sp_tally_row_t  **rows;

    sums = sp_tally_sums(tally, mask);
    rows = sp_cli_alloc((tally->used + 1) * sizeof(*rows));

    for (i = 0; i < tally->used && sums[i].sum != 0; i++) {
        rows[i] = sums[i].row;
    }

    *n = i;
    free(sums);

    return rows;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains counts by name, in bounded memory whatever the names.
 */


#ifndef SP_CLI_TALLY_H
#define SP_CLI_TALLY_H


#include "cli.h"


#define SP_TALLY_COLS  5


typedef struct {
    char      *name;                  /* NULL: free; may hold NULs */
    size_t     len;
    uint64_t   n[SP_TALLY_COLS];
} sp_tally_row_t;


/*
 * Of at most "max" names. When there are more, those with the lowest sums go:
 * then each count may be short by at most "error".
 */
typedef struct {
    sp_tally_row_t  *rows;            /* open addressing, half empty */
    size_t           size;
    size_t           used;
    size_t           max;
    uint64_t         error;
    unsigned char    key[16];
} sp_tally_t;


void sp_tally_init(sp_tally_t *tally, size_t max);
void sp_tally_free(sp_tally_t *tally);

/* The row of a name, made if it is not there; valid until the next call. */
sp_tally_row_t *sp_tally_row(sp_tally_t *tally, sp_str_t name);

/* NULL if it is not there. */
const sp_tally_row_t *sp_tally_find(const sp_tally_t *tally, sp_str_t name);

/* All rows, the highest sums of the columns in "mask" first; free() it. */
sp_tally_row_t **sp_tally_sorted(const sp_tally_t *tally, unsigned mask,
    size_t *n);


#endif /* SP_CLI_TALLY_H */

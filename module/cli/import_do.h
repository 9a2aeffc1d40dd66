
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains an import under way. Private to import.c and
 * import_write.c.
 */


#ifndef SP_CLI_IMPORT_DO_H
#define SP_CLI_IMPORT_DO_H


#include "import.h"


#define SP_IMPORT_BATCH  200


/* What was found, or done. */
typedef struct {
    size_t         made;
    size_t         changed;
    size_t         closed;
    size_t         same;
    size_t         total;      /* in the store, if that was counted */
} sp_tally_t;


typedef struct {
    const sp_cli_args_t  *args;
    const sp_party_t     *party;
    sp_store_t           *store;
    sp_rows_t             rows;
    sp_tally_t            would;
    sp_tally_t            did;
    char                **gone;       /* ids that the file lacks */
    size_t                ngone, gone_room;
    int                   dry;
    char                 *keys[SP_IMPORT_BATCH];
    sp_stored_t           before[SP_IMPORT_BATCH];
    sp_stored_t           after[SP_IMPORT_BATCH];
    uint8_t               sent[SP_IMPORT_BATCH];
} sp_import_t;


/* Reads what the store has of a batch, and makes of it what it would be. */
sp_rc_t sp_import_batch(sp_import_t *im, const sp_row_t *rows, size_t n);
void sp_import_forget(sp_import_t *im, size_t n);

/* import_write.c; SP_ERROR after messages that say what was written. */
sp_rc_t sp_import_write(sp_import_t *im);
void sp_import_say(const sp_tally_t *tally, const char *verb);


#endif /* SP_CLI_IMPORT_DO_H */

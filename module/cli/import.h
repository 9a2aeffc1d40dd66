
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the files of `account import` share: the rows of a
 * file, read and checked before anything is written.
 */


#ifndef SP_CLI_IMPORT_H
#define SP_CLI_IMPORT_H


#include "account.h"


#define SP_IMPORT_OPTS                                                        \
    { "format", "csv|jsonl", "what FILE is (else by its first byte)" },       \
    { "dry-run", NULL, "print what would change, write nothing" },            \
    { "full", NULL, "FILE has all of them: close those that it lacks" },      \
    { "max-changes", "N|P%", "stop before more records of the store change "  \
      "(2% with --full)" },                                                   \
    { "follow", NULL, "JSON lines from standard input, each written at once" }

#define SP_EXPORT_OPTS                                                        \
    { "all", NULL, "keys, accounts and customers: a whole store" }


/* Pairs are those of the set, from "first" on; a value NULL removes. */
typedef struct {
    char        *id;
    unsigned     line;      /* of the file, from 1 */
    size_t       first;
    size_t       n;
} sp_row_t;


typedef struct sp_chunk_s  sp_chunk_t;

typedef struct {
    const sp_party_t  *party;
    const char        *file;     /* in messages */
    int64_t            now;      /* of "+90d" and its kin */
    sp_row_t          *rows;
    size_t             n, room;
    sp_pair_t         *pairs;
    size_t             npairs, pairs_room;
    sp_chunk_t        *chunks;   /* of text */
    unsigned           errors;   /* after messages, of which the first print */
} sp_rows_t;


void sp_rows_init(sp_rows_t *rows, const sp_party_t *party, const char *file);
void sp_rows_free(sp_rows_t *rows);

/* Forgets the rows and their text, and keeps the room. */
void sp_rows_clear(sp_rows_t *rows);

/* "FILE:line:col: ..."; always SP_ERROR. */
sp_rc_t sp_rows_error(sp_rows_t *rows, unsigned line, unsigned col,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Text that lives as long as the rows. */
char *sp_rows_text(sp_rows_t *rows, const char *text, size_t len);

/* A row, to which the fields that follow belong. SP_ERROR after a message. */
sp_rc_t sp_rows_add(sp_rows_t *rows, unsigned line, unsigned col, char *id);

/*
 * A field of the last row. "name" must live as long as the rows; "value" NULL
 * removes it. Names are checked, times are understood as in `account set`.
 */
sp_rc_t sp_rows_field(sp_rows_t *rows, unsigned line, unsigned col,
    const char *name, char *value);

/* The name of a field, without a value: SP_ERROR after a message. */
sp_rc_t sp_rows_name(sp_rows_t *rows, unsigned line, unsigned col,
    const char *name);

/* SP_ERROR if rows->errors; "text" is written into and lives as long. */
sp_rc_t sp_rows_csv(sp_rows_t *rows, char *text, size_t len);
sp_rc_t sp_rows_jsonl(sp_rows_t *rows, char *text, size_t len);

/* One line, with or without its newline. SP_DECLINED: it is empty. */
sp_rc_t sp_rows_json_line(sp_rows_t *rows, const char *text, size_t len,
    unsigned line);

/* No two rows are of one id; leaves them sorted by it. */
sp_rc_t sp_rows_once(sp_rows_t *rows);
int sp_rows_has(const sp_rows_t *rows, const char *id);

/* "after" is what "before" is with a row's fields. */
sp_rc_t sp_rows_apply(const sp_rows_t *rows, const sp_row_t *row,
    const sp_stored_t *before, sp_stored_t *after);


/* import_follow.c */
int sp_import_follow(const sp_cli_args_t *args, sp_rows_t *rows);


/* A bar on a terminal, nothing elsewhere; "done" = "total" ends it. */
void sp_progress(const char *what, size_t done, size_t total);


#endif /* SP_CLI_IMPORT_H */

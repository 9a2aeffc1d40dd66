
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains diagnostics: what the policy loader found, where it
 * stands (file, line, column in characters) and what would fit.
 */


#ifndef SP_DIAG_H
#define SP_DIAG_H


#include <stdio.h>

#include "sp_base.h"


#define SP_DIAGS_MAX  50    /* per run; more are counted */


typedef enum {
    SP_DIAG_ERROR = 0,
    SP_DIAG_WARNING,
    SP_DIAG_NOTE
} sp_severity_t;


typedef struct {
    const char  *file;      /* owned by the list */
    unsigned     line;      /* from 1; 0: the file as a whole */
    unsigned     col;       /* from 1, in characters */
    unsigned     len;       /* characters to underline, at least 1 */
} sp_mark_t;


typedef struct {
    int            code;        /* 201 for SP201 */
    sp_severity_t  severity;
    sp_mark_t      mark;
    char          *message;
    char          *help;        /* NULL: none */
    char          *source;      /* the line of the file, or NULL */
    char          *example;     /* a request as JSON that shows it, or NULL */
    char          *decided;     /* what becomes of that request */
} sp_diag_t;


typedef struct {
    sp_diag_t  items[SP_DIAGS_MAX];
    unsigned   n;
    unsigned   errors;
    unsigned   warnings;
    unsigned   dropped;     /* beyond SP_DIAGS_MAX */
} sp_diags_t;


void sp_diags_init(sp_diags_t *diags);
void sp_diags_free(sp_diags_t *diags);

/*
 * Adds one; message and help are printf formats, help may be NULL. "source"
 * is the text of the line (not NUL-terminated), copied; may be empty.
 */
void sp_diag_add(sp_diags_t *diags, sp_severity_t severity, int code,
    sp_mark_t mark, sp_str_t source, char *help, const char *fmt, ...)
    __attribute__((format(printf, 7, 8)));

/*
 * Gives the message that was added last an example; both are malloc()ed or
 * NULL and taken over.
 */
void sp_diag_example(sp_diags_t *diags, char *example, char *decided);

/* printf into fresh memory, for the help argument; the list frees it. */
char *sp_diag_text(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

/* File, line, caret and help, sorted by place. */
void sp_diags_print(const sp_diags_t *diags, FILE *out);

/* One line without source, "file:line:col: error[SP201]: ...", for logs. */
size_t sp_diag_line(const sp_diag_t *diag, char *buf, size_t size);

/*
 * The nearest of n words by edit distance (transpositions count one), or
 * NULL if none is near enough to be meant.
 */
const char *sp_did_you_mean(sp_str_t word, const char *const *words, size_t n);


#endif /* SP_DIAG_H */


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the verbs of the `sallyport` command share: the
 * table of verbs, options, messages and exit codes.
 */


#ifndef SP_CLI_H
#define SP_CLI_H


#include <stdio.h>

#include <jansson.h>

#include "sp_policy.h"


#define SP_CLI_VERSION   "0.1.0"

/* Exit codes; the same for every verb, and in README.md. */
#define SP_CLI_FINE      0
#define SP_CLI_REFUSED   1    /* found errors, or could not do it */
#define SP_CLI_DIFFERS   3    /* done, and the answer is "not as expected" */
#define SP_CLI_USAGE     4    /* the command line itself is wrong */

#define sp_min(a, b)     ((a) < (b) ? (a) : (b))
#define sp_max(a, b)     ((a) > (b) ? (a) : (b))

#define SP_CLI_OPTS_MAX  24
#define SP_CLI_ARGS_MAX  64
#define SP_CLI_FILE_MAX  (16 * 1024 * 1024)


/* One option of a verb. "value" NULL: a switch. The table ends with NULL. */
typedef struct {
    const char           *name;     /* without the dashes */
    const char           *value;    /* what stands after it, for the help */
    const char           *help;
} sp_cli_opt_t;


typedef struct sp_cli_verb_s  sp_cli_verb_t;


/* The command line of one run, read by sp_cli_args_read(). */
typedef struct {
    const sp_cli_verb_t  *verb;
    const char           *values[SP_CLI_OPTS_MAX];  /* "" of a switch */
    const char           *args[SP_CLI_ARGS_MAX];
    int                   nargs;
} sp_cli_args_t;


struct sp_cli_verb_s {
    const char           *name;     /* "check", "key new" */
    const char           *usage;    /* what follows the name */
    const char           *summary;  /* one line */
    const char           *help;     /* paragraphs and examples */
    const sp_cli_opt_t   *opts;
    int                   min_args;
    int                   max_args;
    int                 (*run)(const sp_cli_args_t *args);
};


extern const sp_cli_verb_t  sp_cli_check;
extern const sp_cli_verb_t  sp_cli_diff;
extern const sp_cli_verb_t  sp_cli_explain;
extern const sp_cli_verb_t  sp_cli_test;
extern const sp_cli_verb_t  sp_cli_replay;
extern const sp_cli_verb_t  sp_cli_access;
extern const sp_cli_verb_t  sp_cli_forecast;
extern const sp_cli_verb_t  sp_cli_lists;
extern const sp_cli_verb_t  sp_cli_exceptions;
extern const sp_cli_verb_t  sp_cli_fields;
extern const sp_cli_verb_t  sp_cli_routes;
extern const sp_cli_verb_t  sp_cli_reasons;
extern const sp_cli_verb_t  sp_cli_schema;
extern const sp_cli_verb_t  sp_cli_policy_stage;
extern const sp_cli_verb_t  sp_cli_policy_promote;
extern const sp_cli_verb_t  sp_cli_policy_rollback;
extern const sp_cli_verb_t  sp_cli_policy_status;
extern const sp_cli_verb_t  sp_cli_policy_keygen;
extern const sp_cli_verb_t  sp_cli_policy_sign;
extern const sp_cli_verb_t  sp_cli_policy_verify;
extern const sp_cli_verb_t  sp_cli_key_new;
extern const sp_cli_verb_t  sp_cli_key_hash;
extern const sp_cli_verb_t  sp_cli_key_import;
extern const sp_cli_verb_t  sp_cli_key_revoke;
extern const sp_cli_verb_t  sp_cli_key_list;
extern const sp_cli_verb_t  sp_cli_account_get;
extern const sp_cli_verb_t  sp_cli_account_set;
extern const sp_cli_verb_t  sp_cli_account_suspend;
extern const sp_cli_verb_t  sp_cli_account_restore;
extern const sp_cli_verb_t  sp_cli_account_import;
extern const sp_cli_verb_t  sp_cli_account_export;
extern const sp_cli_verb_t  sp_cli_customer_get;
extern const sp_cli_verb_t  sp_cli_customer_set;
extern const sp_cli_verb_t  sp_cli_customer_suspend;
extern const sp_cli_verb_t  sp_cli_customer_restore;
extern const sp_cli_verb_t  sp_cli_customer_import;
extern const sp_cli_verb_t  sp_cli_customer_export;
extern const sp_cli_verb_t  sp_cli_block_add;
extern const sp_cli_verb_t  sp_cli_block_list;
extern const sp_cli_verb_t  sp_cli_block_remove;
extern const sp_cli_verb_t  sp_cli_limits_show;
extern const sp_cli_verb_t  sp_cli_limits_reset;
extern const sp_cli_verb_t  sp_cli_audit_key;
extern const sp_cli_verb_t  sp_cli_audit_seal;
extern const sp_cli_verb_t  sp_cli_audit_verify;
extern const sp_cli_verb_t  sp_cli_audit_prove;
extern const sp_cli_verb_t  sp_cli_audit_pack;
extern const sp_cli_verb_t  sp_cli_audit_reconcile;
extern const sp_cli_verb_t  sp_cli_audit_retire;
extern const sp_cli_verb_t  sp_cli_audit_show;
extern const sp_cli_verb_t  sp_cli_audit_explain;
extern const sp_cli_verb_t  sp_cli_audit_appeal;
extern const sp_cli_verb_t  sp_cli_audit_export;
extern const sp_cli_verb_t  sp_cli_audit_report;


/* help_code.c: an exit code, or -1 if the word is no code of a message. */
int sp_cli_help_code(const char *word);


/* args.c */

/* Fills "args"; SP_ERROR after a message (exit with SP_CLI_USAGE). */
sp_rc_t sp_cli_args_read(sp_cli_args_t *args, const sp_cli_verb_t *verb,
    int argc, char **argv);

/* Value of an option of the verb's table, or NULL if it was not given. */
const char *sp_cli_opt(const sp_cli_args_t *args, const char *name);

/* --format: 0 text, 1 JSON; -1 after a message. */
int sp_cli_format(const sp_cli_args_t *args);

/* --by and --reason, which every changing verb needs. */
sp_rc_t sp_cli_who(const sp_cli_args_t *args, const char **by,
    const char **why);

/* "text" as a whole number 0..max, for the option or argument "what". */
sp_rc_t sp_cli_number(const char *what, const char *text, uint64_t max,
    uint64_t *value);

/* SP_ERROR after a message, if "id" is no account id or key name. */
sp_rc_t sp_cli_id(const char *what, const char *id);

void sp_cli_verb_help(const sp_cli_verb_t *verb, FILE *out);


/* text.c */

/* "sallyport VERB: ..." on stderr, and a newline. */
void sp_cli_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void sp_cli_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The same, with "did you mean" if one of the n words is near. */
void sp_cli_error_near(const char *word, const char *const *words, size_t n,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* The verb whose name stands in front of messages. */
void sp_cli_set_verb(const char *name);

/*
 * What messages are about, "file:12:3", named in each until it is set anew;
 * NULL: nothing. Not copied.
 */
void sp_cli_at(const char *place);

/*
 * A whole file, or standard input for "-"; NUL-terminated, free() it. NULL
 * after a message. Above "max" bytes it is refused.
 */
char *sp_cli_read_file(const char *file, size_t max, size_t *len);

/* malloc() and friends that end the command when there is no memory. */
void *sp_cli_alloc(size_t size);
char *sp_cli_copy(sp_str_t s);

/*
 * Unix seconds from 1764547200, 2026-12-01 (its first second, UTC), an
 * RFC 3339 instant, "now", or +90d / -12h from "now" (s m h d w).
 */
sp_rc_t sp_cli_time(sp_str_t text, int64_t now, int64_t *value);

/* A duration like 90d, 12h, 45s into seconds. */
sp_rc_t sp_cli_duration(sp_str_t text, int64_t *seconds);

#define SP_CLI_TIME_LEN  32

/* "2026-12-01T00:00:00Z" into buf, NUL-terminated; returns buf. */
const char *sp_cli_time_text(int64_t at, char buf[SP_CLI_TIME_LEN]);

/* Prints without control characters: they come out as \xNN. */
void sp_cli_print_safe(FILE *out, sp_str_t s);

/* A JSON string of bytes that may not be UTF-8 (those become '?'). */
json_t *sp_cli_json_str(sp_str_t s);

/* Prints and releases; returns SP_OK unless the output failed. */
sp_rc_t sp_cli_json_print(json_t *root);


/* The policy to read for FILE or DIR; free() it. NULL after a message. */
char *sp_cli_policy_file(const char *path);

/* fields.c: a policy to print tables of, or NULL after its messages. */
sp_policy_t *sp_cli_fields_policy(const char *path);


#endif /* SP_CLI_H */


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains which recorded decisions a verb is about: the options
 * that `audit show`, `export` and `report` share.
 */


#ifndef SP_CLI_AUDIT_FILTER_H
#define SP_CLI_AUDIT_FILTER_H


#include "lane_read.h"


/* Rows of a verb's table of options. */
#define sp_filter_span_opts                                                   \
    { "since", "TIME", "from then on: 2026-11-23, -1h" },                     \
    { "until", "TIME", "before then" }

#define sp_filter_opts                                                        \
    sp_filter_span_opts,                                                      \
    { "account", "ID", "of this account" },                                   \
    { "key", "NAME", "of the key with this name" },                           \
    { "decision", "WORD", "allow, throttle or deny" },                        \
    { "reason", "CODE", "with this reason" },                                 \
    { "class", "CLASS", "legal, risk, commercial, credential..." },           \
    { "rule", "ID", "for which this rule counted, or was lifted" },           \
    { "country", "CC", "from this country" },                                 \
    { "model", "NAME", "for this model" }


typedef struct {
    const sp_cli_args_t  *args;
    uint64_t              since;      /* us of unix time */
    uint64_t              until;
} sp_filter_t;


/* SP_ERROR after a message: --since or --until is no time. */
sp_rc_t sp_filter_init(sp_filter_t *filter, const sp_cli_args_t *args);

/* 1 if the line is a decision for which all filters given hold. */
int sp_filter_is(const sp_filter_t *filter, const sp_line_t *line);

/* 1 if the line's time, whatever its type, is in --since to --until. */
int sp_filter_span(const sp_filter_t *filter, const sp_line_t *line,
    uint64_t *us);

/* The record of a line, or NULL; texts in it may have NULs. */
json_t *sp_filter_record(const sp_line_t *line);

/* record[a], or record[a][b]: the bytes of a string; empty of all else. */
sp_str_t sp_record_text(const json_t *record, const char *a, const char *b);

/* The rule that is reported: the first deny, the limit, or the allow. */
sp_str_t sp_record_rule(const json_t *record);


#endif /* SP_CLI_AUDIT_FILTER_H */

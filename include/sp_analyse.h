
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the analysis of whole policies: what their rules can and
 * cannot do, over all requests at once, by decision diagrams. What it claims
 * is exact for requests that name one model or none and that passed the
 * built-in refusals; what it cannot compute it says it did not.
 */


#ifndef SP_ANALYSE_H
#define SP_ANALYSE_H


#include "sp_decide.h"
#include "sp_policy.h"


#define SP_EXAMPLE_LEN  4096    /* bytes of an example request as JSON */


/* What an analysis did; see sp_policy_opts_t. */
typedef struct sp_analysis_s {
    int       done;         /* 0: a cap was reached; nothing was claimed */
    unsigned  variables;
    unsigned  nodes;        /* of diagrams */
    unsigned  invariants;
    unsigned  proved;
} sp_analysis_t;


/* Where a rule, a part of its condition or a tier stands. */
typedef struct {
    void  *ctx;
    void (*rule)(void *ctx, int rule, sp_mark_t *mark, sp_str_t *line);
    void (*node)(void *ctx, int rule, uint32_t node, sp_mark_t *mark,
        sp_str_t *line);
    void (*tier)(void *ctx, int tier, sp_mark_t *mark, sp_str_t *line);
    void (*invariant)(void *ctx, int invariant, sp_mark_t *mark,
        sp_str_t *line);
} sp_analyse_marks_t;


/*
 * Analyses a compiled policy as of "now" and adds what it finds to "diags",
 * codes SP301 to SP306, SP308, SP312, SP316, SP320, SP401 and SP403. "marks"
 * may be NULL: then messages have the file and line that the image knows.
 * Allocates; not for a worker's own thread. Past the caps (200,000 nodes, a
 * bounded number of steps) it adds SP320 and claims nothing more.
 */
void sp_analyse(const sp_policy_t *policy, int64_t now,
    const sp_analyse_marks_t *marks, sp_diags_t *diags,
    sp_analysis_t *analysis);


/* How two policies differ. */
typedef enum {
    SP_DIFF_DENIED = 0,      /* newly denied */
    SP_DIFF_ALLOWED,         /* newly allowed */
    SP_DIFF_THROTTLED,       /* allowed by both, by other throttles */
    SP_DIFF_KINDS
} sp_diff_kind_t;


/*
 * One region of requests. "rule" is what makes the difference there: of
 * newly denied ones the new rule that refuses them, of newly allowed ones the
 * old one that did, of throttled ones the throttle; "builtin:default" if it
 * is that no rule allows them. Text is valid until sp_diff_destroy().
 */
typedef struct {
    sp_diff_kind_t  kind;
    sp_str_t        rule;
    sp_str_t        before;       /* "allow by verified", "60/min" */
    sp_str_t        after;
    const char    **facts;        /* "account.level 0, 1": what all of these
                                     have in common, but not all others that
                                     either policy allows */
    unsigned        nfacts;
    const char     *example;      /* JSON for `sallyport explain`, or NULL */
} sp_diff_region_t;


typedef struct sp_diff_s  sp_diff_t;


/*
 * Compares two policies over all requests at "now" or later. NULL: no memory.
 */
sp_diff_t *sp_diff_create(const sp_policy_t *before,
    const sp_policy_t *after, int64_t now);
void sp_diff_destroy(sp_diff_t *diff);

/* 0: a cap was reached and nothing is known. */
int sp_diff_done(const sp_diff_t *diff);

/* Whether there is any request of this kind. */
int sp_diff_any(const sp_diff_t *diff, sp_diff_kind_t kind);

unsigned sp_diff_regions(const sp_diff_t *diff);
const sp_diff_region_t *sp_diff_region(const sp_diff_t *diff, unsigned i);


/* What `sallyport help SPnnn` says. */
typedef struct {
    int          code;         /* 201 for SP201 */
    const char  *severity;     /* "error", "warning", "note" */
    const char  *title;
    const char  *text;         /* why, and what to do */
    const char  *bad;          /* an example that gets it, or NULL */
    const char  *good;         /* the same, mended, or NULL */
} sp_code_t;

/* All codes that the loader and the analysis print, in ascending order. */
const sp_code_t *sp_codes(size_t *n);

/* NULL: there is no such code. */
const sp_code_t *sp_code_find(int code);


#endif /* SP_ANALYSE_H */

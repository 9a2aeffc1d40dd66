
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what is gathered for `sallyport audit report`.
 */


#ifndef SP_CLI_AUDIT_REPORT_H
#define SP_CLI_AUDIT_REPORT_H


#include "audit_filter.h"
#include "tally.h"


#define SP_REPORT_CLASSES   6       /* as sp_class_t */
#define SP_REPORT_THROTTLE  6       /* columns of a bar: classes, then these */
#define SP_REPORT_ALLOW     7
#define SP_REPORT_BARS      8

#define SP_REPORT_BUCKETS   120     /* most bars of the chart over time */
#define SP_REPORT_NAMES     20000   /* most names counted of each sort */
#define SP_REPORT_APPEALS   1000    /* most appeals listed, the newest */
#define SP_REPORT_REVS      100     /* most policies told apart */
#define SP_REPORT_RECORDS   2000    /* records in the table, by default */

/* Columns of the tallies. */
#define SP_REPORT_N_DENY    0
#define SP_REPORT_N_SLOW    1       /* throttled */
#define SP_REPORT_N_ALLOW   2
#define SP_REPORT_N_LAW     3       /* of the denies: legal or risk */
#define SP_REPORT_N_UNSURE  4       /* of the denies: facts were missing */


typedef enum {
    SP_REPORT_REASON = 0,
    SP_REPORT_RULE,
    SP_REPORT_ACCOUNT,
    SP_REPORT_MODEL,
    SP_REPORT_COUNTRY,
    SP_REPORT_UNSURE,               /* "rule: missing facts" */
    SP_REPORT_FLIP,                 /* "policy, account, model, country" */
    SP_REPORT_SORTS
} sp_report_sort_t;


/* Bars of equal width, over whatever time there turns out to be. */
typedef struct {
    int64_t    width;               /* seconds */
    int64_t    first;               /* number of the first bar */
    unsigned   n;
    uint64_t   bars[SP_REPORT_BUCKETS][SP_REPORT_BARS];
} sp_report_time_t;


typedef struct {
    char       rev[64];
    char       hash[72];
    uint64_t   first;               /* us, of its first decision */
    uint64_t   last;
    uint64_t   n[3];                /* by column of the tallies */
} sp_report_rev_t;


typedef struct {
    uint64_t   us;
    char      *text;
    size_t     len;
    unsigned   pinned:1;            /* appealed against: always shown */
} sp_report_record_t;


typedef struct {
    sp_report_record_t  *rows;
    size_t               n;
    size_t               max;       /* shown */
    uint64_t             seen;
} sp_report_newest_t;


typedef struct {
    sp_filter_t          filter;
    uint64_t             decisions;
    uint64_t             lost;
    uint64_t             unreadable;
    uint64_t             excepted;  /* allowed because a deny was lifted */
    uint64_t             observed;  /* refused on paper, and served */
    uint64_t             first;
    uint64_t             last;
    uint64_t             totals[SP_REPORT_BARS];
    uint64_t             appeals;
    sp_report_time_t     time;
    uint64_t             weight;        /* verdicts that a line stands for */
    sp_tally_t           tallies[SP_REPORT_SORTS];
    sp_report_rev_t      revs[SP_REPORT_REVS];
    unsigned             nrevs;
    json_t              *appealed;  /* id to its latest record */
    sp_report_newest_t   newest;
} sp_report_t;


/* report_gather.c: SP_ERROR after a message. */
sp_rc_t sp_report_gather(sp_report_t *report, const char *dir);

/* report_out.c: SP_ERROR after a message. */
sp_rc_t sp_report_write(const sp_report_t *report, const char *dir,
    const char *file);

/* report_time.c */
/* "n" verdicts at a time, in unix seconds. */
void sp_report_time(sp_report_time_t *time, int64_t at, unsigned bar,
    uint64_t n);


#endif /* SP_CLI_AUDIT_REPORT_H */

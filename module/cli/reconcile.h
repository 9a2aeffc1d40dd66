
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the two halves of `sallyport audit reconcile`
 * share: the ledger of decisions, and what other logs say about them.
 */


#ifndef SP_CLI_RECONCILE_H
#define SP_CLI_RECONCILE_H


#include "flood.h"
#include "prove.h"


#define SP_RECONCILE_ID       40    /* bytes of a decision id with its NUL */
#define SP_RECONCILE_SAMPLES  20    /* examples kept of each kind */


typedef enum {
    SP_RC_ACCESS_TWICE = 0,   /* answered twice by the access log */
    SP_RC_FLOOD,              /* more or fewer of floods than counted */
    SP_RC_ACCESS_ALIEN,       /* answered, and not recorded */
    SP_RC_RECORD_ALONE,       /* recorded, and in no access log */
    SP_RC_UP_NAMELESS,        /* at the upstream without an id */
    SP_RC_UP_ALIEN,           /* at the upstream, and not recorded */
    SP_RC_UP_REFUSED,         /* at the upstream, and recorded as refused */
    SP_RC_ATTEMPTS,           /* other attempts than arrivals */
    SP_RC_UNSETTLED,          /* an allow without its settle record */
    SP_RC_TOTAL,              /* the sum is not --upstream-count */
    SP_RC_KINDS
} sp_reconcile_kind_t;


typedef struct {
    char      id[SP_RECONCILE_ID];
    uint64_t  attempts;       /* by its settle record */
    uint64_t  arrivals;       /* by the upstream */
    uint32_t  answers;        /* by the access log */
    unsigned  allowed:1;
    unsigned  enforced:1;
    unsigned  settled:1;
} sp_reconcile_row_t;


/* The text that a flood's ids are in, which is ours. */
typedef struct {
    sp_flood_t  flood;
    char       *text;
} sp_reconcile_flood_t;


typedef struct {
    sp_reconcile_row_t  *rows;          /* by id */
    size_t               n;
    size_t               room;
    const char          *mark;          /* what stands before an id */
    uint64_t             since;         /* ms of unix time, as ids have it */
    uint64_t             until;
    int                  plain;         /* plain allows are not recorded */

    sp_reconcile_flood_t *floods;
    size_t               nfloods;
    uint64_t             flooded;       /* verdicts that they count */
    uint64_t             flood_answers; /* of the access log */

    uint64_t             settles;
    uint64_t             attempts;
    uint64_t             answers;       /* lines of the access log */
    uint64_t             ungated;       /* of them, without an id */
    uint64_t             unrecorded;    /* ids that --plain excuses */
    uint64_t             arrivals;      /* lines of the upstream */
    uint64_t             expected;      /* --upstream-count */
    int                  has_access;
    int                  has_upstream;
    int                  has_count;

    uint64_t             found[SP_RC_KINDS];
    char                 samples[SP_RC_KINDS][SP_RECONCILE_SAMPLES]
                                [SP_RECONCILE_ID];
} sp_reconcile_t;


void sp_reconcile_find(sp_reconcile_t *r, sp_reconcile_kind_t kind,
    const char *id);

/* reconcile_out.c: all is compared by then. Returns the exit code. */
int sp_reconcile_print(const sp_reconcile_t *r, int json);


#endif /* SP_CLI_RECONCILE_H */

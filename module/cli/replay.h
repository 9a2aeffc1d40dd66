
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the parts of `sallyport replay` share, and what
 * other verbs may ask of it: recorded decisions, decided again.
 */


#ifndef SP_CLI_REPLAY_H
#define SP_CLI_REPLAY_H


#include "sp_decide.h"

#include "fact.h"


#define SP_REPLAY_SAMPLES  20    /* decision ids kept of each kind of change */


/*
 * A decision as the audit log has it, as facts again. Points into "record"
 * and into itself: it stays where it is.
 */
typedef struct {
    json_t            *record;
    sp_facts_t         facts;
    sp_key_t           key;
    sp_account_t       account;
    sp_account_t       customer;
    sp_body_t          body;
    sp_addr_t          addr;
    sp_fact_memory_t  *memory;
    uint8_t            missing[SP_FACTS_MAX];  /* facts it does not hold */
    int                cut;       /* owners, control or listed do not all fit */
    int                unasked;   /* whether a reseller named a customer */
    char               why[128];  /* why it cannot be used */
} sp_recorded_t;


/* What a replay came to. Zeroed before; freed with sp_replay_free(). */
typedef struct {
    const sp_policy_t *policy;
    int64_t            since;          /* records of this time span; unix */
    int64_t            until;          /* seconds, until exclusive; 0: all */
    int                progress;       /* on stderr */

    uint64_t           files;
    uint64_t           lines;
    uint64_t           bad;            /* lines that are no records */
    uint64_t           torn;           /* files that end in half a line */
    uint64_t           decisions;
    uint64_t           replayed;
    uint64_t           unreplayable;
    uint64_t           same;           /* same verdict, reason and rule */
    uint64_t           reworded;       /* same verdict, other reason or rule */
    uint64_t           newly_allowed;
    uint64_t           newly_denied;
    uint64_t           limits;         /* allowed, with other throttles */
    uint64_t           disagree;       /* decided by this very policy, and
                                          otherwise than now */
    json_t            *changes;        /* "allow -> deny CODE rule" to
                                          {"n", "ids": [...]} */
    json_t            *accounts;       /* id to {"newly_allowed", ...} */
    json_t            *why;            /* why not replayable, to counts */
    uint8_t            reads[SP_FACTS_MAX];    /* facts that rules read */
    int                functions;      /* rules read owners or control */
    sp_recorded_t      recorded;
    sp_verdict_t       verdict;
} sp_replay_t;


/*
 * Replays a file, or all *.jsonl below a directory, in order of their names.
 * SP_ERROR after a message if one cannot be read; what was replayed before
 * stays counted. Memory does not grow with the log, but for one entry for
 * each account that is affected.
 */
void sp_replay_init(sp_replay_t *replay, const sp_policy_t *policy);
sp_rc_t sp_replay_path(sp_replay_t *replay, const char *path);
void sp_replay_free(sp_replay_t *replay);

/* The accounts most affected, the first n: [{"account", "newly_denied"...}] */
json_t *sp_replay_top(const sp_replay_t *replay, size_t n);

/* As text on standard output, and as JSON. */
void sp_replay_text(const sp_replay_t *replay, size_t top);
json_t *sp_replay_json(const sp_replay_t *replay, size_t top);


/* replay_facts.c: SP_DECLINED with recorded->why if it cannot be used. */
sp_rc_t sp_recorded_facts(sp_recorded_t *recorded);
void sp_recorded_free(sp_recorded_t *recorded);

/* replay_decide.c: one record, already parsed; counts it. */
void sp_replay_record(sp_replay_t *replay, json_t *record);


#endif /* SP_CLI_REPLAY_H */


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the strict reader of audit lines: that one is JSON in
 * the form of AUDIT.md and linked to the line before, and where its members
 * stand. It reads the format of every version up to this one.
 */


#ifndef SP_LINE_H
#define SP_LINE_H


#include "sp_audit.h"


#define SP_LINE_VERSION  2     /* newest format read */


/* Types of records; the order is that of sp_line_types(). */
typedef enum {
    SP_LINE_DECISION = 0,
    SP_LINE_SETTLE,
    SP_LINE_SEGMENT,
    SP_LINE_CLOSE,
    SP_LINE_TORN,
    SP_LINE_LOST,
    SP_LINE_POLICY,
    SP_LINE_CHANGE,
    SP_LINE_APPEAL,
    SP_LINE_SEAL,
    SP_LINE_ARCHIVE,
    SP_LINE_BROKEN,
    SP_LINE_RETIRE,
    SP_LINE_FLOOD,
    SP_LINE_MISSED,
    SP_LINE_OTHER             /* a type that this version does not know */
} sp_line_type_t;


/* Members of the first level that readers want without parsing the rest. */
typedef enum {
    SP_LM_V = 0,
    SP_LM_T,
    SP_LM_TS,
    SP_LM_MONO_US,
    SP_LM_ID,
    SP_LM_HOST,
    SP_LM_LANE,
    SP_LM_EPOCH,
    SP_LM_SEQ,
    SP_LM_POL,
    SP_LM_REQ,
    SP_LM_WHO,
    SP_LM_NET,
    SP_LM_FACTS,
    SP_LM_DEC,
    SP_LM_STATUS,
    SP_LM_REASON,
    SP_LM_CLASS,
    SP_LM_DETAIL,
    SP_LM_ENFORCED,
    SP_LM_BY,
    SP_LM_LIFTED,
    SP_LM_ALLOW,
    SP_LM_OF,
    SP_LM_ATTEMPTS,
    SP_LM_BOOT,
    SP_LM_SEGMENT,
    SP_LM_PREV_FILE,
    SP_LM_PREV_HASH,
    SP_LM_COUNT,
    SP_LM_N,
    SP_LM_H,
    SP_LM_MEMBERS
} sp_line_member_t;


typedef struct {
    sp_line_type_t  type;
    unsigned        version;
    uint64_t        seq;
    sp_str_t        text;       /* the line without its newline */
    sp_str_t        body;       /* what the link is over */
    unsigned char   h[SP_CHAIN_LEN];
    sp_str_t        members[SP_LM_MEMBERS];    /* literal JSON; len 0: none */
} sp_line_t;


/*
 * Reads a line, without its newline. SP_ERROR with *why set to a sentence if
 * it is not one JSON object of this format. The members point into the line.
 */
sp_rc_t sp_line_read(sp_line_t *line, sp_str_t text, const char **why);

/*
 * SP_OK if the line follows the last one of the chain by number and by hash;
 * the chain goes on to it. SP_ERROR with *why; the chain stays.
 */
sp_rc_t sp_line_link(sp_chain_t *chain, const sp_line_t *line,
    const char **why);

/* The word of a type, "?" of SP_LINE_OTHER. */
const char *sp_line_type(sp_line_type_t type);

/*
 * A member as a whole number below 2^53, or as a string whose characters all
 * stand for themselves: SP_ERROR if it is anything else.
 */
sp_rc_t sp_line_uint(const sp_line_t *line, sp_line_member_t member,
    uint64_t *value);
sp_rc_t sp_line_word(const sp_line_t *line, sp_line_member_t member,
    sp_str_t *word);

/* 1 if the member is this word. */
int sp_line_is(const sp_line_t *line, sp_line_member_t member,
    const char *word);

/*
 * The literal of a member of an object literal: sp_line_in(pol, "hash").
 * Empty if there is none. The object comes from a line that was read.
 */
sp_str_t sp_line_in(sp_str_t object, const char *name);

/* What stands between the quotes of a string literal; empty of others. */
sp_str_t sp_line_string(sp_str_t literal);

/* Microseconds of unix time of "ts"; SP_ERROR if it is no such time. */
sp_rc_t sp_line_time(const sp_line_t *line, uint64_t *us);


#endif /* SP_LINE_H */

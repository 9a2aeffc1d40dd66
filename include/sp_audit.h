
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the audit record: one JSON line per verdict, written by
 * hand into a fixed buffer, and the hash chain that links the lines of a lane
 * (format: module/engine/audit/AUDIT.md).
 */


#ifndef SP_AUDIT_H
#define SP_AUDIT_H


#include "sp_decide.h"
#include "sp_tail.h"


#define SP_RECORD_MAX    12288   /* bytes of a line with its newline */
#define SP_RECORD_BODY   (SP_RECORD_MAX - 80)   /* before it is linked */
#define SP_SETTLE_MAX    1024    /* bytes of a settle line, linked */
#define SP_CHAIN_LEN     64      /* hex digits of a link */
#define SP_ID_TEXT_LEN   48      /* longest decision id */
#define SP_PSEUDONYM_LEN 24
#define SP_AUDIT_ACCOUNT_MAX  2800   /* bytes of sp_audit_account() */
#define SP_AUDIT_CANDIDATE_MAX  1150 /* bytes of sp_audit_candidate() */
#define SP_AUDIT_CANDIDATE_ROOM 1950 /* that it needs to write them */


/* The chain of one lane. Starts as 64 zeros. */
typedef struct {
    unsigned char  prev[SP_CHAIN_LEN];
    uint64_t       seq;          /* of the last line, 0: none */
} sp_chain_t;


/*
 * What a writer of records has written before and will write again. Zeroed
 * by its owner before first use; nothing in it outlives a change of what it
 * was made of.
 */
typedef struct {
    uint64_t       second;       /* of time[] */
    uint32_t       time_len;
    uint32_t       policy_len;   /* 0: none yet */
    unsigned char  time[24];
    unsigned char  hash[32];     /* of the policy in policy[] */
    unsigned char  policy[384];
} sp_audit_keep_t;


/* Where facts came from, and how old they were. */
typedef struct {
    sp_audit_keep_t  *keep;
    uint64_t          wall_us;   /* unix time in us */
    uint64_t          mono_us;   /* since the lane was opened */
    sp_str_t          host;
    unsigned          lane;
    uint64_t          epoch;     /* unix seconds at which the lane opened */
    sp_str_t          id;        /* decision id */
    sp_str_t          request_id;    /* nginx's $request_id, or empty */
    sp_str_t          method;
    uint64_t          body_bytes;    /* decoded */
    const char       *body_coding;   /* that it came in, or NULL */
    const char       *body_added;    /* what the gate put into it, or NULL */
    sp_str_t          candidate;     /* of sp_audit_candidate(), or empty */
    sp_str_t          address;   /* pseudonym, "2026q4:..." or the address */
    const char       *address_from;  /* conn, proxy */
    uint64_t          geo_builds[SP_GEO_KINDS];  /* unix seconds, 0: none */
    const char       *record_source; /* fresh, stale, sticky, none */
    int64_t           record_age_ms; /* -1: none */
    uint64_t          key_ver;
    sp_str_t          account;   /* of sp_audit_account() for this record, */
                                 /* or empty: it is written anew */
    unsigned          enforced:1;
    uint32_t          us;        /* spent deciding */
} sp_audit_ctx_t;


typedef struct {
    uint64_t     wall_us;
    uint64_t     mono_us;
    sp_str_t     of;             /* decision id */
    unsigned     status;         /* of the answer, 0: none */
    unsigned     attempts;       /* times the request reached an upstream */
    unsigned     sent:1;         /* attempts > 0 */
    unsigned     guessed:1;      /* the tokens; nobody said */
    int64_t      tokens_in;      /* -1: not known */
    int64_t      tokens_out;
    uint64_t     out_bytes;
    uint64_t     duration_ms;
    const char  *end;            /* complete, client_abort, upstream_error… */
    sp_str_t     cut;            /* reason for which it was cut, or empty; */
    sp_str_t     rule;           /* and the rule; 64 bytes each at most */
    unsigned     told:1;         /* the client was told so */
} sp_settle_t;


/* Verdicts without a record of their own. Times are unix time in us. */
typedef struct {
    uint64_t     refused;        /* answered 503 instead */
    uint64_t     served;         /* on_full=count */
    uint64_t     removed;        /* lines of a file that was taken away */
    uint64_t     since_us;
    uint64_t     until_us;
    const char  *why;            /* full, slow, error, removed, killed */
} sp_lost_t;


void sp_chain_init(sp_chain_t *chain);

/*
 * Each writes a record without its link into "buf" of SP_RECORD_MAX bytes and
 * returns its length, always below SP_RECORD_BODY: lists are cut, with a
 * count. A settle is below SP_SETTLE_MAX when it is linked.
 */
size_t sp_audit_decision(const sp_policy_t *policy, const sp_facts_t *facts,
    const sp_verdict_t *verdict, const sp_audit_ctx_t *ctx, uint64_t seq,
    unsigned char *buf);
size_t sp_audit_settle(const sp_settle_t *settle, sp_audit_keep_t *keep,
    uint64_t seq, unsigned char *buf);
size_t sp_audit_lost(const sp_audit_ctx_t *ctx, const sp_lost_t *lost,
    uint64_t seq, unsigned char *buf);

/* One line of what sp_tail.h has a count of; below SP_FLOOD_MAX, linked. */
#define SP_FLOOD_MAX  1536
size_t sp_audit_flood(const sp_audit_ctx_t *ctx, const sp_tail_flood_t *flood,
    uint64_t seq, unsigned char *buf);

/* From here on decisions of this lane are by this policy, read from "file". */
size_t sp_audit_policy(const sp_audit_ctx_t *ctx, const sp_policy_t *policy,
    sp_str_t file, uint64_t seq, unsigned char *buf);

/* First and last line of a lane file. "prev_file" may be empty. */
size_t sp_audit_segment(const sp_audit_ctx_t *ctx, sp_str_t boot,
    unsigned segment, sp_str_t prev_file, sp_str_t prev_hash, sp_str_t version,
    uint64_t seq, unsigned char *buf);
size_t sp_audit_close(const sp_audit_ctx_t *ctx, uint64_t count,
    uint64_t seq, unsigned char *buf);

/*
 * The object that "facts.account" of a decision is, for sp_audit_ctx_t: at
 * most SP_AUDIT_ACCOUNT_MAX bytes. The same for a record as long as it is
 * that version of it, so it can be kept.
 */
size_t sp_audit_account(const sp_account_t *account, unsigned char *buf);

/*
 * The object that "cand" of a decision is: what another policy says of the
 * same facts; "facts" and "verdict", an allow or a deny, as sp_decide() has left
 * them. "buf" has SP_AUDIT_CANDIDATE_ROOM bytes, the object at most
 * SP_AUDIT_CANDIDATE_MAX.
 */
size_t sp_audit_candidate(const sp_policy_t *policy,
    const sp_facts_t *facts, const sp_verdict_t *verdict,
    unsigned char *buf);

/*
 * Completes the line in buf[0..len): replaces the final "}" by the link
 * ,"h":"..."} and a newline, advances the chain, returns the new length. The
 * chain advances even if the line is never written: the caller keeps a copy
 * to go back to.
 */
size_t sp_chain_link(sp_chain_t *chain, unsigned char *buf, size_t len);


/* A key of pseudonyms, ready for use. Secret. */
typedef struct {
    uint64_t       inner[14];    /* SHA-256 after the padded key */
    uint64_t       outer[14];
    int64_t        from;         /* of period[], unix seconds */
    int64_t        until;        /* exclusive */
    unsigned char  period[8];
} sp_pseudonym_t;

void sp_pseudonym_init(sp_pseudonym_t *pseudonym,
    const unsigned char key[32]);

/*
 * period ":" base32(HMAC-SHA256(key, "ip" 0 period 0 address)[0..9]), in
 * Crockford's digits; returns its length, 23. "period" is the UTC quarter of
 * the time, "2026q4", so that nothing links the same address across quarters
 * without the key.
 */
size_t sp_pseudonym(sp_pseudonym_t *pseudonym, const sp_addr_t *addr,
    int64_t now, unsigned char out[SP_PSEUDONYM_LEN]);


#endif /* SP_AUDIT_H */

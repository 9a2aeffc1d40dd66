
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the rooms of the nginx module share: configuration
 * objects, the request's context with its state machine, and the few calls
 * that one room makes into another.
 */


#ifndef NGX_HTTP_SALLYPORT_H
#define NGX_HTTP_SALLYPORT_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "sp_answer.h"
#include "sp_audit.h"
#include "sp_credential.h"
#include "sp_decide.h"
#include "sp_limit.h"
#include "sp_memo.h"


#define NGX_HTTP_SALLYPORT_VERSION   "0.1.0"

#define NGX_HTTP_SALLYPORT_OFF       0
#define NGX_HTTP_SALLYPORT_ON        1
#define NGX_HTTP_SALLYPORT_OBSERVE   2

#define NGX_HTTP_SALLYPORT_STRIP     0
#define NGX_HTTP_SALLYPORT_PASS      1
#define NGX_HTTP_SALLYPORT_REPLACE   2


typedef struct ngx_http_sallyport_ctx_s    ngx_http_sallyport_ctx_t;
typedef struct ngx_http_sallyport_store_s  ngx_http_sallyport_store_t;
typedef struct ngx_http_sallyport_audit_s  ngx_http_sallyport_audit_t;
typedef struct ngx_http_sallyport_zone_s   ngx_http_sallyport_zone_t;
typedef struct ngx_http_sallyport_block_s  ngx_http_sallyport_block_t;
typedef struct ngx_http_sallyport_control_s  ngx_http_sallyport_control_t;
typedef struct ngx_http_sallyport_screened_s  ngx_http_sallyport_screened_t;
typedef struct ngx_http_sallyport_kept_s   ngx_http_sallyport_kept_t;
typedef struct ngx_http_sallyport_policy_s   ngx_http_sallyport_policy_t;
typedef struct ngx_http_sallyport_edition_s  ngx_http_sallyport_edition_t;
typedef struct ngx_http_sallyport_caller_s ngx_http_sallyport_caller_t;
typedef struct ngx_http_sallyport_settle_s    ngx_http_sallyport_settle_t;
typedef struct ngx_http_sallyport_answered_s  ngx_http_sallyport_answered_t;
typedef struct ngx_http_sallyport_decoding_s  ngx_http_sallyport_decoding_t;
typedef struct ngx_http_sallyport_customer_s  ngx_http_sallyport_customer_t;
typedef struct ngx_http_sallyport_meters_s    ngx_http_sallyport_meters_t;
typedef struct ngx_http_sallyport_held_s      ngx_http_sallyport_held_t;
typedef struct ngx_http_sallyport_rewritten_s ngx_http_sallyport_rewritten_t;
typedef struct ngx_http_sallyport_hide_s      ngx_http_sallyport_hide_t;
typedef struct ngx_http_sallyport_run_s       ngx_http_sallyport_run_t;
typedef struct ngx_http_sallyport_cut_s       ngx_http_sallyport_cut_t;


/* 128 bits that stand for an identity; nobody outside can choose them. */
typedef struct {
    uint64_t                      h[2];
} ngx_http_sallyport_print_t;


/* One object per distinct directive value, shared by locations. */

typedef struct ngx_http_sallyport_geo_s  ngx_http_sallyport_geo_t;
typedef struct ngx_http_sallyport_jwt_s  ngx_http_sallyport_jwt_t;
typedef struct ngx_http_sallyport_mtls_s ngx_http_sallyport_mtls_t;


/* Allocated with ngx_pmemalign(): sp_pepper_t wants 16 bytes. */
typedef struct {
    sp_pepper_t                   current;
    sp_pepper_t                   old;
    ngx_uint_t                    has_old;   /* unsigned  has_old:1; */
    ngx_str_t                     file;
    ngx_str_t                     old_file;
} ngx_http_sallyport_pepper_t;


typedef struct {
    ngx_http_sallyport_zone_t    *zone;      /* sallyport_zone, one a process */
    ngx_http_sallyport_control_t *control;   /* NULL: no gate, no socket */
    ngx_array_t                   policies;  /* ngx_http_sallyport_policy_t * */
    ngx_array_t                   geos;      /* ngx_http_sallyport_geo_t * */
    ngx_array_t                   follows;   /* of follow.h; or no elements */
    ngx_array_t                   stores;    /* ngx_http_sallyport_store_t * */
    ngx_array_t                   peppers;
    ngx_array_t                   audits;    /* ngx_http_sallyport_audit_t * */
    ngx_str_t                     state;     /* sallyport_state directory */
    ngx_uint_t                    enabled;   /* a location says on or observe */
    ngx_uint_t                    tokens_named;  /* by a log format, say */
    ngx_array_t                   locations; /* ngx_http_sallyport_location_t */
    ngx_http_sallyport_screened_t  *screens;  /* of this worker */
    ngx_http_sallyport_caller_t  *callers;   /* of this worker, as are */
    sp_cases_t                   *cases;     /* the cases of its requests */
} ngx_http_sallyport_main_conf_t;


typedef struct {
    ngx_uint_t                    mode;
    ngx_uint_t                    credential;
    ngx_uint_t                    key_tag;      /* required: 1 */
    ngx_str_t                     replacement;  /* "Bearer KEY" of REPLACE */
    ngx_http_sallyport_policy_t  *policy;
    ngx_http_sallyport_geo_t     *geo;
    ngx_array_t                  *hops;      /* sp_network_t: no clients */
    ngx_http_sallyport_jwt_t     *jwt;
    ngx_http_sallyport_mtls_t    *mtls;
    ngx_http_sallyport_store_t   *store;
    ngx_http_sallyport_pepper_t  *pepper;
    ngx_http_sallyport_audit_t   *audit;
    off_t                         max_body;     /* bytes, 0: no limit */
    ngx_flag_t                    ask_usage;    /* sallyport_include_usage */

    u_char                       *file;         /* where "sallyport on" is */
    ngx_uint_t                    line;
} ngx_http_sallyport_loc_conf_t;


/* Every location and server of the configuration, for check.c. */
typedef struct {
    ngx_http_sallyport_loc_conf_t  *slcf;
    ngx_http_core_loc_conf_t       *clcf;
    ngx_http_core_srv_conf_t       *cscf;
    void                          **loc_conf;
} ngx_http_sallyport_location_t;


/*
 * Policies: what is in force may change at any time. An edition is one
 * compiled policy as this worker holds it; its image stays until it is
 * released. A verdict is by one edition.
 */

struct ngx_http_sallyport_edition_s {
    const sp_policy_t            *image;
    ngx_http_sallyport_policy_t  *policy;
    uint64_t                      word;      /* another for each change */
    ngx_uint_t                    refs;
    ngx_http_sallyport_print_t   *throttles; /* by rule; limit.c fills it */
    ngx_http_sallyport_edition_t *next;
    ngx_uint_t                    copied;    /* unsigned  copied:1; */
    ngx_uint_t                    counts;    /* countries; 0: not looked */
};

/* The edition in force, to be released; NULL: a candidate that is not there. */
ngx_http_sallyport_edition_t *ngx_http_sallyport_policy_hold(
    ngx_http_sallyport_policy_t *policy);
void ngx_http_sallyport_policy_release(ngx_http_sallyport_edition_t *edition);

/* The same for a look that ends before the event loop goes on. */
ngx_http_sallyport_edition_t *ngx_http_sallyport_policy_now(
    ngx_http_sallyport_policy_t *policy);

/*
 * A candidate beside the policy of the location, asked before that one is, and
 * compared with what that one said. Costs a look at a pointer without one.
 */

typedef struct {
    ngx_http_sallyport_policy_t  *policy;    /* NULL: there is none */
    ngx_uint_t                    decision;
    sp_str_t                      reason;
    size_t                        len;       /* of the record's "cand" */
    u_char                        text[SP_AUDIT_CANDIDATE_ROOM];
} ngx_http_sallyport_other_t;

void ngx_http_sallyport_candidate(ngx_http_sallyport_ctx_t *ctx,
    sp_stage_t stage, ngx_http_sallyport_other_t *other);
void ngx_http_sallyport_compare(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_other_t *other);

/* Before there is room for the record: if they differ, there will be one. */
void ngx_http_sallyport_differ(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_other_t *other);

/* 1 if a candidate is there to be asked. */
ngx_uint_t ngx_http_sallyport_candidate_is(
    ngx_http_sallyport_policy_t *policy);

/*
 * Of each gate of the policy: 1 if its databases know subdivisions. NGX_ERROR:
 * they do not, and the policy asks for them.
 */
ngx_int_t ngx_http_sallyport_policy_regions(
    ngx_http_sallyport_policy_t *policy, ngx_uint_t known);

/* As it stands in the configuration, made absolute. */
ngx_str_t *ngx_http_sallyport_policy_path(
    ngx_http_sallyport_policy_t *policy);

ngx_int_t ngx_http_sallyport_policy_init_module(ngx_cycle_t *cycle,
    ngx_http_sallyport_policy_t *policy);
ngx_int_t ngx_http_sallyport_state_init(ngx_cycle_t *cycle,
    ngx_http_sallyport_main_conf_t *smcf);
ngx_int_t ngx_http_sallyport_policy_init_process(ngx_cycle_t *cycle,
    ngx_http_sallyport_main_conf_t *smcf);
void ngx_http_sallyport_policy_exit_process(
    ngx_http_sallyport_main_conf_t *smcf);

/* policy_metrics.c: 1 if all policies can be used; their metrics. */
ngx_uint_t ngx_http_sallyport_policies_ready(ngx_array_t *policies);
size_t ngx_http_sallyport_policies_metrics_size(ngx_array_t *policies);
u_char *ngx_http_sallyport_policies_metrics(u_char *p, ngx_array_t *policies);


#include "ngx_http_sallyport_record.h"

/* file_metrics.c: of the stores that are files. */
size_t ngx_http_sallyport_files_metrics_size(ngx_array_t *stores);
u_char *ngx_http_sallyport_files_metrics(u_char *p, ngx_array_t *stores);

/* endpoint.c: 1 error is logged if a store's host cannot be found out. */
ngx_int_t ngx_http_sallyport_stores_check(ngx_conf_t *cf,
    ngx_array_t *stores);

/* In the master; a store that is a file has something to put in force. */
ngx_int_t ngx_http_sallyport_file_init_module(ngx_cycle_t *cycle,
    ngx_http_sallyport_store_t *store);


/*
 * The zone: record cache, negative table, limiter's buckets and counters.
 */

char *ngx_http_sallyport_zone_create(ngx_conf_t *cf, ngx_str_t *size,
    ngx_http_sallyport_main_conf_t *smcf);

typedef enum {
    NGX_HTTP_SALLYPORT_C_ALLOW = 0,
    NGX_HTTP_SALLYPORT_C_THROTTLE,
    NGX_HTTP_SALLYPORT_C_DENY,           /* + sp_class_t, six of them */
    NGX_HTTP_SALLYPORT_C_DENY_LAST = NGX_HTTP_SALLYPORT_C_DENY + 5,
    NGX_HTTP_SALLYPORT_C_OBSERVED,       /* would not have been allowed */
    NGX_HTTP_SALLYPORT_C_RECALLED,       /* allowed without a look-up */
    NGX_HTTP_SALLYPORT_C_CACHE_HIT,
    NGX_HTTP_SALLYPORT_C_CACHE_MISS,
    NGX_HTTP_SALLYPORT_C_NEGATIVE_HIT,
    NGX_HTTP_SALLYPORT_C_UNTAGGED,       /* keys that nobody made */
    NGX_HTTP_SALLYPORT_C_LOOKUP,         /* commands sent to Redis */
    NGX_HTTP_SALLYPORT_C_LOOKUP_FAILED,
    NGX_HTTP_SALLYPORT_C_LOOKUP_REFUSED, /* rate, queue or breaker */
    NGX_HTTP_SALLYPORT_C_RECORD_INVALID,
    NGX_HTTP_SALLYPORT_C_RECONNECT,
    NGX_HTTP_SALLYPORT_C_ZONE_FULL,
    NGX_HTTP_SALLYPORT_C_AUDIT_RECORDS,
    NGX_HTTP_SALLYPORT_C_AUDIT_FAILED,
    NGX_HTTP_SALLYPORT_C_SETTLED,
    NGX_HTTP_SALLYPORT_C_CUT,            /* allowed, and ended */
    NGX_HTTP_SALLYPORT_COUNTERS
} ngx_http_sallyport_counter_t;

void ngx_http_sallyport_count(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_counter_t counter);
ngx_atomic_uint_t ngx_http_sallyport_counted(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_counter_t counter);

/* A number never given before in this zone's life: audit lanes. From 1. */
ngx_uint_t ngx_http_sallyport_zone_lane(ngx_http_sallyport_zone_t *zone);

/* The zone's random key for sp_siphash(), 16 bytes. */
const u_char *ngx_http_sallyport_zone_key(ngx_http_sallyport_zone_t *zone);

/*
 * Tests verdict->apply[] for an allow, all or nothing, and debits; otherwise
 * turns the verdict into a throttle and debits nothing. "test" only tests.
 * A zone without room is a throttle too, never a pass.
 */
void ngx_http_sallyport_limit(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_ctx_t *ctx, ngx_uint_t test);


/*
 * Audit: lanes, ids, settle records.
 */

/* Directive parser of sallyport_audit DIR [allows=on|off] [...]. */
ngx_http_sallyport_audit_t *ngx_http_sallyport_audit_create(ngx_conf_t *cf,
    ngx_http_sallyport_main_conf_t *smcf);
ngx_int_t ngx_http_sallyport_audit_init_module(ngx_cycle_t *cycle,
    ngx_http_sallyport_audit_t *audit);
ngx_int_t ngx_http_sallyport_audit_init_process(ngx_cycle_t *cycle,
    ngx_http_sallyport_audit_t *audit, ngx_http_sallyport_zone_t *zone);
void ngx_http_sallyport_audit_exit_process(ngx_http_sallyport_audit_t *audit);

/* 1 if an allow without matches is recorded, too. "audit" may be NULL. */
ngx_uint_t ngx_http_sallyport_audit_allows(ngx_http_sallyport_audit_t *audit);

/* 1 if records can be written now. */
ngx_uint_t ngx_http_sallyport_audit_ready(ngx_http_sallyport_audit_t *audit);

/* Gives the request its decision id; works without an audit directory. */
void ngx_http_sallyport_audit_id(ngx_http_sallyport_ctx_t *ctx);

/*
 * Room for the record of ctx->verdict, if there will be one. NGX_AGAIN: the
 * disk is slow, the phases run again later; NGX_ERROR: refuse.
 */
ngx_int_t ngx_http_sallyport_audit_room(ngx_http_sallyport_ctx_t *ctx);

/* A request that waited for room is no more. */
void ngx_http_sallyport_lane_leave(ngx_http_sallyport_ctx_t *ctx);

/*
 * Records the verdict if it must be recorded. NGX_ERROR: it could not be
 * written, and the request must be refused (in observe mode: counted only).
 */
ngx_int_t ngx_http_sallyport_audit_decision(ngx_http_sallyport_ctx_t *ctx);

/*
 * The settle record of an allow that was recorded, exactly once; nothing for
 * other requests. Called in the log phase, and before a context decides anew.
 */
void ngx_http_sallyport_audit_settle(ngx_http_sallyport_ctx_t *ctx);


/* What headers.c replaces in r->headers_in, as the client sent it. */

typedef struct {
    ngx_list_t                      headers;
    ngx_table_elt_t                *authorization;
    ngx_table_elt_t                *upgrade;
} ngx_http_sallyport_sent_t;


/*
 * The request's way. One state at a time; only handler.c moves it. Two
 * callbacks mark an arrival: a record's, and the body's.
 *
 *            no credential, or key known not to exist
 *        +-------------------------------------------+
 *        |                                           v
 *   HEAD -> KEY <=> (wait) -> ACCOUNT <=> (wait) -> JUDGE_HEAD -> REFUSED
 *    |       ^                                       |
 *    |       | not known                no body      v
 *    |    RECALL -> ALLOWED          +----------- BODY <=> (nginx reads)
 *    |       ^                       v               |
 *    v       |                     WHOLE <-----------+
 *   BODY ----+                       |
 *   all of it is here          ALLOWED, REFUSED or PASSED (observe)
 *
 * CUSTOMER <=> (wait), and then JUDGE_HEAD: after ACCOUNT, or after BODY where
 * that names a reseller's end customer; only if the policy asks for one.
 *
 * RECALL: a request that came in one piece, and that the caller's earlier
 * ones may have answered for. If not, it goes the long way, its body read.
 *
 * (wait): a record is on its way; the record handler stores it and posts the
 * write event. (nginx reads): ngx_http_read_client_request_body() owns the
 * request; its callback runs the phases again.
 *
 * An internal redirect wipes r->ctx, not the context: a decision stands for
 * the same gate, URI and method; elsewhere a new context is made, and the old
 * one is settled. Contexts of one request form no list: the newest is found.
 */

typedef enum {
    NGX_HTTP_SALLYPORT_S_HEAD = 0,
    NGX_HTTP_SALLYPORT_S_RECALL,
    NGX_HTTP_SALLYPORT_S_KEY,
    NGX_HTTP_SALLYPORT_S_ACCOUNT,
    NGX_HTTP_SALLYPORT_S_CUSTOMER,
    NGX_HTTP_SALLYPORT_S_JUDGE_HEAD,
    NGX_HTTP_SALLYPORT_S_BODY,
    NGX_HTTP_SALLYPORT_S_WHOLE,
    NGX_HTTP_SALLYPORT_S_ALLOWED,    /* enforced: goes to the upstream */
    NGX_HTTP_SALLYPORT_S_REFUSED,    /* enforced: answered by the gate */
    NGX_HTTP_SALLYPORT_S_PASSED      /* observe: judged, goes on anyway */
} ngx_http_sallyport_state_t;


/* Members before "facts" are zeroed; the large ones are set when needed. */

struct ngx_http_sallyport_ctx_s {
    ngx_http_request_t             *request;   /* main or refused sub */
    ngx_http_sallyport_loc_conf_t  *slcf;      /* of the location decided in */
    ngx_http_sallyport_edition_t   *policy;    /* until the verdict is given */
    ngx_http_sallyport_main_conf_t *smcf;
    ngx_http_sallyport_state_t      state;
    ngx_http_sallyport_found_t      found;     /* of record_arrived */

    sp_body_t                      *body;      /* NULL: none is read */
    ngx_http_sallyport_decoding_t  *decoding;  /* NULL: it came plain */
    const sp_key_t                 *key;       /* once found: in the rooms */
    const sp_account_t             *account;   /* below, or held by waiter */
    ngx_http_sallyport_customer_t  *customer;  /* or NULL: customer.h */
    uint64_t                        slot;      /* where the account's */
    uint64_t                        seq;       /* record was cached, or 0 */
    sp_credential_t                 credential;
    ngx_http_sallyport_waiter_t     waiter;

    sp_str_t                        reason;    /* of the verdict, for logs: */
    sp_str_t                        rule;      /* the policy may be gone */
    sp_str_t                        candidate; /* says otherwise; or empty */
    size_t                          id_len;
    uint64_t                        started;   /* ns, monotonic */
    uint64_t                        spent_us;
    uint64_t                        body_bytes;
    uint64_t                        geo_builds[SP_GEO_KINDS];
    ngx_array_t                    *subrequests;     /* that passed under us */
    ngx_http_sallyport_settle_t    *settle;          /* a recorded allow's */
    ngx_http_sallyport_answered_t  *answered;        /* by the filter */
    ngx_http_sallyport_held_t      *held;            /* to be settled */
    ngx_http_sallyport_rewritten_t *rewritten;       /* the body is ours */
    ngx_http_sallyport_hide_t      *hide;            /* of the answer */
    ngx_http_sallyport_run_t       *run;             /* of running.h, as */
    ngx_http_sallyport_cut_t       *cut;             /* are these: ended */
    ngx_queue_t                     running;
    ngx_msec_t                      visited;
    ngx_http_sallyport_ctx_t       *next;            /* of those at rest */
    ngx_http_sallyport_sent_t       sent;            /* of headers_set */
    ngx_str_t                       account_id;      /* once a key is found */
    ngx_str_t                       cert_account;    /* of a certificate */
    ngx_str_t                       uri;             /* judged; with method, */
    ngx_uint_t                      method;          /* what a verdict is for */
    ngx_uint_t                      states_before;   /* r->upstream_states of */
                                                     /* an earlier decision */
    ngx_queue_t                     park;            /* of a lane */
    ngx_msec_t                      park_since;      /* 0: it never waited */
    unsigned                        parked:1;
    unsigned                        old_pepper:1;    /* second try */
    unsigned                        kid_made:1;      /* under the new one */
    unsigned                        vouched:1;       /* by a token or cert */
    unsigned                        recall:1;        /* after BODY: RECALL */
    unsigned                        recalled:1;      /* no record looked at */
    unsigned                        asked:1;         /* of caller.c */
    unsigned                        record_arrived:1;
    unsigned                        stale:3;         /* a bit for a kind */
    unsigned                        body_read:1;
    unsigned                        body_failed:1;
    unsigned                        asked_usage:1;   /* the client did not */
    unsigned                        recorded:1;      /* has a decision record */
    unsigned                        settled:1;
    unsigned                        headers_set:1;
    unsigned                        hints:2;         /* SP_HINT_* */
    unsigned                        cleanup_set:1;
    unsigned                        pooled:1;        /* goes back to rest */
    unsigned                        runs:1;          /* is in that list */

    sp_facts_t                      facts;
    ngx_http_sallyport_trust_t      trust;           /* in the records */
    uint64_t                        now;             /* ns: as this turn of */
    uint64_t                        looked;          /* the loop began; and */
    int64_t                         stale_ms;        /* records were found */
    int64_t                         record_age_ms;   /* -1: none */
    int64_t                         tokens_in;       /* -1: not known */
    int64_t                         tokens_out;
    sp_addr_t                       addr;
    sp_addr_t                       unit;
    u_char                          id[SP_ID_TEXT_LEN];
    u_char                          words[2][64];    /* reason and rule */
    u_char                          kid[SP_KID_LEN];
    u_char                          name[SP_ID_LEN];  /* of caller.c */
    sp_verdict_t                    verdict;
    sp_key_t                        key_room;
    sp_account_t                    account_room;
    sp_body_t                       scanner;         /* body points to it */
};


extern ngx_module_t  ngx_http_sallyport_module;

/*
 * The context of a main request, found again after an internal redirect wiped
 * it; NULL for a request that no gate has judged, and for subrequests.
 */
ngx_http_sallyport_ctx_t *ngx_http_sallyport_get_ctx(ngx_http_request_t *r);

/* handler.c */
ngx_int_t ngx_http_sallyport_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_sallyport_log_handler(ngx_http_request_t *r);


/* Moves the request on from ctx->state; a phase result. */
ngx_int_t ngx_http_sallyport_run(ngx_http_sallyport_ctx_t *ctx);

/* Records the verdict and counts it; no answer is sent. */
void ngx_http_sallyport_record(ngx_http_sallyport_ctx_t *ctx);

/* The verdict is given, and the policy is not looked at any more. */
void ngx_http_sallyport_judged(ngx_http_sallyport_ctx_t *ctx);

/* ctx.c. A new context in HEAD, which becomes that of the request. */
ngx_http_sallyport_ctx_t *ngx_http_sallyport_create_ctx(
    ngx_http_request_t *r, ngx_http_sallyport_loc_conf_t *slcf);

ngx_int_t ngx_http_sallyport_ctx_init_process(ngx_cycle_t *cycle);

/* ns of CLOCK_BOOTTIME: goes on while the host is suspended. */
uint64_t ngx_http_sallyport_clock(void);

/* records.c. NGX_AGAIN: the record is on its way; NGX_OK: state moved on. */
ngx_int_t ngx_http_sallyport_key(ngx_http_sallyport_ctx_t *ctx);
ngx_int_t ngx_http_sallyport_account(ngx_http_sallyport_ctx_t *ctx);

/* 1: the body took long, so the records are to be looked up again. */
ngx_uint_t ngx_http_sallyport_renew(ngx_http_sallyport_ctx_t *ctx);

/* By the models that are known by now: records that are too stale failed. */
void ngx_http_sallyport_stale(ngx_http_sallyport_ctx_t *ctx);

/* "none", "fresh", "stale" or "sticky". */
const char *ngx_http_sallyport_trusted(ngx_http_sallyport_ctx_t *ctx);

/*
 * screen.c: what the account's record, which came from the cache, settles of
 * the policy; NULL until the record was seen twice. Ask anew for each decision:
 * other requests change the table.
 */
ngx_int_t ngx_http_sallyport_screen_init_process(ngx_cycle_t *cycle,
    ngx_http_sallyport_main_conf_t *smcf);
const sp_screen_t *ngx_http_sallyport_screen(ngx_http_sallyport_ctx_t *ctx);

/*
 * Drop all screens and all memos of the worker: where a policy was there may
 * be another one by now.
 */
void ngx_http_sallyport_screen_forget(ngx_http_sallyport_main_conf_t *smcf);
void ngx_http_sallyport_caller_forget(ngx_http_sallyport_main_conf_t *smcf);

/*
 * caller.c: plain allows that need no look at the records, which is why they
 * have facts neither of the key nor of the account.
 */
ngx_int_t ngx_http_sallyport_caller_init_process(ngx_cycle_t *cycle,
    ngx_http_sallyport_main_conf_t *smcf);
ngx_uint_t ngx_http_sallyport_recall(ngx_http_sallyport_ctx_t *ctx);
ngx_uint_t ngx_http_sallyport_recall_found(ngx_http_sallyport_ctx_t *ctx);
void ngx_http_sallyport_caller_fetch(ngx_http_sallyport_ctx_t *ctx);
void ngx_http_sallyport_memorize(ngx_http_sallyport_ctx_t *ctx,
    const sp_screen_t *screen);

/*
 * pages.c: zeroed, for a table of this worker, and of large pages if any; as
 * long as the cycle, or the process, lives.
 */
void *ngx_http_sallyport_pages(ngx_cycle_t *cycle, size_t size);
void *ngx_http_sallyport_pages_for_good(size_t size, ngx_log_t *log);

/* kept.c: room for the worker's decoded records. */
ngx_int_t ngx_http_sallyport_kept_init_process(ngx_cycle_t *cycle);

/* redirect.c: phase results for a request that was judged before, or for one
 * that another request made. */
ngx_int_t ngx_http_sallyport_redirected(ngx_http_request_t *r,
    ngx_http_sallyport_ctx_t *ctx, ngx_http_sallyport_loc_conf_t *slcf);
ngx_int_t ngx_http_sallyport_subrequest(ngx_http_request_t *r,
    ngx_http_sallyport_loc_conf_t *slcf);

/* request.c: address, route and credential into ctx->facts. */
void ngx_http_sallyport_read_head(ngx_http_sallyport_ctx_t *ctx);

/* query.c: a credential in the query, which is then cut out of it. */
ngx_int_t ngx_http_sallyport_read_query(ngx_http_sallyport_ctx_t *ctx);

/* body.c. NGX_DONE: nginx runs the phases again when the body is whole. */
ngx_int_t ngx_http_sallyport_body_read(ngx_http_sallyport_ctx_t *ctx);
ngx_int_t ngx_http_sallyport_body_init(ngx_conf_t *cf);

/* answer.c: sends the refusal of ctx->verdict, returns a phase result. */
ngx_int_t ngx_http_sallyport_answer(ngx_http_sallyport_ctx_t *ctx);

/* The headers of that answer alone. */
ngx_int_t ngx_http_sallyport_answer_headers(ngx_http_sallyport_ctx_t *ctx);

/* headers.c: what the upstream sees. Called once, for an enforced allow. */
ngx_int_t ngx_http_sallyport_headers(ngx_http_sallyport_ctx_t *ctx);
void ngx_http_sallyport_headers_restore(ngx_http_sallyport_ctx_t *ctx);
void ngx_http_sallyport_headers_init(void);

/* variables.c */
ngx_int_t ngx_http_sallyport_add_variables(ngx_conf_t *cf);

/* status.c: content handlers of sallyport_health and sallyport_metrics. */
ngx_int_t ngx_http_sallyport_health_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_sallyport_metrics_handler(ngx_http_request_t *r);

/* HELP and TYPE of a metric; a label's value, two bytes for one at most. */
u_char *ngx_http_sallyport_metrics_head(u_char *p, const char *name,
    const char *type, const char *help);
u_char *ngx_http_sallyport_metrics_label(u_char *p, sp_str_t s);

/* check.c: what nginx -t refuses and warns about, after configuration. */
ngx_int_t ngx_http_sallyport_check(ngx_conf_t *cf);

/* usage.c: header and body filter that read token usage and the end. */
ngx_int_t ngx_http_sallyport_usage_init(ngx_conf_t *cf);


#endif /* NGX_HTTP_SALLYPORT_H */

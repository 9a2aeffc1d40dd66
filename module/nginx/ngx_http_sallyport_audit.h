
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the files of the audit room share: the directory
 * of lanes, one worker's lane with its tail, the thread that drains it, and
 * the settle records that wait for room.
 */


#ifndef NGX_HTTP_SALLYPORT_AUDIT_H
#define NGX_HTTP_SALLYPORT_AUDIT_H


#include "ngx_http_sallyport.h"
#include "sp_tail.h"
#include "sp_usage.h"

#include <pthread.h>


#define NGX_HTTP_SALLYPORT_BOOT_LEN    25      /* 20261123T120004Z-0123abcd */
#define NGX_HTTP_SALLYPORT_LANE_FLUSH  98304   /* bytes moved at once */
#define NGX_HTTP_SALLYPORT_LANE_LAG    20      /* ms until they are, at most */
#define NGX_HTTP_SALLYPORT_LANE_RETRY  1000    /* ms */
#define NGX_HTTP_SALLYPORT_LANE_PARK   1000    /* ms that a request waits */
#define NGX_HTTP_SALLYPORT_LANE_PARKED 512     /* requests that do */
#define NGX_HTTP_SALLYPORT_ALLOWS_ALL  10000   /* plain allows: hundredths */
                                               /* of a percent */
#define NGX_HTTP_SALLYPORT_LANE_STOP   5       /* s for the last lines */


/*
 * Lives in shared memory from the master's start to its end. What the
 * directory holds is counted once a minute, and added up in between.
 */

typedef struct {
    ngx_atomic_t                  lanes;       /* numbers given */
    ngx_atomic_t                  bytes;       /* in the directory */
    ngx_atomic_t                  counted;     /* unix seconds, 0: never */
    ngx_atomic_t                  counted_bytes;
    ngx_atomic_t                  refused;     /* as in a tail: of those who */
    ngx_atomic_t                  served;      /* had none, or are dead */
    ngx_atomic_t                  removed;     /* lines */
    ngx_atomic_t                  permille;    /* full, of quota or disk */
    ngx_atomic_t                  left;        /* s until it is; 0: not known */
    u_char                        key[32];     /* of pseudonyms */
    size_t                        boot_len;
    u_char                        boot[NGX_HTTP_SALLYPORT_BOOT_LEN];
} ngx_http_sallyport_boot_t;


/*
 * The settle record of one allow. Allocated before the allow is written, so
 * that it can always be filled in: "open" until the request ends, and "due"
 * after that if there is no room for it.
 */

struct ngx_http_sallyport_settle_s {
    ngx_queue_t                   queue;
    ngx_http_sallyport_ctx_t     *ctx;         /* while open */
    ngx_http_sallyport_settle_t  *next;        /* of those at rest */
    sp_settle_t                   record;
    size_t                        id_len;
    u_char                        id[SP_ID_TEXT_LEN];
    u_char                        words[2][64];  /* of what was cut */
    unsigned                      leaving:1;   /* the worker goes first */
};


/*
 * The thread that moves a half of the tail into the segment's file. The
 * worker queues one half at a time, and goes on in the other. "queued" is
 * given by the worker and taken back by the thread; "err" is the thread's.
 */

typedef struct {
    pthread_t                     thread;
    pthread_mutex_t               mutex;
    pthread_cond_t                cond;
    void                         *map;
    ngx_uint_t                    queued;      /* 0: none, else 1 + half */
    ngx_uint_t                    kicks;       /* asks for another try */
    ngx_err_t                     err;         /* of the last try */
    ngx_uint_t                    gone;        /* the file is not ours */
    ngx_uint_t                    stop;
    off_t                         ahead;       /* bytes asked for in advance */
    off_t                         quota;       /* 0: none */
    ngx_http_sallyport_boot_t    *boot;
    const char                   *dir;

    /* of the thread alone */
    int                           fd;
    uint64_t                      segment;
    off_t                         size;
    char                         *path;        /* up to "lane-N." */
    size_t                        path_len;
} ngx_http_sallyport_drain_t;


/*
 * A lane belongs to one process. "begun": it has a tail, and its segment
 * record is in it. What is in the tail is written, whatever becomes of us.
 */

typedef struct {
    ngx_uint_t                    number;
    ngx_uint_t                    segment;     /* from 1 */
    ngx_uint_t                    half;        /* that is written to */
    sp_tail_t                    *tail;
    ngx_fd_t                      tail_fd;
    ngx_http_sallyport_drain_t   *drain;
    sp_chain_t                    chain;
    sp_audit_keep_t               keep;
    uint64_t                      count;       /* records in this segment */
    off_t                         size;        /* of it */
    time_t                        epoch;       /* opened at, unix seconds */
    time_t                        hour;        /* of the segment */
    ngx_msec_t                    opened;
    ngx_msec_t                    retry;       /* no lane is opened before */
    time_t                        logged;      /* last complaint */
    time_t                        warned;      /* last word about its room */
    time_t                        flood_second;
    ngx_uint_t                    flood_lines; /* of refusals, in it */
    ngx_err_t                     err;
    ngx_queue_t                   open;
    ngx_queue_t                   due;
    ngx_uint_t                    ndue;
    ngx_queue_t                   parked;
    ngx_uint_t                    nparked;
    ngx_event_t                   timer;
    ngx_connection_t              conn;        /* for the timer's debug log */
    sp_lost_t                     lost;
    ngx_str_t                     path;        /* of the tail */
    ngx_uint_t                    npolicies;
    u_char                        policies[8][SP_POLICY_HASH_LEN];
                                               /* that this segment names */
    u_char                        prev_file[64];
    size_t                        prev_len;
    u_char                        prev_hash[SP_CHAIN_LEN];
    unsigned                      begun:1;
    unsigned                      failing:1;
} ngx_http_sallyport_lane_t;


struct ngx_http_sallyport_audit_s {
    ngx_str_t                     dir;         /* no trailing slash */
    ngx_str_t                     key_file;    /* empty: a key per boot */
    u_char                        key[32];
    off_t                         segment;     /* bytes */
    off_t                         quota;       /* bytes; 0: none */
    ngx_uint_t                    flood;       /* lines a second; 0: any */
    ngx_uint_t                    allows;      /* of 10000 plain ones */
    ngx_uint_t                    plain;       /* unsigned  plain:1; */
    ngx_uint_t                    serve;       /* on_full=count */
    ngx_int_t                     request_id;  /* variable's index; -1: */
                                               /* not looked for; else none */
    ngx_http_variable_t          *realip;      /* where it is looked up */
    ngx_shm_zone_t               *shm_zone;
    ngx_http_sallyport_boot_t    *boot;

    /* of the worker */
    sp_pseudonym_t                pseudonym;
    ngx_http_sallyport_zone_t    *zone;
    ngx_http_sallyport_lane_t     lane;
};


/* What the filter keeps of a gated answer. */

struct ngx_http_sallyport_answered_s {
    sp_usage_t                   *usage;       /* NULL: nothing to read */
    sp_usage_form_t               form;        /* if it is a stream */
    u_char                        tail[3];     /* its last bytes, 0: none */
    unsigned                      stream:1;
    unsigned                      last:1;      /* the end of it has passed */
};


/* lane.c: what is in a lane, and when it is moved. */

ngx_int_t ngx_http_sallyport_lane_init(ngx_http_sallyport_audit_t *audit);
void ngx_http_sallyport_lane_exit(ngx_http_sallyport_audit_t *audit);

/*
 * NGX_OK: a decision can be written, for certain, until the event loop goes
 * on; NGX_AGAIN: not before the disk has caught up; NGX_ERROR: not now.
 */
ngx_int_t ngx_http_sallyport_lane_room(ngx_http_sallyport_audit_t *audit);

/* As lane_room(), for lines of a lane that has begun. */
ngx_int_t ngx_http_sallyport_lane_fits(ngx_http_sallyport_audit_t *audit,
    size_t need);

/*
 * Hands what was written to the thread and goes on in the other half, in the
 * next file if this one is large or old enough.
 */
ngx_int_t ngx_http_sallyport_lane_swap(ngx_http_sallyport_audit_t *audit);

/* Looks how the thread is getting on, and has what there is moved. */
void ngx_http_sallyport_lane_tick(ngx_http_sallyport_audit_t *audit);


/* lines.c: what is written into it. */

/* Writes the request's decision, after NGX_OK above. */
void ngx_http_sallyport_lane_decision(ngx_http_sallyport_audit_t *audit,
    ngx_http_sallyport_ctx_t *ctx);

/* Takes a settle record that has been filled in. */
void ngx_http_sallyport_lane_settle(ngx_http_sallyport_audit_t *audit,
    ngx_http_sallyport_settle_t *settle);

/* A verdict goes without a record of its own. */
void ngx_http_sallyport_lane_lost(ngx_http_sallyport_audit_t *audit,
    ngx_uint_t served);

/* What was lost since the last time, and settles that waited for room. */
void ngx_http_sallyport_lane_tell_lost(ngx_http_sallyport_audit_t *audit);
void ngx_http_sallyport_lane_due(ngx_http_sallyport_audit_t *audit);

/* A line of what was counted; there must be room for it. */
void ngx_http_sallyport_lane_flood(ngx_http_sallyport_audit_t *audit,
    const sp_tail_flood_t *flood);

/* First and last line of a file; there is always room for the latter. */
void ngx_http_sallyport_lane_segment(ngx_http_sallyport_audit_t *audit);
void ngx_http_sallyport_lane_close(ngx_http_sallyport_audit_t *audit);


/* flood.c: refusals that are counted instead of written one by one. */

/* 1: the verdict, which may be written, is in a count that will be. */
ngx_uint_t ngx_http_sallyport_flood(ngx_http_sallyport_audit_t *audit,
    ngx_http_sallyport_ctx_t *ctx);

/* 1 if there are counts that no line tells of. */
ngx_uint_t ngx_http_sallyport_flooded(ngx_http_sallyport_lane_t *lane);

/* Writes those of seconds that are over, or all, as far as there is room. */
void ngx_http_sallyport_flood_tell(ngx_http_sallyport_audit_t *audit,
    ngx_uint_t all);

/*
 * Takes over the counts of a tail whose worker is no more. NGX_ERROR: there
 * is no room for that now, and "dead" has the rest.
 */
ngx_int_t ngx_http_sallyport_flood_adopt(ngx_http_sallyport_audit_t *audit,
    sp_tail_t *dead);

/* Its verdicts are lost: their file was taken away, and nothing can be had. */
void ngx_http_sallyport_flood_drop(ngx_http_sallyport_audit_t *audit,
    sp_tail_t *dead);


/* wait.c: the lane's timer, and those who wait for room. */

void ngx_http_sallyport_lane_timer(ngx_event_t *ev);
void ngx_http_sallyport_lane_arm(ngx_http_sallyport_audit_t *audit);

/* NGX_AGAIN: the phases run again when there is room; NGX_ERROR: enough. */
ngx_int_t ngx_http_sallyport_lane_park(ngx_http_sallyport_audit_t *audit,
    ngx_http_sallyport_ctx_t *ctx);
ngx_uint_t ngx_http_sallyport_lane_waited(ngx_http_sallyport_ctx_t *ctx);

void ngx_http_sallyport_lane_complain(ngx_http_sallyport_audit_t *audit,
    const char *what);
void ngx_http_sallyport_lane_recovered(ngx_http_sallyport_audit_t *audit);


/* settle.c */

ngx_http_sallyport_settle_t *ngx_http_sallyport_settle_alloc(
    ngx_http_sallyport_ctx_t *ctx);
void ngx_http_sallyport_settle_free(ngx_http_sallyport_settle_t *settle);


/* drain.c: from the tail into the files, on a thread. */

ngx_http_sallyport_drain_t *ngx_http_sallyport_drain_start(
    ngx_http_sallyport_audit_t *audit, ngx_log_t *log);

/* Has all that is in the tail written, or gives up. NGX_OK: it is. */
ngx_int_t ngx_http_sallyport_drain_stop(ngx_http_sallyport_drain_t *drain);

/* 1 if no half is queued. */
ngx_uint_t ngx_http_sallyport_drain_free(ngx_http_sallyport_drain_t *drain);
void ngx_http_sallyport_drain_queue(ngx_http_sallyport_drain_t *drain,
    ngx_uint_t half);
void ngx_http_sallyport_drain_kick(ngx_http_sallyport_drain_t *drain);

/* Appends to a segment's file; -1 with errno, having written what it could. */
int ngx_http_sallyport_drain_append(int fd, const u_char *data, size_t len,
    off_t *size);


/* fill.c: how full the directory is; on the lane's thread. */

/* EDQUOT, if "len" bytes more are too many; else they are counted. */
ngx_err_t ngx_http_sallyport_fill_add(ngx_http_sallyport_drain_t *drain,
    size_t len);

/* Warns, at most once an hour; on the event loop. */
void ngx_http_sallyport_fill_warn(ngx_http_sallyport_audit_t *audit);


/* tail.c: the file of a tail, and those that the dead have left. */

ngx_int_t ngx_http_sallyport_tail_create(ngx_http_sallyport_audit_t *audit);
void ngx_http_sallyport_tail_close(ngx_http_sallyport_lane_t *lane,
    ngx_uint_t remove);
void ngx_http_sallyport_tail_adopt(ngx_http_sallyport_audit_t *audit,
    ngx_log_t *log);


/* audit.c */

size_t ngx_http_sallyport_audit_format(ngx_http_sallyport_audit_t *audit,
    ngx_http_sallyport_ctx_t *ctx, u_char *buf);

/* Of the client, as it is recorded, into 64 bytes; returns its length. */
size_t ngx_http_sallyport_audit_address(ngx_http_sallyport_audit_t *audit,
    ngx_http_sallyport_ctx_t *ctx, u_char *buf);

void ngx_http_sallyport_audit_stamp(ngx_http_sallyport_audit_t *audit,
    sp_audit_ctx_t *actx);

/* text.c: the text of an account's record, kept for the next request. */

ngx_int_t ngx_http_sallyport_text_init(ngx_log_t *log);
void ngx_http_sallyport_text(ngx_http_sallyport_ctx_t *ctx, sp_str_t *text);


#endif /* NGX_HTTP_SALLYPORT_AUDIT_H */

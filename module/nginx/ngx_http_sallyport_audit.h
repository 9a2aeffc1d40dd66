
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the files of the audit room share: the directory
 * of lanes, one worker's lane, and the settle records that wait for it.
 */


#ifndef NGX_HTTP_SALLYPORT_AUDIT_H
#define NGX_HTTP_SALLYPORT_AUDIT_H


#include "ngx_http_sallyport.h"
#include "sp_usage.h"


#define NGX_HTTP_SALLYPORT_BOOT_LEN    25      /* 20261123T120004Z-0123abcd */
#define NGX_HTTP_SALLYPORT_LANE_BUF    65536
#define NGX_HTTP_SALLYPORT_LANE_DUE    64      /* settles held back at most */
#define NGX_HTTP_SALLYPORT_LANE_FLUSH  100     /* ms */
#define NGX_HTTP_SALLYPORT_LANE_RETRY  1000    /* ms */


/* Lives in shared memory from the master's start to its end. */

typedef struct {
    ngx_atomic_t                  lanes;       /* numbers given */
    u_char                        key[32];     /* of pseudonyms */
    size_t                        boot_len;
    u_char                        boot[NGX_HTTP_SALLYPORT_BOOT_LEN];
} ngx_http_sallyport_boot_t;


/*
 * The settle record of one allow. Allocated with malloc() before the allow is
 * written, so that it can always be filled in: "open" until the request ends,
 * then "due" until it is in the file.
 */

struct ngx_http_sallyport_settle_s {
    ngx_queue_t                   queue;
    ngx_http_sallyport_ctx_t     *ctx;         /* while open */
    size_t                        end;         /* of its line in the batch */
    sp_settle_t                   record;
    size_t                        id_len;
    u_char                        id[SP_ID_TEXT_LEN];
    unsigned                      leaving:1;   /* the worker goes first */
};


/*
 * A lane belongs to one process. A file is "begun" once its segment record
 * is written. A batch of which nothing was written leaves the lane as it was,
 * to be tried again; a torn one ends it, and the next file is a new lane.
 */

typedef struct {
    ngx_fd_t                      fd;
    ngx_uint_t                    number;      /* 0: none given yet */
    ngx_uint_t                    segment;     /* from 1 */
    sp_chain_t                    chain;
    uint64_t                      count;       /* records in this file */
    off_t                         size;
    time_t                        epoch;       /* opened at, unix seconds */
    ngx_msec_t                    opened;
    ngx_msec_t                    retry;       /* no file is opened before */
    time_t                        logged;      /* last complaint */
    ngx_err_t                     err;
    ngx_queue_t                   open;
    ngx_queue_t                   due;
    ngx_uint_t                    ndue;
    ngx_event_t                   timer;
    ngx_connection_t              conn;        /* for the timer's debug log */
    u_char                       *buf;
    ngx_str_t                     path;        /* room for the longest name */
    size_t                        name_len;    /* of the file in the path */
    size_t                        prev_len;
    u_char                        prev_file[64];
    u_char                        prev_hash[SP_CHAIN_LEN];
    unsigned                      begun:1;
    unsigned                      failing:1;
} ngx_http_sallyport_lane_t;


struct ngx_http_sallyport_audit_s {
    ngx_str_t                     dir;         /* no trailing slash */
    ngx_str_t                     key_file;    /* empty: a key per boot */
    u_char                        key[32];
    off_t                         segment;     /* bytes */
    ngx_uint_t                    allows;      /* unsigned  allows:1; */
    ngx_uint_t                    plain;       /* unsigned  plain:1; */
    ngx_int_t                     request_id;  /* variable's index; -1: */
                                               /* not looked for; else none */
    ngx_shm_zone_t               *shm_zone;
    ngx_http_sallyport_boot_t    *boot;

    /* of the worker */
    ngx_http_sallyport_zone_t    *zone;
    ngx_http_sallyport_lane_t     lane;
};


/* What the filter keeps of a gated answer. */

struct ngx_http_sallyport_answered_s {
    sp_usage_t                   *usage;       /* NULL: nothing to read */
    unsigned                      last:1;      /* the end of it has passed */
};


/* lane.c: the files, and when they are tried again. */

ngx_int_t ngx_http_sallyport_lane_init(ngx_http_sallyport_audit_t *audit);
void ngx_http_sallyport_lane_exit(ngx_http_sallyport_audit_t *audit);

/* Takes a settle record that has been filled in. */
void ngx_http_sallyport_lane_settle(ngx_http_sallyport_audit_t *audit,
    ngx_http_sallyport_settle_t *settle);

/* A file that has begun, or an error. */
ngx_int_t ngx_http_sallyport_lane_prepare(ngx_http_sallyport_audit_t *audit);

/* Ends this file and begins the next of the lane. */
void ngx_http_sallyport_lane_rotate(ngx_http_sallyport_audit_t *audit);

/* Closes the file as it is: what comes next is another lane. */
void ngx_http_sallyport_lane_abandon(ngx_http_sallyport_lane_t *lane);

void ngx_http_sallyport_lane_later(ngx_http_sallyport_lane_t *lane);
void ngx_http_sallyport_lane_arm(ngx_http_sallyport_lane_t *lane);
void ngx_http_sallyport_lane_complain(ngx_http_sallyport_audit_t *audit,
    const char *what);
void ngx_http_sallyport_lane_recovered(ngx_http_sallyport_audit_t *audit);


/* batch.c */

/*
 * Writes the settles that are due and then, unless "ctx" is NULL, the
 * request's decision: as one write. NGX_ERROR: the decision is not in a file.
 */
ngx_int_t ngx_http_sallyport_lane_write(ngx_http_sallyport_audit_t *audit,
    ngx_http_sallyport_ctx_t *ctx);

/* Writes lane->buf; returns how many bytes are in the file, err if not all. */
size_t ngx_http_sallyport_lane_send(ngx_http_sallyport_lane_t *lane,
    size_t len);

/* After "sent" bytes of a batch: NGX_ERROR, with the chain put right. */
ngx_int_t ngx_http_sallyport_lane_failed(ngx_http_sallyport_audit_t *audit,
    sp_chain_t *chain, size_t sent);


/* audit.c */

size_t ngx_http_sallyport_audit_format(ngx_http_sallyport_audit_t *audit,
    ngx_http_sallyport_ctx_t *ctx, u_char *buf);

void ngx_http_sallyport_audit_stamp(ngx_http_sallyport_audit_t *audit,
    sp_audit_ctx_t *actx);


#endif /* NGX_HTTP_SALLYPORT_AUDIT_H */

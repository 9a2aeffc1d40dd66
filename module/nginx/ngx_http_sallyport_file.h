
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the layout of the zone of a store that is a file, and
 * what the files of that room share. Private to it and to store.c, lookup.c.
 *
 * The zone belongs to one path and outlives reloads. It has two halves, each
 * with room for one roster (include/sp_roster.h), and one word that says which
 * half is in force: all workers read the same one. Whoever puts another
 * roster in force copies it into the half that is not, under shpool->mutex,
 * and then stores the word.
 *
 * Readers take no lock. A half's "seq" is odd while it is written, and what
 * was copied out of it counts only if it is even and the same afterwards.
 *
 * One process has the lease of a zone, a mutex that the kernel gives back if
 * it dies, and a thread of it follows the pointer: where the path leads to,
 * five times a second. It reads, refuses or switches; the event loop logs.
 */


#ifndef NGX_HTTP_SALLYPORT_FILE_H
#define NGX_HTTP_SALLYPORT_FILE_H


#include <pthread.h>

#include "sp_roster.h"

#include "ngx_http_sallyport_store.h"


#define NGX_HTTP_SALLYPORT_FILE_MAGIC   0x53504653u   /* "SPFS" */
#define NGX_HTTP_SALLYPORT_FILE_LAYOUT  1             /* grows with each */
#define NGX_HTTP_SALLYPORT_FILE_ZONE    (192 * 1024 * 1024)
#define NGX_HTTP_SALLYPORT_FILE_MIN     (1024 * 1024)


/*
 * What a path leads to. Another file is taken at once; one that was saved in
 * place when it has been left alone for a while.
 */

typedef struct {
    uint64_t                       dev;
    uint64_t                       ino;
    int64_t                        mtime;     /* ns of unix time */
    uint64_t                       size;
} ngx_http_sallyport_file_id_t;


typedef struct {
    uint64_t                       seq;       /* odd while it is written */
    int64_t                        asked;     /* ms; when the file was made, */
    u_char                         pad[48];   /* by ngx_current_msec */
} ngx_http_sallyport_half_t;


/* "word" is generation << 1 | half; 0: none is in force. */

typedef struct {
    uint32_t                       magic;
    uint32_t                       layout;
    uint64_t                       word;
    uint64_t                       room;      /* bytes of a half's roster */
    uint64_t                       first;     /* offset of half 0's */
    ngx_atomic_t                   loads;     /* put in force */
    ngx_atomic_t                   failures;  /* looked at and refused */
    ngx_atomic_t                   behind;    /* the path leads elsewhere */
    ngx_atomic_t                   counts[SP_ROSTER_KINDS];
    int64_t                        mtime;     /* ns; of what is in force */
    pthread_mutex_t                lease;
    ngx_http_sallyport_file_id_t   id;        /* in force; under the mutex */
    ngx_http_sallyport_half_t      halves[2];
} ngx_http_sallyport_file_sh_t;


/* A file that was read: by the master, or by the lease holder's thread. */

typedef struct {
    sp_roster_t                   *roster;    /* NULL: refused */
    sp_roster_maker_t             *maker;     /* has the errors */
    sp_roster_info_t               info;
    ngx_http_sallyport_file_id_t   id;
    ngx_err_t                      err;       /* of the file itself, or 0 */
    const char                    *why;       /* it was not read, or NULL */
} ngx_http_sallyport_read_t;


typedef enum {
    NGX_HTTP_SALLYPORT_FILE_NONE = 0,
    NGX_HTTP_SALLYPORT_FILE_TAKEN,
    NGX_HTTP_SALLYPORT_FILE_REFUSED
} ngx_http_sallyport_file_news_t;


/* "news" is stored last, and tells whose the rest is: NONE the thread's. */

typedef struct {
    ngx_atomic_t                   leased;
    ngx_atomic_t                   news;
    ngx_http_sallyport_read_t     *read;

    /* of the thread alone */
    ngx_http_sallyport_file_id_t   seen;      /* by the look before */
    ngx_uint_t                     still;     /* looks that saw the same */
    ngx_http_sallyport_file_id_t   refused;   /* not tried again before */
    ngx_err_t                      refused_err;
    ngx_uint_t                     repeated;
    time_t                         again;     /* this second */
    time_t                         pause;     /* seconds */
} ngx_http_sallyport_file_watch_t;


struct ngx_http_sallyport_file_s {
    ngx_str_t                      path;
    ngx_uint_t                     number;    /* of smcf->stores */
    size_t                         size;      /* of the zone */
    ngx_http_sallyport_store_t    *store;
    ngx_http_sallyport_read_t     *read;      /* until it is in the zone */
    ngx_shm_zone_t                *shm_zone;
    ngx_slab_pool_t               *shpool;
    ngx_http_sallyport_file_sh_t  *sh;

    /* of the worker */
    uint64_t                       word;      /* seen last by its timer */
    ngx_http_sallyport_file_watch_t  *watch;
};


/* file_read.c. Any thread; 0, or why the file cannot be looked at. */
ngx_err_t ngx_http_sallyport_file_id(ngx_str_t *path,
    ngx_http_sallyport_file_id_t *id);

/* NULL: no memory. */
ngx_http_sallyport_read_t *ngx_http_sallyport_file_read(
    ngx_http_sallyport_file_t *file);
void ngx_http_sallyport_file_read_free(ngx_http_sallyport_read_t *read);
void ngx_http_sallyport_file_log(ngx_http_sallyport_file_t *file,
    ngx_http_sallyport_read_t *read, ngx_uint_t level, ngx_log_t *log);


/*
 * file_zone.c. Puts what was read in force; any thread, or the master.
 * "strict": not if a record's version would go back. NGX_DECLINED: read->why
 * or its errors say why not.
 */
ngx_int_t ngx_http_sallyport_file_switch(ngx_http_sallyport_file_t *file,
    ngx_http_sallyport_read_t *read, ngx_uint_t strict);

ngx_int_t ngx_http_sallyport_file_zone(ngx_conf_t *cf,
    ngx_http_sallyport_file_t *file);

/* file_watch.c: the thread. NGX_OK once it has ended. */
ngx_int_t ngx_http_sallyport_file_watch_start(
    ngx_http_sallyport_main_conf_t *smcf, ngx_log_t *log);
ngx_int_t ngx_http_sallyport_file_watch_stop(time_t wait);


#endif /* NGX_HTTP_SALLYPORT_FILE_H */

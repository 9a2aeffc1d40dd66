
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the layout of a policy zone and what the files of the
 * policy room share. Private to them.
 *
 * A zone belongs to one path and outlives reloads. It holds compiled policies
 * in slots. One word says which slot is in force; all workers, those that
 * drain and those that were born again too, read the same one. A worker that
 * looks into a slot says so in a row of its own before it looks:
 *
 *   worker                               whoever needs room
 *   ------                               ------------------
 *   reads the word                       (the word names another slot by now)
 *   stores its claim on that slot        reads all rows
 *   reads the word again: the same       a slot that a living worker claims
 *   -> the slot is its own to read       is left alone
 *
 * Stores and loads of both are sequentially consistent, so one of the two
 * sees the other. Whether a worker lives is told by a robust mutex in its row
 * that it holds all its life: the kernel gives it back when the process ends,
 * however it ends, so the dead claim nothing.
 *
 * One process has the lease of a zone, another such mutex, and follows the
 * pointer: a thread of its own looks, reads, compiles and fills a slot; the
 * event loop records the change and switches, by one store.
 *
 * Slots are chosen, filled and put in force under the zone's shpool->mutex,
 * which the master frees if a worker dies with it. A slot that is BUILT but
 * not in force is the lease holder's, or nobody's if that one is dead.
 */


#ifndef NGX_HTTP_SALLYPORT_POLICY_H
#define NGX_HTTP_SALLYPORT_POLICY_H


#include <pthread.h>

#include "sp_bundle.h"

#include "ngx_http_sallyport.h"


#define NGX_HTTP_SALLYPORT_POLICY_MAGIC    0x53505053u   /* "SPPS" */
#define NGX_HTTP_SALLYPORT_POLICY_LAYOUT   2             /* grows with each */
#define NGX_HTTP_SALLYPORT_POLICY_ZONE     (32 * 1024 * 1024)
#define NGX_HTTP_SALLYPORT_POLICY_ZONE_MIN (1024 * 1024)
#define NGX_HTTP_SALLYPORT_POLICY_SLOTS    16
#define NGX_HTTP_SALLYPORT_POLICY_ROWS     1024
#define NGX_HTTP_SALLYPORT_POLICY_KEYS     8192          /* bytes of keys= */
#define NGX_HTTP_SALLYPORT_POLICY_PATH     4096          /* PATH_MAX */


/*
 * What a path leads to: the file that it names in the end, and the directory
 * that this is in. Files inside may change: only the pointer counts.
 */

typedef struct {
    uint64_t                      dev;
    uint64_t                      ino;
    u_char                        real[NGX_HTTP_SALLYPORT_POLICY_PATH];
} ngx_http_sallyport_pointer_t;


typedef enum {
    NGX_HTTP_SALLYPORT_SLOT_FREE = 0,
    NGX_HTTP_SALLYPORT_SLOT_BUILT,
    NGX_HTTP_SALLYPORT_SLOT_USED         /* in force, now or before */
} ngx_http_sallyport_slot_state_t;


typedef struct {
    uint32_t                      state;
    uint32_t                      pad;
    uint64_t                      offset;    /* from the header */
    uint64_t                      room;      /* bytes taken there */
    u_char                        hash[SP_POLICY_HASH_LEN];
} ngx_http_sallyport_slot_t;


/* A worker's: a cache line. */
typedef struct {
    pthread_mutex_t               life;
    uint64_t                      held;      /* bits of slots */
    uint64_t                      pid;       /* for people who look */
} __attribute__((aligned(64))) ngx_http_sallyport_row_t;


/* "word" is generation << 8 | slot; 0: no policy is in force. */

typedef struct {
    uint32_t                      magic;
    uint32_t                      layout;
    uint64_t                      word;
    uint64_t                      pad[6];    /* the word has its own line */

    uint64_t                      size;      /* from the header to the end */
    uint64_t                      first;     /* offset of the first image */
    uint64_t                      generation;
    int64_t                       activated; /* unix seconds */
    uint64_t                      serial;    /* highest in force, signed */
    ngx_atomic_t                  loads;     /* put in force */
    ngx_atomic_t                  failures;  /* looked at and refused */
    ngx_atomic_t                  behind;    /* the pointer is elsewhere */
    ngx_atomic_t                  same;      /* of a candidate: verdicts */
    ngx_atomic_t                  allows;    /* like the one in force, and */
    ngx_atomic_t                  denies;    /* others, by what it says */
    ngx_atomic_t                  reasons;
    ngx_atomic_t                  open;      /* body was not read: no saying */
    pthread_mutex_t               lease;
    ngx_http_sallyport_pointer_t  pointer;   /* that is in force */
    ngx_http_sallyport_slot_t     slots[NGX_HTTP_SALLYPORT_POLICY_SLOTS];
    ngx_http_sallyport_row_t      rows[NGX_HTTP_SALLYPORT_POLICY_ROWS];
} ngx_http_sallyport_policy_sh_t;


/* A policy that was read: by the master, or by the lease holder's thread. */

typedef struct {
    sp_policy_t                  *image;     /* from malloc(); NULL: refused */
    ngx_http_sallyport_pointer_t  pointer;
    ngx_err_t                     err;       /* of the pointer itself, or 0 */
    uint64_t                      serial;    /* with keys= */
    sp_diags_t                    diags;
} ngx_http_sallyport_loaded_t;


typedef enum {
    NGX_HTTP_SALLYPORT_NEWS_NONE = 0,
    NGX_HTTP_SALLYPORT_NEWS_BUILT,           /* a slot is filled */
    NGX_HTTP_SALLYPORT_NEWS_SAME,            /* the same policy elsewhere */
    NGX_HTTP_SALLYPORT_NEWS_GONE,            /* a candidate was taken away */
    NGX_HTTP_SALLYPORT_NEWS_REFUSED,
    NGX_HTTP_SALLYPORT_NEWS_FULL             /* no room in the zone */
} ngx_http_sallyport_news_t;


/*
 * Between the thread and the event loop: "news" is stored last by whoever
 * hands over, and tells whose the rest is: NONE the thread's, else the loop's.
 */

typedef struct {
    ngx_atomic_t                  leased;    /* the thread looks after it */
    ngx_atomic_t                  news;
    ngx_uint_t                    slot;
    uint64_t                      generation;    /* when it was looked at */
    ngx_http_sallyport_loaded_t  *loaded;
    ngx_uint_t                    repeated;  /* refused as it was before */
    ngx_atomic_t                  unkept;    /* errno of its serial's file */
    time_t                        unkept_told;   /* of the loop */

    /* of the thread alone */
    ngx_http_sallyport_pointer_t  refused;   /* not tried again before */
    ngx_err_t                     refused_err;
    time_t                        again;     /* this second */
    time_t                        pause;     /* seconds */
    uint64_t                      kept;      /* serial, in sallyport_state */
} ngx_http_sallyport_watch_t;


/* One per path; in the cycle's pool. */

struct ngx_http_sallyport_policy_s {
    ngx_str_t                     path;
    ngx_str_t                     keys;      /* keys=, or empty */
    sp_signers_t                 *signers;   /* of keys=, or NULL */
    ngx_http_sallyport_policy_t  *candidate; /* candidate=, or NULL */
    ngx_uint_t                    optional;  /* unsigned  optional:1; */
    ngx_uint_t                    number;    /* in smcf->policies */
    ngx_uint_t                    regions;   /* all its gates know them */
    ngx_uint_t                    needs_regions;
    ngx_uint_t                    asked;     /* policy_regions() was called */
    size_t                        size;      /* of the zone */
    ngx_http_sallyport_main_conf_t  *smcf;
    ngx_http_sallyport_loaded_t  *loaded;    /* until it is in the zone */
    ngx_shm_zone_t               *shm_zone;
    ngx_slab_pool_t              *shpool;
    ngx_http_sallyport_policy_sh_t  *sh;

    /* of the worker */
    ngx_http_sallyport_row_t     *row;       /* NULL: images are copied */
    ngx_http_sallyport_edition_t *current;
    ngx_http_sallyport_edition_t *editions;  /* all that are held */
    ngx_http_sallyport_watch_t   *watch;
};


/* policy.c: reads the policy that "path" leads to. Any thread. */
void ngx_http_sallyport_policy_load(ngx_http_sallyport_policy_t *policy,
    ngx_http_sallyport_loaded_t *loaded);
void ngx_http_sallyport_policy_loaded_free(
    ngx_http_sallyport_loaded_t *loaded);

/* What the path leads to now; 0 or the error. Any thread. */
ngx_err_t ngx_http_sallyport_pointer_find(ngx_str_t *path,
    ngx_http_sallyport_pointer_t *pointer);
ngx_uint_t ngx_http_sallyport_pointer_same(
    const ngx_http_sallyport_pointer_t *a,
    const ngx_http_sallyport_pointer_t *b);


/* policy_zone.c */

ngx_int_t ngx_http_sallyport_policy_zone(ngx_conf_t *cf,
    ngx_http_sallyport_policy_t *policy);

/*
 * Under shpool->mutex: copies an image into a free slot. NGX_DECLINED: there
 * is none. "holder" is 1 for the holder of the lease.
 */
ngx_int_t ngx_http_sallyport_policy_build(ngx_http_sallyport_policy_t *policy,
    const sp_policy_t *image, ngx_uint_t holder, ngx_uint_t *slot);

/* Under shpool->mutex: the slot that was built is the policy from now on. */
void ngx_http_sallyport_policy_switch(ngx_http_sallyport_policy_t *policy,
    ngx_uint_t slot, ngx_http_sallyport_loaded_t *loaded);

/* A mutex that the kernel gives back if its owner dies; in shared memory. */
ngx_int_t ngx_http_sallyport_policy_mutex(pthread_mutex_t *mutex);

/* Takes a mutex whose owner may have died: NGX_OK, or NGX_BUSY. */
ngx_int_t ngx_http_sallyport_policy_take(pthread_mutex_t *mutex,
    ngx_uint_t *died);


/* serial.c: what sallyport_state remembers of policies with keys=. */

/* Into a new zone: the highest serial that was ever in force, or 0. */
ngx_int_t ngx_http_sallyport_serial_init(ngx_http_sallyport_policy_t *policy,
    ngx_log_t *log);

/* Writes the zone's, if it is higher than what is there; on a thread, too. */
ngx_err_t ngx_http_sallyport_serial_keep(ngx_http_sallyport_policy_t *policy);


/* policy_news.c: what the thread has found, in the event loop. */
void ngx_http_sallyport_policy_news(ngx_http_sallyport_policy_t *policy,
    ngx_log_t *log);


/* policy_watch.c: the thread of the lease holder. */

ngx_int_t ngx_http_sallyport_watch_start(
    ngx_http_sallyport_main_conf_t *smcf, ngx_log_t *log);

/* Asks it to end; NGX_OK once it has. "wait" in seconds, 0: not at all. */
ngx_int_t ngx_http_sallyport_watch_stop(time_t wait);


#endif /* NGX_HTTP_SALLYPORT_POLICY_H */

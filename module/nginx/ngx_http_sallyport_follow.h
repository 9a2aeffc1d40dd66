
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains files that are followed: databases and sets of keys that
 * others replace by renaming. A thread of each worker looks at them, reads a
 * new one and checks it; the event loop puts it in force, or keeps what it
 * has.
 */


#ifndef NGX_HTTP_SALLYPORT_FOLLOW_H
#define NGX_HTTP_SALLYPORT_FOLLOW_H


#include "ngx_http_sallyport.h"


#define NGX_HTTP_SALLYPORT_FOLLOW_ERR  512


typedef struct ngx_http_sallyport_follow_s  ngx_http_sallyport_follow_t;


/* What a name leads to: another file, or another state of it, is another. */
typedef struct {
    uint64_t                      dev;
    uint64_t                      ino;
    uint64_t                      size;
    uint64_t                      sec;
    uint64_t                      nsec;
    ngx_err_t                     err;
} ngx_http_sallyport_identity_t;


/* Reads the file anew: any thread. NULL, and a sentence in err: refused. */
typedef void *(*ngx_http_sallyport_follow_load_pt)(
    ngx_http_sallyport_follow_t *follow, char *err, size_t errlen);

/*
 * Puts what was read in force; returns what was in force, for drop(), or what
 * it was given, and a sentence in err: refused. Event loop only.
 */
typedef void *(*ngx_http_sallyport_follow_take_pt)(
    ngx_http_sallyport_follow_t *follow, void *made, char *err,
    size_t errlen);

/* Any thread. */
typedef void (*ngx_http_sallyport_follow_drop_pt)(void *made);


struct ngx_http_sallyport_follow_s {
    ngx_str_t                           file;
    const char                         *what;    /* "country database" */
    ngx_http_sallyport_follow_load_pt   load;
    ngx_http_sallyport_follow_take_pt   take;
    ngx_http_sallyport_follow_drop_pt   drop;
    void                               *data;
    ngx_http_sallyport_identity_t       identity;   /* of what is in force */
    ngx_uint_t                          behind;     /* the file is another */
    ngx_uint_t                          running;    /* in a worker */

    /* "news" is stored last: 0: the rest is the thread's, else the loop's */
    ngx_atomic_t                        news;
    void                               *made;       /* NULL: refused */
    void                               *old;        /* to be dropped */
    ngx_http_sallyport_identity_t       seen;
    char                                err[NGX_HTTP_SALLYPORT_FOLLOW_ERR];

    /* of the thread alone */
    ngx_uint_t                          refused;    /* "seen" is */
    time_t                              again;
    time_t                              pause;      /* seconds */
};


/*
 * While the configuration is read: loads "follow", whose file and calls are
 * set, and has it followed. NGX_ERROR after a message.
 */
ngx_int_t ngx_http_sallyport_follow_add(ngx_conf_t *cf,
    ngx_http_sallyport_main_conf_t *smcf,
    ngx_http_sallyport_follow_t *follow);

/* The thread; and before it what changed since the configuration was read. */
ngx_int_t ngx_http_sallyport_follow_init_process(ngx_cycle_t *cycle,
    ngx_http_sallyport_main_conf_t *smcf);
void ngx_http_sallyport_follow_exit_process(
    ngx_http_sallyport_main_conf_t *smcf);

/* Which files are not what is in force. */
size_t ngx_http_sallyport_follow_metrics_size(ngx_array_t *follows);
u_char *ngx_http_sallyport_follow_metrics(u_char *p, ngx_array_t *follows);


#endif /* NGX_HTTP_SALLYPORT_FOLLOW_H */


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the following of files. About every second a thread of
 * the worker looks whether a name leads to another file; if so, it reads and
 * checks that one, which may take as long as it likes, and hands it to the
 * event loop. What cannot be used is tried again after 1, 2, 4... 60 seconds,
 * and at once when the file is another. The thread calls nothing of nginx.
 */


#include "ngx_http_sallyport_follow.h"

#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>


#define NGX_HTTP_SALLYPORT_FOLLOW_TICK   250   /* ms, of the event loop */
#define NGX_HTTP_SALLYPORT_FOLLOW_PAUSE  1     /* s, between two looks */
#define NGX_HTTP_SALLYPORT_FOLLOW_LATER  60    /* s, at most */
#define NGX_HTTP_SALLYPORT_FOLLOW_END    5     /* s, for the thread */


static void ngx_http_sallyport_follow_identify(ngx_str_t *file,
    ngx_http_sallyport_identity_t *identity);
static ngx_uint_t ngx_http_sallyport_follow_same(
    const ngx_http_sallyport_identity_t *a,
    const ngx_http_sallyport_identity_t *b);
static void ngx_http_sallyport_follow_cleanup(void *data);
static ngx_int_t ngx_http_sallyport_follow_start(
    ngx_http_sallyport_main_conf_t *smcf, ngx_log_t *log);
static ngx_int_t ngx_http_sallyport_follow_stop(void);
static void *ngx_http_sallyport_follow_thread(void *data);
static void ngx_http_sallyport_follow_look(
    ngx_http_sallyport_follow_t *follow);
static void ngx_http_sallyport_follow_load(
    ngx_http_sallyport_follow_t *follow);
static void ngx_http_sallyport_follow_tick(ngx_event_t *ev);
static void ngx_http_sallyport_follow_take(
    ngx_http_sallyport_follow_t *follow, ngx_log_t *log);


/* Of this process. */

static ngx_event_t       ngx_http_sallyport_follow_timer;
static ngx_connection_t  ngx_http_sallyport_follow_conn;  /* for debug logs */

static struct {
    pthread_t                        thread;
    pthread_mutex_t                  mutex;
    pthread_cond_t                   cond;
    ngx_http_sallyport_main_conf_t  *smcf;
    ngx_uint_t                       running;
    ngx_uint_t                       stop;       /* under the mutex */
} ngx_http_sallyport_follower = {
    .mutex = PTHREAD_MUTEX_INITIALIZER
};


ngx_int_t
ngx_http_sallyport_follow_add(ngx_conf_t *cf,
    ngx_http_sallyport_main_conf_t *smcf, ngx_http_sallyport_follow_t *follow)
{
    void                          *made;
    ngx_pool_cleanup_t            *cln;
    ngx_http_sallyport_follow_t  **slot;

    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (cln == NULL) {
        return NGX_ERROR;
    }

    if (smcf->follows.elts == NULL
        && ngx_array_init(&smcf->follows, cf->pool, 4, sizeof(void *))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    slot = ngx_array_push(&smcf->follows);

    if (slot == NULL) {
        return NGX_ERROR;
    }

    *slot = follow;

    /* looked at first: what comes to stand there meanwhile is another file */

    ngx_http_sallyport_follow_identify(&follow->file, &follow->identity);

    made = follow->load(follow, follow->err, sizeof(follow->err));

    if (made == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%s \"%V\" cannot be used: %s", follow->what,
                           &follow->file, follow->err);
        return NGX_ERROR;
    }

    cln->handler = ngx_http_sallyport_follow_cleanup;
    cln->data = follow;

    (void) follow->take(follow, made, follow->err, sizeof(follow->err));

    return NGX_OK;
}


/* What is in force is had by giving nothing in its place. */

static void
ngx_http_sallyport_follow_cleanup(void *data)
{
    void                         *made;
    ngx_http_sallyport_follow_t  *follow;

    follow = data;
    made = follow->take(follow, NULL, follow->err, sizeof(follow->err));

    if (made != NULL) {
        follow->drop(made);
    }
}


static void
ngx_http_sallyport_follow_identify(ngx_str_t *file,
    ngx_http_sallyport_identity_t *identity)
{
    struct stat  st;

    ngx_memzero(identity, sizeof(ngx_http_sallyport_identity_t));

    if (stat((char *) file->data, &st) == -1) {
        identity->err = ngx_errno;
        return;
    }

    identity->dev = (uint64_t) st.st_dev;
    identity->ino = (uint64_t) st.st_ino;
    identity->size = (uint64_t) st.st_size;
    identity->sec = (uint64_t) st.st_mtim.tv_sec;
    identity->nsec = (uint64_t) st.st_mtim.tv_nsec;
}


static ngx_uint_t
ngx_http_sallyport_follow_same(const ngx_http_sallyport_identity_t *a,
    const ngx_http_sallyport_identity_t *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size
           && a->sec == b->sec && a->nsec == b->nsec && a->err == b->err;
}


/*
 * A worker that is born again has what the master read: it serves nobody yet,
 * and may read what is there now by itself.
 */

ngx_int_t
ngx_http_sallyport_follow_init_process(ngx_cycle_t *cycle,
    ngx_http_sallyport_main_conf_t *smcf)
{
    ngx_uint_t                     i;
    ngx_event_t                   *ev;
    ngx_http_sallyport_follow_t  **follows;

    if (smcf->follows.nelts == 0) {
        return NGX_OK;
    }

    follows = smcf->follows.elts;

    for (i = 0; i < smcf->follows.nelts; i++) {
        follows[i]->running = 1;
        ngx_http_sallyport_follow_look(follows[i]);
        ngx_http_sallyport_follow_take(follows[i], cycle->log);
    }

    ngx_http_sallyport_follow_conn.fd = (ngx_socket_t) -1;

    ev = &ngx_http_sallyport_follow_timer;
    ngx_memzero(ev, sizeof(ngx_event_t));
    ev->handler = ngx_http_sallyport_follow_tick;
    ev->data = &ngx_http_sallyport_follow_conn;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, NGX_HTTP_SALLYPORT_FOLLOW_TICK);

    return ngx_http_sallyport_follow_start(smcf, cycle->log);
}


void
ngx_http_sallyport_follow_exit_process(ngx_http_sallyport_main_conf_t *smcf)
{
    ngx_uint_t                     i;
    ngx_http_sallyport_follow_t   *follow;
    ngx_http_sallyport_follow_t  **follows;

    if (ngx_http_sallyport_follow_stop() != NGX_OK) {
        return;
    }

    follows = smcf->follows.elts;

    for (i = 0; i < smcf->follows.nelts; i++) {
        follow = follows[i];

        if (follow->made != NULL) {
            follow->drop(follow->made);
            follow->made = NULL;
        }

        if (follow->old != NULL) {
            follow->drop(follow->old);
            follow->old = NULL;
        }
    }
}


static ngx_int_t
ngx_http_sallyport_follow_start(ngx_http_sallyport_main_conf_t *smcf,
    ngx_log_t *log)
{
    int                 err;
    sigset_t            all, old;
    pthread_condattr_t  attr;

    if (pthread_condattr_init(&attr) != 0) {
        return NGX_ERROR;
    }

    err = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);

    if (err == 0) {
        err = pthread_cond_init(&ngx_http_sallyport_follower.cond, &attr);
    }

    (void) pthread_condattr_destroy(&attr);

    if (err) {
        return NGX_ERROR;
    }

    ngx_http_sallyport_follower.smcf = smcf;
    ngx_http_sallyport_follower.stop = 0;

    /* nginx's signals are for its own thread */

    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &old);

    err = pthread_create(&ngx_http_sallyport_follower.thread, NULL,
                         ngx_http_sallyport_follow_thread, NULL);

    (void) pthread_sigmask(SIG_SETMASK, &old, NULL);

    if (err) {
        ngx_log_error(NGX_LOG_ERR, log, err,
                      "sallyport: pthread_create() failed");
        return NGX_ERROR;
    }

    ngx_http_sallyport_follower.running = 1;

    return NGX_OK;
}


/* A thread that hangs in the disk ends with the process. */

static ngx_int_t
ngx_http_sallyport_follow_stop(void)
{
    struct timespec  until;

    if (!ngx_http_sallyport_follower.running) {
        return NGX_OK;
    }

    (void) pthread_mutex_lock(&ngx_http_sallyport_follower.mutex);
    ngx_http_sallyport_follower.stop = 1;
    (void) pthread_cond_signal(&ngx_http_sallyport_follower.cond);
    (void) pthread_mutex_unlock(&ngx_http_sallyport_follower.mutex);

    (void) clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += NGX_HTTP_SALLYPORT_FOLLOW_END;

    if (pthread_timedjoin_np(ngx_http_sallyport_follower.thread, NULL, &until)
        != 0)
    {
        return NGX_AGAIN;
    }

    ngx_http_sallyport_follower.running = 0;

    return NGX_OK;
}


static void *
ngx_http_sallyport_follow_thread(void *data)
{
    ngx_uint_t                       i;
    struct timespec                  until;
    ngx_http_sallyport_follow_t    **follows;
    ngx_http_sallyport_main_conf_t  *smcf;

    smcf = ngx_http_sallyport_follower.smcf;
    follows = smcf->follows.elts;

    (void) pthread_setname_np(pthread_self(), "sallyport-files");

    (void) pthread_mutex_lock(&ngx_http_sallyport_follower.mutex);

    while (!ngx_http_sallyport_follower.stop) {
        (void) clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += NGX_HTTP_SALLYPORT_FOLLOW_PAUSE;

        (void) pthread_cond_timedwait(&ngx_http_sallyport_follower.cond,
                                      &ngx_http_sallyport_follower.mutex,
                                      &until);

        (void) pthread_mutex_unlock(&ngx_http_sallyport_follower.mutex);

        for (i = 0; i < smcf->follows.nelts; i++) {
            ngx_http_sallyport_follow_look(follows[i]);
        }

        (void) pthread_mutex_lock(&ngx_http_sallyport_follower.mutex);
    }

    (void) pthread_mutex_unlock(&ngx_http_sallyport_follower.mutex);

    return NULL;
}


static void
ngx_http_sallyport_follow_look(ngx_http_sallyport_follow_t *follow)
{
    ngx_http_sallyport_identity_t  now;

    if (__atomic_load_n(&follow->news, __ATOMIC_ACQUIRE)) {
        return;
    }

    if (follow->old != NULL) {
        follow->drop(follow->old);
        follow->old = NULL;
    }

    ngx_http_sallyport_follow_identify(&follow->file, &now);

    if (ngx_http_sallyport_follow_same(&now, &follow->identity)) {
        follow->refused = 0;
        return;
    }

    if (follow->refused
        && ngx_http_sallyport_follow_same(&now, &follow->seen)
        && time(NULL) < follow->again)
    {
        return;
    }

    if (!follow->refused
        || !ngx_http_sallyport_follow_same(&now, &follow->seen))
    {
        follow->pause = 0;
    }

    follow->seen = now;

    ngx_http_sallyport_follow_load(follow);
}


static void
ngx_http_sallyport_follow_load(ngx_http_sallyport_follow_t *follow)
{
    follow->err[0] = '\0';
    follow->made = NULL;

    if (follow->seen.err == 0) {
        follow->made = follow->load(follow, follow->err, sizeof(follow->err));

    } else {
        (void) ngx_snprintf((u_char *) follow->err, sizeof(follow->err),
                            "%s%Z", strerror(follow->seen.err));
    }

    follow->refused = 1;         /* until the event loop has taken it */
    follow->pause = follow->pause ? 2 * follow->pause : 1;
    follow->pause = ngx_min(follow->pause, NGX_HTTP_SALLYPORT_FOLLOW_LATER);
    follow->again = time(NULL) + follow->pause;

    __atomic_store_n(&follow->news, 1, __ATOMIC_RELEASE);
}


static void
ngx_http_sallyport_follow_tick(ngx_event_t *ev)
{
    ngx_uint_t                       i;
    ngx_http_sallyport_follow_t    **follows;
    ngx_http_sallyport_main_conf_t  *smcf;

    smcf = ngx_http_sallyport_follower.smcf;
    follows = smcf->follows.elts;

    for (i = 0; i < smcf->follows.nelts; i++) {
        ngx_http_sallyport_follow_take(follows[i], ev->log);
    }

    if (!ngx_exiting) {
        ngx_add_timer(ev, NGX_HTTP_SALLYPORT_FOLLOW_TICK);
    }
}


/* The same refusal, tried again, is not told again; one worker speaks. */

static void
ngx_http_sallyport_follow_take(ngx_http_sallyport_follow_t *follow,
    ngx_log_t *log)
{
    ngx_uint_t  told;

    if (!__atomic_load_n(&follow->news, __ATOMIC_ACQUIRE)) {
        return;
    }

    told = (follow->pause > 1 || ngx_worker != 0);

    if (follow->made != NULL) {
        follow->old = follow->take(follow, follow->made, follow->err,
                                   sizeof(follow->err));

        if (follow->old != follow->made) {
            follow->identity = follow->seen;
            follow->behind = 0;
            follow->made = NULL;

            if (ngx_worker == 0) {
                ngx_log_error(NGX_LOG_NOTICE, log, 0,
                              "sallyport: %s \"%V\" is another one from now "
                              "on%s", follow->what, &follow->file,
                              follow->err);
            }

            goto done;
        }

        follow->made = NULL;
    }

    follow->behind = 1;

    if (!told) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "sallyport: %s \"%V\" has changed to what cannot be "
                      "used, the one in force stays: %s", follow->what,
                      &follow->file, follow->err);
    }

done:

    __atomic_store_n(&follow->news, 0, __ATOMIC_RELEASE);
}


size_t
ngx_http_sallyport_follow_metrics_size(ngx_array_t *follows)
{
    size_t                         len;
    ngx_uint_t                     i;
    ngx_http_sallyport_follow_t  **follow;

    len = 256;
    follow = follows->elts;

    for (i = 0; i < follows->nelts; i++) {
        len += 64 + 2 * follow[i]->file.len;
    }

    return len;
}


u_char *
ngx_http_sallyport_follow_metrics(u_char *p, ngx_array_t *follows)
{
    sp_str_t                       name;
    ngx_uint_t                     i;
    ngx_http_sallyport_follow_t  **follow;

    if (follows->nelts == 0) {
        return p;
    }

    p = ngx_http_sallyport_metrics_head(p, "sallyport_file_behind", "gauge",
                                        "1 if a file has changed to what "
                                        "cannot be used.");
    follow = follows->elts;

    for (i = 0; i < follows->nelts; i++) {
        name.data = follow[i]->file.data;
        name.len = follow[i]->file.len;

        p = ngx_cpymem(p, "sallyport_file_behind{file=\"",
                       sizeof("sallyport_file_behind{file=\"") - 1);
        p = ngx_http_sallyport_metrics_label(p, name);
        p = ngx_sprintf(p, "\"} %ui\n", follow[i]->behind);
    }

    return p;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the thread that follows the files of stores. It runs in
 * the worker that has a lease, and does all that may wait for a disk: it looks
 * where a path leads to, and when that is another file it reads it and puts
 * it in force, or refuses it. It logs nothing: the event loop does.
 */


#include "ngx_http_sallyport_file.h"

#include <signal.h>


#define NGX_HTTP_SALLYPORT_FILE_PAUSE  200    /* ms between two looks */
#define NGX_HTTP_SALLYPORT_FILE_STILL  10     /* looks; saved in place */
#define NGX_HTTP_SALLYPORT_FILE_LATER  60     /* s, at most, after refusals */


static void *ngx_http_sallyport_file_follow(void *data);
static void ngx_http_sallyport_file_look(ngx_http_sallyport_file_t *file);
static ngx_uint_t ngx_http_sallyport_file_due(
    ngx_http_sallyport_file_t *file, ngx_http_sallyport_file_id_t *force,
    ngx_http_sallyport_file_id_t *seen, ngx_err_t err);
static void ngx_http_sallyport_file_load(ngx_http_sallyport_file_t *file,
    ngx_http_sallyport_file_id_t *seen, ngx_err_t err);


#define ngx_http_sallyport_file_same(a, b)                                    \
    (memcmp((a), (b), sizeof(ngx_http_sallyport_file_id_t)) == 0)


/* One thread a process, for all files that it has the lease of. */

static struct {
    pthread_t                        thread;
    pthread_mutex_t                  mutex;
    pthread_cond_t                   cond;
    ngx_http_sallyport_main_conf_t  *smcf;
    ngx_uint_t                       running;
    ngx_uint_t                       stop;      /* under the mutex */
} ngx_http_sallyport_follower = {
    .mutex = PTHREAD_MUTEX_INITIALIZER
};


ngx_int_t
ngx_http_sallyport_file_watch_start(ngx_http_sallyport_main_conf_t *smcf,
    ngx_log_t *log)
{
    int                 err;
    sigset_t            all, old;
    pthread_condattr_t  attr;

    if (ngx_http_sallyport_follower.running) {
        return NGX_OK;
    }

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
                         ngx_http_sallyport_file_follow, NULL);

    (void) pthread_sigmask(SIG_SETMASK, &old, NULL);

    if (err) {
        ngx_log_error(NGX_LOG_ERR, log, err,
                      "sallyport: pthread_create() failed");
        (void) pthread_cond_destroy(&ngx_http_sallyport_follower.cond);
        return NGX_ERROR;
    }

    ngx_http_sallyport_follower.running = 1;

    return NGX_OK;
}


ngx_int_t
ngx_http_sallyport_file_watch_stop(time_t wait)
{
    int              err;
    struct timespec  until;

    if (!ngx_http_sallyport_follower.running) {
        return NGX_OK;
    }

    (void) pthread_mutex_lock(&ngx_http_sallyport_follower.mutex);
    ngx_http_sallyport_follower.stop = 1;
    (void) pthread_cond_signal(&ngx_http_sallyport_follower.cond);
    (void) pthread_mutex_unlock(&ngx_http_sallyport_follower.mutex);

    if (wait == 0) {
        err = pthread_tryjoin_np(ngx_http_sallyport_follower.thread, NULL);

    } else {
        (void) clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += wait;
        err = pthread_timedjoin_np(ngx_http_sallyport_follower.thread, NULL,
                                   &until);
    }

    if (err) {
        return NGX_AGAIN;
    }

    (void) pthread_cond_destroy(&ngx_http_sallyport_follower.cond);
    ngx_http_sallyport_follower.running = 0;

    return NGX_OK;
}


static void *
ngx_http_sallyport_file_follow(void *data)
{
    ngx_uint_t                       i;
    struct timespec                  until;
    ngx_http_sallyport_file_t       *file;
    ngx_http_sallyport_store_t     **stores;
    ngx_http_sallyport_main_conf_t  *smcf;

    smcf = ngx_http_sallyport_follower.smcf;
    stores = smcf->stores.elts;

    (void) pthread_mutex_lock(&ngx_http_sallyport_follower.mutex);

    while (!ngx_http_sallyport_follower.stop) {
        (void) pthread_mutex_unlock(&ngx_http_sallyport_follower.mutex);

        for (i = 0; i < smcf->stores.nelts; i++) {
            file = stores[i]->file;

            if (file != NULL && file->watch != NULL
                && __atomic_load_n(&file->watch->leased, __ATOMIC_ACQUIRE))
            {
                ngx_http_sallyport_file_look(file);
            }
        }

        (void) clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += NGX_HTTP_SALLYPORT_FILE_PAUSE * 1000000;

        if (until.tv_nsec >= 1000000000) {
            until.tv_nsec -= 1000000000;
            until.tv_sec++;
        }

        (void) pthread_mutex_lock(&ngx_http_sallyport_follower.mutex);

        if (!ngx_http_sallyport_follower.stop) {
            (void) pthread_cond_timedwait(&ngx_http_sallyport_follower.cond,
                                          &ngx_http_sallyport_follower.mutex,
                                          &until);
        }
    }

    (void) pthread_mutex_unlock(&ngx_http_sallyport_follower.mutex);

    return NULL;
}


static void
ngx_http_sallyport_file_look(ngx_http_sallyport_file_t *file)
{
    ngx_err_t                         err;
    ngx_http_sallyport_file_id_t      seen, force;
    ngx_http_sallyport_file_watch_t  *watch;

    watch = file->watch;

    if (__atomic_load_n(&watch->news, __ATOMIC_ACQUIRE)
        != NGX_HTTP_SALLYPORT_FILE_NONE)
    {
        return;
    }

    err = ngx_http_sallyport_file_id(&file->path, &seen);

    ngx_shmtx_lock(&file->shpool->mutex);
    force = file->sh->id;
    ngx_shmtx_unlock(&file->shpool->mutex);

    if (err == 0 && ngx_http_sallyport_file_same(&seen, &force)) {
        watch->pause = 0;
        file->sh->behind = 0;
        return;
    }

    file->sh->behind = 1;

    if (ngx_http_sallyport_file_due(file, &force, &seen, err)) {
        ngx_http_sallyport_file_load(file, &seen, err);
    }
}


/*
 * 1 if it is to be read now. What was refused is tried again after 1, 2, 4...
 * 60 seconds: a disk may come back. A file that is another one by now is read
 * at once; one that is being written to, when that is over.
 */

static ngx_uint_t
ngx_http_sallyport_file_due(ngx_http_sallyport_file_t *file,
    ngx_http_sallyport_file_id_t *force, ngx_http_sallyport_file_id_t *seen,
    ngx_err_t err)
{
    ngx_http_sallyport_file_watch_t  *watch;

    watch = file->watch;

    if (watch->pause != 0 && watch->refused_err == err
        && ngx_http_sallyport_file_same(seen, &watch->refused))
    {
        return time(NULL) >= watch->again;
    }

    if (err != 0) {
        watch->pause = 0;
        return 1;
    }

    watch->still = ngx_http_sallyport_file_same(seen, &watch->seen)
                   ? watch->still + 1 : 0;
    watch->seen = *seen;

    if (watch->still < NGX_HTTP_SALLYPORT_FILE_STILL
        && ((seen->dev == force->dev && seen->ino == force->ino)
            || (watch->pause != 0 && seen->dev == watch->refused.dev
                && seen->ino == watch->refused.ino)))
    {
        return 0;
    }

    watch->pause = 0;

    return 1;
}


static void
ngx_http_sallyport_file_load(ngx_http_sallyport_file_t *file,
    ngx_http_sallyport_file_id_t *seen, ngx_err_t err)
{
    ngx_http_sallyport_read_t        *read;
    ngx_http_sallyport_file_news_t    news;
    ngx_http_sallyport_file_watch_t  *watch;

    watch = file->watch;

    read = ngx_http_sallyport_file_read(file);
    if (read == NULL) {
        return;
    }

    news = NGX_HTTP_SALLYPORT_FILE_REFUSED;

    if (read->roster != NULL
        && ngx_http_sallyport_file_switch(file, read, 1) == NGX_OK)
    {
        news = NGX_HTTP_SALLYPORT_FILE_TAKEN;
    }

    watch->repeated = (watch->pause != 0);
    watch->read = read;

    if (news == NGX_HTTP_SALLYPORT_FILE_TAKEN) {
        watch->pause = 0;

    } else {
        (void) ngx_atomic_fetch_add(&file->sh->failures, 1);

        watch->refused = *seen;
        watch->refused_err = err;
        watch->pause = watch->pause ? 2 * watch->pause : 1;
        watch->pause = ngx_min(watch->pause, NGX_HTTP_SALLYPORT_FILE_LATER);
        watch->again = time(NULL) + watch->pause;
    }

    __atomic_store_n(&watch->news, news, __ATOMIC_RELEASE);
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the thread that follows pointers. It runs in the worker
 * that has a lease, and does all that may wait for a disk: it looks where a
 * path leads to, about every second, and when that is elsewhere it reads and
 * compiles the policy and copies it into a slot. It neither logs nor switches:
 * what it found it hands to the event loop.
 */


#include "ngx_http_sallyport_policy.h"

#include <signal.h>


#define NGX_HTTP_SALLYPORT_WATCH_PAUSE  1     /* s between two looks */
#define NGX_HTTP_SALLYPORT_WATCH_LATER  60    /* s, at most, after refusals */


static void *ngx_http_sallyport_watch(void *data);
static void ngx_http_sallyport_watch_look(
    ngx_http_sallyport_policy_t *policy);
static void ngx_http_sallyport_watch_keep(
    ngx_http_sallyport_policy_t *policy);
static void ngx_http_sallyport_watch_load(ngx_http_sallyport_policy_t *policy,
    ngx_http_sallyport_pointer_t *seen, ngx_err_t err);
static ngx_http_sallyport_news_t ngx_http_sallyport_watch_build(
    ngx_http_sallyport_policy_t *policy,
    ngx_http_sallyport_loaded_t *loaded);
static void ngx_http_sallyport_watch_refused(
    ngx_http_sallyport_watch_t *watch, ngx_http_sallyport_pointer_t *seen,
    ngx_err_t err);
static void ngx_http_sallyport_watch_done(ngx_http_sallyport_watch_t *watch,
    ngx_http_sallyport_news_t news);


/* One thread a process, for all policies that it has the lease of. */

static struct {
    pthread_t                        thread;
    pthread_mutex_t                  mutex;
    pthread_cond_t                   cond;
    ngx_http_sallyport_main_conf_t  *smcf;
    ngx_uint_t                       running;
    ngx_uint_t                       stop;      /* under the mutex */
} ngx_http_sallyport_watcher = {
    .mutex = PTHREAD_MUTEX_INITIALIZER
};


ngx_int_t
ngx_http_sallyport_watch_start(ngx_http_sallyport_main_conf_t *smcf,
    ngx_log_t *log)
{
    int                 err;
    sigset_t            all, old;
    pthread_condattr_t  attr;

    if (ngx_http_sallyport_watcher.running) {
        return NGX_OK;
    }

    if (pthread_condattr_init(&attr) != 0) {
        return NGX_ERROR;
    }

    err = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);

    if (err == 0) {
        err = pthread_cond_init(&ngx_http_sallyport_watcher.cond, &attr);
    }

    (void) pthread_condattr_destroy(&attr);

    if (err) {
        return NGX_ERROR;
    }

    ngx_http_sallyport_watcher.smcf = smcf;
    ngx_http_sallyport_watcher.stop = 0;

    /* nginx's signals are for its own thread */

    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &old);

    err = pthread_create(&ngx_http_sallyport_watcher.thread, NULL,
                         ngx_http_sallyport_watch, NULL);

    (void) pthread_sigmask(SIG_SETMASK, &old, NULL);

    if (err) {
        ngx_log_error(NGX_LOG_ERR, log, err,
                      "sallyport: pthread_create() failed");
        (void) pthread_cond_destroy(&ngx_http_sallyport_watcher.cond);
        return NGX_ERROR;
    }

    ngx_http_sallyport_watcher.running = 1;

    return NGX_OK;
}


ngx_int_t
ngx_http_sallyport_watch_stop(time_t wait)
{
    int              err;
    struct timespec  until;

    if (!ngx_http_sallyport_watcher.running) {
        return NGX_OK;
    }

    (void) pthread_mutex_lock(&ngx_http_sallyport_watcher.mutex);
    ngx_http_sallyport_watcher.stop = 1;
    (void) pthread_cond_signal(&ngx_http_sallyport_watcher.cond);
    (void) pthread_mutex_unlock(&ngx_http_sallyport_watcher.mutex);

    if (wait == 0) {
        err = pthread_tryjoin_np(ngx_http_sallyport_watcher.thread, NULL);

    } else {
        (void) clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += wait;
        err = pthread_timedjoin_np(ngx_http_sallyport_watcher.thread, NULL,
                                   &until);
    }

    if (err) {
        return NGX_AGAIN;
    }

    (void) pthread_cond_destroy(&ngx_http_sallyport_watcher.cond);
    ngx_http_sallyport_watcher.running = 0;

    return NGX_OK;
}


static void *
ngx_http_sallyport_watch(void *data)
{
    ngx_uint_t                       i;
    struct timespec                  until;
    ngx_http_sallyport_policy_t    **policies;
    ngx_http_sallyport_main_conf_t  *smcf;

    smcf = ngx_http_sallyport_watcher.smcf;
    policies = smcf->policies.elts;

    (void) pthread_mutex_lock(&ngx_http_sallyport_watcher.mutex);

    while (!ngx_http_sallyport_watcher.stop) {
        (void) pthread_mutex_unlock(&ngx_http_sallyport_watcher.mutex);

        for (i = 0; i < smcf->policies.nelts; i++) {
            if (__atomic_load_n(&policies[i]->watch->leased,
                                __ATOMIC_ACQUIRE))
            {
                ngx_http_sallyport_watch_look(policies[i]);
            }
        }

        (void) clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += NGX_HTTP_SALLYPORT_WATCH_PAUSE;

        (void) pthread_mutex_lock(&ngx_http_sallyport_watcher.mutex);

        if (!ngx_http_sallyport_watcher.stop) {
            (void) pthread_cond_timedwait(&ngx_http_sallyport_watcher.cond,
                                          &ngx_http_sallyport_watcher.mutex,
                                          &until);
        }
    }

    (void) pthread_mutex_unlock(&ngx_http_sallyport_watcher.mutex);

    return NULL;
}


static void
ngx_http_sallyport_watch_look(ngx_http_sallyport_policy_t *policy)
{
    ngx_err_t                        err;
    ngx_uint_t                       same, none;
    ngx_http_sallyport_watch_t      *watch;
    ngx_http_sallyport_pointer_t     seen;
    ngx_http_sallyport_policy_sh_t  *sh;

    sh = policy->sh;
    watch = policy->watch;

    if (__atomic_load_n(&watch->news, __ATOMIC_ACQUIRE)
        != NGX_HTTP_SALLYPORT_NEWS_NONE)
    {
        return;
    }

    ngx_http_sallyport_watch_keep(policy);

    err = ngx_http_sallyport_pointer_find(&policy->path, &seen);

    ngx_shmtx_lock(&policy->shpool->mutex);

    none = (sh->word == 0);
    same = !none && ngx_http_sallyport_pointer_same(&seen, &sh->pointer);
    watch->generation = sh->generation;

    ngx_shmtx_unlock(&policy->shpool->mutex);

    if (same && err == 0) {
        watch->pause = 0;
        sh->behind = 0;
        return;
    }

    if (err == NGX_ENOENT && policy->optional) {
        watch->pause = 0;

        if (!none) {
            ngx_http_sallyport_watch_done(watch,
                                          NGX_HTTP_SALLYPORT_NEWS_GONE);
        }

        return;
    }

    sh->behind = 1;

    if (watch->pause != 0 && watch->refused_err == err
        && ngx_http_sallyport_pointer_same(&seen, &watch->refused))
    {
        if (time(NULL) < watch->again) {
            return;
        }

    } else {
        watch->pause = 0;
    }

    ngx_http_sallyport_watch_load(policy, &seen, err);
}


static void
ngx_http_sallyport_watch_keep(ngx_http_sallyport_policy_t *policy)
{
    uint64_t                     serial;
    ngx_err_t                    err;
    ngx_http_sallyport_watch_t  *watch;

    watch = policy->watch;
    serial = __atomic_load_n(&policy->sh->serial, __ATOMIC_RELAXED);

    if (serial == watch->kept) {
        return;
    }

    err = ngx_http_sallyport_serial_keep(policy);

    if (err == 0) {
        watch->kept = serial;
    }

    __atomic_store_n(&watch->unkept, (ngx_atomic_uint_t) err,
                     __ATOMIC_RELEASE);
}


static void
ngx_http_sallyport_watch_load(ngx_http_sallyport_policy_t *policy,
    ngx_http_sallyport_pointer_t *seen, ngx_err_t err)
{
    ngx_http_sallyport_news_t     news;
    ngx_http_sallyport_watch_t   *watch;
    ngx_http_sallyport_loaded_t  *loaded;

    watch = policy->watch;

    loaded = malloc(sizeof(ngx_http_sallyport_loaded_t));
    if (loaded == NULL) {
        return;
    }

    ngx_http_sallyport_policy_load(policy, loaded);

    news = NGX_HTTP_SALLYPORT_NEWS_REFUSED;

    if (loaded->image != NULL) {
        news = ngx_http_sallyport_watch_build(policy, loaded);
    }

    watch->repeated = (watch->pause != 0);
    watch->loaded = loaded;

    if (news == NGX_HTTP_SALLYPORT_NEWS_REFUSED
        || news == NGX_HTTP_SALLYPORT_NEWS_FULL)
    {
        ngx_http_sallyport_watch_refused(watch, seen, err);

    } else {
        watch->pause = 0;
    }

    ngx_http_sallyport_watch_done(watch, news);
}


static ngx_http_sallyport_news_t
ngx_http_sallyport_watch_build(ngx_http_sallyport_policy_t *policy,
    ngx_http_sallyport_loaded_t *loaded)
{
    ngx_int_t                        rc;
    ngx_http_sallyport_policy_sh_t  *sh;

    sh = policy->sh;

    ngx_shmtx_lock(&policy->shpool->mutex);

    if (sh->word != 0
        && ngx_memcmp(sh->slots[sh->word & 0xff].hash,
                      sp_policy_hash(loaded->image), SP_POLICY_HASH_LEN)
           == 0)
    {
        ngx_shmtx_unlock(&policy->shpool->mutex);
        return NGX_HTTP_SALLYPORT_NEWS_SAME;
    }

    rc = ngx_http_sallyport_policy_build(policy, loaded->image, 1,
                                         &policy->watch->slot);

    ngx_shmtx_unlock(&policy->shpool->mutex);

    return rc == NGX_OK ? NGX_HTTP_SALLYPORT_NEWS_BUILT
                        : NGX_HTTP_SALLYPORT_NEWS_FULL;
}


/*
 * Tried again after 1, 2, 4... 60 seconds: a disk may come back, a file may
 * still have been written. A pointer that moves is looked at at once.
 */

static void
ngx_http_sallyport_watch_refused(ngx_http_sallyport_watch_t *watch,
    ngx_http_sallyport_pointer_t *seen, ngx_err_t err)
{
    watch->refused = *seen;
    watch->refused_err = err;
    watch->pause = watch->pause ? 2 * watch->pause : 1;
    watch->pause = ngx_min(watch->pause, NGX_HTTP_SALLYPORT_WATCH_LATER);
    watch->again = time(NULL) + watch->pause;
}


static void
ngx_http_sallyport_watch_done(ngx_http_sallyport_watch_t *watch,
    ngx_http_sallyport_news_t news)
{
    __atomic_store_n(&watch->news, news, __ATOMIC_RELEASE);
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the thread that moves lines from a lane's tail into its
 * files: it may wait for the disk as long as that takes, and the event loop
 * does not. It calls nothing of nginx.
 */


#include "ngx_http_sallyport_audit.h"

#include <fcntl.h>
#include <signal.h>


static void *ngx_http_sallyport_drain_run(void *data);
static ngx_err_t ngx_http_sallyport_drain_rest(
    ngx_http_sallyport_drain_t *drain);
static ngx_err_t ngx_http_sallyport_drain_half(
    ngx_http_sallyport_drain_t *drain, ngx_uint_t half);
static ngx_err_t ngx_http_sallyport_drain_open(
    ngx_http_sallyport_drain_t *drain, sp_tail_half_t *half);
static void ngx_http_sallyport_drain_ahead(
    ngx_http_sallyport_drain_t *drain);
static void ngx_http_sallyport_drain_close(
    ngx_http_sallyport_drain_t *drain);


ngx_http_sallyport_drain_t *
ngx_http_sallyport_drain_start(ngx_http_sallyport_audit_t *audit,
    ngx_log_t *log)
{
    int                          rc;
    sigset_t                     all, old;
    ngx_http_sallyport_lane_t   *lane;
    ngx_http_sallyport_drain_t  *drain;

    lane = &audit->lane;

    drain = ngx_calloc(sizeof(ngx_http_sallyport_drain_t), log);
    if (drain == NULL) {
        return NULL;
    }

    /* the tail's name without its end, and room for a segment's */

    drain->path = ngx_alloc(lane->path.len + 64, log);
    if (drain->path == NULL) {
        goto failed;
    }

    drain->path_len = lane->path.len - (sizeof("tail") - 1);
    ngx_memcpy(drain->path, lane->path.data, drain->path_len);

    drain->map = lane->tail;
    drain->ahead = audit->segment;
    drain->quota = audit->quota;
    drain->boot = audit->boot;
    drain->dir = (char *) audit->dir.data;
    drain->fd = -1;

    (void) pthread_mutex_init(&drain->mutex, NULL);
    (void) pthread_cond_init(&drain->cond, NULL);

    /* signals are for the event loop */

    sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &old);

    rc = pthread_create(&drain->thread, NULL, ngx_http_sallyport_drain_run,
                        drain);

    (void) pthread_sigmask(SIG_SETMASK, &old, NULL);

    if (rc == 0) {
        return drain;
    }

    ngx_log_error(NGX_LOG_ALERT, log, rc,
                  "sallyport: pthread_create() failed");

    (void) pthread_cond_destroy(&drain->cond);
    (void) pthread_mutex_destroy(&drain->mutex);
    ngx_free(drain->path);

failed:

    ngx_free(drain);

    return NULL;
}


ngx_int_t
ngx_http_sallyport_drain_stop(ngx_http_sallyport_drain_t *drain)
{
    ngx_err_t        err;
    struct timespec  until;

    (void) pthread_mutex_lock(&drain->mutex);
    drain->stop = 1;
    (void) pthread_cond_signal(&drain->cond);
    (void) pthread_mutex_unlock(&drain->mutex);

    (void) clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += NGX_HTTP_SALLYPORT_LANE_STOP;

    if (pthread_timedjoin_np(drain->thread, NULL, &until) != 0) {

        /* it hangs in the disk, and owns its memory until we are gone */

        return NGX_ERROR;
    }

    err = drain->err;

    (void) pthread_cond_destroy(&drain->cond);
    (void) pthread_mutex_destroy(&drain->mutex);
    ngx_free(drain->path);
    ngx_free(drain);

    return err ? NGX_ERROR : NGX_OK;
}


ngx_uint_t
ngx_http_sallyport_drain_free(ngx_http_sallyport_drain_t *drain)
{
    return __atomic_load_n(&drain->queued, __ATOMIC_ACQUIRE) == 0;
}


void
ngx_http_sallyport_drain_queue(ngx_http_sallyport_drain_t *drain,
    ngx_uint_t half)
{
    (void) pthread_mutex_lock(&drain->mutex);
    __atomic_store_n(&drain->queued, half + 1, __ATOMIC_RELEASE);
    (void) pthread_mutex_unlock(&drain->mutex);

    /* after it, so that who wakes need not wait for us */

    (void) pthread_cond_signal(&drain->cond);
}


void
ngx_http_sallyport_drain_kick(ngx_http_sallyport_drain_t *drain)
{
    (void) pthread_mutex_lock(&drain->mutex);
    drain->kicks++;
    (void) pthread_cond_signal(&drain->cond);
    (void) pthread_mutex_unlock(&drain->mutex);
}


/* After a failure it waits to be asked again. */

static void *
ngx_http_sallyport_drain_run(void *data)
{
    ngx_http_sallyport_drain_t *drain = data;

    ngx_err_t   err;
    ngx_uint_t  half, kicks, stop;

    kicks = 0;

    (void) pthread_setname_np(pthread_self(), "sallyport-audit");

    (void) pthread_mutex_lock(&drain->mutex);

    for ( ;; ) {

        while (!drain->stop
               && (drain->queued == 0
                   || (drain->err != 0 && drain->kicks == kicks)))
        {
            (void) pthread_cond_wait(&drain->cond, &drain->mutex);
        }

        half = drain->queued;
        kicks = drain->kicks;
        stop = drain->stop;

        (void) pthread_mutex_unlock(&drain->mutex);

        err = half ? ngx_http_sallyport_drain_half(drain, half - 1) : 0;

        if (stop && err == 0) {
            err = ngx_http_sallyport_drain_rest(drain);
        }

        (void) pthread_mutex_lock(&drain->mutex);

        __atomic_store_n(&drain->err, err, __ATOMIC_RELEASE);

        if (err == 0) {
            __atomic_store_n(&drain->queued, 0, __ATOMIC_RELEASE);
        }

        if (stop) {
            break;
        }
    }

    (void) pthread_mutex_unlock(&drain->mutex);

    ngx_http_sallyport_drain_close(drain);

    return NULL;
}


/*
 * Both halves, in the order of the lane: the older one may have been moved
 * long ago, and is still there. It is of the file that was open last, so that
 * nothing of it is missing; the other may be of the next.
 */

static ngx_err_t
ngx_http_sallyport_drain_rest(ngx_http_sallyport_drain_t *drain)
{
    ngx_err_t        err;
    ngx_uint_t       older;
    sp_tail_half_t  *h;

    h = ((sp_tail_t *) drain->map)->half;

    older = (h[1].segment < h[0].segment
             || (h[1].segment == h[0].segment && h[1].base < h[0].base));

    err = ngx_http_sallyport_drain_half(drain, older);

    return err ? err : ngx_http_sallyport_drain_half(drain, 1 - older);
}


/* Where it was interrupted is where the file ends. */

static ngx_err_t
ngx_http_sallyport_drain_half(ngx_http_sallyport_drain_t *drain,
    ngx_uint_t half)
{
    ngx_err_t        err;
    struct stat      sb;
    sp_tail_t       *tail;
    sp_tail_half_t  *h;
    sp_tail_rest_t   rest;

    tail = drain->map;
    h = &tail->half[half];

    if (h->used == 0) {
        return 0;
    }

    if (h->segment != drain->segment || drain->fd == -1) {
        err = ngx_http_sallyport_drain_open(drain, h);

        if (err) {
            return err;
        }
    }

    rest.segment = h->segment;
    rest.at = h->base;
    rest.len = (size_t) h->used;
    rest.data = sp_tail_lines(tail, (unsigned) half);

    if (fstat(drain->fd, &sb) == -1) {
        return errno;
    }

    /* removed, or written to by somebody else */

    if (sb.st_nlink == 0 || sb.st_size != drain->size
        || sp_tail_missing(&rest, (uint64_t) drain->size) != SP_OK)
    {
        __atomic_store_n(&drain->gone, 1, __ATOMIC_RELEASE);
        return sb.st_nlink == 0 ? ENOENT : EIO;
    }

    err = ngx_http_sallyport_fill_add(drain, rest.len);

    if (err) {
        return err;
    }

    if (ngx_http_sallyport_drain_append(drain->fd, rest.data, rest.len,
                                        &drain->size)
        == -1)
    {
        return errno;
    }

    return 0;
}


static ngx_err_t
ngx_http_sallyport_drain_open(ngx_http_sallyport_drain_t *drain,
    sp_tail_half_t *half)
{
    ngx_http_sallyport_drain_close(drain);

    (void) ngx_sprintf((u_char *) drain->path + drain->path_len,
                       "%uL.jsonl%Z", half->segment);

    drain->fd = open(drain->path,
                     O_CREAT|O_EXCL|O_APPEND|O_CLOEXEC|O_WRONLY, 0640);

    if (drain->fd == -1) {
        return errno;
    }

    drain->segment = half->segment;
    drain->size = 0;

    ngx_http_sallyport_drain_ahead(drain);

    return 0;
}


/*
 * Asks for the room of a whole segment, so that writing needs not look for
 * it; what is not used is given back at the end. Less will do, and so will
 * none: if the disk is full, the write will say so.
 */

static void
ngx_http_sallyport_drain_ahead(ngx_http_sallyport_drain_t *drain)
{
    off_t  len;

    for (len = drain->ahead; len >= SP_TAIL_SIZE; len /= 4) {

        if (fallocate(drain->fd, FALLOC_FL_KEEP_SIZE, 0, len) == 0
            || errno != ENOSPC)
        {
            return;
        }
    }
}


int
ngx_http_sallyport_drain_append(int fd, const u_char *data, size_t len,
    off_t *size)
{
    ssize_t  n;

    while (len != 0) {
        n = write(fd, data, len);

        if (n == -1 && errno == EINTR) {
            continue;
        }

        if (n <= 0) {
            errno = n ? errno : ENOSPC;
            return -1;
        }

        data += n;
        len -= (size_t) n;
        *size += n;
    }

    return 0;
}


/* Its own size again is what gives the rest of the room back. */

static void
ngx_http_sallyport_drain_close(ngx_http_sallyport_drain_t *drain)
{
    if (drain->fd == -1) {
        return;
    }

    if (ftruncate(drain->fd, drain->size) == -1) {

        /* only room is lost, and only until the file is removed */
    }

    (void) close(drain->fd);
    drain->fd = -1;
}

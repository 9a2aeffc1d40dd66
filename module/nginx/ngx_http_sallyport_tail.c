
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the files of tails. A tail is locked by the process that
 * writes it, for as long as it lives; one that is not locked belongs to a
 * dead one, and a worker that starts completes the lane with it.
 */


#include "ngx_http_sallyport_audit.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>


#define NGX_HTTP_SALLYPORT_TAIL_UNBORN  60    /* s that making one may take */


static ngx_err_t ngx_http_sallyport_tail_fill(int fd);
static void ngx_http_sallyport_tail_boot(ngx_http_sallyport_audit_t *audit,
    const char *boot, ngx_log_t *log);
static void ngx_http_sallyport_tail_unborn(const char *path);
static ngx_int_t ngx_http_sallyport_tail_complete(
    ngx_http_sallyport_audit_t *audit, const char *path, int fd,
    ngx_log_t *log);
static ngx_int_t ngx_http_sallyport_tail_rest(const char *path, void *map,
    ngx_log_t *log);


/*
 * Every byte is written once, so that its room on the disk is had for good:
 * a store into the mapping can then not fail.
 */

ngx_int_t
ngx_http_sallyport_tail_create(ngx_http_sallyport_audit_t *audit)
{
    void                       *map;
    u_char                     *p;
    char                        name[NGX_MAX_PATH];
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;

    p = ngx_sprintf(lane->path.data, "%V/%*s/lane-%ui.tail%Z", &audit->dir,
                    audit->boot->boot_len, audit->boot->boot, lane->number);
    lane->path.len = p - lane->path.data - 1;

    /* under another name until it is locked and whole */

    (void) ngx_snprintf((u_char *) name, sizeof(name), "%V.new%Z",
                        &lane->path);

    lane->tail_fd = open(name, O_CREAT|O_EXCL|O_CLOEXEC|O_RDWR, 0640);

    if (lane->tail_fd == NGX_INVALID_FILE) {
        lane->err = ngx_errno;
        return NGX_ERROR;
    }

    map = MAP_FAILED;

    if (flock(lane->tail_fd, LOCK_EX|LOCK_NB) == -1) {
        lane->err = ngx_errno;
        goto failed;
    }

    lane->err = ngx_http_sallyport_tail_fill(lane->tail_fd);

    if (lane->err) {
        goto failed;
    }

    map = mmap(NULL, SP_TAIL_SIZE, PROT_READ|PROT_WRITE,
               MAP_SHARED|MAP_POPULATE, lane->tail_fd, 0);

    if (map == MAP_FAILED) {
        lane->err = ngx_errno;
        goto failed;
    }

    sp_tail_init(map, lane->number);

    if (rename(name, (char *) lane->path.data) == -1) {
        lane->err = ngx_errno;
        (void) munmap(map, SP_TAIL_SIZE);
        goto failed;
    }

    lane->tail = map;

    return NGX_OK;

failed:

    (void) unlink(name);
    (void) close(lane->tail_fd);
    lane->tail_fd = NGX_INVALID_FILE;

    return NGX_ERROR;
}


static ngx_err_t
ngx_http_sallyport_tail_fill(int fd)
{
    off_t          size;

    static u_char  zeros[16384];

    for (size = 0; size < SP_TAIL_SIZE; /* void */ ) {

        if (ngx_http_sallyport_drain_append(fd, zeros,
                                            ngx_min(sizeof(zeros),
                                                    (size_t) (SP_TAIL_SIZE
                                                              - size)),
                                            &size)
            == -1)
        {
            return ngx_errno;
        }
    }

    return 0;
}


/* A tail that stays is found by the next worker that starts. */

void
ngx_http_sallyport_tail_close(ngx_http_sallyport_lane_t *lane,
    ngx_uint_t remove)
{
    if (lane->tail == NULL) {
        return;
    }

    if (remove && unlink((char *) lane->path.data) == -1
        && ngx_errno != NGX_ENOENT)
    {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, ngx_errno,
                      "sallyport: unlink() \"%V\" failed", &lane->path);
    }

    (void) munmap(lane->tail, SP_TAIL_SIZE);
    (void) close(lane->tail_fd);

    lane->tail = NULL;
    lane->tail_fd = NGX_INVALID_FILE;
}


/* In all boots: what was killed may have been nginx as a whole. */

void
ngx_http_sallyport_tail_adopt(ngx_http_sallyport_audit_t *audit,
    ngx_log_t *log)
{
    DIR            *dir;
    char            boot[NGX_MAX_PATH];
    struct dirent  *entry;

    dir = opendir((char *) audit->dir.data);

    if (dir == NULL) {
        return;
    }

    while ((entry = readdir(dir)) != NULL) {

        if (entry->d_name[0] == '.') {
            continue;
        }

        (void) ngx_snprintf((u_char *) boot, sizeof(boot), "%V/%s%Z",
                            &audit->dir, entry->d_name);
        boot[sizeof(boot) - 1] = '\0';

        ngx_http_sallyport_tail_boot(audit, boot, log);
    }

    (void) closedir(dir);
}


static void
ngx_http_sallyport_tail_boot(ngx_http_sallyport_audit_t *audit,
    const char *boot, ngx_log_t *log)
{
    int             fd;
    DIR            *dir;
    char            path[NGX_MAX_PATH];
    size_t          len;
    struct dirent  *entry;

    dir = opendir(boot);

    if (dir == NULL) {
        return;
    }

    while ((entry = readdir(dir)) != NULL) {
        len = ngx_strlen(entry->d_name);

        if (len < sizeof("lane-1.tail") - 1
            || ngx_strncmp(entry->d_name, "lane-", 5) != 0)
        {
            continue;
        }

        (void) ngx_snprintf((u_char *) path, sizeof(path), "%s/%s%Z", boot,
                            entry->d_name);
        path[sizeof(path) - 1] = '\0';

        if (ngx_strcmp(entry->d_name + len - 4, ".new") == 0) {
            ngx_http_sallyport_tail_unborn(path);
            continue;
        }

        if (ngx_strcmp(entry->d_name + len - 5, ".tail") != 0) {
            continue;
        }

        fd = open(path, O_CLOEXEC|O_RDWR|O_NOFOLLOW);

        if (fd == -1) {
            continue;
        }

        if (flock(fd, LOCK_EX|LOCK_NB) == 0
            && ngx_http_sallyport_tail_complete(audit, path, fd, log)
               == NGX_OK)
        {
            (void) unlink(path);
        }

        (void) close(fd);
    }

    (void) closedir(dir);
}


/* A worker was killed while it made one: no line has been in it. */

static void
ngx_http_sallyport_tail_unborn(const char *path)
{
    struct stat  sb;

    if (lstat(path, &sb) == 0 && S_ISREG(sb.st_mode)
        && ngx_time() - sb.st_mtime > NGX_HTTP_SALLYPORT_TAIL_UNBORN)
    {
        (void) unlink(path);
    }
}


static ngx_int_t
ngx_http_sallyport_tail_complete(ngx_http_sallyport_audit_t *audit,
    const char *path, int fd, ngx_log_t *log)
{
    void         *map;
    ngx_int_t     rc;
    sp_tail_t    *tail;
    struct stat   sb;

    if (fstat(fd, &sb) == -1 || sb.st_size != SP_TAIL_SIZE
        || sb.st_nlink == 0)
    {
        return NGX_ERROR;
    }

    map = mmap(NULL, SP_TAIL_SIZE, PROT_READ|PROT_WRITE, MAP_SHARED, fd, 0);

    if (map == MAP_FAILED) {
        return NGX_ERROR;
    }

    rc = NGX_ERROR;

    if (sp_tail_valid(map, SP_TAIL_SIZE)) {
        tail = map;
        rc = ngx_http_sallyport_tail_rest(path, map, log);

        if (rc == NGX_OK) {
            rc = ngx_http_sallyport_flood_adopt(audit, tail);
        }

        if (rc == NGX_OK) {
            (void) ngx_atomic_fetch_add(&audit->boot->refused, tail->refused);
            (void) ngx_atomic_fetch_add(&audit->boot->served, tail->served);
        }

    } else {
        ngx_log_error(NGX_LOG_CRIT, log, 0,
                      "sallyport: \"%s\" is not the tail of a lane", path);
    }

    (void) munmap(map, SP_TAIL_SIZE);

    return rc;
}


static ngx_int_t
ngx_http_sallyport_tail_rest(const char *path, void *map, ngx_log_t *log)
{
    int             fd;
    char            name[NGX_MAX_PATH];
    off_t           size;
    size_t          moved;
    unsigned        i, n;
    ngx_int_t       rc;
    sp_tail_rest_t  rest[2];

    n = sp_tail_halves(map, rest);
    moved = 0;

    for (i = 0; i < n; i++) {

        (void) ngx_snprintf((u_char *) name, sizeof(name), "%*s%uL.jsonl%Z",
                            ngx_strlen(path) - (sizeof("tail") - 1), path,
                            rest[i].segment);
        name[sizeof(name) - 1] = '\0';

        fd = open(name, O_CREAT|O_APPEND|O_CLOEXEC|O_WRONLY|O_NOFOLLOW,
                  0640);

        if (fd == -1) {
            goto failed;
        }

        size = lseek(fd, 0, SEEK_END);
        rc = NGX_OK;

        if (size == -1 || sp_tail_missing(&rest[i], (uint64_t) size) != SP_OK)
        {
            errno = EIO;
            rc = NGX_ERROR;

        } else if (ngx_http_sallyport_drain_append(fd, rest[i].data,
                                                   rest[i].len, &size)
                   == -1)
        {
            rc = NGX_ERROR;

        } else {
            moved += rest[i].len;

            /* its own size again: the room that it had asked for is free */

            if (ftruncate(fd, size) == -1) {
                size = 0;
            }
        }

        if (rc != NGX_OK) {
            (void) close(fd);
            goto failed;
        }

        (void) close(fd);
    }

    ngx_log_error(NGX_LOG_NOTICE, log, 0,
                  "sallyport: %uz bytes of \"%s\" were moved to where they "
                  "belong: its worker was killed", moved, path);

    return NGX_OK;

failed:

    ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                  "sallyport: lines of \"%s\" cannot be moved to \"%s\" now",
                  path, name);

    return NGX_ERROR;
}

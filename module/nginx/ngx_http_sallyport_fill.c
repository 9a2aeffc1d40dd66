
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains how full the audit directory is: the quota, and warnings
 * while there is time. Counting is done on a lane's thread, for all workers.
 */


#include "ngx_http_sallyport_audit.h"

#include <dirent.h>
#include <sys/statvfs.h>


#define NGX_HTTP_SALLYPORT_FILL_EVERY  60       /* s between counts */
#define NGX_HTTP_SALLYPORT_FILL_SOON   5        /* the same while it is full */
#define NGX_HTTP_SALLYPORT_FILL_WARN   700      /* of 1000 */
#define NGX_HTTP_SALLYPORT_FILL_LEFT   86400    /* s */


static void ngx_http_sallyport_fill_count(ngx_http_sallyport_drain_t *drain,
    time_t every);
static uint64_t ngx_http_sallyport_fill_bytes(const char *dir,
    ngx_uint_t deep);


ngx_err_t
ngx_http_sallyport_fill_add(ngx_http_sallyport_drain_t *drain, size_t len)
{
    ngx_http_sallyport_boot_t  *boot;

    boot = drain->boot;

    ngx_http_sallyport_fill_count(drain, NGX_HTTP_SALLYPORT_FILL_EVERY);

    if (drain->quota && (off_t) (boot->bytes + len) > drain->quota) {

        /* some of it may have been taken away since */

        ngx_http_sallyport_fill_count(drain, NGX_HTTP_SALLYPORT_FILL_SOON);

        if ((off_t) (boot->bytes + len) > drain->quota) {
            boot->permille = 1000;
            return EDQUOT;
        }
    }

    (void) ngx_atomic_fetch_add(&boot->bytes, len);

    return 0;
}


/* One thread of one worker at a time, whichever comes first. */

static void
ngx_http_sallyport_fill_count(ngx_http_sallyport_drain_t *drain, time_t every)
{
    time_t                      now;
    uint64_t                    bytes, room, all, grown, quota;
    struct statvfs              fs;
    ngx_atomic_uint_t           last;
    ngx_http_sallyport_boot_t  *boot;

    boot = drain->boot;
    now = time(NULL);
    last = boot->counted;

    if ((last != 0 && now - (time_t) last < every)
        || !ngx_atomic_cmp_set(&boot->counted, last,
                               (ngx_atomic_uint_t) now))
    {
        return;
    }

    bytes = ngx_http_sallyport_fill_bytes(drain->dir, 2);
    boot->bytes = bytes;

    if (statvfs(drain->dir, &fs) == -1) {
        return;
    }

    room = (uint64_t) fs.f_bavail * fs.f_frsize;
    all = (uint64_t) fs.f_blocks * fs.f_frsize;

    if (drain->quota) {
        all = (uint64_t) drain->quota;
        quota = bytes < all ? all - bytes : 0;
        room = ngx_min(room, quota);
    }

    boot->permille = (all <= room) ? 0
                     : (ngx_atomic_uint_t) ((all - room) * 1000 / all);

    grown = boot->counted_bytes && bytes > boot->counted_bytes
            ? bytes - boot->counted_bytes : 0;

    boot->left = 0;

    if (last != 0 && grown != 0) {
        boot->left = (ngx_atomic_uint_t) (room / grown
                                          * (uint64_t) (now - (time_t) last));
        boot->left += (boot->left == 0);
    }

    boot->counted_bytes = bytes;
}


/* Files of a directory and, "deep" levels down, of those in it. */

static uint64_t
ngx_http_sallyport_fill_bytes(const char *dir, ngx_uint_t deep)
{
    DIR            *d;
    char            path[NGX_MAX_PATH];
    uint64_t        bytes;
    struct stat     sb;
    struct dirent  *entry;

    d = opendir(dir);

    if (d == NULL) {
        return 0;
    }

    bytes = 0;

    while ((entry = readdir(d)) != NULL) {

        if (strcmp(entry->d_name, ".") == 0
            || strcmp(entry->d_name, "..") == 0
            || snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name)
               >= (int) sizeof(path)
            || lstat(path, &sb) == -1)
        {
            continue;
        }

        if (S_ISREG(sb.st_mode)) {
            bytes += (uint64_t) sb.st_size;

        } else if (S_ISDIR(sb.st_mode) && deep > 0) {
            bytes += ngx_http_sallyport_fill_bytes(path, deep - 1);
        }
    }

    (void) closedir(d);

    return bytes;
}


void
ngx_http_sallyport_fill_warn(ngx_http_sallyport_audit_t *audit)
{
    time_t                      now;
    ngx_atomic_uint_t           permille, left;
    ngx_http_sallyport_lane_t  *lane;

    lane = &audit->lane;
    now = ngx_time();
    permille = audit->boot->permille;
    left = audit->boot->left;

    if ((permille < NGX_HTTP_SALLYPORT_FILL_WARN
         && (left == 0 || left >= NGX_HTTP_SALLYPORT_FILL_LEFT))
        || (lane->warned && now - lane->warned < 3600))
    {
        return;
    }

    lane->warned = now;

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "sallyport: the %s of audit directory \"%V\" is %uA%% "
                  "used%s", audit->quota ? "quota" : "disk", &audit->dir,
                  permille / 10,
                  (left && left < NGX_HTTP_SALLYPORT_FILL_LEFT)
                  ? ", and at this rate full within 24 hours" : "");
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the reading of a store's file, by the master or by a
 * thread, and what is logged of it. The reading calls nothing of nginx.
 */


#include "ngx_http_sallyport_file.h"

#include <sys/random.h>


static const char *ngx_http_sallyport_file_feed(int fd,
    ngx_http_sallyport_read_t *read);
static void ngx_http_sallyport_file_stat(const struct stat *st,
    ngx_http_sallyport_file_id_t *id);


ngx_err_t
ngx_http_sallyport_file_id(ngx_str_t *path, ngx_http_sallyport_file_id_t *id)
{
    struct stat  st;

    memset(id, 0, sizeof(ngx_http_sallyport_file_id_t));

    if (stat((char *) path->data, &st) == -1) {
        return errno;
    }

    ngx_http_sallyport_file_stat(&st, id);

    return 0;
}


static void
ngx_http_sallyport_file_stat(const struct stat *st,
    ngx_http_sallyport_file_id_t *id)
{
    memset(id, 0, sizeof(ngx_http_sallyport_file_id_t));

    id->dev = st->st_dev;
    id->ino = st->st_ino;
    id->size = (uint64_t) st->st_size;
    id->mtime = (int64_t) st->st_mtim.tv_sec * 1000000000
                + st->st_mtim.tv_nsec;
}


ngx_http_sallyport_read_t *
ngx_http_sallyport_file_read(ngx_http_sallyport_file_t *file)
{
    int                         fd;
    u_char                      key[16];
    ngx_http_sallyport_read_t  *read;

    read = calloc(1, sizeof(ngx_http_sallyport_read_t));
    if (read == NULL) {
        return NULL;
    }

    if (getrandom(key, sizeof(key), 0) != sizeof(key)) {
        read->err = errno;
        read->why = "getrandom() failed";
        return read;
    }

    /* a pipe must not hang whoever opens it */

    fd = open((char *) file->path.data, O_RDONLY|O_CLOEXEC|O_NONBLOCK);

    if (fd == -1) {
        read->err = errno;
        read->why = "it cannot be opened";
        return read;
    }

    read->maker = sp_roster_begin(key);

    if (read->maker == NULL) {
        read->why = "there is no memory for it";

    } else {
        read->why = ngx_http_sallyport_file_feed(fd, read);
    }

    (void) close(fd);

    if (read->why == NULL) {
        read->roster = sp_roster_end(read->maker);

        if (read->roster != NULL) {
            sp_roster_info(read->roster, &read->info);
        }
    }

    return read;
}


/* NULL, or why not all of it came, or came as it was at one moment. */

static const char *
ngx_http_sallyport_file_feed(int fd, ngx_http_sallyport_read_t *file)
{
    ssize_t                        n;
    u_char                         buf[65536];
    struct stat                    st;
    ngx_http_sallyport_file_id_t   after;

    if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
        return "it is no regular file";
    }

    ngx_http_sallyport_file_stat(&st, &file->id);

    for ( ;; ) {
        n = read(fd, buf, sizeof(buf));

        if (n == 0) {
            break;
        }

        if (n == -1) {

            if (errno == EINTR) {
                continue;
            }

            file->err = errno;
            return "it cannot be read";
        }

        sp_roster_feed(file->maker, buf, (size_t) n);
    }

    if (fstat(fd, &st) == -1) {
        file->err = errno;
        return "it cannot be looked at";
    }

    ngx_http_sallyport_file_stat(&st, &after);

    return memcmp(&after, &file->id, sizeof(after)) == 0
           ? NULL : "it was written to while it was read";
}


void
ngx_http_sallyport_file_read_free(ngx_http_sallyport_read_t *read)
{
    if (read != NULL) {
        sp_roster_free(read->maker);
        free(read->roster);
        free(read);
    }
}


void
ngx_http_sallyport_file_log(ngx_http_sallyport_file_t *file,
    ngx_http_sallyport_read_t *read, ngx_uint_t level, ngx_log_t *log)
{
    ngx_uint_t                  i;
    const sp_roster_error_t    *error;
    const sp_roster_errors_t   *errors;

    errors = read->maker != NULL ? sp_roster_errors(read->maker) : NULL;

    if (read->why != NULL) {
        ngx_log_error(level, log, read->err, "sallyport: %V: %s", &file->path,
                      read->why);
        return;
    }

    for (i = 0; errors != NULL && i < errors->n; i++) {
        error = &errors->items[i];

        if (error->col != 0) {
            ngx_log_error(level, log, 0, "sallyport: %V:%ui:%ui: %s",
                          &file->path, (ngx_uint_t) error->line,
                          (ngx_uint_t) error->col, error->text);

        } else {
            ngx_log_error(level, log, 0, "sallyport: %V:%ui: %s", &file->path,
                          (ngx_uint_t) error->line, error->text);
        }
    }

    if (errors != NULL && errors->total != 0) {

        if (errors->total > errors->n) {
            ngx_log_error(level, log, 0, "sallyport: %V: and %ui errors more",
                          &file->path,
                          (ngx_uint_t) (errors->total - errors->n));
        }

        return;
    }

    ngx_log_error(level, log, 0,
                  "sallyport: store \"file:%V\": %uD keys, %uD accounts and "
                  "%uD customers are in force", &file->path,
                  read->info.counts[SP_ROSTER_KEY],
                  read->info.counts[SP_ROSTER_ACCOUNT],
                  read->info.counts[SP_ROSTER_CUSTOMER]);

    if (read->info.orphans != 0) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "sallyport: %V:%uD: %uD keys, of which this is the "
                      "first, are of accounts that are not there, and are "
                      "refused", &file->path, read->info.orphan,
                      read->info.orphans);
    }
}

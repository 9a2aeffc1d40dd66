
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the copying of a database into memory of this process,
 * so that nobody who writes over the file can change or end it.
 */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE  1   /* memfd_create() */
#endif

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sp_geo_flat.h"


#define SP_GEO_FILE_MAX  ((off_t) 1 << 31)


static int sp_geo_copy_bytes(int from, int to);


int
sp_geo_copy(const char *file, char *err, size_t errlen)
{
    int          from, to;
    struct stat  st;

    from = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (from == -1) {
        (void) snprintf(err, errlen, "\"%s\" cannot be opened: %s",
                        file, strerror(errno));
        return -1;
    }

    if (fstat(from, &st) == -1 || S_ISREG(st.st_mode) == 0
        || st.st_size > SP_GEO_FILE_MAX)
    {
        (void) close(from);
        (void) snprintf(err, errlen, "\"%s\" is no regular file "
                        "of at most 2 GiB", file);
        return -1;
    }

    to = memfd_create("sallyport-geo", MFD_CLOEXEC);

    if (to == -1 || sp_geo_copy_bytes(from, to) == -1) {
        (void) snprintf(err, errlen, "\"%s\" cannot be read into "
                        "memory: %s", file, strerror(errno));

        if (to != -1) {
            (void) close(to);
        }

        to = -1;
    }

    (void) close(from);

    return to;
}


static int
sp_geo_copy_bytes(int from, int to)
{
    off_t    total;
    char    *p, buf[65536];
    ssize_t  n, w;

    for (total = 0; total <= SP_GEO_FILE_MAX; /* void */) {
        n = read(from, buf, sizeof(buf));

        if (n == -1 && errno == EINTR) {
            continue;
        }

        if (n <= 0) {
            return (int) n;
        }

        total += n;

        for (p = buf; n > 0; p += w, n -= w) {
            w = write(to, p, (size_t) n);

            if (w == -1 && errno == EINTR) {
                w = 0;

            } else if (w == -1) {
                return -1;
            }
        }
    }

    errno = EFBIG;

    return -1;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains a disk at its worst, to be preloaded: write() to an audit
 * file does what the first word of the file $SALLYPORT_DISK says. "slow MS"
 * waits before, "short" writes half of it, "error" is EIO, "full" is ENOSPC.
 */


#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>


static int disk_audit(int fd);


ssize_t
write(int fd, const void *buf, size_t n)
{
    int              ms;
    char             word[16];
    FILE            *f;
    const char      *name;
    struct timespec  ts;

    static ssize_t  (*real)(int, const void *, size_t);

    if (real == NULL) {
        real = (ssize_t (*)(int, const void *, size_t))
               dlsym(RTLD_NEXT, "write");
    }

    name = getenv("SALLYPORT_DISK");

    if (name == NULL || !disk_audit(fd)) {
        return real(fd, buf, n);
    }

    f = fopen(name, "r");

    if (f == NULL) {
        return real(fd, buf, n);
    }

    ms = 0;
    word[0] = '\0';

    if (fscanf(f, "%15s %d", word, &ms) < 1) {
        word[0] = '\0';
    }

    (void) fclose(f);

    if (strcmp(word, "slow") == 0) {
        ts.tv_sec = ms / 1000;
        ts.tv_nsec = (long) (ms % 1000) * 1000000;
        (void) nanosleep(&ts, NULL);

    } else if (strcmp(word, "short") == 0) {
        return real(fd, buf, n > 1 ? n / 2 : n);

    } else if (strcmp(word, "error") == 0 || strcmp(word, "full") == 0) {
        errno = word[0] == 'e' ? EIO : ENOSPC;
        return -1;
    }

    return real(fd, buf, n);
}


/* 1 for the file of a lane, whatever it is called by whom. */

static int
disk_audit(int fd)
{
    char     link[64], path[4096];
    ssize_t  n;

    (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof(path) - 1);

    if (n < 6) {
        return 0;
    }

    path[n] = '\0';

    return strcmp(path + n - 6, ".jsonl") == 0;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the stored hashes of the audit log's tree in a file.
 */


#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "seal.h"


sp_rc_t
sp_tree_file_open(sp_tree_file_t *file, const char *dir, uint64_t size,
    int write)
{
    size_t       len;
    uint64_t     bytes;
    struct stat  st;

    memset(file, 0, sizeof(*file));
    len = strlen(dir) + sizeof("/tree");
    file->path = sp_cli_alloc(len);
    (void) snprintf(file->path, len, "%s/tree", dir);

    bytes = sp_tree_stored(size) * SP_HASH_LEN;
    file->fd = open(file->path, (write ? O_RDWR|O_CREAT : O_RDONLY)|O_CLOEXEC,
                    0640);

    if (file->fd == -1 || fstat(file->fd, &st) != 0) {
        sp_cli_error("cannot open '%s': %s", file->path, strerror(errno));
        goto failed;
    }

    if ((uint64_t) st.st_size < bytes) {
        sp_cli_error("'%s' has %llu bytes, a tree of %llu lines has %llu",
                     file->path, (unsigned long long) st.st_size,
                     (unsigned long long) size, (unsigned long long) bytes);
        goto failed;
    }

    if (write && ftruncate(file->fd, (off_t) bytes) != 0) {
        sp_cli_error("cannot write '%s': %s", file->path, strerror(errno));
        goto failed;
    }

    file->written = sp_tree_stored(size);

    if (sp_tree_load(&file->tree, size, sp_tree_file_read, file) != SP_OK) {
        sp_cli_error("cannot read '%s'", file->path);
        goto failed;
    }

    return SP_OK;

failed:

    sp_tree_file_close(file);

    return SP_ERROR;
}


void
sp_tree_file_add(sp_tree_file_t *file, const unsigned char *leaf)
{
    unsigned       n;
    unsigned char  hashes[SP_TREE_LEVELS + 1][SP_HASH_LEN];

    n = sp_tree_append(&file->tree, leaf, hashes);

    if (file->ntail + n > file->room) {
        file->room = 2 * file->room + 1024;
        file->tail = realloc(file->tail, file->room * SP_HASH_LEN);

        if (file->tail == NULL) {
            sp_cli_error("no memory for the tree");
            exit(SP_CLI_REFUSED);
        }
    }

    memcpy(file->tail + file->ntail * SP_HASH_LEN, hashes,
           (size_t) n * SP_HASH_LEN);
    file->ntail += n;
}


sp_rc_t
sp_tree_file_flush(sp_tree_file_t *file)
{
    size_t   len, done;
    ssize_t  n;

    len = file->ntail * SP_HASH_LEN;

    for (done = 0; done < len; done += (size_t) n) {
        n = pwrite(file->fd, file->tail + done, len - done,
                   (off_t) (file->written * SP_HASH_LEN + done));

        if (n == -1 && errno == EINTR) {
            n = 0;

        } else if (n <= 0) {
            sp_cli_error("cannot write '%s': %s", file->path,
                         strerror(n == 0 ? ENOSPC : errno));
            return SP_ERROR;
        }
    }

    if (fdatasync(file->fd) != 0) {
        sp_cli_error("cannot put '%s' on the disk: %s", file->path,
                     strerror(errno));
        return SP_ERROR;
    }

    file->written += file->ntail;
    file->ntail = 0;

    return SP_OK;
}


void
sp_tree_file_close(sp_tree_file_t *file)
{
    if (file->fd != -1) {
        (void) close(file->fd);
    }

    free(file->path);
    free(file->tail);
    memset(file, 0, sizeof(*file));
    file->fd = -1;
}


sp_rc_t
sp_tree_file_read(void *ctx, uint64_t at, unsigned char hash[SP_HASH_LEN])
{
    sp_tree_file_t  *file = ctx;

    if (pread(file->fd, hash, SP_HASH_LEN, (off_t) (at * SP_HASH_LEN))
        != SP_HASH_LEN)
    {
        return SP_ERROR;
    }

    return SP_OK;
}

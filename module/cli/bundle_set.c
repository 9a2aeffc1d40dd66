
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains a policy's set of files, read into memory once: what is
 * hashed, signed and copied are the same bytes.
 */


#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/sha.h>

#include "bundle.h"


#define SP_SET_TESTS  "_test.yaml"


static sp_rc_t sp_set_walk(sp_set_t *set, const char *dir, const char *below,
    int depth);
static sp_rc_t sp_set_entry(sp_set_t *set, const char *dir, const char *name,
    int depth);
static sp_rc_t sp_set_add(sp_set_t *set, const char *path, const char *name);
static int sp_set_by_name(const struct dirent **one,
    const struct dirent **two);
static void sp_set_sort(sp_set_t *set);
static sp_rc_t sp_set_parents(const char *dir, const char *name);
static sp_rc_t sp_set_put(const char *dir, const char *name,
    const unsigned char *data, size_t len);


sp_rc_t
sp_set_read(sp_set_t *set, const char *dir)
{
    memset(set, 0, sizeof(*set));

    if (sp_set_walk(set, dir, "", 0) != SP_OK) {
        return SP_ERROR;
    }

    sp_set_sort(set);

    return SP_OK;
}


static sp_rc_t
sp_set_walk(sp_set_t *set, const char *dir, const char *below, int depth)
{
    int              i, n;
    char             path[SP_DIR_PATH], name[SP_DIR_PATH];
    sp_rc_t          rc;
    struct dirent  **list;

    if (depth > SP_SET_DEPTH || sp_dir_path(path, dir, below) != SP_OK) {
        sp_cli_error("'%s/%s' is too deep", dir, below);
        return SP_ERROR;
    }

    n = scandir(path, &list, NULL, sp_set_by_name);

    if (n == -1) {
        sp_cli_error("cannot read '%s': %s", path, strerror(errno));
        return SP_ERROR;
    }

    rc = SP_OK;

    for (i = 0; i < n; i++) {
        if (rc == SP_OK && list[i]->d_name[0] != '.') {
            (void) snprintf(name, sizeof(name), "%s%s%s", below,
                            below[0] != '\0' ? "/" : "", list[i]->d_name);
            rc = sp_set_entry(set, dir, name, depth);
        }

        free(list[i]);
    }

    free(list);

    return rc;
}


static sp_rc_t
sp_set_entry(sp_set_t *set, const char *dir, const char *name, int depth)
{
    char         path[SP_DIR_PATH];
    struct stat  st;

    if (sp_dir_path(path, dir, name) != SP_OK) {
        return SP_ERROR;
    }

    if (lstat(path, &st) != 0) {
        sp_cli_error("cannot read '%s': %s", path, strerror(errno));
        return SP_ERROR;
    }

    if (S_ISDIR(st.st_mode)) {
        return sp_set_walk(set, dir, name, depth + 1);
    }

    if (S_ISREG(st.st_mode)) {
        return sp_set_add(set, path, name);
    }

    sp_cli_error("'%s' is %s: a set of policy files has only files, so that "
                 "nothing outside of it counts", path,
                 S_ISLNK(st.st_mode) ? "a link" : "no file");

    return SP_ERROR;
}


static sp_rc_t
sp_set_add(sp_set_t *set, const char *path, const char *name)
{
    size_t             len;
    unsigned char     *data;
    sp_bundle_file_t  *file;

    if (!sp_bundle_name(sp_cstr(name)) || set->n == SP_BUNDLE_FILES) {
        sp_cli_error("'%s': %s", path, set->n == SP_BUNDLE_FILES
                     ? "too many files in this directory"
                     : "no name for a file of a policy");
        return SP_ERROR;
    }

    data = (unsigned char *) sp_cli_read_file(path, SP_SET_BYTES, &len);

    if (data == NULL) {
        return SP_ERROR;
    }

    if (strcmp(name, SP_BUNDLE_NAME) == 0) {
        set->manifest = (sp_str_t) { len, data };
        return SP_OK;
    }

    set->data[set->n] = data;
    file = &set->files[set->n];
    file->name = sp_cstr(sp_cli_copy(sp_cstr(name)));
    file->size = len;
    SHA256(data, len, file->hash);
    set->n++;
    set->bytes += len;

    if (set->bytes > SP_SET_BYTES) {
        sp_cli_error("'%s': with it the files are larger than %d MiB", path,
                     SP_SET_BYTES / 1024 / 1024);
        return SP_ERROR;
    }

    return SP_OK;
}


static int
sp_set_by_name(const struct dirent **one, const struct dirent **two)
{
    return strcmp((*one)->d_name, (*two)->d_name);
}


/*
 * By the bytes of whole names: "a-b" stands before "a/b", which a walk meets
 * the other way round. Nearly sorted it is already.
 */

static void
sp_set_sort(sp_set_t *set)
{
    unsigned           i, k;
    unsigned char     *data;
    sp_bundle_file_t   file;

    for (i = 1; i < set->n; i++) {
        file = set->files[i];
        data = set->data[i];

        for (k = i; k > 0 && strcmp((const char *) set->files[k - 1].name.data,
                                    (const char *) file.name.data) > 0; k--)
        {
            set->files[k] = set->files[k - 1];
            set->data[k] = set->data[k - 1];
        }

        set->files[k] = file;
        set->data[k] = data;
    }
}


void
sp_set_free(sp_set_t *set)
{
    unsigned  i;

    for (i = 0; i < set->n; i++) {
        free((void *) set->files[i].name.data);
        free(set->data[i]);
    }

    free((void *) set->manifest.data);
    memset(set, 0, sizeof(*set));
}


int
sp_set_same(const sp_set_t *one, const sp_set_t *two)
{
    unsigned  i;

    for (i = 0; i < one->n && i < two->n; i++) {
        if (!sp_str_eq(one->files[i].name, two->files[i].name)
            || memcmp(one->files[i].hash, two->files[i].hash, SP_HASH_LEN)
               != 0)
        {
            return 0;
        }
    }

    return one->n == two->n;
}


int
sp_set_tested(const sp_set_t *set)
{
    size_t    len;
    unsigned  i;
    sp_str_t  name;

    len = sizeof(SP_SET_TESTS) - 1;

    for (i = 0; i < set->n; i++) {
        name = set->files[i].name;

        if (name.len > len
            && memcmp(name.data + name.len - len, SP_SET_TESTS, len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


sp_rc_t
sp_set_write(const sp_set_t *set, const char *dir)
{
    unsigned     i;
    const char  *name;

    for (i = 0; i < set->n; i++) {
        name = (const char *) set->files[i].name.data;

        if (sp_set_parents(dir, name) != SP_OK
            || sp_set_put(dir, name, set->data[i], set->files[i].size)
               != SP_OK)
        {
            return SP_ERROR;
        }
    }

    if (set->manifest.data != NULL) {
        return sp_set_put(dir, SP_BUNDLE_NAME, set->manifest.data,
                          set->manifest.len);
    }

    return SP_OK;
}


static sp_rc_t
sp_set_parents(const char *dir, const char *name)
{
    char   path[SP_DIR_PATH], *slash;

    if (sp_dir_path(path, dir, name) != SP_OK) {
        return SP_ERROR;
    }

    slash = path + strlen(dir) + 1;

    while ((slash = strchr(slash, '/')) != NULL) {
        *slash = '\0';

        if (mkdir(path, 0755) != 0 && errno != EEXIST) {
            sp_cli_error("cannot make '%s': %s", path, strerror(errno));
            return SP_ERROR;
        }

        *slash++ = '/';
    }

    return SP_OK;
}


/* Read-only: a revision is not edited, the next one is staged. */

static sp_rc_t
sp_set_put(const char *dir, const char *name, const unsigned char *data,
    size_t len)
{
    int      fd, done;
    char     path[SP_DIR_PATH];
    size_t   at;
    ssize_t  n;

    if (sp_dir_path(path, dir, name) != SP_OK) {
        return SP_ERROR;
    }

    fd = open(path, O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC|O_NOFOLLOW, 0444);

    if (fd == -1) {
        sp_cli_error("cannot make '%s': %s", path, strerror(errno));
        return SP_ERROR;
    }

    for (at = 0, n = 1; at < len && n > 0; at += (size_t) (n > 0 ? n : 0)) {
        n = write(fd, data + at, len - at);
    }

    done = at == len && fchmod(fd, 0444) == 0 && fsync(fd) == 0;

    if (close(fd) != 0 || !done) {
        sp_cli_error("cannot write '%s': %s", path, strerror(errno));
        return SP_ERROR;
    }

    return SP_OK;
}

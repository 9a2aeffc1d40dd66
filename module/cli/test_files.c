
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the finding of test files.
 */


#include <errno.h>
#include <ftw.h>
#include <stdlib.h>

#include "test.h"


#define SP_TEST_SUFFIX  "_test.yaml"
#define SP_TEST_DEPTH   16     /* directories below the one that is named */


static int sp_test_seen(const char *path, const struct stat *st, int type,
    struct FTW *ftw);
static int sp_test_by_name(const void *one, const void *two);


/* nftw() has no argument for its caller's own. */
static sp_test_files_t  *sp_test_walk;


sp_rc_t
sp_test_find(sp_test_files_t *tests, const char *path)
{
    size_t       from;
    struct stat  st;

    from = tests->n;

    if (stat(path, &st) != 0) {
        sp_cli_error("cannot open '%s': %s", path, strerror(errno));
        return SP_ERROR;
    }

    sp_test_walk = tests;

    if (!S_ISDIR(st.st_mode)) {
        (void) sp_test_seen(path, &st, FTW_F, NULL);
        return SP_OK;
    }

    if (nftw(path, sp_test_seen, SP_TEST_DEPTH, FTW_PHYS) != 0) {
        sp_cli_error("cannot read '%s': %s", path, strerror(errno));
        return SP_ERROR;
    }

    if (tests->n == from) {
        sp_cli_error("there is no file *" SP_TEST_SUFFIX " in '%s'", path);
        return SP_ERROR;
    }

    qsort(tests->names + from, tests->n - from, sizeof(char *),
          sp_test_by_name);

    return SP_OK;
}


static int
sp_test_seen(const char *path, const struct stat *st, int type,
    struct FTW *ftw)
{
    char            **files;
    size_t            len;
    sp_test_files_t  *tests;

    tests = sp_test_walk;
    len = strlen(path);

    if (type != FTW_F
        || (ftw != NULL
            && (len < sizeof(SP_TEST_SUFFIX)
                || strcmp(path + len - (sizeof(SP_TEST_SUFFIX) - 1),
                          SP_TEST_SUFFIX) != 0)))
    {
        return 0;
    }

    files = realloc(tests->names, (tests->n + 1) * sizeof(char *));

    if (files == NULL) {
        errno = ENOMEM;
        return -1;
    }

    tests->names = files;
    tests->names[tests->n++] = sp_cli_copy(sp_cstr(path));

    return 0;
}


static int
sp_test_by_name(const void *one, const void *two)
{
    return strcmp(*(char *const *) one, *(char *const *) two);
}

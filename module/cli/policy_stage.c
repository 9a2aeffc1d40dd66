
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport policy stage`: a checked set of policy files
 * as a new revision, whole or not at all.
 */


#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bundle.h"
#include "policy_open.h"


#define SP_STAGE_BESIDE  ".stage.XXXXXX"
#define SP_STAGE_DEPTH   16


static int sp_cli_policy_stage_run(const sp_cli_args_t *args);
static int sp_stage_source(const sp_cli_args_t *args, sp_set_t *set,
    sp_policy_t **policy);
static sp_rc_t sp_stage_name(const sp_policy_t *policy,
    char rev[SP_REV_LEN + 1]);
static int sp_stage_put(const sp_cli_args_t *args, const sp_set_t *set,
    const sp_policy_t *policy, int lock);
static int sp_stage_known(const sp_set_t *set, const char *path);
static int sp_stage_unlink(const char *path, const struct stat *st, int type,
    struct FTW *ftw);


static const sp_cli_opt_t  sp_cli_policy_stage_opts[] = {
    { "dir", "DIR", "the directory of revisions" },
    { "by", "WHO", "who stages it" },
    { "reason", "WHY", "why" },
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_policy_stage = {
    "policy stage",
    "SOURCE --dir DIR --by WHO --reason WHY",
    "Copies a policy into the directory of revisions, not into force",
    "SOURCE is a directory with a policy.yaml. It is checked, and all its files\n"
    "(lists, tests, the manifest if it is signed; not those whose names begin\n"
    "with a dot) are copied as DIR/REVISION, under the name that the policy has\n"
    "under `revision:`, or the first 12 digits of its hash. The copy appears\n"
    "whole, by one rename, or not at all. No gate sees it before `sallyport\n"
    "policy promote REVISION` has moved DIR/current. A revision is never\n"
    "changed: other files under the same name are refused.\n\n"
    "Exit code 0: staged, or it was there with the same files; 1: refused.\n\n"
    "  sallyport policy stage policy/ --dir /etc/sallyport/policy \\\n"
    "      --by jo --reason OPS-17\n",
    sp_cli_policy_stage_opts,
    1,
    1,
    sp_cli_policy_stage_run
};


/* nftw() has no argument for its caller's own. */
static int  sp_stage_kept;


static int
sp_cli_policy_stage_run(const sp_cli_args_t *args)
{
    int           rc, lock;
    sp_set_t     *set;
    const char   *by, *why;
    sp_policy_t  *policy;

    if (sp_cli_opt(args, "dir") == NULL) {
        sp_cli_error("--dir DIR is needed: where the revisions are");
        return SP_CLI_USAGE;
    }

    if (sp_cli_who(args, &by, &why) != SP_OK) {
        return SP_CLI_USAGE;
    }

    lock = sp_dir_lock(sp_cli_opt(args, "dir"));

    if (lock == -1) {
        return SP_CLI_REFUSED;
    }

    policy = NULL;
    set = sp_cli_alloc(sizeof(*set));
    rc = sp_stage_source(args, set, &policy);

    if (rc == SP_CLI_FINE) {
        rc = sp_stage_put(args, set, policy, lock);
    }

    sp_set_free(set);
    free(set);
    free(policy);
    (void) close(lock);

    return rc;
}


static int
sp_stage_source(const sp_cli_args_t *args, sp_set_t *set,
    sp_policy_t **policy)
{
    char              *file, *slash;
    sp_rc_t            rc;
    sp_policy_opts_t   opts;

    memset(set, 0, sizeof(*set));
    memset(&opts, 0, sizeof(opts));
    opts.now = (int64_t) time(NULL);
    opts.has_regions = 1;

    file = sp_cli_policy_file(args->args[0]);

    if (file == NULL) {
        return SP_CLI_REFUSED;
    }

    slash = strrchr(file, '/');

    if (strcmp(slash != NULL ? slash + 1 : file, "policy.yaml") != 0) {
        sp_cli_error("'%s': the policy of a set is named policy.yaml", file);
        free(file);
        return SP_CLI_REFUSED;
    }

    *policy = sp_cli_policy(file, &opts);
    rc = SP_ERROR;

    if (*policy != NULL) {
        if (slash != NULL && slash != file) {
            *slash = '\0';
        }

        rc = sp_set_read(set, slash == NULL ? "." : slash == file ? "/"
                              : file);
    }

    free(file);

    return rc == SP_OK ? SP_CLI_FINE : SP_CLI_REFUSED;
}


static sp_rc_t
sp_stage_name(const sp_policy_t *policy, char rev[SP_REV_LEN + 1])
{
    sp_str_t  s;

    s = sp_policy_revision(policy);

    if (s.len == 0) {
        sp_hex(sp_policy_hash(policy), 6, (unsigned char *) rev);
        rev[12] = '\0';
        return SP_OK;
    }

    if (!sp_rev_valid(s)) {
        sp_cli_error("'revision: %.*s' cannot name a directory: 1 to %d of "
                     "A-Z a-z 0-9 . _ - are needed", (int) s.len,
                     (const char *) s.data, SP_REV_LEN);
        return SP_ERROR;
    }

    (void) snprintf(rev, SP_REV_LEN + 1, "%.*s", (int) s.len,
                    (const char *) s.data);

    return SP_OK;
}


static int
sp_stage_put(const sp_cli_args_t *args, const sp_set_t *set,
    const sp_policy_t *policy, int lock)
{
    char           rev[SP_REV_LEN + 1], path[SP_DIR_PATH];
    const char    *dir;
    struct stat    st;

    dir = sp_cli_opt(args, "dir");

    if (sp_stage_name(policy, rev) != SP_OK
        || sp_dir_path(path, dir, rev) != SP_OK)
    {
        return SP_CLI_REFUSED;
    }

    if (lstat(path, &st) == 0) {
        return sp_stage_known(set, path);
    }

    if (sp_stage_set(set, dir, lock, rev) != SP_OK
        || sp_dir_record(dir, "stage", "", rev, sp_policy_hash(policy), args)
           != SP_OK)
    {
        return SP_CLI_REFUSED;
    }

    printf("staged %s: %u files, %zu bytes\n", path, set->n, set->bytes);
    printf("next: sallyport policy promote %s --dir %s\n", rev, dir);

    return SP_CLI_FINE;
}


static int
sp_stage_known(const sp_set_t *set, const char *path)
{
    int        same;
    sp_set_t  *old;

    old = sp_cli_alloc(sizeof(*old));
    same = sp_set_read(old, path) == SP_OK && sp_set_same(set, old);
    sp_set_free(old);
    free(old);

    if (same) {
        printf("%s was staged before, with the same files\n", path);
        return SP_CLI_FINE;
    }

    sp_cli_error("'%s' is there with other files: give the policy another "
                 "'revision:'", path);

    return SP_CLI_REFUSED;
}


sp_rc_t
sp_stage_set(const sp_set_t *set, const char *dir, int lock, const char *rev)
{
    char               beside[SP_DIR_PATH];
    sp_policy_t       *policy;
    sp_policy_opts_t   opts;

    memset(&opts, 0, sizeof(opts));
    opts.now = (int64_t) time(NULL);
    opts.has_regions = 1;

    if (sp_dir_path(beside, dir, SP_STAGE_BESIDE) != SP_OK) {
        return SP_ERROR;
    }

    if (mkdtemp(beside) == NULL) {
        sp_cli_error("cannot make a directory in '%s': %s", dir,
                     strerror(errno));
        return SP_ERROR;
    }

    policy = NULL;

    if (chmod(beside, 0755) == 0 && sp_set_write(set, beside) == SP_OK) {

        /* what names a file that was not copied does not load here */

        policy = sp_cli_policy(beside, &opts);
    }

    if (policy != NULL
        && renameat(lock, strrchr(beside, '/') + 1, lock, rev) == 0)
    {
        free(policy);
        (void) fsync(lock);
        return SP_OK;
    }

    if (policy != NULL) {
        sp_cli_error("cannot make '%s/%s': %s", dir, rev, strerror(errno));
        free(policy);
    }

    sp_stage_kept = 0;
    (void) nftw(beside, sp_stage_unlink, SP_STAGE_DEPTH,
                FTW_PHYS|FTW_DEPTH);

    if (sp_stage_kept != 0) {
        sp_cli_warn("'%s' is left over and may be removed", beside);
    }

    return SP_ERROR;
}


static int
sp_stage_unlink(const char *path, const struct stat *st, int type,
    struct FTW *ftw)
{
    sp_stage_kept += remove(path) != 0;

    return 0;
}

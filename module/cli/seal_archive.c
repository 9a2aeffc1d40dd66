
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the archive of policies: the files of each policy that
 * a record names, copied by its hash, so that a decision can be explained
 * years later.
 */


#include <dirent.h>
#include <errno.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sp_policy.h"

#include "seal.h"


#define SP_ARCHIVE_FILES  500
#define SP_ARCHIVE_DEPTH  4
#define SP_ARCHIVE_NAMED  60     /* files that fit into a record */


typedef struct {
    json_t  *files;              /* of {name, bytes, sha256} */
    size_t   n;
    size_t   bytes;
} sp_archive_t;


static sp_rc_t sp_archive_try(sp_sealer_t *sealer, const char *dir,
    const char *hash);
static int sp_archive_is(const char *dir, const char *hash);
static sp_rc_t sp_archive_tree(sp_archive_t *archive, const char *from,
    const char *to, const char *name, int depth);
static sp_rc_t sp_archive_file(sp_archive_t *archive, const char *from,
    const char *to, const char *name);
static void sp_archive_remove(const char *dir);
static void sp_archive_record(sp_sealer_t *sealer, const char *hash,
    sp_archive_t *archive);


/*
 * The policy may be what --policy points to, or one of the versions beside
 * it: the switch can be over before the first record of it is read.
 */

void
sp_seal_archive(sp_sealer_t *sealer, const char *hash)
{
    DIR            *dir;
    char            path[SP_LANE_PATH], *slash;
    sp_rc_t         rc;
    struct dirent  *entry;

    (void) snprintf(path, sizeof(path), "%s/policy/%s", sealer->seal,
                    hash + sizeof("sha256:") - 1);

    if (sealer->policy == NULL || access(path, F_OK) == 0) {
        return;
    }

    if (sp_archive_try(sealer, sealer->policy, hash) == SP_OK) {
        return;
    }

    (void) snprintf(path, sizeof(path), "%s", sealer->policy);
    slash = strrchr(path, '/');

    if (slash == NULL) {
        (void) snprintf(path, sizeof(path), ".");

    } else {
        slash[slash == path] = '\0';
    }

    dir = opendir(path);
    rc = SP_DECLINED;

    while (dir != NULL && rc == SP_DECLINED
           && (entry = readdir(dir)) != NULL)
    {
        char  other[SP_LANE_PATH + 256];

        if (entry->d_name[0] != '.') {
            (void) snprintf(other, sizeof(other), "%s/%s", path,
                            entry->d_name);
            rc = sp_archive_try(sealer, other, hash);
        }
    }

    if (dir != NULL) {
        (void) closedir(dir);
    }

    if (rc == SP_DECLINED) {
        sp_cli_warn("the policy %s is in force and is not at '%s': it cannot "
                    "be archived", hash, sealer->policy);
    }
}


/* SP_DECLINED: this directory has another policy, or none. */

static sp_rc_t
sp_archive_try(sp_sealer_t *sealer, const char *dir, const char *hash)
{
    char           to[SP_LANE_PATH], made[SP_LANE_PATH + 8];
    struct stat    st;
    sp_archive_t   archive;

    if (stat(dir, &st) != 0 || !sp_archive_is(dir, hash)) {
        return SP_DECLINED;
    }

    (void) snprintf(to, sizeof(to), "%s/policy", sealer->seal);
    (void) mkdir(to, 0755);
    (void) snprintf(to, sizeof(to), "%s/policy/%s", sealer->seal,
                    hash + sizeof("sha256:") - 1);
    (void) snprintf(made, sizeof(made), "%s.new", to);

    memset(&archive, 0, sizeof(archive));
    archive.files = json_array();
    sp_archive_remove(made);

    /* What was copied must be the policy: it may have changed meanwhile. */

    if (mkdir(made, 0755) != 0
        || (S_ISDIR(st.st_mode)
            ? sp_archive_tree(&archive, dir, made, "", 0)
            : sp_archive_file(&archive, dir, made, "policy.yaml")) != SP_OK
        || !sp_archive_is(made, hash) || rename(made, to) != 0)
    {
        sp_cli_warn("the policy %s cannot be archived in '%s': %s", hash, to,
                    errno != 0 ? strerror(errno) : "it changed meanwhile");
        sp_archive_remove(made);
        json_decref(archive.files);
        return SP_ERROR;
    }

    sp_archive_record(sealer, hash, &archive);

    return SP_OK;
}


static int
sp_archive_is(const char *dir, const char *hash)
{
    int                is;
    char               path[SP_LANE_PATH], text[2 * SP_POLICY_HASH_LEN];
    sp_diags_t         diags;
    struct stat        st;
    sp_policy_t       *policy;
    sp_policy_opts_t   opts;

    (void) snprintf(path, sizeof(path), "%s", dir);

    if (stat(dir, &st) == 0 && S_ISDIR(st.st_mode)) {
        (void) snprintf(path, sizeof(path), "%s/policy.yaml", dir);
    }

    if (access(path, R_OK) != 0) {
        return 0;
    }

    memset(&opts, 0, sizeof(opts));
    opts.now = (int64_t) time(NULL);
    opts.has_regions = 1;
    sp_diags_init(&diags);
    policy = sp_policy_load(path, &opts, &diags);
    sp_diags_free(&diags);

    if (policy == NULL) {
        return 0;
    }

    sp_hex(sp_policy_hash(policy), SP_POLICY_HASH_LEN,
           (unsigned char *) text);
    is = memcmp(text, hash + sizeof("sha256:") - 1, sizeof(text)) == 0;
    free(policy);

    return is;
}


static sp_rc_t
sp_archive_tree(sp_archive_t *archive, const char *from, const char *to,
    const char *name, int depth)
{
    DIR            *dir;
    char            a[SP_LANE_PATH], b[SP_LANE_PATH], n[SP_LANE_PATH];
    sp_rc_t         rc;
    struct stat     st;
    struct dirent  *entry;

    dir = opendir(from);

    if (dir == NULL || depth == SP_ARCHIVE_DEPTH) {
        if (dir != NULL) {
            (void) closedir(dir);
        }

        return SP_ERROR;
    }

    rc = SP_OK;

    while (rc == SP_OK && (entry = readdir(dir)) != NULL) {

        if (entry->d_name[0] == '.') {
            continue;
        }

        (void) snprintf(a, sizeof(a), "%s/%s", from, entry->d_name);
        (void) snprintf(b, sizeof(b), "%s/%s", to, entry->d_name);
        (void) snprintf(n, sizeof(n), "%s%s%s", name,
                        name[0] != '\0' ? "/" : "", entry->d_name);

        if (stat(a, &st) != 0) {
            rc = SP_ERROR;

        } else if (S_ISDIR(st.st_mode)) {
            rc = mkdir(b, 0755) == 0
                 ? sp_archive_tree(archive, a, b, n, depth + 1) : SP_ERROR;

        } else if (S_ISREG(st.st_mode)) {
            rc = sp_archive_file(archive, a, to, n);
        }
    }

    (void) closedir(dir);

    return rc;
}


static sp_rc_t
sp_archive_file(sp_archive_t *archive, const char *from, const char *to,
    const char *name)
{
    char            path[SP_LANE_PATH], *text, hex[2 * SHA256_DIGEST_LENGTH];
    size_t          len;
    sp_rc_t         rc;
    const char     *base;
    unsigned char   hash[SHA256_DIGEST_LENGTH];

    text = sp_cli_read_file(from, SP_CLI_FILE_MAX, &len);

    if (text == NULL) {
        return SP_ERROR;
    }

    base = strrchr(name, '/');
    (void) snprintf(path, sizeof(path), "%s/%s", to,
                    base != NULL ? base + 1 : name);

    archive->bytes += len;
    archive->n++;

    if (archive->n > SP_ARCHIVE_FILES || archive->bytes > SP_CLI_FILE_MAX) {
        free(text);
        errno = EFBIG;
        return SP_ERROR;
    }

    SHA256((unsigned char *) text, len, hash);
    sp_hex(hash, sizeof(hash), (unsigned char *) hex);
    rc = sp_audit_replace(path, text, len);
    free(text);

    json_array_append_new(archive->files, json_pack("{s:o, s:I, s:s#}",
                          "name", sp_cli_json_str(sp_cstr(name)), "bytes",
                          (json_int_t) len, "sha256", hex,
                          (int) sizeof(hex)));

    return rc;
}


/* What an archiving that did not end has left. */

static void
sp_archive_remove(const char *dir)
{
    DIR            *d;
    char            path[SP_LANE_PATH];
    struct dirent  *entry;

    d = opendir(dir);

    if (d == NULL) {
        return;
    }

    while ((entry = readdir(d)) != NULL) {

        if (strcmp(entry->d_name, ".") == 0
            || strcmp(entry->d_name, "..") == 0)
        {
            continue;
        }

        (void) snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);

        if (unlink(path) != 0) {
            sp_archive_remove(path);
        }
    }

    (void) closedir(d);
    (void) rmdir(dir);
}


static void
sp_archive_record(sp_sealer_t *sealer, const char *hash,
    sp_archive_t *archive)
{
    size_t   n;
    json_t  *record;

    n = json_array_size(archive->files);

    while (json_array_size(archive->files) > SP_ARCHIVE_NAMED) {
        json_array_remove(archive->files, json_array_size(archive->files) - 1);
    }

    record = sp_lane_record(&sealer->writer, "archive");
    json_object_set_new(record, "pol", json_string(hash));
    json_object_set_new(record, "files", archive->files);
    json_object_set_new(record, "more",
                        json_integer((json_int_t) (n
                            - json_array_size(archive->files))));

    (void) sp_lane_put(&sealer->writer, record);
}


int
sp_seal_policy(sp_sealer_t *sealer, sp_str_t hash)
{
    size_t  i;

    if (hash.len != SP_SEAL_HASH) {
        return 0;
    }

    /* the newest is the likeliest */

    for (i = sealer->npols; i-- > 0; /* void */ ) {
        if (memcmp(sealer->pols[i], hash.data, hash.len) == 0) {
            return 0;
        }
    }

    sealer->pols = realloc(sealer->pols, (sealer->npols + 1)
                                         * sizeof(*sealer->pols));

    if (sealer->pols == NULL) {
        sp_cli_error("no memory for the list of policies");
        exit(SP_CLI_REFUSED);
    }

    memcpy(sealer->pols[sealer->npols], hash.data, hash.len);
    sealer->pols[sealer->npols][hash.len] = '\0';
    sealer->npols++;

    return 1;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport policy status`: what is in force, what is
 * staged, and who moved the pointer.
 */


#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "bundle.h"


#define SP_STATUS_HISTORY  10


static int sp_cli_policy_status_run(const sp_cli_args_t *args);
static json_t *sp_status_revisions(const char *dir, const char *current);
static json_t *sp_status_revision(const char *dir, const char *rev,
    const sp_set_t *now, const char *current);
static void sp_status_text(const char *dir, const char *current,
    json_t *revisions, json_t *history);


static const sp_cli_opt_t  sp_cli_policy_status_opts[] = {
    { "dir", "DIR", "the directory of revisions" },
    { "format", "text|json", "how to print it (text)" },
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_policy_status = {
    "policy status",
    "--dir DIR [--format text|json]",
    "Says which revision is in force, what is staged, and who changed it",
    "Lists the revisions in DIR: the one that DIR/current leads to, and of each\n"
    "other one whether its files differ from that; its policy's hash and, if\n"
    "it is signed, its serial (`sallyport policy verify` verifies it); then\n"
    "the last ten entries of DIR/history.jsonl. What a running gate has loaded\n"
    "is in its /metrics: sallyport_policy_info.\n\n"
    "Exit code 0: nothing is staged that differs from what is in force; 3:\n"
    "something is, or nothing is in force; 1: DIR cannot be read.\n\n"
    "  sallyport policy status --dir /etc/sallyport/policy\n",
    sp_cli_policy_status_opts,
    0,
    0,
    sp_cli_policy_status_run
};


static int
sp_cli_policy_status_run(const sp_cli_args_t *args)
{
    int          json, differs;
    char         current[SP_REV_LEN + 1];
    size_t       i;
    json_t      *revisions, *history, *row;
    const char  *dir;

    dir = sp_cli_opt(args, "dir");
    json = sp_cli_format(args);

    if (dir == NULL) {
        sp_cli_error("--dir DIR is needed: where the revisions are");
    }

    if (dir == NULL || json == -1) {
        return SP_CLI_USAGE;
    }

    if (sp_dir_current(dir, current) != SP_OK) {
        return SP_CLI_REFUSED;
    }

    revisions = sp_status_revisions(dir, current);
    history = revisions != NULL ? sp_dir_history(dir) : NULL;

    if (history == NULL) {
        json_decref(revisions);
        return SP_CLI_REFUSED;
    }

    differs = current[0] == '\0';

    json_array_foreach(revisions, i, row) {
        differs |= json_is_true(json_object_get(row, "differs"));
    }

    if (json) {
        if (sp_cli_json_print(json_pack("{s:s?, s:b, s:o, s:o}", "current",
                                        current[0] != '\0' ? current : NULL,
                                        "differs", differs,
                                        "revisions", revisions,
                                        "history", history))
            != SP_OK)
        {
            return SP_CLI_REFUSED;
        }

    } else {
        sp_status_text(dir, current, revisions, history);
        json_decref(revisions);
        json_decref(history);
    }

    return differs ? SP_CLI_DIFFERS : SP_CLI_FINE;
}


static json_t *
sp_status_revisions(const char *dir, const char *current)
{
    int              i, n;
    char             path[SP_DIR_PATH];
    json_t          *rows, *row;
    sp_set_t        *now;
    struct stat      st;
    struct dirent  **list;

    n = scandir(dir, &list, NULL, alphasort);

    if (n == -1) {
        sp_cli_error("cannot read '%s': %s", dir, strerror(errno));
        return NULL;
    }

    rows = json_array();
    now = sp_cli_alloc(sizeof(*now));
    memset(now, 0, sizeof(*now));

    if (current[0] != '\0' && sp_dir_path(path, dir, current) == SP_OK
        && sp_set_read(now, path) != SP_OK)
    {
        json_decref(rows);
        rows = NULL;
    }

    for (i = 0; i < n; i++) {
        if (rows != NULL && sp_rev_valid(sp_cstr(list[i]->d_name))
            && sp_dir_path(path, dir, list[i]->d_name) == SP_OK
            && lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
        {
            row = sp_status_revision(dir, list[i]->d_name, now, current);
            json_array_append_new(rows, row);
        }

        free(list[i]);
    }

    free(list);
    sp_set_free(now);
    free(now);

    return rows;
}


static json_t *
sp_status_revision(const char *dir, const char *rev, const sp_set_t *now,
    const char *current)
{
    int                is;
    char               path[SP_DIR_PATH], hex[2 * SP_POLICY_HASH_LEN + 1];
    json_t            *row;
    sp_set_t          *set;
    uint64_t           serial;
    sp_diags_t         diags;
    sp_policy_t       *policy;
    sp_policy_opts_t   opts;

    is = strcmp(rev, current) == 0;
    row = json_pack("{s:s, s:b}", "revision", rev, "current", is);
    set = sp_cli_alloc(sizeof(*set));
    memset(&opts, 0, sizeof(opts));
    opts.now = (int64_t) time(NULL);
    opts.has_regions = 1;
    policy = NULL;
    serial = 0;
    sp_diags_init(&diags);

    if (sp_dir_path(path, dir, rev) == SP_OK
        && sp_set_read(set, path) == SP_OK)
    {
        serial = sp_policy_serial(set);
        json_object_set_new(row, "differs",
                            json_boolean(!is && !sp_set_same(set, now)));

        if (strlen(path) + sizeof("/policy.yaml") <= sizeof(path)) {
            memcpy(path + strlen(path), "/policy.yaml",
                   sizeof("/policy.yaml"));
            policy = sp_policy_load(path, &opts, &diags);
        }

    } else {
        json_object_set_new(row, "differs", json_true());
    }

    json_object_set_new(row, "loads", json_boolean(policy != NULL));

    if (policy != NULL) {
        sp_hex(sp_policy_hash(policy), SP_POLICY_HASH_LEN,
               (unsigned char *) hex);
        hex[2 * SP_POLICY_HASH_LEN] = '\0';
        json_object_set_new(row, "sha256", json_string(hex));
    }

    if (serial != 0) {
        json_object_set_new(row, "serial",
                            json_integer((json_int_t) serial));
    }

    sp_set_free(set);
    free(set);
    free(policy);
    sp_diags_free(&diags);

    return row;
}


static void
sp_status_text(const char *dir, const char *current, json_t *revisions,
    json_t *history)
{
    size_t       i, n, from;
    json_t      *row, *serial;
    const char  *hash, *key;

    printf("in force: %s\n", current[0] != '\0' ? current
           : "nothing, there is no " SP_DIR_CURRENT);

    json_array_foreach(revisions, i, row) {
        hash = json_string_value(json_object_get(row, "sha256"));
        serial = json_object_get(row, "serial");

        printf("  %-20s %s  %.12s",
               json_string_value(json_object_get(row, "revision")),
               json_is_true(json_object_get(row, "current")) ? "in force"
               : json_is_true(json_object_get(row, "differs")) ? "differs "
               : "the same", hash != NULL ? hash : "does not load");

        if (serial != NULL) {
            printf("  serial %lld", (long long) json_integer_value(serial));
        }

        putchar('\n');
    }

    n = json_array_size(history);
    from = n > SP_STATUS_HISTORY ? n - SP_STATUS_HISTORY : 0;

    if (n != 0) {
        printf("history (%s/" SP_DIR_HISTORY ")\n", dir);
    }

    for (i = from; i < n; i++) {
        static const char *const  keys[] = {
            "at", "what", "to", "by", "reason"
        };

        size_t  k;

        row = json_array_get(history, i);

        for (k = 0; k < sp_nelts(keys); k++) {
            key = json_string_value(json_object_get(row, keys[k]));
            fputs("  ", stdout);
            sp_cli_print_safe(stdout, sp_cstr(key != NULL ? key : "-"));
        }

        putchar('\n');
    }
}

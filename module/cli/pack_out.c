
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the writing of what `sallyport audit pack` hands over:
 * first beside the directory, which then gets its name.
 */


#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "pack.h"
#include "page.h"
#include "policy_open.h"


#define SP_PACK_NAME   256
#define SP_PACK_DEPTH  8


static sp_rc_t sp_pack_all(sp_pack_t *pack, const char *to);
static sp_rc_t sp_pack_key(const sp_pack_t *pack, const char *to);
static sp_rc_t sp_pack_records(const sp_pack_t *pack, const char *to,
    json_t *rows);
static void sp_pack_name(const sp_found_t *found, const sp_line_t *line,
    char name[SP_PACK_NAME]);
static sp_rc_t sp_pack_policies(sp_pack_t *pack, const char *to);
static json_t *sp_pack_lists(const char *dir);
static sp_rc_t sp_pack_contents(const sp_pack_t *pack, const char *to,
    json_t *rows);
static sp_rc_t sp_pack_tree(const char *from, const char *to, int depth);
static sp_rc_t sp_pack_copy(const char *from, const char *to,
    const char *name);
static sp_rc_t sp_pack_put(const char *to, const char *name,
    const char *text, size_t len);
static sp_rc_t sp_pack_mkdir(const char *dir, const char *name);
static void sp_pack_remove(const char *dir);


static const char  sp_pack_readme[] =
    "WHAT THIS IS\n\n"
    "Records out of the audit log of a Sallyport gate, and what is needed to\n"
    "verify that they are what was recorded when it was recorded.\n\n"
    "  records/     one line of the log each, byte for byte: decisions,\n"
    "               settlements, appeals, changes of the account in the store,\n"
    "               and archive, which says by SHA-256\n"
    "               which files a policy was\n"
    "  proofs/      for each: its path in the log's Merkle tree, and the\n"
    "               signed checkpoint of the whole log (C2SP tlog-proof)\n"
    "  policy/      the files of the policies that decided, by their hash;\n"
    "               \"pol\" of a decision names it\n"
    "  contents.json  what was asked for, the records, the lists of each\n"
    "               policy with their sources and review dates\n"
    "  checkpoint, checkpoints  the newest signed head of the log, and older\n"
    "  key.pub      the public key, for comparison only (below)\n"
    "  verify.py    does all that follows\n\n"
    "HOW TO VERIFY\n\n"
    "Take the public key from where the owner of the log has published it.\n"
    "A key that comes with the records proves nothing. Then, offline:\n\n"
    "  python3 verify.py KEY\n\n"
    "It needs Python 3 and openssl 3.0. With the gate's own command, for one\n"
    "record:\n\n"
    "  sallyport audit verify --record records/NAME.json \\\n"
    "      --proof proofs/NAME.tlog-proof --key KEY\n\n"
    "By hand: SHA-256 of a zero byte and the line without its newline is the\n"
    "leaf; with the hashes of the proof it leads to the root by RFC 9162,\n"
    "2.1.3.2; the root stands in the third line of the checkpoint; Ed25519\n"
    "signs the checkpoint up to its empty line.\n\n"
    "WHAT IT PROVES, AND WHAT NOT\n\n"
    "That these lines stand in the log that the checkpoint signs, unchanged,\n"
    "and that the policy files are those that were in force. Compare the\n"
    "checkpoint with one that you had from the owner before, or that was\n"
    "published: then the log was not rewritten since. It does not prove that\n"
    "no other line is about the same account; that needs the whole log, and\n"
    "`sallyport audit verify` on it.\n\n"
    "The lists are what the operator wrote, with the source that he names.\n"
    "Records are personal data.\n";


sp_rc_t
sp_pack_write(sp_pack_t *pack)
{
    char         part[SP_LANE_PATH];
    sp_rc_t      rc;
    struct stat  st;

    if (lstat(pack->out, &st) == 0) {
        sp_cli_error("'%s' is there already", pack->out);
        return SP_ERROR;
    }

    (void) snprintf(part, sizeof(part), "%s.part", pack->out);

    if (mkdir(part, 0750) != 0) {
        sp_cli_error("cannot make the directory '%s': %s", part,
                     strerror(errno));
        return SP_ERROR;
    }

    rc = sp_pack_all(pack, part);

    if (rc == SP_OK && rename(part, pack->out) != 0) {
        sp_cli_error("cannot make '%s': %s", pack->out, strerror(errno));
        rc = SP_ERROR;
    }

    if (rc != SP_OK) {
        sp_pack_remove(part);
    }

    return rc;
}


static sp_rc_t
sp_pack_all(sp_pack_t *pack, const char *to)
{
    char      path[SP_LANE_PATH];
    json_t   *rows;
    sp_rc_t   rc;
    sp_str_t  script;

    rows = json_array();
    script = sp_page_verify();
    (void) snprintf(path, sizeof(path), "%s/checkpoints", pack->seal);

    rc = sp_pack_records(pack, to, rows) == SP_OK
         && sp_pack_policies(pack, to) == SP_OK
         && sp_pack_contents(pack, to, rows) == SP_OK
         && sp_pack_key(pack, to) == SP_OK
         && sp_pack_copy(pack->seal, to, "checkpoint") == SP_OK
         && (access(path, F_OK) != 0
             || sp_pack_copy(pack->seal, to, "checkpoints") == SP_OK)
         && sp_pack_put(to, "verify.py", (const char *) script.data,
                        script.len) == SP_OK
         && sp_pack_put(to, "README.txt", sp_pack_readme,
                        sizeof(sp_pack_readme) - 1) == SP_OK
         ? SP_OK : SP_ERROR;

    json_decref(rows);

    return rc;
}


static sp_rc_t
sp_pack_key(const sp_pack_t *pack, const char *to)
{
    char        text[SP_VKEY_MAX + 1], path[SP_LANE_PATH];
    size_t      len;
    sp_vkey_t   vkey;

    (void) snprintf(path, sizeof(path), "%s/key.pub", pack->seal);

    if (sp_audit_vkey("--key", pack->key != NULL ? pack->key : path, &vkey)
        != SP_OK)
    {
        return SP_ERROR;
    }

    len = sp_vkey_format(&vkey, text);
    text[len++] = '\n';

    return sp_pack_put(to, "key.pub", text, len);
}


static sp_rc_t
sp_pack_records(const sp_pack_t *pack, const char *to, json_t *rows)
{
    char               name[SP_PACK_NAME], file[SP_PACK_NAME + 32], *proof;
    size_t             i;
    json_t            *row;
    sp_rc_t            rc;
    sp_line_t          line;
    const char        *why;
    const sp_found_t  *f;

    if (sp_pack_mkdir(to, "records") != SP_OK
        || sp_pack_mkdir(to, "proofs") != SP_OK)
    {
        return SP_ERROR;
    }

    for (i = 0; i < pack->n; i++) {
        f = &pack->found[i];

        if (sp_line_read(&line, (sp_str_t) { f->len,
                         (unsigned char *) f->text }, &why) != SP_OK)
        {
            sp_cli_error("%s", why);
            return SP_ERROR;
        }

        proof = sp_audit_proof(pack->seal, f);

        if (proof == NULL) {
            return SP_ERROR;
        }

        sp_pack_name(f, &line, name);
        (void) snprintf(file, sizeof(file), "proofs/%s.tlog-proof", name);
        rc = sp_pack_put(to, file, proof, strlen(proof));
        free(proof);
        (void) snprintf(file, sizeof(file), "records/%s.json", name);
        f->text[f->len] = '\n';

        if (rc != SP_OK || sp_pack_put(to, file, f->text, f->len + 1) != SP_OK)
        {
            return SP_ERROR;
        }

        f->text[f->len] = '\0';
        row = json_pack("{s:s, s:I, s:s, s:s, s:o, s:o}", "name", name,
                        "index", (json_int_t) f->index, "t",
                        sp_line_type(line.type), "boot", f->boot, "ts",
                        sp_cli_json_str(sp_line_string(
                                        line.members[SP_LM_TS])), "id",
                        sp_cli_json_str(sp_line_string(line.members[
                                        line.type == SP_LINE_DECISION
                                        ? SP_LM_ID : SP_LM_OF])));
        json_array_append_new(rows, row);
    }

    return SP_OK;
}


/* 000000000123-decision: the place in the log; sorts as the log does. */

static void
sp_pack_name(const sp_found_t *found, const sp_line_t *line,
    char name[SP_PACK_NAME])
{
    (void) snprintf(name, SP_PACK_NAME, "%012llu-%s",
                    (unsigned long long) found->index,
                    sp_line_type(line->type));
}


static sp_rc_t
sp_pack_policies(sp_pack_t *pack, const char *to)
{
    char         from[SP_LANE_PATH], dir[SP_LANE_PATH + 128];
    void        *iter;
    const char  *hash;

    if (sp_pack_mkdir(to, "policy") != SP_OK) {
        return SP_ERROR;
    }

    for (iter = json_object_iter(pack->policies); iter != NULL;
         iter = json_object_iter_next(pack->policies, iter))
    {
        hash = json_object_iter_key(iter) + sizeof("sha256:") - 1;

        if (strspn(hash, "0123456789abcdef") != strlen(hash)) {
            continue;
        }

        (void) snprintf(from, sizeof(from), "%s/policy/%s", pack->seal, hash);
        (void) snprintf(dir, sizeof(dir), "%s/policy/%s", to, hash);

        if (access(from, F_OK) != 0) {
            sp_cli_warn("the policy sha256:%s is not archived in '%s': its "
                        "files are left out", hash, pack->seal);
            continue;
        }

        if (mkdir(dir, 0755) != 0) {
            sp_cli_error("cannot make '%s': %s", dir, strerror(errno));
            return SP_ERROR;
        }

        if (sp_pack_tree(from, dir, 0) != SP_OK) {
            return SP_ERROR;
        }

        json_object_iter_set_new(pack->policies, iter, sp_pack_lists(dir));
    }

    return SP_OK;
}


/* Where the lists of a policy come from; null if it cannot be read. */

static json_t *
sp_pack_lists(const char *dir)
{
    int                i;
    char               review[SP_CLI_TIME_LEN];
    json_t            *rows, *row;
    sp_policy_t       *policy;
    sp_policy_opts_t   opts;
    sp_policy_list_t   list;

    memset(&opts, 0, sizeof(opts));
    opts.now = (int64_t) time(NULL);
    opts.has_regions = 1;
    policy = sp_cli_policy(dir, &opts);

    if (policy == NULL) {
        return json_null();
    }

    rows = json_array();

    for (i = 0; i < sp_policy_lists(policy); i++) {
        sp_policy_list(policy, i, &list);
        row = json_pack("{s:o, s:s, s:I, s:o}", "name",
                        sp_cli_json_str(list.name), "type", list.type,
                        "items", (json_int_t) list.items, "source",
                        list.source.len != 0 ? sp_cli_json_str(list.source)
                                             : json_null());
        (void) sp_cli_time_text(list.review - 1, review);
        json_object_set_new(row, "review_by", list.review == INT64_MAX
                            ? json_null() : json_stringn(review, 10));
        json_array_append_new(rows, row);
    }

    free(policy);

    return rows;
}


static sp_rc_t
sp_pack_contents(const sp_pack_t *pack, const char *to, json_t *rows)
{
    char      made[SP_CLI_TIME_LEN], *text;
    json_t   *json;
    sp_rc_t   rc;

    json = json_pack("{s:i, s:s, s:s, s:O, s:I, s:O, s:O}", "pack", 1,
                     "made", sp_cli_time_text((int64_t) time(NULL), made),
                     "by", "sallyport " SP_CLI_VERSION, "for", pack->request,
                     "unsealed", (json_int_t) pack->unsealed, "policies",
                     pack->policies, "records", rows);
    text = json == NULL ? NULL : json_dumps(json, JSON_INDENT(1));
    json_decref(json);

    if (text == NULL) {
        sp_cli_error("no memory for the contents");
        return SP_ERROR;
    }

    rc = sp_pack_put(to, "contents.json", text, strlen(text));
    free(text);

    return rc;
}


static sp_rc_t
sp_pack_tree(const char *from, const char *to, int depth)
{
    DIR            *dir;
    char            a[SP_LANE_PATH], b[SP_LANE_PATH];
    sp_rc_t         rc;
    struct stat     st;
    struct dirent  *entry;

    dir = depth == SP_PACK_DEPTH ? NULL : opendir(from);

    if (dir == NULL) {
        sp_cli_error("cannot read '%s': %s", from, strerror(errno));
        return SP_ERROR;
    }

    rc = SP_OK;

    while (rc == SP_OK && (entry = readdir(dir)) != NULL) {

        if (entry->d_name[0] == '.') {
            continue;
        }

        (void) snprintf(a, sizeof(a), "%s/%s", from, entry->d_name);
        (void) snprintf(b, sizeof(b), "%s/%s", to, entry->d_name);

        if (lstat(a, &st) == 0 && S_ISDIR(st.st_mode)) {
            rc = mkdir(b, 0755) == 0 ? sp_pack_tree(a, b, depth + 1)
                                     : SP_ERROR;

        } else {
            rc = sp_pack_copy(from, to, entry->d_name);
        }
    }

    (void) closedir(dir);

    return rc;
}


static sp_rc_t
sp_pack_copy(const char *from, const char *to, const char *name)
{
    char     path[SP_LANE_PATH], *text;
    size_t   len;
    sp_rc_t  rc;

    (void) snprintf(path, sizeof(path), "%s/%s", from, name);
    text = sp_cli_read_file(path, SP_CLI_FILE_MAX, &len);

    if (text == NULL) {
        return SP_ERROR;
    }

    rc = sp_pack_put(to, name, text, len);
    free(text);

    return rc;
}


static sp_rc_t
sp_pack_put(const char *to, const char *name, const char *text, size_t len)
{
    char   path[SP_LANE_PATH];
    FILE  *out;
    int    done;

    (void) snprintf(path, sizeof(path), "%s/%s", to, name);
    out = fopen(path, "we");
    done = out != NULL && fwrite(text, 1, len, out) == len;

    if (out == NULL || fclose(out) != 0 || !done) {
        sp_cli_error("cannot write '%s': %s", path, strerror(errno));
        return SP_ERROR;
    }

    return SP_OK;
}


static sp_rc_t
sp_pack_mkdir(const char *dir, const char *name)
{
    char  path[SP_LANE_PATH];

    (void) snprintf(path, sizeof(path), "%s/%s", dir, name);

    if (mkdir(path, 0755) != 0) {
        sp_cli_error("cannot make '%s': %s", path, strerror(errno));
        return SP_ERROR;
    }

    return SP_OK;
}


/* What a packing that did not end has made. */

static void
sp_pack_remove(const char *dir)
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
            sp_pack_remove(path);
        }
    }

    (void) closedir(d);
    (void) rmdir(dir);
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the loading of a policy: its files are read as one set,
 * walked section by section, checked, and made into one flat object. Every
 * mistake that can be found is named; with any error there is no policy.
 */


#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sp_bundle.h"
#include "sp_policy_load.h"


static sp_policy_t *sp_policy_read(const char *file,
    const sp_policy_opts_t *opts, sp_diags_t *diags,
    struct sp_analysis_s *analysis, const sp_bundle_t *bundle);
static sp_policy_t *sp_policy_make(sp_load_t *l, const char *name,
    sp_str_t text);
static sp_rc_t sp_load_init(sp_load_t *l, const sp_policy_opts_t *opts,
    sp_diags_t *diags);
static void sp_load_file(sp_load_t *l, const char *name, sp_str_t text);
static void sp_load_include(sp_load_t *l, const sp_ynode_t *seq);
static void sp_load_pattern(sp_load_t *l, const sp_ynode_t *node);
static sp_rc_t sp_load_resolve(sp_load_t *l, const char *path,
    sp_str_t *real);
static void sp_load_root(sp_load_t *l, const char *file);
static int sp_load_inside(const sp_load_t *l, const char *real);
static sp_rc_t sp_load_slurp(sp_load_t *l, const char *file, sp_mark_t mark,
    sp_str_t line, sp_str_t *text);
static const char *sp_load_signed(const sp_load_t *l,
    const unsigned char *data, size_t len);


sp_policy_t *
sp_policy_load(const char *file, const sp_policy_opts_t *opts,
    sp_diags_t *diags)
{
    return sp_policy_load_analysed(file, opts, diags, NULL);
}


sp_policy_t *
sp_policy_load_analysed(const char *file, const sp_policy_opts_t *opts,
    sp_diags_t *diags, struct sp_analysis_s *analysis)
{
    return sp_policy_read(file, opts, diags, analysis, NULL);
}


sp_policy_t *
sp_policy_load_bundle(const char *file, const sp_policy_opts_t *opts,
    const sp_bundle_t *bundle, sp_diags_t *diags)
{
    return sp_policy_read(file, opts, diags, NULL, bundle);
}


static sp_policy_t *
sp_policy_read(const char *file, const sp_policy_opts_t *opts,
    sp_diags_t *diags, struct sp_analysis_s *analysis,
    const sp_bundle_t *bundle)
{
    sp_str_t      text;
    sp_load_t     l;
    sp_mark_t     mark = { file, 0, 0, 1 };
    sp_policy_t  *policy;

    if (sp_load_init(&l, opts, diags) != SP_OK) {
        return NULL;
    }

    l.files_ok = 1;
    l.analysis = analysis;
    l.bundle = bundle;
    policy = NULL;

    sp_load_root(&l, file);

    if (sp_load_slurp(&l, file, mark, SP_STR(""), &text) == SP_OK) {
        policy = sp_policy_make(&l, file, text);
    }

    sp_arena_destroy(l.arena);
    EVP_MD_CTX_free(l.sha);

    return policy;
}


sp_policy_t *
sp_policy_load_text(const char *name, sp_str_t text,
    const sp_policy_opts_t *opts, sp_diags_t *diags)
{
    return sp_policy_load_text_analysed(name, text, opts, diags, NULL);
}


sp_policy_t *
sp_policy_load_text_analysed(const char *name, sp_str_t text,
    const sp_policy_opts_t *opts, sp_diags_t *diags,
    struct sp_analysis_s *analysis)
{
    sp_load_t     l;
    sp_mark_t     mark = { name, 1, 1, 1 };
    sp_policy_t  *policy;

    if (text.len > SP_YAML_BYTES) {
        sp_diag_add(diags, SP_DIAG_ERROR, 101, mark, SP_STR(""), NULL,
                    "the file is larger than 1 MiB");
        return NULL;
    }

    if (sp_load_init(&l, opts, diags) != SP_OK) {
        return NULL;
    }

    (void) EVP_DigestUpdate(l.sha, text.data, text.len);
    l.analysis = analysis;

    policy = sp_policy_make(&l, name, text);

    sp_arena_destroy(l.arena);
    EVP_MD_CTX_free(l.sha);

    return policy;
}


static sp_rc_t
sp_load_init(sp_load_t *l, const sp_policy_opts_t *opts, sp_diags_t *diags)
{
    int        i;
    sp_mark_t  mark = { "policy", 0, 0, 1 };

    memset(l, 0, sizeof(sp_load_t));

    l->opts = opts;
    l->diags = diags;
    l->sets_tail = &l->sets;
    l->rules_tail = &l->rules;

    for (i = 0; i < SP_AGED_SOURCES; i++) {
        l->max_age[i] = -1;
    }

    for (i = 0; i <= SP_TIERS; i++) {
        l->stale[i] = -1;
    }

    l->arena = sp_arena_create();
    l->sha = EVP_MD_CTX_new();

    if (l->arena != NULL && l->sha != NULL
        && EVP_DigestInit_ex(l->sha, EVP_sha256(), NULL) == 1)
    {
        return SP_OK;
    }

    sp_diag_add(diags, SP_DIAG_ERROR, 100, mark, SP_STR(""), NULL,
                "no memory to load the policy");

    sp_arena_destroy(l->arena);
    EVP_MD_CTX_free(l->sha);

    return SP_ERROR;
}


static sp_policy_t *
sp_policy_make(sp_load_t *l, const char *name, sp_str_t text)
{
    unsigned      i, errors;
    sp_mark_t     mark = { name, 0, 0, 1 };
    sp_policy_t  *policy;

    static const char *const  rules[] = {
        "deny", "allow", "throttle", "flag", "exceptions"
    };

    errors = l->diags->errors;

    sp_load_reasons_init(l);
    sp_load_routes_init(l);
    sp_load_file(l, name, text);

    /* order does not matter to the author: what is named comes first here */

    for (i = 0; i < l->nroots; i++) {
        sp_load_top(l, l->roots[i], i == 0);
    }

    for (i = 0; i < l->nroots * SP_RULE_KINDS; i++) {
        const sp_ynode_t  *seq;

        seq = sp_ynode_get(l->roots[i / SP_RULE_KINDS],
                           rules[i % SP_RULE_KINDS]);

        if (seq != NULL) {
            sp_load_rules(l, seq, (sp_rule_kind_t) (i % SP_RULE_KINDS));
        }
    }

    for (i = 0; i < l->nroots; i++) {
        const sp_ynode_t  *seq;

        seq = sp_ynode_get(l->roots[i], "invariants");

        if (seq != NULL) {
            sp_load_invariants(l, seq);
        }
    }

    sp_load_models_finish(l);
    sp_load_prices_finish(l);
    sp_load_check(l);
    sp_load_invariants_finish(l);

    policy = NULL;

    if (l->diags->errors == errors && !l->failed) {
        policy = sp_load_emit(l);
        l->failed |= (policy == NULL && l->diags->errors == errors);
    }

    if (policy != NULL && l->analysis != NULL) {
        sp_load_analyse(l, policy);

        if (l->diags->errors != errors) {
            free(policy);
            policy = NULL;
        }
    }

    if (l->failed) {
        sp_diag_add(l->diags, SP_DIAG_ERROR, 100, mark, SP_STR(""), NULL,
                    "no memory to load the policy");
    }

    return policy;
}


static void
sp_load_file(sp_load_t *l, const char *name, sp_str_t text)
{
    sp_ynode_t        *root;
    sp_ysource_t      *source;
    const sp_ynode_t  *include;

    source = sp_load_alloc(l, sizeof(sp_ysource_t));
    if (source == NULL) {
        return;
    }

    root = sp_yaml_parse(source, name, text, l->arena, l->diags);
    if (root == NULL) {
        return;
    }

    l->roots[l->nroots++] = root;
    include = sp_ynode_get(root, "include");

    if (include == NULL) {
        return;
    }

    if (!l->files_ok) {
        sp_load_error(l, include->key, 104, NULL,
                      "a policy that is not a file cannot include others");
        return;
    }

    sp_load_include(l, include);
}


static void
sp_load_include(sp_load_t *l, const sp_ynode_t *seq)
{
    sp_str_t           s;
    const sp_ynode_t  *child;

    if (sp_value_kind(l, seq, SP_Y_SEQ, "include") != SP_OK) {
        return;
    }

    for (child = seq->first; child != NULL; child = child->next) {

        if (sp_value_text(l, child, &s) == SP_OK) {
            sp_load_pattern(l, child);
        }
    }
}


static void
sp_load_pattern(sp_load_t *l, const sp_ynode_t *node)
{
    char         path[PATH_MAX];
    size_t       i, dir;
    glob_t       found;
    sp_str_t     text;
    const char  *name, *slash;

    slash = strrchr(node->source->name, '/');
    dir = slash ? (size_t) (slash - node->source->name) + 1 : 0;

    /* through directories that are patterns the search could go anywhere */

    i = strcspn((const char *) node->text.data, "*?[");

    if (strchr((const char *) node->text.data + i, '/') != NULL) {
        sp_load_error(l, node, 104, sp_diag_text("write 'rules/*.yaml'"),
                      "'*', '?' and '[' may stand in the name of a file, not "
                      "of a directory");
        return;
    }

    if (node->text.data[0] == '/' || dir + node->text.len >= sizeof(path)) {
        sp_load_error(l, node, 104, NULL, "'%.200s' is not a path relative "
                      "to this file", node->text.data);
        return;
    }

    memcpy(path, node->source->name, dir);
    memcpy(path + dir, node->text.data, node->text.len + 1);

    if (glob(path, GLOB_NOESCAPE, NULL, &found) != 0) {
        sp_load_error(l, node, 104, NULL, "no file fits '%.200s'",
                      node->text.data);
        return;
    }

    for (i = 0; i < found.gl_pathc; i++) {

        if (sp_load_read(l, node, found.gl_pathv[i] + dir, &name, &text)
            == SP_OK)
        {
            sp_load_file(l, name, text);
        }
    }

    globfree(&found);
}


/* A file named by another one, whose directory it is relative to. */

sp_rc_t
sp_load_read(sp_load_t *l, const sp_ynode_t *from, const char *file,
    const char **name, sp_str_t *text)
{
    char         path[PATH_MAX], *real;
    size_t       dir;
    unsigned     i;
    sp_str_t     copy;
    const char  *slash;

    slash = strrchr(from->source->name, '/');
    dir = slash ? (size_t) (slash - from->source->name) + 1 : 0;

    if (!l->files_ok || file[0] == '/' || dir + strlen(file) >= sizeof(path)) {
        sp_load_error(l, from, 104, NULL, "'%.200s' cannot be read: %s", file,
                      l->files_ok ? "the path must be relative to this file"
                                  : "this policy is not a file");
        return SP_ERROR;
    }

    memcpy(path, from->source->name, dir);
    memcpy(path + dir, file, strlen(file) + 1);

    real = realpath(path, NULL);

    if (real == NULL) {
        sp_load_error(l, from, 104, NULL, "'%.200s' cannot be read: there is "
                      "no such file", file);
        return SP_ERROR;
    }

    if (!sp_load_inside(l, real)) {
        sp_load_error(l, from, 104,
                      sp_diag_text("files of a policy stand in its directory "
                                   "or below"),
                      "'%.200s' is outside of the policy's directory", file);
        free(real);
        return SP_ERROR;
    }

    for (i = 0; i < l->nfiles; i++) {

        if (strcmp(l->files[i], real) == 0) {
            sp_load_error(l, from, 104, NULL, "'%.200s' is read twice", file);
            free(real);
            return SP_ERROR;
        }
    }

    if (l->nfiles == SP_FILES_MAX
        || sp_arena_str(l->arena, sp_cstr(real), &copy) != SP_OK)
    {
        sp_load_error(l, from, 104, NULL, "more than %d files", SP_FILES_MAX);
        free(real);
        return SP_ERROR;
    }

    free(real);
    l->files[l->nfiles++] = (const char *) copy.data;

    if (sp_arena_str(l->arena, sp_cstr(path), &copy) != SP_OK) {
        l->failed = 1;
        return SP_ERROR;
    }

    *name = (const char *) copy.data;

    return sp_load_slurp(l, path, sp_ynode_mark(from), sp_node_line(from),
                         text);
}


static sp_rc_t
sp_load_resolve(sp_load_t *l, const char *path, sp_str_t *real)
{
    char     *name;
    sp_rc_t   rc;

    name = realpath(path, NULL);
    if (name == NULL) {
        return SP_ERROR;
    }

    rc = sp_arena_str(l->arena, sp_cstr(name), real);
    free(name);

    return rc;
}


/*
 * What the first file may name: files below the directory through which it
 * was named, or below the one in which it really is. Whoever edits a policy
 * must not be able to have any other file read, and quoted in a message.
 */

static void
sp_load_root(sp_load_t *l, const char *file)
{
    char         dir[PATH_MAX];
    size_t       len;
    sp_str_t     real;
    const char  *slash;

    slash = strrchr(file, '/');
    len = slash ? (size_t) (slash - file) + 1 : 0;

    if (len >= sizeof(dir)) {
        return;
    }

    memcpy(dir, file, len);
    memcpy(dir + len, len ? "" : ".", len ? 1 : 2);

    (void) sp_load_resolve(l, dir, &l->dirs[0]);

    if (sp_load_resolve(l, file, &real) == SP_OK) {
        l->files[l->nfiles++] = (const char *) real.data;

        while (real.len != 0 && real.data[real.len - 1] != '/') {
            real.len--;
        }

        l->dirs[1] = real;
        l->dirs[1].len -= (real.len != 0);
    }
}


static int
sp_load_inside(const sp_load_t *l, const char *real)
{
    int       i;
    sp_str_t  dir;

    for (i = 0; i < 2; i++) {
        dir = l->dirs[i];

        if (dir.data != NULL
            && strncmp(real, (const char *) dir.data, dir.len) == 0
            && (real[dir.len] == '/' || dir.len == 1))
        {
            return 1;
        }
    }

    return 0;
}


static sp_rc_t
sp_load_slurp(sp_load_t *l, const char *file, sp_mark_t mark, sp_str_t line,
    sp_str_t *text)
{
    int             fd, code;
    FILE           *in;
    size_t          len;
    struct stat     st;
    const char     *why;
    unsigned char  *data;

    /* without O_NONBLOCK, opening a pipe would wait for a writer */

    fd = open(file, O_RDONLY|O_NONBLOCK|O_CLOEXEC);
    in = (fd >= 0) ? fdopen(fd, "rb") : NULL;

    if (in == NULL) {

        if (fd >= 0) {
            (void) close(fd);
        }

        sp_diag_add(l->diags, SP_DIAG_ERROR, 100, mark, line, NULL,
                    "'%.300s' cannot be opened", file);
        return SP_ERROR;
    }

    why = NULL;
    code = 100;
    len = 0;
    data = sp_load_alloc(l, SP_YAML_BYTES + 1);

    if (data == NULL) {
        why = "there is no memory";

    } else if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        why = "it is no regular file";

    } else {
        len = fread(data, 1, SP_YAML_BYTES + 1, in);

        if (ferror(in)) {
            why = "it cannot be read";

        } else if (len > SP_YAML_BYTES) {
            why = "it is larger than 1 MiB";

        } else if (l->bytes + len > SP_FILES_BYTES) {
            why = "the files together are larger than 16 MiB";

        } else if (l->bundle != NULL) {
            why = sp_load_signed(l, data, len);
            code = 107;
        }
    }

    (void) fclose(in);

    if (why != NULL) {
        sp_diag_add(l->diags, SP_DIAG_ERROR, code, mark, line, NULL,
                    "'%.300s': %s", file, why);
        return SP_ERROR;
    }

    l->bytes += len;
    text->data = data;
    text->len = len;

    return EVP_DigestUpdate(l->sha, data, len) == 1 ? SP_OK : SP_ERROR;
}


/* The name of the file that was read last, below the policy's directory. */

static const char *
sp_load_signed(const sp_load_t *l, const unsigned char *data, size_t len)
{
    sp_str_t     dir;
    const char  *name;

    dir = l->dirs[1];
    name = l->nfiles != 0 ? l->files[l->nfiles - 1] : "";

    if (dir.data == NULL
        || strncmp(name, (const char *) dir.data, dir.len) != 0
        || name[dir.len] != '/')
    {
        return "it is outside of the signed directory";
    }

    return sp_bundle_differs(l->bundle, sp_cstr(name + dir.len + 1), data,
                             len);
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport policy promote` and `rollback`: what is
 * asked of a revision before the pointer leads to it, and the way back.
 */


#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "sp_analyse.h"

#include "bundle.h"
#include "policy_open.h"


#define SP_PROMOTE_ALLOWED  "0"
#define SP_PROMOTE_DENIED   "0.1%"
#define SP_PROMOTE_NO_BOUND "100%"


typedef struct {
    const sp_cli_args_t  *args;
    const char           *dir;
    const char           *rev;
    int                   lock;
    char                  current[SP_REV_LEN + 1];
    char                  path[SP_DIR_PATH];    /* of the policy's file */
    char                  old[SP_DIR_PATH];     /* of that in force */
    sp_policy_t          *policy;
} sp_promote_t;


static int sp_cli_policy_promote_run(const sp_cli_args_t *args);
static int sp_promote_open(sp_promote_t *p, const sp_cli_args_t *args);
static sp_rc_t sp_promote_paths(sp_promote_t *p, const char *rev);
static int sp_promote_gates(sp_promote_t *p);
static int sp_promote_tests(const sp_promote_t *p);
static int sp_promote_diff(const sp_promote_t *p);
static int sp_promote_analysed(const sp_promote_t *p);
static int sp_promote_replay(const sp_promote_t *p);
static int sp_promote_signed(const sp_promote_t *p);
static int sp_promote_verb(const sp_cli_verb_t *verb, int n,
    const char *const *words);
static int sp_promote_move(sp_promote_t *p, const char *what);
static void sp_promote_close(sp_promote_t *p);
static int sp_cli_policy_rollback_run(const sp_cli_args_t *args);
static int sp_rollback_sign(sp_promote_t *p, const char *from,
    char rev[SP_REV_LEN + 1]);


static const sp_cli_opt_t  sp_cli_policy_promote_opts[] = {
    { "dir", "DIR", "the directory of revisions" },
    { "log", "DIR|FILE", "the audit log to replay" },
    { "since", "TIME", "only its records from then on" },
    { "max-newly-allowed", "N|P%", "refuse above so many (0)" },
    { "max-newly-denied", "N|P%", "refuse above so many (0.1%)" },
    { "untested", NULL, "a policy without tests will do" },
    { "keys", "FILE", "the policy must be signed by one of these" },
    { "dry-run", NULL, "say what would happen, and change nothing" },
    { "by", "WHO", "who promotes it" },
    { "reason", "WHY", "why" },
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_policy_promote = {
    "policy promote",
    "REVISION --dir DIR [--log LOG] --by WHO --reason WHY [OPTIONS]",
    "Puts a staged policy into force, if it passes",
    "Runs what `sallyport check`, `test`, `diff` against the revision in force\n"
    "and `replay` of the audit log say of it, and prints that: what would be\n"
    "newly allowed and newly denied, and the ten accounts most affected. Only\n"
    "if all pass it moves DIR/current, by one rename, which running gates\n"
    "follow within a second, and adds who and why to DIR/history.jsonl.\n\n"
    "The bounds count replayed requests, a share is of all of them. Without\n"
    "--log nothing can be counted: then a policy that newly allows or denies\n"
    "anything at all is refused, unless that bound is 100%. With --keys the\n"
    "signature is verified, and the serial must not be lower than that of the\n"
    "revision in force.\n\n"
    "Exit code 0: in force; 1: it has errors, a test fails or a file cannot be\n"
    "read; 3: beyond the bounds. The pointer moves with 0 alone.\n\n"
    "  sallyport policy promote 2026-12-01.1 --dir /etc/sallyport/policy \\\n"
    "      --log /var/log/sallyport --since -7d --by jo --reason OPS-17\n",
    sp_cli_policy_promote_opts,
    1,
    1,
    sp_cli_policy_promote_run
};


static const sp_cli_opt_t  sp_cli_policy_rollback_opts[] = {
    { "dir", "DIR", "the directory of revisions" },
    { "key", "FILE", "sign it anew, for gates that take signed ones only" },
    { "name", "NAME", "the name under which keygen made the key" },
    { "by", "WHO", "who goes back" },
    { "reason", "WHY", "why" },
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_policy_rollback = {
    "policy rollback",
    "--dir DIR [--key FILE --name NAME] --by WHO --reason WHY",
    "Puts the revision before this one into force again",
    "Which one that was is in DIR/history.jsonl; two rollbacks go back two\n"
    "steps. The policy must load; nothing else is asked of it, since it was in\n"
    "force before. A gate with keys= refuses a lower serial than it had: for\n"
    "one, --key signs a copy of the old files with a new serial, which stands\n"
    "beside them as REVISION.sSERIAL.\n\n"
    "Exit code 0: done; 1: there is nothing to go back to, or it does not\n"
    "load any more.\n\n"
    "  sallyport policy rollback --dir /etc/sallyport/policy --by jo \\\n"
    "      --reason 'OPS-18: denies too much'\n",
    sp_cli_policy_rollback_opts,
    0,
    0,
    sp_cli_policy_rollback_run
};


static int
sp_cli_policy_promote_run(const sp_cli_args_t *args)
{
    int            rc;
    const char    *by, *why;
    sp_promote_t   p;

    if (sp_cli_opt(args, "dry-run") == NULL
        && sp_cli_who(args, &by, &why) != SP_OK)
    {
        return SP_CLI_USAGE;
    }

    if (!sp_rev_valid(sp_cstr(args->args[0]))) {
        sp_cli_error("'%s' is no revision's name; `sallyport policy status` "
                     "lists them", args->args[0]);
        return SP_CLI_USAGE;
    }

    rc = sp_promote_open(&p, args);

    if (rc == SP_CLI_FINE && strcmp(p.current, args->args[0]) == 0) {
        printf("%s is in force already\n", p.current);
        sp_promote_close(&p);
        return SP_CLI_FINE;
    }

    if (rc == SP_CLI_FINE) {
        rc = sp_promote_paths(&p, args->args[0]) == SP_OK
             ? sp_promote_gates(&p) : SP_CLI_REFUSED;
    }

    if (rc == SP_CLI_FINE && sp_cli_opt(args, "dry-run") != NULL) {
        printf("%s would be put into force\n", p.rev);

    } else if (rc == SP_CLI_FINE) {
        rc = sp_promote_move(&p, "promote");

    } else if (rc != SP_CLI_USAGE) {
        sp_cli_error("nothing was changed");
    }

    sp_promote_close(&p);

    return rc;
}


static int
sp_promote_open(sp_promote_t *p, const sp_cli_args_t *args)
{
    memset(p, 0, sizeof(*p));
    p->args = args;
    p->lock = -1;
    p->dir = sp_cli_opt(args, "dir");

    if (p->dir == NULL) {
        sp_cli_error("--dir DIR is needed: where the revisions are");
        return SP_CLI_USAGE;
    }

    p->lock = sp_dir_lock(p->dir);

    return p->lock != -1 && sp_dir_current(p->dir, p->current) == SP_OK
           ? SP_CLI_FINE : SP_CLI_REFUSED;
}


static void
sp_promote_close(sp_promote_t *p)
{
    free(p->policy);

    if (p->lock != -1) {
        (void) close(p->lock);
    }
}


/* The policy is loaded, and its hash is what the history will say. */

static sp_rc_t
sp_promote_paths(sp_promote_t *p, const char *rev)
{
    char              name[SP_REV_LEN + sizeof("/policy.yaml")];
    sp_policy_opts_t  opts;

    p->rev = rev;
    (void) snprintf(name, sizeof(name), "%s/policy.yaml", rev);

    if (sp_dir_path(p->path, p->dir, name) != SP_OK) {
        return SP_ERROR;
    }

    (void) snprintf(name, sizeof(name), "%s/policy.yaml", p->current);

    if (sp_dir_path(p->old, p->dir, name) != SP_OK) {
        return SP_ERROR;
    }

    memset(&opts, 0, sizeof(opts));
    opts.now = (int64_t) time(NULL);
    opts.has_regions = 1;
    p->policy = sp_cli_policy(p->path, &opts);

    return p->policy != NULL ? SP_OK : SP_ERROR;
}


static int
sp_promote_gates(sp_promote_t *p)
{
    int          rc;
    const char  *words[1];

    printf("check %s\n", p->rev);
    words[0] = p->path;
    rc = sp_promote_verb(&sp_cli_check, 1, words);

    if (rc == SP_CLI_FINE) {
        rc = sp_promote_signed(p);
    }

    if (rc == SP_CLI_FINE) {
        rc = sp_promote_tests(p);
    }

    if (rc == SP_CLI_FINE && p->current[0] != '\0') {
        rc = sp_promote_diff(p);

    } else if (rc == SP_CLI_FINE) {
        printf("\nno policy is in force yet: every request is refused\n");
    }

    if (rc == SP_CLI_FINE && sp_cli_opt(p->args, "log") != NULL) {
        rc = sp_promote_replay(p);
    }

    putchar('\n');
    (void) fflush(stdout);

    return rc;
}


/* Another verb, as if it were called with these words. */

static int
sp_promote_verb(const sp_cli_verb_t *verb, int n, const char *const *words)
{
    sp_cli_args_t  args;

    if (sp_cli_args_read(&args, verb, n, (char **) words) != SP_OK) {
        return SP_CLI_USAGE;
    }

    (void) fflush(stdout);

    return verb->run(&args);
}


static int
sp_promote_signed(const sp_promote_t *p)
{
    char               path[SP_DIR_PATH];
    sp_set_t          *set;
    uint64_t           serial;
    const char        *words[5];
    char               least[24];

    if (sp_cli_opt(p->args, "keys") == NULL) {
        return SP_CLI_FINE;
    }

    serial = 0;
    set = sp_cli_alloc(sizeof(*set));

    if (p->current[0] != '\0' && sp_dir_path(path, p->dir, p->current) == SP_OK
        && sp_set_read(set, path) == SP_OK)
    {
        serial = sp_policy_serial(set);
    }

    sp_set_free(set);
    free(set);

    if (sp_dir_path(path, p->dir, p->rev) != SP_OK) {
        return SP_CLI_REFUSED;
    }

    printf("\nverify %s\n", p->rev);
    (void) snprintf(least, sizeof(least), "%llu",
                    (unsigned long long) serial);
    words[0] = path;
    words[1] = "--keys";
    words[2] = sp_cli_opt(p->args, "keys");
    words[3] = "--serial";
    words[4] = least;

    return sp_promote_verb(&sp_cli_policy_verify, 5, words);
}


static int
sp_promote_tests(const sp_promote_t *p)
{
    int          tested;
    char         path[SP_DIR_PATH];
    sp_set_t    *set;
    const char  *words[1];

    if (sp_dir_path(path, p->dir, p->rev) != SP_OK) {
        return SP_CLI_REFUSED;
    }

    set = sp_cli_alloc(sizeof(*set));
    tested = sp_set_read(set, path) == SP_OK ? sp_set_tested(set) : -1;
    sp_set_free(set);
    free(set);

    if (tested == -1) {
        return SP_CLI_REFUSED;
    }

    if (tested) {
        printf("\ntest %s\n", p->rev);
        words[0] = path;
        return sp_promote_verb(&sp_cli_test, 1, words);
    }

    if (sp_cli_opt(p->args, "untested") != NULL) {
        return SP_CLI_FINE;
    }

    sp_cli_error("'%s' has no tests (*_test.yaml): stage it with some, or say "
                 "--untested", path);

    return SP_CLI_REFUSED;
}


static int
sp_promote_diff(const sp_promote_t *p)
{
    int          rc;
    const char  *words[2];

    printf("\ndiff %s %s\n", p->current, p->rev);
    words[0] = p->old;
    words[1] = p->path;
    rc = sp_promote_verb(&sp_cli_diff, 2, words);

    /* what cannot be compared at once, or is broken, is left to the log */

    if (sp_cli_opt(p->args, "log") != NULL) {
        return SP_CLI_FINE;
    }

    if (rc == SP_CLI_REFUSED) {
        sp_cli_error("what would change is not known: say --log LOG");
    }

    return rc == SP_CLI_DIFFERS ? sp_promote_analysed(p) : rc;
}


/* Without a log: something, or nothing. */

static int
sp_promote_analysed(const sp_promote_t *p)
{
    int                i, rc;
    int64_t            now;
    sp_diff_t         *diff;
    const char        *bound;
    sp_policy_t       *old;
    sp_policy_opts_t   opts;

    static const struct {
        sp_diff_kind_t   kind;
        const char      *option;
        const char      *what;
    } kinds[] = {
        { SP_DIFF_ALLOWED, "max-newly-allowed", "allowed" },
        { SP_DIFF_DENIED, "max-newly-denied", "denied" }
    };

    now = (int64_t) time(NULL);
    memset(&opts, 0, sizeof(opts));
    opts.now = now;
    opts.has_regions = 1;
    old = sp_cli_policy(p->old, &opts);
    diff = old != NULL ? sp_diff_create(old, p->policy, now) : NULL;
    rc = diff != NULL && sp_diff_done(diff) ? SP_CLI_FINE : SP_CLI_REFUSED;

    for (i = 0; i < 2 && rc != SP_CLI_REFUSED; i++) {
        bound = sp_cli_opt(p->args, kinds[i].option);

        if (sp_diff_any(diff, kinds[i].kind)
            && (bound == NULL || strcmp(bound, SP_PROMOTE_NO_BOUND) != 0))
        {
            sp_cli_error("some requests would newly be %s, and without --log "
                         "they cannot be counted: say --log LOG, or --%s %s",
                         kinds[i].what, kinds[i].option,
                         SP_PROMOTE_NO_BOUND);
            rc = SP_CLI_DIFFERS;
        }
    }

    sp_diff_destroy(diff);
    free(old);

    return rc;
}


static int
sp_promote_replay(const sp_promote_t *p)
{
    int          n;
    const char  *words[10], *allowed, *denied;

    allowed = sp_cli_opt(p->args, "max-newly-allowed");
    denied = sp_cli_opt(p->args, "max-newly-denied");
    n = 0;

    words[n++] = p->path;
    words[n++] = "--log";
    words[n++] = sp_cli_opt(p->args, "log");
    words[n++] = "--max-newly-allowed";
    words[n++] = allowed != NULL ? allowed : SP_PROMOTE_ALLOWED;
    words[n++] = "--max-newly-denied";
    words[n++] = denied != NULL ? denied : SP_PROMOTE_DENIED;

    if (sp_cli_opt(p->args, "since") != NULL) {
        words[n++] = "--since";
        words[n++] = sp_cli_opt(p->args, "since");
    }

    printf("\nreplay %s --log %s\n", p->rev, sp_cli_opt(p->args, "log"));

    return sp_promote_verb(&sp_cli_replay, n, words);
}


static int
sp_promote_move(sp_promote_t *p, const char *what)
{
    if (sp_dir_point(p->dir, p->lock, p->rev) != SP_OK) {
        return SP_CLI_REFUSED;
    }

    printf("%s is in force%s%s\n", p->rev,
           p->current[0] != '\0' ? ", before it was " : "", p->current);

    if (sp_dir_record(p->dir, what, p->current, p->rev,
                      sp_policy_hash(p->policy), p->args)
        != SP_OK)
    {
        sp_cli_error("the pointer is moved, but the history does not say so");
        return SP_CLI_REFUSED;
    }

    return SP_CLI_FINE;
}


static int
sp_cli_policy_rollback_run(const sp_cli_args_t *args)
{
    int            rc;
    char           rev[SP_REV_LEN + 1], again[SP_REV_LEN + 1];
    json_t        *history;
    const char    *by, *why;
    sp_promote_t   p;

    if (sp_cli_who(args, &by, &why) != SP_OK) {
        return SP_CLI_USAGE;
    }

    if ((sp_cli_opt(args, "key") != NULL) != (sp_cli_opt(args, "name") != NULL))
    {
        sp_cli_error("--key FILE and --name NAME belong together");
        return SP_CLI_USAGE;
    }

    rc = sp_promote_open(&p, args);
    history = rc == SP_CLI_FINE ? sp_dir_history(p.dir) : NULL;

    if (history != NULL) {
        sp_dir_before(history, p.current, rev);
        json_decref(history);

        if (rev[0] == '\0') {
            sp_cli_error("the history of '%s' names nothing before '%s'",
                         p.dir, p.current);
            rc = SP_CLI_REFUSED;

        } else if (sp_promote_paths(&p, rev) != SP_OK) {
            rc = SP_CLI_REFUSED;
        }

    } else if (rc == SP_CLI_FINE) {
        rc = SP_CLI_REFUSED;
    }

    if (rc == SP_CLI_FINE && sp_cli_opt(args, "key") != NULL) {
        rc = sp_rollback_sign(&p, rev, again);
    }

    if (rc == SP_CLI_FINE) {
        rc = sp_promote_move(&p, "rollback");
    }

    sp_promote_close(&p);

    return rc;
}


static int
sp_rollback_sign(sp_promote_t *p, const char *from, char rev[SP_REV_LEN + 1])
{
    int         rc;
    char        path[SP_DIR_PATH];
    sp_set_t   *set;
    uint64_t    serial;

    serial = sp_policy_highest(p->dir) + 1;
    rc = snprintf(rev, SP_REV_LEN + 1, "%s.s%llu", from,
                  (unsigned long long) serial);

    if (rc > SP_REV_LEN || sp_dir_path(path, p->dir, from) != SP_OK) {
        sp_cli_error("'%s' is too long for another one beside it", from);
        return SP_CLI_REFUSED;
    }

    rc = SP_CLI_REFUSED;
    set = sp_cli_alloc(sizeof(*set));

    if (sp_set_read(set, path) == SP_OK
        && sp_policy_sign(set, p->policy, serial, p->args) == SP_OK
        && sp_stage_set(set, p->dir, p->lock, rev) == SP_OK)
    {
        p->rev = rev;
        rc = SP_CLI_FINE;
    }

    sp_set_free(set);
    free(set);

    return rc;
}

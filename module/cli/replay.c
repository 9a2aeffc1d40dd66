
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport replay`: recorded decisions, decided again
 * by another policy.
 */


#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "sp_line.h"

#include "policy_open.h"
#include "replay.h"
#include "replay_out.h"


#define SP_REPLAY_TICK    20000    /* lines between two signs of progress */
#define SP_REPLAY_DEPTH   16
#define SP_REPLAY_SUFFIX  ".jsonl"
#define SP_REPLAY_BAD     5        /* bad lines that are named */


typedef struct {
    size_t    n;
    char    **names;
} sp_replay_files_t;


static int sp_cli_replay_run(const sp_cli_args_t *args);
static sp_rc_t sp_replay_options(const sp_cli_args_t *args,
    sp_replay_t *replay, sp_replay_gate_t gates[2], size_t *top);
static sp_rc_t sp_replay_span(const sp_cli_args_t *args, const char *name,
    int64_t now, int64_t *when);
static int sp_replay_seen(const char *path, const struct stat *st, int type,
    struct FTW *ftw);
static int sp_replay_by_name(const void *one, const void *two);
static sp_rc_t sp_replay_file(sp_replay_t *replay, const char *name);
static void sp_replay_line(sp_replay_t *replay, const char *name,
    uint64_t number, sp_str_t text);


static const sp_cli_opt_t  sp_cli_replay_opts[] = {
    { "log", "DIR|FILE", "the audit log: a file, or all *.jsonl below DIR" },
    { "since", "TIME", "only records from then on" },
    { "until", "TIME", "only records before that" },
    { "max-newly-allowed", "N|P%", "exit with 3 above so many" },
    { "max-newly-denied", "N|P%", "exit with 3 above so many" },
    { "top", "N", "how many accounts to show (10)" },
    { "now", "TIME", "load the policy as of this time" },
    { "format", "text|json", "how to print it (text)" },
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_replay = {
    "replay",
    "POLICY --log DIR|FILE [OPTIONS]",
    "Decides recorded requests again by another policy: what would change",
    "Every audit record holds the facts of its decision, so that it can be made\n"
    "again, at the time of then. The answer says how many requests would newly\n"
    "be allowed or denied, by old and new rule, and which accounts that hits\n"
    "most. A record that lacks a fact which could change the verdict is counted\n"
    "as not replayable, with the fact; nothing is guessed. Plain allows are in\n"
    "the log only where it is written with allows=on.\n\n"
    "Throttles are compared, not simulated: a request that met other limits is\n"
    "counted, and one that had to wait is not replayable under others.\n\n"
    "A share, as in --max-newly-denied 0.1%, is of the replayed requests. Exit\n"
    "code 0: done; 1: the log or the policy cannot be read, or has lines that\n"
    "are no records; 3: above what was given, or the log holds decisions of\n"
    "this very policy that it does not make.\n\n"
    "  sallyport replay policy/ --log /var/log/sallyport --since -7d\n"
    "  sallyport replay new.yaml --log lane-1.1.jsonl --max-newly-allowed 0\n",
    sp_cli_replay_opts,
    1,
    1,
    sp_cli_replay_run
};


/* nftw() has no argument for its caller's own. */
static sp_replay_files_t  *sp_replay_walk;


static int
sp_cli_replay_run(const sp_cli_args_t *args)
{
    int                rc, ok;
    size_t             top;
    sp_replay_t       *replay;
    sp_policy_t       *policy;
    sp_policy_opts_t   opts;
    sp_replay_gate_t   gates[2];

    replay = sp_cli_alloc(sizeof(*replay));
    memset(&opts, 0, sizeof(opts));
    opts.now = (int64_t) time(NULL);
    opts.has_regions = 1;

    if (sp_replay_options(args, replay, gates, &top) != SP_OK
        || sp_cli_now(args, &opts.now) != SP_OK)
    {
        free(replay);
        return SP_CLI_USAGE;
    }

    policy = sp_cli_policy(args->args[0], &opts);

    if (policy == NULL) {
        free(replay);
        return SP_CLI_REFUSED;
    }

    sp_replay_init(replay, policy);
    replay->progress = isatty(STDERR_FILENO);
    ok = sp_replay_path(replay, sp_cli_opt(args, "log")) == SP_OK
         && replay->bad == 0;

    if (sp_cli_format(args) == 1) {
        if (sp_cli_json_print(sp_replay_json(replay, top)) != SP_OK) {
            ok = 0;
        }

    } else {
        sp_replay_text(replay, top);
    }

    rc = sp_replay_gates(replay, gates, sp_nelts(gates));

    sp_replay_free(replay);
    free(replay);
    free(policy);

    return ok ? rc : SP_CLI_REFUSED;
}


static sp_rc_t
sp_replay_options(const sp_cli_args_t *args, sp_replay_t *replay,
    sp_replay_gate_t gates[2], size_t *top)
{
    int64_t      now;
    uint64_t     n;
    const char  *text;

    now = (int64_t) time(NULL);
    n = 10;
    text = sp_cli_opt(args, "top");

    if (text != NULL && sp_cli_number("--top", text, 100000, &n) != SP_OK) {
        return SP_ERROR;
    }

    *top = (size_t) n;

    if (sp_cli_opt(args, "log") == NULL) {
        sp_cli_error("which log? --log DIR, or --log FILE");
        return SP_ERROR;
    }

    if (sp_replay_span(args, "since", now, &replay->since) != SP_OK
        || sp_replay_span(args, "until", now, &replay->until) != SP_OK
        || sp_replay_gate("max-newly-allowed",
                          sp_cli_opt(args, "max-newly-allowed"), &gates[0])
           != SP_OK
        || sp_replay_gate("max-newly-denied",
                          sp_cli_opt(args, "max-newly-denied"), &gates[1])
           != SP_OK)
    {
        return SP_ERROR;
    }

    return sp_cli_format(args) == -1 ? SP_ERROR : SP_OK;
}


static sp_rc_t
sp_replay_span(const sp_cli_args_t *args, const char *name, int64_t now,
    int64_t *when)
{
    const char  *text;

    text = sp_cli_opt(args, name);

    if (text == NULL || sp_cli_time(sp_cstr(text), now, when) == SP_OK) {
        return SP_OK;
    }

    sp_cli_error("--%s: '%s' is no time; 2026-12-01, 2026-12-01T08:00:00Z "
                 "and -7d are", name, text);

    return SP_ERROR;
}


sp_rc_t
sp_replay_path(sp_replay_t *replay, const char *path)
{
    size_t              i;
    sp_rc_t             rc;
    struct stat         st;
    sp_replay_files_t   files;

    if (stat(path, &st) != 0) {
        sp_cli_error("cannot open '%s': %s", path, strerror(errno));
        return SP_ERROR;
    }

    if (!S_ISDIR(st.st_mode)) {
        return sp_replay_file(replay, path);
    }

    memset(&files, 0, sizeof(files));
    sp_replay_walk = &files;
    rc = SP_OK;

    if (nftw(path, sp_replay_seen, SP_REPLAY_DEPTH, FTW_PHYS) != 0) {
        sp_cli_error("cannot read '%s': %s", path, strerror(errno));
        rc = SP_ERROR;

    } else if (files.n == 0) {
        sp_cli_error("there is no *" SP_REPLAY_SUFFIX " below '%s'", path);
        rc = SP_ERROR;
    }

    if (files.n != 0) {
        qsort(files.names, files.n, sizeof(char *), sp_replay_by_name);
    }

    for (i = 0; i < files.n; i++) {
        if (rc == SP_OK) {
            rc = sp_replay_file(replay, files.names[i]);
        }

        free(files.names[i]);
    }

    free(files.names);

    return rc;
}


static int
sp_replay_seen(const char *path, const struct stat *st, int type,
    struct FTW *ftw)
{
    char    **names;
    size_t    len;

    len = strlen(path);

    if (type != FTW_F || len < sizeof(SP_REPLAY_SUFFIX)
        || strcmp(path + len - (sizeof(SP_REPLAY_SUFFIX) - 1),
                  SP_REPLAY_SUFFIX)
           != 0)
    {
        return 0;
    }

    names = realloc(sp_replay_walk->names,
                    (sp_replay_walk->n + 1) * sizeof(char *));

    if (names == NULL) {
        errno = ENOMEM;
        return -1;
    }

    sp_replay_walk->names = names;
    names[sp_replay_walk->n++] = sp_cli_copy(sp_cstr(path));

    return 0;
}


static int
sp_replay_by_name(const void *one, const void *two)
{
    return strcmp(*(char *const *) one, *(char *const *) two);
}


static sp_rc_t
sp_replay_file(sp_replay_t *replay, const char *name)
{
    FILE      *in;
    char      *line;
    size_t     size;
    ssize_t    len;
    sp_rc_t    rc;
    sp_str_t   text;
    uint64_t   number;

    in = fopen(name, "re");

    if (in == NULL) {
        sp_cli_error("cannot open '%s': %s", name, strerror(errno));
        return SP_ERROR;
    }

    line = NULL;
    size = 0;
    number = 0;
    replay->files++;

    while ((len = getline(&line, &size, in)) > 0) {
        number++;
        replay->lines++;

        if (replay->progress && replay->lines % SP_REPLAY_TICK == 0) {
            fprintf(stderr, "\r%llu lines, %llu replayed",
                    (unsigned long long) replay->lines,
                    (unsigned long long) replay->replayed);
        }

        if (line[len - 1] != '\n') {
            replay->torn++;
            break;
        }

        text = (sp_str_t) { (size_t) len - 1, (unsigned char *) line };
        sp_replay_line(replay, name, number, text);
    }

    if (replay->progress && replay->lines >= SP_REPLAY_TICK) {
        fputs("\r\033[K", stderr);
    }

    rc = SP_OK;

    if (ferror(in)) {
        sp_cli_error("cannot read '%s': %s", name, strerror(errno));
        rc = SP_ERROR;
    }

    free(line);
    (void) fclose(in);

    return rc;
}


static void
sp_replay_line(sp_replay_t *replay, const char *name, uint64_t number,
    sp_str_t text)
{
    char           place[512];
    int64_t        when;
    json_t        *record;
    uint64_t       us;
    sp_line_t      line;
    const char    *why;
    json_error_t   error;

    if (sp_line_read(&line, text, &why) != SP_OK) {
        if (replay->bad++ < SP_REPLAY_BAD) {
            sp_cli_error("%s:%llu: %s", name, (unsigned long long) number,
                         why);
        }

        return;
    }

    if (line.type != SP_LINE_DECISION) {
        return;
    }

    if (replay->since != 0 || replay->until != 0) {
        when = sp_line_time(&line, &us) == SP_OK ? (int64_t) (us / 1000000)
                                                 : 0;

        if ((replay->since != 0 && when < replay->since)
            || (replay->until != 0 && when >= replay->until))
        {
            return;
        }
    }

    record = json_loadb((const char *) text.data, text.len,
                        JSON_REJECT_DUPLICATES, &error);

    if (record == NULL) {
        if (replay->bad++ < SP_REPLAY_BAD) {
            sp_cli_error("%s:%llu:%d: %s", name, (unsigned long long) number,
                         error.column, error.text);
        }

        return;
    }

    (void) snprintf(place, sizeof(place), "%s:%llu", name,
                    (unsigned long long) number);
    sp_cli_at(place);
    sp_replay_record(replay, record);
    sp_cli_at(NULL);
    json_decref(record);
}

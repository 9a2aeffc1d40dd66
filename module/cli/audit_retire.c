
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport audit retire`: old files of the log go, the
 * lines that must be kept stay, and what is left can still be proved.
 */


#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "retire.h"


static int sp_cli_audit_retire_run(const sp_cli_args_t *args);
static sp_rc_t sp_retire_options(const sp_cli_args_t *args,
    sp_retire_t *retire);
static sp_rc_t sp_retire_keep(sp_retire_t *retire, const char *text);
static void sp_retire_kept(void *ctx, const sp_lane_t *lane);
static int sp_retire_lane(sp_retire_t *retire, sp_lane_t *lane);
static json_t *sp_retire_record(sp_lane_writer_t *writer, void *ctx);


const char *const  sp_retire_classes[SP_RETIRE_CLASSES] = {
    "legal", "risk", "commercial", "credential", "request", "system"
};


static const sp_cli_opt_t  sp_cli_audit_retire_opts[] = {
    { "before", "TIME", "files whose last line is older: 2026-06-01, -180d" },
    { "keep", "WHAT", "class=legal,excepted; none" },
    { "dry-run", NULL, "only say what would go" },
    { "seal", "DIR", "the sealer's directory (DIR/seal)" },
    { "by", "WHO", "who does it" },
    { "reason", "WHY", "why" },
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_audit_retire = {
    "audit retire",
    "DIR --before TIME --keep class=legal,excepted --by WHO --reason WHY",
    "Removes old files of the audit log, and keeps it provable",
    "Only whole files go that are closed, sealed, and what was sealed; never\n"
    "the newest of a lane. --keep names the decisions that stay, with their\n"
    "settlements: class=NAME refusals of that class, excepted what was\n"
    "allowed under an exception, none. What is appealed against stays always.\n"
    "Seals, tree and checkpoints stay: kept lines are proved as before, and a\n"
    "record in the log says what went, when, by whom and why.\n\n"
    "  sallyport audit verify /var/log/sallyport --key seal.pub\n"
    "  sallyport audit retire /var/log/sallyport --before -180d \\\n"
    "      --keep class=legal,excepted --by jo --reason 'retention: 6 months'\n"
    "\nExit codes: 0 done; 1 it could not be done, or a file is not what was\n"
    "sealed, and its lane stays; 3 there is nothing to retire.\n",
    sp_cli_audit_retire_opts,
    1,
    1,
    sp_cli_audit_retire_run
};


static int
sp_cli_audit_retire_run(const sp_cli_args_t *args)
{
    int           rc, one;
    size_t        i;
    sp_lanes_t    lanes;
    sp_retire_t   retire;

    memset(&retire, 0, sizeof(retire));
    memset(&lanes, 0, sizeof(lanes));

    if (sp_retire_options(args, &retire) != SP_OK) {
        return SP_CLI_USAGE;
    }

    retire.seal = sp_audit_seal_dir(args, retire.dir);
    retire.ids = json_object();
    rc = SP_CLI_REFUSED;

    if (sp_retire_sealed(&retire) == SP_OK
        && sp_audit_each(retire.dir, sp_retire_kept, &retire) == SP_OK
        && sp_lanes_open(&lanes, retire.dir) == SP_OK)
    {
        rc = SP_CLI_FINE;

        for (i = 0; i < lanes.nlanes; i++) {
            one = sp_retire_lane(&retire, lanes.lanes[i]);
            rc = one != SP_CLI_FINE ? one : rc;
        }

        printf("%llu files %s, %llu lines of %llu are kept\n",
               (unsigned long long) retire.files,
               retire.dry ? "would be retired" : "are retired",
               (unsigned long long) retire.kept,
               (unsigned long long) retire.lines);

        if (rc == SP_CLI_FINE && retire.files == 0) {
            rc = SP_CLI_DIFFERS;
        }
    }

    sp_lanes_free(&lanes);
    json_decref(retire.ids);
    free(retire.marks);
    free(retire.seal);

    return rc;
}


static sp_rc_t
sp_retire_options(const sp_cli_args_t *args, sp_retire_t *retire)
{
    int64_t      at;
    const char  *before;

    before = sp_cli_opt(args, "before");
    retire->dir = args->args[0];
    retire->keep = sp_cli_opt(args, "keep");
    retire->dry = sp_cli_opt(args, "dry-run") != NULL;

    if (before == NULL || retire->keep == NULL) {
        sp_cli_error("--before TIME and --keep WHAT are needed: "
                     "--keep class=legal,excepted, or --keep none");
        return SP_ERROR;
    }

    if (sp_cli_time(sp_cstr(before), (int64_t) time(NULL), &at) != SP_OK) {
        sp_cli_error("--before: '%s' is no time; 2026-12-01, "
                     "2026-12-01T08:00:00Z and -180d are", before);
        return SP_ERROR;
    }

    if (at > (int64_t) time(NULL)) {
        sp_cli_error("--before: '%s' is yet to come", before);
        return SP_ERROR;
    }

    retire->before = (uint64_t) at * 1000000;

    if (!retire->dry && sp_cli_who(args, &retire->by, &retire->why) != SP_OK) {
        return SP_ERROR;
    }

    return sp_retire_keep(retire, retire->keep);
}


/* "class=legal,risk,excepted": a class may stand without its key. */

static sp_rc_t
sp_retire_keep(sp_retire_t *retire, const char *text)
{
    size_t    i;
    sp_str_t  word;

    if (strcmp(text, "none") == 0) {
        return SP_OK;
    }

    for ( ;; ) {
        word = sp_cstr(text);
        word.len = strcspn(text, ",");
        text += word.len;

        if (sp_str_eq(word, SP_STR("excepted"))) {
            retire->excepted = 1;

        } else {

            if (word.len > 6 && memcmp(word.data, "class=", 6) == 0) {
                word.data += 6;
                word.len -= 6;
            }

            for (i = 0; i < SP_RETIRE_CLASSES; i++) {
                if (sp_str_eq(word, sp_cstr(sp_retire_classes[i]))) {
                    retire->classes |= 1u << i;
                    break;
                }
            }

            if (i == SP_RETIRE_CLASSES) {
                sp_cli_error("--keep: '%.*s' is neither excepted nor "
                             "class=legal, risk, commercial, credential, "
                             "request or system", (int) word.len,
                             (const char *) word.data);
                return SP_ERROR;
            }
        }

        if (*text++ == '\0') {
            return SP_OK;
        }
    }
}


/* The ids of decisions to be kept, wherever they stand. */

static void
sp_retire_kept(void *ctx, const sp_lane_t *lane)
{
    int               keep;
    size_t            i;
    sp_str_t          id;
    sp_retire_t      *retire = ctx;
    const sp_line_t  *line;

    line = &lane->line;
    keep = line->type == SP_LINE_APPEAL;

    if (line->type == SP_LINE_DECISION || line->type == SP_LINE_FLOOD) {

        for (i = 0; i < SP_RETIRE_CLASSES; i++) {
            keep |= (retire->classes & 1u << i) != 0
                    && sp_line_is(line, SP_LM_CLASS, sp_retire_classes[i]);
        }

        keep |= retire->excepted && line->members[SP_LM_LIFTED].len > 2
                && sp_line_is(line, SP_LM_DEC, "allow");
    }

    if (keep && sp_line_word(line, line->type == SP_LINE_APPEAL ? SP_LM_OF
                                                                : SP_LM_ID,
                             &id) == SP_OK)
    {
        json_object_setn_new(retire->ids, (const char *) id.data, id.len,
                             json_true());
    }
}


static int
sp_retire_lane(sp_retire_t *retire, sp_lane_t *lane)
{
    int                rc;
    char               path[SP_LANE_PATH];
    size_t             i, n;
    sp_retire_file_t  *files;

    if (strcmp(lane->boot, SP_LANE_DESK) == 0 || lane->nsegments < 2) {
        return SP_CLI_FINE;
    }

    files = sp_cli_alloc(lane->nsegments * sizeof(*files));
    rc = sp_retire_walk(retire, lane, files, &n) == SP_OK ? SP_CLI_FINE
                                                          : SP_CLI_REFUSED;

    for (i = 0; i < n && rc == SP_CLI_FINE; i++) {
        retire->lane = lane;
        retire->file = &files[i];
        (void) sp_lane_path(lane, files[i].segment, path);

        if (retire->dry) {
            sp_cli_print_safe(stdout, sp_cstr(path));
            putchar('\n');

        } else if (sp_retire_copy(retire) != SP_OK
                   || (!files[i].recorded
                       && sp_lane_desk(retire->dir, sp_retire_record, retire)
                          != SP_OK))
        {
            rc = SP_CLI_REFUSED;
            break;

        } else if (unlink(path) != 0) {
            sp_cli_error("cannot remove '%s': %s", path, strerror(errno));
            rc = SP_CLI_REFUSED;
            break;
        }

        retire->files++;
        retire->lines += files[i].lines;
        retire->kept += files[i].kept;
    }

    free(files);

    return rc;
}


static json_t *
sp_retire_record(sp_lane_writer_t *writer, void *ctx)
{
    json_t                  *record;
    sp_retire_t             *retire = ctx;
    const sp_retire_file_t  *file;

    file = retire->file;
    record = sp_lane_record(writer, "retire");

    json_object_set_new(record, "boot", json_string(retire->lane->boot));
    json_object_set_new(record, "of",
                        json_integer((json_int_t) retire->lane->number));
    json_object_set_new(record, "file",
                        json_integer((json_int_t) file->segment));
    json_object_set_new(record, "from",
                        json_integer((json_int_t) file->from));
    json_object_set_new(record, "to", json_integer((json_int_t) file->to));
    json_object_set_new(record, "last",
                        json_stringn((const char *) file->h, SP_CHAIN_LEN));
    json_object_set_new(record, "lines",
                        json_integer((json_int_t) file->lines));
    json_object_set_new(record, "kept",
                        json_integer((json_int_t) file->kept));
    json_object_set_new(record, "keep",
                        sp_cli_json_str(sp_cstr(retire->keep)));
    json_object_set_new(record, "by", sp_cli_json_str(sp_cstr(retire->by)));
    json_object_set_new(record, "why", sp_cli_json_str(sp_cstr(retire->why)));

    return record;
}

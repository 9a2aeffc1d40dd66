
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport audit verify`: what is read, in which order,
 * and what it says at the end.
 */


#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "prove.h"
#include "verify.h"


#define SP_VERIFY_STEP  500000    /* lines between words of progress */


static int sp_cli_audit_verify_run(const sp_cli_args_t *args);
static sp_rc_t sp_verify_open(const sp_cli_args_t *args, sp_verify_t *v);
static void sp_verify_close(sp_verify_t *v);
static void sp_verify_settle(sp_verify_t *v);
static void sp_verify_rest(sp_verify_t *v);
static void sp_verify_tail(sp_verify_t *v, sp_lane_t *lane);
static void sp_verify_numbers(sp_verify_t *v);
static void sp_verify_retirement(sp_verify_t *v);
static void sp_verify_text(const sp_verify_t *v);
static json_t *sp_verify_json(const sp_verify_t *v);
static const sp_finding_t *sp_verify_worst(const sp_verify_t *v);


static const char *const  sp_verify_grades[] = {
    "intact", "incomplete", "tampered"
};


static const sp_cli_opt_t  sp_cli_audit_verify_opts[] = {
    { "key", "FILE", "the public key, or its text: seal/key.pub elsewhere" },
    { "anchor", "FILE", "checkpoints that were kept elsewhere" },
    { "seal", "DIR", "the sealer's directory (DIR/seal)" },
    { "record", "FILE", "with --proof: one line, without a directory" },
    { "proof", "FILE", "its proof, from `audit prove`" },
    { "format", "text|json", "how to print it (text)" },
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_audit_verify = {
    "audit verify",
    "DIR --key FILE [--anchor FILE] | --record FILE --proof FILE --key FILE",
    "Verifies the audit log, and names the first bad line",
    "Every line is read: its form, its number, its link to the line before;\n"
    "files and lanes; the Merkle tree over all of them is built again and\n"
    "compared with every checkpoint. Take the key, and checkpoints to compare\n"
    "with, from where they were published: what lies beside the log is as old\n"
    "as whoever can write there wants it to be.\n\n"
    "  sallyport audit verify /var/log/sallyport --key seal.pub \\\n"
    "      --anchor checkpoints.txt\n"
    "  sallyport audit verify --record 01K.json --proof 01K.tlog-proof \\\n"
    "      --key seal.pub\n\n"
    "What is newer than the last seal (a second) is checked by its chain\n"
    "alone, which does not show a cut-off end.\n\n"
    "Exit codes: 0 intact; 1 tampered with, or it could not be read;\n"
    "3 nothing false was found, but not all of it can be proved: no seals,\n"
    "no --key, a lane that is missing and was never sealed.\n",
    sp_cli_audit_verify_opts,
    0,
    1,
    sp_cli_audit_verify_run
};


static int
sp_cli_audit_verify_run(const sp_cli_args_t *args)
{
    int           rc;
    sp_verify_t  *v;

    if (sp_cli_format(args) == -1) {
        return SP_CLI_USAGE;
    }

    if (sp_cli_opt(args, "record") != NULL
        || sp_cli_opt(args, "proof") != NULL)
    {
        return sp_prove_check(args);
    }

    if (args->nargs == 0) {
        sp_cli_error("which log? `audit verify DIR`, or --record and --proof");
        return SP_CLI_USAGE;
    }

    v = sp_cli_alloc(sizeof(*v));
    rc = SP_CLI_REFUSED;

    if (sp_verify_open(args, v) == SP_OK && sp_verify_walk(v) == SP_OK) {
        sp_verify_settle(v);
        sp_verify_rest(v);
        sp_verify_retirement(v);

        if (sp_cli_format(args) == 1) {
            rc = sp_cli_json_print(sp_verify_json(v)) == SP_OK
                 ? SP_CLI_FINE : SP_CLI_REFUSED;

        } else {
            sp_verify_text(v);
            rc = SP_CLI_FINE;
        }

        if (rc == SP_CLI_FINE && v->grade == SP_VERIFY_TAMPERED) {
            rc = SP_CLI_REFUSED;

        } else if (rc == SP_CLI_FINE && v->grade == SP_VERIFY_INCOMPLETE) {
            rc = SP_CLI_DIFFERS;
        }
    }

    sp_verify_close(v);

    return rc;
}


static sp_rc_t
sp_verify_open(const sp_cli_args_t *args, sp_verify_t *v)
{
    char         path[SP_LANE_PATH];
    const char  *key, *anchor;

    v->dir = args->args[0];
    v->seal = sp_audit_seal_dir(args, v->dir);
    v->progress = isatty(STDERR_FILENO);
    sp_tree_init(&v->tree);

    key = sp_cli_opt(args, "key");
    anchor = sp_cli_opt(args, "anchor");

    if (key != NULL && sp_audit_vkey("--key", key, &v->vkey) != SP_OK) {
        return SP_ERROR;
    }

    v->has_key = (key != NULL);

    /* Checkpoints first: what is sealed meanwhile is beyond them. */

    (void) snprintf(path, sizeof(path), "%s/checkpoint", v->seal);
    sp_verify_notes(v, path, 0);
    (void) snprintf(path, sizeof(path), "%s/checkpoints", v->seal);
    sp_verify_notes(v, path, 0);

    if (anchor != NULL) {

        if (access(anchor, R_OK) != 0) {
            sp_cli_error("--anchor: '%s' cannot be read", anchor);
            return SP_ERROR;
        }

        sp_verify_notes(v, anchor, 1);
    }

    sp_verify_sort(v);

    if (access(v->seal, F_OK) == 0) {
        v->own = sp_lane_own(v->seal, SP_LANE_SEAL, 0);

        if (v->own == NULL) {
            return SP_ERROR;
        }

    } else {
        v->own = sp_cli_alloc(sizeof(*v->own));
        v->own->fd = -1;
        v->own->dir = v->seal;
    }

    if (sp_lanes_open(&v->lanes, v->dir) != SP_OK
        || sp_verify_retired_load(v) != SP_OK)
    {
        return SP_ERROR;
    }

    (void) snprintf(path, sizeof(path), "%s/tree", v->seal);
    v->stored = fopen(path, "re");

    return SP_OK;
}


static void
sp_verify_close(sp_verify_t *v)
{
    size_t  i;

    for (i = 0; i < v->nfindings; i++) {
        free(v->findings[i].file);
        free(v->findings[i].why);
    }

    for (i = 0; i < v->nanchors; i++) {
        free(v->anchors[i].source);
    }

    if (v->stored != NULL) {
        (void) fclose(v->stored);
    }

    if (v->own != NULL) {
        sp_lane_free(v->own);
    }

    sp_verify_retired_free(v);
    sp_lanes_free(&v->lanes);
    free(v->differ_file);
    free(v->anchors);
    free(v->seal);
    free(v);
}


void
sp_verify_find(sp_verify_t *v, sp_verify_grade_t grade, const char *file,
    uint64_t line, const char *fmt, ...)
{
    char           text[1024];
    va_list        args;
    sp_finding_t  *finding;

    if (grade > v->grade) {
        v->grade = grade;
    }

    if (v->nfindings == SP_VERIFY_FINDINGS) {
        v->more++;
        return;
    }

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    finding = &v->findings[v->nfindings++];
    finding->grade = grade;
    finding->file = file == NULL ? NULL : sp_cli_copy(sp_cstr(file));
    finding->line = line;
    finding->why = sp_cli_copy(sp_cstr(text));
}


void
sp_verify_lane_bad(sp_verify_t *v, const sp_lane_t *lane)
{
    char  path[SP_LANE_PATH];

    sp_verify_find(v, SP_VERIFY_TAMPERED,
                   sp_lane_path(lane, lane->segment, path), lane->row + 1,
                   "%s", lane->why);
}


void
sp_verify_progress(sp_verify_t *v)
{
    if (v->progress && v->records / SP_VERIFY_STEP >= (uint64_t) v->progress) {
        v->progress = (int) (v->records / SP_VERIFY_STEP) + 1;
        fprintf(stderr, "%llu lines verified\n",
                (unsigned long long) v->records);
    }
}


/* What the seals leave open: anchors beyond them, a line against a leaf. */

static void
sp_verify_settle(sp_verify_t *v)
{
    size_t  i;

    if (v->differ && !v->lost) {
        sp_verify_find(v, SP_VERIFY_TAMPERED, v->differ_file, v->differ_line,
                       "this is not the line that was sealed");
    }

    for (i = v->anchor; i < v->nanchors; i++) {

        if (v->anchors[i].size > v->tree.size && !v->lost) {
            sp_verify_find(v, SP_VERIFY_TAMPERED, v->anchors[i].source, 0,
                           "this checkpoint is one of %llu lines, and the "
                           "log has %llu: its end is gone, or it is an older "
                           "copy", (unsigned long long) v->anchors[i].size,
                           (unsigned long long) v->tree.size);
            break;
        }
    }

    if (v->seals == 0) {
        sp_verify_find(v, SP_VERIFY_INCOMPLETE, v->seal, 0, "there are no "
                       "seals: a log that was linked anew would look the "
                       "same");

    } else if (!v->has_key) {
        sp_verify_find(v, SP_VERIFY_INCOMPLETE, NULL, 0, "without --key the "
                       "signatures are not verified");

    } else if (v->nanchors == 0) {
        sp_verify_find(v, SP_VERIFY_INCOMPLETE, v->seal, 0, "there is no "
                       "checkpoint");
    }
}


/* What no seal covers: by its chain. */

static void
sp_verify_rest(sp_verify_t *v)
{
    size_t         i;
    uint64_t       before;
    sp_lane_t     *lane;
    sp_retired_t  *retired;

    for (i = 0; i < v->lanes.nlanes; i++) {
        lane = v->lanes.lanes[i];
        before = v->records;
        retired = sp_verify_retired(v, lane->boot, lane->number);

        if (lane->segment == 0 && lane->why == NULL && lane->nsegments != 0
            && lane->segments[0] != 1 && retired == NULL)
        {
            lane->segment = lane->segments[0] - 1;
            lane->why = "the file is gone, and was not retired";
            sp_verify_lane_bad(v, lane);
        }

        sp_verify_tail(v, lane);
        sp_lane_rest(lane);
        v->unsealed += v->records - before;
        sp_verify_progress(v);
    }

    sp_verify_numbers(v);
}


static void
sp_verify_tail(sp_verify_t *v, sp_lane_t *lane)
{
    char     path[SP_LANE_PATH];
    sp_rc_t  rc;

    if (lane->why != NULL) {
        return;
    }

    while ((rc = sp_lane_next(lane)) == SP_OK) {
        v->records++;
    }

    if (rc == SP_ERROR) {
        sp_verify_lane_bad(v, lane);

    } else if (lane->piece != 0) {
        sp_verify_find(v, SP_VERIFY_NOTE, sp_lane_path(lane, lane->segment,
                       path), lane->row + 1, "%zu bytes of a line that was "
                       "never finished", lane->piece);
    }
}


/* The lanes of a boot are numbered from 1, without gaps. */

static void
sp_verify_numbers(sp_verify_t *v)
{
    size_t       i;
    unsigned     next;
    sp_lane_t   *lane;
    const char  *boot;

    boot = "";
    next = 1;

    for (i = 0; i < v->lanes.nlanes; i++) {
        lane = v->lanes.lanes[i];

        if (strcmp(boot, lane->boot) != 0) {
            boot = lane->boot;
            next = 1;
        }

        for ( /* void */ ; next < lane->number; next++) {
            if (sp_verify_retired(v, boot, next) == NULL) {
                sp_verify_find(v, SP_VERIFY_INCOMPLETE, NULL, 0, "boot %s "
                               "has no lane %u: a worker ended before it "
                               "wrote, or the file is gone", boot, next);
            }
        }

        next = lane->number + 1;
    }
}


static void
sp_verify_retirement(sp_verify_t *v)
{
    size_t  i;

    for (i = 0; i < v->nretired; i++) {

        /* whoever can write there can say so: it is for a person to judge */

        sp_verify_find(v, SP_VERIFY_INCOMPLETE, NULL, 0, "boot %s, lane %u: "
                       "by a record of the desk the lines up to %llu were "
                       "retired; their leaves alone are proved",
                       v->retired[i].boot, v->retired[i].number,
                       (unsigned long long) v->retired[i].to);

        if (v->retired[i].found != v->retired[i].kept && !v->lost) {
            sp_verify_find(v, SP_VERIFY_TAMPERED, NULL, 0, "boot %s, lane "
                           "%u: %llu lines were kept when it was retired, "
                           "%llu are there", v->retired[i].boot,
                           v->retired[i].number,
                           (unsigned long long) v->retired[i].kept,
                           (unsigned long long) v->retired[i].found);
        }
    }
}


static const sp_finding_t *
sp_verify_worst(const sp_verify_t *v)
{
    size_t  i;

    for (i = 0; i < v->nfindings; i++) {
        if (v->findings[i].grade == v->grade
            && v->grade != SP_VERIFY_NOTE)
        {
            return &v->findings[i];
        }
    }

    return NULL;
}


static void
sp_verify_text(const sp_verify_t *v)
{
    char                 root[48];
    size_t               i, len;
    unsigned char        hash[SP_HASH_LEN];
    const sp_finding_t  *f;

    static const char *const  words[] = { "note", "INCOMPLETE", "TAMPERED" };

    sp_tree_root(&v->tree, hash);
    len = sp_base64(hash, sizeof(hash), root);

    printf("boots        %zu\n", v->lanes.nboots);
    printf("lanes        %zu\n", v->lanes.nlanes);
    printf("records      %llu\n", (unsigned long long) v->records);
    printf("sealed       %llu in %llu seals, the last at %s\n",
           (unsigned long long) v->sealed, (unsigned long long) v->seals,
           v->last_seal[0] != '\0' ? v->last_seal : "-");
    printf("tree         %llu lines, root %.*s%s\n",
           (unsigned long long) v->tree.size, (int) len, root,
           v->lost ? " (not that of the log)" : "");
    printf("checkpoints  %llu of %zu agree%s\n",
           (unsigned long long) v->consistent, v->nanchors,
           v->has_key ? ", signed by this key" : "");
    printf("unsealed     %llu\n", (unsigned long long) v->unsealed);
    printf("lost         %llu\n", (unsigned long long) v->lost_records);
    printf("retired      %llu files\n", (unsigned long long)
           v->retired_files);

    for (i = 0; i < v->nfindings; i++) {
        f = &v->findings[i];
        printf("%-12s ", words[f->grade]);

        if (f->file != NULL) {
            sp_cli_print_safe(stdout, sp_cstr(f->file));
            printf(f->line != 0 ? ":%llu: " : ": ",
                   (unsigned long long) f->line);
        }

        sp_cli_print_safe(stdout, sp_cstr(f->why));
        putchar('\n');
    }

    if (v->more != 0) {
        printf("%llu findings more\n", (unsigned long long) v->more);
    }

    printf("result       %s\n", sp_verify_grades[v->grade]);
}


static json_t *
sp_verify_json(const sp_verify_t *v)
{
    char                 root[48];
    size_t               i, len;
    json_t              *json, *list, *row, *first;
    unsigned char        hash[SP_HASH_LEN];
    const sp_finding_t  *f, *worst;

    sp_tree_root(&v->tree, hash);
    len = sp_base64(hash, sizeof(hash), root);
    list = json_array();
    worst = sp_verify_worst(v);
    first = NULL;

    for (i = 0; i < v->nfindings; i++) {
        f = &v->findings[i];
        row = json_pack("{s:s, s:o, s:I, s:o}", "grade",
                        f->grade == SP_VERIFY_NOTE ? "note"
                        : sp_verify_grades[f->grade], "file",
                        f->file == NULL ? json_null()
                        : sp_cli_json_str(sp_cstr(f->file)), "line",
                        (json_int_t) f->line, "why",
                        sp_cli_json_str(sp_cstr(f->why)));
        json_array_append_new(list, row);

        if (f == worst) {
            first = row;
        }
    }

    json = json_pack("{s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s#, "
                     "s:I, s:I, s:b}",
                     "result", sp_verify_grades[v->grade], "first",
                     first != NULL ? json_incref(first) : json_null(),
                     "lanes", (json_int_t) v->lanes.nlanes,
                     "records", (json_int_t) v->records,
                     "sealed", (json_int_t) v->sealed,
                     "unsealed", (json_int_t) v->unsealed,
                     "seals", (json_int_t) v->seals,
                     "lost", (json_int_t) v->lost_records,
                     "size", (json_int_t) v->tree.size,
                     "root", root, (int) len,
                     "checkpoints", (json_int_t) v->nanchors,
                     "agree", (json_int_t) v->consistent,
                     "signed", v->has_key);
    json_object_set_new(json, "findings", list);

    return json;
}

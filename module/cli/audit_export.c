
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport audit export`: recorded decisions, a line
 * each, in the words of other systems.
 */


#include <stdlib.h>

#include "audit_export.h"
#include "prove.h"


typedef enum {
    SP_EXPORT_OCSF = 0,
    SP_EXPORT_ECS,
    SP_EXPORT_CEF,
    SP_EXPORT_CSV
} sp_export_format_t;


typedef struct {
    sp_filter_t          filter;
    sp_export_format_t   format;
    uint64_t             n;
    uint64_t             unreadable;
} sp_export_run_t;


static int sp_cli_audit_export_run(const sp_cli_args_t *args);
static void sp_export_line(void *ctx, const sp_lane_t *lane);
static void sp_export_init(sp_export_t *e, const sp_lane_t *lane);


static const char *const  sp_export_formats[] = {
    "ocsf", "ecs", "cef", "csv"
};


static const sp_cli_opt_t  sp_cli_audit_export_opts[] = {
    { "format", "NAME", "ocsf, ecs, cef or csv" },
    sp_filter_opts,
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_audit_export = {
    "audit export",
    "DIR --format ocsf|ecs|cef|csv [FILTERS]",
    "Writes decisions for a SIEM or a spreadsheet",
    "One line a decision, to standard output; all filters given must hold.\n"
    "Each lane from its beginning to its end, one after the other: sort by\n"
    "time where it matters. The log itself stays what proves; each line has\n"
    "the id of the decision and the hash of its record. What was known of an\n"
    "account (facts) is not exported.\n\n"
    "  ocsf  OCSF 1.6.0, API Activity (6003) with the profile\n"
    "        security_control: a JSON object a line\n"
    "  ecs   Elastic Common Schema 8.17: a JSON object a line\n"
    "  cef   ArcSight Common Event Format, version 0, in UTF-8\n"
    "  csv   RFC 4180 with a line of names; a cell that a spreadsheet could\n"
    "        take for a formula begins with an apostrophe\n\n"
    "  sallyport audit export /var/log/sallyport --format ocsf --since -1h\n"
    "  sallyport audit export /var/log/sallyport --format csv --class legal\n\n"
    "Exit codes: 0 exported; 1 the log, or one of its decisions, cannot be\n"
    "read; 3 nothing fits.\n",
    sp_cli_audit_export_opts,
    1,
    1,
    sp_cli_audit_export_run
};


static int
sp_cli_audit_export_run(const sp_cli_args_t *args)
{
    size_t           i;
    const char      *format;
    sp_export_run_t  run;

    memset(&run, 0, sizeof(run));
    format = sp_cli_opt(args, "format");

    if (format == NULL) {
        sp_cli_error("--format ocsf, ecs, cef or csv is needed");
        return SP_CLI_USAGE;
    }

    for (i = 0; i < sp_nelts(sp_export_formats); i++) {
        if (strcmp(format, sp_export_formats[i]) == 0) {
            break;
        }
    }

    if (i == sp_nelts(sp_export_formats)) {
        sp_cli_error_near(format, sp_export_formats,
                          sp_nelts(sp_export_formats), "--format is ocsf, "
                          "ecs, cef or csv, not '%s'", format);
        return SP_CLI_USAGE;
    }

    if (sp_filter_init(&run.filter, args) != SP_OK) {
        return SP_CLI_USAGE;
    }

    run.format = (sp_export_format_t) i;

    if (run.format == SP_EXPORT_CSV) {
        sp_export_csv_head(stdout);
    }

    if (sp_audit_each(args->args[0], sp_export_line, &run) != SP_OK) {
        return SP_CLI_REFUSED;
    }

    if (run.unreadable != 0) {
        sp_cli_error("%llu decisions cannot be read: `sallyport audit verify`",
                     (unsigned long long) run.unreadable);
        return SP_CLI_REFUSED;
    }

    if (run.n == 0) {
        sp_cli_error("no recorded decision fits");
        return SP_CLI_DIFFERS;
    }

    return SP_CLI_FINE;
}


static void
sp_export_line(void *ctx, const sp_lane_t *lane)
{
    json_t           *event;
    sp_export_t       e;
    sp_export_run_t  *run = ctx;

    if (!sp_filter_is(&run->filter, &lane->line)) {
        return;
    }

    sp_export_init(&e, lane);

    if (e.record == NULL) {
        run->unreadable++;
        return;
    }

    switch (run->format) {

    case SP_EXPORT_CEF:
        sp_export_cef(stdout, &e);
        break;

    case SP_EXPORT_CSV:
        sp_export_csv(stdout, &e);
        break;

    default:
        event = run->format == SP_EXPORT_OCSF ? sp_export_ocsf(&e)
                                              : sp_export_ecs(&e);
        (void) json_dumpf(event, stdout, JSON_COMPACT|JSON_ENSURE_ASCII);
        putchar('\n');
        json_decref(event);
    }

    json_decref(e.record);
    run->n++;

    /* Whoever reads the pipe may be gone: a long log need not be read on. */

    if (ferror(stdout)) {
        sp_cli_error("cannot write the output");
        exit(SP_CLI_REFUSED);
    }
}


static void
sp_export_init(sp_export_t *e, const sp_lane_t *lane)
{
    sp_str_t  dec;

    e->lane = lane;
    e->record = sp_filter_record(&lane->line);
    (void) sp_line_time(&lane->line, &e->us);

    dec = sp_record_text(e->record, "dec", NULL);
    e->what = sp_str_eq(dec, SP_STR("allow")) ? SP_EXPORT_ALLOWED
              : json_is_false(json_object_get(e->record, "enforced"))
                ? SP_EXPORT_OBSERVED
              : sp_str_eq(dec, SP_STR("throttle")) ? SP_EXPORT_THROTTLED
              : SP_EXPORT_DENIED;

    e->rule = sp_record_rule(e->record);
}


int
sp_export_severity(const sp_export_t *e)
{
    sp_str_t  class;

    if (e->what == SP_EXPORT_ALLOWED) {
        return 0;
    }

    class = sp_record_text(e->record, "class", NULL);

    if (sp_str_eq(class, SP_STR("legal"))) {
        return 3;
    }

    return e->what == SP_EXPORT_THROTTLED
           || sp_str_eq(class, SP_STR("request"))
           || sp_str_eq(class, SP_STR("commercial")) ? 1 : 2;
}

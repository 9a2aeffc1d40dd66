
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport audit report`: a page about the decisions in
 * the audit log.
 */


#include <stdlib.h>

#include "audit_report.h"


#define SP_REPORT_MOST  20000    /* --records */


static int sp_cli_audit_report_run(const sp_cli_args_t *args);


static const sp_cli_opt_t  sp_cli_audit_report_opts[] = {
    { "out", "FILE.html", "where the page goes" },
    sp_filter_span_opts,
    { "records", "N", "single records in it, the newest (2000)" },
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_audit_report = {
    "audit report",
    "DIR --out FILE.html [--since TIME] [--until TIME]",
    "Writes a page about what was decided",
    "One HTML file that needs no network: refusals and throttles over time\n"
    "and by class, a map, the most frequent reasons, rules, accounts and\n"
    "models, what changed with each policy, appeals, refusals that may be\n"
    "wrong, and a table of single records with what explains each. The log\n"
    "is read once, whatever its size, in bounded memory: at most 20,000\n"
    "names are counted of each sort, and the table has the newest --records\n"
    "(2000, at most 20000) that were refused, throttled, excepted or flagged.\n"
    "The page says what it left out. It shows accounts and pseudonyms as the\n"
    "log does: hand it to whom you would hand the log.\n\n"
    "  sallyport audit report /var/log/sallyport --out week.html --since -7d\n\n"
    "Exit codes: 0 written; 1 the log cannot be read in whole (the page is\n"
    "written, if it can be, and says so), or the file cannot be written; 3\n"
    "there is no decision in that time, and no page.\n",
    sp_cli_audit_report_opts,
    1,
    1,
    sp_cli_audit_report_run
};


static int
sp_cli_audit_report_run(const sp_cli_args_t *args)
{
    int           rc;
    size_t        i;
    uint64_t      records;
    const char   *out, *text;
    sp_report_t  *report;

    out = sp_cli_opt(args, "out");
    text = sp_cli_opt(args, "records");
    records = SP_REPORT_RECORDS;

    if (out == NULL) {
        sp_cli_error("--out FILE.html is needed");
        return SP_CLI_USAGE;
    }

    if (text != NULL
        && sp_cli_number("--records", text, SP_REPORT_MOST, &records)
           != SP_OK)
    {
        return SP_CLI_USAGE;
    }

    report = sp_cli_alloc(sizeof(*report));
    memset(report, 0, sizeof(*report));

    if (sp_filter_init(&report->filter, args) != SP_OK) {
        free(report);
        return SP_CLI_USAGE;
    }

    for (i = 0; i < SP_REPORT_SORTS; i++) {
        sp_tally_init(&report->tallies[i], SP_REPORT_NAMES);
    }

    report->appealed = json_object();
    report->newest.max = (size_t) records;
    report->newest.rows = sp_cli_alloc((2 * (size_t) records + 1)
                                       * sizeof(*report->newest.rows));

    if (sp_report_gather(report, args->args[0]) != SP_OK) {
        rc = SP_CLI_REFUSED;

    } else if (report->decisions == 0) {
        sp_cli_error("there is no decision in that time");
        rc = report->unreadable != 0 ? SP_CLI_REFUSED : SP_CLI_DIFFERS;

    } else {
        rc = sp_report_write(report, args->args[0], out) == SP_OK
             && report->unreadable == 0 ? SP_CLI_FINE : SP_CLI_REFUSED;
    }

    for (i = 0; i < SP_REPORT_SORTS; i++) {
        sp_tally_free(&report->tallies[i]);
    }

    for (i = 0; i < report->newest.n; i++) {
        free(report->newest.rows[i].text);
    }

    free(report->newest.rows);
    json_decref(report->appealed);
    free(report);

    return rc;
}

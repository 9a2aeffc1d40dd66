
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the reading of the log for `sallyport audit report`:
 * once, in memory that does not grow with it.
 */


#include <stdlib.h>

#include "sp_reason.h"

#include "audit_report.h"
#include "prove.h"


static void sp_report_lane(sp_report_t *report, sp_lane_t *lane);
static void sp_report_appeal(sp_report_t *report, const sp_line_t *line);
static void sp_report_decision(sp_report_t *report, const sp_line_t *line,
    uint64_t us);
static unsigned sp_report_bar(const json_t *record, unsigned column);
static void sp_report_names(sp_report_t *report, const json_t *record,
    unsigned column, unsigned law);
static void sp_report_count(sp_report_t *report, sp_report_sort_t sort,
    sp_str_t name, unsigned column, unsigned law, unsigned unsure);
static unsigned sp_report_unsure(sp_report_t *report, const json_t *record);
static void sp_report_rev(sp_report_t *report, const json_t *record,
    uint64_t us, unsigned column);
static void sp_report_keep(sp_report_t *report, const json_t *record,
    const sp_line_t *line, uint64_t us);
static void sp_report_trim(sp_report_newest_t *newest);
static int sp_report_order(const void *one, const void *two);


/* People's records first: what is appealed against is kept when it is met. */

sp_rc_t
sp_report_gather(sp_report_t *report, const char *dir)
{
    int          desk;
    size_t       i;
    sp_lanes_t   lanes;

    if (sp_lanes_open(&lanes, dir) != SP_OK) {
        sp_lanes_free(&lanes);
        return SP_ERROR;
    }

    for (desk = 1; desk >= 0; desk--) {
        for (i = 0; i < lanes.nlanes; i++) {
            if ((strcmp(lanes.lanes[i]->boot, SP_LANE_DESK) == 0) == desk) {
                sp_report_lane(report, lanes.lanes[i]);
            }
        }
    }

    sp_lanes_free(&lanes);
    sp_report_trim(&report->newest);

    return SP_OK;
}


static void
sp_report_lane(sp_report_t *report, sp_lane_t *lane)
{
    char              path[SP_LANE_PATH];
    uint64_t          us, n;
    const sp_line_t  *line;

    lane->unchecked = 1;
    line = &lane->line;

    while (sp_lane_next(lane) == SP_OK) {

        if (line->type == SP_LINE_APPEAL) {
            sp_report_appeal(report, line);
            continue;
        }

        if (!sp_filter_span(&report->filter, line, &us)) {
            continue;
        }

        report->weight = 1;

        if (line->type == SP_LINE_DECISION
            || (line->type == SP_LINE_FLOOD
                && sp_line_uint(line, SP_LM_N, &report->weight) == SP_OK))
        {
            sp_report_decision(report, line, us);

        } else if (line->type == SP_LINE_LOST
                   && sp_line_uint(line, SP_LM_N, &n) == SP_OK)
        {
            report->lost += n;
        }
    }

    if (lane->why != NULL) {
        sp_cli_warn("%s: line %llu: %s; the rest of this lane is left out",
                    sp_lane_path(lane, lane->segment, path),
                    (unsigned long long) lane->row + 1, lane->why);
        report->unreadable++;
    }

    sp_lane_rest(lane);
}


/* All there are: a decision may be reversed long after it was taken. */

static void
sp_report_appeal(sp_report_t *report, const sp_line_t *line)
{
    char      *id;
    json_t    *record;
    sp_str_t   of;

    record = sp_filter_record(line);
    of = sp_record_text(record, "of", NULL);

    if (of.len != 0 && of.len < 128) {
        id = sp_cli_copy(of);

        /* deleted first: so the newest stand last, and the oldest can go */

        (void) json_object_del(report->appealed, id);
        json_object_set(report->appealed, id, record);
        report->appeals++;
        free(id);

        if (json_object_size(report->appealed) > SP_REPORT_APPEALS) {
            (void) json_object_del(report->appealed, json_object_iter_key(
                                   json_object_iter(report->appealed)));
        }
    }

    json_decref(record);
}


static void
sp_report_decision(sp_report_t *report, const sp_line_t *line, uint64_t us)
{
    json_t    *record;
    sp_str_t   dec;
    unsigned   column, bar, law;

    record = sp_filter_record(line);

    if (record == NULL) {
        report->unreadable++;
        return;
    }

    dec = sp_record_text(record, "dec", NULL);
    column = sp_str_eq(dec, SP_STR("allow")) ? SP_REPORT_N_ALLOW
             : sp_str_eq(dec, SP_STR("throttle")) ? SP_REPORT_N_SLOW
             : SP_REPORT_N_DENY;
    bar = sp_report_bar(record, column);
    law = bar == SP_CLASS_LEGAL || bar == SP_CLASS_RISK;

    if (report->decisions == 0 || us < report->first) {
        report->first = us;
    }

    report->decisions += report->weight;

    report->last = sp_max(report->last, us);
    report->totals[bar] += report->weight;

    if (column != SP_REPORT_N_ALLOW
        && json_is_false(json_object_get(record, "enforced")))
    {
        report->observed += report->weight;
    }

    report->excepted += column == SP_REPORT_N_ALLOW
                        && json_array_size(json_object_get(record, "lifted"))
                           != 0;
    sp_report_time(&report->time, (int64_t) (us / 1000000), bar,
                   report->weight);
    sp_report_names(report, record, column, law);
    sp_report_rev(report, record, us, column);
    sp_report_keep(report, record, line, us);

    json_decref(record);
}


/* An unknown class is shown as one of the gate's own: system. */

static unsigned
sp_report_bar(const json_t *record, unsigned column)
{
    sp_str_t  class;
    unsigned  i;

    if (column != SP_REPORT_N_DENY) {
        return column == SP_REPORT_N_SLOW ? SP_REPORT_THROTTLE
                                          : SP_REPORT_ALLOW;
    }

    class = sp_record_text(record, "class", NULL);

    for (i = 0; i < SP_REPORT_CLASSES; i++) {
        if (sp_str_eq(class, sp_cstr(sp_class_name((sp_class_t) i)))) {
            return i;
        }
    }

    return SP_CLASS_SYSTEM;
}


static void
sp_report_names(sp_report_t *report, const json_t *record, unsigned column,
    unsigned law)
{
    unsigned  unsure;

    unsure = column == SP_REPORT_N_DENY ? sp_report_unsure(report, record)
                                        : 0;
    sp_report_count(report, SP_REPORT_REASON,
                    sp_record_text(record, "reason", NULL), column, law,
                    unsure);
    sp_report_count(report, SP_REPORT_RULE, sp_record_rule(record), column,
                    law, unsure);
    sp_report_count(report, SP_REPORT_ACCOUNT,
                    sp_record_text(record, "who", "account"), column, law,
                    unsure);
    sp_report_count(report, SP_REPORT_MODEL,
                    sp_record_text(record, "req", "model"), column, law,
                    unsure);
    sp_report_count(report, SP_REPORT_COUNTRY,
                    sp_record_text(record, "net", "country"), column, law,
                    unsure);
}


static void
sp_report_count(sp_report_t *report, sp_report_sort_t sort, sp_str_t name,
    unsigned column, unsigned law, unsigned unsure)
{
    sp_tally_row_t  *row;

    /* "~": refused before it was read */

    if (name.len == 0 || sp_str_eq(name, SP_STR("~"))) {
        return;
    }

    row = sp_tally_row(&report->tallies[sort], name);
    row->n[column] += report->weight;
    row->n[SP_REPORT_N_LAW] += law * report->weight;
    row->n[SP_REPORT_N_UNSURE] += unsure * report->weight;
}


/* 1 if it was refused only because something could not be known. */

static unsigned
sp_report_unsure(sp_report_t *report, const json_t *record)
{
    int        n;
    char       name[256];
    size_t     i;
    json_t    *row, *by;
    sp_str_t   rule, fact;

    by = json_object_get(record, "by");

    if (json_array_size(by) == 0) {
        return 0;
    }

    json_array_foreach(by, i, row) {
        if (sp_str_eq(sp_record_text(row, "m", NULL), SP_STR("true"))) {
            return 0;
        }
    }

    row = json_array_get(by, 0);
    rule = sp_record_text(row, "r", NULL);
    by = json_object_get(row, "unk");
    row = json_array_get(by, 0);
    fact = json_is_string(row)
           ? (sp_str_t) { json_string_length(row),
                          (const unsigned char *) json_string_value(row) }
           : SP_STR("a fact");
    n = snprintf(name, sizeof(name), "%.*s: %.*s%s", (int) rule.len,
                 (const char *) rule.data, (int) fact.len,
                 (const char *) fact.data,
                 json_array_size(by) > 1 ? ", ..." : "");
    sp_report_count(report, SP_REPORT_UNSURE, (sp_str_t) {
                    (size_t) sp_min(n, (int) sizeof(name) - 1),
                    (const unsigned char *) name }, SP_REPORT_N_DENY, 0, 1);

    return 1;
}


static void
sp_report_rev(sp_report_t *report, const json_t *record, uint64_t us,
    unsigned column)
{
    int               n;
    char              name[512];
    sp_str_t          rev, hash, account, model, country;
    unsigned          i;
    sp_report_rev_t  *r;

    hash = sp_record_text(record, "pol", "hash");
    rev = sp_record_text(record, "pol", "rev");

    for (i = 0; i < report->nrevs; i++) {
        if (sp_str_eq(hash, sp_cstr(report->revs[i].hash))) {
            break;
        }
    }

    if (hash.len == 0 || hash.len >= sizeof(r->hash)
        || i == SP_REPORT_REVS)
    {
        return;
    }

    r = &report->revs[i];

    if (i == report->nrevs) {
        report->nrevs++;
        (void) snprintf(r->hash, sizeof(r->hash), "%.*s", (int) hash.len,
                        (const char *) hash.data);
        (void) snprintf(r->rev, sizeof(r->rev), "%.*s", (int) rev.len,
                        (const char *) rev.data);
        r->first = us;
    }

    r->first = sp_min(r->first, us);
    r->last = sp_max(r->last, us);
    r->n[column]++;

    /* what this policy said to whom: compared with the next one's answers */

    account = sp_record_text(record, "who", "account");
    model = sp_record_text(record, "req", "model");
    country = sp_record_text(record, "net", "country");

    if (account.len == 0) {
        return;
    }

    n = snprintf(name, sizeof(name), "%u\n%.*s\n%.*s\n%.*s", i,
                 (int) account.len, (const char *) account.data,
                 (int) model.len, (const char *) model.data,
                 (int) country.len, (const char *) country.data);

    if (n < (int) sizeof(name)) {
        sp_report_count(report, SP_REPORT_FLIP, (sp_str_t) { (size_t) n,
                        (const unsigned char *) name }, column, 0, 0);
    }
}


/* An allow to which nothing happened has nothing to explain. */

static void
sp_report_keep(sp_report_t *report, const json_t *record,
    const sp_line_t *line, uint64_t us)
{
    unsigned             pinned;
    const char          *id;
    sp_report_record_t  *row;
    sp_report_newest_t  *newest;

    id = json_string_value(json_object_get(record, "id"));
    pinned = id != NULL && json_object_get(report->appealed, id) != NULL;

    if (!pinned
        && sp_str_eq(sp_record_text(record, "dec", NULL), SP_STR("allow"))
        && json_array_size(json_object_get(record, "lifted")) == 0
        && json_array_size(json_object_get(record, "flags")) == 0
        && json_array_size(json_object_get(record, "shadow")) == 0)
    {
        return;
    }

    newest = &report->newest;
    newest->seen++;

    if (newest->n == 2 * newest->max) {
        sp_report_trim(newest);
    }

    if (newest->n == 2 * newest->max) {

        /* all of them are appealed against */

        return;
    }

    row = &newest->rows[newest->n++];
    row->us = us;
    row->pinned = pinned;
    row->len = line->text.len;
    row->text = sp_cli_copy(line->text);
}


static void
sp_report_trim(sp_report_newest_t *newest)
{
    qsort(newest->rows, newest->n, sizeof(*newest->rows), sp_report_order);

    while (newest->n > newest->max) {
        free(newest->rows[--newest->n].text);
    }
}


static int
sp_report_order(const void *one, const void *two)
{
    const sp_report_record_t  *x = one, *y = two;

    if (x->pinned != y->pinned) {
        return x->pinned ? -1 : 1;
    }

    return x->us == y->us ? 0 : x->us < y->us ? 1 : -1;
}

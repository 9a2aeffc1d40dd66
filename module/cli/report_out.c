
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the page of `sallyport audit report`: the one of
 * page/report.html with what was gathered.
 */


#include <stdlib.h>
#include <time.h>

#include "sp_reason.h"

#include "audit_report.h"
#include "page.h"


#define SP_REPORT_TOP         50    /* names shown of each sort */
#define SP_REPORT_FP_ALLOWS   20    /* an account is mostly allowed: so many */
#define SP_REPORT_FP_TIMES    19    /* and so many for each refusal */


typedef struct {
    const sp_report_t  *report;
    const char         *dir;
    unsigned            order[SP_REPORT_REVS];    /* revisions by time */
    unsigned            place[SP_REPORT_REVS];    /* of each in it */
} sp_report_page_t;


static void sp_report_part(FILE *out, sp_str_t name, void *ctx);
static void sp_report_about(const sp_report_page_t *page, FILE *out);
static const char *sp_report_how(sp_str_t code, void *ctx);
static json_t *sp_report_data(sp_report_page_t *page);
static json_t *sp_report_counts(const uint64_t *n, size_t count);
static json_t *sp_report_time_json(const sp_report_time_t *span);
static json_t *sp_report_top(const sp_tally_t *tally, unsigned mask,
    size_t most);
static json_t *sp_report_mostly(const sp_tally_t *tally);
static json_t *sp_report_row(const sp_tally_row_t *row);
static void sp_report_order(sp_report_page_t *page);
static json_t *sp_report_revs(const sp_report_page_t *page);
static json_t *sp_report_flips(const sp_report_page_t *page);
static int sp_report_answer(const sp_tally_row_t *row);
static json_t *sp_report_reasons(void);
static void sp_report_records(const sp_report_page_t *page, FILE *out);


sp_rc_t
sp_report_write(const sp_report_t *report, const char *dir, const char *file)
{
    sp_report_page_t  page;

    memset(&page, 0, sizeof(page));
    page.report = report;
    page.dir = dir;
    sp_report_order(&page);

    return sp_page_write(file, sp_page_report(), sp_report_part, &page);
}


static void
sp_report_part(FILE *out, sp_str_t name, void *ctx)
{
    json_t            *data;
    sp_report_page_t  *page = ctx;

    if (sp_str_eq(name, SP_STR("HASH"))) {
        sp_page_hash(out, sp_page_report());

    } else if (sp_str_eq(name, SP_STR("ABOUT"))) {
        sp_report_about(page, out);

    } else if (sp_str_eq(name, SP_STR("MAP"))) {
        sp_page_map(out, sp_report_how, page);

    } else if (sp_str_eq(name, SP_STR("DATA"))) {
        data = sp_report_data(page);
        sp_page_json(out, data);
        json_decref(data);

    } else if (sp_str_eq(name, SP_STR("RECORDS"))) {
        sp_report_records(page, out);
    }
}


static void
sp_report_about(const sp_report_page_t *page, FILE *out)
{
    char                from[SP_CLI_TIME_LEN], to[SP_CLI_TIME_LEN];
    char                now[SP_CLI_TIME_LEN];
    const sp_report_t  *report;

    report = page->report;
    fputs("<p>Audit log <b>", out);
    sp_page_escape(out, sp_cstr(page->dir));
    fprintf(out, "</b>: %llu decisions from %s to %s, read %s.</p>\n",
            (unsigned long long) report->decisions,
            sp_cli_time_text((int64_t) (report->first / 1000000), from),
            sp_cli_time_text((int64_t) (report->last / 1000000), to),
            sp_cli_time_text((int64_t) time(NULL), now));

    if (report->lost != 0) {
        fprintf(out, "<p class=\"warn\">%llu verdicts have no record: the log "
                "says that it lost them.</p>\n",
                (unsigned long long) report->lost);
    }

    if (report->unreadable != 0) {
        fprintf(out, "<p class=\"warn\">Not all of the log could be read "
                "(%llu lanes or lines): run <code>sallyport audit verify"
                "</code>.</p>\n", (unsigned long long) report->unreadable);
    }

    fprintf(out, "<p class=\"soft\">Nothing here was verified against seals; "
            "<code>sallyport audit verify</code> does that. The table has "
            "%zu of the %llu records that were refused, throttled, excepted "
            "or flagged: those appealed against, then the newest.</p>\n",
            report->newest.n, (unsigned long long) report->newest.seen);
}


/* Shades by the square root of the highest count, so small ones are seen. */

static const char *
sp_report_how(sp_str_t code, void *ctx)
{
    size_t                   i;
    uint64_t                 most, n;
    const sp_tally_t        *tally;
    const sp_report_page_t  *page = ctx;
    const sp_tally_row_t    *row;

    static const char *const  shades[] = { "s1", "s2", "s3", "s4", "s5" };

    tally = &page->report->tallies[SP_REPORT_COUNTRY];
    row = sp_tally_find(tally, code);

    if (row == NULL) {
        return "";
    }

    for (i = 0, most = 1; i < tally->size; i++) {
        if (tally->rows[i].name != NULL && tally->rows[i].len == 2) {
            most = sp_max(most, tally->rows[i].n[SP_REPORT_N_DENY]);
        }
    }

    n = row->n[SP_REPORT_N_DENY];

    if (n == 0) {
        return "s0";
    }

    for (i = 0; i < sp_nelts(shades) - 1; i++) {
        if (n * sp_nelts(shades) * sp_nelts(shades) <= most * (i + 1) * (i + 1))
        {
            break;
        }
    }

    return shades[i];
}


static json_t *
sp_report_data(sp_report_page_t *page)
{
    size_t              i;
    json_t             *data, *tops, *short_by;
    const sp_report_t  *report;

    static const struct {
        const char  *name;
        unsigned     mask;
        size_t       most;
    } sorts[] = {
        { "reason", 1 << SP_REPORT_N_DENY | 1 << SP_REPORT_N_SLOW,
          SP_REPORT_TOP },
        { "rule", 1 << SP_REPORT_N_DENY | 1 << SP_REPORT_N_SLOW,
          SP_REPORT_TOP },
        { "account", 1 << SP_REPORT_N_DENY | 1 << SP_REPORT_N_SLOW,
          SP_REPORT_TOP },
        { "model", 1 << SP_REPORT_N_DENY | 1 << SP_REPORT_N_SLOW,
          SP_REPORT_TOP },
        { "country", ~0u, 1000 },
        { "unsure", 1 << SP_REPORT_N_DENY, SP_REPORT_TOP },
        { "flip", 0, 0 }
    };

    report = page->report;
    data = json_object();
    json_object_set_new(data, "dir", sp_cli_json_str(sp_cstr(page->dir)));
    json_object_set_new(data, "decisions",
                        json_integer((json_int_t) report->decisions));
    json_object_set_new(data, "excepted",
                        json_integer((json_int_t) report->excepted));
    json_object_set_new(data, "observed",
                        json_integer((json_int_t) report->observed));
    json_object_set_new(data, "totals",
                        sp_report_counts(report->totals, SP_REPORT_BARS));
    json_object_set_new(data, "time", sp_report_time_json(&report->time));

    tops = json_object();
    short_by = json_object();

    for (i = 0; i < sp_nelts(sorts); i++) {
        json_object_set_new(tops, sorts[i].name,
                            sp_report_top(&report->tallies[i], sorts[i].mask,
                                          sorts[i].most));
        json_object_set_new(short_by, sorts[i].name, json_integer(
                            (json_int_t) report->tallies[i].error));
    }

    json_object_set_new(data, "tops", tops);
    json_object_set_new(data, "short", short_by);
    json_object_set_new(data, "mostly", sp_report_mostly(
                        &report->tallies[SP_REPORT_ACCOUNT]));
    json_object_set_new(data, "revs", sp_report_revs(page));
    json_object_set_new(data, "flips", sp_report_flips(page));
    json_object_set(data, "appeals", report->appealed);
    json_object_set_new(data, "reasons", sp_report_reasons());
    json_object_set_new(data, "names", sp_page_names());

    return data;
}


static json_t *
sp_report_counts(const uint64_t *n, size_t count)
{
    size_t   i;
    json_t  *list;

    list = json_array();

    for (i = 0; i < count; i++) {
        json_array_append_new(list, json_integer((json_int_t) n[i]));
    }

    return list;
}


static json_t *
sp_report_time_json(const sp_report_time_t *span)
{
    json_t    *bars;
    unsigned   i;

    bars = json_array();

    for (i = 0; i < span->n; i++) {
        json_array_append_new(bars, sp_report_counts(span->bars[i],
                                                     SP_REPORT_BARS));
    }

    return json_pack("{sIsIso}", "width", (json_int_t) span->width, "first",
                     (json_int_t) (span->first * span->width), "bars", bars);
}


static json_t *
sp_report_row(const sp_tally_row_t *row)
{
    json_t  *made;

    made = json_object();
    json_object_set_new(made, "name", sp_cli_json_str((sp_str_t) { row->len,
                        (const unsigned char *) row->name }));
    json_object_set_new(made, "n", sp_report_counts(row->n, SP_TALLY_COLS));

    return made;
}


static json_t *
sp_report_top(const sp_tally_t *tally, unsigned mask, size_t most)
{
    size_t            i, n;
    json_t           *list;
    sp_tally_row_t  **rows;

    list = json_array();
    rows = sp_tally_sorted(tally, mask, &n);

    for (i = 0; i < n && i < most; i++) {
        json_array_append_new(list, sp_report_row(rows[i]));
    }

    free(rows);

    return list;
}


/* Who is let in nearly always and was refused for law or risk all the same. */

static json_t *
sp_report_mostly(const sp_tally_t *tally)
{
    size_t            i, n;
    json_t           *list;
    sp_tally_row_t  **rows;

    list = json_array();
    rows = sp_tally_sorted(tally, 1 << SP_REPORT_N_LAW, &n);

    for (i = 0; i < n && json_array_size(list) < SP_REPORT_TOP; i++) {
        if (rows[i]->n[SP_REPORT_N_ALLOW] >= SP_REPORT_FP_ALLOWS
            && rows[i]->n[SP_REPORT_N_ALLOW] / SP_REPORT_FP_TIMES
               >= rows[i]->n[SP_REPORT_N_DENY])
        {
            json_array_append_new(list, sp_report_row(rows[i]));
        }
    }

    free(rows);

    return list;
}


static void
sp_report_order(sp_report_page_t *page)
{
    unsigned  i, k;

    for (i = 0; i < page->report->nrevs; i++) {
        for (k = i; k != 0 && page->report->revs[page->order[k - 1]].first
                              > page->report->revs[i].first; k--)
        {
            page->order[k] = page->order[k - 1];
        }

        page->order[k] = i;
    }

    for (i = 0; i < page->report->nrevs; i++) {
        page->place[page->order[i]] = i;
    }
}


static json_t *
sp_report_revs(const sp_report_page_t *page)
{
    json_t                 *list;
    unsigned                i;
    const sp_report_rev_t  *r;

    list = json_array();

    for (i = 0; i < page->report->nrevs; i++) {
        r = &page->report->revs[page->order[i]];
        json_array_append_new(list, json_pack("{sososIsIso}",
            "rev", sp_cli_json_str(sp_cstr(r->rev)),
            "hash", sp_cli_json_str(sp_cstr(r->hash)),
            "first", (json_int_t) (r->first / 1000000),
            "last", (json_int_t) (r->last / 1000000),
            "n", sp_report_counts(r->n, 3)));
    }

    return list;
}


/* 1: always let in, -1: never, 0: both. */

static int
sp_report_answer(const sp_tally_row_t *row)
{
    int  no, yes;

    yes = row->n[SP_REPORT_N_ALLOW] + row->n[SP_REPORT_N_SLOW] != 0;
    no = row->n[SP_REPORT_N_DENY] != 0;

    return yes - no;
}


/*
 * The same account, model and country under a policy and under the one before
 * it: let in by one and refused by the other.
 */

static json_t *
sp_report_flips(const sp_report_page_t *page)
{
    int                    now, was, n;
    char                   name[528], *end;
    size_t                 i, nrows;
    json_t                *list;
    unsigned               rev;
    sp_tally_row_t       **rows;
    const sp_tally_t      *tally;
    const sp_tally_row_t  *old;

    list = json_array();
    tally = &page->report->tallies[SP_REPORT_FLIP];
    rows = sp_tally_sorted(tally, ~0u, &nrows);

    for (i = 0; i < nrows; i++) {
        rev = (unsigned) strtoul(rows[i]->name, &end, 10);
        now = sp_report_answer(rows[i]);

        if (page->place[rev] == 0 || now == 0) {
            continue;
        }

        n = snprintf(name, sizeof(name), "%u",
                     page->order[page->place[rev] - 1]);
        memcpy(name + n, end, rows[i]->len - (size_t) (end - rows[i]->name));
        old = sp_tally_find(tally, (sp_str_t) { (size_t) n + rows[i]->len
                            - (size_t) (end - rows[i]->name),
                            (const unsigned char *) name });
        was = old == NULL ? 0 : sp_report_answer(old);

        if (was == -now) {
            json_array_append_new(list, json_pack("{sisiso}", "rev",
                (int) page->place[rev], "now", now, "who",
                sp_cli_json_str((sp_str_t) { rows[i]->len
                - (size_t) (end + 1 - rows[i]->name),
                (const unsigned char *) end + 1 })));
        }
    }

    free(rows);

    return list;
}


static json_t *
sp_report_reasons(void)
{
    size_t                  i, n;
    json_t                 *reasons;
    const sp_reason_row_t  *rows;

    reasons = json_object();
    rows = sp_reason_rows(&n);

    for (i = 0; i < n; i++) {
        json_object_set_new(reasons, rows[i].code, json_string(rows[i].text));
    }

    return reasons;
}


/* As they stand in the log; they were read as JSON before they were kept. */

static void
sp_report_records(const sp_report_page_t *page, FILE *out)
{
    size_t                     i;
    const sp_report_record_t  *row;

    fputc('[', out);

    for (i = 0; i < page->report->newest.n; i++) {
        row = &page->report->newest.rows[i];
        fputs(i == 0 ? "" : ",\n", out);
        sp_page_json_text(out, (sp_str_t) { row->len,
                          (const unsigned char *) row->text });
    }

    fputc(']', out);
}

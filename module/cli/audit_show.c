
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport audit show`: recorded decisions, filtered, in
 * the order of their times.
 */


#include <poll.h>
#include <stdlib.h>

#include "sp_reason.h"

#include "audit_filter.h"
#include "flood.h"
#include "prove.h"


#define SP_SHOW_POLL  250    /* ms between looks of --follow */


typedef struct {
    const sp_cli_args_t  *args;
    sp_filter_t           filter;
    uint64_t              limit;
    sp_found_t           *found;
    size_t                n;
} sp_show_t;


static int sp_cli_audit_show_run(const sp_cli_args_t *args);
static void sp_show_line(void *ctx, const sp_lane_t *lane);
static void sp_show_one(sp_show_t *show);
static int sp_show_order(const void *one, const void *two);
static void sp_show_print(const sp_show_t *show, size_t from);
static void sp_show_row(const sp_line_t *line);
static sp_str_t sp_show_reported(const sp_line_t *line);
static sp_rc_t sp_show_customer(const sp_found_t *found);
static int sp_show_follow(sp_show_t *show);


static const sp_cli_opt_t  sp_cli_audit_show_opts[] = {
    sp_filter_opts,
    { "limit", "N", "at most so many, the newest (100; 0: all)" },
    { "follow", NULL, "go on with what is written from now on" },
    { "changes", NULL, "what was changed in the store, as the sealer knows" },
    { "seal", "DIR", "with --changes: the sealer's directory (DIR/seal)" },
    { "for", "customer", "of one ID: only what a customer may read" },
    { "format", "text|json", "a table, or the lines as they are (text)" },
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_audit_show = {
    "audit show",
    "DIR [ID] [FILTERS]",
    "Shows recorded decisions",
    "All filters given must hold. With --format json each line is printed as\n"
    "it stands in the log, so that it can be piped into jq.\n\n"
    "  sallyport audit show /var/log/sallyport --account acme --since -1d\n"
    "  sallyport audit show /var/log/sallyport --class legal --follow\n"
    "  sallyport audit show /var/log/sallyport 01KAR... --for customer\n"
    "  sallyport audit show /var/log/sallyport --changes --account acme\n\n"
    "--changes takes --since, --until and --account, of the filters.\n\n"
    "Exit codes: 0 shown; 1 the log cannot be read; 3 nothing fits.\n",
    sp_cli_audit_show_opts,
    1,
    2,
    sp_cli_audit_show_run
};


static int
sp_cli_audit_show_run(const sp_cli_args_t *args)
{
    int          rc;
    sp_show_t    show;
    const char  *text;

    memset(&show, 0, sizeof(show));
    show.args = args;
    show.limit = 100;

    text = sp_cli_opt(args, "limit");

    if (sp_cli_format(args) == -1
        || (text != NULL
            && sp_cli_number("--limit", text, 1000000000, &show.limit)
               != SP_OK)
        || sp_filter_init(&show.filter, args) != SP_OK)
    {
        return SP_CLI_USAGE;
    }

    text = sp_cli_opt(args, "for");

    if (text != NULL && (strcmp(text, "customer") != 0 || args->nargs != 2)) {
        sp_cli_error("it is `audit show DIR ID --for customer`");
        return SP_CLI_USAGE;
    }

    if (sp_cli_opt(args, "changes") != NULL) {
        return sp_changes_show(args);
    }

    if (sp_cli_opt(args, "follow") != NULL) {
        return sp_show_follow(&show);
    }

    if (sp_audit_each(args->args[0], sp_show_line, &show) != SP_OK) {
        return SP_CLI_REFUSED;
    }

    if (show.n != 0) {
        qsort(show.found, show.n, sizeof(*show.found), sp_show_order);
    }

    if (args->nargs == 2) {
        sp_show_one(&show);
    }

    rc = show.n != 0 ? SP_CLI_FINE : SP_CLI_DIFFERS;

    if (text != NULL) {
        rc = show.n == 1 && sp_show_customer(show.found) == SP_OK
             ? SP_CLI_FINE : SP_CLI_DIFFERS;

    } else {
        sp_show_print(&show, show.limit != 0 && show.n > show.limit
                             ? show.n - (size_t) show.limit : 0);
    }

    if (show.n == 0) {
        sp_cli_error("no recorded decision fits");
    }

    sp_found_free(show.found, show.n);

    return rc;
}


static void
sp_show_line(void *ctx, const sp_lane_t *lane)
{
    sp_str_t     id;
    sp_flood_t   flood;
    const char  *want;
    sp_show_t   *show = ctx;

    want = show->args->nargs == 2 ? show->args->args[1] : NULL;

    if (want != NULL && sp_flood_read(&flood, &lane->line) == SP_OK) {

        if (!sp_flood_has(&flood, sp_cstr(want))) {
            return;
        }

    } else if (want != NULL
               && (sp_line_word(&lane->line, SP_LM_ID, &id) != SP_OK
                   || !sp_str_eq(id, sp_cstr(want))))
    {
        return;
    }

    if (sp_filter_is(&show->filter, &lane->line)) {
        sp_found_add(&show->found, &show->n, lane);
    }
}


/* A decision's own line says more than the floods that came with it. */

static void
sp_show_one(sp_show_t *show)
{
    size_t       i, n;
    sp_line_t    line;
    const char  *why;
    sp_found_t   own;

    for (i = 0, n = show->n; i < show->n && n == show->n; i++) {
        (void) sp_line_read(&line, (sp_str_t) { show->found[i].len,
                            (unsigned char *) show->found[i].text }, &why);
        n = line.type == SP_LINE_DECISION ? i : show->n;
    }

    if (n == show->n) {
        return;
    }

    own = show->found[n];
    show->found[n] = show->found[0];
    show->found[0] = own;

    while (show->n > 1) {
        free(show->found[--show->n].text);
    }
}


/* "ts" is of one form, and sorts as text. */

static int
sp_show_order(const void *one, const void *two)
{
    sp_line_t          a, b;
    const char        *why;
    const sp_found_t  *x = one, *y = two;

    (void) sp_line_read(&a, (sp_str_t) { x->len, (unsigned char *) x->text },
                        &why);
    (void) sp_line_read(&b, (sp_str_t) { y->len, (unsigned char *) y->text },
                        &why);

    return memcmp(a.members[SP_LM_TS].data, b.members[SP_LM_TS].data,
                  sizeof("\"2026-11-23T12:00:04.183920Z\"") - 1);
}


static void
sp_show_print(const sp_show_t *show, size_t from)
{
    size_t       i;
    sp_line_t    line;
    const char  *why;

    for (i = from; i < show->n; i++) {

        if (sp_cli_format(show->args) == 1) {
            puts(show->found[i].text);
            continue;
        }

        if (sp_line_read(&line, (sp_str_t) { show->found[i].len,
                         (unsigned char *) show->found[i].text }, &why)
            == SP_OK)
        {
            sp_show_row(&line);
        }
    }

    if (from != 0) {
        fprintf(stderr, "%zu earlier ones are left out: --limit 0 shows "
                "all\n", from);
    }
}


static void
sp_show_row(const sp_line_t *line)
{
    size_t      i;
    sp_str_t    cells[8];
    sp_flood_t  flood;

    static const int  widths[] = { 27, 8, 24, 24, 16, 16, 3, 0 };

    cells[0] = sp_line_string(line->members[SP_LM_TS]);
    cells[1] = sp_line_string(line->members[SP_LM_DEC]);
    cells[2] = sp_line_string(line->members[SP_LM_REASON]);
    cells[3] = sp_show_reported(line);
    cells[4] = sp_line_string(sp_line_in(line->members[SP_LM_WHO],
                                         "account"));
    cells[5] = sp_line_string(sp_line_in(line->members[SP_LM_REQ], "model"));
    cells[6] = sp_line_string(sp_line_in(line->members[SP_LM_NET],
                                         "country"));
    cells[7] = sp_line_string(line->members[SP_LM_ID]);

    for (i = 0; i < sp_nelts(cells); i++) {

        if (cells[i].len == 0) {
            cells[i] = SP_STR("-");
        }

        sp_cli_print_safe(stdout, cells[i]);

        if (i + 1 < sp_nelts(cells)) {
            printf("%*s ", widths[i] > (int) cells[i].len
                   ? widths[i] - (int) cells[i].len : 0, "");
        }
    }

    if (sp_flood_read(&flood, line) == SP_OK) {
        printf(" and so on, %llu in all, to ", (unsigned long long) flood.n);
        sp_cli_print_safe(stdout, flood.last);
    }

    putchar('\n');
}


/* The first of "by", the lifted or the allowing rule: as it is written. */

static sp_str_t
sp_show_reported(const sp_line_t *line)
{
    sp_str_t  list;

    list = line->members[SP_LM_BY];

    if (list.len > 4) {
        list.data++;
        list.len--;
        return sp_line_string(sp_line_in(list, "r"));
    }

    return sp_line_string(line->members[SP_LM_ALLOW]);
}


/* Neither rules nor facts: the sentence that the answer had, and the id. */

static sp_rc_t
sp_show_customer(const sp_found_t *found)
{
    size_t                  i, n;
    sp_str_t                code;
    sp_line_t               line;
    const char             *why, *text;
    const sp_reason_row_t  *rows;

    if (sp_line_read(&line, (sp_str_t) { found->len,
                     (unsigned char *) found->text }, &why) != SP_OK)
    {
        sp_cli_error("%s", why);
        return SP_ERROR;
    }

    code = sp_line_string(line.members[SP_LM_REASON]);
    rows = sp_reason_rows(&n);
    text = line.members[SP_LM_REASON].len == 0 || code.len == 0
           ? "The request was allowed."
           : "The request was refused by the operator's policy.";

    for (i = 0; i < n; i++) {
        if (sp_str_eq(sp_cstr(rows[i].code), code)) {
            text = rows[i].text;
        }
    }

    printf("decision  ");
    sp_cli_print_safe(stdout, sp_line_string(line.members[SP_LM_ID]));
    printf("\ntime      ");
    sp_cli_print_safe(stdout, sp_line_string(line.members[SP_LM_TS]));
    printf("\nanswer    ");
    sp_cli_print_safe(stdout, sp_line_string(line.members[SP_LM_DEC]));

    if (line.members[SP_LM_STATUS].len != 0) {
        printf(", status ");
        sp_cli_print_safe(stdout, line.members[SP_LM_STATUS]);
    }

    printf("\nreason    %s\n", text);

    return SP_OK;
}


/* From what is there now on; lanes that begin later are read whole. */

static int
sp_show_follow(sp_show_t *show)
{
    int          first;
    size_t       i;
    sp_lane_t   *lane;
    sp_lanes_t   lanes;

    if (sp_lanes_open(&lanes, show->args->args[0]) != SP_OK) {
        sp_lanes_free(&lanes);
        return SP_CLI_REFUSED;
    }

    for (first = 1; /* void */ ; first = 0) {

        for (i = 0; i < lanes.nlanes; i++) {
            lane = lanes.lanes[i];
            lane->unchecked = 1;

            while (sp_lane_next(lane) == SP_OK) {
                if (!first) {
                    sp_show_line(show, lane);
                }
            }

            sp_lane_rest(lane);
        }

        sp_show_print(show, 0);

        if (fflush(stdout) != 0 || ferror(stdout)) {
            break;
        }

        sp_found_free(show->found, show->n);
        show->found = NULL;
        show->n = 0;

        (void) poll(NULL, 0, SP_SHOW_POLL);

        if (sp_lanes_scan(&lanes) != SP_OK) {
            break;
        }
    }

    sp_lanes_free(&lanes);

    return SP_CLI_REFUSED;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport audit reconcile`: the audit log beside logs
 * that others have written, which a gate that does not log cannot forge.
 */


#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "reconcile.h"


typedef void (*sp_reconcile_take_pt)(sp_reconcile_t *r, const char *id);


static int sp_cli_audit_reconcile_run(const sp_cli_args_t *args);
static sp_rc_t sp_reconcile_options(const sp_cli_args_t *args,
    sp_reconcile_t *r);
static void sp_reconcile_decision(void *ctx, const sp_lane_t *lane);
static void sp_reconcile_flood(sp_reconcile_t *r, const sp_line_t *line);
static int sp_reconcile_flooded(sp_reconcile_t *r, const char *id);
static void sp_reconcile_settle(void *ctx, const sp_lane_t *lane);
static int sp_reconcile_order(const void *one, const void *two);
static sp_reconcile_row_t *sp_reconcile_row(const sp_reconcile_t *r,
    const char *id);
static int sp_reconcile_is(sp_str_t text, char id[SP_RECONCILE_ID],
    uint64_t *ms);
static sp_rc_t sp_reconcile_file(sp_reconcile_t *r, const char *file,
    sp_reconcile_take_pt take);
static int sp_reconcile_line(const sp_reconcile_t *r, const char *line,
    char id[SP_RECONCILE_ID], uint64_t *ms);
static void sp_reconcile_answer(sp_reconcile_t *r, const char *id);
static void sp_reconcile_arrival(sp_reconcile_t *r, const char *id);
static void sp_reconcile_compare(sp_reconcile_t *r);


static const sp_cli_opt_t  sp_cli_audit_reconcile_opts[] = {
    { "upstream", "FILE", "log of the upstream: a line for each arrival" },
    { "upstream-count", "N", "how many arrivals the upstream counts" },
    { "mark", "TEXT", "what stands before the id in those logs (id=)" },
    { "plain", NULL, "plain allows are not recorded: `allows=` is not on" },
    { "since", "TIME", "decided from then on: 2026-11-23, -1h" },
    { "until", "TIME", "and before then" },
    { "format", "text|json", "how to print it (text)" },
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_audit_reconcile = {
    "audit reconcile",
    "DIR [ACCESS-LOG...] [--upstream FILE] [--upstream-count N]",
    "Compares the audit log with nginx's log and the upstream's",
    "Each answer in nginx's access log has its decision and the other way\n"
    "round; each request at the upstream carries the id of an allow, and\n"
    "arrived as often as its settle record says. Ids are where --mark is\n"
    "for the last time in a line, so that no client can write one: put\n"
    "id=$sallyport_id at the end of nginx's log_format, and the header\n"
    "X-Sallyport-Id at the end of the upstream's. A line may be the id alone.\n"
    "Cut both logs with --since and --until (ids have their time in them), so\n"
    "that what is under way now is not missed.\n\n"
    "  sallyport audit reconcile /var/log/sallyport /var/log/nginx/api.log \\\n"
    "      --upstream arrivals.log --since -1d --until -5m\n"
    "  sallyport audit reconcile /var/log/sallyport --upstream-count 18230\n\n"
    "Exit codes: 0 they agree; 1 a log cannot be read; 3 they differ.\n",
    sp_cli_audit_reconcile_opts,
    1,
    SP_CLI_ARGS_MAX,
    sp_cli_audit_reconcile_run
};


static int
sp_cli_audit_reconcile_run(const sp_cli_args_t *args)
{
    int              i, rc;
    const char      *upstream;
    sp_reconcile_t  *r;

    r = sp_cli_alloc(sizeof(*r));
    rc = SP_CLI_USAGE;

    if (sp_reconcile_options(args, r) != SP_OK) {
        goto done;
    }

    rc = SP_CLI_REFUSED;

    if (sp_audit_each(args->args[0], sp_reconcile_decision, r) != SP_OK) {
        goto done;
    }

    if (r->n != 0) {
        qsort(r->rows, r->n, sizeof(*r->rows), sp_reconcile_order);
    }

    if (sp_audit_each(args->args[0], sp_reconcile_settle, r) != SP_OK) {
        goto done;
    }

    for (i = 1; i < args->nargs; i++) {
        if (sp_reconcile_file(r, args->args[i], sp_reconcile_answer)
            != SP_OK)
        {
            goto done;
        }
    }

    upstream = sp_cli_opt(args, "upstream");

    if (upstream != NULL
        && sp_reconcile_file(r, upstream, sp_reconcile_arrival) != SP_OK)
    {
        goto done;
    }

    sp_reconcile_compare(r);
    rc = sp_reconcile_print(r, sp_cli_format(args));

done:

    while (r->nfloods != 0) {
        free(r->floods[--r->nfloods].text);
    }

    free(r->floods);
    free(r->rows);
    free(r);

    return rc;
}


static sp_rc_t
sp_reconcile_options(const sp_cli_args_t *args, sp_reconcile_t *r)
{
    size_t       i;
    int64_t      at;
    const char  *text;

    static const char *const  names[] = { "since", "until" };

    text = sp_cli_opt(args, "mark");
    r->mark = text != NULL ? text : "id=";
    r->until = UINT64_MAX;
    r->plain = sp_cli_opt(args, "plain") != NULL;
    r->has_access = args->nargs > 1;
    r->has_upstream = sp_cli_opt(args, "upstream") != NULL;
    text = sp_cli_opt(args, "upstream-count");
    r->has_count = text != NULL;

    if (sp_cli_format(args) == -1
        || (text != NULL && sp_cli_number("--upstream-count", text, INT64_MAX,
                                          &r->expected) != SP_OK))
    {
        return SP_ERROR;
    }

    if (!r->has_access && !r->has_upstream && !r->has_count) {
        sp_cli_error("compare with what? an access log, --upstream FILE or "
                     "--upstream-count N");
        return SP_ERROR;
    }

    for (i = 0; i < sp_nelts(names); i++) {
        text = sp_cli_opt(args, names[i]);

        if (text == NULL) {
            continue;
        }

        if (sp_cli_time(sp_cstr(text), (int64_t) time(NULL), &at) != SP_OK) {
            sp_cli_error("--%s: '%s' is no time; 2026-12-01, "
                         "2026-12-01T08:00:00Z and -1d are", names[i], text);
            return SP_ERROR;
        }

        *(i == 0 ? &r->since : &r->until) = (uint64_t) at * 1000;
    }

    return SP_OK;
}


static void
sp_reconcile_decision(void *ctx, const sp_lane_t *lane)
{
    char                 text[SP_RECONCILE_ID];
    sp_str_t             id;
    uint64_t             ms;
    sp_reconcile_t      *r = ctx;
    const sp_line_t     *line;
    sp_reconcile_row_t  *row;

    line = &lane->line;
    sp_reconcile_flood(r, line);

    if (line->type != SP_LINE_DECISION
        || sp_line_word(line, SP_LM_ID, &id) != SP_OK
        || !sp_reconcile_is(id, text, &ms) || ms < r->since
        || ms >= r->until)
    {
        return;
    }

    if (r->n == r->room) {
        r->room = 2 * r->room + 1024;
        r->rows = realloc(r->rows, r->room * sizeof(*r->rows));

        if (r->rows == NULL) {
            sp_cli_error("no memory for the decisions: give --since and "
                         "--until");
            exit(SP_CLI_REFUSED);
        }
    }

    row = &r->rows[r->n++];
    memset(row, 0, sizeof(*row));
    memcpy(row->id, text, sizeof(text));
    row->allowed = sp_line_is(line, SP_LM_DEC, "allow");
    row->enforced = !sp_str_eq(line->members[SP_LM_ENFORCED],
                               SP_STR("false"));
}


/* Their ids are known as a range only: the sums must be equal. */

static void
sp_reconcile_flood(sp_reconcile_t *r, const sp_line_t *line)
{
    char                   text[SP_RECONCILE_ID];
    uint64_t               ms;
    sp_line_t              own;
    sp_flood_t             flood;
    const char            *why;
    sp_reconcile_flood_t  *f;

    if (sp_flood_read(&flood, line) != SP_OK
        || !sp_reconcile_is(flood.first, text, &ms) || ms < r->since
        || ms >= r->until)
    {
        return;
    }

    f = realloc(r->floods, (r->nfloods + 1) * sizeof(*f));

    if (f == NULL) {
        sp_cli_error("no memory for the floods: give --since and --until");
        exit(SP_CLI_REFUSED);
    }

    r->floods = f;
    f += r->nfloods++;
    f->text = sp_cli_copy(line->text);
    r->flooded += flood.n;

    if (sp_line_read(&own, (sp_str_t) { line->text.len,
                     (unsigned char *) f->text }, &why) != SP_OK
        || sp_flood_read(&f->flood, &own) != SP_OK)
    {
        r->nfloods--;
        free(f->text);
    }
}


static int
sp_reconcile_flooded(sp_reconcile_t *r, const char *id)
{
    size_t  i;

    for (i = 0; i < r->nfloods; i++) {
        if (sp_flood_has(&r->floods[i].flood, sp_cstr(id))) {
            r->flood_answers++;
            return 1;
        }
    }

    return 0;
}


static void
sp_reconcile_settle(void *ctx, const sp_lane_t *lane)
{
    char                 text[SP_RECONCILE_ID];
    sp_str_t             of;
    uint64_t             attempts, ms;
    sp_reconcile_t      *r = ctx;
    sp_reconcile_row_t  *row;

    if (lane->line.type != SP_LINE_SETTLE
        || sp_line_word(&lane->line, SP_LM_OF, &of) != SP_OK
        || !sp_reconcile_is(of, text, &ms)
        || sp_line_uint(&lane->line, SP_LM_ATTEMPTS, &attempts) != SP_OK)
    {
        return;
    }

    row = sp_reconcile_row(r, text);

    if (row != NULL) {
        row->settled = 1;
        row->attempts += attempts;
        r->settles++;
        r->attempts += attempts;
    }
}


static int
sp_reconcile_order(const void *one, const void *two)
{
    const sp_reconcile_row_t  *a = one, *b = two;

    return strcmp(a->id, b->id);
}


static sp_reconcile_row_t *
sp_reconcile_row(const sp_reconcile_t *r, const char *id)
{
    sp_reconcile_row_t  key;

    if (r->n == 0) {
        return NULL;
    }

    memcpy(key.id, id, sizeof(key.id));

    return bsearch(&key, r->rows, r->n, sizeof(key), sp_reconcile_order);
}


/*
 * 01KARM5GQ7-2-0000000000042: ten digits of milliseconds in Crockford's base
 * 32, the lane, thirteen digits. The text may go on behind it.
 */

static int
sp_reconcile_is(sp_str_t text, char id[SP_RECONCILE_ID], uint64_t *ms)
{
    size_t       i, lane;
    const char  *digit;

    static const char  digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    *ms = 0;
    memset(id, 0, SP_RECONCILE_ID);

    for (i = 0, lane = 0; i < text.len && i < SP_RECONCILE_ID - 1; i++) {

        if (i == 10 || (lane != 0 && i > 11 && i == lane)) {
            if (text.data[i] != '-') {
                return 0;
            }

            if (i == 10) {
                for (lane = 11; lane < text.len && lane < 22
                     && text.data[lane] != '-'; lane++)
                {
                    if (text.data[lane] < '0' || text.data[lane] > '9') {
                        return 0;
                    }
                }
            }

        } else {
            digit = text.data[i] == '\0' ? NULL
                                         : strchr(digits, text.data[i]);

            if (digit == NULL) {
                return 0;
            }

            if (i < 10) {
                *ms = *ms * 32 + (uint64_t) (digit - digits);
            }
        }

        id[i] = (char) text.data[i];

        if (lane > 11 && i == lane + 13) {
            return 1;
        }
    }

    return 0;
}


static sp_rc_t
sp_reconcile_file(sp_reconcile_t *r, const char *file,
    sp_reconcile_take_pt take)
{
    int        named;
    char      *line, id[SP_RECONCILE_ID];
    FILE      *in;
    size_t     room;
    ssize_t    len;
    sp_rc_t    rc;
    uint64_t   ms;

    in = strcmp(file, "-") == 0 ? stdin : fopen(file, "re");

    if (in == NULL) {
        sp_cli_error("cannot open '%s': %s", file, strerror(errno));
        return SP_ERROR;
    }

    line = NULL;
    room = 0;

    while ((len = getline(&line, &room, in)) > 0) {

        if (line[0] == '\n') {
            continue;
        }

        named = sp_reconcile_line(r, line, id, &ms);

        if (!named) {
            take(r, NULL);

        } else if (ms >= r->since && ms < r->until) {
            take(r, id);
        }
    }

    rc = ferror(in) ? SP_ERROR : SP_OK;

    if (rc != SP_OK) {
        sp_cli_error("cannot read '%s': %s", file, strerror(errno));
    }

    if (in != stdin) {
        (void) fclose(in);
    }

    free(line);

    return rc;
}


/* A line that is nothing but an id needs no mark. */

static int
sp_reconcile_line(const sp_reconcile_t *r, const char *line,
    char id[SP_RECONCILE_ID], uint64_t *ms)
{
    size_t       len;
    const char  *p, *last;

    len = strlen(line);

    if (sp_reconcile_is(sp_cstr(line), id, ms)
        && line[strlen(id) + strspn(line + strlen(id), " \t\r\n")] == '\0')
    {
        return 1;
    }

    last = NULL;

    for (p = line; (p = strstr(p, r->mark)) != NULL && len != 0;
         p += r->mark[0] != '\0')
    {
        last = p + strlen(r->mark);

        if (r->mark[0] == '\0') {
            break;
        }
    }

    return last != NULL && sp_reconcile_is(sp_cstr(last), id, ms);
}


static void
sp_reconcile_answer(sp_reconcile_t *r, const char *id)
{
    sp_reconcile_row_t  *row;

    r->answers++;

    if (id == NULL) {
        r->ungated++;
        return;
    }

    row = sp_reconcile_row(r, id);

    if (row != NULL) {
        row->answers++;

    } else if (sp_reconcile_flooded(r, id)) {
        return;

    } else if (r->plain) {
        r->unrecorded++;

    } else {
        sp_reconcile_find(r, SP_RC_ACCESS_ALIEN, id);
    }
}


static void
sp_reconcile_arrival(sp_reconcile_t *r, const char *id)
{
    sp_reconcile_row_t  *row;

    r->arrivals++;

    if (id == NULL) {
        sp_reconcile_find(r, SP_RC_UP_NAMELESS, "-");
        return;
    }

    row = sp_reconcile_row(r, id);

    if (row == NULL) {
        if (r->plain) {
            r->unrecorded++;

        } else {
            sp_reconcile_find(r, SP_RC_UP_ALIEN, id);
        }

        return;
    }

    row->arrivals++;

    if (!row->allowed && row->enforced) {
        sp_reconcile_find(r, SP_RC_UP_REFUSED, id);
    }
}


static void
sp_reconcile_compare(sp_reconcile_t *r)
{
    char                 text[SP_RECONCILE_ID];
    size_t               i;
    sp_reconcile_row_t  *row;

    for (i = 0; i < r->n; i++) {
        row = &r->rows[i];

        if (row->answers > 1) {
            sp_reconcile_find(r, SP_RC_ACCESS_TWICE, row->id);
        }

        if (r->has_access && row->answers == 0) {
            sp_reconcile_find(r, SP_RC_RECORD_ALONE, row->id);
        }

        if (row->allowed && row->enforced && !row->settled) {
            sp_reconcile_find(r, SP_RC_UNSETTLED, row->id);
        }

        if (r->has_upstream && (row->allowed || !row->enforced)
            && row->arrivals != row->attempts)
        {
            sp_reconcile_find(r, SP_RC_ATTEMPTS, row->id);
        }
    }

    if (r->has_access && !r->plain && r->flood_answers != r->flooded) {
        (void) snprintf(text, sizeof(text), "%llu of %llu",
                        (unsigned long long) r->flood_answers,
                        (unsigned long long) r->flooded);
        sp_reconcile_find(r, SP_RC_FLOOD, text);
    }

    if (r->has_count && r->expected != r->attempts) {
        (void) snprintf(text, sizeof(text), "%llu", (unsigned long long)
                        r->attempts);
        sp_reconcile_find(r, SP_RC_TOTAL, text);
    }
}


void
sp_reconcile_find(sp_reconcile_t *r, sp_reconcile_kind_t kind, const char *id)
{
    if (r->found[kind] < SP_RECONCILE_SAMPLES) {
        (void) snprintf(r->samples[kind][r->found[kind]], SP_RECONCILE_ID,
                        "%s", id);
    }

    r->found[kind]++;
}

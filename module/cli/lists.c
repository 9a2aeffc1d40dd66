
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport lists` and `sallyport exceptions`: what in a
 * policy has a date, and when somebody has to look at it again.
 */


#include <stdlib.h>
#include <time.h>

#include "policy/sp_policy_image.h"

#include "policy_open.h"


#define SP_DAY  86400


typedef struct {
    int64_t   now;
    int64_t   within;    /* seconds; INT64_MAX: all */
    int       json;
    size_t    due;       /* over, or about to be */
    json_t   *rows;
} sp_lists_t;


static int sp_cli_lists_run(const sp_cli_args_t *args);
static int sp_cli_exceptions_run(const sp_cli_args_t *args);
static sp_rc_t sp_lists_options(const sp_cli_args_t *args, sp_lists_t *lists,
    sp_policy_opts_t *opts);
static void sp_lists_list(sp_lists_t *lists, const sp_policy_t *policy,
    int i);
static unsigned sp_lists_used(const sp_policy_t *policy, int i);
static void sp_lists_exception(sp_lists_t *lists, const sp_policy_t *policy,
    int rule);
static const char *sp_lists_state(const sp_lists_t *lists, int64_t from,
    int64_t until);
static json_t *sp_lists_lifts(const sp_policy_t *policy, int rule);
static void sp_lists_left(const sp_lists_t *lists, int64_t until,
    char text[SP_CLI_TIME_LEN]);
static int sp_lists_end(sp_lists_t *lists, const sp_cli_args_t *args);


static const sp_cli_opt_t  sp_cli_lists_opts[] = {
    { "within", "DURATION", "only what is over by then; exit 3 if any" },
    { "now", "TIME", "as of this time" },
    { "format", "text|json", "how to print it (text)" },
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_lists = {
    "lists",
    "FILE|DIR [--within 30d] [--now TIME] [--format text|json]",
    "Prints the lists of a policy: source, review date, use",
    "With --within only those that are past their review date, or their last\n"
    "day, by then, and exit code 3 if there is one: for a cron job that writes\n"
    "to whoever owns them. 'named 2x': by two tests in rules.\n\n"
    "  sallyport lists policy/\n"
    "  sallyport lists policy/ --within 30d\n",
    sp_cli_lists_opts,
    1,
    1,
    sp_cli_lists_run
};


const sp_cli_verb_t  sp_cli_exceptions = {
    "exceptions",
    "FILE|DIR [--within 30d] [--now TIME] [--format text|json]",
    "Prints the exceptions of a policy: for whom, from what, until when",
    "In the order in which they end. With --within only those that have ended\n"
    "or end by then, and exit code 3 if there is one.\n\n"
    "  sallyport exceptions policy/\n",
    sp_cli_lists_opts,
    1,
    1,
    sp_cli_exceptions_run
};


static int
sp_cli_lists_run(const sp_cli_args_t *args)
{
    int                i;
    sp_lists_t         lists;
    sp_policy_t       *policy;
    sp_policy_opts_t   opts;

    if (sp_lists_options(args, &lists, &opts) != SP_OK) {
        return SP_CLI_USAGE;
    }

    policy = sp_cli_policy(args->args[0], &opts);

    if (policy == NULL) {
        return SP_CLI_REFUSED;
    }

    lists.rows = json_array();

    for (i = 0; i < sp_policy_lists(policy); i++) {
        sp_lists_list(&lists, policy, i);
    }

    free(policy);

    return sp_lists_end(&lists, args);
}


static sp_rc_t
sp_lists_options(const sp_cli_args_t *args, sp_lists_t *lists,
    sp_policy_opts_t *opts)
{
    const char  *text;

    memset(lists, 0, sizeof(*lists));
    memset(opts, 0, sizeof(*opts));
    lists->now = (int64_t) time(NULL);
    lists->within = INT64_MAX;
    lists->json = sp_cli_format(args);
    text = sp_cli_opt(args, "within");

    if (lists->json == -1 || sp_cli_now(args, &lists->now) != SP_OK) {
        return SP_ERROR;
    }

    if (text != NULL
        && sp_cli_duration(sp_cstr(text), &lists->within) != SP_OK)
    {
        sp_cli_error("--within: '%s' is no duration like 30d", text);
        return SP_ERROR;
    }

    opts->now = lists->now;
    opts->has_regions = 1;

    return SP_OK;
}


/* "-3d", "12d"; nothing for what has no end. */

static void
sp_lists_left(const sp_lists_t *lists, int64_t until,
    char text[SP_CLI_TIME_LEN])
{
    int64_t  left;

    text[0] = '\0';

    if (until != INT64_MAX) {
        left = until - lists->now;
        (void) snprintf(text, SP_CLI_TIME_LEN, "%lldd",
                        (long long) (left < 0 ? -((-left + SP_DAY - 1)
                                                  / SP_DAY)
                                              : left / SP_DAY));
    }
}


static void
sp_lists_list(sp_lists_t *lists, const sp_policy_t *policy, int i)
{
    int                due;
    char               left[SP_CLI_TIME_LEN], review[SP_CLI_TIME_LEN];
    char               end[SP_CLI_TIME_LEN];
    json_t            *row;
    int64_t            first;
    unsigned           used;
    sp_policy_list_t   list;

    sp_policy_list(policy, i, &list);
    used = sp_lists_used(policy, i);
    first = list.review < list.until ? list.review : list.until;
    due = lists->within != INT64_MAX && first <= lists->now + lists->within;

    if (lists->within != INT64_MAX && !due) {
        return;
    }

    lists->due += due;
    sp_lists_left(lists, list.review, left);
    (void) sp_cli_time_text(list.review - 1, review);
    (void) sp_cli_time_text(list.until, end);

    row = json_pack("{s:o, s:s, s:I, s:i, s:o, s:s}", "name",
                    sp_cli_json_str(list.name), "type", list.type, "items",
                    (json_int_t) list.items, "used", (int) used, "source",
                    sp_cli_json_str(list.source), "state",
                    sp_lists_state(lists, list.from, list.until));

    json_object_set_new(row, "review_by", list.review == INT64_MAX
                        ? json_null() : json_stringn(review, 10));
    json_object_set_new(row, "overdue",
                        json_boolean(list.review <= lists->now));
    json_object_set_new(row, "until", list.until == INT64_MAX
                        ? json_null() : json_string(end));
    json_array_append_new(lists->rows, row);

    if (lists->json) {
        return;
    }

    printf("@%-24.*s %-8s %7zu items, named %ux; ", (int) list.name.len,
           (const char *) list.name.data, list.type, list.items, used);

    if (list.review == INT64_MAX) {
        printf("no review date");

    } else if (list.review <= lists->now) {
        printf("PAST REVIEW since %.10s (%s)", review, left);

    } else {
        printf("review by %.10s (%s)", review, left);
    }

    if (list.until != INT64_MAX || list.from != INT64_MIN) {
        printf("; %s%s%s", sp_lists_state(lists, list.from, list.until),
               list.until != INT64_MAX ? ", until " : "",
               list.until != INT64_MAX ? end : "");
    }

    printf("\n    source: ");
    sp_cli_print_safe(stdout, list.source.len != 0 ? list.source
                                                   : SP_STR("none named"));
    putchar('\n');
}


/* How many tests of rules look into the list of this name. */

static unsigned
sp_lists_used(const sp_policy_t *policy, int i)
{
    unsigned           n;
    uint32_t           at;
    sp_str_t           name;
    const sp_node_t   *node;
    sp_policy_list_t   list;

    n = 0;
    sp_policy_list(policy, i, &list);

    for (at = 0; at < policy->nnodes; at++) {
        node = sp_image_at(policy, policy->nodes, sp_node_t) + at;

        if (node->set == SP_NO_SET || node->op < SP_OP_HAS) {
            continue;
        }

        name = sp_image_str(policy, sp_image_set(policy, node->set)->name);
        n += (unsigned) sp_str_eq(name, list.name);
    }

    return n;
}


static int
sp_lists_end(sp_lists_t *lists, const sp_cli_args_t *args)
{
    int     rc;
    size_t  n;

    rc = SP_CLI_FINE;
    n = json_array_size(lists->rows);

    if (lists->json) {
        if (sp_cli_json_print(lists->rows) != SP_OK) {
            return SP_CLI_REFUSED;
        }

    } else {
        json_decref(lists->rows);

        if (n == 0) {
            printf("none%s%s\n", sp_cli_opt(args, "within") != NULL
                                 ? " within " : "",
                   sp_cli_opt(args, "within") != NULL
                   ? sp_cli_opt(args, "within") : "");
        }
    }

    if (lists->within != INT64_MAX && lists->due != 0) {
        rc = SP_CLI_DIFFERS;
    }

    return rc;
}


static int
sp_cli_exceptions_run(const sp_cli_args_t *args)
{
    int                rule, best, n, i, *order;
    int64_t            from, until, least;
    sp_lists_t         lists;
    sp_policy_t       *policy;
    sp_policy_opts_t   opts;

    if (sp_lists_options(args, &lists, &opts) != SP_OK) {
        return SP_CLI_USAGE;
    }

    policy = sp_cli_policy(args->args[0], &opts);

    if (policy == NULL) {
        return SP_CLI_REFUSED;
    }

    lists.rows = json_array();
    order = sp_cli_alloc((size_t) sp_policy_rules(policy) * sizeof(int));

    /* The next to end, again and again: there are few. */

    for (n = 0; /* void */; n++) {
        best = -1;
        least = INT64_MAX;

        for (rule = 0; rule < sp_policy_rules(policy); rule++) {
            if (sp_policy_rule_kind(policy, rule) != SP_RULE_EXCEPTION) {
                continue;
            }

            sp_policy_rule_valid(policy, rule, &from, &until);

            for (i = 0; i < n && order[i] != rule; i++) { /* void */ }

            if (i == n && (best == -1 || until < least)) {
                best = rule;
                least = until;
            }
        }

        if (best == -1) {
            break;
        }

        order[n] = best;
        sp_lists_exception(&lists, policy, best);
    }

    free(order);
    free(policy);

    return sp_lists_end(&lists, args);
}


static void
sp_lists_exception(sp_lists_t *lists, const sp_policy_t *policy, int rule)
{
    int          due;
    char         left[SP_CLI_TIME_LEN], begin[SP_CLI_TIME_LEN];
    char         end[SP_CLI_TIME_LEN];
    size_t       i;
    json_t      *row, *lifts, *item;
    int64_t      from, until;
    sp_str_t     s;
    unsigned     line;

    static const char *const  kinds[] = { "licence", "waiver", "appeal" };

    sp_policy_rule_valid(policy, rule, &from, &until);
    due = lists->within != INT64_MAX && until <= lists->now + lists->within;

    if (lists->within != INT64_MAX && !due) {
        return;
    }

    lists->due += due;
    sp_lists_left(lists, until, left);
    (void) sp_cli_time_text(from, begin);
    (void) sp_cli_time_text(until, end);
    lifts = sp_lists_lifts(policy, rule);
    s = sp_policy_rule_file(policy, rule, &line);

    row = json_pack("{s:o, s:s, s:o, s:o, s:s, s:o, s:o, s:o, s:i}",
        "id", sp_cli_json_str(sp_policy_rule_id(policy, rule)),
        "kind", kinds[sp_policy_exception_kind(policy, rule)],
        "account", sp_cli_json_str(sp_policy_exception_account(policy, rule)),
        "lifts", lifts, "state", sp_lists_state(lists, from, until),
        "authority", sp_cli_json_str(sp_policy_exception_authority(policy,
                                                                   rule)),
        "ticket", sp_cli_json_str(sp_policy_exception_ticket(policy, rule)),
        "file", sp_cli_json_str(s), "line", (int) line);

    json_object_set_new(row, "from", from == INT64_MIN ? json_null()
                                                       : json_string(begin));
    json_object_set_new(row, "until", until == INT64_MAX ? json_null()
                                                         : json_string(end));
    json_array_append_new(lists->rows, row);

    if (lists->json) {
        return;
    }

    s = sp_policy_rule_id(policy, rule);
    printf("%-24.*s %-8s", (int) s.len, (const char *) s.data,
           json_string_value(json_object_get(row, "kind")));
    s = sp_policy_exception_account(policy, rule);
    printf(" %-24.*s %s, until %s (%s)\n    lifts", (int) s.len,
           (const char *) s.data, sp_lists_state(lists, from, until), end,
           left);

    json_array_foreach(lifts, i, item) {
        printf("%s %s", i != 0 ? "," : "", json_string_value(item));
    }

    s = sp_policy_exception_authority(policy, rule);
    printf("; authority ");
    sp_cli_print_safe(stdout, s.len != 0 ? s : SP_STR("none named"));
    s = sp_policy_exception_ticket(policy, rule);
    printf(", ticket ");
    sp_cli_print_safe(stdout, s.len != 0 ? s : SP_STR("none"));
    putchar('\n');
}


static const char *
sp_lists_state(const sp_lists_t *lists, int64_t from, int64_t until)
{
    return lists->now < from ? "not yet in force"
           : lists->now >= until ? "ENDED" : "in force";
}


static json_t *
sp_lists_lifts(const sp_policy_t *policy, int rule)
{
    json_t           *list;
    uint32_t          i;
    const uint32_t   *lifts;
    const sp_rule_t  *row;

    list = json_array();
    row = sp_image_rule(policy, rule);
    lifts = sp_image_at(policy, row->list, uint32_t);

    for (i = 0; i < row->nlist; i++) {
        json_array_append_new(list, sp_cli_json_str(
                              sp_policy_rule_id(policy, (int) lifts[i])));
    }

    return list;
}

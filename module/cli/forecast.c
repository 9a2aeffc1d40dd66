
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport forecast`: what a policy and its accounts
 * come to in the next days, if nobody does anything.
 */


#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "forecast.h"
#include "geo.h"
#include "policy_open.h"


#define SP_FORECAST_DAYS  30


static int sp_cli_forecast_run(const sp_cli_args_t *args);
static sp_rc_t sp_forecast_options(sp_forecast_t *forecast,
    const sp_cli_args_t *args);
static sp_rc_t sp_forecast_geo(sp_forecast_t *forecast, const char *text);
static void sp_forecast_policy(sp_forecast_t *forecast);
static void sp_forecast_event(sp_forecast_t *forecast, int64_t at,
    const char *what, sp_str_t name, const char *kind);
static int sp_forecast_earlier(const void *one, const void *two);
static void sp_forecast_sort(json_t *list);
static void sp_forecast_text(const sp_forecast_t *forecast, int asked);
static void sp_forecast_tiers(const sp_forecast_t *forecast);
static json_t *sp_forecast_json(const sp_forecast_t *forecast, int asked);


static const sp_cli_opt_t  sp_cli_forecast_opts[] = {
    { "days", "N", "how far ahead (30; at most 366)" },
    { "accounts", "FILE|-", "accounts as JSON lines: {\"id\": ..., fields}" },
    { "from", "COUNTRY", "they all call from there, not each from its home" },
    { "list", NULL, "name the accounts that lose access, and when" },
    SP_CLI_GEO_OPT,
    { "now", "TIME", "look ahead from this time" },
    { "format", "text|json", "how to print it (text)" },
    SP_STORE_OPTS,
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_forecast = {
    "forecast",
    "POLICY [--days N] [--accounts FILE | --store URL] [OPTIONS]",
    "Says what will change in the next days if nobody does anything",
    "Rules, lists and exceptions that begin or end, lists that are to be reviewed,\n"
    "GeoIP databases that get older than the policy lets them (--geo), and with\n"
    "--accounts or --store how many accounts lose a model tier: each is decided\n"
    "for each day as a call from its home, with an active key. From a store all\n"
    "accounts are read with SCAN, a page at a time. Memory does not grow with\n"
    "them, unless they are to be named (--list).\n\n"
    "Exit code 0: done; 1: something cannot be read.\n\n"
    "  sallyport forecast policy/ --days 60\n"
    "  sallyport forecast policy/ --store redis://127.0.0.1 --list\n",
    sp_cli_forecast_opts,
    1,
    1,
    sp_cli_forecast_run
};


static int
sp_cli_forecast_run(const sp_cli_args_t *args)
{
    int                rc, tier, asked;
    const char        *file, *store;
    sp_policy_t       *policy;
    sp_forecast_t     *forecast;
    sp_policy_opts_t   opts;

    forecast = sp_cli_alloc(sizeof(*forecast));

    if (sp_forecast_options(forecast, args) != SP_OK) {
        free(forecast);
        return SP_CLI_USAGE;
    }

    memset(&opts, 0, sizeof(opts));
    opts.now = forecast->now;
    opts.has_regions = 1;
    policy = sp_cli_policy(args->args[0], &opts);

    if (policy == NULL) {
        free(forecast);
        return SP_CLI_REFUSED;
    }

    forecast->policy = policy;
    forecast->events = json_array();
    forecast->why = json_object();
    forecast->losers = json_array();
    rc = SP_CLI_FINE;

    for (tier = 1; tier <= SP_TIERS; tier++) {
        if (sp_cli_tier_model(policy, tier, forecast->models[tier],
                              sizeof(forecast->models[tier]))
            != SP_OK)
        {
            forecast->models[tier][0] = '\0';
        }
    }

    sp_forecast_policy(forecast);

    file = sp_cli_opt(args, "geo");

    if (file != NULL && sp_forecast_geo(forecast, file) != SP_OK) {
        rc = SP_CLI_REFUSED;
    }

    file = sp_cli_opt(args, "accounts");
    store = sp_cli_opt(args, "store");
    asked = file != NULL || store != NULL || getenv("SALLYPORT_STORE") != NULL;

    if (rc == SP_CLI_FINE && file != NULL
        && sp_forecast_lines(forecast, file) != SP_OK)
    {
        rc = SP_CLI_REFUSED;
    }

    if (rc == SP_CLI_FINE && file == NULL && asked
        && sp_forecast_store(forecast, args) != SP_OK)
    {
        rc = SP_CLI_REFUSED;
    }

    if (forecast->progress && forecast->accounts != 0) {
        fputs("\r\033[K", stderr);
    }

    if (rc == SP_CLI_FINE) {
        sp_forecast_sort(forecast->events);

        if (sp_cli_format(args) == 0) {
            sp_forecast_text(forecast, asked);

        } else if (sp_cli_json_print(sp_forecast_json(forecast, asked))
                   != SP_OK)
        {
            rc = SP_CLI_REFUSED;
        }
    }

    json_decref(forecast->events);
    json_decref(forecast->why);
    json_decref(forecast->losers);
    free(forecast);
    free(policy);

    return rc;
}


static sp_rc_t
sp_forecast_options(sp_forecast_t *forecast, const sp_cli_args_t *args)
{
    uint64_t     n;
    const char  *text;

    forecast->now = (int64_t) time(NULL);
    forecast->list = sp_cli_opt(args, "list") != NULL;
    forecast->progress = isatty(STDERR_FILENO);
    n = SP_FORECAST_DAYS;
    text = sp_cli_opt(args, "days");

    if (text != NULL
        && sp_cli_number("--days", text, SP_FORECAST_DAYS_MAX, &n) != SP_OK)
    {
        return SP_ERROR;
    }

    forecast->days = (int) n;
    text = sp_cli_opt(args, "from");

    if (text != NULL
        && (sp_place_parse(sp_cstr(text), &forecast->from) != SP_PLACE_OK
            || sp_place_is_region(forecast->from)))
    {
        sp_cli_error("--from: '%s' is no ISO 3166-1 country code", text);
        return SP_ERROR;
    }

    if (sp_cli_opt(args, "accounts") != NULL
        && sp_cli_opt(args, "store") != NULL)
    {
        sp_cli_error("accounts come from --accounts or from --store, not from "
                     "both");
        return SP_ERROR;
    }

    if (sp_cli_now(args, &forecast->now) != SP_OK
        || sp_cli_format(args) == -1)
    {
        return SP_ERROR;
    }

    return SP_OK;
}


static sp_rc_t
sp_forecast_geo(sp_forecast_t *forecast, const char *text)
{
    unsigned       i;
    int64_t        age, old;
    sp_str_t       name;
    sp_cli_geo_t   geo;

    if (sp_cli_geo_open(&geo, text) != SP_OK) {
        sp_cli_geo_close(&geo);
        return SP_ERROR;
    }

    age = sp_policy_max_age(forecast->policy, SP_AGED_GEOIP);

    for (i = 0; i < SP_GEO_KINDS; i++) {

        if (geo.open[i] == NULL) {
            continue;
        }

        name = sp_cstr(geo.files[i]);

        if (age < 0) {
            sp_forecast_event(forecast, forecast->now, "may be of any age "
                              "(sources: geoip: max_age is not set)",
                              name, "database");
            continue;
        }

        old = (int64_t) sp_geo_info(geo.open[i])->build_epoch + age;

        if (old <= forecast->now) {
            sp_forecast_event(forecast, forecast->now, "is too old already: "
                              "its facts are unknown", name, "database");

        } else {
            sp_forecast_event(forecast, old, "gets too old: its facts become "
                              "unknown", name, "database");
        }
    }

    sp_cli_geo_close(&geo);

    return SP_OK;
}


static void
sp_forecast_policy(sp_forecast_t *forecast)
{
    int                i;
    int64_t            from, until;
    const char        *kind;
    sp_policy_list_t   list;

    static const char *const  kinds[] = {
        "deny", "allow", "throttle", "flag", "exception"
    };

    for (i = 0; i < sp_policy_rules(forecast->policy); i++) {
        kind = kinds[sp_policy_rule_kind(forecast->policy, i)];
        sp_policy_rule_valid(forecast->policy, i, &from, &until);

        sp_forecast_event(forecast, from, "begins",
                          sp_policy_rule_id(forecast->policy, i), kind);
        sp_forecast_event(forecast, until, "ends",
                          sp_policy_rule_id(forecast->policy, i), kind);
    }

    for (i = 0; i < sp_policy_lists(forecast->policy); i++) {
        sp_policy_list(forecast->policy, i, &list);
        sp_forecast_event(forecast, list.from, "begins", list.name, "list");
        sp_forecast_event(forecast, list.until, "ends", list.name, "list");

        if (list.review <= forecast->now) {
            sp_forecast_event(forecast, forecast->now, "is past its review "
                              "date", list.name, "list");

        } else {
            sp_forecast_event(forecast, list.review, "is past its review "
                              "date then", list.name, "list");
        }
    }
}


/* What lies in the span; the bounds "never" and "always" do not. */

static void
sp_forecast_event(sp_forecast_t *forecast, int64_t at, const char *what,
    sp_str_t name, const char *kind)
{
    char  text[SP_CLI_TIME_LEN];

    if (at < forecast->now
        || at > forecast->now + (int64_t) forecast->days * SP_FORECAST_DAY)
    {
        return;
    }

    (void) sp_cli_time_text(at, text);
    json_array_append_new(forecast->events, json_pack("{s:s, s:s, s:o, s:s}",
                          "at", text, "kind", kind, "name",
                          sp_cli_json_str(name), "what", what));
}


static int
sp_forecast_earlier(const void *one, const void *two)
{
    return strcmp(json_string_value(json_object_get(*(json_t *const *) one,
                                                    "at")),
                  json_string_value(json_object_get(*(json_t *const *) two,
                                                    "at")));
}


static void
sp_forecast_sort(json_t *list)
{
    size_t    i, n;
    json_t  **rows;

    n = json_array_size(list);
    rows = sp_cli_alloc(n * sizeof(json_t *));

    for (i = 0; i < n; i++) {
        rows[i] = json_incref(json_array_get(list, i));
    }

    qsort(rows, n, sizeof(json_t *), sp_forecast_earlier);
    json_array_clear(list);

    for (i = 0; i < n; i++) {
        json_array_append_new(list, rows[i]);
    }

    free(rows);
}


static void
sp_forecast_text(const sp_forecast_t *forecast, int asked)
{
    char         begin[SP_CLI_TIME_LEN], end[SP_CLI_TIME_LEN];
    size_t       i;
    json_t      *row, *n;
    const char  *why;

    (void) sp_cli_time_text(forecast->now, begin);
    (void) sp_cli_time_text(forecast->now
                            + (int64_t) forecast->days * SP_FORECAST_DAY, end);
    printf("from %.10s to %.10s\n", begin, end);

    json_array_foreach(forecast->events, i, row) {
        printf("  %s  %-9s ",
               json_string_value(json_object_get(row, "at")),
               json_string_value(json_object_get(row, "kind")));
        sp_cli_print_safe(stdout, sp_cstr(json_string_value(
                          json_object_get(row, "name"))));
        printf(" %s\n", json_string_value(json_object_get(row, "what")));
    }

    if (json_array_size(forecast->events) == 0) {
        printf("  nothing in the policy begins, ends or is to be reviewed\n");
    }

    if (!asked) {
        printf("accounts were not asked: --accounts FILE or --store URL\n");
        return;
    }

    sp_forecast_tiers(forecast);

    json_object_foreach(forecast->why, why, n) {
        printf("  %8lld lose a tier: ", (long long) json_integer_value(n));
        sp_cli_print_safe(stdout, sp_cstr(why));
        putchar('\n');
    }

    json_array_foreach(forecast->losers, i, row) {
        printf("  %s  tier %lld  %-24s %s\n",
               json_string_value(json_object_get(row, "by")),
               (long long) json_integer_value(json_object_get(row, "tier")),
               json_string_value(json_object_get(row, "account")),
               json_string_value(json_object_get(row, "why")));
    }
}


static void
sp_forecast_tiers(const sp_forecast_t *forecast)
{
    int                        tier, day;
    uint64_t                   week;
    const sp_forecast_tier_t  *row;

    printf("%llu accounts", (unsigned long long) forecast->accounts);

    if (forecast->invalid != 0) {
        printf(", %llu with an invalid record",
               (unsigned long long) forecast->invalid);
    }

    putchar('\n');

    for (tier = 1; tier <= SP_TIERS; tier++) {
        row = &forecast->tiers[tier];

        if (forecast->models[tier][0] == '\0') {
            continue;
        }

        printf("  tier %d: %llu may use it, %llu lose it, %llu get it", tier,
               (unsigned long long) row->now, (unsigned long long) row->lose,
               (unsigned long long) row->gain);

        if (row->lose != 0) {
            printf("; by week:");
        }

        week = 0;

        for (day = 1; row->lose != 0 && day <= forecast->days; day++) {
            week += row->losing[day];

            if (day % 7 == 0 || day == forecast->days) {
                printf(" %llu", (unsigned long long) week);
                week = 0;
            }
        }

        putchar('\n');
    }
}


static json_t *
sp_forecast_json(const sp_forecast_t *forecast, int asked)
{
    int                        tier, day;
    char                       begin[SP_CLI_TIME_LEN];
    json_t                    *root, *tiers, *days;
    const sp_forecast_tier_t  *row;

    (void) sp_cli_time_text(forecast->now, begin);
    tiers = json_array();

    for (tier = 1; tier <= SP_TIERS; tier++) {
        row = &forecast->tiers[tier];

        if (forecast->models[tier][0] == '\0') {
            continue;
        }

        days = json_array();

        for (day = 1; day <= forecast->days; day++) {
            json_array_append_new(days, json_integer(
                                  (json_int_t) row->losing[day]));
        }

        json_array_append_new(tiers, json_pack("{s:i, s:I, s:I, s:I, s:o}",
            "tier", tier, "now", (json_int_t) row->now, "lose",
            (json_int_t) row->lose, "gain", (json_int_t) row->gain,
            "losing_by_day", days));
    }

    root = json_pack("{s:s, s:i, s:O}", "now", begin, "days", forecast->days,
                     "events", forecast->events);

    json_object_set_new(root, "accounts", !asked ? json_null()
        : json_pack("{s:I, s:I, s:O, s:O}", "n",
                    (json_int_t) forecast->accounts, "invalid",
                    (json_int_t) forecast->invalid, "why", forecast->why,
                    "losing", forecast->losers));
    json_object_set_new(root, "tiers", tiers);

    return root;
}

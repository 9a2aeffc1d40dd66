
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the accounts of a forecast: each is asked for each day
 * what it may use, with the engine's own clock moved on.
 */


#include <errno.h>
#include <stdlib.h>

#include "forecast.h"


#define SP_FORECAST_TICK  10000    /* accounts between signs of progress */


static sp_rc_t sp_forecast_each(void *ctx, const char *key,
    const sp_stored_t *record);
static sp_rc_t sp_forecast_line(sp_forecast_t *forecast, const char *line,
    size_t len);
static void sp_forecast_account(sp_forecast_t *forecast);
static void sp_forecast_tier(sp_forecast_t *forecast, int tier,
    sp_place_t from);
static int sp_forecast_may(sp_forecast_t *forecast, int tier, int day,
    sp_place_t from);
static void sp_forecast_lost(sp_forecast_t *forecast, int tier, int day);


sp_rc_t
sp_forecast_store(sp_forecast_t *forecast, const sp_cli_args_t *args)
{
    sp_rc_t      rc;
    sp_store_t  *store;

    store = sp_store_open(args);

    if (store == NULL) {
        return SP_ERROR;
    }

    rc = sp_store_each(store, SP_STORE_ACCOUNT_PREFIX, sp_forecast_each,
                       forecast);
    sp_store_close(store);

    return rc;
}


static sp_rc_t
sp_forecast_each(void *ctx, const char *key, const sp_stored_t *record)
{
    const char         *id;
    sp_forecast_t      *forecast = ctx;
    sp_record_error_t   error;

    id = key + sizeof(SP_STORE_ACCOUNT_PREFIX) - 1;

    if (sp_account_parse(&forecast->probe.account, sp_cstr(id), record->pairs,
                         record->n, &error)
        != SP_OK)
    {
        forecast->accounts++;
        forecast->invalid++;
        return SP_OK;
    }

    sp_forecast_account(forecast);

    return SP_OK;
}


sp_rc_t
sp_forecast_lines(sp_forecast_t *forecast, const char *file)
{
    FILE           *in;
    char           *line, place[512];
    size_t          size;
    ssize_t         len;
    sp_rc_t         rc;
    unsigned long   number;

    in = strcmp(file, "-") == 0 ? stdin : fopen(file, "re");

    if (in == NULL) {
        sp_cli_error("cannot open '%s': %s", file, strerror(errno));
        return SP_ERROR;
    }

    line = NULL;
    size = 0;
    rc = SP_OK;

    for (number = 1; rc == SP_OK && (len = getline(&line, &size, in)) > 0;
         number++)
    {
        if (line[0] == '\n') {
            continue;
        }

        (void) snprintf(place, sizeof(place), "%s:%lu", file, number);
        sp_cli_at(place);
        rc = sp_forecast_line(forecast, line, (size_t) len);
        sp_cli_at(NULL);
    }

    if (ferror(in)) {
        sp_cli_error("cannot read '%s': %s", file, strerror(errno));
        rc = SP_ERROR;
    }

    free(line);

    if (in != stdin) {
        (void) fclose(in);
    }

    return rc;
}


/* The record as `explain` takes it: {"id": ..., fields as in the store}. */

static sp_rc_t
sp_forecast_line(sp_forecast_t *forecast, const char *line, size_t len)
{
    json_t        *json;
    sp_rc_t        rc;
    json_error_t   error;
    sp_request_t  *request;

    json = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);

    if (!json_is_object(json)
        || !json_is_string(json_object_get(json, "id")))
    {
        sp_cli_error("%s", json == NULL ? error.text : "an account is an "
                     "object with an \"id\" and the fields of its record");
        json_decref(json);
        return SP_ERROR;
    }

    request = sp_cli_alloc(sizeof(*request));
    request->now = forecast->now;
    request->json = json_pack("{s:o}", "account", json);
    rc = sp_request_facts(request);

    if (rc == SP_OK && request->facts.account_state != SP_ACCTFACT_FOUND) {
        forecast->accounts++;
        forecast->invalid++;

    } else if (rc == SP_OK) {
        forecast->probe.account = request->account;
        sp_forecast_account(forecast);
    }

    sp_request_free(request);
    free(request);

    return rc;
}


static void
sp_forecast_account(sp_forecast_t *forecast)
{
    int         tier;
    sp_place_t  from;

    forecast->accounts++;

    if (forecast->progress && forecast->accounts % SP_FORECAST_TICK == 0) {
        fprintf(stderr, "\r%llu accounts",
                (unsigned long long) forecast->accounts);
    }

    from = forecast->from != SP_PLACE_NONE ? forecast->from
           : sp_probe_home(&forecast->probe.account);

    for (tier = 1; tier <= SP_TIERS; tier++) {
        if (forecast->models[tier][0] != '\0') {
            sp_forecast_tier(forecast, tier, from);
        }
    }
}


static void
sp_forecast_tier(sp_forecast_t *forecast, int tier, sp_place_t from)
{
    int                  day, may;
    sp_forecast_tier_t  *row;

    row = &forecast->tiers[tier];
    may = sp_forecast_may(forecast, tier, 0, from);
    row->now += (unsigned) may;

    for (day = 1; day <= forecast->days; day++) {

        if (sp_forecast_may(forecast, tier, day, from) == may) {
            continue;
        }

        if (!may) {
            row->gain++;
            return;
        }

        row->lose++;
        row->losing[day]++;
        sp_forecast_lost(forecast, tier, day);

        return;
    }
}


static int
sp_forecast_may(sp_forecast_t *forecast, int tier, int day, sp_place_t from)
{
    sp_probe(&forecast->probe, forecast->policy,
             forecast->now + (int64_t) day * SP_FORECAST_DAY, from,
             forecast->models[tier]);

    return forecast->probe.verdict.decision == SP_VERDICT_ALLOW;
}


static void
sp_forecast_lost(sp_forecast_t *forecast, int tier, int day)
{
    char                 name[256], at[SP_CLI_TIME_LEN];
    json_t              *row;
    sp_str_t             code, rule, id;
    const sp_verdict_t  *v;
    const sp_account_t  *account;

    v = &forecast->probe.verdict;
    account = &forecast->probe.account;
    code = sp_policy_reason_code(forecast->policy, v->reason);
    rule = v->primary < 0 ? SP_STR("gate")
           : sp_match_name(forecast->policy, &v->matches[v->primary]);

    (void) snprintf(name, sizeof(name), "%.*s by %.*s", (int) code.len,
                    (const char *) code.data, (int) rule.len,
                    (const char *) rule.data);
    json_object_set_new(forecast->why, name, json_integer(
        json_integer_value(json_object_get(forecast->why, name)) + 1));

    if (!forecast->list) {
        return;
    }

    id = (sp_str_t) { account->id_len, (const unsigned char *) account->id };
    (void) sp_cli_time_text(forecast->now + (int64_t) day * SP_FORECAST_DAY,
                            at);

    row = json_pack("{s:o, s:i, s:s#, s:s}", "account", sp_cli_json_str(id),
                    "tier", tier, "by", at, 10, "why", name);
    json_array_append_new(forecast->losers, row);
}

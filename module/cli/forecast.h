
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the parts of `sallyport forecast` share: what will
 * change without anybody changing anything.
 */


#ifndef SP_CLI_FORECAST_H
#define SP_CLI_FORECAST_H


#include "sp_geo.h"

#include "probe.h"
#include "request.h"


#define SP_FORECAST_DAY       86400
#define SP_FORECAST_DAYS_MAX  366


/* Accounts that may use a tier now and will not on some day, or the reverse. */
typedef struct {
    uint64_t  now;         /* may use it today */
    uint64_t  lose;
    uint64_t  gain;
    uint64_t  losing[SP_FORECAST_DAYS_MAX + 1];    /* by day, from 1 */
} sp_forecast_tier_t;


typedef struct {
    const sp_policy_t    *policy;
    int64_t               now;
    int                   days;
    sp_place_t            from;        /* SP_PLACE_NONE: each from its home */
    int                   list;        /* keep the accounts that lose */
    int                   progress;
    char                  models[SP_TIERS + 1][SP_MODEL_LEN + 1];
    sp_forecast_tier_t    tiers[SP_TIERS + 1];
    uint64_t              accounts;
    uint64_t              invalid;
    json_t               *events;      /* [{"at", "what", ...}] */
    json_t               *why;         /* "CODE rule" to a count of accounts */
    json_t               *losers;      /* [{"account", "tier", "at", ...}] */
    sp_probe_t            probe;
} sp_forecast_t;


/* forecast_accounts.c: SP_ERROR after a message. */
sp_rc_t sp_forecast_store(sp_forecast_t *forecast,
    const sp_cli_args_t *args);
sp_rc_t sp_forecast_lines(sp_forecast_t *forecast, const char *file);


#endif /* SP_CLI_FORECAST_H */

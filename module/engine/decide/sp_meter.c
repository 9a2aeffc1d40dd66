
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains meters: the cost of a request in the units of what a
 * throttle counts, and what a bucket's arithmetic makes of it.
 */


#include <stdio.h>

#include "policy/sp_policy_image.h"
#include "sp_meter.h"


#define SP_METER_NANO     1000000000ull
#define SP_METER_MAX      ((uint64_t) 1 << 62)   /* of a cost */
#define SP_BYTES_A_TOKEN  4                      /* of a prompt, about */


typedef unsigned __int128  sp_wide_t;


static uint64_t sp_meter_tokens(const sp_throttle_t *throttle,
    const sp_use_t *use);
static uint64_t sp_meter_spend(const sp_use_t *use, const sp_price_t *price);
static uint64_t sp_meter_narrow(sp_wide_t wide);


static const char *const  sp_meter_names[SP_METERS] = {
    "requests", "tokens", "concurrency", "spend", "bytes"
};

static const char *const  sp_window_names[SP_WINDOWS] = {
    "rate", "minute", "day", "month", "open"
};


const sp_throttle_t *
sp_policy_throttle(const sp_policy_t *policy, int rule)
{
    return sp_image_at(policy, policy->throttles, sp_throttle_t)
           + sp_image_rule(policy, rule)->throttle;
}


const char *
sp_meter_name(unsigned meter)
{
    return meter < SP_METERS ? sp_meter_names[meter] : NULL;
}


const char *
sp_window_name(unsigned window)
{
    return window < SP_WINDOWS ? sp_window_names[window] : NULL;
}


int
sp_meter_settles(const sp_throttle_t *throttle)
{
    return throttle->meter != SP_METER_REQUESTS;
}


void
sp_use_ahead(const sp_throttle_t *throttle, uint64_t body_bytes,
    int64_t output, sp_use_t *use)
{
    memset(use, 0, sizeof(sp_use_t));

    use->bytes = body_bytes;

    use->tokens[SP_TOKENS_INPUT] = body_bytes / SP_BYTES_A_TOKEN
                                   + (body_bytes % SP_BYTES_A_TOKEN != 0);

    if (throttle->reserve == SP_RESERVE_INPUT || body_bytes == 0) {
        return;
    }

    use->tokens[SP_TOKENS_OUTPUT] = output >= 0 ? (uint64_t) output
                                                : throttle->assume;
}


uint64_t
sp_meter_cost(const sp_throttle_t *throttle, const sp_use_t *use,
    const sp_price_t *prices, size_t nprices)
{
    size_t    i;
    uint64_t  cost, most;

    switch (throttle->meter) {

    case SP_METER_TOKENS:
        return sp_meter_tokens(throttle, use);

    case SP_METER_BYTES:
        return use->bytes < SP_METER_MAX ? use->bytes : SP_METER_MAX;

    case SP_METER_SPEND:
        most = 0;

        for (i = 0; i < nprices; i++) {
            cost = sp_meter_spend(use, &prices[i]);
            most = cost > most ? cost : most;
        }

        return most;

    default: /* SP_METER_REQUESTS, SP_METER_CONCURRENCY */
        return 1;
    }
}


static uint64_t
sp_meter_tokens(const sp_throttle_t *throttle, const sp_use_t *use)
{
    int        i;
    sp_wide_t  sum;

    sum = 0;

    for (i = 0; i < SP_TOKENS_KINDS; i++) {

        switch (throttle->count) {

        case SP_COUNT_INPUT:
            sum += i != SP_TOKENS_OUTPUT ? use->tokens[i] : 0;
            break;

        case SP_COUNT_OUTPUT:
            sum += i == SP_TOKENS_OUTPUT ? use->tokens[i] : 0;
            break;

        case SP_COUNT_WEIGHTED:
            sum += (sp_wide_t) use->tokens[i] * throttle->weight[i];
            break;

        default: /* SP_COUNT_TOTAL */
            sum += use->tokens[i];
        }
    }

    if (throttle->count == SP_COUNT_WEIGHTED) {
        sum = (sum + SP_WEIGHT_UNIT - 1) / SP_WEIGHT_UNIT;
    }

    return sp_meter_narrow(sum);
}


/* A token's price is in millionths of a unit. */

static uint64_t
sp_meter_spend(const sp_use_t *use, const sp_price_t *price)
{
    int        i;
    sp_wide_t  sum;

    sum = 0;

    for (i = 0; i < SP_TOKENS_KINDS; i++) {
        sum += (sp_wide_t) use->tokens[i] * price->of[i];
    }

    return sp_meter_narrow((sum + 999999) / 1000000);
}


/* Names first, then patterns, the most specific first; the dearest last. */

sp_rc_t
sp_meter_price(const sp_policy_t *policy, sp_str_t model, sp_price_t *price)
{
    uint32_t               i;
    sp_str_t               head, tail;
    const sp_price_row_t  *rows;

    if (policy->nprices == 0) {
        return SP_ERROR;
    }

    rows = sp_image_at(policy, policy->prices, sp_price_row_t);

    for (i = 0; i + 1 < policy->nprices; i++) {
        head = sp_image_str(policy, rows[i].head);
        tail = sp_image_str(policy, rows[i].tail);

        if (rows[i].glob
            ? model.len >= head.len + tail.len
              && memcmp(model.data, head.data, head.len) == 0
              && memcmp(model.data + model.len - tail.len, tail.data,
                        tail.len) == 0
            : sp_str_eq(model, head))
        {
            break;
        }
    }

    *price = rows[i].price;

    return SP_OK;
}


static uint64_t
sp_meter_narrow(sp_wide_t wide)
{
    return wide < SP_METER_MAX ? (uint64_t) wide : SP_METER_MAX;
}


sp_rc_t
sp_meter_debit(uint64_t cost, uint64_t limit, uint64_t period_s,
    uint64_t burst, uint64_t *interval, uint64_t *tolerance)
{
    sp_wide_t  full, take;

    take = ((sp_wide_t) cost * period_s * SP_METER_NANO + limit - 1) / limit;
    full = (sp_wide_t) burst * period_s * SP_METER_NANO / limit;

    if (take > full || full > SP_METER_MAX) {
        return SP_ERROR;
    }

    *interval = (uint64_t) take;
    *tolerance = (uint64_t) (full - take);

    return SP_OK;
}


uint64_t
sp_meter_moves(uint64_t cost, uint64_t limit, uint64_t period_s)
{
    return sp_meter_narrow((sp_wide_t) cost * period_s * SP_METER_NANO
                           / limit);
}


uint64_t
sp_meter_units(uint64_t ahead, uint64_t limit, uint64_t period_s)
{
    sp_wide_t  period;

    period = (sp_wide_t) period_s * SP_METER_NANO;

    return sp_meter_narrow(((sp_wide_t) ahead * limit + period - 1) / period);
}


/* Days to the civil date: H. Hinnant, "chrono-compatible date algorithms". */

int64_t
sp_window_end(sp_window_t window, int64_t now)
{
    int64_t  days, era, day, year, month, doy, doe;

    days = now / 86400 - (now % 86400 < 0);

    switch (window) {

    case SP_WINDOW_MINUTE:
        return (now / 60 - (now % 60 < 0) + 1) * 60;

    case SP_WINDOW_DAY:
        return (days + 1) * 86400;

    case SP_WINDOW_MONTH:
        break;

    default: /* SP_WINDOW_RATE, SP_WINDOW_OPEN */
        return INT64_MAX;
    }

    /* years begin in March here, so that a leap day is the last of one */

    days += 719468;
    era = (days >= 0 ? days : days - 146096) / 146097;
    doe = days - era * 146097;
    year = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    doy = doe - (365 * year + year / 4 - year / 100);
    month = (5 * doy + 2) / 153;
    day = doy - (153 * month + 2) / 5;

    /* from the month's first day as many as it has; February ends the year */

    if (month < 11) {
        return now - (now % 86400 + 86400) % 86400
               + ((153 * (month + 1) + 2) / 5 - (153 * month + 2) / 5 - day)
                 * 86400;
    }

    /* this February belongs to the civil year that follows */

    year = year + era * 400 + 1;

    return now - (now % 86400 + 86400) % 86400
           + (28 + (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
              - day) * 86400;
}


static const char *
sp_meter_over(const sp_throttle_t *throttle)
{
    switch (throttle->meter) {

    case SP_METER_TOKENS:
    case SP_METER_SPEND:
        return throttle->reserve == SP_RESERVE_MAX
               ? ", and what answers use beyond what they reserved"
               : ", and what the answers under way write";

    case SP_METER_BYTES:
        return ", and the answers under way";

    default:
        return "";
    }
}


size_t
sp_meter_bound(const sp_policy_t *policy, int rule, unsigned window,
    uint64_t limit, uint64_t period, uint64_t burst, char *buf, size_t size)
{
    int                   n;
    double                unit;
    const char           *name;
    const sp_throttle_t  *t;

    t = sp_policy_throttle(policy, rule);
    unit = t->meter == SP_METER_SPEND ? (double) SP_SPEND_UNIT : 1;
    name = t->meter == SP_METER_SPEND ? "of the price table's currency"
           : t->meter == SP_METER_TOKENS && t->count == SP_COUNT_WEIGHTED
             ? "weighted tokens"
           : t->meter == SP_METER_TOKENS && t->count == SP_COUNT_INPUT
             ? "input tokens"
           : t->meter == SP_METER_TOKENS && t->count == SP_COUNT_OUTPUT
             ? "output tokens" : sp_meter_names[t->meter];

    switch (window) {

    case SP_WINDOW_RATE:
        n = snprintf(buf, size, "in any %llu s at most %.15g %s (%.15g at "
                     "once + %.15g)%s", (unsigned long long) period,
                     ((double) burst + (double) limit) / unit, name,
                     (double) burst / unit, (double) limit / unit,
                     sp_meter_over(t));
        break;

    case SP_WINDOW_OPEN:
        n = snprintf(buf, size, "at most %llu requests under way at once",
                     (unsigned long long) limit);
        break;

    default:
        n = snprintf(buf, size, "in each calendar %s (UTC) at most %.15g "
                     "%s%s", sp_window_names[window], (double) limit / unit,
                     name, sp_meter_over(t));
    }

    return n < 0 ? 0 : (size_t) n < size ? (size_t) n : size - 1;
}

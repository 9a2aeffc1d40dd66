
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains how much a throttle gives: the windows of a rule, and
 * for each a row, or a table with one for every value of a field. The time
 * between two units is rounded up, so that rounding never admits more than
 * was written.
 */


#include "sp_decide.h"
#include "sp_policy_load.h"


#define SP_RATE_LIMIT_MAX  1000000000ULL
#define SP_TOKEN_LIMIT_MAX 1000000000000000ULL   /* of tokens and bytes */
#define SP_SLOTS_MAX       1000000ULL
#define SP_RATE_ROWS_MAX   64
#define SP_SPEND_DIGITS    6
#define SP_NANO            1000000000ULL
#define SP_TOLERANCE_MAX   (366ULL * 86400 * SP_NANO)


/* One window as it was written. */
typedef struct {
    const sp_ynode_t  *node;    /* a text, or a table */
    sp_window_t        window;  /* SP_WINDOWS: as each text says */
} sp_lwindow_t;


static unsigned sp_load_written(sp_load_t *l, sp_lrule_t *rule,
    sp_lwindow_t *windows);
static sp_rc_t sp_load_by(sp_load_t *l, sp_lrule_t *rule,
    const sp_ynode_t *map, int64_t *min, int64_t *max);
static void sp_load_rows(sp_load_t *l, sp_lrule_t *rule,
    const sp_lwindow_t *window, sp_rate_t *rows);
static sp_rc_t sp_load_row(sp_load_t *l, const sp_lrule_t *rule,
    const sp_lwindow_t *window, const sp_ynode_t *node, sp_rate_t *rate);
static sp_rc_t sp_load_split(sp_load_t *l, const sp_lrule_t *rule,
    const sp_lwindow_t *window, const sp_ynode_t *node, sp_rate_t *rate);
static sp_rc_t sp_load_amount(const sp_lrule_t *rule, sp_str_t s,
    uint64_t *value);
static sp_rc_t sp_load_burst(sp_load_t *l, const sp_lrule_t *rule,
    const sp_ynode_t *node, sp_rate_t *rate);
static int sp_rate_domain(const sp_field_t *f, int64_t *min, int64_t *max);
static void sp_rate_key(const sp_field_t *f, int64_t value, char *buf,
    size_t size);


#define SP_WRITTEN_MAX  4   /* a rate, and a budget of each calendar window */


void
sp_load_windows(sp_load_t *l, sp_lrule_t *rule)
{
    int64_t        min, max;
    unsigned       i, k, n, rows;
    sp_lwindow_t   windows[SP_WRITTEN_MAX];

    n = sp_load_written(l, rule, windows);
    rows = 1;

    for (i = 0; i < n; i++) {

        if (windows[i].node->kind == SP_Y_MAP) {

            if (sp_load_by(l, rule, windows[i].node, &min, &max) != SP_OK) {
                return;
            }

            rows = (unsigned) (max - min + 1);
            rule->by_min = min;
        }
    }

    rule->rates = sp_load_alloc(l, (n ? n : 1) * rows * sizeof(sp_rate_t));

    if (rule->rates == NULL) {
        return;
    }

    memset(rule->rates, 0, n * rows * sizeof(sp_rate_t));

    rule->nrates = rows;
    rule->nwindows = n;

    for (i = 0; i < n; i++) {
        sp_load_rows(l, rule, &windows[i], rule->rates + i * rows);

        for (k = 0; k < i; k++) {

            if (rule->rates[k * rows].window == rule->rates[i * rows].window
                && rule->rates[i * rows].limit != 0)
            {
                sp_load_error(l, windows[i].node, 106, NULL, "this rule has "
                              "a budget of this window already");
            }
        }
    }
}


static unsigned
sp_load_written(sp_load_t *l, sp_lrule_t *rule, sp_lwindow_t *windows)
{
    unsigned           n;
    const sp_ynode_t  *node;

    n = 0;

    if (rule->throttle.meter == SP_METER_CONCURRENCY) {
        node = sp_ynode_get(rule->node, "limit");

        if (node == NULL) {
            sp_load_error(l, rule->id_node, 104,
                          sp_diag_text("write 'limit: 8'"),
                          "a throttle of concurrency needs 'limit'");
            return 0;
        }

        windows[n].node = node;
        windows[n++].window = SP_WINDOW_OPEN;

        return n;
    }

    node = sp_ynode_get(rule->node, "rate");

    if (node != NULL) {
        windows[n].node = node;
        windows[n++].window = SP_WINDOW_RATE;
    }

    node = sp_ynode_get(rule->node, "budget");

    if (node == NULL) {

        if (n == 0) {
            sp_load_error(l, rule->id_node, 104,
                          sp_diag_text("write 'rate: 60/min'"),
                          "a throttle needs 'rate', 'budget' or both");
        }

        return n;
    }

    if (node->kind != SP_Y_SEQ) {
        windows[n].node = node;
        windows[n++].window = SP_WINDOWS;

        return n;
    }

    if (node->n == 0) {
        sp_load_error(l, node, 104, NULL, "'budget' has no window");
    }

    for (node = node->first; node != NULL; node = node->next) {

        if (n == SP_WRITTEN_MAX) {
            sp_load_error(l, node, 104, NULL, "more than a budget of each of "
                          "minute, day and month");
            return n;
        }

        windows[n].node = node;
        windows[n++].window = SP_WINDOWS;
    }

    return n;
}


/* All tables of a rule are by one field. */

static sp_rc_t
sp_load_by(sp_load_t *l, sp_lrule_t *rule, const sp_ynode_t *map,
    int64_t *min, int64_t *max)
{
    int                by;
    sp_str_t           s;
    const sp_ynode_t  *node;

    node = sp_ynode_get(map, "by");

    if (node == NULL || sp_value_text(l, node, &s) != SP_OK) {
        sp_load_error(l, map->key ? map->key : map, 104,
                      sp_diag_text("write {by: account.level, 0: 10/min, "
                                   "...}"),
                      "a table of rates needs 'by'");
        return SP_ERROR;
    }

    by = sp_load_field_find(l, s);

    if (by < 0 || !sp_rate_domain(sp_load_field(l, by), min, max)) {
        sp_load_error(l, node, 201,
                      sp_diag_text("use a field with few values, such as "
                                   "account.level or model.tier"),
                      "a table cannot have a row for every value of '%.64s'",
                      s.data);
        return SP_ERROR;
    }

    if (rule->by >= 0 && rule->by != by) {
        sp_load_error(l, node, 104, NULL, "the tables of a rule are by one "
                      "field, and another is by '%s'",
                      sp_load_field(l, rule->by)->name);
        return SP_ERROR;
    }

    rule->by = by;

    return SP_OK;
}


/* A text stands for every value of the other tables' field. */

static void
sp_load_rows(sp_load_t *l, sp_lrule_t *rule, const sp_lwindow_t *window,
    sp_rate_t *rows)
{
    int                known;
    char               words[SP_RATE_ROWS_MAX][64];
    int64_t            i, n;
    const char        *keys[SP_RATE_ROWS_MAX + 1];
    const sp_ynode_t  *node, *map;

    map = window->node;
    n = (int64_t) rule->nrates;

    if (map->kind != SP_Y_MAP) {

        if (sp_load_row(l, rule, window, map, &rows[0]) == SP_OK) {

            for (i = 1; i < n; i++) {
                rows[i] = rows[0];
            }
        }

        return;
    }

    keys[0] = "by";
    known = 1;

    for (i = 0; i < n; i++) {
        sp_rate_key(sp_load_field(l, rule->by), rule->by_min + i, words[i],
                    sizeof(words[0]));
        keys[known++] = words[i];
        node = sp_ynode_get(map, words[i]);

        if (node == NULL) {
            sp_load_error(l, map->key ? map->key : map, 311, NULL,
                          "the table for %s has no row for %s",
                          sp_load_field(l, rule->by)->name, words[i]);
            continue;
        }

        (void) sp_load_row(l, rule, window, node, &rows[i]);

        if (rows[i].limit != 0 && rows[0].limit != 0
            && rows[i].window != rows[0].window)
        {
            sp_load_error(l, node, 104, NULL, "all rows of a budget are of "
                          "one window, and the first is of a %s",
                          sp_window_name(rows[0].window));
        }
    }

    for (node = map->first; node != NULL; node = node->next) {

        for (i = 0; i < known; i++) {

            if (sp_str_eq(node->key->text, sp_cstr(keys[i]))) {
                break;
            }
        }

        if (i == known) {
            sp_load_error(l, node->key, 311, NULL, "'%.64s' is not a value of "
                          "%s", node->key->text.data,
                          sp_load_field(l, rule->by)->name);
        }
    }
}


static sp_rc_t
sp_load_row(sp_load_t *l, const sp_lrule_t *rule, const sp_lwindow_t *window,
    const sp_ynode_t *node, sp_rate_t *rate)
{
    rate->meter = rule->throttle.meter;

    if (window->window == SP_WINDOW_OPEN) {
        rate->window = SP_WINDOW_OPEN;
        rate->burst = 1;
        rate->interval = 1;

        return sp_value_uint(l, node, 1, SP_SLOTS_MAX, &rate->limit);
    }

    if (sp_load_split(l, rule, window, node, rate) != SP_OK) {
        return SP_ERROR;
    }

    if (rate->window != SP_WINDOW_RATE) {
        rate->burst = rate->limit;
        rate->interval = 1;

        return SP_OK;
    }

    return sp_load_burst(l, rule, node, rate);
}


/* "60/min" */

static sp_rc_t
sp_load_split(sp_load_t *l, const sp_lrule_t *rule,
    const sp_lwindow_t *window, const sp_ynode_t *node, sp_rate_t *rate)
{
    int          fits;
    size_t       i, slash;
    sp_str_t     s, unit;

    static const struct {
        sp_str_t     name;
        uint64_t     seconds;
        sp_window_t  window;     /* of a budget; SP_WINDOW_RATE: none */
    } units[] = {
        { sp_str("s"), 1, SP_WINDOW_RATE },
        { sp_str("sec"), 1, SP_WINDOW_RATE },
        { sp_str("min"), 60, SP_WINDOW_MINUTE },
        { sp_str("minute"), 60, SP_WINDOW_MINUTE },
        { sp_str("h"), 3600, SP_WINDOW_RATE },
        { sp_str("hour"), 3600, SP_WINDOW_RATE },
        { sp_str("d"), 86400, SP_WINDOW_DAY },
        { sp_str("day"), 86400, SP_WINDOW_DAY },
        { sp_str("month"), 31 * 86400, SP_WINDOW_MONTH }
    };

    if (sp_value_text(l, node, &s) != SP_OK) {
        return SP_ERROR;
    }

    for (slash = 0; slash < s.len && s.data[slash] != '/'; slash++) {
        /* void */
    }

    unit.data = s.data + slash + 1;
    unit.len = (slash < s.len) ? s.len - slash - 1 : 0;
    s.len = slash;
    fits = 0;

    for (i = 0; i < sp_nelts(units); i++) {

        if (sp_str_eq(unit, units[i].name)) {
            rate->period = units[i].seconds;
            rate->window = (uint8_t) units[i].window;
            fits = (window->window == SP_WINDOW_RATE)
                   ? units[i].window != SP_WINDOW_MONTH
                     && !sp_str_eq(unit, SP_STR("minute"))
                   : units[i].window != SP_WINDOW_RATE;
        }
    }

    if (!fits || sp_load_amount(rule, s, &rate->limit) != SP_OK
        || rate->limit == 0)
    {
        rate->limit = 0;

        sp_load_error(l, node, 104,
                      window->window == SP_WINDOW_RATE
                      ? sp_diag_text("write 10/s, 60/min, 500/h or 1000/day")
                      : sp_diag_text("write 100/minute, 1000/day or "
                                     "20000/month"),
                      "'%.32s' is not a %s", node->text.data,
                      window->window == SP_WINDOW_RATE ? "rate" : "budget");
        return SP_ERROR;
    }

    if (window->window == SP_WINDOW_RATE) {
        rate->window = SP_WINDOW_RATE;
    }

    return SP_OK;
}


static sp_rc_t
sp_load_amount(const sp_lrule_t *rule, sp_str_t s, uint64_t *value)
{
    switch (rule->throttle.meter) {

    case SP_METER_SPEND:
        return sp_text_decimal(s, SP_SPEND_DIGITS,
                               SP_RATE_LIMIT_MAX * SP_SPEND_UNIT, value);

    case SP_METER_TOKENS:
    case SP_METER_BYTES:
        return sp_parse_uint(s, SP_TOKEN_LIMIT_MAX, value);

    default:
        return sp_parse_uint(s, SP_RATE_LIMIT_MAX, value);
    }
}


/* A request counts one; what counts more must fit as a whole. */

static sp_rc_t
sp_load_burst(sp_load_t *l, const sp_lrule_t *rule, const sp_ynode_t *node,
    sp_rate_t *rate)
{
    uint64_t           interval, tolerance;
    sp_str_t           s;
    const sp_ynode_t  *burst;

    rate->burst = rule->throttle.meter != SP_METER_REQUESTS
                  ? rate->limit
                  : rate->limit / 10 ? rate->limit / 10 : 1;

    burst = sp_ynode_get(rule->node, "burst");

    if (burst != NULL) {

        if (sp_value_text(l, burst, &s) != SP_OK) {
            return SP_ERROR;
        }

        if (sp_load_amount(rule, s, &rate->burst) != SP_OK
            || rate->burst == 0)
        {
            rate->limit = 0;
            sp_load_error(l, burst, 104, NULL, "'%.32s' is not a number that "
                          "can be a burst", s.data);
            return SP_ERROR;
        }
    }

    rate->interval = (rate->period * SP_NANO + rate->limit - 1) / rate->limit;

    if (rule->throttle.meter != SP_METER_REQUESTS) {

        if (sp_meter_debit(0, rate->limit, rate->period, rate->burst,
                           &interval, &tolerance) != SP_OK
            || tolerance > SP_TOLERANCE_MAX)
        {
            sp_load_error(l, node, 104, NULL, "this burst is more than a "
                          "year of this rate");
            return SP_ERROR;
        }

        rate->tolerance = tolerance;

        return SP_OK;
    }

    if (rate->burst - 1 > SP_TOLERANCE_MAX / rate->interval) {
        sp_load_error(l, node, 104, NULL, "this burst is more than a year of "
                      "this rate");
        return SP_ERROR;
    }

    rate->tolerance = rate->interval * (rate->burst - 1);

    return SP_OK;
}


/* The values of a field that a table can have a row for. */

static int
sp_rate_domain(const sp_field_t *f, int64_t *min, int64_t *max)
{
    *min = 0;

    switch (f->type) {

    case SP_T_BOOL:
        *max = 1;
        return 1;

    case SP_T_INT:
        *min = f->min;
        *max = f->max;
        return f->max - f->min < SP_RATE_ROWS_MAX;

    case SP_T_ENUM:
        for (*max = -1; f->values[*max + 1] != NULL; (*max)++) { /* void */ }

        return *max < SP_RATE_ROWS_MAX;

    default:
        return 0;
    }
}


static void
sp_rate_key(const sp_field_t *f, int64_t value, char *buf, size_t size)
{
    switch (f->type) {

    case SP_T_BOOL:
        (void) snprintf(buf, size, "%s", value ? "yes" : "no");
        return;

    case SP_T_ENUM:
        (void) snprintf(buf, size, "%s", f->values[value]);
        return;

    default:
        (void) snprintf(buf, size, "%lld", (long long) value);
    }
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the throttles of a policy file: what they count, for
 * whom, and how much of it. A rate is kept as the time between two requests,
 * rounded up, so that rounding never admits more than was written.
 */


#include "sp_decide.h"
#include "sp_policy_load.h"


#define SP_RATE_LIMIT_MAX  1000000000ULL
#define SP_RATE_ROWS_MAX   64
#define SP_NANO            1000000000ULL
#define SP_TOLERANCE_MAX   (366ULL * 86400 * SP_NANO)


static void sp_load_per(sp_load_t *l, sp_lrule_t *rule,
    const sp_ynode_t *seq);
static void sp_load_rate(sp_load_t *l, sp_lrule_t *rule,
    const sp_ynode_t *node, uint64_t burst);
static void sp_load_rate_table(sp_load_t *l, sp_lrule_t *rule,
    const sp_ynode_t *map, uint64_t burst);
static sp_rc_t sp_rate_row(sp_load_t *l, const sp_ynode_t *node,
    uint64_t burst, sp_rate_t *rate);
static int sp_rate_domain(const sp_field_t *f, int64_t *min, int64_t *max);
static void sp_rate_key(const sp_field_t *f, int64_t value, char *buf,
    size_t size);


void
sp_load_throttle(sp_load_t *l, sp_lrule_t *rule)
{
    uint64_t           burst;
    sp_str_t           s;
    const sp_ynode_t  *node;

    node = sp_ynode_get(rule->node, "meter");

    if (node == NULL) {
        sp_load_error(l, rule->id_node, 104,
                      sp_diag_text("write 'meter: requests'"),
                      "a throttle needs 'meter'");

    } else if (sp_value_text(l, node, &s) == SP_OK
               && !sp_str_eq(s, SP_STR("requests")))
    {
        sp_load_error(l, node, 104, sp_diag_text("write 'meter: requests'"),
                      "this version meters requests, not '%.32s'", s.data);
    }

    node = sp_ynode_get(rule->node, "per");

    if (node == NULL) {
        sp_load_error(l, rule->id_node, 104,
                      sp_diag_text("write 'per: [account.id]'"),
                      "a throttle needs 'per'");

    } else if (sp_value_kind(l, node, SP_Y_SEQ, "'per'") == SP_OK) {
        sp_load_per(l, rule, node);
    }

    burst = 0;
    node = sp_ynode_get(rule->node, "burst");

    if (node != NULL) {
        (void) sp_value_uint(l, node, 1, SP_RATE_LIMIT_MAX, &burst);
    }

    node = sp_ynode_get(rule->node, "rate");

    if (node == NULL) {
        sp_load_error(l, rule->id_node, 104, sp_diag_text("write '60/min'"),
                      "a throttle needs 'rate'");

    } else if (node->kind == SP_Y_MAP) {
        sp_load_rate_table(l, rule, node, burst);

    } else {
        sp_load_rate(l, rule, node, burst);
    }

    node = sp_ynode_get(rule->node, "replaces");

    if (node != NULL
        && sp_value_kind(l, node, SP_Y_SEQ, "'replaces'") == SP_OK)
    {
        rule->replaces = node;
    }
}


static void
sp_load_per(sp_load_t *l, sp_lrule_t *rule, const sp_ynode_t *seq)
{
    int                word;
    const sp_ynode_t  *child;

    for (child = seq->first; child != NULL; child = child->next) {
        word = sp_value_of(l, child, SP_K_THROTTLE, "per");

        if (word >= 0) {
            rule->per |= (uint8_t) (1 << word);
        }
    }

    if (seq->n == 0) {
        sp_load_error(l, seq, 104, NULL, "'per' names nobody");
    }
}


static void
sp_load_rate(sp_load_t *l, sp_lrule_t *rule, const sp_ynode_t *node,
    uint64_t burst)
{
    rule->rates = sp_load_alloc(l, sizeof(sp_rate_t));

    if (rule->rates != NULL
        && sp_rate_row(l, node, burst, rule->rates) == SP_OK)
    {
        rule->nrates = 1;
    }
}


/* "60/min" */

static sp_rc_t
sp_rate_row(sp_load_t *l, const sp_ynode_t *node, uint64_t burst,
    sp_rate_t *rate)
{
    size_t    i, slash;
    sp_str_t  s, unit;

    static const struct {
        sp_str_t  name;
        uint64_t  seconds;
    } units[] = {
        { sp_str("s"), 1 }, { sp_str("sec"), 1 }, { sp_str("min"), 60 },
        { sp_str("h"), 3600 }, { sp_str("hour"), 3600 },
        { sp_str("d"), 86400 }, { sp_str("day"), 86400 }
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
    rate->period = 0;

    for (i = 0; i < sp_nelts(units); i++) {

        if (sp_str_eq(unit, units[i].name)) {
            rate->period = units[i].seconds;
        }
    }

    if (rate->period == 0
        || sp_parse_uint(s, SP_RATE_LIMIT_MAX, &rate->limit) != SP_OK
        || rate->limit == 0)
    {
        sp_load_error(l, node, 104, sp_diag_text("write 10/s, 60/min, 500/h "
                                                 "or 1000/day"),
                      "'%.32s' is not a rate", node->text.data);
        return SP_ERROR;
    }

    rate->burst = burst ? burst : rate->limit / 10 ? rate->limit / 10 : 1;
    rate->interval = (rate->period * SP_NANO + rate->limit - 1) / rate->limit;

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


static void
sp_load_rate_table(sp_load_t *l, sp_lrule_t *rule, const sp_ynode_t *map,
    uint64_t burst)
{
    int                known;
    char               words[SP_RATE_ROWS_MAX][64];
    int64_t            min, max, i;
    sp_str_t           s;
    const char        *keys[SP_RATE_ROWS_MAX + 1];
    const sp_ynode_t  *node;

    node = sp_ynode_get(map, "by");

    if (node == NULL || sp_value_text(l, node, &s) != SP_OK) {
        sp_load_error(l, map->key, 104,
                      sp_diag_text("write {by: account.level, 0: 10/min, "
                                   "...}"),
                      "a table of rates needs 'by'");
        return;
    }

    rule->by = sp_load_field_find(l, s);

    if (rule->by < 0
        || !sp_rate_domain(sp_load_field(l, rule->by), &min, &max))
    {
        sp_load_error(l, node, 201,
                      sp_diag_text("use a field with few values, such as "
                                   "account.level or model.tier"),
                      "a table cannot have a row for every value of '%.64s'",
                      s.data);
        rule->by = -1;
        return;
    }

    rule->by_min = min;
    rule->rates = sp_load_alloc(l, (size_t) (max - min + 1)
                                   * sizeof(sp_rate_t));
    if (rule->rates == NULL) {
        return;
    }

    keys[0] = "by";
    known = 1;

    for (i = min; i <= max; i++) {
        sp_rate_key(sp_load_field(l, rule->by), i, words[i - min],
                    sizeof(words[0]));
        keys[known++] = words[i - min];
        node = sp_ynode_get(map, words[i - min]);

        if (node == NULL) {
            sp_load_error(l, map->key, 311, NULL, "the table for %s has no "
                          "row for %s", sp_load_field(l, rule->by)->name,
                          words[i - min]);
            continue;
        }

        if (sp_rate_row(l, node, burst, &rule->rates[rule->nrates]) == SP_OK) {
            rule->nrates++;
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

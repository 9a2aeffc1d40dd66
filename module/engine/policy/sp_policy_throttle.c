
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the throttles of a policy file: what they count, for
 * whom, and which keys go with it. How much of it: sp_policy_rate.c.
 */


#include "sp_decide.h"
#include "sp_policy_load.h"


#define SP_WEIGHT_DIGITS  3
#define SP_WEIGHT_MAX     1000000   /* a thousand */


static void sp_load_meter(sp_load_t *l, sp_lrule_t *rule);
static void sp_load_fits(sp_load_t *l, const sp_lrule_t *rule);
static void sp_load_weights(sp_load_t *l, sp_lrule_t *rule);
static void sp_load_per(sp_load_t *l, sp_lrule_t *rule,
    const sp_ynode_t *seq);
static void sp_load_word(sp_load_t *l, const sp_lrule_t *rule,
    const char *key, uint8_t *value);
static void sp_load_number(sp_load_t *l, const sp_lrule_t *rule,
    const char *key, uint64_t min, uint64_t max, uint32_t *value);


void
sp_load_throttle(sp_load_t *l, sp_lrule_t *rule)
{
    const sp_ynode_t  *node;

    rule->throttle.assume = SP_ASSUME;

    sp_load_meter(l, rule);

    node = sp_ynode_get(rule->node, "per");

    if (node == NULL) {
        sp_load_error(l, rule->id_node, 104,
                      sp_diag_text("write 'per: [account.id]'"),
                      "a throttle needs 'per'");

    } else if (sp_value_kind(l, node, SP_Y_SEQ, "'per'") == SP_OK) {
        sp_load_per(l, rule, node);
    }

    sp_load_word(l, rule, "count", &rule->throttle.count);
    sp_load_word(l, rule, "reserve", &rule->throttle.reserve);
    sp_load_word(l, rule, "on_full", &rule->throttle.on_full);
    sp_load_word(l, rule, "scope", &rule->throttle.scope);
    sp_load_number(l, rule, "delay_ms", 1, 60000, &rule->throttle.delay_ms);
    sp_load_number(l, rule, "assume", 0, 10000000, &rule->throttle.assume);

    sp_load_weights(l, rule);
    sp_load_fits(l, rule);
    sp_load_windows(l, rule);

    node = sp_ynode_get(rule->node, "replaces");

    if (node != NULL
        && sp_value_kind(l, node, SP_Y_SEQ, "'replaces'") == SP_OK)
    {
        rule->replaces = node;
    }
}


static void
sp_load_meter(sp_load_t *l, sp_lrule_t *rule)
{
    int                word;
    const sp_ynode_t  *node;

    node = sp_ynode_get(rule->node, "meter");

    if (node == NULL) {
        sp_load_error(l, rule->id_node, 104,
                      sp_diag_text("write 'meter: requests'"),
                      "a throttle needs 'meter'");
        return;
    }

    word = sp_value_of(l, node, SP_K_THROTTLE, "meter");

    if (word < 0) {
        return;
    }

    rule->throttle.meter = (uint8_t) word;

    if (word == SP_METER_SPEND && l->spend == NULL) {
        l->spend = node;
    }
}


/* Keys that say nothing about this meter are a mistake, not a decoration. */

static void
sp_load_fits(sp_load_t *l, const sp_lrule_t *rule)
{
    size_t             i;
    unsigned           meter;
    const sp_ynode_t  *node;

    static const struct {
        const char  *key;
        unsigned     meters;
        const char  *of;
    } keys[] = {
        { "count", 1 << SP_METER_TOKENS, "tokens" },
        { "weights", 1 << SP_METER_TOKENS, "tokens" },
        { "reserve", 1 << SP_METER_TOKENS | 1 << SP_METER_SPEND,
          "tokens and spend" },
        { "assume", 1 << SP_METER_TOKENS | 1 << SP_METER_SPEND,
          "tokens and spend" },
        { "limit", 1 << SP_METER_CONCURRENCY, "concurrency" },
        { "rate", ~(1u << SP_METER_CONCURRENCY), "what adds up" },
        { "burst", ~(1u << SP_METER_CONCURRENCY), "what adds up" },
        { "budget", ~(1u << SP_METER_CONCURRENCY), "what adds up" }
    };

    meter = rule->throttle.meter;

    for (i = 0; i < sp_nelts(keys); i++) {
        node = sp_ynode_get(rule->node, keys[i].key);

        if (node != NULL && !(keys[i].meters & (1u << meter))) {
            sp_load_error(l, node->key, 104,
                          meter == SP_METER_CONCURRENCY
                          ? sp_diag_text("write 'limit: 8'") : NULL,
                          "'%s' is of meters of %s, and this is one of %s",
                          keys[i].key, keys[i].of, sp_meter_name(meter));
        }
    }

    node = sp_ynode_get(rule->node, "burst");

    if (node != NULL && sp_ynode_get(rule->node, "rate") == NULL) {
        sp_load_error(l, node->key, 104, NULL, "'burst' is of a 'rate', and "
                      "there is none");
    }
}


static void
sp_load_weights(sp_load_t *l, sp_lrule_t *rule)
{
    size_t             i;
    sp_str_t           s;
    uint64_t           n, weight[SP_TOKENS_KINDS];
    const sp_ynode_t  *map, *node;

    static const char *const  keys[] = {
        "input", "cached", "written", "output"
    };

    map = sp_ynode_get(rule->node, "weights");

    if (map == NULL) {

        if (rule->throttle.count == SP_COUNT_WEIGHTED) {
            sp_load_error(l, rule->id_node, 104,
                          sp_diag_text("write 'weights: {input: 1, output: "
                                       "4}'"),
                          "'count: weighted' needs 'weights'");
        }

        return;
    }

    if (rule->throttle.count != SP_COUNT_WEIGHTED
        && rule->throttle.meter == SP_METER_TOKENS)
    {
        sp_load_error(l, map->key, 104,
                      sp_diag_text("write 'count: weighted' too"),
                      "these weights are not used");
    }

    if (sp_value_kind(l, map, SP_Y_MAP, "'weights'") != SP_OK
        || sp_value_keys(l, map, SP_K_WEIGHTS) != SP_OK)
    {
        return;
    }

    for (i = 0; i < SP_TOKENS_KINDS; i++) {
        weight[i] = (i == SP_TOKENS_CACHED || i == SP_TOKENS_WRITTEN)
                    ? weight[SP_TOKENS_INPUT] : SP_WEIGHT_UNIT;
        node = sp_ynode_get(map, keys[i]);

        if (node != NULL && sp_value_text(l, node, &s) == SP_OK) {

            if (sp_text_decimal(s, SP_WEIGHT_DIGITS, SP_WEIGHT_MAX, &n)
                != SP_OK)
            {
                sp_load_error(l, node, 104, sp_diag_text("write 1, 4 or "
                                                         "0.25"),
                              "'%.32s' is not a weight: at most 1000, with "
                              "at most three digits after the point", s.data);

            } else {
                weight[i] = n;
            }
        }

        rule->throttle.weight[i] = (uint32_t) weight[i];
    }
}


static void
sp_load_word(sp_load_t *l, const sp_lrule_t *rule, const char *key,
    uint8_t *value)
{
    int                word;
    const sp_ynode_t  *node;

    node = sp_ynode_get(rule->node, key);

    if (node != NULL) {
        word = sp_value_of(l, node, SP_K_THROTTLE, key);
        *value = (uint8_t) (word > 0 ? word : 0);
    }
}


static void
sp_load_number(sp_load_t *l, const sp_lrule_t *rule, const char *key,
    uint64_t min, uint64_t max, uint32_t *value)
{
    uint64_t           n;
    const sp_ynode_t  *node;

    node = sp_ynode_get(rule->node, key);

    if (node != NULL && sp_value_uint(l, node, min, max, &n) == SP_OK) {
        *value = (uint32_t) n;
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

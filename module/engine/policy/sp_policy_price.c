
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the price table of a policy file: what a million tokens
 * of a model cost, by kind. A whole name beats a pattern, and of patterns the
 * one with the most letters wins; what no row names costs what the dearest
 * row does.
 */


#include <stdlib.h>

#include "sp_policy_load.h"


#define SP_PRICE_MAX     (1000000ULL * 1000000)   /* of a million tokens */
#define SP_PRICE_DIGITS  6


static void sp_load_price(sp_load_t *l, const sp_ynode_t *row);
static sp_rc_t sp_load_price_of(sp_load_t *l, const sp_ynode_t *row,
    const char *key, uint64_t *value);
static int sp_load_price_order(const void *one, const void *two);


void
sp_load_prices(sp_load_t *l, const sp_ynode_t *map)
{
    const sp_ynode_t  *row;

    if (sp_value_kind(l, map, SP_Y_MAP, "prices") != SP_OK) {
        return;
    }

    if (l->prices == NULL) {
        l->prices = sp_load_alloc(l, SP_PRICES_MAX * sizeof(sp_lprice_t));
    }

    for (row = map->first; row != NULL && l->prices != NULL; row = row->next) {

        if (l->nprices == SP_PRICES_MAX) {
            sp_load_error(l, row->key, 104, NULL, "more than %d prices",
                          SP_PRICES_MAX);
            return;
        }

        sp_load_price(l, row);
    }
}


static void
sp_load_price(sp_load_t *l, const sp_ynode_t *row)
{
    size_t        i, stars;
    sp_lprice_t  *price;

    price = &l->prices[l->nprices];

    memset(price, 0, sizeof(sp_lprice_t));

    price->node = row;
    price->name = row->key->text;
    price->head = price->name.len;

    for (i = 0, stars = 0; i < price->name.len; i++) {

        if (price->name.data[i] == '*') {
            price->head = i;
            stars++;
        }
    }

    price->glob = stars != 0;

    if (stars > 1 || price->name.len > SP_MODEL_NAME_MAX
        || price->name.len == 0)
    {
        sp_load_error(l, row->key, 104, NULL, "a model's name has at most %d "
                      "bytes, and one '*'", SP_MODEL_NAME_MAX);
        return;
    }

    if (sp_value_kind(l, row, SP_Y_MAP, "a price") != SP_OK
        || sp_value_keys(l, row, SP_K_PRICE) != SP_OK)
    {
        return;
    }

    if (sp_ynode_get(row, "input") == NULL
        || sp_ynode_get(row, "output") == NULL)
    {
        sp_load_error(l, row->key, 104,
                      sp_diag_text("write {input: 3, output: 15}, per "
                                   "million tokens"),
                      "the price of '%.64s' needs 'input' and 'output'",
                      price->name.data);
        return;
    }

    if (sp_load_price_of(l, row, "input", &price->price.of[SP_TOKENS_INPUT])
        != SP_OK
        || sp_load_price_of(l, row, "output",
                            &price->price.of[SP_TOKENS_OUTPUT])
           != SP_OK)
    {
        return;
    }

    price->price.of[SP_TOKENS_CACHED] = price->price.of[SP_TOKENS_INPUT];
    price->price.of[SP_TOKENS_WRITTEN] = price->price.of[SP_TOKENS_INPUT];

    if (sp_load_price_of(l, row, "cached", &price->price.of[SP_TOKENS_CACHED])
        != SP_OK
        || sp_load_price_of(l, row, "written",
                            &price->price.of[SP_TOKENS_WRITTEN])
           != SP_OK)
    {
        return;
    }

    l->nprices++;
}


static sp_rc_t
sp_load_price_of(sp_load_t *l, const sp_ynode_t *row, const char *key,
    uint64_t *value)
{
    sp_str_t           s;
    const sp_ynode_t  *node;

    node = sp_ynode_get(row, key);

    if (node == NULL) {
        return SP_OK;
    }

    if (sp_value_text(l, node, &s) != SP_OK) {
        return SP_ERROR;
    }

    if (sp_text_decimal(s, SP_PRICE_DIGITS, SP_PRICE_MAX, value) != SP_OK) {
        sp_load_error(l, node, 104, sp_diag_text("write 3, 0.15 or 0.0375"),
                      "'%.32s' is not a price: at most 1000000, with at most "
                      "%d digits after the point", s.data, SP_PRICE_DIGITS);
        return SP_ERROR;
    }

    return SP_OK;
}


/* Names before patterns, the most letters first; alike ones side by side. */

static int
sp_load_price_order(const void *one, const void *two)
{
    int                 rc;
    const sp_lprice_t  *a = one, *b = two;

    if (a->glob != b->glob) {
        return a->glob ? 1 : -1;
    }

    if (a->name.len != b->name.len) {
        return a->name.len > b->name.len ? -1 : 1;
    }

    rc = memcmp(a->name.data, b->name.data, a->name.len);

    return rc != 0 ? rc : (int) a->node->line - (int) b->node->line;
}


void
sp_load_prices_finish(sp_load_t *l)
{
    size_t  i;

    if (l->nprices == 0) {

        if (l->spend != NULL) {
            sp_load_error(l, l->spend, 104,
                          sp_diag_text("write 'prices: {MODEL: {input: 3, "
                                       "output: 15}}', per million tokens"),
                          "'meter: spend' needs a price table");
        }

        return;
    }

    qsort(l->prices, l->nprices, sizeof(sp_lprice_t), sp_load_price_order);

    for (i = 1; i < l->nprices; i++) {

        if (sp_str_eq(l->prices[i].name, l->prices[i - 1].name)) {
            sp_load_error(l, l->prices[i].node->key, 106,
                          sp_diag_text("it stands on line %u too",
                                       l->prices[i - 1].node->line),
                          "the price of '%.64s' is said twice",
                          l->prices[i].name.data);
        }
    }
}


sp_rc_t
sp_text_decimal(sp_str_t s, unsigned digits, uint64_t max, uint64_t *value)
{
    size_t    i, point;
    uint64_t  n;
    unsigned  after;

    for (point = 0; point < s.len && s.data[point] != '.'; point++) {
        /* void */
    }

    if (point == 0 || point + 1 == s.len || (s.data[0] == '0' && point > 1)) {
        return SP_ERROR;
    }

    for (n = 0, after = 0, i = 0; i < s.len; i++) {

        if (i == point) {
            continue;
        }

        if (s.data[i] < '0' || s.data[i] > '9'
            || n > (UINT64_MAX - 9) / 10 || after == digits)
        {
            return SP_ERROR;
        }

        n = n * 10 + (uint64_t) (s.data[i] - '0');
        after += i > point;
    }

    for ( /* void */ ; after < digits; after++) {

        if (n > UINT64_MAX / 10) {
            return SP_ERROR;
        }

        n *= 10;
    }

    if (n > max) {
        return SP_ERROR;
    }

    *value = n;

    return SP_OK;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what a compiled policy has of meters: throttles apart
 * from their rates, and the price table.
 */


#include "sp_policy_emit.h"


void
sp_emit_throttle(sp_emit_t *e, const sp_lrule_t *rule, sp_rule_t *r)
{
    sp_throttle_t  *out;

    if (rule->kind != SP_RULE_THROTTLE) {
        return;
    }

    r->throttle = e->throttle;

    if (e->base != NULL) {
        out = (sp_throttle_t *) (void *) (e->base + e->policy->throttles);
        out[e->throttle] = rule->throttle;
    }

    e->throttle++;
}


/* In the order in which they are looked through; the dearest behind them. */

void
sp_emit_prices(sp_emit_t *e)
{
    size_t           i;
    unsigned         k;
    sp_str_t         part;
    sp_load_t       *l;
    sp_price_t       dearest;
    sp_price_row_t   row, *out;

    l = e->load;

    if (l->nprices == 0) {
        return;
    }

    out = sp_emit_room(e, (l->nprices + 1) * sizeof(sp_price_row_t),
                       &e->policy->prices);
    e->policy->nprices = (uint32_t) l->nprices + 1;

    memset(&dearest, 0, sizeof(dearest));

    for (i = 0; i <= l->nprices; i++) {
        memset(&row, 0, sizeof(row));

        if (i == l->nprices) {
            row.price = dearest;
            row.glob = 1;

        } else {
            row.price = l->prices[i].price;
            row.glob = (uint32_t) l->prices[i].glob;

            part = l->prices[i].name;
            part.len = l->prices[i].head;
            row.head = sp_emit_str(e, part);

            if (row.glob) {
                part.data = l->prices[i].name.data + part.len + 1;
                part.len = l->prices[i].name.len - part.len - 1;
                row.tail = sp_emit_str(e, part);
            }
        }

        for (k = 0; k < SP_TOKENS_KINDS; k++) {
            if (row.price.of[k] > dearest.of[k]) {
                dearest.of[k] = row.price.of[k];
            }
        }

        if (out != NULL) {
            out[i] = row;
        }
    }
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the refusal by an operator's block: before all rules,
 * and no policy or exception lifts it. What a block is about and is not known
 * counts against the request, as with rules; an address that is not public
 * has no country, and is in none that is blocked.
 */


#include "sp_builtin.h"


static const sp_block_t *sp_block_place(const sp_facts_t *facts, int64_t now,
    sp_truth_t *truth);
static const sp_block_t *sp_block_who(const sp_facts_t *facts, int64_t now);
static const sp_block_t *sp_block_model(const sp_facts_t *facts,
    unsigned model, int64_t now);
static int64_t sp_block_now(const sp_facts_t *facts);


int
sp_builtin_blocked(const sp_facts_t *facts, unsigned model,
    sp_match_t *match)
{
    sp_truth_t  truth;

    /* there may be blocks that cannot be read: asked once, for all models */

    if (facts->blocks_lost) {

        if (model != 0) {
            return 0;
        }

        sp_builtin_match(match, SP_B_BLOCKED, SP_R_VERIFICATION_UNAVAILABLE,
                         SP_UNSURE, 1);
        return 1;
    }

    if (sp_facts_block(facts, model, &truth) == NULL) {
        return 0;
    }

    sp_builtin_match(match, SP_B_BLOCKED, SP_R_OPS_BLOCK, truth, 0);

    return 1;
}


const sp_block_t *
sp_facts_block(const sp_facts_t *facts, unsigned model, sp_truth_t *truth)
{
    int64_t            now;
    sp_truth_t         sure;
    const sp_block_t  *block, *maybe;

    *truth = SP_TRUE;

    if (facts->blocks == NULL) {
        return NULL;
    }

    now = sp_block_now(facts);
    sure = SP_TRUE;
    maybe = NULL;

    if (model == 0) {
        maybe = sp_block_place(facts, now, &sure);

        if (maybe != NULL && sure == SP_TRUE) {
            return maybe;
        }

        block = sp_block_who(facts, now);

        if (block != NULL) {
            return block;
        }
    }

    block = sp_block_model(facts, model, now);

    if (block != NULL) {
        return block;
    }

    *truth = sure;

    return maybe;
}


int
sp_facts_block_request(const sp_facts_t *facts)
{
    int64_t     now;
    unsigned    i;
    sp_truth_t  truth;

    if (facts->blocks == NULL) {
        return facts->blocks_lost;
    }

    now = sp_block_now(facts);

    if (sp_block_place(facts, now, &truth) != NULL) {
        return 1;
    }

    i = 0;

    do {
        if (sp_block_model(facts, i, now) != NULL) {
            return 1;
        }
    } while (++i < facts->nmodels);

    return facts->blocks_lost;
}


/* A clock that is not known ends no block. */

static int64_t
sp_block_now(const sp_facts_t *facts)
{
    const sp_value_t  *now;

    now = &facts->v[SP_F_NOW];

    return now->state == SP_FACT_KNOWN ? now->u.i : INT64_MIN;
}


static const sp_block_t *
sp_block_place(const sp_facts_t *facts, int64_t now, sp_truth_t *truth)
{
    const sp_value_t   *addr, *class, *country;
    const sp_block_t   *block;
    const sp_blocks_t  *blocks;

    blocks = facts->blocks;
    addr = &facts->v[SP_F_IP_ADDR];
    class = &facts->v[SP_F_IP_CLASS];
    country = &facts->v[SP_F_IP_COUNTRY];

    *truth = SP_TRUE;
    block = NULL;

    if (addr->state == SP_FACT_KNOWN) {
        block = sp_blocks_network(blocks, addr->u.addr, now);
    }

    if (block == NULL && country->state == SP_FACT_KNOWN) {
        block = sp_blocks_country(blocks, country->u.place, now);
    }

    if (block != NULL) {
        return block;
    }

    *truth = SP_UNSURE;

    if (addr->state != SP_FACT_KNOWN) {
        block = sp_blocks_any(blocks, SP_BLOCK_NETWORK, now);
    }

    if (block == NULL && country->state != SP_FACT_KNOWN
        && !(class->state == SP_FACT_KNOWN && class->u.i != SP_IP_PUBLIC
             && class->u.i != SP_IP_NONE))
    {
        block = sp_blocks_any(blocks, SP_BLOCK_COUNTRY, now);
    }

    return block;
}


/* A record that is not there or cannot be had refuses by itself. */

static const sp_block_t *
sp_block_who(const sp_facts_t *facts, int64_t now)
{
    sp_str_t           name;
    const sp_block_t  *block;

    if (facts->key == NULL) {
        return NULL;
    }

    name.data = (const unsigned char *) facts->key->account;
    name.len = facts->key->account_len;
    block = sp_blocks_name(facts->blocks, SP_BLOCK_ACCOUNT, name, now);

    if (block != NULL) {
        return block;
    }

    name.data = (const unsigned char *) facts->key->name;
    name.len = facts->key->name_len;

    return sp_blocks_name(facts->blocks, SP_BLOCK_KEY, name, now);
}


/* A model that is not known yet, or not at all, is asked for or refused. */

static const sp_block_t *
sp_block_model(const sp_facts_t *facts, unsigned model, int64_t now)
{
    const sp_value_t  *id;

    if (model < facts->nmodels) {
        return sp_blocks_name(facts->blocks, SP_BLOCK_MODEL,
                              facts->models[model], now);
    }

    id = &facts->v[SP_F_MODEL_ID];

    return id->state == SP_FACT_KNOWN
           ? sp_blocks_name(facts->blocks, SP_BLOCK_MODEL, id->u.s, now)
           : NULL;
}

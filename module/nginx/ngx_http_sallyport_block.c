
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the operator's blocks on their way from the store to a
 * decision: one worker of a node reads their hash each "ttl", or as soon as
 * it is said to have changed; all take what it has put into the zone.
 *
 * A connection asks for them before it serves its first record, so no record
 * of a store counts before its blocks do. A hash that cannot be read leaves
 * the last good one in force; where none was ever read, requests are refused.
 */


#include "ngx_http_sallyport_control.h"
#include "ngx_http_sallyport_store.h"


#define NGX_HTTP_SALLYPORT_BLOCK_TICK  1000     /* ms, at most */
#define NGX_HTTP_SALLYPORT_BLOCK_SAY   60000    /* ms between complaints */


static ngx_http_sallyport_block_sh_t *ngx_http_sallyport_block_slot(
    ngx_http_sallyport_control_t *control, uint64_t tag);
static void ngx_http_sallyport_block_tick(ngx_event_t *ev);
static ngx_int_t ngx_http_sallyport_block_ask(
    ngx_http_sallyport_store_t *store);
static void ngx_http_sallyport_block_arm(ngx_http_sallyport_block_t *block);
static ngx_uint_t ngx_http_sallyport_block_put(
    ngx_http_sallyport_block_t *block, const sp_blocks_t *blocks,
    size_t size);
static void ngx_http_sallyport_block_unreadable(
    ngx_http_sallyport_block_t *block, const sp_pair_t *pair,
    const char *why);


_Static_assert(NGX_HTTP_SALLYPORT_BLOCK_ROOM % 8 == 0, "copied by words");


ngx_int_t
ngx_http_sallyport_block_init(ngx_cycle_t *cycle,
    ngx_http_sallyport_store_t *store)
{
    ngx_http_sallyport_block_t    *block;
    ngx_http_sallyport_control_t  *control;

    control = store->smcf->control;

    block = ngx_pcalloc(cycle->pool, sizeof(ngx_http_sallyport_block_t));
    if (block == NULL || control == NULL || control->sh == NULL) {
        return NGX_ERROR;
    }

    block->store = store;
    block->control = control;
    block->sh = ngx_http_sallyport_block_slot(control, store->tag);

    if (block->sh == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "sallyport: blocks of more than %d stores do not fit; "
                      "restart nginx if stores were replaced",
                      NGX_HTTP_SALLYPORT_CONTROL_STORES);
        return NGX_ERROR;
    }

    block->tick.handler = ngx_http_sallyport_block_tick;
    block->tick.data = block;
    block->tick.log = cycle->log;
    block->tick.cancelable = 1;
    block->ident[3] = (void *) -1;

    store->block = block;

    ngx_http_sallyport_block_arm(block);

    return NGX_OK;
}


void
ngx_http_sallyport_block_exit(ngx_http_sallyport_store_t *store)
{
    if (store->block != NULL && store->block->tick.timer_set) {
        ngx_del_timer(&store->block->tick);
    }
}


/* That of the store, or one that is free. */

static ngx_http_sallyport_block_sh_t *
ngx_http_sallyport_block_slot(ngx_http_sallyport_control_t *control,
    uint64_t tag)
{
    ngx_uint_t                      i;
    ngx_http_sallyport_block_sh_t  *slot, *found;

    tag |= (tag == 0);
    found = NULL;

    ngx_shmtx_lock(&control->shpool->mutex);

    for (i = 0; i < NGX_HTTP_SALLYPORT_CONTROL_STORES; i++) {
        slot = &control->sh->blocks[i];

        if (slot->tag == 0) {
            slot->tag = tag;
        }

        if (slot->tag == tag) {
            found = slot;
            break;
        }
    }

    ngx_shmtx_unlock(&control->shpool->mutex);

    return found;
}


static void
ngx_http_sallyport_block_arm(ngx_http_sallyport_block_t *block)
{
    ngx_msec_t  every;

    every = ngx_min(ngx_max(block->store->ttl / 2, 50),
                    NGX_HTTP_SALLYPORT_BLOCK_TICK);

    ngx_add_timer(&block->tick, every);
}


/* Whoever notices first asks for all workers of the node. */

static void
ngx_http_sallyport_block_tick(ngx_event_t *ev)
{
    ngx_atomic_uint_t            asked, now;
    ngx_http_sallyport_block_t  *block;
    ngx_http_sallyport_store_t  *store;

    block = ev->data;
    store = block->store;

    asked = block->sh->asked;
    now = ngx_current_msec + 1;

    if (store->redis.state == NGX_HTTP_SALLYPORT_R_READY
        && (block->unsent || asked == 0
            || (ngx_msec_int_t) (now - asked) >= (ngx_msec_int_t) store->ttl)
        && ngx_atomic_cmp_set(&block->sh->asked, asked, now))
    {
        block->unsent = (ngx_http_sallyport_block_ask(store) != NGX_OK);
    }

    if (!ngx_exiting) {
        ngx_http_sallyport_block_arm(block);
    }
}


/*
 * An emptied database has no blocks either: without "meta", which is asked
 * for first, the connection ends before their reply is looked at.
 */

static ngx_int_t
ngx_http_sallyport_block_ask(ngx_http_sallyport_store_t *store)
{
    ngx_int_t  rc;

    if (!store->redis.meta_asked) {
        rc = ngx_http_sallyport_redis_send(&store->redis,
                                           NGX_HTTP_SALLYPORT_CMD_META, NULL);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_http_sallyport_redis_send(&store->redis,
                                         NGX_HTTP_SALLYPORT_CMD_BLOCK, NULL);
}


void
ngx_http_sallyport_block_ready(ngx_http_sallyport_store_t *store)
{
    ngx_http_sallyport_block_t  *block;

    block = store->block;

    if (block->opened != store->redis.opened) {
        block->opened = store->redis.opened;
        block->unsent = (ngx_http_sallyport_redis_send(&store->redis,
                                       NGX_HTTP_SALLYPORT_CMD_BLOCK, NULL)
                         != NGX_OK);
    }
}


/* What cannot be read is the blocks' trouble, not the connection's. */

const char *
ngx_http_sallyport_block_reply(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_reply_t *reply)
{
    switch (reply->type) {

    case NGX_HTTP_SALLYPORT_REPLY_ARRAY:
        ngx_http_sallyport_block_take(store, reply->pairs, reply->n / 2,
                                      reply->n & 1 ? "is no hash" : NULL);
        return NULL;

    case NGX_HTTP_SALLYPORT_REPLY_LARGE:
        ngx_http_sallyport_block_take(store, NULL, 0, "is too large");
        return NULL;

    case NGX_HTTP_SALLYPORT_REPLY_ERROR:
        ngx_http_sallyport_block_take(store, NULL, 0,
                                      "was answered with an error (is it a "
                                      "hash, and may this user read it?)");
        return NULL;

    default:
        return "sent a reply of another kind";
    }
}


void
ngx_http_sallyport_block_stale(ngx_http_sallyport_store_t *store)
{
    ngx_http_sallyport_block_t  *block;

    block = store->block;

    if (block == NULL) {
        return;
    }

    block->sh->asked = ngx_current_msec + 1;

    if (store->redis.state != NGX_HTTP_SALLYPORT_R_READY
        || ngx_http_sallyport_block_ask(store) != NGX_OK)
    {
        block->sh->asked = 0;
    }
}


void
ngx_http_sallyport_block_take(ngx_http_sallyport_store_t *store,
    const sp_pair_t *pairs, size_t n, const char *why)
{
    size_t                       at;
    ngx_http_sallyport_block_t  *block;
    static uint64_t              room[NGX_HTTP_SALLYPORT_BLOCK_ROOM / 8];

    block = store->block;

    if (block == NULL) {
        return;
    }

    at = n;

    if (why == NULL
        && sp_blocks_make(room, sizeof(room), pairs, n, &at, &why) == SP_OK)
    {
        why = NULL;
    }

    if (why != NULL) {
        ngx_http_sallyport_block_unreadable(block, at < n ? &pairs[at] : NULL,
                                            why);
        return;
    }

    if (block->sh->unreadable) {
        block->sh->unreadable = 0;
        block->said = 0;

        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "sallyport: the blocks of store \"%V\" can be read "
                      "again", &store->name);
    }

    block->sh->read = (ngx_atomic_uint_t) ngx_time();

    n = ((sp_blocks_t *) room)->n;

    if (ngx_http_sallyport_block_put(block, (sp_blocks_t *) room,
                                n ? ((sp_blocks_t *) room)->size : 0))
    {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "sallyport: store \"%V\" has %uz operator's blocks",
                      &store->name, n);
    }
}


/* 1 if they are others than before. */

static ngx_uint_t
ngx_http_sallyport_block_put(ngx_http_sallyport_block_t *block,
    const sp_blocks_t *blocks, size_t size)
{
    ngx_uint_t                      at, changed;
    ngx_atomic_uint_t               word;
    ngx_http_sallyport_block_sh_t  *sh;

    sh = block->sh;

    ngx_shmtx_lock(&block->control->shpool->mutex);

    word = sh->word;
    at = (word >> 1) & 1;

    changed = (word == 0 || (word & 1) || sh->size[at] != size
               || ngx_memcmp(sh->data[at], blocks, size) != 0);

    if (changed) {
        at = 1 - at;

        ngx_memcpy(sh->data[at], blocks, size);
        sh->size[at] = size;
        sh->sum[at] = ngx_http_sallyport_sum(sh->data[at], size);

        __atomic_store_n(&sh->word, ((word >> 1) + 1) << 1,
                         __ATOMIC_RELEASE);
    }

    ngx_shmtx_unlock(&block->control->shpool->mutex);

    return changed && (size != 0 || word != 0);
}


static void
ngx_http_sallyport_block_unreadable(ngx_http_sallyport_block_t *block,
    const sp_pair_t *pair, const char *why)
{
    size_t                          len;
    sp_str_t                        name;
    ngx_uint_t                      lost;
    ngx_http_sallyport_block_sh_t  *sh;

    sh = block->sh;
    sh->unreadable = 1;

    ngx_shmtx_lock(&block->control->shpool->mutex);

    /* never read: nobody knows what is blocked; two generations, one parity */

    if (sh->word == 0) {
        __atomic_store_n(&sh->word, 2 << 1 | 1, __ATOMIC_RELEASE);
    }

    lost = sh->word & 1;

    ngx_shmtx_unlock(&block->control->shpool->mutex);

    if (block->said != 0
        && ngx_current_msec + 1 - block->said < NGX_HTTP_SALLYPORT_BLOCK_SAY)
    {
        return;
    }

    block->said = ngx_current_msec + 1;

    name = pair != NULL ? pair->name : SP_STR("the hash");
    len = ngx_min(name.len, 64);

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "sallyport: the operator's blocks of store \"%V\" cannot be "
                  "read: \"%*s\" %s; %s", &block->store->name, len, name.data,
                  why, lost ? "all requests are refused"
                            : "those that were read before stay in force");
}


void
ngx_http_sallyport_block_load(ngx_http_sallyport_block_t *block)
{
    ngx_uint_t                      at;
    ngx_http_sallyport_block_sh_t  *sh;

    sh = block->sh;

    ngx_shmtx_lock(&block->control->shpool->mutex);

    block->word = sh->word;
    block->lost = block->word & 1;
    block->blocks = NULL;

    at = (block->word >> 1) & 1;

    if (block->lost || block->word == 0 || sh->size[at] == 0) {
        ngx_shmtx_unlock(&block->control->shpool->mutex);
        return;
    }

    if (sh->size[at] > sizeof(block->room)
        || ngx_http_sallyport_sum_copy((u_char *) block->room, sh->data[at],
                                       sh->size[at])
           != sh->sum[at])
    {
        block->lost = 1;

    } else {
        block->blocks = (const sp_blocks_t *) block->room;
    }

    ngx_shmtx_unlock(&block->control->shpool->mutex);
}


u_char *
ngx_http_sallyport_block_metrics(u_char *p, ngx_array_t *stores)
{
    sp_facts_t                   *facts;
    ngx_uint_t                    i;
    ngx_http_sallyport_block_t   *block;
    ngx_http_sallyport_store_t  **store;

    static sp_facts_t  none;

    facts = &none;
    store = stores->elts;

    if (stores->nelts == 0) {
        return p;
    }

    p = ngx_http_sallyport_metrics_head(p, "sallyport_blocks", "gauge",
                                        "Operator's blocks in force.");

    for (i = 0; i < stores->nelts; i++) {
        block = store[i]->block;
        facts->blocks = NULL;
        ngx_http_sallyport_block_facts(store[i], facts);

        p = ngx_sprintf(p, "sallyport_blocks{store=\"%ui\"} %ui\n", i,
                        facts->blocks == NULL ? 0
                        : (ngx_uint_t) sp_blocks_live(facts->blocks,
                                                      ngx_time()));
    }

    p = ngx_http_sallyport_metrics_head(p, "sallyport_blocks_unreadable",
                                        "gauge", "Whether the operator's "
                                        "blocks cannot be read.");

    for (i = 0; i < stores->nelts; i++) {
        block = store[i]->block;

        p = ngx_sprintf(p, "sallyport_blocks_unreadable{store=\"%ui\"} "
                        "%ui\n", i, block == NULL ? (ngx_uint_t) 1
                        : (ngx_uint_t) block->sh->unreadable);
    }

    return p;
}


ngx_uint_t
ngx_http_sallyport_blocked(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_uint_t   i;
    sp_truth_t   truth;
    sp_facts_t  *facts;

    facts = &ctx->facts;

    if (facts->blocks_lost) {
        return 1;
    }

    i = 0;

    do {
        if (sp_facts_block(facts, (unsigned) i, &truth) != NULL) {
            return 1;
        }
    } while (++i < facts->nmodels);

    return 0;
}

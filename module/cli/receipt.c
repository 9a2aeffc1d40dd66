
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the receipt of a change: which gates enforce it.
 *
 * Gates that hear of changes in the order in which they are written say so. A
 * key is written behind the change, a fence, and whoever was told of it writes
 * its own name down: sp:node has the gates and when they were seen last,
 * sp:data:~fence:ID is the fence, sp:ack:ID has those that passed it.
 */


#include <stdlib.h>
#include <time.h>

#include <openssl/rand.h>

#include "store_conn.h"


#define SP_RECEIPT_LIVE_MS   10000    /* not seen for longer: it has ended */
#define SP_RECEIPT_LEASE_MS  1500     /* of a gate that does not say */
#define SP_RECEIPT_POLL_NS   2000000
#define SP_RECEIPT_NODES     4096


static sp_rc_t sp_store_receipt(sp_store_t *store);
static sp_rc_t sp_receipt_nodes(sp_store_t *store, redisReply **nodes,
    uint64_t *patience);
static uint64_t sp_receipt_lease(sp_store_t *store, const redisReply *nodes);
static sp_rc_t sp_receipt_fence(sp_store_t *store, const char *id);
static sp_rc_t sp_receipt_wait(sp_store_t *store, const char *id,
    const redisReply *nodes, uint64_t patience, char *passed, size_t *n,
    uint64_t *took);
static size_t sp_receipt_count(const redisReply *nodes,
    const redisReply *acks, char *passed);
static uint64_t sp_receipt_clock(void);


int
sp_store_settled(sp_store_t *store, const sp_cli_args_t *args)
{
    if (sp_store_durable(store, args) != SP_OK) {
        return SP_CLI_REFUSED;
    }

    if (sp_cli_opt(args, "wait") == NULL) {
        return SP_CLI_FINE;
    }

    switch (sp_store_receipt(store)) {

    case SP_OK:
        return SP_CLI_FINE;

    case SP_DECLINED:
        return SP_CLI_DIFFERS;

    default:
        sp_cli_error("written, but who enforces it is not known");
        return SP_CLI_REFUSED;
    }
}


static sp_rc_t
sp_store_receipt(sp_store_t *store)
{
    char            id[33], passed[SP_RECEIPT_NODES];
    size_t          i, n;
    sp_rc_t         rc;
    uint64_t        patience, took;
    redisReply     *nodes;
    unsigned char   r[16];

    if (RAND_bytes(r, sizeof(r)) != 1) {
        sp_cli_error("the system gives no random bytes");
        return SP_ERROR;
    }

    sp_hex(r, sizeof(r), (unsigned char *) id);
    id[32] = '\0';

    if (sp_receipt_nodes(store, &nodes, &patience) != SP_OK) {
        return SP_ERROR;
    }

    if (nodes->elements == 0) {
        sp_cli_warn("written, but no gate has reported to this store within "
                    "%d s: who enforces it is not known",
                    SP_RECEIPT_LIVE_MS / 1000);
        freeReplyObject(nodes);
        return SP_DECLINED;
    }

    memset(passed, 0, sizeof(passed));
    n = 0;
    took = 0;
    rc = sp_receipt_fence(store, id);

    if (rc == SP_OK) {
        rc = sp_receipt_wait(store, id, nodes, patience, passed, &n, &took);
    }

    if (rc == SP_OK) {
        printf("enforced on %zu of %zu nodes, after %llu ms\n", n,
               nodes->elements, (unsigned long long) took);

        for (i = 0; i < nodes->elements; i++) {
            if (!passed[i]) {
                printf("  %s is silent: past its lease of %llu ms it uses no "
                       "record that must be fresh\n", nodes->element[i]->str,
                       (unsigned long long) patience);
            }
        }

        rc = n == nodes->elements ? SP_OK : SP_DECLINED;
    }

    freeReplyObject(nodes);

    return rc;
}


/* Those that were seen lately, by the store's own clock. */

static sp_rc_t
sp_receipt_nodes(sp_store_t *store, redisReply **nodes, uint64_t *patience)
{
    char         since[32];
    redisReply  *now;
    const char  *time_of[] = { "TIME" };
    const char  *range[] = { "ZRANGEBYSCORE", "sp:node", since, "+inf" };

    now = sp_store_call(store, 1, time_of, NULL);

    if (now == NULL || now->type != REDIS_REPLY_ARRAY || now->elements != 2) {
        return SP_ERROR;
    }

    (void) snprintf(since, sizeof(since), "%lld",
                    atoll(now->element[0]->str) * 1000
                    + atoll(now->element[1]->str) / 1000
                    - SP_RECEIPT_LIVE_MS);
    freeReplyObject(now);

    *nodes = sp_store_call(store, 4, range, NULL);

    if (*nodes == NULL) {
        return SP_ERROR;
    }

    if ((*nodes)->type != REDIS_REPLY_ARRAY
        || (*nodes)->elements > SP_RECEIPT_NODES)
    {
        sp_cli_error("sp:node has an odd answer, or more than %d nodes",
                     SP_RECEIPT_NODES);
        freeReplyObject(*nodes);
        return SP_ERROR;
    }

    *patience = sp_receipt_lease(store, *nodes);

    return SP_OK;
}


/* The longest lease among them, in ms. */

static uint64_t
sp_receipt_lease(sp_store_t *store, const redisReply *nodes)
{
    char         key[512];
    size_t       i;
    uint64_t     lease, longest;
    redisReply  *reply;
    const char  *argv[] = { "HGET", key, "lease_ms" };

    longest = SP_RECEIPT_LEASE_MS;

    for (i = 0; i < nodes->elements; i++) {
        (void) snprintf(key, sizeof(key), "sp:node:%s",
                        nodes->element[i]->str);
        reply = sp_store_call(store, 3, argv, NULL);

        if (reply != NULL && reply->type == REDIS_REPLY_STRING
            && sp_parse_uint(sp_cstr(reply->str), 3600000, &lease) == SP_OK
            && lease > longest)
        {
            longest = lease;
        }

        if (reply != NULL) {
            freeReplyObject(reply);
        }
    }

    return longest;
}


static sp_rc_t
sp_receipt_fence(sp_store_t *store, const char *id)
{
    char         key[SP_STORE_KEY_MAX];
    redisReply  *reply;
    const char  *argv[] = { "SET", key, "1", "PX", "60000" };

    (void) snprintf(key, sizeof(key), "sp:data:~fence:%s", id);
    reply = sp_store_call(store, 5, argv, NULL);

    if (reply == NULL) {
        return SP_ERROR;
    }

    freeReplyObject(reply);

    return SP_OK;
}


/* Until all have passed, or as long as the longest lease lasts. */

static sp_rc_t
sp_receipt_wait(sp_store_t *store, const char *id, const redisReply *nodes,
    uint64_t patience, char *passed, size_t *n, uint64_t *took)
{
    char             key[SP_STORE_KEY_MAX];
    uint64_t         start;
    redisReply      *acks;
    const char      *argv[] = { "HKEYS", key };
    struct timespec  pause = { 0, SP_RECEIPT_POLL_NS };

    (void) snprintf(key, sizeof(key), "sp:ack:%s", id);
    start = sp_receipt_clock();

    for ( ;; ) {
        acks = sp_store_call(store, 2, argv, NULL);

        if (acks == NULL) {
            return SP_ERROR;
        }

        *n = sp_receipt_count(nodes, acks, passed);
        *took = sp_receipt_clock() - start;
        freeReplyObject(acks);

        if (*n == nodes->elements || *took > patience) {
            return SP_OK;
        }

        (void) nanosleep(&pause, NULL);
    }
}


static size_t
sp_receipt_count(const redisReply *nodes, const redisReply *acks,
    char *passed)
{
    size_t  i, k, n;

    for (n = 0, i = 0; i < nodes->elements; i++) {

        for (k = 0; !passed[i] && k < acks->elements; k++) {
            passed[i] = strcmp(nodes->element[i]->str, acks->element[k]->str)
                        == 0;
        }

        n += (size_t) passed[i];
    }

    return n;
}


static uint64_t
sp_receipt_clock(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}

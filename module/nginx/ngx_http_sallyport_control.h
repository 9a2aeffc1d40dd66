
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what operators change of a running gate: the zone of the
 * control room (control_zone.c), and their blocks (block.c). The zone outlives
 * reloads, not restarts.
 */


#ifndef NGX_HTTP_SALLYPORT_CONTROL_H
#define NGX_HTTP_SALLYPORT_CONTROL_H


#include "ngx_http_sallyport_store.h"
#include "sp_block.h"


#define NGX_HTTP_SALLYPORT_CONTROL_MAGIC   0x53504354u   /* "SPCT" */
#define NGX_HTTP_SALLYPORT_CONTROL_LAYOUT  1             /* grows with each */
#define NGX_HTTP_SALLYPORT_CONTROL_STORES  8

#define NGX_HTTP_SALLYPORT_BLOCK_ROOM                                         \
    (sizeof(sp_blocks_t) + SP_BLOCKS_MAX * sizeof(sp_block_t)                 \
     + SP_BLOCKS_BYTES)


/*
 * The blocks of one store. "word" is 0 until they were read; then it is
 * generation << 1 | lost, another for each change: "lost" says that the hash
 * could not be read and no earlier one is known. Two buffers, of which
 * generation & 1 is in force; they are written under shpool->mutex.
 */

typedef struct {
    uint64_t                      tag;       /* of the store; 0: free */
    ngx_atomic_t                  word;
    ngx_atomic_t                  asked;     /* ms + 1; 0: to be asked for */
    ngx_atomic_t                  read;      /* unix seconds, of a good one */
    ngx_atomic_t                  unreadable;    /* since then */
    uint64_t                      size[2];   /* 0: there are none */
    uint64_t                      sum[2];
    u_char                        data[2][NGX_HTTP_SALLYPORT_BLOCK_ROOM];
} ngx_http_sallyport_block_sh_t;


typedef struct {
    uint32_t                      magic;
    uint32_t                      layout;
    ngx_http_sallyport_block_sh_t blocks[NGX_HTTP_SALLYPORT_CONTROL_STORES];
} ngx_http_sallyport_control_sh_t;


struct ngx_http_sallyport_control_s {
    ngx_http_sallyport_control_sh_t  *sh;
    ngx_slab_pool_t                  *shpool;
    ngx_shm_zone_t                   *shm_zone;
};


/* A store's blocks as this worker has them. */

struct ngx_http_sallyport_block_s {
    void                         *ident[4];  /* of the timer: debug log */
    ngx_http_sallyport_store_t   *store;
    ngx_http_sallyport_control_t *control;
    ngx_http_sallyport_block_sh_t  *sh;
    ngx_atomic_uint_t             word;      /* that the copy is of */
    const sp_blocks_t            *blocks;    /* NULL: none */
    ngx_uint_t                    lost;      /* unsigned  lost:1; */
    ngx_uint_t                    unsent;    /* asked for, but no place */
    ngx_uint_t                    opened;    /* the connection's number */
    ngx_event_t                   tick;
    ngx_msec_t                    said;      /* last complaint, 0: none */
    uint64_t                      room[NGX_HTTP_SALLYPORT_BLOCK_ROOM / 8];
};


/* control_zone.c */

ngx_int_t ngx_http_sallyport_control_zone(ngx_conf_t *cf,
    ngx_http_sallyport_main_conf_t *smcf);


/* block.c */

/* Of a worker, before its store connects. */
ngx_int_t ngx_http_sallyport_block_init(ngx_cycle_t *cycle,
    ngx_http_sallyport_store_t *store);
void ngx_http_sallyport_block_exit(ngx_http_sallyport_store_t *store);

/* A new connection's first command, and what becomes of its reply. */
void ngx_http_sallyport_block_ready(ngx_http_sallyport_store_t *store);
const char *ngx_http_sallyport_block_reply(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_reply_t *reply);

/* The hash may have changed: it is read at once, or when there is a way. */
void ngx_http_sallyport_block_stale(ngx_http_sallyport_store_t *store);

/*
 * What the store said of the hash: its pairs, none if there is no hash.
 * "why" is not NULL: it could not be read.
 */
void ngx_http_sallyport_block_take(ngx_http_sallyport_store_t *store,
    const sp_pair_t *pairs, size_t n, const char *why);

/* The copy follows what is in force. */
void ngx_http_sallyport_block_load(ngx_http_sallyport_block_t *block);

/* Their metrics: two lines a store, and their heads. */
u_char *ngx_http_sallyport_block_metrics(u_char *p, ngx_array_t *stores);

/* 1 if a block refuses the request, whose records are known. */
ngx_uint_t ngx_http_sallyport_blocked(ngx_http_sallyport_ctx_t *ctx);


/*
 * Sets the facts that operators have a part in. Before each decision: what
 * the facts point to is this worker's copy, which the next call may replace.
 */

static ngx_inline void
ngx_http_sallyport_block_facts(ngx_http_sallyport_store_t *store,
    sp_facts_t *facts)
{
    ngx_http_sallyport_block_t  *block;

    block = store->block;

    if (block == NULL) {
        facts->blocks_lost = (store->file == NULL);    /* a file has none */
        return;
    }

    if (block->word != block->sh->word) {
        ngx_http_sallyport_block_load(block);
    }

    facts->blocks = block->blocks;
    facts->blocks_lost = (uint8_t) block->lost;
}


#endif /* NGX_HTTP_SALLYPORT_CONTROL_H */

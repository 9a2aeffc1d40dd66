
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the memory of a loading policy: blocks that are handed
 * out in small pieces and given back together.
 */


#include <stdlib.h>

#include "sp_yaml.h"


#define SP_ARENA_BLOCK  65536
#define SP_ARENA_MAX    (512u * 1024 * 1024)


typedef struct sp_arena_block_s  sp_arena_block_t;

struct sp_arena_block_s {
    sp_arena_block_t  *next;
    size_t             size;     /* of data */
    size_t             used;
    size_t             pad;      /* keeps data aligned to 16 */
    unsigned char      data[];
};

struct sp_arena_s {
    sp_arena_block_t  *blocks;
    size_t             total;
};


sp_arena_t *
sp_arena_create(void)
{
    return calloc(1, sizeof(sp_arena_t));
}


void
sp_arena_destroy(sp_arena_t *arena)
{
    sp_arena_block_t  *block, *next;

    if (arena == NULL) {
        return;
    }

    for (block = arena->blocks; block != NULL; block = next) {
        next = block->next;
        free(block);
    }

    free(arena);
}


void *
sp_arena_alloc(sp_arena_t *arena, size_t size)
{
    void              *p;
    size_t             need;
    sp_arena_block_t  *block;

    if (size > SP_ARENA_MAX) {
        return NULL;
    }

    size = (size + 15) & ~(size_t) 15;
    block = arena->blocks;

    if (block == NULL || block->size - block->used < size) {
        need = (size > SP_ARENA_BLOCK) ? size : SP_ARENA_BLOCK;

        if (arena->total + need > SP_ARENA_MAX) {
            return NULL;
        }

        block = calloc(1, sizeof(sp_arena_block_t) + need);
        if (block == NULL) {
            return NULL;
        }

        block->size = need;
        block->next = arena->blocks;
        arena->blocks = block;
        arena->total += need;
    }

    p = block->data + block->used;
    block->used += size;

    return p;
}


sp_rc_t
sp_arena_str(sp_arena_t *arena, sp_str_t src, sp_str_t *dst)
{
    unsigned char  *p;

    p = sp_arena_alloc(arena, src.len + 1);
    if (p == NULL) {
        return SP_ERROR;
    }

    if (src.len != 0) {
        memcpy(p, src.data, src.len);
    }

    dst->data = p;
    dst->len = src.len;

    return SP_OK;
}

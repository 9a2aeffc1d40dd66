
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the operator's blocks: countries, networks, accounts,
 * keys and models that are refused until a time, whatever a policy says. The
 * store has them in one hash, PREFIXblock, a field a block:
 *
 *     country:KP           until=1798761600 at=1798675200 by=jo why=INC-7
 *     network:192.0.2.0/24 until=1798761600
 *     account:acme  key:acme-prod  model:gpt-4o
 *
 * The fields ver, by, why and changed_at of whoever wrote the hash are passed
 * over. They are compiled into one flat object without pointers, which may be
 * copied and kept in shared memory.
 */


#ifndef SP_BLOCK_H
#define SP_BLOCK_H


#include "sp_account.h"


#define SP_BLOCKS_MAX     256    /* in one hash */
#define SP_BLOCK_NAME     272    /* bytes of a field: kind, colon and name */
#define SP_BLOCKS_BYTES   49152  /* of names and values of one hash */


typedef enum {
    SP_BLOCK_COUNTRY = 0,
    SP_BLOCK_NETWORK,
    SP_BLOCK_ACCOUNT,
    SP_BLOCK_KEY,                /* by its name, the fact key.id */
    SP_BLOCK_MODEL,
    SP_BLOCK_KINDS
} sp_block_kind_t;


/* One block of a compiled object. */
typedef struct {
    int64_t       until;         /* unix seconds, exclusive */
    uint32_t      name;          /* offset of its field in the object */
    uint16_t      len;           /* of the field, "country:KP" */
    uint16_t      from;          /* where in it the name begins */
    sp_place_t    place;         /* of SP_BLOCK_COUNTRY */
    sp_network_t  network;       /* of SP_BLOCK_NETWORK */
} sp_block_t;


/* Blocks stand sorted by kind, then by name; "first" is by kind. */
typedef struct {
    uint32_t        size;        /* bytes of all of it, a multiple of 8 */
    uint32_t        n;
    uint16_t        first[SP_BLOCK_KINDS + 1];
    sp_countries_t  countries;   /* that some block names, over or not */
} sp_blocks_t;


/* One field of the hash as it was read; points into it. */
typedef struct {
    sp_block_kind_t  kind;
    sp_str_t         name;       /* what follows the colon */
    sp_place_t       place;
    sp_network_t     network;
    int64_t          until;
    int64_t          at;         /* SP_TIME_ABSENT: it does not say */
    sp_str_t         by;         /* empty: it does not say */
    sp_str_t         why;
} sp_block_read_t;


/*
 * Reads one field. NULL, or what is wrong with it, as a sentence goes on.
 * "until" is mandatory: a block without an end is refused.
 */
const char *sp_block_read(sp_str_t field, sp_str_t value,
    sp_block_read_t *block);

/* The word of a kind; and the reverse, -1 for none. */
const char *sp_block_kind(sp_block_kind_t kind);
int sp_block_kind_find(sp_str_t word);

/*
 * Compiles a hash into "room", aligned for any type. SP_ERROR: *why is what
 * is wrong and *at the pair at fault, or n if it is the whole. Bytes that
 * are always enough: sp_blocks_room(pairs, n).
 */
size_t sp_blocks_room(const sp_pair_t *pairs, size_t n);
sp_rc_t sp_blocks_make(void *room, size_t size, const sp_pair_t *pairs,
    size_t n, size_t *at, const char **why);

/*
 * The block that is in force at "now", or NULL. Countries by
 * sp_place_country(); names must be equal to the last byte.
 */
const sp_block_t *sp_blocks_country(const sp_blocks_t *blocks,
    sp_place_t place, int64_t now);
const sp_block_t *sp_blocks_network(const sp_blocks_t *blocks,
    const sp_addr_t *addr, int64_t now);
const sp_block_t *sp_blocks_name(const sp_blocks_t *blocks,
    sp_block_kind_t kind, sp_str_t name, int64_t now);

/* Any block of the kind that is in force: for facts that are not known. */
const sp_block_t *sp_blocks_any(const sp_blocks_t *blocks,
    sp_block_kind_t kind, int64_t now);

/* How many are in force. */
unsigned sp_blocks_live(const sp_blocks_t *blocks, int64_t now);

/* Its field, "country:KP". */
sp_str_t sp_block_field(const sp_blocks_t *blocks, const sp_block_t *block);


#endif /* SP_BLOCK_H */

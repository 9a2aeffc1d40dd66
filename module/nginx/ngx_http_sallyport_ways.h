
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the index of a worker's tables: sets of eight tags, each
 * in a cache line of its own, so that a look-up touches one line before the
 * entry itself, and entries make room for one another late.
 */


#ifndef NGX_HTTP_SALLYPORT_WAYS_H
#define NGX_HTTP_SALLYPORT_WAYS_H


#include "ngx_http_sallyport.h"


#define NGX_HTTP_SALLYPORT_TAGS  8      /* of a set */


typedef struct {
    uint64_t    *tags;        /* 0: free; as many as there are entries */
    ngx_uint_t   sets;        /* a power of two */
    ngx_uint_t   turn;        /* which of a full set is next to go */
} ngx_http_sallyport_ways_t;


/* pages.c: "entries" is a power of two. Lives as long as the cycle. */
ngx_int_t ngx_http_sallyport_ways_init(ngx_cycle_t *cycle,
    ngx_http_sallyport_ways_t *ways, ngx_uint_t entries);


/* The first tag of the set of a hash; entries have the numbers of tags. */

static ngx_inline ngx_uint_t
ngx_http_sallyport_ways_set(ngx_http_sallyport_ways_t *ways, uint64_t hash)
{
    return (hash >> 32 & (ways->sets - 1)) * NGX_HTTP_SALLYPORT_TAGS;
}


/* The entry's number, or NGX_ERROR. Equal hashes are not yet equal keys. */

static ngx_inline ngx_int_t
ngx_http_sallyport_ways_find(ngx_http_sallyport_ways_t *ways, uint64_t hash)
{
    uint64_t    *tags;
    ngx_uint_t   i, first;

    first = ngx_http_sallyport_ways_set(ways, hash);
    tags = &ways->tags[first];

    for (i = 0; i < NGX_HTTP_SALLYPORT_TAGS; i++) {
        if (tags[i] == hash) {
            return (ngx_int_t) (first + i);
        }
    }

    return NGX_ERROR;
}


/* Where the entry is, or is to be; another may be there. The tag is not set. */

static ngx_inline ngx_uint_t
ngx_http_sallyport_ways_place(ngx_http_sallyport_ways_t *ways, uint64_t hash)
{
    ngx_int_t   n;
    ngx_uint_t  i, first;

    n = ngx_http_sallyport_ways_find(ways, hash);

    if (n != NGX_ERROR) {
        return (ngx_uint_t) n;
    }

    first = ngx_http_sallyport_ways_set(ways, hash);

    for (i = 0; i < NGX_HTTP_SALLYPORT_TAGS; i++) {
        if (ways->tags[first + i] == 0) {
            return first + i;
        }
    }

    return first + ways->turn++ % NGX_HTTP_SALLYPORT_TAGS;
}


#endif /* NGX_HTTP_SALLYPORT_WAYS_H */


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains a slot of the record cache: its layout, and what those
 * who read and those who write it share. Private to cache.c and
 * cache_write.c.
 */


#ifndef NGX_HTTP_SALLYPORT_SLOT_H
#define NGX_HTTP_SALLYPORT_SLOT_H


#include "ngx_http_sallyport_zone.h"


/* The sum is of what stands behind it. */

typedef struct {
    ngx_http_sallyport_slot_head_t
                                  head;
    uint64_t                      sum;
    uint64_t                      hash;
    uint64_t                      store;
    uint64_t                      ver;
    ngx_http_sallyport_print_t    account;  /* that a key names */
    uint16_t                      len;      /* bytes of the packed record */
    uint8_t                       id_len;
    uint8_t                       kind;
    uint8_t                       denies;
    uint8_t                       spent;
    uint8_t                       unused[2];
} ngx_http_sallyport_slot_t;


#define NGX_HTTP_SALLYPORT_SLOT_MAX  4096

_Static_assert(sizeof(ngx_http_sallyport_slot_t) + SP_CUSTOMER_NAME_LEN
               + SP_ACCOUNT_PACKED_MAX <= NGX_HTTP_SALLYPORT_SLOT_MAX,
               "the largest account fits a slot");

#define ngx_http_sallyport_slot_size(id_len, len)                             \
    ngx_align(sizeof(ngx_http_sallyport_slot_t) + (id_len) + (len), 8)

#define NGX_HTTP_SALLYPORT_SUMMED                                             \
    offsetof(ngx_http_sallyport_slot_t, hash)

#define ngx_http_sallyport_slot_sum(p, size)                                  \
    ngx_http_sallyport_sum((p) + NGX_HTTP_SALLYPORT_SUMMED,                   \
                           (size) - NGX_HTTP_SALLYPORT_SUMMED)


/* The table of most records of a kind. */

static ngx_inline ngx_http_sallyport_table_id_t
ngx_http_sallyport_slot_table(ngx_http_sallyport_kind_t kind)
{
    return kind == NGX_HTTP_SALLYPORT_KEY ? NGX_HTTP_SALLYPORT_T_KEYS
                                          : NGX_HTTP_SALLYPORT_T_ACCOUNTS;
}


/* "slot" is a copy, or is read under the lock; its sum is tested apart. */

static ngx_inline ngx_uint_t
ngx_http_sallyport_slot_is(ngx_http_sallyport_slot_t *slot,
    ngx_http_sallyport_cache_id_t *cid, size_t max)
{
    size_t   size;
    u_char  *p;

    p = (u_char *) slot;
    size = ngx_http_sallyport_slot_size(slot->id_len, slot->len);

    return slot->hash == cid->hash
           && slot->store == cid->store
           && slot->kind == cid->kind
           && slot->id_len == cid->len
           && size <= max
           && ngx_memcmp(p + sizeof(ngx_http_sallyport_slot_t), cid->id,
                         cid->len)
              == 0;
}


#endif /* NGX_HTTP_SALLYPORT_SLOT_H */

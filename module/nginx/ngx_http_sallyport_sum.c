
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the sum by which readers without a lock know a slot that
 * was written while they read, or damaged.
 */


#include "ngx_http_sallyport_zone.h"


/* Two words a step: both halves of their product, folded. */

static ngx_inline uint64_t
ngx_http_sallyport_sum_step(uint64_t h, const u_char *p)
{
    uint64_t           w[2];
    unsigned __int128  product;

    ngx_memcpy(w, p, 16);

    product = (unsigned __int128) (h ^ w[0] ^ 0x9fb21c651e98df25ull)
              * (w[1] ^ 0x9e3779b97f4a7c15ull);

    return (uint64_t) product ^ (uint64_t) (product >> 64);
}


uint64_t
ngx_http_sallyport_sum(const u_char *p, size_t n)
{
    uint64_t  h, w;

    for (h = n; n >= 16; p += 16, n -= 16) {
        h = ngx_http_sallyport_sum_step(h, p);
    }

    if (n != 0) {
        ngx_memcpy(&w, p, 8);
        h = ngx_http_sallyport_mix(h ^ w);
    }

    return h;
}


uint64_t
ngx_http_sallyport_sum_copy(u_char *to, const u_char *p, size_t n)
{
    uint64_t  h, w;

    for (h = n; n >= 16; p += 16, to += 16, n -= 16) {
        ngx_memcpy(to, p, 16);
        h = ngx_http_sallyport_sum_step(h, to);
    }

    if (n != 0) {
        ngx_memcpy(&w, p, 8);
        ngx_memcpy(to, &w, 8);
        h = ngx_http_sallyport_mix(h ^ w);
    }

    return h;
}

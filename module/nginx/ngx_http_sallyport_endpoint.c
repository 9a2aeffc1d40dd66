
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains where a connection to Redis goes. All of a worker's go to
 * the server that its look-ups ask: what one of them proves of a server is to
 * hold for the others.
 */


#include "ngx_http_sallyport_store.h"


ngx_addr_t *
ngx_http_sallyport_endpoint(ngx_http_sallyport_redis_t *redis)
{
    ngx_http_sallyport_store_t  *store;

    store = redis->store;

    return &store->addrs[store->redis.failures % store->naddrs];
}

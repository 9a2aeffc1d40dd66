
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the sallyport_store directive and the life of a store
 * in a process.
 *
 *     sallyport_store  URL        [options];      (url.c)
 *     sallyport_store  file:PATH  [zone=SIZE];    (file.c)
 *
 *     lease=1500ms      how old the proof may be that no change was missed
 *     canary=250ms      how often that is proved
 *     quorum=0          replicas that must have the proof, too
 *     tracking=auto     auto, on or off: where records are polled instead,
 *     ttl=5s            how old one may be before it is asked for again
 *     timeout=50ms      how long a request waits for a record
 *     prefix=sp:data:   what all names in the store begin with
 *     db=0              number of the database
 *     user=NAME         for AUTH
 *     password_file=F   for AUTH; the file holds nothing else
 *     lookups=10000     keys not seen before that may be asked for a second
 *     address_lookups=50, address_burst=100
 *                       the same for one address (IPv4 /32, IPv6 /64)
 *
 *     ca=FILE  name=HOST   of TLS: who may sign, whose certificate it is
 *     cert=FILE  key=FILE  our own certificate
 *     sentinel_user=NAME, sentinel_password_file=F
 *                       for AUTH to Sentinels
 */


#include "ngx_http_sallyport_control.h"
#include "ngx_http_sallyport_store.h"


static ngx_http_sallyport_store_t *ngx_http_sallyport_store_same(
    ngx_conf_t *cf, ngx_http_sallyport_main_conf_t *smcf);
static ngx_int_t ngx_http_sallyport_store_finish(ngx_conf_t *cf,
    ngx_http_sallyport_store_t *store);
static void ngx_http_sallyport_store_cleanup(void *data);


ngx_http_sallyport_store_t *
ngx_http_sallyport_store_create(ngx_conf_t *cf,
    ngx_http_sallyport_main_conf_t *smcf)
{
    ngx_str_t                   *value, *copy;
    ngx_uint_t                   i;
    ngx_pool_cleanup_t          *cln;
    ngx_http_sallyport_store_t  *store;

    store = ngx_http_sallyport_store_same(cf, smcf);
    if (store != NULL) {
        return store;
    }

    store = ngx_pcalloc(cf->pool, sizeof(ngx_http_sallyport_store_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (store == NULL || cln == NULL) {
        return NULL;
    }

    store->smcf = smcf;
    store->ttl = 5000;
    store->lease = 1500;
    store->canary = 250;
    store->tracking = NGX_HTTP_SALLYPORT_TRACKING_AUTO;
    store->timeout = 50;
    store->total_rate = 10000;
    store->unit_rate = 50;
    store->unit_burst = 100;
    ngx_str_set(&store->prefix, "sp:data:");

    value = cf->args->elts;

    if (ngx_array_init(&store->args, cf->pool, cf->args->nelts,
                       sizeof(ngx_str_t))
        != NGX_OK)
    {
        return NULL;
    }

    for (i = 0; i < cf->args->nelts; i++) {
        copy = ngx_array_push(&store->args);
        *copy = value[i];
    }

    if (ngx_strncmp(value[1].data, "file:", sizeof("file:") - 1) == 0) {
        return ngx_http_sallyport_file_create(cf, store) == NGX_OK ? store
                                                                   : NULL;
    }

    if (ngx_http_sallyport_store_url(cf, store, &value[1]) != NGX_OK) {
        return NULL;
    }

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_sallyport_store_option(cf, store, &value[i])
            != NGX_OK)
        {
            return NULL;
        }
    }

    if (ngx_http_sallyport_store_finish(cf, store) != NGX_OK) {
        return NULL;
    }

    cln->handler = ngx_http_sallyport_store_cleanup;
    cln->data = store;

    return store;
}


/* The same words mean the same store, and one connection. */

static ngx_http_sallyport_store_t *
ngx_http_sallyport_store_same(ngx_conf_t *cf,
    ngx_http_sallyport_main_conf_t *smcf)
{
    ngx_str_t                    *value, *args;
    ngx_uint_t                    i, j;
    ngx_http_sallyport_store_t  **stores;

    value = cf->args->elts;
    stores = smcf->stores.elts;

    for (i = 0; i < smcf->stores.nelts; i++) {

        if (stores[i]->args.nelts != cf->args->nelts) {
            continue;
        }

        args = stores[i]->args.elts;

        for (j = 1; j < cf->args->nelts; j++) {
            if (args[j].len != value[j].len
                || ngx_memcmp(args[j].data, value[j].data, value[j].len) != 0)
            {
                break;
            }
        }

        if (j == cf->args->nelts) {
            return stores[i];
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_sallyport_store_finish(ngx_conf_t *cf,
    ngx_http_sallyport_store_t *store)
{
    u_char     *p;
    ngx_str_t   address;

    if (store->db.len != 0
        && ngx_http_sallyport_store_db(&store->db) != NGX_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid database \"%V\" of the store: it is a "
                           "number", &store->db);
        return NGX_ERROR;
    }

    if (store->user.len != 0 && store->password.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the store has a user but no password; add "
                           "password_file=FILE");
        return NGX_ERROR;
    }

    if (store->tls->on && store->place->host.len == 0
        && store->place->nsentinels == 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "a socket of this machine does not speak TLS");
        return NGX_ERROR;
    }

    if (ngx_http_sallyport_tls_init(cf, store->tls) != NGX_OK) {
        return NGX_ERROR;
    }

    store->hard = ngx_max(4 * store->timeout, 200);

    if (store->lease < 2 * store->canary) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "lease=%Mms of the store must be at least twice "
                           "canary=%Mms", store->lease, store->canary);
        return NGX_ERROR;
    }

    /* the name is what the zone tells stores by, so it outlives a reload */

    address = store->name;

    p = ngx_pnalloc(cf->pool, address.len + store->db.len + 2);
    if (p == NULL) {
        return NGX_ERROR;
    }

    store->name.data = p;
    p = ngx_cpymem(p, address.data, address.len);
    *p++ = '/';

    p = store->db.len != 0
        ? ngx_cpymem(p, store->db.data, store->db.len)
        : ngx_cpymem(p, "0", 1);

    store->name.len = p - store->name.data;

    return NGX_OK;
}


ngx_int_t
ngx_http_sallyport_store_init_process(ngx_cycle_t *cycle,
    ngx_http_sallyport_store_t *store)
{
    ngx_http_sallyport_zone_t  *zone;

    zone = store->smcf->zone;

    if (store->lookups != NULL) {
        return NGX_OK;
    }

    if (zone == NULL || zone->sh == NULL) {
        return NGX_ERROR;
    }

    store->zone = zone;
    store->tag = ngx_http_sallyport_store_tag(store, zone);
    store->source = ngx_http_sallyport_source_claim(zone, store->tag);

    if (store->source == NULL) {
        ngx_log_error(NGX_LOG_ERR, cycle->log, 0,
                      "sallyport: the zone has no room for store \"%V\": it "
                      "holds %d, of which some are of an earlier configuration",
                      &store->name, NGX_HTTP_SALLYPORT_SOURCES);
        return NGX_ERROR;
    }

    if (store->file != NULL) {
        store->source->polled = NGX_HTTP_SALLYPORT_POLLED_OFF;
        return ngx_http_sallyport_file_init_process(cycle, store);
    }

    if (store->tracking == NGX_HTTP_SALLYPORT_TRACKING_OFF) {
        store->source->polled = NGX_HTTP_SALLYPORT_POLLED_OFF;

    } else if (store->source->polled == NGX_HTTP_SALLYPORT_POLLED_OFF) {
        store->source->polled = NGX_HTTP_SALLYPORT_TRACKED;
    }

    store->ident[3] = (void *) -1;

    if (ngx_http_sallyport_place_init(store, cycle) != NGX_OK
        || ngx_http_sallyport_block_init(cycle, store) != NGX_OK
        || ngx_http_sallyport_redis_init(&store->redis, store,
                                         &ngx_http_sallyport_redis_data, cycle)
           != NGX_OK
        || ngx_http_sallyport_tracker_init(store, cycle) != NGX_OK
        || ngx_http_sallyport_lookup_init(store, cycle) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* the first connection does not wait for a request */

    ngx_http_sallyport_redis_later(&store->redis, ngx_random() % 50 + 1);

    return NGX_OK;
}


uint64_t
ngx_http_sallyport_store_tag(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_zone_t *zone)
{
    uint64_t  tag[2];

    tag[0] = sp_siphash(zone->sh->key, store->name.data, store->name.len);
    tag[1] = sp_siphash(zone->sh->key, store->prefix.data, store->prefix.len);

    return sp_siphash(zone->sh->key, tag, sizeof(tag));
}


void
ngx_http_sallyport_store_moved(ngx_http_sallyport_store_t *store)
{
    ngx_http_sallyport_redis_end(&store->redis, NULL);
    ngx_http_sallyport_redis_want(&store->redis);
}


/* Waiters are not told: their requests end with the process. */

void
ngx_http_sallyport_store_exit_process(ngx_http_sallyport_store_t *store)
{
    if (store->file != NULL) {
        ngx_http_sallyport_file_exit_process(store);
        return;
    }

    if (store->lookups == NULL) {
        return;
    }

    ngx_http_sallyport_block_exit(store);

    if (store->deadline.timer_set) {
        ngx_del_timer(&store->deadline);
    }

    ngx_http_sallyport_tracker_exit(store);
    ngx_http_sallyport_redis_close(&store->redis);
    ngx_http_sallyport_place_close(store);

    store->lookups = NULL;
}


/* A single process that reloads has no exit_process for the old cycle. */

static void
ngx_http_sallyport_store_cleanup(void *data)
{
    ngx_http_sallyport_store_exit_process(data);
}


ngx_uint_t
ngx_http_sallyport_store_up(ngx_http_sallyport_store_t *store)
{
    if (store->file != NULL) {
        return ngx_http_sallyport_file_up(store);
    }

    return store->redis.state == NGX_HTTP_SALLYPORT_R_READY
           || (store->redis.answered_at != 0
               && ngx_current_msec - store->redis.answered_at < 10000);
}


void
ngx_http_sallyport_store_poll(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_polled_t why, const char *what)
{
    store->source->polled = why;

    if (!ngx_http_sallyport_store_loud(store, NGX_HTTP_SALLYPORT_SAY_POLLED)) {
        return;
    }

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "sallyport: store \"%V\" refused %s, so its changes are not "
                  "heard of: a record is used for ttl=%Mms after it was read, "
                  "and a revocation takes as long", &store->name, what,
                  store->ttl);
}


ngx_uint_t
ngx_http_sallyport_store_loud(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_say_t say)
{
    ngx_http_sallyport_said_t  *said;

    said = &store->said[say];

    if (said->once && ngx_current_msec - said->at < NGX_HTTP_SALLYPORT_QUIET) {
        return 0;
    }

    said->once = 1;
    said->at = ngx_current_msec;

    return 1;
}

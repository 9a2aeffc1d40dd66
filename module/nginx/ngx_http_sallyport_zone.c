
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the shared zone: its creation, its re-use on reload,
 * the counters and the lane numbers.
 */


#include "ngx_http_sallyport_meter.h"

#include <openssl/rand.h>


static ngx_int_t ngx_http_sallyport_zone_init(ngx_shm_zone_t *shm_zone,
    void *data);
static ngx_int_t ngx_http_sallyport_zone_reuse(ngx_shm_zone_t *shm_zone,
    ngx_http_sallyport_zone_t *zone);
#if (SALLYPORT_MUTATE)
static void ngx_http_sallyport_zone_mutate(ngx_http_sallyport_zone_sh_t *sh,
    ngx_log_t *log);
#endif
static void ngx_http_sallyport_zone_cut(ngx_http_sallyport_zone_sh_t *sh,
    size_t size);


/* Per cent of the zone, bytes of a slot and of the tags, in enum order. */

static const struct {
    ngx_uint_t  share;
    uint32_t    slot;
    uint32_t    tags;
} ngx_http_sallyport_tables[NGX_HTTP_SALLYPORT_TABLES] = {
    { 20,  256, NGX_HTTP_SALLYPORT_LINE },
    { 30,  512, NGX_HTTP_SALLYPORT_LINE },
    { 12, 4096, NGX_HTTP_SALLYPORT_LINE },
    {  2,   32, 0 },
    {  6,   40, 0 },
    { 16, sizeof(ngx_http_sallyport_bucket_t), 0 },
    {  8, sizeof(ngx_http_sallyport_bucket_t), 0 },
    {  6, sizeof(ngx_http_sallyport_bucket_t), 0 }
};


char *
ngx_http_sallyport_zone_create(ngx_conf_t *cf, ngx_str_t *size,
    ngx_http_sallyport_main_conf_t *smcf)
{
    ssize_t                     n;
    ngx_str_t                   name;
    ngx_shm_zone_t             *shm_zone;
    ngx_http_sallyport_zone_t  *zone;

    if (smcf->zone != NULL) {
        return "is duplicate";
    }

    n = ngx_parse_size(size);

    if (n == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone size \"%V\": write it in megabytes, "
                           "for example 64m", size);
        return NGX_CONF_ERROR;
    }

    if (n < NGX_HTTP_SALLYPORT_ZONE_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone size \"%V\" is too small: at least 1m is "
                           "needed, and 64m holds about 45000 keys and 35000 "
                           "accounts", size);
        return NGX_CONF_ERROR;
    }

    zone = ngx_pcalloc(cf->pool, sizeof(ngx_http_sallyport_zone_t));
    if (zone == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_str_set(&name, "sallyport");

    shm_zone = ngx_shared_memory_add(cf, &name, n, &ngx_http_sallyport_module);
    if (shm_zone == NULL) {
        return NGX_CONF_ERROR;
    }

    if (shm_zone->data != NULL) {
        return "is duplicate";
    }

    shm_zone->init = ngx_http_sallyport_zone_init;
    shm_zone->data = zone;

    zone->shm_zone = shm_zone;
    smcf->zone = zone;

    return ngx_http_sallyport_meter_create(cf, n, zone);
}


/*
 * Runs in the master while workers of the old cycle still use the zone: with
 * old data it only looks.
 */

static ngx_int_t
ngx_http_sallyport_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_http_sallyport_zone_t  *old = data;

    size_t                         size;
    ngx_http_sallyport_zone_t     *zone;
    ngx_http_sallyport_zone_sh_t  *sh;

    zone = shm_zone->data;

    if (old != NULL) {
        zone->sh = old->sh;
        zone->shpool = old->shpool;

        return ngx_http_sallyport_zone_reuse(shm_zone, zone);
    }

    zone->shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (shm_zone->shm.exists) {
        zone->sh = zone->shpool->data;

        return ngx_http_sallyport_zone_reuse(shm_zone, zone);
    }

    /* all free pages but one, which stays for what the pool itself needs */

    size = (zone->shpool->pfree - 1) * ngx_pagesize;

    sh = ngx_slab_alloc(zone->shpool, size);
    if (sh == NULL) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "sallyport: zone \"%V\" has no %uz free bytes",
                      &shm_zone->shm.name, size);
        return NGX_ERROR;
    }

    ngx_memzero(sh, size);

    if (RAND_bytes(sh->key, sizeof(sh->key)) != 1
        || RAND_bytes(sh->twin, sizeof(sh->twin)) != 1)
    {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "sallyport: no random bytes for zone \"%V\"",
                      &shm_zone->shm.name);
        return NGX_ERROR;
    }

    ngx_http_sallyport_zone_cut(sh, size);

#if (SALLYPORT_MUTATE)
    ngx_http_sallyport_zone_mutate(sh, shm_zone->shm.log);
#endif

    sh->size = shm_zone->shm.size;
    sh->layout = NGX_HTTP_SALLYPORT_ZONE_LAYOUT;
    sh->magic = NGX_HTTP_SALLYPORT_ZONE_MAGIC;

    zone->sh = sh;
    zone->shpool->data = sh;
    zone->shpool->log_nomem = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sallyport_zone_reuse(ngx_shm_zone_t *shm_zone,
    ngx_http_sallyport_zone_t *zone)
{
    ngx_http_sallyport_zone_sh_t  *sh;

    sh = zone->sh;

    if (sh == NULL
        || sh->magic != NGX_HTTP_SALLYPORT_ZONE_MAGIC
        || sh->layout != NGX_HTTP_SALLYPORT_ZONE_LAYOUT
        || sh->size != shm_zone->shm.size)
    {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "sallyport: zone \"%V\" was made by another version of "
                      "the module; restart nginx instead of reloading it",
                      &shm_zone->shm.name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


#if (SALLYPORT_MUTATE)

/* SALLYPORT_MUTATE in the environment: a list of "gen", "epoch", "canary". */

static void
ngx_http_sallyport_zone_mutate(ngx_http_sallyport_zone_sh_t *sh,
    ngx_log_t *log)
{
    char        *words;
    ngx_uint_t   i;

    static const char  *names[] = { "gen", "epoch", "canary" };

    words = getenv("SALLYPORT_MUTATE");

    for (i = 0; words != NULL && i < sizeof(names) / sizeof(names[0]); i++) {
        if (ngx_strstr(words, names[i]) != NULL) {
            sh->mutations |= (ngx_uint_t) 1 << i;
            ngx_log_error(NGX_LOG_WARN, log, 0,
                          "sallyport: works without \"%s\", as a test wants",
                          names[i]);
        }
    }
}

#endif


static void
ngx_http_sallyport_zone_cut(ngx_http_sallyport_zone_sh_t *sh, size_t size)
{
    size_t                       room, set, offset;
    ngx_uint_t                   i;
    ngx_http_sallyport_table_t  *table;

    offset = ngx_align(sizeof(ngx_http_sallyport_zone_sh_t),
                       NGX_HTTP_SALLYPORT_LINE);
    room = size - offset;

    for (i = 0; i < NGX_HTTP_SALLYPORT_TABLES; i++) {
        table = &sh->tables[i];

        table->slot = ngx_http_sallyport_tables[i].slot;
        table->tags = ngx_http_sallyport_tables[i].tags;

        set = table->tags + NGX_HTTP_SALLYPORT_WAYS * table->slot;

        table->set = (uint32_t) set;
        table->offset = offset;
        table->nsets = (uint32_t)
              (room / 100 * ngx_http_sallyport_tables[i].share / set);

        offset += table->nsets * set;
    }
}


void
ngx_http_sallyport_print(ngx_http_sallyport_zone_t *zone, const void *data,
    size_t len, ngx_http_sallyport_print_t *print)
{
    print->h[0] = sp_siphash(zone->sh->key, data, len);
    print->h[1] = sp_siphash(zone->sh->twin, data, len);
}


void
ngx_http_sallyport_count(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_counter_t counter)
{
    if (zone != NULL && zone->sh != NULL) {
        (void) ngx_atomic_fetch_add(&zone->sh->counters[counter].value, 1);
    }
}


ngx_atomic_uint_t
ngx_http_sallyport_counted(ngx_http_sallyport_zone_t *zone,
    ngx_http_sallyport_counter_t counter)
{
    if (zone == NULL || zone->sh == NULL) {
        return 0;
    }

    return zone->sh->counters[counter].value;
}


ngx_uint_t
ngx_http_sallyport_zone_lane(ngx_http_sallyport_zone_t *zone)
{
    return (ngx_uint_t) ngx_atomic_fetch_add(&zone->sh->lane.value, 1) + 1;
}


const u_char *
ngx_http_sallyport_zone_key(ngx_http_sallyport_zone_t *zone)
{
    return zone->sh->key;
}

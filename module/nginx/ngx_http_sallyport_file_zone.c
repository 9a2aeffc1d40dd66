
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the zone of a store that is a file: its creation and
 * re-use, and the switch. Layout and rules: ngx_http_sallyport_file.h.
 */


#include "ngx_http_sallyport_file.h"
#include "ngx_http_sallyport_policy.h"


static ngx_int_t ngx_http_sallyport_file_init_zone(ngx_shm_zone_t *shm_zone,
    void *data);
static ngx_int_t ngx_http_sallyport_file_create_zone(
    ngx_http_sallyport_file_t *file, ngx_shm_zone_t *shm_zone);
static void ngx_http_sallyport_file_put(ngx_http_sallyport_file_t *file,
    ngx_http_sallyport_read_t *read);
static void ngx_http_sallyport_file_force(ngx_http_sallyport_file_t *file,
    uint64_t word);
static int64_t ngx_http_sallyport_file_made(int64_t mtime);


ngx_int_t
ngx_http_sallyport_file_zone(ngx_conf_t *cf, ngx_http_sallyport_file_t *file)
{
    ngx_str_t  name;

    name.len = sizeof("sallyport_store:") - 1 + file->path.len;
    name.data = ngx_pnalloc(cf->pool, name.len);
    if (name.data == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(name.data, "sallyport_store:%V", &file->path);

    file->shm_zone = ngx_shared_memory_add(cf, &name, file->size,
                                           &ngx_http_sallyport_module);
    if (file->shm_zone == NULL) {
        return NGX_ERROR;
    }

    if (file->shm_zone->data != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is a store with other options already",
                           &file->path);
        return NGX_ERROR;
    }

    file->shm_zone->init = ngx_http_sallyport_file_init_zone;
    file->shm_zone->data = file;

    return NGX_OK;
}


/*
 * Runs in the master while workers of the old cycle use the zone, and the
 * configuration may still be given up: with old data it only looks.
 */

static ngx_int_t
ngx_http_sallyport_file_init_zone(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_http_sallyport_file_t *old = data;

    ngx_http_sallyport_file_t  *file;

    file = shm_zone->data;

    if (old == NULL) {

        if (ngx_http_sallyport_file_create_zone(file, shm_zone) != NGX_OK) {
            return NGX_ERROR;
        }

    } else {
        file->sh = old->sh;
        file->shpool = old->shpool;

        if (file->sh->magic != NGX_HTTP_SALLYPORT_FILE_MAGIC
            || file->sh->layout != NGX_HTTP_SALLYPORT_FILE_LAYOUT)
        {
            ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                          "sallyport: zone \"%V\" was made by another version "
                          "of the module; restart nginx instead of reloading "
                          "it", &shm_zone->shm.name);
            return NGX_ERROR;
        }
    }

    if (file->read->info.size > file->sh->room) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "sallyport: the records of \"%V\" take %uz bytes, and a "
                      "zone of %uz has room for %uL: say zone=%uzm in "
                      "sallyport_store", &file->path, file->read->info.size,
                      file->size, file->sh->room,
                      file->read->info.size / 1024 / 1024 * 3 + 1);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sallyport_file_create_zone(ngx_http_sallyport_file_t *file,
    ngx_shm_zone_t *shm_zone)
{
    size_t                         size;
    ngx_http_sallyport_file_sh_t  *sh;

    file->shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    /* all free pages but one, which stays for what the pool itself needs */

    size = (file->shpool->pfree - 1) * ngx_pagesize;

    sh = ngx_slab_alloc(file->shpool, size);
    if (sh == NULL) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "sallyport: zone \"%V\" has no %uz free bytes",
                      &shm_zone->shm.name, size);
        return NGX_ERROR;
    }

    /* the rest is left alone: memory that nobody touches costs nothing */

    ngx_memzero(sh, sizeof(ngx_http_sallyport_file_sh_t));

    if (ngx_http_sallyport_policy_mutex(&sh->lease) != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "sallyport: zone \"%V\": no robust mutexes here",
                      &shm_zone->shm.name);
        return NGX_ERROR;
    }

    sh->first = ngx_align(sizeof(ngx_http_sallyport_file_sh_t), ngx_pagesize);
    sh->room = (size - sh->first) / 2 & ~(uint64_t) (ngx_pagesize - 1);
    sh->layout = NGX_HTTP_SALLYPORT_FILE_LAYOUT;
    sh->magic = NGX_HTTP_SALLYPORT_FILE_MAGIC;

    file->sh = sh;
    file->shpool->data = sh;
    file->shpool->log_nomem = 0;

    return NGX_OK;
}


ngx_int_t
ngx_http_sallyport_file_switch(ngx_http_sallyport_file_t *file,
    ngx_http_sallyport_read_t *read, ngx_uint_t strict)
{
    ngx_int_t                      rc;
    sp_roster_t                   *before;
    ngx_http_sallyport_file_sh_t  *sh;

    sh = file->sh;
    rc = NGX_OK;

    if (read->info.size > sh->room) {
        read->why = "its records need a larger zone: say zone=SIZE in "
                    "sallyport_store, for three times what they take";
        return NGX_DECLINED;
    }

    ngx_shmtx_lock(&file->shpool->mutex);

    if (strict && sh->word != 0) {
        before = (sp_roster_t *) ((u_char *) sh + sh->first
                                  + (sh->word & 1) * sh->room);

        if (sp_roster_follows(read->maker, read->roster, before) != SP_OK) {
            rc = NGX_DECLINED;
        }
    }

    if (rc == NGX_OK) {
        ngx_http_sallyport_file_put(file, read);
    }

    ngx_shmtx_unlock(&file->shpool->mutex);

    return rc;
}


/* Under shpool->mutex. A half that nobody finished is written over. */

static void
ngx_http_sallyport_file_put(ngx_http_sallyport_file_t *file,
    ngx_http_sallyport_read_t *read)
{
    uint64_t                       word;
    ngx_uint_t                     i;
    ngx_http_sallyport_half_t     *half;
    ngx_http_sallyport_file_sh_t  *sh;

    sh = file->sh;

    word = sh->word == 0 ? 2 : ((sh->word >> 1) + 1) << 1 | !(sh->word & 1);
    half = &sh->halves[word & 1];

    __atomic_store_n(&half->seq, half->seq | 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);

    ngx_memcpy((u_char *) sh + sh->first + (word & 1) * sh->room,
               read->roster, read->info.size);
    half->asked = ngx_http_sallyport_file_made(read->id.mtime);

    __atomic_store_n(&half->seq, half->seq + 1, __ATOMIC_RELEASE);

    ngx_http_sallyport_file_force(file, word);

    sh->id = read->id;
    sh->mtime = read->id.mtime;
    sh->behind = 0;

    for (i = 0; i < SP_ROSTER_KINDS; i++) {
        sh->counts[i] = read->info.counts[i];
    }

    (void) ngx_atomic_fetch_add(&sh->loads, 1);
}


/*
 * From this store on it is in force. Around it, the count that all who keep
 * something of the old one compare with is odd, which nobody takes for good.
 */

static void
ngx_http_sallyport_file_force(ngx_http_sallyport_file_t *file, uint64_t word)
{
    uint64_t                    *writes;
    ngx_http_sallyport_zone_t   *zone;
    ngx_http_sallyport_store_t  *store;

    store = file->store;
    zone = store->smcf->zone;

    ngx_shmtx_lock(&zone->shpool->mutex);

    writes = ngx_http_sallyport_writes(zone,
                                  ngx_http_sallyport_store_tag(store, zone)
                                  | 1);

    __atomic_store_n(writes, *writes | 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);

    __atomic_store_n(&file->sh->word, word, __ATOMIC_SEQ_CST);

    __atomic_store_n(writes, *writes + 1, __ATOMIC_RELEASE);

    ngx_shmtx_unlock(&zone->shpool->mutex);
}


/* When the file was made, as ngx_current_msec would have had it. */

static int64_t
ngx_http_sallyport_file_made(int64_t mtime)
{
    struct timespec  mono, real;

    (void) clock_gettime(CLOCK_BOOTTIME, &mono);
    (void) clock_gettime(CLOCK_REALTIME, &real);

    return (int64_t) mono.tv_sec * 1000 + mono.tv_nsec / 1000000
           - ((int64_t) real.tv_sec * 1000 + real.tv_nsec / 1000000
              - mtime / 1000000);
}

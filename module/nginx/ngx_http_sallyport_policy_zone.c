
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains policy zones: their creation and re-use, the choice of a
 * slot, and the switch. Layout and rules: ngx_http_sallyport_policy.h.
 */


#include "ngx_http_sallyport_policy.h"


static ngx_int_t ngx_http_sallyport_policy_init_zone(ngx_shm_zone_t *shm_zone,
    void *data);
static ngx_int_t ngx_http_sallyport_policy_create_zone(
    ngx_http_sallyport_policy_t *policy, ngx_shm_zone_t *shm_zone);
static ngx_uint_t ngx_http_sallyport_policy_older(
    ngx_http_sallyport_policy_t *policy, ngx_log_t *log);
static ngx_uint_t ngx_http_sallyport_policy_held(
    ngx_http_sallyport_policy_sh_t *sh);
static uint64_t ngx_http_sallyport_policy_gap(
    ngx_http_sallyport_policy_sh_t *sh, ngx_uint_t busy, uint64_t room);
static ngx_int_t ngx_http_sallyport_policy_publish(
    ngx_http_sallyport_policy_t *policy, ngx_log_t *log);


ngx_int_t
ngx_http_sallyport_policy_zone(ngx_conf_t *cf,
    ngx_http_sallyport_policy_t *policy)
{
    ngx_str_t  name;

    name.len = sizeof("sallyport_policy:") - 1 + policy->path.len;
    name.data = ngx_pnalloc(cf->pool, name.len);
    if (name.data == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(name.data, "sallyport_policy:%V", &policy->path);

    policy->shm_zone = ngx_shared_memory_add(cf, &name, policy->size,
                                             &ngx_http_sallyport_module);
    if (policy->shm_zone == NULL) {
        return NGX_ERROR;
    }

    policy->shm_zone->init = ngx_http_sallyport_policy_init_zone;
    policy->shm_zone->data = policy;

    return NGX_OK;
}


/*
 * Runs in the master while workers of the old cycle use the zone, and the
 * configuration may still be given up: with old data it only looks.
 */

static ngx_int_t
ngx_http_sallyport_policy_init_zone(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_http_sallyport_policy_t *old = data;

    ngx_http_sallyport_policy_t  *policy;

    policy = shm_zone->data;

    if (old == NULL) {
        return ngx_http_sallyport_policy_create_zone(policy, shm_zone);
    }

    policy->sh = old->sh;
    policy->shpool = old->shpool;

    if (policy->sh->magic != NGX_HTTP_SALLYPORT_POLICY_MAGIC
        || policy->sh->layout != NGX_HTTP_SALLYPORT_POLICY_LAYOUT)
    {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "sallyport: zone \"%V\" was made by another version of "
                      "the module; restart nginx instead of reloading it",
                      &shm_zone->shm.name);
        return NGX_ERROR;
    }

    return ngx_http_sallyport_policy_older(policy, shm_zone->shm.log)
           ? NGX_ERROR : NGX_OK;
}


/* 1: what was read is signed, and older than what was in force. */

static ngx_uint_t
ngx_http_sallyport_policy_older(ngx_http_sallyport_policy_t *policy,
    ngx_log_t *log)
{
    if (policy->signers == NULL || policy->optional || policy->loaded == NULL
        || policy->loaded->image == NULL
        || policy->loaded->serial >= policy->sh->serial)
    {
        return 0;
    }

    ngx_log_error(NGX_LOG_EMERG, log, 0,
                  "sallyport: policy \"%V\" has serial %uL, and one with "
                  "serial %uL was in force", &policy->path,
                  policy->loaded->serial, policy->sh->serial);

    return 1;
}


static ngx_int_t
ngx_http_sallyport_policy_create_zone(ngx_http_sallyport_policy_t *policy,
    ngx_shm_zone_t *shm_zone)
{
    size_t                           size;
    ngx_uint_t                       i;
    ngx_http_sallyport_policy_sh_t  *sh;

    policy->shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    /* all free pages but one, which stays for what the pool itself needs */

    size = (policy->shpool->pfree - 1) * ngx_pagesize;

    sh = ngx_slab_alloc(policy->shpool, size);
    if (sh == NULL) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "sallyport: zone \"%V\" has no %uz free bytes",
                      &shm_zone->shm.name, size);
        return NGX_ERROR;
    }

    /* the rest is left alone: memory that nobody touches costs nothing */

    ngx_memzero(sh, sizeof(ngx_http_sallyport_policy_sh_t));

    if (ngx_http_sallyport_policy_mutex(&sh->lease) != NGX_OK) {
        goto failed;
    }

    for (i = 0; i < NGX_HTTP_SALLYPORT_POLICY_ROWS; i++) {
        if (ngx_http_sallyport_policy_mutex(&sh->rows[i].life) != NGX_OK) {
            goto failed;
        }
    }

    sh->size = size;
    sh->first = ngx_align(sizeof(ngx_http_sallyport_policy_sh_t),
                          ngx_pagesize);
    sh->layout = NGX_HTTP_SALLYPORT_POLICY_LAYOUT;
    sh->magic = NGX_HTTP_SALLYPORT_POLICY_MAGIC;

    policy->sh = sh;
    policy->shpool->data = sh;
    policy->shpool->log_nomem = 0;

    if (ngx_http_sallyport_serial_init(policy, shm_zone->shm.log) != NGX_OK
        || ngx_http_sallyport_policy_older(policy, shm_zone->shm.log))
    {
        return NGX_ERROR;
    }

    /* nobody else knows of it yet */

    return ngx_http_sallyport_policy_publish(policy, shm_zone->shm.log);

failed:

    ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                  "sallyport: zone \"%V\": no robust mutexes here",
                  &shm_zone->shm.name);

    return NGX_ERROR;
}


ngx_int_t
ngx_http_sallyport_policy_mutex(pthread_mutex_t *mutex)
{
    int                  rc;
    pthread_mutexattr_t  attr;

    if (pthread_mutexattr_init(&attr) != 0) {
        return NGX_ERROR;
    }

    rc = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED) != 0
         || pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST) != 0
         || pthread_mutex_init(mutex, &attr) != 0;

    (void) pthread_mutexattr_destroy(&attr);

    return rc ? NGX_ERROR : NGX_OK;
}


ngx_int_t
ngx_http_sallyport_policy_take(pthread_mutex_t *mutex, ngx_uint_t *died)
{
    *died = 0;

    switch (pthread_mutex_trylock(mutex)) {

    case 0:
        return NGX_OK;

    case EOWNERDEAD:
        *died = 1;
        return pthread_mutex_consistent(mutex) == 0 ? NGX_OK : NGX_BUSY;

    default: /* EBUSY */
        return NGX_BUSY;
    }
}


/*
 * In the master, once a new configuration stands. What a file says now is
 * taken even where the pointer has not moved: whoever reloads asks for it.
 */

ngx_int_t
ngx_http_sallyport_policy_init_module(ngx_cycle_t *cycle,
    ngx_http_sallyport_policy_t *policy)
{
    ngx_int_t                        rc;
    ngx_http_sallyport_pointer_t     pointer;
    ngx_http_sallyport_policy_sh_t  *sh;

    sh = policy->sh;
    rc = NGX_OK;

    if (policy->loaded != NULL) {

        /*
         * a pointer that has moved since the file was read is left to the
         * lease holder, who may have seen it already
         */

        if (ngx_http_sallyport_pointer_find(&policy->path, &pointer) == 0
            && ngx_http_sallyport_pointer_same(&pointer,
                                               &policy->loaded->pointer))
        {
            rc = ngx_http_sallyport_policy_publish(policy, cycle->log);
        }

        ngx_http_sallyport_policy_loaded_free(policy->loaded);
        policy->loaded = NULL;
    }

    /* the thread of a worker tells if it cannot be kept, and goes on trying */

    (void) ngx_http_sallyport_serial_keep(policy);

    if (rc != NGX_OK && sh->word != 0) {
        ngx_log_error(NGX_LOG_ERR, cycle->log, 0,
                      "sallyport: zone of policy \"%V\" has no room: the one "
                      "in force stays", &policy->path);
        return NGX_OK;
    }

    return rc;
}


static ngx_int_t
ngx_http_sallyport_policy_publish(ngx_http_sallyport_policy_t *policy,
    ngx_log_t *log)
{
    ngx_int_t                        rc;
    ngx_uint_t                       slot, now;
    ngx_http_sallyport_loaded_t     *loaded;
    ngx_http_sallyport_policy_sh_t  *sh;

    sh = policy->sh;
    loaded = policy->loaded;

    if (loaded == NULL || loaded->image == NULL) {
        return NGX_OK;
    }

    ngx_shmtx_lock(&policy->shpool->mutex);

    now = sh->word & 0xff;

    if (sh->word != 0
        && ngx_memcmp(sh->slots[now].hash, sp_policy_hash(loaded->image),
                      SP_POLICY_HASH_LEN)
           == 0)
    {
        sh->pointer = loaded->pointer;
        sh->serial = ngx_max(sh->serial, loaded->serial);
        rc = NGX_OK;

    } else {
        rc = ngx_http_sallyport_policy_build(policy, loaded->image, 0, &slot);

        if (rc == NGX_OK) {
            ngx_http_sallyport_policy_switch(policy, slot, loaded);
        }
    }

    ngx_shmtx_unlock(&policy->shpool->mutex);

    if (rc != NGX_OK && sh->word == 0) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "sallyport: policy \"%V\" of %uz bytes does not fit "
                      "into its zone of %uz: say zone=SIZE in "
                      "sallyport_policy, for three of them",
                      &policy->path, sp_policy_size(loaded->image),
                      policy->size);
    }

    return rc == NGX_OK ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_sallyport_policy_build(ngx_http_sallyport_policy_t *policy,
    const sp_policy_t *image, ngx_uint_t holder, ngx_uint_t *slot)
{
    uint64_t                         room, offset;
    ngx_uint_t                       i, died, busy, built;
    ngx_http_sallyport_slot_t       *s;
    ngx_http_sallyport_policy_sh_t  *sh;

    sh = policy->sh;

    /* what was built and not put in force is the living holder's */

    built = 0;

    if (!holder) {
        if (ngx_http_sallyport_policy_take(&sh->lease, &died) == NGX_OK) {
            (void) pthread_mutex_unlock(&sh->lease);

        } else {
            built = 1;
        }
    }

    busy = ngx_http_sallyport_policy_held(sh);

    if (sh->word != 0) {
        busy |= (ngx_uint_t) 1 << (sh->word & 0xff);
    }

    *slot = NGX_HTTP_SALLYPORT_POLICY_SLOTS;

    for (i = 0; i < NGX_HTTP_SALLYPORT_POLICY_SLOTS; i++) {
        s = &sh->slots[i];

        if (s->state == NGX_HTTP_SALLYPORT_SLOT_BUILT && built) {
            busy |= (ngx_uint_t) 1 << i;
        }

        if (!(busy & ((ngx_uint_t) 1 << i))) {
            s->state = NGX_HTTP_SALLYPORT_SLOT_FREE;
            *slot = ngx_min(*slot, i);
        }
    }

    room = ngx_align(sp_policy_size(image), ngx_pagesize);
    offset = ngx_http_sallyport_policy_gap(sh, busy, room);

    if (*slot == NGX_HTTP_SALLYPORT_POLICY_SLOTS || offset == 0) {
        return NGX_DECLINED;
    }

    s = &sh->slots[*slot];
    s->offset = offset;
    s->room = room;
    ngx_memcpy((u_char *) sh + offset, image, sp_policy_size(image));
    ngx_memcpy(s->hash, sp_policy_hash(image), SP_POLICY_HASH_LEN);
    s->state = NGX_HTTP_SALLYPORT_SLOT_BUILT;

    return NGX_OK;
}


/* Bits of the slots that living workers look into. */

static ngx_uint_t
ngx_http_sallyport_policy_held(ngx_http_sallyport_policy_sh_t *sh)
{
    uint64_t                   held, bits;
    ngx_uint_t                 i, died;
    ngx_http_sallyport_row_t  *row;

    bits = 0;

    for (i = 0; i < NGX_HTTP_SALLYPORT_POLICY_ROWS; i++) {
        row = &sh->rows[i];
        held = __atomic_load_n(&row->held, __ATOMIC_SEQ_CST);

        if (held == 0) {
            continue;
        }

        if (ngx_http_sallyport_policy_take(&row->life, &died) == NGX_OK) {
            __atomic_store_n(&row->held, 0, __ATOMIC_SEQ_CST);
            (void) pthread_mutex_unlock(&row->life);
            continue;
        }

        bits |= held;
    }

    return (ngx_uint_t) bits;
}


/* The first gap of "room" bytes between the images of busy slots, or 0. */

static uint64_t
ngx_http_sallyport_policy_gap(ngx_http_sallyport_policy_sh_t *sh,
    ngx_uint_t busy, uint64_t room)
{
    uint64_t                    from;
    ngx_uint_t                  i;
    ngx_http_sallyport_slot_t  *s;

    from = sh->first;

    for (i = 0; i < NGX_HTTP_SALLYPORT_POLICY_SLOTS; i++) {
        s = &sh->slots[i];

        if ((busy & ((ngx_uint_t) 1 << i))
            && from < s->offset + s->room && s->offset < from + room)
        {
            from = s->offset + s->room;
            i = (ngx_uint_t) -1;
        }
    }

    return from + room <= sh->size ? from : 0;
}


void
ngx_http_sallyport_policy_switch(ngx_http_sallyport_policy_t *policy,
    ngx_uint_t slot, ngx_http_sallyport_loaded_t *loaded)
{
    ngx_http_sallyport_policy_sh_t  *sh;

    sh = policy->sh;

    sh->slots[slot].state = NGX_HTTP_SALLYPORT_SLOT_USED;
    sh->generation++;

    __atomic_store_n(&sh->word, sh->generation << 8 | slot, __ATOMIC_SEQ_CST);

    /* a worker that dies before this is written has the next one look again */

    sh->pointer = loaded->pointer;
    sh->serial = ngx_max(sh->serial, loaded->serial);
    sh->activated = (int64_t) time(NULL);
    sh->behind = 0;

    (void) ngx_atomic_fetch_add(&sh->loads, 1);
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the store that is a file: its part of the directive, its
 * life in a process, and look-ups.
 *
 *     sallyport_store  file:PATH  [zone=192m];
 *
 * All there is to know is in shared memory, so that a look-up never waits, and
 * a name that is not there is known not to be.
 */


#include "ngx_http_sallyport_file.h"
#include "ngx_http_sallyport_policy.h"


#define NGX_HTTP_SALLYPORT_FILE_TICK    1000   /* ms */
#define NGX_HTTP_SALLYPORT_FILE_LEASED  100    /* ms, with a lease */
#define NGX_HTTP_SALLYPORT_FILE_END     5      /* s, for the thread */
#define NGX_HTTP_SALLYPORT_FILE_TRIES   16     /* of a look-up */

/* Of a waiter's "slot": no place in the zone of the cache is as high. */
#define NGX_HTTP_SALLYPORT_FILE_SLOT    ((uint64_t) 1 << 63)


static ngx_int_t ngx_http_sallyport_file_option(ngx_conf_t *cf,
    ngx_http_sallyport_file_t *file, ngx_str_t *value);
static void ngx_http_sallyport_file_cleanup(void *data);
static ngx_int_t ngx_http_sallyport_file_copy(ngx_http_sallyport_file_t *file,
    sp_roster_kind_t kind, ngx_str_t *id, u_char *copy,
    sp_roster_found_t *found, int64_t *asked, uint64_t *word);
static void ngx_http_sallyport_file_tick(ngx_event_t *ev);
static ngx_uint_t ngx_http_sallyport_file_lease(
    ngx_http_sallyport_file_t *file, ngx_log_t *log);
static void ngx_http_sallyport_file_news(ngx_http_sallyport_file_t *file,
    ngx_log_t *log);


/* Of this process. */

static ngx_event_t       ngx_http_sallyport_file_timer;
static ngx_connection_t  ngx_http_sallyport_file_conn;  /* for debug logs */


ngx_int_t
ngx_http_sallyport_file_create(ngx_conf_t *cf,
    ngx_http_sallyport_store_t *store)
{
    ngx_str_t                  *value;
    ngx_uint_t                  i;
    ngx_pool_cleanup_t         *cln;
    ngx_http_sallyport_file_t  *file;

    value = cf->args->elts;

    file = ngx_pcalloc(cf->pool, sizeof(ngx_http_sallyport_file_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (file == NULL || cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_sallyport_file_cleanup;
    cln->data = file;

    file->store = store;
    file->size = NGX_HTTP_SALLYPORT_FILE_ZONE;
    file->number = store->smcf->stores.nelts;

    file->path = value[1];
    file->path.data += sizeof("file:") - 1;
    file->path.len -= sizeof("file:") - 1;

    if (file->path.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the store has no file; write for example "
                           "file:/etc/sallyport/accounts.jsonl");
        return NGX_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_sallyport_file_option(cf, file, &value[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (ngx_conf_full_name(cf->cycle, &file->path, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    file->read = ngx_http_sallyport_file_read(file);

    if (file->read == NULL) {
        return NGX_ERROR;
    }

    if (file->read->roster == NULL) {
        ngx_http_sallyport_file_log(file, file->read, NGX_LOG_EMERG, cf->log);
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the store \"%V\" cannot be used", &value[1]);
        return NGX_ERROR;
    }

    store->file = file;
    store->name = file->path;

    /* what a file says stays true until there is another one */

    store->ttl = (ngx_msec_t) 1 << 42;

    return ngx_http_sallyport_file_zone(cf, file);
}


static ngx_int_t
ngx_http_sallyport_file_option(ngx_conf_t *cf, ngx_http_sallyport_file_t *file,
    ngx_str_t *value)
{
    ssize_t    size;
    ngx_str_t  s;

    if (ngx_strncmp(value->data, "zone=", sizeof("zone=") - 1) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown option \"%V\" of a store that is a file; "
                           "there is zone=SIZE", value);
        return NGX_ERROR;
    }

    s.data = value->data + sizeof("zone=") - 1;
    s.len = value->len - (sizeof("zone=") - 1);

    size = ngx_parse_size(&s);

    if (size < NGX_HTTP_SALLYPORT_FILE_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone size \"%V\" of the store: at least "
                           "1m", &s);
        return NGX_ERROR;
    }

    file->size = (size_t) size;

    return NGX_OK;
}


static void
ngx_http_sallyport_file_cleanup(void *data)
{
    ngx_http_sallyport_file_t *file = data;

    if (file->read != NULL) {
        ngx_http_sallyport_file_read_free(file->read);
        file->read = NULL;
    }
}


/*
 * In the master, once a new configuration stands: whoever reloads wants what
 * the file says now, even if versions go back.
 */

ngx_int_t
ngx_http_sallyport_file_init_module(ngx_cycle_t *cycle,
    ngx_http_sallyport_store_t *store)
{
    ngx_int_t                   rc;
    ngx_http_sallyport_file_t  *file;

    file = store->file;

    if (file == NULL || file->read == NULL) {
        return NGX_OK;
    }

    rc = ngx_http_sallyport_file_switch(file, file->read, 0);

    if (rc == NGX_OK) {
        ngx_http_sallyport_file_log(file, file->read, NGX_LOG_NOTICE,
                                    cycle->log);
    }

    ngx_http_sallyport_file_read_free(file->read);
    file->read = NULL;

    return rc;
}


ngx_int_t
ngx_http_sallyport_file_init_process(ngx_cycle_t *cycle,
    ngx_http_sallyport_store_t *store)
{
    ngx_event_t                *ev;
    ngx_http_sallyport_file_t  *file;

    file = store->file;

    if (file->watch != NULL) {
        return NGX_OK;
    }

    file->watch = ngx_pcalloc(cycle->pool,
                              sizeof(ngx_http_sallyport_file_watch_t));
    if (file->watch == NULL) {
        return NGX_ERROR;
    }

    ev = &ngx_http_sallyport_file_timer;

    if (ev->timer_set) {
        return NGX_OK;          /* of another file */
    }

    ngx_http_sallyport_file_conn.fd = (ngx_socket_t) -1;

    ngx_memzero(ev, sizeof(ngx_event_t));
    ev->handler = ngx_http_sallyport_file_tick;
    ev->data = &ngx_http_sallyport_file_conn;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, 1);

    return NGX_OK;
}


void
ngx_http_sallyport_file_exit_process(ngx_http_sallyport_store_t *store)
{
    ngx_http_sallyport_file_t  *file;

    file = store->file;

    if (file->watch == NULL) {
        return;
    }

    if (ngx_http_sallyport_file_timer.timer_set) {
        ngx_del_timer(&ngx_http_sallyport_file_timer);
    }

    /* a thread that hangs in the disk keeps its lease while it lives */

    if (ngx_http_sallyport_file_watch_stop(NGX_HTTP_SALLYPORT_FILE_END)
        == NGX_OK)
    {
        if (file->watch->leased) {
            (void) pthread_mutex_unlock(&file->sh->lease);
        }

        if (file->watch->read != NULL) {
            ngx_http_sallyport_file_read_free(file->watch->read);
        }
    }

    file->watch = NULL;
}


ngx_uint_t
ngx_http_sallyport_file_up(ngx_http_sallyport_store_t *store)
{
    return store->file->sh != NULL && store->file->sh->word != 0;
}


/* An answer of the file is final: nobody ever waits. */

ngx_http_sallyport_found_t
ngx_http_sallyport_file_get(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_kind_t kind, ngx_str_t *id, void *room,
    const void **record, int64_t *age_ms, ngx_http_sallyport_waiter_t *waiter)
{
    int64_t                     asked;
    uint64_t                    word;
    ngx_int_t                   rc;
    sp_roster_found_t           found;
    ngx_http_sallyport_seen_t  *seen;

    _Alignas(16) u_char            copy[SP_ACCOUNT_PACKED_MAX];

    static const sp_roster_kind_t  kinds[] = {
        [NGX_HTTP_SALLYPORT_KEY] = SP_ROSTER_KEY,
        [NGX_HTTP_SALLYPORT_ACCOUNT] = SP_ROSTER_ACCOUNT,
        [NGX_HTTP_SALLYPORT_CUSTOMER] = SP_ROSTER_CUSTOMER
    };

    /*
     * Names of all records of the file share one count of writes, that of the
     * store. It is read first: a switch in between will have counted.
     */

    seen = &waiter->seen[kind];
    seen->hash = store->tag | 1;
    seen->writes = __atomic_load_n(ngx_http_sallyport_writes(store->zone,
                                                             seen->hash),
                                   __ATOMIC_ACQUIRE);

    rc = ngx_http_sallyport_file_copy(store->file, kinds[kind], id, copy,
                                      &found, &asked, &word);

    if (rc == NGX_DECLINED) {
        return NGX_HTTP_SALLYPORT_MISSING;
    }

    if (rc != NGX_OK
        || ngx_http_sallyport_record_unpack(kind, room, copy, found.len)
           != NGX_OK)
    {
        return NGX_HTTP_SALLYPORT_FAILED;
    }

    ngx_http_sallyport_count(store->zone, NGX_HTTP_SALLYPORT_C_CACHE_HIT);

    seen->asked = (uint64_t) asked * 1000000;
    seen->epoch = NGX_HTTP_SALLYPORT_E_NONE;

    waiter->slot = NGX_HTTP_SALLYPORT_FILE_SLOT
                   | (uint64_t) store->file->number << 48 | found.place;
    waiter->seq = word;

    *age_ms = ngx_http_sallyport_since(ngx_http_sallyport_clock(),
                                       seen->asked);
    waiter->trust = NGX_HTTP_SALLYPORT_FRESH;
    *record = room;

    return NGX_HTTP_SALLYPORT_FOUND;
}


/* Copies a packed record out of the half in force, as it was at one moment. */

static ngx_int_t
ngx_http_sallyport_file_copy(ngx_http_sallyport_file_t *file,
    sp_roster_kind_t kind, ngx_str_t *id, u_char *copy,
    sp_roster_found_t *found, int64_t *asked, uint64_t *word)
{
    sp_rc_t                        rc;
    u_char                        *roster;
    sp_str_t                       name;
    uint64_t                       seq;
    ngx_uint_t                     i;
    ngx_http_sallyport_half_t     *half;
    ngx_http_sallyport_file_sh_t  *sh;

    sh = file->sh;

    name.data = id->data;
    name.len = id->len;

    for (i = 0; i < NGX_HTTP_SALLYPORT_FILE_TRIES; i++) {

        *word = __atomic_load_n(&sh->word, __ATOMIC_ACQUIRE);

        if (*word == 0) {
            return NGX_ERROR;
        }

        half = &sh->halves[*word & 1];
        seq = __atomic_load_n(&half->seq, __ATOMIC_ACQUIRE);

        if (seq & 1) {
            continue;           /* it is not in force any more */
        }

        roster = (u_char *) sh + sh->first + (*word & 1) * sh->room;
        rc = sp_roster_find((sp_roster_t *) roster, sh->room, kind, name,
                            found);

        if (rc == SP_OK && found->len <= SP_ACCOUNT_PACKED_MAX) {
            ngx_memcpy(copy, found->packed, found->len);
        }

        *asked = half->asked;

        __atomic_thread_fence(__ATOMIC_ACQUIRE);

        if (__atomic_load_n(&half->seq, __ATOMIC_RELAXED) != seq) {
            continue;
        }

        if (rc == SP_DECLINED) {
            return NGX_DECLINED;
        }

        return rc == SP_OK && found->len <= SP_ACCOUNT_PACKED_MAX
               ? NGX_OK : NGX_ERROR;
    }

    return NGX_ERROR;
}


/*
 * The timer is cancelable, so it keeps no worker from its end. A worker that
 * drains gives its lease to one that serves, as soon as its thread has ended.
 */

static void
ngx_http_sallyport_file_tick(ngx_event_t *ev)
{
    uint64_t                         word;
    ngx_uint_t                       i, leases;
    ngx_http_sallyport_file_t       *file;
    ngx_http_sallyport_store_t     **stores;
    ngx_http_sallyport_main_conf_t  *smcf;

    smcf = ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                               ngx_http_sallyport_module);
    stores = smcf->stores.elts;
    leases = 0;

    for (i = 0; i < smcf->stores.nelts; i++) {
        file = stores[i]->file;

        if (file == NULL || file->watch == NULL) {
            continue;
        }

        leases += ngx_http_sallyport_file_lease(file, ev->log);

        /*
         * Its count tells memos that they are old. That of a zone that was
         * made anew in a reload is not the one that a draining worker reads.
         */

        word = __atomic_load_n(&file->sh->word, __ATOMIC_ACQUIRE);

        if (word != file->word) {
            file->word = word;
            ngx_http_sallyport_caller_forget(smcf);
        }
    }

    if (leases != 0 && !ngx_exiting
        && ngx_http_sallyport_file_watch_start(smcf, ev->log) != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ERR, ev->log, 0,
                      "sallyport: no thread for the store's file, it is not "
                      "followed until there is one");
    }

    ngx_add_timer(ev, leases != 0 ? NGX_HTTP_SALLYPORT_FILE_LEASED
                                  : NGX_HTTP_SALLYPORT_FILE_TICK);
}


/* 1 while this worker has the lease. */

static ngx_uint_t
ngx_http_sallyport_file_lease(ngx_http_sallyport_file_t *file, ngx_log_t *log)
{
    ngx_uint_t  died;

    if (file->watch->leased) {
        ngx_http_sallyport_file_news(file, log);

        if (!ngx_exiting || ngx_http_sallyport_file_watch_stop(0) != NGX_OK) {
            return 1;
        }

        file->watch->leased = 0;
        (void) pthread_mutex_unlock(&file->sh->lease);

        return 0;
    }

    if (ngx_exiting
        || ngx_http_sallyport_policy_take(&file->sh->lease, &died) != NGX_OK)
    {
        return 0;
    }

    if (died) {
        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "sallyport: the worker that followed the store's file "
                      "\"%V\" died, this one does now", &file->path);
    }

    __atomic_store_n(&file->watch->leased, 1, __ATOMIC_RELEASE);

    return 1;
}


static void
ngx_http_sallyport_file_news(ngx_http_sallyport_file_t *file, ngx_log_t *log)
{
    ngx_uint_t                        level;
    ngx_http_sallyport_file_watch_t  *watch;

    watch = file->watch;

    switch (__atomic_load_n(&watch->news, __ATOMIC_ACQUIRE)) {

    case NGX_HTTP_SALLYPORT_FILE_NONE:
        return;

    case NGX_HTTP_SALLYPORT_FILE_TAKEN:
        ngx_http_sallyport_file_log(file, watch->read, NGX_LOG_NOTICE, log);
        break;

    default: /* NGX_HTTP_SALLYPORT_FILE_REFUSED */
        level = watch->repeated ? NGX_LOG_INFO : NGX_LOG_ERR;

        ngx_http_sallyport_file_log(file, watch->read, level, log);
        ngx_log_error(level, log, 0,
                      "sallyport: store \"file:%V\" is refused, the records "
                      "in force stay", &file->path);
    }

    ngx_http_sallyport_file_read_free(watch->read);
    watch->read = NULL;

    __atomic_store_n(&watch->news, NGX_HTTP_SALLYPORT_FILE_NONE,
                     __ATOMIC_RELEASE);
}

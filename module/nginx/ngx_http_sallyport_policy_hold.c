
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains a worker's side of policy zones: what it holds of them,
 * and what it does once in a while: let go of what is no longer in force,
 * take a lease that is free, and put in force what the thread has built.
 */


#include "ngx_http_sallyport_policy.h"


#define NGX_HTTP_SALLYPORT_POLICY_TICK    1000   /* ms */
#define NGX_HTTP_SALLYPORT_POLICY_LEASED  200    /* ms, with a lease */
#define NGX_HTTP_SALLYPORT_POLICY_END     5      /* s, for the thread */


static void ngx_http_sallyport_policy_row(
    ngx_http_sallyport_policy_t *policy, ngx_log_t *log);
static ngx_http_sallyport_edition_t *ngx_http_sallyport_policy_acquire(
    ngx_http_sallyport_policy_t *policy);
static ngx_int_t ngx_http_sallyport_policy_claim(
    ngx_http_sallyport_policy_t *policy, uint64_t *word);
static const sp_policy_t *ngx_http_sallyport_policy_copy(
    ngx_http_sallyport_policy_t *policy, uint64_t *word);
static void ngx_http_sallyport_policy_claims(
    ngx_http_sallyport_policy_t *policy, uint64_t more);
static void ngx_http_sallyport_edition_free(
    ngx_http_sallyport_edition_t *edition);
static void ngx_http_sallyport_policy_tick(ngx_event_t *ev);
static ngx_uint_t ngx_http_sallyport_policy_lease(
    ngx_http_sallyport_policy_t *policy, ngx_log_t *log);


/* Of this process. */

static ngx_event_t       ngx_http_sallyport_policy_timer;
static ngx_connection_t  ngx_http_sallyport_policy_conn;  /* for debug logs */


ngx_int_t
ngx_http_sallyport_policy_init_process(ngx_cycle_t *cycle,
    ngx_http_sallyport_main_conf_t *smcf)
{
    ngx_uint_t                     i;
    ngx_event_t                   *ev;
    ngx_http_sallyport_policy_t  **policies;

    policies = smcf->policies.elts;

    for (i = 0; i < smcf->policies.nelts; i++) {
        policies[i]->watch = ngx_pcalloc(cycle->pool,
                                         sizeof(ngx_http_sallyport_watch_t));
        if (policies[i]->watch == NULL) {
            return NGX_ERROR;
        }

        ngx_http_sallyport_policy_row(policies[i], cycle->log);

        if (ngx_http_sallyport_policy_now(policies[i]) == NULL
            && !policies[i]->optional)
        {
            return NGX_ERROR;
        }
    }

    if (smcf->policies.nelts == 0) {
        return NGX_OK;
    }

    ngx_http_sallyport_policy_conn.fd = (ngx_socket_t) -1;

    ev = &ngx_http_sallyport_policy_timer;
    ngx_memzero(ev, sizeof(ngx_event_t));
    ev->handler = ngx_http_sallyport_policy_tick;
    ev->data = &ngx_http_sallyport_policy_conn;
    ev->log = cycle->log;
    ev->cancelable = 1;

    /* the first worker to get here follows the pointer from now on */

    ngx_add_timer(ev, 1);

    return NGX_OK;
}


/* A row of its own; with more workers than rows, it copies images instead. */

static void
ngx_http_sallyport_policy_row(ngx_http_sallyport_policy_t *policy,
    ngx_log_t *log)
{
    ngx_uint_t                 i, died;
    ngx_http_sallyport_row_t  *row;

    for (i = 0; i < NGX_HTTP_SALLYPORT_POLICY_ROWS; i++) {
        row = &policy->sh->rows[i];

        if (ngx_http_sallyport_policy_take(&row->life, &died) == NGX_OK) {
            __atomic_store_n(&row->held, 0, __ATOMIC_SEQ_CST);
            row->pid = (uint64_t) ngx_pid;
            policy->row = row;
            return;
        }
    }

    ngx_log_error(NGX_LOG_WARN, log, 0,
                  "sallyport: more than %d workers use policy \"%V\", this "
                  "one works on a copy of its own",
                  NGX_HTTP_SALLYPORT_POLICY_ROWS, &policy->path);
}


void
ngx_http_sallyport_policy_exit_process(ngx_http_sallyport_main_conf_t *smcf)
{
    ngx_int_t                      rc;
    ngx_uint_t                     i;
    ngx_http_sallyport_policy_t   *policy;
    ngx_http_sallyport_policy_t  **policies;

    rc = ngx_http_sallyport_watch_stop(NGX_HTTP_SALLYPORT_POLICY_END);

    policies = smcf->policies.elts;

    for (i = 0; i < smcf->policies.nelts; i++) {
        policy = policies[i];

        /* a thread that hangs in the disk keeps its lease while it lives */

        if (policy->watch != NULL && policy->watch->leased && rc == NGX_OK) {
            policy->watch->leased = 0;
            (void) pthread_mutex_unlock(&policy->sh->lease);
        }

        /* no request will run any more, and what they held goes with the row */

        policy->current = NULL;

        while (policy->editions != NULL) {
            ngx_http_sallyport_edition_free(policy->editions);
        }

        if (policy->row != NULL) {
            __atomic_store_n(&policy->row->held, 0, __ATOMIC_SEQ_CST);
            (void) pthread_mutex_unlock(&policy->row->life);
            policy->row = NULL;
        }
    }
}


ngx_http_sallyport_edition_t *
ngx_http_sallyport_policy_now(ngx_http_sallyport_policy_t *policy)
{
    uint64_t                       word;
    ngx_http_sallyport_edition_t  *edition;

    edition = policy->current;
    word = __atomic_load_n(&policy->sh->word, __ATOMIC_ACQUIRE);

    if (word == (edition != NULL ? edition->word : 0)) {
        return edition;
    }

    return ngx_http_sallyport_policy_acquire(policy);
}


ngx_http_sallyport_edition_t *
ngx_http_sallyport_policy_hold(ngx_http_sallyport_policy_t *policy)
{
    ngx_http_sallyport_edition_t  *edition;

    edition = ngx_http_sallyport_policy_now(policy);

    if (edition != NULL) {
        edition->refs++;
    }

    return edition;
}


void
ngx_http_sallyport_policy_release(ngx_http_sallyport_edition_t *edition)
{
    if (--edition->refs == 0 && edition->policy->current != edition) {
        ngx_http_sallyport_edition_free(edition);
    }
}


/*
 * Another policy is in force than a moment ago. Without memory for it the old
 * one is kept, and the next request tries again.
 */

static ngx_http_sallyport_edition_t *
ngx_http_sallyport_policy_acquire(ngx_http_sallyport_policy_t *policy)
{
    size_t                         size;
    uint64_t                       word;
    ngx_http_sallyport_edition_t  *edition, *old;

    edition = ngx_calloc(sizeof(ngx_http_sallyport_edition_t),
                         ngx_cycle->log);
    if (edition == NULL) {
        return policy->current;
    }

    if (policy->row != NULL) {

        if (ngx_http_sallyport_policy_claim(policy, &word) == NGX_OK) {
            edition->image = (const sp_policy_t *)
                             ((u_char *) policy->sh
                              + policy->sh->slots[word & 0xff].offset);
        }

    } else {
        edition->image = ngx_http_sallyport_policy_copy(policy, &word);
        edition->copied = 1;
    }

    if (edition->image != NULL) {
        size = sp_policy_rules(edition->image)
               * sizeof(ngx_http_sallyport_print_t);
        edition->throttles = ngx_calloc(ngx_max(size, 1), ngx_cycle->log);
    }

    old = policy->current;

    if (edition->throttles == NULL) {

        if (edition->copied && edition->image != NULL) {
            ngx_free((void *) edition->image);
        }

        ngx_free(edition);
        ngx_http_sallyport_policy_claims(policy, 0);

        /* a candidate may have been taken away */

        if (old != NULL && policy->sh->word == 0) {
            policy->current = NULL;

            if (old->refs == 0) {
                ngx_http_sallyport_edition_free(old);
            }
        }

        return policy->current;
    }

    edition->policy = policy;
    edition->word = word;
    edition->next = policy->editions;

    policy->editions = edition;
    policy->current = edition;

    if (old != NULL && old->refs == 0) {
        ngx_http_sallyport_edition_free(old);
    }

    /* the same place may hold another policy than when they were made */

    ngx_http_sallyport_screen_forget(policy->smcf);
    ngx_http_sallyport_caller_forget(policy->smcf);

    return edition;
}


/* NGX_DECLINED: none is in force. */

static ngx_int_t
ngx_http_sallyport_policy_claim(ngx_http_sallyport_policy_t *policy,
    uint64_t *word)
{
    for ( ;; ) {
        *word = __atomic_load_n(&policy->sh->word, __ATOMIC_SEQ_CST);

        if (*word == 0) {
            return NGX_DECLINED;
        }

        ngx_http_sallyport_policy_claims(policy,
                                         (uint64_t) 1 << (*word & 0xff));

        if (__atomic_load_n(&policy->sh->word, __ATOMIC_SEQ_CST) == *word) {
            return NGX_OK;
        }
    }
}


/* What the row says: the slots of all editions, and the bits of "more". */

static void
ngx_http_sallyport_policy_claims(ngx_http_sallyport_policy_t *policy,
    uint64_t more)
{
    ngx_http_sallyport_edition_t  *edition;

    if (policy->row == NULL) {
        return;
    }

    for (edition = policy->editions; edition; edition = edition->next) {
        more |= (uint64_t) 1 << (edition->word & 0xff);
    }

    __atomic_store_n(&policy->row->held, more, __ATOMIC_SEQ_CST);
}


/* Under the lock nobody fills a slot or switches. */

static const sp_policy_t *
ngx_http_sallyport_policy_copy(ngx_http_sallyport_policy_t *policy,
    uint64_t *word)
{
    size_t              size;
    void               *copy;
    const sp_policy_t  *image;

    copy = NULL;

    ngx_shmtx_lock(&policy->shpool->mutex);

    *word = policy->sh->word;

    if (*word != 0) {
        image = (const sp_policy_t *)
                ((u_char *) policy->sh
                 + policy->sh->slots[*word & 0xff].offset);
        size = sp_policy_size(image);

        copy = ngx_memalign(NGX_POOL_ALIGNMENT, size, ngx_cycle->log);
        if (copy != NULL) {
            ngx_memcpy(copy, image, size);
        }
    }

    ngx_shmtx_unlock(&policy->shpool->mutex);

    return copy;
}


static void
ngx_http_sallyport_edition_free(ngx_http_sallyport_edition_t *edition)
{
    ngx_http_sallyport_policy_t    *policy;
    ngx_http_sallyport_edition_t  **next;

    policy = edition->policy;

    for (next = &policy->editions; *next != edition; next = &(*next)->next) {
        /* void */
    }

    *next = edition->next;

    ngx_http_sallyport_policy_claims(policy, 0);

    if (edition->copied) {
        ngx_free((void *) edition->image);
    }

    ngx_free(edition->throttles);
    ngx_free(edition);
}


/*
 * The timer is cancelable, so it keeps no worker from its end. A worker that
 * drains gives its lease to one that serves, as soon as its thread has ended.
 */

static void
ngx_http_sallyport_policy_tick(ngx_event_t *ev)
{
    ngx_uint_t                       i, leases;
    ngx_http_sallyport_policy_t    **policies;
    ngx_http_sallyport_main_conf_t  *smcf;

    smcf = ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                               ngx_http_sallyport_module);
    policies = smcf->policies.elts;
    leases = 0;

    for (i = 0; i < smcf->policies.nelts; i++) {
        leases += ngx_http_sallyport_policy_lease(policies[i], ev->log);

        (void) ngx_http_sallyport_policy_now(policies[i]);
    }

    if (leases != 0 && !ngx_exiting
        && ngx_http_sallyport_watch_start(smcf, ev->log) != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ERR, ev->log, 0,
                      "sallyport: no thread for the policies, they are not "
                      "followed until there is one");
    }

    ngx_add_timer(ev, leases != 0 ? NGX_HTTP_SALLYPORT_POLICY_LEASED
                                  : NGX_HTTP_SALLYPORT_POLICY_TICK);
}


/* 1 while this worker has the lease. */

static ngx_uint_t
ngx_http_sallyport_policy_lease(ngx_http_sallyport_policy_t *policy,
    ngx_log_t *log)
{
    ngx_uint_t  died;

    if (policy->watch->leased) {
        ngx_http_sallyport_policy_news(policy, log);

        if (!ngx_exiting || ngx_http_sallyport_watch_stop(0) != NGX_OK) {
            return 1;
        }

        policy->watch->leased = 0;
        (void) pthread_mutex_unlock(&policy->sh->lease);

        return 0;
    }

    if (ngx_exiting
        || ngx_http_sallyport_policy_take(&policy->sh->lease, &died)
           != NGX_OK)
    {
        return 0;
    }

    if (died) {
        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "sallyport: the worker that followed policy \"%V\" "
                      "died, this one does now", &policy->path);
    }

    policy->watch->leased = 1;

    return 1;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what becomes of a policy that the thread has read: the
 * event loop logs it, records it, and switches.
 */


#include "ngx_http_sallyport_policy.h"


static void ngx_http_sallyport_news_unkept(
    ngx_http_sallyport_policy_t *policy, ngx_log_t *log);
static void ngx_http_sallyport_news_switch(
    ngx_http_sallyport_policy_t *policy, ngx_log_t *log);
static void ngx_http_sallyport_news_same(ngx_http_sallyport_policy_t *policy,
    ngx_log_t *log);
static void ngx_http_sallyport_news_gone(ngx_http_sallyport_policy_t *policy,
    ngx_log_t *log);
static void ngx_http_sallyport_news_refused(
    ngx_http_sallyport_policy_t *policy, ngx_log_t *log);
static void ngx_http_sallyport_news_full(ngx_http_sallyport_policy_t *policy,
    ngx_log_t *log);
static void ngx_http_sallyport_news_diags(
    ngx_http_sallyport_loaded_t *loaded, ngx_log_t *log);


void
ngx_http_sallyport_policy_news(ngx_http_sallyport_policy_t *policy,
    ngx_log_t *log)
{
    ngx_http_sallyport_watch_t  *watch;

    watch = policy->watch;

    ngx_http_sallyport_news_unkept(policy, log);

    switch (__atomic_load_n(&watch->news, __ATOMIC_ACQUIRE)) {

    case NGX_HTTP_SALLYPORT_NEWS_NONE:
        return;

    case NGX_HTTP_SALLYPORT_NEWS_BUILT:
        ngx_http_sallyport_news_switch(policy, log);
        break;

    case NGX_HTTP_SALLYPORT_NEWS_SAME:
        ngx_http_sallyport_news_same(policy, log);
        break;

    case NGX_HTTP_SALLYPORT_NEWS_GONE:
        ngx_http_sallyport_news_gone(policy, log);
        break;

    case NGX_HTTP_SALLYPORT_NEWS_FULL:
        ngx_http_sallyport_news_full(policy, log);
        break;

    default: /* NGX_HTTP_SALLYPORT_NEWS_REFUSED */
        ngx_http_sallyport_news_refused(policy, log);
    }

    if (watch->loaded != NULL) {
        ngx_http_sallyport_policy_loaded_free(watch->loaded);
        watch->loaded = NULL;
    }

    __atomic_store_n(&watch->news, NGX_HTTP_SALLYPORT_NEWS_NONE,
                     __ATOMIC_RELEASE);
}


/* Once an hour: the policy is in force, and its serial will be forgotten. */

static void
ngx_http_sallyport_news_unkept(ngx_http_sallyport_policy_t *policy,
    ngx_log_t *log)
{
    ngx_err_t                    err;
    ngx_http_sallyport_watch_t  *watch;

    watch = policy->watch;
    err = (ngx_err_t) __atomic_load_n(&watch->unkept, __ATOMIC_ACQUIRE);

    if (err == 0 || ngx_time() < watch->unkept_told + 3600) {
        return;
    }

    watch->unkept_told = ngx_time();

    ngx_log_error(NGX_LOG_ERR, log, err,
                  "sallyport: the serial of policy \"%V\" cannot be kept in "
                  "\"%V\": after a restart an older one may be taken",
                  &policy->path, &policy->smcf->state);
}


/*
 * A reload may have put another policy in force meanwhile; then the thread
 * looks again, and compares with that one.
 */

static void
ngx_http_sallyport_news_switch(ngx_http_sallyport_policy_t *policy,
    ngx_log_t *log)
{
    sp_str_t                         rev;
    ngx_uint_t                       late;
    u_char                           hash[2 * SP_POLICY_HASH_LEN];
    ngx_http_sallyport_watch_t      *watch;
    ngx_http_sallyport_loaded_t     *loaded;
    ngx_http_sallyport_policy_sh_t  *sh;

    sh = policy->sh;
    watch = policy->watch;
    loaded = watch->loaded;

    ngx_http_sallyport_news_diags(loaded, log);

    ngx_shmtx_lock(&policy->shpool->mutex);

    late = (sh->generation != watch->generation);

    if (late) {
        sh->slots[watch->slot].state = NGX_HTTP_SALLYPORT_SLOT_FREE;

    } else {
        ngx_http_sallyport_policy_switch(policy, watch->slot, loaded);
    }

    ngx_shmtx_unlock(&policy->shpool->mutex);

    if (late) {
        return;
    }

    rev = sp_policy_revision(loaded->image);
    sp_hex(sp_policy_hash(loaded->image), SP_POLICY_HASH_LEN, hash);

    ngx_log_error(NGX_LOG_NOTICE, log, 0,
                  "sallyport: policy \"%V\" is revision \"%*s\" from now on, "
                  "sha256:%*s of \"%s\"",
                  &policy->path, rev.len, rev.data, sizeof(hash), hash,
                  loaded->pointer.real);
}


static void
ngx_http_sallyport_news_same(ngx_http_sallyport_policy_t *policy,
    ngx_log_t *log)
{
    ngx_http_sallyport_loaded_t     *loaded;
    ngx_http_sallyport_policy_sh_t  *sh;

    sh = policy->sh;
    loaded = policy->watch->loaded;

    ngx_shmtx_lock(&policy->shpool->mutex);

    if (sh->generation == policy->watch->generation) {
        sh->pointer = loaded->pointer;
        sh->serial = ngx_max(sh->serial, loaded->serial);
        sh->behind = 0;
    }

    ngx_shmtx_unlock(&policy->shpool->mutex);

    ngx_log_error(NGX_LOG_NOTICE, log, 0,
                  "sallyport: policy \"%V\" is the same at \"%s\"",
                  &policy->path, loaded->pointer.real);
}


static void
ngx_http_sallyport_news_gone(ngx_http_sallyport_policy_t *policy,
    ngx_log_t *log)
{
    ngx_http_sallyport_policy_sh_t  *sh;

    sh = policy->sh;

    ngx_shmtx_lock(&policy->shpool->mutex);

    __atomic_store_n(&sh->word, 0, __ATOMIC_SEQ_CST);
    sh->generation++;
    sh->behind = 0;

    ngx_shmtx_unlock(&policy->shpool->mutex);

    ngx_log_error(NGX_LOG_NOTICE, log, 0,
                  "sallyport: there is no candidate \"%V\" any more",
                  &policy->path);
}


/* The same refusal, tried again, is counted and not told again. */

static void
ngx_http_sallyport_news_refused(ngx_http_sallyport_policy_t *policy,
    ngx_log_t *log)
{
    ngx_http_sallyport_watch_t  *watch;

    watch = policy->watch;

    (void) ngx_atomic_fetch_add(&policy->sh->failures, 1);

    if (watch->repeated) {
        return;
    }

    ngx_http_sallyport_news_diags(watch->loaded, log);

    ngx_log_error(NGX_LOG_ERR, log, watch->loaded->err,
                  "sallyport: policy \"%V\" has moved to what cannot be "
                  "used%s%s%s, the one in force stays", &policy->path,
                  watch->loaded->err ? "" : " (\"",
                  watch->loaded->err ? (u_char *) ""
                                     : watch->loaded->pointer.real,
                  watch->loaded->err ? "" : "\")");
}


static void
ngx_http_sallyport_news_full(ngx_http_sallyport_policy_t *policy,
    ngx_log_t *log)
{
    (void) ngx_atomic_fetch_add(&policy->sh->failures, 1);

    if (policy->watch->repeated) {
        return;
    }

    ngx_log_error(NGX_LOG_ERR, log, 0,
                  "sallyport: zone of policy \"%V\" has no room for one of "
                  "%uz bytes beside those that requests still use; the one "
                  "in force stays, zone=SIZE in sallyport_policy makes room",
                  &policy->path,
                  sp_policy_size(policy->watch->loaded->image));
}


static void
ngx_http_sallyport_news_diags(ngx_http_sallyport_loaded_t *loaded,
    ngx_log_t *log)
{
    char         line[1024];
    size_t       n;
    ngx_uint_t   i, level;
    sp_diag_t   *diag;

    for (i = 0; i < loaded->diags.n; i++) {
        diag = &loaded->diags.items[i];

        level = (diag->severity == SP_DIAG_ERROR) ? NGX_LOG_ERR
                                                  : NGX_LOG_WARN;

        n = sp_diag_line(diag, line, sizeof(line));
        ngx_log_error(level, log, 0, "sallyport: %*s",
                      ngx_min(n, sizeof(line) - 1), line);
    }

    if (loaded->diags.dropped) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "sallyport: and %ui more messages about this policy",
                      (ngx_uint_t) loaded->diags.dropped);
    }
}

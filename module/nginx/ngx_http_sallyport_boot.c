
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the sallyport_audit directive and the boot: the
 * directory that all lanes of one start of nginx are in, and what their
 * workers share.
 */


#include "ngx_http_sallyport_audit.h"

#include <openssl/rand.h>
#include <openssl/sha.h>


#define NGX_HTTP_SALLYPORT_AUDIT_SEGMENT  (64 * 1024 * 1024)
#define NGX_HTTP_SALLYPORT_AUDIT_FLOOD    1000    /* lines a second */
#define NGX_HTTP_SALLYPORT_AUDIT_KEY_MIN  16
#define NGX_HTTP_SALLYPORT_AUDIT_KEY_MAX  4096


static ngx_int_t ngx_http_sallyport_audit_option(ngx_conf_t *cf,
    ngx_http_sallyport_audit_t *audit, ngx_str_t *value);
static ngx_int_t ngx_http_sallyport_audit_size(ngx_conf_t *cf,
    ngx_str_t *value, size_t name, off_t least, off_t *size);
static ngx_int_t ngx_http_sallyport_audit_share(ngx_conf_t *cf,
    ngx_http_sallyport_audit_t *audit, ngx_str_t *value);
static ngx_int_t ngx_http_sallyport_audit_directory(ngx_conf_t *cf,
    ngx_http_sallyport_audit_t *audit);
static ngx_int_t ngx_http_sallyport_audit_key(ngx_conf_t *cf,
    ngx_http_sallyport_audit_t *audit);
static ngx_http_sallyport_audit_t *ngx_http_sallyport_audit_known(
    ngx_conf_t *cf, ngx_http_sallyport_main_conf_t *smcf,
    ngx_http_sallyport_audit_t *audit, ngx_uint_t *conflict);
static ngx_int_t ngx_http_sallyport_audit_zone(ngx_conf_t *cf,
    ngx_http_sallyport_audit_t *audit);
static ngx_int_t ngx_http_sallyport_audit_init_zone(ngx_shm_zone_t *shm_zone,
    void *data);
static ngx_int_t ngx_http_sallyport_audit_mkdir(
    ngx_http_sallyport_audit_t *audit, ngx_cycle_t *cycle);


ngx_http_sallyport_audit_t *
ngx_http_sallyport_audit_create(ngx_conf_t *cf,
    ngx_http_sallyport_main_conf_t *smcf)
{
    ngx_str_t                    *value;
    ngx_uint_t                    i, conflict;
    ngx_http_sallyport_audit_t   *audit, *known, **slot;

    value = cf->args->elts;

    audit = ngx_pcalloc(cf->pool, sizeof(ngx_http_sallyport_audit_t));
    if (audit == NULL) {
        return NULL;
    }

    audit->dir = value[1];
    audit->segment = NGX_HTTP_SALLYPORT_AUDIT_SEGMENT;
    audit->flood = NGX_HTTP_SALLYPORT_AUDIT_FLOOD;
    audit->lane.tail_fd = NGX_INVALID_FILE;

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_sallyport_audit_option(cf, audit, &value[i]) != NGX_OK) {
            return NULL;
        }
    }

    if (ngx_http_sallyport_audit_directory(cf, audit) != NGX_OK
        || ngx_http_sallyport_audit_key(cf, audit) != NGX_OK)
    {
        return NULL;
    }

    known = ngx_http_sallyport_audit_known(cf, smcf, audit, &conflict);
    if (known || conflict) {
        return known;
    }

    audit->request_id = NGX_CONF_UNSET;

    if (ngx_http_sallyport_audit_zone(cf, audit) != NGX_OK) {
        return NULL;
    }

    slot = ngx_array_push(&smcf->audits);
    if (slot == NULL) {
        return NULL;
    }

    *slot = audit;

    return audit;
}


static ngx_int_t
ngx_http_sallyport_audit_option(ngx_conf_t *cf,
    ngx_http_sallyport_audit_t *audit, ngx_str_t *value)
{
    ngx_int_t  n;

    if (ngx_strncmp(value->data, "allows=", 7) == 0) {
        return ngx_http_sallyport_audit_share(cf, audit, value);
    }

    if (ngx_strcmp(value->data, "on_full=refuse") == 0) {
        audit->serve = 0;
        return NGX_OK;
    }

    if (ngx_strcmp(value->data, "on_full=count") == 0) {
        audit->serve = 1;
        return NGX_OK;
    }

    if (ngx_strcmp(value->data, "addresses=plain") == 0) {
        audit->plain = 1;
        return NGX_OK;
    }

    if (ngx_strcmp(value->data, "addresses=pseudonym") == 0) {
        audit->plain = 0;
        return NGX_OK;
    }

    if (ngx_strncmp(value->data, "segment=", 8) == 0) {
        return ngx_http_sallyport_audit_size(cf, value, 8, 64 * 1024,
                                             &audit->segment);
    }

    if (ngx_strncmp(value->data, "quota=", 6) == 0) {
        return ngx_http_sallyport_audit_size(cf, value, 6, 1024 * 1024,
                                             &audit->quota);
    }

    if (ngx_strncmp(value->data, "flood=", 6) == 0) {
        n = ngx_atoi(value->data + 6, value->len - 6);

        if (n != NGX_ERROR) {
            audit->flood = (ngx_uint_t) n;
            return NGX_OK;
        }
    }

    if (ngx_strncmp(value->data, "key=", 4) == 0 && value->len > 4) {
        audit->key_file.data = value->data + 4;
        audit->key_file.len = value->len - 4;
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "sallyport_audit: unknown \"%V\"; known are "
                       "allows=on|excepted|N%%, segment=SIZE, quota=SIZE, "
                       "flood=N (lines a second, 0: all), "
                       "on_full=refuse|count, addresses=pseudonym|plain and "
                       "key=FILE", value);

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_sallyport_audit_size(ngx_conf_t *cf, ngx_str_t *value, size_t name,
    off_t least, off_t *size)
{
    ngx_str_t  s;

    s.data = value->data + name;
    s.len = value->len - name;

    *size = ngx_parse_offset(&s);

    if (*size == (off_t) NGX_ERROR || *size < least) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "sallyport_audit: bad \"%V\", a size of at "
                           "least %Ok is expected", value, least / 1024);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* "off" says the same as "excepted". */

static ngx_int_t
ngx_http_sallyport_audit_share(ngx_conf_t *cf,
    ngx_http_sallyport_audit_t *audit, ngx_str_t *value)
{
    size_t      len;
    u_char     *p;
    ngx_int_t   share;

    p = value->data + 7;
    len = value->len - 7;

    if (ngx_strcmp(p, "on") == 0) {
        audit->allows = NGX_HTTP_SALLYPORT_ALLOWS_ALL;
        return NGX_OK;
    }

    if (ngx_strcmp(p, "excepted") == 0 || ngx_strcmp(p, "off") == 0) {
        audit->allows = 0;
        return NGX_OK;
    }

    if (len > 1 && p[len - 1] == '%') {
        share = ngx_atofp(p, len - 1, 2);

        if (share != NGX_ERROR && share <= NGX_HTTP_SALLYPORT_ALLOWS_ALL) {
            audit->allows = share;
            return NGX_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "sallyport_audit: bad \"%V\"; on, excepted, or a "
                       "percentage such as 2.5%% is expected", value);

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_sallyport_audit_directory(ngx_conf_t *cf,
    ngx_http_sallyport_audit_t *audit)
{
    ngx_file_info_t  fi;

    if (ngx_conf_full_name(cf->cycle, &audit->dir, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_file_info(audit->dir.data, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "sallyport_audit: directory \"%V\" cannot be "
                           "used", &audit->dir);
        return NGX_ERROR;
    }

    if (!ngx_is_dir(&fi)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "sallyport_audit: \"%V\" is not a directory",
                           &audit->dir);
        return NGX_ERROR;
    }

    while (audit->dir.len > 1 && audit->dir.data[audit->dir.len - 1] == '/') {
        audit->dir.len--;
    }

    return NGX_OK;
}


/* The key of pseudonyms is the SHA-256 of the file, so any secret will do. */

static ngx_int_t
ngx_http_sallyport_audit_key(ngx_conf_t *cf,
    ngx_http_sallyport_audit_t *audit)
{
    u_char           buf[NGX_HTTP_SALLYPORT_AUDIT_KEY_MAX];
    ssize_t          n;
    ngx_fd_t         fd;
    ngx_file_info_t  fi;

    if (audit->key_file.len == 0) {
        return NGX_OK;
    }

    if (ngx_conf_full_name(cf->cycle, &audit->key_file, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    fd = ngx_open_file(audit->key_file.data, NGX_FILE_RDONLY, NGX_FILE_OPEN,
                       0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "sallyport_audit: key file \"%V\" cannot be read",
                           &audit->key_file);
        return NGX_ERROR;
    }

    n = -1;

    if (ngx_fd_info(fd, &fi) != NGX_FILE_ERROR && ngx_is_file(&fi)) {
        n = ngx_read_fd(fd, buf, sizeof(buf));
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, ngx_errno,
                           ngx_close_file_n " \"%V\" failed",
                           &audit->key_file);
    }

    if (n < NGX_HTTP_SALLYPORT_AUDIT_KEY_MIN || n == (ssize_t) sizeof(buf)) {
        ngx_explicit_memzero(buf, sizeof(buf));
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "sallyport_audit: key file \"%V\" must be a file "
                           "of %d to %d bytes", &audit->key_file,
                           NGX_HTTP_SALLYPORT_AUDIT_KEY_MIN,
                           NGX_HTTP_SALLYPORT_AUDIT_KEY_MAX - 1);
        return NGX_ERROR;
    }

    if (fi.st_mode & (S_IROTH|S_IWOTH)) {
        ngx_explicit_memzero(buf, sizeof(buf));
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "sallyport_audit: key file \"%V\" is open to "
                           "every user, chmod o= is expected",
                           &audit->key_file);
        return NGX_ERROR;
    }

    (void) SHA256(buf, (size_t) n, audit->key);

    ngx_explicit_memzero(buf, sizeof(buf));

    return NGX_OK;
}


/* One object per directory: two would write the same numbers. */

static ngx_http_sallyport_audit_t *
ngx_http_sallyport_audit_known(ngx_conf_t *cf,
    ngx_http_sallyport_main_conf_t *smcf, ngx_http_sallyport_audit_t *audit,
    ngx_uint_t *conflict)
{
    ngx_uint_t                    i;
    ngx_http_sallyport_audit_t  **known;

    known = smcf->audits.elts;
    *conflict = 0;

    for (i = 0; i < smcf->audits.nelts; i++) {

        if (known[i]->dir.len != audit->dir.len
            || ngx_strncmp(known[i]->dir.data, audit->dir.data,
                           audit->dir.len)
               != 0)
        {
            continue;
        }

        if (known[i]->allows == audit->allows
            && known[i]->plain == audit->plain
            && known[i]->segment == audit->segment
            && known[i]->flood == audit->flood
            && known[i]->quota == audit->quota
            && known[i]->serve == audit->serve
            && known[i]->key_file.len == audit->key_file.len
            && ngx_memcmp(known[i]->key, audit->key, 32) == 0)
        {
            return known[i];
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "sallyport_audit: \"%V\" has been given before, "
                           "with other options", &audit->dir);
        *conflict = 1;
        break;
    }

    return NULL;
}


/*
 * A small zone of its own keeps the name of the boot and the lane counter: it
 * outlives every reload, and lane numbers have no gaps in a directory.
 */

static ngx_int_t
ngx_http_sallyport_audit_zone(ngx_conf_t *cf,
    ngx_http_sallyport_audit_t *audit)
{
    ngx_str_t  name;

    name.len = sizeof("sallyport_audit:") - 1 + audit->dir.len;
    name.data = ngx_pnalloc(cf->pool, name.len);
    if (name.data == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(name.data, "sallyport_audit:%V", &audit->dir);

    audit->shm_zone = ngx_shared_memory_add(cf, &name, 8 * ngx_pagesize,
                                            &ngx_http_sallyport_module);
    if (audit->shm_zone == NULL) {
        return NGX_ERROR;
    }

    audit->shm_zone->init = ngx_http_sallyport_audit_init_zone;
    audit->shm_zone->data = audit;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sallyport_audit_init_zone(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_http_sallyport_audit_t *old = data;

    u_char                       rnd[4];
    ngx_tm_t                     tm;
    ngx_slab_pool_t             *shpool;
    ngx_http_sallyport_boot_t   *boot;
    ngx_http_sallyport_audit_t  *audit;

    audit = shm_zone->data;

    if (old) {
        audit->boot = old->boot;
        return NGX_OK;
    }

    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    boot = ngx_slab_calloc(shpool, sizeof(ngx_http_sallyport_boot_t));
    if (boot == NULL) {
        return NGX_ERROR;
    }

    if (RAND_bytes(rnd, sizeof(rnd)) != 1
        || RAND_bytes(boot->key, sizeof(boot->key)) != 1)
    {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "sallyport: RAND_bytes() failed");
        return NGX_ERROR;
    }

    ngx_gmtime(ngx_time(), &tm);

    boot->boot_len = ngx_snprintf(boot->boot, NGX_HTTP_SALLYPORT_BOOT_LEN,
                                  "%4d%02d%02dT%02d%02d%02dZ-"
                                  "%02xd%02xd%02xd%02xd",
                                  tm.ngx_tm_year, tm.ngx_tm_mon,
                                  tm.ngx_tm_mday, tm.ngx_tm_hour,
                                  tm.ngx_tm_min, tm.ngx_tm_sec,
                                  rnd[0], rnd[1], rnd[2], rnd[3])
                     - boot->boot;

    audit->boot = boot;
    shpool->data = boot;

    return NGX_OK;
}


/*
 * In the master. A failure ends nginx at its start; at a reload it must not,
 * and the workers refuse what they cannot record.
 */

ngx_int_t
ngx_http_sallyport_audit_init_module(ngx_cycle_t *cycle,
    ngx_http_sallyport_audit_t *audit)
{
    if (ngx_test_config) {
        return NGX_OK;
    }

    if (ngx_http_sallyport_audit_mkdir(audit, cycle) == NGX_OK) {
        return NGX_OK;
    }

    return ngx_is_init_cycle(cycle->old_cycle) ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_http_sallyport_audit_mkdir(ngx_http_sallyport_audit_t *audit,
    ngx_cycle_t *cycle)
{
    u_char           *path;
    ngx_core_conf_t  *ccf;

    path = ngx_pnalloc(cycle->pool,
                       audit->dir.len + 1 + audit->boot->boot_len + 1);
    if (path == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(path, "%V/%*s%Z", &audit->dir, audit->boot->boot_len,
                audit->boot->boot);

    if (ngx_create_dir(path, 0750) == NGX_FILE_ERROR) {

        if (ngx_errno == NGX_EEXIST) {
            return NGX_OK;
        }

        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      "sallyport: " ngx_create_dir_n " \"%s\" failed", path);
        return NGX_ERROR;
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    if (ccf->user == (ngx_uid_t) NGX_CONF_UNSET_UINT || geteuid() != 0) {
        return NGX_OK;
    }

    if (chown((char *) path, ccf->user, ccf->group) == -1) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      "sallyport: chown() \"%s\" failed", path);
        return NGX_ERROR;
    }

    return NGX_OK;
}

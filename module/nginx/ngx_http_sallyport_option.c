
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the options of the sallyport_store directive, which
 * store.c lists with their defaults.
 */


#include "ngx_http_sallyport_store.h"


static ngx_int_t ngx_http_sallyport_store_time(ngx_str_t *s, ngx_int_t min,
    ngx_msec_t *ms);
static ngx_int_t ngx_http_sallyport_store_tracking(ngx_str_t *s,
    ngx_uint_t *tracking);
static ngx_int_t ngx_http_sallyport_store_number(ngx_str_t *s, ngx_uint_t *n);
static ngx_int_t ngx_http_sallyport_store_password(ngx_conf_t *cf,
    ngx_str_t *password, ngx_str_t *name);


ngx_int_t
ngx_http_sallyport_store_option(ngx_conf_t *cf,
    ngx_http_sallyport_store_t *store, ngx_str_t *value)
{
    u_char     *equals;
    ngx_int_t   rc, n;
    ngx_str_t   name, v;

    equals = ngx_strlchr(value->data, value->data + value->len, '=');

    if (equals == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid option \"%V\" of the store: options are "
                           "written NAME=VALUE", value);
        return NGX_ERROR;
    }

    name.data = value->data;
    name.len = equals - value->data;
    v.data = equals + 1;
    v.len = value->data + value->len - v.data;

#define is(text)  (name.len == sizeof(text) - 1                               \
                   && ngx_memcmp(name.data, text, sizeof(text) - 1) == 0)

    rc = NGX_OK;

    if (is("ttl")) {
        rc = ngx_http_sallyport_store_time(&v, 1, &store->ttl);

    } else if (is("timeout")) {
        rc = ngx_http_sallyport_store_time(&v, 1, &store->timeout);

    } else if (is("lease")) {
        rc = ngx_http_sallyport_store_time(&v, 40, &store->lease);

    } else if (is("canary")) {
        rc = ngx_http_sallyport_store_time(&v, 20, &store->canary);

    } else if (is("quorum")) {
        n = ngx_atoi(v.data, v.len);
        rc = n >= 0 && n <= 16 ? NGX_OK : NGX_ERROR;
        store->quorum = (ngx_uint_t) n;

    } else if (is("tracking")) {
        rc = ngx_http_sallyport_store_tracking(&v, &store->tracking);

    } else if (is("prefix")) {
        store->prefix = v;
        rc = v.len <= NGX_HTTP_SALLYPORT_PREFIX_MAX ? NGX_OK : NGX_ERROR;

    } else if (is("db")) {
        store->db = v;
        rc = ngx_http_sallyport_store_db(&v);

    } else if (is("user")) {
        store->user = v;
        rc = v.len != 0 && v.len <= NGX_HTTP_SALLYPORT_SECRET_MAX
             ? NGX_OK : NGX_ERROR;

    } else if (is("password_file")) {
        return ngx_http_sallyport_store_password(cf, &store->password, &v);

    } else if (is("sentinel_user")) {
        store->place->user = v;
        rc = v.len != 0 && v.len <= NGX_HTTP_SALLYPORT_SECRET_MAX
             && store->place->nsentinels != 0 ? NGX_OK : NGX_ERROR;

    } else if (is("sentinel_password_file")) {
        return ngx_http_sallyport_store_password(cf, &store->place->password,
                                                 &v);

    } else if (is("ca") || is("cert") || is("key") || is("name")) {
        rc = v.len != 0 ? NGX_OK : NGX_ERROR;

        *(is("ca") ? &store->tls->ca
          : is("cert") ? &store->tls->cert
          : is("key") ? &store->tls->key : &store->tls->name) = v;

    } else if (is("lookups")) {
        rc = ngx_http_sallyport_store_number(&v, &store->total_rate);

    } else if (is("address_lookups")) {
        rc = ngx_http_sallyport_store_number(&v, &store->unit_rate);

    } else if (is("address_burst")) {
        rc = ngx_http_sallyport_store_number(&v, &store->unit_burst);

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown option \"%V\" of the store; there are "
                           "lease, canary, quorum, tracking, ttl, timeout, "
                           "prefix, db, user, password_file, ca, cert, key, "
                           "name, sentinel_user, sentinel_password_file, "
                           "lookups, "
                           "address_lookups and address_burst", &name);
        return NGX_ERROR;
    }

#undef is

    if (rc != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" of the store's option \"%V\"",
                           &v, &name);
    }

    return rc;
}


ngx_int_t
ngx_http_sallyport_store_db(ngx_str_t *s)
{
    ngx_int_t  db;

    db = ngx_atoi(s->data, s->len);

    return db != NGX_ERROR && db < 65536 ? NGX_OK : NGX_ERROR;
}


/* At most an hour. */

static ngx_int_t
ngx_http_sallyport_store_time(ngx_str_t *s, ngx_int_t min, ngx_msec_t *ms)
{
    ngx_int_t  value;

    value = ngx_parse_time(s, 0);

    if (value < min || value > 3600 * 1000) {
        return NGX_ERROR;
    }

    *ms = (ngx_msec_t) value;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sallyport_store_tracking(ngx_str_t *s, ngx_uint_t *tracking)
{
    ngx_uint_t  i;

    static const char  *words[] = { "auto", "on", "off" };

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (s->len == ngx_strlen(words[i])
            && ngx_memcmp(s->data, words[i], s->len) == 0)
        {
            *tracking = i;
            return NGX_OK;
        }
    }

    return NGX_ERROR;
}


/* 1 .. 1000000 */

static ngx_int_t
ngx_http_sallyport_store_number(ngx_str_t *s, ngx_uint_t *n)
{
    ngx_int_t  value;

    value = ngx_atoi(s->data, s->len);

    if (value < 1 || value > 1000000) {
        return NGX_ERROR;
    }

    *n = (ngx_uint_t) value;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sallyport_store_password(ngx_conf_t *cf, ngx_str_t *password,
    ngx_str_t *name)
{
    u_char           *p;
    ssize_t           n;
    ngx_fd_t          fd;
    ngx_file_info_t   fi;

    if (ngx_conf_full_name(cf->cycle, name, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    fd = ngx_open_file(name->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "the store's password file \"%V\" cannot be opened",
                           name);
        return NGX_ERROR;
    }

    p = ngx_pnalloc(cf->pool, NGX_HTTP_SALLYPORT_SECRET_MAX + 2);
    n = p != NULL ? read(fd, p, NGX_HTTP_SALLYPORT_SECRET_MAX + 2) : -1;

    if (ngx_fd_info(fd, &fi) != NGX_FILE_ERROR && (fi.st_mode & S_IROTH)) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "the store's password file \"%V\" can be read by "
                           "everybody", name);
    }

    (void) ngx_close_file(fd);

    while (n > 0 && (p[n - 1] == LF || p[n - 1] == CR)) {
        n--;
    }

    if (n <= 0 || n > NGX_HTTP_SALLYPORT_SECRET_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the store's password file \"%V\" must hold 1 to "
                           "%d bytes", name, NGX_HTTP_SALLYPORT_SECRET_MAX);
        return NGX_ERROR;
    }

    password->data = p;
    password->len = n;

    return NGX_OK;
}

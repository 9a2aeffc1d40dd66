
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the directives that read secrets from files: the pepper
 * of key ids, and the key that replaces the client's. What is read is wiped
 * from the stack; neither is ever logged.
 */


#include "ngx_http_sallyport_directives.h"


#define NGX_HTTP_SALLYPORT_SECRET_MAX  4096    /* bytes of a secret's file */


static ngx_int_t ngx_http_sallyport_pepper_read(ngx_conf_t *cf,
    ngx_str_t *file, sp_pepper_t *pepper);
static ngx_int_t ngx_http_sallyport_secret_read(ngx_conf_t *cf,
    ngx_str_t *file, u_char *buf, size_t *len);


char *
ngx_http_sallyport_set_pepper(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sallyport_loc_conf_t *slcf = conf;

    ngx_str_t                        *value, old;
    ngx_uint_t                        i;
    ngx_http_sallyport_pepper_t     **peppers, *pepper;
    ngx_http_sallyport_main_conf_t   *smcf;

    if (slcf->pepper != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    ngx_str_null(&old);
    value = cf->args->elts;

    if (ngx_conf_full_name(cf->cycle, &value[1], 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 3) {
        if (ngx_conf_full_name(cf->cycle, &value[2], 1) != NGX_OK) {
            return NGX_CONF_ERROR;
        }

        old = value[2];
    }

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sallyport_module);
    peppers = smcf->peppers.elts;

    for (i = 0; i < smcf->peppers.nelts; i++) {
        if (peppers[i]->file.len == value[1].len
            && peppers[i]->old_file.len == old.len
            && ngx_memcmp(peppers[i]->file.data, value[1].data, value[1].len)
               == 0
            && (old.len == 0
                || ngx_memcmp(peppers[i]->old_file.data, old.data, old.len)
                   == 0))
        {
            slcf->pepper = peppers[i];
            return NGX_CONF_OK;
        }
    }

    pepper = ngx_pmemalign(cf->pool, sizeof(ngx_http_sallyport_pepper_t), 16);
    if (pepper == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(pepper, sizeof(ngx_http_sallyport_pepper_t));

    pepper->file = value[1];
    pepper->old_file = old;
    pepper->has_old = (old.len != 0);

    if (ngx_http_sallyport_pepper_read(cf, &pepper->file, &pepper->current)
        != NGX_OK
        || (pepper->has_old
            && ngx_http_sallyport_pepper_read(cf, &pepper->old_file,
                                              &pepper->old)
               != NGX_OK)
        || ngx_http_sallyport_remember(&smcf->peppers, pepper) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    slcf->pepper = pepper;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_sallyport_pepper_read(ngx_conf_t *cf, ngx_str_t *file,
    sp_pepper_t *pepper)
{
    u_char     buf[NGX_HTTP_SALLYPORT_SECRET_MAX];
    size_t     len;
    sp_rc_t    rc;
    sp_str_t   secret;
    ngx_int_t  result;

    result = ngx_http_sallyport_secret_read(cf, file, buf, &len);

    if (result == NGX_OK) {
        secret.data = buf;
        secret.len = len;

        rc = sp_pepper_init(pepper, secret);

        if (rc != SP_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "pepper \"%V\" has %uz bytes, "
                               "it needs at least %d", file, len,
                               SP_PEPPER_MIN);
            result = NGX_ERROR;
        }
    }

    ngx_explicit_memzero(buf, sizeof(buf));

    return result;
}


/*
 * Reads a secret of up to NGX_HTTP_SALLYPORT_SECRET_MAX - 1 bytes into "buf",
 * which the caller wipes, without the end of its line.
 */

static ngx_int_t
ngx_http_sallyport_secret_read(ngx_conf_t *cf, ngx_str_t *file, u_char *buf,
    size_t *len)
{
    ssize_t          n;
    ngx_fd_t         fd;
    ngx_int_t        rc;
    ngx_file_info_t  fi;

    fd = ngx_open_file(file->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", file);
        return NGX_ERROR;
    }

    rc = NGX_ERROR;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_fd_info_n " \"%V\" failed", file);
        goto done;
    }

    if (fi.st_mode & (S_IROTH|S_IWOTH|S_IWGRP)) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "secret \"%V\" can be read or changed by others, "
                           "make it mode 0400", file);
    }

    n = ngx_read_fd(fd, buf, NGX_HTTP_SALLYPORT_SECRET_MAX);

    if (n == -1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_read_fd_n " \"%V\" failed", file);
        goto done;
    }

    if (n == NGX_HTTP_SALLYPORT_SECRET_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "secret \"%V\" is longer than %d bytes", file,
                           NGX_HTTP_SALLYPORT_SECRET_MAX - 1);
        goto done;
    }

    while (n > 0 && (buf[n - 1] == LF || buf[n - 1] == CR)) {
        n--;
    }

    *len = n;
    rc = NGX_OK;

done:

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_ALERT, cf, ngx_errno,
                           ngx_close_file_n " \"%V\" failed", file);
    }

    return rc;
}


char *
ngx_http_sallyport_set_credential(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_sallyport_loc_conf_t *slcf = conf;

    u_char      buf[NGX_HTTP_SALLYPORT_SECRET_MAX], *key;
    size_t      i, len, scheme;
    ngx_str_t  *value;

    if (slcf->credential != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "strip") == 0) {
        slcf->credential = NGX_HTTP_SALLYPORT_STRIP;
        return NGX_CONF_OK;
    }

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "pass") == 0) {
        slcf->credential = NGX_HTTP_SALLYPORT_PASS;
        return NGX_CONF_OK;
    }

    if (cf->args->nelts != 3 || ngx_strcmp(value[1].data, "replace") != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" takes \"strip\", \"pass\" or "
                           "\"replace FILE\"", &cmd->name);
        return NGX_CONF_ERROR;
    }

    if (ngx_conf_full_name(cf->cycle, &value[2], 1) != NGX_OK
        || ngx_http_sallyport_secret_read(cf, &value[2], buf, &len) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    key = buf;
    scheme = sizeof("Bearer ") - 1;

    if (len > scheme
        && ngx_strncasecmp(buf, (u_char *) "Bearer ", scheme) == 0)
    {
        key += scheme;
        len -= scheme;
    }

    for (i = 0; i < len && key[i] > ' ' && key[i] < 0x7f; i++) {
        /* void */
    }

    if (len == 0 || i != len) {
        ngx_explicit_memzero(buf, sizeof(buf));
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" must hold one API key and nothing else",
                           &value[2]);
        return NGX_CONF_ERROR;
    }

    slcf->replacement.len = scheme + len;
    slcf->replacement.data = ngx_pnalloc(cf->pool, slcf->replacement.len);

    if (slcf->replacement.data != NULL) {
        ngx_memcpy(ngx_cpymem(slcf->replacement.data, "Bearer ", scheme),
                   key, len);
    }

    ngx_explicit_memzero(buf, sizeof(buf));

    if (slcf->replacement.data == NULL) {
        return NGX_CONF_ERROR;
    }

    slcf->credential = NGX_HTTP_SALLYPORT_REPLACE;

    return NGX_CONF_OK;
}

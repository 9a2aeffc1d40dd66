
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what sallyport_state remembers of signed policies: the
 * highest serial of each that was in force, so that an older one, signed as
 * it is, is not taken after a restart either.
 */


#include "ngx_http_sallyport_policy.h"

#include <openssl/sha.h>


#define NGX_HTTP_SALLYPORT_SERIAL_HEAD  "sallyport-serial 1\n"
#define NGX_HTTP_SALLYPORT_SERIAL_MAX   (NGX_MAX_PATH + 128)


static ngx_uint_t ngx_http_sallyport_serial_kept(
    ngx_http_sallyport_policy_t *policy);
static void ngx_http_sallyport_serial_name(
    ngx_http_sallyport_policy_t *policy, u_char name[NGX_MAX_PATH]);
static size_t ngx_http_sallyport_serial_text(
    ngx_http_sallyport_policy_t *policy, uint64_t serial,
    u_char text[NGX_HTTP_SALLYPORT_SERIAL_MAX]);
static ngx_err_t ngx_http_sallyport_serial_load(
    ngx_http_sallyport_policy_t *policy, const u_char *name,
    uint64_t *serial);
static ngx_err_t ngx_http_sallyport_serial_write(const u_char *name,
    const u_char *text, size_t len);


/* A candidate is only asked: it may be an older one. */

static ngx_uint_t
ngx_http_sallyport_serial_kept(ngx_http_sallyport_policy_t *policy)
{
    return policy->signers != NULL && !policy->optional
           && policy->smcf->state.len != 0;
}


ngx_int_t
ngx_http_sallyport_serial_init(ngx_http_sallyport_policy_t *policy,
    ngx_log_t *log)
{
    u_char     name[NGX_MAX_PATH];
    uint64_t   serial;
    ngx_err_t  err;

    if (!ngx_http_sallyport_serial_kept(policy)) {
        return NGX_OK;
    }

    ngx_http_sallyport_serial_name(policy, name);

    err = ngx_http_sallyport_serial_load(policy, name, &serial);

    if (err) {
        ngx_log_error(NGX_LOG_EMERG, log, err == EBADMSG ? 0 : err,
                      "sallyport: \"%s\" %s; it has the highest serial of "
                      "policy \"%V\" that was in force", name,
                      err == EBADMSG ? "is not what was written there"
                                     : "cannot be read", &policy->path);
        return NGX_ERROR;
    }

    policy->sh->serial = serial;

    return NGX_OK;
}


ngx_err_t
ngx_http_sallyport_serial_keep(ngx_http_sallyport_policy_t *policy)
{
    size_t     len;
    u_char     name[NGX_MAX_PATH], text[NGX_HTTP_SALLYPORT_SERIAL_MAX];
    uint64_t   serial, kept;
    ngx_err_t  err;

    if (!ngx_http_sallyport_serial_kept(policy)) {
        return 0;
    }

    serial = __atomic_load_n(&policy->sh->serial, __ATOMIC_RELAXED);

    ngx_http_sallyport_serial_name(policy, name);

    /* what cannot be read is replaced: the zone has known it since the start */

    err = ngx_http_sallyport_serial_load(policy, name, &kept);

    if (err == 0 && kept >= serial) {
        return 0;
    }

    len = ngx_http_sallyport_serial_text(policy, serial, text);

    return ngx_http_sallyport_serial_write(name, text, len);
}


static void
ngx_http_sallyport_serial_name(ngx_http_sallyport_policy_t *policy,
    u_char name[NGX_MAX_PATH])
{
    u_char  hash[SHA256_DIGEST_LENGTH], hex[16];

    (void) SHA256(policy->path.data, policy->path.len, hash);
    sp_hex(hash, sizeof(hex) / 2, hex);

    (void) ngx_snprintf(name, NGX_MAX_PATH - 1, "%V/serial-%*s%Z",
                        &policy->smcf->state, sizeof(hex), hex);
    name[NGX_MAX_PATH - 1] = '\0';
}


static size_t
ngx_http_sallyport_serial_text(ngx_http_sallyport_policy_t *policy,
    uint64_t serial, u_char text[NGX_HTTP_SALLYPORT_SERIAL_MAX])
{
    u_char  *p;

    p = ngx_snprintf(text, NGX_HTTP_SALLYPORT_SERIAL_MAX,
                     NGX_HTTP_SALLYPORT_SERIAL_HEAD "serial %020uL\n"
                     "policy %V\n", serial, &policy->path);

    return p - text;
}


/* No file: 0. EBADMSG: it is none of ours, or that of another policy. */

static ngx_err_t
ngx_http_sallyport_serial_load(ngx_http_sallyport_policy_t *policy,
    const u_char *name, uint64_t *serial)
{
    int        fd;
    size_t     at, len;
    u_char     text[NGX_HTTP_SALLYPORT_SERIAL_MAX];
    u_char     want[NGX_HTTP_SALLYPORT_SERIAL_MAX];
    ssize_t    n;
    ngx_err_t  err;

    *serial = 0;

    fd = open((const char *) name, O_RDONLY|O_CLOEXEC|O_NOFOLLOW);

    if (fd == -1) {
        return errno == ENOENT ? 0 : errno;
    }

    n = read(fd, text, sizeof(text));
    err = n == -1 ? errno : 0;
    (void) close(fd);

    if (err) {
        return err;
    }

    /* read the digits, write the file again, and compare */

    at = sizeof(NGX_HTTP_SALLYPORT_SERIAL_HEAD "serial ") - 1;

    for (len = at; len < (size_t) n && len < at + 20; len++) {

        if (text[len] < '0' || text[len] > '9') {
            break;
        }

        *serial = *serial * 10 + (text[len] - '0');
    }

    len = ngx_http_sallyport_serial_text(policy, *serial, want);

    return len == (size_t) n && ngx_memcmp(text, want, len) == 0 ? 0
                                                                 : EBADMSG;
}


static ngx_err_t
ngx_http_sallyport_serial_write(const u_char *name, const u_char *text,
    size_t len)
{
    int        fd;
    char       temp[NGX_MAX_PATH + 32];
    ssize_t    n;
    ngx_err_t  err;

    (void) ngx_snprintf((u_char *) temp, sizeof(temp), "%s.%P%Z", name,
                        ngx_getpid());

    (void) unlink(temp);

    fd = open(temp, O_CREAT|O_EXCL|O_WRONLY|O_CLOEXEC|O_NOFOLLOW, 0600);

    if (fd == -1) {
        return errno;
    }

    n = write(fd, text, len);
    err = n == -1 ? errno : (size_t) n < len ? ENOSPC : 0;

    if (err == 0 && fsync(fd) == -1) {
        err = errno;
    }

    (void) close(fd);

    if (err == 0 && rename(temp, (const char *) name) == -1) {
        err = errno;
    }

    if (err) {
        (void) unlink(temp);
    }

    return err;
}


ngx_int_t
ngx_http_sallyport_state_init(ngx_cycle_t *cycle,
    ngx_http_sallyport_main_conf_t *smcf)
{
    ngx_core_conf_t  *ccf;

    if (smcf->state.len == 0) {
        return NGX_OK;
    }

    if (ngx_create_dir(smcf->state.data, 0700) == NGX_FILE_ERROR) {

        if (ngx_errno == NGX_EEXIST) {
            return NGX_OK;
        }

        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      "sallyport: " ngx_create_dir_n " \"%V\" failed",
                      &smcf->state);
        return NGX_ERROR;
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    if (ccf->user != (ngx_uid_t) NGX_CONF_UNSET_UINT && geteuid() == 0
        && chown((char *) smcf->state.data, ccf->user, ccf->group) == -1)
    {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      "sallyport: chown() \"%V\" failed", &smcf->state);
        return NGX_ERROR;
    }

    return NGX_OK;
}

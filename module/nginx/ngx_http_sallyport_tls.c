
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains TLS towards a store. The server's certificate must be
 * good and be of the name that was asked for; there is no way to do without.
 */


#include "ngx_http_sallyport_store.h"

#if (NGX_SSL)

#include <openssl/x509v3.h>


static ngx_int_t ngx_http_sallyport_tls_load(ngx_conf_t *cf,
    ngx_http_sallyport_tls_t *tls);
static void ngx_http_sallyport_tls_handler(ngx_connection_t *c);
static ngx_uint_t ngx_http_sallyport_tls_address(ngx_str_t *name);


ngx_int_t
ngx_http_sallyport_tls_init(ngx_conf_t *cf, ngx_http_sallyport_tls_t *tls)
{
    ngx_pool_cleanup_t  *cln;

    if (!tls->on) {

        if (tls->ca.len != 0 || tls->cert.len != 0 || tls->key.len != 0
            || tls->name.len != 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "ca, cert, key and name are of a store with "
                               "TLS: write rediss:// or rediss+sentinel://");
            return NGX_ERROR;
        }

        return NGX_OK;
    }

    if ((tls->cert.len == 0) != (tls->key.len == 0)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "cert=FILE and key=FILE of the store go together");
        return NGX_ERROR;
    }

    tls->ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (tls->ssl == NULL || cln == NULL) {
        return NGX_ERROR;
    }

    tls->ssl->log = cf->log;

    if (ngx_ssl_create(tls->ssl, NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3, NULL)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = tls->ssl;

    return ngx_http_sallyport_tls_load(cf, tls);
}


static ngx_int_t
ngx_http_sallyport_tls_load(ngx_conf_t *cf, ngx_http_sallyport_tls_t *tls)
{
    if (tls->cert.len != 0
        && ngx_ssl_certificate(cf, tls->ssl, &tls->cert, &tls->key, NULL)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (tls->ca.len != 0) {
        return ngx_ssl_trusted_certificate(cf, tls->ssl, &tls->ca, 9);
    }

    if (SSL_CTX_set_default_verify_paths(tls->ssl->ctx) != 1) {
        ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0,
                      "SSL_CTX_set_default_verify_paths() failed");
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* NGX_OK: done; NGX_AGAIN: redis_secured() will be called. */

ngx_int_t
ngx_http_sallyport_tls_start(ngx_http_sallyport_redis_t *redis)
{
    ngx_int_t                  rc;
    ngx_str_t                 *name;
    u_char                     host[NGX_HTTP_SALLYPORT_HOST_MAX + 1];
    ngx_connection_t          *c;
    ngx_http_sallyport_tls_t  *tls;

    c = redis->connection;
    tls = redis->store->tls;
    name = tls->name.len != 0 ? &tls->name : &redis->host;

    if (ngx_ssl_create_connection(tls->ssl, c, NGX_SSL_BUFFER|NGX_SSL_CLIENT)
        != NGX_OK
        || name->len > NGX_HTTP_SALLYPORT_HOST_MAX)
    {
        return NGX_ERROR;
    }

    if (!ngx_http_sallyport_tls_address(name)) {
        *ngx_cpymem(host, name->data, name->len) = '\0';

        if (SSL_set_tlsext_host_name(c->ssl->connection, (char *) host) != 1)
        {
            return NGX_ERROR;
        }
    }

    rc = ngx_ssl_handshake(c);

    if (rc == NGX_AGAIN) {
        c->ssl->handler = ngx_http_sallyport_tls_handler;
        return NGX_AGAIN;
    }

    return rc == NGX_OK ? NGX_OK : NGX_ERROR;
}


static void
ngx_http_sallyport_tls_handler(ngx_connection_t *c)
{
    ngx_http_sallyport_redis_t  *redis;

    redis = c->data;

    ngx_http_sallyport_redis_secured(redis,
                             c->ssl->handshaked
                             ? ngx_http_sallyport_tls_verify(redis)
                             : c->read->timedout ? "timed out"
                                                 : "failed the TLS handshake");
}


const char *
ngx_http_sallyport_tls_verify(ngx_http_sallyport_redis_t *redis)
{
    long               rc;
    X509              *cert;
    u_char             host[NGX_HTTP_SALLYPORT_HOST_MAX + 1];
    ngx_str_t         *name;
    ngx_uint_t         good;
    ngx_connection_t  *c;

    c = redis->connection;
    name = redis->store->tls->name.len != 0 ? &redis->store->tls->name
                                            : &redis->host;

    rc = SSL_get_verify_result(c->ssl->connection);

    if (rc != X509_V_OK) {
        ngx_log_error(NGX_LOG_ERR, &redis->log, 0,
                      "sallyport: the certificate of \"%V\" cannot be "
                      "verified: %s", name, X509_verify_cert_error_string(rc));
        return "has a certificate that cannot be verified";
    }

    if (!ngx_http_sallyport_tls_address(name)) {
        good = (ngx_ssl_check_host(c, name) == NGX_OK);

    } else {
        *ngx_cpymem(host, name->data, name->len) = '\0';

        cert = SSL_get_peer_certificate(c->ssl->connection);
        good = cert != NULL
               && X509_check_ip_asc(cert, (char *) host, 0) == 1;
        X509_free(cert);
    }

    if (!good) {
        ngx_log_error(NGX_LOG_ERR, &redis->log, 0,
                      "sallyport: the certificate is not one of \"%V\"; "
                      "name=HOST in sallyport_store says another name", name);
        return "has a certificate of another name";
    }

    return NULL;
}


static ngx_uint_t
ngx_http_sallyport_tls_address(ngx_str_t *name)
{
    u_char  v6[16];

    return ngx_inet_addr(name->data, name->len) != INADDR_NONE
           || ngx_inet6_addr(name->data, name->len, v6) == NGX_OK;
}


void
ngx_http_sallyport_tls_close(ngx_connection_t *c)
{
    if (c->ssl != NULL) {
        c->ssl->no_wait_shutdown = 1;
        c->ssl->no_send_shutdown = 1;
        (void) ngx_ssl_shutdown(c);
    }
}


#else


ngx_int_t
ngx_http_sallyport_tls_init(ngx_conf_t *cf, ngx_http_sallyport_tls_t *tls)
{
    if (!tls->on) {
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "this nginx was built without TLS: the store cannot be "
                       "at rediss://");
    return NGX_ERROR;
}


ngx_int_t
ngx_http_sallyport_tls_start(ngx_http_sallyport_redis_t *redis)
{
    return NGX_ERROR;
}


const char *
ngx_http_sallyport_tls_verify(ngx_http_sallyport_redis_t *redis)
{
    return "cannot be reached by TLS";
}


void
ngx_http_sallyport_tls_close(ngx_connection_t *c)
{
}


#endif

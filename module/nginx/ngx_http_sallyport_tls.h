
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what a store needs for TLS, as option.c reads it and
 * tls.c uses it. Private to the store room.
 */


#ifndef NGX_HTTP_SALLYPORT_TLS_H
#define NGX_HTTP_SALLYPORT_TLS_H


#include "ngx_http_sallyport.h"


struct ngx_http_sallyport_tls_s {
    ngx_uint_t                    on;        /* unsigned  on:1; */
    ngx_str_t                     ca;        /* files; empty: the system's */
    ngx_str_t                     cert;
    ngx_str_t                     key;
    ngx_str_t                     name;      /* instead of the host's own */
#if (NGX_SSL)
    ngx_ssl_t                    *ssl;
#endif
};

typedef struct ngx_http_sallyport_tls_s  ngx_http_sallyport_tls_t;


/* At the end of the directive: reads the files. */
ngx_int_t ngx_http_sallyport_tls_init(ngx_conf_t *cf,
    ngx_http_sallyport_tls_t *tls);


#endif /* NGX_HTTP_SALLYPORT_TLS_H */

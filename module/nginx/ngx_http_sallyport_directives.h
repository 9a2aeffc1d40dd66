
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the parsers of the module's directives. A file or a
 * store that several places name is loaded once and shared.
 */


#ifndef NGX_HTTP_SALLYPORT_DIRECTIVES_H
#define NGX_HTTP_SALLYPORT_DIRECTIVES_H


#include "ngx_http_sallyport.h"


char *ngx_http_sallyport_set_mode(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_sallyport_set_policy(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_sallyport_set_geo(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_sallyport_set_jwt(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_sallyport_set_mtls(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_sallyport_set_hops(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_sallyport_set_store(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_sallyport_set_pepper(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_sallyport_set_audit(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_sallyport_set_credential(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_sallyport_set_zone(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_sallyport_set_state(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_sallyport_set_health(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_sallyport_set_limits(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_sallyport_set_metrics(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* Puts an object into a list of the main configuration, unless it is there. */
ngx_int_t ngx_http_sallyport_remember(ngx_array_t *list, void *object);


#endif /* NGX_HTTP_SALLYPORT_DIRECTIVES_H */

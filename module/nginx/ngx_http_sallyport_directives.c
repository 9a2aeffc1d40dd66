
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the parsers of the module's directives. They run in the
 * master and for "nginx -t": they read files, but neither write nor connect.
 * Those that read secrets are in ngx_http_sallyport_secrets.c, that of
 * policies in ngx_http_sallyport_policy.c, that of databases in
 * ngx_http_sallyport_geo.c.
 */


#include "ngx_http_sallyport_meter.h"
#include "ngx_http_sallyport_directives.h"


char *
ngx_http_sallyport_set_mode(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sallyport_loc_conf_t *slcf = conf;

    ngx_str_t  *value;

    if (slcf->mode != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "on") == 0) {
        slcf->mode = NGX_HTTP_SALLYPORT_ON;

    } else if (ngx_strcmp(value[1].data, "observe") == 0) {
        slcf->mode = NGX_HTTP_SALLYPORT_OBSERVE;

    } else if (ngx_strcmp(value[1].data, "off") == 0) {
        slcf->mode = NGX_HTTP_SALLYPORT_OFF;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" of \"%V\", "
                           "it must be \"on\", \"observe\" or \"off\"",
                           &value[1], &cmd->name);
        return NGX_CONF_ERROR;
    }

    slcf->file = cf->conf_file->file.name.data;
    slcf->line = cf->conf_file->line;

    return NGX_CONF_OK;
}


char *
ngx_http_sallyport_set_store(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sallyport_loc_conf_t *slcf = conf;

    ngx_http_sallyport_store_t      *store;
    ngx_http_sallyport_main_conf_t  *smcf;

    if (slcf->store != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sallyport_module);

    store = ngx_http_sallyport_store_create(cf, smcf);

    if (store == NULL
        || ngx_http_sallyport_remember(&smcf->stores, store) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    slcf->store = store;

    return NGX_CONF_OK;
}


char *
ngx_http_sallyport_set_audit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sallyport_loc_conf_t *slcf = conf;

    ngx_http_sallyport_audit_t      *audit;
    ngx_http_sallyport_main_conf_t  *smcf;

    if (slcf->audit != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sallyport_module);

    audit = ngx_http_sallyport_audit_create(cf, smcf);

    if (audit == NULL
        || ngx_http_sallyport_remember(&smcf->audits, audit) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    slcf->audit = audit;

    return NGX_CONF_OK;
}


char *
ngx_http_sallyport_set_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sallyport_main_conf_t *smcf = conf;

    ngx_str_t  *value;

    if (smcf->zone != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    return ngx_http_sallyport_zone_create(cf, &value[1], smcf);
}


char *
ngx_http_sallyport_set_state(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sallyport_main_conf_t *smcf = conf;

    ngx_str_t  *value;

    if (smcf->state.data != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_conf_full_name(cf->cycle, &value[1], 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    smcf->state = value[1];

    return NGX_CONF_OK;
}


char *
ngx_http_sallyport_set_health(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler != NULL) {
        return "conflicts with another content handler of this location";
    }

    clcf->handler = ngx_http_sallyport_health_handler;

    return NGX_CONF_OK;
}


char *
ngx_http_sallyport_set_limits(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler != NULL) {
        return "conflicts with another content handler of this location";
    }

    clcf->handler = ngx_http_sallyport_limits_handler;

    return NGX_CONF_OK;
}


char *
ngx_http_sallyport_set_metrics(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler != NULL) {
        return "conflicts with another content handler of this location";
    }

    clcf->handler = ngx_http_sallyport_metrics_handler;

    return NGX_CONF_OK;
}


/* The rooms may have put their object into the list themselves. */

ngx_int_t
ngx_http_sallyport_remember(ngx_array_t *list, void *object)
{
    void        **objects;
    ngx_uint_t    i;

    objects = list->elts;

    for (i = 0; i < list->nelts; i++) {
        if (objects[i] == object) {
            return NGX_OK;
        }
    }

    objects = ngx_array_push(list);
    if (objects == NULL) {
        return NGX_ERROR;
    }

    *objects = object;

    return NGX_OK;
}

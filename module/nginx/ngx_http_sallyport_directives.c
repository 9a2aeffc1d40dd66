
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the parsers of the module's directives. They run in the
 * master and for "nginx -t": they read files, but neither write nor connect.
 * Those that read secrets are in ngx_http_sallyport_secrets.c, that of
 * policies in ngx_http_sallyport_policy.c.
 */


#include "ngx_http_sallyport_meter.h"
#include "ngx_http_sallyport_directives.h"


static ngx_http_sallyport_geo_t *ngx_http_sallyport_geo_open(ngx_conf_t *cf,
    ngx_str_t *file, ngx_str_t *path);
static void ngx_http_sallyport_geo_cleanup(void *data);


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
ngx_http_sallyport_set_geo(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sallyport_loc_conf_t *slcf = conf;

    ngx_str_t                        *value, file, path;
    ngx_uint_t                        i;
    ngx_http_sallyport_geo_t        **geos, *geo;
    ngx_http_sallyport_main_conf_t   *smcf;

    if (slcf->geo != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    ngx_str_null(&file);
    ngx_str_null(&path);

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "country=", 8) == 0
            && value[i].len > 8 && file.len == 0)
        {
            file.data = value[i].data + 8;
            file.len = value[i].len - 8;
            continue;
        }

        if (ngx_strncmp(value[i].data, "path=", 5) == 0
            && value[i].len > 5 && path.len == 0)
        {
            path.data = value[i].data + 5;
            path.len = value[i].len - 5;
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\" of \"%V\", it takes "
                           "country=FILE and path=PATH", &value[i],
                           &cmd->name);
        return NGX_CONF_ERROR;
    }

    if (file.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" needs country=FILE", &cmd->name);
        return NGX_CONF_ERROR;
    }

    if (ngx_conf_full_name(cf->cycle, &file, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sallyport_module);

    if (path.len == 0) {
        geos = smcf->geos.elts;

        for (i = 0; i < smcf->geos.nelts; i++) {
            if (geos[i]->path.len == 0
                && ngx_strcmp(geos[i]->file.data, file.data) == 0)
            {
                slcf->geo = geos[i];
                return NGX_CONF_OK;
            }
        }
    }

    geo = ngx_http_sallyport_geo_open(cf, &file, &path);

    if (geo == NULL
        || ngx_http_sallyport_remember(&smcf->geos, geo) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    slcf->geo = geo;

    return NGX_CONF_OK;
}


static ngx_http_sallyport_geo_t *
ngx_http_sallyport_geo_open(ngx_conf_t *cf, ngx_str_t *file, ngx_str_t *path)
{
    char                       err[256];
    ngx_pool_cleanup_t        *cln;
    ngx_http_sallyport_geo_t  *geo;

    geo = ngx_pcalloc(cf->pool, sizeof(ngx_http_sallyport_geo_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (geo == NULL || cln == NULL) {
        return NULL;
    }

    err[0] = '\0';

    geo->file = *file;
    geo->path = *path;
    geo->country = sp_geo_open((char *) file->data,
                               path->len ? (char *) path->data : NULL,
                               ngx_time(), err, sizeof(err));

    if (geo->country == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "country database \"%V\" cannot be used: %s",
                           file, err);
        return NULL;
    }

    cln->handler = ngx_http_sallyport_geo_cleanup;
    cln->data = geo;

    return geo;
}


static void
ngx_http_sallyport_geo_cleanup(void *data)
{
    ngx_http_sallyport_geo_t *geo = data;

    sp_geo_close(geo->country);
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

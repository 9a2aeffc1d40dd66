
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the zone of the control room: its creation, and its
 * re-use on reload.
 */


#include "ngx_http_sallyport_control.h"


static ngx_int_t ngx_http_sallyport_control_zone_init(
    ngx_shm_zone_t *shm_zone, void *data);


ngx_int_t
ngx_http_sallyport_control_zone(ngx_conf_t *cf,
    ngx_http_sallyport_main_conf_t *smcf)
{
    size_t                         size;
    ngx_str_t                      name;
    ngx_http_sallyport_control_t  *control;

    control = ngx_pcalloc(cf->pool, sizeof(ngx_http_sallyport_control_t));
    if (control == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&name, "sallyport_control");

    /* and what the slab pool needs for itself */

    size = ngx_align(sizeof(ngx_http_sallyport_control_sh_t), ngx_pagesize)
           + 16 * ngx_pagesize;

    control->shm_zone = ngx_shared_memory_add(cf, &name, size,
                                              &ngx_http_sallyport_module);
    if (control->shm_zone == NULL) {
        return NGX_ERROR;
    }

    control->shm_zone->init = ngx_http_sallyport_control_zone_init;
    control->shm_zone->data = control;

    smcf->control = control;

    return NGX_OK;
}


/*
 * Runs in the master while workers of the old cycle still use the zone: with
 * old data it only looks.
 */

static ngx_int_t
ngx_http_sallyport_control_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_http_sallyport_control_t  *old = data;

    ngx_http_sallyport_control_t     *control;
    ngx_http_sallyport_control_sh_t  *sh;

    control = shm_zone->data;
    control->shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (old != NULL || shm_zone->shm.exists) {
        sh = old != NULL ? old->sh : control->shpool->data;

        if (sh == NULL
            || sh->magic != NGX_HTTP_SALLYPORT_CONTROL_MAGIC
            || sh->layout != NGX_HTTP_SALLYPORT_CONTROL_LAYOUT)
        {
            ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                          "sallyport: zone \"%V\" was made by another version "
                          "of the module; restart nginx instead of reloading "
                          "it", &shm_zone->shm.name);
            return NGX_ERROR;
        }

        control->sh = sh;

        return NGX_OK;
    }

    sh = ngx_slab_calloc(control->shpool,
                         sizeof(ngx_http_sallyport_control_sh_t));
    if (sh == NULL) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "sallyport: zone \"%V\" has no %uz free bytes",
                      &shm_zone->shm.name,
                      sizeof(ngx_http_sallyport_control_sh_t));
        return NGX_ERROR;
    }

    sh->magic = NGX_HTTP_SALLYPORT_CONTROL_MAGIC;
    sh->layout = NGX_HTTP_SALLYPORT_CONTROL_LAYOUT;

    control->sh = sh;
    control->shpool->data = sh;

    return NGX_OK;
}

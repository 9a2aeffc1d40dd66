
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the module itself: its directives, the inheritance of
 * configuration, and the hooks that start and stop the other rooms. Parsers
 * that read files are in ngx_http_sallyport_directives.c.
 */


#include "ngx_http_sallyport_control.h"
#include "ngx_http_sallyport_meter.h"
#include "ngx_http_sallyport_directives.h"
#include "ngx_http_sallyport_follow.h"
#include "ngx_http_sallyport_running.h"


static ngx_int_t ngx_http_sallyport_preconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_sallyport_postconfiguration(ngx_conf_t *cf);
static void *ngx_http_sallyport_create_main_conf(ngx_conf_t *cf);
static void *ngx_http_sallyport_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_sallyport_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static ngx_int_t ngx_http_sallyport_take_location(ngx_conf_t *cf,
    ngx_http_sallyport_main_conf_t *smcf,
    ngx_http_sallyport_loc_conf_t *slcf);

static ngx_int_t ngx_http_sallyport_init_module(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_sallyport_init_process(ngx_cycle_t *cycle);
static void ngx_http_sallyport_exit_process(ngx_cycle_t *cycle);
static ngx_uint_t ngx_http_sallyport_serves(void);


static ngx_conf_enum_t  ngx_http_sallyport_key_tags[] = {
    { ngx_string("off"), 0 },
    { ngx_string("required"), 1 },
    { ngx_null_string, 0 }
};


static ngx_command_t  ngx_http_sallyport_commands[] = {

    { ngx_string("sallyport"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_sallyport_set_mode,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sallyport_policy"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_sallyport_set_policy,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sallyport_geo"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_sallyport_set_geo,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sallyport_hops"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_sallyport_set_hops,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sallyport_jwt"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_sallyport_set_jwt,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sallyport_mtls"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_sallyport_set_mtls,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sallyport_store"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_sallyport_set_store,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sallyport_pepper"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_sallyport_set_pepper,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sallyport_audit"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_sallyport_set_audit,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sallyport_credential"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_sallyport_set_credential,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sallyport_key_tag"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sallyport_loc_conf_t, key_tag),
      ngx_http_sallyport_key_tags },
    { ngx_string("sallyport_include_usage"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sallyport_loc_conf_t, ask_usage),
      NULL },

    { ngx_string("sallyport_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_sallyport_set_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sallyport_state"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_sallyport_set_state,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sallyport_health"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_sallyport_set_health,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sallyport_limits"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_sallyport_set_limits,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sallyport_metrics"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_sallyport_set_metrics,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_sallyport_module_ctx = {
    ngx_http_sallyport_preconfiguration,   /* preconfiguration */
    ngx_http_sallyport_postconfiguration,  /* postconfiguration */

    ngx_http_sallyport_create_main_conf,   /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_sallyport_create_loc_conf,    /* create location configuration */
    ngx_http_sallyport_merge_loc_conf      /* merge location configuration */
};


ngx_module_t  ngx_http_sallyport_module = {
    NGX_MODULE_V1,
    &ngx_http_sallyport_module_ctx,        /* module context */
    ngx_http_sallyport_commands,           /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_http_sallyport_init_module,        /* init module */
    ngx_http_sallyport_init_process,       /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_sallyport_exit_process,       /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_sallyport_preconfiguration(ngx_conf_t *cf)
{
    return ngx_http_sallyport_add_variables(cf);
}


static ngx_int_t
ngx_http_sallyport_postconfiguration(ngx_conf_t *cf)
{
    ngx_http_handler_pt             *h;
    ngx_http_core_main_conf_t       *cmcf;
    ngx_http_sallyport_main_conf_t  *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sallyport_module);

    if (!smcf->enabled) {
        return NGX_OK;
    }

    if (ngx_http_sallyport_check(cf) != NGX_OK
        || ngx_http_sallyport_stores_check(cf, &smcf->stores) != NGX_OK
        || ngx_http_sallyport_control_zone(cf, smcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    /* after all of the access phase, so that "satisfy any" cannot undo us */

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PRECONTENT_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_sallyport_handler;

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_LOG_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_sallyport_log_handler;

    ngx_http_sallyport_headers_init();

    if (ngx_http_sallyport_body_init(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_sallyport_usage_init(cf);
}


static void *
ngx_http_sallyport_create_main_conf(ngx_conf_t *cf)
{
    ngx_uint_t                       i;
    ngx_array_t                     *lists[5];
    ngx_http_sallyport_main_conf_t  *smcf;

    smcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_sallyport_main_conf_t));
    if (smcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     smcf->zone = NULL;
     *     smcf->state = { 0, NULL };
     *     smcf->enabled = 0;
     */

    lists[0] = &smcf->policies;
    lists[1] = &smcf->geos;
    lists[2] = &smcf->stores;
    lists[3] = &smcf->peppers;
    lists[4] = &smcf->audits;

    for (i = 0; i < 5; i++) {
        if (ngx_array_init(lists[i], cf->pool, 2, sizeof(void *)) != NGX_OK) {
            return NULL;
        }
    }

    if (ngx_array_init(&smcf->locations, cf->pool, 16,
                       sizeof(ngx_http_sallyport_location_t))
        != NGX_OK)
    {
        return NULL;
    }

    return smcf;
}


static void *
ngx_http_sallyport_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_sallyport_loc_conf_t  *slcf;

    slcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_sallyport_loc_conf_t));
    if (slcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     slcf->replacement = { 0, NULL };
     *     slcf->max_body = 0;
     *     slcf->file = NULL;
     *     slcf->line = 0;
     */

    slcf->mode = NGX_CONF_UNSET_UINT;
    slcf->credential = NGX_CONF_UNSET_UINT;
    slcf->key_tag = NGX_CONF_UNSET_UINT;
    slcf->ask_usage = NGX_CONF_UNSET;
    slcf->policy = NGX_CONF_UNSET_PTR;
    slcf->geo = NGX_CONF_UNSET_PTR;
    slcf->hops = NGX_CONF_UNSET_PTR;
    slcf->jwt = NGX_CONF_UNSET_PTR;
    slcf->mtls = NGX_CONF_UNSET_PTR;
    slcf->store = NGX_CONF_UNSET_PTR;
    slcf->pepper = NGX_CONF_UNSET_PTR;
    slcf->audit = NGX_CONF_UNSET_PTR;

    return slcf;
}


static char *
ngx_http_sallyport_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_sallyport_loc_conf_t *prev = parent;
    ngx_http_sallyport_loc_conf_t *conf = child;

    ngx_http_sallyport_main_conf_t  *smcf;

    if (conf->mode == NGX_CONF_UNSET_UINT) {
        conf->file = prev->file;
        conf->line = prev->line;
    }

    if (conf->credential == NGX_CONF_UNSET_UINT) {
        conf->replacement = prev->replacement;
    }

    ngx_conf_merge_uint_value(conf->mode, prev->mode, NGX_HTTP_SALLYPORT_OFF);
    ngx_conf_merge_value(conf->ask_usage, prev->ask_usage, 1);
    ngx_conf_merge_uint_value(conf->credential, prev->credential,
                              NGX_HTTP_SALLYPORT_STRIP);

    ngx_conf_merge_uint_value(conf->key_tag, prev->key_tag, 0);

    ngx_conf_merge_ptr_value(conf->policy, prev->policy, NULL);
    ngx_conf_merge_ptr_value(conf->geo, prev->geo, NULL);
    ngx_conf_merge_ptr_value(conf->hops, prev->hops, NULL);
    ngx_conf_merge_ptr_value(conf->jwt, prev->jwt, NULL);
    ngx_conf_merge_ptr_value(conf->mtls, prev->mtls, NULL);
    ngx_conf_merge_ptr_value(conf->store, prev->store, NULL);
    ngx_conf_merge_ptr_value(conf->pepper, prev->pepper, NULL);
    ngx_conf_merge_ptr_value(conf->audit, prev->audit, NULL);

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sallyport_module);

    if (ngx_http_sallyport_take_location(cf, smcf, conf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_sallyport_take_location(ngx_conf_t *cf,
    ngx_http_sallyport_main_conf_t *smcf, ngx_http_sallyport_loc_conf_t *slcf)
{
    ngx_http_conf_ctx_t            *ctx;
    ngx_http_core_loc_conf_t       *clcf;
    ngx_http_sallyport_location_t  *location;

    ctx = cf->ctx;
    clcf = ctx->loc_conf[ngx_http_core_module.ctx_index];

    location = ngx_array_push(&smcf->locations);
    if (location == NULL) {
        return NGX_ERROR;
    }

    location->slcf = slcf;
    location->clcf = clcf;
    location->cscf = ctx->srv_conf[ngx_http_core_module.ctx_index];
    location->loc_conf = ctx->loc_conf;

    if (slcf->mode != NGX_HTTP_SALLYPORT_OFF) {
        smcf->enabled = 1;
    }

    /*
     * nginx answers a Content-Length over client_max_body_size before any
     * handler runs, so that no record could be made. The gate takes the limit
     * over: the core's own locations are merged by now and do not change. In
     * observe mode nginx keeps it.
     */

    slcf->max_body = clcf->client_max_body_size;

    if (slcf->mode == NGX_HTTP_SALLYPORT_ON) {
        clcf->client_max_body_size = 0;
    }

    return NGX_OK;
}


/* In the master, at a start and at each reload; not for "nginx -t". */

static ngx_int_t
ngx_http_sallyport_init_module(ngx_cycle_t *cycle)
{
    ngx_uint_t                       i;
    ngx_http_sallyport_store_t     **stores;
    ngx_http_sallyport_audit_t     **audits;
    ngx_http_sallyport_policy_t    **policies;
    ngx_http_sallyport_main_conf_t  *smcf;

    smcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_sallyport_module);

    if (smcf == NULL || !smcf->enabled || ngx_test_config) {
        return NGX_OK;
    }

    if (ngx_http_sallyport_state_init(cycle, smcf) != NGX_OK) {
        return ngx_is_init_cycle(cycle->old_cycle) ? NGX_ERROR : NGX_OK;
    }

    policies = smcf->policies.elts;

    for (i = 0; i < smcf->policies.nelts; i++) {
        if (ngx_http_sallyport_policy_init_module(cycle, policies[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    stores = smcf->stores.elts;

    for (i = 0; i < smcf->stores.nelts; i++) {
        if (ngx_http_sallyport_file_init_module(cycle, stores[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    audits = smcf->audits.elts;

    for (i = 0; i < smcf->audits.nelts; i++) {
        if (ngx_http_sallyport_audit_init_module(cycle, audits[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * A room that cannot start does not end the worker: it refuses requests,
 * while the other locations of this nginx are served.
 */

static ngx_int_t
ngx_http_sallyport_init_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                       i;
    ngx_http_sallyport_store_t     **stores;
    ngx_http_sallyport_audit_t     **audits;
    ngx_http_sallyport_main_conf_t  *smcf;

    smcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_sallyport_module);

    if (smcf == NULL || !smcf->enabled || !ngx_http_sallyport_serves()) {
        return NGX_OK;
    }

    if (ngx_http_sallyport_screen_init_process(cycle, smcf) != NGX_OK
        || ngx_http_sallyport_kept_init_process(cycle) != NGX_OK
        || ngx_http_sallyport_ctx_init_process(cycle) != NGX_OK
        || ngx_http_sallyport_caller_init_process(cycle, smcf) != NGX_OK
        || ngx_http_sallyport_policy_init_process(cycle, smcf) != NGX_OK
        || ngx_http_sallyport_follow_init_process(cycle, smcf) != NGX_OK
        || ngx_http_sallyport_journal_init_process(cycle, smcf->zone)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_sallyport_running_init_process(cycle);

    audits = smcf->audits.elts;

    for (i = 0; i < smcf->audits.nelts; i++) {
        if (ngx_http_sallyport_audit_init_process(cycle, audits[i],
                                                  smcf->zone)
            != NGX_OK)
        {
            ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                          "sallyport: audit directory #%ui cannot be used, "
                          "gated requests are refused", i + 1);
        }
    }

    stores = smcf->stores.elts;

    for (i = 0; i < smcf->stores.nelts; i++) {
        if (ngx_http_sallyport_store_init_process(cycle, stores[i])
            != NGX_OK)
        {
            ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                          "sallyport: store #%ui cannot be used, "
                          "its look-ups fail", i + 1);
        }
    }

    return NGX_OK;
}


static void
ngx_http_sallyport_exit_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                       i;
    ngx_http_sallyport_store_t     **stores;
    ngx_http_sallyport_audit_t     **audits;
    ngx_http_sallyport_main_conf_t  *smcf;

    smcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_sallyport_module);

    if (smcf == NULL || !smcf->enabled || !ngx_http_sallyport_serves()) {
        return;
    }

    ngx_http_sallyport_follow_exit_process(smcf);
    ngx_http_sallyport_policy_exit_process(smcf);

    stores = smcf->stores.elts;

    for (i = 0; i < smcf->stores.nelts; i++) {
        ngx_http_sallyport_store_exit_process(stores[i]);
    }

    audits = smcf->audits.elts;

    for (i = 0; i < smcf->audits.nelts; i++) {
        ngx_http_sallyport_audit_exit_process(audits[i]);
    }

    ngx_http_sallyport_journal_exit_process(smcf->zone);
}


/* init_process also runs in the cache manager and loader, which serve none. */

static ngx_uint_t
ngx_http_sallyport_serves(void)
{
    return ngx_process == NGX_PROCESS_WORKER
           || ngx_process == NGX_PROCESS_SINGLE;
}

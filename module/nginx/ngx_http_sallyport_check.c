
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what "nginx -t" says about a configuration with gates:
 * it refuses what would leave a door open beside them, and warns where
 * nginx's defaults do not fit model APIs. It runs once all is merged.
 *
 * The configuration of nginx's proxy modules is not public, but each of them
 * starts with an ngx_http_upstream_conf_t, which is.
 */


#include "ngx_http_sallyport_geo.h"
#include "ngx_http_sallyport_token.h"


#define NGX_HTTP_SALLYPORT_BODY_DEFAULT     1048576
#define NGX_HTTP_SALLYPORT_BUFFER_DEFAULT   16384
#define NGX_HTTP_SALLYPORT_TIMEOUT_DEFAULT  60000


static ngx_int_t ngx_http_sallyport_check_parts(ngx_conf_t *cf,
    ngx_http_sallyport_location_t *location);
static ngx_int_t ngx_http_sallyport_check_caller(ngx_conf_t *cf,
    ngx_http_sallyport_location_t *location);
static ngx_int_t ngx_http_sallyport_check_server(ngx_conf_t *cf,
    ngx_http_sallyport_location_t *location);
static ngx_int_t ngx_http_sallyport_check_passed(ngx_conf_t *cf,
    ngx_http_sallyport_location_t *location);
static ngx_int_t ngx_http_sallyport_check_listen(ngx_conf_t *cf);
static ngx_uint_t ngx_http_sallyport_gated(
    ngx_http_sallyport_main_conf_t *smcf, ngx_http_conf_addr_t *addr);
static ngx_int_t ngx_http_sallyport_check_error_pages(ngx_conf_t *cf,
    ngx_http_sallyport_location_t *location);
static ngx_http_sallyport_location_t *ngx_http_sallyport_check_find(
    ngx_http_sallyport_main_conf_t *smcf, ngx_http_core_srv_conf_t *cscf,
    ngx_str_t *uri);
static void ngx_http_sallyport_check_defaults(ngx_conf_t *cf,
    ngx_http_sallyport_location_t *location);
static ngx_http_upstream_conf_t *ngx_http_sallyport_check_upstream(
    ngx_conf_t *cf, ngx_http_sallyport_location_t *location);
static ngx_int_t ngx_http_sallyport_refuse(ngx_conf_t *cf,
    ngx_http_sallyport_location_t *location, const char *text);
static void ngx_http_sallyport_warn(ngx_conf_t *cf,
    ngx_http_sallyport_location_t *location, const char *text);


/* Content handlers of nginx that send requests on. */

static const char  *ngx_http_sallyport_forwarders[] = {
    "ngx_http_proxy_module",
    "ngx_http_grpc_module",
    "ngx_http_fastcgi_module",
    "ngx_http_uwsgi_module",
    "ngx_http_scgi_module",
    NULL
};


ngx_int_t
ngx_http_sallyport_check(ngx_conf_t *cf)
{
    ngx_uint_t                       i;
    ngx_http_sallyport_location_t   *location;
    ngx_http_sallyport_main_conf_t  *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sallyport_module);
    location = smcf->locations.elts;

    for (i = 0; i < smcf->locations.nelts; i++) {

        if (location[i].slcf->mode == NGX_HTTP_SALLYPORT_OFF) {
            continue;
        }

        if (smcf->zone == NULL) {
            return ngx_http_sallyport_refuse(cf, &location[i],
                       "no shared memory: add \"sallyport_zone 64m;\" to "
                       "http");
        }

        if (ngx_http_sallyport_check_parts(cf, &location[i]) != NGX_OK
            || ngx_http_sallyport_check_server(cf, &location[i]) != NGX_OK
            || ngx_http_sallyport_check_passed(cf, &location[i]) != NGX_OK
            || ngx_http_sallyport_check_error_pages(cf, &location[i])
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        ngx_http_sallyport_check_defaults(cf, &location[i]);
    }

    return ngx_http_sallyport_check_listen(cf);
}


static ngx_int_t
ngx_http_sallyport_check_parts(ngx_conf_t *cf,
    ngx_http_sallyport_location_t *location)
{
    ngx_http_sallyport_loc_conf_t  *slcf;

    slcf = location->slcf;

    if (slcf->policy == NULL) {
        return ngx_http_sallyport_refuse(cf, location,
                   "no policy: add \"sallyport_policy FILE;\", "
                   "without one every request would be refused");
    }

    if (slcf->store == NULL) {
        return ngx_http_sallyport_refuse(cf, location,
                   "no store of keys and accounts: add "
                   "\"sallyport_store redis://127.0.0.1:6379/0;\"");
    }

    if (slcf->pepper == NULL) {
        return ngx_http_sallyport_refuse(cf, location,
                   "no pepper: add \"sallyport_pepper FILE;\" with the "
                   "secret that the keys were made with");
    }

    if (slcf->audit == NULL) {
        return ngx_http_sallyport_refuse(cf, location,
                   "no audit log: add \"sallyport_audit DIR;\", "
                   "a verdict without a record is not sent");
    }

    return ngx_http_sallyport_check_caller(cf, location);
}


static ngx_int_t
ngx_http_sallyport_check_caller(ngx_conf_t *cf,
    ngx_http_sallyport_location_t *location)
{
    ngx_http_sallyport_geo_t  *geo;

    geo = location->slcf->geo;

    if (ngx_http_sallyport_policy_regions(location->slcf->policy,
                                  geo != NULL
                                  && geo->bases[SP_GEO_CITY] != NULL)
        != NGX_OK)
    {
        return ngx_http_sallyport_refuse(cf, location,
                   "its policy asks for subdivisions (SP211), by ip.region or "
                   "a list of them, and no database here knows any: add "
                   "city=FILE to \"sallyport_geo\"");
    }

    if (location->slcf->mtls != NULL
        && !ngx_http_sallyport_cert_asked(location->cscf))
    {
        return ngx_http_sallyport_refuse(cf, location,
                   "\"sallyport_mtls\" without \"ssl_verify_client on\" or "
                   "\"optional\" in its server: no certificate is verified");
    }

    if (geo == NULL || (geo->bases[SP_GEO_COUNTRY] == NULL
                        && geo->bases[SP_GEO_CITY] == NULL))
    {
        ngx_http_sallyport_warn(cf, location,
            "no country database: every ip.country is unknown, and unknown "
            "refuses; add \"sallyport_geo country=FILE;\"");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sallyport_check_server(ngx_conf_t *cf,
    ngx_http_sallyport_location_t *location)
{
    ngx_http_core_srv_conf_t  *cscf;

    cscf = location->cscf;

    if (cscf->underscores_in_headers) {
        return ngx_http_sallyport_refuse(cf, location,
                   "\"underscores_in_headers on\" lets X_Sallyport_Account "
                   "pass for the gate's own header; turn it off");
    }

    if (!cscf->ignore_invalid_headers) {
        return ngx_http_sallyport_refuse(cf, location,
                   "\"ignore_invalid_headers off\" hands over header names "
                   "that servers read in different ways; leave it on");
    }

    if (!cscf->merge_slashes) {
        return ngx_http_sallyport_refuse(cf, location,
                   "\"merge_slashes off\" makes other paths of the paths "
                   "that are judged; leave it on");
    }

    return NGX_OK;
}


/* What is judged and recorded must be what the upstream sees. */

static ngx_int_t
ngx_http_sallyport_check_passed(ngx_conf_t *cf,
    ngx_http_sallyport_location_t *location)
{
    ngx_http_upstream_conf_t  *ucf;

    ucf = ngx_http_sallyport_check_upstream(cf, location);

    if (ucf == NULL || location->slcf->mode != NGX_HTTP_SALLYPORT_ON) {
        return NGX_OK;
    }

    if (!ucf->pass_request_headers) {
        return ngx_http_sallyport_refuse(cf, location,
                   "\"proxy_pass_request_headers off\" keeps the id of the "
                   "gate's verdict from the upstream; leave it on");
    }

    if (!ucf->pass_request_body) {
        return ngx_http_sallyport_refuse(cf, location,
                   "\"proxy_pass_request_body off\" sends something else than "
                   "what was judged; leave it on");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sallyport_check_listen(ngx_conf_t *cf)
{
    ngx_uint_t                       p, a;
    ngx_http_conf_port_t            *port;
    ngx_http_conf_addr_t            *addr;
    ngx_http_core_main_conf_t       *cmcf;
    ngx_http_sallyport_main_conf_t  *smcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sallyport_module);

    if (cmcf->ports == NULL) {
        return NGX_OK;
    }

    port = cmcf->ports->elts;

    for (p = 0; p < cmcf->ports->nelts; p++) {

        addr = port[p].addrs.elts;

        for (a = 0; a < port[p].addrs.nelts; a++) {

            if (!ngx_http_sallyport_gated(smcf, &addr[a])) {
                continue;
            }

#if (nginx_version >= 1025000 && nginx_version < 1031000)
            if (addr[a].opt.quic) {
                ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                              "sallyport: %V listens for HTTP/3 in front of "
                              "a gate: before nginx 1.31.0 a client's "
                              "address there may be forged",
                              &addr[a].opt.addr_text);
                return NGX_ERROR;
            }
#endif

            if (port[p].family == AF_UNIX && !addr[a].opt.proxy_protocol) {
                ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                              "sallyport: %V listens in front of a gate "
                              "without proxy_protocol: clients have no "
                              "address there",
                              &addr[a].opt.addr_text);
            }
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_sallyport_gated(ngx_http_sallyport_main_conf_t *smcf,
    ngx_http_conf_addr_t *addr)
{
    ngx_uint_t                       s, i;
    ngx_http_core_srv_conf_t       **cscf;
    ngx_http_sallyport_location_t   *location;

    cscf = addr->servers.elts;
    location = smcf->locations.elts;

    for (s = 0; s < addr->servers.nelts; s++) {

        for (i = 0; i < smcf->locations.nelts; i++) {

            if (location[i].cscf == cscf[s]
                && location[i].slcf->mode != NGX_HTTP_SALLYPORT_OFF)
            {
                return 1;
            }
        }
    }

    return 0;
}


/*
 * An answer of nginx's own (408, 413, 500) may lead a request on that the
 * gate has not allowed. At run time such a request meets no content handler,
 * whatever the target is; here the certain cases are said in time.
 */

static ngx_int_t
ngx_http_sallyport_check_error_pages(ngx_conf_t *cf,
    ngx_http_sallyport_location_t *location)
{
    ngx_str_t                       *uri;
    ngx_uint_t                       i;
    ngx_array_t                     *pages;
    ngx_http_err_page_t             *page;
    ngx_http_sallyport_location_t   *target;
    ngx_http_sallyport_main_conf_t  *smcf;

    pages = location->clcf->error_pages;

    if (pages == NULL || location->slcf->mode != NGX_HTTP_SALLYPORT_ON) {
        return NGX_OK;
    }

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sallyport_module);
    page = pages->elts;

    for (i = 0; i < pages->nelts; i++) {

        uri = &page[i].value.value;

        if (page[i].value.lengths != NULL) {
            ngx_http_sallyport_warn(cf, location,
                "an error_page with variables cannot be checked");
            continue;
        }

        if (uri->len == 0 || (uri->data[0] != '/' && uri->data[0] != '@')) {
            continue;    /* a redirect that the client follows */
        }

        target = ngx_http_sallyport_check_find(smcf, location->cscf, uri);

        if (target == NULL
            || target->slcf->mode == NGX_HTTP_SALLYPORT_ON
            || ngx_http_sallyport_check_upstream(cf, target) == NULL)
        {
            continue;
        }

        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "sallyport: error_page \"%V\" of location \"%V\" leads "
                      "to location \"%V\", which passes requests on without "
                      "a gate: answer from a file, or set \"sallyport on\" "
                      "there (the gate is set in %s:%ui)",
                      uri, &location->clcf->name, &target->clcf->name,
                      location->slcf->file, location->slcf->line);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* The location of a server that takes a URI, as nginx would choose it. */

static ngx_http_sallyport_location_t *
ngx_http_sallyport_check_find(ngx_http_sallyport_main_conf_t *smcf,
    ngx_http_core_srv_conf_t *cscf, ngx_str_t *uri)
{
    ngx_uint_t                      i;
    ngx_http_core_loc_conf_t       *clcf;
    ngx_http_sallyport_location_t  *location, *best;

    best = NULL;
    location = smcf->locations.elts;

    for (i = 0; i < smcf->locations.nelts; i++) {

        clcf = location[i].clcf;

        if (location[i].cscf != cscf || clcf->noname || clcf->name.len == 0) {
            continue;
        }

#if (NGX_PCRE)
        if (clcf->regex != NULL) {

            if ((best == NULL || !best->clcf->noregex)
                && uri->data[0] == '/'
                && ngx_regex_exec(clcf->regex->regex, uri, NULL, 0) >= 0)
            {
                return &location[i];
            }

            continue;
        }
#endif

        if (clcf->name.len > uri->len
            || ngx_memcmp(clcf->name.data, uri->data, clcf->name.len) != 0)
        {
            continue;
        }

        if (clcf->name.len == uri->len
            && (clcf->exact_match || clcf->named))
        {
            return &location[i];
        }

        if (clcf->exact_match || clcf->named) {
            continue;
        }

        if (best == NULL || best->clcf->name.len < clcf->name.len) {
            best = &location[i];
        }
    }

    return best;
}


static void
ngx_http_sallyport_check_defaults(ngx_conf_t *cf,
    ngx_http_sallyport_location_t *location)
{
    ngx_http_core_loc_conf_t  *clcf;
    ngx_http_upstream_conf_t  *ucf;

    clcf = location->clcf;

    if (clcf->satisfy == NGX_HTTP_SATISFY_ANY) {
        ngx_http_sallyport_warn(cf, location,
            "\"satisfy any\" does not weaken the gate, but lets one of "
            "\"allow\" and \"auth_basic\" undo the other");
    }

    ucf = ngx_http_sallyport_check_upstream(cf, location);

    if (ucf == NULL) {
        return;
    }

    if (location->slcf->max_body == NGX_HTTP_SALLYPORT_BODY_DEFAULT) {
        ngx_http_sallyport_warn(cf, location,
            "client_max_body_size is 1m, nginx's default: images and long "
            "prompts are larger; 32m is usual");
    }

    if (clcf->client_body_buffer_size <= NGX_HTTP_SALLYPORT_BUFFER_DEFAULT) {
        ngx_http_sallyport_warn(cf, location,
            "client_body_buffer_size is nginx's default: prompts will be "
            "written to disk; 1m is usual");
    }

    if (ucf->buffering) {
        ngx_http_sallyport_warn(cf, location,
            "proxy_buffering is on: streams arrive in lumps; turn it off");
    }

    if (ucf->read_timeout <= NGX_HTTP_SALLYPORT_TIMEOUT_DEFAULT) {
        ngx_http_sallyport_warn(cf, location,
            "proxy_read_timeout is 60s or less: slow answers end in 504 and "
            "are asked for again; 600s is usual");
    }

#if (NGX_HTTP_CACHE)
    if (ucf->cache) {
        ngx_http_sallyport_warn(cf, location,
            "proxy_cache is on: unless its key holds the account, one "
            "account reads the answers of another");
    }
#endif
}


/* NULL: the location passes nothing on, as far as can be seen. */

static ngx_http_upstream_conf_t *
ngx_http_sallyport_check_upstream(ngx_conf_t *cf,
    ngx_http_sallyport_location_t *location)
{
    ngx_uint_t                 i, k;
    ngx_module_t             **modules;
    ngx_http_upstream_conf_t  *ucf;

    if (location->clcf->handler == NULL) {
        return NULL;
    }

    modules = cf->cycle->modules;

    for (i = 0; modules[i] != NULL; i++) {

        if (modules[i]->type != NGX_HTTP_MODULE) {
            continue;
        }

        for (k = 0; ngx_http_sallyport_forwarders[k] != NULL; k++) {

            if (ngx_strcmp(modules[i]->name, ngx_http_sallyport_forwarders[k])
                != 0)
            {
                continue;
            }

            ucf = location->loc_conf[modules[i]->ctx_index];

            if (ucf != NULL && ucf->upstream != NULL) {
                return ucf;
            }
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_sallyport_refuse(ngx_conf_t *cf,
    ngx_http_sallyport_location_t *location, const char *text)
{
    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "sallyport: location \"%V\": %s; the gate is set in %s:%ui",
                  &location->clcf->name, text, location->slcf->file,
                  location->slcf->line);

    return NGX_ERROR;
}


static void
ngx_http_sallyport_warn(ngx_conf_t *cf,
    ngx_http_sallyport_location_t *location, const char *text)
{
    ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                  "sallyport: location \"%V\": %s; the gate is set in %s:%ui",
                  &location->clcf->name, text, location->slcf->file,
                  location->slcf->line);
}

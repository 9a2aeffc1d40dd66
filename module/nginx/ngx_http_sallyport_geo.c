
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains GeoIP databases: the sallyport_geo and sallyport_hops
 * directives, the change to a new file, and the address that is looked up.
 */


#include "ngx_http_sallyport_directives.h"
#include "ngx_http_sallyport_geo.h"


static char *ngx_http_sallyport_geo_option(ngx_conf_t *cf,
    ngx_http_sallyport_geo_t *geo, ngx_str_t *files, const char **paths,
    ngx_str_t *value);
static char *ngx_http_sallyport_geo_nat64(ngx_conf_t *cf,
    ngx_http_sallyport_geo_t *geo, ngx_str_t *value);
static ngx_http_sallyport_base_t *ngx_http_sallyport_geo_base(ngx_conf_t *cf,
    ngx_http_sallyport_main_conf_t *smcf, sp_geo_kind_t kind, ngx_str_t *file,
    const char **paths);
static ngx_http_sallyport_base_t *ngx_http_sallyport_geo_known(
    ngx_http_sallyport_main_conf_t *smcf, sp_geo_kind_t kind, ngx_str_t *file,
    const char **paths);
static void ngx_http_sallyport_geo_renew(ngx_http_sallyport_geo_t *geo);
static void *ngx_http_sallyport_geo_load(ngx_http_sallyport_follow_t *follow,
    char *err, size_t errlen);
static void *ngx_http_sallyport_geo_take(ngx_http_sallyport_follow_t *follow,
    void *made, char *err, size_t errlen);
static ngx_uint_t ngx_http_sallyport_geo_refused(
    ngx_http_sallyport_base_t *base, sp_geo_t *db, char *err, size_t errlen);
static void ngx_http_sallyport_geo_drop(void *made);


static const char *const  ngx_http_sallyport_geo_whats[SP_GEO_KINDS] = {
    "country database", "city database", "database of autonomous systems",
    "database of anonymizers"
};


char *
ngx_http_sallyport_set_geo(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sallyport_loc_conf_t *slcf = conf;

    char                            *rv;
    ngx_str_t                       *value, files[SP_GEO_KINDS];
    ngx_uint_t                       i, n;
    const char                      *paths[SP_GEO_PATHS];
    ngx_http_sallyport_geo_t        *geo;
    ngx_http_sallyport_main_conf_t  *smcf;

    if (slcf->geo != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    ngx_memzero(files, sizeof(files));
    ngx_memzero(paths, sizeof(paths));

    geo = ngx_pcalloc(cf->pool, sizeof(ngx_http_sallyport_geo_t));
    if (geo == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        rv = ngx_http_sallyport_geo_option(cf, geo, files, paths, &value[i]);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sallyport_module);

    for (i = 0, n = 0; i < SP_GEO_KINDS; i++) {

        if (files[i].len == 0) {
            continue;
        }

        n++;
        geo->bases[i] = ngx_http_sallyport_geo_base(cf, smcf,
                                                    (sp_geo_kind_t) i,
                                                    &files[i], paths);
        if (geo->bases[i] == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (n == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" needs country=FILE", &cmd->name);
        return NGX_CONF_ERROR;
    }

    ngx_http_sallyport_geo_renew(geo);

    if (ngx_http_sallyport_remember(&smcf->geos, geo) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    slcf->geo = geo;

    return NGX_CONF_OK;
}


/* KIND=FILE, path.NAME=PATH (path=: the country's), nat64=PREFIX. */

static char *
ngx_http_sallyport_geo_option(ngx_conf_t *cf, ngx_http_sallyport_geo_t *geo,
    ngx_str_t *files, const char **paths, ngx_str_t *value)
{
    size_t       len;
    u_char      *p;
    ngx_str_t    rest;
    ngx_uint_t   i;

    p = (u_char *) ngx_strchr(value->data, '=');

    if (p == NULL || p[1] == '\0') {
        goto invalid;
    }

    len = p - value->data;
    rest.data = p + 1;
    rest.len = value->len - len - 1;

    for (i = 0; i < SP_GEO_KINDS; i++) {

        if (len == ngx_strlen(sp_geo_kind_names[i])
            && ngx_strncmp(value->data, sp_geo_kind_names[i], len) == 0)
        {
            if (files[i].len != 0) {
                goto invalid;
            }

            files[i] = rest;

            return ngx_conf_full_name(cf->cycle, &files[i], 1) == NGX_OK
                   ? NGX_CONF_OK : NGX_CONF_ERROR;
        }
    }

    if (len == 4 && ngx_strncmp(value->data, "path", 4) == 0
        && paths[SP_GEO_P_COUNTRY] == NULL)
    {
        paths[SP_GEO_P_COUNTRY] = (char *) rest.data;
        return NGX_CONF_OK;
    }

    for (i = 0; i < SP_GEO_PATHS; i++) {

        if (len == 5 + ngx_strlen(sp_geo_path_names[i])
            && ngx_strncmp(value->data, "path.", 5) == 0
            && ngx_strncmp(value->data + 5, sp_geo_path_names[i], len - 5) == 0
            && paths[i] == NULL)
        {
            paths[i] = (char *) rest.data;
            return NGX_CONF_OK;
        }
    }

    if (len == 5 && ngx_strncmp(value->data, "nat64", 5) == 0) {
        return ngx_http_sallyport_geo_nat64(cf, geo, &rest);
    }

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" of \"sallyport_geo\", it "
                       "takes country=FILE, city=FILE, asn=FILE and "
                       "anonymous=FILE, each once, path.NAME=PATH (country, "
                       "region, asn, tor, vpn, proxy, hosting, relay) and "
                       "nat64=PREFIX", value);

    return NGX_CONF_ERROR;
}


/* What is behind it is known to be IPv4: the operator's own translator's. */

static char *
ngx_http_sallyport_geo_nat64(ngx_conf_t *cf, ngx_http_sallyport_geo_t *geo,
    ngx_str_t *value)
{
    sp_str_t       s;
    sp_network_t  *network;

    s.data = value->data;
    s.len = value->len;

    network = &geo->nat64[geo->nnat64];

    if (geo->nnat64 == NGX_HTTP_SALLYPORT_NAT64
        || sp_network_parse(s, network) != SP_OK
        || network->bits != 96 || sp_addr_is_v4(&network->base))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"nat64=%V\" of \"sallyport_geo\" is no IPv6 "
                           "prefix of 96 bits, such as 64:ff9b::/96, or the "
                           "fifth", value);
        return NGX_CONF_ERROR;
    }

    geo->nnat64++;

    return NGX_CONF_OK;
}


static ngx_http_sallyport_base_t *
ngx_http_sallyport_geo_base(ngx_conf_t *cf,
    ngx_http_sallyport_main_conf_t *smcf, sp_geo_kind_t kind, ngx_str_t *file,
    const char **paths)
{
    ngx_uint_t                  i;
    ngx_http_sallyport_base_t  *base;

    base = ngx_http_sallyport_geo_known(smcf, kind, file, paths);

    if (base != NULL) {
        return base;
    }

    base = ngx_pcalloc(cf->pool, sizeof(ngx_http_sallyport_base_t));
    if (base == NULL) {
        return NULL;
    }

    base->smcf = smcf;
    base->kind = kind;

    for (i = 0; i < SP_GEO_PATHS; i++) {
        base->paths[i] = paths[i];
    }

    base->follow.file = *file;
    base->follow.what = ngx_http_sallyport_geo_whats[kind];
    base->follow.load = ngx_http_sallyport_geo_load;
    base->follow.take = ngx_http_sallyport_geo_take;
    base->follow.drop = ngx_http_sallyport_geo_drop;

    return ngx_http_sallyport_follow_add(cf, smcf, &base->follow) == NGX_OK
           ? base : NULL;
}


static ngx_http_sallyport_base_t *
ngx_http_sallyport_geo_known(ngx_http_sallyport_main_conf_t *smcf,
    sp_geo_kind_t kind, ngx_str_t *file, const char **paths)
{
    ngx_uint_t                  i, k, same;
    ngx_http_sallyport_geo_t  **geos;
    ngx_http_sallyport_base_t  *base;

    geos = smcf->geos.elts;

    for (i = 0; i < smcf->geos.nelts; i++) {
        base = geos[i]->bases[kind];

        if (base == NULL
            || ngx_strcmp(base->follow.file.data, file->data) != 0)
        {
            continue;
        }

        same = 1;

        for (k = 0; k < SP_GEO_PATHS; k++) {
            same &= (paths[k] == NULL) == (base->paths[k] == NULL)
                    && (paths[k] == NULL
                        || strcmp(paths[k], base->paths[k]) == 0);
        }

        if (same) {
            return base;
        }
    }

    return NULL;
}


static void
ngx_http_sallyport_geo_renew(ngx_http_sallyport_geo_t *geo)
{
    sp_geo_t    *db;
    ngx_uint_t   i;

    geo->oldest = UINT64_MAX;

    for (i = 0; i < SP_GEO_KINDS; i++) {
        db = geo->bases[i] == NULL ? NULL : geo->bases[i]->db;

        geo->set.db[i] = db;
        geo->builds[i] = db == NULL ? 0 : sp_geo_info(db)->build_epoch;

        if (db != NULL) {
            geo->oldest = ngx_min(geo->oldest, geo->builds[i]);
        }
    }
}


static void *
ngx_http_sallyport_geo_load(ngx_http_sallyport_follow_t *follow, char *err,
    size_t errlen)
{
    ngx_http_sallyport_base_t  *base;

    base = (ngx_http_sallyport_base_t *) follow;

    return sp_geo_open_kind(base->kind, (char *) follow->file.data,
                            base->paths, (uint64_t) time(NULL), err, errlen);
}


static void *
ngx_http_sallyport_geo_take(ngx_http_sallyport_follow_t *follow, void *made,
    char *err, size_t errlen)
{
    sp_geo_t                   *old;
    ngx_uint_t                  i;
    ngx_http_sallyport_geo_t  **geos;
    ngx_http_sallyport_base_t  *base;

    base = (ngx_http_sallyport_base_t *) follow;

    if (follow->running && made != NULL
        && ngx_http_sallyport_geo_refused(base, made, err, errlen))
    {
        return made;
    }

    old = base->db;
    base->db = made;

    geos = base->smcf->geos.elts;

    for (i = 0; i < base->smcf->geos.nelts; i++) {

        if (geos[i]->bases[base->kind] == base) {
            ngx_http_sallyport_geo_renew(geos[i]);
        }
    }

    if (made != NULL) {
        (void) ngx_snprintf((u_char *) err, errlen, ", built at %uL%Z",
                            sp_geo_info(made)->build_epoch);
    }

    return old;
}


/* What a policy in force would not ask does not take the place of another. */

static ngx_uint_t
ngx_http_sallyport_geo_refused(ngx_http_sallyport_base_t *base, sp_geo_t *db,
    char *err, size_t errlen)
{
    int64_t                         age, max_age;
    ngx_uint_t                      i;
    ngx_http_sallyport_edition_t   *edition;
    ngx_http_sallyport_location_t  *location;

    location = base->smcf->locations.elts;
    age = (int64_t) time(NULL) - (int64_t) sp_geo_info(db)->build_epoch;

    for (i = 0; i < base->smcf->locations.nelts; i++) {

        if (location[i].slcf->mode == NGX_HTTP_SALLYPORT_OFF
            || location[i].slcf->geo == NULL
            || location[i].slcf->policy == NULL
            || location[i].slcf->geo->bases[base->kind] != base)
        {
            continue;
        }

        edition = ngx_http_sallyport_policy_now(location[i].slcf->policy);

        if (edition == NULL) {
            continue;
        }

        max_age = sp_policy_max_age(edition->image, SP_AGED_GEOIP);

        if (max_age >= 0 && age > max_age) {
            (void) ngx_snprintf((u_char *) err, errlen, "it was built %L days "
                                "ago, and the policy lets it be %L days old "
                                "(sources: geoip: max_age)%Z", age / 86400,
                                max_age / 86400);
            return 1;
        }
    }

    return 0;
}


static void
ngx_http_sallyport_geo_drop(void *made)
{
    sp_geo_close(made);
}


char *
ngx_http_sallyport_set_hops(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sallyport_loc_conf_t *slcf = conf;

    sp_str_t       s;
    ngx_str_t     *value;
    ngx_uint_t     i;
    sp_network_t  *network;

    if (slcf->hops != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    slcf->hops = ngx_array_create(cf->pool, cf->args->nelts,
                                  sizeof(sp_network_t));
    if (slcf->hops == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        network = ngx_array_push(slcf->hops);
        if (network == NULL) {
            return NGX_CONF_ERROR;
        }

        s.data = value[i].data;
        s.len = value[i].len;

        if (sp_network_parse(s, network) != SP_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" in \"%V\" is no network, such as "
                               "10.0.0.0/8 or 2001:db8::/32 with no bits "
                               "behind its prefix", &value[i], &cmd->name);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


sp_ip_class_t
ngx_http_sallyport_geo_address(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_uint_t                 i;
    sp_ip_class_t              class;
    sp_network_t              *hops;
    ngx_connection_t          *c;
    ngx_http_sallyport_geo_t  *geo;

    c = ctx->request->connection;
    geo = ctx->slcf->geo;

    /* realip has put the client's address here, if it may be trusted */

    class = sp_addr_from_sockaddr(&ctx->addr, c->sockaddr, c->socklen);

    for (i = 0; geo != NULL && i < geo->nnat64; i++) {

        if (class != SP_IP_NONE
            && ngx_memcmp(ctx->addr.bytes, geo->nat64[i].base.bytes, 12) == 0)
        {
            ngx_memzero(ctx->addr.bytes, 10);
            ngx_memset(ctx->addr.bytes + 10, 0xff, 2);
            class = sp_addr_class(&ctx->addr);
            break;
        }
    }

    if (ctx->slcf->hops == NULL || class == SP_IP_NONE) {
        return class;
    }

    hops = ctx->slcf->hops->elts;

    for (i = 0; i < ctx->slcf->hops->nelts; i++) {

        if (sp_network_has(&hops[i], &ctx->addr)) {
            return SP_IP_NONE;
        }
    }

    return class;
}


const sp_geo_set_t *
ngx_http_sallyport_geo_now(ngx_http_sallyport_ctx_t *ctx, sp_geo_set_t *room)
{
    int64_t                    age, max_age;
    ngx_uint_t                 i;
    ngx_http_sallyport_geo_t  *geo;

    geo = ctx->slcf->geo;

    if (geo == NULL) {
        return NULL;
    }

    ngx_memcpy(ctx->geo_builds, geo->builds, sizeof(geo->builds));

    max_age = sp_policy_max_age(ctx->policy->image, SP_AGED_GEOIP);

    if (max_age < 0 || ngx_time() - (int64_t) geo->oldest <= max_age) {
        return &geo->set;
    }

    for (i = 0; i < SP_GEO_KINDS; i++) {
        room->db[i] = ngx_http_sallyport_geo_aged(geo, (sp_geo_kind_t) i,
                                                  ctx->policy->image, &age)
                      ? NULL : geo->set.db[i];
    }

    return room;
}


ngx_uint_t
ngx_http_sallyport_geo_aged(ngx_http_sallyport_geo_t *geo, sp_geo_kind_t kind,
    const sp_policy_t *policy, int64_t *age)
{
    int64_t  max_age;

    max_age = sp_policy_max_age(policy, SP_AGED_GEOIP);
    *age = ngx_time() - (int64_t) geo->builds[kind];

    return geo->set.db[kind] != NULL && max_age >= 0 && *age > max_age;
}


ngx_uint_t
ngx_http_sallyport_geos_ready(ngx_array_t *geos)
{
    ngx_uint_t                  i, k;
    ngx_http_sallyport_geo_t  **geo;

    geo = geos->elts;

    for (i = 0; i < geos->nelts; i++) {
        for (k = 0; k < SP_GEO_KINDS; k++) {

            if (geo[i]->bases[k] != NULL && geo[i]->bases[k]->db == NULL) {
                return 0;
            }
        }
    }

    return 1;
}


size_t
ngx_http_sallyport_geos_metrics_size(ngx_array_t *geos)
{
    return 256 + geos->nelts * SP_GEO_KINDS * 96;
}


u_char *
ngx_http_sallyport_geos_metrics(u_char *p, ngx_array_t *geos)
{
    ngx_uint_t                  i, k;
    ngx_http_sallyport_geo_t  **geo;

    if (geos->nelts == 0) {
        return p;
    }

    p = ngx_http_sallyport_metrics_head(p, "sallyport_geo_build_seconds",
                                        "gauge", "When a GeoIP database was "
                                        "built, in unix seconds.");
    geo = geos->elts;

    for (i = 0; i < geos->nelts; i++) {
        for (k = 0; k < SP_GEO_KINDS; k++) {

            if (geo[i]->set.db[k] != NULL) {
                p = ngx_sprintf(p, "sallyport_geo_build_seconds{geo=\"%ui\","
                                "kind=\"%s\"} %uL\n", i, sp_geo_kind_names[k],
                                geo[i]->builds[k]);
            }
        }
    }

    return p;
}

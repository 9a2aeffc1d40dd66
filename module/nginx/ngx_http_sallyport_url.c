
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the first word of the sallyport_store directive: where
 * the store is, and as whom it is spoken to.
 *
 *     redis://[USER:PASSWORD@]HOST[:PORT][/DB]
 *     rediss://...                                      by TLS
 *     redis+sentinel://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT].../NAME[/DB]
 *     rediss+sentinel://...
 *     unix:PATH
 *
 * Messages never show it: there may be a password in it.
 */


#include "ngx_http_sallyport_store.h"


typedef struct {
    ngx_str_t    scheme;
    ngx_uint_t   tls;           /* unsigned  tls:1; */
    ngx_uint_t   sentinel;      /* unsigned  sentinel:1; */
} ngx_http_sallyport_scheme_t;


static const ngx_http_sallyport_scheme_t *ngx_http_sallyport_store_scheme(
    ngx_conf_t *cf, ngx_str_t *value);
static u_char *ngx_http_sallyport_store_db_of(
    ngx_http_sallyport_store_t *store, u_char *p, u_char *end);
static ngx_int_t ngx_http_sallyport_store_host(ngx_conf_t *cf,
    ngx_http_sallyport_place_t *place, ngx_str_t *text);
static ngx_int_t ngx_http_sallyport_store_sentinels(ngx_conf_t *cf,
    ngx_http_sallyport_place_t *place, u_char *p, u_char *end);
static ngx_int_t ngx_http_sallyport_store_sentinel(ngx_conf_t *cf,
    ngx_http_sallyport_place_t *place, ngx_str_t *text);
static ngx_int_t ngx_http_sallyport_store_login(ngx_conf_t *cf,
    ngx_http_sallyport_store_t *store, u_char *p, u_char *at);
static ngx_int_t ngx_http_sallyport_store_unescape(ngx_conf_t *cf,
    ngx_str_t *dst, u_char *p, u_char *end);


static const ngx_http_sallyport_scheme_t  ngx_http_sallyport_schemes[] = {
    { ngx_string("redis://"), 0, 0 },
    { ngx_string("rediss://"), 1, 0 },
    { ngx_string("sentinel://"), 0, 1 },
    { ngx_string("redis+sentinel://"), 0, 1 },
    { ngx_string("rediss+sentinel://"), 1, 1 }
};


ngx_int_t
ngx_http_sallyport_store_url(ngx_conf_t *cf, ngx_http_sallyport_store_t *store,
    ngx_str_t *value)
{
    u_char                             *p, *end, *at, *slash;
    ngx_str_t                           text;
    ngx_http_sallyport_place_t         *place;
    const ngx_http_sallyport_scheme_t  *scheme;

    place = ngx_pcalloc(cf->pool, sizeof(ngx_http_sallyport_place_t));
    store->tls = ngx_pcalloc(cf->pool, sizeof(ngx_http_sallyport_tls_t));

    if (place == NULL || store->tls == NULL) {
        return NGX_ERROR;
    }

    place->store = store;
    place->clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    store->place = place;

    if (ngx_strncmp(value->data, "unix:", 5) == 0) {
        return ngx_http_sallyport_store_host(cf, place, value);
    }

    scheme = ngx_http_sallyport_store_scheme(cf, value);

    if (scheme == NULL) {
        return NGX_ERROR;
    }

    store->tls->on = scheme->tls;

    p = value->data + scheme->scheme.len;
    end = value->data + value->len;

    /* the last "@": a password may hold one */

    for (at = end; at > p && at[-1] != '@'; at--) { /* void */ }

    if (at > p) {
        if (ngx_http_sallyport_store_login(cf, store, p, at - 1) != NGX_OK) {
            return NGX_ERROR;
        }

        p = at;
    }

    slash = ngx_strlchr(p, end, '/');

    if (scheme->sentinel) {

        if (slash != NULL) {
            place->master.data = slash + 1;
            place->master.len = ngx_http_sallyport_store_db_of(store,
                                                               slash + 1, end)
                                - slash - 1;
        }

        if (place->master.len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "the store's URL does not name the primary; "
                               "write for example redis+sentinel://10.0.0.1,"
                               "10.0.0.2,10.0.0.3/mymaster");
            return NGX_ERROR;
        }

        return ngx_http_sallyport_store_sentinels(cf, place, p, slash);
    }

    end = ngx_http_sallyport_store_db_of(store, p, end);

    text.data = p;
    text.len = end - p;

    if (text.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the store's URL has no host; write for example "
                           "redis://127.0.0.1:6379/0");
        return NGX_ERROR;
    }

    return ngx_http_sallyport_store_host(cf, place, &text);
}


static const ngx_http_sallyport_scheme_t *
ngx_http_sallyport_store_scheme(ngx_conf_t *cf, ngx_str_t *value)
{
    ngx_uint_t                          i;
    const ngx_http_sallyport_scheme_t  *scheme;
    static const char                  *later[] = {
        "redis+tls:", "redis+cluster:", "rediss+cluster:", "redis-cluster:",
        "cluster:", "valkey", "redis-sentinel:"
    };

    for (i = 0; i < sizeof(ngx_http_sallyport_schemes)
                    / sizeof(ngx_http_sallyport_schemes[0]); i++)
    {
        scheme = &ngx_http_sallyport_schemes[i];

        if (ngx_strncmp(value->data, scheme->scheme.data, scheme->scheme.len)
            == 0)
        {
            return scheme;
        }
    }

    for (i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
        if (ngx_strncmp(value->data, later[i], ngx_strlen(later[i])) == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "a store at \"%s\" is not in this version; "
                               "use redis://HOST:PORT/DB, rediss:// for TLS, "
                               "redis+sentinel://HOST,HOST,HOST/NAME, "
                               "unix:PATH or file:PATH", later[i]);
            return NULL;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "the store's URL must begin with \"redis://\", "
                       "\"rediss://\", \"redis+sentinel://\", "
                       "\"rediss+sentinel://\", \"unix:\" or \"file:\", "
                       "for example redis://127.0.0.1:6379/0");
    return NULL;
}


/* Cuts "/DB" off; returns where the rest ends. */

static u_char *
ngx_http_sallyport_store_db_of(ngx_http_sallyport_store_t *store, u_char *p,
    u_char *end)
{
    u_char  *slash;

    slash = ngx_strlchr(p, end, '/');

    if (slash == NULL) {
        return end;
    }

    store->db.data = slash + 1;
    store->db.len = end - slash - 1;

    return slash;
}


/* A name that is not known yet may be, to a resolver, when it is needed. */

static ngx_int_t
ngx_http_sallyport_store_host(ngx_conf_t *cf,
    ngx_http_sallyport_place_t *place, ngx_str_t *text)
{
    ngx_url_t  u;

    ngx_memzero(&u, sizeof(ngx_url_t));
    u.url = *text;
    u.default_port = 6379;
    u.no_resolve = 1;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK
        || u.host.len > NGX_HTTP_SALLYPORT_HOST_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the store's address \"%V\" cannot be used: %s",
                           text, u.err != NULL ? u.err : "it is invalid");
        return NGX_ERROR;
    }

    place->store->name = u.url;
    place->port = u.port;

    if (u.family != AF_UNIX) {
        place->host = u.host;
    }

    if (u.naddrs == 0) {
        place->named = 1;

        ngx_memzero(&u, sizeof(ngx_url_t));
        u.url = *text;
        u.default_port = 6379;

        place->unknown = (ngx_parse_url(cf->pool, &u) != NGX_OK);
    }

    place->addrs = u.addrs;
    place->naddrs = place->unknown ? 0 : u.naddrs;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sallyport_store_sentinels(ngx_conf_t *cf,
    ngx_http_sallyport_place_t *place, u_char *p, u_char *end)
{
    u_char     *comma;
    ngx_str_t   text;

    place->sentinels = ngx_pcalloc(cf->pool, NGX_HTTP_SALLYPORT_SENTINELS
                                     * sizeof(ngx_http_sallyport_sentinel_t));
    if (place->sentinels == NULL) {
        return NGX_ERROR;
    }

    place->store->name.data = p;
    place->store->name.len = place->master.data + place->master.len - p;

    for (comma = p; comma < end; p = comma + 1) {
        comma = ngx_strlchr(p, end, ',');
        comma = comma != NULL ? comma : end;

        text.data = p;
        text.len = comma - p;

        if (ngx_http_sallyport_store_sentinel(cf, place, &text) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sallyport_store_sentinel(ngx_conf_t *cf,
    ngx_http_sallyport_place_t *place, ngx_str_t *text)
{
    u_char                         *p;
    ngx_url_t                       u;
    ngx_http_sallyport_sentinel_t  *sentinel;

    ngx_memzero(&u, sizeof(ngx_url_t));
    u.url = *text;
    u.default_port = 26379;

    if (text->len == 0 || ngx_parse_url(cf->pool, &u) != NGX_OK
        || u.host.len > NGX_HTTP_SALLYPORT_HOST_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the store's Sentinel \"%V\" cannot be used: %s",
                           text, u.err != NULL ? u.err : "it is invalid");
        return NGX_ERROR;
    }

    if (place->nsentinels == NGX_HTTP_SALLYPORT_SENTINELS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the store has more than %d Sentinels",
                           NGX_HTTP_SALLYPORT_SENTINELS);
        return NGX_ERROR;
    }

    sentinel = &place->sentinels[place->nsentinels++];

    sentinel->addrs = u.addrs;
    sentinel->naddrs = u.naddrs;
    sentinel->url_host = u.host;

    sentinel->label.len = place->store->name.len + text->len
                          + sizeof("\", of which the Sentinel \"") - 1;
    p = ngx_pnalloc(cf->pool, sentinel->label.len);

    if (p == NULL) {
        return NGX_ERROR;
    }

    sentinel->label.data = p;
    ngx_sprintf(p, "%V\", of which the Sentinel \"%V", &place->store->name,
                text);

    return NGX_OK;
}


/* "user:password" or ":password", percent-encoded. */

static ngx_int_t
ngx_http_sallyport_store_login(ngx_conf_t *cf,
    ngx_http_sallyport_store_t *store, u_char *p, u_char *at)
{
    u_char  *colon;

    colon = ngx_strlchr(p, at, ':');

    if (colon == NULL || colon + 1 == at) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the store's URL has a user but no password; write "
                           "redis://USER:PASSWORD@HOST, redis://:PASSWORD@HOST "
                           "or, better, user=NAME password_file=FILE");
        return NGX_ERROR;
    }

    if (ngx_http_sallyport_store_unescape(cf, &store->user, p, colon)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_sallyport_store_unescape(cf, &store->password, colon + 1,
                                             at);
}


static ngx_int_t
ngx_http_sallyport_store_unescape(ngx_conf_t *cf, ngx_str_t *dst, u_char *p,
    u_char *end)
{
    u_char  *d;

    dst->data = ngx_pnalloc(cf->pool, end - p + 1);
    if (dst->data == NULL) {
        return NGX_ERROR;
    }

    d = dst->data;
    ngx_unescape_uri(&d, &p, end - p, 0);
    dst->len = d - dst->data;

    if (dst->len > NGX_HTTP_SALLYPORT_SECRET_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the store's user or password is longer than "
                           "%d bytes", NGX_HTTP_SALLYPORT_SECRET_MAX);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains client certificates as credentials: the sallyport_mtls
 * directive. nginx has verified the chain when the connection began; here it
 * is told whose the certificate is, by its name or by a file that says so.
 */


#include "ngx_http_sallyport_directives.h"
#include "ngx_http_sallyport_token.h"

#if (NGX_HTTP_SSL)
#include <openssl/x509v3.h>
#endif


#define NGX_HTTP_SALLYPORT_MAP_MAX   (4 * 1024 * 1024)   /* bytes */
#define NGX_HTTP_SALLYPORT_IDENTITY  256


typedef enum {
    NGX_HTTP_SALLYPORT_BY_CN = 0,
    NGX_HTTP_SALLYPORT_BY_URI,
    NGX_HTTP_SALLYPORT_BY_FINGERPRINT
} ngx_http_sallyport_cert_by_t;


/* In the text of the file: sorted, each once. */
typedef struct {
    sp_str_t                      identity;
    sp_str_t                      account;
} ngx_http_sallyport_cert_row_t;


typedef struct {
    char                         *text;
    ngx_http_sallyport_cert_row_t  *rows;
    size_t                        n;
} ngx_http_sallyport_cert_map_t;


struct ngx_http_sallyport_mtls_s {
    ngx_http_sallyport_follow_t   follow;    /* first; of map=, or unused */
    ngx_http_sallyport_cert_by_t  by;
    sp_str_t                      prefix;
    ngx_uint_t                    mapped;    /* unsigned  mapped:1; */
    ngx_http_sallyport_cert_map_t  *map;
};


static char *ngx_http_sallyport_cert_option(ngx_conf_t *cf,
    ngx_http_sallyport_mtls_t *mtls, ngx_str_t *value);
static void *ngx_http_sallyport_cert_load(ngx_http_sallyport_follow_t *follow,
    char *err, size_t errlen);
static sp_rc_t ngx_http_sallyport_cert_lines(
    ngx_http_sallyport_cert_map_t *map, size_t len, char *err,
    size_t errlen);
static int ngx_http_sallyport_cert_order(const void *one, const void *two);
static void *ngx_http_sallyport_cert_take(ngx_http_sallyport_follow_t *follow,
    void *made, char *err, size_t errlen);
static void ngx_http_sallyport_cert_drop(void *made);

#if (NGX_HTTP_SSL)
static ngx_http_sallyport_cert_t ngx_http_sallyport_cert_read(
    ngx_http_sallyport_ctx_t *ctx, X509 *cert);
static sp_rc_t ngx_http_sallyport_cert_cn(X509 *cert, u_char *buf,
    sp_str_t *identity);
static sp_rc_t ngx_http_sallyport_cert_uri(X509 *cert, u_char *buf,
    sp_str_t *identity);
static int64_t ngx_http_sallyport_cert_time(const ASN1_TIME *time,
    int64_t none);
#endif


char *
ngx_http_sallyport_set_mtls(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sallyport_loc_conf_t *slcf = conf;

    char                            *rv;
    ngx_str_t                       *value;
    ngx_uint_t                       i;
    ngx_http_sallyport_mtls_t       *mtls;
    ngx_http_sallyport_main_conf_t  *smcf;

    if (slcf->mtls != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    mtls = ngx_pcalloc(cf->pool, sizeof(ngx_http_sallyport_mtls_t));
    if (mtls == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        rv = ngx_http_sallyport_cert_option(cf, mtls, &value[i]);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    if (!mtls->mapped
        && (mtls->by == NGX_HTTP_SALLYPORT_BY_FINGERPRINT
            || (mtls->by == NGX_HTTP_SALLYPORT_BY_URI
                && mtls->prefix.len == 0)))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" by fingerprint needs map=FILE, and by "
                           "SAN-URI that or prefix=TEXT", &cmd->name);
        return NGX_CONF_ERROR;
    }

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sallyport_module);

    if (mtls->mapped
        && ngx_http_sallyport_follow_add(cf, smcf, &mtls->follow) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    slcf->mtls = mtls;

    return NGX_CONF_OK;
}


static char *
ngx_http_sallyport_cert_option(ngx_conf_t *cf,
    ngx_http_sallyport_mtls_t *mtls, ngx_str_t *value)
{
    ngx_uint_t  i;

    static const char *const  by[] = { "account=CN", "account=SAN-URI",
                                       "account=fingerprint" };

    for (i = 0; i < sp_nelts(by); i++) {

        if (ngx_strcmp(value->data, by[i]) == 0) {
            mtls->by = (ngx_http_sallyport_cert_by_t) i;
            return NGX_CONF_OK;
        }
    }

    if (ngx_strncmp(value->data, "prefix=", 7) == 0 && value->len > 7) {
        mtls->prefix.data = value->data + 7;
        mtls->prefix.len = value->len - 7;
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value->data, "map=", 4) == 0 && value->len > 4) {
        mtls->follow.file.data = value->data + 4;
        mtls->follow.file.len = value->len - 4;
        mtls->follow.what = "map of certificates";
        mtls->follow.load = ngx_http_sallyport_cert_load;
        mtls->follow.take = ngx_http_sallyport_cert_take;
        mtls->follow.drop = ngx_http_sallyport_cert_drop;
        mtls->mapped = 1;

        return ngx_conf_full_name(cf->cycle, &mtls->follow.file, 1) == NGX_OK
               ? NGX_CONF_OK : NGX_CONF_ERROR;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" of \"sallyport_mtls\", it "
                       "takes account=CN, account=SAN-URI or "
                       "account=fingerprint, prefix=TEXT and map=FILE",
                       value);

    return NGX_CONF_ERROR;
}


/* Lines "IDENTITY ACCOUNT"; '#' begins one that says nothing. */

static void *
ngx_http_sallyport_cert_load(ngx_http_sallyport_follow_t *follow, char *err,
    size_t errlen)
{
    FILE                           *f;
    size_t                          len;
    ngx_http_sallyport_cert_map_t  *map;

    map = calloc(1, sizeof(ngx_http_sallyport_cert_map_t));

    if (map != NULL) {
        map->text = malloc(NGX_HTTP_SALLYPORT_MAP_MAX + 1);
    }

    f = fopen((char *) follow->file.data, "rbe");

    if (map == NULL || map->text == NULL || f == NULL) {
        (void) snprintf(err, errlen, "%s", f == NULL ? strerror(errno)
                                                     : "no memory");
        goto failed;
    }

    len = fread(map->text, 1, NGX_HTTP_SALLYPORT_MAP_MAX + 1, f);

    if (ferror(f) || len > NGX_HTTP_SALLYPORT_MAP_MAX) {
        (void) snprintf(err, errlen, "it cannot be read, or has more than "
                        "4 MiB");
        goto failed;
    }

    if (ngx_http_sallyport_cert_lines(map, len, err, errlen) != SP_OK) {
        goto failed;
    }

    (void) fclose(f);

    return map;

failed:

    if (f != NULL) {
        (void) fclose(f);
    }

    if (map != NULL) {
        ngx_http_sallyport_cert_drop(map);
    }

    return NULL;
}


static sp_rc_t
ngx_http_sallyport_cert_lines(ngx_http_sallyport_cert_map_t *map, size_t len,
    char *err, size_t errlen)
{
    char                           *p, *end, *last, *space;
    size_t                          i, lines;
    ngx_http_sallyport_cert_row_t  *row;

    last = map->text + len;

    for (p = map->text, lines = 1; p < last; p++) {
        lines += *p == '\n';
    }

    map->rows = calloc(lines, sizeof(ngx_http_sallyport_cert_row_t));

    if (map->rows == NULL) {
        (void) snprintf(err, errlen, "no memory");
        return SP_ERROR;
    }

    for (p = map->text, i = 1; p < last; p = end + 1, i++) {
        end = memchr(p, '\n', last - p);
        end = end == NULL ? last : end;

        if (p == end || *p == '#') {
            continue;
        }

        row = &map->rows[map->n];
        space = memchr(p, ' ', end - p);

        if (space != NULL) {
            row->identity.data = (u_char *) p;
            row->identity.len = space - p;
            row->account.data = (u_char *) space + 1;
            row->account.len = end - space - 1;
        }

        if (space == NULL || row->identity.len == 0
            || row->identity.len > NGX_HTTP_SALLYPORT_IDENTITY
            || !sp_id_valid(row->account))
        {
            (void) snprintf(err, errlen, "line %zu is not \"IDENTITY "
                            "ACCOUNT\"", i);
            return SP_ERROR;
        }

        map->n++;
    }

    qsort(map->rows, map->n, sizeof(ngx_http_sallyport_cert_row_t),
          ngx_http_sallyport_cert_order);

    for (i = 1; i < map->n; i++) {

        if (sp_str_eq(map->rows[i].identity, map->rows[i - 1].identity)) {
            (void) snprintf(err, errlen, "\"%.*s\" is in it twice",
                            (int) map->rows[i].identity.len,
                            map->rows[i].identity.data);
            return SP_ERROR;
        }
    }

    return SP_OK;
}


static int
ngx_http_sallyport_cert_order(const void *one, const void *two)
{
    int                                   rc;
    const ngx_http_sallyport_cert_row_t  *a, *b;

    a = one;
    b = two;
    rc = memcmp(a->identity.data, b->identity.data,
                ngx_min(a->identity.len, b->identity.len));

    return rc != 0 ? rc : (a->identity.len > b->identity.len)
                          - (a->identity.len < b->identity.len);
}


static void *
ngx_http_sallyport_cert_take(ngx_http_sallyport_follow_t *follow, void *made,
    char *err, size_t errlen)
{
    ngx_http_sallyport_mtls_t      *mtls;
    ngx_http_sallyport_cert_map_t  *old;

    mtls = (ngx_http_sallyport_mtls_t *) follow;

    old = mtls->map;
    mtls->map = made;

    if (made != NULL) {
        (void) snprintf(err, errlen, ", of %zu certificates", mtls->map->n);
    }

    return old;
}


static void
ngx_http_sallyport_cert_drop(void *made)
{
    ngx_http_sallyport_cert_map_t  *map;

    map = made;

    free(map->rows);
    free(map->text);
    free(map);
}


#if (NGX_HTTP_SSL)

ngx_http_sallyport_cert_t
ngx_http_sallyport_certificate(ngx_http_sallyport_ctx_t *ctx)
{
    X509                       *cert;
    ngx_connection_t           *c;
    ngx_http_sallyport_cert_t   rc;

    c = ctx->request->connection;

    if (c->ssl == NULL) {
        return NGX_HTTP_SALLYPORT_CERT_NONE;
    }

    cert = SSL_get_peer_certificate(c->ssl->connection);

    if (cert == NULL) {
        return NGX_HTTP_SALLYPORT_CERT_NONE;
    }

    rc = NGX_HTTP_SALLYPORT_CERT_UNKNOWN;

    if (SSL_get_verify_result(c->ssl->connection) == X509_V_OK) {
        rc = ngx_http_sallyport_cert_read(ctx, cert);
    }

    X509_free(cert);

    return rc;
}


/* The certificate as a key: its times, its account, a name made of it. */

static ngx_http_sallyport_cert_t
ngx_http_sallyport_cert_read(ngx_http_sallyport_ctx_t *ctx, X509 *cert)
{
    u_char                         *p, buf[NGX_HTTP_SALLYPORT_IDENTITY];
    sp_rc_t                         rc;
    sp_key_t                       *key;
    unsigned                        n;
    unsigned char                   digest[EVP_MAX_MD_SIZE];
    unsigned char                   hex[64];
    ngx_http_sallyport_mtls_t      *mtls;
    ngx_http_sallyport_cert_row_t   wanted, *row;

    mtls = ctx->slcf->mtls;
    key = &ctx->key_room;

    if (X509_digest(cert, EVP_sha256(), digest, &n) != 1 || n != 32) {
        return NGX_HTTP_SALLYPORT_CERT_UNKNOWN;
    }

    sp_hex(digest, 32, hex);

    switch (mtls->by) {

    case NGX_HTTP_SALLYPORT_BY_CN:
        rc = ngx_http_sallyport_cert_cn(cert, buf, &wanted.identity);
        break;

    case NGX_HTTP_SALLYPORT_BY_URI:
        rc = ngx_http_sallyport_cert_uri(cert, buf, &wanted.identity);
        break;

    default: /* NGX_HTTP_SALLYPORT_BY_FINGERPRINT */
        wanted.identity.data = hex;
        wanted.identity.len = sizeof(hex);
        rc = SP_OK;
    }

    if (rc != SP_OK || wanted.identity.len < mtls->prefix.len
        || ngx_memcmp(wanted.identity.data, mtls->prefix.data,
                      mtls->prefix.len)
           != 0)
    {
        return NGX_HTTP_SALLYPORT_CERT_UNKNOWN;
    }

    wanted.identity.data += mtls->prefix.len;
    wanted.identity.len -= mtls->prefix.len;
    wanted.account = wanted.identity;

    if (mtls->mapped) {
        row = bsearch(&wanted, mtls->map->rows, mtls->map->n,
                      sizeof(ngx_http_sallyport_cert_row_t),
                      ngx_http_sallyport_cert_order);

        if (row == NULL) {
            return NGX_HTTP_SALLYPORT_CERT_UNKNOWN;
        }

        wanted.account = row->account;
    }

    if (!sp_id_valid(wanted.account)) {
        return NGX_HTTP_SALLYPORT_CERT_UNKNOWN;
    }

    ngx_memzero(key, sizeof(sp_key_t));

    key->schema = 1;
    key->status = SP_KEY_ACTIVE;
    key->not_before = ngx_http_sallyport_cert_time(X509_get0_notBefore(cert),
                                                   INT64_MAX);
    key->expires_at = ngx_http_sallyport_cert_time(X509_get0_notAfter(cert),
                                                   0);
    key->account_len = (uint8_t) wanted.account.len;
    ngx_memcpy(key->account, wanted.account.data, wanted.account.len);

    p = ngx_cpymem(key->name, "cert:", 5);
    p = ngx_cpymem(p, hex, 32);
    key->name_len = (uint8_t) (p - (u_char *) key->name);

    ngx_memcpy(ctx->name, key->account, SP_ID_LEN);
    ctx->cert_account.data = ctx->name;
    ctx->cert_account.len = key->account_len;

    return NGX_HTTP_SALLYPORT_CERT_FINE;
}


/* The common name, if there is one alone. */

static sp_rc_t
ngx_http_sallyport_cert_cn(X509 *cert, u_char *buf, sp_str_t *identity)
{
    int           at, len;
    u_char       *text;
    X509_NAME    *name;

    name = X509_get_subject_name(cert);
    at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);

    if (at < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, at) >= 0) {
        return SP_ERROR;
    }

    len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(
                                         X509_NAME_get_entry(name, at)));
    if (len < 0) {
        return SP_ERROR;
    }

    if (len > 0 && len <= NGX_HTTP_SALLYPORT_IDENTITY) {
        ngx_memcpy(buf, text, len);
        identity->data = buf;
        identity->len = len;

    } else {
        len = 0;
    }

    OPENSSL_free(text);

    return len > 0 ? SP_OK : SP_ERROR;
}


/* The URI among the other names of the subject, if there is one alone. */

static sp_rc_t
ngx_http_sallyport_cert_uri(X509 *cert, u_char *buf, sp_str_t *identity)
{
    int             i, n, len;
    sp_rc_t         rc;
    GENERAL_NAME   *name;
    GENERAL_NAMES  *names;

    names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);

    if (names == NULL) {
        return SP_ERROR;
    }

    rc = SP_ERROR;

    for (i = 0, n = 0; i < sk_GENERAL_NAME_num(names); i++) {
        name = sk_GENERAL_NAME_value(names, i);

        if (name->type != GEN_URI) {
            continue;
        }

        len = ASN1_STRING_length(name->d.uniformResourceIdentifier);

        if (++n == 1 && len > 0 && len <= NGX_HTTP_SALLYPORT_IDENTITY) {
            ngx_memcpy(buf, ASN1_STRING_get0_data(
                                name->d.uniformResourceIdentifier), len);
            identity->data = buf;
            identity->len = len;
            rc = SP_OK;
        }
    }

    GENERAL_NAMES_free(names);

    return n == 1 ? rc : SP_ERROR;
}


static int64_t
ngx_http_sallyport_cert_time(const ASN1_TIME *time, int64_t none)
{
    struct tm  tm;

    if (ASN1_TIME_to_tm(time, &tm) != 1) {
        return none;
    }

    return (int64_t) timegm(&tm);
}


ngx_uint_t
ngx_http_sallyport_cert_asked(ngx_http_core_srv_conf_t *cscf)
{
    ngx_http_ssl_srv_conf_t  *sscf;

    sscf = cscf->ctx->srv_conf[ngx_http_ssl_module.ctx_index];

    /* "optional_no_ca" takes certificates that nobody has signed */

    return sscf->verify == 1 || sscf->verify == 2;
}

#else

ngx_http_sallyport_cert_t
ngx_http_sallyport_certificate(ngx_http_sallyport_ctx_t *ctx)
{
    return NGX_HTTP_SALLYPORT_CERT_NONE;
}


ngx_uint_t
ngx_http_sallyport_cert_asked(ngx_http_core_srv_conf_t *cscf)
{
    return 0;
}

#endif

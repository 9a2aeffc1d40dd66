
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the upstream sees of an allowed request's head: a
 * fresh list of header lines, without the client's credential and without
 * anything that claims to come from the gate.
 *
 * The old list stays where it is: r->headers_in points into it, and an
 * internal redirect to another gate goes back to it.
 */


#include "ngx_http_sallyport_decode.h"


#define NGX_HTTP_SALLYPORT_OWN_HEADERS  3    /* at most, on one request */


/* Lower-case, with the hash by which proxy_set_header finds it. */

typedef struct {
    ngx_str_t   name;
    ngx_uint_t  hash;    /* set once, when the configuration is read */
} ngx_http_sallyport_name_t;


/* The first letters of what is ever dropped: Accept-*, Sec-*, Upgrade, X-*. */

#define ngx_http_sallyport_may_drop(h)                                        \
    ((h)->key.len >= sizeof("upgrade") - 1                                    \
     && (((h)->key.data[0] | 0x20) == 'x'                                     \
         || ((h)->key.data[0] | 0x20) == 'a'                                  \
         || ((h)->key.data[0] | 0x20) == 's'                                  \
         || ((h)->key.data[0] | 0x20) == 'u'))


static void ngx_http_sallyport_headers_swap(ngx_http_sallyport_ctx_t *ctx,
    ngx_table_elt_t *lines, ngx_uint_t used, ngx_uint_t allocated);
static ngx_uint_t ngx_http_sallyport_dropped(ngx_uint_t credential,
    ngx_table_elt_t *h);
static ngx_uint_t ngx_http_sallyport_named(ngx_str_t *name, const char *want,
    size_t len);
static ngx_table_elt_t *ngx_http_sallyport_add(ngx_table_elt_t *h,
    ngx_http_sallyport_name_t *name, u_char *data, size_t len);
static ngx_table_elt_t *ngx_http_sallyport_replace(
    ngx_http_sallyport_ctx_t *ctx, ngx_table_elt_t *h);


static ngx_http_sallyport_name_t  ngx_http_sallyport_id_header =
    { ngx_string("x-sallyport-id"), 0 };
static ngx_http_sallyport_name_t  ngx_http_sallyport_account_header =
    { ngx_string("x-sallyport-account"), 0 };
static ngx_http_sallyport_name_t  ngx_http_sallyport_key_header =
    { ngx_string("x-api-key"), 0 };
static ngx_http_sallyport_name_t  ngx_http_sallyport_google_header =
    { ngx_string("x-goog-api-key"), 0 };
static ngx_http_sallyport_name_t  ngx_http_sallyport_azure_header =
    { ngx_string("api-key"), 0 };
static ngx_http_sallyport_name_t  ngx_http_sallyport_bearer_header =
    { ngx_string("authorization"), 0 };


ngx_int_t
ngx_http_sallyport_headers(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_uint_t           n, credential;
    ngx_list_t          *list;
    ngx_list_part_t     *part;
    ngx_table_elt_t     *h, *end, *start, *last, *bearer, *coding;
    ngx_http_request_t  *r;

    r = ctx->request;
    list = &r->headers_in.headers;
    credential = ctx->slcf->credential;
    bearer = (credential != NGX_HTTP_SALLYPORT_PASS)
             ? r->headers_in.authorization : NULL;
    coding = ctx->decoding ? ctx->decoding->header : NULL;

    if (ctx->headers_set) {
        return NGX_OK;
    }

    n = NGX_HTTP_SALLYPORT_OWN_HEADERS;

    for (part = &list->part; part; part = part->next) {
        n += part->nelts;
    }

    start = ngx_palloc(r->pool, n * sizeof(ngx_table_elt_t));
    if (start == NULL) {
        return NGX_ERROR;
    }

    last = start;

    for (part = &list->part; part; part = part->next) {
        h = part->elts;
        end = h + part->nelts;

        for ( /* void */ ; h < end; h++) {

            if (h == bearer || h == coding) {
                continue;    /* as most clients send their key */
            }

            if (!ngx_http_sallyport_may_drop(h)
                || !ngx_http_sallyport_dropped(credential, h))
            {
                *last++ = *h;
            }
        }
    }

    last = ngx_http_sallyport_add(last, &ngx_http_sallyport_id_header,
                                  ctx->id, ctx->id_len);

    if (ctx->account_id.len) {
        last = ngx_http_sallyport_add(last, &ngx_http_sallyport_account_header,
                                      ctx->account_id.data,
                                      ctx->account_id.len);
    }

    if (credential == NGX_HTTP_SALLYPORT_REPLACE) {
        last = ngx_http_sallyport_replace(ctx, last);
    }

    ngx_http_sallyport_headers_swap(ctx, start, last - start, n);

    return NGX_OK;
}


/* The new lines take the place of the old ones, which are kept. */

static void
ngx_http_sallyport_headers_swap(ngx_http_sallyport_ctx_t *ctx,
    ngx_table_elt_t *lines, ngx_uint_t used, ngx_uint_t allocated)
{
    ngx_list_t          *list;
    ngx_http_request_t  *r;

    r = ctx->request;
    list = &r->headers_in.headers;

    ctx->sent.headers = *list;
    ctx->sent.authorization = r->headers_in.authorization;
    ctx->sent.upgrade = r->headers_in.upgrade;

    if (ctx->slcf->credential != NGX_HTTP_SALLYPORT_PASS) {
        r->headers_in.authorization = NULL;
    }

    r->headers_in.upgrade = NULL;    /* so that a 101 opens no tunnel */

    list->part.elts = lines;
    list->part.nelts = used;
    list->part.next = NULL;
    list->last = &list->part;
    list->nalloc = allocated;

    ctx->headers_set = 1;
}


/* For another gate, that the request was redirected to. */

void
ngx_http_sallyport_headers_restore(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_http_request_t  *r;

    if (!ctx->headers_set) {
        return;
    }

    r = ctx->request;

    r->headers_in.headers = ctx->sent.headers;
    r->headers_in.authorization = ctx->sent.authorization;
    r->headers_in.upgrade = ctx->sent.upgrade;

    ctx->headers_set = 0;
}


/*
 * '_' counts as '-': some servers behind us read both as one. Overrides of the
 * method or the path would undo the route that was judged; an upgrade, to
 * whatever protocol, would open a way that nobody judges.
 */

static ngx_uint_t
ngx_http_sallyport_dropped(ngx_uint_t credential, ngx_table_elt_t *h)
{
    ngx_str_t  *name;

    name = &h->key;

#define ngx_http_sallyport_same(want)                                         \
    ngx_http_sallyport_named(name, want, sizeof(want) - 1)

    if (name->len >= sizeof("x-sallyport") - 1
        && (name->data[2] | 0x20) == 's'
        && ngx_http_sallyport_same("x-sallyport"))
    {
        return 1;
    }

    /* the length alone keeps most headers */

    switch (name->len) {

    case sizeof("api-key") - 1:    /* and "upgrade" */
        return (credential != NGX_HTTP_SALLYPORT_PASS
                && ngx_http_sallyport_same("api-key"))
               || ngx_http_sallyport_same("upgrade");

    case sizeof("x-api-key") - 1:
        return credential != NGX_HTTP_SALLYPORT_PASS
               && ngx_http_sallyport_same("x-api-key");

    case sizeof("authorization") - 1:
        return (credential != NGX_HTTP_SALLYPORT_PASS
                && ngx_http_sallyport_same("authorization"))
               || ngx_http_sallyport_same("x-http-method")
               || ngx_http_sallyport_same("x-rewrite-url");

    case sizeof("x-goog-api-key") - 1:
        return (credential != NGX_HTTP_SALLYPORT_PASS
                && ngx_http_sallyport_same("x-goog-api-key"))
               || ngx_http_sallyport_same("x-original-url");

    case sizeof("x-method-override") - 1:
        return ngx_http_sallyport_same("x-method-override");

    case sizeof("x-http-method-override") - 1:

        /* browsers put a key among the subprotocols of a realtime call */

        return ngx_http_sallyport_same("x-http-method-override")
               || (credential != NGX_HTTP_SALLYPORT_PASS
                   && ngx_http_sallyport_same("sec-websocket-protocol"));

    default:
        return 0;
    }

#undef ngx_http_sallyport_same
}


/* 1 if "name" starts with "want", which is lower-case and at most as long. */

static ngx_uint_t
ngx_http_sallyport_named(ngx_str_t *name, const char *want, size_t len)
{
    u_char  ch;
    size_t  i;

    for (i = 0; i < len; i++) {
        ch = ngx_tolower(name->data[i]);

        if (ch == '_') {
            ch = '-';
        }

        if (ch != (u_char) want[i]) {
            return 0;
        }
    }

    return 1;
}


static ngx_table_elt_t *
ngx_http_sallyport_add(ngx_table_elt_t *h, ngx_http_sallyport_name_t *name,
    u_char *data, size_t len)
{
    h->key = name->name;
    h->lowcase_key = name->name.data;
    h->hash = name->hash;
    h->value.data = data;
    h->value.len = len;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return h + 1;
}


/* The operator's own key, where the route's dialect has it. */

static ngx_table_elt_t *
ngx_http_sallyport_replace(ngx_http_sallyport_ctx_t *ctx, ngx_table_elt_t *h)
{
    size_t                      scheme;
    ngx_str_t                  *value;
    const sp_route_t           *route;
    ngx_http_sallyport_name_t  *name;

    value = &ctx->slcf->replacement;
    route = sp_route(ctx->facts.route);
    scheme = sizeof("Bearer ") - 1;

    switch (route != NULL ? route->dialect : SP_DIALECT_UNKNOWN) {

    case SP_DIALECT_ANTHROPIC:
        name = &ngx_http_sallyport_key_header;
        break;

    case SP_DIALECT_GEMINI:
        name = &ngx_http_sallyport_google_header;
        break;

    case SP_DIALECT_AZURE:
        name = &ngx_http_sallyport_azure_header;
        break;

    default:
        return ngx_http_sallyport_add(h, &ngx_http_sallyport_bearer_header,
                                      value->data, value->len);
    }

    return ngx_http_sallyport_add(h, name, value->data + scheme,
                                  value->len - scheme);
}


void
ngx_http_sallyport_headers_init(void)
{
    ngx_uint_t                  i;
    ngx_http_sallyport_name_t  *names[6];

    names[0] = &ngx_http_sallyport_id_header;
    names[1] = &ngx_http_sallyport_account_header;
    names[2] = &ngx_http_sallyport_key_header;
    names[3] = &ngx_http_sallyport_bearer_header;
    names[4] = &ngx_http_sallyport_google_header;
    names[5] = &ngx_http_sallyport_azure_header;

    for (i = 0; i < 6; i++) {
        names[i]->hash = ngx_hash_key(names[i]->name.data,
                                      names[i]->name.len);
    }
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the reading of a request's head: client address,
 * credential, and what can be said about the body before it is read.
 */


#include "ngx_http_sallyport_customer.h"
#include "ngx_http_sallyport_decode.h"
#include "ngx_http_sallyport_geo.h"
#include "ngx_http_sallyport_token.h"
#include "ngx_http_sallyport_route.h"

#include "sp_key_tag.h"


/* What one walk over the header lines found. */

typedef struct {
    ngx_str_t       *content_type;
    unsigned         types;        /* Content-Type lines */
    sp_coding_t      coding;       /* OTHER, too, of several lines */
    ngx_table_elt_t *encoded;      /* that line */
    unsigned         websocket:1;
} ngx_http_sallyport_lines_t;


static ngx_uint_t ngx_http_sallyport_tagged(ngx_http_sallyport_ctx_t *ctx);
static void ngx_http_sallyport_read_headers(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_lines_t *seen);
static void ngx_http_sallyport_read_header(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_lines_t *seen, ngx_table_elt_t *h);
static void ngx_http_sallyport_offer(ngx_http_sallyport_ctx_t *ctx,
    ngx_table_elt_t *h, sp_carrier_t carrier, const char *name);
static void ngx_http_sallyport_read_body_head(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_lines_t *seen);


#define ngx_http_sallyport_is(h, name)                                        \
    (ngx_memcmp((h)->lowcase_key, name, sizeof(name) - 1) == 0)

void
ngx_http_sallyport_read_head(ngx_http_sallyport_ctx_t *ctx)
{
    sp_geo_set_t                room;
    sp_ip_class_t               class;
    const sp_geo_set_t         *geo;
    ngx_http_sallyport_lines_t  seen;

    ngx_memzero(&seen, sizeof(ngx_http_sallyport_lines_t));

    class = ngx_http_sallyport_geo_address(ctx);
    geo = ngx_http_sallyport_geo_now(ctx, &room);

    if (geo != NULL) {
        sp_geo_fetch(geo, &ctx->addr);
    }

    sp_facts_init(&ctx->facts, ngx_time());

    ctx->credential.max = ctx->slcf->jwt != NULL ? SP_JWT_MAX : SP_KEY_MAX;

    ngx_http_sallyport_read_headers(ctx, &seen);

    sp_addr_unit(&ctx->addr, &ctx->unit);
    sp_facts_address(&ctx->facts, &ctx->addr, class, geo);

    if (ctx->request->args.len
        && ngx_http_sallyport_read_query(ctx) != NGX_OK)
    {
        ctx->credential.state = SP_CRED_MALFORMED;
    }

    ngx_http_sallyport_read_route(ctx, seen.websocket);
    ngx_http_sallyport_read_body_head(ctx, &seen);
    ngx_http_sallyport_customer_head(ctx);

    ctx->state = NGX_HTTP_SALLYPORT_S_JUDGE_HEAD;

    if (ctx->slcf->mtls != NULL) {

        switch (ngx_http_sallyport_certificate(ctx)) {

        case NGX_HTTP_SALLYPORT_CERT_UNKNOWN:
            sp_facts_key(&ctx->facts, SP_KEYFACT_NO_SUCH, NULL);
            return;

        case NGX_HTTP_SALLYPORT_CERT_FINE:

            if (ctx->credential.state == SP_CRED_NONE) {
                ngx_http_sallyport_vouched(ctx);
                return;
            }

            break;

        default: /* NGX_HTTP_SALLYPORT_CERT_NONE */
            break;
        }
    }

    switch (ctx->credential.state) {

    case SP_CRED_OK:

        if (ctx->slcf->jwt != NULL && sp_jwt_is(ctx->credential.key)) {
            ngx_http_sallyport_token(ctx);
            break;
        }

        if (ctx->credential.key.len > SP_KEY_MAX) {
            sp_facts_key(&ctx->facts, SP_KEYFACT_MALFORMED, NULL);
            break;
        }

        if (ctx->slcf->key_tag && !ngx_http_sallyport_tagged(ctx)) {
            sp_facts_key(&ctx->facts, SP_KEYFACT_NO_SUCH, NULL);
            break;
        }

        ctx->state = NGX_HTTP_SALLYPORT_S_KEY;
        break;

    case SP_CRED_NONE:
        sp_facts_key(&ctx->facts, SP_KEYFACT_MISSING, NULL);
        break;

    case SP_CRED_AMBIGUOUS:
        sp_facts_key(&ctx->facts, SP_KEYFACT_AMBIGUOUS, NULL);
        break;

    default: /* SP_CRED_MALFORMED */
        sp_facts_key(&ctx->facts, SP_KEYFACT_MALFORMED, NULL);
        break;
    }
}


/* A key that was guessed costs neither a look-up nor room in the zone. */

static ngx_uint_t
ngx_http_sallyport_tagged(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_http_sallyport_pepper_t  *pepper;

    pepper = ctx->slcf->pepper;

    if (sp_key_tagged(&pepper->current, ctx->credential.key)
        || (pepper->has_old
            && sp_key_tagged(&pepper->old, ctx->credential.key)))
    {
        return 1;
    }

    ngx_http_sallyport_count(ctx->smcf->zone, NGX_HTTP_SALLYPORT_C_UNTAGGED);

    return 0;
}


static void
ngx_http_sallyport_read_headers(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_lines_t *seen)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    part = &ctx->request->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;

            if (part->nelts == 0) {
                break;
            }
        }

        ngx_http_sallyport_read_header(ctx, seen, &h[i]);
    }
}


/* The length alone tells that most headers are of no interest. */

static void
ngx_http_sallyport_read_header(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_lines_t *seen, ngx_table_elt_t *h)
{
    sp_str_t  value;

    switch (h->key.len) {

    case sizeof("upgrade") - 1:    /* and "api-key" */

        if (ngx_http_sallyport_is(h, "upgrade")) {
            seen->websocket |= ngx_strlcasestrn(h->value.data,
                                                h->value.data + h->value.len,
                                                (u_char *) "websocket", 9 - 1)
                               != NULL;
            return;
        }

        ngx_http_sallyport_offer(ctx, h, SP_CARRIER_API_KEY, "api-key");
        return;

    case sizeof("x-api-key") - 1:
        ngx_http_sallyport_offer(ctx, h, SP_CARRIER_X_API_KEY, "x-api-key");
        return;

    case sizeof("authorization") - 1:
        ngx_http_sallyport_offer(ctx, h, SP_CARRIER_BEARER, "authorization");
        return;

    case sizeof("x-goog-api-key") - 1:
        ngx_http_sallyport_offer(ctx, h, SP_CARRIER_X_GOOG, "x-goog-api-key");

        if (ngx_http_sallyport_is(h, "x-goog-api-key")) {
            ctx->hints |= SP_HINT_GOOGLE;
        }

        return;

    case sizeof("content-type") - 1:

        if (ngx_http_sallyport_is(h, "content-type")) {
            seen->content_type = &h->value;
            seen->types++;
        }

        return;

    case sizeof("content-encoding") - 1:

        if (ngx_http_sallyport_is(h, "content-encoding")) {
            value.data = h->value.data;
            value.len = h->value.len;

            seen->coding = seen->encoded || value.len == 0
                           ? SP_CODING_OTHER : sp_coding(value);
            seen->encoded = h;
        }

        return;

    case sizeof("anthropic-version") - 1:

        if (ngx_http_sallyport_is(h, "anthropic-version")) {
            ctx->hints |= SP_HINT_ANTHROPIC;
        }

        return;
    }
}


/* "name" is as long as the header's; each line is an offer of its own. */

static void
ngx_http_sallyport_offer(ngx_http_sallyport_ctx_t *ctx, ngx_table_elt_t *h,
    sp_carrier_t carrier, const char *name)
{
    sp_str_t  value;

    if (ngx_memcmp(h->lowcase_key, name, h->key.len) != 0) {
        return;
    }

    value.data = h->value.data;
    value.len = h->value.len;

    sp_credential_offer(&ctx->credential, carrier, value);
}


/* What refuses a body that nobody has to read. */

static void
ngx_http_sallyport_read_body_head(ngx_http_sallyport_ctx_t *ctx,
    ngx_http_sallyport_lines_t *seen)
{
    off_t                length;
    sp_str_t             type;
    const sp_route_t    *route;

    length = ctx->request->headers_in.content_length_n;
    route = sp_route(ctx->facts.route);

    if (route == NULL) {
        return;
    }

    if (ctx->slcf->max_body > 0 && length > ctx->slcf->max_body) {
        sp_facts_body(&ctx->facts, SP_BODYFACT_LARGE, NULL);
        return;
    }

    if (route->body == SP_BODY_NONE) {

        if (length > 0) {
            sp_facts_body(&ctx->facts, SP_BODYFACT_AMBIGUOUS, NULL);
            ctx->facts.detail = "a body where the route has none";
        }

        return;
    }

    type = SP_STR("");

    if (seen->types == 1) {
        type.data = seen->content_type->data;
        type.len = seen->content_type->len;
    }

    if (seen->coding == SP_CODING_OTHER
        || !(route->body == SP_BODY_MULTIPART ? sp_multipart_type_ok(type)
                                              : sp_body_type_ok(type))
        || (seen->coding != SP_CODING_IDENTITY
            && ngx_http_sallyport_decode_expect(ctx, seen->encoded,
                                                seen->coding)
               != NGX_OK))
    {
        sp_facts_body(&ctx->facts, SP_BODYFACT_TYPE, NULL);
    }
}

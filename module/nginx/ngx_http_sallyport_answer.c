
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the gate's own answers: the status, headers and JSON by
 * which the caller's SDK raises the right exception and does not hammer.
 */


#include "ngx_http_sallyport_meter.h"


/* Seconds after which a system refusal is worth another try. */
#define NGX_HTTP_SALLYPORT_RETRY  2


static sp_str_t ngx_http_sallyport_answer_text(ngx_http_sallyport_ctx_t *ctx);
static void ngx_http_sallyport_answer_texts(ngx_http_sallyport_ctx_t *ctx,
    sp_answer_t *answer);
static ngx_int_t ngx_http_sallyport_answer_exception(
    ngx_http_sallyport_ctx_t *ctx);
static ngx_int_t ngx_http_sallyport_answer_wait(ngx_http_sallyport_ctx_t *ctx,
    sp_dialect_t dialect);
static ngx_int_t ngx_http_sallyport_answer_legal(
    ngx_http_sallyport_ctx_t *ctx);
static sp_dialect_t ngx_http_sallyport_dialect(ngx_http_sallyport_ctx_t *ctx);
static ngx_uint_t ngx_http_sallyport_wait(ngx_http_sallyport_ctx_t *ctx);
static const char *ngx_http_sallyport_param(ngx_http_sallyport_ctx_t *ctx);
static ngx_table_elt_t *ngx_http_sallyport_put(ngx_http_request_t *r,
    const char *name, u_char *data, size_t len);


ngx_int_t
ngx_http_sallyport_answer(ngx_http_sallyport_ctx_t *ctx)
{
    u_char                     text[SP_ANSWER_MAX];
    ngx_int_t                  rc;
    ngx_str_t                  type, body;
    sp_answer_t                answer;
    const sp_policy_t         *policy;
    ngx_http_request_t        *r;
    ngx_http_complex_value_t   cv;

    r = ctx->request;
    policy = ctx->policy->image;

    if (ngx_http_sallyport_answer_headers(ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    answer.dialect = ngx_http_sallyport_dialect(ctx);
    answer.status = ctx->verdict.status;
    answer.code = sp_policy_reason_public(policy, ctx->verdict.reason);
    answer.text = ngx_http_sallyport_answer_text(ctx);
    answer.id.data = ctx->id;
    answer.id.len = ctx->id_len;
    answer.retry_s = ngx_http_sallyport_wait(ctx);
    answer.param = ngx_http_sallyport_param(ctx);

    ngx_http_sallyport_answer_texts(ctx, &answer);

    body.len = sp_answer_body(&answer, text);
    body.data = ngx_pnalloc(r->pool, body.len);

    if (body.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memcpy(body.data, text, body.len);

    ngx_str_set(&type, "application/json");

    ngx_memzero(&cv, sizeof(ngx_http_complex_value_t));
    cv.value = body;

    /* no "100 Continue" for a body that nobody wants any more */

    r->expect_tested = 1;

#if (NGX_HTTP_GZIP)
    r->gzip_tested = 1;
    r->gzip_ok = 0;
#endif

    if (ctx->verdict.status == 451) {

        /* nginx has no words for it (RFC 7725) */

        ngx_str_set(&r->headers_out.status_line,
                    "451 Unavailable For Legal Reasons");
    }

    ngx_http_sallyport_judged(ctx);

    /* discards the body, and is no matter of error_page */

    rc = ngx_http_send_response(r, ctx->verdict.status, &type, &cv);

    ngx_http_finalize_request(r, rc);

    return NGX_DONE;
}


ngx_int_t
ngx_http_sallyport_answer_headers(ngx_http_sallyport_ctx_t *ctx)
{
    const char          *name;
    sp_dialect_t         dialect;
    ngx_table_elt_t     *h;
    ngx_http_request_t  *r;

    r = ctx->request;
    dialect = ngx_http_sallyport_dialect(ctx);
    name = sp_answer_id_header(dialect);

    /* it has been recorded as it is */

    if (ctx->verdict.decision == SP_VERDICT_THROTTLE) {
        ctx->verdict.wait_ms =
            ngx_http_sallyport_limit_wait(ctx->verdict.wait_ms);
    }

    if (ngx_http_sallyport_put(r, "Cache-Control", (u_char *) "no-store", 8)
        == NULL
        || ngx_http_sallyport_put(r, "X-Sallyport-Id", ctx->id, ctx->id_len)
           == NULL
        || ngx_http_sallyport_put(r, "x-request-id", ctx->id, ctx->id_len)
           == NULL)
    {
        return NGX_ERROR;
    }

    if (name != NULL
        && ngx_http_sallyport_put(r, name, ctx->id, ctx->id_len) == NULL)
    {
        return NGX_ERROR;
    }

    if (dialect == SP_DIALECT_BEDROCK
        && ngx_http_sallyport_answer_exception(ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    switch (ctx->verdict.status) {

    case NGX_HTTP_TOO_MANY_REQUESTS:
    case NGX_HTTP_SERVICE_UNAVAILABLE:
        return ngx_http_sallyport_answer_wait(ctx, dialect);

    case NGX_HTTP_UNAUTHORIZED:
        h = ngx_http_sallyport_put(r, "WWW-Authenticate",
                                   (u_char *) "Bearer", 6);
        if (h == NULL) {
            return NGX_ERROR;
        }

        r->headers_out.www_authenticate = h;
        break;

    case 451:
        if (ngx_http_sallyport_answer_legal(ctx) != NGX_OK) {
            return NGX_ERROR;
        }

        break;
    }

    if (ctx->verdict.decision == SP_VERDICT_THROTTLE
        && ngx_http_sallyport_limit_headers(ctx, dialect) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* SDKs retry 409, 429 and 5xx by themselves; none of this gets better */

    h = ngx_http_sallyport_put(r, "x-should-retry", (u_char *) "false", 5);

    return (h != NULL) ? NGX_OK : NGX_ERROR;
}


/* Whose clients sign by themselves must be told what to do instead. */

static sp_str_t
ngx_http_sallyport_answer_text(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_table_elt_t  *h;

    static const char  signature[] = "AWS4-";

    h = ctx->request->headers_in.authorization;

    if (ctx->verdict.reason == SP_R_CRED_MALFORMED && h != NULL
        && h->value.len >= sizeof(signature) - 1
        && ngx_strncmp(h->value.data, signature, sizeof(signature) - 1) == 0)
    {
        return SP_STR("Requests signed with AWS Signature Version 4 are not "
                      "accepted here: send an API key as a bearer token.");
    }

    return sp_verdict_text(ctx->policy->image, &ctx->verdict);
}


/* Texts of the policy, for those who may have something to say to it. */

static void
ngx_http_sallyport_answer_texts(ngx_http_sallyport_ctx_t *ctx,
    sp_answer_t *answer)
{
    const sp_policy_t  *policy;
    const sp_reason_t  *reason;

    policy = ctx->policy->image;

    answer->basis = answer->appeal = answer->contact = SP_STR("");

    if (policy == NULL || ctx->verdict.decision != SP_VERDICT_DENY) {
        return;
    }

    reason = sp_policy_reason(policy, ctx->verdict.reason);

    switch (reason->class) {

    case SP_CLASS_LEGAL:
    case SP_CLASS_RISK:
        answer->appeal = sp_policy_appeal(policy);

        if (reason->status == 451) {
            answer->basis = sp_policy_legal_basis(policy);
        }

        /* fall through */

    case SP_CLASS_COMMERCIAL:
        answer->contact = sp_policy_contact(policy);
        break;

    default:
        break;
    }
}


/* AWS's clients raise what this header names. */

static ngx_int_t
ngx_http_sallyport_answer_exception(ngx_http_sallyport_ctx_t *ctx)
{
    const char   *name;
    sp_answer_t   answer;

    answer.status = ctx->verdict.status;
    answer.code = sp_policy_reason_public(ctx->policy->image,
                                          ctx->verdict.reason);
    name = sp_answer_exception(&answer);

    return ngx_http_sallyport_put(ctx->request, "x-amzn-errortype",
                                  (u_char *) name, ngx_strlen(name))
           != NULL ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_sallyport_answer_wait(ngx_http_sallyport_ctx_t *ctx,
    sp_dialect_t dialect)
{
    ngx_uint_t           wait;
    ngx_http_request_t  *r;

    r = ctx->request;
    wait = ngx_http_sallyport_wait(ctx);

    if (ngx_http_sallyport_printf(r, "Retry-After", "%ui", wait) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx->verdict.decision != SP_VERDICT_THROTTLE) {
        return NGX_OK;
    }

    if (ngx_http_sallyport_printf(r, "retry-after-ms", "%uD",
                                  ctx->verdict.wait_ms)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_sallyport_limit_headers(ctx, dialect);
}


/* RFC 7725: who asks for the blocking. */

static ngx_int_t
ngx_http_sallyport_answer_legal(ngx_http_sallyport_ctx_t *ctx)
{
    sp_str_t   uri;
    ngx_str_t  value;

    uri = sp_policy_blocked_by(ctx->policy->image);

    if (uri.len == 0) {
        return NGX_OK;
    }

    value.data = (u_char *) uri.data;
    value.len = uri.len;

    return ngx_http_sallyport_printf(ctx->request, "Link",
                                     "<%V>; rel=\"blocked-by\"", &value);
}


static sp_dialect_t
ngx_http_sallyport_dialect(ngx_http_sallyport_ctx_t *ctx)
{
    sp_str_t             path;
    const sp_route_t    *route;
    ngx_http_request_t  *r;

    route = sp_route(ctx->facts.route);

    if (route != NULL) {
        return route->dialect;
    }

    r = ctx->request;

    path.data = r->uri.data;
    path.len = r->uri.len;

    return sp_route_guess_dialect(path, ctx->hints);
}


/* Seconds, rounded up; 0: it makes no sense to wait. */

static ngx_uint_t
ngx_http_sallyport_wait(ngx_http_sallyport_ctx_t *ctx)
{
    if (ctx->verdict.decision == SP_VERDICT_THROTTLE) {
        return ctx->verdict.wait_ms <= SP_WAIT_HELPS
               ? ngx_max((ctx->verdict.wait_ms + 999) / 1000, 1) : 0;
    }

    /* a refusal that is a 429 says so of what was not there to be asked */

    return (ctx->verdict.status == NGX_HTTP_SERVICE_UNAVAILABLE
            || ctx->verdict.status == NGX_HTTP_TOO_MANY_REQUESTS)
           ? NGX_HTTP_SALLYPORT_RETRY : 0;
}


static const char *
ngx_http_sallyport_param(ngx_http_sallyport_ctx_t *ctx)
{
    switch (ctx->verdict.reason) {

    case SP_R_MODEL_UNKNOWN:
    case SP_R_TIER_NOT_GRANTED:
        return "model";

    case SP_R_BODY_AMBIGUOUS:
        return (ctx->body != NULL) ? ctx->body->field : NULL;

    default:
        return NULL;
    }
}


/* "name" is a literal; "data" lives as long as the request. */

static ngx_table_elt_t *
ngx_http_sallyport_put(ngx_http_request_t *r, const char *name, u_char *data,
    size_t len)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NULL;
    }

    h->hash = 1;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value.data = data;
    h->value.len = len;

    return h;
}


ngx_int_t
ngx_http_sallyport_printf(ngx_http_request_t *r, const char *name,
    const char *fmt, ...)
{
    u_char   buf[512], *p, *last;
    va_list  args;

    va_start(args, fmt);
    last = ngx_vslprintf(buf, buf + sizeof(buf), fmt, args);
    va_end(args);

    p = ngx_pnalloc(r->pool, last - buf);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, buf, last - buf);

    if (ngx_http_sallyport_put(r, name, p, last - buf) == NULL) {
        return NGX_ERROR;
    }

    return NGX_OK;
}

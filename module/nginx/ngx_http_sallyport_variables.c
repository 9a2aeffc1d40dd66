
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the $sallyport_* variables. They may be read in any
 * phase and for any request: without a verdict, or for what it does not have,
 * they are not found, which a log shows as "-".
 */


#include "ngx_http_sallyport.h"


typedef enum {
    NGX_HTTP_SALLYPORT_V_DECISION = 0,
    NGX_HTTP_SALLYPORT_V_REASON,
    NGX_HTTP_SALLYPORT_V_RULE,
    NGX_HTTP_SALLYPORT_V_ACCOUNT,
    NGX_HTTP_SALLYPORT_V_MODEL,
    NGX_HTTP_SALLYPORT_V_COUNTRY,
    NGX_HTTP_SALLYPORT_V_ID,
    NGX_HTTP_SALLYPORT_V_SOURCE
} ngx_http_sallyport_variable_t;


static ngx_int_t ngx_http_sallyport_variable_text(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_sallyport_variable_number(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_sallyport_variable_us(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static sp_str_t ngx_http_sallyport_variable_decision(
    ngx_http_sallyport_ctx_t *ctx);
static sp_str_t ngx_http_sallyport_variable_model(
    ngx_http_sallyport_ctx_t *ctx);
static sp_str_t ngx_http_sallyport_variable_country(
    ngx_http_sallyport_ctx_t *ctx);
static sp_str_t ngx_http_sallyport_variable_source(
    ngx_http_sallyport_ctx_t *ctx);


static ngx_http_variable_t  ngx_http_sallyport_vars[] = {

    { ngx_string("sallyport_decision"), NULL,
      ngx_http_sallyport_variable_text, NGX_HTTP_SALLYPORT_V_DECISION,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("sallyport_reason"), NULL,
      ngx_http_sallyport_variable_text, NGX_HTTP_SALLYPORT_V_REASON,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("sallyport_rule"), NULL,
      ngx_http_sallyport_variable_text, NGX_HTTP_SALLYPORT_V_RULE,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("sallyport_account"), NULL,
      ngx_http_sallyport_variable_text, NGX_HTTP_SALLYPORT_V_ACCOUNT,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("sallyport_model"), NULL,
      ngx_http_sallyport_variable_text, NGX_HTTP_SALLYPORT_V_MODEL,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("sallyport_country"), NULL,
      ngx_http_sallyport_variable_text, NGX_HTTP_SALLYPORT_V_COUNTRY,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("sallyport_id"), NULL,
      ngx_http_sallyport_variable_text, NGX_HTTP_SALLYPORT_V_ID,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("sallyport_source"), NULL,
      ngx_http_sallyport_variable_text, NGX_HTTP_SALLYPORT_V_SOURCE,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("sallyport_tokens_in"), NULL,
      ngx_http_sallyport_variable_number,
      offsetof(ngx_http_sallyport_ctx_t, tokens_in),
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("sallyport_tokens_out"), NULL,
      ngx_http_sallyport_variable_number,
      offsetof(ngx_http_sallyport_ctx_t, tokens_out),
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("sallyport_us"), NULL,
      ngx_http_sallyport_variable_us, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_sallyport_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_sallyport_vars; v->name.len; v++) {

        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sallyport_variable_text(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    sp_str_t                   s;
    ngx_http_sallyport_ctx_t  *ctx;

    s.len = 0;
    s.data = NULL;

    ctx = ngx_http_sallyport_get_ctx(r->main);

    if (ctx && ctx->verdict.decision != SP_VERDICT_PENDING) {

        switch (data) {

        case NGX_HTTP_SALLYPORT_V_DECISION:
            s = ngx_http_sallyport_variable_decision(ctx);
            break;

        case NGX_HTTP_SALLYPORT_V_REASON:
            s = ctx->reason;
            break;

        case NGX_HTTP_SALLYPORT_V_RULE:
            s = ctx->rule;
            break;

        case NGX_HTTP_SALLYPORT_V_ACCOUNT:
            if (ctx->facts.account || ctx->recalled) {
                s.data = ctx->account_id.data;
                s.len = ctx->account_id.len;
            }

            break;

        case NGX_HTTP_SALLYPORT_V_MODEL:
            s = ngx_http_sallyport_variable_model(ctx);
            break;

        case NGX_HTTP_SALLYPORT_V_COUNTRY:
            s = ngx_http_sallyport_variable_country(ctx);
            break;

        case NGX_HTTP_SALLYPORT_V_ID:
            s.data = ctx->id;
            s.len = ctx->id_len;
            break;

        default: /* NGX_HTTP_SALLYPORT_V_SOURCE */
            s = ngx_http_sallyport_variable_source(ctx);
        }
    }

    if (s.len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    v->data = (u_char *) s.data;
    v->len = s.len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static sp_str_t
ngx_http_sallyport_variable_decision(ngx_http_sallyport_ctx_t *ctx)
{
    switch (ctx->verdict.decision) {

    case SP_VERDICT_ALLOW:
        return SP_STR("allow");

    case SP_VERDICT_THROTTLE:
        return SP_STR("throttle");

    default:
        return SP_STR("deny");
    }
}


static sp_str_t
ngx_http_sallyport_variable_model(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_uint_t  i;
    sp_str_t    none = { 0, NULL };

    if (ctx->facts.nmodels == 0) {
        return none;
    }

    i = ctx->verdict.decision == SP_VERDICT_DENY ? ctx->verdict.model : 0;

    return ctx->facts.models[i < ctx->facts.nmodels ? i : 0];
}


/* "?" is not known, which is not the same as none. */

static sp_str_t
ngx_http_sallyport_variable_country(ngx_http_sallyport_ctx_t *ctx)
{
    char        *text;
    sp_str_t     s = { 0, NULL };
    sp_value_t  *value;

    value = &ctx->facts.v[SP_F_IP_COUNTRY];

    if (value->state == SP_FACT_ABSENT) {
        return s;
    }

    if (value->state != SP_FACT_KNOWN) {
        return SP_STR("?");
    }

    text = ngx_pnalloc(ctx->request->pool, SP_PLACE_TEXT_LEN);

    if (text) {
        s.len = sp_place_format(value->u.place, text);
        s.data = (u_char *) text;
    }

    return s;
}


/* How far the records could be trusted. */

static sp_str_t
ngx_http_sallyport_variable_source(ngx_http_sallyport_ctx_t *ctx)
{
    sp_str_t  s;

    s.data = (u_char *) ngx_http_sallyport_trusted(ctx);
    s.len = ngx_strlen(s.data);

    return s;
}


static ngx_int_t
ngx_http_sallyport_variable_number(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                    *p;
    int64_t                    n;
    ngx_http_sallyport_ctx_t  *ctx;

    ctx = ngx_http_sallyport_get_ctx(r->main);

    if (ctx == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    n = *(int64_t *) ((u_char *) ctx + data);

    if (n < 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    v->data = p;
    v->len = ngx_sprintf(p, "%L", n) - p;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sallyport_variable_us(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                    *p;
    ngx_http_sallyport_ctx_t  *ctx;

    ctx = ngx_http_sallyport_get_ctx(r->main);

    if (ctx == NULL || ctx->verdict.decision == SP_VERDICT_PENDING) {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    v->data = p;
    v->len = ngx_sprintf(p, "%uL", ctx->spent_us) - p;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}

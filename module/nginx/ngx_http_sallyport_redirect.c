
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the ways inside nginx that could lead around a verdict:
 * internal redirects and subrequests.
 */


#include "ngx_http_sallyport_meter.h"
#include "ngx_http_sallyport_rewrite.h"
#include "ngx_http_sallyport_running.h"


static ngx_uint_t ngx_http_sallyport_same_gate(
    ngx_http_sallyport_loc_conf_t *a, ngx_http_sallyport_loc_conf_t *b);


/*
 * An internal redirect: error_page, try_files, X-Accel-Redirect. An enforced
 * refusal ends in answers of this nginx only; an allow is good for what it
 * was given for, and anything else is judged as if it had just come.
 */

ngx_int_t
ngx_http_sallyport_redirected(ngx_http_request_t *r,
    ngx_http_sallyport_ctx_t *ctx, ngx_http_sallyport_loc_conf_t *slcf)
{
    ngx_uint_t                 refused;
    ngx_http_core_loc_conf_t  *clcf;

    refused = (ctx->slcf->mode == NGX_HTTP_SALLYPORT_ON
               && ctx->state != NGX_HTTP_SALLYPORT_S_ALLOWED);

    if (refused) {
        clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

        if (slcf->mode == NGX_HTTP_SALLYPORT_OFF && clcf->handler == NULL) {
            ngx_http_set_ctx(r, ctx, ngx_http_sallyport_module);
            return NGX_DECLINED;
        }

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "sallyport: a refused request was redirected to "
                      "location \"%V\", which is more than a file",
                      &clcf->name);

        ngx_http_set_ctx(r, ctx, ngx_http_sallyport_module);

        return NGX_HTTP_FORBIDDEN;
    }

    if (slcf->mode == NGX_HTTP_SALLYPORT_OFF
        || (ngx_http_sallyport_same_gate(ctx->slcf, slcf)
            && r->method == ctx->method
            && r->uri.len == ctx->uri.len
            && ngx_memcmp(r->uri.data, ctx->uri.data, ctx->uri.len) == 0))
    {
        ngx_http_set_ctx(r, ctx, ngx_http_sallyport_module);
        return NGX_DECLINED;
    }

    /* another gate, or another thing asked for: decide anew */

    if (ctx->recorded && !ctx->settled) {
        ngx_http_sallyport_audit_settle(ctx);
    }

    ngx_http_sallyport_running_remove(ctx);
    ngx_http_sallyport_held_settle(ctx);
    ngx_http_sallyport_headers_restore(ctx);
    ngx_http_sallyport_rewrite_restore(ctx);

    ctx = ngx_http_sallyport_create_ctx(r, slcf);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->states_before = (r->upstream_states != NULL)
                         ? r->upstream_states->nelts : 0;

    return ngx_http_sallyport_run(ctx);
}


/*
 * A subrequest into a gated location (mirror, SSI, auth_request) passes under
 * an allow that the same gate gave to its main request, and not otherwise.
 */

ngx_int_t
ngx_http_sallyport_subrequest(ngx_http_request_t *r,
    ngx_http_sallyport_loc_conf_t *slcf)
{
    ngx_uint_t                  i;
    ngx_http_request_t        **sr;
    ngx_http_sallyport_ctx_t   *ctx;

    if (slcf->mode != NGX_HTTP_SALLYPORT_ON) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_sallyport_get_ctx(r->main);

    if (ctx != NULL && ctx->state == NGX_HTTP_SALLYPORT_S_ALLOWED
        && ngx_http_sallyport_same_gate(ctx->slcf, slcf))
    {
        if (ctx->subrequests == NULL) {
            ctx->subrequests = ngx_array_create(r->pool, 4, sizeof(void *));
            if (ctx->subrequests == NULL) {
                return NGX_HTTP_INTERNAL_SERVER_ERROR;
            }
        }

        sr = ctx->subrequests->elts;

        for (i = 0; i < ctx->subrequests->nelts; i++) {
            if (sr[i] == r) {
                return NGX_DECLINED;
            }
        }

        sr = ngx_array_push(ctx->subrequests);
        if (sr == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        *sr = r;

        return NGX_DECLINED;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_sallyport_module);

    if (ctx == NULL) {
        ctx = ngx_http_sallyport_create_ctx(r, slcf);
        if (ctx == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ngx_http_sallyport_read_head(ctx);

        ngx_memzero(&ctx->verdict, sizeof(sp_verdict_t));
        sp_verdict_refuse(ctx->policy->image, &ctx->verdict,
                          SP_R_NOT_ALLOWED);

        ngx_http_sallyport_record(ctx);
        ctx->state = NGX_HTTP_SALLYPORT_S_REFUSED;
    }

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "sallyport: subrequest \"%V\" has no allowed request "
                  "above it", &r->uri);

    return NGX_HTTP_FORBIDDEN;
}


static ngx_uint_t
ngx_http_sallyport_same_gate(ngx_http_sallyport_loc_conf_t *a,
    ngx_http_sallyport_loc_conf_t *b)
{
    return a->mode == b->mode && a->policy == b->policy && a->geo == b->geo
           && a->hops == b->hops && a->jwt == b->jwt && a->mtls == b->mtls
           && a->store == b->store && a->pepper == b->pepper
           && a->audit == b->audit;
}

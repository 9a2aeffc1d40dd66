
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the naming of a reseller's end customer: where the policy
 * says that a request names one, and when it is known who that is.
 */


#include "ngx_http_sallyport_customer.h"


static ngx_http_sallyport_customer_t *ngx_http_sallyport_customer_make(
    ngx_http_sallyport_ctx_t *ctx);
static void ngx_http_sallyport_customer_line(
    ngx_http_sallyport_ctx_t *ctx, ngx_str_t *value);
static sp_customers_t ngx_http_sallyport_customers(
    ngx_http_sallyport_ctx_t *ctx, sp_str_t *header);


void
ngx_http_sallyport_customer_head(ngx_http_sallyport_ctx_t *ctx)
{
    sp_str_t          header;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    if (ngx_http_sallyport_customers(ctx, &header) != SP_CUSTOMERS_HEADER) {
        return;
    }

    part = &ctx->request->headers_in.headers.part;

    for ( /* void */ ; part != NULL; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len == header.len && h[i].value.len != 0
                && ngx_memcmp(h[i].lowcase_key, header.data, header.len) == 0)
            {
                ngx_http_sallyport_customer_line(ctx, &h[i].value);
            }
        }
    }
}


/* A line that says the same again says nothing else. */

static void
ngx_http_sallyport_customer_line(ngx_http_sallyport_ctx_t *ctx,
    ngx_str_t *value)
{
    sp_str_t                        s;
    ngx_http_sallyport_customer_t  *customer;

    s.data = value->data;
    s.len = value->len;

    ctx->facts.named = 1;
    customer = ngx_http_sallyport_customer_make(ctx);

    if (customer == NULL) {
        return;
    }

    if (customer->name.len == 0) {
        customer->name = s;

    } else if (!sp_str_eq(customer->name, s)) {
        customer->several = 1;
    }
}


void
ngx_http_sallyport_customer_ask(ngx_http_sallyport_ctx_t *ctx)
{
    if (ngx_http_sallyport_customers(ctx, NULL) == SP_CUSTOMERS_BODY) {
        sp_body_ask_user(ctx->body);
    }
}


void
ngx_http_sallyport_customer_body(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_http_sallyport_customer_t  *customer;

    if (ngx_http_sallyport_customers(ctx, NULL) != SP_CUSTOMERS_BODY
        || ctx->facts.body_state != SP_BODYFACT_FINE
        || ctx->body->user.len == 0)
    {
        return;
    }

    ctx->facts.named = 1;
    customer = ngx_http_sallyport_customer_make(ctx);

    if (customer != NULL) {
        customer->name = ctx->body->user;
    }
}


void
ngx_http_sallyport_customer_next(ngx_http_sallyport_ctx_t *ctx)
{
    sp_customers_t  from;

    from = ngx_http_sallyport_customers(ctx, NULL);
    ctx->state = NGX_HTTP_SALLYPORT_S_JUDGE_HEAD;

    if (from == SP_CUSTOMERS_NONE) {
        return;
    }

    if (from == SP_CUSTOMERS_BODY
        && ctx->facts.body_state == SP_BODYFACT_PENDING
        && ctx->facts.account_state == SP_ACCTFACT_FOUND
        && sp_account_resells(ctx->facts.account))
    {
        sp_facts_customer(&ctx->facts, SP_CUSTFACT_PENDING, NULL);
        return;
    }

    ctx->state = NGX_HTTP_SALLYPORT_S_CUSTOMER;
}


ngx_uint_t
ngx_http_sallyport_customer_awaited(ngx_http_sallyport_ctx_t *ctx)
{
    return ctx->facts.customer_state == SP_CUSTFACT_PENDING;
}


/* What a body that is refused would have said is not known. */

ngx_uint_t
ngx_http_sallyport_customer_id(ngx_http_sallyport_ctx_t *ctx)
{
    u_char                         *p;
    sp_str_t                        none = { 0, NULL };
    const sp_account_t             *account;
    ngx_http_sallyport_customer_t  *customer;

    customer = ctx->customer;
    account = ctx->facts.account;

    if (account != NULL && sp_account_resells(account)
        && ((ctx->facts.named && customer == NULL)
            || (ngx_http_sallyport_customers(ctx, NULL) == SP_CUSTOMERS_BODY
                && ctx->facts.body_state != SP_BODYFACT_FINE
                && ctx->facts.body_state != SP_BODYFACT_NONE)))
    {
        sp_facts_customer(&ctx->facts, SP_CUSTFACT_UNKNOWN, NULL);
        return 0;
    }

    if (!sp_facts_named(&ctx->facts, customer ? customer->name : none,
                        customer ? customer->several : 0))
    {
        return 0;
    }

    p = ngx_cpymem(customer->id, account->id, account->id_len);
    *p++ = ':';
    p = ngx_cpymem(p, customer->name.data, customer->name.len);

    customer->len = p - customer->id;

    return 1;
}


static ngx_http_sallyport_customer_t *
ngx_http_sallyport_customer_make(ngx_http_sallyport_ctx_t *ctx)
{
    ngx_http_sallyport_customer_t  *customer;

    if (ctx->customer != NULL) {
        return ctx->customer;
    }

    customer = ngx_palloc(ctx->request->pool,
                          sizeof(ngx_http_sallyport_customer_t));

    if (customer != NULL) {
        ngx_memzero(customer, offsetof(ngx_http_sallyport_customer_t, id));
        ctx->customer = customer;
    }

    return customer;
}


static sp_customers_t
ngx_http_sallyport_customers(ngx_http_sallyport_ctx_t *ctx, sp_str_t *header)
{
    return ctx->policy->image == NULL
           ? SP_CUSTOMERS_NONE
           : sp_policy_customers(ctx->policy->image, header);
}

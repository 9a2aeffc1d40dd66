
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what handler.c, records.c and customer.c share about a
 * reseller's end customer.
 */


#ifndef NGX_HTTP_SALLYPORT_CUSTOMER_H
#define NGX_HTTP_SALLYPORT_CUSTOMER_H


#include "ngx_http_sallyport.h"


/* Of the request's pool, made once the policy wants to know of customers. */

struct ngx_http_sallyport_customer_s {
    const sp_account_t             *record;   /* room below, or held */
    sp_str_t                        name;     /* as the request gives it */
    unsigned                        several:1;  /* and another one */
    size_t                          len;
    u_char                          id[SP_CUSTOMER_NAME_LEN];
    sp_account_t                    room;
};


/* customer.c. The head: what a header names. */
void ngx_http_sallyport_customer_head(ngx_http_sallyport_ctx_t *ctx);

/* The body will be read: whether it is asked who the end user is. */
void ngx_http_sallyport_customer_ask(ngx_http_sallyport_ctx_t *ctx);

/* The body was judged: what it names, before the case is looked up. */
void ngx_http_sallyport_customer_body(ngx_http_sallyport_ctx_t *ctx);

/* The account was looked up: the state that comes next. */
void ngx_http_sallyport_customer_next(ngx_http_sallyport_ctx_t *ctx);

/* 1 if the body was waited for to know who the customer is. */
ngx_uint_t ngx_http_sallyport_customer_awaited(ngx_http_sallyport_ctx_t *ctx);

/* Sets id and len: 1 if there is a record to ask for; else facts are set. */
ngx_uint_t ngx_http_sallyport_customer_id(ngx_http_sallyport_ctx_t *ctx);


/* records.c. NGX_AGAIN: the record is on its way; NGX_OK: state moved on. */
ngx_int_t ngx_http_sallyport_customer(ngx_http_sallyport_ctx_t *ctx);


#endif /* NGX_HTTP_SALLYPORT_CUSTOMER_H */

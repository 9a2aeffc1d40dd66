
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the kinds of record, keys, accounts and customers,
 * answer each in its own way to those who hold either: how it is packed, which
 * version it is, whether it refuses by itself.
 */


#include "ngx_http_sallyport_zone.h"


const char *
ngx_http_sallyport_kind_name(ngx_http_sallyport_kind_t kind)
{
    return kind == NGX_HTTP_SALLYPORT_KEY ? "key"
           : kind == NGX_HTTP_SALLYPORT_ACCOUNT ? "account" : "customer";
}


/* What stands between the store's prefix and the id. */

const char *
ngx_http_sallyport_kind_prefix(ngx_http_sallyport_kind_t kind)
{
    return kind == NGX_HTTP_SALLYPORT_KEY ? "key:"
           : kind == NGX_HTTP_SALLYPORT_ACCOUNT ? "acct:" : "cust:";
}


ngx_uint_t
ngx_http_sallyport_record_denies(ngx_http_sallyport_kind_t kind,
    const void *record)
{
    const sp_key_t      *key = record;
    const sp_account_t  *account = record;

    if (kind == NGX_HTTP_SALLYPORT_KEY) {
        return key->status != SP_KEY_ACTIVE;
    }

    return account->status == SP_STATUS_REJECTED
           || account->status == SP_STATUS_SUSPENDED
           || account->status == SP_STATUS_CLOSED;
}


uint64_t
ngx_http_sallyport_record_ver(ngx_http_sallyport_kind_t kind,
    const void *record)
{
    if (kind == NGX_HTTP_SALLYPORT_KEY) {
        return ((const sp_key_t *) record)->ver;
    }

    return ((const sp_account_t *) record)->ver;
}


size_t
ngx_http_sallyport_record_pack(ngx_http_sallyport_kind_t kind,
    const void *record, u_char *p, size_t max)
{
    if (kind == NGX_HTTP_SALLYPORT_KEY) {
        return sp_key_pack(record, p, max);
    }

    return sp_account_pack(record, p, max);
}


ngx_int_t
ngx_http_sallyport_record_unpack(ngx_http_sallyport_kind_t kind,
    void *record, u_char *p, size_t len)
{
    sp_rc_t  rc;

    rc = kind == NGX_HTTP_SALLYPORT_KEY ? sp_key_unpack(record, p, len)
                                        : sp_account_unpack(record, p, len);

    return rc == SP_OK ? NGX_OK : NGX_ERROR;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains credentials that are not looked up but verified: signed
 * tokens, and client certificates.
 */


#ifndef NGX_HTTP_SALLYPORT_TOKEN_H
#define NGX_HTTP_SALLYPORT_TOKEN_H


#include "sp_jwt.h"

#include "ngx_http_sallyport_follow.h"


/* One sallyport_jwt; "jwks" is this worker's, "edition" another for each. */
struct ngx_http_sallyport_jwt_s {
    ngx_http_sallyport_follow_t   follow;    /* first */
    sp_jwks_t                    *jwks;
    uint64_t                      edition;
    sp_jwt_rules_t                rules;
};


/*
 * ctx->credential is a token: verifies it, or knows it, and sets the facts of
 * the key and the state.
 */
void ngx_http_sallyport_token(ngx_http_sallyport_ctx_t *ctx);

/* ctx->key_room is a credential that holds: its facts, and the state. */
void ngx_http_sallyport_vouched(ngx_http_sallyport_ctx_t *ctx);


/* cert.c. What a client's certificate is to the gate. */

typedef enum {
    NGX_HTTP_SALLYPORT_CERT_NONE = 0,   /* none was shown, or none is asked */
    NGX_HTTP_SALLYPORT_CERT_FINE,       /* ctx->cert_account is whose it is */
    NGX_HTTP_SALLYPORT_CERT_UNKNOWN     /* nobody's */
} ngx_http_sallyport_cert_t;

ngx_http_sallyport_cert_t ngx_http_sallyport_certificate(
    ngx_http_sallyport_ctx_t *ctx);

/* 1 if sallyport_mtls can hold on this server. */
ngx_uint_t ngx_http_sallyport_cert_asked(ngx_http_core_srv_conf_t *cscf);


#endif /* NGX_HTTP_SALLYPORT_TOKEN_H */


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains tokens as credentials: the sallyport_jwt directive, and
 * the tokens that this worker has verified. A signature costs as much as a few
 * requests, so it is verified once; what was found is kept under a digest of
 * the token, as long as the token is good and the set of keys is the same.
 * How many are verified a second is bounded: whoever sends tokens that nobody
 * signed takes no more than a part of the worker's time.
 */


#include "ngx_http_sallyport_directives.h"
#include "ngx_http_sallyport_token.h"

#include <openssl/sha.h>


#define NGX_HTTP_SALLYPORT_TOKENS      4096   /* a power of two */
#define NGX_HTTP_SALLYPORT_TOKEN_WAYS  4
#define NGX_HTTP_SALLYPORT_VERIFIES    2000   /* a second and worker */
#define NGX_HTTP_SALLYPORT_SKEW        60     /* s */


typedef struct {
    u_char                       digest[SHA256_DIGEST_LENGTH];
    ngx_http_sallyport_jwt_t    *jwt;         /* NULL: empty */
    uint64_t                     edition;
    int64_t                      not_before;
    int64_t                      expires_at;
    uint8_t                      account_len;
    uint8_t                      name_len;
    char                         account[SP_ID_LEN];
    char                         name[SP_ID_LEN];
} ngx_http_sallyport_token_t;


static char *ngx_http_sallyport_jwt_option(ngx_conf_t *cf, ngx_str_t *value,
    const char **account, const char **issuer, const char **audience,
    int64_t *skew);
static void *ngx_http_sallyport_jwt_load(ngx_http_sallyport_follow_t *follow,
    char *err, size_t errlen);
static void *ngx_http_sallyport_jwt_take(ngx_http_sallyport_follow_t *follow,
    void *made, char *err, size_t errlen);
static void ngx_http_sallyport_jwt_drop(void *made);
static ngx_http_sallyport_token_t *ngx_http_sallyport_token_find(
    ngx_http_sallyport_jwt_t *jwt, u_char *digest);
static void ngx_http_sallyport_token_keep(ngx_http_sallyport_jwt_t *jwt,
    u_char *digest, const sp_key_t *key);
static ngx_uint_t ngx_http_sallyport_token_may(void);


/* Of this process; made when the first token is verified. */

static ngx_http_sallyport_token_t  *ngx_http_sallyport_tokens;
static ngx_uint_t                   ngx_http_sallyport_token_next;
static time_t                       ngx_http_sallyport_token_second;
static ngx_uint_t                   ngx_http_sallyport_token_count;
static uint64_t                     ngx_http_sallyport_token_editions;


char *
ngx_http_sallyport_set_jwt(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sallyport_loc_conf_t *slcf = conf;

    char                            *rv, err[256];
    int64_t                          skew;
    ngx_str_t                       *value;
    ngx_uint_t                       i;
    const char                      *account, *issuer, *audience;
    ngx_http_sallyport_jwt_t        *jwt;
    ngx_http_sallyport_main_conf_t  *smcf;

    if (slcf->jwt != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    account = "sub";
    issuer = audience = NULL;
    skew = NGX_HTTP_SALLYPORT_SKEW;
    value = cf->args->elts;

    for (i = 2; i < cf->args->nelts; i++) {
        rv = ngx_http_sallyport_jwt_option(cf, &value[i], &account, &issuer,
                                           &audience, &skew);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    /* the scanner's tables want 16 bytes */

    jwt = ngx_pmemalign(cf->pool, sizeof(ngx_http_sallyport_jwt_t), 16);

    if (jwt == NULL
        || ngx_conf_full_name(cf->cycle, &value[1], 1) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(jwt, sizeof(ngx_http_sallyport_jwt_t));

    if (sp_jwt_rules(&jwt->rules, account, issuer, audience, skew, err,
                     sizeof(err))
        != SP_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\": %s", &cmd->name,
                           err);
        return NGX_CONF_ERROR;
    }

    jwt->follow.file = value[1];
    jwt->follow.what = "set of keys";
    jwt->follow.load = ngx_http_sallyport_jwt_load;
    jwt->follow.take = ngx_http_sallyport_jwt_take;
    jwt->follow.drop = ngx_http_sallyport_jwt_drop;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sallyport_module);

    if (ngx_http_sallyport_follow_add(cf, smcf, &jwt->follow) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    slcf->jwt = jwt;

    return NGX_CONF_OK;
}


static char *
ngx_http_sallyport_jwt_option(ngx_conf_t *cf, ngx_str_t *value,
    const char **account, const char **issuer, const char **audience,
    int64_t *skew)
{
    time_t     sec;
    ngx_str_t  s;

    if (ngx_strncmp(value->data, "account=", 8) == 0 && value->len > 8) {
        *account = (char *) value->data + 8;
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value->data, "issuer=", 7) == 0 && value->len > 7) {
        *issuer = (char *) value->data + 7;
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value->data, "audience=", 9) == 0 && value->len > 9) {
        *audience = (char *) value->data + 9;
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value->data, "skew=", 5) == 0) {
        s.data = value->data + 5;
        s.len = value->len - 5;
        sec = ngx_parse_time(&s, 1);

        if (sec != (time_t) NGX_ERROR) {
            *skew = (int64_t) sec;
            return NGX_CONF_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" of \"sallyport_jwt\", it "
                       "takes account=CLAIM, issuer=TEXT, audience=TEXT and "
                       "skew=TIME", value);

    return NGX_CONF_ERROR;
}


static void *
ngx_http_sallyport_jwt_load(ngx_http_sallyport_follow_t *follow, char *err,
    size_t errlen)
{
    return sp_jwks_open((char *) follow->file.data, err, errlen);
}


static void *
ngx_http_sallyport_jwt_take(ngx_http_sallyport_follow_t *follow, void *made,
    char *err, size_t errlen)
{
    sp_jwks_t                 *old;
    ngx_http_sallyport_jwt_t  *jwt;

    jwt = (ngx_http_sallyport_jwt_t *) follow;

    old = jwt->jwks;
    jwt->jwks = made;
    jwt->edition = ++ngx_http_sallyport_token_editions;

    if (made != NULL) {
        (void) ngx_snprintf((u_char *) err, errlen, ", of %ud keys%Z",
                            sp_jwks_keys(made));
    }

    return old;
}


static void
ngx_http_sallyport_jwt_drop(void *made)
{
    sp_jwks_free(made);
}


/*
 * Nobody else's key is asked for: a token that does not verify is no key that
 * the store might know.
 */

void
ngx_http_sallyport_token(ngx_http_sallyport_ctx_t *ctx)
{
    u_char                       digest[SHA256_DIGEST_LENGTH];
    sp_key_t                    *key;
    const char                  *why;
    sp_jwt_rc_t                  rc;
    ngx_http_sallyport_jwt_t    *jwt;
    ngx_http_sallyport_token_t  *known;

    jwt = ctx->slcf->jwt;
    key = &ctx->key_room;

    (void) SHA256(ctx->credential.key.data, ctx->credential.key.len, digest);

    known = ngx_http_sallyport_token_find(jwt, digest);

    if (known != NULL) {
        ngx_memzero(key, sizeof(sp_key_t));

        key->schema = 1;
        key->status = SP_KEY_ACTIVE;
        key->not_before = known->not_before;
        key->expires_at = known->expires_at;
        key->account_len = known->account_len;
        key->name_len = known->name_len;
        ngx_memcpy(key->account, known->account, SP_ID_LEN);
        ngx_memcpy(key->name, known->name, SP_ID_LEN);

        ngx_http_sallyport_vouched(ctx);
        return;
    }

    if (!ngx_http_sallyport_token_may()) {
        sp_facts_key(&ctx->facts, SP_KEYFACT_FAILED, NULL);
        return;
    }

    rc = sp_jwt_verify(jwt->jwks, &jwt->rules, ctx->credential.key, key, &why);

    if (rc != SP_JWT_FINE) {
        ngx_log_error(NGX_LOG_INFO, ctx->request->connection->log, 0,
                      "sallyport: %s", why);

        sp_facts_key(&ctx->facts, rc == SP_JWT_MALFORMED
                                  ? SP_KEYFACT_MALFORMED : SP_KEYFACT_NO_SUCH,
                     NULL);
        return;
    }

    ngx_http_sallyport_token_keep(jwt, digest, key);
    ngx_http_sallyport_vouched(ctx);
}


/* Limits of a key count by its name, in its account. */

void
ngx_http_sallyport_vouched(ngx_http_sallyport_ctx_t *ctx)
{
    u_char     digest[SHA256_DIGEST_LENGTH], text[2 * SP_ID_LEN + 1];
    sp_key_t  *key;

    key = &ctx->key_room;

    if (ctx->cert_account.len != 0
        && (ctx->cert_account.len != key->account_len
            || ngx_memcmp(ctx->cert_account.data, key->account,
                          key->account_len)
               != 0))
    {
        sp_facts_key(&ctx->facts, SP_KEYFACT_AMBIGUOUS, NULL);
        return;
    }

    ngx_memcpy(text, key->account, key->account_len);
    text[key->account_len] = '\0';
    ngx_memcpy(text + key->account_len + 1, key->name, key->name_len);

    (void) SHA256(text, key->account_len + 1 + key->name_len, digest);

    sp_hex(digest, SP_KID_LEN / 2, ctx->kid);

    ctx->kid_made = 1;
    ctx->vouched = 1;
    ctx->looked = ctx->now;
    ctx->key = key;
    ctx->account_id.data = (u_char *) key->account;
    ctx->account_id.len = key->account_len;
    ctx->state = NGX_HTTP_SALLYPORT_S_ACCOUNT;

    sp_facts_key(&ctx->facts, SP_KEYFACT_FOUND, key);
}


static ngx_http_sallyport_token_t *
ngx_http_sallyport_token_find(ngx_http_sallyport_jwt_t *jwt, u_char *digest)
{
    uint32_t                     at;
    ngx_uint_t                   i;
    ngx_http_sallyport_token_t  *token;

    if (ngx_http_sallyport_tokens == NULL) {
        return NULL;
    }

    ngx_memcpy(&at, digest, sizeof(at));

    for (i = 0; i < NGX_HTTP_SALLYPORT_TOKEN_WAYS; i++) {
        token = &ngx_http_sallyport_tokens[(at + i)
                                          & (NGX_HTTP_SALLYPORT_TOKENS - 1)];

        if (token->jwt == jwt && token->edition == jwt->edition
            && ngx_memcmp(token->digest, digest, SHA256_DIGEST_LENGTH) == 0)
        {
            return ngx_time() < token->expires_at ? token : NULL;
        }
    }

    return NULL;
}


/* In the place of one that is empty, over, or of an older set; else in turn. */

static void
ngx_http_sallyport_token_keep(ngx_http_sallyport_jwt_t *jwt, u_char *digest,
    const sp_key_t *key)
{
    uint32_t                     at;
    ngx_uint_t                   i;
    ngx_http_sallyport_token_t  *token;

    if (ngx_http_sallyport_tokens == NULL) {
        ngx_http_sallyport_tokens = ngx_http_sallyport_pages_for_good(
            NGX_HTTP_SALLYPORT_TOKENS * sizeof(ngx_http_sallyport_token_t),
            ngx_cycle->log);

        if (ngx_http_sallyport_tokens == NULL) {
            return;
        }
    }

    if (ngx_time() >= key->expires_at) {
        return;
    }

    ngx_memcpy(&at, digest, sizeof(at));

    for (i = 0; i < NGX_HTTP_SALLYPORT_TOKEN_WAYS; i++) {
        token = &ngx_http_sallyport_tokens[(at + i)
                                          & (NGX_HTTP_SALLYPORT_TOKENS - 1)];

        if (token->jwt == NULL || ngx_time() >= token->expires_at
            || (token->jwt == jwt && token->edition != jwt->edition))
        {
            break;
        }
    }

    if (i == NGX_HTTP_SALLYPORT_TOKEN_WAYS) {
        i = ngx_http_sallyport_token_next++ % NGX_HTTP_SALLYPORT_TOKEN_WAYS;
        token = &ngx_http_sallyport_tokens[(at + i)
                                          & (NGX_HTTP_SALLYPORT_TOKENS - 1)];
    }

    ngx_memcpy(token->digest, digest, SHA256_DIGEST_LENGTH);
    token->jwt = jwt;
    token->edition = jwt->edition;
    token->not_before = key->not_before;
    token->expires_at = key->expires_at;
    token->account_len = key->account_len;
    token->name_len = key->name_len;
    ngx_memcpy(token->account, key->account, SP_ID_LEN);
    ngx_memcpy(token->name, key->name, SP_ID_LEN);
}


static ngx_uint_t
ngx_http_sallyport_token_may(void)
{
    if (ngx_http_sallyport_token_second != ngx_time()) {
        ngx_http_sallyport_token_second = ngx_time();
        ngx_http_sallyport_token_count = 0;
    }

    return ngx_http_sallyport_token_count++ < NGX_HTTP_SALLYPORT_VERIFIES;
}

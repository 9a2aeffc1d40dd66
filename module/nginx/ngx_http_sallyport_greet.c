
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what a connection to Redis says first, and what it hears
 * of the server before it is used: who we are, which process it is, whether
 * the data there are ours.
 */


#include "ngx_http_sallyport_store.h"


static const char *ngx_http_sallyport_greeted_info(
    ngx_http_sallyport_redis_t *redis, ngx_http_sallyport_reply_t *reply);
static const char *ngx_http_sallyport_greeted_nameless(
    ngx_http_sallyport_redis_t *redis);
static sp_str_t ngx_http_sallyport_info_field(
    ngx_http_sallyport_reply_t *reply, const char *name);
static const char *ngx_http_sallyport_greeted_meta(
    ngx_http_sallyport_redis_t *redis, ngx_http_sallyport_reply_t *reply);
static sp_str_t ngx_http_sallyport_meta_field(
    ngx_http_sallyport_reply_t *reply, const char *name);
static const char *ngx_http_sallyport_greeted_ready(
    ngx_http_sallyport_redis_t *redis);


ngx_int_t
ngx_http_sallyport_greet(ngx_http_sallyport_redis_t *redis)
{
    ngx_uint_t                     i;
    ngx_http_sallyport_store_t    *store;
    ngx_http_sallyport_command_t   command;

    static const ngx_http_sallyport_command_t  commands[] = {
        NGX_HTTP_SALLYPORT_CMD_AUTH,
        NGX_HTTP_SALLYPORT_CMD_SELECT,
        NGX_HTTP_SALLYPORT_CMD_SETNAME,
        NGX_HTTP_SALLYPORT_CMD_INFO,
        NGX_HTTP_SALLYPORT_CMD_META
    };

    store = redis->store;
    redis->state = NGX_HTTP_SALLYPORT_R_GREETING;

    if (redis->sentinel) {

        if (store->place->password.len != 0
            && ngx_http_sallyport_redis_send(redis,
                                             NGX_HTTP_SALLYPORT_CMD_AUTH, NULL)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        return ngx_http_sallyport_greeted_ready(redis) == NULL ? NGX_OK
                                                               : NGX_ERROR;
    }

    for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        command = commands[i];

        if ((command == NGX_HTTP_SALLYPORT_CMD_AUTH
             && store->password.len == 0)
            || (command == NGX_HTTP_SALLYPORT_CMD_SELECT
                && store->db.len == 0))
        {
            continue;
        }

        if (ngx_http_sallyport_redis_send(redis, command, NULL) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


const char *
ngx_http_sallyport_greeted(ngx_http_sallyport_redis_t *redis,
    ngx_http_sallyport_wire_t *wire, ngx_http_sallyport_reply_t *reply)
{
    if (ngx_http_sallyport_reply_error(reply, "NOAUTH")) {
        return "wants a password: add password_file=FILE";
    }

    switch (wire->command) {

    case NGX_HTTP_SALLYPORT_CMD_AUTH:
        return reply->type == NGX_HTTP_SALLYPORT_REPLY_STATUS
               ? NULL : "refused the user or the password";

    case NGX_HTTP_SALLYPORT_CMD_SELECT:
        return reply->type == NGX_HTTP_SALLYPORT_REPLY_STATUS
               ? NULL : "refused the number of the database";

    case NGX_HTTP_SALLYPORT_CMD_SETNAME:

        /* a courtesy to operators; users may lack the right to it */

        return reply->type == NGX_HTTP_SALLYPORT_REPLY_STATUS
               || reply->type == NGX_HTTP_SALLYPORT_REPLY_ERROR
               ? NULL : "sent a reply of another kind";

    case NGX_HTTP_SALLYPORT_CMD_INFO:
        return ngx_http_sallyport_greeted_info(redis, reply);

    default: /* NGX_HTTP_SALLYPORT_CMD_META */
        return ngx_http_sallyport_greeted_meta(redis, reply);
    }
}


static const char *
ngx_http_sallyport_greeted_info(ngx_http_sallyport_redis_t *redis,
    ngx_http_sallyport_reply_t *reply)
{
    sp_str_t                     run_id, role, mode, policy;
    ngx_http_sallyport_store_t  *store;

    store = redis->store;

    if (reply->type == NGX_HTTP_SALLYPORT_REPLY_ERROR
        || reply->type == NGX_HTTP_SALLYPORT_REPLY_STATUS)
    {
        return ngx_http_sallyport_greeted_nameless(redis);
    }

    if (reply->type != NGX_HTTP_SALLYPORT_REPLY_STRING) {
        return "sent a reply of another kind";
    }

    run_id = ngx_http_sallyport_info_field(reply, "run_id:");
    role = ngx_http_sallyport_info_field(reply, "role:");
    mode = ngx_http_sallyport_info_field(reply, "redis_mode:");
    policy = ngx_http_sallyport_info_field(reply, "maxmemory_policy:");

    if (run_id.len == 0 || role.len == 0) {
        return ngx_http_sallyport_greeted_nameless(redis);
    }

    redis->run_id = sp_siphash(store->zone->sh->key, run_id.data, run_id.len)
                    | 1;

    if ((store->tracking != NGX_HTTP_SALLYPORT_TRACKING_OFF
         || store->place->nsentinels != 0)
        && !sp_str_eq(role, SP_STR("master")))
    {
        return store->place->nsentinels != 0
               ? "is no primary, though Sentinels say it is"
               : "is a replica: records are read from their primary";
    }

    /*
     * Slots leave a node without a word to its trackers, while its canaries
     * go on: what is cached would be taken for fresh, and changed elsewhere.
     * Records that are only kept for a time are asked for again, and refused
     * when their slot has moved.
     */

    if (store->tracking != NGX_HTTP_SALLYPORT_TRACKING_OFF
        && sp_str_eq(mode, SP_STR("cluster")))
    {
        return "is a node of a Redis Cluster, whose slots may move unheard: "
               "use a primary by itself or behind Sentinels";
    }

    if (store->source->polled == NGX_HTTP_SALLYPORT_POLLED_INFO) {
        store->source->polled = NGX_HTTP_SALLYPORT_TRACKED;
    }

    redis->evicts = policy.len != 0
                    && !sp_str_eq(policy, SP_STR("noeviction"));

    if (redis->evicts
        && ngx_http_sallyport_store_loud(store,
                                         NGX_HTTP_SALLYPORT_SAY_EVICTS))
    {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "sallyport: store \"%V\" evicts records "
                      "(maxmemory-policy is not noeviction)", &store->name);
    }

    return NULL;
}


/* What cannot be told from another server cannot be tracked. */

static const char *
ngx_http_sallyport_greeted_nameless(ngx_http_sallyport_redis_t *redis)
{
    ngx_http_sallyport_store_t  *store;

    store = redis->store;

    if (store->place->nsentinels != 0) {
        return "does not say whether it is the primary: allow INFO";
    }

    if (store->tracking == NGX_HTTP_SALLYPORT_TRACKING_ON) {
        return "does not say which server it is: its user needs INFO";
    }

    if (store->tracking == NGX_HTTP_SALLYPORT_TRACKING_AUTO) {
        ngx_http_sallyport_store_poll(store, NGX_HTTP_SALLYPORT_POLLED_INFO,
                                      "INFO");
    }

    return NULL;
}


/* The value of a line "name:value\r\n". */

static sp_str_t
ngx_http_sallyport_info_field(ngx_http_sallyport_reply_t *reply,
    const char *name)
{
    u_char    *p, *end;
    size_t     len;
    sp_str_t   value = { 0, NULL };

    len = ngx_strlen(name);
    p = reply->data;
    end = p + reply->used;

    while (p != NULL && (size_t) (end - p) > len) {

        if (ngx_memcmp(p, name, len) == 0) {
            value.data = p + len;

            for (p += len; p < end && *p != CR && *p != LF; p++) {
                value.len++;
            }

            return value;
        }

        p = ngx_strlchr(p, end, LF);

        if (p != NULL) {
            p++;
        }
    }

    return value;
}


/*
 * An empty database knows no key, and would turn every caller away as
 * unknown. So it must say that it is ours: "meta" holds the schema.
 */

static const char *
ngx_http_sallyport_greeted_meta(ngx_http_sallyport_redis_t *redis,
    ngx_http_sallyport_reply_t *reply)
{
    uint64_t                      schema, term, dataset;
    sp_str_t                      value;
    ngx_http_sallyport_store_t   *store;

    store = redis->store;
    redis->meta_asked = 0;

    if (reply->type == NGX_HTTP_SALLYPORT_REPLY_ERROR) {
        return "answered HGETALL of \"meta\" with an error";
    }

    if (reply->type != NGX_HTTP_SALLYPORT_REPLY_ARRAY) {
        return "sent a reply of another kind";
    }

    redis->foreign = 1;

    if (reply->n == 0) {
        return "has no \"meta\" hash under the prefix: it is empty or not "
               "ours, and nothing is looked up there";
    }

    value = ngx_http_sallyport_meta_field(reply, "schema");

    if (value.len == 0) {
        return "has no schema in \"meta\"";
    }

    if (sp_parse_uint(value, SP_ACCOUNT_SCHEMA, &schema) != SP_OK) {
        return "has a schema in \"meta\" that this version does not read";
    }

    value = ngx_http_sallyport_meta_field(reply, "term");
    term = 0;

    if (value.len != 0
        && sp_parse_uint(value, (uint64_t) 1 << 53, &term) != SP_OK)
    {
        return "has a term in \"meta\" that is no number";
    }

    value = ngx_http_sallyport_meta_field(reply, "dataset");
    dataset = value.len == 0
              ? 0 : sp_siphash(store->zone->sh->key, value.data, value.len)
                    | 1;

    if (ngx_http_sallyport_source_meta(store->zone, store->source, dataset,
                                       term)
        != NGX_OK)
    {
        return "holds another dataset than before, by its \"meta\": raise the "
               "term there if that is meant, or restart nginx";
    }

    redis->foreign = 0;

    return ngx_http_sallyport_greeted_ready(redis);
}


static sp_str_t
ngx_http_sallyport_meta_field(ngx_http_sallyport_reply_t *reply,
    const char *name)
{
    ngx_uint_t  i;
    sp_str_t    want, none = { 0, NULL };

    want.data = (u_char *) name;
    want.len = ngx_strlen(name);

    for (i = 0; i < reply->n / 2; i++) {
        if (sp_str_eq(reply->pairs[i].name, want)) {
            return reply->pairs[i].value;
        }
    }

    return none;
}


static const char *
ngx_http_sallyport_greeted_ready(ngx_http_sallyport_redis_t *redis)
{
    redis->log.log_level = ngx_cycle->log->log_level;
    redis->state = NGX_HTTP_SALLYPORT_R_READY;

    return redis->kind->ready(redis);
}

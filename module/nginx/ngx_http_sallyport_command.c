
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the commands that a store is sent, and their bytes.
 */


#include "ngx_http_sallyport_store.h"


static int ngx_http_sallyport_command_login(ngx_str_t *user,
    ngx_str_t *password, const char **argv, size_t *lens);
static size_t ngx_http_sallyport_command_key(
    ngx_http_sallyport_store_t *store, ngx_http_sallyport_command_t command,
    ngx_http_sallyport_lookup_t *lookup, u_char *key);
static ngx_int_t ngx_http_sallyport_command_append(
    ngx_http_sallyport_redis_t *redis, const char *text, size_t len);


ngx_int_t
ngx_http_sallyport_command_write(ngx_http_sallyport_redis_t *redis,
    ngx_http_sallyport_command_t command, void *data)
{
    int                          argc;
    size_t                       lens[3];
    u_char                       key[NGX_HTTP_SALLYPORT_KEY_MAX];
    const char                  *argv[3];
    ngx_http_sallyport_store_t  *store;

    store = redis->store;
    argc = 2;

    switch (command) {

    case NGX_HTTP_SALLYPORT_CMD_AUTH:
        argc = redis->sentinel
               ? ngx_http_sallyport_command_login(&store->place->user,
                                                  &store->place->password,
                                                  argv, lens)
               : ngx_http_sallyport_command_login(&store->user,
                                                  &store->password, argv,
                                                  lens);
        break;

    case NGX_HTTP_SALLYPORT_CMD_SELECT:
        argv[0] = "SELECT";
        argv[1] = (char *) store->db.data;
        lens[1] = store->db.len;
        break;

    case NGX_HTTP_SALLYPORT_CMD_SETNAME:
        argv[0] = "CLIENT";
        argv[1] = "SETNAME";
        lens[1] = sizeof("SETNAME") - 1;
        argv[2] = (char *) key;
        lens[2] = ngx_snprintf(key, sizeof(key), "sallyport-%s-%P",
                               redis->kind->name, ngx_pid)
                  - key;
        argc = 3;
        break;

    case NGX_HTTP_SALLYPORT_CMD_INFO:
        argv[0] = "INFO";
        argc = 1;
        break;

    default:
        argv[0] = "HGETALL";
        argv[1] = (char *) key;
        lens[1] = ngx_http_sallyport_command_key(store, command, data, key);
    }

    lens[0] = ngx_strlen(argv[0]);

    return ngx_http_sallyport_command_argv(redis, argc, argv, lens);
}


ngx_int_t
ngx_http_sallyport_command_argv(ngx_http_sallyport_redis_t *redis, int argc,
    const char **argv, size_t *lens)
{
    int         len;
    char       *text;
    ngx_int_t   rc;

    len = redisFormatCommandArgv(&text, argc, argv, lens);
    if (len < 0) {
        return NGX_ERROR;
    }

    rc = ngx_http_sallyport_command_append(redis, text, len);

    ngx_explicit_memzero(text, len);
    redisFreeCommand(text);

    return rc;
}


static int
ngx_http_sallyport_command_login(ngx_str_t *user, ngx_str_t *password,
    const char **argv, size_t *lens)
{
    int  argc;

    argv[0] = "AUTH";
    argc = 1;

    if (user->len != 0) {
        argv[argc] = (char *) user->data;
        lens[argc++] = user->len;
    }

    argv[argc] = (char *) password->data;
    lens[argc++] = password->len;

    return argc;
}


/* "sp:data:meta", ":block", "sp:data:key:<kid>", ":acct:<id>" and its kin. */

static size_t
ngx_http_sallyport_command_key(ngx_http_sallyport_store_t *store,
    ngx_http_sallyport_command_t command, ngx_http_sallyport_lookup_t *lookup,
    u_char *key)
{
    u_char      *p;
    const char  *kind;

    p = ngx_cpymem(key, store->prefix.data, store->prefix.len);

    if (lookup == NULL) {
        p = command == NGX_HTTP_SALLYPORT_CMD_BLOCK
            ? ngx_cpymem(p, "block", 5) : ngx_cpymem(p, "meta", 4);

    } else {
        kind = ngx_http_sallyport_kind_prefix(lookup->cid.kind);
        p = ngx_cpymem(p, kind, ngx_strlen(kind));
        p = ngx_cpymem(p, lookup->id, lookup->cid.len);
    }

    return p - key;
}


static ngx_int_t
ngx_http_sallyport_command_append(ngx_http_sallyport_redis_t *redis,
    const char *text, size_t len)
{
    if (redis->out_pos != redis->out) {
        ngx_memmove(redis->out, redis->out_pos,
                    redis->out_last - redis->out_pos);
        redis->out_last -= redis->out_pos - redis->out;
        redis->out_pos = redis->out;
    }

    if (len > (size_t) (redis->out + NGX_HTTP_SALLYPORT_OUT
                        - redis->out_last))
    {
        return NGX_BUSY;
    }

    redis->out_last = ngx_cpymem(redis->out_last, text, len);

    return NGX_OK;
}

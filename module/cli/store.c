
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the connection to the store, reading records and
 * walking over them. Blocking, with a time-out on every answer; commands go
 * as argument vectors only, so that no value is ever read as syntax.
 */


#include <errno.h>
#include <stdlib.h>

#include <hiredis/hiredis.h>

#include "store.h"
#include "store_conn.h"


#define SP_STORE_TIMEOUT   5
#define SP_STORE_SCAN      "1000"    /* keys a step */


static sp_rc_t sp_store_password(const sp_cli_args_t *args,
    sp_store_url_t *url);
static sp_rc_t sp_store_login(sp_store_t *store, const sp_store_url_t *url);
static sp_rc_t sp_store_take(sp_stored_t *record, const redisReply *reply,
    const char *key);
static sp_rc_t sp_store_page(sp_store_t *store, const redisReply *keys,
    sp_store_each_pt each, void *ctx);


sp_store_t *
sp_store_open(const sp_cli_args_t *args)
{
    uint64_t         seconds;
    sp_store_t      *store;
    const char      *text, *timeout;
    sp_store_url_t   url;
    struct timeval   tv;

    seconds = SP_STORE_TIMEOUT;
    timeout = sp_cli_opt(args, "timeout");

    if (timeout != NULL
        && (sp_cli_number("--timeout", timeout, 600, &seconds) != SP_OK
            || seconds == 0))
    {
        return NULL;
    }

    text = sp_cli_opt(args, "store");

    if (text == NULL) {
        text = getenv("SALLYPORT_STORE");
    }

    if (text == NULL || text[0] == '\0') {
        sp_cli_error("no store: give --store redis://HOST[:PORT][/DB], or "
                     "set SALLYPORT_STORE");
        return NULL;
    }

    memset(&url, 0, sizeof(url));

    if (sp_store_url(text, &url) != SP_OK
        || sp_store_password(args, &url) != SP_OK)
    {
        sp_store_url_free(&url);
        return NULL;
    }

    store = sp_cli_alloc(sizeof(sp_store_t));
    tv.tv_sec = (time_t) seconds;
    tv.tv_usec = 0;

    if (url.host != NULL) {
        (void) snprintf(store->name, sizeof(store->name), "%s:%u/%u",
                        url.host, url.port, url.db);
        store->redis = redisConnectWithTimeout(url.host, (int) url.port, tv);

    } else {
        (void) snprintf(store->name, sizeof(store->name), "%s?db=%u",
                        url.path, url.db);
        store->redis = redisConnectUnixWithTimeout(url.path, tv);
    }

    if (store->redis == NULL || store->redis->err != 0
        || redisSetTimeout(store->redis, tv) != REDIS_OK)
    {
        sp_cli_error("cannot reach the store at %s: %s", store->name,
                     store->redis != NULL && store->redis->errstr[0] != '\0'
                     ? store->redis->errstr : "no memory");
        sp_store_close(store);
        store = NULL;

    } else if (sp_store_login(store, &url) != SP_OK) {
        sp_store_close(store);
        store = NULL;
    }

    sp_store_url_free(&url);

    return store;
}


void
sp_store_close(sp_store_t *store)
{
    if (store == NULL) {
        return;
    }

    if (store->redis != NULL) {
        redisFree(store->redis);
    }

    free(store);
}


static sp_rc_t
sp_store_password(const sp_cli_args_t *args, sp_store_url_t *url)
{
    char        *text;
    size_t       len;
    const char  *file;

    file = sp_cli_opt(args, "store-password");

    if (file == NULL) {
        return SP_OK;
    }

    if (url->password != NULL) {
        sp_cli_error("the password is in the store's URL and in "
                     "--store-password: leave one out");
        return SP_ERROR;
    }

    text = sp_cli_read_file(file, 4096, &len);

    if (text == NULL) {
        return SP_ERROR;
    }

    text[strcspn(text, "\r\n")] = '\0';
    url->password = text;

    if (text[0] == '\0') {
        sp_cli_error("--store-password: the first line of '%s' is empty",
                     file);
        return SP_ERROR;
    }

    return SP_OK;
}


static sp_rc_t
sp_store_login(sp_store_t *store, const sp_store_url_t *url)
{
    int          n;
    char         db[16];
    redisReply  *reply;
    const char  *argv[3];

    if (url->password != NULL) {
        n = 0;
        argv[n++] = "AUTH";

        if (url->user != NULL) {
            argv[n++] = url->user;
        }

        argv[n++] = url->password;
        reply = sp_store_call(store, n, argv, NULL);

        if (reply == NULL) {
            return SP_ERROR;
        }

        freeReplyObject(reply);
    }

    if (url->db == 0) {
        return SP_OK;
    }

    (void) snprintf(db, sizeof(db), "%u", url->db);
    argv[0] = "SELECT";
    argv[1] = db;
    reply = sp_store_call(store, 2, argv, NULL);

    if (reply == NULL) {
        return SP_ERROR;
    }

    freeReplyObject(reply);

    return SP_OK;
}


redisReply *
sp_store_call(sp_store_t *store, int argc, const char **argv,
    const size_t *lens)
{
    redisReply  *reply;

    reply = redisCommandArgv(store->redis, argc, argv, lens);

    if (reply == NULL) {
        sp_cli_error("the store at %s did not answer: %s", store->name,
                     store->redis->err == REDIS_ERR_IO
                     && (errno == EAGAIN || errno == EWOULDBLOCK)
                     ? "timed out" : store->redis->errstr);
        return NULL;
    }

    if (reply->type != REDIS_REPLY_ERROR) {
        return reply;
    }

    sp_cli_error("the store at %s refused %s: %s", store->name, argv[0],
                 reply->str);

    if (strncmp(reply->str, "MOVED ", 6) == 0
        || strncmp(reply->str, "CROSSSLOT", 9) == 0
        || strncmp(reply->str, "READONLY", 8) == 0)
    {
        sp_cli_error("this command needs a primary that is no part of a "
                     "cluster");
    }

    freeReplyObject(reply);

    return NULL;
}


sp_rc_t
sp_store_read(sp_store_t *store, const char *key, sp_stored_t *record)
{
    sp_rc_t      rc;
    redisReply  *reply;
    const char  *argv[] = { "HGETALL", key };

    memset(record, 0, sizeof(*record));
    reply = sp_store_call(store, 2, argv, NULL);

    if (reply == NULL) {
        return SP_ERROR;
    }

    rc = sp_store_take(record, reply, key);
    freeReplyObject(reply);

    return rc;
}


static sp_rc_t
sp_store_take(sp_stored_t *record, const redisReply *reply, const char *key)
{
    size_t       i;
    sp_pair_t   *pair;
    redisReply  *name, *value;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements % 2 != 0) {
        sp_cli_error("%s: the store's answer is no hash", key);
        return SP_ERROR;
    }

    if (reply->elements / 2 > SP_STORE_FIELDS_MAX) {
        sp_cli_error("%s has %zu fields, more than any record (%d)", key,
                     reply->elements / 2, SP_STORE_FIELDS_MAX);
        return SP_ERROR;
    }

    for (i = 0; i < reply->elements; i += 2) {
        name = reply->element[i];
        value = reply->element[i + 1];

        if (name->type != REDIS_REPLY_STRING
            || value->type != REDIS_REPLY_STRING)
        {
            sp_cli_error("%s: the store's answer is no hash", key);
            return SP_ERROR;
        }

        pair = &record->pairs[record->n++];
        pair->name.len = (size_t) name->len;
        pair->value.len = (size_t) value->len;
        pair->name.data = (unsigned char *) sp_cli_copy((sp_str_t)
                          { pair->name.len, (unsigned char *) name->str });
        pair->value.data = (unsigned char *) sp_cli_copy((sp_str_t)
                           { pair->value.len, (unsigned char *) value->str });
    }

    return SP_OK;
}


sp_rc_t
sp_store_each(sp_store_t *store, const char *prefix, sp_store_each_pt each,
    void *ctx)
{
    char         cursor[32], match[SP_STORE_KEY_MAX];
    sp_rc_t      rc;
    redisReply  *reply;
    const char  *argv[] = { "SCAN", cursor, "MATCH", match, "COUNT",
                            SP_STORE_SCAN };

    (void) snprintf(cursor, sizeof(cursor), "0");
    (void) snprintf(match, sizeof(match), "%s*", prefix);

    do {
        reply = sp_store_call(store, (int) sp_nelts(argv), argv, NULL);

        if (reply == NULL) {
            return SP_ERROR;
        }

        if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2
            || reply->element[0]->type != REDIS_REPLY_STRING
            || reply->element[1]->type != REDIS_REPLY_ARRAY)
        {
            sp_cli_error("the store at %s gave an odd answer to SCAN",
                         store->name);
            freeReplyObject(reply);
            return SP_ERROR;
        }

        (void) snprintf(cursor, sizeof(cursor), "%s", reply->element[0]->str);
        rc = sp_store_page(store, reply->element[1], each, ctx);
        freeReplyObject(reply);

        if (rc != SP_OK) {
            return rc;
        }

    } while (strcmp(cursor, "0") != 0);

    return SP_OK;
}


/* All HGETALLs of a page are sent before the first answer is read. */

static sp_rc_t
sp_store_page(sp_store_t *store, const redisReply *keys, sp_store_each_pt each,
    void *ctx)
{
    void         *reply;
    size_t        i;
    sp_rc_t       rc;
    const char   *argv[2];
    sp_stored_t   record;

    rc = SP_OK;

    for (i = 0; i < keys->elements; i++) {
        argv[0] = "HGETALL";
        argv[1] = keys->element[i]->str;

        if (redisAppendCommandArgv(store->redis, 2, argv, NULL) != REDIS_OK) {
            sp_cli_error("no memory for %zu commands", keys->elements);
            return SP_ERROR;
        }
    }

    for (i = 0; i < keys->elements; i++) {
        if (redisGetReply(store->redis, &reply) != REDIS_OK) {
            sp_cli_error("the store at %s did not answer: %s", store->name,
                         store->redis->errstr);
            return SP_ERROR;
        }

        memset(&record, 0, sizeof(record));

        if (rc == SP_OK && ((redisReply *) reply)->type == REDIS_REPLY_ERROR) {
            sp_cli_warn("%s: %s", keys->element[i]->str,
                        ((redisReply *) reply)->str);

        } else if (rc == SP_OK) {
            rc = sp_store_take(&record, reply, keys->element[i]->str);
        }

        /* SCAN may name a key that has gone since. */

        if (rc == SP_OK && record.n != 0) {
            rc = each(ctx, keys->element[i]->str, &record);
        }

        sp_stored_free(&record);
        freeReplyObject(reply);
    }

    return rc;
}


/* A page of SP_STORE_SCAN at most, all of which are asked for at once. */

sp_rc_t
sp_store_read_many(sp_store_t *store, char *const *keys, size_t n,
    sp_stored_t *records)
{
    void        *reply;
    size_t       i;
    sp_rc_t      rc;
    const char  *argv[2];

    memset(records, 0, n * sizeof(sp_stored_t));
    argv[0] = "HGETALL";

    for (i = 0; i < n; i++) {
        argv[1] = keys[i];

        if (redisAppendCommandArgv(store->redis, 2, argv, NULL) != REDIS_OK) {
            sp_cli_error("no memory for %zu commands", n);
            return SP_ERROR;
        }
    }

    rc = SP_OK;

    for (i = 0; i < n; i++) {

        if (redisGetReply(store->redis, &reply) != REDIS_OK) {
            sp_cli_error("the store at %s did not answer: %s", store->name,
                         store->redis->errstr);
            return SP_ERROR;
        }

        if (((redisReply *) reply)->type == REDIS_REPLY_ERROR) {
            sp_cli_error("%s: %s", keys[i], ((redisReply *) reply)->str);
            rc = SP_ERROR;

        } else if (sp_store_take(&records[i], reply, keys[i]) != SP_OK) {
            rc = SP_ERROR;
        }

        freeReplyObject(reply);
    }

    return rc;
}

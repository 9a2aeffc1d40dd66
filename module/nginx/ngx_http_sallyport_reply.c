
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains how one reply of Redis is kept: hiredis parses it, and
 * these functions put its parts in memory that was there before. Nothing is
 * allocated and no reply can be larger than that memory.
 */


#include "ngx_http_sallyport_store.h"


static void *ngx_http_sallyport_reply_string(const redisReadTask *task,
    char *data, size_t len);
#if (HIREDIS_MAJOR >= 1)
static void *ngx_http_sallyport_reply_array(const redisReadTask *task,
    size_t n);
#else
static void *ngx_http_sallyport_reply_array(const redisReadTask *task, int n);
#endif
static void *ngx_http_sallyport_reply_integer(const redisReadTask *task,
    long long value);
static void *ngx_http_sallyport_reply_nil(const redisReadTask *task);
static void ngx_http_sallyport_reply_free(void *object);


static redisReplyObjectFunctions  ngx_http_sallyport_reply_functions = {
    .createString = ngx_http_sallyport_reply_string,
    .createArray = ngx_http_sallyport_reply_array,
    .createInteger = ngx_http_sallyport_reply_integer,
    .createNil = ngx_http_sallyport_reply_nil,
    .freeObject = ngx_http_sallyport_reply_free
};


redisReader *
ngx_http_sallyport_reply_reader(ngx_http_sallyport_reply_t *reply)
{
    redisReader  *reader;

    reader = redisReaderCreateWithFunctions(
                                        &ngx_http_sallyport_reply_functions);

    if (reader != NULL) {
        reader->privdata = reply;
        reply->type = NGX_HTTP_SALLYPORT_REPLY_NONE;
    }

    return reader;
}


ngx_uint_t
ngx_http_sallyport_reply_whole(ngx_http_sallyport_reply_t *reply, void *object)
{
    if (object != reply) {
        return 0;
    }

    if (reply->type == NGX_HTTP_SALLYPORT_REPLY_ARRAY
        || reply->type == NGX_HTTP_SALLYPORT_REPLY_LARGE)
    {
        return reply->n == reply->expected;
    }

    return reply->type != NGX_HTTP_SALLYPORT_REPLY_NONE
           && reply->type != NGX_HTTP_SALLYPORT_REPLY_BAD;
}


ngx_uint_t
ngx_http_sallyport_reply_error(ngx_http_sallyport_reply_t *reply,
    const char *word)
{
    return reply->type == NGX_HTTP_SALLYPORT_REPLY_ERROR
           && reply->error_len == ngx_strlen(word)
           && ngx_memcmp(reply->error, word, reply->error_len) == 0;
}


static void *
ngx_http_sallyport_reply_string(const redisReadTask *task, char *data,
    size_t len)
{
    sp_str_t                   *s;
    ngx_http_sallyport_reply_t *reply;

    reply = task->privdata;

    if (task->parent == NULL) {

        if (task->type == REDIS_REPLY_ERROR) {
            reply->type = NGX_HTTP_SALLYPORT_REPLY_ERROR;
            reply->error_len = 0;

            /* the rest may repeat what was sent, a password for one */

            while (reply->error_len < len
                   && reply->error_len < sizeof(reply->error)
                   && data[reply->error_len] >= 'A'
                   && data[reply->error_len] <= 'Z')
            {
                reply->error[reply->error_len] = data[reply->error_len];
                reply->error_len++;
            }

        } else if (task->type == REDIS_REPLY_STATUS) {
            reply->type = NGX_HTTP_SALLYPORT_REPLY_STATUS;

        } else if (task->type == REDIS_REPLY_STRING
                   && len <= NGX_HTTP_SALLYPORT_REPLY)
        {
            reply->type = NGX_HTTP_SALLYPORT_REPLY_STRING;
            reply->used = len;
            ngx_memcpy(reply->data, data, len);

        } else {
            reply->type = NGX_HTTP_SALLYPORT_REPLY_BAD;
        }

        return reply;
    }

    if (task->type != REDIS_REPLY_STRING
        || task->parent->parent != NULL
        || reply->n >= reply->expected)
    {
        reply->type = NGX_HTTP_SALLYPORT_REPLY_BAD;
        return reply;
    }

    if (len > NGX_HTTP_SALLYPORT_REPLY - reply->used) {
        reply->type = NGX_HTTP_SALLYPORT_REPLY_LARGE;
    }

    if (reply->type == NGX_HTTP_SALLYPORT_REPLY_LARGE) {
        reply->n++;
        return reply;
    }

    s = (reply->n & 1) ? &reply->pairs[reply->n / 2].value
                       : &reply->pairs[reply->n / 2].name;

    s->data = reply->data + reply->used;
    s->len = len;

    ngx_memcpy(reply->data + reply->used, data, len);

    reply->used += len;
    reply->n++;

    return reply;
}


#if (HIREDIS_MAJOR >= 1)
static void *
ngx_http_sallyport_reply_array(const redisReadTask *task, size_t n)
#else
static void *
ngx_http_sallyport_reply_array(const redisReadTask *task, int n)
#endif
{
    ngx_http_sallyport_reply_t *reply;

    reply = task->privdata;

    /* NULL ends the reader: a nested array, a map */

    if (task->parent != NULL || task->type != REDIS_REPLY_ARRAY) {
        return NULL;
    }

    reply->type = (size_t) n > 2 * NGX_HTTP_SALLYPORT_PAIRS
                  ? NGX_HTTP_SALLYPORT_REPLY_LARGE
                  : NGX_HTTP_SALLYPORT_REPLY_ARRAY;
    reply->expected = (ngx_uint_t) n;
    reply->n = 0;
    reply->used = 0;

    return reply;
}


static void *
ngx_http_sallyport_reply_integer(const redisReadTask *task, long long value)
{
    ngx_http_sallyport_reply_t *reply;

    reply = task->privdata;

    reply->type = task->parent == NULL ? NGX_HTTP_SALLYPORT_REPLY_NUMBER
                                       : NGX_HTTP_SALLYPORT_REPLY_BAD;
    reply->number = value;

    return reply;
}


static void *
ngx_http_sallyport_reply_nil(const redisReadTask *task)
{
    ngx_http_sallyport_reply_t *reply;

    reply = task->privdata;

    reply->type = task->parent == NULL ? NGX_HTTP_SALLYPORT_REPLY_NIL
                                       : NGX_HTTP_SALLYPORT_REPLY_BAD;

    return reply;
}


/* The reply is the connection's and is used again. */

static void
ngx_http_sallyport_reply_free(void *object)
{
}

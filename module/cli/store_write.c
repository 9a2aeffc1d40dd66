
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains changing a record. Every change goes through one
 * script in the store, store/write.lua: it compares what is there with what the
 * change was made from, counts the version up, writes all fields in one step
 * and notes the change in a stream.
 */


#include <stdlib.h>
#include <time.h>

#include <openssl/rand.h>

#include "store_conn.h"


#define SP_STORE_META      "sp:data:meta"
#define SP_STORE_LOG       "sp:log"
#define SP_STORE_SCHEMA    "1"
#define SP_STORE_UUID      37       /* with its NUL */
#define SP_STORE_ARGS_MAX  (16 + 5 * SP_STORE_FIELDS_MAX)
#define SP_STORE_WAIT_S    5


typedef struct {
    int          argc;
    const char  *argv[SP_STORE_ARGS_MAX];
    size_t       lens[SP_STORE_ARGS_MAX];
    char         counts[2][16];
    char         uuid[SP_STORE_UUID];
} sp_store_cmd_t;


static sp_rc_t sp_stored_stamp(const sp_stored_t *before, sp_stored_t *after,
    const char *by, const char *why);
static sp_rc_t sp_store_meta(sp_store_t *store);
static int sp_store_empty(sp_store_t *store);
static sp_rc_t sp_store_uuid(char uuid[SP_STORE_UUID]);
static sp_rc_t sp_store_script_args(sp_store_t *store, sp_store_cmd_t *cmd,
    const char *key, const sp_stored_t *before, const sp_stored_t *after,
    const char *by, const char *why);
static size_t sp_store_sets(const sp_stored_t *before,
    const sp_stored_t *after, sp_store_cmd_t *cmd);
static void sp_store_arg(sp_store_cmd_t *cmd, sp_str_t s);
static sp_write_t sp_store_answer(sp_store_t *store, const redisReply *reply,
    const char *key);


/* store/write.lua, as it was when the command was built. */

__asm__(".section .rodata\n"
        ".global sp_store_script\nsp_store_script:\n"
        ".incbin \"module/cli/store/write.lua\"\n"
        ".byte 0\n"
        ".previous\n");

extern const char  sp_store_script[];


sp_write_t
sp_store_write(sp_store_t *store, const char *key, const sp_stored_t *before,
    sp_stored_t *after, const char *by, const char *why,
    sp_store_check_pt check, void *ctx)
{
    sp_write_t       rc;
    redisReply      *reply;
    sp_store_cmd_t  *cmd;

    rc = sp_store_prepare(store, before, after, by, why, check, ctx);

    if (rc != SP_WRITE_DONE) {
        return rc;
    }

    cmd = sp_cli_alloc(sizeof(*cmd));
    rc = SP_WRITE_FAILED;

    if (sp_store_script_args(store, cmd, key, before, after, by, why)
        == SP_OK)
    {
        reply = sp_store_call(store, cmd->argc, cmd->argv, cmd->lens);

        if (reply != NULL) {
            rc = sp_store_answer(store, reply, key);
            freeReplyObject(reply);
        }
    }

    free(cmd);

    return rc;
}


sp_write_t
sp_store_prepare(sp_store_t *store, const sp_stored_t *before,
    sp_stored_t *after, const char *by, const char *why,
    sp_store_check_pt check, void *ctx)
{
    if (!sp_stored_changed(before, after)) {
        return SP_WRITE_SAME;
    }

    if (sp_stored_stamp(before, after, by, why) != SP_OK
        || check(ctx, after) != SP_OK
        || sp_store_meta(store) != SP_OK)
    {
        return SP_WRITE_FAILED;
    }

    return SP_WRITE_DONE;
}


/* The script is sent once, and named by its digest from then on. */

sp_rc_t
sp_store_send(sp_store_t *store, const char *key, const sp_stored_t *before,
    const sp_stored_t *after, const char *by, const char *why)
{
    sp_rc_t          rc;
    redisReply      *reply;
    const char      *argv[] = { "SCRIPT", "LOAD", sp_store_script };
    sp_store_cmd_t  *cmd;

    if (store->sha[0] == '\0') {
        reply = sp_store_call(store, 3, argv, NULL);

        if (reply == NULL) {
            return SP_ERROR;
        }

        (void) snprintf(store->sha, sizeof(store->sha), "%s",
                        reply->str != NULL ? reply->str : "");
        freeReplyObject(reply);
    }

    cmd = sp_cli_alloc(sizeof(*cmd));
    rc = sp_store_script_args(store, cmd, key, before, after, by, why);

    if (rc == SP_OK
        && redisAppendCommandArgv(store->redis, cmd->argc, cmd->argv,
                                  cmd->lens)
           != REDIS_OK)
    {
        sp_cli_error("no memory for a command");
        rc = SP_ERROR;
    }

    free(cmd);

    return rc;
}


sp_write_t
sp_store_sent(sp_store_t *store, const char *key)
{
    void        *reply;
    sp_write_t   rc;

    if (redisGetReply(store->redis, &reply) != REDIS_OK) {
        sp_cli_error("the store at %s did not answer: %s", store->name,
                     store->redis->errstr);
        return SP_WRITE_LOST;
    }

    rc = sp_store_answer(store, reply, key);
    freeReplyObject(reply);

    return rc;
}


static sp_rc_t
sp_stored_stamp(const sp_stored_t *before, sp_stored_t *after, const char *by,
    const char *why)
{
    char      text[32];
    uint64_t  ver;
    sp_str_t  old;

    ver = 0;
    old = sp_stored_get(before, "ver");

    if (old.data != NULL && sp_parse_uint(old, INT64_MAX - 1, &ver) != SP_OK) {
        sp_cli_error("the record's ver is no number and cannot be counted "
                     "up; by hand: HSET KEY ver N, with N above every "
                     "version that the gates have seen");
        return SP_ERROR;
    }

    (void) snprintf(text, sizeof(text), "%llu", (unsigned long long) ver + 1);

    if (sp_stored_set(after, "ver", text) != SP_OK) {
        return SP_ERROR;
    }

    (void) snprintf(text, sizeof(text), "%lld", (long long) time(NULL));

    if (sp_stored_set(after, "changed_at", text) != SP_OK
        || sp_stored_set(after, "by", by) != SP_OK
        || sp_stored_set(after, "why", why) != SP_OK)
    {
        return SP_ERROR;
    }

    return SP_OK;
}


/*
 * The meta record tells "this account does not exist" from "this is an empty
 * or another database". Only a database without any record gets a new one.
 */

static sp_rc_t
sp_store_meta(sp_store_t *store)
{
    int          empty;
    char         uuid[SP_STORE_UUID];
    sp_str_t     schema;
    sp_stored_t  meta;

    if (store->meta_known) {
        return SP_OK;
    }

    if (sp_store_read(store, SP_STORE_META, &meta) != SP_OK) {
        return SP_ERROR;
    }

    if (meta.n != 0) {
        schema = sp_stored_get(&meta, "schema");
        store->meta_known = sp_str_eq(schema, SP_STR(SP_STORE_SCHEMA));

        if (!store->meta_known) {
            sp_cli_error("%s of the store says schema '%.*s', this command "
                         "writes schema " SP_STORE_SCHEMA, SP_STORE_META,
                         (int) schema.len, (const char *) schema.data);
        }

        sp_stored_free(&meta);

        return store->meta_known ? SP_OK : SP_ERROR;
    }

    empty = sp_store_empty(store);

    if (empty == 1) {
        return SP_OK;
    }

    if (empty == 0 && sp_store_uuid(uuid) == SP_OK) {
        sp_cli_error("the store at %s has records but no %s: it was restored "
                     "in part, or is not the one meant. If it is right: "
                     "redis-cli HSET %s schema " SP_STORE_SCHEMA
                     " dataset %s term 1", store->name, SP_STORE_META,
                     SP_STORE_META, uuid);
    }

    return SP_ERROR;
}


/* 1: no record at all; 0: there are some; -1 after a message. */

static int
sp_store_empty(sp_store_t *store)
{
    int          empty;
    char         cursor[32];
    redisReply  *reply;
    const char  *argv[] = { "SCAN", cursor, "MATCH", "sp:data:*", "COUNT",
                            "1000" };

    (void) snprintf(cursor, sizeof(cursor), "0");

    do {
        reply = sp_store_call(store, (int) sp_nelts(argv), argv, NULL);

        if (reply == NULL || reply->type != REDIS_REPLY_ARRAY
            || reply->elements != 2
            || reply->element[0]->type != REDIS_REPLY_STRING)
        {
            return -1;
        }

        empty = reply->element[1]->elements == 0;
        (void) snprintf(cursor, sizeof(cursor), "%s", reply->element[0]->str);
        freeReplyObject(reply);

    } while (empty && strcmp(cursor, "0") != 0);

    return empty;
}


/* RFC 4122, version 4. */

static sp_rc_t
sp_store_uuid(char uuid[SP_STORE_UUID])
{
    unsigned char  r[16], hex[32];

    if (RAND_bytes(r, sizeof(r)) != 1) {
        sp_cli_error("the system gives no random bytes");
        return SP_ERROR;
    }

    r[6] = (unsigned char) ((r[6] & 0x0f) | 0x40);
    r[8] = (unsigned char) ((r[8] & 0x3f) | 0x80);
    sp_hex(r, sizeof(r), hex);

    (void) snprintf(uuid, SP_STORE_UUID, "%.8s-%.4s-%.4s-%.4s-%.12s",
                    (char *) hex, (char *) hex + 8, (char *) hex + 12,
                    (char *) hex + 16, (char *) hex + 20);

    return SP_OK;
}


static sp_rc_t
sp_store_script_args(sp_store_t *store, sp_store_cmd_t *cmd, const char *key,
    const sp_stored_t *before, const sp_stored_t *after, const char *by,
    const char *why)
{
    size_t            i;
    const sp_pair_t  *pair;

    if (!store->meta_known && sp_store_uuid(cmd->uuid) != SP_OK) {
        return SP_ERROR;
    }

    (void) snprintf(cmd->counts[0], 16, "%zu", before->n);
    (void) snprintf(cmd->counts[1], 16, "%zu",
                    sp_store_sets(before, after, NULL));

    if (store->sha[0] != '\0') {
        sp_store_arg(cmd, SP_STR("EVALSHA"));
        sp_store_arg(cmd, sp_cstr(store->sha));

    } else {
        sp_store_arg(cmd, SP_STR("EVAL"));
        sp_store_arg(cmd, sp_cstr(sp_store_script));
    }

    sp_store_arg(cmd, SP_STR("3"));
    sp_store_arg(cmd, sp_cstr(key));
    sp_store_arg(cmd, SP_STR(SP_STORE_META));
    sp_store_arg(cmd, SP_STR(SP_STORE_LOG));
    sp_store_arg(cmd, sp_cstr(by));
    sp_store_arg(cmd, sp_cstr(why));
    sp_store_arg(cmd, sp_cstr(cmd->uuid));
    sp_store_arg(cmd, sp_cstr(cmd->counts[0]));

    for (i = 0; i < before->n; i++) {
        sp_store_arg(cmd, before->pairs[i].name);
        sp_store_arg(cmd, before->pairs[i].value);
    }

    sp_store_arg(cmd, sp_cstr(cmd->counts[1]));
    (void) sp_store_sets(before, after, cmd);

    for (i = 0; i < before->n; i++) {
        pair = &before->pairs[i];

        if (!sp_stored_clerical(pair->name)
            && sp_stored_get(after, (const char *) pair->name.data).data
               == NULL)
        {
            sp_store_arg(cmd, pair->name);
        }
    }

    return SP_OK;
}


/* The fields to be set, which go into "cmd" unless that is NULL. */

static size_t
sp_store_sets(const sp_stored_t *before, const sp_stored_t *after,
    sp_store_cmd_t *cmd)
{
    size_t            i, n;
    sp_str_t          old;
    const sp_pair_t  *pair;

    for (n = 0, i = 0; i < after->n; i++) {
        pair = &after->pairs[i];
        old = sp_stored_get(before, (const char *) pair->name.data);

        if (sp_stored_clerical(pair->name)
            || (old.data != NULL && sp_str_eq(old, pair->value)))
        {
            continue;
        }

        n++;

        if (cmd != NULL) {
            sp_store_arg(cmd, pair->name);
            sp_store_arg(cmd, pair->value);
        }
    }

    return n;
}


/* SP_STORE_ARGS_MAX covers two full records and all their names. */

static void
sp_store_arg(sp_store_cmd_t *cmd, sp_str_t s)
{
    cmd->argv[cmd->argc] = (const char *) s.data;
    cmd->lens[cmd->argc] = s.len;
    cmd->argc++;
}


static sp_write_t
sp_store_answer(sp_store_t *store, const redisReply *reply, const char *key)
{
    const char  *word;

    word = "";

    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2
        && reply->element[0]->type == REDIS_REPLY_STRING)
    {
        word = reply->element[0]->str;
    }

    if (strcmp(word, "done") == 0) {
        store->meta_known = 1;
        store->written++;
        return SP_WRITE_DONE;
    }

    if (strcmp(word, "same") == 0) {
        return SP_WRITE_SAME;
    }

    if (strcmp(word, "changed") == 0) {
        sp_cli_error("%s was changed by someone else meanwhile; nothing "
                     "was written, run it again", key);

    } else if (strcmp(word, "meta") == 0) {
        sp_cli_error("%s: " SP_STORE_META " has gone meanwhile: is this the "
                     "store that was meant?", key);

    } else if (reply->type == REDIS_REPLY_ERROR) {
        sp_cli_error("%s: the store refused the script: %s", key, reply->str);

    } else {
        sp_cli_error("%s: the store gave an odd answer to the script", key);
    }

    return SP_WRITE_FAILED;
}


sp_rc_t
sp_store_durable(sp_store_t *store, const sp_cli_args_t *args)
{
    char             ms[16];
    uint64_t         wanted;
    long long        have;
    const char      *text, *argv[3];
    redisReply      *reply;
    struct timeval   tv;

    text = sp_cli_opt(args, "replicas");

    if (text == NULL || store->written == 0) {
        return SP_OK;
    }

    if (sp_cli_number("--replicas", text, 100, &wanted) != SP_OK) {
        return SP_ERROR;
    }

    /* The answer to WAIT itself may come late. */

    tv.tv_sec = 2 * SP_STORE_WAIT_S;
    tv.tv_usec = 0;
    (void) redisSetTimeout(store->redis, tv);
    (void) snprintf(ms, sizeof(ms), "%d", 1000 * SP_STORE_WAIT_S);

    argv[0] = "WAIT";
    argv[1] = text;
    argv[2] = ms;
    reply = sp_store_call(store, 3, argv, NULL);

    if (reply == NULL) {
        return SP_ERROR;
    }

    have = reply->type == REDIS_REPLY_INTEGER ? reply->integer : 0;
    freeReplyObject(reply);

    if ((uint64_t) have >= wanted) {
        return SP_OK;
    }

    sp_cli_error("written on the primary, but only %lld of %s replicas have "
                 "it: a fail-over now could lose the change", have, text);

    return SP_ERROR;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains changing a record. Every change goes through one
 * script in the store: it compares what is there with what the change was
 * made from, counts the version up and writes all fields in one step.
 */


#include <stdlib.h>
#include <time.h>

#include <openssl/rand.h>

#include "store_conn.h"


#define SP_STORE_META      "sp:data:meta"
#define SP_STORE_SCHEMA    "1"
#define SP_STORE_UUID      37       /* with its NUL */
#define SP_STORE_ARGS_MAX  (16 + 5 * SP_STORE_FIELDS_MAX)
#define SP_STORE_WAIT_S    5


typedef struct {
    int          argc;
    const char  *argv[SP_STORE_ARGS_MAX];
    size_t       lens[SP_STORE_ARGS_MAX];
    char         counts[3][16];
    char         uuid[SP_STORE_UUID];
} sp_store_cmd_t;


static int sp_stored_changed(const sp_stored_t *before,
    const sp_stored_t *after);
static int sp_stored_clerical(sp_str_t name);
static sp_rc_t sp_stored_stamp(const sp_stored_t *before, sp_stored_t *after,
    const char *by, const char *why);
static sp_rc_t sp_store_meta(sp_store_t *store);
static int sp_store_empty(sp_store_t *store);
static sp_rc_t sp_store_uuid(char uuid[SP_STORE_UUID]);
static sp_rc_t sp_store_script_args(sp_store_cmd_t *cmd, const char *key,
    const sp_stored_t *before, const sp_stored_t *after);
static void sp_store_arg(sp_store_cmd_t *cmd, sp_str_t s);
static sp_write_t sp_store_answer(const redisReply *reply, const char *key);


/*
 * KEYS: the record, the meta record. ARGV: a fresh dataset id, the schema;
 * the number of fields expected and each name and value; the number of
 * fields to set and each name and value; names to remove up to the end.
 *
 * A hand that wrote with redis-cli between our read and this script is seen,
 * because every field is compared and not only the version.
 */

static const char  sp_store_script[] =
    "local n = tonumber(ARGV[3])\n"
    "local there = redis.call('HLEN', KEYS[1])\n"
    "if there ~= n then return 'changed' end\n"
    "local i = 4\n"
    "for _ = 1, n do\n"
    "  if redis.call('HGET', KEYS[1], ARGV[i]) ~= ARGV[i + 1] then\n"
    "    return 'changed'\n"
    "  end\n"
    "  i = i + 2\n"
    "end\n"
    "if redis.call('EXISTS', KEYS[2]) == 0 then\n"
    "  redis.call('HSET', KEYS[2], 'schema', ARGV[2], 'dataset', ARGV[1],\n"
    "             'term', '1')\n"
    "end\n"
    "local set = tonumber(ARGV[i])\n"
    "i = i + 1\n"
    "for _ = 1, set do\n"
    "  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])\n"
    "  i = i + 2\n"
    "end\n"
    "for j = i, #ARGV do redis.call('HDEL', KEYS[1], ARGV[j]) end\n"
    "return 'done'\n";


void
sp_stored_free(sp_stored_t *record)
{
    size_t  i;

    for (i = 0; i < record->n; i++) {
        free((void *) record->pairs[i].name.data);
        free((void *) record->pairs[i].value.data);
    }

    record->n = 0;
}


sp_str_t
sp_stored_get(const sp_stored_t *record, const char *name)
{
    size_t    i;
    sp_str_t  none = { 0, NULL };

    for (i = 0; i < record->n; i++) {
        if (sp_str_eq(record->pairs[i].name, sp_cstr(name))) {
            return record->pairs[i].value;
        }
    }

    return none;
}


void
sp_stored_copy(sp_stored_t *to, const sp_stored_t *from)
{
    size_t      i;
    sp_pair_t  *pair;

    for (i = 0; i < from->n; i++) {
        pair = &to->pairs[i];
        pair->name.len = from->pairs[i].name.len;
        pair->name.data = (unsigned char *) sp_cli_copy(from->pairs[i].name);
        pair->value.len = from->pairs[i].value.len;
        pair->value.data = (unsigned char *) sp_cli_copy(from->pairs[i].value);
    }

    to->n = from->n;
}


sp_rc_t
sp_stored_set(sp_stored_t *record, const char *name, const char *value)
{
    size_t      i;
    sp_pair_t  *pair;

    for (i = 0; i < record->n; i++) {
        if (sp_str_eq(record->pairs[i].name, sp_cstr(name))) {
            break;
        }
    }

    pair = &record->pairs[i];

    if (i < record->n) {
        free((void *) pair->value.data);

        if (value == NULL) {
            free((void *) pair->name.data);
            *pair = record->pairs[--record->n];
            return SP_OK;
        }

    } else {
        if (value == NULL) {
            return SP_OK;
        }

        if (record->n == SP_STORE_FIELDS_MAX) {
            sp_cli_error("a record has at most %d fields",
                         SP_STORE_FIELDS_MAX);
            return SP_ERROR;
        }

        record->n++;
        pair->name.len = strlen(name);
        pair->name.data = (unsigned char *) sp_cli_copy(sp_cstr(name));
    }

    pair->value.len = strlen(value);
    pair->value.data = (unsigned char *) sp_cli_copy(sp_cstr(value));

    return SP_OK;
}


sp_write_t
sp_store_write(sp_store_t *store, const char *key, const sp_stored_t *before,
    sp_stored_t *after, const char *by, const char *why,
    sp_store_check_pt check, void *ctx)
{
    sp_write_t       rc;
    redisReply      *reply;
    sp_store_cmd_t  *cmd;

    if (!sp_stored_changed(before, after)) {
        return SP_WRITE_SAME;
    }

    if (sp_stored_stamp(before, after, by, why) != SP_OK
        || check(ctx, after) != SP_OK
        || sp_store_meta(store) != SP_OK)
    {
        return SP_WRITE_FAILED;
    }

    cmd = sp_cli_alloc(sizeof(*cmd));
    rc = SP_WRITE_FAILED;

    if (sp_store_script_args(cmd, key, before, after) == SP_OK) {
        reply = sp_store_call(store, cmd->argc, cmd->argv, cmd->lens);

        if (reply != NULL) {
            rc = sp_store_answer(reply, key);
            freeReplyObject(reply);
        }
    }

    if (rc == SP_WRITE_DONE) {
        store->meta_known = 1;
        store->written++;
    }

    free(cmd);

    return rc;
}


static int
sp_stored_changed(const sp_stored_t *before, const sp_stored_t *after)
{
    size_t             i;
    sp_str_t           old;
    const sp_pair_t   *pair;

    for (i = 0; i < after->n; i++) {
        pair = &after->pairs[i];

        if (sp_stored_clerical(pair->name)) {
            continue;
        }

        old = sp_stored_get(before, (const char *) pair->name.data);

        if (old.data == NULL || !sp_str_eq(old, pair->value)) {
            return 1;
        }
    }

    for (i = 0; i < before->n; i++) {
        pair = &before->pairs[i];

        if (!sp_stored_clerical(pair->name)
            && sp_stored_get(after, (const char *) pair->name.data).data
               == NULL)
        {
            return 1;
        }
    }

    return 0;
}


/* What the writer itself notes down is no change. */

static int
sp_stored_clerical(sp_str_t name)
{
    return sp_str_eq(name, SP_STR("ver")) || sp_str_eq(name, SP_STR("by"))
           || sp_str_eq(name, SP_STR("why"))
           || sp_str_eq(name, SP_STR("changed_at"));
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
sp_store_script_args(sp_store_cmd_t *cmd, const char *key,
    const sp_stored_t *before, const sp_stored_t *after)
{
    size_t            i;
    const sp_pair_t  *pair;

    if (sp_store_uuid(cmd->uuid) != SP_OK) {
        return SP_ERROR;
    }

    (void) snprintf(cmd->counts[0], 16, "%zu", before->n);
    (void) snprintf(cmd->counts[1], 16, "%zu", after->n);

    sp_store_arg(cmd, SP_STR("EVAL"));
    sp_store_arg(cmd, sp_cstr(sp_store_script));
    sp_store_arg(cmd, SP_STR("2"));
    sp_store_arg(cmd, sp_cstr(key));
    sp_store_arg(cmd, SP_STR(SP_STORE_META));
    sp_store_arg(cmd, sp_cstr(cmd->uuid));
    sp_store_arg(cmd, SP_STR(SP_STORE_SCHEMA));
    sp_store_arg(cmd, sp_cstr(cmd->counts[0]));

    for (i = 0; i < before->n; i++) {
        sp_store_arg(cmd, before->pairs[i].name);
        sp_store_arg(cmd, before->pairs[i].value);
    }

    sp_store_arg(cmd, sp_cstr(cmd->counts[1]));

    for (i = 0; i < after->n; i++) {
        sp_store_arg(cmd, after->pairs[i].name);
        sp_store_arg(cmd, after->pairs[i].value);
    }

    for (i = 0; i < before->n; i++) {
        pair = &before->pairs[i];

        if (sp_stored_get(after, (const char *) pair->name.data).data == NULL)
        {
            sp_store_arg(cmd, pair->name);
        }
    }

    return SP_OK;
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
sp_store_answer(const redisReply *reply, const char *key)
{
    if (reply->type == REDIS_REPLY_STRING) {

        if (strcmp(reply->str, "done") == 0) {
            return SP_WRITE_DONE;
        }

        if (strcmp(reply->str, "changed") == 0) {
            sp_cli_error("%s was changed by someone else meanwhile; nothing "
                         "was written, run it again", key);
            return SP_WRITE_FAILED;
        }
    }

    sp_cli_error("%s: the store gave an odd answer to the script", key);

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

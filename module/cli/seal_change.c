
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the changes of accounts, keys, customers and blocks: the
 * notes that the store's stream has of them become lines of the sealer, each
 * once. The last such line says how far the stream was read, so nothing else
 * has to be kept.
 */


#include <stdlib.h>
#include <time.h>

#include "seal.h"
#include "store_conn.h"


#define SP_CHANGE_LOG    "sp:log"
#define SP_CHANGE_BATCH  500      /* notes of one seal */
#define SP_CHANGE_AGAIN  30000    /* ms before a store is tried again */
#define SP_CHANGE_TEXT   200      /* bytes of a value */
#define SP_CHANGE_ROOM   8000     /* bytes of all fields of a line */


static sp_rc_t sp_change_read(sp_sealer_t *sealer);
static sp_rc_t sp_change_gap(sp_sealer_t *sealer, const redisReply *notes,
    size_t *first);
static sp_rc_t sp_change_missed(sp_sealer_t *sealer, const char *next,
    const char *why);
static sp_rc_t sp_change_end(sp_sealer_t *sealer,
    char end[SP_SEAL_NOTE_ID]);
static sp_rc_t sp_change_put(sp_sealer_t *sealer, const redisReply *note);
static void sp_change_subject(json_t *record, sp_str_t key);
static void sp_change_fields(json_t *record, const redisReply *pairs);
static json_t *sp_change_field(const redisReply *pairs, size_t at);
static sp_str_t sp_change_value(const redisReply *pairs, const char *word,
    sp_str_t name);
static json_t *sp_change_text(sp_str_t text);
static json_t *sp_change_at(const char *id);
static redisReply *sp_change_call(sp_sealer_t *sealer, const char *command,
    const char *from, const char *to, const char *count);
static int sp_change_is_note(const redisReply *note);
static int sp_change_cmp(const char *one, const char *two);


/*
 * A store that does not answer keeps no line from being sealed; the stream is
 * read on from where it was when it is back.
 */

sp_rc_t
sp_seal_changes(sp_sealer_t *sealer)
{
    int64_t  now;

    sealer->notes_left = 0;

    if (sealer->args == NULL) {
        return SP_OK;
    }

    now = sp_seal_now();

    if (sealer->store == NULL) {

        if (sealer->store_tried != 0
            && now - sealer->store_tried < SP_CHANGE_AGAIN)
        {
            return SP_OK;
        }

        sealer->store_tried = now;
        sealer->store_failed = 1;
        sealer->store = sp_store_open(sealer->args);

        if (sealer->store == NULL) {
            return SP_OK;
        }
    }

    switch (sp_change_read(sealer)) {

    case SP_OK:
        sealer->store_failed = 0;
        return SP_OK;

    case SP_ERROR:
        return SP_ERROR;

    default: /* SP_DECLINED: the store */
        sealer->store_failed = 1;
        sealer->store_tried = now;
        sp_store_close(sealer->store);
        sealer->store = NULL;
        return SP_OK;
    }
}


void
sp_seal_change_mark(sp_sealer_t *sealer, const sp_line_t *line)
{
    sp_str_t  id, why;

    if (line->type == SP_LINE_CHANGE) {
        id = sp_line_string(sp_line_in(line->text, "note"));

        if (id.len < SP_SEAL_NOTE_ID) {
            (void) snprintf(sealer->note, sizeof(sealer->note), "%.*s",
                            (int) id.len, (const char *) id.data);
        }

        return;
    }

    if (line->type != SP_LINE_MISSED) {
        return;
    }

    id = sp_line_string(sp_line_in(line->text, "next"));
    why = sp_line_string(sp_line_in(line->text, "why"));

    if (id.len >= SP_SEAL_NOTE_ID) {
        return;
    }

    (void) snprintf(sp_str_eq(why, SP_STR("trimmed")) ? sealer->note_told
                                                      : sealer->note,
                    SP_SEAL_NOTE_ID, "%.*s", (int) id.len,
                    (const char *) id.data);
}


/* SP_DECLINED: the store did not answer, or not in this way. */

static sp_rc_t
sp_change_read(sp_sealer_t *sealer)
{
    char         count[16];
    size_t       i, first;
    sp_rc_t      rc;
    redisReply  *notes;

    (void) snprintf(count, sizeof(count), "%d", SP_CHANGE_BATCH + 1);
    notes = sp_change_call(sealer, "XRANGE", sealer->note[0] != '\0'
                           ? sealer->note : "-", "+", count);

    if (notes == NULL) {
        return SP_DECLINED;
    }

    first = 0;
    rc = SP_OK;

    if (sealer->note[0] != '\0') {
        rc = sp_change_gap(sealer, notes, &first);
    }

    for (i = first; rc == SP_OK && i < notes->elements; i++) {
        rc = sp_change_put(sealer, notes->element[i]);
    }

    sealer->notes_left = notes->elements > SP_CHANGE_BATCH;
    freeReplyObject(notes);

    return rc;
}


/*
 * The note that was read last is still the first: nothing was missed. If it
 * is not there, those behind it may be gone with it.
 */

static sp_rc_t
sp_change_gap(sp_sealer_t *sealer, const redisReply *notes, size_t *first)
{
    char         end[SP_SEAL_NOTE_ID];
    sp_rc_t      rc;
    const char  *id;

    if (notes->elements != 0) {
        id = notes->element[0]->element[0]->str;

        if (strcmp(id, sealer->note) == 0) {
            *first = 1;
            return SP_OK;
        }

        return strcmp(id, sealer->note_told) == 0 ? SP_OK
               : sp_change_missed(sealer, id, "trimmed");
    }

    rc = sp_change_end(sealer, end);

    if (rc != SP_OK) {
        return rc;
    }

    if (end[0] == '\0') {
        return sp_change_missed(sealer, NULL, "gone");
    }

    /* a note that came in between is read with the next look */

    return sp_change_cmp(end, sealer->note) >= 0 ? SP_OK
           : sp_change_missed(sealer, end, "older");
}


static sp_rc_t
sp_change_missed(sp_sealer_t *sealer, const char *next, const char *why)
{
    json_t  *record;

    sp_cli_warn("changes are missing: the stream " SP_CHANGE_LOG " of the "
                "store is %s, and was read up to %s", why, sealer->note);

    record = sp_lane_record(&sealer->writer, "missed");
    json_object_set_new(record, "after", json_string(sealer->note));
    json_object_set_new(record, "next", next == NULL ? json_null()
                                                     : json_string(next));
    json_object_set_new(record, "why", json_string(why));

    (void) snprintf(strcmp(why, "trimmed") == 0 ? sealer->note_told
                                                : sealer->note,
                    SP_SEAL_NOTE_ID, "%s", next != NULL ? next : "");

    return sp_lane_put(&sealer->writer, record);
}


/* The newest note; empty: there is none. */

static sp_rc_t
sp_change_end(sp_sealer_t *sealer, char end[SP_SEAL_NOTE_ID])
{
    redisReply  *notes;

    notes = sp_change_call(sealer, "XREVRANGE", "+", "-", "1");

    if (notes == NULL) {
        return SP_DECLINED;
    }

    (void) snprintf(end, SP_SEAL_NOTE_ID, "%s", notes->elements == 0 ? ""
                    : notes->element[0]->element[0]->str);
    freeReplyObject(notes);

    return SP_OK;
}


static sp_rc_t
sp_change_put(sp_sealer_t *sealer, const redisReply *note)
{
    size_t             i;
    json_t            *record;
    uint64_t           ver;
    sp_str_t           value;
    const char        *id;
    const redisReply  *pairs;

    static const char *const  texts[] = { "account", "by", "why" };

    id = note->element[0]->str;
    pairs = note->element[1];
    record = sp_lane_record(&sealer->writer, "change");

    json_object_set_new(record, "note", json_string(id));
    json_object_set_new(record, "at", sp_change_at(id));
    sp_change_subject(record, sp_change_value(pairs, "", SP_STR("key")));

    value = sp_change_value(pairs, "", SP_STR("ver"));
    json_object_set_new(record, "ver", sp_parse_uint(value,
                        ((uint64_t) 1 << 53) - 1, &ver) == SP_OK
                        ? json_integer((json_int_t) ver) : json_null());

    for (i = 0; i < sp_nelts(texts); i++) {
        value = sp_change_value(pairs, "", sp_cstr(texts[i]));

        if (value.data != NULL) {
            json_object_set_new(record, texts[i], sp_change_text(value));

        } else if (i != 0) {
            json_object_set_new(record, texts[i], json_null());
        }
    }

    sp_change_fields(record, pairs);

    (void) snprintf(sealer->note, sizeof(sealer->note), "%s", id);

    return sp_lane_put(&sealer->writer, record);
}


static void
sp_change_subject(json_t *record, sp_str_t key)
{
    size_t      i;
    sp_str_t    prefix;

    static const char *const  kinds[][2] = {
        { SP_STORE_ACCOUNT_PREFIX, "account" },
        { SP_STORE_KEY_PREFIX, "key" },
        { SP_STORE_CUSTOMER_PREFIX, "customer" },
        { "sp:data:block", "block" },
        { "", "other" }
    };

    for (i = 0; i < sp_nelts(kinds); i++) {
        prefix = sp_cstr(kinds[i][0]);

        if (key.len >= prefix.len
            && memcmp(key.data, prefix.data, prefix.len) == 0)
        {
            break;
        }
    }

    json_object_set_new(record, "kind", json_string(kinds[i][1]));
    key.data += prefix.len;
    key.len -= prefix.len;
    json_object_set_new(record, "of", sp_change_text(key));
}


static void
sp_change_fields(json_t *record, const redisReply *pairs)
{
    char     *text;
    size_t    i, left, cut;
    json_t   *fields, *field;

    fields = json_array();
    left = SP_CHANGE_ROOM;
    cut = 0;

    for (i = 0; i + 1 < pairs->elements; i += 2) {
        field = sp_change_field(pairs, i);

        if (field == NULL) {
            continue;
        }

        text = json_dumps(field, JSON_COMPACT|JSON_ENSURE_ASCII);

        if (text == NULL || strlen(text) >= left) {
            json_decref(field);
            left = 0;
            cut++;

        } else {
            left -= strlen(text) + 1;
            json_array_append_new(fields, field);
        }

        free(text);
    }

    json_object_set_new(record, "fields", fields);

    if (cut != 0) {
        json_object_set_new(record, "fields_cut",
                            json_integer((json_int_t) cut));
    }
}


/* NULL: this pair of the note is no field. */

static json_t *
sp_change_field(const redisReply *pairs, size_t at)
{
    size_t             skip;
    json_t            *field;
    sp_str_t           name, was;
    const redisReply  *pair, *value;

    pair = pairs->element[at];
    value = pairs->element[at + 1];

    if (strncmp(pair->str, "set:", 4) == 0) {
        skip = 4;

    } else if (strncmp(pair->str, "unset:", 6) == 0) {
        skip = 6;

    } else {
        return NULL;
    }

    name.len = (size_t) pair->len - skip;
    name.data = (const unsigned char *) pair->str + skip;
    was.len = (size_t) value->len;
    was.data = (const unsigned char *) value->str;

    field = json_object();
    json_object_set_new(field, "f", sp_change_text(name));

    if (skip == 4) {
        json_object_set_new(field, "is", sp_change_text(was));
        was = sp_change_value(pairs, "was:", name);

    } else {
        json_object_set_new(field, "is", json_null());
    }

    if (was.data != NULL) {
        json_object_set_new(field, "was", sp_change_text(was));
    }

    return field;
}


/* What the note has under "word" and "name" put together; data NULL: not. */

static sp_str_t
sp_change_value(const redisReply *pairs, const char *word, sp_str_t name)
{
    size_t             i, len;
    const redisReply  *pair, *value;

    len = strlen(word);

    for (i = 0; i + 1 < pairs->elements; i += 2) {
        pair = pairs->element[i];
        value = pairs->element[i + 1];

        if ((size_t) pair->len == len + name.len
            && memcmp(pair->str, word, len) == 0
            && memcmp(pair->str + len, name.data, name.len) == 0)
        {
            return (sp_str_t) { (size_t) value->len,
                                (const unsigned char *) value->str };
        }
    }

    return (sp_str_t) { 0, NULL };
}


static json_t *
sp_change_text(sp_str_t text)
{
    char    buf[SP_CHANGE_TEXT + sizeof("\xe2\x80\xa6")];
    size_t  len;

    if (text.len <= SP_CHANGE_TEXT) {
        return sp_cli_json_str(text);
    }

    for (len = SP_CHANGE_TEXT; len > 0; len--) {
        if ((text.data[len] & 0xc0) != 0x80) {
            break;
        }
    }

    memcpy(buf, text.data, len);
    memcpy(buf + len, "\xe2\x80\xa6", 3);

    return sp_cli_json_str((sp_str_t) { len + 3, (unsigned char *) buf });
}


/* The milliseconds before the dash. */

static json_t *
sp_change_at(const char *id)
{
    char        text[48];
    time_t      second;
    uint64_t    ms;
    struct tm   tm;

    if (sp_parse_uint((sp_str_t) { strcspn(id, "-"),
                      (const unsigned char *) id }, INT64_MAX, &ms) != SP_OK)
    {
        return json_null();
    }

    second = (time_t) (ms / 1000);

    if (gmtime_r(&second, &tm) == NULL || tm.tm_year > 9999 - 1900) {
        return json_null();
    }

    (void) strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    (void) snprintf(text + 19, sizeof(text) - 19, ".%03u000Z",
                    (unsigned) (ms % 1000));

    return json_string(text);
}


/* A list of notes, each an id and a list of pairs; NULL after a message. */

static redisReply *
sp_change_call(sp_sealer_t *sealer, const char *command, const char *from,
    const char *to, const char *count)
{
    size_t       i;
    redisReply  *reply;
    const char  *argv[] = { command, SP_CHANGE_LOG, from, to, "COUNT", count };

    reply = sp_store_call(sealer->store, (int) sp_nelts(argv), argv, NULL);

    if (reply == NULL) {
        return NULL;
    }

    for (i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        if (!sp_change_is_note(reply->element[i])) {
            break;
        }
    }

    if (reply->type == REDIS_REPLY_ARRAY && i == reply->elements) {
        return reply;
    }

    sp_cli_error("the store at %s gave an odd answer to %s",
                 sealer->store->name, command);
    freeReplyObject(reply);

    return NULL;
}


static int
sp_change_is_note(const redisReply *note)
{
    size_t             i;
    const redisReply  *pairs;

    if (note->type != REDIS_REPLY_ARRAY || note->elements != 2
        || note->element[0]->type != REDIS_REPLY_STRING
        || note->element[0]->len >= SP_SEAL_NOTE_ID
        || note->element[1]->type != REDIS_REPLY_ARRAY)
    {
        return 0;
    }

    pairs = note->element[1];

    for (i = 0; i < pairs->elements; i++) {
        if (pairs->element[i]->type != REDIS_REPLY_STRING) {
            return 0;
        }
    }

    return 1;
}


/* Ids are two numbers with a dash between them. */

static int
sp_change_cmp(const char *one, const char *two)
{
    unsigned long long  a[2], b[2];

    a[0] = a[1] = b[0] = b[1] = 0;
    (void) sscanf(one, "%llu-%llu", &a[0], &a[1]);
    (void) sscanf(two, "%llu-%llu", &b[0], &b[1]);

    if (a[0] != b[0]) {
        return a[0] < b[0] ? -1 : 1;
    }

    return a[1] == b[1] ? 0 : a[1] < b[1] ? -1 : 1;
}

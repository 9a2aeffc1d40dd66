
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the reader of audit lines. It is strict: RFC 8259, UTF-8,
 * no member twice, the link last; and it allocates nothing, because a verifier
 * reads every line that was ever written.
 */


#define OPENSSL_SUPPRESS_DEPRECATED  1

#include <openssl/sha.h>

#include "sp_line_scan.h"


#define SP_LINE_TAIL   (6 + SP_CHAIN_LEN + 2)    /* ,"h":"..."} */


static sp_rc_t sp_line_members(sp_line_t *line, const char **why);
static int sp_line_member(sp_str_t name, int at);
static sp_rc_t sp_line_head(sp_line_t *line, const char **why);
static int sp_line_two(const unsigned char *p, unsigned *value);
static int sp_line_four(const unsigned char *p, unsigned *value);


static const char *const  sp_line_types[] = {
    "decision", "settle", "segment", "close", "torn", "lost", "policy",
    "change", "appeal", "seal", "archive", "broken", "retire",
    "flood", "missed", "?"
};


/* In the order in which most lines have them. */

static const sp_str_t  sp_line_names[SP_LM_MEMBERS] = {
    sp_str("v"), sp_str("t"), sp_str("ts"), sp_str("mono_us"), sp_str("id"),
    sp_str("host"), sp_str("lane"), sp_str("epoch"), sp_str("seq"),
    sp_str("pol"), sp_str("req"), sp_str("who"), sp_str("net"),
    sp_str("facts"), sp_str("dec"), sp_str("status"), sp_str("reason"),
    sp_str("class"), sp_str("detail"), sp_str("enforced"), sp_str("by"),
    sp_str("lifted"), sp_str("allow"), sp_str("of"), sp_str("attempts"),
    sp_str("boot"), sp_str("segment"), sp_str("prev_file"),
    sp_str("prev_hash"), sp_str("count"), sp_str("n"), sp_str("h")
};


sp_rc_t
sp_line_read(sp_line_t *line, sp_str_t text, const char **why)
{
    size_t                i;
    const unsigned char  *tail;

    if (text.len >= SP_RECORD_MAX) {
        *why = "the line is longer than a record can be";
        return SP_ERROR;
    }

    if (text.len < SP_LINE_TAIL + 2) {
        *why = "the line is no record";
        return SP_ERROR;
    }

    line->text = text;
    line->body.data = text.data;
    line->body.len = text.len - SP_LINE_TAIL;

    tail = text.data + line->body.len;

    if (memcmp(tail, ",\"h\":\"", 6) != 0
        || memcmp(tail + 6 + SP_CHAIN_LEN, "\"}", 2) != 0)
    {
        *why = "the line does not end in its link";
        return SP_ERROR;
    }

    memcpy(line->h, tail + 6, SP_CHAIN_LEN);

    for (i = 0; i < SP_CHAIN_LEN; i++) {
        if (!((line->h[i] >= '0' && line->h[i] <= '9')
              || (line->h[i] >= 'a' && line->h[i] <= 'f')))
        {
            *why = "the link is not 64 hex digits";
            return SP_ERROR;
        }
    }

    if (sp_line_members(line, why) != SP_OK) {
        return SP_ERROR;
    }

    return sp_line_head(line, why);
}


static sp_rc_t
sp_line_members(sp_line_t *line, const char **why)
{
    int              next, at;
    sp_str_t         name, value;
    sp_line_scan_t   s;

    memset(line->members, 0, sizeof(line->members));

    s.p = line->text.data;
    s.end = line->text.data + line->text.len;
    next = 0;

    *why = "the line is not one JSON object";

    if (*s.p != '{') {
        return SP_ERROR;
    }

    do {
        s.p++;
        name.data = s.p + 1;

        if (!sp_line_quoted(&s) || s.p == s.end || *s.p != ':') {
            return SP_ERROR;
        }

        name.len = (size_t) (s.p - name.data) - 1;
        value.data = ++s.p;

        if (!sp_line_value(&s)) {
            return SP_ERROR;
        }

        value.len = (size_t) (s.p - value.data);
        at = sp_line_member(name, next);

        if (at != -1) {

            if (line->members[at].data != NULL) {
                *why = "the line has a member twice";
                return SP_ERROR;
            }

            line->members[at] = value;
            next = at + 1;
        }

    } while (s.p != s.end && *s.p == ',');

    if (s.p + 1 != s.end || *s.p != '}') {
        return SP_ERROR;
    }

    return SP_OK;
}


/* Members come in their order: the search begins where the last one was. */

static int
sp_line_member(sp_str_t name, int at)
{
    int  i;

    for (i = 0; i < SP_LM_MEMBERS; i++, at++) {

        if (at >= SP_LM_MEMBERS) {
            at = 0;
        }

        if (sp_str_eq(sp_line_names[at], name)) {
            return at;
        }
    }

    return -1;
}


static sp_rc_t
sp_line_head(sp_line_t *line, const char **why)
{
    unsigned  i;
    sp_str_t  word;
    uint64_t  n;

    if (sp_line_uint(line, SP_LM_V, &n) != SP_OK || n == 0) {
        *why = "the record has no version \"v\"";
        return SP_ERROR;
    }

    if (n > SP_LINE_VERSION) {
        *why = "the record is of a version that is newer than this command";
        return SP_ERROR;
    }

    line->version = (unsigned) n;

    if (sp_line_word(line, SP_LM_T, &word) != SP_OK) {
        *why = "the record has no type \"t\"";
        return SP_ERROR;
    }

    line->type = SP_LINE_OTHER;

    for (i = 0; i < SP_LINE_OTHER; i++) {
        if (sp_str_eq(word, sp_cstr(sp_line_types[i]))) {
            line->type = (sp_line_type_t) i;
            break;
        }
    }

    if (sp_line_uint(line, SP_LM_SEQ, &line->seq) != SP_OK) {
        *why = "the record has no number \"seq\"";
        return SP_ERROR;
    }

    return SP_OK;
}


sp_rc_t
sp_line_link(sp_chain_t *chain, const sp_line_t *line, const char **why)
{
    SHA256_CTX     sha;
    unsigned char  hash[SHA256_DIGEST_LENGTH], h[SP_CHAIN_LEN];

    if (line->seq != chain->seq + 1) {
        *why = "the record's number does not follow the one before";
        return SP_ERROR;
    }

    SHA256_Init(&sha);
    SHA256_Update(&sha, chain->prev, SP_CHAIN_LEN);
    SHA256_Update(&sha, "\n", 1);
    SHA256_Update(&sha, line->body.data, line->body.len);
    SHA256_Final(hash, &sha);

    sp_hex(hash, sizeof(hash), h);

    if (memcmp(h, line->h, SP_CHAIN_LEN) != 0) {
        *why = "the link is not that of this record after the one before";
        return SP_ERROR;
    }

    memcpy(chain->prev, h, SP_CHAIN_LEN);
    chain->seq++;

    return SP_OK;
}


const char *
sp_line_type(sp_line_type_t type)
{
    return sp_line_types[type <= SP_LINE_OTHER ? type : SP_LINE_OTHER];
}


sp_rc_t
sp_line_uint(const sp_line_t *line, sp_line_member_t member, uint64_t *value)
{
    return sp_parse_uint(line->members[member], (UINT64_C(1) << 53) - 1,
                         value);
}


sp_rc_t
sp_line_word(const sp_line_t *line, sp_line_member_t member, sp_str_t *word)
{
    *word = sp_line_string(line->members[member]);

    if (word->data == NULL || memchr(word->data, '\\', word->len) != NULL) {
        return SP_ERROR;
    }

    return SP_OK;
}


int
sp_line_is(const sp_line_t *line, sp_line_member_t member, const char *word)
{
    sp_str_t  text;

    return sp_line_word(line, member, &text) == SP_OK
           && sp_str_eq(text, sp_cstr(word));
}


sp_str_t
sp_line_string(sp_str_t literal)
{
    if (literal.len < 2 || literal.data[0] != '"') {
        return (sp_str_t) { 0, NULL };
    }

    return (sp_str_t) { literal.len - 2, literal.data + 1 };
}


sp_str_t
sp_line_in(sp_str_t object, const char *name)
{
    sp_str_t         key, value;
    sp_line_scan_t   s;

    s.p = object.data;
    s.end = object.data + object.len;

    if (object.len < 2 || *s.p != '{') {
        return (sp_str_t) { 0, NULL };
    }

    do {
        s.p++;
        key.data = s.p + 1;

        if (s.p >= s.end || *s.p != '"' || !sp_line_quoted(&s) || s.p == s.end
            || *s.p != ':')
        {
            break;
        }

        key.len = (size_t) (s.p - key.data) - 1;
        value.data = ++s.p;

        if (!sp_line_value(&s)) {
            break;
        }

        value.len = (size_t) (s.p - value.data);

        if (sp_str_eq(key, sp_cstr(name))) {
            return value;
        }

    } while (s.p < s.end && *s.p == ',');

    return (sp_str_t) { 0, NULL };
}


sp_rc_t
sp_line_time(const sp_line_t *line, uint64_t *us)
{
    int64_t               days;
    unsigned              c, yy, month, day, hour, min, sec, a, b, d;
    sp_str_t              ts;
    const unsigned char  *p;

    static const unsigned short  before[] = {
        306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275
    };

    /* 2026-11-23T12:00:04.183920Z */

    if (sp_line_word(line, SP_LM_TS, &ts) != SP_OK || ts.len != 27) {
        return SP_ERROR;
    }

    p = ts.data;

    if (!sp_line_four(p, &yy) || p[4] != '-' || !sp_line_two(p + 5, &month)
        || p[7] != '-' || !sp_line_two(p + 8, &day) || p[10] != 'T'
        || !sp_line_two(p + 11, &hour) || p[13] != ':'
        || !sp_line_two(p + 14, &min) || p[16] != ':'
        || !sp_line_two(p + 17, &sec) || p[19] != '.'
        || !sp_line_two(p + 20, &a) || !sp_line_two(p + 22, &b)
        || !sp_line_two(p + 24, &d) || p[26] != 'Z'
        || yy < 1970 || month < 1 || month > 12 || day < 1 || day > 31
        || hour > 23 || min > 59 || sec > 60)
    {
        return SP_ERROR;
    }

    /* years begin in March, so that the leap day is their last */

    c = month <= 2 ? yy - 1 : yy;
    days = (int64_t) c * 365 + c / 4 - c / 100 + c / 400 + before[month - 1]
           + (int64_t) day - 1 - 719468;

    *us = ((uint64_t) days * 86400 + hour * 3600 + min * 60 + sec) * 1000000
          + a * 10000 + b * 100 + d;

    return SP_OK;
}


static int
sp_line_two(const unsigned char *p, unsigned *value)
{
    *value = (unsigned) (p[0] - '0') * 10 + (unsigned) (p[1] - '0');

    return p[0] >= '0' && p[0] <= '9' && p[1] >= '0' && p[1] <= '9';
}


static int
sp_line_four(const unsigned char *p, unsigned *value)
{
    unsigned  low;

    if (!sp_line_two(p, value) || !sp_line_two(p + 2, &low)) {
        return 0;
    }

    *value = *value * 100 + low;

    return 1;
}

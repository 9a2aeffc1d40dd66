
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the making of a roster. Its file is refused as a whole:
 * all lines are read, so that more than one error is told at once, but nothing
 * comes of a file with any.
 */


#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sp_roster_state.h"


#define SP_ROSTER_ENTRIES  ((size_t) UINT32_MAX * SP_ROSTER_UNIT)


struct sp_roster_maker_s {
    unsigned char       *entries;
    size_t               used;                 /* bytes of the entries */
    size_t               room;
    unsigned             number;               /* of the line, from 1 */
    unsigned             overlong;             /* it is refused already */
    unsigned             nomem;
    unsigned             metas;
    uint64_t             records;              /* that "meta" says, */
    unsigned             counted;              /* if it says so */
    uint32_t             counts[SP_ROSTER_KINDS];
    unsigned char        key[16];
    size_t               len;                  /* of the line so far */
    sp_roster_line_t     line;
    sp_roster_errors_t   errors;
    union {
        sp_key_t         key;
        sp_account_t     account;
    } record;
    unsigned char        packed[SP_ACCOUNT_PACKED_MAX];
    unsigned char        text[SP_ROSTER_LINE];
};


static void sp_roster_add(sp_roster_maker_t *maker);
static void sp_roster_meta(sp_roster_maker_t *maker);
static int sp_roster_record(sp_roster_maker_t *maker,
    sp_roster_entry_t *entry);
static int sp_roster_room(sp_roster_maker_t *maker, size_t need);
static void sp_roster_check(sp_roster_maker_t *maker);
static sp_roster_t *sp_roster_index(sp_roster_maker_t *maker);
static int sp_roster_put(sp_roster_t *roster, uint32_t place,
    const sp_roster_entry_t **there);
static void sp_roster_orphans(sp_roster_t *roster, size_t first);
static size_t sp_roster_next(const sp_roster_t *roster, size_t place);
static size_t sp_roster_first(const sp_roster_t *roster);
static void sp_roster_error(sp_roster_maker_t *maker, unsigned line,
    unsigned col, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));


sp_roster_maker_t *
sp_roster_begin(const unsigned char key[16])
{
    sp_roster_maker_t  *maker;

    maker = calloc(1, sizeof(sp_roster_maker_t));

    if (maker != NULL) {
        memcpy(maker->key, key, sizeof(maker->key));
        maker->number = 1;
    }

    return maker;
}


void
sp_roster_feed(sp_roster_maker_t *maker, const unsigned char *data, size_t len)
{
    size_t                n;
    const unsigned char  *newline;

    while (len != 0) {
        newline = memchr(data, '\n', len);
        n = newline != NULL ? (size_t) (newline - data) : len;

        if (n > sizeof(maker->text) - maker->len) {

            if (!maker->overlong) {
                sp_roster_error(maker, maker->number, 0,
                                "the line is longer than %d bytes",
                                SP_ROSTER_LINE);
            }

            maker->overlong = 1;

        } else if (!maker->overlong) {
            memcpy(maker->text + maker->len, data, n);
            maker->len += n;
        }

        if (newline == NULL) {
            return;
        }

        sp_roster_add(maker);

        maker->number++;
        data += n + 1;
        len -= n + 1;
    }
}


/* The line is there. */

static void
sp_roster_add(sp_roster_maker_t *maker)
{
    int                 skip;
    size_t              at, size;
    const char         *why;
    unsigned char      *p;
    sp_roster_entry_t   entry;

    skip = maker->overlong || maker->nomem || maker->len == 0
           || (maker->len == 1 && maker->text[0] == '\r');

    at = maker->len;
    maker->len = 0;
    maker->overlong = 0;

    if (skip) {
        return;
    }

    if (sp_roster_line(&maker->line, maker->text, at, &why, &at) != SP_OK) {
        sp_roster_error(maker, maker->number, (unsigned) at + 1, "%s", why);
        return;
    }

    if (maker->line.kind == SP_ROSTER_META) {
        sp_roster_meta(maker);
        return;
    }

    memset(&entry, 0, sizeof(sp_roster_entry_t));

    if (!sp_roster_record(maker, &entry)) {
        return;
    }

    size = sp_roster_entry_size(entry.id_len, entry.len, entry.account_len);

    if (!sp_roster_room(maker, size)) {
        return;
    }

    p = maker->entries + maker->used;
    memset(p, 0, size);

    memcpy(p, &entry, sizeof(sp_roster_entry_t));
    p += sizeof(sp_roster_entry_t);
    memcpy(p, maker->line.id.data, entry.id_len);
    p += entry.id_len;
    memcpy(p, maker->packed, entry.len);

    if (entry.account_len != 0) {
        memcpy(p + entry.len, maker->record.key.account, entry.account_len);
    }

    maker->used += size;
    maker->counts[entry.kind]++;
}


static void
sp_roster_meta(sp_roster_maker_t *maker)
{
    size_t            i;
    uint64_t          schema;
    const sp_pair_t  *pair;

    if (maker->metas++ != 0) {
        sp_roster_error(maker, maker->number, 0, "a second \"meta\"");
    }

    for (i = 0; i < maker->line.n; i++) {
        pair = &maker->line.pairs[i];

        if (sp_str_eq(pair->name, SP_STR("schema"))) {

            if (sp_parse_uint(pair->value, SP_ACCOUNT_SCHEMA, &schema)
                != SP_OK)
            {
                sp_roster_error(maker, maker->number, 0, "a \"schema\" that "
                                "this version does not read: it reads %d",
                                SP_ACCOUNT_SCHEMA);
            }

        } else if (sp_str_eq(pair->name, SP_STR("records"))) {
            maker->counted = 1;

            if (sp_parse_uint(pair->value, UINT32_MAX, &maker->records)
                != SP_OK)
            {
                sp_roster_error(maker, maker->number, 0,
                                "\"records\" is no number");
            }
        }
    }
}


/* Parses and packs the record of the line. */

static int
sp_roster_record(sp_roster_maker_t *maker, sp_roster_entry_t *entry)
{
    sp_rc_t             rc;
    sp_str_t            id;
    sp_key_t           *key;
    sp_account_t       *account;
    sp_roster_line_t   *line;
    sp_record_error_t   error;

    line = &maker->line;
    key = &maker->record.key;
    account = &maker->record.account;

    error.field = "";
    error.why = "";

    if (line->kind == SP_ROSTER_KEY) {
        rc = sp_key_parse(key, line->pairs, line->n, &error);

    } else {
        id = line->id;

        /* a customer's own name is behind that of its reseller */

        while (line->kind == SP_ROSTER_CUSTOMER
               && memchr(id.data, ':', id.len) != NULL)
        {
            id.data++;
            id.len--;
        }

        rc = sp_account_parse(account, id, line->pairs, line->n, &error);
    }

    if (rc != SP_OK) {
        sp_roster_error(maker, maker->number, 0, "the %s \"%.*s\" is no "
                        "record: %s %s",
                        line->kind == SP_ROSTER_KEY ? "key"
                        : line->kind == SP_ROSTER_ACCOUNT ? "account"
                        : "customer",
                        (int) line->id.len, (const char *) line->id.data,
                        error.field, error.why);
        return 0;
    }

    if (line->kind == SP_ROSTER_KEY) {
        entry->len = (uint16_t) sp_key_pack(key, maker->packed,
                                            sizeof(maker->packed));
        entry->ver = key->ver;
        entry->denies = (key->status != SP_KEY_ACTIVE);
        entry->account_len = key->account_len;

    } else {
        entry->len = (uint16_t) sp_account_pack(account, maker->packed,
                                                sizeof(maker->packed));
        entry->ver = account->ver;
        entry->denies = (account->status >= SP_STATUS_REJECTED);
    }

    entry->kind = (uint8_t) line->kind;
    entry->id_len = (uint8_t) line->id.len;
    entry->line = maker->number;
    entry->hash = sp_roster_hash(maker->key, line->kind, line->id);

    return 1;
}


static int
sp_roster_room(sp_roster_maker_t *maker, size_t need)
{
    size_t          room;
    unsigned char  *entries;

    if (maker->room - maker->used >= need) {
        return 1;
    }

    room = maker->room != 0 ? 2 * maker->room : 65536;
    entries = room <= SP_ROSTER_ENTRIES ? realloc(maker->entries, room) : NULL;

    if (entries == NULL) {
        sp_roster_error(maker, maker->number, 0, "no memory for this record");
        maker->nomem = 1;
        return 0;
    }

    maker->entries = entries;
    maker->room = room;

    return 1;
}


sp_roster_t *
sp_roster_end(sp_roster_maker_t *maker)
{
    sp_roster_t  *roster;

    if (maker->len != 0 || maker->overlong) {
        sp_roster_add(maker);
    }

    sp_roster_check(maker);

    if (maker->errors.total != 0) {
        return NULL;
    }

    roster = sp_roster_index(maker);

    free(maker->entries);
    maker->entries = NULL;

    if (maker->errors.total != 0) {
        free(roster);
        return NULL;
    }

    return roster;
}


static void
sp_roster_check(sp_roster_maker_t *maker)
{
    unsigned  i;
    uint64_t  n;

    for (i = 0, n = 0; i < SP_ROSTER_KINDS; i++) {
        n += maker->counts[i];
    }

    if (maker->errors.total != 0) {
        return;
    }

    if (n == 0) {
        sp_roster_error(maker, maker->number, 0, "there are no records: an "
                        "empty file would turn every caller away");

    } else if (maker->counted && n != maker->records) {
        sp_roster_error(maker, maker->number, 0, "there are %llu records, but "
                        "\"meta\" says %llu: a part is missing or surplus",
                        (unsigned long long) n,
                        (unsigned long long) maker->records);
    }
}


static sp_roster_t *
sp_roster_index(sp_roster_maker_t *maker)
{
    size_t                    first, place;
    uint32_t                  nbuckets;
    uint64_t                  n;
    sp_roster_t              *roster;
    const sp_roster_entry_t  *entry, *there;

    n = (uint64_t) maker->counts[SP_ROSTER_KEY]
        + maker->counts[SP_ROSTER_ACCOUNT] + maker->counts[SP_ROSTER_CUSTOMER];

    for (nbuckets = 16; nbuckets < 2 * n; nbuckets *= 2) { /* void */ }

    first = sizeof(sp_roster_t) + (size_t) nbuckets * sizeof(uint32_t);
    roster = calloc(1, first + maker->used);

    if (roster == NULL) {
        sp_roster_error(maker, maker->number, 0, "no memory for the records");
        return NULL;
    }

    roster->magic = SP_ROSTER_MAGIC;
    roster->nbuckets = nbuckets;
    roster->size = first + maker->used;
    memcpy(roster->key, maker->key, sizeof(roster->key));
    memcpy(roster->counts, maker->counts, sizeof(roster->counts));
    memcpy((unsigned char *) roster + first, maker->entries, maker->used);

    for (place = first; place != 0; place = sp_roster_next(roster, place)) {

        if (sp_roster_put(roster, (uint32_t) (place / SP_ROSTER_UNIT), &there))
        {
            continue;
        }

        entry = (const sp_roster_entry_t *) ((unsigned char *) roster + place);

        sp_roster_error(maker, entry->line, 0, "\"%.*s\" is on line %u "
                        "already", (int) entry->id_len,
                        (const char *) (entry + 1), (unsigned) there->line);
    }

    sp_roster_orphans(roster, first);

    return roster;
}


/* 0: another record has the same name. */

static int
sp_roster_put(sp_roster_t *roster, uint32_t place,
    const sp_roster_entry_t **there)
{
    uint64_t                  at;
    const sp_roster_entry_t  *entry, *other;

    entry = (const sp_roster_entry_t *)
            ((unsigned char *) roster + (size_t) place * SP_ROSTER_UNIT);

    for (at = entry->hash; ; at++) {
        at &= roster->nbuckets - 1;

        if (roster->buckets[at] == 0) {
            roster->buckets[at] = place;
            return 1;
        }

        other = (const sp_roster_entry_t *)
                ((unsigned char *) roster
                 + (size_t) roster->buckets[at] * SP_ROSTER_UNIT);

        if (other->hash == entry->hash && other->kind == entry->kind
            && other->id_len == entry->id_len
            && memcmp(other + 1, entry + 1, entry->id_len) == 0)
        {
            *there = other;
            return 0;
        }
    }
}


/* Keys of accounts that are not there are refused: somebody should know. */

static void
sp_roster_orphans(sp_roster_t *roster, size_t first)
{
    size_t                    place;
    sp_str_t                  account;
    sp_roster_found_t         found;
    const unsigned char      *p;
    const sp_roster_entry_t  *entry;

    for (place = first; place != 0; place = sp_roster_next(roster, place)) {
        p = (const unsigned char *) roster + place;
        entry = (const sp_roster_entry_t *) p;

        if (entry->kind != SP_ROSTER_KEY || entry->denies) {
            continue;
        }

        account.data = p + sizeof(sp_roster_entry_t) + entry->id_len
                       + entry->len;
        account.len = entry->account_len;

        if (sp_roster_find(roster, roster->size, SP_ROSTER_ACCOUNT, account,
                           &found)
            != SP_OK
            && roster->orphans++ == 0)
        {
            roster->orphan = entry->line;
        }
    }
}


static size_t
sp_roster_first(const sp_roster_t *roster)
{
    return sizeof(sp_roster_t) + (size_t) roster->nbuckets * sizeof(uint32_t);
}


/* 0: that was the last one. */

static size_t
sp_roster_next(const sp_roster_t *roster, size_t place)
{
    const sp_roster_entry_t  *entry;

    entry = (const sp_roster_entry_t *)
            ((const unsigned char *) roster + place);
    place += sp_roster_entry_size(entry->id_len, entry->len,
                                  entry->account_len);

    return place < roster->size ? place : 0;
}


sp_rc_t
sp_roster_follows(sp_roster_maker_t *maker, const sp_roster_t *roster,
    const sp_roster_t *before)
{
    size_t                    place;
    sp_str_t                  id;
    sp_roster_found_t         old;
    const sp_roster_entry_t  *entry;

    for (place = sp_roster_first(roster); place != 0;
         place = sp_roster_next(roster, place))
    {
        entry = (const sp_roster_entry_t *)
                ((const unsigned char *) roster + place);

        id.data = (const unsigned char *) (entry + 1);
        id.len = entry->id_len;

        if (!entry->denies
            && sp_roster_find(before, before->size, entry->kind, id, &old)
               == SP_OK
            && old.ver > entry->ver)
        {
            sp_roster_error(maker, entry->line, 0, "\"%.*s\" goes back from "
                            "\"ver\" %llu to %llu: give it a higher one, or "
                            "reload nginx if that is what you want",
                            (int) id.len, (const char *) id.data,
                            (unsigned long long) old.ver,
                            (unsigned long long) entry->ver);
        }
    }

    return maker->errors.total == 0 ? SP_OK : SP_ERROR;
}


const sp_roster_errors_t *
sp_roster_errors(const sp_roster_maker_t *maker)
{
    return &maker->errors;
}


void
sp_roster_free(sp_roster_maker_t *maker)
{
    if (maker != NULL) {
        free(maker->entries);
        free(maker);
    }
}


static void
sp_roster_error(sp_roster_maker_t *maker, unsigned line, unsigned col,
    const char *fmt, ...)
{
    va_list              args;
    sp_roster_error_t   *error;
    sp_roster_errors_t  *errors;

    errors = &maker->errors;

    if (errors->total++ >= SP_ROSTER_ERRORS) {
        return;
    }

    error = &errors->items[errors->n++];
    error->line = line;
    error->col = col;

    va_start(args, fmt);
    (void) vsnprintf(error->text, sizeof(error->text), fmt, args);
    va_end(args);
}

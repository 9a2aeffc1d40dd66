
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the tests of sp_json share: random numbers, and the
 * comparison of scanner and naive reader however the input is cut.
 */


#ifndef JSON_ORACLE_H
#define JSON_ORACLE_H


#include "json_naive.h"


#define SEED  UINT64_C(0x15011)


static uint64_t               rnd_state = SEED;
static _Alignas(16) char      memory[16384];
static const sp_json_table_t *table;


static uint64_t
rnd(void)
{
    rnd_state ^= rnd_state << 13;
    rnd_state ^= rnd_state >> 7;
    rnd_state ^= rnd_state << 17;

    return rnd_state;
}


static sp_rc_t
on_value(void *ctx, int id, const sp_json_value_t *v)
{
    record(ctx, id, v->type, v->type == SP_JSON_BOOL ? v->boolean : 0,
           v->element, v->text.data, v->text.len);

    return SP_OK;
}


/* step 0: whole; 1: each byte; else random cuts. Every piece is on the heap. */

static void
scan(const unsigned char *doc, size_t len, size_t step, sp_json_t *json,
    events_t *events)
{
    size_t          at, n;
    unsigned char  *piece;

    memset(json, 0xa5, sizeof(sp_json_t));
    events->len = 0;
    sp_json_init(json, table, on_value, events);

    for (at = 0; at < len; at += n) {
        n = step == 0 ? len : step == 1 ? 1 : rnd() % (step + 1);

        if (n > len - at) {
            n = len - at;
        }

        piece = malloc(n ? n : 1);
        memcpy(piece, doc + at, n);
        (void) sp_json_feed(json, piece, n);
        free(piece);
    }

    (void) sp_json_finish(json);
}


static int
check(const unsigned char *doc, size_t len)
{
    int              ok;
    size_t           i;
    static events_t  want, whole, cut;
    sp_json_t        a, b;

    static const size_t  steps[] = { 1, 3, 17, 64, 700 };

    ok = naive(doc, len, &want);
    scan(doc, len, 0, &a, &whole);

    if (ok != (a.error == SP_JSON_FINE)) {
        fail_msg("naive %d, scanner %d at %llu: %.*s", ok, (int) a.error,
                 (unsigned long long) a.offset, (int) len, doc);
    }

    if (ok && (want.len != whole.len
               || memcmp(want.text, whole.text, want.len) != 0))
    {
        fail_msg("%.*s\nwant %.*s\ngot %.*s", (int) len, doc, (int) want.len,
                 want.text, (int) whole.len, whole.text);
    }

    for (i = 0; i < sp_nelts(steps); i++) {
        scan(doc, len, steps[i], &b, &cut);

        if (a.error != b.error || a.offset != b.offset
            || whole.len != cut.len
            || memcmp(whole.text, cut.text, cut.len) != 0)
        {
            fail_msg("step %zu: %d at %llu, whole: %d at %llu: %.*s", steps[i],
                     (int) b.error, (unsigned long long) b.offset,
                     (int) a.error, (unsigned long long) a.offset, (int) len,
                     doc);
        }
    }

    return ok;
}


static int
oracle_init(void)
{
    size_t  need;

    table = sp_json_compile(watches, sp_nelts(watches), memory, sizeof(memory),
                            &need);
    printf("seed %llx\n", (unsigned long long) SEED);

    return table == NULL ? -1 : 0;
}


#endif /* JSON_ORACLE_H */


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the verifier's way through the log: the sealer's own
 * lane from its beginning, and for each seal the lines of the lanes that it
 * names. One pass; what it remembers does not grow with the number of lines.
 */


#include <stdlib.h>

#include "verify.h"


#define SP_VERIFY_OPEN  200    /* lanes whose files stay open */


static void sp_verify_seal(sp_verify_t *v, unsigned char *mine, size_t n);
static void sp_verify_seal_root(sp_verify_t *v, json_t *seal);
static void sp_verify_lane(sp_verify_t *v, json_t *entry);
static void sp_verify_lines(sp_verify_t *v, sp_lane_t *lane,
    sp_retired_t *retired, uint64_t from, uint64_t to);
static int sp_verify_take(sp_verify_t *v, sp_lane_t *lane, uint64_t to);
static void sp_verify_after_retired(sp_verify_t *v, sp_lane_t *lane,
    const sp_retired_t *retired);
static void sp_verify_own(sp_verify_t *v, const sp_line_t *line);


/*
 * Own lines wait for their seal: their leaves come behind those of the lanes.
 * Such lines are few (a torn, broken, archive, segment or close record).
 */

sp_rc_t
sp_verify_walk(sp_verify_t *v)
{
    size_t          n, room;
    sp_rc_t         rc;
    unsigned char  *mine;

    n = room = 0;
    mine = NULL;

    while ((rc = sp_lane_next(v->own)) == SP_OK) {
        v->records++;

        if (n == room) {
            room = 2 * room + 16;
            mine = realloc(mine, room * (SP_RECORD_MAX + sizeof(size_t)));

            if (mine == NULL) {
                sp_cli_error("no memory for the sealer's lines");
                return SP_ERROR;
            }
        }

        memcpy(mine + n * (SP_RECORD_MAX + sizeof(size_t)),
               &v->own->line.text.len, sizeof(size_t));
        memcpy(mine + n * (SP_RECORD_MAX + sizeof(size_t)) + sizeof(size_t),
               v->own->line.text.data, v->own->line.text.len);
        n++;

        sp_verify_own(v, &v->own->line);

        if (v->own->line.type == SP_LINE_SEAL) {
            sp_verify_seal(v, mine, n);
            n = 0;
        }
    }

    free(mine);

    if (rc == SP_ERROR) {
        sp_verify_lane_bad(v, v->own);
        v->lost = 1;
    }

    return SP_OK;
}


static void
sp_verify_own(sp_verify_t *v, const sp_line_t *line)
{
    sp_str_t  boot, of, file, row, why;

    if (line->type != SP_LINE_BROKEN) {
        return;
    }

    boot = sp_line_string(line->members[SP_LM_BOOT]);
    of = sp_line_in(line->text, "of");
    file = sp_line_in(line->text, "file");
    row = sp_line_in(line->text, "line");
    why = sp_line_string(sp_line_in(line->text, "why"));

    sp_verify_find(v, SP_VERIFY_TAMPERED, NULL, 0, "the sealer found at %.*s "
                   "that %.*s/lane-%.*s.%.*s.jsonl was not what was written, "
                   "at line %.*s: %.*s",
                   (int) line->members[SP_LM_TS].len,
                   (const char *) line->members[SP_LM_TS].data,
                   (int) boot.len, (const char *) boot.data, (int) of.len,
                   (const char *) of.data, (int) file.len,
                   (const char *) file.data, (int) row.len,
                   (const char *) row.data, (int) why.len,
                   (const char *) why.data);
}


static void
sp_verify_seal(sp_verify_t *v, unsigned char *mine, size_t n)
{
    size_t           i, len;
    json_t          *seal, *entry;
    sp_str_t         ts;
    unsigned char   *p;
    const sp_line_t *line;

    line = &v->own->line;
    seal = json_loadb((const char *) line->text.data, line->text.len, 0, NULL);
    v->seals++;

    if (sp_line_word(line, SP_LM_TS, &ts) == SP_OK
        && ts.len < sizeof(v->last_seal))
    {
        memcpy(v->last_seal, ts.data, ts.len);
        v->last_seal[ts.len] = '\0';
    }

    sp_verify_seal_root(v, seal);

    v->lost_records += (uint64_t) json_integer_value(json_object_get(seal,
                                                                     "lost"));

    json_array_foreach(json_object_get(seal, "lanes"), i, entry) {
        sp_verify_lane(v, entry);
    }

    for (i = 0; i < n; i++) {
        p = mine + i * (SP_RECORD_MAX + sizeof(size_t));
        memcpy(&len, p, sizeof(size_t));
        sp_verify_leaf(v, (sp_str_t) { len, p + sizeof(size_t) }, v->own);
    }

    json_decref(seal);
    sp_verify_anchors(v);
    sp_verify_progress(v);
}


static void
sp_verify_seal_root(sp_verify_t *v, json_t *seal)
{
    char            path[SP_LANE_PATH];
    json_int_t      size;
    const char     *root;
    unsigned char   hash[SP_HASH_LEN];

    size = json_integer_value(json_object_get(seal, "size"));
    root = json_string_value(json_object_get(seal, "root"));

    if (v->lost) {
        return;
    }

    if ((uint64_t) size != v->tree.size || root == NULL
        || sp_unhex(sp_cstr(root), hash) != SP_OK
        || strlen(root) != 2 * SP_HASH_LEN)
    {
        v->lost = 1;
        sp_verify_find(v, SP_VERIFY_TAMPERED, sp_lane_path(v->own,
                       v->own->segment, path), v->own->row,
                       "the seal is one of a tree of %lld lines, there are "
                       "%llu", (long long) size,
                       (unsigned long long) v->tree.size);
        return;
    }

    sp_verify_root(v, hash, "the seal record");
}


static void
sp_verify_lane(sp_verify_t *v, json_t *entry)
{
    char           path[SP_LANE_PATH];
    uint64_t       from, to;
    unsigned       number;
    sp_lane_t     *lane;
    const char    *boot, *h;
    sp_retired_t  *retired;

    boot = json_string_value(json_object_get(entry, "boot"));
    h = json_string_value(json_object_get(entry, "h"));
    number = (unsigned) json_integer_value(json_object_get(entry, "lane"));
    from = (uint64_t) json_integer_value(json_object_get(entry, "from"));
    to = (uint64_t) json_integer_value(json_object_get(entry, "to"));

    if (boot == NULL || h == NULL || strlen(h) != SP_CHAIN_LEN || to < from) {
        sp_verify_find(v, SP_VERIFY_TAMPERED, sp_lane_path(v->own,
                       v->own->segment, path), v->own->row,
                       "the seal names no lines");
        v->lost = 1;
        return;
    }

    v->sealed += to - from + 1;
    lane = sp_lanes_find(&v->lanes, sp_cstr(boot), number);
    retired = sp_verify_retired(v, boot, number);

    if (lane == NULL && (retired == NULL || retired->to < to)) {
        sp_verify_find(v, SP_VERIFY_TAMPERED, NULL, 0, "lane %u of boot %s "
                       "is gone: its lines %llu to %llu were sealed", number,
                       boot, (unsigned long long) from,
                       (unsigned long long) to);
        sp_verify_absent(v, to - from + 1);
        return;
    }

    sp_verify_lines(v, lane, retired, from, to);

    if (lane != NULL && lane->why == NULL && lane->chain.seq == to
        && memcmp(lane->chain.prev, h, SP_CHAIN_LEN) != 0)
    {
        sp_verify_find(v, SP_VERIFY_TAMPERED, sp_lane_path(lane,
                       lane->segment, path), lane->row, "the lane was not "
                       "like this when line %llu was sealed; a line since "
                       "seq %llu is another one", (unsigned long long) to,
                       (unsigned long long) from);
        lane->why = "it is not what was sealed";
    }

    if (lane != NULL && (lane->closed || v->lanes.nlanes > SP_VERIFY_OPEN)) {
        sp_lane_rest(lane);
    }
}


static void
sp_verify_lines(sp_verify_t *v, sp_lane_t *lane, sp_retired_t *retired,
    uint64_t from, uint64_t to)
{
    char      path[SP_LANE_PATH];
    uint64_t  seq;

    for (seq = from; retired != NULL && seq <= to && seq <= retired->to;
         seq++)
    {
        sp_verify_gone(v, retired, seq);
    }

    if (seq > to) {
        return;
    }

    if (lane->why == NULL && lane->segment != 0
        && lane->chain.seq + 1 != seq)
    {
        sp_verify_find(v, SP_VERIFY_TAMPERED, sp_lane_path(v->own,
                       v->own->segment, path), v->own->row, "the seal goes "
                       "on with line %llu of %s/lane-%u, the last sealed one "
                       "was %llu", (unsigned long long) seq, lane->boot,
                       lane->number, (unsigned long long) lane->chain.seq);
    }

    if (lane->why == NULL && lane->segment == 0) {
        sp_verify_after_retired(v, lane, retired);
    }

    while (seq <= to && sp_verify_take(v, lane, to)) {
        seq++;
    }

    sp_verify_absent(v, to + 1 - seq);
}


/* One line into the tree: 0 if it is not there as it was written. */

static int
sp_verify_take(sp_verify_t *v, sp_lane_t *lane, uint64_t to)
{
    sp_rc_t  rc;

    if (lane->why != NULL) {
        return 0;
    }

    rc = sp_lane_next(lane);

    if (rc == SP_DECLINED) {
        lane->why = "the file ends here, and more lines of it were sealed";
        rc = SP_ERROR;
    }

    if (rc != SP_OK) {
        sp_verify_lane_bad(v, lane);
        return 0;
    }

    v->records++;
    sp_verify_leaf(v, lane->line.text, lane);

    return 1;
}


/* The first file that is left must go on where the last retired one ended. */

static void
sp_verify_after_retired(sp_verify_t *v, sp_lane_t *lane,
    const sp_retired_t *retired)
{
    sp_lane_t  probe;

    if (lane->nsegments == 0 || lane->segments[0] == 1) {
        return;
    }

    if (retired == NULL) {
        lane->segment = lane->segments[0] - 1;
        lane->why = "the file is gone, and was not retired";
        sp_verify_lane_bad(v, lane);
        return;
    }

    probe = *lane;
    probe.buf = NULL;
    probe.fd = -1;

    if (sp_lane_next(&probe) == SP_OK
        && (probe.line.seq != retired->to + 1
            || sp_line_string(probe.line.members[SP_LM_PREV_HASH]).len
               != SP_CHAIN_LEN
            || memcmp(sp_line_string(probe.line.members[SP_LM_PREV_HASH]).data,
                      retired->h, SP_CHAIN_LEN) != 0))
    {
        lane->segment = lane->segments[0];
        lane->why = "the file does not follow those that were retired";
        sp_verify_lane_bad(v, lane);
    }

    sp_lane_rest(&probe);
}

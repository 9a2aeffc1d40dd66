
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains how the sealer takes up where it ended, however that was.
 *
 * The seal records of its own lane are the truth: each names the lines that it
 * closed in. "cursors" only saves reading them all again, and "checkpoint" says
 * which leaves are in the tree on the disk already. A seal record that was
 * written before a crash is made good: its lines are read again, and its
 * leaves added.
 */


#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "seal.h"


static sp_rc_t sp_seal_lock(sp_sealer_t *sealer);
static sp_rc_t sp_seal_committed(sp_sealer_t *sealer, uint64_t *size);
static sp_rc_t sp_seal_load(sp_sealer_t *sealer, uint64_t *size);
static sp_rc_t sp_seal_load_line(sp_sealer_t *sealer, const char *line,
    uint64_t *size);
static sp_rc_t sp_seal_replay(sp_sealer_t *sealer, uint64_t done);
static sp_rc_t sp_seal_redo(sp_sealer_t *sealer, uint64_t *done);
static sp_rc_t sp_seal_redo_lanes(sp_sealer_t *sealer, json_t *lanes,
    int needed);
static sp_rc_t sp_seal_redo_lane(sp_sealer_t *sealer, sp_lane_t *lane,
    uint64_t to);
static void sp_seal_marks(sp_sealer_t *sealer);
static sp_rc_t sp_seal_bad(const char *why);


sp_rc_t
sp_seal_start(sp_sealer_t *sealer)
{
    uint64_t  from, committed, size;

    if (sp_seal_lock(sealer) != SP_OK
        || sp_lanes_open(&sealer->lanes, sealer->dir) != SP_OK)
    {
        return SP_ERROR;
    }

    sealer->own = sp_lane_own(sealer->seal, SP_LANE_SEAL, 0);

    if (sealer->own == NULL
        || sp_seal_committed(sealer, &committed) != SP_OK)
    {
        return SP_ERROR;
    }

    if (sp_seal_load(sealer, &from) != SP_OK) {
        sp_cli_warn("the cursors in '%s' cannot be used; the lanes are read "
                    "from their beginning", sealer->seal);
        sp_lanes_free(&sealer->lanes);
        sp_lane_rewind(sealer->own);
        sealer->npols = sealer->pols_sealed = 0;
        sealer->note[0] = sealer->note_told[0] = '\0';
        from = 0;

        if (sp_lanes_open(&sealer->lanes, sealer->dir) != SP_OK) {
            return SP_ERROR;
        }
    }

    size = committed > from ? committed : from;

    if (sp_tree_file_open(&sealer->tree, sealer->seal, size, 1) != SP_OK
        || sp_seal_replay(sealer, from) != SP_OK)
    {
        return SP_ERROR;
    }

    if (sp_lane_writer_open(&sealer->writer, sealer->own, sealer->seal)
        != SP_OK)
    {
        return SP_ERROR;
    }

    sealer->writer.wrote = sp_seal_mine;
    sealer->writer.ctx = sealer;

    return SP_OK;
}


sp_rc_t
sp_seal_directory(const sp_sealer_t *sealer)
{
    if (mkdir(sealer->seal, 0755) != 0 && errno != EEXIST) {
        sp_cli_error("cannot make the directory '%s': %s", sealer->seal,
                     strerror(errno));
        return SP_ERROR;
    }

    return SP_OK;
}


static sp_rc_t
sp_seal_lock(sp_sealer_t *sealer)
{
    sealer->lock = open(sealer->seal, O_RDONLY|O_DIRECTORY|O_CLOEXEC);

    if (sealer->lock == -1) {
        sp_cli_error("cannot open the directory '%s': %s", sealer->seal,
                     strerror(errno));
        return SP_ERROR;
    }

    if (flock(sealer->lock, LOCK_EX|LOCK_NB) != 0) {
        sp_cli_error("another sealer is at work in '%s'", sealer->seal);
        return SP_ERROR;
    }

    return SP_OK;
}


/* The size of the newest checkpoint, 0 if there is none. */

static sp_rc_t
sp_seal_committed(sp_sealer_t *sealer, uint64_t *size)
{
    char              path[SP_LANE_PATH], *note;
    size_t            len;
    sp_rc_t           rc;
    const char       *why;
    sp_checkpoint_t   checkpoint;

    *size = 0;
    (void) snprintf(path, sizeof(path), "%s/checkpoint", sealer->seal);

    if (access(path, F_OK) != 0) {
        return SP_OK;
    }

    note = sp_cli_read_file(path, SP_NOTE_MAX * 64, &len);

    if (note == NULL) {
        return SP_ERROR;
    }

    rc = sp_checkpoint_open(&checkpoint, (sp_str_t) { len,
                            (const unsigned char *) note }, &sealer->vkey,
                            &why);
    free(note);

    if (rc != SP_OK) {
        sp_cli_error("'%s': %s; this log is signed by %s", path, why,
                     sealer->vkey.name);
        return SP_ERROR;
    }

    *size = checkpoint.size;

    return SP_OK;
}


static sp_rc_t
sp_seal_load(sp_sealer_t *sealer, uint64_t *size)
{
    char     path[SP_LANE_PATH], *text, *line, *rest;
    size_t   len;
    sp_rc_t  rc;

    *size = 0;
    (void) snprintf(path, sizeof(path), "%s/cursors", sealer->seal);

    if (access(path, F_OK) != 0) {
        return SP_OK;
    }

    text = sp_cli_read_file(path, (size_t) 1 << 30, &len);

    if (text == NULL) {
        return SP_ERROR;
    }

    line = strtok_r(text, "\n", &rest);
    rc = line != NULL && strcmp(line, "sallyport cursors 1") == 0 ? SP_OK
                                                                  : SP_ERROR;

    while (rc == SP_OK && (line = strtok_r(NULL, "\n", &rest)) != NULL) {

        if (strcmp(line, "end") == 0) {
            free(text);
            return SP_OK;
        }

        rc = sp_seal_load_line(sealer, line, size);
    }

    free(text);

    return SP_ERROR;
}


static sp_rc_t
sp_seal_load_line(sp_sealer_t *sealer, const char *line, uint64_t *size)
{
    int                 n;
    char                h[SP_CHAIN_LEN + 1];
    unsigned            number, segment, closed, broken;
    sp_lane_t          *lane;
    unsigned long long  off, row, seq, told;

    if (sscanf(line, "size %llu", &off) == 1) {
        *size = off;
        return SP_OK;
    }

    if (strncmp(line, "note ", 5) == 0) {
        return sscanf(line, "note %47[0-9-]/%47[0-9-]", sealer->note,
                      sealer->note_told) >= 1 ? SP_OK : SP_ERROR;
    }

    if (strncmp(line, "pol ", 4) == 0) {
        (void) sp_seal_policy(sealer, sp_cstr(line + 4));
        sealer->pols_sealed = sealer->npols;
        return SP_OK;
    }

    n = 0;

    if (sscanf(line, "lane %u %u %llu %llu %llu %64s %u %u %llu %n", &number,
               &segment, &off, &row, &seq, h, &closed, &broken, &told, &n)
        != 9
        || n == 0 || strlen(h) != SP_CHAIN_LEN)
    {
        return SP_ERROR;
    }

    lane = number == 0 ? sealer->own
                       : sp_lanes_find(&sealer->lanes, sp_cstr(line + n),
                                       number);

    /* What is gone by now was sealed; `audit verify` says that it is gone. */

    if (lane == NULL) {
        return SP_OK;
    }

    lane->segment = segment;
    lane->off = off;
    lane->row = row;
    lane->chain.seq = seq;
    memcpy(lane->chain.prev, h, SP_CHAIN_LEN);
    lane->closed = closed != 0;
    lane->broken = broken != 0;
    lane->told = told;

    return SP_OK;
}


sp_rc_t
sp_seal_save(sp_sealer_t *sealer)
{
    char         path[SP_LANE_PATH], *text;
    FILE        *out;
    size_t       i, len;
    sp_rc_t      rc;
    sp_lane_t    own;
    sp_lane_t   *lane;

    out = open_memstream(&text, &len);

    if (out == NULL) {
        sp_cli_error("no memory for the cursors");
        return SP_ERROR;
    }

    fprintf(out, "sallyport cursors 1\nsize %llu\n",
            (unsigned long long) sealer->tree.tree.size);

    for (i = 0; i < sealer->pols_sealed; i++) {
        fprintf(out, "pol %s\n", sealer->pols[i]);
    }

    if (sealer->note[0] != '\0') {
        fprintf(out, "note %s/%s\n", sealer->note, sealer->note_told);
    }

    memset(&own, 0, sizeof(own));
    own.segment = sealer->writer.segment;
    own.off = sealer->writer.bytes;
    own.row = sealer->writer.rows;
    own.chain = sealer->writer.chain;
    (void) snprintf(own.boot, sizeof(own.boot), SP_LANE_SEAL);

    for (i = 0; i <= sealer->lanes.nlanes; i++) {
        lane = i == 0 ? &own : sealer->lanes.lanes[i - 1];

        if (lane->segment == 0) {
            continue;
        }

        fprintf(out, "lane %u %u %llu %llu %llu %.64s %u %u %llu %s\n",
                lane->number, lane->segment, (unsigned long long) lane->off,
                (unsigned long long) lane->row,
                (unsigned long long) lane->chain.seq, lane->chain.prev,
                lane->closed, lane->broken, (unsigned long long) lane->told,
                lane->boot);
    }

    fputs("end\n", out);

    if (fclose(out) != 0) {
        sp_cli_error("no memory for the cursors");
        free(text);
        return SP_ERROR;
    }

    (void) snprintf(path, sizeof(path), "%s/cursors", sealer->seal);
    rc = sp_audit_replace(path, text, len);
    free(text);
    sealer->saved = sp_seal_now();

    return rc;
}


/* Own lines behind the cursors: "done" leaves are behind them already. */

static sp_rc_t
sp_seal_replay(sp_sealer_t *sealer, uint64_t done)
{
    char     path[SP_LANE_PATH];
    sp_rc_t  rc;

    while ((rc = sp_lane_next(sealer->own)) == SP_OK) {

        if (sealer->nmine == 0) {
            sealer->own_from = sealer->own->line.seq;
        }

        sp_seal_mine(sealer, sealer->own->line.text);
        sp_seal_marks(sealer);

        if (sealer->own->line.type == SP_LINE_SEAL
            && sp_seal_redo(sealer, &done) != SP_OK)
        {
            return SP_ERROR;
        }
    }

    if (rc == SP_ERROR) {
        sp_cli_error("%s: line %llu: %s", sp_lane_path(sealer->own,
                     sealer->own->segment, path),
                     (unsigned long long) sealer->own->row + 1,
                     sealer->own->why);
        return SP_ERROR;
    }

    if (done != sealer->tree.tree.size) {
        return sp_seal_bad("the checkpoint is newer than the seal records");
    }

    if (sealer->tree.ntail != 0) {
        return sp_tree_file_flush(&sealer->tree) == SP_OK
               ? sp_seal_sign(sealer) : SP_ERROR;
    }

    return SP_OK;
}


/* What the sealer has said about lanes since the cursors were written. */

static void
sp_seal_marks(sp_sealer_t *sealer)
{
    uint64_t          number, off, bytes;
    sp_str_t          boot, v;
    sp_lane_t        *lane;
    const sp_line_t  *line;

    line = &sealer->own->line;
    sp_seal_change_mark(sealer, line);

    if ((line->type != SP_LINE_TORN && line->type != SP_LINE_BROKEN)
        || sp_line_word(line, SP_LM_BOOT, &boot) != SP_OK)
    {
        return;
    }

    v = sp_line_in(line->text, "of");

    if (sp_parse_uint(v, UINT32_MAX, &number) != SP_OK) {
        return;
    }

    lane = sp_lanes_find(&sealer->lanes, boot, (unsigned) number);

    if (lane == NULL) {
        return;
    }

    if (line->type == SP_LINE_BROKEN) {
        lane->broken = 1;

    } else if (sp_parse_uint(sp_line_in(line->text, "off"), UINT64_MAX, &off)
               == SP_OK
               && sp_parse_uint(sp_line_in(line->text, "bytes"), UINT64_MAX,
                                &bytes)
                  == SP_OK)
    {
        lane->told = off + bytes;
    }
}


static sp_rc_t
sp_seal_redo(sp_sealer_t *sealer, uint64_t *done)
{
    int           needed;
    char          root[2 * SP_HASH_LEN];
    json_t       *seal, *lanes, *entry, *pol;
    size_t        i, n;
    sp_str_t      text;
    const char   *word;
    unsigned char hash[SP_HASH_LEN];

    text = sealer->own->line.text;
    seal = json_loadb((const char *) text.data, text.len, 0, NULL);
    lanes = json_object_get(seal, "lanes");
    n = sealer->nmine;

    json_array_foreach(lanes, i, entry) {
        n += (size_t) (json_integer_value(json_object_get(entry, "to"))
                       - json_integer_value(json_object_get(entry, "from"))
                       + 1);
    }

    json_array_foreach(json_object_get(seal, "pol"), i, pol) {
        (void) sp_seal_policy(sealer, sp_cstr(json_string_value(pol)));
    }

    sealer->pols_sealed = sealer->npols;
    needed = (*done >= sealer->tree.tree.size);

    if (needed) {
        sp_tree_root(&sealer->tree.tree, hash);
        sp_hex(hash, sizeof(hash), (unsigned char *) root);
        word = json_string_value(json_object_get(seal, "root"));

        if (*done != sealer->tree.tree.size || word == NULL
            || strlen(word) != sizeof(root)
            || memcmp(word, root, sizeof(root)) != 0)
        {
            json_decref(seal);
            return sp_seal_bad("a seal record does not fit the tree");
        }
    }

    if (sp_seal_redo_lanes(sealer, lanes, needed) != SP_OK) {
        json_decref(seal);
        return SP_ERROR;
    }

    json_decref(seal);

    for (i = 0; needed && i < sealer->nleaves + sealer->nmine; i++) {
        sp_tree_file_add(&sealer->tree, i < sealer->nleaves
                         ? sealer->leaves + i * SP_HASH_LEN
                         : sealer->mine + (i - sealer->nleaves) * SP_HASH_LEN);
    }

    *done += n;
    sealer->nleaves = sealer->nmine = 0;

    return SP_OK;
}


static sp_rc_t
sp_seal_redo_lanes(sp_sealer_t *sealer, json_t *lanes, int needed)
{
    char         path[SP_LANE_PATH];
    size_t       i;
    json_t      *entry;
    sp_rc_t      rc;
    uint64_t     to;
    unsigned     number;
    sp_lane_t   *lane;
    const char  *boot;

    json_array_foreach(lanes, i, entry) {
        boot = json_string_value(json_object_get(entry, "boot"));
        number = (unsigned) json_integer_value(json_object_get(entry, "lane"));
        to = (uint64_t) json_integer_value(json_object_get(entry, "to"));
        lane = boot == NULL ? NULL : sp_lanes_find(&sealer->lanes,
                                                   sp_cstr(boot), number);

        rc = lane == NULL ? SP_ERROR : sp_seal_redo_lane(sealer, lane, to);

        if (rc == SP_OK || !needed) {
            continue;
        }

        if (lane == NULL) {
            sp_cli_error("lane %u of boot %s is gone, and its last lines were "
                         "about to be sealed", number, boot ? boot : "?");

        } else {
            sp_cli_error("%s: line %llu: %s; it was about to be sealed",
                         sp_lane_path(lane, lane->segment, path),
                         (unsigned long long) lane->row + 1,
                         lane->why != NULL ? lane->why : "it is not there");
        }

        return SP_ERROR;
    }

    if (!needed) {
        sealer->nleaves = 0;
    }

    return SP_OK;
}


static sp_rc_t
sp_seal_redo_lane(sp_sealer_t *sealer, sp_lane_t *lane, uint64_t to)
{
    while (lane->chain.seq < to) {

        if (sp_lane_next(lane) != SP_OK) {

            /* shorter than it was: what is not there any more is a finding */

            if (lane->why == NULL) {
                lane->why = "lines that were sealed are gone";
            }

            return SP_ERROR;
        }

        /* files before this one were retired: nothing of them is needed */

        if (lane->loose && lane->line.seq > to) {
            sp_lane_rewind(lane);
            return SP_OK;
        }

        sp_seal_leaf(sealer, lane->line.text);
    }

    return SP_OK;
}


static sp_rc_t
sp_seal_bad(const char *why)
{
    sp_cli_error("the seal directory does not agree with itself: %s; "
                 "`sallyport audit verify` says more", why);

    return SP_ERROR;
}

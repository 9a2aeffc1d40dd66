
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains one seal: new lines are read and checked, put on the
 * disk, named by a seal record, added to the tree, and signed. The rename of
 * "checkpoint" is the point from which it counts.
 */


#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "seal.h"


#define SP_SEAL_PER_LANE  4000     /* lines of one lane in one batch */
#define SP_SEAL_TORN      10000    /* ms for which a piece stays as it is */
#define SP_SEAL_OPEN      256      /* lanes whose files stay open */
#define SP_SEAL_NOTED     60000    /* ms between notes in "checkpoints" */


static sp_rc_t sp_seal_lane(sp_sealer_t *sealer, sp_lane_t *lane);
static int sp_seal_grown(sp_lane_t *lane);
static void sp_seal_line(sp_sealer_t *sealer, const sp_line_t *line);
static sp_rc_t sp_seal_broken(sp_sealer_t *sealer, sp_lane_t *lane);
static sp_rc_t sp_seal_torn(sp_sealer_t *sealer, sp_lane_t *lane);
static sp_rc_t sp_seal_sync(sp_sealer_t *sealer);
static sp_rc_t sp_seal_sync_path(const char *path, int flags);
static json_t *sp_seal_record(sp_sealer_t *sealer);
static sp_rc_t sp_seal_note(sp_sealer_t *sealer, const char *note,
    size_t len);
static void sp_seal_add(unsigned char **leaves, size_t *n, size_t *room,
    sp_str_t line);


int64_t
sp_seal_now(void)
{
    struct timespec  now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);

    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}


sp_rc_t
sp_seal_read(sp_sealer_t *sealer)
{
    size_t      i, n;
    sp_lane_t  *lane;

    if (sp_lanes_scan(&sealer->lanes) != SP_OK) {
        return SP_ERROR;
    }

    sealer->full = 0;
    json_decref(sealer->entries);
    sealer->entries = json_array();

    /* A full batch goes on behind its last lane: none can starve another. */

    for (n = sealer->lanes.nlanes; n != 0; n--) {
        i = sealer->next++ % sealer->lanes.nlanes;
        lane = sealer->lanes.lanes[i];

        if (lane->broken
            || (lane->closed
                && lane->segments[lane->nsegments - 1] == lane->segment))
        {
            continue;
        }

        if (json_array_size(sealer->entries) == SP_SEAL_LANES
            || sealer->nleaves >= SP_SEAL_BATCH)
        {
            sealer->full = 1;
            sealer->next--;
            break;
        }

        if (sp_seal_lane(sealer, lane) != SP_OK) {
            return SP_ERROR;
        }

        if (lane->closed || sealer->lanes.nlanes > SP_SEAL_OPEN) {
            sp_lane_rest(lane);
        }
    }

    return SP_OK;
}


static sp_rc_t
sp_seal_lane(sp_sealer_t *sealer, sp_lane_t *lane)
{
    size_t    n;
    sp_rc_t   rc;
    uint64_t  from;

    if (lane->why == NULL && !sp_seal_grown(lane)) {
        return SP_OK;
    }

    from = lane->chain.seq + 1;
    rc = SP_OK;

    for (n = 0; n < SP_SEAL_PER_LANE; n++) {
        rc = sp_lane_next(lane);

        if (rc != SP_OK) {
            break;
        }

        if (n == 0) {
            from = lane->line.seq;
        }

        sp_seal_line(sealer, &lane->line);
        sp_seal_leaf(sealer, lane->line.text);
    }

    if (n == SP_SEAL_PER_LANE) {
        sealer->full = 1;
    }

    if (n != 0) {
        lane->fresh = 1;
        json_array_append_new(sealer->entries, json_pack(
            "{s:s, s:i, s:I, s:I, s:s#}", "boot", lane->boot, "lane",
            (int) lane->number, "from", (json_int_t) from, "to",
            (json_int_t) lane->chain.seq, "h",
            (const char *) lane->chain.prev, (int) SP_CHAIN_LEN));
    }

    if (rc == SP_ERROR) {
        return sp_seal_broken(sealer, lane);
    }

    if (rc == SP_DECLINED && lane->piece != 0) {
        return sp_seal_torn(sealer, lane);
    }

    return SP_OK;
}


/* Whether the file is not as it was; one that is shorter is broken. */

static int
sp_seal_grown(sp_lane_t *lane)
{
    char         path[SP_LANE_PATH];
    uint64_t     known;
    struct stat  st;

    if (lane->segment == 0) {
        return 1;
    }

    known = lane->off + lane->piece;

    if (stat(sp_lane_path(lane, lane->segment, path), &st) != 0) {
        lane->why = "the file is gone";
        return 1;
    }

    if ((uint64_t) st.st_size < known) {
        lane->why = "the file is shorter than it was";
        return 1;
    }

    return (uint64_t) st.st_size != known || lane->closed
           || (lane->piece != 0 && lane->told != known);
}


static void
sp_seal_line(sp_sealer_t *sealer, const sp_line_t *line)
{
    size_t    i;
    uint64_t  n;
    sp_str_t  hash;

    static const char *const  decisions[] = { "allow", "throttle", "deny" };

    if (line->type == SP_LINE_DECISION) {
        for (i = 0; i < sp_nelts(decisions); i++) {
            if (sp_line_is(line, SP_LM_DEC, decisions[i])) {
                sealer->count[SP_LINE_OTHER + 1 + i]++;
            }
        }

    } else {
        sealer->count[line->type]++;
    }

    if (line->type == SP_LINE_LOST
        && sp_line_uint(line, SP_LM_N, &n) == SP_OK)
    {
        sealer->lost += n;
    }

    if (line->type == SP_LINE_SEGMENT) {
        sealer->files++;
    }

    hash = sp_line_string(sp_line_in(line->members[SP_LM_POL], "hash"));

    if (hash.len == SP_SEAL_HASH) {
        (void) sp_seal_policy(sealer, hash);
    }
}


static sp_rc_t
sp_seal_broken(sp_sealer_t *sealer, sp_lane_t *lane)
{
    char     path[SP_LANE_PATH];
    json_t  *record;

    sealer->failed = 1;
    lane->broken = 1;

    sp_cli_error("%s: line %llu: %s; this lane is not sealed any further",
                 sp_lane_path(lane, lane->segment, path),
                 (unsigned long long) lane->row + 1, lane->why);

    record = sp_lane_record(&sealer->writer, "broken");
    json_object_set_new(record, "boot", json_string(lane->boot));
    json_object_set_new(record, "of", json_integer(lane->number));
    json_object_set_new(record, "file", json_integer(lane->segment));
    json_object_set_new(record, "line",
                        json_integer((json_int_t) lane->row + 1));
    json_object_set_new(record, "why", json_string(lane->why));
    sp_lane_rest(lane);

    return sp_lane_put(&sealer->writer, record);
}


/* A write is whole within milliseconds, or its writer is not there any more. */

static sp_rc_t
sp_seal_torn(sp_sealer_t *sealer, sp_lane_t *lane)
{
    char            hex[2 * SHA256_DIGEST_LENGTH];
    json_t         *record;
    int64_t         now;
    uint64_t        end;
    unsigned char   hash[SHA256_DIGEST_LENGTH];

    end = lane->off + lane->piece;
    now = sp_seal_now();

    if (lane->told == end) {
        return SP_OK;
    }

    /* "seen" remembers how long the piece was when the wait began */

    if (lane->seen != end) {
        lane->seen = end;
        lane->still = now;
    }

    if (now - lane->still < SP_SEAL_TORN) {
        return SP_OK;
    }

    lane->told = end;
    SHA256(sp_lane_piece(lane).data, lane->piece, hash);
    sp_hex(hash, sizeof(hash), (unsigned char *) hex);

    record = sp_lane_record(&sealer->writer, "torn");
    json_object_set_new(record, "boot", json_string(lane->boot));
    json_object_set_new(record, "of", json_integer(lane->number));
    json_object_set_new(record, "file", json_integer(lane->segment));
    json_object_set_new(record, "off", json_integer((json_int_t) lane->off));
    json_object_set_new(record, "bytes",
                        json_integer((json_int_t) lane->piece));
    json_object_set_new(record, "sha256", json_stringn(hex, sizeof(hex)));

    return sp_lane_put(&sealer->writer, record);
}


sp_rc_t
sp_seal_commit(sp_sealer_t *sealer)
{
    char     path[SP_LANE_PATH];
    size_t   i;

    if (sp_seal_sync(sealer) != SP_OK) {
        return SP_ERROR;
    }

    for (i = sealer->pols_sealed; i < sealer->npols; i++) {
        sp_seal_archive(sealer, sealer->pols[i]);
    }

    if (sp_lane_put(&sealer->writer, sp_seal_record(sealer)) != SP_OK) {
        return SP_ERROR;
    }

    if (fdatasync(sealer->writer.fd) != 0) {
        sp_cli_error("cannot put '%s' on the disk: %s",
                     sp_lane_path(sealer->own, sealer->writer.segment, path),
                     strerror(errno));
        return SP_ERROR;
    }

    for (i = 0; i < sealer->nleaves; i++) {
        sp_tree_file_add(&sealer->tree, sealer->leaves + i * SP_HASH_LEN);
    }

    for (i = 0; i < sealer->nmine; i++) {
        sp_tree_file_add(&sealer->tree, sealer->mine + i * SP_HASH_LEN);
    }

    sealer->total += sealer->nleaves;
    sealer->nleaves = sealer->nmine = 0;
    sealer->lost = sealer->files = 0;
    memset(sealer->count, 0, sizeof(sealer->count));

    if (sp_tree_file_flush(&sealer->tree) != SP_OK) {
        return SP_ERROR;
    }

    return sp_seal_sign(sealer);
}


/* The lines that were read, and the names of new files, on the disk. */

static sp_rc_t
sp_seal_sync(sp_sealer_t *sealer)
{
    char         path[SP_LANE_PATH];
    size_t       i;
    sp_rc_t      rc;
    sp_lane_t   *lane;
    const char  *boot;

    boot = "";

    for (i = 0; i < sealer->lanes.nlanes; i++) {
        lane = sealer->lanes.lanes[i];

        if (!lane->fresh) {
            continue;
        }

        lane->fresh = 0;

        if (lane->fd != -1) {
            rc = fdatasync(lane->fd) == 0 ? SP_OK : SP_ERROR;

        } else {
            rc = sp_seal_sync_path(sp_lane_path(lane, lane->segment, path),
                                   O_RDONLY);
        }

        if (rc == SP_OK && sealer->files != 0
            && strcmp(lane->boot, boot) != 0)
        {
            boot = lane->boot;
            (void) snprintf(path, sizeof(path), "%s/%s", sealer->dir, boot);
            rc = sp_seal_sync_path(path, O_RDONLY|O_DIRECTORY);
        }

        if (rc != SP_OK) {
            sp_cli_error("cannot put '%s' on the disk: %s",
                         sp_lane_path(lane, lane->segment, path),
                         strerror(errno));
            return SP_ERROR;
        }
    }

    return SP_OK;
}


static sp_rc_t
sp_seal_sync_path(const char *path, int flags)
{
    int      fd;
    sp_rc_t  rc;

    fd = open(path, flags|O_CLOEXEC);

    if (fd == -1) {
        return SP_ERROR;
    }

    rc = fsync(fd) == 0 ? SP_OK : SP_ERROR;
    (void) close(fd);

    return rc;
}


static json_t *
sp_seal_record(sp_sealer_t *sealer)
{
    char            root[2 * SP_HASH_LEN];
    size_t          i, n;
    json_t         *record, *count, *pols;
    unsigned char   hash[SP_HASH_LEN];

    static const char *const  decisions[] = { "allow", "throttle", "deny" };

    sp_tree_root(&sealer->tree.tree, hash);
    sp_hex(hash, sizeof(hash), (unsigned char *) root);

    count = json_object();

    for (i = 0; i < sp_nelts(sealer->count); i++) {
        if (sealer->count[i] != 0) {
            json_object_set_new(count, i > SP_LINE_OTHER
                                ? decisions[i - SP_LINE_OTHER - 1]
                                : sp_line_type((sp_line_type_t) i),
                                json_integer((json_int_t) sealer->count[i]));
        }
    }

    pols = json_array();

    for (n = 0; sealer->pols_sealed < sealer->npols && n < SP_SEAL_POLS; n++) {
        json_array_append_new(pols,
                      json_string(sealer->pols[sealer->pols_sealed++]));
    }

    /* a file of the own lane may begin with this record: its lines count */

    record = sp_lane_record(&sealer->writer, "seal");
    json_object_set_new(record, "size",
                        json_integer((json_int_t) sealer->tree.tree.size));
    json_object_set_new(record, "root", json_stringn(root, sizeof(root)));
    json_object_set_new(record, "own", json_integer(sealer->nmine != 0
                        ? (json_int_t) sealer->own_from
                        : (json_int_t) sealer->writer.chain.seq + 1));
    json_object_set(record, "lanes", sealer->entries);
    json_object_set_new(record, "count", count);
    json_object_set_new(record, "lost",
                        json_integer((json_int_t) sealer->lost));
    json_object_set_new(record, "files",
                        json_integer((json_int_t) sealer->files));
    json_object_set_new(record, "pol", pols);

    json_decref(sealer->entries);
    sealer->entries = NULL;

    return record;
}


sp_rc_t
sp_seal_sign(sp_sealer_t *sealer)
{
    char              note[SP_NOTE_MAX], path[SP_LANE_PATH];
    size_t            len;
    sp_checkpoint_t   checkpoint;

    memcpy(checkpoint.origin, sealer->vkey.name, sizeof(checkpoint.origin));
    checkpoint.size = sealer->tree.tree.size;
    sp_tree_root(&sealer->tree.tree, checkpoint.root);

    len = sp_checkpoint_sign(&checkpoint, &sealer->vkey, sealer->secret, note);

    if (len == 0) {
        sp_cli_error("OpenSSL cannot sign the checkpoint");
        return SP_ERROR;
    }

    (void) snprintf(path, sizeof(path), "%s/checkpoint", sealer->seal);

    if (sp_audit_replace(path, note, len) != SP_OK) {
        return SP_ERROR;
    }

    sealer->sealed = sp_seal_now();

    if ((sealer->noted == 0 || sealer->sealed - sealer->noted > SP_SEAL_NOTED)
        && sp_seal_note(sealer, note, len) != SP_OK)
    {
        return SP_ERROR;
    }

    return sealer->publish == NULL ? SP_OK
                                   : sp_publish(sealer->publish, note, len);
}


/* One of the many, kept beside the newest. */

static sp_rc_t
sp_seal_note(sp_sealer_t *sealer, const char *note, size_t len)
{
    char   path[SP_LANE_PATH];
    FILE  *out;
    int    done;

    (void) snprintf(path, sizeof(path), "%s/checkpoints", sealer->seal);
    out = fopen(path, "ae");

    done = out != NULL && fwrite(note, 1, len, out) == len
           && fputc('\n', out) != EOF;

    if ((out != NULL && fclose(out) != 0) || !done) {
        sp_cli_error("cannot write '%s': %s", path, strerror(errno));
        return SP_ERROR;
    }

    sealer->noted = sealer->sealed;

    return SP_OK;
}


void
sp_seal_leaf(sp_sealer_t *sealer, sp_str_t line)
{
    sp_seal_add(&sealer->leaves, &sealer->nleaves, &sealer->room, line);
}


void
sp_seal_mine(void *ctx, sp_str_t line)
{
    sp_sealer_t  *sealer = ctx;

    if (sealer->nmine == 0 && sealer->writer.wrote != NULL) {
        sealer->own_from = sealer->writer.chain.seq;
    }

    sp_seal_add(&sealer->mine, &sealer->nmine, &sealer->mine_room, line);
}


static void
sp_seal_add(unsigned char **leaves, size_t *n, size_t *room, sp_str_t line)
{
    if (*n == *room) {
        *room = 2 * *room + 1024;
        *leaves = realloc(*leaves, *room * SP_HASH_LEN);

        if (*leaves == NULL) {
            sp_cli_error("no memory for the lines to be sealed");
            exit(SP_CLI_REFUSED);
        }
    }

    sp_tree_leaf(line.data, line.len, *leaves + *n * SP_HASH_LEN);
    (*n)++;
}

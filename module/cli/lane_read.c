
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the reading of one lane over its files, strictly: the
 * first line of each file must say that it is this file, the last line but
 * that of the newest must close it, and no line is taken that is not linked.
 */


#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "lane_read.h"


#define SP_LANE_CHUNK  (128 * 1024)


static sp_rc_t sp_lane_fill(sp_lane_t *lane);
static sp_rc_t sp_lane_reopen(sp_lane_t *lane);
static sp_rc_t sp_lane_step(sp_lane_t *lane);
static sp_rc_t sp_lane_take(sp_lane_t *lane, sp_str_t text);
static sp_rc_t sp_lane_first(sp_lane_t *lane);
static sp_rc_t sp_lane_loose(sp_lane_t *lane);
static sp_rc_t sp_lane_bad(sp_lane_t *lane, const char *why);


char *
sp_lane_path(const sp_lane_t *lane, unsigned segment,
    char path[SP_LANE_PATH])
{
    (void) snprintf(path, SP_LANE_PATH, "%s/%s%slane-%u.%u.jsonl", lane->dir,
                    lane->number != 0 ? lane->boot : "",
                    lane->number != 0 ? "/" : "", lane->number, segment);

    return path;
}


int
sp_lane_has(const sp_lane_t *lane, unsigned segment)
{
    size_t  i;

    for (i = lane->nsegments; i-- > 0; /* void */ ) {
        if (lane->segments[i] == segment) {
            return 1;
        }
    }

    return 0;
}


void
sp_lane_rest(sp_lane_t *lane)
{
    if (lane->fd != -1) {
        (void) close(lane->fd);
        lane->fd = -1;
    }

    free(lane->buf);
    lane->buf = NULL;
    lane->pos = lane->len = 0;
}


void
sp_lane_rewind(sp_lane_t *lane)
{
    sp_lane_rest(lane);

    lane->segment = 0;
    lane->off = lane->row = lane->piece = 0;
    lane->closed = lane->loose = 0;
    lane->why = NULL;
    sp_chain_init(&lane->chain);
}


sp_str_t
sp_lane_piece(const sp_lane_t *lane)
{
    return (sp_str_t) { lane->piece, lane->buf + lane->pos };
}


sp_rc_t
sp_lane_next(sp_lane_t *lane)
{
    sp_rc_t               rc;
    sp_str_t              text;
    const unsigned char  *end;

    if (lane->why != NULL) {
        return SP_ERROR;
    }

    for ( ;; ) {

        if (lane->segment == 0) {
            rc = sp_lane_step(lane);

            if (rc != SP_OK) {
                return rc;
            }
        }

        text.data = lane->buf + lane->pos;
        text.len = lane->len - lane->pos;
        end = text.len == 0 ? NULL : memchr(text.data, '\n', text.len);

        if (end != NULL) {
            text.len = (size_t) (end - text.data);
            return sp_lane_take(lane, text);
        }

        if (text.len >= SP_RECORD_MAX) {
            return sp_lane_bad(lane, "the line is longer than a record can "
                               "be");
        }

        rc = sp_lane_fill(lane);

        if (rc == SP_DECLINED) {
            lane->piece = text.len;
            rc = sp_lane_step(lane);
        }

        if (rc != SP_OK) {
            return rc;
        }
    }
}


/* More of this file: SP_DECLINED if there is none. */

static sp_rc_t
sp_lane_fill(sp_lane_t *lane)
{
    ssize_t  n;

    if (sp_lane_reopen(lane) != SP_OK) {
        return SP_ERROR;
    }

    if (lane->pos != 0) {
        memmove(lane->buf, lane->buf + lane->pos, lane->len - lane->pos);
        lane->len -= lane->pos;
        lane->pos = 0;
    }

    do {
        n = pread(lane->fd, lane->buf + lane->len, SP_LANE_CHUNK - lane->len,
                  (off_t) (lane->off + lane->len));
    } while (n == -1 && errno == EINTR);

    if (n == -1) {
        return sp_lane_bad(lane, strerror(errno));
    }

    lane->len += (size_t) n;

    return n == 0 ? SP_DECLINED : SP_OK;
}


static sp_rc_t
sp_lane_reopen(sp_lane_t *lane)
{
    char  path[SP_LANE_PATH];

    if (lane->buf == NULL) {
        lane->buf = sp_cli_alloc(SP_LANE_CHUNK);
        lane->pos = lane->len = 0;
    }

    if (lane->fd != -1) {
        return SP_OK;
    }

    lane->fd = open(sp_lane_path(lane, lane->segment, path),
                    O_RDONLY|O_CLOEXEC);

    if (lane->fd == -1) {
        return sp_lane_bad(lane, errno == ENOENT ? "the file is not there"
                                                 : strerror(errno));
    }

    return SP_OK;
}


/* To the next file, if there is one. */

static sp_rc_t
sp_lane_step(sp_lane_t *lane)
{
    unsigned  next;

    if (lane->nsegments == 0) {
        return SP_DECLINED;
    }

    next = lane->segment + 1;

    if (lane->segment == 0) {
        next = lane->segments[0];

    } else if (lane->segments[lane->nsegments - 1] <= lane->segment) {
        return SP_DECLINED;
    }

    if (lane->segment != 0) {

        if (lane->piece != 0) {
            return sp_lane_bad(lane, "the file ends in a piece of a line, and "
                               "a next file is there");
        }

        if (!lane->closed) {
            return sp_lane_bad(lane, "the file has no end, and a next one is "
                               "there");
        }

        if (lane->fd != -1) {
            (void) close(lane->fd);
            lane->fd = -1;
        }
    }

    lane->loose = (lane->segment == 0 && next != 1);
    lane->segment = next;
    lane->off = lane->row = lane->piece = 0;
    lane->pos = lane->len = 0;

    return SP_OK;
}


static sp_rc_t
sp_lane_take(sp_lane_t *lane, sp_str_t text)
{
    const char  *why;

    if (lane->closed && lane->row != 0) {
        return sp_lane_bad(lane, "a line behind the end of the file");
    }

    if (sp_line_read(&lane->line, text, &why) != SP_OK) {
        return sp_lane_bad(lane, why);
    }

    if (lane->row == 0 && sp_lane_first(lane) != SP_OK) {
        return SP_ERROR;
    }

    if (lane->row != 0 && lane->line.type == SP_LINE_SEGMENT) {
        return sp_lane_bad(lane, "a second beginning in one file");
    }

    if (lane->unchecked) {
        memcpy(lane->chain.prev, lane->line.h, SP_CHAIN_LEN);
        lane->chain.seq = lane->line.seq;

    } else if (sp_line_link(&lane->chain, &lane->line, &why) != SP_OK) {
        return sp_lane_bad(lane, why);
    }

    lane->row++;
    lane->pos += text.len + 1;
    lane->off += text.len + 1;
    lane->piece = 0;
    lane->closed = (lane->line.type == SP_LINE_CLOSE);

    return SP_OK;
}


/* A file's first line says which file it is and what went before. */

static sp_rc_t
sp_lane_first(sp_lane_t *lane)
{
    char        name[64];
    uint64_t    number, segment;
    sp_str_t    boot, file, hash;
    sp_line_t  *line;

    line = &lane->line;

    if (line->type != SP_LINE_SEGMENT
        || sp_line_uint(line, SP_LM_LANE, &number) != SP_OK
        || sp_line_uint(line, SP_LM_SEGMENT, &segment) != SP_OK
        || sp_line_word(line, SP_LM_BOOT, &boot) != SP_OK)
    {
        return sp_lane_bad(lane, "the file does not begin with a segment "
                           "record");
    }

    if (number != lane->number || segment != lane->segment
        || !sp_str_eq(boot, sp_cstr(lane->boot)))
    {
        return sp_lane_bad(lane, "the file is another one than its name says");
    }

    if (segment == 1) {
        return SP_OK;
    }

    if (sp_line_word(line, SP_LM_PREV_FILE, &file) != SP_OK
        || sp_line_word(line, SP_LM_PREV_HASH, &hash) != SP_OK
        || hash.len != SP_CHAIN_LEN)
    {
        return sp_lane_bad(lane, "the file does not say which went before");
    }

    if (lane->loose) {
        return sp_lane_loose(lane);
    }

    (void) snprintf(name, sizeof(name), "lane-%u.%u.jsonl", lane->number,
                    lane->segment - 1);

    if (!sp_str_eq(file, sp_cstr(name))
        || memcmp(hash.data, lane->chain.prev, SP_CHAIN_LEN) != 0)
    {
        return sp_lane_bad(lane, "the file is not the next of this lane");
    }

    return SP_OK;
}


/* Files that went before are gone: this one says where they ended. */

static sp_rc_t
sp_lane_loose(sp_lane_t *lane)
{
    sp_str_t  hash;

    (void) sp_line_word(&lane->line, SP_LM_PREV_HASH, &hash);
    memcpy(lane->chain.prev, hash.data, SP_CHAIN_LEN);
    lane->chain.seq = lane->line.seq == 0 ? 0 : lane->line.seq - 1;

    return SP_OK;
}


static sp_rc_t
sp_lane_bad(sp_lane_t *lane, const char *why)
{
    lane->why = why;

    return SP_ERROR;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the writing of audit lines by the command. The files are
 * the gate's: a segment record first, a close record last, each line linked.
 */


#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lane_write.h"


#define SP_LANE_FILE_MAX  (64 * 1024 * 1024)
#define SP_LANE_TIME      32


static sp_rc_t sp_lane_begin(sp_lane_writer_t *writer,
    const char *prev_hash);
static sp_rc_t sp_lane_rotate(sp_lane_writer_t *writer);
static sp_rc_t sp_lane_line(sp_lane_writer_t *writer, json_t *record);
static sp_rc_t sp_lane_send(sp_lane_writer_t *writer,
    const unsigned char *data, size_t len);
static sp_rc_t sp_lane_desk_write(const char *dir,
    json_t *(*make)(sp_lane_writer_t *writer, void *ctx), void *ctx);
static int64_t sp_lane_mono(void);


static char *
sp_lane_file(const sp_lane_writer_t *writer, char path[SP_LANE_PATH])
{
    (void) snprintf(path, SP_LANE_PATH, "%s/lane-%u.%u.jsonl", writer->dir,
                    writer->number, writer->segment);

    return path;
}


sp_rc_t
sp_lane_writer_open(sp_lane_writer_t *writer, const sp_lane_t *lane,
    const char *dir)
{
    char             path[SP_LANE_PATH];
    struct stat      st;
    struct timespec  now;

    (void) clock_gettime(CLOCK_REALTIME, &now);

    memset(writer, 0, sizeof(*writer));
    writer->dir = dir;
    writer->boot = lane->boot;
    writer->number = lane->number;
    writer->segment = lane->segment;
    writer->fd = -1;
    writer->chain = lane->chain;
    writer->rows = lane->row;
    writer->bytes = lane->off;
    writer->epoch = (uint64_t) now.tv_sec;
    writer->opened = sp_lane_mono();

    if (gethostname(writer->host, sizeof(writer->host) - 1) != 0) {
        (void) snprintf(writer->host, sizeof(writer->host), "?");
    }

    if (lane->segment == 0 || lane->closed) {
        return SP_OK;
    }

    writer->fd = open(sp_lane_file(writer, path),
                      O_WRONLY|O_APPEND|O_CLOEXEC);

    if (writer->fd == -1 || fstat(writer->fd, &st) != 0
        || ((uint64_t) st.st_size != lane->off
            && ftruncate(writer->fd, (off_t) lane->off) != 0))
    {
        sp_cli_error("cannot go on writing '%s': %s", path, strerror(errno));
        sp_lane_writer_close(writer);
        return SP_ERROR;
    }

    return SP_OK;
}


void
sp_lane_writer_close(sp_lane_writer_t *writer)
{
    if (writer->fd != -1) {
        (void) close(writer->fd);
        writer->fd = -1;
    }
}


json_t *
sp_lane_record(sp_lane_writer_t *writer, const char *type)
{
    char             ts[SP_LANE_TIME], text[SP_LANE_TIME + 16];
    struct tm        tm;
    struct timespec  now;

    (void) clock_gettime(CLOCK_REALTIME, &now);

    if (gmtime_r(&now.tv_sec, &tm) == NULL
        || strftime(ts, sizeof(ts), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
    {
        ts[0] = '\0';
    }

    (void) snprintf(text, sizeof(text), "%s.%06ldZ", ts, now.tv_nsec / 1000);

    /* "seq" waits for the moment of writing: a file may begin before */

    return json_pack("{s:i, s:s, s:s, s:I, s:s, s:i, s:I, s:I}", "v",
                     SP_LINE_VERSION, "t", type, "ts", text, "mono_us",
                     (json_int_t) (sp_lane_mono() - writer->opened), "host",
                     writer->host, "lane", (int) writer->number, "epoch",
                     (json_int_t) writer->epoch, "seq", (json_int_t) 0);
}


sp_rc_t
sp_lane_put(sp_lane_writer_t *writer, json_t *record)
{
    if (record == NULL) {
        sp_cli_error("no memory for a record");
        return SP_ERROR;
    }

    if (writer->bytes > SP_LANE_FILE_MAX && sp_lane_rotate(writer) != SP_OK) {
        json_decref(record);
        return SP_ERROR;
    }

    if (writer->fd == -1
        && sp_lane_begin(writer, (const char *) writer->chain.prev) != SP_OK)
    {
        json_decref(record);
        return SP_ERROR;
    }

    return sp_lane_line(writer, record);
}


/* The next file of the lane. */

static sp_rc_t
sp_lane_begin(sp_lane_writer_t *writer, const char *prev_hash)
{
    char     path[SP_LANE_PATH], prev[64];
    json_t  *record;

    (void) snprintf(prev, sizeof(prev), "lane-%u.%u.jsonl", writer->number,
                    writer->segment);

    writer->segment++;
    writer->rows = writer->bytes = 0;
    writer->fd = open(sp_lane_file(writer, path),
                      O_WRONLY|O_CREAT|O_EXCL|O_APPEND|O_CLOEXEC, 0640);

    if (writer->fd == -1) {
        sp_cli_error("cannot make '%s': %s", path, strerror(errno));
        return SP_ERROR;
    }

    record = sp_lane_record(writer, "segment");
    json_object_set_new(record, "boot", json_string(writer->boot));
    json_object_set_new(record, "segment",
                        json_integer((json_int_t) writer->segment));
    json_object_set_new(record, "prev_file", writer->segment == 1
                        ? json_null() : json_string(prev));
    json_object_set_new(record, "prev_hash", writer->segment == 1
                        ? json_null()
                        : json_stringn(prev_hash, SP_CHAIN_LEN));
    json_object_set_new(record, "version", json_string(SP_CLI_VERSION));

    return sp_lane_line(writer, record);
}


static sp_rc_t
sp_lane_rotate(sp_lane_writer_t *writer)
{
    json_t  *record;

    record = sp_lane_record(writer, "close");
    json_object_set_new(record, "count",
                        json_integer((json_int_t) writer->rows + 1));

    if (sp_lane_line(writer, record) != SP_OK) {
        return SP_ERROR;
    }

    if (fdatasync(writer->fd) != 0) {
        sp_cli_error("cannot put the records on the disk: %s",
                     strerror(errno));
        return SP_ERROR;
    }

    sp_lane_writer_close(writer);

    return SP_OK;
}


static sp_rc_t
sp_lane_line(sp_lane_writer_t *writer, json_t *record)
{
    char           *text;
    size_t          len;
    unsigned char   line[SP_RECORD_MAX];

    json_object_set_new(record, "seq",
                        json_integer((json_int_t) writer->chain.seq + 1));
    text = json_dumps(record, JSON_COMPACT|JSON_ENSURE_ASCII);
    json_decref(record);

    if (text == NULL) {
        sp_cli_error("no memory for a record");
        return SP_ERROR;
    }

    len = strlen(text);

    if (len > SP_RECORD_MAX - SP_CHAIN_LEN - 16) {
        sp_cli_error("a record would have %zu bytes, at most %d can be "
                     "written", len, SP_RECORD_MAX - SP_CHAIN_LEN - 16);
        free(text);
        return SP_ERROR;
    }

    memcpy(line, text, len);
    free(text);
    len = sp_chain_link(&writer->chain, line, len);

    if (sp_lane_send(writer, line, len) != SP_OK) {
        return SP_ERROR;
    }

    writer->rows++;
    writer->bytes += len;

    if (writer->wrote != NULL) {
        writer->wrote(writer->ctx, (sp_str_t) { len - 1, line });
    }

    return SP_OK;
}


static sp_rc_t
sp_lane_send(sp_lane_writer_t *writer, const unsigned char *data, size_t len)
{
    ssize_t  n;

    while (len != 0) {
        n = write(writer->fd, data, len);

        if (n == -1 && errno == EINTR) {
            continue;
        }

        if (n <= 0) {
            sp_cli_error("cannot write a record: %s",
                         strerror(n == 0 ? ENOSPC : errno));
            return SP_ERROR;
        }

        data += n;
        len -= (size_t) n;
    }

    return SP_OK;
}


sp_rc_t
sp_lane_desk(const char *dir,
    json_t *(*make)(sp_lane_writer_t *writer, void *ctx), void *ctx)
{
    int      lock;
    char     path[SP_LANE_PATH];
    sp_rc_t  rc;

    (void) snprintf(path, sizeof(path), "%s/" SP_LANE_DESK, dir);

    if (mkdir(path, 0750) != 0 && errno != EEXIST) {
        sp_cli_error("cannot make the directory '%s': %s", path,
                     strerror(errno));
        return SP_ERROR;
    }

    lock = open(path, O_RDONLY|O_DIRECTORY|O_CLOEXEC);

    if (lock == -1 || flock(lock, LOCK_EX) != 0) {
        sp_cli_error("cannot lock '%s': %s", path, strerror(errno));
        rc = SP_ERROR;

    } else {
        rc = sp_lane_desk_write(dir, make, ctx);
    }

    if (lock != -1) {
        (void) close(lock);
    }

    return rc;
}


/* The newest lane of the desk goes on, unless it is not what was written. */

static sp_rc_t
sp_lane_desk_write(const char *dir,
    json_t *(*make)(sp_lane_writer_t *writer, void *ctx), void *ctx)
{
    int                rc;
    char               path[SP_LANE_PATH];
    sp_lane_t         *lane;
    sp_lane_writer_t   writer;

    (void) snprintf(path, sizeof(path), "%s/" SP_LANE_DESK, dir);
    lane = sp_lane_own(path, SP_LANE_DESK, 1);

    if (lane == NULL) {
        return SP_ERROR;
    }

    lane->dir = dir;

    while ((rc = sp_lane_next(lane)) == SP_OK) { /* void */ }

    if (rc == SP_ERROR) {
        sp_cli_error("%s: line %llu: %s; nothing is added to it",
                     sp_lane_path(lane, lane->segment, path),
                     (unsigned long long) lane->row + 1, lane->why);
        sp_lane_free(lane);
        return SP_ERROR;
    }

    rc = sp_lane_writer_open(&writer, lane, path);

    if (rc == SP_OK) {
        rc = sp_lane_put(&writer, make(&writer, ctx));

        if (rc == SP_OK && fdatasync(writer.fd) != 0) {
            sp_cli_error("cannot put the record on the disk: %s",
                         strerror(errno));
            rc = SP_ERROR;
        }

        sp_lane_writer_close(&writer);
    }

    sp_lane_free(lane);

    return rc;
}


static int64_t
sp_lane_mono(void)
{
    struct timespec  now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);

    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

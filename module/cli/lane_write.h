
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the writing of audit lines by the command: the sealer's
 * own lane, and the desk's, in which the acts of people stand.
 */


#ifndef SP_CLI_LANE_WRITE_H
#define SP_CLI_LANE_WRITE_H


#include "lane_read.h"


typedef struct {
    const char     *dir;          /* of the files */
    const char     *boot;
    unsigned        number;
    unsigned        segment;
    int             fd;           /* -1: no file is open */
    sp_chain_t      chain;
    uint64_t        rows;         /* lines of this file */
    uint64_t        bytes;
    uint64_t        epoch;        /* unix seconds at which it was opened */
    int64_t         opened;       /* monotonic, us */
    char            host[256];

    /* takes each line that was written, without its newline; may be NULL */
    void          (*wrote)(void *ctx, sp_str_t line);
    void           *ctx;
} sp_lane_writer_t;


/*
 * Goes on where "lane" was read to, or begins file 1. What stands there behind
 * the last whole line is cut off: it was never finished. SP_ERROR after a
 * message.
 */
sp_rc_t sp_lane_writer_open(sp_lane_writer_t *writer, const sp_lane_t *lane,
    const char *dir);
void sp_lane_writer_close(sp_lane_writer_t *writer);

/* The head of a record, for the caller to add its members to. */
json_t *sp_lane_record(sp_lane_writer_t *writer, const char *type);

/*
 * Links and writes a record, which it releases. SP_ERROR after a message: the
 * line is not there, or only in part.
 */
sp_rc_t sp_lane_put(sp_lane_writer_t *writer, json_t *record);

/*
 * A record of the desk: opens its lane under "dir" with the file's lock held,
 * writes the record that "make" returns (NULL: none, after a message), has it
 * on the disk, lets go.
 */
sp_rc_t sp_lane_desk(const char *dir,
    json_t *(*make)(sp_lane_writer_t *writer, void *ctx), void *ctx);


#endif /* SP_CLI_LANE_WRITE_H */

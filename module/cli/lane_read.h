
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the reading of audit lanes: which there are, and their
 * lines from the first to the last over all files of a lane, linked and
 * numbered as they must be.
 */


#ifndef SP_CLI_LANE_READ_H
#define SP_CLI_LANE_READ_H


#include "sp_line.h"

#include "cli.h"


#define SP_LANE_BOOT_LEN  63
#define SP_LANE_SEAL      "seal"    /* boot of the sealer's own lane */
#define SP_LANE_DESK      "desk"    /* of records made by people */


typedef struct {
    char             boot[SP_LANE_BOOT_LEN + 1];
    unsigned         number;
    const char      *dir;          /* where its files are; of the lanes */
    unsigned        *segments;     /* of the files that are there, rising */
    size_t           nsegments;

    /* where the reading is */

    unsigned         segment;      /* file read now, 0: none yet */
    uint64_t         off;          /* of the first byte not read as a line */
    uint64_t         row;          /* lines of this file that were read */
    sp_chain_t       chain;
    sp_line_t        line;         /* the last one */
    const char      *why;          /* what is wrong, or NULL */
    size_t           piece;        /* bytes behind the last whole line */
    uint64_t         told;         /* sealer: bytes said to be torn */
    uint64_t         seen;         /* sealer: end of the piece, and since */
    int64_t          still;        /* when it has been there, in ms */
    unsigned         fresh:1;      /* sealer: lines that are not on the disk */
    unsigned         broken:1;     /* sealer: said so, not read any more */
    unsigned         closed:1;     /* the last line was "close" */
    unsigned         loose:1;      /* files before this one are not there */
    unsigned         unchecked:1;  /* links are not computed */

    int              fd;           /* -1: closed */
    unsigned char   *buf;
    size_t           pos;
    size_t           len;
} sp_lane_t;


typedef struct {
    char             name[SP_LANE_BOOT_LEN + 1];
    int64_t          changed;      /* ns, of the directory */
    int64_t          scanned;      /* ns, before it was read */
} sp_lane_boot_t;


typedef struct {
    char            *dir;
    sp_lane_boot_t  *boots;
    size_t           nboots;
    sp_lane_t      **lanes;        /* by boot, then number; they stay put */
    size_t           nlanes;
    size_t           room;
    unsigned         unchecked:1;
} sp_lanes_t;


/*
 * Finds the lanes below an audit directory: one directory a boot, and in it
 * lane-NUMBER.SEGMENT.jsonl. Called again it adds what is new; it does not
 * forget what is gone. SP_ERROR after a message.
 */
sp_rc_t sp_lanes_open(sp_lanes_t *lanes, const char *dir);
sp_rc_t sp_lanes_scan(sp_lanes_t *lanes);
void sp_lanes_free(sp_lanes_t *lanes);

/* NULL if there is none. */
sp_lane_t *sp_lanes_find(const sp_lanes_t *lanes, sp_str_t boot,
    unsigned number);

/*
 * One lane of a directory that has nothing else: the sealer's own. NULL after
 * a message; with no file it has no lines.
 */
sp_lane_t *sp_lane_own(const char *dir, const char *boot, unsigned number);
void sp_lane_free(sp_lane_t *lane);

/*
 * The next line, in lane->line until the next call. SP_DECLINED: there is no
 * further whole line now (lane->piece bytes of another may be there). SP_ERROR:
 * lane->why says what is wrong with line lane->row + 1 of file lane->segment;
 * the lane stays there.
 */
sp_rc_t sp_lane_next(sp_lane_t *lane);

/* Gives file and memory back; the next call goes on where it was. */
void sp_lane_rest(sp_lane_t *lane);

/* To the first line of the first file again. */
void sp_lane_rewind(sp_lane_t *lane);

/* The bytes behind the last whole line, after SP_DECLINED. */
sp_str_t sp_lane_piece(const sp_lane_t *lane);

#define SP_LANE_PATH  4096

/* Path of a file of the lane; returns "path". */
char *sp_lane_path(const sp_lane_t *lane, unsigned segment,
    char path[SP_LANE_PATH]);

/* 1 if the lane has this file. */
int sp_lane_has(const sp_lane_t *lane, unsigned segment);


#endif /* SP_CLI_LANE_READ_H */

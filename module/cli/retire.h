
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the two halves of `sallyport audit retire` share.
 */


#ifndef SP_CLI_RETIRE_H
#define SP_CLI_RETIRE_H


#include "prove.h"


#define SP_RETIRE_CLASSES  6

extern const char *const  sp_retire_classes[SP_RETIRE_CLASSES];


/* What a seal says of a lane: its line "to" has the link "h". */
typedef struct {
    char            boot[SP_LANE_BOOT_LEN + 1];
    unsigned        number;
    uint64_t        to;
    unsigned char   h[SP_CHAIN_LEN];
} sp_retire_mark_t;


/* A file that goes. */
typedef struct {
    unsigned        segment;
    uint64_t        from;          /* its lines, by seq */
    uint64_t        to;
    uint64_t        lines;
    uint64_t        kept;
    unsigned char   h[SP_CHAIN_LEN];    /* of the last */
    uint64_t        us;            /* time of the last */
    unsigned        closed:1;
    unsigned        recorded:1;    /* by a run that was cut short */
} sp_retire_file_t;


typedef struct {
    const char         *dir;
    char               *seal;
    const char         *keep;
    const char         *by;
    const char         *why;
    uint64_t            before;    /* us of unix time */
    unsigned            classes;   /* bits of sp_retire_classes */
    int                 excepted;
    int                 dry;
    json_t             *ids;       /* of the decisions to be kept */
    sp_retire_mark_t   *marks;     /* by boot, number, to */
    size_t              nmarks;
    size_t              room;
    uint64_t            files;
    uint64_t            lines;
    uint64_t            kept;

    /* the one that is at hand */

    sp_lane_t          *lane;
    sp_retire_file_t   *file;
} sp_retire_t;


/* retire_walk.c */

/* Reads the seals. SP_ERROR after a message. */
sp_rc_t sp_retire_sealed(sp_retire_t *retire);

/*
 * The first *n files of a lane that may go, in their order; "files" has room
 * for as many as the lane has. SP_ERROR after a message: the lane is not what
 * was sealed.
 */
sp_rc_t sp_retire_walk(sp_retire_t *retire, sp_lane_t *lane,
    sp_retire_file_t *files, size_t *n);

/* Writes the lines of retire->file that are kept, and has them on the disk. */
sp_rc_t sp_retire_copy(sp_retire_t *retire);


#endif /* SP_CLI_RETIRE_H */

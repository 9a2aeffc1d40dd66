
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the readers of usage share. Private to the engine.
 */


#ifndef SP_USAGE_ROOM_H
#define SP_USAGE_ROOM_H


#include "sp_usage.h"


#define SP_USAGE_SHORT  16       /* bytes of an event without content */


/* Places in a line of an event stream. */
enum {
    SP_LINE_BOM = 0,             /* before the first byte, U+FEFF may stand */
    SP_LINE_START,
    SP_LINE_NAME,                /* inside of "data" */
    SP_LINE_SPACE,               /* after the colon, one space is dropped */
    SP_LINE_VALUE,
    SP_LINE_SKIP,                /* another field, or a comment */

    /* of a frame's payload */

    SP_LINE_PAYLOAD,             /* before a byte of it was judged */
    SP_LINE_BASE64,              /* inside of {"bytes":" */
    SP_LINE_PLAIN
};


/* The object that follows is another. */
void sp_usage_open(sp_usage_t *usage);

/* The object is over: its counts are taken if it was a whole one. */
void sp_usage_commit(sp_usage_t *usage);

/* The event that it stood in is over. */
void sp_usage_event(sp_usage_t *usage);

/* sp_usage_frame.c */
void sp_usage_lines(sp_usage_t *usage, const unsigned char *data, size_t len);
void sp_usage_frames(sp_usage_t *usage, const unsigned char *data,
    size_t len);


#endif /* SP_USAGE_ROOM_H */


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains how the command reads a line that stands for many
 * refusals.
 */


#include "cli.h"
#include "flood.h"


#define SP_FLOOD_TIME   10    /* digits of milliseconds that an id begins with */
#define SP_FLOOD_COUNT  7     /* digits of the worker's counter at its end */


static int sp_flood_order(sp_str_t one, sp_str_t two);


sp_rc_t
sp_flood_read(sp_flood_t *flood, const sp_line_t *line)
{
    if (line->type != SP_LINE_FLOOD
        || sp_line_word(line, SP_LM_ID, &flood->first) != SP_OK
        || sp_line_uint(line, SP_LM_N, &flood->n) != SP_OK)
    {
        return SP_ERROR;
    }

    flood->last = sp_line_string(sp_line_in(line->text, "last"));

    return flood->first.len > SP_FLOOD_TIME + SP_FLOOD_COUNT
           && flood->last.len > SP_FLOOD_TIME + SP_FLOOD_COUNT
           ? SP_OK : SP_ERROR;
}


/* A flood that was taken over from a dead worker ends with another's ids. */

int
sp_flood_has(const sp_flood_t *flood, sp_str_t id)
{
    int  after, before;

    if (id.len <= SP_FLOOD_TIME + SP_FLOOD_COUNT) {
        return 0;
    }

    after = sp_flood_order(flood->first, id);
    before = sp_flood_order(id, flood->last);

    return (after == 1 && before != 0) || (before == 1 && after != 0);
}


/* 1: of one worker, and in order; 0: not in order; -1: of two workers. */

static int
sp_flood_order(sp_str_t one, sp_str_t two)
{
    size_t  len;

    len = one.len - SP_FLOOD_TIME - SP_FLOOD_COUNT;

    if (one.len != two.len
        || memcmp(one.data + SP_FLOOD_TIME, two.data + SP_FLOOD_TIME, len)
           != 0)
    {
        return -1;
    }

    return memcmp(one.data + one.len - SP_FLOOD_COUNT,
                  two.data + two.len - SP_FLOOD_COUNT, SP_FLOOD_COUNT) <= 0;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains how the command reads a line that stands for many
 * refusals.
 */


#ifndef SP_CLI_FLOOD_H
#define SP_CLI_FLOOD_H


#include "sp_line.h"


/* Decision ids "first" to "last" have "n" refusals among them. */
typedef struct {
    sp_str_t  first;          /* into the line */
    sp_str_t  last;
    uint64_t  n;
} sp_flood_t;


/* SP_ERROR: the line is no flood, or not as one should be. */
sp_rc_t sp_flood_read(sp_flood_t *flood, const sp_line_t *line);

/*
 * 1 if the decision may be one of the flood: it is of one worker's that the
 * flood is of, and was given its id within it.
 */
int sp_flood_has(const sp_flood_t *flood, sp_str_t id);


#endif /* SP_CLI_FLOOD_H */

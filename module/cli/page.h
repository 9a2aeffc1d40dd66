
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the files of module/cli/page/, which the command
 * carries in itself.
 */


#ifndef SP_CLI_PAGE_H
#define SP_CLI_PAGE_H


#include <stdio.h>

#include "sp_base.h"


/* The page of `sallyport access --html`, with marks like <!--MAP-->. */
sp_str_t sp_page_access(void);

/*
 * The world, a place a line: "SG|Singapore|path|dot". Either of the last two
 * may be empty; a dot is "x y". Lines with '#' are comments.
 */
sp_str_t sp_page_world(void);

/* Splits a line of the world; SP_DECLINED at the end. "rest" goes on. */
sp_rc_t sp_page_place(sp_str_t *rest, sp_str_t fields[4]);

/* The script with which whoever was handed records verifies them. */
sp_str_t sp_page_verify(void);

/* Text in HTML, escaped for content and for quoted attributes. */
void sp_page_escape(FILE *out, sp_str_t text);


#endif /* SP_CLI_PAGE_H */

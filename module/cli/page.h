
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the files of module/cli/page/, which the command
 * carries in itself.
 */


#ifndef SP_CLI_PAGE_H
#define SP_CLI_PAGE_H


#include <stdio.h>

#include <jansson.h>

#include "sp_base.h"


/* The page of `sallyport access --html`, with marks like <!--MAP-->. */
sp_str_t sp_page_access(void);

/* That of `sallyport audit report`. */
sp_str_t sp_page_report(void);

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

/* Writes what stands for a mark of a page. */
typedef void (*sp_page_part_pt)(FILE *out, sp_str_t name, void *ctx);

/*
 * Writes a page to a file, with "part" for each mark but <!--STYLE-->, which
 * all pages share. Written beside and moved: never half of a page. SP_ERROR
 * after a message.
 */
sp_rc_t sp_page_write(const char *file, sp_str_t page, sp_page_part_pt part,
    void *ctx);

/*
 * The shapes of the world, for an <svg> of 1600 by 760. "how" gives the class
 * of a place by its code, "" for none.
 */
void sp_page_map(FILE *out, const char *(*how)(sp_str_t code, void *ctx),
    void *ctx);

/* An object: code of a place to its name. */
json_t *sp_page_names(void);

/* JSON in a <script>: no text in it can end the element that holds it. */
void sp_page_json(FILE *out, const json_t *data);
void sp_page_json_text(FILE *out, sp_str_t text);

/* 'sha256-...' of the page's <script> for its Content-Security-Policy. */
void sp_page_hash(FILE *out, sp_str_t page);


#endif /* SP_CLI_PAGE_H */

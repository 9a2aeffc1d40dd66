
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the scanning of one JSON value in an audit line.
 */


#ifndef SP_LINE_SCAN_H
#define SP_LINE_SCAN_H


#include "sp_line.h"


typedef struct {
    const unsigned char  *p;
    const unsigned char  *end;
} sp_line_scan_t;


/*
 * 1 if a value (a string, for the second) begins at s->p; then s->p is behind
 * it. Strict RFC 8259 and UTF-8 but for white space: records have none.
 */
int sp_line_value(sp_line_scan_t *s);
int sp_line_quoted(sp_line_scan_t *s);


#endif /* SP_LINE_SCAN_H */

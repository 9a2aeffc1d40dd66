
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the place in a request's body where it is told to report
 * usage at the end of its stream: "stream_options": {"include_usage": true}.
 * It takes a body that has been judged, so that it is one object with at most
 * one such key, in pieces cut anywhere, and says what to cut out and what to
 * put in.
 */


#ifndef SP_SPLICE_H
#define SP_SPLICE_H


#include "sp_base.h"


typedef struct {
    uint64_t       offset;       /* bytes seen */
    uint64_t       at;           /* where the text goes */
    uint64_t       cut;          /* bytes there that it stands in for */
    const char    *text;         /* NULL: no place was found */
    uint64_t       inner;        /* where the options' members begin */
    uint64_t       value;        /* where include_usage's value does, or 0 */
    unsigned       depth;
    unsigned       len;          /* of the key that is read */
    unsigned       options:1;    /* the body has them */
    unsigned       string:1;     /* inside of a string, */
    unsigned       escape:1;     /* after a backslash, */
    unsigned       reads:1;      /* which is a key that may be ours */
    unsigned       key:1;        /* a key comes next, if a string does */
    unsigned       inside:1;     /* of the options */
    unsigned       empty:1;      /* which have no member yet */
    unsigned char  word[16];
} sp_splice_t;


/* "options": the body has stream_options already, and it is an object. */
void sp_splice_init(sp_splice_t *splice, int options);

void sp_splice_feed(sp_splice_t *splice, const unsigned char *data,
    size_t len);

/* SP_OK: at, cut and text are set. */
sp_rc_t sp_splice_finish(const sp_splice_t *splice);


#endif /* SP_SPLICE_H */

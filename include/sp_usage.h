
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the reading of token usage from a model API's answer:
 * one JSON object, or a stream of server-sent events. It reads what passes,
 * keeps nothing of it, and works on pieces cut anywhere. What it cannot read
 * strictly is "not known", never a guess.
 */


#ifndef SP_USAGE_H
#define SP_USAGE_H


#include "sp_json.h"


#define SP_USAGE_TABLE  16384    /* bytes of the compiled watch table */


typedef enum {
    SP_USAGE_JSON = 0,           /* application/json and +json */
    SP_USAGE_SSE                 /* text/event-stream */
} sp_usage_form_t;


/* What the answer counts; the order is that of sp_usage_t.count. */
typedef enum {
    SP_USAGE_IN = 0,             /* prompt_tokens, input_tokens */
    SP_USAGE_CACHE_WRITE,        /* Anthropic: not part of input_tokens */
    SP_USAGE_CACHE_READ,
    SP_USAGE_OUT,                /* completion_tokens, output_tokens */
    SP_USAGE_COUNTS
} sp_usage_count_t;


/* The watch table, compiled once and shared by every answer. */
typedef struct {
    const sp_json_table_t       *json;
    _Alignas(16) unsigned char   mem[SP_USAGE_TABLE];
} sp_usage_table_t;


typedef struct {
    sp_json_t        json;
    sp_usage_form_t  form;
    int64_t          count[SP_USAGE_COUNTS];   /* of whole objects */
    int64_t          event[SP_USAGE_COUNTS];   /* of the one being read */
    uint8_t          line;       /* place in a line of the event stream */
    uint8_t          matched;    /* bytes of "data", or of the BOM, seen */
    unsigned         cr:1;       /* the last byte was CR: swallow an LF */
    unsigned         lines:1;    /* the event has a data line already */
    unsigned         finished:1;
} sp_usage_t;


/* SP_ERROR: the table does not fit, a fault of the build. */
sp_rc_t sp_usage_table(sp_usage_table_t *table);

/* "table" outlives "usage". */
void sp_usage_init(sp_usage_t *usage, const sp_usage_table_t *table,
    sp_usage_form_t form);

void sp_usage_feed(sp_usage_t *usage, const unsigned char *data, size_t len);

/* The answer is whole; an object that is not, counts for nothing. */
void sp_usage_finish(sp_usage_t *usage);

/*
 * Tokens of what has been read so far; -1: not known. "in" is the whole
 * input, with what was written to or read from a prompt cache.
 */
int64_t sp_usage_in(const sp_usage_t *usage);
int64_t sp_usage_out(const sp_usage_t *usage);


#endif /* SP_USAGE_H */

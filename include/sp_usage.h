
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the reading of token usage from a model API's answer:
 * one JSON object, or a stream of them in one of four wrappings. It reads what passes,
 * keeps nothing of it, and works on pieces cut anywhere. What it cannot read
 * strictly is "not known", never a guess.
 */


#ifndef SP_USAGE_H
#define SP_USAGE_H


#include "sp_meter.h"
#include "sp_json.h"


#define SP_USAGE_TABLE  32768    /* bytes of the compiled watch table */


typedef enum {
    SP_USAGE_JSON = 0,           /* application/json and +json */
    SP_USAGE_SSE,                /* text/event-stream */
    SP_USAGE_LINES,              /* application/x-ndjson */
    SP_USAGE_FRAMES              /* application/vnd.amazon.eventstream */
} sp_usage_form_t;


/* What the answer counts; the order is that of sp_usage_t.count. */
typedef enum {
    SP_USAGE_IN = 0,             /* prompt_tokens, input_tokens */
    SP_USAGE_CACHE_WRITE,        /* Anthropic, Bedrock: beside IN */
    SP_USAGE_CACHE_READ,
    SP_USAGE_TOOLS,              /* Gemini: beside IN */
    SP_USAGE_CACHED,             /* OpenAI, Gemini: a part of IN */
    SP_USAGE_WRITTEN,
    SP_USAGE_OUT,                /* completion_tokens, output_tokens */
    SP_USAGE_THOUGHTS,           /* Gemini: beside OUT */
    SP_USAGE_SEQUENCE,           /* OpenAI responses: of the event */
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
    uint32_t         frame;      /* bytes of it that are to come */
    uint32_t         headers;    /* of it, yet to be skipped */
    uint32_t         bits;       /* of base64, and how many */
    uint8_t          nbits;
    uint8_t          prelude;    /* bytes of it that were read */
    unsigned char    head[12];
    uint64_t         value;      /* bytes of the event that is read */
    uint64_t         values;     /* of all that are over, */
    uint64_t         events;     /* of so many, */
    uint64_t         least;      /* the shortest of which had so many */
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

/*
 * The tokens by what they cost, of what is known; those of "use" that are not
 * known stay. SP_OK: input and output are.
 */
sp_rc_t sp_usage_use(const sp_usage_t *usage, sp_use_t *use);

/*
 * Output tokens that an answer without usage may have had: one for each event
 * of a stream, and one for four bytes by which it is longer than the shortest.
 */
uint64_t sp_usage_guess(const sp_usage_t *usage);


/* The number after that of the last event; 0 where they have none. */
uint32_t sp_usage_sequence(const sp_usage_t *usage);

/* 1 if what was read ends with the end of a frame; of SP_USAGE_FRAMES. */
int sp_usage_whole(const sp_usage_t *usage);


#endif /* SP_USAGE_H */

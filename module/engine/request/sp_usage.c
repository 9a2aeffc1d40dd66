
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the reading of token usage. Counts are taken only from
 * fixed paths of whole objects: text that a model wrote is a string inside
 * of one and cannot reach them. In a stream the last value of each field
 * wins, because every API that repeats usage repeats a running total.
 */


#include "sp_usage.h"


#define SP_USAGE_NONE  -1        /* the field was not there */
#define SP_USAGE_BAD   -2        /* it was, with no count in it */
#define SP_USAGE_MAX   (((uint64_t) 1 << 53) - 1)


/* Places in a line of an event stream. */
enum {
    SP_LINE_BOM = 0,             /* before the first byte, U+FEFF may stand */
    SP_LINE_START,
    SP_LINE_NAME,                /* inside of "data" */
    SP_LINE_SPACE,               /* after the colon, one space is dropped */
    SP_LINE_VALUE,
    SP_LINE_SKIP                 /* another field, or a comment */
};


static const unsigned char  sp_usage_bom[] = { 0xef, 0xbb, 0xbf };
static const unsigned char  sp_usage_data[] = { 'd', 'a', 't', 'a' };


/* Ids are sp_usage_count_t. */
static const sp_json_watch_t  sp_usage_watches[] = {

    /* OpenAI chat, completions, embeddings */
    { "usage/prompt_tokens", SP_USAGE_IN },
    { "usage/completion_tokens", SP_USAGE_OUT },

    /* OpenAI responses, Anthropic messages and their message_delta */
    { "usage/input_tokens", SP_USAGE_IN },
    { "usage/output_tokens", SP_USAGE_OUT },
    { "usage/cache_creation_input_tokens", SP_USAGE_CACHE_WRITE },
    { "usage/cache_read_input_tokens", SP_USAGE_CACHE_READ },

    /* OpenAI responses: response.completed, .incomplete, .failed */
    { "response/usage/input_tokens", SP_USAGE_IN },
    { "response/usage/output_tokens", SP_USAGE_OUT },

    /*
     * Anthropic message_start. Its output_tokens is where the count begins,
     * not what was used, and is left alone: message_delta has the total.
     */
    { "message/usage/input_tokens", SP_USAGE_IN },
    { "message/usage/cache_creation_input_tokens", SP_USAGE_CACHE_WRITE },
    { "message/usage/cache_read_input_tokens", SP_USAGE_CACHE_READ }
};


static sp_rc_t sp_usage_value(void *ctx, int id, const sp_json_value_t *value);
static void sp_usage_open(sp_usage_t *usage);
static void sp_usage_commit(sp_usage_t *usage);
static const unsigned char *sp_usage_line(sp_usage_t *usage,
    const unsigned char *p, const unsigned char *last);
static void sp_usage_name(sp_usage_t *usage, unsigned char ch);
static void sp_usage_line_end(sp_usage_t *usage);


sp_rc_t
sp_usage_table(sp_usage_table_t *table)
{
    size_t  need;

    table->json = sp_json_compile(sp_usage_watches,
                                  sp_nelts(sp_usage_watches), table->mem,
                                  sizeof(table->mem), &need);

    return table->json == NULL ? SP_ERROR : SP_OK;
}


void
sp_usage_init(sp_usage_t *usage, const sp_usage_table_t *table,
    sp_usage_form_t form)
{
    int  i;

    usage->form = form;
    usage->line = SP_LINE_BOM;
    usage->matched = 0;
    usage->cr = 0;
    usage->lines = 0;
    usage->finished = 0;

    for (i = 0; i < SP_USAGE_COUNTS; i++) {
        usage->count[i] = SP_USAGE_NONE;
        usage->event[i] = SP_USAGE_NONE;
    }

    sp_json_init(&usage->json, table->json, sp_usage_value, usage);
}


void
sp_usage_feed(sp_usage_t *usage, const unsigned char *data, size_t len)
{
    const unsigned char  *p, *last;

    if (usage->finished) {
        return;
    }

    if (usage->form == SP_USAGE_JSON) {
        (void) sp_json_feed(&usage->json, data, len);
        return;
    }

    p = data;
    last = data + len;

    while (p < last) {

        if (usage->cr) {
            usage->cr = 0;

            if (*p == '\n') {
                p++;
                continue;
            }
        }

        p = sp_usage_line(usage, p, last);
    }
}


void
sp_usage_finish(sp_usage_t *usage)
{
    if (usage->finished) {
        return;
    }

    /* Some servers close the stream without the last empty line. */

    if (usage->form == SP_USAGE_JSON || usage->lines) {
        sp_usage_commit(usage);
    }

    usage->finished = 1;
}


int64_t
sp_usage_in(const sp_usage_t *usage)
{
    int      i;
    int64_t  sum;

    if (usage->count[SP_USAGE_IN] < 0) {
        return -1;
    }

    sum = 0;

    for (i = SP_USAGE_IN; i <= SP_USAGE_CACHE_READ; i++) {

        if (usage->count[i] == SP_USAGE_BAD) {
            return -1;
        }

        if (usage->count[i] != SP_USAGE_NONE) {
            sum += usage->count[i];
        }
    }

    /* Three counts below 2^53 fit; a record takes no more than 2^53 - 1. */

    return (uint64_t) sum > SP_USAGE_MAX ? -1 : sum;
}


int64_t
sp_usage_out(const sp_usage_t *usage)
{
    return usage->count[SP_USAGE_OUT] < 0 ? -1 : usage->count[SP_USAGE_OUT];
}


static sp_rc_t
sp_usage_value(void *ctx, int id, const sp_json_value_t *value)
{
    sp_usage_t  *usage = ctx;

    uint64_t  n;

    /* null says nothing new: what was read before stays. */

    if (value->type == SP_JSON_NULL) {
        return SP_OK;
    }

    if (value->type != SP_JSON_NUMBER
        || sp_parse_uint(value->text, SP_USAGE_MAX, &n) != SP_OK)
    {
        usage->event[id] = SP_USAGE_BAD;
        return SP_OK;
    }

    usage->event[id] = (int64_t) n;

    return SP_OK;
}


/* The first data line of an event. */

static void
sp_usage_open(sp_usage_t *usage)
{
    int  i;

    for (i = 0; i < SP_USAGE_COUNTS; i++) {
        usage->event[i] = SP_USAGE_NONE;
    }

    sp_json_init(&usage->json, usage->json.table, sp_usage_value, usage);
}


/* The object is over: its counts are taken if it was a whole one. */

static void
sp_usage_commit(sp_usage_t *usage)
{
    int  i;

    if (sp_json_finish(&usage->json) != SP_OK) {
        return;
    }

    for (i = 0; i < SP_USAGE_COUNTS; i++) {
        if (usage->event[i] != SP_USAGE_NONE) {
            usage->count[i] = usage->event[i];
        }
    }
}


/* Reads up to the end of a line or of a stretch of it; returns where. */

static const unsigned char *
sp_usage_line(sp_usage_t *usage, const unsigned char *p,
    const unsigned char *last)
{
    const unsigned char  *start;

    if (usage->line == SP_LINE_VALUE || usage->line == SP_LINE_SKIP) {

        start = p;

        while (p < last && *p != '\n' && *p != '\r') {
            p++;
        }

        if (usage->line == SP_LINE_VALUE && p != start) {
            (void) sp_json_feed(&usage->json, start, (size_t) (p - start));
        }

        if (p == last) {
            return p;
        }
    }

    if (*p == '\n' || *p == '\r') {
        usage->cr = (*p == '\r');
        sp_usage_line_end(usage);
        return p + 1;
    }

    if (usage->line == SP_LINE_SPACE) {
        usage->line = SP_LINE_VALUE;

        return *p == ' ' ? p + 1 : p;
    }

    sp_usage_name(usage, *p);

    return p + 1;
}


/* One byte of a field's name, or of the BOM before the first. */

static void
sp_usage_name(sp_usage_t *usage, unsigned char ch)
{
    if (usage->line == SP_LINE_BOM) {

        if (ch == sp_usage_bom[usage->matched]) {

            if (++usage->matched == sizeof(sp_usage_bom)) {
                usage->line = SP_LINE_START;
                usage->matched = 0;
            }

            return;
        }

        usage->line = usage->matched ? SP_LINE_SKIP : SP_LINE_START;
        usage->matched = 0;
    }

    if (usage->line == SP_LINE_SKIP) {
        return;
    }

    usage->line = SP_LINE_NAME;

    if (usage->matched < sizeof(sp_usage_data)) {

        if (ch == sp_usage_data[usage->matched]) {
            usage->matched++;
            return;
        }

    } else if (ch == ':') {

        /* Several data lines of one event are joined by a newline. */

        if (usage->lines) {
            (void) sp_json_feed(&usage->json, (unsigned char *) "\n", 1);

        } else {
            usage->lines = 1;
            sp_usage_open(usage);
        }

        usage->line = SP_LINE_SPACE;
        return;
    }

    usage->line = SP_LINE_SKIP;
}


static void
sp_usage_line_end(sp_usage_t *usage)
{
    /* An empty line ends the event. */

    if (usage->line == SP_LINE_START
        || (usage->line == SP_LINE_BOM && usage->matched == 0))
    {
        if (usage->lines) {
            sp_usage_commit(usage);
            usage->lines = 0;
        }
    }

    usage->line = SP_LINE_START;
    usage->matched = 0;
}

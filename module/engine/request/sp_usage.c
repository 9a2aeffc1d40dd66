
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the reading of token usage. Counts are taken only from
 * fixed paths of whole objects: text that a model wrote is a string inside
 * of one and cannot reach them. In a stream the last value of each field
 * wins, because every API that repeats usage repeats a running total.
 */


#include "sp_usage_room.h"


#define SP_USAGE_NONE  -1        /* the field was not there */
#define SP_USAGE_BAD   -2        /* it was, with no count in it */
#define SP_USAGE_MAX   (((uint64_t) 1 << 53) - 1)


static const unsigned char  sp_usage_bom[] = { 0xef, 0xbb, 0xbf };
static const unsigned char  sp_usage_data[] = { 'd', 'a', 't', 'a' };


/* The paths of one object by three names, and what lies in details of it. */

#define sp_usage_openai(at)                                                   \
    { at "prompt_tokens", SP_USAGE_IN },                                      \
    { at "completion_tokens", SP_USAGE_OUT },                                 \
    { at "prompt_tokens_details/cached_tokens", SP_USAGE_CACHED },            \
    { at "prompt_tokens_details/cache_write_tokens", SP_USAGE_WRITTEN }

#define sp_usage_responses(at)                                                \
    { at "input_tokens", SP_USAGE_IN },                                       \
    { at "output_tokens", SP_USAGE_OUT },                                     \
    { at "input_tokens_details/cached_tokens", SP_USAGE_CACHED },             \
    { at "input_tokens_details/cache_write_tokens", SP_USAGE_WRITTEN }


/* Ids are sp_usage_count_t. */
static const sp_json_watch_t  sp_usage_watches[] = {

    /* OpenAI chat, completions, embeddings; Groq has it there, too */
    sp_usage_openai("usage/"),
    { "x_groq/usage/prompt_tokens", SP_USAGE_IN },
    { "x_groq/usage/completion_tokens", SP_USAGE_OUT },

    /* OpenAI responses, Anthropic messages and their message_delta */
    sp_usage_responses("usage/"),
    { "usage/cache_creation_input_tokens", SP_USAGE_CACHE_WRITE },
    { "usage/cache_read_input_tokens", SP_USAGE_CACHE_READ },

    /* OpenAI responses: response.completed, .incomplete, .failed */
    sp_usage_responses("response/usage/"),
    { "sequence_number", SP_USAGE_SEQUENCE },

    /*
     * Anthropic message_start. Its output_tokens is where the count begins,
     * not what was used, and is left alone: message_delta has the total.
     */
    { "message/usage/input_tokens", SP_USAGE_IN },
    { "message/usage/cache_creation_input_tokens", SP_USAGE_CACHE_WRITE },
    { "message/usage/cache_read_input_tokens", SP_USAGE_CACHE_READ },

    /* Gemini, Vertex: in each chunk, a running total */
    { "usageMetadata/promptTokenCount", SP_USAGE_IN },
    { "usageMetadata/toolUsePromptTokenCount", SP_USAGE_TOOLS },
    { "usageMetadata/cachedContentTokenCount", SP_USAGE_CACHED },
    { "usageMetadata/candidatesTokenCount", SP_USAGE_OUT },
    { "usageMetadata/thoughtsTokenCount", SP_USAGE_THOUGHTS },

    /* Bedrock converse, and the last chunk of invoke */
    { "usage/inputTokens", SP_USAGE_IN },
    { "usage/outputTokens", SP_USAGE_OUT },
    { "usage/cacheReadInputTokens", SP_USAGE_CACHE_READ },
    { "usage/cacheWriteInputTokens", SP_USAGE_CACHE_WRITE },
    { "amazon-bedrock-invocationMetrics/inputTokenCount", SP_USAGE_IN },
    { "amazon-bedrock-invocationMetrics/outputTokenCount", SP_USAGE_OUT },

    /* Cohere, at the end of a stream in "delta" */
    { "usage/tokens/input_tokens", SP_USAGE_IN },
    { "usage/tokens/output_tokens", SP_USAGE_OUT },
    { "delta/usage/tokens/input_tokens", SP_USAGE_IN },
    { "delta/usage/tokens/output_tokens", SP_USAGE_OUT },
    { "usage/cached_tokens", SP_USAGE_CACHED },
    { "delta/usage/cached_tokens", SP_USAGE_CACHED },
    { "meta/billed_units/input_tokens", SP_USAGE_IN },
    { "meta/billed_units/output_tokens", SP_USAGE_OUT },

    /* TGI, where the details were asked for; llama.cpp's own */
    { "details/input_length", SP_USAGE_IN },
    { "details/generated_tokens", SP_USAGE_OUT },
    { "tokens_evaluated", SP_USAGE_IN },
    { "tokens_predicted", SP_USAGE_OUT },

    /* Ollama */
    { "prompt_eval_count", SP_USAGE_IN },
    { "eval_count", SP_USAGE_OUT }
};


static int64_t sp_usage_sum(const sp_usage_t *usage, int first, int last);
static uint64_t sp_usage_known(const sp_usage_t *usage, int id);
static sp_rc_t sp_usage_value(void *ctx, int id, const sp_json_value_t *value);
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
    usage->prelude = 0;
    usage->frame = 0;
    usage->headers = 0;
    usage->value = 0;
    usage->values = 0;
    usage->events = 0;
    usage->least = UINT64_MAX;

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

    switch (usage->form) {

    case SP_USAGE_JSON:
        usage->values += len;
        (void) sp_json_feed(&usage->json, data, len);
        return;

    case SP_USAGE_LINES:
        sp_usage_lines(usage, data, len);
        return;

    case SP_USAGE_FRAMES:
        sp_usage_frames(usage, data, len);
        return;

    default: /* SP_USAGE_SSE */
        break;
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

        if (usage->lines) {
            sp_usage_event(usage);
        }
    }

    usage->finished = 1;
}


int64_t
sp_usage_in(const sp_usage_t *usage)
{
    return sp_usage_sum(usage, SP_USAGE_IN, SP_USAGE_TOOLS);
}


int64_t
sp_usage_out(const sp_usage_t *usage)
{
    return sp_usage_sum(usage, SP_USAGE_OUT, SP_USAGE_THOUGHTS);
}


/* The first must be there, the others may; four counts below 2^53 fit. */

static int64_t
sp_usage_sum(const sp_usage_t *usage, int first, int last)
{
    int      i;
    int64_t  sum;

    if (usage->count[first] < 0) {
        return -1;
    }

    sum = 0;

    for (i = first; i <= last; i++) {

        if (usage->count[i] == SP_USAGE_BAD) {
            return -1;
        }

        if (usage->count[i] != SP_USAGE_NONE) {
            sum += usage->count[i];
        }
    }

    /* a record takes no more than 2^53 - 1 */

    return (uint64_t) sum > SP_USAGE_MAX ? -1 : sum;
}


sp_rc_t
sp_usage_use(const sp_usage_t *usage, sp_use_t *use)
{
    int64_t   in, out;
    uint64_t  cached, written;

    in = sp_usage_in(usage);
    out = sp_usage_out(usage);

    if (in >= 0) {
        cached = sp_usage_known(usage, SP_USAGE_CACHE_READ)
                 + sp_usage_known(usage, SP_USAGE_CACHED);
        written = sp_usage_known(usage, SP_USAGE_CACHE_WRITE)
                  + sp_usage_known(usage, SP_USAGE_WRITTEN);

        /* parts that are more than the whole are not parts of it */

        cached = cached <= (uint64_t) in ? cached : 0;
        written = written <= (uint64_t) in - cached ? written : 0;

        use->tokens[SP_TOKENS_CACHED] = cached;
        use->tokens[SP_TOKENS_WRITTEN] = written;
        use->tokens[SP_TOKENS_INPUT] = (uint64_t) in - cached - written;
    }

    if (out >= 0) {
        use->tokens[SP_TOKENS_OUTPUT] = (uint64_t) out;
    }

    /* embeddings have no output, and say so by leaving it out */

    if (in >= 0 && usage->count[SP_USAGE_OUT] == SP_USAGE_NONE
        && usage->form == SP_USAGE_JSON)
    {
        return SP_OK;
    }

    return in >= 0 && out >= 0 ? SP_OK : SP_ERROR;
}


static uint64_t
sp_usage_known(const sp_usage_t *usage, int id)
{
    return usage->count[id] > 0 ? (uint64_t) usage->count[id] : 0;
}


uint64_t
sp_usage_guess(const sp_usage_t *usage)
{
    if (usage->events == 0) {
        return usage->values / 4;
    }

    return usage->events
           + (usage->values - usage->events * usage->least) / 4;
}


uint32_t
sp_usage_sequence(const sp_usage_t *usage)
{
    int64_t  last;

    last = usage->count[SP_USAGE_SEQUENCE];

    return last < 0 || last >= UINT32_MAX ? 0 : (uint32_t) last + 1;
}


int
sp_usage_whole(const sp_usage_t *usage)
{
    return usage->prelude == 0 && !usage->finished;
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

void
sp_usage_open(sp_usage_t *usage)
{
    int  i;

    for (i = 0; i < SP_USAGE_COUNTS; i++) {
        usage->event[i] = SP_USAGE_NONE;
    }

    sp_json_init(&usage->json, usage->json.table, sp_usage_value, usage);
}


/* The object is over: its counts are taken if it was a whole one. */

void
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


/* An event is over: "[DONE]" and its kin have nothing that was generated. */

void
sp_usage_event(sp_usage_t *usage)
{
    if (usage->value > SP_USAGE_SHORT) {
        usage->events++;
        usage->values += usage->value;
        usage->least = usage->value < usage->least ? usage->value
                                                   : usage->least;
    }

    usage->value = 0;
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
            usage->value += (uint64_t) (p - start);
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
            sp_usage_event(usage);
            usage->lines = 0;
        }
    }

    usage->line = SP_LINE_START;
    usage->matched = 0;
}

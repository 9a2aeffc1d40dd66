
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains tests of the reading of token usage: the answers of each
 * API, wherever they are cut, and text that only looks like usage.
 */


#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sp_usage.h"


typedef struct {
    const char       *name;
    sp_usage_form_t   form;
    const char       *text;
    int64_t           in;
    int64_t           out;
} sp_usage_case_t;


static sp_usage_table_t  table;


static const sp_usage_case_t  cases[] = {

    { "chat", SP_USAGE_JSON,
      "{\"id\":\"c\",\"object\":\"chat.completion\",\"choices\":[{\"index\":0,"
      "\"message\":{\"role\":\"assistant\",\"content\":\"hi\"}}],"
      "\"usage\":{\"prompt_tokens\":19,\"completion_tokens\":10,"
      "\"total_tokens\":29,\"prompt_tokens_details\":{\"cached_tokens\":7},"
      "\"completion_tokens_details\":{\"reasoning_tokens\":3}}}",
      19, 10 },

    { "responses", SP_USAGE_JSON,
      "{\"id\":\"r\",\"output\":[],\"usage\":{\"input_tokens\":36,"
      "\"input_tokens_details\":{\"cached_tokens\":5},\"output_tokens\":87,"
      "\"output_tokens_details\":{\"reasoning_tokens\":0},"
      "\"total_tokens\":123}}\n",
      36, 87 },

    { "embeddings", SP_USAGE_JSON,
      "{\"object\":\"list\",\"data\":[{\"embedding\":[0.1,-2e-5]}],"
      "\"usage\":{\"prompt_tokens\":8,\"total_tokens\":8}}",
      8, -1 },

    { "messages", SP_USAGE_JSON,
      "{\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}],"
      "\"usage\":{\"input_tokens\":4,\"cache_creation_input_tokens\":100,"
      "\"cache_read_input_tokens\":1000,\"output_tokens\":6}}",
      1104, 6 },

    { "chat stream", SP_USAGE_SSE,
      "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":null}\n"
      "\n"
      "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":11,"
      "\"completion_tokens\":12,\"total_tokens\":23}}\n\n"
      "data: [DONE]\n\n",
      11, 12 },

    { "chat stream, running totals", SP_USAGE_SSE,
      "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":11,"
      "\"completion_tokens\":1}}\n\n"
      "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":11,"
      "\"completion_tokens\":2}}\n\n"
      "data: {\"choices\":[],\"usage\":null}\n\n",
      11, 2 },

    { "responses stream", SP_USAGE_SSE,
      "event: response.created\n"
      "data: {\"type\":\"response.created\",\"response\":{\"usage\":null}}\n\n"
      "event: response.completed\n"
      "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\","
      "\"usage\":{\"input_tokens\":328,\"output_tokens\":52}}}\n\n",
      328, 52 },

    { "messages stream", SP_USAGE_SSE,
      "event: message_start\r\n"
      "data: {\"type\":\"message_start\",\"message\":{\"usage\":{"
      "\"input_tokens\":25,\"cache_read_input_tokens\":3,"
      "\"output_tokens\":1}}}\r\n\r\n"
      ": ping\r\n\r\n"
      "event: message_delta\r\n"
      "data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":7}}\r\n"
      "\r\n"
      "event: message_delta\r\n"
      "data: {\"type\":\"message_delta\",\"usage\":{\"input_tokens\":null,"
      "\"output_tokens\":15}}\r\n\r\n",
      28, 15 },

    { "messages stream, cut before its end", SP_USAGE_SSE,
      "data: {\"type\":\"message_start\",\"message\":{\"usage\":{"
      "\"input_tokens\":25,\"output_tokens\":1}}}\n\n",
      25, -1 },

    { "BOM, CR, two data lines, no space, no last empty line", SP_USAGE_SSE,
      "\xef\xbb\xbf" "data:{\"usage\":\rdata:{\"prompt_tokens\":5,\r"
      "data: \"completion_tokens\":6}}\r",
      5, 6 },

    { "names that only begin like data", SP_USAGE_SSE,
      "datab: {\"usage\":{\"prompt_tokens\":1}}\n\n"
      "dat: {\"usage\":{\"prompt_tokens\":1}}\n\n"
      ":data: {\"usage\":{\"prompt_tokens\":1}}\n\n"
      " data: {\"usage\":{\"prompt_tokens\":1}}\n\n"
      "data {\"usage\":{\"prompt_tokens\":1}}\n\n",
      -1, -1 },

    { "generate of TGI, with details", SP_USAGE_JSON,
      "{\"generated_text\":\"a\",\"details\":{\"finish_reason\":\"length\","
      "\"generated_tokens\":20,\"seed\":null,\"prefill\":[]}}",
      -1, 20 },

    { "stream of TGI", SP_USAGE_SSE,
      "data:{\"index\":1,\"token\":{\"id\":2,\"text\":\"a\"},"
      "\"generated_text\":null,\"details\":null}\n\n"
      "data:{\"index\":2,\"token\":{\"id\":3,\"text\":\"b\"},"
      "\"generated_text\":\"ab\",\"details\":{\"finish_reason\":\"length\","
      "\"generated_tokens\":2,\"input_length\":14}}\n\n",
      14, 2 },

    { "completion of llama.cpp", SP_USAGE_JSON,
      "{\"index\":0,\"content\":\"a\",\"tokens\":[],\"stop\":true,"
      "\"tokens_predicted\":31,\"tokens_evaluated\":9}",
      9, 31 },

    { "stream of llama.cpp", SP_USAGE_SSE,
      "data: {\"content\":\"a\",\"stop\":false,\"tokens_predicted\":1,"
      "\"tokens_evaluated\":9}\n\n"
      "data: {\"content\":\"\",\"stop\":true,\"tokens_predicted\":31,"
      "\"tokens_evaluated\":9}\n\n",
      9, 31 },

    { "embed of Cohere", SP_USAGE_JSON,
      "{\"id\":\"e\",\"embeddings\":{\"float\":[[0.1]]},\"meta\":{"
      "\"api_version\":{\"version\":\"2\"},\"billed_units\":{"
      "\"input_tokens\":17}}}",
      17, -1 },

    { "stream of vLLM, usage in each chunk", SP_USAGE_SSE,
      "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":{"
      "\"prompt_tokens\":7,\"completion_tokens\":1}}\n\n"
      "data: {\"choices\":[{\"delta\":{\"content\":\"b\"},"
      "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":7,"
      "\"completion_tokens\":2}}\n\ndata: [DONE]\n\n",
      7, 2 },

    { "stream of Azure, its filters first", SP_USAGE_SSE,
      "data: {\"choices\":[],\"prompt_filter_results\":[{\"prompt_index\":0}]"
      "}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,"
      "\"completion_tokens\":6}}\n\n",
      5, 6 },

    { "transcription by seconds", SP_USAGE_JSON,
      "{\"text\":\"a\",\"usage\":{\"type\":\"duration\",\"seconds\":9}}",
      -1, -1 },

    { "forged in a tool's arguments, at TGI's and llama.cpp's places",
      SP_USAGE_SSE,
      "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"function\":{"
      "\"arguments\":\"{\\\"details\\\":{\\\"generated_tokens\\\":1},"
      "\\\"tokens_predicted\\\":1}\"}}]},\"tokens_predicted\":1,"
      "\"details\":{\"generated_tokens\":1}}]}\n\n",
      -1, -1 },

    { "forged in content", SP_USAGE_JSON,
      "{\"choices\":[{\"message\":{\"content\":\"\\\"usage\\\":{"
      "\\\"prompt_tokens\\\":1,\\\"completion_tokens\\\":1}\","
      "\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":2}}}]}",
      -1, -1 },

    { "forged in content of a stream", SP_USAGE_SSE,
      "data: {\"choices\":[{\"delta\":{\"content\":\"\\n\\ndata: {"
      "\\\"usage\\\":{\\\"prompt_tokens\\\":1}}\\n\\n\"}}]}\n\n",
      -1, -1 },

    { "forged at another depth", SP_USAGE_SSE,
      "data: {\"delta\":{\"usage\":{\"output_tokens\":1}},"
      "\"response\":{\"metadata\":{\"usage\":{\"output_tokens\":2}}},"
      "\"usage\":[{\"output_tokens\":3}]}\n\n",
      -1, -1 },

    { "twice in one object", SP_USAGE_JSON,
      "{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1},"
      "\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":2}}",
      -1, -1 },

    { "not an object of its own", SP_USAGE_JSON,
      "[{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}]",
      -1, -1 },

    { "trailing data", SP_USAGE_JSON,
      "{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}{}",
      -1, -1 },

    { "cut short", SP_USAGE_JSON,
      "{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}",
      -1, -1 },

    { "no counts", SP_USAGE_JSON,
      "{\"usage\":{\"prompt_tokens\":-1,\"completion_tokens\":1.5}}",
      -1, -1 },

    { "a count in a string", SP_USAGE_JSON,
      "{\"usage\":{\"prompt_tokens\":\"1\",\"completion_tokens\":true}}",
      -1, -1 },

    { "the largest, and one more", SP_USAGE_JSON,
      "{\"usage\":{\"prompt_tokens\":9007199254740991,"
      "\"completion_tokens\":9007199254740992}}",
      9007199254740991, -1 },

    { "a sum over the largest", SP_USAGE_JSON,
      "{\"usage\":{\"input_tokens\":9007199254740991,"
      "\"cache_read_input_tokens\":1,\"output_tokens\":0}}",
      -1, 0 },

    { "a part that is no count", SP_USAGE_JSON,
      "{\"usage\":{\"input_tokens\":99,\"cache_read_input_tokens\":\"x\","
      "\"output_tokens\":0}}",
      -1, 0 },

    { "a bad event between two good ones", SP_USAGE_SSE,
      "data: {\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}\n\n"
      "data: {\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":2}\n\n"
      "data: {\"usage\":{\"completion_tokens\":3}}\n\n",
      1, 3 },

    { "a number in two data lines", SP_USAGE_SSE,
      "data: {\"usage\":{\"prompt_tokens\":1\ndata: 2}}\n\n",
      -1, -1 },

    { "half a BOM", SP_USAGE_SSE,
      "\xef\xbb" "data: {\"usage\":{\"prompt_tokens\":1}}\n\n",
      -1, -1 },

    { "gemini", SP_USAGE_JSON,
      "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}],"
      "\"usageMetadata\":{\"promptTokenCount\":10,"
      "\"toolUsePromptTokenCount\":5,\"cachedContentTokenCount\":4,"
      "\"candidatesTokenCount\":20,\"thoughtsTokenCount\":7,"
      "\"totalTokenCount\":42}}",
      15, 27 },

    { "gemini stream, running totals, no last empty line", SP_USAGE_SSE,
      "data: {\"usageMetadata\":{\"promptTokenCount\":10,"
      "\"candidatesTokenCount\":1}}\r\n\r\n"
      "data: {\"usageMetadata\":{\"promptTokenCount\":10,"
      "\"candidatesTokenCount\":9}}\r\n",
      10, 9 },

    { "bedrock converse", SP_USAGE_JSON,
      "{\"output\":{\"message\":{}},\"usage\":{\"inputTokens\":3,"
      "\"outputTokens\":4,\"totalTokens\":19,\"cacheReadInputTokens\":5,"
      "\"cacheWriteInputTokens\":7}}",
      15, 4 },

    { "ollama", SP_USAGE_LINES,
      "{\"message\":{\"content\":\"a\"},\"done\":false}\n"
      "{\"message\":{\"content\":\"{\\\"eval_count\\\":99}\"}}\r\n\n"
      "{\"done\":true,\"prompt_eval_count\":26,\"eval_count\":298}\n",
      26, 298 },

    { "ollama, a line that is none and a last one that is cut",
      SP_USAGE_LINES,
      "{\"prompt_eval_count\":1,\"eval_count\":2}\nnonsense\n"
      "{\"prompt_eval_count\":7,\"eval_cou",
      1, 2 },

    { "cohere stream", SP_USAGE_SSE,
      "event: message-end\n"
      "data: {\"type\":\"message-end\",\"delta\":{\"usage\":{"
      "\"billed_units\":{\"input_tokens\":1},\"tokens\":{"
      "\"input_tokens\":63,\"output_tokens\":11}}}}\n\n",
      63, 11 },

    { "groq stream", SP_USAGE_SSE,
      "data: {\"choices\":[],\"x_groq\":{\"usage\":{"
      "\"prompt_tokens\":8,\"completion_tokens\":2}}}\n\n",
      8, 2 },

    { "nothing", SP_USAGE_SSE, "", -1, -1 }
};


static void
feed(sp_usage_t *usage, const char *text, size_t len)
{
    unsigned char  *copy;

    /* A block of its own, so that a read past its end is seen. */

    copy = malloc(len + 1);
    assert_non_null(copy);

    memcpy(copy, text, len);
    sp_usage_feed(usage, copy, len);
    memset(copy, 0xa5, len);

    free(copy);
}


static void
check(const sp_usage_case_t *c, sp_usage_t *usage)
{
    sp_usage_finish(usage);

    if (sp_usage_in(usage) != c->in || sp_usage_out(usage) != c->out) {
        fail_msg("%s: %lld in, %lld out", c->name,
                 (long long) sp_usage_in(usage),
                 (long long) sp_usage_out(usage));
    }
}


static int
setup(void **state)
{
    return sp_usage_table(&table) == SP_OK ? 0 : -1;
}


static void
test_whole(void **state)
{
    size_t      i;
    sp_usage_t  usage;

    for (i = 0; i < sp_nelts(cases); i++) {
        sp_usage_init(&usage, &table, cases[i].form);
        feed(&usage, cases[i].text, strlen(cases[i].text));
        check(&cases[i], &usage);
    }
}


/* Every place to cut at, and every byte alone. */

static void
test_cut(void **state)
{
    size_t      i, cut, len;
    sp_usage_t  usage;

    for (i = 0; i < sp_nelts(cases); i++) {

        len = strlen(cases[i].text);

        for (cut = 0; cut <= len; cut++) {
            sp_usage_init(&usage, &table, cases[i].form);
            feed(&usage, cases[i].text, cut);
            feed(&usage, cases[i].text + cut, len - cut);
            check(&cases[i], &usage);
        }

        sp_usage_init(&usage, &table, cases[i].form);

        for (cut = 0; cut < len; cut++) {
            feed(&usage, cases[i].text + cut, 1);
        }

        check(&cases[i], &usage);
    }
}


/*
 * Random streams: events with and without usage, with every line ending, and
 * content that holds what an event looks like. The last value counts.
 */

static void
test_random(void **state)
{
    char        *p, *text, *last;
    long         in, out;
    size_t       sent, n;
    unsigned     round, i, events;
    sp_usage_t   usage;

    static const char  *ends[] = { "\n", "\r", "\r\n" };
    static const char  *content[] = {
        "a", "\\n\\ndata: {\\\"usage\\\":{\\\"prompt_tokens\\\":9}}\\n\\n",
        "\\\\\\\"", "\xf0\x9f\x98\x80", "}}]}", "data: [DONE]"
    };

    print_message("seed 20260101\n");
    srand(20260101);

    text = malloc(65536);
    assert_non_null(text);

    for (round = 0; round < 3000; round++) {

        in = -1;
        out = -1;
        p = text;
        last = text + 65536;
        events = (unsigned) rand() % 20;

        for (i = 0; i < events; i++) {
            const char  *nl = ends[rand() % 3];

            switch (rand() % 5) {

            case 0:
                in = rand() % 100000;
                out = rand() % 100000;
                p += snprintf(p, (size_t) (last - p), "data: {\"choices\":[],"
                              "\"usage\":{\"prompt_tokens\":%ld,"
                              "\"completion_tokens\":%ld}}%s%s", in, out, nl,
                              nl);
                break;

            case 1:
                out = rand() % 100000;
                p += snprintf(p, (size_t) (last - p), "event: message_delta%s"
                              "data:{\"usage\":%sdata:{\"output_tokens\""
                              ":%ld}}%s%s", nl, nl, out, nl, nl);
                break;

            case 2:
                p += snprintf(p, (size_t) (last - p), ": note%s%s", nl, nl);
                break;

            default:
                p += snprintf(p, (size_t) (last - p), "data: {\"choices\":[{"
                              "\"delta\":{\"content\":\"%s\"}}],"
                              "\"usage\":null}%s%s",
                              content[(size_t) rand() % sp_nelts(content)],
                              nl, nl);
            }
        }

        sp_usage_init(&usage, &table, SP_USAGE_SSE);

        for (sent = 0; sent < (size_t) (p - text); sent += n) {
            n = 1 + (size_t) rand() % 40;

            if (n > (size_t) (p - text) - sent) {
                n = (size_t) (p - text) - sent;
            }

            feed(&usage, text + sent, n);
        }

        /* What is known is known before the end, too. */

        assert_int_equal(sp_usage_in(&usage), in);
        assert_int_equal(sp_usage_out(&usage), out);

        sp_usage_finish(&usage);

        assert_int_equal(sp_usage_in(&usage), in);
        assert_int_equal(sp_usage_out(&usage), out);
    }

    free(text);
}


static void
test_finished(void **state)
{
    sp_usage_t   usage;
    const char  *text = "data: {\"usage\":{\"prompt_tokens\":1}}\n\n";

    sp_usage_init(&usage, &table, SP_USAGE_SSE);
    sp_usage_finish(&usage);
    feed(&usage, text, strlen(text));
    sp_usage_finish(&usage);

    assert_int_equal(sp_usage_in(&usage), -1);
}


/* A frame with no headers; its sums are not looked at. */

static size_t
frame(unsigned char *p, const char *payload)
{
    size_t  len;

    len = strlen(payload) + 16;

    memset(p, 0, 12);
    p[2] = (unsigned char) (len >> 8);
    p[3] = (unsigned char) len;
    memcpy(p + 12, payload, len - 16);
    memset(p + len - 4, 0x5a, 4);

    return len;
}


static void
frames_are(const unsigned char *data, size_t len, int64_t in, int64_t out)
{
    size_t      cut;
    sp_usage_t  usage;

    for (cut = 0; cut <= len; cut++) {
        sp_usage_init(&usage, &table, SP_USAGE_FRAMES);
        feed(&usage, (const char *) data, cut);
        feed(&usage, (const char *) data + cut, len - cut);
        sp_usage_finish(&usage);

        assert_true(sp_usage_in(&usage) == in);
        assert_true(sp_usage_out(&usage) == out);
    }
}


static void
test_frames(void **state)
{
    size_t         n;
    unsigned char  buf[2048];

    /* a metadata event, as the AWS codec writes it */

    static const char  vector[] =
        "000000790000004e008431400b3a6576656e742d747970650700086d65746164"
        "6174610d3a636f6e74656e742d747970650700106170706c69636174696f6e2f"
        "6a736f6e0d3a6d6573736167652d747970650700056576656e747b2275736167"
        "65223a7b22696e707574546f6b656e73223a357d7d0e1f6e6c";
    sp_str_t           hex = { sizeof(vector) - 1,
                               (const unsigned char *) vector };

    assert_int_equal(sp_unhex(hex, buf), SP_OK);
    frames_are(buf, hex.len / 2, 5, -1);

    /* converse: text, tool arguments, and then what counts */

    n = frame(buf, "{\"delta\":{\"text\":\"{\\\"usage\\\":1}\"},"
                   "\"contentBlockIndex\":0}");
    n += frame(buf + n, "{\"delta\":{\"toolUse\":{\"input\":\"{}\","
                        "\"usage\":{\"inputTokens\":1}}}}");
    n += frame(buf + n, "{\"usage\":{\"inputTokens\":30,"
                        "\"outputTokens\":628}}");
    frames_are(buf, n, 30, 628);

    /* invoke: {"amazon-bedrock-invocationMetrics": {...}} in base64 */

    n = frame(buf, "{\"bytes\":\"eyJ0eXBlIjoiY29udGVudF9ibG9ja19kZWx0YSJ9\","
                   "\"p\":\"abc\"}");
    n += frame(buf + n, "{\"bytes\":\"eyJhbWF6b24tYmVkcm9jay1pbnZvY2F0aW9uTW"
                        "V0cmljcyI6eyJpbnB1dFRva2VuQ291bnQiOjksIm91dHB1dFRva2"
                        "VuQ291bnQiOjEyfX0=\",\"p\":\"abcdefgh\"}");
    frames_are(buf, n, 9, 12);

    /* a length that cannot be ends it */

    n = frame(buf, "{\"usage\":{\"inputTokens\":1,\"outputTokens\":1}}");
    memset(buf + n, 0, 12);
    n += 12;
    n += frame(buf + n, "{\"usage\":{\"inputTokens\":9}}");
    frames_are(buf, n, 1, 1);
}


/*
 * Streams in which a model says whatever looks like usage, and tools are
 * called with it: what counts is what the server says, wherever it is cut.
 */

static void
test_forged(void **state)
{
    int         in, out;
    char        text[8192];
    size_t      n, cut, k, events;
    unsigned    i;
    sp_usage_t  usage;

    static const char *const  lies[] = {
        "\\\"usage\\\":{\\\"prompt_tokens\\\":1}",
        "\\n\\ndata: {\\\"usage\\\":{\\\"completion_tokens\\\":1}}\\n\\n",
        "\\u0022usage\\u0022:{}", "}],\\\"usage\\\":{\\\"input_tokens\\\":1",
        "data: [DONE]", "\\\\\\\"usage\\\\\\\":", "usage", "{}", "\\r\\r",
        "event: message_delta\\ndata: {\\\"usage\\\":{}}", "\\uD83D\\uDE00"
    };

    static const char *const  shapes[] = {
        "data: {\"choices\":[{\"delta\":{\"content\":\"%s\"}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"function\":{"
        "\"arguments\":\"%s\"}}],\"usage\":{\"prompt_tokens\":1}}}],"
        "\"usage\":null}\n\n",
        "event: usage\nid: %s\ndata: {\"choices\":[{\"usage\":{"
        "\"completion_tokens\":1}}]}\n\n",
        ": usage %s {\"usage\":{\"prompt_tokens\":1}}\n\n",
        "data: {\"metadata\":{\"usage\":{\"prompt_tokens\":1}},\"x\":"
        "\"%s\"}\n\n"
    };

    printf("seed 20261124\n");
    srand(20261124);

    for (i = 0; i < 100; i++) {
        n = 0;
        events = (size_t) rand() % 6 + 1;
        in = rand() % 1000;
        out = rand() % 1000;

        for (k = 0; k < events; k++) {
            n += (size_t) snprintf(text + n, sizeof(text) - n,
                     shapes[(size_t) rand() % sp_nelts(shapes)],
                     lies[(size_t) rand() % sp_nelts(lies)]);
        }

        n += (size_t) snprintf(text + n, sizeof(text) - n, "data: {\"choices\""
                 ":[],\"usage\":{\"prompt_tokens\":%d,"
                 "\"completion_tokens\":%d}}\n\n", in, out);

        for (k = 0; k < events; k++) {
            n += (size_t) snprintf(text + n, sizeof(text) - n,
                     shapes[(size_t) rand() % sp_nelts(shapes)],
                     lies[(size_t) rand() % sp_nelts(lies)]);
        }

        for (cut = 0; cut <= n; cut++) {
            sp_usage_init(&usage, &table, SP_USAGE_SSE);
            feed(&usage, text, cut);
            feed(&usage, text + cut, n - cut);
            sp_usage_finish(&usage);

            assert_int_equal(sp_usage_in(&usage), in);
            assert_int_equal(sp_usage_out(&usage), out);
        }
    }
}


/* What it costs: each kind of tokens once. */

static void
test_use(void **state)
{
    size_t      i, k;
    sp_use_t    use;
    sp_usage_t  usage;

    static const struct {
        const char  *text;
        uint64_t     tokens[SP_TOKENS_KINDS];
    } rows[] = {
        { "{\"usage\":{\"prompt_tokens\":19,\"completion_tokens\":10,"
          "\"prompt_tokens_details\":{\"cached_tokens\":7}}}",
          { 12, 7, 0, 10 } },
        { "{\"usage\":{\"input_tokens\":4,\"output_tokens\":6,"
          "\"cache_creation_input_tokens\":100,"
          "\"cache_read_input_tokens\":1000}}", { 4, 1000, 100, 6 } },
        { "{\"usageMetadata\":{\"promptTokenCount\":10,"
          "\"cachedContentTokenCount\":4,\"candidatesTokenCount\":20,"
          "\"thoughtsTokenCount\":7}}", { 6, 4, 0, 27 } },
        { "{\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1,"
          "\"prompt_tokens_details\":{\"cached_tokens\":9}}}",
          { 5, 0, 0, 1 } },
        { "{\"usage\":{\"prompt_tokens\":8,\"total_tokens\":8}}",
          { 8, 0, 0, 0 } }
    };

    for (i = 0; i < sp_nelts(rows); i++) {
        memset(&use, 0, sizeof(use));
        sp_usage_init(&usage, &table, SP_USAGE_JSON);
        feed(&usage, rows[i].text, strlen(rows[i].text));
        sp_usage_finish(&usage);

        assert_int_equal(sp_usage_use(&usage, &use), SP_OK);

        for (k = 0; k < SP_TOKENS_KINDS; k++) {
            assert_true(use.tokens[k] == rows[i].tokens[k]);
        }
    }
}


/* The number that an error event goes on with; and where a frame ends. */

static void
test_sequence(void **state)
{
    size_t      i;
    sp_usage_t  usage;

    static const char           events[] =
        "data: {\"type\":\"a\",\"sequence_number\":41}\n\n"
        "data: {\"type\":\"b\",\"sequence_number\":42,\"delta\":"
        "\"\\\"sequence_number\\\":7\"}\n\n";
    static const unsigned char  frame[] = {
        0, 0, 0, 18, 0, 0, 0, 0, 0, 0, 0, 0, '{', '}', 0, 0, 0, 0
    };

    (void) state;

    sp_usage_init(&usage, &table, SP_USAGE_SSE);
    assert_int_equal(sp_usage_sequence(&usage), 0);

    for (i = 0; i < sizeof(events) - 1; i++) {
        sp_usage_feed(&usage, (const unsigned char *) events + i, 1);
    }

    assert_int_equal(sp_usage_sequence(&usage), 43);

    sp_usage_init(&usage, &table, SP_USAGE_FRAMES);

    for (i = 0; i < sizeof(frame); i++) {
        assert_int_equal(sp_usage_whole(&usage), i == 0);
        sp_usage_feed(&usage, frame + i, 1);
    }

    assert_true(sp_usage_whole(&usage));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_finished),
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_forged),
        cmocka_unit_test(test_use),
        cmocka_unit_test(test_sequence)
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This program measures the reading of request bodies: bytes a second of
 * ordinary prompts, of inputs that are hard on it, and of the hardest that a
 * search among random units finds; scanner_bench [SEED] prints JSON. All
 * bodies are of 1 MiB, fed in pieces of 16 KiB as nginx does with large ones,
 * and each figure is the best of several, in the processor's time: of the
 * others a part was somebody else's.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sp_body.h"


#define SIZE      (1 << 20)
#define PIECE     16384
#define RUNS      9
#define SEARCHED  1500       /* random units, each tried on SHORT bytes */
#define SHORT     65536
#define FORM      "multipart/form-data; boundary=----WebKitFormBoundaryAAAA"
#define PART      "------WebKitFormBoundaryAAAA\r\nContent-Disposition: "       \
                  "form-data; name=\"file\"; filename=\"a\"\r\n\r\n"


typedef struct {
    const char  *name;
    const char  *before;
    const char  *unit;
    const char  *after;
    int          form;
} input_t;


static const input_t  ordinary[] = {
    { "prose", "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
      "\"", "The committee met on Tuesday to discuss the budget, and nobody "
      "could say \\\"why\\\" it had grown.\\n", "\"}]}", 0 },
    { "code", "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
      "\"", "    if (p == NULL) {\\n        return fail(\\\"no memory\\\");\\n"
      "    }\\n\\n    for (i = 0; i < n; i++) {\\n        sum += p[i];\\n"
      "    }\\n", "\"}]}", 0 },
    { "picture", "{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
      "\"content\":\"data:image/png;base64,", "iVBORw0KGgoAAAANSUhEUgAAAAE",
      "\"}]}", 0 },
    { "turns", "{\"model\":\"m\",\"messages\":[{\"role\":\"system\","
      "\"content\":\"You help.\"}", ",{\"role\":\"user\",\"content\":\"What "
      "does the second paragraph of the contract say about the notice that "
      "either party has to give, and by when?\"},{\"role\":\"assistant\","
      "\"content\":\"Either party gives three months' notice in writing, to "
      "the end of a quarter; the other may waive it.\"}", "]}", 0 },
    { "upload", PART, "RIFF....WAVEfmt \x01\x02\x03\x04 data of a sound, that "
      "has no dash in it and is as long as it is", "\r\n------WebKit"
      "FormBoundaryAAAA--\r\n", 1 }
};

static const input_t  hard[] = {
    { "escapes", "{\"model\":\"m\",\"x\":\"", "\\u0061", "\"}", 0 },
    { "pairs of surrogates", "{\"model\":\"m\",\"x\":\"", "\\ud83d\\ude00",
      "\"}", 0 },
    { "quotes", "{\"model\":\"m\",\"x\":\"", "\\\"", "\"}", 0 },
    { "empty strings", "{\"model\":\"m\",\"x\":[\"\"", ",\"\"", "]}", 0 },
    { "short strings", "{\"model\":\"m\",\"x\":[\"\"", ",\"a\"", "]}", 0 },
    { "digits", "{\"model\":\"m\",\"x\":[1", ",1", "]}", 0 },
    { "floats", "{\"model\":\"m\",\"x\":[1", ",-1.5e3", "]}", 0 },
    { "one number", "{\"model\":\"m\",\"x\":1", "2345678", "}", 0 },
    { "literals", "{\"model\":\"m\",\"x\":[1", ",true,null", "]}", 0 },
    { "blanks", "{\"model\":\"m\",\"x\":[1", " , 1 \n\t", "]}", 0 },
    { "empty lists", "{\"model\":\"m\",\"x\":[1", ",[]", "]}", 0 },
    { "empty objects", "{\"model\":\"m\",\"x\":[1", ",{}", "]}", 0 },
    { "small objects", "{\"model\":\"m\",\"x\":[1", ",{\"a\":1}", "]}", 0 },
    { "members", "{\"model\":\"m\"", ",\"a\":1", "}", 0 },
    { "members like the watched", "{\"model\":\"m\"", ",\"mode\":1,\"maxtok"
      "ens\":1", "}", 0 },
    { "long members", "{\"model\":\"m\"", ",\"max_completion_tokenz\":1",
      "}", 0 },
    { "escaped members", "{\"model\":\"m\"", ",\"\\u006dode\":1", "}", 0 },
    { "tools", "{\"model\":\"m\",\"tools\":[{}", ",{\"type\":\"f\",\"max\":1}",
      "]}", 0 },
    { "two bytes", "{\"model\":\"m\",\"x\":\"", "\xc3\xa4", "\"}", 0 },
    { "three bytes", "{\"model\":\"m\",\"x\":\"", "\xe4\xb8\xad", "\"}", 0 },
    { "four bytes", "{\"model\":\"m\",\"x\":\"", "\xf0\x9f\x98\x80", "\"}",
      0 },
    { "bytes by turns", "{\"model\":\"m\",\"x\":\"", "a\xc3\xa4" "b\\n", "\"}",
      0 },
    { "dashes", PART, "-", "\r\n------WebKitFormBoundaryAAAA--\r\n", 1 },
    { "nearly boundaries", PART, "\r\n------WebKitFormBoundaryAAA",
      "\r\n------WebKitFormBoundaryAAAA--\r\n", 1 },
    { "dashes by turns", PART, "-a", "\r\n------WebKitFormBoundaryAAAA--\r\n",
      1 }
};

static const char *const  pieces[] = {
    "\"", "\"\"", "\"a\"", "\\u0061", "\\n", "\\\\", "1", "-1", "0.5", "1e9",
    "true", "null", "[]", "{}", "[[]]", "{\"a\":1}", "{\"model\":1}", " ",
    "\n", "\t ", "\xc3\xa4", "\xe4\xb8\xad", "\xf0\x9f\x98\x80", "aaaaaaaa",
    "\"mode\"", "\"max_token\"", ",", ":"
};


static const sp_route_t *route(const char *name);
static size_t fill(const input_t *input, unsigned char *text, size_t size);
static double took(const input_t *input, unsigned char *text, size_t len,
    unsigned runs);
static void print(const input_t *input, int last);
static void search(uint64_t seed);
static double now(void);


static unsigned char  room[SIZE + 4096];
static sp_body_t      body;
static double         slowest_ms;


int
main(int argc, char **argv)
{
    size_t  i;

    printf("{\"ordinary\": {");

    for (i = 0; i < sp_nelts(ordinary); i++) {
        print(&ordinary[i], i + 1 == sp_nelts(ordinary));
    }

    printf("}, \"hard\": {");

    for (i = 0; i < sp_nelts(hard); i++) {
        print(&hard[i], i + 1 == sp_nelts(hard));
    }

    printf("}, ");
    search(argc > 1 ? strtoull(argv[1], NULL, 10) : 1);
    printf(", \"slowest_ms\": %.2f, \"memory\": %zu}\n", slowest_ms,
           sizeof(sp_body_t));

    return 0;
}


static const sp_route_t *
route(const char *name)
{
    int  i;

    for (i = 0; i < sp_route_count(); i++) {
        if (sp_str_eq(sp_route(i)->name, sp_cstr(name))) {
            return sp_route(i);
        }
    }

    abort();
}


static size_t
fill(const input_t *input, unsigned char *text, size_t size)
{
    size_t  n, unit, after;

    n = strlen(input->before);
    unit = strlen(input->unit);
    after = strlen(input->after);
    memcpy(text, input->before, n);

    while (n + unit + after <= size) {
        memcpy(text + n, input->unit, unit);
        n += unit;
    }

    memcpy(text + n, input->after, after);

    return n + after;
}


/* Seconds; 0: the body is refused. */

static double
took(const input_t *input, unsigned char *text, size_t len, unsigned runs)
{
    double             best, from, t;
    size_t             at, n;
    sp_rc_t            rc;
    const sp_route_t  *chat, *form;

    chat = route("chat.completions");
    form = route("images.edits");
    best = 0;

    while (runs-- > 0) {
        from = now();
        sp_body_init(&body, input->form ? form : chat);

        if (input->form) {
            (void) sp_body_form(&body, SP_STR(FORM));
        }

        rc = SP_OK;

        for (at = 0; at < len && rc == SP_OK; at += n) {
            n = len - at < PIECE ? len - at : PIECE;
            rc = sp_body_feed(&body, text + at, n);
        }

        if (rc != SP_OK || sp_body_finish(&body) != SP_OK) {
            return 0;
        }

        t = now() - from;
        best = best == 0 || t < best ? t : best;
    }

    return best;
}


static void
print(const input_t *input, int last)
{
    double  t;
    size_t  len;

    len = fill(input, room, SIZE);
    t = took(input, room, len, RUNS);

    if (t == 0) {
        fprintf(stderr, "%s: %s\n", input->name, sp_body_strerror(&body));
        exit(1);
    }

    slowest_ms = t * 1e3 > slowest_ms ? t * 1e3 : slowest_ms;
    printf("\"%s\": %.0f%s", input->name, (double) len / t / 1e6,
           last ? "" : ", ");
}


/* Units of random pieces: those that stand in a string, a list or members. */

static void
search(uint64_t seed)
{
    double    t, rate, worst;
    char      unit[96], kept[96];
    size_t    len;
    unsigned  i, k, n, tried, where, best;
    input_t   input;

    static const char *const  before[] = {
        "{\"model\":\"m\",\"x\":\"", "{\"model\":\"m\",\"x\":[1",
        "{\"model\":\"m\"", "{\"model\":\"m\",\"tools\":[{}" };
    static const char *const  after[] = { "\"}", "]}", "}", "]}" };

    worst = 0;
    tried = 0;
    best = 0;
    kept[0] = '\0';

    for (i = 0; i < SEARCHED * 20 && tried < SEARCHED; i++) {
        where = i % 4;
        strcpy(unit, where == 0 ? "" : where == 2 ? ",\"" : ",");

        for (n = 0; n < 4; n++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;

            if (n != 0 && (seed >> 60) < 6) {
                break;
            }

            k = (unsigned) (seed >> 33) % sp_nelts(pieces);
            strcat(unit, pieces[k]);

            if (where == 2 && n == 0) {
                strcat(unit, "\":");
            }
        }

        input.name = "search";
        input.before = before[where];
        input.after = after[where];
        input.unit = unit;
        input.form = 0;

        len = fill(&input, room, SHORT);
        t = took(&input, room, len, 1);

        if (t == 0) {
            continue;
        }

        tried++;
        t = took(&input, room, len, 5);
        rate = (double) len / t / 1e6;

        if (worst == 0 || rate < worst) {
            worst = rate;
            best = where;
            strcpy(kept, unit);
        }
    }

    input.before = before[best];
    input.after = after[best];
    input.unit = kept;
    len = fill(&input, room, SIZE);
    t = took(&input, room, len, RUNS);
    slowest_ms = t * 1e3 > slowest_ms ? t * 1e3 : slowest_ms;

    printf("\"searched\": %u, \"worst\": %.0f, \"worst_unit\": \"", tried,
           (double) len / t / 1e6);

    for (i = 0; kept[i] != '\0'; i++) {
        printf("%02x", (unsigned char) kept[i]);
    }

    printf("\"");
}


static double
now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

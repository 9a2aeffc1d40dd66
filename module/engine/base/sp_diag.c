
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains diagnostics: a bounded list of what was found, printed
 * with the line it stands in, a caret below it and what would fit. Text from
 * files is made harmless here, so that no message can drive a terminal.
 */


#include <stdarg.h>
#include <stdlib.h>

#include "sp_diag.h"


#define SP_DIAG_TEXT    1024    /* bytes of one message or help */
#define SP_DIAG_SOURCE  400     /* bytes of one source line */
#define SP_DIAG_WORD    64      /* bytes of a word that may be meant */


static void sp_diag_free(sp_diag_t *d);
static char *sp_diag_copy(const unsigned char *p, size_t len);
static size_t sp_diag_char(const unsigned char *p, const unsigned char *last,
    uint32_t *c);
static int sp_diag_harmless(uint32_t c);
static int sp_diag_order(const void *one, const void *two);
static void sp_diag_print(const sp_diag_t *d, FILE *out);
static size_t sp_diag_distance(sp_str_t a, const char *b, size_t blen,
    size_t limit);
static sp_diag_t *sp_diag_room(sp_diags_t *diags, sp_severity_t severity);


static const char *const  sp_diag_words[] = { "error", "warning", "note" };


void
sp_diags_init(sp_diags_t *diags)
{
    memset(diags, 0, sizeof(sp_diags_t));
}


void
sp_diags_free(sp_diags_t *diags)
{
    unsigned  i;

    for (i = 0; i < diags->n; i++) {
        sp_diag_free(&diags->items[i]);
    }

    sp_diags_init(diags);
}


static void
sp_diag_free(sp_diag_t *d)
{
    free((char *) d->mark.file);
    free(d->message);
    free(d->help);
    free(d->source);
    free(d->example);
    free(d->decided);
}


void
sp_diag_add(sp_diags_t *diags, sp_severity_t severity, int code,
    sp_mark_t mark, sp_str_t source, char *help, const char *fmt, ...)
{
    int         n;
    char        text[SP_DIAG_TEXT];
    size_t      len;
    va_list     args;
    sp_diag_t  *d;

    if (severity == SP_DIAG_ERROR) {
        diags->errors++;

    } else if (severity == SP_DIAG_WARNING) {
        diags->warnings++;
    }

    d = sp_diag_room(diags, severity);

    if (d == NULL) {
        diags->dropped++;
        free(help);
        return;
    }

    va_start(args, fmt);
    n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    if (n < 0) {
        n = 0;
    }

    len = ((size_t) n < sizeof(text)) ? (size_t) n : sizeof(text) - 1;

    d->code = code;
    d->severity = severity;
    d->mark = mark;
    d->mark.file = sp_diag_copy((const unsigned char *)
                                (mark.file ? mark.file : ""),
                                mark.file ? strlen(mark.file) : 0);
    d->message = sp_diag_copy((unsigned char *) text, len);
    d->help = NULL;
    d->source = NULL;
    d->example = NULL;
    d->decided = NULL;

    if (d->mark.len == 0) {
        d->mark.len = 1;
    }

    if (help != NULL) {
        d->help = sp_diag_copy((unsigned char *) help, strlen(help));
        free(help);
    }

    if (source.len != 0) {
        len = source.len < SP_DIAG_SOURCE ? source.len : SP_DIAG_SOURCE;
        d->source = sp_diag_copy(source.data, len);
    }
}


void
sp_diag_example(sp_diags_t *diags, char *example, char *decided)
{
    sp_diag_t  *d;

    /* one that was dropped has no place for it */

    if (diags->n != 0 && diags->dropped == 0) {
        d = &diags->items[diags->n - 1];

        if (d->example == NULL && d->decided == NULL) {
            d->example = example;
            d->decided = decided;
            return;
        }
    }

    free(example);
    free(decided);
}


/* An error takes the place of what is none: nothing is refused silently. */

static sp_diag_t *
sp_diag_room(sp_diags_t *diags, sp_severity_t severity)
{
    unsigned  i;

    if (diags->n < SP_DIAGS_MAX) {
        return &diags->items[diags->n++];
    }

    if (severity != SP_DIAG_ERROR || diags->errors > SP_DIAGS_MAX) {
        return NULL;
    }

    for (i = diags->n; i != 0; i--) {

        if (diags->items[i - 1].severity != SP_DIAG_ERROR) {
            diags->dropped++;
            sp_diag_free(&diags->items[i - 1]);
            return &diags->items[i - 1];
        }
    }

    return NULL;
}


char *
sp_diag_text(const char *fmt, ...)
{
    int      n;
    char    *text;
    va_list  args;

    text = malloc(SP_DIAG_TEXT);
    if (text == NULL) {
        return NULL;
    }

    va_start(args, fmt);
    n = vsnprintf(text, SP_DIAG_TEXT, fmt, args);
    va_end(args);

    if (n < 0) {
        text[0] = '\0';
    }

    return text;
}


/* One character of UTF-8; a byte that starts none is one of value 0. */

static size_t
sp_diag_char(const unsigned char *p, const unsigned char *last, uint32_t *c)
{
    size_t    i, n;
    sp_str_t  s;

    if (*p < 0x80) {
        *c = *p;
        return 1;
    }

    n = (*p >= 0xf0) ? 4 : (*p >= 0xe0) ? 3 : 2;

    if ((size_t) (last - p) < n) {
        *c = 0;
        return 1;
    }

    s.data = p;
    s.len = n;

    if (!sp_utf8_valid(s)) {
        *c = 0;
        return 1;
    }

    *c = *p & (0xff >> (n + 1));

    for (i = 1; i < n; i++) {
        *c = (*c << 6) | (p[i] & 0x3f);
    }

    return n;
}


/* Controls, and marks that make a terminal show text in another order. */

static int
sp_diag_harmless(uint32_t c)
{
    return !(c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c
             || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e)
             || (c >= 0x2060 && c <= 0x2069) || c == 0xfeff);
}


static char *
sp_diag_copy(const unsigned char *p, size_t len)
{
    char                 *copy, *dst;
    size_t                n;
    uint32_t              c;
    const unsigned char  *last;

    copy = malloc(len + 1);
    if (copy == NULL) {
        return NULL;
    }

    dst = copy;
    last = p + len;

    while (p < last) {
        n = sp_diag_char(p, last, &c);

        if (sp_diag_harmless(c)) {
            memcpy(dst, p, n);
            dst += n;

        } else {
            *dst++ = '?';
        }

        p += n;
    }

    *dst = '\0';

    return copy;
}


static int
sp_diag_order(const void *one, const void *two)
{
    int               rc;
    const sp_diag_t  *a, *b;

    a = *(const sp_diag_t *const *) one;
    b = *(const sp_diag_t *const *) two;

    if (a->mark.file != NULL && b->mark.file != NULL) {
        rc = strcmp(a->mark.file, b->mark.file);
        if (rc != 0) {
            return rc;
        }
    }

    if (a->mark.line != b->mark.line) {
        return a->mark.line < b->mark.line ? -1 : 1;
    }

    if (a->mark.col != b->mark.col) {
        return a->mark.col < b->mark.col ? -1 : 1;
    }

    return a < b ? -1 : a > b;
}


void
sp_diags_print(const sp_diags_t *diags, FILE *out)
{
    unsigned          i;
    const sp_diag_t  *sorted[SP_DIAGS_MAX];

    for (i = 0; i < diags->n; i++) {
        sorted[i] = &diags->items[i];
    }

    qsort(sorted, diags->n, sizeof(sorted[0]), sp_diag_order);

    for (i = 0; i < diags->n; i++) {
        if (i != 0) {
            fputc('\n', out);
        }

        sp_diag_print(sorted[i], out);
    }

    if (diags->dropped != 0) {
        fprintf(out, "\n... and %u more\n", diags->dropped);
    }
}


static void
sp_diag_print(const sp_diag_t *d, FILE *out)
{
    int       width;
    char      line[16];
    char      head[SP_DIAG_TEXT + 512];
    unsigned  i;

    sp_diag_line(d, head, sizeof(head));
    fprintf(out, "%s\n", head);

    width = snprintf(line, sizeof(line), "%u", d->mark.line);

    if (d->source != NULL && d->mark.line != 0) {
        fprintf(out, "%*s |\n%s | %s\n%*s | ", width, "", line, d->source,
                width, "");

        for (i = 1; i < d->mark.col && i <= SP_DIAG_SOURCE; i++) {
            fputc(' ', out);
        }

        for (i = 0; i < d->mark.len && i <= SP_DIAG_SOURCE; i++) {
            fputc('^', out);
        }

        fputc('\n', out);
    }

    if (d->help != NULL) {
        fprintf(out, "%*s = help: %s\n", width, "", d->help);
    }

    if (d->example != NULL) {
        fprintf(out, "%*s = example: %s\n", width, "", d->example);
    }

    if (d->decided != NULL) {
        fprintf(out, "%*s = decided: %s\n", width, "", d->decided);
    }
}


size_t
sp_diag_line(const sp_diag_t *diag, char *buf, size_t size)
{
    int          n;
    const char  *file, *message;

    file = (diag->mark.file != NULL) ? diag->mark.file : "";
    message = (diag->message != NULL) ? diag->message : "no memory";

    if (diag->mark.line == 0) {
        n = snprintf(buf, size, "%s: %s[SP%03d]: %s", file,
                     sp_diag_words[diag->severity], diag->code, message);

    } else {
        n = snprintf(buf, size, "%s:%u:%u: %s[SP%03d]: %s", file,
                     diag->mark.line, diag->mark.col,
                     sp_diag_words[diag->severity], diag->code, message);
    }

    if (n < 0) {
        return 0;
    }

    return (size_t) n < size ? (size_t) n : size - 1;
}


/*
 * Edits between two words, or more than "limit"; letters compare without case.
 * Only what lies within the limit of the diagonal is looked at.
 */

static size_t
sp_diag_distance(sp_str_t a, const char *b, size_t blen, size_t limit)
{
    size_t         i, j, from, to, cost, best, rows[3][SP_DIAG_WORD + 2];
    size_t        *cur, *prev, *last, *swap;
    unsigned char  x, y, xp, yp;

    last = rows[0];
    prev = rows[1];
    cur = rows[2];
    xp = 0;

    for (j = 0; j <= blen; j++) {
        prev[j] = j;
        last[j] = 0;
    }

    for (i = 1; i <= a.len; i++) {
        from = i > limit ? i - limit : 1;
        to = i + limit < blen ? i + limit : blen;

        cur[from - 1] = from == 1 ? i : limit + 1;
        cur[to + 1] = limit + 1;
        yp = from > 1 ? (unsigned char) b[from - 2] : 0;
        yp |= (yp >= 'A' && yp <= 'Z') ? 0x20 : 0;
        x = a.data[i - 1];
        x |= (x >= 'A' && x <= 'Z') ? 0x20 : 0;

        for (j = from; j <= to; j++) {
            y = (unsigned char) b[j - 1];
            y |= (y >= 'A' && y <= 'Z') ? 0x20 : 0;
            cost = (x != y);

            best = prev[j - 1] + cost;

            if (prev[j] + 1 < best) {
                best = prev[j] + 1;
            }

            if (cur[j - 1] + 1 < best) {
                best = cur[j - 1] + 1;
            }

            if (i > 1 && j > 1 && x == yp && xp == y && last[j - 2] + 1 < best)
            {
                best = last[j - 2] + 1;
            }

            cur[j] = best;
            yp = y;
        }

        xp = x;
        swap = last;
        last = prev;
        prev = cur;
        cur = swap;
    }

    return prev[blen];
}


const char *
sp_did_you_mean(sp_str_t word, const char *const *words, size_t n)
{
    size_t       i, len, d, best, limit;
    const char  *found;

    if (word.len == 0 || word.len > SP_DIAG_WORD) {
        return NULL;
    }

    found = NULL;
    limit = (word.len < 3) ? 1 : (word.len < 6) ? 2 : 3;
    best = limit + 1;

    for (i = 0; i < n; i++) {
        len = strlen(words[i]);

        if (len > SP_DIAG_WORD || len > word.len + limit
            || word.len > len + limit)
        {
            continue;
        }

        d = sp_diag_distance(word, words[i], len, limit);

        /* more than half of the word would have to change: not meant */

        if (d < best && 2 * d <= len) {
            best = d;
            found = words[i];
        }
    }

    return found;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the words of conditions, and the arithmetic that gives
 * each of them its line and column in the policy file.
 */


#include "sp_expr.h"


static int sp_expr_letter(unsigned char c);
static void sp_expr_string(sp_expr_t *x);
static void sp_expr_word(sp_expr_t *x);
static void sp_expr_cmp(sp_expr_t *x);
static void sp_expr_odd(sp_expr_t *x);
static unsigned sp_expr_chars(const unsigned char *p, size_t len);


/* What a name, a code, a number, an address or a date is made of. */

static int
sp_expr_letter(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.'
           || c == ':' || c == '/' || c == '%' || c == '*' || c == '+';
}


void
sp_expr_next(sp_expr_t *x)
{
    const unsigned char  *p;

    p = x->text.data;

    while (x->pos < x->text.len && (p[x->pos] == ' ' || p[x->pos] == '\n'
                                    || p[x->pos] == '\r'))
    {
        x->pos++;
    }

    x->tok.off = x->pos;
    x->tok.len = 1;
    x->tok.text.data = p + x->pos;
    x->tok.text.len = 0;

    if (x->pos == x->text.len) {
        x->tok.kind = SP_TOK_END;
        return;
    }

    switch (p[x->pos]) {

    case '(':
        x->tok.kind = SP_TOK_OPEN;
        break;

    case ')':
        x->tok.kind = SP_TOK_CLOSE;
        break;

    case '[':
        x->tok.kind = SP_TOK_FROM;
        break;

    case ']':
        x->tok.kind = SP_TOK_TO;
        break;

    case ',':
        x->tok.kind = SP_TOK_COMMA;
        break;

    case '=':
    case '!':
    case '<':
    case '>':
        sp_expr_cmp(x);
        return;

    case '"':
        sp_expr_string(x);
        return;

    default:
        sp_expr_word(x);
        return;
    }

    x->pos++;
}


static void
sp_expr_string(sp_expr_t *x)
{
    const unsigned char  *p;

    p = x->text.data;

    while (++x->pos < x->text.len && p[x->pos] != '"' && p[x->pos] != '\n') {
        /* void */
    }

    if (x->pos == x->text.len || p[x->pos] == '\n') {
        x->tok.kind = SP_TOK_BAD;
        sp_expr_tok_error(x, 210, NULL, "this string has no end");
        return;
    }

    x->tok.kind = SP_TOK_STRING;
    x->tok.text.data++;
    x->tok.text.len = x->pos - x->tok.off - 1;
    x->tok.len = x->pos - x->tok.off + 1;

    x->pos++;
}


/* A word, or "@" and the name of a list. */

static void
sp_expr_word(sp_expr_t *x)
{
    const unsigned char  *p;

    p = x->text.data;

    if (p[x->pos] == '@') {
        x->tok.kind = SP_TOK_LIST;
        x->pos++;

    } else {
        x->tok.kind = SP_TOK_WORD;
    }

    x->tok.text.data = p + x->pos;

    while (x->pos < x->text.len && sp_expr_letter(p[x->pos])) {
        x->pos++;
    }

    x->tok.text.len = (size_t) (p + x->pos - x->tok.text.data);
    x->tok.len = x->pos - x->tok.off;

    if (x->tok.text.len == 0) {
        sp_expr_odd(x);
    }
}


static void
sp_expr_cmp(sp_expr_t *x)
{
    int                   twin;
    unsigned char         c;
    const unsigned char  *p;

    p = x->text.data + x->pos;
    c = *p;
    twin = (x->pos + 1 < x->text.len && p[1] == '=');

    x->tok.kind = SP_TOK_CMP;
    x->tok.len = twin ? 2 : 1;
    x->pos += x->tok.len;

    switch (c) {

    case '<':
        x->tok.cmp = twin ? SP_LE : SP_LT;
        return;

    case '>':
        x->tok.cmp = twin ? SP_GE : SP_GT;
        return;

    default:
        x->tok.cmp = (c == '=') ? SP_EQ : SP_NE;
    }

    if (twin) {
        return;
    }

    x->tok.kind = SP_TOK_BAD;

    if (c == '=') {
        sp_expr_tok_error(x, 205, sp_diag_text("use '==' to compare"),
                          "'=' does not compare");
    } else {
        sp_expr_tok_error(x, 205, sp_diag_text("write 'not'"),
                          "'!' is not a word of conditions");
    }
}


static void
sp_expr_odd(sp_expr_t *x)
{
    unsigned char  c;

    c = x->text.data[x->tok.off];
    x->tok.kind = SP_TOK_BAD;
    x->tok.len = 1;

    if (c == '&' || c == '|') {
        x->tok.len += (x->tok.off + 1 < x->text.len
                       && x->text.data[x->tok.off + 1] == c);
        sp_expr_tok_error(x, 205, sp_diag_text("write '%s'",
                                               c == '&' ? "and" : "or"),
                          "'%.*s' is not a word of conditions",
                          (int) x->tok.len, x->text.data + x->tok.off);

    } else if (c == '#') {
        sp_expr_tok_error(x, 105,
                          sp_diag_text("put the comment on its own line "
                                       "above 'when:'"),
                          "a condition cannot hold a comment");

    } else if (c == '\'') {
        sp_expr_tok_error(x, 210, sp_diag_text("strings stand in \"...\""),
                          "strings do not stand in single quotes");

    } else if (c == '@') {
        sp_expr_tok_error(x, 210, NULL, "the name of a list is missing "
                          "after '@'");

    } else {
        sp_expr_tok_error(x, 210, NULL, "'%.*s' cannot stand in a condition",
                          c < 0x80 ? 1 : 0, x->text.data + x->tok.off);
    }
}


static unsigned
sp_expr_chars(const unsigned char *p, size_t len)
{
    size_t    i;
    unsigned  n;

    for (i = 0, n = 0; i < len; i++) {
        n += ((p[i] & 0xc0) != 0x80);
    }

    return n;
}


sp_mark_t
sp_expr_mark(const sp_expr_t *x, unsigned off, unsigned len)
{
    unsigned   i, start, end;
    sp_mark_t  mark;

    mark.file = x->node->source->name;
    mark.line = x->node->line;
    start = 0;

    if (off > x->text.len) {
        off = (unsigned) x->text.len;
    }

    end = off + len < x->text.len ? off + len : (unsigned) x->text.len;

    if (x->node->style == SP_Y_LITERAL) {

        for (i = 0, mark.line++; i < off; i++) {

            if (x->text.data[i] == '\n') {
                mark.line++;
                start = i + 1;
            }
        }

        mark.col = x->indent + 1;

    } else {
        mark.col = x->node->col;
    }

    for (i = off; i < end && x->text.data[i] != '\n'; i++) { /* void */ }

    mark.col += sp_expr_chars(x->text.data + start, off - start);
    mark.len = sp_expr_chars(x->text.data + off, i - off);

    return mark;
}


sp_str_t
sp_expr_line(const sp_expr_t *x, unsigned off)
{
    return sp_ysource_line(x->node->source, sp_expr_mark(x, off, 1).line);
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the strict YAML profile refuses word by word:
 * spellings that libyaml reads in another way than other readers of YAML do,
 * so that a file means the same to whoever looks at it.
 */


#include <yaml.h>

#include "sp_yaml.h"


typedef struct {
    const sp_ysource_t  *source;
    size_t               at;        /* byte */
    size_t               chars;     /* ... and which character it begins */
    unsigned             depth;     /* of "[" and "{" */
    unsigned             blocks;    /* open mappings and lists outside them */
    size_t               columns[SP_YAML_DEPTH + 2];
    yaml_mark_t          end;       /* of the word before */
} sp_ytoken_t;


static const char *sp_yaml_token(sp_ytoken_t *t, const yaml_token_t *token);
static const char *sp_yaml_flow(const sp_ytoken_t *t,
    const yaml_token_t *token);
static const char *sp_yaml_lines(sp_ytoken_t *t, const yaml_token_t *token);
static const char *sp_yaml_block(sp_ytoken_t *t, const yaml_token_t *token);
static const char *sp_yaml_gap(sp_ytoken_t *t, const yaml_token_t *token);
static size_t sp_yaml_seek(sp_ytoken_t *t, size_t chars);


sp_rc_t
sp_yaml_tokens(const sp_ysource_t *source, sp_diags_t *diags)
{
    int             done;
    sp_mark_t       mark = { source->name, 0, 0, 1 };
    sp_ytoken_t     t;
    const char     *what;
    yaml_token_t    token;
    yaml_parser_t   parser;

    if (!yaml_parser_initialize(&parser)) {
        return SP_ERROR;
    }

    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, source->text.data,
                                 source->text.len);

    memset(&t, 0, sizeof(t));
    t.source = source;
    what = NULL;

    /* what cannot be scanned is reported by the parser, in its words */

    for (done = 0; !done && yaml_parser_scan(&parser, &token); /* void */ ) {
        done = (token.type == YAML_STREAM_END_TOKEN);
        what = sp_yaml_token(&t, &token);

        mark.line = (unsigned) token.start_mark.line + 1;
        mark.col = (unsigned) token.start_mark.column + 1;
        yaml_token_delete(&token);

        if (what != NULL) {
            sp_diag_add(diags, SP_DIAG_ERROR, 101, mark,
                        sp_ysource_line(source, mark.line), NULL,
                        "%s is not taken in policy files", what);
            break;
        }
    }

    yaml_parser_delete(&parser);

    return what == NULL ? SP_OK : SP_ERROR;
}


static const char *
sp_yaml_token(sp_ytoken_t *t, const yaml_token_t *token)
{
    const char  *what;

    what = sp_yaml_gap(t, token);

    if (what == NULL && t->depth != 0) {
        what = sp_yaml_flow(t, token);
    }

    switch (token->type) {

    case YAML_BLOCK_MAPPING_START_TOKEN:
    case YAML_BLOCK_SEQUENCE_START_TOKEN:
        if (t->blocks > SP_YAML_DEPTH) {
            what = "nesting deeper than 16";
            break;
        }

        t->columns[t->blocks++] = token->start_mark.column;
        break;

    case YAML_BLOCK_END_TOKEN:
        t->blocks -= (t->blocks != 0);
        break;

    case YAML_SCALAR_TOKEN:
        if (what == NULL) {
            what = sp_yaml_lines(t, token);
        }

        break;

    case YAML_FLOW_SEQUENCE_START_TOKEN:
    case YAML_FLOW_MAPPING_START_TOKEN:
        t->depth++;

        if (t->depth + t->blocks > SP_YAML_DEPTH) {
            what = "nesting deeper than 16";
        }

        break;

    case YAML_FLOW_SEQUENCE_END_TOKEN:
    case YAML_FLOW_MAPPING_END_TOKEN:
        t->depth -= (t->depth != 0);
        break;

    case YAML_KEY_TOKEN:

        /* one that nobody wrote is as long as nothing */

        if (token->end_mark.index != token->start_mark.index) {
            what = "a key that begins with '?'";
        }

        break;

    default:
        break;
    }

    if (token->end_mark.index >= t->end.index) {
        t->end = token->end_mark;
    }

    return what;
}


/*
 * Inside of brackets a line begins to the right of what they stand in; the
 * last bracket may stand below the key.
 */

static const char *
sp_yaml_flow(const sp_ytoken_t *t, const yaml_token_t *token)
{
    size_t  column;

    if (token->start_mark.line == t->end.line || t->blocks == 0
        || token->type == YAML_STREAM_END_TOKEN
        || token->start_mark.index < t->end.index)
    {
        return NULL;
    }

    column = token->start_mark.column;
    column += t->depth == 1
              && (token->type == YAML_FLOW_SEQUENCE_END_TOKEN
                  || token->type == YAML_FLOW_MAPPING_END_TOKEN);

    return column > t->columns[t->blocks - 1]
           ? NULL : "a line inside of brackets that is not indented";
}


/* A scalar, if it is of several lines. */

static const char *
sp_yaml_lines(sp_ytoken_t *t, const yaml_token_t *token)
{
    switch (token->data.scalar.style) {

    case YAML_SINGLE_QUOTED_SCALAR_STYLE:
    case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
        return token->start_mark.line != token->end_mark.line
               ? "a quoted string of several lines" : NULL;

    case YAML_LITERAL_SCALAR_STYLE:
    case YAML_FOLDED_SCALAR_STYLE:
        return sp_yaml_block(t, token);

    default:
        if (t->depth == 0) {
            return NULL;
        }

        if (token->start_mark.line != token->end_mark.line) {
            return "a value of several lines inside of brackets";
        }

        return token->data.scalar.length == 1
               && token->data.scalar.value[0] == '-'
               ? "a '-' alone inside of brackets" : NULL;
    }
}


/* "|", ">-" and the like end their line, but for a comment; text follows. */

static const char *
sp_yaml_block(sp_ytoken_t *t, const yaml_token_t *token)
{
    size_t                i, len;
    const unsigned char  *p;

    if (token->start_mark.line != t->end.line) {
        return "a '|' or '>' on a line of its own";
    }

    p = t->source->text.data + sp_yaml_seek(t, token->start_mark.index);
    len = t->source->text.len - t->at;

    for (i = 1; i < len && (p[i] == '-' || p[i] == '+'
                            || (p[i] >= '0' && p[i] <= '9')); i++)
    { /* void */ }

    if (i < len && p[i] != ' ' && p[i] != '\n' && p[i] != '\r') {
        return "a comment without a space before its '#'";
    }

    p = token->data.scalar.value;

    for (i = 0; i < token->data.scalar.length; i++) {

        if (p[i] != ' ' && p[i] != '\n') {
            return NULL;
        }
    }

    return "a block ('|' or '>') without text";
}


/* Between two words: white space, and comments that white space begins. */

static const char *
sp_yaml_gap(sp_ytoken_t *t, const yaml_token_t *token)
{
    size_t                from, to, i;
    const unsigned char  *p;

    if (token->start_mark.index <= t->end.index) {
        return NULL;
    }

    p = t->source->text.data;
    from = sp_yaml_seek(t, t->end.index);
    to = sp_yaml_seek(t, token->start_mark.index);

    for (i = from; i < to; i++) {

        if (p[i] != '#') {
            continue;
        }

        if (i != 0 && p[i - 1] != ' ' && p[i - 1] != '\n') {
            return "a comment without a space before its '#'";
        }

        while (i < to && p[i] != '\n') {
            i++;
        }
    }

    return NULL;
}


/* libyaml counts characters; the text is bytes. Goes forward only. */

static size_t
sp_yaml_seek(sp_ytoken_t *t, size_t chars)
{
    const unsigned char  *p;

    p = t->source->text.data;

    while (t->chars < chars && t->at < t->source->text.len) {
        t->at++;

        while (t->at < t->source->text.len && (p[t->at] & 0xc0) == 0x80) {
            t->at++;
        }

        t->chars++;
    }

    return t->at;
}

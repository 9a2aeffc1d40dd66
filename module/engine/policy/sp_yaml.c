
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the strict YAML profile. libyaml reads; everything in
 * YAML that can change a rule's meaning behind its author's back is refused
 * here, and every scalar stays text until somebody types it.
 */


#include <stdlib.h>
#include <yaml.h>

#include "sp_yaml.h"


typedef struct {
    sp_ysource_t   *source;
    sp_arena_t     *arena;
    sp_diags_t     *diags;
    yaml_parser_t   parser;
    unsigned        depth;
    sp_ynode_t     *stack[SP_YAML_DEPTH + 1];
    sp_ynode_t     *tail[SP_YAML_DEPTH + 1];   /* last child */
    sp_ynode_t     *key[SP_YAML_DEPTH + 1];    /* waiting for its value */
    sp_ynode_t     *root;
} sp_ybuild_t;


static sp_rc_t sp_yaml_bytes(const sp_ysource_t *source, int tabs,
    sp_diags_t *diags);
static const char *sp_yaml_odd(uint32_t c, int tabs);
static sp_rc_t sp_yaml_event(sp_ybuild_t *b, yaml_event_t *e, int *done);
static sp_rc_t sp_yaml_refuse(sp_ybuild_t *b, const yaml_event_t *e,
    const char *what);
static sp_rc_t sp_yaml_plain(sp_ybuild_t *b, const yaml_event_t *e,
    const void *tag, const void *anchor);
static sp_rc_t sp_yaml_open(sp_ybuild_t *b, const yaml_event_t *e,
    sp_ykind_t kind, int flow);
static sp_rc_t sp_yaml_scalar(sp_ybuild_t *b, const yaml_event_t *e);
static sp_rc_t sp_yaml_attach(sp_ybuild_t *b, sp_ynode_t *node);
static sp_rc_t sp_yaml_key(sp_ybuild_t *b, sp_ynode_t *map, sp_ynode_t *key);
static void sp_yaml_problem(sp_ybuild_t *b);
static sp_rc_t sp_yaml_memory(sp_diags_t *diags, const char *name);


sp_ynode_t *
sp_yaml_parse(sp_ysource_t *source, const char *name, sp_str_t text,
    sp_arena_t *arena, sp_diags_t *diags)
{
    int           done;
    sp_rc_t       rc;
    sp_ybuild_t   b;
    yaml_event_t  event;

    memset(&b, 0, sizeof(sp_ybuild_t));

    b.source = source;
    b.arena = arena;
    b.diags = diags;

    if (sp_ysource_init(source, name, text, arena, diags) != SP_OK
        || sp_yaml_bytes(source, 0, diags) != SP_OK
        || sp_yaml_tokens(source, diags) != SP_OK)
    {
        return NULL;
    }

    if (!yaml_parser_initialize(&b.parser)) {
        (void) sp_yaml_memory(diags, name);
        return NULL;
    }

    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&b.parser, text.data, text.len);

    done = 0;
    rc = SP_OK;

    while (!done && rc == SP_OK) {

        if (!yaml_parser_parse(&b.parser, &event)) {
            sp_yaml_problem(&b);
            rc = SP_ERROR;
            break;
        }

        rc = sp_yaml_event(&b, &event, &done);
        yaml_event_delete(&event);
    }

    yaml_parser_delete(&b.parser);

    if (rc != SP_OK) {
        return NULL;
    }

    if (b.root == NULL || b.root->kind != SP_Y_MAP) {
        sp_mark_t  mark = { name, 1, 1, 1 };

        sp_diag_add(diags, SP_DIAG_ERROR, 101, mark,
                    sp_ysource_line(source, 1), NULL,
                    "a policy file is a mapping that starts with "
                    "'sallyport: 1'");
        return NULL;
    }

    return b.root;
}


sp_rc_t
sp_ysource_init(sp_ysource_t *source, const char *name, sp_str_t text,
    sp_arena_t *arena, sp_diags_t *diags)
{
    size_t    i;
    unsigned  n;

    source->name = name;
    source->text = text;
    source->nlines = 1;

    for (i = 0; i < text.len; i++) {
        source->nlines += (text.data[i] == '\n');
    }

    source->lines = sp_arena_alloc(arena, source->nlines * sizeof(uint32_t));
    if (source->lines == NULL) {
        return sp_yaml_memory(diags, name);
    }

    for (i = 0, n = 1; i < text.len; i++) {
        if (text.data[i] == '\n') {
            source->lines[n++] = (uint32_t) (i + 1);
        }
    }

    /* a list file may have tabs before its comments; YAML may not */

    return sp_yaml_bytes(source, 1, diags);
}


static sp_rc_t
sp_yaml_memory(sp_diags_t *diags, const char *name)
{
    sp_mark_t  mark = { name, 0, 0, 1 };

    sp_diag_add(diags, SP_DIAG_ERROR, 100, mark, SP_STR(""), NULL,
                "no memory to read this file");

    return SP_ERROR;
}


/*
 * libyaml counts lines at every kind of Unicode line break. Only LF and CRLF
 * are taken here, so that its lines and those of an editor are the same.
 */

static sp_rc_t
sp_yaml_bytes(const sp_ysource_t *source, int tabs, sp_diags_t *diags)
{
    int                   i, n;
    uint32_t              c;
    sp_str_t              one;
    sp_mark_t             mark = { source->name, 1, 0, 1 };
    const char           *what;
    const unsigned char  *p, *last;

    p = source->text.data;
    last = p + source->text.len;

    for (; p < last; p += n) {
        n = (*p < 0x80) ? 1 : (*p >= 0xf0) ? 4 : (*p >= 0xe0) ? 3 : 2;
        one.data = p;
        one.len = (size_t) n;
        mark.col++;

        if (last - p < n || (n > 1 && !sp_utf8_valid(one))) {
            what = "a byte that is not UTF-8";

        } else {
            c = (n == 1) ? *p : (uint32_t) (*p & (0xff >> (n + 1)));

            for (i = 1; i < n; i++) {
                c = (c << 6) | (p[i] & 0x3f);
            }

            if (c == '\r' && p + 1 < last && p[1] == '\n') {
                continue;
            }

            if (c == '\n') {
                mark.line++;
                mark.col = 0;
                continue;
            }

            what = sp_yaml_odd(c, tabs);
        }

        if (what != NULL) {
            sp_diag_add(diags, SP_DIAG_ERROR, 101, mark,
                        sp_ysource_line(source, mark.line), NULL,
                        "%s is not taken in policy files", what);
            return SP_ERROR;
        }
    }

    return SP_OK;
}


static const char *
sp_yaml_odd(uint32_t c, int tabs)
{
    if (c == '\t') {
        return tabs ? NULL : "a tab";
    }

    if (c < 0x20 || (c >= 0x7f && c < 0xa0)) {
        return "a control character";
    }

    if (c == 0x2028 || c == 0x2029 || c == 0xfeff
        || (c >= 0x200b && c <= 0x200d) || c == 0x2060)
    {
        return "an invisible character";
    }

    if (c == 0x061c || c == 0x200e || c == 0x200f
        || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069))
    {
        return "a character that reorders text";
    }

    return NULL;
}


static sp_rc_t
sp_yaml_event(sp_ybuild_t *b, yaml_event_t *e, int *done)
{
    switch (e->type) {

    case YAML_STREAM_END_EVENT:
        *done = 1;
        return SP_OK;

    case YAML_DOCUMENT_START_EVENT:
        if (b->root != NULL) {
            return sp_yaml_refuse(b, e, "a second document");
        }

        if (e->data.document_start.version_directive != NULL
            || e->data.document_start.tag_directives.start
               != e->data.document_start.tag_directives.end)
        {
            return sp_yaml_refuse(b, e, "a directive");
        }

        return SP_OK;

    case YAML_ALIAS_EVENT:
        return sp_yaml_refuse(b, e, "an alias ('*')");

    case YAML_SCALAR_EVENT:
        if (sp_yaml_plain(b, e, e->data.scalar.tag, e->data.scalar.anchor)
            != SP_OK)
        {
            return SP_ERROR;
        }

        return sp_yaml_scalar(b, e);

    case YAML_SEQUENCE_START_EVENT:
        if (sp_yaml_plain(b, e, e->data.sequence_start.tag,
                          e->data.sequence_start.anchor)
            != SP_OK)
        {
            return SP_ERROR;
        }

        return sp_yaml_open(b, e, SP_Y_SEQ, e->data.sequence_start.style
                                            == YAML_FLOW_SEQUENCE_STYLE);

    case YAML_MAPPING_START_EVENT:
        if (sp_yaml_plain(b, e, e->data.mapping_start.tag,
                          e->data.mapping_start.anchor)
            != SP_OK)
        {
            return SP_ERROR;
        }

        return sp_yaml_open(b, e, SP_Y_MAP, e->data.mapping_start.style
                                            == YAML_FLOW_MAPPING_STYLE);

    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        b->depth--;
        b->stack[b->depth]->end_line = (unsigned) e->end_mark.line + 1;
        b->stack[b->depth]->end_col = (unsigned) e->end_mark.column + 1;
        return SP_OK;

    default:
        return SP_OK;
    }
}


static sp_rc_t
sp_yaml_refuse(sp_ybuild_t *b, const yaml_event_t *e, const char *what)
{
    sp_mark_t  mark = { b->source->name, (unsigned) e->start_mark.line + 1,
                        (unsigned) e->start_mark.column + 1, 1 };

    sp_diag_add(b->diags, SP_DIAG_ERROR, 101, mark,
                sp_ysource_line(b->source, mark.line), NULL,
                "%s is not taken in policy files", what);

    return SP_ERROR;
}


static sp_rc_t
sp_yaml_plain(sp_ybuild_t *b, const yaml_event_t *e, const void *tag,
    const void *anchor)
{
    if (anchor != NULL) {
        return sp_yaml_refuse(b, e, "an anchor ('&')");
    }

    if (tag != NULL) {
        return sp_yaml_refuse(b, e, "a tag ('!')");
    }

    return SP_OK;
}


static sp_rc_t
sp_yaml_open(sp_ybuild_t *b, const yaml_event_t *e, sp_ykind_t kind, int flow)
{
    sp_ynode_t  *node;

    if (b->depth == SP_YAML_DEPTH) {
        return sp_yaml_refuse(b, e, "nesting deeper than 16");
    }

    node = sp_arena_alloc(b->arena, sizeof(sp_ynode_t));
    if (node == NULL) {
        return sp_yaml_memory(b->diags, b->source->name);
    }

    node->kind = (uint8_t) kind;
    node->flow = (uint8_t) flow;
    node->source = b->source;
    node->line = (unsigned) e->start_mark.line + 1;
    node->col = (unsigned) e->start_mark.column + 1;
    node->end_line = node->line;
    node->end_col = node->col + 1;

    if (sp_yaml_attach(b, node) != SP_OK) {
        return SP_ERROR;
    }

    b->stack[b->depth] = node;
    b->tail[b->depth] = NULL;
    b->key[b->depth] = NULL;
    b->depth++;

    return SP_OK;
}


static sp_rc_t
sp_yaml_scalar(sp_ybuild_t *b, const yaml_event_t *e)
{
    sp_str_t     text;
    sp_ynode_t  *node;

    node = sp_arena_alloc(b->arena, sizeof(sp_ynode_t));
    if (node == NULL) {
        return sp_yaml_memory(b->diags, b->source->name);
    }

    text.data = e->data.scalar.value;
    text.len = e->data.scalar.length;

    if (sp_arena_str(b->arena, text, &node->text) != SP_OK) {
        return sp_yaml_memory(b->diags, b->source->name);
    }

    if (memchr(text.data, '\0', text.len) != NULL) {
        return sp_yaml_refuse(b, e, "a NUL in a string");
    }

    switch (e->data.scalar.style) {

    case YAML_LITERAL_SCALAR_STYLE:
        node->style = SP_Y_LITERAL;
        break;

    case YAML_FOLDED_SCALAR_STYLE:
        node->style = SP_Y_FOLDED;
        break;

    case YAML_PLAIN_SCALAR_STYLE:
        node->style = SP_Y_PLAIN;
        break;

    default:
        node->style = SP_Y_QUOTED;
        break;
    }

    node->kind = SP_Y_SCALAR;
    node->source = b->source;
    node->line = (unsigned) e->start_mark.line + 1;
    node->col = (unsigned) e->start_mark.column + 1;
    node->end_line = (unsigned) e->end_mark.line + 1;
    node->end_col = (unsigned) e->end_mark.column + 1;

    return sp_yaml_attach(b, node);
}


static sp_rc_t
sp_yaml_attach(sp_ybuild_t *b, sp_ynode_t *node)
{
    unsigned     top;
    sp_ynode_t  *parent;

    if (b->depth == 0) {
        b->root = node;
        return SP_OK;
    }

    top = b->depth - 1;
    parent = b->stack[top];
    node->in_flow = parent->flow || parent->in_flow;

    if (parent->kind == SP_Y_MAP && b->key[top] == NULL) {
        return sp_yaml_key(b, parent, node);
    }

    node->key = b->key[top];
    b->key[top] = NULL;

    if (b->tail[top] == NULL) {
        parent->first = node;

    } else {
        b->tail[top]->next = node;
    }

    b->tail[top] = node;
    parent->n++;

    return SP_OK;
}


static sp_rc_t
sp_yaml_key(sp_ybuild_t *b, sp_ynode_t *map, sp_ynode_t *key)
{
    const char        *what;
    const sp_ynode_t  *child;

    what = NULL;

    if (key->kind != SP_Y_SCALAR) {
        what = "a key must be a word";

    } else if (key->text.len == 0) {
        what = "a key is missing before ':'";

    } else if (sp_str_eq(key->text, SP_STR("<<"))) {
        what = "merge keys ('<<') are not taken in policy files";

    } else if (map->n == SP_YAML_KEYS) {
        what = "more than 4096 keys in one mapping";
    }

    if (what != NULL) {
        sp_diag_add(b->diags, SP_DIAG_ERROR, 101, sp_ynode_mark(key),
                    sp_ysource_line(b->source, key->line), NULL, "%s", what);
        return SP_ERROR;
    }

    for (child = map->first; child != NULL; child = child->next) {

        if (sp_str_eq(child->key->text, key->text)) {
            sp_diag_add(b->diags, SP_DIAG_ERROR, 102, sp_ynode_mark(key),
                        sp_ysource_line(b->source, key->line),
                        sp_diag_text("it stands on line %u already",
                                     child->key->line),
                        "key '%s' is given twice", key->text.data);
            break;
        }
    }

    b->key[b->depth - 1] = key;

    return SP_OK;
}


static void
sp_yaml_problem(sp_ybuild_t *b)
{
    char       *help;
    sp_mark_t   mark = { b->source->name, 0, 0, 1 };

    help = NULL;
    mark.line = (unsigned) b->parser.problem_mark.line + 1;
    mark.col = (unsigned) b->parser.problem_mark.column + 1;

    if (b->parser.context != NULL) {
        help = sp_diag_text("%s from line %u", b->parser.context,
                            (unsigned) b->parser.context_mark.line + 1);
    }

    sp_diag_add(b->diags, SP_DIAG_ERROR, 101, mark,
                sp_ysource_line(b->source, mark.line), help,
                "not valid YAML: %s", b->parser.problem
                ? b->parser.problem : "it ends too early");
}


sp_str_t
sp_ysource_line(const sp_ysource_t *source, unsigned line)
{
    size_t    end;
    sp_str_t  s = { 0, source->text.data };

    if (line == 0 || line > source->nlines) {
        return s;
    }

    s.data = source->text.data + source->lines[line - 1];
    end = (line < source->nlines) ? source->lines[line] - 1
                                  : source->text.len;
    s.len = end - source->lines[line - 1];

    if (s.len != 0 && s.data[s.len - 1] == '\r') {
        s.len--;
    }

    return s;
}


sp_mark_t
sp_ynode_mark(const sp_ynode_t *node)
{
    sp_mark_t  mark;

    mark.file = node->source->name;
    mark.line = node->line;
    mark.col = node->col;
    mark.len = 1;

    if (node->kind == SP_Y_SCALAR && node->end_line == node->line
        && node->end_col > node->col)
    {
        mark.len = node->end_col - node->col;
    }

    return mark;
}


sp_ynode_t *
sp_ynode_get(const sp_ynode_t *map, const char *key)
{
    sp_ynode_t  *child;

    for (child = map->first; child != NULL; child = child->next) {

        if (sp_str_eq(child->key->text, sp_cstr(key))) {
            return child;
        }
    }

    return NULL;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the grammar of conditions. There is no precedence to
 * remember: "and" and "or" side by side without parentheses are an error.
 * Depth and size are bounded, so that evaluation is.
 */


#include "sp_expr.h"


static sp_rc_t sp_expr_place(sp_expr_t *x);
static sp_rc_t sp_expr_place_line(sp_expr_t *x, sp_str_t s);
static sp_rc_t sp_expr_place_block(sp_expr_t *x, sp_str_t s);
static sp_ast_t *sp_expr_or(sp_expr_t *x);
static sp_ast_t *sp_expr_unary(sp_expr_t *x);
static sp_ast_t *sp_expr_test(sp_expr_t *x);
static sp_ast_t *sp_expr_has(sp_expr_t *x);
static sp_ast_t *sp_expr_call(sp_expr_t *x, int fn);
static sp_ast_t *sp_expr_rest(sp_expr_t *x, sp_ast_t *test);
static sp_rc_t sp_expr_expect(sp_expr_t *x, sp_tok_kind_t kind,
    const char *what);
static int sp_expr_is(const sp_expr_t *x, const char *word);
static void sp_expr_span(sp_expr_t *x, sp_ast_t *node, unsigned end);
static unsigned sp_expr_end(const sp_ast_t *node);


static const char *const  sp_fn_names[] = {
    "owner_share", "largest_owner", "listed_share", "control_in"
};


sp_rc_t
sp_load_condition(sp_load_t *l, sp_lrule_t *rule)
{
    sp_expr_t  x;

    memset(&x, 0, sizeof(sp_expr_t));

    x.load = l;
    x.node = rule->when;

    if (sp_value_kind(l, x.node, SP_Y_SCALAR, "'when'") != SP_OK
        || sp_expr_place(&x) != SP_OK)
    {
        return SP_ERROR;
    }

    if (x.text.len > SP_EXPR_BYTES) {
        sp_load_error(l, x.node, 209, NULL, "this condition is longer than "
                      "%d bytes", SP_EXPR_BYTES);
        return SP_ERROR;
    }

    sp_expr_next(&x);

    if (x.tok.kind == SP_TOK_END) {
        sp_load_error(l, x.node->key, 104, NULL, "'when' has no value");
        return SP_ERROR;
    }

    rule->ast = sp_expr_or(&x);

    if (rule->ast == NULL) {
        return SP_ERROR;
    }

    if (x.tok.kind == SP_TOK_END) {
        rule->when_text = x.text;
        rule->indent = x.indent;
        return SP_OK;
    }

    if (x.tok.kind != SP_TOK_BAD) {
        sp_expr_tok_error(&x, 210,
                          sp_diag_text("tests are joined by 'and' or 'or'"),
                          "the condition should end before '%.*s'",
                          (int) x.tok.len, x.text.data + x.tok.off);
    }

    rule->ast = NULL;

    return SP_ERROR;
}


/* Only two styles let a column in the text be a column in the file. */

static sp_rc_t
sp_expr_place(sp_expr_t *x)
{
    sp_str_t           s;
    const char        *what;
    const sp_ynode_t  *node;

    node = x->node;
    x->text = node->text;
    what = NULL;

    if (node->in_flow) {
        what = "a condition cannot stand inside {...} or [...]";

    } else if (node->style == SP_Y_QUOTED) {
        what = "a condition does not stand in quotes";

    } else if (node->style == SP_Y_FOLDED) {
        what = "a condition of several lines starts with '|', not '>'";

    } else if (node->style == SP_Y_PLAIN && node->line != node->end_line) {
        what = "a condition of several lines starts with '|'";
    }

    if (what != NULL) {
        sp_load_error(x->load, node, 105,
                      sp_diag_text("write it on one line, or under 'when: |'"),
                      "%s", what);
        return SP_ERROR;
    }

    s = sp_ysource_line(node->source, node->line);

    return node->style == SP_Y_PLAIN ? sp_expr_place_line(x, s)
                                     : sp_expr_place_block(x, s);
}


/* YAML takes text after " #" away; columns count characters. */

static sp_rc_t
sp_expr_place_line(sp_expr_t *x, sp_str_t s)
{
    size_t     i;
    sp_mark_t  mark;

    mark = sp_ynode_mark(x->node);
    mark.len = 1;

    for (i = 0, mark.col = 0; i < s.len; i++) {
        mark.col += ((s.data[i] & 0xc0) != 0x80);

        if (s.data[i] == '#' && mark.col > x->node->end_col
            && s.data[i - 1] == ' ')
        {
            sp_diag_add(x->load->diags, SP_DIAG_ERROR, 105, mark, s,
                        sp_diag_text("put the comment on its own line above"),
                        "text after '#' is not part of this rule");
            return SP_ERROR;
        }
    }

    return SP_OK;
}


/* "s" is the line with the '|'; the text is indented as its first line is. */

static sp_rc_t
sp_expr_place_block(sp_expr_t *x, sp_str_t s)
{
    size_t             i;
    unsigned           line;
    const sp_ynode_t  *node;

    node = x->node;

    for (i = 0; i < s.len; i++) {

        if (s.data[i] == '|' && i + 1 < s.len && s.data[i + 1] >= '1'
            && s.data[i + 1] <= '9')
        {
            sp_load_error(x->load, node, 105, sp_diag_text("write 'when: |'"),
                          "an indentation number does not stand here");
            return SP_ERROR;
        }
    }

    for (line = node->line + 1; line <= node->source->nlines; line++) {
        s = sp_ysource_line(node->source, line);

        for (i = 0; i < s.len && s.data[i] == ' '; i++) { /* void */ }

        if (i != s.len) {
            x->indent = (unsigned) i;
            break;
        }
    }

    return SP_OK;
}


sp_ast_t *
sp_expr_node(sp_expr_t *x, sp_op_t op, unsigned off)
{
    sp_ast_t  *node;

    if (x->nodes++ == SP_EXPR_NODES) {
        sp_expr_error(x, 209, off, 1, NULL, "more than %d tests in one "
                      "condition", SP_EXPR_NODES);
        return NULL;
    }

    node = sp_load_alloc(x->load, sizeof(sp_ast_t));
    if (node == NULL) {
        return NULL;
    }

    node->op = op;
    node->off = off;
    node->field = -1;
    node->other = -1;

    return node;
}


static int
sp_expr_is(const sp_expr_t *x, const char *word)
{
    return x->tok.kind == SP_TOK_WORD
           && sp_str_eq(x->tok.text, sp_cstr(word));
}


static unsigned
sp_expr_end(const sp_ast_t *node)
{
    return node->off + node->len;
}


static void
sp_expr_span(sp_expr_t *x, sp_ast_t *node, unsigned end)
{
    while (end > node->off && (x->text.data[end - 1] == ' '
                               || x->text.data[end - 1] == '\n'))
    {
        end--;
    }

    node->len = end - node->off;
}


static sp_rc_t
sp_expr_expect(sp_expr_t *x, sp_tok_kind_t kind, const char *what)
{
    if (x->tok.kind == kind) {
        sp_expr_next(x);
        return x->tok.kind == SP_TOK_BAD ? SP_ERROR : SP_OK;
    }

    if (x->tok.kind == SP_TOK_END) {
        sp_expr_tok_error(x, 210, NULL, "the condition ends where %s should "
                          "follow", what);

    } else if (x->tok.kind != SP_TOK_BAD) {
        sp_expr_tok_error(x, 210, NULL, "%s should stand here", what);
    }

    return SP_ERROR;
}


/* A chain of one operator. */

static sp_ast_t *
sp_expr_or(sp_expr_t *x)
{
    int        is_and;
    unsigned   start;
    sp_ast_t  *first, *last, *chain;

    start = x->tok.off;

    if (x->depth++ == SP_EXPR_DEPTH) {
        sp_expr_tok_error(x, 209, NULL, "parentheses deeper than %d",
                          SP_EXPR_DEPTH);
        return NULL;
    }

    first = sp_expr_unary(x);
    if (first == NULL) {
        return NULL;
    }

    is_and = sp_expr_is(x, "and");

    if (!is_and && !sp_expr_is(x, "or")) {
        x->depth--;
        return first;
    }

    chain = sp_expr_node(x, is_and ? SP_OP_AND : SP_OP_OR, start);
    if (chain == NULL) {
        return NULL;
    }

    chain->first = last = first;

    while (sp_expr_is(x, "and") || sp_expr_is(x, "or")) {

        if (is_and != sp_expr_is(x, "and")) {
            sp_expr_tok_error(x, 204,
                              sp_diag_text("write '(... %s ...) %s ...' or "
                                           "'... %s (... %s ...)'",
                                           is_and ? "and" : "or",
                                           is_and ? "or" : "and",
                                           is_and ? "and" : "or",
                                           is_and ? "or" : "and"),
                              "'and' and 'or' are mixed without parentheses");
            return NULL;
        }

        sp_expr_next(x);

        last->next = sp_expr_unary(x);
        last = last->next;

        if (last == NULL) {
            return NULL;
        }
    }

    sp_expr_span(x, chain, x->tok.off);
    x->depth--;

    return chain;
}


static sp_ast_t *
sp_expr_unary(sp_expr_t *x)
{
    unsigned   start;
    sp_ast_t  *node, *inner;

    start = x->tok.off;

    if (sp_expr_is(x, "not")) {

        if (x->depth++ == SP_EXPR_DEPTH) {
            sp_expr_tok_error(x, 209, NULL, "'not' deeper than %d",
                              SP_EXPR_DEPTH);
            return NULL;
        }

        sp_expr_next(x);

        inner = sp_expr_unary(x);
        node = inner ? sp_expr_node(x, SP_OP_NOT, start) : NULL;

        if (node == NULL) {
            return NULL;
        }

        node->first = inner;
        sp_expr_span(x, node, x->tok.off);
        x->depth--;

        return node;
    }

    if (x->tok.kind != SP_TOK_OPEN) {
        return sp_expr_test(x);
    }

    sp_expr_next(x);

    node = sp_expr_or(x);

    if (node == NULL || sp_expr_expect(x, SP_TOK_CLOSE, "')'") != SP_OK) {
        return NULL;
    }

    return node;
}


static sp_ast_t *
sp_expr_test(sp_expr_t *x)
{
    size_t     i;
    sp_ast_t  *test;

    if (x->tok.kind == SP_TOK_BAD) {
        return NULL;
    }

    if (x->tok.kind != SP_TOK_WORD) {
        (void) sp_expr_expect(x, SP_TOK_WORD, "a field, such as ip.country,");
        return NULL;
    }

    if (sp_expr_is(x, "has")) {
        return sp_expr_has(x);
    }

    for (i = 0; i < sp_nelts(sp_fn_names); i++) {
        if (sp_expr_is(x, sp_fn_names[i])) {
            return sp_expr_call(x, (int) i);
        }
    }

    test = sp_expr_node(x, SP_OP_BOOL, x->tok.off);
    if (test == NULL) {
        return NULL;
    }

    test->field = sp_expr_find(x, x->tok.text);

    if (test->field < 0) {
        (void) sp_check_unknown_field(x);
        return NULL;
    }

    test->len = x->tok.len;

    if (sp_check_field(x, test) != SP_OK) {
        return NULL;
    }

    sp_expr_next(x);

    return sp_expr_rest(x, test);
}


static sp_ast_t *
sp_expr_rest(sp_expr_t *x, sp_ast_t *test)
{
    unsigned  from;
    sp_rc_t   rc;
    sp_tok_t  op;

    op = x->tok;

    if (op.kind == SP_TOK_BAD) {
        return NULL;
    }

    if (op.kind == SP_TOK_CMP) {
        sp_expr_next(x);
        rc = sp_check_compare(x, test, &op);

    } else if (sp_expr_is(x, "not")) {
        sp_expr_next(x);
        test->neg = 1;

        if (!sp_expr_is(x, "in")) {
            (void) sp_expr_expect(x, SP_TOK_LIST, "'in'");
            return NULL;
        }

        sp_expr_next(x);
        rc = sp_check_in(x, test);

    } else if (sp_expr_is(x, "in")) {
        sp_expr_next(x);
        rc = sp_check_in(x, test);

    } else if (sp_expr_field(x, test->field)->type == SP_T_BOOL) {
        return test;

    } else {
        from = sp_expr_end(test);
        sp_expr_error(x, 210, from, 1, NULL, "a comparison should follow "
                      "'%s'", sp_expr_field(x, test->field)->name);
        return NULL;
    }

    if (rc != SP_OK) {
        return NULL;
    }

    sp_expr_span(x, test, x->tok.off);

    return sp_expr_dated(x, test);
}


static sp_ast_t *
sp_expr_has(sp_expr_t *x)
{
    sp_ast_t  *test;

    test = sp_expr_node(x, SP_OP_HAS, x->tok.off);
    if (test == NULL) {
        return NULL;
    }

    sp_expr_next(x);

    if (sp_expr_expect(x, SP_TOK_OPEN, "'('") != SP_OK) {
        return NULL;
    }

    if (x->tok.kind != SP_TOK_WORD) {
        (void) sp_expr_expect(x, SP_TOK_WORD, "a field");
        return NULL;
    }

    test->field = sp_expr_find(x, x->tok.text);

    if (test->field < 0) {
        (void) sp_check_unknown_field(x);
        return NULL;
    }

    if (sp_check_field(x, test) != SP_OK) {
        return NULL;
    }

    sp_expr_next(x);
    test->len = x->tok.off + 1 - test->off;

    if (sp_expr_expect(x, SP_TOK_CLOSE, "')'") != SP_OK) {
        return NULL;
    }

    return test;
}


static sp_ast_t *
sp_expr_call(sp_expr_t *x, int fn)
{
    sp_ast_t  *test;
    sp_tok_t   op;

    test = sp_expr_node(x, fn == SP_FN_CONTROL_IN ? SP_OP_CONTROL
                                                  : SP_OP_SHARE, x->tok.off);
    if (test == NULL) {
        return NULL;
    }

    test->other = fn;

    sp_expr_next(x);

    if (sp_expr_expect(x, SP_TOK_OPEN, "'('") != SP_OK
        || sp_check_argument(x, test) != SP_OK)
    {
        return NULL;
    }

    test->len = x->tok.off + 1 - test->off;

    if (sp_expr_expect(x, SP_TOK_CLOSE, "')'") != SP_OK) {
        return NULL;
    }

    if (fn == SP_FN_CONTROL_IN) {
        return sp_expr_dated(x, test);
    }

    op = x->tok;

    if (sp_expr_expect(x, SP_TOK_CMP, "a comparison such as '>= 50%'")
        != SP_OK || sp_check_share(x, test, &op) != SP_OK)
    {
        return NULL;
    }

    sp_expr_span(x, test, x->tok.off);

    return sp_expr_dated(x, test);
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains conditions: how they are read, checked and evaluated.
 * Private to the engine.
 */


#ifndef SP_EXPR_H
#define SP_EXPR_H


#include "sp_facts.h"
#include "sp_policy_load.h"


typedef enum {
    SP_TOK_END = 0,
    SP_TOK_WORD,      /* field, literal, "and", "in"... */
    SP_TOK_STRING,    /* "..." without the quotes */
    SP_TOK_LIST,      /* @name without the sign */
    SP_TOK_OPEN,
    SP_TOK_CLOSE,
    SP_TOK_FROM,      /* [ */
    SP_TOK_TO,        /* ] */
    SP_TOK_COMMA,
    SP_TOK_CMP,
    SP_TOK_BAD        /* a message has been given */
} sp_tok_kind_t;


typedef struct {
    sp_tok_kind_t  kind;
    sp_cmp_t       cmp;
    unsigned       off;     /* in the text, with quotes and signs */
    unsigned       len;
    sp_str_t       text;    /* without */
} sp_tok_t;


struct sp_ast_s {
    sp_op_t     op;
    sp_cmp_t    cmp;
    int         neg;
    int         field;      /* or -1 */
    int         other;
    int64_t     value;
    sp_lset_t  *set;
    unsigned    off;
    unsigned    len;
    sp_str_t    label;      /* what it says, if the author did not write it */
    sp_ast_t   *first;
    sp_ast_t   *next;
};


/* One condition while it is read. */
typedef struct {
    sp_load_t         *load;
    const sp_ynode_t  *node;
    sp_str_t           text;
    unsigned           pos;
    unsigned           indent;   /* of a literal block */
    unsigned           nodes;
    unsigned           depth;
    sp_tok_t           tok;      /* the one to be looked at */
} sp_expr_t;


void sp_expr_next(sp_expr_t *x);
sp_mark_t sp_expr_mark(const sp_expr_t *x, unsigned off, unsigned len);
sp_str_t sp_expr_line(const sp_expr_t *x, unsigned off);

#define sp_expr_error(x, code, off, len, help, ...)                           \
    sp_diag_add((x)->load->diags, SP_DIAG_ERROR, code,                        \
                sp_expr_mark(x, off, len), sp_expr_line(x, off), help,        \
                __VA_ARGS__)

#define sp_expr_tok_error(x, code, help, ...)                                 \
    sp_expr_error(x, code, (x)->tok.off, (x)->tok.len, help, __VA_ARGS__)

#define sp_expr_field(x, id)   sp_load_field((x)->load, id)
#define sp_expr_find(x, name)  sp_load_field_find((x)->load, name)

sp_ast_t *sp_expr_node(sp_expr_t *x, sp_op_t op, unsigned off);

/* Types of one test; "x" stands on the token after the operator. */
sp_rc_t sp_check_compare(sp_expr_t *x, sp_ast_t *test, const sp_tok_t *op);
sp_rc_t sp_check_in(sp_expr_t *x, sp_ast_t *test);
sp_rc_t sp_check_share(sp_expr_t *x, sp_ast_t *test, const sp_tok_t *op);
sp_rc_t sp_check_argument(sp_expr_t *x, sp_ast_t *test);
sp_rc_t sp_check_field(sp_expr_t *x, const sp_ast_t *test);
sp_rc_t sp_check_unknown_field(sp_expr_t *x);

/* sp_expr_dated.c: the test, and whether its list is in force. */
sp_ast_t *sp_expr_dated(sp_expr_t *x, sp_ast_t *test);

/* sp_expr_literal.c */
sp_rc_t sp_check_literal(sp_expr_t *x, sp_ast_t *test, const sp_tok_t *op);
sp_rc_t sp_check_item(sp_expr_t *x, sp_ast_t *test, int64_t *value);
sp_rc_t sp_check_regions(sp_expr_t *x, const sp_ast_t *test);
sp_list_type_t sp_check_list_type(const sp_load_t *l, int field);
int sp_check_set_op(sp_type_t type);


/* Evaluation: a truth value with why bits (sp_policy_image.h). */
unsigned sp_expr_eval(const sp_policy_t *policy, uint32_t node,
    const sp_facts_t *facts);

unsigned sp_eval_share(const sp_policy_t *policy, const sp_node_t *node,
    const sp_facts_t *facts);
sp_truth_t sp_eval_interval(unsigned cmp, int low, int high, int64_t value);
unsigned sp_eval_control(const sp_policy_t *policy, const sp_node_t *node,
    const sp_facts_t *facts);


static inline int
sp_eval_cmp(unsigned cmp, int64_t a, int64_t b)
{
    switch (cmp) {

    case SP_EQ:
        return a == b;

    case SP_NE:
        return a != b;

    case SP_LT:
        return a < b;

    case SP_LE:
        return a <= b;

    case SP_GT:
        return a > b;

    default:
        return a >= b;
    }
}


/* sp_set.c */
sp_truth_t sp_set_place(const sp_policy_t *policy, const sp_set_t *set,
    sp_place_t place);
sp_truth_t sp_set_asn(const sp_policy_t *policy, const sp_set_t *set,
    uint32_t asn);
sp_truth_t sp_set_net(const sp_policy_t *policy, const sp_set_t *set,
    const sp_addr_t *addr);
sp_truth_t sp_set_name(const sp_policy_t *policy, const sp_set_t *set,
    sp_str_t s);
int sp_glob_match(const sp_policy_t *policy, const sp_glob_t *glob,
    sp_str_t s);


#endif /* SP_EXPR_H */

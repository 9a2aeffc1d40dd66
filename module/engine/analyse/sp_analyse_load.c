
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the analysis as the last part of loading, while it is
 * still known where everything stands: messages point at the very words.
 */


#include <stdlib.h>

#include "sp_analyse.h"
#include "policy/sp_expr.h"


typedef struct {
    sp_load_t          *load;
    const sp_policy_t  *policy;
    sp_lrule_t        **rules;     /* by index in the image */
} sp_placing_t;


static void sp_placing_rule(void *ctx, int rule, sp_mark_t *mark,
    sp_str_t *line);
static void sp_placing_node(void *ctx, int rule, uint32_t node,
    sp_mark_t *mark, sp_str_t *line);
static const sp_ast_t *sp_placing_ast(const sp_ast_t *ast, uint32_t *skip);
static void sp_placing_tier(void *ctx, int tier, sp_mark_t *mark,
    sp_str_t *line);
static void sp_placing_invariant(void *ctx, int invariant, sp_mark_t *mark,
    sp_str_t *line);


void
sp_load_analyse(sp_load_t *l, const sp_policy_t *policy)
{
    sp_lrule_t          *rule;
    sp_placing_t         placing;
    sp_analyse_marks_t   marks;

    placing.load = l;
    placing.policy = policy;
    placing.rules = sp_load_alloc(l, (l->nrules + 1) * sizeof(sp_lrule_t *));

    if (placing.rules == NULL) {
        return;
    }

    for (rule = l->rules; rule != NULL; rule = rule->next) {
        placing.rules[rule->index] = rule;
    }

    marks.ctx = &placing;
    marks.rule = sp_placing_rule;
    marks.node = sp_placing_node;
    marks.tier = sp_placing_tier;
    marks.invariant = sp_placing_invariant;

    sp_analyse(policy, l->opts->now, &marks, l->diags, l->analysis);
}


static void
sp_placing_rule(void *ctx, int rule, sp_mark_t *mark, sp_str_t *line)
{
    sp_placing_t  *p = ctx;

    *mark = sp_ynode_mark(p->rules[rule]->id_node);
    *line = sp_node_line(p->rules[rule]->id_node);
}


static void
sp_placing_node(void *ctx, int rule, uint32_t node, sp_mark_t *mark,
    sp_str_t *line)
{
    uint32_t         skip;
    sp_expr_t        x;
    sp_lrule_t      *r;
    sp_placing_t    *p = ctx;
    const sp_ast_t  *ast;

    r = p->rules[rule];
    skip = node - sp_image_rule(p->policy, rule)->cond;
    ast = r->ast ? sp_placing_ast(r->ast, &skip) : NULL;

    if (ast == NULL) {
        sp_placing_rule(ctx, rule, mark, line);
        return;
    }

    memset(&x, 0, sizeof(x));
    x.load = p->load;
    x.node = r->when;
    x.text = r->when_text;
    x.indent = r->indent;

    *mark = sp_expr_mark(&x, ast->off, ast->len);
    *line = sp_expr_line(&x, ast->off);
}


/* The image has the nodes of a condition in the order of this walk. */

static const sp_ast_t *
sp_placing_ast(const sp_ast_t *ast, uint32_t *skip)
{
    const sp_ast_t  *child, *found;

    if (*skip == 0) {
        return ast;
    }

    (*skip)--;

    for (child = ast->first; child != NULL; child = child->next) {
        found = sp_placing_ast(child, skip);

        if (found != NULL) {
            return found;
        }
    }

    return NULL;
}


static void
sp_placing_tier(void *ctx, int tier, sp_mark_t *mark, sp_str_t *line)
{
    size_t         i;
    sp_placing_t  *p = ctx;

    for (i = 0; i < p->load->ntiers; i++) {

        if (p->load->tiers[i].tier == (unsigned) tier) {
            *mark = sp_ynode_mark(p->load->tiers[i].node);
            *line = sp_node_line(p->load->tiers[i].node);
            return;
        }
    }
}


static void
sp_placing_invariant(void *ctx, int invariant, sp_mark_t *mark,
    sp_str_t *line)
{
    sp_placing_t  *p = ctx;

    if ((size_t) invariant < p->load->ninvariants) {
        *line = sp_node_line(p->load->invariants[invariant].what);
    }
}

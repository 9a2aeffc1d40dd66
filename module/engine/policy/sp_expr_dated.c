
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains tests of dated lists. A list that is not in force is as
 * one without items, so a test of it is compiled as the test and a look at
 * the clock together: what waits for a date (screens, replays) sees it there.
 */


#include "sp_expr.h"


static sp_ast_t *sp_expr_clock(sp_expr_t *x, const sp_lset_t *set,
    unsigned off, int cmp, int64_t when);
static sp_rc_t sp_expr_label(sp_expr_t *x, sp_ast_t *node,
    const sp_lset_t *set, const char *what);


sp_ast_t *
sp_expr_dated(sp_expr_t *x, sp_ast_t *test)
{
    int         neg, outside;
    sp_ast_t   *both, *not, **tail;
    sp_lset_t  *set;

    set = test->set;

    if (set == NULL || set->name.len == 0
        || (set->from == SP_TIME_MIN && set->until == SP_TIME_MAX))
    {
        return test;
    }

    /* what the test is while nothing is in the list: 0 % of anything */

    outside = test->op == SP_OP_SHARE
              && sp_eval_cmp(test->cmp, 0, test->value);
    neg = test->neg;
    test->neg = 0;

    both = sp_expr_node(x, outside ? SP_OP_OR : SP_OP_AND, test->off);

    if (both == NULL) {
        return NULL;
    }

    both->len = test->len;
    tail = &both->first;

    if (set->from != SP_TIME_MIN) {
        *tail = sp_expr_clock(x, set, test->off, outside ? SP_LT : SP_GE,
                              set->from);
        if (*tail == NULL) {
            return NULL;
        }

        tail = &(*tail)->next;
    }

    if (set->until != SP_TIME_MAX) {
        *tail = sp_expr_clock(x, set, test->off, outside ? SP_GE : SP_LT,
                              set->until);
        if (*tail == NULL) {
            return NULL;
        }

        tail = &(*tail)->next;
    }

    *tail = test;

    if (!neg) {
        return both;
    }

    not = sp_expr_node(x, SP_OP_NOT, test->off);

    if (not == NULL
        || sp_expr_label(x, both, set, "is in force and has it") != SP_OK
        || sp_expr_label(x, test, set, "has it") != SP_OK)
    {
        return NULL;
    }

    not->len = test->len;
    not->first = both;

    return not;
}


static sp_ast_t *
sp_expr_clock(sp_expr_t *x, const sp_lset_t *set, unsigned off, int cmp,
    int64_t when)
{
    const char  *what;
    sp_ast_t    *node;

    node = sp_expr_node(x, SP_OP_INT, off);

    if (node == NULL) {
        return NULL;
    }

    node->field = SP_F_NOW;
    node->cmp = (sp_cmp_t) cmp;
    node->value = when;

    what = when == set->from ? (cmp == SP_GE ? "has begun" : "has not begun")
                             : (cmp == SP_GE ? "has ended" : "has not ended");

    return sp_expr_label(x, node, set, what) == SP_OK ? node : NULL;
}


static sp_rc_t
sp_expr_label(sp_expr_t *x, sp_ast_t *node, const sp_lset_t *set,
    const char *what)
{
    int       len;
    char      buf[SP_ID_MAX + 64];
    sp_str_t  s;

    len = snprintf(buf, sizeof(buf), "@%.*s %s", (int) set->name.len,
                   (const char *) set->name.data, what);

    s.data = (const unsigned char *) buf;
    s.len = (len > 0 && (size_t) len < sizeof(buf)) ? (size_t) len : 0;

    if (sp_arena_str(x->load->arena, s, &node->label) != SP_OK) {
        x->load->failed = 1;
        return SP_ERROR;
    }

    return SP_OK;
}

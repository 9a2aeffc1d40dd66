
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains an analysis while it runs. Private to its folder.
 */


#ifndef SP_ANALYSE_STATE_H
#define SP_ANALYSE_STATE_H


#include "sp_analyse.h"
#include "sp_outcome.h"


typedef struct {
    const sp_policy_t         *policy;
    const sp_analyse_marks_t  *marks;
    sp_diags_t                *diags;
    sp_analysis_t             *analysis;
    sp_space_t                *space;
    sp_outcome_t              *outcome;
    char                     **files;     /* of rules, as C strings */
    unsigned char             *useless;   /* rules with a finding; 2: that
                                             can go */
} sp_analyse_t;


/* Messages at a rule, or at a part of its condition. */
#define sp_analyse_rule(a, severity, code, rule, help, ...)                   \
    do {                                                                      \
        sp_str_t   line_;                                                     \
        sp_mark_t  mark_ = sp_analyse_mark(a, rule, &line_);                  \
                                                                              \
        (a)->useless[rule] = 1;                                               \
        sp_diag_add((a)->diags, severity, code, mark_, line_, help,           \
                    __VA_ARGS__);                                             \
    } while (0)

#define sp_analyse_node(a, severity, code, rule, node, help, ...)             \
    do {                                                                      \
        sp_str_t   line_;                                                     \
        sp_mark_t  mark_ = sp_analyse_node_mark(a, rule, node, &line_);       \
                                                                              \
        sp_diag_add((a)->diags, severity, code, mark_, line_, help,           \
                    __VA_ARGS__);                                             \
    } while (0)


sp_mark_t sp_analyse_mark(sp_analyse_t *a, uint32_t rule, sp_str_t *line);
sp_mark_t sp_analyse_node_mark(sp_analyse_t *a, uint32_t rule, uint32_t node,
    sp_str_t *line);
sp_mark_t sp_analyse_tier_mark(sp_analyse_t *a, int tier, sp_str_t *line);

/* 1 if no request fulfils "dd", at any time or at the analysis's or later. */
int sp_analyse_never(sp_analyse_t *a, sp_dd_t dd);
int sp_analyse_gone(sp_analyse_t *a, sp_dd_t dd);

/* The id of a rule, for "%.*s". */
#define sp_analyse_id(a, rule)                                                \
    (int) sp_policy_rule_id((a)->policy, (int) (rule)).len,                   \
    (const char *) sp_policy_rule_id((a)->policy, (int) (rule)).data

/* sp_analyse_cond.c: each condition alone. */
void sp_analyse_conditions(sp_analyse_t *a);

/* sp_analyse_cover.c: rules that others make useless. */
void sp_analyse_covers(sp_analyse_t *a);

/* sp_analyse_open.c: exceptions, throttles, tiers. */
void sp_analyse_openings(sp_analyse_t *a);

/* sp_analyse_invariant.c */
void sp_analyse_invariants(sp_analyse_t *a);


#endif /* SP_ANALYSE_STATE_H */

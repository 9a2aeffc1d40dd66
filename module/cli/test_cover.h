
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what test_cover.c and test_suggest.c share.
 */


#ifndef SP_CLI_TEST_COVER_H
#define SP_CLI_TEST_COVER_H


#include "policy/sp_policy_image.h"

#include "test.h"


#define SP_COVER_NONE   0xffffffffu
#define SP_COVER_TRUE   1u
#define SP_COVER_FALSE  2u
#define SP_COVER_BASES  64    /* requests from which suggestions start */


typedef struct {
    unsigned  matched:1;
    unsigned  missed:1;
    unsigned  unknown:1;    /* matched because something was not known */
    unsigned  lifted:1;     /* of an exception: lifted something */
} sp_cover_rule_t;


struct sp_cover_s {
    const sp_policy_t  *policy;
    const sp_node_t    *nodes;
    sp_cover_rule_t    *rules;
    uint8_t            *leaves;   /* of each node: ways in which it decided */
    json_t             *cells;
    json_t             *bases;
};


/* Something that no case exercises. */
typedef struct {
    int       rule;
    uint32_t  at;      /* node of the test, or SP_COVER_NONE: the rule */
    unsigned  way;     /* SP_COVER_TRUE or SP_COVER_FALSE */
} sp_gap_t;


typedef void (*sp_gap_pt)(void *ctx, const sp_gap_t *gap);
void sp_cover_gaps(const sp_cover_t *cover, sp_gap_pt each, void *ctx);

int sp_cover_leaf(const sp_node_t *node);
int sp_cover_matches(const sp_policy_t *policy, int rule, sp_truth_t value);

/* 1 if the test has the value "way" and the rule would differ otherwise. */
int sp_cover_decides(const sp_cover_t *cover, int rule, uint32_t at,
    sp_facts_t *facts, unsigned way);


/*
 * test_suggest.c: facts to change in one of the cases to close a gap, found
 * by trying and confirmed by the engine; NULL: none was found. {"base": the
 * request, "set": {...}, "decision": ..., "reason": ...}
 */
json_t *sp_cover_suggest(const sp_cover_t *cover, const sp_gap_t *gap);
void sp_cover_suggest_text(const json_t *suggestion);


#endif /* SP_CLI_TEST_COVER_H */

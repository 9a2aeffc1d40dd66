
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains "invariants:": what must hold whatever a request may be.
 * They are read and typed like rules, and kept beside them; no decision reads
 * them.
 */


#include <stdlib.h>

#include "sp_policy_load.h"


static void sp_load_invariant(sp_load_t *l, const sp_ynode_t *node);
static int sp_load_invariant_order(const void *one, const void *two);


void
sp_load_invariants(sp_load_t *l, const sp_ynode_t *seq)
{
    const sp_ynode_t  *child;

    if (sp_value_kind(l, seq, SP_Y_SEQ, "invariants") != SP_OK) {
        return;
    }

    if (l->invariants == NULL) {
        l->invariants = sp_load_alloc(l, SP_INVARIANTS_MAX
                                         * sizeof(sp_linvariant_t));
        if (l->invariants == NULL) {
            return;
        }
    }

    for (child = seq->first; child != NULL; child = child->next) {

        if (l->ninvariants == SP_INVARIANTS_MAX) {
            sp_load_error(l, child, 104, NULL, "more than %d invariants",
                          SP_INVARIANTS_MAX);
            return;
        }

        if (sp_value_kind(l, child, SP_Y_MAP, "an invariant") == SP_OK) {
            sp_load_invariant(l, child);
        }
    }
}


static void
sp_load_invariant(sp_load_t *l, const sp_ynode_t *node)
{
    int                word;
    sp_lrule_t        *rule;
    sp_linvariant_t   *invariant;
    const sp_ynode_t  *never, *always;

    (void) sp_value_keys(l, node, SP_K_INVARIANT);

    invariant = &l->invariants[l->ninvariants];
    rule = &invariant->rule;
    rule->node = node;
    rule->id_node = sp_ynode_get(node, "id");
    rule->when = sp_ynode_get(node, "when");
    never = sp_ynode_get(node, "never");
    always = sp_ynode_get(node, "always");

    if (rule->id_node == NULL || rule->when == NULL
        || (never == NULL) == (always == NULL))
    {
        sp_load_error(l, rule->id_node ? rule->id_node : node, 104,
                      sp_diag_text("write 'never: allow', for example"),
                      "an invariant needs 'id', 'when' and one of 'never' and "
                      "'always'");
        return;
    }

    invariant->what = never ? never : always;
    invariant->never = (never != NULL);

    word = sp_value_of(l, invariant->what, SP_K_INVARIANT, "never");
    invariant->deny = (word == 1);

    if (sp_value_name(l, rule->id_node, &rule->id) == SP_OK && word >= 0
        && sp_load_condition(l, rule) == SP_OK)
    {
        l->ninvariants++;

    } else {
        memset(invariant, 0, sizeof(sp_linvariant_t));
    }
}


/* Ids are those of rules too: a name in a message means one thing. */

void
sp_load_invariants_finish(sp_load_t *l)
{
    size_t             i;
    sp_linvariant_t   *row;
    const sp_lrule_t  *twin;

    if (l->ninvariants == 0) {
        return;
    }

    qsort(l->invariants, l->ninvariants, sizeof(sp_linvariant_t),
          sp_load_invariant_order);

    for (i = 0; i < l->ninvariants; i++) {
        row = &l->invariants[i];
        twin = sp_lrule_find(l, row->rule.id);

        if (i != 0 && sp_str_eq(row->rule.id, row[-1].rule.id)) {
            twin = &row[-1].rule;
        }

        if (twin != NULL) {
            sp_load_error(l, row->rule.id_node, 106,
                          sp_diag_text("%s:%u has it already",
                                       twin->id_node->source->name,
                                       twin->id_node->line),
                          "the id '%s' is given twice", row->rule.id.data);
        }
    }
}


static int
sp_load_invariant_order(const void *one, const void *two)
{
    int                     rc;
    size_t                  len;
    const sp_linvariant_t  *a = one, *b = two;

    len = a->rule.id.len < b->rule.id.len ? a->rule.id.len : b->rule.id.len;
    rc = memcmp(a->rule.id.data, b->rule.id.data, len);

    return rc ? rc : (a->rule.id.len < b->rule.id.len ? -1
                      : a->rule.id.len > b->rule.id.len);
}

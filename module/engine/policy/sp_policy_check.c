
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the checks that need the whole policy: names that are
 * given twice or to nothing, what may be lifted, and the deny rules that an
 * absent value would make match without anybody having said so.
 */


#include <stdlib.h>

#include "sp_decide.h"
#include "sp_expr.h"


#define SP_EXPIRES_SOON  (30 * 86400)


#define SP_USE_HAS       1   /* asked for with has() */
#define SP_USE_READ      2   /* ... otherwise */
#define SP_USE_NEGATIVE  4   /* ... in the negative */


typedef struct {
    uint8_t          how[SP_FACTS_MAX];  /* SP_USE_* of each field */
    int              model;    /* model.* among them */
} sp_uses_t;


static sp_rc_t sp_check_ids(sp_load_t *l);
static int sp_check_id_order(const void *one, const void *two);
static void sp_check_uses(const sp_ast_t *ast, int odd, sp_uses_t *uses);
static const sp_ast_t *sp_check_first(const sp_ast_t *ast, int field);
static int sp_check_customer(int field, const sp_uses_t *uses);
static void sp_check_optional(sp_load_t *l, sp_lrule_t *rule);
static void sp_check_exception(sp_load_t *l, sp_lrule_t *rule);
static void sp_check_lift(sp_load_t *l, sp_lrule_t *rule,
    const sp_ynode_t *node);
static void sp_check_lifted(sp_load_t *l, sp_lrule_t *rule,
    sp_lrule_t *deny);
static int sp_check_account_order(const void *one, const void *two);
static void sp_check_per(sp_load_t *l, const sp_lrule_t *rule);
static void sp_check_replaces(sp_load_t *l, sp_lrule_t *rule);
static int sp_check_cycle(sp_load_t *l, sp_lrule_t *rule, unsigned depth);


void
sp_load_check(sp_load_t *l)
{
    sp_uses_t    uses;
    sp_lset_t   *set;
    sp_lrule_t  *rule;

    if (l->nroots == 0) {
        return;
    }

    for (set = l->sets; set != NULL; set = set->next) {

        /* a rule that did not load may be the one that uses it */

        if (set->name.len != 0 && !set->used && l->diags->errors == 0) {
            sp_load_warn(l, set->node->key, 310, NULL,
                         "list '%s' is not used", set->name.data);
        }
    }

    sp_load_lists_check(l);

    if (sp_check_ids(l) != SP_OK) {
        return;
    }

    for (rule = l->rules; rule != NULL; rule = rule->next) {
        memset(&uses, 0, sizeof(uses));
        sp_check_uses(rule->ast, 0, &uses);

        if (uses.model || (rule->by == SP_F_MODEL_TIER)
            || (rule->per & (SP_PER_MODEL | SP_PER_TIER)))
        {
            rule->flags |= SP_RULE_MODEL;
        }
    }

    for (rule = l->rules; rule != NULL; rule = rule->next) {

        if (rule->kind == SP_RULE_DENY) {
            sp_check_optional(l, rule);

        } else if (rule->kind == SP_RULE_EXCEPTION) {
            sp_check_exception(l, rule);

        } else if (rule->kind == SP_RULE_THROTTLE) {
            sp_check_replaces(l, rule);
            sp_check_per(l, rule);
        }
    }

    for (rule = l->rules; rule != NULL; rule = rule->next) {

        if (rule->nlifted > 1) {
            qsort(rule->lifted, rule->nlifted, sizeof(sp_lrule_t *),
                  sp_check_account_order);
        }
    }
}


/* Rules are put in the order of the image, so that twins meet. */

static int
sp_check_id_order(const void *one, const void *two)
{
    int                 rc;
    size_t              len;
    const sp_lrule_t   *a = *(sp_lrule_t *const *) one;
    const sp_lrule_t   *b = *(sp_lrule_t *const *) two;

    len = a->id.len < b->id.len ? a->id.len : b->id.len;
    rc = memcmp(a->id.data, b->id.data, len);

    return rc ? rc : (a->id.len < b->id.len ? -1 : a->id.len > b->id.len);
}


static sp_rc_t
sp_check_ids(sp_load_t *l)
{
    size_t        i, n;
    sp_rc_t       rc;
    sp_lrule_t   *rule, **sorted;

    if (l->nrules == 0) {
        return SP_OK;
    }

    sorted = sp_load_alloc(l, l->nrules * sizeof(sp_lrule_t *));
    if (sorted == NULL) {
        return SP_ERROR;
    }

    for (n = 0, rule = l->rules; rule != NULL; rule = rule->next) {
        sorted[n++] = rule;
    }

    qsort(sorted, n, sizeof(sp_lrule_t *), sp_check_id_order);

    rc = SP_OK;
    l->rules_tail = &l->rules;

    for (i = 0; i < n; i++) {
        *l->rules_tail = sorted[i];
        l->rules_tail = &sorted[i]->next;

        if (i != 0 && sp_str_eq(sorted[i]->id, sorted[i - 1]->id)) {
            rc = SP_ERROR;
            sp_load_error(l, sorted[i]->id_node, 106,
                          sp_diag_text("%s:%u has it already",
                                       sorted[i - 1]->id_node->source->name,
                                       sorted[i - 1]->id_node->line),
                          "the id '%s' is given twice", sorted[i]->id.data);
        }
    }

    *l->rules_tail = NULL;
    l->sorted = sorted;

    return rc;
}


sp_lrule_t *
sp_lrule_find(sp_load_t *l, sp_str_t id)
{
    sp_lrule_t   key, *keyp, **found;

    if (l->sorted == NULL || id.len == 0) {
        return NULL;
    }

    key.id = id;
    keyp = &key;
    found = bsearch(&keyp, l->sorted, l->nrules, sizeof(sp_lrule_t *),
                    sp_check_id_order);

    return found ? *found : NULL;
}


static void
sp_check_uses(const sp_ast_t *ast, int odd, sp_uses_t *uses)
{
    unsigned         use;
    const sp_ast_t  *child;

    if (ast == NULL) {
        return;
    }

    if (ast->op == SP_OP_NOT) {
        odd = !odd;
    }

    for (child = ast->first; child != NULL; child = child->next) {
        sp_check_uses(child, odd, uses);
    }

    if (ast->field < 0) {
        return;
    }

    uses->model |= (ast->field == SP_F_MODEL_ID
                    || ast->field == SP_F_MODEL_TIER);

    if (ast->op == SP_OP_HAS) {
        uses->how[ast->field] |= SP_USE_HAS;
        return;
    }

    use = SP_USE_READ;

    if ((ast->neg || (ast->op == SP_OP_INT && ast->cmp == SP_NE)) != odd) {
        use |= SP_USE_NEGATIVE;
    }

    uses->how[ast->field] |= (uint8_t) use;

    if (ast->op == SP_OP_SAME || ast->op == SP_OP_WITHIN) {
        uses->how[ast->other] |= (uint8_t) use;
        uses->model |= (ast->other == SP_F_MODEL_ID
                        || ast->other == SP_F_MODEL_TIER);
    }
}


static const sp_ast_t *
sp_check_first(const sp_ast_t *ast, int field)
{
    const sp_ast_t  *child, *found;

    if (ast->op != SP_OP_HAS
        && (ast->field == field
            || ((ast->op == SP_OP_SAME || ast->op == SP_OP_WITHIN)
                && ast->other == field)))
    {
        return ast;
    }

    for (child = ast->first; child != NULL; child = child->next) {
        found = sp_check_first(child, field);

        if (found != NULL) {
            return found;
        }
    }

    return NULL;
}


/* What every record has is absent only where nobody is named. */

static int
sp_check_customer(int field, const sp_uses_t *uses)
{
    return field >= SP_F_CUSTOMER_ID && field <= SP_F_CUSTOMER_LINKAGE
           && !sp_field(field - SP_F_CUSTOMER_ID + SP_F_ACCOUNT_ID)->optional
           && (uses->how[SP_F_CUSTOMER_ID] & SP_USE_HAS);
}


static void
sp_check_optional(sp_load_t *l, sp_lrule_t *rule)
{
    int              field;
    sp_uses_t        uses;
    sp_expr_t        x;
    const sp_ast_t  *at;

    if (rule->ast == NULL || rule->unknown != 0) {
        return;
    }

    memset(&uses, 0, sizeof(uses));
    sp_check_uses(rule->ast, 0, &uses);

    memset(&x, 0, sizeof(x));
    x.load = l;
    x.node = rule->when;
    x.text = rule->when_text;
    x.indent = rule->indent;

    for (field = 0; field < SP_FIELDS + (int) l->nown; field++) {

        if (!(uses.how[field] & SP_USE_READ)
            || !sp_load_field(l, field)->optional
            || sp_check_customer(field, &uses))
        {
            continue;
        }

        at = sp_check_first(rule->ast, field);

        if (at == NULL) {
            continue;
        }

        if (!(uses.how[field] & SP_USE_HAS)) {
            sp_expr_error(&x, 207, at->off, at->len,
                          sp_diag_text("add 'has(%s) and', or say "
                                       "'unknown: match' or 'unknown: skip'",
                                       sp_load_field(l, field)->name),
                          "%s may be absent; say what this deny rule does "
                          "then", sp_load_field(l, field)->name);

        } else if (uses.how[field] & SP_USE_NEGATIVE) {
            sp_diag_add(l->diags, SP_DIAG_WARNING, 208,
                        sp_expr_mark(&x, at->off, at->len),
                        sp_expr_line(&x, at->off),
                        sp_diag_text("to mean it, say 'unknown: skip' instead "
                                     "of has()"),
                        "whoever has no %s escapes this rule",
                        sp_load_field(l, field)->name);
        }
    }
}


static void
sp_check_exception(sp_load_t *l, sp_lrule_t *rule)
{
    const sp_ynode_t  *child;

    for (child = rule->lifts ? rule->lifts->first : NULL; child != NULL;
         child = child->next)
    {
        sp_check_lift(l, rule, child);
    }

    if (rule->valid != NULL && rule->until != SP_TIME_MAX) {

        if (l->opts->now >= rule->until) {
            sp_load_warn(l, rule->valid->key, 309, NULL,
                         "exception '%s' has expired", rule->id.data);

        } else if (rule->until - l->opts->now < SP_EXPIRES_SOON) {
            sp_load_warn(l, rule->valid->key, 309, NULL,
                         "exception '%s' expires within 30 days",
                         rule->id.data);
        }
    }

    if (rule->approvers < 2) {
        sp_load_warn(l, rule->id_node, 309, NULL, "exception '%s' names "
                     "fewer than two in 'approved_by'", rule->id.data);
    }
}


static void
sp_check_lift(sp_load_t *l, sp_lrule_t *rule, const sp_ynode_t *node)
{
    int          lift;
    sp_str_t     s;
    sp_lrule_t  *deny;

    if (sp_value_text(l, node, &s) != SP_OK) {
        return;
    }

    deny = sp_lrule_find(l, s);

    if (deny == NULL || deny->kind != SP_RULE_DENY) {
        sp_load_error(l, node, 307, NULL, "exception '%s' lifts '%.64s', "
                      "which is no deny rule", rule->id.data, s.data);
        return;
    }

    if (deny->reason < 0) {
        return;
    }

    lift = l->reasons[deny->reason].row.liftable;

    if (lift == SP_LIFT_NEVER
        || (lift == SP_LIFT_LICENCE
            && rule->exception != SP_EXCEPTION_LICENCE))
    {
        sp_load_error(l, node, 307,
                      sp_diag_text("reason %s is 'liftable: %s'",
                                   l->reasons[deny->reason].code.data,
                                   lift == SP_LIFT_NEVER ? "never"
                                                         : "licence"),
                      "exception '%s' cannot lift '%.64s'", rule->id.data,
                      s.data);
        return;
    }

    if (rule->flags & SP_RULE_MODEL) {
        deny->flags |= SP_RULE_MODEL;
    }

    sp_check_lifted(l, rule, deny);
}


/* Grows a deny rule's list of the exceptions to it. */

static void
sp_check_lifted(sp_load_t *l, sp_lrule_t *rule, sp_lrule_t *deny)
{
    unsigned      n;
    sp_lrule_t  **grown;

    n = deny->nlifted;

    if (n != 0 && deny->lifted[n - 1] == rule) {
        return;
    }

    if ((n & (n - 1)) == 0) {
        grown = sp_load_alloc(l, (n ? 2 * n : 1) * sizeof(sp_lrule_t *));
        if (grown == NULL) {
            return;
        }

        if (n != 0) {
            memcpy(grown, deny->lifted, n * sizeof(sp_lrule_t *));
        }

        deny->lifted = grown;
    }

    deny->lifted[deny->nlifted++] = rule;
}


/* By account, so that those of one account are found by halves; then by id. */

static int
sp_check_account_order(const void *one, const void *two)
{
    int                rc;
    size_t             len;
    const sp_lrule_t  *a = *(sp_lrule_t *const *) one;
    const sp_lrule_t  *b = *(sp_lrule_t *const *) two;

    len = a->account.len < b->account.len ? a->account.len : b->account.len;
    rc = len ? memcmp(a->account.data, b->account.data, len) : 0;

    if (rc == 0 && a->account.len != b->account.len) {
        rc = a->account.len < b->account.len ? -1 : 1;
    }

    return rc ? rc : sp_check_id_order(one, two);
}


static void
sp_check_per(sp_load_t *l, const sp_lrule_t *rule)
{
    if ((rule->per & SP_PER_CUSTOMER) && l->customers == SP_CUSTOMERS_NONE) {
        sp_load_error(l, sp_ynode_get(rule->node, "per"), 212,
                      sp_diag_text("say where the name stands: 'customers: "
                                   "{from: {header: X-End-Customer}}'"),
                      "no section 'customers' says how an end customer is "
                      "named");
    }
}


static void
sp_check_replaces(sp_load_t *l, sp_lrule_t *rule)
{
    sp_str_t           s;
    sp_lrule_t        *other;
    const sp_ynode_t  *child;

    for (child = rule->replaces ? rule->replaces->first : NULL;
         child != NULL; child = child->next)
    {
        if (sp_value_text(l, child, &s) != SP_OK) {
            continue;
        }

        other = sp_lrule_find(l, s);

        if (other == NULL || other->kind != SP_RULE_THROTTLE) {
            sp_load_error(l, child, 313, NULL, "throttle '%s' replaces "
                          "'%.64s', which is no throttle", rule->id.data,
                          s.data);
        }
    }

    if (rule->replaces != NULL && sp_check_cycle(l, rule, 0)) {
        sp_load_error(l, rule->replaces->key, 313, NULL, "throttles replace "
                      "each other in a circle, or in a chain of more than "
                      "%d", SP_REPLACES_DEPTH);
    }
}


/*
 * A depth-first walk over "replaces" that visits each throttle once: one that
 * is met again while it is being walked closes a cycle.
 */

static int
sp_check_cycle(sp_load_t *l, sp_lrule_t *rule, unsigned depth)
{
    int                cycle;
    sp_lrule_t        *other;
    const sp_ynode_t  *child;

    if (rule->seen != 0 || depth == SP_REPLACES_DEPTH) {
        return rule->seen == 1 || depth == SP_REPLACES_DEPTH;
    }

    rule->seen = 1;
    cycle = 0;

    for (child = rule->replaces ? rule->replaces->first : NULL;
         child != NULL && !cycle; child = child->next)
    {
        if (child->kind != SP_Y_SCALAR) {
            continue;
        }

        other = sp_lrule_find(l, child->text);

        if (other != NULL && other->kind == SP_RULE_THROTTLE) {
            cycle = sp_check_cycle(l, other, depth + 1);
        }
    }

    rule->seen = 2;

    return cycle;
}

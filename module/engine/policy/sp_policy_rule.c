
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the rules of a policy file: deny, allow, throttle, flag
 * and the exceptions that lift deny rules for one account until a date.
 */


#include "sp_account.h"
#include "sp_policy_load.h"


static void sp_load_rule(sp_load_t *l, const sp_ynode_t *node,
    sp_rule_kind_t kind);
static sp_rc_t sp_load_rule_id(sp_load_t *l, sp_lrule_t *rule);
static void sp_load_rule_common(sp_load_t *l, sp_lrule_t *rule);
static int sp_load_canary(sp_load_t *l, sp_lrule_t *rule,
    const sp_ynode_t *node);
static void sp_load_rule_mode(sp_load_t *l, sp_lrule_t *rule);
static void sp_load_valid(sp_load_t *l, sp_lrule_t *rule);
static void sp_load_exception(sp_load_t *l, sp_lrule_t *rule);
static sp_rc_t sp_load_needs(sp_load_t *l, const sp_lrule_t *rule,
    const char *key, const sp_ynode_t **node);


/* Rules of a kind, in the table of what files may hold. */

#define sp_kind_keys(kind)  ((sp_keys_id_t) (SP_K_DENY + (int) (kind)))
#define sp_kind_name(kind)  (sp_policy_keys((int) sp_kind_keys(kind))->what)


void
sp_load_rules(sp_load_t *l, const sp_ynode_t *seq, sp_rule_kind_t kind)
{
    const sp_ynode_t  *child;

    if (sp_value_kind(l, seq, SP_Y_SEQ, "a section of rules") != SP_OK) {
        return;
    }

    for (child = seq->first; child != NULL; child = child->next) {

        if (l->nrules == SP_RULES_MAX) {
            sp_load_error(l, child, 104, NULL, "more than %d rules",
                          SP_RULES_MAX);
            return;
        }

        if (sp_value_kind(l, child, SP_Y_MAP, "a rule") == SP_OK) {
            sp_load_rule(l, child, kind);
        }
    }
}


static void
sp_load_rule(sp_load_t *l, const sp_ynode_t *node, sp_rule_kind_t kind)
{
    sp_lrule_t  *rule;

    (void) sp_value_keys(l, node, sp_kind_keys(kind));

    rule = sp_load_alloc(l, sizeof(sp_lrule_t));
    if (rule == NULL) {
        return;
    }

    rule->node = node;
    rule->kind = kind;
    rule->reason = -1;
    rule->by = -1;
    rule->from = SP_TIME_MIN;
    rule->until = SP_TIME_MAX;

    if (sp_load_rule_id(l, rule) != SP_OK) {
        return;
    }

    *l->rules_tail = rule;
    l->rules_tail = &rule->next;
    l->nrules++;

    sp_load_rule_common(l, rule);
    sp_load_rule_mode(l, rule);
    sp_load_valid(l, rule);

    if (kind == SP_RULE_THROTTLE) {
        sp_load_throttle(l, rule);

    } else if (kind == SP_RULE_EXCEPTION) {
        sp_load_exception(l, rule);
    }
}


static sp_rc_t
sp_load_needs(sp_load_t *l, const sp_lrule_t *rule, const char *key,
    const sp_ynode_t **node)
{
    *node = sp_ynode_get(rule->node, key);

    if (*node != NULL) {
        return SP_OK;
    }

    sp_load_error(l, rule->id_node ? rule->id_node : rule->node, 104, NULL,
                  "%s needs '%s'", sp_kind_name(rule->kind), key);

    return SP_ERROR;
}


/* Twins are found when all rules are known; see sp_load_check(). */

static sp_rc_t
sp_load_rule_id(sp_load_t *l, sp_lrule_t *rule)
{
    if (sp_load_needs(l, rule, "id", &rule->id_node) != SP_OK) {
        return SP_ERROR;
    }

    return sp_value_name(l, rule->id_node, &rule->id);
}


static void
sp_load_rule_common(sp_load_t *l, sp_lrule_t *rule)
{
    const sp_ynode_t  *node;

    rule->when = sp_ynode_get(rule->node, "when");

    if (rule->when != NULL) {
        (void) sp_load_condition(l, rule);

    } else if (rule->kind != SP_RULE_THROTTLE
               && rule->kind != SP_RULE_EXCEPTION)
    {
        (void) sp_load_needs(l, rule, "when", &node);
    }

    node = sp_ynode_get(rule->node, "reason");

    if (node != NULL) {
        rule->reason = sp_load_reason(l, node);

    } else if (rule->kind == SP_RULE_DENY || rule->kind == SP_RULE_FLAG) {
        (void) sp_load_needs(l, rule, "reason", &node);

    } else if (rule->kind == SP_RULE_THROTTLE) {
        rule->reason = SP_R_RATE_LIMITED;
    }

    node = sp_ynode_get(rule->node, "message");

    if (node != NULL && sp_value_text(l, node, &rule->message) == SP_OK
        && rule->message.len > 500)
    {
        sp_load_error(l, node, 104, NULL, "a message has at most 500 bytes");
    }
}


/* "canary 10%"; 0 if it is another mode. */

static int
sp_load_canary(sp_load_t *l, sp_lrule_t *rule, const sp_ynode_t *node)
{
    int64_t   bps;
    sp_str_t  s;

    static const sp_str_t  word = sp_str("canary");

    s = node->text;

    if (node->kind != SP_Y_SCALAR || s.len < word.len
        || memcmp(s.data, word.data, word.len) != 0)
    {
        return 0;
    }

    if (rule->kind != SP_RULE_DENY && rule->kind != SP_RULE_THROTTLE) {
        sp_load_error(l, node, 104,
                      sp_diag_text("values: enforce, shadow"),
                      "%s has no canary: only a deny rule or a throttle can "
                      "be enforced for some of the accounts",
                      sp_kind_name(rule->kind));
        return 1;
    }

    s.data += word.len;
    s.len -= word.len;

    if (s.len < 2 || s.data[0] != ' ') {
        bps = 0;

    } else {
        s.data++;
        s.len--;

        if (sp_text_percent(s, &bps) != SP_OK) {
            bps = 0;
        }
    }

    if (bps < 1 || bps >= SP_CANARY_ALL) {
        sp_load_error(l, node, 104, sp_diag_text("write 'canary 10%%'; none "
                                                 "is 'shadow', all is "
                                                 "'enforce'"),
                      "a canary has a share of the accounts from 0.01%% to "
                      "99.99%%");
        return 1;
    }

    rule->share = (unsigned) bps;

    return 1;
}


static void
sp_load_rule_mode(sp_load_t *l, sp_lrule_t *rule)
{
    int                word;
    int64_t            class;
    const sp_ynode_t  *node;

    node = sp_ynode_get(rule->node, "mode");

    if (node != NULL && !sp_load_canary(l, rule, node)) {
        word = sp_value_of(l, node, SP_K_ALLOW, "mode");
        rule->shadow = (word == 1);
    }

    if ((rule->shadow || rule->share) && rule->kind == SP_RULE_DENY
        && rule->reason >= 0)
    {
        class = l->reasons[rule->reason].row.class;

        if (class == SP_CLASS_LEGAL) {
            sp_load_warn(l, node, 314, NULL, "a legal reason is in %s: this "
                         "rule refuses %s", rule->shadow ? "shadow" : "canary",
                         rule->shadow ? "nothing" : "some accounts only");
        }
    }

    node = sp_ynode_get(rule->node, "unknown");

    if (node != NULL) {
        rule->unknown = 1 + sp_value_of(l, node, SP_K_DENY, "unknown");
    }
}


static void
sp_load_valid(sp_load_t *l, sp_lrule_t *rule)
{
    const sp_ynode_t  *node;

    node = sp_ynode_get(rule->node, "valid");

    if (node == NULL) {

        if (rule->kind == SP_RULE_EXCEPTION) {
            (void) sp_load_needs(l, rule, "valid", &node);
        }

        return;
    }

    if (sp_load_dates(l, node, &rule->from, &rule->until) != SP_OK) {
        return;
    }

    rule->valid = node;

    if (rule->until == SP_TIME_MAX && rule->kind == SP_RULE_EXCEPTION) {
        sp_load_error(l, node->key, 104, NULL, "an exception needs an end: "
                      "'valid: {until: ...}'");
    }
}


sp_rc_t
sp_load_dates(sp_load_t *l, const sp_ynode_t *node, int64_t *from,
    int64_t *until)
{
    const sp_ynode_t  *first, *last;

    if (sp_value_kind(l, node, SP_Y_MAP, "'valid'") != SP_OK
        || sp_value_keys(l, node, SP_K_VALID) != SP_OK)
    {
        return SP_ERROR;
    }

    first = sp_ynode_get(node, "from");
    last = sp_ynode_get(node, "until");

    if ((first != NULL && sp_value_time(l, first, 0, from) != SP_OK)
        || (last != NULL && sp_value_time(l, last, 1, until) != SP_OK))
    {
        return SP_ERROR;
    }

    if (*from >= *until) {
        sp_load_error(l, node->key, 104, NULL, "this ends before it begins");
        return SP_ERROR;
    }

    return SP_OK;
}


static void
sp_load_exception(sp_load_t *l, sp_lrule_t *rule)
{
    int                kind;
    sp_str_t           s;
    const sp_ynode_t  *node, *child;

    if (sp_load_needs(l, rule, "kind", &node) == SP_OK) {
        kind = sp_value_of(l, node, SP_K_EXCEPTION, "kind");
        rule->exception = (sp_exception_kind_t) (kind > 0 ? kind : 0);
    }

    if (sp_load_needs(l, rule, "account", &node) == SP_OK
        && sp_value_text(l, node, &rule->account) == SP_OK
        && !sp_id_valid(rule->account))
    {
        sp_load_error(l, node, 104, NULL, "'%.64s' is not an account id",
                      rule->account.data);
    }

    if (sp_load_needs(l, rule, "lifts", &node) == SP_OK
        && sp_value_kind(l, node, SP_Y_SEQ, "'lifts'") == SP_OK)
    {
        rule->lifts = node;

        if (node->n == 0) {
            sp_load_error(l, node, 104, NULL, "this exception lifts nothing");
        }
    }

    node = sp_ynode_get(rule->node, "authority");

    if (node != NULL) {
        (void) sp_value_text(l, node, &rule->authority);

    } else if (rule->exception == SP_EXCEPTION_LICENCE) {
        sp_load_error(l, rule->id_node, 104, NULL, "a licence names its "
                      "'authority'");
    }

    node = sp_ynode_get(rule->node, "ticket");

    if (node != NULL) {
        (void) sp_value_text(l, node, &rule->ticket);
    }

    node = sp_ynode_get(rule->node, "approved_by");

    if (node != NULL
        && sp_value_kind(l, node, SP_Y_SEQ, "'approved_by'") == SP_OK)
    {
        for (child = node->first; child != NULL; child = child->next) {

            if (sp_value_text(l, child, &s) == SP_OK) {
                rule->approvers++;
            }
        }
    }
}

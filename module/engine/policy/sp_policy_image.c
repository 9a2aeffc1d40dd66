
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what can be asked of a compiled policy.
 */


#include "sp_expr.h"


size_t
sp_policy_size(const sp_policy_t *policy)
{
    return policy->size;
}


sp_str_t
sp_policy_name(const sp_policy_t *policy)
{
    return sp_image_str(policy, policy->name);
}


sp_str_t
sp_policy_revision(const sp_policy_t *policy)
{
    return sp_image_str(policy, policy->revision);
}


sp_str_t
sp_policy_owner(const sp_policy_t *policy)
{
    return sp_image_str(policy, policy->owner);
}


sp_str_t
sp_policy_blocked_by(const sp_policy_t *policy)
{
    return sp_image_str(policy, policy->blocked_by);
}


sp_customers_t
sp_policy_customers(const sp_policy_t *policy, sp_str_t *header)
{
    if (header != NULL) {
        *header = sp_image_str(policy, policy->header);
    }

    return (sp_customers_t) policy->customers;
}


const unsigned char *
sp_policy_hash(const sp_policy_t *policy)
{
    return policy->hash;
}


int
sp_policy_rules(const sp_policy_t *policy)
{
    return (int) policy->nrules;
}


sp_str_t
sp_policy_rule_id(const sp_policy_t *policy, int rule)
{
    return sp_image_str(policy, sp_image_rule(policy, rule)->id);
}


sp_rule_kind_t
sp_policy_rule_kind(const sp_policy_t *policy, int rule)
{
    return (sp_rule_kind_t) sp_image_rule(policy, rule)->kind;
}


void
sp_policy_rule_valid(const sp_policy_t *policy, int rule, int64_t *from,
    int64_t *until)
{
    *from = sp_image_rule(policy, rule)->from;
    *until = sp_image_rule(policy, rule)->until;
}


int
sp_policy_lists(const sp_policy_t *policy)
{
    return (int) policy->nlists;
}


void
sp_policy_list(const sp_policy_t *policy, int i, sp_policy_list_t *list)
{
    size_t           k;
    const sp_set_t  *set;

    set = sp_image_set(policy, i);

    list->name = sp_image_str(policy, set->name);
    list->type = sp_list_type_name((sp_list_type_t) set->type);
    list->items = (size_t) set->n + set->nglobs;
    list->from = set->from;
    list->until = set->until;
    list->review = set->review;
    list->source = sp_image_str(policy, set->source);
    list->used = set->used;
    list->file = sp_image_str(policy, set->file);
    list->line = set->line;

    for (k = 0; k < sp_nelts(set->countries.bits); k++) {
        list->items += (size_t) __builtin_popcountll(set->countries.bits[k]);
    }
}


unsigned
sp_policy_rule_share(const sp_policy_t *policy, int rule)
{
    const sp_rule_t  *r;

    r = sp_image_rule(policy, rule);

    return r->shadow ? 0 : r->share ? r->share : SP_CANARY_ALL;
}


sp_str_t
sp_policy_rule_message(const sp_policy_t *policy, int rule)
{
    return sp_image_str(policy, sp_image_rule(policy, rule)->message);
}


sp_str_t
sp_policy_rule_file(const sp_policy_t *policy, int rule, unsigned *line)
{
    *line = sp_image_rule(policy, rule)->line;

    return sp_image_str(policy, sp_image_rule(policy, rule)->file);
}


sp_exception_kind_t
sp_policy_exception_kind(const sp_policy_t *policy, int rule)
{
    return (sp_exception_kind_t) sp_image_rule(policy, rule)->exception;
}


sp_str_t
sp_policy_exception_account(const sp_policy_t *policy, int rule)
{
    return sp_image_str(policy, sp_image_rule(policy, rule)->account);
}


sp_str_t
sp_policy_exception_authority(const sp_policy_t *policy, int rule)
{
    return sp_image_str(policy, sp_image_rule(policy, rule)->authority);
}


sp_str_t
sp_policy_exception_ticket(const sp_policy_t *policy, int rule)
{
    return sp_image_str(policy, sp_image_rule(policy, rule)->ticket);
}


int
sp_policy_invariants(const sp_policy_t *policy)
{
    return (int) policy->ninvariants;
}


void
sp_policy_invariant(const sp_policy_t *policy, int i,
    sp_policy_invariant_t *invariant)
{
    const sp_node_t       *node;
    const sp_invariant_t  *row;

    row = sp_image_invariant(policy, i);
    node = sp_image_at(policy, policy->nodes, sp_node_t) + row->cond;

    invariant->id = sp_image_str(policy, row->id);
    invariant->when = sp_image_str(policy, node->text);
    invariant->never = row->never;
    invariant->deny = row->deny;
    invariant->file = sp_image_str(policy, row->file);
    invariant->line = row->line;
    invariant->col = row->col;
    invariant->len = row->len;
}


const sp_reason_t *
sp_policy_reason(const sp_policy_t *policy, int reason)
{
    return sp_image_at(policy, policy->reasons, sp_reason_t) + reason;
}


sp_str_t
sp_policy_reason_code(const sp_policy_t *policy, int reason)
{
    return sp_image_str(policy, sp_policy_reason(policy, reason)->code);
}


sp_str_t
sp_policy_reason_public(const sp_policy_t *policy, int reason)
{
    return sp_image_str(policy, sp_policy_reason(policy, reason)->public_code);
}


sp_str_t
sp_policy_reason_text(const sp_policy_t *policy, int reason)
{
    return sp_image_str(policy, sp_policy_reason(policy, reason)->text);
}


int64_t
sp_policy_max_age(const sp_policy_t *policy, sp_aged_t source)
{
    return policy->max_age[source];
}


int64_t
sp_policy_stale(const sp_policy_t *policy, int tier)
{
    return policy->stale[(tier > 0 && tier <= SP_TIERS) ? tier : 0];
}


int
sp_policy_model_tier(const sp_policy_t *policy, sp_str_t model)
{
    int                    rc;
    size_t                 len;
    uint32_t               low, high, mid, i;
    sp_str_t               name;
    const sp_glob_t       *globs;
    const sp_tier_name_t  *names;

    names = sp_image_at(policy, policy->tiers, sp_tier_name_t);

    for (low = 0, high = policy->ntiers; low < high; /* void */ ) {
        mid = low + (high - low) / 2;

        name = sp_image_str(policy, names[mid].name);
        len = name.len < model.len ? name.len : model.len;
        rc = len ? memcmp(name.data, model.data, len) : 0;

        if (rc == 0 && name.len == model.len) {
            return (int) names[mid].tier;
        }

        if (rc < 0 || (rc == 0 && name.len < model.len)) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    globs = sp_image_at(policy, policy->globs, sp_glob_t);

    for (i = 0; i < policy->nglobs; i++) {

        if (sp_glob_match(policy, &globs[i], model)) {
            return (int) globs[i].tier;
        }
    }

    return 0;
}


int
sp_policy_reads(const sp_policy_t *policy, int field)
{
    uint32_t          i;
    const sp_node_t  *node;

    for (i = 0; i < policy->nnodes; i++) {
        node = sp_image_at(policy, policy->nodes, sp_node_t) + i;

        if (node->field == field
            || ((node->op == SP_OP_SAME || node->op == SP_OP_WITHIN)
                && node->other == field))
        {
            return 1;
        }
    }

    for (i = 0; i < policy->nrules; i++) {
        if (sp_image_rule(policy, i)->by == field) {
            return 1;
        }
    }

    return 0;
}

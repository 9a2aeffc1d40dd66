
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the compilation: what was loaded and checked is written
 * into one block without pointers. Sizes are counted first, so that the block
 * is made once and never moves.
 */


#include <openssl/evp.h>
#include <stdlib.h>

#include "sp_policy_emit.h"


#define SP_IMAGE_MAX  (256u * 1024 * 1024)

#define sp_image_align(n)  (((n) + 15) & ~(size_t) 15)


static void sp_emit_all(sp_emit_t *e);
static void sp_emit_rules(sp_emit_t *e);
static void sp_emit_rule(sp_emit_t *e, const sp_lrule_t *rule);
static void sp_emit_invariants(sp_emit_t *e);
static void sp_emit_lists(sp_emit_t *e, const sp_lrule_t *rule,
    sp_rule_t *r);
static void sp_emit_ast(sp_emit_t *e, const sp_lrule_t *rule,
    const sp_ast_t *ast);
static sp_lrule_t *sp_emit_by_kind(sp_load_t *l);


sp_policy_t *
sp_load_emit(sp_load_t *l)
{
    int           i;
    size_t        strings, total;
    unsigned      len;
    sp_emit_t     e;
    sp_policy_t  *policy;

    memset(&e, 0, sizeof(sp_emit_t));
    e.load = l;
    e.policy = &e.counts;

    l->rules = sp_emit_by_kind(l);

    sp_emit_all(&e);

    strings = sp_image_align(e.used);
    total = sp_image_align(strings + e.strings + 1);

    if (l->failed || total > SP_IMAGE_MAX) {
        return NULL;
    }

    policy = aligned_alloc(16, total);
    if (policy == NULL) {
        return NULL;
    }

    memset(policy, 0, total);

    e.base = (unsigned char *) policy;
    e.policy = policy;
    e.used = e.strings = 0;
    e.node = e.set = e.rate = e.throttle = 0;

    policy->nnodes = e.counts.nnodes;
    policy->nsets = e.counts.nsets;
    policy->nrates = e.counts.nrates;
    policy->nthrottles = e.counts.nthrottles;
    policy->strings = (uint32_t) strings;

    sp_emit_all(&e);

    policy->magic = SP_POLICY_MAGIC;
    policy->layout = SP_POLICY_LAYOUT;
    policy->size = total;
    policy->strings_len = (uint32_t) e.strings;
    policy->reads = sp_image_reads(policy);

    for (i = 0; i < SP_AGED_SOURCES; i++) {
        policy->max_age[i] = l->max_age[i];
    }

    for (i = 0; i <= SP_TIERS; i++) {
        policy->stale[i] = l->stale[i];
    }

    /* both passes must have walked the same way */

    if (EVP_DigestFinal_ex(l->sha, policy->hash, &len) != 1
        || len != SP_POLICY_HASH_LEN || sp_image_align(e.used) != strings
        || !sp_policy_valid(policy, total))
    {
        free(policy);
        return NULL;
    }

    return policy;
}


void *
sp_emit_room(sp_emit_t *e, size_t size, uint32_t *off)
{
    *off = (uint32_t) e->used;
    e->used = sp_image_align(e->used + size);

    if (e->used > SP_IMAGE_MAX) {
        e->load->failed = 1;
        e->used = *off;
    }

    return e->base ? e->base + *off : NULL;
}


sp_ref_t
sp_emit_str(sp_emit_t *e, sp_str_t s)
{
    sp_ref_t  ref;

    ref.off = (uint32_t) e->strings;
    ref.len = (uint32_t) s.len;

    if (e->base != NULL && s.len != 0) {
        memcpy(e->base + e->policy->strings + ref.off, s.data, s.len);
    }

    e->strings += s.len;

    if (e->strings > SP_IMAGE_MAX) {
        e->load->failed = 1;
        e->strings = 0;
    }

    return ref;
}


/* The rules, already in the order of their ids, kind by kind. */

static sp_lrule_t *
sp_emit_by_kind(sp_load_t *l)
{
    unsigned      kind, i;
    uint32_t      n;
    sp_lrule_t   *first, **tail;

    first = NULL;
    tail = &first;
    n = 0;

    for (kind = 0; kind < SP_RULE_KINDS; kind++) {

        for (i = 0; i < l->nrules; i++) {

            if (l->sorted[i]->kind == (sp_rule_kind_t) kind) {
                l->sorted[i]->index = n++;
                *tail = l->sorted[i];
                tail = &l->sorted[i]->next;
            }
        }

        l->ends[kind] = n;
    }

    *tail = NULL;

    return first;
}


static void
sp_emit_all(sp_emit_t *e)
{
    uint32_t      off, kind;
    sp_load_t    *l;
    sp_lset_t    *set;
    sp_policy_t  *p;

    l = e->load;
    p = e->policy;

    (void) sp_emit_room(e, sizeof(sp_policy_t), &off);
    (void) sp_emit_room(e, l->nrules * sizeof(sp_rule_t), &p->rules);
    (void) sp_emit_room(e, p->nnodes * sizeof(sp_node_t), &p->nodes);
    (void) sp_emit_room(e, p->nsets * sizeof(sp_set_t), &p->sets);
    (void) sp_emit_room(e, p->nrates * sizeof(sp_rate_t), &p->rates);
    (void) sp_emit_room(e, p->nthrottles * sizeof(sp_throttle_t),
                        &p->throttles);

    p->nrules = l->nrules;
    p->nlists = l->nlists;
    p->first[0] = 0;

    for (kind = 0; kind < SP_RULE_KINDS; kind++) {
        p->first[kind + 1] = l->ends[kind];
    }

    for (set = l->sets; set != NULL; set = set->next) {
        (void) sp_emit_set(e, set);
    }

    sp_emit_reasons(e);
    sp_emit_rules(e);
    sp_emit_tiers(e);
    sp_emit_prices(e);
    sp_emit_own(e);
    sp_emit_invariants(e);
    sp_emit_aliases(e);
    sp_emit_routes(e);

    p->name = sp_emit_str(e, l->name);
    p->revision = sp_emit_str(e, l->revision);
    p->owner = sp_emit_str(e, l->owner);
    p->blocked_by = sp_emit_str(e, l->blocked_by);
    p->header = sp_emit_str(e, l->header);
    p->customers = l->customers;
    p->contact = sp_emit_str(e, l->contact);
    p->appeal = sp_emit_str(e, l->appeal);
    p->legal_basis = sp_emit_str(e, l->legal_basis);

    if (e->base == NULL) {

        /* what the first pass counted had no room in it yet */

        p->nnodes = e->node;
        p->nsets = e->set;
        p->nrates = e->rate;
        p->nthrottles = e->throttle;

        e->used += sp_image_align(p->nnodes * sizeof(sp_node_t))
                   + sp_image_align(p->nsets * sizeof(sp_set_t))
                   + sp_image_align(p->nrates * sizeof(sp_rate_t))
                   + sp_image_align(p->nthrottles * sizeof(sp_throttle_t));
    }
}


static void
sp_emit_rules(sp_emit_t *e)
{
    const sp_lrule_t  *rule;

    for (rule = e->load->rules; rule != NULL; rule = rule->next) {
        sp_emit_rule(e, rule);
    }
}


static void
sp_emit_rule(sp_emit_t *e, const sp_lrule_t *rule)
{
    unsigned    i;
    sp_rule_t   scratch, *r;

    memset(&scratch, 0, sizeof(scratch));

    r = &scratch;

    r->cond = rule->ast ? e->node : SP_NO_COND;
    r->reason = (uint16_t) (rule->reason >= 0 ? rule->reason : 0);
    r->rank = e->load->reasons[r->reason].row.rank;
    r->kind = (uint8_t) rule->kind;
    r->shadow = (uint8_t) rule->shadow;
    r->share = (uint16_t) rule->share;
    r->skip = (rule->unknown == 2);

    /* a flag warns of what is so, unless it is told to warn of doubt too */

    if (rule->kind == SP_RULE_FLAG) {
        r->skip = (rule->unknown != 1);
    }

    r->flags = (uint8_t) rule->flags;
    r->dated = (rule->from != SP_TIME_MIN || rule->until != SP_TIME_MAX);
    r->exception = (uint8_t) rule->exception;
    r->per = rule->per;
    r->by = (uint8_t) (rule->by >= 0 ? rule->by : SP_NO_FIELD);
    r->by_min = rule->by_min;
    r->from = rule->from;
    r->until = rule->until;

    r->id = sp_emit_str(e, rule->id);
    r->message = sp_emit_str(e, rule->message);
    r->account = sp_emit_str(e, rule->account);
    r->authority = sp_emit_str(e, rule->authority);
    r->ticket = sp_emit_str(e, rule->ticket);
    r->file = sp_emit_str(e, sp_cstr(rule->node->source->name));
    r->line = rule->id_node->line;

    r->rates = e->rate;
    r->nrates = rule->nrates;
    r->nwindows = rule->nwindows;

    sp_emit_throttle(e, rule, r);

    for (i = 0; i < rule->nrates * rule->nwindows; i++) {

        if (e->base != NULL) {
            ((sp_rate_t *) (void *) (e->base + e->policy->rates))[e->rate]
                = rule->rates[i];
        }

        e->rate++;
    }

    sp_emit_lists(e, rule, r);

    if (rule->ast != NULL) {
        sp_emit_ast(e, rule, rule->ast);
    }

    if (e->base != NULL) {
        ((sp_rule_t *) (void *) (e->base + e->policy->rules))[rule->index]
            = *r;
    }
}


static void
sp_emit_invariants(sp_emit_t *e)
{
    size_t                  i;
    sp_mark_t               mark, key;
    sp_invariant_t          row, *out;
    const sp_linvariant_t  *from;

    out = sp_emit_room(e, e->load->ninvariants * sizeof(sp_invariant_t),
                       &e->policy->invariants);
    e->policy->ninvariants = (uint32_t) e->load->ninvariants;

    for (i = 0; i < e->load->ninvariants; i++) {
        from = &e->load->invariants[i];
        mark = sp_ynode_mark(from->what);
        key = sp_ynode_mark(from->what->key);

        memset(&row, 0, sizeof(row));

        row.cond = e->node;
        row.line = key.line;
        row.col = key.col;
        row.len = (mark.line == key.line && mark.col > key.col)
                  ? mark.col + mark.len - key.col : key.len;
        row.never = (uint8_t) from->never;
        row.deny = (uint8_t) from->deny;
        row.id = sp_emit_str(e, from->rule.id);
        row.file = sp_emit_str(e, sp_cstr(key.file));

        sp_emit_ast(e, &from->rule, from->rule.ast);

        if (out != NULL) {
            out[i] = row;
        }
    }
}


/* A name that a rule lists; the checks have seen that it is there. */

static void
sp_emit_lists(sp_emit_t *e, const sp_lrule_t *rule, sp_rule_t *r)
{
    uint32_t           n, *out;
    sp_lrule_t        *other;
    const sp_ynode_t  *seq, *child;

    if (rule->kind == SP_RULE_DENY) {

        out = sp_emit_room(e, rule->nlifted * sizeof(uint32_t), &r->list);
        r->nlist = rule->nlifted;

        for (n = 0; out != NULL && n < rule->nlifted; n++) {
            out[n] = rule->lifted[n]->index;
        }

        return;
    }

    seq = rule->lifts ? rule->lifts : rule->replaces;

    out = sp_emit_room(e, (seq ? seq->n : 0) * sizeof(uint32_t), &r->list);

    for (n = 0, child = seq ? seq->first : NULL; child != NULL;
         child = child->next, n++)
    {
        other = sp_lrule_find(e->load, child->text);

        if (out != NULL) {
            out[n] = other->index;
        }
    }

    r->nlist = n;
}


static void
sp_emit_ast(sp_emit_t *e, const sp_lrule_t *rule, const sp_ast_t *ast)
{
    uint32_t         at;
    sp_str_t         text;
    sp_node_t        node;
    const sp_ast_t  *child;

    at = e->node++;

    memset(&node, 0, sizeof(node));

    text.data = rule->when_text.data + ast->off;
    text.len = ast->len;

    if (ast->label.len != 0) {
        text = ast->label;
    }

    node.op = (uint8_t) ast->op;
    node.cmp = (uint8_t) ast->cmp;
    node.neg = (uint8_t) ast->neg;
    node.field = (uint8_t) (ast->field >= 0 ? ast->field : SP_F_NOW);
    node.other = (uint8_t) (ast->other >= 0 ? ast->other : SP_NO_FIELD);
    node.value = ast->value;
    node.text = sp_emit_str(e, text);
    node.set = SP_NO_SET;

    if (ast->op == SP_OP_SAME || ast->op == SP_OP_WITHIN) {
        node.how = (uint8_t) sp_image_how(
            sp_load_field(e->load, ast->field)->type,
            sp_load_field(e->load, ast->other)->type);
    }

    if (ast->set != NULL) {
        node.set = ast->set->name.len != 0 ? ast->set->index
                                           : sp_emit_set(e, ast->set);
    }

    for (child = ast->first; child != NULL; child = child->next) {
        sp_emit_ast(e, rule, child);
    }

    node.end = e->node;

    if (e->base != NULL) {
        ((sp_node_t *) (void *) (e->base + e->policy->nodes))[at] = node;
    }
}

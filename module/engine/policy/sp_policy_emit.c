
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the compilation: what was loaded and checked is written
 * into one block without pointers. Sizes are counted first, so that the block
 * is made once and never moves.
 */


#include <openssl/evp.h>
#include <stdlib.h>

#include "sp_expr.h"


#define SP_IMAGE_MAX  (256u * 1024 * 1024)

#define sp_image_align(n)  (((n) + 15) & ~(size_t) 15)


typedef struct {
    sp_load_t      *load;
    unsigned char  *base;      /* NULL while sizes are counted */
    size_t          used;      /* of the part behind the tables */
    size_t          strings;   /* of the pool */
    uint32_t        node;      /* next */
    uint32_t        set;
    uint32_t        rate;
    sp_policy_t    *policy;
    sp_policy_t     counts;
} sp_emit_t;


static void sp_emit_all(sp_emit_t *e);
static void sp_emit_rules(sp_emit_t *e);
static void sp_emit_rule(sp_emit_t *e, const sp_lrule_t *rule);
static void sp_emit_lists(sp_emit_t *e, const sp_lrule_t *rule,
    sp_rule_t *r);
static void sp_emit_ast(sp_emit_t *e, const sp_lrule_t *rule,
    const sp_ast_t *ast);
static uint32_t sp_emit_set(sp_emit_t *e, sp_lset_t *set);
static void sp_emit_names(sp_emit_t *e, const sp_lset_t *set, sp_set_t *s);
static void sp_emit_glob(sp_emit_t *e, sp_str_t name, unsigned tier,
    sp_glob_t *glob);
static void sp_emit_reasons(sp_emit_t *e);
static void sp_emit_tiers(sp_emit_t *e);
static int sp_emit_glob_order(const void *one, const void *two);
static sp_ref_t sp_emit_str(sp_emit_t *e, sp_str_t s);
static void *sp_emit_room(sp_emit_t *e, size_t size, uint32_t *off);
static int sp_emit_is_glob(sp_str_t s);
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
    e.node = e.set = e.rate = 0;

    policy->nnodes = e.counts.nnodes;
    policy->nsets = e.counts.nsets;
    policy->nrates = e.counts.nrates;
    policy->strings = (uint32_t) strings;

    sp_emit_all(&e);

    policy->magic = SP_POLICY_MAGIC;
    policy->layout = SP_POLICY_LAYOUT;
    policy->size = total;
    policy->strings_len = (uint32_t) e.strings;

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


static void *
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


static sp_ref_t
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

    p->nrules = l->nrules;
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

    p->name = sp_emit_str(e, l->name);
    p->revision = sp_emit_str(e, l->revision);
    p->owner = sp_emit_str(e, l->owner);
    p->blocked_by = sp_emit_str(e, l->blocked_by);

    if (e->base == NULL) {

        /* what the first pass counted had no room in it yet */

        p->nnodes = e->node;
        p->nsets = e->set;
        p->nrates = e->rate;

        e->used += sp_image_align(p->nnodes * sizeof(sp_node_t))
                   + sp_image_align(p->nsets * sizeof(sp_set_t))
                   + sp_image_align(p->nrates * sizeof(sp_rate_t));
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

    for (i = 0; i < rule->nrates; i++) {

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

    node.op = (uint8_t) ast->op;
    node.cmp = (uint8_t) ast->cmp;
    node.neg = (uint8_t) ast->neg;
    node.field = (uint8_t) (ast->field >= 0 ? ast->field : SP_F_NOW);
    node.other = (uint8_t) (ast->other >= 0 ? ast->other : SP_NO_FIELD);
    node.value = ast->value;
    node.text = sp_emit_str(e, text);
    node.set = SP_NO_SET;

    if (ast->op == SP_OP_SAME || ast->op == SP_OP_WITHIN) {
        node.how = (uint8_t) sp_image_how(ast->field, ast->other);
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


static int
sp_emit_is_glob(sp_str_t s)
{
    return memchr(s.data, '*', s.len) != NULL;
}


static uint32_t
sp_emit_set(sp_emit_t *e, sp_lset_t *set)
{
    void      *out;
    size_t     size;
    sp_set_t   s;

    set->index = e->set++;

    memset(&s, 0, sizeof(s));

    s.type = set->type;
    s.n = (uint32_t) set->n;
    s.name = sp_emit_str(e, set->name);
    s.countries = set->countries;
    s.parts = set->parts;

    switch (set->type) {

    case SP_LIST_ACCOUNT:
    case SP_LIST_MODEL:
    case SP_LIST_NAME:
        sp_emit_names(e, set, &s);
        break;

    default:
        size = set->n * (set->type == SP_LIST_CIDR ? sizeof(sp_network_t)
                                                   : sizeof(uint32_t));
        out = sp_emit_room(e, size, &s.items);

        if (out != NULL && size != 0) {
            memcpy(out, set->type == SP_LIST_CIDR ? (void *) set->nets
                        : set->type == SP_LIST_ASN ? (void *) set->asns
                        : (void *) set->places, size);
        }
    }

    if (e->base != NULL) {
        ((sp_set_t *) (void *) (e->base + e->policy->sets))[set->index] = s;
    }

    return set->index;
}


static void
sp_emit_names(sp_emit_t *e, const sp_lset_t *set, sp_set_t *s)
{
    size_t      i;
    sp_ref_t    ref, *names;
    sp_glob_t   glob, *globs;

    for (i = 0; i < set->n; i++) {
        s->nglobs += (set->type == SP_LIST_MODEL
                      && sp_emit_is_glob(set->names[i]));
    }

    s->n = (uint32_t) set->n - s->nglobs;

    names = sp_emit_room(e, s->n * sizeof(sp_ref_t), &s->items);
    globs = sp_emit_room(e, s->nglobs * sizeof(sp_glob_t), &s->globs);

    for (i = 0; i < set->n; i++) {

        if (set->type == SP_LIST_MODEL && sp_emit_is_glob(set->names[i])) {
            sp_emit_glob(e, set->names[i], 0, &glob);

            if (globs != NULL) {
                *globs++ = glob;
            }

        } else {
            ref = sp_emit_str(e, set->names[i]);

            if (names != NULL) {
                *names++ = ref;
            }
        }
    }
}


static void
sp_emit_glob(sp_emit_t *e, sp_str_t name, unsigned tier, sp_glob_t *glob)
{
    size_t    star;
    sp_str_t  part;

    for (star = 0; name.data[star] != '*'; star++) { /* void */ }

    part.data = name.data;
    part.len = star;
    glob->head = sp_emit_str(e, part);

    part.data = name.data + star + 1;
    part.len = name.len - star - 1;
    glob->tail = sp_emit_str(e, part);

    glob->tier = tier;
}


static void
sp_emit_reasons(sp_emit_t *e)
{
    size_t         i;
    sp_load_t     *l;
    sp_reason_t    reason, *out;

    l = e->load;
    out = sp_emit_room(e, l->nreasons * sizeof(sp_reason_t),
                       &e->policy->reasons);
    e->policy->nreasons = (uint32_t) l->nreasons;

    for (i = 0; i < l->nreasons; i++) {
        memset(&reason, 0, sizeof(reason));

        reason.code = sp_emit_str(e, l->reasons[i].code);
        reason.public_code = sp_emit_str(e, l->reasons[i].public_code);
        reason.text = sp_emit_str(e, l->reasons[i].text);
        reason.rank = l->reasons[i].row.rank;
        reason.status = l->reasons[i].row.status;
        reason.class = l->reasons[i].row.class;
        reason.liftable = l->reasons[i].row.liftable;

        if (out != NULL) {
            out[i] = reason;
        }
    }
}


/* The most letters first; of two alike the higher tier. */

static int
sp_emit_glob_order(const void *one, const void *two)
{
    uint32_t          a, b;
    const sp_glob_t  *x = one, *y = two;

    a = x->head.len + x->tail.len;
    b = y->head.len + y->tail.len;

    if (a != b) {
        return a > b ? -1 : 1;
    }

    if (x->tier != y->tier) {
        return x->tier > y->tier ? -1 : 1;
    }

    return x->head.off < y->head.off ? -1 : x->head.off > y->head.off;
}


static void
sp_emit_tiers(sp_emit_t *e)
{
    size_t            i;
    uint32_t          n, nglobs;
    sp_load_t        *l;
    sp_glob_t         glob, *globs;
    sp_tier_name_t    name, *names;

    l = e->load;
    n = nglobs = 0;

    for (i = 0; i < l->ntiers; i++) {
        nglobs += (uint32_t) sp_emit_is_glob(l->tiers[i].name);
    }

    names = sp_emit_room(e, (l->ntiers - nglobs) * sizeof(sp_tier_name_t),
                         &e->policy->tiers);
    globs = sp_emit_room(e, nglobs * sizeof(sp_glob_t), &e->policy->globs);

    e->policy->ntiers = (uint32_t) l->ntiers - nglobs;
    e->policy->nglobs = nglobs;

    for (i = 0, nglobs = 0; i < l->ntiers; i++) {

        if (sp_emit_is_glob(l->tiers[i].name)) {
            sp_emit_glob(e, l->tiers[i].name, l->tiers[i].tier, &glob);

            if (globs != NULL) {
                globs[nglobs++] = glob;
            }

            continue;
        }

        name.name = sp_emit_str(e, l->tiers[i].name);
        name.tier = l->tiers[i].tier;

        if (names != NULL) {
            names[n++] = name;
        }
    }

    if (nglobs != 0) {
        qsort(globs, nglobs, sizeof(sp_glob_t), sp_emit_glob_order);
    }
}

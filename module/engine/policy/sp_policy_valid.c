
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the test of an image: that nothing in it leads outside
 * of it, that every index names something, and that evaluation ends. It is
 * run on what was just compiled too, as a check on the compiler.
 */


#include "sp_decide.h"
#include "sp_expr.h"


static int sp_valid_table(const sp_policy_t *p, uint32_t off, uint64_t n,
    size_t size);
static int sp_valid_ref(const sp_policy_t *p, sp_ref_t ref);
static int sp_valid_rule(const sp_policy_t *p, uint32_t i);
static int sp_valid_lists(const sp_policy_t *p, const sp_rule_t *r);
static int sp_valid_node(const sp_policy_t *p, uint32_t i, uint32_t end,
    unsigned depth);
static int sp_valid_atom(const sp_policy_t *p, const sp_node_t *node);
static int sp_valid_set(const sp_policy_t *p, const sp_set_t *set);
static int sp_valid_globs(const sp_policy_t *p, uint32_t off, uint32_t n);
static int sp_valid_tables(const sp_policy_t *p);
static int sp_valid_throttle(const sp_policy_t *p, const sp_rule_t *r);
static int sp_valid_prices(const sp_policy_t *p);
static int sp_valid_own(const sp_policy_t *p);
static int sp_valid_routes(const sp_policy_t *p);
static int sp_valid_invariant(const sp_policy_t *p, uint32_t i);


int
sp_policy_valid(const void *image, size_t size)
{
    uint32_t            i;
    const sp_policy_t  *p;

    p = image;

    if (image == NULL || ((uintptr_t) image & 15) != 0
        || size < sizeof(sp_policy_t) || size > UINT32_MAX
        || p->magic != SP_POLICY_MAGIC || p->layout != SP_POLICY_LAYOUT
        || p->size != size)
    {
        return 0;
    }

    if (p->nrules > SP_RULES_MAX || p->nlists > p->nsets
        || p->nreasons < SP_R_BUILTIN
        || p->nreasons > SP_REASONS_MAX
        || !sp_valid_table(p, p->rules, p->nrules, sizeof(sp_rule_t))
        || !sp_valid_table(p, p->nodes, p->nnodes, sizeof(sp_node_t))
        || !sp_valid_table(p, p->sets, p->nsets, sizeof(sp_set_t))
        || !sp_valid_table(p, p->rates, p->nrates, sizeof(sp_rate_t))
        || !sp_valid_table(p, p->throttles, p->nthrottles,
                           sizeof(sp_throttle_t))
        || !sp_valid_prices(p)
        || !sp_valid_table(p, p->reasons, p->nreasons, sizeof(sp_reason_t))
        || !sp_valid_table(p, p->tiers, p->ntiers, sizeof(sp_tier_name_t))
        || !sp_valid_table(p, p->strings, p->strings_len, 1)
        || p->ninvariants > SP_INVARIANTS_MAX
        || !sp_valid_table(p, p->invariants, p->ninvariants,
                           sizeof(sp_invariant_t))
        || !sp_valid_globs(p, p->globs, p->nglobs)
        || !sp_valid_ref(p, p->name) || !sp_valid_ref(p, p->revision)
        || !sp_valid_ref(p, p->owner) || !sp_valid_ref(p, p->blocked_by)
        || !sp_valid_ref(p, p->header) || p->customers > SP_CUSTOMERS_BODY
        || (p->customers == SP_CUSTOMERS_HEADER) != (p->header.len != 0)
        || !sp_valid_ref(p, p->contact) || !sp_valid_ref(p, p->appeal)
        || !sp_valid_ref(p, p->legal_basis)
        || !sp_valid_own(p) || !sp_valid_tables(p) || !sp_valid_routes(p))
    {
        return 0;
    }

    if (p->reads != sp_image_reads(p)) {
        return 0;
    }

    for (i = 0; i < p->nsets; i++) {
        if (!sp_valid_set(p, sp_image_set(p, i))) {
            return 0;
        }
    }

    for (i = 0; i < p->nrules; i++) {
        if (!sp_valid_rule(p, i)) {
            return 0;
        }
    }

    for (i = 0; i < p->ninvariants; i++) {
        if (!sp_valid_invariant(p, i)) {
            return 0;
        }
    }

    return 1;
}


static int
sp_valid_table(const sp_policy_t *p, uint32_t off, uint64_t n, size_t size)
{
    return (off & 15) == 0 && off <= p->size
           && n <= (p->size - off) / size;
}


static int
sp_valid_ref(const sp_policy_t *p, sp_ref_t ref)
{
    return ref.off <= p->strings_len && ref.len <= p->strings_len - ref.off;
}


static int
sp_valid_tables(const sp_policy_t *p)
{
    uint32_t               i;
    const sp_reason_t     *reason;
    const sp_tier_name_t  *tier;

    if (p->first[0] != 0 || p->first[SP_RULE_KINDS] != p->nrules) {
        return 0;
    }

    for (i = 0; i < SP_RULE_KINDS; i++) {
        if (p->first[i] > p->first[i + 1]) {
            return 0;
        }
    }

    for (i = 0; i < p->nreasons; i++) {
        reason = sp_policy_reason(p, (int) i);

        if (!sp_valid_ref(p, reason->code) || !sp_valid_ref(p, reason->text)
            || !sp_valid_ref(p, reason->public_code)
            || reason->status < 400 || reason->status > 599
            || reason->class > SP_CLASS_SYSTEM
            || reason->liftable > SP_LIFT_LICENCE)
        {
            return 0;
        }
    }

    for (i = 0; i < p->ntiers; i++) {
        tier = sp_image_at(p, p->tiers, sp_tier_name_t) + i;

        if (!sp_valid_ref(p, tier->name) || tier->tier < 1
            || tier->tier > SP_TIERS)
        {
            return 0;
        }
    }

    for (i = 0; i < p->nglobs; i++) {

        if (sp_image_at(p, p->globs, sp_glob_t)[i].tier < 1) {
            return 0;
        }
    }

    return 1;
}


static int
sp_valid_own(const sp_policy_t *p)
{
    uint32_t         i, k;
    const sp_own_t  *own;

    if (p->nown > SP_OWN_FACTS_MAX
        || !sp_valid_table(p, p->own, p->nown, sizeof(sp_own_t)))
    {
        return 0;
    }

    for (i = 0; i < p->nown; i++) {
        own = sp_image_at(p, p->own, sp_own_t) + i;

        if (own->type > SP_T_PERCENT || !sp_valid_ref(p, own->name)
            || !sp_valid_ref(p, own->help) || !sp_valid_ref(p, own->text)
            || own->nvalues > SP_OWN_VALUES_MAX
            || !sp_valid_table(p, own->values, own->nvalues,
                               sizeof(sp_ref_t)))
        {
            return 0;
        }

        for (k = 0; k < own->nvalues; k++) {

            if (!sp_valid_ref(p, sp_image_at(p, own->values, sp_ref_t)[k])) {
                return 0;
            }
        }
    }

    return 1;
}


static int
sp_valid_routes(const sp_policy_t *p)
{
    uint32_t            i;
    const sp_path_t    *path;
    const sp_alias_t   *alias;
    const sp_served_t  *served;

    if (p->nroutes != (uint32_t) sp_route_count()
        || !sp_valid_table(p, p->routes, p->nroutes, sizeof(sp_served_t))
        || !sp_valid_table(p, p->paths, p->npaths, sizeof(sp_path_t))
        || !sp_valid_table(p, p->aliases, p->naliases, sizeof(sp_alias_t)))
    {
        return 0;
    }

    for (i = 0; i < p->nroutes; i++) {
        served = sp_image_at(p, p->routes, sp_served_t) + i;

        if (served->open > 1 || served->busy > 1
            || !sp_valid_ref(p, served->model))
        {
            return 0;
        }
    }

    for (i = 0; i < p->npaths; i++) {
        path = sp_image_at(p, p->paths, sp_path_t) + i;

        if (path->route >= p->nroutes || !sp_valid_ref(p, path->path)
            || sp_route_pattern_error(sp_image_str(p, path->path),
                                      sp_route((int) path->route)->model)
               != NULL)
        {
            return 0;
        }
    }

    for (i = 0; i < p->naliases; i++) {
        alias = sp_image_at(p, p->aliases, sp_alias_t) + i;

        if (!sp_valid_ref(p, alias->name) || !sp_valid_ref(p, alias->model)) {
            return 0;
        }
    }

    return 1;
}


static int
sp_valid_globs(const sp_policy_t *p, uint32_t off, uint32_t n)
{
    uint32_t          i;
    const sp_glob_t  *glob;

    if (!sp_valid_table(p, off, n, sizeof(sp_glob_t))) {
        return 0;
    }

    for (i = 0; i < n; i++) {
        glob = sp_image_at(p, off, sp_glob_t) + i;

        if (!sp_valid_ref(p, glob->head) || !sp_valid_ref(p, glob->tail)
            || glob->tier > SP_TIERS)
        {
            return 0;
        }
    }

    return 1;
}


static int
sp_valid_set(const sp_policy_t *p, const sp_set_t *set)
{
    size_t    size;
    uint32_t  i;

    if (set->type >= SP_LIST_TYPES || !sp_valid_ref(p, set->name)
        || !sp_valid_ref(p, set->source) || !sp_valid_ref(p, set->file)
        || set->from >= set->until)
    {
        return 0;
    }

    switch (set->type) {

    case SP_LIST_CIDR:
        size = sizeof(sp_network_t);
        break;

    case SP_LIST_ACCOUNT:
    case SP_LIST_MODEL:
    case SP_LIST_NAME:
        size = sizeof(sp_ref_t);
        break;

    default:
        size = sizeof(uint32_t);
    }

    if (!sp_valid_table(p, set->items, set->n, size)
        || !sp_valid_globs(p, set->globs, set->nglobs))
    {
        return 0;
    }

    for (i = 0; i < set->n; i++) {

        if (size == sizeof(sp_ref_t)
            && !sp_valid_ref(p, sp_image_at(p, set->items, sp_ref_t)[i]))
        {
            return 0;
        }

        if (set->type == SP_LIST_CIDR
            && sp_image_at(p, set->items, sp_network_t)[i].bits > 128)
        {
            return 0;
        }
    }

    return 1;
}


static int
sp_valid_rule(const sp_policy_t *p, uint32_t i)
{
    const sp_rule_t  *r;

    r = sp_image_rule(p, i);

    if (r->kind >= SP_RULE_KINDS || i < p->first[r->kind]
        || i >= p->first[r->kind + 1] || r->reason >= p->nreasons
        || r->rank != sp_policy_reason(p, r->reason)->rank
        || r->exception > SP_EXCEPTION_APPEAL
        || r->share >= SP_CANARY_ALL || (r->share != 0 && r->shadow)
        || !sp_valid_ref(p, r->id) || !sp_valid_ref(p, r->message)
        || !sp_valid_ref(p, r->account) || !sp_valid_ref(p, r->authority)
        || !sp_valid_ref(p, r->ticket) || !sp_valid_ref(p, r->file)
        || !sp_valid_lists(p, r))
    {
        return 0;
    }

    if (r->cond == SP_NO_COND) {
        return r->kind == SP_RULE_THROTTLE || r->kind == SP_RULE_EXCEPTION;
    }

    return r->cond < p->nnodes
           && sp_valid_node(p, r->cond, p->nnodes, 0);
}


static int
sp_valid_invariant(const sp_policy_t *p, uint32_t i)
{
    const sp_invariant_t  *row;

    row = sp_image_invariant(p, i);

    return row->cond < p->nnodes && row->never <= 1 && row->deny <= 1
           && sp_valid_ref(p, row->id) && sp_valid_ref(p, row->file)
           && sp_valid_node(p, row->cond, p->nnodes, 0);
}


static int
sp_valid_lists(const sp_policy_t *p, const sp_rule_t *r)
{
    uint32_t          i;
    const uint32_t   *list;
    const sp_rate_t  *rate;

    static const uint8_t  kinds[] = {
        [SP_RULE_DENY] = SP_RULE_EXCEPTION,
        [SP_RULE_ALLOW] = SP_RULE_KINDS,
        [SP_RULE_THROTTLE] = SP_RULE_THROTTLE,
        [SP_RULE_FLAG] = SP_RULE_KINDS,
        [SP_RULE_EXCEPTION] = SP_RULE_DENY
    };

    if (!sp_valid_table(p, r->list, r->nlist, sizeof(uint32_t))
        || r->rates > p->nrates
        || (uint64_t) r->nrates * r->nwindows > p->nrates - r->rates
        || (r->kind == SP_RULE_THROTTLE && !sp_valid_throttle(p, r))
        || (r->by != SP_NO_FIELD && r->by >= sp_policy_fields(p)))
    {
        return 0;
    }

    list = sp_image_at(p, r->list, uint32_t);

    for (i = 0; i < r->nlist; i++) {

        if (list[i] >= p->nrules
            || sp_image_rule(p, list[i])->kind != kinds[r->kind])
        {
            return 0;
        }
    }

    for (i = 0; i < r->nrates * r->nwindows; i++) {
        rate = sp_image_at(p, p->rates, sp_rate_t) + r->rates + i;

        if (rate->interval == 0 || rate->limit == 0 || rate->burst == 0
            || rate->window >= SP_WINDOWS)
        {
            return 0;
        }
    }

    return 1;
}


static int
sp_valid_throttle(const sp_policy_t *p, const sp_rule_t *r)
{
    const sp_throttle_t  *t;

    if (r->nrates == 0 || r->nwindows == 0 || r->throttle >= p->nthrottles) {
        return 0;
    }

    t = sp_image_at(p, p->throttles, sp_throttle_t) + r->throttle;

    return t->meter < SP_METERS && t->count < SP_COUNTS
           && t->reserve <= SP_RESERVE_INPUT && t->on_full <= SP_FULL_ALLOW
           && t->scope < SP_SCOPES
           && (t->meter != SP_METER_SPEND || p->nprices != 0);
}


static int
sp_valid_prices(const sp_policy_t *p)
{
    uint32_t               i;
    const sp_price_row_t  *row;

    if (p->nprices > SP_PRICES_MAX + 1
        || !sp_valid_table(p, p->prices, p->nprices, sizeof(sp_price_row_t)))
    {
        return 0;
    }

    for (i = 0; i < p->nprices; i++) {
        row = sp_image_at(p, p->prices, sp_price_row_t) + i;

        if (!sp_valid_ref(p, row->head) || !sp_valid_ref(p, row->tail)) {
            return 0;
        }
    }

    return 1;
}


/* A subtree lies inside its parent's, and ends after where it begins. */

static int
sp_valid_node(const sp_policy_t *p, uint32_t i, uint32_t end, unsigned depth)
{
    uint32_t          child;
    const sp_node_t  *nodes, *node;

    nodes = sp_image_at(p, p->nodes, sp_node_t);
    node = &nodes[i];

    if (node->end <= i || node->end > end || depth > 2 * SP_EXPR_DEPTH + 2
        || node->end - i > SP_EXPR_NODES || node->op >= SP_OPS
        || !sp_valid_ref(p, node->text))
    {
        return 0;
    }

    if (node->op > SP_OP_NOT) {
        return node->end == i + 1 && sp_valid_atom(p, node);
    }

    if (node->end == i + 1) {
        return 0;
    }

    for (child = i + 1; child < node->end; child = nodes[child].end) {

        if (!sp_valid_node(p, child, node->end, depth + 1)) {
            return 0;
        }

        if (node->op == SP_OP_NOT && nodes[child].end != node->end) {
            return 0;
        }
    }

    return 1;
}


/* What an operator reads must be of the type that it reads. */

static int
sp_valid_atom(const sp_policy_t *p, const sp_node_t *node)
{
    int        set;
    sp_type_t  type, other;

    set = node->set < p->nsets ? (int) sp_image_set(p, node->set)->type : -1;

    if (node->field >= sp_policy_fields(p)) {
        return 0;
    }

    if (node->op == SP_OP_SHARE || node->op == SP_OP_CONTROL) {
        return node->other < SP_FNS && node->cmp <= SP_GE && set >= 0
               && ((node->other == SP_FN_LISTED_SHARE)
                   ? set == SP_LIST_NAME : set <= SP_LIST_PLACE);
    }

    if (node->cmp > SP_GE) {
        return 0;
    }

    type = sp_policy_field_type(p, node->field);
    other = node->other < sp_policy_fields(p)
            ? sp_policy_field_type(p, node->other) : type;

    switch (node->op) {

    case SP_OP_HAS:
        return 1;

    case SP_OP_BOOL:
        return type == SP_T_BOOL;

    case SP_OP_INT:
    case SP_OP_MASK:
        return type == SP_T_BOOL || type == SP_T_INT || type == SP_T_ENUM
               || type == SP_T_DURATION || type == SP_T_TIME;

    case SP_OP_PLACE:
        return set >= 0 && set <= SP_LIST_PLACE
               && (type == SP_T_COUNTRY || type == SP_T_REGION
                   || type == SP_T_PLACE);

    case SP_OP_PLACES:
        return set >= 0 && set <= SP_LIST_PLACE && type == SP_T_PLACES;

    case SP_OP_ASN:
        return set == SP_LIST_ASN && type == SP_T_ASN;

    case SP_OP_NET:
        return set == SP_LIST_CIDR && type == SP_T_IP;

    case SP_OP_NAME:
        return set >= SP_LIST_ACCOUNT && type == SP_T_STRING;

    case SP_OP_NAMES:
        return set >= SP_LIST_ACCOUNT && type == SP_T_STRINGS;

    case SP_OP_SAME:
        return node->other < sp_policy_fields(p) && type != SP_T_IP
               && node->how == sp_image_how(type, other)
               && type != SP_T_PLACES && type != SP_T_STRINGS
               && (type == other
                   || (type == SP_T_COUNTRY && other == SP_T_PLACE)
                   || (type == SP_T_PLACE && other == SP_T_COUNTRY));

    case SP_OP_WITHIN:
        return node->other < sp_policy_fields(p)
               && node->how == sp_image_how(type, other)
               && ((other == SP_T_PLACES
                    && (type == SP_T_COUNTRY || type == SP_T_REGION
                        || type == SP_T_PLACE))
                   || (other == SP_T_STRINGS && type == SP_T_STRING));

    default:
        return 0;
    }
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the compilation of what rules refer to: lists, reasons and
 * the tiers of models. A name with a '*' becomes a glob.
 */


#include <stdlib.h>

#include "sp_policy_emit.h"


static void sp_emit_names(sp_emit_t *e, const sp_lset_t *set, sp_set_t *s);
static int sp_emit_is_glob(sp_str_t s);
static void sp_emit_glob(sp_emit_t *e, sp_str_t name, unsigned tier,
    sp_glob_t *glob);
static int sp_emit_glob_order(const void *one, const void *two);


uint32_t
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
    s.source = sp_emit_str(e, set->source);
    s.used = set->used;
    s.from = set->from;
    s.until = set->until;
    s.review = set->review;

    if (set->node != NULL) {
        s.file = sp_emit_str(e, sp_cstr(set->node->source->name));
        s.line = set->node->key->line;
    }
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


static int
sp_emit_is_glob(sp_str_t s)
{
    return memchr(s.data, '*', s.len) != NULL;
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


void
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


void
sp_emit_own(sp_emit_t *e)
{
    uint32_t          i, k;
    sp_ref_t          ref, *values;
    sp_own_t          row, *out;
    const sp_lown_t  *own;

    out = sp_emit_room(e, e->load->nown * sizeof(sp_own_t), &e->policy->own);
    e->policy->nown = e->load->nown;

    for (i = 0; i < e->load->nown; i++) {
        own = &e->load->own[i];
        memset(&row, 0, sizeof(row));

        row.name = sp_emit_str(e, own->name);
        row.help = sp_emit_str(e, own->help);
        row.type = (uint8_t) own->field.type;
        row.optional = (uint8_t) own->field.optional;
        row.min = own->field.min;
        row.max = own->field.max;
        row.number = own->number;
        row.text = sp_emit_str(e, own->text);
        row.nvalues = own->nvalues;

        values = sp_emit_room(e, own->nvalues * sizeof(sp_ref_t),
                              &row.values);

        for (k = 0; k < own->nvalues; k++) {
            ref = sp_emit_str(e, sp_cstr(own->field.values[k]));

            if (values != NULL) {
                values[k] = ref;
            }
        }

        if (out != NULL) {
            out[i] = row;
        }
    }
}


void
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

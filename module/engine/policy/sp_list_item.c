
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the items of lists: countries as bits, everything else
 * as sorted arrays, so that a test takes a few steps however long the list is.
 */


#include <stdlib.h>

#include "sp_account.h"
#include "sp_policy_load.h"


static sp_rc_t sp_lset_room(sp_load_t *l, sp_lset_t *set);
static sp_rc_t sp_lset_add_place(sp_load_t *l, sp_lset_t *set, sp_str_t item,
    const char **why, char **help);
static char *sp_lset_parts(sp_place_t place);
static sp_rc_t sp_lset_add_name(sp_load_t *l, sp_lset_t *set, sp_str_t item,
    const char **why);
static size_t sp_lset_size(sp_list_type_t type);
static void *sp_lset_items(sp_lset_t *set);
static int sp_lset_order_u32(const void *one, const void *two);
static int sp_lset_order_net(const void *one, const void *two);
static int sp_lset_order_str(const void *one, const void *two);


static size_t
sp_lset_size(sp_list_type_t type)
{
    switch (type) {

    case SP_LIST_ASN:
        return sizeof(uint32_t);

    case SP_LIST_CIDR:
        return sizeof(sp_network_t);

    case SP_LIST_ACCOUNT:
    case SP_LIST_MODEL:
    case SP_LIST_NAME:
        return sizeof(sp_str_t);

    default:
        return sizeof(sp_place_t);
    }
}


static void *
sp_lset_items(sp_lset_t *set)
{
    switch (set->type) {

    case SP_LIST_ASN:
        return set->asns;

    case SP_LIST_CIDR:
        return set->nets;

    case SP_LIST_ACCOUNT:
    case SP_LIST_MODEL:
    case SP_LIST_NAME:
        return set->names;

    default:
        return set->places;
    }
}


static sp_rc_t
sp_lset_room(sp_load_t *l, sp_lset_t *set)
{
    void    *p, *old;
    size_t   max, size;

    if (set->n < set->max) {
        return SP_OK;
    }

    if (set->n >= SP_LIST_ITEMS_MAX) {
        return SP_ERROR;
    }

    size = sp_lset_size(set->type);
    max = set->max ? set->max * 2 : 16;
    old = sp_lset_items(set);

    p = sp_load_alloc(l, max * size);
    if (p == NULL) {
        return SP_ERROR;
    }

    if (old != NULL) {
        memcpy(p, old, set->n * size);
    }

    set->max = max;

    switch (set->type) {

    case SP_LIST_ASN:
        set->asns = p;
        break;

    case SP_LIST_CIDR:
        set->nets = p;
        break;

    case SP_LIST_ACCOUNT:
    case SP_LIST_MODEL:
    case SP_LIST_NAME:
        set->names = p;
        break;

    default:
        set->places = p;
        break;
    }

    return SP_OK;
}


/*
 * Adds one item. SP_DECLINED: it is there already (countries only); SP_AGAIN:
 * it is added, but look at it again; SP_ERROR: it is not. Of the last two *why
 * is a sentence after the item, *help may have been made.
 */

sp_rc_t
sp_lset_add(sp_load_t *l, sp_lset_t *set, sp_str_t item, const char **why,
    char **help)
{
    uint64_t  asn;

    if (sp_lset_room(l, set) != SP_OK) {
        *why = "is one item too many for a list";
        return SP_ERROR;
    }

    switch (set->type) {

    case SP_LIST_ASN:
        if (item.len > 2 && item.data[0] == 'A' && item.data[1] == 'S') {
            item.data += 2;
            item.len -= 2;
        }

        if (sp_parse_uint(item, UINT32_MAX, &asn) != SP_OK) {
            *why = "is not an AS number";
            *help = sp_diag_text("write AS64496");
            return SP_ERROR;
        }

        set->asns[set->n++] = (uint32_t) asn;
        return SP_OK;

    case SP_LIST_CIDR:
        if (sp_network_parse(item, &set->nets[set->n]) != SP_OK) {
            *why = "is not a network, or has bits beyond its prefix";
            *help = sp_diag_text("write 192.0.2.0/24 or 2001:db8::/32");
            return SP_ERROR;
        }

        set->n++;
        return SP_OK;

    case SP_LIST_ACCOUNT:
    case SP_LIST_MODEL:
    case SP_LIST_NAME:
        return sp_lset_add_name(l, set, item, why);

    default:
        return sp_lset_add_place(l, set, item, why, help);
    }
}


static sp_rc_t
sp_lset_add_place(sp_load_t *l, sp_lset_t *set, sp_str_t item,
    const char **why, char **help)
{
    char         code[SP_PLACE_TEXT_LEN];
    sp_place_t   place;
    const char  *hint;

    hint = NULL;

    switch (sp_place_parse(item, &place)) {

    case SP_PLACE_OK:
        break;

    case SP_PLACE_NOWHERE:
        *why = "means that the place is not known; it cannot be listed";
        *help = sp_diag_text("test for it with 'not has(...)'");
        return SP_ERROR;

    default:
        hint = sp_place_hint(item);
        *why = "is not an ISO 3166 code";
        *help = hint ? sp_diag_text("write %s", hint) : NULL;
        return SP_ERROR;
    }

    /* "UK" is understood in records; a list says what ISO says */

    if (item.len == 2 && sp_place_format(place, code) == 2
        && memcmp(code, item.data, 2) != 0)
    {
        *why = "is not an ISO 3166-1 country code";
        *help = sp_diag_text("write %.2s", code);
        return SP_ERROR;
    }

    if (set->type == SP_LIST_COUNTRY && sp_place_is_region(place)) {
        *why = "is a subdivision in a list of countries";
        *help = sp_diag_text("say 'type: place', or list it under regions");
        return SP_ERROR;
    }

    if (set->type == SP_LIST_REGION && !sp_place_is_region(place)) {
        *why = "is a country in a list of subdivisions";
        *help = sp_diag_text("say 'type: place', or list it under countries");
        return SP_ERROR;
    }

    if (sp_place_is_region(place)) {
        sp_countries_add(&set->parts, place);
        set->places[set->n++] = place;

        if (sp_place_known(place)) {
            return SP_OK;
        }

        *why = "is no subdivision in this version's table of ISO 3166-2";
        *help = sp_lset_parts(place);

        return SP_AGAIN;
    }

    if (sp_countries_has(&set->countries, place)) {
        return SP_DECLINED;
    }

    sp_countries_add(&set->countries, place);

    return SP_OK;
}


static char *
sp_lset_parts(sp_place_t place)
{
    char         code[SP_PLACE_TEXT_LEN];
    const char  *parts;

    parts = sp_place_parts(place);
    (void) sp_place_format(place, code);

    if (*parts == '\0') {
        return sp_diag_text("%.2s has none", code);
    }

    return sp_diag_text("%.2s has %.100s%s", code, parts,
                        strlen(parts) > 100 ? "..." : "");
}


static sp_rc_t
sp_lset_add_name(sp_load_t *l, sp_lset_t *set, sp_str_t item,
    const char **why)
{
    size_t  i, stars;

    stars = 0;

    for (i = 0; i < item.len; i++) {
        stars += (item.data[i] == '*');
    }

    if (set->type == SP_LIST_MODEL) {

        if (stars > 1 || item.len > SP_MODEL_NAME_MAX) {
            *why = "is not a model name; one '*' may stand in it";
            return SP_ERROR;
        }

    } else if (set->type == SP_LIST_ACCOUNT) {

        if (!sp_id_valid(item)) {
            *why = "is not an account id";
            return SP_ERROR;
        }

    } else if (stars != 0 || item.len > SP_MODEL_NAME_MAX) {
        *why = "is not a name";
        return SP_ERROR;
    }

    if (sp_arena_str(l->arena, item, &set->names[set->n]) != SP_OK) {
        l->failed = 1;
        return SP_ERROR;
    }

    set->n++;

    return SP_OK;
}


static int
sp_lset_order_u32(const void *one, const void *two)
{
    uint32_t  a = *(const uint32_t *) one, b = *(const uint32_t *) two;

    return a < b ? -1 : a > b;
}


static int
sp_lset_order_net(const void *one, const void *two)
{
    int                  rc;
    const sp_network_t  *a = one, *b = two;

    rc = memcmp(a->base.bytes, b->base.bytes, sizeof(a->base.bytes));

    return rc ? rc : (int) a->bits - (int) b->bits;
}


static int
sp_lset_order_str(const void *one, const void *two)
{
    int              rc;
    size_t           len;
    const sp_str_t  *a = one, *b = two;

    len = a->len < b->len ? a->len : b->len;
    rc = len ? memcmp(a->data, b->data, len) : 0;

    return rc ? rc : (a->len < b->len ? -1 : a->len > b->len);
}


/*
 * Sorts, and drops what is there twice. Of networks, those inside another are
 * dropped too: what is left is disjoint and can be searched by halves.
 */

void
sp_lset_finish(sp_load_t *l, sp_lset_t *set)
{
    int             same;
    char           *items;
    size_t          i, n, size;

    size = sp_lset_size(set->type);
    items = sp_lset_items(set);

    if (set->n < 2) {
        return;
    }

    qsort(items, set->n, size,
          set->type == SP_LIST_CIDR ? sp_lset_order_net
          : size == sizeof(sp_str_t) ? sp_lset_order_str
          : sp_lset_order_u32);

    for (i = 1, n = 1; i < set->n; i++) {

        if (set->type == SP_LIST_CIDR) {
            same = sp_network_has(&set->nets[n - 1], &set->nets[i].base);

        } else if (size == sizeof(sp_str_t)) {
            same = sp_str_eq(set->names[n - 1], set->names[i]);

        } else {
            same = memcmp(items + (n - 1) * size, items + i * size, size) == 0;
        }

        if (!same) {
            memmove(items + n * size, items + i * size, size);
            n++;
        }
    }

    if (n != set->n && set->node != NULL && set->type != SP_LIST_CIDR) {
        sp_load_warn(l, set->node->key, 310, NULL,
                     "%zu items stand in list '%s' more than once",
                     set->n - n, set->name.data);
    }

    set->n = n;
}

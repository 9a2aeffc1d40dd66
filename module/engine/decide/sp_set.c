
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the look-up in compiled lists: bits for countries, halves
 * for everything sorted, and patterns of model names.
 */


#include "policy/sp_expr.h"


/*
 * A country that is in the set holds for all its subdivisions; one of which
 * only a part is in the set leaves the question open.
 */

sp_truth_t
sp_set_place(const sp_policy_t *policy, const sp_set_t *set, sp_place_t place)
{
    uint32_t           low, high, mid;
    const sp_place_t  *items;

    if (place == SP_PLACE_NONE || sp_place_country(place) > SP_COUNTRIES) {
        return SP_UNSURE;
    }

    if (sp_countries_has(&set->countries, place)) {
        return SP_TRUE;
    }

    if (!sp_countries_has(&set->parts, place)) {
        return SP_FALSE;
    }

    if (!sp_place_is_region(place)) {
        return SP_UNSURE;
    }

    items = sp_image_at(policy, set->items, sp_place_t);

    for (low = 0, high = set->n; low < high; /* void */ ) {
        mid = low + (high - low) / 2;

        if (items[mid] == place) {
            return SP_TRUE;
        }

        if (items[mid] < place) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    return SP_FALSE;
}


sp_truth_t
sp_set_asn(const sp_policy_t *policy, const sp_set_t *set, uint32_t asn)
{
    uint32_t         low, high, mid;
    const uint32_t  *items;

    items = sp_image_at(policy, set->items, uint32_t);

    for (low = 0, high = set->n; low < high; /* void */ ) {
        mid = low + (high - low) / 2;

        if (items[mid] == asn) {
            return SP_TRUE;
        }

        if (items[mid] < asn) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    return SP_FALSE;
}


/* Networks of a set are disjoint: only the last one below can hold it. */

sp_truth_t
sp_set_net(const sp_policy_t *policy, const sp_set_t *set,
    const sp_addr_t *addr)
{
    uint32_t             low, high, mid;
    const sp_network_t  *items;

    items = sp_image_at(policy, set->items, sp_network_t);

    for (low = 0, high = set->n; low < high; /* void */ ) {
        mid = low + (high - low) / 2;

        if (memcmp(items[mid].base.bytes, addr->bytes, sizeof(addr->bytes))
            <= 0)
        {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    return (low != 0 && sp_network_has(&items[low - 1], addr)) ? SP_TRUE
                                                               : SP_FALSE;
}


int
sp_glob_match(const sp_policy_t *policy, const sp_glob_t *glob, sp_str_t s)
{
    sp_str_t  head, tail;

    head = sp_image_str(policy, glob->head);
    tail = sp_image_str(policy, glob->tail);

    return s.len >= head.len + tail.len
           && (head.len == 0 || memcmp(s.data, head.data, head.len) == 0)
           && (tail.len == 0 || memcmp(s.data + s.len - tail.len, tail.data,
                                       tail.len) == 0);
}


sp_truth_t
sp_set_name(const sp_policy_t *policy, const sp_set_t *set, sp_str_t s)
{
    int               rc;
    size_t            len;
    uint32_t          low, high, mid, i;
    sp_str_t          name;
    const sp_ref_t   *items;
    const sp_glob_t  *globs;

    items = sp_image_at(policy, set->items, sp_ref_t);

    for (low = 0, high = set->n; low < high; /* void */ ) {
        mid = low + (high - low) / 2;

        name = sp_image_str(policy, items[mid]);
        len = name.len < s.len ? name.len : s.len;
        rc = len ? memcmp(name.data, s.data, len) : 0;

        if (rc == 0 && name.len == s.len) {
            return SP_TRUE;
        }

        if (rc < 0 || (rc == 0 && name.len < s.len)) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    globs = sp_image_at(policy, set->globs, sp_glob_t);

    for (i = 0; i < set->nglobs; i++) {

        if (sp_glob_match(policy, &globs[i], s)) {
            return SP_TRUE;
        }
    }

    return SP_FALSE;
}

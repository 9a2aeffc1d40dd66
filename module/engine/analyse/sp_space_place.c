
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the places that are looked at: all countries,
 * and the subdivisions that lists can tell apart.
 */


#include "sp_space.h"


static void sp_place_countries(sp_space_t *space);
static void sp_place_parts_of_all(sp_space_t *space);


/*
 * Countries, the most ordinary first; then a subdivision of each that no list
 * names, and those that lists do.
 */

void
sp_space_universe(sp_space_t *space)
{
    unsigned            p;
    uint32_t            i, j, max;
    const sp_set_t     *set;
    const sp_policy_t  *policy;

    max = 2 * SP_COUNTRIES + 16;

    for (p = 0; p < space->npolicies; p++) {
        policy = space->policies[p];

        for (i = 0; i < policy->nsets; i++) {
            set = sp_image_set(policy, i);
            max += set->type <= SP_LIST_PLACE ? set->n : 0;
        }
    }

    space->places = sp_arena_alloc(space->arena, max * sizeof(sp_place_t));

    if (space->places == NULL) {
        space->failed = 1;
        return;
    }

    sp_place_countries(space);
    sp_place_parts_of_all(space);

    for (p = 0; p < space->npolicies; p++) {
        policy = space->policies[p];

        for (i = 0; i < policy->nsets; i++) {
            set = sp_image_set(policy, i);

            for (j = 0; set->type <= SP_LIST_PLACE && j < set->n; j++) {
                space->places[space->nplaces++]
                    = sp_image_at(policy, set->items, sp_place_t)[j];
            }
        }
    }
}


static void
sp_place_countries(sp_space_t *space)
{
    char              code[2];
    uint32_t          i, j;
    sp_place_t        place;

    static const char  first[] = "SGDEUSFRJPGBSEBR";

    for (i = 0; i < sizeof(first) / 2 + SP_COUNTRIES; i++) {

        if (i < sizeof(first) / 2) {
            memcpy(code, first + 2 * i, 2);

        } else {
            code[0] = (char) ('A' + (i - sizeof(first) / 2) / 26);
            code[1] = (char) ('A' + (i - sizeof(first) / 2) % 26);
        }

        if (sp_place_parse((sp_str_t) { 2, (unsigned char *) code }, &place)
            != SP_PLACE_OK)
        {
            continue;
        }

        for (j = 0; j < space->nplaces && space->places[j] != place; j++) {
            /* void */
        }

        if (j == space->nplaces) {
            space->places[space->nplaces++] = place;
        }
    }
}


/* "SG-Z9": well formed, and in no list that was not made to have it. */

static void
sp_place_parts_of_all(sp_space_t *space)
{
    char        code[8];
    size_t      len;
    uint32_t    i, n;
    sp_place_t  place;

    n = space->nplaces;

    for (i = 0; i < n; i++) {
        len = sp_place_format(space->places[i], code);
        memcpy(code + len, "-Z9", 3);

        if (sp_place_parse((sp_str_t) { len + 3, (unsigned char *) code },
                           &place) == SP_PLACE_OK
            && sp_place_is_region(place))
        {
            space->places[space->nplaces++] = place;
        }
    }
}


void
sp_value_places(sp_space_t *space, sp_var_t *var)
{
    uint32_t    i;
    sp_type_t   type;
    sp_value_t  v;

    memset(&v, 0, sizeof(v));
    v.state = SP_FACT_KNOWN;
    type = sp_space_row(space, var->fields[0])->type;

    for (i = 0; i < space->nplaces; i++) {
        v.u.place = space->places[i];

        if (sp_place_is_region(v.u.place) ? type != SP_T_COUNTRY
                                          : type != SP_T_REGION)
        {
            sp_space_cand(space, var, &v, NULL);
        }
    }
}


/* A subdivision lies in the country of the same address. */

void
sp_value_ip_places(sp_space_t *space, sp_var_t *var)
{
    uint32_t    i;
    sp_value_t  country, region, none, unknown;

    memset(&country, 0, sizeof(country));
    memset(&none, 0, sizeof(none));
    country.state = SP_FACT_KNOWN;
    region = country;
    unknown = none;
    none.state = SP_FACT_ABSENT;

    for (i = 0; i < space->nplaces; i++) {
        country.u.place = space->places[i];

        if (!sp_place_is_region(country.u.place)) {
            sp_space_cand(space, var, &country, &none);
        }
    }

    for (i = 0; i < space->nplaces; i++) {
        country.u.place = sp_place_country(space->places[i]);
        region.u.place = space->places[i];

        if (sp_place_is_region(region.u.place)) {
            sp_space_cand(space, var, &country, &region);

        } else {
            sp_space_cand(space, var, &country, &unknown);
        }
    }

    /* each of the two may be missing alone: they may come from two files */

    for (i = 0; i < space->nplaces; i++) {
        region.u.place = space->places[i];

        if (sp_place_is_region(region.u.place)) {
            sp_space_cand(space, var, &none, &region);
            sp_space_cand(space, var, &unknown, &region);
        }
    }

    sp_space_cand(space, var, &none, &none);
    sp_space_cand(space, var, &none, &unknown);
    sp_space_cand(space, var, &unknown, &none);
    sp_space_cand(space, var, &unknown, &unknown);
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the values that are looked at of each fact: enough that
 * whatever tests can tell apart is among them, the ordinary ones first, so
 * that examples read like requests that come.
 */


#include <stdlib.h>

#include "sp_space.h"


static void sp_value_places(sp_space_t *space, sp_var_t *var);
static void sp_value_ip_places(sp_space_t *space, sp_var_t *var);
static void sp_value_numbers(sp_space_t *space, sp_var_t *var, int field);
static void sp_value_bounds(sp_space_t *space, sp_var_t *var, int field);
static void sp_value_dates(sp_space_t *space, sp_var_t *var);
static void sp_value_number(sp_space_t *space, sp_var_t *var, int field,
    int64_t number);
static void sp_value_strings(sp_space_t *space, sp_var_t *var, int field);
static void sp_value_asns(sp_space_t *space, sp_var_t *var);
static void sp_value_addresses(sp_space_t *space, sp_var_t *var);
static void sp_value_address(sp_space_t *space, sp_var_t *var,
    const sp_addr_t *addr, int step);
static void sp_value_routes(sp_space_t *space, sp_var_t *var);
static void sp_value_shares(sp_space_t *space, sp_var_t *var);
static void sp_value_missing(sp_space_t *space, sp_var_t *var);
static int sp_value_order(const void *one, const void *two);


void
sp_space_cand(sp_space_t *space, sp_var_t *var, const sp_value_t *one,
    const sp_value_t *two)
{
    sp_cand_t  *grown;

    if (var->n == var->max) {
        grown = realloc(var->cands, (2 * (size_t) var->max + 16)
                                    * sizeof(sp_cand_t));
        if (grown == NULL) {
            space->failed = 1;
            return;
        }

        var->cands = grown;
        var->max = 2 * var->max + 16;
    }

    memset(&var->cands[var->n], 0, sizeof(sp_cand_t));
    var->cands[var->n].v[0] = *one;

    if (two != NULL) {
        var->cands[var->n].v[1] = *two;
    }

    var->n++;
}


/* Whoever gets to the rules has an account whose record was read. */

int
sp_space_unknown(const sp_space_t *space, int field)
{
    sp_type_t  type;

    type = sp_space_row(space, field)->type;

    /* what the record has may not be of the form that a policy declares */

    if (field >= SP_FIELDS) {
        return 1;
    }

    switch (field) {

    case SP_F_IP_CLASS:
    case SP_F_KEY_ID:
        return 0;

    case SP_F_IP_REGISTERED:
        return 1;

    default:
        break;
    }

    switch (sp_field(field)->source) {

    case SP_FROM_RECORD:
        return type == SP_T_PLACE || type == SP_T_PLACES;

    case SP_FROM_HEAD:
    case SP_FROM_BODY:
    case SP_FROM_CLOCK:
        return 0;

    default:
        return 1;
    }
}


int
sp_space_absent(const sp_space_t *space, int field)
{
    return sp_space_row(space, field)->optional;
}


/*
 * Countries, the most ordinary first; then the subdivisions that lists name
 * and one of each country that none does.
 */

void
sp_space_universe(sp_space_t *space)
{
    char                  code[8];
    size_t                len, k;
    unsigned              p;
    uint32_t              i, j, n, max, ncountries;
    sp_place_t            place, *places;
    const sp_set_t       *set;
    const sp_policy_t    *policy;

    static const char     first[] = "SGDEUSFRJPGBSEBR";
    static const char     fresh[] = "Z9";

    max = 2 * SP_COUNTRIES + 16;

    for (p = 0; p < space->npolicies; p++) {
        policy = space->policies[p];

        for (i = 0; i < policy->nsets; i++) {
            set = sp_image_set(policy, i);
            max += set->type <= SP_LIST_PLACE ? set->n : 0;
        }
    }

    places = sp_arena_alloc(space->arena, max * sizeof(sp_place_t));
    if (places == NULL) {
        space->failed = 1;
        return;
    }

    for (i = 0, n = 0; i < sizeof(first) / 2 + SP_COUNTRIES; i++) {

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

        for (j = 0; j < n && places[j] != place; j++) { /* void */ }

        if (j == n) {
            places[n++] = place;
        }
    }

    ncountries = n;

    for (i = 0; i < ncountries; i++) {
        len = sp_place_format(places[i], code);
        code[len++] = '-';

        for (k = 0; k + 1 < sizeof(fresh); k++) {
            code[len + k] = fresh[k];
        }

        if (sp_place_parse((sp_str_t) { len + k, (unsigned char *) code },
                           &place) == SP_PLACE_OK
            && sp_place_is_region(place))
        {
            places[n++] = place;
        }
    }

    for (p = 0; p < space->npolicies; p++) {
        policy = space->policies[p];

        for (i = 0; i < policy->nsets; i++) {
            set = sp_image_set(policy, i);

            if (set->type > SP_LIST_PLACE) {
                continue;
            }

            for (j = 0; j < set->n; j++) {
                places[n++] = sp_image_at(policy, set->items, sp_place_t)[j];
            }
        }
    }

    space->places = places;
    space->nplaces = n;
}


void
sp_space_candidates(sp_space_t *space, sp_var_t *var)
{
    int                i, first, field;
    sp_value_t         v;
    const sp_field_t  *row;

    if (var->kind == SP_VAR_SHARE) {
        sp_value_shares(space, var);
        return;
    }

    field = var->fields[0];
    row = sp_space_row(space, field);
    memset(&v, 0, sizeof(v));
    v.state = SP_FACT_KNOWN;

    switch (field) {

    case SP_F_IP_COUNTRY:
        sp_value_ip_places(space, var);
        return;

    case SP_F_IP_ADDR:
        sp_value_addresses(space, var);
        return;

    case SP_F_REQUEST_ROUTE:
        sp_value_routes(space, var);
        return;

    default:
        break;
    }

    switch (row->type) {

    case SP_T_BOOL:
        for (i = 0; i < 2; i++) {
            v.u.i = i;
            sp_space_cand(space, var, &v, NULL);
        }

        break;

    case SP_T_ENUM:
        first = field == SP_F_ACCOUNT_STATUS ? SP_STATUS_VERIFIED
                : field == SP_F_ACCOUNT_TYPE ? SP_TYPE_ORGANIZATION : 0;
        v.u.i = first;
        sp_space_cand(space, var, &v, NULL);

        for (i = 0; row->values[i] != NULL; i++) {
            v.u.i = i;

            if (i != first) {
                sp_space_cand(space, var, &v, NULL);
            }
        }

        break;

    case SP_T_STRING:
        sp_value_strings(space, var, field);
        break;

    case SP_T_STRINGS:
    case SP_T_PLACES:
        /* what is in them are other variables; here: is there anything? */
        v.n = 1;
        sp_space_cand(space, var, &v, NULL);

        if (row->type == SP_T_STRINGS) {
            v.n = 0;
            sp_space_cand(space, var, &v, NULL);
        }

        break;

    case SP_T_COUNTRY:
    case SP_T_REGION:
    case SP_T_PLACE:
        sp_value_places(space, var);
        break;

    case SP_T_ASN:
        sp_value_asns(space, var);
        break;

    default:
        sp_value_numbers(space, var, field);
    }

    sp_value_missing(space, var);
}


static void
sp_value_missing(sp_space_t *space, sp_var_t *var)
{
    sp_value_t  v;

    memset(&v, 0, sizeof(v));

    if (sp_space_absent(space, var->fields[0])) {
        v.state = SP_FACT_ABSENT;
        sp_space_cand(space, var, &v, &v);
    }

    if (sp_space_unknown(space, var->fields[0])) {
        v.state = SP_FACT_UNKNOWN;
        sp_space_cand(space, var, &v, &v);
    }
}


static void
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

static void
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


static void
sp_value_numbers(sp_space_t *space, sp_var_t *var, int field)
{
    int64_t            i;
    const sp_field_t  *row;

    row = sp_space_row(space, field);

    switch (field) {

    case SP_F_NOW:
        sp_value_dates(space, var);
        break;

    case SP_F_ACCOUNT_EXPIRED_FOR:
    case SP_F_ACCOUNT_END_USE_EXPIRED_FOR:
        sp_value_number(space, var, field, -90 * 86400);
        break;

    default:
        if (row->type == SP_T_DURATION) {
            sp_value_number(space, var, field, 86400);
        }
    }

    if (row->type == SP_T_INT && row->max - row->min < 32) {

        for (i = row->max; i >= row->min; i--) {
            sp_value_number(space, var, field, i);
        }

    } else if (row->type == SP_T_INT) {
        sp_value_number(space, var, field, row->min + 1);
        sp_value_number(space, var, field, row->min);
        sp_value_number(space, var, field, row->max);
    }

    sp_value_bounds(space, var, field);
}


/* Around every number that something of the same team is compared with. */

static void
sp_value_bounds(sp_space_t *space, sp_var_t *var, int field)
{
    int               k;
    int64_t           number;
    unsigned          p;
    uint32_t          i;
    const sp_node_t  *node;

    static const int  steps[] = { 0, 1, -1, 2, -2 };

    for (p = 0; p < space->npolicies; p++) {
        for (i = 0; i < space->policies[p]->nnodes; i++) {
            node = sp_space_node(space, p, i);

            if (node->op <= SP_OP_NOT || node->op == SP_OP_SHARE
                || node->op == SP_OP_CONTROL
                || space->team[node->field] != space->team[field])
            {
                continue;
            }

            for (k = 0; node->op == SP_OP_INT && k < 5; k++) {

                if (!__builtin_add_overflow(node->value, steps[k], &number)) {
                    sp_value_number(space, var, field, number);
                }
            }

            for (k = 0; node->op == SP_OP_MASK && k < 64; k++) {
                sp_value_number(space, var, field, k);
            }
        }
    }
}


static void
sp_value_dates(sp_space_t *space, sp_var_t *var)
{
    unsigned          p;
    uint32_t          i, k;
    int64_t           ends[2];
    const sp_rule_t  *rule;

    sp_value_number(space, var, SP_F_NOW, space->now);
    sp_value_number(space, var, SP_F_NOW, space->now - 1);

    for (p = 0; p < space->npolicies; p++) {
        for (i = 0; i < space->policies[p]->nrules; i++) {
            rule = sp_image_rule(space->policies[p], i);
            ends[0] = rule->from;
            ends[1] = rule->until;

            for (k = 0; rule->dated && k < 2; k++) {

                if (ends[k] != SP_TIME_MIN && ends[k] != SP_TIME_MAX) {
                    sp_value_number(space, var, SP_F_NOW, ends[k]);
                    sp_value_number(space, var, SP_F_NOW, ends[k] - 1);
                }
            }
        }
    }
}


static void
sp_value_number(sp_space_t *space, sp_var_t *var, int field, int64_t number)
{
    sp_value_t         v;
    const sp_field_t  *row;

    row = sp_space_row(space, field);

    if ((row->type == SP_T_INT && (number < row->min || number > row->max))
        || (row->type == SP_T_TIME && number < 0)
        || (row->type == SP_T_ASN && (number < 0 || number > UINT32_MAX)))
    {
        return;
    }

    memset(&v, 0, sizeof(v));
    v.state = SP_FACT_KNOWN;
    v.u.i = number;

    sp_space_cand(space, var, &v, NULL);
}


static void
sp_value_strings(sp_space_t *space, sp_var_t *var, int field)
{
    uint32_t    i;
    sp_value_t  v, tier;
    sp_names_t  names;

    memset(&v, 0, sizeof(v));
    memset(&names, 0, sizeof(names));
    v.state = SP_FACT_KNOWN;
    tier = v;

    sp_space_names(space, space->team[field], &names);

    for (i = 0; i < names.n; i++) {
        v.u.s = names.names[i];
        sp_space_cand(space, var, &v, &tier);
    }

    sp_space_names_free(&names);
}


static void
sp_value_asns(sp_space_t *space, sp_var_t *var)
{
    unsigned          p;
    uint32_t          i, k, n;
    const sp_set_t   *set;
    const uint32_t   *items;

    sp_value_number(space, var, SP_F_IP_ASN, 64500);
    sp_value_number(space, var, SP_F_IP_ASN, 3333);
    sp_value_number(space, var, SP_F_IP_ASN, 1);

    for (p = 0; p < space->npolicies; p++) {
        for (i = 0; i < space->policies[p]->nsets; i++) {
            set = sp_image_set(space->policies[p], i);

            if (set->type != SP_LIST_ASN) {
                continue;
            }

            items = sp_image_at(space->policies[p], set->items, uint32_t);
            n = set->n;

            for (k = 0; k < n; k++) {
                sp_value_number(space, var, SP_F_IP_ASN, items[k]);
                sp_value_number(space, var, SP_F_IP_ASN,
                                (int64_t) items[k] + 1);
            }
        }
    }

    sp_value_bounds(space, var, var->fields[0]);
}


/* The ends of every network, and what is next to them. */

static void
sp_value_addresses(sp_space_t *space, sp_var_t *var)
{
    int                  bit;
    size_t               i;
    unsigned             p;
    uint32_t             k, j;
    sp_addr_t            addr;
    sp_value_t           v, class;
    const sp_set_t      *set;
    const sp_network_t  *nets;

    static const char *const  samples[] = {
        "198.41.0.4", "2001:500:2d::d", "10.0.0.1", "127.0.0.1", "169.254.0.1",
        "100.64.0.1", "2002::1", "203.0.113.9", "fe80::1", "fc00::1", "::1",
        "9.9.9.9", "2a00::1"
    };

    for (i = 0; i < sp_nelts(samples); i++) {
        if (sp_addr_parse(sp_cstr(samples[i]), &addr) == SP_OK) {
            sp_value_address(space, var, &addr, 0);
        }
    }

    for (p = 0; p < space->npolicies; p++) {
        for (k = 0; k < space->policies[p]->nsets; k++) {
            set = sp_image_set(space->policies[p], k);

            if (set->type != SP_LIST_CIDR) {
                continue;
            }

            nets = sp_image_at(space->policies[p], set->items, sp_network_t);

            for (j = 0; j < set->n; j++) {
                addr = nets[j].base;
                sp_value_address(space, var, &addr, 0);
                sp_value_address(space, var, &addr, -1);

                for (bit = nets[j].bits; bit < 128; bit++) {
                    addr.bytes[bit / 8] |= (unsigned char) (0x80 >> bit % 8);
                }

                sp_value_address(space, var, &addr, 0);
                sp_value_address(space, var, &addr, 1);
            }
        }
    }

    memset(&v, 0, sizeof(v));
    memset(&class, 0, sizeof(class));
    class.state = SP_FACT_KNOWN;
    class.u.i = SP_IP_NONE;
    sp_space_cand(space, var, &v, &class);
}


static void
sp_value_address(sp_space_t *space, sp_var_t *var, const sp_addr_t *addr,
    int step)
{
    int          i;
    sp_addr_t   *copy;
    sp_value_t   v, class;

    copy = sp_arena_alloc(space->arena, sizeof(sp_addr_t));
    if (copy == NULL) {
        space->failed = 1;
        return;
    }

    *copy = *addr;

    for (i = 15; step != 0 && i >= 0; i--) {
        copy->bytes[i] = (unsigned char) (copy->bytes[i] + step);

        if (copy->bytes[i] != (step > 0 ? 0 : 0xff)) {
            break;
        }
    }

    memset(&v, 0, sizeof(v));
    v.state = SP_FACT_KNOWN;
    class = v;
    v.u.addr = copy;
    class.u.i = sp_addr_class(copy);

    sp_space_cand(space, var, &v, &class);
}


static void
sp_value_routes(sp_space_t *space, sp_var_t *var)
{
    int         i;
    sp_value_t  v, dialect;

    memset(&v, 0, sizeof(v));
    v.state = SP_FACT_KNOWN;
    dialect = v;

    for (i = 0; i < sp_route_count(); i++) {

        if (sp_route_number(i) >= 0) {
            v.u.i = sp_route_number(i);
            dialect.u.i = sp_route(i)->dialect;
            sp_space_cand(space, var, &v, &dialect);
        }
    }
}


static int
sp_value_order(const void *one, const void *two)
{
    return *(const int *) one - *(const int *) two;
}


/* Intervals between all bounds, whatever list they are of. */

static void
sp_value_shares(sp_space_t *space, sp_var_t *var)
{
    int               k, *points;
    unsigned          p;
    uint32_t          i, j, n, max;
    sp_value_t        v;
    const sp_node_t  *node;

    for (p = 0, max = 2; p < space->npolicies; p++) {
        max += 3 * space->policies[p]->nnodes;
    }

    points = malloc(max * sizeof(int));
    if (points == NULL) {
        space->failed = 1;
        return;
    }

    points[0] = 0;
    points[1] = SP_SHARE_ALL;
    n = 2;

    for (p = 0; p < space->npolicies; p++) {
        for (i = 0; i < space->policies[p]->nnodes; i++) {
            node = sp_space_node(space, p, i);

            for (k = -1; node->op == SP_OP_SHARE && k <= 1; k++) {

                if (node->value + k >= 0 && node->value + k <= SP_SHARE_ALL) {
                    points[n++] = (int) node->value + k;
                }
            }
        }
    }

    qsort(points, n, sizeof(int), sp_value_order);

    for (i = 1, j = 0; i < n; i++) {
        if (points[i] != points[j]) {
            points[++j] = points[i];
        }
    }

    n = j + 1;
    memset(&v, 0, sizeof(v));
    v.state = SP_FACT_KNOWN;

    /* known shares first, doubtful ones after them */

    for (k = 0; k < (int) n; k++) {
        for (i = 0; i + (uint32_t) k < n; i++) {
            v.u.i = (int64_t) points[i] << 16 | points[i + (uint32_t) k];
            sp_space_cand(space, var, &v, NULL);
        }
    }

    free(points);
}

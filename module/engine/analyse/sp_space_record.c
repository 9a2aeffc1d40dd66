
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the record of an example's account: what the picks say,
 * and of the rest what a record cannot do without.
 */


#include <stdio.h>

#include "sp_space.h"


#define SP_RECORD_DAY  86400


typedef struct {
    const sp_space_t  *space;
    const uint32_t    *values;
    sp_flesh_t        *flesh;
    int64_t            now;
} sp_making_t;


typedef struct {
    unsigned  n;           /* shares that are asked for */
    int       low, high;   /* of owner_share() */
    int       largest, most;   /* of largest_owner() */
} sp_holdings_t;


static const sp_value_t *sp_record_pick(const sp_making_t *m, int field);
static uint8_t sp_record_enum(const sp_making_t *m, int field, uint8_t other);
static sp_place_t sp_record_pick_place(const sp_making_t *m, int field,
    int needed);
static int64_t sp_record_pick_time(const sp_making_t *m, int field,
    int needed, int64_t other);
static void sp_record_places(const sp_making_t *m, int needed);
static unsigned sp_record_elements(const sp_making_t *m, int field,
    sp_place_t *out, unsigned max);
static int sp_record_fits(const sp_making_t *m, int field,
    sp_place_t place, const sp_var_t *must, unsigned value);
static void sp_record_tags(const sp_making_t *m);
static void sp_record_owners(const sp_making_t *m, int needed);
static void sp_record_holding(sp_account_t *a, sp_place_t place, int min,
    int max);
static void sp_record_wanted(const sp_making_t *m, sp_holdings_t *want);
static int sp_record_level(const sp_making_t *m, int level, int low);
static sp_place_t sp_record_place_at(const sp_making_t *m, int level);
static int sp_record_share_of(const sp_making_t *m, unsigned at);
static void sp_record_listed(const sp_making_t *m);
static void sp_record_own(const sp_making_t *m);
static size_t sp_record_own_text(const sp_making_t *m, int field,
    const sp_value_t *v, char *buf, size_t size);


void
sp_flesh_record(const sp_space_t *space, const uint32_t *values,
    sp_flesh_t *flesh)
{
    int                verified, firm, person;
    sp_making_t        m;
    sp_account_t      *a;
    const sp_value_t  *v;

    a = &flesh->account;
    memset(a, 0, sizeof(sp_account_t));

    m.space = space;
    m.values = values;
    m.flesh = flesh;
    m.now = flesh->facts.v[SP_F_NOW].u.i;

    a->ver = 1;
    a->schema = SP_ACCOUNT_SCHEMA;
    a->type = sp_record_enum(&m, SP_F_ACCOUNT_TYPE, SP_TYPE_ORGANIZATION);
    a->status = sp_record_enum(&m, SP_F_ACCOUNT_STATUS, SP_STATUS_VERIFIED);
    a->level = sp_record_enum(&m, SP_F_ACCOUNT_LEVEL, 3);
    a->owners_floor = SP_SHARE_ABSENT;

    verified = a->status == SP_STATUS_VERIFIED;
    person = verified && a->type == SP_TYPE_INDIVIDUAL;
    firm = verified && (a->type == SP_TYPE_ORGANIZATION
                        || a->type == SP_TYPE_RESELLER);

    a->screening = sp_record_enum(&m, SP_F_ACCOUNT_SCREENING,
                                  verified ? SP_SCREENING_CLEAR
                                           : SP_ENUM_ABSENT);
    a->end_use = sp_record_enum(&m, SP_F_ACCOUNT_END_USE, SP_ENUM_ABSENT);
    a->linkage = sp_record_enum(&m, SP_F_ACCOUNT_LINKAGE, SP_ENUM_ABSENT);
    a->resale = sp_record_enum(&m, SP_F_ACCOUNT_RESALE,
                               a->type == SP_TYPE_RESELLER
                               ? SP_RESALE_PASSTHROUGH : SP_ENUM_ABSENT);

    a->verified_at = sp_record_pick_time(&m, SP_F_ACCOUNT_VERIFIED_AGE,
                                         verified, -30 * SP_RECORD_DAY);
    a->expires_at = sp_record_pick_time(&m, SP_F_ACCOUNT_EXPIRED_FOR,
                                        verified, 90 * SP_RECORD_DAY);
    a->pending_since = sp_record_pick_time(&m, SP_F_ACCOUNT_PENDING_AGE,
                                           a->status == SP_STATUS_PENDING,
                                           -SP_RECORD_DAY);
    a->screened_at = sp_record_pick_time(&m, SP_F_ACCOUNT_SCREENED_AGE,
                                         verified && a->screening
                                                     != SP_SCREENING_NONE,
                                         -SP_RECORD_DAY / 2);
    a->owners_as_of = sp_record_pick_time(&m, SP_F_ACCOUNT_OWNERS_AGE, 0, 0);
    a->end_use_expires
        = sp_record_pick_time(&m, SP_F_ACCOUNT_END_USE_EXPIRED_FOR, 0, 0);

    a->incorporated = sp_record_pick_place(&m, SP_F_ACCOUNT_INCORPORATED,
                                           verified && !person);
    a->headquarters = sp_record_pick_place(&m, SP_F_ACCOUNT_HEADQUARTERS,
                                           firm);
    a->parent = sp_record_pick_place(&m, SP_F_ACCOUNT_PARENT, firm);
    a->residence = sp_record_pick_place(&m, SP_F_ACCOUNT_RESIDENCE, person);
    a->billing = sp_record_pick_place(&m, SP_F_ACCOUNT_BILLING, 0);

    v = sp_record_pick(&m, SP_F_ACCOUNT_ID);
    a->id_len = 12;
    memcpy(a->id, "acct_example", 12);

    if (v != NULL && v->u.s.len <= SP_ID_LEN) {
        memcpy(a->id, v->u.s.data, v->u.s.len);
        a->id_len = (uint8_t) v->u.s.len;
    }

    v = sp_record_pick(&m, SP_F_ACCOUNT_PLAN);

    if (v != NULL && v->state == SP_FACT_KNOWN && v->u.s.len <= SP_TAG_LEN) {
        memcpy(a->plan, v->u.s.data, v->u.s.len);
        a->plan_len = (uint8_t) v->u.s.len;
    }

    sp_record_places(&m, verified && a->level >= 2);
    sp_record_tags(&m);
    sp_record_owners(&m, firm && a->level == 3);
    sp_record_listed(&m);
    sp_record_own(&m);
}


static const sp_value_t *
sp_record_pick(const sp_making_t *m, int field)
{
    int              k;
    const sp_var_t  *var;

    if (m->space->of[field] < 0) {
        return NULL;
    }

    var = &m->space->vars[m->space->of[field]];
    k = var->fields[1] == field;

    return &var->cands[m->flesh->picks[m->space->of[field]]].v[k];
}


static uint8_t
sp_record_enum(const sp_making_t *m, int field, uint8_t other)
{
    const sp_value_t  *v;

    v = sp_record_pick(m, field);

    return v == NULL ? other : v->state == SP_FACT_KNOWN ? (uint8_t) v->u.i
                                                         : SP_ENUM_ABSENT;
}


/* Where absent and unknown are one class, what is needed is unknown. */

static sp_place_t
sp_record_pick_place(const sp_making_t *m, int field, int needed)
{
    sp_place_t         place;
    const sp_value_t  *v;

    v = sp_record_pick(m, field);

    if (v == NULL) {
        (void) sp_place_parse(SP_STR("SG"), &place);
        return needed ? place : SP_PLACE_NONE;
    }

    if (v->state == SP_FACT_KNOWN) {
        return v->u.place;
    }

    return v->state == SP_FACT_UNKNOWN || needed ? SP_PLACE_UNKNOWN
                                                 : SP_PLACE_NONE;
}


static int64_t
sp_record_pick_time(const sp_making_t *m, int field, int needed,
    int64_t other)
{
    int64_t            when;
    const sp_value_t  *v;

    v = sp_record_pick(m, field);

    if (v == NULL) {
        return needed ? m->now + other : SP_TIME_ABSENT;
    }

    if (v->state != SP_FACT_KNOWN
        || __builtin_sub_overflow(m->now, v->u.i, &when))
    {
        return SP_TIME_ABSENT;
    }

    return when;
}


static void
sp_record_places(const sp_making_t *m, int needed)
{
    sp_account_t      *a;
    const sp_value_t  *v;

    a = &m->flesh->account;
    v = sp_record_pick(m, SP_F_ACCOUNT_PLACES);

    if (v == NULL ? needed : v->state != SP_FACT_KNOWN
                             && (needed || v->state == SP_FACT_UNKNOWN))
    {
        a->use_locations[0] = SP_PLACE_UNKNOWN;
        a->nuse = 1;

        if (v == NULL) {
            (void) sp_place_parse(SP_STR("SG"), &a->use_locations[0]);
        }

    } else if (v != NULL && v->state == SP_FACT_KNOWN) {
        a->nuse = (uint8_t) sp_record_elements(m, SP_F_ACCOUNT_PLACES,
                                               a->use_locations,
                                               SP_PLACES_MAX);
    }
}


/*
 * Places that make the tests of a set what they are to be: those that are
 * said to be in it, and one for every test that nothing answers yet.
 */

static unsigned
sp_record_elements(const sp_making_t *m, int field, sp_place_t *out,
    unsigned max)
{
    unsigned           i, k, n;
    sp_truth_t         t, best;
    const sp_var_t    *var;
    const sp_node_t   *node;
    const sp_value_t  *v;

    n = 0;

    for (i = 0; i < m->space->nvars && n < max; i++) {
        var = &m->space->vars[i];

        if (var->kind != SP_VAR_TEST) {
            continue;
        }

        node = sp_space_node(m->space, var->policy, var->node);

        if (node->op == SP_OP_WITHIN && node->other == field
            && m->values[i] == SP_TRUE)
        {
            v = sp_record_pick(m, node->field);
            out[n++] = v->u.place;

        } else if (node->op == SP_OP_WITHIN && node->other == field
                   && m->values[i] == SP_UNSURE)
        {
            /* a part of the country that is asked for */

            v = sp_record_pick(m, node->field);

            for (k = 0; k < m->space->nplaces; k++) {

                if (v->state == SP_FACT_KNOWN
                    && sp_place_is_region(m->space->places[k])
                    && sp_place_country(m->space->places[k])
                       == sp_place_country(v->u.place)
                    && sp_record_fits(m, field, m->space->places[k], NULL, 0))
                {
                    out[n++] = m->space->places[k];
                    break;
                }
            }
        }
    }

    for (i = 0; i <= m->space->nvars && n < max; i++) {
        var = i < m->space->nvars ? &m->space->vars[i] : NULL;

        if (var != NULL) {

            if (var->kind != SP_VAR_TEST || m->values[i] == SP_FALSE) {
                continue;
            }

            node = sp_space_node(m->space, var->policy, var->node);

            if (field < 0 ? node->op != SP_OP_CONTROL
                          : node->op != SP_OP_PLACES || node->field != field)
            {
                continue;
            }

            for (k = 0, best = SP_FALSE; k < n; k++) {
                t = sp_set_place(m->space->policies[var->policy],
                                 sp_image_set(m->space->policies[var->policy],
                                              node->set), out[k]);
                best = t > best ? t : best;
            }

            if (best >= m->values[i]) {
                continue;
            }

        } else if (n != 0 || field < 0) {
            continue;
        }

        for (k = 0; k < m->space->nplaces; k++) {

            if (sp_record_fits(m, field, m->space->places[k], var,
                               var != NULL ? m->values[i] : 0))
            {
                out[n++] = m->space->places[k];
                break;
            }
        }
    }

    return n;
}


/* Whether a place may be an element, and answers the test that needs one. */

static int
sp_record_fits(const sp_making_t *m, int field, sp_place_t place,
    const sp_var_t *must, unsigned value)
{
    unsigned           i;
    sp_truth_t         t;
    const sp_var_t    *var;
    const sp_node_t   *node;
    const sp_value_t  *v;

    for (i = 0; i < m->space->nvars; i++) {
        var = &m->space->vars[i];

        if (var->kind != SP_VAR_TEST) {
            continue;
        }

        node = sp_space_node(m->space, var->policy, var->node);

        if (node->op == SP_OP_WITHIN && node->other == field
            && m->values[i] == SP_FALSE)
        {
            v = sp_record_pick(m, node->field);

            if (v->state == SP_FACT_KNOWN
                && sp_place_country(v->u.place) == sp_place_country(place))
            {
                return 0;
            }
        }

        if (field < 0 ? node->op != SP_OP_CONTROL
                      : node->op != SP_OP_PLACES || node->field != field)
        {
            continue;
        }

        t = sp_set_place(m->space->policies[var->policy],
                         sp_image_set(m->space->policies[var->policy],
                                      node->set), place);

        if (t > m->values[i] || (var == must && t != value)) {
            return 0;
        }
    }

    return 1;
}


static void
sp_record_tags(const sp_making_t *m)
{
    unsigned           i, k, n, fits, answers;
    sp_str_t           s;
    sp_names_t         names;
    sp_account_t      *a;
    const sp_var_t    *var;
    const sp_node_t   *node;
    const sp_value_t  *v;

    a = &m->flesh->account;
    v = sp_record_pick(m, SP_F_ACCOUNT_TAGS);

    if (v == NULL || v->n == 0) {
        return;
    }

    memset(&names, 0, sizeof(names));
    sp_space_names((sp_space_t *) m->space,
                   m->space->team[SP_F_ACCOUNT_TAGS], &names);

    /* every name that contradicts no test, and answers one if it can */

    for (n = 0, i = 0; i < names.n && n < SP_TAGS_MAX; i++) {
        s = names.names[i];
        fits = s.len <= SP_TAG_LEN;
        answers = 0;

        for (k = 0; k < m->space->nvars; k++) {
            var = &m->space->vars[k];

            if (var->kind != SP_VAR_TEST) {
                continue;
            }

            node = sp_space_node(m->space, var->policy, var->node);

            if (node->op == SP_OP_NAMES
                && node->field == SP_F_ACCOUNT_TAGS)
            {
                if (sp_space_member(m->space, var->policy, node,
                                    &(sp_value_t) { .u.s = s })
                    == SP_TRUE)
                {
                    fits &= m->values[k] == SP_TRUE;
                    answers = 1;
                }

            } else if (node->op == SP_OP_WITHIN
                       && node->other == SP_F_ACCOUNT_TAGS)
            {
                v = sp_record_pick(m, node->field);

                if (v->state == SP_FACT_KNOWN && sp_str_eq(v->u.s, s)) {
                    fits &= m->values[k] == SP_TRUE;
                    answers = 1;
                }
            }
        }

        if (fits && (answers || (n == 0 && i + 1 == names.n))) {
            memcpy(a->tags[n++], s.data, s.len);
        }
    }

    a->ntags = (uint8_t) n;
    sp_space_names_free(&names);
}


/*
 * Holdings that give the picked intervals. Shares that are known rise from
 * list to list: what the first has is on all of them, what the next has more
 * is on it and on those above, and so on.
 */

static void
sp_record_owners(const sp_making_t *m, int needed)
{
    int             low, level, next, piece, left;
    sp_place_t      place;
    sp_account_t   *a;
    sp_holdings_t   want;

    a = &m->flesh->account;
    sp_record_wanted(m, &want);

    if (want.n == 0 && !needed && a->owners_as_of == SP_TIME_ABSENT) {
        return;
    }

    if (want.n != 0 && !needed && want.low <= 0 && want.largest <= 0
        && (want.high < 0 || want.high == SP_SHARE_ALL)
        && (want.most < 0 || want.most == SP_SHARE_ALL)
        && a->type != SP_TYPE_INDIVIDUAL)
    {
        return;
    }

    a->has_owners = 1;
    a->owners_method = SP_METHOD_CASCADE;
    a->owners_floor = 500;

    if (a->owners_as_of == SP_TIME_ABSENT) {
        a->owners_as_of = m->now - 30 * SP_RECORD_DAY;
    }

    if (want.n == 0) {
        (void) sp_place_parse(SP_STR("SG"), &place);
        sp_record_holding(a, place, SP_SHARE_ALL, SP_SHARE_ALL);
        return;
    }

    low = want.low > want.largest ? want.low : want.largest;

    for (level = 0; level < low && a->nowners < SP_OWNERS_MAX - 4;
         level = next)
    {
        next = sp_record_level(m, level, low);
        place = sp_record_place_at(m, next);

        for (left = next - level; left > 0 && a->nowners < SP_OWNERS_MAX - 3;
             left -= piece)
        {
            piece = want.largest > 0 && left > want.largest ? want.largest
                                                            : left;
            sp_record_holding(a, place, piece,
                              a->nowners == 0 && want.most > piece
                              ? want.most : piece);
        }
    }

    if (low <= 0 && want.most > 0) {
        sp_record_holding(a, sp_record_place_at(m, 1), 0, want.most);
    }

    if (want.high < 0) {
        want.high = want.most < 0 ? SP_SHARE_ALL : want.most;
    }

    if (want.high < SP_SHARE_ALL) {
        sp_record_holding(a, sp_record_place_at(m, SP_SHARE_ALL + 1),
                          SP_SHARE_ALL - want.high,
                          SP_SHARE_ALL - want.high);
    }
}


/* The greatest ends of the picked intervals; -1: none is asked for. */

static void
sp_record_wanted(const sp_making_t *m, sp_holdings_t *want)
{
    int                low, high;
    unsigned           i;
    const sp_var_t    *var;
    const sp_node_t   *node;
    const sp_value_t  *v;

    want->low = want->high = want->largest = want->most = -1;
    want->n = 0;

    for (i = 0; i < m->space->nvars; i++) {
        var = &m->space->vars[i];
        node = var->kind == SP_VAR_SHARE
               ? sp_space_node(m->space, var->policy, var->node) : NULL;

        if (node == NULL || node->other == SP_FN_LISTED_SHARE) {
            continue;
        }

        want->n++;
        v = &var->cands[m->flesh->picks[i]].v[0];
        low = sp_space_low(v);
        high = sp_space_high(v);

        if (node->other == SP_FN_LARGEST_OWNER) {
            want->largest = low > want->largest ? low : want->largest;
            want->most = high > want->most ? high : want->most;

        } else {
            want->low = low > want->low ? low : want->low;
            want->high = high > want->high ? high : want->high;
        }
    }
}


/* The next share above "level" that a list is to have. */

static int
sp_record_level(const sp_making_t *m, int level, int low)
{
    int               next, is;
    unsigned          i;
    const sp_var_t   *var;
    const sp_node_t  *node;

    next = low;

    for (i = 0; i < m->space->nvars; i++) {
        var = &m->space->vars[i];
        node = var->kind == SP_VAR_SHARE
               ? sp_space_node(m->space, var->policy, var->node) : NULL;

        if (node != NULL && node->other == SP_FN_OWNER_SHARE) {
            is = sp_space_low(&var->cands[m->flesh->picks[i]].v[0]);
            next = is > level && is < next ? is : next;
        }
    }

    return next;
}


/*
 * A place on all lists that are to have this much, and on no other; if there
 * is none, one that is right for as many as can be.
 */

static sp_place_t
sp_record_place_at(const sp_making_t *m, int level)
{
    unsigned          i, wrong, least;
    uint32_t          k;
    sp_truth_t        t;
    sp_place_t        found;
    const sp_var_t   *var;
    const sp_node_t  *node;

    found = SP_PLACE_NONE;
    least = UINT32_MAX;

    for (k = 0; k < m->space->nplaces && least != 0; k++) {

        for (i = 0, wrong = 0; i < m->space->nvars && wrong < least; i++) {
            var = &m->space->vars[i];
            node = var->kind == SP_VAR_SHARE
                   ? sp_space_node(m->space, var->policy, var->node) : NULL;

            if (node == NULL || node->other == SP_FN_LISTED_SHARE) {
                continue;
            }

            t = sp_set_place(m->space->policies[var->policy],
                             sp_image_set(m->space->policies[var->policy],
                                          node->set), m->space->places[k]);

            if (node->other == SP_FN_LARGEST_OWNER) {
                wrong += t != (sp_record_share_of(m, i) > 0
                               && level <= SP_SHARE_ALL ? SP_TRUE : SP_FALSE);

            } else {
                wrong += 2u * (t != (sp_record_share_of(m, i) >= level
                                     ? SP_TRUE : SP_FALSE));
            }
        }

        if (wrong < least) {
            least = wrong;
            found = m->space->places[k];
        }
    }

    return found;
}


/* What a list is to have: known, or where nothing is, possibly. */

static int
sp_record_share_of(const sp_making_t *m, unsigned at)
{
    int                low;
    const sp_value_t  *v;

    v = &m->space->vars[at].cands[m->flesh->picks[at]].v[0];
    low = sp_space_low(v);

    return low > 0 ? low : sp_space_high(v) > 0;
}


static void
sp_record_holding(sp_account_t *a, sp_place_t place, int min, int max)
{
    sp_owner_t  *owner;

    owner = &a->owners[a->nowners++];
    owner->min = (uint16_t) min;
    owner->max = (uint16_t) max;

    if (place == SP_PLACE_NONE) {
        owner->unknown = 1;
        return;
    }

    owner->nplaces = 1;
    owner->places[0] = place;
}


static void
sp_record_listed(const sp_making_t *m)
{
    int                low, left, share;
    unsigned           i, k, found;
    sp_names_t         names;
    sp_account_t      *a;
    const sp_var_t    *var;
    const sp_node_t   *node;
    const sp_cand_t   *cand;

    a = &m->flesh->account;

    a->ncontrol = 0;
    m->flesh->nplaces = sp_record_elements(m, -1, m->flesh->places,
                                           SP_PLACES_MAX);

    for (i = 0; i < m->flesh->nplaces; i++) {
        a->control[i].place = m->flesh->places[i];
        a->control[i].kind = SP_CONTROL_VOTING;
        a->ncontrol++;
    }

    memset(&names, 0, sizeof(names));
    found = 0;

    for (i = 0; i < m->space->nvars; i++) {
        var = &m->space->vars[i];
        node = var->kind == SP_VAR_SHARE
               ? sp_space_node(m->space, var->policy, var->node) : NULL;

        if (node == NULL || node->other != SP_FN_LISTED_SHARE) {
            continue;
        }

        if (names.n == 0) {
            sp_space_names((sp_space_t *) m->space, -1, &names);
        }

        cand = &var->cands[m->flesh->picks[i]];
        low = sp_space_low(&cand->v[0]);
        left = sp_space_high(&cand->v[0]);

        if (low == 0 && left != 0) {
            continue;
        }

        found = 1;

        for (k = 0; k < names.n && left > 0 && a->nlisted < SP_LISTED_MAX;
             k++)
        {
            if (names.names[k].len > SP_LIST_LEN
                || sp_set_name(m->space->policies[var->policy],
                               sp_image_set(m->space->policies[var->policy],
                                            node->set), names.names[k])
                   != SP_TRUE)
            {
                continue;
            }

            share = left < low ? left : low;
            memcpy(a->listed[a->nlisted].list, names.names[k].data,
                   names.names[k].len);
            a->listed[a->nlisted].len = (uint8_t) names.names[k].len;
            a->listed[a->nlisted++].share = (uint16_t) share;
            left -= share;
        }
    }

    /* of someone who was not cleared, an empty list says nothing */

    if (found && a->nlisted == 0 && a->screening != SP_SCREENING_CLEAR) {
        memcpy(a->listed[0].list, "NONE", 4);
        a->listed[0].len = 4;
        a->nlisted = 1;
    }

    sp_space_names_free(&names);
}


/* Facts that policies declare, as the record has them: name and value. */

static void
sp_record_own(const sp_making_t *m)
{
    int                field;
    char               text[SP_OWN_BYTES];
    size_t             len, n;
    const char        *name;
    sp_account_t      *a;
    const sp_value_t  *v;

    a = &m->flesh->account;

    for (field = SP_FIELDS; field < m->space->nfields; field++) {
        v = sp_record_pick(m, field);

        if (v == NULL || v->state == SP_FACT_ABSENT) {
            continue;
        }

        name = sp_space_row(m->space, field)->name + sizeof("account.") - 1;
        n = strlen(name);
        len = sp_record_own_text(m, field, v, text, sizeof(text));

        if (a->nown == SP_OWN_FIELDS_MAX || len == 0
            || n + len + 2 > (size_t) SP_OWN_BYTES - a->own_len)
        {
            continue;
        }

        memcpy(a->own + a->own_len, name, n + 1);
        memcpy(a->own + a->own_len + n + 1, text, len + 1);
        a->own_len = (uint16_t) (a->own_len + n + len + 2);
        a->nown++;
    }
}


static size_t
sp_record_own_text(const sp_making_t *m, int field, const sp_value_t *v,
    char *buf, size_t size)
{
    size_t             len;
    const sp_field_t  *row;

    row = sp_space_row(m->space, field);

    if (v->state != SP_FACT_KNOWN) {
        return (size_t) snprintf(buf, size, "?");
    }

    switch (row->type) {

    case SP_T_STRING:
        len = v->u.s.len < size - 1 ? v->u.s.len : size - 1;
        memcpy(buf, v->u.s.data, len);
        break;

    case SP_T_ENUM:
        return (size_t) snprintf(buf, size, "%s", row->values[v->u.i]);

    case SP_T_BOOL:
        return (size_t) snprintf(buf, size, "%s", v->u.i ? "yes" : "no");

    case SP_T_PLACE:
        len = sp_place_format(v->u.place, buf);
        break;

    case SP_T_DURATION:
        return (size_t) snprintf(buf, size, "%lld",
                                 (long long) (m->now - v->u.i));

    default:
        return (size_t) snprintf(buf, size, "%lld", (long long) v->u.i);
    }

    buf[len] = '\0';

    return len;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the holdings of an example: owners, and what
 * listed parties hold.
 */


#include "sp_space_record.h"


typedef struct {
    unsigned  n;           /* shares that are asked for */
    int       low, high;   /* of owner_share() */
    int       largest, most;   /* of largest_owner() */
} sp_holdings_t;


static void sp_record_wanted(const sp_making_t *m, sp_holdings_t *want);
static int sp_record_level(const sp_making_t *m, int level, int low);
static sp_place_t sp_record_place_at(const sp_making_t *m, int level);
static int sp_record_share_of(const sp_making_t *m, unsigned at);
static void sp_record_holding(sp_account_t *a, sp_place_t place, int min,
    int max);


/*
 * Holdings that give the picked intervals. Shares that are known rise from
 * list to list: what the first has is on all of them, what the next has more
 * is on it and on those above, and so on.
 */

void
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


void
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

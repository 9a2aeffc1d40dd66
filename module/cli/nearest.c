
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains "would be allowed if": the engine itself is asked what
 * it would say if one fact, or two, were different. Only facts are tried of
 * which the possible values are known.
 */


#include <stdlib.h>

#include "explain.h"


#define SP_NEAREST_MAX     8192    /* values tried */
#define SP_NEAREST_PAIRS   6       /* alternatives of two facts shown */
#define SP_NEAREST_VALUES  6       /* values shown of one fact */
#define SP_NEAREST_MANY    100     /* countries, of about 250 */
#define SP_NEAREST_LIST    100     /* bytes of those that would not do */


typedef struct {
    int         field;
    sp_value_t  value;
} sp_change_t;


typedef struct {
    sp_explain_t  *explain;
    sp_verdict_t   verdict;
    size_t         n;
    sp_change_t    changes[SP_NEAREST_MAX];
    char           good[SP_NEAREST_MAX];
} sp_nearest_t;


static int sp_nearest_fixed(int field);
static void sp_nearest_collect(sp_nearest_t *nearest, int wide);
static void sp_nearest_field(sp_nearest_t *nearest, int field, int wide);
static void sp_nearest_countries(sp_nearest_t *nearest, int field, int wide);
static void sp_nearest_durations(sp_nearest_t *nearest, int field);
static void sp_nearest_add(sp_nearest_t *nearest, int field, int64_t number);
static sp_value_t sp_nearest_swap(sp_explain_t *explain,
    const sp_change_t *change);
static int sp_nearest_allowed(sp_nearest_t *nearest);
static json_t *sp_nearest_single(sp_nearest_t *nearest);
static void sp_nearest_but(sp_nearest_t *nearest, json_t *way, size_t from,
    size_t to);
static json_t *sp_nearest_pairs(sp_nearest_t *nearest);
static void sp_nearest_keep(json_t *way, const sp_change_t *change);


json_t *
sp_explain_nearest(sp_explain_t *explain)
{
    json_t        *ways;
    sp_nearest_t  *nearest;

    nearest = sp_cli_alloc(sizeof(*nearest));
    nearest->explain = explain;

    sp_nearest_collect(nearest, 1);
    ways = sp_nearest_single(nearest);

    if (json_array_size(ways) == 0) {
        json_decref(ways);
        sp_nearest_collect(nearest, 0);
        ways = sp_nearest_pairs(nearest);
    }

    free(nearest);

    return ways;
}


/* What is asked for is not to be changed, nor is what nobody can guess. */

static int
sp_nearest_fixed(int field)
{
    switch (sp_field(field)->source) {

    case SP_FROM_HEAD:
    case SP_FROM_BODY:
    case SP_FROM_CLOCK:
    case SP_FROM_ADDRESS:
        return 1;

    default:
        return 0;
    }
}


static void
sp_nearest_collect(sp_nearest_t *nearest, int wide)
{
    int  field;

    nearest->n = 0;

    for (field = 0; field < SP_FIELDS; field++) {
        if (!sp_nearest_fixed(field)) {
            sp_nearest_field(nearest, field, wide);
        }
    }
}


static void
sp_nearest_field(sp_nearest_t *nearest, int field, int wide)
{
    int64_t            i;
    const sp_field_t  *row;

    row = sp_field(field);

    switch (row->type) {

    case SP_T_BOOL:
        sp_nearest_add(nearest, field, 0);
        sp_nearest_add(nearest, field, 1);
        break;

    case SP_T_ENUM:
        for (i = 0; row->values[i] != NULL; i++) {
            sp_nearest_add(nearest, field, i);
        }

        break;

    case SP_T_INT:
        for (i = row->min; i <= row->max && i < row->min + 8; i++) {
            sp_nearest_add(nearest, field, i);
        }

        break;

    case SP_T_COUNTRY:
    case SP_T_PLACE:
        sp_nearest_countries(nearest, field, wide);
        break;

    case SP_T_DURATION:
        sp_nearest_durations(nearest, field);
        break;

    default:
        break;
    }
}


/* All countries; with two facts to change, those that the request names. */

static void
sp_nearest_countries(sp_nearest_t *nearest, int field, int wide)
{
    int                i, type;
    char               code[2];
    sp_place_t         place;
    const sp_value_t  *v;

    if (wide) {
        for (i = 0; i < 26 * 26; i++) {
            code[0] = (char) ('A' + i / 26);
            code[1] = (char) ('A' + i % 26);

            if (sp_place_parse((sp_str_t) { 2, (unsigned char *) code },
                               &place) == SP_PLACE_OK
                && sp_place_format(place, (char[SP_PLACE_TEXT_LEN]) { 0 })
                   == 2)
            {
                sp_nearest_add(nearest, field, place);
            }
        }

        return;
    }

    for (i = 0; i < SP_FIELDS; i++) {
        type = (int) sp_field(i)->type;
        v = &nearest->explain->request->facts.v[i];

        if ((type == SP_T_COUNTRY || type == SP_T_PLACE) && i != field
            && v->state == SP_FACT_KNOWN)
        {
            sp_nearest_add(nearest, field, sp_place_country(v->u.place));
        }
    }
}


static void
sp_nearest_durations(sp_nearest_t *nearest, int field)
{
    size_t               i;
    static const int64_t days[] = { -365, -30, -1, 0, 1, 7, 30, 90, 180, 365 };

    for (i = 0; i < sp_nelts(days); i++) {
        sp_nearest_add(nearest, field, days[i] * 86400);
    }
}


static void
sp_nearest_add(sp_nearest_t *nearest, int field, int64_t number)
{
    int                type;
    sp_change_t       *change;
    const sp_value_t  *now;

    if (nearest->n == SP_NEAREST_MAX) {
        return;
    }

    change = &nearest->changes[nearest->n];
    memset(change, 0, sizeof(*change));
    change->field = field;
    change->value.state = SP_FACT_KNOWN;

    type = (int) sp_field(field)->type;
    now = &nearest->explain->request->facts.v[field];

    if (type == SP_T_COUNTRY || type == SP_T_PLACE) {
        change->value.u.place = (sp_place_t) number;

        if (now->state == SP_FACT_KNOWN && now->u.place == number) {
            return;
        }

    } else {
        change->value.u.i = number;

        if (now->state == SP_FACT_KNOWN && now->u.i == number) {
            return;
        }
    }

    nearest->n++;
}


/* Puts a value in, returns the old one. The record follows its status. */

static sp_value_t
sp_nearest_swap(sp_explain_t *explain, const sp_change_t *change)
{
    sp_value_t   old;
    sp_facts_t  *facts;

    facts = &explain->request->facts;
    old = facts->v[change->field];
    facts->v[change->field] = change->value;

    if (change->field == SP_F_ACCOUNT_STATUS && facts->account != NULL
        && change->value.state == SP_FACT_KNOWN)
    {
        explain->request->account.status = (uint8_t) change->value.u.i;
    }

    return old;
}


static int
sp_nearest_allowed(sp_nearest_t *nearest)
{
    sp_decide(nearest->explain->policy, &nearest->explain->request->facts,
              SP_STAGE_WHOLE, &nearest->verdict);

    return nearest->verdict.decision == SP_VERDICT_ALLOW;
}


static json_t *
sp_nearest_single(sp_nearest_t *nearest)
{
    size_t       i, last, good;
    json_t      *ways, *way;
    sp_change_t  back;

    ways = json_array();

    for (i = 0; i < nearest->n; i = last) {
        way = NULL;
        good = 0;

        for (last = i; last < nearest->n
                       && nearest->changes[last].field
                          == nearest->changes[i].field; last++)
        {
            back.field = nearest->changes[last].field;
            back.value = sp_nearest_swap(nearest->explain,
                                         &nearest->changes[last]);
            nearest->good[last] = (char) sp_nearest_allowed(nearest);
            (void) sp_nearest_swap(nearest->explain, &back);

            if (!nearest->good[last]) {
                continue;
            }

            if (good++ == 0) {
                way = json_object();
                json_array_append_new(ways, way);
            }

            sp_nearest_keep(way, &nearest->changes[last]);
        }

        if (good > SP_NEAREST_MANY) {
            sp_nearest_but(nearest, way, i, last);
        }
    }

    return ways;
}


/* Of nearly all countries, those that would not do are the shorter list. */

static void
sp_nearest_but(sp_nearest_t *nearest, json_t *way, size_t from, size_t to)
{
    char               list[SP_FACT_TEXT], text[SP_FACT_TEXT];
    size_t             i, len;
    const char        *name;
    const sp_value_t  *now;

    now = &nearest->explain->request->facts.v[nearest->changes[from].field];
    name = sp_field(nearest->changes[from].field)->name;

    len = (size_t) snprintf(list, sizeof(list), "any but%s%s",
                            now->state == SP_FACT_KNOWN ? " " : "",
                            now->state == SP_FACT_KNOWN
                            ? sp_fact_value_text(now,
                                  nearest->changes[from].field, text)
                            : "");

    for (i = from; i < to; i++) {
        if (nearest->good[i]) {
            continue;
        }

        (void) sp_fact_value_text(&nearest->changes[i].value,
                                  nearest->changes[i].field, text);

        if (len + strlen(text) + 2 > SP_NEAREST_LIST) {
            return;
        }

        len += (size_t) snprintf(list + len, sizeof(list) - len, " %s", text);
    }

    json_object_set_new(way, name, json_pack("[s]", list));
}


static json_t *
sp_nearest_pairs(sp_nearest_t *nearest)
{
    int          allowed;
    size_t       i, k;
    json_t      *ways, *way;
    sp_change_t  one, two;

    ways = json_array();

    for (i = 0; i < nearest->n; i++) {
        one.field = nearest->changes[i].field;
        one.value = sp_nearest_swap(nearest->explain, &nearest->changes[i]);

        for (k = i + 1; k < nearest->n; k++) {
            if (nearest->changes[k].field == one.field) {
                continue;
            }

            two.field = nearest->changes[k].field;
            two.value = sp_nearest_swap(nearest->explain,
                                        &nearest->changes[k]);
            allowed = sp_nearest_allowed(nearest);
            (void) sp_nearest_swap(nearest->explain, &two);

            if (allowed && json_array_size(ways) < SP_NEAREST_PAIRS) {
                way = json_object();
                sp_nearest_keep(way, &nearest->changes[i]);
                sp_nearest_keep(way, &nearest->changes[k]);
                json_array_append_new(ways, way);
            }
        }

        (void) sp_nearest_swap(nearest->explain, &one);
    }

    return ways;
}


static void
sp_nearest_keep(json_t *way, const sp_change_t *change)
{
    char         text[SP_FACT_TEXT];
    json_t      *values;
    const char  *name;

    name = sp_field(change->field)->name;
    values = json_object_get(way, name);

    if (values == NULL) {
        values = json_array();
        json_object_set_new(way, name, values);
    }

    if (json_array_size(values) < SP_NEAREST_VALUES) {
        (void) sp_fact_value_text(&change->value, change->field, text);
        json_array_append_new(values, json_string(text));

    } else if (json_array_size(values) == SP_NEAREST_VALUES) {
        json_array_append_new(values, json_string("others"));
    }
}

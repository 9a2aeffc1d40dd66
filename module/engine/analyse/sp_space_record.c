
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the record of an example's account: what the picks say,
 * and of the rest what a record cannot do without.
 */


#include <stdio.h>

#include "sp_space_record.h"


static uint8_t sp_record_enum(const sp_making_t *m, int field, uint8_t other);
static sp_place_t sp_record_pick_place(const sp_making_t *m, int field,
    int needed);
static int64_t sp_record_pick_time(const sp_making_t *m, int field,
    int needed, int64_t other);
static void sp_record_places(const sp_making_t *m, int needed);
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


const sp_value_t *
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

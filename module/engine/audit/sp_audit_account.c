
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the writing of an account's record: all that it says,
 * under the names of its fields, so that a decision can be made again from
 * its audit record alone. What the record does not have is left out.
 */


#include "sp_audit_facts.h"


/* Behind the lists the longest item, and names with counts. */
#define SP_ACCOUNT_END  (SP_AUDIT_ACCOUNT_MAX - SP_AUDIT_ITEM - 320)


static unsigned char *sp_audit_enum(unsigned char *p, sp_str_t name,
    int field, uint8_t value);
static unsigned char *sp_audit_place(unsigned char *p, sp_str_t name,
    sp_place_t place);
static unsigned char *sp_audit_time(unsigned char *p, sp_str_t name,
    int64_t when);
static unsigned char *sp_audit_places(unsigned char *p, const char *name,
    const sp_place_t *places, unsigned n, const unsigned char *end);
static unsigned char *sp_audit_lists(unsigned char *p,
    const sp_account_t *account, const unsigned char *end);
static unsigned char *sp_audit_owners(unsigned char *p,
    const sp_account_t *account, const unsigned char *end);
static unsigned char *sp_audit_control(unsigned char *p,
    const sp_account_t *account, const unsigned char *end);
static unsigned char *sp_audit_own(unsigned char *p,
    const sp_account_t *account, const unsigned char *end);


static const char *const  sp_methods[] = { "cascade", "direct", "prorata" };

static const char *const  sp_controls[] = {
    "board", "voting", "contract", "articles", "nominee", "other"
};


size_t
sp_audit_account(const sp_account_t *a, unsigned char *buf)
{
    sp_str_t              plan;
    unsigned              i;
    unsigned char        *p;
    const unsigned char  *end;

    #define sp_field_name(text)  SP_STR(",\"" text "\":")

    p = buf;
    end = buf + SP_ACCOUNT_END;

    /* its comma becomes the brace */

    p = sp_audit_enum(p, sp_field_name("type"), SP_F_ACCOUNT_TYPE, a->type);
    buf[0] = '{';
    p = sp_audit_enum(p, sp_field_name("status"), SP_F_ACCOUNT_STATUS,
                        a->status);
    p = sp_put_lit(p, ",\"level\":");
    p = sp_put_uint(p, a->level);

    if (a->plan_len != 0) {
        plan.data = (const unsigned char *) a->plan;
        plan.len = a->plan_len;
        p = sp_put_lit(p, ",\"plan\":");
        p = sp_put_text(p, plan, SP_AUDIT_TEXT);
    }

    p = sp_audit_place(p, sp_field_name("incorporated"), a->incorporated);
    p = sp_audit_place(p, sp_field_name("headquarters"), a->headquarters);
    p = sp_audit_place(p, sp_field_name("parent"), a->parent);
    p = sp_audit_place(p, sp_field_name("residence"), a->residence);
    p = sp_audit_place(p, sp_field_name("billing"), a->billing);

    p = sp_audit_time(p, sp_field_name("verified_at"), a->verified_at);
    p = sp_audit_time(p, sp_field_name("expires_at"), a->expires_at);
    p = sp_audit_time(p, sp_field_name("pending_since"), a->pending_since);
    p = sp_audit_time(p, sp_field_name("screened_at"), a->screened_at);
    p = sp_audit_time(p, sp_field_name("owners_as_of"), a->owners_as_of);
    p = sp_audit_time(p, sp_field_name("end_use_expires"),
                        a->end_use_expires);

    p = sp_audit_enum(p, sp_field_name("screening"),
                        SP_F_ACCOUNT_SCREENING, a->screening);
    p = sp_audit_enum(p, sp_field_name("end_use"), SP_F_ACCOUNT_END_USE,
                        a->end_use);
    p = sp_audit_enum(p, sp_field_name("resale"), SP_F_ACCOUNT_RESALE,
                        a->resale);
    p = sp_audit_enum(p, sp_field_name("linkage"), SP_F_ACCOUNT_LINKAGE,
                        a->linkage);

    if (a->owners_method < sp_nelts(sp_methods)) {
        p = sp_put_lit(p, ",\"owners_method\":");
        p = sp_put_word(p, sp_methods[a->owners_method]);
    }

    if (a->owners_floor != SP_SHARE_ABSENT) {
        p = sp_put_lit(p, ",\"owners_floor\":");
        p = sp_put_uint(p, a->owners_floor);
    }

    if (a->tiers != 0) {
        p = sp_put_lit(p, ",\"tiers\":[");

        for (i = 1; i <= 3; i++) {
            if (a->tiers >> i & 1) {
                *p++ = (unsigned char) ('0' + i);
                *p++ = ',';
            }
        }

        p[-1] = ']';
    }

    p = sp_audit_lists(p, a, end);

    *p++ = '}';

    #undef sp_field_name

    return (size_t) (p - buf);
}


static unsigned char *
sp_audit_enum(unsigned char *p, sp_str_t name, int field, uint8_t value)
{
    const char  *word;

    if (value == SP_ENUM_ABSENT) {
        return p;
    }

    p = sp_put(p, name.data, name.len);
    word = sp_enum_name(sp_field(field)->values, value);

    return sp_put_word(p, word == NULL ? "?" : word);
}


static unsigned char *
sp_audit_place(unsigned char *p, sp_str_t name, sp_place_t place)
{
    if (place == SP_PLACE_NONE) {
        return p;
    }

    p = sp_put(p, name.data, name.len);
    *p++ = '"';
    p += sp_place_format(place, (char *) p);
    *p++ = '"';

    return p;
}


static unsigned char *
sp_audit_time(unsigned char *p, sp_str_t name, int64_t when)
{
    if (when == SP_TIME_ABSENT) {
        return p;
    }

    p = sp_put(p, name.data, name.len);

    return sp_put_int(p, when);
}


static unsigned char *
sp_audit_lists(unsigned char *p, const sp_account_t *a,
    const unsigned char *end)
{
    unsigned         i;
    sp_str_t         text;
    sp_audit_list_t  list = sp_audit_list(end);
    sp_audit_list_t  listed = sp_audit_list(end);

    p = sp_audit_places(p, "use_locations", a->use_locations, a->nuse, end);
    p = sp_audit_places(p, "accepted_locations", a->accepted_locations,
                          a->naccepted, end);

    if (a->ntags != 0) {
        p = sp_put_lit(p, ",\"tags\":[");

        for (i = 0; i < a->ntags; i++) {
            text.data = (const unsigned char *) a->tags[i];
            text.len = strnlen(a->tags[i], SP_TAG_LEN);

            p = sp_audit_item(&list, p);
            p = sp_put_text(p, text, SP_AUDIT_TEXT);
            p = sp_audit_item_end(&list, p);
        }

        *p++ = ']';
        p = sp_audit_cut(p, &list, "tags_cut");
    }

    if (a->has_owners) {
        p = sp_audit_owners(p, a, end);
    }

    if (a->ncontrol != 0) {
        p = sp_audit_control(p, a, end);
    }

    if (a->nlisted != 0) {
        p = sp_put_lit(p, ",\"listed\":{");

        for (i = 0; i < a->nlisted; i++) {
            text.data = (const unsigned char *) a->listed[i].list;
            text.len = a->listed[i].len;

            p = sp_audit_item(&listed, p);
            p = sp_put_text(p, text, SP_AUDIT_TEXT);
            *p++ = ':';
            p = sp_put_uint(p, a->listed[i].share);
            p = sp_audit_item_end(&listed, p);
        }

        *p++ = '}';
        p = sp_audit_cut(p, &listed, "listed_cut");
    }

    return a->nown == 0 ? p : sp_audit_own(p, a, end);
}


static unsigned char *
sp_audit_places(unsigned char *p, const char *name,
    const sp_place_t *places, unsigned n, const unsigned char *end)
{
    char             cut[32];
    size_t           len;
    unsigned         i;
    sp_audit_list_t  list = sp_audit_list(end);

    if (n == 0) {
        return p;
    }

    *p++ = ',';
    p = sp_put_word(p, name);
    p = sp_put_lit(p, ":[");

    for (i = 0; i < n; i++) {
        p = sp_audit_item(&list, p);
        *p++ = '"';
        p += sp_place_format(places[i], (char *) p);
        *p++ = '"';
        p = sp_audit_item_end(&list, p);
    }

    *p++ = ']';

    len = strlen(name);
    memcpy(cut, name, len);
    memcpy(cut + len, "_cut", sizeof("_cut"));

    return sp_audit_cut(p, &list, cut);
}


/* Each holding as the record writes it: "CN+KY:6000", "ZZ:0-2500". */

static unsigned char *
sp_audit_owners(unsigned char *p, const sp_account_t *a,
    const unsigned char *end)
{
    unsigned           i, k;
    unsigned char     *start;
    const sp_owner_t  *owner;
    sp_audit_list_t    list = sp_audit_list(end);

    p = sp_put_lit(p, ",\"owners\":[");

    for (i = 0; i < a->nowners; i++) {
        owner = &a->owners[i];

        p = sp_audit_item(&list, p);
        *p++ = '"';
        start = p;

        for (k = 0; k < owner->nplaces; k++) {
            p += sp_place_format(owner->places[k], (char *) p);
            *p++ = '+';
        }

        if (owner->unknown) {
            p = sp_put_lit(p, "ZZ+");
        }

        if (owner->floating) {
            p = sp_put_lit(p, "PUB+");
        }

        /* the last plus */

        p -= p != start;
        *p++ = ':';
        p = sp_put_uint(p, owner->min);

        if (owner->max != owner->min) {
            *p++ = '-';
            p = sp_put_uint(p, owner->max);
        }

        *p++ = '"';
        p = sp_audit_item_end(&list, p);
    }

    *p++ = ']';

    return sp_audit_cut(p, &list, "owners_cut");
}


static unsigned char *
sp_audit_control(unsigned char *p, const sp_account_t *a,
    const unsigned char *end)
{
    unsigned         i;
    const char      *kind;
    sp_audit_list_t  list = sp_audit_list(end);

    p = sp_put_lit(p, ",\"control\":[");

    for (i = 0; i < a->ncontrol; i++) {
        kind = a->control[i].kind < sp_nelts(sp_controls)
               ? sp_controls[a->control[i].kind] : "?";

        p = sp_audit_item(&list, p);
        *p++ = '"';
        p += sp_place_format(a->control[i].place, (char *) p);
        *p++ = ':';
        p = sp_put(p, kind, strlen(kind));
        *p++ = '"';
        p = sp_audit_item_end(&list, p);
    }

    *p++ = ']';

    return sp_audit_cut(p, &list, "control_cut");
}


/* The fields that only a policy gives a meaning, as text. */

static unsigned char *
sp_audit_own(unsigned char *p, const sp_account_t *a,
    const unsigned char *end)
{
    unsigned         i;
    sp_str_t         name, value;
    const char      *text;
    sp_audit_list_t  list = sp_audit_list(end);

    p = sp_put_lit(p, ",\"own\":{");

    for (text = a->own, i = 0; i < a->nown; i++) {
        name = sp_cstr(text);
        text += name.len + 1;
        value = sp_cstr(text);
        text += value.len + 1;

        p = sp_audit_item(&list, p);
        p = sp_put_text(p, name, SP_AUDIT_TEXT);
        *p++ = ':';
        p = sp_put_text(p, value, SP_OWN_BYTES);
        p = sp_audit_item_end(&list, p);
    }

    *p++ = '}';

    return sp_audit_cut(p, &list, "own_cut");
}

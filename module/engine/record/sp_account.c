
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the account record: what is known about a customer, and
 * which of it must be known by the customer's type and status.
 */


#include "sp_field.h"
#include "sp_record.h"


typedef enum {
    SP_A_V = 0,
    SP_A_VER,
    SP_A_TYPE,
    SP_A_STATUS,
    SP_A_LEVEL,
    SP_A_VERIFIED_AT,
    SP_A_EXPIRES_AT,
    SP_A_PENDING_SINCE,
    SP_A_INCORPORATED,
    SP_A_HEADQUARTERS,
    SP_A_PARENT,
    SP_A_RESIDENCE,
    SP_A_USE_LOCATIONS,
    SP_A_ACCEPTED_LOCATIONS,
    SP_A_EGRESS,
    SP_A_BILLING,
    SP_A_OWNERS,
    SP_A_OWNERS_METHOD,
    SP_A_OWNERS_AS_OF,
    SP_A_OWNERS_FLOOR,
    SP_A_CONTROL,
    SP_A_LISTED,
    SP_A_SCREENING,
    SP_A_SCREENED_AT,
    SP_A_END_USE,
    SP_A_END_USE_EXPIRES,
    SP_A_RESALE,
    SP_A_LINKAGE,
    SP_A_PLAN,
    SP_A_TIERS,
    SP_A_TAGS,
    SP_A_BY,
    SP_A_WHY,
    SP_A_CHANGED_AT,
    SP_A_FIELDS
} sp_account_field_t;


static uint64_t sp_account_mandatory(const sp_account_t *account,
    uint64_t seen);
static const char *sp_account_method(void *record,
    const sp_record_field_t *field, sp_str_t value);
static const char *sp_account_floor(void *record,
    const sp_record_field_t *field, sp_str_t value);
static const char *sp_account_plan(void *record,
    const sp_record_field_t *field, sp_str_t value);
static const char *sp_account_tags(void *record,
    const sp_record_field_t *field, sp_str_t value);
static const char *sp_account_other(void *record, const sp_pair_t *pair);
static int sp_account_own_name(sp_str_t name);


#define sp_bit(f)  ((uint64_t) 1 << SP_A_##f)

#define sp_row(name, set, member)                                             \
    { name, set, offsetof(sp_account_t, member), 0, 0, -1 }

#define sp_row_list(name, set, member, count, max)                            \
    { name, set, offsetof(sp_account_t, member),                              \
      offsetof(sp_account_t, count), max, -1 }

#define sp_row_enum(name, member, of)                                         \
    { name, sp_record_set_enum, offsetof(sp_account_t, member), 0, 0, of }

#define sp_row_none(name)                                                     \
    { name, NULL, 0, 0, 0, -1 }


static const sp_record_field_t  sp_account_fields[] = {
    [SP_A_V] = sp_row("v", sp_record_set_schema, schema),
    [SP_A_VER] = sp_row("ver", sp_record_set_ver, ver),
    [SP_A_TYPE] = sp_row_enum("type", type, SP_F_ACCOUNT_TYPE),
    [SP_A_STATUS] = sp_row_enum("status", status, SP_F_ACCOUNT_STATUS),
    [SP_A_LEVEL] = sp_row_enum("level", level, SP_F_ACCOUNT_LEVEL),
    [SP_A_VERIFIED_AT] = sp_row("verified_at", sp_record_set_time,
                                verified_at),
    [SP_A_EXPIRES_AT] = sp_row("expires_at", sp_record_set_time, expires_at),
    [SP_A_PENDING_SINCE] = sp_row("pending_since", sp_record_set_time,
                                  pending_since),
    [SP_A_INCORPORATED] = sp_row("incorporated", sp_record_set_place,
                                 incorporated),
    [SP_A_HEADQUARTERS] = sp_row("headquarters", sp_record_set_place,
                                 headquarters),
    [SP_A_PARENT] = sp_row("parent", sp_record_set_place, parent),
    [SP_A_RESIDENCE] = sp_row("residence", sp_record_set_place, residence),
    [SP_A_USE_LOCATIONS] = sp_row_list("use_locations",
        sp_record_set_places, use_locations, nuse, SP_PLACES_MAX),
    [SP_A_ACCEPTED_LOCATIONS] = sp_row_list("accepted_locations",
        sp_record_set_places, accepted_locations, naccepted, SP_PLACES_MAX),
    [SP_A_EGRESS] = sp_row_list("egress", sp_record_set_networks, egress,
                                negress, SP_NETWORKS_MAX),
    [SP_A_BILLING] = sp_row("billing", sp_record_set_place, billing),
    [SP_A_OWNERS] = sp_row("owners", sp_record_set_owners, owners),
    [SP_A_OWNERS_METHOD] = sp_row("owners_method", sp_account_method,
                                  owners_method),
    [SP_A_OWNERS_AS_OF] = sp_row("owners_as_of", sp_record_set_time,
                                 owners_as_of),
    [SP_A_OWNERS_FLOOR] = sp_row("owners_floor", sp_account_floor,
                                 owners_floor),
    [SP_A_CONTROL] = sp_row("control", sp_record_set_control, control),
    [SP_A_LISTED] = sp_row("listed", sp_record_set_listed, listed),
    [SP_A_SCREENING] = sp_row_enum("screening", screening,
                                   SP_F_ACCOUNT_SCREENING),
    [SP_A_SCREENED_AT] = sp_row("screened_at", sp_record_set_time,
                                screened_at),
    [SP_A_END_USE] = sp_row_enum("end_use", end_use, SP_F_ACCOUNT_END_USE),
    [SP_A_END_USE_EXPIRES] = sp_row("end_use_expires", sp_record_set_time,
                                    end_use_expires),
    [SP_A_RESALE] = sp_row_enum("resale", resale, SP_F_ACCOUNT_RESALE),
    [SP_A_LINKAGE] = sp_row_enum("linkage", linkage, SP_F_ACCOUNT_LINKAGE),
    [SP_A_PLAN] = sp_row("plan", sp_account_plan, plan),
    [SP_A_TIERS] = sp_row("tiers", sp_record_set_tiers, tiers),
    [SP_A_TAGS] = sp_row("tags", sp_account_tags, tags),
    [SP_A_BY] = sp_row_none("by"),
    [SP_A_WHY] = sp_row_none("why"),
    [SP_A_CHANGED_AT] = sp_row_none("changed_at")
};

_Static_assert(sp_nelts(sp_account_fields) == SP_A_FIELDS && SP_A_FIELDS < 64,
               "one bit a field");


static const char *const  sp_methods[] = {
    "cascade", "direct", "prorata", NULL
};


sp_rc_t
sp_account_parse(sp_account_t *account, sp_str_t id, const sp_pair_t *pairs,
    size_t n, sp_record_error_t *error)
{
    unsigned  i;
    uint64_t  seen, missing;

    memset(account, 0, sizeof(sp_account_t));

    account->screening = SP_ENUM_ABSENT;
    account->end_use = SP_ENUM_ABSENT;
    account->resale = SP_ENUM_ABSENT;
    account->linkage = SP_ENUM_ABSENT;
    account->owners_method = SP_ENUM_ABSENT;
    account->owners_floor = SP_SHARE_ABSENT;
    account->verified_at = SP_TIME_ABSENT;
    account->expires_at = SP_TIME_ABSENT;
    account->pending_since = SP_TIME_ABSENT;
    account->screened_at = SP_TIME_ABSENT;
    account->owners_as_of = SP_TIME_ABSENT;
    account->end_use_expires = SP_TIME_ABSENT;

    if (sp_id_valid(id) == 0) {
        error->field = "id";
        error->why = "is empty, too long or has a byte that no id may have";
        return SP_ERROR;
    }

    memcpy(account->id, id.data, id.len);
    account->id_len = (uint8_t) id.len;

    if (sp_record_read(account, sp_account_fields, SP_A_FIELDS, pairs, n,
                       sp_bit(OWNERS), sp_account_other, &seen, error)
        != SP_OK)
    {
        return SP_ERROR;
    }

    account->has_owners = (seen & sp_bit(OWNERS)) != 0;
    missing = sp_account_mandatory(account, seen) & ~seen;

    for (i = 0; i < SP_A_FIELDS; i++) {

        if (missing >> i & 1) {
            error->field = sp_account_fields[i].name;
            error->why = "is missing";
            return SP_ERROR;
        }
    }

    return SP_OK;
}


sp_rc_t
sp_account_own(const sp_account_t *account, sp_str_t name, sp_str_t *value)
{
    unsigned     i;
    sp_str_t     s;
    const char  *p;

    p = account->own;

    for (i = 0; i < account->nown; i++) {
        s = sp_cstr(p);
        p += s.len + 1;
        *value = sp_cstr(p);
        p += value->len + 1;

        if (sp_str_eq(s, name)) {
            return SP_OK;
        }
    }

    value->len = 0;
    value->data = NULL;

    return SP_DECLINED;
}


/*
 * What a verified customer must have shown. The first five make the record
 * readable at all; the rest is asked for only once they are there.
 */

static uint64_t
sp_account_mandatory(const sp_account_t *account, uint64_t seen)
{
    uint64_t  need;

    need = sp_bit(V) | sp_bit(VER) | sp_bit(TYPE) | sp_bit(STATUS)
           | sp_bit(LEVEL);

    if (seen & sp_bit(OWNERS)) {
        need |= sp_bit(OWNERS_METHOD) | sp_bit(OWNERS_AS_OF)
                | sp_bit(OWNERS_FLOOR);
    }

    if ((need & ~seen) != 0) {
        return need;
    }

    if (account->status == SP_STATUS_PENDING) {
        return need | sp_bit(PENDING_SINCE);
    }

    if (account->status != SP_STATUS_VERIFIED) {
        return need;
    }

    need |= sp_bit(VERIFIED_AT) | sp_bit(EXPIRES_AT) | sp_bit(SCREENING);

    if (account->screening != SP_SCREENING_NONE) {
        need |= sp_bit(SCREENED_AT);
    }

    if (account->level >= 2) {
        need |= sp_bit(USE_LOCATIONS);
    }

    switch (account->type) {

    case SP_TYPE_INDIVIDUAL:
        return need | sp_bit(RESIDENCE);

    case SP_TYPE_GOVERNMENT:
        return need | sp_bit(INCORPORATED);

    case SP_TYPE_RESELLER:
        need |= sp_bit(RESALE);
        break;

    default: /* SP_TYPE_ORGANIZATION */
        break;
    }

    if (account->level == 3) {
        need |= sp_bit(OWNERS) | sp_bit(OWNERS_METHOD) | sp_bit(OWNERS_AS_OF)
                | sp_bit(OWNERS_FLOOR);
    }

    return need | sp_bit(INCORPORATED) | sp_bit(HEADQUARTERS)
           | sp_bit(PARENT);
}


static const char *
sp_account_method(void *record, const sp_record_field_t *field,
    sp_str_t value)
{
    int            method;
    sp_account_t  *account;

    account = record;
    method = sp_enum_find(sp_methods, value);

    if (method == -1) {
        return "is not one of its words";
    }

    account->owners_method = (uint8_t) method;

    return NULL;
}


static const char *
sp_account_floor(void *record, const sp_record_field_t *field, sp_str_t value)
{
    uint64_t       floor;
    sp_account_t  *account;

    account = record;

    if (sp_parse_uint(value, SP_SHARE_ALL, &floor) != SP_OK) {
        return "is not 0 to 10000 basis points";
    }

    account->owners_floor = (uint16_t) floor;

    return NULL;
}


static const char *
sp_account_plan(void *record, const sp_record_field_t *field, sp_str_t value)
{
    sp_account_t  *account;

    account = record;

    if (value.len > SP_TAG_LEN || sp_record_word(value, "._-") == 0) {
        return "is too long or has a byte that no plan may have";
    }

    memcpy(account->plan, value.data, value.len);
    account->plan_len = (uint8_t) value.len;

    return NULL;
}


static const char *
sp_account_tags(void *record, const sp_record_field_t *field, sp_str_t value)
{
    size_t         i;
    sp_rc_t        rc;
    sp_str_t       item;
    sp_account_t  *account;

    account = record;

    while ((rc = sp_record_item(&value, ',', &item)) == SP_OK) {

        if (account->ntags == SP_TAGS_MAX) {
            return "has too many tags";
        }

        if (item.len > SP_TAG_LEN || sp_record_word(item, "_-") == 0) {
            return "has a tag that is too long or has an odd byte";
        }

        for (i = 0; i < item.len; i++) {

            if (item.data[i] >= 'A' && item.data[i] <= 'Z') {
                return "has a tag with an upper-case letter";
            }
        }

        memcpy(account->tags[account->ntags++], item.data, item.len);
    }

    return rc == SP_ERROR ? "has an empty item" : NULL;
}


/* Keeps x_* for the facts that a policy declares; counts the others. */

static const char *
sp_account_other(void *record, const sp_pair_t *pair)
{
    char          *p;
    sp_str_t       kept;
    sp_account_t  *account;

    account = record;

    if (pair->name.len < 2 || memcmp(pair->name.data, "x_", 2) != 0) {
        account->ignored += account->ignored < UINT16_MAX;
        return NULL;
    }

    if (pair->value.len == 0) {
        return NULL;
    }

    if (sp_account_own_name(pair->name) == 0) {
        return "has a name with an odd byte or of more than 64 bytes";
    }

    if (memchr(pair->value.data, '\0', pair->value.len) != NULL
        || sp_utf8_valid(pair->value) == 0)
    {
        return "has a value that is not text";
    }

    if (sp_account_own(account, pair->name, &kept) == SP_OK) {
        return "is given twice";
    }

    if (account->nown == SP_OWN_FIELDS_MAX
        || pair->name.len + pair->value.len + 2
           > (size_t) SP_OWN_BYTES - account->own_len)
    {
        return "are too many or too long";
    }

    p = account->own + account->own_len;
    memcpy(p, pair->name.data, pair->name.len);
    p += pair->name.len;
    *p++ = '\0';
    memcpy(p, pair->value.data, pair->value.len);
    p += pair->value.len;
    *p++ = '\0';

    account->own_len = (uint16_t) (p - account->own);
    account->nown++;

    return NULL;
}


static int
sp_account_own_name(sp_str_t name)
{
    return name.len > 2 && name.len <= 64 && sp_record_word(name, "_");
}

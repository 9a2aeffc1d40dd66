
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the record of an API key: whose it is, and when and
 * from where it may be used. The key itself is nowhere in it.
 */


#include "sp_record.h"


static const char *sp_key_status(void *record,
    const sp_record_field_t *field, sp_str_t value);
static const char *sp_key_other(void *record, const sp_pair_t *pair);


#define sp_row(name, set, member)                                             \
    { name, set, offsetof(sp_key_t, member), 0, 0, -1 }

#define sp_row_list(name, set, member, count, max)                            \
    { name, set, offsetof(sp_key_t, member), offsetof(sp_key_t, count), max,  \
      -1 }


/* The first five are mandatory. */

static const sp_record_field_t  sp_key_fields[] = {
    sp_row("v", sp_record_set_schema, schema),
    sp_row("ver", sp_record_set_ver, ver),
    sp_row_list("account", sp_record_set_id, account, account_len,
                SP_ID_LEN),
    sp_row_list("name", sp_record_set_id, name, name_len, SP_ID_LEN),
    sp_row("status", sp_key_status, status),

    sp_row("not_before", sp_record_set_time, not_before),
    sp_row("expires_at", sp_record_set_time, expires_at),
    sp_row_list("networks", sp_record_set_networks, networks, nnetworks,
                SP_NETWORKS_MAX),
    sp_row("tiers", sp_record_set_tiers, tiers),
    { "by", NULL, 0, 0, 0, -1 },
    { "why", NULL, 0, 0, 0, -1 },
    { "changed_at", NULL, 0, 0, 0, -1 }
};

#define SP_KEY_MANDATORY  5


sp_rc_t
sp_key_parse(sp_key_t *key, const sp_pair_t *pairs, size_t n,
    sp_record_error_t *error)
{
    unsigned  i;
    uint64_t  seen;

    memset(key, 0, sizeof(sp_key_t));
    key->status = SP_KEY_REVOKED;
    key->not_before = SP_TIME_ABSENT;
    key->expires_at = SP_TIME_ABSENT;

    if (sp_record_read(key, sp_key_fields, sp_nelts(sp_key_fields), pairs, n,
                       0, sp_key_other, &seen, error)
        != SP_OK)
    {
        return SP_ERROR;
    }

    for (i = 0; i < SP_KEY_MANDATORY; i++) {

        if ((seen >> i & 1) == 0) {
            error->field = sp_key_fields[i].name;
            error->why = "is missing";
            return SP_ERROR;
        }
    }

    return SP_OK;
}


static const char *
sp_key_status(void *record, const sp_record_field_t *field, sp_str_t value)
{
    sp_key_t               *key;

    static const sp_str_t   active = sp_str("active");
    static const sp_str_t   revoked = sp_str("revoked");

    key = record;

    if (sp_str_eq(value, active)) {
        key->status = SP_KEY_ACTIVE;
        return NULL;
    }

    return sp_str_eq(value, revoked) ? NULL : "is not one of its words";
}


static const char *
sp_key_other(void *record, const sp_pair_t *pair)
{
    sp_key_t  *key;

    key = record;
    key->ignored += key->ignored < UINT16_MAX;

    return NULL;
}

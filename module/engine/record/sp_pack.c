
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the compact form of records in shared memory: the fixed
 * head of the structure, then only those items of each array that are used.
 * Reading it back trusts nothing: what does not look like a parsed record is
 * refused, so a damaged entry costs a look-up and never memory.
 */


#include "sp_record.h"


/* One array of a record; the number of items is in its head. */
typedef struct {
    uint16_t  offset;
    uint16_t  count;         /* offset of the count */
    uint16_t  size;          /* of an item */
    uint16_t  max;
} sp_pack_array_t;


/* The first word tells records apart, and layouts of other builds. */

#define SP_PACK_ACCOUNT  (0x41000000u | (uint32_t) sizeof(sp_account_t))
#define SP_PACK_KEY      (0x4b000000u | (uint32_t) sizeof(sp_key_t))


static size_t sp_pack(const void *record, uint32_t kind, size_t head,
    const sp_pack_array_t *arrays, size_t n, unsigned char *buf,
    size_t size);
static inline sp_rc_t sp_unpack(void *record, uint32_t kind, size_t head,
    const sp_pack_array_t *arrays, size_t n, const unsigned char *buf,
    size_t len) __attribute__((always_inline));
static sp_rc_t sp_pack_account_check(const sp_account_t *account);
static sp_rc_t sp_pack_owners_check(const sp_account_t *account);
static sp_rc_t sp_pack_own_check(const sp_account_t *account);
static inline int sp_pack_enum(uint8_t value, uint8_t last);
static inline int sp_pack_time(int64_t t);
static inline int sp_pack_place(sp_place_t place);
static int sp_pack_places(const sp_place_t *places, size_t n);
static int sp_pack_networks(const sp_network_t *networks, size_t n);


#define sp_array(type, member, count, max)                                    \
    { offsetof(type, member), offsetof(type, count),                          \
      sizeof(((type *) 0)->member[0]), max }


static const sp_pack_array_t  sp_account_arrays[] = {
    sp_array(sp_account_t, use_locations, nuse, SP_PLACES_MAX),
    sp_array(sp_account_t, accepted_locations, naccepted, SP_PLACES_MAX),
    sp_array(sp_account_t, egress, negress, SP_NETWORKS_MAX),
    sp_array(sp_account_t, owners, nowners, SP_OWNERS_MAX),
    sp_array(sp_account_t, control, ncontrol, SP_PLACES_MAX),
    sp_array(sp_account_t, listed, nlisted, SP_LISTED_MAX),
    sp_array(sp_account_t, id, id_len, SP_ID_LEN),
    sp_array(sp_account_t, plan, plan_len, SP_TAG_LEN),
    sp_array(sp_account_t, tags, ntags, SP_TAGS_MAX)
};

static const sp_pack_array_t  sp_key_arrays[] = {
    sp_array(sp_key_t, networks, nnetworks, SP_NETWORKS_MAX),
    sp_array(sp_key_t, account, account_len, SP_ID_LEN),
    sp_array(sp_key_t, name, name_len, SP_ID_LEN)
};


/* The heads end where the first array begins. */

#define SP_ACCOUNT_HEAD  offsetof(sp_account_t, use_locations)
#define SP_KEY_HEAD      offsetof(sp_key_t, networks)

_Static_assert(sizeof(sp_account_t) < UINT16_MAX, "offsets are 16 bits");


size_t
sp_account_pack(const sp_account_t *account, unsigned char *buf, size_t size)
{
    size_t  used;

    used = sp_pack(account, SP_PACK_ACCOUNT, SP_ACCOUNT_HEAD,
                   sp_account_arrays, sp_nelts(sp_account_arrays), buf, size);

    if (used == 0 || account->own_len > SP_OWN_BYTES
        || account->own_len > size - used)
    {
        return 0;
    }

    if (account->own_len != 0) {
        memcpy(buf + used, account->own, account->own_len);
        used += account->own_len;
    }

    return used;
}


sp_rc_t
sp_account_unpack(sp_account_t *account, const unsigned char *buf, size_t len)
{
    uint16_t  own;

    /* own_len is in the head: it says how much follows the arrays. */

    if (len < sizeof(uint32_t) + SP_ACCOUNT_HEAD) {
        return SP_ERROR;
    }

    memcpy(&own, buf + sizeof(uint32_t) + offsetof(sp_account_t, own_len),
           sizeof(own));

    if (own > SP_OWN_BYTES || own > len) {
        return SP_ERROR;
    }

    if (sp_unpack(account, SP_PACK_ACCOUNT, SP_ACCOUNT_HEAD,
                  sp_account_arrays, sp_nelts(sp_account_arrays), buf,
                  len - own)
        != SP_OK)
    {
        return SP_ERROR;
    }

    if (own != 0) {
        memcpy(account->own, buf + len - own, own);
    }

    return sp_pack_account_check(account);
}


size_t
sp_key_pack(const sp_key_t *key, unsigned char *buf, size_t size)
{
    return sp_pack(key, SP_PACK_KEY, SP_KEY_HEAD, sp_key_arrays,
                   sp_nelts(sp_key_arrays), buf, size);
}


sp_rc_t
sp_key_unpack(sp_key_t *key, const unsigned char *buf, size_t len)
{
    if (sp_unpack(key, SP_PACK_KEY, SP_KEY_HEAD, sp_key_arrays,
                  sp_nelts(sp_key_arrays), buf, len)
        != SP_OK)
    {
        return SP_ERROR;
    }

    if (key->ver >= SP_VER_MAX || key->schema != SP_ACCOUNT_SCHEMA
        || key->status > SP_KEY_REVOKED || (key->tiers & ~SP_TIERS_ALL)
        || key->account_len == 0 || key->name_len == 0
        || sp_pack_time(key->not_before) == 0
        || sp_pack_time(key->expires_at) == 0
        || sp_pack_networks(key->networks, key->nnetworks) == 0)
    {
        return SP_ERROR;
    }

    return SP_OK;
}


static size_t
sp_pack(const void *record, uint32_t kind, size_t head,
    const sp_pack_array_t *arrays, size_t n, unsigned char *buf, size_t size)
{
    size_t  i, bytes, used, count;

    used = sizeof(kind) + head;

    if (size < used) {
        return 0;
    }

    memcpy(buf, &kind, sizeof(kind));
    memcpy(buf + sizeof(kind), record, head);

    for (i = 0; i < n; i++) {
        count = *((const uint8_t *) record + arrays[i].count);
        bytes = count * arrays[i].size;

        if (count > arrays[i].max || bytes > size - used) {
            return 0;
        }

        if (bytes != 0) {
            memcpy(buf + used, (const char *) record + arrays[i].offset,
                   bytes);
            used += bytes;
        }
    }

    return used;
}


/*
 * Every request does this twice: in each caller the table is constant, and
 * the loop becomes straight code without it.
 */

static inline sp_rc_t
sp_unpack(void *record, uint32_t kind, size_t head,
    const sp_pack_array_t *arrays, size_t n, const unsigned char *buf,
    size_t len)
{
    size_t    i, bytes, used, count;
    uint32_t  found;

    used = sizeof(found) + head;

    if (len < used) {
        return SP_ERROR;
    }

    memcpy(&found, buf, sizeof(found));

    if (found != kind) {
        return SP_ERROR;
    }

    memcpy(record, buf + sizeof(found), head);

    #pragma GCC unroll 16
    for (i = 0; i < n; i++) {
        count = *((const uint8_t *) record + arrays[i].count);
        bytes = count * arrays[i].size;

        if (count > arrays[i].max || bytes > len - used) {
            return SP_ERROR;
        }

        if (bytes != 0) {
            memcpy((char *) record + arrays[i].offset, buf + used, bytes);
            used += bytes;
        }
    }

    return used == len ? SP_OK : SP_ERROR;
}


static sp_rc_t
sp_pack_account_check(const sp_account_t *a)
{
    if (a->ver >= SP_VER_MAX || a->schema != SP_ACCOUNT_SCHEMA
        || a->type > SP_TYPE_RESELLER || a->status > SP_STATUS_CLOSED
        || a->level > 3 || a->has_owners > 1 || a->id_len == 0
        || (a->tiers & ~SP_TIERS_ALL)
        || (a->owners_floor > SP_SHARE_ALL
            && a->owners_floor != SP_SHARE_ABSENT))
    {
        return SP_ERROR;
    }

    if (sp_pack_enum(a->screening, SP_SCREENING_NONE) == 0
        || sp_pack_enum(a->end_use, SP_END_USE_RESALE) == 0
        || sp_pack_enum(a->resale, SP_RESALE_PASSTHROUGH) == 0
        || sp_pack_enum(a->linkage, SP_LINKAGE_BLOCKED) == 0
        || sp_pack_enum(a->owners_method, SP_METHOD_PRORATA) == 0)
    {
        return SP_ERROR;
    }

    if (sp_pack_time(a->verified_at) == 0
        || sp_pack_time(a->expires_at) == 0
        || sp_pack_time(a->pending_since) == 0
        || sp_pack_time(a->screened_at) == 0
        || sp_pack_time(a->owners_as_of) == 0
        || sp_pack_time(a->end_use_expires) == 0)
    {
        return SP_ERROR;
    }

    if (sp_pack_place(a->incorporated) == 0
        || sp_pack_place(a->headquarters) == 0
        || sp_pack_place(a->parent) == 0
        || sp_pack_place(a->residence) == 0
        || sp_pack_place(a->billing) == 0
        || sp_pack_places(a->use_locations, a->nuse) == 0
        || sp_pack_places(a->accepted_locations, a->naccepted) == 0
        || sp_pack_networks(a->egress, a->negress) == 0)
    {
        return SP_ERROR;
    }

    if (sp_pack_owners_check(a) != SP_OK) {
        return SP_ERROR;
    }

    return sp_pack_own_check(a);
}


static sp_rc_t
sp_pack_owners_check(const sp_account_t *a)
{
    unsigned             i;
    const sp_owner_t    *owner;
    const sp_listed_t   *listed;
    const sp_control_t  *control;

    for (i = 0; i < a->nowners; i++) {
        owner = &a->owners[i];

        if (owner->nplaces > SP_OWNER_PLACES || owner->min > owner->max
            || owner->max > SP_SHARE_ALL || owner->unknown > 1
            || owner->floating > 1
            || sp_pack_places(owner->places, owner->nplaces) == 0)
        {
            return SP_ERROR;
        }
    }

    for (i = 0; i < a->ncontrol; i++) {
        control = &a->control[i];

        if (control->kind > SP_CONTROL_OTHER
            || control->place == SP_PLACE_UNKNOWN
            || sp_pack_places(&control->place, 1) == 0)
        {
            return SP_ERROR;
        }
    }

    for (i = 0; i < a->nlisted; i++) {
        listed = &a->listed[i];

        if (listed->len == 0 || listed->len > SP_LIST_LEN
            || listed->share > SP_SHARE_ALL)
        {
            return SP_ERROR;
        }
    }

    return SP_OK;
}


/* sp_account_own() walks 2 * nown strings: they must all end. */

static sp_rc_t
sp_pack_own_check(const sp_account_t *a)
{
    unsigned     strings;
    const char  *p, *last;

    if (a->nown > SP_OWN_FIELDS_MAX) {
        return SP_ERROR;
    }

    strings = 0;
    last = a->own + a->own_len;

    for (p = a->own; p < last; p++) {
        p = memchr(p, '\0', (size_t) (last - p));

        if (p == NULL) {
            return SP_ERROR;
        }

        strings++;
    }

    return strings == 2u * a->nown ? SP_OK : SP_ERROR;
}


static inline int
sp_pack_enum(uint8_t value, uint8_t last)
{
    return value <= last || value == SP_ENUM_ABSENT;
}


static inline int
sp_pack_time(int64_t t)
{
    return (uint64_t) t <= (uint64_t) SP_TIME_MAX || t == SP_TIME_ABSENT;
}


/* Within the presence bits of lists; SP_PLACE_NONE is allowed here. */

static inline int
sp_pack_place(sp_place_t place)
{
    return place == SP_PLACE_NONE
           || (sp_place_country(place) - 1u) < SP_COUNTRIES;
}


/* In a list there is no "none", whose country is 0. */

static int
sp_pack_places(const sp_place_t *places, size_t n)
{
    int     bad;
    size_t  i;

    bad = 0;

    for (i = 0; i < n; i++) {
        bad |= sp_place_country(places[i]) - 1u >= SP_COUNTRIES;
    }

    return bad == 0;
}


static int
sp_pack_networks(const sp_network_t *networks, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {

        if (sp_network_valid(&networks[i]) == 0) {
            return 0;
        }
    }

    return 1;
}

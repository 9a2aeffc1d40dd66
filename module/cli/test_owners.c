
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains facts of a test case that only the tested policy can
 * give a meaning: shares by its lists, models by its tiers.
 */


#include "policy/sp_policy_image.h"

#include "test_owners.h"


#define SP_TEST_OWNERS  512    /* bytes of the record's field */


static void sp_test_owners_how(json_t *account, json_int_t now);
static sp_rc_t sp_test_share(const sp_ynode_t *value, unsigned *known,
    unsigned *possible);
static sp_rc_t sp_test_percent(sp_str_t s, unsigned *bps);
static sp_place_t sp_test_place(const sp_policy_t *policy, sp_str_t list);
static unsigned sp_test_lists(const sp_policy_t *policy, sp_place_t place);


sp_rc_t
sp_test_owners(sp_test_file_t *file, const sp_policy_t *policy,
    const sp_test_case_t *one, json_t *request)
{
    int                any;
    char               owners[SP_TEST_OWNERS], place[SP_PLACE_TEXT_LEN + 1];
    size_t             i, len;
    unsigned           known, possible, left;
    json_t            *account;
    sp_place_t         from;
    const char        *name;
    const sp_ynode_t  *value;

    any = 0;
    len = 0;
    left = SP_SHARE_ALL;
    owners[0] = '\0';

    for (i = 0; i < one->facts.n; i++) {
        name = one->facts.names[i];
        value = one->facts.values[i];

        if (strncmp(name, "owner_share.", 12) != 0) {
            continue;
        }

        from = sp_test_place(policy, sp_cstr(name + 12));

        if (from == SP_PLACE_NONE) {
            sp_test_error(file, value, NULL, "the policy has no list of "
                          "places '%s'", name + 12);
            return SP_ERROR;
        }

        if (sp_test_share(value, &known, &possible) != SP_OK
            || possible > left)
        {
            sp_test_error(file, value, NULL, "a share is 30%%, or 30%%..55%% "
                          "of which 30%% are known; together at most 100%%");
            return SP_ERROR;
        }

        any = 1;
        left -= possible;

        if (possible == 0) {
            continue;
        }

        place[sp_place_format(from, place)] = '\0';
        len += (size_t) snprintf(owners + len, sizeof(owners) - len,
                                 "%s%s:%u-%u", len != 0 ? "," : "", place,
                                 known, possible);
    }

    if (!any) {
        return SP_OK;
    }

    account = json_object_get(request, "account");

    if (!json_is_object(account)) {
        return SP_OK;
    }

    from = sp_test_place(policy, SP_STR(""));

    if (left != 0 && from != SP_PLACE_NONE) {
        place[sp_place_format(from, place)] = '\0';
        (void) snprintf(owners + len, sizeof(owners) - len, "%s%s:%u",
                        len != 0 ? "," : "", place, left);
    }

    json_object_set_new(account, "owners", json_string(owners));
    sp_test_owners_how(account, one->now);

    return SP_OK;
}


sp_rc_t
sp_test_owners_one(const sp_policy_t *policy, json_t *request,
    const char *list, unsigned share)
{
    char         owners[64], in[SP_PLACE_TEXT_LEN + 1];
    char         out[SP_PLACE_TEXT_LEN + 1];
    json_t      *account;
    sp_place_t   from, other;

    account = json_object_get(request, "account");
    from = sp_test_place(policy, sp_cstr(list));
    other = sp_test_place(policy, SP_STR(""));

    if (!json_is_object(account) || from == SP_PLACE_NONE
        || other == SP_PLACE_NONE)
    {
        return SP_DECLINED;
    }

    in[sp_place_format(from, in)] = '\0';
    out[sp_place_format(other, out)] = '\0';

    if (share == 0) {
        (void) snprintf(owners, sizeof(owners), "%s:%d", out, SP_SHARE_ALL);

    } else {
        (void) snprintf(owners, sizeof(owners), "%s:%u,%s:%u", in, share, out,
                        SP_SHARE_ALL - share);
    }

    json_object_set_new(account, "owners", json_string(owners));
    sp_test_owners_how(account, json_integer_value(json_object_get(request,
                                                                   "now")));

    return SP_OK;
}


/* How they were established: wholly, just now. */

static void
sp_test_owners_how(json_t *account, json_int_t now)
{
    json_object_set_new(account, "owners_method", json_string("cascade"));
    json_object_set_new(account, "owners_floor", json_string("0"));

    if (json_object_get(account, "owners_as_of") == NULL) {
        json_object_set_new(account, "owners_as_of", json_integer(now));
    }
}


static sp_rc_t
sp_test_share(const sp_ynode_t *value, unsigned *known, unsigned *possible)
{
    sp_str_t              low, high;
    const unsigned char  *dots;

    if (value->kind != SP_Y_SCALAR) {
        return SP_ERROR;
    }

    low = high = value->text;
    dots = memmem(low.data, low.len, "..", 2);

    if (dots != NULL) {
        low.len = (size_t) (dots - low.data);
        high.data = dots + 2;
        high.len -= low.len + 2;
    }

    if (sp_test_percent(low, known) != SP_OK
        || sp_test_percent(high, possible) != SP_OK || *known > *possible)
    {
        return SP_ERROR;
    }

    return SP_OK;
}


static sp_rc_t
sp_test_percent(sp_str_t s, unsigned *bps)
{
    size_t                digits;
    uint64_t              whole, part;
    sp_str_t              rest;
    const unsigned char  *dot;

    if (s.len < 2 || s.data[s.len - 1] != '%') {
        return SP_ERROR;
    }

    s.len--;
    part = 0;
    dot = memchr(s.data, '.', s.len);

    if (dot != NULL) {
        rest.data = dot + 1;
        rest.len = s.len - (size_t) (dot - s.data) - 1;
        s.len = (size_t) (dot - s.data);
        digits = rest.len;

        while (rest.len > 1 && rest.data[0] == '0') {
            rest.data++;
            rest.len--;
        }

        if (digits == 0 || digits > 2
            || sp_parse_uint(rest, 99, &part) != SP_OK)
        {
            return SP_ERROR;
        }

        part *= digits == 1 ? 10 : 1;
    }

    if (sp_parse_uint(s, 100, &whole) != SP_OK) {
        return SP_ERROR;
    }

    *bps = (unsigned) (whole * 100 + part);

    return *bps <= SP_SHARE_ALL ? SP_OK : SP_ERROR;
}


/* A country of the list that few others have; of no list for "". */

static sp_place_t
sp_test_place(const sp_policy_t *policy, sp_str_t list)
{
    char             code[2];
    unsigned         i, n, least;
    sp_place_t       place, found;
    const sp_set_t  *set;

    set = NULL;

    for (i = 0; list.len != 0 && i < policy->nsets; i++) {
        if (sp_str_eq(sp_image_str(policy, sp_image_set(policy, i)->name),
                      list))
        {
            set = sp_image_set(policy, i);
        }
    }

    if (list.len != 0 && set == NULL) {
        return SP_PLACE_NONE;
    }

    found = SP_PLACE_NONE;
    least = UINT32_MAX;

    for (i = 0; i < 26 * 26; i++) {
        code[0] = (char) ('A' + i / 26);
        code[1] = (char) ('A' + i % 26);

        if (sp_place_parse((sp_str_t) { 2, (unsigned char *) code }, &place)
            != SP_PLACE_OK
            || (set != NULL && !sp_countries_has(&set->countries, place)))
        {
            continue;
        }

        n = sp_test_lists(policy, place);

        if (n < least && (set != NULL || n == 0)) {
            least = n;
            found = place;
        }
    }

    return found;
}


static unsigned
sp_test_lists(const sp_policy_t *policy, sp_place_t place)
{
    unsigned         i, n;
    const sp_set_t  *set;

    n = 0;

    for (i = 0; i < policy->nsets; i++) {
        set = sp_image_set(policy, i);
        n += sp_countries_has(&set->countries, place) != 0;
        n += sp_countries_has(&set->parts, place) != 0;
    }

    return n;
}

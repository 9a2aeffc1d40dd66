
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the grammars of a record that say who stands behind an
 * account: its owners, who controls it, and how much of it listed parties
 * hold. Shares are whole basis points; a band is [min, max].
 */


#include "sp_field.h"
#include "sp_record.h"


static const char *sp_owner_parse(sp_owner_t *owner, sp_str_t entry);
static const char *sp_owner_places(sp_owner_t *owner, sp_str_t places);
static int sp_record_pair(sp_str_t item, sp_str_t *left, sp_str_t *right);


static const char *const  sp_control_kinds[] = {
    "board", "voting", "contract", "articles", "nominee", "other", NULL
};


/*
 * owners = entry *( "," entry ), entry = place *( "+" place ) ":" share: one
 * holding, with every place that its holder is tied to.
 */

const char *
sp_record_set_owners(void *record, const sp_record_field_t *field,
    sp_str_t value)
{
    sp_rc_t        rc;
    unsigned       sum;
    sp_str_t       item;
    const char    *why;
    sp_owner_t    *owner;
    sp_account_t  *account;

    account = record;
    sum = 0;

    while ((rc = sp_record_item(&value, ',', &item)) == SP_OK) {

        if (account->nowners == SP_OWNERS_MAX) {
            return "has too many holdings";
        }

        owner = &account->owners[account->nowners++];
        why = sp_owner_parse(owner, item);

        if (why != NULL) {
            return why;
        }

        sum += owner->min;
    }

    if (rc == SP_ERROR) {
        return "has an empty item";
    }

    if (sum > SP_SHARE_ALL) {
        return "adds up to more than 10000 basis points";
    }

    return NULL;
}


/* control = place ":" kind *( "," ... ) */

const char *
sp_record_set_control(void *record, const sp_record_field_t *field,
    sp_str_t value)
{
    int            kind;
    sp_rc_t        rc;
    sp_str_t       item, left, right;
    sp_control_t  *control;
    sp_account_t  *account;

    account = record;

    while ((rc = sp_record_item(&value, ',', &item)) == SP_OK) {

        if (account->ncontrol == SP_PLACES_MAX) {
            return "has too many items";
        }

        control = &account->control[account->ncontrol++];

        if (sp_record_pair(item, &left, &right) == 0
            || sp_place_parse(left, &control->place) != SP_PLACE_OK)
        {
            return "has an item that does not begin with a place";
        }

        kind = sp_enum_find(sp_control_kinds, right);

        if (kind == -1) {
            return "has an item with an unknown kind of control";
        }

        control->kind = (uint8_t) kind;
    }

    return rc == SP_ERROR ? "has an empty item" : NULL;
}


/* listed = list ":" share *( "," ... ); a list stands once. */

const char *
sp_record_set_listed(void *record, const sp_record_field_t *field,
    sp_str_t value)
{
    sp_rc_t        rc;
    unsigned       i;
    sp_str_t       item, left, right;
    uint64_t       share;
    sp_listed_t   *listed;
    sp_account_t  *account;

    account = record;

    while ((rc = sp_record_item(&value, ',', &item)) == SP_OK) {

        if (account->nlisted == SP_LISTED_MAX) {
            return "has too many lists";
        }

        if (sp_record_pair(item, &left, &right) == 0 || left.len == 0
            || left.len > SP_LIST_LEN || sp_record_word(left, "_-") == 0)
        {
            return "has an item that does not begin with a list's name";
        }

        if (sp_parse_uint(right, SP_SHARE_ALL, &share) != SP_OK) {
            return "has a share that is not 0 to 10000 basis points";
        }

        for (i = 0; i < account->nlisted; i++) {

            if (account->listed[i].len == left.len
                && memcmp(account->listed[i].list, left.data, left.len) == 0)
            {
                return "has a list twice";
            }
        }

        listed = &account->listed[account->nlisted++];
        memcpy(listed->list, left.data, left.len);
        listed->len = (uint8_t) left.len;
        listed->share = (uint16_t) share;
    }

    return rc == SP_ERROR ? "has an empty item" : NULL;
}


static const char *
sp_owner_parse(sp_owner_t *owner, sp_str_t entry)
{
    sp_str_t  places, share;

    if (sp_record_pair(entry, &places, &share) == 0) {
        return "has a holding without a share";
    }

    if (sp_record_share(share, &owner->min, &owner->max) != SP_OK) {
        return "has a share that is not 0 to 10000 basis points";
    }

    return sp_owner_places(owner, places);
}


static const char *
sp_owner_places(sp_owner_t *owner, sp_str_t places)
{
    sp_rc_t                rc;
    sp_str_t               item;
    sp_place_t             place;

    static const sp_str_t  pub = sp_str("PUB");

    if (places.len == 0) {
        return "has a holding without a place";
    }

    while ((rc = sp_record_item(&places, '+', &item)) == SP_OK) {

        if (sp_str_eq(item, pub)) {
            owner->floating = 1;
            continue;
        }

        if (sp_record_place(item, &place) != SP_OK) {
            return "has an item that is not a place by ISO 3166";
        }

        if (place == SP_PLACE_UNKNOWN) {
            owner->unknown = 1;
            continue;
        }

        if (owner->nplaces == SP_OWNER_PLACES) {
            return "has a holding with too many places";
        }

        owner->places[owner->nplaces++] = place;
    }

    return rc == SP_ERROR ? "has an empty item" : NULL;
}


/* Parts "left:right"; 0 if there is no colon. */

static int
sp_record_pair(sp_str_t item, sp_str_t *left, sp_str_t *right)
{
    const unsigned char  *colon;

    colon = memchr(item.data, ':', item.len);

    if (colon == NULL) {
        return 0;
    }

    left->data = item.data;
    left->len = (size_t) (colon - item.data);
    right->data = colon + 1;
    right->len = item.len - left->len - 1;

    return 1;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the making of changes in a request, and their names.
 */


#include "policy/sp_policy_image.h"

#include "change.h"


static void sp_change_owners(sp_account_t *account,
    const sp_policy_t *policy, const sp_change_t *change);
static void sp_change_listed(sp_account_t *account,
    const sp_policy_t *policy, const sp_change_t *change);
static void sp_change_control(sp_account_t *account,
    const sp_policy_t *policy, const sp_change_t *change);
static sp_place_t sp_change_place(const sp_set_t *set, int in);


void
sp_change_do(sp_request_t *request, const sp_policy_t *policy,
    const sp_change_t *change, sp_change_undo_t *undo)
{
    sp_account_t  *account;

    account = &request->account;

    if (change->field < SP_FACTS_MAX) {
        undo->value = request->facts.v[change->field];
        undo->account.status = account->status;
        request->facts.v[change->field] = change->value;

        if (change->field == SP_F_ACCOUNT_STATUS
            && change->value.state == SP_FACT_KNOWN)
        {
            account->status = (uint8_t) change->value.u.i;
        }

        return;
    }

    undo->account = *account;

    switch (change->field) {

    case SP_CHANGE_OWNERS:
        sp_change_owners(account, policy, change);
        break;

    case SP_CHANGE_LISTED:
        sp_change_listed(account, policy, change);
        break;

    default: /* SP_CHANGE_CONTROL */
        sp_change_control(account, policy, change);
    }
}


void
sp_change_undo(sp_request_t *request, const sp_change_t *change,
    const sp_change_undo_t *undo)
{
    if (change->field < SP_FACTS_MAX) {
        request->facts.v[change->field] = undo->value;
        request->account.status = undo->account.status;
        return;
    }

    /* All in place: facts point into the account. */

    request->account = undo->account;
}


/* One holding of the share from the list, the rest from elsewhere. */

static void
sp_change_owners(sp_account_t *account, const sp_policy_t *policy,
    const sp_change_t *change)
{
    sp_owner_t      *owner;
    const sp_set_t  *set;

    set = sp_image_set(policy, change->set);
    account->has_owners = 1;
    account->nowners = 0;
    account->owners_method = SP_METHOD_CASCADE;
    account->owners_floor = 0;
    memset(account->owners, 0, 2 * sizeof(account->owners[0]));

    if (change->share != 0) {
        owner = &account->owners[account->nowners++];
        owner->min = owner->max = change->share;
        owner->nplaces = 1;
        owner->places[0] = sp_change_place(set, 1);
    }

    if (change->share != SP_SHARE_ALL) {
        owner = &account->owners[account->nowners++];
        owner->min = owner->max = (uint16_t) (SP_SHARE_ALL - change->share);
        owner->nplaces = 1;
        owner->places[0] = sp_change_place(set, 0);
    }
}


static void
sp_change_listed(sp_account_t *account, const sp_policy_t *policy,
    const sp_change_t *change)
{
    sp_str_t         name;
    sp_listed_t     *listed;
    const sp_set_t  *set;

    set = sp_image_set(policy, change->set);
    account->nlisted = 0;

    if (change->share == 0 || set->n == 0) {
        return;
    }

    name = sp_image_str(policy, sp_image_at(policy, set->items, sp_ref_t)[0]);

    if (name.len > SP_LIST_LEN) {
        return;
    }

    listed = &account->listed[account->nlisted++];
    memset(listed, 0, sizeof(*listed));
    memcpy(listed->list, name.data, name.len);
    listed->len = (uint8_t) name.len;
    listed->share = change->share;
}


static void
sp_change_control(sp_account_t *account, const sp_policy_t *policy,
    const sp_change_t *change)
{
    account->ncontrol = 0;

    if (change->share != 0) {
        account->ncontrol = 1;
        account->control[0].kind = SP_CONTROL_OTHER;
        account->control[0].place = sp_change_place(
            sp_image_set(policy, change->set), 1);
    }
}


/* A country in the list, or in no part of it. */

static sp_place_t
sp_change_place(const sp_set_t *set, int in)
{
    int         i;
    char        code[2];
    sp_place_t  place;

    for (i = 0; i < 26 * 26; i++) {
        code[0] = (char) ('A' + i / 26);
        code[1] = (char) ('A' + i % 26);

        if (sp_place_parse((sp_str_t) { 2, (unsigned char *) code }, &place)
            == SP_PLACE_OK
            && sp_countries_has(&set->countries, place) == in
            && !sp_countries_has(&set->parts, place))
        {
            return place;
        }
    }

    return SP_PLACE_UNKNOWN;
}


const char *
sp_change_name(const sp_policy_t *policy, const sp_change_t *change,
    char buf[SP_CHANGE_NAME])
{
    sp_str_t         list;
    const sp_set_t  *set;

    static const char *const  names[SP_FNS] = {
        "owner_share", "largest_owner", "listed_share", "control_in"
    };

    if (change->field < SP_FACTS_MAX) {
        (void) snprintf(buf, SP_CHANGE_NAME, "%s",
                        sp_field(change->field)->name);
        return buf;
    }

    set = sp_image_set(policy, change->set);
    list = sp_image_str(policy, set->name);

    if (list.len != 0) {
        (void) snprintf(buf, SP_CHANGE_NAME, "%s(@%.*s)", names[change->fn],
                        (int) list.len, (const char *) list.data);
        return buf;
    }

    if (set->type == SP_LIST_NAME && set->n != 0) {
        list = sp_image_str(policy,
                            sp_image_at(policy, set->items, sp_ref_t)[0]);
    }

    (void) snprintf(buf, SP_CHANGE_NAME, "%s(%.*s%s)", names[change->fn],
                    (int) list.len, (const char *) list.data,
                    set->n > 1 || list.len == 0 ? "..." : "");

    return buf;
}


const char *
sp_change_text(const sp_change_t *change, char buf[SP_FACT_TEXT])
{
    if (change->field < SP_FACTS_MAX) {
        return sp_fact_value_text(&change->value, change->field, buf);
    }

    if (change->field == SP_CHANGE_CONTROL) {
        (void) snprintf(buf, SP_FACT_TEXT, "%s", change->share ? "yes" : "no");

    } else if (change->share % 100 == 0) {
        (void) snprintf(buf, SP_FACT_TEXT, "%u%%", change->share / 100);

    } else {
        (void) snprintf(buf, SP_FACT_TEXT, "%u.%02u%%", change->share / 100,
                        change->share % 100);
    }

    return buf;
}

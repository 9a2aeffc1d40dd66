
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the facts that a policy declares, read from the record
 * that is decided about.
 */


#include "sp_decide.h"
#include "policy/sp_expr.h"


static void sp_own_value(const sp_policy_t *policy, int id,
    const sp_account_t *account, int64_t now, sp_value_t *v);
static void sp_own_absent(const sp_policy_t *policy, const sp_own_t *own,
    sp_value_t *v);
static sp_rc_t sp_own_read(const sp_policy_t *policy, int id, sp_str_t s,
    sp_value_t *v);


void
sp_facts_own(sp_facts_t *facts, const sp_policy_t *policy)
{
    int          id;
    sp_value_t  *v;

    facts->own_of = policy;

    for (id = SP_FIELDS; id < sp_policy_fields(policy); id++) {
        v = &facts->v[id];

        if (facts->account_state != SP_ACCTFACT_FOUND
            || facts->account == NULL)
        {
            v->state = facts->account_state == SP_ACCTFACT_FAILED
                       ? SP_FACT_FAILED : SP_FACT_UNKNOWN;
            continue;
        }

        sp_own_value(policy, id, facts->account, facts->v[SP_F_NOW].u.i, v);
    }
}


static void
sp_own_value(const sp_policy_t *policy, int id, const sp_account_t *account,
    int64_t now, sp_value_t *v)
{
    sp_str_t         s;
    const sp_own_t  *own;

    own = sp_image_own(policy, id);

    /* the record knows it without the "account." */

    s = sp_image_str(policy, own->name);
    s.data += sizeof("account.") - 1;
    s.len -= sizeof("account.") - 1;

    if (sp_account_own(account, s, &s) != SP_OK) {
        sp_own_absent(policy, own, v);
        return;
    }

    if (sp_own_read(policy, id, s, v) != SP_OK) {
        v->state = SP_FACT_UNKNOWN;
        return;
    }

    v->state = SP_FACT_KNOWN;

    if (own->type == SP_T_DURATION) {
        v->u.i = (int64_t) ((uint64_t) now - (uint64_t) v->u.i);
    }
}


static void
sp_own_absent(const sp_policy_t *policy, const sp_own_t *own, sp_value_t *v)
{
    if (own->optional) {
        v->state = SP_FACT_ABSENT;
        return;
    }

    v->state = SP_FACT_KNOWN;

    switch (own->type) {

    case SP_T_STRING:
        v->u.s = sp_image_str(policy, own->text);
        break;

    case SP_T_PLACE:
        v->u.place = (sp_place_t) own->number;
        break;

    default:
        v->u.i = own->number;
    }
}


static sp_rc_t
sp_own_read(const sp_policy_t *policy, int id, sp_str_t s, sp_value_t *v)
{
    sp_rc_t          rc;
    int64_t          number;
    const sp_own_t  *own;

    own = sp_image_own(policy, id);

    switch (own->type) {

    case SP_T_STRING:
        v->u.s = s;
        return SP_OK;

    case SP_T_ENUM:
        v->u.i = sp_policy_enum_find(policy, id, s);
        return v->u.i >= 0 ? SP_OK : SP_ERROR;

    default:
        rc = sp_own_number((sp_type_t) own->type, own->min, own->max, s,
                           &number);

        if (rc == SP_OK && own->type == SP_T_PLACE) {
            v->u.place = (sp_place_t) number;

        } else if (rc == SP_OK) {
            v->u.i = number;
        }

        return rc;
    }
}

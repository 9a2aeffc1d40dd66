
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains a request that no one made: an account, a place to call
 * from and a model, to ask a policy what it would say.
 */


#include "probe.h"


#define SP_PROBE_ROUTE  "chat.completions"
#define SP_PROBE_KEY    "probe"


void
sp_probe(sp_probe_t *probe, const sp_policy_t *policy, int64_t now,
    sp_place_t from, const char *model)
{
    int          i;
    sp_facts_t  *facts;
    sp_value_t  *v;

    facts = &probe->facts;
    sp_facts_init(facts, now);

    v = &facts->v[SP_F_IP_CLASS];
    v->state = SP_FACT_KNOWN;
    v->u.i = SP_IP_PUBLIC;

    v = &facts->v[SP_F_IP_COUNTRY];
    v->state = from != SP_PLACE_NONE ? SP_FACT_KNOWN : SP_FACT_UNKNOWN;
    v->u.place = sp_place_country(from);

    if (sp_place_is_region(from)) {
        v = &facts->v[SP_F_IP_REGION];
        v->state = SP_FACT_KNOWN;
        v->u.place = from;
    }

    for (i = 0; i < sp_route_count(); i++) {
        if (sp_str_eq(sp_route(i)->name, SP_STR(SP_PROBE_ROUTE))) {
            sp_facts_route(facts, SP_ROUTE_FOUND, i, SP_STR(""));
            break;
        }
    }

    memset(&probe->key, 0, sizeof(probe->key));
    probe->key.not_before = SP_TIME_ABSENT;
    probe->key.expires_at = SP_TIME_ABSENT;
    probe->key.name_len = sizeof(SP_PROBE_KEY) - 1;
    memcpy(probe->key.name, SP_PROBE_KEY, sizeof(SP_PROBE_KEY) - 1);

    sp_facts_key(facts, SP_KEYFACT_FOUND, &probe->key);
    sp_facts_account(facts, SP_ACCTFACT_FOUND, &probe->account);

    /* Its room for names is not read, and not cleared. */

    memset(&probe->body, 0, offsetof(sp_body_t, models));
    probe->body.factor = 1;
    probe->body.primary = 1;
    probe->body.nmodels = 1;
    probe->body.models[0] = sp_cstr(model);

    sp_facts_body(facts, SP_BODYFACT_FINE, &probe->body);
    sp_decide(policy, facts, SP_STAGE_WHOLE, &probe->verdict);
}


sp_place_t
sp_probe_home(const sp_account_t *account)
{
    unsigned    i;
    sp_place_t  places[] = {
        account->residence, account->headquarters, account->incorporated,
        account->nuse != 0 ? account->use_locations[0] : SP_PLACE_NONE
    };

    for (i = 0; i < sp_nelts(places); i++) {
        if (places[i] != SP_PLACE_NONE && places[i] != SP_PLACE_UNKNOWN) {
            return sp_place_country(places[i]);
        }
    }

    return SP_PLACE_NONE;
}

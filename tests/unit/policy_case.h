
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the reading of a policy's test file: facts by name for
 * each case, and what the verdict must be. For the unit tests only.
 */


#ifndef POLICY_CASE_H
#define POLICY_CASE_H


#include "sp_decide.h"
#include "policy/sp_yaml.h"


#define CASE_FACTS  64


typedef struct {
    sp_facts_t     facts;
    sp_account_t   account;
    sp_key_t       key;
    sp_str_t       model;
    size_t         n;
    const char    *names[CASE_FACTS];    /* base, overridden by set */
    const char    *values[CASE_FACTS];
} policy_case_t;


static inline void
case_set(policy_case_t *c, const char *name, const char *value)
{
    size_t  i;

    for (i = 0; i < c->n && strcmp(c->names[i], name) != 0; i++) { }

    assert_true(i < CASE_FACTS);

    c->names[i] = name;
    c->values[i] = value;
    c->n += (i == c->n);
}


static inline const char *
case_get(const policy_case_t *c, const char *name)
{
    size_t  i;

    for (i = 0; i < c->n; i++) {
        if (strcmp(c->names[i], name) == 0) {
            return c->values[i];
        }
    }

    return NULL;
}


static inline int
case_is(const policy_case_t *c, const char *name, const char *value)
{
    const char  *is = case_get(c, name);

    return is != NULL && strcmp(is, value) == 0;
}


static inline void
case_map(policy_case_t *c, const sp_ynode_t *map)
{
    const sp_ynode_t  *child;

    for (child = map ? map->first : NULL; child; child = child->next) {
        case_set(c, (const char *) child->key->text.data,
                 (const char *) child->text.data);
    }
}


static inline void
case_account(policy_case_t *c)
{
    size_t             i, n;
    sp_pair_t          pairs[CASE_FACTS];
    sp_record_error_t  error;

    for (i = 0, n = 0; i < c->n; i++) {

        if (strncmp(c->names[i], "account.", 8) == 0
            && strcmp(c->values[i], "absent") != 0)
        {
            pairs[n].name = sp_cstr(c->names[i] + 8);
            pairs[n++].value = sp_cstr(c->values[i]);
        }
    }

    if (sp_account_parse(&c->account, SP_STR("acct_test"), pairs, n, &error)
        != SP_OK)
    {
        fail_msg("record: %s %s", error.field, error.why);
    }
}


/* Facts as the gate would fill them in. */

static inline void
case_facts(policy_case_t *c, int64_t now)
{
    sp_value_t  *v;
    const char  *s;

    sp_facts_init(&c->facts, now);

    v = &c->facts.v[SP_F_IP_CLASS];
    v->state = SP_FACT_KNOWN;

    v = &c->facts.v[SP_F_IP_COUNTRY];
    s = case_get(c, "ip.country");

    if (s == NULL || strcmp(s, "unknown") == 0) {
        v->state = SP_FACT_UNKNOWN;

    } else if (strcmp(s, "failed") == 0) {
        v->state = SP_FACT_FAILED;

    } else if (strcmp(s, "absent") == 0) {
        v->state = SP_FACT_ABSENT;

    } else {
        v->state = SP_FACT_KNOWN;
        assert_int_equal(sp_place_parse(sp_cstr(s), &v->u.place),
                         SP_PLACE_OK);
    }

    c->facts.route_state = case_is(c, "route", "unknown") ? SP_ROUTE_UNKNOWN
                                                          : SP_ROUTE_FOUND;
    c->facts.route = 0;

    memset(&c->key, 0, sizeof(c->key));
    c->key.not_before = c->key.expires_at = SP_TIME_ABSENT;
    c->key.status = case_is(c, "key", "revoked") ? SP_KEY_REVOKED
                                                 : SP_KEY_ACTIVE;

    if (case_is(c, "key", "missing") || case_is(c, "key", "failed")) {
        sp_facts_key(&c->facts, case_is(c, "key", "failed")
                     ? SP_KEYFACT_FAILED : SP_KEYFACT_MISSING, NULL);

    } else {
        sp_facts_key(&c->facts, SP_KEYFACT_FOUND, &c->key);

        if (case_is(c, "account", "failed")) {
            sp_facts_account(&c->facts, SP_ACCTFACT_FAILED, NULL);

        } else if (case_is(c, "account", "missing")) {
            sp_facts_account(&c->facts, SP_ACCTFACT_NO_SUCH, NULL);

        } else if (case_is(c, "account", "invalid")) {
            sp_facts_account(&c->facts, SP_ACCTFACT_INVALID, NULL);

        } else {
            case_account(c);
            sp_facts_account(&c->facts, SP_ACCTFACT_FOUND, &c->account);
        }
    }
}


/* What the body adds to the facts of the head. */

static inline void
case_body(policy_case_t *c)
{
    sp_value_t  *v;
    const char  *s;

    c->facts.body_state = case_is(c, "body", "ambiguous")
                          ? SP_BODYFACT_AMBIGUOUS : SP_BODYFACT_FINE;

    c->facts.v[SP_F_REQUEST_STREAM].state = SP_FACT_KNOWN;
    c->facts.v[SP_F_REQUEST_TOKENS].state = SP_FACT_ABSENT;

    v = &c->facts.v[SP_F_MODEL_ID];
    s = case_get(c, "model.id");

    if (c->facts.body_state != SP_BODYFACT_FINE) {
        v->state = SP_FACT_UNKNOWN;

    } else if (s == NULL || strcmp(s, "absent") == 0) {
        v->state = SP_FACT_ABSENT;

    } else {
        c->model = sp_cstr(s);
        c->facts.models = &c->model;
        c->facts.nmodels = 1;
        v->state = SP_FACT_KNOWN;
        v->u.s = c->model;
    }
}


#endif /* POLICY_CASE_H */

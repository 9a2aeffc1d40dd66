
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the facts of a test case, turned into the request that
 * `sallyport explain` reads: one reading of facts for both.
 */


#include <stdlib.h>

#include "account.h"
#include "policy_open.h"
#include "test.h"
#include "test_owners.h"


static sp_rc_t sp_test_fact(sp_test_file_t *file, const sp_test_case_t *one,
    json_t *request, const char *name, const sp_ynode_t *value);
static sp_rc_t sp_test_group(sp_test_file_t *file, json_t *request,
    const char *name, const sp_ynode_t *value);
static sp_rc_t sp_test_record(sp_test_file_t *file, json_t *request,
    const char *group, const char *name, const sp_ynode_t *value);
static sp_rc_t sp_test_route(json_t *request, const sp_ynode_t *value);
static sp_rc_t sp_test_model(sp_test_file_t *file, const sp_policy_t *policy,
    const sp_test_case_t *one, json_t *request);
static sp_rc_t sp_test_unknown(sp_test_file_t *file, const sp_ynode_t *value,
    const char *name);
static json_t *sp_test_part(json_t *request, const char *name);
static json_t *sp_test_typed(int field, const sp_ynode_t *value);
static int sp_test_is(const sp_ynode_t *value, const char *word);


json_t *
sp_test_request(sp_test_file_t *file, const sp_policy_t *policy,
    const sp_test_case_t *one)
{
    size_t              i;
    sp_rc_t             rc;
    json_t             *request;
    const sp_ynode_t   *key;

    request = json_pack("{s:I}", "now", (json_int_t) one->now);
    (void) sp_test_part(request, "ip");
    rc = SP_OK;

    for (i = 0; i < one->facts.n && rc == SP_OK; i++) {
        if (strncmp(one->facts.names[i], "model.", 6) != 0
            && strncmp(one->facts.names[i], "owner_share.", 12) != 0)
        {
            rc = sp_test_fact(file, one, request, one->facts.names[i],
                              one->facts.values[i]);
        }
    }

    if (rc == SP_OK) {
        rc = sp_test_owners(file, policy, one, request);
    }

    if (rc == SP_OK) {
        rc = sp_test_model(file, policy, one, request);
    }

    if (rc != SP_OK) {
        json_decref(request);
        return NULL;
    }

    /* Nobody looks for the account of a key that is none. */

    key = sp_test_get(&one->facts, "key");

    if (key != NULL && !sp_test_is(key, "revoked")
        && !sp_test_is(key, "expired"))
    {
        json_object_del(request, "account");
        json_object_del(request, "record_facts");
    }

    /* What is said of single facts has the last word. */

    if (json_object_get(request, "record_facts") != NULL) {
        json_object_update(sp_test_part(request, "facts"),
                           json_object_get(request, "record_facts"));
        json_object_del(request, "record_facts");
    }

    return request;
}


static sp_rc_t
sp_test_fact(sp_test_file_t *file, const sp_test_case_t *one,
    json_t *request, const char *name, const sp_ynode_t *value)
{
    int          field;
    const char  *dot, *rest;
    char         group[64];

    dot = strchr(name, '.');

    if (dot == NULL) {
        return sp_test_group(file, request, name, value);
    }

    rest = dot + 1;
    (void) snprintf(group, sizeof(group), "%.*s", (int) (dot - name), name);
    field = sp_field_find(sp_cstr(name));

    if (strcmp(group, "account") == 0 || strcmp(group, "customer") == 0
        || (strcmp(group, "key") == 0
            && strcmp(rest, "country_count") != 0))
    {
        return sp_test_record(file, request, group, rest, value);
    }

    if (strcmp(name, "request.route") == 0) {
        return sp_test_route(request, value);
    }

    if (strcmp(name, "request.stream") == 0
        || strcmp(name, "request.tokens") == 0
        || strcmp(name, "request.dialect") == 0)
    {
        return sp_test_group(file, request, rest, value);
    }

    if (field == -1) {
        return sp_test_unknown(file, value, name);
    }

    if (strcmp(group, "ip") == 0 && strcmp(name, "ip.registered") != 0) {
        json_object_set_new(sp_test_part(request, "ip"), rest,
                            sp_test_typed(field, value));
        return SP_OK;
    }

    json_object_set_new(sp_test_part(request, "record_facts"), name,
                        sp_test_typed(field, value));

    return SP_OK;
}


/* A word that stands for a whole group, or a member of the request. */

static sp_rc_t
sp_test_group(sp_test_file_t *file, json_t *request, const char *name,
    const sp_ynode_t *value)
{
    int                field;
    const sp_field_t  *row;

    if (strcmp(name, "route") == 0) {
        return sp_test_route(request, value);
    }

    if (strcmp(name, "ip") == 0) {
        for (field = 0; field < SP_FIELDS; field++) {
            row = sp_field(field);

            if (row->source == SP_FROM_GEO) {
                json_object_set_new(sp_test_part(request, "ip"),
                                    row->name + 3,
                                    sp_test_typed(field, value));
            }
        }

        return SP_OK;
    }

    if (strcmp(name, "key") == 0) {
        if (sp_test_is(value, "revoked")) {
            json_object_set_new(request, name,
                                json_pack("{s:s}", "status", "revoked"));

        } else if (sp_test_is(value, "expired")) {
            json_object_set_new(request, name,
                                json_pack("{s:s}", "expires_at", "1"));

        } else {
            json_object_set_new(request, name, sp_test_plain(value));
        }

        return SP_OK;
    }

    if (strcmp(name, "account") == 0 && sp_test_is(value, "unknown")) {

        /* as when nobody could be asked */

        json_object_set_new(request, name, json_string("failed"));
        return SP_OK;
    }

    if (strcmp(name, "account") == 0 || strcmp(name, "customer") == 0
        || strcmp(name, "models") == 0 || strcmp(name, "dialect") == 0)
    {
        json_object_set_new(request, name, sp_test_plain(value));
        return SP_OK;
    }

    if (strcmp(name, "stream") == 0) {
        json_object_set_new(request, name,
                            sp_test_typed(SP_F_REQUEST_STREAM, value));
        return SP_OK;
    }

    if (strcmp(name, "tokens") == 0) {
        json_object_set_new(request, name,
                            sp_test_typed(SP_F_REQUEST_TOKENS, value));
        return SP_OK;
    }

    if (strcmp(name, "model") == 0 || strcmp(name, "body") == 0
        || strcmp(name, "owner_share") == 0)
    {
        return SP_OK;    /* taken elsewhere */
    }

    return sp_test_unknown(file, value, name);
}


/*
 * A field of a record as the store has it; a fact that is derived from one,
 * or is not known, is set as a fact.
 */

static sp_rc_t
sp_test_record(sp_test_file_t *file, json_t *request, const char *group,
    const char *name, const sp_ynode_t *value)
{
    int                 field;
    char                fact[96];
    size_t              n;
    const char *const  *names;

    (void) snprintf(fact, sizeof(fact), "%s.%s", group, name);
    field = sp_field_find(sp_cstr(fact));

    if (strcmp(fact, "key.id") == 0) {
        name = "name";

    } else if (strcmp(group, "key") != 0 && strcmp(name, "id") != 0
               && (!sp_account_is_field(name, &names, &n)
                   || (field != -1 && (sp_test_is(value, "unknown")
                                       || sp_test_is(value, "failed")))))
    {
        if (field == -1) {
            return sp_test_unknown(file, value, fact);
        }

        (void) sp_test_part(request, group);
        json_object_set_new(sp_test_part(request, "record_facts"), fact,
                            sp_test_typed(field, value));

        return SP_OK;
    }

    if (sp_test_is(value, "absent")) {
        (void) sp_test_part(request, group);
        return SP_OK;
    }

    json_object_set_new(sp_test_part(request, group), name,
                        sp_test_plain(value));

    return SP_OK;
}


/* "chat.completions", "POST /v1/messages", or unknown and ambiguous. */

static sp_rc_t
sp_test_route(json_t *request, const sp_ynode_t *value)
{
    const char  *text, *space;

    text = value->kind == SP_Y_SCALAR ? (const char *) value->text.data : "";
    space = strchr(text, ' ');

    if (strcmp(text, "unknown") == 0) {
        json_object_set_new(request, "route", json_pack("{s:s, s:s}",
                            "method", "POST", "path", "/"));

    } else if (strcmp(text, "ambiguous") == 0) {
        json_object_set_new(request, "route", json_pack("{s:s, s:s}",
                            "method", "POST", "path", "/#"));

    } else if (space != NULL) {
        json_object_set_new(request, "route", json_pack("{s:s#, s:s}",
                            "method", text, (int) (space - text),
                            "path", space + 1));

    } else {
        json_object_set_new(request, "route", json_string(text));
    }

    return SP_OK;
}


static sp_rc_t
sp_test_model(sp_test_file_t *file, const sp_policy_t *policy,
    const sp_test_case_t *one, json_t *request)
{
    char               name[SP_MODEL_LEN + 1];
    uint64_t           tier;
    const sp_ynode_t  *id, *value;

    id = sp_test_get(&one->facts, "model.id");
    id = id != NULL ? id : sp_test_get(&one->facts, "model");
    value = sp_test_get(&one->facts, "model.tier");

    if (id == NULL && value != NULL && !sp_test_is(value, "absent")) {
        if (value->kind != SP_Y_SCALAR
            || sp_parse_uint(value->text, SP_TIERS, &tier) != SP_OK
            || sp_cli_tier_model(policy, (int) tier, name, sizeof(name))
               != SP_OK)
        {
            sp_test_error(file, value, NULL, "'model.tier': the policy has no "
                          "model of tier '%.16s'", value->text.data);
            return SP_ERROR;
        }

        json_object_set_new(request, "model", json_string(name));
        return SP_OK;
    }

    if (id != NULL && !sp_test_is(id, "absent")) {
        json_object_set_new(request, "model", sp_test_plain(id));
        return SP_OK;
    }

    /* Without a model the request is one that has none. */

    if (json_object_get(request, "models") == NULL
        && json_object_get(request, "route") == NULL && value == NULL)
    {
        json_object_set_new(request, "route", json_string("models.list"));
    }

    if (value != NULL && id == NULL) {
        json_object_set_new(request, "model", json_string("unlisted"));
    }

    return SP_OK;
}


void
sp_test_body(const sp_test_case_t *one, sp_request_t *request)
{
    size_t             i;
    sp_facts_t        *facts;
    const sp_ynode_t  *value;

    static const struct {
        const char      *word;
        sp_bodyfact_t    state;
    } words[] = {
        { "ambiguous", SP_BODYFACT_AMBIGUOUS },
        { "type", SP_BODYFACT_TYPE },
        { "large", SP_BODYFACT_LARGE },
        { "pending", SP_BODYFACT_PENDING }
    };

    value = sp_test_get(&one->facts, "body");
    facts = &request->facts;

    if (value == NULL) {
        return;
    }

    for (i = 0; i < sp_nelts(words); i++) {
        if (sp_test_is(value, words[i].word)) {
            facts->nmodels = 0;
            facts->models = NULL;
            sp_facts_body(facts, words[i].state, NULL);
        }
    }
}


static sp_rc_t
sp_test_unknown(sp_test_file_t *file, const sp_ynode_t *value,
    const char *name)
{
    int                i;
    size_t             n;
    const char        *near, *names[SP_FIELDS + 12];
    const sp_ynode_t  *at;

    static const char *const  words[] = {
        "route", "dialect", "key", "account", "model", "models", "stream",
        "tokens", "body", "owner_share", "ip", "customer"
    };

    n = 0;

    for (i = 0; i < SP_FIELDS; i++) {
        names[n++] = sp_field(i)->name;
    }

    memcpy(&names[n], words, sizeof(words));
    n += sp_nelts(words);

    near = sp_did_you_mean(sp_cstr(name), names, n);
    at = value->key != NULL ? value->key : value;

    sp_test_error(file, at, near != NULL ? sp_diag_text("did you mean '%s'?",
                                                        near) : NULL,
                  "there is no fact or field '%s'", name);

    return SP_ERROR;
}


static json_t *
sp_test_part(json_t *request, const char *name)
{
    json_t  *part;

    part = json_object_get(request, name);

    if (!json_is_object(part)) {
        part = json_object();
        json_object_set_new(request, name, part);
    }

    return part;
}


/* A value as the fact's type wants it in JSON. */

static json_t *
sp_test_typed(int field, const sp_ynode_t *value)
{
    uint64_t    n;
    sp_type_t   type;

    type = sp_field(field)->type;

    if (value->kind == SP_Y_SCALAR && type == SP_T_BOOL) {
        if (sp_test_is(value, "yes") || sp_test_is(value, "true")) {
            return json_true();
        }

        if (sp_test_is(value, "no") || sp_test_is(value, "false")) {
            return json_false();
        }
    }

    if (value->kind == SP_Y_SCALAR && value->style == SP_Y_PLAIN
        && (type == SP_T_INT || type == SP_T_ASN || type == SP_T_TIME
            || type == SP_T_DURATION)
        && sp_parse_uint(value->text, INT64_MAX, &n) == SP_OK)
    {
        return json_integer((json_int_t) n);
    }

    return sp_test_plain(value);
}


json_t *
sp_test_plain(const sp_ynode_t *value)
{
    json_t            *list;
    const sp_ynode_t  *item;

    if (value->kind != SP_Y_SEQ) {
        return sp_cli_json_str(value->text);
    }

    list = json_array();

    for (item = value->first; item != NULL; item = item->next) {
        json_array_append_new(list, sp_cli_json_str(item->text));
    }

    return list;
}


static int
sp_test_is(const sp_ynode_t *value, const char *word)
{
    return value->kind == SP_Y_SCALAR && sp_str_eq(value->text, sp_cstr(word));
}

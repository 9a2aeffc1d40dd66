
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains cases that tests lack: for a gap, the facts of a case
 * that is there, with one or two changed so that the gap is closed.
 */


#include <stdlib.h>

#include "account.h"
#include "change.h"
#include "policy_open.h"
#include "test_cover.h"
#include "test_owners.h"


#define SP_SUGGEST_PAIRS  200000    /* decisions tried for one gap */


typedef struct {
    const sp_cover_t  *cover;
    const sp_gap_t    *gap;
    const json_t      *base;        /* of cover->bases */
    sp_request_t      *request;
    sp_changes_t      *changes;
    sp_verdict_t       verdict;
    size_t             left;
} sp_suggest_t;


static json_t *sp_suggest_from(sp_suggest_t *s, json_t *base);
static json_t *sp_suggest_try(sp_suggest_t *s);
static int sp_suggest_closes(sp_suggest_t *s);
static json_t *sp_suggest_make(sp_suggest_t *s, const sp_change_t *one,
    const sp_change_t *two);
static sp_rc_t sp_suggest_set(sp_suggest_t *s, json_t *set,
    json_t *request, const sp_change_t *change);
static json_t *sp_suggest_value(const sp_suggest_t *s,
    const sp_change_t *change, char name[SP_CHANGE_NAME]);
static json_t *sp_suggest_typed(const sp_change_t *change, json_t *value);


json_t *
sp_cover_suggest(const sp_cover_t *cover, const sp_gap_t *gap)
{
    size_t         i;
    json_t        *base, *found;
    sp_suggest_t   s;

    memset(&s, 0, sizeof(s));
    s.cover = cover;
    s.gap = gap;
    s.left = SP_SUGGEST_PAIRS;
    s.request = sp_cli_alloc(sizeof(*s.request));
    s.changes = sp_cli_alloc(sizeof(*s.changes));
    found = NULL;

    json_array_foreach(cover->bases, i, base) {
        found = sp_suggest_from(&s, base);

        if (found != NULL || s.left == 0) {
            break;
        }
    }

    free(s.request);
    free(s.changes);

    return found;
}


static json_t *
sp_suggest_from(sp_suggest_t *s, json_t *base)
{
    json_t  *found;

    memset(s->request, 0, sizeof(*s->request));
    s->request->json = json_incref(json_object_get(base, "request"));
    s->base = base;
    found = NULL;

    if (sp_request_facts(s->request) == SP_OK) {

        /* model.* is set by deciding */

        sp_decide(s->cover->policy, &s->request->facts, SP_STAGE_WHOLE,
                  &s->verdict);

        s->changes->n = 0;
        sp_changes_collect(s->changes, s->cover->policy, s->gap->rule,
                           s->request, 0, 1);
        found = sp_suggest_try(s);
        sp_fact_free(&s->changes->memory);
    }

    sp_request_free(s->request);

    return found;
}


static json_t *
sp_suggest_try(sp_suggest_t *s)
{
    int                closes;
    size_t             i, k;
    json_t            *found;
    sp_change_t       *v;
    sp_change_undo_t   one, two;

    v = s->changes->v;

    for (i = 0; i < s->changes->n; i++) {
        sp_change_do(s->request, s->cover->policy, &v[i], &one);

        closes = sp_suggest_closes(s);
        sp_change_undo(s->request, &v[i], &one);

        found = closes ? sp_suggest_make(s, &v[i], NULL) : NULL;

        if (found != NULL) {
            return found;
        }
    }

    for (i = 0; i < s->changes->n; i++) {
        sp_change_do(s->request, s->cover->policy, &v[i], &one);

        for (k = i + 1; k < s->changes->n && s->left != 0; k++) {
            if (v[k].field == v[i].field) {
                continue;
            }

            s->left--;
            sp_change_do(s->request, s->cover->policy, &v[k], &two);
            closes = sp_suggest_closes(s);
            sp_change_undo(s->request, &v[k], &two);

            found = closes ? sp_suggest_make(s, &v[i], &v[k]) : NULL;

            if (found != NULL) {
                sp_change_undo(s->request, &v[i], &one);
                return found;
            }
        }

        sp_change_undo(s->request, &v[i], &one);
    }

    return NULL;
}


static int
sp_suggest_closes(sp_suggest_t *s)
{
    sp_truth_t  value;

    if (s->gap->at != SP_COVER_NONE) {
        return sp_cover_decides(s->cover, s->gap->rule, s->gap->at,
                                &s->request->facts, s->gap->way);
    }

    value = sp_rule_value(s->cover->policy, s->gap->rule, &s->request->facts);

    return sp_cover_matches(s->cover->policy, s->gap->rule, value)
           == (s->gap->way == SP_COVER_TRUE);
}


/*
 * The case as it would be written, decided from the start: a record that lost
 * a field may be invalid, which a fact alone does not tell. NULL: that case
 * does not close the gap.
 */

static json_t *
sp_suggest_make(sp_suggest_t *s, const sp_change_t *one,
    const sp_change_t *two)
{
    int            ok;
    json_t        *found, *set, *json;
    sp_request_t  *request, *old;

    set = json_deep_copy(json_object_get(s->base, "own"));
    json = json_deep_copy(json_object_get(s->base, "request"));
    request = sp_cli_alloc(sizeof(*request));
    request->json = json;
    found = NULL;

    ok = sp_suggest_set(s, set, json, one) == SP_OK
         && (two == NULL || sp_suggest_set(s, set, json, two) == SP_OK)
         && sp_request_facts(request) == SP_OK;

    if (ok) {
        sp_decide(s->cover->policy, &request->facts, SP_STAGE_WHOLE,
                  &s->verdict);
        old = s->request;
        s->request = request;
        ok = sp_suggest_closes(s);
        s->request = old;
    }

    if (ok) {
        found = json_pack("{s:O, s:o, s:O, s:s}", "as",
                          json_object_get(s->base, "name"), "rule",
                          sp_cli_json_str(sp_policy_rule_id(s->cover->policy,
                                                            s->gap->rule)),
                          "set", set, "decision",
                          sp_explain_decision(s->verdict.decision));

        if (s->verdict.decision == SP_VERDICT_DENY) {
            json_object_set_new(found, "reason", sp_cli_json_str(
                sp_policy_reason_code(s->cover->policy, s->verdict.reason)));
        }
    }

    json_decref(set);
    sp_request_free(request);
    free(request);

    return found;
}


/* One change, in the facts of the case and in the request that they make. */

static sp_rc_t
sp_suggest_set(sp_suggest_t *s, json_t *set, json_t *request,
    const sp_change_t *change)
{
    char                name[SP_CHANGE_NAME], model[SP_MODEL_LEN + 1];
    size_t              n;
    json_t             *value, *account;
    const char         *rest;
    const char *const  *names;

    account = json_object_get(request, "account");
    value = sp_suggest_value(s, change, name);

    if (value == NULL) {
        return SP_DECLINED;
    }

    json_object_set_new(set, name, value);
    rest = strchr(name, '.');
    rest = rest != NULL ? rest + 1 : name;

    if (strncmp(name, "owner_share.", 12) == 0) {
        return sp_test_owners_one(s->cover->policy, request, rest,
                                  change->share);
    }

    if (strncmp(name, "account.", 8) == 0
        && sp_account_is_field(rest, &names, &n))
    {
        if (!json_is_object(account)) {
            return SP_DECLINED;
        }

        if (json_is_string(value)
            && strcmp(json_string_value(value), "absent") == 0)
        {
            json_object_del(account, rest);
            return SP_OK;
        }

        json_object_set(account, rest, value);
        return SP_OK;
    }

    if (change->field == SP_F_MODEL_TIER) {
        json_object_del(set, "model.id");
        json_object_del(set, "model");

        if (change->value.state != SP_FACT_KNOWN) {
            (void) snprintf(model, sizeof(model), "unlisted");

        } else if (sp_cli_tier_model(s->cover->policy,
                                     (int) change->value.u.i, model,
                                     sizeof(model))
                   != SP_OK)
        {
            return SP_DECLINED;
        }

        json_object_del(request, "route");
        json_object_del(request, "models");
        json_object_set_new(request, "model", json_string(model));
        return SP_OK;
    }

    if (!json_is_object(json_object_get(request, "facts"))) {
        json_object_set_new(request, "facts", json_object());
    }

    json_object_set_new(json_object_get(request, "facts"), name,
                        sp_suggest_typed(change, value));

    return SP_OK;
}


/* How a test file writes it; NULL: it has no way to. */

static json_t *
sp_suggest_value(const sp_suggest_t *s, const sp_change_t *change,
    char name[SP_CHANGE_NAME])
{
    char             text[SP_FACT_TEXT], place[SP_PLACE_TEXT_LEN];
    json_t          *list;
    unsigned         i;
    sp_str_t         id;
    const sp_set_t  *set;

    (void) sp_change_name(s->cover->policy, change, name);
    (void) sp_change_text(change, text);

    if (change->field == SP_CHANGE_OWNERS) {
        set = sp_image_set(s->cover->policy, change->set);
        id = sp_image_str(s->cover->policy, set->name);
        (void) snprintf(name, SP_CHANGE_NAME, "owner_share.%.*s",
                        (int) id.len, (const char *) id.data);
        return id.len != 0 ? json_string(text) : NULL;
    }

    if (change->field > SP_CHANGE_OWNERS) {
        return NULL;
    }

    switch (sp_field(change->field)->source) {

    case SP_FROM_CLOCK:
    case SP_FROM_HEAD:
    case SP_FROM_ADDRESS:
        return NULL;

    case SP_FROM_BODY:
        if (change->field != SP_F_MODEL_TIER) {
            return NULL;
        }

        break;

    default:
        break;
    }

    if (change->value.state == SP_FACT_KNOWN
        && sp_field(change->field)->type == SP_T_DURATION)
    {
        return json_sprintf("%llds", (long long) change->value.u.i);
    }

    if (change->value.state == SP_FACT_KNOWN
        && sp_field(change->field)->type == SP_T_PLACES)
    {
        list = json_array();

        for (i = 0; i < change->value.n; i++) {
            json_array_append_new(list, json_stringn(place,
                sp_place_format(change->value.u.places[i], place)));
        }

        return list;
    }

    return json_string(text);
}


static json_t *
sp_suggest_typed(const sp_change_t *change, json_t *value)
{
    if (change->value.state == SP_FACT_KNOWN) {

        switch (sp_field(change->field)->type) {

        case SP_T_BOOL:
            return json_boolean(change->value.u.i);

        case SP_T_INT:
        case SP_T_ASN:
        case SP_T_TIME:
            return json_integer(change->value.u.i);

        case SP_T_STRINGS:
            return json_pack("[s#]", change->value.u.tags,
                             (int) strnlen(change->value.u.tags, SP_TAG_LEN));

        default:
            break;
        }
    }

    return json_incref(value);
}


void
sp_cover_suggest_text(const json_t *suggestion)
{
    int          n;
    size_t       i;
    json_t      *value, *item;
    const char  *name, *reason;

    if (suggestion == NULL) {
        printf("      # no case with one or two facts changed closes it\n");
        return;
    }

    n = 0;
    printf("      # as: %s\n      - {name: \"for %s\", set: {",
           json_string_value(json_object_get(suggestion, "as")),
           json_string_value(json_object_get(suggestion, "rule")));

    json_object_foreach(json_object_get(suggestion, "set"), name, value) {
        printf("%s%s: ", n++ != 0 ? ", " : "", name);

        if (json_is_string(value)) {
            printf("\"%s\"", json_string_value(value));
            continue;
        }

        json_array_foreach(value, i, item) {
            printf("%s\"%s\"", i != 0 ? ", " : "[", json_string_value(item));
        }

        printf("]");
    }

    reason = json_string_value(json_object_get(suggestion, "reason"));
    printf("}, expect: {decision: %s%s%s}}\n",
           json_string_value(json_object_get(suggestion, "decision")),
           reason != NULL ? ", reason: " : "", reason != NULL ? reason : "");
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains changes of single facts: those that could make a
 * difference to a policy, taken from the constants and lists of its rules.
 */


#include <stdlib.h>

#include "policy/sp_policy_image.h"

#include "change.h"


static void sp_changes_field(sp_changes_t *changes, const sp_policy_t *policy,
    uint32_t from, uint32_t to, int field, const sp_request_t *request,
    int wide);
static int sp_changes_fixed(int field);
static void sp_changes_words(sp_changes_t *changes, int field,
    const sp_request_t *request);
static void sp_changes_node(sp_changes_t *changes, const sp_policy_t *policy,
    const sp_node_t *node, int field, const sp_request_t *request);
static void sp_changes_set(sp_changes_t *changes, const sp_policy_t *policy,
    const sp_set_t *set, int field, const sp_request_t *request);
static void sp_changes_countries(sp_changes_t *changes, int field,
    const sp_request_t *request);
static void sp_changes_place(sp_changes_t *changes, int field,
    sp_place_t place, const sp_request_t *request);
static void sp_changes_named(sp_changes_t *changes, int field,
    const sp_request_t *request);
static void sp_changes_function(sp_changes_t *changes,
    const sp_node_t *node);
static void sp_changes_share(sp_changes_t *changes, int field,
    const sp_node_t *node, int64_t share);
static void sp_changes_number(sp_changes_t *changes, int field, int64_t n,
    const sp_request_t *request);
static void sp_changes_add(sp_changes_t *changes, const sp_change_t *change,
    const sp_request_t *request);
static int sp_changes_same(int field, const sp_value_t *a,
    const sp_value_t *b);


void
sp_changes_collect(sp_changes_t *changes, const sp_policy_t *policy, int rule,
    const sp_request_t *request, int wide, int asked)
{
    int               field;
    uint32_t          at, from, to;
    const sp_node_t  *nodes;

    from = 0;
    to = policy->nnodes;
    nodes = sp_image_at(policy, policy->nodes, sp_node_t);

    if (rule >= 0) {
        from = sp_image_rule(policy, rule)->cond;

        if (from == SP_NO_COND) {
            return;
        }

        to = nodes[from].end;
    }

    for (field = 0; field < SP_FIELDS; field++) {
        if (asked || !sp_changes_fixed(field)) {
            sp_changes_field(changes, policy, from, to, field, request, wide);
        }
    }

    for (at = from; request->facts.account != NULL && at < to; at++) {
        if (nodes[at].op == SP_OP_SHARE || nodes[at].op == SP_OP_CONTROL) {
            sp_changes_function(changes, &nodes[at]);
        }
    }
}


/* What is asked for is not to be changed, nor is what nobody can guess. */

static int
sp_changes_fixed(int field)
{
    switch (sp_field(field)->source) {

    case SP_FROM_HEAD:
    case SP_FROM_BODY:
    case SP_FROM_CLOCK:
    case SP_FROM_ADDRESS:
        return 1;

    default:
        return field == SP_F_ACCOUNT_ID || field == SP_F_KEY_ID;
    }
}


static void
sp_changes_field(sp_changes_t *changes, const sp_policy_t *policy,
    uint32_t from, uint32_t to, int field, const sp_request_t *request,
    int wide)
{
    int               read;
    uint32_t          at;
    sp_change_t       absent;
    const sp_node_t  *node;

    read = 0;

    for (at = from; at < to; at++) {
        node = sp_image_at(policy, policy->nodes, sp_node_t) + at;

        if (node->op < SP_OP_HAS || node->op >= SP_OP_SHARE
            || (node->field != field
                && !((node->op == SP_OP_SAME || node->op == SP_OP_WITHIN)
                     && node->other == field)))
        {
            continue;
        }

        if (!read && wide && (sp_field(field)->type == SP_T_COUNTRY
                              || sp_field(field)->type == SP_T_PLACE))
        {
            sp_changes_countries(changes, field, request);
        }

        if (!read) {
            sp_changes_words(changes, field, request);
        }

        read = 1;
        sp_changes_node(changes, policy, node, field, request);
    }

    if (read && sp_field(field)->optional) {
        memset(&absent, 0, sizeof(absent));
        absent.field = field;
        absent.value.state = SP_FACT_ABSENT;
        sp_changes_add(changes, &absent, request);
    }
}


/* Values of types that have few. */

static void
sp_changes_words(sp_changes_t *changes, int field,
    const sp_request_t *request)
{
    int64_t            i;
    const sp_field_t  *row;

    row = sp_field(field);

    switch (row->type) {

    case SP_T_BOOL:
        sp_changes_number(changes, field, 0, request);
        sp_changes_number(changes, field, 1, request);
        break;

    case SP_T_ENUM:
        for (i = 0; row->values[i] != NULL; i++) {
            sp_changes_number(changes, field, i, request);
        }

        break;

    case SP_T_INT:
        for (i = row->min; i <= row->max && i < row->min + 8; i++) {
            sp_changes_number(changes, field, i, request);
        }

        break;

    default:
        break;
    }
}


/* Values beside and on the constants of one test. */

static void
sp_changes_node(sp_changes_t *changes, const sp_policy_t *policy,
    const sp_node_t *node, int field, const sp_request_t *request)
{
    if (node->op == SP_OP_INT && sp_field(field)->type != SP_T_BOOL
        && sp_field(field)->type != SP_T_ENUM)
    {
        sp_changes_number(changes, field, node->value, request);
        sp_changes_number(changes, field, node->value - 1, request);
        sp_changes_number(changes, field, node->value + 1, request);
        return;
    }

    if (node->op == SP_OP_SAME || node->op == SP_OP_WITHIN) {
        sp_changes_named(changes, field, request);
        return;
    }

    if (node->set != SP_NO_SET) {
        sp_changes_set(changes, policy, sp_image_set(policy, node->set), field,
                       request);
    }
}


static void
sp_changes_set(sp_changes_t *changes, const sp_policy_t *policy,
    const sp_set_t *set, int field, const sp_request_t *request)
{
    int                 in, out;
    char                code[2], *tags;
    uint32_t            i;
    sp_str_t            name;
    sp_place_t          place;
    sp_change_t         change;
    const sp_ref_t     *names;

    switch (set->type) {

    case SP_LIST_COUNTRY:
    case SP_LIST_PLACE:
        in = out = 0;

        for (i = 0; i < 26 * 26 && !(in && out); i++) {
            code[0] = (char) ('A' + i / 26);
            code[1] = (char) ('A' + i % 26);

            if (sp_place_parse((sp_str_t) { 2, (unsigned char *) code },
                               &place)
                != SP_PLACE_OK)
            {
                continue;
            }

            if (sp_countries_has(&set->countries, place)) {
                if (!in++) {
                    sp_changes_place(changes, field, place, request);
                }

            } else if (!sp_countries_has(&set->parts, place) && !out++) {
                sp_changes_place(changes, field, place, request);
            }
        }

        /* fall through */

    case SP_LIST_REGION:
        for (i = 0; set->type != SP_LIST_COUNTRY && i < set->n; i++) {
            sp_changes_place(changes, field,
                             sp_image_at(policy, set->items, sp_place_t)[i],
                             request);
        }

        break;

    case SP_LIST_ASN:
        for (i = 0; i < set->n && i < 2; i++) {
            sp_changes_number(changes, field,
                              sp_image_at(policy, set->items, uint32_t)[i],
                              request);
        }

        break;

    case SP_LIST_NAME:
    case SP_LIST_ACCOUNT:
        names = sp_image_at(policy, set->items, sp_ref_t);

        for (i = 0; i < set->n && i < 4; i++) {
            name = sp_image_str(policy, names[i]);
            memset(&change, 0, sizeof(change));
            change.field = field;
            change.value.state = SP_FACT_KNOWN;

            if (sp_field(field)->type == SP_T_STRING) {
                change.value.u.s = name;

            } else if (sp_field(field)->type == SP_T_STRINGS
                       && name.len <= SP_TAG_LEN)
            {
                tags = sp_fact_alloc(&changes->memory, SP_TAG_LEN);
                memcpy(tags, name.data, name.len);
                change.value.n = 1;
                change.value.u.tags = tags;

            } else {
                continue;
            }

            sp_changes_add(changes, &change, request);
        }

        break;

    default:
        break;
    }
}


static void
sp_changes_countries(sp_changes_t *changes, int field,
    const sp_request_t *request)
{
    int         i;
    char        code[2], text[SP_PLACE_TEXT_LEN];
    sp_place_t  place;

    for (i = 0; i < 26 * 26; i++) {
        code[0] = (char) ('A' + i / 26);
        code[1] = (char) ('A' + i % 26);

        /* an alias is another way to write a country, not one more */

        if (sp_place_parse((sp_str_t) { 2, (unsigned char *) code }, &place)
            == SP_PLACE_OK
            && sp_place_format(place, text) == 2
            && memcmp(text, code, 2) == 0)
        {
            sp_changes_place(changes, field, place, request);
        }
    }
}


static void
sp_changes_place(sp_changes_t *changes, int field, sp_place_t place,
    const sp_request_t *request)
{
    sp_place_t        *places;
    sp_change_t        change;
    const sp_value_t  *now;

    memset(&change, 0, sizeof(change));
    change.field = field;
    change.value.state = SP_FACT_KNOWN;
    change.value.u.place = place;

    switch (sp_field(field)->type) {

    case SP_T_COUNTRY:
        if (sp_place_is_region(place)) {
            return;
        }

        break;

    case SP_T_REGION:

        /* a subdivision lies in the country that is known */

        now = &request->facts.v[SP_F_IP_COUNTRY];

        if (!sp_place_is_region(place)
            || (field == SP_F_IP_REGION && now->state == SP_FACT_KNOWN
                && now->u.place != sp_place_country(place)))
        {
            return;
        }

        break;

    case SP_T_PLACE:
        break;

    case SP_T_PLACES:
        places = sp_fact_alloc(&changes->memory, sizeof(sp_place_t));
        places[0] = place;
        change.value.n = 1;
        change.value.u.places = places;
        break;

    default:
        return;
    }

    sp_changes_add(changes, &change, request);
}


/* Places that the request names elsewhere. */

static void
sp_changes_named(sp_changes_t *changes, int field,
    const sp_request_t *request)
{
    int                i, type;
    unsigned           k;
    const sp_value_t  *v;

    for (i = 0; i < SP_FIELDS; i++) {
        v = &request->facts.v[i];
        type = (int) sp_field(i)->type;

        if (i == field || v->state != SP_FACT_KNOWN) {
            continue;
        }

        if (type == SP_T_COUNTRY || type == SP_T_PLACE) {
            sp_changes_place(changes, field, sp_place_country(v->u.place),
                             request);
        }

        for (k = 0; type == SP_T_PLACES && k < v->n; k++) {
            sp_changes_place(changes, field,
                             sp_place_country(v->u.places[k]), request);
        }
    }
}


static void
sp_changes_function(sp_changes_t *changes, const sp_node_t *node)
{
    int  field;

    if (node->op == SP_OP_CONTROL) {
        sp_changes_share(changes, SP_CHANGE_CONTROL, node, 0);
        sp_changes_share(changes, SP_CHANGE_CONTROL, node, 1);
        return;
    }

    field = node->other == SP_FN_LISTED_SHARE ? SP_CHANGE_LISTED
                                              : SP_CHANGE_OWNERS;

    sp_changes_share(changes, field, node, 0);
    sp_changes_share(changes, field, node, node->value);
    sp_changes_share(changes, field, node, node->value - 1);
    sp_changes_share(changes, field, node, node->value + 1);
}


static void
sp_changes_share(sp_changes_t *changes, int field, const sp_node_t *node,
    int64_t share)
{
    size_t        i;
    sp_change_t  *change;

    if (share < 0 || share > SP_SHARE_ALL || changes->n == SP_CHANGES_MAX
        || node->set == SP_NO_SET)
    {
        return;
    }

    for (i = changes->n; i > 0 && changes->v[i - 1].field >= SP_FACTS_MAX; i--) {
        if (changes->v[i - 1].field == field
            && changes->v[i - 1].set == node->set
            && changes->v[i - 1].fn == node->other
            && changes->v[i - 1].share == share)
        {
            return;
        }
    }

    change = &changes->v[changes->n++];
    memset(change, 0, sizeof(*change));
    change->field = field;
    change->set = node->set;
    change->fn = node->other;
    change->share = (uint16_t) share;
}


static void
sp_changes_number(sp_changes_t *changes, int field, int64_t n,
    const sp_request_t *request)
{
    sp_change_t        change;
    const sp_field_t  *row;

    row = sp_field(field);

    if ((row->type == SP_T_INT && row->max > row->min
         && (n < row->min || n > row->max))
        || ((row->type == SP_T_ASN || row->type == SP_T_TIME) && n < 0))
    {
        return;
    }

    memset(&change, 0, sizeof(change));
    change.field = field;
    change.value.state = SP_FACT_KNOWN;
    change.value.u.i = n;

    sp_changes_add(changes, &change, request);
}


static void
sp_changes_add(sp_changes_t *changes, const sp_change_t *change,
    const sp_request_t *request)
{
    size_t  i;

    if (changes->n == SP_CHANGES_MAX
        || sp_changes_same(change->field, &change->value,
                           &request->facts.v[change->field]))
    {
        return;
    }

    for (i = changes->n;
         i > 0 && changes->v[i - 1].field == change->field; i--)
    {
        if (sp_changes_same(change->field, &change->value,
                            &changes->v[i - 1].value))
        {
            return;
        }
    }

    changes->v[changes->n++] = *change;
}


static int
sp_changes_same(int field, const sp_value_t *a, const sp_value_t *b)
{
    char  one[SP_FACT_TEXT], two[SP_FACT_TEXT];

    if (a->state != b->state) {
        return 0;
    }

    return a->state != SP_FACT_KNOWN
           || strcmp(sp_fact_value_text(a, field, one),
                     sp_fact_value_text(b, field, two))
              == 0;
}

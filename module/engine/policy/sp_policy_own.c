
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains "facts:": facts that a policy declares. Each is a field
 * "x_..." of the account's record, with a type, so that a misspelt value is
 * found when the policy loads and not when somebody is refused.
 */


#include "sp_policy_load.h"


#define SP_OWN_INT_MAX  1000000000


static void sp_load_fact(sp_load_t *l, const sp_ynode_t *node);
static sp_rc_t sp_load_fact_name(sp_load_t *l, const sp_ynode_t *key);
static sp_rc_t sp_load_fact_range(sp_load_t *l, const sp_ynode_t *node,
    sp_lown_t *own);
static sp_rc_t sp_load_fact_values(sp_load_t *l, const sp_ynode_t *node,
    sp_lown_t *own);
static sp_rc_t sp_load_fact_absent(sp_load_t *l, const sp_ynode_t *node,
    sp_lown_t *own);


static const sp_str_t  sp_own_prefix = sp_str("account.x_");

/* In the order of the words of "type:". */

static const sp_type_t  sp_own_types[] = {
    SP_T_BOOL, SP_T_INT, SP_T_ENUM, SP_T_STRING, SP_T_PLACE, SP_T_DURATION
};


const sp_field_t *
sp_load_field(const sp_load_t *l, int id)
{
    return id < SP_FIELDS ? sp_field(id) : &l->own[id - SP_FIELDS].field;
}


int
sp_load_field_find(const sp_load_t *l, sp_str_t name)
{
    unsigned  i;

    for (i = 0; i < l->nown; i++) {

        if (sp_str_eq(l->own[i].name, name)) {
            return SP_FIELDS + (int) i;
        }
    }

    return sp_field_find(name);
}


void
sp_load_facts(sp_load_t *l, const sp_ynode_t *map)
{
    const sp_ynode_t  *child;

    if (sp_value_kind(l, map, SP_Y_MAP, "facts") != SP_OK) {
        return;
    }

    for (child = map->first; child != NULL; child = child->next) {

        if (sp_load_fact_name(l, child->key) == SP_OK
            && sp_value_kind(l, child, SP_Y_MAP, "a fact") == SP_OK)
        {
            sp_load_fact(l, child);
        }
    }
}


static sp_rc_t
sp_load_fact_name(sp_load_t *l, const sp_ynode_t *key)
{
    size_t             i;
    sp_str_t           name;
    const sp_ynode_t  *twin;

    name = key->text;

    for (i = sp_own_prefix.len; i < name.len; i++) {

        if (!((name.data[i] >= 'a' && name.data[i] <= 'z')
              || (name.data[i] >= '0' && name.data[i] <= '9')
              || name.data[i] == '_'))
        {
            break;
        }
    }

    if (name.len <= sp_own_prefix.len || i != name.len || name.len > SP_ID_MAX
        || memcmp(name.data, sp_own_prefix.data, sp_own_prefix.len) != 0)
    {
        sp_load_error(l, key, 104,
                      sp_diag_text("account.x_cleared is the field x_cleared "
                                   "of the record"),
                      "a fact of your own is named account.x_ and then "
                      "a-z 0-9 _");
        return SP_ERROR;
    }

    i = (size_t) (sp_load_field_find(l, name) - SP_FIELDS);

    if (i < l->nown) {
        twin = l->own[i].node->key;
        sp_load_error(l, key, 106,
                      sp_diag_text("%s:%u has it already", twin->source->name,
                                   twin->line),
                      "fact '%s' is declared twice", name.data);
        return SP_ERROR;
    }

    if (l->nown == SP_OWN_FACTS_MAX) {
        sp_load_error(l, key, 104, NULL, "more than %d facts of your own",
                      SP_OWN_FACTS_MAX);
        return SP_ERROR;
    }

    return SP_OK;
}


static void
sp_load_fact(sp_load_t *l, const sp_ynode_t *node)
{
    int                word;
    sp_lown_t         *own;
    const sp_ynode_t  *child;

    if (sp_value_keys(l, node, SP_K_FACT) != SP_OK) {
        return;
    }

    child = sp_ynode_get(node, "type");

    if (child == NULL) {
        sp_load_error(l, node->key, 104,
                      sp_diag_text("bool, int, enum, string, place or age"),
                      "fact '%s' has no 'type'", node->key->text.data);
        return;
    }

    word = sp_value_of(l, child, SP_K_FACT, "type");
    if (word < 0) {
        return;
    }

    own = &l->own[l->nown];
    memset(own, 0, sizeof(sp_lown_t));

    own->node = node;
    own->name = node->key->text;
    own->help = SP_STR("declared by the policy");
    own->field.name = (const char *) own->name.data;
    own->field.type = sp_own_types[word];
    own->field.source = SP_FROM_RECORD;
    own->field.optional = 1;

    child = sp_ynode_get(node, "note");

    if (child != NULL) {
        (void) sp_value_text(l, child, &own->help);
    }

    if (sp_load_fact_range(l, node, own) == SP_OK
        && sp_load_fact_values(l, node, own) == SP_OK
        && sp_load_fact_absent(l, node, own) == SP_OK)
    {
        own->field.help = (const char *) own->help.data;
        l->nown++;
    }
}


static sp_rc_t
sp_load_fact_range(sp_load_t *l, const sp_ynode_t *node, sp_lown_t *own)
{
    uint64_t           min, max;
    const sp_ynode_t  *low, *high;

    low = sp_ynode_get(node, "min");
    high = sp_ynode_get(node, "max");
    min = 0;
    max = SP_OWN_INT_MAX;

    if (own->field.type != SP_T_INT) {

        if (low == NULL && high == NULL) {
            return SP_OK;
        }

        sp_load_error(l, low ? low->key : high->key, 104, NULL,
                      "only 'type: int' has 'min' and 'max'");
        return SP_ERROR;
    }

    if ((low && sp_value_uint(l, low, 0, SP_OWN_INT_MAX, &min) != SP_OK)
        || (high && sp_value_uint(l, high, min, SP_OWN_INT_MAX, &max)
                    != SP_OK))
    {
        return SP_ERROR;
    }

    own->field.min = (int64_t) min;
    own->field.max = (int64_t) max;

    return SP_OK;
}


static sp_rc_t
sp_load_fact_values(sp_load_t *l, const sp_ynode_t *node, sp_lown_t *own)
{
    size_t             i;
    sp_str_t           s;
    const char       **words;
    const sp_ynode_t  *seq, *child;

    seq = sp_ynode_get(node, "values");

    if (seq == NULL && own->field.type != SP_T_ENUM) {
        return SP_OK;
    }

    if (seq == NULL || own->field.type != SP_T_ENUM) {
        sp_load_error(l, seq ? seq->key : node->key, 104, NULL,
                      "'values: [a, b]' belongs to 'type: enum'");
        return SP_ERROR;
    }

    if (sp_value_kind(l, seq, SP_Y_SEQ, "'values'") != SP_OK) {
        return SP_ERROR;
    }

    if (seq->n == 0 || seq->n > SP_OWN_VALUES_MAX) {
        sp_load_error(l, seq->key, 104, NULL, "an enum has 1 to %d values",
                      SP_OWN_VALUES_MAX);
        return SP_ERROR;
    }

    words = sp_load_alloc(l, (seq->n + 1) * sizeof(char *));
    if (words == NULL) {
        return SP_ERROR;
    }

    own->field.values = words;

    for (child = seq->first; child != NULL; child = child->next) {

        if (sp_value_name(l, child, &s) != SP_OK) {
            return SP_ERROR;
        }

        for (i = 0; i < s.len && s.data[i] != '.'; i++) { /* void */ }

        if (i != s.len || sp_enum_find(words, s) >= 0) {
            sp_load_error(l, child, 104, NULL, i != s.len
                          ? "a value has no dot" : "'%.64s' stands here twice",
                          s.data);
            return SP_ERROR;
        }

        words[own->nvalues++] = (const char *) child->text.data;
    }

    return SP_OK;
}


static sp_rc_t
sp_load_fact_absent(sp_load_t *l, const sp_ynode_t *node, sp_lown_t *own)
{
    int                number;
    sp_str_t           s;
    const sp_ynode_t  *child;

    child = sp_ynode_get(node, "absent");

    if (child == NULL || sp_value_text(l, child, &s) != SP_OK) {
        return child == NULL ? SP_OK : SP_ERROR;
    }

    own->field.optional = 0;
    own->text = s;

    if (own->field.type == SP_T_STRING) {
        return SP_OK;
    }

    if (own->field.type == SP_T_ENUM) {
        number = sp_value_word(l, child, own->field.values, own->nvalues);
        own->number = number;

        return number < 0 ? SP_ERROR : SP_OK;
    }

    if (own->field.type == SP_T_DURATION
        || sp_own_number(own->field.type, own->field.min, own->field.max, s,
                         &own->number) != SP_OK)
    {
        sp_load_error(l, child, 104,
                      own->field.type == SP_T_DURATION
                      ? sp_diag_text("ask with has(%s)", own->field.name)
                      : own->field.type == SP_T_BOOL
                      ? sp_diag_text("values: yes, no") : NULL,
                      "'%.64s' is no value that an absent %s could have",
                      s.data, sp_type_name(own->field.type));
        return SP_ERROR;
    }

    return SP_OK;
}


sp_rc_t
sp_own_number(sp_type_t type, int64_t min, int64_t max, sp_str_t s,
    int64_t *number)
{
    int         yes;
    uint64_t    n;
    sp_place_t  place;

    switch (type) {

    case SP_T_BOOL:
        if (sp_text_bool(s, &yes) != SP_OK) {
            return SP_ERROR;
        }

        *number = yes;
        return SP_OK;

    case SP_T_PLACE:
        if (sp_place_parse(s, &place) != SP_PLACE_OK) {
            return SP_ERROR;
        }

        *number = place;
        return SP_OK;

    case SP_T_DURATION:
        max = INT64_MAX;

        /* fall through */

    default: /* SP_T_INT */
        if (sp_parse_uint(s, (uint64_t) max, &n) != SP_OK
            || (int64_t) n < min)
        {
            return SP_ERROR;
        }

        *number = (int64_t) n;
        return SP_OK;
    }
}

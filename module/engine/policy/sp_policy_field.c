
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the facts that the rules of a compiled policy may read:
 * those of the engine's table and then its own.
 */


#include "sp_policy_image.h"


int
sp_policy_fields(const sp_policy_t *policy)
{
    return SP_FIELDS + (policy ? (int) policy->nown : 0);
}


sp_type_t
sp_policy_field_type(const sp_policy_t *policy, int id)
{
    return id < SP_FIELDS ? sp_field(id)->type
                          : (sp_type_t) sp_image_own(policy, id)->type;
}


sp_str_t
sp_policy_field_name(const sp_policy_t *policy, int id)
{
    return id < SP_FIELDS ? sp_cstr(sp_field(id)->name)
                          : sp_image_str(policy,
                                         sp_image_own(policy, id)->name);
}


void
sp_policy_field(const sp_policy_t *policy, int id, sp_policy_field_t *field)
{
    const sp_own_t    *own;
    const sp_field_t  *row;

    field->name = sp_policy_field_name(policy, id);
    field->type = sp_policy_field_type(policy, id);
    field->nvalues = 0;

    if (id < SP_FIELDS) {
        row = sp_field(id);

        field->source = row->source;
        field->optional = row->optional;
        field->min = row->min;
        field->max = row->max;
        field->help = sp_cstr(row->help);

        while (row->values != NULL && row->values[field->nvalues] != NULL) {
            field->nvalues++;
        }

        return;
    }

    own = sp_image_own(policy, id);

    field->source = SP_FROM_RECORD;
    field->optional = own->optional;
    field->min = own->min;
    field->max = own->max;
    field->nvalues = (int) own->nvalues;
    field->help = sp_image_str(policy, own->help);
}


int
sp_policy_field_find(const sp_policy_t *policy, sp_str_t name)
{
    int  id;

    for (id = SP_FIELDS; id < sp_policy_fields(policy); id++) {

        if (sp_str_eq(sp_policy_field_name(policy, id), name)) {
            return id;
        }
    }

    return sp_field_find(name);
}


sp_str_t
sp_policy_enum_name(const sp_policy_t *policy, int id, int64_t number)
{
    const char      *word;
    const sp_own_t  *own;

    if (id < SP_FIELDS) {
        word = sp_enum_name(sp_field(id)->values, number);
        return sp_cstr(word ? word : "");
    }

    own = sp_image_own(policy, id);

    if (number < 0 || number >= (int64_t) own->nvalues) {
        return SP_STR("");
    }

    return sp_image_str(policy, sp_image_at(policy, own->values, sp_ref_t)
                                [number]);
}


int
sp_policy_enum_find(const sp_policy_t *policy, int id, sp_str_t word)
{
    int              i;
    const sp_own_t  *own;

    if (id < SP_FIELDS) {
        return sp_enum_find(sp_field(id)->values, word);
    }

    own = sp_image_own(policy, id);

    for (i = 0; i < (int) own->nvalues; i++) {

        if (sp_str_eq(sp_policy_enum_name(policy, id, i), word)) {
            return i;
        }
    }

    return -1;
}

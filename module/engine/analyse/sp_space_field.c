
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the fields of a space. Built-in ones have one number
 * everywhere; those that policies declare have one in each policy and, by
 * their name, another one here.
 */


#include "sp_space.h"


static void sp_field_own(sp_space_t *space, unsigned policy, int id);
static int sp_field_same(const sp_field_t *a, const sp_field_t *b);
static const char *sp_field_text(sp_space_t *space, sp_str_t s);


void
sp_space_fields(sp_space_t *space)
{
    int                 id;
    unsigned            p;
    uint32_t            i;
    sp_node_t          *nodes;
    const sp_policy_t  *policy;

    for (p = 0; p < space->npolicies; p++) {
        policy = space->policies[p];

        for (id = SP_FIELDS; id < sp_policy_fields(policy); id++) {
            sp_field_own(space, p, id);
        }

        nodes = sp_arena_alloc(space->arena, (policy->nnodes + 1)
                                             * sizeof(sp_node_t));
        if (nodes == NULL) {
            space->failed = 1;
            return;
        }

        for (i = 0; i < policy->nnodes; i++) {
            nodes[i] = sp_image_at(policy, policy->nodes, sp_node_t)[i];
            nodes[i].field = (uint8_t) sp_space_here(space, p,
                                                     nodes[i].field);

            if (nodes[i].op == SP_OP_SAME || nodes[i].op == SP_OP_WITHIN) {
                nodes[i].other = (uint8_t) sp_space_here(space, p,
                                                         nodes[i].other);
            }
        }

        space->nodes[p] = nodes;
    }
}


static void
sp_field_own(sp_space_t *space, unsigned policy, int id)
{
    int                 i, k;
    sp_field_t          row;
    const char        **values;
    sp_space_own_t     *own;
    sp_policy_field_t   field;

    sp_policy_field(space->policies[policy], id, &field);

    memset(&row, 0, sizeof(row));
    row.name = sp_field_text(space, field.name);
    row.type = field.type;
    row.source = field.source;
    row.optional = field.optional;
    row.min = field.min;
    row.max = field.max;

    if (field.type == SP_T_ENUM) {
        values = sp_arena_alloc(space->arena, ((size_t) field.nvalues + 1)
                                              * sizeof(char *));

        for (i = 0; values != NULL && i < field.nvalues; i++) {
            values[i] = sp_field_text(space,
                            sp_policy_enum_name(space->policies[policy], id,
                                                i));
        }

        row.values = values;
        space->failed |= values == NULL;
    }

    if (space->failed) {
        return;
    }

    for (i = SP_FIELDS; i < space->nfields; i++) {
        own = &space->own[i - SP_FIELDS];

        if (sp_field_same(&own->row, &row)) {
            own->local[policy] = id;
            return;
        }
    }

    if (space->nfields == SP_SPACE_FIELDS) {
        space->failed = 1;
        return;
    }

    own = &space->own[space->nfields++ - SP_FIELDS];
    own->row = row;

    for (k = 0; k < SP_SPACE_POLICIES; k++) {
        own->local[k] = k == (int) policy ? id : -1;
    }
}


static int
sp_field_same(const sp_field_t *a, const sp_field_t *b)
{
    size_t  i;

    if (strcmp(a->name, b->name) != 0 || a->type != b->type
        || a->optional != b->optional || a->min != b->min
        || a->max != b->max || (a->values == NULL) != (b->values == NULL))
    {
        return 0;
    }

    if (a->values == NULL) {
        return 1;
    }

    for (i = 0; a->values[i] != NULL && b->values[i] != NULL; i++) {
        if (strcmp(a->values[i], b->values[i]) != 0) {
            return 0;
        }
    }

    return a->values[i] == b->values[i];
}


static const char *
sp_field_text(sp_space_t *space, sp_str_t s)
{
    char  *text;

    text = sp_arena_alloc(space->arena, s.len + 1);

    if (text == NULL) {
        space->failed = 1;
        return "";
    }

    if (s.len != 0) {
        memcpy(text, s.data, s.len);
    }

    return text;
}


const sp_field_t *
sp_space_row(const sp_space_t *space, int field)
{
    return field < SP_FIELDS ? sp_field(field)
                             : &space->own[field - SP_FIELDS].row;
}


int
sp_space_here(const sp_space_t *space, unsigned policy, int field)
{
    int  i;

    if (field < SP_FIELDS) {
        return field;
    }

    for (i = SP_FIELDS; i < space->nfields; i++) {
        if (space->own[i - SP_FIELDS].local[policy] == field) {
            return i;
        }
    }

    return SP_F_NOW;
}


int
sp_space_there(const sp_space_t *space, unsigned policy, int field)
{
    return field < SP_FIELDS ? field
                             : space->own[field - SP_FIELDS].local[policy];
}

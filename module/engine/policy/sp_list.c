
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the lists of a policy file: their items stand in it, or
 * in a file of their own, one a line.
 */


#include "sp_policy_load.h"


static void sp_load_list(sp_load_t *l, const sp_ynode_t *node);
static void sp_load_list_items(sp_load_t *l, sp_lset_t *set,
    const sp_ynode_t *seq);
static int sp_load_list_has(const sp_lset_t *set, sp_place_t place);
static void sp_load_list_file(sp_load_t *l, sp_lset_t *set,
    const sp_ynode_t *node);
static void sp_load_list_dates(sp_load_t *l, sp_lset_t *set);


const char *
sp_list_type_name(sp_list_type_t type)
{
    size_t  n;

    return sp_policy_words(SP_K_LIST, "type", &n)[type];
}


void
sp_load_lists(sp_load_t *l, const sp_ynode_t *map)
{
    const sp_ynode_t  *child;

    if (sp_value_kind(l, map, SP_Y_MAP, "lists") != SP_OK) {
        return;
    }

    for (child = map->first; child != NULL; child = child->next) {
        sp_load_list(l, child);
    }
}


static void
sp_load_list(sp_load_t *l, const sp_ynode_t *node)
{
    int                type;
    sp_str_t           name;
    sp_lset_t         *set, *twin;
    const sp_ynode_t  *items, *file;

    if (sp_value_name(l, node->key, &name) != SP_OK
        || sp_value_kind(l, node, SP_Y_MAP, "a list") != SP_OK)
    {
        return;
    }

    (void) sp_value_keys(l, node, SP_K_LIST);

    if (sp_ynode_get(node, "type") == NULL) {
        sp_load_error(l, node->key, 104,
                      sp_diag_text("country, region, place, asn, cidr, "
                                   "account, model or name"),
                      "list '%s' has no 'type'", name.data);
        return;
    }

    type = sp_value_of(l, sp_ynode_get(node, "type"), SP_K_LIST, "type");
    if (type < 0) {
        return;
    }

    twin = sp_lset_find(l, name);
    if (twin != NULL) {
        sp_load_error(l, node->key, 106,
                      sp_diag_text("%s:%u has it already",
                                   twin->node->source->name,
                                   twin->node->key->line),
                      "list '%s' is defined twice", name.data);
        return;
    }

    if (l->nlists++ == SP_LISTS_MAX) {
        sp_load_error(l, node->key, 104, NULL, "more than %d lists",
                      SP_LISTS_MAX);
        return;
    }

    set = sp_lset_create(l, (sp_list_type_t) type);
    if (set == NULL) {
        return;
    }

    set->name = name;
    set->node = node;

    *l->sets_tail = set;
    l->sets_tail = &set->next;

    sp_load_list_dates(l, set);

    items = sp_ynode_get(node, "items");
    file = sp_ynode_get(node, "file");

    if ((items == NULL) == (file == NULL)) {
        sp_load_error(l, node->key, 104, NULL,
                      "list '%s' needs one of 'items' and 'file'", name.data);
        return;
    }

    if (items != NULL) {
        sp_load_list_items(l, set, items);

    } else {
        sp_load_list_file(l, set, file);
    }

    sp_lset_finish(l, set);
}


/* Where it comes from, how long it holds, and when to look at it again. */

static void
sp_load_list_dates(sp_load_t *l, sp_lset_t *set)
{
    const sp_ynode_t  *child;

    child = sp_ynode_get(set->node, "source");

    if (child != NULL) {
        (void) sp_value_text(l, child, &set->source);
    }

    child = sp_ynode_get(set->node, "valid");

    if (child != NULL
        && sp_load_dates(l, child, &set->from, &set->until) == SP_OK
        && l->opts->now >= set->until)
    {
        sp_load_warn(l, child->key, 310, NULL,
                     "list '%s' is past its last day: nothing is in it",
                     set->name.data);
    }

    child = sp_ynode_get(set->node, "review_by");

    if (child != NULL
        && sp_value_time(l, child, 1, &set->review) == SP_OK
        && l->opts->now >= set->review)
    {
        sp_load_warn(l, child, 310, NULL,
                     "list '%s' is past its review date", set->name.data);
    }
}


static void
sp_load_list_items(sp_load_t *l, sp_lset_t *set, const sp_ynode_t *seq)
{
    char              *help;
    sp_rc_t            rc;
    sp_str_t           s;
    const char        *why;
    const sp_ynode_t  *child;

    if (sp_value_kind(l, seq, SP_Y_SEQ, "items") != SP_OK) {
        return;
    }

    for (child = seq->first; child != NULL; child = child->next) {

        if (sp_value_text(l, child, &s) != SP_OK) {
            continue;
        }

        why = NULL;
        help = NULL;
        rc = sp_lset_add(l, set, s, &why, &help);

        if (rc == SP_DECLINED) {
            sp_load_warn(l, child, 310, NULL, "'%.64s' stands in list '%s' "
                         "twice", s.data, set->name.data);

        } else if (rc == SP_AGAIN) {
            sp_load_warn(l, child, 203, help, "'%.64s' %s", s.data, why);

        } else if (rc != SP_OK) {
            sp_load_error(l, child, 203, help, "'%.64s' %s", s.data,
                          why ? why : "cannot be kept");
        }
    }
}


/*
 * Places that ISO has in two parts, of which one alone is a list with a hole:
 * Sevastopol is no part of the Autonomous Republic of Crimea.
 */

void
sp_load_lists_check(sp_load_t *l)
{
    size_t             i;
    sp_lset_t         *set;
    sp_place_t         one, two;
    const sp_lset_t   *other;

    static const char *const  pairs[][2] = {
        { "UA-43", "UA-40" }, { "UA-40", "UA-43" }
    };

    for (i = 0; i < sp_nelts(pairs); i++) {
        (void) sp_place_parse(sp_cstr(pairs[i][0]), &one);
        (void) sp_place_parse(sp_cstr(pairs[i][1]), &two);

        for (other = l->sets; other != NULL; other = other->next) {

            if (sp_load_list_has(other, two)) {
                break;
            }
        }

        for (set = l->sets; set != NULL && other == NULL; set = set->next) {

            if (sp_load_list_has(set, one)) {
                sp_load_warn(l, set->node->key, 317,
                             sp_diag_text("add %s", pairs[i][1]),
                             "list '%s' has %s, and no list has %s: ISO "
                             "3166-2 keeps Crimea and Sevastopol apart",
                             set->name.data, pairs[i][0], pairs[i][1]);
            }
        }
    }
}


static int
sp_load_list_has(const sp_lset_t *set, sp_place_t place)
{
    size_t  i;

    if (set->type > SP_LIST_PLACE || set->name.len == 0) {
        return 0;
    }

    for (i = 0; i < set->n; i++) {

        if (set->places[i] == place) {
            return 1;
        }
    }

    return sp_countries_has(&set->countries, place);
}


/* One item a line; text after '#' is a comment. */

static void
sp_load_list_file(sp_load_t *l, sp_lset_t *set, const sp_ynode_t *node)
{
    char           *help;
    size_t          i;
    sp_rc_t         rc;
    unsigned        line;
    sp_str_t        s, all, item;
    sp_mark_t       mark;
    const char     *why, *name;
    sp_ysource_t    source;

    if (sp_value_text(l, node, &s) != SP_OK
        || sp_load_read(l, node, (const char *) node->text.data, &name, &all)
           != SP_OK
        || sp_ysource_init(&source, name, all, l->arena, l->diags) != SP_OK)
    {
        return;
    }

    for (line = 1; line <= source.nlines; line++) {
        item = s = sp_ysource_line(&source, line);

        for (i = 0; i < item.len && item.data[i] != '#'; i++) { /* void */ }

        item.len = i;

        while (item.len != 0 && (item.data[0] == ' ' || item.data[0] == '\t'))
        {
            item.data++;
            item.len--;
        }

        while (item.len != 0 && (item.data[item.len - 1] == ' '
                                 || item.data[item.len - 1] == '\t'))
        {
            item.len--;
        }

        if (item.len == 0) {
            continue;
        }

        why = NULL;
        help = NULL;
        rc = sp_lset_add(l, set, item, &why, &help);

        if (rc == SP_OK) {
            continue;
        }

        mark.file = name;
        mark.line = line;
        mark.col = (unsigned) (item.data - s.data) + 1;
        mark.len = (unsigned) item.len;

        sp_diag_add(l->diags, rc == SP_ERROR ? SP_DIAG_ERROR
                                             : SP_DIAG_WARNING,
                    rc == SP_DECLINED ? 310 : 203, mark, s, help,
                    "'%.*s' %s", (int) (item.len < 64 ? item.len : 64),
                    item.data, rc == SP_DECLINED ? "stands here twice"
                    : why ? why : "cannot be kept");
    }
}


sp_lset_t *
sp_lset_find(sp_load_t *l, sp_str_t name)
{
    sp_lset_t  *set;

    for (set = l->sets; set != NULL; set = set->next) {

        if (set->name.len != 0 && sp_str_eq(set->name, name)) {
            return set;
        }
    }

    return NULL;
}


sp_lset_t *
sp_lset_create(sp_load_t *l, sp_list_type_t type)
{
    sp_lset_t  *set;

    set = sp_load_alloc(l, sizeof(sp_lset_t));
    if (set != NULL) {
        set->type = type;
        set->from = SP_TIME_MIN;
        set->until = SP_TIME_MAX;
        set->review = SP_TIME_MAX;
    }

    return set;
}

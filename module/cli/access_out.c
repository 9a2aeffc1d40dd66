
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the answer of `sallyport access` as text and as JSON.
 */


#include "access.h"


#define SP_ACCESS_WIDTH  76    /* columns of a list of places */


static void sp_access_kind(const sp_access_t *access, unsigned kind);
static json_t *sp_access_cells(const sp_access_t *access,
    const sp_access_place_t *row);


void
sp_access_text(const sp_access_t *access)
{
    unsigned   i, kinds;
    sp_str_t   name, revision;

    kinds = 0;

    for (i = 0; i < access->n; i++) {
        kinds += access->places[i].kind == i;
    }

    name = sp_policy_name(access->policy);
    revision = sp_policy_revision(access->policy);
    printf("policy %.*s revision %.*s: %u places, %u kinds\n", (int) name.len,
           (const char *) name.data, (int) revision.len,
           (const char *) revision.data, access->n, kinds);

    for (i = 0; i < access->n; i++) {
        if (access->places[i].kind == i) {
            sp_access_kind(access, i);
        }
    }
}


static void
sp_access_kind(const sp_access_t *access, unsigned kind)
{
    int                       level, tier, width;
    char                      text[SP_PLACE_TEXT_LEN];
    size_t                    len;
    unsigned                  i;
    sp_str_t                  word;
    const sp_access_place_t  *row;

    row = &access->places[kind];
    width = printf("\n%u place%s:", row->n, row->n == 1 ? "" : "s");

    for (i = kind; i < access->n; i++) {
        if (access->places[i].kind != kind) {
            continue;
        }

        len = sp_place_format(access->places[i].place, text);

        if (width + (int) len + 1 > SP_ACCESS_WIDTH) {
            width = printf("\n   ") - 1;
        }

        width += printf(" %.*s", (int) len, text);
    }

    printf("\n  level   ");

    for (tier = 1; tier <= SP_TIERS; tier++) {
        printf("%-27s", tier == 1 ? "tier 1" : tier == 2 ? "tier 2"
                                                         : "tier 3");
    }

    putchar('\n');

    for (level = 0; level < SP_ACCESS_LEVELS; level++) {
        printf("  %-8d", level);

        for (tier = 1; tier <= SP_TIERS; tier++) {
            word = sp_access_word(access, sp_access_cell(row, level, tier));
            printf("%-26.*s ", (int) word.len, (const char *) word.data);
        }

        putchar('\n');
    }
}


json_t *
sp_access_json(const sp_access_t *access)
{
    char      text[SP_PLACE_TEXT_LEN], now[SP_CLI_TIME_LEN];
    json_t   *kinds, *places, *list;
    unsigned  i, k;

    kinds = json_array();

    for (i = 0; i < access->n; i++) {
        if (access->places[i].kind != i) {
            continue;
        }

        list = json_array();

        for (k = i; k < access->n; k++) {
            if (access->places[k].kind == i) {
                json_array_append_new(list, json_stringn(text,
                    sp_place_format(access->places[k].place, text)));
            }
        }

        places = json_pack("{s:o, s:o}", "places", list, "tiers",
                           sp_access_cells(access, &access->places[i]));
        json_array_append_new(kinds, places);
    }

    return json_pack("{s:o, s:o, s:s, s:i, s:o}",
        "policy", sp_cli_json_str(sp_policy_name(access->policy)),
        "revision", sp_cli_json_str(sp_policy_revision(access->policy)),
        "now", sp_cli_time_text(access->now, now),
        "places", (int) access->n, "kinds", kinds);
}


/* {"1": [what level 0 gets, 1, 2, 3], ...} */

static json_t *
sp_access_cells(const sp_access_t *access, const sp_access_place_t *row)
{
    int                      level, tier;
    char                     name[4];
    json_t                  *tiers, *list, *cell;
    sp_match_t               match;
    const sp_access_cell_t  *c;

    tiers = json_object();

    for (tier = 1; tier <= SP_TIERS; tier++) {
        if (access->models[tier][0] == '\0') {
            continue;
        }

        list = json_array();

        for (level = 0; level < SP_ACCESS_LEVELS; level++) {
            c = sp_access_cell(row, level, tier);
            match.rule = c->rule;
            cell = json_pack("{s:s, s:o}", "decision",
                             c->decision == SP_VERDICT_ALLOW ? "allow"
                                                             : "deny",
                             "rule", sp_cli_json_str(sp_match_name(
                                                     access->policy, &match)));

            if (c->decision == SP_VERDICT_DENY) {
                json_object_set_new(cell, "reason", sp_cli_json_str(
                                    sp_access_word(access, c)));
                json_object_set_new(cell, "unknown",
                                    json_boolean(c->unsure));
            }

            json_array_append_new(list, cell);
        }

        (void) snprintf(name, sizeof(name), "%d", tier);
        json_object_set_new(tiers, name, list);
    }

    return tiers;
}

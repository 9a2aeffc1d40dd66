
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the answer of `sallyport access` as a page: the one of
 * page/access.html with the parts that differ.
 */


#include "access.h"
#include "page.h"


static void sp_access_part(FILE *out, sp_str_t name, void *ctx);
static void sp_access_about(const sp_access_t *access, FILE *out);
static void sp_access_radios(const sp_access_t *access, FILE *out,
    int levels);
static const char *sp_access_how(sp_str_t code, void *ctx);
static void sp_access_tables(const sp_access_t *access, FILE *out);
static void sp_access_table(const sp_access_t *access, FILE *out,
    unsigned kind);
static void sp_access_data(const sp_access_t *access, FILE *out);
static int sp_access_tier(const sp_access_t *access);
static const sp_access_place_t *sp_access_find(const sp_access_t *access,
    sp_str_t code);


sp_rc_t
sp_access_html(const sp_access_t *access, const char *file)
{
    if (sp_access_tier(access) == 0) {
        sp_cli_error("the policy has no models: nobody may reach anything");
        return SP_ERROR;
    }

    return sp_page_write(file, sp_page_access(), sp_access_part,
                         (void *) access);
}


static void
sp_access_part(FILE *out, sp_str_t name, void *ctx)
{
    const sp_access_t  *access = ctx;

    if (sp_str_eq(name, SP_STR("ABOUT"))) {
        sp_access_about(access, out);

    } else if (sp_str_eq(name, SP_STR("TIERS"))) {
        sp_access_radios(access, out, 0);

    } else if (sp_str_eq(name, SP_STR("LEVELS"))) {
        sp_access_radios(access, out, 1);

    } else if (sp_str_eq(name, SP_STR("SHOWN"))) {
        fprintf(out, "Tier %d, level %d", sp_access_tier(access),
                SP_ACCESS_LEVELS - 1);

    } else if (sp_str_eq(name, SP_STR("MAP"))) {
        sp_page_map(out, sp_access_how, ctx);

    } else if (sp_str_eq(name, SP_STR("TABLES"))) {
        sp_access_tables(access, out);

    } else if (sp_str_eq(name, SP_STR("DATA"))) {
        sp_access_data(access, out);
    }
}


static void
sp_access_about(const sp_access_t *access, FILE *out)
{
    char  hash[2 * SP_POLICY_HASH_LEN], now[SP_CLI_TIME_LEN];
    char  home[SP_PLACE_TEXT_LEN + 1];

    static const char *const  varies[] = {
        "It is established there and calls from there.",
        "It calls from there, and is established in ",
        "It is established there, and calls from "
    };

    sp_hex(sp_policy_hash(access->policy), SP_POLICY_HASH_LEN,
           (unsigned char *) hash);

    fputs("<p>Policy <b>", out);
    sp_page_escape(out, sp_policy_name(access->policy));
    fputs("</b>, revision ", out);
    sp_page_escape(out, sp_policy_revision(access->policy));
    fprintf(out, ", sha256:%.12s, as of %s.</p>\n<p class=\"soft\">For each "
            "place: an account that is verified, screened and wholly owned "
            "at home%s. %s", hash, sp_cli_time_text(access->now, now),
            access->profile != NULL ? ", with a profile of its own" : "",
            varies[access->vary]);

    if (access->vary != SP_ACCESS_BOTH) {
        home[sp_place_format(access->home, home)] = '\0';
        fprintf(out, "%s.", home);
    }

    fputs(" What no record has, such as VPN and Tor networks, is not "
          "known.</p>\n", out);
}


/* The highest tier that has a model; 0: none has. */

static int
sp_access_tier(const sp_access_t *access)
{
    int  tier;

    for (tier = SP_TIERS; tier > 0; tier--) {
        if (access->models[tier][0] != '\0') {
            break;
        }
    }

    return tier;
}


static void
sp_access_radios(const sp_access_t *access, FILE *out, int levels)
{
    int  i, last;

    last = levels ? SP_ACCESS_LEVELS - 1 : sp_access_tier(access);

    for (i = levels ? 0 : 1; i <= last; i++) {
        if (levels || access->models[i][0] != '\0') {
            fprintf(out, "<label><input type=\"radio\" name=\"%s\" "
                    "value=\"%d\"%s> %d</label>\n", levels ? "level" : "tier",
                    i, i == last ? " checked" : "", i);
        }
    }
}


static const sp_access_place_t *
sp_access_find(const sp_access_t *access, sp_str_t code)
{
    unsigned    i;
    sp_place_t  place;

    if (sp_place_parse(code, &place) == SP_PLACE_OK) {
        for (i = 0; i < access->n; i++) {
            if (access->places[i].place == place) {
                return &access->places[i];
            }
        }
    }

    return NULL;
}


/* As it is without a script: the highest tier and level. */

static const char *
sp_access_how(sp_str_t code, void *ctx)
{
    const sp_access_t        *access = ctx;
    const sp_access_place_t  *row;

    row = sp_access_find(access, code);

    return row == NULL ? ""
           : sp_access_cell(row, SP_ACCESS_LEVELS - 1,
                            sp_access_tier(access))->decision
             == SP_VERDICT_ALLOW ? "allow" : "deny";
}


static void
sp_access_tables(const sp_access_t *access, FILE *out)
{
    unsigned  i;

    for (i = 0; i < access->n; i++) {
        if (access->places[i].kind == i) {
            sp_access_table(access, out, i);
        }
    }
}


static void
sp_access_table(const sp_access_t *access, FILE *out, unsigned kind)
{
    int                       level, tier;
    char                      text[SP_PLACE_TEXT_LEN];
    unsigned                  i;
    sp_match_t                match;
    const sp_access_cell_t   *cell;
    const sp_access_place_t  *row;

    row = &access->places[kind];
    fprintf(out, "<table><caption><details%s><summary>%u place%s</summary>",
            row->n <= 60 ? " open" : "", row->n, row->n == 1 ? "" : "s");

    for (i = kind; i < access->n; i++) {
        if (access->places[i].kind == kind) {
            fprintf(out, " %.*s", (int) sp_place_format(
                    access->places[i].place, text), text);
        }
    }

    fputs("</details></caption>\n<thead><tr><th scope=\"col\">Level</th>",
          out);

    for (tier = 1; tier <= SP_TIERS; tier++) {
        if (access->models[tier][0] != '\0') {
            fprintf(out, "<th scope=\"col\">Tier %d</th>", tier);
        }
    }

    fputs("</tr></thead>\n<tbody>\n", out);

    for (level = 0; level < SP_ACCESS_LEVELS; level++) {
        fprintf(out, "<tr><th scope=\"row\">%d</th>", level);

        for (tier = 1; tier <= SP_TIERS; tier++) {
            if (access->models[tier][0] == '\0') {
                continue;
            }

            cell = sp_access_cell(row, level, tier);
            match.rule = cell->rule;

            if (cell->decision == SP_VERDICT_ALLOW) {
                fputs("<td class=\"allow\">&#10003; allowed</td>", out);
                continue;
            }

            fputs("<td class=\"deny\">&#10007; ", out);
            sp_page_escape(out, sp_access_word(access, cell));
            fputs(" <span class=\"soft\">by ", out);
            sp_page_escape(out, sp_match_name(access->policy, &match));
            fputs("</span></td>", out);
        }

        fputs("</tr>\n", out);
    }

    fputs("</tbody></table>\n", out);
}


static void
sp_access_data(const sp_access_t *access, FILE *out)
{
    json_t  *data;

    data = sp_access_json(access);
    json_object_set_new(data, "names", sp_page_names());
    sp_page_json(out, data);
    json_decref(data);
}

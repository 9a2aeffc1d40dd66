
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport access`: who may reach what. An account with
 * everything in order is asked about from every place, at every level, for
 * every model tier.
 */


#include <stdlib.h>
#include <time.h>

#include "policy/sp_policy_image.h"

#include "access.h"
#include "policy_open.h"
#include "request.h"


#define SP_ACCESS_HOME  "US"


static int sp_cli_access_run(const sp_cli_args_t *args);
static sp_rc_t sp_access_options(sp_access_t *access,
    const sp_cli_args_t *args, json_t **profile);
static void sp_access_places(sp_access_t *access);
static void sp_access_add(sp_access_t *access, sp_place_t place);
static sp_rc_t sp_access_ask(sp_access_t *access);
static sp_rc_t sp_access_record(sp_access_t *access, sp_place_t place);
static void sp_access_place_fields(json_t *account, sp_place_t place);
static void sp_access_decide(sp_access_t *access, sp_access_cell_t *cell,
    int tier, sp_place_t from);
static void sp_access_kinds(sp_access_t *access);


static const sp_cli_opt_t  sp_cli_access_opts[] = {
    { "html", "FILE", "write a page with a map; it needs nothing else" },
    { "vary", "both|address|account", "what is at the place (both)" },
    { "home", "COUNTRY", "where the other is (" SP_ACCESS_HOME ")" },
    { "profile", "FILE", "fields of the account's record, as JSON" },
    { "now", "TIME", "as of this time" },
    { "format", "text|json", "how to print it (text)" },
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_access = {
    "access",
    "POLICY [--html FILE] [--vary both|address|account] [OPTIONS]",
    "Says who may reach what: by place, account level and model tier",
    "An organization with everything in order, verified, screened, wholly owned\n"
    "at home, is asked about for each country and for each subdivision that a list\n"
    "names: as if it were established and called from there (--vary both), only\n"
    "called from there and at home elsewhere (address), or the reverse (account).\n"
    "--profile replaces fields of its record: {\"type\": \"individual\"}. What no\n"
    "record has (VPN and Tor networks, say) is not known. Places with the same\n"
    "answers are shown together.\n\n"
    "--html writes one file with a world map and the same table. It works from\n"
    "the disk, without a network, on paper, and without a mouse.\n\n"
    "  sallyport access policy/\n"
    "  sallyport access policy/ --vary address --home SG --html access.html\n",
    sp_cli_access_opts,
    1,
    1,
    sp_cli_access_run
};


static int
sp_cli_access_run(const sp_cli_args_t *args)
{
    int                rc, tier;
    json_t            *profile;
    const char        *html;
    sp_access_t       *access;
    sp_policy_t       *policy;
    sp_policy_opts_t   opts;

    profile = NULL;
    policy = NULL;
    access = sp_cli_alloc(sizeof(*access));
    rc = SP_CLI_USAGE;

    if (sp_access_options(access, args, &profile) != SP_OK) {
        goto done;
    }

    rc = SP_CLI_REFUSED;
    memset(&opts, 0, sizeof(opts));
    opts.now = access->now;
    opts.has_regions = 1;
    policy = sp_cli_policy(args->args[0], &opts);

    if (policy == NULL) {
        goto done;
    }

    access->policy = policy;

    for (tier = 1; tier <= SP_TIERS; tier++) {
        if (sp_cli_tier_model(policy, tier, access->models[tier],
                              sizeof(access->models[tier]))
            != SP_OK)
        {
            access->models[tier][0] = '\0';
        }
    }

    sp_access_places(access);

    if (sp_access_ask(access) != SP_OK) {
        goto done;
    }

    sp_access_kinds(access);
    rc = SP_CLI_FINE;
    html = sp_cli_opt(args, "html");

    if (html != NULL && sp_access_html(access, html) != SP_OK) {
        rc = SP_CLI_REFUSED;

    } else if (sp_cli_format(args) == 1) {
        if (sp_cli_json_print(sp_access_json(access)) != SP_OK) {
            rc = SP_CLI_REFUSED;
        }

    } else if (html != NULL) {
        printf("%s: written\n", html);

    } else {
        sp_access_text(access);
    }

done:

    json_decref(profile);
    free(policy);
    free(access);

    return rc;
}


static sp_rc_t
sp_access_options(sp_access_t *access, const sp_cli_args_t *args,
    json_t **profile)
{
    int                        i;
    char                      *file;
    size_t                     len;
    const char                *text;
    json_error_t               error;
    static const char *const   words[] = { "both", "address", "account" };

    access->now = (int64_t) time(NULL);
    text = sp_cli_opt(args, "vary");

    if (text != NULL) {
        for (i = 0; i < (int) sp_nelts(words); i++) {
            if (strcmp(text, words[i]) == 0) {
                break;
            }
        }

        if (i == (int) sp_nelts(words)) {
            sp_cli_error_near(text, words, sp_nelts(words), "--vary is both, "
                              "address or account, not '%s'", text);
            return SP_ERROR;
        }

        access->vary = (sp_access_vary_t) i;
    }

    text = sp_cli_opt(args, "home");
    text = text != NULL ? text : SP_ACCESS_HOME;

    if (sp_place_parse(sp_cstr(text), &access->home) != SP_PLACE_OK) {
        sp_cli_error("--home: '%s' is no ISO 3166 code", text);
        return SP_ERROR;
    }

    text = sp_cli_opt(args, "profile");

    if (text != NULL) {
        file = sp_cli_read_file(text, SP_CLI_FILE_MAX, &len);

        if (file == NULL) {
            return SP_ERROR;
        }

        *profile = json_loadb(file, len, JSON_REJECT_DUPLICATES, &error);
        free(file);

        if (!json_is_object(*profile)) {
            sp_cli_error("--profile '%s': %s", text, *profile == NULL
                         ? error.text : "it is no JSON object");
            return SP_ERROR;
        }

        access->profile = *profile;
    }

    if (sp_cli_now(args, &access->now) != SP_OK || sp_cli_format(args) == -1) {
        return SP_ERROR;
    }

    return SP_OK;
}


/* Every country, and the subdivisions that lists of the policy name. */

static void
sp_access_places(sp_access_t *access)
{
    char             code[2], text[SP_PLACE_TEXT_LEN];
    unsigned         i, k;
    sp_place_t       place;
    const sp_set_t  *set;

    for (i = 0; i < 26 * 26; i++) {
        code[0] = (char) ('A' + i / 26);
        code[1] = (char) ('A' + i % 26);

        /* an alias is another way to write a country, not one more */

        if (sp_place_parse((sp_str_t) { 2, (unsigned char *) code }, &place)
            == SP_PLACE_OK
            && sp_place_format(place, text) == 2
            && memcmp(text, code, 2) == 0)
        {
            sp_access_add(access, place);
        }
    }

    for (i = 0; i < access->policy->nsets; i++) {
        set = sp_image_set(access->policy, i);

        if (set->type != SP_LIST_REGION && set->type != SP_LIST_PLACE) {
            continue;
        }

        for (k = 0; k < set->n; k++) {
            sp_access_add(access, sp_image_at(access->policy, set->items,
                                              sp_place_t)[k]);
        }
    }
}


static void
sp_access_add(sp_access_t *access, sp_place_t place)
{
    unsigned  i;

    for (i = 0; i < access->n; i++) {
        if (access->places[i].place == place) {
            return;
        }
    }

    if (access->n < SP_ACCESS_PLACES) {
        access->places[access->n++].place = place;
    }
}


static sp_rc_t
sp_access_ask(sp_access_t *access)
{
    int                 level, tier;
    unsigned            i;
    sp_place_t          there, from;
    sp_access_place_t  *row;

    for (i = 0; i < access->n; i++) {
        row = &access->places[i];
        there = access->vary == SP_ACCESS_ADDRESS ? access->home : row->place;
        from = access->vary == SP_ACCESS_ACCOUNT ? access->home : row->place;

        if (sp_access_record(access, there) != SP_OK) {
            return SP_ERROR;
        }

        for (level = 0; level < SP_ACCESS_LEVELS; level++) {
            access->probe.account.level = (uint8_t) level;

            for (tier = 1; tier <= SP_TIERS; tier++) {
                sp_access_decide(access, sp_access_cell(row, level, tier),
                                 tier, from);
            }
        }
    }

    return SP_OK;
}


/* Its record, read by the engine: what is left out of it is left out. */

static sp_rc_t
sp_access_record(sp_access_t *access, sp_place_t place)
{
    json_t        *account;
    sp_rc_t        rc;
    unsigned       i;
    sp_request_t  *request;

    account = json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:i, "
        "s:s, s:s, s:s, s:s}", "id", "access", "type", "organization",
        "status", "verified", "level", 3, "verified_at", "-1d", "expires_at",
        "+365d", "screening", "clear", "screened_at", "-1h", "owners_method",
        "cascade", "owners_floor", 0, "owners_as_of", "-1d", "end_use",
        "commercial", "end_use_expires", "+365d", "resale", "none");

    sp_access_place_fields(account, place);

    if (access->profile != NULL) {
        json_object_update(account, (json_t *) access->profile);
    }

    request = sp_cli_alloc(sizeof(*request));
    request->now = access->now;
    request->json = json_pack("{s:I, s:o}", "now", (json_int_t) access->now,
                              "account", account);
    rc = sp_request_facts(request);

    if (rc == SP_OK && request->facts.account_state != SP_ACCTFACT_FOUND) {

        for (i = 0; i < request->nnotes; i++) {
            if (strncmp(request->notes[i], "no ", 3) != 0) {
                sp_cli_error("--profile: %s", request->notes[i]);
            }
        }

        rc = SP_ERROR;
    }

    access->probe.account = request->account;
    sp_request_free(request);
    free(request);

    return rc;
}


static void
sp_access_place_fields(json_t *account, sp_place_t place)
{
    char                       text[SP_PLACE_TEXT_LEN + 1];
    char                       owners[SP_PLACE_TEXT_LEN + 8];
    size_t                     i;
    static const char *const   fields[] = {
        "incorporated", "headquarters", "parent", "residence", "billing",
        "use_locations"
    };

    text[sp_place_format(place, text)] = '\0';
    (void) snprintf(owners, sizeof(owners), "%s:%d", text, SP_SHARE_ALL);

    for (i = 0; i < sp_nelts(fields); i++) {
        json_object_set_new(account, fields[i], json_string(text));
    }

    json_object_set_new(account, "owners", json_string(owners));
}


static void
sp_access_decide(sp_access_t *access, sp_access_cell_t *cell, int tier,
    sp_place_t from)
{
    const sp_match_t    *match;
    const sp_verdict_t  *v;

    memset(cell, 0, sizeof(*cell));

    if (access->models[tier][0] == '\0') {
        return;
    }

    sp_probe(&access->probe, access->policy, access->now, from,
             access->models[tier]);

    v = &access->probe.verdict;
    cell->decision = v->decision;
    cell->rule = v->allow_rule;

    if (v->decision == SP_VERDICT_DENY) {
        match = v->primary < 0 ? NULL : &v->matches[v->primary];
        cell->reason = v->reason;
        cell->rule = match != NULL ? match->rule : -1 - (int) SP_B_DEFAULT;
        cell->unsure = match != NULL && match->truth != SP_TRUE;
    }
}


/* Places with the same answers are of one kind. */

static void
sp_access_kinds(sp_access_t *access)
{
    unsigned  i, k;

    for (i = 0; i < access->n; i++) {

        for (k = 0; k < i; k++) {
            if (access->places[k].kind == k
                && memcmp(access->places[k].cells, access->places[i].cells,
                          sizeof(access->places[i].cells))
                   == 0)
            {
                break;
            }
        }

        access->places[i].kind = k;
        access->places[k].n++;
    }
}


sp_str_t
sp_access_word(const sp_access_t *access, const sp_access_cell_t *cell)
{
    switch (cell->decision) {

    case SP_VERDICT_ALLOW:
        return SP_STR("allow");

    case SP_VERDICT_DENY:
        return sp_policy_reason_code(access->policy, cell->reason);

    default:
        return SP_STR("-");
    }
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport diff`: what a changed policy allows, refuses
 * and throttles otherwise, over all requests.
 */


#include <stdlib.h>
#include <time.h>

#include "sp_analyse.h"

#include "cli.h"
#include "policy_open.h"


static int sp_cli_diff_run(const sp_cli_args_t *args);
static sp_rc_t sp_cli_diff_gate(const sp_cli_args_t *args);
static int sp_cli_diff_show(const sp_cli_args_t *args,
    const sp_diff_t *diff);
static void sp_cli_diff_text(const sp_diff_t *diff);
static void sp_cli_diff_region(const sp_diff_region_t *region);
static json_t *sp_cli_diff_json(const sp_diff_t *diff);
static json_t *sp_cli_diff_region_json(const sp_diff_region_t *region);


static const sp_cli_opt_t  sp_cli_diff_opts[] = {
    { "format", "text|json", "how to print it (text)" },
    { "max-newly-allowed", "0", "exit with 3 only if something is newly "
      "allowed" },
    { "now", "TIME", "compare from this time on" },
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_diff = {
    "diff",
    "OLD NEW [--format text|json] [--max-newly-allowed 0] [--now TIME]",
    "Says what a changed policy decides otherwise, with examples",
    "OLD and NEW are policies, FILE or DIR. All requests are compared at\n"
    "once, not a sample of them: those that are newly denied, newly allowed,\n"
    "and those that both allow but throttle otherwise. They are grouped by\n"
    "the rule that makes the difference; of each group it is said what sets\n"
    "its requests apart from others that are allowed, and one of them is\n"
    "shown, which `sallyport explain` reads. A rule that only changed its\n"
    "name is no difference. Requests that name several models are not looked\n"
    "at: each of their models is judged alone.\n"
    "Reasons, messages and flags are not compared.\n\n"
    "Exit code 0: the same; 3: it differs (with --max-newly-allowed 0:\n"
    "something is newly allowed); 1: a policy does not load, or they are too\n"
    "large to compare.\n\n"
    "  sallyport diff /etc/sallyport/policy/current policy/\n"
    "  sallyport diff --max-newly-allowed 0 old/ new/\n",
    sp_cli_diff_opts,
    2,
    2,
    sp_cli_diff_run
};


static const char *const  sp_diff_kinds[SP_DIFF_KINDS] = {
    [SP_DIFF_DENIED] = "newly denied",
    [SP_DIFF_ALLOWED] = "newly allowed",
    [SP_DIFF_THROTTLED] = "throttled otherwise"
};

static const char *const  sp_diff_keys[SP_DIFF_KINDS] = {
    [SP_DIFF_DENIED] = "newly_denied",
    [SP_DIFF_ALLOWED] = "newly_allowed",
    [SP_DIFF_THROTTLED] = "throttled_otherwise"
};


static int
sp_cli_diff_run(const sp_cli_args_t *args)
{
    int                i, rc;
    int64_t            now;
    sp_diff_t         *diff;
    sp_policy_t       *policies[2];
    sp_policy_opts_t   opts;

    now = (int64_t) time(NULL);
    if (sp_cli_now(args, &now) != SP_OK || sp_cli_format(args) == -1
        || sp_cli_diff_gate(args) != SP_OK)
    {
        return SP_CLI_USAGE;
    }

    memset(&opts, 0, sizeof(opts));
    opts.now = now;
    opts.has_regions = 1;

    for (i = 0; i < 2; i++) {
        policies[i] = sp_cli_policy(args->args[i], &opts);
    }

    rc = SP_CLI_REFUSED;

    if (policies[0] != NULL && policies[1] != NULL) {
        diff = sp_diff_create(policies[0], policies[1], now);

        if (diff == NULL) {
            sp_cli_error("no memory to compare them");

        } else if (!sp_diff_done(diff)) {
            sp_cli_error("these policies are too large to be compared over "
                         "all requests; `sallyport replay` compares them over "
                         "recorded ones");

        } else {
            rc = sp_cli_diff_show(args, diff);
        }

        sp_diff_destroy(diff);
    }

    free(policies[0]);
    free(policies[1]);

    return rc;
}


/* Regions are not counted in requests: the one gate there is, is none. */

static sp_rc_t
sp_cli_diff_gate(const sp_cli_args_t *args)
{
    const char  *text;

    text = sp_cli_opt(args, "max-newly-allowed");

    if (text == NULL || strcmp(text, "0") == 0) {
        return SP_OK;
    }

    sp_cli_error("--max-newly-allowed is 0 here: requests are not counted; "
                 "`sallyport replay` counts recorded ones");

    return SP_ERROR;
}


static int
sp_cli_diff_show(const sp_cli_args_t *args, const sp_diff_t *diff)
{
    int  kind, differs;

    if (sp_cli_format(args) == 1) {

        if (sp_cli_json_print(sp_cli_diff_json(diff)) != SP_OK) {
            return SP_CLI_REFUSED;
        }

    } else {
        sp_cli_diff_text(diff);
    }

    if (sp_cli_opt(args, "max-newly-allowed") != NULL) {
        return sp_diff_any(diff, SP_DIFF_ALLOWED) ? SP_CLI_DIFFERS
                                                  : SP_CLI_FINE;
    }

    for (kind = 0, differs = 0; kind < SP_DIFF_KINDS; kind++) {
        differs |= sp_diff_any(diff, (sp_diff_kind_t) kind);
    }

    return differs ? SP_CLI_DIFFERS : SP_CLI_FINE;
}


static void
sp_cli_diff_text(const sp_diff_t *diff)
{
    int                      kind, some;
    unsigned                 i;
    const sp_diff_region_t  *region;

    some = 0;

    for (kind = 0; kind < SP_DIFF_KINDS; kind++) {

        if (!sp_diff_any(diff, (sp_diff_kind_t) kind)) {
            continue;
        }

        printf("%s%s\n", some++ ? "\n" : "", sp_diff_kinds[kind]);

        for (i = 0; i < sp_diff_regions(diff); i++) {
            region = sp_diff_region(diff, i);

            if (region->kind == (sp_diff_kind_t) kind) {
                sp_cli_diff_region(region);
            }
        }
    }

    if (!some) {
        printf("no request is decided or throttled otherwise\n");
    }
}


static void
sp_cli_diff_region(const sp_diff_region_t *region)
{
    unsigned  i;

    printf("  %.*s: %.*s -> %.*s\n", (int) region->rule.len,
           (const char *) region->rule.data,
           region->before.len ? (int) region->before.len : 7,
           region->before.len ? (const char *) region->before.data
                              : "nothing",
           region->after.len ? (int) region->after.len : 7,
           region->after.len ? (const char *) region->after.data : "nothing");

    for (i = 0; i < region->nfacts; i++) {
        printf("      %s\n", region->facts[i]);
    }

    if (region->example != NULL) {
        printf("    example: %s\n", region->example);

    } else {
        printf("    no example could be made: there may be none\n");
    }
}


static json_t *
sp_cli_diff_json(const sp_diff_t *diff)
{
    int        kind, differs;
    json_t    *root, *regions;
    unsigned   i;

    root = json_object();
    regions = json_array();
    differs = 0;

    for (i = 0; i < sp_diff_regions(diff); i++) {
        json_array_append_new(regions,
                              sp_cli_diff_region_json(sp_diff_region(diff,
                                                                     i)));
    }

    for (kind = 0; kind < SP_DIFF_KINDS; kind++) {
        json_object_set_new(root, sp_diff_keys[kind],
                            json_boolean(sp_diff_any(diff,
                                                     (sp_diff_kind_t) kind)));
        differs |= sp_diff_any(diff, (sp_diff_kind_t) kind);
    }

    json_object_set_new(root, "differs", json_boolean(differs));
    json_object_set_new(root, "regions", regions);

    return root;
}


static json_t *
sp_cli_diff_region_json(const sp_diff_region_t *region)
{
    json_t    *row, *facts;
    unsigned   i;

    facts = json_array();

    for (i = 0; i < region->nfacts; i++) {
        json_array_append_new(facts,
                              sp_cli_json_str(sp_cstr(region->facts[i])));
    }

    row = json_pack("{s:s, s:o, s:o, s:o, s:o}", "kind",
                    sp_diff_keys[region->kind],
                    "rule", sp_cli_json_str(region->rule),
                    "before", sp_cli_json_str(region->before),
                    "after", sp_cli_json_str(region->after),
                    "facts", facts);

    json_object_set_new(row, "example", region->example != NULL
                        ? json_loads(region->example, 0, NULL) : json_null());

    return row;
}

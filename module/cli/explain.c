
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport explain`: one request, decided by the engine,
 * with the value of every rule.
 */


#include <stdlib.h>
#include <time.h>

#include "sp_diag.h"

#include "explain.h"
#include "geo.h"


static int sp_cli_explain_run(const sp_cli_args_t *args);
static sp_rc_t sp_explain_options(const sp_cli_args_t *args,
    sp_request_t *request, int *expected);
static sp_rc_t sp_explain_again(const sp_policy_t *policy,
    sp_request_t *request);
static sp_policy_t *sp_explain_policy(const char *path,
    const sp_request_t *request);
static sp_rc_t sp_explain_request(const sp_cli_args_t *args,
    sp_request_t *request);
static sp_rc_t sp_explain_account(const sp_cli_args_t *args,
    sp_stored_t *record);
static int sp_explain_decide(const sp_cli_args_t *args,
    const sp_policy_t *policy, sp_request_t *request, int expected);
static void sp_explain_model(sp_explain_t *explain);


static const sp_cli_opt_t  sp_cli_explain_opts[] = {
    { "request", "FILE|-", "the request as JSON; - is standard input" },
    { "batch", "FILE|-", "many requests, one a line; one short line for each" },
    SP_CLI_GEO_OPT,
    { "account", "ID", "take this account's record from the store" },
    { "now", "TIME", "decide as of this time" },
    { "expect", "allow|deny", "exit with 3 if the answer is another" },
    { "all", NULL, "show the rules that do not match too" },
    { "format", "text|json", "how to print it (text)" },
    SP_STORE_OPTS,
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_explain = {
    "explain",
    "POLICY --request FILE|- | --batch FILE|- [--geo DATABASES] [OPTIONS]",
    "Decides one request and shows why",
    "The request is a JSON object; every member may be left out:\n\n"
    "  now      \"2026-11-23T12:00:00Z\"\n"
    "  ip       \"203.0.113.9\" (with --geo), or {\"country\": \"IR\"}\n"
    "  route    \"chat.completions\", or {\"method\": \"POST\", \"path\": "
    "\"/v1/...\"}\n"
    "  model    \"gpt-4o\"; models: [...]; or body: {...}, as it is sent\n"
    "  key      {fields as in the store}, or \"missing\", \"unknown\", "
    "\"failed\"\n"
    "  account  {\"id\": \"acme\", fields as in the store}, or \"missing\", "
    "\"failed\"\n"
    "  facts    {\"account.level\": 2, \"ip.country\": \"absent\"}: any fact\n"
    "           of `sallyport fields`, with its value or \"absent\",\n"
    "           \"unknown\", \"failed\"\n\n"
    "What is left out is unknown, and unknown refuses; only the key is taken\n"
    "to be a good one. Limits are listed, not counted.\n\n"
    "With --batch each line of the file is one request, and each line of the\n"
    "answer one decision as JSON: verdict, reason, matching rules, limits.\n\n"
    SP_CLI_GEO_HELP "\n"
    "  echo '{\"ip\": {\"country\": \"SE\"}, \"model\": \"small\",\n"
    "    \"facts\": {\"account.status\": \"verified\"}}' |\n"
    "  sallyport explain policy/ --request -\n",
    sp_cli_explain_opts,
    1,
    1,
    sp_cli_explain_run
};


const char *
sp_explain_kind(int kind)
{
    static const char *const  names[SP_EXPLAIN_KINDS] = {
        "deny", "allow", "throttle", "flag", "exception"
    };

    return names[kind];
}


const char *
sp_explain_decision(int decision)
{
    static const char *const  names[] = {
        "pending", "allow", "throttle", "deny"
    };

    return names[decision];
}


const char *
sp_explain_truth(int truth)
{
    static const char *const  names[] = { "false", "unknown", "true" };

    return names[truth];
}


const sp_match_t *
sp_explain_match(const sp_explain_t *explain, int rule)
{
    unsigned  i;

    for (i = 0; i < explain->verdict.nmatches; i++) {
        if (explain->verdict.matches[i].rule == rule) {
            return &explain->verdict.matches[i];
        }
    }

    return NULL;
}


static int
sp_cli_explain_run(const sp_cli_args_t *args)
{
    int            rc, expected;
    sp_stored_t    stored;
    sp_policy_t   *policy;
    sp_cli_geo_t   geo;
    sp_request_t  *request;

    policy = NULL;
    rc = SP_CLI_REFUSED;
    memset(&stored, 0, sizeof(stored));
    request = sp_cli_alloc(sizeof(*request));
    request->now = (int64_t) time(NULL);

    memset(&geo, 0, sizeof(geo));

    if (sp_explain_options(args, request, &expected) != SP_OK) {
        free(request);
        return SP_CLI_USAGE;
    }

    if (sp_cli_geo_open(&geo, sp_cli_opt(args, "geo")) != SP_OK) {
        goto done;
    }

    if (sp_cli_opt(args, "geo") != NULL) {
        request->geo = &geo.set;
    }

    if (sp_cli_opt(args, "account") != NULL) {
        if (sp_explain_account(args, &stored) != SP_OK) {
            goto done;
        }

        request->stored = &stored;
        request->stored_id = sp_cli_opt(args, "account");
    }

    if (sp_cli_opt(args, "batch") != NULL) {
        policy = sp_explain_policy(args->args[0], request);

        if (policy != NULL) {
            rc = sp_explain_batch(sp_cli_opt(args, "batch"), policy, request);
        }

        goto done;
    }

    if (sp_explain_request(args, request) != SP_OK) {
        goto done;
    }

    policy = sp_explain_policy(args->args[0], request);

    if (policy != NULL && sp_explain_again(policy, request) == SP_OK) {
        rc = sp_explain_decide(args, policy, request, expected);
    }

done:

    sp_cli_geo_close(&geo);
    sp_request_free(request);
    sp_stored_free(&stored);
    free(request);
    free(policy);

    return rc;
}


static sp_rc_t
sp_explain_options(const sp_cli_args_t *args, sp_request_t *request,
    int *expected)
{
    const char               *text;
    static const char *const  words[] = { "allow", "deny" };

    *expected = SP_VERDICT_PENDING;
    text = sp_cli_opt(args, "expect");

    if (text != NULL) {
        if (strcmp(text, "allow") == 0) {
            *expected = SP_VERDICT_ALLOW;

        } else if (strcmp(text, "deny") == 0) {
            *expected = SP_VERDICT_DENY;

        } else {
            sp_cli_error_near(text, words, sp_nelts(words),
                              "--expect is allow or deny, not '%s'", text);
            return SP_ERROR;
        }
    }

    text = sp_cli_opt(args, "now");

    if (text != NULL
        && sp_cli_time(sp_cstr(text), request->now, &request->now) != SP_OK)
    {
        sp_cli_error("--now: '%s' is no time; 2026-12-01, "
                     "2026-12-01T08:00:00Z and +30d are", text);
        return SP_ERROR;
    }

    if (sp_cli_opt(args, "request") == NULL
        && sp_cli_opt(args, "batch") == NULL)
    {
        sp_cli_error("which request? --request FILE, or --request - for "
                     "standard input");
        return SP_ERROR;
    }

    if (sp_cli_opt(args, "batch") != NULL
        && (sp_cli_opt(args, "request") != NULL || text != NULL
            || *expected != SP_VERDICT_PENDING))
    {
        sp_cli_error("--batch stands without --request, --now and --expect: "
                     "each line has its own \"now\"");
        return SP_ERROR;
    }

    return sp_cli_format(args) == -1 ? SP_ERROR : SP_OK;
}


/*
 * The policy is read as of the request's time, and the request as the policy
 * wants it where that looks into the body for more.
 */

static sp_rc_t
sp_explain_again(const sp_policy_t *policy, sp_request_t *request)
{
    if (sp_policy_customers(policy, NULL) != SP_CUSTOMERS_BODY) {
        return SP_OK;
    }

    json_incref(request->json);
    sp_request_free(request);

    request->nnotes = 0;
    request->scratch = NULL;
    request->memory = NULL;
    request->policy = policy;

    return sp_request_facts(request);
}


/* Facts that are given outright may be of any database. */

static sp_policy_t *
sp_explain_policy(const char *path, const sp_request_t *request)
{
    char              *file;
    sp_diags_t         diags;
    sp_policy_t       *policy;
    sp_policy_opts_t   opts;

    file = sp_cli_policy_file(path);

    if (file == NULL) {
        return NULL;
    }

    memset(&opts, 0, sizeof(opts));
    opts.now = request->now;
    opts.has_regions = request->geo == NULL
                       || request->geo->db[SP_GEO_CITY] != NULL;

    sp_diags_init(&diags);
    policy = sp_policy_load(file, &opts, &diags);

    if (policy == NULL) {
        sp_diags_print(&diags, stderr);
        sp_cli_error("'%s' has %u error%s; `sallyport check` shows the same",
                     file, diags.errors, diags.errors == 1 ? "" : "s");
    }

    sp_diags_free(&diags);
    free(file);

    return policy;
}


static sp_rc_t
sp_explain_request(const sp_cli_args_t *args, sp_request_t *request)
{
    char          *text;
    size_t         len;
    const char    *file;
    json_error_t   error;

    file = sp_cli_opt(args, "request");
    text = sp_cli_read_file(file, SP_CLI_FILE_MAX, &len);

    if (text == NULL) {
        return SP_ERROR;
    }

    request->json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    free(text);

    if (request->json == NULL) {
        sp_cli_error("%s:%d:%d: %s", strcmp(file, "-") == 0 ? "standard input"
                     : file, error.line, error.column, error.text);
        return SP_ERROR;
    }

    return sp_request_facts(request);
}


static sp_rc_t
sp_explain_account(const sp_cli_args_t *args, sp_stored_t *record)
{
    char         key[SP_STORE_KEY_MAX];
    sp_rc_t      rc;
    sp_store_t  *store;
    const char  *id;

    id = sp_cli_opt(args, "account");

    if (sp_cli_id("--account", id) != SP_OK) {
        return SP_ERROR;
    }

    store = sp_store_open(args);

    if (store == NULL) {
        return SP_ERROR;
    }

    (void) snprintf(key, sizeof(key), "%s%s", SP_STORE_ACCOUNT_PREFIX, id);
    rc = sp_store_read(store, key, record);
    sp_store_close(store);

    return rc;
}


static int
sp_explain_decide(const sp_cli_args_t *args, const sp_policy_t *policy,
    sp_request_t *request, int expected)
{
    int            rc;
    sp_explain_t  *explain;

    explain = sp_cli_alloc(sizeof(*explain));
    explain->policy = policy;
    explain->request = request;
    explain->all = sp_cli_opt(args, "all") != NULL;

    sp_decide(policy, &request->facts, SP_STAGE_WHOLE, &explain->verdict);

    if (explain->verdict.decision != SP_VERDICT_ALLOW) {
        explain->nearest = sp_explain_nearest(explain);
    }

    sp_explain_model(explain);
    rc = SP_CLI_FINE;

    if (sp_cli_format(args) == 1) {
        if (sp_cli_json_print(sp_explain_json(explain)) != SP_OK) {
            rc = SP_CLI_REFUSED;
        }

    } else {
        sp_explain_text(explain);
    }

    if (rc == SP_CLI_FINE && expected != SP_VERDICT_PENDING
        && expected != explain->verdict.decision)
    {
        sp_cli_error("expected %s, decided %s", sp_explain_decision(expected),
                     sp_explain_decision(explain->verdict.decision));
        rc = SP_CLI_DIFFERS;
    }

    json_decref(explain->nearest);
    free(explain);

    return rc;
}


/* Rules are shown for the model that was refused, or for the first. */

static void
sp_explain_model(sp_explain_t *explain)
{
    int          tier;
    sp_value_t  *v;
    sp_facts_t  *facts;

    facts = &explain->request->facts;

    if (explain->verdict.model >= facts->nmodels) {
        return;
    }

    tier = sp_policy_model_tier(explain->policy,
                                facts->models[explain->verdict.model]);

    v = &facts->v[SP_F_MODEL_ID];
    v->state = SP_FACT_KNOWN;
    v->u.s = facts->models[explain->verdict.model];

    v = &facts->v[SP_F_MODEL_TIER];
    v->state = tier != 0 ? SP_FACT_KNOWN : SP_FACT_ABSENT;
    v->u.i = tier;
}

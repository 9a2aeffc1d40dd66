
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport test`: the cases of test files, decided by
 * the engine, and compared with what they expect.
 */


#include <regex.h>
#include <stdlib.h>

#include "geo.h"
#include "policy_open.h"
#include "test.h"


/* A policy that is tested, by one file or several. */
typedef struct sp_tested_s  sp_tested_t;

struct sp_tested_s {
    char         *path;
    sp_policy_t  *policy;
    sp_cover_t   *cover;
    sp_tested_t  *next;
};


typedef struct {
    const sp_cli_args_t  *args;
    int                   json;
    regex_t               run;         /* valid if has_run */
    int                   has_run;
    sp_test_files_t       files;
    size_t                checks;
    size_t                failed;
    size_t                wrong;       /* files that cannot be read */
    sp_cli_geo_t          databases;   /* of --geo */
    const sp_geo_set_t   *geo;         /* the same; NULL: no --geo */
    json_t               *results;
    sp_tested_t          *tested;

    sp_test_file_t        file;        /* the one that is read */
    sp_tested_t          *now;         /* its policy */
    sp_request_t          request;
} sp_tests_t;


static int sp_cli_test_run(const sp_cli_args_t *args);
static sp_rc_t sp_tests_options(sp_tests_t *tests, double *least);
static void sp_tests_file(sp_tests_t *tests, const char *name);
static sp_tested_t *sp_tests_policy(sp_tests_t *tests, const char *path);
static sp_rc_t sp_tests_case(void *ctx, const sp_test_case_t *one);
static sp_rc_t sp_tests_decide(sp_tests_t *tests, const sp_test_case_t *one,
    sp_test_result_t *result);
static void sp_tests_show(sp_tests_t *tests, const sp_test_result_t *result);
static int sp_tests_end(sp_tests_t *tests, double least);
static void sp_tests_free(sp_tests_t *tests);


static const sp_cli_opt_t  sp_cli_test_opts[] = {
    { "policy", "FILE|DIR", "test this policy, not the one that files name" },
    { "run", "REGEX", "only the cases whose name fits" },
    { "coverage", NULL, "say which rules and tests no case exercises" },
    { "suggest", NULL, "print a case for each of those" },
    { "min-coverage", "PERCENT", "fail below that" },
    SP_CLI_GEO_OPT,
    { "format", "text|json", "how to print it (text)" },
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_test = {
    "test",
    "FILE|DIR... [--run REGEX] [--coverage] [--suggest] [OPTIONS]",
    "Runs the tests of policies",
    "A test file is named *_test.yaml; of a DIR all below it are run. It names\n"
    "its policy, its clock, and cases with facts and what must come out:\n\n"
    "  sallyport_test: 1\n"
    "  policy: ../policy.yaml         # relative to this file\n"
    "  now: 2026-11-23T12:00:00Z\n"
    "  base:                          # facts of every case\n"
    "    ip: {country: SG}\n"
    "    account: {type: individual, status: pending, level: 1,\n"
    "              pending_since: 2026-11-20}\n"
    "    model.tier: 1\n"
    "  cases:\n"
    "    - name: pending may use tier 1, but not tier 2\n"
    "      each:\n"
    "        - expect: {decision: allow, by: pending}\n"
    "        - {set: {model.tier: 2}, expect: {decision: deny}}\n"
    "    - name: by place\n"
    "      table:\n"
    "        columns: [ip.country, decision, reason]\n"
    "        rows:\n"
    "          - [IR, deny, JUR_IP_EMBARGO]\n"
    "          - [SG, allow, none]\n\n"
    "Facts are the fields of the account's and the key's record (account.level,\n"
    "key.tiers), and those of `sallyport fields`, with a value or 'absent',\n"
    "'unknown', 'failed'. A group may be one word: 'account: missing | invalid |\n"
    "failed', 'key: missing | unknown | revoked | expired | failed', 'ip: unknown',\n"
    "'body: ambiguous | type | large', 'route: unknown'. model.tier picks a model\n"
    "of that tier; owner_share: {LIST: 30%..55%} makes owners of which 30% are\n"
    "known to be of that list and 55% may be. What is not named is absent from\n"
    "a record, and unknown of an address.\n\n"
    "expect:\n"
    "  decision    allow | deny | throttle\n"
    "  by          these rules decided (deny: among others; see only)\n"
    "  only: yes   no other refusal matched      not   these did not match\n"
    "  reason, status      what the refusal says\n"
    "  match       unknown: nothing that is known refuses; true: something does\n"
    "  flags, shadow       these matched; [] for none\n"
    "  throttles   exactly these apply           lifted  {RULE: EXCEPTION}\n"
    "  excepted    yes if an exception opened it\n"
    "  after       of a 'burst: {count: 700, over: 10s}': how many pass\n\n"
    "--coverage counts a rule as covered if it matched in one case and did not\n"
    "in another, and each test in a condition if it alone made the difference,\n"
    "both ways. With --geo an ip.addr is looked up, and what it says of the\n"
    "address need not be given.\n\n"
    SP_CLI_GEO_HELP "\n"
    "Exit code 0: all as expected; 1: not, or a file is wrong.\n\n"
    "  sallyport test policy/\n"
    "  sallyport test --coverage --suggest policy/tests/default_test.yaml\n",
    sp_cli_test_opts,
    1,
    SP_CLI_ARGS_MAX,
    sp_cli_test_run
};


static int
sp_cli_test_run(const sp_cli_args_t *args)
{
    int          i, rc;
    size_t       k;
    double       least;
    sp_tests_t  *tests;

    rc = SP_CLI_USAGE;
    tests = sp_cli_alloc(sizeof(*tests));
    tests->args = args;
    tests->results = json_array();

    if (sp_tests_options(tests, &least) != SP_OK) {
        goto done;
    }

    rc = SP_CLI_REFUSED;

    if (sp_cli_geo_open(&tests->databases, sp_cli_opt(args, "geo")) != SP_OK) {
        goto done;
    }

    if (sp_cli_opt(args, "geo") != NULL) {
        tests->geo = &tests->databases.set;
    }

    for (i = 0; i < args->nargs; i++) {
        if (sp_test_find(&tests->files, args->args[i]) != SP_OK) {
            goto done;
        }
    }

    for (k = 0; k < tests->files.n; k++) {
        sp_tests_file(tests, tests->files.names[k]);
    }

    rc = sp_tests_end(tests, least);

done:

    sp_tests_free(tests);

    return rc;
}


static sp_rc_t
sp_tests_options(sp_tests_t *tests, double *least)
{
    int          rc;
    char         why[128];
    uint64_t     n;
    const char  *text;

    tests->json = sp_cli_format(tests->args);

    if (tests->json == -1) {
        return SP_ERROR;
    }

    text = sp_cli_opt(tests->args, "run");

    if (text != NULL) {
        rc = regcomp(&tests->run, text, REG_EXTENDED | REG_NOSUB);

        if (rc != 0) {
            (void) regerror(rc, &tests->run, why, sizeof(why));
            sp_cli_error("--run '%s': %s", text, why);
            return SP_ERROR;
        }

        tests->has_run = 1;
    }

    n = 0;
    text = sp_cli_opt(tests->args, "min-coverage");

    if (text != NULL
        && sp_cli_number("--min-coverage", text, 100, &n) != SP_OK)
    {
        return SP_ERROR;
    }

    *least = text != NULL ? (double) n : -1;

    return SP_OK;
}


static void
sp_tests_file(sp_tests_t *tests, const char *name)
{
    size_t           checks, failed;
    sp_rc_t          rc;
    const char      *policy;
    sp_test_file_t  *file;

    file = &tests->file;
    checks = tests->checks;
    failed = tests->failed;
    tests->now = NULL;
    rc = sp_test_open(file, name);

    if (rc == SP_OK) {
        policy = sp_cli_opt(tests->args, "policy");
        tests->now = sp_tests_policy(tests, policy != NULL ? policy
                                                           : file->policy);
        rc = tests->now != NULL ? sp_test_cases(file, sp_tests_case, tests)
                                : SP_ERROR;
    }

    sp_diags_print(&file->diags, stderr);

    if (rc != SP_OK) {
        tests->wrong++;
        sp_cli_error("'%s' cannot be run to its end", name);
    }

    sp_test_close(file);

    if (!tests->json) {
        printf("%s: %zu checks, %zu failed%s\n", name,
               tests->checks - checks, tests->failed - failed,
               rc != SP_OK ? ", the rest not run" : "");
    }
}


static sp_tested_t *
sp_tests_policy(sp_tests_t *tests, const char *path)
{
    sp_tested_t       *tested;
    sp_policy_opts_t   opts;

    for (tested = tests->tested; tested != NULL; tested = tested->next) {
        if (strcmp(tested->path, path) == 0) {
            return tested;
        }
    }

    /* A test gives subdivisions as facts: no database has to have them. */

    memset(&opts, 0, sizeof(opts));
    opts.now = tests->file.now;
    opts.has_regions = 1;

    tested = sp_cli_alloc(sizeof(*tested));
    tested->policy = sp_cli_policy(path, &opts);

    if (tested->policy == NULL) {
        free(tested);
        return NULL;
    }

    tested->path = sp_cli_copy(sp_cstr(path));
    tested->cover = sp_cover_create(tested->policy);
    tested->next = tests->tested;
    tests->tested = tested;

    return tested;
}


static sp_rc_t
sp_tests_case(void *ctx, const sp_test_case_t *one)
{
    char              place[SP_TEST_TEXT];
    unsigned          i;
    sp_rc_t           rc;
    sp_tests_t       *tests = ctx;
    sp_test_result_t  result;

    if (tests->has_run
        && regexec(&tests->run, one->name, 0, NULL, 0) != 0)
    {
        return SP_OK;
    }

    memset(&result, 0, sizeof(result));
    memcpy(result.name, one->name, sizeof(result.name));
    result.file = tests->file.name;
    result.line = one->node->line;
    result.col = one->node->col;
    result.policy = tests->now->policy;
    result.facts = &tests->request;

    (void) snprintf(place, sizeof(place), "%s:%u:%u", result.file,
                    result.line, result.col);

    /* What the reading of a request has to say is about this place. */

    sp_cli_at(place);
    rc = sp_tests_decide(tests, one, &result);
    sp_cli_at(NULL);

    if (rc == SP_OK) {
        tests->checks++;
        tests->failed += result.nproblems != 0;
        sp_tests_show(tests, &result);
    }

    for (i = 0; i < result.nproblems; i++) {
        free(result.problems[i]);
    }

    sp_request_free(&tests->request);

    return rc;
}


static sp_rc_t
sp_tests_decide(sp_tests_t *tests, const sp_test_case_t *one,
    sp_test_result_t *result)
{
    json_t        *json;
    sp_verdict_t   head;
    sp_request_t  *request;

    request = &tests->request;
    memset(request, 0, sizeof(*request));
    request->geo = tests->geo;

    json = sp_test_request(&tests->file, result->policy, one);

    if (json == NULL) {
        return SP_ERROR;
    }

    /* As the gate does: first without the body. */

    request->now = one->now;
    request->policy = result->policy;
    request->json = json_incref(json);

    if (sp_request_facts(request) != SP_OK) {
        json_decref(json);
        return SP_ERROR;
    }

    sp_facts_body(&request->facts, SP_BODYFACT_PENDING, NULL);

    if (sp_policy_customers(result->policy, NULL) == SP_CUSTOMERS_BODY
        && request->facts.account != NULL
        && sp_account_resells(request->facts.account))
    {
        sp_facts_customer(&request->facts, SP_CUSTFACT_PENDING, NULL);
    }

    sp_decide(result->policy, &request->facts, SP_STAGE_HEAD, &head);
    sp_request_free(request);

    memset(request, 0, sizeof(*request));
    request->geo = tests->geo;
    request->now = one->now;
    request->policy = result->policy;
    request->json = json;
    result->request = json;

    if (sp_request_facts(request) != SP_OK) {
        return SP_ERROR;
    }

    if (request->account.ignored != 0
        && request->facts.account_state == SP_ACCTFACT_FOUND)
    {
        sp_cli_error("a field of the account is not known");
        return SP_ERROR;
    }

    sp_test_body(one, request);

    sp_decide(result->policy, &request->facts, SP_STAGE_WHOLE,
              &result->verdict);
    sp_cover_add(tests->now->cover, one, request, &result->verdict);

    if (head.decision == SP_VERDICT_DENY
        && result->verdict.decision != SP_VERDICT_DENY)
    {
        sp_test_problem(result, "refused before its body was read, though "
                        "the body allows it: a fault of the gate");
    }

    return sp_test_expect(&tests->file, one, result);
}


static void
sp_tests_show(sp_tests_t *tests, const sp_test_result_t *result)
{
    json_t    *row, *list;
    unsigned   i;

    if (tests->json) {
        list = json_array();

        for (i = 0; i < result->nproblems; i++) {
            json_array_append_new(list, sp_cli_json_str(
                                  sp_cstr(result->problems[i])));
        }

        row = json_pack("{s:b, s:o, s:s, s:i, s:i, s:s, s:o}", "ok",
                        result->nproblems == 0, "name",
                        sp_cli_json_str(sp_cstr(result->name)), "file",
                        result->file, "line", (int) result->line, "col",
                        (int) result->col, "decision",
                        sp_explain_decision(result->verdict.decision),
                        "problems", list);

        if (result->nproblems != 0) {
            json_object_set(row, "request", result->request);
        }

        json_array_append_new(tests->results, row);
        return;
    }

    if (result->nproblems == 0) {
        return;
    }

    printf("%s:%u:%u: FAILED %s\n", result->file, result->line, result->col,
           result->name);

    for (i = 0; i < result->nproblems; i++) {
        printf("    ");
        sp_cli_print_safe(stdout, sp_cstr(result->problems[i]));
        putchar('\n');
    }

    for (i = 0; i < result->facts->nnotes; i++) {
        if (strncmp(result->facts->notes[i], "no ", 3) != 0) {
            printf("    note: ");
            sp_cli_print_safe(stdout, sp_cstr(result->facts->notes[i]));
            putchar('\n');
        }
    }

    printf("    for `sallyport explain --request -`: ");
    (void) json_dumpf(result->request, stdout, JSON_COMPACT);
    putchar('\n');
}


static int
sp_tests_end(sp_tests_t *tests, double least)
{
    int           ok, suggest;
    double        percent;
    json_t       *covers, *cover;
    sp_tested_t  *tested;

    ok = tests->failed == 0 && tests->wrong == 0;
    covers = json_array();
    suggest = sp_cli_opt(tests->args, "suggest") != NULL;

    if (tests->checks == 0 && tests->wrong == 0) {
        sp_cli_error("no case fits --run: nothing was tested");
        ok = 0;
    }

    for (tested = tests->tested; tested != NULL; tested = tested->next) {
        percent = sp_cover_percent(tested->cover);

        if (least >= 0 && percent < least) {
            sp_cli_error("the coverage of '%s' is %.1f%%, %.0f%% are asked "
                         "for", tested->path, percent, least);
            ok = 0;
        }

        if (tests->json) {
            cover = sp_cover_json(tested->cover, suggest);
            json_object_set_new(cover, "policy",
                                sp_cli_json_str(sp_cstr(tested->path)));
            json_array_append_new(covers, cover);

        } else if (sp_cli_opt(tests->args, "coverage") != NULL || suggest) {
            printf("\n%s: %.1f%% covered\n", tested->path, percent);
            sp_cover_text(tested->cover, suggest);
        }
    }

    if (tests->json) {
        if (sp_cli_json_print(json_pack("{s:b, s:i, s:i, s:i, s:O, s:o}",
                "ok", ok, "checks", (int) tests->checks, "failed",
                (int) tests->failed, "wrong_files", (int) tests->wrong,
                "results", tests->results, "coverage", covers))
            != SP_OK)
        {
            ok = 0;
        }

    } else {
        json_decref(covers);
        printf("%zu checks in %zu file%s, %zu failed%s\n", tests->checks,
               tests->files.n, tests->files.n == 1 ? "" : "s", tests->failed,
               tests->wrong != 0 ? "; some files are wrong" : "");
    }

    return ok ? SP_CLI_FINE : SP_CLI_REFUSED;
}


static void
sp_tests_free(sp_tests_t *tests)
{
    size_t        i;
    sp_tested_t  *tested;

    while (tests->tested != NULL) {
        tested = tests->tested;
        tests->tested = tested->next;
        sp_cover_free(tested->cover);
        free(tested->policy);
        free(tested->path);
        free(tested);
    }

    for (i = 0; i < tests->files.n; i++) {
        free(tests->files.names[i]);
    }

    if (tests->has_run) {
        regfree(&tests->run);
    }

    sp_cli_geo_close(&tests->databases);
    json_decref(tests->results);
    free(tests->files.names);
    free(tests);
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport check`: loads a policy exactly as the gate
 * does and says what is wrong with it, and where.
 */


#include <stdlib.h>
#include <time.h>

#include "sp_diag.h"

#include "check.h"
#include "check_nginx.h"
#include "geo.h"
#include "policy_open.h"


typedef enum {
    SP_CHECK_TEXT = 0,
    SP_CHECK_JSON,
    SP_CHECK_SARIF
} sp_check_format_t;


static int sp_cli_check_run(const sp_cli_args_t *args);
static int sp_cli_check_format(const sp_cli_args_t *args);
static int sp_cli_check_print(const sp_check_t *check, int format);
static sp_rc_t sp_cli_check_geo(const sp_cli_geo_t *geo,
    const sp_policy_t *policy, int64_t now);
static void sp_cli_check_text(const sp_check_t *check);
static void sp_cli_check_analysis(const sp_analysis_t *analysis);


static const sp_cli_opt_t  sp_cli_check_opts[] = {
    { "strict", NULL, "warnings are errors" },
    { "nginx", "FILE|-", "check what `nginx -T` prints, not a policy" },
    { "format", "text|json|sarif", "how to print what was found (text)" },
    { "regions", NULL, "the gate's GeoIP database has subdivisions" },
    SP_CLI_GEO_OPT,
    { "now", "TIME", "check as of this time: dated rules, review dates" },
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_check = {
    "check",
    "FILE|DIR [--strict] [--format text|json|sarif] [--regions] [--now TIME]",
    "Checks a policy and says what is wrong, where, and what would fit",
    "DIR means DIR/policy.yaml. The policy is read by the same loader as in\n"
    "the gate: what passes here loads there, with the databases of --geo (or\n"
    "--regions: with one of cities). Then it is analysed as a whole,\n"
    "over all requests at once: rules that can never match, that others make\n"
    "useless, exceptions that open nothing; and each of its invariants is\n"
    "proved, or refuted with a request for `sallyport explain`. `sallyport\n"
    "help SP301` explains the code of a message.\n\n"
    "Exit code 0: no errors; 1: it has errors (with --strict: or warnings) or\n"
    "cannot be read. sarif is SARIF 2.1.0, which code hosts show in line.\n\n"
    "  sallyport check policy/\n"
    "  sallyport check --strict --now 2027-01-01 policy/policy.yaml\n\n"
    "--nginx reads a whole nginx configuration and says what leads around the\n"
    "gate or changes what it judged: a proxy_pass without it to where a gated\n"
    "location leads, proxy_set_body, proxy_cache, Upgrade, keys in a log_format,\n"
    "set_real_ip_from that trusts everybody.\n\n"
    "  nginx -T 2> /dev/null | sallyport check --nginx -\n",
    sp_cli_check_opts,
    0,
    1,
    sp_cli_check_run
};


static int
sp_cli_check_run(const sp_cli_args_t *args)
{
    int                rc, format;
    char              *file;
    sp_check_t         check;
    sp_diags_t         diags;
    sp_policy_t       *policy;
    sp_cli_geo_t       geo;
    sp_analysis_t      analysis;
    sp_policy_opts_t   opts;

    format = sp_cli_check_format(args);

    if (format == -1) {
        return SP_CLI_USAGE;
    }

    memset(&opts, 0, sizeof(opts));
    memset(&analysis, 0, sizeof(analysis));
    opts.now = (int64_t) time(NULL);

    if (sp_cli_now(args, &opts.now) != SP_OK) {
        return SP_CLI_USAGE;
    }

    if (sp_cli_opt(args, "nginx") != NULL && args->nargs == 0) {
        return sp_cli_check_nginx(sp_cli_opt(args, "nginx"), format != 0,
                                  sp_cli_opt(args, "strict") != NULL);
    }

    if (args->nargs == 0 || sp_cli_opt(args, "nginx") != NULL) {
        sp_cli_error("a policy, or --nginx FILE: one of them");
        return SP_CLI_USAGE;
    }

    file = sp_cli_policy_file(args->args[0]);

    if (file == NULL) {
        return SP_CLI_REFUSED;
    }

    if (sp_cli_geo_open(&geo, sp_cli_opt(args, "geo")) != SP_OK) {
        sp_cli_geo_close(&geo);
        free(file);
        return SP_CLI_REFUSED;
    }

    opts.has_regions = sp_cli_opt(args, "regions") != NULL
                       || sp_cli_geo_regions(&geo);

    sp_diags_init(&diags);
    policy = sp_policy_load_analysed(file, &opts, &diags, &analysis);

    check.policy = policy;
    check.diags = &diags;
    check.analysis = &analysis;
    check.file = file;
    check.ok = policy != NULL
               && !(sp_cli_opt(args, "strict") != NULL
                    && diags.warnings != 0);

    rc = sp_cli_check_print(&check, format);

    if (policy != NULL && sp_cli_check_geo(&geo, policy, opts.now) != SP_OK) {
        rc = SP_CLI_REFUSED;
    }

    sp_cli_geo_close(&geo);
    sp_diags_free(&diags);
    free(policy);
    free(file);

    return rc;
}


/* A database that the policy lets no gate use, because it is too old. */

static sp_rc_t
sp_cli_check_geo(const sp_cli_geo_t *geo, const sp_policy_t *policy,
    int64_t now)
{
    int64_t   age, old;
    sp_rc_t   rc;
    unsigned  i;

    rc = SP_OK;
    age = sp_policy_max_age(policy, SP_AGED_GEOIP);

    for (i = 0; age >= 0 && i < SP_GEO_KINDS; i++) {

        if (geo->open[i] == NULL) {
            continue;
        }

        old = now - (int64_t) sp_geo_info(geo->open[i])->build_epoch;

        if (old > age) {
            sp_cli_error("--geo '%s': built %lld days ago, sources: geoip: "
                         "max_age lets it be %lld: its facts are unknown",
                         geo->files[i], (long long) old / 86400,
                         (long long) age / 86400);
            rc = SP_ERROR;
        }
    }

    return rc;
}


static int
sp_cli_check_format(const sp_cli_args_t *args)
{
    size_t                    i;
    const char               *format;
    static const char *const  formats[] = { "text", "json", "sarif" };

    format = sp_cli_opt(args, "format");

    for (i = 0; i < sp_nelts(formats); i++) {
        if (format == NULL || strcmp(format, formats[i]) == 0) {
            return (int) i;
        }
    }

    sp_cli_error_near(format, formats, sp_nelts(formats),
                      "--format is text, json or sarif, not '%s'", format);

    return -1;
}


static int
sp_cli_check_print(const sp_check_t *check, int format)
{
    sp_rc_t  rc;

    rc = SP_OK;

    switch (format) {

    case SP_CHECK_JSON:
        rc = sp_cli_json_print(sp_check_json(check));
        break;

    case SP_CHECK_SARIF:
        rc = sp_cli_json_print(sp_check_sarif(check));
        break;

    default:
        sp_cli_check_text(check);
    }

    return check->ok && rc == SP_OK ? SP_CLI_FINE : SP_CLI_REFUSED;
}


static void
sp_cli_check_text(const sp_check_t *check)
{
    int                 i, n[SP_CHECK_KINDS];
    char                hash[2 * SP_POLICY_HASH_LEN];
    sp_str_t            s;
    const sp_diags_t   *diags;
    const sp_policy_t  *policy;

    diags = check->diags;
    policy = check->policy;

    sp_diags_print(diags, stderr);
    (void) fflush(stderr);

    printf("%s: %s, %u error%s, %u warning%s", check->file,
           check->ok ? "fine"
           : policy != NULL ? "refused by --strict" : "refused",
           diags->errors, diags->errors == 1 ? "" : "s", diags->warnings,
           diags->warnings == 1 ? "" : "s");

    if (diags->dropped != 0) {
        printf(" (%u more not shown)", diags->dropped);
    }

    putchar('\n');
    sp_cli_check_analysis(check->analysis);

    if (policy == NULL) {
        return;
    }

    s = sp_policy_name(policy);
    printf("policy ");
    sp_cli_print_safe(stdout, s);
    s = sp_policy_revision(policy);
    printf(" revision ");
    sp_cli_print_safe(stdout, s);

    sp_check_count(policy, n);

    for (i = 0; i < SP_CHECK_KINDS; i++) {
        printf("%s%d %s", i == 0 ? ": " : ", ", n[i], sp_check_kind(i));
    }

    sp_hex(sp_policy_hash(policy), SP_POLICY_HASH_LEN, (unsigned char *) hash);
    printf("; %zu bytes compiled\nsha256:%.*s\n", sp_policy_size(policy),
           (int) sizeof(hash), hash);
}


/* A policy with errors of its own was not analysed. */

static void
sp_cli_check_analysis(const sp_analysis_t *analysis)
{
    if (!analysis->done) {
        return;
    }

    printf("analysed over %u variables, %u nodes", analysis->variables,
           analysis->nodes);

    if (analysis->invariants != 0) {
        printf("; %u of %u invariant%s proved", analysis->proved,
               analysis->invariants, analysis->invariants == 1 ? "" : "s");
    }

    putchar('\n');
}


const char *
sp_check_kind(int kind)
{
    static const char *const  names[SP_CHECK_KINDS] = {
        "deny", "allow", "throttle", "flag", "exception"
    };

    return names[kind];
}


void
sp_check_count(const sp_policy_t *policy, int n[SP_CHECK_KINDS])
{
    int  i;

    memset(n, 0, SP_CHECK_KINDS * sizeof(int));

    for (i = 0; i < sp_policy_rules(policy); i++) {
        n[sp_policy_rule_kind(policy, i)]++;
    }
}

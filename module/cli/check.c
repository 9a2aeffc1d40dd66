
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport check`: loads a policy exactly as the gate
 * does and says what is wrong with it, and where.
 */


#include <stdlib.h>
#include <time.h>

#include "sp_analyse.h"

#include "cli.h"


#define SP_KINDS  (SP_RULE_EXCEPTION + 1)


static int sp_cli_check_run(const sp_cli_args_t *args);
static void sp_cli_check_text(const sp_policy_t *policy,
    const sp_diags_t *diags, const char *file, int ok);
static json_t *sp_cli_check_json(const sp_policy_t *policy,
    const sp_diags_t *diags, const char *file, int ok);
static json_t *sp_cli_check_diag(const sp_diag_t *diag);
static json_t *sp_cli_check_policy(const sp_policy_t *policy);
static void sp_cli_check_count(const sp_policy_t *policy, int n[SP_KINDS]);


static const sp_cli_opt_t  sp_cli_check_opts[] = {
    { "strict", NULL, "warnings are errors" },
    { "format", "text|json", "how to print what was found (text)" },
    { "now", "TIME", "check as of this time: dated rules, review dates" },
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_check = {
    "check",
    "FILE|DIR [--strict] [--format text|json] [--now TIME]",
    "Checks a policy and says what is wrong, where, and what would fit",
    "DIR means DIR/policy.yaml. The policy is read by the same loader as in\n"
    "the gate: what passes here loads there. Exit code 0: no errors; 1: it\n"
    "has errors (with --strict: or warnings) or cannot be read.\n\n"
    "  sallyport check policy/\n"
    "  sallyport check --strict --now 2027-01-01 policy/policy.yaml\n",
    sp_cli_check_opts,
    1,
    1,
    sp_cli_check_run
};


static const char *const  sp_kind_names[SP_KINDS] = {
    "deny", "allow", "throttle", "flag", "exception"
};


static int
sp_cli_check_run(const sp_cli_args_t *args)
{
    int                ok, json;
    char              *file;
    sp_diags_t         diags;
    const char        *now;
    sp_policy_t       *policy;
    sp_analysis_t      analysis;
    sp_policy_opts_t   opts;

    json = sp_cli_format(args);

    if (json == -1) {
        return SP_CLI_USAGE;
    }

    memset(&opts, 0, sizeof(opts));
    memset(&analysis, 0, sizeof(analysis));
    opts.now = (int64_t) time(NULL);
    now = sp_cli_opt(args, "now");

    if (now != NULL && sp_cli_time(sp_cstr(now), opts.now, &opts.now) != SP_OK)
    {
        sp_cli_error("--now: '%s' is no time; 2026-12-01, "
                     "2026-12-01T08:00:00Z and +30d are", now);
        return SP_CLI_USAGE;
    }

    file = sp_cli_policy_file(args->args[0]);

    if (file == NULL) {
        return SP_CLI_REFUSED;
    }

    sp_diags_init(&diags);
    policy = sp_policy_load_analysed(file, &opts, &diags, &analysis);

    ok = policy != NULL
         && !(sp_cli_opt(args, "strict") != NULL && diags.warnings != 0);

    if (json) {
        if (sp_cli_json_print(sp_cli_check_json(policy, &diags, file, ok))
            != SP_OK)
        {
            ok = 0;
        }

    } else {
        sp_cli_check_text(policy, &diags, file, ok);
    }

    sp_diags_free(&diags);
    free(policy);
    free(file);

    return ok ? SP_CLI_FINE : SP_CLI_REFUSED;
}


static void
sp_cli_check_text(const sp_policy_t *policy, const sp_diags_t *diags,
    const char *file, int ok)
{
    int       i, n[SP_KINDS];
    char      hash[2 * SP_POLICY_HASH_LEN];
    sp_str_t  s;

    sp_diags_print(diags, stderr);
    (void) fflush(stderr);

    printf("%s: %s, %u error%s, %u warning%s", file,
           ok ? "fine" : policy != NULL ? "refused by --strict" : "refused",
           diags->errors, diags->errors == 1 ? "" : "s", diags->warnings,
           diags->warnings == 1 ? "" : "s");

    if (diags->dropped != 0) {
        printf(" (%u more not shown)", diags->dropped);
    }

    putchar('\n');

    if (policy == NULL) {
        return;
    }

    s = sp_policy_name(policy);
    printf("policy ");
    sp_cli_print_safe(stdout, s);
    s = sp_policy_revision(policy);
    printf(" revision ");
    sp_cli_print_safe(stdout, s);

    sp_cli_check_count(policy, n);

    for (i = 0; i < SP_KINDS; i++) {
        printf("%s%d %s", i == 0 ? ": " : ", ", n[i], sp_kind_names[i]);
    }

    sp_hex(sp_policy_hash(policy), SP_POLICY_HASH_LEN, (unsigned char *) hash);
    printf("; %zu bytes compiled\nsha256:%.*s\n", sp_policy_size(policy),
           (int) sizeof(hash), hash);
}


static json_t *
sp_cli_check_json(const sp_policy_t *policy, const sp_diags_t *diags,
    const char *file, int ok)
{
    json_t    *root, *list;
    unsigned   i;

    list = json_array();

    for (i = 0; i < diags->n; i++) {
        json_array_append_new(list, sp_cli_check_diag(&diags->items[i]));
    }

    root = json_pack("{s:b, s:s, s:i, s:i, s:i, s:o}", "ok", ok, "file", file,
                     "errors", (int) diags->errors, "warnings",
                     (int) diags->warnings, "dropped", (int) diags->dropped,
                     "diagnostics", list);

    json_object_set_new(root, "policy", policy != NULL
                        ? sp_cli_check_policy(policy) : json_null());

    return root;
}


static json_t *
sp_cli_check_diag(const sp_diag_t *diag)
{
    char                      code[16];
    json_t                   *row;
    static const char *const  severities[] = { "error", "warning", "note" };

    (void) snprintf(code, sizeof(code), "SP%03d", diag->code);

    row = json_pack("{s:s, s:s, s:s?, s:i, s:i, s:i}", "code", code,
                    "severity", severities[diag->severity], "file",
                    diag->mark.file, "line", (int) diag->mark.line, "col",
                    (int) diag->mark.col, "length", (int) diag->mark.len);

    json_object_set_new(row, "message",
                        sp_cli_json_str(sp_cstr(diag->message)));

    if (diag->help != NULL) {
        json_object_set_new(row, "help", sp_cli_json_str(sp_cstr(diag->help)));
    }

    if (diag->source != NULL) {
        json_object_set_new(row, "source",
                            sp_cli_json_str(sp_cstr(diag->source)));
    }

    return row;
}


static json_t *
sp_cli_check_policy(const sp_policy_t *policy)
{
    int      i, n[SP_KINDS];
    char     hash[2 * SP_POLICY_HASH_LEN];
    json_t  *row, *rules;

    rules = json_object();
    sp_cli_check_count(policy, n);

    for (i = 0; i < SP_KINDS; i++) {
        json_object_set_new(rules, sp_kind_names[i], json_integer(n[i]));
    }

    sp_hex(sp_policy_hash(policy), SP_POLICY_HASH_LEN, (unsigned char *) hash);

    row = json_pack("{s:o, s:o, s:s#, s:I, s:o}",
                    "name", sp_cli_json_str(sp_policy_name(policy)),
                    "revision", sp_cli_json_str(sp_policy_revision(policy)),
                    "sha256", hash, (int) sizeof(hash),
                    "bytes", (json_int_t) sp_policy_size(policy),
                    "rules", rules);

    return row;
}


static void
sp_cli_check_count(const sp_policy_t *policy, int n[SP_KINDS])
{
    int  i;

    memset(n, 0, SP_KINDS * sizeof(int));

    for (i = 0; i < sp_policy_rules(policy); i++) {
        n[sp_policy_rule_kind(policy, i)]++;
    }
}

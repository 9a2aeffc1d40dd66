
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the `sallyport` command: the table of verbs, finding
 * the one that is meant, and the help.
 */


#include <stdlib.h>

#include "sp_diag.h"

#include "cli.h"
#include "manual.h"


#define SP_CLI_WORD  32    /* bytes of a verb of two words with its NUL */


static int sp_cli_run(int argc, char **argv);
static const sp_cli_verb_t *sp_cli_find(int argc, char **argv, int *words);
static int sp_cli_group(const char *word, FILE *out);
static int sp_cli_unknown(int argc, char **argv);
static int sp_cli_help(int argc, char **argv);
static void sp_cli_overview(FILE *out);


static const sp_cli_verb_t *const  sp_cli_verbs[] = {
    &sp_cli_check,
    &sp_cli_diff,
    &sp_cli_explain,
    &sp_cli_test,
    &sp_cli_replay,
    &sp_cli_access,
    &sp_cli_forecast,
    &sp_cli_lists,
    &sp_cli_exceptions,
    &sp_cli_fields,
    &sp_cli_routes,
    &sp_cli_reasons,
    &sp_cli_schema,
    &sp_cli_policy_stage,
    &sp_cli_policy_promote,
    &sp_cli_policy_rollback,
    &sp_cli_policy_status,
    &sp_cli_policy_keygen,
    &sp_cli_policy_sign,
    &sp_cli_policy_verify,
    &sp_cli_key_new,
    &sp_cli_key_hash,
    &sp_cli_key_import,
    &sp_cli_key_list,
    &sp_cli_key_revoke,
    &sp_cli_account_get,
    &sp_cli_account_set,
    &sp_cli_account_suspend,
    &sp_cli_account_restore,
    &sp_cli_account_import,
    &sp_cli_account_export,
    &sp_cli_customer_get,
    &sp_cli_customer_set,
    &sp_cli_customer_suspend,
    &sp_cli_customer_restore,
    &sp_cli_customer_import,
    &sp_cli_customer_export,
    &sp_cli_block_add,
    &sp_cli_block_list,
    &sp_cli_block_remove,
    &sp_cli_limits_show,
    &sp_cli_limits_reset,
    &sp_cli_audit_key,
    &sp_cli_audit_seal,
    &sp_cli_audit_verify,
    &sp_cli_audit_prove,
    &sp_cli_audit_pack,
    &sp_cli_audit_reconcile,
    &sp_cli_audit_retire,
    &sp_cli_audit_show,
    &sp_cli_audit_explain,
    &sp_cli_audit_appeal,
    &sp_cli_audit_export,
    &sp_cli_audit_report
};


static const char  sp_cli_audit_format[] =
    "\nThe log: DIR/BOOT/lane-N.S.jsonl, a lane a worker, a JSON object a "
    "line:\n\n"
    "  v t ts mono_us seq      version, type, time, clock, number in the lane\n"
    "  decision  id pol req who net facts dec status reason class detail\n"
    "            enforced by lifted flags shadow allow cand lim us\n"
    "  settle    of sent attempts status tok_in tok_out tok_guessed out_bytes dur_ms end\n"
    "  policy, lost, segment, close      of a lane\n"
    "  seal, torn, broken, archive,\n"
    "  change, missed                    by the sealer (DIR/seal)\n"
    "  appeal, retire                    by people (DIR/desk)\n"
    "  h         SHA-256 of the h before, a newline, all before ,\"h\":\"\n\n"
    "A fact is its value, null (absent), \"?\" (unknown), \"!\" (failed) or "
    "\"~\"\n(pending). Classes: legal, risk, commercial, credential, "
    "request,\nsystem. All keys, types and units: "
    "module/engine/audit/AUDIT.md.\n";


int
main(int argc, char **argv)
{
    int  rc;

    rc = sp_cli_run(argc - 1, argv + 1);

    /* A full disk or a closed pipe must not look like success. */

    if (fflush(stdout) != 0 || ferror(stdout)) {
        sp_cli_error("cannot write the output");

        if (rc == SP_CLI_FINE) {
            rc = SP_CLI_REFUSED;
        }
    }

    return rc;
}


static int
sp_cli_run(int argc, char **argv)
{
    int                   i, words;
    sp_cli_args_t         args;
    const sp_cli_verb_t  *verb;

    if (argc == 0) {
        sp_cli_overview(stderr);
        return SP_CLI_USAGE;
    }

    if (strcmp(argv[0], "--version") == 0 || strcmp(argv[0], "version") == 0) {
        printf("sallyport %s\n", SP_CLI_VERSION);
        return SP_CLI_FINE;
    }

    if (strcmp(argv[0], "help") == 0) {
        return sp_cli_help(argc - 1, argv + 1);
    }

    if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0) {
        return sp_cli_help(0, NULL);
    }

    verb = sp_cli_find(argc, argv, &words);

    for (i = words; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return sp_cli_help(verb != NULL ? words : 1, argv);
        }
    }

    if (verb == NULL) {
        return sp_cli_unknown(argc, argv);
    }

    sp_cli_set_verb(verb->name);

    if (sp_cli_args_read(&args, verb, argc - words, argv + words) != SP_OK) {
        fprintf(stderr, "usage: sallyport %s %s\n", verb->name, verb->usage);
        return SP_CLI_USAGE;
    }

    return verb->run(&args);
}


static const sp_cli_verb_t *
sp_cli_find(int argc, char **argv, int *words)
{
    char                  name[SP_CLI_WORD];
    size_t                i;
    const sp_cli_verb_t  *verb;

    name[0] = '\0';

    if (argc > 1) {
        (void) snprintf(name, sizeof(name), "%s %s", argv[0], argv[1]);
    }

    for (i = 0; i < sp_nelts(sp_cli_verbs); i++) {
        verb = sp_cli_verbs[i];

        if (strcmp(verb->name, argv[0]) == 0) {
            *words = 1;
            return verb;
        }

        if (strcmp(verb->name, name) == 0) {
            *words = 2;
            return verb;
        }
    }

    *words = 1;

    return NULL;
}


/* Lists the verbs that begin with "word"; returns how many there are. */

static int
sp_cli_group(const char *word, FILE *out)
{
    int                   n;
    size_t                i, len;
    const sp_cli_verb_t  *verb;

    n = 0;
    len = strlen(word);

    for (i = 0; i < sp_nelts(sp_cli_verbs); i++) {
        verb = sp_cli_verbs[i];

        if (strncmp(verb->name, word, len) != 0 || verb->name[len] != ' ') {
            continue;
        }

        fprintf(out, "  sallyport %-16s %s\n", verb->name, verb->summary);
        n++;
    }

    return n;
}


static int
sp_cli_unknown(int argc, char **argv)
{
    char         name[SP_CLI_WORD];
    size_t       i, n;
    const char  *words[sp_nelts(sp_cli_verbs) + 2];

    n = 0;

    for (i = 0; i < sp_nelts(sp_cli_verbs); i++) {
        words[n++] = sp_cli_verbs[i]->name;
    }

    words[n++] = "help";
    words[n++] = "version";

    if (argc > 1) {
        (void) snprintf(name, sizeof(name), "%s %s", argv[0], argv[1]);

        if (sp_did_you_mean(sp_cstr(name), words, n) != NULL) {
            sp_cli_error_near(name, words, n, "there is no verb '%s'", name);
            return SP_CLI_USAGE;
        }
    }

    if (sp_cli_group(argv[0], stderr) != 0) {
        if (argc > 1 && argv[1][0] != '-') {
            sp_cli_error("there is no verb '%s %s'", argv[0], argv[1]);
        }

        return SP_CLI_USAGE;
    }

    sp_cli_error_near(argv[0], words, n, "there is no verb '%s'", argv[0]);
    fputs("`sallyport help` lists them.\n", stderr);

    return SP_CLI_USAGE;
}


static int
sp_cli_help(int argc, char **argv)
{
    int                   rc, words;
    const sp_cli_verb_t  *verb;

    if (argc == 0) {
        sp_cli_overview(stdout);
        return SP_CLI_FINE;
    }

    if (argc == 2 && strcmp(argv[0], "--man") == 0) {
        return sp_manual_pages(argv[1], sp_cli_verbs, sp_nelts(sp_cli_verbs))
               == SP_OK ? SP_CLI_FINE : SP_CLI_REFUSED;
    }

    if (argc == 1 && strcmp(argv[0], "--bash") == 0) {
        sp_manual_completion(stdout, sp_cli_verbs, sp_nelts(sp_cli_verbs));
        return SP_CLI_FINE;
    }

    verb = sp_cli_find(argc, argv, &words);

    if (verb != NULL) {
        sp_cli_verb_help(verb, stdout);
        return SP_CLI_FINE;
    }

    if (argc == 1) {
        rc = sp_cli_help_code(argv[0]);

        if (rc != -1) {
            return rc;
        }
    }

    if (argc == 1 && sp_cli_group(argv[0], stdout) != 0) {

        if (strcmp(argv[0], "audit") == 0) {
            fputs(sp_cli_audit_format, stdout);
        }

        return SP_CLI_FINE;
    }

    return sp_cli_unknown(argc, argv);
}


static void
sp_cli_overview(FILE *out)
{
    size_t  i;

    fputs("usage: sallyport VERB [ARGUMENTS] [--OPTION VALUE]...\n\n", out);

    for (i = 0; i < sp_nelts(sp_cli_verbs); i++) {
        fprintf(out, "  %-16s %s\n", sp_cli_verbs[i]->name,
                sp_cli_verbs[i]->summary);
    }

    fputs("\n`sallyport help VERB` says more, with examples; `sallyport help "
          "SP201` what a\nmessage means. `sallyport help --man DIR` writes "
          "manual pages, `sallyport help --bash`\na completion for bash.\n"
          "Exit codes: 0 fine, 1 refused or errors found, 3 differs, "
          "4 wrong command line.\n", out);
}

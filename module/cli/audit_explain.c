
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport audit explain`: a recorded decision, decided
 * again with the facts that its record holds by the policy that it names, with
 * the code of `replay` and of `explain`.
 */


#include <stdlib.h>
#include <unistd.h>

#include "explain.h"
#include "policy_open.h"
#include "prove.h"
#include "replay.h"


static int sp_cli_audit_explain_run(const sp_cli_args_t *args);
static sp_policy_t *sp_audit_explain_policy(const sp_cli_args_t *args,
    json_t *record);
static int sp_audit_explain(const sp_cli_args_t *args,
    const sp_policy_t *policy, json_t *record);
static sp_rc_t sp_audit_explain_print(const sp_cli_args_t *args,
    const sp_policy_t *policy, json_t *record, int same);


static const sp_cli_opt_t  sp_cli_audit_explain_opts[] = {
    { "policy", "PATH", "the policy; else the one that the sealer archived" },
    { "seal", "DIR", "the sealer's directory (DIR/seal)" },
    { "all", NULL, "show the rules that do not match too" },
    { "format", "text|json", "how to print it (text)" },
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_audit_explain = {
    "audit explain",
    "DIR ID [--policy PATH]",
    "Decides a recorded request again, and shows why",
    "With the facts as they were and the very policy that was in force: the\n"
    "files whose hash the record names. Nothing is looked up anew.\n\n"
    "  sallyport audit explain /var/log/sallyport 01KAR5GQ7-3-0000000001\n\n"
    "Exit codes: 0 the same verdict; 1 there is no such decision or no such\n"
    "policy, or the record does not hold all that the policy reads; 3 the\n"
    "verdict is another one today.\n",
    sp_cli_audit_explain_opts,
    2,
    2,
    sp_cli_audit_explain_run
};


static int
sp_cli_audit_explain_run(const sp_cli_args_t *args)
{
    int           rc;
    json_t       *record;
    sp_found_t   *found;
    sp_policy_t  *policy;

    if (sp_cli_format(args) == -1) {
        return SP_CLI_USAGE;
    }

    if (sp_found_decision(args->args[0], args->args[1], &found) != SP_OK) {
        return SP_CLI_REFUSED;
    }

    rc = SP_CLI_REFUSED;
    record = json_loadb(found->text, found->len, 0, NULL);
    policy = record == NULL ? NULL
                            : sp_audit_explain_policy(args, record);

    if (policy != NULL) {
        rc = sp_audit_explain(args, policy, record);
    }

    free(policy);
    json_decref(record);
    sp_found_free(found, 1);

    return rc;
}


static sp_policy_t *
sp_audit_explain_policy(const sp_cli_args_t *args, json_t *record)
{
    char               path[SP_LANE_PATH], text[2 * SP_POLICY_HASH_LEN + 1],
                      *seal;
    const char        *given, *hash;
    sp_policy_t       *policy;
    sp_policy_opts_t   opts;

    hash = json_string_value(json_object_get(json_object_get(record, "pol"),
                                             "hash"));

    if (hash == NULL || strncmp(hash, "sha256:", 7) != 0) {
        sp_cli_error("the record names no policy: none was in force");
        return NULL;
    }

    given = sp_cli_opt(args, "policy");

    if (given == NULL) {
        seal = sp_audit_seal_dir(args, args->args[0]);
        (void) snprintf(path, sizeof(path), "%s/policy/%s", seal, hash + 7);
        free(seal);
        given = path;

        if (access(path, R_OK) != 0) {
            sp_cli_error("the policy %s is not archived in '%s'; --policy "
                         "says where its files are", hash, path);
            return NULL;
        }
    }

    memset(&opts, 0, sizeof(opts));
    opts.has_regions = 1;
    opts.now = json_integer_value(json_object_get(json_object_get(record,
                                  "facts"), "now"));
    policy = sp_cli_policy(given, &opts);

    if (policy == NULL) {
        return NULL;
    }

    sp_hex(sp_policy_hash(policy), SP_POLICY_HASH_LEN,
           (unsigned char *) text);
    text[sizeof(text) - 1] = '\0';

    if (strcmp(text, hash + 7) != 0) {
        sp_cli_error("'%s' is sha256:%s, the decision is by %s", given, text,
                     hash);
        free(policy);
        return NULL;
    }

    return policy;
}


static int
sp_audit_explain(const sp_cli_args_t *args, const sp_policy_t *policy,
    json_t *record)
{
    int           rc;
    const char   *why;
    sp_replay_t  *replay;

    replay = sp_cli_alloc(sizeof(*replay));
    sp_replay_init(replay, policy);
    sp_replay_record(replay, record);

    if (replay->replayed == 0) {
        why = json_object_iter_key(json_object_iter(replay->why));
        sp_cli_error("it cannot be decided again: %s", why != NULL ? why
                     : "the record does not hold all facts");
        rc = SP_CLI_REFUSED;

    } else {
        rc = replay->same == 1 ? SP_CLI_FINE : SP_CLI_DIFFERS;

        if (sp_audit_explain_print(args, policy, record, replay->same == 1)
            != SP_OK)
        {
            rc = SP_CLI_REFUSED;
        }
    }

    sp_replay_free(replay);
    free(replay);

    return rc;
}


static sp_rc_t
sp_audit_explain_print(const sp_cli_args_t *args, const sp_policy_t *policy,
    json_t *record, int same)
{
    json_t          *json;
    sp_rc_t          rc;
    sp_explain_t    *explain;
    sp_recorded_t   *recorded;

    recorded = sp_cli_alloc(sizeof(*recorded));
    recorded->record = json_incref(record);
    explain = sp_cli_alloc(sizeof(*explain));
    explain->request = sp_cli_alloc(sizeof(*explain->request));
    explain->policy = policy;
    explain->all = sp_cli_opt(args, "all") != NULL;
    rc = sp_recorded_facts(recorded);

    if (rc != SP_OK) {
        sp_cli_error("it cannot be decided again: %s", recorded->why);

    } else {

        /* the facts point into "recorded", which stays until the end */

        explain->request->facts = recorded->facts;
        sp_decide(policy, &explain->request->facts,
                  recorded->facts.body_state == SP_BODYFACT_PENDING
                  ? SP_STAGE_HEAD : SP_STAGE_WHOLE, &explain->verdict);

        if (sp_cli_format(args) == 1) {
            json = sp_explain_json(explain);
            json_object_set_new(json, "id", json_string(args->args[1]));
            json_object_set_new(json, "same", json_boolean(same));
            rc = sp_cli_json_print(json);

        } else {
            printf("%s\n\n", args->args[1]);
            sp_explain_text(explain);
            printf("\n%s\n", same
                   ? "The record says the same: verdict, reason and rule."
                   : "The record says otherwise.");
        }
    }

    free(explain->request);
    free(explain);
    sp_recorded_free(recorded);
    free(recorded);

    return rc;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport audit pack`: which records are handed over.
 */


#include <stdlib.h>
#include <time.h>

#include "pack.h"


typedef struct {
    sp_str_t      id;             /* of one decision; or of an account */
    sp_str_t      account;
    uint64_t      since;          /* us of unix time */
    uint64_t      until;
    json_t       *ids;            /* of the decisions that were chosen */
    sp_pack_t    *pack;
} sp_pack_choice_t;


static int sp_cli_audit_pack_run(const sp_cli_args_t *args);
static sp_rc_t sp_pack_options(const sp_cli_args_t *args,
    sp_pack_choice_t *choice);
static sp_rc_t sp_pack_choose(sp_pack_choice_t *choice);
static void sp_pack_decision(void *ctx, const sp_lane_t *lane);
static void sp_pack_follow(void *ctx, const sp_lane_t *lane);
static void sp_pack_change(void *ctx, const sp_lane_t *lane);
static sp_rc_t sp_pack_archives(sp_pack_t *pack);
static void sp_pack_sealed(sp_pack_t *pack);
static void sp_pack_say(const sp_pack_t *pack);


static const sp_cli_opt_t  sp_cli_audit_pack_opts[] = {
    { "id", "ID", "one decision, and what became of it" },
    { "account", "ID", "or all decisions about this account" },
    { "since", "TIME", "decided from then on: 2026-11-23, -90d" },
    { "until", "TIME", "and before then" },
    { "out", "DIR", "the directory to make" },
    { "key", "FILE", "the public key (key.pub of the sealer)" },
    { "seal", "DIR", "the sealer's directory (DIR/seal)" },
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_audit_pack = {
    "audit pack",
    "DIR --account ID|--id ID [--since TIME] --out DIR",
    "Hands records over: with proofs, policies, key and how to verify",
    "Makes a directory for a regulator, a court or a customer: each decision\n"
    "with its settlement and appeals, of an account also what was changed in\n"
    "the store (`audit seal --store`), the proof of each line, the files of\n"
    "the policies that decided, where their lists come from, the checkpoints\n"
    "and the public key. Its README.txt says how to verify all that; the\n"
    "script verify.py beside it does, with Python and openssl alone. Records\n"
    "of other accounts are not shown.\n\n"
    "  sallyport audit pack /var/log/sallyport --account acme --since -90d \\\n"
    "      --out acme-2026q4\n"
    "  tar czf acme-2026q4.tar.gz acme-2026q4\n\n"
    "Exit codes: 0 all of it; 1 nothing was made; 3 made, but something is\n"
    "missing: lines that are not sealed yet, or a policy that was never\n"
    "archived (`audit seal --policy`).\n",
    sp_cli_audit_pack_opts,
    1,
    1,
    sp_cli_audit_pack_run
};


static int
sp_cli_audit_pack_run(const sp_cli_args_t *args)
{
    int                rc;
    char              *seal;
    void              *iter;
    sp_pack_t          pack;
    sp_pack_choice_t   choice;

    memset(&pack, 0, sizeof(pack));
    memset(&choice, 0, sizeof(choice));
    choice.pack = &pack;

    if (sp_pack_options(args, &choice) != SP_OK) {
        return SP_CLI_USAGE;
    }

    seal = sp_audit_seal_dir(args, args->args[0]);
    pack.dir = args->args[0];
    pack.seal = seal;
    pack.policies = json_object();
    choice.ids = json_object();
    rc = SP_CLI_REFUSED;

    if (sp_pack_choose(&choice) == SP_OK && sp_pack_write(&pack) == SP_OK) {
        rc = pack.unsealed != 0 ? SP_CLI_DIFFERS : SP_CLI_FINE;

        for (iter = json_object_iter(pack.policies); iter != NULL;
             iter = json_object_iter_next(pack.policies, iter))
        {
            if (json_is_null(json_object_iter_value(iter))) {
                rc = SP_CLI_DIFFERS;
            }
        }

        sp_pack_say(&pack);
    }

    sp_found_free(pack.found, pack.n);
    json_decref(pack.policies);
    json_decref(pack.request);
    json_decref(choice.ids);
    free(seal);

    return rc;
}


static sp_rc_t
sp_pack_options(const sp_cli_args_t *args, sp_pack_choice_t *choice)
{
    size_t       i;
    int64_t      at;
    const char  *id, *account, *text;

    static const char *const  names[] = { "since", "until" };

    id = sp_cli_opt(args, "id");
    account = sp_cli_opt(args, "account");
    choice->pack->out = sp_cli_opt(args, "out");
    choice->pack->key = sp_cli_opt(args, "key");
    choice->until = UINT64_MAX;

    if ((id == NULL) == (account == NULL) || choice->pack->out == NULL) {
        sp_cli_error("one of --account ID and --id ID is needed, and "
                     "--out DIR");
        return SP_ERROR;
    }

    choice->id = sp_cstr(id != NULL ? id : "");
    choice->account = sp_cstr(account != NULL ? account : "");
    choice->pack->request = json_object();
    json_object_set_new(choice->pack->request, id != NULL ? "id" : "account",
                        sp_cli_json_str(id != NULL ? choice->id
                                                   : choice->account));

    for (i = 0; i < sp_nelts(names); i++) {
        text = sp_cli_opt(args, names[i]);

        if (text == NULL) {
            continue;
        }

        if (sp_cli_time(sp_cstr(text), (int64_t) time(NULL), &at) != SP_OK) {
            sp_cli_error("--%s: '%s' is no time; 2026-12-01, "
                         "2026-12-01T08:00:00Z and -1d are", names[i], text);
            json_decref(choice->pack->request);
            return SP_ERROR;
        }

        *(i == 0 ? &choice->since : &choice->until) = (uint64_t) at * 1000000;
        json_object_set_new(choice->pack->request, names[i],
                            json_integer((json_int_t) at));
    }

    return SP_OK;
}


/* Decisions first: what belongs to them may stand in any lane. */

static sp_rc_t
sp_pack_choose(sp_pack_choice_t *choice)
{
    sp_pack_t  *pack = choice->pack;

    if (sp_audit_each(pack->dir, sp_pack_decision, choice) != SP_OK) {
        return SP_ERROR;
    }

    if (pack->n == 0) {
        sp_cli_error("no recorded decision fits");
        return SP_ERROR;
    }

    if (sp_audit_each(pack->dir, sp_pack_follow, choice) != SP_OK
        || sp_pack_archives(pack) != SP_OK
        || (choice->account.len != 0
            && sp_changes_each(pack->seal, sp_pack_change, choice) != SP_OK))
    {
        return SP_ERROR;
    }

    sp_found_sort(pack->found, pack->n);

    if (sp_audit_index(pack->seal, pack->found, pack->n) != SP_OK) {
        return SP_ERROR;
    }

    sp_pack_sealed(pack);

    if (pack->n == 0) {
        sp_cli_error("none of the %zu lines is sealed yet", pack->unsealed);
        return SP_ERROR;
    }

    return SP_OK;
}


static void
sp_pack_decision(void *ctx, const sp_lane_t *lane)
{
    char               hash[SP_SEAL_HASH + 1];
    sp_str_t           id, pol;
    uint64_t           us;
    const sp_line_t   *line;
    sp_pack_choice_t  *choice = ctx;

    line = &lane->line;

    if (line->type != SP_LINE_DECISION
        || sp_line_word(line, SP_LM_ID, &id) != SP_OK
        || sp_line_time(line, &us) != SP_OK || us < choice->since
        || us >= choice->until)
    {
        return;
    }

    if (choice->id.len != 0 ? !sp_str_eq(id, choice->id)
        : !sp_str_eq(sp_line_string(sp_line_in(line->members[SP_LM_WHO],
                                               "account")), choice->account))
    {
        return;
    }

    sp_found_add(&choice->pack->found, &choice->pack->n, lane);
    json_object_setn_new(choice->ids, (const char *) id.data, id.len,
                         json_true());

    pol = sp_line_string(sp_line_in(line->members[SP_LM_POL], "hash"));

    if (pol.len == SP_SEAL_HASH) {
        memcpy(hash, pol.data, pol.len);
        hash[pol.len] = '\0';
        json_object_set_new(choice->pack->policies, hash, json_null());
    }
}


static void
sp_pack_follow(void *ctx, const sp_lane_t *lane)
{
    sp_str_t           of;
    sp_pack_choice_t  *choice = ctx;

    if ((lane->line.type == SP_LINE_SETTLE
         || lane->line.type == SP_LINE_APPEAL)
        && sp_line_word(&lane->line, SP_LM_OF, &of) == SP_OK
        && json_object_getn(choice->ids, (const char *) of.data, of.len)
           != NULL)
    {
        sp_found_add(&choice->pack->found, &choice->pack->n, lane);
    }
}


/* What the account was changed to, and by whom, in the same time. */

static void
sp_pack_change(void *ctx, const sp_lane_t *lane)
{
    uint64_t           us;
    sp_pack_choice_t  *choice = ctx;

    if (sp_line_time(&lane->line, &us) == SP_OK && us >= choice->since
        && us < choice->until
        && sp_change_is_of(&lane->line, (const char *) choice->account.data))
    {
        sp_found_add(&choice->pack->found, &choice->pack->n, lane);
    }
}


/* The sealer's records say which files a policy was. */

static sp_rc_t
sp_pack_archives(sp_pack_t *pack)
{
    sp_str_t    pol;
    sp_lane_t  *own;

    own = sp_lane_own(pack->seal, SP_LANE_SEAL, 0);

    if (own == NULL) {
        return SP_ERROR;
    }

    own->unchecked = 1;

    while (sp_lane_next(own) == SP_OK) {

        if (own->line.type == SP_LINE_ARCHIVE
            && sp_line_word(&own->line, SP_LM_POL, &pol) == SP_OK
            && json_object_getn(pack->policies, (const char *) pol.data,
                                pol.len) != NULL)
        {
            sp_found_add(&pack->found, &pack->n, own);
        }
    }

    sp_lane_free(own);

    return SP_OK;
}


static void
sp_pack_sealed(sp_pack_t *pack)
{
    size_t  i, n;

    n = 0;

    for (i = 0; i < pack->n; i++) {
        if (pack->found[i].sealed) {
            pack->found[n++] = pack->found[i];

        } else {
            free(pack->found[i].text);
        }
    }

    pack->unsealed = pack->n - n;
    pack->n = n;
}


static void
sp_pack_say(const sp_pack_t *pack)
{
    printf("%zu records with their proofs, %zu policies: ", pack->n,
           json_object_size(pack->policies));
    sp_cli_print_safe(stdout, sp_cstr(pack->out));
    putchar('\n');

    if (pack->unsealed != 0) {
        sp_cli_warn("%zu lines are left out: they are not sealed yet",
                    pack->unsealed);
    }
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport audit appeal`: that somebody asks for a
 * decision to be looked at again, and what came of it.
 */


#include <stdlib.h>

#include "prove.h"


static int sp_cli_audit_appeal_run(const sp_cli_args_t *args);
static json_t *sp_appeal_record(sp_lane_writer_t *writer, void *ctx);
static sp_rc_t sp_appeal_outcome(const sp_cli_args_t *args, int closing);
static void sp_appeal_state(void *ctx, const sp_lane_t *lane);


typedef struct {
    sp_str_t   id;
    unsigned   open;
} sp_appeal_t;


static const char *const  sp_appeal_outcomes[] = {
    "upheld", "reversed", "withdrawn"
};


static const sp_cli_opt_t  sp_cli_audit_appeal_opts[] = {
    { "dir", "DIR", "the audit directory" },
    { "ticket", "TEXT", "where the matter is kept" },
    { "outcome", "WORD", "of close: upheld, reversed or withdrawn" },
    { "by", "WHO", "who does it" },
    { "reason", "WHY", "why" },
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_audit_appeal = {
    "audit appeal",
    "open|close ID --dir DIR --ticket TEXT [--outcome WORD] --by --reason",
    "Records that a decision is appealed against, and the outcome",
    "Writes one record into the audit log, linked and sealed as all are. It\n"
    "changes no rule: a reversed decision needs an exception in the policy.\n\n"
    "  sallyport audit appeal open 01KAR... --dir /var/log/sallyport \\\n"
    "      --ticket CASE-7 --by jo --reason 'customer wrote'\n"
    "  sallyport audit appeal close 01KAR... --dir /var/log/sallyport \\\n"
    "      --ticket CASE-7 --outcome reversed --by jo --reason 'wrong list'\n\n"
    "Exit codes: 0 recorded; 1 there is no such decision, or it is (not)\n"
    "open already.\n",
    sp_cli_audit_appeal_opts,
    2,
    2,
    sp_cli_audit_appeal_run
};


static int
sp_cli_audit_appeal_run(const sp_cli_args_t *args)
{
    int           closing;
    sp_found_t   *found;
    sp_appeal_t   state;
    const char   *by, *why, *dir;

    static const char *const  acts[] = { "open", "close" };

    closing = strcmp(args->args[0], "close") == 0;
    dir = sp_cli_opt(args, "dir");

    if (!closing && strcmp(args->args[0], "open") != 0) {
        sp_cli_error_near(args->args[0], acts, sp_nelts(acts),
                          "an appeal is opened or closed, not '%s'",
                          args->args[0]);
        return SP_CLI_USAGE;
    }

    if (dir == NULL || sp_cli_opt(args, "ticket") == NULL) {
        sp_cli_error("--dir DIR and --ticket TEXT are needed");
        return SP_CLI_USAGE;
    }

    if (sp_cli_who(args, &by, &why) != SP_OK
        || sp_appeal_outcome(args, closing) != SP_OK)
    {
        return SP_CLI_USAGE;
    }

    if (sp_found_decision(dir, args->args[1], &found) != SP_OK) {
        return SP_CLI_REFUSED;
    }

    sp_found_free(found, 1);
    state = (sp_appeal_t) { sp_cstr(args->args[1]), 0 };

    if (sp_audit_each(dir, sp_appeal_state, &state) != SP_OK) {
        return SP_CLI_REFUSED;
    }

    if (state.open != (unsigned) closing) {
        sp_cli_error(closing ? "no appeal is open against '%s'"
                     : "an appeal is open against '%s' already",
                     args->args[1]);
        return SP_CLI_REFUSED;
    }

    if (sp_lane_desk(dir, sp_appeal_record, (void *) args) != SP_OK) {
        return SP_CLI_REFUSED;
    }

    printf("the appeal against %s is %s\n", args->args[1],
           closing ? "closed" : "open");

    return SP_CLI_FINE;
}


static sp_rc_t
sp_appeal_outcome(const sp_cli_args_t *args, int closing)
{
    size_t       i;
    const char  *outcome;

    outcome = sp_cli_opt(args, "outcome");

    if (!closing || outcome == NULL) {

        if (closing != (outcome != NULL)) {
            sp_cli_error(closing ? "close needs --outcome upheld, reversed or "
                         "withdrawn" : "--outcome belongs to close");
            return SP_ERROR;
        }

        return SP_OK;
    }

    for (i = 0; i < sp_nelts(sp_appeal_outcomes); i++) {
        if (strcmp(outcome, sp_appeal_outcomes[i]) == 0) {
            return SP_OK;
        }
    }

    sp_cli_error_near(outcome, sp_appeal_outcomes,
                      sp_nelts(sp_appeal_outcomes), "--outcome is upheld, "
                      "reversed or withdrawn, not '%s'", outcome);

    return SP_ERROR;
}


static void
sp_appeal_state(void *ctx, const sp_lane_t *lane)
{
    sp_str_t      of;
    sp_appeal_t  *state = ctx;

    if (lane->line.type == SP_LINE_APPEAL
        && sp_line_word(&lane->line, SP_LM_OF, &of) == SP_OK
        && sp_str_eq(of, state->id))
    {
        state->open = sp_str_eq(sp_line_in(lane->line.text, "act"),
                                SP_STR("\"open\""));
    }
}


static json_t *
sp_appeal_record(sp_lane_writer_t *writer, void *ctx)
{
    json_t               *record, *text;
    size_t                i;
    const char           *value;
    const sp_cli_args_t  *args = ctx;

    static const struct {
        const char  *name;
        const char  *option;
    } members[] = {
        { "outcome", "outcome" }, { "ticket", "ticket" }, { "by", "by" },
        { "why", "reason" }
    };

    record = sp_lane_record(writer, "appeal");
    json_object_set_new(record, "of", json_string(args->args[1]));
    json_object_set_new(record, "act", json_string(args->args[0]));

    for (i = 0; i < sp_nelts(members); i++) {
        value = sp_cli_opt(args, members[i].option);
        text = value == NULL ? json_null() : sp_cli_json_str(sp_cstr(value));
        json_object_set_new(record, members[i].name, text);
    }

    return record;
}

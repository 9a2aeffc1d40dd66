
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport account suspend` and `account restore`. A
 * suspended record remembers the status from which it came.
 */


#include "account.h"


static sp_rc_t sp_account_suspend(void *ctx, sp_stored_t *record);
static sp_rc_t sp_account_restore(void *ctx, sp_stored_t *record);


static const sp_cli_opt_t  sp_cli_account_suspend_opts[] = {
    SP_STORE_WAIT_OPT,
    SP_STORE_OPTS,
    SP_STORE_CHANGE_OPTS,
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_account_suspend = {
    "account suspend",
    "ID [--wait] --by WHO --reason WHY",
    "Suspends an account: every request of its keys is refused",
    "As soon as the gates hear of it. `sallyport account restore` undoes\n"
    "it. With --wait it ends once each gate that uses the store has said that\n"
    "it has heard, and prints the receipt: \"enforced on 3 of 3 nodes\". Exit\n"
    "code 3: some were silent; their names are printed, and when they stop to\n"
    "use what they knew.\n\n"
    "  sallyport account suspend acme --wait --by jo --reason FRAUD-3\n",
    sp_cli_account_suspend_opts,
    1,
    1,
    sp_cli_account_suspend_run
};


static const sp_cli_opt_t  sp_cli_account_restore_opts[] = {
    { "status", "STATUS", "the status it gets; else the one it had before" },
    SP_STORE_WAIT_OPT,
    SP_STORE_OPTS,
    SP_STORE_CHANGE_OPTS,
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_account_restore = {
    "account restore",
    "ID [--status STATUS] --by WHO --reason WHY",
    "Ends the suspension of an account",
    "The account gets the status back that it had when it was suspended by\n"
    "this command. One that was suspended by hand does not know it: say\n"
    "--status.\n",
    sp_cli_account_restore_opts,
    1,
    1,
    sp_cli_account_restore_run
};


int
sp_cli_account_suspend_run(const sp_cli_args_t *args)
{
    return sp_account_change(args, sp_account_suspend, (void *) args);
}


static sp_rc_t
sp_account_suspend(void *ctx, sp_stored_t *record)
{
    sp_str_t              status;
    const sp_cli_args_t  *args = ctx;

    status = sp_stored_get(record, "status");

    if (record->n == 0) {
        sp_cli_error("there is no %s '%s' in the store",
                     sp_party(args)->word, args->args[0]);
        return SP_ERROR;
    }

    if (sp_str_eq(status, SP_STR("suspended"))) {
        return SP_OK;
    }

    if (sp_str_eq(status, SP_STR("closed"))) {
        sp_cli_error("'%s' is closed, which refuses already and is final",
                     args->args[0]);
        return SP_ERROR;
    }

    if (status.data != NULL && status.len != 0
        && sp_stored_set(record, SP_ACCOUNT_WAS, (const char *) status.data)
           != SP_OK)
    {
        return SP_ERROR;
    }

    return sp_stored_set(record, "status", "suspended");
}


int
sp_cli_account_restore_run(const sp_cli_args_t *args)
{
    return sp_account_change(args, sp_account_restore, (void *) args);
}


static sp_rc_t
sp_account_restore(void *ctx, sp_stored_t *record)
{
    sp_str_t              status, was;
    const char           *wanted;
    const sp_cli_args_t  *args = ctx;

    status = sp_stored_get(record, "status");
    was = sp_stored_get(record, SP_ACCOUNT_WAS);
    wanted = sp_cli_opt(args, "status");

    if (record->n == 0) {
        sp_cli_error("there is no %s '%s' in the store",
                     sp_party(args)->word, args->args[0]);
        return SP_ERROR;
    }

    if (!sp_str_eq(status, SP_STR("suspended"))) {
        sp_cli_error("'%s' is not suspended, its status is '%.*s'",
                     args->args[0], (int) status.len,
                     (const char *) status.data);
        return SP_ERROR;
    }

    if (wanted == NULL && was.data == NULL) {
        sp_cli_error("the record does not say what '%s' was before: give "
                     "--status, for example --status review", args->args[0]);
        return SP_ERROR;
    }

    if (sp_stored_set(record, "status", wanted != NULL
                      ? wanted : (const char *) was.data)
        != SP_OK)
    {
        return SP_ERROR;
    }

    return sp_stored_set(record, SP_ACCOUNT_WAS, NULL);
}

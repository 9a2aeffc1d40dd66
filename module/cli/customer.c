
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the verbs of a reseller's end customers. Their records are
 * those of accounts, and so is what is done with them: only the key differs.
 */


#include "account.h"
#include "import.h"


static const sp_cli_opt_t  sp_cli_customer_get_opts[] = {
    SP_STORE_OPTS,
    { "format", "text|json", "how to print it (text)" },
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_customer_get = {
    "customer get",
    "RESELLER:CUSTOMER [--store URL] [--format text|json]",
    "Prints the record of a reseller's end customer",
    "As `sallyport account get`.\n\n"
    "  sallyport customer get resi:harbour-ltd\n",
    sp_cli_customer_get_opts,
    1,
    1,
    sp_cli_account_get_run
};


static const sp_cli_opt_t  sp_cli_customer_set_opts[] = {
    { "unset", "FIELD,...", "remove these fields" },
    SP_STORE_WAIT_OPT,
    SP_STORE_OPTS,
    SP_STORE_CHANGE_OPTS,
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_customer_set = {
    "customer set",
    "RESELLER:CUSTOMER FIELD=VALUE... --by WHO --reason WHY",
    "Changes the record of a reseller's end customer, or makes it",
    "As `sallyport account set`: the same fields and the same checks.\n\n"
    "  sallyport customer set resi:harbour-ltd type=individual level=1 \\\n"
    "      status=verified verified_at=now expires_at=+365d residence=SE \\\n"
    "      screening=clear screened_at=now --by jo --reason KYC-204\n",
    sp_cli_customer_set_opts,
    1,
    SP_CLI_ARGS_MAX,
    sp_cli_account_set_run
};


static const sp_cli_opt_t  sp_cli_customer_suspend_opts[] = {
    SP_STORE_WAIT_OPT,
    SP_STORE_OPTS,
    SP_STORE_CHANGE_OPTS,
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_customer_suspend = {
    "customer suspend",
    "RESELLER:CUSTOMER --by WHO --reason WHY",
    "Suspends an end customer: what its reseller asks for it is refused",
    "As `sallyport account suspend`; the reseller's other customers go on.\n",
    sp_cli_customer_suspend_opts,
    1,
    1,
    sp_cli_account_suspend_run
};


static const sp_cli_opt_t  sp_cli_customer_restore_opts[] = {
    { "status", "STATUS", "the status it gets; else the one it had before" },
    SP_STORE_WAIT_OPT,
    SP_STORE_OPTS,
    SP_STORE_CHANGE_OPTS,
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_customer_restore = {
    "customer restore",
    "RESELLER:CUSTOMER [--status STATUS] --by WHO --reason WHY",
    "Ends the suspension of an end customer",
    "As `sallyport account restore`.\n",
    sp_cli_customer_restore_opts,
    1,
    1,
    sp_cli_account_restore_run
};


static const sp_cli_opt_t  sp_cli_customer_import_opts[] = {
    SP_IMPORT_OPTS,
    SP_STORE_OPTS,
    SP_STORE_CHANGE_OPTS,
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_customer_import = {
    "customer import",
    "FILE | - --by WHO --reason WHY [OPTIONS]",
    "Brings the end customers of a file into the store",
    "As `sallyport account import`; an id is RESELLER:CUSTOMER.\n\n"
    "  id,type,status,level,residence,verified_at,expires_at,screening,"
    "screened_at\n"
    "  resi:harbour-ltd,individual,verified,1,SE,2026-11-01,2027-11-01,clear,"
    "2026-11-01\n",
    sp_cli_customer_import_opts,
    1,
    1,
    sp_cli_account_import_run
};


static const sp_cli_opt_t  sp_cli_customer_export_opts[] = {
    SP_EXPORT_OPTS,
    SP_STORE_OPTS,
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_customer_export = {
    "customer export",
    "[--all]",
    "Prints the records of all end customers",
    "As `sallyport account export`.\n",
    sp_cli_customer_export_opts,
    0,
    0,
    sp_cli_account_export_run
};


static const sp_party_t  sp_party_account = {
    "account", "the account", SP_STORE_ACCOUNT_PREFIX, 0
};

static const sp_party_t  sp_party_customer = {
    "customer", "the customer", SP_STORE_CUSTOMER_PREFIX, 1
};


const sp_party_t *
sp_party(const sp_cli_args_t *args)
{
    return strncmp(args->verb->name, "customer ", 9) == 0 ? &sp_party_customer
                                                          : &sp_party_account;
}


sp_rc_t
sp_party_id(const sp_party_t *party, const char *id)
{
    if (!party->customer) {
        return sp_cli_id(party->the, id);
    }

    if (sp_party_id_valid(party, id)) {
        return SP_OK;
    }

    sp_cli_error("the customer '%s' is not RESELLER:CUSTOMER, two ids of 1 to "
                 "%d of A-Z a-z 0-9 . _ @ - (and ':' in the first)", id,
                 SP_ID_LEN);

    return SP_ERROR;
}


int
sp_party_id_valid(const sp_party_t *party, const char *id)
{
    sp_str_t  name, reseller;

    if (!party->customer) {
        return sp_id_valid(sp_cstr(id));
    }

    name = sp_party_name(id);
    reseller = sp_cstr(id);

    if (name.len == reseller.len) {
        return 0;
    }

    reseller.len -= name.len + 1;

    return sp_customer_valid(name) && sp_id_valid(reseller);
}


sp_str_t
sp_party_name(const char *id)
{
    const char  *colon;

    colon = strrchr(id, ':');

    return sp_cstr(colon != NULL ? colon + 1 : id);
}

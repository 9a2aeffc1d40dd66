
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport fields` and `sallyport reasons`: the two
 * tables that the engine owns, as people and programs read them.
 */


#include <stdlib.h>
#include <time.h>

#include "sp_policy.h"

#include "cli.h"


static int sp_cli_fields_run(const sp_cli_args_t *args);
static void sp_cli_fields_text(const sp_policy_t *policy);
static json_t *sp_cli_fields_json(const sp_policy_t *policy);
static int sp_cli_reasons_run(const sp_cli_args_t *args);
static void sp_cli_reasons_text(void);
static json_t *sp_cli_reasons_json(void);


static const sp_cli_opt_t  sp_cli_table_opts[] = {
    { "format", "text|json", "how to print the table (text)" },
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_fields = {
    "fields",
    "[FILE|DIR] [--format text|json]",
    "Prints the facts that a rule may read",
    "With a policy also those that it declares under `facts:`. Each with its\n"
    "type, where it comes from, whether it may be absent, and for an enum its\n"
    "values. A fact that is absent or unknown makes a deny\n"
    "rule match and an allow rule not match; has(FACT) asks for it.\n",
    sp_cli_table_opts,
    0,
    1,
    sp_cli_fields_run
};


const sp_cli_verb_t  sp_cli_reasons = {
    "reasons",
    "[--format text|json]",
    "Prints the reasons for which a request can be refused",
    "In the order in which they are reported when several hold: the lowest\n"
    "rank first. 'lift' says whether an exception may lift a rule with this\n"
    "reason. A policy may change texts and add rows under `reasons:`.\n",
    sp_cli_table_opts,
    0,
    0,
    sp_cli_reasons_run
};


static int
sp_cli_fields_run(const sp_cli_args_t *args)
{
    int           json, rc;
    sp_policy_t  *policy;

    json = sp_cli_format(args);

    if (json == -1) {
        return SP_CLI_USAGE;
    }

    policy = NULL;

    if (args->nargs != 0) {
        policy = sp_cli_fields_policy(args->args[0]);

        if (policy == NULL) {
            return SP_CLI_REFUSED;
        }
    }

    rc = SP_CLI_FINE;

    if (!json) {
        sp_cli_fields_text(policy);

    } else if (sp_cli_json_print(sp_cli_fields_json(policy)) != SP_OK) {
        rc = SP_CLI_REFUSED;
    }

    free(policy);

    return rc;
}


sp_policy_t *
sp_cli_fields_policy(const char *path)
{
    char              *file;
    sp_diags_t         diags;
    sp_policy_t       *policy;
    sp_policy_opts_t   opts = { (int64_t) time(NULL), 1 };

    file = sp_cli_policy_file(path);

    if (file == NULL) {
        return NULL;
    }

    sp_diags_init(&diags);
    policy = sp_policy_load(file, &opts, &diags);

    if (policy == NULL) {
        sp_diags_print(&diags, stderr);
    }

    sp_diags_free(&diags);
    free(file);

    return policy;
}


static void
sp_cli_fields_text(const sp_policy_t *policy)
{
    int                i, k;
    sp_str_t           word;
    sp_policy_field_t  field;

    printf("%-28s %-9s %-11s %-7s %s\n", "FACT", "TYPE", "FROM", "ABSENT",
           "MEANING");

    for (i = 0; i < sp_policy_fields(policy); i++) {
        sp_policy_field(policy, i, &field);

        printf("%-28.*s %-9s %-11s %-7s ", (int) field.name.len,
               (const char *) field.name.data, sp_type_name(field.type),
               sp_source_name(field.source),
               field.optional ? "may be" : "never");
        sp_cli_print_safe(stdout, field.help);
        putchar('\n');

        if (field.type == SP_T_INT && field.max > field.min
            && field.max <= 1000)
        {
            printf("%-28s %lld..%lld\n", "", (long long) field.min,
                   (long long) field.max);
        }

        if (field.nvalues == 0) {
            continue;
        }

        printf("%-28s", "");

        for (k = 0; k < field.nvalues; k++) {
            word = sp_policy_enum_name(policy, i, k);
            printf(" %.*s", (int) word.len, (const char *) word.data);
        }

        putchar('\n');
    }

    printf("\nFunctions over the ownership part of the record, with a list "
           "of places (the third: of\nscreening lists):\n"
           "  owner_share(@list)    percent held by owners tied to the list, "
           "together\n"
           "  largest_owner(@list)  percent of the largest such holding\n"
           "  listed_share(@list)   percent held by listed parties\n"
           "  control_in(@list)     bool: someone there controls the "
           "account\n");
}


static json_t *
sp_cli_fields_json(const sp_policy_t *policy)
{
    int                i, k;
    json_t            *root, *row, *values;
    sp_policy_field_t  field;

    root = json_array();

    for (i = 0; i < sp_policy_fields(policy); i++) {
        sp_policy_field(policy, i, &field);

        row = json_pack("{s:o, s:s, s:s, s:b, s:o}", "name",
                        sp_cli_json_str(field.name), "type",
                        sp_type_name(field.type), "source",
                        sp_source_name(field.source), "optional",
                        field.optional, "help", sp_cli_json_str(field.help));

        if (field.type == SP_T_INT && field.max > field.min) {
            json_object_set_new(row, "min", json_integer(field.min));
            json_object_set_new(row, "max", json_integer(field.max));
        }

        if (field.nvalues != 0) {
            values = json_array();

            for (k = 0; k < field.nvalues; k++) {
                json_array_append_new(values, sp_cli_json_str(
                    sp_policy_enum_name(policy, i, k)));
            }

            json_object_set_new(row, "values", values);
        }

        json_array_append_new(root, row);
    }

    return root;
}


static int
sp_cli_reasons_run(const sp_cli_args_t *args)
{
    int  json;

    json = sp_cli_format(args);

    if (json == -1) {
        return SP_CLI_USAGE;
    }

    if (json) {
        return sp_cli_json_print(sp_cli_reasons_json()) == SP_OK
               ? SP_CLI_FINE : SP_CLI_REFUSED;
    }

    sp_cli_reasons_text();

    return SP_CLI_FINE;
}


static void
sp_cli_reasons_text(void)
{
    size_t                  i, n;
    const sp_reason_row_t  *rows;

    rows = sp_reason_rows(&n);

    printf("%5s  %-28s %-11s %-6s %-5s %-30s %s\n", "RANK", "REASON", "CLASS",
           "STATUS", "LIFT", "PUBLIC CODE", "TEXT");

    for (i = 0; i < n; i++) {
        printf("%5u  %-28s %-11s %-6u %-5s %-30s %s\n", rows[i].rank,
               rows[i].code, sp_class_name((sp_class_t) rows[i].class),
               rows[i].status, rows[i].liftable ? "yes" : "no",
               rows[i].public_code, rows[i].text);
    }
}


static json_t *
sp_cli_reasons_json(void)
{
    size_t                  i, n;
    json_t                 *root;
    const sp_reason_row_t  *rows;

    root = json_array();
    rows = sp_reason_rows(&n);

    for (i = 0; i < n; i++) {
        json_array_append_new(root, json_pack(
            "{s:s, s:i, s:s, s:i, s:b, s:s, s:s}", "code", rows[i].code,
            "rank", rows[i].rank, "class",
            sp_class_name((sp_class_t) rows[i].class), "status",
            rows[i].status, "liftable", rows[i].liftable, "public_code",
            rows[i].public_code, "text", rows[i].text));
    }

    return root;
}

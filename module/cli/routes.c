
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains `sallyport routes`: the API calls that the gate knows, and
 * what a policy makes of them.
 */


#include <stdlib.h>
#include <time.h>

#include "sp_policy.h"

#include "cli.h"


static int sp_cli_routes_run(const sp_cli_args_t *args);
static void sp_cli_routes_text(const sp_policy_t *policy);
static void sp_cli_routes_row(const sp_policy_t *policy, int route);
static void sp_cli_routes_markdown(const sp_policy_t *policy);
static json_t *sp_cli_routes_json(const sp_policy_t *policy);
static json_t *sp_cli_routes_paths(const sp_policy_t *policy, int route);
static const char *sp_cli_routes_state(const sp_policy_t *policy, int route);
static const char *sp_cli_routes_model(const sp_route_t *row);


static const sp_cli_opt_t  sp_cli_routes_opts[] = {
    { "format", "text|json|markdown", "how to print the table (text)" },
    { NULL, NULL, NULL }
};


const sp_cli_verb_t  sp_cli_routes = {
    "routes",
    "[FILE|DIR] [--format text|json|markdown]",
    "Prints the API calls that the gate knows",
    "Each with its method, its paths, whose API it is (request.dialect), where\n"
    "its model is named and its stream is asked for. A request that is none of\n"
    "them is refused, and so is one that is closed. With a policy: as that has\n"
    "it under `routes:`, with the paths that it adds.\n",
    sp_cli_routes_opts,
    0,
    1,
    sp_cli_routes_run
};


static int
sp_cli_routes_run(const sp_cli_args_t *args)
{
    int           rc;
    const char   *format;
    sp_policy_t  *policy;

    format = sp_cli_opt(args, "format");

    if (format != NULL && strcmp(format, "text") != 0
        && strcmp(format, "json") != 0 && strcmp(format, "markdown") != 0)
    {
        sp_cli_error("--format is 'text', 'json' or 'markdown'");
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

    if (format == NULL || strcmp(format, "text") == 0) {
        sp_cli_routes_text(policy);

    } else if (strcmp(format, "markdown") == 0) {
        sp_cli_routes_markdown(policy);

    } else if (sp_cli_json_print(sp_cli_routes_json(policy)) != SP_OK) {
        rc = SP_CLI_REFUSED;
    }

    free(policy);

    return rc;
}


static void
sp_cli_routes_text(const sp_policy_t *policy)
{
    int  i;

    printf("%-25s %-10s %-7s %-9s %-7s %-7s %s\n", "ROUTE", "DIALECT",
           "METHOD", "MODEL", "STREAM", "STATE", "MEANING");

    for (i = 0; i < sp_route_count(); i++) {
        sp_cli_routes_row(policy, i);
    }
}


static void
sp_cli_routes_row(const sp_policy_t *policy, int route)
{
    size_t             i;
    json_t            *paths, *path;
    const sp_route_t  *row;

    static const char *const  streams[] = {
        [SP_STREAM_NO] = "no",
        [SP_STREAM_BODY] = "body",
        [SP_STREAM_UNLESS] = "unless",
        [SP_STREAM_YES] = "yes"
    };

    row = sp_route(route);

    printf("%-25s %-10s %-7s %-9s %-7s %-7s ", (const char *) row->name.data,
           sp_dialect_names[row->dialect], sp_method_name(row->method),
           sp_cli_routes_model(row), streams[row->stream],
           sp_cli_routes_state(policy, route));
    sp_cli_print_safe(stdout, sp_cstr(row->help));
    putchar('\n');

    paths = sp_cli_routes_paths(policy, route);

    json_array_foreach(paths, i, path) {
        printf("    ");
        sp_cli_print_safe(stdout, sp_cstr(json_string_value(path)));
        putchar('\n');
    }

    json_decref(paths);
}


/* For the manual: a table a dialect, with the first path of each. */

static void
sp_cli_routes_markdown(const sp_policy_t *policy)
{
    int                i, dialect;
    size_t             n;
    json_t            *paths;
    const sp_route_t  *row;

    printf("| route | dialect | call | model | state |\n"
           "| --- | --- | --- | --- | --- |\n");

    for (dialect = 0; dialect < SP_DIALECT_UNKNOWN; dialect++) {
        for (i = 0; i < sp_route_count(); i++) {
            row = sp_route(i);

            if ((int) row->dialect != dialect) {
                continue;
            }

            paths = sp_cli_routes_paths(policy, i);
            n = json_array_size(paths);

            printf("| `%s` | %s | `%s %s`", (const char *) row->name.data,
                   sp_dialect_names[dialect], sp_method_name(row->method),
                   n != 0 ? json_string_value(json_array_get(paths, 0))
                          : "as openai's");

            if (n > 1) {
                printf(" +%zu", n - 1);
            }

            printf(" | %s | %s |\n", sp_cli_routes_model(row),
                   sp_cli_routes_state(policy, i));
            json_decref(paths);
        }
    }
}


static json_t *
sp_cli_routes_json(const sp_policy_t *policy)
{
    int                i;
    json_t            *root, *object;
    sp_str_t           model;
    const sp_route_t  *row;

    root = json_array();

    for (i = 0; i < sp_route_count(); i++) {
        row = sp_route(i);
        model = sp_policy_route_model(policy, i);

        object = json_pack("{s:s, s:s, s:s, s:s, s:b, s:s, s:i, s:o}", "route",
                           (const char *) row->name.data, "dialect",
                           sp_dialect_names[row->dialect], "method",
                           sp_method_name(row->method), "model",
                           sp_cli_routes_model(row), "open",
                           sp_policy_route_open(policy, i), "help", row->help,
                           "unavailable_status",
                           sp_policy_route_busy(policy, i) ? 429 : 503,
                           "paths", sp_cli_routes_paths(policy, i));

        if (model.len != 0) {
            json_object_set_new(object, "default_model",
                                sp_cli_json_str(model));
        }

        json_array_append_new(root, object);
    }

    return root;
}


static json_t *
sp_cli_routes_paths(const sp_policy_t *policy, int route)
{
    int                     i, row;
    json_t                 *paths;
    sp_str_t                path;
    const sp_route_path_t  *p;

    paths = json_array();

    for (i = 0; (p = sp_route_path(i)) != NULL; i++) {

        if (p->route == route) {
            json_array_append_new(paths, sp_cli_json_str(p->path));
        }
    }

    for (i = 0; i < sp_policy_route_paths(policy); i++) {
        path = sp_policy_route_path(policy, i, &row);

        if (row == route) {
            json_array_append_new(paths, sp_cli_json_str(path));
        }
    }

    return paths;
}


static const char *
sp_cli_routes_state(const sp_policy_t *policy, int route)
{
    return sp_policy_route_open(policy, route) ? "open" : "closed";
}


static const char *
sp_cli_routes_model(const sp_route_t *row)
{
    static const char *const  places[] = {
        [SP_MODEL_NONE] = "none",
        [SP_MODEL_REQUIRED] = "body",
        [SP_MODEL_OPTIONAL] = "may be",
        [SP_MODEL_PATH] = "path",
        [SP_MODEL_LISTED] = "list",
        [SP_MODEL_SERVED] = "policy"
    };

    return places[row->model];
}

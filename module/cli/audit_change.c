
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the reading of changes: the sealer's lines about what
 * was changed in the store, for `audit show --changes`, `pack` and `report`.
 */


#include <stdlib.h>

#include "audit_filter.h"
#include "prove.h"
#include "seal.h"


typedef struct {
    const sp_cli_args_t  *args;
    sp_filter_t           filter;
    sp_found_t           *found;
    size_t                n;
} sp_changes_t;


static void sp_changes_add(void *ctx, const sp_lane_t *lane);
static void sp_changes_row(const sp_found_t *found);
static void sp_changes_cell(sp_str_t text, int width);


sp_rc_t
sp_changes_each(const char *seal, void (*want)(void *ctx,
    const sp_lane_t *lane), void *ctx)
{
    char        path[SP_LANE_PATH];
    sp_rc_t     rc;
    sp_lane_t  *own;

    own = sp_lane_own(seal, SP_LANE_SEAL, 0);

    if (own == NULL) {
        return SP_ERROR;
    }

    own->unchecked = 1;

    while ((rc = sp_lane_next(own)) == SP_OK) {
        if (own->line.type == SP_LINE_CHANGE
            || own->line.type == SP_LINE_MISSED)
        {
            want(ctx, own);
        }
    }

    if (rc == SP_ERROR) {
        sp_cli_warn("%s: line %llu: %s; the rest of the sealer's lines is "
                    "left out", sp_lane_path(own, own->segment, path),
                    (unsigned long long) own->row + 1, own->why);
    }

    sp_lane_free(own);

    return SP_OK;
}


/* The record, its keys, its end customers. What was missed is everybody's. */

int
sp_change_is_of(const sp_line_t *line, const char *account)
{
    size_t    len;
    sp_str_t  of, kind;

    if (account == NULL || line->type == SP_LINE_MISSED) {
        return 1;
    }

    len = strlen(account);
    of = sp_line_string(line->members[SP_LM_OF]);
    kind = sp_line_string(sp_line_in(line->text, "kind"));

    if (sp_str_eq(kind, SP_STR("key"))) {
        return sp_str_eq(sp_line_string(sp_line_in(line->text, "account")),
                         sp_cstr(account));
    }

    if (sp_str_eq(kind, SP_STR("customer"))) {
        return of.len > len && of.data[len] == ':'
               && memcmp(of.data, account, len) == 0;
    }

    return sp_str_eq(kind, SP_STR("account"))
           && sp_str_eq(of, sp_cstr(account));
}


int
sp_changes_show(const sp_cli_args_t *args)
{
    int            rc;
    char          *seal;
    size_t         i;
    sp_changes_t   changes;

    memset(&changes, 0, sizeof(changes));
    changes.args = args;

    if (sp_filter_init(&changes.filter, args) != SP_OK) {
        return SP_CLI_USAGE;
    }

    seal = sp_audit_seal_dir(args, args->args[0]);
    rc = SP_CLI_REFUSED;

    if (sp_changes_each(seal, sp_changes_add, &changes) == SP_OK) {
        rc = changes.n != 0 ? SP_CLI_FINE : SP_CLI_DIFFERS;

        for (i = 0; i < changes.n; i++) {
            if (sp_cli_format(args) == 1) {
                puts(changes.found[i].text);

            } else {
                sp_changes_row(&changes.found[i]);
            }
        }

        if (changes.n == 0) {
            sp_cli_error("no recorded change fits");
        }
    }

    sp_found_free(changes.found, changes.n);
    free(seal);

    return rc;
}


static void
sp_changes_add(void *ctx, const sp_lane_t *lane)
{
    uint64_t       us;
    sp_changes_t  *changes = ctx;

    if (sp_filter_span(&changes->filter, &lane->line, &us)
        && sp_change_is_of(&lane->line, sp_cli_opt(changes->args, "account")))
    {
        sp_found_add(&changes->found, &changes->n, lane);
    }
}


static void
sp_changes_row(const sp_found_t *found)
{
    char      ver[24];
    size_t    i;
    json_t   *record, *field, *fields;
    sp_str_t  text;

    record = json_loadb(found->text, found->len, JSON_ALLOW_NUL, NULL);

    sp_changes_cell(sp_record_text(record, "at", NULL), 27);

    if (json_object_get(record, "next") != NULL) {
        printf("changes behind ");
        sp_cli_print_safe(stdout, sp_record_text(record, "after", NULL));
        printf(" are not known: the stream is ");
        sp_cli_print_safe(stdout, sp_record_text(record, "why", NULL));
        putchar('\n');
        json_decref(record);
        return;
    }

    (void) snprintf(ver, sizeof(ver), "%lld", (long long)
                    json_integer_value(json_object_get(record, "ver")));

    sp_changes_cell(sp_record_text(record, "kind", NULL), 8);
    sp_changes_cell(sp_record_text(record, "of", NULL), 24);
    sp_changes_cell(sp_cstr(ver), 4);
    sp_changes_cell(sp_record_text(record, "by", NULL), 12);
    sp_changes_cell(sp_record_text(record, "why", NULL), 16);
    fields = json_object_get(record, "fields");

    json_array_foreach(fields, i, field) {
        sp_cli_print_safe(stdout, sp_record_text(field, "f", NULL));
        text = sp_record_text(field, "is", NULL);
        putchar('=');
        sp_cli_print_safe(stdout, text);

        if (json_object_get(field, "was") != NULL) {
            printf(" (was ");
            sp_cli_print_safe(stdout, sp_record_text(field, "was", NULL));
            putchar(')');
        }

        fputs(i + 1 == json_array_size(fields) ? "" : ", ", stdout);
    }

    putchar('\n');
    json_decref(record);
}


static void
sp_changes_cell(sp_str_t text, int width)
{
    if (text.len == 0) {
        text = SP_STR("-");
    }

    sp_cli_print_safe(stdout, text);
    printf("%*s ", width > (int) text.len ? width - (int) text.len : 0, "");
}

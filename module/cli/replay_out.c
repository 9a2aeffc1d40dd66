
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the answer of `sallyport replay`, and the bounds on what
 * it may find.
 */


#include <stdlib.h>

#include "policy/sp_policy_image.h"

#include "replay_out.h"


static sp_rc_t sp_replay_percent(const char *text, unsigned *bps);
static json_t *sp_replay_sorted(json_t *counts, const char *name);
static int sp_replay_more(const void *one, const void *two);
static void sp_replay_counts(const char *title, json_t *rows,
    const char *name, size_t max);
static uint64_t sp_replay_pair(json_t *row);


void
sp_replay_init(sp_replay_t *replay, const sp_policy_t *policy)
{
    uint32_t          i;
    const sp_node_t  *node;

    replay->policy = policy;
    replay->changes = json_object();
    replay->accounts = json_object();
    replay->why = json_object();

    for (i = 0; i < policy->nnodes; i++) {
        node = sp_image_at(policy, policy->nodes, sp_node_t) + i;

        if (node->op < SP_OP_HAS) {
            continue;
        }

        if (node->op >= SP_OP_SHARE) {
            replay->functions = 1;
            continue;
        }

        replay->reads[node->field] = 1;

        if (node->op == SP_OP_SAME || node->op == SP_OP_WITHIN) {
            replay->reads[node->other] = 1;
        }
    }
}


void
sp_replay_free(sp_replay_t *replay)
{
    json_decref(replay->changes);
    json_decref(replay->accounts);
    json_decref(replay->why);
}


sp_rc_t
sp_replay_gate(const char *name, const char *text, sp_replay_gate_t *gate)
{
    memset(gate, 0, sizeof(*gate));

    if (text == NULL) {
        return SP_OK;
    }

    gate->set = 1;

    if (text[0] != '\0' && text[strlen(text) - 1] == '%') {
        gate->share = 1;

        if (sp_replay_percent(text, &gate->bps) == SP_OK) {
            return SP_OK;
        }

    } else if (sp_parse_uint(sp_cstr(text), UINT32_MAX, &gate->n) == SP_OK) {
        return SP_OK;
    }

    sp_cli_error("--%s: '%s' is neither a number nor a share like 0.1%%", name,
                 text);

    return SP_ERROR;
}


/* At most two digits behind the point. */

static sp_rc_t
sp_replay_percent(const char *text, unsigned *bps)
{
    int     digits;
    size_t  i;

    *bps = 0;
    digits = -1;

    for (i = 0; text[i] != '%'; i++) {

        if (text[i] == '.' && digits == -1 && i != 0) {
            digits = 0;
            continue;
        }

        if (text[i] < '0' || text[i] > '9' || digits == 2 || *bps > 100000) {
            return SP_ERROR;
        }

        *bps = *bps * 10 + (unsigned) (text[i] - '0');
        digits += digits >= 0;
    }

    if (i == 0 || digits == 0 || text[i + 1] != '\0') {
        return SP_ERROR;
    }

    for (digits = digits < 0 ? 0 : digits; digits < 2; digits++) {
        *bps *= 10;
    }

    return *bps <= 10000 ? SP_OK : SP_ERROR;
}


int
sp_replay_gates(const sp_replay_t *replay, const sp_replay_gate_t *gates,
    size_t n)
{
    int         rc;
    size_t      i;
    uint64_t    found;
    const char *what;

    rc = SP_CLI_FINE;

    for (i = 0; i < n; i++) {
        found = i == 0 ? replay->newly_allowed : replay->newly_denied;
        what = i == 0 ? "allowed" : "denied";

        if (!gates[i].set) {
            continue;
        }

        if (gates[i].share ? found * 10000 > replay->replayed * gates[i].bps
                           : found > gates[i].n)
        {
            sp_cli_error("%llu of %llu requests would newly be %s: more than "
                         "--max-newly-%s lets pass",
                         (unsigned long long) found,
                         (unsigned long long) replay->replayed, what, what);
            rc = SP_CLI_DIFFERS;
        }

        /* A bound that nothing was held against is not kept. */

        if (replay->replayed == 0) {
            sp_cli_error("nothing was replayed: --max-newly-%s says nothing",
                         what);
            rc = SP_CLI_DIFFERS;
        }
    }

    if (replay->disagree != 0) {
        sp_cli_error("%llu records are of this very policy, which decides "
                     "otherwise: the log, or the version of the gate, is "
                     "another one", (unsigned long long) replay->disagree);
        rc = SP_CLI_DIFFERS;
    }

    return rc;
}


/* [{name: key, "n": count, ...}], most first. */

static json_t *
sp_replay_sorted(json_t *counts, const char *name)
{
    size_t        i, n;
    json_t       *list, *value, *row, **rows;
    const char   *key;

    n = json_object_size(counts);
    rows = sp_cli_alloc(n * sizeof(json_t *));
    list = json_array();
    i = 0;

    json_object_foreach(counts, key, value) {
        row = json_is_object(value) ? json_copy(value)
                                    : json_pack("{s:O}", "n", value);
        json_object_set_new(row, name, json_string(key));
        rows[i++] = row;
    }

    qsort(rows, n, sizeof(json_t *), sp_replay_more);

    for (i = 0; i < n; i++) {
        json_array_append_new(list, rows[i]);
    }

    free(rows);

    return list;
}


static uint64_t
sp_replay_pair(json_t *row)
{
    return (uint64_t) (json_integer_value(json_object_get(row, "n"))
        + json_integer_value(json_object_get(row, "newly_denied"))
        + json_integer_value(json_object_get(row, "newly_allowed")));
}


static int
sp_replay_more(const void *one, const void *two)
{
    uint64_t  a, b;

    a = sp_replay_pair(*(json_t *const *) one);
    b = sp_replay_pair(*(json_t *const *) two);

    return a < b ? 1 : a > b ? -1 : 0;
}


json_t *
sp_replay_top(const sp_replay_t *replay, size_t n)
{
    json_t  *list;

    list = sp_replay_sorted(replay->accounts, "account");

    while (json_array_size(list) > n) {
        json_array_remove(list, json_array_size(list) - 1);
    }

    return list;
}


static void
sp_replay_counts(const char *title, json_t *rows, const char *name,
    size_t max)
{
    size_t   i;
    json_t  *row;

    if (json_array_size(rows) != 0) {
        printf("%s\n", title);
    }

    json_array_foreach(rows, i, row) {
        if (i == max) {
            printf("  ... and %zu more\n", json_array_size(rows) - max);
            break;
        }

        printf("  %10lld  ",
               (long long) json_integer_value(json_object_get(row, "n")));
        sp_cli_print_safe(stdout, sp_cstr(json_string_value(
                          json_object_get(row, name))));
        putchar('\n');
    }

    json_decref(rows);
}


void
sp_replay_text(const sp_replay_t *replay, size_t top)
{
    size_t   i;
    json_t  *list, *row;

    printf("%llu decisions in %llu lines of %llu file%s\n"
           "%llu replayed, %llu not replayable\n"
           "newly allowed  %llu\nnewly denied   %llu\n"
           "other reason   %llu\nas before      %llu\n",
           (unsigned long long) replay->decisions,
           (unsigned long long) replay->lines,
           (unsigned long long) replay->files, replay->files == 1 ? "" : "s",
           (unsigned long long) replay->replayed,
           (unsigned long long) replay->unreplayable,
           (unsigned long long) replay->newly_allowed,
           (unsigned long long) replay->newly_denied,
           (unsigned long long) replay->reworded,
           (unsigned long long) replay->same);

    if (replay->limits != 0) {
        printf("%llu allowed under other throttles, which may slow them "
               "down\n", (unsigned long long) replay->limits);
    }

    if (replay->bad != 0 || replay->torn != 0) {
        printf("%llu lines are no records, %llu files end in half a line\n",
               (unsigned long long) replay->bad,
               (unsigned long long) replay->torn);
    }

    sp_replay_counts("changes", sp_replay_sorted(replay->changes, "change"),
                     "change", SIZE_MAX);

    list = sp_replay_top(replay, top);

    if (json_array_size(list) != 0) {
        printf("accounts (%zu affected)\n  denied  allowed\n",
               json_object_size(replay->accounts));
    }

    json_array_foreach(list, i, row) {
        printf("  %6lld  %7lld  ",
            (long long) json_integer_value(json_object_get(row,
                                                           "newly_denied")),
            (long long) json_integer_value(json_object_get(row,
                                                           "newly_allowed")));
        sp_cli_print_safe(stdout, sp_cstr(json_string_value(
                          json_object_get(row, "account"))));
        putchar('\n');
    }

    json_decref(list);

    sp_replay_counts("not replayable", sp_replay_sorted(replay->why, "why"),
                     "why", SIZE_MAX);
}


json_t *
sp_replay_json(const sp_replay_t *replay, size_t top)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I,"
        " s:I, s:I, s:i, s:o, s:o, s:o}",
        "files", (json_int_t) replay->files,
        "lines", (json_int_t) replay->lines,
        "bad_lines", (json_int_t) replay->bad,
        "torn_files", (json_int_t) replay->torn,
        "decisions", (json_int_t) replay->decisions,
        "replayed", (json_int_t) replay->replayed,
        "not_replayable", (json_int_t) replay->unreplayable,
        "newly_allowed", (json_int_t) replay->newly_allowed,
        "newly_denied", (json_int_t) replay->newly_denied,
        "other_reason", (json_int_t) replay->reworded,
        "same", (json_int_t) replay->same,
        "other_throttles", (json_int_t) replay->limits,
        "disagree", (json_int_t) replay->disagree,
        "accounts_affected", (int) json_object_size(replay->accounts),
        "changes", sp_replay_sorted(replay->changes, "change"),
        "accounts", sp_replay_top(replay, top),
        "why_not", sp_replay_sorted(replay->why, "why"));
}

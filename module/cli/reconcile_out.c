
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the answer of `sallyport audit reconcile`, as text and
 * as JSON.
 */


#include "reconcile.h"


static json_t *sp_reconcile_json(const sp_reconcile_t *r, int differs);
static void sp_reconcile_text(const sp_reconcile_t *r, int differs);


static const struct {
    const char  *name;
    const char  *text;
} sp_reconcile_kinds[] = {
    { "answered_twice", "answers more than one of a decision" },
    { "flood_differs", "answered of floods, which count otherwise" },
    { "answered_unrecorded", "answered, and no decision is recorded" },
    { "recorded_unanswered", "recorded, and not in the access log" },
    { "arrived_nameless", "arrived at the upstream without an id" },
    { "arrived_unrecorded", "arrived, and no decision is recorded" },
    { "arrived_refused", "arrived, and the decision was not an allow" },
    { "attempts_differ", "arrived another number of times than recorded" },
    { "unsettled", "allowed, and without a settle record" },
    { "count_differs", "attempts recorded, which the upstream counts "
      "otherwise" }
};


int
sp_reconcile_print(const sp_reconcile_t *r, int json)
{
    int     differs;
    size_t  i;

    differs = 0;

    for (i = 0; i < SP_RC_KINDS; i++) {
        differs |= r->found[i] != 0;
    }

    if (!json) {
        sp_reconcile_text(r, differs);

    } else if (sp_cli_json_print(sp_reconcile_json(r, differs)) != SP_OK) {
        return SP_CLI_REFUSED;
    }

    return differs ? SP_CLI_DIFFERS : SP_CLI_FINE;
}


static json_t *
sp_reconcile_json(const sp_reconcile_t *r, int differs)
{
    size_t   i, k;
    json_t  *json, *found, *ids;

    json = json_pack("{s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:I}",
                     "result", differs ? "differs" : "agrees", "decisions",
                     (json_int_t) r->n, "flooded", (json_int_t) r->flooded, "settles", (json_int_t) r->settles,
                     "attempts", (json_int_t) r->attempts, "answers",
                     r->has_access ? json_integer((json_int_t) r->answers)
                                   : json_null(), "answers_without_id",
                     r->has_access ? json_integer((json_int_t) r->ungated)
                                   : json_null(), "arrivals",
                     r->has_upstream ? json_integer((json_int_t) r->arrivals)
                                     : json_null(), "unrecorded",
                     (json_int_t) r->unrecorded);
    found = json_object();

    for (i = 0; i < SP_RC_KINDS; i++) {

        if (r->found[i] == 0) {
            continue;
        }

        ids = json_array();

        for (k = 0; k < r->found[i] && k < SP_RECONCILE_SAMPLES; k++) {
            json_array_append_new(ids, sp_cli_json_str(
                                  sp_cstr(r->samples[i][k])));
        }

        json_object_set_new(found, sp_reconcile_kinds[i].name,
                            json_pack("{s:I, s:o}", "n",
                                      (json_int_t) r->found[i], "ids", ids));
    }

    json_object_set_new(json, "found", found);

    return json;
}


static void
sp_reconcile_text(const sp_reconcile_t *r, int differs)
{
    size_t  i, k;

    printf("decisions    %zu\n", r->n);

    if (r->flooded != 0) {
        printf("floods       %zu, of %llu refusals\n", r->nfloods,
               (unsigned long long) r->flooded);
    }

    printf("settled      %llu, %llu attempts at the upstream\n",
           (unsigned long long) r->settles, (unsigned long long) r->attempts);

    if (r->has_access) {
        printf("access log   %llu lines, %llu of them without an id: not "
               "judged by this gate\n", (unsigned long long) r->answers,
               (unsigned long long) r->ungated);
    }

    if (r->has_upstream) {
        printf("upstream     %llu arrivals\n",
               (unsigned long long) r->arrivals);
    }

    if (r->has_count) {
        printf("upstream     counts %llu\n", (unsigned long long)
               r->expected);
    }

    if (r->unrecorded != 0) {
        printf("unrecorded   %llu ids of plain allows\n",
               (unsigned long long) r->unrecorded);
    }

    for (i = 0; i < SP_RC_KINDS; i++) {

        if (r->found[i] == 0) {
            continue;
        }

        printf("DIFFERS      %llu %s\n", (unsigned long long) r->found[i],
               sp_reconcile_kinds[i].text);

        for (k = 0; k < r->found[i] && k < SP_RECONCILE_SAMPLES; k++) {
            printf("             ");
            sp_cli_print_safe(stdout, sp_cstr(r->samples[i][k]));
            putchar('\n');
        }
    }

    printf("result       %s\n", differs ? "they differ" : "they agree");
}

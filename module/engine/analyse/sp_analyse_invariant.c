
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains invariants: proved, or refuted with a request that the
 * decision itself was asked about.
 */


#include <stdlib.h>

#include "sp_analyse_state.h"


#define SP_INVARIANT_TRIES  64


static void sp_invariant_check(sp_analyse_t *a, uint32_t at);
static sp_mark_t sp_invariant_mark(sp_analyse_t *a, uint32_t at,
    char **file, sp_str_t *line);
static void sp_invariant_refute(sp_analyse_t *a, uint32_t at,
    sp_flesh_t *flesh, const sp_verdict_t *verdict);


void
sp_analyse_invariants(sp_analyse_t *a)
{
    uint32_t  i;

    for (i = 0; i < a->policy->ninvariants && !sp_space_void(a->space); i++) {
        sp_invariant_check(a, i);
    }
}


static void
sp_invariant_check(sp_analyse_t *a, uint32_t at)
{
    int                    wanted;
    char                  *file;
    sp_dd_t                bad, no;
    sp_str_t               line;
    sp_mark_t              mark;
    sp_flesh_t            *flesh;
    sp_verdict_t           verdict;
    const sp_invariant_t  *row;

    row = sp_image_invariant(a->policy, at);
    sp_space_cond(a->space, 0, row->cond, &bad, &no);

    /* "never: allow" and "always: deny" are broken by an allowed request */

    wanted = row->never != row->deny;

    bad = sp_dd_and(a->space->dds, bad, a->space->ahead);
    bad = wanted ? sp_dd_and(a->space->dds, bad, a->outcome->allowed)
                 : sp_dd_minus(a->space->dds, bad, a->outcome->allowed);

    if (sp_space_void(a->space)) {
        return;
    }

    if (bad == SP_DD_FALSE) {
        a->analysis->proved++;
        return;
    }

    flesh = malloc(sizeof(sp_flesh_t));
    if (flesh == NULL) {
        a->space->failed = 1;
        return;
    }

    if (sp_outcome_example(a->space, bad, SP_INVARIANT_TRIES, 0,
                           wanted ? SP_VERDICT_ALLOW : SP_VERDICT_DENY, flesh,
                           &verdict) == SP_OK)
    {
        sp_invariant_refute(a, at, flesh, &verdict);

    } else if (!sp_space_void(a->space)) {
        mark = sp_invariant_mark(a, at, &file, &line);
        sp_diag_add(a->diags, SP_DIAG_WARNING, 403, mark, line, NULL,
                    "invariant '%.*s' is neither proved nor refuted",
                    (int) row->id.len,
                    (const char *) sp_image_str(a->policy, row->id).data);
        free(file);
    }

    free(flesh);
}


static sp_mark_t
sp_invariant_mark(sp_analyse_t *a, uint32_t at, char **file, sp_str_t *line)
{
    sp_str_t               s;
    sp_mark_t              mark = { "policy", 0, 1, 1 };
    const sp_invariant_t  *row;

    row = sp_image_invariant(a->policy, at);
    s = sp_image_str(a->policy, row->file);

    *line = SP_STR("");
    *file = calloc(1, s.len + 1);

    if (*file != NULL && s.len != 0) {
        memcpy(*file, s.data, s.len);
        mark.file = *file;
    }

    mark.line = row->line;
    mark.col = row->col;
    mark.len = row->len;

    if (a->marks != NULL) {
        a->marks->invariant(a->marks->ctx, (int) at, &mark, line);
    }

    return mark;
}


static void
sp_invariant_refute(sp_analyse_t *a, uint32_t at, sp_flesh_t *flesh,
    const sp_verdict_t *verdict)
{
    char                  *file, *json, *how;
    sp_str_t               line, name;
    sp_mark_t              mark;
    const sp_invariant_t  *row;

    row = sp_image_invariant(a->policy, at);
    mark = sp_invariant_mark(a, at, &file, &line);

    json = malloc(SP_EXAMPLE_LEN);

    if (json != NULL
        && sp_flesh_json(a->space, flesh, json, SP_EXAMPLE_LEN)
           >= SP_EXAMPLE_LEN)
    {
        free(json);
        json = NULL;
    }

    if (verdict->decision == SP_VERDICT_DENY) {
        name = sp_match_name(a->policy, &verdict->matches[verdict->primary]);
        how = sp_diag_text("deny by %.*s%s", (int) name.len,
                           (const char *) name.data,
                           verdict->matches[verdict->primary].truth
                           == SP_UNSURE ? " (unknown counts)" : "");

    } else {
        name = sp_policy_rule_id(a->policy, verdict->allow_rule);
        how = sp_diag_text("allow by %.*s%s", (int) name.len,
                           (const char *) name.data,
                           verdict->excepted ? ", under an exception" : "");
    }

    sp_diag_add(a->diags, SP_DIAG_ERROR, 401, mark, line, NULL,
                "invariant '%.*s' does not hold", (int) row->id.len,
                (const char *) sp_image_str(a->policy, row->id).data);
    sp_diag_example(a->diags, json, how);

    free(file);
}

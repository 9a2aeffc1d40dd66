
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the fuzzing of the policy loader: any bytes give either
 * a policy that is valid and decides, or messages that print.
 */


#include <stdlib.h>

#include "sp_decide.h"


int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);


static void
nothing(void *ctx, int depth, sp_str_t text, sp_truth_t value,
    const int *fields, int n)
{
    if (depth > 64 || n > 2) {
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    int                 i;
    char                line[512];
    FILE               *sink;
    sp_str_t            text = { size, data };
    unsigned            n;
    sp_diags_t          diags;
    sp_facts_t          facts;
    sp_policy_t        *policy;
    sp_verdict_t        verdict;
    sp_policy_opts_t    opts = { 1795435200, size & 1 };

    sp_diags_init(&diags);
    policy = sp_policy_load_text("fuzz", text, &opts, &diags);

    if ((policy == NULL) != (diags.errors != 0)) {
        abort();
    }

    for (n = 0; n < diags.n; n++) {
        (void) sp_diag_line(&diags.items[n], line, sizeof(line));
    }

    if (diags.n != 0) {
        sink = fopen("/dev/null", "w");
        sp_diags_print(&diags, sink);
        fclose(sink);
    }

    if (policy != NULL) {

        if (!sp_policy_valid(policy, sp_policy_size(policy))) {
            abort();
        }

        sp_facts_init(&facts, opts.now);
        sp_decide(policy, &facts, SP_STAGE_HEAD, &verdict);

        if (verdict.decision != SP_VERDICT_DENY) {
            abort();
        }

        sp_decide(policy, &facts, SP_STAGE_WHOLE, &verdict);

        if (verdict.decision != SP_VERDICT_DENY) {
            abort();
        }

        for (i = 0; i < sp_policy_rules(policy); i++) {
            sp_rule_explain(policy, i, &facts, nothing, NULL);
        }
    }

    sp_diags_free(&diags);
    free(policy);

    return 0;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the refusals that no policy file can forget. Private to
 * the engine.
 */


#ifndef SP_BUILTIN_H
#define SP_BUILTIN_H


#include "sp_decide.h"


/* Those that have nothing to do with the model; at most SP_BUILTINS. */
unsigned sp_builtin_check(const sp_policy_t *policy, const sp_facts_t *facts,
    sp_stage_t stage, sp_match_t *matches);

/* The end customer, where the policy says how one is named. */
int sp_builtin_customer(const sp_facts_t *facts, sp_stage_t stage,
    sp_match_t *match);

/* The operator's blocks; 1 with a match. "model" is the index judged. */
int sp_builtin_blocked(const sp_facts_t *facts, unsigned model,
    sp_match_t *match);

/* The tiers that key and account are granted; 1 with a match. */
int sp_builtin_tier(const sp_facts_t *facts, sp_match_t *match);

void sp_builtin_match(sp_match_t *match, sp_builtin_t builtin,
    sp_reason_id_t reason, sp_truth_t truth, int failed);


#endif /* SP_BUILTIN_H */

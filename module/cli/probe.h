
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains a request that no one made: an account, a place to call
 * from and a model, to ask a policy what it would say.
 */


#ifndef SP_CLI_PROBE_H
#define SP_CLI_PROBE_H


#include "sp_decide.h"


/* Points into itself: it stays where it is. */
typedef struct {
    sp_facts_t    facts;
    sp_key_t      key;
    sp_account_t  account;      /* set by the caller */
    sp_body_t     body;
    sp_verdict_t  verdict;
} sp_probe_t;


/*
 * Decides a call of chat.completions for "model" at "now", with a good key of
 * probe->account, from an address in the country or subdivision "from"
 * (SP_PLACE_NONE: not known). All else is not known. The result is in probe->verdict.
 */
void sp_probe(sp_probe_t *probe, const sp_policy_t *policy, int64_t now,
    sp_place_t from, const char *model);

/* The country in which an account is at home, or SP_PLACE_NONE. */
sp_place_t sp_probe_home(const sp_account_t *account);


#endif /* SP_CLI_PROBE_H */

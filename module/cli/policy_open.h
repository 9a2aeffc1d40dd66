
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the opening of a policy for verbs that use one.
 */


#ifndef SP_CLI_POLICY_OPEN_H
#define SP_CLI_POLICY_OPEN_H


#include "sp_policy.h"

#include "cli.h"


/*
 * The policy of FILE, or DIR/policy.yaml; free() it. NULL after messages:
 * those of the loader with their places, and one about the whole.
 */
sp_policy_t *sp_cli_policy(const char *path, const sp_policy_opts_t *opts);

/*
 * The name of a model of this tier by the policy's catalogue, NUL-terminated;
 * SP_ERROR: there is none.
 */
sp_rc_t sp_cli_tier_model(const sp_policy_t *policy, int tier, char *name,
    size_t size);

/* --now into *now, which holds the clock before; SP_ERROR after a message. */
sp_rc_t sp_cli_now(const sp_cli_args_t *args, int64_t *now);


#endif /* SP_CLI_POLICY_OPEN_H */


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains facts of a test case that only the tested policy can
 * give a meaning: shares by its lists, models by its tiers.
 */


#ifndef SP_CLI_TEST_OWNERS_H
#define SP_CLI_TEST_OWNERS_H


#include "test.h"


/*
 * "owner_share.LIST: 30%..55%" as the owners of the record in "request": one
 * from a place of that list and of as few others as can be, the rest from a
 * place of none.
 */
sp_rc_t sp_test_owners(sp_test_file_t *file, const sp_policy_t *policy,
    const sp_test_case_t *one, json_t *request);

/* The same for one list and a share that is known, in basis points. */
sp_rc_t sp_test_owners_one(const sp_policy_t *policy, json_t *request,
    const char *list, unsigned share);


#endif /* SP_CLI_TEST_OWNERS_H */

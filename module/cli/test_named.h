
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the rules that an expectation names.
 */


#ifndef SP_CLI_TEST_NAMED_H
#define SP_CLI_TEST_NAMED_H


#include "test.h"


typedef enum {
    SP_NAMED_DENY = 0,     /* it decided: an enforced refusal that stands, an
                              allow that holds, the throttle without room */
    SP_NAMED_ANY,          /* matched, holds or applies in any way */
    SP_NAMED_FLAG,
    SP_NAMED_SHADOW
} sp_named_t;


/* Whether the rule or "builtin:..." of this name is among them. */
int sp_test_found(sp_test_result_t *r, sp_str_t name, sp_named_t how);

/*
 * SP_ERROR with a message, if there is no rule of that name: a mistake in the
 * test, not a failure.
 */
sp_rc_t sp_test_named(sp_test_file_t *file, const sp_ynode_t *node,
    const sp_test_result_t *r);

/* The first item; of a scalar itself: "x" is read as [x]. */
const sp_ynode_t *sp_test_items(const sp_ynode_t *node);

int sp_test_listed(const sp_ynode_t *node, sp_str_t name);

/*
 * The requests of a burst, equally spaced, against full buckets: how many
 * pass before the first that does not, which becomes the verdict.
 */
uint64_t sp_test_limits(const sp_test_case_t *one, sp_test_result_t *r);


#endif /* SP_CLI_TEST_NAMED_H */

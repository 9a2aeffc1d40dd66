
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what check.c and its reports for other tools share.
 */


#ifndef SP_CLI_CHECK_H
#define SP_CLI_CHECK_H


#include "sp_analyse.h"

#include "cli.h"


#define SP_CHECK_KINDS  (SP_RULE_EXCEPTION + 1)


typedef struct {
    const sp_policy_t    *policy;      /* NULL: refused */
    const sp_diags_t     *diags;
    const sp_analysis_t  *analysis;
    const char           *file;
    int                   ok;
} sp_check_t;


/* "deny", "allow", ... */
const char *sp_check_kind(int kind);

void sp_check_count(const sp_policy_t *policy, int n[SP_CHECK_KINDS]);

json_t *sp_check_json(const sp_check_t *check);

/* SARIF 2.1.0 (OASIS, March 2020): what code hosts and editors read. */
json_t *sp_check_sarif(const sp_check_t *check);


#endif /* SP_CLI_CHECK_H */


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains changes of single facts: those that could make a
 * difference to a policy, taken from the constants and lists of its rules.
 * For "would be allowed if" and for cases that tests lack.
 */


#ifndef SP_CLI_CHANGE_H
#define SP_CLI_CHANGE_H


#include "sp_policy.h"

#include "request.h"


#define SP_CHANGES_MAX   8192
#define SP_CHANGE_NAME   96     /* bytes of a name with its NUL */

/* Not fields, but what functions read; above all fields. */
#define SP_CHANGE_OWNERS   (SP_FACTS_MAX + 0)  /* owner_share, largest_owner */
#define SP_CHANGE_LISTED   (SP_FACTS_MAX + 1)  /* listed_share */
#define SP_CHANGE_CONTROL  (SP_FACTS_MAX + 2)  /* control_in */


typedef struct {
    int          field;      /* of a fact, or SP_CHANGE_* */
    sp_value_t   value;      /* of a fact */
    uint32_t     set;        /* index of the list, of SP_CHANGE_* */
    uint8_t      fn;         /* sp_fn_t, of SP_CHANGE_* */
    uint16_t     share;      /* basis points; of CONTROL 0 or 1 */
} sp_change_t;


typedef struct {
    size_t             n;
    sp_change_t        v[SP_CHANGES_MAX];   /* those of a field together */
    sp_fact_memory_t  *memory;              /* that values point to */
} sp_changes_t;


/* What a change took the place of. */
typedef struct {
    sp_value_t    value;
    sp_account_t  account;
} sp_change_undo_t;


/*
 * Adds the changes that one rule reads, or with rule -1 all rules. "wide":
 * every country that there is, not only one in and one out of each list.
 * What is asked for (route, model, tokens), the address itself and the clock
 * are changed only if "asked" is set. A value that a fact has already is none.
 * Free with sp_fact_free(&changes->memory).
 */
void sp_changes_collect(sp_changes_t *changes, const sp_policy_t *policy,
    int rule, const sp_request_t *request, int wide, int asked);

/* The record follows its facts. The undo is the next to be undone. */
void sp_change_do(sp_request_t *request, const sp_policy_t *policy,
    const sp_change_t *change, sp_change_undo_t *undo);
void sp_change_undo(sp_request_t *request, const sp_change_t *change,
    const sp_change_undo_t *undo);

/* "account.level", "owner_share(@restricted)"; "2", "49.99%"; return buf. */
const char *sp_change_name(const sp_policy_t *policy,
    const sp_change_t *change, char buf[SP_CHANGE_NAME]);
const char *sp_change_text(const sp_change_t *change, char buf[SP_FACT_TEXT]);


#endif /* SP_CLI_CHANGE_H */


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains reasons: the one table that gives every refusal its
 * code, rank, class, HTTP status and public text. A policy's `reasons:` may
 * change texts and add rows; `sallyport reasons` prints those that ship.
 */


#ifndef SP_REASON_H
#define SP_REASON_H


#include "sp_base.h"


typedef enum {
    SP_CLASS_LEGAL = 0,
    SP_CLASS_RISK,
    SP_CLASS_COMMERCIAL,
    SP_CLASS_CREDENTIAL,
    SP_CLASS_REQUEST,
    SP_CLASS_SYSTEM
} sp_class_t;


/* What an exception may do about a deny rule with this reason. */
typedef enum {
    SP_LIFT_NEVER = 0,
    SP_LIFT_ANY,         /* a licence, a waiver or an appeal */
    SP_LIFT_LICENCE      /* only "kind: licence", which names an authority */
} sp_lift_t;


/* Text is referred to by offset and length into the policy's string pool. */
typedef struct {
    uint32_t  off;
    uint32_t  len;
} sp_ref_t;


typedef struct {
    sp_ref_t  code;        /* "JUR_IP_EMBARGO" */
    sp_ref_t  public_code; /* "unavailable_for_legal_reasons" */
    sp_ref_t  text;        /* sentence for the caller */
    uint16_t  rank;        /* reported first: lowest */
    uint16_t  status;      /* 400..599 */
    uint8_t   class;       /* sp_class_t */
    uint8_t   liftable;    /* sp_lift_t */
} sp_reason_t;


/* Rows of the built-in table that the engine itself gives. */
typedef enum {
    SP_R_VERIFICATION_UNAVAILABLE = 0,
    SP_R_NO_POLICY,
    SP_R_AUDIT_UNAVAILABLE,
    SP_R_GATE_ERROR,            /* no memory, internal fault */
    SP_R_CRED_MISSING,
    SP_R_CRED_MALFORMED,
    SP_R_CRED_AMBIGUOUS,
    SP_R_CRED_UNKNOWN,
    SP_R_CRED_REVOKED,
    SP_R_CRED_EXPIRED,
    SP_R_CRED_NETWORK,
    SP_R_KEY_INVALID,
    SP_R_ACCT_SUSPENDED,
    SP_R_ACCT_CLOSED,
    SP_R_KYC_REJECTED,
    SP_R_KYC_MISSING,
    SP_R_KYC_RECORD_INVALID,
    SP_R_TIER_NOT_GRANTED,
    SP_R_ROUTE_UNKNOWN,
    SP_R_ROUTE_AMBIGUOUS,
    SP_R_BODY_AMBIGUOUS,
    SP_R_BODY_TYPE,
    SP_R_BODY_LARGE,
    SP_R_MODEL_UNKNOWN,
    SP_R_NOT_ALLOWED,           /* no rule allows it */
    SP_R_RATE_LIMITED,
    SP_R_BUDGET_SPENT,          /* no use to wait for it */
    SP_R_RESELL_UNKNOWN,        /* the end customer has no record */
    SP_R_RESELL_DENIED,         /* its record refuses by itself */
    SP_R_OPS_BLOCK,             /* an operator's, see sp_block.h */
    SP_R_BUILTIN                /* number of rows above */
} sp_reason_id_t;


/* One row of the built-in table, before it is compiled into a policy. */
typedef struct {
    const char  *code;
    const char  *public_code;
    const char  *text;
    uint16_t     rank;
    uint16_t     status;
    uint8_t      class;
    uint8_t      liftable;    /* sp_lift_t */
} sp_reason_row_t;

/* All rows that ship: the first SP_R_BUILTIN in the order of the enum. */
const sp_reason_row_t *sp_reason_rows(size_t *n);

const char *sp_class_name(sp_class_t class);


#endif /* SP_REASON_H */

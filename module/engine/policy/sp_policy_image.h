
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the layout of a compiled policy: one block, in which
 * everything is found by its offset from the start, so that a copy of the
 * bytes anywhere is the same policy. Private to the engine.
 */


#ifndef SP_POLICY_IMAGE_H
#define SP_POLICY_IMAGE_H


#include "sp_meter.h"
#include "sp_net.h"
#include "sp_place.h"
#include "sp_policy.h"


#define SP_NO_COND   0xffffffffu   /* a rule without "when": always true */
#define SP_NO_SET    0xffffffffu
#define SP_NO_FIELD  0xff

#define SP_RULE_KINDS  5

#define SP_OWN_VALUES_MAX  64   /* of a declared enum */


typedef enum {
    SP_OP_AND = 0,    /* children follow, up to "end" */
    SP_OP_OR,
    SP_OP_NOT,
    SP_OP_HAS,
    SP_OP_BOOL,
    SP_OP_INT,        /* bool, int, enum, duration, time against value */
    SP_OP_MASK,       /* small number in the bits of value */
    SP_OP_PLACE,      /* country, region or place in a set */
    SP_OP_PLACES,     /* one of a set of places in a set */
    SP_OP_ASN,
    SP_OP_NET,
    SP_OP_NAME,       /* string in a set of names */
    SP_OP_NAMES,      /* one of a set of strings in a set of names */
    SP_OP_SAME,       /* two fields */
    SP_OP_WITHIN,     /* a field in a set field */
    SP_OP_SHARE,      /* a function's interval against value */
    SP_OP_CONTROL,
    SP_OPS
} sp_op_t;


typedef enum {
    SP_EQ = 0,
    SP_NE,
    SP_LT,
    SP_LE,
    SP_GT,
    SP_GE
} sp_cmp_t;


typedef enum {
    SP_FN_OWNER_SHARE = 0,
    SP_FN_LARGEST_OWNER,
    SP_FN_LISTED_SHARE,
    SP_FN_CONTROL_IN,
    SP_FNS
} sp_fn_t;


typedef enum {
    SP_LIST_COUNTRY = 0,
    SP_LIST_REGION,
    SP_LIST_PLACE,
    SP_LIST_ASN,
    SP_LIST_CIDR,
    SP_LIST_ACCOUNT,
    SP_LIST_MODEL,
    SP_LIST_NAME,
    SP_LIST_TYPES
} sp_list_type_t;


/* How two values are compared, by their types. */
typedef enum {
    SP_HOW_NUMBER = 0,
    SP_HOW_STRING,
    SP_HOW_COUNTRY,
    SP_HOW_PLACE
} sp_how_t;


/* One node of a condition, in the order written (depth first). */
typedef struct {
    uint8_t   op;         /* sp_op_t */
    uint8_t   cmp;        /* sp_cmp_t */
    uint8_t   neg;        /* "!=", "not in": the opposite */
    uint8_t   field;      /* always a field, also where none is read */
    uint8_t   other;      /* second field, or sp_fn_t */
    uint8_t   how;        /* sp_how_t, of SP_OP_SAME and SP_OP_WITHIN */
    uint8_t   pad[2];
    uint32_t  end;        /* index of the node after this subtree */
    uint32_t  set;        /* index, or SP_NO_SET */
    int64_t   value;
    sp_ref_t  text;       /* as written */
} sp_node_t;


/* A list, or the items of a "[...]" in a condition. */
typedef struct {
    uint32_t        type;      /* sp_list_type_t */
    uint32_t        n;
    uint32_t        items;     /* offset: places, ASNs, networks, names */
    uint32_t        nglobs;
    uint32_t        globs;     /* offset: sp_glob_t */
    uint32_t        used;      /* times that conditions name it */
    sp_ref_t        name;
    sp_ref_t        source;
    sp_ref_t        file;
    uint32_t        line;
    uint32_t        pad;
    int64_t         from;      /* inclusive; tests of a dated list ask "now" */
    int64_t         until;     /* exclusive */
    int64_t         review;
    sp_countries_t  countries; /* whole countries in it */
    sp_countries_t  parts;     /* countries with a subdivision in it */
} sp_set_t;


/* "head*tail"; both may be empty. */
typedef struct {
    sp_ref_t  head;
    sp_ref_t  tail;
    uint32_t  tier;
} sp_glob_t;


typedef struct {
    sp_ref_t  name;
    uint32_t  tier;
} sp_tier_name_t;


typedef struct {
    sp_ref_t  name;
    sp_ref_t  model;
} sp_alias_t;


/* What the policy says of a row of sp_route(). */
typedef struct {
    uint8_t   open;
    uint8_t   busy;       /* 429 in place of 503 */
    uint8_t   pad[2];
    sp_ref_t  model;      /* of requests that name none */
} sp_served_t;


typedef struct {
    sp_ref_t  path;       /* pattern */
    uint32_t  route;
} sp_path_t;


/*
 * One row of one window of a throttle. Of requests, interval and tolerance
 * are those of sp_gcra(); of other meters they depend on the cost.
 */
typedef struct {
    uint64_t  interval;   /* ns */
    uint64_t  tolerance;  /* ns */
    uint64_t  limit;
    uint64_t  period;     /* s; of a calendar window about that long */
    uint64_t  burst;
    uint8_t   window;     /* sp_window_t */
    uint8_t   meter;      /* sp_meter_t */
    uint8_t   pad[6];
} sp_rate_t;


typedef struct {
    sp_ref_t    head;     /* "head*tail", or a whole name: tail is empty */
    sp_ref_t    tail;
    uint32_t    glob;
    uint32_t    pad;
    sp_price_t  price;
} sp_price_row_t;


#define SP_RULE_MODEL  1   /* may differ between the models of a request */


/* Rules are sorted by kind and id: comparing indexes compares ids. */
typedef struct {
    uint32_t  cond;       /* node, or SP_NO_COND */
    uint16_t  reason;
    uint16_t  rank;       /* of the reason */
    uint8_t   kind;       /* sp_rule_kind_t */
    uint8_t   shadow;
    uint8_t   skip;       /* "unknown: skip" */
    uint8_t   flags;
    uint8_t   dated;      /* from or until is set */
    uint8_t   exception;  /* sp_exception_kind_t */
    uint8_t   per;        /* sp_per_t bits */
    uint8_t   by;         /* field of the rate table, or SP_NO_FIELD */
    int64_t   from;       /* inclusive */
    int64_t   until;      /* exclusive */
    uint32_t  list;       /* offset of rule indexes: of a deny rule the
                             exceptions that lift it, sorted by account; of a
                             throttle those it replaces; of an exception
                             those it lifts */
    uint32_t  nlist;
    uint32_t  rates;      /* index of the first row */
    uint32_t  nrates;     /* rows of a window */
    uint32_t  nwindows;   /* each with so many rows, one behind the other */
    uint32_t  throttle;   /* index of its sp_throttle_t */
    int64_t   by_min;     /* value of the first row */
    sp_ref_t  id;
    sp_ref_t  message;
    sp_ref_t  account;
    sp_ref_t  authority;
    sp_ref_t  ticket;
    sp_ref_t  file;
    uint32_t  line;
    uint16_t  share;      /* of "canary N%", 1/100 %; 0: not a canary */
    uint16_t  pad;
} sp_rule_t;


/* "never: allow" and its kin, sorted by id. */
typedef struct {
    uint32_t  cond;       /* node */
    uint32_t  line;       /* of the word "never" or "always" */
    uint32_t  col;
    uint32_t  len;
    uint8_t   never;
    uint8_t   deny;
    uint8_t   pad[6];
    sp_ref_t  id;
    sp_ref_t  file;
} sp_invariant_t;


/* A fact that the policy declares. */
typedef struct {
    sp_ref_t  name;       /* "account.x_cleared" */
    sp_ref_t  help;
    uint8_t   type;       /* sp_type_t */
    uint8_t   optional;
    uint8_t   pad[2];
    uint32_t  nvalues;    /* of an enum */
    uint32_t  values;     /* offset: sp_ref_t */
    uint32_t  pad2;
    int64_t   min;
    int64_t   max;
    int64_t   number;     /* what absent means, where it means something: a */
    sp_ref_t  text;       /* number or a place, or of a string this */
} sp_own_t;


/* Facts that tell many callers apart, where a policy asks for them. */
#define SP_READS_REGION  1
#define SP_READS_ASN     2


struct sp_policy_s {
    uint32_t  magic;
    uint32_t  layout;
    uint64_t  size;
    uint8_t   hash[SP_POLICY_HASH_LEN];

    uint32_t  rules;         /* offsets from the start, and counts */
    uint32_t  nrules;
    uint32_t  nodes;
    uint32_t  nnodes;
    uint32_t  sets;
    uint32_t  nsets;         /* the named ones first */
    uint32_t  reasons;
    uint32_t  nreasons;
    uint32_t  rates;
    uint32_t  nrates;
    uint32_t  throttles;     /* sp_throttle_t */
    uint32_t  nthrottles;
    uint32_t  prices;        /* sp_price_row_t: names, then globs, the most */
    uint32_t  nprices;       /* specific first; the last is the dearest of */
    uint32_t  pad_prices;    /* each kind, of models that are not named */
    uint32_t  tiers;         /* sp_tier_name_t, sorted by name */
    uint32_t  ntiers;
    uint32_t  globs;         /* sp_glob_t, the most specific first */
    uint32_t  nglobs;
    uint32_t  strings;
    uint32_t  strings_len;
    uint32_t  invariants;
    uint32_t  ninvariants;
    uint32_t  own;           /* sp_own_t */
    uint32_t  nown;
    uint32_t  routes;        /* sp_served_t, one for each sp_route() */
    uint32_t  nroutes;
    uint32_t  paths;         /* sp_path_t, in the order of the files */
    uint32_t  npaths;
    uint32_t  aliases;       /* sp_alias_t, sorted by name */
    uint32_t  naliases;

    uint32_t  first[SP_RULE_KINDS + 1];   /* first rule of each kind */
    uint32_t  nlists;                     /* named sets */

    sp_ref_t  name;
    sp_ref_t  revision;
    sp_ref_t  owner;
    sp_ref_t  blocked_by;
    sp_ref_t  header;                     /* that names the end customer */
    uint32_t  customers;                  /* sp_customers_t */
    uint32_t  reads;                      /* SP_READS_*: any condition does */
    sp_ref_t  contact;
    sp_ref_t  appeal;
    sp_ref_t  legal_basis;

    int64_t   max_age[SP_AGED_SOURCES];   /* s; -1 not set */
    int64_t   stale[SP_TIERS + 1];        /* s by tier; 0 deny; -1 not set */
};


#define sp_image_at(policy, offset, type)                                     \
    ((const type *) (const void *) ((const unsigned char *) (policy)          \
                                    + (offset)))

#define sp_image_rule(policy, i)                                              \
    (sp_image_at(policy, (policy)->rules, sp_rule_t) + (i))

#define sp_image_own(policy, field)                                           \
    (sp_image_at(policy, (policy)->own, sp_own_t) + ((field) - SP_FIELDS))

#define sp_image_invariant(policy, i)                                         \
    (sp_image_at(policy, (policy)->invariants, sp_invariant_t) + (i))

#define sp_image_set(policy, i)                                               \
    (sp_image_at(policy, (policy)->sets, sp_set_t) + (i))


static inline uint32_t
sp_image_reads(const sp_policy_t *policy)
{
    uint32_t          i, reads;
    const sp_node_t  *node;

    reads = 0;
    node = sp_image_at(policy, policy->nodes, sp_node_t);

    for (i = 0; i < policy->nnodes; i++) {

        if (node[i].field == SP_F_IP_REGION || node[i].other == SP_F_IP_REGION)
        {
            reads |= SP_READS_REGION;
        }

        if (node[i].field == SP_F_IP_ASN || node[i].other == SP_F_IP_ASN) {
            reads |= SP_READS_ASN;
        }
    }

    return reads;
}


static inline sp_how_t
sp_image_how(sp_type_t a, sp_type_t b)
{
    if (a == SP_T_STRING) {
        return SP_HOW_STRING;
    }

    if (b != SP_T_PLACES && (a == SP_T_COUNTRY || b == SP_T_COUNTRY)) {
        return SP_HOW_COUNTRY;
    }

    return (a == SP_T_COUNTRY || a == SP_T_PLACE || a == SP_T_REGION)
           ? SP_HOW_PLACE : SP_HOW_NUMBER;
}


/* Of two rows of one window: the first gives less. */
static inline int
sp_rate_stricter(const sp_rate_t *one, const sp_rate_t *two)
{
    unsigned __int128  a, b;

    if (one->window != SP_WINDOW_RATE) {
        return one->limit < two->limit;
    }

    if (one->meter == SP_METER_REQUESTS) {
        return one->interval > two->interval
               || (one->interval == two->interval
                   && one->tolerance < two->tolerance);
    }

    a = (unsigned __int128) one->period * two->limit;
    b = (unsigned __int128) two->period * one->limit;

    return a > b || (a == b && one->burst < two->burst);
}


static inline sp_str_t
sp_image_str(const sp_policy_t *policy, sp_ref_t ref)
{
    sp_str_t  s;

    s.len = ref.len;
    s.data = (const unsigned char *) policy + policy->strings + ref.off;

    return s;
}


/*
 * A truth value in the low two bits; of SP_UNSURE the bits above say why.
 * Bits that a definite value carries mean nothing.
 */

#define SP_WHY_FAILED   4
#define SP_WHY_PENDING  8

#define sp_truth_of(value)  ((sp_truth_t) ((value) & 3))


#endif /* SP_POLICY_IMAGE_H */

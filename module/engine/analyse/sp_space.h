
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the space of requests that policies can tell apart: a
 * variable for each fact or small group of facts that they read, its values
 * put into classes that no test distinguishes, and what is known of how facts
 * go together. Private to the analysis.
 *
 * A request here is one that passed all built-in refusals but that of the
 * account's status, and that names one model or none.
 */


#ifndef SP_SPACE_H
#define SP_SPACE_H


#include "policy/sp_expr.h"
#include "sp_dd.h"


#define SP_SPACE_POLICIES  2
#define SP_SPACE_FIELDS    (SP_FIELDS + SP_SPACE_POLICIES * SP_OWN_FACTS_MAX)


typedef enum {
    SP_VAR_FACTS = 0,    /* one field or two that belong together */
    SP_VAR_TEST,         /* of several facts at once: false, unsure, true */
    SP_VAR_SHARE,        /* an interval of a function and a list */
    SP_VAR_CANARY        /* whether the account is among a rule's canaries */
} sp_var_kind_t;


/* A value of a variable; v[1] is that of its second field. */
typedef struct {
    sp_value_t  v[2];
    uint32_t    class;
} sp_cand_t;


typedef struct {
    sp_var_kind_t  kind;
    int            fields[2];     /* second -1: none */
    unsigned       policy;        /* of a test, a share, a canary */
    uint32_t       node;          /* or the rule of a canary */
    sp_cand_t     *cands;
    uint32_t       n, max;
    uint32_t       width;         /* classes */
    uint32_t      *first;         /* candidate of each class */
} sp_var_t;


typedef struct {
    uint32_t  var;
    sp_dd_t   yes, no;            /* where it is true, where false */
} sp_atom_t;


/* A fact that policies declare; one of one name and type is one fact. */
typedef struct {
    sp_field_t  row;
    int         local[SP_SPACE_POLICIES];    /* its number there, or -1 */
} sp_space_own_t;


typedef struct {
    int                 failed;       /* no memory, or more than can be held */
    unsigned            npolicies;
    const sp_policy_t  *policies[SP_SPACE_POLICIES];
    sp_arena_t         *arena;
    int64_t             now;

    sp_place_t         *places;       /* countries, then subdivisions */
    uint32_t            nplaces;
    int                 nfields;      /* with those that policies declare */
    sp_space_own_t      own[SP_SPACE_FIELDS - SP_FIELDS];
    sp_node_t          *nodes[SP_SPACE_POLICIES];  /* with fields of here */
    int                 team[SP_SPACE_FIELDS];  /* fields that are compared */
    int                 of[SP_SPACE_FIELDS];    /* variable, or -1 */

    sp_var_t           *vars;
    unsigned            nvars, maxvars;
    sp_atom_t          *atoms[SP_SPACE_POLICIES];  /* by node */
    sp_dds_t           *dds;
    sp_dd_t             theory;       /* what requests can be */
    sp_dd_t             ahead;        /* of those, at "now" or later */
} sp_space_t;


/*
 * Makes the space that n policies share. NULL: no memory. What came out may
 * have reached a cap: see sp_space_void().
 */
sp_space_t *sp_space_create(const sp_policy_t *const *policies, unsigned n,
    int64_t now);
void sp_space_destroy(sp_space_t *space);

/* 1: too large, nothing may be claimed. */
int sp_space_void(const sp_space_t *space);

/* Where a condition is true and where false; SP_NO_COND is always true. */
void sp_space_cond(sp_space_t *space, unsigned policy, uint32_t node,
    sp_dd_t *yes, sp_dd_t *no);

/* Where "now" is in [from, until). */
sp_dd_t sp_space_time(sp_space_t *space, int64_t from, int64_t until);

/* Where a field has a value that "test" takes; unknown values too. */
typedef int (*sp_space_test_pt)(const sp_space_t *space,
    const sp_value_t *v, const void *arg);
/* The row of sp_route() with this name and dialect, or -1. */
int sp_space_route(int64_t name, int64_t dialect);

sp_dd_t sp_space_where(sp_space_t *space, int field, sp_space_test_pt test,
    const void *arg);

/* The same of model.tier, by the catalogue of one policy. */
sp_dd_t sp_space_model(sp_space_t *space, unsigned policy,
    sp_space_test_pt test, const void *arg);

/* One more variable; NULL: no memory. */
sp_var_t *sp_space_add(sp_space_t *space);

/* The variable of a field; made if it is not there (before the diagrams). */
int sp_space_var(sp_space_t *space, int field);

/* The variable of a rule's canary, or -1. */
int sp_space_canary(const sp_space_t *space, unsigned policy, uint32_t rule);


/* sp_space_test.c: the variables that the tests of a policy need. */
void sp_space_tests(sp_space_t *space, unsigned policy);

/* sp_space_class.c: puts the candidates of a variable into classes. */
void sp_space_classes(sp_space_t *space, unsigned var);

/* The facts of a candidate, with the tier by a policy's own catalogue. */
void sp_space_put(const sp_space_t *space, const sp_var_t *var,
    const sp_cand_t *cand, unsigned policy, sp_facts_t *facts);

/* sp_space_place.c: countries and subdivisions. */
void sp_space_universe(sp_space_t *space);
void sp_value_places(sp_space_t *space, sp_var_t *var);
void sp_value_ip_places(sp_space_t *space, sp_var_t *var);

/* sp_space_net.c */
void sp_value_asns(sp_space_t *space, sp_var_t *var);
void sp_value_addresses(sp_space_t *space, sp_var_t *var);

/* sp_space_value.c: the candidates of a variable, the ordinary ones first. */
void sp_space_candidates(sp_space_t *space, sp_var_t *var);
void sp_space_cand(sp_space_t *space, sp_var_t *var, const sp_value_t *one,
    const sp_value_t *two);
void sp_value_number(sp_space_t *space, sp_var_t *var, int field,
    int64_t number);
void sp_value_bounds(sp_space_t *space, sp_var_t *var, int field);

/* Whether a field may be without a value that way. */
int sp_space_unknown(const sp_space_t *space, int field);
int sp_space_absent(const sp_space_t *space, int field);

/* sp_space_name.c: names that all lists and patterns can tell apart. */
typedef struct {
    sp_str_t  *names;
    uint32_t   n, max;
} sp_names_t;

/* For the fields of a team, or those of listed_share() (-1). */
void sp_space_names(sp_space_t *space, int team, sp_names_t *out);
void sp_space_names_free(sp_names_t *names);

/* sp_space_theory.c */
sp_dd_t sp_space_theory(sp_space_t *space);

/* sp_space_share.c */
void sp_theory_shares(sp_space_t *space);
void sp_theory_canaries(sp_space_t *space);

/* No request is in both. */
void sp_theory_never(sp_space_t *space, sp_dd_t a, sp_dd_t b);

/* sp_space_set.c */
void sp_theory_sets(sp_space_t *space);

/* Whether the list of one share is part of that of another. */
int sp_space_within(const sp_space_t *space, const sp_var_t *a,
    const sp_var_t *b);

/* Two variables, of whose values only some pairs can be together. */
typedef int (*sp_pair_pt)(const sp_cand_t *a, const sp_cand_t *b);
void sp_theory_relation(sp_space_t *space, int a, int b, sp_pair_pt fits);

/* Whether one value is in the list of a test. */
sp_truth_t sp_space_member(const sp_space_t *space, unsigned policy,
    const sp_node_t *node, const sp_value_t *v);

/* An interval as a value: its ends in basis points. */
#define sp_space_low(v)   ((int) ((v)->u.i >> 16))
#define sp_space_high(v)  ((int) ((v)->u.i & 0xffff))

#define sp_space_node(space, policy, node)                                    \
    ((const sp_node_t *) &(space)->nodes[policy][node])

/* sp_space_field.c: numbers of fields here, and there in a policy (or -1). */
void sp_space_fields(sp_space_t *space);
const sp_field_t *sp_space_row(const sp_space_t *space, int field);
int sp_space_here(const sp_space_t *space, unsigned policy, int field);
int sp_space_there(const sp_space_t *space, unsigned policy, int field);


/* A request made flesh; it points into itself and into the space. */
typedef struct {
    sp_facts_t    facts;
    sp_account_t  account;
    sp_account_t  customer;        /* of which only the status counts */
    sp_key_t      key;
    sp_str_t      model;
    int           status;          /* of the account, as the record says */
    uint32_t     *picks;           /* candidate of each variable */
    sp_place_t    places[SP_PLACES_MAX];
    unsigned      nplaces;
} sp_flesh_t;


/*
 * Makes a request of the classes in values[]. SP_DECLINED: none was found,
 * though there may be one. On SP_OK each test of each policy has, by the
 * evaluator itself, the value that the classes say.
 */
sp_rc_t sp_space_flesh(sp_space_t *space, const uint32_t *values,
    sp_flesh_t *flesh);

/* As a policy sees it: with the tier and the facts that it names. */
void sp_flesh_for(const sp_space_t *space, unsigned policy,
    sp_flesh_t *flesh);

/* sp_space_record.c: the account's record, as the picks say. */
void sp_flesh_record(const sp_space_t *space, const uint32_t *values,
    sp_flesh_t *flesh);

/* As JSON that `sallyport explain --request` reads; returns its length. */
size_t sp_flesh_json(const sp_space_t *space, const sp_flesh_t *flesh,
    char *buf, size_t size);


#endif /* SP_SPACE_H */

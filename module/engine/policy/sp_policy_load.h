
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains a policy while it is loaded: what the files said, with
 * the places where they said it. Private to the engine.
 */


#ifndef SP_POLICY_LOAD_H
#define SP_POLICY_LOAD_H


#include "sp_policy_image.h"
#include "sp_policy_keys.h"
#include "sp_yaml.h"


#define SP_FILES_MAX        128
#define SP_FILES_BYTES      (16 * 1024 * 1024)   /* all of them */
#define SP_LISTS_MAX        1000
#define SP_LIST_ITEMS_MAX   1000000
#define SP_REASONS_MAX      1000
#define SP_CATALOGUE_MAX    10000
#define SP_PRICES_MAX       1000
#define SP_ROUTE_KEYS_MAX   512
#define SP_ROUTE_PATHS_MAX  256
#define SP_ALIASES_MAX      1000
#define SP_REPLACES_DEPTH   8                    /* of a chain of throttles */
#define SP_ID_MAX           64                   /* bytes of a name */
#define SP_MODEL_NAME_MAX   256
#define SP_KEYS_MAX         32                   /* of one kind of mapping */

#define SP_TIME_MIN         INT64_MIN
#define SP_TIME_MAX         INT64_MAX


typedef struct sp_ast_s   sp_ast_t;
typedef struct sp_lset_s  sp_lset_t;
typedef struct sp_lrule_s sp_lrule_t;


/* A list while it is loaded: items by type, growing. */
struct sp_lset_s {
    sp_str_t          name;      /* empty: items written in a condition */
    sp_list_type_t    type;
    const sp_ynode_t *node;
    sp_str_t          source;
    int64_t           from;
    int64_t           until;
    int64_t           review;
    unsigned          used;
    size_t            n, max;
    sp_place_t       *places;    /* subdivisions only */
    uint32_t         *asns;
    sp_network_t     *nets;
    sp_str_t         *names;     /* globs among them */
    sp_countries_t    countries;
    sp_countries_t    parts;
    uint32_t          index;     /* in the image */
    sp_lset_t        *next;
};


struct sp_lrule_s {
    const sp_ynode_t  *node;
    const sp_ynode_t  *id_node;
    const sp_ynode_t  *when;
    const sp_ynode_t  *lifts;      /* sequences of ids, or NULL */
    const sp_ynode_t  *replaces;
    const sp_ynode_t  *valid;
    sp_str_t           id;
    sp_str_t           when_text;
    unsigned           indent;     /* of a condition of several lines */
    sp_str_t           message;
    sp_str_t           account;
    sp_str_t           authority;
    sp_str_t           ticket;
    sp_ast_t          *ast;        /* NULL: always */
    sp_rule_kind_t     kind;
    sp_exception_kind_t  exception;
    int                shadow;
    unsigned           share;      /* of a canary, in 1/100 %, or 0 */
    int                unknown;    /* 0 not said, 1 match, 2 skip */
    int                reason;     /* index, or -1 */
    int                flags;
    int64_t            from;
    int64_t            until;
    unsigned           approvers;
    uint8_t            per;
    int                by;         /* field, or -1 */
    int64_t            by_min;
    unsigned           nrates;     /* rows of a window */
    unsigned           nwindows;
    sp_rate_t         *rates;
    sp_throttle_t      throttle;
    int                seen;       /* by the search for cycles */
    sp_lrule_t       **lifted;     /* exceptions to a deny rule, by account */
    unsigned           nlifted;
    uint32_t           index;      /* in the image */
    sp_lrule_t        *next;
};


typedef struct {
    sp_lrule_t         rule;       /* id and condition */
    const sp_ynode_t  *what;       /* "never: allow" */
    int                never;
    int                deny;
} sp_linvariant_t;


typedef struct {
    sp_str_t           code;
    sp_str_t           public_code;
    sp_str_t           text;
    sp_reason_row_t    row;        /* numbers; strings are those above */
    const sp_ynode_t  *node;
} sp_lreason_t;


typedef struct {
    sp_str_t           name;
    unsigned           tier;
    const sp_ynode_t  *node;
} sp_ltier_t;


typedef struct {
    sp_str_t           name;
    size_t             head;       /* bytes before a '*' */
    int                glob;
    sp_price_t         price;
    const sp_ynode_t  *node;
} sp_lprice_t;


typedef struct {
    sp_str_t           name;
    sp_str_t           model;
    const sp_ynode_t  *node;
} sp_lalias_t;


/* How much a key of "routes:" says: the exacter one counts. */
typedef enum {
    SP_SAYS_NOTHING = 0,
    SP_SAYS_ALL,
    SP_SAYS_DIALECT,
    SP_SAYS_NAME,
    SP_SAYS_BOTH
} sp_lsays_t;


typedef struct {
    int                open;
    int                busy;
    sp_str_t           model;
    sp_lsays_t         says_open;
    sp_lsays_t         says_busy;
    sp_lsays_t         says_model;
} sp_lserved_t;


typedef struct {
    sp_str_t           path;
    int                route;
    const sp_ynode_t  *node;
} sp_lpath_t;


/* A declared fact: its row, and what absent means. */
typedef struct {
    sp_field_t         field;
    sp_str_t           name;
    sp_str_t           help;
    unsigned           nvalues;
    int64_t            number;
    sp_str_t           text;
    const sp_ynode_t  *node;
} sp_lown_t;


typedef struct {
    sp_arena_t              *arena;
    sp_diags_t              *diags;
    const sp_policy_opts_t  *opts;
    void                    *sha;       /* EVP_MD_CTX */
    struct sp_analysis_s    *analysis;  /* wanted, or NULL */
    const struct sp_bundle_s  *bundle;  /* what is signed, or NULL */
    int                      files_ok;  /* other files may be read */
    int                      failed;    /* no memory */

    unsigned                 nfiles;
    size_t                   bytes;
    const char              *files[SP_FILES_MAX];   /* resolved names */
    sp_str_t                 dirs[2];   /* no file outside of both is read */
    sp_ynode_t              *roots[SP_FILES_MAX];
    unsigned                 nroots;

    sp_str_t                 name;
    sp_str_t                 revision;
    sp_str_t                 owner;
    sp_str_t                 blocked_by;
    sp_str_t                 header;       /* that names the end customer */
    sp_customers_t           customers;
    sp_str_t                 contact;
    sp_str_t                 appeal;
    sp_str_t                 legal_basis;
    const sp_ynode_t        *scalars[8];   /* first place of each */
    int64_t                  zone;         /* seconds east of UTC */
    int64_t                  max_age[SP_AGED_SOURCES];
    int64_t                  stale[SP_TIERS + 1];

    sp_lset_t               *sets;      /* named ones, in the order found */
    sp_lset_t              **sets_tail;
    unsigned                 nlists;
    unsigned                 nsets;     /* with those of conditions */

    sp_lrule_t              *rules;
    sp_lrule_t             **rules_tail;
    unsigned                 nrules;
    sp_lrule_t             **sorted;    /* by id, for look-ups */
    uint32_t                 ends[SP_RULE_KINDS];

    sp_lreason_t            *reasons;
    size_t                   nreasons;

    sp_ltier_t              *tiers;
    size_t                   ntiers;

    sp_lprice_t             *prices;
    size_t                   nprices;
    const sp_ynode_t        *spend;     /* a throttle that needs them */

    sp_lalias_t             *aliases;
    size_t                   naliases;

    sp_lserved_t             served[SP_ROUTES_MAX];
    const sp_ynode_t        *route_keys[SP_ROUTE_KEYS_MAX];
    size_t                   nroute_keys;
    sp_lpath_t               paths[SP_ROUTE_PATHS_MAX];
    size_t                   npaths;

    sp_lown_t                own[SP_OWN_FACTS_MAX];
    unsigned                 nown;

    sp_linvariant_t         *invariants;   /* sorted by id, once checked */
    size_t                   ninvariants;

    int                      used_region;  /* ip.region is asked for */
} sp_load_t;


sp_str_t sp_node_line(const sp_ynode_t *node);

#define sp_load_error(l, node, code, help, ...)                               \
    sp_diag_add((l)->diags, SP_DIAG_ERROR, code, sp_ynode_mark(node),         \
                sp_node_line(node), help, __VA_ARGS__)

#define sp_load_warn(l, node, code, help, ...)                                \
    sp_diag_add((l)->diags, SP_DIAG_WARNING, code, sp_ynode_mark(node),       \
                sp_node_line(node), help, __VA_ARGS__)

/*
 * The word that may be meant, or NULL. It is not looked for once no message
 * is kept any more.
 */
const char *sp_load_near(const sp_load_t *l, sp_str_t word,
    const char *const *words, size_t n);

/* Arena memory; NULL is remembered as a failure of the whole load. */
void *sp_load_alloc(sp_load_t *l, size_t size);


/* sp_policy_value.c: typed scalars; a message is given on SP_ERROR. */
sp_rc_t sp_value_kind(sp_load_t *l, const sp_ynode_t *node, sp_ykind_t kind,
    const char *what);
sp_rc_t sp_value_text(sp_load_t *l, const sp_ynode_t *node, sp_str_t *s);
sp_rc_t sp_value_name(sp_load_t *l, const sp_ynode_t *node, sp_str_t *s);
sp_rc_t sp_value_uint(sp_load_t *l, const sp_ynode_t *node, uint64_t min,
    uint64_t max, uint64_t *value);
sp_rc_t sp_value_duration(sp_load_t *l, const sp_ynode_t *node,
    int64_t *seconds);
sp_rc_t sp_value_time(sp_load_t *l, const sp_ynode_t *node, int end,
    int64_t *when);
int sp_value_word(sp_load_t *l, const sp_ynode_t *node,
    const char *const *words, size_t n);

/* Keys and words by the table of sp_policy_keys.h. */
sp_rc_t sp_value_keys(sp_load_t *l, const sp_ynode_t *map, sp_keys_id_t id);
int sp_value_of(sp_load_t *l, const sp_ynode_t *node, sp_keys_id_t id,
    const char *key);

/* SP_OK or SP_ERROR, without a message. */
sp_rc_t sp_text_duration(sp_str_t s, int64_t *seconds);
sp_rc_t sp_text_percent(sp_str_t s, int64_t *bps);
sp_rc_t sp_text_time(sp_str_t s, int64_t zone, int end, int64_t *when);
sp_rc_t sp_text_bool(sp_str_t s, int *value);

/* sp_policy_load.c */
sp_rc_t sp_load_read(sp_load_t *l, const sp_ynode_t *from, const char *file,
    const char **name, sp_str_t *text);

/* sp_policy_top.c */
void sp_load_top(sp_load_t *l, const sp_ynode_t *root, int first);

/* sp_policy_customer.c */
void sp_load_customers(sp_load_t *l, const sp_ynode_t *map);

/* sp_list.c */
void sp_load_lists(sp_load_t *l, const sp_ynode_t *map);
void sp_load_lists_check(sp_load_t *l);
sp_lset_t *sp_lset_find(sp_load_t *l, sp_str_t name);
sp_lset_t *sp_lset_create(sp_load_t *l, sp_list_type_t type);
sp_rc_t sp_lset_add(sp_load_t *l, sp_lset_t *set, sp_str_t item,
    const char **why, char **help);
void sp_lset_finish(sp_load_t *l, sp_lset_t *set);
const char *sp_list_type_name(sp_list_type_t type);

/* sp_policy_reason.c */
void sp_load_reasons_init(sp_load_t *l);
void sp_load_reasons(sp_load_t *l, const sp_ynode_t *map);
int sp_load_reason(sp_load_t *l, const sp_ynode_t *node);

/* sp_policy_model.c */
void sp_load_models(sp_load_t *l, const sp_ynode_t *map);
void sp_load_models_finish(sp_load_t *l);

/* sp_policy_route.c */
void sp_load_routes_init(sp_load_t *l);
void sp_load_routes(sp_load_t *l, const sp_ynode_t *map);

/* sp_policy_rule.c; "valid: {from, until}", untouched where it is not said */
sp_rc_t sp_load_dates(sp_load_t *l, const sp_ynode_t *node, int64_t *from,
    int64_t *until);
void sp_load_rules(sp_load_t *l, const sp_ynode_t *seq, sp_rule_kind_t kind);
sp_lrule_t *sp_lrule_find(sp_load_t *l, sp_str_t id);

/* sp_policy_own.c */
void sp_load_facts(sp_load_t *l, const sp_ynode_t *map);
const sp_field_t *sp_load_field(const sp_load_t *l, int id);
int sp_load_field_find(const sp_load_t *l, sp_str_t name);   /* or -1 */

/* A bool, an int, a place or the time of an age, as records write them. */
sp_rc_t sp_own_number(sp_type_t type, int64_t min, int64_t max, sp_str_t s,
    int64_t *number);

/* sp_policy_invariant.c */
void sp_load_invariants(sp_load_t *l, const sp_ynode_t *seq);
void sp_load_invariants_finish(sp_load_t *l);

/* sp_policy_throttle.c */
void sp_load_throttle(sp_load_t *l, sp_lrule_t *rule);

/* sp_policy_rate.c: the windows of a throttle and their rows. */
void sp_load_windows(sp_load_t *l, sp_lrule_t *rule);

/* sp_policy_price.c */
void sp_load_prices(sp_load_t *l, const sp_ynode_t *map);
void sp_load_prices_finish(sp_load_t *l);

/*
 * "1250", "0.25": a decimal of at most "digits" digits after the point, times
 * ten to their number. SP_ERROR without a message.
 */
sp_rc_t sp_text_decimal(sp_str_t s, unsigned digits, uint64_t max,
    uint64_t *value);

/* sp_expr_parse.c: reads rule->when into rule->ast. */
sp_rc_t sp_load_condition(sp_load_t *l, sp_lrule_t *rule);

/* sp_policy_check.c: what only the whole policy can tell. */
void sp_load_check(sp_load_t *l);

/* sp_policy_load.c: only files as in the bundle are read. */
sp_policy_t *sp_policy_load_bundle(const char *file,
    const sp_policy_opts_t *opts, const struct sp_bundle_s *bundle,
    sp_diags_t *diags);

/* sp_policy_emit.c */
sp_policy_t *sp_load_emit(sp_load_t *l);

/* analyse/sp_analyse_load.c */
void sp_load_analyse(sp_load_t *l, const sp_policy_t *policy);


#endif /* SP_POLICY_LOAD_H */

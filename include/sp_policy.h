
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the compiled policy: one flat, pointer-free, immutable
 * object, made from policy files by the loader and read by the decision. It
 * can be copied to shared memory and read by every worker at once.
 */


#ifndef SP_POLICY_H
#define SP_POLICY_H


#include "sp_diag.h"
#include "sp_field.h"
#include "sp_reason.h"
#include "sp_route.h"


#define SP_POLICY_MAGIC       0x53504f4cu   /* "SPOL" */
#define SP_POLICY_LAYOUT      8             /* grows with each layout */
#define SP_POLICY_HASH_LEN    32

#define SP_EXPR_NODES         256
#define SP_EXPR_DEPTH         16
#define SP_EXPR_BYTES         2048
#define SP_RULES_MAX          10000
#define SP_INVARIANTS_MAX     1000
#define SP_TIERS              3             /* model tiers 1..3 */


typedef struct sp_policy_s  sp_policy_t;    /* layout: sp_policy_image.h */


typedef enum {
    SP_RULE_DENY = 0,
    SP_RULE_ALLOW,
    SP_RULE_THROTTLE,
    SP_RULE_FLAG,
    SP_RULE_EXCEPTION
} sp_rule_kind_t;


typedef enum {
    SP_EXCEPTION_LICENCE = 0,
    SP_EXCEPTION_WAIVER,
    SP_EXCEPTION_APPEAL
} sp_exception_kind_t;


/* Sources whose answers a policy may bound in age. */
typedef enum {
    SP_AGED_GEOIP = 0,
    SP_AGED_RECORD,
    SP_AGED_SOURCES
} sp_aged_t;


/* "customers: {from: ...}": how a reseller names its end customer. */
typedef enum {
    SP_CUSTOMERS_NONE = 0,   /* not at all: there are no customer.* */
    SP_CUSTOMERS_HEADER,
    SP_CUSTOMERS_BODY        /* by its dialect's field for the end user */
} sp_customers_t;


/*
 * "invariants:": what must hold for every request for which "when" is true.
 * Deciding does not read them; the analysis of a policy proves or refutes
 * them. "throttle" counts as an allow here: it is one that has to wait.
 */
typedef struct {
    sp_str_t  id;
    sp_str_t  when;         /* as written */
    int       never;        /* "never: ...": not so; 0 "always: ...": so */
    int       deny;         /* "... deny"; 0 "... allow" */
    sp_str_t  file;
    unsigned  line;         /* of "never: allow", from 1 */
    unsigned  col;          /* in characters, from 1 */
    unsigned  len;
} sp_policy_invariant_t;


typedef struct {
    int64_t  now;           /* unix seconds: review dates, dated rules */
    int      has_regions;   /* the GeoIP database knows subdivisions */
} sp_policy_opts_t;


/*
 * Loads a policy file (and what it includes), checks it and compiles it.
 * Diagnostics are added to diags; with any error the result is NULL. The
 * result is one block from malloc(): free() it, or memcpy() its
 * sp_policy_size() bytes anywhere aligned to 16.
 */
sp_policy_t *sp_policy_load(const char *file, const sp_policy_opts_t *opts,
    sp_diags_t *diags);

/* The same from memory; "name" stands in messages; include is refused. */
sp_policy_t *sp_policy_load_text(const char *name, sp_str_t text,
    const sp_policy_opts_t *opts, sp_diags_t *diags);

/*
 * The same, and the policy is analysed as a whole (sp_analyse.h): what that
 * finds is among the messages, an error of it refuses too. *analysis says
 * what was done.
 */
struct sp_analysis_s;

sp_policy_t *sp_policy_load_analysed(const char *file,
    const sp_policy_opts_t *opts, sp_diags_t *diags,
    struct sp_analysis_s *analysis);
sp_policy_t *sp_policy_load_text_analysed(const char *name, sp_str_t text,
    const sp_policy_opts_t *opts, sp_diags_t *diags,
    struct sp_analysis_s *analysis);

size_t sp_policy_size(const sp_policy_t *policy);

/*
 * 1 if "size" bytes at "image" (aligned to 16) are a policy of this layout in
 * which every offset, index and number is inside its bounds. For an image
 * that comes from elsewhere; what sp_policy_load() made needs no test.
 */
int sp_policy_valid(const void *image, size_t size);

sp_str_t sp_policy_name(const sp_policy_t *policy);
sp_str_t sp_policy_revision(const sp_policy_t *policy);

/* SHA-256 over the bytes of every file read, in the order read. */
const unsigned char *sp_policy_hash(const sp_policy_t *policy);

/* 1 if a rule reads this field: in its condition, or for its rate. */
int sp_policy_reads(const sp_policy_t *policy, int field);

/* Rules by index, 0..count - 1, over all kinds; ids are unique. */
int sp_policy_rules(const sp_policy_t *policy);
sp_str_t sp_policy_rule_id(const sp_policy_t *policy, int rule);
sp_rule_kind_t sp_policy_rule_kind(const sp_policy_t *policy, int rule);

/*
 * "valid:", in unix seconds: in force from "from" on and before "until";
 * INT64_MIN and INT64_MAX where it does not say.
 */
void sp_policy_rule_valid(const sp_policy_t *policy, int rule, int64_t *from,
    int64_t *until);

/*
 * Whom it is enforced for, in hundredths of a percent of the accounts: 10000
 * all of them ("enforce"), 0 none ("shadow"), else those of a "canary N%",
 * which sp_canary() (sp_decide.h) tells from the others.
 */
#define SP_CANARY_ALL  10000

unsigned sp_policy_rule_share(const sp_policy_t *policy, int rule);

/* The rule's own sentence for the caller, or empty. */
sp_str_t sp_policy_rule_message(const sp_policy_t *policy, int rule);

/* Where it stands: the file's name as it was opened, and the line. */
sp_str_t sp_policy_rule_file(const sp_policy_t *policy, int rule,
    unsigned *line);

/* Of an exception. */
sp_exception_kind_t sp_policy_exception_kind(const sp_policy_t *policy,
    int rule);
sp_str_t sp_policy_exception_account(const sp_policy_t *policy, int rule);
sp_str_t sp_policy_exception_authority(const sp_policy_t *policy, int rule);
sp_str_t sp_policy_exception_ticket(const sp_policy_t *policy, int rule);

/*
 * The facts that the rules of a policy may read: 0..SP_FIELDS - 1 are those of
 * sp_field(), then come those that it declares under "facts:". "policy" NULL:
 * the former only.
 */
typedef struct {
    sp_str_t     name;
    sp_type_t    type;
    sp_source_t  source;
    int          optional;  /* may be absent */
    int64_t      min, max;  /* of SP_T_INT */
    int          nvalues;   /* of SP_T_ENUM */
    sp_str_t     help;      /* the policy's "note:", or that of the table */
} sp_policy_field_t;

int sp_policy_fields(const sp_policy_t *policy);
void sp_policy_field(const sp_policy_t *policy, int id,
    sp_policy_field_t *field);
sp_str_t sp_policy_field_name(const sp_policy_t *policy, int id);
sp_type_t sp_policy_field_type(const sp_policy_t *policy, int id);
int sp_policy_field_find(const sp_policy_t *policy, sp_str_t name); /* or -1 */

/* The word of an enum's value, empty outside; and back, or -1. */
sp_str_t sp_policy_enum_name(const sp_policy_t *policy, int id,
    int64_t number);
int sp_policy_enum_find(const sp_policy_t *policy, int id, sp_str_t word);

/*
 * Lists by index, in the order in which the files have them. One that is not
 * in force is as one without items: whatever is asked, nothing is in it.
 */
typedef struct {
    sp_str_t     name;
    const char  *type;      /* "country" */
    size_t       items;
    int64_t      from;      /* "valid:", as of a rule */
    int64_t      until;
    int64_t      review;    /* the first second after "review_by:", or
                               INT64_MAX */
    sp_str_t     source;    /* empty if it names none */
    unsigned     used;      /* times that conditions name it */
    sp_str_t     file;
    unsigned     line;      /* of its name, from 1 */
} sp_policy_list_t;

int sp_policy_lists(const sp_policy_t *policy);
void sp_policy_list(const sp_policy_t *policy, int i,
    sp_policy_list_t *list);

/* Invariants by index, sorted by id. */
int sp_policy_invariants(const sp_policy_t *policy);
void sp_policy_invariant(const sp_policy_t *policy, int i,
    sp_policy_invariant_t *invariant);

/* Reasons: the built-in table with the policy's changes and additions. */
const sp_reason_t *sp_policy_reason(const sp_policy_t *policy, int reason);
sp_str_t sp_policy_reason_code(const sp_policy_t *policy, int reason);
sp_str_t sp_policy_reason_public(const sp_policy_t *policy, int reason);
sp_str_t sp_policy_reason_text(const sp_policy_t *policy, int reason);

/* Tier of a model by the catalogue: 1..SP_TIERS, 0 if it is not in it. */
int sp_policy_model_tier(const sp_policy_t *policy, sp_str_t model);

/*
 * The name under which rules know a model: that behind "aliases:", or "model"
 * itself.
 */
sp_str_t sp_policy_model_name(const sp_policy_t *policy, sp_str_t model);

/*
 * "routes:". A row of sp_route() is open unless it ships closed or the policy
 * closes it; a row whose model only the policy can name is closed until it
 * does. A closed one is refused as if it were not there.
 */
int sp_policy_route_open(const sp_policy_t *policy, int route);

/* The model of requests to it that name none, or empty. */
sp_str_t sp_policy_route_model(const sp_policy_t *policy, int route);

/* Whether what could not be verified is answered with 429, not with 503. */
int sp_policy_route_busy(const sp_policy_t *policy, int route);

/*
 * sp_route_find() with the paths of the policy and the SP_HINT_* bits of the
 * head. "param" is the path's model as rules know it, or that of
 * sp_policy_route_model(): what sp_facts_route() and sp_body_param() take.
 * "scratch" as there, but never NULL for a path with an escape. "policy" NULL:
 * only what ships. Closed rows are found, too.
 */
sp_route_rc_t sp_policy_route_find(const sp_policy_t *policy,
    sp_method_t method, sp_str_t raw, sp_str_t normal, unsigned hints,
    unsigned char *scratch, int *route, sp_str_t *param);

/* Paths that the policy adds: 0..count - 1, in the order of the files. */
int sp_policy_route_paths(const sp_policy_t *policy);
sp_str_t sp_policy_route_path(const sp_policy_t *policy, int i, int *route);

/* The HTTP status of a reason on a row, or on none (-1): with its dialect's. */
unsigned sp_policy_status(const sp_policy_t *policy, int route, int reason);

/* Texts for those who are refused, or empty. */
sp_str_t sp_policy_contact(const sp_policy_t *policy);
sp_str_t sp_policy_appeal(const sp_policy_t *policy);
sp_str_t sp_policy_legal_basis(const sp_policy_t *policy);

/* Text after "blocked-by:" in the policy, the URI of RFC 7725; or empty. */
sp_str_t sp_policy_blocked_by(const sp_policy_t *policy);

sp_str_t sp_policy_owner(const sp_policy_t *policy);

/* *header, in small letters, is set where it is one; NULL: not asked for. */
sp_customers_t sp_policy_customers(const sp_policy_t *policy,
    sp_str_t *header);

/*
 * "sources: {geoip: {max_age}, record: {max_age}}": seconds after which
 * whoever fills the facts calls that source's answers unknown; -1 not set.
 */
int64_t sp_policy_max_age(const sp_policy_t *policy, sp_aged_t source);

/*
 * "stale: {by: model.tier, ...}": seconds for which a record may be used after
 * its source stopped answering; 0: not at all; -1: the policy does not say.
 * "tier" 0 is that of requests without a model: the strictest row.
 */
int64_t sp_policy_stale(const sp_policy_t *policy, int tier);


#endif /* SP_POLICY_H */

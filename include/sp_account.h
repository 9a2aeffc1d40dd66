
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the key and account records: flat, pointer-free objects
 * parsed from the hashes in which the store keeps them.
 */


#ifndef SP_ACCOUNT_H
#define SP_ACCOUNT_H


#include "sp_net.h"
#include "sp_place.h"


#define SP_ACCOUNT_SCHEMA   1     /* "v"; readers take it and the one before */
#define SP_ID_LEN           64    /* bytes of an account id or key name */
#define SP_OWNERS_MAX       32
#define SP_OWNER_PLACES     6     /* jurisdictions tied to one holding */
#define SP_LISTED_MAX       8
#define SP_TAGS_MAX         16
#define SP_TAG_LEN          32
#define SP_LIST_LEN         16    /* bytes of the name of a list */
#define SP_OWN_FIELDS_MAX   16    /* account.x_* values kept */
#define SP_OWN_BYTES        512
#define SP_SHARE_ALL        10000 /* basis points */
#define SP_SHARE_ABSENT     0xffff


/* "Not there" for times and small enums of a record. */
#define SP_TIME_ABSENT  INT64_MIN
#define SP_ENUM_ABSENT  0xff


typedef enum {
    SP_TYPE_INDIVIDUAL = 0,
    SP_TYPE_ORGANIZATION,
    SP_TYPE_GOVERNMENT,
    SP_TYPE_RESELLER
} sp_account_type_t;

typedef enum {
    SP_STATUS_UNVERIFIED = 0,
    SP_STATUS_PENDING,
    SP_STATUS_VERIFIED,
    SP_STATUS_REVIEW,
    SP_STATUS_REJECTED,
    SP_STATUS_SUSPENDED,
    SP_STATUS_CLOSED
} sp_account_status_t;

typedef enum {
    SP_SCREENING_CLEAR = 0,
    SP_SCREENING_POTENTIAL,
    SP_SCREENING_HIT,
    SP_SCREENING_ERROR,
    SP_SCREENING_NONE
} sp_screening_t;

typedef enum {
    SP_END_USE_COMMERCIAL = 0,
    SP_END_USE_RESEARCH,
    SP_END_USE_GOVERNMENT,
    SP_END_USE_MILITARY,
    SP_END_USE_MODEL_TRAINING,
    SP_END_USE_RESALE
} sp_end_use_t;

typedef enum {
    SP_RESALE_NONE = 0,
    SP_RESALE_PASSTHROUGH
} sp_resale_t;

typedef enum {
    SP_LINKAGE_OK = 0,
    SP_LINKAGE_WATCH,
    SP_LINKAGE_BLOCKED
} sp_linkage_t;

typedef enum {
    SP_METHOD_CASCADE = 0,
    SP_METHOD_DIRECT,
    SP_METHOD_PRORATA
} sp_owners_method_t;

typedef enum {
    SP_CONTROL_BOARD = 0,
    SP_CONTROL_VOTING,
    SP_CONTROL_CONTRACT,
    SP_CONTROL_ARTICLES,
    SP_CONTROL_NOMINEE,
    SP_CONTROL_OTHER
} sp_control_kind_t;


/* One holding: shares in basis points; a band is [min, max]. */
typedef struct {
    uint16_t    min;
    uint16_t    max;
    uint8_t     nplaces;
    uint8_t     unknown;      /* ZZ was among the jurisdictions */
    uint8_t     floating;     /* PUB: dispersed public float */
    sp_place_t  places[SP_OWNER_PLACES];
} sp_owner_t;


typedef struct {
    char      list[SP_LIST_LEN];  /* "SDN", not NUL-terminated */
    uint8_t   len;
    uint16_t  share;          /* basis points held by listed parties */
} sp_listed_t;


typedef struct {
    uint8_t     kind;         /* sp_control_kind_t */
    sp_place_t  place;
} sp_control_t;


/* An account, or a reseller's end customer. Times: unix seconds, UTC. */
typedef struct {
    uint64_t      ver;
    uint8_t       schema;
    uint8_t       type;           /* sp_account_type_t */
    uint8_t       status;         /* sp_account_status_t */
    uint8_t       level;          /* 0..3 */
    uint8_t       screening;      /* sp_screening_t or SP_ENUM_ABSENT */
    uint8_t       end_use;
    uint8_t       resale;
    uint8_t       linkage;
    uint8_t       owners_method;
    uint8_t       has_owners;     /* the field was there, even if empty */
    uint8_t       tiers;          /* bit n: tier n granted; 0: no cap named */
    uint8_t       id_len;
    uint8_t       plan_len;
    uint8_t       nuse, naccepted, negress, nowners, ncontrol, nlisted, ntags;
    uint8_t       nown;           /* account.x_* fields kept */
    uint16_t      own_len;
    uint16_t      ignored;        /* unknown fields, counted */
    uint16_t      owners_floor;   /* basis points, 0xffff absent */
    int64_t       verified_at;
    int64_t       expires_at;     /* exclusive: valid while now < it */
    int64_t       pending_since;
    int64_t       screened_at;
    int64_t       owners_as_of;
    int64_t       end_use_expires;
    sp_place_t    incorporated;   /* SP_PLACE_NONE: absent */
    sp_place_t    headquarters;
    sp_place_t    parent;
    sp_place_t    residence;
    sp_place_t    billing;
    sp_place_t    use_locations[SP_PLACES_MAX];
    sp_place_t    accepted_locations[SP_PLACES_MAX];
    sp_network_t  egress[SP_NETWORKS_MAX];
    sp_owner_t    owners[SP_OWNERS_MAX];
    sp_control_t  control[SP_PLACES_MAX];
    sp_listed_t   listed[SP_LISTED_MAX];
    char          id[SP_ID_LEN];
    char          plan[SP_TAG_LEN];
    char          tags[SP_TAGS_MAX][SP_TAG_LEN];   /* NUL-padded */
    char          own[SP_OWN_BYTES];  /* "name\0value\0" pairs of x_ fields */
} sp_account_t;


typedef enum {
    SP_KEY_ACTIVE = 0,
    SP_KEY_REVOKED
} sp_key_status_t;


typedef struct {
    uint64_t      ver;
    uint8_t       schema;
    uint8_t       status;         /* sp_key_status_t */
    uint8_t       tiers;          /* as in sp_account_t */
    uint8_t       account_len;
    uint8_t       name_len;
    uint8_t       nnetworks;      /* 0: any network */
    uint16_t      ignored;
    int64_t       not_before;     /* SP_TIME_ABSENT: none */
    int64_t       expires_at;     /* exclusive */
    sp_network_t  networks[SP_NETWORKS_MAX];
    char          account[SP_ID_LEN];
    char          name[SP_ID_LEN];
} sp_key_t;


/* One field of a hash, as HGETALL gives them. */
typedef struct {
    sp_str_t  name;
    sp_str_t  value;
} sp_pair_t;


/* Why a record is invalid; "field" is constant text, never a value. */
typedef struct {
    const char  *field;
    const char  *why;
} sp_record_error_t;


/*
 * Parse a hash. SP_ERROR: the record is invalid and must deny; *error says
 * where. An empty value is an absent one, except that of "owners": it says
 * that nobody is known to own anything. A field given twice is an error,
 * an unknown word is, and so is a list with an empty, odd or surplus item.
 * Unknown fields are counted, except x_*, which are kept for declared facts.
 *
 * Mandatory in an account: v ver type status level, and
 *   pending        pending_since
 *   verified       verified_at expires_at screening, screened_at unless
 *                  screening is "none", use_locations from level 2 on, and
 *     individual     residence
 *     organization,  incorporated headquarters parent, owners from level 3 on
 *       reseller     (a reseller: resale too)
 *     government     incorporated
 *   with owners    owners_method owners_as_of owners_floor
 * So a record that only says "suspended" is valid and refuses as that.
 *
 * "ZZ" in a place is SP_PLACE_UNKNOWN: its fact is unknown. It is refused in
 * control, where an unknown place could not be told from a harmless one.
 * "egress" takes CIDR; an AS number is refused, as it would never match.
 *
 * Mandatory in a key: v ver account name status.
 */
sp_rc_t sp_account_parse(sp_account_t *account, sp_str_t id,
    const sp_pair_t *pairs, size_t n, sp_record_error_t *error);
sp_rc_t sp_key_parse(sp_key_t *key, const sp_pair_t *pairs, size_t n,
    sp_record_error_t *error);

/*
 * The compact form for shared memory, of one build only. Pack returns the
 * bytes used, 0 if "size" is too small; the MAX values always do. Unpack
 * takes any bytes: SP_ERROR, with the object undefined, unless every count,
 * length and number is one that a parsed record can have. It leaves unused
 * array elements as they were.
 */
#define SP_ACCOUNT_PACKED_MAX  (sizeof(sp_account_t) + 8)
#define SP_KEY_PACKED_MAX      (sizeof(sp_key_t) + 8)

size_t sp_account_pack(const sp_account_t *account, unsigned char *buf,
    size_t size);
sp_rc_t sp_account_unpack(sp_account_t *account, const unsigned char *buf,
    size_t len);
size_t sp_key_pack(const sp_key_t *key, unsigned char *buf, size_t size);
sp_rc_t sp_key_unpack(sp_key_t *key, const unsigned char *buf, size_t len);

/* The value of an "x_..." field: SP_DECLINED if the record has none. */
sp_rc_t sp_account_own(const sp_account_t *account, sp_str_t name,
    sp_str_t *value);

/* Account ids and key names: 1..SP_ID_LEN bytes of [A-Za-z0-9._:@-]. */
int sp_id_valid(sp_str_t id);

/*
 * Ids of a reseller's end customers: the same without ':', so that the last
 * ':' of RESELLER:CUSTOMER is where the one ends and the other begins.
 */
#define SP_CUSTOMER_NAME_LEN  (2 * SP_ID_LEN + 1)   /* RESELLER:CUSTOMER */

int sp_customer_valid(sp_str_t id);

/* 1 if the account may call for others, and so has to say for whom. */
int sp_account_resells(const sp_account_t *account);


#endif /* SP_ACCOUNT_H */

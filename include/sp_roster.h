
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the roster: a file of keys and accounts, for sites
 * without Redis, as one flat and immutable object in which they are found.
 *
 * The file has one JSON object a line. "kind" is key, account or customer,
 * "id" names the record as in the store: a kid, an account, or RESELLER:NAME
 * of a reseller's customer. All other members are the record's fields, and
 * their values are the strings that Redis would have:
 *
 *   {"kind":"account","id":"acme","v":"1","ver":"3","type":"individual",...}
 *
 * A line {"kind":"meta","schema":"1","records":"N"} may say how many records
 * there are, so that a file that was cut short is noticed. Empty lines count
 * for nothing.
 */


#ifndef SP_ROSTER_H
#define SP_ROSTER_H


#include "sp_account.h"


#define SP_ROSTER_LINE    65536                /* bytes of one at most */
#define SP_ROSTER_PAIRS   128                  /* members of one at most */
#define SP_ROSTER_ID_LEN  SP_CUSTOMER_NAME_LEN
#define SP_ROSTER_ERRORS  10                   /* kept; more are counted */


typedef enum {
    SP_ROSTER_KEY = 0,
    SP_ROSTER_ACCOUNT,
    SP_ROSTER_CUSTOMER,
    SP_ROSTER_KINDS,
    SP_ROSTER_META = SP_ROSTER_KINDS           /* of a line only */
} sp_roster_kind_t;


/* One line, taken apart; all strings point into it. */
typedef struct {
    sp_roster_kind_t  kind;
    sp_str_t          id;                      /* empty: SP_ROSTER_META */
    size_t            n;
    sp_pair_t         pairs[SP_ROSTER_PAIRS];
} sp_roster_line_t;


typedef struct {
    unsigned  line;                            /* from 1 */
    unsigned  col;                             /* from 1, bytes; 0: no one */
    char      text[200];
} sp_roster_error_t;


typedef struct {
    unsigned           n;                      /* of the items kept */
    unsigned           total;
    sp_roster_error_t  items[SP_ROSTER_ERRORS];
} sp_roster_errors_t;


/* A roster: pointer-free, of one build, to be copied as it is. */
typedef struct sp_roster_s        sp_roster_t;
typedef struct sp_roster_maker_s  sp_roster_maker_t;


/* What is there, and how much memory it takes. */
typedef struct {
    size_t    size;                            /* bytes of the whole object */
    uint32_t  counts[SP_ROSTER_KINDS];
    uint32_t  orphans;                         /* keys of no account in it */
    uint32_t  orphan;                          /* line of the first of them */
} sp_roster_info_t;


typedef struct {
    const unsigned char  *packed;              /* for sp_..._unpack() */
    size_t                len;
    size_t                place;               /* in the object: unlike for
                                                  no two records of it */
    uint64_t              ver;
    unsigned              denies;              /* by itself, whatever else */
    unsigned              line;
} sp_roster_found_t;


/*
 * Takes a line without its newline apart; it is written over on the way, as
 * escapes become what they stand for. SP_ERROR: *why says what is wrong,
 * *at where, as an offset.
 */
sp_rc_t sp_roster_line(sp_roster_line_t *line, unsigned char *text, size_t len,
    const char **why, size_t *at);

/* 1 if it may be the id of such a record. */
int sp_roster_id_valid(sp_roster_kind_t kind, sp_str_t id);

/*
 * Makes a roster of a file that is fed in pieces, cut anywhere. "key" is 16
 * random bytes that nobody outside knows. NULL: no memory. sp_roster_end()
 * returns the object, which is free()d, or NULL: the errors say why, and the
 * first of them where. The maker is to be freed in any case, the errors with
 * it.
 */
sp_roster_maker_t *sp_roster_begin(const unsigned char key[16]);
void sp_roster_feed(sp_roster_maker_t *maker, const unsigned char *data,
    size_t len);
sp_roster_t *sp_roster_end(sp_roster_maker_t *maker);
const sp_roster_errors_t *sp_roster_errors(const sp_roster_maker_t *maker);
void sp_roster_free(sp_roster_maker_t *maker);

void sp_roster_info(const sp_roster_t *roster, sp_roster_info_t *info);

/*
 * Looks a record up. SP_DECLINED: there is none. "size" bounds what is read,
 * so that an object that another process writes over meanwhile does no harm:
 * then the answer means nothing, and SP_ERROR is one that no whole object
 * gives.
 */
sp_rc_t sp_roster_find(const sp_roster_t *roster, size_t size,
    sp_roster_kind_t kind, sp_str_t id, sp_roster_found_t *found);

/*
 * Whoever changes a record raises its version: a lower one may deny, but not
 * allow what the newer record might not. SP_ERROR: "roster" has such records,
 * and the maker that made it has their lines among its errors.
 */
sp_rc_t sp_roster_follows(sp_roster_maker_t *maker, const sp_roster_t *roster,
    const sp_roster_t *before);


#endif /* SP_ROSTER_H */

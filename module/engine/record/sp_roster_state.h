
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the layout of a roster: a head, a table of buckets that
 * say where an entry begins, and the entries. Private to sp_roster*.c.
 */


#ifndef SP_ROSTER_STATE_H
#define SP_ROSTER_STATE_H


#include "sp_roster.h"


#define SP_ROSTER_MAGIC  0x5350524fu           /* "SPRO" */
#define SP_ROSTER_UNIT   8                     /* bytes; buckets count them */


struct sp_roster_s {
    uint32_t       magic;
    uint32_t       nbuckets;                   /* a power of two */
    uint64_t       size;                       /* bytes of all */
    unsigned char  key[16];                    /* of the hash */
    uint32_t       counts[SP_ROSTER_KINDS];
    uint32_t       orphans;
    uint32_t       orphan;
    uint32_t       unused;
    uint32_t       buckets[];                  /* units from the head; or 0 */
};


/* The id follows, then the packed record. */
typedef struct {
    uint64_t       hash;
    uint64_t       ver;
    uint32_t       line;
    uint16_t       len;                        /* of the packed record */
    uint8_t        id_len;
    uint8_t        kind;
    uint8_t        denies;
    uint8_t        account_len;                /* of a key: these bytes of its
                                                  account stand at the end */
    uint8_t        unused[6];
} sp_roster_entry_t;


#define sp_roster_entry_size(id_len, len, account_len)                        \
    ((sizeof(sp_roster_entry_t) + (id_len) + (len) + (account_len)            \
      + SP_ROSTER_UNIT - 1) & ~(size_t) (SP_ROSTER_UNIT - 1))


uint64_t sp_roster_hash(const unsigned char key[16], sp_roster_kind_t kind,
    sp_str_t id);


#endif /* SP_ROSTER_STATE_H */


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the writers of records share: lengths, lists, and
 * the part of a record that says what was known.
 */


#ifndef SP_AUDIT_FACTS_H
#define SP_AUDIT_FACTS_H


#include "sp_audit.h"
#include "sp_audit_json.h"


/*
 * Where lists stop, so that what follows always fits. An item is at most
 * SP_AUDIT_ITEM long and is taken back if it ends beyond its bound. What a
 * decision has outside of its lists and of the records of account and customer:
 * up to the list of models less than 1,550 bytes, up to the account 900 more,
 * 100 of the customer, of the verdict 700.
 */
#define SP_AUDIT_TEXT        64     /* most bytes of an id or a name */
#define SP_AUDIT_ITEM        760
#define SP_AUDIT_MODELS_END  1800
#define SP_AUDIT_LISTS_END   (SP_RECORD_BODY - SP_AUDIT_ITEM - 400)

_Static_assert(SP_AUDIT_MODELS_END + SP_AUDIT_ITEM + 900
               + 2 * SP_AUDIT_ACCOUNT_MAX + 100 + 700
               + SP_AUDIT_CANDIDATE_MAX < SP_AUDIT_LISTS_END,
               "a verdict without lists fits behind the longest facts");


/* {"v":2,"t":"TYPE","ts":"...","mono_us":N,"seq":N */
unsigned char *sp_audit_begin(unsigned char *p, const char *head,
    size_t len, sp_audit_keep_t *keep, uint64_t wall_us, uint64_t mono_us,
    uint64_t seq);

#define sp_audit_head(p, type, keep, wall_us, mono_us, seq)                   \
    sp_audit_begin(p, "{\"v\":2,\"t\":\"" type "\",\"ts\":\"",               \
                   sizeof("{\"v\":2,\"t\":\"" type "\",\"ts\":\"") - 1,      \
                   keep, wall_us, mono_us, seq)

/* ,"pol":{"rev":...,"hash":...}, or null */
unsigned char *sp_audit_pol(unsigned char *p, sp_audit_keep_t *keep,
    const sp_policy_t *policy);

/* The value of a fact: null if absent; "?", "!", "~" if there is none. */
unsigned char *sp_audit_fact(unsigned char *p, const sp_facts_t *facts,
    int field);

/* ,"who":{...},"net":{...} and ,"facts":{...} */
unsigned char *sp_audit_who(unsigned char *p, const sp_facts_t *facts,
    const sp_audit_ctx_t *ctx);
unsigned char *sp_audit_facts(unsigned char *p, const sp_facts_t *facts,
    const sp_audit_ctx_t *ctx);


/*
 * A list: before an item its comma is put; after it the item is taken back if
 * it went beyond "end". After a list that was cut, behind its bracket, a
 * member of the given name says by how many items.
 */
typedef struct {
    const unsigned char  *end;
    unsigned char        *mark;
    unsigned              n;
    unsigned              cut;
} sp_audit_list_t;

#define sp_audit_list(e)  { (e), NULL, 0, 0 }


static inline unsigned char *
sp_audit_item(sp_audit_list_t *list, unsigned char *p)
{
    list->mark = p;

    if (list->n != 0) {
        *p++ = ',';
    }

    return p;
}


/* Once an item was cut, all that follow are: the rest keeps its order. */

static inline unsigned char *
sp_audit_item_end(sp_audit_list_t *list, unsigned char *p)
{
    if (p > list->end || list->cut != 0) {
        list->cut++;
        return list->mark;
    }

    list->n++;

    return p;
}


static inline unsigned char *
sp_audit_cut(unsigned char *p, const sp_audit_list_t *list, const char *name)
{
    if (list->cut == 0) {
        return p;
    }

    *p++ = ',';
    p = sp_put_word(p, name);
    *p++ = ':';

    return sp_put_uint(p, list->cut);
}


#endif /* SP_AUDIT_FACTS_H */

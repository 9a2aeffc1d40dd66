
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the part of an audit record that says what was known.
 */


#ifndef SP_AUDIT_FACTS_H
#define SP_AUDIT_FACTS_H


#include "sp_audit.h"
#include "sp_audit_json.h"


/*
 * Offsets in a record at which lists stop, so that what follows always fits.
 * Up to the models a record has less than 1,000 bytes; the facts without
 * their lists have less than 1,800, the verdict without its lists 1,000.
 */
#define SP_AUDIT_MODELS_END  3000
#define SP_AUDIT_FACTS_END   5600
#define SP_AUDIT_END         (SP_RECORD_MAX - 81)

#define SP_AUDIT_TEXT        64     /* most bytes of an id or a name */


/* The value of a fact: null if absent; "?", "!", "~" if there is none. */
void sp_audit_fact(sp_out_t *out, const sp_facts_t *facts, int field);

/* ,"who":{...},"net":{...} and ,"facts":{...} */
void sp_audit_who(sp_out_t *out, const sp_facts_t *facts,
    const sp_audit_ctx_t *ctx);
void sp_audit_facts(sp_out_t *out, const sp_facts_t *facts,
    const sp_audit_ctx_t *ctx, const unsigned char *end);

/*
 * A list: before an item its comma is put; after it the item is taken back if
 * it went beyond "end". After a list that was cut, behind its bracket, a
 * member of the given name says by how many items.
 */
typedef struct {
    sp_out_t             *out;
    const unsigned char  *end;
    unsigned char        *mark;
    unsigned              n;
    unsigned              cut;
} sp_audit_list_t;

void sp_audit_list(sp_audit_list_t *list, sp_out_t *out,
    const unsigned char *end);
void sp_audit_item(sp_audit_list_t *list);
void sp_audit_item_end(sp_audit_list_t *list);
void sp_audit_cut(sp_out_t *out, const sp_audit_list_t *list,
    const char *name);


#endif /* SP_AUDIT_FACTS_H */

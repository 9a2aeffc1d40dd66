
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the writing of facts beside the account's: where the
 * request came from, whose key it was, and how old what was known is.
 */


#include "sp_audit_facts.h"


static unsigned char *sp_audit_customer(unsigned char *p,
    const sp_facts_t *facts);
static unsigned char *sp_audit_block(unsigned char *p,
    const sp_facts_t *facts);
static unsigned char *sp_audit_tiers(unsigned char *p, unsigned tiers);
static unsigned char *sp_audit_net(unsigned char *p, const sp_facts_t *facts,
    const sp_audit_ctx_t *ctx);
static unsigned char *sp_audit_geo(unsigned char *p,
    const sp_audit_ctx_t *ctx);


static const char *const  sp_key_states[] = {
    "unknown", "failed", "missing", "malformed", "ambiguous", "no_such",
    "invalid", "found"
};

static const char *const  sp_customer_states[] = {
    "unknown", "none", "pending", "malformed", "failed", "no_such",
    "invalid", "found"
};

static const char *const  sp_account_states[] = {
    "unknown", "failed", "no_such", "invalid", "found"
};

_Static_assert(sp_nelts(sp_key_states) == SP_KEYFACT_FOUND + 1
               && sp_nelts(sp_account_states) == SP_ACCTFACT_FOUND + 1,
               "a word for each state");


unsigned char *
sp_audit_fact(unsigned char *p, const sp_facts_t *facts, int field)
{
    const char         *word;
    const sp_value_t   *v;
    const sp_field_t   *f;

    v = &facts->v[field];

    switch (v->state) {

    case SP_FACT_KNOWN:
        break;

    case SP_FACT_ABSENT:
        return sp_put_lit(p, "null");

    case SP_FACT_FAILED:
        return sp_put_lit(p, "\"!\"");

    case SP_FACT_PENDING:
        return sp_put_lit(p, "\"~\"");

    default: /* SP_FACT_UNKNOWN */
        return sp_put_lit(p, "\"?\"");
    }

    f = sp_field(field);

    switch (f->type) {

    case SP_T_BOOL:
        return v->u.i ? sp_put_lit(p, "true") : sp_put_lit(p, "false");

    case SP_T_ENUM:
        word = sp_enum_name(f->values, v->u.i);
        return sp_put_word(p, word == NULL ? "?" : word);

    case SP_T_STRING:
        return sp_put_text(p, v->u.s, SP_AUDIT_TEXT);

    case SP_T_COUNTRY:
    case SP_T_REGION:
    case SP_T_PLACE:
        *p++ = '"';
        p += sp_place_format(v->u.place, (char *) p);
        *p++ = '"';
        return p;

    default: /* numbers; sets and addresses are written elsewhere */
        return sp_put_int(p, v->u.i);
    }
}


unsigned char *
sp_audit_who(unsigned char *p, const sp_facts_t *facts,
    const sp_audit_ctx_t *ctx)
{
    sp_str_t  id;

    p = sp_put_lit(p, ",\"who\":{\"account\":");

    if (facts->account == NULL && facts->key != NULL) {

        /* the key says whose it is, even if that account cannot be read */

        id.data = (const unsigned char *) facts->key->account;
        id.len = facts->key->account_len;
        p = sp_put_text(p, id, SP_AUDIT_TEXT);

    } else {
        p = sp_audit_fact(p, facts, SP_F_ACCOUNT_ID);
    }

    p = sp_put_lit(p, ",\"key\":");
    p = sp_audit_fact(p, facts, SP_F_KEY_ID);

    if (facts->customer_id.len != 0) {
        p = sp_put_lit(p, ",\"customer\":");
        p = sp_put_text(p, facts->customer_id, SP_AUDIT_TEXT);
    }

    p = sp_put_lit(p, "},\"net\":{\"ip_p\":");

    if (ctx->address.len == 0) {
        p = sp_put_lit(p, "null");

    } else {
        p = sp_put_text(p, ctx->address, SP_AUDIT_TEXT);
    }

    p = sp_put_lit(p, ",\"ip_src\":");
    p = sp_put_word(p, ctx->address_from == NULL ? "?" : ctx->address_from);
    p = sp_put_lit(p, ",\"class\":");
    p = sp_audit_fact(p, facts, SP_F_IP_CLASS);
    p = sp_put_lit(p, ",\"country\":");
    p = sp_audit_fact(p, facts, SP_F_IP_COUNTRY);
    p = sp_audit_net(p, facts, ctx);
    p = sp_put_lit(p, ",\"registered\":");
    p = sp_audit_fact(p, facts, SP_F_IP_REGISTERED);
    *p++ = '}';

    return p;
}


/* What other databases than those of countries say, where there are any. */

static unsigned char *
sp_audit_net(unsigned char *p, const sp_facts_t *facts,
    const sp_audit_ctx_t *ctx)
{
    int  i;

    static const struct {
        sp_str_t  head;
        uint8_t   field;
        uint8_t   kind;
    } nets[] = {
        { sp_str(",\"region\":"), SP_F_IP_REGION, SP_GEO_CITY },
        { sp_str(",\"asn\":"), SP_F_IP_ASN, SP_GEO_ASN },
        { sp_str(",\"tor\":"), SP_F_IP_TOR, SP_GEO_ANONYMOUS },
        { sp_str(",\"vpn\":"), SP_F_IP_VPN, SP_GEO_ANONYMOUS },
        { sp_str(",\"proxy\":"), SP_F_IP_PROXY, SP_GEO_ANONYMOUS },
        { sp_str(",\"hosting\":"), SP_F_IP_HOSTING, SP_GEO_ANONYMOUS },
        { sp_str(",\"relay\":"), SP_F_IP_RELAY, SP_GEO_ANONYMOUS }
    };

    if ((ctx->geo_builds[SP_GEO_CITY] | ctx->geo_builds[SP_GEO_ASN]
         | ctx->geo_builds[SP_GEO_ANONYMOUS])
        == 0)
    {
        return p;
    }

    for (i = 0; i < (int) sp_nelts(nets); i++) {

        if (ctx->geo_builds[nets[i].kind] != 0) {
            p = sp_put(p, nets[i].head.data, nets[i].head.len);
            p = sp_audit_fact(p, facts, nets[i].field);
        }
    }

    return p;
}


/* When the databases were built that could be asked. */

static unsigned char *
sp_audit_geo(unsigned char *p, const sp_audit_ctx_t *ctx)
{
    int             i;
    unsigned char  *from;

    static const sp_str_t  names[SP_GEO_KINDS] = {
        sp_str(",\"build\":"), sp_str(",\"city\":"), sp_str(",\"asn\":"),
        sp_str(",\"anonymous\":")
    };

    from = sp_put_lit(p, ",\"geo\":");
    p = from;

    for (i = 0; i < SP_GEO_KINDS; i++) {

        if (ctx->geo_builds[i] != 0) {
            p = sp_put(p, names[i].data, names[i].len);
            p = sp_put_uint(p, ctx->geo_builds[i]);
        }
    }

    if (p == from) {
        return from - (sizeof(",\"geo\":") - 1);
    }

    *from = '{';
    *p++ = '}';

    return p;
}


unsigned char *
sp_audit_facts(unsigned char *p, const sp_facts_t *facts,
    const sp_audit_ctx_t *ctx)
{
    p = sp_put_lit(p, ",\"facts\":{\"now\":");
    p = sp_audit_fact(p, facts, SP_F_NOW);

    p = sp_audit_geo(p, ctx);

    if (facts->blocks != NULL || facts->blocks_lost) {
        p = sp_audit_block(p, facts);
    }

    p = sp_put_lit(p, ",\"key\":{\"st\":");
    p = sp_put_word(p, facts->key_state < sp_nelts(sp_key_states)
                       ? sp_key_states[facts->key_state] : "?");

    if (facts->key != NULL) {
        p = sp_put_lit(p, ",\"ver\":");
        p = sp_put_uint(p, ctx->key_ver);
        p = sp_audit_tiers(p, facts->key->tiers);
    }

    p = sp_put_lit(p, "},\"record\":{\"st\":");
    p = sp_put_word(p, facts->account_state < sp_nelts(sp_account_states)
                       ? sp_account_states[facts->account_state] : "?");
    p = sp_put_lit(p, ",\"src\":");
    p = sp_put_word(p, ctx->record_source == NULL ? "none"
                                                  : ctx->record_source);

    if (ctx->record_age_ms >= 0) {
        p = sp_put_lit(p, ",\"age_ms\":");
        p = sp_put_uint(p, (uint64_t) ctx->record_age_ms);
    }

    if (facts->account == NULL) {
        return sp_put_lit(p, "}}");
    }

    p = sp_put_lit(p, ",\"ver\":");
    p = sp_put_uint(p, facts->account->ver);
    p = sp_put_lit(p, "},\"account\":");

    if (ctx->account.len != 0) {
        p = sp_put(p, ctx->account.data, ctx->account.len);

    } else {
        p += sp_audit_account(facts->account, p);
    }

    if (facts->customer_state != SP_CUSTFACT_UNKNOWN) {
        p = sp_audit_customer(p, facts);
    }

    *p++ = '}';

    return p;
}


/* Nothing where nobody looked whether an end customer is named. */

static unsigned char *
sp_audit_customer(unsigned char *p, const sp_facts_t *facts)
{
    p = sp_put_lit(p, ",\"customer\":{\"st\":");
    p = sp_put_word(p, facts->customer_state < sp_nelts(sp_customer_states)
                       ? sp_customer_states[facts->customer_state] : "?");

    if (facts->customer != NULL) {
        p = sp_put_lit(p, ",\"ver\":");
        p = sp_put_uint(p, facts->customer->ver);
        p = sp_put_lit(p, ",\"record\":");
        p += sp_audit_account(facts->customer, p);
    }

    *p++ = '}';

    return p;
}


/* The operator's block that the request ran into, if any. */

static unsigned char *
sp_audit_block(unsigned char *p, const sp_facts_t *facts)
{
    unsigned           i;
    sp_truth_t         truth;
    const sp_block_t  *block;

    if (facts->blocks_lost) {
        return sp_put_lit(p, ",\"block\":\"!\"");
    }

    block = sp_facts_block(facts, 0, &truth);

    for (i = 1; block == NULL && i < facts->nmodels; i++) {
        block = sp_facts_block(facts, i, &truth);
    }

    if (block == NULL) {
        return p;
    }

    p = sp_put_lit(p, ",\"block\":{\"is\":");
    p = sp_put_text(p, sp_block_field(facts->blocks, block), SP_BLOCK_NAME);
    p = sp_put_lit(p, ",\"until\":");
    p = sp_put_int(p, block->until);
    *p++ = '}';

    return p;
}


/* Nothing where no tier is named: the record sets no bound. */

static unsigned char *
sp_audit_tiers(unsigned char *p, unsigned tiers)
{
    unsigned  i, n;

    if (tiers == 0) {
        return p;
    }

    p = sp_put_lit(p, ",\"tiers\":[");

    for (n = 0, i = 1; i <= 3; i++) {

        if (tiers >> i & 1) {
            *p = ',';
            p += n++ != 0;
            *p++ = (unsigned char) ('0' + i);
        }
    }

    *p++ = ']';

    return p;
}

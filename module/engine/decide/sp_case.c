
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains cases: what of a request, besides its records, rules can
 * read and is the same for many requests. Cases are numbered as they come; a
 * number that the table has forgotten is never given again.
 */


#include "sp_memo.h"
#include "sp_memo_case.h"

#include "policy/sp_policy_image.h"


#define SP_CASE_SETS   128    /* a power of two */
#define SP_CASE_WAYS   4
#define SP_CASE_MODEL  64     /* bytes of a name; longer ones have no case */
#define SP_CASE_WORDS  3


/* Equal lengths, and equal words as far as the name goes. */

typedef struct {
    uint64_t  word[SP_CASE_WORDS];
    uint64_t  len;                        /* of the name; 0: there is none */
    uint64_t  model[SP_CASE_MODEL / 8];   /* zeros up to a whole word */
} sp_case_t;


typedef struct {
    uint64_t            number;      /* 0: empty */
    const sp_policy_t  *policy;      /* with its first bytes: another policy */
    uint64_t            policy_hash; /* may come to stand at its place */
    sp_case_t           value;
} sp_case_entry_t;


struct sp_cases_s {
    uint64_t         last;
    uint64_t         hashes[SP_CASE_SETS][SP_CASE_WAYS];
    sp_case_entry_t  entries[SP_CASE_SETS][SP_CASE_WAYS];
};


static int sp_case_take(const sp_policy_t *policy, const sp_facts_t *facts,
    sp_case_t *c);
static int sp_case_same(const sp_case_t *a, const sp_case_t *b);
static uint64_t sp_case_hash(const sp_case_t *c, uint64_t hash);


/* A state in three bits, and a small value above it. */

static inline uint64_t
sp_case_small(const sp_facts_t *facts, int field, unsigned *odd)
{
    const sp_value_t  *v;

    v = &facts->v[field];

    if (v->state != SP_FACT_KNOWN) {
        return v->state;
    }

    *odd |= (uint64_t) v->u.i > 0xff;

    return (uint64_t) v->u.i << 3 | SP_FACT_KNOWN;
}


/* The same in four. */

static inline uint64_t
sp_case_bool(const sp_facts_t *facts, int field, unsigned *odd)
{
    const sp_value_t  *v;

    v = &facts->v[field];

    if (v->state != SP_FACT_KNOWN) {
        return v->state;
    }

    *odd |= (uint64_t) v->u.i > 1;

    return (uint64_t) (v->u.i & 1) << 3 | SP_FACT_KNOWN;
}


static inline uint64_t
sp_case_place(const sp_facts_t *facts, int field)
{
    const sp_value_t  *v;

    v = &facts->v[field];

    return v->state != SP_FACT_KNOWN
           ? v->state : (uint64_t) v->u.place << 3 | SP_FACT_KNOWN;
}


size_t
sp_cases_size(void)
{
    return sizeof(sp_cases_t);
}


sp_cases_t *
sp_cases_init(void *room)
{
    memset(room, 0, sizeof(sp_cases_t));

    return room;
}


uint64_t
sp_case(sp_cases_t *cases, const sp_policy_t *policy,
    const sp_facts_t *facts)
{
    unsigned          i;
    uint64_t          hash, policy_hash, *hashes;
    sp_case_t         c;
    sp_case_entry_t  *entry, *set;

    if (policy == NULL || !sp_case_take(policy, facts, &c)) {
        return 0;
    }

    memcpy(&policy_hash, sp_policy_hash(policy), sizeof(policy_hash));

    hash = sp_case_hash(&c, policy_hash);
    hashes = cases->hashes[hash & (SP_CASE_SETS - 1)];
    set = cases->entries[hash & (SP_CASE_SETS - 1)];

    for (i = 0; i < SP_CASE_WAYS; i++) {
        entry = &set[i];

        if (hashes[i] == hash && entry->number != 0
            && entry->policy == policy && entry->policy_hash == policy_hash
            && sp_case_same(&entry->value, &c))
        {
            return entry->number;
        }
    }

    /* one after the other: numbers grow */

    i = cases->last++ % SP_CASE_WAYS;
    entry = &set[i];

    hashes[i] = hash;
    entry->number = cases->last;
    entry->policy = policy;
    entry->policy_hash = policy_hash;
    entry->value = c;

    return entry->number;
}


/*
 * Every field of sp_case_has() must be here, and be here whole. What few
 * policies ask for, and what would make a case of every caller, is here only
 * where this one does.
 */

static int
sp_case_take(const sp_policy_t *policy, const sp_facts_t *facts,
    sp_case_t *c)
{
    unsigned           odd;
    const sp_str_t    *model;
    const sp_value_t  *asn;

    if (facts->route_state != SP_ROUTE_FOUND || facts->nmodels > 1
        || (facts->body_state != SP_BODYFACT_NONE
            && facts->body_state != SP_BODYFACT_FINE))
    {
        return 0;
    }

    odd = 0;

    c->word[0] = sp_case_place(facts, SP_F_IP_COUNTRY);
    c->word[0] |= sp_case_small(facts, SP_F_IP_CLASS, &odd) << 35;
    c->word[0] |= sp_case_small(facts, SP_F_KEY_COUNTRY_COUNT, &odd) << 46;
    c->word[0] |= (uint64_t) facts->v[SP_F_REQUEST_TOKENS].state << 60;

    c->word[1] = sp_case_small(facts, SP_F_REQUEST_ROUTE, &odd) << 35;
    c->word[1] |= sp_case_small(facts, SP_F_REQUEST_DIALECT, &odd) << 46;

    c->word[2] = sp_case_bool(facts, SP_F_IP_TOR, &odd);
    c->word[2] |= sp_case_bool(facts, SP_F_IP_VPN, &odd) << 4;
    c->word[2] |= sp_case_bool(facts, SP_F_IP_PROXY, &odd) << 8;
    c->word[2] |= sp_case_bool(facts, SP_F_IP_HOSTING, &odd) << 12;
    c->word[2] |= sp_case_bool(facts, SP_F_IP_RELAY, &odd) << 16;
    c->word[2] |= sp_case_bool(facts, SP_F_REQUEST_STREAM, &odd) << 20;
    c->word[2] |= (uint64_t) facts->v[SP_F_MODEL_ID].state << 24;
    c->word[2] |= (uint64_t) (facts->named != 0) << 30;

    if (policy->reads & SP_READS_REGION) {
        c->word[1] |= sp_case_place(facts, SP_F_IP_REGION);
    }

    if (policy->reads & SP_READS_ASN) {
        asn = &facts->v[SP_F_IP_ASN];
        c->word[2] |= (uint64_t) asn->state << 27;

        if (asn->state == SP_FACT_KNOWN) {
            odd |= (uint64_t) asn->u.i > UINT32_MAX;
            c->word[2] |= (uint64_t) (uint32_t) asn->u.i << 32;
        }
    }

    c->len = 0;

    if (facts->nmodels != 0) {
        model = &facts->models[0];

        if (model->len == 0 || model->len > SP_CASE_MODEL) {
            return 0;
        }

        c->len = model->len;
        c->model[(model->len - 1) / 8] = 0;
        memcpy(c->model, model->data, model->len);
    }

    return !odd;
}


static int
sp_case_same(const sp_case_t *a, const sp_case_t *b)
{
    unsigned  i;
    uint64_t  other;

    other = a->len ^ b->len;

    for (i = 0; i < SP_CASE_WORDS; i++) {
        other |= a->word[i] ^ b->word[i];
    }

    for (i = 0; other == 0 && i < (a->len + 7) / 8; i++) {
        other = a->model[i] ^ b->model[i];
    }

    return other == 0;
}


static uint64_t
sp_case_hash(const sp_case_t *c, uint64_t hash)
{
    unsigned  i;

    for (i = 0; i < SP_CASE_WORDS; i++) {
        hash = (hash ^ c->word[i]) * 0x9e3779b97f4a7c15;
        hash ^= hash >> 29;
    }

    for (i = 0; i < (c->len + 7) / 8; i++) {
        hash = (hash ^ c->model[i]) * 0x9e3779b97f4a7c15;
        hash ^= hash >> 29;
    }

    return hash;
}


int
sp_case_has(const sp_facts_t *facts, int field)
{
    switch (field) {

    case SP_F_IP_CLASS:
    case SP_F_IP_COUNTRY:
    case SP_F_IP_REGION:            /* the policy asks for it: it reads it */
    case SP_F_IP_ASN:
    case SP_F_IP_TOR:
    case SP_F_IP_VPN:
    case SP_F_IP_PROXY:
    case SP_F_IP_HOSTING:
    case SP_F_IP_RELAY:
    case SP_F_KEY_COUNTRY_COUNT:
    case SP_F_MODEL_ID:
    case SP_F_MODEL_TIER:           /* the policy's, of model.id */
    case SP_F_REQUEST_ROUTE:
    case SP_F_REQUEST_STREAM:
    case SP_F_REQUEST_DIALECT:
        return 1;

    case SP_F_REQUEST_TOKENS:       /* only that there is none */
        return facts->v[field].state != SP_FACT_KNOWN;

    default:
        return 0;
    }
}

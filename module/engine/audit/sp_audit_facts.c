
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the writing of facts: all that the record of an account
 * says, so that a decision can be made again from its audit record alone.
 */


#include "sp_audit_facts.h"


static void sp_audit_account(sp_out_t *out, const sp_facts_t *facts,
    const unsigned char *end);
static void sp_audit_tiers(sp_out_t *out, unsigned tiers);
static void sp_audit_places(sp_out_t *out, const sp_value_t *v,
    const unsigned char *end);
static void sp_audit_tags(sp_out_t *out, const sp_value_t *v,
    const unsigned char *end);
static void sp_audit_owners(sp_out_t *out, const sp_account_t *account,
    const unsigned char *end);
static void sp_audit_owner(sp_out_t *out, const sp_owner_t *owner);
static void sp_audit_control(sp_out_t *out, const sp_account_t *account,
    const unsigned char *end);
static void sp_audit_listed(sp_out_t *out, const sp_account_t *account,
    const unsigned char *end);
static void sp_audit_own(sp_out_t *out, const sp_account_t *account,
    const unsigned char *end);
static void sp_audit_place(sp_out_t *out, sp_place_t place);


static const char *const  sp_key_states[] = {
    "unknown", "failed", "missing", "malformed", "ambiguous", "no_such",
    "invalid", "found"
};

static const char *const  sp_account_states[] = {
    "unknown", "failed", "no_such", "invalid", "found"
};

_Static_assert(sp_nelts(sp_key_states) == SP_KEYFACT_FOUND + 1
               && sp_nelts(sp_account_states) == SP_ACCTFACT_FOUND + 1,
               "a word for each state");


/* Facts of an account that are one value, and what is written before it. */

static const struct {
    int       field;
    sp_str_t  text;
} sp_account_keys[] = {
    { SP_F_ACCOUNT_TYPE, sp_str("\"type\":") },
    { SP_F_ACCOUNT_STATUS, sp_str("\"status\":") },
    { SP_F_ACCOUNT_LEVEL, sp_str("\"level\":") },
    { SP_F_ACCOUNT_PLAN, sp_str("\"plan\":") },
    { SP_F_ACCOUNT_INCORPORATED, sp_str("\"incorporated\":") },
    { SP_F_ACCOUNT_HEADQUARTERS, sp_str("\"headquarters\":") },
    { SP_F_ACCOUNT_PARENT, sp_str("\"parent\":") },
    { SP_F_ACCOUNT_RESIDENCE, sp_str("\"residence\":") },
    { SP_F_ACCOUNT_BILLING, sp_str("\"billing\":") },
    { SP_F_ACCOUNT_VERIFIED_AGE, sp_str("\"verified_age\":") },
    { SP_F_ACCOUNT_EXPIRED_FOR, sp_str("\"expired_for\":") },
    { SP_F_ACCOUNT_PENDING_AGE, sp_str("\"pending_age\":") },
    { SP_F_ACCOUNT_SCREENED_AGE, sp_str("\"screened_age\":") },
    { SP_F_ACCOUNT_OWNERS_AGE, sp_str("\"owners_age\":") },
    { SP_F_ACCOUNT_END_USE_EXPIRED_FOR, sp_str("\"end_use_expired_for\":") },
    { SP_F_ACCOUNT_SCREENING, sp_str("\"screening\":") },
    { SP_F_ACCOUNT_END_USE, sp_str("\"end_use\":") },
    { SP_F_ACCOUNT_RESALE, sp_str("\"resale\":") },
    { SP_F_ACCOUNT_LINKAGE, sp_str("\"linkage\":") }
};


void
sp_audit_fact(sp_out_t *out, const sp_facts_t *facts, int field)
{
    const char         *word;
    const sp_value_t   *v;
    const sp_field_t   *f;

    v = &facts->v[field];
    f = sp_field(field);

    switch (v->state) {

    case SP_FACT_KNOWN:
        break;

    case SP_FACT_ABSENT:
        sp_out_lit(out, "null");
        return;

    case SP_FACT_FAILED:
        sp_out_lit(out, "\"!\"");
        return;

    case SP_FACT_PENDING:
        sp_out_lit(out, "\"~\"");
        return;

    default: /* SP_FACT_UNKNOWN */
        sp_out_lit(out, "\"?\"");
        return;
    }

    switch (f->type) {

    case SP_T_BOOL:
        sp_out_raw(out, v->u.i ? "true" : "false", v->u.i ? 4 : 5);
        break;

    case SP_T_ENUM:
        word = sp_enum_name(f->values, v->u.i);
        sp_out_word(out, word == NULL ? "?" : word);
        break;

    case SP_T_STRING:
        sp_out_text(out, v->u.s, SP_AUDIT_TEXT);
        break;

    case SP_T_COUNTRY:
    case SP_T_REGION:
    case SP_T_PLACE:
        sp_audit_place(out, v->u.place);
        break;

    default: /* numbers; sets and addresses are written elsewhere */
        sp_out_int(out, v->u.i);
    }
}


void
sp_audit_who(sp_out_t *out, const sp_facts_t *facts,
    const sp_audit_ctx_t *ctx)
{
    sp_str_t  id;

    sp_out_lit(out, ",\"who\":{\"account\":");

    if (facts->account == NULL && facts->key != NULL) {

        /* the key says whose it is, even if that account cannot be read */

        id.data = (const unsigned char *) facts->key->account;
        id.len = facts->key->account_len;
        sp_out_text(out, id, SP_AUDIT_TEXT);

    } else {
        sp_audit_fact(out, facts, SP_F_ACCOUNT_ID);
    }

    sp_out_lit(out, ",\"key\":");
    sp_audit_fact(out, facts, SP_F_KEY_ID);

    sp_out_lit(out, "},\"net\":{\"ip_p\":");

    if (ctx->address.len == 0) {
        sp_out_lit(out, "null");

    } else {
        sp_out_text(out, ctx->address, SP_AUDIT_TEXT);
    }

    sp_out_lit(out, ",\"ip_src\":");
    sp_out_word(out, ctx->address_from == NULL ? "?" : ctx->address_from);
    sp_out_lit(out, ",\"class\":");
    sp_audit_fact(out, facts, SP_F_IP_CLASS);
    sp_out_lit(out, ",\"country\":");
    sp_audit_fact(out, facts, SP_F_IP_COUNTRY);
    sp_out_lit(out, ",\"registered\":");
    sp_audit_fact(out, facts, SP_F_IP_REGISTERED);
    sp_out_lit(out, "}");
}


void
sp_audit_facts(sp_out_t *out, const sp_facts_t *facts,
    const sp_audit_ctx_t *ctx, const unsigned char *end)
{
    sp_out_lit(out, ",\"facts\":{\"now\":");
    sp_audit_fact(out, facts, SP_F_NOW);
    sp_out_lit(out, ",\"geo\":{\"build\":");
    sp_out_uint_or_null(out, ctx->geo_build != 0, ctx->geo_build);

    sp_out_lit(out, "},\"key\":{\"st\":");
    sp_out_word(out, facts->key_state < sp_nelts(sp_key_states)
                     ? sp_key_states[facts->key_state] : "?");
    sp_out_lit(out, ",\"ver\":");
    sp_out_uint_or_null(out, facts->key != NULL, ctx->key_ver);
    sp_out_lit(out, ",\"tiers\":");
    sp_audit_tiers(out, facts->key == NULL ? 0 : facts->key->tiers);

    sp_out_lit(out, "},\"record\":{\"st\":");
    sp_out_word(out, facts->account_state < sp_nelts(sp_account_states)
                     ? sp_account_states[facts->account_state] : "?");
    sp_out_lit(out, ",\"src\":");
    sp_out_word(out, ctx->record_source == NULL ? "none"
                                                : ctx->record_source);
    sp_out_lit(out, ",\"age_ms\":");
    sp_out_uint_or_null(out, ctx->record_age_ms >= 0,
                        (uint64_t) ctx->record_age_ms);
    sp_out_lit(out, ",\"ver\":");
    sp_out_uint_or_null(out, facts->account != NULL,
                        facts->account == NULL ? 0 : facts->account->ver);
    sp_out_lit(out, "},\"account\":");

    if (facts->account == NULL) {
        sp_out_lit(out, "null}");
        return;
    }

    sp_audit_account(out, facts, end);
    sp_out_lit(out, "}");
}


void
sp_audit_list(sp_audit_list_t *list, sp_out_t *out, const unsigned char *end)
{
    list->out = out;
    list->end = end;
    list->mark = out->p;
    list->n = 0;
    list->cut = 0;
}


void
sp_audit_item(sp_audit_list_t *list)
{
    list->mark = list->out->p;

    if (list->n != 0) {
        sp_out_lit(list->out, ",");
    }
}


void
sp_audit_item_end(sp_audit_list_t *list)
{
    /* once an item was cut, all that follow are: the rest keeps its order */

    if (list->out->p > list->end || list->cut != 0) {
        list->out->p = list->mark;
        list->cut++;
        return;
    }

    list->n++;
}


void
sp_audit_cut(sp_out_t *out, const sp_audit_list_t *list, const char *name)
{
    if (list->cut == 0) {
        return;
    }

    sp_out_lit(out, ",");
    sp_out_word(out, name);
    sp_out_lit(out, ":");
    sp_out_uint(out, list->cut);
}


static void
sp_audit_account(sp_out_t *out, const sp_facts_t *facts,
    const unsigned char *end)
{
    int                  i;
    const sp_account_t  *a;

    static const char *const  methods[] = { "cascade", "direct", "prorata" };

    a = facts->account;
    sp_out_lit(out, "{");

    for (i = 0; i < (int) sp_nelts(sp_account_keys); i++) {
        sp_out_raw(out, sp_account_keys[i].text.data,
                   sp_account_keys[i].text.len);
        sp_audit_fact(out, facts, sp_account_keys[i].field);
        sp_out_lit(out, ",");
    }

    sp_out_lit(out, "\"owners_method\":");

    if (a->owners_method < sp_nelts(methods)) {
        sp_out_word(out, methods[a->owners_method]);

    } else {
        sp_out_lit(out, "null");
    }

    sp_out_lit(out, ",\"owners_floor\":");
    sp_out_uint_or_null(out, a->owners_floor != SP_SHARE_ABSENT,
                        a->owners_floor);
    sp_out_lit(out, ",\"tiers\":");
    sp_audit_tiers(out, a->tiers);

    sp_audit_places(out, &facts->v[SP_F_ACCOUNT_PLACES], end);
    sp_audit_tags(out, &facts->v[SP_F_ACCOUNT_TAGS], end);
    sp_audit_owners(out, a, end);
    sp_audit_control(out, a, end);
    sp_audit_listed(out, a, end);
    sp_audit_own(out, a, end);

    sp_out_lit(out, "}");
}


/* Null where no tier is named: the record sets no bound. */

static void
sp_audit_tiers(sp_out_t *out, unsigned tiers)
{
    unsigned  i, n;

    if (tiers == 0) {
        sp_out_lit(out, "null");
        return;
    }

    sp_out_lit(out, "[");

    for (n = 0, i = 1; i <= 3; i++) {

        if (tiers >> i & 1) {
            sp_out_raw(out, ",", n++ != 0);
            sp_out_uint(out, i);
        }
    }

    sp_out_lit(out, "]");
}


static void
sp_audit_places(sp_out_t *out, const sp_value_t *v, const unsigned char *end)
{
    unsigned         i;
    sp_audit_list_t  list;

    if (v->state != SP_FACT_KNOWN) {
        sp_out_raw(out, v->state == SP_FACT_ABSENT ? ",\"places\":null"
                                                   : ",\"places\":\"?\"",
                   v->state == SP_FACT_ABSENT ? 14 : 13);
        return;
    }

    sp_out_lit(out, ",\"places\":[");
    sp_audit_list(&list, out, end);

    for (i = 0; i < v->n; i++) {
        sp_audit_item(&list);
        sp_audit_place(out, v->u.places[i]);
        sp_audit_item_end(&list);
    }

    sp_out_lit(out, "]");
    sp_audit_cut(out, &list, "places_cut");
}


static void
sp_audit_tags(sp_out_t *out, const sp_value_t *v, const unsigned char *end)
{
    unsigned         i;
    sp_str_t         tag;
    sp_audit_list_t  list;

    sp_out_lit(out, ",\"tags\":[");
    sp_audit_list(&list, out, end);

    for (i = 0; v->state == SP_FACT_KNOWN && i < v->n; i++) {
        tag.data = (const unsigned char *) v->u.tags + i * SP_TAG_LEN;
        tag.len = strnlen((const char *) tag.data, SP_TAG_LEN);

        sp_audit_item(&list);
        sp_out_text(out, tag, SP_AUDIT_TEXT);
        sp_audit_item_end(&list);
    }

    sp_out_lit(out, "]");
    sp_audit_cut(out, &list, "tags_cut");
}


/* Each holding as the record writes it: "CN+KY:6000", "ZZ:0-2500". */

static void
sp_audit_owners(sp_out_t *out, const sp_account_t *account,
    const unsigned char *end)
{
    unsigned         i;
    sp_audit_list_t  list;

    if (account->has_owners == 0) {
        sp_out_lit(out, ",\"owners\":null");
        return;
    }

    sp_out_lit(out, ",\"owners\":[");
    sp_audit_list(&list, out, end);

    for (i = 0; i < account->nowners; i++) {
        sp_audit_item(&list);
        sp_audit_owner(out, &account->owners[i]);
        sp_audit_item_end(&list);
    }

    sp_out_lit(out, "]");
    sp_audit_cut(out, &list, "owners_cut");
}


static void
sp_audit_owner(sp_out_t *out, const sp_owner_t *owner)
{
    char      text[SP_PLACE_TEXT_LEN];
    unsigned  i, n;

    n = 0;
    sp_out_lit(out, "\"");

    for (i = 0; i < owner->nplaces; i++) {
        sp_out_raw(out, "+", n++ != 0);
        sp_out_raw(out, text, sp_place_format(owner->places[i], text));
    }

    if (owner->unknown) {
        sp_out_raw(out, "+", n++ != 0);
        sp_out_lit(out, "ZZ");
    }

    if (owner->floating) {
        sp_out_raw(out, "+", n++ != 0);
        sp_out_lit(out, "PUB");
    }

    sp_out_lit(out, ":");
    sp_out_uint(out, owner->min);

    if (owner->max != owner->min) {
        sp_out_lit(out, "-");
        sp_out_uint(out, owner->max);
    }

    sp_out_lit(out, "\"");
}


static void
sp_audit_control(sp_out_t *out, const sp_account_t *account,
    const unsigned char *end)
{
    char                      text[SP_PLACE_TEXT_LEN];
    unsigned                  i;
    const char               *kind;
    sp_audit_list_t           list;

    static const char *const  kinds[] = {
        "board", "voting", "contract", "articles", "nominee", "other"
    };

    sp_out_lit(out, ",\"control\":[");
    sp_audit_list(&list, out, end);

    for (i = 0; i < account->ncontrol; i++) {
        kind = account->control[i].kind < sp_nelts(kinds)
               ? kinds[account->control[i].kind] : "?";

        sp_audit_item(&list);
        sp_out_lit(out, "\"");
        sp_out_raw(out, text,
                   sp_place_format(account->control[i].place, text));
        sp_out_lit(out, ":");
        sp_out_raw(out, kind, strlen(kind));
        sp_out_lit(out, "\"");
        sp_audit_item_end(&list);
    }

    sp_out_lit(out, "]");
    sp_audit_cut(out, &list, "control_cut");
}


static void
sp_audit_listed(sp_out_t *out, const sp_account_t *account,
    const unsigned char *end)
{
    unsigned         i;
    sp_str_t         name;
    sp_audit_list_t  list;

    sp_out_lit(out, ",\"listed\":{");
    sp_audit_list(&list, out, end);

    for (i = 0; i < account->nlisted; i++) {
        name.data = (const unsigned char *) account->listed[i].list;
        name.len = account->listed[i].len;

        sp_audit_item(&list);
        sp_out_text(out, name, SP_AUDIT_TEXT);
        sp_out_lit(out, ":");
        sp_out_uint(out, account->listed[i].share);
        sp_audit_item_end(&list);
    }

    sp_out_lit(out, "}");
    sp_audit_cut(out, &list, "listed_cut");
}


/* The fields that only a policy gives a meaning, as text. */

static void
sp_audit_own(sp_out_t *out, const sp_account_t *account,
    const unsigned char *end)
{
    unsigned         i;
    sp_str_t         name, value;
    const char      *p;
    sp_audit_list_t  list;

    sp_out_lit(out, ",\"own\":{");
    sp_audit_list(&list, out, end);

    for (p = account->own, i = 0; i < account->nown; i++) {
        name = sp_cstr(p);
        p += name.len + 1;
        value = sp_cstr(p);
        p += value.len + 1;

        sp_audit_item(&list);
        sp_out_text(out, name, SP_AUDIT_TEXT);
        sp_out_lit(out, ":");
        sp_out_text(out, value, SP_OWN_BYTES);
        sp_audit_item_end(&list);
    }

    sp_out_lit(out, "}");
    sp_audit_cut(out, &list, "own_cut");
}


static void
sp_audit_place(sp_out_t *out, sp_place_t place)
{
    size_t  n;
    char    text[SP_PLACE_TEXT_LEN + 2];

    n = sp_place_format(place, text + 1);
    text[0] = '"';
    text[n + 1] = '"';
    sp_out_raw(out, text, n + 2);
}

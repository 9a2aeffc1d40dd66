
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the decision record, in the order of its fields. The
 * format is described in AUDIT.md.
 */


#include "sp_audit_facts.h"
#include "sp_meter.h"


/* Which of a verdict's matches a list holds. */

typedef enum {
    SP_AUDIT_BY = 0,
    SP_AUDIT_LIFTED,
    SP_AUDIT_FLAGS,
    SP_AUDIT_SHADOW,
    SP_AUDIT_PARTS
} sp_audit_part_t;


static unsigned char *sp_audit_request(unsigned char *p,
    const sp_facts_t *facts, const sp_verdict_t *verdict,
    const sp_audit_ctx_t *ctx, const unsigned char *end);
static unsigned char *sp_audit_models(unsigned char *p,
    const sp_facts_t *facts, const sp_verdict_t *verdict,
    const unsigned char *end);
static unsigned char *sp_audit_verdict(unsigned char *p,
    const sp_policy_t *policy, const sp_facts_t *facts,
    const sp_verdict_t *verdict, const sp_audit_ctx_t *ctx,
    const unsigned char *end);
static unsigned char *sp_audit_reason(unsigned char *p,
    const sp_policy_t *policy, const sp_verdict_t *verdict);
static unsigned char *sp_audit_matches(unsigned char *p,
    const sp_policy_t *policy, const sp_facts_t *facts,
    const sp_verdict_t *verdict, const unsigned char *end);
static unsigned char *sp_audit_part(unsigned char *p,
    const sp_policy_t *policy, const sp_facts_t *facts,
    const sp_verdict_t *verdict, sp_audit_part_t part,
    const unsigned char *end);
static sp_audit_part_t sp_audit_part_of(const sp_policy_t *policy,
    const sp_match_t *match);
static unsigned char *sp_audit_match(unsigned char *p,
    const sp_policy_t *policy, const sp_facts_t *facts,
    const sp_match_t *match);
static unsigned char *sp_audit_limits(unsigned char *p,
    const sp_policy_t *policy, const sp_verdict_t *verdict,
    const unsigned char *end);
static unsigned char *sp_audit_meter(unsigned char *p,
    const sp_apply_t *apply);
static unsigned char *sp_audit_per(unsigned char *p, unsigned per);


size_t
sp_audit_decision(const sp_policy_t *policy, const sp_facts_t *facts,
    const sp_verdict_t *verdict, const sp_audit_ctx_t *ctx, uint64_t seq,
    unsigned char *buf)
{
    unsigned char  *p;

    p = sp_audit_head(buf, "decision", ctx->keep, ctx->wall_us, ctx->mono_us,
                      seq);
    p = sp_put_lit(p, ",\"id\":");
    p = sp_put_text(p, ctx->id, SP_AUDIT_TEXT);

    p = sp_audit_pol(p, ctx->keep, policy);
    p = sp_audit_request(p, facts, verdict, ctx, buf + SP_AUDIT_MODELS_END);
    p = sp_audit_who(p, facts, ctx);
    p = sp_audit_facts(p, facts, ctx);
    p = sp_audit_verdict(p, policy, facts, verdict, ctx,
                         buf + SP_AUDIT_LISTS_END);

    p = sp_put_lit(p, ",\"us\":");
    p = sp_put_uint(p, ctx->us);
    *p++ = '}';

    return (size_t) (p - buf);
}


static unsigned char *
sp_audit_request(unsigned char *p, const sp_facts_t *facts,
    const sp_verdict_t *verdict, const sp_audit_ctx_t *ctx,
    const unsigned char *end)
{
    static const char *const  bodies[] = {
        "pending", "none", "fine", "ambiguous", "type", "large"
    };

    p = sp_put_lit(p, ",\"req\":{");

    if (ctx->request_id.len != 0) {
        p = sp_put_lit(p, "\"rid\":");
        p = sp_put_text(p, ctx->request_id, SP_AUDIT_TEXT);
        *p++ = ',';
    }

    p = sp_put_lit(p, "\"method\":");
    p = sp_put_text(p, ctx->method, 16);
    p = sp_put_lit(p, ",\"route\":");
    p = sp_audit_fact(p, facts, SP_F_REQUEST_ROUTE);
    p = sp_put_lit(p, ",\"dialect\":");
    p = sp_audit_fact(p, facts, SP_F_REQUEST_DIALECT);
    p = sp_put_lit(p, ",\"body\":");
    p = sp_put_word(p, facts->body_state < sp_nelts(bodies)
                       ? bodies[facts->body_state] : "?");

    if (ctx->body_coding != NULL) {
        p = sp_put_lit(p, ",\"coding\":");
        p = sp_put_word(p, ctx->body_coding);
    }

    if (ctx->body_added != NULL) {
        p = sp_put_lit(p, ",\"added\":");
        p = sp_put_word(p, ctx->body_added);
    }

    p = sp_audit_models(p, facts, verdict, end);

    p = sp_put_lit(p, ",\"stream\":");
    p = sp_audit_fact(p, facts, SP_F_REQUEST_STREAM);
    p = sp_put_lit(p, ",\"in_bytes\":");
    p = sp_put_uint(p, ctx->body_bytes);
    p = sp_put_lit(p, ",\"tokens\":");
    p = sp_audit_fact(p, facts, SP_F_REQUEST_TOKENS);
    *p++ = '}';

    return p;
}


static unsigned char *
sp_audit_models(unsigned char *p, const sp_facts_t *facts,
    const sp_verdict_t *verdict, const unsigned char *end)
{
    unsigned         i;
    sp_audit_list_t  list = sp_audit_list(end);

    p = sp_put_lit(p, ",\"model\":");

    if (facts->nmodels == 0) {
        p = sp_audit_fact(p, facts, SP_F_MODEL_ID);

    } else {
        i = verdict->model < facts->nmodels ? verdict->model : 0;
        p = sp_put_text(p, facts->models[i], SP_MODEL_LEN);
    }

    if (facts->nmodels > 1) {
        p = sp_put_lit(p, ",\"models\":[");

        for (i = 0; i < facts->nmodels; i++) {
            p = sp_audit_item(&list, p);
            p = sp_put_text(p, facts->models[i], SP_MODEL_LEN);
            p = sp_audit_item_end(&list, p);
        }

        *p++ = ']';
        p = sp_audit_cut(p, &list, "models_cut");
    }

    if (verdict->tier != 0) {
        p = sp_put_lit(p, ",\"tier\":");
        p = sp_put_uint(p, verdict->tier);
    }

    return p;
}


static unsigned char *
sp_audit_verdict(unsigned char *p, const sp_policy_t *policy,
    const sp_facts_t *facts, const sp_verdict_t *verdict,
    const sp_audit_ctx_t *ctx, const unsigned char *end)
{
    switch (verdict->decision) {

    case SP_VERDICT_ALLOW:
        p = sp_put_lit(p, ",\"dec\":\"allow\"");
        break;

    case SP_VERDICT_THROTTLE:
        p = sp_put_lit(p, ",\"dec\":\"throttle\"");
        p = sp_audit_reason(p, policy, verdict);
        break;

    default: /* SP_VERDICT_DENY */
        p = sp_put_lit(p, ",\"dec\":\"deny\"");
        p = sp_audit_reason(p, policy, verdict);
    }

    if (facts->detail != NULL) {
        p = sp_put_lit(p, ",\"detail\":");
        p = sp_put_text(p, sp_cstr(facts->detail), 2 * SP_AUDIT_TEXT);
    }

    p = ctx->enforced ? sp_put_lit(p, ",\"enforced\":true")
                      : sp_put_lit(p, ",\"enforced\":false");

    if (facts->lenient) {
        p = sp_put_lit(p, ",\"mode\":\"observe\"");
    }

    /* what another policy says stands behind the lists, and is not cut */

    p = sp_audit_matches(p, policy, facts, verdict,
                         end - ctx->candidate.len);

    if (policy != NULL && verdict->allow_rule >= 0) {
        p = sp_put_lit(p, ",\"allow\":");
        p = sp_put_text(p, sp_policy_rule_id(policy, verdict->allow_rule),
                        SP_AUDIT_TEXT);
    }

    if (ctx->candidate.len != 0) {
        p = sp_put_lit(p, ",\"cand\":");
        p = sp_put(p, ctx->candidate.data, ctx->candidate.len);
    }

    return sp_audit_limits(p, policy, verdict, end);
}


size_t
sp_audit_candidate(const sp_policy_t *policy, const sp_facts_t *facts,
    const sp_verdict_t *verdict, unsigned char *buf)
{
    unsigned char  *p, *end;

    end = buf + SP_AUDIT_CANDIDATE_MAX - 130;    /* for what is behind it */
    p = buf;

    if (verdict->decision == SP_VERDICT_ALLOW) {
        p = sp_put_lit(p, "{\"dec\":\"allow\"");

    } else {
        p = sp_put_lit(p, "{\"dec\":\"deny\"");
        p = sp_audit_reason(p, policy, verdict);
    }

    p = sp_audit_part(p, policy, facts, verdict, SP_AUDIT_BY, end);
    p = sp_put_lit(p, ",\"hash\":\"sha256:");
    sp_hex(sp_policy_hash(policy), SP_POLICY_HASH_LEN, p);
    p += 2 * SP_POLICY_HASH_LEN;
    p = sp_put_lit(p, "\"}");

    return (size_t) (p - buf);
}


_Static_assert(SP_AUDIT_CANDIDATE_MAX - 130 + SP_AUDIT_ITEM
               <= SP_AUDIT_CANDIDATE_ROOM,
               "an item is written before it is taken back");


/* Without a policy the reasons are those that ship. */

static unsigned char *
sp_audit_reason(unsigned char *p, const sp_policy_t *policy,
    const sp_verdict_t *verdict)
{
    size_t                  n;
    const char             *class;
    const sp_reason_t      *reason;
    const sp_reason_row_t  *rows;

    p = sp_put_lit(p, ",\"status\":");
    p = sp_put_uint(p, verdict->status);
    p = sp_put_lit(p, ",\"reason\":");

    class = "?";

    if (policy != NULL) {
        reason = sp_policy_reason(policy, verdict->reason);
        p = sp_put_text(p, sp_policy_reason_code(policy, verdict->reason),
                        SP_AUDIT_TEXT);

        if (reason != NULL) {
            class = sp_class_name((sp_class_t) reason->class);
        }

    } else {
        rows = sp_reason_rows(&n);

        if (verdict->reason < n) {
            p = sp_put_word(p, rows[verdict->reason].code);
            class = sp_class_name((sp_class_t) rows[verdict->reason].class);

        } else {
            p = sp_put_word(p, "?");
        }
    }

    p = sp_put_lit(p, ",\"class\":");

    return sp_put_word(p, class);
}


/* "by" always; of the other lists those that have something in them. */

static unsigned char *
sp_audit_matches(unsigned char *p, const sp_policy_t *policy,
    const sp_facts_t *facts, const sp_verdict_t *verdict,
    const unsigned char *end)
{
    unsigned  i, parts, part;

    parts = 0;

    for (i = 0; i < verdict->nmatches; i++) {
        parts |= 1u << sp_audit_part_of(policy, &verdict->matches[i]);
    }

    if (parts == 0) {
        p = sp_put_lit(p, ",\"by\":[]");

    } else {
        parts |= 1u << SP_AUDIT_BY;

        for (part = 0; part < SP_AUDIT_PARTS; part++) {
            if (parts >> part & 1) {
                p = sp_audit_part(p, policy, facts, verdict,
                                  (sp_audit_part_t) part, end);
            }
        }
    }

    if (verdict->more != 0) {
        p = sp_put_lit(p, ",\"more\":");
        p = sp_put_uint(p, verdict->more);
    }

    return p;
}


static unsigned char *
sp_audit_part(unsigned char *p, const sp_policy_t *policy,
    const sp_facts_t *facts, const sp_verdict_t *verdict,
    sp_audit_part_t part, const unsigned char *end)
{
    unsigned           i;
    sp_str_t           id;
    const sp_match_t  *match;
    sp_audit_list_t    list = sp_audit_list(end);

    static const char *const  names[][2] = {
        { "by", "by_cut" }, { "lifted", "lifted_cut" },
        { "flags", "flags_cut" }, { "shadow", "shadow_cut" }
    };

    *p++ = ',';
    p = sp_put_word(p, names[part][0]);
    p = sp_put_lit(p, ":[");

    for (i = 0; i < verdict->nmatches; i++) {
        match = &verdict->matches[i];

        if (sp_audit_part_of(policy, match) != part) {
            continue;
        }

        p = sp_audit_item(&list, p);
        p = sp_put_lit(p, "{\"r\":");
        p = sp_put_text(p, sp_match_name(policy, match), SP_AUDIT_TEXT);

        if (part == SP_AUDIT_LIFTED) {
            id = sp_policy_rule_id(policy, match->lifted_by);
            p = sp_put_lit(p, ",\"l\":");
            p = sp_put_text(p, id, SP_AUDIT_TEXT);

        } else {
            p = sp_audit_match(p, policy, facts, match);
        }

        if (facts->nmodels > 1) {
            p = sp_put_lit(p, ",\"n\":");
            p = sp_put_uint(p, match->model);
        }

        *p++ = '}';
        p = sp_audit_item_end(&list, p);
    }

    *p++ = ']';

    return sp_audit_cut(p, &list, names[part][1]);
}


static sp_audit_part_t
sp_audit_part_of(const sp_policy_t *policy, const sp_match_t *match)
{
    if (match->shadow) {
        return SP_AUDIT_SHADOW;
    }

    if (policy == NULL || match->rule < 0) {
        return SP_AUDIT_BY;
    }

    if (sp_policy_rule_kind(policy, match->rule) == SP_RULE_FLAG) {
        return SP_AUDIT_FLAGS;
    }

    return match->lifted_by >= 0 ? SP_AUDIT_LIFTED : SP_AUDIT_BY;
}


/* How it matched, and for an unknown what was missing. */

static unsigned char *
sp_audit_match(unsigned char *p, const sp_policy_t *policy,
    const sp_facts_t *facts, const sp_match_t *match)
{
    int  i, n, fields[8];

    if (match->truth == SP_TRUE) {
        return sp_put_lit(p, ",\"m\":\"true\"");
    }

    p = match->failed ? sp_put_lit(p, ",\"m\":\"failed\",\"unk\":[")
                      : sp_put_lit(p, ",\"m\":\"unknown\",\"unk\":[");

    n = 0;

    if (policy != NULL && match->rule >= 0) {
        n = sp_rule_missing(policy, match->rule, facts, fields,
                            (int) sp_nelts(fields));
    }

    for (i = 0; i < n && i < (int) sp_nelts(fields); i++) {
        *p = ',';
        p += i != 0;
        p = sp_put_text(p, sp_policy_field_name(policy, fields[i]),
                        SP_AUDIT_TEXT);
    }

    *p++ = ']';

    return p;
}


/* A denied request was not held against any limit. */

static unsigned char *
sp_audit_limits(unsigned char *p, const sp_policy_t *policy,
    const sp_verdict_t *verdict, const unsigned char *end)
{
    int                refused;
    unsigned           i, n;
    const sp_apply_t  *apply;
    sp_audit_list_t    list = sp_audit_list(end);

    n = policy == NULL || verdict->decision == SP_VERDICT_DENY
        ? 0 : verdict->napply;

    p = sp_put_lit(p, ",\"lim\":[");

    for (i = 0; i < n; i++) {
        apply = &verdict->apply[i];
        refused = verdict->decision == SP_VERDICT_THROTTLE
                  && verdict->throttled == (int) i;

        p = sp_audit_item(&list, p);
        p = sp_put_lit(p, "{\"l\":");
        p = sp_put_text(p, sp_policy_rule_id(policy, apply->rule),
                        SP_AUDIT_TEXT);
        p = sp_put_lit(p, ",\"per\":\"");
        p = sp_audit_per(p, apply->per);
        p = sp_put_lit(p, "\",\"rate\":");
        p = sp_put_uint(p, apply->limit);
        p = sp_put_lit(p, ",\"period\":");
        p = sp_put_uint(p, apply->period);
        p = sp_put_lit(p, ",\"burst\":");
        p = sp_put_uint(p, apply->burst);

        if (!apply->plain) {
            p = sp_audit_meter(p, apply);
        }

        if (refused) {
            p = sp_put_lit(p, ",\"wait_ms\":");
            p = sp_put_uint(p, verdict->wait_ms);
            p = sp_put_lit(p, ",\"ok\":false}");

        } else if (verdict->decision == SP_VERDICT_THROTTLE) {
            p = sp_put_lit(p, ",\"ok\":null}");

        } else {
            p = sp_put_lit(p, ",\"ok\":true}");
        }

        p = sp_audit_item_end(&list, p);
    }

    *p++ = ']';

    return sp_audit_cut(p, &list, "lim_cut");
}


/* What is not a rate of requests says what it is, and what it was charged. */

static unsigned char *
sp_audit_meter(unsigned char *p, const sp_apply_t *apply)
{
    const char  *name;

    p = sp_put_lit(p, ",\"meter\":\"");
    name = sp_meter_name(apply->meter);
    p = sp_put(p, name, strlen(name));
    p = sp_put_lit(p, "\",\"window\":\"");
    name = sp_window_name(apply->window);
    p = sp_put(p, name, strlen(name));
    p = sp_put_lit(p, "\",\"cost\":");

    return sp_put_uint(p, apply->cost);
}


static unsigned char *
sp_audit_per(unsigned char *p, unsigned per)
{
    unsigned                  i, n;

    static const char *const  names[] = {
        "key", "account", "model", "tier", "address", "network",
        "customer"
    };

    for (n = 0, i = 0; i < sp_nelts(names); i++) {

        if (per >> i & 1) {
            *p = '+';
            p += n++ != 0;
            p = sp_put(p, names[i], strlen(names[i]));
        }
    }

    return p;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the records of the audit log, in the order of their
 * fields. The format is described in AUDIT.md.
 */


#include "sp_audit_facts.h"


/* Which of a verdict's matches a list holds. */

typedef enum {
    SP_AUDIT_BY = 0,
    SP_AUDIT_LIFTED,
    SP_AUDIT_FLAGS,
    SP_AUDIT_SHADOW
} sp_audit_part_t;


static void sp_audit_begin(sp_out_t *out, unsigned char *buf,
    const char *type, uint64_t wall_us, uint64_t mono_us);
static void sp_audit_lane(sp_out_t *out, const sp_audit_ctx_t *ctx,
    uint64_t seq);
static void sp_audit_policy(sp_out_t *out, const sp_policy_t *policy);
static void sp_audit_request(sp_out_t *out, const sp_facts_t *facts,
    const sp_verdict_t *verdict, const sp_audit_ctx_t *ctx,
    const unsigned char *end);
static void sp_audit_verdict(sp_out_t *out, const sp_policy_t *policy,
    const sp_facts_t *facts, const sp_verdict_t *verdict,
    const sp_audit_ctx_t *ctx);
static void sp_audit_reason(sp_out_t *out, const sp_policy_t *policy,
    const sp_verdict_t *verdict);
static void sp_audit_matches(sp_out_t *out, const sp_policy_t *policy,
    const sp_facts_t *facts, const sp_verdict_t *verdict,
    sp_audit_part_t part, const unsigned char *end);
static sp_audit_part_t sp_audit_part(const sp_policy_t *policy,
    const sp_match_t *match);
static void sp_audit_match(sp_out_t *out, const sp_policy_t *policy,
    const sp_facts_t *facts, const sp_match_t *match);
static void sp_audit_limits(sp_out_t *out, const sp_policy_t *policy,
    const sp_verdict_t *verdict, const unsigned char *end);
static void sp_audit_per(sp_out_t *out, unsigned per);


size_t
sp_audit_decision(const sp_policy_t *policy, const sp_facts_t *facts,
    const sp_verdict_t *verdict, const sp_audit_ctx_t *ctx, uint64_t seq,
    unsigned char *buf)
{
    sp_out_t  out;

    sp_audit_begin(&out, buf, "decision", ctx->wall_us, ctx->mono_us);

    sp_out_lit(&out, ",\"id\":");
    sp_out_text(&out, ctx->id, SP_AUDIT_TEXT);

    sp_audit_lane(&out, ctx, seq);
    sp_audit_policy(&out, policy);
    sp_audit_request(&out, facts, verdict, ctx, buf + SP_AUDIT_MODELS_END);
    sp_audit_who(&out, facts, ctx);
    sp_audit_facts(&out, facts, ctx, buf + SP_AUDIT_FACTS_END);
    sp_audit_verdict(&out, policy, facts, verdict, ctx);

    sp_out_lit(&out, ",\"us\":");
    sp_out_uint(&out, ctx->us);
    sp_out_lit(&out, "}");

    return (size_t) (out.p - buf);
}


size_t
sp_audit_settle(const sp_settle_t *settle, uint64_t seq, unsigned char *buf)
{
    sp_out_t  out;

    sp_audit_begin(&out, buf, "settle", settle->wall_us, settle->mono_us);

    sp_out_lit(&out, ",\"seq\":");
    sp_out_uint(&out, seq);
    sp_out_lit(&out, ",\"of\":");
    sp_out_text(&out, settle->of, SP_AUDIT_TEXT);
    sp_out_lit(&out, ",\"sent\":");
    sp_out_raw(&out, settle->sent ? "true" : "false", settle->sent ? 4 : 5);
    sp_out_lit(&out, ",\"attempts\":");
    sp_out_uint(&out, settle->attempts);
    sp_out_lit(&out, ",\"status\":");
    sp_out_uint_or_null(&out, settle->status != 0, settle->status);
    sp_out_lit(&out, ",\"tok_in\":");
    sp_out_uint_or_null(&out, settle->tokens_in >= 0,
                        (uint64_t) settle->tokens_in);
    sp_out_lit(&out, ",\"tok_out\":");
    sp_out_uint_or_null(&out, settle->tokens_out >= 0,
                        (uint64_t) settle->tokens_out);
    sp_out_lit(&out, ",\"out_bytes\":");
    sp_out_uint(&out, settle->out_bytes);
    sp_out_lit(&out, ",\"dur_ms\":");
    sp_out_uint(&out, settle->duration_ms);
    sp_out_lit(&out, ",\"end\":");
    sp_out_word(&out, settle->end == NULL ? "unknown" : settle->end);
    sp_out_lit(&out, "}");

    return (size_t) (out.p - buf);
}


size_t
sp_audit_segment(const sp_audit_ctx_t *ctx, sp_str_t boot, unsigned segment,
    sp_str_t prev_file, sp_str_t prev_hash, sp_str_t version, uint64_t seq,
    unsigned char *buf)
{
    sp_out_t  out;

    sp_audit_begin(&out, buf, "segment", ctx->wall_us, ctx->mono_us);
    sp_audit_lane(&out, ctx, seq);

    sp_out_lit(&out, ",\"boot\":");
    sp_out_text(&out, boot, SP_AUDIT_TEXT);
    sp_out_lit(&out, ",\"segment\":");
    sp_out_uint(&out, segment);
    sp_out_lit(&out, ",\"prev_file\":");

    if (prev_file.len == 0) {
        sp_out_lit(&out, "null,\"prev_hash\":null");

    } else {
        sp_out_text(&out, prev_file, 1024);
        sp_out_lit(&out, ",\"prev_hash\":");
        sp_out_text(&out, prev_hash, SP_CHAIN_LEN);
    }

    sp_out_lit(&out, ",\"version\":");
    sp_out_text(&out, version, SP_AUDIT_TEXT);
    sp_out_lit(&out, "}");

    return (size_t) (out.p - buf);
}


size_t
sp_audit_close(const sp_audit_ctx_t *ctx, uint64_t count, uint64_t seq,
    unsigned char *buf)
{
    sp_out_t  out;

    sp_audit_begin(&out, buf, "close", ctx->wall_us, ctx->mono_us);
    sp_audit_lane(&out, ctx, seq);
    sp_out_lit(&out, ",\"count\":");
    sp_out_uint(&out, count);
    sp_out_lit(&out, "}");

    return (size_t) (out.p - buf);
}


static void
sp_audit_begin(sp_out_t *out, unsigned char *buf, const char *type,
    uint64_t wall_us, uint64_t mono_us)
{
    out->p = buf;
    out->last = buf + SP_AUDIT_END;

    sp_out_lit(out, "{\"v\":1,\"t\":");
    sp_out_word(out, type);
    sp_out_lit(out, ",\"ts\":");
    sp_out_time(out, wall_us);
    sp_out_lit(out, ",\"mono_us\":");
    sp_out_uint(out, mono_us);
}


static void
sp_audit_lane(sp_out_t *out, const sp_audit_ctx_t *ctx, uint64_t seq)
{
    sp_out_lit(out, ",\"host\":");
    sp_out_text(out, ctx->host, SP_AUDIT_TEXT);
    sp_out_lit(out, ",\"lane\":");
    sp_out_uint(out, ctx->lane);
    sp_out_lit(out, ",\"epoch\":");
    sp_out_uint(out, ctx->epoch);
    sp_out_lit(out, ",\"seq\":");
    sp_out_uint(out, seq);
}


static void
sp_audit_policy(sp_out_t *out, const sp_policy_t *policy)
{
    unsigned char  hash[2 * SP_POLICY_HASH_LEN];

    if (policy == NULL) {
        sp_out_lit(out, ",\"pol\":null");
        return;
    }

    sp_out_lit(out, ",\"pol\":{\"rev\":");
    sp_out_text(out, sp_policy_revision(policy), 4 * SP_AUDIT_TEXT);
    sp_out_lit(out, ",\"hash\":\"sha256:");
    sp_hex(sp_policy_hash(policy), SP_POLICY_HASH_LEN, hash);
    sp_out_raw(out, hash, sizeof(hash));
    sp_out_lit(out, "\"}");
}


static void
sp_audit_request(sp_out_t *out, const sp_facts_t *facts,
    const sp_verdict_t *verdict, const sp_audit_ctx_t *ctx,
    const unsigned char *end)
{
    unsigned                  i;
    sp_audit_list_t           list;

    static const char *const  bodies[] = {
        "pending", "none", "fine", "ambiguous", "type", "large"
    };

    sp_out_lit(out, ",\"req\":{\"rid\":");
    sp_out_text(out, ctx->request_id, SP_AUDIT_TEXT);
    sp_out_lit(out, ",\"method\":");
    sp_out_text(out, ctx->method, 16);
    sp_out_lit(out, ",\"route\":");
    sp_audit_fact(out, facts, SP_F_REQUEST_ROUTE);
    sp_out_lit(out, ",\"dialect\":");
    sp_audit_fact(out, facts, SP_F_REQUEST_DIALECT);
    sp_out_lit(out, ",\"body\":");
    sp_out_word(out, facts->body_state < sp_nelts(bodies)
                     ? bodies[facts->body_state] : "?");
    sp_out_lit(out, ",\"model\":");

    if (facts->nmodels == 0) {
        sp_audit_fact(out, facts, SP_F_MODEL_ID);

    } else {
        i = verdict->model < facts->nmodels ? verdict->model : 0;
        sp_out_text(out, facts->models[i], SP_MODEL_LEN);
    }

    if (facts->nmodels > 1) {
        sp_out_lit(out, ",\"models\":[");
        sp_audit_list(&list, out, end);

        for (i = 0; i < facts->nmodels; i++) {
            sp_audit_item(&list);
            sp_out_text(out, facts->models[i], SP_MODEL_LEN);
            sp_audit_item_end(&list);
        }

        sp_out_lit(out, "]");
        sp_audit_cut(out, &list, "models_cut");
    }

    sp_out_lit(out, ",\"tier\":");
    sp_out_uint_or_null(out, verdict->tier != 0, verdict->tier);
    sp_out_lit(out, ",\"stream\":");
    sp_audit_fact(out, facts, SP_F_REQUEST_STREAM);
    sp_out_lit(out, ",\"in_bytes\":");
    sp_out_uint(out, ctx->body_bytes);
    sp_out_lit(out, ",\"tokens\":");
    sp_audit_fact(out, facts, SP_F_REQUEST_TOKENS);
    sp_out_lit(out, "}");
}


static void
sp_audit_verdict(sp_out_t *out, const sp_policy_t *policy,
    const sp_facts_t *facts, const sp_verdict_t *verdict,
    const sp_audit_ctx_t *ctx)
{
    sp_str_t              id;
    const unsigned char  *end;

    /* What may still follow a list: the names of the others, their counts. */

    end = out->last - 320;

    sp_out_lit(out, ",\"dec\":");

    switch (verdict->decision) {

    case SP_VERDICT_ALLOW:
        sp_out_lit(out, "\"allow\",\"status\":null");
        break;

    case SP_VERDICT_THROTTLE:
        sp_out_lit(out, "\"throttle\",\"status\":");
        sp_out_uint(out, verdict->status);
        break;

    default: /* SP_VERDICT_DENY */
        sp_out_lit(out, "\"deny\",\"status\":");
        sp_out_uint(out, verdict->status);
    }

    sp_audit_reason(out, policy, verdict);

    sp_out_lit(out, ",\"detail\":");

    if (facts->detail == NULL) {
        sp_out_lit(out, "null");

    } else {
        sp_out_text(out, sp_cstr(facts->detail), 2 * SP_AUDIT_TEXT);
    }

    sp_out_lit(out, ",\"enforced\":");
    sp_out_raw(out, ctx->enforced ? "true" : "false", ctx->enforced ? 4 : 5);

    sp_out_lit(out, ",\"by\":[");
    sp_audit_matches(out, policy, facts, verdict, SP_AUDIT_BY, end);
    sp_out_lit(out, ",\"lifted\":[");
    sp_audit_matches(out, policy, facts, verdict, SP_AUDIT_LIFTED, end);

    sp_out_lit(out, ",\"allow\":");

    if (policy != NULL && verdict->allow_rule >= 0) {
        id = sp_policy_rule_id(policy, verdict->allow_rule);
        sp_out_text(out, id, SP_AUDIT_TEXT);

    } else {
        sp_out_lit(out, "null");
    }

    sp_out_lit(out, ",\"flags\":[");
    sp_audit_matches(out, policy, facts, verdict, SP_AUDIT_FLAGS, end);
    sp_out_lit(out, ",\"shadow\":[");
    sp_audit_matches(out, policy, facts, verdict, SP_AUDIT_SHADOW, end);
    sp_out_lit(out, ",\"more\":");
    sp_out_uint(out, verdict->more);
    sp_out_lit(out, ",\"lim\":[");
    sp_audit_limits(out, policy, verdict, end);
}


/* Without a policy the reasons are those that ship. */

static void
sp_audit_reason(sp_out_t *out, const sp_policy_t *policy,
    const sp_verdict_t *verdict)
{
    size_t                  n;
    const char             *class;
    const sp_reason_t      *reason;
    const sp_reason_row_t  *rows;

    sp_out_lit(out, ",\"reason\":");

    if (verdict->decision == SP_VERDICT_ALLOW) {
        sp_out_lit(out, "null,\"class\":null");
        return;
    }

    class = "?";

    if (policy != NULL) {
        reason = sp_policy_reason(policy, verdict->reason);
        sp_out_text(out, sp_policy_reason_code(policy, verdict->reason),
                    SP_AUDIT_TEXT);

        if (reason != NULL) {
            class = sp_class_name((sp_class_t) reason->class);
        }

    } else {
        rows = sp_reason_rows(&n);

        if (verdict->reason < n) {
            sp_out_word(out, rows[verdict->reason].code);
            class = sp_class_name((sp_class_t) rows[verdict->reason].class);

        } else {
            sp_out_word(out, "?");
        }
    }

    sp_out_lit(out, ",\"class\":");
    sp_out_word(out, class);
}


static void
sp_audit_matches(sp_out_t *out, const sp_policy_t *policy,
    const sp_facts_t *facts, const sp_verdict_t *verdict,
    sp_audit_part_t part, const unsigned char *end)
{
    unsigned           i;
    sp_str_t           id;
    const sp_match_t  *match;
    sp_audit_list_t    list;

    static const char *const  names[] = {
        "by_cut", "lifted_cut", "flags_cut", "shadow_cut"
    };

    sp_audit_list(&list, out, end);

    for (i = 0; i < verdict->nmatches; i++) {
        match = &verdict->matches[i];

        if (sp_audit_part(policy, match) != part) {
            continue;
        }

        sp_audit_item(&list);
        sp_out_lit(out, "{\"r\":");
        sp_out_text(out, sp_match_name(policy, match), SP_AUDIT_TEXT);

        if (part == SP_AUDIT_LIFTED) {
            id = sp_policy_rule_id(policy, match->lifted_by);
            sp_out_lit(out, ",\"l\":");
            sp_out_text(out, id, SP_AUDIT_TEXT);

        } else {
            sp_audit_match(out, policy, facts, match);
        }

        if (facts->nmodels > 1) {
            sp_out_lit(out, ",\"n\":");
            sp_out_uint(out, match->model);
        }

        sp_out_lit(out, "}");
        sp_audit_item_end(&list);
    }

    sp_out_lit(out, "]");
    sp_audit_cut(out, &list, names[part]);
}


static sp_audit_part_t
sp_audit_part(const sp_policy_t *policy, const sp_match_t *match)
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

static void
sp_audit_match(sp_out_t *out, const sp_policy_t *policy,
    const sp_facts_t *facts, const sp_match_t *match)
{
    int  i, n, fields[8];

    if (match->truth == SP_TRUE) {
        sp_out_lit(out, ",\"m\":\"true\"");
        return;
    }

    sp_out_lit(out, ",\"m\":\"");
    sp_out_raw(out, match->failed ? "failed" : "unknown",
               match->failed ? 6 : 7);
    sp_out_lit(out, "\",\"unk\":[");

    n = 0;

    if (policy != NULL && match->rule >= 0) {
        n = sp_rule_missing(policy, match->rule, facts, fields,
                            (int) sp_nelts(fields));
    }

    for (i = 0; i < n && i < (int) sp_nelts(fields); i++) {
        sp_out_raw(out, ",", i != 0);
        sp_out_text(out, sp_policy_field_name(policy, fields[i]),
                    SP_AUDIT_TEXT);
    }

    sp_out_lit(out, "]");
}


/* A denied request was not held against any limit. */

static void
sp_audit_limits(sp_out_t *out, const sp_policy_t *policy,
    const sp_verdict_t *verdict, const unsigned char *end)
{
    int                refused;
    unsigned           i, n;
    sp_audit_list_t    list;
    const sp_apply_t  *apply;

    sp_audit_list(&list, out, end);

    n = policy == NULL || verdict->decision == SP_VERDICT_DENY
        ? 0 : verdict->napply;

    for (i = 0; i < n; i++) {
        apply = &verdict->apply[i];
        refused = verdict->decision == SP_VERDICT_THROTTLE
                  && verdict->throttled == (int) i;

        sp_audit_item(&list);
        sp_out_lit(out, "{\"l\":");
        sp_out_text(out, sp_policy_rule_id(policy, apply->rule),
                    SP_AUDIT_TEXT);
        sp_out_lit(out, ",\"per\":\"");
        sp_audit_per(out, apply->per);
        sp_out_lit(out, "\",\"rate\":");
        sp_out_uint(out, apply->limit);
        sp_out_lit(out, ",\"period\":");
        sp_out_uint(out, apply->period);
        sp_out_lit(out, ",\"burst\":");
        sp_out_uint(out, apply->burst);
        sp_out_lit(out, ",\"wait_ms\":");
        sp_out_uint_or_null(out, refused, verdict->wait_ms);
        sp_out_lit(out, ",\"ok\":");

        if (refused) {
            sp_out_lit(out, "false}");

        } else if (verdict->decision == SP_VERDICT_THROTTLE) {
            sp_out_lit(out, "null}");

        } else {
            sp_out_lit(out, "true}");
        }

        sp_audit_item_end(&list);
    }

    sp_out_lit(out, "]");
    sp_audit_cut(out, &list, "lim_cut");
}


static void
sp_audit_per(sp_out_t *out, unsigned per)
{
    unsigned                  i, n;

    static const char *const  names[] = {
        "key", "account", "model", "tier", "address"
    };

    for (n = 0, i = 0; i < sp_nelts(names); i++) {

        if (per >> i & 1) {
            sp_out_raw(out, "+", n++ != 0);
            sp_out_raw(out, names[i], strlen(names[i]));
        }
    }
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what records have in common, and the records beside the
 * decisions: how a request ended, and what a lane says about itself.
 */


#include "sp_audit_facts.h"


static unsigned char *sp_audit_lane(unsigned char *p,
    const sp_audit_ctx_t *ctx);
static unsigned char *sp_audit_text(unsigned char *p, sp_str_t name,
    const unsigned char *data, size_t len);
static unsigned char *sp_audit_time(unsigned char *p, uint64_t wall_us);
static unsigned char *sp_audit_policy_text(unsigned char *p,
    const sp_policy_t *policy);


unsigned char *
sp_audit_begin(unsigned char *p, const char *head, size_t len,
    sp_audit_keep_t *keep, uint64_t wall_us, uint64_t mono_us, uint64_t seq)
{
    uint64_t  second;

    second = wall_us / 1000000;

    if (keep->second != second || keep->time_len == 0) {
        keep->second = second;
        keep->time_len = (uint32_t) (sp_put_second(keep->time, second)
                                     - keep->time);
    }

    p = sp_put(p, head, len);
    p = sp_put(p, keep->time, 20);
    p = sp_put_micros(p, (unsigned) (wall_us % 1000000));
    p = sp_put_lit(p, "Z\",\"mono_us\":");
    p = sp_put_uint(p, mono_us);
    p = sp_put_lit(p, ",\"seq\":");

    return sp_put_uint(p, seq);
}


unsigned char *
sp_audit_pol(unsigned char *p, sp_audit_keep_t *keep,
    const sp_policy_t *policy)
{
    const unsigned char  *hash;

    if (policy == NULL) {
        return sp_put_lit(p, ",\"pol\":null");
    }

    hash = sp_policy_hash(policy);

    if (keep->policy_len == 0
        || memcmp(keep->hash, hash, SP_POLICY_HASH_LEN) != 0)
    {
        memcpy(keep->hash, hash, SP_POLICY_HASH_LEN);
        keep->policy_len = (uint32_t) (sp_audit_policy_text(keep->policy,
                                                            policy)
                                       - keep->policy);
    }

    return sp_put(p, keep->policy, keep->policy_len);
}


static unsigned char *
sp_audit_policy_text(unsigned char *p, const sp_policy_t *policy)
{
    p = sp_put_lit(p, ",\"pol\":{\"rev\":");
    p = sp_put_text(p, sp_policy_revision(policy), 4 * SP_AUDIT_TEXT);
    p = sp_put_lit(p, ",\"hash\":\"sha256:");
    sp_hex(sp_policy_hash(policy), SP_POLICY_HASH_LEN, p);
    p += 2 * SP_POLICY_HASH_LEN;

    return sp_put_lit(p, "\"}");
}


_Static_assert(sizeof(((sp_audit_keep_t *) NULL)->hash) == SP_POLICY_HASH_LEN
               && sizeof(((sp_audit_keep_t *) NULL)->policy)
                  >= 4 * SP_AUDIT_TEXT + 8 + 2 * SP_POLICY_HASH_LEN + 48,
               "room for the policy's name and hash");


size_t
sp_audit_settle(const sp_settle_t *settle, sp_audit_keep_t *keep,
    uint64_t seq, unsigned char *buf)
{
    unsigned char  *p;

    p = sp_audit_head(buf, "settle", keep, settle->wall_us, settle->mono_us,
                      seq);
    p = sp_put_lit(p, ",\"of\":");
    p = sp_put_text(p, settle->of, SP_AUDIT_TEXT);
    p = settle->sent ? sp_put_lit(p, ",\"sent\":true,\"attempts\":")
                     : sp_put_lit(p, ",\"sent\":false,\"attempts\":");
    p = sp_put_uint(p, settle->attempts);

    if (settle->status != 0) {
        p = sp_put_lit(p, ",\"status\":");
        p = sp_put_uint(p, settle->status);
    }

    if (settle->tokens_in >= 0) {
        p = sp_put_lit(p, ",\"tok_in\":");
        p = sp_put_uint(p, (uint64_t) settle->tokens_in);
    }

    if (settle->tokens_out >= 0) {
        p = sp_put_lit(p, ",\"tok_out\":");
        p = sp_put_uint(p, (uint64_t) settle->tokens_out);
    }

    if (settle->guessed) {
        p = sp_put_lit(p, ",\"tok_guessed\":true");
    }

    p = sp_put_lit(p, ",\"out_bytes\":");
    p = sp_put_uint(p, settle->out_bytes);
    p = sp_put_lit(p, ",\"dur_ms\":");
    p = sp_put_uint(p, settle->duration_ms);
    p = sp_put_lit(p, ",\"end\":");
    p = sp_put_word(p, settle->end == NULL ? "unknown" : settle->end);

    if (settle->cut.len != 0) {
        p = sp_put_lit(p, ",\"cut\":{\"reason\":");
        p = sp_put_text(p, settle->cut, SP_AUDIT_TEXT);

        if (settle->rule.len != 0) {
            p = sp_put_lit(p, ",\"rule\":");
            p = sp_put_text(p, settle->rule, SP_AUDIT_TEXT);
        }

        p = settle->told ? sp_put_lit(p, ",\"told\":true}")
                         : sp_put_lit(p, ",\"told\":false}");
    }

    *p++ = '}';

    return (size_t) (p - buf);
}


size_t
sp_audit_segment(const sp_audit_ctx_t *ctx, sp_str_t boot, unsigned segment,
    sp_str_t prev_file, sp_str_t prev_hash, sp_str_t version, uint64_t seq,
    unsigned char *buf)
{
    unsigned char  *p;

    p = sp_audit_head(buf, "segment", ctx->keep, ctx->wall_us, ctx->mono_us,
                      seq);
    p = sp_audit_lane(p, ctx);

    p = sp_put_lit(p, ",\"boot\":");
    p = sp_put_text(p, boot, SP_AUDIT_TEXT);
    p = sp_put_lit(p, ",\"segment\":");
    p = sp_put_uint(p, segment);

    if (prev_file.len == 0) {
        p = sp_put_lit(p, ",\"prev_file\":null,\"prev_hash\":null");

    } else {
        p = sp_put_lit(p, ",\"prev_file\":");
        p = sp_put_text(p, prev_file, 1024);
        p = sp_put_lit(p, ",\"prev_hash\":");
        p = sp_put_text(p, prev_hash, SP_CHAIN_LEN);
    }

    p = sp_put_lit(p, ",\"version\":");
    p = sp_put_text(p, version, SP_AUDIT_TEXT);
    *p++ = '}';

    return (size_t) (p - buf);
}


size_t
sp_audit_close(const sp_audit_ctx_t *ctx, uint64_t count, uint64_t seq,
    unsigned char *buf)
{
    unsigned char  *p;

    p = sp_audit_head(buf, "close", ctx->keep, ctx->wall_us, ctx->mono_us,
                      seq);
    p = sp_audit_lane(p, ctx);
    p = sp_put_lit(p, ",\"count\":");
    p = sp_put_uint(p, count);
    *p++ = '}';

    return (size_t) (p - buf);
}


size_t
sp_audit_policy(const sp_audit_ctx_t *ctx, const sp_policy_t *policy,
    sp_str_t file, uint64_t seq, unsigned char *buf)
{
    unsigned char  *p;

    p = sp_audit_head(buf, "policy", ctx->keep, ctx->wall_us, ctx->mono_us,
                      seq);
    p = sp_audit_policy_text(p, policy);
    p = sp_put_lit(p, ",\"file\":");
    p = sp_put_text(p, file, 1024);
    *p++ = '}';

    return (size_t) (p - buf);
}


size_t
sp_audit_lost(const sp_audit_ctx_t *ctx, const sp_lost_t *lost, uint64_t seq,
    unsigned char *buf)
{
    unsigned char  *p;

    p = sp_audit_head(buf, "lost", ctx->keep, ctx->wall_us, ctx->mono_us,
                      seq);
    p = sp_put_lit(p, ",\"n\":");
    p = sp_put_uint(p, lost->refused + lost->served + lost->removed);
    p = sp_put_lit(p, ",\"refused\":");
    p = sp_put_uint(p, lost->refused);
    p = sp_put_lit(p, ",\"served\":");
    p = sp_put_uint(p, lost->served);
    p = sp_put_lit(p, ",\"removed\":");
    p = sp_put_uint(p, lost->removed);
    p = sp_put_lit(p, ",\"since\":");
    p = sp_audit_time(p, lost->since_us);
    p = sp_put_lit(p, ",\"until\":");
    p = sp_audit_time(p, lost->until_us);
    p = sp_put_lit(p, ",\"why\":");
    p = sp_put_word(p, lost->why == NULL ? "?" : lost->why);
    *p++ = '}';

    return (size_t) (p - buf);
}


size_t
sp_audit_flood(const sp_audit_ctx_t *ctx, const sp_tail_flood_t *flood,
    uint64_t seq, unsigned char *buf)
{
    unsigned char  *p;

    p = sp_audit_head(buf, "flood", ctx->keep, ctx->wall_us, ctx->mono_us,
                      seq);
    p = sp_audit_text(p, SP_STR(",\"id\":"), flood->first, flood->first_len);
    p = sp_audit_text(p, SP_STR(",\"last\":"), flood->last, flood->last_len);
    p = sp_put_lit(p, ",\"who\":{");
    p = sp_audit_text(p, SP_STR("\"account\":"), flood->who, flood->who_len);
    p = sp_put_lit(p, "},\"net\":{");
    p = sp_audit_text(p, SP_STR("\"ip_p\":"), flood->from, flood->from_len);
    p = flood->throttle ? sp_put_lit(p, "},\"dec\":\"throttle\",\"status\":")
                        : sp_put_lit(p, "},\"dec\":\"deny\",\"status\":");
    p = sp_put_uint(p, flood->status);
    p = sp_audit_text(p, SP_STR(",\"reason\":"), flood->reason,
                      flood->reason_len);
    p = sp_put_lit(p, ",\"class\":");
    p = sp_put_word(p, sp_class_name((sp_class_t) flood->class));
    p = flood->enforced ? sp_put_lit(p, ",\"enforced\":true,\"n\":")
                        : sp_put_lit(p, ",\"enforced\":false,\"n\":");
    p = sp_put_uint(p, flood->n);
    p = sp_put_lit(p, ",\"since\":");
    p = sp_audit_time(p, flood->since_us);
    p = sp_put_lit(p, ",\"until\":");
    p = sp_audit_time(p, flood->until_us);
    *p++ = '}';

    return (size_t) (p - buf);
}


/* A member, null if there is nothing. */

static unsigned char *
sp_audit_text(unsigned char *p, sp_str_t name, const unsigned char *data,
    size_t len)
{
    sp_str_t  text;

    p = sp_put(p, name.data, name.len);

    if (len == 0) {
        return sp_put_lit(p, "null");
    }

    text.data = data;
    text.len = len;

    return sp_put_text(p, text, SP_AUDIT_TEXT);
}


static unsigned char *
sp_audit_time(unsigned char *p, uint64_t wall_us)
{
    *p++ = '"';
    p = sp_put_second(p, wall_us / 1000000);
    p = sp_put_micros(p, (unsigned) (wall_us % 1000000));

    return sp_put_lit(p, "Z\"");
}


static unsigned char *
sp_audit_lane(unsigned char *p, const sp_audit_ctx_t *ctx)
{
    p = sp_put_lit(p, ",\"host\":");
    p = sp_put_text(p, ctx->host, SP_AUDIT_TEXT);
    p = sp_put_lit(p, ",\"lane\":");
    p = sp_put_uint(p, ctx->lane);
    p = sp_put_lit(p, ",\"epoch\":");

    return sp_put_uint(p, ctx->epoch);
}

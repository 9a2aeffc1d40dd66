
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the deciding of a record again. Where a rule reads a
 * fact that the record does not hold, the verdict counts only if no value of
 * that fact could change it; otherwise the record is not replayable.
 */


#include <stdlib.h>

#include "policy/sp_policy_image.h"

#include "replay.h"


typedef enum {
    SP_REPLAY_ALLOW = 0,
    SP_REPLAY_DENY,
    SP_REPLAY_OPEN            /* what is missing could change it */
} sp_replay_rc_t;


typedef struct {
    sp_replay_t   *replay;
    sp_str_t       code;      /* of a deny */
    sp_str_t       rule;
    int            missing;   /* a fact that keeps it open, or -1 */
} sp_replayed_t;


static sp_replay_rc_t sp_replay_head(sp_replayed_t *d);
static int sp_replay_needs(const sp_replay_t *replay);
static sp_replay_rc_t sp_replay_decide(sp_replayed_t *d);
static sp_replay_rc_t sp_replay_model(sp_replayed_t *d);
static sp_replay_rc_t sp_replay_settle(sp_replayed_t *d,
    const sp_match_t *match);
static int sp_replay_hangs(sp_replayed_t *d, int rule);
static int sp_replay_liftable(sp_replayed_t *d, int rule);
static void sp_replay_verdict(sp_replayed_t *d, const sp_match_t *match);
static void sp_replay_compare(sp_replayed_t *d, sp_replay_rc_t rc,
    json_t *record);
static void sp_replay_change(sp_replayed_t *d, const char *from,
    const char *to, json_t *record);
static void sp_replay_account(sp_replay_t *replay, json_t *record,
    const char *what);
static int sp_replay_limits(const sp_replay_t *replay, json_t *record);
static int sp_replay_window(const sp_apply_t *apply, const json_t *row);
static int sp_replay_limit(const sp_policy_t *policy, const sp_apply_t *apply,
    json_t *lim, int *refused);
static void sp_replay_not(sp_replay_t *replay, const char *why);
static void sp_replay_count(json_t *object, const char *name);
static const char *sp_replay_text_of(json_t *record, const char *name);


void
sp_replay_record(sp_replay_t *replay, json_t *record)
{
    char             why[192];
    sp_replayed_t    d;
    sp_recorded_t   *r;
    sp_replay_rc_t   rc;

    replay->decisions++;
    r = &replay->recorded;
    r->record = json_incref(record);
    memset(&d, 0, sizeof(d));
    d.replay = replay;
    d.missing = -1;

    if (sp_recorded_facts(r) != SP_OK) {
        sp_replay_not(replay, r->why);

    } else if (r->facts.body_state == SP_BODYFACT_PENDING) {

        /* Refused before its body was read: what was in it is not known. */

        if (sp_replay_head(&d) == SP_REPLAY_DENY) {
            sp_replay_compare(&d, SP_REPLAY_DENY, record);

        } else {
            sp_replay_not(replay, "its body was never read");
        }

    } else if (r->unasked && sp_policy_customers(replay->policy, NULL)
                             != SP_CUSTOMERS_NONE)
    {
        sp_replay_not(replay, "facts.customer: nobody looked for whom the "
                      "reseller called");

    } else if (r->cut && replay->functions) {
        sp_replay_not(replay, "facts.account: not all fits in the record");

    } else {
        rc = sp_replay_decide(&d);

        if (rc == SP_REPLAY_OPEN) {
            (void) snprintf(why, sizeof(why), "%s is not in the record",
                            d.missing >= 0 ? sp_field(d.missing)->name
                                           : "a fact");
            sp_replay_not(replay, why);

        } else {
            sp_replay_compare(&d, rc, record);
        }
    }

    sp_recorded_free(r);
}


/* A refusal at the head that neither the body nor a missing fact changes. */

static sp_replay_rc_t
sp_replay_head(sp_replayed_t *d)
{
    unsigned       i;
    sp_verdict_t  *v;

    v = &d->replay->verdict;
    sp_decide(d->replay->policy, &d->replay->recorded.facts, SP_STAGE_HEAD, v);

    if (v->decision != SP_VERDICT_DENY) {
        return SP_REPLAY_OPEN;
    }

    if (!sp_replay_needs(d->replay)) {
        sp_replay_verdict(d, v->primary < 0 ? NULL
                                            : &v->matches[v->primary]);
        return SP_REPLAY_DENY;
    }

    for (i = 0; i < v->nmatches; i++) {
        if (sp_replay_settle(d, &v->matches[i]) == SP_REPLAY_DENY) {
            sp_replay_verdict(d, &v->matches[i]);
            return SP_REPLAY_DENY;
        }
    }

    return SP_REPLAY_OPEN;
}


static int
sp_replay_needs(const sp_replay_t *replay)
{
    int  field;

    for (field = 0; field < SP_FACTS_MAX; field++) {
        if (replay->reads[field] && replay->recorded.missing[field]) {
            return 1;
        }
    }

    return 0;
}


static sp_replay_rc_t
sp_replay_decide(sp_replayed_t *d)
{
    unsigned         i, n;
    sp_facts_t      *facts;
    const sp_str_t  *models;
    sp_replay_rc_t   rc, all;

    facts = &d->replay->recorded.facts;

    if (!sp_replay_needs(d->replay)) {
        sp_decide(d->replay->policy, facts, SP_STAGE_WHOLE,
                  &d->replay->verdict);

        if (d->replay->verdict.decision == SP_VERDICT_ALLOW) {
            return SP_REPLAY_ALLOW;
        }

        sp_replay_verdict(d, d->replay->verdict.primary < 0 ? NULL
                          : &d->replay->verdict.matches[
                                d->replay->verdict.primary]);
        return SP_REPLAY_DENY;
    }

    /* One model at a time, so that facts are those of the model asked about. */

    models = facts->models;
    n = facts->nmodels;
    all = SP_REPLAY_ALLOW;

    for (i = 0; i < (n != 0 ? n : 1); i++) {

        if (n != 0) {
            facts->models = models + i;
            facts->nmodels = 1;
        }

        rc = sp_replay_model(d);

        if (rc == SP_REPLAY_DENY) {
            all = rc;
            break;
        }

        if (rc == SP_REPLAY_OPEN) {
            all = rc;
        }
    }

    facts->models = models;
    facts->nmodels = (uint16_t) n;

    return all;
}


static sp_replay_rc_t
sp_replay_model(sp_replayed_t *d)
{
    int                 rule, open;
    unsigned            i;
    sp_verdict_t       *v;
    const sp_rule_t    *row;
    const sp_policy_t  *policy;

    policy = d->replay->policy;
    v = &d->replay->verdict;
    sp_decide(policy, &d->replay->recorded.facts, SP_STAGE_WHOLE, v);

    open = 0;

    for (i = 0; i < v->nmatches; i++) {

        switch (sp_replay_settle(d, &v->matches[i])) {

        case SP_REPLAY_DENY:
            sp_replay_verdict(d, &v->matches[i]);
            return SP_REPLAY_DENY;

        case SP_REPLAY_OPEN:
            open = 1;
            break;

        default:
            break;
        }
    }

    /* What would be needed to match, and might. */

    for (rule = 0; rule < sp_policy_rules(policy); rule++) {
        row = sp_image_rule(policy, rule);

        if ((row->kind == SP_RULE_DENY && row->skip)
            || (row->kind == SP_RULE_ALLOW && v->allow_rule < 0))
        {
            open |= sp_replay_hangs(d, rule);
        }
    }

    if (open || v->more != 0) {
        return SP_REPLAY_OPEN;
    }

    if (v->decision == SP_VERDICT_ALLOW) {
        return SP_REPLAY_ALLOW;
    }

    sp_replay_verdict(d, v->primary < 0 ? NULL : &v->matches[v->primary]);

    return SP_REPLAY_DENY;
}


/* A refusal that stands whatever is missing; allow: this match is none. */

static sp_replay_rc_t
sp_replay_settle(sp_replayed_t *d, const sp_match_t *match)
{
    if (match->shadow || match->lifted_by >= 0) {
        return SP_REPLAY_ALLOW;
    }

    if (match->rule < 0) {

        /* builtin:default hangs on the allow rules, which are asked below */

        return match->rule == -1 - (int) SP_B_DEFAULT ? SP_REPLAY_ALLOW
                                                      : SP_REPLAY_DENY;
    }

    if (sp_policy_rule_kind(d->replay->policy, match->rule) != SP_RULE_DENY) {
        return SP_REPLAY_ALLOW;
    }

    if (sp_replay_hangs(d, match->rule) || sp_replay_liftable(d, match->rule))
    {
        return SP_REPLAY_OPEN;
    }

    return SP_REPLAY_DENY;
}


/* Whether a rule is unsure because of a fact that the record lacks. */

static int
sp_replay_hangs(sp_replayed_t *d, int rule)
{
    int                i, n, fields[SP_FACTS_MAX];
    const sp_facts_t  *facts;

    facts = &d->replay->recorded.facts;

    if (sp_rule_value(d->replay->policy, rule, facts) != SP_UNSURE) {
        return 0;
    }

    n = sp_rule_missing(d->replay->policy, rule, facts, fields, SP_FACTS_MAX);

    for (i = 0; i < n && i < SP_FACTS_MAX; i++) {
        if (d->replay->recorded.missing[fields[i]]) {
            d->missing = fields[i];
            return 1;
        }
    }

    return 0;
}


static int
sp_replay_liftable(sp_replayed_t *d, int rule)
{
    uint32_t          i;
    sp_str_t          account;
    const uint32_t   *list;
    const sp_rule_t  *row;
    const sp_value_t *id;

    id = &d->replay->recorded.facts.v[SP_F_ACCOUNT_ID];
    row = sp_image_rule(d->replay->policy, rule);
    list = sp_image_at(d->replay->policy, row->list, uint32_t);

    for (i = 0; i < row->nlist && id->state == SP_FACT_KNOWN; i++) {
        account = sp_policy_exception_account(d->replay->policy,
                                              (int) list[i]);

        if (sp_str_eq(account, id->u.s)
            && sp_replay_hangs(d, (int) list[i]))
        {
            return 1;
        }
    }

    return 0;
}


static void
sp_replay_verdict(sp_replayed_t *d, const sp_match_t *match)
{
    const sp_policy_t  *policy;

    policy = d->replay->policy;

    if (match == NULL) {
        d->code = sp_policy_reason_code(policy, d->replay->verdict.reason);
        d->rule = SP_STR("gate");
        return;
    }

    d->code = sp_policy_reason_code(policy, match->failed
                                    ? SP_R_VERIFICATION_UNAVAILABLE
                                    : match->reason);
    d->rule = sp_match_name(policy, match);
}


static void
sp_replay_compare(sp_replayed_t *d, sp_replay_rc_t rc, json_t *record)
{
    int           denied, same, other;
    char          from[160], to[256], hash[2 * SP_POLICY_HASH_LEN];
    json_t       *by;
    const char   *dec, *code, *rule, *pol;
    sp_replay_t  *replay;

    replay = d->replay;
    dec = sp_replay_text_of(record, "dec");
    code = sp_replay_text_of(record, "reason");
    denied = strcmp(dec, "deny") == 0;
    other = 0;

    if (rc == SP_REPLAY_ALLOW && !denied) {
        other = sp_replay_limits(replay, record);

        if (other < 0) {
            sp_replay_not(replay, "it was throttled, and its throttles are "
                          "others now: buckets are not filled again");
            return;
        }
    }

    replay->replayed++;
    replay->limits += other > 0;

    /* Of several rules the record does not say which was reported. */

    by = json_object_get(record, "by");
    rule = json_array_size(by) == 1
           ? sp_replay_text_of(json_array_get(by, 0), "r")
           : "several rules";

    (void) snprintf(from, sizeof(from), "%s%s%s", dec, denied ? " " : "",
                    denied ? code : "");
    (void) snprintf(to, sizeof(to), "%s%s%.*s%s%.*s",
                    rc == SP_REPLAY_DENY ? "deny" : "allow",
                    rc == SP_REPLAY_DENY ? " " : "",
                    rc == SP_REPLAY_DENY ? (int) d->code.len : 0,
                    (const char *) d->code.data,
                    rc == SP_REPLAY_DENY ? " by " : "",
                    rc == SP_REPLAY_DENY ? (int) d->rule.len : 0,
                    (const char *) d->rule.data);

    same = denied == (rc == SP_REPLAY_DENY);

    if (!same) {
        if (denied) {
            replay->newly_allowed++;
            (void) snprintf(from + strlen(from), sizeof(from) - strlen(from),
                            " by %.60s", rule);
        } else {
            replay->newly_denied++;
        }

        sp_replay_change(d, from, to, record);
        sp_replay_account(replay, record, denied ? "newly_allowed"
                                                 : "newly_denied");

    } else if (denied && !sp_str_eq(d->code, sp_cstr(code))) {
        replay->reworded++;
        sp_replay_change(d, from, to, record);

    } else {
        replay->same++;
        return;
    }

    pol = sp_replay_text_of(json_object_get(record, "pol"), "hash");
    sp_hex(sp_policy_hash(replay->policy), SP_POLICY_HASH_LEN,
           (unsigned char *) hash);

    if (!same && strncmp(pol, "sha256:", 7) == 0
        && strlen(pol + 7) == sizeof(hash)
        && memcmp(pol + 7, hash, sizeof(hash)) == 0)
    {
        replay->disagree++;
    }
}


static void
sp_replay_change(sp_replayed_t *d, const char *from, const char *to,
    json_t *record)
{
    char     name[512];
    json_t  *row, *ids;

    (void) snprintf(name, sizeof(name), "%s -> %s", from, to);
    row = json_object_get(d->replay->changes, name);

    if (row == NULL) {
        row = json_pack("{s:i, s:[]}", "n", 0, "ids");
        json_object_set_new(d->replay->changes, name, row);
    }

    sp_replay_count(row, "n");
    ids = json_object_get(row, "ids");

    if (json_array_size(ids) < SP_REPLAY_SAMPLES) {
        json_array_append_new(ids, json_string(sp_replay_text_of(record,
                                                                 "id")));
    }
}


static void
sp_replay_account(sp_replay_t *replay, json_t *record, const char *what)
{
    json_t      *row;
    const char  *id;

    id = json_string_value(json_object_get(json_object_get(record, "who"),
                                           "account"));
    id = id != NULL ? id : "(none)";
    row = json_object_get(replay->accounts, id);

    if (row == NULL) {
        row = json_object();
        json_object_set_new(replay->accounts, id, row);
    }

    sp_replay_count(row, what);
}


/*
 * 0: the same throttles as then; 1: others, under which it may have to wait;
 * -1: others, and it had to wait under the old ones.
 */

static int
sp_replay_limits(const sp_replay_t *replay, json_t *record)
{
    int       same, refused, one;
    size_t    found;
    json_t   *lim;
    unsigned  i;

    same = 1;
    refused = strcmp(sp_replay_text_of(record, "dec"), "throttle") != 0;
    found = 0;
    lim = json_object_get(record, "lim");

    for (i = 0; i < replay->verdict.napply; i++) {
        one = sp_replay_limit(replay->policy, &replay->verdict.apply[i], lim,
                              &refused);
        found += (size_t) one;
        same &= one;
    }

    same &= found == json_array_size(lim);

    if (same) {
        return 0;
    }

    return refused ? 1 : -1;
}


/* Records of rates of requests do not say that they are. */

static int
sp_replay_window(const sp_apply_t *apply, const json_t *row)
{
    const char  *window;

    window = json_string_value(json_object_get(row, "window"));

    return window == NULL
           ? apply->plain
           : strcmp(window, sp_window_name(apply->window)) == 0;
}


/* Whether the throttle is in "lim"; *refused: it is the one that refused. */

static int
sp_replay_limit(const sp_policy_t *policy, const sp_apply_t *apply,
    json_t *lim, int *refused)
{
    size_t       i;
    json_t      *row;
    sp_str_t     id;

    id = sp_policy_rule_id(policy, apply->rule);

    json_array_foreach(lim, i, row) {
        if (sp_str_eq(id, sp_cstr(sp_replay_text_of(row, "l")))
            && json_integer_value(json_object_get(row, "rate"))
               == (json_int_t) apply->limit
            && json_integer_value(json_object_get(row, "period"))
               == (json_int_t) apply->period
            && json_integer_value(json_object_get(row, "burst"))
               == (json_int_t) apply->burst
            && sp_replay_window(apply, row))
        {
            *refused |= json_is_false(json_object_get(row, "ok"));
            return 1;
        }
    }

    return 0;
}


static void
sp_replay_not(sp_replay_t *replay, const char *why)
{
    replay->unreplayable++;
    sp_replay_count(replay->why, why);
}


static void
sp_replay_count(json_t *object, const char *name)
{
    json_int_t  n;

    n = json_integer_value(json_object_get(object, name));
    json_object_set_new(object, name, json_integer(n + 1));
}


static const char *
sp_replay_text_of(json_t *record, const char *name)
{
    const char  *text;

    text = json_string_value(json_object_get(record, name));

    return text != NULL ? text : "";
}

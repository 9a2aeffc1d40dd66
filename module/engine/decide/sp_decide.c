
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the decision. Order of files and of rules means nothing:
 * every deny rule is asked, any that stands refuses, every model needs an
 * allow, and what could not be learnt counts against the request.
 */


#include "sp_builtin.h"
#include "sp_decide_state.h"


/* How a match is reported: proved, a dead source, or doubt; lowest first. */

#define SP_REPORT_TRUE     0
#define SP_REPORT_FAILED   1
#define SP_REPORT_UNSURE   2
#define SP_REPORT_NONE     3


/* Asks every rule. */

static const sp_screen_t  sp_no_screen;


static void sp_decide_start(sp_decision_state_t *d,
    const sp_policy_t *policy, sp_facts_t *facts, const sp_screen_t *screen,
    sp_stage_t stage, sp_verdict_t *verdict);
static const sp_screen_t *sp_decide_usable(const sp_screen_t *screen,
    const sp_policy_t *policy, const sp_facts_t *facts);
static void sp_decide_model(sp_decision_state_t *d, unsigned model);
static unsigned sp_decide_force(const sp_rule_t *rule,
    const sp_facts_t *facts);
static void sp_decide_builtins(sp_decision_state_t *d);
static void sp_decide_denies(sp_decision_state_t *d);
static void sp_decide_deny(sp_decision_state_t *d, uint32_t i,
    const sp_rule_t *rule, unsigned value);
static int sp_decide_lenient(const sp_decision_state_t *d,
    const sp_rule_t *rule);
static int sp_decide_lift(const sp_decision_state_t *d,
    const sp_rule_t *rule, int *maybe);
static void sp_decide_allows(sp_decision_state_t *d);
static int sp_decide_order(const sp_match_t *match);
static void sp_decide_refuse(sp_decision_state_t *d);
static void sp_decide_flags(sp_decision_state_t *d);


void
sp_decide(const sp_policy_t *policy, sp_facts_t *facts, sp_stage_t stage,
    sp_verdict_t *verdict)
{
    sp_decide_screened(policy, facts, NULL, stage, verdict);
}


void
sp_decide_screened(const sp_policy_t *policy, sp_facts_t *facts,
    const sp_screen_t *screen, sp_stage_t stage, sp_verdict_t *verdict)
{
    unsigned             i, dearest;
    sp_decision_state_t  d;

    memset(verdict, 0, offsetof(sp_verdict_t, matches));

    verdict->primary = -1;
    verdict->allow_rule = -1;
    verdict->throttled = -1;
    verdict->route = (uint16_t) (facts->route + 1);

    if (policy == NULL) {
        sp_verdict_refuse(NULL, verdict, SP_R_NO_POLICY);
        return;
    }

    sp_decide_start(&d, policy, facts, screen, stage, verdict);

    if (d.models > SP_MODELS_MAX) {
        sp_verdict_refuse(policy, verdict, SP_R_BODY_AMBIGUOUS);
        return;
    }

    dearest = 0;

    for (i = 0; i < d.models; i++) {
        sp_decide_model(&d, i);

        if (facts->v[SP_F_MODEL_TIER].state == SP_FACT_KNOWN
            && facts->v[SP_F_MODEL_TIER].u.i > verdict->tier)
        {
            verdict->tier = (uint8_t) facts->v[SP_F_MODEL_TIER].u.i;
            dearest = i;
        }

        sp_decide_builtins(&d);
        sp_decide_denies(&d);
    }

    if (d.report == SP_REPORT_NONE) {

        for (i = 0; i < d.models && d.report == SP_REPORT_NONE; i++) {
            sp_decide_model(&d, i);
            sp_decide_allows(&d);
        }
    }

    if (d.report != SP_REPORT_NONE) {
        sp_decide_refuse(&d);
        sp_decide_model(&d, verdict->model);
        return;
    }

    if (stage == SP_STAGE_HEAD) {
        verdict->decision = SP_VERDICT_PENDING;
        return;
    }

    for (i = 0; i < d.models; i++) {
        sp_decide_model(&d, i);
        sp_decide_flags(&d);

        if (sp_decide_throttles(&d) != 0) {
            sp_verdict_refuse(policy, verdict, SP_R_GATE_ERROR);
            return;
        }
    }

    verdict->decision = SP_VERDICT_ALLOW;
    verdict->excepted = (uint8_t) d.lifted;
    verdict->model = (uint16_t) dearest;

    sp_decide_model(&d, dearest);
}


static void
sp_decide_start(sp_decision_state_t *d, const sp_policy_t *policy,
    sp_facts_t *facts, const sp_screen_t *screen, sp_stage_t stage,
    sp_verdict_t *verdict)
{
    d->policy = policy;
    d->facts = facts;
    d->screen = sp_decide_usable(screen, policy, facts);
    d->verdict = verdict;
    d->stage = stage;
    d->pending = 0;
    d->report = SP_REPORT_NONE;
    d->rank = 0;
    d->at = -1;
    d->lifted = 0;
    d->model = SP_MODELS_MAX;        /* none yet */
    d->models = facts->nmodels ? facts->nmodels : 1;

    if (policy->nown != 0 && facts->own_of != policy) {
        sp_facts_own(facts, policy);
    }
}


static const sp_screen_t *
sp_decide_usable(const sp_screen_t *screen, const sp_policy_t *policy,
    const sp_facts_t *facts)
{
    const sp_value_t  *now;

    now = &facts->v[SP_F_NOW];

    if (screen == NULL || screen->policy != policy
        || facts->account_state != SP_ACCTFACT_FOUND
        || now->state != SP_FACT_KNOWN
        || now->u.i < screen->from || now->u.i >= screen->until)
    {
        return &sp_no_screen;
    }

    return screen;
}


static void
sp_decide_model(sp_decision_state_t *d, unsigned model)
{
    if (d->model != model) {
        d->model = model;
        sp_facts_model(d->facts, d->policy, model);
    }
}


void
sp_facts_model(sp_facts_t *facts, const sp_policy_t *policy, unsigned model)
{
    int          tier;
    sp_value_t  *id, *value;

    id = &facts->v[SP_F_MODEL_ID];
    value = &facts->v[SP_F_MODEL_TIER];

    if (facts->nmodels != 0) {
        id->state = SP_FACT_KNOWN;
        id->u.s = sp_policy_model_name(policy, facts->models[model]);
    }

    value->state = id->state;

    if (id->state != SP_FACT_KNOWN) {
        return;
    }

    tier = sp_policy_model_tier(policy, id->u.s);

    if (tier == 0) {
        value->state = SP_FACT_ABSENT;
        return;
    }

    value->u.i = tier;
}


/* Whether the rule's dates hold now. */

static unsigned
sp_decide_force(const sp_rule_t *rule, const sp_facts_t *facts)
{
    int64_t  now;

    if (facts->v[SP_F_NOW].state != SP_FACT_KNOWN) {
        return SP_UNSURE;
    }

    now = facts->v[SP_F_NOW].u.i;

    return (now >= rule->from && now < rule->until) ? SP_TRUE : SP_FALSE;
}


/* Dates and condition together, as one "and". */

unsigned
sp_decide_value(const sp_decision_state_t *d, const sp_rule_t *rule)
{
    unsigned  value, force;

    force = SP_TRUE;

    if (rule->dated) {
        force = sp_decide_force(rule, d->facts);

        if (force == SP_FALSE) {
            return SP_FALSE;
        }
    }

    if (rule->cond == SP_NO_COND) {
        return force;
    }

    value = sp_expr_eval(d->policy, rule->cond, d->facts);

    return (force == SP_TRUE || (value & 3) != SP_TRUE) ? value : force;
}


static void
sp_decide_builtins(sp_decision_state_t *d)
{
    unsigned    i, n;
    sp_match_t  matches[SP_BUILTINS];

    n = 0;

    if (d->model == 0) {
        n = sp_builtin_check(d->policy, d->facts, d->stage, matches);

        if (d->policy->customers != SP_CUSTOMERS_NONE) {
            n += (unsigned) sp_builtin_customer(d->facts, d->stage,
                                                &matches[n]);
        }
    }

    if (d->facts->blocks != NULL || d->facts->blocks_lost) {
        n += (unsigned) sp_builtin_blocked(d->facts, d->model, &matches[n]);
    }

    n += (unsigned) sp_builtin_tier(d->facts, &matches[n]);

    for (i = 0; i < n; i++) {
        matches[i].model = (uint8_t) d->model;
        sp_decide_record(d, &matches[i],
                         sp_policy_reason(d->policy, matches[i].reason)->rank,
                         1);
    }
}


static void
sp_decide_denies(sp_decision_state_t *d)
{
    unsigned          value;
    uint32_t          i, last;
    const sp_rule_t  *rule;

    i = d->policy->first[SP_RULE_DENY];
    last = d->policy->first[SP_RULE_DENY + 1];

    while ((i = sp_decide_next(d, i, last)) < last) {
        rule = sp_image_rule(d->policy, i++);

        if (d->model != 0 && !(rule->flags & SP_RULE_MODEL)) {
            continue;
        }

        value = sp_decide_value(d, rule);

        if ((value & 3) != SP_FALSE) {
            sp_decide_deny(d, i - 1, rule, value);
        }
    }
}


static void
sp_decide_deny(sp_decision_state_t *d, uint32_t i, const sp_rule_t *rule,
    unsigned value)
{
    int         maybe;
    sp_match_t  match;

    if ((value & 3) == SP_UNSURE) {

        if ((value & SP_WHY_PENDING) && d->stage == SP_STAGE_HEAD) {
            d->pending = 1;
            return;
        }

        if (rule->skip) {
            return;
        }
    }

    maybe = 0;

    match.rule = (int32_t) i;
    match.lifted_by = rule->nlist ? sp_decide_lift(d, rule, &maybe) : -1;
    match.reason = rule->reason;
    match.truth = (uint8_t) (value & 3);
    match.failed = (value & 3) == SP_UNSURE && (value & SP_WHY_FAILED);
    match.shadow = (uint8_t) (sp_decide_watched(d, rule)
                              || sp_decide_lenient(d, rule));
    match.model = (uint8_t) d->model;

    if (maybe && !match.shadow) {
        d->pending = 1;
        return;
    }

    if (match.lifted_by >= 0 && !match.shadow) {
        d->lifted = 1;
    }

    sp_decide_record(d, &match, rule->rank,
                     match.lifted_by < 0 && !match.shadow);
}


/* In break-glass the law stays, and so does all that is built in. */

static int
sp_decide_lenient(const sp_decision_state_t *d, const sp_rule_t *rule)
{
    return d->facts->lenient
           && sp_policy_reason(d->policy, rule->reason)->class
              != SP_CLASS_LEGAL;
}


/* The exception that lifts a rule, or -1; *maybe: the body will tell. */

static int
sp_decide_lift(const sp_decision_state_t *d, const sp_rule_t *rule,
    int *maybe)
{
    int                rc;
    size_t             len;
    unsigned           value;
    uint32_t           low, high, mid;
    sp_str_t           id, account;
    const uint32_t    *list;
    const sp_rule_t   *exception;
    const sp_value_t  *v;

    v = &d->facts->v[SP_F_ACCOUNT_ID];

    if (v->state != SP_FACT_KNOWN) {
        return -1;
    }

    id = v->u.s;
    list = sp_image_at(d->policy, rule->list, uint32_t);

    /* the first exception of this account */

    for (low = 0, high = rule->nlist; low < high; /* void */ ) {
        mid = low + (high - low) / 2;

        account = sp_image_str(d->policy,
                               sp_image_rule(d->policy, list[mid])->account);
        len = account.len < id.len ? account.len : id.len;
        rc = len ? memcmp(account.data, id.data, len) : 0;

        if (rc < 0 || (rc == 0 && account.len < id.len)) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    for ( /* void */ ; low < rule->nlist; low++) {
        exception = sp_image_rule(d->policy, list[low]);

        if (!sp_str_eq(sp_image_str(d->policy, exception->account), id)) {
            break;
        }

        value = sp_decide_value(d, exception);

        if ((value & 3) == SP_TRUE) {
            *maybe = 0;
            return (int) list[low];
        }

        if ((value & 3) == SP_UNSURE && (value & SP_WHY_PENDING)
            && d->stage == SP_STAGE_HEAD)
        {
            *maybe = 1;
        }
    }

    return -1;
}


/* Of one rank: what is built in first, then rules by id. */

static int
sp_decide_order(const sp_match_t *match)
{
    return match->rule < 0 ? -SP_BUILTINS - 1 - match->rule : match->rule;
}


/* Keeps a match, and remembers it if it is the one to report. */

void
sp_decide_record(sp_decision_state_t *d, const sp_match_t *match,
    unsigned rank, int stands)
{
    int            at;
    unsigned       report;
    sp_verdict_t  *v;

    v = d->verdict;
    at = -1;

    if (v->nmatches < SP_MATCHES_MAX) {
        at = v->nmatches++;
        v->matches[at] = *match;

    } else if (v->more != UINT16_MAX) {
        v->more++;
    }

    if (!stands) {
        return;
    }

    report = match->truth == SP_TRUE ? SP_REPORT_TRUE
             : match->failed ? SP_REPORT_FAILED : SP_REPORT_UNSURE;

    if (report > d->report
        || (report == d->report
            && (rank > d->rank
                || (rank == d->rank
                    && sp_decide_order(match) >= sp_decide_order(&d->best)))))
    {
        return;
    }

    d->report = report;
    d->rank = rank;
    d->best = *match;
    d->at = at;
}


/* The allow rules for one model; none refuses. */

static void
sp_decide_allows(sp_decision_state_t *d)
{
    int               failed, unsure;
    unsigned          value;
    uint32_t          i, last;
    sp_match_t        match;
    const sp_rule_t  *rule;

    i = d->policy->first[SP_RULE_ALLOW];
    last = d->policy->first[SP_RULE_ALLOW + 1];
    failed = unsure = 0;

    while ((i = sp_decide_next(d, i, last)) < last) {
        rule = sp_image_rule(d->policy, i++);

        if (rule->shadow) {
            continue;
        }

        value = sp_decide_value(d, rule);

        if ((value & 3) == SP_TRUE) {

            if (d->verdict->allow_rule < 0) {
                d->verdict->allow_rule = (int32_t) i - 1;
            }

            return;
        }

        if ((value & 3) == SP_FALSE) {
            continue;
        }

        if ((value & SP_WHY_PENDING) && d->stage == SP_STAGE_HEAD) {
            d->pending = 1;
            return;
        }

        unsure = 1;
        failed |= (value & SP_WHY_FAILED);
    }

    /* a deny rule that waits for the body may give a better reason than this */

    d->verdict->allow_rule = -1;

    sp_builtin_match(&match, SP_B_DEFAULT, failed
                     ? SP_R_VERIFICATION_UNAVAILABLE : SP_R_NOT_ALLOWED,
                     unsure ? SP_UNSURE : SP_TRUE, failed != 0);
    match.model = (uint8_t) d->model;

    sp_decide_record(d, &match,
                     sp_policy_reason(d->policy, match.reason)->rank, 1);
}


static void
sp_decide_refuse(sp_decision_state_t *d)
{
    sp_verdict_t  *v;

    v = d->verdict;

    /* what is reported is always among what is recorded */

    if (d->at < 0) {
        d->at = SP_MATCHES_MAX - 1;
        v->matches[d->at] = d->best;
    }

    v->decision = SP_VERDICT_DENY;
    v->primary = (int16_t) d->at;
    v->model = d->best.model;
    v->reason = d->report == SP_REPORT_FAILED
                ? SP_R_VERIFICATION_UNAVAILABLE : d->best.reason;
    v->status = (uint16_t) sp_policy_status(d->policy, d->facts->route,
                                            v->reason);
}


static void
sp_decide_flags(sp_decision_state_t *d)
{
    unsigned          value;
    uint32_t          i, last;
    sp_match_t        match;
    const sp_rule_t  *rule;

    i = d->policy->first[SP_RULE_FLAG];
    last = d->policy->first[SP_RULE_FLAG + 1];

    while ((i = sp_decide_next(d, i, last)) < last) {
        rule = sp_image_rule(d->policy, i++);

        if (d->model != 0 && !(rule->flags & SP_RULE_MODEL)) {
            continue;
        }

        value = sp_decide_value(d, rule);

        if ((value & 3) == SP_FALSE
            || ((value & 3) == SP_UNSURE && rule->skip))
        {
            continue;
        }

        match.rule = (int32_t) i - 1;
        match.lifted_by = -1;
        match.reason = rule->reason;
        match.truth = (uint8_t) (value & 3);
        match.failed = (value & 3) == SP_UNSURE && (value & SP_WHY_FAILED);
        match.shadow = rule->shadow;
        match.model = (uint8_t) d->model;

        sp_decide_record(d, &match, rule->rank, 0);
    }
}

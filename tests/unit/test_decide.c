
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tests of the decision over random policies and
 * random facts: conditions against an oracle that knows only Kleene's tables,
 * verdicts against the rules of the language said in a few lines, and the
 * properties that must hold for every policy.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "sp_decide.h"


#define SEED    20261123
#define PAIRS   20000
#define NOW     1795435200
#define RULES   24
#define TEXT    65536


typedef struct {
    int   op;             /* 0 and, 1 or, 2 not, 3 atom */
    int   atom;
    int   a, b;           /* children, or the atom's number */
} node_t;

typedef struct {
    sp_rule_kind_t  kind;
    int             shadow;
    int             skip;
    int             dated;       /* 1: over, 2: in force, 0: always */
    int             account;     /* of an exception */
    int             lifts;       /* deny rule by number */
    int             root, n;
    int             by;          /* a throttle's table */
    int             replaces;    /* throttle by number, or -1 */
    node_t          nodes[16];
} rule_t;

typedef struct {
    int     n;
    int     order[RULES];
    int     out[RULES];          /* left out of the text */
    rule_t  rules[RULES];
} policy_t;

typedef struct {
    sp_facts_t    facts;
    sp_account_t  account;
    sp_key_t      key;
    sp_str_t      models[3];
} request_t;


static const char *const  countries[] = { "SG", "IR", "CN", "UA" };
static const char *const  model_names[] = { "m-one", "m-two", "m-other" };
static const char *const  statuses[] = { "unverified", "pending", "verified",
                                         "review" };
static char               text[TEXT];

static const sp_policy_opts_t  opts = { NOW, 1 };


static int
pick(int n)
{
    return rand() % n;
}


static sp_place_t
place(const char *code)
{
    sp_place_t  p;

    assert_int_equal(sp_place_parse(sp_cstr(code), &p), SP_PLACE_OK);

    return p;
}


/* The atoms, as text and as what they mean. */

#define ATOMS  13

static void
atom_text(int atom, int k, char *out, size_t size)
{
    static const char *const  shapes[ATOMS] = {
        "account.level >= %d", "account.status == %s", "ip.country in @two",
        "ip.country == %s", "has(ip.country)", "model.tier == %d",
        "ip.vpn", "account.incorporated not in @two",
        "ip.country in account.places", "owner_share(@two) >= %d%%",
        "has(model.tier)", "request.stream",
        "account.status in [pending, review]"
    };

    switch (atom) {
    case 1:
        snprintf(out, size, shapes[1], statuses[k % 4]);
        break;
    case 3:
        snprintf(out, size, shapes[3], countries[k % 4]);
        break;
    case 5:
        snprintf(out, size, shapes[5], 1 + k % 3);
        break;
    case 9:
        snprintf(out, size, shapes[9], 25 * (k % 4));
        break;
    case 0:
        snprintf(out, size, shapes[0], k % 4);
        break;
    default:
        snprintf(out, size, "%s", shapes[atom]);
    }
}


static sp_truth_t
truth(int yes)
{
    return yes ? SP_TRUE : SP_FALSE;
}


static sp_truth_t
atom_value(int atom, int k, const request_t *r)
{
    int                i, low, high, in;
    const sp_value_t  *v = r->facts.v;

    static const int  fields[ATOMS] = {
        SP_F_ACCOUNT_LEVEL, SP_F_ACCOUNT_STATUS, SP_F_IP_COUNTRY,
        SP_F_IP_COUNTRY, SP_F_IP_COUNTRY, SP_F_MODEL_TIER, SP_F_IP_VPN,
        SP_F_ACCOUNT_INCORPORATED, SP_F_IP_COUNTRY, -1, SP_F_MODEL_TIER,
        SP_F_REQUEST_STREAM, SP_F_ACCOUNT_STATUS
    };

    if (atom == 4 || atom == 10) {
        v += fields[atom];
        return v->state == SP_FACT_KNOWN ? SP_TRUE
               : v->state == SP_FACT_ABSENT ? SP_FALSE : SP_UNSURE;
    }

    if (atom == 9) {

        if (r->facts.account == NULL) {
            return SP_UNSURE;
        }

        low = 0;
        high = 10000;

        if (r->account.has_owners) {

            for (i = 0; i < r->account.nowners; i++) {
                in = r->account.owners[i].places[0] == place("IR")
                     || r->account.owners[i].places[0] == place("CN");
                low += in ? r->account.owners[i].min : 0;
                high -= in ? 0 : r->account.owners[i].min;
            }
        }

        return low >= 2500 * (k % 4) ? SP_TRUE
               : high >= 2500 * (k % 4) ? SP_UNSURE : SP_FALSE;
    }

    if (atom == 8 && v[SP_F_ACCOUNT_PLACES].state == SP_FACT_KNOWN
        && v[SP_F_ACCOUNT_PLACES].n == 0)
    {
        return SP_FALSE;
    }

    if (v[fields[atom]].state != SP_FACT_KNOWN
        || (atom == 8 && v[SP_F_ACCOUNT_PLACES].state != SP_FACT_KNOWN))
    {
        return SP_UNSURE;
    }

    switch (atom) {
    case 0:
        return truth(v[fields[0]].u.i >= k % 4);
    case 1:
        return truth(v[fields[1]].u.i == k % 4);
    case 2:
    case 7:
        in = v[fields[atom]].u.place == place("IR")
             || v[fields[atom]].u.place == place("CN");
        return truth(atom == 7 ? !in : in);
    case 3:
        return truth(v[fields[3]].u.place == place(countries[k % 4]));
    case 5:
        return truth(v[fields[5]].u.i == 1 + k % 3);
    case 8:
        for (i = 0, in = 0; i < v[SP_F_ACCOUNT_PLACES].n; i++) {
            in |= v[SP_F_ACCOUNT_PLACES].u.places[i] == v[fields[8]].u.place;
        }
        return truth(in);
    case 12:
        return truth(v[fields[12]].u.i == 1 || v[fields[12]].u.i == 3);
    default:
        return truth(v[fields[atom]].u.i != 0);
    }
}


/* A random condition; returns the index of its root. */

static int
grow(rule_t *r, int depth)
{
    int  i;

    i = r->n++;

    if (depth == 0 || pick(3) == 0 || r->n > 10) {
        r->nodes[i].op = 3;
        r->nodes[i].atom = pick(ATOMS);
        r->nodes[i].a = pick(12);
        return i;
    }

    r->nodes[i].op = pick(3);
    r->nodes[i].a = grow(r, depth - 1);

    if (r->nodes[i].op != 2) {
        r->nodes[i].b = grow(r, depth - 1);
    }

    return i;
}


static void
condition(const rule_t *r, int i, char *out, size_t size)
{
    char           a[400], b[400];
    const node_t  *n = &r->nodes[i];

    if (n->op == 3) {
        atom_text(n->atom, n->a, out, size);
        return;
    }

    condition(r, n->a, a, sizeof(a));

    if (n->op == 2) {
        snprintf(out, size, "not (%.380s)", a);
        return;
    }

    condition(r, n->b, b, sizeof(b));
    snprintf(out, size, "(%.380s) %s (%.380s)", a, n->op ? "or" : "and", b);
}


static sp_truth_t
value(const rule_t *r, int i, const request_t *q)
{
    sp_truth_t     a, b;
    const node_t  *n = &r->nodes[i];

    if (n->op == 3) {
        return atom_value(n->atom, n->a, q);
    }

    a = value(r, n->a, q);

    if (n->op == 2) {
        return sp_truth_not(a);
    }

    b = value(r, n->b, q);

    return n->op ? (a > b ? a : b) : (a < b ? a : b);
}


static void
random_rule(policy_t *p, sp_rule_kind_t kind, int skip)
{
    int      i, denies;
    rule_t  *r;

    r = &p->rules[p->n];
    memset(r, 0, sizeof(rule_t));

    r->kind = kind;
    r->shadow = kind != SP_RULE_EXCEPTION && pick(8) == 0;
    r->skip = skip && kind == SP_RULE_DENY && pick(4) == 0;
    r->dated = pick(6) == 0 ? 1 + pick(2) : 0;
    r->account = pick(2);
    r->by = pick(3);
    r->replaces = -1;
    r->lifts = -1;
    r->root = grow(r, 3);

    for (i = 0, denies = 0; i < p->n; i++) {

        if (p->rules[i].kind == SP_RULE_DENY && pick(++denies) == 0) {
            r->lifts = i;
        }

        if (p->rules[i].kind == SP_RULE_THROTTLE
            && kind == SP_RULE_THROTTLE && pick(2) == 0)
        {
            r->replaces = i;
        }
    }

    p->order[p->n] = p->n;
    p->out[p->n] = 0;
    p->n++;
}


static void
random_policy(policy_t *p, int skip)
{
    int  i, n;

    static const struct { sp_rule_kind_t kind; int most; } parts[] = {
        { SP_RULE_DENY, 4 }, { SP_RULE_ALLOW, 4 }, { SP_RULE_THROTTLE, 3 },
        { SP_RULE_FLAG, 2 }, { SP_RULE_EXCEPTION, 3 }
    };

    p->n = 0;
    random_rule(p, SP_RULE_DENY, skip);
    random_rule(p, SP_RULE_ALLOW, skip);

    for (i = 0; i < 5; i++) {
        for (n = pick(parts[i].most + 1); n > 0; n--) {
            random_rule(p, parts[i].kind, skip);
        }
    }
}


static void
shuffle(policy_t *p)
{
    int  i, j, t;

    for (i = p->n - 1; i > 0; i--) {
        j = pick(i + 1);
        t = p->order[i];
        p->order[i] = p->order[j];
        p->order[j] = t;
    }
}


static void
write_rule(const rule_t *r, int i, char *out, size_t size)
{
    int   n;
    char  when[900];

    condition(r, r->root, when, sizeof(when));

    n = snprintf(out, size, "  - id: r%02d\n    when: %s\n", i, when);

    if (r->kind == SP_RULE_DENY) {
        n += snprintf(out + n, size - (size_t) n, "    unknown: %s\n",
                      r->skip ? "skip" : "match");
    }

    if (r->kind == SP_RULE_DENY || r->kind == SP_RULE_FLAG) {
        n += snprintf(out + n, size - (size_t) n, "    reason: %s\n",
                      i % 2 ? "OWN_RESTRICTED" : "JUR_HQ_RESTRICTED");
    }

    if (r->shadow) {
        n += snprintf(out + n, size - (size_t) n, "    mode: shadow\n");
    }

    if (r->kind == SP_RULE_THROTTLE) {
        n += snprintf(out + n, size - (size_t) n,
                      "    meter: requests\n    per: [account.id]\n"
                      "    rate: %s\n", r->by == 1
                      ? "{by: account.level, 0: 5/min, 1: 10/min, "
                        "2: 20/min, 3: 40/min}" : r->by == 2
                      ? "{by: model.tier, 1: 90/min, 2: 20/min, 3: 5/min}"
                      : "30/min");
    }

    if (r->replaces >= 0) {
        n += snprintf(out + n, size - (size_t) n, "    replaces: [r%02d]\n",
                      r->replaces);
    }

    if (r->kind == SP_RULE_EXCEPTION) {
        n += snprintf(out + n, size - (size_t) n,
                      "    kind: waiver\n    account: acct_%d\n"
                      "    lifts: [r%02d]\n    approved_by: [a, b]\n"
                      "    valid: {from: 2026-01-01, until: %s}\n",
                      r->account, r->lifts,
                      r->dated == 1 ? "2026-11-22" : "2026-11-23");

    } else if (r->dated) {
        n += snprintf(out + n, size - (size_t) n,
                      "    valid: {from: %s, until: 2027-01-01}\n",
                      r->dated == 1 ? "2026-11-24" : "2026-11-23");
    }
}


static sp_policy_t *
compile(const policy_t *p)
{
    int           i, k, some;
    size_t        n;
    sp_str_t      s;
    sp_diags_t    diags;
    sp_policy_t  *policy;

    static const char *const  sections[] = {
        "deny", "allow", "throttle", "flag", "exceptions"
    };

    n = (size_t) snprintf(text, TEXT,
        "sallyport: 1\npolicy: random\nlists:\n  two:\n    type: country\n"
        "    items: [IR, CN]\nmodels:\n  tiers:\n    1: [m-one]\n"
        "    2: [m-two]\n");

    for (k = 0; k < 5; k++) {

        for (i = 0, some = 0; i < p->n; i++) {
            const rule_t  *r = &p->rules[p->order[i]];

            if ((int) r->kind != k || p->out[p->order[i]]) {
                continue;
            }

            if (!some++) {
                n += (size_t) snprintf(text + n, TEXT - n, "%s:\n",
                                       sections[k]);
            }

            write_rule(r, p->order[i], text + n, TEXT - n);
            n += strlen(text + n);
        }
    }

    s.data = (unsigned char *) text;
    s.len = n;

    sp_diags_init(&diags);
    policy = sp_policy_load_text("random", s, &opts, &diags);

    if (policy == NULL) {
        fprintf(stderr, "%s\n", text);
        sp_diags_print(&diags, stderr);
        fail_msg("a random policy did not load");
    }

    sp_diags_free(&diags);

    return policy;
}


static void
random_account(sp_account_t *a)
{
    int  i;

    memset(a, 0, sizeof(sp_account_t));

    a->type = SP_TYPE_ORGANIZATION;
    a->status = (uint8_t) pick(4);
    a->level = (uint8_t) pick(4);
    a->screening = a->end_use = a->resale = a->linkage = SP_ENUM_ABSENT;
    a->verified_at = a->expires_at = a->pending_since = SP_TIME_ABSENT;
    a->screened_at = a->owners_as_of = a->end_use_expires = SP_TIME_ABSENT;
    a->id_len = (uint8_t) snprintf(a->id, SP_ID_LEN, "acct_%d", pick(3));
    a->has_owners = pick(4) != 0;

    if (pick(3)) {
        a->incorporated = place(countries[pick(4)]);
    }

    for (i = 0; a->has_owners && i < pick(4); i++) {
        a->owners[i].nplaces = 1;
        a->owners[i].places[0] = place(countries[pick(4)]);
        a->owners[i].min = a->owners[i].max = (uint16_t) (1000 * pick(4));
        a->nowners++;
    }

    for (i = 0; i < pick(3); i++) {
        a->use_locations[i] = place(countries[pick(4)]);
        a->nuse++;
    }
}


static void
random_head(request_t *q)
{
    sp_value_t  *v = q->facts.v;

    sp_facts_init(&q->facts, NOW);
    random_account(&q->account);

    q->facts.route = 0;
    q->facts.route_state = SP_ROUTE_FOUND;

    memset(&q->key, 0, sizeof(q->key));
    q->key.not_before = q->key.expires_at = SP_TIME_ABSENT;
    sp_facts_key(&q->facts, SP_KEYFACT_FOUND, &q->key);

    if (pick(12)) {
        sp_facts_account(&q->facts, SP_ACCTFACT_FOUND, &q->account);

    } else {
        sp_facts_account(&q->facts, SP_ACCTFACT_FAILED, NULL);
    }

    v[SP_F_IP_COUNTRY].state = (uint8_t) (pick(6) ? SP_FACT_KNOWN
                                          : (int[]) { SP_FACT_UNKNOWN,
                                                      SP_FACT_ABSENT,
                                                      SP_FACT_FAILED }[pick(3)]);
    v[SP_F_IP_COUNTRY].u.place = place(countries[pick(4)]);
    v[SP_F_IP_VPN].state = (uint8_t) (pick(3) ? SP_FACT_KNOWN
                                              : SP_FACT_UNKNOWN);
    v[SP_F_IP_VPN].u.i = pick(2);
}


static void
random_body(request_t *q)
{
    int          i, n;
    sp_value_t  *v = q->facts.v;

    q->facts.body_state = SP_BODYFACT_FINE;

    if (pick(15) == 0) {
        q->facts.body_state = SP_BODYFACT_AMBIGUOUS;
    }

    v[SP_F_REQUEST_STREAM].state = SP_FACT_KNOWN;
    v[SP_F_REQUEST_STREAM].u.i = pick(2);

    n = pick(8) == 0 ? 0 : pick(6) ? 1 : 2 + pick(2);

    q->facts.nmodels = (uint16_t) n;
    q->facts.models = q->models;
    v[SP_F_MODEL_ID].state = n ? SP_FACT_KNOWN : SP_FACT_ABSENT;

    for (i = 0; i < n; i++) {
        q->models[i] = sp_cstr(model_names[pick(3)]);
        v[SP_F_MODEL_ID].u.s = q->models[0];
    }
}


/* Copies a request; its table of facts points into itself. */

static void
copy_request(request_t *dst, const request_t *src)
{
    *dst = *src;

    dst->facts.key = &dst->key;
    dst->facts.account = src->facts.account ? &dst->account : NULL;
    dst->facts.models = dst->models;

    if (dst->facts.account != NULL) {
        dst->facts.v[SP_F_ACCOUNT_ID].u.s.data
            = (unsigned char *) dst->account.id;
        dst->facts.v[SP_F_ACCOUNT_PLACES].u.places = dst->facts.places;
    }
}


static void
same_verdict(const sp_policy_t *p, const sp_verdict_t *a,
    const sp_policy_t *q, const sp_verdict_t *b)
{
    int  i;

    assert_int_equal(a->decision, b->decision);
    assert_int_equal(a->reason, b->reason);
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->primary, b->primary);
    assert_int_equal(a->excepted, b->excepted);
    assert_int_equal(a->nmatches, b->nmatches);
    assert_int_equal(a->napply, b->napply);

    for (i = 0; i < a->nmatches; i++) {
        assert_true(sp_str_eq(sp_match_name(p, &a->matches[i]),
                              sp_match_name(q, &b->matches[i])));
        assert_int_equal(a->matches[i].truth, b->matches[i].truth);
    }

    for (i = 0; i < a->napply; i++) {
        assert_int_equal(a->apply[i].interval, b->apply[i].interval);
        assert_true(sp_str_eq(sp_policy_rule_id(p, a->apply[i].rule),
                              sp_policy_rule_id(q, b->apply[i].rule)));
    }
}


/* "b" gives no more than "a": an allow is not new, its throttles are no less */

static void
no_wider(const sp_policy_t *p, const sp_verdict_t *a, const sp_policy_t *q,
    const sp_verdict_t *b)
{
    int  i, k;

    if (b->decision == SP_VERDICT_DENY) {
        return;
    }

    assert_int_equal(a->decision, SP_VERDICT_ALLOW);

    for (i = 0; i < a->napply; i++) {

        for (k = 0; k < b->napply; k++) {
            if (sp_str_eq(sp_policy_rule_id(p, a->apply[i].rule),
                          sp_policy_rule_id(q, b->apply[k].rule)))
            {
                break;
            }
        }

        assert_true(k < b->napply);
        assert_true(b->apply[k].interval >= a->apply[i].interval);
    }
}


/* The language in a few lines: one model, from the oracle's truth values. */

static sp_decision_t
oracle(const policy_t *p, request_t *q)
{
    int         i, e, allow, lifted;
    sp_truth_t  t;

    if (q->facts.account == NULL
        || q->facts.body_state != SP_BODYFACT_FINE)
    {
        return SP_VERDICT_DENY;
    }

    for (i = 0, allow = 0; i < p->n; i++) {
        const rule_t  *r = &p->rules[i];

        if (r->shadow || r->dated == 1 || p->out[i]) {
            continue;
        }

        t = value(r, r->root, q);

        if (r->kind == SP_RULE_ALLOW && t == SP_TRUE) {
            allow = 1;
        }

        if (r->kind != SP_RULE_DENY || t == SP_FALSE
            || (t == SP_UNSURE && r->skip))
        {
            continue;
        }

        for (e = 0, lifted = 0; e < p->n; e++) {
            const rule_t  *x = &p->rules[e];

            lifted |= x->kind == SP_RULE_EXCEPTION && x->lifts == i
                      && x->dated != 1 && !p->out[e]
                      && x->account == q->account.id[5] - '0'
                      && value(x, x->root, q) == SP_TRUE;
        }

        if (!lifted) {
            return SP_VERDICT_DENY;
        }
    }

    return allow ? SP_VERDICT_ALLOW : SP_VERDICT_DENY;
}


static void
test_conditions(void **state)
{
    int           i, k, rule, unsure;
    char          id[8];
    policy_t      p;
    request_t    *q;
    sp_truth_t    t;
    sp_policy_t  *policy;
    sp_verdict_t  v;

    srand(SEED);
    print_message("seed %d\n", SEED);
    q = malloc(sizeof(request_t));
    unsure = 0;

    for (i = 0; i < PAIRS / 10; i++) {
        random_policy(&p, 1);
        policy = compile(&p);

        for (k = 0; k < 10; k++) {
            random_head(q);
            random_body(q);
            sp_decide(policy, &q->facts, SP_STAGE_WHOLE, &v);

            for (rule = 0; rule < p.n; rule++) {
                int  at;

                snprintf(id, sizeof(id), "r%02d", rule);

                for (at = 0; at < sp_policy_rules(policy); at++) {
                    if (sp_str_eq(sp_policy_rule_id(policy, at),
                                  sp_cstr(id)))
                    {
                        break;
                    }
                }

                t = value(&p.rules[rule], p.rules[rule].root, q);
                unsure += (t == SP_UNSURE);
                assert_int_equal(sp_rule_value(policy, at, &q->facts), t);
            }
        }

        free(policy);
    }

    print_message("%d values were unsure\n", unsure);
    assert_true(unsure > 1000);
    free(q);
}


/* P6 and the decision itself; order, shadow rules, more rules (P1, P2, P3). */

static void
test_rules(void **state)
{
    int            i, k, n, which, allowed;
    policy_t      *p;
    request_t     *q;
    sp_policy_t   *one, *two;
    sp_verdict_t   a, b;

    srand(SEED + 1);
    p = malloc(sizeof(policy_t));
    q = malloc(sizeof(request_t));
    allowed = 0;

    for (i = 0; i < PAIRS / 4; i++) {
        random_policy(p, 1);
        n = p->n;
        one = compile(p);

        which = pick(4);

        if (which == 0) {
            shuffle(p);

        } else {
            random_rule(p, which == 1 ? (pick(2) ? SP_RULE_DENY
                                                 : SP_RULE_THROTTLE)
                           : which == 2 ? (pick(2) ? SP_RULE_ALLOW
                                                   : SP_RULE_EXCEPTION)
                           : (pick(2) ? SP_RULE_DENY : SP_RULE_THROTTLE), 1);

            p->rules[n].shadow = (which == 3);
            p->rules[n].replaces = -1;
        }

        two = compile(p);

        for (k = 0; k < 8; k++) {
            random_head(q);
            random_body(q);

            sp_decide(one, &q->facts, SP_STAGE_WHOLE, &a);
            sp_decide(two, &q->facts, SP_STAGE_WHOLE, &b);

            assert_true(a.decision == SP_VERDICT_ALLOW
                        || a.decision == SP_VERDICT_DENY);
            allowed += (a.decision == SP_VERDICT_ALLOW);

            if (a.decision == SP_VERDICT_DENY) {
                assert_in_range(a.primary, 0, a.nmatches - 1);
                assert_in_range(a.status, 400, 599);
            }

            if (q->facts.nmodels < 2) {
                int  total = p->n;

                p->n = n;
                assert_int_equal(a.decision, oracle(p, q));
                p->n = total;
            }

            switch (which) {
            case 0:
                same_verdict(one, &a, two, &b);
                break;
            case 1:
                no_wider(one, &a, two, &b);
                break;
            case 2:
                no_wider(two, &b, one, &a);
                break;
            default:
                assert_int_equal(a.decision, b.decision);
                assert_int_equal(a.reason, b.reason);
                assert_int_equal(a.napply, b.napply);
            }
        }

        free(one);
        free(two);
    }

    print_message("%d of %d allowed\n", allowed, PAIRS * 2);
    assert_true(allowed > PAIRS / 20);
    free(p);
    free(q);
}


/* P5: what becomes unknown, or fails, never widens. */

static void
test_ignorance(void **state)
{
    int            i, k, f, hidden, turned;
    policy_t      *p;
    request_t     *q, *r;
    sp_policy_t   *policy;
    sp_verdict_t   a, b;

    static const int  fields[] = {
        SP_F_IP_COUNTRY, SP_F_IP_VPN, SP_F_ACCOUNT_LEVEL,
        SP_F_ACCOUNT_STATUS, SP_F_ACCOUNT_INCORPORATED,
        SP_F_ACCOUNT_PLACES, SP_F_REQUEST_STREAM
    };

    srand(SEED + 2);
    p = malloc(sizeof(policy_t));
    q = malloc(sizeof(request_t));
    r = malloc(sizeof(request_t));
    turned = 0;

    for (i = 0; i < PAIRS / 8; i++) {
        random_policy(p, 0);
        policy = compile(p);

        for (k = 0; k < 16; k++) {
            random_head(q);
            random_body(q);
            copy_request(r, q);

            for (f = 0, hidden = 0; f < (int) sp_nelts(fields); f++) {
                if (pick(3) == 0) {
                    r->facts.v[fields[f]].state
                        = pick(2) ? SP_FACT_UNKNOWN : SP_FACT_FAILED;
                    hidden++;
                }
            }

            if (pick(6) == 0) {
                r->facts.nmodels = 0;
                r->facts.v[SP_F_MODEL_ID].state = SP_FACT_UNKNOWN;
            }

            sp_decide(policy, &q->facts, SP_STAGE_WHOLE, &a);
            sp_decide(policy, &r->facts, SP_STAGE_WHOLE, &b);

            if (r->facts.nmodels == q->facts.nmodels
                || q->facts.nmodels < 2)
            {
                no_wider(policy, &a, policy, &b);
            }

            turned += (a.decision == SP_VERDICT_ALLOW
                       && b.decision == SP_VERDICT_DENY);
        }

        free(policy);
    }

    print_message("ignorance refused %d that were allowed\n", turned);
    assert_true(turned > 100);
    free(p);
    free(q);
    free(r);
}


/* What the head refuses, no body could have had allowed. */

static void
test_head(void **state)
{
    int            i, k, body, refused;
    policy_t      *p;
    request_t     *q, *r;
    sp_policy_t   *policy;
    sp_verdict_t   head, whole;

    srand(SEED + 3);
    p = malloc(sizeof(policy_t));
    q = malloc(sizeof(request_t));
    r = malloc(sizeof(request_t));
    refused = 0;

    for (i = 0; i < PAIRS / 8; i++) {
        random_policy(p, 1);
        policy = compile(p);

        for (k = 0; k < 8; k++) {
            random_head(q);
            sp_decide(policy, &q->facts, SP_STAGE_HEAD, &head);

            assert_true(head.decision == SP_VERDICT_PENDING
                        || head.decision == SP_VERDICT_DENY);
            refused += (head.decision == SP_VERDICT_DENY);

            for (body = 0; body < 6; body++) {
                copy_request(r, q);
                random_body(r);
                sp_decide(policy, &r->facts, SP_STAGE_WHOLE, &whole);

                if (head.decision == SP_VERDICT_DENY) {
                    assert_int_equal(whole.decision, SP_VERDICT_DENY);
                }
            }
        }

        free(policy);
    }

    print_message("the head refused %d of %d\n", refused, PAIRS);
    assert_true(refused > PAIRS / 10 && refused < PAIRS);
    free(p);
    free(q);
    free(r);
}


/* P4: an exception is for its account and its rule only. */

static void
test_exceptions(void **state)
{
    int            i, k, n, opened;
    policy_t      *p;
    request_t     *q;
    sp_policy_t   *one, *two;
    sp_verdict_t   a, b;

    srand(SEED + 4);
    p = malloc(sizeof(policy_t));
    q = malloc(sizeof(request_t));
    opened = 0;

    for (i = 0; i < PAIRS / 8; i++) {
        random_policy(p, 1);
        one = compile(p);
        n = p->n;
        random_rule(p, SP_RULE_EXCEPTION, 0);
        two = compile(p);

        for (k = 0; k < 8; k++) {
            int  m, named;
            char id[8];

            random_head(q);
            random_body(q);

            sp_decide(one, &q->facts, SP_STAGE_WHOLE, &a);
            sp_decide(two, &q->facts, SP_STAGE_WHOLE, &b);

            snprintf(id, sizeof(id), "r%02d", p->rules[n].lifts);

            for (m = 0, named = 0; m < a.nmatches; m++) {
                named |= sp_str_eq(sp_match_name(one, &a.matches[m]),
                                   sp_cstr(id));
            }

            if (a.decision != b.decision) {
                opened++;
                assert_int_equal(b.decision, SP_VERDICT_ALLOW);
                assert_int_equal(b.excepted, 1);
                assert_int_equal(p->rules[n].account,
                                 q->account.id[5] - '0');
                assert_true(named);
            }
        }

        free(one);
        free(two);
    }

    print_message("exceptions opened %d\n", opened);
    assert_true(opened > 10);
    free(p);
    free(q);
}


/* Any model's deny denies, each needs an allow, the dearest is charged. */

static void
test_models(void **state)
{
    int            i, k, m, all;
    policy_t      *p;
    request_t     *q, *r;
    sp_policy_t   *policy;
    sp_verdict_t   a, b;

    srand(SEED + 5);
    p = malloc(sizeof(policy_t));
    q = malloc(sizeof(request_t));
    r = malloc(sizeof(request_t));

    for (i = 0; i < PAIRS / 8; i++) {
        random_policy(p, 1);
        policy = compile(p);

        for (k = 0; k < 8; k++) {
            random_head(q);
            random_body(q);

            if (q->facts.nmodels < 2) {
                continue;
            }

            sp_decide(policy, &q->facts, SP_STAGE_WHOLE, &a);

            for (m = 0, all = 1; m < q->facts.nmodels; m++) {
                copy_request(r, q);
                r->models[0] = q->models[m];
                r->facts.nmodels = 1;
                sp_decide(policy, &r->facts, SP_STAGE_WHOLE, &b);
                all &= (b.decision == SP_VERDICT_ALLOW);

                if (a.decision == SP_VERDICT_ALLOW) {
                    no_wider(policy, &b, policy, &a);
                }
            }

            assert_int_equal(a.decision, all ? SP_VERDICT_ALLOW
                                             : SP_VERDICT_DENY);
        }

        free(policy);
    }

    free(p);
    free(q);
    free(r);
}


/* What no policy can forget, each alone in front of a policy that allows. */

static void
builtin(request_t *q, const sp_policy_t *p, sp_stage_t stage,
    sp_reason_id_t reason, unsigned status, const char *name)
{
    sp_verdict_t  v;

    sp_decide(p, &q->facts, stage, &v);

    assert_int_equal(v.decision, SP_VERDICT_DENY);
    assert_int_equal(v.reason, reason);
    assert_int_equal(v.status, status);
    assert_true(sp_str_eq(sp_match_name(p, &v.matches[v.primary]),
                          sp_cstr(name)));
}


static void
fine(request_t *q)
{
    sp_facts_init(&q->facts, NOW);
    memset(&q->key, 0, sizeof(q->key));
    random_account(&q->account);

    q->key.not_before = q->key.expires_at = SP_TIME_ABSENT;
    q->account.status = SP_STATUS_VERIFIED;
    q->facts.route = 0;
    q->facts.route_state = SP_ROUTE_FOUND;
    q->facts.body_state = SP_BODYFACT_FINE;
    q->models[0] = SP_STR("m-two");
    q->facts.models = q->models;
    q->facts.nmodels = 1;

    sp_facts_key(&q->facts, SP_KEYFACT_FOUND, &q->key);
    sp_facts_account(&q->facts, SP_ACCTFACT_FOUND, &q->account);
}


static sp_policy_t *
small(const char *rules)
{
    sp_str_t      s;
    sp_diags_t    diags;
    sp_policy_t  *p;

    s.data = (unsigned char *) text;
    s.len = (size_t) snprintf(text, TEXT, "sallyport: 1\nmodels:\n  tiers:\n"
        "    1: [m-*, m-one, gpt-*-mini]\n    2: [m-t*, gpt-4*]\n"
        "    3: [m-three]\nallow:\n  - id: yes\n"
        "    when: account.status == verified\n%s", rules);

    sp_diags_init(&diags);
    p = sp_policy_load_text("small", s, &opts, &diags);

    if (p == NULL) {
        sp_diags_print(&diags, stderr);
        fail_msg("a small policy did not load");
    }

    sp_diags_free(&diags);

    return p;
}


static void
test_builtins(void **state)
{
    size_t        i;
    sp_addr_t     addr;
    request_t    *q;
    sp_policy_t  *p;
    sp_verdict_t  v;

    static const struct {
        sp_keyfact_t    state;
        sp_reason_id_t  reason;
        unsigned        status;
    } keys[] = {
        { SP_KEYFACT_UNKNOWN, SP_R_VERIFICATION_UNAVAILABLE, 503 },
        { SP_KEYFACT_FAILED, SP_R_VERIFICATION_UNAVAILABLE, 503 },
        { SP_KEYFACT_MISSING, SP_R_CRED_MISSING, 401 },
        { SP_KEYFACT_MALFORMED, SP_R_CRED_MALFORMED, 401 },
        { SP_KEYFACT_AMBIGUOUS, SP_R_CRED_AMBIGUOUS, 401 },
        { SP_KEYFACT_NO_SUCH, SP_R_CRED_UNKNOWN, 401 },
        { SP_KEYFACT_INVALID, SP_R_KEY_INVALID, 401 }
    };

    static const struct {
        int             status;
        sp_reason_id_t  reason;
    } accounts[] = {
        { SP_STATUS_SUSPENDED, SP_R_ACCT_SUSPENDED },
        { SP_STATUS_CLOSED, SP_R_ACCT_CLOSED },
        { SP_STATUS_REJECTED, SP_R_KYC_REJECTED },
        { 99, SP_R_KYC_RECORD_INVALID }
    };

    q = malloc(sizeof(request_t));
    p = small("");

    fine(q);
    sp_decide(p, &q->facts, SP_STAGE_WHOLE, &v);
    assert_int_equal(v.decision, SP_VERDICT_ALLOW);
    assert_int_equal(v.tier, 2);

    for (i = 0; i < sp_nelts(keys); i++) {
        fine(q);
        sp_facts_key(&q->facts, keys[i].state, NULL);
        builtin(q, p, SP_STAGE_WHOLE, keys[i].reason, keys[i].status,
                "builtin:key");
        builtin(q, p, SP_STAGE_HEAD, keys[i].reason, keys[i].status,
                "builtin:key");
    }

    for (i = 0; i < sp_nelts(accounts); i++) {
        fine(q);
        q->account.status = (uint8_t) accounts[i].status;
        builtin(q, p, SP_STAGE_HEAD, accounts[i].reason, 403,
                "builtin:account");
    }

    fine(q);
    sp_facts_account(&q->facts, SP_ACCTFACT_UNKNOWN, NULL);
    builtin(q, p, SP_STAGE_WHOLE, SP_R_VERIFICATION_UNAVAILABLE, 503,
            "builtin:record");

    /* valid while now < expires_at, from not_before on */

    fine(q);
    q->key.expires_at = NOW;
    builtin(q, p, SP_STAGE_HEAD, SP_R_CRED_EXPIRED, 401, "builtin:key");
    q->key.expires_at = NOW + 1;
    q->key.not_before = NOW;
    sp_decide(p, &q->facts, SP_STAGE_WHOLE, &v);
    assert_int_equal(v.decision, SP_VERDICT_ALLOW);
    q->key.not_before = NOW + 1;
    builtin(q, p, SP_STAGE_HEAD, SP_R_CRED_EXPIRED, 401, "builtin:key");

    fine(q);
    q->key.nnetworks = 1;
    assert_int_equal(sp_network_parse(SP_STR("192.0.2.0/24"),
                                      &q->key.networks[0]), SP_OK);
    builtin(q, p, SP_STAGE_HEAD, SP_R_CRED_NETWORK, 403, "builtin:key");
    q->facts.v[SP_F_IP_ADDR].state = SP_FACT_KNOWN;
    q->facts.v[SP_F_IP_ADDR].u.addr = &addr;
    sp_addr_parse(SP_STR("192.0.3.1"), &addr);
    builtin(q, p, SP_STAGE_HEAD, SP_R_CRED_NETWORK, 403, "builtin:key");
    sp_addr_parse(SP_STR("192.0.2.1"), &addr);
    sp_decide(p, &q->facts, SP_STAGE_WHOLE, &v);
    assert_int_equal(v.decision, SP_VERDICT_ALLOW);

    fine(q);
    q->facts.body_state = SP_BODYFACT_PENDING;
    builtin(q, p, SP_STAGE_WHOLE, SP_R_GATE_ERROR, 503, "builtin:body");
    q->facts.body_state = SP_BODYFACT_LARGE;
    builtin(q, p, SP_STAGE_HEAD, SP_R_BODY_LARGE, 413, "builtin:body");
    q->facts.body_state = SP_BODYFACT_TYPE;
    builtin(q, p, SP_STAGE_HEAD, SP_R_BODY_TYPE, 415, "builtin:body");

    /* both must grant the tier; a model without one is in none */

    fine(q);
    q->key.tiers = 1 << 2;
    q->account.tiers = 1 << 1 | 1 << 2;
    sp_decide(p, &q->facts, SP_STAGE_WHOLE, &v);
    assert_int_equal(v.decision, SP_VERDICT_ALLOW);
    q->account.tiers = 1 << 1;
    builtin(q, p, SP_STAGE_WHOLE, SP_R_TIER_NOT_GRANTED, 403,
            "builtin:tier");
    q->account.tiers = 0;
    q->models[0] = SP_STR("other");
    builtin(q, p, SP_STAGE_WHOLE, SP_R_TIER_NOT_GRANTED, 403,
            "builtin:tier");

    free(p);
    free(q);
}


static void
test_edges(void **state)
{
    size_t        i;
    request_t    *q;
    sp_policy_t  *p;
    sp_verdict_t  v;

    static const struct {
        const char  *model;
        int          tier;
    } models[] = {
        { "m-one", 1 }, { "m-two", 2 }, { "m-three", 3 }, { "m-x", 1 },
        { "gpt-4-mini", 1 }, { "gpt-4o", 2 }, { "gpt--mini", 1 },
        { "gpt-mini", 0 }, { "M-one", 0 }, { "", 0 }
    };

    q = malloc(sizeof(request_t));
    p = small("");

    for (i = 0; i < sp_nelts(models); i++) {
        assert_int_equal(sp_policy_model_tier(p, sp_cstr(models[i].model)),
                         models[i].tier);
    }

    free(p);

    /* both days of "valid" are inside, to the second */

    p = small("deny:\n  - id: no\n    when: account.status == verified\n"
              "    reason: KYC_LEVEL\n"
              "    valid: {from: 2026-11-23, until: 2026-11-24}\n");

    for (i = 0; i < 5; i++) {
        static const int64_t  at[] = { 1795391999, 1795392000, 1795435200,
                                       1795564799, 1795564800 };

        fine(q);
        q->facts.v[SP_F_NOW].u.i = at[i];
        sp_decide(p, &q->facts, SP_STAGE_WHOLE, &v);
        assert_int_equal(v.decision, (i == 0 || i == 4) ? SP_VERDICT_ALLOW
                                                        : SP_VERDICT_DENY);
    }

    /* a rule in force by a clock that nobody set */

    q->facts.v[SP_F_NOW].state = SP_FACT_UNKNOWN;
    sp_decide(p, &q->facts, SP_STAGE_WHOLE, &v);
    assert_int_equal(v.decision, SP_VERDICT_DENY);
    free(p);

    /* the dearest of several models is charged, and named */

    p = small("throttle:\n  - id: t\n    meter: requests\n"
              "    per: [account.id]\n    rate: {by: model.tier, 1: 100/s, "
              "2: 10/s, 3: 1/s}\n");
    fine(q);
    q->models[0] = SP_STR("m-one");
    q->models[1] = SP_STR("m-three");
    q->models[2] = SP_STR("m-two");
    q->facts.nmodels = 3;
    sp_decide(p, &q->facts, SP_STAGE_WHOLE, &v);
    assert_int_equal(v.decision, SP_VERDICT_ALLOW);
    assert_int_equal(v.napply, 1);
    assert_int_equal(v.apply[0].interval, 1000000000);
    assert_int_equal(v.apply[0].status, 429);
    assert_int_equal(v.tier, 3);
    assert_int_equal(v.model, 1);
    assert_true(sp_str_eq(q->facts.v[SP_F_MODEL_ID].u.s, SP_STR("m-three")));

    sp_verdict_throttle(&v, 0, 250);
    assert_int_equal(v.decision, SP_VERDICT_THROTTLE);
    assert_int_equal(v.reason, SP_R_RATE_LIMITED);
    assert_int_equal(v.status, 429);

    sp_verdict_refuse(p, &v, SP_R_AUDIT_UNAVAILABLE);
    assert_int_equal(v.decision, SP_VERDICT_DENY);
    assert_int_equal(v.status, 503);
    assert_int_equal(v.napply, 0);

    free(p);
    free(q);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_ignorance),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_exceptions),
        cmocka_unit_test(test_models),
        cmocka_unit_test(test_builtins),
        cmocka_unit_test(test_edges)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

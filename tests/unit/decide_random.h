
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains random policies for the tests of the decision:
 * conditions as trees, as text, and as what they mean.
 */


#ifndef DECIDE_RANDOM_H
#define DECIDE_RANDOM_H


#include <openssl/bn.h>
#include <openssl/evp.h>

#include "decide_request.h"


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
    int             share;       /* of a canary, 1/100 %, or 0 */
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


static const char *const  statuses[] = { "unverified", "pending", "verified",
                                         "review" };
static char               text[TEXT];

static const sp_policy_opts_t  opts = { NOW, 1 };


/* Lists of Iran and Ukraine, of which not each is in force. */

static const struct {
    const char  *name, *valid;
    int64_t      from, until;
} dated[] = {
    { "early", "until: 2026-11-22", INT64_MIN, NOW - 43200 },
    { "lately", "from: 2026-11-22, until: 2026-11-24", NOW - 129600,
      NOW + 129600 },
    { "later", "from: 2026-11-24T00:00:01Z", NOW + 43201, INT64_MAX }
};


/* The atoms, as text and as what they mean. */

#define ATOMS  20

static inline void
atom_text(int atom, int k, char *out, size_t size)
{
    static const char *const  shapes[ATOMS] = {
        "account.level >= %d", "account.status == %s", "ip.country in @two",
        "ip.country == %s", "has(ip.country)", "model.tier == %d",
        "ip.vpn", "account.incorporated not in @two",
        "ip.country in account.places", "owner_share(@two) >= %d%%",
        "has(model.tier)", "request.stream",
        "account.status in [pending, review]",
        "account.verified_age >= %dd", "account.x_flag",
        "account.x_number >= %d", "has(account.x_flag)",
        "ip.country in @%s", "account.incorporated not in @%s",
        "owner_share(@%s) < %d%%"
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
    case 17:
    case 18:
    case 19:
        snprintf(out, size, shapes[atom], dated[k % 3].name, 25 * (k / 3));
        break;
    case 0:
    case 13:
    case 15:
        snprintf(out, size, shapes[atom], k % 4);
        break;
    default:
        snprintf(out, size, "%s", shapes[atom]);
    }
}


static inline sp_truth_t
truth(int yes)
{
    return yes ? SP_TRUE : SP_FALSE;
}


/* Of a fact that the policy declares: 1, and its text, if the record has it. */

static inline int
own_text(const request_t *r, const char *name, sp_str_t *s)
{
    return sp_account_own(r->facts.account, sp_cstr(name), s) == SP_OK;
}


/* x_flag is a bool; x_number is 0..5, and 2 where the record has none. */

static inline sp_truth_t
own_value(int atom, int k, const request_t *r)
{
    sp_str_t  s;

    if (r->facts.account == NULL) {
        return SP_UNSURE;
    }

    if (atom == 15) {

        if (!own_text(r, "x_number", &s)) {
            return truth(2 >= k % 4);
        }

        return s.len != 1 || s.data[0] > '5' ? SP_UNSURE
               : truth(s.data[0] - '0' >= k % 4);
    }

    if (!own_text(r, "x_flag", &s)) {
        return atom == 16 ? SP_FALSE : SP_UNSURE;
    }

    if (!sp_str_eq(s, SP_STR("yes")) && !sp_str_eq(s, SP_STR("no"))) {
        return SP_UNSURE;
    }

    return atom == 16 ? SP_TRUE : truth(s.data[0] == 'y');
}


/* The part held from two countries, in basis points. */

static inline void
share(const request_t *r, const char *one, const char *two, int *low,
    int *high)
{
    int  i, in;

    *low = 0;
    *high = 10000;

    for (i = 0; r->account.has_owners && i < r->account.nowners; i++) {
        in = r->account.owners[i].places[0] == place(one)
             || r->account.owners[i].places[0] == place(two);
        *low += in ? r->account.owners[i].min : 0;
        *high -= in ? 0 : r->account.owners[i].min;
    }
}


static inline sp_truth_t
dated_value(int atom, int k, const request_t *r)
{
    int                in, low, high, least;
    int64_t            now;
    const sp_value_t  *v;

    now = r->facts.v[SP_F_NOW].u.i;
    in = now >= dated[k % 3].from && now < dated[k % 3].until;
    least = 2500 * (k / 3);

    if (atom == 19) {

        if (!in) {
            return truth(0 < least);
        }

        if (r->facts.account == NULL) {
            return SP_UNSURE;
        }

        share(r, "IR", "UA", &low, &high);

        return high < least ? SP_TRUE : low >= least ? SP_FALSE : SP_UNSURE;
    }

    v = &r->facts.v[atom == 17 ? SP_F_IP_COUNTRY : SP_F_ACCOUNT_INCORPORATED];

    if (in && v->state != SP_FACT_KNOWN) {
        return SP_UNSURE;
    }

    in = in && (v->u.place == place("IR") || v->u.place == place("UA"));

    return truth(atom == 17 ? in : !in);
}


static inline sp_truth_t
atom_value(int atom, int k, const request_t *r)
{
    int                i, low, high, in;
    const sp_value_t  *v = r->facts.v;

    static const int  fields[] = {
        SP_F_ACCOUNT_LEVEL, SP_F_ACCOUNT_STATUS, SP_F_IP_COUNTRY,
        SP_F_IP_COUNTRY, SP_F_IP_COUNTRY, SP_F_MODEL_TIER, SP_F_IP_VPN,
        SP_F_ACCOUNT_INCORPORATED, SP_F_IP_COUNTRY, -1, SP_F_MODEL_TIER,
        SP_F_REQUEST_STREAM, SP_F_ACCOUNT_STATUS, SP_F_ACCOUNT_VERIFIED_AGE
    };

    if (atom > 16) {
        return dated_value(atom, k, r);
    }

    if (atom > 13) {
        return own_value(atom, k, r);
    }

    if (atom == 4 || atom == 10) {
        v += fields[atom];
        return v->state == SP_FACT_KNOWN ? SP_TRUE
               : v->state == SP_FACT_ABSENT ? SP_FALSE : SP_UNSURE;
    }

    if (atom == 9) {

        if (r->facts.account == NULL) {
            return SP_UNSURE;
        }

        share(r, "IR", "CN", &low, &high);

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
    case 13:
        return truth(v[SP_F_NOW].u.i - r->account.verified_at
                     >= 86400 * (k % 4));
    default:
        return truth(v[fields[atom]].u.i != 0);
    }
}


/* A random condition; returns the index of its root. */

static inline int
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


static inline void
condition(const rule_t *r, int i, char *out, size_t size)
{
    int            len;
    char           a[900], b[900];
    const node_t  *n = &r->nodes[i];

    if (n->op == 3) {
        atom_text(n->atom, n->a, out, size);
        return;
    }

    condition(r, n->a, a, sizeof(a));

    if (n->op == 2) {
        len = snprintf(out, size, "not (%s)", a);
        assert_in_range(len, 1, size - 1);
        return;
    }

    condition(r, n->b, b, sizeof(b));
    len = snprintf(out, size, "(%s) %s (%s)", a, n->op ? "or" : "and", b);
    assert_in_range(len, 1, size - 1);
}


static inline sp_truth_t
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


/* 1 if rule number i is only watched for an account, as the manual says. */

static inline int
watched(const rule_t *r, int i, const char *account)
{
    char           all[80];
    int            n;
    BIGNUM        *number;
    BN_ULONG       bucket;
    unsigned       len;
    unsigned char  digest[32];

    if (r->share == 0) {
        return r->shadow;
    }

    n = snprintf(all, sizeof(all), "r%02d%c%s", i, '\0', account);
    assert_int_equal(EVP_Digest(all, (size_t) n, digest, &len, EVP_sha256(),
                                NULL), 1);

    number = BN_bin2bn(digest, 32, NULL);
    bucket = BN_mod_word(number, 10000);
    BN_free(number);

    return bucket >= (BN_ULONG) r->share;
}


static inline void
random_rule(policy_t *p, sp_rule_kind_t kind, int skip)
{
    int      i, denies;
    rule_t  *r;

    r = &p->rules[p->n];
    memset(r, 0, sizeof(rule_t));

    r->kind = kind;
    r->shadow = kind != SP_RULE_EXCEPTION && pick(8) == 0;
    r->share = (kind == SP_RULE_DENY || kind == SP_RULE_THROTTLE)
               && !r->shadow && pick(5) == 0 ? 1 + pick(9999) : 0;
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


static inline void
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


static inline void
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


static inline void
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

    } else if (r->share) {
        n += snprintf(out + n, size - (size_t) n,
                      "    mode: canary %d.%02d%%\n", r->share / 100,
                      r->share % 100);
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


/* Writes what rules refer to: "more" stands before it, in the file's head. */

static inline size_t
write_head(char *out, size_t size, const char *more)
{
    int     i;
    size_t  n;

    n = (size_t) snprintf(out, size,
        "sallyport: 1\npolicy: random\n%sfacts:\n"
        "  account.x_flag: {type: bool}\n"
        "  account.x_number: {type: int, max: 5, absent: 2}\n"
        "lists:\n  two:\n    type: country\n    items: [IR, CN]\n", more);

    for (i = 0; i < (int) sp_nelts(dated); i++) {
        n += (size_t) snprintf(out + n, size - n, "  %s:\n    type: country\n"
                               "    valid: {%s}\n    items: [IR, UA]\n",
                               dated[i].name, dated[i].valid);
    }

    n += (size_t) snprintf(out + n, size - n, "models:\n  tiers:\n"
                           "    1: [m-one]\n    2: [m-two]\n");

    return n;
}


static inline sp_policy_t *
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

    n = write_head(text, TEXT, "");

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


#endif /* DECIDE_RANDOM_H */


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tests of what a policy may say beside its plain
 * rules: invariants, dated lists, canaries and facts of its own.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "sp_decide.h"
#include "policy/sp_policy_image.h"


#define NOW   1795435200   /* 2026-11-23T12:00:00Z */
#define HEAD  "sallyport: 1\npolicy: language\n"


static const sp_policy_opts_t  opts = { NOW, 1 };


static sp_policy_t *
load(const char *source)
{
    sp_diags_t    diags;
    sp_policy_t  *policy;

    sp_diags_init(&diags);
    policy = sp_policy_load_text("policy.yaml", sp_cstr(source), &opts,
                                 &diags);

    if (policy == NULL) {
        sp_diags_print(&diags, stderr);
        fail_msg("it did not load:\n%s", source);
    }

    sp_diags_free(&diags);

    return policy;
}


static void
same_text(sp_str_t s, const char *text)
{
    assert_int_equal(s.len, strlen(text));
    assert_memory_equal(s.data, text, s.len);
}


static void
test_invariants(void **state)
{
    sp_policy_t            *policy;
    sp_policy_invariant_t   row;

    static const char  source[] = HEAD
        "lists:\n  gone: {type: country, items: [CU, IR]}\n"
        "allow:\n  - id: all\n    when: account.level >= 0\n"
        "invariants:\n"
        "  - id: served\n"
        "    never: deny\n"
        "    when: account.level == 3\n"
        "  - id: embargo\n"
        "    note: said by the desk\n"
        "    when: |\n"
        "      ip.country in @gone\n"
        "      or ip.tor\n"
        "    always:   deny\n";

    policy = load(source);
    assert_int_equal(sp_policy_invariants(policy), 2);

    sp_policy_invariant(policy, 0, &row);
    same_text(row.id, "embargo");
    same_text(row.when, "ip.country in @gone\nor ip.tor");
    same_text(row.file, "policy.yaml");
    assert_int_equal(row.never, 0);
    assert_int_equal(row.deny, 1);
    assert_int_equal(row.line, 17);
    assert_int_equal(row.col, 5);
    assert_int_equal(row.len, 14);

    sp_policy_invariant(policy, 1, &row);
    same_text(row.id, "served");
    assert_int_equal(row.never, 1);
    assert_int_equal(row.deny, 1);
    assert_int_equal(row.line, 10);
    assert_int_equal(row.len, 11);

    assert_int_equal(sp_policy_rules(policy), 1);
    assert_true(sp_policy_valid(policy, sp_policy_size(policy)));

    free(policy);
}


/* Who is in a canary stays in as it grows; the share is what was written. */

static void
test_canary(void **state)
{
    int           i, was, is, in[3], n;
    char          id[32];
    sp_str_t      s;
    unsigned      share;
    sp_policy_t  *policy;

    static const unsigned  shares[] = { 1, 100, 2500 };

    memset(in, 0, sizeof(in));
    s.data = (unsigned char *) id;

    for (i = 0; i < 20000; i++) {
        s.len = (size_t) snprintf(id, sizeof(id), "acct_%d", i);
        was = 0;

        for (n = 0; n < 3; n++) {
            is = sp_canary(SP_STR("rule-a"), s, shares[n]);
            assert_true(is >= was);
            in[n] += is;
            was = is;
        }

        assert_int_equal(sp_canary(SP_STR("rule-a"), s, SP_CANARY_ALL), 1);
        assert_int_equal(sp_canary(SP_STR("rule-a"), s, 0), 0);
    }

    assert_in_range(in[0], 0, 12);
    assert_in_range(in[1], 140, 260);
    assert_in_range(in[2], 4750, 5250);

    /* printf 'owner-50\0acct_globex' | sha256sum, modulo 10000 */

    for (share = 0; !sp_canary(SP_STR("owner-50"), SP_STR("acct_globex"),
                               share); share++) { /* void */ }

    assert_int_equal(share - 1, 8688);

    policy = load(HEAD
        "deny:\n"
        "  - id: a\n    when: account.level < 1\n    reason: NET_VPN\n"
        "    mode: canary 12.5%\n"
        "  - id: b\n    when: account.level < 1\n    reason: NET_VPN\n"
        "    mode: shadow\n"
        "  - id: c\n    when: account.level < 1\n    reason: NET_VPN\n");

    assert_int_equal(sp_policy_rule_share(policy, 0), 1250);
    assert_int_equal(sp_policy_rule_share(policy, 1), 0);
    assert_int_equal(sp_policy_rule_share(policy, 2), SP_CANARY_ALL);

    free(policy);
}


/* Facts of a policy's own, from a record as the store has it. */

static void
record(sp_account_t *account, const char *name, const char *value)
{
    size_t             n;
    sp_pair_t          pairs[6];
    sp_record_error_t  error;

    static const char *const  base[][2] = {
        { "v", "1" }, { "ver", "1" }, { "type", "individual" },
        { "status", "unverified" }, { "level", "0" }
    };

    for (n = 0; n < 5; n++) {
        pairs[n].name = sp_cstr(base[n][0]);
        pairs[n].value = sp_cstr(base[n][1]);
    }

    if (name != NULL) {
        pairs[n].name = sp_cstr(name);
        pairs[n++].value = sp_cstr(value);
    }

    if (sp_account_parse(account, SP_STR("acct_1"), pairs, n, &error)
        != SP_OK)
    {
        fail_msg("record: %s %s", error.field, error.why);
    }
}


static void
test_own(void **state)
{
    int                 id, at;
    size_t              i;
    char                name[32], field[32];
    sp_facts_t          facts;
    sp_policy_t        *policy;
    sp_account_t        account;
    sp_policy_field_t   row;

    static const char  source[] = HEAD
        "facts:\n"
        "  account.x_cleared: {type: bool, note: cleared by the desk}\n"
        "  account.x_no: {type: bool, absent: no}\n"
        "  account.x_risk: {type: int, max: 100}\n"
        "  account.x_seven: {type: int, min: 5, max: 9, absent: 7}\n"
        "  account.x_kind: {type: enum, values: [lab, reseller], "
        "absent: lab}\n"
        "  account.x_desk: {type: string}\n"
        "  account.x_team: {type: string, absent: core}\n"
        "  account.x_site: {type: place}\n"
        "  account.x_seat: {type: place, absent: SG}\n"
        "  account.x_audit: {type: age}\n"
        "lists:\n  asia: {type: country, items: [SG, MY]}\n"
        "allow:\n"
        "  - id: a-cleared\n    when: account.x_cleared\n"
        "  - id: b-no\n    when: not account.x_no\n"
        "  - id: c-risk\n    when: account.x_risk <= 40\n"
        "  - id: d-seven\n    when: account.x_seven in [6, 7]\n"
        "  - id: e-kind\n    when: account.x_kind == lab\n"
        "  - id: f-desk\n    when: account.x_desk in [fra, sin]\n"
        "  - id: g-team\n    when: account.x_team == core\n"
        "  - id: h-site\n    when: account.x_site in @asia\n"
        "  - id: i-seat\n    when: account.x_seat in @asia\n"
        "  - id: j-audit\n    when: account.x_audit < 90d\n"
        "  - id: k-same\n    when: account.x_site == account.x_seat\n"
        "throttle:\n"
        "  - id: t\n    meter: requests\n    per: [account.id]\n"
        "    rate: {by: account.x_kind, lab: 10/min, reseller: 60/min}\n";

    static const struct {
        const char  *name, *value, *rule;
        sp_truth_t   truth;
        int          state;
    } table[] = {
        { "cleared", "yes", "a-cleared", SP_TRUE, SP_FACT_KNOWN },
        { "cleared", "no", "a-cleared", SP_FALSE, SP_FACT_KNOWN },
        { "cleared", "1", "a-cleared", SP_UNSURE, SP_FACT_UNKNOWN },
        { "cleared", NULL, "a-cleared", SP_UNSURE, SP_FACT_ABSENT },
        { "no", NULL, "b-no", SP_TRUE, SP_FACT_KNOWN },
        { "no", "true", "b-no", SP_FALSE, SP_FACT_KNOWN },
        { "no", "NO", "b-no", SP_UNSURE, SP_FACT_UNKNOWN },
        { "risk", "40", "c-risk", SP_TRUE, SP_FACT_KNOWN },
        { "risk", "41", "c-risk", SP_FALSE, SP_FACT_KNOWN },
        { "risk", "101", "c-risk", SP_UNSURE, SP_FACT_UNKNOWN },
        { "risk", "040", "c-risk", SP_UNSURE, SP_FACT_UNKNOWN },
        { "risk", "-1", "c-risk", SP_UNSURE, SP_FACT_UNKNOWN },
        { "seven", NULL, "d-seven", SP_TRUE, SP_FACT_KNOWN },
        { "seven", "4", "d-seven", SP_UNSURE, SP_FACT_UNKNOWN },
        { "seven", "9", "d-seven", SP_FALSE, SP_FACT_KNOWN },
        { "kind", NULL, "e-kind", SP_TRUE, SP_FACT_KNOWN },
        { "kind", "reseller", "e-kind", SP_FALSE, SP_FACT_KNOWN },
        { "kind", "resellers", "e-kind", SP_UNSURE, SP_FACT_UNKNOWN },
        { "desk", "sin", "f-desk", SP_TRUE, SP_FACT_KNOWN },
        { "desk", "lon", "f-desk", SP_FALSE, SP_FACT_KNOWN },
        { "desk", NULL, "f-desk", SP_UNSURE, SP_FACT_ABSENT },
        { "team", NULL, "g-team", SP_TRUE, SP_FACT_KNOWN },
        { "site", "MY-10", "h-site", SP_TRUE, SP_FACT_KNOWN },
        { "site", "DE", "h-site", SP_FALSE, SP_FACT_KNOWN },
        { "site", "ZZ", "h-site", SP_UNSURE, SP_FACT_UNKNOWN },
        { "site", "Malaysia", "h-site", SP_UNSURE, SP_FACT_UNKNOWN },
        { "seat", NULL, "i-seat", SP_TRUE, SP_FACT_KNOWN },
        { "seat", "DE", "i-seat", SP_FALSE, SP_FACT_KNOWN },
        { "audit", "1795435200", "j-audit", SP_TRUE, SP_FACT_KNOWN },
        { "audit", "1787659200", "j-audit", SP_FALSE, SP_FACT_KNOWN },
        { "audit", "1787659201", "j-audit", SP_TRUE, SP_FACT_KNOWN },
        { "audit", "2026-11-23", "j-audit", SP_UNSURE, SP_FACT_UNKNOWN },
        { "site", "SG", "k-same", SP_TRUE, SP_FACT_KNOWN },
        { "site", "MY", "k-same", SP_FALSE, SP_FACT_KNOWN }
    };

    policy = load(source);
    assert_int_equal(sp_policy_fields(policy), SP_FIELDS + 10);

    sp_policy_field(policy, SP_FIELDS, &row);
    same_text(row.name, "account.x_cleared");
    same_text(row.help, "cleared by the desk");
    assert_int_equal(row.type, SP_T_BOOL);
    assert_int_equal(row.optional, 1);

    for (i = 0; i < sp_nelts(table); i++) {
        snprintf(name, sizeof(name), "account.x_%s", table[i].name);
        snprintf(field, sizeof(field), "x_%s", table[i].name);
        record(&account, table[i].value ? field : NULL, table[i].value);

        sp_facts_init(&facts, NOW);
        sp_facts_account(&facts, SP_ACCTFACT_FOUND, &account);
        sp_facts_own(&facts, policy);

        id = sp_policy_field_find(policy, sp_cstr(name));
        assert_true(id >= SP_FIELDS);

        for (at = 0; !sp_str_eq(sp_policy_rule_id(policy, at),
                                sp_cstr(table[i].rule)); at++) { /* void */ }

        if (facts.v[id].state != table[i].state
            || sp_rule_value(policy, at, &facts) != table[i].truth)
        {
            fail_msg("row %zu: x_%s: %s: state %d, value %d", i,
                     table[i].name, table[i].value, facts.v[id].state,
                     sp_rule_value(policy, at, &facts));
        }
    }

    /* a dead store is no finding about the account */

    sp_facts_account(&facts, SP_ACCTFACT_FAILED, NULL);
    assert_null(facts.own_of);
    sp_facts_own(&facts, policy);
    assert_int_equal(facts.v[SP_FIELDS].state, SP_FACT_FAILED);
    sp_facts_account(&facts, SP_ACCTFACT_INVALID, NULL);
    sp_facts_own(&facts, policy);
    assert_int_equal(facts.v[SP_FIELDS].state, SP_FACT_UNKNOWN);

    free(policy);
}


/* Dates of lists and rules, and how a test of a dated list is explained. */

static void
explained(void *ctx, int depth, sp_str_t s, sp_truth_t value,
    const int *fields, int nfields)
{
    char  *out = ctx;

    snprintf(out + strlen(out), 1000 - strlen(out), "%d %.*s = %d\n", depth,
             (int) s.len, s.data, (int) value);
}


static void
test_dates(void **state)
{
    char               out[1000];
    int64_t            from, until;
    sp_facts_t         facts;
    sp_diags_t         diags;
    sp_policy_t       *policy;
    sp_policy_list_t   list;

    static const char  source[] = HEAD
        "timezone: \"+02:00\"\n"
        "lists:\n"
        "  ended: {type: place, items: [CU, UA-43, UA-40], "
        "valid: {until: 2026-11-22}}\n"
        "  ahead:\n    type: model\n    items: [a*, b, c]\n"
        "    source: desk memo\n    review_by: 2027-01-31\n"
        "    valid: {from: 2026-11-10T05:00:00Z, until: 2026-12-31}\n"
        "deny:\n"
        "  - id: gone\n    when: ip.country not in @ended\n"
        "    unknown: match\n    reason: NET_VPN\n"
        "allow:\n"
        "  - id: some\n    when: model.id in @ahead\n"
        "    valid: {from: 2026-11-24, until: 2026-11-24}\n";

    sp_diags_init(&diags);
    policy = sp_policy_load_text("policy.yaml", SP_STR(source), &opts,
                                 &diags);
    assert_non_null(policy);
    assert_int_equal(diags.warnings, 1);
    assert_int_equal(diags.items[0].code, 310);
    assert_non_null(strstr(diags.items[0].message, "last day"));
    sp_diags_free(&diags);

    assert_int_equal(sp_policy_lists(policy), 2);
    sp_policy_list(policy, 0, &list);
    same_text(list.name, "ended");
    assert_string_equal(list.type, "place");
    assert_int_equal(list.items, 3);
    assert_true(list.from == INT64_MIN && list.until == 1795384800);
    assert_true(list.review == INT64_MAX);

    sp_policy_list(policy, 1, &list);
    same_text(list.source, "desk memo");
    same_text(list.file, "policy.yaml");
    assert_int_equal(list.line, 6);
    assert_int_equal(list.used, 1);
    assert_int_equal(list.items, 3);
    assert_int_equal(list.from, 1794286800);
    assert_int_equal(list.until, 1798754400);
    assert_int_equal(list.review, 1801432800);

    sp_policy_rule_valid(policy, 1, &from, &until);
    assert_int_equal(from, 1795471200);
    assert_int_equal(until, 1795471200 + 86400);

    sp_facts_init(&facts, NOW);
    facts.v[SP_F_IP_COUNTRY].state = SP_FACT_KNOWN;
    assert_int_equal(sp_place_parse(SP_STR("CU"),
                                    &facts.v[SP_F_IP_COUNTRY].u.place),
                     SP_PLACE_OK);

    out[0] = '\0';
    sp_rule_explain(policy, 0, &facts, explained, out);
    assert_string_equal(out,
        "0 ip.country not in @ended = 2\n"
        "1 @ended is in force and has it = 0\n"
        "2 @ended has not ended = 0\n"
        "2 @ended has it = 2\n");

    facts.v[SP_F_NOW].u.i = 1795384799;
    assert_int_equal(sp_rule_value(policy, 0, &facts), SP_FALSE);

    free(policy);
}


/* What a policy says once, and what is asked of rules and reasons by index. */

static void
test_once(void **state)
{
    unsigned      line;
    sp_policy_t  *policy;

    static const char  source[] = HEAD
        "revision: r7\nowner: desk@example.com\n"
        "blocked_by: https://example.com/law\n"
        "sources: {geoip: {max_age: 2w}, record: {max_age: 90m}}\n"
        "stale: {by: model.tier, 1: 60s, 2: 5m, 3: deny}\n"
        "reasons:\n  MINE: {class: risk, rank: 700, public: mine, "
        "text: No., "
        "liftable: yes}\n"
        "facts:\n  account.x_a: {type: bool, absent: no}\n"
        "deny:\n  - id: d\n    when: account.level < 1\n    reason: MINE\n"
        "    message: Not you.\n"
        "throttle:\n  - id: t\n    meter: requests\n    per: [account.id]\n"
        "    rate: {by: account.x_a, no: 10/min, yes: 20/min}\n"
        "exceptions:\n  - id: e\n    kind: licence\n    account: acct_1\n"
        "    lifts: [d, d]\n    authority: BIS\n    ticket: T-1\n"
        "    valid: {until: 2027-01-01}\n    approved_by: [a, b]\n";

    policy = load(source);

    same_text(sp_policy_name(policy), "language");
    same_text(sp_policy_revision(policy), "r7");
    same_text(sp_policy_owner(policy), "desk@example.com");
    same_text(sp_policy_blocked_by(policy), "https://example.com/law");
    assert_int_equal(sp_policy_max_age(policy, SP_AGED_GEOIP), 14 * 86400);
    assert_int_equal(sp_policy_max_age(policy, SP_AGED_RECORD), 5400);
    assert_int_equal(sp_policy_stale(policy, 1), 60);
    assert_int_equal(sp_policy_stale(policy, 2), 300);
    assert_int_equal(sp_policy_stale(policy, 3), 0);
    assert_int_equal(sp_policy_stale(policy, 0), 0);

    assert_int_equal(sp_policy_rule_kind(policy, 0), SP_RULE_DENY);
    same_text(sp_policy_rule_message(policy, 0), "Not you.");
    same_text(sp_policy_rule_file(policy, 0, &line), "policy.yaml");
    assert_int_equal(line, 13);

    assert_int_equal(sp_policy_rule_kind(policy, 2), SP_RULE_EXCEPTION);
    assert_int_equal(sp_policy_exception_kind(policy, 2),
                     SP_EXCEPTION_LICENCE);
    same_text(sp_policy_exception_account(policy, 2), "acct_1");
    same_text(sp_policy_exception_authority(policy, 2), "BIS");
    same_text(sp_policy_exception_ticket(policy, 2), "T-1");

    line = 0;

    while (!sp_str_eq(sp_policy_reason_code(policy, (int) line),
                      SP_STR("MINE")))
    {
        line++;
    }

    same_text(sp_policy_reason_public(policy, (int) line), "mine");
    same_text(sp_policy_reason_text(policy, (int) line), "No.");

    /* enums of the table and of the policy, and what neither has */

    assert_int_equal(sp_policy_field_find(policy, SP_STR("account.level")),
                     SP_F_ACCOUNT_LEVEL);
    assert_int_equal(sp_policy_field_find(policy, SP_STR("account.x_b")), -1);
    same_text(sp_policy_enum_name(policy, SP_F_ACCOUNT_STATUS, 2), "verified");
    assert_int_equal(sp_policy_enum_name(policy, SP_F_ACCOUNT_STATUS, 99).len,
                     0);
    assert_int_equal(sp_policy_enum_name(policy, SP_FIELDS, 0).len, 0);
    assert_int_equal(sp_policy_enum_find(policy, SP_F_ACCOUNT_STATUS,
                                         SP_STR("verified")), 2);
    assert_int_equal(sp_policy_enum_find(policy, SP_FIELDS, SP_STR("x")), -1);
    assert_int_equal(sp_policy_fields(NULL), SP_FIELDS);

    free(policy);
}


/* What a list of places is warned of. */

static void
warned(const char *source, int code, const char *has)
{
    unsigned      i;
    sp_diags_t    diags;
    sp_policy_t  *policy;

    sp_diags_init(&diags);
    policy = sp_policy_load_text("policy.yaml", sp_cstr(source), &opts,
                                 &diags);
    assert_non_null(policy);

    for (i = 0; i < diags.n && diags.items[i].code != code; i++) { }

    if (code == 0 ? diags.n != 0
                  : (i == diags.n
                     || (strstr(diags.items[i].message, has) == NULL
                         && (diags.items[i].help == NULL
                             || strstr(diags.items[i].help, has) == NULL))))
    {
        sp_diags_print(&diags, stderr);
        fail_msg("no SP%d with '%s':\n%s", code, has, source);
    }

    free(policy);
    sp_diags_free(&diags);
}


static void
test_places(void **state)
{
#define RULE(list)                                                            \
    "allow:\n  - id: a\n    when: ip.region in @a\n"                          \
    "  - id: b\n    when: ip.region in " list "\n"

    warned(HEAD "lists:\n  a: {type: region, items: [UA-43]}\n" RULE("@a"),
           317, "UA-40");
    warned(HEAD "lists:\n  a: {type: place, items: [UA-40]}\n" RULE("@a"),
           317, "UA-43");
    warned(HEAD "lists:\n  a: {type: place, items: [UA-40, UA-43]}\n"
           RULE("@a"), 0, "");
    warned(HEAD "lists:\n  a: {type: place, items: [UA-43]}\n"
           "  b: {type: place, items: [UA]}\n" RULE("@b"), 0, "");
    warned(HEAD "lists:\n  a: {type: region, items: [DE-BY, DE-BAY]}\n"
           RULE("@a"), 203, "DE has BB BE");
    warned(HEAD "lists:\n  a: {type: region, items: [DE-BY]}\n"
           RULE("[UA-34]"), 203, "UA has 05 07");
    warned(HEAD "lists:\n  a: {type: region, items: [VA-1]}\n" RULE("@a"),
           203, "VA has none");
}


static void
put(const char *dir, const char *name, const char *content)
{
    char   path[300];
    FILE  *out;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    out = fopen(path, "w");
    assert_non_null(out);
    assert_true(fputs(content, out) >= 0);
    fclose(out);
}


/* NULL if the policy loads; else the help of the first message. */

static const char *
refused(const char *path, char *help, size_t size)
{
    sp_diags_t    diags;
    sp_policy_t  *policy;

    sp_diags_init(&diags);
    policy = sp_policy_load(path, &opts, &diags);

    help[0] = '\0';

    if (policy == NULL) {
        assert_true(diags.items[0].code == 104 || diags.items[0].code == 106
                    || diags.items[0].code == 100);
        assert_true(diags.items[0].mark.line > 0);
        snprintf(help, size, "%s", diags.items[0].message);

        /* nothing of the file is quoted */
        assert_null(strstr(diags.items[0].source, "hush"));
    }

    free(policy);
    sp_diags_free(&diags);

    return policy == NULL ? help : NULL;
}


/*
 * A tree as a roll-out makes it: "current" leads to the set in force, and a
 * set may be made of links. No file outside is read.
 */

static void
test_outside(void **state)
{
    char    dir[] = "/tmp/sallyport-language-XXXXXX", path[300], help[600];
    char    link_to[300];
    size_t  i;

    static const char  policy[] = HEAD
        "allow:\n  - id: a\n    when: account.level >= 0\n";

    static const struct {
        const char  *line;
        int          fine;     /* 0: outside; below 0: something else */
    } table[] = {
        { "include: [more/x.yaml]\n", 1 },
        { "include: [more/*.yaml]\n", 1 },
        { "include: [more/../more/x.yaml]\n", 1 },
        { "include: [../set/more/x.yaml]\n", 1 },
        { "include: [../secret]\n", 0 },
        { "include: [../*]\n", 0 },
        { "include: [more/../../secret]\n", 0 },
        { "include: [../../../../../../../etc/passwd]\n", 0 },
        { "include: [out]\n", 0 },
        { "include: [dir/secret]\n", 0 },
        { "include: [/etc/passwd]\n", 0 },
        { "lists:\n  a: {type: name, file: ../secret}\n", 0 },
        { "lists:\n  a: {type: name, file: out}\n", 0 },
        { "lists:\n  a: {type: name, file: more/names}\n", 1 },
        { "timezone: UTC\ninclude: [more/once]\n", -1 },
        { "facts: {account.x_a: {type: bool}}\ninclude: [more/once]\n", -1 },
        { "sources: {geoip: {max_age: 1d}}\ninclude: [more/once]\n", -1 },
        { "include: [more/once, more/once]\n", -1 },
        { "include: [more/large]\n", -1 }
    };

    assert_non_null(mkdtemp(dir));
    put(dir, "secret", "hush\n");

    snprintf(path, sizeof(path), "%s/set", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/set/more", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    put(path, "x.yaml", "note: nothing\n");
    put(path, "names", "SDN\n");
    put(path, "once", "timezone: UTC\npolicy: again\n"
        "facts: {account.x_a: {type: bool}}\n"
        "sources: {geoip: {max_age: 1d}}\n");

    put(path, "large", "");
    snprintf(link_to, sizeof(link_to), "%s/set/more/large", dir);
    assert_int_equal(truncate(link_to, 2 * 1024 * 1024), 0);

    snprintf(path, sizeof(path), "%s/set/out", dir);
    snprintf(link_to, sizeof(link_to), "%s/secret", dir);
    assert_int_equal(symlink(link_to, path), 0);
    snprintf(path, sizeof(path), "%s/set/dir", dir);
    assert_int_equal(symlink(dir, path), 0);
    snprintf(path, sizeof(path), "%s/current", dir);
    assert_int_equal(symlink("set", path), 0);

    for (i = 0; i < sp_nelts(table); i++) {
        snprintf(path, sizeof(path), "%s%s", policy, table[i].line);
        snprintf(link_to, sizeof(link_to), "%s/set", dir);
        put(link_to, "policy.yaml", path);

        snprintf(path, sizeof(path), "%s/%s/policy.yaml", dir,
                 i % 2 ? "current" : "set");

        if ((refused(path, help, sizeof(help)) == NULL)
            != (table[i].fine > 0))
        {
            fail_msg("%s: %s", table[i].line, help);
        }

        assert_true(table[i].fine != 0 || strstr(help, "outside") != NULL
                    || strstr(help, "relative") != NULL);
    }

    /* as a ConfigMap is mounted: each file is a link into the set */

    snprintf(path, sizeof(path), "%s%s", policy, table[0].line);
    snprintf(link_to, sizeof(link_to), "%s/set", dir);
    put(link_to, "policy.yaml", path);

    snprintf(path, sizeof(path), "%s/mount", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/mount/policy.yaml", dir);
    assert_int_equal(symlink("../set/policy.yaml", path), 0);
    snprintf(link_to, sizeof(link_to), "%s/mount/more", dir);
    assert_int_equal(symlink("../set/more", link_to), 0);
    assert_null(refused(path, help, sizeof(help)));

    snprintf(path, sizeof(path), "rm -r %s", dir);
    assert_int_equal(system(path), 0);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_invariants),
        cmocka_unit_test(test_canary),
        cmocka_unit_test(test_own),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_outside)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

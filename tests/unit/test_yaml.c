
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tests of the strict YAML profile and of diagnostics:
 * what is refused and where, how a message looks, and that a policy that is
 * cut or altered anywhere gives messages and never more.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "sp_decide.h"


#define NOW  1795435200

#define HEAD  "sallyport: 1\n"

#define DENY                                                                  \
    "deny:\n"                                                                 \
    "  - id: low\n"                                                           \
    "    when: account.level < 1\n"                                           \
    "    reason: KYC_LEVEL\n"

#define RULES                                                                 \
    "allow:\n"                                                                \
    "  - id: verified\n"                                                      \
    "    when: account.status == verified\n"


static const sp_policy_opts_t  opts = { NOW, 1 };


static sp_policy_t *
load(const char *text, size_t len, sp_diags_t *diags)
{
    sp_str_t  s = { len, (const unsigned char *) text };

    sp_diags_init(diags);

    return sp_policy_load_text("p.yaml", s, &opts, diags);
}


static void
test_profile(void **state)
{
    size_t        i;
    sp_diags_t    diags;
    sp_policy_t  *p;

    static const struct {
        const char  *text;
        int          code;
        unsigned     line, col;
        const char  *has;        /* in message or help */
    } table[] = {
        { HEAD "policy: !x y\n", 101, 2, 9, "tag" },
        { HEAD "policy: &x y\n", 101, 2, 9, "anchor" },
        { HEAD "policy: *x\n", 101, 2, 9, "alias" },
        { HEAD "policy: x\npolicy: y\n", 102, 3, 1, "line 2" },
        { HEAD "<<: {a: b}\n", 101, 2, 1, "merge" },
        { HEAD "---\npolicy: x\n", 101, 2, 1, "second document" },
        { "%YAML 1.1\n---\n" HEAD, 101, 1, 1, "directive" },
        { HEAD "policy:\tx\n", 101, 2, 8, "tab" },
        { HEAD "policy: x\x01\n", 101, 2, 10, "control" },
        { HEAD "policy: \xc3\xa4\xff\n", 101, 2, 10, "UTF-8" },
        { HEAD "policy: a\xe2\x80\xae" "b\n", 101, 2, 10, "reorders" },
        { HEAD "policy: a\xe2\x80\x8b" "b\n", 101, 2, 10, "invisible" },
        { HEAD "policy: a\rb\n", 101, 2, 10, "control" },
        { HEAD "policy: a\xc2\x85" "b\n", 101, 2, 10, "control" },
        { HEAD "lists: [[[[[[[[[[[[[[[[[[[[\n", 101, 2, 23, "16" },
        { HEAD "deny: {\n", 101, 3, 1, "YAML" },
        { "- a\n", 101, 1, 1, "mapping" },
        { "", 101, 1, 1, "mapping" },
        { RULES, 104, 1, 1, "sallyport: 1" },
        { "sallyport: 2\n" RULES, 104, 1, 12, "1" },
        { "sallyport: 01\n" RULES, 104, 1, 12, "leading" },
        { HEAD "licences: []\n", 103, 2, 1, "'exceptions'" },
        { HEAD "licenses: []\n", 103, 2, 1, "'exceptions'" },
        { HEAD "exception: []\n", 103, 2, 1, "'exceptions'" },
        { HEAD "invariant: []\n", 103, 2, 1, "'invariants'" },
        { HEAD "lists:\n  a: {type: country, items: [], until: 1}\n", 103, 3,
          33, "'valid'" },
        { HEAD "limits: []\n", 103, 2, 1, "'throttle'" },
        { HEAD "alow: []\n", 103, 2, 1, "'allow'" },
        { HEAD "facts: {account.x_a-b: {type: bool}}\n", 104, 2, 9, "a-z" },
        { HEAD "throttle:\n  - id: t\n    meter: requests\n"
          "    per: [key.id]\n    rate: 1/day\n    burst: 100000\n", 104, 6,
          11, "a year" },
        { HEAD "throttle:\n  - id: t\n    meter: requests\n"
          "    per: [key.id]\n    rate: {by: account.plan, a: 1/s}\n", 201, 6,
          16, "row for every" },
        { HEAD "lists:\n  a: {type: country, items: [UA-43]}\n", 203, 3, 30,
          "place" },
        { HEAD "lists:\n  a: {type: region, items: [UA]}\n", 203, 3, 29,
          "place" },
        { HEAD "lists:\n  a: {type: country, items: [USA]}\n", 203, 3, 30,
          "write US" },
        { HEAD "lists:\n  a: {type: country, items: [UK]}\n", 203, 3, 30,
          "write GB" },
        { HEAD "lists:\n  a: {type: model, items: ['a*b*']}\n", 203, 3, 28,
          "one '*'" },
        { HEAD "lists:\n  a: {type: account, items: ['a b']}\n", 203, 3, 30,
          "account id" },
        { HEAD "lists:\n  a: {type: name, items: ['a*']}\n", 203, 3, 27,
          "name" },
        { HEAD "? a\n: b\n", 101, 2, 1, "'?'" },
        { HEAD ": b\n", 101, 2, 1, "YAML" },
        { HEAD "[a]: b\n", 101, 2, 1, "word" },
        { HEAD "policy: \"a\\0\"\n", 101, 2, 9, "NUL" },
        { HEAD "policy: 'a\n  b'\n", 101, 2, 9, "several lines" },
        { HEAD "policy: [a]# b\n", 101, 3, 1, "space" },
        { HEAD "allow:\n  - id: x\n    when: now < now\n", 202, 4, 17, "'=='"
          },
        { HEAD "allow:\n  - id: x\n    when: account.level == ip.country\n",
          202, 4, 28, "compared" },
        { HEAD "allow:\n  - id: x\n    when: |2\n      ip.tor\n", 105, 4, 11,
          "when: |" },
        { HEAD "stale: {by: model.tier, 1: 60s, 2: 5m}\n", 311, 2, 1,
          "row for 3" },
        { HEAD "stale: {by: account.level, 1: 60s, 2: 5m, 3: deny}\n", 104, 2,
          1, "model.tier" },
        { HEAD "sources: {geoip: {max_age: 2 weeks}}\n", 104, 2, 28, "2w" },
        { HEAD "invariants:\n  - id: x\n    when: ip.tor\n", 104, 3, 9,
          "never" },
        { HEAD "invariants:\n  - id: x\n    when: ip.tor\n    never: alow\n",
          104, 5, 12, "'allow'" },
        { HEAD "invariants:\n  - id: x\n    when: ip.tr\n    never: allow\n",
          201, 4, 11, "'ip.tor'" },
        { HEAD RULES "invariants:\n  - id: verified\n    when: ip.tor\n"
          "    always: deny\n", 106, 6, 9, "twice" },
        { HEAD "facts: {account.cleared: {type: bool}}\n", 104, 2, 9,
          "account.x_" },
        { HEAD "facts: {account.x_a: {}}\n", 104, 2, 9, "'type'" },
        { HEAD "facts: {account.x_a: {type: boolean}}\n", 104, 2, 29, "bool" },
        { HEAD "facts: {account.x_a: {type: bool, absent: maybe}}\n", 104, 2,
          43, "yes" },
        { HEAD "facts: {account.x_a: {type: age, absent: 1d}}\n", 104, 2, 42,
          "has(account.x_a)" },
        { HEAD "facts: {account.x_a: {type: enum}}\n", 104, 2, 9, "values" },
        { HEAD "facts: {account.x_a: {type: enum, values: [a, a]}}\n", 104, 2,
          47, "twice" },
        { HEAD "facts: {account.x_a: {type: int, min: 5, max: 4}}\n", 104, 2,
          47, "from 5" },
        { HEAD "facts: {account.x_a: {type: bool, max: 4}}\n", 104, 2, 35,
          "int" },
        { HEAD "facts: {account.x_a: {type: bool}}\ndeny:\n  - id: x\n"
          "    when: account.x_b\n    reason: KYC_LEVEL\n", 201, 5, 11,
          "'account.x_a'" },
        { HEAD "facts: {account.x_a: {type: bool}}\ndeny:\n  - id: x\n"
          "    when: account.x_a\n    reason: KYC_LEVEL\n", 207, 5, 11,
          "absent" },
        { HEAD "include: [a.yaml]\n", 104, 2, 1, "include" },
        { HEAD "timezone: Europe/Berlin\n", 104, 2, 11, "+02:00" },
        { HEAD "blocked_by: http://x\n", 104, 2, 13, "https" },
        { HEAD "models: {tiers: {4: [a]}}\n", 103, 2, 18, "tiers" },
        { HEAD "models: {tiers: {1: ['*']}}\n", 104, 2, 22, "'*'" },
        { HEAD "models: {tiers: {1: [a], 2: [a]}}\n", 106, 2, 30, "twice" },
        { HEAD "lists:\n  a: {type: countri, items: []}\n", 104, 3, 13,
          "'country'" },
        { HEAD "lists:\n  a: {type: country, items: [DE, XX]}\n", 203, 3, 34,
          "XX" },
        { HEAD "lists:\n  a: {type: country}\n", 104, 3, 3, "items" },
        { HEAD "lists:\n  a: {type: country, items: [], valid: {to: 1}}\n", 103,
          3, 41, "valid" },
        { HEAD "lists:\n  a: {type: country, items: [], "
          "valid: {from: 2026-02-02, until: 2026-02-01}}\n", 104, 3, 33,
          "before" },
        { HEAD "deny:\n  - id: x\n    when: ip.tor\n    unknown: skip\n"
          "    reason: KYC_LEVL\n", 203, 6, 13, "KYC_LEVEL" },
        { HEAD "deny:\n  - id: x\n    effect: deny\n    when: ip.tor\n"
          "    unknown: skip\n    reason: NET_TOR\n", 103, 4, 5, "section" },
        { HEAD "deny:\n  - id: x\n    when: ip.tor\n    unknown: skip\n", 104,
          3, 9, "reason" },
        { HEAD "deny:\n  - {id: x, when: account.level < 1, "
          "reason: NET_TOR}\n", 105, 3, 19, "inside" },
        { HEAD RULES "  - id: verified\n    when: ip.tor\n", 106, 5, 9,
          "twice" },
        { HEAD RULES "    valid: {from: 2026-13-01}\n", 104, 5, 19, "date" },
        { HEAD RULES "    valid: {from: 2026-02-02, until: 2026-02-01}\n",
          104, 5, 5, "before" },
        { HEAD RULES "    mode: canary 10%\n", 104, 5, 11, "canary" },
        { HEAD DENY "    mode: canary\n", 104, 6, 11, "0.01%" },
        { HEAD DENY "    mode: canary 10\n", 104, 6, 11, "0.01%" },
        { HEAD DENY "    mode: canary 0%\n", 104, 6, 11, "shadow" },
        { HEAD DENY "    mode: canary 100%\n", 104, 6, 11, "enforce" },
        { HEAD DENY "    mode: shaddow\n", 104, 6, 11, "'shadow'" },
        { HEAD "throttle:\n  - id: t\n    meter: tokns\n    per: [key.id]\n"
          "    rate: 1/s\n", 104, 4, 12, "tokens" },
        { HEAD "throttle:\n  - id: t\n    meter: requests\n"
          "    per: [key.idd]\n    rate: 1/s\n", 104, 5, 11, "'key.id'" },
        { HEAD "throttle:\n  - id: t\n    meter: requests\n"
          "    per: [key.id]\n    rate: 60/minute\n", 104, 6, 11, "60/min" },
        { HEAD "throttle:\n  - id: t\n    meter: requests\n"
          "    per: [key.id]\n    rate: {by: account.level, 0: 1/s, 1: 1/s, "
          "2: 1/s}\n", 311, 6, 5, "row for 3" },
        { HEAD "throttle:\n  - id: t\n    meter: requests\n"
          "    per: [key.id]\n    rate: {by: model.tier, 1: 1/s, 2: 1/s, "
          "3: 1/s, 4: 1/s}\n", 311, 6, 52, "'4'" },
        { HEAD "throttle:\n  - id: t\n    meter: requests\n"
          "    per: [key.id]\n    rate: 1/s\n    replaces: [u]\n", 313, 7,
          16, "no throttle" },
        { HEAD "throttle:\n  - id: t\n    meter: requests\n"
          "    per: [key.id]\n    rate: 1/s\n    replaces: [t]\n", 313, 7, 5,
          "circle" },
        { HEAD "deny:\n  - id: d\n    when: account.level < 1\n"
          "    reason: KYC_LEVEL\nexceptions:\n  - id: e\n    kind: waiver\n"
          "    account: a\n    lifts: [d]\n    valid: {until: 2027-01-01}\n"
          "    approved_by: [a, b]\n", 307, 10, 13, "never" },
        { HEAD "deny:\n  - id: d\n    when: account.level < 1\n"
          "    reason: SCR_HIT\nexceptions:\n  - id: e\n    kind: waiver\n"
          "    account: a\n    lifts: [d]\n    valid: {until: 2027-01-01}\n"
          "    approved_by: [a, b]\n", 307, 10, 13, "licence" },
        { HEAD "deny:\n  - id: d\n    when: account.level < 1\n"
          "    reason: OWN_RESTRICTED\nexceptions:\n  - id: e\n"
          "    kind: waiver\n    account: a\n    lifts: [c]\n"
          "    valid: {until: 2027-01-01}\n    approved_by: [a, b]\n", 307,
          10, 13, "no deny rule" },
        { HEAD "deny:\n  - id: d\n    when: account.level < 1\n"
          "    reason: OWN_RESTRICTED\nexceptions:\n  - id: e\n"
          "    kind: waiver\n    account: a\n    lifts: [d]\n"
          "    valid: {from: 2026-01-01}\n    approved_by: [a, b]\n", 104, 11,
          5, "end" },
        { HEAD "reasons:\n  SCR_HIT: {liftable: yes}\n", 104, 3, 23,
          "stricter" },
        { HEAD "reasons:\n  MINE: {text: x}\n", 104, 3, 3, "class" },
        { HEAD "reasons:\n  KYC_LEVEL: {rank: 1}\n", 104, 3, 3, "fixed" }
    };

    for (i = 0; i < sp_nelts(table); i++) {
        const sp_diag_t  *d = NULL;
        unsigned          k;

        p = load(table[i].text, strlen(table[i].text), &diags);

        for (k = 0; k < diags.n && d == NULL; k++) {
            if (diags.items[k].severity == SP_DIAG_ERROR) {
                d = &diags.items[k];
            }
        }

        if (p != NULL || d == NULL || d->code != table[i].code
            || d->mark.line != table[i].line || d->mark.col != table[i].col
            || (strstr(d->message, table[i].has) == NULL
                && (d->help == NULL
                    || strstr(d->help, table[i].has) == NULL)))
        {
            fprintf(stderr, "%s", table[i].text);
            sp_diags_print(&diags, stderr);
            fail_msg("row %zu: expected SP%d at %u:%u with '%s'", i,
                     table[i].code, table[i].line, table[i].col,
                     table[i].has);
        }

        free(p);
        sp_diags_free(&diags);
    }
}


/* Many mistakes are named in one run, with line, caret and help. */

static void
test_print(void **state)
{
    FILE         *out;
    char         *printed;
    size_t        len;
    sp_diags_t    diags;

    static const char  text[] = HEAD
        "allow:\n"
        "  - id: a\n"
        "    when: ip.countri == SG\n"
        "  - id: b\n"
        "    when: account.status == verifed\n";

    static const char  expected[] =
        "p.yaml:4:11: error[SP201]: unknown field 'ip.countri'\n"
        "  |\n"
        "4 |     when: ip.countri == SG\n"
        "  |           ^^^^^^^^^^\n"
        "  = help: did you mean 'ip.country'?\n"
        "\n"
        "p.yaml:6:29: error[SP203]: 'verifed' is not a value of "
        "account.status\n"
        "  |\n"
        "6 |     when: account.status == verifed\n"
        "  |                             ^^^^^^^\n"
        "  = help: did you mean 'verified'? values: unverified, pending, "
        "verified, review, rejected, suspended, closed\n";

    assert_null(load(text, sizeof(text) - 1, &diags));
    assert_int_equal(diags.errors, 2);

    out = open_memstream(&printed, &len);
    sp_diags_print(&diags, out);
    fclose(out);

    assert_string_equal(printed, expected);
    free(printed);
    sp_diags_free(&diags);
}


/* Messages hold what a file holds, but never drive a terminal. */

static void
test_harmless(void **state)
{
    char         line[600];
    size_t       i;
    sp_diags_t   diags;
    sp_mark_t    mark = { "a\x1b[31m", 1, 1, 1 };

    sp_diags_init(&diags);

    for (i = 0; i < SP_DIAGS_MAX + 7; i++) {
        sp_diag_add(&diags, SP_DIAG_ERROR, 1, mark, SP_STR("\x1b[2J\xff"),
                    sp_diag_text("%s", "\x9b" "31m"), "%s",
                    "\xe2\x80\xae" "x\n\x07");
    }

    assert_int_equal(diags.n, SP_DIAGS_MAX);
    assert_int_equal(diags.dropped, 7);
    assert_int_equal(diags.errors, SP_DIAGS_MAX + 7);
    assert_string_equal(diags.items[0].message, "?x??");
    assert_string_equal(diags.items[0].source, "?[2J?");
    assert_string_equal(diags.items[0].help, "?31m");

    sp_diag_line(&diags.items[0], line, sizeof(line));
    assert_string_equal(line, "a?[31m:1:1: error[SP001]: ?x??");
    assert_int_equal(sp_diag_line(&diags.items[0], line, 8), 7);
    sp_diags_free(&diags);
}


static void
test_did_you_mean(void **state)
{
    static const char *const  words[] = { "verified", "pending", "deny" };

    assert_string_equal(sp_did_you_mean(SP_STR("verifeid"), words, 3),
                        "verified");
    assert_string_equal(sp_did_you_mean(SP_STR("Pending"), words, 3),
                        "pending");
    assert_string_equal(sp_did_you_mean(SP_STR("dney"), words, 3), "deny");
    assert_null(sp_did_you_mean(SP_STR("allow"), words, 3));
    assert_null(sp_did_you_mean(SP_STR(""), words, 3));
}


/* The default policy cut at every byte, and with bits turned. */

static void
test_damage(void **state)
{
    FILE         *in;
    char         *text;
    size_t        i, len, loaded;
    double        worst, took;
    sp_diags_t    diags;
    sp_policy_t  *p;
    struct timespec  a, b;

    in = fopen("policy/examples/exceptions.yaml", "rb");
    assert_non_null(in);
    text = malloc(65536);
    len = fread(text, 1, 65536, in);
    fclose(in);
    loaded = 0;
    worst = 0;

    srand(20261123);
    print_message("seed 20261123\n");

    for (i = 0; i < len + 4000; i++) {
        size_t  at = (size_t) rand() % len;
        char    old = text[at];

        clock_gettime(CLOCK_MONOTONIC, &a);

        if (i >= len) {
            text[at] ^= (char) (1 << rand() % 8);
        }

        p = load(text, i < len ? i : len, &diags);
        assert_int_equal(p == NULL, diags.errors != 0);
        loaded += (p != NULL);
        free(p);
        sp_diags_free(&diags);

        text[at] = old;
        clock_gettime(CLOCK_MONOTONIC, &b);
        took = (double) (b.tv_sec - a.tv_sec)
               + (double) (b.tv_nsec - a.tv_nsec) / 1e9;
        worst = took > worst ? took : worst;
    }

    print_message("%zu loaded, the slowest took %.1f ms\n", loaded,
                  worst * 1e3);
    assert_true(worst < 2);
    free(text);
}


/* Inputs that are slow in other parsers. */

static void
test_slow(void **state)
{
    char         *text;
    size_t        i, n;
    sp_diags_t    diags;
    struct timespec  a, b;

    text = malloc(1 << 20);
    clock_gettime(CLOCK_MONOTONIC, &a);

    memset(text, '[', 1 << 20);
    assert_null(load(text, 1 << 20, &diags));
    sp_diags_free(&diags);

    for (n = 0, i = 0; i < 5000; i++) {
        n += (size_t) sprintf(text + n, "k%zu: {}\n", i);
    }

    assert_null(load(text, n, &diags));
    sp_diags_free(&diags);

    n = (size_t) sprintf(text, HEAD "lists:\n  a:\n    type: asn\n"
                         "    items: [");

    for (i = 0; i < 100000; i++) {
        n += (size_t) sprintf(text + n, "%zu,", i % 70000);
    }

    n += (size_t) sprintf(text + n, "1]\n" RULES);
    free(load(text, n, &diags));
    assert_int_equal(diags.errors, 0);
    sp_diags_free(&diags);

    clock_gettime(CLOCK_MONOTONIC, &b);
    assert_true(b.tv_sec - a.tv_sec < 8);
    free(text);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_profile),
        cmocka_unit_test(test_print),
        cmocka_unit_test(test_harmless),
        cmocka_unit_test(test_did_you_mean),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_slow)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

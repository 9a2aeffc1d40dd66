
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tests of policy files that mean harm, or were
 * damaged: whatever they hold, loading them ends within a second of processor
 * time, says where the mistake is, and crashes nothing. A part of the damages
 * is tried by default, all of them with SALLYPORT_WHOLE=1 in the environment.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "sp_decide.h"
#include "policy/sp_yaml.h"


#define NOW   1795435200   /* 2026-11-23T12:00:00Z */
#define SEED  20261123
#define HEAD  "sallyport: 1\npolicy: hostile\n"
#define MEGA  (1024 * 1024)

#if defined(__SANITIZE_ADDRESS__)
#define SECOND  10.0       /* instructions of the sanitizers are not ours */
#else
#define SECOND  1.0
#endif


static const sp_policy_opts_t  opts = { NOW, 1 };

static long    tried, loaded;
static double  slowest;
static char    slowest_name[64];
static char    dir[] = "/tmp/sallyport-hostile-XXXXXX";


static double
cpu(void)
{
    struct timespec  t;

    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);

    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}


/* Judges what came of it; returns 1 if it loaded. */

static int
judged(const char *name, sp_policy_t *policy, sp_diags_t *diags, double began)
{
    int          fine;
    double       took;
    unsigned     i;
    sp_diag_t   *d;

    took = cpu() - began;
    tried++;
    fine = (policy != NULL);
    loaded += fine;

    if (took > slowest) {
        slowest = took;
        snprintf(slowest_name, sizeof(slowest_name), "%s", name);
    }

    if (took > SECOND) {
        fail_msg("%s: %.2f s", name, took);
    }

    if (fine) {
        assert_int_equal(diags->errors, 0);
        assert_true(sp_policy_valid(policy, sp_policy_size(policy)));

    } else if (diags->errors == 0) {
        fail_msg("%s: refused without a word", name);
    }

    for (i = 0; i < diags->n; i++) {
        d = &diags->items[i];

        if (d->message == NULL || d->message[0] == '\0' || d->mark.file == NULL
            || d->mark.file[0] == '\0' || d->mark.len == 0
            || (d->code != 100 && (d->mark.line == 0 || d->mark.col == 0)))
        {
            fail_msg("%s: SP%d at %u:%u: '%s'", name, d->code, d->mark.line,
                     d->mark.col, d->message);
        }
    }

    /* what is refused says so, however much was found before it */

    for (i = 0; !fine && i < diags->n; i++) {
        if (diags->items[i].severity == SP_DIAG_ERROR) {
            break;
        }
    }

    if (!fine && i == diags->n) {
        fail_msg("%s: no error is shown", name);
    }

    free(policy);
    sp_diags_free(diags);

    return fine;
}


static int
hostile(const char *name, const char *text, size_t len)
{
    double        began;
    sp_str_t      s = { len, (const unsigned char *) text };
    sp_diags_t    diags;
    sp_policy_t  *policy;

    sp_diags_init(&diags);
    began = cpu();
    policy = sp_policy_load_text("hostile.yaml", s, &opts, &diags);

    return judged(name, policy, &diags, began);
}


static int
hostile_file(const char *name, const char *path)
{
    double        began;
    sp_diags_t    diags;
    sp_policy_t  *policy;

    sp_diags_init(&diags);
    began = cpu();
    policy = sp_policy_load(path, &opts, &diags);

    return judged(name, policy, &diags, began);
}


/* Every key of every section, with every value that it was not made for. */

static const char *const  nasty[] = {
    "", "~", "[]", "{}", "[[]]", "{a: b}", "[a, [b], {c: d}]", "''", "'a'",
    "\"\\n\"", "|\n      a\n      b", ">\n      a\n      b", "-1", "0", "00",
    "1e9", "0x10", "99999999999999999999999", "NaN", "yes", "[1, 2, 3]",
    "2026-02-30", "9999-12-31", "0%", "101%", "@list", "a.b.c", "...",
    "ip.country in @gone", "account.level >= 0", "not not not ip.tor",
    "\xc3\xa4", "\xf0\x9f\x98\x80", "{by: account.level}",
    "{by: account.level, 0: 1/s}", "{from: 2027-01-01, until: 2026-01-01}",
    "canary 10%", "60/min", "0/s", "1000000001/s", "1/d", "{type: bool}",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
};


static void
test_values(void **state)
{
    char    text[4000];
    int     n;
    size_t  i, k, v;

    static const struct {
        const char  *before;        /* lines above, and the key's indent */
        const char  *keys[16];
    } places[] = {
        { HEAD "", { "sallyport", "policy", "revision", "owner", "timezone",
                     "blocked_by", "include", "sources", "stale", "lists",
                     "models", "reasons", "deny", "facts", "invariants" } },
        { HEAD "", { "allow", "throttle", "flag", "exceptions", "note" } },
        { HEAD "lists:\n  gone:\n    ",
          { "type", "source", "review_by", "valid", "items", "file", "note",
            "type: country\n    items", "type: place\n    items",
            "type: asn\n    items", "type: cidr\n    items",
            "type: account\n    items", "type: model\n    items",
            "type: name\n    items" } },
        { HEAD "facts:\n  account.x_a:\n    ",
          { "type", "values", "min", "max", "absent", "note",
            "type: enum\n    values", "type: int\n    min",
            "type: bool\n    absent", "type: int\n    absent",
            "type: place\n    absent" } },
        { HEAD "facts:\n  ", { "account.x_a", "account.level", "x_a" } },
        { HEAD "models:\n  ", { "tiers", "tiers: {1: [a]}\n  note" } },
        { HEAD "models:\n  tiers:\n    ", { "1", "2", "3", "4", "1: [a]\n    2"
          } },
        { HEAD "reasons:\n  MINE:\n    ",
          { "class", "rank", "status", "public", "text", "liftable", "note" } },
        { HEAD "reasons:\n  SCR_HIT:\n    ",
          { "status", "public", "text", "liftable" } },
        { HEAD "sources:\n  ", { "geoip", "record" } },
        { HEAD "sources:\n  geoip:\n    ", { "max_age", "other" } },
        { HEAD "stale:\n  by: model.tier\n  ", { "1", "2", "by" } },
        { HEAD "deny:\n  - id: r\n    when: account.level < 1\n"
          "    reason: OWN_RESTRICTED\n    ",
          { "id", "when", "reason", "message", "mode", "valid", "unknown",
            "note", "effect", "valid: {from: 2026-01-01}\n    mode" } },
        { HEAD "deny:\n  - ", { "id", "when", "reason", "a" } },
        { HEAD "allow:\n  - id: r\n    ", { "when", "mode", "valid", "note" } },
        { HEAD "flag:\n  - id: r\n    reason: SCR_HIT\n    ",
          { "when", "mode", "unknown" } },
        { HEAD "throttle:\n  - id: t\n    ",
          { "meter", "per", "rate", "burst", "replaces", "when" } },
        { HEAD "throttle:\n  - id: t\n    meter: requests\n    per: [key.id]\n"
          "    ", { "rate", "rate: 1/s\n    burst", "rate: 1/s\n    replaces",
                    "rate: 1/s\n    when", "rate: 1/s\n    unknown" } },
        { HEAD "deny:\n  - id: r\n    when: account.level < 1\n"
          "    reason: OWN_RESTRICTED\nexceptions:\n  - id: e\n    ",
          { "kind", "account", "lifts", "when", "valid", "authority",
            "approved_by", "ticket",
            "kind: licence\n    account: a\n    authority: b\n"
            "    valid: {until: 2027-01-01}\n    lifts" } },
        { HEAD "invariants:\n  - id: i\n    ",
          { "when", "never", "always", "never: allow\n    when" } }
    };

    for (i = 0; i < sp_nelts(places); i++) {
        for (k = 0; k < 16 && places[i].keys[k] != NULL; k++) {
            for (v = 0; v < sp_nelts(nasty); v++) {
                n = snprintf(text, sizeof(text), "%s%s: %s\n",
                             places[i].before, places[i].keys[k], nasty[v]);
                assert_in_range(n, 1, sizeof(text) - 1);
                hostile(places[i].keys[k], text, (size_t) n);
            }
        }
    }

    print_message("%ld files, %ld of them load; the slowest took %.3f s "
                  "(%s)\n", tried, loaded, slowest, slowest_name);
    assert_true(tried > 4000);
}


/* Conditions, on one line and in a block. */

static void
test_conditions(void **state)
{
    char    text[8000], when[5000];
    int     n;
    size_t  i, k;

    static const char *const  parts[] = {
        "ip.tor", "(", ")", "not", "and", "or", "has(", "has()", "has(ip.tor)",
        "in", "not in", "[", "]", ",", "[]", "[,]", "==", "=", "!=", "!", "<",
        ">=", "&&", "||", "@", "@gone", "@@", "\"", "\"a\"", "\"a", "'a'",
        "50%", "100.001%", "-5", "1.5", "AS1", "UK", "ZZ", "UA-43", "now",
        "owner_share(", "owner_share(@gone)", "owner_share(@gone) >= 50%",
        "control_in(@gone)", "listed_share(SDN) > 0%", "account.places",
        "account.tags", "ip.addr", "ip.region", "2026-11-23", "#", "# x", "\\",
        "\xc3\xa4", "\xe2\x80\x8b", ".", "..", "a.b", "ip.", "*", "%", "/"
    };

    srand(SEED);

    for (i = 0; i < 3000; i++) {

        for (when[0] = '\0', k = (size_t) rand() % 9 + 1; k > 0; k--) {
            strcat(when, parts[(size_t) rand() % sp_nelts(parts)]);
            strcat(when, rand() % 4 ? " " : "");
        }

        n = snprintf(text, sizeof(text), HEAD "lists:\n  gone: {type: country,"
                     " items: [CU]}\nallow:\n  - id: x\n    when: %s%s\n",
                     i % 2 ? "|\n      " : "", when);
        hostile("condition", text, (size_t) n);
    }

    /* bounds: bytes, tests, depth, one word */

    for (i = 0; i < 6; i++) {
        n = 0;

        for (k = 0; k < 400 && n < 4900; k++) {
            n += snprintf(when + n, sizeof(when) - (size_t) n, "%s",
                          i == 0 ? "(" : i == 1 ? "not " : i == 2 ? "ip.tor "
                          "or " : i == 3 ? "aaaaaaaaaaaa" : i == 4
                          ? "account.level in [0,1,2,3] and " : "has(ip.tor");
        }

        n = snprintf(text, sizeof(text), HEAD "allow:\n  - id: x\n"
                     "    when: %sip.tor\n", when);
        assert_int_equal(hostile("bound", text, (size_t) n), 0);
    }
}


/* What YAML can do to those who read it. */

static void
test_yaml(void **state)
{
    char    *text;
    size_t   i, n;

    static const struct {
        const char  *name;
        const char  *head;
        const char  *again;         /* until a MiB is full */
        const char  *tail;
    } bombs[] = {
        { "brackets", "deny: ", "[", "" },
        { "braces", "deny: ", "{", "" },
        { "keys of flow maps", "deny: ", "{a: ", "" },
        { "dashes", "deny:\n", "- ", "" },
        { "nested dashes", "", "- - - - - - - - - - - - - - - - - -\n", "" },
        { "question marks", "", "? ", "" },
        { "colons", "", ": ", "" },
        { "one word", "policy: ", "a", "\n" },
        { "one string", "policy: \"", "a", "\"\n" },
        { "no end", "policy: \"", "a", "" },
        { "escapes", "policy: \"", "\\x41", "\"\n" },
        { "comments", "", "# a\n", "" },
        { "blank lines", "", "\n", "" },
        { "spaces", "", " ", "" },
        { "literal", "policy: |\n", "  a\n", "" },
        { "folded", "policy: >\n", "  a\n\n", "" },
        { "commas", "deny: [", ",", "]" },
        { "items", "deny: [", "a,", "]" },
        { "anchors", "deny: [", "&a a, ", "]" },
        { "documents", "", "---\n", "" },
        { "ends", "", "...\n", "" },
        { "carriage returns", "", "\r\n", "" },
        { "quotes", "deny: [", "'',", "]" },
        { "tildes", "deny: [", "~,", "]" },
        { "rules", HEAD "deny:\n", "  - {}\n", "" },
        { "ids", HEAD "deny:\n", "  - id: a\n", "" },
        { "a long line", HEAD "allow:\n  - id: x\n    when: account.level > 1",
          " ", "\n" },
        { "a long comment", HEAD "allow:\n  - id: x\n    when: account.level "
          "> 1 #", "x", "\n" },
        { "a long block", HEAD "allow:\n  - id: x\n    when: |\n",
          "      account.level > 1\n", "" },
        { "wide characters", "policy: ", "\xf0\x9f\x98\x80", "\n" },
        { "directives", "", "%YAML 1.1\n", "" },
        { "tags", "deny: [", "!a a,", "]" },
        { "indentation", "", " a:\n", "" },
        { "hosts", HEAD "lists:\n  gone: {type: cidr, items: [",
          "10.0.0.1/32,", "]}\n" },
        { "networks", HEAD "lists:\n  gone: {type: cidr, items: [",
          "::/0,1.2.3.4/31,", "]}\n" },
        { "countries", HEAD "lists:\n  gone: {type: country, items: [",
          "CU,", "]}\n" },
        { "places", HEAD "lists:\n  gone: {type: place, items: [",
          "UA-4X,", "]}\n" },
        { "models", HEAD "lists:\n  gone: {type: model, items: [",
          "*,a*,*b,", "]}\n" },
        { "tiers", HEAD "models: {tiers: {1: [", "a,", "]}}\n" },
        { "approvers", HEAD "exceptions:\n  - id: e\n    approved_by: [",
          "a,", "]\n" },
        { "lifts", HEAD "exceptions:\n  - id: e\n    lifts: [", "a,", "]\n" },
        { "replaces", HEAD "throttle:\n  - id: e\n    replaces: [", "e,",
          "]\n" },
        { "includes", HEAD "include: [", "a,", "]\n" },
        { "values", HEAD "facts:\n  account.x_a: {type: enum, values: [",
          "a,", "]}\n" }
    };

    text = malloc(2 * MEGA);
    assert_non_null(text);

    for (i = 0; i < sp_nelts(bombs); i++) {
        n = strlen(bombs[i].head);
        memcpy(text, bombs[i].head, n);

        while (n + strlen(bombs[i].again) + strlen(bombs[i].tail) < MEGA) {
            memcpy(text + n, bombs[i].again, strlen(bombs[i].again));
            n += strlen(bombs[i].again);
        }

        memcpy(text + n, bombs[i].tail, strlen(bombs[i].tail));
        n += strlen(bombs[i].tail);

        hostile(bombs[i].name, text, n);
    }

    memset(text, 'a', 2 * MEGA);
    assert_int_equal(hostile("two MiB", text, 2 * MEGA), 0);
    memset(text, 0, 100);
    assert_int_equal(hostile("zeros", text, 100), 0);
    assert_int_equal(hostile("UTF-16", "\xff\xfes\0a\0", 6), 0);
    assert_int_equal(hostile("a mark", "\xef\xbb\xbf" HEAD, 3), 0);
    assert_int_equal(hostile("laughs", "a: &a [b]\nc: &c [*a, *a]\n", 25), 0);

    print_message("the slowest took %.3f s (%s)\n", slowest, slowest_name);
    free(text);
}


/* Many of everything, each with a mistake: what is said is bounded too. */

static void
test_many(void **state)
{
    char     *text;
    size_t    i, k, n;

    static const struct {
        const char  *name;
        const char  *head;
        const char  *each;        /* with one %zu */
        size_t       most;
    } floods[] = {
        { "unknown lists", HEAD "allow:\n",
          "- {id: r%zu}\n", 90000 },
        { "keys", "", "k%zu: a\n", 4000 },
        { "keys beyond the bound", "", "k%zu: a\n", 90000 },
        { "maps of keys", "", "{", 0 },
        { "names of lists", HEAD "lists:\n",
          "  abcdefghijklmnopqrstuvwxyz-%zu: {type: country, items: [CU]}\n",
          1100 },
        { "reasons", HEAD "reasons:\n",
          "  ABCDEFGHIJKLMNOPQRSTUVWXYZ_%zu: {class: risk, rank: 100, "
          "public: a, text: b}\n", 1100 },
        { "throttles in a chain", HEAD "throttle:\n",
          "  - {id: t%zu, meter: requests, per: [key.id], rate: 1/s, "
          "replaces: [t1]}\n", 10000 },
        { "facts", HEAD "facts:\n", "  account.x_%zu: {type: bool}\n", 20000 },
        { "invariants", HEAD "invariants:\n", "  - {id: i%zu}\n", 20000 },
        { "exceptions", HEAD "exceptions:\n",
          "  - {id: e%zu, kind: waiver, account: a, lifts: [x], "
          "valid: {until: 2027-01-01}}\n", 10000 }
    };

    text = malloc(2 * MEGA);
    assert_non_null(text);

    for (i = 0; i < sp_nelts(floods); i++) {
        n = (size_t) sprintf(text, "%s", floods[i].head);

        if (floods[i].most == 0) {

            /* as many maps of as many keys as fit, each twice */

            while (n < MEGA - 20000) {
                n += (size_t) sprintf(text + n, "k%zu: {", n);

                for (k = 0; k < 2000; k++) {
                    n += (size_t) sprintf(text + n, "%zu:,", k);
                }

                n += (size_t) sprintf(text + n, "}\n");
            }
        }

        for (k = 1; k <= floods[i].most && n < MEGA - 200; k++) {
            n += (size_t) sprintf(text + n, floods[i].each, k);
        }

        hostile(floods[i].name, text, n);
    }

    /* an error behind more warnings than are kept */

    n = (size_t) sprintf(text, "%slists:\n  a:\n    type: country\n"
                         "    items: [", HEAD);

    for (k = 0; k < 3 * SP_DIAGS_MAX; k++) {
        n += (size_t) sprintf(text + n, "CU, ");
    }

    n += (size_t) sprintf(text + n, "CU]\nallow:\n  - id: x\n    when: nil\n");
    assert_int_equal(hostile("warnings", text, n), 0);

    /* rules that name lists and reasons which are nearly there */

    n = (size_t) sprintf(text, "%slists:\n", HEAD);

    for (k = 0; k < 999; k++) {
        n += (size_t) sprintf(text + n, "  abcdefghijklmnopqrstuvwxyzabcdefgh"
                              "ijklmnopqrstuvwxyz-%03zu: {type: asn, items: "
                              "[1]}\n", k);
    }

    n += (size_t) sprintf(text + n, "deny:\n");

    for (k = 0; n < MEGA - 300; k++) {
        n += (size_t) sprintf(text + n, "  - id: r%zu\n    when: ip.asn in "
                              "@abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrst"
                              "uvwxyz-x%03zu\n    reason: KYC_LEVE%03zu\n", k,
                              k % 1000, k % 1000);
    }

    hostile("names that are near", text, n);

    /* and tests of a list among a thousand */

    n = (size_t) sprintf(text, "%slists:\n", HEAD);

    for (k = 0; k < 999; k++) {
        n += (size_t) sprintf(text + n, "  l%03zu: {type: asn, items: [1]}\n",
                              k);
    }

    n += (size_t) sprintf(text + n, "allow:\n");

    for (k = 0; k < 9000 && n < MEGA - 3000; k++) {
        n += (size_t) sprintf(text + n, "  - id: r%zu\n    when: ip.asn in "
                              "@l998", k);

        for (i = 0; i < 60 && k % 4; i++) {
            n += (size_t) sprintf(text + n, " or ip.asn in @l%03zu",
                                  998 - i % 10);
        }

        n += (size_t) sprintf(text + n, "\n");
    }

    assert_int_equal(hostile("a thousand lists", text, n), 1);

    print_message("the slowest took %.3f s (%s)\n", slowest, slowest_name);
    free(text);
}


static void
put(const char *name, const char *text, size_t len)
{
    char   path[300];
    FILE  *out;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(text, 1, len, out), len);
    assert_int_equal(fclose(out), 0);
}


/* Files that name files. */

static void
test_files(void **state)
{
    char    path[300], text[6000], link[300];
    int     n;
    size_t  i;

    static const char *const  lines[] = {
        "include: [policy.yaml]\n", "include: ['*']\n", "include: [.]\n",
        "include: [a, a]\n", "include: [loop]\n", "include: [down]\n",
        "include: ['*/*/*/*/*/*/*/*']\n", "include: ['../*/*/*/*/*/*']\n",
        "include: ['down/down/down/*']\n", "include: ['[']\n",
        "include: ['{a,b}']\n", "include: ['']\n", "include: [null]\n",
        "include: [many/*.yaml]\n", "include: [fifo]\n",
        "include: [b]\n", "include: [cycle]\n",
        "lists: {l: {type: name, file: policy.yaml}}\n",
        "lists: {l: {type: name, file: .}}\n",
        "lists: {l: {type: name, file: fifo}}\n",
        "lists: {l: {type: cidr, file: bytes}}\n",
        "lists: {l: {type: model, file: bytes}}\n",
        "lists: {l: {type: country, file: words}}\n"
    };

    assert_non_null(mkdtemp(dir));

    snprintf(path, sizeof(path), "%s/loop", dir);
    assert_int_equal(symlink("loop", path), 0);
    snprintf(path, sizeof(path), "%s/down", dir);
    assert_int_equal(symlink(".", path), 0);
    snprintf(path, sizeof(path), "%s/fifo", dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    snprintf(path, sizeof(path), "%s/many", dir);
    assert_int_equal(mkdir(path, 0700), 0);

    put("a", "note: a\n", 8);
    put("b", "include: [cycle]\n", 17);
    put("cycle", "include: [b]\n", 13);
    put("words", "CU\nIR # x\n\tKP\nQQ\nua-43\n\n#\n", 26);
    put("bytes", "a\0b\nc\xff\n", 8);

    for (i = 0; i < 200; i++) {
        n = snprintf(text, sizeof(text), "note: %zu\n", i);
        snprintf(path, sizeof(path), "many/%zu.yaml", i);
        put(path, text, (size_t) n);
    }

    snprintf(link, sizeof(link), "%s/policy.yaml", dir);

    for (i = 0; i < sp_nelts(lines); i++) {
        n = snprintf(text, sizeof(text), HEAD "%s", lines[i]);
        put("policy.yaml", text, (size_t) n);
        assert_int_equal(hostile_file(lines[i], link), 0);
    }

    print_message("the slowest took %.3f s (%s)\n", slowest, slowest_name);
}


/* The files that ship, cut at every byte and with a bit of each byte turned. */

static void
damaged(const char *from, const char *name)
{
    char      path[300], *text;
    int       whole, n[2];
    FILE     *in;
    size_t    i, len, bit, step;

    whole = getenv("SALLYPORT_WHOLE") != NULL;

    in = fopen(from, "rb");
    if (in == NULL) {
        fail_msg("%s cannot be opened (run from the top of the tree)", from);
    }

    text = malloc(MEGA);
    len = fread(text, 1, MEGA, in);
    fclose(in);

    snprintf(path, sizeof(path), "%s/policy.yaml", dir);

    step = whole ? 1 : len / 1500 + 1;
    n[0] = n[1] = 0;

    put(name, text, len);
    assert_int_equal(hostile_file(name, path), 1);

    for (i = (size_t) rand() % step; i < len; i += step) {
        put(name, text, i);
        n[hostile_file(from, path)]++;
    }

    for (i = (size_t) rand() % step; i < len; i += step) {

        for (bit = 0; bit < 8; bit++) {

            if (!whole && bit != (size_t) rand() % 8) {
                continue;
            }

            text[i] = (char) (text[i] ^ (1 << bit));
            put(name, text, len);
            n[hostile_file(from, path)]++;
            text[i] = (char) (text[i] ^ (1 << bit));
        }
    }

    put(name, text, len);
    assert_int_equal(hostile_file(name, path), 1);

    print_message("%s: %d refused, %d load\n", from, n[0], n[1]);
    free(text);
}


static void
test_damaged(void **state)
{
    size_t  i;
    char    path[300];

    static const char *const  lists[] = {
        "embargoed.yaml", "unsupported.yaml", "restricted.yaml",
        "embargoed-regions.yaml"
    };

    srand(SEED);

    snprintf(path, sizeof(path), "%s/lists", dir);
    assert_int_equal(mkdir(path, 0700), 0);

    for (i = 0; i < sp_nelts(lists); i++) {
        snprintf(path, sizeof(path), "cp policy/lists/%s %s/lists", lists[i],
                 dir);
        assert_int_equal(system(path), 0);
    }

    snprintf(path, sizeof(path), "cp policy/policy.yaml "
             "policy/examples/*.txt %s", dir);
    assert_int_equal(system(path), 0);

    damaged("policy/lists/embargoed.yaml", "lists/embargoed.yaml");
    damaged("policy/lists/restricted.yaml", "lists/restricted.yaml");
    damaged("policy/policy.yaml", "policy.yaml");
    damaged("policy/examples/regions.yaml", "policy.yaml");
    damaged("policy/examples/exceptions.yaml", "policy.yaml");

    print_message("%ld files, the slowest took %.3f s (%s)\n", tried, slowest,
                  slowest_name);

    snprintf(path, sizeof(path), "rm -r %s", dir);
    assert_int_equal(system(path), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_yaml),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_damaged)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

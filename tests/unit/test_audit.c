
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tests of audit records: that each is one line of
 * valid JSON within its bound whatever it is made of, and that the chain is
 * what coreutils can verify.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <cmocka.h>

#include "audit/sp_audit_json.h"
#include "sp_audit.h"


static const char  policy_text[] =
    "sallyport: 1\n"
    "policy: audit\n"
    "revision: r1\n"
    "lists:\n"
    "  embargoed:\n"
    "    type: country\n"
    "    items: [KP, IR]\n"
    "models:\n"
    "  tiers:\n"
    "    1: [small]\n"
    "    3: [frontier]\n"
    "deny:\n"
    "  - id: embargo-address-with-a-long-name-0123456789\n"
    "    when: ip.country in @embargoed\n"
    "    unknown: match\n"
    "    reason: JUR_IP_EMBARGO\n"
    "  - id: level-for-tier\n"
    "    when: model.tier == 3 and account.level < 3\n"
    "    unknown: match\n"
    "    reason: KYC_LEVEL\n"
    "allow:\n"
    "  - id: verified\n"
    "    when: account.status == verified\n"
    "throttle:\n"
    "  - id: per-account\n"
    "    meter: requests\n"
    "    per: [account.id]\n"
    "    rate: 60/min\n"
    "    burst: 10\n";


static sp_policy_t     *policy;
static sp_facts_t       facts;
static sp_verdict_t     verdict;
static sp_audit_ctx_t   ctx;
static sp_account_t     account;
static sp_key_t         key;
static sp_addr_t        addr;
static sp_body_t        body;
static unsigned char   *line;     /* of exactly SP_RECORD_MAX bytes */


/* A strict reader of JSON: returns what follows a value, or NULL. */

static const unsigned char *value(const unsigned char *p,
    const unsigned char *end, int depth);


static const unsigned char *
string(const unsigned char *p, const unsigned char *end)
{
    int  i;

    if (p == end || *p++ != '"') {
        return NULL;
    }

    while (p < end && *p != '"') {

        if (*p < 0x20 || *p == 0x7f) {
            return NULL;
        }

        if (*p++ != '\\') {
            continue;
        }

        if (p == end) {
            return NULL;
        }

        if (*p == 'u') {
            for (i = 0, p++; i < 4; i++, p++) {
                if (p == end || strchr("0123456789abcdef", *p) == NULL) {
                    return NULL;
                }
            }

        } else if (*p == '"' || *p == '\\') {
            p++;

        } else {
            return NULL;
        }
    }

    return p == end ? NULL : p + 1;
}


static const unsigned char *
members(const unsigned char *p, const unsigned char *end, int depth,
    int object)
{
    unsigned char  close;

    close = object ? '}' : ']';

    if (p < end && *p == close) {
        return p + 1;
    }

    for ( ;; ) {

        if (object) {
            p = string(p, end);

            if (p == NULL || p == end || *p++ != ':') {
                return NULL;
            }
        }

        p = value(p, end, depth + 1);

        if (p == NULL || p == end) {
            return NULL;
        }

        if (*p == close) {
            return p + 1;
        }

        if (*p++ != ',') {
            return NULL;
        }
    }
}


static const unsigned char *
value(const unsigned char *p, const unsigned char *end, int depth)
{
    size_t                    i, n;
    const unsigned char      *start;

    static const char *const  words[] = { "true", "false", "null" };

    if (p >= end || depth > 8) {
        return NULL;
    }

    if (*p == '{' || *p == '[') {
        return members(p + 1, end, depth, *p == '{');
    }

    if (*p == '"') {
        return string(p, end);
    }

    for (i = 0; i < sp_nelts(words); i++) {
        n = strlen(words[i]);

        if ((size_t) (end - p) >= n && memcmp(p, words[i], n) == 0) {
            return p + n;
        }
    }

    start = p;
    p += *p == '-';

    while (p < end && *p >= '0' && *p <= '9') {
        p++;
    }

    return p == start || p[-1] == '-' ? NULL : p;
}


static void
check(const unsigned char *buf, size_t len)
{
    if (value(buf, buf + len, 0) != buf + len
        || sp_utf8_valid((sp_str_t) { len, buf }) == 0
        || memchr(buf, '\n', len) != NULL)
    {
        fail_msg("not one line of JSON: %.*s", (int) len, buf);
    }

    assert_true(len < SP_RECORD_MAX - 80);
}


/* The keys stand in this order, whatever their values. */

static void
keys(const unsigned char *buf, size_t len, const char *const *names)
{
    char    quoted[64];
    char   *p, *q, text[SP_RECORD_MAX + 1];

    memcpy(text, buf, len);
    text[len] = '\0';

    for (p = text; *names != NULL; names++) {
        snprintf(quoted, sizeof(quoted), "\"%s\":", *names);
        q = strstr(p, quoted);

        if (q == NULL) {
            fail_msg("no %s after %.40s in %s", quoted, p, text);
        }

        p = q + 1;
    }
}


static int
has(size_t len, const char *text)
{
    return memmem(line, len, text, strlen(text)) != NULL;
}


static void
nasty(unsigned char *p, size_t n)
{
    static const char  bytes[] = "\0\n\"\\\x7f\x80\xff\xe2\x80\xa8\xc2\x85"
                                 "\xf0\x9f\x98\x80""ab}]{,:\xed\xa0\x80\r";

    while (n-- > 0) {
        *p++ = (unsigned char) (rand() % 3 ? bytes[(size_t) rand()
                                                   % (sizeof(bytes) - 1)]
                                           : rand());
    }
}


static sp_str_t
nasty_text(size_t n)
{
    static size_t         used;
    static unsigned char  pool[65536];

    if (used + n > sizeof(pool)) {
        used = 0;
    }

    nasty(pool + used, n);
    used += n;

    return (sp_str_t) { n, pool + used - n };
}


/* An ordinary request by an ordinary customer. */

static void
ordinary(void)
{
    sp_record_error_t         e;
    static sp_pair_t          pairs[32];
    size_t                    n;

    static const char *const  words[] = {
        "v", "1", "ver", "12", "type", "organization", "status", "verified",
        "level", "3", "verified_at", "1772323200", "expires_at",
        "1803859200", "incorporated", "SG", "headquarters", "SG", "parent",
        "CN", "use_locations", "SG,MY", "owners", "CN+KY:6000,SG:4000",
        "owners_method", "cascade", "owners_as_of", "1772323200",
        "owners_floor", "500", "screening", "clear", "screened_at",
        "1795348800", "tags", "pilot", "control", "CN:contract", "listed",
        "SDN:3000", "x_cleared", "yes", "egress", "203.0.113.0/24", NULL
    };

    static const char *const  key_words[] = {
        "v", "1", "ver", "7", "account", "acct_b", "name", "k_8d21",
        "status", "active", NULL
    };

    for (n = 0; words[2 * n] != NULL; n++) {
        pairs[n].name = sp_cstr(words[2 * n]);
        pairs[n].value = sp_cstr(words[2 * n + 1]);
    }

    assert_int_equal(sp_account_parse(&account, SP_STR("acct_b"), pairs, n,
                                      &e), SP_OK);

    for (n = 0; key_words[2 * n] != NULL; n++) {
        pairs[n].name = sp_cstr(key_words[2 * n]);
        pairs[n].value = sp_cstr(key_words[2 * n + 1]);
    }

    assert_int_equal(sp_key_parse(&key, pairs, n, &e), SP_OK);

    memset(&body, 0, sizeof(body));
    body.models[0] = SP_STR("frontier");
    body.nmodels = 1;
    body.stream = 1;
    body.has_tokens = 1;
    body.max_tokens = 4600;
    body.factor = 1;

    assert_int_equal(sp_addr_parse(SP_STR("203.0.113.9"), &addr), SP_OK);

    sp_facts_init(&facts, 1795435204);
    sp_facts_address(&facts, &addr, sp_addr_class(&addr), NULL);
    sp_facts_route(&facts, SP_ROUTE_FOUND, 7, SP_STR(""));
    sp_facts_key(&facts, SP_KEYFACT_FOUND, &key);
    sp_facts_account(&facts, SP_ACCTFACT_FOUND, &account);
    sp_facts_body(&facts, SP_BODYFACT_FINE, &body);

    memset(&ctx, 0, sizeof(ctx));
    ctx.wall_us = 1795435204183920;
    ctx.mono_us = 4183808;
    ctx.host = SP_STR("edge-07");
    ctx.lane = 3;
    ctx.epoch = 1795435200;
    ctx.id = SP_STR("01KARM5GQ7-3-0000000001");
    ctx.request_id = SP_STR("7f3b0c52a1d94e0fb2f6a1c0d8e7b615");
    ctx.method = SP_STR("POST");
    ctx.body_bytes = 18342;
    ctx.address = SP_STR("2026q4:6Q7D2M0XK4VJ9B1T");
    ctx.address_from = "conn";
    ctx.geo_build = 1795132800;
    ctx.record_source = "cache";
    ctx.record_age_ms = 41213;
    ctx.key_ver = 7;
    ctx.enforced = 1;
    ctx.us = 412;
}


static void
test_ordinary(void **state)
{
    size_t                    len;

    static const char *const  order[] = {
        "v", "t", "ts", "mono_us", "id", "host", "lane", "epoch", "seq",
        "pol", "rev", "hash", "req", "rid", "method", "route", "dialect",
        "body", "model", "tier", "stream", "in_bytes", "tokens", "who",
        "account", "key", "net", "ip_p", "ip_src", "class", "country",
        "registered", "facts", "now", "geo", "build", "key", "st", "ver",
        "tiers", "record",
        "st", "src", "age_ms", "ver", "account", "type", "status", "level",
        "owners_method", "owners_floor", "tiers", "places", "tags",
        "owners", "control", "listed", "own", "dec", "status", "reason",
        "class", "detail", "enforced", "by", "lifted", "allow", "flags",
        "shadow", "more", "lim", "us", NULL
    };

    ordinary();
    sp_decide(policy, &facts, SP_STAGE_WHOLE, &verdict);
    len = sp_audit_decision(policy, &facts, &verdict, &ctx, 1, line);
    printf("%zu bytes: %.*s\n", len, (int) len, line);
    check(line, len);
    keys(line, len, order);

    assert_memory_equal(line, "{\"v\":1,\"t\":\"decision\",\"ts\":"
                        "\"2026-11-23T12:00:04.183920Z\",", 57);
    assert_true(has(len, "\"rev\":\"r1\""));
    assert_true(has(len, "\"who\":{\"account\":\"acct_b\",\"key\":\"k_8d21"));
    assert_true(has(len, "\"class\":\"reserved\",\"country\":\"?\","
                         "\"registered\":true"));
    assert_true(has(len, "\"owners\":[\"CN+KY:6000\",\"SG:4000\"]"));
    assert_true(has(len, "\"control\":[\"CN:contract\"]"));
    assert_true(has(len, "\"listed\":{\"SDN\":3000}"));
    assert_true(has(len, "\"own\":{\"x_cleared\":\"yes\"}"));
    assert_true(has(len, "\"places\":[\"SG\",\"MY\"]"));
    assert_true(has(len, "\"verified_age\":23112004"));
    assert_true(has(len, "\"expired_for\":-8423996"));
    assert_true(has(len, "\"residence\":null"));
    assert_true(has(len, "\"route\":\"chat.completions\""));
    assert_true(has(len, "\"tokens\":4600"));
    assert_true(has(len, "\"dec\":\"deny\""));
    assert_true(has(len, "\"by\":[{\"r\":\"embargo-address-with-a-long-name-"
                         "0123456789\",\"m\":\"unknown\",\"unk\":["
                         "\"ip.country\"]}]"));

    /* the address itself is nowhere, in no form */

    assert_false(has(len, "203.0.113"));
    assert_false(has(len, "cb007109"));
}


/* With nothing known, and with nothing at all. */

static void
test_empty(void **state)
{
    size_t  len;

    ordinary();
    sp_facts_init(&facts, 0);
    sp_decide(NULL, &facts, SP_STAGE_WHOLE, &verdict);
    len = sp_audit_decision(NULL, &facts, &verdict, &ctx, 1, line);
    check(line, len);
    assert_true(has(len, "\"pol\":null"));
    assert_true(has(len, "\"model\":\"~\""));
    assert_true(has(len, "\"who\":{\"account\":\"?\",\"key\":\"?\"}"));
    assert_true(has(len, "\"reason\":\"NO_POLICY\"")
                || has(len, "\"reason\":\"SYS_POLICY_INVALID\"")
                || has(len, "\"dec\":\"deny\""));

    sp_facts_key(&facts, SP_KEYFACT_FAILED, NULL);
    memset(&ctx, 0, sizeof(ctx));
    ctx.record_age_ms = -1;
    len = sp_audit_decision(NULL, &facts, &verdict, &ctx, 1, line);
    check(line, len);
    assert_true(has(len, "\"who\":{\"account\":\"!\",\"key\":\"!\"}"));
    assert_true(has(len, "\"age_ms\":null"));
    assert_true(has(len, "\"ip_p\":null"));

    /* the key says whose it is, although the account cannot be read */

    sp_facts_key(&facts, SP_KEYFACT_FOUND, &key);
    sp_facts_account(&facts, SP_ACCTFACT_INVALID, NULL);
    len = sp_audit_decision(NULL, &facts, &verdict, &ctx, 1, line);
    check(line, len);
    assert_true(has(len, "\"who\":{\"account\":\"acct_b\""));
    assert_true(has(len, "\"record\":{\"st\":\"invalid\""));
}


static void
fill(sp_place_t *places, uint8_t *n, size_t max)
{
    for (*n = 0; *n < max; (*n)++) {
        assert_int_equal(sp_place_parse(SP_STR("UA-43A"), &places[*n]),
                         SP_PLACE_OK);
        places[*n] += (sp_place_t) *n << 16;
    }
}


/* Everything as long and as odd as it can be. */

static void
worst(void)
{
    unsigned  i, k;

    ordinary();
    ctx.wall_us = (uint64_t) -1;
    ctx.mono_us = (uint64_t) -1;
    ctx.host = nasty_text(300);
    ctx.id = nasty_text(300);
    ctx.request_id = nasty_text(300);
    ctx.method = nasty_text(300);
    ctx.address = nasty_text(300);
    ctx.lane = (unsigned) -1;
    ctx.epoch = (uint64_t) -1;
    ctx.body_bytes = (uint64_t) -1;
    ctx.record_age_ms = INT64_MAX;
    ctx.key_ver = (uint64_t) -1;
    ctx.us = (uint32_t) -1;

    fill(account.use_locations, &account.nuse, SP_PLACES_MAX);
    fill(account.accepted_locations, &account.naccepted, SP_PLACES_MAX);

    for (i = 0; i < SP_PLACES_MAX; i++) {
        account.accepted_locations[i] += 1000u << 16;
        account.control[i].kind = SP_CONTROL_CONTRACT;
        account.control[i].place = account.use_locations[i];
    }

    for (i = 0; i < SP_OWNERS_MAX; i++) {
        account.owners[i].nplaces = SP_OWNER_PLACES;
        account.owners[i].unknown = 1;
        account.owners[i].floating = 1;
        account.owners[i].min = 1000;
        account.owners[i].max = 10000;

        for (k = 0; k < SP_OWNER_PLACES; k++) {
            account.owners[i].places[k] = account.use_locations[k];
        }
    }

    account.nowners = SP_OWNERS_MAX;
    account.ncontrol = SP_PLACES_MAX;
    account.nlisted = SP_LISTED_MAX;
    account.ntags = SP_TAGS_MAX;
    account.plan_len = SP_TAG_LEN;
    account.id_len = SP_ID_LEN;
    nasty((unsigned char *) account.plan, sizeof(account.plan));
    nasty((unsigned char *) account.id, sizeof(account.id));
    nasty((unsigned char *) account.tags, sizeof(account.tags));

    for (i = 0; i < SP_LISTED_MAX; i++) {
        account.listed[i].len = SP_LIST_LEN;
        nasty((unsigned char *) account.listed[i].list, SP_LIST_LEN);
    }

    for (i = 0; i < SP_OWN_BYTES; i++) {
        account.own[i] = "\x01\"\x80z"[i % 4];
    }

    for (i = 1; i <= 2 * SP_OWN_FIELDS_MAX; i++) {
        account.own[i * SP_OWN_BYTES / (2 * SP_OWN_FIELDS_MAX) - 1] = '\0';
    }

    account.own_len = SP_OWN_BYTES;
    account.nown = SP_OWN_FIELDS_MAX;
    key.name_len = SP_ID_LEN;
    nasty((unsigned char *) key.name, sizeof(key.name));

    body.nmodels = SP_MODELS_MAX;

    for (i = 0; i < SP_MODELS_MAX; i++) {
        body.models[i] = nasty_text(SP_MODEL_LEN);
    }

    sp_facts_key(&facts, SP_KEYFACT_FOUND, &key);
    sp_facts_account(&facts, SP_ACCTFACT_FOUND, &account);
    sp_facts_body(&facts, SP_BODYFACT_FINE, &body);
    facts.detail = "the path and the body name different models";

    memset(&verdict, 0, sizeof(verdict));
    verdict.decision = (uint8_t) (SP_VERDICT_ALLOW + rand() % 3);
    verdict.status = 451;
    verdict.allow_rule = 2;
    verdict.nmatches = SP_MATCHES_MAX;
    verdict.more = 65535;
    verdict.tier = 3;
    verdict.model = 63;
    verdict.wait_ms = UINT32_MAX;
    verdict.napply = SP_APPLY_MAX;
    verdict.throttled = (int16_t) (rand() % SP_APPLY_MAX);

    for (i = 0; i < SP_MATCHES_MAX; i++) {
        verdict.matches[i].rule = rand() % 4 ? rand() % 4
                                             : -1 - rand() % SP_BUILTINS;
        verdict.matches[i].lifted_by = rand() % 3 ? -1 : 0;
        verdict.matches[i].truth = rand() % 2 ? SP_TRUE : SP_UNSURE;
        verdict.matches[i].failed = (uint8_t) (rand() % 2);
        verdict.matches[i].shadow = (uint8_t) (rand() % 2);
        verdict.matches[i].model = 63;
    }

    for (i = 0; i < SP_APPLY_MAX; i++) {
        verdict.apply[i].rule = 3;
        verdict.apply[i].per = 31;
        verdict.apply[i].limit = (uint64_t) -1;
        verdict.apply[i].period = (uint64_t) -1;
        verdict.apply[i].burst = (uint64_t) -1;
    }
}


static void
test_worst(void **state)
{
    size_t         len, longest;
    unsigned       i, cut;
    unsigned char *exact;

    static const char *const  order[] = {
        "facts", "own", "dec", "by", "lifted", "allow", "flags", "shadow",
        "more", "lim", "us", NULL
    };

    printf("seed 20261123\n");
    srand(20261123);
    longest = 0;
    cut = 0;

    for (i = 0; i < 3000; i++) {
        worst();
        exact = malloc(SP_RECORD_MAX - 81);
        len = sp_audit_decision(policy, &facts, &verdict, &ctx, UINT64_MAX,
                                exact);
        check(exact, len);
        keys(exact, len, order);
        longest = len > longest ? len : longest;
        cut += memmem(exact, len, "_cut\":", 6) != NULL;
        assert_memory_equal(exact + len - 17, ",\"us\":4294967295}", 17);
        free(exact);
    }

    printf("longest %zu of %d\n", longest, SP_RECORD_MAX - 80);
    assert_true(longest > 6000);
    assert_int_equal(cut, 3000);
}


static void
test_text(void **state)
{
    size_t          len, max;
    unsigned        i;
    sp_str_t        s;
    sp_out_t        out;
    unsigned char  *buf;

    static const struct {
        const char  *in;
        const char  *out;
    } rows[] = {
        { "plain /?~", "\"plain /?~\"" },
        { "a\"b\\c", "\"a\\\"b\\\\c\"" },
        { "\n\r\t\x01\x1f\x7f",
          "\"\\u000a\\u000d\\u0009\\u0001\\u001f\\u007f\"" },
        { "\xc2\x85\xc2\xa0", "\"\\u0085\xc2\xa0\"" },
        { "\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xae",
          "\"\\u2028\\u2029\\u202e\"" },
        { "\xef\xbb\xbf", "\"\\ufeff\"" },
        { "\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80",
          "\"\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80\"" },
        { "\x80", "\"\\ufffd\"" },
        { "\xc0\xaf", "\"\\ufffd\\ufffd\"" },
        { "\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"" },
        { "\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"" },
        { "\xe2\x82", "\"\\ufffd\\ufffd\"" },
        { "", "\"\"" }
    };

    for (i = 0; i < sp_nelts(rows); i++) {
        out.p = line;
        out.last = line + SP_RECORD_MAX;
        sp_out_text(&out, sp_cstr(rows[i].in), 1000);
        *out.p = '\0';
        assert_string_equal((char *) line, rows[i].out);
    }

    srand(20261124);

    for (i = 0; i < 300000; i++) {
        s = nasty_text((size_t) rand() % 60);
        max = (size_t) rand() % 80;
        len = (size_t) rand() % 120;

        buf = malloc(len + 1);
        out.p = buf;
        out.last = buf + len;
        sp_out_text(&out, s, max);
        len = (size_t) (out.p - buf);
        assert_true(out.p <= out.last);
        assert_true(len <= max + 8);

        if (len != 0 && (string(buf, out.p) != out.p
                         || sp_utf8_valid((sp_str_t) { len, buf }) == 0))
        {
            fail_msg("odd string %.*s", (int) len, buf);
        }

        free(buf);
    }
}


static void
test_numbers(void **state)
{
    char       text[64];
    time_t     t;
    uint64_t   n;
    unsigned   i;
    sp_out_t   out;
    struct tm  tm;

    srand(20261125);

    for (i = 0; i < 300000; i++) {
        n = (uint64_t) rand() << 31 ^ (uint64_t) rand();
        n >>= rand() % 62;
        n = n > SP_OUT_INT_MAX ? SP_OUT_INT_MAX : n;
        out.p = line;
        out.last = line + SP_RECORD_MAX;
        sp_out_int(&out, i & 1 ? (int64_t) n : -(int64_t) n);
        *out.p = '\0';
        snprintf(text, sizeof(text), "%lld",
                 i & 1 ? (long long) n : -(long long) n);
        assert_string_equal((char *) line, text);

        t = (time_t) (n % 253402300800);
        assert_non_null(gmtime_r(&t, &tm));
        snprintf(text + strftime(text, 32, "\"%Y-%m-%dT%H:%M:%S", &tm), 16,
                 ".%06uZ\"", i);
        out.p = line;
        sp_out_time(&out, (uint64_t) t * 1000000 + i);
        *out.p = '\0';
        assert_string_equal((char *) line, text);
    }

    out.p = line;
    sp_out_uint(&out, UINT64_MAX);
    sp_out_lit(&out, " ");
    sp_out_int(&out, INT64_MIN);
    sp_out_lit(&out, " ");
    sp_out_time(&out, UINT64_MAX);
    *out.p = '\0';
    assert_string_equal((char *) line,
                        "9007199254740991 -9007199254740991 null");
}


/* The loop of AUDIT.md, on a file. Returns its exit code. */

static int
verify(const char *file)
{
    int    rc;
    char   command[1024];
    FILE  *p;

    snprintf(command, sizeof(command),
             "prev=$(printf '0%%.0s' $(seq 64))\n"
             "while IFS= read -r line; do\n"
             "    body=${line%%,\\\"h\\\":\\\"*}\n"
             "    h=${line##*,\\\"h\\\":\\\"}; h=${h%%\\\"\\}}\n"
             "    sum=$(printf '%%s\\n%%s' \"$prev\" \"$body\" |"
             " sha256sum)\n"
             "    [ \"${sum%%%% *}\" = \"$h\" ] || exit 3\n"
             "    prev=$h\n"
             "done < %s\n", file);

    p = popen(command, "r");
    assert_non_null(p);
    rc = pclose(p);
    assert_true(WIFEXITED(rc));

    return WEXITSTATUS(rc);
}


static size_t
lane(unsigned char *out, sp_chain_t *chain, size_t *starts, unsigned n)
{
    size_t       len, used;
    unsigned     i;
    sp_settle_t  settle;

    sp_chain_init(chain);
    ordinary();
    memset(&settle, 0, sizeof(settle));
    settle.wall_us = ctx.wall_us;
    settle.of = ctx.id;
    settle.tokens_in = -1;
    settle.tokens_out = 812;
    settle.status = 200;
    settle.attempts = 2;
    settle.sent = 1;
    settle.end = "complete";
    used = 0;

    for (i = 0; i < n; i++) {
        starts[i] = used;

        if (i == 0) {
            len = sp_audit_segment(&ctx, SP_STR("b0f3"), 1, SP_STR(""),
                                   SP_STR(""), SP_STR("0.1.0"),
                                   chain->seq + 1, line);

        } else if (i == n - 1) {
            len = sp_audit_close(&ctx, i, chain->seq + 1, line);

        } else if (i % 3 == 0) {
            len = sp_audit_settle(&settle, chain->seq + 1, line);

        } else {
            if (i % 5 == 0) {
                worst();
            }

            sp_decide(policy, &facts, SP_STAGE_WHOLE, &verdict);
            len = sp_audit_decision(policy, &facts, &verdict, &ctx,
                                    chain->seq + 1, line);
        }

        check(line, len);
        len = sp_chain_link(chain, line, len);
        assert_true(len <= SP_RECORD_MAX);
        assert_int_equal(line[len - 1], '\n');
        check(line, len - 1 > SP_RECORD_MAX - 81 ? 0 : len - 1);
        memcpy(out + used, line, len);
        used += len;
    }

    assert_int_equal(chain->seq, n);

    return used;
}


static void
save(const char *file, const unsigned char *bytes, size_t len)
{
    FILE  *f;

    f = fopen(file, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}


static void
test_chain(void **state)
{
    char            file[] = "/tmp/sallyport-lane-XXXXXX";
    size_t          len, at, starts[41];
    unsigned        i;
    sp_chain_t      chain;
    unsigned char  *bytes, *copy;

    srand(20261126);
    bytes = malloc(41 * SP_RECORD_MAX);
    copy = malloc(41 * SP_RECORD_MAX);
    len = lane(bytes, &chain, starts, 40);
    starts[40] = len;
    close(mkstemp(file));

    save(file, bytes, len);
    assert_int_equal(verify(file), 0);

    /* any byte changed, any line gone, any two swapped */

    for (i = 0; i < 20; i++) {
        memcpy(copy, bytes, len);
        at = (size_t) rand() % len;
        at -= bytes[at] == '\n';
        copy[at] = copy[at] == 'x' ? 'y' : 'x';
        save(file, copy, len);
        assert_int_equal(verify(file), 3);
    }

    for (i = 0; i < 39; i += 13) {
        memcpy(copy, bytes, starts[i]);
        memcpy(copy + starts[i], bytes + starts[i + 1], len - starts[i + 1]);
        save(file, copy, len - (starts[i + 1] - starts[i]));
        assert_int_equal(verify(file), 3);

        memcpy(copy, bytes, len);
        at = starts[i + 2] - starts[i + 1];
        memcpy(copy + starts[i], bytes + starts[i + 1], at);
        memcpy(copy + starts[i] + at, bytes + starts[i],
               starts[i + 1] - starts[i]);
        save(file, copy, len);
        assert_int_equal(verify(file), 3);
    }

    unlink(file);
    free(bytes);
    free(copy);
}


static void
test_pseudonym(void **state)
{
    char                  period[32];
    time_t                t;
    size_t                n;
    unsigned              i, k, len;
    sp_addr_t             a;
    struct tm             tm;
    uint64_t              bits;
    unsigned char         secret[32], out[SP_PSEUDONYM_LEN];
    unsigned char         data[32], mac[EVP_MAX_MD_SIZE];

    static const char     digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    srand(20261127);

    for (i = 0; i < 20000; i++) {
        nasty(secret, sizeof(secret));
        nasty(a.bytes, sizeof(a.bytes));
        t = (time_t) rand() * 118;
        gmtime_r(&t, &tm);
        snprintf(period, sizeof(period), "%04dq%d:", tm.tm_year + 1900,
                 tm.tm_mon / 3 + 1);

        n = sp_pseudonym(secret, &a, t, out);
        assert_int_equal(n, 23);
        assert_memory_equal(out, period, 7);

        memcpy(data, "ip", 3);
        memcpy(data + 3, period, 6);
        data[9] = 0;
        memcpy(data + 10, a.bytes, 16);
        assert_non_null(HMAC(EVP_sha256(), secret, 32, data, 26, mac, &len));

        for (k = 0; k < 16; k++) {
            bits = (uint64_t) mac[k * 5 / 8] << 8 | mac[k * 5 / 8 + 1];
            assert_int_equal(out[7 + k],
                             digits[bits >> (11 - k * 5 % 8) & 31]);
        }
    }

    /* before and after the range of years */

    assert_int_equal(sp_pseudonym(secret, &a, -1, out), 23);
    assert_memory_equal(out, "1970q1:", 7);
    assert_int_equal(sp_pseudonym(secret, &a, INT64_MAX, out), 23);
    assert_memory_equal(out, "9999q4:", 7);
}


static int
setup(void **state)
{
    sp_diags_t        diags;
    sp_policy_opts_t  opts = { 1795435204, 0 };

    sp_diags_init(&diags);
    policy = sp_policy_load_text("audit.yaml", sp_cstr(policy_text), &opts,
                                 &diags);
    sp_diags_print(&diags, stdout);
    sp_diags_free(&diags);
    line = malloc(SP_RECORD_MAX + 1);

    return policy == NULL || line == NULL;
}


static int
teardown(void **state)
{
    free(policy);
    free(line);

    return 0;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_ordinary),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_worst),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_pseudonym)
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains what the tests of audit records share: a request with
 * everything in it, ordinary or as long and odd as can be, and a strict reader
 * of JSON.
 */


#ifndef AUDIT_CASE_H
#define AUDIT_CASE_H


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
static sp_audit_keep_t  keep;
static sp_account_t     account;
static sp_key_t         key;
static sp_addr_t        addr;
static sp_body_t        body;
static unsigned char   *line;     /* of exactly SP_RECORD_MAX bytes */


/* A strict reader of JSON: returns what follows a value, or NULL. */

static inline const unsigned char *value(const unsigned char *p,
    const unsigned char *end, int depth);


static inline const unsigned char *
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


static inline const unsigned char *
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


static inline const unsigned char *
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


static inline void
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


static inline int
has(size_t len, const char *text)
{
    return memmem(line, len, text, strlen(text)) != NULL;
}


static inline void
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


static inline sp_str_t
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

static inline void
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
    sp_facts_route(&facts, SP_ROUTE_FOUND, 0, SP_STR(""));
    sp_facts_key(&facts, SP_KEYFACT_FOUND, &key);
    sp_facts_account(&facts, SP_ACCTFACT_FOUND, &account);
    sp_facts_body(&facts, SP_BODYFACT_FINE, &body);

    memset(&ctx, 0, sizeof(ctx));
    ctx.wall_us = 1795435204183920;
    ctx.keep = &keep;
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
    ctx.geo_builds[SP_GEO_COUNTRY] = 1795132800;
    ctx.record_source = "cache";
    ctx.record_age_ms = 41213;
    ctx.key_ver = 7;
    ctx.enforced = 1;
    ctx.us = 412;
}


static inline void
fill(sp_place_t *places, uint8_t *n, size_t max)
{
    for (*n = 0; *n < max; (*n)++) {
        assert_int_equal(sp_place_parse(SP_STR("UA-43A"), &places[*n]),
                         SP_PLACE_OK);
        places[*n] += (sp_place_t) *n << 16;
    }
}


/* Everything as long and as odd as it can be. */

static inline void
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


static inline int
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


static inline int
teardown(void **state)
{
    free(policy);
    free(line);

    return 0;
}


#endif /* AUDIT_CASE_H */


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tests of audit records: that each is one line of
 * valid JSON within its bound whatever it is made of.
 */


#include "audit_case.h"


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


static void
test_ordinary(void **state)
{
    size_t                    len;

    static const char *const  order[] = {
        "v", "t", "ts", "mono_us", "seq", "id",
        "pol", "rev", "hash", "req", "rid", "method", "route", "dialect",
        "body", "model", "tier", "stream", "in_bytes", "tokens", "who",
        "account", "key", "net", "ip_p", "ip_src", "class", "country",
        "registered", "facts", "now", "geo", "build", "key", "st", "ver",
        "record", "st", "src", "age_ms", "ver", "account", "type", "status",
        "level", "owners_method", "owners_floor", "use_locations", "tags",
        "owners", "control", "listed", "own", "dec", "status", "reason",
        "class", "enforced", "by", "lim", "us", NULL
    };

    ordinary();
    sp_decide(policy, &facts, SP_STAGE_WHOLE, &verdict);
    len = sp_audit_decision(policy, &facts, &verdict, &ctx, 1, line);
    printf("%zu bytes: %.*s\n", len, (int) len, line);
    check(line, len);
    keys(line, len, order);

    assert_memory_equal(line, "{\"v\":2,\"t\":\"decision\",\"ts\":"
                        "\"2026-11-23T12:00:04.183920Z\",", 57);
    assert_true(has(len, "\"rev\":\"r1\""));
    assert_true(has(len, "\"who\":{\"account\":\"acct_b\",\"key\":\"k_8d21"));
    assert_true(has(len, "\"class\":\"reserved\",\"country\":\"?\","
                         "\"registered\":true"));
    assert_true(has(len, "\"owners\":[\"CN+KY:6000\",\"SG:4000\"]"));
    assert_true(has(len, "\"control\":[\"CN:contract\"]"));
    assert_true(has(len, "\"listed\":{\"SDN\":3000}"));
    assert_true(has(len, "\"own\":{\"x_cleared\":\"yes\"}"));
    assert_true(has(len, "\"use_locations\":[\"SG\",\"MY\"]"));
    assert_true(has(len, "\"verified_at\":1772323200"));
    assert_true(has(len, "\"expires_at\":1803859200"));
    assert_false(has(len, "residence"));
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
    ctx.keep = &keep;
    ctx.record_age_ms = -1;
    len = sp_audit_decision(NULL, &facts, &verdict, &ctx, 1, line);
    check(line, len);
    assert_true(has(len, "\"who\":{\"account\":\"!\",\"key\":\"!\"}"));
    assert_false(has(len, "age_ms"));
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
test_worst(void **state)
{
    size_t         len, longest;
    unsigned       i, cut;
    unsigned char *exact;

    static const char *const  order[] = {
        "facts", "own", "dec", "by", "more", "allow", "lim", "us", NULL
    };

    printf("seed 20261123\n");
    srand(20261123);
    longest = 0;
    cut = 0;

    for (i = 0; i < 3000; i++) {
        worst();
        exact = malloc(SP_RECORD_BODY);
        len = sp_audit_decision(policy, &facts, &verdict, &ctx, UINT64_MAX,
                                exact);
        check(exact, len);
        keys(exact, len, order);
        longest = len > longest ? len : longest;
        cut += memmem(exact, len, "_cut\":", 6) != NULL;
        assert_memory_equal(exact + len - 17, ",\"us\":4294967295}", 17);
        free(exact);
    }

    printf("longest %zu of %d\n", longest, SP_RECORD_BODY);
    assert_true(longest > 6000);
    assert_int_equal(cut, 3000);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_ordinary),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_worst)
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

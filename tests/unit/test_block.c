
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the test of the operator's blocks: their reading, the
 * flat object beside a naive list, and what they and break-glass make of
 * verdicts.
 */


#include "sp_block.h"

#include "decide_random.h"


#define SEED    20261201
#define HASHES  3000
#define ASKED   40
#define POLICIES  600


typedef struct {
    int       kind;
    char      field[SP_BLOCK_NAME + 1];
    char      value[256];
    int64_t   until;
} entry_t;


static uint64_t  room[65536 / 8];


static const char *const  nets[] = {
    "192.0.2.0/24", "192.0.2.128/25", "10.0.0.0/8", "2001:db8::/32",
    "2001:db8:1::/48", "192.0.2.7", "0.0.0.0/0", "::/0"
};

static const char *const  addrs[] = {
    "192.0.2.7", "192.0.2.200", "10.9.8.7", "2001:db8:1::5", "2001:db8:2::5",
    "203.0.113.1", "2001:dc0::1"
};

static const char *const  names[] = { "a", "aa", "ab", "b", "b.c", "acme" };


static void
random_entry(entry_t *e)
{
    const char  *name;

    e->kind = pick(SP_BLOCK_KINDS);
    e->until = NOW + pick(5) - 2;

    name = e->kind == SP_BLOCK_COUNTRY ? countries[pick(4)]
           : e->kind == SP_BLOCK_NETWORK ? nets[pick(8)] : names[pick(6)];

    snprintf(e->field, sizeof(e->field), "%s:%s",
             sp_block_kind((sp_block_kind_t) e->kind), name);
    snprintf(e->value, sizeof(e->value), "until=%lld%s%s%s",
             (long long) e->until, pick(2) ? " at=1795000000" : "",
             pick(2) ? " by=Jo Doe" : "",
             pick(2) ? " why=INC-7 by=x until=9" : "");
}


/* The list itself: 1 if something of it is in force and has the name. */

static int
naive(const entry_t *e, int n, int kind, const char *name, int64_t now)
{
    int           i;
    sp_addr_t     addr;
    sp_network_t  network;

    for (i = 0; i < n; i++) {

        if (e[i].kind != kind || now >= e[i].until) {
            continue;
        }

        if (kind == SP_BLOCK_NETWORK) {
            assert_int_equal(sp_addr_parse(sp_cstr(name), &addr), SP_OK);
            assert_int_equal(sp_network_parse(sp_cstr(strchr(e[i].field, ':')
                                                      + 1), &network), SP_OK);

            if (sp_network_has(&network, &addr)) {
                return 1;
            }

        } else if (strcmp(strchr(e[i].field, ':') + 1, name) == 0) {
            return 1;
        }
    }

    return 0;
}


static int
found(const sp_blocks_t *blocks, int kind, const char *name, int64_t now)
{
    sp_addr_t  addr;

    switch (kind) {

    case SP_BLOCK_COUNTRY:
        return sp_blocks_country(blocks, place(name), now) != NULL;

    case SP_BLOCK_NETWORK:
        assert_int_equal(sp_addr_parse(sp_cstr(name), &addr), SP_OK);
        return sp_blocks_network(blocks, &addr, now) != NULL;

    default:
        return sp_blocks_name(blocks, (sp_block_kind_t) kind, sp_cstr(name),
                              now)
               != NULL;
    }
}


/* Fields of a hash are distinct. */

static int
random_hash(entry_t *e, sp_pair_t *pairs, int max)
{
    int  i, k, n;

    for (n = 0, k = pick(max); k > 0; k--) {
        random_entry(&e[n]);

        for (i = 0; i < n && strcmp(e[i].field, e[n].field) != 0; i++) {
            /* void */
        }

        if (i == n) {
            pairs[n].name = sp_cstr(e[n].field);
            pairs[n].value = sp_cstr(e[n].value);
            n++;
        }
    }

    return n;
}


static void
test_found(void **state)
{
    int                 i, k, n, live, kind;
    size_t              at;
    int64_t             now;
    entry_t             e[64];
    sp_pair_t           pairs[64];
    const char         *why, *name;
    const sp_blocks_t  *blocks;

    static uint64_t     moved[65536 / 8];

    print_message("seed %d\n", SEED);
    srand(SEED);

    for (i = 0; i < HASHES; i++) {
        n = random_hash(e, pairs, 64);

        assert_int_equal(sp_blocks_make(room, sizeof(room), pairs, (size_t) n,
                                        &at, &why), SP_OK);

        /* it is flat: a copy elsewhere is as good */

        blocks = (const sp_blocks_t *) moved;
        memcpy(moved, room, ((sp_blocks_t *) room)->size);
        assert_int_equal(blocks->size,
                         sp_blocks_room(pairs, (size_t) n));
        assert_int_equal(blocks->size % 8, 0);

        now = NOW + pick(7) - 3;

        for (k = 0, live = 0; k < n; k++) {
            live += now < e[k].until;
        }

        assert_int_equal(sp_blocks_live(blocks, now), live);

        for (k = 0; k < ASKED; k++) {
            kind = pick(SP_BLOCK_KINDS);
            name = kind == SP_BLOCK_COUNTRY ? countries[pick(4)]
                   : kind == SP_BLOCK_NETWORK ? addrs[pick(7)]
                   : names[pick(6)];

            assert_int_equal(found(blocks, kind, name, now),
                             naive(e, n, kind, name, now));
        }
    }
}


static void
test_read(void **state)
{
    size_t           i;
    sp_block_read_t  b;

    static const char *const  good[][2] = {
        { "country:UK", "until=1798761600" },
        { "network:2001:db8::/32", "until=1 at=0 by=a why=" },
        { "account:acme", "until=1798761600 by= why=x" },
        { "key:k_1", "until=1798761600 why=only" },
        { "model:meta/llama 3:8b", "until=253402300799" }
    };

    static const char *const  bad[][2] = {
        { "country:KP", "" },
        { "country:KP", "until=" },
        { "country:KP", "until=0" },
        { "country:KP", "until=-1" },
        { "country:KP", "until=1798761600000" },
        { "country:KP", "until=1798761600 for=ever" },
        { "country:KP", "by=jo until=1798761600" },
        { "country:KP", "until=1798761600 at=x" },
        { "country:KP", "until=1798761600  by=jo" },
        { "country:ZZ", "until=1798761600" },
        { "country:kp", "until=1798761600" },
        { "country:UA-43", "until=1798761600" },
        { "country:", "until=1798761600" },
        { "country", "until=1798761600" },
        { ":KP", "until=1798761600" },
        { "", "until=1798761600" },
        { "asn:64500", "until=1798761600" },
        { "network:192.0.2.1/24", "until=1798761600" },
        { "network:example.org", "until=1798761600" },
        { "account:", "until=1798761600" },
        { "account:a b", "until=1798761600" },
        { "model:", "until=1798761600" },
        { "model:a\nb", "until=1798761600" },
        { "model:\xff", "until=1798761600" }
    };

    for (i = 0; i < sp_nelts(good); i++) {
        assert_null(sp_block_read(sp_cstr(good[i][0]), sp_cstr(good[i][1]),
                                  &b));
    }

    for (i = 0; i < sp_nelts(bad); i++) {
        if (sp_block_read(sp_cstr(bad[i][0]), sp_cstr(bad[i][1]), &b) == NULL)
        {
            fail_msg("'%s' '%s' was taken", bad[i][0], bad[i][1]);
        }
    }

    assert_null(sp_block_read(SP_STR("country:UK"),
                              SP_STR("until=9 at=7 by=Jo Doe why=a why=b"),
                              &b));
    assert_int_equal(b.place, place("GB"));
    assert_int_equal(b.until, 9);
    assert_int_equal(b.at, 7);
    assert_true(sp_str_eq(b.by, SP_STR("Jo Doe")));
    assert_true(sp_str_eq(b.why, SP_STR("a why=b")));
}


/* What does not fit, or is odd anywhere, makes no object at all. */

static void
test_refused(void **state)
{
    int          i, n;
    size_t       at;
    entry_t      e[64];
    sp_pair_t    pairs[SP_BLOCKS_MAX + 1];
    const char  *why;

    srand(SEED + 1);

    for (i = 0; i < 500; i++) {
        n = random_hash(e, pairs, 64);

        if (n == 0) {
            continue;
        }

        assert_int_equal(sp_blocks_make(room, sp_blocks_room(pairs,
                                        (size_t) n) - 1, pairs, (size_t) n,
                                        &at, &why), SP_ERROR);
        assert_int_equal(at, n);

        at = (size_t) pick(n);
        pairs[at].value = SP_STR("by=jo");

        assert_int_equal(sp_blocks_make(room, sizeof(room), pairs, (size_t) n,
                                        &at, &why), SP_ERROR);
        assert_true(sp_str_eq(pairs[at].value, SP_STR("by=jo")));
    }

    for (i = 0; i <= SP_BLOCKS_MAX; i++) {
        pairs[i].name = SP_STR("account:a");
        pairs[i].value = SP_STR("until=1798761600");
    }

    assert_int_equal(sp_blocks_make(room, sizeof(room), pairs, SP_BLOCKS_MAX,
                                    &at, &why), SP_OK);
    assert_int_equal(sp_blocks_make(room, sizeof(room), pairs,
                                    SP_BLOCKS_MAX + 1, &at, &why), SP_ERROR);
}


static int
has(const sp_verdict_t *v, const sp_policy_t *policy, int builtin, int legal)
{
    int                i;
    const sp_match_t  *m;

    for (i = 0; i < v->nmatches; i++) {
        m = &v->matches[i];

        if (m->shadow || m->lifted_by >= 0) {
            continue;
        }

        if (m->rule < 0) {
            if (builtin < 0 || m->rule == -1 - builtin) {
                return 1;
            }

        } else if (legal
                   && sp_policy_rule_kind(policy, m->rule) == SP_RULE_DENY
                   && sp_policy_reason(policy, m->reason)->class
                      == SP_CLASS_LEGAL)
        {
            return 1;
        }
    }

    return 0;
}


/* A record has them of its writer; they are no blocks, and hide none. */

static void
test_clerical(void **state)
{
    size_t              at;
    const char         *why;
    const sp_blocks_t  *blocks;
    sp_pair_t           pairs[] = {
        { SP_STR("ver"), SP_STR("7") },
        { SP_STR("account:acme"), SP_STR("until=1798761600") },
        { SP_STR("by"), SP_STR("jo") },
        { SP_STR("country:KP"), SP_STR("until=1798761600") },
        { SP_STR("why"), SP_STR("INC-7") },
        { SP_STR("changed_at"), SP_STR("1798675200") },
        { SP_STR("versions"), SP_STR("7") }
    };

    assert_int_equal(sp_blocks_make(room, sizeof(room), pairs, 6, &at, &why),
                     SP_OK);

    blocks = (const sp_blocks_t *) room;

    assert_int_equal(blocks->n, 2);
    assert_int_equal(found(blocks, SP_BLOCK_ACCOUNT, "acme", 1798761599), 1);
    assert_int_equal(found(blocks, SP_BLOCK_COUNTRY, "KP", 1798761599), 1);
    assert_int_equal(found(blocks, SP_BLOCK_COUNTRY, "KP", 1798761600), 0);

    assert_int_equal(sp_blocks_make(room, sizeof(room), pairs, 7, &at, &why),
                     SP_ERROR);
    assert_int_equal(at, 6);
}


/*
 * With blocks: refused by them if and only if one of them fits, and otherwise
 * the verdict is what it was.
 */

static void
test_verdicts(void **state)
{
    int            i, k, n, hit;
    size_t         at;
    entry_t        e[8];
    policy_t      *p;
    sp_pair_t      pairs[8];
    sp_truth_t     truth;
    request_t     *q;
    const char    *why;
    sp_policy_t   *policy;
    unsigned       m;

    static sp_verdict_t  with, without;

    srand(SEED + 2);
    p = calloc(1, sizeof(policy_t));
    q = calloc(1, sizeof(request_t));

    for (i = 0; i < POLICIES; i++) {
        random_policy(p, 0);
        policy = compile(p);

        for (k = 0; k < 8; k++) {
            random_head(q);
            snprintf(q->key.account, SP_ID_LEN, "%s", names[pick(6)]);
            snprintf(q->key.name, SP_ID_LEN, "%s", names[pick(6)]);
            q->key.account_len = (uint8_t) strlen(q->key.account);
            q->key.name_len = (uint8_t) strlen(q->key.name);
            random_body(q);

            n = random_hash(e, pairs, 8);

            if (n != 0 && pick(2)) {
                snprintf(e[0].field, sizeof(e[0].field), "model:%s",
                         model_names[pick(3)]);
                pairs[0].name = sp_cstr(e[0].field);
            }

            assert_int_equal(sp_blocks_make(room, sizeof(room), pairs,
                                            (size_t) n, &at, &why), SP_OK);

            memset(&with, 0, sizeof(with));
            memset(&without, 0, sizeof(without));

            sp_decide(policy, &q->facts, SP_STAGE_WHOLE, &without);
            q->facts.blocks = (const sp_blocks_t *) room;
            sp_decide(policy, &q->facts, SP_STAGE_WHOLE, &with);

            for (m = 0, hit = 0; m == 0 || m < q->facts.nmodels; m++) {
                hit |= sp_facts_block(&q->facts, m, &truth) != NULL;
            }

            assert_false(has(&without, policy, SP_B_BLOCKED, 0));
            assert_int_equal(has(&with, policy, SP_B_BLOCKED, 0), hit);

            if (hit) {
                assert_int_equal(with.decision, SP_VERDICT_DENY);

            } else {
                assert_int_equal(with.decision, without.decision);
                assert_int_equal(with.reason, without.reason);
                assert_int_equal(with.nmatches, without.nmatches);
            }

            /* what is not known to be blocked may not be let by unasked */

            assert_true(!sp_facts_block_request(&q->facts) || hit);
        }

        free(policy);
    }

    free(p);
    free(q);
}


/* The random policy with every other deny of class risk instead of legal. */

static sp_policy_t *
compile_mixed(const policy_t *p)
{
    char         *at;
    sp_diags_t    diags;
    sp_policy_t  *policy;

    free(compile(p));

    while ((at = strstr(text, "OWN_RESTRICTED")) != NULL) {
        memcpy(at, "JUR_MISMATCH  ", 14);
    }

    sp_diags_init(&diags);
    policy = sp_policy_load_text("mixed", sp_cstr(text), &opts, &diags);
    assert_non_null(policy);
    sp_diags_free(&diags);

    return policy;
}


/*
 * Break-glass: what was allowed stays so; what is refused, is by the law or
 * by what is built in; nothing of that kind is let by.
 */

static void
test_lenient(void **state)
{
    int           i, k, opened, kept;
    policy_t     *p;
    request_t    *q;
    sp_policy_t  *policy;

    static sp_verdict_t  strict, lenient;

    srand(SEED + 3);
    p = calloc(1, sizeof(policy_t));
    q = calloc(1, sizeof(request_t));
    opened = kept = 0;

    for (i = 0; i < POLICIES; i++) {
        random_policy(p, 0);
        policy = compile_mixed(p);

        for (k = 0; k < 8; k++) {
            random_head(q);
            random_body(q);

            sp_decide(policy, &q->facts, SP_STAGE_WHOLE, &strict);
            q->facts.lenient = 1;
            sp_decide(policy, &q->facts, SP_STAGE_WHOLE, &lenient);

            if (strict.decision == SP_VERDICT_ALLOW) {
                assert_int_equal(lenient.decision, SP_VERDICT_ALLOW);
            }

            assert_int_equal(lenient.decision == SP_VERDICT_DENY,
                             has(&lenient, policy, -1, 1));

            if (strict.more == 0 && has(&strict, policy, -1, 1)
                && !(strict.nmatches == 1 && strict.matches[0].rule
                                             == -1 - SP_B_DEFAULT))
            {
                kept++;
                assert_int_equal(lenient.decision, SP_VERDICT_DENY);
            }

            opened += strict.decision == SP_VERDICT_DENY
                      && lenient.decision == SP_VERDICT_ALLOW;
        }

        free(policy);
    }

    assert_true(opened > 20);
    assert_true(kept > 20);

    free(p);
    free(q);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_clerical),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_lenient)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tests of key and account records: what is refused,
 * what is mandatory for whom, and that the compact form gives back exactly
 * what was put in and survives any damage.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "sp_account.h"


#define PAIRS  48


/* A record under construction: name, value, name, value. */

typedef struct {
    sp_pair_t  pairs[PAIRS];
    size_t     n;
} record_t;


static const char *const  good[] = {
    "v", "1", "ver", "4711", "type", "organization", "status", "verified",
    "level", "3", "verified_at", "1772323200", "expires_at", "1803859200",
    "incorporated", "SG", "headquarters", "SG", "parent", "CN-HK",
    "use_locations", "SG,MY", "accepted_locations", "DE,US-CA",
    "egress", "203.0.113.0/24,2001:db8::/32", "billing", "SG",
    "owners", "CN+KY:6000,SG:2501-4000,PUB:0-100,ZZ:5",
    "owners_method", "cascade", "owners_as_of", "1772323200",
    "owners_floor", "500", "control", "CN:contract,US:board",
    "listed", "SDN:3000,EL:2500", "screening", "clear",
    "screened_at", "1795348800", "end_use", "commercial",
    "end_use_expires", "1803859200", "resale", "none", "linkage", "ok",
    "plan", "gold", "tiers", "1,2", "tags", "pilot,beta_2",
    "by", "anna", "why", "yearly review", "changed_at", "1795348800",
    "x_cleared", "yes", "mystery", "1", NULL
};

static const char *const  good_key[] = {
    "v", "1", "ver", "7", "account", "acct_b", "name", "k_8d21",
    "status", "active", "not_before", "1772323200", "expires_at",
    "1803859200", "networks", "198.51.100.7,2001:db8::/48", "tiers", "3",
    "mystery", "1", NULL
};


static void
build(record_t *r, const char *const *words)
{
    for (r->n = 0; words[2 * r->n] != NULL; r->n++) {
        r->pairs[r->n].name = sp_cstr(words[2 * r->n]);
        r->pairs[r->n].value = sp_cstr(words[2 * r->n + 1]);
    }
}


static void
set(record_t *r, const char *name, const char *value)
{
    size_t  i;

    for (i = 0; i < r->n; i++) {
        if (sp_str_eq(r->pairs[i].name, sp_cstr(name))) {
            break;
        }
    }

    if (value == NULL) {
        assert_true(i < r->n);
        r->pairs[i] = r->pairs[--r->n];
        return;
    }

    r->n += i == r->n;
    assert_true(r->n <= PAIRS);
    r->pairs[i].name = sp_cstr(name);
    r->pairs[i].value = sp_cstr(value);
}


static sp_rc_t
parse(sp_account_t *a, const record_t *r, sp_record_error_t *e)
{
    return sp_account_parse(a, SP_STR("acct_b"), r->pairs, r->n, e);
}


/* With name set to value, the record is invalid and the field is blamed. */

static void
refused(const char *name, const char *value)
{
    record_t           r;
    sp_account_t       a;
    sp_record_error_t  e;

    build(&r, good);
    set(&r, name, value);

    if (parse(&a, &r, &e) != SP_ERROR) {
        fail_msg("%s \"%.40s\" is taken", name, value ? value : "(none)");
    }

    assert_non_null(e.why);
    assert_string_equal(e.field, name);
}


static void
taken(const char *name, const char *value)
{
    record_t           r;
    sp_account_t       a;
    sp_record_error_t  e;

    build(&r, good);
    set(&r, name, value);

    if (parse(&a, &r, &e) != SP_OK) {
        fail_msg("%s \"%s\": %s %s", name, value ? value : "(none)", e.field,
                 e.why);
    }
}


static sp_place_t
place(const char *text)
{
    sp_place_t  p;

    assert_int_equal(sp_place_parse(sp_cstr(text), &p), SP_PLACE_OK);
    return p;
}


static void
test_values(void **state)
{
    record_t           r;
    sp_str_t           value;
    sp_account_t       a;
    sp_record_error_t  e;

    build(&r, good);
    assert_int_equal(parse(&a, &r, &e), SP_OK);
    assert_null(e.field);

    assert_int_equal(a.ver, 4711);
    assert_int_equal(a.type, SP_TYPE_ORGANIZATION);
    assert_int_equal(a.status, SP_STATUS_VERIFIED);
    assert_int_equal(a.level, 3);
    assert_int_equal(a.verified_at, 1772323200);
    assert_int_equal(a.expires_at, 1803859200);
    assert_true(a.pending_since == SP_TIME_ABSENT);
    assert_int_equal(a.incorporated, place("SG"));
    assert_int_equal(a.parent, place("HK"));
    assert_int_equal(a.residence, SP_PLACE_NONE);
    assert_int_equal(a.nuse, 2);
    assert_int_equal(a.naccepted, 2);
    assert_int_equal(a.accepted_locations[1], place("US-CA"));
    assert_int_equal(a.negress, 2);
    assert_int_equal(a.egress[0].bits, 120);
    assert_int_equal(a.has_owners, 1);
    assert_int_equal(a.nowners, 4);
    assert_int_equal(a.owners[0].min, 6000);
    assert_int_equal(a.owners[0].max, 6000);
    assert_int_equal(a.owners[0].nplaces, 2);
    assert_int_equal(a.owners[0].places[1], place("KY"));
    assert_int_equal(a.owners[1].min, 2501);
    assert_int_equal(a.owners[1].max, 4000);
    assert_int_equal(a.owners[2].floating, 1);
    assert_int_equal(a.owners[2].nplaces, 0);
    assert_int_equal(a.owners[3].unknown, 1);
    assert_int_equal(a.owners_method, SP_METHOD_CASCADE);
    assert_int_equal(a.owners_floor, 500);
    assert_int_equal(a.ncontrol, 2);
    assert_int_equal(a.control[0].kind, SP_CONTROL_CONTRACT);
    assert_int_equal(a.control[1].place, place("US"));
    assert_int_equal(a.nlisted, 2);
    assert_memory_equal(a.listed[1].list, "EL", 2);
    assert_int_equal(a.listed[1].share, 2500);
    assert_int_equal(a.screening, SP_SCREENING_CLEAR);
    assert_int_equal(a.end_use, SP_END_USE_COMMERCIAL);
    assert_int_equal(a.resale, SP_RESALE_NONE);
    assert_int_equal(a.linkage, SP_LINKAGE_OK);
    assert_int_equal(a.tiers, 6);
    assert_int_equal(a.ntags, 2);
    assert_string_equal(a.tags[1], "beta_2");
    assert_memory_equal(a.plan, "gold", a.plan_len);
    assert_int_equal(a.ignored, 1);
    assert_int_equal(sp_account_own(&a, SP_STR("x_cleared"), &value), SP_OK);
    assert_true(sp_str_eq(value, SP_STR("yes")));
    assert_int_equal(sp_account_own(&a, SP_STR("x_other"), &value),
                     SP_DECLINED);
}


static void
test_refusals(void **state)
{
    size_t                    i;
    char                      many[2048], *p;

    static const char *const  bad[] = {
        "v", "2", "v", "0", "v", "01", "v", "one", "ver", "-1",
        "ver", "9007199254740992", "ver", "1.5", "ver", " 1",
        "type", "Organization", "type", "company", "status", "active",
        "status", "verified ", "level", "4", "level", "three",
        "verified_at", "2026-01-01", "verified_at", "1772323200.0",
        "expires_at", "253402300800", "expires_at", "99999999999999999999",
        "incorporated", "sg", "incorporated", "XX", "incorporated", "SGP",
        "incorporated", "SG,MY", "parent", "TP", "use_locations", "SG, MY",
        "use_locations", "SG,,MY", "use_locations", "SG,", "use_locations",
        ",SG", "use_locations", "SG;MY", "egress", "AS64500",
        "egress", "203.0.113.1/24", "egress", "203.0.113.0/24,x",
        "owners", "SG", "owners", "SG:", "owners", ":5000", "owners",
        "SG:10001", "owners", "SG:60.5", "owners", "SG:5000-4000",
        "owners", "SG:6000,CN:4001", "owners", "SG:-5", "owners", "SG:5-",
        "owners", "SG++CN:5", "owners", "SG+:5", "owners", "sg:5",
        "owners", "pub:5", "owners", "SG:5,", "owners",
        "SG+MY+CN+HK+US+DE+FR:5", "owners_method", "guess",
        "owners_floor", "10001", "control", "CN", "control", "CN:friends",
        "control", "ZZ:contract", "control", "CN:contract,", "listed", "SDN",
        "listed", "SDN:10001", "listed", "SDN:1,SDN:2", "listed", ":5",
        "listed", "ABCDEFGHIJKLMNOPQ:1", "listed", "S N:1",
        "screening", "ok", "screened_at", "now", "end_use", "war",
        "resale", "yes", "linkage", "blocked:c-8812", "plan", "a b",
        "plan", "abcdefghijklmnopqrstuvwxyz0123456", "tiers", "0",
        "tiers", "4", "tiers", "1,2,", "tiers", "high", "tags", "A",
        "tags", "a,,b", "tags", "abcdefghijklmnopqrstuvwxyz0123456", NULL
    };

    for (i = 0; bad[i] != NULL; i += 2) {
        refused(bad[i], bad[i + 1]);
    }

    /* one item more than each list holds */

    for (p = many, i = 0; i <= SP_PLACES_MAX; i++) {
        p += sprintf(p, "%sSG", i ? "," : "");
    }

    refused("use_locations", many);
    many[3 * SP_PLACES_MAX - 1] = '\0';
    taken("use_locations", many);

    for (p = many, i = 0; i <= SP_NETWORKS_MAX; i++) {
        p += sprintf(p, "%s10.0.0.%d", i ? "," : "", (int) i);
    }

    refused("egress", many);
    *strrchr(many, ',') = '\0';
    taken("egress", many);

    for (p = many, i = 0; i <= SP_OWNERS_MAX; i++) {
        p += sprintf(p, "%sSG:1", i ? "," : "");
    }

    refused("owners", many);
    *strrchr(many, ',') = '\0';
    taken("owners", many);

    for (p = many, i = 0; i <= SP_PLACES_MAX; i++) {
        p += sprintf(p, "%sSG:other", i ? "," : "");
    }

    refused("control", many);
    *strrchr(many, ',') = '\0';
    taken("control", many);

    for (p = many, i = 0; i <= SP_LISTED_MAX; i++) {
        p += sprintf(p, "%sL%d:1", i ? "," : "", (int) i);
    }

    refused("listed", many);
    *strrchr(many, ',') = '\0';
    taken("listed", many);

    for (p = many, i = 0; i <= SP_TAGS_MAX; i++) {
        p += sprintf(p, "%st%d", i ? "," : "", (int) i);
    }

    refused("tags", many);
    *strrchr(many, ',') = '\0';
    taken("tags", many);
}


static void
test_taken(void **state)
{
    record_t           r;
    sp_account_t       a;
    sp_record_error_t  e;

    taken("incorporated", "ZZ");
    taken("use_locations", "ZZ");

    /* a set: places are in it once, however they are written */

    build(&r, good);
    set(&r, "use_locations", "SG,MY,SG,HK,CN-HK");
    assert_int_equal(parse(&a, &r, &e), SP_OK);
    assert_int_equal(a.nuse, 3);

    taken("owners", "SG:10000");
    taken("owners", "SG+MY+CN+HK+US+DE:5");
    taken("owners", "SG:5000,CN:5000");
    taken("owners", "SG:0-10000,CN:0-10000");
    taken("owners", "");
    taken("tags", "");
    taken("egress", "");
    taken("pending_since", "0");
    taken("status", "review");
    taken("level", "0");
}


/* Taking any one mandatory field away, or emptying it, is noticed. */

static void
test_mandatory(void **state)
{
    size_t                    i, k;
    record_t                  r;
    sp_account_t              a;
    sp_record_error_t         e;

    static const char *const  organization[] = {
        "v", "ver", "type", "status", "level", "verified_at", "expires_at",
        "screening", "screened_at", "use_locations", "incorporated",
        "headquarters", "parent", "owners_method", "owners_as_of",
        "owners_floor"
    };

    static const char *const  types[] = {
        "individual", "government", "reseller"
    };

    static const char *const  wants[] = {
        "residence", "incorporated", "resale"
    };

    static const char *const  closed[] = {
        "v", "1", "ver", "1", "type", "organization", "level", "0",
        "status", "suspended", NULL
    };

    for (i = 0; i < sp_nelts(organization); i++) {
        refused(organization[i], NULL);
        refused(organization[i], "");
    }

    refused("owners", NULL);

    for (i = 0; i < sp_nelts(types); i++) {
        build(&r, good);
        set(&r, "type", types[i]);
        set(&r, "residence", "DE");
        assert_int_equal(parse(&a, &r, &e), SP_OK);
        set(&r, wants[i], NULL);
        assert_int_equal(parse(&a, &r, &e), SP_ERROR);
        assert_string_equal(e.field, wants[i]);
    }

    /* screening "none" needs no date; level 1 no places, 2 no owners */

    build(&r, good);
    set(&r, "screening", "none");
    set(&r, "screened_at", NULL);
    assert_int_equal(parse(&a, &r, &e), SP_OK);
    set(&r, "level", "2");
    set(&r, "owners", NULL);
    assert_int_equal(parse(&a, &r, &e), SP_OK);
    set(&r, "level", "1");
    set(&r, "use_locations", NULL);
    assert_int_equal(parse(&a, &r, &e), SP_OK);
    set(&r, "level", "2");
    assert_int_equal(parse(&a, &r, &e), SP_ERROR);

    /* without verification the five are enough; pending is dated */

    for (i = 0; closed[2 * i + 2] != NULL; i++) {
        build(&r, closed);
        assert_int_equal(parse(&a, &r, &e), SP_OK);
        set(&r, closed[2 * i], NULL);
        assert_int_equal(parse(&a, &r, &e), SP_ERROR);
        assert_string_equal(e.field, closed[2 * i]);
    }

    build(&r, closed);
    set(&r, "status", "pending");
    assert_int_equal(parse(&a, &r, &e), SP_ERROR);
    assert_string_equal(e.field, "pending_since");

    /* an empty hash is no account */

    assert_int_equal(sp_account_parse(&a, SP_STR("acct_b"), NULL, 0, &e),
                     SP_ERROR);

    /* a field twice, also an empty one */

    for (k = 0; k < 2; k++) {
        build(&r, good);
        r.pairs[r.n].name = SP_STR("billing");
        r.pairs[r.n].value = k ? SP_STR("") : SP_STR("SG");
        r.n++;
        assert_int_equal(parse(&a, &r, &e), SP_ERROR);
        assert_string_equal(e.field, "billing");
    }
}


static void
test_ids(void **state)
{
    char                      longest[SP_ID_LEN + 2];
    size_t                    i;
    record_t                  r;
    sp_account_t              a;
    sp_record_error_t         e;

    static const char *const  bad[] = {
        "", " ", "a b", "a/b", "a{b", "a}b", "a*", "\xc3\xa9", "a\n", "a\"b"
    };

    build(&r, good);

    for (i = 0; i < sp_nelts(bad); i++) {
        assert_false(sp_id_valid(sp_cstr(bad[i])));
        assert_int_equal(sp_account_parse(&a, sp_cstr(bad[i]), r.pairs, r.n,
                                          &e), SP_ERROR);
    }

    memset(longest, 'a', sizeof(longest));
    longest[SP_ID_LEN + 1] = '\0';
    assert_false(sp_id_valid(sp_cstr(longest)));
    longest[SP_ID_LEN] = '\0';
    assert_true(sp_id_valid(sp_cstr(longest)));
    assert_int_equal(sp_account_parse(&a, sp_cstr(longest), r.pairs, r.n,
                                      &e), SP_OK);
    assert_int_equal(a.id_len, SP_ID_LEN);
    assert_true(sp_id_valid(SP_STR("org:eu-1_b.c@x")));
}


static void
test_own(void **state)
{
    char               name[32], longest[600];
    size_t             i;
    record_t           r;
    sp_str_t           value;
    sp_account_t       a;
    sp_record_error_t  e;

    static char        names[SP_OWN_FIELDS_MAX + 1][16];

    refused("x_*", "odd name");
    build(&r, good);
    set(&r, "x_bad", "\xff");
    assert_int_equal(parse(&a, &r, &e), SP_ERROR);
    assert_string_equal(e.field, "x_*");

    r.pairs[r.n - 1].value = SP_STR("a\0b");
    assert_int_equal(parse(&a, &r, &e), SP_ERROR);

    memset(longest, 'y', sizeof(longest));
    longest[SP_OWN_BYTES] = '\0';
    set(&r, "x_bad", longest);
    assert_int_equal(parse(&a, &r, &e), SP_ERROR);

    build(&r, good);
    r.pairs[r.n].name = SP_STR("x_cleared");
    r.pairs[r.n++].value = SP_STR("no");
    assert_int_equal(parse(&a, &r, &e), SP_ERROR);

    build(&r, good);
    set(&r, "x_cleared", NULL);
    set(&r, "mystery", NULL);
    set(&r, "by", NULL);
    set(&r, "why", NULL);
    set(&r, "changed_at", NULL);

    for (i = 0; i <= SP_OWN_FIELDS_MAX; i++) {
        assert_int_equal(parse(&a, &r, &e), SP_OK);
        assert_int_equal(a.nown, i);
        snprintf(names[i], sizeof(names[i]), "x_f%d", (int) i);
        set(&r, names[i], names[i] + 2);
    }

    assert_int_equal(parse(&a, &r, &e), SP_ERROR);
    r.n--;
    assert_int_equal(parse(&a, &r, &e), SP_OK);

    for (i = 0; i < SP_OWN_FIELDS_MAX; i++) {
        snprintf(name, sizeof(name), "x_f%d", (int) i);
        assert_int_equal(sp_account_own(&a, sp_cstr(name), &value), SP_OK);
        assert_true(sp_str_eq(value, sp_cstr(name + 2)));
    }
}


static void
test_key(void **state)
{
    size_t                    i;
    record_t                  r;
    sp_key_t                  k;
    sp_record_error_t         e;

    static const char *const  must[] = {
        "v", "ver", "account", "name", "status"
    };

    static const char *const  bad[] = {
        "v", "2", "ver", "x", "account", "a b", "name", "a/b", "status",
        "Active", "status", "suspended", "not_before", "soon", "expires_at",
        "-1", "networks", "10.0.0.1/8", "networks", "AS1", "networks",
        "10.0.0.0/8,", "tiers", "4", NULL
    };

    build(&r, good_key);
    assert_int_equal(sp_key_parse(&k, r.pairs, r.n, &e), SP_OK);
    assert_int_equal(k.ver, 7);
    assert_int_equal(k.status, SP_KEY_ACTIVE);
    assert_int_equal(k.tiers, 8);
    assert_int_equal(k.nnetworks, 2);
    assert_int_equal(k.networks[0].bits, 128);
    assert_int_equal(k.not_before, 1772323200);
    assert_memory_equal(k.account, "acct_b", k.account_len);
    assert_memory_equal(k.name, "k_8d21", k.name_len);
    assert_int_equal(k.ignored, 1);

    set(&r, "status", "revoked");
    assert_int_equal(sp_key_parse(&k, r.pairs, r.n, &e), SP_OK);
    assert_int_equal(k.status, SP_KEY_REVOKED);

    for (i = 0; i < sp_nelts(must); i++) {
        build(&r, good_key);
        set(&r, must[i], "");
        assert_int_equal(sp_key_parse(&k, r.pairs, r.n, &e), SP_ERROR);
        assert_string_equal(e.field, must[i]);
        set(&r, must[i], NULL);
        assert_int_equal(sp_key_parse(&k, r.pairs, r.n, &e), SP_ERROR);
        assert_string_equal(e.field, must[i]);
    }

    for (i = 0; bad[i] != NULL; i += 2) {
        build(&r, good_key);
        set(&r, bad[i], bad[i + 1]);

        if (sp_key_parse(&k, r.pairs, r.n, &e) != SP_ERROR) {
            fail_msg("%s \"%s\" is taken", bad[i], bad[i + 1]);
        }

        assert_string_equal(e.field, bad[i]);
    }
}


/* Fields come in any order, and any of them may be left out. */

static void
test_order(void **state)
{
    size_t             i, j;
    unsigned           round, ok;
    record_t           r;
    sp_pair_t          pair;
    sp_account_t       a, b;
    sp_record_error_t  e;
    unsigned char      bytes[SP_ACCOUNT_PACKED_MAX];
    unsigned char      again[SP_ACCOUNT_PACKED_MAX];

    srand(20261123);
    ok = 0;

    for (round = 0; round < 50000; round++) {
        build(&r, good);

        for (i = rand() % 4; i > 0; i--) {
            r.pairs[(size_t) rand() % r.n] = r.pairs[r.n - 1];
            r.n--;
        }

        memset(&a, 0xa5, sizeof(a));

        if (parse(&a, &r, &e) != SP_OK) {
            continue;
        }

        ok++;

        for (i = r.n - 1; i > 0; i--) {
            j = (size_t) rand() % (i + 1);
            pair = r.pairs[i];
            r.pairs[i] = r.pairs[j];
            r.pairs[j] = pair;
        }

        memset(&b, 0x5a, sizeof(b));
        assert_int_equal(parse(&b, &r, &e), SP_OK);
        assert_memory_equal(&a, &b, sizeof(a));

        /* and back from the compact form, over other bytes */

        i = sp_account_pack(&a, bytes, sizeof(bytes));
        assert_in_range(i, 1, 600);
        memset(&b, 0xa5, sizeof(b));
        assert_int_equal(sp_account_unpack(&b, bytes, i), SP_OK);
        assert_int_equal(sp_account_pack(&b, again, sizeof(again)), i);
        assert_memory_equal(bytes, again, i);

        for (j = (size_t) rand() % i; j < i; j += 97) {
            assert_int_equal(sp_account_pack(&a, again, j), 0);
            assert_int_equal(sp_account_unpack(&b, bytes, j), SP_ERROR);
        }
    }

    assert_true(ok > 1000);
}


/* What the rest of the engine relies on when it reads an account. */

static void
readable(const sp_account_t *a)
{
    unsigned     i, k;
    const char  *p;

    for (i = 0; i < a->nowners; i++) {
        assert_true(a->owners[i].nplaces <= SP_OWNER_PLACES);
        assert_true(a->owners[i].min <= a->owners[i].max);
        assert_true(a->owners[i].max <= SP_SHARE_ALL);

        for (k = 0; k < a->owners[i].nplaces; k++) {
            assert_in_range(sp_place_country(a->owners[i].places[k]), 1,
                            SP_COUNTRIES);
        }
    }

    for (i = 0; i < a->nlisted; i++) {
        assert_in_range(a->listed[i].len, 1, SP_LIST_LEN);
    }

    for (p = a->own, i = 0; i < 2u * a->nown; i++) {
        p = memchr(p, '\0', (size_t) (a->own + a->own_len - p));
        assert_non_null(p);
        p++;
    }

    assert_ptr_equal(p, a->own + a->own_len);
}


/* Every single-bit change: refused, or still within all bounds. */

static void
test_damage(void **state)
{
    size_t             n, i, m;
    unsigned           bit, refusals;
    record_t           r;
    sp_key_t           k, kk;
    sp_account_t       a, b;
    sp_record_error_t  e;
    unsigned char     *exact;
    unsigned char      bytes[SP_ACCOUNT_PACKED_MAX];
    unsigned char      again[SP_ACCOUNT_PACKED_MAX];

    build(&r, good);
    assert_int_equal(parse(&a, &r, &e), SP_OK);
    n = sp_account_pack(&a, bytes, sizeof(bytes));
    printf("an account of %zu bytes is packed into %zu\n", sizeof(a), n);
    refusals = 0;

    for (i = 0; i < n; i++) {
        for (bit = 0; bit < 8; bit++) {
            exact = malloc(n);
            memcpy(exact, bytes, n);
            exact[i] ^= (unsigned char) (1 << bit);

            if (sp_account_unpack(&b, exact, n) == SP_OK) {
                m = sp_account_pack(&b, again, sizeof(again));
                assert_int_equal(m, n);
                assert_memory_equal(again, exact, n);
                readable(&b);

            } else {
                refusals++;
            }

            free(exact);
        }
    }

    assert_true(refusals > 500);

    /* a seventh place would be read from the holding behind */

    build(&r, good);
    set(&r, "owners", "US+DE+FR+GB+IT+ES:9000,SG:100");
    assert_int_equal(parse(&a, &r, &e), SP_OK);
    n = sp_account_pack(&a, bytes, sizeof(bytes));
    assert_int_equal(sp_account_unpack(&b, bytes, n), SP_OK);
    a.owners[0].nplaces = SP_OWNER_PLACES + 1;
    n = sp_account_pack(&a, bytes, sizeof(bytes));
    assert_int_equal(sp_account_unpack(&b, bytes, n), SP_ERROR);

    build(&r, good_key);
    assert_int_equal(sp_key_parse(&k, r.pairs, r.n, &e), SP_OK);
    n = sp_key_pack(&k, bytes, sizeof(bytes));
    printf("a key of %zu bytes is packed into %zu\n", sizeof(k), n);
    assert_int_equal(sp_account_unpack(&b, bytes, n), SP_ERROR);
    refusals = 0;

    for (i = 0; i < n; i++) {
        assert_int_equal(sp_key_pack(&k, again, i), 0);
        assert_int_equal(sp_key_unpack(&kk, bytes, i), SP_ERROR);

        for (bit = 0; bit < 8; bit++) {
            exact = malloc(n);
            memcpy(exact, bytes, n);
            exact[i] ^= (unsigned char) (1 << bit);
            refusals += sp_key_unpack(&kk, exact, n) != SP_OK;
            free(exact);
        }
    }

    assert_true(refusals > 100);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_mandatory),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_own),
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_damage)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

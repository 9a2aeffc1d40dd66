
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tests of the policies that ship: the default policy
 * against its scenarios, the examples, every sample in the language's manual,
 * and an image that is cut or altered anywhere.
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

#include "policy_case.h"
#include "policy/sp_policy_image.h"


#define NOW  1795435200   /* 2026-11-23T12:00:00Z */


static const sp_policy_opts_t  no_regions = { NOW, 0 };
static const sp_policy_opts_t  regions = { NOW, 1 };


static sp_str_t
slurp(const char *path)
{
    FILE      *in;
    size_t     len;
    sp_str_t   s;
    char      *data;

    in = fopen(path, "rb");
    if (in == NULL) {
        fail_msg("%s cannot be opened (run from the top of the tree)", path);
    }

    data = malloc(SP_YAML_BYTES);
    len = fread(data, 1, SP_YAML_BYTES, in);
    fclose(in);

    s.data = (unsigned char *) data;
    s.len = len;

    return s;
}


static sp_policy_t *
load(const char *path, const sp_policy_opts_t *opts)
{
    sp_diags_t    diags;
    sp_policy_t  *policy;

    sp_diags_init(&diags);
    policy = sp_policy_load(path, opts, &diags);

    if (policy == NULL) {
        sp_diags_print(&diags, stderr);
        fail_msg("%s did not load", path);
    }

    sp_diags_free(&diags);

    return policy;
}


static void
test_examples(void **state)
{
    sp_diags_t    diags;
    sp_policy_t  *p;

    free(load("policy/examples/exceptions.yaml", &no_regions));
    free(load("policy/examples/regions.yaml", &regions));

    /* a country database never knows a subdivision */

    sp_diags_init(&diags);
    p = sp_policy_load("policy/examples/regions.yaml", &no_regions, &diags);
    assert_null(p);
    assert_int_equal(diags.items[0].code, 211);
    sp_diags_free(&diags);
}


/* Samples of the manual are whole policies that begin with their version. */

static void
test_manual(void **state)
{
    unsigned              n;
    sp_str_t              text, sample;
    sp_diags_t            diags;
    sp_policy_t          *p;
    const unsigned char  *at, *last, *end;

    text = slurp("policy/README.md");
    last = text.data + text.len;
    n = 0;

    for (at = text.data; at < last; at = end + 4) {
        at = memmem(at, (size_t) (last - at), "```yaml\n", 8);

        if (at == NULL) {
            break;
        }

        at += 8;
        end = memmem(at, (size_t) (last - at), "\n```", 4);
        assert_non_null(end);

        sample.data = at;
        sample.len = (size_t) (end - at) + 1;

        sp_diags_init(&diags);
        p = sp_policy_load_text("README.md", sample, &regions, &diags);

        if (p == NULL) {
            sp_diags_print(&diags, stderr);
            fail_msg("sample %u of the manual does not load", n + 1);
        }

        free(p);
        sp_diags_free(&diags);
        n++;
    }

    assert_true(n >= 5);
    free((void *) text.data);
}


/* The image is the same wherever its bytes are. */

static void
test_image(void **state)
{
    size_t        i, size;
    unsigned      seed, found;
    sp_policy_t  *p;
    unsigned char  *copy;

    p = load("policy/policy.yaml", &no_regions);
    size = sp_policy_size(p);
    copy = aligned_alloc(16, (size + 15) & ~(size_t) 15);

    memcpy(copy, p, size);
    assert_true(sp_policy_valid(copy, size));

    for (i = 0; i < size; i += 16) {
        assert_false(sp_policy_valid(copy, i));
    }

    ((sp_policy_t *) (void *) copy)->name.len = p->strings_len + 1;
    assert_false(sp_policy_valid(copy, size));
    ((sp_policy_t *) (void *) copy)->name = p->name;

    ((sp_rule_t *) (void *) (copy + p->rules))->message.off = UINT32_MAX;
    assert_false(sp_policy_valid(copy, size));
    memcpy(copy, p, size);

    /* what passes the test may be another policy, never a way out of it */

    seed = 20261123;
    srand(seed);
    print_message("seed %u\n", seed);

    for (i = 0, found = 0; i < 20000; i++) {
        int              rule;
        size_t           at = (size_t) rand() % size;
        unsigned char    old = copy[at];
        sp_facts_t       facts;
        sp_verdict_t     v;

        copy[at] ^= (unsigned char) (1 << rand() % 8);

        if (sp_policy_valid(copy, size)) {
            found++;
            sp_facts_init(&facts, NOW);
            sp_decide((sp_policy_t *) (void *) copy, &facts, SP_STAGE_WHOLE,
                      &v);
            assert_int_equal(v.decision, SP_VERDICT_DENY);

            rule = rand() % sp_policy_rules(p);
            (void) sp_rule_value((sp_policy_t *) (void *) copy, rule, &facts);
        }

        copy[at] = old;
    }

    print_message("%u of 20000 altered images were still policies\n", found);
    assert_true(found < 20000);

    free(copy);
    free(p);
}


static void
test_no_policy(void **state)
{
    sp_str_t      text;
    sp_facts_t    facts;
    sp_verdict_t  v;

    sp_facts_init(&facts, NOW);
    sp_decide(NULL, &facts, SP_STAGE_HEAD, &v);

    assert_int_equal(v.decision, SP_VERDICT_DENY);
    assert_int_equal(v.status, 503);
    assert_int_equal(v.reason, SP_R_NO_POLICY);

    text = sp_verdict_text(NULL, &v);
    assert_true(text.len != 0);
}


/* An organization with everything in order, asking for a tier 3 model. */

static const char  in_order[] =
    "ip.country: SG\n"
    "model.id: claude-opus-4\n"
    "account.v: 1\n"
    "account.ver: 12\n"
    "account.type: organization\n"
    "account.status: verified\n"
    "account.level: 3\n"
    "account.verified_at: 1772323200\n"
    "account.expires_at: 1803859200\n"
    "account.incorporated: SG\n"
    "account.headquarters: SG\n"
    "account.parent: SG\n"
    "account.use_locations: SG\n"
    "account.owners: SG:10000\n"
    "account.owners_method: cascade\n"
    "account.owners_as_of: 1772323200\n"
    "account.owners_floor: 500\n"
    "account.screening: clear\n"
    "account.screened_at: 1795348800\n"
    "account.end_use: commercial\n"
    "account.end_use_expires: 1803859200\n";


static void
test_speed(void **state)
{
    int              i, n;
    double           ns;
    sp_arena_t      *arena;
    sp_diags_t       diags;
    sp_policy_t     *p;
    sp_ysource_t     source;
    sp_verdict_t     v;
    policy_case_t   *c;
    struct timespec  a, b;

    p = load("policy/policy.yaml", &no_regions);
    arena = sp_arena_create();
    c = calloc(1, sizeof(policy_case_t));
    sp_diags_init(&diags);

    case_map(c, sp_yaml_parse(&source, "t", sp_cstr(in_order), arena, &diags));
    case_facts(c, NOW);
    case_body(c);

    n = getenv("SP_LOOPS") ? atoi(getenv("SP_LOOPS")) : 200000;
    clock_gettime(CLOCK_MONOTONIC, &a);

    for (i = 0; i < n; i++) {
        sp_decide(p, &c->facts, SP_STAGE_WHOLE, &v);
    }

    clock_gettime(CLOCK_MONOTONIC, &b);
    ns = ((double) (b.tv_sec - a.tv_sec) * 1e9
          + (double) (b.tv_nsec - a.tv_nsec)) / (n ? n : 1);

    print_message("default policy, %d rules: %.0f ns a decision\n",
                  sp_policy_rules(p), ns);
    assert_int_equal(v.decision, SP_VERDICT_ALLOW);

    free(c);
    free(p);
    sp_arena_destroy(arena);
    sp_diags_free(&diags);
}


/* A file that would make a reader wait, or never end, is refused at once. */

static void
test_no_files(void **state)
{
    unsigned      i;
    char          fifo[64];
    sp_diags_t    diags;

    const char   *files[] = { fifo, "/dev/zero", "/", "/no/such/file" };

    snprintf(fifo, sizeof(fifo), "/tmp/sallyport-fifo-%d", (int) getpid());
    assert_int_equal(mkfifo(fifo, 0600), 0);

    (void) alarm(10);

    for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        sp_diags_init(&diags);
        assert_null(sp_policy_load(files[i], &no_regions, &diags));
        assert_int_equal(diags.errors, 1);
        assert_int_equal(diags.items[0].code, 100);
        sp_diags_free(&diags);
    }

    (void) alarm(0);
    (void) unlink(fifo);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_manual),
        cmocka_unit_test(test_image),
        cmocka_unit_test(test_no_policy),
        cmocka_unit_test(test_no_files),
        cmocka_unit_test(test_speed)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

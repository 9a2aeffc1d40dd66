
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


static int
matched(const sp_policy_t *p, const sp_verdict_t *v, sp_str_t name)
{
    int  i;

    for (i = 0; i < v->nmatches; i++) {
        if (sp_str_eq(sp_match_name(p, &v->matches[i]), name)) {
            return 1;
        }
    }

    return 0;
}


static int
applied(const sp_policy_t *p, const sp_verdict_t *v, sp_str_t name)
{
    int  i;

    for (i = 0; i < v->napply; i++) {
        if (sp_str_eq(sp_policy_rule_id(p, v->apply[i].rule), name)) {
            return 1;
        }
    }

    return 0;
}


static void
check_case(const sp_policy_t *p, const sp_ynode_t *expect,
    const sp_verdict_t *v, const char *name)
{
    int                i, sure;
    char               status[8];
    sp_str_t           code;
    const sp_ynode_t  *node, *child;

    node = sp_ynode_get(expect, "decision");
    code = sp_policy_reason_code(p, v->reason);

    if (strcmp((const char *) node->text.data,
               v->decision == SP_VERDICT_ALLOW ? "allow" : "deny") != 0)
    {
        fail_msg("%s: decision %d, reason %.*s", name, v->decision,
                 (int) code.len, code.data);
    }

    if (v->decision == SP_VERDICT_DENY) {
        node = sp_ynode_get(expect, "reason");

        if (node == NULL || !sp_str_eq(node->text, code)) {
            fail_msg("%s: reason %.*s", name, (int) code.len, code.data);
        }

        assert_in_range(v->primary, 0, v->nmatches - 1);
    }

    node = sp_ynode_get(expect, "status");
    snprintf(status, sizeof(status), "%u", v->status);

    if (node != NULL && !sp_str_eq(node->text, sp_cstr(status))) {
        fail_msg("%s: status %s", name, status);
    }

    for (i = 0; i < 2; i++) {
        node = sp_ynode_get(expect, i ? "flags" : "by");

        for (child = node ? node->first : NULL; child; child = child->next) {
            if (!matched(p, v, child->text)) {
                fail_msg("%s: %s did not match", name, child->text.data);
            }
        }
    }

    node = sp_ynode_get(expect, "throttles");

    if (node != NULL) {
        assert_int_equal(node->n, v->napply);

        for (child = node->first; child; child = child->next) {
            if (!applied(p, v, child->text)) {
                fail_msg("%s: %s does not apply", name, child->text.data);
            }
        }
    }

    if (sp_ynode_get(expect, "match") != NULL) {

        for (i = 0, sure = 0; i < v->nmatches; i++) {
            sure |= (v->matches[i].truth == SP_TRUE
                     && sp_policy_rule_kind(p, v->matches[i].rule)
                        == SP_RULE_DENY);
        }

        assert_false(sure);
    }
}


/* Every case, at the head and whole; the head never refuses what whole allows */

static void
test_default_cases(void **state)
{
    unsigned           n;
    sp_str_t           text;
    sp_arena_t        *arena;
    sp_diags_t         diags;
    sp_policy_t       *p;
    const char        *name;
    sp_ysource_t       source;
    sp_verdict_t       head, whole;
    const sp_ynode_t  *root, *base, *cases, *one;
    policy_case_t     *c;

    p = load("policy/policy.yaml", &no_regions);
    text = slurp("policy/tests/default_test.yaml");
    arena = sp_arena_create();
    c = calloc(1, sizeof(policy_case_t));

    sp_diags_init(&diags);
    root = sp_yaml_parse(&source, "default_test.yaml", text, arena, &diags);
    sp_diags_print(&diags, stderr);
    assert_non_null(root);

    base = sp_ynode_get(root, "base");
    cases = sp_ynode_get(root, "cases");
    assert_non_null(base);
    assert_non_null(cases);

    for (n = 0, one = cases->first; one != NULL; one = one->next, n++) {
        name = (const char *) sp_ynode_get(one, "name")->text.data;

        c->n = 0;
        case_map(c, base);
        case_map(c, sp_ynode_get(one, "set"));
        case_facts(c, NOW);

        sp_decide(p, &c->facts, SP_STAGE_HEAD, &head);
        case_body(c);
        sp_decide(p, &c->facts, SP_STAGE_WHOLE, &whole);

        check_case(p, sp_ynode_get(one, "expect"), &whole, name);

        if (head.decision == SP_VERDICT_DENY
            && whole.decision != SP_VERDICT_DENY)
        {
            fail_msg("%s: refused at the head, allowed whole", name);
        }
    }

    assert_true(n >= 40);

    free(c);
    free(p);
    free((void *) text.data);
    sp_arena_destroy(arena);
    sp_diags_free(&diags);
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


static void
test_speed(void **state)
{
    int              i, n;
    double           ns;
    sp_str_t         text;
    sp_arena_t      *arena;
    sp_diags_t       diags;
    sp_policy_t     *p;
    sp_ysource_t     source;
    sp_verdict_t     v;
    policy_case_t   *c;
    struct timespec  a, b;

    p = load("policy/policy.yaml", &no_regions);
    text = slurp("policy/tests/default_test.yaml");
    arena = sp_arena_create();
    c = calloc(1, sizeof(policy_case_t));
    sp_diags_init(&diags);

    case_map(c, sp_ynode_get(sp_yaml_parse(&source, "t", text, arena, &diags),
                             "base"));
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
    free((void *) text.data);
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
        cmocka_unit_test(test_default_cases),
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_manual),
        cmocka_unit_test(test_image),
        cmocka_unit_test(test_no_policy),
        cmocka_unit_test(test_no_files),
        cmocka_unit_test(test_speed)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

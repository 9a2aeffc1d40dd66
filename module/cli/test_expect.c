
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the comparing of a verdict with what a test expects.
 */


#include <stdarg.h>
#include <stdlib.h>

#include "test_named.h"


static sp_rc_t sp_test_one(sp_test_file_t *file, const sp_test_case_t *one,
    const char *name, const sp_ynode_t *want, sp_test_result_t *r);
static void sp_test_decision(const sp_ynode_t *want, sp_test_result_t *r);
static void sp_test_number(const sp_ynode_t *want, sp_test_result_t *r);
static void sp_test_reason(const sp_ynode_t *want, sp_test_result_t *r);
static sp_rc_t sp_test_by(sp_test_file_t *file, const sp_ynode_t *want,
    sp_test_result_t *r);
static void sp_test_only(const sp_ynode_t *want, const sp_ynode_t *by,
    sp_test_result_t *r);
static void sp_test_match(const sp_ynode_t *want, sp_test_result_t *r);
static sp_rc_t sp_test_not(sp_test_file_t *file, const sp_ynode_t *want,
    sp_test_result_t *r);
static sp_rc_t sp_test_some(sp_test_file_t *file, const char *what,
    sp_named_t how, const sp_ynode_t *want, sp_test_result_t *r);
static sp_rc_t sp_test_throttles(sp_test_file_t *file,
    const sp_ynode_t *want, sp_test_result_t *r);
static sp_rc_t sp_test_lifted(sp_test_file_t *file, const sp_ynode_t *want,
    sp_test_result_t *r);


void
sp_test_problem(sp_test_result_t *result, const char *fmt, ...)
{
    char     text[512];
    va_list  args;

    if (result->nproblems == SP_TEST_PROBLEMS) {
        return;
    }

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    result->problems[result->nproblems++] = sp_cli_copy(sp_cstr(text));
}


sp_rc_t
sp_test_expect(sp_test_file_t *file, const sp_test_case_t *one,
    sp_test_result_t *r)
{
    size_t             i;
    uint64_t           passed;
    const sp_ynode_t  *want;

    if (one->expect.n == 0) {
        sp_test_error(file, one->node, NULL, "'%s' expects nothing: it could "
                      "not fail", one->name);
        return SP_ERROR;
    }

    passed = one->burst != 0 ? sp_test_limits(one, r) : 0;

    for (i = 0; i < one->expect.n; i++) {
        if (sp_test_one(file, one, one->expect.names[i],
                        one->expect.values[i], r)
            != SP_OK)
        {
            return SP_ERROR;
        }
    }

    want = sp_test_get(&one->expect, "after");

    if (want != NULL && one->burst == 0) {
        sp_test_error(file, want, NULL, "'after' needs a 'burst'");
        return SP_ERROR;
    }

    if (want != NULL) {
        char  text[24];

        (void) snprintf(text, sizeof(text), "%llu",
                        (unsigned long long) passed);

        if (!sp_str_eq(want->text, sp_cstr(text))) {
            sp_test_problem(r, "expected a throttle after %s, %s passed",
                            want->text.data, text);
        }
    }

    return SP_OK;
}


static sp_rc_t
sp_test_one(sp_test_file_t *file, const sp_test_case_t *one,
    const char *name, const sp_ynode_t *want, sp_test_result_t *r)
{
    if (strcmp(name, "decision") == 0) {
        sp_test_decision(want, r);

    } else if (strcmp(name, "status") == 0) {
        sp_test_number(want, r);

    } else if (strcmp(name, "reason") == 0) {
        sp_test_reason(want, r);

    } else if (strcmp(name, "by") == 0) {
        return sp_test_by(file, want, r);

    } else if (strcmp(name, "only") == 0) {
        sp_test_only(want, sp_test_get(&one->expect, "by"), r);

    } else if (strcmp(name, "not") == 0) {
        return sp_test_not(file, want, r);

    } else if (strcmp(name, "match") == 0) {
        sp_test_match(want, r);

    } else if (strcmp(name, "flags") == 0) {
        return sp_test_some(file, "flag", SP_NAMED_FLAG, want, r);

    } else if (strcmp(name, "shadow") == 0) {
        return sp_test_some(file, "shadow match of", SP_NAMED_SHADOW, want,
                            r);

    } else if (strcmp(name, "throttles") == 0) {
        return sp_test_throttles(file, want, r);

    } else if (strcmp(name, "lifted") == 0) {
        return sp_test_lifted(file, want, r);

    } else if (strcmp(name, "excepted") == 0
               && sp_str_eq(want->text, SP_STR("yes"))
                  != (r->verdict.excepted != 0))
    {
        sp_test_problem(r, "expected excepted: %s", want->text.data);
    }

    return SP_OK;
}


static void
sp_test_decision(const sp_ynode_t *want, sp_test_result_t *r)
{
    sp_str_t     code;
    const char  *got;

    got = sp_explain_decision(r->verdict.decision);

    if (sp_str_eq(want->text, sp_cstr(got))) {
        return;
    }

    if (r->verdict.decision == SP_VERDICT_DENY) {
        code = sp_policy_reason_code(r->policy, r->verdict.reason);
        sp_test_problem(r, "expected %s, got %s %u %.*s", want->text.data, got,
                        r->verdict.status, (int) code.len, code.data);
        return;
    }

    sp_test_problem(r, "expected %s, got %s", want->text.data, got);
}


static void
sp_test_number(const sp_ynode_t *want, sp_test_result_t *r)
{
    char  text[16];

    (void) snprintf(text, sizeof(text), "%u", r->verdict.status);

    if (!sp_str_eq(want->text, sp_cstr(text))) {
        sp_test_problem(r, "expected status %s, got %s", want->text.data,
                        r->verdict.decision == SP_VERDICT_ALLOW ? "none"
                                                                : text);
    }
}


static void
sp_test_reason(const sp_ynode_t *want, sp_test_result_t *r)
{
    sp_str_t  code;

    code = r->verdict.decision == SP_VERDICT_ALLOW ? SP_STR("none")
           : sp_policy_reason_code(r->policy, r->verdict.reason);

    if (!sp_str_eq(want->text, code)) {
        sp_test_problem(r, "expected reason %s, got %.*s", want->text.data,
                        (int) code.len, code.data);
    }
}


static sp_rc_t
sp_test_by(sp_test_file_t *file, const sp_ynode_t *want, sp_test_result_t *r)
{
    const sp_ynode_t  *item;

    for (item = sp_test_items(want); item != NULL;
         item = item == want ? NULL : item->next)
    {
        if (sp_test_named(file, item, r) != SP_OK) {
            return SP_ERROR;
        }

        if (!sp_test_found(r, item->text, SP_NAMED_DENY)) {
            sp_test_problem(r, "expected by %s, which did not decide",
                            item->text.data);
        }
    }

    return SP_OK;
}


static void
sp_test_only(const sp_ynode_t *want, const sp_ynode_t *by,
    sp_test_result_t *r)
{
    unsigned           i;
    sp_str_t           name;
    const sp_match_t  *match;

    if (!sp_str_eq(want->text, SP_STR("yes"))) {
        return;
    }

    for (i = 0; i < r->verdict.nmatches; i++) {
        match = &r->verdict.matches[i];
        name = sp_match_name(r->policy, match);

        if (sp_test_found(r, name, SP_NAMED_DENY)
            && (by == NULL || !sp_test_listed(by, name)))
        {
            sp_test_problem(r, "%.*s matched too", (int) name.len, name.data);
        }
    }
}


static void
sp_test_match(const sp_ynode_t *want, sp_test_result_t *r)
{
    int                sure;
    unsigned           i;
    const sp_match_t  *match;

    sure = 0;

    for (i = 0; i < r->verdict.nmatches; i++) {
        match = &r->verdict.matches[i];

        if (match->truth == SP_TRUE && match->lifted_by < 0 && !match->shadow
            && (match->rule < 0
                || sp_policy_rule_kind(r->policy, match->rule)
                   == SP_RULE_DENY))
        {
            sure = 1;
        }
    }

    if (r->verdict.decision != SP_VERDICT_DENY
        || sp_str_eq(want->text, SP_STR("unknown")) == sure)
    {
        sp_test_problem(r, "expected a match by %s, got %s", want->text.data,
                        r->verdict.decision != SP_VERDICT_DENY ? "none"
                        : sure ? "a fact that is known"
                        : "facts that are not known");
    }
}


static sp_rc_t
sp_test_not(sp_test_file_t *file, const sp_ynode_t *want,
    sp_test_result_t *r)
{
    const sp_ynode_t  *item;

    for (item = sp_test_items(want); item != NULL;
         item = item == want ? NULL : item->next)
    {
        if (sp_test_named(file, item, r) != SP_OK) {
            return SP_ERROR;
        }

        if (sp_test_found(r, item->text, SP_NAMED_ANY)) {
            sp_test_problem(r, "%s matched, which was not expected",
                            item->text.data);
        }
    }

    return SP_OK;
}


static sp_rc_t
sp_test_some(sp_test_file_t *file, const char *what, sp_named_t how,
    const sp_ynode_t *want, sp_test_result_t *r)
{
    unsigned           i;
    sp_str_t           name;
    const sp_ynode_t  *item;

    for (item = sp_test_items(want); item != NULL;
         item = item == want ? NULL : item->next)
    {
        if (sp_test_named(file, item, r) != SP_OK) {
            return SP_ERROR;
        }

        if (!sp_test_found(r, item->text, how)) {
            sp_test_problem(r, "expected the %s %s", what, item->text.data);
        }
    }

    /* [] is "none". */

    for (i = 0; want->kind == SP_Y_SEQ && want->n == 0
                && i < r->verdict.nmatches; i++)
    {
        name = sp_match_name(r->policy, &r->verdict.matches[i]);

        if (sp_test_found(r, name, how)) {
            sp_test_problem(r, "expected no %s any rule, got %.*s", what,
                            (int) name.len, name.data);
        }
    }

    return SP_OK;
}


static sp_rc_t
sp_test_throttles(sp_test_file_t *file, const sp_ynode_t *want,
    sp_test_result_t *r)
{
    unsigned           i;
    sp_str_t           id;
    const sp_ynode_t  *item;

    for (item = sp_test_items(want); item != NULL;
         item = item == want ? NULL : item->next)
    {
        if (sp_test_named(file, item, r) != SP_OK) {
            return SP_ERROR;
        }

        for (i = 0; i < r->verdict.napply; i++) {
            id = sp_policy_rule_id(r->policy, r->verdict.apply[i].rule);

            if (sp_str_eq(id, item->text)) {
                break;
            }
        }

        if (i == r->verdict.napply) {
            sp_test_problem(r, "expected the throttle %s to apply",
                            item->text.data);
        }
    }

    for (i = 0; i < r->verdict.napply; i++) {
        id = sp_policy_rule_id(r->policy, r->verdict.apply[i].rule);

        if (!sp_test_listed(want, id)) {
            sp_test_problem(r, "the throttle %.*s applies too", (int) id.len,
                            id.data);
        }
    }

    return SP_OK;
}


static sp_rc_t
sp_test_lifted(sp_test_file_t *file, const sp_ynode_t *want,
    sp_test_result_t *r)
{
    unsigned           i;
    sp_str_t           by;
    const sp_match_t  *match;
    const sp_ynode_t  *item;

    if (want->kind != SP_Y_MAP) {
        sp_test_error(file, want, NULL, "'lifted' is a mapping of rules to "
                      "the exceptions that lift them");
        return SP_ERROR;
    }

    for (item = want->first; item != NULL; item = item->next) {
        if (sp_test_named(file, item->key, r) != SP_OK
            || sp_test_named(file, item, r) != SP_OK)
        {
            return SP_ERROR;
        }

        for (i = 0; i < r->verdict.nmatches; i++) {
            match = &r->verdict.matches[i];

            if (match->lifted_by < 0) {
                continue;
            }

            by = sp_policy_rule_id(r->policy, match->lifted_by);

            if (sp_str_eq(sp_match_name(r->policy, match), item->key->text)
                && sp_str_eq(by, item->text))
            {
                break;
            }
        }

        if (i == r->verdict.nmatches) {
            sp_test_problem(r, "expected %s to be lifted by %s",
                            item->key->text.data, item->text.data);
        }
    }

    return SP_OK;
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the test of a loader that runs out of memory: wherever
 * an allocation fails the policy is refused, with a message, and nothing
 * crashes. Allocations of this program go through the functions below, which
 * the sanitizers' own take the place of; there the test has nothing to do.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "sp_decide.h"
#include "policy/sp_yaml.h"


#define NOW   1795435200   /* 2026-11-23T12:00:00Z */
#define PAD   65536        /* of a block of the loader's memory */


static const sp_policy_opts_t  opts = { NOW, 1 };

static long  asked, blocks;
static long  fail_at, fail_block;      /* 0: none does */


#if !defined(__SANITIZE_ADDRESS__)

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void *__libc_memalign(size_t align, size_t size);


static int
fails(void)
{
    asked++;

    return asked == fail_at;
}


void *
malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}


void *
calloc(size_t n, size_t size)
{
    blocks++;

    return (fails() || blocks == fail_block) ? NULL : __libc_calloc(n, size);
}


void *
realloc(void *p, size_t size)
{
    return fails() ? NULL : __libc_realloc(p, size);
}


void *
aligned_alloc(size_t align, size_t size)
{
    return fails() ? NULL : __libc_memalign(align, size);
}

#endif


/* 1 if it loads; whatever is missing, a refusal has a message. */

static int
loads(sp_str_t text, long at, long block)
{
    int           fine;
    sp_diags_t    diags;
    sp_policy_t  *policy;

    sp_diags_init(&diags);

    asked = blocks = 0;
    fail_at = at;
    fail_block = block;

    policy = sp_policy_load_text("memory.yaml", text, &opts, &diags);

    fail_at = fail_block = 0;
    fine = (policy != NULL);

    assert_int_equal(fine, diags.errors == 0);
    assert_true(!fine || sp_policy_valid(policy, sp_policy_size(policy)));

    free(policy);
    sp_diags_free(&diags);

    return fine;
}


/* The samples of the manual: all that the language has. */

static char *
samples(size_t *len)
{
    char    *text;
    FILE    *in;

    in = fopen("policy/README.md", "rb");
    assert_non_null(in);

    text = malloc(SP_YAML_BYTES);
    assert_non_null(text);

    *len = fread(text, 1, SP_YAML_BYTES - 1, in);
    text[*len] = '\0';
    fclose(in);

    return text;
}


static void
test_memory(void **state)
{
#if !defined(__SANITIZE_ADDRESS__)
    char       *text, *from, *to, *padded;
    long        i, n, refused, tried, step;
    size_t      len, pad, stride;
    sp_str_t    s;

    stride = getenv("SALLYPORT_WHOLE") ? 16 : 16 * 29;
    text = samples(&len);
    padded = malloc(SP_YAML_BYTES);
    refused = tried = 0;

    for (from = text; (from = strstr(from, "```yaml\n")) != NULL; from = to) {
        from += 8;
        to = strstr(from, "\n```");
        assert_non_null(to);

        s.data = (unsigned char *) from;
        s.len = (size_t) (to - from) + 1;

        assert_int_equal(loads(s, 0, 0), 1);
        n = asked;
        step = getenv("SALLYPORT_WHOLE") ? 1 : n / 150 + 1;

        for (i = 1; i <= n; i += step) {
            refused += !loads(s, i, 0);
            tried++;
        }

        /* a note of any length lets a block end anywhere */

        for (pad = 0; pad < PAD; pad += stride) {
            /* the note goes first: it is read before all else */

            s.len = (size_t) sprintf(padded, "note: a%*s\n%.*s\n", (int) pad,
                                     "b", (int) (to - from), from);
            memset(padded + 6, 'a', pad + 1);
            s.data = (unsigned char *) padded;

            assert_int_equal(loads(s, 0, 0), 1);
            n = blocks;

            for (i = 1; i <= n; i++) {
                refused += !loads(s, 0, i);
                tried++;
            }
        }
    }

    print_message("%ld loads with an allocation that fails, %ld of them "
                  "refused\n", tried, refused);
    assert_true(tried > 1000 && refused > tried / 2);

    free(padded);
    free(text);
#else
    (void) samples;
    (void) loads;
#endif
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_memory)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

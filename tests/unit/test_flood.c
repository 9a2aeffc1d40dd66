
/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains tests of the floods in a lane's tail: what is counted
 * together, and that no verdict is counted twice or not at all.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "sp_tail.h"


static sp_tail_flood_t  verdict;


static sp_tail_flood_t *
refusal(const char *reason, const char *who, const char *from, uint64_t at)
{
    memset(&verdict, 0, sizeof(verdict));

    verdict.n = 1;
    verdict.since_us = at;
    verdict.until_us = at;
    verdict.status = 401;
    verdict.reason_len = (uint8_t) strlen(reason);
    memcpy(verdict.reason, reason, strlen(reason));
    verdict.who_len = (uint8_t) strlen(who);
    memcpy(verdict.who, who, strlen(who));
    verdict.from_len = (uint8_t) strlen(from);
    memcpy(verdict.from, from, strlen(from));

    return &verdict;
}


static void
test_one_of_a_kind(void **state)
{
    sp_tail_t         tail;
    sp_tail_flood_t  *a, *b;

    (void) state;
    memset(&tail, 0, sizeof(tail));

    a = sp_tail_flood(&tail, refusal("R", "acme", "p1", 5));
    assert_non_null(a);
    assert_int_equal(a->n, 0);
    sp_tail_flood_add(a, &verdict);

    assert_ptr_equal(sp_tail_flood(&tail, refusal("R", "acme", "p1", 9)), a);
    sp_tail_flood_add(a, &verdict);
    assert_int_equal(a->n, 2);
    assert_int_equal(a->since_us, 5);
    assert_int_equal(a->until_us, 9);

    b = sp_tail_flood(&tail, refusal("R", "acme", "p2", 9));
    assert_ptr_not_equal(a, b);
    sp_tail_flood_add(b, &verdict);

    refusal("R", "acme", "p1", 9);
    verdict.throttle = 1;
    assert_ptr_not_equal(sp_tail_flood(&tail, &verdict), a);

    refusal("R", "acme", "p1", 9);
    verdict.enforced = 1;
    assert_ptr_not_equal(sp_tail_flood(&tail, &verdict), a);

    refusal("S", "acme", "p1", 9);
    assert_ptr_not_equal(sp_tail_flood(&tail, &verdict), a);
}


/* However many callers: each verdict is counted, or has no place. */

static void
test_sum(void **state)
{
    char              reason[8], who[8];
    uint64_t          counted, refused, sum;
    unsigned          i, k, nameless;
    sp_tail_t         tail;
    sp_tail_flood_t  *flood;

    (void) state;

    for (k = 1; k < 40; k++) {
        memset(&tail, 0, sizeof(tail));
        counted = refused = 0;

        for (i = 0; i < 2000; i++) {
            (void) snprintf(reason, sizeof(reason), "R%u", i % 7 % k);
            (void) snprintf(who, sizeof(who), "a%u", i * 2654435761u % k);

            flood = sp_tail_flood(&tail, refusal(reason, who, "p", i));

            if (flood == NULL) {
                refused++;
                continue;
            }

            assert_int_equal(flood->reason_len, verdict.reason_len);
            assert_memory_equal(flood->reason, reason, flood->reason_len);

            /* told of one caller, it is that caller's */

            if (flood->who_len != 0) {
                assert_int_equal(flood->who_len, verdict.who_len);
                assert_memory_equal(flood->who, who, flood->who_len);
            }

            sp_tail_flood_add(flood, &verdict);
            counted++;
        }

        for (i = 0, sum = 0, nameless = 0; i < SP_TAIL_FLOODS; i++) {
            sum += tail.flood[i].n;
            nameless += tail.flood[i].n != 0 && tail.flood[i].who_len == 0;
        }

        assert_int_equal(sum, counted);
        assert_int_equal(counted + refused, 2000);

        if (k > SP_TAIL_FLOODS) {
            assert_true(nameless > 0);
        }

        /* a reason that has a place for all has one for each */

        if (k <= 4) {
            assert_int_equal(refused, 0);
        }
    }
}


/* The line of a flood is in the tail, or it is not: never told twice. */

static void
test_told(void **state)
{
    sp_tail_t         tail;
    sp_tail_flood_t  *flood;

    (void) state;
    memset(&tail, 0, sizeof(tail));

    tail.half[0].segment = 3;
    tail.half[0].base = 1000;
    tail.half[0].used = 50;

    flood = sp_tail_flood(&tail, refusal("R", "a", "p", 1));
    sp_tail_flood_add(flood, &verdict);
    assert_false(sp_tail_flood_told(&tail, flood));

    flood->told_at = 1050;
    flood->told = 3;
    assert_false(sp_tail_flood_told(&tail, flood));

    tail.half[0].used = 51;
    assert_true(sp_tail_flood_told(&tail, flood));

    /* the lane went on in the other half, or in the next file */

    tail.half[0].used = 50;
    tail.half[1].segment = 3;
    tail.half[1].base = 1200;
    tail.half[1].used = 10;
    assert_true(sp_tail_flood_told(&tail, flood));

    tail.half[1].segment = 4;
    tail.half[1].base = 0;
    assert_true(sp_tail_flood_told(&tail, flood));

    tail.half[1].segment = 2;
    tail.half[1].base = 90000;
    assert_false(sp_tail_flood_told(&tail, flood));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_one_of_a_kind),
        cmocka_unit_test(test_sum),
        cmocka_unit_test(test_told)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains the tests of the limiter: against an oracle that counts
 * in 128 bits, against the bound on any window, and at the ends of the range.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "sp_limit.h"


#define CASES   2000
#define EVENTS  600


typedef unsigned __int128  wide_t;


static uint64_t
random64(void)
{
    uint64_t  x;

    x = (uint64_t) (unsigned) rand();
    x = x << 31 ^ (uint64_t) (unsigned) rand();
    x = x << 31 ^ (uint64_t) (unsigned) rand();

    return x >> (rand() % 64);
}


/*
 * A bucket told in other words: it holds tolerance + interval ns of credit,
 * gains one ns per ns, and a request takes "interval" of it. In ns there is
 * no rounding, so the two must agree exactly.
 */

typedef struct {
    wide_t    credit;
    wide_t    full;
    uint64_t  at;
} oracle_t;


static int
oracle_take(oracle_t *o, uint64_t now, uint64_t interval, wide_t *wait)
{
    o->credit += now - o->at;
    o->at = now;

    if (o->credit > o->full) {
        o->credit = o->full;
    }

    if (o->credit < interval) {
        *wait = interval - o->credit;
        return 0;
    }

    o->credit -= interval;

    return 1;
}


static void
test_oracle(void **state)
{
    wide_t    wait;
    oracle_t  o;
    uint64_t  now, tat, next, interval, burst, got;
    unsigned  i, k, passed, refused;

    printf("seed 20261123\n");
    srand(20261123);
    passed = 0;
    refused = 0;

    for (i = 0; i < CASES; i++) {
        interval = random64() % 1000000000000 + 1;
        burst = random64() % 1000 + 1;
        now = random64() % 1000000000000000;
        tat = 0;

        o.full = (wide_t) interval * burst;
        o.credit = o.full;
        o.at = now;

        for (k = 0; k < EVENTS; k++) {
            next = tat;
            got = sp_gcra(tat, now, interval, interval * (burst - 1), &next);

            assert_int_equal(sp_gcra_left(tat, now, interval,
                                          interval * (burst - 1)) == 0,
                             got != 0);

            if (oracle_take(&o, now, interval, &wait)) {
                assert_int_equal(got, 0);
                assert_true(next > tat);
                assert_true(sp_gcra_left(next, now, interval,
                                         interval * (burst - 1))
                            == (uint64_t) (o.credit / interval));
                tat = next;
                passed++;

            } else {
                assert_true((wide_t) got == wait);
                assert_int_equal(next, tat);
                refused++;

                /* one ns too early is too early; then it has room */

                assert_int_equal(sp_gcra(tat, now + got - 1, interval,
                                         interval * (burst - 1), &next),
                                 1);
                assert_int_equal(sp_gcra(tat, now + got, interval,
                                         interval * (burst - 1), &next),
                                 0);
            }

            now += random64() % (2 * interval) >> (rand() % 8);
        }
    }

    assert_true(passed > 10000);
    assert_true(refused > 10000);
}


/* Every pair of passes spans a window: none holds more than the bound. */

static void
test_bound(void **state)
{
    uint64_t  now, tat, next, interval, burst, at[EVENTS];
    unsigned  i, k, a, b, n, tight;

    srand(20261124);
    tight = 0;

    for (i = 0; i < CASES / 10; i++) {
        interval = random64() % 1000000 + 1;
        burst = (uint64_t) rand() % 50 + 1;
        now = random64() % 1000000000000;
        tat = 0;
        n = 0;

        for (k = 0; k < EVENTS; k++) {

            if (sp_gcra(tat, now, interval, interval * (burst - 1), &next)
                == 0)
            {
                tat = next;
                at[n++] = now;
            }

            now += random64() % interval >> (rand() % 5);
        }

        for (a = 0; a < n; a++) {
            for (b = a; b < n; b++) {
                next = (interval * (burst - 1) + (at[b] - at[a])) / interval
                       + 1;
                assert_true(b - a + 1 <= next);
                tight += b - a + 1 == next;
            }
        }
    }

    /* the bound is met, so it is no loose one */
    assert_true(tight > CASES);
}


static void
test_ends(void **state)
{
    uint64_t  next;

    next = 7;
    assert_true(sp_gcra(0, 5, 0, 0, &next) == UINT64_MAX);
    assert_int_equal(sp_gcra_left(0, 5, 0, 100), 0);
    assert_int_equal(next, 7);

    /* no room to write the debit down */

    assert_true(sp_gcra(0, UINT64_MAX - 5, 6, 100, &next) == UINT64_MAX);
    assert_int_equal(next, 7);
    assert_int_equal(sp_gcra_left(0, UINT64_MAX - 5, 6, 100), 0);
    assert_int_equal(sp_gcra_left(0, UINT64_MAX - 5, 5, UINT64_MAX), 1);
    assert_int_equal(sp_gcra(0, UINT64_MAX - 5, 5, 100, &next), 0);
    assert_true(next == UINT64_MAX);
    assert_true(sp_gcra(UINT64_MAX, 0, 1, 0, &next) == UINT64_MAX);
    assert_true(sp_gcra(UINT64_MAX, 0, 1, UINT64_MAX, &next) == UINT64_MAX);
    assert_true(sp_gcra_left(0, 0, 1, UINT64_MAX) == UINT64_MAX);

    /* a clock that steps back only makes the caller wait longer */

    assert_int_equal(sp_gcra(0, 1000, 10, 0, &next), 0);
    assert_int_equal(sp_gcra(next, 500, 10, 0, &next), 510);
}


static void
test_any(void **state)
{
    uint64_t  tat, now, interval, tolerance, next, wait, left;
    unsigned  i;

    srand(20261125);

    for (i = 0; i < 3000000; i++) {
        tat = random64();
        now = random64();
        interval = random64();
        tolerance = random64();

        if (i & 1) {
            tat = ~tat;
        }

        if (i & 2) {
            now = ~now;
        }

        next = tat;
        wait = sp_gcra(tat, now, interval, tolerance, &next);
        left = sp_gcra_left(tat, now, interval, tolerance);
        assert_int_equal(wait == 0, left != 0);

        if (wait != 0) {
            assert_true(next == tat);
            continue;
        }

        assert_true(next > tat && next > now);
        assert_true((wide_t) next
                    == (wide_t) (tat > now ? tat : now) + interval);
        assert_true(sp_gcra_left(next, now, interval, tolerance)
                    == left - 1);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_oracle),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_any)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}


/*
 * Copyright (C) the Sallyport authors
 *
 * This file contains tests of meters: rates against an oracle in fractions,
 * calendar windows against the C library, costs by hand and by bounds.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "sp_meter.h"


#define CASES   500
#define EVENTS  300
#define NANO    1000000000ull


typedef unsigned __int128  wide_t;


static uint64_t
random64(void)
{
    uint64_t  x;

    x = (uint64_t) (unsigned) rand();
    x = x << 31 ^ (uint64_t) (unsigned) rand();

    return x >> (rand() % 62);
}


/*
 * Credit in fractions of a unit: it is counted in limit-ns, of which a unit is
 * period * 10^9 and a ns brings "limit". Exact, and GCRA may not give more; it
 * rounds each debit up, so it may give less, by a ns for each debit.
 */

static void
test_rate(void **state)
{
    wide_t    credit, full, unit, slack;
    uint64_t  now, at, tat, next, cost, limit, period, burst;
    uint64_t  interval, tolerance, wait;
    unsigned  i, k, passed, refused;

    printf("seed 20261124\n");
    srand(20261124);
    passed = 0;
    refused = 0;

    for (i = 0; i < CASES; i++) {
        limit = random64() % 1000000000 + 1;
        period = (uint64_t[]) { 1, 60, 3600, 86400 }[rand() % 4];
        burst = random64() % limit + 1;
        unit = (wide_t) period * NANO;
        full = (wide_t) burst * unit;
        credit = full;
        now = random64() % (1000 * NANO) + 1;
        at = now;
        tat = 0;

        for (k = 0; k < EVENTS; k++) {
            cost = random64() % (burst + burst / 8 + 1) + 1;

            credit += (wide_t) (now - at) * limit;
            at = now;

            if (credit > full) {
                credit = full;
            }

            if (sp_meter_debit(cost, limit, period, burst, &interval,
                               &tolerance) != SP_OK)
            {
                /* more than the burst, or than a ns less of it */

                assert_true(cost * unit + limit > full);
                refused++;
                continue;
            }

            next = tat;
            wait = sp_gcra(tat, now, interval, tolerance, &next);

            /* what passes had room, exactly */

            if (wait == 0) {
                assert_true(credit >= cost * unit);
                credit -= cost * unit;
                tat = next;
                passed++;

            } else {
                slack = (wide_t) (k + 2) * limit;
                assert_true(credit < cost * unit + slack);
                refused++;
            }

            now += random64() % (unit / limit * (burst / 4 + 1) + 2);
        }
    }

    assert_true(passed > CASES * EVENTS / 10);
    assert_true(refused > CASES * EVENTS / 100);
}


/* What is given back never moves a bucket further than it had been moved. */

static void
test_refund(void **state)
{
    uint64_t  cost, limit, period, interval, tolerance;
    unsigned  i;

    srand(20261125);

    for (i = 0; i < CASES * 20; i++) {
        cost = random64() % 1000000 + 1;
        limit = random64() % 1000000000 + 1;
        period = (uint64_t[]) { 1, 60, 3600, 86400 }[rand() % 4];

        if (sp_meter_debit(cost, limit, period, cost, &interval, &tolerance)
            == SP_OK)
        {
            assert_true(sp_meter_moves(cost, limit, period) <= interval);
            assert_true(sp_meter_units(interval, limit, period) >= cost);
        }
    }
}


static void
test_windows(void **state)
{
    time_t     t;
    int64_t    now, end;
    unsigned   i;
    struct tm  tm;

    srand(20261126);

    for (i = 0; i < 20000; i++) {
        now = (int64_t) (random64() % 8000000000ull);

        /* half of them near the end of a month */

        if (i & 1) {
            t = (time_t) now;
            (void) gmtime_r(&t, &tm);
            tm.tm_mon++;
            tm.tm_mday = 1;
            tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
            now = (int64_t) timegm(&tm) + rand() % 7 - 3;
        }

        t = (time_t) now;
        (void) gmtime_r(&t, &tm);

        tm.tm_sec = 0;
        tm.tm_min++;
        end = (int64_t) timegm(&tm);
        assert_true(sp_window_end(SP_WINDOW_MINUTE, now) == end);

        t = (time_t) now;
        (void) gmtime_r(&t, &tm);
        tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
        tm.tm_mday++;
        end = (int64_t) timegm(&tm);
        assert_true(sp_window_end(SP_WINDOW_DAY, now) == end);

        t = (time_t) now;
        (void) gmtime_r(&t, &tm);
        tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
        tm.tm_mday = 1;
        tm.tm_mon++;
        end = (int64_t) timegm(&tm);
        assert_true(sp_window_end(SP_WINDOW_MONTH, now) == end);
        assert_true(sp_window_end(SP_WINDOW_OPEN, now) == INT64_MAX);
    }
}


static void
test_cost(void **state)
{
    sp_use_t       use;
    sp_price_t     prices[2];
    sp_throttle_t  t;

    memset(&t, 0, sizeof(t));
    memset(prices, 0, sizeof(prices));

    t.assume = 4096;

    sp_use_ahead(&t, 401, 100, &use);
    assert_true(use.tokens[SP_TOKENS_INPUT] == 101);
    assert_true(use.tokens[SP_TOKENS_OUTPUT] == 100);

    sp_use_ahead(&t, 401, -1, &use);
    assert_true(use.tokens[SP_TOKENS_OUTPUT] == 4096);

    /* a request without a body asks for no answer of a model */

    sp_use_ahead(&t, 0, -1, &use);
    assert_true(use.tokens[SP_TOKENS_OUTPUT] == 0);

    t.reserve = SP_RESERVE_INPUT;
    sp_use_ahead(&t, 401, 100, &use);
    assert_true(use.tokens[SP_TOKENS_OUTPUT] == 0);

    use.tokens[SP_TOKENS_INPUT] = 10;
    use.tokens[SP_TOKENS_CACHED] = 20;
    use.tokens[SP_TOKENS_WRITTEN] = 30;
    use.tokens[SP_TOKENS_OUTPUT] = 40;

    t.meter = SP_METER_TOKENS;
    assert_true(sp_meter_cost(&t, &use, NULL, 0) == 100);
    t.count = SP_COUNT_INPUT;
    assert_true(sp_meter_cost(&t, &use, NULL, 0) == 60);
    t.count = SP_COUNT_OUTPUT;
    assert_true(sp_meter_cost(&t, &use, NULL, 0) == 40);

    t.count = SP_COUNT_WEIGHTED;
    t.weight[SP_TOKENS_INPUT] = 1000;
    t.weight[SP_TOKENS_CACHED] = 101;
    t.weight[SP_TOKENS_WRITTEN] = 1250;
    t.weight[SP_TOKENS_OUTPUT] = 4000;
    assert_true(sp_meter_cost(&t, &use, NULL, 0) == 210);   /* 209.52 */

    /* 3 and 15 a million: a token is 3 and 15 millionths */

    t.meter = SP_METER_SPEND;
    prices[0].of[SP_TOKENS_INPUT] = 3000000;
    prices[0].of[SP_TOKENS_OUTPUT] = 15000000;
    assert_true(sp_meter_cost(&t, &use, prices, 1) == 30 + 600);
    prices[1].of[SP_TOKENS_OUTPUT] = 15750001;
    assert_true(sp_meter_cost(&t, &use, prices, 2) == 631);
    assert_true(sp_meter_cost(&t, &use, prices, 0) == 0);

    use.tokens[SP_TOKENS_OUTPUT] = UINT64_MAX;
    assert_true(sp_meter_cost(&t, &use, prices, 1) == (uint64_t) 1 << 62);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_refund),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_cost)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 * Packet time without the steps of the clock that stamps packets. */
#include "meter/live_clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define S INT64_C(1000000)
#define T0 (INT64_C(1700000000) * S)

static void test_stamps_without_steps_are_the_time(void **state) {
    (void)state;
    struct eg_live_clock clock = {.begun = false};
    assert_int_equal(eg_live_clock_now(&clock, 5 * S), INT64_MIN);
    static const struct {
        int64_t stamp_s, steady_s, latest_s;
    } packets[] = {
        {0, 0, 0},       {1, 1, 1},       {-3, 2, 1},      {6, 2, 6}, /* out of order, ahead */
        {500, 500, 500},                                              /* silence */
        {560, 600, 560}, {561, 600, 561}, {600, 600, 600},            /* read late */
    };
    for (size_t i = 0; i < sizeof packets / sizeof *packets; i++) {
        assert_int_equal(
            eg_live_clock_see(&clock, T0 + packets[i].stamp_s * S, packets[i].steady_s * S), 0);
        assert_int_equal(clock.latest_us, T0 + packets[i].latest_s * S);
    }
    assert_int_equal(eg_live_clock_now(&clock, 600 * S), T0 + 604 * S); /* once it was 4 s ahead */
    assert_int_equal(eg_live_clock_now(&clock, 610 * S), T0 + 614 * S);
    assert_int_equal(eg_live_clock_now(&clock, 600 * S), T0 + 614 * S); /* never back */
}

/* Steps of any size: time goes on evenly, to the second. */
static void test_steps_are_made_up_for(void **state) {
    (void)state;
    static const int64_t steps[] = {-7, 7, -3600, 3600, -50 * 365 * 86400LL, 50 * 365 * 86400LL};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct eg_live_clock clock = {.begun = false};
        int64_t off = 0;
        for (int64_t s = 0; s < 4000; s++) {
            if (s % 100 == 50)
                off += s % 200 == 50 ? steps[i] * S + 333333 : -steps[i] * S - 333333;
            int32_t shift = eg_live_clock_see(&clock, T0 + s * S + off, s * S);
            assert_in_range(T0 + s * S + off + shift * S - (T0 + s * S) + S, 0, 2 * S);
            assert_in_range(clock.latest_us - (T0 + s * S) + S, 0, 2 * S);
        }
    }
}

/* One stamp that is wrong has no time after it. */
static void test_one_wrong_stamp(void **state) {
    (void)state;
    struct eg_live_clock clock = {.begun = false};
    assert_int_equal(eg_live_clock_see(&clock, T0, 0), 0);
    assert_int_equal(eg_live_clock_see(&clock, T0 + 900 * S, S), -899);
    assert_int_equal(eg_live_clock_see(&clock, T0 + 2 * S, 2 * S), 0);
    assert_int_equal(clock.latest_us, T0 + 2 * S);
    (void)eg_live_clock_see(&clock, INT64_MAX / 1000, 3 * S); /* more than a shift can be */
    assert_int_equal(clock.shift_s, INT32_MIN);
}

/* Of two that saw packets side by side the later one stays. */
static void test_joining(void **state) {
    (void)state;
    struct eg_live_clock clock = {.begun = false}, one, other;
    eg_live_clock_join(&clock, &clock);
    assert_false(clock.begun);
    (void)eg_live_clock_see(&clock, T0, 0);
    one = other = clock;
    (void)eg_live_clock_see(&one, T0 + 2 * S, 2 * S);
    (void)eg_live_clock_see(&other, T0 + 1 * S, 2 * S);
    eg_live_clock_join(&clock, &one);
    eg_live_clock_join(&clock, &other);
    assert_int_equal(clock.latest_us, T0 + 2 * S);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stamps_without_steps_are_the_time),
        cmocka_unit_test(test_steps_are_made_up_for),
        cmocka_unit_test(test_one_wrong_stamp),
        cmocka_unit_test(test_joining),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

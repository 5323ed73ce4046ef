/* SPDX-License-Identifier: Apache-2.0
 * Hours far from now: what is near is never asked for, those in use stay, new ones come as time goes on,
 * and a flood of them ends at its number. */
#include "store/far_hours.h"

#include "scratch.h"

#define DAY (24 * HOUR)
#define EVERY (15 * EG_SECOND_US)

static int64_t hour_far(int i) { return NOON - 3 * DAY - i * HOUR; }

static uint32_t admitted(struct eg_far_hours *far, int from, int to, int64_t now) {
    uint32_t count = 0;
    for (int i = from; i < to; i++) count += eg_far_hours_admit(far, hour_far(i) + i, now);
    return count;
}

static void near_hours_cost_nothing(void **state) {
    (void)state;
    struct eg_far_hours far = {0};
    for (int64_t at = NOON - DAY; at <= NOON + DAY; at += HOUR / 4)
        assert_true(eg_far_hours_admit(&far, at, NOON));
    assert_int_equal(far.count, 0);
    assert_true(eg_far_hours_none(NOON - DAY, NOON + DAY, NOON));
    assert_false(eg_far_hours_none(NOON - DAY - 1, NOON, NOON));
    assert_false(eg_far_hours_none(NOON, NOON + DAY + 1, NOON));
    assert_true(eg_far_hours_admit(&far, NOON + DAY + 1, NOON)); /* one ahead is as far */
    assert_int_equal(far.count, 1);
}

static void a_flood_ends_at_its_number(void **state) {
    (void)state;
    struct eg_far_hours far = {0};
    assert_int_equal(admitted(&far, 0, 5000, NOON), EG_FAR_HOURS);
    assert_int_equal(admitted(&far, 0, 5000, NOON + EVERY - 1), EG_FAR_HOURS); /* the same ones */
    assert_true(eg_far_hours_admit(&far, NOON, NOON));
    /* time gives one back, which takes the place of the one longest unused */
    assert_int_equal(admitted(&far, 1, 5000, NOON + EVERY), EG_FAR_HOURS);
    assert_false(eg_far_hours_admit(&far, hour_far(0), NOON + EVERY));
    /* an hour long they are as many as there are quarters of a minute, not more at once than at first */
    struct eg_far_hours other = {0};
    uint32_t fresh = 0;
    for (int i = 0; i < 3600; i++) fresh += admitted(&other, i * 100, i * 100 + 10, NOON + i * EG_SECOND_US);
    assert_int_equal(fresh, EG_FAR_HOURS + 3600 / 15 - 1);
    assert_int_equal(admitted(&other, 400000, 405000, NOON + 2 * DAY), EG_FAR_HOURS);
}

/* One whose clock is wrong names an hour at a time: for a year, and beside a flood as long as it has its hour. */
static void a_wrong_clock_goes_on(void **state) {
    (void)state;
    struct eg_far_hours far = {0};
    for (int64_t passed = 0; passed < 365 * DAY; passed += HOUR / 3)
        assert_true(eg_far_hours_admit(&far, EG_TIME_FIRST_US + passed, NOON + passed));
    struct eg_far_hours beside = {0};
    for (int i = 0; i < 1000; i++) {
        assert_true(eg_far_hours_admit(&beside, EG_TIME_FIRST_US + i * EG_SECOND_US, NOON + i * EG_SECOND_US));
        admitted(&beside, i * 20, i * 20 + 20, NOON + i * EG_SECOND_US);
    }
}

static void a_clock_that_is_set_back(void **state) {
    (void)state;
    struct eg_far_hours far = {0};
    assert_int_equal(admitted(&far, 0, 1000, NOON), EG_FAR_HOURS);
    assert_int_equal(admitted(&far, 1000, 2000, NOON - HOUR), 0);
    assert_int_equal(admitted(&far, 1000, 2000, NOON - HOUR + 2 * EVERY), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near_hours_cost_nothing), cmocka_unit_test(a_flood_ends_at_its_number),
        cmocka_unit_test(a_wrong_clock_goes_on), cmocka_unit_test(a_clock_that_is_set_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

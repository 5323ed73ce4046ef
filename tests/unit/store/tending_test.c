/* SPDX-License-Identifier: Apache-2.0
 * The frame of upkeep: one at a time, nothing taken in a dry run, the grace time waited out. */
#include "upkeep_make.h"

#include "store/tending.h"

static void one_at_a_time(void **state) {
    const char *root = *state;
    struct eg_tending first, second;
    struct eg_upkeep_account a, b;
    small_files(root);
    must(eg_tending_begin(&first, root, &test_env, &at_once, "compact", &a, ERR));
    assert_int_equal(first.hours.count, 2);
    assert_int_equal(eg_tending_begin(&second, root, &test_env, &at_once, "expire", &b, ERR),
                     EG_E_LOCKED);
    assert_true(ERR->retriable);
    assert_non_null(strstr(ERR->message, "compact of"));
    eg_tending_end(&second, EG_E_LOCKED);
    must(eg_tending_begin(&second, root, &test_env, &dry, "expire", &b, ERR)); /* only looks */
    eg_tending_end(&second, EG_OK);
    eg_tending_end(&first, EG_OK);
    must(eg_tending_begin(&second, root, &test_env, &at_once, "expire", &b, ERR));
    eg_tending_end(&second, EG_OK);
}

static void counts(void **state) {
    struct eg_upkeep_account account;
    struct eg_tending t;
    small_files(*state);
    told_hours = (struct told_hours){0};
    must(eg_tending_begin(&t, *state, &test_env, &dry, "compact", &account, ERR));
    struct eg_upkeep_hour hour = {.hour_us = NOON, .rows = 5, .files_before = 3, .files_after = 1};
    eg_tending_tell(&t, &hour);
    hour.hour_us = NOON - HOUR;
    eg_tending_tell(&t, &hour);
    hour.status = EG_END;
    eg_tending_tell(&t, &hour);
    hour.status = EG_E_FORMAT;
    eg_tending_tell(&t, &hour);
    eg_tending_end(&t, EG_OK);
    assert_int_equal(account.hours, 2);
    assert_int_equal(account.rows, 10);
    assert_int_equal(account.files_before, 6);
    assert_int_equal(account.files_after, 2);
    assert_int_equal(account.postponed, 1);
    assert_int_equal(account.failed, 1);
    assert_int_equal(account.from_us, NOON - HOUR);
    assert_int_equal(account.to_us, NOON + HOUR);
    assert_int_equal(told_hours.count, 4);
}

/* What was put aside is there until the grace time is over, and then it is not. */
static void grace(void **state) {
    const char *root = *state;
    struct eg_upkeep_account account;
    struct eg_upkeep_call call = {.grace_us = 300000};
    struct eg_compact_rule rule = {.all = true, .threads = 1};
    struct timespec begin, end;
    small_files(root);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    must(eg_compact(root, &test_env, &call, &rule, &account, ERR));
    clock_gettime(CLOCK_MONOTONIC, &end);
    assert_int_equal(account.hours, 2);
    assert_true((end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000 >=
                300);
    assert_int_equal(scratch_count(root, EG_LAYOUT_ASIDE), 0);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {IN_SCRATCH(one_at_a_time), IN_SCRATCH(counts),
                                       IN_SCRATCH(grace)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 * The thread of upkeep: takes turns beside a writer, waits for a dataset to be there, ends when told. */
#include "upkeep_make.h"

#include "store/tending.h"
#include "torture.h"

#include <time.h>

static void wait_for(const char *root, const char *part, int count) {
    for (int i = 0; i < 2000 && scratch_count(root, part) != count; i++) usleep(5000);
    assert_int_equal(scratch_count(root, part), count);
}

static void beside_a_writer(void **state) {
    char *root = eg_path_join(*state, "d");
    int64_t hours = 9;
    struct eg_env env = env_hours_on(&hours);
    struct eg_upkeep_plan plan = {.every_us = 20000,
                                  .compacts = true,
                                  .compact = {.older_us = HOUR, .threads = 1},
                                  .expires = true,
                                  .expire = {.older_us = 8 * HOUR}};
    struct eg_upkeep *upkeep;
    must(eg_upkeep_start(&upkeep, root, &env, &plan, ERR));
    usleep(100000); /* turns without a dataset: nothing is made */
    assert_int_equal(access(root, F_OK), -1);
    small_files(root);
    small_files(root);
    wait_for(root, "hour=12/", 0); /* expired */
    wait_for(root, "hour=13/sorted-", 1);
    wait_for(root, ".parquet", 1);
    struct eg_upkeep_total total;
    eg_upkeep_stop(upkeep, &total);
    assert_int_equal(ask(root, EG_TABLE_FLOWS, "count(*)"), 40);
    assert_in_range(total.expired.rows, 1, 40); /* what the journal knew of when they went */
    assert_int_equal(total.expired.from_us, NOON);
    assert_true(total.compacted.rows >= 40);
    assert_true(total.compacted.to_us == NOON + 2 * HOUR || total.compacted.to_us == NOON + HOUR);
    assert_int_equal(total.expired.failed + total.compacted.failed, 0);
    eg_free(root);
}

static void ends_when_told(void **state) {
    struct eg_upkeep_plan plan = {.compacts = true};
    struct eg_upkeep *upkeep;
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    must(eg_upkeep_start(&upkeep, *state, &test_env, &plan, ERR)); /* every ten minutes */
    eg_upkeep_stop(upkeep, NULL);
    eg_upkeep_stop(NULL, NULL);
    clock_gettime(CLOCK_MONOTONIC, &end);
    assert_true(end.tv_sec - begin.tv_sec < 60);
    for (long n = 0; n < 2; n++) {
        torture_fail_after(n);
        assert_int_equal(eg_upkeep_start(&upkeep, *state, &test_env, &plan, ERR), EG_E_NOMEM);
        assert_true(torture_off());
    }
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {IN_SCRATCH(beside_a_writer), IN_SCRATCH(ends_when_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 * Compaction: which hours, what becomes of them, what is left when there is no memory. */
#include "upkeep_make.h"

#include "store/tending.h"
#include "torture.h"

static const struct eg_compact_rule an_hour_old = {.older_us = HOUR, .threads = 1};

static enum eg_status compact_at(const char *root, int64_t hours, const struct eg_upkeep_call *call,
                                 struct eg_upkeep_account *account) {
    struct eg_env env = env_hours_on(&hours);
    told_hours = (struct told_hours){0};
    return eg_compact(root, &env, call, &an_hour_old, account, ERR);
}

static void closed_hours(void **state) {
    const char *root = *state;
    struct eg_upkeep_account account;
    small_files(root);
    assert_int_equal(scratch_count(root, ".parquet"), 4);
    must(compact_at(root, 1, &at_once, &account)); /* the first has just ended: not yet */
    assert_int_equal(account.hours, 0);
    must(compact_at(root, 2, &dry, &account));
    assert_int_equal(account.hours, 1);
    assert_int_equal(scratch_count(root, ".parquet"), 4);
    must(compact_at(root, 2, &at_once, &account));
    assert_int_equal(account.hours, 1);
    assert_int_equal(account.rows, 20);
    assert_int_equal(account.files_before, 2);
    assert_int_equal(account.from_us, NOON);
    assert_int_equal(account.to_us, NOON + HOUR);
    must(compact_at(root, 3, &at_once, &account)); /* and the other one, once */
    assert_int_equal(account.hours, 1);
    must(compact_at(root, 3, &at_once, &account));
    assert_int_equal(account.hours, 0);
    assert_int_equal(scratch_count(root, ".parquet"), 2);
    assert_int_equal(scratch_count(root, "/sorted-"), 2);
    assert_int_equal(scratch_count(root, EG_LAYOUT_ASIDE), 0);
    assert_int_equal(ask(root, EG_TABLE_FLOWS, "count(*)"), 40);
    assert_int_equal(ask(root, EG_TABLE_FLOWS, "sum(bytes)"), 420);
    struct eg_dataset *ds = open_reader(root);
    struct eg_position *positions;
    struct eg_dataset_file *files;
    size_t count;
    must(eg_dataset_positions(ds, &positions, &count, ERR));
    assert_int_equal(count, 2);
    eg_free(positions);
    must(eg_dataset_files(ds, EG_TABLE_FLOWS, NOON, NOON, &files, &count, ERR)); /* by the times */
    assert_int_equal(count, 1);
    assert_int_equal(files[0].rows, 20);
    eg_dataset_files_free(files, count);
    eg_dataset_close(ds);
}

static void nothing_there(void **state) {
    struct eg_upkeep_account account;
    char *none = eg_path_join(*state, "none");
    assert_int_equal(compact_at(none, 9, &at_once, &account), EG_E_NOENT);
    assert_int_equal(access(none, F_OK), -1);
    eg_free(none);
}

static void cancelled(void **state) {
    const char *root = *state;
    small_files(root);
    atomic_bool stop = true;
    int64_t hours = 9;
    struct eg_env env = env_hours_on(&hours);
    env.cancel = &stop;
    struct eg_upkeep_account account;
    assert_int_equal(eg_compact(root, &env, &at_once, &an_hour_old, &account, ERR), EG_E_CANCELLED);
    assert_int_equal(scratch_count(root, ".parquet"), 4);
    assert_int_equal(scratch_count(root, EG_LAYOUT_ASIDE), 0);
}

/* Late rows: few are left beside the sorted file, many are merged. */
static void late_rows(void **state) {
    const char *root = *state;
    struct eg_upkeep_account account;
    struct eg_sink *sink = sink_open_at(root);
    for (int i = 0; i < 6; i++) sink_write_flows(sink, NOON + i * HOUR / 10, 7, 20000);
    must(eg_sink_dataset.flush(sink, NULL, 0, ERR));
    must(compact_at(root, 5, &at_once, &account));
    assert_int_equal(account.hours, 1); /* one file, to be sorted */
    for (int i = 1; i < 9; i++) {
        sink_write_flows(sink, NOON, 7, 2);
        must(eg_sink_dataset.flush(sink, NULL, 0, ERR));
        must(compact_at(root, 5, &at_once, &account));
        assert_int_equal(account.hours, i == 8);
    }
    eg_sink_dataset.close(sink);
    assert_int_equal(scratch_count(root, ".parquet"), 1);
    assert_int_equal(ask(root, EG_TABLE_FLOWS, "count(*)"), 120016);
}

/* The n-th request for memory fails (of every seventh n): all rows are there, and it works again. */
static void survives_no_memory(void **state) {
    const char *root = *state;
    struct eg_upkeep_account account;
    small_files(root);
    bool failed = true;
    for (long n = 0; failed && n < 4000; n += 7) {
        torture_fail_after(n);
        (void)!compact_at(root, 9, &at_once, &account);
        failed = torture_off();
        if (n % 70) continue;
        assert_int_equal(ask(root, EG_TABLE_FLOWS, "count(*)"), 40);
        assert_int_equal(ask(root, EG_TABLE_FLOWS, "sum(bytes)"), 420);
    }
    must(compact_at(root, 9, &at_once, &account));
    assert_int_equal(scratch_count(root, ".parquet"), 2);
    assert_int_equal(scratch_count(root, ".swap"), 0);
    assert_int_equal(ask(root, EG_TABLE_FLOWS, "sum(bytes)"), 420);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {IN_SCRATCH(closed_hours), IN_SCRATCH(nothing_there),
                                       IN_SCRATCH(cancelled), IN_SCRATCH(late_rows),
                                       IN_SCRATCH(survives_no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

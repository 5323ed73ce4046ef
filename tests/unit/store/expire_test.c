/* SPDX-License-Identifier: Apache-2.0
 * Expiry: the rules, alone and together; positions outlive their rows. */
#include "upkeep_make.h"

#include "store/tending.h"

static enum eg_status expire_at(const char *root, int64_t hours, const struct eg_upkeep_call *call,
                                struct eg_expire_rule rule, struct eg_upkeep_account *account) {
    struct eg_env env = env_hours_on(&hours);
    told_hours = (struct told_hours){0};
    return eg_expire(root, &env, call, &rule, account, ERR);
}

#define BY(...) ((struct eg_expire_rule){__VA_ARGS__})

static void by_age(void **state) {
    const char *root = *state;
    struct eg_upkeep_account account;
    small_files(root);
    assert_int_equal(expire_at(root, 9, &at_once, BY(0), &account), EG_E_USAGE);
    must(expire_at(root, 5, &at_once, BY(.older_us = 5 * HOUR), &account));
    assert_int_equal(account.hours, 0);
    must(expire_at(root, 6, &dry, BY(.older_us = 5 * HOUR), &account));
    assert_int_equal(account.hours, 1);
    assert_int_equal(scratch_count(root, ".parquet"), 4);
    must(expire_at(root, 6, &at_once, BY(.older_us = 5 * HOUR), &account));
    assert_int_equal(account.hours, 1);
    assert_int_equal(account.rows, 20);
    assert_int_equal(account.files_before, 2);
    assert_int_equal(account.files_after, 0);
    assert_int_equal(account.from_us, NOON);
    assert_int_equal(told_hours.last.hour_us, NOON);
    assert_int_equal(ask(root, EG_TABLE_FLOWS, "count(*)"), 20);
    must(expire_at(root, 9, &at_once, BY(.older_us = HOUR), &account));
    assert_int_equal(ask(root, EG_TABLE_FLOWS, "count(*)"), 0);
    assert_int_equal(scratch_count(root, ".parquet"), 0);
    assert_int_equal(scratch_count(root, EG_LAYOUT_ASIDE), 0);
    struct eg_dataset *ds = open_reader(root);
    struct eg_position *positions;
    size_t count;
    must(eg_dataset_positions(ds, &positions, &count, ERR));
    assert_int_equal(count, 2);
    eg_free(positions);
    must(eg_journal_refresh(&ds->journal, root, &test_env, ERR));
    assert_int_equal(ds->journal.file_count, 0);
    eg_dataset_close(ds);
}

static void by_size(void **state) {
    const char *root = *state;
    struct eg_upkeep_account account;
    small_files(root);
    must(expire_at(root, 9, &dry, BY(.max_bytes = 1), &account));
    assert_int_equal(account.hours, 2);
    uint64_t all = account.bytes_before, half = told_hours.last.bytes_before;
    must(expire_at(root, 9, &at_once, BY(.max_bytes = all), &account));
    assert_int_equal(account.hours, 0);
    must(expire_at(root, 9, &at_once, BY(.max_bytes = all - 1), &account));
    assert_int_equal(account.hours, 1);
    must(expire_at(root, 9, &at_once, BY(.max_bytes = half), &account));
    assert_int_equal(account.hours, 0);
    /* an hour that is not closed stays whatever the rules say, and that is told */
    must(expire_at(root, 2, &at_once, BY(.max_bytes = 1), &account));
    assert_int_equal(account.hours, 0);
    assert_true(account.short_of);
    must(expire_at(root, 9, &at_once, BY(.max_bytes = 1), &account));
    assert_int_equal(account.hours, 1);
    assert_true(account.short_of == false);
    assert_int_equal(ask(root, EG_TABLE_FLOWS, "count(*)"), 0); /* all that are closed may go */
}

/* Nothing is free enough for the rule: all closed hours go, and it is told. */
static void by_room(void **state) {
    const char *root = *state;
    struct eg_upkeep_account account;
    small_files(root);
    must(expire_at(root, 2, &dry, BY(.min_free_permille = 999), &account));
    assert_int_equal(account.hours, 1);
    assert_true(account.short_of);
    must(expire_at(root, 9, &dry, BY(.min_free_permille = 0, .older_us = 9 * HOUR), &account));
    assert_int_equal(account.hours, 0);
}

static void only_some_tables(void **state) {
    const char *root = *state;
    struct eg_upkeep_account account;
    small_files(root);
    struct eg_upkeep_call packets = {.tables = 1u << EG_TABLE_PACKETS};
    must(expire_at(root, 99, &packets, BY(.older_us = HOUR), &account));
    assert_int_equal(account.hours, 0);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {IN_SCRATCH(by_age), IN_SCRATCH(by_size), IN_SCRATCH(by_room),
                                       IN_SCRATCH(only_some_tables)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

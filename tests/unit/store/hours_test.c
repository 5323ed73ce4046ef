/* SPDX-License-Identifier: Apache-2.0
 * The hours of a dataset: which files stand in each, oldest first, and what the journal knows of them. */
#include "store/hours.h"

#include "scratch.h"
#include "torture.h"

static void put(const char *root, const char *relative, const char *text) {
    char *path = eg_path_join(root, relative), *slash = strrchr(path, '/');
    *slash = 0;
    must(eg_dir_make(path, ERR));
    *slash = '/';
    must(eg_file_create(path, text, strlen(text), ERR));
    eg_free(path);
}

#define SORTED "sorted-aaaaaaaaaaaaaaaa-000001-0000.parquet"

static void fill(const char *root) {
    put(root, "packets/date=2026-01-02/hour=12/a.parquet", "1");
    put(root, "flows/date=2026-01-02/hour=13/" SORTED, "4444");
    put(root, "flows/date=2026-01-02/hour=13/part-bbbbbbbbbbbbbbbb-000001-0000.parquet", "22");
    put(root, "flows/date=2026-01-02/hour=13/_part-x.parquet.tmp", "unfinished");
    put(root, "flows/date=2026-01-02/hour=12/a.parquet", "333");
    put(root, "quarantine/flows/q.parquet", "not counted");
}

static void oldest_first(void **state) {
    const char *root = *state;
    struct eg_hours hours;
    struct eg_journal known = {0};
    fill(root);
    struct eg_journal_file file = {
        "flows/date=2026-01-02/hour=13/" SORTED, EG_TABLE_FLOWS, 70, 4, 0, 0};
    file.path = eg_strdup(file.path);
    must(eg_journal_add_file(&known, &file, ERR));
    eg_free(file.path);
    must(eg_hours_read(&hours, root, EG_HOURS_ALL, &known, ERR));
    assert_int_equal(hours.count, 3);
    assert_int_equal(hours.list[0].hour_us, NOON);
    assert_int_equal(hours.list[0].table, EG_TABLE_FLOWS);
    assert_int_equal(hours.list[1].table, EG_TABLE_PACKETS);
    const struct eg_hour *last = &hours.list[2];
    assert_int_equal(last->hour_us, NOON + HOUR);
    assert_int_equal(last->files.count, 2);
    assert_int_equal(last->bytes, 6);
    assert_int_equal(last->sorted, 1);
    assert_int_equal(last->sorted_bytes, 4);
    assert_int_equal(last->rows, 70);
    put(root, "flows/date=2026-01-02/hour=13/late.parquet", "55555");
    must(eg_hour_read(&hours.list[2], root, &known, ERR));
    assert_int_equal(last->files.count, 3);
    assert_int_equal(last->bytes, 11);
    assert_int_equal(last->rows, 70);
    eg_hours_reset(&hours);
    must(eg_hours_read(&hours, root, 1u << EG_TABLE_PACKETS, NULL, ERR));
    assert_int_equal(hours.count, 1);
    eg_hours_reset(&hours);
    eg_journal_reset(&known);
}

static void survives_no_memory(void **state) {
    fill(*state);
    for (long n = 0;; n++) {
        struct eg_hours hours;
        torture_fail_after(n);
        enum eg_status status = eg_hours_read(&hours, *state, EG_HOURS_ALL, NULL, ERR);
        bool failed = torture_off();
        if (!failed) assert_int_equal(hours.count, 3);
        if (status >= 0) eg_hours_reset(&hours);
        if (!failed) break;
        assert_true(status == EG_E_NOMEM || status == EG_OK);
    }
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {IN_SCRATCH(oldest_first), IN_SCRATCH(survives_no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 * Which files a question reads: by the times they span, whatever is known of them from where. */
#include "scratch.h"

static size_t count_of(const char *root, int64_t from, int64_t to) {
    struct eg_dataset *ds = open_reader(root);
    struct eg_dataset_file *files;
    size_t count;
    must(eg_dataset_files(ds, EG_TABLE_FLOWS, from, to, &files, &count, ERR));
    for (size_t i = 0; i < count; i++) assert_int_equal(access(files[i].path, R_OK), 0);
    eg_dataset_files_free(files, count);
    eg_dataset_close(ds);
    return count;
}

/* One file at noon whose flows last until 15:30, one at 14:00 that ends by 14:30. */
static void fill(const char *root) {
    struct eg_dataset *ds = open_writer(root);
    struct eg_commit *commit;
    const char *path;
    must(eg_commit_begin(&commit, ds, ERR));
    must(eg_commit_file(commit, EG_TABLE_FLOWS, NOON, &path, ERR));
    must(eg_file_create(path, "long", 4, ERR));
    must(eg_commit_file_done(commit, path, 3, NOON + 5, NOON + 7 * HOUR / 2, ERR));
    must(eg_commit_file(commit, EG_TABLE_FLOWS, NOON + 2 * HOUR, &path, ERR));
    must(eg_file_create(path, "short", 5, ERR));
    must(eg_commit_file_done(commit, path, 4, NOON + 2 * HOUR, NOON + 5 * HOUR / 2, ERR));
    must(eg_commit_finish(commit, NULL, 0, ERR));
    eg_commit_free(commit);
    eg_dataset_close(ds);
}

static void ranges(const char *root) {
    assert_int_equal(count_of(root, INT64_MIN, INT64_MAX), 2);
    assert_int_equal(count_of(root, NOON + 3 * HOUR, NOON + 4 * HOUR), 1); /* by its end alone */
    assert_int_equal(count_of(root, NOON + 7 * HOUR / 2, INT64_MAX), 1);
    assert_int_equal(count_of(root, NOON + 7 * HOUR / 2 + 1, INT64_MAX), 0);
    assert_int_equal(count_of(root, INT64_MIN, NOON + 4), 0);
    assert_int_equal(count_of(root, INT64_MIN, NOON + 5), 1);
    assert_int_equal(count_of(root, NOON + 2 * HOUR, NOON + 2 * HOUR), 2);
}

static void by_largest_end(void **state) {
    char *root = eg_path_join(*state, "d");
    fill(root);
    ranges(root);
    char *catalog = eg_path_join(root, "_earlgrey/catalog.sqlite");
    unlink(catalog);
    ranges(root); /* out of the journal */
    must(eg_file_create(catalog, "this is not a database at all", 29, ERR));
    ranges(root); /* … and past a broken one */
    eg_free(catalog);
    eg_free(root);
}

/* All of a table, by hand; but not what was never there, or is on its way out. */
static void removed(void **state) {
    char *root = eg_path_join(*state, "d"), command[600];
    uint64_t rows;
    fill(root);
    struct eg_dataset *ds = open_reader(root);
    must(eg_dataset_removed(ds, EG_TABLE_FLOWS, &rows, ERR));
    assert_int_equal(rows, 0);
    must(eg_dataset_removed(ds, EG_TABLE_PACKETS, &rows, ERR));
    assert_int_equal(rows, 0);
    snprintf(command, sizeof command, "rm -r '%s'/flows/date=*", root);
    assert_int_equal(system(command), 0);
    for (int i = 0; i < 3; i++) { /* by the catalog, without the directory, by the journal */
        must(eg_dataset_removed(ds, EG_TABLE_FLOWS, &rows, ERR));
        assert_int_equal(rows, 7);
        snprintf(command, sizeof command,
                 i ? "rm -f '%s/_earlgrey/catalog.sqlite'" : "rmdir '%s/flows'", root);
        assert_int_equal(system(command), 0);
    }
    must(eg_dataset_removed(ds, EG_TABLE_PACKETS, &rows, ERR));
    assert_int_equal(rows, 0);
    snprintf(command, sizeof command, "touch '%s/_earlgrey/commits/x-000001.swap'", root);
    assert_int_equal(system(command), 0);
    must(eg_dataset_removed(ds, EG_TABLE_FLOWS, &rows, ERR));
    assert_int_equal(rows, 0);
    eg_dataset_close(ds);
    eg_free(root);
}

/* The directory is what counts: files that somebody added or removed. */
static void by_hand(void **state) {
    char *root = eg_path_join(*state, "d"), command[600];
    fill(root);
    snprintf(command, sizeof command,
             "cd '%s'/flows/date=2026-01-02 && rm hour=14/* && cp hour=12/*.parquet hour=14/mine.parquet"
             " && touch hour=14/x.parquet.tmp", root);
    assert_int_equal(system(command), 0);
    assert_int_equal(count_of(root, INT64_MIN, INT64_MAX), 2);
    assert_int_equal(count_of(root, NOON + 30 * HOUR, INT64_MAX), 1); /* its end is not known */
    assert_int_equal(count_of(root, INT64_MIN, NOON + 2 * HOUR - 1), 1);
    eg_free(root);
}

/* A commit under way is seen whole or not at all. */
static void commits_under_way(void **state) {
    char *root = eg_path_join(*state, "d"), command[600];
    fill(root);
    snprintf(command, sizeof command,
             "cd '%s' && for f in _earlgrey/commits/*.done; do mv $f ${f%%done}intent; done && "
             "f=$(echo flows/*/hour=14/*) && mv $f ${f%%/*}/_${f##*/}.tmp", root);
    assert_int_equal(system(command), 0);
    assert_int_equal(count_of(root, INT64_MIN, INT64_MAX), 0);
    eg_dataset_close(open_writer(root));
    assert_int_equal(count_of(root, INT64_MIN, INT64_MAX), 2);
    eg_free(root);
}

/* Rows without a usable time stand beside the hours, and are counted; a file whose rows have none is read
 * whatever time is asked for. */
static void without_times(void **state) {
    char *root = eg_path_join(*state, "d");
    fill(root);
    struct eg_dataset *ds = open_writer(root);
    uint64_t rows;
    must(eg_dataset_quarantined(ds, EG_TABLE_FLOWS, &rows, ERR));
    assert_int_equal(rows, 0);
    for (uint64_t k = 1; k <= 3; k++) {
        struct eg_commit *commit;
        const char *path;
        must(eg_commit_begin(&commit, ds, ERR));
        must(eg_commit_file(commit, EG_TABLE_FLOWS, INT64_MIN, &path, ERR));
        must(eg_file_create(path, "aside", 5, ERR));
        must(eg_commit_file_done(commit, path, 10 * k, INT64_MAX, INT64_MIN, ERR));
        must(eg_commit_finish(commit, NULL, 0, ERR));
        eg_commit_free(commit);
    }
    must(eg_dataset_quarantined(ds, EG_TABLE_FLOWS, &rows, ERR));
    assert_int_equal(rows, 60);
    must(eg_dataset_quarantined(ds, EG_TABLE_PACKETS, &rows, ERR));
    assert_int_equal(rows, 0);
    assert_int_equal(count_of(root, INT64_MIN, INT64_MAX), 2);
    struct eg_commit *commit;
    const char *path;
    must(eg_commit_begin(&commit, ds, ERR));
    must(eg_commit_file(commit, EG_TABLE_FLOWS, NOON, &path, ERR));
    must(eg_file_create(path, "timeless", 8, ERR));
    must(eg_commit_file_done(commit, path, 1, INT64_MAX, INT64_MIN, ERR));
    must(eg_commit_finish(commit, NULL, 0, ERR));
    eg_commit_free(commit);
    eg_dataset_close(ds);
    assert_int_equal(count_of(root, NOON + 30 * HOUR, INT64_MAX), 1);
    eg_free(root);
}

static void relation(void **state) {
    char *root = eg_path_join(*state, "it's"), expected[600];
    fill(root);
    struct eg_dataset *ds = open_reader(root);
    struct eg_strbuf sql = {0};
    must(eg_dataset_relation(ds, EG_TABLE_FLOWS, NOON + 3 * HOUR, INT64_MAX, &sql, ERR));
    snprintf(expected, sizeof expected, "read_parquet(['%s/it''s/flows/date=2026-01-02/hour=12/part-",
             (char *)*state);
    assert_memory_equal(sql.text, expected, strlen(expected));
    assert_non_null(strstr(sql.text, "], union_by_name=true, hive_partitioning=false)"));
    eg_strbuf_clear(&sql);
    must(eg_dataset_relation(ds, EG_TABLE_COUNTERS, INT64_MIN, INT64_MAX, &sql, ERR));
    const char *start = "(select null::timestamp with time zone as \"time\", "
                        "null::varchar as \"exporter\", null::bigint as \"domain\", ";
    assert_memory_equal(sql.text, start, strlen(start));
    assert_non_null(strstr(sql.text, " where false)"));
    eg_strbuf_reset(&sql);
    eg_dataset_close(ds);
    eg_free(root);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {IN_SCRATCH(by_largest_end), IN_SCRATCH(by_hand),
                                       IN_SCRATCH(removed), IN_SCRATCH(commits_under_way),
                                       IN_SCRATCH(without_times), IN_SCRATCH(relation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 * Whole files, read back by DuckDB: every type, any size of batch, groups, blooms, failures. */
#include "engine/parquet_crew.h"

#include "every_table.h"
#include "torture.h"

#include <signal.h>
#include <sys/resource.h>

static enum eg_status write_file(const char *path, const struct every_batches *all, uint32_t threads,
                                 const char *note, struct eg_parquet_stats *stats, struct eg_error *err) {
    const struct eg_parquet_setup setup = {.table = &every_table, .blooms = UINT64_C(1) << E_ADDR};
    struct eg_parquet_crew *crew = NULL;
    struct eg_parquet_order order = {.finish = true, .note = note};
    EG_TRY(eg_parquet_crew_new(&crew, &eg_env_plain, threads, err));
    enum eg_status status = eg_parquet_file_new(&order.file, path, &setup, err);
    if (status >= 0) status = eg_parquet_file_plan(order.file, all->batches, all->count, err);
    if (status >= 0) status = eg_parquet_crew_run(crew, &order, 1, err);
    if (stats) *stats = order.stats;
    eg_parquet_file_free(order.file);
    eg_parquet_crew_free(crew);
    return status;
}

static void reads_back(struct eg_engine *engine, const char *path, const struct every_batches *all) {
    char sql[256];
    snprintf(sql, sizeof sql, "SELECT * FROM read_parquet('%s')", path);
    char *text = asked(engine, sql), *expected = every_text(all);
    if (strcmp(text, expected) != 0) fail_msg("%s differs: %.300s, not %.300s", path, text, expected);
    eg_free(text);
    eg_free(expected);
}

static void every_type_reads_back(void **state) {
    (void)state;
    char directory[64], path[128];
    made_directory(directory);
    made_path(path, sizeof path, directory, "a.parquet");
    struct eg_engine *engine = made_engine();
    const struct every_shape shapes[] = {{UINT64_MAX, 0}, {UINT64_MAX, 3}, {60, 0}, {60, 2}, {1, 0}, {1, 1}, {5000, 7}};
    const struct {
        uint64_t rows;
        uint32_t capacity;
    } sizes[] = {{0, 7}, {1, 1}, {8, 1}, {1000, 7}, {5000, 4096}, {9001, 100}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (size_t z = 0; z < sizeof sizes / sizeof *sizes; z++) {
            struct every_batches all = every_make(sizes[z].rows, sizes[z].capacity, &shapes[s]);
            struct eg_parquet_stats stats = {0};
            struct eg_error err;
            assert_int_equal(write_file(path, &all, 1 + (uint32_t)z % 3, "n", &stats, &err), EG_OK);
            assert_int_equal(stats.rows, sizes[z].rows);
            struct stat st;
            assert_int_equal(stat(path, &st), 0);
            assert_int_equal((uint64_t)st.st_size, stats.bytes);
            reads_back(engine, path, &all);
            every_free(&all);
        }
    eg_engine_close(engine);
    made_remove(directory);
}

static void the_same_bytes_by_any_threads_and_batches(void **state) {
    (void)state;
    char directory[64], one[128], two[128], command[512];
    made_directory(directory);
    made_path(one, sizeof one, directory, "one");
    made_path(two, sizeof two, directory, "two");
    const struct every_shape shape = {500, 5};
    struct eg_error err;
    struct every_batches all = every_make(20000, 4096, &shape);
    assert_int_equal(write_file(one, &all, 1, NULL, NULL, &err), EG_OK);
    every_free(&all);
    const uint32_t capacities[] = {1, 7, 5000};
    for (uint32_t i = 0; i < 3; i++) {
        all = every_make(20000, capacities[i], &shape);
        assert_int_equal(write_file(two, &all, 2 + i, NULL, NULL, &err), EG_OK);
        every_free(&all);
        snprintf(command, sizeof command, "cmp -s '%s' '%s'", one, two);
        assert_int_equal(system(command), 0);
    }
    made_remove(directory);
}

static void groups_are_cut_evenly(void **state) {
    (void)state;
    char directory[64], path[128], sql[1024];
    made_directory(directory);
    made_path(path, sizeof path, directory, "a.parquet");
    struct eg_engine *engine = made_engine();
    const struct every_shape shape = {1000, 9};
    struct every_batches all = every_make(400000, 4096, &shape);
    struct eg_error err;
    assert_int_equal(write_file(path, &all, 2, "it's a note", NULL, &err), EG_OK);
    snprintf(sql, sizeof sql, "SELECT string_agg(DISTINCT row_group_num_rows, ' ' ORDER BY row_group_num_rows DESC) "
                              "FROM parquet_metadata('%s')", path);
    answers(engine, sql, "133334 133332");
    snprintf(sql, sizeof sql, "SELECT count(*), count(i64), sum(i16), count(DISTINCT addr), min(txt), max(time) "
                              "FROM read_parquet('%s')", path);
    char *parquet = asked(engine, sql);
    assert_int_equal(strncmp(parquet, "400000\t", 7), 0);
    eg_free(parquet);
    snprintf(sql, sizeof sql, "SELECT decode(key), decode(value) FROM parquet_kv_metadata('%s')", path);
    answers(engine, sql, "earlgrey\tit's a note");
    /* the ranges in the footer are those of the values */
    snprintf(sql, sizeof sql, "SELECT (SELECT min(stats_min_value::BIGINT) FROM parquet_metadata('%s') WHERE path_in_schema = 'i64') = min(i64), "
                              "(SELECT max(stats_max_value::BIGINT) FROM parquet_metadata('%s') WHERE path_in_schema = 'i64') = max(i64), "
                              "(SELECT min(stats_min_value) FROM parquet_metadata('%s') WHERE path_in_schema = 'addr') = min(addr), "
                              "(SELECT sum(stats_null_count) FROM parquet_metadata('%s') WHERE path_in_schema = 'txt') = count(*) - count(txt) "
                              "FROM read_parquet('%s')", path, path, path, path, path);
    answers(engine, sql, "true\ttrue\ttrue\ttrue");
    every_free(&all);
    eg_engine_close(engine);
    made_remove(directory);
}

static void rows_may_come_in_several_goes(void **state) {
    (void)state;
    char directory[64], path[128], sql[512];
    made_directory(directory);
    made_path(path, sizeof path, directory, "a.parquet");
    struct eg_engine *engine = made_engine();
    const struct every_shape shape = {500, 5};
    struct every_batches all = every_make(5000, 1000, &shape);
    const struct eg_parquet_setup setup = {.table = &every_table};
    struct eg_parquet_crew *crew = NULL;
    struct eg_parquet_order order = {0};
    struct eg_error err;
    assert_int_equal(eg_parquet_crew_new(&crew, &eg_env_plain, 2, &err), EG_OK);
    assert_int_equal(eg_parquet_file_new(&order.file, path, &setup, &err), EG_OK);
    assert_int_not_equal(access(path, F_OK), 0); /* made by the first bytes */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(eg_parquet_file_plan(order.file, all.batches + i, 1, &err), EG_OK);
        assert_int_equal(eg_parquet_file_tasks(order.file), every_table.count);
        assert_false(eg_parquet_file_written(order.file));
        assert_int_equal(eg_parquet_crew_run(crew, &order, 1, &err), EG_OK);
        assert_true(eg_parquet_file_written(order.file));
    }
    assert_int_equal(eg_parquet_file_finish(order.file, NULL, &order.stats, &err), EG_OK);
    assert_int_equal(order.stats.rows, 3000);
    snprintf(sql, sizeof sql, "SELECT count(*), (SELECT count(DISTINCT row_group_id) FROM parquet_metadata('%s')) "
                              "FROM read_parquet('%s')", path, path);
    answers(engine, sql, "3000\t3");
    eg_parquet_file_free(order.file);
    eg_parquet_crew_free(crew);
    every_free(&all);
    eg_engine_close(engine);
    made_remove(directory);
}

static void blooms_exclude(void **state) {
    (void)state;
    char directory[64], path[128], sql[512];
    made_directory(directory);
    made_path(path, sizeof path, directory, "a.parquet");
    struct eg_engine *engine = made_engine();
    const struct every_shape shape = {3000, 0};
    struct every_batches all = every_make(5000, 5000, &shape);
    struct eg_error err;
    assert_int_equal(write_file(path, &all, 2, "", NULL, &err), EG_OK);
    char text[EG_ADDR_TEXT];
    eg_addr_text(&eg_col_addr(&all.batches[0]->columns[E_ADDR])[17], text);
    snprintf(sql, sizeof sql, "SELECT bool_or(bloom_filter_excludes) FROM parquet_bloom_probe('%s', 'addr', '%s')", path, text);
    answers(engine, sql, "false");
    int excluded = 0;
    for (int i = 0; i < 50; i++) {
        snprintf(sql, sizeof sql, "SELECT bool_and(bloom_filter_excludes) FROM parquet_bloom_probe('%s', 'addr', '192.0.2.%d')", path, i);
        char *answer = asked(engine, sql);
        excluded += strcmp(answer, "true\n") == 0;
        eg_free(answer);
    }
    assert_true(excluded >= 40);
    every_free(&all);
    eg_engine_close(engine);
    made_remove(directory);
}

static void failures_leave_nothing(void **state) {
    (void)state;
    char directory[64], path[128];
    made_directory(directory);
    made_path(path, sizeof path, directory, "a.parquet");
    const struct every_shape shape = {UINT64_MAX, 4};
    struct every_batches all = every_make(20000, 4096, &shape);
    struct eg_error err;
    struct rlimit before, small;
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 10000;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    assert_int_equal(write_file(path, &all, 2, "", NULL, &err), EG_E_NOSPACE);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_non_null(strstr(err.message, path));
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(write_file("/eg/no/such/directory/a.parquet", &all, 2, "", NULL, &err), EG_E_NOENT);
    assert_non_null(strstr(err.message, "/eg/no/such/directory"));
    every_free(&all);
    made_remove(directory);
}

static void memory_may_run_out(void **state) {
    (void)state;
    char directory[64], path[128];
    made_directory(directory);
    made_path(path, sizeof path, directory, "a.parquet");
    struct eg_engine *engine = made_engine();
    const struct every_shape shape = {100, 4};
    struct every_batches all = every_make(500, 100, &shape);
    bool failed = true;
    int refused = 0;
    for (long n = 0; failed && n < 2000; n++) {
        struct eg_error err;
        torture_fail_after(n);
        enum eg_status status = write_file(path, &all, 1, "", NULL, &err);
        failed = torture_off();
        if (status < 0) {
            assert_int_equal(status, EG_E_NOMEM);
            assert_int_not_equal(access(path, F_OK), 0);
            refused++;
        } else if (n % 5 == 0 || !failed) {
            reads_back(engine, path, &all);
        }
    }
    assert_false(failed);
    assert_true(refused > 20);
    every_free(&all);
    eg_engine_close(engine);
    made_remove(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_reads_back),
        cmocka_unit_test(the_same_bytes_by_any_threads_and_batches),
        cmocka_unit_test(groups_are_cut_evenly),
        cmocka_unit_test(rows_may_come_in_several_goes),
        cmocka_unit_test(blooms_exclude),
        cmocka_unit_test(failures_leave_nothing),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

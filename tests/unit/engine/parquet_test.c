/* SPDX-License-Identifier: Apache-2.0
 * Parquet of our tables and of a query. */
#include "engine_make.h"
#include "table/scan.h"

static void tables_are_written(void **state) {
    (void)state;
    char directory[64], path[128], sql[512];
    made_directory(directory);
    made_path(path, sizeof path, directory, "a.parquet");
    struct eg_engine *engine = made_engine();
    struct eg_error err;
    struct eg_parquet_stats stats = {0};
    for (int table = EG_TABLE_FLOWS; table <= EG_TABLE_LOSSES; table++) {
        const struct eg_table *columns = eg_table_get((enum eg_table_id)table);
        struct eg_builder *b = NULL;
        struct eg_batch *batch = NULL;
        assert_int_equal(eg_builder_new(&b, columns, (enum eg_table_id)table, 10, EG_COLUMNS_ALL, &err), EG_OK);
        for (int i = 0; i < 10; i++) {
            eg_put_int(b, 0, 1767225600000000 + i);
            eg_builder_row(b, 1);
        }
        assert_int_equal(eg_builder_seal(b, &batch, &err), EG_OK);
        assert_int_equal(eg_parquet_write(engine, path, (enum eg_table_id)table, &batch, 1, "{\"v\":1}", &stats, &err), EG_OK);
        assert_int_equal(stats.rows, 10);
        snprintf(sql, sizeof sql, "SELECT string_agg(column_name, ' ') FROM (DESCRIBE FROM read_parquet('%s'))", path);
        struct eg_strbuf names = {0};
        for (uint32_t i = 0; i < columns->count; i++)
            eg_strbuf_printf(&names, "%s%s", i ? " " : "", columns->columns[i].name);
        answers(engine, sql, names.text);
        eg_strbuf_reset(&names);
        snprintf(sql, sizeof sql, "SELECT count(*), decode(any_value(value)) FROM read_parquet('%s'), parquet_kv_metadata('%s')", path, path);
        answers(engine, sql, "10\t{\"v\":1}");
        eg_batch_unref(batch);
        eg_builder_free(b);
    }
    assert_int_equal(eg_parquet_write(engine, path, EG_TABLE_FLOWS, NULL, 0, NULL, &stats, &err), EG_OK);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM read_parquet('%s')", path);
    answers(engine, sql, "0");
    eg_engine_close(engine);
    made_remove(directory);
}

static void a_query_becomes_a_file(void **state) {
    (void)state;
    char directory[64], path[128], sql[512];
    made_directory(directory);
    made_path(path, sizeof path, directory, "a.parquet");
    const char *const allowed[] = {directory};
    const struct eg_engine_options options = {.threads = 2, .locked = true, .allowed = allowed, .allowed_count = 1};
    struct eg_engine *engine = made_engine_with(&eg_env_plain, &options);
    struct eg_error err;
    const char *query = "SELECT range AS a, 'x' || range AS b, range % 2 = 0 AS c, [range] AS d FROM range(300000)";
    assert_int_equal(eg_parquet_copy(engine, query, path, &err), EG_OK);
    snprintf(sql, sizeof sql, "SELECT count(*), sum(a), count(DISTINCT b), bool_and(c = (a %% 2 = 0)), max(d) FROM read_parquet('%s')", path);
    answers(engine, sql, "300000\t44999850000\t300000\ttrue\t[9]");
    assert_int_equal(eg_parquet_copy(engine, "COPY (SELECT 1) TO 'x'", path, &err), EG_E_USAGE);
    assert_int_equal(eg_parquet_copy(engine, "SELECT CASE WHEN range = 200000 THEN error('late') END FROM range(300000)", path, &err), EG_E_USAGE);
    answers(engine, sql, "300000\t44999850000\t300000\ttrue\t[9]"); /* the old file is as it was */
    strcat(path, ".tmp");
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(eg_parquet_copy(engine, query, "/eg/no/such/place", &err), EG_E_NOENT);
    assert_int_equal(eg_parquet_copy(engine, "SELECT 1 AS a", "/dev/null", &err), EG_OK);
    assert_int_equal(access("/dev/null", F_OK), 0);
    eg_engine_close(engine);
    made_remove(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_written),
        cmocka_unit_test(a_query_becomes_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

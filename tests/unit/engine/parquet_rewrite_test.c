/* SPDX-License-Identifier: Apache-2.0
 * A query's rows as a file of one of our tables: every type, there and back; what does not fit is
 * refused and leaves no file. */
#include "every_table.h"

/* Rows of one of our tables with something in every column, and nulls among them. */
static struct eg_batch *every_column(enum eg_table_id id, uint32_t rows) {
    const struct eg_table *table = eg_table_get(id);
    struct eg_builder *b = NULL;
    struct eg_batch *batch = NULL;
    struct eg_error err;
    char text[64];
    assert_int_equal(eg_builder_new(&b, table, id, rows, EG_COLUMNS_ALL, &err), EG_OK);
    for (uint32_t row = 0; row < rows; row++) {
        for (uint32_t i = 0; i < table->count; i++) {
            uint64_t m = mix_of((row / 3 % 211) * 64 + i);
            struct eg_addr addr = eg_addr_v4((uint32_t)m);
            if (m % 5 == 0) addr.bytes[0] = 0xfd;
            if (m % 7 == 0) continue;
            int size = snprintf(text, sizeof text, "Grüße %llu", (unsigned long long)(m % 50));
            switch (table->columns[i].type) {
            case EG_TYPE_TIME: eg_put_int(b, i, 1767225600000000 + (int64_t)(m % 1000000000)); break;
            case EG_TYPE_MAC: eg_put_int(b, i, (int64_t)(m & 0xffffffffffff)); break;
            case EG_TYPE_F64: eg_put_f64(b, i, (double)m / 3); break;
            case EG_TYPE_BOOL: eg_put_int(b, i, m & 1); break;
            case EG_TYPE_ADDR: eg_put_addr(b, i, &addr); break;
            case EG_TYPE_NAME: eg_put_name(b, i, text, (size_t)size); break;
            case EG_TYPE_TEXT:
            case EG_TYPE_BIN: eg_put_text(b, i, text, (size_t)(m % 9 ? size : 0)); break;
            default: eg_put_int(b, i, (int16_t)m); break;
            }
        }
        eg_builder_row(b, 1);
    }
    assert_int_equal(eg_builder_seal(b, &batch, &err), EG_OK);
    eg_builder_free(b);
    return batch;
}

static void every_type(void **state) {
    (void)state;
    char directory[64], path[128], copy[128], sql[1200];
    made_directory(directory);
    made_path(path, sizeof path, directory, "a.parquet");
    made_path(copy, sizeof copy, directory, "b.parquet");
    struct eg_engine *engine = made_engine();
    struct eg_parquet_crew *crew = NULL;
    struct eg_error err;
    struct eg_parquet_stats stats = {0};
    assert_int_equal(eg_parquet_crew_new(&crew, &eg_env_plain, 2, &err), EG_OK);
    for (int table = EG_TABLE_FLOWS; table <= EG_TABLE_LOSSES; table++) {
        struct eg_batch *batch = every_column((enum eg_table_id)table, 3000);
        struct eg_parquet_job job = {.path = path, .table = (enum eg_table_id)table, .batches = &batch, .batch_count = 1};
        assert_int_equal(eg_parquet_write(crew, &job, 1, &err), EG_OK);
        snprintf(sql, sizeof sql, "SELECT * FROM read_parquet('%s')", path);
        assert_int_equal(eg_parquet_rewrite(engine, sql, copy, (enum eg_table_id)table, "kept", &stats, &err), EG_OK);
        assert_int_equal(stats.rows, 3000);
        snprintf(sql, sizeof sql,
                 "SELECT (SELECT count(*) FROM (FROM read_parquet('%s') EXCEPT ALL FROM read_parquet('%s'))),"
                 "(SELECT count(*) FROM (FROM read_parquet('%s') EXCEPT ALL FROM read_parquet('%s'))),"
                 "(SELECT decode(any_value(value)) FROM parquet_kv_metadata('%s'))",
                 path, copy, copy, path, copy);
        answers(engine, sql, "0\t0\tkept");
        eg_batch_unref(batch);
    }
    eg_parquet_crew_free(crew);
    eg_engine_close(engine);
    made_remove(directory);
}

/* More than one row group, columns in another order, some missing. */
static void groups(void **state) {
    (void)state;
    char directory[64], copy[128], sql[700];
    made_directory(directory);
    made_path(copy, sizeof copy, directory, "b.parquet");
    struct eg_engine *engine = made_engine();
    struct eg_error err;
    struct eg_parquet_stats stats = {0};
    const char *query = "SELECT range AS bytes, '10.0.' || (range // 256) % 256 || '.' || range % 256 AS src_ip, "
                        "make_timestamptz(range) AS start_time FROM range(300000)";
    assert_int_equal(eg_parquet_rewrite(engine, query, copy, EG_TABLE_FLOWS, NULL, &stats, &err), EG_OK);
    assert_int_equal(stats.rows, 300000);
    snprintf(sql, sizeof sql,
             "SELECT (SELECT num_row_groups FROM parquet_file_metadata('%s')), count(*), sum(bytes), "
             "count(DISTINCT src_ip), count(dst_ip), min(epoch_us(start_time)), max(epoch_us(start_time)) "
             "FROM read_parquet('%s')", copy, copy);
    answers(engine, sql, "3\t300000\t44999850000\t65536\t0\t0\t299999");
    eg_engine_close(engine);
    made_remove(directory);
}

static void refused(void **state) {
    (void)state;
    char directory[64], copy[128];
    made_directory(directory);
    made_path(copy, sizeof copy, directory, "b.parquet");
    struct eg_engine *engine = made_engine();
    struct eg_error err;
    static const char *const queries[] = {
        "SELECT 1 AS nothing_of_ours", "SELECT 1 AS src_ip", "SELECT 'x' AS src_ip", "SELECT '' AS src_ip",
        "SELECT 1::INTEGER AS bytes", "SELECT 'no' AS src_mac", "SELECT '10.0.0.1' AS src_ip FROM range(9) UNION ALL SELECT '10.0.0.300'"};
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        assert_int_equal(eg_parquet_rewrite(engine, queries[i], copy, EG_TABLE_FLOWS, NULL, NULL, &err), EG_E_FORMAT);
        assert_int_equal(access(copy, F_OK), -1);
    }
    assert_int_equal(eg_parquet_rewrite(engine, "nonsense", copy, EG_TABLE_FLOWS, NULL, NULL, &err), EG_E_USAGE);
    eg_engine_close(engine);
    made_remove(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_type), cmocka_unit_test(groups),
                                       cmocka_unit_test(refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

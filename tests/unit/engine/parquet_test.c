/* SPDX-License-Identifier: Apache-2.0
 * Parquet of our tables and of a query. */
#include "engine_make.h"
#include "table/scan.h"
#include "torture.h"

static void tables_are_written(void **state) {
    (void)state;
    char directory[64], path[128], sql[512];
    made_directory(directory);
    made_path(path, sizeof path, directory, "a.parquet");
    struct eg_engine *engine = made_engine();
    struct eg_error err;
    struct eg_parquet_crew *crew = NULL;
    assert_int_equal(eg_parquet_crew_new(&crew, &eg_env_plain, 0, &err), EG_OK);
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
        struct eg_parquet_job job = {
            .path = path, .table = (enum eg_table_id)table, .batches = &batch, .batch_count = 1, .note = "{\"v\":1}"};
        assert_int_equal(eg_parquet_write(crew, &job, 1, &err), EG_OK);
        assert_int_equal(job.stats.rows, 10);
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
    struct eg_parquet_job empty = {.path = path, .table = EG_TABLE_FLOWS};
    assert_int_equal(eg_parquet_write(crew, &empty, 1, &err), EG_OK);
    assert_int_equal(eg_parquet_write(crew, NULL, 0, &err), EG_OK);
    eg_parquet_crew_free(crew);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM read_parquet('%s')", path);
    answers(engine, sql, "0");
    eg_engine_close(engine);
    made_remove(directory);
}

static struct eg_batch *flows_of(uint32_t rows, int64_t first) {
    struct eg_builder *b = NULL;
    struct eg_batch *batch = NULL;
    struct eg_error err;
    assert_int_equal(eg_builder_new(&b, eg_table_get(EG_TABLE_FLOWS), EG_TABLE_FLOWS, rows, EG_COLUMNS_ALL, &err), EG_OK);
    for (uint32_t i = 0; i < rows; i++) {
        eg_put_int(b, EG_COL(FLOWS, start_time), 1767225600000000 + first + i);
        eg_put_int(b, EG_COL(FLOWS, bytes), first + i);
        eg_builder_row(b, 1);
    }
    assert_int_equal(eg_builder_seal(b, &batch, &err), EG_OK);
    eg_builder_free(b);
    return batch;
}

static void all_files_or_none(void **state) {
    (void)state;
    char directory[64], paths[8][128], sql[512];
    made_directory(directory);
    struct eg_parquet_job jobs[8];
    struct eg_batch *batches[8];
    for (int i = 0; i < 8; i++) {
        char name[32];
        snprintf(name, sizeof name, "%d.parquet", i);
        made_path(paths[i], sizeof paths[i], directory, name);
        batches[i] = flows_of(100 + (uint32_t)i * 1000, i * 10000);
        jobs[i] = (struct eg_parquet_job){
            .path = paths[i], .table = EG_TABLE_FLOWS, .batches = &batches[i], .batch_count = i != 3};
    }
    struct eg_parquet_crew *crew = NULL;
    struct eg_error err;
    assert_int_equal(eg_parquet_crew_new(&crew, &eg_env_plain, 3, &err), EG_OK);
    assert_int_equal(eg_parquet_write(crew, jobs, 8, &err), EG_OK);
    struct eg_engine *engine = made_engine();
    for (int i = 0; i < 8; i++) {
        const char *expected[] = {"100\t0", "1100\t10000", "2100\t20000", "0\tNULL", "4100\t40000", "5100\t50000",
                                  "6100\t60000", "7100\t70000"};
        assert_int_equal(jobs[i].stats.rows, i == 3 ? 0 : 100 + i * 1000);
        snprintf(sql, sizeof sql, "SELECT count(*), min(bytes) FROM read_parquet('%s')", paths[i]);
        char *answer = asked(engine, sql);
        assert_int_equal(strncmp(answer, expected[i], i == 3 ? 1 : strlen(expected[i])), 0);
        eg_free(answer);
    }
    /* one path that cannot be made: none stays */
    char nowhere[160];
    for (int i = 0; i < 8; i++) assert_int_equal(unlink(paths[i]), 0);
    snprintf(nowhere, sizeof nowhere, "%s/no/such.parquet", directory);
    jobs[5].path = nowhere;
    assert_int_equal(eg_parquet_write(crew, jobs, 8, &err), EG_E_NOENT);
    assert_non_null(strstr(err.message, nowhere));
    for (int i = 0; i < 8; i++)
        if (i != 5) assert_int_not_equal(access(paths[i], F_OK), 0);
    for (int i = 0; i < 8; i++) eg_batch_unref(batches[i]);
    eg_parquet_crew_free(crew);
    eg_engine_close(engine);
    made_remove(directory);
}

static void early(struct eg_parquet_crew *crew, struct eg_parquet_job *job, uint32_t rows,
                  int64_t first) {
    struct eg_batch *batch = flows_of(rows, first);
    struct eg_parquet_job own = *job;
    struct eg_error err;
    own.batches = &batch;
    own.batch_count = 1;
    assert_int_equal(eg_parquet_encode_early(crew, &own, &err), EG_OK);
    assert_int_equal(batch->refs, 1);
    eg_batch_unref(batch); /* nobody needs it any more */
    job->early = own.early;
}

/* What is encoded early stands before the rest, wherever the file is made, and however often that fails. */
static void encoded_early(void **state) {
    (void)state;
    char directory[64], path[128], sql[512];
    const char *places[] = {"/eg/no/such.parquet", path, "/eg/no/such.parquet", path};
    made_directory(directory);
    made_path(path, sizeof path, directory, "a.parquet");
    snprintf(sql, sizeof sql, "SELECT count(*), sum(bytes), max(abs(bytes - file_row_number)) FROM read_parquet('%s', file_row_number = true)", path);
    struct eg_engine *engine = made_engine();
    struct eg_parquet_crew *crew = NULL;
    struct eg_error err;
    assert_int_equal(eg_parquet_crew_new(&crew, &eg_env_plain, 2, &err), EG_OK);
    struct eg_batch *last = flows_of(900, 1600);
    struct eg_parquet_job job = {.path = path, .table = EG_TABLE_FLOWS};
    early(crew, &job, 1000, 0);
    early(crew, &job, 600, 1000);
    for (int i = 0; i < 6; i++) { /* with rows behind it, then without */
        job.path = places[i % 4];
        job.batches = &last;
        job.batch_count = i < 4;
        enum eg_status status = eg_parquet_write(crew, &job, 1, &err);
        assert_int_equal(status, i % 2 ? EG_OK : EG_E_NOENT);
        if (status == EG_OK) assert_int_equal(job.stats.rows, i < 4 ? 2500 : 1600);
        if (status == EG_OK)
            answers(engine, sql,
                    i < 4 ? "2500\t3123750\t0" : "1600\t1279200\t0");
        if (status == EG_OK) assert_int_equal(unlink(path), 0);
        assert_int_not_equal(access(path, F_OK), 0);
    }
    /* a file among others whose place cannot be made is none of them, and its early rows stay */
    struct eg_parquet_job both[] = {job,
                                    {.path = "/eg/no/such.parquet",
                                     .table = EG_TABLE_FLOWS,
                                     .batches = &last,
                                     .batch_count = 1}};
    both[0].path = path;
    assert_int_equal(eg_parquet_write(crew, both, 2, &err), EG_E_NOENT);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(eg_parquet_write(crew, both, 1, &err), EG_OK);
    answers(engine, sql, "1600\t1279200\t0");
    eg_parquet_early_free(job.early);
    assert_int_equal(access(path, F_OK), 0);
    eg_batch_unref(last);
    eg_parquet_crew_free(crew);
    eg_engine_close(engine);
    made_remove(directory);
}

/* Without memory nothing of it is there, what was there before stays. */
static void early_memory_may_run_out(void **state) {
    (void)state;
    char directory[64], path[128], sql[512];
    made_directory(directory);
    made_path(path, sizeof path, directory, "a.parquet");
    snprintf(sql, sizeof sql, "SELECT count(*), sum(bytes) FROM read_parquet('%s')", path);
    struct eg_engine *engine = made_engine();
    struct eg_batch *batch = flows_of(100, 0);
    struct eg_error err;
    bool failed = true;
    int refused = 0;
    for (long n = 0; failed && n < 2000; n++) {
        struct eg_parquet_crew *crew = NULL;
        assert_int_equal(eg_parquet_crew_new(&crew, &eg_env_plain, 1, &err), EG_OK);
        struct eg_parquet_job job = {.path = path, .table = EG_TABLE_FLOWS};
        early(crew, &job, 10, 1000);
        struct eg_parquet_job more = job;
        more.batches = &batch;
        more.batch_count = 1;
        torture_fail_after(n);
        enum eg_status status = eg_parquet_encode_early(crew, &more, &err);
        failed = torture_off();
        if (status < 0) refused++;
        if (n % 20 == 0 || !failed) {
            assert_int_equal(eg_parquet_write(crew, &job, 1, &err), EG_OK);
            answers(engine, sql, status < 0 ? "10\t10045" : "110\t14995");
        }
        eg_parquet_early_free(job.early);
        eg_parquet_crew_free(crew);
    }
    assert_true(refused > 20 && !failed);
    eg_batch_unref(batch);
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
        cmocka_unit_test(all_files_or_none),
        cmocka_unit_test(encoded_early),
        cmocka_unit_test(early_memory_may_run_out),
        cmocka_unit_test(a_query_becomes_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

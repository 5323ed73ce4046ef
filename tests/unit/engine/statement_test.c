/* SPDX-License-Identifier: Apache-2.0
 * What a user may run, and what is refused before it can do anything. */
#include "engine_make.h"

static struct eg_engine *locked_engine(const char *const *allowed, size_t count) {
    const struct eg_engine_options options = {
        .threads = 1, .locked = true, .allowed = allowed, .allowed_count = count};
    return made_engine_with(&eg_env_plain, &options);
}

static void one_select_runs(void **state) {
    (void)state;
    struct eg_engine *engine = locked_engine(NULL, 0);
    answers(engine, "SELECT 1;", "1");
    answers(engine, "FROM range(3) SELECT max(range)", "2");
    answers(engine, "VALUES (1), (2)", "1\n2");
    answers(engine, "WITH a AS (SELECT 5 AS x) SELECT x FROM a", "5");
    answers(engine, "SELECT ';', '--', '/*'", ";\t--\t/*");
    answers(engine, "-- a remark\nSELECT /* in it */ 3", "3");
    answers(engine, "(SELECT 1) UNION ALL (SELECT 2) ORDER BY 1", "1\n2");
    char *text = asked(engine, "DESCRIBE SELECT 1 AS a");
    assert_non_null(strstr(text, "INTEGER"));
    eg_free(text);
    eg_engine_close(engine);
}

static void explain_is_added_and_runs_nothing(void **state) {
    (void)state;
    struct eg_engine *engine = locked_engine(NULL, 0);
    const char *const good[] = {"EXPLAIN SELECT 1", "explain\nselect 1", " /* x */ -- y\n Explain SELECT 1"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char *text = asked(engine, good[i]);
        assert_non_null(strstr(text, "physical_plan"));
        eg_free(text);
    }
    refuses(engine, "EXPLAIN ANALYZE SELECT 1", "EG_E_USAGE", "syntax error");
    refuses(engine, "EXPLAIN (ANALYZE) SELECT 1", "EG_E_USAGE", "");
    refuses(engine, "EXPLAIN COPY (SELECT 1) TO '/tmp/eg-never'", "EG_E_USAGE", "");
    refuses(engine, "EXPLAIN EXPLAIN SELECT 1", "EG_E_USAGE", "");
    refuses(engine, "EXPLAIN", "EG_E_USAGE", "");
    refuses(engine, "EXPLAINED SELECT 1", "EG_E_USAGE", "");
    eg_engine_close(engine);
}

static void everything_else_is_refused(void **state) {
    (void)state;
    struct eg_engine *engine = locked_engine(NULL, 0);
    const char *const statements[] = {
        "COPY (SELECT 1) TO '/tmp/eg-never.csv'", "SET threads = 8", "RESET threads",
        "PRAGMA database_list", "ATTACH '/tmp/eg-never.db'", "DETACH memory", "INSTALL httpfs",
        "LOAD httpfs", "CREATE TABLE t (a INTEGER)", "CREATE VIEW v AS SELECT 1",
        "CREATE MACRO m(x) AS x", "DROP VIEW v", "EXPORT DATABASE '/tmp/eg-never'",
        "IMPORT DATABASE '/tmp/eg-never'", "CHECKPOINT", "VACUUM", "BEGIN", "COMMIT", "USE memory",
        "CALL enable_logging()", "PREPARE p AS SELECT 1", "EXECUTE p", "DEALLOCATE p",
        "SELECT 1; SELECT 2", "SELECT 1; SET threads = 8", "SET VARIABLE a = 1",
        "CREATE SECRET s (TYPE s3)", "UPDATE EXTENSIONS", "COMMENT ON TABLE t IS 'x'",
        "WITH a AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM a", "", ";", "-- nothing",
    };
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        refuses(engine, statements[i], "EG_E_USAGE", "");
    assert_int_not_equal(access("/tmp/eg-never.csv", F_OK), 0);
    assert_int_not_equal(access("/tmp/eg-never.db", F_OK), 0);
    assert_int_not_equal(access("/tmp/eg-never", F_OK), 0);
    answers(engine, "SELECT 1", "1");
    eg_engine_close(engine);
}

/* Some of DuckDB's functions have effects although they are called in a SELECT. */
static void functions_with_effects_are_refused(void **state) {
    (void)state;
    char directory[64];
    made_directory(directory);
    const char *const allowed[] = {directory};
    struct eg_engine *engine = locked_engine(allowed, 1);
    char sql[256], log[128];
    snprintf(sql, sizeof sql, "SELECT * FROM enable_logging(storage := 'file', storage_path := '%s/log')",
             directory);
    refuses(engine, sql, "EG_E_USAGE", "enable_logging");
    assert_int_not_equal(access(made_path(log, sizeof log, directory, "log"), F_OK), 0);
    const char *const statements[] = {
        "SELECT * FROM enable_profiling()", "SELECT * FROM checkpoint()",
        "SELECT * FROM query('SELECT 1')", "SELECT * FROM query_table('x')",
        "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
        "SELECT * FROM truncate_duckdb_logs()", "SELECT * FROM ENABLE_LOGGING()",
        "SELECT * FROM \"enable_logging\"()", "SELECT * FROM main.enable_logging()",
        "SELECT (SELECT count(*) FROM enable_logging())",
        "WITH a AS (SELECT * FROM enable_logging()) SELECT * FROM a",
        "SELECT 1 WHERE EXISTS (FROM disable_logging())",
        "SELECT * FROM range(1), LATERAL (SELECT * FROM force_checkpoint())",
        "SELECT 1 UNION ALL SELECT 1 FROM enable_logging()",
        "SELECT 1 ORDER BY (SELECT count(*) FROM enable_logging())",
        "DESCRIBE SELECT * FROM enable_logging()", "SUMMARIZE SELECT * FROM enable_logging()",
        "EXPLAIN SELECT * FROM enable_logging()", "SELECT write_log('x')",
        "SELECT * FROM enable_peg_parser()", "SELECT * FROM duckdb_secrets()",
    };
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        refuses(engine, statements[i], "EG_E_USAGE", "cannot be called here");
    answers(engine, "SELECT 1", "1");
    eg_engine_close(engine);
    made_remove(directory);
}

static void places_are_kept(void **state) {
    (void)state;
    struct eg_engine *engine = locked_engine(NULL, 0);
    static const struct {
        const char *sql;
        int64_t position;
    } cases[] = {{"selec 1", 0}, {"SELECT foo", 7}, {"EXPLAIN SELECT foo", 15},
                 {"/* a */ EXPLAIN  SELECT foo", 24}, {"SELECT 1 FROM nothing", 14}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct eg_result *result = NULL;
        struct eg_error err;
        assert_int_equal(eg_engine_query(engine, cases[i].sql, &result, &err), EG_E_USAGE);
        assert_int_equal(err.position, cases[i].position);
    }
    eg_engine_close(engine);
}

static void parameters_and_broken_text_are_refused(void **state) {
    (void)state;
    struct eg_engine *engine = locked_engine(NULL, 0);
    refuses(engine, "SELECT $1", "EG_E_USAGE", "parameters");
    refuses(engine, "SELECT ?", "EG_E_USAGE", "parameters");
    refuses(engine, "SELECT '\xff'", "EG_E_USAGE", "");
    struct eg_strbuf deep = {0};
    eg_strbuf_text(&deep, "SELECT ");
    for (int i = 0; i < 5000; i++) eg_strbuf_char(&deep, '(');
    eg_strbuf_char(&deep, '1');
    for (int i = 0; i < 5000; i++) eg_strbuf_char(&deep, ')');
    char *text = asked(engine, deep.text);
    assert_true(strncmp(text, "EG_E_", 5) == 0 || strcmp(text, "1\n") == 0);
    eg_free(text);
    eg_strbuf_reset(&deep);
    answers(engine, "SELECT 1", "1");
    eg_engine_close(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_select_runs),
        cmocka_unit_test(explain_is_added_and_runs_nothing),
        cmocka_unit_test(everything_else_is_refused),
        cmocka_unit_test(functions_with_effects_are_refused),
        cmocka_unit_test(places_are_kept),
        cmocka_unit_test(parameters_and_broken_text_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

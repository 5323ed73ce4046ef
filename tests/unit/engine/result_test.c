/* SPDX-License-Identifier: Apache-2.0
 * Results as batches: types, units, wide numbers, capacities. */
#include "engine_make.h"

static void types_map(void **state) {
    (void)state;
    struct eg_engine *engine = made_engine();
    static const struct {
        const char *value;
        enum eg_type type;
        const char *text;
    } cases[] = {
        {"true", EG_TYPE_BOOL, "true"},
        {"(-7)::TINYINT", EG_TYPE_I16, "-7"},
        {"255::UTINYINT", EG_TYPE_I16, "255"},
        {"(-300)::SMALLINT", EG_TYPE_I16, "-300"},
        {"65535::USMALLINT", EG_TYPE_I32, "65535"},
        {"(-70000)::INTEGER", EG_TYPE_I32, "-70000"},
        {"4294967295::UINTEGER", EG_TYPE_I64, "4294967295"},
        {"(-5000000000)::BIGINT", EG_TYPE_I64, "-5000000000"},
        {"5::UBIGINT", EG_TYPE_I64, "5"},
        {"(-5)::HUGEINT", EG_TYPE_I64, "-5"},
        {"5::UHUGEINT", EG_TYPE_I64, "5"},
        {"7::DECIMAL(18,0)", EG_TYPE_I64, "7"},
        {"(-7)::DECIMAL(38,0)", EG_TYPE_I64, "-7"},
        {"7::DECIMAL(4,0)", EG_TYPE_I64, "7"},
        {"1.25::DECIMAL(10,2)", EG_TYPE_F64, "1.25"},
        {"(-1.5)::DECIMAL(38,1)", EG_TYPE_F64, "-1.5"},
        {"1.5::FLOAT", EG_TYPE_F64, "1.5"},
        {"2.5::DOUBLE", EG_TYPE_F64, "2.5"},
        {"TIMESTAMPTZ '2026-01-01 00:00:00+01'", EG_TYPE_TIME, "2025-12-31T23:00:00.000000Z"},
        {"TIMESTAMP '2026-01-01 00:00:00.000001'", EG_TYPE_TIME, "2026-01-01T00:00:00.000001Z"},
        {"TIMESTAMP_S '2026-01-01 00:00:00'", EG_TYPE_TIME, "2026-01-01T00:00:00.000000Z"},
        {"TIMESTAMP_MS '2026-01-01 00:00:00.5'", EG_TYPE_TIME, "2026-01-01T00:00:00.500000Z"},
        {"TIMESTAMP_NS '1969-12-31 23:59:59.999999999'", EG_TYPE_TIME, "1969-12-31T23:59:59.999999Z"},
        {"'text'", EG_TYPE_TEXT, "text"},
        {"'ab'::BLOB", EG_TYPE_BIN, "6162"},
        {"18446744073709551615::UBIGINT", EG_TYPE_TEXT, "18446744073709551615"},
        {"9223372036854775807::HUGEINT", EG_TYPE_I64, "9223372036854775807"},
        {"9223372036854775808::HUGEINT", EG_TYPE_TEXT, "9223372036854775808"},
        {"[1,2]", EG_TYPE_TEXT, "[1,2]"},
        {"'infinity'::TIMESTAMPTZ", EG_TYPE_TIME, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char sql[256];
        snprintf(sql, sizeof sql, "SELECT %s AS v", cases[i].value);
        answers(engine, sql, cases[i].text);
        struct eg_result *result = NULL;
        struct eg_error err;
        assert_int_equal(eg_engine_query(engine, sql, &result, &err), EG_OK);
        if (eg_result_table(result)->columns[0].type != cases[i].type) fail_msg("%s", cases[i].value);
        eg_result_free(result);
        snprintf(sql, sizeof sql, "SELECT CASE WHEN range %% 3 = 0 THEN %s END AS v FROM range(3000) OFFSET 2997",
                 cases[i].value);
        char expected[128];
        snprintf(expected, sizeof expected, "%s\n\n", cases[i].text);
        char *text = asked(engine, sql);
        if (cases[i].text[0]) assert_string_equal(strncmp(text, expected, strlen(expected)) == 0 ? "" : text, "");
        eg_free(text);
    }
    eg_engine_close(engine);
}

static void sums_above_64_bits_say_so(void **state) {
    (void)state;
    struct eg_engine *engine = made_engine();
    /* the first rows fit, a later one does not */
    refuses(engine, "SELECT CASE WHEN range = 5000 THEN 170141183460469231731687303715884105727 ELSE 1::HUGEINT END "
                    "AS big FROM range(6000)", "EG_E_USAGE", "big");
    answers(engine, "SELECT sum(range) FROM range(10)", "45");
    eg_engine_close(engine);
}

static void units_are_carried(void **state) {
    (void)state;
    struct eg_engine *engine = made_engine();
    struct eg_result *result = NULL;
    struct eg_error err;
    assert_int_equal(eg_engine_query(engine, "SELECT 1 AS bytes, 2 AS rtt_us, 3 AS bps, [4] AS l, 5 AS other", &result,
                                     &err), EG_OK);
    const struct eg_table *table = eg_result_table(result);
    const char *const units[] = {"bytes", "µs", "bit/s", "JSON", ""};
    for (uint32_t i = 0; i < 5; i++) assert_string_equal(table->columns[i].unit, units[i]);
    eg_result_free(result);
    eg_engine_close(engine);
}

static void one_row(void **state) {
    (void)state;
    struct eg_engine *engine = made_engine();
    struct eg_batch *row;
    struct eg_error err;
    int64_t numbers[3] = {0};
    assert_int_equal(eg_engine_first(engine, "SELECT 'a text of more than twelve bytes'", &row, NULL), EG_OK);
    struct eg_span text = eg_col_text(&row->columns[0], 0); /* the query is over */
    assert_int_equal(text.size, 32);
    assert_memory_equal(text.at, "a text of more than twelve bytes", 32);
    eg_batch_unref(row);
    assert_int_equal(eg_engine_first(engine, "SELECT 1 WHERE false", &row, NULL), EG_END);
    assert_null(row);
    assert_int_equal(eg_engine_numbers(engine, "SELECT 7, NULL::BIGINT, -2", INT64_MIN, numbers, 3, NULL), EG_OK);
    assert_true(numbers[0] == 7 && numbers[1] == INT64_MIN && numbers[2] == -2);
    assert_int_equal(eg_engine_numbers(engine, "SELECT 1, 2 WHERE false", 5, numbers, 2, NULL), EG_OK);
    assert_true(numbers[0] == 5 && numbers[1] == 5);
    assert_true(eg_engine_numbers(engine, "SELECT nothing", 9, numbers, 2, &err) < 0);
    assert_true(numbers[0] == 9 && numbers[1] == 9);
    eg_engine_close(engine);
}

static void many_columns_and_no_rows(void **state) {
    (void)state;
    struct eg_engine *engine = made_engine();
    struct eg_strbuf sql = {0}, expected = {0};
    eg_strbuf_text(&sql, "SELECT ");
    for (int i = 0; i < 300; i++) {
        eg_strbuf_printf(&sql, "%s%d AS c%d", i ? "," : "", i, i);
        eg_strbuf_printf(&expected, "%s%d", i ? "\t" : "", i);
    }
    answers(engine, sql.text, expected.text);
    answers(engine, "SELECT 1 WHERE false", "");
    answers(engine, "SELECT range FROM range(0)", "");
    eg_strbuf_reset(&sql);
    eg_strbuf_reset(&expected);
    eg_engine_close(engine);
}

static void any_capacity_gives_the_same(void **state) {
    (void)state;
    const char *sql = "SELECT range AS a, CASE WHEN range % 3 > 0 THEN 'text ' || range END AS b, range % 2 = 0 AS c, "
                      "CASE WHEN range % 5 > 0 THEN range::SMALLINT END AS d, [range] AS e FROM range(5000)";
    struct eg_engine *usual = made_engine();
    char *expected = asked(usual, sql);
    eg_engine_close(usual);
    const uint32_t capacities[] = {1, 7, 64, 2048, 5000};
    for (size_t i = 0; i < sizeof capacities / sizeof *capacities; i++) {
        struct eg_env env = eg_env_plain;
        env.batch_rows = capacities[i];
        const struct eg_engine_options options = {.threads = 2};
        struct eg_engine *engine = made_engine_with(&env, &options);
        char *text = asked(engine, sql);
        assert_string_equal(text, expected);
        eg_free(text);
        eg_engine_close(engine);
    }
    eg_free(expected);
}

static void errors_may_come_late(void **state) {
    (void)state;
    struct eg_engine *engine = made_engine();
    refuses(engine, "SELECT CASE WHEN range = 500000 THEN error('late') END FROM range(600000)", "EG_E_USAGE", "late");
    answers(engine, "SELECT 1", "1");
    eg_engine_close(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_map),
        cmocka_unit_test(sums_above_64_bits_say_so),
        cmocka_unit_test(units_are_carried),
        cmocka_unit_test(one_row),
        cmocka_unit_test(many_columns_and_no_rows),
        cmocka_unit_test(any_capacity_gives_the_same),
        cmocka_unit_test(errors_may_come_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

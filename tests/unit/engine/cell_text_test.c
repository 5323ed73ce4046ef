/* SPDX-License-Identifier: Apache-2.0
 * Values of every SQL type as text and as JSON. */
#include "engine_make.h"

static void plain_values(void **state) {
    (void)state;
    struct eg_engine *engine = made_engine();
    answers(engine, "SELECT DATE '2024-02-29', DATE '1969-12-31', TIME '12:13:14.5', TIME '00:00:00'",
            "2024-02-29\t1969-12-31\t12:13:14.500000\t00:00:00");
    answers(engine, "SELECT INTERVAL '14 months 3 days 01:02:03', INTERVAL '0 seconds', INTERVAL '-5 seconds'",
            "14 months 3 days 01:02:03\t00:00:00\t-00:00:05");
    answers(engine, "SELECT UUID '8fcfa095-4709-4a8b-8240-12c2fcd89c68', UUID '00000000-0000-0000-0000-000000000000'",
            "8fcfa095-4709-4a8b-8240-12c2fcd89c68\t00000000-0000-0000-0000-000000000000");
    answers(engine, "SELECT 170141183460469231731687303715884105727::HUGEINT, "
                    "(-170141183460469231731687303715884105728)::HUGEINT, "
                    "340282366920938463463374607431768211455::UHUGEINT, 18446744073709551615::UBIGINT",
            "170141183460469231731687303715884105727\t-170141183460469231731687303715884105728\t"
            "340282366920938463463374607431768211455\t18446744073709551615");
    answers(engine, "SELECT 'b'::ENUM('a', 'b'), NULL", "b\t");
    refuses(engine, "SELECT '101'::BIT", "EG_E_USAGE", "CAST");
    eg_engine_close(engine);
}

static void nested_values_are_json(void **state) {
    (void)state;
    struct eg_engine *engine = made_engine();
    const char *const cases[][2] = {
        {"SELECT [1, NULL, 3]", "[1,null,3]"},
        {"SELECT [['a'], [], NULL]", "[[\"a\"],[],null]"},
        {"SELECT {'a': 1, 'b': 'q\"'}", "{\"a\":1,\"b\":\"q\\\"\"}"},
        {"SELECT MAP {'k': [1.5]}", "{\"k\":[1.5]}"},
        {"SELECT MAP {1: true}", "{\"1\":true}"},
        {"SELECT union_value(k := 3)", "3"},
        {"SELECT [union_value(k := 'x')]", "[\"x\"]"},
        {"SELECT array_value(1, 2)", "[1,2]"},
        {"SELECT [DATE '2024-01-02']", "[\"2024-01-02\"]"},
        {"SELECT [1.25::DECIMAL(10,4), 0.05::DECIMAL(4,2), -0.5::DECIMAL(3,1)]", NULL},
        {"SELECT [-0.05::DECIMAL(4,2), 12.50::DECIMAL(30,2)]", NULL},
        {"SELECT ['nan'::DOUBLE, 1.5]", "[null,1.5]"},
        {"SELECT [TIMESTAMPTZ '2026-01-01 00:00:00+00']", "[\"2026-01-01T00:00:00.000000Z\"]"},
        {"SELECT ['\\x01'::BLOB]", "[\"01\"]"},
        {"SELECT list(range ORDER BY range) FROM range(3)", "[0,1,2]"},
        {"SELECT {'a': range} FROM range(2)", "{\"a\":0}\n{\"a\":1}"},
        {"SELECT [7, 7] FROM range(2)", "[7,7]\n[7,7]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (cases[i][1]) answers(engine, cases[i][0], cases[i][1]);
    answers(engine, "SELECT [0.05::DECIMAL(4,2), -0.05::DECIMAL(4,2), 12.5::DECIMAL(4,2)]", "[0.05,-0.05,12.50]");
    eg_engine_close(engine);
}

static void casts_agree_with_duckdb(void **state) {
    (void)state;
    struct eg_engine *engine = made_engine();
    const char *const types[][2] = {
        {"HUGEINT", "(range - 500)::HUGEINT * 1000000000000000000000"},
        {"DATE", "DATE '1900-01-01' + (range * 97)::INTEGER"},
        {"UUID", "md5(range::VARCHAR)::UUID"},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        char sql[256];
        snprintf(sql, sizeof sql, "SELECT %s AS v FROM range(1000)", types[i][1]);
        char *ours = asked(engine, sql);
        snprintf(sql, sizeof sql, "SELECT (%s)::VARCHAR AS v FROM range(1000)", types[i][1]);
        char *theirs = asked(engine, sql);
        assert_string_equal(ours, theirs);
        eg_free(ours);
        eg_free(theirs);
    }
    eg_engine_close(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_values),
        cmocka_unit_test(nested_values_are_json),
        cmocka_unit_test(casts_agree_with_duckdb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

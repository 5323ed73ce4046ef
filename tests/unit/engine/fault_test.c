/* SPDX-License-Identifier: Apache-2.0
 * DuckDB's errors as ours: status, one line, place. */
#include "engine_make.h"

static void every_kind_has_its_status(void **state) {
    (void)state;
    struct eg_engine *engine = made_engine();
    refuses(engine, "selec 1", "EG_E_USAGE", "syntax error");
    refuses(engine, "SELECT a FROM (SELECT 1 AS b)", "EG_E_USAGE", "Candidate");
    refuses(engine, "SELECT * FROM nowhere", "EG_E_USAGE", "nowhere");
    refuses(engine, "SELECT 'x'::INTEGER", "EG_E_USAGE", "Could not convert");
    refuses(engine, "SELECT * FROM read_csv('/eg/not/there.csv')", "EG_E_NOENT",
            "/eg/not/there.csv");
    refuses(engine, "SELECT error('our words')", "EG_E_USAGE", "our words");
    eg_engine_close(engine);
}

static void texts_without_json_pass(void **state) {
    (void)state;
    struct eg_engine *engine = made_engine();
    struct eg_error err;
    assert_int_equal(eg_engine_fault(engine, "plain words", 0, &err), EG_E_ENGINE);
    assert_string_equal(err.message, "plain words");
    assert_int_equal(err.position, -1);
    assert_int_equal(eg_engine_fault(engine, "IO Error: {not json", 0, &err), EG_E_ENGINE);
    assert_int_equal(eg_engine_fault(engine, NULL, 0, &err), EG_E_ENGINE);
    assert_int_equal(
        eg_engine_fault(engine,
                        "{\"exception_type\":\"IO\",\"exception_message\":\"write: No space "
                        "left on device\"}",
                        0, &err),
        EG_E_NOSPACE);
    assert_int_equal(
        eg_engine_fault(engine,
                        "{\"exception_type\":\"IO\",\"exception_message\":\"Cannot open file "
                        "\\\"a\\\": No such file or directory\"}",
                        0, &err),
        EG_E_NOENT);
    assert_int_equal(
        eg_engine_fault(engine,
                        "X: {\"exception_type\":\"Out of Memory\",\"exception_message\":"
                        "\"a\\n\\nb\\n\",\"position\":\"12\"}",
                        8, &err),
        EG_E_NOMEM);
    assert_string_equal(err.message, "a; b");
    assert_int_equal(err.position, 4);
    static const char *const damaged[] = {"No magic bytes found at end of file 'x'",
                                          "File 'x' too small to be a Parquet file"};
    for (int i = 0; i < 2; i++) {
        char text[200];
        snprintf(text, sizeof text,
                 "{\"exception_type\":\"Invalid Input\",\"exception_message\":\"%s\"}", damaged[i]);
        assert_int_equal(eg_engine_fault(engine, text, 0, &err), EG_E_FORMAT);
        assert_non_null(strstr(err.message, "'x'"));
        assert_non_null(strstr(err.message, "damaged"));
    }
    eg_engine_close(engine);
}

static void our_own_words_come_first(void **state) {
    (void)state;
    struct eg_engine *engine = made_engine();
    struct eg_error ours = {.status = EG_E_CUT, .position = 3, .message = "ours"}, err;
    eg_engine_blame(engine, &ours);
    struct eg_error later = {.status = EG_E_IO, .message = "later"};
    eg_engine_blame(engine, &later);
    assert_int_equal(eg_engine_fault(engine, "theirs", 0, &err), EG_E_CUT);
    assert_string_equal(err.message, "ours");
    assert_int_equal(eg_engine_fault(engine, "theirs", 0, &err), EG_E_ENGINE);
    eg_engine_close(engine);
}

static void memory_limits_are_named(void **state) {
    (void)state;
    const struct eg_engine_options options = {.threads = 1, .memory_limit = "8MB"};
    struct eg_engine *engine = made_engine_with(&eg_env_plain, &options);
    refuses(engine,
            "SELECT count(*) FROM (SELECT DISTINCT range::VARCHAR || 'some more text' FROM "
            "range(4000000))",
            "EG_E_NOMEM", "");
    answers(engine, "SELECT 1", "1");
    eg_engine_close(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_has_its_status),
        cmocka_unit_test(texts_without_json_pass),
        cmocka_unit_test(our_own_words_come_first),
        cmocka_unit_test(memory_limits_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

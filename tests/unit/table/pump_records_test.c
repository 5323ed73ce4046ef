/* SPDX-License-Identifier: Apache-2.0
 * The pump into sinks that take text: the records of a run are one document. */
#include "table/pump_scene.h"

static char *document(const char *format, uint32_t batch_rows, const char *const *inputs,
                      size_t input_count, uint32_t part_count, bool bare) {
    struct eg_env env = fake_env(batch_rows);
    struct eg_sink_type type = text_memory();
    struct eg_sink sink = sink_new();
    struct eg_pump_sink sinks[] = {{&type, &sink, "text", format, bare}};
    struct eg_pump_request request = request_of(sinks, 1, inputs, input_count);
    request.scan.parts[0].columns = EG_SET(FLOWS, start_time) | EG_SET(FLOWS, bytes);
    request.scan.parts[1].columns = EG_SET(PACKETS, length);
    request.scan.part_count = part_count;
    request.threads = 1;
    struct eg_pump_account account;
    struct eg_error err = {0};
    enum eg_status status = eg_pump_run(&env, &request, &account, &err);
    if (status < 0) print_message("%s\n", err.message);
    assert_int_equal(status, EG_OK);
    assert_int_equal(sink.loss_rows, 0);
    char *text = strdup(sink.text.text ? sink.text.text : "");
    eg_pump_account_reset(&account);
    sink_reset(&sink);
    return text;
}

static void documents(void **state) {
    (void)state;
    const char *const two[] = {"a:40:7:c", "b:20:5:s"};
    const char *const none[] = {"empty:0:10:"};
    const char *const formats[] = {"csv", "tsv", "json", "jsonl"};
    for (int f = 0; f < 4; f++) {
        char *whole = document(formats[f], 4096, two, 2, 1, false);
        char *sevens = document(formats[f], 7, two, 2, 1, false);
        /* rows may stand in another order, so lengths are compared, and the ends */
        assert_int_equal(strlen(whole), strlen(sevens));
        assert_int_equal(memcmp(whole, sevens, 8), 0);
        size_t size = strlen(whole);
        assert_string_equal(whole + size - 2, sevens + size - 2);
        free(whole);
        free(sevens);
    }
    char *text = document("json", 1, none, 1, 1, false);
    assert_string_equal(text,
                        "[\n{\"start_time\":\"1970-01-13T17:25:11.627776Z\",\"bytes\":0}\n]\n");
    free(text);
    text = document("csv", 4096, none, 1, 1, false);
    assert_string_equal(text, "start_time,bytes\n1970-01-13T17:25:11.627776Z,0\n");
    free(text);
    text = document("csv", 4096, none, 1, 1, true);
    assert_string_equal(text, "1970-01-13T17:25:11.627776Z,0\n");
    free(text);
    text = document("jsonl", 4096, none, 1, 2, false); /* the one format that mixes tables */
    assert_non_null(strstr(text, "{\"length\":0}\n"));
    free(text);
}

static void formats_refused(void **state) {
    (void)state;
    struct eg_env env = fake_env(64);
    struct eg_sink_type type = text_memory();
    struct eg_sink sink = sink_new();
    struct eg_pump_sink sinks[] = {{&type, &sink, "-", "csv", false}};
    struct eg_pump_request request = request_of(sinks, 1, three, 3);
    struct eg_pump_account account;
    struct eg_error err;
    assert_int_equal(eg_pump_run(&env, &request, &account, &err), EG_E_USAGE);
    assert_non_null(strstr(err.message, "csv holds one table"));
    eg_pump_account_reset(&account);
    sinks[0].format = "yaml";
    assert_int_equal(eg_pump_run(&env, &request, &account, &err), EG_E_USAGE);
    assert_non_null(strstr(err.message, "yaml"));
    assert_int_equal(sink.writes + sink.flushes, 0);
    eg_pump_account_reset(&account);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents),
        cmocka_unit_test(formats_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
